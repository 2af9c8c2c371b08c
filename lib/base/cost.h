/* What the operations of an estimate cost. The unit is an operation of a matrix-vector product that the memory bounds, whose rate `dmft --dry-run`
 * measures (3 to 4 a nanosecond on one core of the machine these numbers were taken on; dgemm 45, dgemv in the cache 12 to 24). */
#ifndef DMFT_BASE_COST_H
#define DMFT_BASE_COST_H

#include <math.h>

enum { COST_OF_GAUSSIAN = 30 }; /* of a random number, drawn and entered */

/* A product with several vectors reads the matrix once, until the processor is the bound. */
static inline double cost_of_products(double operations, double vectors) { return operations / fmin(fmax(vectors, 1.0), 8.0); }

/* A product of a matrix of so many numbers with a vector: up to 2 MB stay in the cache of a core, up to 8 MB in one that is shared. */
static inline double cost_of_vectors(double operations, double numbers) { return operations / (numbers <= 0.25e6 ? 5.0 : numbers <= 1e6 ? 3.0 : 1.0); }

/* Eigenvalues of a symmetric matrix: half of 4/3 n^3 in the cache, the rest by blocks, and what small matrices wait for (n = 60 to 700, within a factor 2). */
static inline double cost_of_eigenvalues(double n) { return n * n * (0.5 * n + 80.0); }

#endif
