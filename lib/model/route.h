/* One way to solve both levels, node of time by node of time: the network in coordinates (basis.c), or two-time kernels row by row (rows.c).
 * The driver, solver.c, asks for the row of a node, then for the outliers there, then to go on to the next node; it keeps the series. */
#ifndef DMFT_MODEL_ROUTE_H
#define DMFT_MODEL_ROUTE_H

#include "base/archive.h"
#include "base/problem.h"
#include "outlier/basis.h"
#include "outlier/probe.h"

struct route_matrix {
    double psi;
    int target; /* its outliers have an overlap with the target */
};

/* What a run of this problem gives. Owned by the state. */
struct route_shape {
    size_t observables, matrices;
    const char *const *observable;     /* correlations whose diagonals are series: "C_v", "C_Delta", "C_h0", .. */
    const struct route_matrix *matrix; /* A_0, A_1, .. */
};

struct route {
    dmft_estimate (*estimate)(const struct dmft_problem *problem);
    int (*create)(void **state, const struct dmft_problem *problem, dmft_error *err);
    void (*free)(void *state);
    struct route_shape (*shape)(const void *state);

    /* Level 1 at the present node, which is row `row`: its time, and C(t,t) of every observable. */
    int (*row)(void *state, long row, double *time, double *diagonal, dmft_error *err);
    /* Level 2 of matrix l at the present node, of those rows that are due. */
    int (*outliers)(void *state, size_t l, long row, double time, struct outlier_state *found, dmft_error *err);
    /* Leading modes of the tangent kernel at the present node, behind its row. */
    int (*probe)(void *state, struct outlier_probe *found, dmft_error *err);
    int (*last)(const void *state);            /* whether the present node is the last, though rows are left (an adaptive grid) */
    int (*next)(void *state, dmft_error *err); /* trains to the next node */

    struct outlier_escape (*escape)(const void *state, size_t l, size_t j);
    int (*difference)(const void *state, size_t l, double *largest, dmft_error *err); /* of z by the outlier ODE (O6) and by the algebra; nan: none */
    int (*finish)(void *state, size_t rows, dmft_trajectory *result, dmft_error *err); /* kernels and numbers into the result */
    void (*transfer)(void *state, size_t rows, archive *a);                            /* all of the above, after `rows` rows */
};

extern const struct route route_basis, route_rows;

#endif
