/* Level 1 and 2 of model mlp: replicas of an infinite network as an ensemble. */
#ifndef DMFT_MODEL_MLP_SOLVE_H
#define DMFT_MODEL_MLP_SOLVE_H

#include "dmft.h"

dmft_estimate mlp_solve_estimate(const dmft_problem *problem, int threads);
int mlp_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

/* The same networks at finite width, as matrices that are revealed where they are asked. */
dmft_estimate mlp_simulate_estimate(const dmft_problem *problem, int threads);
int mlp_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
