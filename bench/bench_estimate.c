/* The time that an estimate gives against the time of the run, a JSON line a case, both of one core: operations over the rate of a matrix-vector product from
 * memory, as `dmft --dry-run` has it. `ratio` is estimated over measured; the last line has the factor by which estimates are off in the geometric mean. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

enum { ORDER = 3000, OUTPUTS = 100, SAMPLES = 40 };

/* Operations a second of dgemv on a matrix of 72 MB. */
static double rate(void)
{
    double *a = calloc(ORDER * ORDER, sizeof *a), *x = calloc(2 * ORDER, sizeof *x), seconds[BENCH_REPEATS];
    if (a == NULL || x == NULL) exit(1);
    for (size_t i = 0; i < ORDER * ORDER; i++) a[i] = 1e-3 * (double)(i % 7);
    for (int r = 0; r < BENCH_REPEATS; r++) {
        double begin = bench_now();
        cblas_dgemv(CblasRowMajor, CblasNoTrans, ORDER, ORDER, 1.0, a, ORDER, x, 1, 0.0, x + ORDER, 1);
        seconds[r] = bench_now() - begin;
    }
    free(a);
    free(x);
    return 2.0 * ORDER * ORDER / bench_median(seconds);
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
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) exit(1);
    (void)fputs(cases[i].text, out);
    if (cases[i].samples > 0) write_data(out, cases[i].samples, cases[i].outputs);
    (void)fclose(out);
    dmft_problem *problem = bench_problem(text);
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
    double unit = rate(), begin = bench_now();
    int status = cases[i].simulated ? dmft_simulate(p, &how, &t, &err) : dmft_solve(p, &how, &t, &err);
    double seconds = bench_now() - begin, estimated = e.operations / unit;
    if (status != DMFT_OK) bench_fail(&err);
    (void)printf("{\"case\": \"estimate of %s\", \"seconds\": %.3g, \"estimated\": %.3g, \"ratio\": %.2f}\n", cases[i].name, seconds, estimated, estimated / seconds);
    dmft_trajectory_free(t);
    dmft_problem_free(p);
    return estimated / seconds;
}

int main(void)
{
    openblas_set_num_threads(1);
    double sum = 0.0;
    for (int i = 0; i < CASES; i++) sum += fabs(log(ratio_of(i))) / CASES;
    (void)printf("{\"fit\": \"estimated times are off by the factor f in the geometric mean\", \"f\": %.2f}\n", exp(sum));
    return 0;
}
