/* Model noisy_matrix: section 32 of doc/theory.md. Closed forms, the reference, (NM6) to (NM9) by another quadrature, recursions, Dyson's drift, sampled
 * matrices, spacings of levels. */
#include <check.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocation.h"
#include "base/random.h"
#include "dmft.h"
#include "spectrum/law.h"
#include "spectrum/spacing.h"
#include "spectrum/spiked.h"
#include "suites.h"

static void assert_close(double value, double expected, double tolerance, const char *what)
{
    ck_assert_msg(fabs(value - expected) <= tolerance * fabs(expected), "%s: %.17g, expected %.17g (relative %.3g, allowed %.3g)", what, value, expected,
                  fabs(value / expected - 1.0), tolerance);
}

/* Rising. */
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- problems ---- */

static dmft_config *config_of(const char *text)
{
    dmft_config *config = NULL;
    dmft_error err = {0};
    ck_assert_msg(dmft_config_parse(&config, text, strlen(text), "test", &err) == DMFT_OK, "%s", err.text);
    return config;
}

/* Settings are "key=value", up to a NULL. */
static dmft_problem *problem_of(const char *const *settings)
{
    dmft_config *config = config_of("model: noisy_matrix\nnetwork: {width_ratio: 0.5, weight_variance: 1}\ntraining: {learning_rate: 0.1, steps: 15}\n");
    dmft_problem *problem = NULL;
    dmft_error err = {0};
    for (; *settings != NULL; settings++) {
        char key[64];
        const char *sign = strchr(*settings, '=');
        (void)snprintf(key, sizeof key, "%.*s", (int)(sign - *settings), *settings);
        ck_assert_msg(dmft_config_set(config, key, sign + 1, &err) == DMFT_OK, "%s", err.text);
    }
    ck_assert_msg(dmft_problem_create(&problem, config, &err) == DMFT_OK, "%s", err.text);
    dmft_config_free(config);
    return problem;
}

#define PROBLEM(...) problem_of((const char *const[]){__VA_ARGS__, NULL})

static dmft_trajectory *solved(dmft_problem *problem)
{
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    int status = dmft_solve(problem, NULL, &t, &err);
    ck_assert_msg(status == DMFT_OK, "%s", err.text);
    dmft_problem_free(problem);
    return t;
}

static dmft_trajectory *simulated(dmft_problem *problem)
{
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    ck_assert_msg(dmft_simulate(problem, NULL, &t, &err) == DMFT_OK, "%s", err.text);
    dmft_problem_free(problem);
    return t;
}

static double at(const dmft_trajectory *t, const char *name, size_t row) { return dmft_trajectory_series(t, name)[row]; }
static double last(const dmft_trajectory *t, const char *name) { return at(t, name, dmft_trajectory_rows(t) - 1); }

/* ---- closed forms ---- */

START_TEST(the_reference_is_met)
{
    char path[512], line[256], rate[64], steps[64];
    const char *srcdir = getenv("DMFT_SRCDIR");
    (void)snprintf(path, sizeof path, "%s/tests/reference/rmt_teacher_student_a.csv", srcdir != NULL ? srcdir : ".");
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    int rows = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        double eta, edge, isolated, left, critical;
        long T;
        if (sscanf(line, "%lf,%ld,%lf,%lf,%lf,%lf", &eta, &T, &edge, &isolated, &left, &critical) != 6) continue;
        (void)snprintf(rate, sizeof rate, "training.learning_rate=%.17g", eta);
        (void)snprintf(steps, sizeof steps, "training.steps=%ld", T);
        dmft_trajectory *t = solved(PROBLEM(rate, steps));
        assert_close(last(t, "bulk_edge"), edge, 1e-10, "edge");
        assert_close(dmft_trajectory_number(t, "critical_step_size"), critical, 1e-10, "critical step size");
        ck_assert_int_eq(isnan(isolated), isnan(last(t, "isolated")));
        ck_assert_int_eq(isnan(isolated), isnan(last(t, "overlap2_left")));
        if (!isnan(isolated)) {
            assert_close(last(t, "isolated"), isolated, 1e-10, "isolated");
            assert_close(last(t, "overlap2_left"), left, 1e-10, "overlap");
        }
        dmft_trajectory_free(t);
        rows++;
    }
    (void)fclose(file);
    ck_assert_int_eq(rows, 11);
}
END_TEST

START_TEST(critical_values_have_closed_forms)
{
    static const struct {
        double r, sigma2, teacher, rate, decay;
        long steps;
    } cases[] = {{0.5, 1, 1, 0.1, 0, 1}, {2.385, 0.3, 1.7, 0.05, 0, 17}, {0.02, 4, 0.6, 0.3, 0, 3}, {1, 1, 1, 0.01, 0, 64}, {0.5, 1, 1, 0.1, 0.05, 15}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[6][64];
        double r = cases[i].r, sigma = sqrt(cases[i].sigma2), ratio = sigma * pow(r, 0.25) / cases[i].teacher, x = cases[i].decay + cases[i].rate;
        (void)snprintf(text[0], sizeof text[0], "network.width_ratio=%.17g", r);
        (void)snprintf(text[1], sizeof text[1], "network.weight_variance=%.17g", cases[i].sigma2);
        (void)snprintf(text[2], sizeof text[2], "data.teacher_strength=%.17g", cases[i].teacher);
        (void)snprintf(text[3], sizeof text[3], "training.learning_rate=%.17g", cases[i].rate);
        (void)snprintf(text[4], sizeof text[4], "training.steps=%ld", cases[i].steps);
        (void)snprintf(text[5], sizeof text[5], "training.weight_decay=%.17g", cases[i].decay);
        dmft_trajectory *t = solved(PROBLEM(text[0], text[1], text[2], text[3], text[4], text[5]));
        double time = log1p(ratio * x / cases[i].rate) / -log1p(-x); /* (NM12) */
        assert_close(dmft_trajectory_number(t, "critical_time"), time, 1e-12, "critical time");
        if (cases[i].decay == 0.0)
            assert_close(dmft_trajectory_number(t, "critical_step_size"), 1.0 - pow(1.0 + ratio, -1.0 / (double)cases[i].steps), 1e-12, "critical step size");
        if (i == 0) assert_close(dmft_trajectory_number(t, "critical_step_size"), 0.456786383137, 1e-11, "critical step size after one step");
        if (i == 0) assert_close(dmft_trajectory_number(t, "critical_time"), 5.792, 1e-4, "critical time at step size 0.1");
        if (i == 4) ck_assert_double_eq(dmft_trajectory_number(t, "escape_step"), ceil(time));
        dmft_trajectory_free(t);
    }
}
END_TEST

/* With noise the condition is quadratic in rho^t (NM13); more of it than the teacher can pass leaves no critical time. */
START_TEST(noise_moves_the_critical_time)
{
    const double r = 0.5, noise[] = {0.5, 4.0, 40.0};
    for (size_t i = 0; i < 3; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "training.gradient_noise=%g", noise[i]);
        dmft_trajectory *t = solved(PROBLEM(text));
        double eta = 0.1, rho = 0.9, final = eta * eta * noise[i] / (1.0 - rho * rho), root = sqrt(r);
        double a = 1.0 - root * (1.0 - final), c = 1.0 - root * final, time = c > 0.0 ? log((1.0 - sqrt(1.0 - a * c)) / a) / log(rho) : NAN;
        if (c > 0.0)
            assert_close(dmft_trajectory_number(t, "critical_time"), time, 1e-12, "critical time");
        else
            ck_assert(isnan(dmft_trajectory_number(t, "critical_time")));
        assert_close(dmft_trajectory_number(t, "stationary_variance"), final, 1e-13, "stationary variance");
        dmft_trajectory_free(t);
    }
}
END_TEST

/* Step sizes at which the least of the noise takes the teacher again: the margin is 0 there too. */
START_TEST(noise_sets_a_largest_step_size)
{
    dmft_trajectory *t = solved(PROBLEM("training.gradient_noise=4", "training.steps=20"));
    double rate[] = {dmft_trajectory_number(t, "critical_step_size"), dmft_trajectory_number(t, "critical_step_size_upper")};
    dmft_trajectory_free(t);
    ck_assert(0.0 < rate[0] && rate[0] < rate[1] && rate[1] < 2.0);
    for (int i = 0; i < 2; i++) {
        double kept = pow(1.0 - rate[i], 20), kappa = kept * kept + 4.0 * rate[i] * rate[i] * (1.0 - kept * kept) / (rate[i] * (2.0 - rate[i]));
        assert_close(gsl_pow_2(1.0 - kept), sqrt(0.5) * kappa, 1e-12, "spike at a critical step size");
    }
}
END_TEST

START_TEST(without_a_bulk_the_teacher_is_known)
{
    dmft_trajectory *t = solved(PROBLEM("training.learning_rate=1", "training.steps=2", "data.teacher_strength=1.5"));
    ck_assert_double_eq(at(t, "bulk_edge", 1), 0.0);
    assert_close(at(t, "isolated", 1), 2.25, 1e-14, "isolated");
    ck_assert_double_eq(at(t, "overlap2_left", 1), 1.0);
    ck_assert_double_eq(at(t, "overlap2_right", 1), 1.0);
    dmft_trajectory_free(t);
    t = solved(PROBLEM("data.teacher_strength=0"));
    ck_assert(isnan(last(t, "isolated")) && isnan(dmft_trajectory_number(t, "critical_step_size")) && isnan(dmft_trajectory_number(t, "critical_time")));
    ck_assert_double_eq(dmft_trajectory_number(t, "escape_step"), -1.0);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- a finite sample: (NM6) to (NM9) in m, by adaptive quadrature over the density of Marchenko and Pastur ---- */

struct slow {
    double r, alpha, sigma2, teacher, rate, decay, noise, labels, m;
    long steps;
    int what;
};

static void slow_at(const struct slow *p, double s, double *tau, double *f)
{
    double weight = 1.0, variance = p->sigma2, spike = 0.0, rho = 1.0 - p->decay - p->rate * s;
    for (long t = 0; t < p->steps; t++) { /* the training itself */
        spike = rho * spike + p->rate * s * p->teacher;
        variance = rho * rho * variance + p->rate * p->rate * p->noise;
        weight = t == 0 ? p->rate : rho * weight + p->rate; /* of the labels' part */
    }
    *tau = variance + (p->steps > 0 ? p->labels * p->labels * s * weight * weight / p->alpha : 0.0);
    *f = spike;
}

enum { SLOW_X, SLOW_SLOPE, SLOW_F, SLOW_F_SLOPE, SLOW_RIGHT, SLOW_TAU };

static double slow_term(const struct slow *p, double s)
{
    double tau, f;
    slow_at(p, s, &tau, &f);
    double d = 1.0 + p->r * p->m * tau;
    switch (p->what) {
    case SLOW_X: return tau / d;
    case SLOW_SLOPE: return p->r * tau * tau / (d * d);
    case SLOW_F: return p->m * f * f / d;
    case SLOW_F_SLOPE: return f * f / (d * d);
    case SLOW_RIGHT: return f / d;
    default: return tau;
    }
}

static double slow_density(double theta, void *context)
{
    const struct slow *p = context;
    double q = fmin(p->alpha, 1.0 / p->alpha), s = 1.0 + q + 2.0 * sqrt(q) * cos(theta);
    return slow_term(p, s * fmax(1.0, 1.0 / p->alpha)) * 2.0 / M_PI * gsl_pow_2(sin(theta)) / s;
}

static double slow_mean(struct slow *p, double m, int what)
{
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(2000);
    gsl_function g = {slow_density, p};
    double value, error, mass = fmin(1.0, p->alpha);
    p->m = m;
    p->what = what;
    ck_assert_int_eq(gsl_integration_qag(&g, 0.0, M_PI, 0.0, 1e-12, 2000, GSL_INTEG_GAUSS61, w, &value, &error), 0);
    gsl_integration_workspace_free(w);
    return mass * value + (mass < 1.0 ? (1.0 - mass) * slow_term(p, 0.0) : 0.0);
}

/* m in (low, 0) where the sign changes; what falls to a negative value towards low. */
static double slow_root(struct slow *p, double low, double high, int edge)
{
    for (int i = 0; i < 70; i++) {
        double m = 0.5 * (low + high), value = edge ? 1.0 / (m * m) - slow_mean(p, m, SLOW_SLOPE) : 1.0 + slow_mean(p, m, SLOW_F);
        *(value < 0.0 ? &low : &high) = m;
    }
    return high;
}

static const struct slow slow_cases[] = {
    {.r = 0.5, .alpha = 10, .sigma2 = 1, .teacher = 1, .rate = 0.05, .steps = 1},
    {.r = 0.5, .alpha = 10, .sigma2 = 1, .teacher = 1, .rate = 0.8, .steps = 1},
    {.r = 0.5, .alpha = 3, .sigma2 = 1, .teacher = 1, .rate = 1, .steps = 1},
    {.r = 0.5, .alpha = 3, .sigma2 = 1, .teacher = 1.5, .rate = 0.2, .decay = 0.02, .noise = 0.5, .labels = 0.5, .steps = 12},
    {.r = 2.385, .alpha = 0.6, .sigma2 = 0.2, .teacher = 2, .rate = 0.1, .noise = 0.1, .labels = 0.2, .steps = 17},
    {.r = 0.3, .alpha = 1, .sigma2 = 0.5, .teacher = 1.7, .rate = 0.15, .decay = 0.01, .steps = 9},
};

static dmft_trajectory *solved_case(const struct slow *p)
{
    char text[9][64];
    (void)snprintf(text[0], sizeof text[0], "network.width_ratio=%.17g", p->r);
    (void)snprintf(text[1], sizeof text[1], "network.weight_variance=%.17g", p->sigma2);
    (void)snprintf(text[2], sizeof text[2], "data.teacher_strength=%.17g", p->teacher);
    (void)snprintf(text[3], sizeof text[3], "training.learning_rate=%.17g", p->rate);
    (void)snprintf(text[4], sizeof text[4], "training.steps=%ld", p->steps);
    (void)snprintf(text[5], sizeof text[5], "training.weight_decay=%.17g", p->decay);
    (void)snprintf(text[6], sizeof text[6], "data.sample_ratio=%.17g", p->alpha);
    (void)snprintf(text[7], sizeof text[7], "training.gradient_noise=%.17g", p->noise);
    (void)snprintf(text[8], sizeof text[8], "data.label_noise=%.17g", p->labels);
    return solved(PROBLEM(text[0], text[1], text[2], text[3], text[4], text[5], text[6], text[7], text[8]));
}

START_TEST(a_finite_sample_has_the_law_of_its_covariance)
{
    struct slow p = slow_cases[_i];
    dmft_trajectory *t = solved_case(&p);
    assert_close(last(t, "bulk_variance"), slow_mean(&p, -1.0, SLOW_TAU), 1e-10, "variance");
    double top = 0.0, tau, f, q = fmin(p.alpha, 1.0 / p.alpha), scale = fmax(1.0, 1.0 / p.alpha);
    for (int k = 0; k <= 10000; k++) {
        slow_at(&p, scale * (1.0 + q + 2.0 * sqrt(q) * cos(k * M_PI / 10000)), &tau, &f);
        top = fmax(top, tau);
    }
    slow_at(&p, 0.0, &tau, &f);
    if (p.alpha < 1.0) top = fmax(top, tau);
    double m = slow_root(&p, -(1.0 - 1e-7) / (p.r * top), -1e-9, 1);
    assert_close(last(t, "bulk_edge"), -1.0 / m + slow_mean(&p, m, SLOW_X), 1e-9, "edge");
    int there = 1.0 + slow_mean(&p, m, SLOW_F) < 0.0;
    ck_assert_int_eq(isnan(last(t, "isolated")), !there);
    if (there) {
        m = slow_root(&p, m, -1e-9, 0);
        double x = -1.0 / m + slow_mean(&p, m, SLOW_X), left = -m * (1.0 / (m * m) - slow_mean(&p, m, SLOW_SLOPE)) / slow_mean(&p, m, SLOW_F_SLOPE);
        assert_close(last(t, "isolated"), x, 1e-9, "isolated");
        assert_close(last(t, "overlap2_left"), left, 1e-8, "left");
        assert_close(last(t, "overlap2_right"), left * gsl_pow_2(slow_mean(&p, m, SLOW_RIGHT)) / x, 1e-8, "right");
    }
    dmft_trajectory_free(t);
}
END_TEST

/* After many steps the edge hangs on the few s next to an end of their law. Nodes (LA5) come there as n^{-3}: two numbers of them, extrapolated. */
START_TEST(edges_of_long_runs_are_resolved)
{
    enum { MOST = 16384 };
    static double s[MOST + 1], weight[MOST + 1], tau[MOST + 1], spike[MOST + 1];
    const struct slow p = {.r = 0.5, .alpha = 4, .sigma2 = 1, .teacher = 1, .rate = 0.813273, .steps = 60};
    struct spectrum_spiked_law law[2];
    for (size_t i = 0, n = MOST / 2; i < 2; i++, n *= 2) {
        double band[2];
        spectrum_marchenko_pastur_nodes(1.0 / p.alpha, n, s, weight, band);
        for (size_t k = 0; k < n; k++) slow_at(&p, s[k], &tau[k], &spike[k]);
        const struct spectrum_spiked spiked = {.ratio = p.r, .nodes = n, .tau = tau, .spike = spike, .weight = weight};
        spectrum_spiked_solve(&spiked, &law[i]);
    }
    dmft_trajectory *t = solved_case(&p);
    assert_close(last(t, "bulk_edge"), law[1].edge + (law[1].edge - law[0].edge) / 7.0, 3e-7, "edge");
    ck_assert(fabs(law[0].edge / last(t, "bulk_edge") - 1.0) > 1e-7); /* a case that is hard */
    assert_close(last(t, "isolated"), law[1].value, 1e-12, "isolated");
    dmft_trajectory_free(t);
}
END_TEST

/* Of an independent calculation, to its digits. */
START_TEST(one_step_on_a_sample_is_as_published)
{
    dmft_trajectory *t = solved_case(&slow_cases[0]);
    assert_close(last(t, "bulk_edge"), 2.632839, 2e-7, "edge");
    assert_close(dmft_trajectory_number(t, "critical_step_size"), 0.539254, 1e-6, "critical step size");
    dmft_trajectory_free(t);
    t = solved_case(&slow_cases[1]);
    assert_close(last(t, "isolated"), 0.8582, 1e-4, "isolated");
    assert_close(last(t, "overlap2_left"), 0.9247, 1e-4, "left");
    dmft_trajectory_free(t);
    t = solved_case(&slow_cases[2]);
    assert_close(last(t, "isolated"), 2.172, 5e-4, "isolated");
    assert_close(last(t, "overlap2_left"), 0.633, 1e-3, "left");
    dmft_trajectory_free(t);
}
END_TEST

/* The error of the population's law falls as 1/alpha. */
START_TEST(many_samples_are_the_population)
{
    dmft_trajectory *population = solved(PROBLEM("training.gradient_noise=1")), *sample[2];
    sample[0] = solved(PROBLEM("training.gradient_noise=1", "data.sample_ratio=1e3"));
    sample[1] = solved(PROBLEM("training.gradient_noise=1", "data.sample_ratio=1e4"));
    static const char *const names[] = {"bulk_edge", "isolated", "overlap2_left", "overlap2_right", "bulk_variance"};
    for (size_t i = 0; i < 5; i++) {
        double error[2];
        for (int k = 0; k < 2; k++) error[k] = fabs(last(sample[k], names[i]) - last(population, names[i]));
        double order = log10(error[0] / error[1]);
        ck_assert_msg(fabs(order - 1.0) < 0.02, "%s: errors %.3g, %.3g, order %.3f", names[i], error[0], error[1], order);
    }
    dmft_trajectory_free(population);
    for (int k = 0; k < 2; k++) dmft_trajectory_free(sample[k]);
}
END_TEST

/* Level 2 of kernels (O1): a step adds the spike u v^T with a weight that decays with the steps that follow. */
START_TEST(level_2_of_kernels_says_the_same)
{
    enum { STEPS = 15 };
    double one[STEPS * STEPS], zero[STEPS * STEPS] = {0}, weight[STEPS], r = 0.5, eta = 0.1, rho = 0.88;
    dmft_trajectory *t = solved(PROBLEM("training.gradient_noise=1", "training.weight_decay=0.02", "data.teacher_strength=1.3"));
    for (int i = 0; i < STEPS * STEPS; i++) one[i] = 1.0;
    for (int a = 0; a < STEPS; a++) weight[a] = eta * 1.3 * pow(rho, STEPS - 1 - a) / sqrt(r);
    dmft_kernels kernels = {.count = STEPS, .stride = STEPS, .C_phi = one, .R_phi = zero, .C_g = one, .R_g = zero, .weight = weight, .psi = r};
    kernels.sigma2 = last(t, "bulk_variance");
    dmft_outliers *outliers = NULL;
    dmft_error err = {0};
    ck_assert_msg(dmft_outliers_create(&outliers, &kernels, 2, &err) == DMFT_OK, "%s", err.text);
    ck_assert_uint_eq(dmft_outliers_count(outliers), 1);
    assert_close(gsl_pow_2(dmft_outliers_z(outliers, 0)), last(t, "isolated"), 1e-12, "outlier");
    assert_close(gsl_pow_2(dmft_outliers_edge(outliers)), last(t, "bulk_edge"), 1e-12, "edge");
    assert_close(gsl_pow_2(dmft_outliers_left(outliers, 0)[3]), last(t, "overlap2_left"), 1e-10, "left");
    assert_close(gsl_pow_2(dmft_outliers_right(outliers, 0)[5]), last(t, "overlap2_right"), 1e-10, "right");
    dmft_outliers_free(outliers);
    dmft_trajectory_free(t);
}
END_TEST

/* Edges of a population of two atoms, by the room's other file. */
START_TEST(edges_are_those_of_the_general_law)
{
    const double tau[] = {0.3, 2.385}, weight[] = {0.7, 0.3}, none[] = {0.0, 0.0}, ratios[] = {0.02, 0.5, 1.0, 7.0};
    for (size_t i = 0; i < 4; i++) {
        double scaled[2] = {ratios[i] * tau[0], ratios[i] * tau[1]}, band[2][2] = {{scaled[0], scaled[0]}, {scaled[1], scaled[1]}}, edge[3][2];
        struct spectrum_law general = {.ratio = 1.0 / ratios[i], .nodes = 2, .tau = scaled, .weight = weight, .bands = 2, .band = (const double(*)[2])band};
        struct spectrum_spiked spiked = {.ratio = ratios[i], .nodes = 2, .tau = tau, .spike = none, .weight = weight};
        struct spectrum_spiked_law law;
        size_t count;
        ck_assert_int_eq(spectrum_law_edges(&general, edge, 3, &count, NULL), DMFT_OK);
        spectrum_spiked_solve(&spiked, &law);
        assert_close(law.edge, edge[count - 1][1], 1e-13, "edge");
        ck_assert_double_eq(law.margin, -1.0);
    }
}
END_TEST

/* ---- dynamics ---- */

START_TEST(the_two_time_covariance_obeys_its_recursion)
{
    dmft_trajectory *t = solved(PROBLEM("training.gradient_noise=3", "training.batch_size=2", "training.weight_decay=0.03", "output.kernels=true"));
    size_t order, stride;
    const double *kappa = dmft_trajectory_kernel(t, "kappa", &order, &stride);
    double rho = 1.0 - 0.03 - 0.1, injected = 0.01 * 1.5, diagonal = 1.0;
    ck_assert_uint_eq(order, 16);
    for (size_t s = 0; s < order; s++) {
        double here = diagonal;
        for (size_t k = s; k < order; k++, here *= rho) {
            assert_close(kappa[k * stride + s], here, 1e-13, "kappa");
            ck_assert_double_eq(kappa[k * stride + s], kappa[s * stride + k]);
        }
        assert_close(at(t, "bulk_variance", s), diagonal, 1e-13, "variance");
        diagonal = rho * rho * diagonal + injected;
    }
    dmft_trajectory_free(t);
    t = solved(PROBLEM("data.sample_ratio=1.7", "data.label_noise=0.4", "training.gradient_noise=3", "output.kernels=true"));
    kappa = dmft_trajectory_kernel(t, "kappa", &order, &stride);
    for (size_t s = 0; s < order; s++) {
        assert_close(kappa[s * stride + s], at(t, "bulk_variance", s), 1e-12, "variance");
        assert_close(kappa[s * stride], at(t, "initial_covariance", s), 1e-12, "covariance with the start");
    }
    dmft_trajectory_free(t);
}
END_TEST

/* What a step adds to the isolated singular value, less (NM14): of second order in the step, at a stationary variance of order 1. */
static double drift_error(double eta)
{
    char rate[64], steps[64], shakes[64];
    long T = lround(2.0 / eta);
    (void)snprintf(rate, sizeof rate, "training.learning_rate=%.17g", eta);
    (void)snprintf(steps, sizeof steps, "training.steps=%ld", T + 1);
    (void)snprintf(shakes, sizeof shakes, "training.gradient_noise=%.17g", 0.5 / eta);
    dmft_trajectory *t = solved(PROBLEM(rate, steps, shakes, "data.teacher_strength=2"));
    size_t row = (size_t)T;
    dmft_resolvent f;
    double z = sqrt(at(t, "isolated", row)), injected = eta * 0.5, r = 0.5;
    ck_assert_int_eq(dmft_resolvent_at(z, at(t, "bulk_variance", row), r, &f, NULL), DMFT_OK);
    double pull = 2.0 * eta * sqrt(at(t, "overlap2_left", row) * at(t, "overlap2_right", row));
    double drift = -eta * z + pull + 0.5 * injected * (f.b + r * f.a), error = sqrt(at(t, "isolated", row + 1)) - z - drift;
    dmft_trajectory_free(t);
    return fabs(error);
}

START_TEST(the_isolated_value_drifts_as_dyson_says)
{
    double error[3] = {drift_error(0.01), drift_error(0.005), drift_error(0.0025)};
    for (int i = 0; i < 2; i++) {
        double order = log2(error[i] / error[i + 1]);
        ck_assert_msg(fabs(order - 2.0) < 0.07, "errors %.3g, %.3g: order %.3f", error[i], error[i + 1], order);
    }
}
END_TEST

enum { ROWS = 4, COLUMNS = 7 };

static void singular_values(const double *matrix, double *value)
{
    double copy[ROWS * COLUMNS], superb[ROWS];
    memcpy(copy, matrix, sizeof copy);
    ck_assert_int_eq(LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'N', ROWS, COLUMNS, copy, COLUMNS, value, NULL, 1, NULL, COLUMNS, superb), 0);
}

/* Mean change of singular values under a little noise: (NM15). Noise and its opposite together, so that what is left is of second order. */
START_TEST(noise_pushes_singular_values_apart)
{
    static const double start[ROWS] = {2.1, 1.3, 0.9, 0.4};
    enum { DRAWS = 4000 };
    const double small = 0.01;
    double sum[ROWS] = {0}, square[ROWS] = {0}, matrix[ROWS * COLUMNS], noise[ROWS * COLUMNS], up[ROWS], down[ROWS];
    struct random_stream stream = random_start(5, 0, 0);
    for (int k = 0; k < DRAWS; k++) {
        random_gaussians(&stream, small, ROWS * COLUMNS, noise);
        for (int sign = -1; sign <= 1; sign += 2) {
            for (int i = 0; i < ROWS * COLUMNS; i++) matrix[i] = sign * noise[i] + (i % (COLUMNS + 1) == 0 ? start[i / (COLUMNS + 1)] : 0.0);
            singular_values(matrix, sign < 0 ? down : up);
        }
        for (int i = 0; i < ROWS; i++) {
            double change = (0.5 * (up[i] + down[i]) - start[i]) / (small * small);
            sum[i] += change;
            square[i] += change * change;
        }
    }
    for (int i = 0; i < ROWS; i++) {
        double mean = sum[i] / DRAWS, se = sqrt((square[i] / DRAWS - mean * mean) / DRAWS), theory = 0.5 * (COLUMNS - ROWS) / start[i];
        for (int j = 0; j < ROWS; j++)
            if (j != i) theory += start[i] / (start[i] * start[i] - start[j] * start[j]);
        ck_assert_msg(fabs(mean - theory) <= 4.0 * se + 0.01, "value %d: drift %.4f, theory %.4f, standard error %.4f", i, mean, theory, se);
        (void)printf("drift of %.1f: %.3f +- %.3f, theory %.3f\n", start[i], mean, se, theory);
    }
}
END_TEST

/* One Euler step of (NM15) with x = 1, nu = 2, whose stationary variance is 1: at most 1/500 long, shorter where neighbours are so close that they would
 * throw each other out. Values that passed each other change places. Returns its length. */
static double dyson_step(double *z, struct random_stream *stream)
{
    double next[ROWS], noise[ROWS], gap = z[0];
    for (int i = 1; i < ROWS; i++) gap = fmin(gap, z[i] - z[i - 1]);
    double dt = fmax(fmin(0.002, 0.1 * COLUMNS * gap * gap), 1e-6);
    random_gaussians(stream, sqrt(2.0 / COLUMNS * dt), ROWS, noise);
    for (int i = 0; i < ROWS; i++) {
        double force = (COLUMNS - ROWS) / z[i];
        for (int j = 0; j < ROWS; j++)
            if (j != i) force += 1.0 / copysign(fmax(fabs(z[i] - z[j]), sqrt(dt)), i - j) + 1.0 / (z[i] + z[j]); /* no throw beyond sqrt(dt) */
        next[i] = fabs(z[i] + dt * (force / COLUMNS - z[i]) + noise[i]);
    }
    qsort(next, ROWS, sizeof *next, by_value);
    memcpy(z, next, sizeof next);
    return dt;
}

/* The equation run by itself, without matrices, comes to the singular values of Gaussian matrices. */
START_TEST(singular_values_run_by_themselves)
{
    enum { TIMES = 1500, DRAWS = 4000 };
    double z[ROWS] = {0.5, 0.8, 1.1, 1.4}, run[ROWS] = {0}, run_square[ROWS] = {0}, drawn[ROWS] = {0}, drawn_square[ROWS] = {0}, matrix[ROWS * COLUMNS], value[ROWS];
    struct random_stream stream = random_start(6, 0, 0);
    /* Once a unit of time, in which no correlation is left above 1/e: (1 + 1/e)/(1 - 1/e) < 2.2 times the variance of independent ones. */
    for (int k = -5; k < TIMES; k++) {
        for (double time = 0.0; time < 1.0;) time += dyson_step(z, &stream);
        for (int i = 0; k >= 0 && i < ROWS; i++) run[i] += z[i] / TIMES, run_square[i] += z[i] * z[i] / TIMES;
    }
    for (int k = 0; k < DRAWS; k++) {
        random_gaussians(&stream, sqrt(1.0 / COLUMNS), ROWS * COLUMNS, matrix);
        singular_values(matrix, value); /* falling */
        for (int i = 0; i < ROWS; i++) drawn[i] += value[ROWS - 1 - i] / DRAWS, drawn_square[i] += gsl_pow_2(value[ROWS - 1 - i]) / DRAWS;
    }
    for (int i = 0; i < ROWS; i++) {
        double se = sqrt((run_square[i] - run[i] * run[i]) * 2.2 / TIMES + (drawn_square[i] - drawn[i] * drawn[i]) / DRAWS);
        ck_assert_msg(fabs(run[i] - drawn[i]) <= 4.0 * se, "value %d: %.4f, of matrices %.4f, standard error %.4f", i, run[i], drawn[i], se);
        (void)printf("stationary value %d: %.4f, of matrices %.4f, standard error %.4f\n", i, run[i], drawn[i], se);
    }
}
END_TEST

/* ---- sampled matrices ---- */

/* By the rule of `dmft compare`, all series, at D and 2D. */
static void compare_with(const char *const *settings)
{
    const char *all[16];
    size_t count = 0;
    for (; settings[count] != NULL; count++) all[count] = settings[count];
    dmft_trajectory *theory = solved(problem_of(settings));
    for (int size = 0; size < 2; size++) {
        all[count] = size == 0 ? "simulation.input_dim=80" : "simulation.input_dim=160";
        all[count + 1] = "simulation.seeds=12";
        all[count + 2] = NULL;
        dmft_trajectory *sample = simulated(problem_of(all));
        dmft_comparison *c = NULL;
        dmft_error err = {0};
        ck_assert_msg(dmft_compare(theory, sample, NULL, &c, &err) == DMFT_OK, "%s", err.text);
        size_t rows, isolated = 0;
        const dmft_comparison_row *row = dmft_comparison_rows(c, &rows);
        for (size_t i = 0; i < rows; i++) {
            ck_assert_msg(row[i].holds, "D = %d: %s at step %ld: %.6g, theory %.6g, standard error %.3g", 80 << size, row[i].series, row[i].step, row[i].mean,
                          row[i].theory, row[i].se);
            isolated += strcmp(row[i].series, "isolated") == 0;
        }
        ck_assert_uint_ge(isolated, 4);
        (void)printf("D = %d: isolated %.4f +- %.4f (%.4f), left %.4f +- %.4f (%.4f), right %.4f +- %.4f (%.4f)\n", 80 << size, last(sample, "isolated"),
                     dmft_trajectory_errors(sample, "isolated")[dmft_trajectory_rows(sample) - 1], last(theory, "isolated"), last(sample, "overlap2_left"),
                     dmft_trajectory_errors(sample, "overlap2_left")[dmft_trajectory_rows(sample) - 1], last(theory, "overlap2_left"),
                     last(sample, "overlap2_right"), dmft_trajectory_errors(sample, "overlap2_right")[dmft_trajectory_rows(sample) - 1],
                     last(theory, "overlap2_right"));
        dmft_comparison_free(c);
        dmft_trajectory_free(sample);
    }
    dmft_trajectory_free(theory);
}

START_TEST(sampled_matrices_agree_in_the_population)
{
    compare_with((const char *const[]){"training.learning_rate=0.2", "training.weight_decay=0.02", "training.gradient_noise=1", NULL});
}
END_TEST

START_TEST(sampled_matrices_agree_on_a_sample)
{
    compare_with((const char *const[]){"training.learning_rate=0.2", "data.sample_ratio=3", "data.label_noise=0.5", "data.teacher_strength=1.5",
                                       "training.weight_decay=0.02", "training.gradient_noise=0.5", NULL});
}
END_TEST

START_TEST(tall_matrices_agree_too)
{
    compare_with((const char *const[]){"network.width_ratio=1.75", "network.weight_variance=0.3", "data.sample_ratio=0.8", "training.learning_rate=0.15",
                                       "data.teacher_strength=2", NULL});
}
END_TEST

/* How many numbers of the isolated eigenvalue are compared; all must hold. */
static size_t compared_isolated(const dmft_trajectory *theory, const dmft_trajectory *sample, size_t *near_edge)
{
    dmft_comparison *c = NULL;
    size_t rows, series, isolated = 0;
    ck_assert_int_eq(dmft_compare(theory, sample, NULL, &c, NULL), DMFT_OK);
    const dmft_comparison_row *row = dmft_comparison_rows(c, &rows);
    const dmft_comparison_gap *gap = dmft_comparison_gaps(c, &series);
    for (size_t i = 0; i < rows; i++) {
        isolated += strcmp(row[i].series, "isolated") == 0;
        ck_assert_msg(row[i].holds, "%s at step %ld: %.6g, theory %.6g, standard error %.3g", row[i].series, row[i].step, row[i].mean, row[i].theory, row[i].se);
    }
    *near_edge = 0;
    for (size_t i = 0; i < series; i++) *near_edge += strcmp(gap[i].series, "isolated") == 0 ? gap[i].near_edge : 0;
    dmft_comparison_free(c);
    return isolated;
}

/* Next to the threshold (escape at step 32.4, 40 steps): no member is chosen by its eigenvalue, so that more of them leave no less to compare. */
START_TEST(samples_at_the_threshold_are_not_chosen)
{
    static const char *const seeds[] = {"simulation.seeds=4", "simulation.seeds=12", "simulation.seeds=40"};
    dmft_trajectory *theory = solved(PROBLEM("network.width_ratio=5", "data.sample_ratio=4", "training.steps=40"));
    for (int i = 0; i < 3; i++) {
        size_t near_edge;
        dmft_trajectory *t = simulated(PROBLEM("network.width_ratio=5", "data.sample_ratio=4", "training.steps=40", "simulation.input_dim=60", seeds[i]));
        ck_assert_uint_eq(compared_isolated(theory, t, &near_edge), 2);
        ck_assert_uint_eq(near_edge, 6);
        const double *fraction = dmft_trajectory_series(t, "isolated_fraction");
        ck_assert(fraction[0] == 0.0 && fraction[36] > 0.5 && fraction[40] > 0.9); /* some members have none where the mean has one */
        dmft_trajectory_free(t);
    }
    dmft_trajectory_free(theory);
}
END_TEST

/* A teacher that is 3 % stronger is told from the true one, with an allowance of 4/D; the coefficients of 1/D are below 2 here. */
START_TEST(a_teacher_that_is_a_little_off_is_seen)
{
    static const char *const strength[] = {"data.teacher_strength=0.97", "data.teacher_strength=1", "data.teacher_strength=1.03"};
    const dmft_compare_options how = {.series = "isolated", .allowance_given = 1, .allowance = 4};
    dmft_trajectory *t = simulated(PROBLEM("training.steps=20", "simulation.input_dim=300", "simulation.seeds=16", "outliers.every=20"));
    for (int i = 0; i < 3; i++) {
        dmft_trajectory *theory = solved(PROBLEM("training.steps=20", strength[i]));
        dmft_comparison *c = NULL;
        ck_assert_int_eq(dmft_compare(theory, t, &how, &c, NULL), DMFT_OK);
        ck_assert_int_eq(dmft_comparison_holds(c), i == 1);
        dmft_comparison_free(c);
        dmft_trajectory_free(theory);
    }
    dmft_trajectory_free(t);
}
END_TEST

/* The largest eigenvalue of the bulk, in units in which its law is that of Tracy and Widom (beta = 1, mean -1.2065). */
START_TEST(sampled_edges_are_tracy_widom)
{
    static const char *const sizes[] = {"simulation.input_dim=80", "simulation.input_dim=160"};
    for (int i = 0; i < 2; i++) {
        dmft_trajectory *t = simulated(PROBLEM(sizes[i], "simulation.seeds=60", "training.steps=4", "outliers.every=4", "training.gradient_noise=2"));
        dmft_trajectory *theory = solved(PROBLEM("training.steps=4", "training.gradient_noise=2"));
        double D = 80 << i, N = D / 2.0, root = sqrt(D - 0.5) + sqrt(N - 0.5), scale = root * cbrt(1.0 / sqrt(D - 0.5) + 1.0 / sqrt(N - 0.5));
        double unit = last(theory, "bulk_variance") / D, mean = (last(t, "bulk_edge") / unit - root * root) / scale;
        double se = dmft_trajectory_errors(t, "bulk_edge")[4] / (unit * scale), missing = 1.0 - last(t, "bulk_edge") / last(theory, "bulk_edge");
        ck_assert_msg(fabs(mean + 1.2065) <= 4.0 * se + 0.1, "D = %g: mean %.3f, standard error %.3f", D, mean, se);
        (void)printf("D = %g: edge %.4f of it missing; Tracy-Widom mean %.3f +- %.3f (-1.2065)\n", D, missing, mean, se);
        dmft_trajectory_free(theory);
        dmft_trajectory_free(t);
    }
}
END_TEST

/* (NM5): with the same eta/B the variance is that of its limit over 1 - eta/2 (lambda = 1), not the limit itself. */
START_TEST(the_stationary_variance_depends_on_rate_over_batch)
{
    static const struct {
        const char *rate, *batch;
        double eta;
    } cases[] = {{"training.learning_rate=0.02", "training.batch_size=1", 0.02},
                 {"training.learning_rate=0.1", "training.batch_size=5", 0.1},
                 {"training.learning_rate=0.4", "training.batch_size=20", 0.4}};
    for (size_t i = 0; i < 3; i++) {
        dmft_trajectory *t = simulated(PROBLEM(cases[i].rate, cases[i].batch, "training.gradient_noise=4", "network.weight_variance=0.04", "training.steps=60",
                                               "outliers.every=60", "simulation.input_dim=60", "simulation.seeds=8"));
        double mean = last(t, "bulk_variance"), se = dmft_trajectory_errors(t, "bulk_variance")[60], limit = 0.04, theory = limit / (1.0 - 0.5 * cases[i].eta);
        double kept = pow(1.0 - cases[i].eta, 120); /* of the start, which is the limit */
        theory += kept * (limit - theory);
        ck_assert_msg(fabs(mean - theory) <= 4.0 * se, "eta %g: %.5f, theory %.5f, standard error %.5f", cases[i].eta, mean, theory, se);
        if (i == 2) ck_assert_msg(mean - limit > 6.0 * se, "eta/B alone: %.5f, %.5f, standard error %.5f", mean, limit, se);
        (void)printf("eta %g: variance %.5f +- %.5f, theory %.5f, eta/B alone %.5f\n", cases[i].eta, mean, se, theory, limit);
        dmft_trajectory_free(t);
    }
}
END_TEST

/* ---- spacings ---- */

enum { LEVELS = 100, MATRICES = 40 };

static const double wigner_ratio = 0.5307, poisson_ratio = 0.386294361; /* of large matrices, Atas et al.; 2 ln 2 - 1 */

/* Singular values of sums of noise, as after many shakes; or independent levels of the same law. */
static void draw_levels(struct random_stream *stream, int independent, double *level)
{
    static double matrix[LEVELS * 2 * LEVELS], gram[LEVELS * LEVELS];
    random_gaussians(stream, 1.0, LEVELS * 2 * LEVELS, matrix);
    for (size_t i = 0; i < LEVELS; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < 2 * LEVELS; k++) sum += matrix[i * 2 * LEVELS + k] * matrix[j * 2 * LEVELS + k];
            gram[i * LEVELS + j] = sum;
        }
    ck_assert_int_eq(LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'N', 'L', LEVELS, gram, LEVELS, level), 0);
    for (size_t i = 0; i < LEVELS; i++) level[i] = independent ? (double)(random_bits(stream) >> 11) * 0x1p-53 : sqrt(level[i]);
    qsort(level, LEVELS, sizeof *level, by_value);
}

static void spacing_statistics(int independent, double *ratio, double *se, double *distance, size_t *count)
{
    static double pooled[LEVELS * MATRICES];
    struct random_stream stream = random_start(11, (uint64_t)independent, 0);
    double sum = 0.0, square = 0.0, level[LEVELS];
    *count = 0;
    for (int k = 0; k < MATRICES; k++) {
        draw_levels(&stream, independent, level);
        double r = spectrum_spacing_ratio(level, LEVELS, 0.15);
        sum += r;
        square += r * r;
        *count += spectrum_spacing_unfold(level, LEVELS, 0.15, pooled + *count);
    }
    qsort(pooled, *count, sizeof *pooled, by_value);
    *ratio = sum / MATRICES;
    *se = sqrt((square / MATRICES - *ratio * *ratio) / (MATRICES - 1));
    *distance = spectrum_spacing_distance(pooled, *count);
}

START_TEST(singular_values_repel_as_wigner_says)
{
    double ratio, se, distance;
    size_t count;
    spacing_statistics(0, &ratio, &se, &distance, &count);
    double allowed = 1.628 / sqrt((double)count); /* Kolmogorov's, 1 %: of independent numbers, which spread more */
    ck_assert_uint_eq(count, MATRICES * 69);
    ck_assert_msg(fabs(ratio - wigner_ratio) <= 4.0 * se, "ratio %.4f, standard error %.4f", ratio, se);
    ck_assert_msg(distance <= allowed, "distance from Wigner's surmise %.4f, 1 %% of samples pass %.4f", distance, allowed);
    (void)printf("ratio %.4f +- %.4f (%.4f), distance %.4f, 1 %%: %.4f\n", ratio, se, wigner_ratio, distance, allowed);
    spacing_statistics(1, &ratio, &se, &distance, &count);
    ck_assert_msg(fabs(ratio - poisson_ratio) <= 4.0 * se, "independent levels: ratio %.4f, standard error %.4f", ratio, se);
    ck_assert_msg(distance > 5.0 * allowed, "independent levels: distance %.4f, 1 %% %.4f", distance, allowed);
    (void)printf("independent: ratio %.4f +- %.4f (%.4f), distance %.4f\n", ratio, se, poisson_ratio, distance);
}
END_TEST

/* Of matrices after training; the null of the distance is that of the spectra above. */
START_TEST(trained_matrices_keep_their_repulsion)
{
    dmft_trajectory *t = simulated(PROBLEM("training.gradient_noise=4", "training.steps=40", "outliers.every=40", "simulation.input_dim=200", "simulation.seeds=12"));
    double ratio = last(t, "spacing_ratio"), se = dmft_trajectory_errors(t, "spacing_ratio")[40], distance = last(t, "spacing_distance");
    double distance_se = dmft_trajectory_errors(t, "spacing_distance")[40], null = 0.0, null_square = 0.0, level[LEVELS], spacing[LEVELS];
    struct random_stream stream = random_start(12, 0, 0);
    for (int k = 0; k < MATRICES; k++) {
        draw_levels(&stream, 0, level);
        double d = spectrum_spacing_distance(spacing, spectrum_spacing_unfold(level, LEVELS, 0.15, spacing));
        null += d / MATRICES;
        null_square += d * d / MATRICES;
    }
    double null_se = sqrt((null_square - null * null) / (MATRICES - 1));
    ck_assert(isnan(at(t, "spacing_ratio", 1)) && isnan(at(t, "bulk_edge", 39)) && !isnan(at(t, "bulk_variance", 39)));
    ck_assert_msg(fabs(ratio - wigner_ratio) <= 4.0 * se, "ratio %.4f, standard error %.4f", ratio, se);
    ck_assert_msg(fabs(distance - null) <= 4.0 * hypot(distance_se, null_se), "distance %.4f +- %.4f, null %.4f +- %.4f", distance, distance_se, null, null_se);
    (void)printf("trained: ratio %.4f +- %.4f, distance %.4f +- %.4f, null %.4f +- %.4f\n", ratio, se, distance, distance_se, null, null_se);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(spacings_of_few_levels)
{
    double level[LEVELS], spacing[LEVELS];
    for (size_t i = 0; i < LEVELS; i++) level[i] = (double)i;
    ck_assert_double_eq(spectrum_spacing_ratio(level, LEVELS, 0.0), 1.0);
    ck_assert_double_eq(spectrum_spacing_ratio((double[]){0, 1, 3}, 3, 0.0), 0.5);
    ck_assert(isnan(spectrum_spacing_ratio(level, 2, 0.0)) && isnan(spectrum_spacing_ratio((double[]){1, 1, 1}, 3, 0.0)));
    ck_assert_uint_eq(spectrum_spacing_unfold(level, SPACING_LEAST - 1, 0.0, spacing), 0);
    ck_assert_uint_eq(spectrum_spacing_unfold(level, SPACING_LEAST, 0.0, spacing), SPACING_LEAST - 1);
    for (size_t i = 0; i < LEVELS; i++) level[i] = 1.0;
    ck_assert_uint_eq(spectrum_spacing_unfold(level, LEVELS, 0.0, spacing), 0);
    ck_assert(isnan(spectrum_spacing_distance(spacing, 0)));
    ck_assert_double_eq_tol(spectrum_spacing_distance((double[]){0.0}, 1), 1.0, 1e-15);
}
END_TEST

/* ---- edges of use ---- */

static void expect_problem_error(const char *text, const char *line)
{
    dmft_config *config = config_of(text);
    dmft_problem *problem = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_problem_create(&problem, config, &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, line);
    dmft_config_free(config);
}

START_TEST(what_does_not_fit_is_refused)
{
#define REST "training: {learning_rate: 0.1, steps: 1}\n"
    expect_problem_error("model: noisy_matrix\nnetwork: {width_ratio: 1, weight_variance: [1, 1]}\n" REST,
                         "test:2:44: network.weight_variance: one number for the one matrix, got a list of 2");
    expect_problem_error("model: noisy_matrix\nnetwork: {width_ratio: 1, weight_variance: 1}\ndata: {label_noise: 0.5}\n" REST,
                         "test:3:21: data.label_noise: needs data.sample_ratio: over infinitely many samples it averages out");
    expect_problem_error("model: noisy_matrix\nnetwork: {weight_variance: 1}\n" REST, "test: network.width_ratio is missing: a number in (0, inf)");
}
END_TEST

START_TEST(sizes_beyond_counting_are_refused)
{
    static const char *const settings[] = {"network.width_ratio=1e300", "network.width_ratio=1e9", "data.sample_ratio=1e300", "simulation.input_dim=1000000"};
    static const int wanted[] = {DMFT_ERROR_CONFIG, DMFT_ERROR_CONFIG, DMFT_ERROR_CONFIG, DMFT_ERROR_MEMORY_LIMIT};
    for (size_t i = 0; i < 4; i++) {
        dmft_problem *p = PROBLEM(settings[i]);
        dmft_run_options options = {.memory_limit = 1000000000};
        dmft_trajectory *t = NULL;
        dmft_error err = {0};
        int status = dmft_simulate(p, &options, &t, &err);
        ck_assert_msg(status == wanted[i], "%s: status %d: %s", settings[i], status, err.text);
        ck_assert(dmft_simulate_estimate(p, 1).bytes > 0.0 && t == NULL);
        dmft_problem_free(p);
    }
}
END_TEST

START_TEST(runs_that_diverge_say_when)
{
    dmft_problem *p = PROBLEM("training.learning_rate=2.5", "training.steps=200", "simulation.input_dim=10", "simulation.seeds=2");
    dmft_trajectory *theory = NULL, *sample = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_solve(p, NULL, &theory, &err), DMFT_DIVERGED);
    ck_assert_int_eq(dmft_trajectory_diverged_at(theory), 35); /* 1.5^{2t} > 1e12 */
    ck_assert_uint_eq(dmft_trajectory_rows(theory), 35);
    ck_assert_int_eq(dmft_simulate(p, NULL, &sample, &err), DMFT_DIVERGED);
    ck_assert_int_ge(dmft_trajectory_diverged_at(sample), 33);
    dmft_trajectory_free(theory);
    dmft_trajectory_free(sample);
    dmft_problem_free(p);
}
END_TEST

START_TEST(limits_of_memory_hold)
{
    dmft_problem *p = PROBLEM("data.sample_ratio=2", "simulation.input_dim=50", "output.kernels=true");
    dmft_run_options few = {.memory_limit = 1000};
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_solve(p, &few, &t, &err), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert_int_eq(dmft_simulate(p, &few, &t, &err), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert(dmft_solve_estimate(p, 1).bytes > 8.0 * 16 * 16 && dmft_simulate_estimate(p, 1).bytes > 8.0 * 6 * 50 * 50);
    few = (dmft_run_options){.checkpoint = "nowhere"};
    ck_assert_int_eq(dmft_solve(p, &few, &t, &err), DMFT_ERROR_UNAVAILABLE);
    dmft_problem_free(p);
}
END_TEST

START_TEST(allocations_that_fail_leave_nothing)
{
    dmft_problem *p = PROBLEM("data.sample_ratio=2", "data.label_noise=1", "simulation.input_dim=8", "simulation.seeds=2", "training.steps=2",
                              "output.kernels=true");
    for (int simulate = 0; simulate < 2; simulate++)
        for (long n = 1;; n++) {
            dmft_trajectory *t = NULL;
            dmft_error err = {0};
            allocation_fail_at(n);
            int status = simulate ? dmft_simulate(p, NULL, &t, &err) : dmft_solve(p, NULL, &t, &err), failed = allocation_failed();
            allocation_fail_at(0);
            ck_assert_int_eq(status, failed ? DMFT_ERROR_MEMORY : DMFT_OK);
            dmft_trajectory_free(t);
            if (!failed) break;
            ck_assert(t == NULL);
        }
    dmft_problem_free(p);
}
END_TEST

static int stop_late(void *calls, const dmft_progress *progress)
{
    (void)progress;
    return ++*(long *)calls > 3;
}

static void expect_same(const dmft_trajectory *a, const dmft_trajectory *b)
{
    for (size_t i = 0; i < dmft_trajectory_series_count(a); i++) {
        const char *name = dmft_trajectory_series_name(a, i);
        ck_assert_int_eq(memcmp(dmft_trajectory_series(a, name), dmft_trajectory_series(b, name), dmft_trajectory_rows(a) * sizeof(double)), 0);
    }
}

START_TEST(neither_threads_nor_stops_leave_a_trace)
{
    dmft_problem *p = PROBLEM("data.sample_ratio=2", "data.label_noise=1", "training.gradient_noise=1", "simulation.input_dim=12", "simulation.seeds=5");
    char path[64];
    long calls = 0;
    (void)snprintf(path, sizeof path, "/tmp/dmft_noisy_matrix_%ld.checkpoint", (long)getpid());
    dmft_run_options three = {.threads = 3}, stopping = {.threads = 2, .progress = stop_late, .user = &calls, .checkpoint = path}, resuming = {.resume = path};
    dmft_trajectory *one = NULL, *other = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_simulate(p, NULL, &one, &err), DMFT_OK);
    ck_assert_int_eq(dmft_simulate(p, &three, &other, &err), DMFT_OK);
    expect_same(one, other);
    dmft_trajectory_free(other);
    ck_assert_int_eq(dmft_simulate(p, &stopping, &other, &err), DMFT_STOPPED);
    ck_assert_msg(dmft_simulate(p, &resuming, &other, &err) == DMFT_OK, "%s", err.text);
    expect_same(one, other);
    dmft_trajectory_free(one);
    dmft_trajectory_free(other);
    dmft_problem_free(p);
    (void)unlink(path);
}
END_TEST

Suite *suite_noisy_matrix(void)
{
    Suite *s = suite_create("noisy_matrix");
    TCase *forms = tcase_create("closed forms"), *sample = tcase_create("a finite sample"), *dynamics = tcase_create("dynamics");
    TCase *matrices = tcase_create("sampled matrices"), *spacings = tcase_create("spacings"), *use = tcase_create("edges of use");
    tcase_add_test(forms, the_reference_is_met);
    tcase_add_test(forms, critical_values_have_closed_forms);
    tcase_add_test(forms, noise_moves_the_critical_time);
    tcase_add_test(forms, noise_sets_a_largest_step_size);
    tcase_add_test(forms, without_a_bulk_the_teacher_is_known);
    tcase_add_loop_test(sample, a_finite_sample_has_the_law_of_its_covariance, 0, (int)(sizeof slow_cases / sizeof *slow_cases));
    tcase_add_test(sample, edges_of_long_runs_are_resolved);
    tcase_add_test(sample, one_step_on_a_sample_is_as_published);
    tcase_add_test(sample, many_samples_are_the_population);
    tcase_add_test(sample, level_2_of_kernels_says_the_same);
    tcase_add_test(sample, edges_are_those_of_the_general_law);
    tcase_add_test(dynamics, the_two_time_covariance_obeys_its_recursion);
    tcase_add_test(dynamics, the_isolated_value_drifts_as_dyson_says);
    tcase_add_test(dynamics, noise_pushes_singular_values_apart);
    tcase_add_test(dynamics, singular_values_run_by_themselves);
    tcase_add_test(matrices, sampled_matrices_agree_in_the_population);
    tcase_add_test(matrices, sampled_matrices_agree_on_a_sample);
    tcase_add_test(matrices, tall_matrices_agree_too);
    tcase_add_test(matrices, samples_at_the_threshold_are_not_chosen);
    tcase_add_test(matrices, a_teacher_that_is_a_little_off_is_seen);
    tcase_add_test(matrices, sampled_edges_are_tracy_widom);
    tcase_add_test(matrices, the_stationary_variance_depends_on_rate_over_batch);
    tcase_add_test(spacings, singular_values_repel_as_wigner_says);
    tcase_add_test(spacings, trained_matrices_keep_their_repulsion);
    tcase_add_test(spacings, spacings_of_few_levels);
    tcase_add_test(use, what_does_not_fit_is_refused);
    tcase_add_test(use, sizes_beyond_counting_are_refused);
    tcase_add_test(use, runs_that_diverge_say_when);
    tcase_add_test(use, limits_of_memory_hold);
    tcase_add_test(use, allocations_that_fail_leave_nothing);
    tcase_add_test(use, neither_threads_nor_stops_leave_a_trace);
    suite_add_tcase(s, forms);
    suite_add_tcase(s, sample);
    suite_add_tcase(s, dynamics);
    suite_add_tcase(s, matrices);
    suite_add_tcase(s, spacings);
    suite_add_tcase(s, use);
    return s;
}
