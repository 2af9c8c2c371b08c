/* Columns of model low_degree_filter: how they are named, and what a layer's moment enters. */
#include "ensemble/filter_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/labelled.h"
#include "base/trajectory.h"

/* What the number of features shifts: nothing, what is kept, or a readout of all features. Outliers are counted, and a count moves by chance where an
 * eigenvalue is near the edge, not in proportion to 1/p: they are no default column, which `dmft compare` would hold to that. */
enum shifted { NOTHING, KEPT, ALL };

static const struct {
    const char *name;
    int shown;
    enum shifted shifted;
    int counted; /* a part of the samples, which moves by whole ones */
} named[FILTER_NAMED] = {
    [FILTER_TEST_ERROR] = {"test_error", 1, KEPT, 1},
    [FILTER_TRAIN_ERROR] = {"train_error", 1, KEPT, 1},
    [FILTER_KERNEL_TEST_ERROR] = {"kernel_test_error", 1, ALL, 1},
    [FILTER_KERNEL_TRAIN_ERROR] = {"kernel_train_error", 0, ALL, 1},
    [FILTER_TARGET_OVERLAP] = {"target_overlap", 1, KEPT, 0},
    [FILTER_OUTLIERS] = {"outliers", 0, NOTHING, 0},
    [FILTER_EDGE_LOWER] = {"edge_lower", 1, KEPT, 0},
    [FILTER_EDGE_UPPER] = {"edge_upper", 1, KEPT, 0},
    [FILTER_TEST_LOSS] = {"test_loss", 0, KEPT, 0},
    [FILTER_TRAIN_LOSS] = {"train_loss", 0, KEPT, 0},
    [FILTER_KERNEL_TEST_LOSS] = {"kernel_test_loss", 0, ALL, 0},
    [FILTER_KERNEL_TRAIN_LOSS] = {"kernel_train_loss", 0, ALL, 0},
    [FILTER_KEPT] = {"kept", 0, NOTHING, 0},
    [FILTER_KEPT_POSITIVE] = {"kept_positive", 0, NOTHING, 0},
    [FILTER_PENALTY] = {"log10_penalty", 0, NOTHING, 0},
    [FILTER_KERNEL_PENALTY] = {"kernel_log10_penalty", 0, NOTHING, 0},
};

struct filter_table filter_table_sizes(const dmft_problem *problem)
{
    struct filter_table t = {.terms = labelled_terms(problem)};
    t.ends = problem->filter.kept < FILTER_MOST_ENDS ? problem->filter.kept : FILTER_MOST_ENDS;
    t.overlap = FILTER_NAMED;
    t.top = t.overlap + t.terms;
    t.bottom = t.top + t.ends;
    t.quantile = t.bottom + t.ends;
    t.columns = t.quantile + FILTER_QUANTILES;
    return t;
}

/* Columns prefix1, prefix2, .. of which the first `shown` are default ones. */
static void name(struct filter_table *t, size_t first, size_t count, const char *prefix, size_t from, size_t shown, double allowance)
{
    for (size_t i = 0; i < count; i++) {
        struct samples_column *c = &t->column[first + i];
        char digits[8];
        (void)snprintf(digits, sizeof digits, "%zu", (from + i) % 1000);
        (void)snprintf(c->name, sizeof c->name, "%s%s", prefix, digits);
        c->shown = i < shown;
        c->allowance = allowance;
    }
}

int filter_table_create(struct filter_table *t, const dmft_problem *problem, const struct filter_allowance *allowance, int exact, dmft_error *err)
{
    *t = filter_table_sizes(problem);
    t->column = calloc(t->columns, sizeof *t->column);
    if (t->column == NULL) return error_memory(err, (double)(t->columns * sizeof *t->column));
    for (size_t i = 0; i < FILTER_NAMED; i++) {
        (void)snprintf(t->column[i].name, sizeof t->column[i].name, "%s", named[i].name);
        t->column[i].shown = named[i].shown;
        t->column[i].allowance = named[i].shifted == ALL ? allowance->all : named[i].shifted == KEPT ? allowance->kept : 0.0;
        if (named[i].counted) t->column[i].allowance += allowance->counted;
    }
    name(t, t->overlap, t->terms, "overlap", 1, 4, allowance->kept);
    name(t, t->top, t->ends, "eigenvalue_top", 1, 2, allowance->kept);
    name(t, t->bottom, t->ends, "eigenvalue_bottom", 1, 2, allowance->kept);
    name(t, t->quantile, FILTER_QUANTILES, "spectrum", 0, 0, 0.0);
    for (size_t i = 0; i < t->columns; i++) t->column[i].exact = exact;
    return DMFT_OK;
}

void filter_table_free(struct filter_table *t)
{
    free(t->column);
    *t = (struct filter_table){0};
}

int filter_table_finish(dmft_trajectory *t, const struct ensemble_results *results, const struct samples *samples, dmft_error *err)
{
    const struct low_degree_filter_problem *f = &samples->problem->filter;
    (void)results;
    int status = trajectory_set_number(t, (double)f->samples, err, "samples");
    if (status == DMFT_OK) status = trajectory_set_number(t, (double)f->tests, err, "test_samples");
    if (status == DMFT_OK) status = trajectory_set_number(t, (double)f->input_dim, err, "input_dim");
    return status == DMFT_OK ? trajectory_set_number(t, (double)f->features, err, "features") : status;
}

void filter_table_enter(const struct filter_table *t, const struct filter_moment *m, double *row)
{
    double positive = 0.0, outliers = 0.0;
    for (size_t j = 0; j < m->kept; j++) {
        double value = m->pick[j] >= 0 ? m->top[m->pick[j]] : m->bottom[-1 - m->pick[j]];
        positive += m->pick[j] >= 0;
        outliers += isgreater(value, m->edge[1]) || isless(value, m->edge[0]);
    }
    for (size_t i = 0; i < t->ends; i++) {
        row[t->top + i] = i < m->count ? m->top[i] : NAN;
        row[t->bottom + i] = i < m->count ? m->bottom[i] : NAN;
    }
    row[FILTER_KEPT] = (double)m->kept;
    row[FILTER_KEPT_POSITIVE] = positive;
    row[FILTER_EDGE_LOWER] = m->edge[0];
    row[FILTER_EDGE_UPPER] = m->edge[1];
    row[FILTER_OUTLIERS] = isnan(m->edge[0]) ? NAN : outliers;
}
