/*
 * One dense deep linear network: its sizes and room, its initial state, its state between two steps. What it computes: step.c.
 *
 * At the start the entries of A_l are N(0, sigma_l^2/fan-in), those of w N(0, sigma_w^2), inputs N(0, lambda_i) with lambda_i = 1 or, of a
 * spectrum of n modes, the eigenvalue of mode floor(i n/D), and w* is a Gaussian vector, on each mode times the size of the target there, scaled to
 * (1/D) sum_i lambda_i w*_i^2 = 1; isotropic, |w*|^2 = D. Momentum starts at 0.
 *
 * Memory: P D + N D + (L-1) N^2 doubles (online: without the first term, unless it is probed); with momentum the weights twice.
 */
#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "network/network.h"

/* ---- Sizes ---- */

/* 256 kB of X: with v and its errors well inside the second-level cache of any processor of the last ten years. */
static const double BLOCK_DOUBLES = 32768;

struct network_size network_size_of(const dmft_problem *problem)
{
    double D = (double)problem->simulation.input_dim;
    struct network_size size = {
        .input_dim = D, .width = fmax(1, round(problem->width_ratio * D)), .samples = fmax(1, round(problem->sample_ratio * D))};
    return size;
}

double network_block_rows(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    return fmin(n.samples, fmax(1, floor(BLOCK_DOUBLES / n.input_dim)));
}

int network_is_population(const dmft_problem *problem) { return problem->flow && problem->batch == BATCH_ONLINE; }

/* Rows of each h and g. */
static double rows_of(const dmft_problem *problem) { return problem->flow ? NETWORK_STAGES : 1; }

/* Rows of X that are held, and errors of samples. */
static double held_rows(const dmft_problem *problem)
{
    if (network_is_population(problem)) return 0;
    return problem->batch != BATCH_ONLINE || problem->probes.sharpness ? network_size_of(problem).samples : network_block_rows(problem);
}

static double errors_of(const dmft_problem *problem) { return network_is_population(problem) ? 0 : network_size_of(problem).samples; }

static int noise_is_held(const dmft_problem *problem) { return problem->batch != BATCH_ONLINE && problem->label_noise > 0; }

/* A step sees some of a fixed sample. */
static int is_subsampled(const dmft_problem *problem) { return problem->batch == BATCH_BERNOULLI || problem->batch == BATCH_EPOCH; }

double network_doubles(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    double L = problem->depth, rows = rows_of(problem), weights = n.width * n.input_dim + (L - 1) * n.width * n.width + n.width;
    double vectors = (2 + rows + (problem->modes > 0)) * n.input_dim + 2 * L * rows * n.width + errors_of(problem);
    double samples = noise_is_held(problem) + is_subsampled(problem) + (problem->batch == BATCH_EPOCH);
    return held_rows(problem) * n.input_dim + weights * (problem->momentum > 0 ? 2 : 1) + vectors + samples * n.samples;
}

size_t network_columns(const struct network *n, int l) { return l == 0 ? n->input_dim : n->width; }

/* ---- Life ---- */

static size_t weights_of(const struct network *n, int l) { return l < n->depth ? n->width * network_columns(n, l) : n->width; }

static void allocate_velocity(struct network *n, int *whole)
{
    n->velocity = calloc((size_t)n->depth + 1, sizeof *n->velocity);
    if (n->velocity == NULL) *whole = 0;
    for (int l = 0; n->velocity != NULL && l <= n->depth; l++)
        if ((n->velocity[l] = memory_doubles(weights_of(n, l))) == NULL) *whole = 0;
}

/* Takes all arrays; 0 when one is not to be had. */
static int network_allocate(struct network *n)
{
    int whole = 1, L = n->depth;
    size_t D = n->input_dim, N = n->width, rows = (size_t)rows_of(n->problem);
    n->weight = memory_arrays(1, L - 1, N * N, &whole);
    n->h_rows = memory_arrays(1, L, rows * N, &whole);
    n->g_rows = memory_arrays(1, L, rows * N, &whole);
    n->h = calloc((size_t)L + 1, sizeof *n->h);
    n->g = calloc((size_t)L + 1, sizeof *n->g);
    if (n->h == NULL || n->g == NULL) whole = 0;
    if (n->weight != NULL && (n->weight[0] = memory_doubles(N * D)) == NULL) whole = 0;
    if (n->h_rows != NULL && (n->h_rows[0] = memory_doubles(rows * D)) == NULL) whole = 0;
    n->readout = memory_doubles(N);
    n->target = memory_doubles(D);
    n->v = memory_doubles(D);
    n->Delta = memory_doubles((size_t)errors_of(n->problem));
    n->inputs = memory_doubles(D * (size_t)held_rows(n->problem));
    if (noise_is_held(n->problem) && (n->noise = memory_doubles(n->samples)) == NULL) whole = 0;
    if (n->problem->modes > 0 && (n->root = memory_doubles(D)) == NULL) whole = 0;
    if (is_subsampled(n->problem) && (n->batch_error = memory_doubles(n->samples)) == NULL) whole = 0;
    if (n->problem->batch == BATCH_EPOCH && (n->order = calloc(n->samples, sizeof *n->order)) == NULL) whole = 0;
    if (n->problem->momentum > 0) allocate_velocity(n, &whole);
    return whole && n->readout != NULL && n->target != NULL && n->v != NULL && n->Delta != NULL && n->inputs != NULL;
}

int network_create(struct network **out, const dmft_problem *problem, dmft_error *err)
{
    struct network_size size = network_size_of(problem);
    double largest = fmax(size.input_dim, fmax(size.width, size.samples));
    if (!(largest <= INT_MAX))
        return error_set(err, DMFT_ERROR_ARGUMENT, "sampled networks of D = %.0f, N = %.0f, P = %.0f are too large: at most %d each",
                         size.input_dim, size.width, size.samples, INT_MAX);
    struct network *n = calloc(1, sizeof *n);
    if (n == NULL) return error_memory(err, sizeof *n);
    double ratio = size.width / size.input_dim;
    n->problem = problem;
    n->depth = problem->depth;
    n->input_dim = (size_t)size.input_dim;
    n->width = (size_t)size.width;
    n->samples = (size_t)size.samples;
    n->block = (size_t)network_block_rows(problem);
    n->held = (size_t)held_rows(problem);
    n->branch = problem->residual ? 1 / sqrt((double)problem->depth) : 1.0;
    n->gamma = problem->parameterization == PARAMETERIZATION_MUP ? problem->gamma0 * sqrt(ratio) : problem->gamma0;
    n->coupling = problem->learning_rate * n->gamma / sqrt(ratio);
    int status = network_allocate(n) ? network_singular_create(n, err) : error_memory(err, 8 * network_doubles(problem));
    if (status == DMFT_OK) status = probe_create(&n->probe, problem, err);
    if (status != DMFT_OK) {
        network_free(n);
        return status;
    }
    *out = n;
    return DMFT_OK;
}

void network_free(struct network *n)
{
    if (n == NULL) return;
    singular_free(&n->singular);
    probe_free(&n->probe);
    memory_arrays_free(n->velocity, n->depth);
    memory_arrays_free(n->weight, n->depth - 1);
    memory_arrays_free(n->h_rows, n->depth);
    memory_arrays_free(n->g_rows, n->depth);
    free(n->h);
    free(n->g);
    free(n->readout);
    free(n->target);
    free(n->v);
    free(n->Delta);
    free(n->inputs);
    free(n->noise);
    free(n->root);
    free(n->batch_error);
    free(n->order);
    free(n->time);
    free(n);
}

/* ---- Initial state ---- */

static struct random_stream stream_of(const struct network *n, long index, int purpose)
{
    return random_start(n->problem->simulation.seed, (uint64_t)index, (uint64_t)purpose);
}

static size_t mode_of(const struct network *n, size_t i) { return i * n->problem->modes / n->input_dim; }

static void draw_target(struct network *n, long index)
{
    struct random_stream stream = stream_of(n, index, NETWORK_TARGET);
    int D = (int)n->input_dim;
    double norm = 0;
    while (!(norm > 0)) { /* a Gaussian of 24 bits can be 0, and D can be 1 */
        random_gaussians(&stream, 1.0, n->input_dim, n->target);
        for (size_t i = 0; n->root != NULL && i < n->input_dim; i++) n->target[i] *= n->problem->target_mode[mode_of(n, i)];
        norm = network_norm(n, n->target);
    }
    cblas_dscal(D, sqrt((double)D) / norm, n->target, 1);
    n->target_square = n->root != NULL ? cblas_ddot(D, n->target, 1, n->target, 1) : (double)D;
}

/* The weights' momentum, the batches, and how far it has come. */
static void start_training(struct network *n, long index)
{
    n->step = 0;
    n->batch_stream = stream_of(n, index, NETWORK_BATCHES);
    for (size_t mu = 0; n->order != NULL && mu < n->samples; mu++) n->order[mu] = mu;
    for (int l = 0; n->velocity != NULL && l <= n->depth; l++) memset(n->velocity[l], 0, weights_of(n, l) * sizeof(double));
    n->flow = (struct network_flow){.step = 0};
}

void network_start(struct network *n, long index)
{
    const double *variance = n->problem->weight_variance;
    n->index = index;
    for (int l = 0; l < n->depth; l++) {
        struct random_stream stream = stream_of(n, index, NETWORK_WEIGHTS + l);
        size_t fan_in = network_columns(n, l);
        random_gaussians(&stream, sqrt(variance[l] / (double)fan_in), n->width * fan_in, n->weight[l]);
    }
    struct random_stream stream = stream_of(n, index, NETWORK_WEIGHTS + n->depth);
    random_gaussians(&stream, sqrt(variance[n->depth]), n->width, n->readout);
    for (size_t i = 0; n->root != NULL && i < n->input_dim; i++) n->root[i] = sqrt(n->problem->eigenvalue[mode_of(n, i)]);
    draw_target(n, index);
    n->input_stream = stream_of(n, index, NETWORK_INPUTS);
    n->noise_stream = stream_of(n, index, NETWORK_NOISE);
    if (n->problem->batch != BATCH_ONLINE) network_draw_inputs(n, n->samples, n->inputs);
    if (n->noise != NULL) random_gaussians(&n->noise_stream, n->problem->label_noise, n->samples, n->noise);
    start_training(n, index);
    singular_start(&n->singular);
    probe_start(&n->probe);
}

void network_transfer(struct network *n, archive *a)
{
    archive_tag(a, "weights");
    for (int l = 0; l < n->depth; l++) archive_doubles(a, n->weight[l], n->width * network_columns(n, l));
    archive_doubles(a, n->readout, n->width);
    archive_tag(a, "between");
    archive_bytes(a, n->input_stream.state, sizeof n->input_stream.state);
    archive_bytes(a, n->noise_stream.state, sizeof n->noise_stream.state);
    archive_double(a, &n->flow.elapsed);
    archive_double(a, &n->flow.step);
    archive_long(a, &n->step);
    for (int l = 0; n->velocity != NULL && l <= n->depth; l++) archive_doubles(a, n->velocity[l], weights_of(n, l));
    archive_bytes(a, n->batch_stream.state, sizeof n->batch_stream.state);
    if (n->order != NULL) archive_bytes(a, n->order, n->samples * sizeof *n->order);
    archive_tag(a, "singular");
    singular_transfer(&n->singular, a);
    probe_transfer(&n->probe, a);
}
