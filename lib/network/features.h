/* The random features of one layer, Z = phi(h W/c)/sqrt(p), W with independent normal entries, (LF1) of doc/theory.md. Rows are worked on in blocks; as
 * many blocks of the samples as there is room for are held, the others are computed again whenever they are asked for, with the same bits. */
#ifndef DMFT_NETWORK_FEATURES_H
#define DMFT_NETWORK_FEATURES_H

#include <stddef.h>

#include "base/activation.h"
#include "base/random.h"
#include "dmft.h"

enum { FEATURES_BLOCK = 64 }; /* rows: one product of matrices each, and little beside all of Z */

struct features {
    dmft_activation activation;
    size_t count, samples, rows; /* p; n, of which blocks are held; n + Q */
    size_t held;                 /* blocks */
    double *weight;              /* W: columns of h x p */
    double *field;               /* FEATURES_BLOCK x p */
    double *block;               /* FEATURES_BLOCK x p: one that is not held */
    double *store;               /* held x FEATURES_BLOCK x p */
    double *slice;               /* rows x FEATURES_BLOCK, twice: some features of all rows */
    /* of the layer */
    const double *h;
    size_t columns;
    double scale;                /* 1/c */
};

/* Doubles that are taken beside the store, and of one block of it; blocks that there are at most. */
double features_doubles(size_t count, size_t rows, size_t widest);
double features_block_doubles(size_t count);
size_t features_blocks(size_t samples);

int features_create(struct features *f, enum activation_kind kind, size_t count, size_t samples, size_t rows, size_t widest, size_t held, dmft_error *err);
void features_free(struct features *f);

/* Draws the weights of a layer on h (rows x columns, kept by the caller), and fills the store. */
void features_draw(struct features *f, const double *h, size_t columns, struct random_stream *stream);

/* The features of block b of the samples, rows x p, and their number of rows; they stand until the next call. The test inputs follow as blocks of their
 * own: features_tests(f, b). */
const double *features_of(struct features *f, size_t b, size_t *rows);
const double *features_tests(struct features *f, size_t b, size_t *rows);

/* Z Z^T of all rows with the samples: rows x samples. */
void features_gram(struct features *f, double *gram);

/* y <- Z^T diag(label) Z x/n. `middle`: FEATURES_BLOCK numbers. */
void features_moment(struct features *f, const double *label, const double *x, double *middle, double *y);

/* The matrix Z^T diag(label) Z/n, p x p. */
void features_dense(struct features *f, const double *label, double *C);

#endif
