/* dmft escape: when the outliers of each matrix leave the bulk, with the standard error of the time where it was sampled. */
#include "escape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/outline.h"
#include "program.h"

enum { NAME = 64 };

static double number_or_nan(const dmft_trajectory *t, const char *name)
{
    double value = dmft_trajectory_number(t, name);
    return isgreaterequal(value, 0.0) ? value : NAN;
}

/* Theory solves for outliers at every n-th row. */
static size_t interval(const dmft_trajectory *t)
{
    char text[32];
    const char *config = dmft_trajectory_text(t, "config");
    if (config == NULL || !outline_find(config, "outliers.every", text, sizeof text)) return 1;
    double every = strtod(text, NULL);
    return every >= 1.0 ? (size_t)every : 1;
}

static double first_row(const dmft_trajectory *t, const double *series)
{
    for (size_t row = 0; series != NULL && row < dmft_trajectory_rows(t); row++)
        if (!isnan(series[row])) return (double)row;
    return NAN;
}

/* The last row before that of the escape at which the matrix was looked at: where `measured` has a number, or every n-th. A time that was interpolated
 * over more than one step is none. */
static void find_before(const dmft_trajectory *t, const double *measured, size_t every, struct escape *out)
{
    out->after = NAN;
    if (!isgreater(out->step, 0.0) || out->step > (double)dmft_trajectory_rows(t)) return;
    for (size_t row = (size_t)out->step; isnan(out->after) && row-- > 0;)
        if (measured != NULL ? !isnan(measured[row]) : row % every == 0) out->after = (double)row;
    if (escape_is_bound(out)) out->time = out->error = NAN;
}

int escape_is_bound(const struct escape *e) { return isgreater(e->step, 0.0) && e->after != e->step - 1.0; }

static void fill(const dmft_trajectory *t, int l, int j, struct escape *out)
{
    char name[NAME];
    *out = (struct escape){.outlier = j};
    (void)snprintf(out->matrix, sizeof out->matrix, "A_%d", l);
    (void)snprintf(name, sizeof name, "A%d_escape_step%d", l, j);
    out->step = number_or_nan(t, name);
    (void)snprintf(name, sizeof name, "A%d_outlier%d", l, j);
    if (isnan(out->step)) out->step = first_row(t, dmft_trajectory_series(t, name)); /* a model of one step has no such number */
    (void)snprintf(name, sizeof name, "A%d_escape_time%d", l, j);
    out->time = number_or_nan(t, name);
    (void)snprintf(name, sizeof name, "A%d_escape_time%d_se", l, j);
    out->error = dmft_trajectory_number(t, name);
    (void)snprintf(name, sizeof name, "A%d_sv1", l);
    find_before(t, dmft_trajectory_series(t, name), interval(t), out);
}

static int has_outlier(const dmft_trajectory *t, int l, int j)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "A%d_outlier%d", l, j);
    return dmft_trajectory_series(t, name) != NULL;
}

/* Model noisy_matrix has one matrix, and its time from the law itself; samples have the step alone. */
static int fill_one(const dmft_trajectory *t, struct escape *out)
{
    const double *isolated = dmft_trajectory_series(t, "isolated");
    if (isolated == NULL || dmft_trajectory_series(t, "step") == NULL) return 0;
    *out = (struct escape){.matrix = "W", .outlier = 1, .step = first_row(t, isolated), .time = number_or_nan(t, "critical_time"), .error = NAN};
    find_before(t, dmft_trajectory_series(t, "bulk_edge"), 1, out);
    return 1;
}

int escape_at(const dmft_trajectory *t, size_t i, struct escape *out)
{
    size_t seen = 0;
    for (int l = 0; l == 0 || has_outlier(t, l, 1); l++) /* from 1 where the first layer is not followed */
        for (int j = 1; has_outlier(t, l, j); j++)
            if (seen++ == i) {
                fill(t, l, j, out);
                return 1;
            }
    return seen == i && fill_one(t, out);
}

void escape_describe(const struct escape *e, char out[ESCAPE_TEXT])
{
    if (isnan(e->step))
        (void)snprintf(out, ESCAPE_TEXT, "none");
    else
        (void)snprintf(out, ESCAPE_TEXT, "%s%.0f", escape_is_bound(e) ? "by step " : "", e->step);
}

static void print_escape(const struct escape *e)
{
    char step[ESCAPE_TEXT];
    escape_describe(e, step);
    (void)printf("%-7s %8d %14s", e->matrix, e->outlier, step);
    if (isnan(e->time))
        (void)printf(" %14s", isnan(e->step) ? "none" : "-"); /* it escaped, but when is not known */
    else
        (void)printf(" %14.6f", e->time);
    if (!isnan(e->error)) (void)printf(" +- %.2g", e->error);
    if (escape_is_bound(e) && isnan(e->after)) (void)printf("  (the first record)");
    if (escape_is_bound(e) && !isnan(e->after)) (void)printf("  (not yet at step %.0f)", e->after);
    (void)putchar('\n');
}

int command_escape(const options *o)
{
    dmft_trajectory *t;
    struct escape e;
    int status = program_read(&t, o->argument[0]);
    if (status != STATUS_DONE) return status;
    if (dmft_trajectory_text(t, "kind") == NULL)
        status = program_error(STATUS_USAGE, "escape: %s is a table, which does not say when outliers escaped", o->argument[0]);
    else if (escape_at(t, 0, &e)) {
        (void)printf("%-7s %8s %14s %14s\n", "matrix", "outlier", "escape step", "escape time");
        for (size_t i = 0; escape_at(t, i, &e); i++) print_escape(&e);
    } else
        status = program_error(STATUS_USAGE, "escape: %s has no series of outliers", o->argument[0]);
    dmft_trajectory_free(t);
    return status;
}
