/* The nested law of X M X^T/P as a chain of scalars (F5), one complex unknown a frequency: in the lazy limit, and of the bulk at any time (V3). */
#ifndef DMFT_KERNEL_NESTED_H
#define DMFT_KERNEL_NESTED_H

#include <complex.h>

#include "base/problem.h"

enum { NESTED_MOST = 67 }; /* the data, their spectrum, A_0 .. A_{L-1} for L <= 64, and the innermost constant */

/* A network at one time, as its bulk sees it. */
struct nested_network {
    int depth;
    const double *variance, *c; /* of A_0 .. A_{L-1}; c_0 .. c_L of M */
    double width_ratio;
    double sample_ratio;        /* 0: M itself, or with a spectrum Lambda^{1/2} M Lambda^{1/2} */
    size_t modes;               /* 0: isotropic inputs */
    const double *eigenvalue;   /* > 0; they stay the caller's */
};

/* Stage j stands for one iid matrix, from the outside in: the data (full batch only), A_0, A_1, .. up to the first of zero variance. The spectrum of
 * the inputs is a stage too, between the data and A_0; a chain with one is for real x alone. */
struct kernel_nested {
    int stages;
    int spectrum;               /* which stage that is; -1: none */
    size_t modes;
    const double *eigenvalue;
    int data;                   /* stage 0 is the data */
    double shift[NESTED_MOST];  /* c_j; shift[stages] is the innermost constant */
    double gain[NESTED_MOST];   /* kappa_j */
    double aspect[NESTED_MOST]; /* psi_j */
    double rate;                /* eta */
};

/* The scalars of one level, level 0 the outermost; d = 1 - e, and the derivatives of x and d with respect to the innermost x. */
struct nested_level {
    double complex x, e, d, dx, dd;
};

/* The chain of a problem in the lazy limit, and that of a network at one time. */
void kernel_nested_make(struct kernel_nested *n, const struct dmft_problem *p);
void kernel_nested_network(struct kernel_nested *n, const struct nested_network *w);

/* All levels 0 .. stages from the innermost x; 0 at a pole of one, where there is nothing from this level outwards. */
int kernel_nested_evaluate(const struct kernel_nested *n, double complex x, struct nested_level *level);

/* The smallest and the largest eigenvalue lambda in edges[0], edges[1] of K M other than those that are zero because of fewer samples than
 * inputs (one-pass SGD: of M). edges[1] is nan where variances leave the law no numbers. */
void kernel_nested_edges(const struct kernel_nested *n, double edges[2]);

/* zeta - 1 at the point zeta = exp(log_radius + 2 pi i k/N) of a circle, without cancellation. */
double complex kernel_nested_zeta_minus_1(double log_radius, size_t k, size_t N);

/* x[k], k = 0 .. N/2 (N a multiple of 4): the innermost unknown on the upper half of that circle, which encloses the spectrum of the dynamics.
 * N log(radius/growth) should be 20 or more. About two evaluations a point. Error: DMFT_ERROR_NUMERIC. */
int kernel_nested_circle(const struct kernel_nested *n, double log_radius, size_t N, double complex *x, dmft_error *err);

#endif
