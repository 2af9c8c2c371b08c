/* The outliers of one revealed matrix, followed from step to step: (B4), (B5), (B9) of doc/theory.md. */
#ifndef DMFT_OUTLIER_BASIS_H
#define DMFT_OUTLIER_BASIS_H

#include "limit/limit.h"
#include "outlier/state.h"

typedef struct outlier_basis outlier_basis;

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
