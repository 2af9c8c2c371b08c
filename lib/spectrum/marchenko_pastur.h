/* The law of the singular values of an M x N matrix of independent entries of variance v, (TW1) of doc/theory.md. */
#ifndef DMFT_SPECTRUM_MARCHENKO_PASTUR_H
#define DMFT_SPECTRUM_MARCHENKO_PASTUR_H

#include <stddef.h>

/* x of z^2 = v (M + N + 2 sqrt(MN) x): the bulk is [-1, 1], and above it x = (c + 1/c)/2 (TW3). */
double spectrum_mp_position(double z2, double v, double M, double N);

/* Part of the min(M, N) singular values whose position is above x in [-1, 1]. */
double spectrum_mp_above(double x, double M, double N);

/* Their density at z, of integral 1. */
double spectrum_mp_density(double z, double v, double M, double N);

#endif
