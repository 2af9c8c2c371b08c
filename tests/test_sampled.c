/* Operators in blocks and sampled sites: blocks against single vectors, training against a dense matrix, (N4) and (N5) of doc/theory.md, the law of the
 * answers against dense matrices, and checkpoints. Tests of single vectors in exact coordinates stand in test_limit.c. */
#include <check.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limit/limit.h"
#include "base/sobol.h"
#include "numbers.h"
#include "state_file.h"
#include "suites.h"

static const double tolerance = 1e-11;

/* ---- a linear loop that depends on its own past, with several vectors a step ---- */

enum { INPUTS = 3, OUTPUTS = 2, ROUNDS = 7, MOST_AXES = 128 };

struct world {
    limit_space in, out;
    limit_operator *A;
    limit_rows phi, x; /* input space: INPUTS and OUTPUTS rows */
    limit_rows g, y;   /* output space: OUTPUTS and INPUTS rows */
    double variance, psi;
};

struct kind {
    size_t in, out; /* sites; 0: exact coordinates */
    int sobol, moment_matching; /* matched: linear too */
};

static struct limit_sampling sampling_of(const struct kind *k, size_t sites, uint64_t seed, uint64_t purpose)
{
    return (struct limit_sampling){
        .sites = sites, .stream = random_start(seed, 5, purpose), .sobol = k->sobol, .moment_matching = k->moment_matching, .linear = k->moment_matching};
}

static void open_space(limit_space *space, const struct kind *k, size_t sites, uint64_t seed, uint64_t purpose)
{
    struct limit_sampling s = sampling_of(k, sites, seed, purpose);
    if (sites == 0) limit_space_init(space, &limit_exact);
    else ck_assert_int_eq(limit_space_init_sampled(space, &s, NULL), DMFT_OK);
}

static void room(struct world *w)
{
    ck_assert_int_eq(limit_space_reserve(&w->in, INPUTS + OUTPUTS, NULL), DMFT_OK);
    ck_assert_int_eq(limit_space_reserve(&w->out, INPUTS + OUTPUTS, NULL), DMFT_OK);
    ck_assert_int_eq(limit_operator_reserve(w->A, NULL), DMFT_OK);
}

static void rows_of(limit_rows *rows, limit_space *space, size_t count)
{
    ck_assert_int_eq(limit_rows_init(rows, space, count, NULL), DMFT_OK);
    rows->count = count;
}

static void open_world(struct world *w, struct kind k, double variance, double psi, uint64_t seed)
{
    *w = (struct world){.variance = variance, .psi = psi};
    open_space(&w->in, &k, k.in, seed, 1);
    open_space(&w->out, &k, k.out, seed, 2);
    ck_assert_int_eq(limit_operator_create(&w->A, &w->in, &w->out, variance, psi, tolerance, NULL), DMFT_OK);
    ck_assert_int_eq(limit_operator_block(w->A, INPUTS, OUTPUTS, NULL), DMFT_OK);
    rows_of(&w->phi, &w->in, INPUTS);
    rows_of(&w->x, &w->in, OUTPUTS);
    rows_of(&w->g, &w->out, OUTPUTS);
    rows_of(&w->y, &w->out, INPUTS);
    room(w);
    limit_fresh(&w->phi);
    limit_fresh(&w->g);
}

static void close_world(struct world *w)
{
    limit_space_clear(&w->in);
    limit_space_clear(&w->out);
    limit_operator_free(w->A);
}

static double *row(const limit_rows *a, size_t i) { return a->x + i * a->space->stride; }

/* Each step brings as many new inputs as there were outputs asked. */
static const size_t all_inputs = INPUTS + (ROUNDS - 1) * OUTPUTS;

/* <a_i, b_j> by plain loops. */
static double inner(const limit_rows *a, size_t i, const limit_rows *b, size_t j)
{
    const double *x = row(a, i), *y = row(b, j);
    double sum = 0.0, sites = a->space->backend == &limit_exact ? 1.0 : (double)a->space->axes;
    for (size_t k = 0; k < a->space->axes; k++) sum += x[k] * y[k];
    return sum / sites;
}

/* Some number between -1 and 1 that has no pattern. */
static double coefficient(size_t i, size_t j, int t) { return sin(1.0 + 2.3 * (double)i + 5.1 * (double)j + 0.77 * t); }

/* a_i <- own a_i + other sum_j coefficient b_j, of norm 1. */
static void blend(limit_rows *a, double own, double other, const limit_rows *b, int t)
{
    for (size_t i = 0; i < a->count; i++) {
        double *to = row(a, i);
        for (size_t k = 0; k < a->space->axes; k++) to[k] *= own;
        for (size_t j = 0; j < b->count; j++)
            for (size_t k = 0; k < a->space->axes; k++) to[k] += other * coefficient(i, j, t) * row(b, j)[k];
        double size = sqrt(inner(a, i, a, i));
        for (size_t k = 0; k < a->space->axes; k++) to[k] /= size;
    }
}

static struct limit_rule rule_of(int t) { return (struct limit_rule){.momentum = 0.6, .keep = 0.97, .rate = 1.0 + 0.3 * (t % 3)}; }

static void weights_of(int t, double *weight)
{
    for (size_t i = 0; i < OUTPUTS; i++)
        for (size_t j = 0; j < INPUTS; j++) weight[i * INPUTS + j] = 0.4 * coefficient(j, i + 7, t);
}

static void ask(struct world *w)
{
    room(w);
    limit_push(w->A, &w->phi, &w->y);
    limit_pull(w->A, &w->g, &w->x);
}

static void step(struct world *w, int t)
{
    double weight[OUTPUTS * INPUTS];
    weights_of(t, weight);
    ask(w);
    limit_train(w->A, weight, INPUTS, rule_of(t));
    blend(&w->phi, 0.5, 0.6, &w->x, t);
    blend(&w->g, 0.4, 0.7, &w->y, t + 50);
}

static const struct kind exact = {0}, sites = {.in = 80, .out = 40}, matched = {.in = 250, .out = 250, .moment_matching = 1},
                         matched_sobol = {.in = 250, .out = 250, .sobol = 1, .moment_matching = 1};

/* ---- blocks ---- */

/* The same questions a vector at a time, and the same updates one after another, to an operator without a block. */
static void single_step(struct world *w, limit_operator *single, limit_rows *one_in, limit_rows *one_out, int t)
{
    double weight[OUTPUTS * INPUTS];
    weights_of(t, weight);
    room(w);
    for (size_t i = 0; i < INPUTS; i++) {
        ck_assert_int_eq(limit_operator_reserve(single, NULL), DMFT_OK);
        limit_put(one_in, 0, &w->phi, i);
        limit_push(single, one_in, one_out);
        limit_put(&w->y, i, one_out, 0);
    }
    for (size_t i = 0; i < OUTPUTS; i++) {
        ck_assert_int_eq(limit_operator_reserve(single, NULL), DMFT_OK);
        limit_put(one_out, 0, &w->g, i);
        limit_pull(single, one_out, one_in);
        limit_put(&w->x, i, one_in, 0);
    }
    for (size_t i = 0; i < OUTPUTS; i++)
        for (size_t j = 0; j < INPUTS; j++) {
            limit_put(one_out, 0, &w->g, i);
            limit_pull(single, one_out, one_in);
            limit_put(one_in, 0, &w->phi, j);
            limit_push(single, one_in, one_out);
            limit_learn(single, weight[i * INPUTS + j]);
        }
    blend(&w->phi, 0.5, 0.6, &w->x, t);
    blend(&w->g, 0.4, 0.7, &w->y, t + 50);
}

static double distance(const limit_rows *a, const limit_rows *b)
{
    double most = 0.0;
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_uint_eq(a->space->axes, b->space->axes);
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < a->space->axes; k++) most = fmax(most, fabs(row(a, i)[k] - row(b, i)[k]));
    return most;
}

START_TEST(blocks_are_vectors_one_after_another)
{
    struct kind k = _i == 0 ? exact : sites;
    struct world w, v;
    limit_operator *single;
    limit_rows one_in, one_out;
    open_world(&w, k, 0.8, 0.5, 3);
    open_world(&v, k, 0.8, 0.5, 3);
    ck_assert_int_eq(limit_operator_create(&single, &v.in, &v.out, 0.8, 0.5, tolerance, NULL), DMFT_OK);
    rows_of(&one_in, &v.in, 1);
    rows_of(&one_out, &v.out, 1);
    for (int t = 0; t < ROUNDS; t++) {
        double weight[OUTPUTS * INPUTS];
        weights_of(t, weight);
        ask(&w);
        limit_train(w.A, weight, INPUTS, (struct limit_rule){0.0, 1.0, 1.0});
        blend(&w.phi, 0.5, 0.6, &w.x, t);
        blend(&w.g, 0.4, 0.7, &w.y, t + 50);
        single_step(&v, single, &one_in, &one_out, t);
        ck_assert_double_le(fmax(distance(&w.y, &v.y), distance(&w.x, &v.x)), 1e-12);
        ck_assert_uint_eq(limit_operator_inputs(w.A), limit_operator_inputs(single));
        ck_assert_uint_eq(limit_operator_outputs(w.A), limit_operator_outputs(single));
    }
    ck_assert_uint_eq(limit_operator_inputs(w.A), all_inputs);
    close_world(&w);
    close_world(&v);
    limit_operator_free(single); /* after the spaces, which hold its rows */
}
END_TEST

/* Within a block: a vector that repeats an earlier one, or lies in the span of earlier ones, opens nothing; a zero one neither. */
START_TEST(a_block_meets_each_direction_once)
{
    struct world w;
    open_world(&w, _i == 0 ? exact : sites, 0.8, 0.5, 3);
    limit_put(&w.phi, 1, &w.phi, 0);
    for (size_t k = 0; k < w.in.axes; k++) row(&w.phi, 1)[k] *= -2.5;
    memset(row(&w.g, 0), 0, w.out.stride * sizeof(double));
    ask(&w);
    ck_assert_uint_eq(limit_operator_inputs(w.A), 2);
    ck_assert_uint_eq(limit_operator_outputs(w.A), 1);
    for (size_t k = 0; k < w.out.axes; k++) ck_assert_double_le(fabs(row(&w.y, 1)[k] + 2.5 * row(&w.y, 0)[k]), 1e-13);
    for (size_t k = 0; k < w.in.axes; k++) ck_assert(row(&w.x, 0)[k] == 0.0);
    limit_combine(&w.phi, 1e-6, (double[]){0.0, 0.0, 1.0}, &w.phi, 0, 3); /* phi_0 + 1e-6 phi_2: both known */
    ask(&w);
    ck_assert_uint_eq(limit_operator_inputs(w.A), 2);
    close_world(&w);
}
END_TEST

static void check_orthonormal(const limit_rows *E)
{
    for (size_t i = 0; i < E->count; i++)
        for (size_t j = 0; j <= i; j++) ck_assert_double_le(fabs(inner(E, i, E, j) - (i == j)), 1e-13);
}

/* Nearly dependent blocks, the residuals 1e-7, 1e-9 of the vectors. */
START_TEST(nearly_dependent_blocks_stay_orthonormal)
{
    struct world w;
    open_world(&w, _i == 0 ? exact : sites, 0.8, 0.5, 3);
    limit_rows noise;
    rows_of(&noise, &w.in, INPUTS);
    for (int t = 0; t < 5; t++) {
        room(&w);
        limit_fresh(&noise);
        for (size_t i = 0; i < INPUTS; i++) {
            if (i > 0) limit_put(&w.phi, i, &w.phi, 0);
            double size = i == 1 ? 1e-7 : 1e-9;
            for (size_t k = 0; k < w.in.axes; k++) row(&w.phi, i)[k] += size * row(&noise, i)[k];
        }
        limit_push(w.A, &w.phi, &w.y);
        limit_pull(w.A, &w.g, &w.x);
        blend(&w.g, 0.4, 0.7, &w.y, t);
    }
    struct limit_view v = limit_operator_view(w.A);
    ck_assert_uint_eq(v.E->count, 15);
    check_orthonormal(v.E);
    check_orthonormal(v.F);
    for (size_t i = 0; i < v.F->count; i++)
        for (size_t j = 0; j < v.E->count; j++) ck_assert_double_le(fabs(inner(v.F, i, v.Y, j) - inner(v.X, i, v.E, j) / v.psi), 1e-12);
    close_world(&w);
}
END_TEST

/* A loop through tanh, whose directions become nearly dependent in time and within a block, as those of a trained network do. */
START_TEST(directions_of_a_nonlinear_loop_stay_orthonormal)
{
    struct kind k = {.in = 400, .out = 400};
    struct world w;
    open_world(&w, k, 1.2, 1.0, 5);
    for (int t = 0; t < 40; t++) {
        double weight[OUTPUTS * INPUTS];
        weights_of(0, weight);
        ask(&w);
        limit_train(w.A, weight, INPUTS, (struct limit_rule){0.0, 1.0, 0.05});
        for (size_t i = 0; i < INPUTS; i++) /* one field and a bit of each of the others */
            for (size_t p = 0; p < w.in.axes; p++) row(&w.phi, i)[p] = tanh(row(&w.x, 0)[p] + 1e-3 * (double)i * row(&w.x, 1)[p] + 0.2 * row(&w.phi, 0)[p]);
        for (size_t i = 0; i < OUTPUTS; i++)
            for (size_t p = 0; p < w.out.axes; p++) row(&w.g, i)[p] = tanh(row(&w.y, 0)[p] + 1e-2 * (double)i * row(&w.y, 1)[p]);
    }
    struct limit_view v = limit_operator_view(w.A);
    ck_assert_uint_gt(v.E->count, 60);
    check_orthonormal(v.E);
    check_orthonormal(v.F);
    for (size_t i = 0; i < v.F->count; i++)
        for (size_t j = 0; j < v.E->count; j++) ck_assert_double_le(fabs(v.M[i * v.stride + j] - inner(v.X, i, v.E, j)), 1e-12);
    close_world(&w);
}
END_TEST

/* ---- training ---- */

/* W = keep A + L/N with L in coordinates, as full matrices. */
struct dense {
    double keep, *L, *m;
};

/* L and m after a step; the axes that open later find zeros. */
static void train_dense(struct dense *d, const struct world *w, const double *weight, struct limit_rule rule)
{
    for (size_t p = 0; p < w->out.axes; p++)
        for (size_t q = 0; q < w->in.axes; q++) {
            double G = 0.0, *m = &d->m[p * MOST_AXES + q], *L = &d->L[p * MOST_AXES + q];
            for (size_t i = 0; i < OUTPUTS; i++)
                for (size_t j = 0; j < INPUTS; j++) G += row(&w->g, i)[p] * weight[i * INPUTS + j] * row(&w->phi, j)[q];
            *m = rule.momentum * *m + G;
            *L = rule.keep * *L + rule.rate * *m;
        }
    d->keep *= rule.keep;
}

/* The answers to every row against keep A + L by plain loops. Coordinate sums turn into averages of the site through <.,.> of the exact backend, or a
 * factor 1/sites. */
static void check_dense(const struct dense *d, const struct world *w)
{
    struct limit_view v = limit_operator_view(w->A);
    double in_weight = w->in.backend == &limit_exact ? 1.0 : 1.0 / (double)w->in.axes;
    double out_weight = w->out.backend == &limit_exact ? 1.0 : 1.0 / (double)w->out.axes;
    for (size_t a = 0; a < INPUTS; a++)
        for (size_t p = 0; p < w->out.axes; p++) {
            double sum = 0.0;
            for (size_t j = 0; j < v.E->count; j++) sum += d->keep * inner(v.E, j, &w->phi, a) * row(v.Y, j)[p];
            for (size_t q = 0; q < w->in.axes; q++) sum += in_weight * d->L[p * MOST_AXES + q] * row(&w->phi, a)[q];
            ck_assert_double_le(fabs(row(&w->y, a)[p] - sum), 2e-12);
        }
    for (size_t b = 0; b < OUTPUTS; b++)
        for (size_t q = 0; q < w->in.axes; q++) {
            double sum = 0.0;
            for (size_t i = 0; i < v.F->count; i++) sum += d->keep * inner(v.F, i, &w->g, b) * row(v.X, i)[q];
            for (size_t p = 0; p < w->out.axes; p++) sum += w->psi * out_weight * d->L[p * MOST_AXES + q] * row(&w->g, b)[p];
            ck_assert_double_le(fabs(row(&w->x, b)[q] - sum), 2e-12);
        }
}

START_TEST(training_is_that_of_a_dense_matrix)
{
    struct world w;
    struct dense d = {.keep = 1.0, .L = numbers(MOST_AXES * MOST_AXES), .m = numbers(MOST_AXES * MOST_AXES)};
    open_world(&w, _i == 0 ? exact : sites, 0.8, 0.5, 11);
    for (int t = 0; t < ROUNDS; t++) {
        double weight[OUTPUTS * INPUTS];
        weights_of(t, weight);
        ask(&w);
        ck_assert_uint_le(w.in.axes, MOST_AXES);
        ck_assert_uint_le(w.out.axes, MOST_AXES);
        check_dense(&d, &w);
        limit_train(w.A, weight, INPUTS, rule_of(t));
        train_dense(&d, &w, weight, rule_of(t));
        blend(&w.phi, 0.5, 0.6, &w.x, t);
        blend(&w.g, 0.4, 0.7, &w.y, t + 50);
    }
    ask(&w);
    check_dense(&d, &w);
    ck_assert_double_eq_tol(limit_operator_view(w.A).keep, pow(0.97, ROUNDS), 1e-14);
    free(d.L);
    free(d.m);
    close_world(&w);
}
END_TEST

/* psi <g, W phi> = <W^T g, phi>, both being g.W phi/N. */
START_TEST(push_and_pull_are_adjoint)
{
    struct world w;
    open_world(&w, _i == 0 ? exact : sites, 0.8, 0.5, 4);
    for (int t = 0; t < ROUNDS; t++) {
        step(&w, t);
        ask(&w);
        for (size_t i = 0; i < OUTPUTS; i++)
            for (size_t j = 0; j < INPUTS; j++)
                ck_assert_double_le(fabs(w.psi * inner(&w.g, i, &w.y, j) - inner(&w.x, i, &w.phi, j)), 1e-12);
    }
    close_world(&w);
}
END_TEST

/* M, and when directions were met: one question after another in turn, so that the order is known. */
START_TEST(what_an_operator_knows)
{
    struct world w;
    open_world(&w, _i == 0 ? exact : sites, 0.8, 0.5, 6);
    for (int t = 0; t < ROUNDS; t++) step(&w, t);
    struct limit_view v = limit_operator_view(w.A);
    ck_assert_uint_eq(v.E->count, all_inputs);
    ck_assert_uint_eq(v.F->count, OUTPUTS * ROUNDS);
    for (size_t i = 0; i < v.F->count; i++)
        for (size_t j = 0; j < v.E->count; j++) ck_assert_double_le(fabs(v.M[i * v.stride + j] - inner(v.F, i, v.Y, j)), 1e-13);
    for (size_t n = 0; n < v.E->count + v.F->count; n++) { /* 3 inputs and 2 outputs, then 2 and 2 a step */
        size_t later = n < INPUTS + OUTPUTS ? 0 : (n - INPUTS - OUTPUTS) / (2 * OUTPUTS), place = n - INPUTS - OUTPUTS - 2 * OUTPUTS * later;
        if (n < INPUTS) ck_assert_uint_eq(v.in_order[n], n);
        else if (n < INPUTS + OUTPUTS) ck_assert_uint_eq(v.out_order[n - INPUTS], n);
        else if (place < OUTPUTS) ck_assert_uint_eq(v.in_order[INPUTS + OUTPUTS * later + place], n);
        else ck_assert_uint_eq(v.out_order[OUTPUTS * later + place], n);
    }
    ask(&w);
    v = limit_operator_view(w.A);
    for (size_t a = 0; a < INPUTS; a++)
        for (size_t j = 0; j < v.E->count; j++) ck_assert_double_le(fabs(v.c_in[a * v.c_stride + j] - inner(v.E, j, &w.phi, a)), 1e-13);
    for (size_t b = 0; b < OUTPUTS; b++)
        for (size_t i = 0; i < v.F->count; i++) ck_assert_double_le(fabs(v.c_out[b * v.c_stride + i] - inner(v.F, i, &w.g, b)), 1e-13);
    close_world(&w);
}
END_TEST

/* ---- what is drawn ---- */

/* (N5): in each coordinate one point a cell, for every power of two; scramblings differ, and the same stream gives the same one. */
START_TEST(scrambled_sets_are_nets)
{
    enum { POINTS = 4096 };
    struct sobol s, again;
    struct random_stream stream = random_start(1, 2, 3);
    double *x = numbers(POINTS), *y = numbers(POINTS);
    ck_assert_int_eq(sobol_init(&s, POINTS, NULL), DMFT_OK);
    again = s;
    sobol_scramble(&s, &stream);
    sobol_scramble(&again, &stream);
    for (size_t d = 0; d < SOBOL_DIMENSION; d++) {
        sobol_uniform(&s, d, POINTS, x);
        sobol_uniform(&again, d, POINTS, y);
        size_t equal = 0;
        for (size_t p = 0; p < POINTS; p++) equal += x[p] == y[p];
        ck_assert_uint_eq(equal, 0);
        for (size_t n = 1; n <= POINTS; n *= 2) {
            unsigned char seen[POINTS] = {0};
            for (size_t p = 0; p < n; p++) {
                ck_assert(x[p] > 0.0 && x[p] < 1.0);
                ck_assert_int_eq(seen[(size_t)(x[p] * (double)n)]++, 0);
            }
        }
    }
    free(x);
    free(y);
}
END_TEST

/* Two coordinates: a net of 2^m points in dimensions 0 and 1 (quality 0) has one point in every box of area 2^-m. */
START_TEST(two_coordinates_are_a_net)
{
    enum { BITS = 10, POINTS = 1 << BITS };
    struct sobol s;
    struct random_stream stream = random_start(4, 5, 6);
    double x[POINTS], y[POINTS];
    ck_assert_int_eq(sobol_init(&s, POINTS, NULL), DMFT_OK);
    sobol_scramble(&s, &stream);
    sobol_uniform(&s, 0, POINTS, x);
    sobol_uniform(&s, 1, POINTS, y);
    for (int bits = 0; bits <= BITS; bits++) {
        size_t columns = (size_t)1 << bits, rows = POINTS / columns;
        unsigned char seen[POINTS] = {0};
        for (size_t p = 0; p < POINTS; p++) ck_assert_int_eq(seen[(size_t)(x[p] * (double)columns) * rows + (size_t)(y[p] * (double)rows)]++, 0);
    }
}
END_TEST

/* The first 16 fresh fields of a space are one set, whichever way they are asked for; later ones are not of it. */
START_TEST(fresh_fields_come_from_one_set)
{
    enum { SITES = 256 };
    struct kind k = {.in = SITES, .out = SITES, .sobol = 1};
    limit_space space;
    limit_rows some, others;
    open_space(&space, &k, SITES, 9, 1);
    rows_of(&some, &space, 10);
    rows_of(&others, &space, 10);
    limit_fresh(&some);
    limit_fresh(&others);
    for (size_t i = 0; i < 20; i++) {
        const double *x = i < 10 ? row(&some, i) : row(&others, i - 10);
        int seen[SITES] = {0}, most = 0;
        for (size_t p = 0; p < SITES; p++) {
            int *cell = &seen[(size_t)(gsl_cdf_ugaussian_P(x[p]) * SITES)];
            if (++*cell > most) most = *cell;
        }
        if (i < SOBOL_DIMENSION) ck_assert_int_eq(most, 1);
        else ck_assert_int_gt(most, 2);
    }
    limit_space_clear(&space);
}
END_TEST

/* With as many fields as sites everything is spanned; what comes then is drawn as it comes, and finite. */
START_TEST(matched_fields_are_orthonormal)
{
    enum { SITES = 20 };
    struct kind k = {.in = SITES, .sobol = _i, .moment_matching = 1};
    limit_space space;
    limit_rows rows, more;
    open_space(&space, &k, SITES, 2, 1);
    rows_of(&rows, &space, SITES);
    rows_of(&more, &space, 3);
    ck_assert_int_eq(limit_space_reserve(&space, SITES + 3, NULL), DMFT_OK);
    limit_fresh(&rows);
    check_orthonormal(&rows);
    limit_fresh(&more);
    for (size_t i = 0; i < 3; i++) ck_assert(inner(&more, i, &more, i) > 0.1 && inner(&more, i, &more, i) < 4.0);
    limit_space_clear(&space);
}
END_TEST

/* (N4): whatever is asked and learned, inner products of sampled fields are those of exact coordinates. */
START_TEST(matched_sites_are_exact_where_all_is_linear)
{
    struct world w, v;
    double most = 0.0;
    open_world(&w, _i == 0 ? matched : matched_sobol, 0.8, 1.0, 21);
    open_world(&v, exact, 0.8, 1.0, 0);
    for (int t = 0; t < 12; t++) {
        step(&w, t);
        step(&v, t);
        const limit_rows *a[] = {&w.phi, &w.x, &w.g, &w.y}, *b[] = {&v.phi, &v.x, &v.g, &v.y};
        for (size_t side = 0; side < 4; side += 2)
            for (size_t n = 0; n < 4; n++) {
                const limit_rows *left = a[side + n / 2], *right = a[side + n % 2], *l = b[side + n / 2], *r = b[side + n % 2];
                for (size_t i = 0; i < left->count; i++)
                    for (size_t j = 0; j < right->count; j++) most = fmax(most, fabs(inner(left, i, right, j) - inner(l, i, r, j)));
            }
        ck_assert_uint_eq(limit_operator_inputs(w.A), limit_operator_inputs(v.A));
        ck_assert_double_le(most, 1e-10);
    }
    struct limit_view known = limit_operator_view(w.A);
    check_orthonormal(known.E);
    check_orthonormal(known.F);
    printf("sampled: 250 matched sites, %zu and %zu directions: inner products off by at most %.1e\n", limit_operator_inputs(w.A),
           limit_operator_outputs(w.A), most);
    close_world(&w);
    close_world(&v);
}
END_TEST

/* ---- the law ---- */

enum { WIDTH = 24, QUANTITIES = 10 };

/* phi1 = (1, .., 1), phi1' = (1, -1, ..); y = A phi1, y' = A phi1'; g = tanh(y) + y'^2/2; x = A^T g; phi2 = tanh(x) + phi1; y2 = A phi2;
 * x2 = A^T sin(y2), all nonlinear, so that nothing about the law beyond second moments is left out. */
static void moments(const double *y, const double *z, const double *x, const double *y2, const double *x2, double *out)
{
    memset(out, 0, QUANTITIES * sizeof *out);
    for (int i = 0; i < WIDTH; i++) {
        const double q[QUANTITIES] = {y[i] * y[i],   y[i] * z[i],   x[i],          x[i] * x[i],   y2[i] * y2[i],
                                      y2[i] * y[i],  y2[i] * z[i],  x2[i] * x[i],  x2[i] * x2[i], pow(y2[i], 4)};
        for (int k = 0; k < QUANTITIES; k++) out[k] += q[k] / WIDTH;
    }
}

static void revealed_moments(uint64_t seed, double *out)
{
    struct kind k = {.in = WIDTH, .out = WIDTH};
    struct world w;
    open_world(&w, k, 0.8, 1.0, seed);
    limit_rows phi, y, g, x, phi2, y2, g2, x2;
    rows_of(&phi, &w.in, 2);
    rows_of(&y, &w.out, 2);
    limit_rows *in[] = {&x, &phi2, &x2}, *o[] = {&g, &y2, &g2};
    for (int i = 0; i < 3; i++) {
        rows_of(in[i], &w.in, 1);
        rows_of(o[i], &w.out, 1);
    }
    for (int i = 0; i < WIDTH; i++) {
        row(&phi, 0)[i] = 1.0;
        row(&phi, 1)[i] = i % 2 ? -1.0 : 1.0;
    }
    limit_push(w.A, &phi, &y);
    for (int i = 0; i < WIDTH; i++) g.x[i] = tanh(row(&y, 0)[i]) + 0.5 * row(&y, 1)[i] * row(&y, 1)[i];
    limit_pull(w.A, &g, &x);
    for (int i = 0; i < WIDTH; i++) phi2.x[i] = tanh(x.x[i]) + 1.0;
    limit_push(w.A, &phi2, &y2);
    for (int i = 0; i < WIDTH; i++) g2.x[i] = sin(y2.x[i]);
    limit_pull(w.A, &g2, &x2);
    moments(row(&y, 0), row(&y, 1), x.x, y2.x, x2.x, out);
    close_world(&w);
}

static void dense_moments(uint64_t seed, double *out)
{
    struct random_stream stream = random_start(seed, 77, 3);
    double A[WIDTH * WIDTH], y[WIDTH] = {0}, z[WIDTH] = {0}, g[WIDTH], x[WIDTH] = {0}, y2[WIDTH] = {0}, x2[WIDTH] = {0};
    random_gaussians(&stream, sqrt(0.8 / WIDTH), WIDTH * WIDTH, A);
    for (int i = 0; i < WIDTH; i++) {
        for (int j = 0; j < WIDTH; j++) {
            y[i] += A[i * WIDTH + j];
            z[i] += A[i * WIDTH + j] * (j % 2 ? -1.0 : 1.0);
        }
        g[i] = tanh(y[i]) + 0.5 * z[i] * z[i];
    }
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < WIDTH; j++) x[j] += A[i * WIDTH + j] * g[i];
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < WIDTH; j++) y2[i] += A[i * WIDTH + j] * (tanh(x[j]) + 1.0);
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < WIDTH; j++) x2[j] += A[i * WIDTH + j] * sin(y2[i]);
    moments(y, z, x, y2, x2, out);
}

/* Means and mean squares over seeds within 4 standard errors of each other. */
START_TEST(answers_have_the_law_of_a_dense_matrix)
{
    enum { SEEDS = 6000, SUMS = 4 };
    double sum[2][QUANTITIES][SUMS] = {{{0}}}, worst = 0.0;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (int engine = 0; engine < 2; engine++) {
            double q[QUANTITIES];
            if (engine == 0) revealed_moments(seed, q);
            else dense_moments(seed, q);
            for (int k = 0; k < QUANTITIES; k++)
                for (int n = 0; n < SUMS; n++) sum[engine][k][n] += pow(q[k], n + 1) / SEEDS;
        }
    for (int k = 0; k < QUANTITIES; k++)
        for (int n = 0; n < 2; n++) {
            double se2 = 0.0, difference = sum[0][k][n] - sum[1][k][n];
            for (int engine = 0; engine < 2; engine++) se2 += (sum[engine][k][2 * n + 1] - pow(sum[engine][k][n], 2)) / SEEDS;
            worst = fmax(worst, fabs(difference) / sqrt(se2));
            ck_assert_msg(fabs(difference) <= 4.0 * sqrt(se2), "quantity %d, power %d: %.5f against %.5f (%.5f)", k, n + 1, sum[0][k][n],
                          sum[1][k][n], sqrt(se2));
        }
    double exact_first = 0.8; /* <y^2>, of variance 2 (.8)^2/width */
    ck_assert_double_le(fabs(sum[0][0][0] - exact_first), 4.0 * exact_first * sqrt(2.0 / WIDTH / SEEDS));
    printf("sampled: width %d, %d seeds, %d means: at most %.1f standard errors from dense matrices\n", WIDTH, SEEDS, 2 * QUANTITIES, worst);
}
END_TEST

/* Asked in every direction, the whole matrix is there: nothing new is met, and answers are those of one fixed matrix. */
START_TEST(a_matrix_may_be_revealed_to_the_end)
{
    struct kind k = {.in = 6, .out = 6};
    struct world w;
    open_world(&w, k, 0.8, 1.0, 8);
    for (int t = 0; t < 4; t++) {
        ask(&w);
        limit_fresh(&w.phi);
        limit_fresh(&w.g);
    }
    ck_assert_uint_eq(limit_operator_inputs(w.A), 6);
    ck_assert_uint_eq(limit_operator_outputs(w.A), 6);
    ask(&w);
    for (size_t i = 0; i < OUTPUTS; i++)
        for (size_t j = 0; j < INPUTS; j++) ck_assert_double_le(fabs(inner(&w.g, i, &w.y, j) - inner(&w.x, i, &w.phi, j)), 1e-12);
    close_world(&w);
}
END_TEST

/* ---- checkpoints and failures ---- */

static void transfer(struct world *w, archive *a)
{
    limit_space_transfer(&w->in, a);
    limit_space_transfer(&w->out, a);
    limit_operator_transfer(w->A, a);
}

static void check_same_bytes(const limit_rows *a, const limit_rows *b)
{
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_uint_eq(a->space->axes, b->space->axes);
    for (size_t i = 0; i < a->count; i++) ck_assert_int_eq(memcmp(row(a, i), row(b, i), a->space->axes * sizeof(double)), 0);
}

static const struct kind kept_kinds[] = {{0}, {.in = 80, .out = 40}, {.in = 90, .out = 90, .sobol = 1, .moment_matching = 1}, {.in = 64, .out = 64, .sobol = 1}};
enum { KEPT_KINDS = sizeof kept_kinds / sizeof *kept_kinds };

/* Written in the middle of a step, read into another world (of another seed), and continued: the same bytes. */
START_TEST(checkpoints_continue_the_same_bytes)
{
    struct kind k = kept_kinds[_i];
    double weight[OUTPUTS * INPUTS];
    struct world w, v;
    weights_of(3, weight);
    open_world(&w, k, 0.8, 0.5, 31);
    open_world(&v, k, 0.8, 0.5, 32);
    for (int t = 0; t < 5; t++) step(&w, t);
    step(&v, 0);
    ask(&w);
    archive *file = begin_writing();
    transfer(&w, file);
    file = begin_reading(file);
    transfer(&v, file);
    end_reading(file);
    limit_train(w.A, weight, INPUTS, rule_of(1));
    limit_train(v.A, weight, INPUTS, rule_of(1));
    for (int t = 5; t < 9; t++) {
        step(&w, t);
        step(&v, t);
    }
    check_same_bytes(&w.phi, &v.phi);
    check_same_bytes(&w.g, &v.g);
    struct limit_view a = limit_operator_view(w.A), b = limit_operator_view(v.A);
    const limit_rows *own[] = {a.E, a.Y, a.F, a.X}, *read[] = {b.E, b.Y, b.F, b.X};
    for (int i = 0; i < 4; i++) check_same_bytes(own[i], read[i]);
    ck_assert(a.keep == b.keep);
    for (size_t i = 0; i < a.F->count; i++) {
        ck_assert_int_eq(memcmp(a.S + i * a.stride, b.S + i * b.stride, a.E->count * sizeof(double)), 0);
        ck_assert_int_eq(memcmp(a.M + i * a.stride, b.M + i * b.stride, a.E->count * sizeof(double)), 0);
    }
    ck_assert_int_eq(memcmp(a.in_order, b.in_order, a.E->count * sizeof(size_t)), 0);
    ck_assert_int_eq(memcmp(a.out_order, b.out_order, a.F->count * sizeof(size_t)), 0);
    close_world(&w);
    close_world(&v);
}
END_TEST

/* Sites of another number, or an operator of other blocks, are of another run. */
START_TEST(checkpoints_of_another_shape_are_refused)
{
    struct kind k = {.in = 20, .out = 20}, other = {.in = 21, .out = 21};
    struct world w, v;
    open_world(&w, k, 0.8, 1.0, 1);
    open_world(&v, _i == 0 ? other : k, 0.8, 1.0, 1);
    if (_i == 1) ck_assert_int_eq(limit_operator_block(v.A, INPUTS + 1, OUTPUTS, NULL), DMFT_OK);
    archive *file = begin_writing();
    transfer(&w, file);
    file = begin_reading(file);
    transfer(&v, file);
    ck_assert_int_eq(archive_close(file, NULL), DMFT_ERROR_FORMAT);
    remove_folder();
    close_world(&w);
    close_world(&v);
}
END_TEST

START_TEST(too_many_sites_are_refused)
{
    struct limit_sampling s = {.sites = SIZE_MAX / 8, .stream = random_start(1, 1, 1), .moment_matching = 1};
    limit_space space;
    limit_rows rows;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(limit_space_init_sampled(&space, &s, &err), DMFT_OK);
    ck_assert_int_eq(limit_field_init(&rows, &space, &err), DMFT_ERROR_MEMORY);
    ck_assert_ptr_nonnull(strstr(err.text, "out of memory"));
    ck_assert_int_eq(limit_space_reserve(&space, 4, NULL), DMFT_ERROR_MEMORY);
    limit_space_clear(&space);
}
END_TEST

Suite *suite_sampled(void)
{
    Suite *s = suite_create("sampled");
    TCase *blocks = tcase_create("blocks"), *draws = tcase_create("draws"), *law = tcase_create("law"), *state = tcase_create("state");
    tcase_add_loop_test(blocks, blocks_are_vectors_one_after_another, 0, 2);
    tcase_add_loop_test(blocks, a_block_meets_each_direction_once, 0, 2);
    tcase_add_loop_test(blocks, nearly_dependent_blocks_stay_orthonormal, 0, 2);
    tcase_add_test(blocks, directions_of_a_nonlinear_loop_stay_orthonormal);
    tcase_add_loop_test(blocks, training_is_that_of_a_dense_matrix, 0, 2);
    tcase_add_loop_test(blocks, push_and_pull_are_adjoint, 0, 2);
    tcase_add_loop_test(blocks, what_an_operator_knows, 0, 2);
    tcase_add_test(draws, scrambled_sets_are_nets);
    tcase_add_test(draws, two_coordinates_are_a_net);
    tcase_add_test(draws, fresh_fields_come_from_one_set);
    tcase_add_loop_test(draws, matched_fields_are_orthonormal, 0, 2);
    tcase_add_loop_test(draws, matched_sites_are_exact_where_all_is_linear, 0, 2);
    tcase_add_test(law, answers_have_the_law_of_a_dense_matrix);
    tcase_add_test(law, a_matrix_may_be_revealed_to_the_end);
    tcase_add_loop_test(state, checkpoints_continue_the_same_bytes, 0, KEPT_KINDS);
    tcase_add_loop_test(state, checkpoints_of_another_shape_are_refused, 0, 2);
    tcase_add_test(state, too_many_sites_are_refused);
    suite_add_tcase(s, blocks);
    suite_add_tcase(s, draws);
    suite_add_tcase(s, law);
    suite_add_tcase(s, state);
    return s;
}
