/* The lazy limit: responses and correlations of the linearised network (F1)-(F16). */
#ifndef DMFT_KERNEL_LAZY_H
#define DMFT_KERNEL_LAZY_H

#include "base/problem.h"

/* Where the results go: `rows` numbers each, zero on entry, owned by the caller. Responses are functions of the lag n = t - s, correlations are C(t,t). */
struct kernel_lazy {
    double *R_Delta, *R_v, *R_h0, *R_g1;
    double *C_v_target, *C_Delta_target; /* from the labels: w* and the label noise */
    double *C_v_noise, *C_Delta_noise;   /* of these, from the label noise */
    double *C_v_output, *C_Delta_output; /* from the initial output, times gamma^2 */
    double *C_h0;                        /* all parts */
};

/* Largest factor a step by which the deterministic dynamics grows, max |1 - eta lambda|; at least one half, and at least 1 where something stays for
 * ever: directions that do not move, label noise. */
double kernel_lazy_growth(const struct dmft_problem *p);

/* Steps 0 .. rows-1 of a full-batch or one-pass problem. Errors: DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
int kernel_lazy_solve(const struct dmft_problem *p, size_t rows, const struct kernel_lazy *out, dmft_error *err);

/* Bytes that kernel_lazy_solve takes for itself. */
double kernel_lazy_bytes(size_t rows);

#endif
