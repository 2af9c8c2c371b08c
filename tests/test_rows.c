/* The row form of level 1: the slow definition, reference tables, the basis form, causality, results, gradient flow. */
#include <check.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grid.h"
#include "base/problem.h"
#include "kernel/rows.h"
#include "slow_deep_linear.h"
#include "suites.h"

enum { MOST_LAYERS = 4, MOST_FIELDS = 2 * MOST_LAYERS + 3 };

/* ---- problems and their solutions ---- */

struct setting {
    const char *name;
    int depth;
    double width_ratio, gamma0, variance[MOST_LAYERS + 1], sample_ratio, label_noise, learning_rate;
    enum parameterization parameterization;
    enum batch batch;
    long steps;
};

static char model_name[] = "deep_linear", no_text[] = "model: deep_linear\n";

/* The problem points into the setting. */
static dmft_problem problem_of(struct setting *s)
{
    return (dmft_problem){.model = model_name,
                          .depth = s->depth,
                          .width_ratio = s->width_ratio,
                          .parameterization = s->parameterization,
                          .gamma0 = s->gamma0,
                          .weight_variance = s->variance,
                          .sample_ratio = s->sample_ratio,
                          .label_noise = s->label_noise,
                          .batch = s->batch,
                          .learning_rate = s->learning_rate,
                          .steps = s->steps,
                          .rows = s->steps,
                          .method = METHOD_BASIS,
                          .tolerance = 1e-12,
                          .outlier_count = 1,
                          .outlier_every = s->steps,
                          .store_kernels = 1,
                          .text = no_text};
}

/* The same parameters in gradient flow: `steps` intervals, learning rate 1. */
static dmft_problem flow_of(struct setting *s, double time, long steps, enum grid grid, double first)
{
    dmft_problem p = problem_of(s);
    p.flow = 1;
    p.learning_rate = 1.0;
    p.time = time;
    p.steps = steps;
    p.rows = steps + 1;
    p.grid = grid;
    p.grid_first = first;
    return p;
}

/* All kernels after all rows, as kernel_rows_result hands them over: fields correlations, then as many responses. */
struct solution {
    size_t fields, rows, stride;
    double *square[2 * MOST_FIELDS], *time;
    char name[2 * MOST_FIELDS][KERNEL_NAME_BYTES];
};

static kernel_rows *created(const dmft_problem *p)
{
    kernel_rows *r = NULL;
    dmft_error err = {.text = ""};
    int status = kernel_rows_create(&r, p, &err);
    ck_assert_msg(status == DMFT_OK, "status %d: %s", status, err.text);
    return r;
}

static struct solution solved(const dmft_problem *p)
{
    kernel_rows *r = created(p);
    struct solution s = {.fields = kernel_rows_count(r), .time = calloc((size_t)p->rows, sizeof(double))};
    for (long t = 0; t < p->rows; t++) {
        kernel_rows_step(r);
        s.time[t] = kernel_rows_time(r, (size_t)t);
    }
    double diagonal[MOST_FIELDS];
    size_t last = kernel_rows_done(r) - 1;
    for (size_t i = 0; i < s.fields; i++) diagonal[i] = kernel_rows_diagonal(r, i, last);
    for (size_t i = 0; i < 2 * s.fields; i++) {
        kernel_rows_result(r, i, s.name[i], &s.square[i], &s.rows, &s.stride);
        ck_assert_ptr_nonnull(s.square[i]);
    }
    ck_assert_uint_eq(s.rows, (size_t)p->rows);
    for (size_t i = 0; i < s.fields; i++) ck_assert(diagonal[i] == s.square[i][last * s.stride + last]);
    kernel_rows_free(r);
    return s;
}

static void clear(struct solution *s)
{
    for (size_t i = 0; i < 2 * s->fields; i++) free(s->square[i]);
    free(s->time);
}

static double at(const struct solution *s, size_t i, size_t t, size_t u) { return s->square[i][t * s->stride + u]; }

/* ---- against the slow definition ---- */

static slow_kernels *slow_of(const struct setting *s, long steps)
{
    slow_problem p = {.depth = s->depth,
                      .steps = (int)steps,
                      .width_ratio = s->width_ratio,
                      .sample_ratio = s->sample_ratio,
                      .gamma0 = s->gamma0,
                      .label_noise = s->label_noise,
                      .learning_rate = s->learning_rate,
                      .weight_variance = s->variance,
                      .ntk = s->parameterization == PARAMETERIZATION_NTK,
                      .online = s->batch == BATCH_ONLINE};
    slow_kernels *k = slow_solve(&p);
    ck_assert_ptr_nonnull(k);
    return k;
}

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
            double scale = floor + (i < s->fields ? sqrt(fabs(slow[t * T + t] * slow[u * T + u])) : 0.0), error = fabs(at(s, i, t, u) - slow[t * T + u]);
            if (error != 0.0) worst = fmax(worst, error / scale);
            ck_assert(isfinite(at(s, i, t, u)));
        }
    return worst;
}

#define MUP PARAMETERIZATION_MUP
#define NTK PARAMETERIZATION_NTK
#define FULL BATCH_FULL
#define ONLINE BATCH_ONLINE

static struct setting settings[] = {
    {"one layer", 1, 0.7, 2.385, {0.6, 1.1}, 1.7, 0.3, 0.11, MUP, FULL, 17},
    {"one layer, NTK", 1, 2.3, 1.4, {1.0, 0.5}, 0.6, 0.2, 0.13, NTK, FULL, 61},
    {"one layer, one pass", 1, 1.3, 1.385, {0.5, 0.8}, 1.9, 0.4, 0.17, MUP, ONLINE, 61},
    {"two layers", 2, 0.5, 4.0, {0.25, 0.3, 0.4}, 4.0, 0.5, 0.02, MUP, FULL, 61},
    {"two layers, few samples", 2, 1.7, 1.3, {0.9, 0.7, 0.8}, 0.4, 0.0, 0.07, NTK, FULL, 61},
    {"two layers, one pass", 2, 1.0, 4.0, {0.5, 0.4, 0.6}, 0.5, 0.3, 0.02, MUP, ONLINE, 61},
    {"three layers", 3, 1.5, 2.4, {0.5, 0.6, 0.7, 0.8}, 1.5, 0.2, 0.05, MUP, FULL, 40},
    {"three layers, one pass, NTK", 3, 0.6, 3.0, {0.5, 0.5, 0.6, 0.4}, 0.8, 0.5, 0.03, NTK, ONLINE, 61},
    {"one step", 2, 0.5, 4.0, {0.25, 0.3, 0.4}, 4.0, 0.5, 0.02, MUP, FULL, 1},
    {"two steps", 2, 0.5, 4.0, {0.25, 0.3, 0.4}, 4.0, 0.5, 0.5, MUP, FULL, 2},
    {"three steps", 3, 0.5, 4.0, {0.25, 0.3, 0.4, 0.9}, 4.0, 0.5, 0.5, MUP, FULL, 3},
    {"no variance below", 2, 1.2, 2.0, {0.0, 0.7, 0.9}, 3.0, 0.3, 0.1, MUP, FULL, 17},
    {"no variance between", 2, 1.2, 2.0, {0.8, 0.0, 0.9}, 3.0, 0.3, 0.1, MUP, FULL, 17},
    {"no readout", 2, 1.2, 2.0, {0.8, 0.7, 0.0}, 3.0, 0.3, 0.1, MUP, FULL, 17},
    {"no readout, one pass", 2, 1.2, 2.0, {0.8, 0.7, 0.0}, 3.0, 0.3, 0.1, MUP, ONLINE, 17},
    {"nothing at all", 2, 1.2, 2.0, {0.0, 0.0, 0.0}, 3.0, 0.3, 0.1, MUP, FULL, 17},
    /* Noise that keeps a memory, oscillations: what a march must not amplify (doc/theory.md, (E14)). */
    {"rich and noisy", 3, 2.0, 6.0, {1.0, 1.0, 1.0, 1.0}, 1.2, 1.0, 0.02, MUP, FULL, 80},
    {"edge of stability", 2, 0.5, 5.0, {0.5, 0.5, 0.5}, 0.5, 0.0, 0.04, NTK, FULL, 80},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

START_TEST(slow_definition)
{
    struct setting *s = &settings[_i];
    dmft_problem p = problem_of(s);
    struct solution fast = solved(&p);
    slow_kernels *slow = slow_of(s, s->steps);
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

Suite *suite_rows(void)
{
    Suite *suite = suite_create("rows");
    TCase *slow = tcase_create("slow");
    tcase_add_loop_test(slow, slow_definition, 0, SETTINGS);
    suite_add_tcase(suite, slow);
    return suite;
}
