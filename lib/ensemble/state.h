/* Inside of the ensemble: what its threads share (ensemble.c), and how it is written down and goes on (checkpoint.c). */
#ifndef DMFT_ENSEMBLE_STATE_H
#define DMFT_ENSEMBLE_STATE_H

#include <pthread.h>

#include "ensemble/ensemble.h"

/* How far a member has come. Between two rows it may be under way. */
struct ensemble_progress {
    long index; /* which one; -1: none */
    long row;   /* rows recorded */
    int at_row; /* the weights are those of the next row to be recorded */
};

struct ensemble_worker {
    struct ensemble *ensemble;
    void *member;
    struct ensemble_progress at;
    pthread_t thread;
};

/* A member of the checkpoint that no worker has taken up yet: its state lies there. */
struct ensemble_pending {
    struct ensemble_progress at;
    size_t place, bytes;
};

struct ensemble {
    const struct ensemble_plan *plan;
    const struct ensemble_kind *kind;
    const dmft_run_options *options;
    struct ensemble_results results;
    struct ensemble_worker *workers;
    long count; /* workers */
    long grain; /* steps between two reports */
    double begin, saved; /* when it began; when the last checkpoint was written */
    double before;       /* seconds taken by the runs that this one continues */

    archive *resumed; /* the checkpoint that it goes on from, while members in it are pending */
    struct ensemble_pending *pending;
    long pending_count, pending_next;

    pthread_mutex_t lock; /* of all below, of `pending` and of `resumed` */
    pthread_cond_t saved_it;
    long next;   /* member to be taken */
    long done;   /* rows of all members */
    long active, parked; /* workers that are not through; those of them that wait for a checkpoint */
    long saves;  /* checkpoints written */
    int saving;  /* workers park at their next whole step, and the last one writes */
    int status;  /* not 0: all workers stop */
    dmft_error error;
};

/* Keeps the first failure; under the lock. */
void ensemble_fail(struct ensemble *e, int status, const dmft_error *error);

/* Writes the checkpoint; under the lock, with all workers parked. */
void ensemble_save(struct ensemble *e);

/* Fills in the results and the list of pending members from options->resume, before any worker runs. */
int ensemble_load(struct ensemble *e, dmft_error *err);

/* Gives a started member the state that it had; under the lock. */
void ensemble_restore(struct ensemble *e, const struct ensemble_pending *p, void *member);

#endif
