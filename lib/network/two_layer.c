/*
 * Dense two-layer networks f(x) = a.phi(W x)/sqrt(N), W N x D with entries N(0, 1/D), phi centred and of unit variance; inputs N(0, 1), targets
 * y = teacher(theta.x) + noise. Readout a_i = scale ã_i, ã_i ~ N(0, sigma_a^2), scale 1 or N^{-1/2}. Loss (1/2P) sum (y - f)^2.
 *
 * Steps are those of plain descent in ã and sqrt(D) W at one rate, which is chosen so that the rank-one part of the first has the norm eta b sigma_a |beta|:
 *
 *     W += (eta/scale) G,  a += eta D scale G_a        (G, G_a: minus the gradients with respect to W and a)
 *
 * Adam acts on sqrt(N D)/scale G and sqrt(N D) G_a, whose entries are of order 1; its steps are eta/sqrt(N D) for entries of W and eta scale/sqrt(N) for
 * those of a: the Frobenius norm of a first step is eta.
 *
 * Cost of a step: 6 B N D operations, and 2 B N of the activation. Memory: 2 P N + 2 P D + 3 N D doubles (Adam: 4 N D), and 3 P^2 for the kernels.
 */
#include "network/two_layer.h"

#include <cblas.h>
#include <gsl/gsl_sort.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "spectrum/difference.h"

/* Streams of network `index`. Those of the initialisations it is held against begin at NULLS. */
enum purpose { WEIGHTS, READOUT, TEACHER, INPUTS, NOISE, FRESH, FRESH_NOISE, BATCHES, REFERENCE_WEIGHTS, REFERENCE_READOUT, REFERENCE_INPUTS, NULLS };

struct two_layer_size two_layer_size_of(const dmft_problem *p)
{
    double D = (double)p->simulation.input_dim, P = fmax(1.0, round(p->sample_ratio * D));
    return (struct two_layer_size){.N = (size_t)fmax(1.0, round(p->width_ratio * D)),
                                   .D = (size_t)D,
                                   .P = (size_t)P,
                                   .B = (size_t)fmax(1.0, round(p->two_layer.batch_fraction * P))};
}

static int is_adam(const dmft_problem *p) { return p->two_layer.optimizer == OPTIMIZER_ADAM; }

static size_t least_of(const struct two_layer_size *n) { return n->N < n->D ? n->N : n->D; }
static size_t most_of(const struct two_layer_size *n) { return n->P > n->N ? n->P : n->N; }

/* Room for a blocked reduction of LAPACK: 64 rows. */
static size_t work_of(const struct two_layer_size *n) { return 80 * (n->N + n->D + n->P); }

double two_layer_doubles(const dmft_problem *p)
{
    struct two_layer_size n = two_layer_size_of(p);
    double N = (double)n.N, D = (double)n.D, P = (double)n.P, B = n.B < n.P ? (double)n.B : 0.0, least = (double)least_of(&n);
    return N * D * (is_adam(p) ? 4.0 : 2.0) + 2.0 * P * D + B * (D + 1.0) + 2.0 * P * N + 3.0 * P * P + 10.0 * P + 8.0 * N + 4.0 * D +
           (double)work_of(&n) + 4.0 * least + (double)p->two_layer.nulls + singular_solver_doubles(least, 3.0);
}

/* ---- life ---- */

static int too_large(const struct two_layer_size *n)
{
    double N = (double)n->N, D = (double)n->D, P = (double)n->P;
    return fmax(N, fmax(D, P)) > INT_MAX / 1000 || N * D > INT_MAX;
}

enum { PLACES = 26 };

/* Every array that all networks have, and its length. */
static void places_of(struct two_layer *n, struct memory_place place[PLACES])
{
    struct two_layer_size s = n->n;
    size_t N = s.N, D = s.D, P = s.P, least = least_of(&s), nulls = (size_t)n->problem->two_layer.nulls;
    const struct memory_place all[PLACES] = {{&n->W, N * D}, {&n->a, N}, {&n->initial_a, N}, {&n->direction, D}, {&n->theta, D}, {&n->X, P * D}, {&n->y, P},
                                             {&n->fresh, P * D}, {&n->fresh_y, P}, {&n->h, P * N}, {&n->slope, P * N}, {&n->f, P}, {&n->gradient, N * D},
                                             {&n->gradient_a, N}, {&n->gram, P * P}, {&n->K, P * P}, {&n->K2, P * P}, {&n->work, work_of(&s)},
                                             {&n->values, most_of(&s) + D}, {&n->null, nulls}, {&n->reference[0], least}, {&n->reference[1], P},
                                             {&n->reference[2], P}, {&n->spectrum[0], least}, {&n->spectrum[1], P}, {&n->spectrum[2], P}};
    memcpy(place, all, sizeof all);
}

static int allocate(struct two_layer *n)
{
    struct two_layer_size s = n->n;
    struct memory_place place[PLACES];
    places_of(n, place);
    int whole = memory_take(place, PLACES);
    for (size_t i = 0; is_adam(n->problem) && i < 4; i++) whole &= (n->moment[i] = memory_doubles(i < 2 ? s.N * s.D : s.N)) != NULL;
    if (s.B < s.P) {
        whole &= (n->batch = memory_doubles(s.B * s.D)) != NULL;
        whole &= (n->batch_y = memory_doubles(s.B)) != NULL;
    }
    n->order = calloc(s.P, sizeof *n->order);
    return whole && n->order != NULL;
}

int two_layer_create(struct two_layer **out, const dmft_problem *p, dmft_error *err)
{
    struct two_layer *n = calloc(1, sizeof *n);
    if (n == NULL) return error_memory(err, sizeof *n);
    n->problem = p;
    n->n = two_layer_size_of(p);
    n->scale = p->two_layer.readout_scale == READOUT_SMALL ? 1.0 / sqrt((double)n->n.N) : 1.0;
    int status = activation_moments_of(&n->phi, &p->two_layer.activation, err);
    if (status == DMFT_OK) status = activation_moments_of(&n->teacher, &p->two_layer.teacher, err);
    if (status == DMFT_OK && too_large(&n->n))
        status = error_set(err, DMFT_ERROR_ARGUMENT, "D = %zu, N = %zu, P = %zu are too large for BLAS", n->n.D, n->n.N, n->n.P);
    if (status == DMFT_OK && !allocate(n)) status = error_memory(err, 8.0 * two_layer_doubles(p));
    size_t least = least_of(&n->n);
    if (status == DMFT_OK) status = singular_create(&n->singular, 1, &n->n.N, &n->n.D, least < 3 ? least : 3, 1, err);
    if (status == DMFT_OK)
        *out = n;
    else
        two_layer_free(n);
    return status;
}

void two_layer_free(struct two_layer *n)
{
    if (n == NULL) return;
    struct memory_place place[PLACES];
    places_of(n, place);
    memory_return(place, PLACES);
    free(n->batch);
    free(n->batch_y);
    for (size_t i = 0; i < 4; i++) free(n->moment[i]);
    free(n->order);
    singular_free(&n->singular);
    free(n);
}

/* ---- draws ---- */

static void draw(const struct two_layer *n, long index, uint64_t purpose, double deviation, size_t count, double *out)
{
    struct random_stream stream = random_start(n->problem->simulation.seed, (uint64_t)index, purpose);
    random_gaussians(&stream, deviation, count, out);
}

static void draw_weights(const struct two_layer *n, long index, uint64_t purpose, double *W)
{
    draw(n, index, purpose, 1.0 / sqrt((double)n->n.D), n->n.N * n->n.D, W);
}

static void draw_readout(const struct two_layer *n, long index, uint64_t purpose)
{
    draw(n, index, purpose, n->scale * sqrt(n->problem->two_layer.readout_variance), n->n.N, n->a);
}

/* y = teacher(theta.x) + noise. */
static void draw_task(const struct two_layer *n, long index, uint64_t inputs, uint64_t noise, double *X, double *y)
{
    int P = (int)n->n.P, D = (int)n->n.D;
    draw(n, index, inputs, 1.0, n->n.P * n->n.D, X);
    draw(n, index, noise, n->problem->label_noise, n->n.P, y);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, P, D, 1.0, X, D, n->theta, 1, 0.0, n->f, 1);
    activation_normalized(&n->problem->two_layer.teacher, &n->teacher, n->n.P, n->f, n->work, NULL);
    cblas_daxpy(P, 1.0, n->work, 1, y, 1);
}

/* An independent initialisation, and the distances of others from it. */
static int draw_references(struct two_layer *n, long index, dmft_error *err)
{
    size_t nulls = (size_t)n->problem->two_layer.nulls, least = least_of(&n->n);
    draw_weights(n, index, REFERENCE_WEIGHTS, n->W);
    draw_readout(n, index, REFERENCE_READOUT);
    draw(n, index, REFERENCE_INPUTS, 1.0, n->n.P * n->n.D, n->X);
    int status = two_layer_kernels(n, n->reference[1], n->reference[2], err);
    if (status == DMFT_OK) status = two_layer_singular_values(n, n->W, n->reference[0], err);
    for (size_t i = 0; i < nulls && status == DMFT_OK; i++) {
        draw_weights(n, index, NULLS + i, n->W);
        status = two_layer_singular_values(n, n->W, n->values, err);
        if (status == DMFT_OK) n->null[i] = spectrum_difference(n->values, least, n->reference[0], least, NULL);
    }
    gsl_sort(n->null, 1, nulls);
    return status;
}

int two_layer_start(struct two_layer *n, long index, dmft_error *err)
{
    size_t N = n->n.N, D = n->n.D;
    int status = draw_references(n, index, err);
    if (status != DMFT_OK) return status;
    draw(n, index, TEACHER, 1.0, D, n->theta);
    cblas_dscal((int)D, 1.0 / cblas_dnrm2((int)D, n->theta, 1), n->theta, 1);
    draw_weights(n, index, WEIGHTS, n->W);
    draw_readout(n, index, READOUT);
    memcpy(n->initial_a, n->a, N * sizeof *n->a);
    draw_task(n, index, INPUTS, NOISE, n->X, n->y);
    draw_task(n, index, FRESH, FRESH_NOISE, n->fresh, n->fresh_y);
    n->batches = random_start(n->problem->simulation.seed, (uint64_t)index, BATCHES);
    for (size_t i = 0; is_adam(n->problem) && i < 4; i++) memset(n->moment[i], 0, (i < 2 ? N * D : N) * sizeof(double));
    memset(n->direction, 0, D * sizeof *n->direction);
    for (size_t i = 0; i < n->n.P; i++) n->order[i] = i;
    n->taken = n->n.P; /* an epoch begins */
    n->step = 0;
    n->batch_loss = n->first_loss = 0.0;
    singular_start(&n->singular);
    return DMFT_OK;
}

void two_layer_transfer(struct two_layer *n, archive *a)
{
    size_t N = n->n.N, D = n->n.D;
    archive_tag(a, "two_layer");
    archive_doubles(a, n->W, N * D);
    archive_doubles(a, n->a, N);
    archive_doubles(a, n->direction, D);
    for (size_t i = 0; is_adam(n->problem) && i < 4; i++) archive_doubles(a, n->moment[i], i < 2 ? N * D : N);
    archive_bytes(a, n->batches.state, sizeof n->batches.state);
    for (size_t i = 0; i < n->n.P; i++) archive_size(a, &n->order[i], n->n.P - 1);
    archive_size(a, &n->taken, n->n.P);
    archive_long(a, &n->step);
    archive_double(a, &n->batch_loss);
    archive_double(a, &n->first_loss);
    singular_transfer(&n->singular, a);
}

/* ---- training ---- */

void two_layer_forward(const struct two_layer *n, const double *X, size_t rows, double *h, double *slope, double *f)
{
    int N = (int)n->n.N, D = (int)n->n.D;
    double room[256];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, N, D, 1.0, X, D, n->W, D, 0.0, h, N);
    for (size_t i = 0; i < rows * n->n.N; i += 256) {
        size_t some = rows * n->n.N - i < 256 ? rows * n->n.N - i : 256;
        memcpy(room, h + i, some * sizeof *room);
        activation_normalized(&n->problem->two_layer.activation, &n->phi, some, room, h + i, slope != NULL ? slope + i : NULL);
    }
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)rows, N, 1.0 / sqrt((double)n->n.N), h, N, n->a, 1, 0.0, f, 1);
}

double two_layer_loss(const double *f, const double *y, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) sum += (y[i] - f[i]) * (y[i] - f[i]);
    return 0.5 * sum / (double)count;
}

/* The next batch: all samples, or the next of a random order; what is left of an epoch and fills no batch is passed over. */
static void next_batch(struct two_layer *n, const double **X, const double **y)
{
    size_t P = n->n.P, B = n->n.B, D = n->n.D;
    *X = n->X;
    *y = n->y;
    if (B == P) return;
    if (n->taken + B > P) {
        random_shuffle(&n->batches, P, n->order);
        n->taken = 0;
    }
    for (size_t i = 0; i < B; i++) {
        memcpy(n->batch + i * D, n->X + n->order[n->taken + i] * D, D * sizeof *n->batch);
        n->batch_y[i] = n->y[n->order[n->taken + i]];
    }
    n->taken += B;
    *X = n->batch;
    *y = n->batch_y;
}

/* Adam's step from g = `factor` x minus the gradient, whose averages are m and v. */
static void adam(const struct two_layer *n, size_t count, double factor, double rate, const double *g, double *m, double *v, double *x)
{
    const struct two_layer_problem *two = &n->problem->two_layer;
    double first = 1.0 - pow(two->beta1, (double)(n->step + 1)), second = 1.0 - pow(two->beta2, (double)(n->step + 1));
    for (size_t i = 0; i < count; i++) {
        double u = factor * g[i];
        m[i] += (1.0 - two->beta1) * (u - m[i]);
        v[i] += (1.0 - two->beta2) * (u * u - v[i]);
        x[i] += rate * (m[i] / first) / (sqrt(v[i] / second) + two->epsilon);
    }
}

static void update(struct two_layer *n)
{
    size_t N = n->n.N, D = n->n.D;
    double eta = n->problem->learning_rate, root = sqrt((double)N * (double)D);
    int trained = n->problem->two_layer.readout_trained;
    if (!is_adam(n->problem)) {
        cblas_daxpy((int)(N * D), eta / n->scale, n->gradient, 1, n->W, 1);
        if (trained) cblas_daxpy((int)N, eta * (double)D * n->scale, n->gradient_a, 1, n->a, 1);
        return;
    }
    adam(n, N * D, root / n->scale, eta / root, n->gradient, n->moment[0], n->moment[1], n->W);
    if (trained) adam(n, N, root, eta * n->scale / sqrt((double)N), n->gradient_a, n->moment[2], n->moment[3], n->a);
}

void two_layer_learn(struct two_layer *n)
{
    size_t N = n->n.N, B = n->n.B;
    const double *X, *y;
    next_batch(n, &X, &y);
    two_layer_forward(n, X, B, n->h, n->slope, n->f);
    n->batch_loss = two_layer_loss(n->f, y, B);
    if (n->step == 0) n->first_loss = n->batch_loss;
    for (size_t mu = 0; mu < B; mu++) {
        n->f[mu] = (y[mu] - n->f[mu]) / (double)B;
        for (size_t i = 0; i < N; i++) n->slope[mu * N + i] *= n->f[mu] * n->a[i] / sqrt((double)N);
    }
    if (n->step == 0) cblas_dgemv(CblasRowMajor, CblasTrans, (int)B, (int)n->n.D, 1.0, X, (int)n->n.D, n->f, 1, 0.0, n->direction, 1);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)N, (int)n->n.D, (int)B, 1.0, n->slope, (int)N, X, (int)n->n.D, 0.0, n->gradient, (int)n->n.D);
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)B, (int)N, 1.0 / sqrt((double)N), n->h, (int)N, n->f, 1, 0.0, n->gradient_a, 1);
    update(n);
    n->step++;
}
