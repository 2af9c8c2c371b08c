/* dmft_solve: which solver a problem goes to. A model that is built has a row. */
#include "model/solve.h"

#include <math.h>

#include "base/error.h"
#include "base/problem.h"
#include "base/trajectory.h"

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

int solve_check_options(const dmft_run_options *options, dmft_error *err)
{
    if (options == NULL || options->threads >= 0) return DMFT_OK;
    return error_set(err, DMFT_ERROR_ARGUMENT, "threads are %d; at least 1, or 0 for one", options->threads);
}

int solve_report(const dmft_run_options *options, long done, long total, dmft_error *err)
{
    struct dmft_progress progress = {.what = "steps", .done = done, .total = total, .residual = NAN};
    if (options == NULL || options->progress == NULL || options->progress(options->user, &progress) == 0) return DMFT_OK;
    return error_set(err, DMFT_STOPPED, "stopped at step %ld of %ld", done, total);
}

int solve_add_sizes(dmft_trajectory *t, const dmft_problem *p, double ratio, dmft_error *err)
{
    if (!p->simulation.given) return DMFT_OK;
    double D = (double)p->simulation.input_dim;
    int status = trajectory_set_number(t, D, err, "input_dim");
    return status == DMFT_OK ? trajectory_set_number(t, fmax(1.0, round(ratio * D)), err, "width") : status;
}

int dmft_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    int status = solve_check_options(options, err);
    return status == DMFT_OK ? models[p->kind].solve(p, options, out, err) : status;
}
