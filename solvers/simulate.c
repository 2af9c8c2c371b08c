/* dmft simulate: sampled networks of a configuration. */
#include "network/network.h"
#include "program.h"
#include "run.h"

int command_simulate(const options *o)
{
    static const struct run_kind kind = {
        .name = "simulate", .check = network_check, .estimate = dmft_simulate_estimate, .run = dmft_simulate, .blas_threads = 0};
    return run_problem(o, &kind);
}
