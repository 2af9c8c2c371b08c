/* The response form: against exact linear networks, dense sampled ones and finite differences; singular inputs, draws, checkpoints. */
#include <cblas.h>
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/activation.h"
#include "base/batch.h"
#include "base/problem.h"
#include "base/random.h"
#include "ensemble/mlp_table.h"
#include "kernel/conditional.h"
#include "kernel/paths.h"
#include "model/replica.h"
#include "model/response.h"
#include "slow_mlp_linear.h"
#include "state_file.h"
#include "suites.h"

static char model_name[] = "mlp", no_text[] = "model: mlp\n";

/* ---- sites: derivatives against differences ---- */

enum { FEW_SITES = 12, FEW_STEPS = 5, FEW_SAMPLES = 2, FEW_TESTS = 1, FEW_OUTPUTS = 2 };

struct fields {
    double *u, *r, *test; /* T P x S, T P K x S, T Q x S */
};

static double *gaussians(struct random_stream *stream, double deviation, size_t n)
{
    double *x = calloc(n, sizeof *x);
    ck_assert_ptr_nonnull(x);
    random_gaussians(stream, deviation, n, x);
    return x;
}

static struct kernel_paths *paths_of(const dmft_activation *phi, double *in_test, struct random_stream *stream)
{
    struct kernel_paths_shape shape = {.sites = FEW_SITES, .steps = FEW_STEPS, .samples = FEW_SAMPLES, .tests = FEW_TESTS, .outputs = FEW_OUTPUTS,
                                       .activation = phi};
    struct kernel_paths *p = NULL;
    ck_assert_int_eq(kernel_paths_create(&p, &shape, NULL), DMFT_OK);
    random_gaussians(stream, 0.3, p->n * p->m, p->in);
    random_gaussians(stream, 0.3, p->m * p->n, p->back);
    random_gaussians(stream, 0.3, FEW_STEPS * FEW_TESTS * p->m, in_test);
    return p;
}

/* All steps; the test rows of step t are at t * FEW_TESTS. With R: the responses as they come. */
static void run_paths(struct kernel_paths *p, const struct fields *f, const double *in_test, double *phi_test, double *R_phi, double *R_test, double *R_g)
{
    size_t S = FEW_SITES, P = FEW_SAMPLES, Q = FEW_TESTS, PK = P * FEW_OUTPUTS;
    for (size_t t = 0; t < FEW_STEPS; t++) {
        memcpy(p->in_test, in_test + t * Q * p->m, Q * p->m * sizeof *in_test);
        memcpy(p->h, f->u + t * P * S, P * S * sizeof *p->h);
        memcpy(p->h + P * S, f->test + t * Q * S, Q * S * sizeof *p->h);
        memcpy(p->z, f->r + t * PK * S, PK * S * sizeof *p->z);
        kernel_paths_forward(p, t);
        memcpy(phi_test + t * Q * S, p->phi_test, Q * S * sizeof *phi_test);
        if (R_phi != NULL) kernel_paths_respond_phi(p, t, R_phi + t * P * p->m, p->m, R_test + t * Q * p->m, p->m);
        kernel_paths_backward(p, t);
        if (R_g != NULL) kernel_paths_respond_g(p, t, R_g + t * PK * p->n, p->n);
    }
}

static double mean_of(const double *x)
{
    double sum = 0.0;
    for (size_t i = 0; i < FEW_SITES; i++) sum += x[i];
    return sum / FEW_SITES;
}

/* Largest difference between column b of R and the central difference of the rows' means while field b of all sites moves by +-step. */
static double column_error(struct kernel_paths *p, const struct fields *f, const double *in_test, double *field, const double *rows, size_t count,
                           const double *extra, size_t extras, const double *R, const double *R_extra, size_t stride, size_t b)
{
    const double step = 1e-5;
    double up[64], worst = 0.0, *phi_test = calloc(FEW_STEPS * FEW_TESTS * FEW_SITES, sizeof *phi_test);
    ck_assert(phi_test != NULL && count + extras <= 64);
    for (int sign = 1; sign >= -1; sign -= 2) {
        for (size_t i = 0; i < FEW_SITES; i++) field[b * FEW_SITES + i] += sign * step;
        run_paths(p, f, in_test, phi_test, NULL, NULL, NULL);
        for (size_t i = 0; i < FEW_SITES; i++) field[b * FEW_SITES + i] -= sign * step;
        const double *second = extra != NULL ? phi_test : NULL;
        for (size_t a = 0; a < count + extras; a++) {
            double mean = a < count ? mean_of(rows + a * FEW_SITES) : mean_of(second + (a - count) * FEW_SITES);
            if (sign > 0) up[a] = mean;
            else worst = fmax(worst, fabs((up[a] - mean) / (2.0 * step) - (a < count ? R[a * stride + b] : R_extra[(a - count) * stride + b])));
        }
    }
    free(phi_test);
    return worst;
}

/* (R4), (R5): the adjoint is the derivative of the trajectories, and what is not causal is 0. */
START_TEST(test_differences)
{
    dmft_activation phi = activation_of(ACTIVATION_SOFTPLUS);
    struct random_stream stream = random_start(3, 1, 4);
    size_t n = FEW_STEPS * FEW_SAMPLES, m = n * FEW_OUTPUTS, tests = FEW_STEPS * FEW_TESTS;
    double *in_test = calloc(tests * m, sizeof *in_test), *R_phi = calloc(n * m, sizeof *R_phi), *R_test = calloc(tests * m, sizeof *R_test);
    double *R_g = calloc(m * n, sizeof *R_g), *phi_test = calloc(tests * FEW_SITES, sizeof *phi_test), worst_phi = 0.0, worst_g = 0.0, largest = 0.0;
    ck_assert(in_test && R_phi && R_test && R_g && phi_test);
    struct kernel_paths *p = paths_of(&phi, in_test, &stream);
    struct fields f = {gaussians(&stream, 1.0, n * FEW_SITES), gaussians(&stream, 1.0, m * FEW_SITES), gaussians(&stream, 1.0, tests * FEW_SITES)};
    run_paths(p, &f, in_test, phi_test, R_phi, R_test, R_g);
    for (size_t b = 0; b < m; b++)
        worst_phi = fmax(worst_phi, column_error(p, &f, in_test, f.r, p->phi, n, phi_test, tests, R_phi, R_test, m, b));
    for (size_t b = 0; b < n; b++) worst_g = fmax(worst_g, column_error(p, &f, in_test, f.u, p->g, m, NULL, 0, R_g, NULL, n, b));
    for (size_t i = 0; i < n * m; i++) largest = fmax(largest, fabs(R_phi[i]));
    printf("responses against differences: phi %.1e, g %.1e (largest response %.2f)\n", worst_phi, worst_g, largest);
    ck_assert(worst_phi < 1e-8 && worst_g < 1e-8 && largest > 0.1);
    double *const all[] = {in_test, R_phi, R_test, R_g, phi_test, f.u, f.r, f.test};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    kernel_paths_free(p);
}
END_TEST

/* ---- Gaussian rows ---- */

/* Rows of a singular covariance V V^T/8 with 8 directions and a repeated event: the fields have it, and equal events are equal fields. */
START_TEST(test_conditional)
{
    enum { EVENTS = 14, RANK = 8, SITES = 20000 };
    struct random_stream stream = random_start(5, 0, 0);
    double V[EVENTS * RANK], C[EVENTS * EVENTS], *field = calloc(EVENTS * SITES, sizeof *field), worst = 0.0, apart = 0.0;
    struct kernel_draws d = {.sites = 0};
    kernel_conditional *c = NULL;
    ck_assert_ptr_nonnull(field);
    random_gaussians(&stream, 1.0, EVENTS * RANK, V);
    memcpy(V + 11 * RANK, V + 2 * RANK, RANK * sizeof *V);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, EVENTS, EVENTS, RANK, 1.0 / RANK, V, RANK, V, RANK, 0.0, C, EVENTS);
    ck_assert_int_eq(kernel_draws_start(&d, SITES, 1, 2, 3, 0, NULL), DMFT_OK);
    ck_assert_int_eq(kernel_conditional_create(&c, SITES, EVENTS, 1e-10, NULL), DMFT_OK);
    kernel_conditional_draw(c, 5, C, EVENTS, 1.0, &d, 1, field);
    kernel_conditional_draw(c, EVENTS - 5, C + 5 * EVENTS, EVENTS, 1.0, &d, 1, field + 5 * SITES);
    ck_assert_uint_eq(kernel_conditional_kept(c), RANK);
    for (int i = 0; i < EVENTS; i++)
        for (int j = 0; j <= i; j++) {
            double se = sqrt((C[i * EVENTS + i] * C[j * EVENTS + j] + C[i * EVENTS + j] * C[i * EVENTS + j]) / SITES);
            worst = fmax(worst, fabs(cblas_ddot(SITES, field + i * SITES, 1, field + j * SITES, 1) / SITES - C[i * EVENTS + j]) / se);
        }
    for (int i = 0; i < SITES; i++) apart = fmax(apart, fabs(field[11 * SITES + i] - field[2 * SITES + i]));
    printf("covariance of the drawn fields: largest %.2f standard errors of 105; repeated event %.1e\n", worst, apart);
    ck_assert(worst < 4.0 && apart < 1e-12);
    kernel_conditional_free(c);
    kernel_draws_clear(&d);
    free(field);
}
END_TEST

/* ---- members ---- */

struct replicas {
    dmft_problem problem;
    struct mlp_table table;
    long count;
    double *values; /* count x slot */
};

static struct replicas run_members(const struct ensemble_kind *kind, const dmft_problem *problem, long count)
{
    struct replicas r = {.problem = *problem, .table = mlp_table_of(problem, kind == &ensemble_response), .count = count};
    void *state = NULL;
    dmft_error err = {.text = ""};
    r.values = calloc((size_t)count * r.table.slot, sizeof *r.values);
    ck_assert_ptr_nonnull(r.values);
    ck_assert_int_eq(kind->create(&state, &r.problem, &err), DMFT_OK);
    for (long i = 0; i < count; i++) {
        double *slot = r.values + (size_t)i * r.table.slot;
        ck_assert_int_eq(kind->start(state, i, &err), DMFT_OK);
        for (long t = 0; t < problem->rows; t++) {
            int status = kind->row(state, t, slot, &err);
            ck_assert_msg(status == DMFT_OK, "row %ld: %d %s", t, status, err.text);
            ck_assert_int_eq(kind->advance(state, t, &err), 1);
        }
    }
    kind->free(state);
    return r;
}

static struct replicas run_replicas(const dmft_problem *problem, long count) { return run_members(&ensemble_response, problem, count); }

static double moment(const struct replicas *r, size_t offset, double *se)
{
    double mean = 0.0, square = 0.0;
    for (long i = 0; i < r->count; i++) mean += r->values[(size_t)i * r->table.slot + offset] / (double)r->count;
    for (long i = 0; i < r->count; i++) square += pow(r->values[(size_t)i * r->table.slot + offset] - mean, 2.0);
    if (se != NULL) *se = sqrt(square / (double)(r->count - 1) / (double)r->count);
    return mean;
}

static double variances[5] = {0.8, 0.9, 0.7, 1.1, 0.6};
static double gram_of_four[16] = {1.0, 0.3, -0.2, 0.4, 0.3, 0.9, 0.1, 0.2, -0.2, 0.1, 1.2, -0.1, 0.4, 0.2, -0.1, 0.8};
static double target_of_three[6] = {1.0, -1.0, 0.5, 0.2, 0.9, -0.7}, schedule[8] = {1.0, 0.5, 1.5, 1.0, 0.0, 1.0, 0.8, 1.2};

/* Three samples, a test input, two layers. */
static dmft_problem problem_of(enum activation_kind activation, long steps, long sites)
{
    dmft_problem p = {.model = model_name, .kind = MODEL_MLP, .depth = 2, .gamma0 = 1.5, .weight_variance = variances, .learning_rate = 0.3, .steps = steps,
                      .rows = steps, .outlier_count = 2, .outlier_every = 1, .text = no_text};
    p.mlp.solver = SOLVER_RESPONSE;
    p.mlp.activation = activation_of(activation);
    p.mlp.samples = p.mlp.batch_size = 3;
    p.mlp.tests = p.mlp.outputs = 1;
    p.mlp.gram = gram_of_four;
    p.mlp.target = target_of_three;
    p.mlp.sampling.sites = sites;
    p.mlp.sampling.seed = 11;
    p.mlp.sampling.draws = DRAWS_SOBOL;
    p.mlp.sampling.tolerance = 1e-6;
    return p;
}

/* ---- linear networks, which are known exactly ---- */

static slow_mlp_rows exact_of(const dmft_problem *p)
{
    slow_mlp_problem s = {.depth = p->depth, .steps = (int)p->steps, .samples = (int)p->mlp.samples, .tests = (int)p->mlp.tests,
                          .outputs = (int)p->mlp.outputs, .bias = p->mlp.bias, .gamma0 = p->gamma0, .learning_rate = p->learning_rate,
                          .momentum = p->momentum, .weight_decay = p->weight_decay, .weight_variance = p->weight_variance, .gram = p->mlp.gram,
                          .target = p->mlp.target, .schedule = p->schedule};
    s.loss = p->mlp.loss == LOSS_SOFTMAX ? SLOW_SOFTMAX : p->mlp.loss == LOSS_LOGISTIC ? SLOW_LOGISTIC : SLOW_SQUARED;
    int *batch = calloc((size_t)p->steps * p->mlp.samples, sizeof *batch);
    size_t index[8];
    ck_assert_ptr_nonnull(batch);
    for (long t = 0; t < p->steps; t++) {
        size_t taken = batch_at(p, t, index);
        for (size_t i = 0; i < taken; i++) batch[(size_t)t * p->mlp.samples + index[i]] = 1;
    }
    s.batch = batch;
    slow_mlp_rows rows = slow_mlp_linear(&s);
    ck_assert_ptr_nonnull(rows.row);
    free(batch);
    return rows;
}

struct agreement {
    double rms, worst, error; /* of z; root of the mean square of the relative errors */
    int count;
};

static void agree(struct agreement *a, double mean, double se, double exact)
{
    double z = (mean - exact) / se;
    if (se < 1e-12) return; /* known without sampling */
    a->rms += z * z;
    a->error += pow((mean - exact) / fmax(fabs(exact), 0.1), 2.0);
    a->worst = fmax(a->worst, fabs(z));
    a->count++;
}

/* Every output of every input, every diagonal of C^phi, and C^g, which does not depend on the sample. */
static struct agreement against_exact(const dmft_problem *p, long replicas)
{
    slow_mlp_rows exact = exact_of(p);
    dmft_problem level_1 = *p;
    level_1.outlier_every = p->steps; /* the slow definition knows no outliers */
    struct replicas r = run_replicas(&level_1, replicas);
    struct agreement a = {.count = 0};
    size_t P = p->mlp.samples, outputs = (P + p->mlp.tests) * p->mlp.outputs;
    for (size_t t = 0; t < (size_t)p->steps; t++) {
        const double *row = exact.row + t * (size_t)exact.columns;
        size_t place = t * r.table.columns;
        double se, mean;
        for (size_t i = 0; i < outputs; i++) {
            mean = moment(&r, place + r.table.output + i, &se);
            agree(&a, mean, se, row[i]);
        }
        for (size_t i = 0; i < (size_t)p->depth * P; i++) {
            mean = moment(&r, place + r.table.forward + i, &se);
            agree(&a, mean, se, row[(size_t)exact.forward + i]);
            mean = moment(&r, place + r.table.backward + i, &se);
            if (i % P == 0) agree(&a, mean, se, row[(size_t)exact.backward + i / P]);
        }
    }
    a.rms = sqrt(a.rms / a.count);
    a.error = sqrt(a.error / a.count);
    free(exact.row);
    free(r.values);
    return a;
}

/* Within 4 standard errors; the rms of some hundred strongly correlated z. */
static void check_agreement(const char *name, struct agreement a)
{
    printf("%-34s rms z %.2f, max %.2f over %d, relative error %.4f\n", name, a.rms, a.worst, a.count, a.error);
    ck_assert(a.count > 50 && a.rms < 2.0 && a.worst < 4.0);
}

START_TEST(test_linear)
{
    dmft_problem p = problem_of(ACTIVATION_LINEAR, 7, 400);
    check_agreement("two layers, Sobol'", against_exact(&p, 24));
    p.mlp.sampling.draws = DRAWS_GAUSSIAN;
    check_agreement("two layers, Gaussian", against_exact(&p, 24));
    p.depth = 4;
    p.gamma0 = 1.0;
    check_agreement("four layers", against_exact(&p, 16));
    p.depth = 1;
    check_agreement("one layer", against_exact(&p, 24));
}
END_TEST

START_TEST(test_linear_training)
{
    dmft_problem p = problem_of(ACTIVATION_LINEAR, 8, 300);
    p.depth = 3;
    p.mlp.bias = 1;
    p.schedule = schedule;
    p.momentum = 0.4;
    p.weight_decay = 0.1;
    p.learning_rate = 0.15;
    check_agreement("momentum, decay, schedule, biases", against_exact(&p, 24));
    p.mlp.batch_size = 2;
    check_agreement(".. and batches of two", against_exact(&p, 24));
    p.mlp.outputs = 2;
    check_agreement(".. and two outputs", against_exact(&p, 24));
    p.mlp.loss = LOSS_SOFTMAX;
    check_agreement(".. and softmax", against_exact(&p, 24));
    p.mlp.outputs = 1;
    p.mlp.loss = LOSS_LOGISTIC;
    check_agreement("logistic", against_exact(&p, 24));
}
END_TEST

/* Errors against the exact numbers fall as S^-1/2. */
START_TEST(test_convergence)
{
    dmft_problem p = problem_of(ACTIVATION_LINEAR, 6, 100);
    p.mlp.sampling.draws = DRAWS_GAUSSIAN;
    double coarse = against_exact(&p, 16).error;
    p.mlp.sampling.sites = 2500;
    double fine = against_exact(&p, 16).error;
    printf("errors of 16 replicas of 100 and 2500 sites: %.4f, %.4f, ratio %.2f of 5\n", coarse, fine, coarse / fine);
    ck_assert(coarse / fine > 2.5 && coarse / fine < 10.0);
}
END_TEST

/* ---- tanh against dense networks ---- */

enum { DENSE = 300, DENSE_SEEDS = 24, DENSE_STEPS = 15 };

static double gram_of_two[4] = {1.0, 0.3, 0.3, 1.0}, target_of_two[2] = {1.0, -1.0}, ones[3] = {1.0, 1.0, 1.0};

/* A network of two layers of width N with its own loops: h^1 = A_0 x as two Gaussian vectors of the Gram matrix. */
struct dense {
    double h1[2][DENSE], w[DENSE], A[DENSE * DENSE];
    double phi1[2][DENSE], phi2[2][DENSE], g1[2][DENSE], g2[2][DENSE], f[2];
};

static void dense_start(struct dense *d, uint64_t seed)
{
    struct random_stream stream = random_start(77, seed, 0);
    random_gaussians(&stream, 1.0, DENSE, d->h1[0]);
    random_gaussians(&stream, 1.0, DENSE, d->h1[1]);
    random_gaussians(&stream, 1.0, DENSE, d->w);
    random_gaussians(&stream, 1.0 / sqrt(DENSE), DENSE * DENSE, d->A);
    for (int i = 0; i < DENSE; i++) d->h1[1][i] = 0.3 * d->h1[0][i] + sqrt(1.0 - 0.09) * d->h1[1][i];
}

static void dense_evaluate(struct dense *d, double gamma0)
{
    double h[DENSE], z[DENSE];
    for (int mu = 0; mu < 2; mu++) {
        for (int i = 0; i < DENSE; i++) d->phi1[mu][i] = tanh(d->h1[mu][i]);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, DENSE, DENSE, 1.0, d->A, DENSE, d->phi1[mu], 1, 0.0, h, 1);
        d->f[mu] = 0.0;
        for (int i = 0; i < DENSE; i++) {
            d->phi2[mu][i] = tanh(h[i]);
            d->f[mu] += d->w[i] * d->phi2[mu][i] / (gamma0 * DENSE);
            d->g2[mu][i] = d->w[i] * (1.0 - d->phi2[mu][i] * d->phi2[mu][i]);
        }
        cblas_dgemv(CblasRowMajor, CblasTrans, DENSE, DENSE, 1.0, d->A, DENSE, d->g2[mu], 1, 0.0, z, 1);
        for (int i = 0; i < DENSE; i++) d->g1[mu][i] = z[i] * (1.0 - d->phi1[mu][i] * d->phi1[mu][i]);
    }
}

static void dense_learn(struct dense *d, double gamma0, double eta)
{
    for (int mu = 0; mu < 2; mu++) {
        double c = gamma0 * eta / 2.0 * (target_of_two[mu] - d->f[mu]);
        for (int i = 0; i < DENSE; i++) {
            for (int nu = 0; nu < 2; nu++) d->h1[nu][i] += c * gram_of_two[mu * 2 + nu] * d->g1[mu][i];
            d->w[i] += c * d->phi2[mu][i];
        }
        cblas_dger(CblasRowMajor, DENSE, DENSE, c / DENSE, d->g2[mu], 1, d->phi1[mu], 1, d->A, DENSE);
    }
}

/* By powers of A^T A, from the direction that was learned. */
static double dense_norm(const struct dense *d)
{
    double x[DENSE], y[DENSE], norm = 0.0;
    memcpy(x, d->phi1[0], sizeof x);
    for (int i = 0; i < 60; i++) {
        cblas_dscal(DENSE, 1.0 / cblas_dnrm2(DENSE, x, 1), x, 1);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, DENSE, DENSE, 1.0, d->A, DENSE, x, 1, 0.0, y, 1);
        norm = cblas_dnrm2(DENSE, y, 1);
        cblas_dgemv(CblasRowMajor, CblasTrans, DENSE, DENSE, 1.0, d->A, DENSE, y, 1, 0.0, x, 1);
    }
    return norm;
}

static dmft_problem tanh_problem(long sites)
{
    dmft_problem p = problem_of(ACTIVATION_TANH, DENSE_STEPS, sites);
    p.gamma0 = 3.0;
    p.weight_variance = ones;
    p.outlier_count = 1;
    p.mlp.samples = p.mlp.batch_size = 2;
    p.mlp.tests = 0;
    p.mlp.gram = gram_of_two;
    p.mlp.target = target_of_two;
    return p;
}

enum { LOSS_LATE, C_PHI_LATE, C_G_LATE, OUTLIER_LATE, QUANTITIES };

/* Loss at step 7, C^phi and C^g of layer 1 and the outlier at the last one. */
static void dense_moments(double mean[QUANTITIES], double se[QUANTITIES])
{
    struct dense *d = malloc(sizeof *d);
    double x[DENSE_SEEDS][QUANTITIES];
    ck_assert_ptr_nonnull(d);
    for (int seed = 0; seed < DENSE_SEEDS; seed++) {
        dense_start(d, (uint64_t)seed);
        for (int t = 0; t < DENSE_STEPS; t++) {
            dense_evaluate(d, 3.0);
            if (t == 7) x[seed][LOSS_LATE] = (pow(1.0 - d->f[0], 2.0) + pow(1.0 + d->f[1], 2.0)) / 4.0;
            if (t < DENSE_STEPS - 1) dense_learn(d, 3.0, 0.3);
        }
        x[seed][C_PHI_LATE] = cblas_ddot(2 * DENSE, d->phi1[0], 1, d->phi1[0], 1) / (2 * DENSE);
        x[seed][C_G_LATE] = cblas_ddot(2 * DENSE, d->g1[0], 1, d->g1[0], 1) / (2 * DENSE);
        x[seed][OUTLIER_LATE] = dense_norm(d);
    }
    for (int q = 0; q < QUANTITIES; q++) {
        double square = 0.0;
        mean[q] = 0.0;
        for (int seed = 0; seed < DENSE_SEEDS; seed++) mean[q] += x[seed][q] / DENSE_SEEDS;
        for (int seed = 0; seed < DENSE_SEEDS; seed++) square += pow(x[seed][q] - mean[q], 2.0);
        se[q] = sqrt(square / (DENSE_SEEDS - 1) / DENSE_SEEDS);
    }
    free(d);
}

START_TEST(test_dense)
{
    static const char *const names[QUANTITIES] = {"loss(7)", "C_phi1(14)", "C_g1(14)", "A1 outlier(14)"};
    double mean[QUANTITIES], se[QUANTITIES];
    dmft_problem p = tanh_problem(2000);
    struct replicas r = run_replicas(&p, 12);
    size_t last = (DENSE_STEPS - 1) * r.table.columns;
    dense_moments(mean, se);
    size_t at[QUANTITIES] = {7 * r.table.columns + r.table.train_loss, last + r.table.forward, last + r.table.backward,
                             mlp_table_spectrum(&r.table, DENSE_STEPS - 1, 1) + r.table.value};
    for (int q = 0; q < QUANTITIES; q++) {
        double theory_se, second_se, theory = moment(&r, at[q], &theory_se);
        if (q == C_PHI_LATE || q == C_G_LATE) { /* the mean over both samples */
            theory = (theory + moment(&r, at[q] + 1, &second_se)) / 2.0;
            theory_se = fmax(theory_se, second_se);
        }
        printf("%-15s theory %.4f(%.4f), %d networks of width %d %.4f(%.4f)\n", names[q], theory, theory_se, DENSE_SEEDS, DENSE, mean[q], se[q]);
        ck_assert(fabs(theory - mean[q]) < 4.0 * hypot(theory_se, se[q]) + 2.0 / DENSE * fabs(theory)); /* width N is off by some 2/N */
    }
    free(r.values);
}
END_TEST

/* The same network in the other sampled form, which knows no responses: outputs, kernels, tangent kernel and outliers of some steps. */
START_TEST(test_revealed)
{
    dmft_problem p = tanh_problem(1500), q = p;
    q.mlp.solver = SOLVER_REVEALED;
    q.mlp.sampling.seed = 12;
    struct replicas a = run_replicas(&p, 12), b = run_members(&ensemble_replica, &q, 12);
    struct agreement z = {.count = 0};
    double se, other_se;
    for (size_t t = 2; t < DENSE_STEPS; t += 4) {
        for (size_t i = 0; i <= a.table.ntk; i++) {
            double mean = moment(&a, t * a.table.columns + i, &se), other = moment(&b, t * b.table.columns + i, &other_se);
            agree(&z, mean, hypot(se, other_se), other);
        }
        size_t top = mlp_table_spectrum(&a.table, (long)t, 1), last[3] = {a.table.root, a.table.left, a.table.right};
        for (int i = 0; i < 3; i++) { /* overlaps exist with an outlier only */
            double mean = moment(&a, top + last[i], &se), other = moment(&b, top + last[i], &other_se);
            if (isfinite(mean) && isfinite(other)) agree(&z, mean, hypot(se, other_se), other);
        }
    }
    z.rms = sqrt(z.rms / z.count);
    printf("tanh, response and revealed form: rms z %.2f, max %.2f over %d\n", z.rms, z.worst, z.count);
    ck_assert(z.count > 40 && z.rms < 2.0 && z.worst < 4.0);
    free(a.values);
    free(b.values);
}
END_TEST

/* ---- singular inputs, several outputs ---- */

/* A sample that is there twice, and one that is 0, make K^x singular at all times. */
START_TEST(test_singular)
{
    static double gram[9] = {1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0}, target[3] = {0.7, 0.7, 0.2};
    dmft_problem p = tanh_problem(500);
    p.mlp.samples = p.mlp.batch_size = 3;
    p.mlp.gram = gram;
    p.mlp.target = target;
    struct replicas r = run_replicas(&p, 1);
    for (size_t t = 0; t < DENSE_STEPS; t++) {
        const double *row = r.values + t * r.table.columns;
        for (size_t i = 0; i < r.table.columns; i++) ck_assert(isfinite(row[i]) || i == r.table.test_loss);
        ck_assert_double_eq_tol(row[r.table.output], row[r.table.output + 1], 1e-9);
        ck_assert_double_eq_tol(row[r.table.backward], row[r.table.backward + 1], 1e-9);
        ck_assert_double_eq(row[r.table.output + 2], 0.0);
    }
    double first = r.values[r.table.train_loss], last = r.values[(DENSE_STEPS - 1) * r.table.columns + r.table.train_loss];
    ck_assert(last < 0.5 * first);
    free(r.values);
}
END_TEST

/* Weights that start at 0, but for the readout: nothing is ever sent through A_1. */
START_TEST(test_zero_weights)
{
    static double zero[3] = {1.0, 0.0, 1.0};
    dmft_problem p = tanh_problem(300);
    p.weight_variance = zero;
    struct replicas r = run_replicas(&p, 1);
    for (size_t t = 0; t < DENSE_STEPS; t++) ck_assert(isfinite(r.values[t * r.table.columns + r.table.ntk]));
    free(r.values);
}
END_TEST

/* Decay that leaves nothing of the initial weights, not even as a number: what is learned at each step is the matrix. One site is a network of width 1. */
START_TEST(test_extremes)
{
    dmft_problem p = tanh_problem(300);
    p.weight_decay = 1.0 - 1e-16;
    struct replicas r = run_replicas(&p, 1);
    ck_assert(isfinite(r.values[mlp_table_spectrum(&r.table, 1, 1) + r.table.value]));
    for (size_t t = 0; t < DENSE_STEPS; t++) ck_assert(isfinite(r.values[t * r.table.columns + r.table.ntk]));
    free(r.values);
    p = tanh_problem(1);
    r = run_replicas(&p, 2);
    for (size_t t = 0; t < DENSE_STEPS; t++) ck_assert(isfinite(r.values[t * r.table.columns + r.table.ntk]));
    free(r.values);
}
END_TEST

/* Two outputs with the same targets and the samples apart are one problem asked twice: outputs, and outliers, whose pencil has repeated rows, must not
 * depend on the order of the outputs. */
START_TEST(test_two_outputs)
{
    static double both[4] = {1.0, -0.4, -0.3, 1.0}, swapped[4] = {-0.4, 1.0, 1.0, -0.3};
    dmft_problem p = tanh_problem(700);
    p.mlp.outputs = 2;
    p.mlp.target = both;
    p.outlier_count = 2;
    struct replicas a = run_replicas(&p, 6);
    p.mlp.target = swapped;
    p.mlp.sampling.seed = 12;
    struct replicas b = run_replicas(&p, 6);
    size_t late = (DENSE_STEPS - 1) * a.table.columns + a.table.output, top = mlp_table_spectrum(&a.table, DENSE_STEPS - 1, 1) + a.table.value;
    double one_se, two_se, one, two, worst = 0.0;
    for (size_t i = 0; i < 4; i++) {
        one = moment(&a, late + i, &one_se);
        two = moment(&b, late + (i ^ 1), &two_se);
        worst = fmax(worst, fabs(one - two) / hypot(one_se, two_se));
    }
    for (size_t j = 0; j < 2; j++) {
        one = moment(&a, top + j, &one_se);
        two = moment(&b, top + j, &two_se);
        ck_assert(isfinite(one) && isfinite(two));
        worst = fmax(worst, fabs(one - two) / hypot(one_se, two_se));
    }
    printf("two outputs in either order: largest %.2f standard errors; outlier %.3f\n", worst, one);
    ck_assert(worst < 4.0);
    free(a.values);
    free(b.values);
}
END_TEST

/* ---- kernels, checkpoints ---- */

/* What is stored is what the rows say, and causal: C at equal times, R^phi strictly earlier, R^g diagonal in the samples at equal times. */
START_TEST(test_kernels)
{
    dmft_problem p = tanh_problem(400);
    p.store_kernels = 1;
    struct replicas r = run_replicas(&p, 1);
    const double *C = r.values + mlp_table_kernel(&r.table, MLP_C_PHI, 1), *R_phi = r.values + mlp_table_kernel(&r.table, MLP_R_PHI, 1),
                 *R_g = r.values + mlp_table_kernel(&r.table, MLP_R_G, 2);
    size_t n = r.table.order;
    double same_time = 0.0;
    for (size_t a = 0; a < n; a++) {
        ck_assert_double_eq(C[a * n + a], r.values[a / 2 * r.table.columns + r.table.forward + a % 2]);
        for (size_t b = 0; b < a; b++)
            if (a / 2 == b / 2) ck_assert(R_phi[a * n + b] == 0.0 && R_g[a * n + b] == 0.0);
        ck_assert_double_eq(R_phi[a * n + a], 0.0);
        same_time = fmax(same_time, fabs(R_g[a * n + a]));
    }
    ck_assert(same_time > 0.05 && fabs(R_phi[2 * n]) > 1e-3);
    free(r.values);
}
END_TEST

/* A run that is written down in the middle and read back gives the same bytes. */
START_TEST(test_resume)
{
    dmft_problem p = problem_of(ACTIVATION_TANH, 8, 200);
    p.momentum = 0.3;
    p.weight_decay = 0.05;
    p.mlp.sampling.draws = DRAWS_SOBOL;
    struct replicas whole = run_replicas(&p, 2);
    double *slot = calloc(whole.table.slot, sizeof *slot);
    archive *a = begin_writing();
    void *state = NULL;
    ck_assert_ptr_nonnull(slot);
    for (int part = 0; part < 2; part++) {
        ck_assert_int_eq(ensemble_response.create(&state, &p, NULL), DMFT_OK);
        ck_assert_int_eq(ensemble_response.start(state, 1, NULL), DMFT_OK);
        if (part == 1) {
            a = begin_reading(a);
            ensemble_response.transfer(state, a);
            end_reading(a);
        }
        for (long t = 3 * part; t < (part == 0 ? 3 : 8); t++) {
            ck_assert_int_eq(ensemble_response.row(state, t, slot, NULL), DMFT_OK);
            ck_assert_int_eq(ensemble_response.advance(state, t, NULL), 1);
        }
        if (part == 0) ensemble_response.transfer(state, a);
        ensemble_response.free(state);
    }
    ck_assert_mem_eq(slot, whole.values + whole.table.slot, 8 * whole.table.columns * sizeof *slot);
    ck_assert_mem_eq(slot + whole.table.spectra, whole.values + whole.table.slot + whole.table.spectra, whole.table.recorded * whole.table.wide * sizeof *slot);
    free(slot);
    free(whole.values);
}
END_TEST

/* A learning rate that blows the network up is noticed at the row where it happens. */
START_TEST(test_divergence)
{
    dmft_problem p = problem_of(ACTIVATION_LINEAR, 40, 100);
    p.learning_rate = 30.0;
    struct mlp_table table = mlp_table_of(&p, 1);
    double *slot = calloc(table.slot, sizeof *slot);
    void *state = NULL;
    ck_assert_ptr_nonnull(slot);
    ck_assert_int_eq(ensemble_response.create(&state, &p, NULL), DMFT_OK);
    ck_assert_int_eq(ensemble_response.start(state, 0, NULL), DMFT_OK);
    int status = DMFT_OK;
    long t = 0;
    while (status == DMFT_OK && t < 40) {
        status = ensemble_response.row(state, t, slot, NULL);
        if (status == DMFT_OK) (void)ensemble_response.advance(state, t++, NULL);
    }
    ck_assert_int_eq(status, DMFT_DIVERGED);
    ck_assert(t > 1 && t < 12);
    ensemble_response.free(state);
    free(slot);
}
END_TEST

Suite *suite_response(void)
{
    Suite *s = suite_create("response");
    TCase *c = tcase_create("response");
    tcase_add_test(c, test_differences);
    tcase_add_test(c, test_conditional);
    tcase_add_test(c, test_linear);
    tcase_add_test(c, test_linear_training);
    tcase_add_test(c, test_convergence);
    tcase_add_test(c, test_dense);
    tcase_add_test(c, test_revealed);
    tcase_add_test(c, test_singular);
    tcase_add_test(c, test_zero_weights);
    tcase_add_test(c, test_extremes);
    tcase_add_test(c, test_two_outputs);
    tcase_add_test(c, test_kernels);
    tcase_add_test(c, test_resume);
    tcase_add_test(c, test_divergence);
    suite_add_tcase(s, c);
    return s;
}
