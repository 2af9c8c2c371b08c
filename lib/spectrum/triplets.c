/* Singular values of a dense matrix: all of them by LAPACK's dgesdd, or the largest with their vectors from products with the matrix alone.
 *
 * The squares of the largest are eigenvalues of A A^T or A^T A, the smaller one, which is not formed. The solver is that of spectrum/leading.h: ARPACK-NG keeps
 * its state in static variables. TOLERANCE 1e-8 gives singular values to 1e-9 and vectors to an angle of 1e-8 over the relative distance to the next one.
 * The mean eigenvalue is added to the operator and taken off again, since the tolerance is relative and eigenvalues may be 0.
 *
 * Cost: 8 M N n/3 operations for all, on a copy of A. Of the largest, at the top of a bulk, where neighbours are n^{-2/3} apart, of the order of K n^{1/3}
 * products of 4 M N operations; memory (3 m + 3 K) n, m = 32 + 4 K.
 */
#include "spectrum/triplets.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "spectrum/leading.h"

static const double TOLERANCE = 1e-7;

int spectrum_values_all(const double *A, size_t M, size_t N, double *z, dmft_error *err)
{
    int n = (int)(M < N ? M : N), least[8], info;
    double nothing = 0, size = 0;
    /* Row by row A is the transpose column by column, which has the same singular values. */
    double *copy = memory_doubles_large(M * N);
    int *places = calloc((size_t)n, sizeof least);
    info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'N', (int)N, (int)M, copy, (int)N, z, &nothing, 1, &nothing, 1, &size, -1, least);
    double *work = memory_doubles((size_t)size);
    int whole = copy != NULL && places != NULL && work != NULL;
    if (whole) {
        memcpy(copy, A, M * N * sizeof *copy);
        info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'N', (int)N, (int)M, copy, (int)N, z, &nothing, 1, &nothing, 1, work, (int)size, places);
    }
    free(copy);
    free(places);
    free(work);
    if (!whole) return error_memory(err, 8.0 * ((double)M * (double)N + size));
    return info == 0 ? DMFT_OK : error_set(err, DMFT_ERROR_NUMERIC, "singular values of a %zu x %zu matrix were not found (dgesdd: %d)", M, N, info);
}

/* A A^T + shift where A has fewer rows than columns (left), else A^T A + shift. */
struct gram {
    const double *A;
    size_t M, N;
    int left;
    double shift;
    double *between; /* a vector of the longer side */
};

static void multiply(const struct gram *g, CBLAS_TRANSPOSE transpose, const double *x, double *y)
{
    cblas_dgemv(CblasRowMajor, transpose, (int)g->M, (int)g->N, 1.0, g->A, (int)g->N, x, 1, 0.0, y, 1);
}

static void gram_apply(void *context, size_t order, const double *x, double *y)
{
    const struct gram *g = context;
    multiply(g, g->left ? CblasTrans : CblasNoTrans, x, g->between);
    multiply(g, g->left ? CblasNoTrans : CblasTrans, g->between, y);
    cblas_daxpy((int)order, g->shift, x, 1, y, 1);
}

static double mean_eigenvalue(const struct gram *g)
{
    double norm = 0; /* by rows: an int cannot count the entries */
    for (size_t i = 0; i < g->M; i++) norm += cblas_ddot((int)g->N, g->A + i * g->N, 1, g->A + i * g->N, 1);
    return norm / (double)(g->left ? g->M : g->N);
}

/* The longer vector of each pair, and the singular value, which is its length. */
static void find_partners(const struct gram *g, size_t K, double *z, double *left, double *right)
{
    for (size_t j = 0; j < K; j++) {
        double *shorter = g->left ? left + j * g->M : right + j * g->N, *longer = g->left ? right + j * g->N : left + j * g->M;
        int length = (int)(g->left ? g->N : g->M);
        multiply(g, g->left ? CblasTrans : CblasNoTrans, shorter, longer);
        z[j] = cblas_dnrm2(length, longer, 1);
        if (z[j] > 0) cblas_dscal(length, 1 / z[j], longer, 1);
    }
}

int spectrum_triplets_find(const double *A, size_t M, size_t N, size_t K, double *z, double *left, double *right, dmft_error *err)
{
    struct gram g = {.A = A, .M = M, .N = N, .left = M < N, .between = memory_doubles(M < N ? N : M)};
    size_t n = g.left ? M : N;
    spectrum_leading *solver = NULL;
    if (g.between == NULL) return error_memory(err, 8.0 * (double)(M + N));
    g.shift = mean_eigenvalue(&g);
    int status = spectrum_leading_create(&solver, n, K, err);
    if (status == DMFT_OK && g.shift > 0)
        status = spectrum_leading_solve(solver, gram_apply, &g, n, K, 0, TOLERANCE, z, g.left ? left : right, n, err);
    if (status == DMFT_OK) find_partners(&g, K, z, left, right);
    spectrum_leading_free(solver);
    free(g.between);
    return status;
}
