/* Times level 1 (with all kernels) and level 2 of a deep linear network with two hidden layers at growing numbers of steps T, as multiples
 * of 10 (L+1) dgemms of order T timed in the same process, and prints a JSON line a case, then the fitted growth exponent, then a line a case of
 * the row form of level 1 (all correlations and responses).
 *
 * Every T runs in a process of its own, so that its peak memory is its own: `bench` starts `bench basis T` and `bench rows T`. */
#include <cblas.h>
#include <dmft.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH = 2, REPEATS = 3, LINE = 4096 };
static const long cases[] = {256, 512, 1024, 2048, 4096}, row_cases[] = {1024, 2048};

static double now(void)
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

static double median(double *x)
{
    qsort(x, REPEATS, sizeof *x, rising);
    return x[REPEATS / 2];
}

static double resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%*s %ld", &pages) != 1) pages = 0;
    if (f != NULL) (void)fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return 1024.0 * (double)usage.ru_maxrss;
}

static void fail(const dmft_error *err)
{
    (void)fprintf(stderr, "bench: %s\n", err->text);
    exit(1);
}

/* The parameters of tests/reference/deep_linear_a at the same total training time for every T. */
static dmft_problem *problem(const char *method, long steps, int kernels, long every)
{
    char text[LINE];
    (void)snprintf(text, sizeof text,
                   "model: deep_linear\nmethod: %s\nnetwork: {depth: %d, width_ratio: 0.5, gamma0: 8.48528137423857, weight_variance: 0.25}\n"
                   "data: {sample_ratio: 4.0}\ntraining: {learning_rate: %.17g, steps: %ld}\noutliers: {count: 2, every: %ld}\n"
                   "output: {kernels: %s}\n",
                   method, DEPTH, 0.02 * 240.0 / (double)steps, steps, every, kernels ? "true" : "false");
    dmft_config *config = NULL;
    dmft_problem *p = NULL;
    dmft_error err;
    if (dmft_config_parse(&config, text, strlen(text), "bench", &err) != DMFT_OK) fail(&err);
    if (dmft_problem_create(&p, config, &err) != DMFT_OK) fail(&err);
    dmft_config_free(config);
    return p;
}

/* Solves and returns the seconds; `run` receives the result. */
static double solve(const dmft_problem *p, dmft_trajectory **run)
{
    dmft_error err;
    dmft_trajectory *t = NULL;
    double begin = now();
    if (dmft_solve(p, NULL, &t, &err) != DMFT_OK) fail(&err);
    double seconds = now() - begin;
    *run = t;
    return seconds;
}

static double dgemm_seconds(long order)
{
    size_t n = (size_t)order, size = n * n;
    double *a = malloc(size * sizeof *a), *b = malloc(size * sizeof *b), *c = calloc(size, sizeof *c), seconds[REPEATS];
    if (a == NULL || b == NULL || c == NULL) exit(1);
    for (size_t i = 0; i < size; i++) {
        a[i] = 1.0 + (double)(i % 7);
        b[i] = 1.0 - (double)(i % 5);
    }
    for (int r = -1; r < REPEATS; r++) { /* the first one warms up */
        double begin = now();
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)order, (int)order, (int)order, 1.0, a, (int)order, b, (int)order, 0.0, c,
                    (int)order);
        if (r >= 0) seconds[r] = now() - begin;
    }
    free(a);
    free(b);
    free(c);
    return median(seconds);
}

static void print_directions(const dmft_trajectory *run)
{
    static const char *const names[] = {"X", "A0", "A1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char in[48], out[48];
        (void)snprintf(in, sizeof in, "directions_%s_in", names[i]);
        (void)snprintf(out, sizeof out, "directions_%s_out", names[i]);
        printf("%s\"%s\": [%.0f, %.0f]", i > 0 ? ", " : "", names[i], dmft_trajectory_number(run, in), dmft_trajectory_number(run, out));
    }
}

static void basis_case(long steps)
{
    (void)dgemm_seconds(64); /* wakes BLAS's threads and their buffers */
    dmft_problem *with_kernels = problem("basis", steps, 1, steps), *with_outliers = problem("basis", steps, 0, 1);
    dmft_trajectory *run = NULL;
    double seconds[REPEATS], before = resident_bytes();
    seconds[0] = solve(with_kernels, &run);
    double peak = peak_bytes() - before;
    for (int r = 1; r < REPEATS; r++) { /* in the memory of the run before: pages that are new to the machine come slowly */
        dmft_trajectory_free(run);
        seconds[r] = solve(with_kernels, &run);
    }
    dmft_trajectory *outliers = NULL;
    (void)solve(with_outliers, &outliers);
    double level1 = median(seconds), unit = 10.0 * (DEPTH + 1) * dgemm_seconds(steps);
    struct utsname machine;
    uname(&machine);
    printf("{\"method\": \"basis\", \"steps\": %ld, \"depth\": %d, \"seconds\": %.6g, \"dgemm_seconds\": %.6g, \"dgemm_ratio\": %.4g, \"peak_bytes\": %.0f, "
           "\"stated_bytes\": %.0f, \"outlier_seconds\": %.6g, \"directions\": {",
           steps, DEPTH, level1, unit, level1 / unit, peak, dmft_solve_estimate(with_kernels, 1).bytes,
           dmft_trajectory_number(outliers, "outlier_seconds"));
    print_directions(run);
    printf("}, \"blas_core\": \"%s\", \"blas_threads\": %d, \"machine\": \"%s %s\", \"compiler\": \"%s\", \"version\": \"%s\"}\n",
           openblas_get_corename(), openblas_get_num_threads(), machine.sysname, machine.machine, __VERSION__, dmft_version());
    dmft_trajectory_free(run);
    dmft_trajectory_free(outliers);
    dmft_problem_free(with_kernels);
    dmft_problem_free(with_outliers);
}

static void rows_case(long steps)
{
    (void)dgemm_seconds(64);
    dmft_problem *with_kernels = problem("rows", steps, 1, steps), *with_outliers = problem("rows", steps, 0, 1);
    dmft_trajectory *run = NULL;
    double seconds[REPEATS], before = resident_bytes();
    seconds[0] = solve(with_kernels, &run);
    double peak = peak_bytes() - before;
    for (int r = 1; r < REPEATS; r++) {
        dmft_trajectory_free(run);
        seconds[r] = solve(with_kernels, &run);
    }
    dmft_trajectory_free(run);
    (void)solve(with_outliers, &run);
    dmft_estimate needs = dmft_solve_estimate(with_kernels, 1);
    double rows = median(seconds), unit = 10.0 * (DEPTH + 1) * dgemm_seconds(steps);
    printf("{\"method\": \"rows\", \"steps\": %ld, \"depth\": %d, \"seconds\": %.6g, \"dgemm_seconds\": %.6g, \"dgemm_ratio\": %.4g, "
           "\"peak_bytes\": %.0f, \"stated_bytes\": %.0f, \"outlier_seconds\": %.6g, \"blas_core\": \"%s\", \"blas_threads\": %d}\n",
           steps, DEPTH, rows, unit, rows / unit, peak, needs.bytes, dmft_trajectory_number(run, "outlier_seconds"), openblas_get_corename(),
           openblas_get_num_threads());
    dmft_trajectory_free(run);
    dmft_problem_free(with_kernels);
    dmft_problem_free(with_outliers);
}

/* Runs a case in its own process and copies its line; returns the seconds in it, or nan. */
static double start_case(const char *program, const char *method, long steps)
{
    char command[LINE], line[LINE];
    (void)snprintf(command, sizeof command, "'%s' %s %ld", program, method, steps);
    (void)fflush(stdout);
    FILE *f = popen(command, "r");
    double seconds = NAN;
    if (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *field = strstr(line, "\"seconds\": ");
        if (field != NULL) seconds = strtod(field + strlen("\"seconds\": "), NULL);
        (void)fputs(line, stdout);
    }
    if (f == NULL || pclose(f) != 0) return NAN;
    return seconds;
}

/* Slope of log seconds against log steps by least squares. */
static double exponent(const double *seconds, size_t n)
{
    double x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
    for (size_t i = 0; i < n; i++) {
        double a = log((double)cases[i]), b = log(seconds[i]);
        x += a;
        y += b;
        xx += a * a;
        xy += a * b;
    }
    double m = (double)n;
    return (m * xy - x * y) / (m * xx - x * x);
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        long steps = strtol(argv[2], NULL, 10);
        if (strcmp(argv[1], "rows") == 0) rows_case(steps);
        else basis_case(steps);
        return 0;
    }
    size_t n = sizeof cases / sizeof *cases, failures = 0;
    double seconds[sizeof cases / sizeof *cases];
    for (size_t i = 0; i < n; i++) seconds[i] = start_case(argv[0], "basis", cases[i]);
    printf("{\"fit\": \"seconds ~ steps^p\", \"depth\": %d, \"p\": %.3f}\n", DEPTH, exponent(seconds, n));
    for (size_t i = 0; i < sizeof row_cases / sizeof *row_cases; i++) failures += isnan(start_case(argv[0], "rows", row_cases[i])) ? 1 : 0;
    return failures == 0 && isfinite(exponent(seconds, n)) ? 0 : 1;
}
