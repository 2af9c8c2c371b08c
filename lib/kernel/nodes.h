/* Nodes of time and the weights of updates on them, for every march. */
#ifndef DMFT_KERNEL_NODES_H
#define DMFT_KERNEL_NODES_H

#include "base/problem.h"

/* Times of the rows of a problem, and kappa(t,s) of plain descent or of the flow (M2): weight[s] for s < t-1, newest[t] for s = t-1. All have `rows` numbers.
 * DMFT_ERROR_ARGUMENT when intervals grow so fast that a weight is not positive, or what grid_times says. */
int kernel_nodes(const struct dmft_problem *p, double *time, double *weight, double *newest, dmft_error *err);

#endif
