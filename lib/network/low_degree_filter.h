/* Simulator of model low_degree_filter with random features of finite number, the row of dmft_simulate's table. */
#ifndef DMFT_NETWORK_LOW_DEGREE_FILTER_H
#define DMFT_NETWORK_LOW_DEGREE_FILTER_H

#include "dmft.h"

/* Refuses what cannot be simulated: DMFT_ERROR_CONFIG. */
int random_features_check(const dmft_problem *problem, dmft_error *err);

/* The least that a run takes: what a limit leaves beyond that holds features, which else are computed again for every product. */
dmft_estimate random_features_estimate(const dmft_problem *problem, int threads);
int random_features_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
