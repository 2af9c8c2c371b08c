/* dmft/representation.h: representations. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_REPRESENTATION_H
#define DMFT_PUBLIC_REPRESENTATION_H

#include "trajectory.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup representation Representations
 *  How the samples lie to each other in a layer, over training, and whether that changed gradually or sharply.
 *  @{ */

/** How a change went over time: name, text; (RM6) of doc/theory.md. */
#define DMFT_RELAXATION_TABLE(X)                                                                       \
    X(DMFT_RELAXATION_STILL, "still")     /* it did not leave its noise */                                 \
    X(DMFT_RELAXATION_GRADUAL, "gradual") /* it only slowed down, within noise */                          \
    X(DMFT_RELAXATION_ONSET, "onset")     /* it got faster at first, no more than steadily */              \
    X(DMFT_RELAXATION_SHARP, "sharp")     /* it got faster, by more than a steady acceleration does */     \
    X(DMFT_RELAXATION_UNTESTED, "untested") /* fewer than three snapshots, or one member, which tells no noise */

/** The verdicts of the table. */
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
    double from;       /**< time before which it is most behind; onset and sharp only */
    double to;         /**< time at which it has caught up, likewise */
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

/** @} */

#ifdef __cplusplus
}
#endif
#endif
