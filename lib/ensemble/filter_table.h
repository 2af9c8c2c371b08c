/* What members of model low_degree_filter record, replicas of the theory and sampled networks alike: one row a layer, one table of columns. */
#ifndef DMFT_ENSEMBLE_FILTER_TABLE_H
#define DMFT_ENSEMBLE_FILTER_TABLE_H

#include "ensemble/samples.h"

/* The columns with a name of their own; those that are counted follow. */
enum filter_column {
    FILTER_TEST_ERROR,
    FILTER_TRAIN_ERROR,
    FILTER_KERNEL_TEST_ERROR, /* of a readout of all features of the layer, before the filter */
    FILTER_KERNEL_TRAIN_ERROR,
    FILTER_TARGET_OVERLAP,
    FILTER_OUTLIERS,
    FILTER_EDGE_LOWER,
    FILTER_EDGE_UPPER,
    FILTER_TEST_LOSS,
    FILTER_TRAIN_LOSS,
    FILTER_KERNEL_TEST_LOSS,
    FILTER_KERNEL_TRAIN_LOSS,
    FILTER_KEPT,
    FILTER_KEPT_POSITIVE,
    FILTER_PENALTY,
    FILTER_KERNEL_PENALTY,
    FILTER_NAMED
};

enum {
    FILTER_MOST_ENDS = 16,   /* eigenvalues recorded from either end */
    FILTER_QUANTILES = 65    /* of the spectrum */
};

struct filter_table {
    size_t ends, terms;
    size_t overlap, top, bottom, quantile; /* where the counted columns begin */
    size_t columns;
    struct samples_column *column;
};

/* What the number of features may shift, relative to the theory, for c = 1: what is kept, readouts of all features, and what errors that are counted may
 * move besides. */
struct filter_allowance {
    double kept, all, counted;
};

/* The columns of this problem; `exact`: there is nothing to average over. */
int filter_table_create(struct filter_table *table, const dmft_problem *problem, const struct filter_allowance *allowance, int exact, dmft_error *err);
void filter_table_free(struct filter_table *table);

/* The same sizes without the columns themselves. */
struct filter_table filter_table_sizes(const dmft_problem *problem);

/* Adds the sizes of the problem to the result (struct samples, finish). */
int filter_table_finish(dmft_trajectory *t, const struct ensemble_results *results, const struct samples *samples, dmft_error *err);

/* What a layer's moment showed: `count` eigenvalues from either end, those that were kept (moment_largest) and the edges of the bulk. */
struct filter_moment {
    size_t count, kept;
    const double *top, *bottom;
    const long *pick;
    double edge[2]; /* lower, upper; nan: not known */
};

/* Enters it into a row of numbers. */
void filter_table_enter(const struct filter_table *table, const struct filter_moment *moment, double *row);

#endif
