/* Gradient flow of a model in the basis form: from node to node of a time grid (doc/theory.md, (G1)-(G7)). */
#ifndef DMFT_MODEL_FLOW_H
#define DMFT_MODEL_FLOW_H

#include "model/model.h"

typedef struct flow flow;

/* What an integration took. */
struct flow_numbers {
    long accepted, rejected; /* steps */
    long evaluations;        /* of the gradient, those that bound the spectral radius included */
    long most_stages;        /* of one Chebyshev method */
    double coarseness;       /* of the tolerance beyond which directions were met at the end, over that of the problem (G8) */
    double radius;           /* the largest spectral radius met, a unit of time */
};

/* A flow at the first node, time 0, of this network, which was made for the same problem and outlives it. */
int flow_create(flow **out, const struct model *model, void *network, const struct dmft_problem *problem, dmft_error *err);
void flow_free(flow *f);

/* Directions of one operator and side from which on they are met more sparingly (G8); 1024 unless set. */
void flow_bound_directions(flow *f, size_t bound);

double flow_time(const flow *f); /* of the present node */
int flow_ended(const flow *f);   /* the present node is the last */

/* Trains to the next node. The network's last evaluation must have been that of the present node; its fields are left to be evaluated again.
 * Errors: DMFT_ERROR_MEMORY; DMFT_ERROR_NUMERIC when no step is small enough for the tolerance, or an interval without error control asks for
 * too many stages. */
int flow_advance(flow *f, dmft_error *err);

struct flow_numbers flow_numbers(const flow *f);

void flow_transfer(flow *f, archive *a);

#endif
