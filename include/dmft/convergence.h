/* dmft/convergence.h: convergence. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_CONVERGENCE_H
#define DMFT_PUBLIC_CONVERGENCE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup convergence Convergence
 *  Observed orders of convergence of anything computed at several resolutions.
 *  @{ */

/** What a study of convergence finds: name, text. */
#define DMFT_CONVERGENCE_TABLE(X)                                                              \
    X(DMFT_CONVERGENCE_OK, "ok")                 /* the order is at most 0.25 below the nominal one */ \
    X(DMFT_CONVERGENCE_LOW, "low")               /* it is lower */                                     \
    X(DMFT_CONVERGENCE_CONVERGED, "converged")   /* the levels differ by noise alone */                \
    X(DMFT_CONVERGENCE_CONSTANT, "constant")     /* the levels do not differ, or all errors are 0 */   \
    X(DMFT_CONVERGENCE_UNRESOLVED, "unresolved") /* it is lower, but the levels are too coarse to tell (S6); too few errors exceed the scatter */ \
    X(DMFT_CONVERGENCE_ABSENT, "absent")         /* no place at which all levels have a number */

/** The verdicts of the table. */
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
    size_t levels;           /**< as they were given */
    size_t places;           /**< at which all levels have a number */
    size_t last;             /**< the last of them (values) */
    double nominal;          /**< the order that was expected */
    double order;            /**< the order that was observed */
    double order_error;      /**< of values: by how much it moved from the level before; of errors: its standard error */
    double error;            /**< of the finest level: the largest over all places (values), as given (errors) */
    double value;            /**< at the last shared place, extrapolated; nan of errors */
    double size[DMFT_CONVERGENCE_LEVELS];   /**< [i]: level i less level i-1, root of the mean square over places (errors: the error) */
    double orders[DMFT_CONVERGENCE_LEVELS]; /**< [i]: log2 of size[i-1]/size[i] */
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

/** @} */

#ifdef __cplusplus
}
#endif
#endif
