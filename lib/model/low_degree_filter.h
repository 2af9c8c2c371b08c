/* Theory of model low_degree_filter, the row of dmft_solve's table. */
#ifndef DMFT_MODEL_LOW_DEGREE_FILTER_H
#define DMFT_MODEL_LOW_DEGREE_FILTER_H

#include "dmft.h"

dmft_estimate low_degree_filter_estimate(const dmft_problem *problem, int threads);
int low_degree_filter_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
