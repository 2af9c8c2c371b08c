/* dmft_simulate: which simulator a problem goes to. A model that is built has a row. */
#include "base/problem.h"
#include "model/solve.h"
#include "network/simulate.h"
#include "run/run.h"

static int revealed(const dmft_problem *p) { return p->simulation.engine == ENGINE_REVEALED; }

static dmft_estimate mlp_estimate(const dmft_problem *p, int threads)
{
    return revealed(p) ? mlp_simulate_estimate(p, threads) : dense_mlp_estimate(p, threads);
}

static int mlp_run(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    return revealed(p) ? mlp_simulate(p, options, out, err) : dense_mlp_simulate(p, options, out, err);
}

static const struct {
    int (*check)(const dmft_problem *problem, dmft_error *err); /* refuses what cannot be simulated; NULL: all can */
    dmft_estimate (*estimate)(const dmft_problem *problem, int threads);
    int (*simulate)(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);
} models[MODEL_COUNT] = {
    [MODEL_DEEP_LINEAR] = {network_check, network_estimate, network_simulate},
    [MODEL_MLP] = {NULL, mlp_estimate, mlp_run},
    [MODEL_EXTENSIVE_OUTPUT] = {extensive_output_check, extensive_output_simulate_estimate, extensive_output_simulate},
    [MODEL_NOISY_MATRIX] = {noisy_matrix_simulate_check, noisy_matrix_simulate_estimate, noisy_matrix_simulate},
    [MODEL_LOW_DEGREE_FILTER] = {random_features_check, random_features_estimate, random_features_simulate},
    [MODEL_TWO_LAYER_LINEAR_WIDTH] = {NULL, two_layer_simulate_estimate, two_layer_simulate},
};

int run_simulate_check(const dmft_problem *p, dmft_error *err) { return models[p->kind].check != NULL ? models[p->kind].check(p, err) : DMFT_OK; }

dmft_estimate dmft_simulate_estimate(const dmft_problem *p, int threads) { return models[p->kind].estimate(p, threads); }

int dmft_simulate(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    int status = solve_check_options(options, err);
    return status == DMFT_OK ? models[p->kind].simulate(p, options, out, err) : status;
}
