/* dmft_simulate: which simulator a problem goes to. */
#include "base/problem.h"
#include "model/mlp_solve.h"
#include "network/mlp.h"
#include "network/network.h"
#include "run/run.h"

static int revealed(const dmft_problem *p) { return p->simulation.engine == ENGINE_REVEALED; }

int run_simulate_check(const dmft_problem *p, dmft_error *err) { return p->kind == MODEL_MLP ? DMFT_OK : network_check(p, err); }

dmft_estimate dmft_simulate_estimate(const dmft_problem *p, int threads)
{
    if (p->kind != MODEL_MLP) return network_estimate(p, threads);
    return revealed(p) ? mlp_simulate_estimate(p, threads) : dense_mlp_estimate(p, threads);
}

int dmft_simulate(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    if (p->kind != MODEL_MLP) return network_simulate(p, options, out, err);
    return revealed(p) ? mlp_simulate(p, options, out, err) : dense_mlp_simulate(p, options, out, err);
}
