/* The outliers of a revealed matrix in the limit of infinite width, from what was revealed of it: (N1), (N2) of doc/theory.md. */
#ifndef DMFT_OUTLIER_REVEALED_H
#define DMFT_OUTLIER_REVEALED_H

#include "base/archive.h"
#include "limit/limit.h"

typedef struct outlier_revealed outlier_revealed;

/* A workspace that follows the `count` >= 1 largest outliers of one matrix. Errors: DMFT_ERROR_MEMORY. */
int outlier_revealed_create(outlier_revealed **out, size_t count, dmft_error *err);
void outlier_revealed_free(outlier_revealed *w);

/* Finds them in W = keep A + (1/N) F^T S E as `view` shows it: its variance, psi, S, M, in_order, out_order and keep, and how many directions there
 * are; no site is looked at. The search starts from the vectors of the find before. The result depends on the views this workspace has seen and on
 * nothing else. Time O(k^2) a product, some ten to sixty products; memory O(k^2). After an error there are none.
 * Errors: DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
int outlier_revealed_find(outlier_revealed *w, const struct limit_view *view, dmft_error *err);

/* ---- the results of the last find ---- */

/* The j-th largest outlier singular value of W; nan where there is none. */
double outlier_revealed_z(const outlier_revealed *w, size_t j);

/* lambda^2/sigma^2 of the j-th largest real eigenvalue, sigma^2 that of keep A: an outlier when above 1/sqrt(psi). Below that it is told as far down as
 * a quarter of it, for the interpolation of an escape (a complex pair that is almost real may be taken for one there); nan: not known. 0 where nothing
 * was learned. Infinite for an outlier of a matrix without bulk (sigma = 0). */
double outlier_revealed_root(const outlier_revealed *w, size_t j);

/* Overlaps with its unit singular vectors A, B; NULL where there is no outlier. One sign is common to both and arbitrary.
 * left: k_F numbers, (g.A)/sqrt(M) = sum_i left_i <f_i,g>; right: k_E numbers, (phi.B)/sqrt(N) = sum_j right_j <e_j,phi>. */
const double *outlier_revealed_left(const outlier_revealed *w, size_t j);
const double *outlier_revealed_right(const outlier_revealed *w, size_t j);

/* Products of X Y with a vector made so far. */
long outlier_revealed_products(const outlier_revealed *w);

/* The vectors that the next find starts from, and the results. */
void outlier_revealed_transfer(outlier_revealed *w, archive *a);

#endif
