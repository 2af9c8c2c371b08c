/* A scrambled Sobol' set: (N5) of doc/theory.md.
 *
 * GSL's set is a digital sequence in Gray-code order: point p, with the origin as point 0, is the sum of the direction numbers over the bits of
 * p ^ (p >> 1), and differs from point p - 1 by the one of the lowest set bit of p. So point 2^b is the sum of direction numbers b and b - 1, and the
 * direction numbers follow from the points at powers of two. GSL skips the origin; with it the first 2^m points are a net.
 *
 * Scrambling multiplies the binary digits of each coordinate with a random lower triangular matrix with ones on its diagonal and adds random digits,
 * 52 of them, so that every point is uniform and nets stay nets. Only the direction numbers are kept, 6 kB, found in time O(points); a coordinate is
 * made again whenever it is asked for, 50 ns a Gaussian number. */
#include "base/sobol.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_qrng.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { DIGITS = 52 }; /* one more, for the middle of a cell, is what a double below 1 can hold */

int sobol_init(struct sobol *s, size_t points, dmft_error *err)
{
    const gsl_qrng_type *type = gsl_qrng_sobol;
    size_t bytes = type->state_size(SOBOL_DIMENSION);
    void *state = malloc(bytes); /* gsl_qrng_alloc would call the program's error handler */
    if (state == NULL) return error_memory(err, (double)bytes);
    *s = (struct sobol){0};
    (void)type->init_state(state, SOBOL_DIMENSION);
    for (size_t p = 1, bit = 0; p < points; p++) {
        double x[SOBOL_DIMENSION];
        (void)type->get(state, SOBOL_DIMENSION, x);
        if (p != (size_t)1 << bit) continue;
        for (size_t d = 0; d < SOBOL_DIMENSION; d++) s->plain[d][bit] = (uint32_t)(x[d] * 0x1p30) ^ (bit > 0 ? s->plain[d][bit - 1] : 0);
        bit++;
    }
    free(state);
    return DMFT_OK;
}

void sobol_scramble(struct sobol *s, struct random_stream *stream)
{
    const uint64_t all = ((uint64_t)1 << DIGITS) - 1;
    for (size_t d = 0; d < SOBOL_DIMENSION; d++) {
        memset(s->direction[d], 0, sizeof s->direction[d]);
        s->shift[d] = random_bits(stream) & all;
        for (size_t digit = 0; digit < SOBOL_BITS; digit++) { /* a column of the matrix: one on the diagonal, random below */
            uint64_t diagonal = (uint64_t)1 << (DIGITS - 1 - digit), column = diagonal | (random_bits(stream) & (diagonal - 1));
            for (size_t bit = 0; bit < SOBOL_BITS; bit++)
                if (s->plain[d][bit] >> (SOBOL_BITS - 1 - digit) & 1) s->direction[d][bit] ^= column;
        }
    }
}

void sobol_uniform(const struct sobol *s, size_t coordinate, size_t n, double *out)
{
    uint64_t x = s->shift[coordinate];
    for (size_t p = 0; p < n; p++) {
        size_t lowest = 0;
        while (p > 0 && (p >> lowest & 1) == 0) lowest++;
        if (p > 0) x ^= s->direction[coordinate][lowest];
        out[p] = ((double)x + 0.5) * 0x1p-52;
    }
}

void sobol_gaussian(const struct sobol *s, size_t coordinate, size_t n, double *out)
{
    sobol_uniform(s, coordinate, n, out);
    for (size_t p = 0; p < n; p++) out[p] = gsl_cdf_ugaussian_Pinv(out[p]);
}
