/* What simulates a problem of each model: the rows of the table in lib/run/simulate.c. A check refuses what cannot be simulated; a
 * simulator returns as dmft_simulate does. */
#ifndef DMFT_NETWORK_SIMULATE_H
#define DMFT_NETWORK_SIMULATE_H

#include "dmft.h"

/* Model deep_linear. Refuses a grid of time that is chosen as it goes, and fewer input dimensions than modes. */
int network_check(const dmft_problem *problem, dmft_error *err);
dmft_estimate network_estimate(const dmft_problem *problem, int threads);
int network_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

/* Model mlp, dense networks. Those that are revealed are with the theory, in model/solve.h. */
dmft_estimate dense_mlp_estimate(const dmft_problem *problem, int threads);
int dense_mlp_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

int extensive_output_check(const dmft_problem *problem, dmft_error *err);
dmft_estimate extensive_output_simulate_estimate(const dmft_problem *problem, int threads);
int extensive_output_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

/* Refuses sizes that cannot be counted. */
int noisy_matrix_simulate_check(const dmft_problem *problem, dmft_error *err);
dmft_estimate noisy_matrix_simulate_estimate(const dmft_problem *problem, int threads);
int noisy_matrix_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

dmft_estimate two_layer_simulate_estimate(const dmft_problem *problem, int threads);
int two_layer_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

/* Model low_degree_filter. The estimate is the least that a run takes: what a limit leaves beyond that holds features, which else are computed again for
 * every product. */
int random_features_check(const dmft_problem *problem, dmft_error *err);
dmft_estimate random_features_estimate(const dmft_problem *problem, int threads);
int random_features_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
