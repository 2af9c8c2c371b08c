/*
 * Trajectories of one layer, all sites together, and their responses (R1), (R2), (R4), (R5).
 *
 * The sites share the matrices `in` and `back`, so that a step of all of them is two matrix-matrix products. Responses come from the adjoint: for one event
 * of step t the derivatives with respect to *all* earlier fields obey a recursion backward in time (R5), which needs the slopes along the path and the
 * shared matrices, but no derivatives of earlier steps. Memory is therefore a few numbers an event and site, where differentiating forward in time takes
 * S (P T)^2 of them. The recursion is a triangular solve with diagonals of each site's own: sites go through it in blocks that stay in cache, events in
 * blocks that end with a matrix-matrix product on all that is earlier.
 *
 * Cost of all steps: (2/3) S K n^3 multiplications and additions for phi and K times that for g, n = P T, at the speed of BLAS; trajectories 2 S n^2 K.
 * Memory 2 S n (1 + K) numbers and two matrices of n^2 K.
 */
#include "kernel/paths.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
    CACHE = 1 << 17,   /* numbers that a block of sites may take: 1 MB, half of a core's second-level cache */
    EVENTS = 32,       /* samples x steps of a block of events: the inner size of its products */
    LEAST_SITES = 8    /* of a block, however many events there are */
};

/* ---- making ---- */

static size_t most_rows(const struct kernel_paths_shape *s)
{
    size_t forward = s->samples + s->tests, backward = s->samples * s->outputs;
    return forward > backward ? forward : backward;
}

/* Numbers of an adjoint vector of one site and row after `steps` steps, with room for one step more. */
static size_t adjoint_numbers(const struct kernel_paths_shape *s, size_t steps) { return s->samples * ((1 + s->outputs) * steps + 1); }

static size_t work_room(const struct kernel_paths_shape *s)
{
    size_t least = LEAST_SITES * most_rows(s) * adjoint_numbers(s, s->steps);
    return least > CACHE ? least : CACHE;
}

static int allocate(struct kernel_paths *p, dmft_error *err)
{
    const struct kernel_paths_shape *s = &p->shape;
    size_t S = s->sites, inputs = s->samples + s->tests;
    const struct memory_place all[] = {
        {&p->in, p->n * p->m}, {&p->in_test, s->tests * p->m}, {&p->back, p->m * p->n}, {&p->phi, p->n * S}, {&p->slope, p->n * S},
        {&p->g, p->m * S}, {&p->bend, p->m * S}, {&p->phi_test, s->tests * S}, {&p->slope_test, s->tests * S}, {&p->h, inputs * S},
        {&p->z, s->samples * s->outputs * S}, {&p->curvature, inputs * S}, {&p->work, p->room}};
    return memory_take(all, sizeof all / sizeof *all) ? DMFT_OK : error_memory(err, 8.0 * kernel_paths_doubles(s));
}

double kernel_paths_doubles(const struct kernel_paths_shape *s)
{
    double S = (double)s->sites, n = (double)(s->steps * s->samples), m = n * (double)s->outputs, Q = (double)s->tests, P = (double)s->samples;
    return 2.0 * n * m + Q * m + S * (2.0 * n + 2.0 * m + 2.0 * Q + 2.0 * (P + Q) + P * (double)s->outputs) + (double)work_room(s);
}

int kernel_paths_create(struct kernel_paths **out, const struct kernel_paths_shape *shape, dmft_error *err)
{
    struct kernel_paths *p = calloc(1, sizeof *p);
    if (p == NULL) return error_memory(err, sizeof *p);
    p->shape = *shape;
    p->n = shape->steps * shape->samples;
    p->m = p->n * shape->outputs;
    p->room = work_room(shape);
    int status = allocate(p, err);
    if (status == DMFT_OK) *out = p;
    else kernel_paths_free(p);
    return status;
}

void kernel_paths_free(struct kernel_paths *p)
{
    if (p == NULL) return;
    double *const all[] = {p->in, p->in_test, p->back, p->phi, p->slope, p->g, p->bend, p->phi_test, p->slope_test, p->h, p->z, p->curvature, p->work};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(p);
}

/* ---- products ---- */

/* out <- out + A x, A rows x inner, x inner x wide. */
static void multiply(size_t rows, size_t wide, size_t inner, const double *A, size_t stride, const double *x, double *out)
{
    if (rows == 0 || inner == 0) return;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)wide, (int)inner, 1.0, A, (int)stride, x, (int)wide, 1.0, out, (int)wide);
}

/* out <- out + A^T x, A inner x columns, x inner x wide. */
static void multiply_back(size_t columns, size_t wide, size_t inner, const double *A, size_t stride, const double *x, double *out)
{
    if (columns == 0 || inner == 0) return;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)columns, (int)wide, (int)inner, 1.0, A, (int)stride, x, (int)wide, 1.0, out, (int)wide);
}

/* out <- mean over the sites of a_i b_j. */
static void correlate(size_t rows, size_t columns, size_t S, const double *a, const double *b, double *out, size_t stride)
{
    if (rows == 0) return;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, (int)S, 1.0 / (double)S, a, (int)S, b, (int)S, 0.0, out, (int)stride);
}

void kernel_paths_correlate_phi(const struct kernel_paths *p, size_t t, double *C, size_t stride, double *C_test, size_t test_stride)
{
    size_t P = p->shape.samples, S = p->shape.sites;
    correlate(P, (t + 1) * P, S, p->phi + t * P * S, p->phi, C, stride);
    correlate(p->shape.tests, (t + 1) * P, S, p->phi_test, p->phi, C_test, test_stride);
}

void kernel_paths_correlate_g(const struct kernel_paths *p, size_t t, double *C, size_t stride)
{
    size_t signals = p->shape.samples * p->shape.outputs, S = p->shape.sites;
    correlate(signals, (t + 1) * signals, S, p->g + t * signals * S, p->g, C, stride);
}

/* ---- trajectories ---- */

void kernel_paths_forward(struct kernel_paths *p, size_t t)
{
    const struct kernel_paths_shape *s = &p->shape;
    size_t P = s->samples, S = s->sites, past = t * P * s->outputs, train = P * S, test = s->tests * S;
    const dmft_activation *f = s->activation;
    multiply(P, S, past, p->in + t * P * p->m, p->m, p->g, p->h);
    multiply(s->tests, S, past, p->in_test, p->m, p->g, p->h + train);
    f->apply(f->user, train, p->h, p->phi + t * train, p->slope + t * train, p->curvature);
    if (test > 0) f->apply(f->user, test, p->h + train, p->phi_test, p->slope_test, p->curvature + train);
}

void kernel_paths_backward(struct kernel_paths *p, size_t t)
{
    size_t P = p->shape.samples, K = p->shape.outputs, S = p->shape.sites;
    multiply(P * K, S, (t + 1) * P, p->back + t * P * K * p->n, p->n, p->phi, p->z);
    for (size_t a = 0; a < P * K; a++) {
        const double *slope = p->slope + (t * P + a / K) * S, *curvature = p->curvature + a / K * S, *z = p->z + a * S;
        double *g = p->g + (t * P * K + a) * S, *bend = p->bend + (t * P * K + a) * S;
        for (size_t i = 0; i < S; i++) {
            g[i] = slope[i] * z[i];
            bend[i] = curvature[i] * z[i];
        }
    }
}

/* ---- responses ---- */

/* Adjoint vectors of `rows` events for the sites first .. first + count - 1: entry e * wide + j * count + i of event e, row j, site first + i. What stands
 * in phi and g is the derivative with respect to phi_e and g_e, until the sweep has passed e; then that with respect to u_e and r_e. */
struct adjoint {
    const struct kernel_paths *p;
    size_t rows, first, count, wide;
    double *phi, *g, *bent; /* bent: one step's part that enters h through phi'' z */
};

static struct adjoint adjoint_of(const struct kernel_paths *p, size_t rows, size_t steps, size_t first, size_t block)
{
    struct adjoint x = {.p = p, .rows = rows, .first = first};
    x.count = p->shape.sites - first < block ? p->shape.sites - first : block;
    x.wide = rows * x.count;
    x.phi = p->work;
    x.g = x.phi + steps * p->shape.samples * x.wide;
    x.bent = x.g + steps * p->shape.samples * p->shape.outputs * x.wide;
    memset(x.phi, 0, (size_t)(x.bent - x.phi) * sizeof *x.phi);
    return x;
}

/* out <- weight x for each row, site by site; sum: added. */
static void weigh(const struct adjoint *x, const double *weight, const double *from, double *out, int sum)
{
    for (size_t j = 0; j < x->rows; j++) {
        const double *in = from + j * x->count, *w = weight + x->first;
        double *to = out + j * x->count;
        if (sum)
            for (size_t i = 0; i < x->count; i++) to[i] += w[i] * in[i];
        else
            for (size_t i = 0; i < x->count; i++) to[i] = w[i] * in[i];
    }
}

/* One step s of the sweep (R5), with what it does to the steps from `low` on. */
static void sweep_step(const struct adjoint *x, size_t s, size_t low)
{
    const struct kernel_paths *p = x->p;
    size_t P = p->shape.samples, K = p->shape.outputs, S = p->shape.sites, wide = x->wide;
    double *g = x->g + s * P * K * wide, *phi = x->phi + s * P * wide;
    for (size_t a = 0; a < P * K; a++) {
        size_t event = s * P * K + a;
        weigh(x, p->bend + event * S, g + a * wide, x->bent + a / K * wide, a % K > 0);
        weigh(x, p->slope + (s * P + a / K) * S, g + a * wide, g + a * wide, 0);
    }
    multiply_back((s + 1 - low) * P, wide, P * K, p->back + s * P * K * p->n + low * P, p->n, g, x->phi + low * P * wide);
    for (size_t mu = 0; mu < P; mu++) {
        weigh(x, p->slope + (s * P + mu) * S, phi + mu * wide, phi + mu * wide, 0);
        cblas_daxpy((int)wide, 1.0, x->bent + mu * wide, 1, phi + mu * wide, 1);
    }
    multiply_back((s - low) * P * K, wide, P, p->in + s * P * p->m + low * P * K, p->m, phi, x->g + low * P * K * wide);
}

/* All steps before `end`, from the last one down. */
static void sweep(const struct adjoint *x, size_t end)
{
    const struct kernel_paths *p = x->p;
    size_t P = p->shape.samples, PK = P * p->shape.outputs, length = EVENTS / P > 1 ? EVENTS / P : 1;
    for (size_t high = end; high > 0;) {
        size_t low = high > length ? high - length : 0;
        for (size_t s = high; s-- > low;) sweep_step(x, s, low);
        multiply_back(low * P, x->wide, (high - low) * PK, p->back + low * PK * p->n, p->n, x->g + low * PK * x->wide, x->phi);
        multiply_back(low * PK, x->wide, (high - low) * P, p->in + low * P * p->m, p->m, x->phi + low * P * x->wide, x->g);
        high = low;
    }
}

/* Adds the sums over the block's sites to column e of rows begin .. end - 1. */
static void add_sums(const struct adjoint *x, const double *vector, size_t events, size_t begin, size_t end, double *R, size_t stride)
{
    for (size_t e = 0; e < events; e++)
        for (size_t j = begin; j < end; j++) {
            const double *v = vector + e * x->wide + j * x->count;
            double sum = 0.0;
            for (size_t i = 0; i < x->count; i++) sum += v[i];
            R[(j - begin) * stride + e] += sum;
        }
}

static void begin_rows(double *R, size_t rows, size_t columns, size_t stride)
{
    for (size_t j = 0; j < rows; j++) memset(R + j * stride, 0, columns * sizeof *R);
}

static void end_rows(double *R, size_t rows, size_t columns, size_t stride, size_t sites)
{
    for (size_t j = 0; j < rows; j++) cblas_dscal((int)columns, 1.0 / (double)sites, R + j * stride, 1);
}

/* Sites of a block so that its vectors fit. */
static size_t block_of(const struct kernel_paths *p, size_t rows, size_t steps) { return p->room / (rows * adjoint_numbers(&p->shape, steps)); }

/* phi_a of step t as a row: of a sample through its own event, of a test input, which nothing else depends on, directly through h = u + in g. */
static void seed_phi(const struct adjoint *x, size_t t)
{
    const struct kernel_paths *p = x->p;
    size_t P = p->shape.samples, S = p->shape.sites;
    for (size_t mu = 0; mu < P; mu++)
        for (size_t i = 0; i < x->count; i++) x->phi[(t * P + mu) * x->wide + mu * x->count + i] = 1.0;
    for (size_t a = 0; a < p->shape.tests; a++)
        for (size_t e = 0; e < t * P * p->shape.outputs; e++) {
            double *to = x->g + e * x->wide + (P + a) * x->count, in = p->in_test[a * p->m + e];
            const double *slope = p->slope_test + a * S + x->first;
            for (size_t i = 0; i < x->count; i++) to[i] = in * slope[i];
        }
}

void kernel_paths_respond_phi(struct kernel_paths *p, size_t t, double *R, size_t stride, double *R_test, size_t test_stride)
{
    const struct kernel_paths_shape *s = &p->shape;
    size_t P = s->samples, rows = P + s->tests, past = t * P * s->outputs, block = block_of(p, rows, t + 1);
    begin_rows(R, P, past, stride);
    begin_rows(R_test, s->tests, past, test_stride);
    for (size_t first = 0; t > 0 && first < s->sites; first += block) {
        struct adjoint x = adjoint_of(p, rows, t + 1, first, block);
        seed_phi(&x, t);
        for (size_t mu = 0; mu < P; mu++) weigh(&x, p->slope + (t * P + mu) * s->sites, x.phi + (t * P + mu) * x.wide, x.phi + (t * P + mu) * x.wide, 0);
        multiply_back(past, x.wide, P, p->in + t * P * p->m, p->m, x.phi + t * P * x.wide, x.g);
        sweep(&x, t);
        add_sums(&x, x.g, past, 0, P, R, stride);
        add_sums(&x, x.g, past, P, rows, R_test, test_stride);
    }
    end_rows(R, P, past, stride, s->sites);
    end_rows(R_test, s->tests, past, test_stride, s->sites);
}

void kernel_paths_respond_g(struct kernel_paths *p, size_t t, double *R, size_t stride)
{
    const struct kernel_paths_shape *s = &p->shape;
    size_t P = s->samples, rows = P * s->outputs, events = (t + 1) * P, block = block_of(p, rows, t + 1);
    begin_rows(R, rows, events, stride);
    for (size_t first = 0; first < s->sites; first += block) {
        struct adjoint x = adjoint_of(p, rows, t + 1, first, block);
        for (size_t a = 0; a < rows; a++)
            for (size_t i = 0; i < x.count; i++) x.g[(t * rows + a) * x.wide + a * x.count + i] = 1.0;
        sweep(&x, t + 1);
        add_sums(&x, x.phi, events, 0, rows, R, stride);
    }
    end_rows(R, rows, events, stride, s->sites);
}

double kernel_paths_respond_operations(const struct kernel_paths_shape *s, int phi, int g)
{
    double n = (double)(s->steps * s->samples), K = (double)s->outputs, P = (double)s->samples;
    double rows = (phi ? P + (double)s->tests : 0.0) + (g ? P * K : 0.0);
    return (double)s->sites * rows * (double)s->steps * (2.0 / 3.0) * n * n * K;
}

/* ---- checkpoints ---- */

void kernel_paths_transfer(struct kernel_paths *p, size_t t, archive *a)
{
    size_t S = p->shape.sites, n = t * p->shape.samples, m = n * p->shape.outputs;
    archive_tag(a, "paths");
    archive_doubles(a, p->in, n * p->m);
    archive_doubles(a, p->back, m * p->n);
    archive_doubles(a, p->phi, n * S);
    archive_doubles(a, p->slope, n * S);
    archive_doubles(a, p->g, m * S);
    archive_doubles(a, p->bend, m * S);
}
