/* Dense nonlinear networks with many outputs: what P K backward vectors serve for, without having them (mlp_many.c). */
#ifndef DMFT_NETWORK_MLP_MANY_H
#define DMFT_NETWORK_MLP_MANY_H

#include "network/mlp.h"
#include "spectrum/leading.h"

/* Room beside that of the network. Places 1 .. L of lists are layers, as in mlp.h. */
struct mlp_many {
    double **delta;        /* delta^l of the step, P vectors of N numbers */
    double **driven;       /* the same for any errors: of a product with the tangent kernel */
    double **gram;         /* C^{phi,l} + bias, l = 0 .. L-1, and C^{phi,L}: P x P */
    double *change, *next; /* P x N */
    double *block[2];      /* K x N: backward vectors of one sample */
    double *vectors, *top; /* leading eigenvectors of the tangent kernel, and their values */
    spectrum_leading *leading;
};

/* Whether networks of this problem are better off so, unless told otherwise. */
int mlp_many_is_better(const dmft_problem *problem);

/* Errors: DMFT_ERROR_MEMORY. */
int mlp_many_create(struct mlp_many **out, const struct dense_mlp *network, dmft_error *err);
void mlp_many_free(struct mlp_many *many, int depth);

/* Doubles of the room, and of the arrays that stand in its place in a network without it; operations of a step, and of a probed step besides. */
double mlp_many_doubles(const dmft_problem *problem);
double mlp_many_operations(const dmft_problem *problem);
double mlp_many_probe_operations(const dmft_problem *problem);

/* delta^L .. delta^1 of the samples, from Delta. */
void mlp_many_backward(struct dense_mlp *network);

/* Whether row t has C_g and the tangent kernel; the first, into the row; the second, likewise. Where they are not measured they are nan. */
int mlp_many_is_probed(const struct dense_mlp *network, long t);
void mlp_many_squares(struct dense_mlp *network, double *row);
int mlp_many_top(struct dense_mlp *network, double *row, dmft_error *err);

/* g^l_{mu k} . x for all samples and outputs, P K numbers in network->products. */
void mlp_many_products(struct dense_mlp *network, int l, const double *x);

#endif
