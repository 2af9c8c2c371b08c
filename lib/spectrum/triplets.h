/* Singular values and vectors of a dense matrix (triplets.c). */
#ifndef DMFT_SPECTRUM_TRIPLETS_H
#define DMFT_SPECTRUM_TRIPLETS_H

#include <stddef.h>

#include "dmft.h"

/* All min(M, N) singular values of A (row-major), falling. Errors: DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
int spectrum_values_all(const double *A, size_t M, size_t N, double *z, dmft_error *err);

/* The K <= min(M, N) largest, falling, with unit vectors: K rows of M numbers and K rows of N. The longer one of a singular value of 0 is 0. Errors as
 * above. */
int spectrum_triplets_find(const double *A, size_t M, size_t N, size_t K, double *z, double *left, double *right, dmft_error *err);

#endif
