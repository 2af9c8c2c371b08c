/* Figures by gnuplot. */
#ifndef DMFT_GNUPLOT_H
#define DMFT_GNUPLOT_H

#include <stdio.h>

#include "options.h"

/* Does the name end in .png, .svg or .pdf? */
int gnuplot_draws(const char *path);

/* Writes what comes behind the data: `set terminal` with this one, `set output` with this file, the plots. */
typedef void gnuplot_writer(void *figure, const char *terminal, const char *file);

/* Has the script finished by `write`, draws it and gives the figure its name when it is whole; returns the exit status. `path` is one that
 * gnuplot_draws. Where the options have a stream for pictures the figure goes there, as SVG, and `path` is not looked at. */
int gnuplot_draw(const options *o, const char *path, FILE *script, gnuplot_writer *write, void *figure);

/* All of a picture that a stream holds, to be freed; NULL when there is no memory, or no picture that can be read. */
char *gnuplot_read(FILE *picture, size_t *length);

/* A string between single quotes. */
void gnuplot_string(FILE *script, const char *text);

/* The i-th colour; they repeat after seven. */
const char *gnuplot_colour(size_t i);

#endif
