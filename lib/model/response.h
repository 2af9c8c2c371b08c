/* Nonlinear networks at infinite width in response form: two-time kernels in (step, sample) between layers of sampled sites (doc/theory.md, (R1)-(R6)). */
#ifndef DMFT_MODEL_RESPONSE_H
#define DMFT_MODEL_RESPONSE_H

#include "ensemble/ensemble.h"

/* One member is a replica of sampling.sites sites a layer. It records into the slots of mlp_table_of(problem, 1). With K > 1 outputs the stored kernels
 * are means over k: of C^g over pairs of equal k, of R^phi over the fields r_k, of R^g over the g_k. */
extern const struct ensemble_kind ensemble_response;

/* Of one replica: numbers of memory, and multiplications and additions of all steps. */
double response_doubles(const dmft_problem *problem);
double response_operations(const dmft_problem *problem);

#endif
