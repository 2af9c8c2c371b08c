/* Gaussian averages of an activation function, and the function centred and brought to unit variance. */
#ifndef DMFT_BASE_MOMENTS_H
#define DMFT_BASE_MOMENTS_H

#include <stddef.h>

#include "dmft.h"

/* Over h ~ N(0, 1). */
struct activation_moments {
    double mean, deviation; /* of phi(h): the centred function of unit variance is (phi - mean)/deviation */
    double slope, slope2;   /* b = <phi'> and <phi'^2> of that function */
};

/* The averages to some 1e-14, each side of a kink at 0 for itself. Error: DMFT_ERROR_ARGUMENT (a constant function has no variance). */
int activation_moments_of(struct activation_moments *out, const dmft_activation *activation, dmft_error *err);

/* The centred function of unit variance, and its slope (may be NULL), of n numbers; no two arrays overlap. */
void activation_normalized(const dmft_activation *activation, const struct activation_moments *moments, size_t n, const double *h, double *value,
                           double *slope);

#endif
