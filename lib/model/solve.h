/* What solves a problem of each model: the rows of the table in solve.c. All return as dmft_solve does; `options` may be NULL. */
#ifndef DMFT_MODEL_SOLVE_H
#define DMFT_MODEL_SOLVE_H

#include "dmft.h"

/* ---- what solvers share ---- */

/* Refuses a number of threads that is none. */
int solve_check_options(const dmft_run_options *options, dmft_error *err);

/* Tells the caller how many steps are done: 0, or DMFT_STOPPED when he wants no more of them. */
int solve_report(const dmft_run_options *options, long done, long total, dmft_error *err);

/* The sizes of the networks that are simulated beside, "input_dim" and "width" = ratio input_dim, where the problem gives any. */
int solve_add_sizes(dmft_trajectory *t, const dmft_problem *problem, double ratio, dmft_error *err);

/* ---- solvers ---- */

dmft_estimate deep_linear_estimate(const dmft_problem *problem, int threads);
int deep_linear_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

dmft_estimate mlp_solve_estimate(const dmft_problem *problem, int threads);
int mlp_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

dmft_estimate extensive_output_estimate(const dmft_problem *problem, int threads);
int extensive_output_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

dmft_estimate noisy_matrix_estimate(const dmft_problem *problem, int threads);
int noisy_matrix_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

dmft_estimate two_layer_estimate(const dmft_problem *problem, int threads);
int two_layer_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

dmft_estimate low_degree_filter_estimate(const dmft_problem *problem, int threads);
int low_degree_filter_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

/* ---- networks that are revealed as they are asked, model mlp: a row of lib/run/simulate.c ---- */

dmft_estimate mlp_simulate_estimate(const dmft_problem *problem, int threads);
int mlp_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
