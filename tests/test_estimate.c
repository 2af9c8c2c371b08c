/* The time that an estimate gives, against the time of the run, both of one core: operations over the rate of matrix-vector products from memory, as
 * `dmft --dry-run` has it. Times are those of the processor, which other work on the machine changes by less than the factors allowed. */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dmft.h"
#include "suites.h"

enum { ORDER = 3000, OUTPUTS = 100, SAMPLES = 40 };

static const double each = 4.0, together = 2.0; /* factor by which one case, and all in the geometric mean, may be off */

/* Only code as it is delivered takes its time: not under valgrind, sanitizers or without optimization, where the runs are made all the same. */
static int is_as_delivered(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
    return 0;
#else
    return getenv("DMFT_TEST_SHRINK") == NULL;
#endif
}

static double seconds_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Operations a second of dgemv on a matrix of 72 MB. */
static double rate(void)
{
    double *a = calloc(ORDER * ORDER, sizeof *a), *x = calloc(2 * ORDER, sizeof *x), best = INFINITY;
    ck_assert(a != NULL && x != NULL);
    for (size_t i = 0; i < ORDER * ORDER; i++) a[i] = 1e-3 * (double)(i % 7);
    for (int i = 0; i < 3; i++) {
        double begin = seconds_now();
        cblas_dgemv(CblasRowMajor, CblasNoTrans, ORDER, ORDER, 1.0, a, ORDER, x, 1, 0.0, x + ORDER, 1);
        best = fmin(best, seconds_now() - begin);
    }
    free(a);
    free(x);
    return 2.0 * ORDER * ORDER / best;
}

#define MLP "model: mlp\nnetwork: {depth: 2, activation: tanh, gamma0: 3, weight_variance: 1}\n"

/* `samples` of model mlp, with so many outputs: their Gram matrix and targets are written behind the text. */
static const struct {
    const char *name, *text;
    int simulated, samples, outputs;
} cases[] = {
    {"basis", "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 1, weight_variance: 0.25}\ndata: {sample_ratio: 4}\n"
              "training: {learning_rate: 0.02, steps: 300}\n", 0, 0, 0},
    {"rows", "model: deep_linear\nmethod: rows\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\ndata: {sample_ratio: 4}\n"
             "training: {learning_rate: 0.02, steps: 500}\n", 0, 0, 0},
    {"linear networks", "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\ndata: {sample_ratio: 4}\n"
                        "training: {learning_rate: 0.02, steps: 40}\nsimulation: {input_dim: 400, seeds: 2}\n", 1, 0, 0},
    {"revealed", MLP "training: {learning_rate: 0.2, steps: 40}\nsampling: {sites: 4096, replicas: 2}\n", 0, 3, 1},
    {"networks", MLP "training: {learning_rate: 0.2, steps: 30}\nsimulation: {width: 500, seeds: 1}\n", 1, 20, 1},
    {"networks of many outputs", MLP "training: {learning_rate: 0.2, steps: 5}\nsimulation: {width: 500, seeds: 1}\n", 1, SAMPLES, OUTPUTS},
    {"sampled matrices", "model: noisy_matrix\nnetwork: {width_ratio: 0.5, weight_variance: 1}\ndata: {sample_ratio: 4}\n"
                         "training: {learning_rate: 0.1, steps: 40}\nsimulation: {input_dim: 300, seeds: 2}\n", 1, 0, 0},
    {"many outputs", "model: extensive_output\nnetwork: {readout: frozen, width_ratio: 0.5, output_ratio: 0.5, weight_variance: 1}\n"
                     "data: {teacher_variance: 4}\ntraining: {times: [0, 0.3, 1, 3]}\nsimulation: {input_dim: 800, seeds: 2}\n", 1, 0, 0},
    {"random features", "model: low_degree_filter\nnetwork: {depth: 2, activation: relu, kept: 4, features: 1024}\n"
                        "data: {samples: 300, input_dim: 20, target_function: staircase, directions: 3}\nsimulation: {seeds: 2}\n", 1, 0, 0},
    {"kernels of features", "model: low_degree_filter\nnetwork: {depth: 2, activation: relu, kept: 4}\n"
                            "data: {samples: 300, input_dim: 20, target_function: staircase, directions: 3}\nsimulation: {seeds: 2}\n", 0, 0, 0},
};
enum { CASES = sizeof cases / sizeof *cases };

/* A matrix as lists of rows; of one column as one list. */
static void write_matrix(FILE *out, int rows, int columns, double (*entry)(int i, int j))
{
    for (int i = 0; i < rows; i++) {
        (void)fputs(i == 0 ? "[" : ", ", out);
        for (int j = 0; j < columns; j++) (void)fprintf(out, "%s%g", j > 0 ? ", " : columns > 1 ? "[" : "", entry(i, j));
        (void)fputs(columns > 1 ? "]" : "", out);
    }
    (void)fputs("]", out);
}

static double product(int i, int j) { return i == j ? 1.3 : 0.3; }

static double target(int i, int j) { return i * (j + 3) % 5 < 2 ? 1.0 : -1.0; }

static void write_data(FILE *out, int samples, int outputs)
{
    (void)fputs("data: {gram: ", out);
    write_matrix(out, samples, samples, product);
    (void)fputs(", target: ", out);
    write_matrix(out, samples, outputs, target);
    (void)fputs("}\n", out);
}

static dmft_problem *problem_of(int i)
{
    char *text = NULL;
    size_t length;
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_error err = {0};
    FILE *out = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(out);
    (void)fputs(cases[i].text, out);
    if (cases[i].samples > 0) write_data(out, cases[i].samples, cases[i].outputs);
    (void)fclose(out);
    ck_assert_msg(dmft_config_parse(&config, text, length, "test", &err) == DMFT_OK, "%s: %s", cases[i].name, err.text);
    ck_assert_msg(dmft_problem_create(&problem, config, &err) == DMFT_OK, "%s: %s", cases[i].name, err.text);
    dmft_config_free(config);
    free(text);
    return problem;
}

/* Estimated over measured. */
static double ratio_of(int i)
{
    dmft_problem *p = problem_of(i);
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    dmft_estimate e = cases[i].simulated ? dmft_simulate_estimate(p, 1) : dmft_solve_estimate(p, 1);
    dmft_run_options how = {.threads = 1};
    double unit = rate(), begin = seconds_now();
    int status = cases[i].simulated ? dmft_simulate(p, &how, &t, &err) : dmft_solve(p, &how, &t, &err);
    double seconds = seconds_now() - begin;
    ck_assert_msg(status == DMFT_OK, "%s: %s", cases[i].name, err.text);
    (void)printf("%s: %.2f s, estimated %.2f s (%.2g operations at %.2g a second)\n", cases[i].name, seconds, e.operations / unit, e.operations, unit);
    dmft_trajectory_free(t);
    dmft_problem_free(p);
    return e.operations / unit / seconds;
}

START_TEST(times_are_those_of_runs)
{
    double sum = 0.0;
    for (int i = 0; i < CASES; i++) {
        double off = log(ratio_of(i));
        ck_assert_msg(fabs(off) < log(each) || !is_as_delivered(), "%s: the estimate is %.2f times the time", cases[i].name, exp(off));
        sum += fabs(off) / CASES;
    }
    (void)printf("off by a factor of %.2f in the mean\n", exp(sum));
    ck_assert_msg(sum < log(together) || !is_as_delivered(), "off by a factor of %.2f in the mean", exp(sum));
}
END_TEST

Suite *suite_estimate(void)
{
    Suite *s = suite_create("estimate");
    TCase *times = tcase_create("times");
    tcase_set_timeout(times, 60);
    tcase_add_test(times, times_are_those_of_runs);
    suite_add_tcase(s, times);
    return s;
}
