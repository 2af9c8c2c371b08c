/* Outliers of revealed matrices in the limit, (N2) of doc/theory.md: against the basis form (B4), kernels (O1) and dense eigenproblems. */
#include <check.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "limit/limit.h"
#include "outlier/basis.h"
#include "outlier/revealed.h"
#include "suites.h"

enum { MOST = 400 };

static double *numbers(size_t n)
{
    double *x = calloc(n > 0 ? n : 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    return x;
}

static void assert_near(double value, double expected, double allowed, const char *what, long step)
{
    ck_assert_msg(fabs(value - expected) <= allowed, "%s at step %ld: %.15g, expected %.15g (difference %.2g, allowed %.2g)", what, step, value, expected,
                  fabs(value - expected), allowed);
}

/* ---- one matrix that learns from its own answers ---- */

enum { CHANNELS = 3 };

struct setting {
    const char *name;
    double variance, psi, fresh, step, sign, keep; /* every other step of a channel has weight `sign` x step; keep: weight decay */
    size_t channels, events;
    double tolerance;
};

struct run {
    const struct setting *is;
    limit_space in, out;
    limit_operator *A;
    limit_rows phi[CHANNELS], x[CHANNELS], noise_in, phis; /* input space; phis: all phi so far */
    limit_rows g[CHANNELS], y[CHANNELS], noise_out, gs;
    size_t in_axis[MOST], out_axis[MOST];   /* the axis that f_i opened in the input space, e_j in the output space */
    size_t in_order[MOST], out_order[MOST]; /* when e_j and f_i were met */
    double weight[MOST];
    size_t events, queries;
};

static void open_run(struct run *r, const struct setting *s)
{
    memset(r, 0, sizeof *r);
    r->is = s;
    limit_space_init(&r->in, &limit_exact);
    limit_space_init(&r->out, &limit_exact);
    ck_assert_int_eq(limit_operator_create(&r->A, &r->in, &r->out, s->variance, s->psi, s->tolerance, NULL), DMFT_OK);
    ck_assert_int_eq(limit_field_init(&r->noise_in, &r->in, NULL), DMFT_OK);
    ck_assert_int_eq(limit_field_init(&r->noise_out, &r->out, NULL), DMFT_OK);
    ck_assert_int_eq(limit_rows_init(&r->phis, &r->in, MOST, NULL), DMFT_OK);
    ck_assert_int_eq(limit_rows_init(&r->gs, &r->out, MOST, NULL), DMFT_OK);
    for (size_t c = 0; c < s->channels; c++) {
        ck_assert_int_eq(limit_field_init(&r->phi[c], &r->in, NULL), DMFT_OK);
        ck_assert_int_eq(limit_field_init(&r->x[c], &r->in, NULL), DMFT_OK);
        ck_assert_int_eq(limit_field_init(&r->g[c], &r->out, NULL), DMFT_OK);
        ck_assert_int_eq(limit_field_init(&r->y[c], &r->out, NULL), DMFT_OK);
    }
    for (size_t c = 0; c < s->channels; c++) {
        ck_assert_int_eq(limit_space_reserve(&r->in, 1, NULL), DMFT_OK);
        ck_assert_int_eq(limit_space_reserve(&r->out, 1, NULL), DMFT_OK);
        limit_fresh(&r->phi[c]);
        limit_fresh(&r->g[c]);
    }
}

static void close_run(struct run *r)
{
    limit_space_clear(&r->in);
    limit_space_clear(&r->out);
    limit_operator_free(r->A);
}

static void normalise(limit_rows *a) { limit_scale(a, 1.0 / sqrt(limit_dot(a, a))); }

static void note_row(limit_rows *rows, const limit_rows *field)
{
    limit_put(rows, rows->count, field, 0);
    rows->count++;
}

static void mix(limit_rows *a, double own, double factor, const limit_rows *answer, limit_rows *noise, double fresh)
{
    limit_scale(a, own);
    limit_add(a, factor, answer);
    if (fresh != 0.0) {
        limit_fresh(noise);
        limit_add(a, fresh, noise);
    }
    normalise(a);
}

static void push(struct run *r, size_t c)
{
    size_t axes = r->out.axes, met = limit_operator_inputs(r->A);
    limit_push(r->A, &r->phi[c], &r->y[c]);
    if (limit_operator_inputs(r->A) > met) {
        r->out_axis[met] = axes;
        r->in_order[met] = r->queries;
    }
    r->queries++;
}

static void pull(struct run *r, size_t c)
{
    size_t axes = r->in.axes, met = limit_operator_outputs(r->A);
    limit_pull(r->A, &r->g[c], &r->x[c]);
    if (limit_operator_outputs(r->A) > met) {
        r->in_axis[met] = axes;
        r->out_order[met] = r->queries;
    }
    r->queries++;
}

/* The next event, which has not been learned yet: phi ~ .6 phi + .7 x (+ fresh) is pushed, g ~ .5 g + .8 y (+ fresh) pulled, in the channel whose
 * turn it is. */
static void ask(struct run *r)
{
    const struct setting *s = r->is;
    size_t c = r->events % s->channels;
    ck_assert_int_eq(limit_space_reserve(&r->in, 2, NULL), DMFT_OK);
    ck_assert_int_eq(limit_space_reserve(&r->out, 2, NULL), DMFT_OK);
    ck_assert_int_eq(limit_operator_reserve(r->A, NULL), DMFT_OK);
    mix(&r->phi[c], 0.6, 0.7 / sqrt(s->psi), &r->x[c], &r->noise_in, s->fresh);
    push(r, c);
    mix(&r->g[c], 0.5, 0.8, &r->y[c], &r->noise_out, s->fresh);
    pull(r, c);
    note_row(&r->phis, &r->phi[c]);
    note_row(&r->gs, &r->g[c]);
}

static void learn(struct run *r)
{
    size_t round = r->events / r->is->channels;
    double step = r->is->step * (round % 2 == 1 ? r->is->sign : 1.0) / (1.0 + 0.3 * (double)(r->events % r->is->channels));
    limit_learn(r->A, step);
    r->weight[r->events++] = step;
}

static double inner(const limit_rows *a, size_t i, const limit_rows *b, size_t j)
{
    const double *x = a->x + i * a->space->stride, *y = b->x + j * b->space->stride;
    double sum = 0.0;
    for (size_t k = 0; k < a->space->axes; k++) sum += x[k] * y[k];
    return sum;
}

/* What the view shows, with M and the orders of meeting made here. */
struct shown {
    struct limit_view view;
    double *M;
};

static struct shown show(const struct run *r)
{
    struct shown s = {.view = limit_operator_view(r->A)};
    size_t e = s.view.E->count, f = s.view.F->count;
    s.M = numbers(f * s.view.stride);
    for (size_t i = 0; i < f; i++)
        for (size_t j = 0; j < e; j++) s.M[i * s.view.stride + j] = inner(s.view.F, i, s.view.Y, j);
    s.view.M = s.M;
    s.view.in_order = r->in_order;
    s.view.out_order = r->out_order;
    s.view.keep = 1.0;
    return s;
}

/* ---- (N2) once more, densely and literally ---- */

struct dense {
    size_t e, f, n;
    double *XY, *re, *im; /* column-major */
    size_t count, complex_first; /* outliers; whether a complex pair leads */
    double root[MOST];    /* real eigenvalues in falling order, of W/keep */
    size_t real;
    double size;
};

static struct dense dense_of(const struct limit_view *v)
{
    struct dense d = {.e = v->E->count, .f = v->F->count};
    size_t e = d.e, f = d.f, n = d.n = e + f;
    double *X = numbers(n * n), *Y = numbers(n * n), s2 = v->variance, edge = s2 / sqrt(v->psi);
    for (size_t i = 0; i < f; i++)
        for (size_t j = 0; j < e; j++) { /* X: from (tau f, q e) to (rho e, p f); Y the other way */
            int g_knows = v->in_order[j] < v->out_order[i];
            double M = v->M[i * v->stride + j], R_g = g_knows ? M / s2 : 0.0, R_phi = g_knows ? 0.0 : M / s2, S = v->S[i * v->stride + j] / v->keep;
            X[j * n + i] = s2 * R_g;                 /* sigma^2 R^gT */
            X[(e + i) * n + f + j] = s2 * R_g + S;
            Y[i * n + j] = s2 * R_phi;               /* sigma^2 R^phiT */
            Y[(f + j) * n + e + i] = s2 * R_phi + S; /* S^T */
            for (size_t k = 0; k < e; k++) X[j * n + f + k] += R_g * v->S[i * v->stride + k] / v->keep;   /* R^gT S */
            for (size_t k = 0; k < f; k++) Y[i * n + e + k] += R_phi * v->S[k * v->stride + j] / v->keep; /* R^phiT S^T */
        }
    for (size_t i = 0; i < f; i++) X[(e + i) * n + i] = s2;
    for (size_t j = 0; j < e; j++) Y[(f + j) * n + j] = s2;
    d.XY = numbers(n * n);
    d.re = numbers(n);
    d.im = numbers(n);
    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < n; m++)
            for (size_t j = 0; j < n; j++) d.XY[j * n + i] += X[i * n + m] * Y[m * n + j];
    for (size_t i = 0; i < n * n; i++) d.size += d.XY[i] * d.XY[i];
    d.size = sqrt(d.size);
    if (n > 0) ck_assert_int_eq(LAPACKE_dgeev(LAPACK_COL_MAJOR, 'N', 'N', (int)n, d.XY, (int)n, d.re, d.im, NULL, 1, NULL, 1), 0);
    double largest = 0.0, last = INFINITY;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, hypot(d.re[i], d.im[i]));
    for (;;) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (d.im[i] == 0.0 && d.re[i] > 0.0 && d.re[i] < last && (best == n || d.re[i] > d.re[best])) best = i;
        if (best == n) break;
        last = d.root[d.real++] = d.re[best];
        d.count += last > edge;
    }
    d.complex_first = largest > 0.0 && (d.real == 0 || d.root[0] < 0.999 * largest);
    free(X);
    free(Y);
    return d;
}

static void dense_free(struct dense *d)
{
    free(d->XY);
    free(d->re);
    free(d->im);
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const struct setting settings[] = {
    {"square", 0.7, 1.0, 0.1, 0.3, 1.0, 1.0, 1, 60, 1e-11},
    {"three channels", 0.7, 1.0, 0.1, 0.2, 1.0, 1.0, 3, 60, 1e-11},
    {"three channels, wide", 0.7, 0.4, 0.1, 0.1, 1.0, 1.0, 3, 60, 1e-11},
    {"slow", 0.7, 2.3, 0.1, 0.01, 1.0, 1.0, 3, 60, 1e-11},
    {"signs", 0.7, 2.3, 0.3, 0.3, -0.8, 1.0, 3, 60, 1e-11},
    {"signs2", 0.7, 1.0, 0.0, 0.3, -1.0, 1.0, 2, 60, 1e-11},
    {"negative", 0.7, 1.0, 0.02, -0.3, 0.5, 1.0, 2, 60, 1e-11},
    {"negative", 0.7, 1.0, 0.02, -0.05, 1., 1.0, 2, 60, 1e-11},
};

START_TEST(trial)
{
    static struct run r;
    dmft_error err = {.text = ""};
    outlier_revealed *w = NULL;
    outlier_basis *b = NULL;
    open_run(&r, &settings[_i]);
    ck_assert_int_eq(outlier_revealed_create(&w, 3, NULL), DMFT_OK);
    ck_assert_int_eq(outlier_basis_create(&b, r.A, NULL, 3, NULL), DMFT_OK);
    long before = 0;
    double total = 0, most = 0, worst = 0, worst_b = 0; size_t pairs = 0, below = 0, lost = 0; double worst_below = 0;
    for (size_t t = 0; t < r.is->events; t++) {
        struct outlier_state state;
        ask(&r);
        struct shown s = show(&r);
        double start = now();
        int status = outlier_revealed_find(w, &s.view, &err);
        double end = now();
        if (status != DMFT_OK) {
            struct dense d = dense_of(&s.view);
            printf("%s at %zu; size %g edge %g real", r.is->name, t, d.size, r.is->variance / sqrt(r.is->psi));
            for (size_t i = 0; i < d.real && i < 6; i++) printf(" %g", d.root[i]);
            for (size_t i = 0; i < d.n; i++) if (hypot(d.re[i], d.im[i]) > 1e-1) printf(" (%g, %g)", d.re[i], d.im[i]);
            printf("\n");
        }
        ck_assert_msg(status == DMFT_OK, "%s", err.text);
        status = outlier_basis_step(b, (long)t, &state, &err);
        ck_assert_msg(status == DMFT_OK, "%s", err.text);
        if (t < 16 && _i == 2) printf("%zu: %.9f %.9f %.9f | %.9f %.9f %.9f\n", t, outlier_revealed_z(w, 0), outlier_revealed_z(w, 1), outlier_revealed_z(w, 2), state.z[0], state.z[1], state.z[2]);
        struct dense d = dense_of(&s.view);
        pairs += d.complex_first;
        double edge = r.is->variance/sqrt(r.is->psi);
        for (size_t j = 0; j < 3; j++) {
            if (isnan(outlier_revealed_z(w, j)) != isnan(state.z[j]) || isnan(state.z[j]) != (j >= d.count)) printf("%zu.%zu: %g %g %zu\n", t, j, outlier_revealed_z(w, j), state.z[j], d.count);
            else if (j < d.count) { worst = fmax(worst, fabs(outlier_revealed_root(w, j) * r.is->variance / d.root[j] - 1)); worst_b = fmax(worst_b, fabs(outlier_revealed_z(w, j)/state.z[j]-1));}
            if (j >= d.count && j < d.real && d.root[j] > 0.3 * edge) { below++; double got = outlier_revealed_root(w, j) * r.is->variance; if (isnan(got)) lost++; else worst_below = fmax(worst_below, fabs(got/d.root[j]-1)); }
            if (j >= d.real && !isnan(outlier_revealed_root(w, j)) && outlier_revealed_root(w, j) != 0.) printf("%zu.%zu invented %g\n", t, j, outlier_revealed_root(w, j));
        }
        dense_free(&d);
        total += end - start; most = fmax(most, end - start);
        before = outlier_revealed_products(w);
        free(s.M);
        learn(&r);
    }
    printf("%s: %g %g; products %ld, mean %.3f max %.3f ms; of root %.2g, (B4) %.2g; complex lead %zu; below %zu lost %zu worst %.2g\n", r.is->name, outlier_revealed_z(w, 0), outlier_revealed_z(w, 1), before, 1e3*total/(double)r.is->events, 1e3*most,
      worst, worst_b, pairs, below, lost, worst_below);
    outlier_revealed_free(w);
    outlier_basis_free(b);
    close_run(&r);
}
END_TEST

Suite *suite_revealed_outlier(void)
{
    Suite *s = suite_create("revealed_outlier");
    TCase *t = tcase_create("revealed_outlier");
    tcase_set_timeout(t, 60.0);
    tcase_add_loop_test(t, trial, 0, (int)(sizeof settings / sizeof *settings));
    suite_add_tcase(s, t);
    return s;
}
