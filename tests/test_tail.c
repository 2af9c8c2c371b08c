/* Tails and distances of samples: (LW7) to (LW11) of doc/theory.md; known exponents, rates of false decisions, likelihoods recomputed. */
#include <check.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>

#include "allocation.h"
#include "base/random.h"
#include "dmft.h"
#include "spectrum/difference.h"
#include "suites.h"

enum { MOST = 4000 };

enum law { PARETO, EXPONENTIAL, LOGNORMAL };

/* Pareto of tail index 1.5 above 1; exponential of mean 1 from 1 on; log-normal of deviation 0.5. */
static void sample(enum law law, uint64_t index, size_t n, double *x)
{
    struct random_stream stream = random_start(2385, index, law);
    for (size_t i = 0; i < n; i++) {
        double u = ((double)(random_bits(&stream) >> 11) + 0.5) * 0x1p-53, g;
        random_gaussians(&stream, 0.5, 1, &g);
        x[i] = law == PARETO ? pow(u, -1.0 / 1.5) : law == EXPONENTIAL ? 1.0 - log(u) : exp(g);
    }
}

static dmft_tail fitted(const double *x, size_t n, size_t least)
{
    dmft_tail t;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_tail_fit(x, n, least, &t, &err) == DMFT_OK, "%s", err.text);
    return t;
}

START_TEST(exponents_are_known_with_their_errors)
{
    double x[MOST], z = 0.0, z2 = 0.0, hill = 0.0, hill2 = 0.0;
    int samples = 60;
    for (int i = 0; i < samples; i++) {
        double index, error;
        sample(PARETO, (uint64_t)i, 1000, x);
        ck_assert_int_eq(dmft_tail_hill(x, 1000, 999, &index, &error, NULL), DMFT_OK);
        ck_assert_double_le(fabs(error - index / sqrt(999.0)), 1e-14);
        hill += (index - 1.5) / error / samples;
        hill2 += gsl_pow_2((index - 1.5) / error) / samples;
        dmft_tail t = fitted(x, 1000, 100);
        z += (t.exponent - 2.5) / t.error / samples;
        z2 += gsl_pow_2((t.exponent - 2.5) / t.error) / samples;
        ck_assert_uint_ge(t.count, 100);
    }
    printf("tail: Hill z %.2f, rms %.2f; fit z %.2f, rms %.2f (threshold chosen)\n", hill, sqrt(hill2), z, sqrt(z2));
    double se = 1.0 / sqrt(samples);
    ck_assert_double_le(fabs(hill), 4.0 * se);
    ck_assert_double_le(fabs(hill2 - 1.0), 4.0 * sqrt(2.0) * se);
    /* The threshold is chosen by the same numbers, for which the stated error does not allow: a factor of 2 at most. */
    ck_assert_double_le(fabs(z), 4.0 * 2.0 * se);
    ck_assert_double_le(sqrt(z2), 2.0);
}
END_TEST

/* What the tail is taken for at 5 %, over samples of 400 of which 300 at least are in the tail (200 of the log-normal). */
START_TEST(laws_are_told_apart_at_their_rates)
{
    enum { SAMPLES = 150, N = 400 };
    double x[N];
    int power_of_exponential = 0, exponential_of_power = 0, nested_of_power = 0, nested_of_lognormal = 0, exponential_found = 0;
    for (uint64_t i = 0; i < SAMPLES; i++) {
        sample(EXPONENTIAL, i, N, x);
        dmft_tail t = fitted(x, N, 300);
        power_of_exponential += t.exponential > 0.0 && t.exponential_p < 0.05;
        exponential_found += t.exponential < 0.0 && t.exponential_p < 0.05;
        sample(PARETO, i, N, x);
        t = fitted(x, N, 300);
        exponential_of_power += t.exponential < 0.0 && t.exponential_p < 0.05;
        nested_of_power += t.nested_p < 0.05;
        ck_assert_double_le(t.lognormal, 0.0); /* the power law is on the edge of that family */
        sample(LOGNORMAL, i, N, x);
        nested_of_lognormal += fitted(x, N, 200).nested_p < 0.05;
    }
    printf("tail: of %d samples: exponential taken for a power law %d, recognised %d; power law refused for an exponential %d, for a log-normal %d; "
           "log-normal recognised %d\n", SAMPLES, power_of_exponential, exponential_found, exponential_of_power, nested_of_power, nested_of_lognormal);
    double bound = SAMPLES * 0.05 + 4.0 * sqrt(SAMPLES * 0.05 * 0.95); /* of a test of level 5 % */
    ck_assert_double_le(power_of_exponential, bound);
    ck_assert_double_le(exponential_of_power, bound);
    ck_assert_double_le(nested_of_power, bound);
    ck_assert_int_ge(exponential_found, SAMPLES * 3 / 4);
    ck_assert_int_ge(nested_of_lognormal, SAMPLES * 3 / 4);
}
END_TEST

/* ---- likelihoods by other code ---- */

/* Of y > 0, a Gaussian (mean, deviation) cut at 0. */
static double likelihood(const double *y, size_t n, double mean, double deviation)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum -= 0.5 * gsl_pow_2((y[i] - mean) / deviation);
    return sum - (double)n * log(deviation * sqrt(2.0 * M_PI) * 0.5 * erfc(-mean / (deviation * sqrt(2.0))));
}

/* Climbs with steps that shrink. */
static double climbed(const double *y, size_t n, double *mean, double *deviation)
{
    double best = likelihood(y, n, *mean, *deviation), step = 0.5;
    for (int i = 0; i < 20000 && step > 1e-9; i++) {
        double tries[4][2] = {{*mean + step, *deviation}, {*mean - step, *deviation}, {*mean, *deviation * exp(step)}, {*mean, *deviation * exp(-step)}};
        int moved = 0;
        for (int k = 0; k < 4; k++) {
            double value = likelihood(y, n, tries[k][0], tries[k][1]);
            if (!(value > best)) continue;
            best = value, moved = 1;
            *mean = tries[k][0], *deviation = tries[k][1];
        }
        if (!moved) step *= 0.5;
    }
    return best;
}

START_TEST(ratios_are_those_of_the_likelihoods)
{
    enum { N = 300 };
    double x[N], y[N], mean = 0.1, deviation = 0.5;
    size_t k = 0;
    sample(LOGNORMAL, 7, N, x);
    dmft_tail t = fitted(x, N, 150);
    for (size_t i = 0; i < N; i++)
        if (x[i] >= t.threshold) y[k++] = log(x[i] / t.threshold);
    ck_assert_uint_eq(k, t.count);
    (void)climbed(y, k, &mean, &deviation);
    double sum[2] = {0.0}, square[2] = {0.0}, a = t.exponent - 1.0, excess = 0.0, logs = 0.0;
    for (size_t i = 0; i < k; i++) excess += (exp(y[i]) - 1.0) / (double)k, logs += y[i] / (double)k;
    ck_assert_double_le(fabs(a * logs - 1.0), 1e-12);
    for (size_t i = 0; i < k; i++) {
        double power = log(a) - a * y[i];
        double d[2] = {power - likelihood(&y[i], 1, mean, deviation), power - (y[i] - log(excess) - (exp(y[i]) - 1.0) / excess)};
        for (int c = 0; c < 2; c++) sum[c] += d[c], square[c] += d[c] * d[c];
    }
    for (int c = 0; c < 2; c++) {
        double z = sum[c] / sqrt((double)k * (square[c] / (double)k - gsl_pow_2(sum[c] / (double)k))), stated = c == 0 ? t.lognormal : t.exponential;
        double p = c == 0 ? t.lognormal_p : t.exponential_p;
        ck_assert_msg(fabs(z - stated) <= 1e-5 * fmax(1.0, fabs(z)), "%d: %.9g, stated %.9g", c, z, stated);
        ck_assert_double_le(fabs(p - erfc(fabs(stated) / sqrt(2.0))), 1e-12);
    }
    ck_assert_double_le(fabs(t.nested_p - 0.5 * erfc(sqrt(-sum[0]))), 1e-6);
}
END_TEST

START_TEST(a_bootstrap_tells_what_is_no_power_law)
{
    double x[500], p, q;
    sample(PARETO, 3, 500, x);
    ck_assert_int_eq(dmft_tail_plausibility(x, 500, 300, 99, 1, &p, NULL), DMFT_OK);
    ck_assert_double_ge(p, 0.1);
    ck_assert_int_eq(dmft_tail_plausibility(x, 500, 300, 99, 1, &q, NULL), DMFT_OK);
    ck_assert(p == q);
    sample(LOGNORMAL, 3, 500, x);
    ck_assert_int_eq(dmft_tail_plausibility(x, 500, 300, 99, 1, &p, NULL), DMFT_OK);
    ck_assert_double_le(p, 0.02);
}
END_TEST

START_TEST(scale_and_order_do_not_matter)
{
    double x[300], y[300];
    sample(LOGNORMAL, 1, 300, x);
    for (size_t i = 0; i < 300; i++) y[299 - i] = 1024.0 * x[i];
    dmft_tail a = fitted(x, 300, 50), b = fitted(y, 300, 50);
    ck_assert_uint_eq(a.count, b.count);
    ck_assert(b.threshold == 1024.0 * a.threshold);
    ck_assert_double_le(fabs(a.exponent - b.exponent), 1e-11 * a.exponent);
    ck_assert_double_le(fabs(a.lognormal - b.lognormal) + fabs(a.exponential - b.exponential), 1e-8);
}
END_TEST

START_TEST(what_is_no_tail_is_refused)
{
    double x[20], index, error, p;
    dmft_tail t;
    dmft_error err;
    for (size_t i = 0; i < 20; i++) x[i] = 2.0;
    ck_assert_int_eq(dmft_tail_fit(x, 20, 10, &t, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_tail_hill(x, 20, 5, &index, &error, &err), DMFT_ERROR_ARGUMENT);
    x[3] = NAN;
    ck_assert_int_eq(dmft_tail_fit(x, 20, 10, &t, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(err.text, "a tail is one of finite numbers in [0, inf), number 4 of 20 is nan");
    ck_assert_int_eq(dmft_tail_fit(x, 20, 9, &t, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_tail_fit(x, 20, 21, &t, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_tail_hill(x, 20, 0, &index, &error, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_tail_hill(x, 20, 20, &index, &error, &err), DMFT_ERROR_ARGUMENT);
    sample(PARETO, 0, 20, x);
    ck_assert_int_eq(dmft_tail_plausibility(x, 20, 10, 0, 1, &p, &err), DMFT_ERROR_ARGUMENT);
    for (long n = 1;; n++) {
        allocation_fail_at(n);
        int status = dmft_tail_plausibility(x, 20, 10, 3, 1, &p, &err), failed = allocation_failed();
        allocation_fail_at(0);
        ck_assert_int_eq(status, failed ? DMFT_ERROR_MEMORY : DMFT_OK);
        if (!failed) break;
    }
}
END_TEST

START_TEST(distances_are_areas_between_steps)
{
    double a[] = {0.0, 1.0, 3.0}, b[] = {0.5, 1.0, 4.0}, c[] = {2.0}, smirnov;
    ck_assert_double_le(fabs(spectrum_difference(a, 3, b, 3, &smirnov) - 0.5), 1e-15);
    ck_assert_double_le(fabs(smirnov - 1.0 / 3.0), 1e-15);
    ck_assert_double_le(fabs(spectrum_difference(a, 3, c, 1, &smirnov) - (2.0 + 1.0 + 1.0) / 3.0), 1e-15);
    ck_assert_double_le(fabs(smirnov - 2.0 / 3.0), 1e-15);
    ck_assert(spectrum_difference(a, 3, a, 3, &smirnov) == 0.0 && smirnov == 0.0);
    double d[] = {5.0, 6.0, 7.0, 8.0}; /* apart: the difference of the means */
    ck_assert_double_le(fabs(spectrum_difference(a, 3, d, 4, NULL) - (6.5 - 4.0 / 3.0)), 1e-14);
}
END_TEST

Suite *suite_tail(void)
{
    Suite *suite = suite_create("tail");
    TCase *all = tcase_create("tails and distances");
    tcase_add_test(all, exponents_are_known_with_their_errors);
    tcase_add_test(all, laws_are_told_apart_at_their_rates);
    tcase_add_test(all, ratios_are_those_of_the_likelihoods);
    tcase_add_test(all, a_bootstrap_tells_what_is_no_power_law);
    tcase_add_test(all, scale_and_order_do_not_matter);
    tcase_add_test(all, what_is_no_tail_is_refused);
    tcase_add_test(all, distances_are_areas_between_steps);
    suite_add_tcase(suite, all);
    return suite;
}
