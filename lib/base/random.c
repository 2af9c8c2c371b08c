/*
 * Random streams: the generator xoshiro256++ of Blackman and Vigna (period 2^256 - 1, 256 bits of state) offered to GSL as a generator
 * type, so that GSL's ziggurat turns its numbers into Gaussians.
 *
 * Why not a generator of GSL's own: those take 32 bits of seed, so that a few ten thousand streams would meet by chance; here a name is
 * mixed into 64 bits and these into 256. Why not one long stream: with a stream for every purpose of every network, a network stays the
 * same when networks are added, when threads change, or when another part of it draws more.
 *
 * Seeding: the three numbers of the name are absorbed one after the other by the finaliser of splitmix64, a bijection of 64 bits in which
 * each input bit flips each output bit with probability 1/2 to within a percent; the state is four outputs of splitmix64 from there (the
 * way its authors recommend; they are different, so the state is never 0).
 *
 * Cost: about 7 ns a Gaussian; 32 bytes a stream, no allocation.
 */
#include "base/random.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

static const uint64_t GOLDEN = 0x9E3779B97F4A7C15u; /* 2^64 over the golden ratio: the increment of splitmix64 */

/* The finaliser of splitmix64. */
static uint64_t mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void fill_state(uint64_t state[4], uint64_t name)
{
    for (uint64_t i = 0; i < 4; i++) state[i] = mixed(name + (i + 1) * GOLDEN);
}

struct random_stream random_start(uint64_t seed, uint64_t index, uint64_t purpose)
{
    uint64_t name = mixed(seed + GOLDEN);
    name = mixed((name ^ index) + GOLDEN);
    name = mixed((name ^ purpose) + GOLDEN);
    struct random_stream stream;
    fill_state(stream.state, name);
    return stream;
}

static uint64_t rotated(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }

/* The next 64 bits. */
static uint64_t xoshiro_next(uint64_t *s)
{
    uint64_t result = rotated(s[0] + s[3], 23) + s[0];
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotated(s[3], 45);
    return result;
}

static void xoshiro_set(void *state, unsigned long seed) { fill_state(state, seed); }

static unsigned long xoshiro_get(void *state) { return (unsigned long)(xoshiro_next(state) >> 32); }

static double xoshiro_get_double(void *state) { return (double)(xoshiro_next(state) >> 11) * 0x1p-53; }

static const gsl_rng_type XOSHIRO = {.name = "xoshiro256++",
                                     .max = 0xFFFFFFFFul,
                                     .min = 0,
                                     .size = sizeof(struct random_stream),
                                     .set = xoshiro_set,
                                     .get = xoshiro_get,
                                     .get_double = xoshiro_get_double};

void random_gaussians(struct random_stream *stream, double deviation, size_t n, double *out)
{
    const gsl_rng generator = {.type = &XOSHIRO, .state = stream->state};
    for (size_t i = 0; i < n; i++) out[i] = deviation != 0.0 ? gsl_ran_gaussian_ziggurat(&generator, deviation) : 0.0;
}

uint64_t random_bits(struct random_stream *stream) { return xoshiro_next(stream->state); }

uint64_t random_below(struct random_stream *stream, uint64_t n)
{
    uint64_t whole = UINT64_MAX - UINT64_MAX % n, drawn; /* a multiple of n, below which every remainder is as frequent */
    do drawn = xoshiro_next(stream->state);
    while (drawn >= whole);
    return drawn % n;
}

void random_shuffle(struct random_stream *stream, size_t n, size_t *order)
{
    for (size_t left = n; left > 1; left--) {
        size_t other = (size_t)random_below(stream, left), last = order[left - 1];
        order[left - 1] = order[other];
        order[other] = last;
    }
}
