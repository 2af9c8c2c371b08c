/* The figure of model low_degree_filter. */
#ifndef DMFT_FILTER_PLOT_H
#define DMFT_FILTER_PLOT_H

#include <stdio.h>

#include "dmft.h"
#include "options.h"

struct filter_plot_source {
    const char *path;
    const dmft_trajectory *t;
    int sampled;  /* points with error bars instead of lines */
    size_t index; /* among the files of its kind */
};

/* Draws them through a script that is empty yet; returns the exit status. `title` stands above. */
int filter_plot(const options *o, FILE *script, const struct filter_plot_source *source, size_t count, const char *title);

#endif
