/* Level 1 of deep linear networks: reference tables, the slow definition, kernel regression, invariants, divergence, the step-by-step API. */
#include <check.h>
#include <fenv.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "numbers.h"
#include "reference.h"
#include "runs.h"
#include "suites.h"

static const double *kernel(const dmft_trajectory *t, const char *name, size_t *order, size_t *stride)
{
    const double *x = dmft_trajectory_kernel(t, name, order, stride);
    ck_assert_msg(x != NULL, "no kernel %s", name);
    return x;
}

/* ---- reference tables ---- */

enum { MOST_COLUMNS = 32 };

struct table {
    size_t columns, rows;
    char name[MOST_COLUMNS][NAME];
    double *value; /* row after row */
};

static void read_header(struct table *t, char *line)
{
    for (char *word = strtok(line, ",\r\n"); word != NULL; word = strtok(NULL, ",\r\n")) {
        ck_assert_uint_lt(t->columns, MOST_COLUMNS);
        ck_assert_uint_lt(strlen(word), NAME);
        strcpy(t->name[t->columns++], word);
    }
}

static void read_row(struct table *t, char *line)
{
    double *row = t->value + t->rows++ * t->columns;
    for (size_t i = 0; i < t->columns; i++) {
        char *end = line;
        row[i] = strtod(line, &end);
        ck_assert_msg(end != line && strchr(i + 1 < t->columns ? "," : "\r\n", *end) != NULL, "row %zu, column %zu: '%s'", t->rows, i, line);
        line = end + 1;
    }
}

static struct table read_table(const char *name)
{
    struct table t = {0};
    char line[4096];
    FILE *file = reference_open(name);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    read_header(&t, line);
    t.value = numbers(1000 * t.columns);
    while (fgets(line, sizeof line, file) != NULL) read_row(&t, line);
    (void)fclose(file);
    return t;
}

/* One column: nan where the table has nan, else relative 1e-9 or absolute 1e-15 (outliers: 1e-7). Returns the largest relative error. */
static double check_column(const struct table *t, size_t column, const double *values, const char *which)
{
    double allowed = strstr(t->name[column], "outlier") != NULL ? 1e-7 : 1e-9, largest = 0.0;
    for (size_t i = 0; i < t->rows; i++) {
        double expected = t->value[i * t->columns + column], difference = fabs(values[i] - expected);
        ck_assert_msg(isnan(values[i]) == isnan(expected), "%s %s, row %zu: %g, expected %g", which, t->name[column], i, values[i], expected);
        if (isnan(expected) || difference == 0.0) continue;
        double relative = difference / fabs(expected);
        if (difference > 1e-15) largest = fmax(largest, relative);
        ck_assert_msg(relative <= allowed || difference <= 1e-15, "%s %s, row %zu: %.15g, expected %.12g (relative %.2g)", which,
                      t->name[column], i, values[i], expected, relative);
    }
    return largest;
}

START_TEST(reference_tables)
{
    struct setting *s = reference_setting(_i);
    dmft_problem p = problem_of(s);
    struct table table = read_table(s->name);
    dmft_trajectory *t = solved(&p, DMFT_OK);
    ck_assert_uint_eq(dmft_trajectory_rows(t), table.rows);
    ck_assert_uint_eq(table.rows, (size_t)s->steps);
    printf("%s:", s->name);
    for (size_t i = 0; i < table.columns; i++) {
        double largest = check_column(&table, i, series(t, table.name[i]), s->name);
        if (i > 0) printf(" %s %.1e", table.name[i], largest);
    }
    printf("\n");
    free(table.value);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- every two-time kernel against the slow definition ---- */

static struct setting awkward[] = {
    {"L1 muP full", 1, 2.385, 1.7, {0.6, 0.3}, 1.0 / 2.385, 0.0, 0.1, MUP, FULL, 24},
    {"L1 NTK online", 1, 0.3, 0.9, {1.2, 0.8}, 2.385, 0.4, 0.1, NTK, ONLINE, 24},
    {"L2 muP noise", 2, 0.7, 3.0, {0.4, 0.9, 0.25}, 2.385, 0.5, 0.05, MUP, FULL, 32},
    {"L2 NTK", 2, 2.385, 5.0, {1.0, 0.5, 0.7}, 0.6, 0.0, 0.05, NTK, FULL, 32},
    {"L2 muP online", 2, 1.3, 4.0, {0.5, 0.35, 0.5}, 0.5, 0.3, 0.02, MUP, ONLINE, 32},
    {"L3 muP", 3, 1.0 / 2.385, 2.2, {0.5, 0.8, 0.3, 0.6}, 1.5, 0.2, 0.05, MUP, FULL, 28},
    {"L3 NTK online", 3, 1.5, 2.0, {0.9, 1.1, 0.4, 0.5}, 0.37, 0.1, 0.03, NTK, ONLINE, 24},
    {"L4 muP noise", 4, 2.385, 1.6, {0.7, 0.5, 0.9, 0.6, 0.8}, 0.9, 0.6, 0.04, MUP, FULL, 24},
    {"L2 zero first", 2, 0.8, 2.0, {0.0, 0.6, 0.5}, 1.7, 0.3, 0.05, MUP, FULL, 28},
    {"L2 zero middle", 2, 0.8, 2.0, {0.6, 0.0, 0.5}, 1.7, 0.3, 0.1, NTK, FULL, 28},
    {"L1 zero readout", 1, 1.4, 2.0, {0.6, 0.0}, 0.8, 0.3, 0.1, MUP, FULL, 28},
    {"L3 all zero but one", 3, 1.4, 2.0, {0.0, 0.0, 0.0, 0.7}, 0.8, 0.3, 0.1, MUP, ONLINE, 20},
};
enum { AWKWARD = sizeof awkward / sizeof *awkward };

/* The slow C kernel number i and its name; NULL past the end. */
static const double *slow_kernel(const slow_kernels *k, int i, char *name)
{
    int L = k->depth;
    if (i == 0) {
        strcpy(name, "C_v");
        return k->C_v;
    }
    if (i == 1) {
        strcpy(name, "C_Delta");
        return k->C_Delta;
    }
    if (i <= L + 2) {
        (void)snprintf(name, NAME, "C_h%d", i - 2);
        return k->C_h[i - 2];
    }
    (void)snprintf(name, NAME, "C_g%d", i - L - 2);
    return i <= 2 * L + 2 ? k->C_g[i - L - 2] : NULL;
}

/* |dC| <= 1e-9 sqrt(C(t,t) C(s,s)); the diagonal equals the series to rounding. Returns the largest relative difference. */
static double check_kernel(const dmft_trajectory *t, const char *name, const double *slow, size_t steps, const char *which)
{
    size_t order = 0, stride = 0;
    const double *C = kernel(t, name, &order, &stride), *diagonal = series(t, name);
    double largest = 0.0;
    ck_assert_uint_eq(order, steps);
    ck_assert_uint_ge(stride, order);
    for (size_t a = 0; a < steps; a++) {
        ck_assert_msg(fabs(C[a * stride + a] - diagonal[a]) <= 1e-13 * diagonal[a], "%s %s(%zu,%zu): %.17g, series %.17g", which, name, a, a,
                      C[a * stride + a], diagonal[a]);
        for (size_t b = 0; b < steps; b++) {
            double size = sqrt(slow[a * steps + a] * slow[b * steps + b]), difference = fabs(C[a * stride + b] - slow[a * steps + b]);
            ck_assert_msg(difference <= 1e-9 * size, "%s %s(%zu,%zu): %.15g, slowly %.15g", which, name, a, b, C[a * stride + b],
                          slow[a * steps + b]);
            if (size > 0.0) largest = fmax(largest, difference / size);
        }
    }
    return largest;
}

START_TEST(kernels_are_those_of_the_site_equations)
{
    struct setting *s = &awkward[_i];
    dmft_problem p = problem_of(s);
    p.store_kernels = 1;
    p.outlier_count = 1;
    p.outlier_every = s->steps; /* level 2 has its own tests */
    slow_kernels *k = slow_of(s, (int)s->steps);
    dmft_trajectory *t = solved(&p, DMFT_OK);
    char name[NAME];
    double largest = 0.0;
    int kernels = 0;
    for (const double *slow; (slow = slow_kernel(k, kernels, name)) != NULL; kernels++)
        largest = fmax(largest, check_kernel(t, name, slow, (size_t)s->steps, s->name));
    ck_assert_uint_eq(dmft_trajectory_kernel_count(t), (size_t)kernels);
    ck_assert_ptr_null(dmft_trajectory_kernel_name(t, (size_t)kernels));
    printf("%s: %d kernels, %ld steps: largest difference %.1e of sqrt(C(t,t) C(s,s))\n", s->name, kernels, s->steps, largest);
    slow_free(k);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- invariants of kernels and series ---- */

static void check_symmetric(const double *C, size_t order, size_t stride, const char *name)
{
    for (size_t a = 0; a < order; a++)
        for (size_t b = 0; b < a; b++)
            ck_assert_msg(memcmp(&C[a * stride + b], &C[b * stride + a], sizeof *C) == 0, "%s(%zu,%zu)", name, a, b);
}

static void check_positive(const double *C, size_t order, size_t stride, const char *name)
{
    double *copy = numbers(order * order), *w = numbers(order);
    for (size_t a = 0; a < order; a++) memcpy(copy + a * order, C + a * stride, order * sizeof *C);
    ck_assert_int_eq(LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'N', 'L', (int)order, copy, (int)order, w), 0);
    ck_assert_msg(w[0] >= -1e-13 * (double)order * w[order - 1], "%s: smallest eigenvalue %.3g, largest %.3g", name, w[0], w[order - 1]);
    free(copy);
    free(w);
}

START_TEST(kernels_are_symmetric_and_positive)
{
    dmft_problem p = problem_of(reference_setting(_i));
    p.store_kernels = 1;
    p.steps = p.rows = 133; /* more than two blocks of any blocked transposition */
    p.outlier_every = 133;
    dmft_trajectory *t = solved(&p, DMFT_OK);
    ck_assert_uint_eq(dmft_trajectory_kernel_count(t), (size_t)(2 * p.depth + 3));
    for (size_t i = 0; i < dmft_trajectory_kernel_count(t); i++) {
        size_t order = 0, stride = 0;
        const char *name = dmft_trajectory_kernel_name(t, i);
        const double *C = kernel(t, name, &order, &stride);
        check_symmetric(C, order, stride, name);
        check_positive(C, order, stride, name);
    }
    dmft_trajectory_free(t);
}
END_TEST

/* Causality: a run of 20 steps is, bit by bit, the beginning of a run of 40, outliers included. */
START_TEST(causality_is_bitwise)
{
    dmft_problem p = problem_of(reference_setting(_i));
    p.steps = p.rows = 20;
    dmft_trajectory *early = solved(&p, DMFT_OK);
    p.steps = p.rows = 40;
    dmft_trajectory *late = solved(&p, DMFT_OK);
    ck_assert_uint_eq(dmft_trajectory_series_count(early), dmft_trajectory_series_count(late));
    for (size_t i = 0; i < dmft_trajectory_series_count(early); i++) {
        const char *name = dmft_trajectory_series_name(early, i);
        ck_assert_msg(memcmp(series(early, name), series(late, name), 20 * sizeof(double)) == 0, "%s", name);
    }
    dmft_trajectory_free(early);
    dmft_trajectory_free(late);
}
END_TEST

/* Storing kernels, or following more outliers, changes no other number. */
START_TEST(what_is_recorded_does_not_matter)
{
    dmft_problem p = problem_of(reference_setting(_i));
    dmft_trajectory *plain = solved(&p, DMFT_OK);
    p.store_kernels = 1;
    p.outlier_count = 1;
    dmft_trajectory *stored = solved(&p, DMFT_OK);
    for (size_t i = 0; i < dmft_trajectory_series_count(stored); i++) {
        const char *name = dmft_trajectory_series_name(stored, i);
        if (name[0] == 'A') continue;
        ck_assert_msg(memcmp(series(plain, name), series(stored, name), (size_t)p.steps * sizeof(double)) == 0, "%s", name);
    }
    dmft_trajectory_free(plain);
    dmft_trajectory_free(stored);
}
END_TEST

START_TEST(losses_follow_from_the_kernels)
{
    struct setting *s = reference_setting(_i);
    dmft_problem p = problem_of(s);
    dmft_trajectory *t = solved(&p, DMFT_OK);
    const double *test = series(t, "test_loss"), *train = series(t, "train_loss"), *step = series(t, "step");
    const double *C_v = series(t, "C_v"), *C_Delta = series(t, "C_Delta"), *edge = series(t, "A0_edge");
    for (size_t i = 0; i < (size_t)s->steps; i++) {
        ck_assert_double_le(fabs(test[i] - 0.5 * (C_v[i] + s->label_noise * s->label_noise)), 1e-15 * test[i]);
        ck_assert_double_le(fabs(train[i] - 0.5 * C_Delta[i]), 1e-15 * train[i]);
        ck_assert_double_le(fabs(edge[i] - sqrt(s->variance[0]) * (1.0 + sqrt(s->width_ratio))), 1e-14);
        ck_assert(step[i] == (double)i);
    }
    ck_assert_str_eq(dmft_trajectory_text(t, "kind"), "theory");
    ck_assert_str_eq(dmft_trajectory_text(t, "model"), "deep_linear");
    ck_assert_int_eq(dmft_trajectory_diverged_at(t), -1);
    dmft_trajectory_free(t);
}
END_TEST

/* A wider tolerance gives the same network to about that tolerance. */
START_TEST(tolerance_bounds_the_error)
{
    dmft_problem p = problem_of(reference_setting(_i));
    dmft_trajectory *fine = solved(&p, DMFT_OK);
    p.tolerance = 1e-6;
    dmft_trajectory *coarse = solved(&p, DMFT_OK);
    const char *names[] = {"C_v", "C_Delta", "C_h2", "C_g1"};
    for (size_t i = 0; i < 4; i++) {
        const double *a = series(fine, names[i]), *b = series(coarse, names[i]);
        for (size_t k = 0; k < (size_t)p.steps; k++) ck_assert_double_le(fabs(a[k] - b[k]), 1e-4 * a[0]);
    }
    ck_assert_double_le(dmft_trajectory_number(coarse, "directions_A0_in"), dmft_trajectory_number(fine, "directions_A0_in"));
    dmft_trajectory_free(fine);
    dmft_trajectory_free(coarse);
}
END_TEST

/* ---- one step: (L12) ---- */

START_TEST(one_step)
{
    struct setting s = {"", 3, 2.385, 1.7, {0.3, 0.7, 1.1, 0.9}, 0.6, 0.4, 0.05, NTK, FULL, 1};
    dmft_problem p = problem_of(&s);
    p.store_kernels = 1;
    dmft_trajectory *t = solved(&p, DMFT_OK);
    double gamma = 1.7, C_v = 1.0 + 0.3 * 0.7 * 1.1 * 0.9 / (gamma * gamma), C_Delta = C_v + 0.16, h0 = C_v + C_Delta / 0.6;
    double response = -1.0 / (gamma * sqrt(2.385)), C_g[4] = {0.0, 0.9 * 1.1 * 0.7, 0.9 * 1.1, 0.9}, C_h = h0;
    ck_assert_uint_eq(dmft_trajectory_rows(t), 1);
    ck_assert_double_le(fabs(series(t, "C_v")[0] / C_v - 1.0), 1e-14);
    ck_assert_double_le(fabs(series(t, "C_Delta")[0] / C_Delta - 1.0), 1e-14);
    ck_assert_double_le(fabs(series(t, "C_h0")[0] / h0 - 1.0), 1e-14);
    for (int l = 1; l <= 3; l++) {
        char name[NAME];
        response *= s.variance[l - 1];
        C_h = s.variance[l - 1] * C_h + response * response * C_g[l];
        (void)snprintf(name, sizeof name, "C_h%d", l);
        ck_assert_double_le(fabs(series(t, name)[0] / C_h - 1.0), 1e-14);
        (void)snprintf(name, sizeof name, "C_g%d", l);
        ck_assert_double_le(fabs(series(t, name)[0] / C_g[l] - 1.0), 1e-14);
        (void)snprintf(name, sizeof name, "A%d_outlier1", l - 1);
        ck_assert(isnan(series(t, name)[0]));
    }
    size_t order = 0, stride = 0;
    ck_assert_double_le(fabs(kernel(t, "C_v", &order, &stride)[0] / C_v - 1.0), 1e-14);
    ck_assert_uint_eq(order, 1);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- kernel regression: (K1)-(K4) ---- */

struct regression {
    double alpha, rate, noise2; /* rate = eta s */
    long t;
    int of_samples; /* the integrand of (K4), not of (K1) */
};

static double kernel_regression_integrand(double theta, void *parameters)
{
    const struct regression *r = parameters;
    double lambda = 1.0 + 1.0 / r->alpha + 2.0 / sqrt(r->alpha) * cos(theta), sine = sin(theta);
    double weight = 2.0 * sine * sine / (M_PI * lambda), q = pow(1.0 - r->rate * lambda, (double)r->t);
    if (r->of_samples) return weight * (lambda + r->noise2 / r->alpha) * q * q;
    return weight * (q * q + r->noise2 / r->alpha * (1.0 - q) * (1.0 - q) / lambda);
}

static double kernel_regression(struct regression *r, gsl_integration_workspace *w)
{
    double value = 0.0, error = 0.0, atom = r->alpha < 1.0 ? 1.0 - r->alpha : 0.0;
    gsl_function f = {.function = kernel_regression_integrand, .params = r};
    ck_assert_int_eq(gsl_integration_qag(&f, 0.0, M_PI, 0.0, 1e-11, 1000, GSL_INTEG_GAUSS61, w, &value, &error), 0);
    /* the atom (1 - alpha)_+ at lambda = 0, where q = 1, and the rest of the spectrum of X X^T/P */
    return r->of_samples ? value + r->noise2 * (1.0 - 1.0 / r->alpha + atom / r->alpha) : value + atom;
}

START_TEST(kernel_regression_limit)
{
    static const double alphas[] = {2.385, 0.4}, noises[] = {0.0, 0.3}, width_ratios[] = {1.0, 2.385};
    struct setting s = {"", 1, width_ratios[_i % 2], 1e-6, {0.0, 0.7}, alphas[_i / 4], noises[_i / 2 % 2], 0.25, MUP, FULL, 60};
    dmft_problem p = problem_of(&s);
    p.outlier_count = 1;
    dmft_trajectory *t = solved(&p, DMFT_OK);
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(1000);
    double largest = 0.0;
    for (long step = 0; step < s.steps; step++) {
        struct regression r = {.alpha = s.sample_ratio, .rate = 0.25 * 0.7, .noise2 = s.label_noise * s.label_noise, .t = step};
        double C_v = kernel_regression(&r, w);
        r.of_samples = 1;
        double C_Delta = kernel_regression(&r, w);
        double of_v = fabs(series(t, "C_v")[step] / C_v - 1.0), of_Delta = fabs(series(t, "C_Delta")[step] / C_Delta - 1.0);
        ck_assert_msg(of_v <= 1e-8, "C_v at step %ld: %.15g, (K1) %.15g", step, series(t, "C_v")[step], C_v);
        ck_assert_msg(of_Delta <= 1e-8, "C_Delta at step %ld: %.15g, (K4) %.15g", step, series(t, "C_Delta")[step], C_Delta);
        largest = fmax(largest, fmax(of_v, of_Delta));
    }
    printf("kernel regression, alpha %g, noise %g, nu %g: largest relative difference %.1e\n", s.sample_ratio, s.label_noise, s.width_ratio,
           largest);
    gsl_integration_workspace_free(w);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- divergence ---- */

/* The first step at which a slow kernel breaks (L16), or -1. */
static long slow_divergence(const struct setting *s, int steps)
{
    slow_kernels *k = slow_of(s, steps);
    long first = -1;
    char name[NAME];
    for (int i = 0; slow_kernel(k, i, name) != NULL; i++) {
        const double *C = slow_kernel(k, i, name);
        for (long t = 0; t < steps && (first < 0 || t < first); t++) {
            double value = C[t * steps + t];
            if (!isfinite(value) || value > 1e12 * fmax(C[0], 1.0)) first = t;
        }
    }
    slow_free(k);
    return first;
}

static struct setting unstable[] = {
    {"L1", 1, 1.0, 2.0, {0.5, 0.5}, 2.385, 0.3, 4.0, MUP, FULL, 60},
    {"L2", 2, 0.5, 8.48528137423857, {0.25, 0.25, 0.25}, 4.0, 0.0, 2.0, MUP, FULL, 60},
    {"L2 online", 2, 1.0, 4.0, {0.5, 0.5, 0.5}, 0.5, 0.3, 0.9, NTK, ONLINE, 60},
    {"slowly", 1, 1.0, 1e-9, {0.0, 1.0}, 1.0, 0.0, 0.6, MUP, FULL, 60}, /* eta s lambda_+ = 2.4: growth by 1.96 a step */
    {"at once", 1, 1.0, 2.0, {0.5, 0.5}, 1.0, 0.0, 1e30, MUP, FULL, 60},
};
enum { UNSTABLE = sizeof unstable / sizeof *unstable };

/* What is kept of a diverged run is finite (outliers: or not there), series and kernels. */
static void check_finite(const dmft_trajectory *t, size_t rows)
{
    size_t order = 0, stride = 0;
    for (size_t i = 0; i < dmft_trajectory_series_count(t); i++) {
        const char *name = dmft_trajectory_series_name(t, i);
        const double *x = series(t, name);
        for (size_t k = 0; k < rows; k++) ck_assert_msg(isfinite(x[k]) || (name[0] == 'A' && isnan(x[k])), "%s at step %zu", name, k);
    }
    for (size_t i = 0; i < dmft_trajectory_kernel_count(t); i++) {
        const double *C = kernel(t, dmft_trajectory_kernel_name(t, i), &order, &stride);
        ck_assert_uint_eq(order, rows);
        for (size_t k = 0; k < order * order; k++) ck_assert(isfinite(C[k / order * stride + k % order]));
    }
}

START_TEST(divergence_is_found_at_the_step_of_L16)
{
    fenv_t as_it_was;
    (void)feholdexcept(&as_it_was); /* where a run diverges, infinity less infinity is what there is */
    struct setting *s = &unstable[_i];
    dmft_problem p = problem_of(s);
    p.outlier_count = 1;
    p.store_kernels = 1;
    long expected = slow_divergence(s, (int)s->steps);
    ck_assert_int_gt(expected, 0);
    dmft_trajectory *t = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_solve(&p, NULL, &t, &err), DMFT_DIVERGED);
    char words[64];
    (void)snprintf(words, sizeof words, "diverged at step %ld", expected);
    ck_assert_str_eq(err.text, words);
    ck_assert_int_eq(err.status, DMFT_DIVERGED);
    ck_assert_int_eq(dmft_trajectory_diverged_at(t), expected);
    ck_assert_uint_eq(dmft_trajectory_rows(t), (size_t)expected);
    check_finite(t, (size_t)expected);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(a_diverged_solver_stays_so)
{
    dmft_problem p = problem_of(&unstable[0]);
    dmft_solver *s = NULL;
    dmft_trajectory *t = NULL;
    ck_assert_int_eq(dmft_solver_create(&s, &p, NULL, NULL), DMFT_OK);
    int status = DMFT_OK;
    for (int i = 0; i < 60 && status == DMFT_OK; i++) status = dmft_solver_step(s, NULL);
    ck_assert_int_eq(status, DMFT_DIVERGED);
    long done = dmft_solver_done(s);
    ck_assert_int_eq(dmft_solver_step(s, NULL), DMFT_DIVERGED);
    ck_assert_int_eq(dmft_solver_done(s), done);
    ck_assert_int_eq(dmft_solver_finish(s, &t, NULL), DMFT_DIVERGED);
    ck_assert_int_eq(dmft_trajectory_diverged_at(t), done);
    dmft_solver_free(s);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- running: memory, stopping, step by step ---- */

START_TEST(memory_limit_refuses)
{
    dmft_problem p = problem_of(reference_setting(0));
    p.steps = p.rows = 4321;
    p.store_kernels = 1;
    dmft_estimate e = dmft_solve_estimate(&p, 1);
    dmft_run_options options = {.memory_limit = (size_t)(e.bytes * 0.99)};
    dmft_trajectory *t = NULL;
    dmft_solver *s = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_solve(&p, &options, &t, &err), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert_int_eq(err.status, DMFT_ERROR_MEMORY_LIMIT);
    char bytes[32];
    (void)snprintf(bytes, sizeof bytes, "%.3g GB", e.bytes / 1e9);
    ck_assert_msg(strstr(err.text, "4321") != NULL && strstr(err.text, bytes) != NULL, "'%s' does not name 4321 and %s", err.text, bytes);
    ck_assert_int_eq(dmft_solver_create(&s, &p, &options, &err), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert_ptr_null(t);
    ck_assert_ptr_null(s);
    p.steps = p.rows = 5;
    ck_assert_int_eq(dmft_solve(&p, &options, &t, &err), DMFT_OK);
    dmft_trajectory_free(t);
}
END_TEST

struct watch {
    long calls, last, stop_at;
};

static int watch_progress(void *user, const dmft_progress *progress)
{
    struct watch *w = user;
    ck_assert_str_eq(progress->what, progress->done < progress->total ? "steps" : "kernels");
    ck_assert_int_eq(progress->total, 60);
    ck_assert_int_ge(progress->done, w->last);
    w->calls++;
    w->last = progress->done;
    return progress->done >= w->stop_at;
}

START_TEST(the_caller_can_stop_a_run)
{
    dmft_problem p = problem_of(reference_setting(0));
    struct watch watch = {.stop_at = 17};
    dmft_run_options options = {.progress = watch_progress, .user = &watch};
    dmft_trajectory *t = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_solve(&p, &options, &t, &err), DMFT_STOPPED);
    ck_assert_int_eq(err.status, DMFT_STOPPED);
    ck_assert_msg(strstr(err.text, "17") != NULL && strstr(err.text, "60") != NULL, "'%s'", err.text);
    ck_assert_ptr_null(t);
    options.threads = -5;
    ck_assert_int_eq(dmft_solve(&p, &options, &t, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_simulate(&p, &options, &t, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_solver_create(&(dmft_solver *){NULL}, &p, &options, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_msg(strstr(err.text, "-5") != NULL, "'%s'", err.text);
    ck_assert_ptr_null(t);
    options.threads = 0;
    watch = (struct watch){.stop_at = 1000};
    ck_assert_int_eq(dmft_solve(&p, &options, &t, &err), DMFT_OK);
    ck_assert_int_gt(watch.calls, 1);
    dmft_trajectory_free(t);
}
END_TEST

static void check_same(const dmft_trajectory *a, const dmft_trajectory *b)
{
    size_t rows = dmft_trajectory_rows(a), order = 0, stride = 0, order_b = 0, stride_b = 0;
    ck_assert_uint_eq(rows, dmft_trajectory_rows(b));
    for (size_t i = 0; i < dmft_trajectory_series_count(a); i++) {
        const char *name = dmft_trajectory_series_name(a, i);
        ck_assert_msg(memcmp(series(a, name), series(b, name), rows * sizeof(double)) == 0, "%s", name);
    }
    ck_assert_uint_eq(dmft_trajectory_kernel_count(a), dmft_trajectory_kernel_count(b));
    for (size_t i = 0; i < dmft_trajectory_kernel_count(a); i++) {
        const char *name = dmft_trajectory_kernel_name(a, i);
        const double *x = kernel(a, name, &order, &stride), *y = kernel(b, name, &order_b, &stride_b);
        ck_assert_uint_eq(order, order_b);
        for (size_t k = 0; k < order; k++) ck_assert_int_eq(memcmp(x + k * stride, y + k * stride_b, order * sizeof *x), 0);
    }
}

START_TEST(step_by_step_is_the_same_as_at_once)
{
    dmft_problem p = problem_of(reference_setting(_i));
    p.store_kernels = 1;
    dmft_trajectory *whole = solved(&p, DMFT_OK), *t = NULL;
    dmft_solver *s = NULL;
    ck_assert_int_eq(dmft_solver_create(&s, &p, NULL, NULL), DMFT_OK);
    for (long i = 0; i < p.steps; i++) {
        ck_assert_int_eq(dmft_solver_done(s), i);
        ck_assert_int_eq(dmft_solver_step(s, NULL), DMFT_OK);
    }
    ck_assert_int_eq(dmft_solver_step(s, NULL), DMFT_OK); /* past the last step: nothing */
    ck_assert_int_eq(dmft_solver_done(s), p.steps);
    ck_assert_int_eq(dmft_solver_finish(s, &t, NULL), DMFT_OK);
    check_same(whole, t);
    dmft_trajectory *second = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_solver_finish(s, &second, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_solver_step(s, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_null(second);
    ck_assert_uint_gt(strlen(err.text), 0);
    dmft_solver_free(s);
    dmft_trajectory_free(t);
    dmft_trajectory_free(whole);
}
END_TEST

/* A matrix without a bulk, or with one that no number can be told from, still has its outliers: singular values down to rounding. */
static struct setting bare[] = {
    {"zero first", 2, 0.5, 4.0, {0.0, 0.4, 0.4}, 4.0, 0.0, 0.02, MUP, FULL, 60},
    {"zero first of three", 3, 2.0, 4.0, {0.0, 0.4, 0.4, 0.4}, 0.5, 0.0, 0.003, MUP, FULL, 60},
    {"zero middle", 3, 2.0, 4.0, {0.4, 0.0, 0.4, 0.4}, 0.5, 0.0, 0.003, MUP, FULL, 30},
    {"zero first, noise", 2, 2.0, 4.0, {0.0, 1.5, 0.1}, 0.5, 5.0, 0.003, MUP, FULL, 57},
    {"zero middle, NTK", 3, 0.5, 3.0, {0.2, 0.0, 0.3, 0.4}, 4.0, 2.0, 0.02, NTK, FULL, 20},
    {"tiny", 2, 0.5, 4.0, {1e-200, 1e-200, 1e-200}, 4.0, 0.0, 0.02, MUP, FULL, 20},
    {"small", 2, 0.5, 4.0, {1e-25, 0.4, 0.4}, 4.0, 0.0, 0.02, MUP, FULL, 20},
};

START_TEST(small_and_zero_variances_have_outliers)
{
    dmft_problem p = problem_of(&bare[_i]);
    p.outlier_count = 5;
    dmft_trajectory *t = solved(&p, DMFT_OK);
    const double *first = series(t, "A0_outlier1"), *second = series(t, "A0_outlier2");
    for (long s = 0; s < p.steps; s++) ck_assert(!isgreater(second[s], first[s]) && !isinf(first[s]));
    if (bare[_i].variance[0] < 1e-20 && bare[_i].variance[1] > 0.1) ck_assert(first[p.steps - 1] > 0.1 && isnan(first[0]));
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(a_run_can_be_finished_early)
{
    dmft_problem p = problem_of(reference_setting(1));
    p.store_kernels = 1;
    for (int steps = 0; steps <= 7; steps += 7) {
        dmft_solver *s = NULL;
        dmft_trajectory *t = NULL;
        ck_assert_int_eq(dmft_solver_create(&s, &p, NULL, NULL), DMFT_OK);
        for (int i = 0; i < steps; i++) ck_assert_int_eq(dmft_solver_step(s, NULL), DMFT_OK);
        ck_assert_int_eq(dmft_solver_finish(s, &t, NULL), DMFT_OK);
        ck_assert_uint_eq(dmft_trajectory_rows(t), (size_t)steps);
        ck_assert_int_eq(dmft_trajectory_diverged_at(t), -1);
        size_t order = 99, stride = 0;
        (void)kernel(t, "C_h3", &order, &stride);
        ck_assert_uint_eq(order, (size_t)steps);
        dmft_solver_free(s);
        dmft_trajectory_free(t);
    }
}
END_TEST

START_TEST(an_unknown_model_is_not_available)
{
    dmft_problem p = problem_of(reference_setting(0));
    char other[] = "perceptron";
    p.model = other;
    dmft_solver *s = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_solver_create(&s, &p, NULL, &err), DMFT_ERROR_UNAVAILABLE);
    ck_assert_ptr_null(s);
    ck_assert_msg(strstr(err.text, "perceptron") != NULL, "'%s'", err.text);
}
END_TEST

/* ---- outliers every few steps, and with zero variances ---- */

/* Series of level 2 at the recorded steps as in a run that records all, nan elsewhere. */
static void check_sparse(const dmft_trajectory *all, const dmft_trajectory *few, const char *name, long every)
{
    const double *x = series(all, name), *y = series(few, name);
    for (long t = 0; t < (long)dmft_trajectory_rows(all); t++) {
        if (t % every != 0) {
            ck_assert_msg(isnan(y[t]), "%s at step %ld of every %ld: %g", name, t, every, y[t]);
            continue;
        }
        ck_assert_msg(isnan(x[t]) == isnan(y[t]), "%s at step %ld, every %ld: %.9g, with all steps %.9g", name, t, every, y[t], x[t]);
        if (!isnan(x[t]))
            ck_assert_msg(fabs(x[t] - y[t]) <= 1e-7 * fabs(x[t]), "%s at step %ld, every %ld: %.12g, with all steps %.12g", name, t, every,
                          y[t], x[t]);
    }
}

static const long intervals[] = {2, 3, 5, 7, 13, 29, 100};

START_TEST(outliers_every_few_steps)
{
    dmft_problem p = problem_of(reference_setting(_i / 3));
    p.outlier_count = _i % 3 + 1;
    dmft_trajectory *all = solved(&p, DMFT_OK);
    for (size_t k = 0; k < sizeof intervals / sizeof *intervals; k++) {
        p.outlier_every = intervals[k];
        dmft_trajectory *few = solved(&p, DMFT_OK);
        for (int l = 0; l < p.depth; l++)
            for (int j = 1; j <= p.outlier_count; j++) {
                char name[NAME];
                (void)snprintf(name, sizeof name, "A%d_outlier%d", l, j);
                check_sparse(all, few, name, p.outlier_every);
            }
        ck_assert_int_eq(memcmp(series(all, "C_v"), series(few, "C_v"), (size_t)p.steps * sizeof(double)), 0);
        dmft_trajectory_free(few);
    }
    dmft_trajectory_free(all);
}
END_TEST

/* Without bulk every singular value of what was learned is an outlier; further ones that are asked for may be zero or rounding. */
START_TEST(zero_variances_with_many_outliers)
{
    struct setting s = {"", 2, 0.7, 2.0, {0.5, 0.5, 0.5}, 2.385, 0.3, 0.05, MUP, _i / 4 % 2 ? ONLINE : FULL, 80};
    s.depth = 1 + _i / 8;
    s.variance[s.depth - 1] = 0.0;
    dmft_problem p = problem_of(&s);
    p.outlier_count = _i % 4 + 1;
    dmft_trajectory *t = solved(&p, DMFT_OK);
    char name[NAME];
    (void)snprintf(name, sizeof name, "A%d_outlier1", s.depth - 1);
    ck_assert(isnan(series(t, name)[0]));
    for (long k = 1; k < s.steps; k++) ck_assert_msg(series(t, name)[k] > 0.0, "%s at step %ld: %g", name, k, series(t, name)[k]);
    dmft_trajectory_free(t);
}
END_TEST

Suite *suite_deep_linear(void)
{
    Suite *s = suite_create("deep_linear");
    TCase *numbers_of = tcase_create("numbers"), *invariants = tcase_create("invariants"), *runs = tcase_create("runs");
    tcase_add_loop_test(numbers_of, reference_tables, 0, REFERENCES);
    tcase_add_loop_test(numbers_of, kernels_are_those_of_the_site_equations, 0, AWKWARD);
    tcase_add_loop_test(numbers_of, kernel_regression_limit, 0, 8);
    tcase_add_test(numbers_of, one_step);
    tcase_add_loop_test(invariants, kernels_are_symmetric_and_positive, 0, REFERENCES);
    tcase_add_loop_test(invariants, causality_is_bitwise, 0, REFERENCES);
    tcase_add_loop_test(invariants, what_is_recorded_does_not_matter, 0, REFERENCES);
    tcase_add_loop_test(invariants, losses_follow_from_the_kernels, 0, REFERENCES);
    tcase_add_loop_test(invariants, tolerance_bounds_the_error, 0, REFERENCES);
    tcase_add_loop_test(runs, divergence_is_found_at_the_step_of_L16, 0, UNSTABLE);
    tcase_add_test(runs, a_diverged_solver_stays_so);
    tcase_add_test(runs, memory_limit_refuses);
    tcase_add_test(runs, the_caller_can_stop_a_run);
    tcase_add_loop_test(runs, step_by_step_is_the_same_as_at_once, 0, REFERENCES);
    tcase_add_test(runs, a_run_can_be_finished_early);
    tcase_add_loop_test(runs, small_and_zero_variances_have_outliers, 0, (int)(sizeof bare / sizeof *bare));
    tcase_add_test(runs, an_unknown_model_is_not_available);
    tcase_add_loop_test(runs, outliers_every_few_steps, 0, 3 * REFERENCES);
    tcase_add_loop_test(runs, zero_variances_with_many_outliers, 0, 16);
    suite_add_tcase(s, numbers_of);
    suite_add_tcase(s, invariants);
    suite_add_tcase(s, runs);
    return s;
}
