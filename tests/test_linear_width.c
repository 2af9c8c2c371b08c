/* Two-layer networks of linear width: section 34 of doc/theory.md. Laws against their equations and reference numbers, the simulator against plain loops,
 * one large step against sampled networks. */
#include <check.h>
#include <complex.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "allocation.h"
#include "base/activation.h"
#include "dmft.h"
#include "network/two_layer.h"
#include "reference.h"
#include "runs.h"
#include "spectrum/linear_width.h"
#include "suites.h"

static void assert_near(double value, double expected, double tolerance, const char *what)
{
    ck_assert_msg(fabs(value - expected) <= tolerance * fabs(expected), "%s: %.15g, expected %.15g (relative %.3g, allowed %.3g)", what, value, expected,
                  fabs(value / expected - 1.0), tolerance);
}

static struct linear_width case_of(enum activation_kind kind, double psi, double alpha, double readout)
{
    struct activation_moments m;
    dmft_activation activation = activation_of(kind);
    ck_assert_int_eq(activation_moments_of(&m, &activation, NULL), DMFT_OK);
    return (struct linear_width){.width_ratio = psi, .sample_ratio = alpha, .slope = m.slope, .second = 1.0, .slope2 = m.slope2, .readout = readout};
}

typedef int width_law(width_spectrum **out, const struct linear_width *w, size_t points, dmft_error *err);

static width_spectrum *spectrum_of(width_law *law, const struct linear_width *w, size_t points)
{
    width_spectrum *s = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(law(&s, w, points, &err) == DMFT_OK, "%s", err.text);
    return s;
}

/* ---- constants ---- */

START_TEST(gaussian_averages_are_known_in_closed_form)
{
    struct activation_moments m;
    dmft_activation relu = activation_of(ACTIVATION_RELU), error = activation_of(ACTIVATION_ERF), line = activation_of(ACTIVATION_LINEAR);
    ck_assert_int_eq(activation_moments_of(&m, &relu, NULL), DMFT_OK);
    double variance = 0.5 - 0.5 / M_PI;
    assert_near(m.mean, 1.0 / sqrt(2.0 * M_PI), 1e-13, "mean of relu");
    assert_near(m.deviation, sqrt(variance), 1e-13, "deviation of relu");
    assert_near(m.slope, 0.5 / sqrt(variance), 1e-13, "slope of relu");
    assert_near(m.slope2, 0.5 / variance, 1e-13, "squared slope of relu");
    ck_assert_int_eq(activation_moments_of(&m, &error, NULL), DMFT_OK);
    variance = 2.0 / M_PI * asin(2.0 / 3.0);
    ck_assert_double_le(fabs(m.mean), 1e-14);
    assert_near(m.deviation, sqrt(variance), 1e-13, "deviation of erf");
    assert_near(m.slope, 2.0 / sqrt(3.0 * M_PI * variance), 1e-13, "slope of erf");
    assert_near(m.slope2, 4.0 / (M_PI * sqrt(5.0) * variance), 1e-13, "squared slope of erf");
    ck_assert_int_eq(activation_moments_of(&m, &line, NULL), DMFT_OK);
    assert_near(m.slope, 1.0, 1e-13, "slope of h");
}
END_TEST

/* ---- reference numbers ---- */

START_TEST(conjugate_kernel_is_that_of_the_reference)
{
    struct linear_width w = case_of(ACTIVATION_TANH, 2.0, 1.5, 1.0);
    width_spectrum *s = spectrum_of(width_conjugate, &w, 1200); /* the lower edge is 1/2600 of the upper */
    FILE *in = reference_open("rmt_conjugate_kernel_a");
    char line[512];
    double x, density, edge[2], worst = 0.0;
    int rows = 0;
    width_spectrum_band(s, 0, edge);
    ck_assert_uint_eq(width_spectrum_bands(s), 1);
    assert_near(w.slope * w.slope, 0.930469923615, 1e-11, "b^2");
    assert_near(edge[0], 0.002661489123, 1e-9, "lower edge");
    assert_near(edge[1], 6.882704464, 1e-9, "upper edge");
    while (fgets(line, sizeof line, in) != NULL)
        if (sscanf(line, "%lf,%lf", &x, &density) == 2) {
            worst = fmax(worst, fabs(width_spectrum_density(s, x) / density - 1.0));
            rows++;
        }
    (void)fclose(in);
    printf("linear width: conjugate kernel, %d densities of the reference, largest relative difference %.1e\n", rows, worst);
    ck_assert_int_eq(rows, 23);
    ck_assert_double_le(worst, 1e-6);
    width_spectrum_free(s);
}
END_TEST

START_TEST(one_step_is_that_of_the_reference)
{
    FILE *in = reference_open("rmt_one_step_a");
    char line[512];
    double theta, value, left, right;
    int rows = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        if (sscanf(line, "%lf,%lf,%lf,%lf", &theta, &value, &left, &right) != 4) continue;
        struct width_outlier o = width_outlier_of(theta * theta, theta * theta, 0.25 * theta * theta, 1.5);
        assert_near(o.value, value, 1e-11, "outlier");
        assert_near(o.left, left, 1e-10, "left overlap");
        assert_near(o.right, right, 1e-10, "right overlap");
        ck_assert_double_le(fabs(o.target - 0.25 * o.right), 1e-15);
        ck_assert_int_eq(o.detached, left > 0.0);
        rows++;
    }
    (void)fclose(in);
    ck_assert_int_eq(rows, 7);
}
END_TEST

/* ---- laws against their equations ---- */

/* <f> over the spectrum of X X^T/D by the midpoint rule in the angle, zeros included. */
static double complex mean_over_inputs(double alpha, double complex (*f)(double s, const double complex *c), const double complex *c)
{
    enum { POINTS = 1000 };
    double q = fmin(alpha, 1.0 / alpha), scale = fmax(1.0, alpha), mass = fmin(1.0, 1.0 / alpha);
    double complex sum = (1.0 - mass) * f(0.0, c);
    for (int k = 0; k < POINTS; k++) {
        double theta = M_PI * (k + 0.5) / POINTS, s = 1.0 + q + 2.0 * sqrt(q) * cos(theta);
        sum += mass * 2.0 * gsl_pow_2(sin(theta)) / (s * POINTS) * f(scale * s, c);
    }
    return sum;
}

/* c: b^2, <phi'^2>, sigma_a^2, 1 + d (or infinity), z; numerator Phi or 1. */
static double complex pole(double s, const double complex *c)
{
    double complex Phi = 1.0 - c[0] + c[0] * s, B = c[2] * (c[0] * s + c[1] - c[0]);
    return 1.0 / (B + Phi / c[3] - c[4]);
}
static double complex weighted_pole(double s, const double complex *c) { return (1.0 - c[0] + c[0] * s) * pole(s, c); }

/* (LW2) by iteration, and (1/P) trace 1/(K - z) from the quantiles of the solved law; sigma_a^2 = 0: the conjugate kernel. */
static const struct {
    enum activation_kind kind;
    double psi, alpha, readout;
} laws[] = {{ACTIVATION_TANH, 2.0, 1.5, 1.0}, {ACTIVATION_TANH, 2.0, 0.5, 1.0}, {ACTIVATION_RELU, 1.5, 4.0, 2.385}, {ACTIVATION_RELU, 0.5, 2.0, 1.0},
            {ACTIVATION_SOFTPLUS, 2.0, 3.0, 0.5}, {ACTIVATION_LINEAR, 1.0, 2.0, 1.0}, {ACTIVATION_RELU, 20.0, 6.0, 1.0}, {ACTIVATION_ERF, 1.0, 1.0, 1.0}};

START_TEST(laws_solve_their_equations)
{
    enum { POINTS = 200 };
    for (int kernel = 0; kernel < 2; kernel++) {
        struct linear_width w = case_of(laws[_i].kind, laws[_i].psi, laws[_i].alpha, laws[_i].readout);
        double complex z = 0.7 + 0.6 * I, d = 0.1 * I, c[] = {w.slope * w.slope, w.slope2, kernel == 0 ? 0.0 : w.readout, 0.0, z}, m = 0.0;
        width_spectrum *s = spectrum_of(kernel == 0 ? width_conjugate : width_tangent, &w, POINTS);
        for (int k = 0; k < 400; k++) {
            c[3] = 1.0 + d;
            d = 0.5 * (d + w.sample_ratio / w.width_ratio * mean_over_inputs(w.sample_ratio, weighted_pole, c));
        }
        double complex exact = mean_over_inputs(w.sample_ratio, pole, c);
        double at = width_spectrum_atom_at(s), atom = width_spectrum_atom(s), mean = atom * at, second = atom * at * at, whole = atom;
        m = atom / (at - z);
        for (size_t b = 0; b < width_spectrum_bands(s); b++)
            for (size_t j = 0; j < POINTS; j++) { /* the rule of the table's own points */
                double edge[2], x, density;
                width_spectrum_band(s, b, edge);
                width_spectrum_point(s, b, j, &x, &density);
                double weight = density * 0.5 * (edge[1] - edge[0]) * sin(M_PI * ((double)j + 0.5) / POINTS) * M_PI / POINTS;
                m += weight / (x - z);
                mean += weight * x, second += weight * x * x, whole += weight;
            }
        assert_near(whole, 1.0, 1e-5, "all eigenvalues");
        ck_assert_msg(cabs(m - exact) <= 1e-5 * cabs(exact), "law %d of kernel %d: m %.7g + %.7g i, equation %.7g + %.7g i", _i, kernel, creal(m), cimag(m),
                      creal(exact), cimag(exact));
        /* traces of Y Y^T/N and of the NTK; the second of the conjugate kernel */
        assert_near(mean, kernel == 0 ? 1.0 : 1.0 + w.readout * w.slope2, 1e-5, "mean eigenvalue");
        if (kernel == 0) assert_near(second, 1.0 + gsl_pow_4(w.slope) * w.sample_ratio + w.sample_ratio / w.width_ratio, 1e-5, "second moment");
        for (size_t b = 1; b < width_spectrum_bands(s); b++) {
            double edge[2], before[2];
            width_spectrum_band(s, b - 1, before);
            width_spectrum_band(s, b, edge);
            ck_assert(before[0] < before[1] && before[1] < edge[0] && edge[0] < edge[1]);
        }
        for (double part = atom + 0.013; part < 1.0; part += 0.0817)
            ck_assert_double_le(fabs(width_spectrum_part(s, width_spectrum_quantile(s, part)) - part), 1e-9);
        width_spectrum_free(s);
    }
}
END_TEST

/* Weights and inputs play one role in Y Y^T/N: the law seen from the weights' side has the same edges. */
START_TEST(weights_and_inputs_change_places)
{
    struct linear_width w = case_of(ACTIVATION_RELU, 1.5, 4.0, 1.0), v = case_of(ACTIVATION_RELU, 4.0, 1.5, 1.0);
    width_spectrum *s = spectrum_of(width_conjugate, &w, 100), *t = spectrum_of(width_conjugate, &v, 100);
    double a[2], b[2], top;
    width_spectrum_band(s, width_spectrum_bands(s) - 1, a);
    width_spectrum_band(t, width_spectrum_bands(t) - 1, b);
    assert_near(a[1], b[1] * 4.0 / 1.5, 1e-9, "upper edge");
    /* An outlier of W sticks to the kernel's edge up to some strength, and leaves it continuously. */
    double low = 1.0 + sqrt(1.5), high = 10.0;
    ck_assert_int_eq(width_fresh_top(&top, &w, low, a[1], NULL), DMFT_OK);
    ck_assert(top == a[1]);
    for (int i = 0; i < 60; i++) {
        double z = 0.5 * (low + high);
        ck_assert_int_eq(width_fresh_top(&top, &w, z, a[1], NULL), DMFT_OK);
        *(top == a[1] ? &low : &high) = z;
    }
    ck_assert_int_eq(width_fresh_top(&top, &w, high, a[1], NULL), DMFT_OK);
    assert_near(top, a[1], 1e-9, "conjugate kernel where its outlier leaves");
    width_spectrum_free(s);
    width_spectrum_free(t);
}
END_TEST

/* At the critical rate there is no outlier, just above there is; and knowing W_0 matters for a readout of order one. */
START_TEST(critical_rates_are_critical)
{
    for (int order_one = 0; order_one < 2; order_one++) {
        struct linear_width w = case_of(ACTIVATION_SOFTPLUS, 0.7, 2.385, 1.3);
        struct width_task task = {.order_one = order_one, .g1 = 0.8, .power = 1.2, .batch_ratio = 2.0};
        double critical = width_critical_rate(&w, &task);
        task.rate = critical * (1.0 - 1e-9);
        ck_assert(!width_one_step(&w, &task).detached);
        ck_assert_int_eq(width_one_step_independent(&w, &task).detached, order_one);
        task.rate = critical * (1.0 + 1e-9);
        struct width_outlier o = width_one_step(&w, &task);
        ck_assert(o.detached && o.left < 1e-7);
        assert_near(o.value, 1.0 + sqrt(0.7), 1e-9, "outlier at its birth");
    }
    /* sigma_a -> 0 of order one is the small readout */
    struct linear_width w = case_of(ACTIVATION_TANH, 1.5, 3.0, 1e-14);
    struct width_task task = {.rate = 3e7, .order_one = 1, .g1 = 0.8, .power = 1.0, .batch_ratio = 3.0};
    struct width_outlier a = width_one_step(&w, &task);
    task.order_one = 0;
    struct width_outlier b = width_one_step(&w, &task);
    assert_near(a.value, b.value, 1e-6, "outlier without readout");
    assert_near(a.target, b.target, 1e-6, "alignment without readout");
}
END_TEST

/* ---- the simulator against plain loops ---- */

#define MODEL "model: two_layer_linear_width\n"
#define TINY MODEL "network: {width_ratio: 0.85, activation: softplus, readout: trained, readout_variance: 1.7, readout_scale: "
#define TASK "}\ndata: {sample_ratio: 2.7, label_noise: 0.3, teacher: relu"
#define SIZE "\nsimulation: {input_dim: 7, seeds: 2}\nspectra: {nulls: 2, every: 2}\n"

static const char *const trained[] = {
    TINY "small" TASK "}\ntraining: {learning_rate: 0.7, steps: 3}" SIZE,
    TINY "order_one" TASK "}\ntraining: {learning_rate: 0.2, steps: 3}" SIZE,
    TINY "small" TASK ", batch_fraction: 0.4}\ntraining: {learning_rate: 0.7, steps: 5, optimizer: sgd}" SIZE,
    TINY "order_one" TASK ", batch_fraction: 0.3}\ntraining: {learning_rate: 0.3, steps: 5, optimizer: adam, beta1: 0.8, beta2: 0.9, epsilon: 0.01}" SIZE,
};

static double softplus(double h) { return log(1.0 + exp(h)); }

struct slow {
    size_t N, D, steps;
    double W[64], a[8], m[2][80], v[2][80], scale;
};

/* One step from the batch X, y. */
static void slow_step(struct slow *s, const struct two_layer *n, const double *X, const double *y, size_t B)
{
    const struct two_layer_problem *two = &n->problem->two_layer;
    double G[80] = {0.0}, eta = n->problem->learning_rate, deviation = n->phi.deviation, N = (double)s->N, D = (double)s->D;
    for (size_t mu = 0; mu < B; mu++) {
        double f = 0.0, h[8];
        for (size_t i = 0; i < s->N; i++) {
            h[i] = 0.0;
            for (size_t j = 0; j < s->D; j++) h[i] += s->W[i * s->D + j] * X[mu * s->D + j];
            f += s->a[i] * (softplus(h[i]) - n->phi.mean) / deviation / sqrt(N);
        }
        for (size_t i = 0; i < s->N; i++) {
            for (size_t j = 0; j < s->D; j++)
                G[i * s->D + j] += (y[mu] - f) * s->a[i] / (1.0 + exp(-h[i])) / deviation * X[mu * s->D + j] / sqrt(N) / (double)B;
            G[s->N * s->D + i] += (y[mu] - f) * (softplus(h[i]) - n->phi.mean) / deviation / sqrt(N) / (double)B;
        }
    }
    s->steps++;
    for (size_t k = 0; k < s->N * (s->D + 1); k++) {
        int readout = k >= s->N * s->D;
        double *x = readout ? &s->a[k - s->N * s->D] : &s->W[k];
        if (two->optimizer != OPTIMIZER_ADAM) {
            *x += readout ? eta * D * s->scale * G[k] : eta / s->scale * G[k];
            continue;
        }
        double g = sqrt(N * D) * G[k] / (readout ? 1.0 : s->scale), *m = &s->m[0][k], *v = &s->v[0][k];
        *m = two->beta1 * *m + (1.0 - two->beta1) * g;
        *v = two->beta2 * *v + (1.0 - two->beta2) * g * g;
        double t = (double)s->steps, step = *m / (1.0 - pow(two->beta1, t)) / (sqrt(*v / (1.0 - pow(two->beta2, t))) + two->epsilon);
        *x += step * (readout ? eta * s->scale / sqrt(N) : eta / sqrt(N * D));
    }
}

START_TEST(steps_are_those_of_plain_loops)
{
    dmft_error err = {.text = ""};
    dmft_problem *p = problem_with(trained[_i], NULL);
    struct two_layer *n;
    ck_assert_int_eq(two_layer_create(&n, p, &err), DMFT_OK);
    ck_assert_int_eq(two_layer_start(n, 1, &err), DMFT_OK);
    struct slow s = {.N = n->n.N, .D = n->n.D, .scale = _i % 2 == 0 ? 1.0 / sqrt(6.0) : 1.0};
    ck_assert_uint_eq(s.N, 6);
    memcpy(s.W, n->W, 6 * 7 * sizeof(double));
    memcpy(s.a, n->a, 6 * sizeof(double));
    int seen[19] = {0};
    for (long t = 0; t < p->steps; t++) {
        two_layer_learn(n);
        size_t B = n->n.B;
        slow_step(&s, n, B < n->n.P ? n->batch : n->X, B < n->n.P ? n->batch_y : n->y, B);
        if (B < n->n.P && t < 2) /* two batches of one epoch: no sample twice */
            for (size_t i = 0; i < B; i++) ck_assert_int_eq(seen[n->order[n->taken - B + i]]++, 0);
        for (size_t k = 0; k < 42; k++) ck_assert_msg(fabs(n->W[k] - s.W[k]) <= 1e-12, "step %ld, W[%zu]: %.15g, %.15g", t, k, n->W[k], s.W[k]);
        for (size_t k = 0; k < 6; k++) ck_assert_msg(fabs(n->a[k] - s.a[k]) <= 1e-12, "step %ld, a[%zu]: %.15g, %.15g", t, k, n->a[k], s.a[k]);
    }
    two_layer_free(n);
    dmft_problem_free(p);
}
END_TEST

/* The NTK from the Jacobian over ã and sqrt(D) W by central differences: trace of K and K^2. */
START_TEST(kernels_are_those_of_the_jacobian)
{
    enum { P = 19, PARAMETERS = 48 };
    dmft_error err = {.text = ""};
    dmft_problem *p = problem_with(trained[_i], NULL);
    struct two_layer *n;
    ck_assert_int_eq(two_layer_create(&n, p, &err), DMFT_OK);
    ck_assert_int_eq(two_layer_start(n, 0, &err), DMFT_OK);
    double J[P][PARAMETERS], f[2][P], h[P * 6], conjugate[P], tangent[P], trace[4] = {0.0}, sums[4] = {0.0}, delta = 1e-5;
    for (size_t k = 0; k < PARAMETERS; k++) {
        double *x = k < 42 ? &n->W[k] : &n->a[k - 42], held = *x, unit = k < 42 ? 1.0 / sqrt(7.0) : n->scale;
        for (int side = 0; side < 2; side++) {
            *x = held + (side == 0 ? delta : -delta) * unit;
            two_layer_forward(n, n->X, P, h, NULL, f[side]);
        }
        *x = held;
        for (size_t mu = 0; mu < P; mu++) J[mu][k] = (f[0][mu] - f[1][mu]) / (2.0 * delta * n->scale);
    }
    ck_assert_int_eq(two_layer_kernels(n, conjugate, tangent, &err), DMFT_OK);
    for (size_t mu = 0; mu < P; mu++) {
        for (size_t nu = 0; nu < P; nu++) {
            double K = 0.0, C = 0.0;
            for (size_t k = 0; k < PARAMETERS; k++) *(k < 42 ? &K : &C) += J[mu][k] * J[nu][k];
            K += C;
            trace[0] += mu == nu ? C : 0.0, trace[1] += C * C, trace[2] += mu == nu ? K : 0.0, trace[3] += K * K;
        }
        sums[0] += conjugate[mu], sums[1] += conjugate[mu] * conjugate[mu], sums[2] += tangent[mu], sums[3] += tangent[mu] * tangent[mu];
    }
    for (int k = 0; k < 4; k++) assert_near(sums[k], trace[k], 1e-7, "trace of a kernel");
    for (size_t mu = 0; mu < P - 6; mu++) ck_assert(conjugate[mu] == 0.0); /* rank N */
    two_layer_free(n);
    dmft_problem_free(p);
}
END_TEST

START_TEST(threads_and_checkpoints_change_nothing)
{
    dmft_problem *p = problem_with(trained[_i], NULL);
    long stops = 0;
    dmft_trajectory *whole = simulated(p, 0, DMFT_OK), *threads = simulated(p, 2, DMFT_OK), *resumed = ran_in_pieces(dmft_simulate, p, 1, &stops);
    expect_same_bytes(whole, threads);
    ck_assert_int_gt(stops, 0);
    expect_same_bytes(whole, resumed);
    size_t size[3];
    const double *spectrum = dmft_trajectory_array(resumed, "ntk_spectrum", size), *first = dmft_trajectory_array(whole, "ntk_spectrum", size);
    ck_assert_uint_eq(size[0], 2);
    ck_assert_uint_eq(size[1], 19);
    ck_assert_int_eq(memcmp(spectrum, first, 2 * 19 * sizeof(double)), 0);
    dmft_trajectory_free(whole);
    dmft_trajectory_free(threads);
    dmft_trajectory_free(resumed);
    dmft_problem_free(p);
}
END_TEST

/* ---- theory against networks ---- */

#define SAMPLED "data: {sample_ratio: 2, teacher: tanh}\nsimulation: {input_dim: 60, seeds: 12, seed: 3}\nspectra: {nulls: 1}\n"
static const char *const large_steps[] = {
    MODEL "network: {width_ratio: 1.5, activation: relu, readout: frozen}\ntraining: {learning_rate: 4, steps: 1}\n" SAMPLED,
    MODEL "network: {width_ratio: 0.75, activation: tanh, readout: frozen, readout_scale: order_one}\ntraining: {learning_rate: 2.5, steps: 1}\n" SAMPLED,
};

/* (S3): 4 standard errors, in Student's quantile for these seeds, and what a finite size allows. */
static double held(const dmft_trajectory *theory, const dmft_trajectory *sim, const char *name, size_t row, double *value)
{
    static const double quantile_11 = 6.48; /* Student's, 11 degrees of freedom, at the two-sided probability of 4 normal errors */
    char allowance[64];
    double exact = dmft_trajectory_series(theory, name)[row], mean = dmft_trajectory_series(sim, name)[row], se = dmft_trajectory_errors(sim, name)[row];
    (void)snprintf(allowance, sizeof allowance, "allowance_%s", name);
    double number = dmft_trajectory_number(sim, allowance), allowed = quantile_11 * se + 20.0 * fabs(exact) * (isnan(number) ? 1.0 / 60.0 : number);
    printf("linear width: %-18s step %zu: theory %.5g, networks %.5g +- %.2g\n", name, row, exact, mean, se);
    *value = mean;
    return exact == mean ? 0.0 : fabs(exact - mean) / allowed;
}

START_TEST(one_large_step_is_that_of_networks)
{
    static const char *const names[] = {"A0_outlier1", "A0_left_overlap", "A0_right_overlap", "A0_target_overlap", "ck_fresh_top"};
    static const char *const initial[] = {"train_loss", "test_loss", "ck_top", "ck_second", "ck_q55", "ck_q95", "ntk_top", "ntk_second", "ntk_q55", "ntk_q95"};
    dmft_error err = {.text = ""};
    dmft_problem *p = problem_with(large_steps[_i], NULL);
    dmft_trajectory *theory = NULL, *sim = simulated(p, 0, DMFT_OK);
    ck_assert_int_eq(dmft_solve(p, NULL, &theory, &err), DMFT_OK);
    double mean, outlier;
    ck_assert_double_le(held(theory, sim, names[0], 1, &outlier), 1.0);
    for (size_t i = 1; i < sizeof names / sizeof *names; i++) ck_assert_double_le(held(theory, sim, names[i], 1, &mean), 1.0);
    for (size_t i = 0; i < sizeof initial / sizeof *initial; i++) ck_assert_double_le(held(theory, sim, initial[i], 0, &mean), 1.0);
    if (_i == 1) { /* the independent spike is refuted */
        double independent = dmft_trajectory_series(theory, "A0_independent")[1], se = dmft_trajectory_errors(sim, "A0_outlier1")[1];
        printf("linear width: independent spike %.4f, networks %.4f +- %.4f\n", independent, outlier, se);
        ck_assert_double_ge(independent - outlier, 6.48 * se);
    }
    dmft_trajectory_free(theory);
    dmft_trajectory_free(sim);
    dmft_problem_free(p);
}
END_TEST

/* A bulk that is not moved is as far from an independent one as others are; one that is, is farther than all. */
START_TEST(the_bulk_is_invariant_at_small_rates_alone)
{
#define BULK(rate) MODEL "network: {width_ratio: 1.5, activation: tanh, readout: frozen, readout_scale: order_one}\ndata: {sample_ratio: 2}\n" \
                         "training: {steps: 12, learning_rate: " rate "}\nsimulation: {input_dim: 40, seeds: 16}\nspectra: {nulls: 39, every: 100}\n"
    static const char *const texts[] = {BULK("0.1"), BULK("3")};
    for (int large = 0; large < 2; large++) {
        dmft_problem *p = problem_with(texts[large], NULL);
        dmft_trajectory *t = simulated(p, 0, DMFT_OK);
        const double *chance = dmft_trajectory_series(t, "A0_p"), *distance = dmft_trajectory_series(t, "A0_distance");
        double before = chance[0], after = chance[12], null = dmft_trajectory_series(t, "A0_null_q95")[0], spread = 4.0 * sqrt(1.0 / 12.0 / 16.0);
        printf("linear width: rate %s: mean p %.3f before, %.3f after; distance %.4f, 95 %% of the null %.4f; test loss %.3f, then %.3f\n",
               large ? "3" : "0.1", before, after, distance[12], null, dmft_trajectory_series(t, "test_loss")[0],
               dmft_trajectory_series(t, "test_loss")[12]);
        ck_assert_double_le(fabs(before - 0.5 * 41.0 / 40.0), spread); /* the mean of p under the null */
        if (large) {
            ck_assert_double_le(after, 0.0251);
            ck_assert_double_ge(distance[12], 2.0 * null);
        } else {
            ck_assert_double_le(fabs(after - 0.5 * 41.0 / 40.0), spread);
            ck_assert_double_le(dmft_trajectory_series(t, "test_loss")[12], 0.6 * dmft_trajectory_series(t, "test_loss")[0]); /* and yet it learns */
        }
        dmft_trajectory_free(t);
        dmft_problem_free(p);
    }
}
END_TEST

START_TEST(divergence_is_an_outcome)
{
    dmft_problem *p = problem_with(MODEL "network: {width_ratio: 1, activation: relu, readout: trained, readout_scale: order_one}\ndata: {sample_ratio: 2}\n"
                                       "training: {learning_rate: 50, steps: 40}\nsimulation: {input_dim: 10, seeds: 2}\nspectra: {nulls: 1}\n", NULL);
    dmft_trajectory *t = simulated(p, 0, DMFT_DIVERGED);
    ck_assert_int_ge((int)dmft_trajectory_diverged_at(t), 1);
    ck_assert_uint_eq(dmft_trajectory_rows(t), (size_t)dmft_trajectory_diverged_at(t));
    dmft_trajectory_free(t);
    dmft_problem_free(p);
}
END_TEST

/* ---- refusals and memory ---- */

static const struct {
    const char *text, *line;
} refused[] = {
    {TINY "small" TASK ", batch_fraction: 0.4}\ntraining: {learning_rate: 1, steps: 2}\n",
     "run.yaml:3:76: data.batch_fraction: belongs to training.optimizer: sgd | adam"},
    {TINY "small" TASK "}\ntraining: {learning_rate: 1, steps: 2, optimizer: sgd}\n",
     "run.yaml: data.batch_fraction is missing: a number in (0, 1]; training.optimizer: sgd needs it"},
    {TINY "small" TASK "}\ntraining: {learning_rate: 1, steps: 2, beta1: 0.5}\n", "run.yaml:4:47: training.beta1: belongs to training.optimizer: adam"},
    {TINY "tiny" TASK "}\ntraining: {learning_rate: 1, steps: 2}\n",
     "run.yaml:2:108: network.readout_scale: must be one of small | order_one, got tiny; the nearest is small"},
    {TINY "small" TASK "}\ntraining: {learning_rate: 1}\n", "run.yaml: training.steps is missing: an integer in [1, 10000000]"},
    {TINY "small" TASK "}\ntraining: {learning_rate: 1, steps: 2, momentum: 0.5}\n",
     "run.yaml:4:40: training.momentum: does not belong to model two_layer_linear_width"},
};

START_TEST(what_does_not_belong_is_refused)
{
    expect_no_problem(refused[_i].text, DMFT_ERROR_CONFIG, refused[_i].line);
}
END_TEST

START_TEST(memory_runs_out_cleanly)
{
    dmft_error err = {.text = ""};
    dmft_problem *p = problem_with(trained[3], NULL);
    int (*run[])(const dmft_problem *, const dmft_run_options *, dmft_trajectory **, dmft_error *) = {dmft_solve, dmft_simulate};
    for (int kind = 0; kind < 2; kind++)
        for (long n = 1;; n += n < 60 ? 1 : 17) {
            dmft_trajectory *t = NULL;
            allocation_fail_at(n);
            int status = run[kind](p, NULL, &t, &err), failed = allocation_failed();
            allocation_fail_at(0);
            dmft_trajectory_free(t);
            if (!failed) {
                ck_assert_int_eq(status, DMFT_OK);
                break;
            }
            if (status == DMFT_OK) continue; /* a tail of too few numbers, which is nan */
            ck_assert_int_eq(status, DMFT_ERROR_MEMORY);
            ck_assert(t == NULL);
        }
    dmft_run_options options = {.memory_limit = 100};
    dmft_trajectory *t = NULL;
    ck_assert_int_eq(dmft_solve(p, &options, &t, &err), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert_int_eq(dmft_simulate(p, &options, &t, &err), DMFT_ERROR_MEMORY_LIMIT);
    dmft_problem_free(p);
}
END_TEST

Suite *suite_linear_width(void)
{
    Suite *suite = suite_create("linear_width");
    TCase *theory = tcase_create("laws"), *networks = tcase_create("networks");
    tcase_add_test(theory, gaussian_averages_are_known_in_closed_form);
    tcase_add_test(theory, conjugate_kernel_is_that_of_the_reference);
    tcase_add_test(theory, one_step_is_that_of_the_reference);
    tcase_add_loop_test(theory, laws_solve_their_equations, 0, sizeof laws / sizeof *laws);
    tcase_add_test(theory, weights_and_inputs_change_places);
    tcase_add_test(theory, critical_rates_are_critical);
    tcase_add_loop_test(networks, steps_are_those_of_plain_loops, 0, sizeof trained / sizeof *trained);
    tcase_add_loop_test(networks, kernels_are_those_of_the_jacobian, 0, sizeof trained / sizeof *trained);
    tcase_add_loop_test(networks, threads_and_checkpoints_change_nothing, 0, sizeof trained / sizeof *trained);
    tcase_add_loop_test(networks, one_large_step_is_that_of_networks, 0, sizeof large_steps / sizeof *large_steps);
    tcase_add_test(networks, the_bulk_is_invariant_at_small_rates_alone);
    tcase_add_test(networks, divergence_is_an_outcome);
    tcase_add_loop_test(networks, what_does_not_belong_is_refused, 0, sizeof refused / sizeof *refused);
    tcase_add_test(networks, memory_runs_out_cleanly);
    suite_add_tcase(suite, theory);
    suite_add_tcase(suite, networks);
    return suite;
}
