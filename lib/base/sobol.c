/*
 * Sobol' points of GSL, scrambled by Owen's nested permutations: bit i of a coordinate is flipped by a random bit that belongs to the i bits before it
 * and to the coordinate. Every point is then uniform, the set stays as even as it was (of n = 2^m points one falls into each interval of length 1/n), and
 * means over independent scramblings have honest standard errors. The random bits are a hash of (stream, coordinate, bits before), so that nothing is
 * stored. Bits beyond those that tell n points apart come from the stream at random: there, nested permutations amount to that.
 *
 * GSL leaves out the point at the origin; it is put back, since without it the intervals are not hit equally often.
 *
 * Cost: about 6 ns a bit, log2(n) bits a number, and 30 ns for the Gaussian; a few kilobytes.
 */
#include "base/sobol.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_qrng.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"

enum { MOST_BITS = 30 }; /* of GSL's points */

struct sobol_set {
    struct random_stream stream;
    void *state; /* of GSL's generator. Made here and not by gsl_qrng_alloc, which ends the program when memory is short */
};

int sobol_create(sobol_set **out, const struct random_stream *stream, dmft_error *err)
{
    size_t bytes = gsl_qrng_sobol->state_size(SOBOL_DIMENSIONS);
    sobol_set *set = calloc(1, sizeof *set);
    void *state = malloc(bytes);
    if (set == NULL || state == NULL) {
        free(set);
        free(state);
        return error_memory(err, (double)(bytes + sizeof *set));
    }
    *set = (sobol_set){.stream = *stream, .state = state};
    *out = set;
    return DMFT_OK;
}

void sobol_free(sobol_set *set)
{
    if (set == NULL) return;
    free(set->state);
    free(set);
}

/* The finaliser of splitmix64 (base/random.c). */
static uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* The permutation that `key` names of the numbers of so many bits. A prefix is named by its bits with a 1 before them. */
static uint64_t scrambled(uint64_t key, uint64_t bits, int count)
{
    uint64_t out = 0;
    for (int i = count - 1; i >= 0; i--) {
        uint64_t before = (bits | (uint64_t)1 << count) >> (i + 1);
        out = out << 1 | (((bits >> i) ^ mixed(key + before * 0x9E3779B97F4A7C15u)) & 1);
    }
    return out;
}

static int bits_of(size_t n)
{
    int bits = 1;
    while (bits < MOST_BITS && ((size_t)1 << bits) < n) bits++;
    return bits;
}

void sobol_gaussians(sobol_set *set, size_t dimension, size_t n, double *out)
{
    uint64_t key = mixed(set->stream.state[0] ^ mixed(set->stream.state[1] + dimension));
    struct random_stream rest = random_start(set->stream.state[2], set->stream.state[3], dimension);
    int bits = bits_of(n);
    double point[SOBOL_DIMENSIONS] = {0.0}, cells = (double)((uint64_t)1 << bits);
    (void)gsl_qrng_sobol->init_state(set->state, SOBOL_DIMENSIONS);
    random_uniforms(&rest, n, out);
    for (size_t i = 0; i < n; i++) {
        if (i > 0) (void)gsl_qrng_sobol->get(set->state, SOBOL_DIMENSIONS, point);
        uint64_t cell = scrambled(key, (uint64_t)(point[dimension] * cells), bits);
        out[i] = gsl_cdf_ugaussian_Pinv(fmin(((double)cell + out[i]) / cells, 1.0 - 0x1p-53)); /* the sum may round up to 1 */
    }
}
