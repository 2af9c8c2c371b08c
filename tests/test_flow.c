/* Gradient flow: closed forms, gradient descent of small steps, order, tolerance, long runs; section 16 of doc/theory.md. */
#include <check.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/problem.h"
#include "model/flow.h"
#include "runs.h"
#include "suites.h"

enum { MOST_LAYERS = 4 };

static char model_name[] = "deep_linear", no_text[] = "model: deep_linear\n";

/* A flow on a uniform grid; muP, variances 1, no noise unless set. */
static dmft_problem flow_of(int depth, double gamma0, double *variance, double alpha, double time, long steps, double tolerance)
{
    return (dmft_problem){.model = model_name, .depth = depth, .width_ratio = 0.5, .parameterization = PARAMETERIZATION_MUP, .gamma0 = gamma0,
                          .weight_variance = variance, .sample_ratio = alpha, .learning_rate = 1.0, .steps = steps, .rows = steps + 1, .flow = 1,
                          .time = time, .grid = GRID_UNIFORM, .grid_tolerance = tolerance, .grid_first = fmin(0.01, time / (double)steps),
                          .tolerance = 1e-11, .outlier_count = 1, .outlier_every = 1, .text = no_text};
}

static dmft_problem adaptive(dmft_problem p)
{
    p.grid = GRID_ADAPTIVE;
    return p;
}

/* ---- closed forms ---- */

struct lazy {
    double alpha, s, noise, time;
    int samples; /* C_Delta in place of C_v */
};

/* The integrand of (G9) in the angle of section 12. */
static double lazy_density(double theta, void *context)
{
    const struct lazy *z = context;
    double lambda = 1.0 + 1.0 / z->alpha + 2.0 / sqrt(z->alpha) * cos(theta), weight = 2.0 * sin(theta) * sin(theta) / (M_PI * lambda);
    double left = exp(-z->s * lambda * z->time), noise = z->noise * z->noise / z->alpha;
    if (z->samples) return weight * (lambda + noise) * left * left;
    return weight * (left * left + noise * (1.0 - left) * (1.0 - left) / lambda);
}

static double lazy_value(struct lazy z)
{
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(2000);
    double value = 0.0, error = 0.0;
    gsl_function f = {.function = lazy_density, .params = &z};
    ck_assert_int_eq(gsl_integration_qag(&f, 0.0, M_PI, 1e-16, 1e-12, 2000, GSL_INTEG_GAUSS31, w, &value, &error), 0);
    gsl_integration_workspace_free(w);
    if (!z.samples) return value + fmax(0.0, 1.0 - z.alpha);
    return value + z.noise * z.noise * (1.0 - 1.0 / z.alpha + fmax(0.0, 1.0 / z.alpha - 1.0));
}

/* gamma_0 -> 0 with A_0(0) = 0: Marchenko-Pastur integrals with e^{-s lambda t}, to ten thousand initial time scales. */
static void check_lazy(double alpha, double noise, double time, double tolerance, double allowed)
{
    double variance[] = {0.0, 1.5};
    dmft_problem p = adaptive(flow_of(1, 1e-6, variance, alpha, time, 1000, tolerance));
    p.label_noise = noise;
    dmft_trajectory *t = solved(&p, DMFT_OK);
    size_t rows = dmft_trajectory_rows(t);
    const double *at = series(t, "time"), *C_v = series(t, "C_v"), *C_Delta = series(t, "C_Delta");
    ck_assert_uint_le(rows, 1001);
    ck_assert(at[0] == 0.0 && at[rows - 1] == time);
    double worst = 0.0;
    for (size_t i = 0; i < rows; i += i + 7 < rows ? 7 : 1) {
        struct lazy z = {.alpha = alpha, .s = 1.5, .noise = noise, .time = at[i]}, samples = z;
        samples.samples = 1;
        double exact = lazy_value(z), exact_samples = lazy_value(samples);
        worst = fmax(worst, fabs(C_v[i] - exact) / fmax(exact, 1e-6));
        worst = fmax(worst, fabs(C_Delta[i] - exact_samples) / fmax(exact_samples, 1e-3));
    }
    printf("flow, lazy: alpha %g noise %g time %g tolerance %g: %zu nodes, largest error %.2g\n", alpha, noise, time, tolerance, rows, worst);
    ck_assert_msg(worst <= allowed, "alpha %g: error %.3g at tolerance %.3g", alpha, worst, tolerance);
    dmft_trajectory_free(t);
}

START_TEST(test_lazy_long)
{
    check_lazy(2.0, 0.3, 1e4, 1e-8, 1e-6);
    check_lazy(0.5, 0.3, 1e4, 1e-8, 1e-6);
    check_lazy(4.0, 0.0, 1e4, 1e-8, 1e-6);
}
END_TEST

START_TEST(test_lazy_edge) { check_lazy(1.0, 0.3, 60.0, 1e-8, 1e-7); }
END_TEST

START_TEST(test_tolerance)
{
    check_lazy(2.0, 0.3, 100.0, 1e-6, 3e-6);
    check_lazy(2.0, 0.3, 100.0, 1e-8, 3e-8);
    check_lazy(2.0, 0.3, 100.0, 1e-10, 3e-10);
}
END_TEST

/* dm/dt = -m sqrt(s^2 + 4 kappa^2 (1 - m)^2), the population flow of (G10). */
struct population {
    double s, kappa;
};

static double population_time(double m, void *context)
{
    const struct population *z = context;
    return 1.0 / (m * sqrt(z->s * z->s + 4.0 * z->kappa * z->kappa * (1.0 - m) * (1.0 - m)));
}

START_TEST(test_population)
{
    double variance[] = {0.0, 0.04};
    dmft_problem p = flow_of(1, 2.0, variance, 0.7, 6.0, 24, 1e-10);
    p.batch = BATCH_ONLINE;
    p.label_noise = 0.4;
    dmft_trajectory *t = solved(&p, DMFT_OK);
    struct population z = {.s = 0.04, .kappa = 2.0}; /* gamma/sqrt(nu) */
    gsl_function f = {.function = population_time, .params = &z};
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(1000);
    for (size_t i = 1; i < dmft_trajectory_rows(t); i++) {
        double m = sqrt(series(t, "C_v")[i]), time = 0.0, error = 0.0;
        ck_assert_int_eq(gsl_integration_qag(&f, m, 1.0, 1e-13, 1e-12, 1000, GSL_INTEG_GAUSS31, w, &time, &error), 0);
        double off = fabs(time - series(t, "time")[i]);
        ck_assert_msg(off <= 1e-7 * fmax(1.0, 1e-3 / m), "at m = %.3g, time %g: %.3g off", m, series(t, "time")[i], off);
        ck_assert_double_eq_tol(series(t, "C_Delta")[i], m * m + 0.16, 1e-12);
    }
    gsl_integration_workspace_free(w);
    ck_assert_double_lt(last(t, "C_v"), 1e-3);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- gradient descent ---- */

static const char *const names[] = {"C_v", "C_Delta", "C_h0", "C_h1", "C_h2", "C_g1", "C_g2", "A0_outlier1", "A1_outlier1"};
enum { SMOOTH = 7, NAMES = sizeof names / sizeof *names };

/* Extrapolated from steps of 1/256, 1/512 and 1/1024 to none. */
START_TEST(test_small_steps)
{
    double variance[] = {0.3, 0.3, 0.3}, value[3][NAMES];
    for (int i = 0; i < 3; i++) {
        dmft_problem p = flow_of(2, 2.0, variance, 2.0, 1.0, 1, 0.0);
        p.flow = 0;
        p.learning_rate = 1.0 / (256 << i);
        p.steps = p.rows = (256 << i) + 1;
        p.outlier_every = 256 << i;
        dmft_trajectory *t = solved(&p, DMFT_OK);
        for (int j = 0; j < NAMES; j++) value[i][j] = last(t, names[j]);
        dmft_trajectory_free(t);
    }
    dmft_problem p = flow_of(2, 2.0, variance, 2.0, 1.0, 4, 1e-9);
    dmft_trajectory *t = solved(&p, DMFT_OK);
    for (int j = 0; j < NAMES; j++) {
        double first = 2.0 * value[1][j] - value[0][j], second = 2.0 * value[2][j] - value[1][j], limit = (4.0 * second - first) / 3.0;
        ck_assert_msg(fabs(last(t, names[j]) / limit - 1.0) <= 1e-7, "%s: flow %.12g, limit of steps %.12g", names[j], last(t, names[j]), limit);
    }
    dmft_trajectory_free(t);
}
END_TEST

/* ---- order ---- */

/* Root mean square over the nodes of a coarse grid of the difference to another run, which has `fine` nodes for one of them. */
static double distance(const dmft_trajectory *coarse, const dmft_trajectory *other, size_t fine, const char *name)
{
    double sum = 0.0;
    const double *x = series(coarse, name), *y = series(other, name);
    for (size_t i = 0; i < dmft_trajectory_rows(coarse); i++)
        if (!isnan(x[i]) && !isnan(y[i * fine])) sum += (x[i] - y[i * fine]) * (x[i] - y[i * fine]);
    return sqrt(sum / (double)dmft_trajectory_rows(coarse));
}

/* The order that the last two of three numbers of steps show, for each series, over the nodes of the coarsest. */
static void check_order(dmft_problem p, long coarsest)
{
    enum { LEVELS = 3 };
    dmft_trajectory *t[LEVELS];
    dmft_problem tight = p;
    tight.steps = coarsest;
    tight.rows = coarsest + 1;
    tight.grid_tolerance = 1e-12;
    dmft_trajectory *exact = solved(&tight, DMFT_OK);
    for (int i = 0; i < LEVELS; i++) {
        p.steps = coarsest << i;
        p.rows = p.steps + 1;
        t[i] = solved(&p, DMFT_OK);
    }
    for (int j = 0; j < NAMES; j++) {
        double error[LEVELS];
        for (int i = 0; i < LEVELS; i++) error[i] = distance(exact, t[i], (size_t)1 << i, names[j]);
        double order = log2(error[1] / error[2]);
        printf("flow, %s: errors %.2g %.2g %.2g, orders %.2f %.2f\n", names[j], error[0], error[1], error[2], log2(error[0] / error[1]), order);
        ck_assert_msg(fabs(order - 4.0) <= 0.15, "%s: order %.3f", names[j], order);
    }
    for (int i = 0; i < LEVELS; i++) dmft_trajectory_free(t[i]);
    dmft_trajectory_free(exact);
}

START_TEST(test_order)
{
    double variance[] = {0.3, 0.3, 0.3};
    dmft_problem p = flow_of(2, 2.0, variance, 2.0, 3.0, 1, 0.0);
    check_order(p, 32);
}
END_TEST

/* ---- grids and bounds ---- */

/* The same flow whatever the nodes, those of an adaptive grid included. */
START_TEST(test_grids)
{
    double variance[] = {1.0, 1.0, 1.0};
    dmft_problem uniform = flow_of(2, 3.0, variance, 2.0, 20.0, 8, 1e-9), geometric = uniform, few = adaptive(uniform);
    geometric.grid = GRID_GEOMETRIC;
    few.grid_tolerance = 1e-8;
    dmft_trajectory *a = solved(&uniform, DMFT_OK), *b = solved(&geometric, DMFT_OK), *c = solved(&few, DMFT_OK);
    ck_assert_uint_eq(dmft_trajectory_rows(a), 9);
    ck_assert_uint_eq(dmft_trajectory_rows(b), 9);
    ck_assert_uint_le(dmft_trajectory_rows(c), 9);
    ck_assert(last(c, "time") == 20.0 && last(b, "time") == 20.0);
    ck_assert_double_gt(dmft_trajectory_number(c, "flow_accepted"), 8.0);
    for (int j = 0; j < SMOOTH; j++) {
        double exact = last(a, names[j]), share = exact < 1e-5 ? 1e-3 : 1e-6; /* of what has decayed */
        ck_assert_msg(fabs(last(b, names[j]) / exact - 1.0) <= share, "%s: %.12g and %.12g", names[j], last(b, names[j]), exact);
        ck_assert_msg(fabs(last(c, names[j]) / exact - 1.0) <= share, "%s: %.12g and %.12g", names[j], last(c, names[j]), exact);
    }
    dmft_trajectory_free(a);
    dmft_trajectory_free(b);
    dmft_trajectory_free(c);
}
END_TEST

/* C_v at the end, with directions met more sparingly beyond the bound; their number is left in *directions. */
static double bounded(const dmft_problem *p, size_t bound, size_t *directions)
{
    const struct model *m = &model_deep_linear;
    const struct model_observable *o;
    void *network = NULL;
    flow *f = NULL;
    ck_assert_int_eq(m->create(&network, p, NULL), DMFT_OK);
    ck_assert_int_eq(flow_create(&f, m, network, p, NULL), DMFT_OK);
    flow_bound_directions(f, bound);
    while (!flow_ended(f)) {
        ck_assert_int_eq(m->reserve(network, NULL), DMFT_OK);
        m->evaluate(network);
        ck_assert_int_eq(flow_advance(f, NULL), DMFT_OK);
    }
    ck_assert_int_eq(m->reserve(network, NULL), DMFT_OK);
    m->evaluate(network);
    m->observables(network, &o);
    double value = limit_dot(o[0].field, o[0].field);
    *directions = m->directions(network);
    flow_free(f);
    m->free(network);
    return value;
}

START_TEST(test_bound)
{
    double variance[] = {0.5, 0.5};
    dmft_problem p = flow_of(1, 1.0, variance, 2.0, 5.0, 5, 1e-8);
    size_t free_k, bounded_k;
    double whole = bounded(&p, 1024, &free_k), less = bounded(&p, 24, &bounded_k);
    printf("flow, bound: %zu directions for %zu, C_v %.3g off\n", bounded_k, free_k, fabs(less / whole - 1.0));
    ck_assert_uint_lt(bounded_k, free_k);
    ck_assert_double_le(fabs(less / whole - 1.0), 1e-6);
}
END_TEST

/* ---- far out ---- */

/* An adaptive grid against a fine uniform run: test loss and outliers to 1e-6, the loss down to a millionth of the first. */
static void check_target(int depth, double alpha, double time, double span, long fine)
{
    double variance[MOST_LAYERS + 1] = {0.3, 0.3, 0.3, 0.3, 0.3};
    dmft_problem p = adaptive(flow_of(depth, 2.0, variance, alpha, time, 1000, 1e-8));
    dmft_trajectory *t = solved(&p, DMFT_OK);
    size_t rows = dmft_trajectory_rows(t), at = 0;
    ck_assert_uint_le(rows, 1001);
    ck_assert(last(t, "time") == time);
    while (at + 1 < rows && series(t, "time")[at + 1] <= span) at++;
    dmft_problem q = flow_of(depth, 2.0, variance, alpha, series(t, "time")[at], fine, 0.0);
    q.outlier_every = fine;
    dmft_trajectory *exact = solved(&q, DMFT_OK);
    double C = last(exact, "C_v"), least = 1e-6 * series(exact, "C_v")[0];
    double error = fabs(series(t, "C_v")[at] - C) / fmax(C, least), z = last(exact, "A0_outlier1"), z_error = fabs(series(t, "A0_outlier1")[at] / z - 1.0);
    printf("flow, L = %d alpha %g: %zu nodes to %g, %g evaluations; at %.4g loss off %.2g, outlier %.9g off %.2g\n", depth, alpha, rows, time,
           dmft_trajectory_number(t, "flow_evaluations"), series(t, "time")[at], error, z, z_error);
    ck_assert_double_le(error, 1e-6);
    if (!isnan(z)) ck_assert_double_le(z_error, 1e-6);
    dmft_trajectory_free(t);
    dmft_trajectory_free(exact);
}

START_TEST(test_target)
{
    check_target(2, 4.0, 20.0, 3.0, 200);
    if (getenv("DMFT_TEST_LONG") == NULL) return;
    for (int depth = 1; depth <= 3; depth++) {
        check_target(depth, 2.0, 1e4, 10.0, 1000);
        check_target(depth, 0.5, 1e4, 10.0, 1000);
    }
}
END_TEST

Suite *suite_flow(void)
{
    Suite *s = suite_create("flow");
    TCase *c = tcase_create("flow");
    tcase_set_timeout(c, 3600);
    tcase_add_test(c, test_lazy_long);
    tcase_add_test(c, test_lazy_edge);
    tcase_add_test(c, test_tolerance);
    tcase_add_test(c, test_population);
    tcase_add_test(c, test_small_steps);
    tcase_add_test(c, test_order);
    tcase_add_test(c, test_grids);
    tcase_add_test(c, test_bound);
    tcase_add_test(c, test_target);
    suite_add_tcase(s, c);
    return s;
}
