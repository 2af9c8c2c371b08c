/* Probes of the theory: leading mode of the tangent kernel, sharpness, edges of the bulk. Against the reference table, printed tables, closed forms,
 * the outliers of level 2, sampled matrices; and that they leave no trace. */
#include <check.h>
#include <fenv.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocation.h"
#include "cases.h"
#include "kernel/nested.h"
#include "suites.h"

static dmft_problem *parsed(const char *text)
{
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_error err = {0};
    ck_assert_msg(dmft_config_parse(&config, text, strlen(text), "test", &err) == DMFT_OK, "%s: %s", text, err.text);
    ck_assert_msg(dmft_problem_create(&problem, config, &err) == DMFT_OK, "%s: %s", text, err.text);
    dmft_config_free(config);
    return problem;
}

/* A run of `text` with more lines behind it. */
static dmft_trajectory *run(const char *text, const char *more)
{
    char whole[2048];
    ck_assert_int_lt(snprintf(whole, sizeof whole, "%s%s", text, more), (int)sizeof whole);
    dmft_problem *problem = parsed(whole);
    dmft_trajectory *t = solved(problem, DMFT_OK);
    dmft_problem_free(problem);
    return t;
}

static const double *series(const dmft_trajectory *t, const char *name)
{
    const double *x = dmft_trajectory_series(t, name);
    ck_assert_msg(x != NULL, "no series %s", name);
    return x;
}

#define BOTH "probes: {ntk: true, sharpness: true}\n"

/* ---- the reference table ---- */

enum { COLUMNS = 7 };

static FILE *open_reference(void)
{
    const char *root = getenv("DMFT_SRCDIR");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/tests/reference/rmt_sharpness_a.csv", root != NULL ? root : ".");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    return file;
}

START_TEST(reference_table)
{
    static const char *const name[COLUMNS] = {"step", "C_v", "C_Delta", "sharpness", "eta_sharpness", "bulk_edge_upper", "bulk_edge_lower"};
    dmft_trajectory *t = run("model: deep_linear\nnetwork: {depth: 2, width_ratio: 1.0, gamma0: 3, weight_variance: 0.5}\n"
                             "data: {sample_ratio: 4.0}\ntraining: {learning_rate: 0.03, steps: 61}\n",
                             "probes: {sharpness: true}\n");
    FILE *file = open_reference();
    char line[4096];
    double largest = 0.0;
    size_t row = 0;
    ck_assert(fgets(line, sizeof line, file) != NULL && fgets(line, sizeof line, file) != NULL);
    ck_assert_str_eq(strtok(line, "\r\n"), "step,C_v,C_Delta,sharpness,eta_sharpness,bulk_edge_upper,bulk_edge_lower");
    for (; fgets(line, sizeof line, file) != NULL; row++) {
        char *word = line;
        for (size_t i = 0; i < COLUMNS; i++) {
            double expected = strtod(word, &word), difference = fabs(series(t, name[i])[row] - expected) / fmax(fabs(expected), 1e-3);
            word++;
            largest = fmax(largest, difference);
            ck_assert_msg(difference <= 1e-9, "%s at %zu: %.12g, expected %.12g", name[i], row, series(t, name[i])[row], expected);
        }
    }
    ck_assert_uint_eq(row, 61);
    double edges = dmft_trajectory_number(t, "bulk_edge_difference");
    printf("rmt_sharpness_a: relative %.1e; upper edges by Lanczos and by the nested law %.1e\n", largest, edges);
    ck_assert_msg(edges < 1e-10, "%g", edges);
    ck_assert_ptr_null(dmft_trajectory_series(t, "ntk_top"));
    (void)fclose(file);
    dmft_trajectory_free(t);
}
END_TEST

/* Values printed with three decimals. Two of them had no more than 16 rows; with 40 they are 5.9661 and 3.2789 (and stay below 5.9667 and 3.2790). */
static const struct printed {
    const char *parameterization;
    double width_ratio, gamma0, learning_rate;
    long rows, count, at[7];
    double factor, value[7];
} printed[] = {
    {"mup", 1.0, 3.0, 0.03, 40, 3, {8, 15, 40}, 1.0, {5.211, 12.475, 16.062}},
    {"mup", 0.5, 3.0, 0.03, 16, 3, {8, 15, 40}, 1.0, {5.965, 11.626, 16.171}},
    {"ntk", 0.5, 3.0, 0.03, 40, 3, {8, 15, 40}, 1.0, {10.33, 22.78, 24.87}},
    {"ntk", 2.0, 3.0, 0.03, 16, 3, {8, 15, 40}, 1.0, {3.277, 6.259, 10.401}},
    {"mup", 0.25, 3.0, 0.03, 40, 1, {40}, 1.0, {16.73}},
    {"mup", 2.0, 3.0, 0.03, 40, 1, {40}, 1.0, {16.06}},
    {"mup", 4.0, 3.0, 0.03, 40, 1, {40}, 1.0, {16.08}},
    {"mup", 16.0, 3.0, 0.03, 40, 1, {40}, 1.0, {16.10}},
    {"ntk", 0.25, 3.0, 0.03, 40, 1, {40}, 1.0, {38.9}},
    {"ntk", 4.0, 3.0, 0.03, 40, 1, {40}, 1.0, {6.7}},
    {"ntk", 8.0, 3.0, 0.03, 40, 1, {40}, 1.0, {4.4}},
    {"ntk", 16.0, 3.0, 0.03, 40, 1, {40}, 1.0, {3.0}},
    {"mup", 1.0, 2.0, 0.21, 40, 7, {0, 5, 10, 20, 40, 80, 200}, 0.21, {0.685, 1.924, 2.094, 2.142, 2.241, 2.052, 1.963}},
};

/* Half a unit of the last digit printed, of numbers with at most three decimals. */
static double half_digit(double x)
{
    double unit = 1.0;
    while (unit > 2e-3 && fabs(x / unit - round(x / unit)) > 1e-9) unit /= 10.0;
    return 0.5 * unit;
}

START_TEST(printed_tables)
{
    const struct printed *s = &printed[_i];
    char text[512];
    (void)snprintf(text, sizeof text,
                   "model: deep_linear\nnetwork: {depth: 2, width_ratio: %g, parameterization: %s, gamma0: %g, weight_variance: 0.5}\n"
                   "data: {sample_ratio: 4.0}\ntraining: {learning_rate: %g, steps: %ld}\nprobes: {sharpness: true, rows: %ld}\n",
                   s->width_ratio, s->parameterization, s->gamma0, s->learning_rate, s->at[s->count - 1] + 1, s->rows);
    dmft_trajectory *t = run(text, "");
    for (long i = 0; i < s->count; i++) {
        double value = s->factor * series(t, "sharpness")[s->at[i]];
        ck_assert_msg(fabs(value - s->value[i]) <= 1.0001 * half_digit(s->value[i]), "%s nu %g t %ld: %.6f, printed %g", s->parameterization,
                      s->width_ratio, s->at[i], value, s->value[i]);
        ck_assert_double_eq_tol(series(t, "stability_margin")[s->at[i]], 2.0 - series(t, "eta_sharpness")[s->at[i]], 1e-15);
        ck_assert_double_eq_tol(series(t, "eta_sharpness")[s->at[i]], s->learning_rate * series(t, "sharpness")[s->at[i]], 1e-12);
    }
    dmft_trajectory_free(t);
}
END_TEST

/* ---- closed forms ---- */

static void check_number(const char *what, double value, double expected, double allowed)
{
    ck_assert_msg(fabs(value - expected) <= allowed * fmax(fabs(expected), 1e-3), "%s: %.12g, expected %.12g", what, value, expected);
}

/* M = c_0 + A^T A/nu of one hidden layer, c_0 = sigma_w^2; and X X^T/P c_0 where A = 0. */
START_TEST(untrained_networks_are_marchenko_pastur)
{
    static const double ratios[] = {0.3, 1.0, 2.385};
    char text[512];
    for (int i = 0; i < 3; i++) {
        double nu = ratios[i], root = sqrt(nu), alpha = ratios[2 - i], plus = 1.0 + 1.0 / sqrt(alpha), minus = 1.0 - 1.0 / sqrt(alpha);
        (void)snprintf(text, sizeof text,
                       "model: deep_linear\nnetwork: {depth: 1, width_ratio: %.17g, gamma0: 2, weight_variance: [0.8, 0.7]}\n"
                       "data: {sample_ratio: 3}\ntraining: {learning_rate: 0.02, steps: 1}\n",
                       nu);
        dmft_trajectory *t = run(text, BOTH);
        check_number("top of M", series(t, "ntk_top")[0], 0.7 + 0.8 / nu * (1.0 + root) * (1.0 + root), 1e-6);
        dmft_trajectory_free(t);
        (void)snprintf(text, sizeof text,
                       "model: deep_linear\nnetwork: {depth: 1, width_ratio: 0.8, gamma0: 2, weight_variance: [0, 0.7]}\n"
                       "data: {sample_ratio: %.17g}\ntraining: {learning_rate: 0.02, steps: 1}\n",
                       alpha);
        t = run(text, BOTH);
        check_number("M = c_0", series(t, "ntk_top")[0], 0.7, 1e-12);
        check_number("sharpness", series(t, "sharpness")[0], 0.7 * plus * plus, 1e-9);
        check_number("upper edge", series(t, "bulk_edge_upper")[0], 0.7 * plus * plus, 1e-9);
        check_number("lower edge", series(t, "bulk_edge_lower")[0], 0.7 * minus * minus, 1e-9);
        dmft_trajectory_free(t);
    }
}
END_TEST

/* Where nothing is learned, decay alone scales M by b(t)^{2L}. */
START_TEST(decay_shrinks_an_untrained_network)
{
    dmft_trajectory *t = run("model: deep_linear\nnetwork: {depth: 3, width_ratio: 0.7, gamma0: 2, weight_variance: [0.6, 0.9, 0.5, 0.8]}\n"
                             "data: {sample_ratio: 1.6}\n"
                             "training: {learning_rate: 0.02, steps: 4, schedule: [0, 0, 0, 0], weight_decay: 0.1}\n",
                             BOTH);
    static const char *const names[] = {"ntk_top", "sharpness", "bulk_edge_upper", "bulk_edge_lower"};
    for (size_t i = 0; i < 4; i++)
        for (int s = 1; s < 4; s++) check_number(names[i], series(t, names[i])[s], pow(0.9, 6.0 * s) * series(t, names[i])[0], 1e-7);
    for (int s = 0; s < 4; s++) ck_assert_double_eq(series(t, "eta_sharpness")[s], 0.0);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- against level 2: one hidden layer has M = c_0 + A^T A/nu, whose top is c_0 + z^2/nu for the outlier z of A ---- */

#define ONE(nu) "model: deep_linear\nnetwork: {depth: 1, width_ratio: " #nu ", gamma0: 3, weight_variance: [0.6, 0.4]}\n"

static const struct one_layer {
    double nu;
    const char *text;
} one_layers[] = {
    {0.6, ONE(0.6) "data: {sample_ratio: 2, label_noise: 0.3}\ntraining: {learning_rate: 0.05, steps: 40}\n"},
    {2.385, ONE(2.385) "data: {sample_ratio: 0.6}\ntraining: {learning_rate: 0.05, steps: 40}\n"},
    {0.6, ONE(0.6) "data: {sample_ratio: 1, batch: online, label_noise: 0.2}\ntraining: {learning_rate: 0.05, steps: 40}\n"},
    {1.0, ONE(1) "data: {sample_ratio: 2}\ntraining: {flow: true, time: 4, steps: 20}\n"},
    {0.6, ONE(0.6) "data: {sample_ratio: 2}\ntraining: {learning_rate: 0.03, steps: 40, momentum: 0.5, weight_decay: 0.005}\n"},
    {0.6, ONE(0.6) "data: {sample_ratio: 2, spectrum: {exponent: 0.5, target_exponent: 1, modes: 7}}\ntraining: {learning_rate: 0.04, steps: 40}\n"},
    {0.6, ONE(0.6) "data: {sample_ratio: 2, batch: bernoulli, batch_fraction: 0.5}\ntraining: {learning_rate: 0.04, steps: 40}\n"},
};

START_TEST(one_layer_follows_its_outlier)
{
    const struct one_layer *s = &one_layers[_i];
    dmft_trajectory *t = run(s->text, "probes: {ntk: true, rows: 120, every: 3}\n");
    const double *top = series(t, "ntk_top"), *z = series(t, "A0_outlier1"), *edge = series(t, "A0_edge"), *c = series(t, "C_g1");
    int outliers = 0;
    double largest = 0.0;
    for (size_t i = 0; i < dmft_trajectory_rows(t); i++) {
        if (i % 3 != 0) {
            ck_assert(isnan(top[i]));
            continue;
        }
        double value = fmax(isnan(z[i]) ? 0.0 : z[i], edge[i]), expected = c[i] + value * value / s->nu;
        largest = fmax(largest, fabs(top[i] - expected) / expected);
        outliers += !isnan(z[i]);
        ck_assert_msg(fabs(top[i] - expected) <= 1e-6 * expected, "t = %zu: %.12g, outlier says %.12g", i, top[i], expected);
    }
    printf("one layer, case %d: %d outliers, relative %.1e\n", _i, outliers, largest);
    ck_assert_int_gt(outliers, 3);
    ck_assert_ptr_null(dmft_trajectory_series(t, "sharpness"));
    dmft_trajectory_free(t);
}
END_TEST

/* ---- nested laws ---- */

#define TWO "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.8, gamma0: 2, weight_variance: 0.6}\n"
#define RESIDUAL "model: deep_linear\nnetwork: {depth: 3, residual: true, width_ratio: 0.8, gamma0: 2, weight_variance: 0.6}\n"
#define THREE "model: deep_linear\nnetwork: {depth: 3, width_ratio: 1.7, gamma0: 2, weight_variance: 0.7}\n"

static const char *const mixed[] = {
    TWO "data: {sample_ratio: 2, label_noise: 0.2}\ntraining: {learning_rate: 0.03, steps: 25}\n",
    THREE "data: {sample_ratio: 0.6}\ntraining: {learning_rate: 0.03, steps: 25}\n",
    TWO "data: {sample_ratio: 2}\ntraining: {flow: true, time: 1, steps: 25}\n",
    TWO "data: {sample_ratio: 2}\ntraining: {flow: true, time: 1, steps: 60}\ngrid: {kind: adaptive, tolerance: 1e-6}\n",
    TWO "data: {sample_ratio: 2, batch: online}\ntraining: {learning_rate: 0.03, steps: 25}\n",
    TWO "data: {sample_ratio: 2, batch: online, spectrum: {exponent: 0.2, target_exponent: 1, modes: 3}}\ntraining: {flow: true, time: 1, steps: 25}\n",
    TWO "data: {sample_ratio: 2, spectrum: {exponent: 0.6, target_exponent: 1, modes: 9}}\ntraining: {learning_rate: 0.03, steps: 25}\n",
    THREE "data: {sample_ratio: 2, batch: bernoulli, batch_fraction: 0.5}\ntraining: {learning_rate: 0.02, steps: 25, momentum: 0.5, weight_decay: 0.01}\n",
    TWO "data: {sample_ratio: 0.7}\ntraining: {learning_rate: 0.03, steps: 25}\noutput: {kernels: true}\n",
    RESIDUAL "data: {sample_ratio: 2, spectrum: {exponent: 0.3, target_exponent: 1, modes: 4}}\ntraining: {learning_rate: 0.03, steps: 25}\n",
};
enum { MIXED = sizeof mixed / sizeof *mixed };

START_TEST(edges_by_lanczos_and_by_nested_laws)
{
    dmft_trajectory *t = run(mixed[_i], BOTH);
    double difference = dmft_trajectory_number(t, "bulk_edge_difference");
    const double *sharpness = series(t, "sharpness"), *upper = series(t, "bulk_edge_upper"), *lower = series(t, "bulk_edge_lower");
    if (_i + 1 < MIXED) ck_assert_msg(difference <= 1e-6, "%g", difference);
    else ck_assert(isnan(difference)); /* residual branches have no nested law */
    for (size_t i = 0; i < dmft_trajectory_rows(t); i++) ck_assert(sharpness[i] >= upper[i] && upper[i] > lower[i] && lower[i] > 0.0);
    dmft_trajectory_free(t);
}
END_TEST

/* No spectrum, and a spectrum of equal eigenvalues, are the same law; so are fresh data in flow and M itself. */
START_TEST(a_flat_spectrum_is_none)
{
    static const double variance[] = {0.6, 0.9}, c[] = {0.4, 0.7, 1.0}, flat[] = {1.0, 1.0, 1.0, 1.0, 1.0};
    for (int data = 0; data < 3; data++) {
        struct nested_network w = {.depth = 2, .variance = variance, .c = c, .width_ratio = 0.7, .sample_ratio = 0.8 * data};
        struct kernel_nested plain, modes;
        double a[2], b[2];
        kernel_nested_network(&plain, &w);
        kernel_nested_edges(&plain, a);
        w.modes = 5;
        w.eigenvalue = flat;
        kernel_nested_network(&modes, &w);
        kernel_nested_edges(&modes, b);
        check_number("lower", b[0], a[0], 1e-10);
        check_number("upper", b[1], a[1], 1e-10);
    }
}
END_TEST

/* The searches for edges come onto poles, and say so before they divide: also where the eigenvalues are not numbers. */
START_TEST(edges_are_found_without_exceptions)
{
    static const double eigenvalue[] = {0.2, 0.7, 1.0, 1.1, 2.5}, scale[] = {1.0, 1e-60, 1e-200, 1e90};
    for (int i = 0; i < 96; i++) {
        double unit = scale[i % 4], variance[] = {0.8 * unit, 0.6 * unit, 1.1 * unit}, c[] = {1.3, 0.7, 0.9, 1.0}, edges[2];
        struct nested_network w = {.depth = 1 + i / 4 % 3, .variance = variance, .c = c, .width_ratio = 0.4 + 0.3 * (i % 5), .sample_ratio = 0.5 * (i % 3),
                                   .modes = i / 12 % 2 == 0 ? 0 : 5, .eigenvalue = eigenvalue};
        struct kernel_nested chain;
        kernel_nested_network(&chain, &w);
        (void)feclearexcept(FE_ALL_EXCEPT);
        kernel_nested_edges(&chain, edges);
        ck_assert_msg(fetestexcept(FE_INVALID | FE_DIVBYZERO) == 0, "chain %d raises %x", i, (unsigned)fetestexcept(FE_INVALID | FE_DIVBYZERO));
        ck_assert(isnan(edges[1]) || (edges[0] >= 0.0 && edges[1] >= edges[0]));
        ck_assert_msg(i % 4 != 0 || edges[1] > 0.0, "chain %d: %g", i, edges[1]);
    }
}
END_TEST

/* The extreme eigenvalues of K = X M X^T/P of matrices drawn here, with D inputs: of S M, S = X^T X/P. */
struct draw {
    int D, N, P;
    double *A0, *A1, *X, *B, *M, *S, *value;
};

static double gaussian(unsigned long long *state)
{
    double u[2];
    for (int i = 0; i < 2; i++) {
        *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
        u[i] = ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
    }
    return sqrt(-2.0 * log(u[0])) * cos(6.283185307179586 * u[1]);
}

static void multiply_transposed(const double *x, int rows, int columns, double factor, double *to)
{
    for (int k = 0; k < rows; k++)
        for (int i = 0; i < columns; i++)
            for (int j = 0; j <= i; j++) to[i * columns + j] += factor * x[k * columns + i] * x[k * columns + j];
}

static void extremes(const struct draw *d, const double *eigenvalue, int modes, unsigned long long seed, double top_bottom[2])
{
    static const double c0 = 0.3, c1 = 0.5, variance0 = 0.8, variance1 = 0.6;
    unsigned long long state = seed * 0x9E3779B97F4A7C15ULL + 1;
    double nu = (double)d->N / d->D;
    for (int i = 0; i < d->N * d->D; i++) d->A0[i] = sqrt(variance0 / d->D) * gaussian(&state);
    for (int i = 0; i < d->N * d->N; i++) d->A1[i] = sqrt(variance1 / d->N) * gaussian(&state);
    for (int i = 0; i < d->P * d->D; i++) d->X[i] = sqrt(eigenvalue[i % d->D % modes]) * gaussian(&state);
    memset(d->M, 0, (size_t)(d->D * d->D) * sizeof *d->M);
    memset(d->S, 0, (size_t)(d->D * d->D) * sizeof *d->S);
    memset(d->B, 0, (size_t)(d->N * d->D) * sizeof *d->B);
    for (int i = 0; i < d->N; i++)
        for (int k = 0; k < d->N; k++)
            for (int j = 0; j < d->D; j++) d->B[i * d->D + j] += d->A1[i * d->N + k] * d->A0[k * d->D + j];
    for (int i = 0; i < d->D; i++) d->M[i * d->D + i] = c0;
    multiply_transposed(d->A0, d->N, d->D, c1 / nu, d->M);
    multiply_transposed(d->B, d->N, d->D, 1.0 / nu, d->M);
    multiply_transposed(d->X, d->P, d->D, 1.0 / d->P, d->S);
    ck_assert_int_eq(LAPACKE_dsygv(LAPACK_ROW_MAJOR, 2, 'N', 'L', d->D, d->S, d->D, d->M, d->D, d->value), 0);
    top_bottom[0] = d->value[d->D - 1];
    top_bottom[1] = d->value[0];
}

/* Mean and standard error of top and bottom over so many draws. */
static void sample(int D, int draws, double nu, double alpha, const double *eigenvalue, int modes, double mean[2], double error[2])
{
    int N = (int)lround(nu * D), P = (int)lround(alpha * D);
    struct draw d = {.D = D, .N = N, .P = P};
    d.A0 = numbers((size_t)(N * D));
    d.A1 = numbers((size_t)(N * N));
    d.B = numbers((size_t)(N * D));
    d.X = numbers((size_t)(P * D));
    d.M = numbers((size_t)(D * D));
    d.S = numbers((size_t)(D * D));
    d.value = numbers((size_t)D);
    double sum[2] = {0.0, 0.0}, square[2] = {0.0, 0.0}, both[2];
    for (int s = 0; s < draws; s++) {
        extremes(&d, eigenvalue, modes, (unsigned long long)(1000 * D + s), both);
        for (int i = 0; i < 2; i++) {
            sum[i] += both[i] / draws;
            square[i] += both[i] * both[i] / draws;
        }
    }
    for (int i = 0; i < 2; i++) {
        mean[i] = sum[i];
        error[i] = sqrt((square[i] - sum[i] * sum[i]) / (draws - 1));
    }
    free(d.A0);
    free(d.A1);
    free(d.B);
    free(d.X);
    free(d.M);
    free(d.S);
    free(d.value);
}

/* The largest eigenvalue lies inside of the edge by D^{-2/3} times a constant, with a next term of D^{-4/3}: two sizes, a factor 8 in D^{2/3} = 4 apart,
 * are extrapolated to the edge. Within 4 standard errors, and half a per cent for the next term. */
static const struct law {
    double nu, alpha;
    int modes;
    double eigenvalue[6];
} laws[] = {
    {0.75, 2.5, 2, {0.5, 1.5}},
    {1.5, 1.5, 6, {0.1, 0.4, 0.6, 0.9, 1.5, 2.5}},
    {1.0, 1.25, 1, {1.0}},
};

START_TEST(nested_laws_are_those_of_sampled_matrices)
{
    const struct law *s = &laws[_i];
    static const double variance[] = {0.8, 0.6}, c[] = {0.3, 0.5, 1.0};
    struct nested_network w = {.depth = 2, .variance = variance, .c = c, .width_ratio = s->nu, .sample_ratio = s->alpha,
                               .modes = (size_t)s->modes, .eigenvalue = s->eigenvalue};
    struct kernel_nested chain;
    double edge[2], small[2], small_error[2], large[2], large_error[2];
    kernel_nested_network(&chain, &w);
    kernel_nested_edges(&chain, edge);
    sample(24, 200, s->nu, s->alpha, s->eigenvalue, s->modes, small, small_error);
    sample(192, 16, s->nu, s->alpha, s->eigenvalue, s->modes, large, large_error);
    double limit = (4.0 * large[0] - small[0]) / 3.0, error = hypot(4.0 * large_error[0], small_error[0]) / 3.0;
    printf("law %d: edge %.4f; D = 24 %.4f(%.4f), D = 192 %.4f(%.4f), extrapolated %.4f(%.4f); lower %.5f, D = 192 %.5f(%.5f)\n", _i, edge[1], small[0],
           small_error[0], large[0], large_error[0], limit, error, edge[0], large[1], large_error[1]);
    ck_assert_msg(fabs(limit - edge[1]) <= 4.0 * error + 5e-3 * edge[1], "edge %.5f, sampled %.5f(%.5f)", edge[1], limit, error);
    ck_assert(large[0] < edge[1] && large[0] > small[0]);
    ck_assert(large[1] > edge[0] && small[1] > edge[0]);
}
END_TEST

/* ---- no trace ---- */

START_TEST(probes_leave_no_trace)
{
    dmft_trajectory *plain = run(mixed[_i], ""), *probed = run(mixed[_i], "probes: {ntk: true, sharpness: true, every: 2, rows: 9}\n");
    size_t rows = dmft_trajectory_rows(plain);
    ck_assert_uint_eq(rows, dmft_trajectory_rows(probed));
    for (size_t i = 0; i < dmft_trajectory_series_count(plain); i++) {
        const char *name = dmft_trajectory_series_name(plain, i);
        const double *x = series(plain, name), *y = series(probed, name);
        for (size_t t = 0; t < rows; t++) ck_assert_msg(memcmp(x + t, y + t, sizeof *x) == 0, "%s at %zu: %.17g, probed %.17g", name, t, x[t], y[t]);
    }
    for (size_t i = 0; i < dmft_trajectory_kernel_count(plain); i++) {
        const char *name = dmft_trajectory_kernel_name(plain, i);
        size_t order = 0, stride = 0, other = 0;
        const double *x = dmft_trajectory_kernel(plain, name, &order, &stride), *y = dmft_trajectory_kernel(probed, name, NULL, &other);
        for (size_t t = 0; t < order; t++) ck_assert_int_eq(memcmp(x + t * stride, y + t * other, order * sizeof *x), 0);
    }
    static const char *const names[] = {"directions_X_in", "directions_X_out", "directions_A0_in", "directions_A1_out", "flow_evaluations",
                                        "outlier_ode_difference"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        double x = dmft_trajectory_number(plain, names[i]), y = dmft_trajectory_number(probed, names[i]);
        ck_assert_msg(x == y || (isnan(x) && isnan(y)), "%s: %g, probed %g", names[i], x, y);
    }
    dmft_trajectory_free(plain);
    dmft_trajectory_free(probed);
}
END_TEST

/* ---- few rows, zeros, refusals ---- */

START_TEST(few_rows_still_give_numbers)
{
    static const char *const names[] = {"ntk_top", "sharpness", "bulk_edge_upper", "bulk_edge_lower"};
    dmft_trajectory *whole = run(mixed[_i], BOTH);
    for (int n = 2; n <= 5; n += 3) {
        char probes[64];
        (void)snprintf(probes, sizeof probes, "probes: {ntk: true, sharpness: true, rows: %d}\n", n);
        dmft_trajectory *t = run(mixed[_i], probes);
        int residual = _i + 1 == MIXED;
        for (size_t i = 0; i < 4; i++)
            for (size_t s = 0; s < dmft_trajectory_rows(t); s++) {
                double x = series(t, names[i])[s], y = series(whole, names[i])[s];
                if (residual && i >= 2) ck_assert(isnan(x));
                else ck_assert_msg(i < 2 ? x > 0.5 * y && x <= y * (1.0 + 1e-9) : fabs(x - y) <= 1e-6 * y, "%s at %zu, %d rows: %g, of 40 %g", names[i], s, n, x, y);
            }
        dmft_trajectory_free(t);
    }
    dmft_trajectory_free(whole);
}
END_TEST

/* With variances of zero there is a number at every step. */
static const char *const variances[] = {"[0, 0.6, 0.5]", "[0.6, 0, 0.5]", "[0.6, 0.5, 0]", "[0, 0, 1]", "[0, 0, 0]", "[0.6, 0, 0]", "[1e-200, 1e-200, 1e-200]",
                                        "[1e-25, 0.4, 0.4]"};

START_TEST(zero_variances)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.8, gamma0: 2, weight_variance: %s}\n"
                   "data: {sample_ratio: 1.7, label_noise: 0.3}\ntraining: {learning_rate: 0.05, steps: 30}\n",
                   variances[_i]);
    dmft_trajectory *t = run(text, BOTH);
    static const char *const names[] = {"ntk_top", "sharpness", "bulk_edge_upper", "bulk_edge_lower"};
    for (size_t i = 0; i < 4; i++)
        for (size_t s = 0; s < 30; s++) ck_assert_msg(series(t, names[i])[s] >= 0.0 && isfinite(series(t, names[i])[s]), "%s at %zu: %g", names[i], s, series(t, names[i])[s]);
    ck_assert(!isgreater(dmft_trajectory_number(t, "bulk_edge_difference"), 1e-6)); /* nan where variances of 1e-200 leave the law no numbers */
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(steps_that_are_not_probed_are_nan)
{
    dmft_trajectory *t = run(mixed[0], "probes: {sharpness: true, every: 7}\n");
    static const char *const names[] = {"sharpness", "eta_sharpness", "stability_margin", "bulk_edge_upper", "bulk_edge_lower"};
    for (size_t i = 0; i < 5; i++)
        for (size_t s = 0; s < 25; s++) ck_assert(isnan(series(t, names[i])[s]) == (s % 7 != 0));
    dmft_trajectory_free(t);
    t = run(mixed[2], BOTH);
    ck_assert_ptr_null(dmft_trajectory_series(t, "eta_sharpness"));
    ck_assert_ptr_null(dmft_trajectory_series(t, "stability_margin"));
    dmft_trajectory_free(t);
    t = run(mixed[7], BOTH);
    for (size_t s = 0; s < 25; s++) ck_assert_double_eq_tol(series(t, "stability_margin")[s], 3.0 - series(t, "eta_sharpness")[s], 1e-14);
    dmft_trajectory_free(t);
}
END_TEST

/* 40 rows give 1e-6 of outliers that stand out by a per cent, and a few 1e-4 of those that have just left the bulk. */
START_TEST(forty_rows_are_enough)
{
    dmft_trajectory *few = run(mixed[_i], BOTH), *many = run(mixed[_i], "probes: {ntk: true, sharpness: true, rows: 150, every: 6}\n");
    static const char *const names[] = {"ntk_top", "sharpness"};
    for (size_t i = 0; i < 2; i++)
        for (size_t s = 0; s < dmft_trajectory_rows(few); s += 6) {
            double x = series(few, names[i])[s], y = series(many, names[i])[s];
            double edge = i == 1 ? series(few, "bulk_edge_upper")[s] : 0.0, allowed = i == 1 && (y > 1.02 * edge || y == edge) ? 1e-6 : 3e-4;
            ck_assert_msg(fabs(x - y) <= allowed * y, "%s at %zu: %.9g, of 150 rows %.9g", names[i], s, x, y);
        }
    dmft_trajectory_free(few);
    dmft_trajectory_free(many);
}
END_TEST

START_TEST(memory_is_counted)
{
    dmft_problem *plain = parsed(mixed[0]);
    char text[1024];
    (void)snprintf(text, sizeof text, "%sprobes: {sharpness: true, rows: 3000}\n", mixed[0]);
    dmft_problem *probed = parsed(text);
    dmft_estimate a = dmft_solve_estimate(plain, 1), b = dmft_solve_estimate(probed, 1);
    ck_assert(b.bytes > a.bytes + 8.0 * 3000.0 * 3000.0 && b.operations > a.operations + 1e9);
    dmft_run_options options = {.memory_limit = (size_t)(0.99 * b.bytes)};
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_solve(probed, &options, &t, &err), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert_ptr_null(t);
    dmft_problem_free(plain);
    dmft_problem_free(probed);
}
END_TEST

/* ---- the other method, memory ---- */

/* Rows of kernels run the same Lanczos in other terms. For N < D they take M through the hidden space, another Krylov space, so that ntk_top differs as
 * 40 rows do (3e-4 just behind an escape); their edges have settled at 1e-6 of the upper one. */
START_TEST(two_methods_agree)
{
    static const char *const names[] = {"ntk_top", "sharpness", "bulk_edge_upper", "bulk_edge_lower"};
    static const int without_flow[] = {0, 1, 4, 6, 7, 8, 9};
    const char *text = mixed[without_flow[_i]];
    dmft_trajectory *basis = run(text, BOTH), *rows = run(text, "method: rows\n" BOTH);
    double largest = 0.0;
    for (size_t i = 0; i < 4; i++)
        for (size_t s = 0; s < dmft_trajectory_rows(basis); s++) {
            double x = series(basis, names[i])[s], y = series(rows, names[i])[s];
            if (isnan(x) || isnan(y)) {
                ck_assert_msg(i >= 2, "%s at %zu: %g and %g", names[i], s, x, y);
                continue;
            }
            largest = fmax(largest, fabs(x - y) / x);
            double other = i == 0 && strstr(text, "width_ratio: 0.8") != NULL ? 3e-4 * x : 1e-6 * x, edge = i >= 2 ? 4e-6 * series(rows, names[2])[s] : 0.0;
            ck_assert_msg(fabs(x - y) <= other + edge, "%s at %zu: %.12g, by rows %.12g", names[i], s, x, y);
        }
    printf("two methods, case %d: %.1e\n", without_flow[_i], largest);
    dmft_trajectory_free(basis);
    dmft_trajectory_free(rows);
}
END_TEST

/* What few samples do not see of the vectors of a run takes digits from rows, which stop before they are gone. */
START_TEST(few_samples_by_rows)
{
    static const double ratio[] = {0.1, 0.3, 0.5, 0.8};
    char text[768];
    (void)snprintf(text, sizeof text,
                   "model: deep_linear\nnetwork: {depth: 3, width_ratio: 4, gamma0: 1, weight_variance: [0.1, 1.0, 0.5, 0.1], parameterization: ntk}\n"
                   "data: {sample_ratio: %g, label_noise: 0.2, batch: bernoulli, batch_fraction: 0.9}\n"
                   "training: {learning_rate: 0.1, steps: 28, momentum: 0.3}\nprobes: {sharpness: true, every: 3}\n",
                   ratio[_i]);
    dmft_trajectory *basis = run(text, ""), *rows = run(text, "method: rows\n");
    double largest = 0.0;
    for (size_t s = 0; s < 28; s += 3) {
        largest = fmax(largest, fabs(series(rows, "sharpness")[s] / series(basis, "sharpness")[s] - 1.0));
        ck_assert_double_eq_tol(series(rows, "bulk_edge_upper")[s] / series(basis, "bulk_edge_upper")[s], 1.0, 1e-6);
    }
    printf("few samples, ratio %g: sharpness by rows off by %.1e\n", ratio[_i], largest);
    ck_assert_double_lt(largest, 1e-3); /* next to an escape; with forty vectors by hundreds */
    dmft_trajectory_free(basis);
    dmft_trajectory_free(rows);
}
END_TEST

/* The n-th allocation fails, for every n: an error each time, and in the end the result. */
START_TEST(allocations_fail)
{
    static const char *const texts[] = {TWO "data: {sample_ratio: 2}\ntraining: {learning_rate: 0.03, steps: 4}\nprobes: {ntk: true, sharpness: true, rows: 30}\n",
                                        RESIDUAL "data: {sample_ratio: 2}\ntraining: {learning_rate: 0.03, steps: 3, momentum: 0.4}\nprobes: {ntk: true, rows: 20}\n"};
    dmft_problem *p = parsed(texts[_i]);
    int status = DMFT_ERROR_MEMORY;
    long count = 0;
    for (; status == DMFT_ERROR_MEMORY; count++) {
        dmft_trajectory *t = NULL;
        dmft_error err = {.text = ""};
        allocation_fail_at(count + 1);
        status = dmft_solve(p, NULL, &t, &err);
        allocation_fail_at(0);
        ck_assert((status == DMFT_OK) == (t != NULL));
        dmft_trajectory_free(t);
    }
    ck_assert_int_eq(status, DMFT_OK);
    ck_assert_int_gt(count, 200);
    dmft_problem_free(p);
}
END_TEST

/* ---- model mlp ---- */

#define MLP(activation)                                                                                                                              \
    "model: mlp\nnetwork: {depth: 2, activation: " activation ", gamma0: 2, weight_variance: 1}\n"                                                   \
    "data: {gram: [[1.0, 0.4, -0.2], [0.4, 1.0, 0.3], [-0.2, 0.3, 0.9]], target: [1, 1, -1]}\n"                                                      \
    "sampling: {sites: 300, replicas: 1}\nsimulation: {width: 100, seeds: 1}\nprobes: {ntk: true, sharpness: true, every: 4}\n"
#define PLAIN "training: {learning_rate: 0.3, steps: 9}\n"

static const struct mlp_run {
    const char *text;
    int simulate;
} mlp_runs[] = {
    {MLP("linear") PLAIN, 0},
    {MLP("tanh") PLAIN, 0},
    {MLP("tanh") PLAIN "solver: response\n", 0},
    {MLP("tanh") PLAIN, 1},
    {MLP("relu") PLAIN, 2},
};

/* The three eigenvalues of three samples add up to the trace of (N3), of one network; and the margin follows from the first. */
START_TEST(eigenvalues_of_three_samples)
{
    const struct mlp_run *r = &mlp_runs[_i];
    char text[1024];
    static const double gram[] = {1.0, 1.0, 0.9};
    (void)snprintf(text, sizeof text, "%s", r->text);
    if (r->simulate == 2) {
        char *place = strstr(text, "seeds: 1");
        ck_assert_ptr_nonnull(place);
        memmove(place + 18, place, strlen(place) + 1);
        memcpy(place, "engine: revealed, ", 18);
    }
    dmft_problem *p = parsed(text);
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    int status = r->simulate ? dmft_simulate(p, NULL, &t, &err) : dmft_solve(p, NULL, &t, &err);
    ck_assert_msg(status == DMFT_OK, "%s", err.text);
    for (size_t s = 0; s < 9; s++) {
        double trace = 0.0, sum = series(t, "ntk_top")[s] + series(t, "ntk_top2")[s] + series(t, "ntk_top3")[s];
        for (int mu = 0; mu < 3; mu++) {
            char name[32];
            double below = gram[mu];
            for (int l = 1; l <= 2; l++) {
                (void)snprintf(name, sizeof name, "C_g%d_%d", l, mu);
                trace += below * series(t, name)[s];
                (void)snprintf(name, sizeof name, "C_h%d_%d", l, mu);
                below = series(t, name)[s];
            }
            trace += below;
        }
        check_number("trace", sum, trace, 1e-9);
        ck_assert(series(t, "ntk_top")[s] >= series(t, "ntk_top2")[s] && series(t, "ntk_top2")[s] >= series(t, "ntk_top3")[s]);
        ck_assert(isnan(series(t, "sharpness")[s]) == (s % 4 != 0));
        if (s % 4 != 0) continue;
        check_number("sharpness", series(t, "sharpness")[s], series(t, "ntk_top")[s] / 3.0, 1e-15);
        check_number("eta x sharpness", series(t, "eta_sharpness")[s], 0.1 * series(t, "ntk_top")[s], 1e-14);
        check_number("margin", series(t, "stability_margin")[s], 2.0 - 0.1 * series(t, "ntk_top")[s], 1e-14);
    }
    dmft_problem_free(p);
    dmft_trajectory_free(t);
}
END_TEST

/* Without probes.ntk there is ntk_top alone, and without probes.sharpness no sharpness. */
START_TEST(mlp_has_the_top_always)
{
    dmft_problem *p = parsed("model: mlp\nnetwork: {depth: 1, activation: linear, gamma0: 2, weight_variance: 1}\n"
                             "data: {gram: [[1.0, 0.4], [0.4, 1.0]], target: [1, -1]}\n" PLAIN);
    dmft_trajectory *t = solved(p, DMFT_OK);
    ck_assert_ptr_nonnull(dmft_trajectory_series(t, "ntk_top"));
    ck_assert_ptr_null(dmft_trajectory_series(t, "ntk_top2"));
    ck_assert_ptr_null(dmft_trajectory_series(t, "sharpness"));
    ck_assert_ptr_null(dmft_trajectory_series(t, "stability_margin"));
    dmft_problem_free(p);
    dmft_trajectory_free(t);
}
END_TEST

/* The lazy limit has none. */
START_TEST(the_lazy_limit_has_no_probes)
{
    dmft_config *config = NULL;
    dmft_problem *p = NULL;
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    const char *text = TWO "data: {sample_ratio: 2}\ntraining: {learning_rate: 0.03, steps: 5}\nmethod: lazy\n" BOTH;
    ck_assert_int_eq(dmft_config_parse(&config, text, strlen(text), "test", &err), DMFT_OK);
    ck_assert_int_lt(dmft_problem_create(&p, config, &err), 0);
    ck_assert_msg(strstr(err.text, "probes.ntk") != NULL, "%s", err.text);
    ck_assert_ptr_null(p);
    ck_assert_ptr_null(t);
    dmft_config_free(config);
}
END_TEST

Suite *suite_probe(void)
{
    Suite *suite = suite_create("probe");
    TCase *laws_case = tcase_create("laws"), *runs = tcase_create("runs");
    tcase_set_timeout(laws_case, 60);
    tcase_set_timeout(runs, 60);
    tcase_add_test(laws_case, reference_table);
    tcase_add_loop_test(laws_case, printed_tables, 0, sizeof printed / sizeof *printed);
    tcase_add_test(laws_case, untrained_networks_are_marchenko_pastur);
    tcase_add_test(laws_case, decay_shrinks_an_untrained_network);
    tcase_add_loop_test(laws_case, one_layer_follows_its_outlier, 0, sizeof one_layers / sizeof *one_layers);
    tcase_add_test(laws_case, a_flat_spectrum_is_none);
    tcase_add_test(laws_case, edges_are_found_without_exceptions);
    tcase_add_loop_test(laws_case, nested_laws_are_those_of_sampled_matrices, 0, sizeof laws / sizeof *laws);
    tcase_add_loop_test(laws_case, edges_by_lanczos_and_by_nested_laws, 0, MIXED);
    tcase_add_loop_test(runs, probes_leave_no_trace, 0, MIXED);
    tcase_add_loop_test(runs, few_rows_still_give_numbers, 0, MIXED);
    tcase_add_loop_test(runs, forty_rows_are_enough, 0, MIXED);
    tcase_add_loop_test(runs, zero_variances, 0, sizeof variances / sizeof *variances);
    tcase_add_test(runs, steps_that_are_not_probed_are_nan);
    tcase_add_test(runs, memory_is_counted);
    tcase_add_loop_test(runs, two_methods_agree, 0, 7);
    tcase_add_loop_test(runs, few_samples_by_rows, 0, 4);
    tcase_add_loop_test(runs, allocations_fail, 0, 2);
    tcase_add_loop_test(runs, eigenvalues_of_three_samples, 0, sizeof mlp_runs / sizeof *mlp_runs);
    tcase_add_test(runs, mlp_has_the_top_always);
    tcase_add_test(runs, the_lazy_limit_has_no_probes);
    suite_add_tcase(suite, laws_case);
    suite_add_tcase(suite, runs);
    return suite;
}
