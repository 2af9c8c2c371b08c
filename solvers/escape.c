/* dmft escape: when the outliers of each matrix leave the bulk, with the standard error of the time where it was sampled. */
#include "escape.h"

#include <math.h>
#include <stdio.h>

#include "program.h"

enum { NAME = 64 };

static double number_or_nan(const dmft_trajectory *t, const char *name)
{
    double value = dmft_trajectory_number(t, name);
    return isgreaterequal(value, 0.0) ? value : NAN;
}

static void fill(const dmft_trajectory *t, int l, int j, struct escape *out)
{
    char name[NAME];
    *out = (struct escape){.outlier = j};
    (void)snprintf(out->matrix, sizeof out->matrix, "A_%d", l);
    (void)snprintf(name, sizeof name, "A%d_escape_step%d", l, j);
    out->step = number_or_nan(t, name);
    (void)snprintf(name, sizeof name, "A%d_escape_time%d", l, j);
    out->time = number_or_nan(t, name);
    (void)snprintf(name, sizeof name, "A%d_escape_time%d_se", l, j);
    out->error = dmft_trajectory_number(t, name);
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
    const double *isolated = dmft_trajectory_series(t, "isolated"), *step = dmft_trajectory_series(t, "step");
    if (isolated == NULL || step == NULL) return 0;
    size_t row = 0, rows = dmft_trajectory_rows(t);
    while (row < rows && isnan(isolated[row])) row++;
    *out = (struct escape){.matrix = "W", .outlier = 1, .step = row < rows ? step[row] : NAN, .time = number_or_nan(t, "critical_time"), .error = NAN};
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

static void print_number(double value, const char *format)
{
    if (isnan(value))
        (void)printf(" %14s", "none");
    else
        (void)printf(format, value);
}

static void print_escape(const struct escape *e)
{
    (void)printf("%-7s %8d", e->matrix, e->outlier);
    print_number(e->step, " %14.0f");
    print_number(e->time, " %14.6f");
    if (!isnan(e->error)) (void)printf(" +- %.2g", e->error);
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
