/* Singular values of a dense matrix: all of them by LAPACK's dgesdd, or the largest with their vectors from products with the matrix alone.
 *
 * The squares of the largest are eigenvalues of A A^T or A^T A, the smaller one, which is not formed. The solver is that of spectrum/leading.h: ARPACK-NG keeps
 * its state in static variables. TOLERANCE 1e-7 gives vectors to an angle of 1e-7 over the relative distance to the next one, and singular values to its
 * square.
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
#include "spectrum/square.h"

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

int spectrum_triplets_find(const double *A, size_t M, size_t N, size_t K, double *z, double *left, double *right, dmft_error *err)
{
    size_t n = M < N ? M : N, longer = M < N ? N : M;
    double *between = memory_doubles(longer), *shorter = M < N ? left : right, *partner = M < N ? right : left;
    spectrum_leading *solver = NULL;
    if (between == NULL) return error_memory(err, 8.0 * (double)longer);
    struct spectrum_square b = spectrum_square_of(A, M, N, between);
    int status = spectrum_leading_create(&solver, n, K, err);
    if (status == DMFT_OK && b.shift > 0) status = spectrum_leading_solve(solver, spectrum_square_apply, &b, n, K, 0, TOLERANCE, z, shorter, n, err);
    for (size_t j = 0; j < K && status == DMFT_OK; j++) z[j] = spectrum_square_partner(&b, shorter + j * n, partner + j * longer);
    spectrum_leading_free(solver);
    free(between);
    return status;
}
