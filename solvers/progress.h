/* The progress line of a run on a terminal. */
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

/* Begins with `from` done already: from here on signals do not end the program, but the run (signals_note). */
void progress_begin(progress *p, const char *name, int quiet, long from);

/* A dmft_progress_function, which stops the run when a signal was noted; `user` is the progress. */
int progress_report(void *user, const dmft_progress *now);

/* Clears the line. */
void progress_end(progress *p);

/* What is counted, in the singular: "step". */
const char *progress_unit(const dmft_progress *now);

#endif
