/* What (O5) and (O5') tell of one outlier of a matrix that is known by its kernels. */
#ifndef DMFT_OUTLIER_PAIR_H
#define DMFT_OUTLIER_PAIR_H

#include "outlier/kernels.h"
#include "outlier/krylov.h"

/* r_1 = (sigma rho, p) and r_2 = b psi Y r_1 = (sigma tau, q) at the eigenvalue lambda^2 = `root` of X Y. */
struct outlier_pair {
    double root, z, dz; /* dz: dz/dlambda^2; 0 at the edge */
    double b;           /* right resolvent scalar (O3) */
    double form;        /* r_1.K r_2 */
    double left, right; /* g_c.A/sqrt(M) = left p_c and phi_c.B/sqrt(N) = right s_c, s = Y r_1 */
    const double *p, *s, *r; /* k numbers p_c, k numbers s_c = q_c/(b psi), all of r_1; owned by the workspace */
};

/* The pair with index j of the last solve. */
struct outlier_pair outlier_pair_of(const outlier_krylov *w, const struct outlier_kernels *kernels, size_t j);

/* d ln(lambda^2)/dd_c: the drift in the variable that is smooth through the edge (O7). */
double outlier_pair_growth(const struct outlier_pair *x, const struct outlier_kernels *kernels, size_t c);

/* cos^2(B, w) with m_c = <phi_c w> (O5'). */
double outlier_pair_target(const struct outlier_pair *x, const struct outlier_kernels *kernels, const double *m);

#endif
