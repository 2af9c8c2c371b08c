/* dmft sweep: its parts share this. */
#ifndef DMFT_SWEEP_H
#define DMFT_SWEEP_H

#include <pthread.h>

#include "io/sweep.h"
#include "program.h"
#include "progress.h"
#include "run.h"
#include "team.h"

/* The folder in which every finished point is kept. */
struct sweep_folder {
    const char *path;
    size_t points;
    unsigned char *there; /* of each point: it has a file */
};

struct sweep {
    const options *o;
    const struct run_kind *kind; /* of each point */
    dmft_config *config;
    char *record;                /* what a folder of this sweep says of itself */
    char *path;                  /* of the folder */
    struct sweep_folder folder;
    size_t part, parts;          /* of the points that this process and its team run: i mod parts = part */
    team *team;
    int threads;
    double memory;               /* of all threads */

    pthread_mutex_t lock;        /* of the team, the progress and what follows */
    progress progress;
    size_t seen, begun, total;   /* seen: points below it are counted in begun */
    int stop;                    /* no further points */
    int failed;                  /* exit status of what ended the sweep */
    double served;
    pthread_mutex_t files;       /* of HDF5, which is not re-entrant */
};

/* ---- sweep_folder.c: exit statuses ---- */

/* Makes the folder, or finds out whether the one that is there is of the sweep that `record` describes. */
int sweep_folder_open(const struct sweep_folder *f, const char *record, int must_exist);

/* Looks which points are there; returns how many, of those of the part. */
int sweep_folder_scan(struct sweep_folder *f);

/* The file of a point's result, to be freed; NULL when out of memory. */
char *sweep_folder_file(const struct sweep_folder *f, size_t point);

/* Keeps that a point failed, and why; returns a status of the library. */
int sweep_folder_fail(const struct sweep_folder *f, size_t point, int outcome, const char *message, dmft_error *err);

/* Enters all points that are there into the result; `missing` counts the others. */
int sweep_folder_enter(const struct sweep_folder *f, dmft_sweep *result, size_t *missing);

/* Removes what belongs to the sweep, and the folder when nothing else is in it. */
void sweep_folder_remove(const struct sweep_folder *f);

/* Is there no folder any more? */
int sweep_folder_gone(const struct sweep_folder *f);

/* ---- sweep.c ---- */

/* The error line of a sweep whose folder is gone. */
int sweep_gone(const struct sweep *s);

/* ---- sweep_points.c ---- */

/* The problem of one point, one that its kind can run; returns a status of the library. */
int sweep_problem(const struct sweep *s, size_t point, dmft_problem **out, dmft_error *err);

int sweep_is_mine(const struct sweep *s, size_t point);

/* Runs all points that are not there; returns an exit status. */
int sweep_run_points(struct sweep *s);

#endif
