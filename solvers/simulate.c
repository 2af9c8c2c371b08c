/* dmft simulate: sampled networks of a configuration. */
#include "base/problem.h"
#include "program.h"
#include "run.h"
#include "run/run.h"

static int stores_kernels(const dmft_problem *problem) { return run_networks_store_kernels(problem->model); }

const struct run_kind run_simulate = {.name = "simulate",
                                      .check = run_simulate_check,
                                      .stores_kernels = stores_kernels,
                                      .stores_weights = 1,
                                      .estimate = dmft_simulate_estimate,
                                      .run = dmft_simulate,
                                      .blas_threads = 0};

int command_simulate(const options *o) { return run_problem(o, &run_simulate); }
