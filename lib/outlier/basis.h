/* The outliers of one revealed matrix, followed from step to step: (B4), (B5), (B9), (O6)-(O8) of doc/theory.md. */
#ifndef DMFT_OUTLIER_BASIS_H
#define DMFT_OUTLIER_BASIS_H

#include "base/archive.h"
#include "limit/limit.h"
#include "outlier/state.h"

typedef struct outlier_basis outlier_basis;

/* Follows the `count` largest outliers of A, on exact sites (the limit) or on sampled ones (the matrix of that width, its rest unrevealed).
 * `target` is a fixed unit field of the input space, or NULL. A outlives this. */
int outlier_basis_create(outlier_basis **out, const limit_operator *A, const limit_rows *target, size_t count, dmft_error *err);

/* Solves for the outliers of the matrix as it is at this step, after its products and before its update. Steps come in rising order.
 * Errors: DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
int outlier_basis_step(outlier_basis *b, long step, struct outlier_state *state, dmft_error *err);

/* The same where the steps are nodes of a flow at a `time`, or updates whose size is known, so that the outlier ODE can be held against the algebra.
 * `rate` is the weight of the update that follows (gradient descent), or what the newest g and phi gain a unit of time (flow). */
int outlier_basis_step_at(outlier_basis *b, long step, double time, double rate, struct outlier_state *state, dmft_error *err);

/* From now on ODE and algebra are compared, in a run of so many steps or nodes; steps are to be made by outlier_basis_step_at. */
int outlier_basis_watch(outlier_basis *b, size_t rows, int flow, dmft_error *err);

/* The largest difference of z between the outlier ODE (O6) and the algebra so far, over up to 32 steps that are looked at inside, or in flow over all
 * nodes; nan when there was nothing to compare. */
int outlier_basis_difference(const outlier_basis *b, double *difference, dmft_error *err);

/* The change of z of the `count` leading outliers while W goes from here to W + (weight/N) g phi^T, g and phi the last ones asked: the integral of
 * the drift by Gauss-Legendre quadrature with 4 points (O8). nan where one is missing. To be called behind outlier_basis_step, before the update. */
int outlier_basis_change(outlier_basis *b, double weight, double *change, dmft_error *err);

/* Of the last step, outlier j < count: (g.A)/sqrt(M) = sum_i left_i <f_i,g> for k_F numbers, and (phi.B)/sqrt(N) = sum_j right_j <e_j,phi> for k_E
 * numbers (B5), with one arbitrary sign; NULL where there is no outlier. */
const double *outlier_basis_left(const outlier_basis *b, size_t j);
const double *outlier_basis_right(const outlier_basis *b, size_t j);

/* The escape of outlier j < count so far. */
struct outlier_escape outlier_basis_escape(const outlier_basis *b, size_t j);

/* Products of the pencil with a vector made so far. */
long outlier_basis_products(const outlier_basis *b);

void outlier_basis_transfer(outlier_basis *b, archive *a);
void outlier_basis_free(outlier_basis *b);

#endif
