/* Revealed operators: (C8), (B1)-(B3) of doc/theory.md and their invariants, and the law of the answers against sampled matrices. */
#include <check.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limit/limit.h"
#include "numbers.h"
#include "suites.h"

static const double tolerance = 1e-11;

/* ---- one operator between two spaces ---- */

enum { INPUTS = 3, OUTPUTS = 3 };

struct fixture {
    limit_space in, out;
    limit_operator *A;
    limit_rows phi, x, mixed_in; /* input space */
    limit_rows g, y, mixed_out;  /* output space */
    double psi, variance;
};

static void open_fixture(struct fixture *f, double variance, double psi)
{
    limit_rows *in[INPUTS] = {&f->phi, &f->x, &f->mixed_in}, *out[OUTPUTS] = {&f->g, &f->y, &f->mixed_out};
    f->psi = psi;
    f->variance = variance;
    limit_space_init(&f->in, &limit_exact);
    limit_space_init(&f->out, &limit_exact);
    ck_assert_int_eq(limit_operator_create(&f->A, &f->in, &f->out, variance, psi, tolerance, NULL), DMFT_OK);
    for (int i = 0; i < INPUTS; i++) ck_assert_int_eq(limit_field_init(in[i], &f->in, NULL), DMFT_OK);
    for (int i = 0; i < OUTPUTS; i++) ck_assert_int_eq(limit_field_init(out[i], &f->out, NULL), DMFT_OK);
}

static void close_fixture(struct fixture *f)
{
    limit_space_clear(&f->in);
    limit_space_clear(&f->out);
    limit_operator_free(f->A);
}

/* Room for a push, a pull and a fresh field on either side. */
static void reserve(struct fixture *f)
{
    ck_assert_int_eq(limit_space_reserve(&f->in, 2, NULL), DMFT_OK);
    ck_assert_int_eq(limit_space_reserve(&f->out, 2, NULL), DMFT_OK);
    ck_assert_int_eq(limit_operator_reserve(f->A, NULL), DMFT_OK);
}

static void normalise(limit_rows *a) { limit_scale(a, 1.0 / sqrt(limit_dot(a, a))); }

/* One round of a loop that depends on its own past: phi ~ .6 phi + .7 x (+ fresh), y = W phi, g ~ .5 g + .8 y (+ fresh), x = W^T g, learn;
 * phi and g of unit norm. With fresh = 0 the directions become nearly dependent, as in full-batch training. */
static void round_of_training(struct fixture *f, double fresh, double step)
{
    reserve(f);
    limit_scale(&f->phi, 0.6);
    limit_add(&f->phi, 0.7 / sqrt(f->psi), &f->x);
    if (fresh != 0.0) {
        limit_fresh(&f->mixed_in);
        limit_add(&f->phi, fresh, &f->mixed_in);
    }
    normalise(&f->phi);
    limit_push(f->A, &f->phi, &f->y);
    limit_scale(&f->g, 0.5);
    limit_add(&f->g, 0.8, &f->y);
    if (fresh != 0.0) {
        limit_fresh(&f->mixed_out);
        limit_add(&f->g, fresh, &f->mixed_out);
    }
    normalise(&f->g);
    limit_pull(f->A, &f->g, &f->x);
    if (step != 0.0) limit_learn(f->A, step);
}

static void train(struct fixture *f, int rounds, double fresh, double step)
{
    reserve(f);
    limit_fresh(&f->phi);
    limit_fresh(&f->g);
    for (int i = 0; i < rounds; i++) round_of_training(f, fresh, step);
}

/* <a_i, b_j> of rows by plain loops; the weight of the exact backend is 1. */
static double inner(const limit_rows *a, size_t i, const limit_rows *b, size_t j)
{
    const double *x = a->x + i * a->space->stride, *y = b->x + j * b->space->stride;
    double sum = 0.0;
    for (size_t k = 0; k < a->space->axes; k++) sum += x[k] * y[k];
    return sum;
}

/* ---- invariants ---- */

static void check_orthonormal(const limit_rows *E)
{
    for (size_t i = 0; i < E->count; i++)
        for (size_t j = 0; j <= i; j++) {
            double error = fabs(inner(E, i, E, j) - (i == j));
            ck_assert_msg(error <= 1e-13, "<%zu, %zu> of %zu directions is off by %.3g", i, j, E->count, error);
        }
}

/* <f_i, y_j> = <x_i, e_j>/psi, relative to the size of the answers. */
static void check_invariant(const struct limit_view *v)
{
    for (size_t i = 0; i < v->F->count; i++)
        for (size_t j = 0; j < v->E->count; j++) {
            double left = inner(v->F, i, v->Y, j), right = inner(v->X, i, v->E, j) / v->psi;
            ck_assert_msg(fabs(left - right) <= 1e-12 * sqrt(v->variance), "f_%zu, e_%zu: %.17g, %.17g", i, j, left, right);
        }
}

/* The fresh parts (C10): y_j has norm sigma outside what was known when it was asked, x_i sigma sqrt(psi), each on an axis of its own. */
static void check_fresh_norms(const struct limit_view *v)
{
    double least = INFINITY;
    for (size_t j = 0; j < v->E->count; j++) least = fmin(least, inner(v->Y, j, v->Y, j));
    ck_assert(least >= v->variance * (1.0 - 1e-12));
    least = INFINITY;
    for (size_t i = 0; i < v->F->count; i++) least = fmin(least, inner(v->X, i, v->X, i));
    ck_assert(least >= v->variance * v->psi * (1.0 - 1e-12));
}

struct setting {
    double variance, psi, fresh, step;
    int rounds;
};
static const struct setting settings[] = {{0.7, 2.385, 0.3, 0.05, 150}, {0.7, 2.385, 0.0, 0.02, 60}, {1.3, 0.3, 0.0, 0.0, 60},
                                          {0.25, 1.0, 1e-7, 0.1, 80},   {2.0, 0.5, 0.5, 0.0, 100},   {0.0, 0.5, 0.5, 0.3, 40}};
enum { SETTINGS = sizeof settings / sizeof *settings };

START_TEST(directions_stay_orthonormal_and_answers_consistent)
{
    const struct setting *s = &settings[_i];
    struct fixture f;
    open_fixture(&f, s->variance, s->psi);
    train(&f, s->rounds, s->fresh, s->step);
    struct limit_view v = limit_operator_view(f.A);
    ck_assert(v.variance == s->variance && v.psi == s->psi);
    ck_assert_uint_eq(v.E->count, limit_operator_inputs(f.A));
    ck_assert_uint_eq(v.F->count, limit_operator_outputs(f.A));
    ck_assert_uint_eq(v.E->count, v.Y->count);
    ck_assert_uint_eq(v.F->count, v.X->count);
    if (s->fresh > 1e-3) ck_assert_uint_eq(v.E->count, (size_t)s->rounds);
    check_orthonormal(v.E);
    check_orthonormal(v.F);
    check_invariant(&v);
    check_fresh_norms(&v);
    close_fixture(&f);
}
END_TEST

/* psi <g, W phi> = <W^T g, phi>, both being g.W phi/N, for new phi and g after learning; and again for ones that were met. */
START_TEST(push_and_pull_are_adjoint)
{
    const struct setting *s = &settings[_i];
    struct fixture f;
    open_fixture(&f, s->variance, s->psi);
    train(&f, s->rounds, s->fresh, s->step);
    for (int again = 0; again < 4; again++) {
        reserve(&f);
        if (again % 2 == 0) {
            limit_fresh(&f.mixed_in);
            limit_fresh(&f.mixed_out);
            limit_add(&f.phi, 1.7, &f.mixed_in);
            limit_add(&f.g, -0.9, &f.mixed_out);
        }
        limit_push(f.A, &f.phi, &f.y);
        limit_pull(f.A, &f.g, &f.x);
        double left = s->psi * limit_dot(&f.g, &f.y), right = limit_dot(&f.x, &f.phi);
        double size = sqrt(limit_dot(&f.x, &f.x) * limit_dot(&f.phi, &f.phi));
        ck_assert_msg(fabs(left - right) <= 1e-12 * size, "%.17g, %.17g", left, right);
    }
    close_fixture(&f);
}
END_TEST

/* (B3): learning changes the answers by exactly the rank-one term, on both sides. */
START_TEST(learning_adds_a_rank_one_term)
{
    struct fixture f;
    open_fixture(&f, 0.7, 2.385);
    train(&f, 40, 0.3, 0.05);
    reserve(&f);
    limit_push(f.A, &f.phi, &f.mixed_out); /* W phi and W^T g before */
    limit_pull(f.A, &f.g, &f.mixed_in);
    limit_learn(f.A, 0.37);
    double on_phi = limit_dot(&f.phi, &f.phi), on_g = limit_dot(&f.g, &f.g);
    limit_push(f.A, &f.phi, &f.y);
    limit_pull(f.A, &f.g, &f.x);
    limit_add(&f.y, -1.0, &f.mixed_out); /* step (phi.phi/N) g */
    limit_add(&f.y, -0.37 * on_phi, &f.g);
    limit_add(&f.x, -1.0, &f.mixed_in); /* step (g.g/N) phi = step psi (g.g/M) phi */
    limit_add(&f.x, -0.37 * f.psi * on_g, &f.phi);
    ck_assert_double_le(sqrt(limit_dot(&f.y, &f.y) / on_g), 1e-12 * on_phi);
    ck_assert_double_le(sqrt(limit_dot(&f.x, &f.x) / on_phi), 1e-12 * on_g);
    close_fixture(&f);
}
END_TEST

/* (B2) from what the operator shows: W phi = sum_j c_j y_j + F S c, W^T g = sum_i c_i x_i + psi E S^T c, by plain loops into `expected`. */
static void expect_push(const struct limit_view *v, const limit_rows *phi, double *expected)
{
    memset(expected, 0, v->Y->space->axes * sizeof *expected);
    for (size_t j = 0; j < v->E->count; j++) {
        double c = inner(v->E, j, phi, 0);
        for (size_t k = 0; k < v->Y->space->axes; k++) {
            expected[k] += c * v->Y->x[j * v->Y->space->stride + k];
            for (size_t i = 0; i < v->F->count; i++) expected[k] += c * v->S[i * v->stride + j] * v->F->x[i * v->F->space->stride + k];
        }
    }
}

static void expect_pull(const struct limit_view *v, const limit_rows *g, double *expected)
{
    memset(expected, 0, v->X->space->axes * sizeof *expected);
    for (size_t i = 0; i < v->F->count; i++) {
        double c = inner(v->F, i, g, 0);
        for (size_t k = 0; k < v->X->space->axes; k++) {
            expected[k] += c * v->X->x[i * v->X->space->stride + k];
            for (size_t j = 0; j < v->E->count; j++)
                expected[k] += c * v->psi * v->S[i * v->stride + j] * v->E->x[j * v->E->space->stride + k];
        }
    }
}

static void check_field(const limit_rows *field, const double *expected, const char *what, int round)
{
    double size = sqrt(limit_dot(field, field));
    for (size_t k = 0; k < field->space->axes; k++)
        ck_assert_msg(fabs(field->x[k] - expected[k]) <= 1e-12 * size, "%s in round %d, axis %zu: %.15g, by (B2) %.15g", what, round, k,
                      field->x[k], expected[k]);
}

/* The answers and what is shown for level 2 tell the same matrix after any number of updates, across all growths. */
START_TEST(answers_are_those_of_B2)
{
    static const double trained_psi[] = {0.4, 2.385}, trained_variance[] = {0.7, 0.0};
    struct fixture f;
    open_fixture(&f, trained_variance[_i / 2], trained_psi[_i % 2]);
    train(&f, 1, 0.3, 0.05);
    for (int round = 1; round < 130; round++) {
        double expected[1024];
        round_of_training(&f, 0.3, round % 2 == 0 ? -0.04 : 0.05);
        if (round > 20 && round % 9 != 0) continue;
        reserve(&f);
        ck_assert_uint_lt(f.in.stride + f.out.stride, 1024);
        limit_pull(f.A, &f.g, &f.mixed_in);
        limit_push(f.A, &f.phi, &f.mixed_out);
        struct limit_view v = limit_operator_view(f.A);
        expect_push(&v, &f.phi, expected);
        check_field(&f.mixed_out, expected, "W phi", round);
        expect_pull(&v, &f.g, expected);
        check_field(&f.mixed_in, expected, "W^T g", round);
    }
    close_fixture(&f);
}
END_TEST

/* ---- growth ---- */

/* Bit by bit: the first `rows` rows, `axes` coordinates each. */
struct snapshot {
    const limit_rows *rows;
    size_t count, axes;
    double *x;
};

static struct snapshot take(const limit_rows *rows)
{
    struct snapshot s = {.rows = rows, .count = rows->count, .axes = rows->space->axes};
    s.x = numbers(s.count * s.axes);
    for (size_t i = 0; i < s.count; i++) memcpy(s.x + i * s.axes, rows->x + i * rows->space->stride, s.axes * sizeof *s.x);
    return s;
}

static void check_kept(struct snapshot *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const double *x = s->rows->x + i * s->rows->space->stride;
        ck_assert_int_eq(memcmp(s->x + i * s->axes, x, s->axes * sizeof *x), 0);
        for (size_t k = s->axes; k < s->rows->space->axes; k++) ck_assert(x[k] == 0.0); /* no part of it on later axes */
    }
    free(s->x);
}

static double *copy_learned(const struct limit_view *v)
{
    double *S = numbers(v->F->count * v->E->count);
    for (size_t i = 0; i < v->F->count; i++) memcpy(S + i * v->E->count, v->S + i * v->stride, v->E->count * sizeof *S);
    return S;
}

START_TEST(growth_keeps_every_bit)
{
    struct fixture f;
    open_fixture(&f, 0.7, 2.385);
    limit_rows still_in, still_out; /* fields that nobody touches */
    ck_assert_int_eq(limit_field_init(&still_in, &f.in, NULL), DMFT_OK);
    ck_assert_int_eq(limit_field_init(&still_out, &f.out, NULL), DMFT_OK);
    train(&f, 14, 0.3, 0.05);
    limit_copy(&still_in, &f.phi);
    limit_copy(&still_out, &f.g);
    struct limit_view v = limit_operator_view(f.A);
    const limit_rows *all[] = {v.E, v.Y, v.F, v.X, &still_in, &still_out};
    struct snapshot kept[6];
    for (int i = 0; i < 6; i++) kept[i] = take(all[i]);
    size_t rows = v.F->count, columns = v.E->count, stride = f.in.stride;
    double *S = copy_learned(&v);
    for (int i = 0; i < 400; i++) round_of_training(&f, 0.3, 0.0);
    ck_assert_uint_gt(f.in.stride, 8 * stride);
    ck_assert_uint_eq(limit_operator_inputs(f.A), 414);
    for (int i = 0; i < 6; i++) check_kept(&kept[i]);
    v = limit_operator_view(f.A);
    for (size_t i = 0; i < v.F->count; i++)
        for (size_t j = 0; j < v.E->count; j++)
            ck_assert(v.S[i * v.stride + j] == (i < rows && j < columns ? S[i * columns + j] : 0.0));
    check_orthonormal(v.E);
    check_orthonormal(v.F);
    free(S);
    close_fixture(&f);
}
END_TEST

/* Coefficients of the last product survive the growth between it and the learning. */
START_TEST(growth_keeps_the_coefficients)
{
    struct fixture f, h;
    open_fixture(&f, 0.7, 2.385);
    open_fixture(&h, 0.7, 2.385);
    train(&f, 16, 0.3, 0.05);
    train(&h, 16, 0.3, 0.05);
    limit_learn(f.A, 0.2);
    for (int i = 0; i < 3; i++) reserve(&h);
    ck_assert_int_eq(limit_space_reserve(&h.in, 300, NULL), DMFT_OK);
    ck_assert_int_eq(limit_space_reserve(&h.out, 500, NULL), DMFT_OK);
    limit_learn(h.A, 0.2);
    reserve(&f);
    limit_push(f.A, &f.phi, &f.y);
    limit_push(h.A, &h.phi, &h.y);
    ck_assert_uint_eq(f.out.axes, h.out.axes);
    for (size_t i = 0; i < f.out.axes; i++) ck_assert_double_le(fabs(f.y.x[i] - h.y.x[i]), 1e-14);
    close_fixture(&f);
    close_fixture(&h);
}
END_TEST

/* ---- renewal, zero variance, zero vectors ---- */

START_TEST(a_renewed_operator_is_another_matrix)
{
    struct fixture f;
    open_fixture(&f, 0.7, 2.385);
    train(&f, 30, 0.3, 0.05);
    reserve(&f);
    limit_push(f.A, &f.phi, &f.y);
    limit_operator_renew(f.A);
    ck_assert_uint_eq(limit_operator_inputs(f.A), 0);
    ck_assert_uint_eq(limit_operator_outputs(f.A), 0);
    limit_push(f.A, &f.phi, &f.mixed_out); /* the same question to a matrix that knows nothing: a fresh answer */
    double size = limit_dot(&f.phi, &f.phi);
    ck_assert_double_le(fabs(limit_dot(&f.mixed_out, &f.mixed_out) / (0.7 * size) - 1.0), 1e-13);
    ck_assert(limit_dot(&f.mixed_out, &f.y) == 0.0);
    ck_assert(limit_dot(&f.mixed_out, &f.g) == 0.0);
    for (int i = 0; i < 30; i++) round_of_training(&f, 0.3, 0.05);
    struct limit_view v = limit_operator_view(f.A);
    check_orthonormal(v.E);
    check_invariant(&v);
    close_fixture(&f);
}
END_TEST

START_TEST(a_renewed_space_forgets)
{
    struct fixture f;
    open_fixture(&f, 0.7, 2.385);
    train(&f, 30, 0.3, 0.05);
    limit_operator_renew(f.A);
    limit_space_renew(&f.out);
    ck_assert_uint_eq(f.out.axes, 0);
    reserve(&f);
    limit_push(f.A, &f.phi, &f.y);
    ck_assert_uint_eq(f.out.axes, 1);
    ck_assert(limit_dot(&f.g, &f.y) == 0.0); /* what lived there is gone */
    ck_assert_double_le(fabs(limit_dot(&f.y, &f.y) / (0.7 * limit_dot(&f.phi, &f.phi)) - 1.0), 1e-13);
    close_fixture(&f);
}
END_TEST

START_TEST(zero_variance_answers_what_it_learned)
{
    struct fixture f;
    open_fixture(&f, 0.0, 0.4);
    reserve(&f);
    limit_fresh(&f.phi);
    limit_fresh(&f.g);
    limit_push(f.A, &f.phi, &f.y);
    limit_pull(f.A, &f.g, &f.x);
    ck_assert(limit_dot(&f.y, &f.y) == 0.0 && limit_dot(&f.x, &f.x) == 0.0);
    ck_assert_uint_eq(f.in.axes, 1); /* no axis was opened */
    ck_assert_uint_eq(f.out.axes, 1);
    limit_learn(f.A, 1.5);
    limit_push(f.A, &f.phi, &f.y); /* W = 1.5 g phi^T/N: W phi = 1.5 g, W^T g = 1.5 (M/N) phi */
    limit_pull(f.A, &f.g, &f.x);
    ck_assert_double_le(fabs(limit_dot(&f.y, &f.g) - 1.5), 1e-14);
    ck_assert_double_le(fabs(limit_dot(&f.y, &f.y) - 2.25), 1e-14);
    ck_assert_double_le(fabs(limit_dot(&f.x, &f.phi) - 0.6), 1e-14);
    ck_assert_double_le(fabs(limit_dot(&f.x, &f.x) - 0.36), 1e-14);
    close_fixture(&f);
}
END_TEST

START_TEST(zero_vectors_reveal_nothing)
{
    struct fixture f;
    open_fixture(&f, 0.7, 0.4);
    reserve(&f);
    limit_push(f.A, &f.phi, &f.y);
    limit_pull(f.A, &f.g, &f.x);
    limit_learn(f.A, 1.0);
    ck_assert_uint_eq(limit_operator_inputs(f.A), 0);
    ck_assert_uint_eq(limit_operator_outputs(f.A), 0);
    ck_assert(limit_dot(&f.y, &f.y) == 0.0 && limit_dot(&f.x, &f.x) == 0.0);
    close_fixture(&f);
}
END_TEST

START_TEST(a_vector_met_before_opens_no_direction)
{
    struct fixture f;
    open_fixture(&f, 0.7, 0.4);
    train(&f, 10, 0.3, 0.1);
    size_t axes = f.out.axes, met = limit_operator_inputs(f.A);
    reserve(&f);
    limit_push(f.A, &f.phi, &f.mixed_out);
    limit_push(f.A, &f.phi, &f.y);
    ck_assert_uint_eq(f.out.axes, axes);
    ck_assert_uint_eq(limit_operator_inputs(f.A), met);
    for (size_t i = 0; i < axes; i++) ck_assert(f.y.x[i] == f.mixed_out.x[i]);
    close_fixture(&f);
}
END_TEST

/* ---- the law: the same adaptive questions to exact operators and to sampled matrices ---- */

/* The vectors of the sequence, all kept. In the input space (length N) and the output space (length M). */
enum { PHI1, X1, PHI2, X2, PHI3, IN_COUNT };
enum { G0, Y1, G1, Y2, G2, Y3, OUT_COUNT };
enum { GRAM_IN = IN_COUNT * (IN_COUNT + 1) / 2, GRAM = GRAM_IN + OUT_COUNT * (OUT_COUNT + 1) / 2 };
static const double step_one = 0.5, step_two = -0.3;

/*  phi1 fresh; y1 = W phi1; g1 = y1 + .7 g0; x1 = W^T g1; phi2 = x1 - .6 phi1; learn(g1, phi1); y2 = W phi2; g2 = y2 - .4 y1 + .3 g0;
 *  x2 = W^T g2; learn(g2, phi2); phi3 = x2 + .5 x1; y3 = W phi3 */
static void exact_grams(double variance, double psi, double *gram)
{
    struct fixture f;
    limit_rows in[IN_COUNT], out[OUT_COUNT];
    open_fixture(&f, variance, psi);
    for (int i = 0; i < IN_COUNT; i++) ck_assert_int_eq(limit_field_init(&in[i], &f.in, NULL), DMFT_OK);
    for (int i = 0; i < OUT_COUNT; i++) ck_assert_int_eq(limit_field_init(&out[i], &f.out, NULL), DMFT_OK);
    reserve(&f);
    limit_fresh(&in[PHI1]);
    limit_fresh(&out[G0]);
    limit_push(f.A, &in[PHI1], &out[Y1]);
    limit_copy(&out[G1], &out[Y1]);
    limit_add(&out[G1], 0.7, &out[G0]);
    limit_pull(f.A, &out[G1], &in[X1]);
    limit_copy(&in[PHI2], &in[X1]);
    limit_add(&in[PHI2], -0.6, &in[PHI1]);
    limit_learn(f.A, step_one);
    reserve(&f);
    limit_push(f.A, &in[PHI2], &out[Y2]);
    limit_copy(&out[G2], &out[Y2]);
    limit_add(&out[G2], -0.4, &out[Y1]);
    limit_add(&out[G2], 0.3, &out[G0]);
    limit_pull(f.A, &out[G2], &in[X2]);
    limit_learn(f.A, step_two);
    limit_copy(&in[PHI3], &in[X2]);
    limit_add(&in[PHI3], 0.5, &in[X1]);
    reserve(&f);
    limit_push(f.A, &in[PHI3], &out[Y3]);
    for (int i = 0; i < IN_COUNT; i++)
        for (int j = 0; j <= i; j++) *gram++ = limit_dot(&in[i], &in[j]);
    for (int i = 0; i < OUT_COUNT; i++)
        for (int j = 0; j <= i; j++) *gram++ = limit_dot(&out[i], &out[j]);
    close_fixture(&f);
}

/* A sampled W (M x N) with the vectors asked of it. */
struct sample {
    int M, N;
    double *W, *in[IN_COUNT], *out[OUT_COUNT];
};

static void push(struct sample *s, int phi, int y)
{
    for (int i = 0; i < s->M; i++) {
        double sum = 0.0;
        for (int j = 0; j < s->N; j++) sum += s->W[i * s->N + j] * s->in[phi][j];
        s->out[y][i] = sum;
    }
}

static void pull(struct sample *s, int g, int x)
{
    memset(s->in[x], 0, (size_t)s->N * sizeof(double));
    for (int i = 0; i < s->M; i++)
        for (int j = 0; j < s->N; j++) s->in[x][j] += s->W[i * s->N + j] * s->out[g][i];
}

static void learn(struct sample *s, int g, int phi, double step)
{
    for (int i = 0; i < s->M; i++)
        for (int j = 0; j < s->N; j++) s->W[i * s->N + j] += step / s->N * s->out[g][i] * s->in[phi][j];
}

static void mix(double *to, int n, const double *a, double factor, const double *b)
{
    for (int i = 0; i < n; i++) to[i] = a[i] + factor * b[i];
}

static void ask_sample(struct sample *s)
{
    double **in = s->in, **out = s->out;
    push(s, PHI1, Y1);
    mix(out[G1], s->M, out[Y1], 0.7, out[G0]);
    pull(s, G1, X1);
    mix(in[PHI2], s->N, in[X1], -0.6, in[PHI1]);
    learn(s, G1, PHI1, step_one);
    push(s, PHI2, Y2);
    mix(out[G2], s->M, out[Y2], -0.4, out[Y1]);
    mix(out[G2], s->M, out[G2], 0.3, out[G0]);
    pull(s, G2, X2);
    learn(s, G2, PHI2, step_two);
    mix(in[PHI3], s->N, in[X2], 0.5, in[X1]);
    push(s, PHI3, Y3);
}

static double mean_product(const double *a, const double *b, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum / n;
}

/* A Gaussian vector of exactly the norm that it has in the limit: less scatter in all that follows. */
static void draw(double *x, int n, gsl_rng *rng)
{
    for (int i = 0; i < n; i++) x[i] = gsl_ran_gaussian_ziggurat(rng, 1.0);
    double size = sqrt(mean_product(x, x, n));
    for (int i = 0; i < n; i++) x[i] /= size;
}

static void sample_grams(struct sample *s, double variance, gsl_rng *rng, double *gram)
{
    double deviation = sqrt(variance / s->N);
    for (int i = 0; i < s->M * s->N; i++) s->W[i] = gsl_ran_gaussian_ziggurat(rng, deviation);
    draw(s->in[PHI1], s->N, rng);
    draw(s->out[G0], s->M, rng);
    ask_sample(s);
    for (int i = 0; i < IN_COUNT; i++)
        for (int j = 0; j <= i; j++) *gram++ = mean_product(s->in[i], s->in[j], s->N);
    for (int i = 0; i < OUT_COUNT; i++)
        for (int j = 0; j <= i; j++) *gram++ = mean_product(s->out[i], s->out[j], s->M);
}

/* Means over seeds against the exact Gram entries: 4 standard errors + C |a||b|/N, C = 4. */
static void compare_grams(const double *exact, const double *sum, const double *squares, int seeds, int N, double psi)
{
    double largest = 0.0, scatter = 0.0;
    for (int k = 0, i = 0, j = 0; k < GRAM; k++) {
        if (k == GRAM_IN) i = j = 0;
        int base = k < GRAM_IN ? 0 : GRAM_IN;
        double size = sqrt(exact[base + i * (i + 3) / 2] * exact[base + j * (j + 3) / 2]);
        double mean = sum[k] / seeds, se = sqrt(fmax(squares[k] / seeds - mean * mean, 0.0) / (seeds - 1));
        ck_assert_msg(fabs(mean - exact[k]) <= 4.0 * se + 4.0 * size / N, "psi %g, %s <%d,%d>: %.6f(%.6f), exact %.6f", psi,
                      base == 0 ? "input" : "output", i, j, mean, se, exact[k]);
        largest = fmax(largest, fabs(mean - exact[k]) / size);
        scatter = fmax(scatter, se / size);
        if (j++ == i) {
            i++;
            j = 0;
        }
    }
    printf("limit: psi %g, N %d, %d seeds, %d Gram entries: largest difference %.1e, largest standard error %.1e (of |a||b|)\n", psi, N,
           seeds, GRAM, largest, scatter);
}

static const double law_psi[] = {0.4, 1.0, 2.385}, law_variance[] = {0.8, 0.5, 0.3};

START_TEST(sampled_matrices_obey_the_same_law)
{
    enum { N = 400, SEEDS = 60 };
    double psi = law_psi[_i], variance = law_variance[_i], exact[GRAM], one[GRAM], sum[GRAM] = {0.0}, squares[GRAM] = {0.0};
    struct sample s = {.N = N, .M = (int)lround(psi * N)};
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, 7 + (unsigned long)_i);
    s.W = numbers((size_t)(s.M * s.N));
    for (int i = 0; i < IN_COUNT; i++) s.in[i] = numbers((size_t)s.N);
    for (int i = 0; i < OUT_COUNT; i++) s.out[i] = numbers((size_t)s.M);
    exact_grams(variance, (double)s.M / s.N, exact);
    for (int seed = 0; seed < SEEDS; seed++) {
        sample_grams(&s, variance, rng, one);
        for (int k = 0; k < GRAM; k++) {
            sum[k] += one[k];
            squares[k] += one[k] * one[k];
        }
    }
    compare_grams(exact, sum, squares, SEEDS, N, psi);
    gsl_rng_free(rng);
    free(s.W);
    for (int i = 0; i < IN_COUNT; i++) free(s.in[i]);
    for (int i = 0; i < OUT_COUNT; i++) free(s.out[i]);
}
END_TEST

/* ---- updates on trial ---- */

static double largest_difference(const limit_rows *a, const limit_rows *b)
{
    double most = 0.0;
    for (size_t k = 0; k < a->space->axes; k++) most = fmax(most, fabs(a->x[k] - b->x[k]));
    return most;
}

/* Answers with two updates weighed are those after both were learned, the norm is that of the sum, and without weights all is as before. */
START_TEST(test_trials)
{
    struct fixture f;
    double weight[] = {0.0, 0.7, -1.3}, step = 0.4, psi = 0.5;
    open_fixture(&f, 1.0, psi);
    train(&f, 12, 0.3, 0.2);
    ck_assert_int_eq(limit_trial_reserve(f.A, 2, NULL), DMFT_OK);
    limit_trial_keep(f.A, 1);
    round_of_training(&f, 0.3, 0.0);
    ck_assert_int_eq(limit_trial_reserve(f.A, 3, NULL), DMFT_OK);
    limit_trial_keep(f.A, 0);
    limit_trial_copy(f.A, 0, 2);
    for (int i = 0; i < 30; i++) round_of_training(&f, 0.3, 0.0); /* more room, and directions that the slots have no part in */
    reserve(&f);
    limit_push(f.A, &f.phi, &f.y);
    limit_pull(f.A, &f.g, &f.x);
    limit_copy(&f.mixed_out, &f.y);
    limit_trial_weigh(f.A, step, weight, 1, 3);
    limit_push(f.A, &f.phi, &f.y);
    ck_assert_double_gt(largest_difference(&f.y, &f.mixed_out), 1e-3);
    limit_copy(&f.mixed_out, &f.y);
    limit_pull(f.A, &f.g, &f.mixed_in);
    limit_trial_learn(f.A, step, weight, 1, 3);
    limit_push(f.A, &f.phi, &f.y);
    limit_pull(f.A, &f.g, &f.x);
    ck_assert_double_le(largest_difference(&f.y, &f.mixed_out), 1e-13);
    ck_assert_double_le(largest_difference(&f.x, &f.mixed_in), 1e-13);
    double one[] = {2.0};
    ck_assert_double_eq_tol(limit_trial_norm(f.A, one, 0, 1), 2.0, 1e-13); /* g and phi have norm 1 */
    ck_assert_double_eq_tol(limit_trial_norm(f.A, (double[]){1.0, 0.0, -1.0}, 0, 3), 0.0, 1e-13);
    close_fixture(&f);
}
END_TEST

/* A frozen operator answers to the known part of a vector, and meets nothing. */
START_TEST(test_coarse)
{
    struct fixture f;
    open_fixture(&f, 1.0, 2.0);
    train(&f, 6, 0.3, 0.2);
    reserve(&f);
    limit_push(f.A, &f.phi, &f.y);
    limit_fresh(&f.mixed_in);
    limit_add(&f.mixed_in, 1.0, &f.phi);
    size_t met = limit_operator_inputs(f.A);
    limit_coarsen(f.A, INFINITY);
    limit_push(f.A, &f.mixed_in, &f.mixed_out);
    ck_assert_uint_eq(limit_operator_inputs(f.A), met);
    ck_assert_double_le(largest_difference(&f.y, &f.mixed_out), 1e-13);
    limit_coarsen(f.A, 1.0);
    limit_push(f.A, &f.mixed_in, &f.mixed_out);
    ck_assert_uint_eq(limit_operator_inputs(f.A), met + 1);
    ck_assert_double_gt(largest_difference(&f.y, &f.mixed_out), 0.5);
    close_fixture(&f);
}
END_TEST

Suite *suite_limit(void)
{
    Suite *s = suite_create("limit");
    TCase *basis = tcase_create("basis"), *law = tcase_create("law");
    tcase_add_loop_test(basis, directions_stay_orthonormal_and_answers_consistent, 0, SETTINGS);
    tcase_add_loop_test(basis, push_and_pull_are_adjoint, 0, SETTINGS);
    tcase_add_test(basis, learning_adds_a_rank_one_term);
    tcase_add_test(basis, test_trials);
    tcase_add_test(basis, test_coarse);
    tcase_add_loop_test(basis, answers_are_those_of_B2, 0, 4);
    tcase_add_test(basis, growth_keeps_every_bit);
    tcase_add_test(basis, growth_keeps_the_coefficients);
    tcase_add_test(basis, a_renewed_operator_is_another_matrix);
    tcase_add_test(basis, a_renewed_space_forgets);
    tcase_add_test(basis, zero_variance_answers_what_it_learned);
    tcase_add_test(basis, zero_vectors_reveal_nothing);
    tcase_add_test(basis, a_vector_met_before_opens_no_direction);
    tcase_add_loop_test(law, sampled_matrices_obey_the_same_law, 0, 3);
    suite_add_tcase(s, basis);
    suite_add_tcase(s, law);
    return s;
}
