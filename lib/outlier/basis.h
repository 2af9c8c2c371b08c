/* The outliers of one revealed matrix, followed from step to step: (B4), (B5), (B9) of doc/theory.md. */
#ifndef DMFT_OUTLIER_BASIS_H
#define DMFT_OUTLIER_BASIS_H

#include "limit/limit.h"

typedef struct outlier_basis outlier_basis;

/* What is known of the matrix at one step. */
struct outlier_state {
    const double *z;       /* `count` outlier singular values in falling order; nan where there is none */
    double target_overlap; /* cos^2 of the first right singular vector with the target; nan without outlier or target */
    double left_overlap;   /* (g.A)^2/M of the first outlier with the last g that was pulled; nan without outlier */
    double right_overlap;  /* (phi.B)^2/N with the last phi that was pushed */
};

struct outlier_escape {
    long step;   /* the first step seen with this outlier; -1: none */
    double time; /* where the largest eigenvalue at the edge, linear between the steps seen, passes the edge (B9) */
};

/* Follows the `count` largest outliers of A; `target` is a fixed unit field of the input space, or NULL. A outlives this. */
int outlier_basis_create(outlier_basis **out, const limit_operator *A, const limit_rows *target, size_t count, dmft_error *err);

/* Solves for the outliers of the matrix as it is at this step, after its products and before its update. Steps come in rising order.
 * Errors: DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
int outlier_basis_step(outlier_basis *b, long step, struct outlier_state *state, dmft_error *err);

/* The escape of outlier j < count so far. */
struct outlier_escape outlier_basis_escape(const outlier_basis *b, size_t j);

/* Products of the pencil with a vector made so far. */
long outlier_basis_products(const outlier_basis *b);

void outlier_basis_free(outlier_basis *b);

#endif
