/* The label-weighted moment Z^T diag(y) Z/n of any features, by their Gram matrix K = Z Z^T = F F^T of n samples: what its spectrum is, and how far
 * it would reach with labels that say nothing. (LF3), (LF5) of doc/theory.md. */
#ifndef DMFT_SPECTRUM_MOMENT_H
#define DMFT_SPECTRUM_MOMENT_H

#include <stddef.h>

#include "dmft.h"

typedef struct moment moment;

int moment_create(moment **out, size_t samples, dmft_error *err);
void moment_free(moment *m);
double moment_doubles(size_t samples);

/* Factors K (n x n, stride n; the lower triangle is read): F, n x rank, row by row. Returns F; m may be asked for the rest from then on. */
const double *moment_factor(moment *m, const double *K, size_t *rank);

/* All eigenvalues of F^T diag(y) F/n, rising, and unless `vectors` is NULL its eigenvectors as rows of it. They stand in m until the next call. */
int moment_solve(moment *m, const double *y, const double **values, const double **vectors, dmft_error *err);

/* After moment_solve: numbers below which lie equal parts of the n eigenvalues, n - rank zeros among them: from the least, 0, to the largest, count - 1. */
void moment_quantiles(const moment *m, size_t count, double *out);

/* The least and the largest eigenvalue with labels y. */
int moment_edges(moment *m, const double *y, double edges[2], dmft_error *err);

/* Of `count` eigenvalues from either end, `top` falling and `bottom` rising, the `keep` of largest modulus: pick[j] = i for top[i], -1 - i for bottom[i].
 * Returns how many there are; what is below 1e-9 of the largest, or nan, is none. */
size_t moment_largest(const double *top, const double *bottom, size_t count, size_t keep, long *pick);

#endif
