/*
 * Weight matrices in a result (output.weights): sizes and names, the variance of the first, singular values by LAPACK against those that were recorded,
 * what training did to them, files, threads, checkpoints, divergence, memory, refusals; and results without series of single samples.
 */
#include <check.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocation.h"
#include "dmft.h"
#include "suites.h"

Suite *suite_stored_weights(void);

#define DEEP "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.6, gamma0: 6, weight_variance: [0.3, 0.5, 0.7]}\ndata: {sample_ratio: 3}\n"
#define DESCENT "training: {learning_rate: 0.02, steps: 13}\n"
#define SIZE "simulation: {input_dim: 90, seeds: 3, seed: 7}\n"
#define KEEP "output: {weights: true}\n"
#define GRAM "data: {gram: [[1, 0.4, -0.2], [0.4, 1, 0.3], [-0.2, 0.3, 1]], target: [[1, 0], [0, 1], [0.5, 0.5]]}\n"
#define MLP "model: mlp\nnetwork: {depth: 3, gamma0: 3, activation: tanh, weight_variance: [0.3, 0.5, 0.9, 0.7]}\n" GRAM
#define STEPS "training: {learning_rate: 0.3, steps: 13, loss: softmax}\n"
#define WIDTH "simulation: {width: 60, seeds: 3, seed: 7}\n"

static const char *const configurations[] = {DEEP DESCENT SIZE KEEP, DEEP "training: {flow: true, time: 1, steps: 12}\n" SIZE KEEP, MLP STEPS WIDTH KEEP};

struct shape {
    const char *name;
    size_t rows, columns;
    double variance;
};

/* D = 90, N = 54; N = 60, a Gram matrix of rank 3, two outputs. */
static const struct shape shapes[3][4] = {{{"A0", 54, 90, 0.3}, {"A1", 54, 54, 0.5}, {"readout", 1, 54, 0.7}, {NULL, 0, 0, 0}},
                                          {{"A0", 54, 90, 0.3}, {"A1", 54, 54, 0.5}, {"readout", 1, 54, 0.7}, {NULL, 0, 0, 0}},
                                          {{"A0", 60, 3, 0.3}, {"A1", 60, 60, 0.5}, {"A2", 60, 60, 0.9}, {"readout", 2, 60, 0.7}}};

static int shape_count(int i) { return shapes[i][3].name != NULL ? 4 : 3; }

static dmft_problem *problem_of(const char *text)
{
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_error err = {0};
    ck_assert_msg(dmft_config_parse(&config, text, strlen(text), "test", &err) == DMFT_OK, "%s", err.text);
    ck_assert_msg(dmft_problem_create(&problem, config, &err) == DMFT_OK, "%s", err.text);
    dmft_config_free(config);
    return problem;
}

static dmft_trajectory *simulated(const char *text, int threads, int expected)
{
    dmft_problem *problem = problem_of(text);
    dmft_run_options options = {.threads = threads};
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    int status = dmft_simulate(problem, &options, &t, &err);
    ck_assert_msg(status == expected, "%d: %s", status, err.text);
    dmft_problem_free(problem);
    return t;
}

static const double *matrix_named(const dmft_trajectory *t, const char *name, size_t *rows, size_t *columns)
{
    size_t size[3] = {0, 0, 1};
    const double *data = dmft_trajectory_array(t, name, size);
    ck_assert_uint_eq(size[2], 1);
    if (rows != NULL) *rows = size[0];
    if (columns != NULL) *columns = size[1];
    return data;
}

static const double *matrix_of(const dmft_trajectory *t, const char *name, const char *when, size_t *rows, size_t *columns)
{
    char whole[32];
    (void)snprintf(whole, sizeof whole, "%s_%s", name, when);
    return matrix_named(t, whole, rows, columns);
}

/* ---- What is stored ---- */

/* All matrices, and their names in order. The mean square is sigma^2/columns within 5 of its standard errors, sqrt(2/entries) of it. */
START_TEST(first_weights_have_their_variance)
{
    dmft_trajectory *t = simulated(configurations[_i], 1, DMFT_OK);
    ck_assert_uint_eq(dmft_trajectory_array_count(t), 2 * (size_t)shape_count(_i));
    for (int i = 0; i < shape_count(_i); i++) {
        const struct shape *s = &shapes[_i][i];
        size_t rows = 0, columns = 0;
        const double *A = matrix_of(t, s->name, "first", &rows, &columns);
        ck_assert_msg(A != NULL && rows == s->rows && columns == s->columns, "%s: %zu x %zu", s->name, rows, columns);
        ck_assert(strncmp(dmft_trajectory_array_name(t, (size_t)i), s->name, strlen(s->name)) == 0);
        double sum = 0, entries = (double)(rows * columns);
        for (size_t j = 0; j < rows * columns; j++) sum += A[j] * A[j];
        double ratio = sum * (double)columns / entries / s->variance;
        ck_assert_msg(fabs(ratio - 1) < 5 * sqrt(2 / entries), "%s: %g of the variance", s->name, ratio);
        ck_assert_ptr_nonnull(matrix_of(t, s->name, "last", &rows, &columns));
        ck_assert(rows == s->rows && columns == s->columns);
    }
    ck_assert_ptr_null(dmft_trajectory_array_name(t, dmft_trajectory_array_count(t)));
    ck_assert_ptr_null(dmft_trajectory_array(t, "A9_first", NULL));
    dmft_trajectory_free(t);
}
END_TEST

static void singular_values(const double *A, size_t rows, size_t columns, double *s)
{
    double *copy = malloc(rows * columns * sizeof *copy), none;
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, A, rows * columns * sizeof *copy);
    ck_assert_int_eq(LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (int)columns, (int)rows, copy, (int)columns, s, &none, 1, &none, 1), 0); /* of the transpose */
    free(copy);
}

/* One network: the recorded singular values are its own. Those of a layer of mlp begin with A_1. */
START_TEST(singular_values_are_those_recorded)
{
    char text[800], series[32];
    double s[60];
    (void)snprintf(text, sizeof text, "%s", configurations[_i]);
    char *seeds = strstr(text, "seeds: 3");
    ck_assert_ptr_nonnull(seeds);
    seeds[7] = '1';
    dmft_trajectory *t = simulated(text, 1, DMFT_OK);
    size_t last = dmft_trajectory_rows(t) - 1;
    for (int i = _i == 2; i < shape_count(_i) - 1; i++)
        for (int j = 1; j <= 3; j++) {
            size_t rows, columns;
            (void)snprintf(series, sizeof series, "A%d_sv%d", i, j);
            const double *recorded = dmft_trajectory_series(t, series);
            singular_values(matrix_of(t, shapes[_i][i].name, "first", &rows, &columns), shapes[_i][i].rows, shapes[_i][i].columns, s);
            ck_assert_msg(fabs(recorded[0] / s[j - 1] - 1) < 1e-8, "%s first: %.12g and %.12g", series, recorded[0], s[j - 1]);
            singular_values(matrix_of(t, shapes[_i][i].name, "last", &rows, &columns), shapes[_i][i].rows, shapes[_i][i].columns, s);
            ck_assert_msg(fabs(recorded[last] / s[j - 1] - 1) < 1e-8, "%s last: %.12g and %.12g", series, recorded[last], s[j - 1]);
            if (j == 1) ck_assert_msg(fabs(recorded[last] - recorded[0]) > 1e-4, "%s has not moved", series);
        }
    dmft_trajectory_free(t);
}
END_TEST

static double product_of(const double *A, size_t n, const double *x, size_t i)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++) sum += A[i * n + j] * x[j];
    return sum;
}

/* Readout, A_1 and A_0 of one network give its outputs: f_mu = readout phi(A_1 phi(A_0 x_mu))/(gamma0 sqrt(N)) with |A_0 x_mu|^2 of the whole layer
 * depending on the Gram matrix alone. With the identity as Gram matrix the stored A_0 sqrt(columns) is h^1, sample by column, but for their order
 * and sign, so that the outputs come out as a set. */
START_TEST(stored_weights_are_the_network)
{
    enum { P = 3, N = 40 };
    dmft_trajectory *t = simulated("model: mlp\nnetwork: {depth: 2, gamma0: 3, activation: tanh, weight_variance: 1}\n"
                                   "data: {gram: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], target: [1, -1, 0.5]}\n"
                                   "training: {learning_rate: 0.3, steps: 9}\nsimulation: {width: 40, seeds: 1}\n" KEEP, 1, DMFT_OK);
    static const char *const when[] = {"first", "last"};
    for (int i = 0; i < 2; i++) {
        size_t rows, columns, row = i == 0 ? 0 : dmft_trajectory_rows(t) - 1;
        const double *A0 = matrix_of(t, "A0", when[i], &rows, &columns), *A1 = matrix_of(t, "A1", when[i], NULL, NULL);
        const double *w = matrix_of(t, "readout", when[i], NULL, NULL);
        ck_assert(rows == N && columns == P);
        for (int mu = 0; mu < P; mu++) { /* each output is that of a column of A_0 or of its negative; tanh is odd */
            char name[8];
            double x[N], y[N], nearest = 1;
            (void)snprintf(name, sizeof name, "f%d", mu);
            double f = dmft_trajectory_series(t, name)[row];
            for (size_t c = 0; c < P; c++) {
                for (size_t k = 0; k < N; k++) x[k] = tanh(A0[k * P + c] * sqrt((double)P));
                for (size_t k = 0; k < N; k++) y[k] = tanh(product_of(A1, N, x, k));
                double g = product_of(w, N, y, 0) / (3 * sqrt((double)N));
                nearest = fmin(nearest, fmin(fabs(g - f), fabs(g + f)));
            }
            ck_assert_msg(nearest < 1e-13, "f%d %s: off by %g", mu, when[i], nearest);
        }
    }
    dmft_trajectory_free(t);
}
END_TEST

/* ---- The same bytes ---- */

static void expect_same(const dmft_trajectory *a, const dmft_trajectory *b)
{
    ck_assert_uint_gt(dmft_trajectory_array_count(a), 0);
    ck_assert_uint_eq(dmft_trajectory_array_count(a), dmft_trajectory_array_count(b));
    for (size_t i = 0; i < dmft_trajectory_array_count(a); i++) {
        const char *name = dmft_trajectory_array_name(a, i);
        size_t rows, columns, other_rows, other_columns;
        const double *x = matrix_named(a, name, &rows, &columns), *y = matrix_named(b, name, &other_rows, &other_columns);
        ck_assert_str_eq(name, dmft_trajectory_array_name(b, i));
        ck_assert(rows == other_rows && columns == other_columns);
        ck_assert_msg(memcmp(x, y, rows * columns * sizeof *x) == 0, "%s differs", name);
    }
}

START_TEST(threads_do_not_matter)
{
    dmft_trajectory *one = simulated(configurations[_i], 1, DMFT_OK), *three = simulated(configurations[_i], 3, DMFT_OK);
    expect_same(one, three);
    dmft_trajectory_free(one);
    dmft_trajectory_free(three);
}
END_TEST

static int stop_at_once(void *user, const dmft_progress *progress)
{
    (void)user, (void)progress;
    return 1;
}

/* Stopped at every call of the progress function; the last pieces begin when the first network is long done. */
START_TEST(resumed_runs_have_the_same_weights)
{
    char folder[] = "/tmp/dmft_weights_XXXXXX", path[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/run", folder);
    dmft_problem *problem = problem_of(configurations[_i]);
    dmft_trajectory *whole = simulated(configurations[_i], 2, DMFT_OK), *pieces = NULL;
    int status = DMFT_STOPPED, times = 0;
    for (; status == DMFT_STOPPED; times++) {
        dmft_error err = {0};
        dmft_run_options options = {.threads = 1 + times % 2, .progress = stop_at_once, .checkpoint = path, .resume = times > 0 ? path : NULL};
        status = dmft_simulate(problem, &options, &pieces, &err);
        ck_assert_msg(status >= 0, "%s", err.text);
    }
    ck_assert_int_ge(times, 3);
    expect_same(whole, pieces);
    (void)unlink(path);
    (void)rmdir(folder);
    dmft_trajectory_free(whole);
    dmft_trajectory_free(pieces);
    dmft_problem_free(problem);
}
END_TEST

START_TEST(files_give_them_back)
{
    char folder[] = "/tmp/dmft_weights_XXXXXX", path[64];
    dmft_error err = {0};
    dmft_trajectory *t = simulated(configurations[_i], 1, DMFT_OK), *back = NULL;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/run.h5", folder);
    ck_assert_msg(dmft_trajectory_write(t, path, 0, &err) == DMFT_OK, "%s", err.text);
    ck_assert_msg(dmft_trajectory_read(&back, path, &err) == DMFT_OK, "%s", err.text);
    expect_same(t, back);
    (void)unlink(path);
    (void)rmdir(folder);
    dmft_trajectory_free(t);
    dmft_trajectory_free(back);
}
END_TEST

/* ---- Ends and limits ---- */

START_TEST(divergence_leaves_the_first)
{
    dmft_trajectory *t = simulated(DEEP "training: {learning_rate: 4, steps: 60}\n" SIZE KEEP, 1, DMFT_DIVERGED);
    ck_assert_uint_eq(dmft_trajectory_array_count(t), 3);
    ck_assert_ptr_nonnull(dmft_trajectory_array(t, "A1_first", NULL));
    ck_assert_ptr_null(dmft_trajectory_array(t, "A1_last", NULL));
    dmft_trajectory_free(t);
}
END_TEST

/* One step: the first row is the last. */
START_TEST(one_row_is_both)
{
    dmft_trajectory *t = simulated(DEEP "training: {learning_rate: 0.1, steps: 1}\n" SIZE KEEP, 1, DMFT_OK);
    size_t rows, columns;
    const double *first = matrix_named(t, "A0_first", &rows, &columns), *last = dmft_trajectory_array(t, "A0_last", NULL);
    ck_assert(memcmp(first, last, rows * columns * sizeof *first) == 0);
    dmft_trajectory_free(t);
}
END_TEST

/* Kept beside the slots, and in the trajectory: four times the numbers of the weights. Sizes that fill up are refused by the limit. */
START_TEST(memory_counts_them)
{
    static const char *const without[] = {DEEP DESCENT SIZE, DEEP "training: {flow: true, time: 1, steps: 12}\n" SIZE, MLP STEPS WIDTH};
    dmft_problem *with = problem_of(configurations[_i]), *bare = problem_of(without[_i]);
    double entries = 0, more = dmft_simulate_estimate(with, 1).bytes - dmft_simulate_estimate(bare, 1).bytes;
    for (int i = 0; i < shape_count(_i); i++) entries += (double)(shapes[_i][i].rows * shapes[_i][i].columns);
    ck_assert_msg(more >= 32 * entries && more < 33 * entries + 300, "%g bytes for %g numbers", more, entries);
    dmft_run_options options = {.memory_limit = (size_t)(dmft_simulate_estimate(bare, 1).bytes + 1)};
    dmft_trajectory *t = NULL;
    ck_assert_int_eq(dmft_simulate(with, &options, &t, NULL), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert_ptr_null(t);
    dmft_problem_free(with);
    dmft_problem_free(bare);
}
END_TEST

/* The n-th allocation fails, for all n: an error each time, and nothing handed out. */
START_TEST(allocations_that_fail)
{
    dmft_problem *problem = problem_of(MLP "training: {learning_rate: 0.3, steps: 2}\nsimulation: {width: 7, seeds: 2}\noutput: {weights: true, samples: false}\n");
    int failed = 1;
    for (long n = 1; failed; n++) {
        dmft_trajectory *t = NULL;
        dmft_error err = {0};
        allocation_fail_at(n);
        int status = dmft_simulate(problem, NULL, &t, &err);
        failed = allocation_failed();
        allocation_fail_at(0);
        ck_assert_msg(status == (failed ? DMFT_ERROR_MEMORY : DMFT_OK), "allocation %ld: %d, %s", n, status, err.text);
        ck_assert((t == NULL) == failed);
        dmft_trajectory_free(t);
    }
    dmft_problem_free(problem);
}
END_TEST

/* One configuration serves theory and networks: the theory leaves out what it has not. */
START_TEST(theory_and_revealed_networks_have_none)
{
    dmft_error err = {0};
    for (int i = 0; i < 3; i++) {
        dmft_problem *problem = problem_of(configurations[i]);
        dmft_trajectory *t = NULL;
        size_t size[3];
        ck_assert_msg(dmft_solve(problem, NULL, &t, &err) == DMFT_OK, "%s", err.text);
        ck_assert_ptr_null(dmft_trajectory_array(t, "A0_first", size));
        dmft_trajectory_free(t);
        dmft_problem_free(problem);
    }
    static const char text[] = MLP STEPS KEEP "simulation: {width: 60, engine: revealed}\n";
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    ck_assert_int_eq(dmft_config_parse(&config, text, sizeof text - 1, "test", &err), DMFT_OK);
    ck_assert_int_eq(dmft_problem_create(&problem, config, &err), DMFT_ERROR_CONFIG);
    ck_assert_msg(strstr(err.text, "output.weights") != NULL && strstr(err.text, "revealed") != NULL, "%s", err.text);
    dmft_config_free(config);
}
END_TEST

/* Without series of samples the others stay as they are. */
START_TEST(means_alone)
{
    dmft_trajectory *all = simulated(MLP STEPS WIDTH, 1, DMFT_OK), *means = simulated(MLP STEPS WIDTH "output: {samples: false}\n", 1, DMFT_OK);
    size_t kept = dmft_trajectory_series_count(means), same = 0;
    ck_assert_uint_eq(dmft_trajectory_series_count(all), kept + 3 * 2 + 2 * 3 * 3);
    for (size_t i = 0; i < kept; i++) {
        const char *name = dmft_trajectory_series_name(means, i);
        const double *x = dmft_trajectory_series(means, name), *y = dmft_trajectory_series(all, name);
        ck_assert_msg(y != NULL && memcmp(x, y, dmft_trajectory_rows(means) * sizeof *x) == 0, "%s", name);
        same += strcmp(name, "C_g2") == 0 || strcmp(name, "train_loss") == 0 || strcmp(name, "ntk_top") == 0;
    }
    ck_assert_uint_eq(same, 3);
    ck_assert_ptr_null(dmft_trajectory_series(means, "f0_0"));
    ck_assert_ptr_null(dmft_trajectory_series(means, "C_h1_0"));
    dmft_trajectory_free(all);
    dmft_trajectory_free(means);
}
END_TEST

Suite *suite_stored_weights(void)
{
    Suite *suite = suite_create("stored weights");
    TCase *cases = tcase_create("stored weights");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, first_weights_have_their_variance, 0, 3);
    tcase_add_loop_test(cases, singular_values_are_those_recorded, 0, 3);
    tcase_add_test(cases, stored_weights_are_the_network);
    tcase_add_loop_test(cases, threads_do_not_matter, 0, 3);
    tcase_add_loop_test(cases, resumed_runs_have_the_same_weights, 0, 3);
    tcase_add_loop_test(cases, files_give_them_back, 0, 3);
    tcase_add_test(cases, divergence_leaves_the_first);
    tcase_add_test(cases, one_row_is_both);
    tcase_add_loop_test(cases, memory_counts_them, 0, 3);
    tcase_add_test(cases, allocations_that_fail);
    tcase_add_test(cases, theory_and_revealed_networks_have_none);
    tcase_add_test(cases, means_alone);
    suite_add_tcase(suite, cases);
    return suite;
}
