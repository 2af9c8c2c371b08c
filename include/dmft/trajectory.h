/* dmft/trajectory.h: trajectories. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_TRAJECTORY_H
#define DMFT_PUBLIC_TRAJECTORY_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup trajectory Trajectories
 *  The result of a run, of theory and of networks alike: series over steps with their standard errors, two-time kernels, stored arrays, numbers and texts.
 *  @{ */

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

/** Adds a text of provenance to a result, such as the command line; replaces one of the same name. A byte of it that is not UTF-8 is kept as \\xe9, four
 *  characters. Errors: DMFT_ERROR_ARGUMENT (a name that is not 1 to 63 bytes of UTF-8 without control characters), DMFT_ERROR_MEMORY. */
DMFT_FALLIBLE int dmft_trajectory_set_text(dmft_trajectory *trajectory, const char *name, const char *text, dmft_error *err);

/** Frees a trajectory; NULL is allowed. */
DMFT_API void dmft_trajectory_free(dmft_trajectory *trajectory);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
