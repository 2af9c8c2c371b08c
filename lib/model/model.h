/* What every model of level 1 shows to the solver. A new model is a file with one of these and a row in the table of solver.c. */
#ifndef DMFT_MODEL_MODEL_H
#define DMFT_MODEL_MODEL_H

#include "base/archive.h"
#include "base/problem.h"
#include "limit/limit.h"
#include "outlier/probe.h"

enum { MODEL_NAME_BYTES = 16 };

/* Which coordinates of a field its history keeps: its own, or its coefficients on the directions of the operator that it was put to, which
 * are half as many. */
enum model_coordinates { MODEL_OF_FIELD, MODEL_OF_PUSH, MODEL_OF_PULL };

/* A field whose norm over steps is the series, and whose inner products over pairs of steps are the kernel, of that name. */
struct model_observable {
    char name[MODEL_NAME_BYTES];
    const limit_rows *field;
    enum model_coordinates kept;
    const limit_operator *asked; /* the operator that it is pushed through or pulled through, unless MODEL_OF_FIELD */
    int fresh;                   /* different steps are independent of each other */
};

/* A trained matrix; `target` is a fixed unit field of its input space for overlaps, or NULL. */
struct model_matrix {
    const limit_operator *A;
    const limit_rows *target;
    double step; /* of an update (B3); in gradient flow of a unit of time */
};

struct model {
    const char *name;
    int (*create)(void **state, const struct dmft_problem *problem, dmft_error *err);
    void (*free)(void *state);
    int (*reserve)(void *state, dmft_error *err); /* room for one more step: the only call of a step that allocates */
    void (*evaluate)(void *state);                /* all fields of this step, with the weights before the update */
    void (*update)(void *state);                  /* one step of learning */

    /* Gradient flow. A slot keeps the gradient of an evaluation; evaluations are then made with sum weight[i] x (gradient in slot i) of the slots
     * first <= i < end on top of the weights, until it is `learn`ed or others are weighed. A weight is a time; the arrays stay the caller's. */
    int (*slots)(void *state, size_t count, dmft_error *err); /* room for so many, kept ones included */
    void (*keep)(void *state, size_t slot);
    void (*copy)(void *state, size_t from, size_t to);
    void (*weigh)(void *state, const double *weight, size_t first, size_t end);
    void (*learn)(void *state, const double *weight, size_t first, size_t end);
    double (*norm)(void *state, const double *weight, size_t first, size_t end); /* of that sum, |.| of (G1) */
    void (*coarsen)(void *state, double factor); /* of the tolerance beyond which evaluations meet new directions; INFINITY: they meet none */

    size_t (*directions)(void *state);           /* the most that an operator has met on one side */

    void (*transfer)(void *state, archive *a);
    size_t (*observables)(void *state, const struct model_observable **list);
    size_t (*matrices)(void *state, const struct model_matrix **list); /* A_0, A_1, .. */
    const limit_operator *(*data)(void *state);   /* the matrix of inputs, X; only its directions are reported */
    /* Gets the network ready to be probed (V1) (V2), before it is asked anything. */
    int (*probe)(void *state, struct probe_network *network, dmft_error *err);
    /* What dmft_solve_estimate goes by: directions a side of one operator after all steps, and axes of one space. */
    void (*expect)(const struct dmft_problem *problem, double *directions, double *axes);
};

extern const struct model model_deep_linear;

#endif
