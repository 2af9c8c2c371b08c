/* The result of a sweep, shown and drawn. */
#ifndef DMFT_SWEEP_RESULT_H
#define DMFT_SWEEP_RESULT_H

#include "options.h"
#include "program.h"

/* Reads a result file of either kind, or a table if its name ends in .csv: one of the two is made, the other NULL. Returns an exit status. */
int sweep_read_either(dmft_trajectory **run, dmft_sweep **sweep, const char *path);

/* --step, or -1: the last recorded step of each point. Returns an exit status. */
int sweep_read_step(const options *o, long *step);

/* The number of a series at a step of a point; nan where it has none. `series` is what dmft_sweep_series gives. */
double sweep_value(const dmft_sweep *s, const double *series, size_t point, long step);

/* The axis of this key; prints an error and returns the number of axes when there is none. */
size_t sweep_find_axis(const options *o, const dmft_sweep *s, const char *key);

/* The points that differ in one axis alone lie `stride` apart; line i of them begins at a point. */
size_t sweep_stride(const dmft_sweep *s, size_t axis);
size_t sweep_line_start(const dmft_sweep *s, size_t axis, size_t i);

/* Whether there is such a series; prints an error when there is none. `length` bytes of `name`. */
int sweep_has_series(const options *o, const dmft_sweep *s, const char *name, size_t length);

/* dmft show of a sweep. */
int sweep_show(const options *o, const dmft_sweep *s);
int sweep_show_minimum(const options *o, const dmft_sweep *s, long step);

/* A cell of CSV: in quotes where it holds a comma. */
void sweep_csv_cell(const char *text);

/* dmft plot of sweeps: `sampled` draws points. */
struct sweep_source {
    const char *path;
    dmft_sweep *s;
    int sampled;
};
int sweep_plot(const options *o, const struct sweep_source *source, size_t count);

#endif
