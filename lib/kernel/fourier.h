/* Fourier transforms (FFTW) of real sequences, and two convolutions made of them. Plans are estimated, not measured: the same in every run. */
#ifndef DMFT_KERNEL_FOURIER_H
#define DMFT_KERNEL_FOURIER_H

#include <complex.h>
#include <fftw3.h>
#include <stddef.h>

#include "dmft.h"

/* Real transforms of length n, in place, on any buffer of kernel_fourier_buffer. */
struct kernel_fourier {
    size_t n;
    fftw_plan forward, backward;
};

double *kernel_fourier_buffer(size_t n); /* n real, or n/2 + 1 complex numbers; free with fftw_free */
int kernel_fourier_plan(struct kernel_fourier *f, size_t n, double *buffer, dmft_error *err);
void kernel_fourier_clear(struct kernel_fourier *f); /* a zeroed one is allowed */

/* x[k] <- sum_t x[t] exp(-2 pi i k t/n), k = 0 .. n/2, complex numbers in the place of the real ones; and x[t] <- sum_k x[k] exp(2 pi i k t/n), k = 0 .. n-1,
 * without 1/n. */
void kernel_fourier_forward(const struct kernel_fourier *f, double *x);
void kernel_fourier_backward(const struct kernel_fourier *f, double *x);

/* out[m] += sum over i + j = m, i > j of a[i] b[j], or of a[i] b[j] - b[i] a[j] if antisymmetric, for m < length; a, b, out hold `length`
 * numbers. O(length log^2 length) operations and six vectors of `length` to twice that. */
int kernel_half_convolution(const double *a, const double *b, size_t length, int antisymmetric, double *out, dmft_error *err);

/* Adds sum_{k<t} phi[t-1-k] y[k] to y[t], t = 0 .. length-1 in turn: a linear Volterra equation for y, whose source is y on entry. O(length log^2 length). */
int kernel_volterra(const double *phi, size_t length, double *y, dmft_error *err);

#endif
