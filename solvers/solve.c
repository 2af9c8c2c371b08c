/* dmft solve: level 1 and level 2 of a configuration. */
#include "program.h"
#include "run.h"

static dmft_estimate estimate(const dmft_problem *problem, int threads)
{
    (void)threads;
    return dmft_solve_estimate(problem);
}

int command_solve(const options *o)
{
    static const struct run_kind kind = {.name = "solve", .estimate = estimate, .run = dmft_solve, .blas_threads = 1};
    return run_problem(o, &kind);
}
