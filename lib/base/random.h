/* Independent streams of Gaussian numbers, each named by three whole numbers. */
#ifndef DMFT_BASE_RANDOM_H
#define DMFT_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* The state of one stream: a plain value, which may be copied. */
struct random_stream {
    uint64_t state[4];
};

/* The beginning of the stream named (seed, index, purpose). Streams of different names are unrelated. */
struct random_stream random_start(uint64_t seed, uint64_t index, uint64_t purpose);

/* Fills n numbers with independent Gaussians of mean 0 and this standard deviation. A deviation of 0 gives zeros and draws nothing. */
void random_gaussians(struct random_stream *stream, double deviation, size_t n, double *out);

/* The next 64 random bits. */
uint64_t random_bits(struct random_stream *stream);

/* A whole number 0 .. n-1, n >= 1, all equally likely. */
uint64_t random_below(struct random_stream *stream, uint64_t n);

/* Puts n things into an order at random, all orders equally likely (Fisher and Yates). */
void random_shuffle(struct random_stream *stream, size_t n, size_t *order);

#endif
