/* The inside of the results of a sweep. The queries are in dmft.h. */
#ifndef DMFT_IO_SWEEP_H
#define DMFT_IO_SWEEP_H

#include "base/trajectory.h"

struct sweep_axis {
    char *key;
    size_t count;
    double *number; /* NULL: words or lists */
    char **text;    /* as they are written in a configuration */
};

struct dmft_sweep {
    size_t points, rows, axes;
    struct sweep_axis *axis;
    int *status; /* of each point; dmft_point_status */
    long *diverged_at, *steps;
    char **message;         /* NULL: none */
    dmft_trajectory *facts; /* of points rows: the numbers of the points as its series, and the texts of the sweep */
    dmft_trajectory *table; /* of points x rows rows: the series */
};

/* A sweep without axes' values, of which every point is missing. */
int sweep_create(dmft_sweep **out, size_t axes, size_t points, size_t rows, dmft_error *err);

/* Room for the values of an axis, texts and (when they are numbers) numbers; 0 when out of memory. */
int sweep_make_axis(struct sweep_axis *axis, const char *key, size_t count, int numbers);

#endif
