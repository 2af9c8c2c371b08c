/* dmft solve: level 1 and level 2 of a configuration. */
#include <cblas.h>
#include <string.h>

#include "base/problem.h"
#include "program.h"
#include "run.h"

/* Below this many operations a step, waking BLAS's threads and waiting for them costs more than they save, and much more where other work
 * runs on the machine: measured with k = 160 (5e6 operations), two threads save a third at best and lose a factor three at worst. */
static const double worth_threads = 2e7;

/* Of all models only deep_linear is one solve, whose BLAS can use the threads; members of an ensemble have threads of their own. */
static int has_members(const dmft_problem *problem) { return problem->kind != MODEL_DEEP_LINEAR; }

/* One BLAS thread for short steps, all of them for the kernels at the end. */
static int see_progress(void *user, const dmft_progress *now)
{
    const dmft_run_options *how = user;
    if (strcmp(now->what, "kernels") == 0) openblas_set_num_threads(how->threads);
    return how->progress(how->user, now);
}

static int solve(const dmft_problem *problem, const dmft_run_options *how, dmft_trajectory **out, dmft_error *err)
{
    dmft_run_options given = *how, watched = *how;
    if (has_members(problem)) {
        openblas_set_num_threads(1);
        return dmft_solve(problem, how, out, err);
    }
    watched.progress = see_progress;
    watched.user = &given;
    int short_steps = dmft_solve_estimate(problem, how->threads).operations < worth_threads * (double)dmft_problem_steps(problem);
    openblas_set_num_threads(short_steps ? 1 : how->threads);
    return dmft_solve(problem, &watched, out, err);
}

static int stores_kernels(const dmft_problem *problem)
{
    (void)problem;
    return 1;
}

const struct run_kind run_solve = {.name = "solve", .stores_kernels = stores_kernels, .estimate = dmft_solve_estimate, .run = solve, .blas_threads = 1};

int command_solve(const options *o) { return run_problem(o, &run_solve); }
