/*
 * Training as people do it, in the simulator: schedules, momentum, decay, batches of a fixed sample, spectra of the inputs, residual branches and
 * mixtures of them, against a network trained the long way (backpropagation sample by sample through unnormalised weights, plain loops); the probes,
 * against the Jacobian of the outputs by all parameters and LAPACK's eigenvalues; and the promises of both (threads, checkpoints, epochs).
 */
#include <check.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/trajectory.h"
#include "network/network.h"
#include "numbers.h"
#include "runs.h"
#include "suites.h"

/* ---- Problems ---- */

enum { MOST_LAYERS = 4, MOST_MODES = 8, MOST_STEPS = 64 };

struct setting {
    const char *name;
    int depth;
    long D, N, P;
    int residual, modes;
    double momentum, decay;
    int scheduled;
    enum batch batch;
    double fraction, noise;
    enum parameterization parameterization;
};

struct fixture {
    char model[16], text[16];
    double variance[MOST_LAYERS + 1], eigenvalue[MOST_MODES], target[MOST_MODES], schedule[MOST_STEPS];
    dmft_problem problem;
};

/* Power laws of exponents 1 and 1/2. */
static void fill_spectrum(struct fixture *f, int modes)
{
    double mean = 0, power = 0;
    for (int k = 0; k < modes; k++) mean += 1.0 / (k + 1) / modes;
    for (int k = 0; k < modes; k++) {
        f->eigenvalue[k] = 1.0 / (k + 1) / mean;
        f->target[k] = pow(k + 1, -0.25);
        power += f->eigenvalue[k] * f->target[k] * f->target[k] / modes;
    }
    for (int k = 0; k < modes; k++) f->target[k] /= sqrt(power);
    f->problem.modes = (size_t)modes;
    f->problem.eigenvalue = modes > 0 ? f->eigenvalue : NULL;
    f->problem.target_mode = modes > 0 ? f->target : NULL;
}

static void fixture_fill(struct fixture *f, const struct setting *s)
{
    memset(f, 0, sizeof *f);
    strcpy(f->model, "deep_linear");
    strcpy(f->text, "model: x\n");
    for (int l = 0; l <= s->depth; l++) f->variance[l] = 0.5 + 0.13 * l;
    for (int t = 0; t < MOST_STEPS; t++) f->schedule[t] = t == 2 ? 0 : 1 + 0.4 * sin(t + 1.0);
    f->problem = (dmft_problem){.model = f->model,
                                .depth = s->depth,
                                .width_ratio = (double)s->N / (double)s->D,
                                .parameterization = s->parameterization,
                                .gamma0 = 2.385,
                                .weight_variance = f->variance,
                                .sample_ratio = (double)s->P / (double)s->D,
                                .label_noise = s->noise,
                                .batch = s->batch,
                                .batch_fraction = s->fraction,
                                .residual = s->residual,
                                .momentum = s->momentum,
                                .weight_decay = s->decay,
                                .schedule = s->scheduled ? f->schedule : NULL,
                                .learning_rate = 0.05,
                                .steps = 7,
                                .rows = 7,
                                .tolerance = 1e-11,
                                .outlier_count = 2,
                                .outlier_every = 1,
                                .text = f->text};
    f->problem.probes.every = 1;
    f->problem.simulation.given = 1;
    f->problem.simulation.input_dim = s->D;
    f->problem.simulation.seeds = 3;
    f->problem.simulation.seed = 5;
    fill_spectrum(f, s->modes);
}

static const struct setting settings[] = {
    {"plain", 2, 11, 7, 23, .batch = BATCH_FULL, .fraction = 1},
    {"schedule", 2, 11, 7, 23, .scheduled = 1, .batch = BATCH_FULL, .fraction = 1},
    {"momentum", 2, 11, 7, 23, .momentum = 0.9, .batch = BATCH_FULL, .fraction = 1, .noise = 0.3},
    {"decay", 1, 11, 7, 23, .decay = 0.07, .batch = BATCH_FULL, .fraction = 1},
    {"bernoulli", 2, 11, 7, 23, .batch = BATCH_BERNOULLI, .fraction = 0.3, .noise = 0.3},
    {"epoch", 2, 11, 7, 23, .batch = BATCH_EPOCH, .fraction = 1.0 / 3},
    {"spectrum", 2, 13, 7, 29, .modes = 5, .batch = BATCH_FULL, .fraction = 1},
    {"residual", 3, 9, 12, 17, .residual = 1, .batch = BATCH_FULL, .fraction = 1},
    {"residual, one layer", 1, 9, 12, 17, .residual = 1, .batch = BATCH_FULL, .fraction = 1},
    {"fewer samples than inputs", 2, 17, 9, 6, .residual = 1, .modes = 4, .batch = BATCH_FULL, .fraction = 1, .parameterization = PARAMETERIZATION_NTK},
    {"all, bernoulli", 3, 13, 7, 29, 1, 5, 0.8, 0.03, 1, BATCH_BERNOULLI, 0.4, 0.2, PARAMETERIZATION_MUP},
    {"all, epoch", 3, 13, 17, 29, 1, 5, 0.8, 0.03, 1, BATCH_EPOCH, 0.25, 0.2, PARAMETERIZATION_NTK},
    {"all, online", 4, 13, 17, 29, 1, 3, 0.6, 0.02, 1, BATCH_ONLINE, 1, 0.2, PARAMETERIZATION_MUP},
    {"online, small batches", 2, 13, 7, 3, 0, 2, 0.6, 0.02, 1, BATCH_ONLINE, 1, 0.2, PARAMETERIZATION_MUP},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static struct network *network_made(const dmft_problem *problem, long index)
{
    struct network *n = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(network_create(&n, problem, &err) == DMFT_OK, "%s", err.text);
    network_start(n, index);
    return n;
}

static void assert_entry(double value, double expected, double tolerance, const char *name, const char *what)
{
    ck_assert_msg(fabs(value - expected) <= tolerance * fmax(1, fabs(expected)), "%s, %s: %.15g, expected %.15g", name, what, value, expected);
}

/* ---- The long way ---- */

/* Unnormalised weights W_0 .. W_{L-1} (entries of variance sigma_l^2), w, one after another in theta. */
struct slow {
    int L, D, N, P, residual;
    size_t count;
    double gamma, branch;
    double *theta, *momentum, *slope; /* slope: of one output by all parameters */
    double *h[MOST_LAYERS + 1];
};

static int columns_of(const struct slow *s, int l) { return l == 0 ? s->D : s->N; }

/* W_l, w for l = L. */
static double *part(const struct slow *s, double *theta, int l) { return theta + (l == 0 ? 0 : s->N * s->D + (l - 1) * s->N * s->N); }

static void slow_create(struct slow *s, const struct network *n)
{
    const dmft_problem *p = n->problem;
    *s = (struct slow){.L = n->depth, .D = (int)n->input_dim, .N = (int)n->width, .P = (int)n->samples, .residual = p->residual};
    s->gamma = p->gamma0 * (p->parameterization == PARAMETERIZATION_MUP ? sqrt((double)s->N / s->D) : 1.0);
    s->branch = s->residual ? 1 / sqrt(s->L) : 1;
    s->count = (size_t)(s->N * s->D + (s->L - 1) * s->N * s->N + s->N);
    s->theta = numbers(s->count);
    s->momentum = numbers(s->count);
    s->slope = numbers(s->count);
    for (int l = 0; l < s->L; l++)
        for (int i = 0; i < s->N * columns_of(s, l); i++) part(s, s->theta, l)[i] = n->weight[l][i] * sqrt(columns_of(s, l));
    memcpy(part(s, s->theta, s->L), n->readout, n->width * sizeof(double));
    for (int l = 1; l <= s->L; l++) s->h[l] = numbers(n->width);
}

static void slow_free(struct slow *s)
{
    for (int l = 1; l <= s->L; l++) free(s->h[l]);
    free(s->theta);
    free(s->momentum);
    free(s->slope);
}

/* f(x), h^1 .. h^L on the way. */
static double slow_output(struct slow *s, const double *x)
{
    double f = 0;
    for (int l = 0; l < s->L; l++) {
        const double *from = l == 0 ? x : s->h[l], *W = part(s, s->theta, l);
        for (int i = 0; i < s->N; i++) {
            double sum = 0;
            for (int j = 0; j < columns_of(s, l); j++) sum += W[i * columns_of(s, l) + j] * from[j] / sqrt(columns_of(s, l));
            s->h[l + 1][i] = l > 0 ? s->branch * sum + (s->residual ? from[i] : 0) : sum;
        }
    }
    for (int i = 0; i < s->N; i++) f += part(s, s->theta, s->L)[i] * s->h[s->L][i] / (s->gamma * sqrt(s->N));
    return f;
}

/* df(x)/dtheta in slope; df/dh^1 gamma sqrt(N) in g1 (N), when it is wanted. */
static void slow_backpropagate(struct slow *s, const double *x, double *g1)
{
    double back[64], next[64];
    (void)slow_output(s, x);
    for (int i = 0; i < s->N; i++) {
        back[i] = part(s, s->theta, s->L)[i] / (s->gamma * sqrt(s->N));
        part(s, s->slope, s->L)[i] = s->h[s->L][i] / (s->gamma * sqrt(s->N));
    }
    for (int l = s->L - 1; l >= 0; l--) {
        double factor = (l > 0 ? s->branch : 1) / sqrt(columns_of(s, l));
        for (int i = 0; l == 0 && g1 != NULL && i < s->N; i++) g1[i] = back[i] * s->gamma * sqrt(s->N);
        for (int j = 0; j < columns_of(s, l); j++) {
            double sum = 0;
            for (int i = 0; i < s->N; i++) {
                part(s, s->slope, l)[i * columns_of(s, l) + j] = factor * back[i] * (l == 0 ? x : s->h[l])[j];
                sum += factor * part(s, s->theta, l)[i * columns_of(s, l) + j] * back[i];
            }
            if (l > 0) next[j] = sum + (s->residual ? back[j] : 0);
        }
        if (l > 0) memcpy(back, next, (size_t)s->N * sizeof *back);
    }
}

/* Data of a step: X, y, and the part of the samples in the batch, with the share q that it stands for. */
struct data {
    const double *X, *y, *mask;
    double q;
};

/* -eta gamma^2 D times the gradient of (1/(2 q P)) sum_mu m_mu Delta_mu^2. */
static void slow_push(struct slow *s, struct data d, double rate, double *out)
{
    memset(out, 0, s->count * sizeof *out);
    for (int mu = 0; mu < s->P; mu++) {
        const double *x = d.X + mu * s->D;
        double error = d.y[mu] - slow_output(s, x), scale = rate * s->gamma * s->gamma * s->D / (d.q * s->P);
        if (d.mask != NULL && d.mask[mu] == 0) continue;
        slow_backpropagate(s, x, NULL);
        for (size_t i = 0; i < s->count; i++) out[i] += scale * error * s->slope[i];
    }
}

static void slow_step(struct slow *s, struct data d, const dmft_problem *p, int t)
{
    double *push = numbers(s->count), e = p->schedule != NULL ? p->schedule[t] : 1;
    slow_push(s, d, p->learning_rate, push);
    for (size_t i = 0; i < s->count; i++) {
        s->momentum[i] = p->momentum * s->momentum[i] + push[i];
        s->theta[i] = (1 - p->weight_decay) * s->theta[i] + e * s->momentum[i];
    }
    free(push);
}

/* y = w*.x/sqrt(D) + noise. */
static void slow_labels(const struct slow *s, const struct network *n, const double *noise, double *y)
{
    for (int mu = 0; mu < s->P; mu++) {
        y[mu] = noise[mu];
        for (int i = 0; i < s->D; i++) y[mu] += n->inputs[mu * s->D + i] * n->target[i] / sqrt(s->D);
    }
}

/* C_v, C_Delta, C_h0, C_hL, C_g1 of the network, from outputs alone where they can be. */
static void assert_kernels(struct slow *s, struct data d, const struct network *n, const char *name)
{
    double kernels[2 * MOST_LAYERS + 3], C_v = 0, C_Delta = 0, C_h0 = 0, C_hL = 0, C_g1 = 0, *x = numbers((size_t)s->D), *vhat = numbers((size_t)s->D), g1[64];
    network_kernels(n, kernels);
    for (int i = 0; i < s->D; i++) { /* f(sqrt(D) e_i) is the effective predictor */
        double lambda = n->problem->modes > 0 ? n->problem->eigenvalue[(size_t)i * n->problem->modes / n->input_dim] : 1;
        memset(x, 0, (size_t)s->D * sizeof *x);
        x[i] = sqrt(s->D);
        C_v += lambda * pow(n->target[i] - slow_output(s, x), 2) / s->D;
    }
    for (int mu = 0; mu < s->P; mu++) {
        double Delta = d.y[mu] - slow_output(s, d.X + mu * s->D);
        C_Delta += Delta * Delta / s->P;
        for (int i = 0; i < s->D && (d.mask == NULL || d.mask[mu] != 0); i++) vhat[i] += sqrt(s->D) / (d.q * s->P) * d.X[mu * s->D + i] * Delta;
    }
    for (int i = 0; i < s->D; i++) C_h0 += vhat[i] * vhat[i] / s->D;
    slow_backpropagate(s, vhat, g1); /* its h^1 = W_0 x/sqrt(D) is A_0 vhat */
    for (int i = 0; i < s->N; i++) C_hL += s->h[s->L][i] * s->h[s->L][i] / s->N, C_g1 += g1[i] * g1[i] / s->N;
    assert_entry(kernels[0], C_v, 1e-11, name, "C_v");
    assert_entry(kernels[1], C_Delta, 1e-11, name, "C_Delta");
    assert_entry(kernels[2], C_h0, 1e-11, name, "C_h0");
    assert_entry(kernels[2 + s->L], C_hL, 1e-11, name, "C_hL");
    assert_entry(kernels[3 + s->L], C_g1, 1e-11, name, "C_g1");
    free(x);
    free(vhat);
}

static double worst_weight(struct slow *s, const struct network *n)
{
    double worst = 0;
    for (int l = 0; l < s->L; l++)
        for (int i = 0; i < s->N * columns_of(s, l); i++)
            worst = fmax(worst, fabs(n->weight[l][i] - part(s, s->theta, l)[i] / sqrt(columns_of(s, l))));
    for (int i = 0; i < s->N; i++) worst = fmax(worst, fabs(n->readout[i] - part(s, s->theta, s->L)[i]));
    return worst;
}

/* All weights and kernels after seven steps, to 1e-11. */
START_TEST(test_training_is_backpropagation)
{
    struct fixture f;
    struct slow s;
    const struct setting *set = &settings[_i];
    fixture_fill(&f, set);
    f.problem.probes.sharpness = set->batch == BATCH_ONLINE; /* the batch is held */
    struct network *n = network_made(&f.problem, 3);
    struct random_stream noise_stream = random_start(f.problem.simulation.seed, 3, NETWORK_NOISE);
    double *noise = numbers(n->samples), *y = numbers(n->samples), *mask = numbers(n->samples);
    slow_create(&s, n);
    for (int t = 0; t < f.problem.steps; t++) {
        network_evaluate(n);
        if (t == 0 || set->batch == BATCH_ONLINE) random_gaussians(&noise_stream, set->noise, n->samples, noise);
        slow_labels(&s, n, noise, y);
        for (size_t mu = 0; n->batch_error != NULL && mu < n->samples; mu++) mask[mu] = n->batch_error[mu] != 0;
        struct data d = {.X = n->inputs, .y = y, .mask = n->batch_error != NULL ? mask : NULL, .q = set->fraction};
        assert_kernels(&s, d, n, set->name);
        slow_step(&s, d, &f.problem, t);
        network_learn(n);
        double worst = worst_weight(&s, n);
        ck_assert_msg(worst < 1e-11, "%s, step %d: weights off by %g", set->name, t, worst);
    }
    slow_free(&s);
    network_free(n);
    free(noise);
    free(y);
    free(mask);
}
END_TEST

/* ---- Gradient flow ---- */

/* One step of the classical Runge-Kutta method. */
static void slow_flow_step(struct slow *s, struct data d, double step)
{
    static const double node[] = {0, 0.5, 0.5, 1}, weight[] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    double *base = numbers(s->count), *sum = numbers(s->count), *slope = numbers(s->count);
    memcpy(base, s->theta, s->count * sizeof *base);
    for (int k = 0; k < 4; k++) {
        for (size_t i = 0; i < s->count; i++) s->theta[i] = base[i] + step * node[k] * slope[i];
        slow_push(s, d, 1.0, slope);
        for (size_t i = 0; i < s->count; i++) sum[i] += weight[k] * slope[i];
    }
    for (size_t i = 0; i < s->count; i++) s->theta[i] = base[i] + step * sum[i];
    free(base);
    free(sum);
    free(slope);
}

/* Residual branches and a spectrum in gradient flow: the same weights as by small steps of fourth order. */
START_TEST(test_flow_of_branches_and_spectra)
{
    struct fixture f;
    struct slow s;
    struct setting set = settings[7 + 2 * _i];
    set.modes = 4;
    fixture_fill(&f, &set);
    f.problem.flow = 1;
    f.problem.learning_rate = 1;
    f.problem.time = 0.8;
    f.problem.steps = 1;
    f.problem.rows = 2;
    struct network *n = network_made(&f.problem, 1);
    dmft_error err;
    double *noise = numbers(n->samples), *y = numbers(n->samples);
    slow_create(&s, n);
    slow_labels(&s, n, noise, y);
    for (int t = 0; t < 200; t++) slow_flow_step(&s, (struct data){.X = n->inputs, .y = y, .q = 1}, f.problem.time / 200);
    int arrived = 0;
    while (arrived == 0) {
        network_evaluate(n);
        arrived = network_flow(n, f.problem.time, &err);
    }
    ck_assert_int_eq(arrived, 1);
    double worst = worst_weight(&s, n);
    ck_assert_msg(worst < 2e-6, "weights off by %g", worst); /* some steps, each to 1e-7 in the norm */
    slow_free(&s);
    network_free(n);
    free(noise);
    free(y);
}
END_TEST

/* On the law of the inputs vhat = Lambda v: flow and descent of a step agree. */
START_TEST(test_law_of_the_inputs)
{
    struct fixture f;
    fixture_fill(&f, &settings[6]);
    f.problem.batch = BATCH_ONLINE;
    f.problem.flow = 1;
    f.problem.rows = 8;
    struct network *n = network_made(&f.problem, 1);
    double kernels[2 * MOST_LAYERS + 3], C_v = 0;
    network_evaluate(n);
    network_kernels(n, kernels);
    for (size_t i = 0; i < n->input_dim; i++) {
        double lambda = f.eigenvalue[i * 5 / n->input_dim];
        assert_entry(n->h[0][i], lambda * n->v[i], 1e-14, "law", "vhat");
        C_v += lambda * n->v[i] * n->v[i] / (double)n->input_dim;
    }
    assert_entry(kernels[0], C_v, 1e-14, "law", "C_v");
    assert_entry(kernels[1], C_v, 1e-14, "law", "C_Delta");
    network_free(n);
}
END_TEST

/* ---- Data ---- */

/* Each mode has its eigenvalue and its share of the target, whose power is 1 exactly. */
START_TEST(test_spectrum_of_the_inputs)
{
    struct fixture f;
    struct setting set = {"spectrum", 1, 203, 5, 2000, .modes = 5, .batch = BATCH_FULL, .fraction = 1};
    fixture_fill(&f, &set);
    struct network *n = network_made(&f.problem, 0);
    double square[5] = {0}, count[5] = {0}, power = 0, size[5] = {0};
    for (size_t i = 0; i < n->input_dim; i++) {
        size_t k = i * 5 / n->input_dim;
        power += f.eigenvalue[k] * n->target[i] * n->target[i] / (double)n->input_dim;
        count[k]++;
        size[k] += n->target[i] * n->target[i];
        for (size_t mu = 0; mu < n->samples; mu++) square[k] += n->inputs[mu * n->input_dim + i] * n->inputs[mu * n->input_dim + i];
    }
    assert_entry(power, 1, 1e-13, "spectrum", "power of the target");
    for (int k = 0; k < 5; k++) {
        double numbers = count[k] * (double)n->samples;
        ck_assert(count[k] == 40 || count[k] == 41);
        assert_entry(square[k] / numbers / f.eigenvalue[k], 1, 4 * sqrt(2 / numbers), "spectrum", "eigenvalue");
        assert_entry(size[k] / count[k] / (f.target[k] * f.target[k]), 1, 4 * sqrt(2 / count[k]) + 4 * sqrt(2.0 / 203), "spectrum", "target");
    }
    network_free(n);
}
END_TEST

/* An epoch goes through all samples once, in parts as even as can be, in a new order each. */
START_TEST(test_epochs)
{
    struct fixture f;
    struct setting set = {"epoch", 1, 5, 5, 23, .batch = BATCH_EPOCH, .fraction = 0.25};
    fixture_fill(&f, &set);
    struct network *n = network_made(&f.problem, 0);
    size_t first[4][23];
    for (int epoch = 0; epoch < 3; epoch++) {
        int visits[23] = {0}, same = 0;
        for (int j = 0; j < 4; j++) {
            size_t size = 0;
            network_evaluate(n);
            for (size_t mu = 0; mu < 23; mu++) {
                int in = n->batch_error[mu] != 0;
                visits[mu] += in;
                size += (size_t)in;
                if (in) assert_entry(n->batch_error[mu], n->Delta[mu], 0, "epoch", "error");
                if (epoch > 0) same += in && first[j][mu];
                if (epoch == 0) first[j][mu] = (size_t)in;
            }
            ck_assert_uint_eq(size, (size_t)((j + 1) * 23 / 4 - j * 23 / 4));
            network_learn(n);
        }
        for (size_t mu = 0; mu < 23; mu++) ck_assert_int_eq(visits[mu], 1);
        if (epoch > 0) ck_assert_int_lt(same, 20); /* 6 by chance */
    }
    network_free(n);
}
END_TEST

/* Each sample is in a batch with probability q, whatever the others and the steps before are: means and products of two within 4 standard errors. */
START_TEST(test_bernoulli_batches)
{
    struct fixture f;
    struct setting set = {"bernoulli", 1, 3, 2, 40, .batch = BATCH_BERNOULLI, .fraction = 0.3};
    fixture_fill(&f, &set);
    struct network *n = network_made(&f.problem, 0);
    enum { STEPS = 5000 };
    double q = set.fraction, in = 0, pair = 0, again = 0, before[40] = {0};
    for (int t = 0; t < STEPS; t++) { /* without learning: the batches alone */
        network_evaluate(n);
        for (int mu = 0; mu < 40; mu++) {
            double m = n->batch_error[mu] != 0, other = n->batch_error[(mu + 1) % 40] != 0;
            in += m / (40.0 * STEPS);
            pair += (m - q) * (other - q) / (40.0 * STEPS);
            again += (m - q) * (before[mu] - q) / (40.0 * STEPS);
            before[mu] = m;
        }
    }
    double se = sqrt(q * (1 - q) / (40.0 * STEPS));
    assert_entry(in, q, 4 * se, "bernoulli", "share");
    assert_entry(pair, 0, 4 * se * sqrt(q * (1 - q)), "bernoulli", "pairs");
    assert_entry(again, 0, 4 * se * sqrt(q * (1 - q)) + 1.0 / STEPS, "bernoulli", "steps");
    network_free(n);
}
END_TEST

START_TEST(test_whole_batches)
{
    struct fixture full, part;
    struct setting set = settings[0];
    fixture_fill(&full, &set);
    set.batch = _i == 0 ? BATCH_BERNOULLI : BATCH_EPOCH;
    fixture_fill(&part, &set);
    struct network *a = network_made(&full.problem, 2), *b = network_made(&part.problem, 2);
    for (int t = 0; t < 5; t++) {
        network_evaluate(a);
        network_evaluate(b);
        network_learn(a);
        network_learn(b);
    }
    ck_assert(memcmp(a->weight[1], b->weight[1], a->width * a->width * sizeof(double)) == 0);
    network_free(a);
    network_free(b);
}
END_TEST

/* ---- Probes ---- */

/* J J^T of the outputs of `count` inputs, rows of x. */
static double *jacobian_gram(struct slow *s, const double *x, int count)
{
    double *J = numbers((size_t)count * s->count), *gram = numbers((size_t)(count * count));
    for (int mu = 0; mu < count; mu++) {
        slow_backpropagate(s, x + mu * s->D, NULL);
        memcpy(J + (size_t)mu * s->count, s->slope, s->count * sizeof *J);
    }
    for (int mu = 0; mu < count; mu++)
        for (int nu = 0; nu < count; nu++)
            for (size_t i = 0; i < s->count; i++) gram[mu * count + nu] += J[(size_t)mu * s->count + i] * J[(size_t)nu * s->count + i];
    free(J);
    return gram;
}

/* M = gamma^2 J J^T of the inputs sqrt(D) e_i, whose outputs are the effective predictor. */
static double *slow_tangent_kernel(struct slow *s)
{
    double *x = numbers((size_t)(s->D * s->D));
    for (int i = 0; i < s->D; i++) x[i * s->D + i] = sqrt(s->D);
    double *M = jacobian_gram(s, x, s->D);
    for (int i = 0; i < s->D * s->D; i++) M[i] *= s->gamma * s->gamma;
    free(x);
    return M;
}

/* In rising order. */
static double *eigenvalues(const double *matrix, int n)
{
    double *copy = numbers((size_t)(n * n)), *values = numbers((size_t)n);
    memcpy(copy, matrix, (size_t)(n * n) * sizeof *copy);
    ck_assert_int_eq(LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'N', 'U', n, copy, n, values), 0);
    free(copy);
    return values;
}

/* Against gamma^2 D J J^T/P of the samples, and M. */
static void assert_probes(struct network *n, const char *name)
{
    struct slow s;
    dmft_error err = {.text = ""};
    double out[PROBE_NUMBERS];
    ck_assert_msg(probe_measure(n, out, &err) == DMFT_OK, "%s: %s", name, err.text);
    slow_create(&s, n);
    double *M = slow_tangent_kernel(&s), *K = jacobian_gram(&s, n->inputs, s.P), *modes = eigenvalues(M, s.D);
    for (int i = 0; i < s.P * s.P; i++) K[i] *= s.gamma * s.gamma * s.D / s.P;
    double *values = eigenvalues(K, s.P);
    int order = s.P < s.D ? s.P : s.D;
    assert_entry(out[PROBE_NTK], modes[s.D - 1], 1e-9, name, "ntk_top");
    assert_entry(out[PROBE_SHARPNESS], values[s.P - 1], 1e-9, name, "sharpness");
    if (order > 1) assert_entry(out[PROBE_UPPER], values[s.P - 2], 1e-9, name, "upper edge");
    ck_assert(isnan(out[PROBE_UPPER]) == (order == 1));
    ck_assert_msg(fabs(out[PROBE_LOWER] - values[s.P - order]) < 1e-4 * values[s.P - 1], "%s, lower edge: %.15g, expected %.15g", name, out[PROBE_LOWER],
                  values[s.P - order]);
    free(M);
    free(K);
    free(modes);
    free(values);
    slow_free(&s);
}

START_TEST(test_probes_are_the_jacobian)
{
    struct fixture f;
    fixture_fill(&f, &settings[_i]);
    f.problem.probes.ntk = f.problem.probes.sharpness = 1;
    struct network *n = network_made(&f.problem, 1);
    for (int t = 0; t < 5; t++) {
        network_evaluate(n);
        if (t % 2 == 0) assert_probes(n, settings[_i].name);
        network_learn(n);
    }
    network_free(n);
}
END_TEST

/* Step by step, from the vectors of the probe before, while an outlier grows; more samples than inputs, and fewer. */
START_TEST(test_probes_follow_training)
{
    struct fixture f;
    struct setting set = {"training", 2, 60, 50, _i == 0 ? 150 : 40, .momentum = 0.5, .batch = BATCH_FULL, .fraction = 1};
    double out[PROBE_NUMBERS], first = 0;
    dmft_error err;
    fixture_fill(&f, &set);
    f.problem.gamma0 = 4;
    f.problem.probes.ntk = f.problem.probes.sharpness = 1;
    struct network *n = network_made(&f.problem, 0);
    for (int t = 0; t <= 24; t++) {
        network_evaluate(n);
        ck_assert_int_eq(probe_measure(n, out, &err), DMFT_OK);
        if (t % 8 == 0) assert_probes(n, "training");
        if (t == 0) first = out[PROBE_SHARPNESS];
        network_learn(n);
    }
    ck_assert_msg(out[PROBE_SHARPNESS] > 3 * first, "sharpness %g, at first %g", out[PROBE_SHARPNESS], first);
    network_free(n);
}
END_TEST

/* One input dimension, one sample, one unit; as many samples as inputs. */
START_TEST(test_probes_at_small_sizes)
{
    static const long sizes[][3] = {{1, 1, 1}, {1, 3, 4}, {5, 1, 1}, {6, 2, 6}, {2, 17, 2}, {3, 4, 2}};
    struct fixture f;
    struct setting set = {"small", 2, sizes[_i][0], sizes[_i][1], sizes[_i][2], .batch = BATCH_FULL, .fraction = 1};
    fixture_fill(&f, &set);
    f.problem.probes.ntk = f.problem.probes.sharpness = 1;
    struct network *n = network_made(&f.problem, 0);
    network_evaluate(n);
    assert_probes(n, "small");
    network_free(n);
}
END_TEST

/* No weights: M = c_0 1 or 0. */
START_TEST(test_probes_without_weights)
{
    struct fixture f;
    double out[PROBE_NUMBERS];
    dmft_error err;
    fixture_fill(&f, &settings[0]);
    f.problem.probes.ntk = f.problem.probes.sharpness = 1;
    for (int l = 0; l <= 2; l++) f.variance[l] = 0;
    struct network *n = network_made(&f.problem, 0);
    network_evaluate(n);
    ck_assert_int_eq(probe_measure(n, out, &err), DMFT_OK);
    ck_assert(out[PROBE_NTK] == 0 && out[PROBE_SHARPNESS] == 0 && out[PROBE_UPPER] == 0 && out[PROBE_LOWER] == 0);
    network_free(n);
}
END_TEST

/* The predictor moves by eta M vhat: by one step of plain descent, the difference falling with eta. */
START_TEST(test_tangent_kernel_moves_the_predictor)
{
    struct fixture f;
    struct slow s;
    double worst[2];
    for (int k = 0; k < 2; k++) {
        fixture_fill(&f, &settings[9 - _i]);
        f.problem.learning_rate = k == 0 ? 1e-3 : 1e-4;
        struct network *n = network_made(&f.problem, 0);
        network_evaluate(n);
        slow_create(&s, n);
        double *M = slow_tangent_kernel(&s), *before = numbers(n->input_dim), *move = numbers(n->input_dim);
        memcpy(before, n->v, n->input_dim * sizeof *before);
        for (int i = 0; i < s.D; i++)
            for (int j = 0; j < s.D; j++) move[i] += M[i * s.D + j] * n->h[0][j];
        network_learn(n);
        network_evaluate(n);
        worst[k] = 0;
        for (int i = 0; i < s.D; i++) worst[k] = fmax(worst[k], fabs((before[i] - n->v[i]) / f.problem.learning_rate - move[i]));
        slow_free(&s);
        network_free(n);
        free(M);
        free(before);
        free(move);
    }
    ck_assert_msg(worst[1] < 1e-2 && fabs(worst[0] / worst[1] - 10) < 1, "off by %g, %g", worst[0], worst[1]);
}
END_TEST

/* On the law of the inputs, Lambda^{1/2} M Lambda^{1/2}. */
START_TEST(test_probes_of_the_law)
{
    struct fixture f;
    struct slow s;
    double out[PROBE_NUMBERS];
    dmft_error err;
    fixture_fill(&f, &settings[6]);
    f.problem.batch = BATCH_ONLINE;
    f.problem.flow = 1;
    f.problem.probes.ntk = f.problem.probes.sharpness = 1;
    struct network *n = network_made(&f.problem, 1);
    network_evaluate(n);
    ck_assert_int_eq(probe_measure(n, out, &err), DMFT_OK);
    slow_create(&s, n);
    double *M = slow_tangent_kernel(&s), *modes = eigenvalues(M, s.D);
    for (int i = 0; i < s.D; i++)
        for (int j = 0; j < s.D; j++) M[i * s.D + j] *= sqrt(f.eigenvalue[i * 5 / s.D] * f.eigenvalue[j * 5 / s.D]);
    double *values = eigenvalues(M, s.D);
    assert_entry(out[PROBE_NTK], modes[s.D - 1], 1e-9, "law", "ntk_top");
    assert_entry(out[PROBE_SHARPNESS], values[s.D - 1], 1e-9, "law", "sharpness");
    assert_entry(out[PROBE_UPPER], values[s.D - 2], 1e-9, "law", "upper edge");
    assert_entry(out[PROBE_LOWER], values[0], 1e-4 * values[s.D - 1], "law", "lower edge");
    slow_free(&s);
    network_free(n);
    free(M);
    free(modes);
    free(values);
}
END_TEST

/* Heavy ball in this form on a parabola of curvature a/(eta e_t): falls while a < 2 (1 + mu), grows beyond. */
START_TEST(test_where_heavy_ball_is_stable)
{
    for (int k = 0; k < 4; k++) {
        double mu = 0.3 * k, edge = 2 * (1 + mu);
        for (int beyond = 0; beyond < 2; beyond++) {
            double a = edge * (beyond ? 1.01 : 0.99), x = 1, m = 0;
            for (int t = 0; t < 3000; t++) {
                m = mu * m - a * x;
                x += m;
            }
            ck_assert_msg(beyond ? fabs(x) > 1e3 : fabs(x) < 1e-3, "mu %g, a %g: %g", mu, a, x);
        }
    }
}
END_TEST

/* ---- Ensembles ---- */

/* Larger than the tables above: several reports a network. */
static void fixture_long(struct fixture *f, int which)
{
    struct setting set = settings[10 + which];
    set.D = 60;
    set.N = 50;
    set.P = which == 3 ? 40 : 300;
    set.depth = 2;
    fixture_fill(f, &set);
    f->problem.rows = f->problem.steps = 40;
    f->problem.simulation.seeds = 4;
    f->problem.outlier_every = 4;
    f->problem.probes.every = 3;
    f->problem.probes.ntk = f->problem.probes.sharpness = 1;
    f->problem.learning_rate = 0.01;
}

START_TEST(test_threads_do_not_matter)
{
    struct fixture f;
    fixture_long(&f, _i);
    dmft_trajectory *one = simulated(&f.problem, 1, DMFT_OK), *three = simulated(&f.problem, 3, DMFT_OK);
    expect_same_bytes(one, three);
    dmft_trajectory_free(one);
    dmft_trajectory_free(three);
}
END_TEST

START_TEST(test_resume_is_the_same)
{
    struct fixture f;
    long stops = 0;
    fixture_long(&f, _i);
    dmft_trajectory *whole = simulated(&f.problem, 2, DMFT_OK), *resumed = ran_in_pieces(dmft_simulate, &f.problem, 3, &stops);
    ck_assert_int_gt(stops, 2);
    expect_same_bytes(whole, resumed);
    dmft_trajectory_free(whole);
    dmft_trajectory_free(resumed);
}
END_TEST

/* Probing does not touch the training. */
START_TEST(test_probes_only_look)
{
    struct fixture f;
    fixture_long(&f, _i);
    dmft_trajectory *probed = simulated(&f.problem, 1, DMFT_OK);
    f.problem.probes.ntk = f.problem.probes.sharpness = 0;
    dmft_trajectory *blind = simulated(&f.problem, 1, DMFT_OK);
    ck_assert_uint_eq(probed->series_count, blind->series_count + 6);
    for (size_t i = 0; i < blind->series_count; i++) {
        const double *x = dmft_trajectory_series(probed, blind->series[i].name);
        ck_assert_msg(x != NULL && memcmp(x, blind->series[i].value, blind->rows * sizeof *x) == 0, "%s", blind->series[i].name);
    }
    dmft_trajectory_free(probed);
    dmft_trajectory_free(blind);
}
END_TEST

/* What is where: at steps 0, every, ..; eta e_t times the sharpness; the margin; in flow neither. */
START_TEST(test_probe_series)
{
    struct fixture f;
    fixture_long(&f, 0);
    dmft_trajectory *t = simulated(&f.problem, 1, DMFT_OK);
    for (size_t row = 0; row < t->rows; row++) {
        double sharpness = series(t, "sharpness")[row], scaled = 0.01 * f.schedule[row] * sharpness;
        ck_assert(isnan(sharpness) == (row % 3 != 0) && isnan(series(t, "ntk_top")[row]) == (row % 3 != 0));
        if (row % 3 != 0) continue;
        ck_assert(sharpness > 0 && series(t, "bulk_edge_upper")[row] <= sharpness && series(t, "bulk_edge_lower")[row] < series(t, "bulk_edge_upper")[row]);
        assert_entry(series(t, "eta_sharpness")[row], scaled, 1e-14, "series", "eta_sharpness");
        assert_entry(series(t, "stability_margin")[row], 2 * 1.8 - scaled, 1e-14, "series", "stability_margin");
    }
    dmft_trajectory_free(t);
    f.problem.flow = 1;
    f.problem.batch = BATCH_FULL;
    f.problem.schedule = NULL;
    f.problem.momentum = f.problem.weight_decay = 0;
    f.problem.steps = 3;
    f.problem.rows = 4;
    f.problem.time = 0.1;
    f.problem.learning_rate = 1;
    t = simulated(&f.problem, 1, DMFT_OK);
    ck_assert(series(t, "sharpness")[3] > 0 && isnan(series(t, "sharpness")[2]));
    ck_assert(dmft_trajectory_series(t, "eta_sharpness") == NULL && dmft_trajectory_series(t, "stability_margin") == NULL);
    dmft_trajectory_free(t);
}
END_TEST

/* With decay and no learning the weights are (1 - omega)^t of the first: what is an outlier, or is none, stays so. */
START_TEST(test_decay_takes_the_edge_along)
{
    struct fixture f;
    struct setting set = {"decay", 1, 60, 60, 60, .decay = 0.05, .batch = BATCH_FULL, .fraction = 1};
    fixture_fill(&f, &set);
    f.problem.learning_rate = 1e-12;
    f.problem.rows = f.problem.steps = 40;
    dmft_trajectory *t = simulated(&f.problem, 1, DMFT_OK);
    for (size_t row = 0; row < 40; row++) {
        assert_entry(series(t, "A0_sv1")[row], series(t, "A0_sv1")[0] * pow(0.95, (double)row), 1e-8, "decay", "A0_sv1");
        ck_assert(isnan(series(t, "A0_outlier1")[row]) == isnan(series(t, "A0_outlier1")[0]));
    }
    dmft_trajectory_free(t);
    f.problem.learning_rate = 0.05;
    t = simulated(&f.problem, 1, DMFT_OK);
    int below = 0;
    for (size_t row = 0; row < 40; row++) { /* an outlier exists where it passes the edge of its step, though it may lie below that of the start */
        double edge = sqrt(f.variance[0]) * 2 * (1 + pow(60, -2.0 / 3)), first = series(t, "A0_sv1")[row], kept = pow(0.95, (double)row);
        ck_assert(isnan(series(t, "A0_outlier1")[row]) == (first <= edge * kept));
        below += first > edge * kept && first < edge;
    }
    ck_assert_int_gt(below, 5);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(test_fewer_inputs_than_modes)
{
    struct fixture f;
    dmft_trajectory *t = NULL;
    dmft_error err;
    struct setting set = {"modes", 1, 4, 5, 6, .modes = 5, .batch = BATCH_FULL, .fraction = 1};
    fixture_fill(&f, &set);
    ck_assert_int_eq(dmft_simulate(&f.problem, NULL, &t, &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, "simulation.input_dim: at least the number of modes, data.spectrum.modes = 5, got 4");
    f.problem.simulation.input_dim = 5;
    ck_assert_int_eq(network_check(&f.problem, &err), DMFT_OK);
}
END_TEST

/* ---- Memory ---- */

/* The n-th allocation fails, for every n: an error each time, and in the end the result. Leaks are for the sanitizers to see. */
START_TEST(test_allocations_fail)
{
    struct fixture f;
    fixture_fill(&f, &settings[11]); /* momentum, a spectrum, epochs */
    f.problem.probes.ntk = f.problem.probes.sharpness = 1;
    ck_assert_int_ge(ran_without_memory(dmft_simulate, &f.problem), 60);
}
END_TEST

/* Bytes are those that are taken: what momentum, batches and probes add is counted. */
START_TEST(test_estimates)
{
    struct fixture f;
    struct setting set = {"estimate", 2, 50, 40, 200, .batch = BATCH_FULL, .fraction = 1};
    fixture_fill(&f, &set);
    double plain = network_doubles(&f.problem), weights = 50 * 40 + 40 * 40 + 40;
    ck_assert(probe_doubles(&f.problem) == 0 && probe_rows(&f.problem) == 0);
    f.problem.momentum = 0.5;
    ck_assert(network_doubles(&f.problem) == plain + weights);
    f.problem.batch = BATCH_BERNOULLI;
    ck_assert(network_doubles(&f.problem) == plain + weights + 200);
    f.problem.batch = BATCH_EPOCH;
    ck_assert(network_doubles(&f.problem) == plain + weights + 400);
    double operations = network_estimate(&f.problem, 1).operations, bytes = network_estimate(&f.problem, 1).bytes;
    f.problem.probes.sharpness = 1;
    ck_assert(network_estimate(&f.problem, 1).bytes > bytes + 8 * 50 * 50 && network_estimate(&f.problem, 1).operations > operations);
    f.problem.batch = BATCH_ONLINE;
    f.problem.momentum = 0;
    ck_assert(network_doubles(&f.problem) == plain); /* the batch is held for the probe */
}
END_TEST

Suite *suite_network_training(void)
{
    Suite *suite = suite_create("network_training");
    TCase *steps = tcase_create("steps"), *probes = tcase_create("probes"), *ensembles = tcase_create("ensembles");
    tcase_add_loop_test(steps, test_training_is_backpropagation, 0, SETTINGS);
    tcase_add_loop_test(steps, test_flow_of_branches_and_spectra, 0, 2);
    tcase_add_test(steps, test_law_of_the_inputs);
    tcase_add_test(steps, test_spectrum_of_the_inputs);
    tcase_add_test(steps, test_epochs);
    tcase_add_test(steps, test_bernoulli_batches);
    tcase_add_loop_test(steps, test_whole_batches, 0, 2);
    tcase_add_loop_test(probes, test_probes_are_the_jacobian, 0, SETTINGS);
    tcase_add_loop_test(probes, test_probes_follow_training, 0, 2);
    tcase_add_loop_test(probes, test_probes_at_small_sizes, 0, 6);
    tcase_add_test(probes, test_probes_without_weights);
    tcase_add_loop_test(probes, test_tangent_kernel_moves_the_predictor, 0, 4);
    tcase_add_test(probes, test_probes_of_the_law);
    tcase_add_test(probes, test_where_heavy_ball_is_stable);
    tcase_add_loop_test(ensembles, test_threads_do_not_matter, 0, 4);
    tcase_add_loop_test(ensembles, test_resume_is_the_same, 0, 4);
    tcase_add_loop_test(ensembles, test_probes_only_look, 0, 4);
    tcase_add_test(ensembles, test_probe_series);
    tcase_add_test(ensembles, test_decay_takes_the_edge_along);
    tcase_add_test(ensembles, test_fewer_inputs_than_modes);
    tcase_add_test(ensembles, test_allocations_fail);
    tcase_add_test(ensembles, test_estimates);
    suite_add_tcase(suite, steps);
    suite_add_tcase(suite, probes);
    suite_add_tcase(suite, ensembles);
    return suite;
}
