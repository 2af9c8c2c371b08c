/* The leading singular values of a sampled matrix as a whole, with what nothing was asked of drawn: exact in law at any width (N9). */
#ifndef DMFT_OUTLIER_WHOLE_H
#define DMFT_OUTLIER_WHOLE_H

#include "base/random.h"
#include "limit/limit.h"

typedef struct outlier_whole outlier_whole;

/* Room for square matrices of this many sites a side, with up to `directions` met on either, and `count` singular values. Error:
 * DMFT_ERROR_MEMORY. */
int outlier_whole_create(outlier_whole **out, size_t sites, size_t directions, size_t count, dmft_error *err);
void outlier_whole_free(outlier_whole *w);

/* Doubles that it holds, and multiplications and additions of a find. */
double outlier_whole_doubles(double sites, double directions, double count);
double outlier_whole_operations(double sites, double directions);

/* Finds them for the operator of this view (psi = 1, sampled sites), its rest drawn from the stream. Depends on nothing but the arguments.
 * Errors: DMFT_ERROR_NUMERIC. */
int outlier_whole_find(outlier_whole *w, const struct limit_view *view, struct random_stream stream, dmft_error *err);

/* Of the last find: the singular values, the largest first, nan past the last; and of the first pair of unit singular vectors A, B what overlaps are
 * made of, (g.A)/sqrt(M) = sum_i left_i <f_i, g>, (phi.B)/sqrt(N) = sum_j right_j <e_j, phi>; NULL where there is none. */
double outlier_whole_z(const outlier_whole *w, size_t j);
const double *outlier_whole_left(const outlier_whole *w);
const double *outlier_whole_right(const outlier_whole *w);

#endif
