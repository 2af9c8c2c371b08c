/* A linear readout of features by ridge regression, and what part of the target the features hold. (LF6), (LF7) of doc/theory.md. */
#ifndef DMFT_SPECTRUM_READOUT_H
#define DMFT_SPECTRUM_READOUT_H

#include "base/labelled.h"
#include "spectrum/ridge.h"

struct readout_errors {
    double train, test;           /* part of the samples whose label has the other sign */
    double train_loss, test_loss; /* half of the mean squared error */
};

/* Of predictions for all samples, the training ones first. */
struct readout_errors readout_errors_of(const struct labelled *data, const double *fitted);

/* The part of the variance of each of `count` targets (rows of Q numbers) that a linear function of the features explains at the Q test inputs, less
 * what as many features of noise would explain; nan where there are not more inputs than features, or nothing varies. X: Q rows of m. `room`: m Q numbers. */
void readout_share(const double *X, size_t tests, size_t m, const double *target, size_t count, double *room, double *share);

#endif
