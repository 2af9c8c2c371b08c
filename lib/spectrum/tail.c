/* Tails of samples: Hill's estimate, power-law fits from the threshold of least Kolmogorov-Smirnov distance, likelihood ratios against log-normal and
 * exponential tails, a bootstrap of the distance. (LW8) to (LW11) of doc/theory.md.
 *
 * With n numbers: sorting, then O(n) a threshold, of which there are n or MOST_THRESHOLDS; a bootstrap repeats the fit. Memory 2 n doubles.
 */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_erf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "dmft.h"

enum { LEAST_SAMPLE = 10, MOST_THRESHOLDS = 2000, HALVINGS = 200 };

static int falling(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a < b) - (a > b);
}

/* The numbers in falling order, all of them positive and finite; NULL: out of memory or refused. */
static double *sorted(const double *x, size_t n, int *status, dmft_error *err)
{
    double *copy = memory_doubles(2 * n);
    *status = copy != NULL ? DMFT_OK : error_memory(err, 16.0 * (double)n);
    for (size_t i = 0; i < n && *status == DMFT_OK; i++)
        if (!isgreaterequal(x[i], 0.0) || !isfinite(x[i]))
            *status = error_set(err, DMFT_ERROR_ARGUMENT, "a tail is one of finite numbers in [0, inf), number %zu of %zu is %g", i + 1, n, x[i]);
    if (*status != DMFT_OK) {
        free(copy);
        return NULL;
    }
    memcpy(copy, x, n * sizeof *copy);
    qsort(copy, n, sizeof *copy, falling);
    return copy;
}

int dmft_tail_hill(const double *x, size_t n, size_t k, double *index, double *error, dmft_error *err)
{
    int status;
    if (k < 1 || k >= n) return error_set(err, DMFT_ERROR_ARGUMENT, "k must be in [1, n - 1] with n = %zu, got %zu", n, k);
    double *falls = sorted(x, n, &status, err), sum = 0.0;
    if (status != DMFT_OK) return status;
    for (size_t i = 0; i < k; i++) sum += log(falls[i] / falls[k]);
    if (falls[k] > 0.0 && sum > 0.0) {
        *index = (double)k / sum;
        *error = *index / sqrt((double)k);
    } else
        status = error_set(err, DMFT_ERROR_ARGUMENT, "the %zu largest numbers must be positive, and not all equal: number %zu is %g", k + 1, k + 1, falls[k]);
    free(falls);
    return status;
}

/* Distance of the k largest from a power law of this index above y = 0; y = log(x/threshold), falling. */
static double distance_of(const double *logs, size_t k, double threshold, double index)
{
    double most = 0.0;
    for (size_t i = 0; i < k; i++) {
        double above = exp(-index * (logs[i] - threshold)); /* part of the law, and of the sample, beyond i */
        most = fmax(most, fmax(fabs(above - (double)i / (double)k), fabs(above - (double)(i + 1) / (double)k)));
    }
    return most;
}

/* The threshold, one of the numbers, from which the fit is nearest. `x` falls; logs: room for n. 0: there is none. */
static int find_threshold(const double *x, size_t n, size_t least, double *logs, dmft_tail *out)
{
    size_t positive = 0, stride = n / MOST_THRESHOLDS + 1;
    double sum = 0.0;
    while (positive < n && x[positive] > 0.0) logs[positive] = log(x[positive]), positive++;
    out->distance = INFINITY;
    for (size_t k = 1; k <= positive; k++) { /* k numbers, the last is the threshold */
        sum += logs[k - 1];
        if (k < least || (k < positive && x[k] == x[k - 1]) || (k - least) % stride != 0) continue;
        double mean = sum / (double)k - logs[k - 1];
        if (!(mean > 0.0)) continue;
        double distance = distance_of(logs, k, logs[k - 1], 1.0 / mean);
        if (distance >= out->distance) continue;
        *out = (dmft_tail){.threshold = x[k - 1], .count = k, .exponent = 1.0 + 1.0 / mean, .distance = distance};
    }
    out->error = isfinite(out->distance) ? (out->exponent - 1.0) / sqrt((double)out->count) : 0.0;
    return isfinite(out->distance);
}

/* Vuong's statistic of the differences of log likelihood, and its two-sided probability. */
static double vuong(double sum, double square, size_t k, double *p)
{
    double mean = sum / (double)k, variance = square / (double)k - mean * mean;
    double z = variance > 0.0 ? mean * sqrt((double)k) / sqrt(variance) : 0.0;
    *p = 2.0 * gsl_cdf_ugaussian_Q(fabs(z));
    return z;
}

static void against_exponential(const double *x, const double *logs, dmft_tail *out)
{
    double mean = 0.0, sum = 0.0, square = 0.0, index = out->exponent - 1.0, low = log(out->threshold);
    for (size_t i = 0; i < out->count; i++) mean += (x[i] - out->threshold) / (double)out->count;
    for (size_t i = 0; i < out->count; i++) {
        double d = log(index) - index * (logs[i] - low) - logs[i] + log(mean) + (x[i] - out->threshold) / mean;
        sum += d;
        square += d * d;
    }
    out->exponential = vuong(sum, square, out->count, &out->exponential_p);
}

/* <y^2>/<y>^2 of a Gaussian cut at y = 0, which lies z0 deviations above its mean; rises from 1 to 2. */
static double cut_ratio(double z0)
{
    double hazard = gsl_sf_hazard(z0);
    return (1.0 + z0 * z0 - z0 * hazard) / ((hazard - z0) * (hazard - z0));
}

/* Beyond, a cut Gaussian is an exponential to 1e-3, and its averages lose digits. */
static const double farthest = 50.0;

/* y = log(x/threshold) is a Gaussian cut at 0; where z0 -> infinity it is the power law, which is thus the edge of this family. */
static void against_lognormal(const double *logs, dmft_tail *out)
{
    double m1 = 0.0, m2 = 0.0, sum = 0.0, square = 0.0, index = out->exponent - 1.0, low = log(out->threshold), k = (double)out->count;
    for (size_t i = 0; i < out->count; i++) m1 += (logs[i] - low) / k, m2 += (logs[i] - low) * (logs[i] - low) / k;
    out->lognormal = 0.0;
    out->lognormal_p = out->nested_p = 1.0;
    if (m2 / (m1 * m1) >= cut_ratio(farthest)) return;
    double below = -farthest, above = farthest;
    for (int i = 0; i < HALVINGS; i++) {
        double z0 = 0.5 * (below + above);
        *(cut_ratio(z0) < m2 / (m1 * m1) ? &below : &above) = z0;
    }
    double z0 = 0.5 * (below + above), deviation = m1 / (gsl_sf_hazard(z0) - z0), beyond = gsl_sf_log_erfc(z0 / sqrt(2.0)) - log(2.0);
    for (size_t i = 0; i < out->count; i++) {
        double y = logs[i] - low, u = y / deviation + z0;
        double d = log(index) - index * y + 0.5 * u * u + 0.5 * log(2.0 * M_PI) + log(deviation) + beyond;
        sum += d;
        square += d * d;
    }
    out->lognormal = vuong(sum, square, out->count, &out->lognormal_p);
    out->nested_p = 0.5 * gsl_cdf_chisq_Q(fmax(0.0, -2.0 * sum), 1.0);
}

static int check_least(size_t n, size_t least, dmft_error *err)
{
    if (least >= LEAST_SAMPLE && least <= n) return DMFT_OK;
    return error_set(err, DMFT_ERROR_ARGUMENT, "a tail has at least %d numbers and at most all n = %zu, got %zu", LEAST_SAMPLE, n, least);
}

int dmft_tail_fit(const double *x, size_t n, size_t least, dmft_tail *out, dmft_error *err)
{
    dmft_tail fit = {0};
    int status = check_least(n, least, err);
    if (status != DMFT_OK) return status;
    double *falls = sorted(x, n, &status, err);
    if (status != DMFT_OK) return status;
    if (find_threshold(falls, n, least, falls + n, &fit)) {
        against_exponential(falls, falls + n, &fit);
        against_lognormal(falls + n, &fit);
        *out = fit;
    } else
        status = error_set(err, DMFT_ERROR_ARGUMENT, "the %zu largest of %zu numbers must be positive, and not all equal", least, n);
    free(falls);
    return status;
}

static double uniform(struct random_stream *stream) { return ((double)(random_bits(stream) >> 11) + 0.5) * 0x1p-53; }

/* A sample of the fitted law: above the threshold the power law, below it numbers drawn from those of the sample that are there. */
static void resample(const double *falls, size_t n, const dmft_tail *fit, struct random_stream *stream, double *out)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t pick = random_below(stream, n);
        out[i] = pick < fit->count ? fit->threshold * pow(uniform(stream), -1.0 / (fit->exponent - 1.0)) : falls[pick];
    }
    qsort(out, n, sizeof *out, falling);
}

int dmft_tail_plausibility(const double *x, size_t n, size_t least, size_t samples, unsigned long seed, double *p, dmft_error *err)
{
    dmft_tail fit, drawn = {0};
    size_t farther = 0;
    if (samples < 1) return error_set(err, DMFT_ERROR_ARGUMENT, "at least one sample of the fitted law, got 0");
    int status = dmft_tail_fit(x, n, least, &fit, err);
    if (status != DMFT_OK) return status;
    double *falls = sorted(x, n, &status, err), *work = memory_doubles(2 * n);
    if (status == DMFT_OK && work == NULL) status = error_memory(err, 16.0 * (double)n);
    for (size_t s = 0; s < samples && status == DMFT_OK; s++) {
        struct random_stream stream = random_start(seed, s, 0);
        resample(falls, n, &fit, &stream, work);
        farther += !find_threshold(work, n, least, work + n, &drawn) || drawn.distance >= fit.distance;
    }
    if (status == DMFT_OK) *p = (double)(farther + 1) / (double)(samples + 1);
    free(falls);
    free(work);
    return status;
}
