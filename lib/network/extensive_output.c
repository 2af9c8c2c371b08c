/* Sampled two-layer linear networks y = V W x with K outputs, teacher W* (K x D, entries of variance sigma_*^2/D), x of unit covariance, under gradient
 * flow of the population loss: (XT1) of doc/theory.md, of a finite matrix.
 *
 * Frozen readout. dW/dt = V^T (W* - V W) is linear: with V = U S Q^T row i of Q^T W is exp(-s^2 t) times itself and (1 - exp(-s^2 t))/s times row i of
 * U^T W*. One singular value decomposition a network, one of an N x D matrix a row; nothing is integrated.
 *
 * Trained readout. R = [W^T; V], (D + K) x N, is integrated by GSL's Runge-Kutta method of Prince and Dormand (order 8); never R R^T, whose flow blows
 * up off the matrices of rank N. The flow commutes with rotations of the hidden layer, so that only R up to one matters: for N > D + K it is drawn as the
 * lower triangle of its LQ decomposition, of order D + K (Bartlett: Gaussian below the diagonal, N - i squares in the diagonal entry of row i from 0), exact
 * in law at every N. Three matrix products a slope, 13 slopes a step; memory some 21 times R.
 *
 * What is measured knows nothing of the theory: singular values, those above rounding sorted; the smallest and the largest; and a gap, where two
 * neighbours with at least sqrt(n) of the n on either side are farther apart than 2 n^{-2/3} of the whole range, which fluctuations at an edge do not reach
 * and 2 n^{1/3} mean spacings are.
 */
#include "network/simulate.h"

#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_odeiv2.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cost.h"
#include "base/error.h"
#include "base/problem.h"
#include "base/random.h"
#include "base/trajectory.h"
#include "ensemble/samples.h"

static const double rounding = 1e-10;       /* of the largest singular value: those below are zeros of a matrix of lower rank */
static const double gap_factor = 2;           /* with 1, one network in ten shows a gap where the upper end of the bulk is thin */
static const double ode_tolerance = 1e-10;  /* of an entry of R in a step; its entries are of order N^{-1/2} */
static const double decomposition = 10; /* operations of singular values, a cube of the order */

enum purpose { DRAW_READOUT = 1, DRAW_FIRST, DRAW_TEACHER };

struct sizes {
    size_t D, N, K, kept; /* kept: columns of R that are left, min(N, D + K) */
};

static struct sizes sizes_of(const dmft_problem *p)
{
    const struct extensive_output_problem *e = &p->extensive_output;
    double D = (double)p->simulation.input_dim, N = fmax(1.0, round(p->width_ratio * D));
    double K = fmax(1.0, round(e->trained ? e->teacher_ratio * D : e->output_ratio * N));
    return (struct sizes){(size_t)D, (size_t)fmin(N, 1e15), (size_t)fmin(K, 1e15), (size_t)fmin(fmin(N, D + K), 1e15)};
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

struct member {
    const dmft_problem *problem;
    struct sizes n;
    double time;          /* up to which R has come */
    double *teacher;      /* K x D; frozen: then U^T W* */
    double *first;        /* frozen: Q^T W at the start, N x D */
    double *s;            /* of the readout, min(K, N) */
    double teacher_power; /* |W*|^2 */
    double *R, *E;        /* trained: (D + K) x kept; K x D */
    gsl_odeiv2_system system;
    gsl_odeiv2_driver *driver;
    double *V, *U, *Q, *W; /* room: K x N, K x min, N x N, the largest matrix whose singular values are taken */
    double *value;        /* singular values */
};

/* ---- singular values ---- */

static int lapack_failed(lapack_int info, dmft_error *err)
{
    if (info == 0) return DMFT_OK;
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR) return error_memory(err, 1e6);
    return error_set(err, DMFT_ERROR_NUMERIC, "the singular values of a sampled matrix do not converge (LAPACK's dgesdd: %d)", (int)info);
}

/* Singular values of w->W (rows x columns, row-major, overwritten), falling, into w->value; how many are above rounding. */
static int singular_values(struct member *w, size_t rows, size_t columns, size_t *count, dmft_error *err)
{
    int status = lapack_failed(LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (int)columns, (int)rows, w->W, (int)columns, w->value, NULL, 1, NULL, 1), err);
    *count = 0;
    while (status == DMFT_OK && *count < smaller(rows, columns) && w->value[*count] > rounding * w->value[0]) ++*count;
    return status;
}

/* Quantiles at parts (j - 1/2)/quantiles of the first `count` values, linear between the parts (i + 1/2)/count of the sorted ones. */
static void write_quantiles(const struct member *w, size_t count, double *out)
{
    size_t quantiles = (size_t)w->problem->extensive_output.quantiles;
    for (size_t j = 0; j < quantiles; j++) {
        double place = ((double)j + 0.5) / (double)quantiles * (double)count - 0.5, whole = fmin(fmax(floor(place), 0.0), fmax(0.0, (double)count - 2.0));
        double part = fmin(fmax(place - whole, 0.0), 1.0);
        const double *low = count > 0 ? &w->value[count - 1 - (size_t)whole] : NULL; /* values fall */
        out[j] = count == 0 ? 0.0 : count == 1 ? low[0] : (1.0 - part) * low[0] + part * low[-1];
    }
}

/* Number of values above the widest gap, 0 where there is none. */
static size_t find_gap(const double *value, size_t count)
{
    size_t margin = (size_t)ceil(sqrt((double)count)), above = 0;
    if (count < 2 * margin + 1) return 0;
    double least = gap_factor * (value[0] - value[count - 1]) * pow((double)count, -2.0 / 3.0);
    for (size_t i = margin; i <= count - margin; i++)
        if (value[i - 1] - value[i] > least) {
            least = value[i - 1] - value[i];
            above = i;
        }
    return above;
}

/* ---- frozen readout ---- */

enum frozen_column { FROZEN_TIME, LOWER1, UPPER1, LOWER2, UPPER2, LOWER, UPPER, GAP_LOWER, GAP_UPPER, GAP, FROZEN_LOSS, FROZEN_COLUMNS };

static void draw(const struct member *w, long index, enum purpose purpose, double variance, size_t n, double *out)
{
    struct random_stream stream = random_start(w->problem->simulation.seed, (uint64_t)index, (uint64_t)purpose);
    random_gaussians(&stream, sqrt(variance), n, out);
    if (variance == 0.0) memset(out, 0, n * sizeof *out);
}

/* V = U S Q^T; U^T W* and Q^T W in the places of W* and W. */
static int start_frozen(struct member *w, long index, dmft_error *err)
{
    const struct extensive_output_problem *e = &w->problem->extensive_output;
    size_t D = w->n.D, N = w->n.N, K = w->n.K, r = smaller(K, N);
    draw(w, index, DRAW_READOUT, 1.0 / (double)N, K * N, w->V);
    /* column-major: V^T = Q S U^T, so that LAPACK's left vectors are Q (N x N) and its right ones U^T (r of K) */
    int status = lapack_failed(K <= N ? LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'A', (int)N, (int)K, w->V, (int)N, w->s, w->Q, (int)N, w->U, (int)K)
                                      : LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'S', (int)N, (int)K, w->V, (int)N, w->s, w->Q, (int)N, w->U, (int)r), err);
    if (status != DMFT_OK) return status;
    /* row-major, w->Q is Q^T and w->U is U (K x r) */
    draw(w, index, DRAW_FIRST, e->weight_variance / (double)D, N * D, w->W);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)N, (int)D, (int)N, 1.0, w->Q, (int)N, w->W, (int)D, 0.0, w->first, (int)D);
    draw(w, index, DRAW_TEACHER, e->teacher_variance / (double)D, K * D, w->W);
    w->teacher_power = cblas_ddot((int)(K * D), w->W, 1, w->W, 1);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)r, (int)D, (int)K, 1.0, w->U, (int)r, w->W, (int)D, 0.0, w->teacher, (int)D);
    return DMFT_OK;
}

/* Q^T W(t) into w->W. Returns half the mean square error of an output. */
static double frozen_weights(struct member *w, double time)
{
    size_t D = w->n.D, N = w->n.N, r = smaller(w->n.K, N);
    double power = w->teacher_power; /* of the errors; what of the teacher no hidden direction reaches stays */
    memcpy(w->W, w->first, N * D * sizeof *w->W);
    for (size_t i = 0; i < r; i++) {
        double s = w->s[i], keep = exp(-s * s * time), learned = s > 0.0 ? -expm1(-s * s * time) / s : 0.0;
        const double *A = w->first + i * D, *B = w->teacher + i * D;
        for (size_t j = 0; j < D; j++) {
            power += gsl_pow_2(keep * (B[j] - s * A[j])) - B[j] * B[j];
            w->W[i * D + j] = keep * A[j] + learned * B[j];
        }
    }
    return 0.5 * fmax(0.0, power) / (double)w->n.K;
}

static int record_frozen(struct member *w, double time, double *row, dmft_error *err)
{
    size_t count;
    row[FROZEN_LOSS] = frozen_weights(w, time);
    int status = singular_values(w, w->n.N, w->n.D, &count, err);
    if (status != DMFT_OK) return status;
    size_t above = find_gap(w->value, count);
    row[FROZEN_TIME] = time;
    row[LOWER] = row[LOWER1] = count > 0 ? w->value[count - 1] : 0.0;
    row[UPPER] = row[UPPER2] = count > 0 ? w->value[0] : 0.0;
    row[GAP] = above > 0;
    row[UPPER1] = row[GAP_LOWER] = above > 0 ? w->value[above] : NAN;
    row[LOWER2] = row[GAP_UPPER] = above > 0 ? w->value[above - 1] : NAN;
    write_quantiles(w, count, row + FROZEN_COLUMNS);
    return DMFT_OK;
}

/* Where no network has a gap the largest singular value is the end of the one band; where some have, there is no saying. */
static void settle_bands(dmft_trajectory *t)
{
    const struct trajectory_series *gap = trajectory_find(t, "gap"), *top = trajectory_find(t, "edge_upper");
    struct trajectory_series *hi1 = trajectory_find(t, "hi1"), *lo2 = trajectory_find(t, "lo2"), *hi2 = trajectory_find(t, "hi2");
    for (size_t i = 0; i < t->rows; i++) {
        if (gap->value[i] == 1.0) continue;
        int one = gap->value[i] == 0.0;
        hi1->value[i] = one ? top->value[i] : NAN;
        hi1->error[i] = one ? top->error[i] : NAN;
        lo2->value[i] = lo2->error[i] = hi2->value[i] = hi2->error[i] = NAN;
    }
}

/* ---- trained readout ---- */

enum trained_column { TRAINED_TIME, W_LOWER, W_UPPER, VW_LOWER, VW_UPPER, TRAINED_LOSS, TRAINED_COLUMNS };

/* A chi variable of k degrees of freedom: the length of so many Gaussian numbers. */
static double chi(struct random_stream *stream, size_t k)
{
    double sum = 0.0, x[256];
    for (size_t n; k > 0; k -= n) {
        n = smaller(k, sizeof x / sizeof *x);
        random_gaussians(stream, 1.0, n, x);
        sum += cblas_ddot((int)n, x, 1, x, 1);
    }
    return sqrt(sum);
}

static void start_trained(struct member *w, long index)
{
    const struct extensive_output_problem *e = &w->problem->extensive_output;
    size_t D = w->n.D, K = w->n.K, kept = w->n.kept;
    struct random_stream stream = random_start(w->problem->simulation.seed, (uint64_t)index, DRAW_FIRST);
    memset(w->R, 0, (D + K) * kept * sizeof *w->R);
    for (size_t i = 0; i < D + K; i++) {
        double *row = w->R + i * kept, scale = sqrt((i < D ? e->first_layer_gram : e->readout_gram) / (double)w->n.N);
        int triangle = w->n.N > D + K;
        random_gaussians(&stream, 1.0, triangle ? i : kept, row);
        if (triangle) row[i] = chi(&stream, w->n.N - i);
        cblas_dscal((int)kept, scale, row, 1);
    }
    draw(w, index, DRAW_TEACHER, e->teacher_variance / (double)D, K * D, w->teacher);
    w->time = 0.0;
}

/* E = W* - V W. */
static void errors_of(struct member *w, const double *R)
{
    int D = (int)w->n.D, K = (int)w->n.K, kept = (int)w->n.kept;
    memcpy(w->E, w->teacher, w->n.K * w->n.D * sizeof *w->E);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, K, D, kept, -1.0, R + w->n.D * w->n.kept, kept, R, kept, 1.0, w->E, D);
}

/* (XT1): d(W^T)/dt = E^T V, dV/dt = E W^T. */
static int slope(double time, const double R[], double dR[], void *context)
{
    struct member *w = context;
    int D = (int)w->n.D, K = (int)w->n.K, kept = (int)w->n.kept;
    (void)time;
    errors_of(w, R);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, D, kept, K, 1.0, w->E, D, R + w->n.D * w->n.kept, kept, 0.0, dR, kept);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, K, kept, D, 1.0, w->E, D, R, kept, 0.0, dR + w->n.D * w->n.kept, kept);
    return GSL_SUCCESS;
}

/* Each interval begins afresh, so that a run that was stopped goes on with the same steps. */
static int flow_to(struct member *w, double time, dmft_error *err)
{
    double from = w->time;
    if (time == from) return DMFT_OK;
    int failed = gsl_odeiv2_driver_reset_hstart(w->driver, 0.01 * fmin(1.0, time - from)) != GSL_SUCCESS;
    failed = failed || gsl_odeiv2_driver_apply(w->driver, &from, time, w->R) != GSL_SUCCESS;
    w->time = time;
    return failed ? error_set(err, DMFT_ERROR_NUMERIC, "gradient flow cannot be integrated from time %g to %g", from, time) : DMFT_OK;
}

/* The singular values that training moves are the largest, one an output. */
static int record_trained(struct member *w, double time, double *row, dmft_error *err)
{
    size_t D = w->n.D, K = w->n.K, kept = w->n.kept, moved = smaller(K, D), count;
    int status = flow_to(w, time, err);
    if (status != DMFT_OK) return status;
    memcpy(w->W, w->R, D * kept * sizeof *w->W);
    status = singular_values(w, D, kept, &count, err);
    if (status != DMFT_OK) return status;
    row[TRAINED_TIME] = time;
    row[W_UPPER] = w->value[0];
    row[W_LOWER] = moved <= smaller(D, kept) ? w->value[moved - 1] : NAN;
    write_quantiles(w, smaller(moved, smaller(D, kept)), row + TRAINED_COLUMNS);
    errors_of(w, w->R);
    row[TRAINED_LOSS] = 0.5 * cblas_ddot((int)(K * D), w->E, 1, w->E, 1) / (double)K;
    for (size_t i = 0; i < K * D; i++) w->W[i] = w->teacher[i] - w->E[i];
    status = singular_values(w, K, D, &count, err);
    row[VW_UPPER] = w->value[0];
    row[VW_LOWER] = w->value[moved - 1];
    write_quantiles(w, moved, row + TRAINED_COLUMNS + w->problem->extensive_output.quantiles);
    return status;
}

/* ---- members ---- */

static void release(void *state)
{
    struct member *w = state;
    if (w == NULL) return;
    if (w->driver != NULL) gsl_odeiv2_driver_free(w->driver);
    double *all[] = {w->teacher, w->first, w->s, w->R, w->E, w->V, w->U, w->Q, w->W, w->value};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(w);
}

/* Doubles of a member: the arrays of create, LAPACK's copies of vectors, and the 20 copies of R that GSL's method and driver keep. */
static double member_doubles(const dmft_problem *p)
{
    struct sizes n = sizes_of(p);
    double D = (double)n.D, N = (double)n.N, K = (double)n.K, kept = (double)n.kept;
    if (p->extensive_output.trained) return 3.0 * K * D + 21.0 * (D + K) * kept + D * kept;
    return fmin(K, N) * D + 2.0 * N * D + 2.0 * K * N + 4.0 * N * N + fmax(N, K) * D;
}

static int create(void **out, const dmft_problem *p, dmft_error *err)
{
    struct member *w = calloc(1, sizeof *w);
    if (w == NULL) return error_memory(err, sizeof *w);
    struct sizes n = w->n = sizes_of(p);
    size_t D = n.D, N = n.N, K = n.K, state = (D + K) * n.kept, largest = D * (N > K ? N : K);
    int trained = p->extensive_output.trained, whole;
    w->problem = p;
    w->teacher = memory_doubles((trained ? K : smaller(K, N)) * D);
    w->value = memory_doubles(D + smaller(K, N));
    if (trained) {
        w->R = memory_doubles_large(state);
        w->E = memory_doubles(K * D);
        w->W = memory_doubles(D * (n.kept > K ? n.kept : K));
        w->system = (gsl_odeiv2_system){.function = slope, .dimension = state, .params = w};
        w->driver = gsl_odeiv2_driver_alloc_y_new(&w->system, gsl_odeiv2_step_rk8pd, 0.01, ode_tolerance, 0.0);
        whole = w->R && w->E && w->W && w->driver;
    } else {
        w->first = memory_doubles(N * D);
        w->s = memory_doubles(smaller(K, N));
        w->V = memory_doubles(K * N);
        w->U = memory_doubles(K * smaller(K, N));
        w->Q = memory_doubles(N * N);
        w->W = memory_doubles_large(largest);
        whole = w->first && w->s && w->V && w->U && w->Q && w->W;
    }
    if (whole && w->teacher && w->value) {
        *out = w;
        return DMFT_OK;
    }
    release(w);
    return error_memory(err, 8.0 * member_doubles(p));
}

static int start(void *state, long index, dmft_error *err)
{
    struct member *w = state;
    if (!w->problem->extensive_output.trained) return start_frozen(w, index, err);
    start_trained(w, index);
    return DMFT_OK;
}

static int record(void *state, long row, double *slot, dmft_error *err)
{
    struct member *w = state;
    const struct extensive_output_problem *e = &w->problem->extensive_output;
    size_t columns = (e->trained ? (size_t)TRAINED_COLUMNS + 2 * (size_t)e->quantiles : (size_t)FROZEN_COLUMNS + (size_t)e->quantiles);
    slot += (size_t)row * columns;
    return e->trained ? record_trained(w, e->time[row], slot, err) : record_frozen(w, e->time[row], slot, err);
}

/* A row brings the weights to its own time. */
static int advance(void *state, long row, dmft_error *err)
{
    (void)state, (void)row, (void)err;
    return 1;
}

static void transfer(void *state, archive *a)
{
    struct member *w = state;
    archive_tag(a, "extensive output");
    archive_double(a, &w->time);
    if (w->problem->extensive_output.trained) archive_doubles(a, w->R, (w->n.D + w->n.K) * w->n.kept);
}

static const struct ensemble_kind kind = {.name = "network",
                                          .steps = "network times",
                                          .file = "simulate",
                                          .create = create,
                                          .free = release,
                                          .start = start,
                                          .row = record,
                                          .advance = advance,
                                          .transfer = transfer};

/* ---- the run ---- */

/* Finite size, for c = 1, of what was measured at D = 100 to 1600 (section 30 of doc/theory.md): edges are off by O(D^{-2/3}), the lower one of a bulk that
 * comes near 0 by the most, means over a spectrum by O(1/D); the wide limit by O((D/N)^{1/2}). */
static const struct samples_column frozen_columns[FROZEN_COLUMNS] = {
    [FROZEN_TIME] = {"time", 1, 1, 0.0},
    [LOWER1] = {"lo1", 1, 0, 0.25},
    [UPPER1] = {"hi1", 1, 0, 0.1},
    [LOWER2] = {"lo2", 1, 0, 0.1},
    [UPPER2] = {"hi2", 1, 0, 0.1},
    [LOWER] = {"edge_lower", 0, 0, 0.25},
    [UPPER] = {"edge_upper", 0, 0, 0.1},
    [GAP_LOWER] = {"gap_lower", 0, 0, 0.1},
    [GAP_UPPER] = {"gap_upper", 0, 0, 0.1},
    [GAP] = {"gap", 0, 0, 0.0}, /* the part of the networks that have one */
    [FROZEN_LOSS] = {"test_loss", 0, 0, 0.0},
};
static const struct samples_column trained_columns[TRAINED_COLUMNS] = {
    [TRAINED_TIME] = {"time", 1, 1, 0.0},
    [W_LOWER] = {"W_lower", 1, 0, 0.1},
    [W_UPPER] = {"W_upper", 1, 0, 0.1},
    [VW_LOWER] = {"VW_lower", 1, 0, 0.1},
    [VW_UPPER] = {"VW_upper", 1, 0, 0.1},
    [TRAINED_LOSS] = {"test_loss", 0, 0, 0.0},
};

static void name_quantiles(struct samples_column *column, long quantiles, const char *name, double allowance)
{
    for (long j = 0; j < quantiles; j++) {
        column[j] = (struct samples_column){.allowance = allowance};
        (void)snprintf(column[j].name, sizeof column[j].name, "%s%ld", name, j + 1);
    }
}

/* The columns; NULL when out of memory. */
static struct samples_column *make_columns(const dmft_problem *p, size_t *count)
{
    const struct extensive_output_problem *e = &p->extensive_output;
    size_t own = e->trained ? (size_t)TRAINED_COLUMNS : (size_t)FROZEN_COLUMNS, quantiles = (size_t)e->quantiles;
    double D = (double)p->simulation.input_dim, wide = e->trained ? 0.06 * sqrt(1.0 / p->width_ratio) : 0.0;
    struct samples_column *column = calloc(own + 2 * quantiles, sizeof *column);
    *count = own + (e->trained ? 2 : 1) * quantiles;
    if (column == NULL) return NULL;
    memcpy(column, e->trained ? trained_columns : frozen_columns, own * sizeof *column);
    for (size_t i = 0; i < own; i++) column[i].allowance = strcmp(column[i].name, "test_loss") == 0 ? 1.0 / D + wide
                                                           : column[i].allowance > 0.0              ? column[i].allowance * pow(D, -2.0 / 3.0) + wide
                                                                                                    : 0.0;
    name_quantiles(column + own, e->quantiles, e->trained ? "W_quantile" : "quantile", 1.0 / D + wide);
    if (e->trained) name_quantiles(column + own + quantiles, e->quantiles, "VW_quantile", 1.0 / D + wide);
    return column;
}

static double operations_of(const dmft_problem *p)
{
    struct sizes n = sizes_of(p);
    double D = (double)n.D, N = (double)n.N, K = (double)n.K, kept = (double)n.kept, rows = (double)p->rows;
    if (!p->extensive_output.trained)
        return COST_OF_GAUSSIAN * (K * N + N * D + K * D) + cost_of_products(decomposition * (K * N * fmin(K, N) + N * N * N + rows * N * D * fmin(N, D)), N);
    double steps = rows + 4.0 * p->extensive_output.time[p->rows - 1]; /* rates are of order 1 */
    return COST_OF_GAUSSIAN * (D + K) * N + cost_of_products(13.0 * steps * 6.0 * K * D * kept + rows * decomposition * D * D * (kept + K), kept);
}

int extensive_output_check(const dmft_problem *p, dmft_error *err)
{
    struct sizes n = sizes_of(p);
    if (!(p->width_ratio > 0.0))
        return error_set(err, DMFT_ERROR_CONFIG,
                         "network.width_ratio is missing: sampled networks have a width, also where the theory is that of the wide limit");
    double D = (double)n.D, N = (double)n.N, K = (double)n.K;
    double largest = p->extensive_output.trained ? (D + K) * fmax((double)n.kept, D) : fmax(N, K) * fmax(N, D);
    if (largest <= INT_MAX) return DMFT_OK;
    return error_set(err, DMFT_ERROR_CONFIG, "matrices of D = %zu, N = %zu, K = %zu are too large for BLAS's %d entries", n.D, n.N, n.K, INT_MAX);
}

/* V W begins at 0 in the wide limit, at (D/N)^{1/2} in a network: allowances of it are relative to the teacher's largest singular value. */
static int set_scales(dmft_trajectory *t, const struct extensive_output_problem *e, dmft_error *err)
{
    double scale = sqrt(e->teacher_variance) * (1.0 + sqrt(e->teacher_ratio));
    int status = trajectory_set_number(t, scale, err, "scale_VW_lower");
    if (status == DMFT_OK) status = trajectory_set_number(t, scale, err, "scale_VW_upper");
    for (long j = 0; j < e->quantiles && status == DMFT_OK; j++) status = trajectory_set_number(t, scale, err, "scale_VW_quantile%ld", j + 1);
    return status;
}

static int finish(dmft_trajectory *t, const struct ensemble_results *results, const struct samples *s, dmft_error *err)
{
    const struct extensive_output_problem *e = &s->problem->extensive_output;
    struct sizes n = sizes_of(s->problem);
    (void)results;
    if (!e->trained) settle_bands(t);
    int status = e->trained ? set_scales(t, e, err) : dmft_trajectory_set_text(t, "together", "hi1,lo2,hi2", err);
    if (status == DMFT_OK) status = trajectory_set_number(t, (double)n.D, err, "input_dim");
    if (status == DMFT_OK) status = trajectory_set_number(t, (double)n.N, err, "width");
    return status == DMFT_OK ? trajectory_set_number(t, (double)n.K, err, "outputs") : status;
}

static struct samples samples_of(const dmft_problem *p)
{
    return (struct samples){.kind = &kind,
                            .problem = p,
                            .members = p->simulation.seeds,
                            .model_kind = "simulation",
                            .doubles = member_doubles(p),
                            .operations = operations_of(p),
                            .finish = finish};
}

dmft_estimate extensive_output_simulate_estimate(const dmft_problem *p, int threads)
{
    struct samples s = samples_of(p);
    s.columns = (p->extensive_output.trained ? (size_t)TRAINED_COLUMNS : (size_t)FROZEN_COLUMNS) + 2 * (size_t)p->extensive_output.quantiles;
    return samples_estimate(&s, threads);
}

int extensive_output_simulate(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct samples s = samples_of(p);
    int status = extensive_output_check(p, err);
    if (status != DMFT_OK) return status;
    struct samples_column *column = make_columns(p, &s.columns);
    if (column == NULL) return error_memory(err, 1e3);
    s.column = column;
    status = samples_run(&s, options, out, err);
    free(column);
    return status;
}
