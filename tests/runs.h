/* Problems made of text, runs of them, and what these gave, by calls that have to succeed. */
#ifndef TESTS_RUNS_H
#define TESTS_RUNS_H

#include "dmft.h"

/* A list of words with NULL behind it. Settings that are to be changed are pairs of a key and its value. */
#define WITH(...) (const char *const[]){__VA_ARGS__, NULL}

/* Of a text, which is called run.yaml, with settings or NULL. */
dmft_config *config_with(const char *text, const char *const *settings);
dmft_problem *problem_with(const char *text, const char *const *settings);

/* Of such a text there is no problem: this status, this line, nothing made. */
void expect_no_problem(const char *text, int status, const char *line);

/* dmft_solve or dmft_simulate. */
typedef int runner(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

/* Results of runs that end with the status `expected`; threads 0: as many as the default. */
dmft_trajectory *ran(runner *run, const dmft_problem *problem, const dmft_run_options *options, int expected);
dmft_trajectory *solved(const dmft_problem *problem, int expected);
dmft_trajectory *simulated(const dmft_problem *problem, int threads, int expected);

/* A run that is stopped at every `reports`-th report and goes on from its checkpoint, with another number of threads each time; *stops: how often it was. */
dmft_trajectory *ran_in_pieces(runner *run, const dmft_problem *problem, long reports, long *stops);

/* A run with its n-th allocation failing, for every n: DMFT_ERROR_MEMORY in one line and no result, until none fails. Returns how many did. */
long ran_without_memory(runner *run, const dmft_problem *problem);

/* A series that there is; its value in a row; in the last one. */
const double *series(const dmft_trajectory *t, const char *name);
double at(const dmft_trajectory *t, const char *name, size_t row);
double last(const dmft_trajectory *t, const char *name);

/* Two results have the same bytes: series and their errors, kernels, arrays, and numbers but the seconds that it took. */
void expect_same_bytes(const dmft_trajectory *a, const dmft_trajectory *b);

#endif
