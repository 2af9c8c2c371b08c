/* libdmft: dynamical mean-field theory of training, and the outliers of trained weights.
 *
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Conventions that bind every function of this header
 *
 * Way of data   configuration -> problem (validated, immutable) -> solver or simulator -> trajectory (read-only result) -> file, table.
 *               Theory and simulation return the same type, so one function compares any two.
 * Ownership     dmft_x_create(&x, ...) and every function with an `out` argument hand over a new object; dmft_x_free(x) frees it and takes
 *               NULL. Inputs are copied. A pointer returned by a query belongs to the object it was asked of and lives as long as that.
 * Failure       A function that can fail returns an int: 0 done; < 0 an error, and then no output was touched; > 0 an outcome with valid
 *               outputs (DMFT_DIVERGED, DMFT_STOPPED). The last argument, `err`, may be NULL; else it receives one line of text with the numbers.
 * Threads       `const` is the contract: a const object may be shared by threads, a non-const one belongs to one thread at a time. There
 *               are no mutable globals. The library never sets the BLAS thread count, GSL's error handler or the locale. The HDF5 library
 *               is not re-entrant on most systems: call the functions that read or write files from one thread at a time.
 * Layout        Two-time matrices are row-major with the later time as the row and an explicit stride, so that the history up to t is
 *               the leading block. Index l of a weight matrix A_l runs from 0; hidden layers run from 1 (doc/theory.md, section 1).
 * Units         All kernels are per site (averages over neurons, samples or input components) and of order 1; time is the step number.
 */
#ifndef DMFT_H
#define DMFT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DMFT_VERSION "0.1.0"

#if defined(__GNUC__)
#define DMFT_API __attribute__((visibility("default")))
#define DMFT_FALLIBLE DMFT_API __attribute__((warn_unused_result))
#else
#define DMFT_API
#define DMFT_FALLIBLE DMFT_API
#endif

/** The version of the library that is running, such as "0.1.0"; equal to DMFT_VERSION when header and library fit. */
DMFT_API const char *dmft_version(void);

/* ---- Status ------------------------------------------------------------------------------------------------------------------ */

/** Every status: name, value, text. */
#define DMFT_STATUS_TABLE(X)                                                  \
    X(DMFT_DIVERGED, 2, "the run diverged")                                   \
    X(DMFT_STOPPED, 1, "stopped by the caller")                               \
    X(DMFT_OK, 0, "done")                                                     \
    X(DMFT_ERROR_ARGUMENT, -1, "an argument lies outside its domain")         \
    X(DMFT_ERROR_CONFIG, -2, "the configuration is not valid")                \
    X(DMFT_ERROR_UNAVAILABLE, -3, "not available")                            \
    X(DMFT_ERROR_MEMORY, -4, "out of memory")                                 \
    X(DMFT_ERROR_MEMORY_LIMIT, -5, "the memory limit would be passed")        \
    X(DMFT_ERROR_READ, -6, "a file cannot be read")                           \
    X(DMFT_ERROR_FORMAT, -7, "a file is not what it should be")               \
    X(DMFT_ERROR_WRITE, -8, "a file cannot be written")                       \
    X(DMFT_ERROR_EXISTS, -9, "the output exists already")                     \
    X(DMFT_ERROR_NUMERIC, -10, "a numerical method did not converge")         \
    X(DMFT_ERROR_SYSTEM, -11, "the operating system refused a request")

enum dmft_status {
#define DMFT_STATUS_ENTRY(name, value, text) name = value,
    DMFT_STATUS_TABLE(DMFT_STATUS_ENTRY)
#undef DMFT_STATUS_ENTRY
};

/** Where a failing function leaves its one line of text. Owned by the caller; no initialisation is needed. */
typedef struct dmft_error {
    int status;     /**< the value that was returned */
    char text[480]; /**< what, where and the allowed range; no newline */
} dmft_error;

/** The text of a status, for any int (never NULL). */
DMFT_API const char *dmft_status_text(int status);

/* ---- Configuration and problem ------------------------------------------------------------------------------------------------- */

/** A set of settings under construction (mutable); doc/config.md lists all of them. */
typedef struct dmft_config dmft_config;

/** A validated, immutable problem: what is to be solved or simulated. */
typedef struct dmft_problem dmft_problem;

/** A configuration of `model` ("deep_linear", "mlp") with nothing but the model set.
 *  Errors: DMFT_ERROR_CONFIG (unknown model), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_config_create(dmft_config **out, const char *model, dmft_error *err);

/** Reads a YAML file (doc/config.md). Errors name file, line, column and key: DMFT_ERROR_READ, DMFT_ERROR_CONFIG (syntax, unknown or
 *  duplicate key, wrong type, outside its domain), DMFT_ERROR_UNAVAILABLE, DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_config_read(dmft_config **out, const char *path, dmft_error *err);

/** The same from `length` bytes of YAML text; `name` stands for the file in messages. */
DMFT_FALLIBLE int dmft_config_parse(dmft_config **out, const char *text, size_t length, const char *name, dmft_error *err);

/** Sets one setting from text: key "network.gamma0", value "2.5" (a YAML scalar or flow sequence, "[0, 1]"); replaces an earlier value.
 *  Errors: DMFT_ERROR_CONFIG, DMFT_ERROR_UNAVAILABLE, DMFT_ERROR_MEMORY; the configuration is then as it was. */
DMFT_FALLIBLE int dmft_config_set(dmft_config *config, const char *key, const char *value, dmft_error *err);

/** Number of points of the grid that the section `sweep` spans; 0 without one. */
DMFT_API size_t dmft_config_points(const dmft_config *config);

/** The configuration of one point of that grid, without the section: its last axis runs fastest.
 *  Errors: DMFT_ERROR_ARGUMENT (no such point), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_config_point(dmft_config **out, const dmft_config *config, size_t point, dmft_error *err);

/** Frees a configuration; NULL is allowed. */
DMFT_API void dmft_config_free(dmft_config *config);

/** Checks that all that is required is there and fits together, reads data files (whose relative names start at the configuration's file, or at
 *  the working directory when they were set), and makes the problem.
 *  Errors: DMFT_ERROR_CONFIG (a missing key, a list of the wrong length, data that do not fit), DMFT_ERROR_UNAVAILABLE, DMFT_ERROR_READ and
 *  DMFT_ERROR_FORMAT (a data file), DMFT_ERROR_NUMERIC (eigenvalues of a Gram matrix), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_problem_create(dmft_problem **out, const dmft_config *config, dmft_error *err);

/** The problem as YAML text with every setting that has a value, defaults included, in the order of doc/config.md. */
DMFT_API const char *dmft_problem_text(const dmft_problem *problem);

/** Number of gradient steps T; the kernels are taken at steps 0 .. T-1. In gradient flow the number of intervals of the time grid. */
DMFT_API long dmft_problem_steps(const dmft_problem *problem);

/** Rows of a result: T; in gradient flow T + 1, both ends of the grid (the most that an adaptive grid can have). */
DMFT_API long dmft_problem_rows(const dmft_problem *problem);

/** Number of hidden layers L; the weight matrices are A_0 .. A_{L-1}. */
DMFT_API int dmft_problem_depth(const dmft_problem *problem);

/** An activation function of the caller's. `apply` writes phi(h), phi'(h) and phi''(h) of n numbers; `slope` and `curvature` may be NULL, and
 *  no two arrays overlap. It may be called by several threads at once. */
typedef struct dmft_activation {
    const char *name; /**< stands for it in results and messages; at most 47 characters */
    void (*apply)(void *user, size_t n, const double *h, double *value, double *slope, double *curvature);
    void *user;       /**< handed to `apply`; must outlive the problem */
    int smooth;       /**< phi' is continuous, and `apply` gives phi'': the solver `response` needs it */
} dmft_activation;

/** Puts a function of the caller's in the place of network.activation (model mlp), before the problem is used. The text of the problem names it;
 *  that text cannot be read back. The function, not the name, is what a checkpoint cannot check.
 *  Errors: DMFT_ERROR_ARGUMENT (another model; no function; no name of 1 to 47 printable characters; solver exact, or
 *  response with one that is not smooth), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_problem_set_activation(dmft_problem *problem, const dmft_activation *activation, dmft_error *err);

/** Frees a problem; NULL is allowed. */
DMFT_API void dmft_problem_free(dmft_problem *problem);

/** A commented YAML configuration of `model` with every setting and its default, as a static string; NULL for an unknown model. */
DMFT_API const char *dmft_config_template(const char *model);

/* ---- Trajectories ---------------------------------------------------------------------------------------------------------------- */

/** The result of a run: named series over steps, two-time kernels, facts, provenance. Read-only. */
typedef struct dmft_trajectory dmft_trajectory;

/** Number of rows, one a step; fewer than the problem's steps only when the run diverged. */
DMFT_API size_t dmft_trajectory_rows(const dmft_trajectory *trajectory);

/** The values of a series, one a row (nan: not recorded there, or not existing), or NULL when there is no such series. Names are those of
 *  doc/format.md: "step", "C_v", "C_h1", "A0_outlier1", .. */
DMFT_API const double *dmft_trajectory_series(const dmft_trajectory *trajectory, const char *name);

/** A series between its rows: the cubic through the four rows around `time` (fourth order in the interval between them), fewer where the series has
 *  fewer numbers in a row. `time` is that of the series "time" (gradient flow), else the step. nan outside of the rows, next to a row that is nan, and
 *  when there is no such series. */
DMFT_API double dmft_trajectory_at(const dmft_trajectory *trajectory, const char *name, double time);

/** The standard errors of a series; NULL when there is no such series, or it is exact. */
DMFT_API const double *dmft_trajectory_errors(const dmft_trajectory *trajectory, const char *name);

/** Number of series. */
DMFT_API size_t dmft_trajectory_series_count(const dmft_trajectory *trajectory);

/** Name of the series with this index, in order; NULL past the end. */
DMFT_API const char *dmft_trajectory_series_name(const dmft_trajectory *trajectory, size_t index);

/** 1 when the series with this index is one of the default columns of `dmft show`, else 0. */
DMFT_API int dmft_trajectory_series_shown(const dmft_trajectory *trajectory, size_t index);

/** A two-time kernel K(t,s) = data[t * stride + s], t, s < order, of steps (model mlp: of events, step x P + sample); NULL when it was not stored.
 *  `order` and `stride` may be NULL. */
DMFT_API const double *dmft_trajectory_kernel(const dmft_trajectory *trajectory, const char *name, size_t *order, size_t *stride);

/** Number of stored kernels, and the name of the one with this index (NULL past the end). */
DMFT_API size_t dmft_trajectory_kernel_count(const dmft_trajectory *trajectory);

/** Name of the kernel with this index; NULL past the end. */
DMFT_API const char *dmft_trajectory_kernel_name(const dmft_trajectory *trajectory, size_t index);

/** A stored array, data[(i * size[1] + j) * size[2] + k], size[2] = 1 of a matrix (doc/format.md): "A1_first", "A1_last", .. of output.weights, "D1", .. of
 *  output.representations; NULL when there is none of that name. `size` may be NULL. */
DMFT_API const double *dmft_trajectory_array(const dmft_trajectory *trajectory, const char *name, size_t size[3]);

/** Number of stored arrays. */
DMFT_API size_t dmft_trajectory_array_count(const dmft_trajectory *trajectory);

/** Name of the array with this index; NULL past the end. */
DMFT_API const char *dmft_trajectory_array_name(const dmft_trajectory *trajectory, size_t index);

/** The step at which the run diverged (rows stop before it), or -1. */
DMFT_API long dmft_trajectory_diverged_at(const dmft_trajectory *trajectory);

/** A number that belongs to the run, such as "input_dim", "seeds", "seconds", "A0_escape_time1"; nan when there is none of that name. */
DMFT_API double dmft_trajectory_number(const dmft_trajectory *trajectory, const char *name);

/** A text that belongs to the run, such as "kind" ("theory" or "simulation"), "model", "config", "version"; NULL when there is none. */
DMFT_API const char *dmft_trajectory_text(const dmft_trajectory *trajectory, const char *name);

/** Writes an HDF5 file (doc/format.md), aside and then renamed: the old file, or nothing, is there until the new one is whole.
 *  `overwrite` 0 refuses an existing file (DMFT_ERROR_EXISTS). Other errors: DMFT_ERROR_WRITE, DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_trajectory_write(const dmft_trajectory *trajectory, const char *path, int overwrite, dmft_error *err);

/** Reads such a file. Errors: DMFT_ERROR_READ (absent, truncated), DMFT_ERROR_FORMAT (another program's, a newer version's). */
DMFT_FALLIBLE int dmft_trajectory_read(dmft_trajectory **out, const char *path, dmft_error *err);

/** Reads a table with a header line, a column `step`, and columns NAME and NAME_se; lines of '#' are skipped. Errors as for HDF5 files. */
DMFT_FALLIBLE int dmft_trajectory_read_csv(dmft_trajectory **out, const char *path, dmft_error *err);

/** Adds a text of provenance to a result, such as the command line; replaces one of the same name. Error: DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_trajectory_set_text(dmft_trajectory *trajectory, const char *name, const char *text, dmft_error *err);

/** Frees a trajectory; NULL is allowed. */
DMFT_API void dmft_trajectory_free(dmft_trajectory *trajectory);

/* ---- Runs ------------------------------------------------------------------------------------------------------------------------ */

/** How far a run has come. */
typedef struct dmft_progress {
    const char *what; /**< "steps", then "kernels" once, or "replica steps" (dmft_solve); "network steps" (dmft_simulate) */
    long done, total;
    double residual; /**< the largest kernel of the last step over its first value; nan for simulations, model mlp and method lazy */
} dmft_progress;

/** Called now and then during a run, by one thread at a time; a value other than 0 ends the run with DMFT_STOPPED. */
typedef int (*dmft_progress_function)(void *user, const dmft_progress *progress);

/** How to run. A NULL pointer to it, or zeros, mean: no memory limit, one thread, no calls, no checkpoint.
 *
 *  A checkpoint (doc/format.md) holds the whole state of a run. It is written every `checkpoint_every` seconds, at a whole step, and when the progress
 *  function stops the run; the file is replaced as a whole each time, and left as it is when the run is done. A run that goes on from it gives
 *  the same numbers, to the last bit (dmft_simulate: with any number of threads), as one that was never interrupted, on the same BLAS core. */
typedef struct dmft_run_options {
    size_t memory_limit; /**< bytes; 0 for none */
    int threads;         /**< simulated networks, or replicas, at a time; 0 for one. Results do not depend on it with one BLAS thread. */
    dmft_progress_function progress;
    void *user;
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
    double operations; /**< multiplications and additions */
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

/* ---- Sweeps ---------------------------------------------------------------------------------------------------------------------- */

/** The outcome of a point of a sweep: name, value, text. Values above -1 are exit statuses of `dmft`. */
#define DMFT_POINT_TABLE(X)                 \
    X(DMFT_POINT_MISSING, -1, "missing")    \
    X(DMFT_POINT_DONE, 0, "done")           \
    X(DMFT_POINT_FAILED, 1, "failed")       \
    X(DMFT_POINT_REFUSED, 2, "refused")     \
    X(DMFT_POINT_DIVERGED, 3, "diverged")

enum dmft_point_status {
#define DMFT_POINT_ENTRY(name, value, text) name = value,
    DMFT_POINT_TABLE(DMFT_POINT_ENTRY)
#undef DMFT_POINT_ENTRY
};

/** The text of an outcome, for any int (never NULL). */
DMFT_API const char *dmft_point_text(int status);

/** The results of all points of a grid: series as points x rows, row-major; nan where a point has no such series or row. */
typedef struct dmft_sweep dmft_sweep;

/** A sweep of the grid of `config` (dmft_config_points) of which every point is missing.
 *  Errors: DMFT_ERROR_CONFIG (no section `sweep`, no model or no number of steps), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_sweep_create(dmft_sweep **out, const dmft_config *config, dmft_error *err);

/** Enters the result of a point: series, numbers (but those of seconds) and, of the first, the texts kind and model. Kernels are left out.
 *  Errors: DMFT_ERROR_ARGUMENT (no such point, more rows than any point may have), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_sweep_enter(dmft_sweep *sweep, size_t point, const dmft_trajectory *trajectory, dmft_error *err);

/** Enters the failure of a point: DMFT_POINT_FAILED or DMFT_POINT_REFUSED, and why. Errors as of dmft_sweep_enter. */
DMFT_FALLIBLE int dmft_sweep_fail(dmft_sweep *sweep, size_t point, int status, const char *message, dmft_error *err);

/** Number of points of the grid. */
DMFT_API size_t dmft_sweep_points(const dmft_sweep *sweep);

/** The most rows that a point has: the second number of the layout points x rows. */
DMFT_API size_t dmft_sweep_rows(const dmft_sweep *sweep);

/** Number of axes; the last runs fastest. */
DMFT_API size_t dmft_sweep_axes(const dmft_sweep *sweep);

/** The key of an axis, such as "training.learning_rate"; NULL past the last. */
DMFT_API const char *dmft_sweep_axis_key(const dmft_sweep *sweep, size_t axis);

/** Number of values along an axis; 0 past the last. */
DMFT_API size_t dmft_sweep_axis_count(const dmft_sweep *sweep, size_t axis);

/** The numbers along an axis; NULL where they are words or lists, or past the last axis. */
DMFT_API const double *dmft_sweep_axis_numbers(const dmft_sweep *sweep, size_t axis);

/** A value along an axis as it is written in a configuration; NULL past the last. */
DMFT_API const char *dmft_sweep_axis_text(const dmft_sweep *sweep, size_t axis, size_t index);

/** The index along an axis of a point. */
DMFT_API size_t dmft_sweep_index(const dmft_sweep *sweep, size_t axis, size_t point);

/** One of dmft_point_status; DMFT_POINT_MISSING past the last point. */
DMFT_API int dmft_sweep_status(const dmft_sweep *sweep, size_t point);

/** The step at which a point diverged, or -1. */
DMFT_API long dmft_sweep_diverged_at(const dmft_sweep *sweep, size_t point);

/** Number of rows that a point has. */
DMFT_API long dmft_sweep_steps(const dmft_sweep *sweep, size_t point);

/** Why a point failed; "" where it did not. */
DMFT_API const char *dmft_sweep_message(const dmft_sweep *sweep, size_t point);

/** The values of a series, points x rows; NULL when there is none of that name. */
DMFT_API const double *dmft_sweep_series(const dmft_sweep *sweep, const char *name);

/** Its standard errors, likewise; NULL where no point has any. */
DMFT_API const double *dmft_sweep_errors(const dmft_sweep *sweep, const char *name);

/** Number of series. */
DMFT_API size_t dmft_sweep_series_count(const dmft_sweep *sweep);

/** Name of the series with this index; NULL past the end. */
DMFT_API const char *dmft_sweep_series_name(const dmft_sweep *sweep, size_t index);

/** 1 when the series with this index is one of the default columns, else 0. */
DMFT_API int dmft_sweep_series_shown(const dmft_sweep *sweep, size_t index);

/** A number of each point, such as "A0_escape_time1", nan where it has none; NULL when no point has one of that name. */
DMFT_API const double *dmft_sweep_numbers(const dmft_sweep *sweep, const char *name);

/** A text of the sweep, such as "kind" (of its points), "config"; NULL when there is none. */
DMFT_API const char *dmft_sweep_text(const dmft_sweep *sweep, const char *name);

/** Adds a text of provenance; replaces one of the same name. Error: DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_sweep_set_text(dmft_sweep *sweep, const char *name, const char *text, dmft_error *err);

/** Writes an HDF5 file (doc/format.md), as dmft_trajectory_write does. */
DMFT_FALLIBLE int dmft_sweep_write(const dmft_sweep *sweep, const char *path, int overwrite, dmft_error *err);

/** Reads such a file. Errors: DMFT_ERROR_READ (absent, truncated), DMFT_ERROR_FORMAT (another program's, the result of one run). */
DMFT_FALLIBLE int dmft_sweep_read(dmft_sweep **out, const char *path, dmft_error *err);

/** Frees a sweep; NULL is allowed. */
DMFT_API void dmft_sweep_free(dmft_sweep *sweep);

/* ---- Spectra --------------------------------------------------------------------------------------------------------------------- */

/** Resolvent scalars of an M x N matrix with iid entries of variance sigma2/N, psi = M/N, and their derivatives; (O3) of doc/theory.md. */
typedef struct dmft_resolvent {
    double a, b;   /**< a (z - sigma2 b) = 1, b (z - sigma2 psi a) = 1, the branch that decays */
    double da, db; /**< d/dz; minus infinity at the edge when sigma2 > 0 */
} dmft_resolvent;

/** The two edges sigma |1 - sqrt(psi)| and sigma (1 + sqrt(psi)) of the bulk of singular values. Error: DMFT_ERROR_ARGUMENT. */
DMFT_FALLIBLE int dmft_bulk_edges(double sigma2, double psi, double edges[2], dmft_error *err);

/** Evaluates the resolvent scalars at a real z > 0 on or above the upper edge. Error: DMFT_ERROR_ARGUMENT. */
DMFT_FALLIBLE int dmft_resolvent_at(double z, double sigma2, double psi, dmft_resolvent *out, dmft_error *err);

/** The population of a generalised Marchenko-Pastur law, as nodes of a quadrature, and p/n: (LA1) of doc/theory.md. The law is that of the n x n
 *  companion G^T T G/n, G p x n with iid entries of unit variance, T p x p with these eigenvalues tau; the p x p matrix T^{1/2} G G^T T^{1/2}/n has the
 *  same eigenvalues but for zeros: its density is that of the companion over `ratio`. All arrays are the caller's. */
typedef struct dmft_population {
    double ratio;                /**< p/n > 0 */
    size_t nodes;
    const double *tau, *weight;  /**< tau >= 0; weights >= 0 with sum 1, atoms included */
    size_t bands;
    const double (*band)[2];     /**< the support of the population: intervals, rising and disjoint, lo = hi for an atom; an atom at 0 may be left out */
} dmft_population;

/** Nodes of a Marchenko-Pastur population, the eigenvalues s other than 0 of G G^T/b, G a x b, q = a/b in (0, 1] (LA5): n + 1 numbers in s and in
 *  weight, and the support. A population tau = f(s) has the same weights. Error: DMFT_ERROR_ARGUMENT. */
DMFT_FALLIBLE int dmft_marchenko_pastur_nodes(double q, size_t n, double *s, double *weight, double band[2], dmft_error *err);

/** A generalised Marchenko-Pastur law. */
typedef struct dmft_law dmft_law;

/** Errors: DMFT_ERROR_ARGUMENT (the message names the place), DMFT_ERROR_NUMERIC (too few nodes to resolve a band), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_law_create(dmft_law **out, const dmft_population *population, dmft_error *err);

/** Number of bands of its continuous part. */
DMFT_API size_t dmft_law_bands(const dmft_law *law);

/** The two ends of a band, in rising order; NULL past the last. */
DMFT_API const double *dmft_law_band(const dmft_law *law, size_t band);

/** The part of the companion's eigenvalues in a band; nan past the last. What is in none is 0. */
DMFT_API double dmft_law_mass(const dmft_law *law, size_t band);

/** The density of the continuous part at x; nan where Newton's method fails (no case is known). */
DMFT_API double dmft_law_density(const dmft_law *law, double x);

/** The part of the companion's eigenvalues <= x (LA4). */
DMFT_API double dmft_law_part(const dmft_law *law, double x);

/** Its inverse for a part in [0, 1]: 0 where that part is an atom at 0. */
DMFT_API double dmft_law_quantile(const dmft_law *law, double part);

/** Frees it; NULL is allowed. */
DMFT_API void dmft_law_free(dmft_law *law);

/** A + theta U V^T: A is N x D with iid entries of variance sigma2/D, psi = N/D; U and V have K orthonormal columns, K = rank_ratio x D. Section 30
 *  of doc/theory.md: a finite density of equal signals. */
typedef struct dmft_spikes {
    double psi, sigma2; /**< > 0 */
    double rank_ratio;  /**< in (0, min(1, psi)] */
    double strength;    /**< theta >= 0 */
} dmft_spikes;

/** The ends of the one or two bands of the min(N, D) singular values, in rising order: 2 or 4 numbers. Error: DMFT_ERROR_ARGUMENT. */
DMFT_FALLIBLE int dmft_spikes_edges(const dmft_spikes *spikes, double edges[4], size_t *bands, dmft_error *err);

/** The density of the min(N, D) singular values at x > 0. Errors: DMFT_ERROR_ARGUMENT, DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_spikes_density(const dmft_spikes *spikes, double x, double *density, dmft_error *err);

/** The part of them <= x, x >= 0. Errors: DMFT_ERROR_ARGUMENT, DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_spikes_part(const dmft_spikes *spikes, double x, double *part, dmft_error *err);

/** The strength beyond which the signals have a band of their own; it tends to sigma psi^{1/4} of a single one (BBP) as rank_ratio -> 0.
 *  Errors: DMFT_ERROR_ARGUMENT (signals of full rank leave nothing to split from, too), DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_spikes_critical(double psi, double sigma2, double rank_ratio, double *strength, dmft_error *err);

/* ---- Tails ----------------------------------------------------------------------------------------------------------------------- */

/** A power law p(x) ~ x^-exponent fitted to the numbers from a threshold on, and what else they may be: (LW8) to (LW11) of doc/theory.md. */
typedef struct dmft_tail {
    double threshold;       /**< the one of the numbers from which the fit has the least Kolmogorov-Smirnov distance */
    size_t count;           /**< numbers >= threshold */
    double exponent, error; /**< maximum likelihood, and its standard error (exponent - 1)/sqrt(count), the threshold taken as given */
    double distance;        /**< Kolmogorov-Smirnov distance of the tail from the fit */
    double exponential, exponential_p; /**< Vuong's statistic against an exponential tail, positive for the power law, and its two-sided probability */
    double lognormal, lognormal_p;     /**< the same against a log-normal tail; 0 and 1 where the best of these is the power law itself */
    double nested_p;        /**< probability of a likelihood ratio as large if the law is a power law, the edge of the log-normal family */
} dmft_tail;

/** Fits the tail of `n` numbers >= 0; at least `least` >= 10 of them are in it.
 *  Errors: DMFT_ERROR_ARGUMENT (negative or not finite numbers, the largest all equal), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_tail_fit(const double *x, size_t n, size_t least, dmft_tail *out, dmft_error *err);

/** Hill's estimate of the tail index (exponent - 1) from the `k` largest numbers, and its standard error index/sqrt(k). Errors as of dmft_tail_fit. */
DMFT_FALLIBLE int dmft_tail_hill(const double *x, size_t n, size_t k, double *index, double *error, dmft_error *err);

/** Probability that a sample of the fitted law (below the threshold, of the numbers there) is as far from its own fit as this one, from `samples` of them
 *  and one more, this one: a power law is implausible where it is below 0.1. Errors as of dmft_tail_fit. */
DMFT_FALLIBLE int dmft_tail_plausibility(const double *x, size_t n, size_t least, size_t samples, unsigned long seed, double *p, dmft_error *err);

/* ---- Outliers from kernels ------------------------------------------------------------------------------------------------------- */

/** A trained matrix W = A + (1/N) sum_c g_c d_c phi_c^T, known by the kernels of its k updates; A is M x N with iid entries of variance
 *  sigma2/N, psi = M/N, and the g_c, phi_c may depend on A. (C13) and section 8 of doc/theory.md. An event with d_c = 0 is a query: it moves
 *  nothing, and its overlaps can be asked for. Of an A that changes between the events, because it decays or has noise added, `variance` tells how much
 *  of what each event found is left, section 31. All arrays are the caller's and are read during the call only. */
typedef struct dmft_kernels {
    size_t count;                 /**< k, may be 0 */
    size_t stride;                /**< of the matrices, >= k; the later event is the row */
    const double *C_phi, *R_phi;  /**< phi_a.phi_b/N, and the response of phi_a to the field of A^T g_b */
    const double *C_g, *R_g;      /**< g_a.g_b/M, and the response of g_a to the field of A phi_b */
    const double *weight;         /**< d_c, k numbers */
    const double *target;         /**< m_c = phi_c.w/N for a unit vector w that is independent of A, k numbers, or NULL */
    double sigma2, psi;           /**< >= 0; > 0 */
    int whole;                    /**< 0: only the lower triangles are there. 1: C is checked to be symmetric, and R to be 0 above its diagonal */
    const double *variance;       /**< N times the covariance of the entries of A with those of the A that event c found, k numbers, or NULL: sigma2 for all */
} dmft_kernels;

/** The outliers of one such matrix. */
typedef struct dmft_outliers dmft_outliers;

/** Finds the `most` largest outliers: all real eigenvalues lambda^2 > sigma2/sqrt(psi) of (O1) are outliers, and there are no others. With
 *  sigma2 = 0 every singular value of the learned part is one, as far as it stands out of rounding errors (1e-7 of the largest).
 *  Time O(k^2) a product, some tens of products; memory O(k). Errors: DMFT_ERROR_ARGUMENT (the message names array and place),
 *  DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_outliers_create(dmft_outliers **out, const dmft_kernels *kernels, size_t most, dmft_error *err);

/** Number of outliers found. */
DMFT_API size_t dmft_outliers_count(const dmft_outliers *outliers);

/** The upper edge of the bulk, sigma (1 + sqrt(psi)). */
DMFT_API double dmft_outliers_edge(const dmft_outliers *outliers);

/** The outlier singular value with this index, the largest first; nan past the last. */
DMFT_API double dmft_outliers_z(const dmft_outliers *outliers, size_t index);

/** Its lambda^2 of (O2); nan past the last. */
DMFT_API double dmft_outliers_root(const dmft_outliers *outliers, size_t index);

/** k signed numbers g_c.A/sqrt(M) for its left unit singular vector A, or NULL past the last. Their squares are the overlaps of (O5). The
 *  common sign of these and of dmft_outliers_right is arbitrary; (g_c.A)(phi_e.B)/N = sqrt(psi) left[c] right[e] does not depend on it. */
DMFT_API const double *dmft_outliers_left(const dmft_outliers *outliers, size_t index);

/** k signed numbers phi_c.B/sqrt(N) for its right unit singular vector B, or NULL past the last. */
DMFT_API const double *dmft_outliers_right(const dmft_outliers *outliers, size_t index);

/** dz/dd_c = (g_c.A)(phi_c.B)/N, by which z moves when the weight of event c does (O6); nan where there is none. */
DMFT_API double dmft_outliers_drift(const dmft_outliers *outliers, size_t index, size_t event);

/** d ln(lambda^2)/dd_c, the same in the variable that is smooth through the edge (O7); nan where there is none. */
DMFT_API double dmft_outliers_growth(const dmft_outliers *outliers, size_t index, size_t event);

/** cos^2 of B with the vector w of `target` (O5'); nan where there is none. */
DMFT_API double dmft_outliers_target_overlap(const dmft_outliers *outliers, size_t index);

/** Frees them; NULL is allowed. */
DMFT_API void dmft_outliers_free(dmft_outliers *outliers);

/** The outlier ODE inside a step of gradient descent (O8): the change of z of the `most` largest outliers while the weight of one event goes
 *  from `from` to kernels->weight[event], by Gauss-Legendre quadrature of the drift with 4 points. change[j] is nan where outlier j is missing
 *  on the way. Errors: as of dmft_outliers_create. */
DMFT_FALLIBLE int dmft_outliers_change(const dmft_kernels *kernels, size_t event, double from, size_t most, double *change, dmft_error *err);

/** One outlier along a gradient flow, by the ODE (O6) in the variable lambda^2 (O7). */
typedef struct dmft_outlier_path dmft_outlier_path;

/** Integrates d lambda^2/dtau = growth(tau) lambda^2 from the first of the nodes, interpolating `growth` between them by a cubic spline.
 *  time[i]: rising. root[i]: lambda^2 of (O2) at node i, nan where there is none (the ODE begins anew behind); it may lie below the edge.
 *  growth[i]: d ln(lambda^2)/dtau there: dmft_outliers_growth of the newest event times the weight it gains a unit of time.
 *  Errors: DMFT_ERROR_ARGUMENT, DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_outlier_path_create(dmft_outlier_path **out, size_t nodes, const double *time, const double *root, const double *growth,
                                           double sigma2, double psi, dmft_error *err);

/** z by the ODE at any time between the nodes; nan where there is no outlier. */
DMFT_API double dmft_outlier_path_z(const dmft_outlier_path *path, double time);

/** The first time at which the ODE passes the edge from below; nan when it does not. When the nodes begin above the edge it is followed back
 *  over one interval. */
DMFT_API double dmft_outlier_path_escape(const dmft_outlier_path *path);

/** The largest |z of the ODE - z of the algebra| over the nodes where both exist; nan where there are none. */
DMFT_API double dmft_outlier_path_difference(const dmft_outlier_path *path);

/** Frees it; NULL is allowed. */
DMFT_API void dmft_outlier_path_free(dmft_outlier_path *path);

/* ---- Spectra of any weights ------------------------------------------------------------------------------------------------------ */

/** 1 - F_1(s) of the Tracy-Widom law for real matrices, with its relative accuracy down to 1e-290. Errors: DMFT_ERROR_ARGUMENT (nan),
 *  DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_tracy_widom(double s, double *tail, dmft_error *err);

/** The s at which 1 - F_1(s) = tail, in [1e-280, 1 - 1e-9]. Errors as above. */
DMFT_FALLIBLE int dmft_tracy_widom_quantile(double tail, double *s, dmft_error *err);

/** How to read a matrix. Zeros, or a NULL pointer: the variance is fitted, a level of 0.01, all singular values, no vectors. */
typedef struct dmft_spectrum_options {
    double variance; /**< of an entry of the bulk; 0: fitted */
    double level;    /**< false-positive rate: the probability of any outlier in a matrix of independent entries; [1e-12, 0.5] */
    size_t top;      /**< only so many of the largest singular values, from products alone; 0, or min(M, N) <= 64: all */
    size_t vectors;  /**< pairs of singular vectors that are kept; at most min(M, N), with `top` at most so many */
    int quick;       /**< 1: without the distance from the Marchenko-Pastur law, whose null law takes a fraction of a second */
} dmft_spectrum_options;

/** Bulk and outliers of any M x N matrix: independent entries of one variance v, and a few spikes; section 35 of doc/theory.md. */
typedef struct dmft_spectrum dmft_spectrum;

/** What was found of the whole; nan stands for what could not be. */
typedef struct dmft_spectrum_summary {
    size_t rows, columns;    /**< M and N without the rows and columns that are 0 throughout */
    size_t count, outliers;  /**< singular values that are known, and those of them that are outliers */
    double variance;         /**< v; 0: nothing is left beside the outliers */
    double variance_se;      /**< its standard error; 0 where it was given */
    double kurtosis;         /**< excess kurtosis of the entries without the outliers (the first 32 of them) */
    double edges[2];         /**< of the bulk of singular values, sqrt(v) |sqrt(M) -+ sqrt(N)| */
    double threshold;        /**< a further singular value above it would be an outlier; nan where there are too few to tell (fewer than 8, fitted) */
    double distance;         /**< Kolmogorov-Smirnov distance of the bulk from the Marchenko-Pastur law; nan with `top` or `quick` */
    double distance_null;    /**< its 99 % quantile where entries are independent */
    double distance_level;   /**< part of such matrices that are as far, in steps of 1/400 */
} dmft_spectrum_summary;

/** One outlier, read as that of a spike of strength theta, A + theta u v^T; (TW3), (TW6) of doc/theory.md. */
typedef struct dmft_spectrum_outlier {
    double z;           /**< the singular value */
    double level;       /**< the false-positive rate at which it stands out */
    double strength;    /**< theta */
    double left, right; /**< cos^2 of its singular vectors with u and v */
    double row, column; /**< largest square of an entry of its left, and right, unit vector: near 1 when a single row, or column, is the outlier; nan
                             behind the first 32, and where the variance is 0 */
} dmft_spectrum_outlier;

/** Takes the spectrum of a row-major matrix, which is read during the call only. `options` may be NULL. Time O(M N min(M, N)), memory 2 M N numbers; with
 *  `top` some hundreds of products and M N numbers. Errors: DMFT_ERROR_ARGUMENT (an entry that is not finite: its place is named from 0; options outside of
 *  their domain; no entries; a side above 2^31 - 1), DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
DMFT_FALLIBLE int dmft_spectrum_create(dmft_spectrum **out, const double *matrix, size_t rows, size_t columns, const dmft_spectrum_options *options,
                                       dmft_error *err);

/** What was found. */
DMFT_API dmft_spectrum_summary dmft_spectrum_summarize(const dmft_spectrum *spectrum);

/** The singular values that are known, falling; as many as `count` of the summary says. */
DMFT_API const double *dmft_spectrum_values(const dmft_spectrum *spectrum);

/** The outlier with this index, the largest first; all nan past the last. */
DMFT_API dmft_spectrum_outlier dmft_spectrum_outlier_at(const dmft_spectrum *spectrum, size_t index);

/** The density of the fitted bulk at z, of integral 1. */
DMFT_API double dmft_spectrum_density(const dmft_spectrum *spectrum, double z);

/** Number of pairs of singular vectors that were kept: the smaller of options.vectors and min(M, N). */
DMFT_API size_t dmft_spectrum_vectors(const dmft_spectrum *spectrum);

/** The unit left singular vector with this index, of the matrix's M rows as it was given; NULL past those kept. Its sign, with that of the right one,
 *  is arbitrary; it is 0 where the singular value is. */
DMFT_API const double *dmft_spectrum_left(const dmft_spectrum *spectrum, size_t index);

/** The right one, of N numbers. */
DMFT_API const double *dmft_spectrum_right(const dmft_spectrum *spectrum, size_t index);

/** Squared overlaps of the first k left, and right, singular vectors of two snapshots of one matrix: left[i * k + j] = (u_i.u'_j)^2, likewise right. By chance
 *  they are 1/M and 1/N. Error: DMFT_ERROR_ARGUMENT (another shape, fewer than k vectors). */
DMFT_FALLIBLE int dmft_spectrum_overlap(const dmft_spectrum *a, const dmft_spectrum *b, size_t k, double *left, double *right, dmft_error *err);

/** Frees it; NULL is allowed. */
DMFT_API void dmft_spectrum_free(dmft_spectrum *spectrum);

/* ---- Comparison ------------------------------------------------------------------------------------------------------------------ */

/** One number compared: a series at a step. */
typedef struct dmft_comparison_row {
    const char *series;
    long step;
    double theory, mean, se; /**< se: both standard errors in quadrature */
    double z;                /**< (mean - theory)/se, 0 where both are equal */
    double bound;            /**< what |theory - mean| may be: quantile x se + allowance */
    int holds;
} dmft_comparison_row;

/** How to compare. Zeros: the default columns, c = 20. */
typedef struct dmft_compare_options {
    const char *series;   /**< names with commas between; NULL for the default columns */
    int allowance_given;  /**< 1: use `allowance`; 0: c = 20 */
    double allowance;     /**< c of (S3) */
} dmft_compare_options;

/** The outcome of a comparison. */
typedef struct dmft_comparison dmft_comparison;

/** Compares theory with samples at every step that both have; (S3) of doc/theory.md.
 *  Errors: DMFT_ERROR_ARGUMENT (nothing in common, no size known for the allowance), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_compare(const dmft_trajectory *theory, const dmft_trajectory *sample, const dmft_compare_options *options,
                               dmft_comparison **out, dmft_error *err);

/** All rows, ordered by series, then step; `count` receives their number. */
DMFT_API const dmft_comparison_row *dmft_comparison_rows(const dmft_comparison *comparison, size_t *count);

/** 1 when every row holds, else 0. */
DMFT_API int dmft_comparison_holds(const dmft_comparison *comparison);

/** Number of places that were skipped because one side is nan. */
DMFT_API size_t dmft_comparison_skipped(const dmft_comparison *comparison);

/** The multiple of the standard error that is allowed (Student quantile of the probability of 4 normal standard errors). */
DMFT_API double dmft_comparison_quantile(const dmft_comparison *comparison);

/** Frees a comparison; NULL is allowed. */
DMFT_API void dmft_comparison_free(dmft_comparison *comparison);

/* ---- Representations --------------------------------------------------------------------------------------------------------------- */

/** How a change went over time: name, text; (RM6) of doc/theory.md. */
#define DMFT_RELAXATION_TABLE(X)                                                                       \
    X(DMFT_RELAXATION_STILL, "still")     /* it did not leave its noise, or there are too few snapshots */ \
    X(DMFT_RELAXATION_GRADUAL, "gradual") /* it only slowed down, within noise */                          \
    X(DMFT_RELAXATION_ONSET, "onset")     /* it got faster at first, no more than steadily */              \
    X(DMFT_RELAXATION_SHARP, "sharp")     /* it got faster, by more than a steady acceleration does */

enum dmft_relaxation_verdict {
#define DMFT_RELAXATION_ENTRY(name, text) name,
    DMFT_RELAXATION_TABLE(DMFT_RELAXATION_ENTRY)
#undef DMFT_RELAXATION_ENTRY
};

/** The text of a verdict, for any int (never NULL). */
DMFT_API const char *dmft_relaxation_text(int verdict);

/** Whether a change was gradual; nan stands for what there is not. */
typedef struct dmft_relaxation {
    int verdict;       /**< of dmft_relaxation_verdict */
    double departure;  /**< the part of the way that came later than in any change that slows down, (RM6); 0 .. 1 */
    double critical;   /**< what noise alone exceeds in one of twenty cases */
    double p_value;    /**< probability that noise alone gives as much */
    double from, to;   /**< time before which it is most behind, and at which it has caught up; onset and sharp only */
    double quickening; /**< mean speed between them over that before; infinite when nothing had moved */
} dmft_relaxation;

/** Tells a change that slows down from one that gets faster. progress[i]: from 0 to 1, at rising times. `covariance`: count x count, of the errors of
 *  the progress; NULL when it is exact. `members`: number of those from which it was estimated; 0 when it is known. Errors: DMFT_ERROR_ARGUMENT (fewer
 *  than three times; numbers that are not finite), DMFT_ERROR_NUMERIC, DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_relaxation_test(const double *time, const double *progress, const double *covariance, size_t count, double members,
                                       dmft_relaxation *out, dmft_error *err);

/** The distance matrices of one layer's representations of the samples over training: spectrum, coordinates, course. */
typedef struct dmft_representation dmft_representation;

/** From a result of model mlp with output.representations; hidden layers run from 1. Errors: DMFT_ERROR_ARGUMENT (there are none, or not of this
 *  layer), DMFT_ERROR_FORMAT (arrays of a changed file), DMFT_ERROR_NUMERIC, DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_representation_create(dmft_representation **out, const dmft_trajectory *trajectory, size_t layer, dmft_error *err);

/** Turns the coordinates of every snapshot onto those of `to` at the same step, or the next it has, as far as rotations and reflections can (RM11).
 *  Errors: DMFT_ERROR_ARGUMENT (another number of samples), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_representation_align(dmft_representation *representation, const dmft_representation *to, dmft_error *err);

/** Number of snapshots. */
DMFT_API size_t dmft_representation_snapshots(const dmft_representation *representation);

/** Number P of samples. */
DMFT_API size_t dmft_representation_samples(const dmft_representation *representation);

/** Number of coordinates: 2, or 1 of a single sample. */
DMFT_API size_t dmft_representation_dimensions(const dmft_representation *representation);

/** Number of eigenvalues that are followed: 8, or P. */
DMFT_API size_t dmft_representation_eigenvalues(const dmft_representation *representation);

/** The step of a snapshot; nan past the last. */
DMFT_API double dmft_representation_step(const dmft_representation *representation, size_t snapshot);

/** The eigenvalue with this index, of largest absolute value first; nan past the last. */
DMFT_API double dmft_representation_eigenvalue(const dmft_representation *representation, size_t snapshot, size_t index);

/** Its standard error, 0 when it is exact; nan past the last. */
DMFT_API double dmft_representation_error(const dmft_representation *representation, size_t snapshot, size_t index);

/** Number of leading eigenvalues before the widest gap, (RM9); 0 when there is none. */
DMFT_API size_t dmft_representation_separated(const dmft_representation *representation, size_t snapshot);

/** All gaps: numbers k such that there is one behind the k-th eigenvalue. `count` receives how many there are. */
DMFT_API const size_t *dmft_representation_bands(const dmft_representation *representation, size_t snapshot, size_t *count);

/** Part of the summed squared distances that the coordinates show, (RM10); nan when all distances are 0. */
DMFT_API double dmft_representation_explained(const dmft_representation *representation, size_t snapshot);

/** Coordinates of the samples, P rows; NULL past the last snapshot. */
DMFT_API const double *dmft_representation_coordinates(const dmft_representation *representation, size_t snapshot);

/** How the matrix changed over training. */
DMFT_API const dmft_relaxation *dmft_representation_relaxation(const dmft_representation *representation);

/** Frees it; NULL is allowed. */
DMFT_API void dmft_representation_free(dmft_representation *representation);

/* ---- Convergence ----------------------------------------------------------------------------------------------------------------- */

/** What a study of convergence finds: name, text. */
#define DMFT_CONVERGENCE_TABLE(X)                                                              \
    X(DMFT_CONVERGENCE_OK, "ok")                 /* the order is at most 0.25 below the nominal one */ \
    X(DMFT_CONVERGENCE_LOW, "low")               /* it is lower */                                     \
    X(DMFT_CONVERGENCE_CONVERGED, "converged")   /* the levels differ by noise alone */                \
    X(DMFT_CONVERGENCE_CONSTANT, "constant")     /* the levels do not differ, or all errors are 0 */   \
    X(DMFT_CONVERGENCE_UNRESOLVED, "unresolved") /* too few errors stand out of the scatter */         \
    X(DMFT_CONVERGENCE_ABSENT, "absent")         /* no place at which all levels have a number */

enum dmft_convergence_verdict {
#define DMFT_CONVERGENCE_ENTRY(name, text) name,
    DMFT_CONVERGENCE_TABLE(DMFT_CONVERGENCE_ENTRY)
#undef DMFT_CONVERGENCE_ENTRY
};

/** The text of a verdict, for any int (never NULL). */
DMFT_API const char *dmft_convergence_text(int verdict);

/** Most levels of a study. */
enum { DMFT_CONVERGENCE_LEVELS = 16 };

/** The outcome for one quantity; nan stands for what could not be found. */
typedef struct dmft_convergence {
    int verdict;             /**< of dmft_convergence_verdict */
    size_t levels, places;   /**< places: at which all levels have a number */
    size_t last;             /**< the last of them (values) */
    double nominal;          /**< the order that was expected */
    double order;            /**< the order that was observed */
    double order_error;      /**< of values: by how much it moved from the level before; of errors: its standard error */
    double error;            /**< of the finest level: the largest over all places (values), as given (errors) */
    double value;            /**< at the last shared place, extrapolated; nan of errors */
    double size[DMFT_CONVERGENCE_LEVELS];   /**< [i]: level i less level i-1, root of the mean square over places (errors: the error) */
    double orders[DMFT_CONVERGENCE_LEVELS]; /**< [i]: log2(size[i-1]/size[i]) */
} dmft_convergence;

/** Order of convergence of a quantity computed at levels 0 .. levels-1, each with half the step of the one before: value[i * places + k] at
 *  level i and place k (a time, say); (S5)-(S7) of doc/theory.md. Places where a level has no finite number are passed over. `nominal` in
 *  [0, 16]: the order that is due; 0 when errors need only fall, and nothing is extrapolated. `noise` in [0, 1): of a value, relative to
 *  the largest; differences that do not stand out of it say nothing of orders. Error: DMFT_ERROR_ARGUMENT (levels below 3 or above 16). */
DMFT_FALLIBLE int dmft_converge_values(const double *value, size_t levels, size_t places, double nominal, double noise, dmft_convergence *out,
                                       dmft_error *err);

/** Order at which known errors fall with every doubling, as a slope over all levels; (S8) of doc/theory.md. `covariance`: levels x levels,
 *  of the natural logarithms of the errors, or NULL when they are exact. Error: DMFT_ERROR_ARGUMENT (levels below 2 or above 16). */
DMFT_FALLIBLE int dmft_converge_errors(const double *error, const double *covariance, size_t levels, double nominal, dmft_convergence *out,
                                       dmft_error *err);

#ifdef __cplusplus
}
#endif
#endif
