/* Two-time correlation kernels from stored histories. */
#ifndef DMFT_KERNEL_GRAM_H
#define DMFT_KERNEL_GRAM_H

#include <stddef.h>

/* C(t,s) = <H_t, H_s> for t, s < steps, from the history H (row t: `length` coordinates at H + t * stride). C has row stride C_stride and is
 * zero on entry. steps^2 x length/2 multiply-adds, then the other triangle is copied: C is symmetric to the bit. */
void kernel_gram(const double *H, size_t steps, size_t length, size_t stride, double *C, size_t C_stride);

/* The same where different steps are independent: C(t,t) = |H_t|^2, zero elsewhere. */
void kernel_gram_diagonal(const double *H, size_t steps, size_t length, size_t stride, double *C, size_t C_stride);

/* Copies the lower triangle to the upper one. */
void kernel_mirror(double *C, size_t steps, size_t stride);

#endif
