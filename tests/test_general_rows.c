/* The general march of the row form: the tuned one on plain problems, reference tables, exact limits, the closed matrix formulas on the full grid,
 * outliers of decayed matrices, structure. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"
#include "kernel/general.h"
#include "numbers.h"
#include "reference.h"
#include "runs.h"
#include "solution.h"
#include "state_file.h"
#include "suites.h"

enum { MOST_MODES = 5 };

/* ---- problems and their solutions ---- */

/* A problem with its extensions; arrays are kept here. */
struct extended {
    struct setting s;
    double momentum, weight_decay, fraction, flow; /* flow: its time */
    int batch; /* in place of the setting's, unless 0 */
    int modes, residual, scheduled;
    double eigenvalue[MOST_MODES], target[MOST_MODES], schedule[96];
};

/* Some spectrum of mean 1 with the signal's power 1, and a schedule that stands still at times. */
static dmft_problem extended_problem(struct extended *x)
{
    dmft_problem p = problem_of(&x->s);
    double sum = 0.0, power = 0.0;
    p.batch_fraction = x->fraction > 0.0 ? x->fraction : 1.0;
    p.momentum = x->momentum;
    p.weight_decay = x->weight_decay;
    p.residual = x->residual;
    p.method = METHOD_ROWS;
    if (x->batch) p.batch = (enum batch)x->batch;
    for (int k = 0; k < x->modes; k++) sum += x->eigenvalue[k] = 1.0 / (k + 1.0);
    for (int k = 0; k < x->modes; k++) {
        x->eigenvalue[k] *= x->modes / sum;
        x->target[k] = 1.0 + 0.3 * k;
        power += x->eigenvalue[k] * x->target[k] * x->target[k] / x->modes;
    }
    for (int k = 0; k < x->modes; k++) x->target[k] /= sqrt(power);
    p.modes = (size_t)x->modes;
    p.eigenvalue = x->modes ? x->eigenvalue : NULL;
    p.target_mode = x->modes ? x->target : NULL;
    for (int t = 0; t < x->s.steps; t++) x->schedule[t] = t % 7 == 3 ? 0.0 : 1.0 + 0.5 * sin(t);
    p.schedule = x->scheduled ? x->schedule : NULL;
    if (x->flow > 0.0) {
        p.flow = 1;
        p.learning_rate = 1.0;
        p.time = x->flow;
        p.rows = p.steps + 1;
    }
    return p;
}

static kernel_general *created(const dmft_problem *p)
{
    kernel_general *g = NULL;
    dmft_error err = {.text = ""};
    int status = kernel_general_create(&g, p, &err);
    ck_assert_msg(status == DMFT_OK, "status %d: %s", status, err.text);
    return g;
}

static struct solution taken(kernel_general *g)
{
    struct solution s = {.fields = kernel_general_count(g)};
    for (size_t i = 0; i < 2 * s.fields; i++) {
        kernel_general_result(g, i, s.name[i], &s.square[i], &s.rows, &s.stride);
        ck_assert_ptr_nonnull(s.square[i]);
    }
    kernel_general_free(g);
    return s;
}

static struct solution marched(const dmft_problem *p)
{
    kernel_general *g = created(p);
    for (long t = 0; t <= p->rows; t++) kernel_general_step(g); /* one too many: nothing */
    ck_assert_uint_eq(kernel_general_done(g), (size_t)p->rows);
    return taken(g);
}

/* Largest difference of kernel i relative to its largest entry. */
static double difference(const struct solution *a, const struct solution *b, size_t i)
{
    double worst = 0.0, most = 1e-300;
    for (size_t t = 0; t < a->rows; t++)
        for (size_t u = 0; u < a->rows; u++) {
            ck_assert(isfinite(entry(a, i, t, u)));
            most = fmax(most, fabs(entry(b, i, t, u)));
            worst = fmax(worst, fabs(entry(a, i, t, u) - entry(b, i, t, u)));
        }
    return worst / most;
}

static double all_differences(const struct solution *a, const struct solution *b)
{
    double worst = 0.0;
    ck_assert_uint_eq(a->fields, b->fields);
    ck_assert_uint_eq(a->rows, b->rows);
    for (size_t i = 0; i < 2 * a->fields; i++) {
        ck_assert_str_eq(a->name[i], b->name[i]);
        worst = fmax(worst, difference(a, b, i));
    }
    return worst;
}

/* ---- the tuned march ---- */

static const int plain[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 15, 16, 17}; /* of march_setting */
enum { PLAIN = sizeof plain / sizeof *plain };

START_TEST(equal_to_the_tuned_march)
{
    struct setting s = _i < PLAIN ? *march_setting(plain[_i]) : *reference_setting(_i - PLAIN);
    if (_i == 3) s.steps = 128; /* more rows, a power of two */
    dmft_problem p = problem_of(&s);
    ck_assert(!kernel_general_wanted(&p));
    struct solution general = marched(&p), fast = rows_marched(&p);
    double worst = all_differences(&general, &fast);
    printf("general rows, %s: %.1e from the tuned march\n", s.name, worst);
    ck_assert_double_le(worst, 1e-11);
    clear(&general);
    clear(&fast);
}
END_TEST

/* The same in gradient flow: densities, nodes, the population. */
START_TEST(equal_to_the_tuned_flow)
{
    static const int chosen[] = {0, 3, 5, 7};
    dmft_problem p = problem_of(march_setting(chosen[_i]));
    p.flow = 1;
    p.learning_rate = 1.0;
    p.time = 0.8; /* on the coarse end of a longer geometric grid the explicit rule is unstable, and rounding grows with it */
    p.steps = 40;
    p.rows = 41;
    p.grid = _i % 2 == 0 ? GRID_UNIFORM : GRID_GEOMETRIC;
    p.grid_first = 0.01;
    struct solution general = marched(&p), fast = rows_marched(&p);
    double worst = all_differences(&general, &fast);
    printf("general rows, flow, %s: %.1e from the tuned march\n", march_setting(chosen[_i])->name, worst);
    ck_assert_double_le(worst, 1e-11);
    clear(&general);
    clear(&fast);
}
END_TEST

/* ---- reference tables ---- */

START_TEST(plain_tables)
{
    struct setting *s = reference_setting(_i);
    dmft_problem p = problem_of(s);
    FILE *file = reference_open(s->name);
    kernel_general *g = created(&p);
    char line[4096];
    double worst = 0.0;
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    for (size_t t = 0; fgets(line, sizeof line, file) != NULL; t++) {
        kernel_general_step(g);
        (void)strtok(line, ",");
        for (size_t i = 0; i < kernel_general_count(g); i++) {
            double expected = strtod(strtok(NULL, ","), NULL), error = fabs(kernel_general_diagonal(g, i, t) - expected);
            ck_assert_msg(error <= 1e-9 * fabs(expected) || error <= 1e-15, "step %zu, number %zu: off by %g", t, i, error);
            if (error > 1e-15) worst = fmax(worst, error / fabs(expected));
        }
    }
    printf("general rows, %s: largest relative error %.1e\n", s->name, worst);
    (void)fclose(file);
    kernel_general_free(g);
}
END_TEST

static const char *const tables[] = {"ext_anisotropic_a", "ext_decay_momentum_a", "ext_schedule_a", "ext_minibatch_a", "ext_residual_a"};

/* Kernels to 1e-8, or 1e-12 where they have vanished; outliers to 1e-7. The tables have 12 digits. */
START_TEST(extended_tables)
{
    dmft_problem *p = reference_problem(tables[_i], WITH("method", "rows"));
    dmft_trajectory *r = solved(p, DMFT_OK);
    FILE *file = reference_open(tables[_i]);
    char head[4096], line[4096];
    double worst[2] = {0.0, 0.0};
    ck_assert(kernel_general_wanted(p));
    ck_assert_ptr_nonnull(fgets(head, sizeof head, file));
    long rows = 0;
    for (; fgets(line, sizeof line, file) != NULL; rows++) {
        char *name = head, *word = line;
        for (; *name != '\0'; name += strcspn(name, ",\n") + 1, word += strcspn(word, ",\n") + 1) {
            char series[NAME] = "";
            memcpy(series, name, strcspn(name, ",\n"));
            const double *x = dmft_trajectory_series(r, series);
            ck_assert_msg(x != NULL, "no series %s", series);
            double expected = strtod(word, NULL), error = fabs(x[rows] - expected);
            int outlier = strstr(series, "outlier") != NULL;
            if (strncmp(word, "nan", 3) == 0) ck_assert_msg(isnan(x[rows]), "%s, step %ld: %g, expected none", series, rows, x[rows]);
            else ck_assert_msg(error <= (outlier ? 1e-7 : 1e-8) * fabs(expected) || error <= 1e-12, "%s, step %ld: %.14g, expected %.14g", series, rows,
                               x[rows], expected);
            if (isgreater(error, 1e-12)) worst[outlier] = fmax(worst[outlier], error / fabs(expected));
        }
    }
    ck_assert_int_eq(rows, dmft_problem_steps(p));
    printf("general rows, %s: largest relative error %.1e, of outliers %.1e\n", tables[_i], worst[0], worst[1]);
    (void)fclose(file);
    dmft_trajectory_free(r);
    dmft_problem_free(p);
}
END_TEST

/* ---- limits that are exact ---- */

static struct extended base_case = {.s = {"two layers", 2, 0.7, 3.0, {0.5, 0.4, 0.6}, 1.5, 0.3, 0.04, MUP, FULL, 40}};

START_TEST(whole_batches)
{
    struct extended x = base_case, y = base_case;
    y.batch = _i == 0 ? BATCH_BERNOULLI : BATCH_EPOCH;
    y.fraction = 1.0;
    dmft_problem p = extended_problem(&x), q = extended_problem(&y);
    struct solution full = marched(&p), batches = marched(&q);
    ck_assert_double_le(all_differences(&batches, &full), 1e-14);
    clear(&full);
    clear(&batches);
}
END_TEST

/* An epoch that is not over is one pass over batches of B = q P. Errors on all samples are another thing there: C_Delta(t,t) is left out. */
START_TEST(one_long_epoch)
{
    struct extended x = base_case, y = base_case;
    x.momentum = y.momentum = 0.4 * _i;
    y.batch = BATCH_EPOCH;
    y.fraction = 1.0 / 47.0;
    y.s.sample_ratio = 47.0 * 0.6;
    x.s.sample_ratio = 0.6;
    x.batch = BATCH_ONLINE;
    dmft_problem p = extended_problem(&x), q = extended_problem(&y);
    struct solution online = marched(&p), epoch = marched(&q);
    double worst = 0.0;
    for (size_t i = 0; i < 2 * online.fields; i++)
        if (i != 1 && i != online.fields && i != online.fields + 1) worst = fmax(worst, difference(&epoch, &online, i));
    worst = fmax(worst, difference(&epoch, &online, online.fields));
    printf("one long epoch, momentum %g: %.1e from one-pass SGD\n", x.momentum, worst);
    ck_assert_double_le(worst, 1e-12);
    clear(&online);
    clear(&epoch);
}
END_TEST

/* Equal eigenvalues are isotropic inputs; a target that is not alike along them is as good as one that is. A schedule that stands still does nothing; 1/2
 * of a doubled rate is the rate. */
START_TEST(nothing_in_disguise)
{
    struct extended x = base_case, y = base_case;
    double eigenvalue[3] = {1.0, 1.0, 1.0}, target[3] = {1.5, 0.5, sqrt(0.5)}, half[40];
    dmft_problem p = extended_problem(&x), q = extended_problem(&y);
    for (int t = 0; t < 40; t++) half[t] = 0.5;
    if (_i == 0) {
        q.modes = 3;
        q.eigenvalue = eigenvalue;
        q.target_mode = target;
    } else if (_i == 1) {
        q.schedule = half;
        q.learning_rate *= 2.0;
    } else {
        q.residual = 1; /* no branch: a single hidden layer */
        q.depth = p.depth = 1;
    }
    struct solution a = marched(&p), b = marched(&q);
    double worst = all_differences(&b, &a);
    ck_assert_msg(worst <= 1e-13, "case %d: %.1e", _i, worst);
    clear(&a);
    clear(&b);
}
END_TEST

/* ---- the closed matrix formulas ---- */

/* Dense matrices of order n, row-major; the caller frees. */
static double *zeros(size_t n) { return numbers(n * n); }

static double *identity(size_t n)
{
    double *a = zeros(n);
    for (size_t i = 0; i < n; i++) a[i * n + i] = 1.0;
    return a;
}

/* a b, or a b^T */
static double *times(size_t n, const double *a, const double *b, int transposed)
{
    double *c = zeros(n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t k = 0; k < n; k++) c[i * n + j] += a[i * n + k] * (transposed ? b[j * n + k] : b[k * n + j]);
    return c;
}

/* g s g^T */
static double *between(size_t n, const double *g, const double *s)
{
    double *half = times(n, g, s, 0), *whole = times(n, half, g, 1);
    free(half);
    return whole;
}

/* (1 + factor a)^-1 by elimination with pivots. */
static double *inverse(size_t n, double factor, const double *a)
{
    double *m = identity(n), *x = identity(n);
    for (size_t i = 0; i < n * n; i++) m[i] += factor * a[i];
    for (size_t c = 0; c < n; c++) {
        size_t best = c;
        for (size_t i = c + 1; i < n; i++)
            if (fabs(m[i * n + c]) > fabs(m[best * n + c])) best = i;
        for (size_t j = 0; j < n; j++) {
            double t = m[c * n + j], u = x[c * n + j];
            m[c * n + j] = m[best * n + j];
            x[c * n + j] = x[best * n + j];
            m[best * n + j] = t;
            x[best * n + j] = u;
        }
        double pivot = m[c * n + c];
        for (size_t j = 0; j < n; j++) {
            m[c * n + j] /= pivot;
            x[c * n + j] /= pivot;
        }
        for (size_t i = 0; i < n; i++) {
            double f = m[i * n + c];
            if (i == c || f == 0.0) continue;
            for (size_t j = 0; j < n; j++) {
                m[i * n + j] -= f * m[c * n + j];
                x[i * n + j] -= f * x[c * n + j];
            }
        }
    }
    free(m);
    return x;
}

/* A problem on its grid: kept factors, kappa by its sum, kernels without padding. */
struct grid_of {
    const dmft_problem *p;
    size_t T;
    double c, gain, b[96], *kappa;
    double *C_v, *C_Delta, *R_v, *R_Delta, *C_h[MOST_LAYERS + 1], *R_h[MOST_LAYERS + 1], *C_g[MOST_LAYERS + 1], *R_g[MOST_LAYERS + 1];
};

static double *packed(const struct solution *s, size_t i)
{
    double *x = zeros(s->rows);
    for (size_t t = 0; t < s->rows; t++) memcpy(x + t * s->rows, s->square[i] + t * s->stride, s->rows * sizeof *x);
    return x;
}

static struct grid_of grid_of(const dmft_problem *p, const struct solution *s)
{
    size_t T = s->rows, L = (size_t)p->depth, f = s->fields;
    double root = sqrt(p->width_ratio), gamma = p->parameterization == NTK ? p->gamma0 : p->gamma0 * root;
    struct grid_of g = {.p = p, .T = T, .c = p->learning_rate * gamma / root, .gain = 1.0 / (gamma * root), .kappa = zeros(T)};
    for (size_t t = 0; t < T; t++) {
        g.b[t] = pow(1.0 - p->weight_decay, (double)t);
        for (size_t u = 0; u < t && p->flow; u++) /* Adams-Bashforth with even intervals, the first step Euler's */
            g.kappa[t * T + u] = p->time / (double)p->steps * (u + 1 == t ? (t == 1 ? 1.0 : 1.5) : u == 0 ? 0.5 : 1.0);
        for (size_t u = 0; u < t && !p->flow; u++)
            for (size_t j = u; j < t; j++)
                g.kappa[t * T + u] += pow(1.0 - p->weight_decay, (double)(t - 1 - j)) * (p->schedule ? p->schedule[j] : 1.0) *
                                      (j == u ? 1.0 : pow(p->momentum, (double)(j - u)));
    }
    g.C_v = packed(s, 0);
    g.C_Delta = packed(s, 1);
    g.R_v = packed(s, f);
    g.R_Delta = packed(s, f + 1);
    for (size_t l = 0; l <= L; l++) {
        g.C_h[l] = packed(s, 2 + l);
        g.R_h[l] = packed(s, f + 2 + l);
        if (l == 0) continue;
        g.C_g[l] = packed(s, 2 + L + l);
        g.R_g[l] = packed(s, f + 2 + L + l);
    }
    for (size_t i = 0; i < T * T && p->flow; i++) /* densities */
        for (size_t l = 0; l <= L; l++) {
            double weight = i % T < i / T ? g.kappa[i] : 1.0;
            g.R_h[l][i] *= weight;
            if (l > 0) g.R_g[l][i] *= weight;
            if (l == 0) g.R_v[i] *= weight;
            if (l == 0) g.R_Delta[i] *= weight;
        }
    return g;
}

static void grid_free(struct grid_of *g)
{
    double *const all[] = {g->kappa, g->C_v, g->C_Delta, g->R_v, g->R_Delta};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    for (int l = 0; l <= g->p->depth; l++) {
        free(g->C_h[l]);
        free(g->R_h[l]);
        if (l > 0) free(g->C_g[l]);
        if (l > 0) free(g->R_g[l]);
    }
}

/* The largest |a - b| over the largest |b|; then a is freed. */
static void agree(size_t n, double *a, const double *b, const char *what, double *worst)
{
    double most = 1e-300, off = 0.0;
    for (size_t i = 0; i < n * n; i++) {
        most = fmax(most, fabs(b[i]));
        off = fmax(off, fabs(a[i] - b[i]));
    }
    ck_assert_msg(off <= 1e-12 * most, "%s: %.1e of %.1e", what, off, most);
    *worst = fmax(*worst, off / most);
    free(a);
}

/* V of (Q9) and C_delta of (Q8): C_y step by step, all by dense matrices of all T. */
static double *batch_kernel(const struct grid_of *g, const double *Ru, const double *Gb, const double *Cu, double *V)
{
    size_t T = g->T, epoch = g->p->batch == BATCH_EPOCH ? (size_t)lround(1.0 / g->p->batch_fraction) : 1;
    double q = g->p->batch_fraction;
    int masks = g->p->batch == BATCH_EPOCH || g->p->batch == BATCH_BERNOULLI;
    for (size_t t = 0; masks && t < T; t++) {
        double *inner = between(T, Ru, V);
        for (size_t i = 0; i < T * T; i++) inner[i] += Cu[i];
        double *C_y = between(T, Gb, inner);
        for (size_t s = t - t % epoch; s <= t; s++) V[t * T + s] = V[s * T + t] = ((s == t ? q : 0.0) - q * q) * C_y[t * T + s];
        free(inner);
        free(C_y);
    }
    double *inner = zeros(T), *C;
    for (size_t i = 0; i < T * T; i++) inner[i] = q * q * Cu[i] + V[i];
    C = between(T, Gb, inner);
    free(inner);
    return C;
}

/* C_v, C_h0 and their responses, mode by mode, from the errors' kernels. */
static void check_modes(const struct grid_of *g, const double *K, const double *S, const double *C_delta, const double *R_delta, double *worst)
{
    const dmft_problem *p = g->p;
    size_t T = g->T, n = p->modes ? p->modes : 1;
    double q = p->batch_fraction, alpha = p->sample_ratio;
    double *C_v = zeros(T), *R_v = zeros(T), *C_h = zeros(T), *R_h = zeros(T), *KC = between(T, K, C_delta), *KR = times(T, K, R_delta, 0);
    for (size_t k = 0; k < n; k++) {
        double lambda = p->modes ? p->eigenvalue[k] : 1.0, star = p->modes ? p->target_mode[k] : 1.0, *G = inverse(T, lambda / q, KR);
        double *drive = zeros(T), *GK = times(T, G, K, 0), *RG_k = times(T, R_delta, G, 0), *hat_x = identity(T), *RGK = times(T, RG_k, K, 0);
        for (size_t i = 0; i < T * T; i++) {
            drive[i] = star * star + S[i] + lambda / (alpha * q * q) * KC[i]; /* <rX rX> = alpha C_delta */
            hat_x[i] = (hat_x[i] - lambda / q * RGK[i]) * sqrt(lambda) / (alpha * q);
            R_v[i] -= lambda / (alpha * q) * GK[i] / (double)n;
            R_h[i] -= g->gain * lambda / q * RG_k[i] / (double)n;
        }
        double *vv = between(T, G, drive), *of_x = between(T, hat_x, C_delta);
        for (size_t i = 0; i < T * T; i++) {
            C_v[i] += lambda * vv[i] / (double)n;
            drive[i] = (star * star + S[i]) * lambda * lambda / (q * q);
        }
        double *of_v = between(T, RG_k, drive);
        for (size_t i = 0; i < T * T; i++) C_h[i] += (of_v[i] + alpha * of_x[i]) / (double)n;
        double *const all[] = {G, drive, GK, RG_k, hat_x, RGK, vv, of_x, of_v};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++) free(all[j]);
    }
    agree(T, C_v, g->C_v, "C_v", worst);
    agree(T, R_v, g->R_v, "R_v", worst);
    agree(T, C_h, g->C_h[0], "C_h0", worst);
    agree(T, R_h, g->R_h[0], "R_h0", worst);
    free(KC);
    free(KR);
}

/* (Q5)-(Q10): each kernel of the data from the others. */
static void check_data(const struct grid_of *g, double *worst)
{
    const dmft_problem *p = g->p;
    size_t T = g->T, epoch = p->batch == BATCH_EPOCH ? (size_t)lround(1.0 / p->batch_fraction) : 1;
    double q = p->batch_fraction, spread = p->width_ratio * p->weight_variance[0], power = p->label_noise * p->label_noise;
    double *Ru = zeros(T), *Cu = zeros(T), *V = zeros(T), *K = zeros(T), *S = zeros(T);
    for (size_t t = 0; t < T; t++)
        for (size_t s = 0; s < T; s++) {
            size_t i = t * T + s;
            Ru[i] = p->batch == ONLINE || t / epoch == s / epoch ? 0.0 : g->R_v[i];
            Cu[i] = p->batch == ONLINE && s != t ? 0.0 : g->C_v[i] + power;
            K[i] = g->gain * spread * g->b[t] * g->b[s] * g->R_g[1][i] + p->learning_rate * g->kappa[i] * g->C_g[1][i];
            S[i] = g->gain * g->gain * spread * g->b[t] * g->b[s] * g->C_g[1][i];
        }
    double *Gb = inverse(T, -q, Ru), *C_delta = batch_kernel(g, Ru, Gb, Cu, V), *R_delta = zeros(T), *F = identity(T), *RG = times(T, g->R_v, Gb, 0);
    for (size_t i = 0; i < T * T; i++) R_delta[i] = q * Gb[i];
    for (size_t i = 0; i < T * T && p->batch != ONLINE; i++) F[i] += q * RG[i];
    double *C_Delta = between(T, F, Cu), *noise = between(T, RG, V);
    for (size_t i = 0; i < T * T; i++) C_Delta[i] += noise[i];
    free(noise);
    agree(T, C_Delta, g->C_Delta, "C_Delta", worst);
    agree(T, F, g->R_Delta, "R_Delta", worst);
    check_modes(g, K, S, C_delta, R_delta, worst);
    double *const all[] = {Ru, Cu, V, K, S, Gb, C_delta, R_delta, RG};
    for (size_t j = 0; j < sizeof all / sizeof *all; j++) free(all[j]);
}

/* (Q3), (Q4): the joint site of all layers as one linear system, fields h^1 .. h^L, g^1 .. g^L. Without branches it falls into blocks. */
static void check_layers(const struct grid_of *g, double *worst)
{
    const dmft_problem *p = g->p;
    size_t T = g->T, L = (size_t)p->depth, n = 2 * L * T;
    double *M = zeros(n), *source = zeros(n);
    for (size_t l = 1; l <= L; l++)
        for (size_t t = 0; t < T; t++) {
            size_t h = (l - 1) * T, back = (L + l - 1) * T;
            double below = p->residual && l > 1 ? 1.0 / (double)L : 1.0, above = p->residual && l < L ? 1.0 / (double)L : 1.0; /* th^2 */
            if (p->residual && l > 1) M[(h + t) * n + h - T + t] += 1.0;
            if (p->residual && l < L) M[(back + t) * n + back + T + t] += 1.0;
            for (size_t s = 0; s < T; s++) {
                size_t i = t * T + s;
                double bb = g->b[t] * g->b[s], memory = below * (p->weight_variance[l - 1] * bb * g->R_h[l - 1][i] + g->c * g->kappa[i] * g->C_h[l - 1][i]);
                M[(h + t) * n + back + s] += memory;
                source[(h + t) * n + h + s] = below * p->weight_variance[l - 1] * bb * g->C_h[l - 1][i];
                memory = l == L ? g->c * g->kappa[i] : above * (p->weight_variance[l] * bb * g->R_g[l + 1][i] + g->c * g->kappa[i] * g->C_g[l + 1][i]);
                M[(back + t) * n + h + s] += memory;
                source[(back + t) * n + back + s] = l == L ? p->weight_variance[L] * bb : above * p->weight_variance[l] * bb * g->C_g[l + 1][i];
            }
        }
    double *G = inverse(n, -1.0, M), *C = between(n, G, source);
    for (size_t l = 1; l <= L; l++) {
        double *block[4] = {zeros(T), zeros(T), zeros(T), zeros(T)};
        size_t h = (l - 1) * T, back = (L + l - 1) * T;
        for (size_t t = 0; t < T; t++)
            for (size_t s = 0; s < T; s++) {
                block[0][t * T + s] = C[(h + t) * n + h + s];
                block[1][t * T + s] = C[(back + t) * n + back + s];
                block[2][t * T + s] = G[(h + t) * n + back + s];
                block[3][t * T + s] = G[(back + t) * n + h + s];
            }
        agree(T, block[0], g->C_h[l], "C_h", worst);
        agree(T, block[1], g->C_g[l], "C_g", worst);
        agree(T, block[2], g->R_h[l], "R_h", worst);
        agree(T, block[3], g->R_g[l], "R_g", worst);
    }
    free(M);
    free(source);
    free(G);
    free(C);
}

static struct extended mixtures[] = {
    {.s = {"decay and momentum", 2, 0.7, 3.0, {0.5, 0.4, 0.6}, 1.5, 0.3, 0.04, MUP, FULL, 24}, .momentum = 0.6, .weight_decay = 0.03},
    {.s = {"schedule and momentum, NTK", 1, 1.3, 1.4, {0.5, 0.6}, 0.8, 0.2, 0.09, NTK, FULL, 24}, .momentum = 0.3, .scheduled = 1},
    {.s = {"spectrum", 2, 1.2, 3.0, {0.5, 0.4, 0.6}, 1.5, 0.3, 0.04, MUP, FULL, 24}, .modes = 5},
    {.s = {"one pass, spectrum, momentum", 2, 1.2, 3.0, {0.5, 0.4, 0.6}, 0.7, 0.3, 0.04, MUP, ONLINE, 24}, .modes = 3, .momentum = 0.5, .weight_decay = 0.02},
    {.s = {"independent batches", 2, 1.0, 4.0, {0.5, 0.5, 0.5}, 1.0, 0.3, 0.03, MUP, FULL, 24}, .batch = BATCH_BERNOULLI, .fraction = 0.3},
    {.s = {"epochs", 2, 1.0, 4.0, {0.5, 0.5, 0.5}, 1.0, 0.3, 0.03, MUP, FULL, 24}, .batch = BATCH_EPOCH, .fraction = 0.2},
    {.s = {"branches", 3, 0.8, 3.0, {0.3, 0.4, 0.2, 0.6}, 2.0, 0.2, 0.03, MUP, FULL, 20}, .residual = 1},
    {.s = {"all at once, epochs", 3, 0.8, 2.5, {0.3, 0.4, 0.2, 0.6}, 2.0, 0.2, 0.03, MUP, FULL, 20},
     .residual = 1, .momentum = 0.5, .weight_decay = 0.02, .scheduled = 1, .modes = 4, .batch = BATCH_EPOCH, .fraction = 0.25},
    {.s = {"all at once, independent batches, NTK", 2, 1.8, 2.5, {0.3, 0.4, 0.5}, 0.7, 0.2, 0.02, NTK, FULL, 24},
     .residual = 1, .momentum = 0.5, .weight_decay = 0.02, .scheduled = 1, .modes = 3, .batch = BATCH_BERNOULLI, .fraction = 0.5},
    {.s = {"flow, branches, spectrum", 2, 0.8, 2.5, {0.3, 0.4, 0.6}, 2.0, 0.2, 1.0, MUP, FULL, 22}, .flow = 0.8, .residual = 1, .modes = 3},
};
enum { MIXTURES = sizeof mixtures / sizeof *mixtures };

START_TEST(closed_formulas)
{
    struct extended *x = &mixtures[_i];
    dmft_problem p = extended_problem(x);
    ck_assert(kernel_general_wanted(&p));
    struct solution s = marched(&p);
    struct grid_of g = grid_of(&p, &s);
    double worst = 0.0;
    check_data(&g, &worst);
    check_layers(&g, &worst);
    printf("general rows, %s: closed formulas to %.1e, C_v(end) %.4f\n", x->s.name, worst, g.C_v[g.T * g.T - 1]);
    grid_free(&g);
    clear(&s);
}
END_TEST

/* ---- level 2 ---- */

/* Outliers of matrix l of a run against those of its stored kernels, with (Q11) written out; returns how many there are. */
static size_t check_outliers(const dmft_trajectory *run, const struct grid_of *g, int l, const char *which, double *worst)
{
    const dmft_problem *p = g->p;
    size_t T = g->T, seen = 0;
    double th = p->residual && l > 0 ? 1.0 / sqrt(p->depth) : 1.0, *R_h = zeros(T), *R_g = zeros(T), d[96];
    for (size_t i = 0; i < T * T; i++) {
        R_h[i] = th * g->b[i % T] * g->R_h[l][i];
        R_g[i] = th * g->b[i % T] * g->R_g[l + 1][i];
    }
    for (size_t t = 1; t < T; t += 3) {
        char name[NAME];
        dmft_outliers *o = NULL;
        for (size_t a = 0; a < t; a++) d[a] = th * g->c * g->kappa[t * T + a] / g->b[t];
        dmft_kernels k = {.count = t, .stride = T, .C_phi = g->C_h[l], .R_phi = R_h, .C_g = g->C_g[l + 1], .R_g = R_g, .weight = d,
                          .sigma2 = p->weight_variance[l], .psi = l == 0 ? p->width_ratio : 1.0};
        ck_assert_int_eq(dmft_outliers_create(&o, &k, 2, NULL), DMFT_OK);
        for (size_t j = 0; j < 2; j++) {
            (void)snprintf(name, sizeof name, "A%d_outlier%zu", l, j + 1);
            double z = at(run, name, t), expected = g->b[t] * dmft_outliers_z(o, j);
            ck_assert_msg(isnan(z) == isnan(expected), "%s, %s, step %zu: %g, expected %g", which, name, t, z, expected);
            if (isnan(z)) continue;
            *worst = fmax(*worst, fabs(z / expected - 1.0));
            seen++;
        }
        dmft_outliers_free(o);
    }
    free(R_h);
    free(R_g);
    return seen;
}

START_TEST(outliers_of_decayed_matrices)
{
    static const int chosen[] = {0, 1, 7, 8};
    struct extended x = mixtures[chosen[_i]];
    x.s.steps = 40;
    x.s.gamma0 *= 2.0;
    dmft_problem p = extended_problem(&x);
    size_t seen = 0;
    p.store_kernels = 0;
    dmft_trajectory *run = solved(&p, DMFT_OK);
    struct solution s = marched(&p);
    struct grid_of g = grid_of(&p, &s);
    double worst = 0.0;
    for (int l = 0; l < p.depth; l++) seen += check_outliers(run, &g, l, x.s.name, &worst);
    printf("general rows, %s: %zu outliers to %.1e\n", x.s.name, seen, worst);
    ck_assert_uint_gt(seen, 0);
    ck_assert_double_le(worst, 1e-9);
    grid_free(&g);
    clear(&s);
    dmft_trajectory_free(run);
}
END_TEST

/* ---- probes ---- */

START_TEST(sharpness_table)
{
    dmft_problem *p = reference_problem("rmt_sharpness_a", WITH("method", "rows"));
    FILE *file = reference_open("rmt_sharpness_a");
    kernel_general *g = created(p);
    char line[4096];
    double worst = 0.0;
    ck_assert(kernel_general_wanted(p));
    for (int i = 0; i < 2; i++) ck_assert_ptr_nonnull(fgets(line, sizeof line, file)); /* parameters, names */
    size_t t = 0;
    for (; fgets(line, sizeof line, file) != NULL; t++) {
        double expected[7];
        struct kernel_general_probe found;
        char *word = strtok(line, ",");
        for (int i = 0; i < 7; i++, word = strtok(NULL, ",")) expected[i] = strtod(word, NULL);
        kernel_general_step(g);
        kernel_general_probe(g, 0, 1, &found);
        ck_assert_uint_eq(t, (size_t)expected[0]);
        ck_assert(isnan(found.ntk_top));
        const double got[] = {kernel_general_diagonal(g, 0, t), kernel_general_diagonal(g, 1, t), found.sharpness, p->learning_rate * found.sharpness,
                              found.edge_upper, found.edge_lower};
        for (int i = 0; i < 6; i++) {
            double error = fabs(got[i] / expected[1 + i] - 1.0);
            ck_assert_msg(error <= 1e-6, "step %zu, column %d: %.12g, expected %.12g", t, i + 1, got[i], expected[1 + i]);
            worst = fmax(worst, error);
        }
    }
    printf("probe rows, rmt_sharpness_a: %zu steps to %.1e\n", t, worst);
    ck_assert_uint_eq(t, (size_t)p->steps);
    (void)fclose(file);
    kernel_general_free(g);
    dmft_problem_free(p);
}
END_TEST

/* A problem that is probed. */
static void probe(dmft_problem *p, long rows)
{
    p->probes.ntk = p->probes.sharpness = 1;
    p->probes.every = 1;
    p->probes.rows = rows;
}

static struct extended one_layer[] = {
    {.s = {"narrow", 1, 0.3, 4.0, {0.6, 0.5}, 2.0, 0.2, 0.03, MUP, FULL, 40}, .momentum = 0.3},
    {.s = {"narrow, decay, spectrum", 1, 0.7, 4.0, {0.6, 0.5}, 2.0, 0.2, 0.03, MUP, FULL, 40}, .modes = 4, .weight_decay = 0.01},
    {.s = {"wide, epochs", 1, 2.0, 4.0, {0.6, 0.5}, 1.0, 0.3, 0.03, MUP, FULL, 40}, .batch = BATCH_EPOCH, .fraction = 0.25},
    {.s = {"wide, one pass, NTK", 1, 1.5, 3.0, {0.6, 0.5}, 1.0, 0.3, 0.05, NTK, ONLINE, 40}},
};

/* With one hidden layer M_t = C_g1(t,t) + A_0(t)^T A_0(t)/nu: its top eigenvalue is the outlier of A_0, or the edge. */
START_TEST(ntk_of_one_layer)
{
    struct extended *x = &one_layer[_i];
    dmft_problem p = extended_problem(x);
    probe(&p, 60);
    p.probes.ntk = p.probes.sharpness = 0;
    dmft_trajectory *run = solved(&p, DMFT_OK);
    probe(&p, 60);
    kernel_general *g = created(&p);
    double worst = 0.0, edge = sqrt(p.weight_variance[0]) * (1.0 + sqrt(p.width_ratio));
    size_t outliers = 0;
    for (size_t t = 0; t < (size_t)p.steps; t++) {
        struct kernel_general_probe found;
        kernel_general_step(g);
        kernel_general_probe(g, 1, 0, &found);
        double z = dmft_trajectory_series(run, "A0_outlier1")[t], bulk = edge * kernel_general_kept(g);
        outliers += isnan(z) ? 0 : 1;
        double top = isnan(z) ? bulk : z, expected = dmft_trajectory_series(run, "C_g1")[t] + top * top / p.width_ratio;
        /* An outlier that is just out is not found within so many vectors. */
        if (!isnan(z) && z < 1.02 * bulk) ck_assert_double_eq_tol(found.ntk_top / expected, 1.0, 1e-3);
        else worst = fmax(worst, fabs(found.ntk_top / expected - 1.0));
        ck_assert(isnan(found.sharpness) && isnan(found.edge_upper));
    }
    printf("probe rows, NTK of one layer, %s: %.1e, %zu of %ld steps with an outlier\n", x->s.name, worst, outliers, p.steps);
    ck_assert_uint_gt(outliers, 5);
    ck_assert_double_le(worst, 1e-7);
    dmft_trajectory_free(run);
    kernel_general_free(g);
}
END_TEST

/* The upper edge of X X^T/P, and the lower one: extrema of z(m) = -1/m + (1/alpha) <lambda/(1 + lambda m)>. */
static double sample_edge(const struct extended *x, double from, double to, int upper)
{
    double best = upper ? INFINITY : -INFINITY;
    for (int zoom = 0; zoom < 12; zoom++) {
        const int points = 400;
        double at = from, step = (to - from) / points;
        for (int i = 1; i < points; i++) {
            double m = from + step * i, z = -1.0 / m;
            for (int k = 0; k < x->modes; k++) z += x->eigenvalue[k] / (1.0 + x->eigenvalue[k] * m) / x->modes / x->s.sample_ratio;
            if (upper ? z < best : z > best) {
                best = z;
                at = m;
            }
        }
        from = at - 2.0 * step;
        to = at + 2.0 * step;
    }
    return best;
}

/* Without first weights in A_0 the NTK is sigma_w^2 at the start, and the sharpness is that of linear regression on inputs with a spectrum. */
START_TEST(sharpness_of_regression)
{
    struct extended x = {.s = {"regression", 1, 1.0, 2.0, {0.0, 0.7}, 2.0, 0.2, 0.03, MUP, FULL, 2}, .modes = _i == 0 ? 1 : 3};
    x.s.sample_ratio = _i == 2 ? 40.0 : 2.0;
    dmft_problem p = extended_problem(&x);
    probe(&p, 60);
    kernel_general *g = created(&p);
    struct kernel_general_probe found;
    kernel_general_step(g);
    kernel_general_probe(g, 1, 1, &found);
    double most = x.eigenvalue[0], upper = 0.7 * sample_edge(&x, -1.0 / most * (1.0 - 1e-9), -1e-3, 1);
    ck_assert_double_eq_tol(found.ntk_top, 0.7, 1e-12);
    if (_i == 2) { /* three bands */
        ck_assert_double_eq_tol(found.edge_upper / upper, 1.0, 1e-9);
        ck_assert_double_eq_tol(found.sharpness / upper, 1.0, 1e-9);
    } else {
        double lower = 0.7 * sample_edge(&x, -200.0, -1.0 / x.eigenvalue[x.modes - 1] * (1.0 + 1e-9), 0);
        ck_assert_double_eq_tol(found.edge_upper / upper, 1.0, 1e-6);
        ck_assert_double_eq_tol(found.edge_lower / lower, 1.0, 1e-5);
        ck_assert_double_eq_tol(found.sharpness, found.edge_upper, 1e-12);
    }
    printf("probe rows, regression: sharpness %.9f, theory %.9f\n", found.sharpness, upper);
    kernel_general_free(g);
}
END_TEST

/* At the start, with nothing in A_1 .., residual branches give M = c_0 + (c_1 + .. + c_L) A_0^T A_0/nu, c_l = sigma_w^2/L for l < L, c_L = 1. */
START_TEST(ntk_with_branches)
{
    struct extended x = {.s = {"branches", 2 + _i, _i == 0 ? 0.6 : 1.4, 2.0, {0.4, 0.0, 0.0, 0.0}, 2.0, 0.2, 0.03, MUP, FULL, 2}, .residual = 1};
    double readout = 0.7, nu = x.s.width_ratio;
    int L = x.s.depth;
    x.s.variance[L] = readout;
    dmft_problem p = extended_problem(&x);
    probe(&p, 40);
    kernel_general *g = created(&p);
    struct kernel_general_probe found;
    kernel_general_step(g);
    kernel_general_probe(g, 1, 0, &found);
    double expected = readout + ((L - 1.0) / L * readout + 1.0) * 0.4 * (1.0 + sqrt(nu)) * (1.0 + sqrt(nu)) / nu;
    ck_assert_double_eq_tol(found.ntk_top / expected, 1.0, 1e-12);
    kernel_general_free(g);
}
END_TEST

/* On ever more samples the sharpness becomes the top of the NTK, which is probed without them. */
START_TEST(sharpness_of_many_samples)
{
    struct extended x = mixtures[_i == 0 ? 6 : 8];
    x.s.sample_ratio = 1e9;
    x.s.width_ratio = 1.4;
    x.s.learning_rate = 0.04;
    x.modes = 0;
    x.s.steps = 24;
    dmft_problem p = extended_problem(&x);
    probe(&p, 60);
    kernel_general *g = created(&p);
    struct kernel_general_probe found;
    double worst = 0.0, first = 0.0;
    for (long t = 0; t < p.steps; t++) {
        kernel_general_step(g);
        kernel_general_probe(g, 1, 1, &found);
        if (t == 0) first = found.ntk_top;
        worst = fmax(worst, fabs(found.sharpness / found.ntk_top - 1.0));
    }
    printf("probe rows, many samples, %s: sharpness %.1e from the NTK's top, %.3f to %.3f\n", x.s.name, worst, first, found.ntk_top);
    ck_assert_double_le(worst, 5e-8);
    kernel_general_free(g);
}
END_TEST

/* Probes leave no trace. */
START_TEST(probes_leave_no_trace)
{
    struct extended *x = &mixtures[7];
    dmft_problem p = extended_problem(x);
    struct solution plain_run = marched(&p);
    probe(&p, 12);
    kernel_general *g = created(&p);
    for (long t = 0; t < p.steps; t++) {
        struct kernel_general_probe found;
        kernel_general_step(g);
        kernel_general_probe(g, 1, 1, &found);
        ck_assert(isfinite(found.ntk_top) && isfinite(found.sharpness));
    }
    struct solution probed = taken(g);
    for (size_t i = 0; i < 2 * probed.fields; i++)
        for (size_t t = 0; t < probed.rows; t++)
            for (size_t u = 0; u < probed.rows; u++) ck_assert(entry(&probed, i, t, u) == entry(&plain_run, i, t, u));
    clear(&plain_run);
    clear(&probed);
}
END_TEST

/* ---- structure ---- */

/* A run of fewer rows has the same numbers to the bit; responses end at the diagonal, correlations are symmetric. */
START_TEST(causality)
{
    struct extended more = mixtures[7], fewer;
    if (_i == 1) more.s.batch = more.batch = ONLINE;
    fewer = more;
    more.s.steps = 30;
    fewer.s.steps = 17;
    dmft_problem p = extended_problem(&more), q = extended_problem(&fewer);
    struct solution a = marched(&p), b = marched(&q);
    for (size_t i = 0; i < 2 * a.fields; i++)
        for (size_t t = 0; t < a.rows; t++)
            for (size_t u = 0; u < a.rows; u++) {
                if (t < b.rows && u < b.rows) ck_assert(entry(&a, i, t, u) == entry(&b, i, t, u));
                if (i < a.fields) ck_assert(entry(&a, i, t, u) == entry(&a, i, u, t));
                else if (u > t || (u == t && strncmp(a.name[i], "R_g", 3) == 0) || (u == t && i == a.fields)) ck_assert(entry(&a, i, t, u) == 0.0);
            }
    clear(&a);
    clear(&b);
}
END_TEST

/* A march that was stored and read half-way ends with the same bits. */
START_TEST(checkpoint)
{
    struct extended *x = &mixtures[_i + 5];
    dmft_problem p = extended_problem(x);
    struct solution whole = marched(&p);
    kernel_general *first = created(&p), *second = created(&p);
    for (int t = 0; t < 11; t++) kernel_general_step(first);
    archive *a = begin_writing();
    kernel_general_transfer(first, a);
    a = begin_reading(a);
    kernel_general_transfer(second, a);
    end_reading(a);
    ck_assert_uint_eq(kernel_general_done(second), 11);
    while (kernel_general_done(second) < whole.rows) kernel_general_step(second);
    struct solution resumed = taken(second);
    for (size_t i = 0; i < 2 * whole.fields; i++)
        for (size_t t = 0; t < whole.rows; t++)
            ck_assert_mem_eq(resumed.square[i] + t * resumed.stride, whole.square[i] + t * whole.stride, whole.rows * sizeof(double));
    kernel_general_free(first);
    clear(&resumed);
    clear(&whole);
}
END_TEST

START_TEST(needs)
{
    struct extended x = mixtures[7];
    x.s.steps = 90;
    dmft_problem p = extended_problem(&x);
    double squares = 36.0 + 7.0 + 9.0 + 4.0 + 3.0 + 2.0;
    ck_assert_double_ge(kernel_general_bytes(&p), 8.0 * squares * 90.0 * 90.0);
    ck_assert_double_le(kernel_general_bytes(&p), 8.0 * squares * 96.0 * 96.0 * 1.1);
    ck_assert_double_gt(kernel_general_operations(&p), 0.0);
    kernel_general_free(NULL);
    kernel_general *g = NULL;
    dmft_error err;
    p.weight_decay = 0.95;
    ck_assert_int_eq(kernel_general_create(&g, &p, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "training.weight_decay: method rows needs"));
    ck_assert_ptr_null(g);
}
END_TEST

Suite *suite_general_rows(void)
{
    Suite *suite = suite_create("general_rows");
    TCase *forms = tcase_create("against other forms"), *closed = tcase_create("closed formulas"), *structure = tcase_create("structure"),
          *probes = tcase_create("probes");
    tcase_add_loop_test(forms, equal_to_the_tuned_march, 0, PLAIN + REFERENCES);
    tcase_add_loop_test(forms, equal_to_the_tuned_flow, 0, 4);
    tcase_add_loop_test(forms, plain_tables, 0, REFERENCES);
    tcase_add_loop_test(forms, extended_tables, 0, 5);
    tcase_add_loop_test(forms, whole_batches, 0, 2);
    tcase_add_loop_test(forms, one_long_epoch, 0, 2);
    tcase_add_loop_test(forms, nothing_in_disguise, 0, 3);
    tcase_add_loop_test(closed, closed_formulas, 0, MIXTURES);
    tcase_add_loop_test(closed, outliers_of_decayed_matrices, 0, 4);
    tcase_add_test(probes, sharpness_table);
    tcase_add_loop_test(probes, ntk_of_one_layer, 0, 4);
    tcase_add_loop_test(probes, sharpness_of_regression, 0, 3);
    tcase_add_loop_test(probes, ntk_with_branches, 0, 2);
    tcase_add_loop_test(probes, sharpness_of_many_samples, 0, 2);
    tcase_add_test(probes, probes_leave_no_trace);
    tcase_add_loop_test(structure, causality, 0, 2);
    tcase_add_loop_test(structure, checkpoint, 0, 3);
    tcase_add_test(structure, needs);
    suite_add_tcase(suite, forms);
    suite_add_tcase(suite, closed);
    suite_add_tcase(suite, probes);
    suite_add_tcase(suite, structure);
    return suite;
}
