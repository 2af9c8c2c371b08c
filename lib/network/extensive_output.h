/* Sampled two-layer linear networks with many outputs under gradient flow of the population loss: section 30 of doc/theory.md. */
#ifndef DMFT_NETWORK_EXTENSIVE_OUTPUT_H
#define DMFT_NETWORK_EXTENSIVE_OUTPUT_H

#include "dmft.h"

int extensive_output_check(const dmft_problem *problem, dmft_error *err);
dmft_estimate extensive_output_simulate_estimate(const dmft_problem *problem, int threads);
int extensive_output_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
