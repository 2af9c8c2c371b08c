/* Products of blocks of vectors with the rows of a space. One vector goes through dgemv, several through dgemm. */
#ifndef DMFT_LIMIT_BLOCK_H
#define DMFT_LIMIT_BLOCK_H

#include "limit/limit.h"

/* `count` vectors of a space, one a row. */
struct block {
    const limit_space *space;
    size_t count;
    double *x;
};

/* Rows first .. end - 1. */
struct block block_of(const limit_rows *rows, size_t first, size_t end);

/* c_ij <- beta c_ij + factor <x_i, r_j>, rows of c `stride` apart. */
void block_inner(double factor, struct block x, struct block r, double beta, double *c, size_t stride);

/* x_i <- x_i + factor sum_j c_ij r_j */
void block_combine(double factor, const double *c, size_t stride, struct block r, struct block x);

/* Room for n numbers that keeps rows at multiples of 16 bytes: where a vector begins makes a difference to the last bit of some kernels of BLAS, and
 * must not depend on how things grew. */
static inline size_t block_room(size_t n) { return n + n % 2; }

#endif
