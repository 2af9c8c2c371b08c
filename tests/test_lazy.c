/* The lazy limit: the two-time solver at small gamma0, the site equations' responses, kernel regression in closed form, sampled linearised networks,
 * stability, and the convolutions against plain sums. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/problem.h"
#include "base/random.h"
#include "kernel/fourier.h"
#include "numbers.h"
#include "runs.h"
#include "slow_deep_linear.h"
#include "suites.h"

enum { MOST_LAYERS = 5 };

static const double pi = 3.14159265358979323846;

/* ---- problems ---- */

struct setting {
    int depth;
    double variance[MOST_LAYERS + 1], width_ratio, sample_ratio, label_noise, learning_rate;
    enum parameterization parameterization;
    enum batch batch;
    long steps;
};

static char model_name[] = "deep_linear", no_text[] = "model: deep_linear\n";

static dmft_problem problem_of(struct setting *s, enum method method, double gamma0)
{
    return (dmft_problem){.model = model_name,
                          .depth = s->depth,
                          .width_ratio = s->width_ratio,
                          .parameterization = s->parameterization,
                          .gamma0 = gamma0,
                          .weight_variance = s->variance,
                          .sample_ratio = s->sample_ratio,
                          .label_noise = s->label_noise,
                          .batch = s->batch,
                          .learning_rate = s->learning_rate,
                          .steps = s->steps,
                          .rows = s->steps,
                          .method = method,
                          .tolerance = 1e-12,
                          .outlier_count = 1,
                          .outlier_every = s->steps,
                          .text = no_text};
}

static dmft_trajectory *lazily(struct setting *s, double gamma0)
{
    dmft_problem p = problem_of(s, METHOD_LAZY, gamma0);
    return solved(&p, DMFT_OK);
}

#define MUP PARAMETERIZATION_MUP
#define NTK PARAMETERIZATION_NTK
#define FULL BATCH_FULL
#define ONLINE BATCH_ONLINE

/* ---- the two-time solver ---- */

static struct setting lazy_cases[] = {
    {1, {0.0, 0.7}, 1.0, 2.385, 0.0, 0.25, MUP, FULL, 2000},
    {1, {0.0, 0.7}, 1.0, 0.4, 0.3, 0.25, MUP, FULL, 2000},
    {2, {0.0, 0.8, 0.7}, 2.385, 1.0, 0.0, 0.2, NTK, FULL, 2000},
    {2, {1.0, 0.7, 0.0}, 0.5, 4.0, 0.0, 0.05, MUP, FULL, 2000},
    {2, {1.0, 0.0, 0.7}, 2.0, 2.385, 0.3, 0.05, NTK, FULL, 2000},
    {2, {1.0, 0.0, 0.7}, 0.7, 0.6, 0.0, 0.05, MUP, FULL, 600},
    {3, {0.7, 0.8, 0.0, 0.9}, 1.3, 1.6, 0.3, 0.1, NTK, FULL, 600},
    {3, {0.7, 0.8, 1.1, 0.0}, 1.3, 2.385, 0.0, 0.05, MUP, FULL, 2000},
    {1, {0.0, 0.7}, 1.0, 0.6, 0.3, 0.1, MUP, ONLINE, 200},
    {2, {1.0, 0.0, 0.7}, 2.0, 0.8, 0.3, 0.05, NTK, ONLINE, 200},
    {3, {0.7, 0.8, 1.1, 0.0}, 1.3, 2.385, 0.0, 0.05, MUP, ONLINE, 200},
};
enum { LAZY_CASES = sizeof lazy_cases / sizeof *lazy_cases };

START_TEST(the_two_time_solver_at_small_gamma0)
{
    static const char *const names[] = {"C_v", "C_Delta", "C_h0", "C_g1"};
    struct setting *s = &lazy_cases[_i];
    dmft_problem p = problem_of(s, METHOD_BASIS, 1e-6);
    dmft_trajectory *basis = solved(&p, DMFT_OK), *lazy = lazily(s, 1e-6);
    double largest = 0.0;
    ck_assert_uint_eq(dmft_trajectory_rows(lazy), (size_t)s->steps);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const double *a = series(basis, names[i]), *b = series(lazy, names[i]), scale = fmax(a[0], 1e-3);
        for (long t = 0; t < s->steps; t++) {
            if (isnan(b[t]) && i == 3) { /* where it vanishes in the limit */
                ck_assert_double_le(a[t], 1e-9);
                continue;
            }
            ck_assert_msg(fabs(b[t] - a[t]) <= 1e-8 * fabs(a[t]) + 1e-12 * scale,
                          "case %d, %s at %ld: %.15g, two-time %.15g", _i, names[i], t, b[t], a[t]);
            if (i < 3) largest = fmax(largest, fabs(b[t] - a[t]) / scale);
        }
    }
    printf("lazy limit, case %d, T = %ld: largest difference to the two-time solver %.1e of the first value\n", _i, s->steps, largest);
    dmft_trajectory_free(basis);
    dmft_trajectory_free(lazy);
}
END_TEST

/* ---- responses of the site equations ---- */

/* R(t,s) = R(t - s) for all t, s, to 1e-8 of the largest. */
static void check_response(const double *lazy, const double *R, int T, int which, const char *name)
{
    double size = 0.0;
    for (int n = 0; n < T; n++) size = fmax(size, fabs(lazy[n]));
    for (int t = 0; t < T; t++)
        for (int s = 0; s <= t; s++)
            ck_assert_msg(fabs(R[t * T + s] - lazy[t - s]) <= 1e-8 * size, "case %d, %s(%d,%d): %.12g, lazily %.12g", which, name, t, s, R[t * T + s],
                          lazy[t - s]);
    ck_assert_msg(size > 0.0, "case %d, %s vanishes", which, name);
}

START_TEST(responses_of_the_site_equations)
{
    enum { T = 24 };
    struct setting s = lazy_cases[_i];
    s.steps = T;
    slow_problem q = {.depth = s.depth, .steps = T, .width_ratio = s.width_ratio, .sample_ratio = s.sample_ratio, .gamma0 = 1e-6,
                      .label_noise = s.label_noise, .learning_rate = s.learning_rate, .weight_variance = s.variance,
                      .ntk = s.parameterization == NTK, .online = s.batch == ONLINE};
    slow_kernels *k = slow_solve(&q);
    ck_assert_ptr_nonnull(k);
    dmft_trajectory *lazy = lazily(&s, 1e-6);
    check_response(series(lazy, "R_Delta"), k->R_Delta, T, _i, "R_Delta");
    check_response(series(lazy, "R_v"), k->R_v, T, _i, "R_v");
    check_response(series(lazy, "R_h0"), k->R_h[0], T, _i, "R_h0");
    check_response(series(lazy, "R_g1"), k->R_g[1], T, _i, "R_g1");
    dmft_trajectory_free(lazy);
    slow_free(k);
}
END_TEST

/* ---- closed form ---- */

enum { NODES = 6000 };

/* (K1) or (K4) by the trapezoidal rule in theta: the integrand is periodic and smooth. */
static double regression(const struct setting *s, long t, int of_samples)
{
    double alpha = s->sample_ratio, noise2 = s->label_noise * s->label_noise, atom = fmax(0.0, 1.0 - alpha), sum = 0.0;
    for (int i = 1; i < NODES; i++) {
        double theta = pi * i / NODES, sine = sin(theta), lambda = 1.0 + 1.0 / alpha + 2.0 / sqrt(alpha) * cos(theta);
        double weight = 2.0 * sine * sine / (NODES * lambda), q = pow(1.0 - s->learning_rate * s->variance[1] * lambda, (double)t);
        if (of_samples) sum += weight * (lambda + noise2 / alpha) * q * q;
        else sum += weight * (q * q + noise2 / alpha * (1.0 - q) * (1.0 - q) / lambda);
    }
    return of_samples ? sum + noise2 * (1.0 - 1.0 / alpha + atom / alpha) : sum + atom;
}

START_TEST(kernel_regression_to_the_end)
{
    static const double alphas[] = {2.385, 0.4, 1.3}, noises[] = {0.0, 0.3};
    struct setting s = {1, {0.0, 0.7}, 2.385, alphas[_i / 2], noises[_i % 2], 0.25, MUP, FULL, 1000};
    dmft_trajectory *t = lazily(&s, 1.0);
    const double *C_v = series(t, "C_v"), *C_Delta = series(t, "C_Delta");
    double relative = 0.0;
    for (long step = 0; step < s.steps; step = step * 5 / 4 + 1) {
        double v = regression(&s, step, 0), Delta = regression(&s, step, 1);
        /* What decays to nothing keeps its relative accuracy; alpha < 1 has directions that stay, next to which it is absolute. */
        double floor = s.sample_ratio < 1.0 || s.label_noise > 0.0 ? 1e-13 : 0.0;
        ck_assert_msg(fabs(C_v[step] - v) <= 1e-9 * v + floor, "C_v at step %ld: %.15g, (K1) %.15g", step, C_v[step], v);
        ck_assert_msg(fabs(C_Delta[step] - Delta) <= 1e-9 * Delta + floor, "C_Delta at step %ld: %.15g, (K4) %.15g", step, C_Delta[step], Delta);
        relative = fmax(relative, fabs(C_v[step] / v - 1.0));
    }
    printf("lazy limit against (K1), alpha %g, noise %g: largest relative difference %.1e, last value %.1e\n", s.sample_ratio, s.label_noise, relative,
           C_v[s.steps - 1]);
    dmft_trajectory_free(t);
}
END_TEST

/* (K1) at alpha = 1 without noise, where the spectrum begins at 0: lambda = 4 cos(theta/2)^2 of weight (2/pi) sin(theta/2)^2 d theta, C_v ~ t^{-1/2}. */
static double regression_at_the_edge(const struct setting *s, long t)
{
    double sum = 0.0;
    for (int i = 1; i <= NODES; i++) {
        double half = 0.5 * pi * i / NODES, lambda = 4.0 * cos(half) * cos(half), log_q = log1p(-s->learning_rate * s->variance[1] * lambda);
        sum += (i < NODES ? 2.0 : 1.0) / NODES * sin(half) * sin(half) * exp(2.0 * (double)t * log_q);
    }
    return sum;
}

/* A power law over all steps; 10^6 of them with DMFT_TEST_LONG=1, in at most a minute of processor time. */
START_TEST(long_times)
{
    int all = getenv("DMFT_TEST_LONG") != NULL;
    struct setting s = {1, {0.0, 0.7}, 1.0, 1.0, 0.0, 0.25, MUP, FULL, all ? 1000000 : 30000};
    clock_t begin = clock();
    dmft_trajectory *t = lazily(&s, 1.0);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC, worst = 0.0;
    ck_assert_double_le(seconds, 60.0);
    for (long step = 0; step < s.steps; step = step * 5 / 4 + 1) {
        double exact = regression_at_the_edge(&s, step), difference = fabs(series(t, "C_v")[step] - exact);
        ck_assert_msg(difference <= 5e-9 * exact, "step %ld: %.15g, (K1) %.15g", step, series(t, "C_v")[step], exact);
        worst = fmax(worst, difference / exact);
    }
    printf("lazy limit, power law: T = %ld in %.1f s, largest relative difference to (K1) %.1e\n", s.steps, seconds, worst);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- sampled linearised networks ---- */

enum { SAMPLED_STEPS = 10, PARTS = 3, KINDS = 3 }; /* parts: target, label noise, output; kinds: C_v, C_Delta, C_h0 */

struct network {
    const struct setting *s;
    size_t D, N, P;
    double *X, *A[MOST_LAYERS], *w, c[MOST_LAYERS + 1];
    struct random_stream random;
};

/* y += factor A x, or A^T x; A has rows x columns numbers. */
static void multiply(size_t rows, size_t columns, const double *A, int transposed, double factor, const double *x, double *y)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            if (transposed) y[j] += factor * A[i * columns + j] * x[i];
            else y[i] += factor * A[i * columns + j] * x[j];
}

static double square(size_t n, const double *x)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sum / (double)n;
}

static size_t fan_in(const struct network *n, int l) { return l == 0 ? n->D : n->N; }

/* Weights, c_l = |g^{l+1}|^2/N, and v(0) of the output part times gamma: -A_0^T g^1/sqrt(nu). */
static void draw_network(struct network *n, double *output)
{
    int L = n->s->depth;
    double *g = numbers(n->N), *below = numbers(n->N);
    random_gaussians(&n->random, sqrt(n->s->variance[L]), n->N, g);
    n->c[L] = 1.0;
    for (int l = L - 1; l >= 0; l--) {
        random_gaussians(&n->random, sqrt(n->s->variance[l] / (double)fan_in(n, l)), n->N * fan_in(n, l), n->A[l]);
        n->c[l] = square(n->N, g);
        if (l == 0) break;
        memset(below, 0, n->N * sizeof *below);
        multiply(n->N, n->N, n->A[l], 1, 1.0, g, below);
        memcpy(g, below, n->N * sizeof *g);
    }
    memset(output, 0, n->D * sizeof *output);
    multiply(n->N, n->D, n->A[0], 1, -1.0 / sqrt(n->s->width_ratio), g, output);
    free(g);
    free(below);
}

/* v -= eta M u with M = c_0 + (1/nu) sum_l c_l B_l^T B_l: up through the layers, and down again adding c_l h^l. */
static void descend(const struct network *n, const double *u, double *v)
{
    int L = n->s->depth;
    double eta = n->s->learning_rate, *h[MOST_LAYERS + 1];
    for (int l = 1; l <= L; l++) {
        h[l] = numbers(n->N);
        multiply(n->N, fan_in(n, l - 1), n->A[l - 1], 0, 1.0, l == 1 ? u : h[l - 1], h[l]);
    }
    for (int l = L; l >= 1; l--) {
        for (size_t i = 0; i < n->N; i++) h[l][i] *= n->c[l];
        if (l < L) multiply(n->N, n->N, n->A[l], 1, 1.0, h[l + 1], h[l]);
    }
    for (size_t i = 0; i < n->D; i++) v[i] -= eta * n->c[0] * u[i];
    multiply(n->N, n->D, n->A[0], 1, -eta / n->s->width_ratio, h[1], v);
    for (int l = 1; l <= L; l++) free(h[l]);
}

/* One network: out[t][part][kind]. */
static void train(struct network *n, double out[SAMPLED_STEPS][PARTS][KINDS])
{
    double *v[PARTS], *Delta = numbers(n->P), *u = numbers(n->D), *noise = numbers(n->P), root = sqrt((double)n->D);
    for (int k = 0; k < PARTS; k++) v[k] = numbers(n->D);
    draw_network(n, v[2]);
    random_gaussians(&n->random, 1.0, n->D, v[0]);
    for (int t = 0; t < SAMPLED_STEPS; t++) {
        if (t == 0 || n->s->batch == ONLINE) {
            random_gaussians(&n->random, 1.0, n->P * n->D, n->X);
            random_gaussians(&n->random, n->s->label_noise, n->P, noise);
        }
        for (int k = 0; k < PARTS; k++) {
            memset(Delta, 0, n->P * sizeof *Delta);
            memset(u, 0, n->D * sizeof *u);
            if (k == 1) memcpy(Delta, noise, n->P * sizeof *Delta);
            multiply(n->P, n->D, n->X, 0, 1.0 / root, v[k], Delta);
            multiply(n->P, n->D, n->X, 1, root / (double)n->P, Delta, u);
            out[t][k][0] = square(n->D, v[k]);
            out[t][k][1] = square(n->P, Delta);
            out[t][k][2] = square(n->D, u);
            descend(n, u, v[k]);
        }
    }
    for (int k = 0; k < PARTS; k++) free(v[k]);
    free(Delta);
    free(u);
    free(noise);
}

static struct network network_of(const struct setting *s, size_t D, uint64_t seed)
{
    struct network n = {.s = s, .D = D, .random = random_start(20261122, seed, 7)};
    n.N = (size_t)lround(s->width_ratio * (double)D);
    n.P = (size_t)lround(s->sample_ratio * (double)D);
    n.X = numbers(n.P * D);
    for (int l = 0; l < s->depth; l++) n.A[l] = numbers(n.N * fan_in(&n, l));
    return n;
}

static void free_network(struct network *n)
{
    free(n->X);
    for (int l = 0; l < n->s->depth; l++) free(n->A[l]);
}

static struct setting sampled_cases[] = {
    {1, {0.8, 0.7}, 0.5, 2.0, 0.3, 0.15, MUP, FULL, SAMPLED_STEPS},
    {2, {0.9, 0.8, 0.7}, 1.5, 0.75, 0.3, 0.08, NTK, FULL, SAMPLED_STEPS},
    {2, {0.9, 0.0, 0.7}, 0.5, 1.5, 0.3, 0.15, MUP, FULL, SAMPLED_STEPS},
    {3, {0.9, 0.8, 1.1, 0.7}, 1.0, 1.5, 0.0, 0.04, MUP, FULL, SAMPLED_STEPS},
    {2, {0.9, 0.8, 0.7}, 1.5, 0.75, 0.3, 0.08, MUP, ONLINE, SAMPLED_STEPS},
};
enum { SAMPLED_CASES = sizeof sampled_cases / sizeof *sampled_cases };

/* Means over networks of all parts lie within 4.9 standard errors (t_{23}, 6e-5) + 6/D of the theory. With gamma0 so that gamma = 1 the output part
 * enters C_h0 as it is. */
START_TEST(sampled_linearised_networks)
{
    enum { D = 100, SEEDS = 24 };
    struct setting *s = &sampled_cases[_i];
    double mean[SAMPLED_STEPS][PARTS][KINDS] = {{{0}}}, squares[SAMPLED_STEPS][PARTS][KINDS] = {{{0}}}, one[SAMPLED_STEPS][PARTS][KINDS], worst = 0.0, z2 = 0.0;
    double total[SAMPLED_STEPS] = {0}, total2[SAMPLED_STEPS] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct network n = network_of(s, D, seed + 100 * (uint64_t)_i);
        train(&n, one);
        free_network(&n);
        for (int t = 0; t < SAMPLED_STEPS; t++) {
            double h0 = one[t][0][2] + one[t][1][2] + one[t][2][2];
            total[t] += h0 / SEEDS;
            total2[t] += h0 * h0 / SEEDS;
            for (int i = 0; i < PARTS * KINDS; i++) {
                mean[t][i / KINDS][i % KINDS] += one[t][i / KINDS][i % KINDS] / SEEDS;
                squares[t][i / KINDS][i % KINDS] += one[t][i / KINDS][i % KINDS] * one[t][i / KINDS][i % KINDS] / SEEDS;
            }
        }
    }
    dmft_trajectory *lazy = lazily(s, s->parameterization == MUP ? 1.0 / sqrt(s->width_ratio) : 1.0);
    const double *theory[PARTS][2] = {{series(lazy, "C_v_target"), series(lazy, "C_Delta_target")},
                                      {series(lazy, "C_v_noise"), series(lazy, "C_Delta_noise")},
                                      {series(lazy, "C_v_output"), series(lazy, "C_Delta_output")}};
    for (int t = 0; t < SAMPLED_STEPS; t++) {
        for (int i = 0; i < PARTS * 2; i++) {
            int part = i / 2, kind = i % 2;
            double x = theory[part][kind][t] - (part == 0 ? theory[1][kind][t] : 0.0), m = mean[t][part][kind];
            double se = sqrt(fmax(0.0, squares[t][part][kind] - m * m) / (SEEDS - 1)), bound = 4.9 * se + 6.0 * x / D;
            ck_assert_msg(fabs(m - x) <= bound + 1e-15, "case %d, part %d, kind %d, step %d: %.6g(%.2g), theory %.6g", _i, part, kind, t, m, se, x);
            if (x > 1e-6) worst = fmax(worst, fabs(m / x - 1.0));
            if (se > 1e-9) z2 += (m - x) * (m - x) / (se * se) / (PARTS * 2 * SAMPLED_STEPS);
        }
        double x = series(lazy, "C_h0")[t], se = sqrt(fmax(0.0, total2[t] - total[t] * total[t]) / (SEEDS - 1));
        ck_assert_msg(fabs(total[t] - x) <= 4.9 * se + 6.0 * x / D, "case %d, C_h0, step %d: %.6g(%.2g), theory %.6g", _i, t, total[t], se, x);
    }
    printf("lazy limit, case %d: %d linearised networks at D = %d differ by %.1e at most, rms %.1f standard errors\n", _i, SEEDS, D, worst, sqrt(z2));
    dmft_trajectory_free(lazy);
}
END_TEST

/* ---- stability ---- */

/* With variances [0, s] the spectrum of K M ends at s (1 + 1/sqrt(alpha))^2; the run is stable while eta times that is below 2. */
START_TEST(the_edge_decides_on_stability)
{
    struct setting s = {1, {0.0, 0.7}, 1.0, 2.385, 0.0, 0.0, MUP, FULL, 2000};
    double edge = 0.7 * pow(1.0 + 1.0 / sqrt(s.sample_ratio), 2.0), lower = 0.7 * pow(1.0 - 1.0 / sqrt(s.sample_ratio), 2.0);
    s.learning_rate = 2.0 / edge * 0.9999;
    dmft_trajectory *stable = lazily(&s, 1.0);
    ck_assert_double_le(fabs(dmft_trajectory_number(stable, "bulk_edge_upper") - edge), 1e-12);
    ck_assert_double_le(fabs(dmft_trajectory_number(stable, "bulk_edge_lower") - lower), 1e-12);
    ck_assert_double_le(series(stable, "C_v")[s.steps - 1], 1e-3);
    dmft_trajectory_free(stable);

    for (double excess = 1.05; excess < 3.0; excess *= 1.4) {
        s.learning_rate = 2.0 / edge * excess;
        dmft_problem lazy_problem = problem_of(&s, METHOD_LAZY, 1e-20), basis_problem = problem_of(&s, METHOD_BASIS, 1e-20);
        basis_problem.outlier_every = 1000000;
        dmft_trajectory *lazy = solved(&lazy_problem, DMFT_DIVERGED), *basis = solved(&basis_problem, DMFT_DIVERGED);
        long t = dmft_trajectory_diverged_at(lazy);
        ck_assert_int_eq(t, dmft_trajectory_diverged_at(basis));
        ck_assert_uint_eq(dmft_trajectory_rows(lazy), (size_t)t);
        for (long i = 0; i < t; i++) {
            double a = series(basis, "C_v")[i], b = series(lazy, "C_v")[i];
            ck_assert_msg(fabs(a - b) <= 1e-8 * a, "%g beyond the edge, step %ld: %.12g, two-time %.12g", excess, i, b, a);
        }
        dmft_trajectory_free(lazy);
        dmft_trajectory_free(basis);
    }
}
END_TEST

static void check_edges(struct setting *s, double lower, double upper, double tolerance)
{
    dmft_trajectory *t = lazily(s, 1.0);
    double a = dmft_trajectory_number(t, "bulk_edge_lower"), b = dmft_trajectory_number(t, "bulk_edge_upper");
    ck_assert_msg(fabs(a - lower) <= tolerance && fabs(b - upper) <= tolerance, "edges %.12g and %.12g, expected %.12g and %.12g", a, b, lower, upper);
    dmft_trajectory_free(t);
}

START_TEST(edges_of_nested_laws)
{
    /* L = 2: the edges that Lanczos on probe rows finds, to the digits of the reference (rmt_sharpness_a at t = 0) */
    struct setting s = {2, {0.5, 0.5, 0.5}, 1.0, 4.0, 0.0, 0.03, MUP, FULL, 3};
    check_edges(&s, 0.0967892282, 3.262880847, 1e-9);
    /* M = s_1 + A_0^T A_0/nu, by itself in one-pass SGD; with fewer rows than columns A_0^T A_0 has zeros */
    static const double width_ratios[] = {0.4, 1.0, 2.385};
    for (int i = 0; i < 3; i++) {
        double nu = width_ratios[i], root = sqrt(nu);
        struct setting one = {1, {0.8, 0.7}, nu, 4.0, 0.0, 0.03, MUP, ONLINE, 3};
        check_edges(&one, 0.7 + (nu < 1.0 ? 0.0 : 0.8 / nu * (1.0 - root) * (1.0 - root)), 0.7 + 0.8 / nu * (1.0 + root) * (1.0 + root), 1e-9);
    }
    /* A_0 = 0 leaves M = s_1 */
    struct setting plain = {1, {0.0, 0.7}, 1.0, 4.0, 0.0, 0.03, MUP, ONLINE, 3};
    check_edges(&plain, 0.7, 0.7, 1e-12);
}
END_TEST

/* ---- habits ---- */

/* The same numbers whatever the number of steps. */
START_TEST(a_short_run_is_the_beginning_of_a_long_one)
{
    static const long lengths[] = {1, 2, 3, 17, 31, 32, 33, 64, 65, 500};
    struct setting s = sampled_cases[_i];
    s.steps = 1500;
    dmft_trajectory *whole = lazily(&s, 1.0);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        s.steps = lengths[i];
        dmft_trajectory *part = lazily(&s, 1.0);
        ck_assert_uint_eq(dmft_trajectory_rows(part), (size_t)lengths[i]);
        for (size_t j = 0; j < dmft_trajectory_series_count(part); j++) {
            const char *name = dmft_trajectory_series_name(part, j);
            const double *a = series(part, name), *b = series(whole, name);
            for (long t = 0; t < s.steps; t++)
                ck_assert_msg((isnan(a[t]) && isnan(b[t])) || fabs(a[t] - b[t]) <= 1e-11 * fmax(1.0, fabs(b[t])), "%s at %ld of %ld: %.15g, of 1500 %.15g",
                              name, t, s.steps, a[t], b[t]);
        }
        dmft_trajectory_free(part);
    }
    dmft_trajectory_free(whole);
}
END_TEST

/* With two variances of zero M = 0. */
START_TEST(two_zero_variances_move_nothing)
{
    static struct setting none[] = {{2, {0.0, 0.7, 0.0}, 2.385, 0.5, 0.3, 0.1, MUP, FULL, 100}, {2, {0.8, 0.0, 0.0}, 2.385, 2.0, 0.3, 0.1, MUP, FULL, 100},
                                    {2, {0.8, 0.0, 0.0}, 2.385, 2.0, 0.3, 0.1, NTK, ONLINE, 100}};
    dmft_trajectory *t = lazily(&none[_i], 1.0);
    for (int i = 0; i < 100; i++) {
        ck_assert_double_le(fabs(series(t, "C_v")[i] - 1.0), 1e-12);
        ck_assert_double_le(fabs(series(t, "C_Delta")[i] - 1.09), 1e-12);
        ck_assert_double_le(fabs(series(t, "R_v")[i]), 1e-12);
    }
    dmft_trajectory_free(t);
}
END_TEST

static int stop(void *user, const dmft_progress *progress)
{
    (void)progress;
    return *(int *)user;
}

START_TEST(what_is_refused)
{
    struct setting s = sampled_cases[0];
    dmft_problem p = problem_of(&s, METHOD_LAZY, 1.0);
    dmft_trajectory *t = NULL;
    dmft_error err;
    int yes = 1;
    dmft_run_options small = {.memory_limit = 1000}, stopping = {.progress = stop, .user = &yes};
    ck_assert_int_eq(dmft_solve(&p, &small, &t, &err), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert_int_eq(dmft_solve(&p, &stopping, &t, &err), DMFT_STOPPED);
    p.store_kernels = 1;
    ck_assert_int_eq(dmft_solve(&p, NULL, &t, &err), DMFT_ERROR_UNAVAILABLE);
    ck_assert_ptr_null(t);
}
END_TEST

/* ---- convolutions ---- */

static const size_t convolution_lengths[] = {1, 2, 3, 17, 63, 64, 65, 127, 128, 129, 200, 1000, 1025};
enum { CONVOLUTION_LENGTHS = sizeof convolution_lengths / sizeof *convolution_lengths };

START_TEST(half_convolutions_are_their_sums)
{
    size_t n = convolution_lengths[_i];
    struct random_stream random = random_start(1, n, 3);
    double *a = numbers(n), *b = numbers(n), *fast = numbers(n);
    random_gaussians(&random, 1.0, n, a);
    random_gaussians(&random, 1.0, n, b);
    for (int antisymmetric = 0; antisymmetric < 2; antisymmetric++) {
        memset(fast, 0, n * sizeof *fast);
        ck_assert_int_eq(kernel_half_convolution(a, b, n, antisymmetric, fast, NULL), DMFT_OK);
        for (size_t m = 0; m < n; m++) {
            double sum = 0.0;
            for (size_t j = 0; 2 * j < m; j++) sum += a[m - j] * b[j] - (antisymmetric ? b[m - j] * a[j] : 0.0);
            ck_assert_msg(fabs(fast[m] - sum) <= 1e-13 * (double)n, "length %zu, %zu: %.15g, slowly %.15g", n, m, fast[m], sum);
        }
    }
    free(a);
    free(b);
    free(fast);
}
END_TEST

START_TEST(volterra_is_its_recursion)
{
    size_t n = convolution_lengths[_i];
    struct random_stream random = random_start(2, n, 3);
    double *phi = numbers(n), *y = numbers(n), *fast = numbers(n);
    random_gaussians(&random, 0.5 / sqrt((double)n), n, phi);
    random_gaussians(&random, 1.0, n, y);
    memcpy(fast, y, n * sizeof *y);
    ck_assert_int_eq(kernel_volterra(phi, n, fast, NULL), DMFT_OK);
    for (size_t t = 0; t < n; t++) {
        for (size_t k = 0; k < t; k++) y[t] += phi[t - 1 - k] * y[k];
        ck_assert_msg(fabs(fast[t] - y[t]) <= 1e-12 * (double)n, "length %zu, %zu: %.15g, slowly %.15g", n, t, fast[t], y[t]);
    }
    free(phi);
    free(y);
    free(fast);
}
END_TEST

Suite *suite_lazy(void)
{
    Suite *suite = suite_create("lazy");
    TCase *numbers_of = tcase_create("numbers"), *runs = tcase_create("runs"), *sums = tcase_create("convolutions");
    tcase_set_timeout(numbers_of, 120);
    tcase_add_loop_test(numbers_of, the_two_time_solver_at_small_gamma0, 0, LAZY_CASES);
    tcase_add_loop_test(numbers_of, responses_of_the_site_equations, 0, LAZY_CASES);
    tcase_add_loop_test(numbers_of, kernel_regression_to_the_end, 0, 6);
    tcase_add_test(numbers_of, long_times);
    tcase_add_loop_test(numbers_of, sampled_linearised_networks, 0, SAMPLED_CASES);
    tcase_add_test(runs, the_edge_decides_on_stability);
    tcase_add_test(runs, edges_of_nested_laws);
    tcase_add_loop_test(runs, a_short_run_is_the_beginning_of_a_long_one, 0, SAMPLED_CASES);
    tcase_add_loop_test(runs, two_zero_variances_move_nothing, 0, 3);
    tcase_add_test(runs, what_is_refused);
    tcase_add_loop_test(sums, half_convolutions_are_their_sums, 0, CONVOLUTION_LENGTHS);
    tcase_add_loop_test(sums, volterra_is_its_recursion, 0, CONVOLUTION_LENGTHS);
    suite_add_tcase(suite, numbers_of);
    suite_add_tcase(suite, runs);
    suite_add_tcase(suite, sums);
    return suite;
}
