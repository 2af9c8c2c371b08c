/* The nodes of a time grid of gradient flow. */
#ifndef DMFT_BASE_GRID_H
#define DMFT_BASE_GRID_H

#include "base/problem.h"

/* Writes the `rows` times of a uniform or geometric grid of a flow problem: from 0 to problem->time, both of them exactly. An adaptive grid has
 * none of its own: DMFT_ERROR_ARGUMENT. */
int grid_times(const struct dmft_problem *problem, double *time, dmft_error *err);

#endif
