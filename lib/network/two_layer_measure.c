/*
 * What is measured on a two-layer network: losses, singular values of W with the overlaps of the first pair, eigenvalues of conjugate kernel and NTK on the
 * training inputs and of the conjugate kernel on fresh ones, distances of the bulks from an independent initialisation, tails.
 *
 * The NTK is that in the parameters ã and sqrt(D) W, over scale^2: Y Y^T/N + (X X^T/D) o (S S^T/N), S = phi'(h) times ã.
 *
 * Cost: eigenvalues of two matrices of order P (of order N where that is less, of conjugate kernels), 4/3 P^3 operations each, half of them bound by memory.
 */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cost.h"
#include "base/error.h"
#include "network/two_layer.h"
#include "spectrum/difference.h"

enum { SINGULAR = 3, OUTLIERS = 2, QUANTILES = 3, TAIL = 11 };

static const double quantile[QUANTILES] = {0.15, 0.55, 0.95};

/* An eigenvalue below this part of the largest is 0 but for rounding. */
static const double rounding = 1e-12;

/* Least numbers of a tail: fewer leave the exponent open by a fifth. */
enum { LEAST_TAIL = 25 };

double two_layer_operations(const dmft_problem *p)
{
    struct two_layer_size n = two_layer_size_of(p);
    double N = (double)n.N, D = (double)n.D, P = (double)n.P, B = (double)n.B, least = fmin(N, D), small = fmin(N, P);
    double values = 8.0 / 3.0 * least * N * D, kernels = 2.0 * P * P * N + 4.0 * P * P * P + 3.0 * small * small * small;
    double rows = 2.0 + (double)p->steps / (double)p->two_layer.every, activation = 20.0 * P * N;
    double nulls = (double)p->two_layer.nulls + 1.0, products = (double)p->steps * B * N * 6.0 * D + rows * (4.0 * P * N * D + 2.0 * kernels + values);
    return cost_of_products(products + nulls * values + kernels, least) + (double)p->steps * B * N * 40.0 + rows * activation +
           nulls * COST_OF_GAUSSIAN * N * D;
}

size_t two_layer_extra(const dmft_problem *p)
{
    struct two_layer_size n = two_layer_size_of(p);
    return 2 * ((n.N < n.D ? n.N : n.D) + 2 * n.P);
}

int two_layer_recorded(const dmft_problem *p, long row) { return row <= 1 || row == p->steps || row % p->two_layer.every == 0; }

/* ---- spectra ---- */

static void reverse(double *x, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        double held = x[i];
        x[i] = x[n - 1 - i];
        x[n - 1 - i] = held;
    }
}

static int failed(const char *routine, int info, dmft_error *err)
{
    return info == 0 ? DMFT_OK : error_set(err, DMFT_ERROR_NUMERIC, "%s of LAPACK did not converge (info %d)", routine, info);
}

static size_t work_of(const struct two_layer *n) { return 80 * (n->n.N + n->n.D + n->n.P); }

int two_layer_singular_values(struct two_layer *n, double *matrix, double *out, dmft_error *err)
{
    int N = (int)n->n.N, D = (int)n->n.D; /* row-major N x D is column-major D x N */
    double unused;
    int info = LAPACKE_dgesvd_work(LAPACK_COL_MAJOR, 'N', 'N', D, N, matrix, D, out, &unused, 1, &unused, 1, n->work, (int)work_of(n));
    reverse(out, n->n.N < n->n.D ? n->n.N : n->n.D);
    return failed("dgesvd", info, err);
}

/* Eigenvalues of the lower triangle (row-major) of K, order n, rising; those that are 0 but for rounding are. */
static int eigenvalues(struct two_layer *n, size_t order, double *K, double *out, dmft_error *err)
{
    int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'N', 'U', (int)order, K, (int)order, out, n->work, (int)work_of(n));
    for (size_t i = 0; i < order; i++)
        if (fabs(out[i]) <= rounding * fabs(out[order - 1])) out[i] = 0.0;
    return failed("dsyev", info, err);
}

/* Of Y Y^T/N, from Y^T Y/N where that is smaller: P numbers. */
static int conjugate_values(struct two_layer *n, const double *Y, double *out, dmft_error *err)
{
    int N = (int)n->n.N, P = (int)n->n.P;
    if (N >= P) {
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, P, N, 1.0 / N, Y, N, 0.0, n->K, P);
        return eigenvalues(n, n->n.P, n->K, out, err);
    }
    memset(out, 0, (n->n.P - n->n.N) * sizeof *out);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, N, P, 1.0 / N, Y, N, 0.0, n->K, N);
    return eigenvalues(n, n->n.N, n->K, out + (n->n.P - n->n.N), err);
}

int two_layer_kernels(struct two_layer *n, double *conjugate, double *tangent, dmft_error *err)
{
    size_t size = n->n.P;
    int N = (int)n->n.N, P = (int)n->n.P, D = (int)n->n.D;
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, P, D, 1.0 / D, n->X, D, 0.0, n->gram, P);
    two_layer_forward(n, n->X, size, n->h, n->slope, n->f);
    for (size_t mu = 0; mu < size; mu++)
        for (size_t i = 0; i < n->n.N; i++) n->slope[mu * n->n.N + i] *= n->a[i] / n->scale;
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, P, N, 1.0 / N, n->slope, N, 0.0, n->K2, P);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, P, N, 1.0 / N, n->h, N, 0.0, n->K, P);
    for (size_t mu = 0; mu < size; mu++)
        for (size_t nu = 0; nu <= mu; nu++) n->K2[mu * size + nu] = n->K[mu * size + nu] + n->K2[mu * size + nu] * n->gram[mu * size + nu];
    int status = eigenvalues(n, size, n->K2, tangent, err);
    return status == DMFT_OK ? conjugate_values(n, n->h, conjugate, err) : status;
}

/* ---- a row ---- */

/* Writes numbers one after another. */
static void put(double **row, double value) { *(*row)++ = value; }

/* (x.unit)^2/|x|^2; 0 for x = 0. */
static double overlap(size_t n, const double *x, const double *unit)
{
    double square = cblas_ddot((int)n, x, 1, x, 1), product = unit != NULL ? cblas_ddot((int)n, x, 1, unit, 1) : NAN;
    return square > 0.0 ? product * product / square : 0.0;
}

static double at_quantile(const double *rising, size_t n, double part) { return rising[(size_t)fmin(floor(part * (double)n), (double)n - 1.0)]; }

static double second(const double *x, size_t n) { return cblas_ddot((int)n, x, 1, x, 1) / (double)n; }

static size_t above(const double *rising, size_t n, double edge)
{
    size_t count = 0;
    while (count < n && rising[n - 1 - count] > edge) count++;
    return count;
}

/* Singular values, the first pair's overlaps. */
static int put_weights(struct two_layer *n, double **row, dmft_error *err)
{
    size_t N = n->n.N, D = n->n.D, least = N < D ? N : D, bulk;
    double edge = (1.0 + sqrt((double)N / (double)D)) * (1.0 + pow((double)N, -2.0 / 3.0)), leading[SINGULAR], *values = n->spectrum[0];
    const double *starts[1] = {singular_on_left(&n->singular, 0) ? n->initial_a : n->direction};
    struct singular_starts start = {.count = 1, .vector = starts};
    struct singular_pair pair = {NULL, NULL};
    memcpy(n->gradient, n->W, N * D * sizeof *n->W);
    int status = two_layer_singular_values(n, n->gradient, values, err);
    if (status == DMFT_OK) status = singular_solve(&n->singular, 0, n->W, start, leading, &pair, err);
    if (status != DMFT_OK) return status;
    bulk = least - above(values, least, edge);
    for (size_t j = 0; j < OUTLIERS; j++) put(row, j < least - bulk ? values[least - 1 - j] : NAN);
    put(row, overlap(N, n->initial_a, pair.left));
    put(row, overlap(D, n->direction, pair.right));
    put(row, overlap(D, n->theta, pair.right));
    for (size_t j = 0; j < SINGULAR; j++) put(row, j < least ? values[least - 1 - j] : NAN);
    put(row, (double)(least - bulk));
    double smirnov = NAN, distance = bulk > 0 ? spectrum_difference(values, bulk, n->reference[0], least, &smirnov) : NAN;
    size_t nulls = (size_t)n->problem->two_layer.nulls, farther = above(n->null, nulls, nextafter(distance, 0.0));
    put(row, distance);
    put(row, smirnov);
    put(row, (double)(farther + 1) / (double)(nulls + 1));
    put(row, at_quantile(n->null, nulls, 0.05));
    put(row, at_quantile(n->null, nulls, 0.5));
    put(row, at_quantile(n->null, nulls, 0.95));
    return DMFT_OK;
}

static void put_kernel(const double *values, const double *reference, size_t P, double **row)
{
    put(row, values[P - 1]);
    put(row, second(values, P));
    for (size_t i = 0; i < QUANTILES; i++) put(row, at_quantile(values, P, quantile[i]));
    put(row, spectrum_difference(values, P, reference, P, NULL));
}

/* Of what is above 0; nan where that is no tail. */
static void put_tail(const double *values, size_t count, double **row)
{
    dmft_tail t;
    double numbers[TAIL] = {0.0};
    while (count > 0 && values[0] == 0.0) values++, count--;
    if (count < LEAST_TAIL || dmft_tail_fit(values, count, LEAST_TAIL, &t, NULL) != DMFT_OK) {
        for (size_t i = 0; i < TAIL; i++) put(row, NAN);
        return;
    }
    double unused, *hill = numbers + 8;
    for (size_t i = 0; i < 3; i++) { /* half, once, twice as many: where the estimate depends on that, there is no power law */
        size_t k = i == 0 ? t.count / 2 : i == 1 ? t.count - 1 : 2 * t.count;
        if (k < 1 || k >= count || dmft_tail_hill(values, count, k, &hill[i], &unused, NULL) != DMFT_OK) hill[i] = NAN;
    }
    double fit[] = {t.exponent, t.error, (double)t.count, t.exponential, t.exponential_p, t.lognormal, t.lognormal_p, t.nested_p};
    memcpy(numbers, fit, sizeof fit);
    for (size_t i = 0; i < TAIL; i++) put(row, numbers[i]);
}

int two_layer_measure(struct two_layer *n, double *row, double *extra, long step, dmft_error *err)
{
    size_t P = n->n.P, least = n->n.N < n->n.D ? n->n.N : n->n.D;
    double *train = row++, *test = row++, *fresh = row++, *squares = n->values;
    int status = two_layer_kernels(n, n->spectrum[1], n->spectrum[2], err);
    if (status != DMFT_OK) return status;
    *train = two_layer_loss(n->f, n->y, P);
    two_layer_forward(n, n->fresh, P, n->h, NULL, n->f);
    *test = two_layer_loss(n->f, n->fresh_y, P);
    status = conjugate_values(n, n->h, n->values, err);
    *fresh = n->values[P - 1];
    if (status == DMFT_OK) status = put_weights(n, &row, err);
    if (status != DMFT_OK) return status;
    put_kernel(n->spectrum[1], n->reference[1], P, &row);
    put_kernel(n->spectrum[2], n->reference[2], P, &row);
    for (size_t i = 0; i < least; i++) squares[i] = n->spectrum[0][i] * n->spectrum[0][i];
    put_tail(squares, least, &row);
    put_tail(squares, least - 1, &row); /* one outlier by itself can make a tail look heavy */
    put_tail(n->spectrum[1], P, &row);
    if (step > 0) extra += least + 2 * P;
    memcpy(extra, n->spectrum[0], least * sizeof *extra);
    memcpy(extra + least, n->spectrum[1], P * sizeof *extra);
    memcpy(extra + least + P, n->spectrum[2], P * sizeof *extra);
    return DMFT_OK;
}
