/* dmft represent: what its tables (represent.c) and its picture (represent_plot.c) share. */
#ifndef DMFT_REPRESENT_H
#define DMFT_REPRESENT_H

#include "program.h"

enum { REPRESENT_FILES = 2, REPRESENT_LAYERS = 64 };

/* The layers that are shown, of one or two results; the second is turned onto the first. */
struct represent {
    const options *o;
    size_t files, first, last; /* layers first .. last */
    dmft_trajectory *t[REPRESENT_FILES];
    dmft_representation *layer[REPRESENT_FILES][REPRESENT_LAYERS + 1];
};

/* A series "D{l}_{what}" of a file at a snapshot, and its standard error; nan, and 0 of what is exact. */
double represent_value(const struct represent *r, size_t file, size_t l, size_t snapshot, const char *what, double *error);

/* Draws the picture; returns the exit status. */
int represent_plot(const struct represent *r);

#endif
