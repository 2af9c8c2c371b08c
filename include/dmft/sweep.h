/* dmft/sweep.h: sweeps. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_SWEEP_H
#define DMFT_PUBLIC_SWEEP_H

#include "problem.h"
#include "trajectory.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup sweep Sweeps
 *  The results of all points of a grid of problems.
 *  @{ */

/** The outcome of a point of a sweep: name, value, text. Values above -1 are exit statuses of `dmft`. */
#define DMFT_POINT_TABLE(X)                 \
    X(DMFT_POINT_MISSING, -1, "missing")    \
    X(DMFT_POINT_DONE, 0, "done")           \
    X(DMFT_POINT_FAILED, 1, "failed")       \
    X(DMFT_POINT_REFUSED, 2, "refused")     \
    X(DMFT_POINT_DIVERGED, 3, "diverged")

/** The outcomes of the table. */
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

/** Adds a text of provenance; replaces one of the same name. As dmft_trajectory_set_text does. */
DMFT_FALLIBLE int dmft_sweep_set_text(dmft_sweep *sweep, const char *name, const char *text, dmft_error *err);

/** Writes an HDF5 file (doc/format.md), as dmft_trajectory_write does. */
DMFT_FALLIBLE int dmft_sweep_write(const dmft_sweep *sweep, const char *path, int overwrite, dmft_error *err);

/** Reads such a file. Errors: DMFT_ERROR_READ (absent, truncated), DMFT_ERROR_FORMAT (another program's, the result of one run). */
DMFT_FALLIBLE int dmft_sweep_read(dmft_sweep **out, const char *path, dmft_error *err);

/** Frees a sweep; NULL is allowed. */
DMFT_API void dmft_sweep_free(dmft_sweep *sweep);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
