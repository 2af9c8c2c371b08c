/* The weight matrices of member 0 at the first and the last row, kept beside the slots and handed to the trajectory (doc/format.md, output.weights). */
#ifndef DMFT_ENSEMBLE_WEIGHTS_H
#define DMFT_ENSEMBLE_WEIGHTS_H

#include "ensemble/ensemble.h"

/* Matrices of a network: network.depth is at most 64, and there is the readout. */
enum { WEIGHTS_MOST = 65 };

/* One matrix, row-major; what is kept is `scale` times it. */
struct weights_matrix {
    size_t rows, columns;
    double scale;
    const double *value;
};

/* Numbers that `count` matrices with `entries` entries in all take. */
size_t weights_doubles(size_t count, size_t entries);

/* Puts down the matrices: in the first place at row 0, in the last place at row `rows` - 1. Their sizes do not change from call to call. */
void weights_keep(double *kept, const struct weights_matrix *matrix, size_t count, long row, long rows);

/* Hands out the trajectory that a summary made, with what is kept in it: A0_first .. A{L-1}_first, readout_first and, unless a member diverged, the same
 * with _last; nothing where there is no row, or nothing was kept. `status` is that of the summary, and is returned; after a failure there is nothing to hand
 * out, and the trajectory is freed. */
int weights_attach(dmft_trajectory **out, dmft_trajectory *t, int status, const dmft_problem *problem, const struct ensemble_results *results,
                   dmft_error *err);

#endif
