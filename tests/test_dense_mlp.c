/*
 * Dense nonlinear networks: gradients against finite differences of outputs, steps against a network of plain loops with unnormalised weights and
 * activations of its own, the tangent kernel against the Jacobian, spectra against LAPACK, the law of the first outputs, the exact limit of linear
 * networks, and the promises of a member of an ensemble (same bits resumed, by any number of threads; divergence), at awkward sizes.
 */
#include <check.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocation.h"
#include "base/activation.h"
#include "base/archive.h"
#include "base/batch.h"
#include "network/mlp.h"
#include "network/mlp_many.h"
#include "suites.h"

Suite *suite_dense_mlp(void);

/* ---- Problems ---- */

enum { MOST_DEPTH = 4, MOST_INPUTS = 8, MOST_OUTPUTS = 3, MOST_STEPS = 40 };

struct fixture {
    char model[8], text[16];
    enum activation_kind kind;
    double variance[MOST_DEPTH + 1], gram[MOST_INPUTS * MOST_INPUTS], target[MOST_INPUTS * MOST_OUTPUTS], schedule[MOST_STEPS];
    size_t chosen[2];
    dmft_problem problem;
};

/* Numbers between -1 and 1 that belong to the test alone. */
static double scatter(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / 8388608.0 - 1.0;
}

static double *zeros(size_t n)
{
    double *x = calloc(n > 0 ? n : 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    return x;
}

/* Gram matrix of `inputs` points in `dim` dimensions: singular when there are more points than dimensions. */
static void fill_gram(double *gram, size_t inputs, size_t dim)
{
    double x[MOST_INPUTS * MOST_INPUTS];
    unsigned state = 77;
    for (size_t i = 0; i < inputs * dim; i++) x[i] = 1.6 * scatter(&state);
    for (size_t a = 0; a < inputs; a++)
        for (size_t b = 0; b < inputs; b++) {
            gram[a * inputs + b] = 0;
            for (size_t d = 0; d < dim; d++) gram[a * inputs + b] += x[a * dim + d] * x[b * dim + d] / (double)dim;
        }
}

static void fill_target(struct fixture *f, size_t inputs, size_t K, enum loss loss)
{
    unsigned state = 5;
    for (size_t i = 0; i < inputs * K; i++) f->target[i] = loss == LOSS_LOGISTIC ? (i % 2 ? -1.0 : 1.0) : scatter(&state);
    for (size_t mu = 0; loss == LOSS_SOFTMAX && mu < inputs; mu++) {
        double sum = 0;
        for (size_t k = 0; k < K; k++) sum += f->target[mu * K + k] = 0.1 + fabs(f->target[mu * K + k]);
        for (size_t k = 0; k < K; k++) f->target[mu * K + k] /= sum;
    }
}

static void fixture_fill(struct fixture *f, enum activation_kind kind, int depth, long N, size_t P, size_t Q, size_t K, enum loss loss)
{
    memset(f, 0, sizeof *f);
    strcpy(f->model, "mlp");
    strcpy(f->text, "model: mlp\n");
    f->kind = kind;
    for (int l = 0; l <= depth; l++) f->variance[l] = 1.3 - 0.13 * l;
    for (int t = 0; t < MOST_STEPS; t++) f->schedule[t] = t == 2 ? 0.0 : 1.0 + 0.2 * t;
    fill_gram(f->gram, P + Q, P + Q);
    fill_target(f, P + Q, K, loss);
    f->problem = (dmft_problem){.model = f->model, .kind = MODEL_MLP, .depth = depth, .gamma0 = 2.385, .weight_variance = f->variance, .learning_rate = 0.17,
                                .steps = 6, .rows = 6, .outlier_count = 2, .outlier_every = 1, .text = f->text};
    f->problem.simulation.given = 1;
    f->problem.simulation.width = N;
    f->problem.simulation.seeds = 3;
    f->problem.simulation.seed = 5;
    f->problem.mlp = (struct mlp_problem){.activation = activation_of(kind), .loss = loss, .samples = P, .tests = Q, .outputs = K, .gram = f->gram,
                                          .target = f->target, .test_target = Q > 0 ? f->target + P * K : NULL, .batch_size = P, .batch_seed = 3};
}

/* Biases, momentum, decay, a schedule (with a step of rate 0) and minibatches, all at once. */
static void fixture_burden(struct fixture *f)
{
    f->problem.mlp.bias = 1;
    f->problem.momentum = 0.6;
    f->problem.weight_decay = 0.013;
    f->problem.schedule = f->schedule;
    f->problem.mlp.batch_size = (f->problem.mlp.samples + 1) / 2;
}

static struct dense_mlp *network_made(const dmft_problem *problem)
{
    struct dense_mlp *n = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(dense_mlp_create(&n, problem, &err) == DMFT_OK, "%s", err.text);
    return n;
}

static struct dense_mlp *network_without_g(const dmft_problem *problem)
{
    struct dense_mlp *n = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(dense_mlp_create_as(&n, problem, 1, &err) == DMFT_OK, "%s", err.text);
    return n;
}

static void assert_close(double found, double expected, double tolerance, const char *what)
{
    ck_assert_msg(fabs(found - expected) <= tolerance, "%s: %.17g, expected %.17g, tolerance %g", what, found, expected, tolerance);
}

/* ---- Losses and activations of the test's own ---- */

static double slow_loss(enum loss loss, size_t K, const double *f, const double *y, double *Delta)
{
    double value = 0, sum = 0;
    if (loss == LOSS_LOGISTIC) {
        Delta[0] = y[0] / (1 + exp(y[0] * f[0]));
        return log(1 + exp(-y[0] * f[0]));
    }
    for (size_t k = 0; k < K; k++) sum += exp(f[k]);
    for (size_t k = 0; k < K; k++) {
        Delta[k] = loss == LOSS_SOFTMAX ? y[k] - exp(f[k]) / sum : y[k] - f[k];
        value += loss == LOSS_SOFTMAX ? -y[k] * log(exp(f[k]) / sum) : 0.5 * (y[k] - f[k]) * (y[k] - f[k]);
    }
    return value;
}

static double slow_phi(enum activation_kind kind, double h, double *slope)
{
    switch (kind) {
    case ACTIVATION_TANH: return *slope = 1 / (cosh(h) * cosh(h)), sinh(h) / cosh(h);
    case ACTIVATION_RELU: return *slope = h > 0 ? 1 : 0, h > 0 ? h : 0;
    case ACTIVATION_GELU:
        *slope = (1 + erf(h / sqrt(2))) / 2 + h * exp(-h * h / 2) / sqrt(8 * atan(1));
        return h * (1 + erf(h / sqrt(2))) / 2;
    default: return *slope = 1, h;
    }
}

/* ---- A network of plain loops ---- */

/* Unnormalised weights: W_0 (N x r), W_l (N x N), w (K x N), b_l; each with a velocity. f = w phi/(gamma sqrt(N)), gamma = gamma0 sqrt(N). */
struct slow {
    const struct fixture *fixture;
    size_t L, N, r, P, all, K, count[2 * MOST_DEPTH + 1]; /* of each group: W_0 .. W_{L-1}, w, b_1 .. b_L */
    double *value[2 * MOST_DEPTH + 1], *velocity[2 * MOST_DEPTH + 1], *gradient[2 * MOST_DEPTH + 1];
    double *V, *phi[MOST_DEPTH + 1], *slope[MOST_DEPTH + 1], *f, *Delta, *losses, *back, *next;
};

static size_t groups_of(const struct slow *s) { return s->L + 1 + (s->fixture->problem.mlp.bias ? s->L : 0); }

/* What the library's number is times: sqrt(N) for W_1 .. W_{L-1}. */
static double unit_of(const struct slow *s, size_t group) { return group > 0 && group < s->L ? sqrt((double)s->N) : 1; }

static struct mlp_weight *weight_of(struct dense_mlp *n, size_t group)
{
    size_t L = (size_t)n->depth;
    return group <= L ? &n->matrix[group] : &n->bias[group - L];
}

static void slow_create(struct slow *s, const struct fixture *fixture, struct dense_mlp *n)
{
    *s = (struct slow){.fixture = fixture, .L = (size_t)n->depth, .N = n->width, .r = n->rank, .P = n->samples, .all = n->inputs, .K = n->outputs};
    for (size_t i = 0; i < groups_of(s); i++) {
        const struct mlp_weight *w = weight_of(n, i);
        s->count[i] = w->rows * w->columns;
        s->value[i] = zeros(s->count[i]);
        s->velocity[i] = zeros(s->count[i]);
        s->gradient[i] = zeros(s->count[i]);
        for (size_t j = 0; j < s->count[i]; j++) s->value[i][j] = unit_of(s, i) * w->value[j];
    }
    s->V = zeros(s->all * s->r);
    memcpy(s->V, n->factor, s->all * s->r * sizeof(double));
    for (size_t l = 1; l <= s->L; l++) {
        s->phi[l] = zeros(s->all * s->N);
        s->slope[l] = zeros(s->all * s->N);
    }
    s->f = zeros(s->all * s->K);
    s->Delta = zeros(s->all * s->K);
    s->losses = zeros(s->all);
    s->back = zeros(s->N);
    s->next = zeros(s->N);
}

static void slow_free(struct slow *s)
{
    for (size_t i = 0; i < groups_of(s); i++) free(s->value[i]), free(s->velocity[i]), free(s->gradient[i]);
    for (size_t l = 1; l <= s->L; l++) free(s->phi[l]), free(s->slope[l]);
    free(s->V), free(s->f), free(s->Delta), free(s->losses), free(s->back), free(s->next);
}

static double output_scale(const struct slow *s) { return 1 / (s->fixture->problem.gamma0 * (double)s->N); }

static void slow_forward(struct slow *s)
{
    const struct mlp_problem *m = &s->fixture->problem.mlp;
    size_t N = s->N;
    for (size_t mu = 0; mu < s->all; mu++) {
        for (size_t l = 1; l <= s->L; l++)
            for (size_t i = 0; i < N; i++) {
                size_t inner = l == 1 ? s->r : N;
                const double *x = l == 1 ? s->V + mu * s->r : s->phi[l - 1] + mu * N;
                double h = m->bias ? s->value[s->L + l][i] : 0;
                for (size_t j = 0; j < inner; j++) h += s->value[l - 1][i * inner + j] * x[j] / (l == 1 ? 1 : sqrt((double)N));
                s->phi[l][mu * N + i] = slow_phi(s->fixture->kind, h, &s->slope[l][mu * N + i]);
            }
        for (size_t k = 0; k < s->K; k++) {
            double *f = &s->f[mu * s->K + k];
            *f = 0;
            for (size_t i = 0; i < N; i++) *f += s->value[s->L][k * N + i] * s->phi[s->L][mu * N + i] * output_scale(s);
        }
        s->losses[mu] = slow_loss(m->loss, s->K, s->f + mu * s->K, s->fixture->target + mu * s->K, s->Delta + mu * s->K);
    }
}

/* Adds factor x the gradient of output k on sample mu with respect to all weights. */
static void slow_backward(struct slow *s, size_t mu, size_t k, double factor)
{
    size_t N = s->N, L = s->L;
    double root = sqrt((double)N);
    for (size_t i = 0; i < N; i++) {
        s->gradient[L][k * N + i] += factor * s->phi[L][mu * N + i] * output_scale(s);
        s->back[i] = s->value[L][k * N + i] * s->slope[L][mu * N + i] * output_scale(s); /* df/dh^L */
    }
    for (size_t l = L; l >= 1; l--) {
        size_t inner = l == 1 ? s->r : N;
        const double *x = l == 1 ? s->V + mu * s->r : s->phi[l - 1] + mu * N;
        for (size_t i = 0; i < N; i++) {
            if (s->fixture->problem.mlp.bias) s->gradient[L + l][i] += factor * s->back[i];
            for (size_t j = 0; j < inner; j++) s->gradient[l - 1][i * inner + j] += factor * s->back[i] * x[j] / (l == 1 ? 1 : root);
        }
        if (l == 1) break;
        for (size_t j = 0; j < N; j++) {
            s->next[j] = 0;
            for (size_t i = 0; i < N; i++) s->next[j] += s->back[i] * s->value[l - 1][i * N + j] / root * s->slope[l - 1][mu * N + j];
        }
        memcpy(s->back, s->next, N * sizeof *s->back);
    }
}

/* Gradient descent on the mean loss of the batch with rate eta gamma^2. */
static void slow_learn(struct slow *s, long t)
{
    const dmft_problem *p = &s->fixture->problem;
    size_t batch[MOST_INPUTS], count = batch_at(p, t, batch);
    double rate = p->learning_rate * p->gamma0 * p->gamma0 * (double)s->N, step = p->schedule != NULL ? p->schedule[t] : 1;
    for (size_t i = 0; i < groups_of(s); i++) memset(s->gradient[i], 0, s->count[i] * sizeof(double));
    for (size_t b = 0; b < count; b++)
        for (size_t k = 0; k < s->K; k++) slow_backward(s, batch[b], k, -s->Delta[batch[b] * s->K + k] / (double)count);
    for (size_t i = 0; i < groups_of(s); i++)
        for (size_t j = 0; j < s->count[i]; j++) {
            s->velocity[i][j] = p->momentum * s->velocity[i][j] - rate * s->gradient[i][j];
            s->value[i][j] = (1 - p->weight_decay) * s->value[i][j] + step * s->velocity[i][j];
        }
}

static double largest_difference(struct slow *s, struct dense_mlp *n)
{
    double worst = 0;
    for (size_t i = 0; i < groups_of(s); i++)
        for (size_t j = 0; j < s->count[i]; j++) worst = fmax(worst, fabs(s->value[i][j] - unit_of(s, i) * weight_of(n, i)->value[j]));
    return worst;
}

/* ---- Steps ---- */

struct step_case {
    enum activation_kind kind;
    int depth;
    long N;
    size_t P, Q, K;
    enum loss loss;
    int burden;
};

static const struct step_case step_cases[] = {
    {ACTIVATION_TANH, 2, 17, 3, 2, 1, LOSS_SQUARED, 0}, {ACTIVATION_TANH, 3, 17, 4, 1, 3, LOSS_SQUARED, 1}, {ACTIVATION_GELU, 2, 9, 5, 0, 1, LOSS_LOGISTIC, 1},
    {ACTIVATION_RELU, 3, 12, 4, 2, 3, LOSS_SOFTMAX, 1}, {ACTIVATION_GELU, 1, 17, 6, 2, 2, LOSS_SOFTMAX, 0}, {ACTIVATION_LINEAR, 4, 5, 2, 1, 1, LOSS_SQUARED, 1},
    {ACTIVATION_TANH, 2, 1, 1, 0, 1, LOSS_SQUARED, 1},  {ACTIVATION_TANH, 3, 2, 2, 0, 2, LOSS_SQUARED, 0},  {ACTIVATION_RELU, 2, 3, 1, 3, 1, LOSS_LOGISTIC, 0},
};
enum { STEP_CASES = sizeof step_cases / sizeof *step_cases };

static void case_fill(struct fixture *f, const struct step_case *c)
{
    fixture_fill(f, c->kind, c->depth, c->N, c->P, c->Q, c->K, c->loss);
    if (c->burden) fixture_burden(f);
}

/* Row t of the slot against the slow network. */
static void assert_row(const struct slow *s, const struct mlp_table *table, const double *row)
{
    double train = 0, test = 0;
    for (size_t i = 0; i < s->all * s->K; i++) assert_close(row[table->output + i], s->f[i], 1e-11, "f");
    for (size_t mu = 0; mu < s->all; mu++) *(mu < s->P ? &train : &test) += s->losses[mu] / (double)(mu < s->P ? s->P : s->all - s->P);
    assert_close(row[table->train_loss], train, 1e-11, "train loss");
    if (s->all > s->P)
        assert_close(row[table->test_loss], test, 1e-11, "test loss");
    else
        ck_assert(isnan(row[table->test_loss]));
    for (size_t l = 1; l <= s->L; l++)
        for (size_t mu = 0; mu < s->P; mu++) {
            double sum = 0;
            for (size_t i = 0; i < s->N; i++) sum += s->phi[l][mu * s->N + i] * s->phi[l][mu * s->N + i] / (double)s->N;
            assert_close(row[table->forward + (l - 1) * s->P + mu], sum, 1e-11, "forward mean square");
        }
}

START_TEST(steps_are_those_of_plain_loops)
{
    struct fixture f;
    struct slow s;
    dmft_error err = {.text = ""};
    case_fill(&f, &step_cases[_i]);
    struct dense_mlp *n = network_made(&f.problem);
    double *slot = zeros(n->table.slot);
    dense_mlp_start(n, 2);
    slow_create(&s, &f, n);
    for (long t = 0; t < 6; t++) {
        dense_mlp_evaluate(n);
        ck_assert_msg(dense_mlp_record(n, t, slot, &err) == DMFT_OK, "step %ld: %s", t, err.text);
        slow_forward(&s);
        assert_row(&s, &n->table, slot + (size_t)t * n->table.columns);
        dense_mlp_learn(n, t);
        slow_learn(&s, t);
        ck_assert_msg(largest_difference(&s, n) <= 1e-11, "step %ld: weights differ by %g", t, largest_difference(&s, n));
    }
    ck_assert((n->matrix[0].momentum != NULL) == (f.problem.momentum > 0));
    slow_free(&s);
    free(slot);
    dense_mlp_free(n);
}
END_TEST

/* ---- Gradients and the tangent kernel by finite differences ---- */

/* d f/d theta of all outputs on the samples, theta number j of a group, unnormalised. */
static void output_slopes(struct dense_mlp *n, const struct slow *s, size_t group, size_t j, double *slope)
{
    static const double h = 1e-5; /* central differences: h^2 of third derivatives against 1e-16/h of rounding */
    double *x = &weight_of(n, group)->value[j], kept = *x;
    size_t PK = s->P * s->K;
    memset(slope, 0, PK * sizeof *slope);
    for (int side = -1; side <= 1; side += 2) {
        *x = kept + side * h / unit_of(s, group);
        dense_mlp_evaluate(n);
        for (size_t i = 0; i < PK; i++) slope[i] += side * n->f[i] / (2 * h);
    }
    *x = kept;
}

static double largest_eigenvalue(double *matrix, size_t order)
{
    double *values = zeros(order);
    ck_assert_int_eq(LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'N', 'U', (int)order, matrix, (int)order, values), 0);
    double top = values[order - 1];
    free(values);
    return top;
}

/* J with a row for every parameter; after this the network is evaluated at its own weights again. */
static double *jacobian(struct dense_mlp *n, const struct slow *s, size_t *parameters)
{
    size_t PK = s->P * s->K, row = 0;
    *parameters = 0;
    for (size_t i = 0; i < groups_of(s); i++) *parameters += s->count[i];
    double *J = zeros(*parameters * PK);
    for (size_t i = 0; i < groups_of(s); i++)
        for (size_t j = 0; j < s->count[i]; j++) output_slopes(n, s, i, j, J + row++ * PK);
    dense_mlp_evaluate(n);
    return J;
}

START_TEST(updates_descend_the_gradient)
{
    struct fixture f;
    struct slow s;
    case_fill(&f, &step_cases[_i]);
    f.problem.momentum = f.problem.weight_decay = 0;
    f.problem.schedule = NULL;
    struct dense_mlp *n = network_made(&f.problem);
    dense_mlp_start(n, 1);
    dense_mlp_evaluate(n);
    dense_mlp_learn(n, 0); /* away from the start, where biases are 0 */
    dense_mlp_evaluate(n);
    slow_create(&s, &f, n);
    size_t parameters, PK = s.P * s.K, row = 0, batch[MOST_INPUTS], count = batch_at(&f.problem, 1, batch);
    double *J = jacobian(n, &s, &parameters), rate = f.problem.learning_rate * f.problem.gamma0 * f.problem.gamma0 * (double)s.N;
    slow_forward(&s); /* Delta */
    dense_mlp_learn(n, 1);
    for (size_t i = 0; i < groups_of(&s); i++)
        for (size_t j = 0; j < s.count[i]; j++, row++) {
            double step = 0, made = unit_of(&s, i) * weight_of(n, i)->value[j] - s.value[i][j];
            for (size_t b = 0; b < count; b++)
                for (size_t k = 0; k < s.K; k++) step += rate / (double)count * s.Delta[batch[b] * s.K + k] * J[row * PK + batch[b] * s.K + k];
            ck_assert_msg(fabs(made - step) <= 1e-7, "group %zu, number %zu: moved %.12g, gradient %.12g", i, j, made, step);
        }
    free(J);
    slow_free(&s);
    dense_mlp_free(n);
}
END_TEST

START_TEST(tangent_kernel_is_the_gram_matrix_of_the_jacobian)
{
    struct fixture f;
    struct slow s;
    dmft_error err = {.text = ""};
    case_fill(&f, &step_cases[_i]);
    struct dense_mlp *n = network_made(&f.problem);
    double *slot = zeros(n->table.slot);
    dense_mlp_start(n, 0);
    for (long t = 0; t < 2; t++) {
        dense_mlp_evaluate(n);
        dense_mlp_learn(n, t);
    }
    slow_create(&s, &f, n);
    size_t parameters, PK = s.P * s.K;
    double *J = jacobian(n, &s, &parameters), *K = zeros(PK * PK), gamma2 = f.problem.gamma0 * f.problem.gamma0 * (double)s.N;
    for (size_t p = 0; p < parameters; p++)
        for (size_t a = 0; a < PK; a++)
            for (size_t b = 0; b < PK; b++) K[a * PK + b] += gamma2 * J[p * PK + a] * J[p * PK + b];
    ck_assert_msg(dense_mlp_record(n, 0, slot, &err) == DMFT_OK, "%s", err.text);
    double top = largest_eigenvalue(K, PK);
    assert_close(slot[n->table.ntk] / top, 1.0, 1e-7, "top of the tangent kernel");
    free(J), free(K), free(slot);
    slow_free(&s);
    dense_mlp_free(n);
}
END_TEST

/* ---- Inputs ---- */

/* V V^T = K^x, with equal inputs, inputs that are 0, fewer dimensions than points. */
START_TEST(factor_of_the_inputs)
{
    struct fixture f;
    fixture_fill(&f, ACTIVATION_TANH, 2, 3, 4, 2, 1, LOSS_SQUARED);
    if (_i == 1) fill_gram(f.gram, 6, 2);
    for (size_t a = 0; _i >= 2 && a < 6; a++)
        for (size_t b = 0; b < 6; b++) f.gram[a * 6 + b] = _i == 2 ? 0.7 : 0;
    struct dense_mlp *n = network_made(&f.problem);
    ck_assert_uint_eq(n->rank, _i == 0 ? 6 : _i == 1 ? 2 : 1);
    for (size_t a = 0; a < 6; a++)
        for (size_t b = 0; b < 6; b++) {
            double sum = 0;
            for (size_t j = 0; j < n->rank; j++) sum += n->factor[a * n->rank + j] * n->factor[b * n->rank + j];
            assert_close(sum, f.gram[a * 6 + b], 1e-14, "V V^T");
        }
    dense_mlp_free(n);
}
END_TEST

/* ---- Losses ---- */

START_TEST(losses_far_out)
{
    static const double f[] = {-900, -40, -1e-9, 0, 0.3, 45, 900};
    for (size_t i = 0; i < sizeof f / sizeof *f; i++) {
        double Delta[2], y = -1, pair[2] = {f[i], -f[i]}, certain[2] = {1, 0};
        double loss = mlp_loss(LOSS_LOGISTIC, 1, &f[i], &y, Delta);
        assert_close(loss, f[i] > 30 ? f[i] : log1p(exp(f[i])), 1e-13 * fmax(1, fabs(f[i])), "logistic loss");
        assert_close(Delta[0], f[i] > 30 ? -1 : -exp(f[i]) / (1 + exp(f[i])), 1e-15, "logistic Delta");
        loss = mlp_loss(LOSS_SOFTMAX, 2, pair, certain, Delta);
        assert_close(loss, f[i] < -30 ? -2 * f[i] : log1p(exp(-2 * f[i])), 1e-13 * fmax(1, fabs(f[i])), "softmax loss");
        assert_close(Delta[0] + Delta[1], 0, 1e-15, "the sum of softmax Delta");
        assert_close(Delta[0], f[i] < -30 ? 1 : exp(-2 * f[i]) / (1 + exp(-2 * f[i])), 1e-15, "softmax Delta");
    }
    double large = mlp_loss(LOSS_LOGISTIC, 1, &f[0], &(double){1}, NULL);
    ck_assert(large == 900);
}
END_TEST

/* ---- Spectra ---- */

/* Singular values and first vectors by LAPACK. */
static void lapack_singular(const double *A, size_t N, double *s, double *u, double *v)
{
    double *copy = zeros(N * N), *U = zeros(N * N), *VT = zeros(N * N);
    memcpy(copy, A, N * N * sizeof *copy);
    ck_assert_int_eq(LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'A', (int)N, (int)N, copy, (int)N, s, U, (int)N, VT, (int)N), 0);
    for (size_t i = 0; i < N; i++) u[i] = U[i * N];
    memcpy(v, VT, N * sizeof *v);
    free(copy), free(U), free(VT);
}

static double overlap_with(const double *x, const double *unit, size_t n)
{
    double product = 0;
    for (size_t i = 0; i < n; i++) product += x[i] * unit[i];
    return product * product / (double)n;
}

static void assert_spectrum(const struct dense_mlp *n, size_t l, const double *out)
{
    const struct mlp_table *table = &n->table;
    size_t N = n->width, P = n->samples, K = n->outputs;
    double *s = zeros(N), *u = zeros(N), *v = zeros(N), left = 0, right = 0;
    lapack_singular(n->matrix[l].value, N, s, u, v);
    for (size_t j = 0; j <= table->count; j++)
        if (j < N)
            assert_close(out[table->value + j], s[j], 1e-9 * s[j] + 1e-7 * s[0] * (s[j] < 1e-3 * s[0]), "singular value");
        else
            ck_assert(isnan(out[table->value + j]));
    for (size_t j = 0; j < table->count; j++) ck_assert(isnan(out[table->root + j]));
    for (size_t i = 0; i < P * K; i++) left += overlap_with(n->g[l + 1] + i * N, u, N) / (double)(P * K);
    for (size_t i = 0; i < P; i++) right += overlap_with(n->phi[l] + i * N, v, N) / (double)P;
    int apart = N == 1 || s[1] < 0.99 * s[0];
    for (size_t i = 0; apart && i < table->chosen; i++) {
        double own = 0;
        for (size_t k = 0; k < K; k++) own += overlap_with(n->g[l + 1] + (n->problem->mlp.chosen[i] * K + k) * N, u, N) / (double)K;
        assert_close(out[table->left_of + i], own, 1e-6, "left overlap of a sample");
        assert_close(out[table->right_of + i], overlap_with(n->phi[l] + n->problem->mlp.chosen[i] * N, v, N), 1e-6, "right overlap of a sample");
    }
    if (apart) assert_close(out[table->left], left, 1e-6, "left overlap");
    if (apart) assert_close(out[table->right], right, 1e-6, "right overlap");
    free(s), free(u), free(v);
}

START_TEST(spectra_are_those_of_lapack)
{
    static const long width[] = {1, 2, 3, 17, 90};
    struct fixture f;
    dmft_error err = {.text = ""};
    fixture_fill(&f, ACTIVATION_TANH, 3, width[_i], 6, 0, _i % 2 ? 2 : 1, LOSS_SQUARED);
    f.problem.outlier_every = 2;
    f.problem.mlp.chosen = f.chosen;
    f.problem.mlp.chosen_count = 2;
    f.chosen[0] = 4, f.chosen[1] = 1;
    struct dense_mlp *n = network_made(&f.problem);
    double *slot = zeros(n->table.slot);
    dense_mlp_start(n, 1);
    for (long t = 0; t < 6; t++) {
        dense_mlp_evaluate(n);
        ck_assert_msg(dense_mlp_record(n, t, slot, &err) == DMFT_OK, "step %ld: %s", t, err.text);
        for (size_t l = 1; t % 2 == 0 && l <= 2; l++) assert_spectrum(n, l, slot + mlp_table_spectrum(&n->table, t, l));
        dense_mlp_learn(n, t);
    }
    free(slot);
    dense_mlp_free(n);
}
END_TEST

/* ---- Many outputs ---- */

/* Two numbers that are nan together, or close relative to the second. */
static void assert_equal(double found, double expected, double tolerance, const char *what)
{
    if (isnan(expected))
        ck_assert_msg(isnan(found), "%s: %.17g, expected nan", what, found);
    else
        assert_close(found, expected, tolerance * fmax(fabs(expected), 1e-3), what);
}

static void assert_rows_equal(const struct dense_mlp *many, const double *found, const double *expected, int probed)
{
    const struct mlp_table *t = &many->table;
    for (size_t i = 0; i < t->columns; i++) {
        int backward = i >= t->backward && i < t->ntk, ntk = i >= t->ntk && i < t->train_loss;
        if ((backward || ntk) && !probed)
            ck_assert_msg(isnan(found[i]), "column %zu is %g at a step that is not probed", i, found[i]);
        else
            assert_equal(found[i], expected[i], ntk ? 1e-9 : 1e-11, ntk ? "tangent kernel" : backward ? "backward mean square" : "a column");
    }
}

/* The same network with all backward vectors and with none: weights, rows and spectra, step by step. Singular vectors are good to 1e-6. */
START_TEST(networks_without_backward_vectors_are_the_same)
{
    struct fixture f;
    dmft_error err = {.text = ""};
    case_fill(&f, &step_cases[_i]);
    f.problem.probes.every = 2;
    f.problem.probes.ntk = _i % 2;
    f.problem.mlp.chosen = f.chosen;
    f.problem.mlp.chosen_count = 1;
    f.chosen[0] = step_cases[_i].P - 1;
    struct dense_mlp *few = network_made(&f.problem), *many = network_without_g(&f.problem);
    double *slots[2] = {zeros(few->table.slot), zeros(few->table.slot)};
    dense_mlp_start(few, 1);
    dense_mlp_start(many, 1);
    for (long t = 0; t < 6; t++) {
        size_t at = (size_t)t * few->table.columns;
        dense_mlp_evaluate(few);
        dense_mlp_evaluate(many);
        ck_assert_msg(dense_mlp_record(few, t, slots[0], &err) == DMFT_OK, "%s", err.text);
        ck_assert_msg(dense_mlp_record(many, t, slots[1], &err) == DMFT_OK, "%s", err.text);
        assert_rows_equal(many, slots[1] + at, slots[0] + at, t % 2 == 0);
        for (size_t i = 0; i < few->table.wide; i++)
            assert_equal(slots[1][few->table.spectra + (size_t)t * few->table.wide + i], slots[0][few->table.spectra + (size_t)t * few->table.wide + i], 2e-6,
                         "spectra");
        dense_mlp_learn(few, t);
        dense_mlp_learn(many, t);
        for (int l = 0; l <= few->depth; l++)
            for (size_t i = 0; i < few->matrix[l].rows * few->matrix[l].columns; i++)
                assert_close(many->matrix[l].value[i], few->matrix[l].value[i], 1e-12, "weight");
    }
    ck_assert(few->g != NULL && few->many == NULL && many->g == NULL && many->many != NULL);
    free(slots[0]), free(slots[1]);
    dense_mlp_free(few);
    dense_mlp_free(many);
}
END_TEST

START_TEST(many_outputs_and_no_memory)
{
    struct fixture f;
    struct dense_mlp *n = NULL;
    fixture_fill(&f, ACTIVATION_TANH, 3, 17, 4, 1, 3, LOSS_SQUARED);
    for (long i = 1;; i++) {
        dmft_error err = {.text = ""};
        allocation_fail_at(i);
        int status = dense_mlp_create_as(&n, &f.problem, 1, &err), failed = allocation_failed();
        allocation_fail_at(0);
        ck_assert_msg(status == (failed ? DMFT_ERROR_MEMORY : DMFT_OK), "allocation %ld: %d, %s", i, status, err.text);
        ck_assert((n == NULL) == failed);
        if (!failed) break;
    }
    dense_mlp_free(n);
}
END_TEST

/* The choice goes by P K, not where kernels are stored, and what is said of memory no longer grows with its square. */
START_TEST(many_outputs_take_little_memory)
{
    struct fixture f;
    fixture_fill(&f, ACTIVATION_TANH, 2, 40, 6, 0, 2, LOSS_SOFTMAX);
    ck_assert_int_eq(mlp_many_is_better(&f.problem), 0);
    f.problem.mlp.samples = 500;
    f.problem.mlp.outputs = 300;
    f.problem.probes.every = 1;
    ck_assert_int_eq(mlp_many_is_better(&f.problem), 1);
    double doubles = dense_mlp_doubles(&f.problem), PK = 500.0 * 300.0;
    ck_assert_msg(doubles < 150 * PK, "%g doubles", doubles);
    f.problem.store_kernels = 1;
    ck_assert_int_eq(mlp_many_is_better(&f.problem), 0);
    ck_assert(dense_mlp_doubles(&f.problem) > PK * PK);
}
END_TEST

/* ---- Kernels ---- */

START_TEST(kernels_are_inner_products)
{
    struct fixture f;
    dmft_error err = {.text = ""};
    fixture_fill(&f, ACTIVATION_GELU, 2, 7, 3, 1, 2, LOSS_SQUARED);
    f.problem.store_kernels = 1;
    struct dense_mlp *n = network_made(&f.problem);
    size_t N = 7, P = 3, K = 2, T = 6, order = n->table.order;
    double *slot = zeros(n->table.slot), *phi = zeros(2 * T * P * N), *g = zeros(2 * T * P * K * N);
    dense_mlp_start(n, 0);
    for (long t = 0; t < (long)T; t++) {
        dense_mlp_evaluate(n);
        ck_assert_int_eq(dense_mlp_record(n, t, slot, &err), DMFT_OK);
        for (size_t l = 1; l <= 2; l++) {
            memcpy(phi + ((l - 1) * T + (size_t)t) * P * N, n->phi[l], P * N * sizeof *phi);
            memcpy(g + ((l - 1) * T + (size_t)t) * P * K * N, n->g[l], P * K * N * sizeof *g);
        }
        dense_mlp_learn(n, t);
    }
    ck_assert_uint_eq(order, T * P);
    for (size_t l = 1; l <= 2; l++)
        for (size_t a = 0; a < order; a++)
            for (size_t b = 0; b <= a; b++) {
                double C_phi = 0, C_g = 0;
                const double *x = phi + (l - 1) * T * P * N, *y = g + (l - 1) * T * P * K * N;
                for (size_t i = 0; i < N; i++) C_phi += x[a * N + i] * x[b * N + i] / (double)N;
                for (size_t i = 0; i < K * N; i++) C_g += y[a * K * N + i] * y[b * K * N + i] / (double)(K * N);
                assert_close(slot[mlp_table_kernel(&n->table, MLP_C_PHI, l) + a * order + b], C_phi, 1e-13, "C_phi");
                assert_close(slot[mlp_table_kernel(&n->table, MLP_C_G, l) + a * order + b], C_g, 1e-13, "C_g");
                if (a != b) continue;
                const double *row = slot + a / P * n->table.columns;
                assert_close(row[n->table.forward + (l - 1) * P + a % P], C_phi, 1e-13, "forward mean square");
                assert_close(row[n->table.backward + (l - 1) * P + a % P], C_g, 1e-13, "backward mean square");
            }
    free(slot), free(phi), free(g);
    dense_mlp_free(n);
}
END_TEST

/* ---- As a member ---- */

static void run_rows(struct dense_mlp *n, long from, long to, double *slot)
{
    dmft_error err = {.text = ""};
    for (long t = from; t < to; t++) {
        ck_assert_msg(ensemble_dense_mlp.row(n, t, slot, &err) == DMFT_OK, "%s", err.text);
        ck_assert_int_eq(ensemble_dense_mlp.advance(n, t, &err), 1);
    }
}

static void pass_through_a_file(struct dense_mlp *from, struct dense_mlp *to)
{
    char folder[] = "/tmp/dmft_mlp_XXXXXX", path[64];
    struct archive_head head = {.kind = "simulate", .problem = "model: mlp\n", .threads = 1, .done = 3, .total = 6};
    archive *a = NULL;
    dmft_error err = {.text = ""};
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/state", folder);
    ck_assert_msg(archive_create_write(&a, path, &head, &err) == DMFT_OK, "%s", err.text);
    ensemble_dense_mlp.transfer(from, a);
    ck_assert_msg(archive_close(a, &err) == DMFT_OK, "%s", err.text);
    ck_assert_msg(archive_open_read(&a, path, "simulate", "model: mlp\n", &err) == DMFT_OK, "%s", err.text);
    ensemble_dense_mlp.transfer(to, a);
    ck_assert_msg(archive_close(a, &err) == DMFT_OK, "%s", err.text);
    (void)unlink(path);
    (void)rmdir(folder);
}

/* A network that was written down and goes on in another's room leaves the same bits; so does one that begins where another was. */
START_TEST(resumed_networks_have_the_same_bits)
{
    struct fixture f;
    dmft_error err = {.text = ""};
    fixture_fill(&f, ACTIVATION_TANH, 3, 17, 5, 1, 2, LOSS_SQUARED);
    if (_i == 1) {
        fixture_burden(&f);
        f.problem.store_kernels = 1;
    }
    f.problem.probes.every = 2;
    struct dense_mlp *(*make)(const dmft_problem *) = _i == 2 ? network_without_g : network_made;
    struct dense_mlp *a = make(&f.problem), *b = make(&f.problem);
    double *whole = zeros(a->table.slot), *parts = zeros(a->table.slot);
    ck_assert_int_eq(ensemble_dense_mlp.start(a, 1, &err), DMFT_OK);
    run_rows(a, 0, 3, whole);
    memcpy(parts, whole, a->table.slot * sizeof *parts);
    ck_assert_int_eq(ensemble_dense_mlp.start(b, 0, &err), DMFT_OK); /* another network was here before */
    run_rows(b, 0, 5, parts);
    memcpy(parts, whole, a->table.slot * sizeof *parts);
    ck_assert_int_eq(ensemble_dense_mlp.start(b, 1, &err), DMFT_OK);
    pass_through_a_file(a, b);
    run_rows(a, 3, 6, whole);
    run_rows(b, 3, 6, parts);
    ck_assert(memcmp(whole, parts, a->table.slot * sizeof *whole) == 0);
    memset(parts, 0, a->table.slot * sizeof *parts);
    ck_assert_int_eq(ensemble_dense_mlp.start(b, 1, &err), DMFT_OK);
    run_rows(b, 0, 6, parts);
    ck_assert_msg(memcmp(whole, parts, a->table.slot * sizeof *whole) == 0, "a network begun anew differs");
    free(whole), free(parts);
    dense_mlp_free(a);
    dense_mlp_free(b);
}
END_TEST

static int run_ensemble(const dmft_problem *problem, int threads, struct ensemble_results *out)
{
    dmft_run_options options = {.threads = threads};
    dmft_error err = {.text = ""};
    struct ensemble_plan plan = {.kind = &ensemble_dense_mlp, .problem = problem, .members = problem->simulation.seeds, .rows = problem->rows};
    plan.slot = mlp_table_of(problem, 0).slot;
    plan.operations = dense_mlp_operations(problem);
    int status = ensemble_run(out, &plan, &options, &err);
    ck_assert_msg(status >= 0, "%s", err.text);
    return status;
}

START_TEST(threads_do_not_matter)
{
    struct fixture f;
    struct ensemble_results one, three;
    fixture_fill(&f, ACTIVATION_RELU, 2, 33, 3, 1, 1, LOSS_SQUARED);
    f.problem.simulation.seeds = 5;
    ck_assert_int_eq(run_ensemble(&f.problem, 1, &one), DMFT_OK);
    ck_assert_int_eq(run_ensemble(&f.problem, 3, &three), DMFT_OK);
    ck_assert_uint_eq(one.slot, three.slot);
    ck_assert(memcmp(one.values, three.values, 5 * one.slot * sizeof(double)) == 0);
    ck_assert_msg(memcmp(one.values, one.values + one.slot, one.slot * sizeof(double)) != 0, "two networks are the same");
    ensemble_results_free(&one);
    ensemble_results_free(&three);
}
END_TEST

START_TEST(divergence_ends_a_network)
{
    struct fixture f;
    struct ensemble_results r;
    fixture_fill(&f, ACTIVATION_LINEAR, 3, 20, 3, 0, 1, LOSS_SQUARED);
    f.problem.learning_rate = 40;
    f.problem.rows = f.problem.steps = 12;
    (void)run_ensemble(&f.problem, 1, &r);
    ck_assert_int_eq(ensemble_diverged(&r), 3);
    long first = ensemble_diverged_at(&r);
    ck_assert_msg(first >= 1 && first < 12, "row %ld", first);
    struct mlp_table table = mlp_table_of(&f.problem, 0);
    for (size_t i = 0; i < (size_t)first * table.columns; i++)
        ck_assert(isfinite(r.values[i]) || i % table.columns == table.test_loss);
    ensemble_results_free(&r);
}
END_TEST

/* ---- The law ---- */

/* (W6), outputs of a linear network at the start: f_mu = w.A_{L-1} .. A_0 V_mu/(gamma0 N) has covariance v K^x/(gamma0^2 N), v the product of all
 * variances, at every N; with one hidden layer the fourth moment is 3 (1 + 2/N) of the squared variance. 4000 networks of width 3;
 * 4 standard errors of the sample. */
START_TEST(law_of_the_first_outputs)
{
    enum { DRAWS = 4000, N = 3 };
    struct fixture f;
    int depth = _i + 1;
    fixture_fill(&f, ACTIVATION_LINEAR, depth, N, 2, 0, 1, LOSS_SQUARED);
    struct dense_mlp *n = network_made(&f.problem);
    double v = 1, sum[4] = {0}, squares[4] = {0};
    for (int l = 0; l <= depth; l++) v *= f.variance[l];
    double scale = v / (f.problem.gamma0 * f.problem.gamma0 * N), kurtosis = 3 * (1 + 2.0 / N);
    double expected[4] = {scale * f.gram[0], scale * f.gram[1], scale * f.gram[3], kurtosis * scale * scale * f.gram[0] * f.gram[0]};
    for (long i = 0; i < DRAWS; i++) {
        dense_mlp_start(n, i);
        dense_mlp_evaluate(n);
        double x = n->f[0], y = n->f[1], moment[4] = {x * x, x * y, y * y, x * x * x * x};
        for (int j = 0; j < 4; j++) sum[j] += moment[j] / DRAWS, squares[j] += moment[j] * moment[j] / DRAWS;
    }
    for (int j = 0; j < (depth == 1 ? 4 : 3); j++) {
        double se = sqrt((squares[j] - sum[j] * sum[j]) / DRAWS);
        ck_assert_msg(fabs(sum[j] - expected[j]) < 4 * se, "depth %d, moment %d: %g(%g), expected %g", depth, j, sum[j], se, expected[j]);
    }
    dense_mlp_free(n);
}
END_TEST

/* ---- The limit of linear networks ---- */

enum { ROWS = 40, MOST_COLUMNS = 13, WIDTH = 400 };

/* The two reference files: four samples, one output. */
static const struct limit {
    const char *file;
    int depth;
    double gamma0, variance, rate;
    int with_outliers;
} limits[2] = {{"mlp_linear_a", 2, 1.5, 1, 0.1, 0}, {"mlp_linear_b", 3, 3, 0.6, 0.08, 1}};

/* Columns step, f0 .. f3, trace_C_h, C_g of every layer, the first outlier of A_1 .. A_{L-1}. */
static int columns_of(const struct limit *c) { return 5 + 2 * c->depth + c->depth - 1; }

static void read_reference(const struct limit *c, double table[ROWS][MOST_COLUMNS])
{
    const char *root = getenv("DMFT_SRCDIR");
    char path[512], line[1024];
    (void)snprintf(path, sizeof path, "%s/tests/reference/%s.csv", root != NULL ? root : ".", c->file);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert(fgets(line, sizeof line, file) != NULL && strstr(line, c->depth == 2 ? ",C_g2,A1_outlier1\n" : ",C_g3,A1_outlier1,A2_outlier1\n") != NULL);
    for (int t = 0; t < ROWS; t++) {
        ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
        char *at = line;
        for (int k = 0; k < columns_of(c); k++, at++) table[t][k] = strtod(at, &at);
        ck_assert(table[t][0] == t);
    }
    (void)fclose(file);
}

static void reference_problem(struct fixture *f, const struct limit *c)
{
    static const double gram[16] = {1.031494140625, -0.03662109375, -0.299072265625, -0.42724609375, -0.03662109375, 0.9033203125, -0.238037109375,
                                    0.164794921875, -0.299072265625, -0.238037109375, 0.762939453125, 0.286865234375, -0.42724609375, 0.164794921875,
                                    0.286865234375, 1.080322265625};
    static const double target[4] = {1, 1, -1, -1};
    fixture_fill(f, ACTIVATION_LINEAR, c->depth, WIDTH, 4, 0, 1, LOSS_SQUARED);
    memcpy(f->gram, gram, sizeof gram);
    memcpy(f->target, target, sizeof target);
    for (int l = 0; l <= c->depth; l++) f->variance[l] = c->variance;
    f->problem.gamma0 = c->gamma0;
    f->problem.learning_rate = c->rate;
    f->problem.rows = f->problem.steps = ROWS;
    f->problem.outlier_count = 1;
    f->problem.outlier_every = 13;
    f->problem.simulation.seeds = 16;
}

/* Where column k of row t stands, and how many numbers it is the mean of. */
static size_t place_of(const struct limit *c, const struct mlp_table *table, size_t t, size_t k, size_t *count)
{
    size_t L = (size_t)c->depth, row = t * table->columns;
    *count = k >= 5 && k < 5 + 2 * L ? 4 : 1;
    if (k < 5) return row + table->output + k - 1;
    if (k < 5 + L) return row + table->forward + 4 * (k - 5);
    if (k < 5 + 2 * L) return row + table->backward + 4 * (k - 5 - L);
    return mlp_table_spectrum(table, (long)t, k - 4 - 2 * L) + table->value;
}

/* Mean over the networks, and its standard error, of the mean of `count` numbers of the slot. */
static double mean_of(const struct ensemble_results *r, size_t place, size_t count, double *se)
{
    double sum = 0, squares = 0, members = (double)r->members;
    for (int pass = 0; pass < 2; pass++)
        for (long i = 0; i < r->members; i++) {
            double own = 0;
            for (size_t j = 0; j < count; j++) own += r->values[(size_t)i * r->slot + place + j] / (double)count;
            if (pass == 0) sum += own / members;
            if (pass == 1) squares += (own - sum) * (own - sum);
        }
    *se = sqrt(squares / (members - 1) / members);
    return sum;
}

/* 16 networks of N = 400 against the exact limit: 4 standard errors and 20/N of the number, for the bias of a finite width. */
START_TEST(linear_networks_have_their_limit)
{
    static double exact[ROWS][MOST_COLUMNS];
    const struct limit *c = &limits[_i];
    struct fixture f;
    struct ensemble_results r;
    reference_problem(&f, c);
    read_reference(c, exact);
    struct mlp_table table = mlp_table_of(&f.problem, 0);
    ck_assert_int_eq(run_ensemble(&f.problem, 1, &r), DMFT_OK);
    int outliers = 0, spectra = 5 + 2 * c->depth;
    double sum = 0;
    size_t compared = 0, count;
    for (size_t t = 0; t < ROWS; t++)
        for (int k = 1; k < columns_of(c); k++) {
            if (k >= spectra && (t % 13 != 0 || isnan(exact[t][k]))) continue;
            size_t place = place_of(c, &table, t, (size_t)k, &count);
            double se, mean = mean_of(&r, place, count, &se), difference = mean - exact[t][k];
            outliers += k >= spectra;
            sum += difference * difference / (se * se), compared++;
            ck_assert_msg(fabs(difference) <= 4 * se + 20 * fabs(exact[t][k]) / WIDTH, "step %zu, column %d: %g(%g), limit %g", t, k, mean, se, exact[t][k]);
        }
    ck_assert_int_eq(outliers > 0, c->with_outliers);
    if (getenv("DMFT_TEST_VERBOSE") != NULL) printf("N = %d: rms z %.2f of %zu, %d outliers\n", WIDTH, sqrt(sum / (double)compared), compared, outliers);
    ensemble_results_free(&r);
}
END_TEST

/* ---- Estimates ---- */

/* What is said of memory counts what is taken: the weights alone are most of it for a wide network, and momentum doubles them. */
START_TEST(estimates_follow_the_sizes)
{
    struct fixture f;
    fixture_fill(&f, ACTIVATION_TANH, 3, 1000, 3, 1, 1, LOSS_SQUARED);
    double plain = dense_mlp_doubles(&f.problem), entries = 2.0 * 1000 * 1000 + 1000 * (4 + 1);
    ck_assert(plain > entries && plain < 1.1 * entries);
    f.problem.momentum = 0.5;
    assert_close(dense_mlp_doubles(&f.problem), plain + entries, 0, "momentum");
    dmft_estimate one = dense_mlp_estimate(&f.problem, 1), two = dense_mlp_estimate(&f.problem, 2);
    assert_close(two.bytes - one.bytes, 8 * dense_mlp_doubles(&f.problem), 1, "a second thread");
    ck_assert(one.operations == two.operations && one.operations > 3 * 6 * dense_mlp_operations(&f.problem));
    double step = dense_mlp_operations(&f.problem);
    ck_assert(step > 2 * 2e6 * 5 && step < 2 * 2e6 * 10); /* 4 + 3 + 3 vectors go through, three at a time, and the momentum */
}
END_TEST

START_TEST(sizes_that_blas_cannot_count_are_refused)
{
    struct fixture f;
    struct dense_mlp *n = NULL;
    dmft_error err = {.text = ""};
    fixture_fill(&f, ACTIVATION_TANH, 2, 3000000000L, 3, 0, 1, LOSS_SQUARED);
    ck_assert_int_eq(dense_mlp_create(&n, &f.problem, &err), DMFT_ERROR_ARGUMENT);
    ck_assert(n == NULL && strstr(err.text, "3000000000") != NULL);
}
END_TEST

Suite *suite_dense_mlp(void)
{
    Suite *suite = suite_create("dense mlp");
    TCase *cases = tcase_create("dense mlp");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, steps_are_those_of_plain_loops, 0, STEP_CASES);
    tcase_add_loop_test(cases, updates_descend_the_gradient, 0, STEP_CASES);
    tcase_add_loop_test(cases, tangent_kernel_is_the_gram_matrix_of_the_jacobian, 0, STEP_CASES);
    tcase_add_loop_test(cases, factor_of_the_inputs, 0, 4);
    tcase_add_test(cases, losses_far_out);
    tcase_add_loop_test(cases, spectra_are_those_of_lapack, 0, 5);
    tcase_add_loop_test(cases, networks_without_backward_vectors_are_the_same, 0, STEP_CASES);
    tcase_add_test(cases, many_outputs_take_little_memory);
    tcase_add_test(cases, many_outputs_and_no_memory);
    tcase_add_test(cases, kernels_are_inner_products);
    tcase_add_loop_test(cases, resumed_networks_have_the_same_bits, 0, 3);
    tcase_add_test(cases, threads_do_not_matter);
    tcase_add_test(cases, divergence_ends_a_network);
    tcase_add_loop_test(cases, law_of_the_first_outputs, 0, 3);
    tcase_add_loop_test(cases, linear_networks_have_their_limit, 0, 2);
    tcase_add_test(cases, estimates_follow_the_sizes);
    tcase_add_test(cases, sizes_that_blas_cannot_count_are_refused);
    suite_add_tcase(suite, cases);
    return suite;
}
