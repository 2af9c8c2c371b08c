/* What the benchmarks share (bench.h). */
#include "bench.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *x)
{
    qsort(x, BENCH_REPEATS, sizeof *x, rising);
    return x[BENCH_REPEATS / 2];
}

double bench_resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%*s %ld", &pages) != 1) pages = 0;
    if (f != NULL) (void)fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

double bench_peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return 1024.0 * (double)usage.ru_maxrss;
}

void bench_fail(const dmft_error *err)
{
    (void)fprintf(stderr, "bench: %s\n", err->text);
    exit(1);
}

double bench_dgemm_seconds(long order)
{
    size_t n = (size_t)order, size = n * n;
    double *a = malloc(size * sizeof *a), *b = malloc(size * sizeof *b), *c = calloc(size, sizeof *c), seconds[BENCH_REPEATS];
    if (a == NULL || b == NULL || c == NULL) exit(1);
    for (size_t i = 0; i < size; i++) {
        a[i] = 1.0 + (double)(i % 7);
        b[i] = 1.0 - (double)(i % 5);
    }
    for (int r = -1; r < BENCH_REPEATS; r++) { /* the first one warms up */
        double begin = bench_now();
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)order, (int)order, (int)order, 1.0, a, (int)order, b, (int)order, 0.0, c,
                    (int)order);
        if (r >= 0) seconds[r] = bench_now() - begin;
    }
    free(a);
    free(b);
    free(c);
    return bench_median(seconds);
}

dmft_problem *bench_problem(const char *text)
{
    dmft_config *config = NULL;
    dmft_problem *p = NULL;
    dmft_error err;
    if (dmft_config_parse(&config, text, strlen(text), "bench", &err) != DMFT_OK) bench_fail(&err);
    if (dmft_problem_create(&p, config, &err) != DMFT_OK) bench_fail(&err);
    dmft_config_free(config);
    return p;
}

double bench_exponent(const double *x, const double *y, size_t n)
{
    double sx = 0.0, sy = 0.0, xx = 0.0, xy = 0.0, m = (double)n;
    for (size_t i = 0; i < n; i++) {
        double a = log(x[i]), b = log(y[i]);
        sx += a;
        sy += b;
        xx += a * a;
        xy += a * b;
    }
    return (m * xy - sx * sy) / (m * xx - sx * sx);
}

void bench_start(const char *program, const char *words, char *line)
{
    char command[BENCH_LINE];
    (void)snprintf(command, sizeof command, "'%s' %s", program, words);
    (void)fflush(stdout);
    FILE *f = popen(command, "r");
    if (f == NULL || fgets(line, BENCH_LINE, f) == NULL) line[0] = '\0';
    (void)fputs(line, stdout);
    if (f == NULL || pclose(f) != 0) line[0] = '\0';
}

double bench_field(const char *line, const char *field)
{
    char name[64];
    (void)snprintf(name, sizeof name, "\"%s\": ", field);
    const char *at = strstr(line, name);
    return at != NULL ? strtod(at + strlen(name), NULL) : NAN;
}
