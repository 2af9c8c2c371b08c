/* The kernel of infinitely many random features: K = <phi(u) phi(v)> of two Gaussian numbers of known variances and covariance, for every activation
 * of base/activation.h. (LF2), (LF8) of doc/theory.md. */
#ifndef DMFT_MODEL_GAUSSIAN_KERNEL_H
#define DMFT_MODEL_GAUSSIAN_KERNEL_H

#include <stddef.h>

#include "base/activation.h"
#include "dmft.h"

typedef struct gaussian_kernel gaussian_kernel;

/* For matrices of up to `rows` rows. */
int gaussian_kernel_create(gaussian_kernel **out, enum activation_kind kind, size_t rows, dmft_error *err);
void gaussian_kernel_free(gaussian_kernel *g);
double gaussian_kernel_doubles(enum activation_kind kind, size_t rows);

/* K (rows x columns, columns <= rows, stride `columns`) holds covariances and is replaced by the kernel; `variance`: of all rows, the first of which
 * are the columns. Error: DMFT_ERROR_NUMERIC (variances too large for the expansion of an activation without a closed form). */
int gaussian_kernel_apply(gaussian_kernel *g, const double *variance, size_t rows, size_t columns, double *K, dmft_error *err);

#endif
