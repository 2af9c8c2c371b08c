/* What the summary of model mlp says of the representations of the samples. */
#ifndef DMFT_ENSEMBLE_MLP_REPRESENT_H
#define DMFT_ENSEMBLE_MLP_REPRESENT_H

#include "base/trajectory.h"
#include "ensemble/mlp_table.h"

/* Eigenvalues of a distance matrix that are followed: those of largest absolute value. */
enum { MLP_REPRESENT_EIGENVALUES = 8 };

/* Adds the distance matrices of every layer with their series, arrays and numbers (doc/format.md), those of the rows that `t` has; nothing when no
 * representations were recorded. `errors`: TRAJECTORY_ERRORS, or TRAJECTORY_HIDDEN of what is exact. */
int mlp_represent_add(dmft_trajectory *t, const dmft_problem *problem, const struct mlp_table *table, const struct ensemble_results *results, int errors,
                      dmft_error *err);

/* Bytes of that. */
double mlp_represent_bytes(const struct mlp_table *table);

#endif
