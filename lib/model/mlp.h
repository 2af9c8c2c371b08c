/* A nonlinear network of infinite width (or of a sampled width) that is trained on P samples: section 21 of doc/theory.md. */
#ifndef DMFT_MODEL_MLP_H
#define DMFT_MODEL_MLP_H

#include <stdint.h>

#include "base/archive.h"
#include "base/problem.h"
#include "limit/limit.h"

/* How the sites of its layers are represented. */
struct mlp_sites {
    size_t count; /* S sampled sites a layer, or 0: exact coordinates, for linear activations */
    int sobol, moment_matching;
    uint64_t seed, purpose; /* streams: layer l of network `index` draws from (seed, index, purpose + l) */
    double tolerance;       /* of the operators */
};

struct mlp_sites mlp_exact_sites(void);

/* Fields that learn, and their momentum (no rows without momentum). */
struct mlp_trained {
    limit_rows value, momentum;
};

/* Sizes and what an evaluation leaves are there to be read. Rows of g are mu K + k, of phi mu; test inputs follow the samples. */
struct mlp {
    size_t depth, samples, tests, outputs, inputs, signals; /* L, P, Q, K, P + Q, P K */
    limit_operator **A;       /* A[1 .. L-1] */
    limit_rows *phi, *g;      /* phi(h^l) of all inputs and g^l of the samples, l = 1 .. L */
    double *f, *Delta;        /* inputs x K; samples x K */

    const struct dmft_problem *problem;
    struct mlp_sites sites;
    int linear;
    limit_space *space;       /* of layer l = 1 .. L */
    limit_rows *slope;        /* phi'(h^l) of the samples; none where phi is linear */
    struct mlp_trained first; /* h^1 without its bias, A_0 x_mu: one row an input */
    struct mlp_trained *bias; /* b^l, l = 1 .. L */
    struct mlp_trained readout; /* w_k */

    double *factor;           /* K^x = factor factor^T, inputs x rank, row stride `inputs` */
    size_t rank, *batch;
    double *weight;           /* what a step weighs g^{l+1} phi^l T with: signals x inputs */
    double *weight_first, *weight_readout, *weight_bias; /* the same for h^1, w_k and b^l: inputs x signals, K x inputs, signals */
};

/* The problem outlives the network. `start` has to be called before anything else. */
int mlp_create(struct mlp **out, const struct dmft_problem *problem, const struct mlp_sites *sites, dmft_error *err);
void mlp_free(struct mlp *n);

/* Draws network `index` afresh. */
int mlp_start(struct mlp *n, long index, dmft_error *err);

/* All fields and outputs with the present weights. */
int mlp_evaluate(struct mlp *n, dmft_error *err);

/* Step t of training, behind an evaluation. */
void mlp_learn(struct mlp *n, long t);

/* Mean loss over the samples, and over the test inputs (nan without targets of theirs). */
double mlp_train_loss(const struct mlp *n);
double mlp_test_loss(const struct mlp *n);

/* The weights; evaluations are made anew. */
void mlp_transfer(struct mlp *n, archive *a);

#endif
