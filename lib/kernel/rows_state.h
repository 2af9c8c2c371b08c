/* The state of a march, shared by rows.c (memory, queries, results) and rows_step.c (the equations). */
#ifndef DMFT_KERNEL_ROWS_STATE_H
#define DMFT_KERNEL_ROWS_STATE_H

#include "kernel/rows.h"

enum { ROWS_WORK = 6 };

/* Every matrix has `rows` rows at `stride`, zero above the diagonal. C and R are in the order of kernel_rows_diagonal. */
struct kernel_rows {
    int depth, online, flow;
    size_t rows, done, stride, fields; /* fields = 2L+3 */
    double step, rate;                 /* c and eta */
    double gain, output;               /* 1/(gamma sqrt(nu)), gamma/sqrt(nu) */
    double width_ratio, sample_ratio, label_noise;
    double *variance; /* L+1 */

    double *time;              /* of the nodes */
    double *weight, *newest;   /* kappa(t,s): weight[s] for s < t-1, newest[t] for s = t-1, (E2) */
    double **C, **R;           /* fields each */
    double **diagonal;         /* of the C, in one piece each */
    double *coefficients;      /* what H_u, G_r and v_r point into */
    double **H_u, **G_r;       /* [1 .. L], [1 .. L-1]: coefficients of h^l on u^l and of g^l on r^l */
    double *v_r;               /* of v on r_0; full batch */
    double *v_star, *hat_star; /* of v and vhat on w* */
    double *noise;             /* <epsilon Delta(t)> */
    double *R_sum, *G_sum;     /* of the rows of R_hL, and of the coefficients of g^L on r^L */
    double *cross;             /* <h^l(t) g^l(s)>, s <= t, of the layer that is being passed */
    double *spikes;            /* c kappa(t,s) of kernel_rows_matrix */
    double *work[ROWS_WORK];
};

static inline double *rows_C_h(const kernel_rows *r, int l) { return r->C[2 + (size_t)l]; }
static inline double *rows_R_h(const kernel_rows *r, int l) { return r->R[2 + (size_t)l]; }
static inline double *rows_C_g(const kernel_rows *r, int l) { return r->C[2 + (size_t)(r->depth + l)]; }
static inline double *rows_R_g(const kernel_rows *r, int l) { return r->R[2 + (size_t)(r->depth + l)]; }
static inline double *rows_diagonal_h(const kernel_rows *r, int l) { return r->diagonal[2 + (size_t)l]; }
static inline double *rows_diagonal_g(const kernel_rows *r, int l) { return r->diagonal[2 + (size_t)(r->depth + l)]; }

/* What the weights at node t have of the gradient at node s < t. */
static inline double rows_kappa(const kernel_rows *r, size_t t, size_t s) { return s + 1 == t ? r->newest[t] : r->weight[s]; }

#endif
