/* Times model mlp, a JSON line a case:
 *   small   P = 5, T = 20, three hidden layers: the time of a solve with outliers and without, and, over all kernel diagonals, its standard error
 *           relative to that of 1000 independent sites a layer (one plain replica of 1000 sites), both measured over many replicas
 *   sites   one replica of 10^5 sites of the same problem
 *   width   one very wide network (engine revealed), L = 2, P = 4, T = 50, at growing widths; then the fitted exponents of time and memory
 * `ratio` is the time over that which the estimate's operations would take at the rate of a dgemm of order 1024, in the same process, one thread each; they
 * stand for ones of a matrix-vector product, which takes some eight times as long.
 *
 *   bench_mlp [largest width, default 100000] */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { SAMPLES = 5, STEPS = 20, DEPTH = 3, SITES = 256, REPLICAS = 4, MANY = 200, PLAIN = 1000, THREADS = 2, WIDTHS = 8 };

static dmft_problem *small(const char *activation, long sites, long replicas, const char *draws, long every)
{
    char text[BENCH_LINE];
    (void)snprintf(text, sizeof text,
                   "model: mlp\nnetwork: {depth: %d, activation: %s, gamma0: 2, weight_variance: 1}\n"
                   "data: {gram: [[1, .2, .1, -.1, .3], [.2, 1.1, 0, .2, .1], [.1, 0, .9, .15, -.2], [-.1, .2, .15, 1, .05], [.3, .1, -.2, .05, 1.2]],\n"
                   "  target: [1, -1, 1, 1, -1]}\ntraining: {learning_rate: 0.05, steps: %d}\n"
                   "sampling: {sites: %ld, replicas: %ld, draws: %s}\noutliers: {count: 1, every: %ld}\n",
                   DEPTH, activation, STEPS, sites, replicas, draws, every);
    return bench_problem(text);
}

static dmft_trajectory *solved(const dmft_problem *p, int threads, double *seconds)
{
    dmft_run_options options = {.threads = threads};
    dmft_trajectory *t = NULL;
    dmft_error err;
    double begin = bench_now();
    if (dmft_solve(p, &options, &t, &err) != DMFT_OK) bench_fail(&err);
    *seconds = bench_now() - begin;
    return t;
}

/* The median time of solving. */
static double time_of(const dmft_problem *p, int threads)
{
    double seconds[BENCH_REPEATS];
    for (int r = 0; r < BENCH_REPEATS; r++) dmft_trajectory_free(solved(p, threads, &seconds[r]));
    return bench_median(seconds);
}

/* Standard errors of all kernel diagonals from many replicas, times sqrt(MANY / replicas): those of a run of so many. */
static void errors_of(const char *activation, long sites, const char *draws, double replicas, double *out)
{
    static const char *const kinds[] = {"C_h", "C_g"};
    double ignored;
    dmft_problem *p = small(activation, sites, MANY, draws, STEPS);
    dmft_trajectory *t = solved(p, THREADS, &ignored);
    for (size_t kind = 0; kind < 2; kind++)
        for (int i = 0; i < DEPTH * SAMPLES; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "%s%d_%d", kinds[kind], i / SAMPLES + 1, i % SAMPLES);
            const double *error = dmft_trajectory_errors(t, name);
            for (int s = 0; s < STEPS; s++) *out++ = error[s] * sqrt(MANY / replicas);
        }
    dmft_trajectory_free(t);
    dmft_problem_free(p);
}

static void small_case(const char *activation)
{
    enum { NUMBERS = 2 * DEPTH * SAMPLES * STEPS };
    static double ours[NUMBERS], plain[NUMBERS];
    dmft_problem *every = small(activation, SITES, REPLICAS, "sobol", 1), *none = small(activation, SITES, REPLICAS, "sobol", STEPS);
    double with_outliers = time_of(every, THREADS), without = time_of(none, THREADS), mean = 0.0, worst = 0.0;
    errors_of(activation, SITES, "sobol", REPLICAS, ours);
    errors_of(activation, PLAIN, "gaussian", 1, plain);
    size_t compared = 0;
    for (size_t i = 0; i < NUMBERS; i++) {
        if (!(plain[i] > 1e-12)) continue; /* the same in every replica: g^L of linear outputs at the start */
        double ratio = ours[i] / plain[i];
        mean += ratio;
        worst = fmax(worst, ratio);
        compared++;
    }
    printf("{\"case\": \"small\", \"activation\": \"%s\", \"samples\": %d, \"steps\": %d, \"depth\": %d, \"sites\": %d, \"replicas\": %d, \"threads\": %d, "
           "\"seconds\": %.4g, \"without_outliers\": %.4g, \"diagonals\": %zu, \"se_over_1000_sites\": {\"mean\": %.3f, \"worst\": %.3f}}\n",
           activation, SAMPLES, STEPS, DEPTH, SITES, REPLICAS, THREADS, with_outliers, without, compared, mean / (double)compared, worst);
    dmft_problem_free(every);
    dmft_problem_free(none);
}

/* Time over that of as many operations in dgemm. */
static double ratio_of(double seconds, double operations)
{
    double dgemm = bench_dgemm_seconds(1024);
    return seconds / (operations / (2.0 * 1024.0 * 1024.0 * 1024.0) * dgemm);
}

static void sites_case(long sites)
{
    double seconds, before = bench_resident_bytes();
    dmft_problem *p = small("tanh", sites, 1, "sobol", 1);
    dmft_trajectory *t = solved(p, 1, &seconds);
    dmft_estimate needs = dmft_solve_estimate(p, 1);
    printf("{\"case\": \"sites\", \"sites\": %ld, \"seconds\": %.4g, \"ratio\": %.3g, \"peak_bytes\": %.0f, \"stated_bytes\": %.0f, "
           "\"directions_A1\": [%.0f, %.0f]}\n",
           sites, seconds, ratio_of(seconds, needs.operations), bench_peak_bytes() - before, needs.bytes,
           dmft_trajectory_number(t, "directions_A1_in"), dmft_trajectory_number(t, "directions_A1_out"));
    dmft_trajectory_free(t);
    dmft_problem_free(p);
}

static void width_case(long width)
{
    char text[BENCH_LINE];
    (void)snprintf(text, sizeof text,
                   "model: mlp\nnetwork: {depth: 2, activation: tanh, gamma0: 3, weight_variance: 1}\n"
                   "data: {gram: [[1, .2, .1, -.1], [.2, 1.1, 0, .2], [.1, 0, .9, .15], [-.1, .2, .15, 1]], target: [1, -1, 1, -1]}\n"
                   "training: {learning_rate: 0.1, steps: 50}\noutliers: {count: 1}\nsimulation: {engine: revealed, width: %ld, seeds: 1}\n",
                   width);
    dmft_problem *p = bench_problem(text);
    dmft_run_options options = {.threads = 1};
    dmft_trajectory *t = NULL;
    dmft_error err;
    double before = bench_resident_bytes(), begin = bench_now();
    if (dmft_simulate(p, &options, &t, &err) != DMFT_OK) bench_fail(&err);
    double seconds = bench_now() - begin;
    dmft_estimate needs = dmft_simulate_estimate(p, 1);
    printf("{\"case\": \"width\", \"width\": %ld, \"seconds\": %.4g, \"ratio\": %.3g, \"peak_bytes\": %.0f, \"stated_bytes\": %.0f, "
           "\"directions_A1\": [%.0f, %.0f], \"outlier\": %.6f}\n",
           width, seconds, ratio_of(seconds, needs.operations), bench_peak_bytes() - before, needs.bytes,
           dmft_trajectory_number(t, "directions_A1_in"), dmft_trajectory_number(t, "directions_A1_out"),
           dmft_trajectory_series(t, "A1_outlier1")[49]);
    dmft_trajectory_free(t);
    dmft_problem_free(p);
}

static double seconds_of_case(const char *program, const char *words)
{
    char line[BENCH_LINE];
    bench_start(program, words, line);
    return bench_field(line, "seconds");
}

static double width_cases(const char *program, long largest)
{
    double width[WIDTHS], seconds[WIDTHS], bytes[WIDTHS];
    size_t n = 0;
    for (long N = 10000; N <= largest && n < WIDTHS; N = N % 3 == 0 ? N / 3 * 10 : 3 * N) {
        char words[64], line[BENCH_LINE];
        (void)snprintf(words, sizeof words, "width %ld", N);
        bench_start(program, words, line);
        width[n] = (double)N;
        seconds[n] = bench_field(line, "seconds");
        bytes[n++] = bench_field(line, "peak_bytes");
    }
    double p = bench_exponent(width, seconds, n), q = bench_exponent(width, bytes, n);
    printf("{\"fit\": \"seconds ~ width^p, peak_bytes ~ width^q\", \"p\": %.3f, \"q\": %.3f}\n", p, q);
    return p + q;
}

int main(int argc, char **argv)
{
    openblas_set_num_threads(1);
    if (argc == 3) {
        if (strcmp(argv[1], "small") == 0) small_case(argv[2]);
        else if (strcmp(argv[1], "sites") == 0) sites_case(strtol(argv[2], NULL, 10));
        else width_case(strtol(argv[2], NULL, 10));
        return 0;
    }
    double all = seconds_of_case(argv[0], "small tanh") + seconds_of_case(argv[0], "small relu");
    all += seconds_of_case(argv[0], "sites 100000");
    all += width_cases(argv[0], argc == 2 ? strtol(argv[1], NULL, 10) : 100000);
    return isfinite(all) ? 0 : 1;
}
