/* A scrambled Sobol' set of dimension 16, made Gaussian, coordinate by coordinate: the first fresh fields of a layer carry most of the variance, and
 * more dimensions gain nothing. */
#ifndef DMFT_BASE_SOBOL_H
#define DMFT_BASE_SOBOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "dmft.h"

enum { SOBOL_DIMENSION = 16, SOBOL_BITS = 30 };

struct sobol {
    uint32_t plain[SOBOL_DIMENSION][SOBOL_BITS];    /* direction numbers, first bit highest */
    uint64_t direction[SOBOL_DIMENSION][SOBOL_BITS]; /* of the scrambled set */
    uint64_t shift[SOBOL_DIMENSION];
};

/* Finds the direction numbers for sets of up to `points` points, 1 .. 2^30. */
int sobol_init(struct sobol *s, size_t points, dmft_error *err);

/* Another scrambling. */
void sobol_scramble(struct sobol *s, struct random_stream *stream);

/* The coordinate of each of n points in (0, 1), and the Gaussian number with this probability below it. */
void sobol_uniform(const struct sobol *s, size_t coordinate, size_t n, double *out);
void sobol_gaussian(const struct sobol *s, size_t coordinate, size_t n, double *out);

#endif
