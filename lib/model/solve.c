/* dmft_solve: which solver a problem goes to. A model that is built has a row. */
#include "model/solve.h"

#include "base/problem.h"
#include "model/low_degree_filter.h"
#include "model/extensive_output.h"
#include "model/mlp_solve.h"

static const struct {
    dmft_estimate (*estimate)(const dmft_problem *problem, int threads);
    int (*solve)(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);
} models[MODEL_COUNT] = {
    [MODEL_DEEP_LINEAR] = {deep_linear_estimate, deep_linear_solve},
    [MODEL_MLP] = {mlp_solve_estimate, mlp_solve},
    [MODEL_EXTENSIVE_OUTPUT] = {extensive_output_estimate, extensive_output_solve},
    [MODEL_NOISY_MATRIX] = {noisy_matrix_estimate, noisy_matrix_solve},
    [MODEL_LOW_DEGREE_FILTER] = {low_degree_filter_estimate, low_degree_filter_solve},
    [MODEL_TWO_LAYER_LINEAR_WIDTH] = {two_layer_estimate, two_layer_solve},
};

dmft_estimate dmft_solve_estimate(const dmft_problem *p, int threads) { return models[p->kind].estimate(p, threads); }

int dmft_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    return models[p->kind].solve(p, options, out, err);
}
