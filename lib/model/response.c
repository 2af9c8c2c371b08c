/*
 * Response form (R1)-(R6): S sites a layer, tied to the layers next to it by kernels alone. Step t goes through the rows
 *
 *     phi^1, u^2, phi^2, .., phi^L;  f, Delta;  g^L, r^{L-1}, g^{L-1}, .., g^1,
 *
 * each a mean over the sites of the layer before: the correlation gives the conditional Gaussian of the next field and what the updates carry, the
 * response what the initial matrix sends back. Nothing is iterated or damped. Test inputs have forward fields of the present step only: they are drawn
 * given the samples' past, on which alone depends what is measured of them, and enter no later row.
 *
 * Outputs: every g_{mu k} is an event of its own, since C^g is needed between them and not only of their sum with the errors.
 *
 * With weight decay all fields are those of keep(t) A, and so are the responses; (O1) is put to W_t/keep(t) (R6).
 *
 * Cost of a replica: responses (2/3) S (P T)^3 a layer and side at K = 1 (kernel/paths.c), everything else S (P T)^2; memory at most 6 S P T + 8 (P T)^2
 * numbers a layer.
 */
#include "model/response.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/batch.h"
#include "base/error.h"
#include "ensemble/mlp_table.h"
#include "kernel/conditional.h"
#include "kernel/paths.h"
#include "model/loss.h"
#include "outlier/krylov.h"
#include "outlier/pair.h"
#include "outlier/scalars.h"

/* Purposes of random streams: layer l takes l << LAYER, its side r begins at 1 << SIDE, its test inputs at 1 << TESTS. Events are fewer than 2^32. */
enum { LAYER = 40, SIDE = 36, TESTS = 37, READOUT = 38 };

enum { SCRATCH = 64 }; /* of the eigenvalues of the tangent kernel: LAPACK's block size and more */

/* Of the initial weights: less than this is as good as none, and its inverse no number to calculate with. */
static const double negligible = 1e-30;

/* Search for the outliers, as for kernels of a caller (outlier/outliers.c): by noise, each step anew, since level 1 costs a hundred times more. What is
 * below the edge is looked for down to a quarter of it, for whom interpolates an escape, and not at any price. */
static const double search_tolerance = 1e-9, below_edge = 0.25;
enum { ROUNDS = 16, PATIENCE = 400 };

struct layer {
    struct kernel_paths *paths;
    struct kernel_draws draws;
    kernel_conditional *u, *r;        /* of h^l, and of z^l below the last layer */
    double *C_phi, *R_phi;            /* n x n and n x m, row = event of phi^l */
    double *C_phi_test, *R_phi_test;  /* tests x n and x m, of the present step */
    double *C_g, *R_g;                /* m x m and m x n, row = event of g^l */
    double *z_test;                   /* tests x S */
};

struct response {
    const dmft_problem *problem;
    struct mlp_table table;
    long index, step;                 /* the row that is next */
    size_t depth, samples, tests, outputs, steps, sites, n, m;
    struct layer *layer;              /* 1 .. L at index l - 1 */
    double *readout;                  /* K x S: w_k(0) */
    double *keep, *beta, *power;      /* (1-decay)^t; beta(t,s) and momentum^(t-s) of the present t (X5) */
    double *D, *spike;                /* m: (gamma0 eta/|B|) Delta, 0 off the batch; times beta(t,s) */
    double *covariance;               /* inputs x n: of A_0 x, the Gram matrix at all steps */
    double *f, *Delta;                /* inputs x K; samples x K */
    size_t *batch;
    double *tangent, *eigenvalues, *scratch; /* (N3) */
    double *spectrum[4], *d;          /* C_phi, R_phi, C_g, R_g of the pencil (O1), of order up to m; weights */
    outlier_krylov *krylov;
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* ---- making ---- */

static struct kernel_paths_shape shape_of(const dmft_problem *p)
{
    return (struct kernel_paths_shape){.sites = (size_t)p->mlp.sampling.sites, .steps = (size_t)p->rows, .samples = p->mlp.samples, .tests = p->mlp.tests,
                                       .outputs = p->mlp.outputs, .activation = &p->mlp.activation};
}

static void free_layer(struct layer *y)
{
    kernel_paths_free(y->paths);
    kernel_draws_clear(&y->draws);
    kernel_conditional_free(y->u);
    kernel_conditional_free(y->r);
    double *const all[] = {y->C_phi, y->R_phi, y->C_phi_test, y->R_phi_test, y->C_g, y->R_g, y->z_test};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void response_free(void *state)
{
    struct response *r = state;
    if (r == NULL) return;
    for (size_t l = 0; r->layer != NULL && l < r->depth; l++) free_layer(&r->layer[l]);
    double *const all[] = {r->readout, r->keep, r->beta, r->power, r->D, r->spike, r->covariance, r->f, r->Delta, r->tangent, r->eigenvalues, r->scratch,
                           r->spectrum[0], r->spectrum[1], r->spectrum[2], r->spectrum[3], r->d};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    outlier_krylov_free(r->krylov);
    free(r->layer);
    free(r->batch);
    free(r);
}

static int allocate_layer(struct response *r, size_t l, dmft_error *err)
{
    struct layer *y = &r->layer[l - 1];
    struct kernel_paths_shape shape = shape_of(r->problem);
    double tolerance = r->problem->mlp.sampling.tolerance * r->problem->mlp.sampling.tolerance;
    int status = kernel_paths_create(&y->paths, &shape, err);
    if (status == DMFT_OK) status = kernel_conditional_create(&y->u, r->sites, r->n, tolerance, err);
    if (status == DMFT_OK && l < r->depth) status = kernel_conditional_create(&y->r, r->sites, r->m, tolerance, err);
    if (status != DMFT_OK) return status;
    y->C_phi = memory_doubles(r->n * r->n);
    y->C_phi_test = memory_doubles(r->tests * r->n);
    y->C_g = memory_doubles(r->m * r->m);
    y->R_phi = memory_doubles(l < r->depth ? r->n * r->m : 0);
    y->R_phi_test = memory_doubles(l < r->depth ? r->tests * r->m : 0);
    y->R_g = memory_doubles(l > 1 ? r->m * r->n : 0);
    y->z_test = memory_doubles(r->tests * r->sites);
    int whole = y->C_phi && y->C_phi_test && y->C_g && y->R_phi && y->R_phi_test && y->R_g && y->z_test;
    return whole ? DMFT_OK : error_memory(err, 32.0 * (double)r->m * (double)r->m);
}

static int allocate(struct response *r, dmft_error *err)
{
    size_t signals = r->samples * r->outputs, inputs = r->samples + r->tests, order = r->depth > 1 ? r->m : 0;
    r->layer = calloc(r->depth, sizeof *r->layer);
    r->batch = calloc(r->samples + 1, sizeof *r->batch);
    const struct memory_place all[] = {
        {&r->readout, r->outputs * r->sites}, {&r->keep, r->steps + 1}, {&r->beta, r->steps}, {&r->power, r->steps}, {&r->D, r->m}, {&r->spike, r->m},
        {&r->covariance, inputs * r->n}, {&r->f, inputs * r->outputs}, {&r->Delta, signals}, {&r->tangent, signals * signals},
        {&r->eigenvalues, signals}, {&r->scratch, SCRATCH * signals}, {&r->spectrum[0], order * order}, {&r->spectrum[1], order * order},
        {&r->spectrum[2], order * order}, {&r->spectrum[3], order * order}, {&r->d, order}};
    int whole = memory_take(all, sizeof all / sizeof *all) && r->layer != NULL && r->batch != NULL;
    if (!whole) return error_memory(err, 8.0 * (4.0 * (double)order * (double)order + (double)(r->outputs * r->sites)));
    int status = DMFT_OK;
    for (size_t l = 1; l <= r->depth && status == DMFT_OK; l++) status = allocate_layer(r, l, err);
    if (status == DMFT_OK && order > 0) status = outlier_krylov_create(&r->krylov, 2 * order, least(r->table.count, order), err);
    return status;
}

static int response_create(void **state, const dmft_problem *p, dmft_error *err)
{
    struct response *r = calloc(1, sizeof *r);
    if (r == NULL) return error_memory(err, sizeof *r);
    r->problem = p;
    r->table = mlp_table_of(p, 1);
    r->depth = (size_t)p->depth;
    r->samples = p->mlp.samples;
    r->tests = p->mlp.tests;
    r->outputs = p->mlp.outputs;
    r->steps = (size_t)p->rows;
    r->sites = (size_t)p->mlp.sampling.sites;
    r->n = r->steps * r->samples;
    r->m = r->n * r->outputs;
    int status = allocate(r, err);
    if (status != DMFT_OK) {
        response_free(r);
        return status;
    }
    size_t inputs = r->samples + r->tests;
    for (size_t a = 0; a < inputs; a++)
        for (size_t e = 0; e < r->n; e++) r->covariance[a * r->n + e] = p->mlp.gram[a * inputs + e % r->samples];
    *state = r;
    return DMFT_OK;
}

double response_doubles(const dmft_problem *p)
{
    struct kernel_paths_shape s = shape_of(p);
    double n = (double)(s.steps * s.samples), m = n * (double)s.outputs, S = (double)s.sites, Q = (double)s.tests, L = (double)p->depth;
    double side = m * (m + S); /* of fields drawn: u without the factor K */
    double layer = kernel_paths_doubles(&s) + n * (n + S) + n * n + m * m + 2.0 * n * m + Q * (n + m + S);
    double pencil = L > 1.0 ? m * (4.0 * m + 128.0 * (double)(p->outlier_count + 1)) : 0.0;
    return L * layer + (L - 1.0) * side + pencil + (double)s.outputs * S;
}

double response_operations(const dmft_problem *p)
{
    struct kernel_paths_shape s = shape_of(p);
    double n = (double)(s.steps * s.samples), m = n * (double)s.outputs, S = (double)s.sites, sum = 0.0;
    for (int l = 1; l <= p->depth; l++) sum += kernel_paths_respond_operations(&s, l < p->depth, l > 1);
    double fields = S * (3.0 * n * n + 2.0 * m * n + 3.0 * m * m), factors = (n * n * n + m * m * m) / 3.0;
    double spectra = 400.0 * m * m * (double)s.steps / (double)p->outlier_every;
    return sum + (double)p->depth * (fields + factors + spectra);
}

/* ---- starting ---- */

static int start_layer(struct response *r, size_t l, dmft_error *err)
{
    const struct mlp_problem *mlp = &r->problem->mlp;
    struct layer *y = &r->layer[l - 1];
    uint64_t purpose = (uint64_t)l << LAYER;
    int status = kernel_draws_start(&y->draws, r->sites, mlp->sampling.seed, (uint64_t)r->index, purpose, mlp->sampling.draws == DRAWS_SOBOL, err);
    if (status != DMFT_OK) return status;
    kernel_conditional_clear(y->u);
    if (y->r != NULL) kernel_conditional_clear(y->r);
    struct random_stream stream = random_start(mlp->sampling.seed, (uint64_t)r->index, purpose + ((uint64_t)1 << TESTS));
    random_gaussians(&stream, 1.0, r->tests * r->sites, y->z_test);
    return DMFT_OK;
}

static int response_start(void *state, long index, dmft_error *err)
{
    struct response *r = state;
    r->index = index;
    r->step = 0;
    for (size_t l = 1; l <= r->depth; l++) {
        int status = start_layer(r, l, err);
        if (status != DMFT_OK) return status;
    }
    for (size_t k = 0; k < r->outputs; k++) {
        double *w = r->readout + k * r->sites;
        kernel_draws_next(&r->layer[r->depth - 1].draws, ((uint64_t)1 << READOUT) + k, w);
        cblas_dscal((int)r->sites, sqrt(r->problem->weight_variance[r->depth]), w, 1);
    }
    r->keep[0] = 1.0;
    return DMFT_OK;
}

/* ---- the matrices between the fields of a layer ---- */

static double variance_of(const struct response *r, size_t l) { return r->problem->weight_variance[l]; }

/* Row of `in` of layer l for one input at step t: `response` of phi^{l-1} to the fields r (NULL: none), `correlation` with its past (R1). */
static void write_in(const struct response *r, size_t l, size_t t, const double *response, const double *correlation, double *row)
{
    double bias = r->problem->mlp.bias ? 1.0 : 0.0;
    size_t K = r->outputs, signals = r->samples * K;
    for (size_t s = 0; s < t; s++) {
        double reaction = variance_of(r, l - 1) * r->keep[t] * r->keep[s];
        for (size_t e = s * signals; e < (s + 1) * signals; e++)
            row[e] = (response != NULL ? reaction * response[e] : 0.0) + r->spike[e] * (correlation[e / K] + bias);
    }
}

/* Row of `back` of layer l for one g^{l+1} at step t: its responses to the fields u, its correlations (R2). */
static void write_back(const struct response *r, size_t l, size_t t, const double *response, const double *correlation, double *row)
{
    size_t K = r->outputs;
    for (size_t s = 0; s <= t; s++) {
        double reaction = variance_of(r, l) * r->keep[t] * r->keep[s];
        for (size_t e = s * r->samples; e < (s + 1) * r->samples; e++) {
            row[e] = reaction * response[e];
            for (size_t k = 0; s < t && k < K; k++) row[e] += r->spike[e * K + k] * correlation[e * K + k];
        }
    }
}

/* The same for the readout: g^{L+1}_{mu k} are the unit vectors of the outputs. */
static void write_readout(const struct response *r, size_t t, size_t k, double *row)
{
    for (size_t e = 0; e < t * r->samples; e++) row[e] = r->spike[e * r->outputs + k];
    memset(row + t * r->samples, 0, r->samples * sizeof *row);
}

/* ---- forward ---- */

/* Rows of the covariance of A_{l-1} phi^{l-1} at a step with the samples' past, over the variance of A_{l-1}. */
struct covariance {
    const double *train, *test;
};

static struct covariance covariance_of(const struct response *r, size_t l, size_t t)
{
    if (l == 1) return (struct covariance){r->covariance, r->covariance + r->samples * r->n};
    const struct layer *below = &r->layer[l - 2];
    return (struct covariance){below->C_phi + t * r->samples * r->n, below->C_phi_test};
}

/* <phi(h^{l-1})^2> of a test input at this step. */
static double test_variance(const struct response *r, size_t l, size_t a)
{
    size_t inputs = r->samples + r->tests, i = r->samples + a;
    if (l == 1) return r->problem->mlp.gram[i * inputs + i];
    const double *phi = r->layer[l - 2].paths->phi_test + a * r->sites;
    return cblas_ddot((int)r->sites, phi, 1, phi, 1) / (double)r->sites;
}

/* Gaussian fields u of layer l (R3), into paths->h. */
static void draw_forward(struct response *r, size_t l, size_t t, struct covariance C)
{
    struct layer *y = &r->layer[l - 1];
    double scale = sqrt(variance_of(r, l - 1)) * r->keep[t];
    kernel_conditional_draw(y->u, r->samples, C.train, r->n, scale, &y->draws, 1, y->paths->h);
    for (size_t a = 0; a < r->tests; a++)
        kernel_conditional_visit(y->u, C.test + a * r->n, test_variance(r, l, a), scale, y->z_test + a * r->sites,
                                 y->paths->h + (r->samples + a) * r->sites);
}

static void forward(struct response *r, size_t l, size_t t)
{
    struct layer *y = &r->layer[l - 1], *below = l > 1 ? y - 1 : NULL;
    size_t P = r->samples, first = t * P;
    struct covariance C = covariance_of(r, l, t);
    draw_forward(r, l, t, C);
    for (size_t a = 0; a < P; a++)
        write_in(r, l, t, below ? below->R_phi + (first + a) * r->m : NULL, C.train + a * r->n, y->paths->in + (first + a) * r->m);
    for (size_t a = 0; a < r->tests; a++)
        write_in(r, l, t, below ? below->R_phi_test + a * r->m : NULL, C.test + a * r->n, y->paths->in_test + a * r->m);
    kernel_paths_forward(y->paths, t);
    kernel_paths_correlate_phi(y->paths, t, y->C_phi + first * r->n, r->n, y->C_phi_test, r->n);
    if (l < r->depth) kernel_paths_respond_phi(y->paths, t, y->R_phi + first * r->m, r->m, y->R_phi_test, r->m);
}

/* ---- backward ---- */

/* Fields r of layer l, and its rows of `back`. */
static void draw_backward(struct response *r, size_t l, size_t t)
{
    struct layer *y = &r->layer[l - 1], *above = y + 1;
    size_t signals = r->samples * r->outputs, first = t * signals, S = r->sites;
    for (size_t a = 0; a < signals && l == r->depth; a++) {
        double *z = y->paths->z + a * S;
        memcpy(z, r->readout + a % r->outputs * S, S * sizeof *z);
        cblas_dscal((int)S, r->keep[t], z, 1);
        write_readout(r, t, a % r->outputs, y->paths->back + (first + a) * r->n);
    }
    if (l == r->depth) return;
    double scale = sqrt(variance_of(r, l)) * r->keep[t];
    kernel_conditional_draw(y->r, signals, above->C_g + first * r->m, r->m, scale, &y->draws, (uint64_t)1 << SIDE, y->paths->z);
    for (size_t a = 0; a < signals; a++)
        write_back(r, l, t, above->R_g + (first + a) * r->n, above->C_g + (first + a) * r->m, y->paths->back + (first + a) * r->n);
}

static void backward(struct response *r, size_t l, size_t t)
{
    struct layer *y = &r->layer[l - 1];
    size_t first = t * r->samples * r->outputs;
    if (l < r->depth) draw_backward(r, l, t);
    if (l < r->depth) kernel_paths_backward(y->paths, t);
    kernel_paths_correlate_g(y->paths, t, y->C_g + first * r->m, r->m);
    if (l > 1) kernel_paths_respond_g(y->paths, t, y->R_g + first * r->n, r->n);
}

/* ---- outputs ---- */

/* f = <z^L phi^L>/gamma0 of all inputs; z^L does not depend on the sample. */
static void outputs(struct response *r, size_t t)
{
    struct layer *last = &r->layer[r->depth - 1];
    int S = (int)r->sites, K = (int)r->outputs;
    double factor = 1.0 / (r->problem->gamma0 * (double)r->sites);
    draw_backward(r, r->depth, t);
    kernel_paths_backward(last->paths, t);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)r->samples, K, S, factor, last->paths->phi + t * r->samples * r->sites, S, last->paths->z, S,
                0.0, r->f, K);
    if (r->tests > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)r->tests, K, S, factor, last->paths->phi_test, S, last->paths->z, S, 0.0,
                    r->f + r->samples * r->outputs, K);
}

/* Losses, and the errors that this step trains on. */
static void errors(struct response *r, size_t t, double *row)
{
    const struct mlp_problem *mlp = &r->problem->mlp;
    size_t K = r->outputs, signals = r->samples * K;
    double train = 0.0, test = 0.0;
    for (size_t a = 0; a < r->samples; a++) train += loss_of(mlp->loss, K, mlp->target + a * K, r->f + a * K, r->Delta + a * K);
    for (size_t a = 0; mlp->test_target != NULL && a < r->tests; a++)
        test += loss_of(mlp->loss, K, mlp->test_target + a * K, r->f + signals + a * K, NULL);
    row[r->table.train_loss] = train / (double)r->samples;
    row[r->table.test_loss] = mlp->test_target != NULL && r->tests > 0 ? test / (double)r->tests : NAN;
    size_t taken = batch_at(r->problem, (long)t, r->batch);
    double factor = r->problem->gamma0 * r->problem->learning_rate / (double)taken;
    memset(r->D + t * signals, 0, signals * sizeof *r->D);
    for (size_t i = 0; i < taken; i++)
        for (size_t k = 0; k < K; k++) r->D[t * signals + r->batch[i] * K + k] = factor * r->Delta[r->batch[i] * K + k];
}

/* ---- recording ---- */

static void record_diagonals(const struct response *r, size_t t, double *row)
{
    size_t P = r->samples, K = r->outputs;
    memcpy(row + r->table.output, r->f, (P + r->tests) * K * sizeof *row);
    for (size_t j = 0; j < r->table.tops; j++) row[r->table.ntk + j] = 0.0;
    for (size_t l = 1; l <= r->depth; l++) {
        const struct layer *y = &r->layer[l - 1];
        for (size_t a = 0; a < P; a++) {
            size_t e = t * P + a;
            double g = 0.0;
            for (size_t k = 0; k < K; k++) g += y->C_g[(e * K + k) * (r->m + 1)];
            row[r->table.forward + (l - 1) * P + a] = y->C_phi[e * (r->n + 1)];
            row[r->table.backward + (l - 1) * P + a] = g / (double)K;
        }
    }
}

/* The tangent kernel (N3), lower triangle. */
static void form_tangent(const struct response *r, size_t t)
{
    size_t P = r->samples, K = r->outputs, signals = P * K, L = r->depth;
    double bias = r->problem->mlp.bias ? 1.0 : 0.0;
    for (size_t a = 0; a < signals; a++)
        for (size_t b = 0; b <= a; b++) {
            size_t phi = (t * P + a / K) * r->n + t * P + b / K, g = (t * signals + a) * r->m + t * signals + b;
            double sum = a % K == b % K ? r->layer[L - 1].C_phi[phi] : 0.0;
            for (size_t l = 1; l <= L; l++) {
                double below = l > 1 ? r->layer[l - 2].C_phi[phi] : r->problem->mlp.gram[a / K * (P + r->tests) + b / K];
                sum += (below + bias) * r->layer[l - 1].C_g[g];
            }
            r->tangent[a * signals + b] = sum;
        }
}

static int tangent_top(const struct response *r, size_t t, double *row, dmft_error *err)
{
    lapack_int order = (lapack_int)(r->samples * r->outputs);
    form_tangent(r, t);
    lapack_int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'N', 'U', order, r->tangent, order, r->eigenvalues, r->scratch, SCRATCH * order);
    if (info != 0) return error_set(err, DMFT_ERROR_NUMERIC, "tangent kernel: no convergence of its eigenvalues (LAPACK %d)", (int)info);
    mlp_table_enter_ntk(&r->table, row, r->eigenvalues + ((size_t)order - r->table.tops), 1);
    return DMFT_OK;
}

/* ---- level 2 ---- */

/* What W_t is divided by in (R6); 1 where nothing is left of the initial weights. */
static double scale_of(const struct response *r, size_t t) { return r->keep[t] > negligible ? r->keep[t] : 1.0; }

/* The pencil (O1) of A_l/keep(t) on the events (s,mu,k), s <= t; those of step t are queries (R6). phi_{mu k} is one vector for all k: its row stands
 * for each, and the response to its field is given to k = 0. */
static struct outlier_kernels pencil_of(const struct response *r, size_t l, size_t t)
{
    const struct layer *in = &r->layer[l - 1], *out = in + 1;
    size_t K = r->outputs, signals = r->samples * K, order = (t + 1) * signals;
    double scale = scale_of(r, t), sigma = r->keep[t] > negligible ? sqrt(variance_of(r, l)) : 0.0;
    for (size_t a = 0; a < order; a++) {
        double *C_phi = r->spectrum[0] + a * order, *R_phi = r->spectrum[1] + a * order, *C_g = r->spectrum[2] + a * order, *R_g = r->spectrum[3] + a * order;
        for (size_t b = 0; b <= a; b++) {
            double back = r->keep[b / signals];
            C_phi[b] = in->C_phi[a / K * r->n + b / K];
            R_phi[b] = b / signals < a / signals ? back * in->R_phi[a / K * r->m + b] : 0.0;
            C_g[b] = out->C_g[a * r->m + b];
            R_g[b] = b % K == 0 ? back * out->R_g[a * r->n + b / K] : 0.0;
        }
        r->d[a] = a < t * signals ? r->spike[a] / scale : 0.0;
    }
    return (struct outlier_kernels){.k = order, .stride = order, .C_phi = r->spectrum[0], .R_phi = r->spectrum[1], .C_g = r->spectrum[2],
                                    .R_g = r->spectrum[3], .d = r->d, .sigma = sigma, .psi = 1.0};
}

/* Overlaps of the first outlier with the vectors of step t. */
static void record_overlaps(const struct response *r, const struct outlier_kernels *p, size_t t, double *at)
{
    struct outlier_pair x = outlier_pair_of(r->krylov, p, 0);
    size_t K = r->outputs, signals = r->samples * K;
    const double *left = x.p + t * signals, *right = x.s + t * signals;
    double sum_left = 0.0, sum_right = 0.0;
    for (size_t a = 0; a < signals; a++) {
        sum_left += left[a] * left[a];
        sum_right += right[a] * right[a];
    }
    at[r->table.left] = x.left * x.left * sum_left / (double)signals;
    at[r->table.right] = x.right * x.right * sum_right / (double)signals;
    for (size_t i = 0; i < r->table.chosen; i++) {
        size_t mu = r->problem->mlp.chosen[i];
        double own = cblas_ddot((int)K, left + mu * K, 1, left + mu * K, 1) / (double)K;
        at[r->table.left_of + i] = x.left * x.left * own;
        at[r->table.right_of + i] = x.right * x.right * right[mu * K] * right[mu * K];
    }
}

static int record_spectrum(struct response *r, size_t l, size_t t, double *at, dmft_error *err)
{
    struct outlier_kernels p = pencil_of(r, l, t);
    double variance = p.sigma * p.sigma, edge = outlier_edge_root(variance, 1.0);
    struct outlier_search search = {.count = least(r->table.count, p.k), .tolerance = search_tolerance, .floor = below_edge * edge, .rounds = ROUNDS,
                                    .patience = PATIENCE};
    for (size_t i = 0; i < r->table.layer; i++) at[i] = NAN;
    for (size_t j = 0; t == 0 && j < r->table.count; j++) at[r->table.root + j] = 0.0; /* nothing is learned */
    if (t == 0) return DMFT_OK;
    int status = outlier_krylov_solve(r->krylov, outlier_kernels_products(&p), search, NULL, 0, 0, err);
    for (size_t j = 0; status == DMFT_OK && j < outlier_krylov_found(r->krylov); j++) {
        double root = outlier_krylov_root(r->krylov, j);
        at[r->table.root + j] = variance > 0.0 ? root / variance : INFINITY;
        if (root > edge) at[r->table.value + j] = scale_of(r, t) * outlier_scalars_at(variance, 1.0, root).z;
        if (root > edge && j == 0) record_overlaps(r, &p, t, at);
    }
    return status;
}

/* ---- kernels in the slot ---- */

/* Row (t,mu), entry (s,nu) of a stored kernel: with more outputs than one the mean over k. */
static double stored(const struct response *r, enum mlp_kernel kernel, const struct layer *y, size_t a, size_t b)
{
    size_t K = r->outputs;
    if (kernel == MLP_C_PHI) return y->C_phi[a * r->n + b];
    double sum = 0.0;
    for (size_t k = 0; k < K; k++)
        sum += kernel == MLP_C_G ? y->C_g[(a * K + k) * r->m + b * K + k] : kernel == MLP_R_PHI ? y->R_phi[a * r->m + b * K + k]
                                                                                                : y->R_g[(a * K + k) * r->n + b];
    return sum / (double)K;
}

static void store_rows(const struct response *r, enum mlp_kernel kernel, size_t l, size_t t, double *slot)
{
    const struct layer *y = &r->layer[l - 1];
    double *out = slot + mlp_table_kernel(&r->table, kernel, l);
    for (size_t a = t * r->samples; a < (t + 1) * r->samples; a++)
        for (size_t b = 0; b <= a; b++) out[a * r->n + b] = stored(r, kernel, y, a, b);
}

static void store_kernels(const struct response *r, size_t t, double *slot)
{
    for (size_t l = 1; l <= r->depth; l++) {
        store_rows(r, MLP_C_PHI, l, t, slot);
        store_rows(r, MLP_C_G, l, t, slot);
        if (l < r->depth) store_rows(r, MLP_R_PHI, l, t, slot);
        if (l > 1) store_rows(r, MLP_R_G, l, t, slot);
    }
}

/* Independent directions that A_l was asked in and out. */
static void record_directions(const struct response *r, double *slot)
{
    for (size_t l = 1; l < r->depth; l++) {
        double *at = slot + mlp_table_directions(&r->table, l);
        at[0] = (double)kernel_conditional_kept(r->layer[l].u);
        at[1] = (double)kernel_conditional_kept(r->layer[l - 1].r);
    }
}

/* ---- the member ---- */

static int response_row(void *state, long number, double *slot, dmft_error *err)
{
    struct response *r = state;
    size_t t = (size_t)number, signals = r->samples * r->outputs;
    double *row = slot + t * r->table.columns;
    for (size_t e = 0; e < t * signals; e++) r->spike[e] = r->beta[e / signals] * r->D[e];
    for (size_t l = 1; l <= r->depth; l++) forward(r, l, t);
    outputs(r, t);
    errors(r, t, row);
    for (size_t l = r->depth; l >= 1; l--) backward(r, l, t);
    record_diagonals(r, t, row);
    int beyond = mlp_table_diverged(&r->table, slot, number), status = beyond ? DMFT_DIVERGED : tangent_top(r, t, row, err);
    if (status != DMFT_OK) return status;
    if (mlp_table_diverged(&r->table, slot, number)) return DMFT_DIVERGED;
    record_directions(r, slot);
    int due = r->table.matrices > 0 && t % r->table.every == 0;
    for (size_t l = 1; status == DMFT_OK && due && l < r->depth; l++)
        status = record_spectrum(r, l, t, slot + mlp_table_spectrum(&r->table, number, l), err);
    if (status == DMFT_OK && r->table.kernels > 0) store_kernels(r, t, slot);
    size_t first = t * r->samples;
    for (size_t l = 1; l <= r->depth; l++) mlp_table_enter_representation(&r->table, slot, number, l, r->layer[l - 1].C_phi + first * (r->n + 1), r->n);
    return status;
}

/* What is left of the initial weights, and of each update, at the next step (X5). */
static int response_advance(void *state, long number, dmft_error *err)
{
    struct response *r = state;
    const struct dmft_problem *p = r->problem;
    size_t t = (size_t)number;
    double keep = 1.0 - p->weight_decay, rate = p->schedule != NULL ? p->schedule[t] : 1.0;
    (void)err;
    r->beta[t] = 0.0;
    r->power[t] = 1.0;
    for (size_t s = 0; s <= t; s++) {
        r->beta[s] = keep * r->beta[s] + rate * r->power[s];
        r->power[s] *= p->momentum;
    }
    r->keep[t + 1] = keep * r->keep[t];
    r->step = number + 1;
    return 1;
}

static void transfer_layer(struct response *r, size_t l, size_t t, archive *a)
{
    struct layer *y = &r->layer[l - 1];
    size_t n = t * r->samples, m = n * r->outputs;
    kernel_paths_transfer(y->paths, t, a);
    archive_size(a, &y->draws.used, SOBOL_DIMENSION);
    kernel_conditional_transfer(y->u, a);
    archive_doubles(a, y->C_phi, n * r->n);
    archive_doubles(a, y->C_g, m * r->m);
    if (l < r->depth) {
        kernel_conditional_transfer(y->r, a);
        archive_doubles(a, y->R_phi, n * r->m);
    }
    if (l > 1) archive_doubles(a, y->R_g, m * r->n);
}

static void response_transfer(void *state, archive *a)
{
    struct response *r = state;
    size_t t = (size_t)r->step;
    archive_tag(a, "response");
    archive_size(a, &t, r->steps);
    if (archive_status(a) != DMFT_OK) return;
    r->step = (long)t;
    archive_doubles(a, r->keep, t + 1);
    archive_doubles(a, r->beta, t);
    archive_doubles(a, r->power, t);
    archive_doubles(a, r->D, t * r->samples * r->outputs);
    for (size_t l = 1; l <= r->depth; l++) transfer_layer(r, l, t, a);
}

const struct ensemble_kind ensemble_response = {.name = "replica",
                                                .steps = "replica steps",
                                                .file = "solve",
                                                .create = response_create,
                                                .free = response_free,
                                                .start = response_start,
                                                .row = response_row,
                                                .advance = response_advance,
                                                .transfer = response_transfer};
