/* Level 1 in the lazy limit, as a trajectory: `method: lazy`. */
#ifndef DMFT_MODEL_LAZY_H
#define DMFT_MODEL_LAZY_H

#include "base/problem.h"

/* What lazy_solve will take. */
dmft_estimate lazy_estimate(const dmft_problem *p);

/* The whole run at once; `options` may be NULL. Returns as dmft_solve does. Errors: DMFT_ERROR_MEMORY, DMFT_ERROR_MEMORY_LIMIT, DMFT_ERROR_NUMERIC,
 * DMFT_ERROR_UNAVAILABLE (kernels are not made). */
int lazy_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
