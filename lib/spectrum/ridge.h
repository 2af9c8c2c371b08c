/* Ridge regression with a free constant, its penalty chosen by cross-validation: of features, or of anything with a Gram matrix. (LF6) of
 * doc/theory.md. */
#ifndef DMFT_SPECTRUM_RIDGE_H
#define DMFT_SPECTRUM_RIDGE_H

#include <stddef.h>

#include "dmft.h"

/* Sample i is held out in part i mod `folds`; penalties at equal ratios from the least to the largest, in units of the mean squared norm of the features
 * about their mean. 2 <= folds <= samples, penalties >= 1. */
struct ridge_rule {
    size_t folds, penalties;
    double least, largest;
};

typedef struct ridge ridge;

/* Room for n samples and Q test inputs; the doubles that it takes; multiplications and additions of a call with a system of this order. */
int ridge_create(ridge **out, size_t samples, size_t tests, const struct ridge_rule *rule, dmft_error *err);
void ridge_free(ridge *r);
double ridge_doubles(size_t samples, size_t tests);
double ridge_operations(const struct ridge_rule *rule, double samples, double tests, double order);

/* Fits n labels y, and writes n + Q predictions. X: n + Q rows of m features, m >= 0. Returns the penalty that was chosen. */
double ridge_on_features(ridge *r, const double *X, size_t m, const double *y, double *fitted);

/* The same from K, n + Q rows: the products with the n samples. */
double ridge_on_gram(ridge *r, const double *K, const double *y, double *fitted);

#endif
