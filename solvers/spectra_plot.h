/* dmft plot --spectra. */
#ifndef DMFT_SPECTRA_PLOT_H
#define DMFT_SPECTRA_PLOT_H

#include "options.h"

/* Draws what --output names, one that gnuplot_draws; returns the exit status. */
int spectra_plot(const options *o);

#endif
