/*
 * Deep linear networks whose weights are multiplied by a factor and shaken by noise at every step: the reference table, limits where two problems are
 * one, what a bulk that forgets can know, outliers from kernels with a variance an event, the outlier ODE under noise, networks step by step and in the
 * mean, threads and checkpoints. Kernels, responses, outliers and probes against the slow reference: test_training.c.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocation.h"
#include "base/random.h"
#include "cases.h"
#include "network/network.h"
#include "numbers.h"
#include "reference.h"
#include "runs.h"
#include "slow_training.h"
#include "suites.h"

/* ---- problems from text ---- */

#define MODEL "model: deep_linear\n"
#define KAPPA MODEL "network: {depth: 2, width_ratio: 1, gamma0: 3, weight_variance: 0.5, weight_factor: [1, 0.98, 1], injected_variance: [0, 0.02, 0]}\n" \
              "data: {sample_ratio: 4, label_noise: 0.3}\ntraining: {learning_rate: 0.03, steps: 61}\n"
#define NARROW MODEL "network: {depth: 2, width_ratio: 0.5, gamma0: 6, weight_variance: 0.5, weight_factor: [0.99, 0.96, 0.995], " \
               "injected_variance: [0.02, 0.04, 0]}\ndata: {sample_ratio: 4, label_noise: 0.2}\ntraining: {learning_rate: 0.03, steps: 41}\n"
#define MIXED MODEL "network: {depth: 3, width_ratio: 1.5, parameterization: ntk, gamma0: 3, weight_variance: [0.4, 0.3, 0.2, 0.5], residual: true,\n" \
              "  weight_factor: [0.97, 0.98, 0.99, 0.95], injected_variance: [0.02, 0.04, 0.01, 0.03]}\n" \
              "data: {sample_ratio: 2, label_noise: 0.3, batch: bernoulli, batch_fraction: 0.5, spectrum: {exponent: 0.6, target_exponent: 0.5, modes: 5}}\n" \
              "training: {learning_rate: 0.015, steps: 21, momentum: 0.5}\n"

static dmft_trajectory *solved_with(const char *text, const char *const *set)
{
    dmft_problem *p = problem_with(text, set);
    dmft_trajectory *t = solved(p, DMFT_OK);
    dmft_problem_free(p);
    return t;
}

/* The largest difference of the default columns, of outliers relative to themselves, of kernels to the largest of the column; nan stands where nan does. */
static double columns_apart(const dmft_trajectory *a, const dmft_trajectory *b)
{
    double worst = 0.0;
    size_t rows = dmft_trajectory_rows(a);
    ck_assert_uint_eq(rows, dmft_trajectory_rows(b));
    for (size_t i = 0; i < dmft_trajectory_series_count(a); i++) {
        const char *name = dmft_trajectory_series_name(a, i);
        if (!dmft_trajectory_series_shown(a, i)) continue;
        const double *x = series(a, name), *y = series(b, name);
        double most = 1e-300;
        for (size_t t = 0; t < rows; t++) most = fmax(most, fabs(x[t]));
        for (size_t t = 0; t < rows; t++) {
            ck_assert_msg(isnan(x[t]) == isnan(y[t]), "%s, step %zu: %g and %g", name, t, x[t], y[t]);
            if (!isnan(x[t])) worst = fmax(worst, fabs(x[t] - y[t]) / (strstr(name, "outlier") != NULL ? fabs(x[t]) : most));
        }
    }
    return worst;
}

/* ---- the reference table ---- */

/* All thirteen columns to the twelve digits that the table has. */
START_TEST(reference_numbers)
{
    dmft_trajectory *table = reference_table("rmt_kappa_a");
    dmft_problem *p = reference_problem("rmt_kappa_a", NULL);
    dmft_trajectory *t = solved(p, DMFT_OK);
    double worst = 0.0;
    size_t rows = dmft_trajectory_rows(table);
    ck_assert_uint_eq(dmft_trajectory_rows(t), rows);
    ck_assert_uint_eq(dmft_trajectory_series_count(table), 13);
    for (size_t i = 0; i < 13; i++) {
        const char *name = dmft_trajectory_series_name(table, i);
        const double *x = series(table, name), *y = series(t, name);
        for (size_t k = 0; k < rows; k++) {
            ck_assert_msg(isnan(x[k]) == isnan(y[k]), "%s, step %zu: %g, expected %g", name, k, y[k], x[k]);
            if (isnan(x[k])) continue;
            ck_assert_msg(fabs(y[k] - x[k]) <= fmax(1e-12, 1e-10 * fabs(x[k])), "%s, step %zu: %.15g, expected %.12g", name, k, y[k], x[k]);
            if (x[k] != 0.0) worst = fmax(worst, fabs(y[k] / x[k] - 1.0));
        }
    }
    printf("rmt_kappa_a: largest relative error %.1e\n", worst);
    dmft_trajectory_free(t);
    dmft_trajectory_free(table);
    dmft_problem_free(p);
}
END_TEST

/* The slow reference of test_training.c has the same numbers. */
START_TEST(slow_numbers)
{
    dmft_trajectory *table = reference_table("rmt_kappa_a");
    dmft_problem *p = reference_problem("rmt_kappa_a", NULL);
    slow_training s = {.depth = p->depth,
                       .steps = 31,
                       .width_ratio = p->width_ratio,
                       .sample_ratio = p->sample_ratio,
                       .gamma0 = p->gamma0,
                       .label_noise = p->label_noise,
                       .learning_rate = p->learning_rate,
                       .weight_variance = p->weight_variance,
                       .fraction = 1.0,
                       .factor = p->weight_factor,
                       .injected = p->injected_variance};
    slow_run *r = slow_train(&s);
    ck_assert_ptr_nonnull(r);
    for (int t = 0; t < s.steps; t += 5) {
        slow_outlier o = {.z = NAN};
        double C_g1 = series(table, "C_g1")[t], z = series(table, "A1_outlier1")[t];
        ck_assert_double_le(fabs(r->C_g[1][t * r->stride + t] / C_g1 - 1.0), 1e-10);
        ck_assert_int_eq(slow_outliers(r, 1, t, 1, &o) > 0, !isnan(z));
        if (!isnan(z)) ck_assert_double_le(fabs(o.z / z - 1.0), 1e-10);
    }
    slow_run_free(r);
    dmft_trajectory_free(table);
    dmft_problem_free(p);
}
END_TEST

/* ---- two problems that are one ---- */

static const char *const plain[] = {
    MODEL "network: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\ndata: {sample_ratio: 4}\ntraining: {learning_rate: 0.02, steps: 50}\n",
    MODEL "network: {depth: 2, width_ratio: 1.5, parameterization: ntk, gamma0: 3, weight_variance: [0.4, 0.3, 0.5], residual: true}\n"
          "data: {sample_ratio: 2, label_noise: 0.3, batch: epoch, batch_fraction: 0.25}\ntraining: {learning_rate: 0.02, steps: 30, momentum: 0.4}\n",
    MODEL "network: {depth: 2, width_ratio: 1, gamma0: 4, weight_variance: 0.5}\ndata: {sample_ratio: 1, batch: online}\n"
          "training: {learning_rate: 0.02, steps: 30}\n",
};

/* Factors 1 and no noise are plain training. */
START_TEST(ones_and_zeros_are_plain)
{
    static const char *const rows[] = {"method", "rows", NULL};
    static const char *const given[] = {"network.weight_factor", "[1, 1, 1]", "network.injected_variance", "[0, 0, 0]", NULL};
    dmft_trajectory *a = solved_with(plain[_i], rows), *b = solved_with(plain[_i], given);
    double apart = columns_apart(a, b);
    printf("ones and zeros, case %d: %.1e from the plain run\n", _i, apart);
    ck_assert_double_le(apart, 1e-11);
    dmft_trajectory_free(a);
    dmft_trajectory_free(b);
}
END_TEST

/* One factor for all is weight decay, which goes another way: A(t)/b(t), (Q11). So is no noise on top of decay. */
START_TEST(one_factor_is_decay)
{
    static const char *const decay[] = {"method", "rows", "training.weight_decay", "0.03", NULL};
    static const char *const factor[] = {"network.weight_factor", "[0.97, 0.97, 0.97]", NULL};
    static const char *const silent[] = {"training.weight_decay", "0.03", "network.injected_variance", "[0, 0, 0]", NULL};
    dmft_trajectory *a = solved_with(plain[_i], decay), *b = solved_with(plain[_i], factor), *c = solved_with(plain[_i], silent);
    ck_assert_double_le(columns_apart(a, b), 1e-10);
    ck_assert_double_le(columns_apart(b, c), 1e-14);
    for (int l = 0; l < 2; l++) {
        char name[NAME];
        (void)snprintf(name, sizeof name, "A%d_edge", l);
        for (size_t t = 0; t < dmft_trajectory_rows(a); t++) ck_assert_double_le(fabs(series(a, name)[t] / series(b, name)[t] - 1.0), 1e-13);
        (void)snprintf(name, sizeof name, "A%d_left_overlap", l);
        for (size_t t = 0; t < dmft_trajectory_rows(a); t++) {
            double x = series(a, name)[t], y = series(b, name)[t];
            ck_assert(isnan(x) == isnan(y) && (isnan(x) || fabs(x - y) <= 1e-8 * fabs(x)));
        }
    }
    dmft_trajectory_free(a);
    dmft_trajectory_free(b);
    dmft_trajectory_free(c);
}
END_TEST

/* ---- the bulk ---- */

START_TEST(variance_of_the_bulk)
{
    static const double factors[] = {0.0, 0.3, 0.98, 1.0 - 1e-9, 1.0 - 1e-15, 1.0, 1.0 + 1e-9, 1.01};
    static const double noises[] = {0.0, 0.02, 1.3};
    double factor = 0.0, noise = 0.0, first = 0.4, worst = 0.0;
    dmft_problem p = {.weight_variance = &first, .weight_factor = &factor, .injected_variance = &noise};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        for (size_t j = 0; j < 3; j++) {
            double v = first;
            factor = factors[i];
            noise = noises[j];
            for (long t = 0; t < 3000; t++) {
                if (v > 1e-300) worst = fmax(worst, fabs(problem_bulk_variance(&p, 0, t) / v - 1.0));
                v = factor * factor * v + noise;
            }
        }
    printf("variance of the bulk: %.1e from the recursion\n", worst);
    ck_assert_double_le(worst, 1e-11);
}
END_TEST

/* sigma2_A{l} and A{l}_edge go together, and rest where noise brings what the factor takes. */
START_TEST(edges_that_rest)
{
    static const char *const set[] = {"network.injected_variance", "[0.00995, 0.0392, 0.5]", "network.width_ratio", "0.5", NULL};
    dmft_trajectory *t = solved_with(NARROW, set);
    for (size_t k = 0; k < dmft_trajectory_rows(t); k++) {
        ck_assert_double_le(fabs(series(t, "sigma2_A0")[k] - 0.5), 1e-14);
        ck_assert_double_le(fabs(series(t, "sigma2_A1")[k] - 0.5), 1e-14);
        ck_assert_double_le(fabs(series(t, "A0_edge")[k] - sqrt(0.5) * (1.0 + sqrt(0.5))), 1e-14);
        ck_assert_double_le(fabs(series(t, "A1_edge")[k] - sqrt(2.0)), 1e-14);
    }
    dmft_trajectory_free(t);
}
END_TEST

/* With a factor 0 the matrix is the last update and fresh noise, which have never met: one independent spike, (P1). */
START_TEST(a_bulk_without_memory)
{
    static const char *const set[] = {"network.weight_factor", "[1, 0, 1]", "network.injected_variance", "[0, 0.004, 0]", NULL};
    dmft_trajectory *t = solved_with(KAPPA, set);
    const double *z = series(t, "A1_outlier1"), *second = series(t, "A1_outlier2"), *C_h1 = series(t, "C_h1"), *C_g2 = series(t, "C_g2");
    double c = 0.03 * 3.0, sigma2 = 0.004;
    int found = 0;
    for (size_t k = 1; k < dmft_trajectory_rows(t); k++) {
        double root = c * c * C_g2[k - 1] * C_h1[k - 1];
        ck_assert(isnan(second[k]));
        ck_assert_msg(isnan(z[k]) == !(root > sigma2), "step %zu: %g, lambda^2 is %g", k, z[k], root);
        if (isnan(z[k])) continue;
        found++;
        ck_assert_double_le(fabs(z[k] - (root + sigma2) / sqrt(root)), 1e-10 * z[k]);
    }
    printf("a bulk without memory: %d of %zu steps have an outlier\n", found, dmft_trajectory_rows(t));
    ck_assert(found > 10 && found < 50);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- outliers from kernels ---- */

/* A_1 of a run of depth 2 and of aspect 1 after t updates, with a query; the arrays belong to whoever asks. */
struct matrix {
    double *weight, *variance;
    dmft_kernels k;
};

static struct matrix matrix_at(const dmft_trajectory *run, const dmft_problem *p, long t)
{
    size_t count = (size_t)t + 1, stride = 0;
    struct matrix m = {.weight = numbers(count), .variance = numbers(count)};
    double f = p->weight_factor[1], c = p->learning_rate * p->gamma0; /* muP */
    for (long s = 0; s <= t; s++) {
        m.weight[s] = s < t ? c * pow(f, (double)(t - 1 - s)) : 0.0;
        m.variance[s] = pow(f, (double)(t - s)) * problem_bulk_variance(p, 1, s);
    }
    m.k = (dmft_kernels){.count = count, .weight = m.weight, .variance = m.variance, .sigma2 = m.variance[t], .psi = 1.0};
    m.k.C_phi = dmft_trajectory_kernel(run, "C_h1", NULL, &stride);
    m.k.stride = stride;
    m.k.R_phi = dmft_trajectory_kernel(run, "R_h1", NULL, NULL);
    m.k.C_g = dmft_trajectory_kernel(run, "C_g2", NULL, NULL);
    m.k.R_g = dmft_trajectory_kernel(run, "R_g2", NULL, NULL);
    ck_assert(m.k.C_phi && m.k.R_phi && m.k.C_g && m.k.R_g);
    return m;
}

static void matrix_free(struct matrix *m)
{
    free(m->weight);
    free(m->variance);
}

static dmft_outliers *outliers_of(const dmft_kernels *k)
{
    dmft_outliers *o = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_outliers_create(&o, k, 2, &err) == DMFT_OK, "%s", err.text);
    return o;
}

static const char *const with_kernels[] = {"output.kernels", "true", NULL};

/* Kernels of the file, with v(t,c), give the outliers of the run; with sigma^2(t) for all events they give something else altogether. */
START_TEST(kernels_with_a_variance_an_event)
{
    dmft_problem *p = problem_with(NARROW, with_kernels);
    dmft_trajectory *t = solved(p, DMFT_OK);
    for (long step = 10; step <= 40; step += 10) {
        struct matrix m = matrix_at(t, p, step);
        dmft_outliers *o = outliers_of(&m.k);
        double z = series(t, "A1_outlier1")[step], left = dmft_outliers_left(o, 0)[step], right = dmft_outliers_right(o, 0)[step];
        ck_assert_uint_eq(dmft_outliers_count(o), 1);
        ck_assert_double_le(fabs(dmft_outliers_z(o, 0) - z), 1e-10 * z);
        ck_assert_double_le(fabs(dmft_outliers_edge(o) - series(t, "A1_edge")[step]), 1e-12);
        ck_assert_double_le(fabs(left * left - series(t, "A1_left_overlap")[step]), 1e-7 * left * left);
        ck_assert_double_le(fabs(right * right - series(t, "A1_right_overlap")[step]), 1e-7 * right * right);
        m.k.variance = NULL;
        dmft_outliers *wrong = outliers_of(&m.k);
        double off = dmft_outliers_z(wrong, 0) - z;
        printf("step %ld: z %.4f, with sigma^2(t) in place of v(t,s) %.4f\n", step, z, z + off);
        ck_assert_double_gt(off, step < 20 ? 0.05 : 0.15);
        dmft_outliers_free(o);
        dmft_outliers_free(wrong);
        matrix_free(&m);
    }
    dmft_trajectory_free(t);
    dmft_problem_free(p);
}
END_TEST

/* The same variance for all events is sigma2, bit by bit; what cannot be is refused by name. */
START_TEST(variances_that_are_handed_in)
{
    dmft_problem *p = problem_with(KAPPA, with_kernels);
    dmft_trajectory *t = solved(p, DMFT_OK);
    struct matrix m = matrix_at(t, p, 40);
    dmft_outliers *a = NULL, *b = NULL;
    dmft_error err = {.text = ""};
    m.k.sigma2 = 0.25;
    for (size_t s = 0; s < m.k.count; s++) m.variance[s] = 0.25;
    b = outliers_of(&m.k);
    m.k.variance = NULL;
    a = outliers_of(&m.k);
    ck_assert(dmft_outliers_count(a) == 1 && dmft_outliers_z(a, 0) == dmft_outliers_z(b, 0));
    ck_assert(memcmp(dmft_outliers_left(a, 0), dmft_outliers_left(b, 0), m.k.count * sizeof(double)) == 0);
    dmft_outliers_free(a);
    dmft_outliers_free(b);
    m.k.variance = m.variance;
    m.k.sigma2 = 0.0;
    ck_assert_int_eq(dmft_outliers_create(&a, &m.k, 2, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(err.text, "variance[0] must be 0 where sigma2 is 0, got 0.25");
    m.variance[3] = INFINITY;
    ck_assert_int_eq(dmft_outliers_create(&a, &m.k, 2, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(err.text, "variance[3] is not finite: inf");
    matrix_free(&m);
    dmft_trajectory_free(t);
    dmft_problem_free(p);
}
END_TEST

/* Fresh noise leaves lambda^2 alone and moves z by (b + psi a)/2 a unit of variance, (KN9). */
START_TEST(fresh_noise_moves_z_alone)
{
    dmft_problem *p = problem_with(KAPPA, with_kernels);
    dmft_trajectory *t = solved(p, DMFT_OK);
    struct matrix m = matrix_at(t, p, 40);
    double root[2], z[2], step = 1e-5, sigma2 = m.k.sigma2;
    for (int i = 0; i < 2; i++) {
        m.k.sigma2 = sigma2 + (i == 0 ? -step : step);
        dmft_outliers *o = outliers_of(&m.k);
        root[i] = dmft_outliers_root(o, 0);
        z[i] = dmft_outliers_z(o, 0);
        dmft_outliers_free(o);
    }
    dmft_resolvent at;
    ck_assert_int_eq(dmft_resolvent_at(0.5 * (z[0] + z[1]), sigma2, 1.0, &at, NULL), DMFT_OK);
    ck_assert_double_le(fabs(root[1] - root[0]), 1e-12 * root[0]);
    ck_assert_double_le(fabs((z[1] - z[0]) / (2.0 * step) - 0.5 * (at.b + at.a)), 1e-7);
    matrix_free(&m);
    dmft_trajectory_free(t);
    dmft_problem_free(p);
}
END_TEST

/* ---- the outlier ODE ---- */

/* Inside of steps: after the factor and the noise, which are exact, the update is (O8). With momentum nothing is compared. */
START_TEST(inside_of_a_step)
{
    static const char *const momentum[] = {"training.momentum", "0.3", NULL};
    const char *const text[] = {KAPPA, NARROW};
    dmft_trajectory *t = solved_with(text[_i], NULL), *two = solved_with(text[_i], momentum);
    double difference = dmft_trajectory_number(t, "outlier_ode_difference");
    printf("outlier ODE inside of steps with noise: %.1e from the algebra\n", difference);
    ck_assert_double_le(difference, 1e-8);
    ck_assert(isnan(dmft_trajectory_number(two, "outlier_ode_difference")));
    dmft_trajectory_free(t);
    dmft_trajectory_free(two);
}
END_TEST

/* Euler's method for dz = -(1 - f) z + c (g.A)(phi.B)/N + (I/2)(b + psi a) a step, (KN10), from step `first`; the largest |z - z of the algebra|. */
static double euler_error(double h)
{
    char rate[NAME], steps[NAME], factor[NAME * 2], noise[NAME * 2];
    (void)snprintf(rate, sizeof rate, "%.17g", 0.03 * h);
    (void)snprintf(steps, sizeof steps, "%.0f", 60.0 / h + 1.0);
    (void)snprintf(factor, sizeof factor, "[1, %.17g, 1]", pow(0.98, h));
    (void)snprintf(noise, sizeof noise, "[0, %.17g, 0]", 0.02 * h);
    const char *const set[] = {"training.learning_rate", rate, "training.steps",  steps,  "network.weight_factor", factor, "network.injected_variance",
                               noise,                    "output.kernels", "true", NULL};
    dmft_problem *p = problem_with(KAPPA, set);
    dmft_trajectory *t = solved(p, DMFT_OK);
    const double *exact = series(t, "A1_outlier1");
    long first = (long)(15.0 / h);
    double z = exact[first], f = p->weight_factor[1], worst = 0.0;
    for (long step = first; step + 1 < (long)dmft_trajectory_rows(t); step++) {
        struct matrix m = matrix_at(t, p, step);
        dmft_outliers *o = outliers_of(&m.k);
        dmft_resolvent at;
        ck_assert_int_eq(dmft_resolvent_at(z, m.k.sigma2, 1.0, &at, NULL), DMFT_OK);
        z += -(1.0 - f) * z + p->learning_rate * p->gamma0 * dmft_outliers_drift(o, 0, (size_t)step) + 0.5 * p->injected_variance[1] * (at.b + at.a);
        worst = fmax(worst, fabs(z - exact[step + 1]));
        dmft_outliers_free(o);
        matrix_free(&m);
    }
    dmft_trajectory_free(t);
    dmft_problem_free(p);
    return worst;
}

START_TEST(drift_and_noise_from_step_to_step)
{
    double whole = euler_error(1.0), half = euler_error(0.5);
    printf("outlier ODE by Euler's method: off by %.4f, %.4f at steps 1, 1/2\n", whole, half);
    ck_assert_double_le(whole, 0.015);
    ck_assert(whole / half > 1.7 && whole / half < 2.4);
}
END_TEST

/* ---- divergence, memory, checkpoints ---- */

START_TEST(weights_that_grow_diverge)
{
    static const char *const set[] = {"network.weight_factor", "[1.2, 1.2, 1.2]", "training.steps", "400", "simulation.input_dim", "20",
                                      "simulation.seeds", "2", NULL};
    dmft_problem *p = problem_with(KAPPA, set);
    dmft_trajectory *t = solved(p, DMFT_DIVERGED), *s = NULL;
    ck_assert_int_gt(dmft_trajectory_diverged_at(t), 3);
    ck_assert_int_lt(dmft_trajectory_diverged_at(t), 100);
    ck_assert_int_eq(dmft_simulate(p, NULL, &s, NULL), DMFT_DIVERGED);
    dmft_trajectory_free(t);
    dmft_trajectory_free(s);
    dmft_problem_free(p);
}
END_TEST

/* Every allocation fails once; leaks are for the sanitizers to see. */
START_TEST(allocations_that_fail)
{
    static const char *const set[] = {"training.steps", "4", "simulation.input_dim", "8", "simulation.seeds", "1", NULL};
    dmft_problem *p = problem_with(KAPPA, set);
    ck_assert_int_ge(ran_without_memory(dmft_solve, p), 30);
    ck_assert_int_ge(ran_without_memory(dmft_simulate, p), 30);
    dmft_config *config = config_with(KAPPA, NULL);
    int status = DMFT_ERROR_MEMORY;
    for (long count = 1; status == DMFT_ERROR_MEMORY; count++) {
        dmft_problem *q = NULL;
        allocation_fail_at(count);
        status = dmft_problem_create(&q, config, NULL);
        allocation_fail_at(0);
        dmft_problem_free(q);
    }
    ck_assert_int_eq(status, DMFT_OK);
    dmft_config_free(config);
    dmft_problem_free(p);
}
END_TEST

/* The estimate of the memory of rows counts what noise adds. */
START_TEST(estimates)
{
    static const char *const rows[] = {"method", "rows", "training.steps", "400", "training.momentum", "0.1", NULL};
    static const char *const given[] = {"network.weight_factor", "[1, 1, 1]", "training.steps", "400", "training.momentum", "0.1", NULL};
    static const char *const shaken[] = {"network.injected_variance", "[1, 1, 0]", "method", "rows", NULL};
    dmft_problem *p = problem_with(plain[0], rows), *q = problem_with(plain[0], given), *r = problem_with(plain[0], shaken);
    double more = dmft_solve_estimate(q, 1).bytes - dmft_solve_estimate(p, 1).bytes, square = 8.0 * 400.0 * 400.0;
    ck_assert_msg(fabs(more - 4.0 * square) < 0.1 * square, "%g squares more", more / square);
    ck_assert_double_gt(dmft_solve_estimate(q, 1).operations, dmft_solve_estimate(p, 1).operations);
    ck_assert_double_gt(network_step_operations(r), 3.0 * network_step_operations(p) - 8.0 * 800.0 * 3200.0);
    dmft_problem_free(p);
    dmft_problem_free(q);
    dmft_problem_free(r);
}
END_TEST

/* ---- networks ---- */

static struct network *network_made(const dmft_problem *p, long index)
{
    struct network *n = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(network_create(&n, p, &err) == DMFT_OK, "%s", err.text);
    network_start(n, index);
    return n;
}

static double *weights_of(const struct network *n, int l, size_t *count)
{
    *count = l < n->depth ? n->width * network_columns(n, l) : n->width;
    return l < n->depth ? n->weight[l] : n->readout;
}

/* A step is that of plain training with the old weights times the factor, and Gaussians of the stream that has the step's and the matrix's name. */
START_TEST(a_step_of_a_network)
{
    static const char *const size[] = {"simulation.input_dim", "23", "simulation.seed", "7", NULL};
    static const char *const still[] = {"simulation.input_dim", "23", "simulation.seed", "7", "network.weight_factor", "[1, 1, 1, 1]",
                                        "network.injected_variance", "[0, 0, 0, 0]", NULL};
    dmft_problem *p = problem_with(MIXED, size), *q = problem_with(MIXED, still);
    struct network *n = network_made(p, 5), *twin = network_made(q, 5);
    for (long t = 0; t < 5; t++) {
        double *before[MOST_LAYERS];
        size_t count;
        for (int l = 0; l <= n->depth; l++) {
            double *w = weights_of(n, l, &count);
            before[l] = numbers(count);
            memcpy(before[l], w, count * sizeof *w);
            memcpy(weights_of(twin, l, &count), w, count * sizeof *w);
        }
        network_evaluate(n);
        network_evaluate(twin);
        network_learn(n);
        network_learn(twin);
        for (int l = 0; l <= n->depth; l++) {
            const double *w = weights_of(n, l, &count), *other = weights_of(twin, l, &count);
            double fan_in = l < n->depth ? (double)network_columns(n, l) : 1.0, *noise = numbers(count), worst = 0.0;
            struct random_stream stream = random_start(7, 5, NETWORK_SHAKES + (uint64_t)t * 4 + (uint64_t)l);
            random_gaussians(&stream, sqrt(p->injected_variance[l] / fan_in), count, noise);
            for (size_t i = 0; i < count; i++)
                worst = fmax(worst, fabs(w[i] - (p->weight_factor[l] * before[l][i] + (other[i] - before[l][i]) + noise[i])));
            ck_assert_msg(worst < 1e-13, "step %ld, matrix %d: off by %g", t, l, worst);
            free(noise);
            free(before[l]);
        }
    }
    network_free(n);
    network_free(twin);
    dmft_problem_free(p);
    dmft_problem_free(q);
}
END_TEST

/* Without learning the weights have the covariance v(t,s) over fan-in, whatever the network: sums over all entries within 5 standard errors. */
START_TEST(covariance_of_shaken_weights)
{
    static const char *const set[] = {"simulation.input_dim", "150", "training.learning_rate", "1e-12", NULL};
    dmft_problem *p = problem_with(NARROW, set);
    struct network *n = network_made(p, 0), *other = network_made(p, 1);
    for (int l = 0; l <= n->depth; l++) {
        size_t count;
        double *w = weights_of(n, l, &count), *early = numbers(count), f = p->weight_factor[l], fan_in = l < n->depth ? (double)network_columns(n, l) : 1.0;
        network_start(n, 0);
        network_start(other, 1);
        for (int t = 0; t < 20; t++) {
            if (t == 8) memcpy(early, w, count * sizeof *w);
            network_evaluate(n);
            network_learn(n);
            network_evaluate(other);
            network_learn(other);
        }
        double v = problem_bulk_variance(p, l, 20), u = problem_bulk_variance(p, l, 8), two = pow(f, 12) * u, sum[3] = {0.0, 0.0, 0.0};
        for (size_t i = 0; i < count; i++) {
            sum[0] += fan_in * w[i] * w[i] / (double)count;
            sum[1] += fan_in * w[i] * early[i] / (double)count;
            sum[2] += fan_in * w[i] * weights_of(other, l, &count)[i] / (double)count;
        }
        double se = sqrt(2.0 / (double)count) * v, se_two = sqrt((u * v + two * two) / (double)count), se_other = v / sqrt((double)count);
        printf("matrix %d: v(20,20) %.4f, sampled %.4f (%.4f); v(20,8) %.4f, %.4f (%.4f); another network %.4f (%.4f)\n", l, v, sum[0], se, two, sum[1],
               se_two, sum[2], se_other);
        ck_assert_double_le(fabs(sum[0] - v), 5.0 * se);
        ck_assert_double_le(fabs(sum[1] - two), 5.0 * se_two);
        ck_assert_double_le(fabs(sum[2]), 5.0 * se_other);
        free(early);
    }
    network_free(n);
    network_free(other);
    dmft_problem_free(p);
}
END_TEST

/* Any number of threads, stopped and resumed at any place: the same bytes. */
START_TEST(threads_and_checkpoints_of_networks)
{
    static const char *const set[] = {"simulation.input_dim", "40", "simulation.seeds", "5", "probes.sharpness", "true", "probes.every", "6", NULL};
    const char *const text[] = {NARROW, MIXED};
    long stops = 0;
    dmft_problem *p = problem_with(text[_i], set);
    dmft_trajectory *one = simulated(p, 1, DMFT_OK), *three = simulated(p, 3, DMFT_OK), *resumed = ran_in_pieces(dmft_simulate, p, 4, &stops);
    expect_same_bytes(one, three);
    ck_assert_int_gt(stops, 2);
    expect_same_bytes(one, resumed);
    dmft_trajectory_free(one);
    dmft_trajectory_free(three);
    dmft_trajectory_free(resumed);
    dmft_problem_free(p);
}
END_TEST

/* What counts as outlier of a network goes by the edge of its step. */
START_TEST(thresholds_follow_the_edge)
{
    static const char *const set[] = {"network.weight_factor", "[1, 1, 1]", "network.injected_variance", "[0.05, 0.05, 0]", "simulation.input_dim", "60",
                                      "simulation.seeds", "4", NULL};
    dmft_problem *p = problem_with(NARROW, set);
    dmft_trajectory *t = simulated(p, 2, DMFT_OK);
    const double *first = series(t, "A0_sv1"), *z = series(t, "A0_outlier1");
    double out = (1.0 + sqrt(0.5)) * (1.0 + pow(30.0, -2.0 / 3.0));
    int between = 0;
    for (size_t k = 0; k < dmft_trajectory_rows(t); k++) {
        double threshold = sqrt(0.5 + 0.05 * (double)k) * out;
        ck_assert(isnan(z[k]) == !(first[k] > threshold));
        between += isnan(z[k]) && first[k] > sqrt(0.5) * out;
    }
    ck_assert_int_gt(between, 5); /* the edge of the start would have told another thing there */
    dmft_trajectory_free(t);
    dmft_problem_free(p);
}
END_TEST

/* ---- theory and networks ---- */

static const struct {
    const char *text, *dim, *seeds;
} ensembles[] = {{KAPPA, "100", "32"}, {KAPPA, "200", "16"}, {NARROW, "100", "48"}, {NARROW, "200", "24"}, {MIXED, "100", "16"}, {MIXED, "200", "8"}};

/* (S3) over all default columns. */
START_TEST(networks_and_theory)
{
    const char *const set[] = {"simulation.input_dim", ensembles[_i].dim, "simulation.seeds", ensembles[_i].seeds, "outliers.every", "5",
                               "training.steps", _i < 4 ? "41" : "21", NULL};
    dmft_problem *p = problem_with(ensembles[_i].text, set);
    dmft_trajectory *theory = solved(p, DMFT_OK), *sample = simulated(p, 2, DMFT_OK);
    dmft_comparison *c = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_compare(theory, sample, NULL, &c, &err) == DMFT_OK, "%s", err.text);
    size_t count = 0, outliers = 0;
    const dmft_comparison_row *row = dmft_comparison_rows(c, &count);
    double worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        outliers += strstr(row[i].series, "_outlier") != NULL;
        worst = fmax(worst, fabs(row[i].z));
        if (strcmp(row[i].series, "A1_outlier1") == 0 && row[i].step % 20 == 0)
            printf("D %s, step %ld: A1_outlier1 %.4f, networks %.4f (%.4f)\n", ensembles[_i].dim, row[i].step, row[i].theory, row[i].mean, row[i].se);
    }
    printf("D %s: %zu numbers, %zu of outliers, largest |z| %.2f\n", ensembles[_i].dim, count, outliers, worst);
    ck_assert(dmft_comparison_holds(c));
    ck_assert_uint_gt(count, 100);
    ck_assert_uint_gt(outliers, 1);
    dmft_comparison_free(c);
    dmft_trajectory_free(theory);
    dmft_trajectory_free(sample);
    dmft_problem_free(p);
}
END_TEST

/* The networks tell v(t,s) from sigma^2(t): the outlier of the theory is met, the other one is far outside. */
START_TEST(networks_refuse_the_variance_of_the_last_step)
{
    static const char *const set[] = {"simulation.input_dim", "200", "simulation.seeds", "16", "outliers.every", "20", "output.kernels", "true", NULL};
    dmft_problem *p = problem_with(NARROW, set);
    dmft_trajectory *t = solved(p, DMFT_OK), *sample = simulated(p, 2, DMFT_OK);
    for (long step = 20; step <= 40; step += 20) {
        struct matrix m = matrix_at(t, p, step);
        double mean = series(sample, "A1_sv1")[step], se = dmft_trajectory_errors(sample, "A1_sv1")[step], right, wrong;
        dmft_outliers *o = outliers_of(&m.k);
        right = dmft_outliers_z(o, 0);
        dmft_outliers_free(o);
        m.k.variance = NULL;
        o = outliers_of(&m.k);
        wrong = dmft_outliers_z(o, 0);
        dmft_outliers_free(o);
        printf("A1 at step %ld: networks %.4f (%.4f), theory %.4f, with sigma^2(t) for v(t,s) %.4f\n", step, mean, se, right, wrong);
        ck_assert_double_le(fabs(mean - right), 4.0 * se + 20.0 / 100.0 / 10.0); /* a tenth of what (S3) allows an outlier, c/N */
        ck_assert_double_gt(fabs(mean - wrong), 10.0 * se + 20.0 / 100.0 / 10.0);
        matrix_free(&m);
    }
    dmft_trajectory_free(t);
    dmft_trajectory_free(sample);
    dmft_problem_free(p);
}
END_TEST

/* ---- what is refused ---- */

static const struct {
    const char *text, *message;
} refused[] = {
    {"network: {NET, weight_factor: [1, 1]}\ndata: {DATA}\ntraining: {STEPS}\n",
     "run.yaml:2:90: network.weight_factor: a list for A_0 .. A_{L-1} and the readout: L+1 = 3 numbers, got 2"},
    {"network: {NET, injected_variance: [1, 1, 0, 0]}\ndata: {DATA}\ntraining: {STEPS}\n",
     "run.yaml:2:94: network.injected_variance: a list for A_0 .. A_{L-1} and the readout: L+1 = 3 numbers, got 4"},
    {"network: {NET, weight_factor: [1, 1, 1]}\ndata: {DATA}\ntraining: {STEPS, weight_decay: 0.1}\n",
     "run.yaml:4:57: training.weight_decay: not beside network.weight_factor, which says what a step leaves of the weights"},
    {"network: {NET, weight_factor: [1, 1, 1]}\ndata: {DATA}\ntraining: {STEPS}\nmethod: basis\n",
     "run.yaml:5:9: method: network.weight_factor and network.injected_variance are for method rows"},
    {"network: {NET, injected_variance: [1, 1, 1]}\ndata: {DATA}\ntraining: {STEPS}\nmethod: lazy\n",
     "run.yaml:2:94: network.injected_variance: not with method lazy, which is plain descent on isotropic inputs: basis | rows"},
    {"network: {NET, weight_factor: [1, 1, 1]}\ndata: {DATA}\ntraining: {flow: true, time: 1, steps: 10}\n",
     "run.yaml:2:90: network.weight_factor: belongs to gradient descent, not to training.flow: true"},
    {"network: {NET, weight_factor: [1, -1, 1]}\ndata: {DATA}\ntraining: {STEPS}\n",
     "run.yaml:2:94: network.weight_factor: must be a list of numbers in [0, inf), got -1"},
};
enum { REFUSED = sizeof refused / sizeof *refused };

/* The text with NET, DATA and STEPS filled in. */
static void fill_in(char *out, size_t size, const char *text)
{
    static const char *const word[] = {"NET", "DATA", "STEPS"};
    static const char *const means[] = {"depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25", "sample_ratio: 4", "learning_rate: 0.02, steps: 6"};
    size_t used = (size_t)snprintf(out, size, "%s", MODEL);
    while (*text != '\0') {
        size_t i = 0;
        while (i < 3 && strncmp(text, word[i], strlen(word[i])) != 0) i++;
        ck_assert_uint_lt(used + 80, size);
        if (i < 3) used += (size_t)snprintf(out + used, size - used, "%s", means[i]);
        else out[used++] = *text;
        text += i < 3 ? strlen(word[i]) : 1;
    }
    out[used] = '\0';
}

START_TEST(what_does_not_fit_is_refused)
{
    char text[1024];
    fill_in(text, sizeof text, refused[_i].text);
    expect_no_problem(text, DMFT_ERROR_CONFIG, refused[_i].message);
}
END_TEST

/* The keys choose method rows, and the text of the problem makes it again. */
START_TEST(the_text_makes_it_again)
{
    static const char *const set[] = {"network.injected_variance", "[0.5, 0, 1]", "training.weight_decay", "0.25", NULL};
    dmft_problem *p = problem_with(plain[0], set), *q = problem_with(dmft_problem_text(p), NULL);
    ck_assert(p->method == METHOD_ROWS && q->method == METHOD_ROWS);
    for (int l = 0; l < 3; l++) {
        ck_assert(p->weight_factor[l] == 0.75 && q->weight_factor[l] == 0.75);
        ck_assert(p->injected_variance[l] == q->injected_variance[l]);
    }
    ck_assert(p->injected_variance[0] == 0.5 && p->weight_decay == 0.0);
    ck_assert_str_eq(dmft_problem_text(p), dmft_problem_text(q));
    dmft_problem_free(p);
    dmft_problem_free(q);
}
END_TEST

Suite *suite_noise(void)
{
    Suite *suite = suite_create("noise");
    TCase *theory = tcase_create("theory"), *networks = tcase_create("networks"), *settings = tcase_create("settings");
    tcase_add_test(theory, reference_numbers);
    tcase_add_test(theory, slow_numbers);
    tcase_add_loop_test(theory, ones_and_zeros_are_plain, 0, sizeof plain / sizeof *plain);
    tcase_add_loop_test(theory, one_factor_is_decay, 0, sizeof plain / sizeof *plain);
    tcase_add_test(theory, variance_of_the_bulk);
    tcase_add_test(theory, edges_that_rest);
    tcase_add_test(theory, a_bulk_without_memory);
    tcase_add_test(theory, kernels_with_a_variance_an_event);
    tcase_add_test(theory, variances_that_are_handed_in);
    tcase_add_test(theory, fresh_noise_moves_z_alone);
    tcase_add_loop_test(theory, inside_of_a_step, 0, 2);
    tcase_add_test(theory, drift_and_noise_from_step_to_step);
    tcase_add_test(theory, weights_that_grow_diverge);
    tcase_add_test(theory, allocations_that_fail);
    tcase_add_test(theory, estimates);
    tcase_add_test(networks, a_step_of_a_network);
    tcase_add_test(networks, covariance_of_shaken_weights);
    tcase_add_loop_test(networks, threads_and_checkpoints_of_networks, 0, 2);
    tcase_add_test(networks, thresholds_follow_the_edge);
    tcase_add_loop_test(networks, networks_and_theory, 0, sizeof ensembles / sizeof *ensembles);
    tcase_add_test(networks, networks_refuse_the_variance_of_the_last_step);
    tcase_add_loop_test(settings, what_does_not_fit_is_refused, 0, REFUSED);
    tcase_add_test(settings, the_text_makes_it_again);
    suite_add_tcase(suite, theory);
    suite_add_tcase(suite, networks);
    suite_add_tcase(suite, settings);
    return suite;
}
