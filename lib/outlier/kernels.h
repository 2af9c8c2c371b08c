/* A trained matrix that is known by the kernels of its updates only: products with X and Y of (O1). */
#ifndef DMFT_OUTLIER_KERNELS_H
#define DMFT_OUTLIER_KERNELS_H

#include <stddef.h>

#include "outlier/krylov.h"

/* k events with weights d; an event of weight 0 is a query. Row-major k x k kernels, of which the lower triangles are read: C is symmetric, R is 0
 * above its diagonal. With P = [[0, R^T], [R, C]] of either side and K = [[0, sigma^2], [sigma^2, d]], X = P_g K and Y = P_phi K.
 *
 * Here rho and tau carry a factor sigma: P = [[0, sigma R^T], [sigma R, C]] and K = [[0, sigma], [sigma, d]], which has the same eigenvalues and
 * stays well scaled however small sigma is. Of a bulk that changes in time, sigma^2 is that of the matrix asked for, and in K (not in P) v(k,c)/sigma stands
 * in place of sigma: K = [[0, v/sigma], [v/sigma, d]], (KN7). */
struct outlier_kernels {
    size_t k, stride;
    const double *C_phi, *R_phi, *C_g, *R_g, *d;
    const double *variance; /* v(k,c), covariance of the entries with those that event c found, times N; NULL: sigma^2 for all c */
    double sigma, psi;
};

/* What stands in K beside d_c. */
static inline double outlier_kernels_first(const struct outlier_kernels *p, size_t c)
{
    return p->variance == NULL ? p->sigma : p->sigma > 0.0 ? p->variance[c] / p->sigma : 0.0;
}

/* X and Y, for vectors (sigma rho, p) of 2 k numbers; every kernel is read once from memory for all vectors. They refer to `p`. */
struct outlier_products outlier_kernels_products(const struct outlier_kernels *p);

#endif
