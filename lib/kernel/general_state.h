/* The state of the general march, shared by general.c (memory, queries, results), general_step.c (the equations) and general_probe.c (Lanczos). */
#ifndef DMFT_KERNEL_GENERAL_STATE_H
#define DMFT_KERNEL_GENERAL_STATE_H

#include "kernel/general.h"

enum { GENERAL_WORK = 4 };

/* Lower triangles: row i at i * stride, zero above the diagonal. Fields and their sources are numbered alike: h^1 .. h^L and u^1 .. u^L, then
 * g^1 .. g^L and r^1 .. r^L. Rows 0 .. steps-1 are training steps; those of probes follow on the last step that is there and are written over. */
struct kernel_general {
    int depth, online, residual, flow;
    int shaken;                       /* weights forget and are shaken, each matrix in its own way (KN1); sources are then the fields of A_l(t) */
    size_t steps, rows, stride, done; /* steps, or nodes of the flow; rows: room, for steps and probes */
    size_t modes;                     /* n >= 1; 1: all inputs alike */
    size_t epoch;                     /* steps an epoch; 1: independent batches; 0: the batch is the sample, or fresh */
    size_t band;                      /* columns of `noise`: the epoch or the run */
    size_t first;                     /* of the probes that are made */
    double step, rate;                /* c and eta */
    double gain;                      /* 1/(gamma sqrt(nu)) */
    double width_ratio, sample_ratio, label_noise, fraction, momentum, decay;
    double *variance, *branch;        /* L+1 each: sigma_l^2; factor of A_l in the network, 1 or L^{-1/2} */
    double *schedule;                 /* e_t, steps numbers */
    double *eigenvalue, *target;      /* n each */
    double target_norm;               /* <w*^2>^{1/2} */

    double *time, *weight, *newest; /* of the nodes; kappa of the flow, (M2) */
    double *kept;           /* b of every event, (Q1); 1 where weights are shaken */
    double *kappa, *power;  /* kappa_l(t,s), `rows` numbers a matrix, the same for all but where weights are shaken; mu^(t-1-s): at the last step */
    double *factor;            /* f_l of (KN1), L+1 numbers */
    double *shrunk, *bulk;     /* f_l^j and v_l(t,t), `steps` numbers a matrix (KN2) */

    double **coefficient;   /* [field * 2L + source], NULL where a field does not feel the source */
    double **sum;           /* [field]: of the rows of the coefficients on r^L, which is one field at all times */
    double **C_h, **C_g;    /* [0 .. L], [1 .. L] */
    double **seen;          /* [source]: its covariance, (KN3); NULL but where weights are shaken */

    /* The data, (Q5)-(Q9). */
    double *K, *S, *N;      /* memory K_v; covariances of what drives v: from r_0, and from r_X by K */
    double **G;             /* n: v_k = G_k (its sources) */
    double *G1, *G2;        /* <lambda G>, <lambda^2 G>; G[0] when there is one mode */
    double *star;           /* n x rows: coefficients of v_k on w* */
    double *star_mean;      /* <lambda_k w*_k star_k> */
    double *C_v, *C_w;      /* <lambda v v>, <lambda^2 v v>; the same when there is one mode */
    double *R_v, *H, *C_seen, *C_Delta, *J; /* J: epochs only; C_Delta is C_seen but for batches of a fixed sample and flow on the population */
    double *W, *R_h0;
    double *noise;          /* V of a fixed sample's batches: steps x band, V(t, t-j) at t * band + j */
    double *seen_target;    /* <vhat(t) w*> over the length of w* */
    double *source;         /* f_i: coefficient of v(i) on its own r_0 */
    double *unit;           /* of w* in v(i) to begin with */
    double *G0, *C_0;       /* <G>, <v v>: the last row */

    double *X, *Y, *scaled; /* n x rows each */
    double *spikes, *remembered; /* d_a and v_l(t,a) of the matrix asked for last */
    double *probe_a, *probe_b; /* Lanczos: the tridiagonal matrix */
    double *probe_past;     /* coefficients of a new v on those before */
    double *probe_ritz;
    double *work[GENERAL_WORK];

    double **square;        /* all triangles that are owned */
    size_t squares;
};

/* An event whose row is made. */
struct general_event {
    size_t at;      /* its row */
    size_t updates; /* spikes that the weights have: steps before it */
    int probe;
    double kept;    /* b of the weights */
};

/* kappa_l of A_l, at the last step. */
static inline double *general_kappa(const struct kernel_general *g, int l) { return g->kappa + (g->shaken ? (size_t)l * g->rows : 0); }

/* What the covariance of the sources of A_l is, over that of what it is asked, between an event that finds the weights of step t and event s <= it. */
static inline double general_spread(const struct kernel_general *g, int l, size_t t, size_t s)
{
    size_t place = (size_t)l * g->steps, at = s < t ? s : t;
    return g->shaken ? g->shrunk[place + t - at] * g->bulk[place + at] : g->variance[l];
}

static inline double *general_row(const struct kernel_general *g, double *K, size_t i) { return K + i * g->stride; }
static inline size_t general_h(const struct kernel_general *g, int l) { (void)g; return (size_t)l - 1; }
static inline size_t general_g(const struct kernel_general *g, int l) { return (size_t)(g->depth + l) - 1; }
static inline double *general_coefficient(const struct kernel_general *g, size_t field, size_t source)
{
    return g->coefficient[field * 2 * (size_t)g->depth + source];
}
static inline double *general_R_h(const struct kernel_general *g, int l)
{
    return l == 0 ? g->R_h0 : general_coefficient(g, general_h(g, l), general_g(g, l));
}
static inline double *general_R_g(const struct kernel_general *g, int l) { return general_coefficient(g, general_g(g, l), general_h(g, l)); }

/* What v has of earlier v besides K: weight[j] times v(first + j). */
struct general_past {
    size_t first, count;
    const double *weight;
};

/* The parts of a row, general_step.c. Those of the data want row i of K and S, `source` and `unit`. */
void general_input(struct kernel_general *g, size_t i, const struct general_past *past); /* v and its correlations */
void general_samples(struct kernel_general *g, const struct general_event *e);           /* the errors on the samples */
void general_hat(struct kernel_general *g, const struct general_event *e);               /* vhat */
void general_forward(struct kernel_general *g, const struct general_event *e, int l);    /* h^l */
void general_backward(struct kernel_general *g, const struct general_event *e, int l);   /* g^l */
void general_correlate(struct kernel_general *g, size_t i, size_t field, double *C);     /* row i of a hidden field's C, from its coefficients */

#endif
