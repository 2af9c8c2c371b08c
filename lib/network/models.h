/* Simulators of models that record plain tables (ensemble/samples.h): the rows of the table in lib/run/simulate.c. */
#ifndef DMFT_NETWORK_MODELS_H
#define DMFT_NETWORK_MODELS_H

#include "dmft.h"

dmft_estimate two_layer_simulate_estimate(const dmft_problem *problem, int threads);
int two_layer_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
