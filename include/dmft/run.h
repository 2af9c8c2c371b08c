/* dmft/run.h: runs. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_RUN_H
#define DMFT_PUBLIC_RUN_H

#include "problem.h"
#include "trajectory.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup run Runs
 *  Solving the theory, at once or step by step, and training sampled networks.
 *  @{ */

/** How far a run has come. */
typedef struct dmft_progress {
    const char *what; /**< "steps", then "kernels" once, or "replica steps" (dmft_solve); "network steps" (dmft_simulate) */
    long done;       /**< so many of them */
    long total;      /**< of so many */
    double residual; /**< the largest kernel of the last step over its first value; nan for simulations, model mlp and method lazy */
} dmft_progress;

/** Called now and then during a run, by one thread at a time; a value other than 0 ends the run with DMFT_STOPPED
 *  and without a result. */
typedef int (*dmft_progress_function)(void *user, const dmft_progress *progress);

/** How to run. A NULL pointer to it, or zeros, mean: no memory limit, one thread, no calls, no checkpoint.
 *
 *  A checkpoint (doc/format.md) holds the whole state of a run. It is written every `checkpoint_every` seconds, at a whole step, and when the progress
 *  function stops the run; the file is replaced as a whole each time, and left as it is when the run is done. A run that goes on from it gives
 *  the same numbers, to the last bit (dmft_simulate: with any number of threads), as one that was never interrupted, on the same BLAS core. */
typedef struct dmft_run_options {
    size_t memory_limit; /**< bytes; 0 for none */
    int threads;         /**< simulated networks, or replicas, at a time; 0 for one, below 0 DMFT_ERROR_ARGUMENT. Results do not depend on it
                              with one BLAS thread. */
    dmft_progress_function progress; /**< called now and then; NULL: never */
    void *user;                      /**< handed to it */
    const char *checkpoint;  /**< file for the state; NULL: none. A file there that is no checkpoint is refused (DMFT_ERROR_EXISTS); one that
                                  cannot be written ends the run (DMFT_ERROR_WRITE), with the last whole one still there */
    double checkpoint_every; /**< seconds between two checkpoints; 0: only when the run is stopped */
    const char *resume;      /**< checkpoint to go on from; NULL: from the start. DMFT_ERROR_READ (absent, damaged), DMFT_ERROR_FORMAT (of another
                                  version or kind of run), DMFT_ERROR_CONFIG (of another problem; names the setting) */
    const char *blas;        /**< text that checkpoints carry: the BLAS and its core, on which last bits depend; NULL: none */
} dmft_run_options;

/** What a run needs, before it is made. */
typedef struct dmft_estimate {
    double bytes;      /**< memory taken by the run, result included */
    double operations; /**< multiplications and additions, counted in those of a matrix-vector product that the memory bounds: faster ones count for less */
} dmft_estimate;

/** Level 1 and level 2 of one problem, step by step. */
typedef struct dmft_solver dmft_solver;

/** The memory and operations that dmft_solve will take for this problem with this number of threads (replicas of model mlp run beside each other).
 *  The number of directions k is estimated (doc/design.md). */
DMFT_API dmft_estimate dmft_solve_estimate(const dmft_problem *problem, int threads);

/** The same for dmft_simulate with this number of threads. */
DMFT_API dmft_estimate dmft_simulate_estimate(const dmft_problem *problem, int threads);

/** Makes a solver at step 0, or, with `options->resume`, where that checkpoint left off; `options->checkpoint` is dmft_solve's affair.
 *  `options` may be NULL. Errors: those of reading a checkpoint; DMFT_ERROR_MEMORY, DMFT_ERROR_MEMORY_LIMIT, DMFT_ERROR_UNAVAILABLE
 *  (model mlp and method lazy, which dmft_solve alone solves). */
DMFT_FALLIBLE int dmft_solver_create(dmft_solver **out, const dmft_problem *problem, const dmft_run_options *options, dmft_error *err);

/** One step: kernels, then the outliers where they are due (`outliers.every`), then the update of the weights. Past the last step, or
 *  after a divergence, it does nothing. Returns 0, DMFT_DIVERGED (this step was not recorded), or DMFT_ERROR_MEMORY,
 *  DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_solver_step(dmft_solver *solver, dmft_error *err);

/** Number of steps that are recorded. */
DMFT_API long dmft_solver_done(const dmft_solver *solver);

/** 1 when there is nothing left to step: the last row is recorded, the run diverged, or an adaptive grid reached its end; else 0. */
DMFT_API int dmft_solver_ended(const dmft_solver *solver);

/** Writes the whole state of a solver to a checkpoint (doc/format.md), from which dmft_solver_create with `options->resume` goes on bit by bit.
 *  Errors: DMFT_ERROR_EXISTS (a file that is no checkpoint), DMFT_ERROR_WRITE, DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_solver_save(dmft_solver *solver, const char *path, dmft_error *err);

/** Assembles the kernels and hands over the result of the steps made so far; the solver can then only be freed.
 *  Returns 0 or DMFT_DIVERGED (with the result), or DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_solver_finish(dmft_solver *solver, dmft_trajectory **out, dmft_error *err);

/** Frees a solver; NULL is allowed. */
DMFT_API void dmft_solver_free(dmft_solver *solver);

/** Create, step to the end, finish. Returns 0; DMFT_DIVERGED with the result up to there; DMFT_STOPPED, with no result; or an error. */
DMFT_FALLIBLE int dmft_solve(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

/** Trains `simulation.seeds` sampled networks of the same parameters and returns means and standard errors over them.
 *  Returns as dmft_solve does; diverged_at is the first step at which any network diverged. */
DMFT_FALLIBLE int dmft_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
