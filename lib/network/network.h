/* Dense deep linear networks of finite width: one network, what is measured on it, an ensemble of them. Equations: step.c, spectrum.c, probe.c. */
#ifndef DMFT_NETWORK_NETWORK_H
#define DMFT_NETWORK_NETWORK_H

#include <stddef.h>

#include "base/archive.h"
#include "base/problem.h"
#include "base/random.h"
#include "ensemble/ensemble.h"
#include "network/probe.h"
#include "network/simulate.h"
#include "network/singular.h"

/* ---- Sizes --------------------------------------------------------------------------------------------------------------------- */

/* D, N and P of the sampled networks, as doubles so that sizes beyond any memory can be spoken of. */
struct network_size {
    double input_dim, width, samples;
};

struct network_size network_size_of(const dmft_problem *problem);

/* Rows of X that are worked on together, and doubles that one network holds (dense.c); doubles of its singular values (spectrum.c). Those of its
 * probes: probe.h. */
double network_block_rows(const dmft_problem *problem);
double network_doubles(const dmft_problem *problem);
double network_singular_doubles(const dmft_problem *problem);

/* ---- One network --------------------------------------------------------------------------------------------------------------- */

/* Streams of one network, by purpose. */
enum network_purpose {
    NETWORK_TARGET,
    NETWORK_INPUTS,
    NETWORK_NOISE,
    NETWORK_WEIGHTS,        /* + l for A_l, + L for the readout */
    NETWORK_BATCHES = 1000, /* beyond any depth */
    NETWORK_PROBES,
    NETWORK_SHAKES = 2000   /* + (L+1) t + l for what step t adds to A_l, l = L the readout */
};

/* Stages of a step of gradient flow (flow.c). */
enum { NETWORK_STAGES = 6 };

/* Where the weights are between two rows of a flow. */
struct network_flow {
    double elapsed; /* since the row */
    double step;    /* that the next step should have; 0: not known yet */
};

/* One network and its room; everything is owned but what h[l] and g[l] point to, which are rows of h_rows[l] and g_rows[l]. Matrices are
 * row-major. The vectors belong to the step evaluated last. */
struct network {
    const dmft_problem *problem;
    int depth;                  /* L */
    size_t input_dim, width, samples, block, held; /* D, N, P, rows of X in a block, of X in `inputs` */
    double gamma, coupling;     /* gamma; c = eta gamma / sqrt(N/D) */
    double branch;              /* factor on A_1 .. A_{L-1}: L^{-1/2} in residual branches, else 1 */
    double **weight;            /* A_l, l = 0 .. L-1 */
    double *readout;            /* w */
    double **velocity;          /* m of A_0 .. A_{L-1} and of w (momentum only, else NULL) */
    double *root;               /* sqrt(lambda_i), D (anisotropic inputs only, else NULL) */
    double *target;             /* w*, sum of lambda_i w*_i^2 = D */
    double target_square;       /* |w*|^2 */
    double *inputs;             /* X, P x D (online: one block of it, or all of the step's batch for a probe) */
    double *noise;              /* sigma_eps eps, P (full batch with label noise only, else NULL) */
    double *v, *Delta;          /* D; P */
    double *batch_error;        /* P: Delta of the samples in the batch, 0 of the others (batches of a fixed sample only, else NULL) */
    size_t *order;              /* the P samples as this epoch takes them (epoch only, else NULL) */
    long step;                  /* updates done */
    long index;                 /* its number */
    double **h_rows, **g_rows;  /* of each h^l and g^l one row (flow: NETWORK_STAGES rows) */
    double **h;                 /* h^0 = vhat (D), h^1 .. h^L (N) */
    double **g;                 /* g^1 .. g^L (N); g[0] is NULL */
    int bends;                  /* the weights in use are bent: A_l + sum over j < bends of bend_j (c/fan-in) g^{l+1}_j h^l_j^T */
    double bend[NETWORK_STAGES];
    struct network_flow flow;
    double *time;               /* of the rows (flow only, else NULL) */
    struct random_stream input_stream, noise_stream, batch_stream;
    struct singular singular;   /* of A_0 .. A_{L-1}: outlier_count + 1 pairs, or fewer where every matrix is smaller */
    struct probe probe;
};

/* Room for networks of this problem. Errors: DMFT_ERROR_ARGUMENT (a size BLAS cannot count), DMFT_ERROR_MEMORY. */
int network_create(struct network **out, const dmft_problem *problem, dmft_error *err);
void network_free(struct network *network);

/* Columns of A_l, its fan-in (it has `width` rows). */
size_t network_columns(const struct network *network, int l);

/* Draws network number `index`: weights, target, data. It depends on the problem's seed and the index alone. */
void network_start(struct network *network, long index);

/* The state between two steps, besides what network_start draws for the same number. */
void network_transfer(struct network *network, archive *a);

/* Draws this many rows of X. The root of sum_i lambda_i x_i^2. */
void network_draw_inputs(struct network *network, size_t rows, double *X);
double network_norm(const struct network *network, const double *x);

/* All vectors of the step from the present weights; on a fresh batch where the problem has batches (in flow on all of the inputs' law: none is drawn). */
void network_evaluate(struct network *network);

/* The same with the weights bent along the vectors of the rows 0 .. stage-1, into row `stage`. */
void network_evaluate_stage(struct network *network, int stage, const double bend[]);

/* The update of all weights from the vectors of network_evaluate. */
void network_learn(struct network *network);

/* y = h^{l+1} of h^l = x, and y = what g^{l+1} = x is at layer l >= 1, with the present weights; y = factor A_0^T x + keep y. */
void network_forward(const struct network *network, int l, const double *x, double *y);
void network_backward(const struct network *network, int l, const double *x, double *y);
void network_to_inputs(const struct network *network, double factor, const double *x, double keep, double *y);

/* 1 where a step sees the law of the inputs and no samples. */
int network_is_population(const dmft_problem *problem);

/* Adds the bends weight_j of the rows 0 .. NETWORK_STAGES-1 to the weights for good; the vectors are used up. */
void network_bend(struct network *network, const double weight[NETWORK_STAGES]);

/* One step of gradient flow from the vectors of network_evaluate towards the end of an interval that began at the last row. Returns 1 when the weights
 * are those of its end, 0 when they are on the way, DMFT_ERROR_NUMERIC when no step is small enough. */
int network_flow(struct network *network, double interval, dmft_error *err);

/* Makes the stages of a step of this length; returns its error over what is allowed (flow.c), infinity when they ran away. network_flow_accept goes there. */
double network_flow_try(struct network *network, double step);
void network_flow_accept(struct network *network, double step);

/* Steps that network_flow is expected to take in all. */
double network_flow_steps(const dmft_problem *problem);

/* ---- What is measured ---------------------------------------------------------------------------------------------------------- */

/* Kernels on the diagonal, one row a step: C_v, C_Delta, C_h0 .. C_hL, C_g1 .. C_gL. */
size_t network_kernel_columns(const dmft_problem *problem);
void network_kernels(const struct network *network, double *out);

/* Spectra, one row a recorded step: for each A_l its singular values 1 .. count + 1 (nan: the matrix has fewer), then three overlaps of the
 * first pair of unit singular vectors A (left), B (right). nan where the singular value is 0. */
enum network_overlap {
    NETWORK_LEFT,   /* (g^{l+1} . A)^2 / N */
    NETWORK_RIGHT,  /* (h^l . B)^2 / fan-in */
    NETWORK_TO_TARGET, /* (w* . B)^2 / |w*|^2 for A_0, nan for the others */
    NETWORK_OVERLAPS
};
size_t network_layer_columns(const dmft_problem *problem);
size_t network_spectrum_columns(const dmft_problem *problem);
size_t network_spectrum_rows(const dmft_problem *problem);

/* Makes room; measures. */
int network_singular_create(struct network *network, dmft_error *err);
int network_spectrum(struct network *network, double *out, dmft_error *err);

/* ---- The ensemble -------------------------------------------------------------------------------------------------------------- */

/* Numbers that one network leaves: T rows of kernels, then the spectra, then the probes. */
double network_slot(const dmft_problem *problem);

/* Numbers kept of the first network's weights: 0 unless they are to be stored. */
size_t network_kept(const dmft_problem *problem);

/* Means, standard errors, outliers and escapes as a trajectory (summary.c); rows from the earliest divergence on are left out. */
int network_summary(dmft_trajectory **out, const dmft_problem *problem, const struct ensemble_results *results, dmft_error *err);

/* Bytes of that trajectory. */
double network_summary_bytes(const dmft_problem *problem);

/* Multiplications and additions of one step without singular values, and of the singular values of one recorded step (estimate.c). */
double network_step_operations(const dmft_problem *problem);
double network_spectrum_operations(const dmft_problem *problem);

#endif
