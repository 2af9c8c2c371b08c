/* Products with a lower triangular matrix that is read once, and with the symmetric matrix of which it is the lower half. */
#ifndef DMFT_KERNEL_TRIANGLE_H
#define DMFT_KERNEL_TRIANGLE_H

#include <stddef.h>

/* The leading n x n block of K (row s at K + s * stride, zero above the diagonal) from both sides in one passage through memory:
 * y = K f and z = x K. Either product is left out when its result is NULL. Results do not overlap K's block or the factors. */
void kernel_triangle(const double *K, size_t stride, size_t n, const double *f, double *y, const double *x, double *z);

/* y = S x, S the symmetric matrix with the lower half K; `diagonal` is that of K in one piece, `work` takes n numbers. */
void kernel_triangle_symmetric(const double *K, size_t stride, const double *diagonal, size_t n, const double *x, double *y, double *work);

#endif
