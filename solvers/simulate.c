/* dmft simulate: sampled networks of a configuration. */
#include "program.h"
#include "run.h"
#include "run/run.h"

const struct run_kind run_simulate = {
    .name = "simulate", .check = run_simulate_check, .estimate = dmft_simulate_estimate, .run = dmft_simulate, .blas_threads = 0};

int command_simulate(const options *o) { return run_problem(o, &run_simulate); }
