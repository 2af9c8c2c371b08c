/* The outlier ODE held against the algebra during a run: what both followers record. */
#ifndef DMFT_OUTLIER_WATCH_H
#define DMFT_OUTLIER_WATCH_H

#include "base/archive.h"

/* In gradient descent the inside of a step is integrated now and then (O8); in flow all nodes are recorded, and the ODE (O7) is integrated over them. */
struct outlier_watch {
    size_t count, rows; /* outliers; steps or nodes of the run */
    int flow;
    double variance, psi; /* of the flow */
    double difference;  /* largest so far inside steps; nan before the first */
    double *time, *root, *growth; /* of the nodes of the flow: `rows` numbers, and `rows` an outlier */
    size_t nodes;
};

int outlier_watch_init(struct outlier_watch *w, size_t count, size_t rows, int flow, double variance, double psi, dmft_error *err);
void outlier_watch_clear(struct outlier_watch *w);

/* Whether the inside of the step that ends at t is to be integrated: for at most 32 steps of a run. */
int outlier_watch_due(const struct outlier_watch *w, size_t t);

/* The ODE took lambda^2 of an outlier of a bulk of this variance from `root` by `change`; the algebra has z. nan where something is missing. */
void outlier_watch_inside(struct outlier_watch *w, double variance, double root, double change, double z);

/* A node of the flow: outlier j, for the first `found` of them, then the time. Does nothing in gradient descent. */
void outlier_watch_outlier(struct outlier_watch *w, size_t j, double root, double growth);
void outlier_watch_node(struct outlier_watch *w, size_t found, double time);

/* The largest |z of the ODE - z of the algebra|; nan when there was nothing to compare. */
int outlier_watch_difference(const struct outlier_watch *w, double *difference, dmft_error *err);

void outlier_watch_transfer(struct outlier_watch *w, archive *a);

#endif
