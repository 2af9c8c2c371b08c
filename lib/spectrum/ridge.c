/* Ridge regression by (LF6). With features x and mean mu over the samples that are fitted, count of them s and T = sum |x - mu|^2,
 *
 *   (sum (x - mu)(x - mu)^T + lambda T) w = sum (x - mu)(y - ybar),   f(x) = ybar + w.(x - mu),
 *
 * or with the Gram matrix of the samples, centred on both sides, (HKH + lambda T) alpha = y - ybar, f(x) = ybar + alpha.(k(x) - mean of k): one function
 * twice. The system is as large as the smaller of features and samples.
 * Cost: folds x penalties factorisations of it, order^3/3 each. Memory: 3 n^2 + Q n. */
#include "spectrum/ridge.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cost.h"
#include "base/error.h"

struct ridge {
    size_t n, tests;
    struct ridge_rule rule;
    double *system, *factor; /* order x order */
    double *mean, *right, *solution, *row, *loss;
    double *gram;            /* (n + Q) x n, of more features than samples */
    double *inside;          /* rows of the samples that are fitted */
    size_t *chosen;          /* these samples */
};

/* The rows that a fit sees: features, or columns of a Gram matrix. */
struct table {
    const double *row;
    size_t stride;
    int gram;
};

struct fit {
    size_t count, order; /* samples; unknowns */
    double level, size;  /* ybar, T */
};

double ridge_doubles(size_t samples, size_t tests)
{
    double n = (double)samples;
    return 3.0 * n * n + n * ((double)samples + (double)tests) + 6.0 * n;
}

double ridge_operations(const struct ridge_rule *rule, double samples, double tests, double order)
{
    double runs = (double)rule->folds * (double)rule->penalties, m = fmin(order, samples);
    return cost_of_products(runs * m * m * m / 3.0 + 2.0 * (double)rule->folds * samples * m * m, 0.5 * m) + 2.0 * runs * m * m + 2.0 * (samples + tests) * m;
}

int ridge_create(ridge **out, size_t samples, size_t tests, const struct ridge_rule *rule, dmft_error *err)
{
    ridge *r = calloc(1, sizeof *r);
    if (r == NULL) return error_memory(err, sizeof *r);
    *r = (ridge){.n = samples, .tests = tests, .rule = *rule};
    r->system = memory_doubles(samples * samples);
    r->factor = memory_doubles(samples * samples);
    r->inside = memory_doubles(samples * samples);
    r->gram = memory_doubles((samples + tests) * samples);
    r->mean = memory_doubles(samples);
    r->right = memory_doubles(samples);
    r->solution = memory_doubles(samples);
    r->row = memory_doubles(samples);
    r->loss = memory_doubles(rule->penalties);
    r->chosen = calloc(samples, sizeof *r->chosen);
    if (r->system && r->factor && r->inside && r->gram && r->mean && r->right && r->solution && r->row && r->loss && r->chosen) {
        *out = r;
        return DMFT_OK;
    }
    ridge_free(r);
    return error_memory(err, 8.0 * ridge_doubles(samples, tests));
}

void ridge_free(ridge *r)
{
    if (r == NULL) return;
    free(r->system);
    free(r->factor);
    free(r->inside);
    free(r->gram);
    free(r->mean);
    free(r->right);
    free(r->solution);
    free(r->row);
    free(r->loss);
    free(r->chosen);
    free(r);
}

/* ---- one fit ---- */

/* Column j of the table as the fit counts them. */
static size_t column_of(const ridge *r, const struct table *t, size_t j) { return t->gram ? r->chosen[j] : j; }

/* r->inside <- the rows of the samples that are fitted, less their mean over these samples. */
static void gather(ridge *r, const struct table *t, const struct fit *fit)
{
    memset(r->mean, 0, fit->order * sizeof *r->mean);
    for (size_t i = 0; i < fit->count; i++)
        for (size_t j = 0; j < fit->order; j++) {
            double x = t->row[r->chosen[i] * t->stride + column_of(r, t, j)];
            r->inside[i * fit->order + j] = x;
            r->mean[j] += x / (double)fit->count;
        }
    for (size_t i = 0; i < fit->count; i++)
        for (size_t j = 0; j < fit->order; j++) r->inside[i * fit->order + j] -= r->mean[j];
}

/* HKH: what is left to take off K less the means of its columns is the mean of each row. */
static void build_gram(ridge *r, const struct fit *fit, const double *y)
{
    size_t s = fit->count;
    for (size_t i = 0; i < s; i++) {
        double mean = 0.0;
        for (size_t j = 0; j < s; j++) mean += r->inside[i * s + j] / (double)s;
        for (size_t j = 0; j < s; j++) r->system[i * s + j] = r->inside[i * s + j] - mean;
        r->right[i] = y[r->chosen[i]] - fit->level;
    }
}

static void build_features(ridge *r, const struct fit *fit, const double *y)
{
    size_t s = fit->count, m = fit->order;
    memset(r->right, 0, m * sizeof *r->right);
    for (size_t i = 0; i < s; i++) cblas_daxpy((int)m, y[r->chosen[i]] - fit->level, r->inside + i * m, 1, r->right, 1);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)m, (int)m, (int)s, 1.0, r->inside, (int)m, r->inside, (int)m, 0.0, r->system, (int)m);
}

/* The system of the samples that are not in part `out` (out >= folds: of all). */
static struct fit build(ridge *r, const struct table *t, size_t m, const double *y, size_t out)
{
    struct fit fit = {.order = m};
    for (size_t i = 0; i < r->n; i++)
        if (i % r->rule.folds != out) r->chosen[fit.count++] = i;
    for (size_t i = 0; i < fit.count; i++) fit.level += y[r->chosen[i]] / (double)fit.count;
    if (t->gram) fit.order = fit.count;
    if (fit.order == 0) return fit;
    gather(r, t, &fit);
    if (t->gram)
        build_gram(r, &fit, y);
    else
        build_features(r, &fit, y);
    for (size_t j = 0; j < fit.order; j++) fit.size += r->system[j * fit.order + j];
    return fit;
}

/* r->solution, zeros where there is nothing to fit with. 0 when the system is too near to a singular one for this penalty. */
static int solve(ridge *r, const struct fit *fit, double penalty)
{
    int m = (int)fit->order;
    if (m == 0 || !(fit->size > 0.0)) {
        memset(r->solution, 0, fit->order * sizeof *r->solution);
        return 1;
    }
    memcpy(r->factor, r->system, fit->order * fit->order * sizeof *r->factor);
    memcpy(r->solution, r->right, fit->order * sizeof *r->solution);
    for (size_t j = 0; j < fit->order; j++) r->factor[j * fit->order + j] += penalty * fit->size;
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', m, r->factor, m) != 0) return 0;
    return LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', m, 1, r->factor, m, r->solution, m) == 0;
}

static double predict(const ridge *r, const struct table *t, const struct fit *fit, size_t i)
{
    double f = fit->level;
    for (size_t j = 0; j < fit->order; j++) f += r->solution[j] * (t->row[i * t->stride + column_of(r, t, j)] - r->mean[j]);
    return f;
}

/* ---- the penalty ---- */

static double penalty_at(const struct ridge_rule *rule, size_t i)
{
    if (rule->penalties == 1) return rule->least;
    return rule->least * pow(rule->largest / rule->least, (double)i / (double)(rule->penalties - 1));
}

/* The penalty of the least squared error on what was held out, the larger one of two that are equal. */
static double choose(ridge *r, const struct table *t, size_t m, const double *y)
{
    memset(r->loss, 0, r->rule.penalties * sizeof *r->loss);
    for (size_t out = 0; out < r->rule.folds; out++) {
        struct fit fit = build(r, t, m, y, out);
        for (size_t q = 0; q < r->rule.penalties; q++) {
            int solved = solve(r, &fit, penalty_at(&r->rule, q));
            for (size_t i = out; i < r->n; i += r->rule.folds) {
                double error = solved ? y[i] - predict(r, t, &fit, i) : INFINITY;
                r->loss[q] += error * error;
            }
        }
    }
    size_t best = r->rule.penalties - 1;
    for (size_t q = r->rule.penalties; q-- > 0;)
        if (r->loss[q] < r->loss[best]) best = q;
    return penalty_at(&r->rule, best);
}

static double regress(ridge *r, const struct table *t, size_t m, const double *y, double *fitted)
{
    double penalty = choose(r, t, m, y);
    struct fit fit = build(r, t, m, y, r->rule.folds);
    if (!solve(r, &fit, penalty)) fit.order = 0; /* no penalty made the system positive: the mean label is what is left */
    for (size_t i = 0; i < r->n + r->tests; i++) fitted[i] = predict(r, t, &fit, i);
    return penalty;
}

double ridge_on_gram(ridge *r, const double *K, const double *y, double *fitted)
{
    const struct table table = {.row = K, .stride = r->n, .gram = 1};
    return regress(r, &table, r->n, y, fitted);
}

double ridge_on_features(ridge *r, const double *X, size_t m, const double *y, double *fitted)
{
    const struct table table = {.row = X, .stride = m};
    if (m <= r->n) return regress(r, &table, m, y, fitted);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)(r->n + r->tests), (int)r->n, (int)m, 1.0, X, (int)m, X, (int)m, 0.0, r->gram, (int)r->n);
    return ridge_on_gram(r, r->gram, y, fitted);
}
