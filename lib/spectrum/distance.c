/* Goodness of fit: the distance of Kolmogorov and Smirnov between the bulk and its Marchenko-Pastur law, with the law it has where the entries are independent,
 * (TW2), (TW10)-(TW11) of doc/theory.md.
 *
 * Singular values repel each other: the distance is of order log(n)/n, not n^{-1/2}, and no table has its law. It is sampled: the singular values of a
 * Gaussian matrix are those of a bidiagonal one of independent chi numbers, and dqds takes n^2 operations for all of them. The variance of a sample is
 * fitted as that of the matrix was. Cost: SAMPLES min(n, LARGEST)^2 some tens of operations, half a second at most.
 */
#include "spectrum/distance.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "spectrum/marchenko_pastur.h"

static const double pi = 3.14159265358979323846;

enum {
    SAMPLES = 399, /* levels in steps of 1/400; the 99 % quantile is the fourth from above */
    LARGEST = 200, /* beyond, samples of this size: n D grows by (sqrt(2)/pi) log of the ratio (TW11) */
    SEED = 35      /* any: the same samples for the same shape */
};

/* Number of the singular values above an angle of the bulk, in the mean: the law, what each spike takes off (TW2), the kurtosis of the entries (TW10). */
static double count_above(const struct spectrum_sample *s, double x, const double *spike, size_t k)
{
    double theta = acos(x), count = (double)s->count * spectrum_mp_above(x, (double)s->M, (double)s->N);
    for (size_t i = 0; i < k; i++) count -= (theta + atan2(sin(theta), spike[i] - x)) / pi;
    return count + spectrum_fit_kurtosis(s) * sin(2 * theta) / (2 * pi);
}

/* sup |F_n - F| over the bulk; `spike` has the k numbers c of the outliers. */
static double distance_of(const struct spectrum_sample *s, size_t k, double variance, const double *spike)
{
    double n = (double)(s->count - k), most = 0;
    for (size_t i = k; i < s->count; i++) {
        double x = spectrum_mp_position(s->z[i] * s->z[i], variance, (double)s->M, (double)s->N), rank = (double)(i - k);
        double above = count_above(s, fmin(fmax(x, -1), 1), spike, k);
        most = fmax(most, fmax(fabs(rank - above), fabs(rank + 1 - above)) / n);
    }
    return most;
}

/* ---- the law of the distance ---- */

/* Singular values of a Gaussian matrix of variance 1, falling. */
static int draw(gsl_rng *random, size_t M, size_t N, double *z, double *off, double *norm2)
{
    size_t n = M < N ? M : N, longer = M + N - n;
    double nothing = 0;
    *norm2 = 0;
    for (size_t i = 0; i < n; i++) {
        double on2 = gsl_ran_chisq(random, (double)(longer - i)), off2 = i + 1 < n ? gsl_ran_chisq(random, (double)(n - 1 - i)) : 0;
        z[i] = sqrt(on2);
        off[i] = sqrt(off2);
        *norm2 += on2 + off2;
    }
    double *work = off + n;
    return LAPACKE_dbdsqr_work(LAPACK_COL_MAJOR, 'U', (int)n, 0, 0, 0, z, off, &nothing, 1, &nothing, 1, &nothing, 1, work);
}

/* Distances of SAMPLES Gaussian matrices, in rising order; 0, or what LAPACK said. */
static int sample(gsl_rng *random, size_t M, size_t N, int fitted, double *room, double *distances)
{
    size_t n = M < N ? M : N;
    struct spectrum_sample s = {.M = M, .N = N, .count = n, .z = room, .variance = fitted ? 0 : 1};
    for (size_t i = 0; i < SAMPLES; i++) {
        int info = draw(random, M, N, room, room + n, &s.norm2);
        if (info != 0) return info;
        distances[i] = distance_of(&s, 0, spectrum_fit_variance(&s, 0), NULL);
    }
    gsl_sort(distances, 1, SAMPLES);
    return 0;
}

/* Enters quantile and level of the bulk of M x N from samples of the same shape, of size n or smaller. */
static void judge(struct spectrum_distance *out, double n, double sampled, const double *distances)
{
    double more = sqrt(2) / pi * log(n / sampled), here = (n * out->distance - more) / sampled;
    size_t farther = 0;
    for (size_t i = 0; i < SAMPLES; i++) farther += distances[i] >= here;
    out->level = (double)(farther + 1) / (SAMPLES + 1);
    out->null = (sampled * distances[SAMPLES - (SAMPLES + 1) / 100] + more) / n;
}

int spectrum_distance_find(const struct spectrum_sample *s, size_t k, double variance, struct spectrum_distance *out, dmft_error *err)
{
    size_t M = s->M - k, N = s->N - k, n = s->count - k;
    *out = (struct spectrum_distance){NAN, NAN, NAN};
    if (n < SPECTRUM_FEWEST || !(variance > 0)) return DMFT_OK;
    size_t small = n < LARGEST ? n : LARGEST, longer = (M < N ? N : M);
    if (n > LARGEST) longer = (size_t)((double)longer * LARGEST / (double)n + 0.5);
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    double *room = memory_doubles(6 * small), *distances = memory_doubles(SAMPLES), *spike = memory_doubles(k);
    int info = 0, whole = random != NULL && room != NULL && distances != NULL && spike != NULL;
    if (whole) {
        for (size_t i = 0; i < k; i++) spike[i] = spectrum_fit_spike(s, variance, s->z[i]);
        out->distance = distance_of(s, k, variance, spike);
        gsl_rng_set(random, SEED);
        info = sample(random, small, longer, !(s->variance > 0), room, distances);
        if (info == 0) judge(out, (double)n, (double)small, distances);
    }
    if (random != NULL) gsl_rng_free(random);
    free(room);
    free(distances);
    free(spike);
    if (!whole) return error_memory(err, 8.0 * (double)(6 * small + SAMPLES + k));
    if (info == 0) return DMFT_OK;
    return error_set(err, DMFT_ERROR_NUMERIC, "singular values of a bidiagonal matrix of order %zu were not found (dbdsqr: %d)", small, info);
}
