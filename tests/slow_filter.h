/* Low-degree filtering from its definition, plain loops: kernels or given features, Jacobi's eigenvalues, elimination. Shares nothing with the library but
 * the data, which are handed in. */
#ifndef TESTS_SLOW_FILTER_H
#define TESTS_SLOW_FILTER_H

#include <stddef.h>

enum { SLOW_MOST = 64 }; /* samples, tests, features, inputs */

struct slow_filter {
    size_t n, Q, m;                        /* samples, tests, columns of h */
    size_t kept, folds, penalties;
    double least, largest;
    double h[2 * SLOW_MOST][SLOW_MOST];    /* samples, then tests */
    double y[2 * SLOW_MOST];
    double K[2 * SLOW_MOST][SLOW_MOST];    /* kernel of the layer, all rows with the samples */
    double value[SLOW_MOST];               /* all eigenvalues of the moment, rising */
    size_t count;                          /* how many */
};

struct slow_errors {
    double train, test, train_loss, test_loss, penalty;
};

/* Eigenvalues (rising) and eigenvectors (columns) of a symmetric matrix, which is overwritten. */
void slow_jacobi(size_t n, double A[SLOW_MOST][SLOW_MOST], double *value, double V[SLOW_MOST][SLOW_MOST]);

/* K of the relu kernel of the present h. */
void slow_kernel(struct slow_filter *f);

/* The moment of K with labels `y`: its eigenvalues only (f->value), or then h of the kept ones in place of h. */
void slow_spectrum(struct slow_filter *f, const double *y);
void slow_filter_layer(struct slow_filter *f);

/* The same with given features Z (all rows x p) and the p x p moment. */
void slow_filter_features(struct slow_filter *f, size_t p, double Z[2 * SLOW_MOST][SLOW_MOST]);

/* Ridge readouts of h, and of K. */
struct slow_errors slow_readout(const struct slow_filter *f);
struct slow_errors slow_kernel_readout(const struct slow_filter *f);

/* Adjusted coefficient of determination of a target at the tests. */
double slow_share(const struct slow_filter *f, const double *target);

#endif
