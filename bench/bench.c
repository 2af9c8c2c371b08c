/* Times level 1 (with all kernels) and level 2 of a deep linear network with two hidden layers at growing numbers of steps T, as multiples
 * of 10 (L+1) dgemms of order T timed in the same process, and prints a JSON line a case, then the fitted growth exponent, then a line a case of
 * the row form of level 1 (all correlations and responses).
 *
 * Every T runs in a process of its own, so that its peak memory is its own: `bench` starts `bench basis T` and `bench rows T`. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench.h"

enum { DEPTH = 2 };
static const long cases[] = {256, 512, 1024, 2048, 4096}, row_cases[] = {1024, 2048};
enum { CASES = sizeof cases / sizeof *cases };

/* The parameters of tests/reference/deep_linear_a at the same total training time for every T. */
static dmft_problem *problem(const char *method, long steps, int kernels, long every)
{
    char text[BENCH_LINE];
    (void)snprintf(text, sizeof text,
                   "model: deep_linear\nmethod: %s\nnetwork: {depth: %d, width_ratio: 0.5, gamma0: 8.48528137423857, weight_variance: 0.25}\n"
                   "data: {sample_ratio: 4.0}\ntraining: {learning_rate: %.17g, steps: %ld}\noutliers: {count: 2, every: %ld}\n"
                   "output: {kernels: %s}\n",
                   method, DEPTH, 0.02 * 240.0 / (double)steps, steps, every, kernels ? "true" : "false");
    return bench_problem(text);
}

/* Solves and returns the seconds; `run` receives the result. */
static double solve(const dmft_problem *p, dmft_trajectory **run)
{
    dmft_error err;
    dmft_trajectory *t = NULL;
    double begin = bench_now();
    if (dmft_solve(p, NULL, &t, &err) != DMFT_OK) bench_fail(&err);
    double seconds = bench_now() - begin;
    *run = t;
    return seconds;
}

/* The directions that each operator met, in and out: of the basis. */
static void print_directions(const dmft_trajectory *run)
{
    static const char *const names[] = {"X", "A0", "A1"};
    printf("\"directions\": {");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char in[48], out[48];
        (void)snprintf(in, sizeof in, "directions_%s_in", names[i]);
        (void)snprintf(out, sizeof out, "directions_%s_out", names[i]);
        printf("%s\"%s\": [%.0f, %.0f]", i > 0 ? ", " : "", names[i], dmft_trajectory_number(run, in), dmft_trajectory_number(run, out));
    }
    printf("}, ");
}

static void one_case(const char *method, long steps)
{
    (void)bench_dgemm_seconds(64); /* wakes BLAS's threads and their buffers */
    dmft_problem *with_kernels = problem(method, steps, 1, steps), *with_outliers = problem(method, steps, 0, 1);
    dmft_trajectory *run = NULL, *outliers = NULL;
    double seconds[BENCH_REPEATS], before = bench_resident_bytes();
    seconds[0] = solve(with_kernels, &run);
    double peak = bench_peak_bytes() - before;
    for (int r = 1; r < BENCH_REPEATS; r++) { /* in the memory of the run before: pages that are new to the machine come slowly */
        dmft_trajectory_free(run);
        seconds[r] = solve(with_kernels, &run);
    }
    (void)solve(with_outliers, &outliers);
    double level1 = bench_median(seconds), unit = 10.0 * (DEPTH + 1) * bench_dgemm_seconds(steps);
    struct utsname machine;
    uname(&machine);
    printf("{\"method\": \"%s\", \"steps\": %ld, \"depth\": %d, \"seconds\": %.6g, \"dgemm_seconds\": %.6g, \"dgemm_ratio\": %.4g, \"peak_bytes\": %.0f, "
           "\"stated_bytes\": %.0f, \"outlier_seconds\": %.6g, ",
           method, steps, DEPTH, level1, unit, level1 / unit, peak, dmft_solve_estimate(with_kernels, 1).bytes,
           dmft_trajectory_number(outliers, "outlier_seconds"));
    if (strcmp(method, "basis") == 0) print_directions(run);
    printf("\"blas_core\": \"%s\", \"blas_threads\": %d, \"machine\": \"%s %s\", \"compiler\": \"%s\", \"version\": \"%s\"}\n",
           openblas_get_corename(), openblas_get_num_threads(), machine.sysname, machine.machine, __VERSION__, dmft_version());
    dmft_trajectory_free(run);
    dmft_trajectory_free(outliers);
    dmft_problem_free(with_kernels);
    dmft_problem_free(with_outliers);
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        one_case(argv[1], strtol(argv[2], NULL, 10));
        return 0;
    }
    char words[64], line[BENCH_LINE];
    double steps[CASES], seconds[CASES], rows = 0.0;
    for (size_t i = 0; i < CASES; i++) {
        (void)snprintf(words, sizeof words, "basis %ld", cases[i]);
        steps[i] = (double)cases[i];
        bench_start(argv[0], words, line);
        seconds[i] = bench_field(line, "seconds");
    }
    double p = bench_exponent(steps, seconds, CASES);
    printf("{\"fit\": \"seconds ~ steps^p\", \"depth\": %d, \"p\": %.3f}\n", DEPTH, p);
    for (size_t i = 0; i < sizeof row_cases / sizeof *row_cases; i++) {
        (void)snprintf(words, sizeof words, "rows %ld", row_cases[i]);
        bench_start(argv[0], words, line);
        rows += bench_field(line, "seconds");
    }
    return isfinite(rows) && isfinite(p) ? 0 : 1;
}
