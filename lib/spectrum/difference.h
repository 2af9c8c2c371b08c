/* How far two samples of eigenvalues are from each other. */
#ifndef DMFT_SPECTRUM_DIFFERENCE_H
#define DMFT_SPECTRUM_DIFFERENCE_H

#include <stddef.h>

/* Rising samples a and b, one number at least in each: the integral of |F_a - F_b| (the first Wasserstein distance; the mean |a_i - b_i| for samples of one
 * size) and the largest |F_a - F_b| (Kolmogorov and Smirnov; may be NULL). */
double spectrum_difference(const double *a, size_t count_a, const double *b, size_t count_b, double *kolmogorov);

#endif
