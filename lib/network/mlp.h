/* Dense nonlinear networks of finite width: one network (mlp.c), what is recorded of it (mlp_measure.c), losses (mlp_loss.c); with many outputs: mlp_many.h. */
#ifndef DMFT_NETWORK_MLP_H
#define DMFT_NETWORK_MLP_H

#include <stddef.h>

#include "base/problem.h"
#include "ensemble/ensemble.h"
#include "ensemble/mlp_table.h"
#include "network/simulate.h"
#include "network/singular.h"

/* ---- For those who run ensembles ---- */

/* Members are networks; their slots are those of mlp_table_of(problem, 0). */
extern const struct ensemble_kind ensemble_dense_mlp;

/* Doubles that one network holds; multiplications and additions of a step (mlp_estimate.c). */
double dense_mlp_doubles(const dmft_problem *problem);
double dense_mlp_operations(const dmft_problem *problem);

/* ---- One network ---- */

/* Streams of one network, by purpose: A_l is l further, the readout L further. Away from those of other samplers, so that one seed for all is not one
 * sample for all. */
enum dense_mlp_purpose { DENSE_MLP_WEIGHTS = 4096 };

/* Vectors from which the search for the singular values of a matrix starts, besides the old ones. */
enum { DENSE_MLP_STARTS = 4 };

/* A matrix that is trained, row-major, and its momentum, or NULL. */
struct mlp_weight {
    size_t rows, columns;
    double *value, *momentum;
};

/* One network and its room. Vectors of N numbers stand one behind the other: sample mu of h at h + mu N, sample mu and output k of g[l] at
 * g[l] + (mu K + k) N. Those of a layer l = 1 .. L stand at place l; place 0 is unused. They belong to the step evaluated last. */
struct dense_mlp {
    const dmft_problem *problem;
    struct mlp_table table;
    int depth;                          /* L */
    size_t width, samples, inputs, outputs, rank; /* N, P, P + Q, K, r */
    double *factor;                     /* V, (P + Q) x r: K^x = V V^T */
    struct mlp_weight *matrix;          /* A_0 (N x r), A_1 .. A_{L-1} (N x N), readout (K x N) */
    struct mlp_weight *bias;            /* b^1 .. b^L (1 x N), or NULL */
    double *h;                          /* of one layer at a time, P + Q vectors */
    double **phi, **slope, **g;         /* phi(h^l) of P + Q inputs, phi'(h^l) of P samples, g^l: P K vectors (NULL when `many` is there) */
    struct mlp_many *many;              /* the network does without g (mlp_many.h), or NULL */
    double *f, *Delta, *losses;         /* (P + Q) x K; P x K; P + Q, nan where there is no target */
    size_t *batch;                      /* room for P */
    double *left, *right, *Delta_batch; /* of the samples of the batch: sum_k Delta_k g_k, phi or V, Delta */
    double *ones;                       /* P */

    double *C_phi, *C_g, *ntk;          /* P x P, P K x P K twice (these and the next two: NULL when `many` is there) */
    double *eigenvalue, *work;          /* for LAPACK */
    int *iwork, work_size;
    double *products;                   /* P K */
    double **phi_history, **g_history;  /* the rows recorded, when kernels are stored; else NULL */
    size_t recorded;                    /* rows in them */
    struct singular singular;           /* of A_1 .. A_{L-1} */
    size_t start_count;
};

/* Errors: DMFT_ERROR_ARGUMENT (a size BLAS cannot count), DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC (K^x has no eigenvalues). */
int dense_mlp_create(struct dense_mlp **out, const dmft_problem *problem, dmft_error *err);

/* The same, with g (many = 0) or without it (1); dense_mlp_create takes the one that is better. Kernels can be stored with g alone. */
int dense_mlp_create_as(struct dense_mlp **out, const dmft_problem *problem, int many, dmft_error *err);
void dense_mlp_free(struct dense_mlp *network);

/* Draws network number `index`; it depends on the problem's seed and the index alone. */
void dense_mlp_start(struct dense_mlp *network, long index);

/* The state between two steps, besides what dense_mlp_start draws for the same number. */
void dense_mlp_transfer(struct dense_mlp *network, archive *a);

/* All vectors, outputs, errors and losses of the present weights. */
void dense_mlp_evaluate(struct dense_mlp *network);

/* Update t of all weights, from what dense_mlp_evaluate found. */
void dense_mlp_learn(struct dense_mlp *network, long t);

/* Row t of the slot, from what dense_mlp_evaluate found: 0, DMFT_DIVERGED, or an error. */
int dense_mlp_record(struct dense_mlp *network, long t, double *slot, dmft_error *err);

/* ---- Products ---- */

/* Y = scale X W^T: W times each of `count` vectors; Y = X W: W^T times them. */
void dense_mlp_product(const struct mlp_weight *w, double scale, const double *X, size_t count, double *Y);
void dense_mlp_transposed_product(const struct mlp_weight *w, const double *X, size_t count, double *Y);

/* ---- Losses (mlp_loss.c) ---- */

/* The loss of one sample with outputs f and target y (K numbers each), and Delta = -dloss/df, unless that is NULL. */
double mlp_loss(enum loss loss, size_t outputs, const double *f, const double *y, double *Delta);

#endif
