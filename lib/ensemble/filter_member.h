/* What a replica and a network of model low_degree_filter have in common: their data, the features h that a layer kept, the Gram matrix of all features of
 * a layer, and what is measured on these, (LF5)-(LF7) of doc/theory.md. How the Gram matrix comes about and what is kept is each side's own. */
#ifndef DMFT_ENSEMBLE_FILTER_MEMBER_H
#define DMFT_ENSEMBLE_FILTER_MEMBER_H

#include "base/archive.h"
#include "base/labelled.h"
#include "ensemble/filter_table.h"
#include "spectrum/moment.h"
#include "spectrum/ridge.h"

struct filter_member {
    const dmft_problem *problem;
    long index;
    struct filter_table table;
    struct labelled data;
    moment *moment;
    ridge *ridge;
    size_t columns;       /* of h */
    double *h, *next;     /* n + Q rows: the features that were kept, at first the inputs; room for those of the next layer */
    double *gram;         /* (n + Q) x n */
    double *top, *bottom; /* eigenvalues of the moment from either end, at most network.kept */
    long *pick;           /* those that are kept (moment_largest) */
    double *fitted, *permuted, *room;
    double *row;          /* numbers of the layer that is recorded next */
};

/* Numbers of a row of h at most. */
size_t filter_member_widest(const struct low_degree_filter_problem *f);
struct ridge_rule filter_member_rule(const struct low_degree_filter_problem *f);

/* Doubles that it takes. */
double filter_member_doubles(const dmft_problem *problem);

/* After a failure it can, and has to, be freed like a whole one. */
int filter_member_create(struct filter_member *m, const dmft_problem *problem, dmft_error *err);
void filter_member_free(struct filter_member *m);

/* The readout of h; that of all features of a layer, from the Gram matrix. Into m->row. */
void filter_member_measure(struct filter_member *m);
void filter_member_measure_all(struct filter_member *m);

/* How far the spectrum reaches with labels that say nothing, (LF5): lower, upper; nan where that is not asked for. After moment_factor. */
int filter_member_edges(struct filter_member *m, long layer, double edge[2], dmft_error *err);

/* What is in m->next, `columns` wide, becomes h. */
void filter_member_advance(struct filter_member *m, size_t columns);

/* For struct ensemble_kind, of states that begin with a filter_member. */
int filter_member_start(void *state, long index, dmft_error *err);
int filter_member_row(void *state, long row, double *slot, dmft_error *err);

/* All of the state: a layer draws what it needs by its number. */
void filter_member_transfer(struct filter_member *m, const char *tag, archive *a);

#endif
