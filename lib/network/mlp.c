/*
 * One dense nonlinear network of width N: initial state, the vectors of a step, the update; (W1), (W2) and (X1)-(X5) of doc/theory.md.
 *
 *     h^1_mu = A_0 V_mu + b^1,  h^{l+1}_mu = A_l phi(h^l_mu) + b^{l+1}          forward, P + Q inputs
 *     f_mu = readout phi(h^L_mu)/(gamma0 N)
 *     g^L_{mu k} = phi'(h^L_mu) w_k,  g^l_{mu k} = phi'(h^l_mu) A_l^T g^{l+1}_{mu k}   backward, P K vectors
 *     G of every weight = c x left^T right over the samples of the batch, c = gamma0 eta/|B|:
 *         A_0: delta^1 V,  A_l: delta^{l+1} phi^l/N,  readout: Delta phi^L,  b^l: 1 delta^l,     delta^l_mu = sum_k Delta_{mu k} g^l_{mu k}
 *     m <- momentum m + G,  W <- (1 - weight_decay) W + e_t m
 *
 * V V^T = K^x is a factor of the joint Gram matrix of all inputs, from its eigenvectors, so that singular ones (equal inputs, P > D) are no exception;
 * A_0 has a column for each eigenvalue that is not rounding. Entries are drawn N(0, sigma_0^2) for A_0, N(0, sigma_l^2/N) for A_l, N(0, sigma_w^2)
 * for the readout; biases start at 0. So the network is exact in law at every N, N = 1 included.
 *
 * Cost of a step: each A_l, l >= 1, is read once forward (P + Q vectors), once backward (P K), and read and written once by the update, of rank |B|:
 * N^2 (P + Q + P K + |B|) multiply-adds a matrix. With few vectors that is the time of three passes over A_l: products then go through blocks of
 * rows that stay in the cache while all vectors pass (1.4 ms a product at N = 1500 and three vectors, where dgemm, which copies A_l first, takes
 * 2.4 ms); with more than FEW vectors they are matrix-matrix products. Memory: (L-1) N^2 doubles, twice that with momentum, and L (P + Q + P + P K) N.
 */
#include "network/mlp.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/batch.h"
#include "base/error.h"
#include "base/random.h"
#include "ensemble/weights.h"
#include "network/mlp_many.h"

/* 256 kB of a matrix: with the vectors well inside the second-level cache of any processor of the last ten years. */
static const size_t BLOCK_DOUBLES = 32768;

/* Vectors up to which products by blocks of rows are faster than dgemm: 8 at N = 400 and 1500, 4 at N = 4000. */
static const size_t FEW = 8;

/* ---- Life ---- */

/* Room for a matrix with its momentum; 0 when it is not to be had. */
static int weight_create(struct mlp_weight *w, size_t rows, size_t columns, int momentum)
{
    *w = (struct mlp_weight){.rows = rows, .columns = columns, .value = memory_doubles_large(rows * columns)};
    if (momentum) w->momentum = memory_doubles_large(rows * columns);
    return w->value != NULL && (!momentum || w->momentum != NULL);
}

static void weights_free(struct mlp_weight *list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++) {
        free(list[i].value);
        free(list[i].momentum);
    }
    free(list);
}

/* V from the eigenvectors of K^x; fills n->rank, at least 1. */
static int factorise(struct dense_mlp *n, dmft_error *err)
{
    size_t order = n->inputs, kept = 0;
    double *U = memory_doubles(order * order), *lambda = memory_doubles(order), *work = memory_doubles(64 * order);
    n->factor = memory_doubles(order * order);
    int status = U && lambda && work && n->factor ? DMFT_OK : error_memory(err, 16.0 * (double)order * (double)order);
    if (status == DMFT_OK) {
        memcpy(U, n->problem->mlp.gram, order * order * sizeof *U);
        int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'U', (int)order, U, (int)order, lambda, work, (int)(64 * order));
        if (info != 0) status = error_set(err, DMFT_ERROR_NUMERIC, "the Gram matrix of the inputs: no eigenvalues (dsyev: %d)", info);
    }
    if (status == DMFT_OK) {
        double rounding = (double)order * DBL_EPSILON * lambda[order - 1];
        while (kept < order && lambda[order - 1 - kept] > rounding) kept++;
        n->rank = kept > 0 ? kept : 1; /* inputs that are all 0: a column of zeros */
        for (size_t mu = 0; mu < order; mu++)
            for (size_t j = 0; j < kept; j++) n->factor[mu * n->rank + j] = U[(order - 1 - j) * order + mu] * sqrt(lambda[order - 1 - j]);
    }
    free(U);
    free(lambda);
    free(work);
    return status;
}

static int allocate_weights(struct dense_mlp *n)
{
    int L = n->depth, whole = 1, momentum = n->problem->momentum > 0;
    n->matrix = calloc((size_t)L + 1, sizeof *n->matrix);
    if (n->matrix == NULL) return 0;
    for (int l = 0; l <= L; l++)
        whole &= weight_create(&n->matrix[l], l < L ? n->width : n->outputs, l == 0 ? n->rank : n->width, momentum);
    if (!n->problem->mlp.bias) return whole;
    n->bias = calloc((size_t)L + 1, sizeof *n->bias);
    for (int l = 1; n->bias != NULL && l <= L; l++) whole &= weight_create(&n->bias[l], 1, n->width, momentum);
    return whole && n->bias != NULL;
}

static int allocate_vectors(struct dense_mlp *n, int many)
{
    int whole = 1, L = n->depth;
    size_t N = n->width, P = n->samples, PK = P * n->outputs, longer = N > n->rank ? N : n->rank;
    n->phi = memory_arrays(1, L, n->inputs * N, &whole);
    n->slope = memory_arrays(1, L, P * N, &whole);
    if (!many) n->g = memory_arrays(1, L, PK * N, &whole);
    n->h = memory_doubles(n->inputs * N);
    n->f = memory_doubles(n->inputs * n->outputs);
    n->Delta = memory_doubles(PK);
    n->losses = memory_doubles(n->inputs);
    n->batch = calloc(P, sizeof *n->batch);
    n->left = memory_doubles(P * N);
    n->right = memory_doubles(P * longer);
    n->Delta_batch = memory_doubles(PK);
    n->ones = memory_doubles(P);
    for (size_t mu = 0; n->ones != NULL && mu < P; mu++) n->ones[mu] = 1;
    return whole && n->h && n->f && n->Delta && n->losses && n->batch && n->left && n->right && n->Delta_batch && n->ones;
}

static int allocate_measures(struct dense_mlp *n, int many)
{
    int whole = 1;
    size_t P = n->samples, PK = P * n->outputs, rows = (size_t)n->problem->rows;
    n->products = memory_doubles(PK);
    if (many) return n->products != NULL;
    n->C_phi = memory_doubles(P * P);
    n->C_g = memory_doubles(PK * PK);
    n->ntk = memory_doubles(PK * PK);
    n->eigenvalue = memory_doubles(PK);
    n->work_size = (int)(32 * PK);
    n->work = memory_doubles(32 * PK);
    n->iwork = calloc(10 * PK, sizeof *n->iwork);
    if (n->problem->store_kernels) {
        n->phi_history = memory_arrays(1, n->depth, rows * P * n->width, &whole);
        n->g_history = memory_arrays(1, n->depth, rows * PK * n->width, &whole);
    }
    return whole && n->C_phi && n->C_g && n->ntk && n->eigenvalue && n->work && n->iwork && n->products;
}

static int create_singular(struct dense_mlp *n, dmft_error *err)
{
    size_t count = (size_t)n->depth - 1, wanted = (size_t)n->problem->outlier_count + 1, *size = calloc(count + 1, sizeof *size);
    if (size == NULL) return error_memory(err, (double)(count + 1) * sizeof *size);
    for (size_t i = 0; i < count; i++) size[i] = n->width;
    n->start_count = n->samples < DENSE_MLP_STARTS ? n->samples : DENSE_MLP_STARTS;
    int status = singular_create(&n->singular, count, size, size, wanted < n->width ? wanted : n->width, n->start_count, err);
    free(size);
    return status;
}

/* The largest number that BLAS is to count. */
static double largest_size(const dmft_problem *problem, int many)
{
    const struct mlp_problem *m = &problem->mlp;
    double N = (double)problem->simulation.width, P = (double)m->samples, K = (double)m->outputs;
    double kernels = problem->store_kernels ? P * (double)problem->rows : 0, work = many ? 1 : 32; /* of LAPACK, a row of the tangent kernel */
    return fmax(fmax(N * K, 64 * (P + (double)m->tests)), fmax(work * P * K, kernels));
}

int dense_mlp_create(struct dense_mlp **out, const dmft_problem *problem, dmft_error *err)
{
    return dense_mlp_create_as(out, problem, mlp_many_is_better(problem), err);
}

int dense_mlp_create_as(struct dense_mlp **out, const dmft_problem *problem, int many, dmft_error *err)
{
    double largest = largest_size(problem, many);
    if (!(largest <= INT_MAX))
        return error_set(err, DMFT_ERROR_ARGUMENT, "dense networks of width %ld with %zu samples and %zu outputs are too large: a size of %.0f, at most %d",
                         problem->simulation.width, problem->mlp.samples, problem->mlp.outputs, largest, INT_MAX);
    struct dense_mlp *n = calloc(1, sizeof *n);
    if (n == NULL) return error_memory(err, sizeof *n);
    n->problem = problem;
    n->table = mlp_table_of(problem, 0);
    n->table.partial = many;
    n->depth = problem->depth;
    n->width = (size_t)problem->simulation.width;
    n->samples = problem->mlp.samples;
    n->inputs = problem->mlp.samples + problem->mlp.tests;
    n->outputs = problem->mlp.outputs;
    int status = factorise(n, err);
    if (status == DMFT_OK && !(allocate_weights(n) && allocate_vectors(n, many) && allocate_measures(n, many)))
        status = error_memory(err, 8 * dense_mlp_doubles(problem));
    if (status == DMFT_OK) status = create_singular(n, err);
    if (status == DMFT_OK && many) status = mlp_many_create(&n->many, n, err);
    if (status != DMFT_OK) {
        dense_mlp_free(n);
        return status;
    }
    *out = n;
    return DMFT_OK;
}

void dense_mlp_free(struct dense_mlp *n)
{
    if (n == NULL) return;
    singular_free(&n->singular);
    mlp_many_free(n->many, n->depth);
    weights_free(n->matrix, (size_t)n->depth + 1);
    weights_free(n->bias, (size_t)n->depth + 1);
    double **lists[] = {n->phi, n->slope, n->g, n->phi_history, n->g_history};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) memory_arrays_free(lists[i], n->depth);
    double *arrays[] = {n->factor, n->h, n->f, n->Delta, n->losses, n->left, n->right, n->Delta_batch, n->ones, n->C_phi, n->C_g, n->ntk, n->eigenvalue,
                        n->work, n->products};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
    free(n->batch);
    free(n->iwork);
    free(n);
}

/* ---- Initial state ---- */

void dense_mlp_start(struct dense_mlp *n, long index)
{
    for (int l = 0; l <= n->depth; l++) {
        struct mlp_weight *w = &n->matrix[l];
        struct random_stream stream = random_start(n->problem->simulation.seed, (uint64_t)index, (uint64_t)(DENSE_MLP_WEIGHTS + l));
        double fan_in = l > 0 && l < n->depth ? (double)n->width : 1;
        random_gaussians(&stream, sqrt(n->problem->weight_variance[l] / fan_in), w->rows * w->columns, w->value);
        if (w->momentum != NULL) memset(w->momentum, 0, w->rows * w->columns * sizeof *w->momentum);
    }
    for (int l = 1; n->bias != NULL && l <= n->depth; l++) {
        memset(n->bias[l].value, 0, n->width * sizeof(double));
        if (n->bias[l].momentum != NULL) memset(n->bias[l].momentum, 0, n->width * sizeof(double));
    }
    n->recorded = 0;
    singular_start(&n->singular);
}

static void transfer_weight(struct mlp_weight *w, archive *a)
{
    archive_doubles(a, w->value, w->rows * w->columns);
    if (w->momentum != NULL) archive_doubles(a, w->momentum, w->rows * w->columns);
}

void dense_mlp_transfer(struct dense_mlp *n, archive *a)
{
    size_t vectors = n->samples * n->width;
    archive_tag(a, "weights");
    for (int l = 0; l <= n->depth; l++) transfer_weight(&n->matrix[l], a);
    for (int l = 1; n->bias != NULL && l <= n->depth; l++) transfer_weight(&n->bias[l], a);
    archive_tag(a, "singular");
    singular_transfer(&n->singular, a);
    archive_tag(a, "history");
    archive_size(a, &n->recorded, n->phi_history != NULL ? (size_t)n->problem->rows : 0);
    for (int l = 1; archive_status(a) == DMFT_OK && n->phi_history != NULL && l <= n->depth; l++) {
        archive_doubles(a, n->phi_history[l], n->recorded * vectors);
        archive_doubles(a, n->g_history[l], n->recorded * vectors * n->outputs);
    }
}

/* ---- Products ---- */

/* Rows of a matrix that pass together. */
static size_t block_rows(const struct mlp_weight *w)
{
    size_t rows = BLOCK_DOUBLES / w->columns;
    return rows < 1 ? 1 : rows < w->rows ? rows : w->rows;
}

void dense_mlp_product(const struct mlp_weight *w, double scale, const double *X, size_t count, double *Y)
{
    int rows = (int)w->rows, columns = (int)w->columns;
    if (count > FEW) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, rows, columns, scale, X, columns, w->value, columns, 0.0, Y, rows);
        return;
    }
    size_t block = block_rows(w);
    for (size_t first = 0; first < w->rows; first += block) {
        size_t some = w->rows - first < block ? w->rows - first : block;
        for (size_t i = 0; i < count; i++)
            cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)some, columns, scale, w->value + first * w->columns, columns, X + i * w->columns, 1, 0.0,
                        Y + i * w->rows + first, 1);
    }
}

void dense_mlp_transposed_product(const struct mlp_weight *w, const double *X, size_t count, double *Y)
{
    int rows = (int)w->rows, columns = (int)w->columns;
    if (count > FEW) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)count, columns, rows, 1.0, X, rows, w->value, columns, 0.0, Y, columns);
        return;
    }
    size_t block = block_rows(w);
    for (size_t first = 0; first < w->rows; first += block) {
        size_t some = w->rows - first < block ? w->rows - first : block;
        for (size_t i = 0; i < count; i++)
            cblas_dgemv(CblasRowMajor, CblasTrans, (int)some, columns, 1.0, w->value + first * w->columns, columns, X + i * w->rows + first, 1,
                        first > 0 ? 1.0 : 0.0, Y + i * w->columns, 1);
    }
}

/* ---- A step ---- */

/* phi^l and phi'^l from h. */
static void activate(struct dense_mlp *n, int l)
{
    const dmft_activation *a = &n->problem->mlp.activation;
    size_t trained = n->samples * n->width, all = n->inputs * n->width;
    a->apply(a->user, trained, n->h, n->phi[l], n->slope[l], NULL);
    if (all > trained) a->apply(a->user, all - trained, n->h + trained, n->phi[l] + trained, NULL, NULL);
}

static void forward(struct dense_mlp *n)
{
    for (int l = 1; l <= n->depth; l++) {
        dense_mlp_product(&n->matrix[l - 1], 1.0, l == 1 ? n->factor : n->phi[l - 1], n->inputs, n->h);
        for (size_t mu = 0; n->bias != NULL && mu < n->inputs; mu++) cblas_daxpy((int)n->width, 1.0, n->bias[l].value, 1, n->h + mu * n->width, 1);
        activate(n, l);
    }
    dense_mlp_product(&n->matrix[n->depth], 1.0 / (n->problem->gamma0 * (double)n->width), n->phi[n->depth], n->inputs, n->f);
}

/* g^l = phi'^l z^l, where z^l stands in g[l], or, of the last layer, is the readout. */
static void apply_slopes(struct dense_mlp *n, int l)
{
    size_t N = n->width, K = n->outputs;
    for (size_t mu = 0; mu < n->samples; mu++)
        for (size_t k = 0; k < K; k++) {
            double *g = n->g[l] + (mu * K + k) * N;
            const double *slope = n->slope[l] + mu * N, *z = l == n->depth ? n->matrix[l].value + k * N : g;
            for (size_t i = 0; i < N; i++) g[i] = slope[i] * z[i];
        }
}

static void backward(struct dense_mlp *n)
{
    for (int l = n->depth; l >= 1; l--) {
        if (l < n->depth) dense_mlp_transposed_product(&n->matrix[l], n->g[l + 1], n->samples * n->outputs, n->g[l]);
        apply_slopes(n, l);
    }
}

/* Losses of all inputs that have a target, Delta of the samples. */
static void evaluate_losses(struct dense_mlp *n)
{
    const struct mlp_problem *m = &n->problem->mlp;
    size_t P = n->samples, K = n->outputs;
    for (size_t mu = 0; mu < n->inputs; mu++) {
        const double *f = n->f + mu * K;
        if (mu < P)
            n->losses[mu] = mlp_loss(m->loss, K, f, m->target + mu * K, n->Delta + mu * K);
        else
            n->losses[mu] = m->test_target != NULL ? mlp_loss(m->loss, K, f, m->test_target + (mu - P) * K, NULL) : NAN;
    }
}

void dense_mlp_evaluate(struct dense_mlp *n)
{
    forward(n);
    evaluate_losses(n);
    if (n->many != NULL)
        mlp_many_backward(n);
    else
        backward(n);
}

/* ---- The update ---- */

/* What a step does to every weight. */
struct rule {
    double momentum, keep, step; /* m <- momentum m + G, W <- keep W + step m */
};

/* G = factor left^T right over `count` samples. W and its momentum pass by in blocks, so that each is fetched once. */
static void update(const struct rule *rule, struct mlp_weight *w, double factor, size_t count, const double *left, const double *right)
{
    size_t block = w->momentum != NULL || rule->keep != 1.0 ? block_rows(w) : w->rows;
    int columns = (int)w->columns;
    for (size_t first = 0; first < w->rows; first += block) {
        size_t some = w->rows - first < block ? w->rows - first : block;
        double *value = w->value + first * w->columns, *m = w->momentum != NULL ? w->momentum + first * w->columns : NULL;
        double *into = m != NULL ? m : value;
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)some, columns, (int)count, m != NULL ? factor : factor * rule->step, left + first,
                    (int)w->rows, right, columns, m != NULL ? rule->momentum : rule->keep, into, columns);
        for (size_t i = 0; m != NULL && i < some * w->columns; i++) value[i] = rule->keep * value[i] + rule->step * m[i];
    }
}

/* delta^l of the samples of the batch, in n->left. */
static void weigh_backward(struct dense_mlp *n, int l, size_t count)
{
    size_t N = n->width, K = n->outputs;
    for (size_t b = 0; b < count; b++)
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)K, (int)N, 1.0, n->g[l] + n->batch[b] * K * N, (int)N, n->Delta + n->batch[b] * K, 1, 0.0,
                    n->left + b * N, 1);
}

/* The rows of the batch out of `from`. */
static void gather(const struct dense_mlp *n, const double *from, size_t length, size_t count, double *to)
{
    for (size_t b = 0; b < count; b++) memcpy(to + b * length, from + n->batch[b] * length, length * sizeof *to);
}

void dense_mlp_learn(struct dense_mlp *n, long t)
{
    const dmft_problem *p = n->problem;
    int L = n->depth;
    size_t count = batch_at(n->problem, t, n->batch);
    double c = n->problem->gamma0 * n->problem->learning_rate / (double)count;
    struct rule rule = {.momentum = p->momentum, .keep = 1.0 - p->weight_decay, .step = p->schedule != NULL ? p->schedule[t] : 1.0};
    for (int l = 0; l < L; l++) {
        struct mlp_weight *w = &n->matrix[l];
        if (n->many != NULL)
            gather(n, n->many->delta[l + 1], n->width, count, n->left);
        else
            weigh_backward(n, l + 1, count);
        gather(n, l == 0 ? n->factor : n->phi[l], w->columns, count, n->right);
        update(&rule, w, l == 0 ? c : c / (double)n->width, count, n->left, n->right);
        if (n->bias != NULL) update(&rule, &n->bias[l + 1], c, count, n->ones, n->left);
    }
    gather(n, n->Delta, n->outputs, count, n->Delta_batch);
    gather(n, n->phi[L], n->width, count, n->right);
    update(&rule, &n->matrix[L], c, count, n->Delta_batch, n->right);
}

/* ---- As a member of an ensemble ---- */

static int member_create(void **state, const dmft_problem *problem, dmft_error *err)
{
    struct dense_mlp *n;
    int status = dense_mlp_create(&n, problem, err);
    if (status == DMFT_OK) *state = n;
    return status;
}

static void member_free(void *state) { dense_mlp_free(state); }

static int member_start(void *state, long index, dmft_error *err)
{
    (void)err;
    dense_mlp_start(state, index);
    return DMFT_OK;
}

static int member_row(void *state, long row, double *slot, dmft_error *err)
{
    dense_mlp_evaluate(state);
    return dense_mlp_record(state, row, slot, err);
}

static void member_keep(void *state, long row, double *kept)
{
    const struct dense_mlp *n = state;
    struct weights_matrix matrix[WEIGHTS_MOST];
    for (int l = 0; l <= n->depth; l++) {
        const struct mlp_weight *w = &n->matrix[l];
        double scale = l > 0 && l < n->depth ? 1.0 : 1.0 / sqrt((double)w->columns);
        matrix[l] = (struct weights_matrix){w->rows, w->columns, scale, w->value};
    }
    weights_keep(kept, matrix, (size_t)n->depth + 1, row, n->problem->rows);
}

static int member_advance(void *state, long row, dmft_error *err)
{
    (void)err;
    dense_mlp_learn(state, row);
    return 1;
}

static void member_transfer(void *state, archive *a) { dense_mlp_transfer(state, a); }

const struct ensemble_kind ensemble_dense_mlp = {.name = "network",
                                                 .steps = "network steps",
                                                 .file = "simulate",
                                                 .create = member_create,
                                                 .free = member_free,
                                                 .start = member_start,
                                                 .row = member_row,
                                                 .keep = member_keep,
                                                 .advance = member_advance,
                                                 .transfer = member_transfer};
