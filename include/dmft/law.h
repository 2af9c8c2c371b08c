/* dmft/law.h: laws of random matrices. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_LAW_H
#define DMFT_PUBLIC_LAW_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup law Laws of random matrices
 *  Edges, resolvents and densities of noise, of any population, and of many equal signals in noise.
 *  @{ */

/** Resolvent scalars of an M x N matrix with iid entries of variance sigma2/N, psi = M/N, and their derivatives; (O3) of doc/theory.md. */
typedef struct dmft_resolvent {
    double a;  /**< a (z - sigma2 b) = 1, the branch that decays */
    double b;  /**< b (z - sigma2 psi a) = 1 */
    double da; /**< da/dz; minus infinity at the edge when sigma2 > 0 */
    double db; /**< db/dz, likewise */
} dmft_resolvent;

/** The two edges sigma |1 - sqrt(psi)| and sigma (1 + sqrt(psi)) of the bulk of singular values. Error: DMFT_ERROR_ARGUMENT. */
DMFT_FALLIBLE int dmft_bulk_edges(double sigma2, double psi, double edges[2], dmft_error *err);

/** Evaluates the resolvent scalars at a real z > 0 on or above the upper edge. Error: DMFT_ERROR_ARGUMENT. */
DMFT_FALLIBLE int dmft_resolvent_at(double z, double sigma2, double psi, dmft_resolvent *out, dmft_error *err);

/** The population of a generalised Marchenko-Pastur law, as nodes of a quadrature, and p/n: (LA1) of doc/theory.md. The law is that of the n x n
 *  companion G^T T G/n, G p x n with iid entries of unit variance, T p x p with these eigenvalues tau; the p x p matrix T^{1/2} G G^T T^{1/2}/n has the
 *  same eigenvalues but for zeros: its density is that of the companion over `ratio`. All arrays are the caller's. */
typedef struct dmft_population {
    double ratio;            /**< p/n > 0 */
    size_t nodes;            /**< of the quadrature */
    const double *tau;       /**< its nodes, >= 0 */
    const double *weight;    /**< its weights, >= 0 with sum 1, atoms included */
    size_t bands;            /**< of the support */
    const double (*band)[2]; /**< the support of the population: intervals, rising and disjoint, lo = hi for an atom; an atom at 0 may be left out */
} dmft_population;

/** Nodes of a Marchenko-Pastur population, the eigenvalues s other than 0 of G G^T/b, G a x b, q = a/b in (0, 1] (LA5): n + 1 numbers in s and in
 *  weight, and the support. A population tau = f(s) has the same weights. Error: DMFT_ERROR_ARGUMENT. */
DMFT_FALLIBLE int dmft_marchenko_pastur_nodes(double q, size_t n, double *s, double *weight, double band[2], dmft_error *err);

/** A generalised Marchenko-Pastur law. */
typedef struct dmft_law dmft_law;

/** Errors: DMFT_ERROR_ARGUMENT (the message names the place), DMFT_ERROR_NUMERIC (too few nodes to resolve a band), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_law_create(dmft_law **out, const dmft_population *population, dmft_error *err);

/** Number of bands of its continuous part. */
DMFT_API size_t dmft_law_bands(const dmft_law *law);

/** The two ends of a band, in rising order; NULL past the last. */
DMFT_API const double *dmft_law_band(const dmft_law *law, size_t band);

/** The part of the companion's eigenvalues in a band; nan past the last. What is in none is 0. */
DMFT_API double dmft_law_mass(const dmft_law *law, size_t band);

/** The density of the continuous part at x; nan where Newton's method fails (no case is known). */
DMFT_API double dmft_law_density(const dmft_law *law, double x);

/** The part of the companion's eigenvalues <= x (LA4). */
DMFT_API double dmft_law_part(const dmft_law *law, double x);

/** Its inverse for a part in [0, 1]: 0 where that part is an atom at 0. */
DMFT_API double dmft_law_quantile(const dmft_law *law, double part);

/** Frees it; NULL is allowed. */
DMFT_API void dmft_law_free(dmft_law *law);

/** A + theta U V^T: A is N x D with iid entries of variance sigma2/D, psi = N/D; U and V have K orthonormal columns, K = rank_ratio x D. Section 30
 *  of doc/theory.md: a finite density of equal signals. */
typedef struct dmft_spikes {
    double psi;        /**< N/D > 0 */
    double sigma2;     /**< > 0 */
    double rank_ratio; /**< in (0, min(1, psi)] */
    double strength;   /**< theta >= 0 */
} dmft_spikes;

/** The ends of the one or two bands of the min(N, D) singular values, in rising order: 2 or 4 numbers. Error: DMFT_ERROR_ARGUMENT. */
DMFT_FALLIBLE int dmft_spikes_edges(const dmft_spikes *spikes, double edges[4], size_t *bands, dmft_error *err);

/** The density of the min(N, D) singular values at x > 0. Errors: DMFT_ERROR_ARGUMENT, DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_spikes_density(const dmft_spikes *spikes, double x, double *density, dmft_error *err);

/** The part of them <= x, x >= 0. Errors: DMFT_ERROR_ARGUMENT, DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_spikes_part(const dmft_spikes *spikes, double x, double *part, dmft_error *err);

/** The strength beyond which the signals have a band of their own; it tends to sigma psi^{1/4} of a single one (BBP) as rank_ratio -> 0.
 *  Errors: DMFT_ERROR_ARGUMENT (signals of full rank leave nothing to split from, too), DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_spikes_critical(double psi, double sigma2, double rank_ratio, double *strength, dmft_error *err);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
