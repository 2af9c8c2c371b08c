/* Eigenvalues of Z^T diag(y) Z/n from K = Z Z^T: with any F F^T = K those of F^T diag(y) F/n, (LF3). F comes from Cholesky's factorisation with pivots,
 * which ends at the rank of K. Edges for permuted labels, (LF5), are extreme eigenvalues by Lanczos.
 * Cost: n^3/3 for F, 2 n r^2 and 4/3 r^3 (9 r^3 with vectors) for the spectrum, some 50 products of 4 n r for a pair of edges. Memory: 3 n^2 and the space
 * of a Lanczos run, 110 n. */
#include "spectrum/moment.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "spectrum/leading.h"

enum { WORK = 2, LANCZOS = 110 }; /* numbers of work: of dsyevd times n^2; of spectrum_leading for one pair, a row */
static const double edge_tolerance = 1e-5; /* of a residual; the eigenvalue is better by its square */
static const double least_kept = 1e-9;     /* of the largest modulus: test features divide by the eigenvalue, and keep 6 digits */

struct moment {
    size_t n, rank;
    double *factor, *matrix, *value, *work, *image, *vector;
    lapack_int *pivot, *whole;
    spectrum_leading *leading;
    const double *label; /* of the operator under way */
    double sign;
};

double moment_doubles(size_t samples)
{
    double n = (double)samples;
    return (2.0 + WORK) * n * n + (LANCZOS + 14.0) * n;
}

static size_t work_of(size_t n) { return 1 + 6 * n + WORK * n * n; }

int moment_create(moment **out, size_t samples, dmft_error *err)
{
    moment *m = calloc(1, sizeof *m);
    if (m == NULL) return error_memory(err, sizeof *m);
    m->n = samples;
    m->factor = memory_doubles(samples * samples);
    m->matrix = memory_doubles(samples * samples);
    m->value = memory_doubles(samples);
    m->work = memory_doubles(work_of(samples));
    m->image = memory_doubles(samples);
    m->vector = memory_doubles(samples);
    m->pivot = calloc(samples, sizeof *m->pivot);
    m->whole = calloc(3 + 5 * samples, sizeof *m->whole);
    int made = m->factor && m->matrix && m->value && m->work && m->image && m->vector && m->pivot && m->whole;
    int status = made ? spectrum_leading_create(&m->leading, samples, 1, err) : error_memory(err, 8.0 * moment_doubles(samples));
    if (status == DMFT_OK)
        *out = m;
    else
        moment_free(m);
    return status;
}

void moment_free(moment *m)
{
    if (m == NULL) return;
    free(m->factor);
    free(m->matrix);
    free(m->value);
    free(m->work);
    free(m->image);
    free(m->vector);
    free(m->pivot);
    free(m->whole);
    spectrum_leading_free(m->leading);
    free(m);
}

/* LAPACK's matrices are columns; row i of its factor belongs to sample pivot[i] - 1. */
const double *moment_factor(moment *m, const double *K, size_t *rank)
{
    size_t n = m->n;
    lapack_int found = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) m->matrix[j * n + i] = K[i * n + j];
    (void)LAPACKE_dpstrf_work(LAPACK_COL_MAJOR, 'L', (lapack_int)n, m->matrix, (lapack_int)n, m->pivot, &found, -1.0, m->work);
    m->rank = found > 0 ? (size_t)found : 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m->rank; j++) m->factor[(size_t)(m->pivot[i] - 1) * m->rank + j] = j <= i ? m->matrix[j * n + i] : 0.0;
    *rank = m->rank;
    return m->factor;
}

int moment_solve(moment *m, const double *y, const double **values, const double **vectors, dmft_error *err)
{
    size_t n = m->n, r = m->rank;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < r; j++) m->work[i * r + j] = y[i] / (double)n * m->factor[i * r + j];
    if (r > 0)
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)r, (int)r, (int)n, 1.0, m->work, (int)r, m->factor, (int)r, 0.0, m->matrix, (int)r);
    int info = r == 0 ? 0
                      : LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, vectors != NULL ? 'V' : 'N', 'L', (int)r, m->matrix, (int)r, m->value, m->work,
                                            (lapack_int)work_of(n), m->whole, (lapack_int)(3 + 5 * n));
    if (info != 0) return error_set(err, DMFT_ERROR_NUMERIC, "eigenvalues of the moment (order %zu): LAPACK's dsyevd says %d", r, info);
    *values = m->value;
    if (vectors != NULL) *vectors = m->matrix;
    return DMFT_OK;
}

/* Number i of the n eigenvalues in rising order: the zeros stand between those below and those above. */
static double eigenvalue(const moment *m, size_t i)
{
    size_t zeros = m->n - m->rank, below = 0;
    while (below < m->rank && m->value[below] < 0.0) below++;
    return i < below ? m->value[i] : i < below + zeros ? 0.0 : m->value[i - zeros];
}

void moment_quantiles(const moment *m, size_t count, double *out)
{
    for (size_t q = 0; q < count; q++) {
        double place = (double)q * (double)(m->n - 1) / (double)(count - 1);
        size_t i = (size_t)place, next = i + 1 < m->n ? i + 1 : i;
        double low = eigenvalue(m, i);
        out[q] = low + (place - (double)i) * (eigenvalue(m, next) - low);
    }
}

static void apply(void *context, size_t r, const double *x, double *image)
{
    moment *m = context;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)m->n, (int)r, 1.0, m->factor, (int)r, x, 1, 0.0, m->image, 1);
    for (size_t i = 0; i < m->n; i++) m->image[i] *= m->sign * m->label[i] / (double)m->n;
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)m->n, (int)r, 1.0, m->factor, (int)r, m->image, 1, 0.0, image, 1);
}

int moment_edges(moment *m, const double *y, double edges[2], dmft_error *err)
{
    edges[0] = edges[1] = 0.0;
    m->label = y;
    for (int end = 0; end < 2 && m->rank > 0; end++) {
        m->sign = end == 0 ? -1.0 : 1.0;
        int status = spectrum_leading_solve(m->leading, apply, m, m->rank, 1, 0, edge_tolerance, &edges[end], m->vector, m->n, err);
        if (status != DMFT_OK) return status;
        edges[end] *= m->sign;
    }
    return DMFT_OK;
}

size_t moment_largest(const double *top, const double *bottom, size_t count, size_t keep, long *pick)
{
    size_t above = 0, below = 0, kept = 0;
    double largest = 0.0;
    while (kept < keep) {
        double up = above < count && isgreater(top[above], 0.0) ? top[above] : 0.0, down = below < count && isless(bottom[below], 0.0) ? -bottom[below] : 0.0;
        double size = fmax(up, down);
        if (kept == 0) largest = size;
        if (!(size > least_kept * largest)) break;
        pick[kept++] = up >= down ? (long)above++ : -1 - (long)below++;
    }
    return kept;
}
