/* Inside of the ensemble: what its threads share (ensemble.c), and how it is written down and goes on (checkpoint.c). */
#ifndef DMFT_NETWORK_ENSEMBLE_H
#define DMFT_NETWORK_ENSEMBLE_H

#include <pthread.h>

#include "base/archive.h"
#include "network/network.h"

/* How far a network has come. Between two rows of a flow it may be under way. */
struct network_progress {
    long index; /* which one; -1: none */
    long row;   /* rows recorded */
    int at_row; /* the weights are those of the next row to be recorded */
};

struct network_worker {
    struct network_ensemble *ensemble;
    struct network *network;
    struct network_progress at;
    pthread_t thread;
};

/* A network of the checkpoint that no worker has taken up yet: its state lies there. */
struct network_pending {
    struct network_progress at;
    size_t place, bytes;
};

struct network_ensemble {
    const dmft_problem *problem;
    const dmft_run_options *options;
    struct network_results results;
    struct network_worker *workers;
    long count; /* workers */
    long grain; /* steps between two reports */
    double begin, saved; /* when it began; when the last checkpoint was written */
    double before;       /* seconds taken by the runs that this one continues */

    archive *resumed; /* the checkpoint that it goes on from, while networks in it are pending */
    struct network_pending *pending;
    long pending_count, pending_next;

    pthread_mutex_t lock; /* of all below, of `pending` and of `resumed` */
    pthread_cond_t saved_it;
    long next;   /* network to be taken */
    long done;   /* rows of all networks */
    long active, parked; /* workers that are not through; those of them that wait for a checkpoint */
    long saves;  /* checkpoints written */
    int saving;  /* workers park at their next whole step, and the last one writes */
    int status;  /* not 0: all workers stop */
    dmft_error error;
};

double network_seconds_now(void);

/* Keeps the first failure; under the lock. */
void network_ensemble_fail(struct network_ensemble *e, int status, const dmft_error *error);

/* Writes the checkpoint; under the lock, with all workers parked. */
void network_ensemble_save(struct network_ensemble *e);

/* Fills in the results and the list of pending networks from options->resume, before any worker runs. */
int network_ensemble_load(struct network_ensemble *e, dmft_error *err);

/* Gives a started network the state that it had; under the lock. */
void network_ensemble_restore(struct network_ensemble *e, const struct network_pending *p, struct network *network);

#endif
