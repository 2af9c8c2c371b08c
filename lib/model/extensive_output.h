/* Two-layer linear networks of many outputs: the law of the singular values of the first layer over the time of gradient flow; section 30 of
 * doc/theory.md. */
#ifndef DMFT_MODEL_EXTENSIVE_OUTPUT_H
#define DMFT_MODEL_EXTENSIVE_OUTPUT_H

#include "dmft.h"

dmft_estimate extensive_output_estimate(const dmft_problem *problem, int threads);
int extensive_output_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
