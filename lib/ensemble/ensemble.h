/* An ensemble: members of one kind, which differ by their number alone, are run by threads, and each leaves numbers in a slot of its own. Since the
 * numbers of member i depend on i alone and are reduced in order, the outcome is the same to the last bit for any number of threads. It can be
 * stopped, written down and continued. What a member is, network or replica, is its kind's affair. */
#ifndef DMFT_ENSEMBLE_ENSEMBLE_H
#define DMFT_ENSEMBLE_ENSEMBLE_H

#include <stddef.h>

#include "base/archive.h"
#include "base/problem.h"

struct ensemble_kind {
    const char *name;  /* of one member in messages: "network", "replica" */
    const char *steps; /* of what the progress function counts: "network steps" */
    const char *file;  /* kind of the checkpoint: "simulate", "solve" */

    int (*create)(void **state, const dmft_problem *problem, dmft_error *err); /* room for a member, used for one after another */
    void (*free)(void *state);
    int (*start)(void *state, long index, dmft_error *err); /* draws member `index`; row 0 is next */

    /* Evaluates the member with its present weights without recording anything: between two rows (where `advance` gives 0). NULL: never needed. */
    void (*evaluate)(void *state);

    /* Evaluates it and records row `row` in its slot. 0, DMFT_DIVERGED (the row is void), or an error. */
    int (*row)(void *state, long row, double *slot, dmft_error *err);

    /* Puts down what is kept of member 0 besides its slot, in room of plan->kept numbers; called after each of its rows. NULL: nothing is kept. */
    void (*keep)(void *state, long row, double *kept);

    /* Trains it after row `row`: 1 when the weights are those of the next row, 0 when they are on the way, < 0 an error. */
    int (*advance)(void *state, long row, dmft_error *err);

    /* The state besides what `start` draws for the same number. */
    void (*transfer)(void *state, archive *a);
};

struct ensemble_plan {
    const struct ensemble_kind *kind;
    const dmft_problem *problem;
    long members, rows;
    size_t slot;       /* numbers of one member */
    size_t kept;       /* numbers that kind->keep puts down; 0: it is not called */
    double operations; /* of a step, for how often progress is reported */
};

/* What all members left. */
struct ensemble_results {
    size_t slot;
    long members;
    double *values;    /* members x slot; 0 where nothing was recorded */
    double *kept;      /* of member 0; NULL: nothing was to be kept */
    long *diverged_at; /* row, or -1 */
    double seconds;    /* wall time, of earlier runs too */
};

/* Runs all members, `options->threads` at a time. Returns 0, DMFT_STOPPED (a checkpoint was written when one was asked for), or an error. */
int ensemble_run(struct ensemble_results *out, const struct ensemble_plan *plan, const dmft_run_options *options, dmft_error *err);
void ensemble_results_free(struct ensemble_results *results);

/* The earliest row at which any member diverged, or -1; the number of members that did. */
long ensemble_diverged_at(const struct ensemble_results *results);
long ensemble_diverged(const struct ensemble_results *results);

/* Threads that run at a time. */
long ensemble_threads(long members, const dmft_run_options *options);

/* Mean over members of the mean of the `count` numbers from `offset` of their slots on, and its standard error (sample standard deviation/sqrt(members);
 * nan for one member). */
void ensemble_moments(const struct ensemble_results *results, size_t offset, size_t count, double *mean, double *se);

#endif
