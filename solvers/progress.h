/* The progress line of a run on a terminal, and the signals that stop one. */
#ifndef DMFT_PROGRESS_H
#define DMFT_PROGRESS_H

#include "dmft.h"

typedef struct progress {
    const char *name; /* "solve" */
    int shown;        /* a line is drawn: stderr is a terminal and nobody asked for quiet */
    double begin, drawn;
    long from; /* what was done when it began: more than 0 when it goes on from a checkpoint */
    dmft_progress last; /* what was reported last */
} progress;

/* Begins with `from` done already: from here on SIGINT and SIGTERM do not end the program, but the run. A signal that comes a second or more after
 * the first ends the program at once. */
void progress_begin(progress *p, const char *name, int quiet, long from);

/* A dmft_progress_function; `user` is the progress. */
int progress_report(void *user, const dmft_progress *now);

/* Clears the line. */
void progress_end(progress *p);

/* What is counted, in the singular: "step". */
const char *progress_unit(const dmft_progress *now);

/* The signal that came, or 0. */
int progress_signal(void);

#endif
