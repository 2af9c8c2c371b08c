/* What solves a problem of each model: the rows of the table in solve.c. All return as dmft_solve does; `options` may be NULL. */
#ifndef DMFT_MODEL_SOLVE_H
#define DMFT_MODEL_SOLVE_H

#include "dmft.h"

dmft_estimate deep_linear_estimate(const dmft_problem *problem, int threads);
int deep_linear_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

dmft_estimate noisy_matrix_estimate(const dmft_problem *problem, int threads);
int noisy_matrix_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);
dmft_estimate two_layer_estimate(const dmft_problem *problem, int threads);
int two_layer_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
