/* Deep linear networks as people train them (schedules, momentum, decay, spectra of inputs, batches of a fixed sample, residual branches, weights that
 * forget and are shaken, probes):
 * both methods against the slow reference, against reference tables, and in limits where two problems are one. */
#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "slow_training.h"
#include "suites.h"

enum { MOST_MODES = 24, MOST_STEPS = 40, TEXT = 4096, PROBES_EVERY = 4, PROBE_ROWS = 40 };

static const char *const methods[] = {"basis", "rows"};
static const char *const batches[] = {"full", "online", "bernoulli", "epoch"};

/* ---- problems from text ---- */

static void check_status(int status, const dmft_error *err, const char *what) { ck_assert_msg(status == DMFT_OK, "%s: %s", what, err->text); }

static dmft_problem *made(dmft_config *config, const char *what)
{
    dmft_error err = {.text = ""};
    dmft_problem *p = NULL;
    check_status(dmft_problem_create(&p, config, &err), &err, what);
    dmft_config_free(config);
    return p;
}

static dmft_problem *problem_of_text(const char *text, const char *method)
{
    dmft_error err = {.text = ""};
    dmft_config *config = NULL;
    check_status(dmft_config_parse(&config, text, strlen(text), "case", &err), &err, text);
    check_status(dmft_config_set(config, "method", method, &err), &err, text);
    return made(config, text);
}

/* Solved with this method; the text names none. */
static dmft_trajectory *solved_text(const char *text, const char *method)
{
    dmft_problem *p = problem_of_text(text, method);
    dmft_trajectory *t = solved(p, DMFT_OK);
    dmft_problem_free(p);
    return t;
}

/* The same of a problem, which it frees. Method rows may refuse probes, in words; then NULL. */
static dmft_trajectory *solved_probes(dmft_problem *p, const char *method)
{
    dmft_trajectory *t = NULL;
    dmft_error err = {.text = ""};
    int status = dmft_solve(p, NULL, &t, &err), may_refuse = (p->probes.ntk || p->probes.sharpness) && strcmp(method, "rows") == 0;
    dmft_problem_free(p);
    if (status == DMFT_ERROR_UNAVAILABLE && may_refuse) {
        ck_assert_msg(strstr(err.text, "probes") != NULL && t == NULL, "'%s'", err.text);
        return NULL;
    }
    ck_assert_msg(status == DMFT_OK, "status %d (%s)", status, err.text);
    return t;
}

static const double *series(const dmft_trajectory *t, const char *name)
{
    const double *x = dmft_trajectory_series(t, name);
    ck_assert_msg(x != NULL, "no series %s", name);
    return x;
}

/* ---- cases ---- */

struct training {
    const char *name;
    int depth;
    double width_ratio, gamma0, variance[4], sample_ratio, label_noise, learning_rate;
    int ntk, residual;
    enum slow_batch batch;
    double fraction;
    int modes;
    double exponent, target_exponent, momentum, decay;
    int scheduled, steps;
    double schedule[MOST_STEPS], eigenvalue[MOST_MODES], target[MOST_MODES]; /* filled by fill_lists */
    enum { UNSHAKEN, SHAKEN, FACTOR_ALONE, NOISE_ALONE } shaken; /* which lists are given */
    double factor[4], injected[4];
};

#define LISTS {0}, {0}, {0}
#define UNFILLED LISTS, UNSHAKEN, {0}, {0}

static const struct training named[] = {
    {"plain", 2, 0.7, 3.0, {0.4, 0.9, 0.25}, 2.385, 0.3, 0.08, 0, 0, SLOW_FULL, 1, 0, 0, 0, 0.0, 0.0, 0, 16, UNFILLED},
    {"plain, online, NTK", 3, 1.6, 2.0, {0.9, 0.7, 0.4, 0.5}, 0.6, 0.1, 0.04, 1, 0, SLOW_ONLINE, 1, 0, 0, 0, 0.0, 0.0, 0, 15, UNFILLED},
    {"momentum", 2, 0.7, 3.0, {0.4, 0.9, 0.25}, 2.385, 0.0, 0.05, 0, 0, SLOW_FULL, 1, 0, 0, 0, 0.6, 0.0, 0, 16, UNFILLED},
    {"decay, momentum, NTK", 2, 0.3, 2.0, {0.5, 0.4, 0.7}, 1.3, 0.3, 0.03, 1, 0, SLOW_FULL, 1, 0, 0, 0, 0.45, 0.07, 0, 16, UNFILLED},
    {"schedule with zeros", 3, 1.5, 2.2, {0.5, 0.8, 0.3, 0.6}, 1.5, 0.2, 0.08, 0, 0, SLOW_FULL, 1, 0, 0, 0, 0.0, 0.0, 1, 15, UNFILLED},
    {"schedule, momentum, decay, bernoulli", 2, 1.3, 4.0, {0.5, 0.35, 0.5}, 0.8, 0.3, 0.03, 0, 0, SLOW_BERNOULLI, 0.3, 0, 0, 0, 0.5, 0.03, 1, 16, UNFILLED},
    {"two modes", 1, 2.385, 1.7, {0.6, 0.3}, 0.9, 0.4, 0.1, 0, 0, SLOW_FULL, 1, 2, 1.6, 0.3, 0.0, 0.0, 0, 14, UNFILLED},
    {"three modes, noise", 2, 0.8, 3.0, {0.6, 0.5, 0.5}, 1.7, 0.5, 0.05, 0, 0, SLOW_FULL, 1, 3, 0.8, 1.1, 0.0, 0.0, 0, 16, UNFILLED},
    {"seventeen modes, decay", 2, 1.0, 4.0, {0.5, 0.5, 0.5}, 3.0, 0.1, 0.03, 0, 0, SLOW_FULL, 1, 17, 1.0, 0.5, 0.0, 0.05, 0, 16, UNFILLED},
    {"two modes, bernoulli", 2, 1.0, 4.0, {0.3, 0.7, 0.5}, 1.1, 0.3, 0.04, 0, 0, SLOW_BERNOULLI, 0.6, 2, 1.0, 0.0, 0.0, 0.0, 0, 16, UNFILLED},
    {"epochs", 2, 1.0, 4.0, {0.5, 0.5, 0.5}, 1.0, 0.3, 0.04, 0, 0, SLOW_EPOCH, 0.25, 0, 0, 0, 0.0, 0.0, 0, 15, UNFILLED},
    {"epochs and more", 3, 0.7, 3.0, {0.4, 0.6, 0.3, 0.5}, 2.0, 0.2, 0.02, 0, 1, SLOW_EPOCH, 1.0 / 3.0, 3, 0.5, 0.5, 0.4, 0.02, 0, 14, UNFILLED},
    {"online, momentum, modes, schedule", 2, 1.2, 3.0, {0.5, 0.4, 0.6}, 0.5, 0.3, 0.02, 0, 0, SLOW_ONLINE, 1, 3, 0.7, 0.2, 0.3, 0.0, 1, 16, UNFILLED},
    {"branches, decay, momentum", 3, 0.6, 5.0, {0.3, 0.5, 0.7, 0.4}, 2.0, 0.2, 0.01, 0, 1, SLOW_FULL, 1, 0, 0, 0, 0.5, 0.04, 0, 16, UNFILLED},
    {"branches of no variance, bernoulli", 2, 1.0, 4.0, {0.5, 0.0, 0.5}, 1.5, 0.2, 0.03, 0, 1, SLOW_BERNOULLI, 0.5, 0, 0, 0, 0.0, 0.0, 0, 14, UNFILLED},
    {"no variance, momentum, decay", 2, 0.8, 2.0, {0.0, 0.6, 0.5}, 1.7, 0.3, 0.08, 0, 0, SLOW_FULL, 1, 0, 0, 0, 0.5, 0.03, 0, 14, UNFILLED},
    {"everything", 3, 1.4, 2.5, {0.5, 0.3, 0.6, 0.4}, 1.2, 0.3, 0.015, 1, 1, SLOW_BERNOULLI, 0.4, 3, 1.0, 0.5, 0.6, 0.03, 1, 16, UNFILLED},
    {"factor and noise", 2, 0.7, 3.0, {0.4, 0.9, 0.25}, 2.385, 0.3, 0.08, 0, 0, SLOW_FULL, 1, 0, 0, 0, 0.0, 0.0, 0, 16, LISTS, SHAKEN,
     {0.97, 0.93, 1.0}, {0.02, 0.1, 0.05}},
    {"factors", 2, 0.6, 2.0, {0.5, 0.4, 0.7}, 1.3, 0.3, 0.03, 1, 0, SLOW_FULL, 1, 0, 0, 0, 0.45, 0.0, 0, 16, LISTS, FACTOR_ALONE, {0.9, 1.01, 0.95}, {0}},
    {"noise and decay, one layer", 1, 1.3, 1.7, {0.6, 0.3}, 0.9, 0.4, 0.1, 0, 0, SLOW_FULL, 1, 0, 0, 0, 0.0, 0.05, 1, 14, LISTS, NOISE_ALONE, {0}, {0.05, 0.02}},
    {"noise on nothing, epochs, branches", 3, 0.7, 3.0, {0.0, 0.6, 0.0, 0.5}, 2.0, 0.2, 0.02, 0, 1, SLOW_EPOCH, 1.0 / 3.0, 3, 0.5, 0.5, 0.4, 0.0, 0, 14, LISTS,
     SHAKEN, {0.9, 0.95, 1.0, 1.0}, {0.03, 0.0, 0.05, 0.01}},
    {"noise, online, all forgotten in the middle", 2, 1.2, 3.0, {0.5, 0.4, 0.6}, 0.5, 0.3, 0.02, 0, 0, SLOW_ONLINE, 1, 0, 0, 0, 0.0, 0.0, 0, 16, LISTS, SHAKEN,
     {0.98, 0.0, 0.97}, {0.02, 0.3, 0.0}},
    {"noise, everything", 3, 1.4, 2.5, {0.5, 0.3, 0.6, 0.4}, 1.2, 0.3, 0.015, 1, 1, SLOW_BERNOULLI, 0.4, 3, 1.0, 0.5, 0.6, 0.0, 1, 16, LISTS, SHAKEN,
     {0.95, 0.97, 0.9, 0.99}, {0.05, 0.02, 0.1, 0.03}},
};
enum { NAMED = sizeof named / sizeof *named, RANDOM = 20, RANDOM_SHAKEN = 6, CASES = NAMED + RANDOM + RANDOM_SHAKEN };

static double uniform(uint64_t *state, double low, double high)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return low + (high - low) * (double)(z >> 11) * 0x1p-53;
}

static int chance(uint64_t *state, double probability) { return uniform(state, 0.0, 1.0) < probability; }

static void draw_noise(struct training *c, uint64_t *u)
{
    c->shaken = chance(u, 0.6) ? SHAKEN : chance(u, 0.5) ? FACTOR_ALONE : NOISE_ALONE;
    for (int l = 0; l <= c->depth; l++) {
        c->factor[l] = uniform(u, 0.85, 1.03);
        c->injected[l] = chance(u, 0.7) ? uniform(u, 0.0, 0.1) : 0.0;
    }
    if (c->shaken != NOISE_ALONE) c->decay = 0.0;
}

static struct training drawn(int number)
{
    static const int modes[] = {0, 0, 1, 2, 3, 17};
    uint64_t state = 20260705u + 1000u * (uint64_t)number, *u = &state;
    struct training c = {.name = "drawn", .depth = 1 + (int)uniform(u, 0.0, 3.0), .steps = 9 + (int)uniform(u, 0.0, 8.0), .fraction = 1.0};
    c.width_ratio = exp(uniform(u, log(0.3), log(3.0)));
    c.sample_ratio = exp(uniform(u, log(0.5), log(5.0)));
    c.gamma0 = exp(uniform(u, log(0.7), log(6.0)));
    for (int l = 0; l <= c.depth; l++) c.variance[l] = uniform(u, 0.1, 1.5);
    if (chance(u, 0.25)) c.variance[(int)uniform(u, 0.0, c.depth + 1.0)] = 0.0;
    c.label_noise = chance(u, 0.5) ? uniform(u, 0.1, 0.6) : 0.0;
    c.learning_rate = uniform(u, 0.02, 0.1);
    c.ntk = chance(u, 0.5);
    c.residual = chance(u, 0.5);
    c.batch = (enum slow_batch)(int)uniform(u, 0.0, 4.0);
    if (c.batch == SLOW_BERNOULLI) c.fraction = uniform(u, 0.1, 0.9);
    if (c.batch == SLOW_EPOCH) c.fraction = 1.0 / (2.0 + floor(uniform(u, 0.0, 5.0)));
    c.modes = modes[(int)uniform(u, 0.0, 6.0)];
    c.exponent = uniform(u, 0.0, 1.5);
    c.target_exponent = uniform(u, 0.0, 1.5);
    c.momentum = chance(u, 0.6) ? uniform(u, 0.0, 0.8) : 0.0;
    c.decay = chance(u, 0.6) ? uniform(u, 0.0, 0.1) : 0.0;
    c.scheduled = chance(u, 0.5);
    if (number >= RANDOM) draw_noise(&c, u);
    return c;
}

/* Schedule: a falling factor with zeros at steps 3, 4 and every seventh; power laws of mean lambda 1 and mean lambda w*^2 1. */
static void fill_lists(struct training *c)
{
    double sum = 0.0, power = 0.0;
    for (int t = 0; t < c->steps; t++) c->schedule[t] = t == 3 || t == 4 || t % 7 == 6 ? 0.0 : 1.3 - 0.05 * t;
    for (int k = 0; k < c->modes; k++) sum += c->eigenvalue[k] = pow(k + 1.0, -c->exponent);
    for (int k = 0; k < c->modes; k++) {
        c->eigenvalue[k] *= c->modes / sum;
        c->target[k] = pow(k + 1.0, -0.5 * c->target_exponent);
        power += c->eigenvalue[k] * c->target[k] * c->target[k] / c->modes;
    }
    for (int k = 0; k < c->modes; k++) c->target[k] /= sqrt(power);
}

static slow_run *slow_of_training(const struct training *c, int probe_rows)
{
    slow_training p = {.depth = c->depth,
                       .steps = c->steps,
                       .width_ratio = c->width_ratio,
                       .sample_ratio = c->sample_ratio,
                       .gamma0 = c->gamma0,
                       .label_noise = c->label_noise,
                       .learning_rate = c->learning_rate,
                       .weight_variance = c->variance,
                       .ntk = c->ntk,
                       .residual = c->residual,
                       .batch = c->batch,
                       .fraction = c->fraction,
                       .modes = c->modes,
                       .eigenvalue = c->eigenvalue,
                       .target = c->target,
                       .schedule = c->scheduled ? c->schedule : NULL,
                       .momentum = c->momentum,
                       .decay = c->decay,
                       .factor = c->shaken == SHAKEN || c->shaken == FACTOR_ALONE ? c->factor : NULL,
                       .injected = c->shaken == SHAKEN || c->shaken == NOISE_ALONE ? c->injected : NULL,
                       .probe_rows = probe_rows};
    slow_run *r = slow_train(&p);
    ck_assert_ptr_nonnull(r);
    return r;
}

/* A run that stays of the size it has at the start. */
static int tame(const struct training *c)
{
    slow_run *r = slow_of_training(c, 0);
    int result = 1;
    for (int t = 0; t < c->steps; t++) {
        int i = t * r->stride + t;
        if (!(r->C_v[i] <= 10.0 * r->C_v[0] && r->C_g[1][i] <= 1e3 && r->C_h[c->depth][i] <= 1e3)) result = 0;
    }
    slow_run_free(r);
    return result;
}

/* Case number i, ready; a drawn one that explodes gets a smaller learning rate. */
static struct training prepared(int i)
{
    struct training c = i < NAMED ? named[i] : drawn(i - NAMED);
    if (shrink_factor() > 1) c.steps = c.steps / 2 + 2;
    fill_lists(&c);
    while (i >= NAMED && !tame(&c)) c.learning_rate *= 0.5;
    return c;
}

/* ---- their text ---- */

struct text {
    char at[TEXT];
    size_t used;
};

static void append(struct text *t, const char *format, double value)
{
    int count = snprintf(t->at + t->used, sizeof t->at - t->used, format, value);
    ck_assert(count >= 0 && t->used + (size_t)count < sizeof t->at);
    t->used += (size_t)count;
}

static void append_words(struct text *t, const char *format, const char *words)
{
    int count = snprintf(t->at + t->used, sizeof t->at - t->used, format, words);
    ck_assert(count >= 0 && t->used + (size_t)count < sizeof t->at);
    t->used += (size_t)count;
}

static void append_list(struct text *t, const char *key, const double *x, int count)
{
    append_words(t, "  %s: [", key);
    for (int i = 0; i < count; i++) {
        append(t, "%.17g", x[i]);
        append_words(t, "%s", i + 1 < count ? ", " : "]\n");
    }
}

static void append_network(struct text *t, const struct training *c)
{
    append(t, "model: deep_linear\nnetwork:\n  depth: %g\n", c->depth);
    append(t, "  width_ratio: %.17g\n", c->width_ratio);
    append_words(t, "  parameterization: %s\n", c->ntk ? "ntk" : "mup");
    append(t, "  gamma0: %.17g\n", c->gamma0);
    append_list(t, "weight_variance", c->variance, c->depth + 1);
    if (c->shaken == SHAKEN || c->shaken == FACTOR_ALONE) append_list(t, "weight_factor", c->factor, c->depth + 1);
    if (c->shaken == SHAKEN || c->shaken == NOISE_ALONE) append_list(t, "injected_variance", c->injected, c->depth + 1);
    append_words(t, "  residual: %s\n", c->residual ? "true" : "false");
}

static void append_data(struct text *t, const struct training *c)
{
    append(t, "data:\n  sample_ratio: %.17g\n", c->sample_ratio);
    append(t, "  label_noise: %.17g\n", c->label_noise);
    append_words(t, "  batch: %s\n", batches[c->batch]);
    if (c->batch == SLOW_BERNOULLI || c->batch == SLOW_EPOCH) append(t, "  batch_fraction: %.17g\n", c->fraction);
    if (c->modes == 0) return;
    append(t, "  spectrum:\n    exponent: %.17g\n", c->exponent);
    append(t, "    target_exponent: %.17g\n", c->target_exponent);
    append(t, "    modes: %g\n", c->modes);
}

static void append_training(struct text *t, const struct training *c)
{
    append(t, "training:\n  learning_rate: %.17g\n", c->learning_rate);
    append(t, "  steps: %g\n", c->steps);
    append(t, "  momentum: %.17g\n", c->momentum);
    append(t, "  weight_decay: %.17g\n", c->decay);
    if (c->scheduled) append_list(t, "schedule", c->schedule, c->steps);
}

static struct text text_of(const struct training *c)
{
    struct text t = {.used = 0};
    append_network(&t, c);
    append_data(&t, c);
    append_training(&t, c);
    append_words(&t, "output:\n  kernels: %s\n", "true");
    return t;
}

/* The method and the case of a loop over both; 0 where the method does not apply. */
static int chosen(int i, struct training *c, const char **method)
{
    *c = prepared(i / 2);
    *method = methods[i % 2];
    return (c->batch != SLOW_EPOCH && c->shaken == UNSHAKEN) || i % 2 == 1;
}

/* ---- level 1 against the slow reference ---- */

/* Kernel number i of the slow run and its name, correlations first; NULL past the end. */
static const double *slow_table(const slow_run *r, int i, char *name)
{
    int L = r->p.depth;
    (void)snprintf(name, NAME, "%s", i == 0 ? "C_v" : "C_Delta");
    if (i < 2) return i == 0 ? r->C_v : r->C_Delta;
    (void)snprintf(name, NAME, i <= L + 2 ? "C_h%d" : "C_g%d", i <= L + 2 ? i - 2 : i - L - 2);
    if (i <= L + 2) return r->C_h[i - 2];
    return i <= 2 * L + 2 ? r->C_g[i - L - 2] : NULL;
}

static const double *slow_response(const slow_run *r, int i, char *name)
{
    int L = r->p.depth;
    (void)snprintf(name, NAME, "R_v");
    if (i == 0) return r->R_v;
    (void)snprintf(name, NAME, i <= L + 1 ? "R_h%d" : "R_g%d", i <= L + 1 ? i - 1 : i - L - 1);
    if (i <= L + 1) return r->R_h[i - 1];
    return i <= 2 * L + 1 ? r->R_g[i - L - 1] : NULL;
}

/* Entries within 1e-9 of sqrt(C(t,t) C(s,s)), the diagonal and its series to 1e-9 of themselves. Returns the largest error. */
static double check_correlation(const dmft_trajectory *t, const char *name, const double *slow, int steps, int stride, const char *which)
{
    size_t order = 0, step = 0;
    const double *C = dmft_trajectory_kernel(t, name, &order, &step), *diagonal = series(t, name);
    ck_assert_msg(C != NULL && order == (size_t)steps, "%s: no kernel %s", which, name);
    double largest = 0.0;
    for (int a = 0; a < steps; a++) {
        double expected = slow[a * stride + a];
        ck_assert_msg(fabs(diagonal[a] - expected) <= 1e-9 * expected, "%s: series %s, step %d: %.15g, slowly %.15g", which, name, a, diagonal[a], expected);
        for (int b = 0; b < steps; b++) {
            double size = sqrt(expected * slow[b * stride + b]), difference = fabs(C[(size_t)a * step + (size_t)b] - slow[a * stride + b]);
            ck_assert_msg(difference <= 1e-9 * size, "%s: %s(%d,%d): %.15g, slowly %.15g", which, name, a, b, C[(size_t)a * step + (size_t)b],
                          slow[a * stride + b]);
            if (size > 0.0) largest = fmax(largest, difference / size);
        }
    }
    return largest;
}

static void check_response(const dmft_trajectory *t, const char *name, const double *slow, int steps, int stride, const char *which)
{
    size_t order = 0, step = 0;
    const double *R = dmft_trajectory_kernel(t, name, &order, &step);
    ck_assert_msg(R != NULL && order == (size_t)steps, "%s: no kernel %s", which, name);
    double largest = 0.0;
    for (int a = 0; a < steps; a++)
        for (int b = 0; b <= a; b++) largest = fmax(largest, fabs(slow[a * stride + b]));
    for (int a = 0; a < steps; a++)
        for (int b = 0; b < steps; b++)
            ck_assert_msg(fabs(R[(size_t)a * step + (size_t)b] - slow[a * stride + b]) <= 1e-9 * largest, "%s: %s(%d,%d): %.15g, slowly %.15g", which, name,
                          a, b, R[(size_t)a * step + (size_t)b], slow[a * stride + b]);
}

static void check_losses(const dmft_trajectory *t, const struct training *c)
{
    const double *test = series(t, "test_loss"), *train = series(t, "train_loss"), *C_v = series(t, "C_v"), *C_Delta = series(t, "C_Delta");
    for (int i = 0; i < c->steps; i++) {
        ck_assert_double_le(fabs(test[i] - 0.5 * (C_v[i] + c->label_noise * c->label_noise)), 1e-14 * test[i]);
        ck_assert_double_le(fabs(train[i] - 0.5 * C_Delta[i]), 1e-14 * train[i]);
    }
}

START_TEST(kernels_are_those_of_the_site_equations)
{
    struct training c;
    const char *method;
    if (!chosen(_i, &c, &method)) return;
    slow_run *r = slow_of_training(&c, 0);
    struct text text = text_of(&c);
    dmft_trajectory *t = solved_text(text.at, method);
    char name[NAME];
    double largest = 0.0;
    const double *table;
    ck_assert_uint_eq(dmft_trajectory_rows(t), (size_t)c.steps);
    for (int i = 0; (table = slow_table(r, i, name)) != NULL; i++)
        largest = fmax(largest, check_correlation(t, name, table, c.steps, r->stride, text.at));
    for (int i = 0; _i % 2 == 1 && (table = slow_response(r, i, name)) != NULL; i++) check_response(t, name, table, c.steps, r->stride, text.at);
    check_losses(t, &c);
    printf("%s %d, %s: largest difference %.1e of sqrt(C(t,t) C(s,s))\n", c.name, _i / 2, method, largest);
    dmft_trajectory_free(t);
    slow_run_free(r);
}
END_TEST

/* ---- level 2 against the dense nonsymmetric problem ---- */

enum { OUTLIERS = 2 };

/* Where an outlier stands within 1e-6 of the edge, or where there is no bulk and it is small, it is a matter of rounding:
 * lambda^2, 1e-8 of the largest, is not known to 1e-8 of itself. */
static int doubtful(const slow_outlier *o, double largest) { return o->z <= o->edge * (1.0 + 1e-6) || o->z <= 1e-4 * largest; }

static void check_number(const dmft_trajectory *t, int layer, const char *what, int step, double expected, double allowed, const char *which)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "A%d_%s", layer, what);
    double value = series(t, name)[step];
    if (isnan(expected))
        ck_assert_msg(isnan(value), "%s: %s, step %d: %.12g, where there is none", which, name, step, value);
    else
        ck_assert_msg(fabs(value - expected) <= allowed, "%s: %s, step %d: %.12g, slowly %.12g", which, name, step, value, expected);
}

/* All numbers of one layer at one step; returns 1 where there is an outlier. */
static int check_layer(const dmft_trajectory *t, const slow_run *r, int layer, int step, const char *which)
{
    slow_outlier o[OUTLIERS] = {{0}};
    int count = slow_outliers(r, layer, step, OUTLIERS, o), i = step * r->stride + step;
    ck_assert_int_ge(count, 0);
    for (int j = 0; j < OUTLIERS; j++) {
        char what[NAME];
        (void)snprintf(what, sizeof what, "outlier%d", j + 1);
        if (j >= count) check_number(t, layer, what, step, NAN, 0.0, which);
        else if (!doubtful(&o[j], o[0].z)) check_number(t, layer, what, step, o[j].z, 1e-7 * o[j].z, which);
    }
    if (count == 0 || doubtful(&o[0], o[0].z)) return 0;
    check_number(t, layer, "edge", step, o[0].edge, 1e-13 * o[0].z, which);
    check_number(t, layer, "left_overlap", step, o[0].left, 1e-6 * r->C_g[layer + 1][i], which);
    check_number(t, layer, "right_overlap", step, o[0].right, 1e-6 * r->C_h[layer][i], which);
    if (layer == 0) check_number(t, layer, "target_overlap", step, o[0].target, 1e-6, which);
    return 1;
}

START_TEST(outliers_are_eigenvalues_of_the_dense_problem)
{
    struct training c;
    const char *method;
    if (!chosen(_i, &c, &method)) return;
    slow_run *r = slow_of_training(&c, 0);
    struct text text = text_of(&c);
    dmft_trajectory *t = solved_text(text.at, method);
    int found = 0;
    for (int step = 0; step < c.steps; step++)
        for (int layer = 0; layer < c.depth; layer++) found += check_layer(t, r, layer, step, text.at);
    printf("%s %d, %s: %d outliers in %d steps\n", c.name, _i / 2, method, found, c.steps);
    dmft_trajectory_free(t);
    slow_run_free(r);
}
END_TEST

/* ---- probes ---- */

static void append_probes(struct text *t, const struct training *c)
{
    append_words(t, "probes:\n  ntk: true\n  sharpness: %s\n", c->batch == SLOW_ONLINE ? "false" : "true");
    append(t, "  every: %g\n", PROBES_EVERY);
    append(t, "  rows: %g\n", PROBE_ROWS);
}

/* Whether a_k -+ 2 b_k are the edges, to 1e-6 and better. With several bands they never are. */
static int settled(const slow_probe *p) { return islessequal(p->drift, 1e-7 * p->upper); }

/* Rows of M alone lose digits where N/D is small: its spectrum has N of D eigenvalues in the band, and coefficients grow. */
static int probe_rows(const slow_run *r, int through_X) { return !through_X && r->p.width_ratio < 0.5 ? 16 : PROBE_ROWS; }

/* Extrapolated Ritz values are off by some 5/k^3. */
static double reach_error(const slow_run *r, int through_X) { return 20.0 / pow(probe_rows(r, through_X), 3.0); }

static slow_probe probed(slow_run *r, int step, int through_X)
{
    slow_probe p;
    ck_assert(slow_probe_at(r, step, through_X, probe_rows(r, through_X), &p));
    return p;
}

static void check_probe(const dmft_trajectory *t, const char *name, int step, double expected, double allowed, const char *which)
{
    double value = series(t, name)[step];
    ck_assert_msg(fabs(value - expected) <= allowed, "%s: %s, step %d: %.12g, slowly %.12g", which, name, step, value, expected);
}

/* The largest of the spectrum: of what w* shows and of the bulk. Where the rows end there is no bulk that they have not seen. */
static double largest_mode(const slow_probe *p)
{
    if (isnan(p->drift)) return p->top;
    return fmax(p->top, settled(p) ? p->upper : p->reach_upper);
}

/* Relative: 1e-6 where the last rows changed nothing. */
static double largest_error(const slow_probe *p, double error)
{
    int top_settled = p->top_drift <= 1e-7 * p->top;
    if (isnan(p->drift) || p->top > p->upper) return top_settled ? 1e-6 : error;
    return settled(p) ? 1e-6 : error;
}

/* Where they have not settled well the edge need not be given, and the largest is then extrapolated. */
static int may_lack_edge(const slow_probe *p, double edge) { return p->drift > 1e-9 * p->upper && isnan(edge); }

/* The upper edge is that of the slow rows. */
static void check_upper(const dmft_trajectory *t, int step, const slow_probe *p, double error, const char *which)
{
    if (isnan(p->drift) || may_lack_edge(p, series(t, "bulk_edge_upper")[step])) return;
    check_probe(t, "bulk_edge_upper", step, settled(p) ? p->upper : p->reach_upper, (settled(p) ? 1e-6 : error) * p->upper, which);
}

/* The lower edge has a meaning where there is one band, and then rows settle. */
static void check_lower(const dmft_trajectory *t, int step, const slow_probe *p, const char *which)
{
    if (!settled(p) || (p->drift > 1e-9 * p->lower && isnan(series(t, "bulk_edge_lower")[step]))) return;
    check_probe(t, "bulk_edge_lower", step, p->lower, 1e-6 * p->upper, which);
}

static void check_sharpness(const dmft_trajectory *t, const struct training *c, const slow_probe *p, int step, double error, const char *which)
{
    double sharpness = largest_mode(p), eta = c->learning_rate * (c->scheduled ? c->schedule[step] : 1.0);
    check_upper(t, step, p, error, which);
    check_lower(t, step, p, which);
    double allowed = may_lack_edge(p, series(t, "bulk_edge_upper")[step]) ? error : largest_error(p, error);
    check_probe(t, "sharpness", step, sharpness, allowed * sharpness, which);
    double exact = eta * series(t, "sharpness")[step];
    check_probe(t, "eta_sharpness", step, exact, 1e-14 * exact, which);
    check_probe(t, "stability_margin", step, 2.0 * (1.0 + c->momentum) - exact, 1e-14 * (4.0 + exact), which);
}

static void check_ntk(const dmft_trajectory *t, const slow_probe *p, int step, double error, const char *which)
{
    double top = largest_mode(p);
    check_probe(t, "ntk_top", step, top, largest_error(p, error) * top, which);
}

static void check_no_probe(const dmft_trajectory *t, const struct training *c, int step)
{
    static const char *const names[] = {"ntk_top", "sharpness", "eta_sharpness", "stability_margin", "bulk_edge_upper", "bulk_edge_lower"};
    for (size_t i = 0; i < (c->batch == SLOW_ONLINE ? 1 : sizeof names / sizeof *names); i++)
        ck_assert_msg(isnan(series(t, names[i])[step]), "%s at step %d", names[i], step);
}

START_TEST(probes_are_those_of_explicit_rows)
{
    struct training c;
    const char *method;
    if (!chosen(_i, &c, &method) || (shrink_factor() > 1 && _i % 3 != 0)) return;
    struct text text = text_of(&c);
    append_probes(&text, &c);
    dmft_trajectory *t = solved_probes(problem_of_text(text.at, method), method);
    if (t == NULL) return;
    slow_run *r = slow_of_training(&c, PROBE_ROWS);
    int probes = 0, of_ntk = 0, of_sharpness = 0;
    for (int step = 0; step < c.steps; step++) {
        if (step % PROBES_EVERY != 0) {
            check_no_probe(t, &c, step);
            continue;
        }
        slow_probe M = probed(r, step, 0), through_X = probed(r, step, 1);
        check_ntk(t, &M, step, reach_error(r, 0), text.at);
        if (c.batch != SLOW_ONLINE) check_sharpness(t, &c, &through_X, step, reach_error(r, 1), text.at);
        probes++;
        of_ntk += settled(&M);
        of_sharpness += settled(&through_X);
    }
    printf("%s %d, %s: of %d probes %d of M and %d through X had settled\n", c.name, _i / 2, method, probes, of_ntk, of_sharpness);
    dmft_trajectory_free(t);
    slow_run_free(r);
}
END_TEST

/* The slow reference alone: its upper edges against nested Marchenko-Pastur laws, settled or by extrapolation. */
START_TEST(edges_follow_nested_laws)
{
    struct training c = prepared(_i);
    int bare = shrink_factor() > 1 && _i % 3 != 0, compared = 0;
    for (int l = 0; l < c.depth; l++) bare |= c.variance[l] == 0.0 || (c.shaken && c.factor[l] == 0.0);
    if (bare || c.residual || c.modes > 1) return;
    slow_run *r = slow_of_training(&c, PROBE_ROWS);
    for (int step = 0; step < c.steps; step += PROBES_EVERY)
        for (int through_X = 0; through_X < 2; through_X++) {
            slow_probe p = probed(r, step, through_X);
            double edge = slow_nested_edge(r, step, through_X);
            ck_assert_msg(fabs(p.reach_upper - edge) <= reach_error(r, through_X) * edge, "%s, step %d: %.10g, nested %.10g", c.name, step,
                          p.reach_upper, edge);
            if (!settled(&p)) continue;
            ck_assert_msg(fabs(p.upper - edge) <= 1e-6 * edge, "%s, step %d: %.10g, nested %.10g", c.name, step, p.upper, edge);
            compared++;
        }
    printf("%s %d: %d edges\n", c.name, _i, compared);
    slow_run_free(r);
}
END_TEST

/* ---- reference tables ---- */

static const char *const tables[] = {"ext_anisotropic_a", "ext_decay_momentum_a", "ext_schedule_a", "ext_minibatch_a", "ext_residual_a", "rmt_sharpness_a"};
enum { TABLES = sizeof tables / sizeof *tables };

static void path_of(char *path, size_t size, const char *name, const char *ending)
{
    const char *root = getenv("DMFT_SRCDIR");
    (void)snprintf(path, size, "%s/tests/reference/%s.%s", root != NULL ? root : ".", name, ending);
}

static dmft_trajectory *read_reference(const char *name)
{
    char path[TEXT];
    dmft_error err = {.text = ""};
    dmft_trajectory *t = NULL;
    path_of(path, sizeof path, name, "csv");
    check_status(dmft_trajectory_read_csv(&t, path, &err), &err, path);
    return t;
}

static dmft_problem *reference_problem(const char *name, const char *method)
{
    char path[TEXT];
    dmft_error err = {.text = ""};
    dmft_config *config = NULL;
    path_of(path, sizeof path, name, "yaml");
    check_status(dmft_config_read(&config, path, &err), &err, path);
    check_status(dmft_config_set(config, "method", method, &err), &err, path);
    return made(config, path);
}

/* Kernels 1e-8 of themselves or 1e-9 of the largest (late ones are small differences) or 1e-12, outliers 1e-7, probes 1e-6. */
static double allowance(const char *name, double expected, double largest)
{
    if (strstr(name, "outlier") != NULL) return 1e-7 * expected;
    if (strstr(name, "sharpness") != NULL || strstr(name, "edge") != NULL) return 1e-6 * fabs(expected);
    return fmax(1e-12, strncmp(name, "C_h", 3) == 0 ? fmax(1e-8 * expected, 1e-9 * largest) : 1e-8 * expected);
}

START_TEST(reference_tables)
{
    const char *name = tables[_i / 2], *method = methods[_i % 2];
    dmft_trajectory *t = solved_probes(reference_problem(name, method), method);
    if (t == NULL) return;
    dmft_trajectory *expected = read_reference(name);
    size_t rows = dmft_trajectory_rows(expected);
    ck_assert_uint_eq(dmft_trajectory_rows(t), rows);
    for (size_t i = 0; i < dmft_trajectory_series_count(expected); i++) {
        const char *column = dmft_trajectory_series_name(expected, i);
        const double *x = series(expected, column), *y = series(t, column);
        double largest = 0.0;
        for (size_t k = 0; k < rows; k++) largest = fmax(largest, fabs(x[k]));
        for (size_t k = 0; k < rows; k++) {
            ck_assert_msg(isnan(x[k]) == isnan(y[k]), "%s (%s) %s, step %zu: %g, expected %g", name, method, column, k, y[k], x[k]);
            if (!isnan(x[k]))
                ck_assert_msg(fabs(y[k] - x[k]) <= allowance(column, x[k], largest), "%s (%s) %s, step %zu: %.15g, expected %.12g", name, method, column, k,
                              y[k], x[k]);
        }
    }
    dmft_trajectory_free(expected);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- the slow reference itself against the tables ---- */

static const char *const plain_tables[] = {"deep_linear_a", "deep_linear_b", "deep_linear_c", "deep_linear_online"};
enum { PLAIN_TABLES = sizeof plain_tables / sizeof *plain_tables };

static slow_run *slow_of_problem(const dmft_problem *p)
{
    static const enum slow_batch kinds[] = {[BATCH_FULL] = SLOW_FULL, [BATCH_ONLINE] = SLOW_ONLINE, [BATCH_BERNOULLI] = SLOW_BERNOULLI,
                                            [BATCH_EPOCH] = SLOW_EPOCH};
    slow_training s = {.depth = p->depth,
                       .steps = (int)p->steps,
                       .width_ratio = p->width_ratio,
                       .sample_ratio = p->sample_ratio,
                       .gamma0 = p->gamma0,
                       .label_noise = p->label_noise,
                       .learning_rate = p->learning_rate,
                       .weight_variance = p->weight_variance,
                       .ntk = p->parameterization == NTK,
                       .residual = p->residual,
                       .batch = kinds[p->batch],
                       .fraction = p->batch_fraction,
                       .modes = (int)p->modes,
                       .eigenvalue = p->eigenvalue,
                       .target = p->target_mode,
                       .schedule = p->schedule,
                       .momentum = p->momentum,
                       .decay = p->weight_decay,
                       .probe_rows = p->probes.sharpness ? (int)p->probes.rows : 0};
    slow_run *r = slow_train(&s);
    ck_assert_ptr_nonnull(r);
    return r;
}

static void check_table(const dmft_trajectory *table, const char *column, int step, double value, double relative)
{
    double expected = series(table, column)[step];
    ck_assert_msg(isnan(expected) ? isnan(value) : fabs(value - expected) <= relative * fabs(expected), "%s, step %d: slowly %.15g, table %.12g", column,
                  step, value, expected);
}

static void check_slow_step(const dmft_trajectory *table, const slow_run *r, int step)
{
    char name[NAME];
    const double *kernel;
    for (int i = 0; (kernel = slow_table(r, i, name)) != NULL; i++)
        if (dmft_trajectory_series(table, name) != NULL) check_table(table, name, step, kernel[step * r->stride + step], 1e-9);
    for (int layer = 0; layer < r->p.depth && dmft_trajectory_series(table, "A0_outlier1") != NULL; layer++) {
        slow_outlier o[OUTLIERS] = {{0}};
        int count = slow_outliers(r, layer, step, OUTLIERS, o);
        for (int j = 0; j < OUTLIERS; j++) {
            (void)snprintf(name, sizeof name, "A%d_outlier%d", layer, j + 1);
            check_table(table, name, step, j < count ? o[j].z : NAN, 1e-9);
        }
    }
}

static void check_slow_probe(const dmft_trajectory *table, slow_run *r, int step)
{
    slow_probe p = probed(r, step, 1);
    check_table(table, "sharpness", step, fmax(p.top, p.upper), 1e-8);
    check_table(table, "bulk_edge_upper", step, p.upper, 1e-8);
    check_table(table, "bulk_edge_lower", step, p.lower, 1e-8);
}

START_TEST(slow_numbers_are_those_of_the_tables)
{
    const char *name = _i < PLAIN_TABLES ? plain_tables[_i] : tables[_i - PLAIN_TABLES];
    dmft_problem *p = reference_problem(name, "basis");
    dmft_trajectory *table = read_reference(name);
    slow_run *r = slow_of_problem(p);
    for (int step = 0; step < (int)p->steps; step += (int)shrink_factor()) {
        check_slow_step(table, r, step);
        if (p->probes.sharpness && step % 10 == 0) check_slow_probe(table, r, step);
    }
    slow_run_free(r);
    dmft_trajectory_free(table);
    dmft_problem_free(p);
}
END_TEST

/* ---- two problems that are one ---- */

/* Default columns of both runs agree to this, relative (0: bit by bit). C_Delta is passed over where it is said of other samples. */
static void check_same(const dmft_trajectory *a, const dmft_trajectory *b, double allowed, int with_Delta)
{
    size_t rows = dmft_trajectory_rows(a);
    ck_assert_uint_eq(rows, dmft_trajectory_rows(b));
    for (size_t i = 0; i < dmft_trajectory_series_count(a); i++) {
        const char *name = dmft_trajectory_series_name(a, i);
        if (!dmft_trajectory_series_shown(a, i) || (!with_Delta && strcmp(name, "C_Delta") == 0)) continue;
        const double *x = series(a, name), *y = series(b, name);
        if (allowed == 0.0) ck_assert_msg(memcmp(x, y, rows * sizeof *x) == 0, "%s", name);
        for (size_t k = 0; k < rows; k++)
            ck_assert_msg(isnan(x[k]) ? isnan(y[k]) : fabs(x[k] - y[k]) <= allowed * fabs(x[k]), "%s, step %zu: %.15g and %.15g", name, k, x[k], y[k]);
    }
}

static void check_twins(struct training *a, struct training *b, const char *method, double allowed, int with_Delta)
{
    struct text first = text_of(a), second = text_of(b);
    dmft_trajectory *x = solved_text(first.at, method), *y = solved_text(second.at, method);
    check_same(x, y, allowed, with_Delta);
    dmft_trajectory_free(x);
    dmft_trajectory_free(y);
}

static const struct training ordinary = {"", 2, 0.7, 3.0, {0.4, 0.9, 0.25}, 2.385, 0.3, 0.05, 0, 0, SLOW_FULL, 1, 0, 0, 0, 0.0, 0.0, 0, 24, UNFILLED};

START_TEST(a_batch_of_all_is_the_full_batch)
{
    struct training full = ordinary, all = ordinary;
    all.batch = SLOW_BERNOULLI;
    check_twins(&full, &all, methods[_i], 1e-11, 1);
    all.batch = SLOW_EPOCH;
    if (_i == 1) check_twins(&full, &all, methods[_i], 1e-11, 1);
}
END_TEST

START_TEST(one_epoch_is_one_pass)
{
    struct training online = ordinary, epoch = ordinary;
    online.batch = SLOW_ONLINE;
    epoch.batch = SLOW_EPOCH;
    epoch.fraction = 1.0 / 32.0;
    epoch.sample_ratio = 32.0 * online.sample_ratio;
    check_twins(&online, &epoch, "rows", 1e-11, 0);
}
END_TEST

START_TEST(one_mode_is_isotropic)
{
    struct training isotropic = ordinary, one = ordinary;
    one.modes = 1;
    one.exponent = 1.3;
    one.target_exponent = 0.7;
    check_twins(&isotropic, &one, methods[_i], 1e-11, 1);
    one.modes = 3; /* of one eigenvalue: an exponent 0, and a target of one size */
    one.exponent = one.target_exponent = 0.0;
    check_twins(&isotropic, &one, methods[_i], 1e-11, 1);
}
END_TEST

/* The same text but for the settings that are given their defaults; method basis bit by bit. */
START_TEST(defaults_that_are_given_change_nothing)
{
    struct training plain = ordinary, given = ordinary;
    given.scheduled = 1;
    for (int t = 0; t < given.steps; t++) given.schedule[t] = 1.0;
    check_twins(&plain, &given, methods[_i], _i == 0 ? 0.0 : 1e-12, 1);
}
END_TEST

START_TEST(a_constant_schedule_is_a_learning_rate)
{
    struct training plain = ordinary, scaled = ordinary;
    scaled.scheduled = 1;
    for (int t = 0; t < scaled.steps; t++) scaled.schedule[t] = 2.5;
    plain.momentum = scaled.momentum = 0.3;
    plain.decay = scaled.decay = 0.02;
    scaled.learning_rate = plain.learning_rate / 2.5;
    check_twins(&plain, &scaled, methods[_i], 1e-10, 1);
}
END_TEST

START_TEST(one_layer_has_no_branches)
{
    struct training plain = ordinary, branches = ordinary;
    plain.depth = branches.depth = 1;
    branches.residual = 1;
    check_twins(&plain, &branches, methods[_i], 1e-11, 1);
}
END_TEST

Suite *suite_training(void)
{
    Suite *s = suite_create("training");
    TCase *level1 = tcase_create("level 1"), *level2 = tcase_create("level 2"), *probes = tcase_create("probes");
    TCase *reference = tcase_create("reference"), *limits = tcase_create("limits");
    tcase_add_loop_test(level1, kernels_are_those_of_the_site_equations, 0, 2 * CASES);
    tcase_add_loop_test(level2, outliers_are_eigenvalues_of_the_dense_problem, 0, 2 * CASES);
    tcase_add_loop_test(probes, probes_are_those_of_explicit_rows, 0, 2 * CASES);
    tcase_add_loop_test(probes, edges_follow_nested_laws, 0, CASES);
    tcase_add_loop_test(reference, reference_tables, 0, 2 * TABLES);
    tcase_add_loop_test(reference, slow_numbers_are_those_of_the_tables, 0, PLAIN_TABLES + TABLES);
    tcase_add_loop_test(limits, a_batch_of_all_is_the_full_batch, 0, 2);
    tcase_add_test(limits, one_epoch_is_one_pass);
    tcase_add_loop_test(limits, one_mode_is_isotropic, 0, 2);
    tcase_add_loop_test(limits, defaults_that_are_given_change_nothing, 0, 2);
    tcase_add_loop_test(limits, a_constant_schedule_is_a_learning_rate, 0, 2);
    tcase_add_loop_test(limits, one_layer_has_no_branches, 0, 2);
    suite_add_tcase(s, level1);
    suite_add_tcase(s, level2);
    suite_add_tcase(s, probes);
    suite_add_tcase(s, reference);
    suite_add_tcase(s, limits);
    tcase_set_timeout(probes, 60.0);
    tcase_set_timeout(reference, 60.0);
    return s;
}
