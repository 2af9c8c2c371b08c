/*
 * The simulator: against a network trained the long way (samples one by one, forward and backward through unnormalised weights, plain loops),
 * against LAPACK's singular values, against its own promises (threads, seeds, divergence, memory, stopping), at awkward sizes.
 */
#include <check.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/trajectory.h"
#include "folder.h"
#include "network/network.h"
#include "runs.h"

Suite *suite_network(void);

/* ---- Problems ---- */

enum { MOST_LAYERS = 4 };

struct fixture {
    char model[16], text[16];
    double variance[MOST_LAYERS + 1];
    dmft_problem problem;
};

/* A small problem with sizes D, N, P. */
static void fixture_fill(struct fixture *f, int depth, long D, long N, long P)
{
    memset(f, 0, sizeof *f);
    strcpy(f->model, "deep_linear");
    strcpy(f->text, "model: x\n");
    for (int l = 0; l <= depth; l++) f->variance[l] = 0.4 + 0.13 * l;
    f->problem = (dmft_problem){.model = f->model,
                                .depth = depth,
                                .width_ratio = (double)N / (double)D,
                                .gamma0 = 2.385,
                                .weight_variance = f->variance,
                                .sample_ratio = (double)P / (double)D,
                                .learning_rate = 0.03,
                                .steps = 6,
                                .rows = 6,
                                .tolerance = 1e-11,
                                .outlier_count = 2,
                                .outlier_every = 1,
                                .text = f->text};
    f->problem.simulation.given = 1;
    f->problem.simulation.input_dim = D;
    f->problem.simulation.seeds = 3;
    f->problem.simulation.seed = 5;
}

/* Gradient flow over this time, in equal intervals. */
static void fixture_flow(struct fixture *f, long intervals, double time)
{
    f->problem.flow = 1;
    f->problem.learning_rate = 1;
    f->problem.time = time;
    f->problem.steps = intervals;
    f->problem.rows = intervals + 1;
}

static struct network *network_made(const dmft_problem *problem)
{
    struct network *n = NULL;
    dmft_error err;
    ck_assert_int_eq(network_create(&n, problem, &err), DMFT_OK);
    return n;
}

/* ---- The long way ---- */

/* Unnormalised weights W_l (entries of variance sigma_l^2) and readout w, data, errors; gradients in dW, dw. */
struct slow {
    int L, D, N, P;
    double gamma, rate;
    double *W[MOST_LAYERS], *dW[MOST_LAYERS], *w, *dw, *X, *y, *Delta, *h[MOST_LAYERS + 1], *back;
};

static int slow_columns(const struct slow *s, int l) { return l == 0 ? s->D : s->N; }

static double *zeros(int n) { return calloc((size_t)n, sizeof(double)); }

static void slow_create(struct slow *s, const struct network *n)
{
    const dmft_problem *p = n->problem;
    *s = (struct slow){.L = n->depth, .D = (int)n->input_dim, .N = (int)n->width, .P = (int)n->samples};
    double ratio = (double)s->N / s->D;
    s->gamma = p->gamma0 * (p->parameterization == PARAMETERIZATION_MUP ? sqrt(ratio) : 1.0);
    s->rate = p->learning_rate * s->gamma * s->gamma * s->D;
    for (int l = 0; l < s->L; l++) {
        int columns = slow_columns(s, l);
        s->W[l] = zeros(s->N * columns);
        s->dW[l] = zeros(s->N * columns);
        for (int i = 0; i < s->N * columns; i++) s->W[l][i] = n->weight[l][i] * sqrt(columns);
    }
    for (int l = 0; l <= s->L; l++) s->h[l] = zeros(l == 0 ? s->D : s->N);
    s->w = zeros(s->N);
    s->dw = zeros(s->N);
    s->back = zeros(2 * s->N);
    s->X = zeros(s->P * s->D);
    s->y = zeros(s->P);
    s->Delta = zeros(s->P);
    for (int i = 0; i < s->N; i++) s->w[i] = n->readout[i];
}

static void slow_free(struct slow *s)
{
    for (int l = 0; l < s->L; l++) free(s->W[l]), free(s->dW[l]);
    for (int l = 0; l <= s->L; l++) free(s->h[l]);
    free(s->w), free(s->dw), free(s->back), free(s->X), free(s->y), free(s->Delta);
}

/* The data of the network's step: full batch as it holds them; online drawn from copies of its streams. */
static void slow_data(struct slow *s, const struct network *n, struct random_stream *inputs, struct random_stream *noise)
{
    double *eps = zeros(s->P);
    if (n->problem->batch == BATCH_ONLINE) {
        random_gaussians(inputs, 1.0, (size_t)(s->P * s->D), s->X);
        random_gaussians(noise, n->problem->label_noise, (size_t)s->P, eps);
    } else {
        memcpy(s->X, n->inputs, (size_t)(s->P * s->D) * sizeof(double));
        if (n->noise != NULL) memcpy(eps, n->noise, (size_t)s->P * sizeof(double));
    }
    for (int mu = 0; mu < s->P; mu++) {
        s->y[mu] = eps[mu];
        for (int i = 0; i < s->D; i++) s->y[mu] += n->target[i] * s->X[mu * s->D + i] / sqrt(s->D);
    }
    free(eps);
}

/* f(x), with all h^l kept. */
static double slow_forward(struct slow *s, const double *x)
{
    memcpy(s->h[0], x, (size_t)s->D * sizeof *x);
    for (int l = 0; l < s->L; l++)
        for (int i = 0, columns = slow_columns(s, l); i < s->N; i++) {
            s->h[l + 1][i] = 0;
            for (int j = 0; j < columns; j++) s->h[l + 1][i] += s->W[l][i * columns + j] * s->h[l][j] / sqrt(columns);
        }
    double f = 0;
    for (int i = 0; i < s->N; i++) f += s->w[i] * s->h[s->L][i] / (s->gamma * sqrt(s->N));
    return f;
}

/* Adds the gradient of one sample of the loss, given d loss/d f. */
static void slow_backward(struct slow *s, double slope)
{
    double *delta = s->back, *below = s->back + s->N;
    for (int i = 0; i < s->N; i++) {
        s->dw[i] += slope * s->h[s->L][i] / (s->gamma * sqrt(s->N));
        delta[i] = slope * s->w[i] / (s->gamma * sqrt(s->N));
    }
    for (int l = s->L - 1; l >= 0; l--) {
        int columns = slow_columns(s, l);
        for (int i = 0; i < s->N; i++)
            for (int j = 0; j < columns; j++) s->dW[l][i * columns + j] += delta[i] * s->h[l][j] / sqrt(columns);
        for (int j = 0; l > 0 && j < s->N; j++) {
            below[j] = 0;
            for (int i = 0; i < s->N; i++) below[j] += s->W[l][i * s->N + j] * delta[i] / sqrt(s->N);
        }
        for (int j = 0; l > 0 && j < s->N; j++) delta[j] = below[j];
    }
}

/* One step of gradient descent on (1/2P) sum Delta^2 with rate eta gamma^2 D. */
static void slow_step(struct slow *s)
{
    for (int l = 0; l < s->L; l++) memset(s->dW[l], 0, (size_t)(s->N * slow_columns(s, l)) * sizeof(double));
    memset(s->dw, 0, (size_t)s->N * sizeof(double));
    for (int mu = 0; mu < s->P; mu++) {
        s->Delta[mu] = s->y[mu] - slow_forward(s, s->X + mu * s->D);
        slow_backward(s, -s->Delta[mu] / s->P);
    }
    for (int l = 0; l < s->L; l++)
        for (int i = 0; i < s->N * slow_columns(s, l); i++) s->W[l][i] -= s->rate * s->dW[l][i];
    for (int i = 0; i < s->N; i++) s->w[i] -= s->rate * s->dw[i];
}

/* C_v from the predictor's values on the unit vectors. */
static double slow_error(struct slow *s, const double *target)
{
    double *x = zeros(s->D), sum = 0;
    for (int i = 0; i < s->D; i++) {
        x[i] = sqrt(s->D);
        double v = target[i] - slow_forward(s, x);
        x[i] = 0;
        sum += v * v / s->D;
    }
    free(x);
    return sum;
}

/* C_h0 .. C_hL from vhat = (sqrt(D)/P) X^T Delta, C_g1 .. C_gL from g = gamma sqrt(N) df/dh. */
static void slow_kernels(struct slow *s, double *out)
{
    double *vhat = zeros(s->D), *g = s->back, *below = s->back + s->N;
    for (int mu = 0; mu < s->P; mu++)
        for (int i = 0; i < s->D; i++) vhat[i] += sqrt(s->D) / s->P * s->X[mu * s->D + i] * s->Delta[mu];
    (void)slow_forward(s, vhat);
    free(vhat);
    for (int l = 0; l <= s->L; l++) {
        int size = l == 0 ? s->D : s->N;
        out[l] = 0;
        for (int i = 0; i < size; i++) out[l] += s->h[l][i] * s->h[l][i] / size;
    }
    memcpy(g, s->w, (size_t)s->N * sizeof *g);
    for (int l = s->L; l >= 1; l--) {
        out[s->L + l] = 0;
        for (int i = 0; i < s->N; i++) out[s->L + l] += g[i] * g[i] / s->N;
        for (int j = 0; l > 1 && j < s->N; j++) {
            below[j] = 0;
            for (int i = 0; i < s->N; i++) below[j] += s->W[l - 1][i * s->N + j] * g[i] / sqrt(s->N);
        }
        for (int j = 0; l > 1 && j < s->N; j++) g[j] = below[j];
    }
}

static void assert_close(double value, double expected, double tolerance, const char *what)
{
    double allowed = tolerance * fmax(1.0, fabs(expected));
    ck_assert_msg(fabs(value - expected) <= allowed, "%s: %.17g, expected %.17g", what, value, expected);
}

static double slow_mean_square(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] * x[i] / n;
    return sum;
}

/* The weights of both after a step. */
static void assert_same_weights(const struct slow *s, const struct network *n)
{
    for (int l = 0; l < s->L; l++)
        for (int i = 0, columns = slow_columns(s, l); i < s->N * columns; i++)
            assert_close(n->weight[l][i], s->W[l][i] / sqrt(columns), 1e-12, "weight");
    for (int i = 0; i < s->N; i++) assert_close(n->readout[i], s->w[i], 1e-12, "readout");
}

/* Trains a network both ways for some steps from its own initial state. */
static void train_both_ways(const dmft_problem *problem, int steps)
{
    struct network *n = network_made(problem);
    struct slow s;
    network_start(n, 7);
    slow_create(&s, n);
    struct random_stream inputs = n->input_stream, noise = n->noise_stream;
    double kernels[2 * MOST_LAYERS + 3], slow[2 * MOST_LAYERS + 1];
    for (int t = 0; t < steps; t++) {
        slow_data(&s, n, &inputs, &noise);
        network_evaluate(n);
        network_kernels(n, kernels);
        assert_close(kernels[0], slow_error(&s, n->target), 1e-12, "C_v");
        for (int mu = 0; mu < s.P; mu++) s.Delta[mu] = s.y[mu] - slow_forward(&s, s.X + mu * s.D);
        slow_kernels(&s, slow);
        for (int i = 0; i <= 2 * s.L; i++) assert_close(kernels[2 + i], slow[i], 1e-12, "C_h or C_g");
        slow_step(&s);
        assert_close(kernels[1], slow_mean_square(s.Delta, s.P), 1e-12, "C_Delta");
        network_learn(n);
        assert_same_weights(&s, n);
    }
    slow_free(&s);
    network_free(n);
}

START_TEST(test_step_is_gradient_descent)
{
    struct fixture f;
    int depth = _i % 3 + 1;
    fixture_fill(&f, depth, 13, _i < 6 ? 7 : 17, 23);
    f.problem.parameterization = (_i / 3) % 2 != 0 ? PARAMETERIZATION_NTK : PARAMETERIZATION_MUP;
    f.problem.label_noise = 0.37;
    train_both_ways(&f.problem, 4);
    f.problem.batch = BATCH_ONLINE;
    train_both_ways(&f.problem, 4);
    f.problem.label_noise = 0;
    train_both_ways(&f.problem, 2);
}
END_TEST

/* More samples than one block of rows holds, in both ways of having X. */
START_TEST(test_blocks_of_samples)
{
    struct fixture f;
    fixture_fill(&f, 1, 17, 3, 4500);
    ck_assert(network_block_rows(&f.problem) < 4500 / 2);
    f.problem.label_noise = 0.2;
    train_both_ways(&f.problem, 2);
    f.problem.batch = BATCH_ONLINE;
    train_both_ways(&f.problem, 2);
}
END_TEST

/* ---- Gradient flow ---- */

enum { MOST_SLOPES = 4 };

/* The velocity of all unnormalised weights, minus the gradient times gamma^2 D. */
static void slow_velocity(struct slow *s, double *const dW[], double *dw)
{
    for (int l = 0; l < s->L; l++) memset(s->dW[l], 0, (size_t)(s->N * slow_columns(s, l)) * sizeof(double));
    memset(s->dw, 0, (size_t)s->N * sizeof(double));
    for (int mu = 0; mu < s->P; mu++) slow_backward(s, -(s->y[mu] - slow_forward(s, s->X + mu * s->D)) / s->P);
    for (int l = 0; l < s->L; l++)
        for (int i = 0; i < s->N * slow_columns(s, l); i++) dW[l][i] = -s->rate * s->dW[l][i];
    for (int i = 0; i < s->N; i++) dw[i] = -s->rate * s->dw[i];
}

/* W = base + step dW, all weights one after the other. */
static void slow_move(struct slow *s, double *const base[], double *const slope[], double step)
{
    for (int l = 0; l <= s->L; l++) {
        double *x = l < s->L ? s->W[l] : s->w;
        for (int i = 0, n = l < s->L ? s->N * slow_columns(s, l) : s->N; i < n; i++) x[i] = base[l][i] + step * slope[l][i];
    }
}

/* The classical Runge-Kutta method of order 4. */
static void slow_flow(struct slow *s, double time, int steps)
{
    static const double part[MOST_SLOPES] = {0, 0.5, 0.5, 1}, weight[MOST_SLOPES] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    double *base[MOST_LAYERS + 1], *slope[MOST_LAYERS + 1], *sum[MOST_LAYERS + 1], h = time / steps;
    int size[MOST_LAYERS + 1];
    for (int l = 0; l <= s->L; l++) {
        size[l] = l < s->L ? s->N * slow_columns(s, l) : s->N;
        base[l] = zeros(size[l]);
        slope[l] = zeros(size[l]);
        sum[l] = zeros(size[l]);
    }
    for (int t = 0; t < steps; t++) {
        for (int l = 0; l <= s->L; l++) {
            memcpy(base[l], l < s->L ? s->W[l] : s->w, (size_t)size[l] * sizeof(double));
            memset(sum[l], 0, (size_t)size[l] * sizeof(double));
        }
        for (int stage = 0; stage < MOST_SLOPES; stage++) {
            slow_move(s, base, slope, part[stage] * h);
            slow_velocity(s, slope, slope[s->L]);
            for (int l = 0; l <= s->L; l++)
                for (int i = 0; i < size[l]; i++) sum[l][i] += weight[stage] * slope[l][i];
        }
        slow_move(s, base, sum, h);
    }
    for (int l = 0; l <= s->L; l++) free(base[l]), free(slope[l]), free(sum[l]);
}

/* Flows through one interval. */
static void flow_through(struct network *n, double time)
{
    dmft_error err = {.text = ""};
    int arrived = 0;
    while (arrived == 0) {
        network_evaluate(n);
        arrived = network_flow(n, time, &err);
        ck_assert_msg(arrived >= 0, "%s", err.text);
    }
}

/* The largest difference of normalised weights. */
static double worst_weight(const struct slow *s, const struct network *n)
{
    double worst = 0;
    for (int l = 0; l < s->L; l++)
        for (int i = 0, columns = slow_columns(s, l); i < s->N * columns; i++)
            worst = fmax(worst, fabs(n->weight[l][i] - s->W[l][i] / sqrt(columns)));
    for (int i = 0; i < s->N; i++) worst = fmax(worst, fabs(n->readout[i] - s->w[i]));
    return worst;
}

/* Against the flow of unnormalised weights, integrated the long way. */
START_TEST(test_flow_is_gradient_flow)
{
    struct fixture f;
    struct slow s;
    fixture_fill(&f, _i % 3 + 1, 9, _i < 3 ? 7 : 11, 15);
    fixture_flow(&f, 1, 1.0);
    f.problem.parameterization = _i % 2 != 0 ? PARAMETERIZATION_NTK : PARAMETERIZATION_MUP;
    f.problem.label_noise = 0.37;
    struct network *n = network_made(&f.problem);
    network_start(n, 7);
    slow_create(&s, n);
    slow_data(&s, n, NULL, NULL);
    flow_through(n, 0.4);
    flow_through(n, 0.6);
    slow_flow(&s, 1.0, 800);
    double worst = worst_weight(&s, n);
    ck_assert_msg(worst < 2e-7, "a weight is off by %.3g", worst);
    ck_assert(fabs(n->weight[0][0] - s.W[0][0] / 3) <= worst);
    slow_free(&s);
    network_free(n);
}
END_TEST

/* Gradient descent approaches the flow as its rate goes to 0: first order, and twice the finer one less the coarser one is nearer by far. */
START_TEST(test_descent_approaches_flow)
{
    struct fixture f;
    double C_v[3];
    for (int way = 0; way < 3; way++) {
        fixture_fill(&f, 2, 30, 20, 70);
        f.problem.simulation.seeds = 1;
        f.problem.label_noise = 0.2;
        f.problem.outlier_every = 1000000;
        f.problem.rows = f.problem.steps = 500 * (way + 1) + 1;
        f.problem.learning_rate = 1e-3 / (way + 1);
        if (way == 2) fixture_flow(&f, 3, 0.5);
        dmft_trajectory *t = simulated(&f.problem, 1, DMFT_OK);
        C_v[way] = at(t, "C_v", dmft_trajectory_rows(t) - 1);
        dmft_trajectory_free(t);
    }
    double coarse = fabs(C_v[0] - C_v[2]), fine = fabs(C_v[1] - C_v[2]), extrapolated = fabs(2 * C_v[1] - C_v[0] - C_v[2]);
    ck_assert_msg(coarse < 1e-2 && fabs(coarse / fine - 2) < 0.05 && extrapolated < 0.02 * fine, "%.3g %.3g %.3g", coarse, fine, extrapolated);
}
END_TEST

/* C_v after a number of equal steps. */
static double after_steps(const dmft_problem *problem, double time, int steps)
{
    struct network *n = network_made(problem);
    double row[2 * MOST_LAYERS + 3];
    network_start(n, 2);
    for (int t = 0; t < steps; t++) {
        network_evaluate(n);
        (void)network_flow_try(n, time / steps);
        network_flow_accept(n, time / steps);
    }
    network_evaluate(n);
    network_kernels(n, row);
    network_free(n);
    return row[0];
}

START_TEST(test_flow_is_of_order_5)
{
    struct fixture f;
    fixture_fill(&f, 2, 30, 20, 70);
    fixture_flow(&f, 1, 0.5);
    f.problem.batch = _i != 0 ? BATCH_ONLINE : BATCH_FULL;
    double exact = after_steps(&f.problem, 0.5, 512), last = 0;
    for (int steps = 8; steps <= 64; steps *= 2) {
        double error = fabs(after_steps(&f.problem, 0.5, steps) - exact), order = steps > 8 ? log2(last / error) : NAN;
        if (steps > 16) ck_assert_msg(order > 4.6 && order < 6.6, "order %.2f from %d steps on (error %.3g)", order, steps, error);
        last = error;
    }
    struct network *n = network_made(&f.problem);
    network_start(n, 2);
    network_evaluate(n);
    double coarse = network_flow_try(n, 0.05), fine = network_flow_try(n, 0.025); /* in shorter ones it is lost in rounding */
    ck_assert_msg(fabs(log2(coarse / fine) - 5) < 0.8, "the estimate is of order %.2f in a step", log2(coarse / fine));
    network_free(n);
}
END_TEST

/* D A_0 A_0^T - w w^T for L = 1, and N A_{l+1}^T A_{l+1} - (fan-in) A_l A_l^T, do not change in a flow: one entry of each. */
static double balance(const struct network *n, int l)
{
    size_t fan_in = network_columns(n, l);
    double sum = 0;
    for (size_t j = 0; j < fan_in; j++) sum -= (double)fan_in * n->weight[l][j] * n->weight[l][fan_in + j];
    if (l + 1 == n->depth) return sum + n->readout[0] * n->readout[1];
    for (size_t i = 0; i < n->width; i++) sum += (double)n->width * n->weight[l + 1][i * n->width] * n->weight[l + 1][i * n->width + 1];
    return sum;
}

START_TEST(test_flow_conserves)
{
    struct fixture f;
    double before[3];
    fixture_fill(&f, 3, 40, 30, 100);
    fixture_flow(&f, 1, 3);
    f.problem.batch = _i != 0 ? BATCH_ONLINE : BATCH_FULL;
    struct network *n = network_made(&f.problem);
    network_start(n, 0);
    double moved = n->weight[0][0];
    for (int l = 0; l < 3; l++) before[l] = balance(n, l);
    flow_through(n, 3);
    for (int l = 0; l < 3; l++) assert_close(balance(n, l), before[l], 3e-6, "what is conserved");
    ck_assert(fabs(n->weight[0][0] - moved) > 1e-3);
    network_free(n);
}
END_TEST

/* L = 1, A_0 = 0, the law of the inputs: w and A_0 grow along one direction, w = s0 cosh(a), |A_0| sqrt(D) = s0 sinh(a), da/dt = c (1 - k sinh 2a) with
 * k = s0^2/(2 gamma sqrt(nu) D), which gives e^{2a} in closed form, and C_v = (1 - k sinh 2a)^2. */
START_TEST(test_flow_in_closed_form)
{
    struct fixture f;
    fixture_fill(&f, 1, 24, 16, 50);
    fixture_flow(&f, 12, 4);
    f.variance[0] = 0;
    f.problem.gamma0 = _i == 0 ? 2.385 : _i == 1 ? 0.1 : 30;
    f.problem.batch = BATCH_ONLINE;
    f.problem.label_noise = 0.6;
    f.problem.simulation.seeds = 1;
    f.problem.time = _i == 0 ? 4 : _i == 1 ? 2 : 0.5;
    struct network *n = network_made(&f.problem);
    network_start(n, 0);
    double s0 = 0, root = sqrt(16.0 / 24), gamma = f.problem.gamma0 * root, c = gamma / root;
    for (size_t i = 0; i < 16; i++) s0 += n->readout[i] * n->readout[i];
    double k = s0 / (2 * gamma * root * 24), q = sqrt(1 + k * k), high = (1 + q) / k, low = (1 - q) / k, ratio = (1 - low) / (high - 1);
    network_free(n);
    dmft_trajectory *t = simulated(&f.problem, 1, DMFT_OK);
    ck_assert_uint_eq(dmft_trajectory_rows(t), 13);
    for (size_t row = 0; row < 13; row++) {
        double time = at(t, "time", row), R = ratio * exp(2 * q * c * time), u = (low + R * high) / (1 + R), p = k * (u - 1 / u) / 2;
        ck_assert(fabs(time - f.problem.time * (double)row / 12) < 1e-14 && at(t, "step", row) == (double)row);
        assert_close(at(t, "C_v", row), (1 - p) * (1 - p), 1e-6, "C_v");
        assert_close(at(t, "C_Delta", row), at(t, "C_v", row) + 0.36, 1e-15, "C_Delta");
        ck_assert(at(t, "C_h0", row) == at(t, "C_v", row));
        assert_close(at(t, "A0_sv1", row), sqrt(s0 / 24) * (sqrt(u) - 1 / sqrt(u)) / 2, 2e-6, "singular value");
    }
    dmft_trajectory_free(t);
}
END_TEST

/* Threads do not matter; `time` is hidden, and those of a geometric grid; an adaptive one is refused; the escape time is a time. */
START_TEST(test_flow_of_an_ensemble)
{
    struct fixture f;
    dmft_error err;
    dmft_trajectory *none = NULL;
    fixture_fill(&f, 2, 60, 40, 240);
    for (int l = 0; l < 3; l++) f.variance[l] = 0.25;
    f.problem.gamma0 = 6;
    f.problem.simulation.seeds = 5;
    fixture_flow(&f, 14, 3);
    f.problem.grid = GRID_GEOMETRIC;
    f.problem.grid_first = 0.01;
    dmft_trajectory *one = simulated(&f.problem, 1, DMFT_OK), *three = simulated(&f.problem, 3, DMFT_OK);
    expect_same_bytes(one, three);
    ck_assert_str_eq(dmft_trajectory_series_name(one, 1), "time");
    ck_assert(dmft_trajectory_series_shown(one, 1) == 0 && dmft_trajectory_errors(one, "time") == NULL);
    ck_assert(at(one, "time", 1) > 0.0099999 && at(one, "time", 1) < 0.0100001 && at(one, "time", 14) == 3);
    double step = dmft_trajectory_number(one, "A1_escape_step1"), time = dmft_trajectory_number(one, "A1_escape_time1");
    ck_assert(step >= 1 && time > at(one, "time", (size_t)step - 1) && time < at(one, "time", (size_t)step));
    f.problem.outlier_every = 2; /* between records the time is not known */
    dmft_trajectory *sparse = simulated(&f.problem, 1, DMFT_OK);
    ck_assert_double_eq(dmft_trajectory_number(sparse, "A1_escape_step1"), 2 * ceil(step / 2));
    ck_assert(isnan(dmft_trajectory_number(sparse, "A1_escape_time1")));
    dmft_trajectory_free(sparse);
    f.problem.grid = GRID_ADAPTIVE;
    ck_assert_int_eq(dmft_simulate(&f.problem, NULL, &none, &err), DMFT_ERROR_UNAVAILABLE);
    ck_assert(none == NULL && strstr(err.text, "uniform | geometric") != NULL);
    dmft_trajectory_free(one);
    dmft_trajectory_free(three);
}
END_TEST

/* Far beyond all rates, where stability bounds the steps, a run takes about as many as are expected, and ends at rest. */
START_TEST(test_flow_for_long)
{
    struct fixture f;
    int steps = 0;
    double row[2 * MOST_LAYERS + 3];
    dmft_error err;
    fixture_fill(&f, 2, 30, 20, 120);
    for (int l = 0; l < 3; l++) f.variance[l] = 1;
    fixture_flow(&f, 1, 300);
    f.problem.gamma0 = 0.2; /* rates do not grow */
    f.problem.batch = BATCH_ONLINE;
    struct network *n = network_made(&f.problem);
    network_start(n, 0);
    do {
        network_evaluate(n);
        steps++;
    } while (network_flow(n, 300, &err) == 0);
    double expected = network_flow_steps(&f.problem);
    ck_assert_msg(steps > expected / 5 && steps < 3 * expected, "%d steps, expected %.0f", steps, expected);
    network_evaluate(n);
    network_kernels(n, row);
    ck_assert_msg(row[0] < 1e-12, "C_v %.3g after %d steps, %.0f expected", row[0], steps, expected);
    network_free(n);
}
END_TEST

/* ---- Streams and initial state ---- */

START_TEST(test_gaussians)
{
    enum { COUNT = 200000 };
    double *x = malloc(COUNT * sizeof *x), moment[5] = {0};
    struct random_stream stream = random_start(1, 2, 3);
    random_gaussians(&stream, 0.5, COUNT, x);
    for (int i = 0; i < COUNT; i++)
        for (int k = 1; k <= 4; k++) moment[k] += pow(2 * x[i], k) / COUNT;
    ck_assert(fabs(moment[1]) < 4 / sqrt(COUNT));
    ck_assert(fabs(moment[2] - 1) < 4 * sqrt(2.0 / COUNT));
    ck_assert(fabs(moment[3]) < 4 * sqrt(15.0 / COUNT));
    ck_assert(fabs(moment[4] - 3) < 4 * sqrt(96.0 / COUNT));
    struct random_stream before = stream;
    random_gaussians(&stream, 0.0, COUNT, x);
    ck_assert(memcmp(&before, &stream, sizeof before) == 0 && slow_mean_square(x, COUNT) <= 0);
    free(x);
}
END_TEST

/* Streams whose names differ in one place, even by one bit, are uncorrelated. */
START_TEST(test_streams_are_unrelated)
{
    enum { COUNT = 10000, NAMES = 7 };
    static const uint64_t name[NAMES][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0}, {UINT64_MAX, 0, 0}, {1ull << 63, 0, 0}};
    double *x = malloc(NAMES * COUNT * sizeof *x);
    for (int a = 0; a < NAMES; a++) {
        struct random_stream stream = random_start(name[a][0], name[a][1], name[a][2]);
        random_gaussians(&stream, 1.0, COUNT, x + a * COUNT);
        for (int b = 0; b < a; b++) {
            double product = 0;
            for (int i = 0; i < COUNT; i++) product += x[a * COUNT + i] * x[b * COUNT + i];
            ck_assert(fabs(product) < 4.5 * sqrt(COUNT));
        }
    }
    free(x);
}
END_TEST

/* Numbers of unit variance, scaled; at most 4 standard deviations of correlation. */
static void assert_unrelated(const double *x, double variance_x, const double *y, double variance_y, int n)
{
    double product = 0;
    for (int i = 0; i < n; i++) product += x[i] * y[i];
    ck_assert(fabs(product) < 4 * sqrt(n * variance_x * variance_y));
}

/* Variances of the initial state, its parts unrelated, and |w*|^2 = D. */
START_TEST(test_initial_state)
{
    struct fixture f;
    fixture_fill(&f, 2, 150, 90, 100);
    f.problem.label_noise = 0.7;
    struct network *n = network_made(&f.problem);
    network_start(n, 0);
    ck_assert(fabs(slow_mean_square(n->weight[0], 90 * 150) * 150 / f.variance[0] - 1) < 4 * sqrt(2.0 / (90 * 150)));
    ck_assert(fabs(slow_mean_square(n->weight[1], 90 * 90) * 90 / f.variance[1] - 1) < 4 * sqrt(2.0 / (90 * 90)));
    ck_assert(fabs(slow_mean_square(n->readout, 90) / f.variance[2] - 1) < 4 * sqrt(2.0 / 90));
    ck_assert(fabs(slow_mean_square(n->inputs, 150 * 100) - 1) < 4 * sqrt(2.0 / (150 * 100)));
    ck_assert(fabs(slow_mean_square(n->noise, 100) / 0.49 - 1) < 4 * sqrt(2.0 / 100));
    assert_close(slow_mean_square(n->target, 150), 1.0, 1e-14, "|w*|^2/D");
    assert_unrelated(n->weight[0], f.variance[0] / 150, n->weight[1], f.variance[1] / 90, 90 * 90);
    assert_unrelated(n->weight[0], f.variance[0] / 150, n->readout, f.variance[2], 90);
    assert_unrelated(n->weight[1], f.variance[1] / 90, n->readout, f.variance[2], 90);
    assert_unrelated(n->weight[0], f.variance[0] / 150, n->target, 1, 150);
    assert_unrelated(n->weight[0], f.variance[0] / 150, n->inputs, 1, 90 * 150);
    assert_unrelated(n->inputs, 1, n->target, 1, 150);
    assert_unrelated(n->inputs, 1, n->noise, 0.49, 100);
    network_free(n);
}
END_TEST

START_TEST(test_initial_error)
{
    struct fixture f;
    fixture_fill(&f, 2, 60, 40, 30);
    f.problem.simulation.seeds = 64;
    f.problem.rows = f.problem.steps = 1;
    f.problem.gamma0 = 0.6;
    dmft_trajectory *t = simulated(&f.problem, 2, DMFT_OK);
    double expected = 1 + f.variance[0] * f.variance[1] * f.variance[2] / (0.36 * 40 / 60.0);
    double se = dmft_trajectory_errors(t, "C_v")[0];
    ck_assert(se > 0 && fabs(at(t, "C_v", 0) - expected) < 4 * se);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- Singular values ---- */

/* Singular values and first vectors (u: rows, v: columns) by LAPACK, with a sum of squares that must come out right. */
static void lapack_singular(const double *A, int rows, int columns, double *s, double *u, double *v)
{
    int few = rows < columns ? rows : columns;
    double *copy = malloc((size_t)(rows * columns) * sizeof *copy), *U = zeros(rows * few), *VT = zeros(few * columns), *superb = zeros(few + 1);
    memcpy(copy, A, (size_t)(rows * columns) * sizeof *copy);
    ck_assert_int_eq(LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'S', 'S', rows, columns, copy, columns, s, U, few, VT, columns, superb), 0);
    for (int i = 0; i < rows; i++) u[i] = U[i * few];
    for (int j = 0; j < columns; j++) v[j] = VT[j];
    free(copy), free(U), free(VT), free(superb);
}

static double overlap_with(const double *x, const double *unit, int n)
{
    double product = 0;
    for (int i = 0; i < n; i++) product += x[i] * unit[i];
    return product * product / n;
}

/* What network_spectrum has written for A_l. Below 1e-7 of the largest singular value a Gram matrix cannot see. */
static void assert_spectrum(const struct network *n, int l, const double *out)
{
    int rows = (int)n->width, columns = l == 0 ? (int)n->input_dim : rows, few = rows < columns ? rows : columns;
    int count = n->problem->outlier_count + 1;
    double *s = zeros(few), *u = zeros(rows), *v = zeros(columns);
    lapack_singular(n->weight[l], rows, columns, s, u, v);
    for (int j = 0; j < count; j++)
        if (j < few)
            ck_assert_msg(fabs(out[j] - s[j]) <= 1e-9 * s[j] + 1e-7 * s[0], "A%d, value %d: %.15g, %.15g", l, j, out[j], s[j]);
        else
            ck_assert(isnan(out[j]));
    for (int j = 0; j < count && j < few && s[j] > 1e-3 * s[0]; j++) assert_close(out[j] / s[j], 1.0, 1e-9, "singular value");
    if (s[0] > 0 && (few == 1 || s[1] < 0.99 * s[0])) {
        assert_close(out[count + NETWORK_LEFT], overlap_with(n->g[l + 1], u, rows), 1e-6, "left overlap");
        assert_close(out[count + NETWORK_RIGHT], overlap_with(n->h[l], v, columns), 1e-6, "right overlap");
        if (l == 0) assert_close(out[count + NETWORK_TO_TARGET], overlap_with(n->target, v, columns), 1e-6, "target overlap");
    }
    if (!(s[0] > 0)) ck_assert(isnan(out[count + NETWORK_LEFT]) && isnan(out[count + NETWORK_RIGHT]));
    free(s), free(u), free(v);
}

/* Trains one network and checks its spectra at every step. */
static void check_spectra(const dmft_problem *problem, int steps)
{
    struct network *n = network_made(problem);
    double *out = zeros((int)network_spectrum_columns(problem));
    dmft_error err = {.text = ""};
    network_start(n, 1);
    for (int t = 0; t < steps; t++) {
        network_evaluate(n);
        ck_assert_msg(network_spectrum(n, out, &err) == DMFT_OK, "step %d: %s", t, err.text);
        for (int l = 0; l < n->depth; l++) assert_spectrum(n, l, out + (size_t)l * network_layer_columns(problem));
        network_learn(n);
    }
    free(out);
    network_free(n);
}

START_TEST(test_singular_values)
{
    static const int width[] = {20, 40, 65, 130};
    struct fixture f;
    fixture_fill(&f, 2, 64, width[_i], 256);
    f.problem.gamma0 = 4;
    check_spectra(&f.problem, 25);
}
END_TEST

/* Large enough that the eigensolver's own tolerance decides, not the end of its space. */
START_TEST(test_singular_values_of_larger_matrices)
{
    struct fixture f;
    fixture_fill(&f, 2, 300, 150, 600);
    for (int l = 0; l < 3; l++) f.variance[l] = 0.25;
    f.problem.gamma0 = 8.5;
    f.problem.learning_rate = 0.04;
    check_spectra(&f.problem, 14);
}
END_TEST

/* Layers of variance 0: matrices that are 0, then of low rank. */
START_TEST(test_singular_values_of_low_rank)
{
    struct fixture f;
    fixture_fill(&f, 3, 30, 20, 60);
    f.variance[0] = _i & 1 ? 0 : 0.4;
    f.variance[1] = _i & 2 ? 0 : 0.4;
    f.variance[3] = _i & 4 ? 0 : 0.4;
    f.problem.gamma0 = 3;
    check_spectra(&f.problem, 20);
}
END_TEST

/* ---- Promises of the ensemble ---- */

START_TEST(test_threads_do_not_matter)
{
    struct fixture f;
    fixture_fill(&f, 2, 40, 31, 80);
    f.problem.simulation.seeds = 7;
    f.problem.gamma0 = 5;
    f.problem.rows = f.problem.steps = 20;
    f.problem.outlier_every = 3;
    f.problem.batch = _i != 0 ? BATCH_ONLINE : BATCH_FULL;
    f.problem.label_noise = 0.1;
    dmft_trajectory *one = simulated(&f.problem, 1, DMFT_OK), *two = simulated(&f.problem, 2, DMFT_OK), *five = simulated(&f.problem, 5, DMFT_OK);
    expect_same_bytes(one, two);
    expect_same_bytes(one, five);
    dmft_trajectory_free(one);
    dmft_trajectory_free(two);
    dmft_trajectory_free(five);
}
END_TEST

/* C_v of network `index` by itself at all steps, in room that another network has used before. */
static void alone(const dmft_problem *problem, long index, double *C_v)
{
    struct network *n = network_made(problem);
    double row[2 * MOST_LAYERS + 3];
    for (int used = 0; used < 2; used++) {
        network_start(n, used == 0 ? index + 1 : index);
        for (long t = 0; t < problem->steps; t++) {
            network_evaluate(n);
            network_kernels(n, row);
            C_v[t] = row[0];
            network_learn(n);
        }
    }
    network_free(n);
}

START_TEST(test_seeds_do_not_touch_each_other)
{
    struct fixture f;
    fixture_fill(&f, 2, 21, 14, 30);
    double *x = zeros(4 * 6);
    for (long i = 0; i < 4; i++) alone(&f.problem, i, x + 6 * i);
    for (long seeds = 1; seeds <= 4; seeds++) {
        f.problem.simulation.seeds = seeds;
        dmft_trajectory *t = simulated(&f.problem, 2, DMFT_OK);
        for (size_t step = 0; step < 6; step++) {
            double sum = 0, squares = 0;
            for (long i = 0; i < seeds; i++) sum += x[6 * (size_t)i + step];
            for (long i = 0; i < seeds; i++) squares += pow(x[6 * (size_t)i + step] - sum / (double)seeds, 2);
            assert_close(at(t, "C_v", step), sum / (double)seeds, 1e-15, "mean");
            double se = dmft_trajectory_errors(t, "C_v")[step];
            if (seeds == 1)
                ck_assert(isnan(se));
            else
                assert_close(se, sqrt(squares / (double)(seeds - 1) / (double)seeds), 1e-14, "standard error");
        }
        dmft_trajectory_free(t);
    }
    free(x);
}
END_TEST

/* ---- The trajectory ---- */

START_TEST(test_columns)
{
    static const char *names[] = {"step",        "C_v",         "C_Delta",     "C_h0",       "C_h1",           "C_h2",
                                  "C_g1",        "C_g2",        "A0_outlier1", "A0_outlier2", "A1_outlier1",   "A1_outlier2",
                                  "test_loss",   "train_loss",  "A0_sv1",      "A0_sv2",     "A0_sv3",         "A0_edge",
                                  "A1_sv1",      "A1_sv2",      "A1_sv3",      "A1_edge",    "A0_target_overlap", "A0_left_overlap",
                                  "A0_right_overlap", "A1_left_overlap", "A1_right_overlap"};
    struct fixture f;
    fixture_fill(&f, 2, 20, 10, 17);
    f.problem.label_noise = 0.5;
    dmft_trajectory *t = simulated(&f.problem, 1, DMFT_OK);
    ck_assert_uint_eq(dmft_trajectory_series_count(t), sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ck_assert_str_eq(dmft_trajectory_series_name(t, i), names[i]);
        ck_assert_int_eq(dmft_trajectory_series_shown(t, i), i < 12);
        ck_assert((dmft_trajectory_errors(t, names[i]) == NULL) == (i == 0));
    }
    for (size_t row = 0; row < 6; row++) {
        ck_assert(at(t, "step", row) == (double)row);
        assert_close(at(t, "test_loss", row), (at(t, "C_v", row) + 0.25) / 2, 1e-15, "test_loss");
        assert_close(at(t, "train_loss", row), at(t, "C_Delta", row) / 2, 1e-15, "train_loss");
    }
    ck_assert(dmft_trajectory_number(t, "input_dim") == 20 && dmft_trajectory_number(t, "width") == 10);
    ck_assert(dmft_trajectory_number(t, "samples") == 17 && dmft_trajectory_number(t, "seeds") == 3);
    ck_assert(dmft_trajectory_number(t, "seed") == 5 && dmft_trajectory_number(t, "label_noise") == 0.5);
    ck_assert(dmft_trajectory_number(t, "seconds") >= 0 && dmft_trajectory_number(t, "seeds_diverged") == 0);
    ck_assert_str_eq(dmft_trajectory_text(t, "kind"), "simulation");
    ck_assert_str_eq(dmft_trajectory_text(t, "model"), "deep_linear");
    ck_assert_str_eq(dmft_trajectory_text(t, "config"), "model: x\n");
    dmft_trajectory_free(t);
}
END_TEST

/* The rules for outliers, the edge and escapes, from the raw means. */
START_TEST(test_outliers_and_escapes)
{
    struct fixture f;
    fixture_fill(&f, 2, 120, 60, 480);
    for (int l = 0; l < 3; l++) f.variance[l] = 0.25;
    f.problem.gamma0 = 8.5;
    f.problem.learning_rate = 0.02;
    f.problem.rows = f.problem.steps = 30;
    const size_t every = (size_t)_i;
    f.problem.outlier_every = _i;
    dmft_trajectory *t = simulated(&f.problem, 2, DMFT_OK);
    for (int l = 0; l < 2; l++) {
        double limit = 0.5 * (1 + sqrt(l == 0 ? 0.5 : 1.0)) * (1 + pow(60, -2.0 / 3)), escape = -1, before = NAN;
        char sv[2][16], outlier[16], edge[16], left[32], number[32];
        for (int j = 0; j < 2; j++) snprintf(sv[j], sizeof sv[j], "A%d_sv%d", l, j + 1);
        snprintf(outlier, sizeof outlier, "A%d_outlier1", l);
        snprintf(edge, sizeof edge, "A%d_edge", l);
        snprintf(left, sizeof left, "A%d_left_overlap", l);
        for (size_t row = 0; row < 30; row++) {
            double first = at(t, sv[0], row), second = at(t, sv[1], row);
            ck_assert(isnan(first) == (row % every != 0));
            if (row % every != 0 || !(first > limit)) ck_assert(isnan(at(t, outlier, row)) && isnan(at(t, left, row)));
            if (row % every != 0) continue;
            ck_assert(at(t, edge, row) == (first > limit ? second : first) && second < limit);
            if (first > limit) ck_assert(at(t, outlier, row) == first && at(t, left, row) > 0);
            if (first > limit && escape < 0) {
                escape = (double)row;
                snprintf(number, sizeof number, "A%d_escape_time1", l);
                double x0 = before / limit - 1, x1 = first / limit - 1;
                if (every == 1)
                    assert_close(dmft_trajectory_number(t, number), (double)row - x1 / (x1 - x0), 1e-12, "escape time");
                else
                    ck_assert(isnan(dmft_trajectory_number(t, number))); /* between two records, it is not known when */
            }
            before = first;
        }
        snprintf(number, sizeof number, "A%d_escape_step1", l);
        ck_assert(escape > 0 && dmft_trajectory_number(t, number) == escape);
        snprintf(number, sizeof number, "A%d_escape_step2", l);
        ck_assert(isnan(dmft_trajectory_number(t, number)));
    }
    dmft_trajectory_free(t);
}
END_TEST

/* A layer of variance 0 has no bulk: its first update is an outlier, and what is only rounding is none. */
START_TEST(test_no_variance)
{
    struct fixture f;
    fixture_fill(&f, 2, 17, 12, 30);
    f.variance[0] = 0;
    dmft_trajectory *t = simulated(&f.problem, 1, DMFT_OK);
    ck_assert(isnan(at(t, "A0_outlier1", 0)) && at(t, "A0_sv1", 0) == 0 && at(t, "C_h1", 0) == 0);
    ck_assert(at(t, "A0_outlier1", 1) > 0 && isnan(at(t, "A0_outlier2", 1)) && at(t, "A0_edge", 1) < 1e-6);
    ck_assert(dmft_trajectory_number(t, "A0_escape_step1") == 1 && isnan(dmft_trajectory_number(t, "A0_escape_time1")));
    dmft_trajectory_free(t);
    for (int l = 0; l < 3; l++) f.variance[l] = 0;
    t = simulated(&f.problem, 1, DMFT_OK);
    ck_assert(at(t, "C_v", 5) > 0.99 && at(t, "A1_sv1", 5) == 0 && isnan(at(t, "A1_outlier1", 5)));
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(test_sizes)
{
    static const long sizes[] = {1, 2, 3, 17};
    struct fixture f;
    for (int i = 0; i < 64; i++) {
        long D = sizes[i % 4], N = sizes[i / 4 % 4], P = sizes[i / 16];
        fixture_fill(&f, i % 3 + 1, D, N, P);
        f.problem.learning_rate = 0.001;
        f.problem.batch = i % 5 == 0 ? BATCH_ONLINE : BATCH_FULL;
        dmft_trajectory *t = simulated(&f.problem, 2, DMFT_OK);
        ck_assert(dmft_trajectory_number(t, "width") == (double)N && dmft_trajectory_number(t, "samples") == (double)P);
        ck_assert(isfinite(at(t, "C_v", 5)) && at(t, "A0_sv1", 5) > 0);
        ck_assert(isnan(at(t, "A0_sv2", 5)) == (D < 2 || N < 2));
        ck_assert(isnan(at(t, "A0_sv3", 5)) == (D < 3 || N < 3));
        dmft_trajectory_free(t);
        check_spectra(&f.problem, 3);
    }
}
END_TEST

/* Ratios that give less than one neuron or sample give one. */
START_TEST(test_sizes_are_rounded)
{
    struct fixture f;
    fixture_fill(&f, 1, 10, 1, 1);
    f.problem.width_ratio = 0.249;
    f.problem.sample_ratio = 0.01;
    struct network_size size = network_size_of(&f.problem);
    ck_assert(size.input_dim == 10 && size.width == 2 && size.samples == 1);
    f.problem.width_ratio = 0.25;
    ck_assert(network_size_of(&f.problem).width == 3);
}
END_TEST

/* ---- Divergence ---- */

/* The step at which network `index` diverges by the rule, or -1. */
static long divergence_of(const dmft_problem *problem, long index)
{
    struct network *n = network_made(problem);
    size_t columns = network_kernel_columns(problem);
    double first[2 * MOST_LAYERS + 3], row[2 * MOST_LAYERS + 3];
    long at_step = -1;
    network_start(n, index);
    for (long t = 0; t < problem->steps && at_step < 0; t++) {
        network_evaluate(n);
        network_kernels(n, row);
        if (t == 0) memcpy(first, row, sizeof first);
        for (size_t i = 0; i < columns; i++)
            if (!isfinite(row[i]) || row[i] > 1e12 * (first[i] > 1 ? first[i] : 1)) at_step = t;
        network_learn(n);
    }
    network_free(n);
    return at_step;
}

START_TEST(test_divergence)
{
    struct fixture f;
    fixture_fill(&f, 1, 30, 20, 40);
    f.variance[0] = _i == 1 ? 0 : 0.5; /* 1: kernel regression, C_v grows by a factor of a few a step from 1; 2: from 1e5 */
    f.problem.gamma0 = _i == 0 ? 1 : _i == 1 ? 1e-8 : 1e-3;
    f.problem.learning_rate = _i == 0 ? 0.8 : _i == 1 ? 1.2 : 1.0;
    f.problem.rows = f.problem.steps = 60;
    f.problem.simulation.seeds = 5;
    long earliest = -1, count = 0, sum = 0, last = 0;
    for (long i = 0; i < 5; i++) {
        long step = divergence_of(&f.problem, i);
        count += step >= 0;
        sum += step >= 0 ? step : 0;
        last = step > last ? step : last;
        if (step >= 0 && (earliest < 0 || step < earliest)) earliest = step;
    }
    ck_assert_int_gt(earliest, 1);
    dmft_trajectory *t = simulated(&f.problem, 3, DMFT_DIVERGED), *again = simulated(&f.problem, 1, DMFT_DIVERGED);
    ck_assert_int_eq(dmft_trajectory_diverged_at(t), earliest);
    ck_assert_uint_eq(dmft_trajectory_rows(t), (size_t)earliest);
    ck_assert(dmft_trajectory_number(t, "seeds_diverged") == (double)count);
    ck_assert_double_eq_tol(dmft_trajectory_number(t, "diverged_mean"), (double)sum / (double)count, 1e-12);
    ck_assert(dmft_trajectory_number(t, "diverged_last") == (double)last);
    for (size_t row = 0; row < (size_t)earliest; row++) ck_assert(isfinite(at(t, "C_v", row)) && isfinite(at(t, "A0_sv1", row)));
    expect_same_bytes(t, again);
    dmft_trajectory_free(t);
    dmft_trajectory_free(again);
}
END_TEST

/* Nothing finite to start from: no rows. */
START_TEST(test_divergence_at_once)
{
    struct fixture f;
    fixture_fill(&f, 1, 5, 5, 5);
    f.problem.gamma0 = 1e-200;
    dmft_trajectory *t = simulated(&f.problem, 1, DMFT_DIVERGED);
    ck_assert(dmft_trajectory_rows(t) == 0 && dmft_trajectory_diverged_at(t) == 0 && dmft_trajectory_number(t, "seeds_diverged") == 3);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(test_memory_limit)
{
    struct fixture f;
    fixture_fill(&f, 2, 40, 20, 80);
    dmft_estimate estimate = dmft_simulate_estimate(&f.problem, 2);
    dmft_trajectory *t = NULL;
    dmft_error err;
    dmft_run_options options = {.threads = 2, .memory_limit = (size_t)estimate.bytes - 1};
    ck_assert_int_eq(dmft_simulate(&f.problem, &options, &t, &err), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert(t == NULL && strstr(err.text, "D = 40") != NULL && strstr(err.text, "MB") != NULL);
    options.memory_limit += 2;
    ck_assert_int_eq(dmft_simulate(&f.problem, &options, &t, &err), DMFT_OK);
    dmft_trajectory_free(t);
    f.problem.simulation.input_dim = 1000000000;
    ck_assert(dmft_simulate_estimate(&f.problem, 1).bytes > 4e18);
    ck_assert_int_eq(dmft_simulate(&f.problem, &options, NULL, NULL), DMFT_ERROR_MEMORY_LIMIT);
}
END_TEST

/* The estimate: one network a thread, never more than there are networks. */
START_TEST(test_estimate)
{
    struct fixture f;
    fixture_fill(&f, 2, 200, 100, 800);
    double one = dmft_simulate_estimate(&f.problem, 1).bytes, two = dmft_simulate_estimate(&f.problem, 2).bytes;
    double three = dmft_simulate_estimate(&f.problem, 3).bytes, many = dmft_simulate_estimate(&f.problem, 64).bytes;
    ck_assert(two - one > 8.0 * (800 * 200 + 100 * 200 + 100 * 100) && fabs(three - 2 * two + one) < 1 && fabs(many - three) < 1);
    ck_assert(dmft_simulate_estimate(&f.problem, 1).operations > 3 * 6 * 4.0 * 800 * 200);
    f.problem.batch = BATCH_ONLINE;
    ck_assert(dmft_simulate_estimate(&f.problem, 1).bytes < one - 8.0 * 600 * 200);
}
END_TEST

START_TEST(test_too_large_for_blas)
{
    struct fixture f;
    fixture_fill(&f, 1, 10, 10, 10);
    f.problem.sample_ratio = 3e8;
    f.problem.batch = BATCH_ONLINE;
    dmft_trajectory *t = NULL;
    dmft_error err;
    ck_assert_int_eq(dmft_simulate(&f.problem, NULL, &t, &err), DMFT_ERROR_ARGUMENT);
    ck_assert(t == NULL && strstr(err.text, "3000000000") != NULL);
}
END_TEST

struct watcher {
    long calls, last, total, stop_after;
    int inside;
};

static int watch(void *user, const dmft_progress *p)
{
    struct watcher *w = user;
    w->inside++; /* a second thread here would be seen by the thread sanitizer, and most likely by this count */
    ck_assert(w->inside == 1 && p->done > w->last && p->done <= p->total && isnan(p->residual));
    ck_assert_str_eq(p->what, "network steps");
    w->calls++;
    w->last = p->done;
    w->total = p->total;
    w->inside--;
    return w->stop_after > 0 && w->calls >= w->stop_after;
}

START_TEST(test_progress_and_stop)
{
    struct fixture f;
    struct watcher w = {0};
    dmft_run_options options = {.threads = 3, .progress = watch, .user = &w};
    dmft_trajectory *t = NULL;
    dmft_error err;
    for (int size = 20; size <= 120; size += 100) { /* one call a network; one call every few steps */
        w = (struct watcher){0};
        fixture_fill(&f, 2, size, size, 4 * size);
        f.problem.simulation.seeds = 9;
        ck_assert_int_eq(dmft_simulate(&f.problem, &options, &t, &err), DMFT_OK);
        ck_assert(w.last == 9 * 6 && w.total == 9 * 6 && (size == 20 ? w.calls == 9 : w.calls > 9));
        dmft_trajectory_free(t);
    }
    for (long stop = 1; stop <= 4; stop++) {
        w = (struct watcher){.stop_after = stop};
        t = NULL;
        ck_assert_int_eq(dmft_simulate(&f.problem, &options, &t, &err), DMFT_STOPPED);
        ck_assert(t == NULL && w.calls == stop && err.status == DMFT_STOPPED);
    }
}
END_TEST

/* ---- Checkpoints ---- */

static int stop_after(void *user, const dmft_progress *p)
{
    struct watcher *w = user;
    ck_assert(p->done >= w->last); /* in flow several reports may come between two rows */
    w->last = p->done;
    return ++w->calls >= w->stop_after;
}

/* A problem whose networks are stopped within: several reports a network. */
static void fixture_long(struct fixture *f)
{
    fixture_fill(f, 2, 100, 80, 600);
    f->problem.simulation.seeds = 5;
    f->problem.rows = f->problem.steps = 60;
    f->problem.outlier_every = 4;
    f->problem.gamma0 = 5;
    f->problem.label_noise = 0.2;
}

/* Stops the run every few reports, with another number of threads each time, until it is done; returns the times it was stopped. */
static int in_pieces(const dmft_problem *problem, long piece, double every, dmft_trajectory **out)
{
    make_folder();
    const char *path = in_folder("checkpoint");
    int pieces = 0;
    long done = 0;
    for (;; pieces++) {
        struct watcher w = {.stop_after = piece};
        dmft_error err = {.text = ""};
        dmft_run_options options = {.threads = 1 + (pieces * 2) % 5, .progress = stop_after, .user = &w, .checkpoint = path, .checkpoint_every = every,
                                    .resume = pieces > 0 ? path : NULL};
        int status = dmft_simulate(problem, &options, out, &err);
        ck_assert(w.last >= done || w.calls == 0); /* it goes on from where it was */
        if (status != DMFT_STOPPED) {
            ck_assert_msg(status >= 0, "%s", err.text);
            break;
        }
        done = w.last;
    }
    remove_folder();
    return pieces;
}

/* 0: full batch; 1: online; 2: networks that diverge; 3: flow, stopped between rows; from 4 on: checkpoints all the time. */
START_TEST(test_resume_is_the_same)
{
    struct fixture f;
    int kind = _i % 4;
    fixture_long(&f);
    f.problem.batch = kind == 1 ? BATCH_ONLINE : BATCH_FULL;
    if (kind == 2) f.problem.learning_rate = 0.5;
    if (kind == 3) fixture_flow(&f, 4, 6.0);
    dmft_trajectory *pieces = NULL, *whole = simulated(&f.problem, 2, kind == 2 ? DMFT_DIVERGED : DMFT_OK);
    int times = in_pieces(&f.problem, 3, _i < 4 ? 0 : 1e-9, &pieces);
    ck_assert_int_gt(times, kind == 2 ? 0 : 4);
    expect_same_bytes(whole, pieces);
    dmft_trajectory_free(whole);
    dmft_trajectory_free(pieces);
}
END_TEST

/* Fewer threads than networks under way: those that wait in the file are carried over to the next checkpoint. */
START_TEST(test_networks_wait_in_the_checkpoint)
{
    struct fixture f;
    fixture_long(&f);
    make_folder();
    const char *path = in_folder("checkpoint");
    dmft_trajectory *whole = simulated(&f.problem, 1, DMFT_OK), *resumed = NULL;
    for (int run = 0; run < 4; run++) {
        struct watcher w = {.stop_after = run < 3 ? (run == 0 ? 8 : 1) : 1000000};
        dmft_run_options options = {
            .threads = run == 0 ? 5 : 1, .progress = stop_after, .user = &w, .checkpoint = path, .resume = run > 0 ? path : NULL};
        ck_assert_int_eq(dmft_simulate(&f.problem, &options, &resumed, NULL), run < 3 ? DMFT_STOPPED : DMFT_OK);
    }
    expect_same_bytes(whole, resumed);
    remove_folder();
    dmft_trajectory_free(whole);
    dmft_trajectory_free(resumed);
}
END_TEST

/* A run that is stopped when all is done has all in its checkpoint. */
START_TEST(test_stopped_at_the_end)
{
    struct fixture f;
    fixture_fill(&f, 1, 9, 7, 20);
    make_folder();
    const char *path = in_folder("checkpoint");
    struct watcher w = {.stop_after = 3};
    dmft_run_options options = {.threads = 2, .progress = stop_after, .user = &w, .checkpoint = path};
    dmft_trajectory *t = NULL, *whole = simulated(&f.problem, 1, DMFT_OK);
    ck_assert_int_eq(dmft_simulate(&f.problem, &options, &t, NULL), DMFT_STOPPED);
    ck_assert(w.last == 3 * 6);
    options = (dmft_run_options){.resume = path};
    ck_assert_int_eq(dmft_simulate(&f.problem, &options, &t, NULL), DMFT_OK);
    expect_same_bytes(whole, t);
    remove_folder();
    dmft_trajectory_free(whole);
    dmft_trajectory_free(t);
}
END_TEST

/* Other parameters, no file, a place that cannot be written: refused before anything is computed. */
START_TEST(test_checkpoint_refusals)
{
    struct fixture f;
    fixture_long(&f);
    make_folder();
    const char *path = in_folder("checkpoint");
    struct watcher w = {.stop_after = 2};
    dmft_error err;
    dmft_trajectory *t = NULL;
    dmft_run_options options = {.threads = 2, .progress = stop_after, .user = &w, .resume = path};
    ck_assert_int_eq(dmft_simulate(&f.problem, &options, &t, &err), DMFT_ERROR_READ);
    ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
    options = (dmft_run_options){.progress = stop_after, .user = &w, .checkpoint = "/proc/nowhere/x"};
    ck_assert_int_eq(dmft_simulate(&f.problem, &options, &t, &err), DMFT_ERROR_WRITE);
    ck_assert_int_eq(w.calls, 0);
    options.checkpoint = path;
    ck_assert_int_eq(dmft_simulate(&f.problem, &options, &t, &err), DMFT_STOPPED);
    options = (dmft_run_options){.progress = stop_after, .user = &w, .resume = path};
    strcpy(f.text, "model: y\n");
    w.calls = 0;
    ck_assert_int_eq(dmft_simulate(&f.problem, &options, &t, &err), DMFT_ERROR_CONFIG);
    ck_assert_msg(strstr(err.text, "model is x there and y here") != NULL, "%s", err.text);
    ck_assert(w.calls == 0 && t == NULL);
    remove_folder();
}
END_TEST

Suite *suite_network(void)
{
    Suite *suite = suite_create("network");
    TCase *cases = tcase_create("network");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, test_step_is_gradient_descent, 0, 12);
    tcase_add_test(cases, test_blocks_of_samples);
    tcase_add_loop_test(cases, test_flow_is_gradient_flow, 0, 6);
    tcase_add_test(cases, test_descent_approaches_flow);
    tcase_add_loop_test(cases, test_flow_is_of_order_5, 0, 2);
    tcase_add_loop_test(cases, test_flow_conserves, 0, 2);
    tcase_add_loop_test(cases, test_flow_in_closed_form, 0, 3);
    tcase_add_test(cases, test_flow_of_an_ensemble);
    tcase_add_test(cases, test_flow_for_long);
    tcase_add_test(cases, test_gaussians);
    tcase_add_test(cases, test_streams_are_unrelated);
    tcase_add_test(cases, test_initial_state);
    tcase_add_test(cases, test_initial_error);
    tcase_add_loop_test(cases, test_singular_values, 0, 4);
    tcase_add_test(cases, test_singular_values_of_larger_matrices);
    tcase_add_loop_test(cases, test_singular_values_of_low_rank, 0, 8);
    tcase_add_loop_test(cases, test_threads_do_not_matter, 0, 2);
    tcase_add_test(cases, test_seeds_do_not_touch_each_other);
    tcase_add_test(cases, test_columns);
    tcase_add_loop_test(cases, test_outliers_and_escapes, 1, 3);
    tcase_add_test(cases, test_no_variance);
    tcase_add_test(cases, test_sizes);
    tcase_add_test(cases, test_sizes_are_rounded);
    tcase_add_loop_test(cases, test_divergence, 0, 3);
    tcase_add_test(cases, test_divergence_at_once);
    tcase_add_test(cases, test_memory_limit);
    tcase_add_test(cases, test_estimate);
    tcase_add_test(cases, test_too_large_for_blas);
    tcase_add_test(cases, test_progress_and_stop);
    tcase_add_loop_test(cases, test_resume_is_the_same, 0, 8);
    tcase_add_test(cases, test_networks_wait_in_the_checkpoint);
    tcase_add_test(cases, test_stopped_at_the_end);
    tcase_add_test(cases, test_checkpoint_refusals);
    suite_add_tcase(suite, cases);
    return suite;
}
