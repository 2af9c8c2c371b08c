/* The figure of results. */
#ifndef DMFT_PLOT_H
#define DMFT_PLOT_H

#include "options.h"

/* There is nothing to draw; said so by this alone where the options have a stream for pictures. */
enum { PLOT_NOTHING = -2 };

/* Draws the files that are the arguments, all of one kind, as `dmft plot` does. Returns an exit status, or PLOT_NOTHING. */
int plot_results(const options *o);

#endif
