/* Spectra of any weights: section 35 of doc/theory.md. The Tracy-Widom law against Painleve's equation and published numbers, the Marchenko-Pastur law against
 * quadrature, and then matrices drawn here: how often pure noise has an outlier, where spikes come out, what the fit says of the variance.
 *
 * DMFT_TEST_LONG=1 (make spectrum-null): the false-positive rate over 1000 matrices a case, and powers, as tables.
 */
#include <check.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_odeiv2.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sf_airy.h>
#include <hdf5.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocation.h"
#include "dmft.h"
#include "io/matrix.h"
#include "spectrum/fit.h"
#include "spectrum/marchenko_pastur.h"
#include "folder.h"
#include "suites.h"

static const double pi = 3.14159265358979323846;

static int is_long(void) { return getenv("DMFT_TEST_LONG") != NULL; }

/* DMFT_TEST_SHRINK divides the number of matrices, for valgrind; bounds and standard errors go with it. */
static size_t shrunk(size_t count)
{
    const char *text = getenv("DMFT_TEST_SHRINK");
    size_t part = text != NULL ? (size_t)strtoul(text, NULL, 10) : 1;
    return part > 1 && count > 2 * part ? count / part : part > 1 && count > 2 ? 2 : count;
}

/* ---- the Tracy-Widom law ---- */

static double tail_at(double s)
{
    double tail;
    ck_assert_int_eq(dmft_tracy_widom(s, &tail, NULL), DMFT_OK);
    return tail;
}

static double quantile_of(double tail)
{
    double s;
    ck_assert_int_eq(dmft_tracy_widom_quantile(tail, &s, NULL), DMFT_OK);
    return s;
}

/* Percentiles of F_1 as tables print them, four digits. */
START_TEST(published_quantiles)
{
    static const double table[][2] = {{0.99, -3.8954}, {0.95, -3.1804}, {0.90, -2.7824}, {0.70, -1.9104}, {0.50, -1.2686},
                                      {0.30, -0.5923}, {0.10, 0.4501},  {0.05, 0.9793},  {0.01, 2.0234}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) ck_assert_double_eq_tol(quantile_of(table[i][0]), table[i][1], 6e-5);
}
END_TEST

/* Mean and variance, integrated by parts: E s = int (tail - [s < 0]) ds, E s^2 = 2 int s (tail - [s < 0]) ds. */
START_TEST(published_moments)
{
    double mean = 0, square = 0, h = 0.025;
    for (int i = -560; i < 560; i++) {
        double s = (i + 0.5) * h, part = tail_at(s) - (s < 0);
        mean += h * part;
        square += h * 2 * s * part;
    }
    square -= h * h / 24 * 2; /* the midpoint rule, where the slope of 2 s (tail - [s < 0]) jumps by 2 */
    printf("Tracy-Widom: mean %.10f, variance %.10f\n", mean, square - mean * mean);
    ck_assert_double_eq_tol(mean, -1.2065335745820, 1e-9);
    ck_assert_double_eq_tol(square - mean * mean, 1.6077810345810, 1e-9);
}
END_TEST

/* y = q, q', log F_1 = -(1/2) int_s (q + (x - s) q^2) dx by its derivatives: y[2] = int q, y[3] = int q^2, y[4] = int (x - s) q^2. */
static int painleve(double s, const double *y, double *dy, void *context)
{
    (void)context;
    dy[0] = y[1];
    dy[1] = s * y[0] + 2 * y[0] * y[0] * y[0];
    dy[2] = -y[0];
    dy[3] = -y[0] * y[0];
    dy[4] = -y[3];
    return 0;
}

START_TEST(determinant_obeys_painleve)
{
    double s = 8, y[5] = {gsl_sf_airy_Ai(s, GSL_PREC_DOUBLE), gsl_sf_airy_Ai_deriv(s, GSL_PREC_DOUBLE), 0, 0, 0}, worst = 0;
    for (double x = 8; x < 30; x += 1e-3) { /* what is beyond s = 8 */
        double a = gsl_sf_airy_Ai(x + 5e-4, GSL_PREC_DOUBLE);
        y[2] += 1e-3 * a;
        y[3] += 1e-3 * a * a;
        y[4] += 1e-3 * (x + 5e-4 - 8) * a * a;
    }
    gsl_odeiv2_system system = {painleve, NULL, 5, NULL};
    gsl_odeiv2_driver *d = gsl_odeiv2_driver_alloc_y_new(&system, gsl_odeiv2_step_rk8pd, -1e-3, 1e-16, 1e-13);
    for (double to = 7.5; to >= -4; to -= 0.5) {
        ck_assert_int_eq(gsl_odeiv2_driver_apply(d, &s, to, y), 0);
        double expected = -expm1(-0.5 * (y[2] + y[4]));
        worst = fmax(worst, fabs(tail_at(to) / expected - 1));
    }
    gsl_odeiv2_driver_free(d);
    printf("Tracy-Widom against Painleve II, s = -4 .. 7.5: largest relative difference of the tail %.2g\n", worst);
    ck_assert_double_le(worst, 1e-6);
}
END_TEST

START_TEST(far_tails_of_tracy_widom)
{
    /* 1 - F_1 ~ exp(-(2/3) s^{3/2})/(4 sqrt(pi) s^{3/4}), from the trace of the kernel: int_s Ai/2 */
    for (double s = 20; s < 90; s += 10) {
        double leading = exp(-2.0 / 3 * pow(s, 1.5)) / (4 * sqrt(pi) * pow(s, 0.75));
        ck_assert_double_eq_tol(tail_at(s) / leading, 1, 1.1 / pow(s, 1.5) + 1e-9);
    }
    ck_assert(tail_at(1e6) == 0 && tail_at(INFINITY) == 0 && tail_at(-1e6) == 1 && tail_at(-12) <= 1 && tail_at(-12) > 1 - 1e-15);
    for (double level = 1e-2; level > 1e-250; level *= 1e-20) ck_assert_double_eq_tol(tail_at(quantile_of(level)) / level, 1, 1e-9);
    double x = 7;
    ck_assert_int_eq(dmft_tracy_widom(NAN, &x, NULL), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_tracy_widom_quantile(0, &x, NULL), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_tracy_widom_quantile(1, &x, NULL), DMFT_ERROR_ARGUMENT);
    ck_assert(x == 7);
}
END_TEST

/* ---- the Marchenko-Pastur law ---- */

START_TEST(law_is_the_integral_of_its_density)
{
    static const double shape[][2] = {{100, 100}, {50, 200}, {300, 30}, {1, 5000}, {3, 1e11}};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        double M = shape[i][0], N = shape[i][1], v = 0.7, sum = 0;
        enum { STEPS = 20000 };
        for (int k = 0; k < STEPS; k++) { /* in the angle, where all is smooth */
            double theta = pi * (k + 0.5) / STEPS, z = sqrt(v * (M + N + 2 * sqrt(M * N) * cos(theta)));
            sum += spectrum_mp_density(z, v, M, N) * v * sqrt(M * N) * sin(theta) / z * pi / STEPS;
            double above = spectrum_mp_above(cos(theta + 0.5 * pi / STEPS), M, N);
            ck_assert_double_eq_tol(above, sum, 3e-6);
        }
        ck_assert_double_eq_tol(sum, 1, 1e-6);
        ck_assert(spectrum_mp_above(1, M, N) == 0 && spectrum_mp_above(-1, M, N) == 1 && spectrum_mp_density(1e9, v, 9, 9) == 0);
    }
}
END_TEST

/* ---- matrices ---- */

enum kind { GAUSSIAN, UNIFORM, SIGNS, LAPLACE, STUDENT, KINDS };
static const char *const kind_name[] = {"Gaussian", "uniform", "signs", "Laplace", "Student 5"};
static const double kind_kurtosis[] = {0, -1.2, -2, 3, 6};

static double draw(gsl_rng *r, enum kind kind)
{
    switch (kind) {
    case GAUSSIAN: return gsl_ran_gaussian_ziggurat(r, 1);
    case UNIFORM: return sqrt(3) * gsl_ran_flat(r, -1, 1);
    case SIGNS: return gsl_rng_uniform(r) < 0.5 ? -1 : 1;
    case LAPLACE: return gsl_ran_laplace(r, sqrt(0.5));
    default: return gsl_ran_tdist(r, 5) * sqrt(3.0 / 5);
    }
}

static gsl_rng *generator(unsigned long seed)
{
    gsl_rng *r = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(r, seed);
    return r;
}

static void fill(gsl_rng *r, enum kind kind, double deviation, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) out[i] = deviation * draw(r, kind);
}

static dmft_spectrum *spectrum_of(const double *W, size_t M, size_t N, dmft_spectrum_options how)
{
    dmft_spectrum *s = NULL;
    dmft_error err = {.text = ""};
    int status = dmft_spectrum_create(&s, W, M, N, &how, &err);
    ck_assert_msg(status == DMFT_OK, "%zu x %zu: %s", M, N, err.text);
    return s;
}

/* ---- pure noise ---- */

struct null_case {
    size_t M, N;
    enum kind kind;
};

enum way { GIVEN, FITTED, NORM, WAYS };
static const char *const way_name[] = {"given", "fitted", "fitted to the norm (--top)"};

static dmft_spectrum_options options_of(enum way way, double level)
{
    return (dmft_spectrum_options){.variance = way == GIVEN ? 1 : 0, .level = level, .top = way == NORM ? 3 : 0, .quick = 1};
}

/* Matrices of noise that have an outlier, of `count`. */
static size_t false_positives(struct null_case c, enum way way, double level, size_t count, gsl_rng *r)
{
    double *W = malloc(c.M * c.N * sizeof *W);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        fill(r, c.kind, 1, c.M * c.N, W);
        dmft_spectrum *s = spectrum_of(W, c.M, c.N, options_of(way, level));
        found += dmft_spectrum_summarize(s).outliers > 0;
        dmft_spectrum_free(s);
    }
    free(W);
    return found;
}

/* Levels 1e-4 on either side of a binomial number. */
static void binomial_bounds(size_t count, double rate, unsigned bounds[2])
{
    bounds[0] = bounds[1] = 0;
    while (gsl_cdf_binomial_P(bounds[0], rate, (unsigned)count) < 1e-4) bounds[0]++;
    while (gsl_cdf_binomial_Q(bounds[1], rate, (unsigned)count) > 1e-4) bounds[1]++;
}

static const struct null_case null_cases[] = {{60, 60, GAUSSIAN}, {80, 20, GAUSSIAN}, {15, 150, GAUSSIAN}, {60, 60, UNIFORM}, {80, 20, SIGNS}, {60, 60, LAPLACE}};
enum { NULL_CASES = sizeof null_cases / sizeof *null_cases };

/* A rate of 0.05, with bounds that a right rate leaves in one of 5000 cases, and a finite-size allowance of a fifth of the rate. */
static void check_nulls(enum way way)
{
    const double level = 0.05;
    size_t total = 0, count = shrunk(100);
    unsigned low[2], high[2];
    gsl_rng *r = generator(100 + (unsigned long)way);
    for (size_t i = 0; i < NULL_CASES; i++) {
        struct null_case c = null_cases[i];
        if (way == NORM && (c.M < 65 || c.N < 65)) c.M = c.N = 66;
        size_t found = false_positives(c, way, level, count, r);
        binomial_bounds(count, 0.8 * level, low);
        binomial_bounds(count, 1.2 * level, high);
        printf("noise, %zu x %zu, %s, variance %s: %zu of %zu have an outlier at level %g (allowed %u to %u)\n", c.M, c.N, kind_name[c.kind], way_name[way], found,
               count, level, low[0], high[1]);
        ck_assert(found >= low[0] && found <= high[1]);
        total += found;
    }
    gsl_rng_free(r);
    binomial_bounds(NULL_CASES * count, 0.8 * level, low);
    binomial_bounds(NULL_CASES * count, 1.2 * level, high);
    printf("noise, variance %s: %zu of %zu in all (allowed %u to %u)\n", way_name[way], total, NULL_CASES * count, low[0], high[1]);
    ck_assert(total >= low[0] && total <= high[1]);
}

START_TEST(noise_with_variance_given) { check_nulls(GIVEN); }
END_TEST

START_TEST(noise_with_variance_fitted) { check_nulls(FITTED); }
END_TEST

START_TEST(noise_with_variance_from_the_norm) { check_nulls(NORM); }
END_TEST

/* The table of section 35: 1000 matrices a case. */
START_TEST(noise_at_length)
{
    static const struct null_case cases[] = {{100, 100, GAUSSIAN}, {200, 50, GAUSSIAN}, {30, 300, GAUSSIAN}, {20, 20, GAUSSIAN}, {300, 300, GAUSSIAN},
                                             {100, 100, UNIFORM},  {100, 100, SIGNS},   {30, 300, UNIFORM},  {200, 50, LAPLACE}, {100, 100, LAPLACE},
                                             {300, 300, LAPLACE},  {100, 100, STUDENT}};
    enum { COUNT = 1000 };
    const double level = 0.01;
    unsigned bounds[2], heavy[2];
    if (!is_long()) return;
    gsl_rng *r = generator(7);
    binomial_bounds(COUNT, level, bounds);
    binomial_bounds(COUNT, 2 * level, heavy); /* allowed where the kurtosis is above 1: twice the level */
    printf("| matrix | entries | given | fitted | to the norm |\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        printf("| %zu x %zu | %s |", cases[i].M, cases[i].N, kind_name[cases[i].kind]);
        for (int way = 0; way < WAYS; way++) {
            if (way == NORM && (cases[i].M <= 64 || cases[i].N <= 64)) continue;
            size_t found = false_positives(cases[i], (enum way)way, level, COUNT, r);
            printf(" %.4f |", (double)found / COUNT);
            if (cases[i].kind == STUDENT) continue; /* no eighth moment: shown, not held */
            ck_assert(found >= bounds[0] * (kind_kurtosis[cases[i].kind] < 1) && found <= (kind_kurtosis[cases[i].kind] < 1 ? bounds[1] : heavy[1]));
        }
        printf("\n");
    }
    printf("standard error %.4f; allowed %u to %u of 1000, up to %u where the kurtosis is 3\n", sqrt(level / COUNT), bounds[0], bounds[1], heavy[1]);
    gsl_rng_free(r);
}
END_TEST

/* ---- what the fit says of the variance ---- */

struct moments {
    double sum, square;
    size_t n;
};

static void add(struct moments *m, double x)
{
    m->sum += x;
    m->square += x * x;
    m->n++;
}

static double mean_of(const struct moments *m) { return m->sum / (double)m->n; }
static double deviation_of(const struct moments *m)
{
    double mean = mean_of(m);
    return sqrt((m->square / (double)m->n - mean * mean) * (double)m->n / ((double)m->n - 1));
}
static double error_of(const struct moments *m) { return deviation_of(m) / sqrt((double)m->n); }

/* The mean over matrices within 4 standard errors and 1/(MN) of the truth, their scatter as stated within 4 standard errors of a deviation. */
START_TEST(variance_is_that_of_the_entries)
{
    static const struct null_case cases[] = {{40, 60, GAUSSIAN}, {80, 120, GAUSSIAN}, {90, 30, UNIFORM}, {70, 70, LAPLACE}};
    const size_t count = shrunk(80);
    gsl_rng *r = generator(11);
    double W[120 * 120];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int way = FITTED; way <= NORM; way++) {
            struct null_case c = cases[i];
            struct moments v = {0}, stated = {0};
            if (way == NORM && (c.M <= 64 || c.N <= 64)) c.M = c.N = 70;
            for (size_t k = 0; k < count; k++) {
                fill(r, c.kind, 2, c.M * c.N, W);
                dmft_spectrum *s = spectrum_of(W, c.M, c.N, options_of((enum way)way, 0.01));
                add(&v, dmft_spectrum_summarize(s).variance / 4);
                add(&stated, dmft_spectrum_summarize(s).variance_se / 4);
                dmft_spectrum_free(s);
            }
            printf("variance %s, %zu x %zu, %s: mean %.5f(%.5f), scatter %.5f, stated %.5f\n", way_name[way], c.M, c.N, kind_name[c.kind], mean_of(&v), error_of(&v),
                   deviation_of(&v), mean_of(&stated));
            ck_assert_double_le(fabs(mean_of(&v) - 1), 4 * error_of(&v) + 10.0 / (double)(c.M * c.N));
            ck_assert_double_le(fabs(deviation_of(&v) / mean_of(&stated) - 1), 4 * sqrt((2 + fmax(0, kind_kurtosis[c.kind])) / (4.0 * (double)count)));
        }
    gsl_rng_free(r);
}
END_TEST

/* ---- spikes ---- */

/* Independent unit vectors: K rows of n, orthogonalised. */
static void random_frame(gsl_rng *r, size_t K, size_t n, double *out)
{
    for (size_t k = 0; k < K; k++) {
        double *x = out + k * n, norm = 0;
        fill(r, GAUSSIAN, 1, n, x);
        for (size_t j = 0; j < k; j++) {
            double part = 0;
            for (size_t i = 0; i < n; i++) part += x[i] * out[j * n + i];
            for (size_t i = 0; i < n; i++) x[i] -= part * out[j * n + i];
        }
        for (size_t i = 0; i < n; i++) norm += x[i] * x[i];
        for (size_t i = 0; i < n; i++) x[i] /= sqrt(norm);
    }
}

struct spiked {
    size_t M, N, K;
    double *W, *u, *v;
};

static struct spiked make_spiked(size_t M, size_t N, size_t K)
{
    return (struct spiked){M, N, K, malloc(M * N * sizeof(double)), malloc(K * M * sizeof(double)), malloc(K * N * sizeof(double))};
}

static void free_spiked(struct spiked *s)
{
    free(s->W);
    free(s->u);
    free(s->v);
}

/* Noise of variance 1 with K spikes of strength theta^2 = c sqrt(MN). */
static void draw_spiked(struct spiked *s, const double *c, gsl_rng *r)
{
    fill(r, GAUSSIAN, 1, s->M * s->N, s->W);
    random_frame(r, s->K, s->M, s->u);
    random_frame(r, s->K, s->N, s->v);
    for (size_t k = 0; k < s->K; k++) {
        double theta = sqrt(c[k] * sqrt((double)s->M * (double)s->N));
        for (size_t i = 0; i < s->M; i++)
            for (size_t j = 0; j < s->N; j++) s->W[i * s->N + j] += theta * s->u[k * s->M + i] * s->v[k * s->N + j];
    }
}

static double squared_cosine(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum * sum;
}

static void check_mean(const char *what, const struct spiked *s, double c, const struct moments *m, double expected, double allowance)
{
    printf("spike c = %g in %zu x %zu: %s %.4f(%.4f), theory %.4f\n", c, s->M, s->N, what, mean_of(m), error_of(m), expected);
    ck_assert_double_le(fabs(mean_of(m) - expected), 4 * error_of(m) + allowance);
}

/* Where a spike comes out and how it is aligned, against (TW3), at two sizes; what the library infers from the singular value alone. Allowances of order 1/n. */
static void check_spike(size_t M, size_t N, double c, size_t count, gsl_rng *r)
{
    struct spiked s = make_spiked(M, N, 1);
    struct moments z = {0}, left = {0}, right = {0}, strength = {0}, told = {0}, variance = {0};
    double root = sqrt((double)M * (double)N), ratio = sqrt((double)M / (double)N), small = 6 / sqrt(root) / sqrt(root);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        draw_spiked(&s, &c, r);
        dmft_spectrum *a = spectrum_of(s.W, M, N, (dmft_spectrum_options){.vectors = 1, .quick = 1});
        found += dmft_spectrum_summarize(a).outliers == 1;
        add(&z, dmft_spectrum_values(a)[0] / sqrt(root));
        add(&variance, dmft_spectrum_summarize(a).variance);
        add(&left, squared_cosine(dmft_spectrum_left(a, 0), s.u, M));
        add(&right, squared_cosine(dmft_spectrum_right(a, 0), s.v, N));
        if (dmft_spectrum_summarize(a).outliers > 0) {
            add(&strength, dmft_spectrum_outlier_at(a, 0).strength / sqrt(root));
            add(&told, dmft_spectrum_outlier_at(a, 0).left);
        }
        dmft_spectrum_free(a);
    }
    printf("spike c = %g in %zu x %zu: found in %zu of %zu\n", c, M, N, found, count);
    ck_assert_uint_ge(found + 1 + count / 30, count); /* each is above the threshold by several deviations; a second outlier is noise, at the level 0.01 */
    check_mean("z", &s, c, &z, sqrt(c + 1 / c + ratio + 1 / ratio), small / 2);
    check_mean("left cos^2", &s, c, &left, (c * c - 1) / (c * (c + ratio)), small);
    check_mean("right cos^2", &s, c, &right, (c * c - 1) / (c * (c + 1 / ratio)), small);
    check_mean("strength told", &s, c, &strength, sqrt(c), small);
    check_mean("left cos^2 told", &s, c, &told, (c * c - 1) / (c * (c + ratio)), small);
    check_mean("variance told", &s, c, &variance, 1, 10 / (root * root));
    free_spiked(&s);
}

START_TEST(spikes_are_where_theory_puts_them)
{
    gsl_rng *r = generator(13);
    check_spike(60, 90, 4, is_long() ? 400 : shrunk(40), r);
    check_spike(120, 180, 4, is_long() ? 400 : shrunk(25), r);
    check_spike(200, 50, 4, is_long() ? 400 : shrunk(25), r);
    gsl_rng_free(r);
}
END_TEST

static double power_of(size_t M, size_t N, double c, enum way way, size_t count, gsl_rng *r)
{
    struct spiked s = make_spiked(M, N, 1);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        draw_spiked(&s, &c, r);
        dmft_spectrum *a = spectrum_of(s.W, M, N, options_of(way, 0.01));
        found += dmft_spectrum_summarize(a).outliers > 0;
        dmft_spectrum_free(a);
    }
    free_spiked(&s);
    return (double)found / (double)count;
}

/* Below the critical strength c = 1 a spike is not seen, well above it is: the change takes place around the c whose outlier is at the threshold. */
START_TEST(power_rises_through_the_critical_strength)
{
    gsl_rng *r = generator(17);
    size_t count = is_long() ? 400 : shrunk(50);
    if (is_long()) {
        static const double c[] = {0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5};
        printf("| c | 100 x 100 given | fitted | 200 x 200 given | fitted |\n");
        for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
            printf("| %.1f |", c[i]);
            for (size_t n = 100; n <= 200; n += 100)
                for (int way = GIVEN; way <= FITTED; way++) printf(" %.3f |", power_of(n, n, c[i], (enum way)way, count, r));
            printf("\n");
        }
    }
    double below = power_of(60, 60, 0.6, FITTED, count, r), above = power_of(60, 60, 3.5, FITTED, count, r);
    printf("power at 60 x 60: %.3f at c = 0.6, %.3f at c = 3.5, of %zu matrices each\n", below, above, count);
    ck_assert_double_le(below, 0.12); /* 0.01 and a little: 6 of 50 have a probability below 1e-5 at 0.02 */
    ck_assert_double_ge(above, 0.9);
    gsl_rng_free(r);
}
END_TEST

/* Eight spikes in matrices of noise: found all, and the variance is as without them. */
START_TEST(spikes_leave_the_variance_alone)
{
    enum { K = 8 };
    const size_t count = shrunk(25);
    gsl_rng *r = generator(19);
    struct spiked s = make_spiked(100, 80, K);
    for (int way = FITTED; way <= NORM; way++) {
        struct moments variance = {0}, found = {0};
        double c[K];
        for (size_t k = 0; k < K; k++) c[k] = 4 + 0.5 * (double)k;
        for (size_t i = 0; i < count; i++) {
            draw_spiked(&s, c, r);
            dmft_spectrum_options how = {.top = way == NORM ? K + 2 : 0, .quick = 1};
            dmft_spectrum *a = spectrum_of(s.W, s.M, s.N, how);
            dmft_spectrum_summary m = dmft_spectrum_summarize(a);
            add(&found, (double)m.outliers);
            add(&variance, m.variance);
            dmft_spectrum_free(a);
        }
        printf("eight spikes, variance %s: %.2f(%.2f) found, variance %.4f(%.4f)\n", way_name[way], mean_of(&found), error_of(&found), mean_of(&variance),
               error_of(&variance));
        ck_assert_double_eq_tol(mean_of(&found), K, 0.2);
        ck_assert_double_le(fabs(mean_of(&variance) - 1), 4 * error_of(&variance) + 0.01); /* spikes that push each other: of order K^2/(MN) */
    }
    free_spiked(&s);
    gsl_rng_free(r);
}
END_TEST

/* A bulk at its quantiles, with what eight equal spikes take off it, and their outliers, which together raise the fitted variance so far that the first of
 * them is none by itself. */
START_TEST(outliers_do_not_hide_each_other)
{
    enum { n = 100, K = 8 };
    double z[n], theta = 0, M = n, c = 1.7;
    for (size_t i = 0; i < K; i++) z[i] = sqrt(M * (c + 1 / c) + 2 * M);
    for (size_t i = K; i < n; i++) {
        while (M * spectrum_mp_above(cos(theta), M, M) - K / pi * (theta + atan2(sin(theta), c - cos(theta))) < (double)(i - K) + 0.5) theta += 1e-5;
        z[i] = sqrt(M * (2 + 2 * cos(theta)));
    }
    struct spectrum_sample s = {.M = n, .N = n, .count = n, .z = z};
    struct spectrum_fit fit;
    double hidden, level;
    for (size_t i = 0; i < n; i++) s.norm2 += z[i] * z[i];
    ck_assert_int_eq(spectrum_fit_level(&s, spectrum_fit_variance(&s, 0), 0, z[0], &hidden, NULL), DMFT_OK);
    ck_assert_int_eq(spectrum_fit_find(&s, 0.01, &fit, NULL), DMFT_OK);
    ck_assert_int_eq(spectrum_fit_level(&s, fit.variance, 0, z[0], &level, NULL), DMFT_OK);
    printf("eight equal outliers: level %.2g with the variance of all, %zu found, level %.2g, variance %.4f\n", hidden, fit.outliers, level, fit.variance);
    ck_assert_double_gt(hidden, 0.01);
    ck_assert_uint_eq(fit.outliers, K);
    ck_assert_double_lt(level, 0.01);
    ck_assert_double_eq_tol(fit.variance, 1, 0.01);
}
END_TEST

/* ---- goodness of fit ---- */

/* Levels of noise are those of a uniform number: few below 0.1, small and large (where the null law is scaled). */
START_TEST(levels_of_fit_are_uniform)
{
    static const struct null_case cases[] = {{30, 40, GAUSSIAN}, {24, 96, LAPLACE}, {260, 220, GAUSSIAN}};
    gsl_rng *r = generator(23);
    double *W = malloc(260 * 220 * sizeof *W);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = cases[i].M > 100 ? is_long() ? 100 : 2 : is_long() ? 400 : shrunk(25), low = 0;
        struct moments level = {0};
        for (size_t k = 0; k < count; k++) {
            fill(r, cases[i].kind, 1, cases[i].M * cases[i].N, W);
            dmft_spectrum *s = spectrum_of(W, cases[i].M, cases[i].N, (dmft_spectrum_options){0});
            double here = dmft_spectrum_summarize(s).distance_level;
            add(&level, here);
            low += here <= 0.1;
            dmft_spectrum_free(s);
        }
        unsigned bounds[2];
        binomial_bounds(count, 0.13, bounds);
        printf("fit of noise, %zu x %zu, %s: mean level %.3f(%.3f), %zu of %zu at most 0.1 (allowed %u)\n", cases[i].M, cases[i].N, kind_name[cases[i].kind],
               mean_of(&level), error_of(&level), low, count, bounds[1]);
        ck_assert_uint_le(low, bounds[1]);
        ck_assert_double_le(fabs(mean_of(&level) - 0.5), 4 * sqrt(1 / (12.0 * (double)count)) + 0.05);
    }
    free(W);
    gsl_rng_free(r);
}
END_TEST

/* Spikes change the bulk's law by order 1/n, which the distance knows of: eight of them do not make a bulk another. */
START_TEST(bulks_with_spikes_fit)
{
    enum { K = 8 };
    const size_t count = shrunk(20);
    gsl_rng *r = generator(27);
    struct spiked a = make_spiked(60, 90, K);
    struct moments level = {0};
    double c[K];
    for (size_t k = 0; k < K; k++) c[k] = 3 + 0.5 * (double)k;
    for (size_t i = 0; i < count; i++) {
        draw_spiked(&a, c, r);
        dmft_spectrum *s = spectrum_of(a.W, a.M, a.N, (dmft_spectrum_options){0});
        add(&level, dmft_spectrum_summarize(s).distance_level);
        dmft_spectrum_free(s);
    }
    printf("fit of noise with eight spikes: mean level %.3f(%.3f)\n", mean_of(&level), error_of(&level));
    ck_assert_double_le(fabs(mean_of(&level) - 0.5), 4 / sqrt(12.0 * (double)count) + 0.05);
    free_spiked(&a);
    gsl_rng_free(r);
}
END_TEST

/* Columns of unequal scale: no bulk of one variance. */
START_TEST(other_bulks_are_told)
{
    enum { M = 80, N = 60 };
    double W[M * N];
    gsl_rng *r = generator(29);
    fill(r, GAUSSIAN, 1, M * N, W);
    for (size_t i = 0; i < M * N; i++) W[i] *= 0.5 + (double)(i % N) / N;
    dmft_spectrum *s = spectrum_of(W, M, N, (dmft_spectrum_options){0});
    dmft_spectrum_summary m = dmft_spectrum_summarize(s);
    printf("columns of unequal scale: distance %.3f, of noise below %.3f, level %g\n", m.distance, m.distance_null, m.distance_level);
    ck_assert_double_le(m.distance_level, 0.0025);
    ck_assert_double_gt(m.distance, m.distance_null);
    dmft_spectrum_free(s);
    gsl_rng_free(r);
}
END_TEST

/* ---- matrices of their own kind ---- */

START_TEST(zeros_and_rank_one)
{
    enum { M = 20, N = 30 };
    double W[M * N] = {0};
    dmft_spectrum *s = spectrum_of(W, M, N, (dmft_spectrum_options){.vectors = 2});
    dmft_spectrum_summary m = dmft_spectrum_summarize(s);
    ck_assert(m.outliers == 0 && m.variance == 0 && m.edges[1] == 0 && m.count == M && dmft_spectrum_values(s)[0] == 0 && isnan(m.distance));
    dmft_spectrum_free(s);
    for (size_t i = 0; i < M * N; i++) W[i] = -0.3;
    for (size_t top = 0; top < 3; top += 2) {
        s = spectrum_of(W, M, N, (dmft_spectrum_options){.vectors = 2, .top = top});
        m = dmft_spectrum_summarize(s);
        dmft_spectrum_outlier o = dmft_spectrum_outlier_at(s, 0);
        ck_assert(m.outliers == 1 && m.variance == 0 && o.level == 0 && o.left == 1 && o.right == 1);
        ck_assert_double_eq_tol(o.z, 0.3 * sqrt(M * N), 1e-13 * o.z);
        ck_assert_double_eq_tol(squared_cosine(dmft_spectrum_left(s, 0), W, M), M * 0.09, 1e-12);
        ck_assert(isnan(dmft_spectrum_outlier_at(s, 1).z) && dmft_spectrum_left(s, 2) == NULL && dmft_spectrum_density(s, 1) == 0);
        dmft_spectrum_free(s);
    }
}
END_TEST

START_TEST(thin_matrices)
{
    double W[50];
    gsl_rng *r = generator(31);
    fill(r, GAUSSIAN, 1, 50, W);
    dmft_spectrum *s = spectrum_of(W, 1, 50, (dmft_spectrum_options){0});
    dmft_spectrum_summary m = dmft_spectrum_summarize(s);
    double norm = 0;
    for (size_t i = 0; i < 50; i++) norm += W[i] * W[i];
    ck_assert(m.count == 1 && m.outliers == 0 && isnan(m.threshold));
    ck_assert_double_eq_tol(m.variance, norm / 50, 1e-13);
    ck_assert_double_eq_tol(dmft_spectrum_values(s)[0], sqrt(norm), 1e-13);
    dmft_spectrum_free(s);
    s = spectrum_of(W, 50, 1, (dmft_spectrum_options){.variance = 1});
    ck_assert(dmft_spectrum_summarize(s).outliers == 0 && dmft_spectrum_summarize(s).threshold > 8);
    dmft_spectrum_free(s);
    s = spectrum_of(W, 1, 50, (dmft_spectrum_options){.variance = 0.1}); /* a norm^2 of 500 where chi^2 has 50 */
    ck_assert(dmft_spectrum_summarize(s).outliers == 1 && dmft_spectrum_outlier_at(s, 0).level < 1e-12);
    dmft_spectrum_free(s);
    gsl_rng_free(r);
}
END_TEST

/* A single entry, or one large row, is an outlier too, and told as such. */
START_TEST(outliers_that_are_a_place)
{
    enum { M = 60, N = 80 };
    double W[M * N];
    gsl_rng *r = generator(47);
    fill(r, GAUSSIAN, 1, M * N, W);
    W[7 * N + 11] = 40;
    for (size_t j = 0; j < N; j++) W[20 * N + j] *= 3;
    dmft_spectrum *s = spectrum_of(W, M, N, (dmft_spectrum_options){.quick = 1});
    ck_assert_uint_eq(dmft_spectrum_summarize(s).outliers, 2);
    dmft_spectrum_outlier entry = dmft_spectrum_outlier_at(s, 0), row = dmft_spectrum_outlier_at(s, 1);
    printf("one entry: %.3f of a row, %.3f of a column; one row: %.3f, %.3f\n", entry.row, entry.column, row.row, row.column);
    ck_assert(entry.row > 0.9 && entry.column > 0.9 && row.row > 0.7 && row.column < 0.2);
    dmft_spectrum_free(s);
    gsl_rng_free(r);
}
END_TEST

/* Dead rows and columns are no part of a bulk, units are the caller's, and transposing exchanges left and right. */
START_TEST(invariances)
{
    enum { M = 40, N = 30, MORE = 46 };
    struct spiked a = make_spiked(M, N, 1);
    double c = 4, padded[MORE * N] = {0}, turned[N * M];
    gsl_rng *r = generator(37);
    draw_spiked(&a, &c, r);
    for (size_t i = 0; i < M; i++) memcpy(padded + (i < 10 ? i : i + 6) * N, a.W + i * N, N * sizeof *padded);
    for (size_t i = 0; i < M * N; i++) turned[i % N * M + i / N] = a.W[i];
    dmft_spectrum_options how = {.vectors = 1};
    dmft_spectrum *s = spectrum_of(a.W, M, N, how), *p = spectrum_of(padded, MORE, N, how), *t = spectrum_of(turned, N, M, how);
    dmft_spectrum_summary m = dmft_spectrum_summarize(s), mp = dmft_spectrum_summarize(p), mt = dmft_spectrum_summarize(t);
    ck_assert(mp.rows == M && mp.columns == N && mp.variance == m.variance && mp.distance == m.distance && m.outliers == 1);
    ck_assert(dmft_spectrum_left(p, 0)[10] == 0 && dmft_spectrum_left(p, 0)[16] == dmft_spectrum_left(s, 0)[10]);
    ck_assert_double_eq_tol(mt.variance, m.variance, 1e-11);
    ck_assert_double_eq_tol(dmft_spectrum_outlier_at(t, 0).right, dmft_spectrum_outlier_at(s, 0).left, 1e-11);
    ck_assert_double_eq_tol(mt.distance_level, m.distance_level, 1e-15);
    dmft_spectrum_free(p);
    dmft_spectrum_free(t);
    for (int sign = -1; sign <= 1; sign += 2) {
        double unit = ldexp(1, sign * 600);
        for (size_t i = 0; i < M * N; i++) turned[i] = unit * a.W[i];
        t = spectrum_of(turned, M, N, how);
        ck_assert(dmft_spectrum_values(t)[0] == unit * dmft_spectrum_values(s)[0] && dmft_spectrum_summarize(t).distance == m.distance);
        ck_assert(dmft_spectrum_outlier_at(t, 0).strength == unit * dmft_spectrum_outlier_at(s, 0).strength);
        dmft_spectrum_free(t);
    }
    dmft_spectrum_free(s);
    free_spiked(&a);
    gsl_rng_free(r);
}
END_TEST

/* The leading values and vectors alone are those of the whole. */
START_TEST(top_is_the_beginning_of_all)
{
    enum { M = 130, N = 90 };
    double c[2] = {6, 3}, left[16], right[16];
    gsl_rng *r = generator(41);
    struct spiked a = make_spiked(M, N, 2);
    draw_spiked(&a, c, r);
    dmft_spectrum *all = spectrum_of(a.W, M, N, (dmft_spectrum_options){.vectors = 4, .quick = 1});
    dmft_spectrum *top = spectrum_of(a.W, M, N, (dmft_spectrum_options){.vectors = 9, .top = 4});
    ck_assert(dmft_spectrum_summarize(top).count == 4 && dmft_spectrum_vectors(top) == 4 && isnan(dmft_spectrum_summarize(top).distance));
    ck_assert_uint_eq(dmft_spectrum_summarize(top).outliers, dmft_spectrum_summarize(all).outliers);
    for (size_t i = 0; i < 4; i++) ck_assert_double_eq_tol(dmft_spectrum_values(top)[i], dmft_spectrum_values(all)[i], 1e-7 * dmft_spectrum_values(all)[i]);
    ck_assert_int_eq(dmft_spectrum_overlap(all, top, 4, left, right, NULL), DMFT_OK);
    for (size_t i = 0; i < 16; i++) {
        ck_assert_double_eq_tol(left[i], i % 5 == 0, 1e-6);
        ck_assert_double_eq_tol(right[i], i % 5 == 0, 1e-6);
    }
    dmft_error err;
    ck_assert_int_eq(dmft_spectrum_overlap(all, top, 5, left, right, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "5 vectors"));
    dmft_spectrum *other = spectrum_of(a.W, N, M, (dmft_spectrum_options){.vectors = 4, .quick = 1});
    ck_assert_int_eq(dmft_spectrum_overlap(all, other, 4, left, right, &err), DMFT_ERROR_ARGUMENT);
    dmft_spectrum_free(other);
    dmft_spectrum_free(all);
    dmft_spectrum_free(top);
    free_spiked(&a);
    gsl_rng_free(r);
}
END_TEST

/* ---- errors ---- */

static void expect_refused(const double *W, size_t M, size_t N, dmft_spectrum_options how, const char *words)
{
    dmft_spectrum *s = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_spectrum_create(&s, W, M, N, &how, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_msg(strstr(err.text, words) != NULL, "'%s' is not in '%s'", words, err.text);
    ck_assert_ptr_null(s);
}

START_TEST(what_is_refused)
{
    double W[6] = {1, 2, 3, 4, NAN, 6};
    expect_refused(W, 2, 3, (dmft_spectrum_options){0}, "row 1, column 1 (from 0) is nan");
    W[4] = -INFINITY;
    expect_refused(W, 3, 2, (dmft_spectrum_options){0}, "row 2, column 0 (from 0) is infinite");
    W[4] = 5;
    expect_refused(W, 0, 3, (dmft_spectrum_options){0}, "0 x 3");
    expect_refused(W, 2, 3, (dmft_spectrum_options){.variance = -1}, "[0, inf), got -1");
    expect_refused(W, 2, 3, (dmft_spectrum_options){.variance = NAN}, "[0, inf)");
    expect_refused(W, 2, 3, (dmft_spectrum_options){.level = 0.7}, "[1e-12, 0.5], got 0.7");
    expect_refused(W, (size_t)1 << 31, 3, (dmft_spectrum_options){0}, "2147483647");
    dmft_spectrum_free(NULL);
}
END_TEST

/* Every allocation once. */
START_TEST(out_of_memory)
{
    enum { M = 70, N = 66 };
    double c = 5;
    gsl_rng *r = generator(43);
    struct spiked a = make_spiked(M, N, 1);
    draw_spiked(&a, &c, r);
    for (size_t top = 0; top <= 2; top += 2) {
        long n = 1, failed = 1;
        for (; failed; n++) {
            dmft_spectrum *s = NULL;
            dmft_spectrum_options how = {.vectors = 2, .top = top};
            allocation_fail_at(n);
            int status = dmft_spectrum_create(&s, a.W, M, N, &how, NULL);
            failed = allocation_failed();
            allocation_fail_at(0);
            ck_assert_int_eq(status, failed ? DMFT_ERROR_MEMORY : DMFT_OK);
            ck_assert((s == NULL) == failed);
            dmft_spectrum_free(s);
        }
        ck_assert_int_gt(n, 15);
    }
    free_spiked(&a);
    gsl_rng_free(r);
}
END_TEST

/* ---- files ---- */

static void write_npy(const char *name, const char *type, const char *order, const char *shape, const void *bytes, size_t count)
{
    char header[129];
    FILE *file = fopen(in_folder(name), "wb");
    ck_assert_ptr_nonnull(file);
    (void)snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", type, order, shape);
    ck_assert_int_gt(fprintf(file, "\x93NUMPY\x01%c\x76%c%-117s\n", 0, 0, header), 0);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

static void expect_matrix(const char *file, const char *name, size_t rows, size_t columns, const double *expected)
{
    struct matrix m;
    dmft_error err = {.text = ""};
    ck_assert_msg(matrix_read(&m, in_folder(file), name, &err) == DMFT_OK, "%s", err.text);
    ck_assert(m.rows == rows && m.columns == columns);
    for (size_t i = 0; i < rows * columns; i++) ck_assert_msg(m.number[i] == expected[i], "%s, %zu: %g, expected %g", file, i, m.number[i], expected[i]);
    free(m.number);
}

static void expect_no_matrix(const char *file, const char *name, int status, const char *words)
{
    struct matrix m;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(matrix_read(&m, in_folder(file), name, &err), status);
    ck_assert_msg(strstr(err.text, words) != NULL, "'%s' is not in '%s'", words, err.text);
}

/* 2 x 3, in every type and order that is read. */
START_TEST(arrays_of_numpy)
{
    static const double row[6] = {1, -2, 0.5, 1024, 6.103515625e-05, 5.9604644775390625e-08}, column[6] = {1, 1024, -2, 6.103515625e-05, 0.5, 5.9604644775390625e-08};
    static const float single[6] = {1, -2, 0.5f, 1024, 6.103515625e-05f, 5.9604644775390625e-08f};
    static const unsigned char half[12] = {0x00, 0x3c, 0x00, 0xc0, 0x00, 0x38, 0x00, 0x64, 0x00, 0x04, 0x01, 0x00};
    unsigned char big[48];
    for (size_t i = 0; i < 48; i++) big[i] = ((const unsigned char *)row)[i / 8 * 8 + 7 - i % 8];
    write_npy("f8.npy", "<f8", "False", "2, 3", row, sizeof row);
    write_npy("f4.npy", "<f4", "False", "2, 3", single, sizeof single);
    write_npy("f2.npy", "<f2", "False", "2, 3", half, sizeof half);
    write_npy("fortran.npy", "<f8", "True", "2, 3", column, sizeof column);
    write_npy("big.npy", ">f8", "False", "2, 3", big, sizeof big);
    write_npy("kernel.npy", "<f8", "False", "2, 1, 3, 1", row, sizeof row);
    write_npy("turned.npy", "<f8", "True", "2, 3, 1", column, sizeof column);
    static const char *const name[] = {"f8.npy", "f4.npy", "f2.npy", "fortran.npy", "big.npy", "kernel.npy", "turned.npy"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) expect_matrix(name[i], "", 2, 3, row);
}
END_TEST

START_TEST(arrays_that_are_refused)
{
    static const double number[6] = {1, 2, 3, 4, 5, 6};
    write_npy("short.npy", "<f8", "False", "2, 3", number, 47);
    write_npy("long.npy", "<f8", "False", "2, 2", number, 48);
    write_npy("vector.npy", "<f8", "False", "6,", number, 48);
    write_npy("empty.npy", "<f8", "False", "0, 3", number, 0);
    write_npy("huge.npy", "<f8", "False", "4000000000, 4000000000", number, 48);
    write_npy("integers.npy", "<i8", "False", "2, 3", number, 48);
    write_npy("complex.npy", "<c16", "False", "1, 3", number, 48);
    write_npy("six.npy", "<f8", "False", "6, 1, 1, 1, 1, 1", number, 48);
    expect_no_matrix("short.npy", "", DMFT_ERROR_FORMAT, "truncated");
    expect_no_matrix("long.npy", "", DMFT_ERROR_FORMAT, "longer");
    expect_no_matrix("vector.npy", "", DMFT_ERROR_FORMAT, "has 1 dimension;");
    expect_no_matrix("empty.npy", "", DMFT_ERROR_FORMAT, "is empty: 0 x 3");
    expect_no_matrix("huge.npy", "", DMFT_ERROR_FORMAT, "too large");
    expect_no_matrix("integers.npy", "", DMFT_ERROR_FORMAT, "floating-point numbers (f2, f4, f8)");
    expect_no_matrix("complex.npy", "", DMFT_ERROR_FORMAT, "floating-point numbers");
    expect_no_matrix("six.npy", "", DMFT_ERROR_FORMAT, "one to five dimensions");
    expect_no_matrix("short.npy", "a", DMFT_ERROR_FORMAT, "no datasets");
    expect_no_matrix("none.npy", "", DMFT_ERROR_READ, "none.npy");
    expect_no_matrix("none.h5", "a", DMFT_ERROR_READ, "none.h5");
    expect_no_matrix("short.npy/x", "a", DMFT_ERROR_READ, "Not a directory");
}
END_TEST

static void write_set(hid_t file, const char *name, hid_t type, int rank, hsize_t a, hsize_t b, hsize_t c, const double *number)
{
    hsize_t size[3] = {a, b, c};
    hid_t space = H5Screate_simple(rank, size, NULL), links = H5Pcreate(H5P_LINK_CREATE);
    (void)H5Pset_create_intermediate_group(links, 1);
    hid_t set = H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, number) >= 0);
    (void)H5Dclose(set);
    (void)H5Pclose(links);
    (void)H5Sclose(space);
}

static void expect_names(const char *file, const char *expected)
{
    char joined[256] = "";
    char **names;
    size_t count;
    dmft_error err = {.text = ""};
    ck_assert_msg(matrix_names(&names, &count, in_folder(file), &err) == DMFT_OK, "%s", err.text);
    for (size_t i = 0; i < count; i++) {
        size_t have = strlen(joined);
        (void)snprintf(joined + have, sizeof joined - have, "%s;", names[i]);
    }
    ck_assert_str_eq(joined, expected);
    matrix_names_free(names, count);
}

START_TEST(datasets)
{
    static const double number[6] = {1, -2, 0.5, 4, 5, 6};
    hid_t file = H5Fcreate(in_folder("a.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    write_set(file, "step", H5T_IEEE_F64LE, 1, 6, 1, 1, number);
    write_set(file, "layers/b", H5T_IEEE_F32BE, 2, 2, 3, 1, number);
    write_set(file, "layers/a", H5T_IEEE_F64LE, 3, 3, 1, 2, number);
    write_set(file, "counts", H5T_STD_I32LE, 2, 2, 3, 1, number);
    (void)H5Fclose(file);
    expect_names("a.h5", "layers/a;layers/b;");
    expect_matrix("a.h5", "layers/b", 2, 3, number);
    expect_matrix("a.h5", "layers/a", 3, 2, number);
    expect_no_matrix("a.h5", "counts", DMFT_ERROR_FORMAT, "counts holds integers");
    expect_no_matrix("a.h5", "step", DMFT_ERROR_FORMAT, "step has 1 dimension;");
    expect_no_matrix("a.h5", "layers", DMFT_ERROR_FORMAT, "there is no dataset layers");
    /* the result of a simulation has kernels too: only what is in the group `weights` is weights */
    file = H5Fcreate(in_folder("b.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    write_set(file, "kernels/C_v", H5T_IEEE_F64LE, 2, 2, 3, 1, number);
    write_set(file, "arrays/A1_last", H5T_IEEE_F64LE, 2, 3, 2, 1, number);
    (void)H5Fclose(file);
    expect_names("b.h5", "arrays/A1_last;");
    file = H5Fcreate(in_folder("c.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Fclose(file);
    char **names;
    size_t count;
    dmft_error err;
    ck_assert_int_eq(matrix_names(&names, &count, in_folder("c.h5"), &err), DMFT_ERROR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "there is no dataset of floating-point numbers"));
}
END_TEST

Suite *suite_weights(void)
{
    Suite *suite = suite_create("weights");
    TCase *law = tcase_create("laws"), *noise = tcase_create("noise"), *spikes = tcase_create("spikes"), *fit = tcase_create("fit"), *matrices = tcase_create("matrices"),
          *files = tcase_create("files");
    tcase_add_test(law, published_quantiles);
    tcase_add_test(law, published_moments);
    tcase_add_test(law, determinant_obeys_painleve);
    tcase_add_test(law, far_tails_of_tracy_widom);
    tcase_add_test(law, law_is_the_integral_of_its_density);
    tcase_add_test(noise, noise_with_variance_given);
    tcase_add_test(noise, noise_with_variance_fitted);
    tcase_add_test(noise, noise_with_variance_from_the_norm);
    tcase_add_test(noise, noise_at_length);
    tcase_add_test(noise, variance_is_that_of_the_entries);
    tcase_add_test(spikes, spikes_are_where_theory_puts_them);
    tcase_add_test(spikes, power_rises_through_the_critical_strength);
    tcase_add_test(spikes, spikes_leave_the_variance_alone);
    tcase_add_test(spikes, outliers_do_not_hide_each_other);
    tcase_add_test(fit, levels_of_fit_are_uniform);
    tcase_add_test(fit, bulks_with_spikes_fit);
    tcase_add_test(fit, other_bulks_are_told);
    if (is_long()) {
        tcase_set_timeout(noise, 3600);
        tcase_set_timeout(spikes, 3600);
        tcase_set_timeout(fit, 3600);
    }
    tcase_add_test(matrices, zeros_and_rank_one);
    tcase_add_test(matrices, thin_matrices);
    tcase_add_test(matrices, outliers_that_are_a_place);
    tcase_add_test(matrices, invariances);
    tcase_add_test(matrices, top_is_the_beginning_of_all);
    tcase_add_test(matrices, what_is_refused);
    tcase_add_test(matrices, out_of_memory);
    tcase_add_checked_fixture(files, make_folder, remove_folder);
    tcase_add_test(files, arrays_of_numpy);
    tcase_add_test(files, arrays_that_are_refused);
    tcase_add_test(files, datasets);
    suite_add_tcase(suite, law);
    suite_add_tcase(suite, noise);
    suite_add_tcase(suite, spikes);
    suite_add_tcase(suite, fit);
    suite_add_tcase(suite, matrices);
    suite_add_tcase(suite, files);
    return suite;
}
