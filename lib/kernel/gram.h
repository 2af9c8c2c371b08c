/* Two-time correlation kernels from stored histories. */
#ifndef DMFT_KERNEL_GRAM_H
#define DMFT_KERNEL_GRAM_H

#include <stddef.h>

/* Replaces the history H (row t: `length` coordinates at data + t * stride) by the kernel C(t,s) = <H_t, H_s>, t, s < steps, with the same
 * stride >= steps. `scratch` has room for steps x length doubles. steps^2 x length multiply-adds (one triangle, then mirrored). */
void kernel_gram(double *data, size_t steps, size_t length, size_t stride, double *scratch);

/* The same where different steps are independent: C(t,t) = |H_t|^2, zero elsewhere. */
void kernel_gram_diagonal(double *data, size_t steps, size_t length, size_t stride);

#endif
