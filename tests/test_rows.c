/* The row form of level 1: the slow definition, reference tables, the basis form, causality, results, gradient flow. */
#include <check.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"
#include "reference.h"
#include "solution.h"
#include "state_file.h"
#include "suites.h"

/* ---- problems and their solutions ---- */

/* With all kernels, outliers only at the start. */
static dmft_problem stored_problem_of(struct setting *s)
{
    dmft_problem p = problem_of(s);
    p.tolerance = 1e-12;
    p.outlier_count = 1;
    p.outlier_every = s->steps;
    p.store_kernels = 1;
    return p;
}

/* The same parameters in gradient flow: `steps` intervals, learning rate 1. */
static dmft_problem flow_of(struct setting *s, double time, long steps, enum grid grid, double first)
{
    dmft_problem p = stored_problem_of(s);
    p.flow = 1;
    p.learning_rate = 1.0;
    p.time = time;
    p.steps = steps;
    p.rows = steps + 1;
    p.grid = grid;
    p.grid_first = first;
    return p;
}

/* ---- against the slow definition ---- */

/* The slow kernel of number i in the order of kernel_rows_result, and its name. */
static const double *slow_square(const slow_kernels *k, size_t i, char *name)
{
    int L = k->depth, fields = 2 * L + 3, field = (int)i % fields, response = (int)i >= fields;
    char kind = response ? 'R' : 'C';
    if (field == 0) {
        (void)sprintf(name, "%c_v", kind);
        return response ? k->R_v : k->C_v;
    }
    if (field == 1) {
        (void)sprintf(name, "%c_Delta", kind);
        return response ? k->R_Delta : k->C_Delta;
    }
    int of_h = field < L + 3, l = of_h ? field - 2 : field - L - 2;
    (void)sprintf(name, "%c_%c%d", kind, of_h ? 'h' : 'g', l);
    if (of_h) return response ? k->R_h[l] : k->C_h[l];
    return response ? k->R_g[l] : k->C_g[l];
}

static double largest(const double *x, size_t n)
{
    double most = 0.0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs(x[i]));
    return most;
}

/* Largest error of kernel i: of a response relative to its largest entry, of a correlation to sqrt(C(t,t) C(s,s)) and a hundredth of the largest
 * C(t,t): coefficients of order one cancel in kernels that have decayed, in this form and in the slow one, so that their last digits are rounding. */
static double worst_error(const struct solution *s, size_t i, const double *slow)
{
    size_t T = s->rows;
    double worst = 0.0, most = largest(slow, T * T), floor = i < s->fields ? 0.01 * most : most;
    for (size_t t = 0; t < T; t++)
        for (size_t u = 0; u < T; u++) {
            double scale = floor + (i < s->fields ? sqrt(fabs(slow[t * T + t] * slow[u * T + u])) : 0.0), error = fabs(entry(s, i, t, u) - slow[t * T + u]);
            if (error != 0.0) worst = fmax(worst, error / scale);
            ck_assert(isfinite(entry(s, i, t, u)));
        }
    return worst;
}

START_TEST(slow_definition)
{
    struct setting *s = march_setting(_i);
    dmft_problem p = stored_problem_of(s);
    struct solution fast = rows_marched(&p);
    slow_kernels *slow = slow_of(s, (int)s->steps);
    double of_C = 0.0, of_R = 0.0;
    for (size_t i = 0; i < 2 * fast.fields; i++) {
        char name[KERNEL_NAME_BYTES];
        double error = worst_error(&fast, i, slow_square(slow, i, name));
        ck_assert_str_eq(name, fast.name[i]);
        *(i < fast.fields ? &of_C : &of_R) = fmax(i < fast.fields ? of_C : of_R, error);
    }
    printf("rows, %s: largest error of C %.1e, of R %.1e\n", s->name, of_C, of_R);
    ck_assert_double_le(of_C, 1e-12);
    ck_assert_double_le(of_R, 1e-12);
    slow_free(slow);
    clear(&fast);
}
END_TEST

/* ---- reference tables ---- */

/* The correlations of one line against the table, which has them in the order of kernel_rows_diagonal after its first column. */
static double check_line(const kernel_rows *r, size_t t, char *line)
{
    double worst = 0.0;
    char *word = strtok(line, ",");
    ck_assert_int_eq(strtol(word, NULL, 10), (long)t);
    for (size_t i = 0; i < kernel_rows_count(r); i++) {
        word = strtok(NULL, ",");
        ck_assert_ptr_nonnull(word);
        double expected = strtod(word, NULL), error = fabs(kernel_rows_diagonal(r, i, t) - expected);
        ck_assert_msg(error <= 1e-9 * fabs(expected) || error <= 1e-15, "step %zu, number %zu: %.15g, expected %s", t, i,
                      kernel_rows_diagonal(r, i, t), word);
        if (error > 1e-15) worst = fmax(worst, error / fabs(expected));
    }
    return worst;
}

START_TEST(reference_tables)
{
    struct setting *s = reference_setting(_i);
    dmft_problem p = stored_problem_of(s);
    FILE *file = reference_open(s->name);
    kernel_rows *r = rows_created(&p);
    char line[4096];
    double worst = 0.0;
    size_t t = 0;
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    while (fgets(line, sizeof line, file) != NULL) {
        kernel_rows_step(r);
        worst = fmax(worst, check_line(r, t++, line));
    }
    ck_assert_uint_eq(t, (size_t)s->steps);
    printf("rows, %s: largest relative error %.1e\n", s->name, worst);
    (void)fclose(file);
    kernel_rows_free(r);
}
END_TEST

/* ---- against the basis form ---- */

START_TEST(basis_form)
{
    static const int chosen[] = {1, 3, 5, 6, 7, 16, 17};
    struct setting *s = march_setting(chosen[_i]);
    dmft_problem p = stored_problem_of(s);
    struct solution rows = rows_marched(&p);
    dmft_trajectory *basis = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_solve(&p, NULL, &basis, &err) == DMFT_OK, "%s", err.text);
    double worst = 0.0;
    for (size_t i = 0; i < rows.fields; i++) {
        size_t order = 0, stride = 0;
        const double *C = dmft_trajectory_kernel(basis, rows.name[i], &order, &stride);
        ck_assert_ptr_nonnull(C);
        ck_assert_uint_eq(order, rows.rows);
        for (size_t t = 0; t < order; t++)
            for (size_t u = 0; u < order; u++) {
                double most = fmax(entry(&rows, i, t, t), entry(&rows, i, u, u)), error = fabs(entry(&rows, i, t, u) - C[t * stride + u]);
                if (error > 0.0) worst = fmax(worst, error / most);
            }
    }
    printf("rows against basis, %s: %.1e\n", s->name, worst);
    ck_assert_double_le(worst, 1e-9);
    dmft_trajectory_free(basis);
    clear(&rows);
}
END_TEST

/* ---- structure ---- */

/* A run of fewer rows has the same numbers to the bit; responses end at the diagonal, correlations are symmetric. */
START_TEST(causality)
{
    struct setting more = *march_setting(_i == 0 ? 6 : 5), fewer = more;
    more.steps = 48;
    fewer.steps = 32;
    dmft_problem p = stored_problem_of(&more), q = stored_problem_of(&fewer);
    struct solution a = rows_marched(&p), b = rows_marched(&q);
    for (size_t i = 0; i < 2 * a.fields; i++)
        for (size_t t = 0; t < a.rows; t++)
            for (size_t u = 0; u < a.rows; u++) {
                if (t < b.rows && u < b.rows) ck_assert(entry(&a, i, t, u) == entry(&b, i, t, u));
                if (i < a.fields) ck_assert(entry(&a, i, t, u) == entry(&a, i, u, t));
                else if (u > t || (u == t && strncmp(a.name[i], "R_g", 3) == 0) || (u == t && i == a.fields)) ck_assert(entry(&a, i, t, u) == 0.0);
            }
    clear(&a);
    clear(&b);
}
END_TEST

/* What level 2 is given: the kernels as they stand, c for every update, and m of (O5') from its own recursion. */
START_TEST(matrices)
{
    struct setting *s = march_setting(3);
    dmft_problem p = stored_problem_of(s);
    size_t T = (size_t)s->steps, now = 40;
    kernel_rows *r = rows_created(&p);
    for (size_t t = 0; t <= now; t++) kernel_rows_step(r);
    slow_kernels *k = slow_of(s, (int)s->steps);
    double gamma = s->gamma0 * sqrt(s->width_ratio), c = s->learning_rate * gamma / sqrt(s->width_ratio), m[64];
    for (size_t t = 0; t <= now; t++) {
        m[t] = 0.0;
        for (size_t u = 0; u <= t; u++) {
            double v = 1.0; /* <v(u) w*> */
            for (size_t a = 0; a < u; a++)
                v -= m[a] * (sqrt(s->width_ratio) * s->variance[0] / gamma * k->R_g[1][u * T + a] + s->learning_rate * k->C_g[1][u * T + a]);
            m[t] += k->R_Delta[t * T + u] * v;
        }
    }
    for (int l = 0; l < 2; l++) {
        struct kernel_rows_matrix A;
        kernel_rows_matrix(r, l, &A);
        ck_assert_uint_eq(A.updates, now);
        for (size_t t = 0; t <= now; t++) {
            for (size_t u = 0; u <= t; u++) {
                ck_assert_double_eq_tol(A.C_phi[t * A.stride + u], k->C_h[l][t * T + u], 1e-12);
                ck_assert_double_eq_tol(A.R_phi[t * A.stride + u], k->R_h[l][t * T + u], 1e-12);
                ck_assert_double_eq_tol(A.C_g[t * A.stride + u], k->C_g[l + 1][t * T + u], 1e-12);
                ck_assert_double_eq_tol(A.R_g[t * A.stride + u], k->R_g[l + 1][t * T + u], 1e-12);
            }
            if (t < now) ck_assert_double_eq_tol(A.d[t], c, 1e-14);
            if (l == 0) ck_assert_double_eq_tol(A.target[t], m[t], 1e-12);
        }
        ck_assert((A.target != NULL) == (l == 0));
    }
    slow_free(k);
    kernel_rows_free(r);
}
END_TEST

/* A march that was stored and read half-way ends with the same bits. */
START_TEST(checkpoint)
{
    dmft_problem full = stored_problem_of(march_setting(6)), online = stored_problem_of(march_setting(5));
    dmft_problem flow = flow_of(march_setting(3), 2.0, 40, GRID_UNIFORM, 0.0);
    dmft_problem *p = _i == 0 ? &full : _i == 1 ? &online : &flow;
    struct solution whole = rows_marched(p);
    kernel_rows *first = rows_created(p), *second = rows_created(p);
    for (int t = 0; t < 23; t++) kernel_rows_step(first);
    archive *a = begin_writing();
    kernel_rows_transfer(first, a);
    a = begin_reading(a);
    kernel_rows_transfer(second, a);
    end_reading(a);
    ck_assert_uint_eq(kernel_rows_done(second), 23);
    while (kernel_rows_done(second) < whole.rows) kernel_rows_step(second);
    kernel_rows_step(second); /* past the end: nothing */
    ck_assert_uint_eq(kernel_rows_done(second), whole.rows);
    for (size_t i = 0; i < 2 * whole.fields; i++) {
        char name[KERNEL_NAME_BYTES];
        double *square = NULL;
        size_t order, stride;
        kernel_rows_result(second, i, name, &square, &order, &stride);
        for (size_t t = 0; t < order; t++) ck_assert_mem_eq(square + t * stride, whole.square[i] + t * whole.stride, order * sizeof *square);
        free(square);
        kernel_rows_result(second, i, name, &square, &order, &stride);
        ck_assert_ptr_null(square);
    }
    kernel_rows_free(first);
    kernel_rows_free(second);
    clear(&whole);
}
END_TEST

START_TEST(needs)
{
    for (int L = 1; L <= MOST_LAYERS; L++) {
        struct setting s = {"", L, 1.0, 1.0, {1.0, 1.0, 1.0, 1.0, 1.0}, 1.0, 0.0, 0.1, MUP, FULL, 1024};
        dmft_problem p = stored_problem_of(&s);
        double T = (double)s.steps;
        ck_assert_double_le(kernel_rows_bytes(&p), 8.0 * (8.0 * L + 14.0) * T * T);
        if (L == 2) ck_assert_double_le(kernel_rows_operations(&p), 12.3 * T * T * T);
    }
    kernel_rows_free(NULL);
}
END_TEST

START_TEST(refused)
{
    kernel_rows *r = NULL;
    dmft_error err;
    dmft_problem p = flow_of(march_setting(3), 10.0, 8, GRID_GEOMETRIC, 0.01); /* each interval 2.2 times the one before */
    ck_assert_int_eq(kernel_rows_create(&r, &p, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "grow"));
    p.grid = GRID_ADAPTIVE;
    ck_assert_int_eq(kernel_rows_create(&r, &p, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_null(r);
}
END_TEST

/* ---- gradient flow ---- */

static struct setting flows[] = {
    {"two layers", 2, 0.5, 4.0, {0.25, 0.3, 0.4}, 4.0, 0.5, 1.0, MUP, FULL, 0},
    {"three layers, NTK", 3, 1.2, 1.5, {0.7, 0.6, 0.7, 0.8}, 1.5, 0.2, 1.0, NTK, FULL, 0},
    {"one layer, population", 1, 1.3, 1.385, {0.5, 0.8}, 1.9, 0.4, 1.0, MUP, ONLINE, 0},
};
enum { FLOWS = sizeof flows / sizeof *flows, COARSE = 64 };

/* Diagonals of all correlations at the nodes of the coarsest of grids with COARSE, 2 COARSE, .. intervals, level `level` of them. A geometric
 * grid is refined so that its old nodes stay: the factor becomes its root. */
static void flow_level(struct setting *s, double time, unsigned level, double first, double *out)
{
    const double total = time / fmax(first, 1e-300);
    double ratio = 1.0;
    if (first > 0.0) { /* (r^n - 1)/(r - 1) = total: bisection */
        double low = 1.0 + 1e-9, high = 2.0;
        for (int i = 0; i < 200; i++) {
            ratio = 0.5 * (low + high);
            if (expm1(COARSE * log(ratio)) / (ratio - 1.0) < total) low = ratio;
            else high = ratio;
        }
    }
    for (unsigned i = 0; i < level; i++) {
        first /= 1.0 + sqrt(ratio);
        ratio = sqrt(ratio);
    }
    dmft_problem p = flow_of(s, time, (long)COARSE << level, first > 0.0 ? GRID_GEOMETRIC : GRID_UNIFORM, first);
    kernel_rows *r = rows_created(&p);
    for (long t = 0; t < p.rows; t++) kernel_rows_step(r);
    for (size_t i = 0; i < kernel_rows_count(r); i++)
        for (size_t t = 0; t <= COARSE; t++) out[i * (COARSE + 1) + t] = kernel_rows_diagonal(r, i, t << level);
    kernel_rows_free(r);
}

enum { SIZE = MOST_FIELDS * (COARSE + 1) };

/* Halving the intervals quarters the change that the next halving makes, for every diagonal. */
START_TEST(flow_second_order)
{
    struct setting *s = &flows[_i % FLOWS];
    double first = _i < FLOWS ? 0.0 : 0.01, time = 3.0, *x = calloc(3 * SIZE, sizeof *x);
    for (unsigned level = 0; level < 3; level++) flow_level(s, time, level + 1, first, x + level * SIZE);
    for (size_t i = 0; i < 2 * (size_t)s->depth + 3; i++) {
        double coarse = 0.0, fine = 0.0;
        for (size_t t = 0; t <= COARSE; t++) {
            size_t k = i * (COARSE + 1) + t;
            coarse = fmax(coarse, fabs(x[k] - x[SIZE + k]));
            fine = fmax(fine, fabs(x[SIZE + k] - x[2 * SIZE + k]));
        }
        double slope = log2(coarse / fine);
        printf("%s%.3f (%.1e)", i == 0 ? "order of the flow's diagonals: " : " ", slope, fine);
        ck_assert_msg(fabs(slope - 2.0) <= 0.15, "%s, number %zu: order %.3f", s->name, i, slope);
    }
    printf("\n");
    free(x);
}
END_TEST

/* Gradient descent of small steps, extrapolated, is the extrapolated flow; that on the population has batches without end. */
START_TEST(flow_is_small_steps)
{
    struct setting s = flows[_i];
    double time = 0.5, *flow = calloc(5 * SIZE, sizeof *flow), *descent = flow + 2 * SIZE, worst = 0.0;
    for (unsigned level = 0; level < 2; level++) flow_level(&s, time, level + 1, 0.0, flow + level * SIZE);
    for (unsigned level = 0; level < 3; level++) {
        long n = (long)COARSE << (level + 1);
        s.learning_rate = time / (double)n;
        if (s.batch == BATCH_ONLINE) s.sample_ratio = 1e12;
        s.steps = n + 1;
        dmft_problem p = stored_problem_of(&s);
        kernel_rows *r = rows_created(&p);
        for (long t = 0; t <= n; t++) kernel_rows_step(r);
        for (size_t i = 0; i < kernel_rows_count(r); i++)
            for (size_t t = 0; t <= COARSE; t++) descent[level * SIZE + i * (COARSE + 1) + t] = kernel_rows_diagonal(r, i, t << (level + 1));
        kernel_rows_free(r);
    }
    for (size_t k = 0; k < (2 * (size_t)s.depth + 3) * (COARSE + 1); k++) {
        double limit = (4.0 * flow[SIZE + k] - flow[k]) / 3.0; /* flow: second order, descent: first */
        double small = (descent[k] - 6.0 * descent[SIZE + k] + 8.0 * descent[2 * SIZE + k]) / 3.0;
        worst = fmax(worst, fabs(small - limit) / (1e-3 + fabs(limit)));
    }
    printf("flow against small steps, %s: %.1e\n", s.name, worst);
    ck_assert_double_le(worst, 1e-4);
    free(flow);
}
END_TEST

/* (K1), (K4) in the limit of small steps: (1 - eta s lambda)^t becomes e^{-s lambda t}. */
struct regression {
    double alpha, rate, time;
    int of_noise, of_samples;
};

static double regression_integrand(double theta, void *parameters)
{
    const struct regression *r = parameters;
    double lambda = 1.0 + 1.0 / r->alpha + 2.0 / sqrt(r->alpha) * cos(theta), decay = exp(-r->rate * lambda * r->time);
    double density = 2.0 * gsl_pow_2(sin(theta)) / (M_PI * lambda);
    if (r->of_samples) return density * gsl_pow_2(decay) * (r->of_noise ? 1.0 / r->alpha : lambda);
    return density * (r->of_noise ? gsl_pow_2(1.0 - decay) / (r->alpha * lambda) : gsl_pow_2(decay));
}

static double regression_integral(struct regression r, int of_samples, int of_noise, gsl_integration_workspace *w)
{
    double value, error;
    r.of_noise = of_noise;
    r.of_samples = of_samples;
    gsl_function f = {.function = regression_integrand, .params = &r};
    gsl_integration_qag(&f, 0.0, M_PI, 1e-13, 1e-12, 1000, GSL_INTEG_GAUSS61, w, &value, &error);
    return value;
}

START_TEST(flow_kernel_regression)
{
    struct setting s = {"regression", 1, 0.8, 1e-6, {0.0, 0.9}, _i == 0 ? 2.385 : 0.6, 0.4, 1.0, MUP, FULL, 0};
    double x[2][SIZE], worst = 0.0, time = 2.0, noise = gsl_pow_2(s.label_noise), atom = fmax(0.0, 1.0 - s.sample_ratio);
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(1000);
    for (unsigned level = 0; level < 2; level++) flow_level(&s, time, level + 2, 0.0, x[level]);
    for (size_t t = 0; t <= COARSE; t++) {
        struct regression r = {.alpha = s.sample_ratio, .rate = s.variance[1], .time = time * (double)t / COARSE};
        double C_v = atom + regression_integral(r, 0, 0, w) + noise * regression_integral(r, 0, 1, w);
        double C_Delta = regression_integral(r, 1, 0, w) + noise * (1.0 - 1.0 / s.sample_ratio + regression_integral(r, 1, 1, w));
        C_Delta += noise * atom / s.sample_ratio; /* the spectrum's atom at 0, which is in (K4)'s second integral too */
        for (size_t i = 0; i < 2; i++) {
            size_t k = i * (COARSE + 1) + t;
            worst = fmax(worst, fabs((4.0 * x[1][k] - x[0][k]) / 3.0 - (i == 0 ? C_v : C_Delta)));
        }
    }
    printf("flow of kernel regression, alpha %g: %.1e\n", s.sample_ratio, worst);
    ck_assert_double_le(worst, 2e-6);
    gsl_integration_workspace_free(w);
}
END_TEST

/* On the population with fixed features v decays as e^{-s t}: R_v(t,u) = -(s/alpha) e^{-s(t-u)}, R_h0(t,u) = -gain (delta - s e^{-s(t-u)}). Densities
 * are of second order but for the first column and the two diagonals below the main one, (M3). */
static double density_error(long n, double *at_ends)
{
    struct setting s = {"density", 1, 0.8, 1e-6, {0.0, 0.9}, 2.385, 0.4, 1.0, MUP, ONLINE, 0};
    dmft_problem p = flow_of(&s, 3.0, n, GRID_UNIFORM, 0.0);
    struct solution r = rows_marched(&p);
    double worst = 0.0, rate = s.variance[1], gain = 1.0 / (s.gamma0 * s.width_ratio);
    *at_ends = 0.0;
    for (size_t t = 0; t < r.rows; t++) {
        ck_assert_double_eq_tol(entry(&r, r.fields + 2, t, t) / gain, -1.0, 1e-12);
        ck_assert(entry(&r, r.fields + 1, t, t) == 1.0);
        for (size_t u = 0; u < t; u++) {
            double decay = rate * exp(-rate * (r.time[t] - r.time[u]));
            double error = fabs(entry(&r, r.fields, t, u) + decay / s.sample_ratio) + fabs(entry(&r, r.fields + 2, t, u) / gain - decay);
            double *kind = u == 0 || t < u + 3 ? at_ends : &worst;
            *kind = fmax(*kind, error);
        }
    }
    clear(&r);
    return worst;
}

START_TEST(flow_densities)
{
    double ends[2], coarse = density_error(100, &ends[0]), fine = density_error(200, &ends[1]);
    double inside = log2(coarse / fine), at_ends = log2(ends[0] / ends[1]);
    printf("order of the densities: %.3f inside (%.1e), %.3f at the ends (%.1e)\n", inside, fine, at_ends, ends[1]);
    ck_assert_double_eq_tol(inside, 2.0, 0.15);
    ck_assert_double_eq_tol(at_ends, 1.0, 0.15);
}
END_TEST

Suite *suite_rows(void)
{
    Suite *suite = suite_create("rows");
    TCase *slow = tcase_create("against other forms"), *structure = tcase_create("structure"), *flow = tcase_create("flow");
    tcase_add_loop_test(slow, slow_definition, 0, SETTINGS);
    tcase_add_loop_test(slow, reference_tables, 0, REFERENCES);
    tcase_add_loop_test(slow, basis_form, 0, 7);
    tcase_add_loop_test(structure, causality, 0, 2);
    tcase_add_test(structure, matrices);
    tcase_add_loop_test(structure, checkpoint, 0, 3);
    tcase_add_test(structure, needs);
    tcase_add_test(structure, refused);
    tcase_add_loop_test(flow, flow_second_order, 0, 2 * FLOWS);
    tcase_add_loop_test(flow, flow_is_small_steps, 0, FLOWS);
    tcase_add_loop_test(flow, flow_kernel_regression, 0, 2);
    tcase_add_test(flow, flow_densities);
    suite_add_tcase(suite, slow);
    suite_add_tcase(suite, structure);
    suite_add_tcase(suite, flow);
    return suite;
}
