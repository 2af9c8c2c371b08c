/* Quasi-random Gaussians: the coordinates of one scrambled Sobol' set, one number a site. */
#ifndef DMFT_BASE_SOBOL_H
#define DMFT_BASE_SOBOL_H

#include <stddef.h>

#include "base/random.h"
#include "dmft.h"

enum { SOBOL_DIMENSIONS = 16 }; /* coordinates of a set: the first fresh fields of a layer carry most of the variance, and more of them gain nothing */

typedef struct sobol_set sobol_set;

/* A set whose scrambling belongs to this stream: sets of different streams are independent. Error: DMFT_ERROR_MEMORY. */
int sobol_create(sobol_set **out, const struct random_stream *stream, dmft_error *err);
void sobol_free(sobol_set *set); /* NULL is allowed */

/* Writes coordinate `dimension` (below SOBOL_DIMENSIONS) of the first n points as standard Gaussians. Each number is exactly Gaussian by itself. Asked
 * again it gives the same numbers, in any order of the coordinates. */
void sobol_gaussians(sobol_set *set, size_t dimension, size_t n, double *out);

#endif
