/* dmft/outliers.h: outliers from kernels. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_OUTLIERS_H
#define DMFT_PUBLIC_OUTLIERS_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup outliers Outliers from kernels
 *  Outliers of a trained matrix from the kernels of its updates, whoever computed them.
 *  @{ */

/** A trained matrix W = A + (1/N) sum_c g_c d_c phi_c^T, known by the kernels of its k updates; A is M x N with iid entries of variance
 *  sigma2/N, psi = M/N, and the g_c, phi_c may depend on A. (C13) and section 8 of doc/theory.md. An event with d_c = 0 is a query: it moves
 *  nothing, and its overlaps can be asked for. Of an A that changes between the events, because it decays or has noise added, `variance` tells how much
 *  of what each event found is left, section 31. All arrays are the caller's and are read during the call only. */
typedef struct dmft_kernels {
    size_t count;                 /**< k, may be 0 */
    size_t stride;                /**< of the matrices, >= k; the later event is the row */
    const double *C_phi;          /**< phi_a.phi_b/N */
    const double *R_phi;          /**< the response of phi_a to the field of A^T g_b */
    const double *C_g;            /**< g_a.g_b/M */
    const double *R_g;            /**< the response of g_a to the field of A phi_b */
    const double *weight;         /**< d_c, k numbers */
    const double *target;         /**< m_c = phi_c.w/N for a unit vector w that is independent of A, k numbers, or NULL */
    double sigma2;                /**< >= 0 */
    double psi;                   /**< M/N > 0 */
    int whole;                    /**< 0: only the lower triangles are there. 1: C is checked to be symmetric, and R to be 0 above its diagonal */
    const double *variance;       /**< N times the covariance of the entries of A with those of the A that event c found, k numbers, or NULL: sigma2 for all */
} dmft_kernels;

/** The outliers of one such matrix. */
typedef struct dmft_outliers dmft_outliers;

/** Finds the `most` largest outliers: all real eigenvalues lambda^2 > sigma2/sqrt(psi) of (O1) are outliers, and there are no others. With
 *  sigma2 = 0 every singular value of the learned part is one, as far as it stands out of rounding errors (1e-7 of the largest).
 *  Time O(k^2) a product, some tens of products; memory O(k). Errors: DMFT_ERROR_ARGUMENT (the message names array and place),
 *  DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_outliers_create(dmft_outliers **out, const dmft_kernels *kernels, size_t most, dmft_error *err);

/** Number of outliers found. */
DMFT_API size_t dmft_outliers_count(const dmft_outliers *outliers);

/** The upper edge of the bulk, sigma (1 + sqrt(psi)). */
DMFT_API double dmft_outliers_edge(const dmft_outliers *outliers);

/** The outlier singular value with this index, the largest first; nan past the last. */
DMFT_API double dmft_outliers_z(const dmft_outliers *outliers, size_t index);

/** Its lambda^2 of (O2); nan past the last. */
DMFT_API double dmft_outliers_root(const dmft_outliers *outliers, size_t index);

/** k signed numbers g_c.A/sqrt(M) for its left unit singular vector A, or NULL past the last. Their squares are the overlaps of (O5). The
 *  common sign of these and of dmft_outliers_right is arbitrary; (g_c.A)(phi_e.B)/N = sqrt(psi) left[c] right[e] does not depend on it. */
DMFT_API const double *dmft_outliers_left(const dmft_outliers *outliers, size_t index);

/** k signed numbers phi_c.B/sqrt(N) for its right unit singular vector B, or NULL past the last. */
DMFT_API const double *dmft_outliers_right(const dmft_outliers *outliers, size_t index);

/** dz/dd_c = (g_c.A)(phi_c.B)/N, by which z moves when the weight of event c does (O6); nan where there is none. */
DMFT_API double dmft_outliers_drift(const dmft_outliers *outliers, size_t index, size_t event);

/** d ln(lambda^2)/dd_c, the same in the variable that is smooth through the edge (O7); nan where there is none. */
DMFT_API double dmft_outliers_growth(const dmft_outliers *outliers, size_t index, size_t event);

/** cos^2 of B with the vector w of `target` (O5'); nan where there is none. */
DMFT_API double dmft_outliers_target_overlap(const dmft_outliers *outliers, size_t index);

/** Frees them; NULL is allowed. */
DMFT_API void dmft_outliers_free(dmft_outliers *outliers);

/** The outlier ODE inside a step of gradient descent (O8): the change of z of the `most` largest outliers while the weight of one event goes
 *  from `from` to kernels->weight[event], by Gauss-Legendre quadrature of the drift with 4 points. change[j] is nan where outlier j is missing
 *  on the way. Errors: as of dmft_outliers_create. */
DMFT_FALLIBLE int dmft_outliers_change(const dmft_kernels *kernels, size_t event, double from, size_t most, double *change, dmft_error *err);

/** One outlier along a gradient flow, by the ODE (O6) in the variable lambda^2 (O7). */
typedef struct dmft_outlier_path dmft_outlier_path;

/** Integrates d lambda^2/dtau = growth(tau) lambda^2 from the first of the nodes, interpolating `growth` between them by a cubic spline.
 *  time[i]: rising. root[i]: lambda^2 of (O2) at node i, nan where there is none (the ODE begins anew behind); it may lie below the edge.
 *  growth[i]: d ln(lambda^2)/dtau there: dmft_outliers_growth of the newest event times the weight it gains a unit of time.
 *  Errors: DMFT_ERROR_ARGUMENT, DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_outlier_path_create(dmft_outlier_path **out, size_t nodes, const double *time, const double *root, const double *growth,
                                           double sigma2, double psi, dmft_error *err);

/** z by the ODE at any time between the nodes; nan where there is no outlier. */
DMFT_API double dmft_outlier_path_z(const dmft_outlier_path *path, double time);

/** The first time at which the ODE passes the edge from below; nan when it does not. When the nodes begin above the edge it is followed back
 *  over one interval. */
DMFT_API double dmft_outlier_path_escape(const dmft_outlier_path *path);

/** The largest |z of the ODE - z of the algebra| over the nodes where both exist; nan where there are none. */
DMFT_API double dmft_outlier_path_difference(const dmft_outlier_path *path);

/** Frees it; NULL is allowed. */
DMFT_API void dmft_outlier_path_free(dmft_outlier_path *path);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
