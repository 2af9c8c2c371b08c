/* The bulk of a matrix of independent entries with a few spikes, and its outliers, from the singular values: section 35 of doc/theory.md.
 *
 * The variance comes from a sum over the bulk that saturates at the edge and knows what spikes do to it (TW7), or, where only the largest singular values
 * are known, from the Frobenius norm less the spikes (TW8). An outlier stands above what the largest singular value of the rest may be by the
 * Tracy-Widom law (TW4), with its centre and scale of order 1/N corrected for the kurtosis and for the variance being fitted (TW6). Outliers are taken off
 * one after the other; LOOK_AHEAD of them may hide each other. Cost: 60 n a value tested.
 */
#include "spectrum/fit.h"

#include <math.h>

#include "spectrum/marchenko_pastur.h"

static const double TW_MEAN = -1.2065335745820, TW_VARIANCE = 1.6077810345810; /* of F_1 */

/* Mean and variance of sum f over a bulk of Gaussian entries, f = x - x^2/2, and what excess kurtosis adds to either (TW7). */
static const double SUM_MEAN = -0.125, SUM_MEAN_KURTOSIS = -0.125, SUM_VARIANCE = 0.5625, SUM_VARIANCE_KURTOSIS = 0.25;

/* j-th values that are tested though the one before was none: j values that stand out together raise the variance when none of them is known for an outlier.
 * Below a tenth of all the j-th is so far below the first, without spikes, that the false-positive rate does not rise (section 35). */
enum { LOOK_AHEAD = 8, LOOK_PART = 10 };

/* At most this part of the singular values are outliers: with more the equation for the variance loses its root, and there is no bulk to speak of. */
enum { MOST_PART = 3 };

static size_t least(const struct spectrum_sample *s) { return s->M < s->N ? s->M : s->N; }

double spectrum_fit_kurtosis(const struct spectrum_sample *s)
{
    double most = 0.1 * sqrt((double)s->M * (double)s->N);
    return fmax(-2, fmin(s->kurtosis, most));
}

double spectrum_fit_spike(const struct spectrum_sample *s, double variance, double z)
{
    double x = spectrum_mp_position(z * z, variance, (double)s->M, (double)s->N);
    return x > 1 ? x + sqrt((x - 1) * (x + 1)) : 1;
}

/* ---- the variance ---- */

/* Sum over the bulk, less its mean, of f(x) = x - x^2/2, which is constant outside of [-1, 1]; falls with the variance. */
static double bulk_excess(const struct spectrum_sample *s, size_t k, double variance)
{
    double M = (double)s->M, N = (double)s->N, n = M < N ? M : N, longer = M + N - n, sum = 0;
    for (size_t i = k; i < s->count; i++) {
        double x = fmin(fmax(spectrum_mp_position(s->z[i] * s->z[i], variance, M, N), -1), 1);
        sum += x - 0.5 * x * x;
    }
    double mean = -0.5 * n * sqrt(n / longer) - n * (M + N) / (8 * longer) + SUM_MEAN + SUM_MEAN_KURTOSIS * spectrum_fit_kurtosis(s);
    for (size_t i = 0; i < k; i++) {
        double c = spectrum_fit_spike(s, variance, s->z[i]);
        mean += 0.25 - 0.5 / c + 0.125 / (c * c);
    }
    return sum - mean;
}

/* The norm, less that of spikes and bulk. */
static double norm_excess(const struct spectrum_sample *s, size_t k, double variance)
{
    double root = sqrt((double)s->M * (double)s->N), rest = s->norm2;
    for (size_t i = 0; i < k; i++) rest -= variance * root * spectrum_fit_spike(s, variance, s->z[i]);
    return rest - variance * root * root;
}

static int knows_all(const struct spectrum_sample *s) { return s->count == least(s); }

double spectrum_fit_variance(const struct spectrum_sample *s, size_t k)
{
    static const double none = 1e-30; /* part of the mean square of the entries below which all is in the spikes: far below rounding */
    enum { BISECTIONS = 60 };         /* of the logarithm: 30 decades down to rounding errors */
    double mean_square = s->norm2 / ((double)s->M * (double)s->N);
    if (s->variance > 0 || !(mean_square > 0)) return s->variance;
    if (least(s) < SPECTRUM_FEWEST) return mean_square;
    double (*excess)(const struct spectrum_sample *, size_t, double) = knows_all(s) ? bulk_excess : norm_excess;
    double low = log(none * mean_square), high = log(2 * mean_square);
    if (excess(s, k, exp(low)) <= 0) return 0;
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = 0.5 * (low + high);
        if (excess(s, k, exp(middle)) > 0)
            low = middle;
        else
            high = middle;
    }
    return exp(0.5 * (low + high));
}

double spectrum_fit_error(const struct spectrum_sample *s, double variance)
{
    double entries = (double)s->M * (double)s->N, kurtosis = fmax(-2, s->kurtosis);
    if (s->variance > 0) return 0;
    /* The slope of (TW7) in log v is sqrt(MN)/2, whatever the shape. */
    double part = knows_all(s) && least(s) >= SPECTRUM_FEWEST ? 4 * (SUM_VARIANCE + SUM_VARIANCE_KURTOSIS * kurtosis) : 2 + kurtosis;
    return variance * sqrt(part / entries);
}

/* ---- the largest singular value of the rest ---- */

/* z^2 = v (centre + scale T) of (TW4); T = shift + mean + stretch (T_1 - mean) with T_1 of law F_1 (TW6). */
struct largest {
    double centre, scale, shift, stretch;
};

static struct largest law_of(const struct spectrum_sample *s, size_t k)
{
    double M = (double)(s->M - k), N = (double)(s->N - k), m = sqrt(M - 0.5), n = sqrt(N - 0.5), kurtosis = spectrum_fit_kurtosis(s);
    struct largest l = {.centre = (m + n) * (m + n), .scale = (m + n) * cbrt(1 / m + 1 / n)};
    double q = l.centre * l.centre / (l.scale * l.scale * M * N);
    double more = s->variance > 0 ? kurtosis * q : knows_all(s) ? 0.25 * q : -2 * q; /* of the variance of T */
    static const double smallest = 0.1; /* of very small matrices, where q is of order 1: a variance must be positive */
    l.shift = sqrt(q) * kurtosis;
    l.stretch = sqrt(fmax(smallest, 1 + more / TW_VARIANCE));
    return l;
}

int spectrum_fit_level(const struct spectrum_sample *s, double variance, size_t k, double z, double *level, dmft_error *err)
{
    *level = 0;
    if (!(variance > 0)) return DMFT_OK;
    struct largest l = law_of(s, k);
    double T = (z * z / variance - l.centre) / l.scale - l.shift;
    return dmft_tracy_widom(TW_MEAN + (T - TW_MEAN) / l.stretch, level, err);
}

double spectrum_fit_threshold(const struct spectrum_sample *s, double variance, size_t k, double quantile)
{
    struct largest l = law_of(s, k);
    return sqrt(fmax(0, variance * (l.centre + l.scale * (l.shift + TW_MEAN + l.stretch * (quantile - TW_MEAN)))));
}

/* ---- how many ---- */

/* Does the value behind k outliers stand out? */
static int stands_out(const struct spectrum_sample *s, size_t k, double quantile)
{
    return s->z[k] > spectrum_fit_threshold(s, spectrum_fit_variance(s, k), k, quantile);
}

/* The first j > k outliers of which the j-th stands out; k when there is none within sight. */
static size_t next_outlier(const struct spectrum_sample *s, size_t k, size_t most, double quantile)
{
    size_t sight = least(s) / LOOK_PART;
    sight = sight < 1 ? 1 : sight > LOOK_AHEAD ? LOOK_AHEAD : sight;
    for (size_t j = k + 1; j <= k + sight && j <= most; j++)
        if (stands_out(s, j - 1, quantile)) return j;
    return k;
}

/* Nothing is left for a bulk: all that is not 0 sticks out. */
static size_t count_positive(const struct spectrum_sample *s)
{
    size_t count = 0;
    while (count < s->count && s->z[count] > 0) count++;
    return count;
}

int spectrum_fit_find(const struct spectrum_sample *s, double level, struct spectrum_fit *out, dmft_error *err)
{
    double quantile;
    int status = dmft_tracy_widom_quantile(level, &quantile, err);
    if (status != DMFT_OK) return status;
    size_t k = 0, next, most = least(s) / MOST_PART;
    if (most < 1) most = 1;
    if (s->count < most) most = s->count;
    int tested = s->variance > 0 || least(s) >= SPECTRUM_FEWEST;
    if (tested)
        while ((next = next_outlier(s, k, most, quantile)) > k) k = next;
    double variance = spectrum_fit_variance(s, k);
    if (tested && !(variance > 0)) k = count_positive(s);
    *out = (struct spectrum_fit){.outliers = k, .variance = variance, .tested = tested, .quantile = quantile};
    return DMFT_OK;
}
