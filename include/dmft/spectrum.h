/* dmft/spectrum.h: spectra of weights. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_SPECTRUM_H
#define DMFT_PUBLIC_SPECTRUM_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup spectrum Spectra of weights
 *  Bulk and outliers of any matrix of weights, without a theory of how it was trained.
 *  @{ */

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
    size_t rows;             /**< M without the rows that are 0 throughout */
    size_t columns;          /**< N without the columns that are 0 throughout */
    size_t count;            /**< singular values that are known */
    size_t outliers;         /**< those of them that are outliers */
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
    double z;        /**< the singular value */
    double level;    /**< the false-positive rate at which it stands out */
    double strength; /**< theta */
    double left;     /**< cos^2 of its left singular vector with u */
    double right;    /**< cos^2 of its right one with v */
    double row;      /**< largest square of an entry of its left unit vector: near 1 when a single row is the outlier; nan behind the first 32, and where the
                          variance is 0 */
    double column;   /**< the same of its right unit vector, for a column */
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

/** @} */

#ifdef __cplusplus
}
#endif
#endif
