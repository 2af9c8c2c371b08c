/*
 * One dense deep linear network: initial state, the vectors of a step, the update ((C1)-(C7) of doc/theory.md, at finite D, N, P).
 *
 * The network is linear, f(x) = w . A_{L-1} .. A_0 x/(gamma sqrt(N)), so the P samples act through two vectors of the input space, and a step
 * of gradient descent on (1/2P) sum Delta^2 with rate eta gamma^2 D is matrix-vector work:
 *
 *     g^L = w,  g^l = A_l^T g^{l+1}                          backward
 *     v = w* - A_0^T g^1/(gamma sqrt(N/D))                   what the predictor lacks
 *     Delta = X v/sqrt(D) + sigma_eps eps                    errors on the samples
 *     h^0 = (sqrt(D)/P) X^T Delta                            what the gradient sees of v (vhat)
 *     h^{l+1} = A_l h^l                                      forward
 *     A_l += (c/fan-in) g^{l+1} h^l^T,  w += c h^L,          c = eta gamma/sqrt(N/D)
 *
 * with gamma = gamma0 sqrt(N/D) in muP and gamma0 in NTK, N/D of the actual sizes, and all vectors of before the update. At the start the
 * entries of A_l are N(0, sigma_l^2/fan-in), those of w N(0, sigma_w^2), inputs N(0, 1), and w* a Gaussian vector scaled to |w*|^2 = D.
 *
 * In gradient flow (flow.c) the vectors are also wanted at weights that differ from A_l by terms g h^T of stages before; these terms are never
 * added up: each product with A_l is mended by their inner products. There batch: online means the law of the inputs, vhat = v.
 *
 * X passes the processor once a step: a block of rows that fits its cache is multiplied by v and then, transposed, by its errors. Online the
 * block is drawn, used and forgotten, so that X is never held.
 *
 * Cost of a step: 2 P D + 3 N D + 3 (L-1) N^2 multiply-adds (online: and P D Gaussians); memory P D + N D + (L-1) N^2 doubles (online: without
 * the first term).
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

static int is_population(const dmft_problem *problem) { return problem->flow && problem->batch == BATCH_ONLINE; }

/* Rows of each h and g. */
static double rows_of(const dmft_problem *problem) { return problem->flow ? NETWORK_STAGES : 1; }

/* Rows of X that are held, and errors of samples. */
static double held_rows(const dmft_problem *problem)
{
    if (is_population(problem)) return 0;
    return problem->batch == BATCH_FULL ? network_size_of(problem).samples : network_block_rows(problem);
}

static double errors_of(const dmft_problem *problem) { return is_population(problem) ? 0 : network_size_of(problem).samples; }

static int noise_is_held(const dmft_problem *problem) { return problem->batch == BATCH_FULL && problem->label_noise > 0; }

double network_doubles(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    double L = problem->depth, rows = rows_of(problem);
    double matrices = held_rows(problem) * n.input_dim + n.width * n.input_dim + (L - 1) * n.width * n.width;
    double vectors = (2 + rows) * n.input_dim + (2 * L * rows + 1) * n.width + errors_of(problem) + (noise_is_held(problem) ? n.samples : 0);
    return matrices + vectors;
}

size_t network_columns(const struct network *n, int l) { return l == 0 ? n->input_dim : n->width; }

/* ---- Life ---- */

/* count + 1 pointers, of which `first` .. `count` get arrays of `length` doubles; *whole drops to 0 when one is not to be had. */
static double **arrays(int first, int count, size_t length, int *whole)
{
    double **list = calloc((size_t)count + 1, sizeof *list);
    if (list == NULL) *whole = 0;
    for (int i = first; list != NULL && i <= count; i++)
        if ((list[i] = memory_doubles(length)) == NULL) *whole = 0;
    return list;
}

static void arrays_free(double **list, int count)
{
    for (int i = 0; list != NULL && i <= count; i++) free(list[i]);
    free(list);
}

/* Takes all arrays; 0 when one is not to be had. */
static int network_allocate(struct network *n)
{
    int whole = 1, L = n->depth;
    size_t D = n->input_dim, N = n->width, rows = (size_t)rows_of(n->problem);
    n->weight = arrays(1, L - 1, N * N, &whole);
    n->h_rows = arrays(1, L, rows * N, &whole);
    n->g_rows = arrays(1, L, rows * N, &whole);
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
    n->gamma = problem->parameterization == PARAMETERIZATION_MUP ? problem->gamma0 * sqrt(ratio) : problem->gamma0;
    n->coupling = problem->learning_rate * n->gamma / sqrt(ratio);
    int status = network_allocate(n) ? network_singular_create(n, err) : error_memory(err, 8 * network_doubles(problem));
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
    arrays_free(n->weight, n->depth - 1);
    arrays_free(n->h_rows, n->depth);
    arrays_free(n->g_rows, n->depth);
    free(n->h);
    free(n->g);
    free(n->readout);
    free(n->target);
    free(n->v);
    free(n->Delta);
    free(n->inputs);
    free(n->noise);
    free(n->time);
    free(n);
}

/* ---- Initial state ---- */

static struct random_stream stream_of(const struct network *n, long index, int purpose)
{
    return random_start(n->problem->simulation.seed, (uint64_t)index, (uint64_t)purpose);
}

static void draw_target(struct network *n, long index)
{
    struct random_stream stream = stream_of(n, index, NETWORK_TARGET);
    int D = (int)n->input_dim;
    double norm = 0;
    while (!(norm > 0)) { /* a Gaussian of 24 bits can be 0, and D can be 1 */
        random_gaussians(&stream, 1.0, n->input_dim, n->target);
        norm = cblas_dnrm2(D, n->target, 1);
    }
    cblas_dscal(D, sqrt((double)D) / norm, n->target, 1);
}

void network_start(struct network *n, long index)
{
    const double *variance = n->problem->weight_variance;
    for (int l = 0; l < n->depth; l++) {
        struct random_stream stream = stream_of(n, index, NETWORK_WEIGHTS + l);
        size_t fan_in = network_columns(n, l);
        random_gaussians(&stream, sqrt(variance[l] / (double)fan_in), n->width * fan_in, n->weight[l]);
    }
    struct random_stream stream = stream_of(n, index, NETWORK_WEIGHTS + n->depth);
    random_gaussians(&stream, sqrt(variance[n->depth]), n->width, n->readout);
    draw_target(n, index);
    n->input_stream = stream_of(n, index, NETWORK_INPUTS);
    n->noise_stream = stream_of(n, index, NETWORK_NOISE);
    if (n->problem->batch == BATCH_FULL) random_gaussians(&n->input_stream, 1.0, n->samples * n->input_dim, n->inputs);
    if (n->noise != NULL) random_gaussians(&n->noise_stream, n->problem->label_noise, n->samples, n->noise);
    n->flow = (struct network_flow){.step = 0};
    singular_start(&n->singular);
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
    archive_tag(a, "singular");
    singular_transfer(&n->singular, a);
}

/* ---- A step ---- */

static size_t length_of(const struct network *n, int l) { return l == 0 ? n->input_dim : n->width; }

/* y += factor sum_j bend_j (c/fan-in) (from_j . x) to_j over the rows of the stages before. */
static void add_bends(const struct network *n, double factor, const double *from, size_t inner, const double *x, const double *to, size_t outer, double *y)
{
    double share[NETWORK_STAGES];
    if (n->bends == 0) return;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, n->bends, (int)inner, factor, from, (int)inner, x, 1, 0.0, share, 1);
    for (int j = 0; j < n->bends; j++) share[j] *= n->bend[j];
    cblas_dgemv(CblasRowMajor, CblasTrans, n->bends, (int)outer, 1.0, to, (int)outer, share, 1, 1.0, y, 1);
}

/* y = A_l x. */
static void product(const struct network *n, int l, const double *x, double *y)
{
    size_t N = n->width, columns = network_columns(n, l);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)N, (int)columns, 1.0, n->weight[l], (int)columns, x, 1, 0.0, y, 1);
    add_bends(n, n->coupling / (double)columns, n->h_rows[l], columns, x, n->g_rows[l + 1], N, y);
}

/* y = factor A_l^T x + keep y. */
static void transposed_product(const struct network *n, int l, double factor, const double *x, double keep, double *y)
{
    size_t N = n->width, columns = network_columns(n, l);
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)N, (int)columns, factor, n->weight[l], (int)columns, x, 1, keep, y, 1);
    add_bends(n, factor * n->coupling / (double)columns, n->g_rows[l + 1], N, x, n->h_rows[l], columns, y);
}

/* g^L .. g^1. */
static void backward(struct network *n)
{
    int N = (int)n->width, L = n->depth;
    memcpy(n->g[L], n->readout, n->width * sizeof(double));
    if (n->bends > 0) cblas_dgemv(CblasRowMajor, CblasTrans, n->bends, N, n->coupling, n->h_rows[L], N, n->bend, 1, 1.0, n->g[L], 1);
    for (int l = L - 1; l >= 1; l--) transposed_product(n, l, 1.0, n->g[l + 1], 0.0, n->g[l]);
}

/* v. */
static void residual_of_predictor(struct network *n)
{
    double scale = -1.0 / (n->gamma * sqrt((double)n->width / (double)n->input_dim));
    memcpy(n->v, n->target, n->input_dim * sizeof(double));
    transposed_product(n, 0, scale, n->g[1], 1.0, n->v);
}

/* The label noise of this step, as the start of Delta. */
static void fill_noise(struct network *n)
{
    if (n->noise != NULL)
        memcpy(n->Delta, n->noise, n->samples * sizeof(double));
    else if (n->problem->batch == BATCH_ONLINE)
        random_gaussians(&n->noise_stream, n->problem->label_noise, n->samples, n->Delta);
    else
        memset(n->Delta, 0, n->samples * sizeof(double));
}

/* Delta and h^0 = vhat, in one pass over X. */
static void pass_samples(struct network *n)
{
    int D = (int)n->input_dim, online = n->problem->batch == BATCH_ONLINE;
    double root = sqrt((double)D), *vhat = n->h[0];
    if (is_population(n->problem)) {
        memcpy(vhat, n->v, n->input_dim * sizeof *vhat);
        return;
    }
    fill_noise(n);
    memset(vhat, 0, n->input_dim * sizeof(double));
    for (size_t first = 0; first < n->samples; first += n->block) {
        size_t rows = n->samples - first < n->block ? n->samples - first : n->block;
        if (online) random_gaussians(&n->input_stream, 1.0, rows * n->input_dim, n->inputs);
        const double *X = online ? n->inputs : n->inputs + first * n->input_dim;
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)rows, D, 1.0 / root, X, D, n->v, 1, 1.0, n->Delta + first, 1);
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)rows, D, root / (double)n->samples, X, D, n->Delta + first, 1, 1.0, vhat, 1);
    }
}

/* h^1 .. h^L. */
static void forward(struct network *n)
{
    for (int l = 0; l < n->depth; l++) product(n, l, n->h[l], n->h[l + 1]);
}

void network_evaluate_stage(struct network *n, int stage, const double bend[])
{
    n->bends = stage;
    for (int j = 0; j < stage; j++) n->bend[j] = bend[j];
    for (int l = 0; l <= n->depth; l++) {
        n->h[l] = n->h_rows[l] + (size_t)stage * length_of(n, l);
        if (l > 0) n->g[l] = n->g_rows[l] + (size_t)stage * n->width;
    }
    backward(n);
    residual_of_predictor(n);
    pass_samples(n);
    forward(n);
}

void network_evaluate(struct network *n) { network_evaluate_stage(n, 0, NULL); }

void network_learn(struct network *n)
{
    int N = (int)n->width;
    for (int l = 0; l < n->depth; l++) {
        int fan_in = (int)network_columns(n, l);
        cblas_dger(CblasRowMajor, N, fan_in, n->coupling / fan_in, n->g[l + 1], 1, n->h[l], 1, n->weight[l], fan_in);
    }
    cblas_daxpy(N, n->coupling, n->h[n->depth], 1, n->readout, 1);
}

void network_bend(struct network *n, const double weight[NETWORK_STAGES])
{
    int N = (int)n->width;
    for (int l = 0; l < n->depth; l++) {
        int fan_in = (int)network_columns(n, l);
        for (int j = 0; j < NETWORK_STAGES; j++) cblas_dscal(N, weight[j], n->g_rows[l + 1] + j * N, 1);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, N, fan_in, NETWORK_STAGES, n->coupling / fan_in, n->g_rows[l + 1], N, n->h_rows[l], fan_in,
                    1.0, n->weight[l], fan_in);
    }
    cblas_dgemv(CblasRowMajor, CblasTrans, NETWORK_STAGES, N, n->coupling, n->h_rows[n->depth], N, weight, 1, 1.0, n->readout, 1);
}

/* ---- Kernels ---- */

size_t network_kernel_columns(const dmft_problem *problem) { return 2 * (size_t)problem->depth + 3; }

static double mean_square(const double *x, size_t n) { return cblas_ddot((int)n, x, 1, x, 1) / (double)n; }

void network_kernels(const struct network *n, double *out)
{
    double noise = n->problem->label_noise, C_v = mean_square(n->v, n->input_dim);
    *out++ = C_v;
    *out++ = is_population(n->problem) ? C_v + noise * noise : mean_square(n->Delta, n->samples);
    *out++ = mean_square(n->h[0], n->input_dim);
    for (int l = 1; l <= n->depth; l++) *out++ = mean_square(n->h[l], n->width);
    for (int l = 1; l <= n->depth; l++) *out++ = mean_square(n->g[l], n->width);
}
