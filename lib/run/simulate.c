/* dmft_simulate: which simulator a problem goes to. */
#include "network/network.h"
#include "run/run.h"

int run_simulate_check(const dmft_problem *problem, dmft_error *err) { return network_check(problem, err); }

dmft_estimate dmft_simulate_estimate(const dmft_problem *problem, int threads) { return network_estimate(problem, threads); }

int dmft_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    return network_simulate(problem, options, out, err);
}
