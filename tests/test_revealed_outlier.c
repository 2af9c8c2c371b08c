/* Outliers of revealed matrices in the limit, (N2) of doc/theory.md: against the basis form (B4), kernels (O1) and dense eigenproblems. */
#include <cblas.h>
#include <check.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "limit/limit.h"
#include "numbers.h"
#include "outlier/basis.h"
#include "outlier/revealed.h"
#include "state_file.h"
#include "suites.h"

enum { MOST = 128, COUNT = 3 };

static void assert_near(double value, double expected, double allowed, const char *what, long step)
{
    ck_assert_msg(fabs(value - expected) <= allowed, "%s at step %ld: %.15g, expected %.15g (difference %.2g, allowed %.2g)", what, step, value, expected,
                  fabs(value - expected), allowed);
}

/* ---- one matrix that learns from its own answers ---- */

enum { CHANNELS = 3 };

struct setting {
    const char *name;
    double variance, psi, fresh, step, sign, keep; /* every other step of a channel has weight `sign` x step; keep: of the weights, a step */
    size_t channels, events;
    size_t pairs; /* steps at least at which a complex pair or a negative eigenvalue leads */
};

struct run {
    const struct setting *is;
    limit_space in, out;
    limit_operator *A;
    limit_rows phi[CHANNELS], x[CHANNELS], noise_in, phis; /* input space; phis: all phi so far */
    limit_rows g[CHANNELS], y[CHANNELS], noise_out, gs;
    size_t in_axis[MOST], out_axis[MOST];   /* the axis that f_i opened in the input space, e_j in the output space */
    double weight[MOST];
    size_t events;
};

static void open_run(struct run *r, const struct setting *s)
{
    memset(r, 0, sizeof *r);
    r->is = s;
    limit_space_init(&r->in, &limit_exact);
    limit_space_init(&r->out, &limit_exact);
    ck_assert_int_eq(limit_operator_create(&r->A, &r->in, &r->out, s->variance, s->psi, 1e-11, NULL), DMFT_OK);
    if (s->keep < 1.0) ck_assert_int_eq(limit_operator_block(r->A, 1, 1, NULL), DMFT_OK);
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
    if (limit_operator_inputs(r->A) > met) r->out_axis[met] = axes;
}

static void pull(struct run *r, size_t c)
{
    size_t axes = r->in.axes, met = limit_operator_outputs(r->A);
    limit_pull(r->A, &r->g[c], &r->x[c]);
    if (limit_operator_outputs(r->A) > met) r->in_axis[met] = axes;
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
    if (r->is->keep < 1.0) limit_train(r->A, &step, 1, (struct limit_rule){.keep = r->is->keep, .rate = 1.0});
    else limit_learn(r->A, step);
    r->weight[r->events++] = step;
}

static double inner(const limit_rows *a, size_t i, const limit_rows *b, size_t j)
{
    const double *x = a->x + i * a->space->stride, *y = b->x + j * b->space->stride;
    double sum = 0.0;
    for (size_t k = 0; k < a->space->axes; k++) sum += x[k] * y[k];
    return sum;
}

/* ---- (N2) once more, densely and literally ---- */

struct dense {
    size_t e, f, n;
    double *XY, *re, *im; /* column-major */
    size_t count, other_first; /* outliers; whether a complex pair or a negative eigenvalue leads */
    double root[MOST];    /* real eigenvalues in falling order, of W/keep */
    size_t real;
    double size;
};

/* Real eigenvalues in falling order, those above the edge, and what leads. */
static void sort_roots(struct dense *d, double edge)
{
    double largest = 0.0, last = INFINITY;
    for (size_t i = 0; i < d->n; i++) largest = fmax(largest, hypot(d->re[i], d->im[i]));
    for (;;) {
        size_t best = d->n;
        for (size_t i = 0; i < d->n; i++)
            if (d->im[i] == 0.0 && d->re[i] > 0.0 && d->re[i] < last && (best == d->n || d->re[i] > d->re[best])) best = i;
        if (best == d->n) break;
        last = d->root[d->real++] = d->re[best];
        d->count += last > edge;
    }
    d->other_first = largest > 0.0 && (d->real == 0 || d->root[0] < 0.999 * largest);
}

static struct dense dense_of(const struct limit_view *v)
{
    struct dense d = {.e = v->E->count, .f = v->F->count};
    size_t e = d.e, f = d.f, n = d.n = e + f;
    double *X = numbers(n * n), *Y = numbers(n * n), s2 = v->variance;
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
    sort_roots(&d, s2 / sqrt(v->psi));
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

/* ---- on exact sites ---- */

static const struct setting settings[] = {
    {"one channel", 0.7, 1.0, 0.1, 0.3, 1.0, 1.0, 1, 40, 0},
    {"three that know nothing of each other", 0.7, 1.0, 0.1, 0.2, 1.0, 1.0, 3, 60, 0},
    {"wide", 0.7, 0.4, 0.1, 0.1, 1.0, 1.0, 3, 48, 0},
    {"slow and narrow", 0.7, 2.385, 0.1, 0.01, 1.0, 1.0, 3, 60, 0},
    {"signs", 0.7, 2.3, 0.3, 0.3, -0.8, 1.0, 3, 48, 3},
    {"crowded pairs", 0.7, 1.0, 0.0, 0.3, -1.0, 1.0, 2, 44, 5},
    {"none but pairs", 0.7, 1.0, 0.02, -0.3, 0.5, 1.0, 2, 40, 20},
    {"decay", 0.7, 1.0, 0.1, 0.2, 1.0, 0.93, 2, 40, 0},
    {"fast decay, wide", 1.3, 0.6, 0.2, 0.3, 1.0, 0.7, 2, 40, 0},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static outlier_revealed *new_revealed(size_t count)
{
    outlier_revealed *w = NULL;
    ck_assert_int_eq(outlier_revealed_create(&w, count, NULL), DMFT_OK);
    return w;
}

static void find(outlier_revealed *w, const struct limit_view *view, long step)
{
    dmft_error err = {.text = ""};
    int status = outlier_revealed_find(w, view, &err);
    ck_assert_msg(status == DMFT_OK, "step %ld: %s", step, err.text);
}

/* sum |x_i - s y_i| over both halves, for the better common sign. */
static double apart(const double *x, const double *y, size_t n, const double *u, const double *v, size_t m)
{
    double sum[2] = {0.0};
    for (int k = 0; k < 2; k++) {
        double sign = k == 0 ? 1.0 : -1.0;
        for (size_t i = 0; i < n; i++) sum[k] += fabs(x[i] - sign * y[i]);
        for (size_t i = 0; i < m; i++) sum[k] += fabs(u[i] - sign * v[i]);
    }
    return fmin(sum[0], sum[1]);
}

/* The largest differences of a run. */
struct worst {
    double root, below, z, overlap;
    size_t outliers, lost, pairs;
};

static void check_against_dense(const struct setting *s, const outlier_revealed *w, const struct dense *d, double keep, long t, struct worst *worst)
{
    double edge = s->variance / sqrt(s->psi);
    worst->pairs += d->other_first;
    for (size_t j = 0; j < COUNT; j++) {
        double root = outlier_revealed_root(w, j) * s->variance, z = outlier_revealed_z(w, j);
        ck_assert_msg(isnan(z) == (j >= d->count), "%s, step %ld: outlier %zu is %g, of %zu", s->name, t, j, z, d->count);
        if (j < d->count) {
            double L = d->root[j], expected = keep * sqrt((s->psi * L + s->variance) * (L + s->variance) / L);
            assert_near(z, expected, 1e-10 * expected, s->name, t);
            worst->root = fmax(worst->root, fabs(root / L - 1.0));
            worst->outliers++;
        } else if (j < d->real && d->root[j] > 0.3 * edge && isnan(root)) {
            worst->lost++; /* which is allowed, but not often */
        } else if (!isnan(root)) {
            double expected = j < d->real ? d->root[j] : 0.0;
            assert_near(root, expected, 1e-6 * edge, "below the edge", t);
            worst->below = fmax(worst->below, fabs(root - expected) / edge);
        }
    }
}

static void check_against_basis(const struct setting *s, const outlier_revealed *w, const outlier_basis *b, const struct outlier_state *state,
                                const struct limit_view *view, long t, struct worst *worst)
{
    for (size_t j = 0; j < COUNT; j++) {
        double z = outlier_revealed_z(w, j);
        ck_assert_int_eq(isnan(z), isnan(state->z[j]));
        if (isnan(z)) {
            ck_assert(outlier_revealed_left(w, j) == NULL && outlier_revealed_right(w, j) == NULL);
            ck_assert(outlier_basis_left(b, j) == NULL && outlier_basis_right(b, j) == NULL);
            continue;
        }
        assert_near(z, state->z[j], 1e-10 * z, s->name, t);
        worst->z = fmax(worst->z, fabs(z / state->z[j] - 1.0));
        double gap = z / (view->keep * sqrt(s->variance) * (1.0 + sqrt(s->psi))) - 1.0; /* to the edge and to the next outlier */
        for (size_t i = 0; i < COUNT; i++)
            if (i != j && !isnan(state->z[i])) gap = fmin(gap, fabs(state->z[i] / state->z[j] - 1.0));
        double off = apart(outlier_revealed_left(w, j), outlier_basis_left(b, j), view->F->count, outlier_revealed_right(w, j), outlier_basis_right(b, j),
                           view->E->count);
        worst->overlap = fmax(worst->overlap, off);
        assert_near(off, 0.0, 3e-9 / fmin(gap, 1.0), "overlaps", t); /* either route ends at residuals of 1e-10, in up to 120 numbers */
    }
}

/* From nothing, without the vectors of the step before. */
static void check_cold(const outlier_revealed *w, const struct limit_view *view, long t)
{
    outlier_revealed *cold = new_revealed(COUNT);
    find(cold, view, t);
    for (size_t j = 0; j < COUNT; j++) {
        double z = outlier_revealed_z(w, j);
        ck_assert_int_eq(isnan(z), isnan(outlier_revealed_z(cold, j)));
        if (!isnan(z)) assert_near(outlier_revealed_z(cold, j), z, 1e-11 * z, "cold and warm", t);
    }
    outlier_revealed_free(cold);
}

/* The Gram matrix Xi of (B4) on exact coordinates is nothing new: sigma^2 psi less psi^2 M M^T over the directions met after both. */
static void check_gram(const struct limit_view *v, long t)
{
    for (size_t i = 0; i < v->F->count; i++)
        for (size_t k = 0; k <= i; k++) {
            double xi = inner(v->X, i, v->X, k), expected = i == k ? v->variance * v->psi : 0.0;
            for (size_t j = 0; j < v->E->count; j++) {
                double both = v->psi * v->psi * v->M[i * v->stride + j] * v->M[k * v->stride + j];
                xi -= both;
                if (v->in_order[j] > v->out_order[i]) expected -= both;
            }
            assert_near(xi, expected, 1e-12, "Xi", t);
        }
}

START_TEST(against_dense_eigenvalues_and_basis)
{
    static struct run r;
    const struct setting *s = &settings[_i];
    struct worst worst = {0};
    struct outlier_state state;
    outlier_revealed *w = new_revealed(COUNT);
    outlier_basis *b = NULL;
    open_run(&r, s);
    ck_assert_int_eq(outlier_basis_create(&b, r.A, NULL, COUNT, NULL), DMFT_OK);
    for (size_t t = 0; t < s->events; t++) {
        ask(&r);
        struct limit_view view = limit_operator_view(r.A);
        find(w, &view, (long)t);
        dmft_error err = {.text = ""};
        int status = outlier_basis_step(b, (long)t, &state, &err);
        ck_assert_msg(status == DMFT_OK, "%s, step %zu: %s", s->name, t, err.text);
        struct dense d = dense_of(&view);
        check_against_dense(s, w, &d, view.keep, (long)t, &worst);
        dense_free(&d);
        check_against_basis(s, w, b, &state, &view, (long)t, &worst);
        if (t % 7 == 6) check_cold(w, &view, (long)t);
        if (t + 1 == s->events) check_gram(&view, (long)t);
        learn(&r);
    }
    printf("revealed, %s: %zu outliers, lambda^2 to %.1e, below the edge %.1e (%zu not told), basis form z to %.1e, overlaps to %.1e; %.1f products a step\n",
           s->name, worst.outliers, worst.root, worst.below, worst.lost, worst.z, worst.overlap, (double)outlier_revealed_products(w) / (double)s->events);
    ck_assert(worst.outliers > 0 || s->pairs > 0);
    ck_assert_uint_ge(worst.pairs, s->pairs);
    ck_assert_uint_le(worst.lost, 2);
    outlier_revealed_free(w);
    outlier_basis_free(b);
    close_run(&r);
}
END_TEST

/* ---- kernels ---- */

static double coordinate(const limit_rows *rows, size_t i, size_t axis) { return rows->x[i * rows->space->stride + axis]; }

/* R of vectors a to the fields of vectors b, all of which opened a direction: on the axis that direction i opened a has the response to its field
 * times `gain`, and b = sum_i k_bi x direction i. */
static double *response_of(const limit_rows *a, const size_t *axis, double gain, const limit_rows *b, const limit_rows *directions)
{
    size_t T = a->count;
    double *R = numbers(T * T), *k = numbers(T * T);
    for (size_t i = 0; i < T; i++)
        for (size_t j = 0; j <= i; j++) k[i * T + j] = inner(b, i, directions, j);
    for (size_t i = 0; i < T; i++)
        for (size_t j = i + 1; j-- > 0;) {
            double sum = coordinate(a, i, axis[j]) / gain;
            for (size_t c = j + 1; c <= i; c++) sum -= R[i * T + c] * k[c * T + j];
            R[i * T + j] = sum / k[j * T + j];
        }
    free(k);
    return R;
}

static double *correlation_of(const limit_rows *a)
{
    double *C = numbers(a->count * a->count);
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < a->count; j++) C[i * a->count + j] = inner(a, i, a, j);
    return C;
}

/* sum_i overlap_i <direction_i, vector_c> for all vectors */
static double *overlaps_of(const double *overlap, const limit_rows *directions, const limit_rows *vectors)
{
    double *x = numbers(vectors->count);
    for (size_t c = 0; c < vectors->count; c++)
        for (size_t i = 0; i < directions->count; i++) x[c] += overlap[i] * inner(directions, i, vectors, c);
    return x;
}

static const struct setting with_kernels[] = {
    {"square", 0.7, 1.0, 0.4, 0.2, 1.0, 1.0, 2, 24, 0},
    {"narrow", 0.9, 2.385, 0.5, 0.1, 1.0, 1.0, 3, 24, 0},
    {"decay", 0.7, 0.6, 0.4, 0.3, 1.0, 0.93, 2, 24, 0}, /* weights over what was left of A when they came, z times what is left now */
};

/* Largest differences so far, of z relative to it and of overlaps, and outliers seen. */
struct differences {
    double z, overlaps;
    size_t seen;
};

static void compare_with_kernels(const struct run *r, const outlier_revealed *w, const struct limit_view *view, const dmft_outliers *o, long t,
                                 const char *name, struct differences *most)
{
    size_t T = view->E->count;
    for (size_t j = 0; j < COUNT; j++) {
        double z = outlier_revealed_z(w, j), of_kernels = view->keep * dmft_outliers_z(o, j);
        ck_assert_int_eq(isnan(z), j >= dmft_outliers_count(o));
        if (isnan(z)) continue;
        assert_near(z, of_kernels, 1e-9 * z, name, t);
        double *left = overlaps_of(outlier_revealed_left(w, j), view->F, &r->gs), *right = overlaps_of(outlier_revealed_right(w, j), view->E, &r->phis);
        double off = apart(left, dmft_outliers_left(o, j), T, right, dmft_outliers_right(o, j), T);
        assert_near(off, 0.0, 1e-6, "overlaps", t); /* the common tolerance of vectors is 1e-9, over the gap */
        most->z = fmax(most->z, fabs(of_kernels / z - 1.0));
        most->overlaps = fmax(most->overlaps, off);
        most->seen++;
        free(left);
        free(right);
    }
}

START_TEST(against_kernels)
{
    static struct run r;
    const struct setting *s = &with_kernels[_i];
    double weight[MOST] = {0.0}, sigma = sqrt(s->variance);
    struct differences most = {0.0, 0.0, 0};
    outlier_revealed *w = new_revealed(COUNT);
    open_run(&r, s);
    for (size_t t = 0; t < s->events; t++) {
        ask(&r);
        struct limit_view view = limit_operator_view(r.A);
        size_t T = t + 1;
        ck_assert(view.E->count == T && view.F->count == T);
        find(w, &view, (long)t);
        double *R_phi = response_of(&r.phis, r.in_axis, sigma * sqrt(s->psi), &r.gs, view.F), *R_g = response_of(&r.gs, r.out_axis, sigma, &r.phis, view.E);
        double *C_phi = correlation_of(&r.phis), *C_g = correlation_of(&r.gs);
        dmft_kernels kernels = {.count = T, .stride = T, .C_phi = C_phi, .R_phi = R_phi, .C_g = C_g, .R_g = R_g, .weight = weight,
                                .sigma2 = s->variance, .psi = s->psi, .whole = 1};
        dmft_outliers *o = NULL;
        ck_assert_int_eq(dmft_outliers_create(&o, &kernels, COUNT, NULL), DMFT_OK);
        compare_with_kernels(&r, w, &view, o, (long)t, s->name, &most);
        dmft_outliers_free(o);
        free(R_phi);
        free(R_g);
        free(C_phi);
        free(C_g);
        learn(&r);
        double left_of_A = limit_operator_view(r.A).keep;
        weight[t] = r.weight[t] / left_of_A;
    }
    printf("revealed and kernels, %s: %zu outliers, z to %.1e, overlaps to %.1e\n", s->name, most.seen, most.z, most.overlaps);
    ck_assert_uint_gt(most.seen, 10);
    outlier_revealed_free(w);
    close_run(&r);
}
END_TEST

/* ---- limits and ends ---- */

/* Singular values of S. */
static double *singular_values(const struct limit_view *v, size_t *count)
{
    size_t e = v->E->count, f = v->F->count;
    double *S = numbers(e * f), *values = numbers(e + f);
    for (size_t i = 0; i < f; i++) memcpy(S + i * e, v->S + i * v->stride, e * sizeof *S);
    ck_assert_int_eq(LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'N', (int)f, (int)e, S, (int)e, values, NULL, (int)f, NULL, (int)e), 0);
    free(S);
    *count = e < f ? e : f;
    return values;
}

static void check_learned_part(outlier_revealed *w, const struct limit_view *view, double psi, long t)
{
    size_t n = 0;
    double *values = singular_values(view, &n);
    find(w, view, t);
    for (size_t j = 0; j < COUNT; j++) {
        if (j >= n || values[j] < 1e-6 * values[0] || values[0] == 0.0) {
            ck_assert(values[0] == 0.0 ? isnan(outlier_revealed_z(w, j)) : 1);
            continue;
        }
        assert_near(outlier_revealed_z(w, j), sqrt(psi) * values[j], 1e-12 * values[0], "singular value of what was learned", t);
        ck_assert(isinf(outlier_revealed_root(w, j)));
    }
    free(values);
}

/* Without a bulk outliers are singular values of the learned part: sigma = 0, or nothing left of A. */
START_TEST(without_a_bulk)
{
    static struct run r;
    static const struct setting s[] = {{"no variance", 0.0, 1.7, 0.3, 0.3, 1.0, 1.0, 2, 24, 0}, {"all decayed", 0.7, 0.6, 0.3, 0.3, 1.0, 1.0, 2, 24, 0}};
    outlier_revealed *w = new_revealed(COUNT);
    open_run(&r, &s[_i]);
    for (size_t t = 0; t < s[_i].events; t++) {
        ask(&r);
        struct limit_view view = limit_operator_view(r.A);
        if (_i == 1) view.keep = 0.0;
        check_learned_part(w, &view, s[_i].psi, (long)t);
        learn(&r);
    }
    outlier_revealed_free(w);
    close_run(&r);
}
END_TEST

START_TEST(nothing_met_or_learned)
{
    static struct run r;
    outlier_revealed *w = new_revealed(2);
    ck_assert(isnan(outlier_revealed_z(w, 0)) && isnan(outlier_revealed_root(w, 1)) && outlier_revealed_left(w, 0) == NULL);
    open_run(&r, &settings[0]);
    for (int met = 0; met < 3; met++) { /* no direction, one e, and one f beside it */
        ck_assert_int_eq(limit_space_reserve(&r.in, 2, NULL), DMFT_OK);
        ck_assert_int_eq(limit_space_reserve(&r.out, 2, NULL), DMFT_OK);
        if (met == 1) push(&r, 0);
        if (met == 2) pull(&r, 0);
        struct limit_view view = limit_operator_view(r.A);
        ck_assert_uint_eq(view.E->count + view.F->count, (size_t)met);
        find(w, &view, met);
        for (size_t j = 0; j < 3; j++) ck_assert(isnan(outlier_revealed_z(w, j)) && outlier_revealed_right(w, j) == NULL);
        ck_assert(outlier_revealed_root(w, 0) == 0.0);
    }
    outlier_revealed_free(w);
    close_run(&r);
}
END_TEST

/* ---- memory of the search ---- */

static int same_bits(const outlier_revealed *a, const outlier_revealed *b, const struct limit_view *view)
{
    for (size_t j = 0; j < COUNT; j++) {
        double za = outlier_revealed_z(a, j), zb = outlier_revealed_z(b, j), ra = outlier_revealed_root(a, j), rb = outlier_revealed_root(b, j);
        if (memcmp(&za, &zb, sizeof za) != 0 || memcmp(&ra, &rb, sizeof ra) != 0) return 0;
        const double *left[] = {outlier_revealed_left(a, j), outlier_revealed_left(b, j)}, *right[] = {outlier_revealed_right(a, j), outlier_revealed_right(b, j)};
        if ((left[0] == NULL) != (left[1] == NULL)) return 0;
        if (left[0] == NULL) continue;
        if (memcmp(left[0], left[1], view->F->count * sizeof(double)) != 0 || memcmp(right[0], right[1], view->E->count * sizeof(double)) != 0) return 0;
    }
    return 1;
}

static outlier_revealed *through_a_file(outlier_revealed *w)
{
    outlier_revealed *read = new_revealed(COUNT);
    archive *a = begin_writing();
    outlier_revealed_transfer(w, a);
    a = begin_reading(a);
    outlier_revealed_transfer(read, a);
    end_reading(a);
    return read;
}

/* Continued from a file the search gives every bit. */
START_TEST(continued_from_a_file)
{
    static struct run r;
    const struct setting *s = &settings[_i];
    outlier_revealed *w = new_revealed(COUNT), *whole = new_revealed(COUNT);
    open_run(&r, s);
    for (size_t t = 0; t < s->events; t++) {
        ask(&r);
        struct limit_view view = limit_operator_view(r.A);
        find(whole, &view, (long)t);
        find(w, &view, (long)t);
        ck_assert_msg(same_bits(w, whole, &view), "step %zu", t);
        if (t % 9 == 3) {
            outlier_revealed *read = through_a_file(w);
            ck_assert(same_bits(w, read, &view));
            outlier_revealed_free(w);
            w = read;
        }
        learn(&r);
    }
    close_run(&r);
    outlier_revealed_free(w);
    outlier_revealed_free(whole);
}
END_TEST

/* ---- on sampled sites ---- */

enum { SITES = 80, STEPS = 14, NETWORKS = 100 }; /* few sites, so that the directions are a good part of them */

/* One matrix of width S with nonlinear questions: phi = tanh(u + 1.5 x), g = tanh(v + 1.5 y). */
struct sampled {
    limit_space in, out;
    limit_operator *A;
    limit_rows u, x, phi, v, y, g;
    struct random_stream rest;
};

static void open_sampled(struct sampled *r, uint64_t seed)
{
    struct limit_sampling in = {.sites = SITES, .stream = random_start(seed, 0, 1)}, out = {.sites = SITES, .stream = random_start(seed, 0, 2)};
    limit_rows *of_in[] = {&r->u, &r->x, &r->phi}, *of_out[] = {&r->v, &r->y, &r->g};
    ck_assert_int_eq(limit_space_init_sampled(&r->in, &in, NULL), DMFT_OK);
    ck_assert_int_eq(limit_space_init_sampled(&r->out, &out, NULL), DMFT_OK);
    ck_assert_int_eq(limit_operator_create(&r->A, &r->in, &r->out, 0.8, 1.0, 1e-6, NULL), DMFT_OK);
    ck_assert_int_eq(limit_operator_block(r->A, 1, 1, NULL), DMFT_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(limit_field_init(of_in[i], &r->in, NULL), DMFT_OK);
        ck_assert_int_eq(limit_field_init(of_out[i], &r->out, NULL), DMFT_OK);
    }
    ck_assert_int_eq(limit_space_reserve(&r->in, 1, NULL), DMFT_OK);
    ck_assert_int_eq(limit_space_reserve(&r->out, 1, NULL), DMFT_OK);
    limit_fresh(&r->u);
    limit_fresh(&r->v);
    r->rest = random_start(seed, 0, 3);
}

static void bend(limit_rows *out, const limit_rows *a, const limit_rows *b)
{
    for (size_t i = 0; i < SITES; i++) out->x[i] = tanh(a->x[i] + 1.5 * b->x[i]);
}

static void train_sampled(struct sampled *r)
{
    double step = 0.2;
    for (int t = 0; t < STEPS; t++) {
        ck_assert_int_eq(limit_space_reserve(&r->in, 1, NULL), DMFT_OK);
        ck_assert_int_eq(limit_space_reserve(&r->out, 1, NULL), DMFT_OK);
        ck_assert_int_eq(limit_operator_reserve(r->A, NULL), DMFT_OK);
        bend(&r->phi, &r->u, &r->x);
        limit_push(r->A, &r->phi, &r->y);
        bend(&r->g, &r->v, &r->y);
        limit_pull(r->A, &r->g, &r->x);
        limit_train(r->A, &step, 1, (struct limit_rule){.keep = 0.98, .rate = 1.0});
    }
}

/* W += factor sum_ij c_ij a_i b_j^T with c = 1 for i = j where `c` is NULL. */
static void add_outer(double *W, double factor, const limit_rows *a, const double *c, size_t c_stride, const limit_rows *b)
{
    size_t n = a->count, m = b->count;
    double *cb = numbers(n * SITES);
    for (size_t i = 0; i < n; i++) {
        if (c == NULL) memcpy(cb + i * SITES, b->x + i * b->space->stride, SITES * sizeof *cb);
        for (size_t j = 0; c != NULL && j < m; j++) cblas_daxpy(SITES, c[i * c_stride + j], b->x + j * b->space->stride, 1, cb + i * SITES, 1);
    }
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, SITES, SITES, (int)n, factor / SITES, a->x, (int)a->space->stride, cb, SITES, 1.0, W, SITES);
    free(cb);
}

/* Takes the rows' span out of the rows of W, or of W^T. */
static void project_out(double *W, const limit_rows *unit, int of_columns)
{
    int n = (int)unit->count, stride = (int)unit->space->stride;
    double *c = numbers((size_t)n * SITES);
    if (of_columns) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, SITES, SITES, 1.0 / SITES, unit->x, stride, W, SITES, 0.0, c, SITES);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, SITES, SITES, n, -1.0, unit->x, stride, c, SITES, 1.0, W, SITES);
    } else {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, SITES, n, SITES, 1.0 / SITES, W, SITES, unit->x, stride, 0.0, c, n);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SITES, SITES, n, -1.0, c, n, unit->x, stride, 1.0, W, SITES);
    }
    free(c);
}

/* The largest singular value of the width-S matrix, its unrevealed rest drawn, and its overlaps with the last g and phi. */
static double dense_outlier(struct sampled *r, double overlap[2])
{
    struct limit_view v = limit_operator_view(r->A);
    double *W = numbers(SITES * SITES), *values = numbers(SITES), *left = numbers(SITES * SITES), *right = numbers(SITES * SITES);
    random_gaussians(&r->rest, v.keep * sqrt(v.variance / SITES), SITES * SITES, W);
    project_out(W, v.F, 1);
    project_out(W, v.E, 0);
    add_outer(W, v.keep, v.Y, NULL, 0, v.E);
    add_outer(W, v.keep, v.F, NULL, 0, v.X);
    add_outer(W, -v.keep, v.F, v.M, v.stride, v.E);
    add_outer(W, 1.0, v.F, v.S, v.stride, v.E);
    ck_assert_int_eq(LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'A', SITES, SITES, W, SITES, values, left, SITES, right, SITES), 0);
    double z = values[0], on_g = cblas_ddot(SITES, left, SITES, r->g.x, 1) / sqrt(SITES), on_phi = cblas_ddot(SITES, right, 1, r->phi.x, 1) / sqrt(SITES);
    overlap[0] = on_g * on_g;
    overlap[1] = on_phi * on_phi;
    free(W);
    free(values);
    free(left);
    free(right);
    return z;
}

/* (sum_i c_i overlap_i)^2 with the coefficients of the last question. */
static double overlap_with(const double *overlap, const double *c, size_t n)
{
    double sum = cblas_ddot((int)n, overlap, 1, c, 1);
    return sum * sum;
}

static void note_difference(double moments[2], double difference)
{
    moments[0] += difference / NETWORKS;
    moments[1] += difference * difference / NETWORKS;
}

/* Mean of differences in standard errors, with `allowed` of bias. */
static void check_mean(const double moments[2], double allowed, const char *what)
{
    double se = sqrt((moments[1] - moments[0] * moments[0]) / (NETWORKS - 1));
    printf("  %s: mean %.5f(%.5f), rms %.5f\n", what, moments[0], se, sqrt(moments[1]));
    ck_assert_msg(fabs(moments[0]) <= 4.0 * se + allowed, "%s: %.5f, standard error %.5f", what, moments[0], se);
}

/* The width-S matrix itself against (B4), which knows its sites, and (N2), which is about the limit. */
START_TEST(sampled_matrices)
{
    double basis[2] = {0.0}, limit[2] = {0.0}, left[2] = {0.0}, right[2] = {0.0}, left_limit[2] = {0.0};
    for (uint64_t seed = 0; seed < NETWORKS; seed++) {
        struct sampled r;
        struct outlier_state state;
        outlier_basis *b = NULL;
        outlier_revealed *w = new_revealed(1);
        double overlap[2];
        open_sampled(&r, seed);
        ck_assert_int_eq(outlier_basis_create(&b, r.A, NULL, 1, NULL), DMFT_OK);
        train_sampled(&r);
        ck_assert_int_eq(outlier_basis_step(b, STEPS, &state, NULL), DMFT_OK);
        struct limit_view v = limit_operator_view(r.A);
        find(w, &v, STEPS);
        double z = dense_outlier(&r, overlap);
        ck_assert(!isnan(state.z[0]) && !isnan(outlier_revealed_z(w, 0)));
        note_difference(basis, z - state.z[0]);
        note_difference(limit, z - outlier_revealed_z(w, 0));
        note_difference(left, overlap[0] - overlap_with(outlier_basis_left(b, 0), v.c_out, v.F->count));
        note_difference(right, overlap[1] - overlap_with(outlier_basis_right(b, 0), v.c_in, v.E->count));
        note_difference(left_limit, overlap[0] - overlap_with(outlier_revealed_left(w, 0), v.c_out, v.F->count));
        if (seed == 0) printf("revealed, %d sites: z %.4f, overlaps with g %.4f, with phi %.4f, k %zu %zu\n", SITES, z, overlap[0], overlap[1], v.E->count, v.F->count);
        outlier_basis_free(b);
        outlier_revealed_free(w);
        limit_space_clear(&r.in);
        limit_space_clear(&r.out);
        limit_operator_free(r.A);
    }
    check_mean(basis, 0.0, "dense - (B4), z");
    ck_assert_msg(basis[1] < 0.1 * limit[1], "(B4) is no better for that matrix than (N2): rms %.5f, %.5f", sqrt(basis[1]), sqrt(limit[1]));
    check_mean(limit, 3.0 / SITES, /* z/S: what the law of width S and the limit are apart */
               "dense - (N2), z");
    check_mean(left, 0.0, "dense - (B5), overlap with g");
    check_mean(right, 0.0, "dense - (B5), overlap with phi");
    check_mean(left_limit, 1.0 / SITES, "dense - (N2), overlap with g");
}
END_TEST

Suite *suite_revealed_outlier(void)
{
    Suite *s = suite_create("revealed_outlier");
    TCase *t = tcase_create("revealed_outlier");
    tcase_add_loop_test(t, against_dense_eigenvalues_and_basis, 0, SETTINGS);
    tcase_add_loop_test(t, against_kernels, 0, (int)(sizeof with_kernels / sizeof *with_kernels));
    tcase_add_loop_test(t, without_a_bulk, 0, 2);
    tcase_add_test(t, nothing_met_or_learned);
    tcase_add_loop_test(t, continued_from_a_file, 0, 3);
    tcase_add_test(t, sampled_matrices);
    suite_add_tcase(s, t);
    return s;
}
