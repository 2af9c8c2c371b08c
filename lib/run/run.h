/* What a problem can be put to, whatever its model. */
#ifndef DMFT_RUN_RUN_H
#define DMFT_RUN_RUN_H

#include "dmft.h"

/* Refuses what cannot be simulated. */
int run_simulate_check(const dmft_problem *problem, dmft_error *err);

#endif
