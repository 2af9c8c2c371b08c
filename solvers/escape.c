/* dmft escape: when the outliers of each matrix leave the bulk, with the standard error of the time where it was sampled. */
#include <math.h>
#include <stdio.h>

#include "program.h"

static void print_number(double value, const char *format)
{
    if (isnan(value) || value < 0)
        (void)printf(" %14s", "none");
    else
        (void)printf(format, value);
}

/* Prints a line for each outlier of the matrix; returns how many there are. */
static int print_matrix(const dmft_trajectory *t, int l)
{
    int j = 0;
    for (;; j++) {
        char name[64];
        (void)snprintf(name, sizeof name, "A%d_outlier%d", l, j + 1);
        if (dmft_trajectory_series(t, name) == NULL) return j;
        (void)printf("A_%-5d %8d", l, j + 1);
        (void)snprintf(name, sizeof name, "A%d_escape_step%d", l, j + 1);
        print_number(dmft_trajectory_number(t, name), " %14.0f");
        (void)snprintf(name, sizeof name, "A%d_escape_time%d", l, j + 1);
        print_number(dmft_trajectory_number(t, name), " %14.6f");
        (void)snprintf(name, sizeof name, "A%d_escape_time%d_se", l, j + 1);
        if (!isnan(dmft_trajectory_number(t, name))) (void)printf(" +- %.2g", dmft_trajectory_number(t, name));
        (void)putchar('\n');
    }
}

/* The matrices are numbered from 0, or from 1 where the first layer is not followed. */
static int has_outliers(const dmft_trajectory *t)
{
    return dmft_trajectory_series(t, "A0_outlier1") != NULL || dmft_trajectory_series(t, "A1_outlier1") != NULL;
}

/* Model noisy_matrix has one matrix, and its time from the law itself. */
static int has_one(const dmft_trajectory *t) { return dmft_trajectory_series(t, "isolated") != NULL && !isnan(dmft_trajectory_number(t, "escape_step")); }

static void print_one(const dmft_trajectory *t)
{
    (void)printf("%-7s %8d", "W", 1);
    print_number(dmft_trajectory_number(t, "escape_step"), " %14.0f");
    print_number(dmft_trajectory_number(t, "critical_time"), " %14.6f");
    (void)putchar('\n');
}

int command_escape(const options *o)
{
    dmft_trajectory *t;
    int status = program_read(&t, o->argument[0]);
    if (status != STATUS_DONE) return status;
    if (dmft_trajectory_text(t, "kind") == NULL)
        status = program_error(STATUS_USAGE, "escape: %s is a table, which does not say when outliers escaped", o->argument[0]);
    else if (has_outliers(t) || has_one(t)) {
        (void)printf("%-7s %8s %14s %14s\n", "matrix", "outlier", "escape step", "escape time");
        for (int l = 0; has_outliers(t) && (print_matrix(t, l) > 0 || l == 0); l++) continue;
        if (has_one(t)) print_one(t);
    } else
        status = program_error(STATUS_USAGE, "escape: %s has no series of outliers", o->argument[0]);
    dmft_trajectory_free(t);
    return status;
}
