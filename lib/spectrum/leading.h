/* The few largest eigenvalues and eigenvectors of a symmetric operator that is known by its products only. */
#ifndef DMFT_SPECTRUM_LEADING_H
#define DMFT_SPECTRUM_LEADING_H

#include "dmft.h"

/* y = B x for a symmetric B of order n; x and y do not overlap. */
typedef void (*spectrum_apply)(void *context, size_t n, const double *x, double *y);

typedef struct spectrum_leading spectrum_leading;

/* Workspace for operators up to this order and up to `want` pairs. */
int spectrum_leading_create(spectrum_leading **out, size_t order, size_t want, dmft_error *err);

/* The `count` <= want largest eigenvalues of B (order n <= the workspace's), in falling order, and unit eigenvectors (count rows of
 * length n, with that stride). On entry the first `starts` <= 16 + count rows of `vectors` hold start vectors of any length (the better
 * they are the fewer products it takes); they need not be independent, and without any the search starts from noise. An eigenvector that
 * is orthogonal to all start vectors is not found: a Krylov space knows nothing of it. A pair is found when |B x - value x| <=
 * tolerance |value|, or as small as rounding errors of the largest eigenvalue. For n < count the missing values are -infinity. `vectors` has
 * room for the larger of count and starts rows.
 * Returns 0 or DMFT_ERROR_NUMERIC (too many products). The result depends on nothing but the arguments. */
int spectrum_leading_solve(spectrum_leading *w, spectrum_apply apply, void *context, size_t n, size_t count, size_t starts,
                           double tolerance, double *values, double *vectors, size_t stride, dmft_error *err);

/* From now on a pair is also taken as found when after some products its value + residual is below `floor`: the caller does not need it, and
 * proves by other means, where it matters, that nothing is left above. The default is -infinity. */
void spectrum_leading_set_floor(spectrum_leading *w, double floor);

/* Number of products made since creation. */
long spectrum_leading_products(const spectrum_leading *w);

void spectrum_leading_free(spectrum_leading *w);

#endif
