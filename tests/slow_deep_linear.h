/*
 * slow_deep_linear.h - slow reference for the level-1 mean-field theory of
 * deep linear networks (doc/theory.md, sections 1 and 2).  Tests only.
 *
 * It shares no code with the library: plain nested loops over the equations as
 * they are written, so that an agreement between the two means something.
 */
#ifndef SLOW_DEEP_LINEAR_H
#define SLOW_DEEP_LINEAR_H

typedef struct slow_problem {
    int depth, steps;              /* L >= 1, T >= 1 */
    double width_ratio;            /* nu = N/D > 0 */
    double sample_ratio;           /* alpha = P/D > 0, or B/D when online */
    double gamma0;                 /* > 0 */
    double label_noise;            /* sigma_eps */
    double learning_rate;          /* eta */
    const double *weight_variance; /* L+1 of them: A_0 .. A_{L-1}, readout; zero allowed */
    int ntk;                       /* 0 muP: gamma = gamma0 sqrt(nu); 1 NTK: gamma = gamma0 */
    int online;                    /* 1: one-pass SGD, a fresh batch each step */
} slow_problem;

/*
 * Every kernel is T x T, row major, K(t,s) = K[t*T + s]; in a response the row
 * is the later time and everything above the diagonal is exactly 0.0.
 *
 *   R_v(t,s)     = dv(t)/drX(s)        zero on the diagonal
 *   R_Delta(t,s) = dDelta(t)/duX(s)    one on the diagonal
 *   R_h[0](t,s)  = dvhat(t)/dr0(s)     s = t included
 *   R_h[l](t,s)  = dh^l(t)/dr^l(s)     s = t included
 *   R_g[l](t,s)  = dg^l(t)/du^l(s)     zero on the diagonal
 *
 * Convention for R_h[L]: the readout field w(0) is one vector, but it is taken
 * as a field r^L(t) = w(0) with one entry per time, of covariance sigma_w^2 for
 * all t,s, which enters as g^L(t) = r^L(t) + c sum_{s<t} h^L(s).  R_h[L](t,s)
 * is the response to its entry at time s alone; the response to w(0) itself is
 * the row sum over s.
 */
typedef struct slow_kernels {
    int depth, steps;
    double *C_v, *R_v, *C_Delta, *R_Delta;
    double **C_h, **R_h;           /* [0..L]; C_h[0] = C_vhat, R_h[0] = R_vhat */
    double **C_g, **R_g;           /* [1..L]; C_g[0] and R_g[0] are NULL */
} slow_kernels;

slow_kernels *slow_solve(const slow_problem *p); /* NULL when out of memory */
void slow_free(slow_kernels *k);                 /* NULL allowed */

#endif
