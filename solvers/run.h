/* What solve and simulate have in common. */
#ifndef DMFT_RUN_H
#define DMFT_RUN_H

#include "dmft.h"
#include "options.h"

struct run_kind {
    const char *name;
    int (*check)(const dmft_problem *problem, dmft_error *err); /* refuses what this command cannot do; NULL: it can do all */
    dmft_estimate (*estimate)(const dmft_problem *problem, int threads);
    int (*run)(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);
    int blas_threads; /* 1: the threads work inside of the BLAS; 0: beside it, on networks of their own */
};

/* Reads the configuration, states what it takes, runs, writes; returns the exit status. */
int run_problem(const options *o, const struct run_kind *kind);

#endif
