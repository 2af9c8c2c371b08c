/* dmft/compare.h: comparison. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_COMPARE_H
#define DMFT_PUBLIC_COMPARE_H

#include "trajectory.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup compare Comparison
 *  Does theory agree with samples, within standard errors and a stated finite size?
 *  @{ */

/** One number compared: a series at a step. */
typedef struct dmft_comparison_row {
    const char *series; /**< its name */
    long step;          /**< the row's */
    double theory;      /**< the value of the theory */
    double mean;        /**< that of the sample */
    double se;          /**< both standard errors in quadrature */
    double z;           /**< (mean - theory)/se, 0 where both are equal */
    double bound;       /**< what |theory - mean| may be: quantile x se + allowance */
    int holds;          /**< 1: it is no more */
} dmft_comparison_row;

/** Steps at which a series was not compared. */
typedef struct dmft_comparison_gap {
    const char *series;   /**< its name */
    size_t theory_alone;  /**< the theory has a number and the samples have none */
    size_t samples_alone; /**< the samples have one and the theory has none */
    size_t near_edge;     /**< the theory's isolated eigenvalue is too near to the bulk for samples of a finite size (numbers room_NAME) */
} dmft_comparison_gap;

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

/** Number of places that were skipped: one side is nan, or the place is next to the edge of a bulk. */
DMFT_API size_t dmft_comparison_skipped(const dmft_comparison *comparison);

/** What was skipped, and why, of every series that was to be compared; `count` receives their number. */
DMFT_API const dmft_comparison_gap *dmft_comparison_gaps(const dmft_comparison *comparison, size_t *count);

/** The multiple of the standard error that is allowed (Student quantile of the probability of 4 normal standard errors). */
DMFT_API double dmft_comparison_quantile(const dmft_comparison *comparison);

/** Frees a comparison; NULL is allowed. */
DMFT_API void dmft_comparison_free(dmft_comparison *comparison);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
