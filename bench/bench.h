/* What the benchmarks share: clocks, memory, dgemm, cases in processes of their own. */
#ifndef DMFT_BENCH_H
#define DMFT_BENCH_H

#include <dmft.h>
#include <stddef.h>

enum { BENCH_REPEATS = 3, BENCH_LINE = 4096 };

double bench_now(void);
double bench_median(double *x); /* of BENCH_REPEATS numbers, which it sorts */
double bench_resident_bytes(void);
double bench_peak_bytes(void);
void bench_fail(const dmft_error *err); /* ends the program */

/* Seconds of one dgemm of this order, the median of some. */
double bench_dgemm_seconds(long order);

/* The problem of a configuration. */
dmft_problem *bench_problem(const char *text);

/* Slope of log y against log x by least squares. */
double bench_exponent(const double *x, const double *y, size_t n);

/* Runs `program words` and copies the line that it prints; `line` receives it (BENCH_LINE bytes, empty when the case failed). */
void bench_start(const char *program, const char *words, char *line);

/* The number of a field of such a line, or nan. */
double bench_field(const char *line, const char *field);

#endif
