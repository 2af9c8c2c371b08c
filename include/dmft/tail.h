/* dmft/tail.h: tails. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_TAIL_H
#define DMFT_PUBLIC_TAIL_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup tail Tails
 *  Power laws fitted to the largest of many numbers, and what else they may be.
 *  @{ */

/** A power law p(x) ~ x^-exponent fitted to the numbers from a threshold on, and what else they may be: (LW8) to (LW11) of doc/theory.md. */
typedef struct dmft_tail {
    double threshold;     /**< the one of the numbers from which the fit has the least Kolmogorov-Smirnov distance */
    size_t count;         /**< numbers >= threshold */
    double exponent;      /**< by maximum likelihood */
    double error;         /**< its standard error (exponent - 1)/sqrt(count), the threshold taken as given */
    double distance;      /**< Kolmogorov-Smirnov distance of the tail from the fit */
    double exponential;   /**< Vuong's statistic against an exponential tail, positive for the power law */
    double exponential_p; /**< its two-sided probability */
    double lognormal;     /**< the same against a log-normal tail; 0 where the best of these is the power law itself */
    double lognormal_p;   /**< its two-sided probability; 1 there */
    double nested_p;      /**< probability of a likelihood ratio as large if the law is a power law, the edge of the log-normal family */
} dmft_tail;

/** Fits the tail of `n` numbers >= 0; at least `least` >= 10 of them are in it.
 *  Errors: DMFT_ERROR_ARGUMENT (negative or not finite numbers, the largest all equal), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_tail_fit(const double *x, size_t n, size_t least, dmft_tail *out, dmft_error *err);

/** Hill's estimate of the tail index (exponent - 1) from the `k` largest numbers, and its standard error index/sqrt(k). Errors as of dmft_tail_fit. */
DMFT_FALLIBLE int dmft_tail_hill(const double *x, size_t n, size_t k, double *index, double *error, dmft_error *err);

/** Probability that a sample of the fitted law (below the threshold, of the numbers there) is as far from its own fit as this one, from `samples` of them
 *  and one more, this one: a power law is implausible where it is below 0.1. Errors as of dmft_tail_fit. */
DMFT_FALLIBLE int dmft_tail_plausibility(const double *x, size_t n, size_t least, size_t samples, unsigned long seed, double *p, dmft_error *err);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
