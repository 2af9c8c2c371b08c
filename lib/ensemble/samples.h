/* Ensembles whose members record a table of plain numbers, rows x columns: from the first member to a trajectory of means and standard errors. What a
 * model is simulated with is one ensemble_kind and one list of columns. */
#ifndef DMFT_ENSEMBLE_SAMPLES_H
#define DMFT_ENSEMBLE_SAMPLES_H

#include "base/trajectory.h"
#include "ensemble/ensemble.h"

enum { SAMPLES_NAME = 48 };

struct samples_column {
    char name[SAMPLES_NAME];
    int shown;        /* a default column */
    int exact;        /* the same number in every member: no error stands beside it ("time") */
    double allowance; /* (S3): what a finite size may shift the mean by, relative to the theory, for c = 1: 1/D, D^{-2/3}/4, ..; 0: none */
};

struct samples {
    const struct ensemble_kind *kind; /* its `row` writes row t at slot[t * columns]; nan: there is no such number */
    const dmft_problem *problem;
    long members;
    size_t columns;
    const struct samples_column *column;
    const char *model_kind;     /* text "kind" of the result: "simulation", or "theory" when members are replicas */
    double doubles, operations; /* of one member, its slot left out; of all its rows */
    size_t extra;               /* numbers of a member besides, behind its table (slot + rows * columns); 0: none */
    /* Adds what a model has of its own, and arrays of `extra`, to the result, also of a run that diverged; NULL: nothing. */
    int (*finish)(dmft_trajectory *t, const struct ensemble_results *results, const struct samples *s, dmft_error *err);
};

dmft_estimate samples_estimate(const struct samples *s, int threads);

/* Runs all members. The result has the series "step" (default column unless a column is called "time"), then every column: mean over members and its
 * standard error, nan where any member has nan; rows from the earliest divergence on are left out. Its numbers: "seeds", "seconds", and
 * "allowance_NAME" of columns that have one. Returns 0, DMFT_DIVERGED (with a result), DMFT_STOPPED, or an error. */
int samples_run(const struct samples *s, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
