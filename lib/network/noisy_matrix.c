/*
 * Sampled matrices in training: (NM1) of doc/theory.md with N x D matrices.
 *
 * Every member trains two matrices that begin alike and are shaken alike: one sees the teacher, its twin sees labels without it (the noise alone). The
 * spectrum of the twin is the bulk; what the largest singular value of the first is beyond it is the teacher's. Where N and D are finite this needs no
 * formula for the edge: an eigenvalue counts as isolated where it exceeds the twin's largest by a part of min(N, D)^{-2/3}, the spread of an edge. That
 * is asked of the means over all members, so that no member is chosen by its eigenvalue, and the result hangs on their number by its errors alone.
 *
 * With a sample, its covariance S and the labels' part of the gradient are made once, from blocks of inputs that are not kept.
 *
 * Time: a step 2 N D, with a sample 4 N D^2; P D^2 once; a recorded row 6 n^3, n = min(N, D). Memory: 5 N D, D^2, 2 n^2.
 */
#include "network/simulate.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cost.h"
#include "base/error.h"
#include "base/random.h"
#include "base/trajectory.h"
#include "ensemble/samples.h"
#include "spectrum/spacing.h"

/* Streams of one matrix, by purpose. */
enum { DRAW_TEACHER = 8192, DRAW_INPUTS, DRAW_LABELS, DRAW_WEIGHTS, DRAW_STEPS };

enum { EDGE, ISOLATED, LEFT, RIGHT, VARIANCE, FIRST, SPACING_RATIO, SPACING_DISTANCE, FRACTION, COLUMNS };

enum { BLOCK = 64, SCRATCH = 40 }; /* inputs that are worked on together; doubles a row for dsyevr, of which 26 are the least */

static const double most_rows = 0x1p30, most_samples = 0x1p50; /* that BLAS can count, twice; that a double can */
static const double diverged_at = 1e12; /* as in the theory */
static const double edge_room = 4.0;    /* spreads by which the theory's eigenvalue has to stand off the edge to be compared: section 32 */
static const double spacing_cut = 0.15; /* part of the levels at either end whose density changes within a few spacings */

struct member {
    const dmft_problem *problem;
    size_t rows, columns, samples, order; /* N, D, P (0: the population), n = min(N, D) */
    double *weight;                       /* 2 N x D: the matrix, then its twin */
    double *first;                        /* the twin's first weights, N x D */
    double *step;                         /* 2 N x D: a gradient, or noise */
    double *covariance;                   /* S, D x D, or NULL */
    double *labels;                       /* (1/P) E X, N x D, of the labels' noise E; NULL: none */
    double *inputs, *errors;              /* blocks of X and E */
    double *left, *right;                 /* u, v */
    double *gram, *level, *twin, *vector, *partner, *work;
    lapack_int *integers;
    double start;                         /* the twin's largest eigenvalue in row 0 */
    struct random_stream stream;
};

/* N, D and P (0: the population), as doubles so that sizes beyond any memory can be spoken of. */
struct sizes {
    double rows, columns, samples;
};

static struct sizes sizes_of(const dmft_problem *p)
{
    const struct noisy_matrix_problem *w = &p->noisy_matrix;
    double D = (double)p->simulation.input_dim;
    return (struct sizes){fmax(1.0, round(w->ratio * D)), D, isfinite(w->samples) ? fmax(1.0, round(w->samples * D)) : 0.0};
}

int noisy_matrix_simulate_check(const dmft_problem *p, dmft_error *err)
{
    struct sizes n = sizes_of(p);
    if (n.rows > most_rows) return error_set(err, DMFT_ERROR_CONFIG, "network.width_ratio: sampled matrices have at most 2^30 rows, got %.4g", n.rows);
    if (n.samples > most_samples) return error_set(err, DMFT_ERROR_CONFIG, "data.sample_ratio: at most 2^50 samples are drawn, got %.4g", n.samples);
    return DMFT_OK;
}

static void set_sizes(struct member *m, const dmft_problem *p)
{
    struct sizes n = sizes_of(p);
    m->problem = p;
    m->columns = (size_t)n.columns;
    m->rows = (size_t)n.rows;
    m->samples = (size_t)n.samples;
    m->order = m->rows < m->columns ? m->rows : m->columns;
}

/* ---- life ---- */

static void release(void *state)
{
    struct member *m = state;
    if (m == NULL) return;
    double *all[] = {m->weight, m->first, m->step, m->covariance, m->labels, m->inputs, m->errors, m->left, m->right, m->gram, m->level, m->twin, m->vector,
                     m->partner, m->work};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(m->integers);
    free(m);
}

/* Room for a part of the member; counts what could not be had. */
static double *take(size_t n, int *missing)
{
    double *x = memory_doubles(n);
    *missing += x == NULL;
    return x;
}

static double doubles_of(const dmft_problem *p)
{
    struct sizes size = sizes_of(p);
    double D = size.columns, N = size.rows, n = fmin(N, D);
    double sample = size.samples > 0.0 ? D * D + BLOCK * D + (p->noisy_matrix.label_noise > 0.0 ? N * D + BLOCK * N : 0.0) : 0.0;
    return 5.0 * N * D + sample + 2.0 * (N + D) + n * (n + 8.0 + SCRATCH);
}

static int create(void **out, const dmft_problem *p, dmft_error *err)
{
    struct member *m = calloc(1, sizeof *m);
    int missing = 0;
    if (m == NULL) return error_memory(err, sizeof *m);
    set_sizes(m, p);
    size_t N = m->rows, D = m->columns, n = m->order, longer = N + D - n;
    m->weight = take(2 * N * D, &missing);
    m->first = take(N * D, &missing);
    m->step = take(2 * N * D, &missing);
    if (m->samples > 0) {
        m->covariance = take(D * D, &missing);
        m->inputs = take(BLOCK * D, &missing);
    }
    if (m->samples > 0 && p->noisy_matrix.label_noise > 0.0) {
        m->labels = take(N * D, &missing);
        m->errors = take(N * BLOCK, &missing);
    }
    m->left = take(N, &missing);
    m->right = take(D, &missing);
    m->gram = take(n * n, &missing);
    m->level = take(n, &missing);
    m->twin = take(n, &missing);
    m->vector = take(n, &missing);
    m->partner = take(longer, &missing);
    m->work = take(SCRATCH * n, &missing);
    m->integers = malloc((10 * n + 2) * sizeof *m->integers);
    if (missing == 0 && m->integers != NULL) {
        *out = m;
        return DMFT_OK;
    }
    release(m);
    return error_memory(err, 8.0 * doubles_of(p));
}

/* ---- the start ---- */

static void draw_unit(struct random_stream *stream, size_t n, double *x)
{
    random_gaussians(stream, 1.0, n, x);
    cblas_dscal((int)n, 1.0 / cblas_dnrm2((int)n, x, 1), x, 1);
}

/* S = X^T X/P, and the labels' part of the gradient. */
static void draw_sample(struct member *m, struct random_stream *inputs, struct random_stream *labels)
{
    int N = (int)m->rows, D = (int)m->columns;
    double part = 1.0 / (double)m->samples;
    for (size_t first = 0; first < m->samples; first += BLOCK) {
        size_t count = m->samples - first < BLOCK ? m->samples - first : BLOCK;
        double before = first > 0 ? 1.0 : 0.0;
        random_gaussians(inputs, 1.0, count * m->columns, m->inputs);
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, D, (int)count, part, m->inputs, D, before, m->covariance, D);
        if (m->labels == NULL) continue;
        random_gaussians(labels, m->problem->noisy_matrix.label_noise, count * m->rows, m->errors);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, N, D, (int)count, part, m->errors, N, m->inputs, D, before, m->labels, D);
    }
    for (size_t i = 0; i < m->columns; i++)
        for (size_t j = 0; j < i; j++) m->covariance[i * m->columns + j] = m->covariance[j * m->columns + i];
}

static int start(void *state, long index, dmft_error *err)
{
    struct member *m = state;
    const dmft_problem *p = m->problem;
    uint64_t seed = p->simulation.seed, number = (uint64_t)index;
    size_t size = m->rows * m->columns;
    struct random_stream teacher = random_start(seed, number, DRAW_TEACHER), weights = random_start(seed, number, DRAW_WEIGHTS);
    struct random_stream inputs = random_start(seed, number, DRAW_INPUTS), labels = random_start(seed, number, DRAW_LABELS);
    (void)err;
    m->stream = random_start(seed, number, DRAW_STEPS);
    draw_unit(&teacher, m->rows, m->left);
    draw_unit(&teacher, m->columns, m->right);
    if (m->samples > 0) draw_sample(m, &inputs, &labels);
    random_gaussians(&weights, sqrt(p->noisy_matrix.variance / (double)m->columns), size, m->first);
    memcpy(m->weight, m->first, size * sizeof *m->weight);
    memcpy(m->weight + size, m->first, size * sizeof *m->weight);
    return DMFT_OK;
}

/* ---- a step ---- */

/* W - T, and the twin as it is. */
static void put_errors(struct member *m)
{
    size_t N = m->rows, D = m->columns;
    memcpy(m->step, m->weight, 2 * N * D * sizeof *m->step);
    cblas_dger(CblasRowMajor, (int)N, (int)D, -m->problem->noisy_matrix.teacher, m->left, 1, m->right, 1, m->step, (int)D);
}

/* W <- (1 - omega) W - eta gradient, of both. */
static void descend(struct member *m)
{
    const dmft_problem *p = m->problem;
    size_t size = m->rows * m->columns;
    int N2 = (int)(2 * m->rows), D = (int)m->columns;
    double kept = 1.0 - p->weight_decay, eta = p->learning_rate;
    put_errors(m);
    if (m->samples > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, N2, D, D, -eta, m->step, D, m->covariance, D, kept, m->weight, D);
    else
        for (size_t i = 0; i < 2 * size; i++) m->weight[i] = kept * m->weight[i] - eta * m->step[i];
    for (size_t i = 0; m->labels != NULL && i < 2 * size; i++) m->weight[i] += eta * m->labels[i % size];
}

static void shake(struct member *m)
{
    const dmft_problem *p = m->problem;
    size_t size = m->rows * m->columns;
    double deviation = p->learning_rate * sqrt(p->noisy_matrix.gradient_noise / (double)m->columns);
    if (!(deviation > 0.0)) return;
    random_gaussians(&m->stream, deviation, size, m->step);
    for (size_t i = 0; i < size; i++) {
        m->weight[i] += m->step[i];
        m->weight[size + i] += m->step[i];
    }
}

static int advance(void *state, long row, dmft_error *err)
{
    struct member *m = state;
    (void)row;
    (void)err;
    if (row + 1 == m->problem->rows) return 1;
    descend(m);
    shake(m);
    return 1;
}

/* ---- what is measured ---- */

/* The unit of distances from an edge, relative to it: levels next to it are spread by about as much. */
static double edge_spread(const dmft_problem *p)
{
    struct sizes n = sizes_of(p);
    return pow(fmin(n.rows, n.columns), -2.0 / 3.0);
}

/* Not where either is nan. */
static int stands_off(const dmft_problem *p, double largest, double edge)
{
    return isgreater(largest, edge * (1.0 + edge_spread(p))) && isgreater(largest, 0.0);
}

static void make_gram(struct member *m, const double *weight)
{
    int N = (int)m->rows, D = (int)m->columns, n = (int)m->order, by_rows = m->rows <= m->columns;
    cblas_dsyrk(CblasRowMajor, CblasUpper, by_rows ? CblasNoTrans : CblasTrans, n, by_rows ? D : N, 1.0, weight, D, 0.0, m->gram, n);
}

/* dsyevr for levels first .. n of the Gram matrix, rising (row-major upper is column-major lower), with the vectors where there is room for them. */
static int find_levels(struct member *m, const double *weight, lapack_int first, double *level, double *vector, dmft_error *err)
{
    lapack_int n = (lapack_int)m->order, found;
    make_gram(m, weight);
    lapack_int info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, vector != NULL ? 'V' : 'N', 'I', 'L', n, m->gram, n, 0.0, 0.0, first, n, 0.0, &found, level,
                                          vector, n, m->integers, m->work, SCRATCH * n, m->integers + 2, 10 * n);
    return info == 0 ? DMFT_OK : error_set(err, DMFT_ERROR_NUMERIC, "dsyevr ends with %d", (int)info);
}

static double overlap(size_t n, const double *x, const double *unit)
{
    double product = cblas_ddot((int)n, x, 1, unit, 1), norm = cblas_dnrm2((int)n, x, 1);
    return norm > 0.0 ? pow(product / norm, 2.0) : NAN;
}

/* Squared overlaps of the leading singular vectors with the teacher's. */
static void measure_vectors(struct member *m, double *at)
{
    int N = (int)m->rows, D = (int)m->columns, by_rows = m->rows <= m->columns;
    cblas_dgemv(CblasRowMajor, by_rows ? CblasTrans : CblasNoTrans, N, D, 1.0, m->weight, D, m->vector, 1, 0.0, m->partner, 1);
    at[LEFT] = overlap(m->rows, by_rows ? m->vector : m->partner, m->left);
    at[RIGHT] = overlap(m->columns, by_rows ? m->partner : m->vector, m->right);
}

/* Of the singular values of the bulk; `level` is free by now. */
static void measure_spacings(struct member *m, double *at)
{
    for (size_t i = 0; i < m->order; i++) m->twin[i] = sqrt(fmax(m->twin[i], 0.0));
    at[SPACING_RATIO] = spectrum_spacing_ratio(m->twin, m->order, spacing_cut);
    at[SPACING_DISTANCE] = spectrum_spacing_distance(m->level, spectrum_spacing_unfold(m->twin, m->order, spacing_cut, m->level));
}

static void measure_variances(const struct member *m, double *at)
{
    const double *twin = m->weight + m->rows * m->columns;
    double square = 0.0, product = 0.0;
    for (size_t i = 0; i < m->rows; i++) {
        square += cblas_ddot((int)m->columns, twin + i * m->columns, 1, twin + i * m->columns, 1);
        product += cblas_ddot((int)m->columns, twin + i * m->columns, 1, m->first + i * m->columns, 1);
    }
    at[VARIANCE] = square / (double)m->rows;
    at[FIRST] = product / (double)m->rows;
}

static int record(void *state, long row, double *slot, dmft_error *err)
{
    struct member *m = state;
    double *at = slot + (size_t)row * COLUMNS;
    for (int i = 0; i < COLUMNS; i++) at[i] = NAN;
    measure_variances(m, at);
    if (!(at[VARIANCE] <= diverged_at)) return DMFT_DIVERGED;
    if (row % m->problem->outlier_every != 0 && row + 1 != m->problem->rows) return DMFT_OK;
    int status = find_levels(m, m->weight + m->rows * m->columns, 1, m->twin, NULL, err);
    if (status == DMFT_OK) status = find_levels(m, m->weight, (lapack_int)m->order, m->level, m->vector, err);
    if (status != DMFT_OK) return status;
    double largest = m->level[0];
    at[EDGE] = m->twin[m->order - 1];
    if (row == 0) m->start = at[EDGE];
    if (!(largest <= diverged_at * fmax(m->start, 1.0))) return DMFT_DIVERGED;
    at[ISOLATED] = largest;
    at[FRACTION] = stands_off(m->problem, largest, at[EDGE]);
    measure_vectors(m, at);
    measure_spacings(m, at);
    return DMFT_OK;
}

static void transfer(void *state, archive *a)
{
    struct member *m = state;
    archive_doubles(a, m->weight, 2 * m->rows * m->columns);
    archive_double(a, &m->start);
    archive_bytes(a, m->stream.state, sizeof m->stream.state);
}

static const struct ensemble_kind kind = {.name = "matrix", .steps = "matrix steps", .file = "simulate", .create = create, .free = release, .start = start,
                                          .row = record, .advance = advance, .transfer = transfer};

/* ---- the ensemble ---- */

/* All rows of a member. */
static double operations_of(const dmft_problem *p)
{
    struct sizes size = sizes_of(p);
    double D = size.columns, N = size.rows, n = fmin(N, D), steps = (double)p->steps;
    double noise = p->noisy_matrix.gradient_noise > 0.0 ? COST_OF_GAUSSIAN * N * D : 0.0, labels = p->noisy_matrix.label_noise > 0.0 ? N : 0.0;
    double a_step = 4.0 * N * D + noise + (size.samples > 0.0 ? cost_of_products(4.0 * N * D * D, D) : 0.0);
    double a_record = cost_of_products(2.0 * n * N * D, n) + 2.0 * cost_of_eigenvalues(n);
    double once = COST_OF_GAUSSIAN * (N * D + size.samples * (D + labels)) + cost_of_products(size.samples * D * (D + 2.0 * labels), D);
    return once + steps * a_step + (2.0 + floor(steps / (double)p->outlier_every)) * a_record;
}

/* The edge of n levels lies n^{-2/3} of its value further in; an isolated eigenvalue and its overlaps are off by 1/D, the more the nearer to the bulk. */
static void set_columns(struct samples_column column[COLUMNS], const dmft_problem *p)
{
    double edge = edge_spread(p), mean = 1.0 / sizes_of(p).columns;
    const struct samples_column all[COLUMNS] = {[EDGE] = {"bulk_edge", 1, 0, 0.1 * edge},
                                                [ISOLATED] = {"isolated", 1, 0, mean},
                                                [LEFT] = {"overlap2_left", 1, 0, mean},
                                                [RIGHT] = {"overlap2_right", 1, 0, mean},
                                                [VARIANCE] = {"bulk_variance", 1, 0, 0.05 * mean},
                                                [FIRST] = {"initial_covariance", 0, 0, 0.05 * mean},
                                                [SPACING_RATIO] = {"spacing_ratio", 1, 0, 0.0},
                                                [SPACING_DISTANCE] = {"spacing_distance", 0, 0, 0.0},
                                                [FRACTION] = {"isolated_fraction", 0, 0, 0.0}};
    memcpy(column, all, sizeof all);
}

static const char *const of_spike[] = {"overlap2_left", "overlap2_right", "isolated"};
enum { OF_SPIKE = sizeof of_spike / sizeof *of_spike };

/* Where the mean largest eigenvalue is not off the mean edge, it is one of the bulk. */
static void keep_isolated(dmft_trajectory *t, const dmft_problem *p)
{
    const double *largest = trajectory_find(t, "isolated")->value, *edge = trajectory_find(t, "bulk_edge")->value;
    for (size_t row = 0; row < t->rows; row++) {
        if (stands_off(p, largest[row], edge[row])) continue;
        for (int i = 0; i < OF_SPIKE; i++) {
            const struct trajectory_series *x = trajectory_find(t, of_spike[i]);
            x->value[row] = x->error[row] = NAN;
        }
    }
}

static int finish(dmft_trajectory *t, const struct ensemble_results *results, const struct samples *s, dmft_error *err)
{
    struct sizes n = sizes_of(s->problem);
    (void)results;
    keep_isolated(t, s->problem);
    int status = trajectory_set_number(t, n.columns, err, "input_dim");
    for (int i = 0; i < OF_SPIKE && status == DMFT_OK; i++) status = trajectory_set_number(t, edge_room * edge_spread(s->problem), err, "room_%s", of_spike[i]);
    return status == DMFT_OK ? trajectory_set_number(t, n.rows, err, "width") : status;
}

static struct samples samples_of(const dmft_problem *p, struct samples_column column[COLUMNS])
{
    set_columns(column, p);
    return (struct samples){.kind = &kind,
                            .problem = p,
                            .members = p->simulation.seeds,
                            .columns = COLUMNS,
                            .column = column,
                            .model_kind = "simulation",
                            .doubles = doubles_of(p),
                            .operations = operations_of(p),
                            .finish = finish};
}

dmft_estimate noisy_matrix_simulate_estimate(const dmft_problem *p, int threads)
{
    struct samples_column column[COLUMNS];
    struct samples s = samples_of(p, column);
    return samples_estimate(&s, threads);
}

int noisy_matrix_simulate(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct samples_column column[COLUMNS];
    struct samples s = samples_of(p, column);
    int status = noisy_matrix_simulate_check(p, err);
    return status == DMFT_OK ? samples_run(&s, options, out, err) : status;
}
