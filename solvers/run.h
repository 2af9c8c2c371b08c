/* What solve and simulate have in common. */
#ifndef DMFT_RUN_H
#define DMFT_RUN_H

#include <stdio.h>

#include "dmft.h"
#include "options.h"
#include "progress.h"

struct run_kind {
    const char *name;
    int (*check)(const dmft_problem *problem, dmft_error *err); /* refuses what this command cannot do; NULL: it can do all */
    int (*stores_kernels)(const dmft_problem *problem); /* where output.kernels asks for them; else a note says that there are none */
    int stores_weights;                                 /* likewise output.weights */
    dmft_estimate (*estimate)(const dmft_problem *problem, int threads);
    int (*run)(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);
    int blas_threads; /* 1: the threads work inside of the BLAS; 0: beside it, on networks of their own */
};

/* Reads the configuration, states what it takes, runs, writes; returns the exit status. */
int run_problem(const options *o, const struct run_kind *kind);

/* Two-time kernels of networks are recorded by model mlp alone; others have means of one time. */
int run_networks_store_kernels(const char *model);

/* The kinds there are. */
extern const struct run_kind run_solve, run_simulate;

/* What programs that make several runs share with it. Each returns an exit status, unless it says otherwise. */

/* The configuration with what --set changes. */
int run_read_config(const options *o, dmft_config **out);

/* --threads and --memory-limit, or their defaults. */
int run_read_limits(const options *o, int *threads, double *memory);

/* Can this file be written? What the command reads is never its output. */
int run_check_output(const options *o, const char *path);

/* Writes the file, whole or not at all, and says so. */
int run_write(const options *o, const char *path, const char *text, size_t length);

/* The error line of a file that could not be written at the end. */
int run_not_written(int status, const dmft_error *err);

/* How long a run of this estimate takes, by the measured rate of this machine. */
void run_print_time(FILE *out, const dmft_estimate *e);

/* Texts that say where and how a result was made; returns a status of the library. */
int run_add_provenance(const options *o, int threads, double seconds, dmft_trajectory *result, dmft_error *err);

/* Are the sites of a sampled theory so few, for the directions that training met, that its averages may be biased? */
int run_has_few_sites(const dmft_trajectory *result);

/* The error line of a run that a signal has ended, and whose state is in `checkpoint` (NULL: nowhere). */
int run_stopped(const options *o, const progress *p, const char *checkpoint);

#endif
