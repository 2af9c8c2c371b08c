/* dmft/problem.h: configurations and problems. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_PROBLEM_H
#define DMFT_PUBLIC_PROBLEM_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup problem Configurations and problems
 *  From settings to a problem: a configuration is filled from a file or key by key, a problem is what came of it, checked and immutable.
 *  @{ */

/** A set of settings under construction (mutable); doc/config.md lists all of them. */
typedef struct dmft_config dmft_config;

/** A validated, immutable problem: what is to be solved or simulated. */
typedef struct dmft_problem dmft_problem;

/** A configuration of `model` ("deep_linear", "mlp") with nothing but the model set.
 *  Errors: DMFT_ERROR_CONFIG (unknown model, or NULL), DMFT_ERROR_MEMORY. */
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
    /** phi, phi' and phi'' of n numbers, as told above */
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

/** @} */

#ifdef __cplusplus
}
#endif
#endif
