/* One matrix under signal, weight decay and gradient noise: (NM1) to (NM5), (NM10), (NM11) of doc/theory.md.
 *
 * The training is linear, so that an eigenvalue s of the sample covariance sees a factor 1 - omega - eta s a step; everything is an average over s, which
 * is 1 for infinitely many samples. The quadrature has 65 nodes to begin with and is doubled until edge, margin and isolated eigenvalue stay. Cost: some
 * 40 sums over the nodes a law, a few hundred laws a critical value. Memory: 4 x 16386 numbers.
 */
#include "model/noisy_matrix.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
    FEWEST = 64,
    MOST = 16384,
    HALVINGS = 200 /* of an interval: more than there are bits between its ends */
};

static const double reach = 3.2;         /* of the nodes: the last stand 1e-16 from the ends */
static const double settled = 1e-10;     /* relative change from n to 2n nodes; it falls geometrically, and what is left is its square */
static const double scan_ratio = 1.1893; /* 2^{1/4}: from one step size or time to the next that is tried; 32 octaves of the ones, 43 of the others */

/* ---- life ---- */

int noisy_matrix_create(struct noisy_matrix *w, const dmft_problem *problem, dmft_error *err)
{
    const struct noisy_matrix_problem *p = &problem->noisy_matrix;
    int finite = isfinite(p->samples);
    size_t room = finite ? MOST + 2 : 1;
    *w = (struct noisy_matrix){.problem = p, .decay = problem->weight_decay, .scale = 1.0, .mass = 1.0, .most = 1.0, .level = FEWEST};
    if (finite) {
        w->q = fmin(p->samples, 1.0 / p->samples);
        w->scale = fmax(1.0, 1.0 / p->samples);
        w->mass = fmin(1.0, p->samples);
        w->most = w->scale * gsl_pow_2(1.0 + sqrt(w->q));
    }
    w->s = memory_doubles(room);
    w->weight = memory_doubles(room);
    w->tau = memory_doubles(room);
    w->spike = memory_doubles(room);
    if (w->s == NULL || w->weight == NULL || w->tau == NULL || w->spike == NULL) return error_memory(err, 32.0 * (double)room);
    w->nodes = 1;
    w->s[0] = w->weight[0] = 1.0; /* of the population */
    return DMFT_OK;
}

void noisy_matrix_free(struct noisy_matrix *w)
{
    free(w->s);
    free(w->weight);
    free(w->tau);
    free(w->spike);
}

double noisy_matrix_bytes(const dmft_problem *problem) { return isfinite(problem->noisy_matrix.samples) ? 32.0 * (MOST + 2) : 32.0; }

/* ---- one eigenvalue s of the sample covariance ---- */

/* Sum over k < t of rho^k, rho = 1 - x; of real t where rho > 0. */
static double geometric(double x, double t)
{
    if (x == 0.0) return t;
    return x < 1.0 ? -expm1(t * log1p(-x)) / x : (1.0 - pow(1.0 - x, t)) / x;
}

/* Sum over k < t of rho^{2k}, which is even in rho. */
static double geometric_square(double x, double t)
{
    double y = fmin(x, 2.0 - x); /* 1 - |rho| */
    if (y == 1.0) return t < 1.0 ? t : 1.0;
    return y == 0.0 ? t : -expm1(2.0 * t * log1p(-y)) / (y * (2.0 - y));
}

/* x = 1 - rho (NM2). */
static double loss_at(const struct noisy_matrix *w, double rate, double s) { return w->decay + rate * s; }

/* Variance that all steps but the labels' noise leave (NM4), t = s. */
static double variance_at(const struct noisy_matrix *w, double rate, double s, double t)
{
    double x = loss_at(w, rate, s), kept = t > 0.0 ? pow(fabs(1.0 - x), 2.0 * t) : 1.0, sigma2 = w->problem->variance, noise = w->problem->gradient_noise;
    return (sigma2 > 0.0 ? sigma2 * kept : 0.0) + (noise > 0.0 ? rate * rate * noise * geometric_square(x, t) : 0.0);
}

/* What the labels' noise adds, over the two sums of powers of rho (NM4). */
static double label_part(const struct noisy_matrix *w, double rate, double s)
{
    const struct noisy_matrix_problem *p = w->problem;
    return p->label_noise > 0.0 ? gsl_pow_2(p->label_noise * rate) * s / p->samples : 0.0;
}

/* ---- the law ---- */

/* Nodes u = -reach .. reach of the double exponential rule (NM3), n + 1 of them, and the atom at 0. Ends are resolved to the last bit, since an edge may
 * hang on the few s next to them. */
static void fill_nodes(struct noisy_matrix *w, size_t n)
{
    double root = sqrt(w->q), sum = 0.0;
    w->nodes = n + 1;
    for (size_t k = 0; k <= n; k++) {
        double u = reach * (2.0 * (double)k / (double)n - 1.0), e = exp(-M_PI * sinh(fabs(u))), theta = M_PI * e / (1.0 + e);
        double rise = 4.0 * root * gsl_pow_2(sin(0.5 * theta)), s = u < 0.0 ? gsl_pow_2(1.0 - root) + rise : gsl_pow_2(1.0 + root) - rise;
        w->s[k] = w->scale * s;
        w->weight[k] = cosh(u) * e / gsl_pow_2(1.0 + e) * gsl_pow_2(sin(theta)) / s;
        sum += w->weight[k];
    }
    for (size_t k = 0; k <= n; k++) w->weight[k] *= w->mass / sum;
    if (w->mass == 1.0) return;
    w->s[w->nodes] = 0.0;
    w->weight[w->nodes++] = 1.0 - w->mass;
}

static void solve(struct noisy_matrix *w, double rate, double t, size_t n, struct spectrum_spiked_law *law)
{
    if (n > 0) fill_nodes(w, n);
    for (size_t k = 0; k < w->nodes; k++) {
        double sum = geometric(loss_at(w, rate, w->s[k]), t);
        w->tau[k] = variance_at(w, rate, w->s[k], t) + label_part(w, rate, w->s[k]) * sum * sum;
        w->spike[k] = w->problem->teacher * rate * w->s[k] * sum;
    }
    const struct spectrum_spiked spiked = {.ratio = w->problem->ratio, .nodes = w->nodes, .tau = w->tau, .spike = w->spike, .weight = w->weight};
    spectrum_spiked_solve(&spiked, law);
}

static int near(double a, double b, double unit) { return a == b || (isnan(a) && isnan(b)) || islessequal(fabs(a - b), settled * unit); }

static int settles(const struct spectrum_spiked_law *a, const struct spectrum_spiked_law *b)
{
    return near(a->edge, b->edge, b->edge) && near(a->margin, b->margin, 1.0 + fabs(b->margin)) &&
           (near(a->value, b->value, b->value) || fabs(b->margin) <= settled);
}

int noisy_matrix_law(struct noisy_matrix *w, double rate, double time, struct spectrum_spiked_law *law, dmft_error *err)
{
    struct spectrum_spiked_law before;
    if (w->q == 0.0) {
        solve(w, rate, time, 0, law);
        return DMFT_OK;
    }
    solve(w, rate, time, w->level, &before);
    for (size_t n = 2 * w->level; n <= MOST; n *= 2) {
        solve(w, rate, time, n, law);
        if (settles(&before, law)) {
            w->level = n > 4 * FEWEST ? n / 4 : FEWEST; /* the next one may need fewer */
            return DMFT_OK;
        }
        before = *law;
    }
    if (!isfinite(law->edge)) return DMFT_OK; /* it diverged */
    return error_set(err, DMFT_ERROR_NUMERIC, "%d nodes do not resolve the bulk after %g steps of %g (sample_ratio %g)", MOST, time, rate, w->problem->samples);
}

double noisy_matrix_variance(const struct noisy_matrix *w)
{
    double sum = 0.0;
    for (size_t k = 0; k < w->nodes; k++) sum += w->weight[k] * w->tau[k];
    return sum;
}

double noisy_matrix_stationary(const struct noisy_matrix *w, double rate)
{
    double sum = 0.0, noise = w->problem->gradient_noise;
    for (size_t k = 0; k < w->nodes; k++) {
        double x = loss_at(w, rate, w->s[k]), labels = label_part(w, rate, w->s[k]), left;
        if (x > 0.0 && x < 2.0)
            left = rate * rate * noise / (x * (2.0 - x)) + labels / (x * x);
        else
            left = noise + labels > 0.0 || x != 0.0 ? INFINITY : w->problem->variance;
        sum += w->weight[k] * left;
    }
    return sum;
}

/* Node by node: powers of rho, their sums, variances. */
void noisy_matrix_kernel(const struct noisy_matrix *w, double rate, size_t rows, double *kernel, double *work)
{
    double *power = work, *sum = work + rows, *variance = work + 2 * rows;
    memset(kernel, 0, rows * rows * sizeof *kernel);
    for (size_t k = 0; k < w->nodes; k++) {
        double x = loss_at(w, rate, w->s[k]), labels = label_part(w, rate, w->s[k]);
        for (size_t t = 0; t < rows; t++) {
            power[t] = pow(1.0 - x, (double)t);
            sum[t] = geometric(x, (double)t);
            variance[t] = variance_at(w, rate, w->s[k], (double)t);
        }
        for (size_t t = 0; t < rows; t++)
            for (size_t s = 0; s <= t; s++) kernel[t * rows + s] += w->weight[k] * (power[t - s] * variance[s] + labels * sum[t] * sum[s]);
    }
    for (size_t t = 0; t < rows; t++)
        for (size_t s = t + 1; s < rows; s++) kernel[t * rows + s] = kernel[s * rows + t];
}

/* ---- criticality ---- */

/* 0 where the nodes do not resolve it. */
static int margin_at(struct noisy_matrix *w, double rate, double time, double *margin)
{
    struct spectrum_spiked_law law;
    if (noisy_matrix_law(w, rate, time, &law, NULL) != DMFT_OK) return 0;
    *margin = law.margin;
    return 1;
}

/* Where the margin is no more what it was at `low` (above 0, or not), before `high`: along the step size, or along the time (rate given), to the last bit. */
static double cross(struct noisy_matrix *w, double low, double high, int above, double rate, double time)
{
    double margin;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = 0.5 * (low + high);
        if (middle == low || middle == high) break;
        if (!margin_at(w, isnan(rate) ? middle : rate, isnan(rate) ? time : middle, &margin)) return NAN;
        *((margin > 0.0) == above ? &low : &high) = middle;
    }
    return high;
}

/* From small step sizes to the largest that are stable for all s. */
void noisy_matrix_critical_rates(struct noisy_matrix *w, long steps, double rate[2])
{
    double limit = (2.0 - w->decay) / w->most, low = 0.0, margin, t = (double)steps;
    int found = 0;
    rate[0] = rate[1] = NAN;
    for (double high = limit * 0x1p-32; low < limit && found < 2; high *= scan_ratio) {
        high = fmin(high, limit);
        if (!margin_at(w, high, t, &margin)) return;
        if ((margin > 0.0) != found) {
            rate[found] = low > 0.0 ? cross(w, low, high, found, NAN, t) : 0.0;
            found++;
        }
        low = high;
    }
}

double noisy_matrix_critical_time(struct noisy_matrix *w, double rate)
{
    double low = 0.0, margin;
    if (!(loss_at(w, rate, w->most) < 1.0)) return NAN;
    for (double high = 0x1p-20; high < 0x1p23; high *= scan_ratio) {
        if (!margin_at(w, rate, high, &margin)) return NAN;
        if (margin > 0.0) return low > 0.0 ? cross(w, low, high, 0, rate, NAN) : 0.0;
        low = high;
    }
    return NAN;
}
