/* Orders of convergence, (S5)-(S8) of doc/theory.md, on series whose orders and limits are known by construction. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "dmft.h"

Suite *suite_converge(void);

enum { LEVELS = 6, PLACES = 9 };

static double limit_at(size_t k) { return 2.0 + sin(0.7 * (double)k); }

/* x + a h^p + b h^(p+1), h = 0.1/2^i, with an amplitude that changes over the places. */
static void fill(double x[LEVELS * PLACES], double p, double a, double b)
{
    for (size_t i = 0; i < LEVELS; i++)
        for (size_t k = 0; k < PLACES; k++) {
            double h = 0.1 * pow(0.5, (double)i), amplitude = 1.0 + cos(1.3 * (double)k);
            x[i * PLACES + k] = limit_at(k) + a * amplitude * pow(h, p) + b * pow(h, p + 1.0);
        }
}

static dmft_convergence study(const double *x, size_t levels, size_t places, double nominal, double noise)
{
    dmft_convergence c;
    ck_assert_int_eq(dmft_converge_values(x, levels, places, nominal, noise, &c, NULL), DMFT_OK);
    return c;
}

/* A pure power: the order is exact, and so are the extrapolated value and the error. */
START_TEST(pure_powers)
{
    static const double orders[] = {0.5, 1, 2, 4};
    double x[LEVELS * PLACES];
    for (size_t o = 0; o < 4; o++) {
        fill(x, orders[o], 0.3, 0);
        dmft_convergence c = study(x, LEVELS, PLACES, orders[o], 1e-15);
        ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_OK);
        ck_assert_double_eq_tol(c.order, orders[o], 1e-5);
        ck_assert_double_eq_tol(c.value, limit_at(PLACES - 1), 1e-13);
        ck_assert_double_eq_tol(c.error, 0.3 * 2.0 * pow(0.1 / 32, orders[o]), 1e-13);
        ck_assert_uint_eq(c.places, PLACES);
        ck_assert_uint_eq(c.last, PLACES - 1);
        for (size_t i = 2; i < LEVELS; i++) ck_assert_double_eq_tol(c.orders[i], orders[o], 1e-5);
        ck_assert(isnan(c.size[0]) && isnan(c.orders[0]) && isnan(c.orders[1]));
    }
}
END_TEST

/* The differences are roots of mean squares over places. */
START_TEST(sizes)
{
    const double x[3 * 2] = {1, 5, 4, 9, 4, 9.5};
    dmft_convergence c = study(x, 3, 2, 1, 0);
    ck_assert_double_eq_tol(c.size[1], sqrt((9.0 + 16.0) / 2), 1e-15);
    ck_assert_double_eq_tol(c.size[2], sqrt(0.25 / 2), 1e-15);
    ck_assert_double_eq_tol(c.order, log2(sqrt(25.0 / 0.25)), 1e-14);
    ck_assert_double_eq(c.error, 0.5);
    ck_assert_double_eq(c.value, 10.0);
}
END_TEST

/* A second term shows in the first orders and fades by halves; the error of the order tells. */
START_TEST(before_the_asymptotic_range)
{
    double x[LEVELS * PLACES];
    fill(x, 1, 0.3, 3);
    dmft_convergence c = study(x, LEVELS, PLACES, 1, 1e-15);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_OK);
    ck_assert(fabs(c.order - 1) < 0.1 && fabs(c.order - 1) > 1e-3);
    ck_assert_double_eq_tol(c.order_error, fabs(c.orders[LEVELS - 1] - c.orders[LEVELS - 2]), 1e-9);
    ck_assert_double_eq_tol(c.value - limit_at(PLACES - 1), -2 * 3 * pow(0.1 / 32, 2), 1e-13); /* 2 b h^2 - b (2 h)^2 */
}
END_TEST

/* 0.25 below the nominal order is allowed, and no more; a low order is what is extrapolated with. */
START_TEST(low_orders)
{
    double x[LEVELS * PLACES];
    fill(x, 1, 0.3, 0);
    ck_assert_int_eq(study(x, LEVELS, PLACES, 1.24, 1e-15).verdict, DMFT_CONVERGENCE_OK);
    dmft_convergence c = study(x, LEVELS, PLACES, 1.26, 1e-15);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_LOW);
    ck_assert_double_eq_tol(c.value, limit_at(PLACES - 1), 1e-12);
    ck_assert_int_eq(study(x, LEVELS, PLACES, 0.2, 1e-15).verdict, DMFT_CONVERGENCE_OK);

    /* Differences that grow: nothing is extrapolated, the error is the last difference. */
    for (size_t i = 0; i < LEVELS * PLACES; i++) x[i] = pow(2.0, (double)(i / PLACES));
    c = study(x, LEVELS, PLACES, 1, 1e-15);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_LOW);
    ck_assert_double_eq_tol(c.order, -1, 1e-12);
    ck_assert_double_eq(c.value, 32);
    ck_assert_double_eq(c.error, 16);
}
END_TEST

/* An order below the nominal one that moved by 1 or more from the level before is not told; one that moved by less is low, and so is one that had
 * been the nominal one. */
START_TEST(orders_that_move)
{
    const double moves[4] = {0, 1, 1.25, 1.5}, by_one[4] = {0, 1, 1.5, 2}, less[4] = {0, 1, 1.625, 2.25}, high[4] = {0, 1, 1.5, 1.5625};
    const double stops[5] = {0, 1, 1.5, 1.75, 2.25}; /* differences 1, 1/2, 1/4, 1/2 */
    dmft_convergence c = study(moves, 4, 1, 1, 0); /* differences 1, 1/4, 1/4 */
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_UNRESOLVED);
    ck_assert_double_eq(c.order, 0);
    ck_assert_double_eq(c.order_error, 2);
    ck_assert_double_eq(c.value, 1.5);
    ck_assert_double_eq(c.error, 0.25);
    ck_assert_int_eq(study(by_one, 4, 1, 1.5, 0).verdict, DMFT_CONVERGENCE_UNRESOLVED);
    ck_assert_int_eq(study(less, 4, 1, 1, 0).verdict, DMFT_CONVERGENCE_LOW);
    ck_assert_int_eq(study(high, 4, 1, 1, 0).verdict, DMFT_CONVERGENCE_OK); /* moves as much, but is not low */
    ck_assert_int_eq(study(stops, 5, 1, 1, 0).verdict, DMFT_CONVERGENCE_LOW);
    ck_assert_int_eq(study(moves, 4, 1, 0, 0).verdict, DMFT_CONVERGENCE_OK); /* need only fall */
}
END_TEST

/* Without a nominal order errors need to fall. */
START_TEST(falling)
{
    const double falls[4] = {1, 2, 2.5, 2.7}, grows[4] = {1, 1.2, 1.7, 2.7};
    dmft_convergence c = study(falls, 4, 1, 0, 0);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_OK);
    ck_assert_double_eq(c.value, 2.7);
    ck_assert_double_eq_tol(c.error, 0.2, 1e-15);
    ck_assert_int_eq(study(grows, 4, 1, 0, 0).verdict, DMFT_CONVERGENCE_LOW);
}
END_TEST

/* Order 4 reaches the noise on the way: it is judged where differences stand out. */
START_TEST(noise)
{
    const double amplitude = 1e-8;
    double x[LEVELS * PLACES], scatter[LEVELS * PLACES];
    struct random_stream stream = random_start(7, 0, 0);
    random_gaussians(&stream, amplitude, LEVELS * PLACES, scatter);
    fill(x, 4, 0.3, 0);
    for (size_t i = 0; i < LEVELS * PLACES; i++) x[i] += scatter[i];
    dmft_convergence c = study(x, LEVELS, PLACES, 4, amplitude);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_OK);
    ck_assert_double_eq_tol(c.order, 4, 0.25);
    ck_assert(c.orders[LEVELS - 1] < 2); /* noise, which is not judged */
    ck_assert_int_eq(study(x, LEVELS, PLACES, 4, 1e-15).verdict, DMFT_CONVERGENCE_LOW); /* but would be, as what it is not */

    for (size_t i = 0; i < LEVELS * PLACES; i++) x[i] = limit_at(i % PLACES) + scatter[i];
    c = study(x, LEVELS, PLACES, 1, amplitude);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_CONVERGED);
    ck_assert(isnan(c.order));

    x[2] += 1e-3; /* the coarsest difference alone */
    ck_assert_int_eq(study(x, LEVELS, PLACES, 1, amplitude).verdict, DMFT_CONVERGENCE_CONVERGED);
    x[(LEVELS - 1) * PLACES] += 1e-3; /* the finest level leaves again */
    ck_assert_int_eq(study(x, LEVELS, PLACES, 1, amplitude).verdict, DMFT_CONVERGENCE_LOW);
}
END_TEST

/* Coarse levels of too low an order, and the finest ones at the noise: converged. A finest difference above the noise is still judged. */
START_TEST(noise_behind_coarse_levels)
{
    double x[5] = {1.0, 0.3, 0.1, 0.1 + 1e-13, 0.1};
    dmft_convergence c = study(x, 5, 1, 4, 1e-9);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_CONVERGED);
    ck_assert_double_eq_tol(c.order, log2(0.7 / 0.2), 1e-6);
    x[4] = 0.05;
    ck_assert_int_eq(study(x, 5, 1, 4, 1e-9).verdict, DMFT_CONVERGENCE_LOW);
}
END_TEST

START_TEST(constant_series)
{
    double x[LEVELS * PLACES];
    for (size_t i = 0; i < LEVELS * PLACES; i++) x[i] = limit_at(i % PLACES);
    dmft_convergence c = study(x, LEVELS, PLACES, 1, 1e-12);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_CONSTANT);
    ck_assert_double_eq(c.error, 0);
    ck_assert_double_eq(c.value, limit_at(PLACES - 1));
    memset(x, 0, sizeof x);
    ck_assert_int_eq(study(x, LEVELS, PLACES, 1, 0).verdict, DMFT_CONVERGENCE_CONSTANT);
}
END_TEST

/* Places where a level has no number count for none of them. */
START_TEST(missing_numbers)
{
    double x[LEVELS * PLACES];
    fill(x, 2, 0.3, 0);
    x[0 * PLACES + 0] = NAN;
    x[3 * PLACES + 4] = INFINITY;
    x[5 * PLACES + PLACES - 1] = NAN;
    dmft_convergence c = study(x, LEVELS, PLACES, 2, 1e-15);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_OK);
    ck_assert_uint_eq(c.places, PLACES - 3);
    ck_assert_uint_eq(c.last, PLACES - 2);
    ck_assert_double_eq_tol(c.order, 2, 1e-5);
    ck_assert_double_eq_tol(c.value, limit_at(PLACES - 2), 1e-12);

    for (size_t k = 0; k < PLACES; k++) x[(k % LEVELS) * PLACES + k] = NAN;
    c = study(x, LEVELS, PLACES, 2, 1e-15);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_ABSENT);
    ck_assert_uint_eq(c.places, 0);
    ck_assert(isnan(c.value) && isnan(c.order) && isnan(c.error));
}
END_TEST

/* Numbers whose squares overflow. */
START_TEST(huge_numbers)
{
    const double x[4] = {4e200, 2e200, 1e200, 0.5e200};
    dmft_convergence c = study(x, 4, 1, 1, 1e-15);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_OK);
    ck_assert_double_eq_tol(c.order, 1, 1e-12);
    ck_assert_double_eq_tol(c.value / 1e200, 0, 1e-12);
}
END_TEST

/* ---- errors ---- */

static dmft_convergence judged(const double *error, const double *covariance, size_t levels, double nominal)
{
    dmft_convergence c;
    ck_assert_int_eq(dmft_converge_errors(error, covariance, levels, nominal, &c, NULL), DMFT_OK);
    return c;
}

START_TEST(slopes)
{
    const double exact[4] = {8, 4, 2, 1}, bent[3] = {4, 3, 1};
    dmft_convergence c = judged(exact, NULL, 4, 1);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_OK);
    ck_assert_double_eq_tol(c.order, 1, 1e-14);
    ck_assert_double_eq(c.order_error, 0);
    ck_assert_double_eq(c.error, 1);
    ck_assert_int_eq(judged(exact, NULL, 4, 1.26).verdict, DMFT_CONVERGENCE_LOW);
    ck_assert_double_eq_tol(judged(bent, NULL, 3, 1).order, 1, 1e-14); /* of three levels the middle one has no weight */
}
END_TEST

/* Two levels: the order is the difference of two logarithms, its variance the sum of theirs less twice the covariance. */
START_TEST(error_of_a_slope)
{
    const double error[2] = {2, 2}, covariance[4] = {0.04, 0.01, 0.01, 0.03};
    dmft_convergence c = judged(error, covariance, 2, 0.5);
    ck_assert_double_eq_tol(c.order, 0, 1e-15);
    ck_assert_double_eq_tol(c.order_error, sqrt(0.04 + 0.03 - 0.02) / log(2.0), 1e-14);
    ck_assert_int_eq(c.verdict, DMFT_CONVERGENCE_OK); /* 0 is above 0.5 - 0.25 - 4 x 0.32 */
    const double small[4] = {1e-4, 0, 0, 1e-4};
    ck_assert_int_eq(judged(error, small, 2, 0.5).verdict, DMFT_CONVERGENCE_LOW);
}
END_TEST

/* Standard deviations of samples of Gaussians: the observed order scatters about 1/2 as much as is said, over many trials. */
START_TEST(calibration)
{
    enum { TRIALS = 400, SIZES = 4, NETWORKS = 12 };
    double squares = 0, said = 0;
    for (size_t trial = 0; trial < TRIALS; trial++) {
        double error[SIZES], covariance[SIZES * SIZES] = {0}, x[NETWORKS];
        for (size_t i = 0; i < SIZES; i++) {
            struct random_stream stream = random_start(trial, i, 1);
            double mean = 0, sum = 0;
            random_gaussians(&stream, pow(2.0, -0.5 * (double)i), NETWORKS, x);
            for (size_t k = 0; k < NETWORKS; k++) mean += x[k] / NETWORKS;
            for (size_t k = 0; k < NETWORKS; k++) sum += (x[k] - mean) * (x[k] - mean);
            error[i] = sqrt(sum / (NETWORKS - 1));
            covariance[i * (SIZES + 1)] = 0.5 / (NETWORKS - 1);
        }
        dmft_convergence c = judged(error, covariance, SIZES, 0.5);
        squares += (c.order - 0.5) * (c.order - 0.5) / TRIALS;
        said = c.order_error;
    }
    ck_assert_double_eq_tol(sqrt(squares) / said, 1, 0.15); /* 400 trials know it to 0.035; logarithms add a few hundredths */
}
END_TEST

START_TEST(errors_that_cannot_be_judged)
{
    const double none[3] = {0, 0, 0}, some[3] = {1, 0, 0.2}, missing[3] = {1, NAN, 0.2};
    ck_assert_int_eq(judged(none, NULL, 3, 1).verdict, DMFT_CONVERGENCE_CONSTANT);
    ck_assert_int_eq(judged(some, NULL, 3, 1).verdict, DMFT_CONVERGENCE_UNRESOLVED);
    ck_assert_int_eq(judged(missing, NULL, 3, 1).verdict, DMFT_CONVERGENCE_ABSENT);
}
END_TEST

START_TEST(domains)
{
    const double x[2 * DMFT_CONVERGENCE_LEVELS] = {0};
    dmft_convergence c;
    dmft_error err;
    ck_assert_int_eq(dmft_converge_values(x, 2, 1, 1, 0, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "3 to 16 levels, got 2"));
    ck_assert_int_eq(dmft_converge_values(x, DMFT_CONVERGENCE_LEVELS + 1, 1, 1, 0, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_converge_values(x, DMFT_CONVERGENCE_LEVELS, 1, 1, 0, &c, &err), DMFT_OK);
    ck_assert_int_eq(dmft_converge_values(x, 3, 1, -1, 0, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_converge_values(x, 3, 1, NAN, 0, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_converge_values(x, 3, 1, 1, -1e-9, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_converge_values(x, 3, 1, 1, NAN, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_converge_errors(x, NULL, 1, 1, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_converge_errors(x, NULL, 3, 0, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(dmft_convergence_text(DMFT_CONVERGENCE_LOW), "low");
    ck_assert_str_eq(dmft_convergence_text(77), "unknown");
}
END_TEST

Suite *suite_converge(void)
{
    Suite *suite = suite_create("converge");
    TCase *values = tcase_create("values"), *errors = tcase_create("errors");
    tcase_add_test(values, pure_powers);
    tcase_add_test(values, sizes);
    tcase_add_test(values, before_the_asymptotic_range);
    tcase_add_test(values, low_orders);
    tcase_add_test(values, orders_that_move);
    tcase_add_test(values, falling);
    tcase_add_test(values, noise);
    tcase_add_test(values, noise_behind_coarse_levels);
    tcase_add_test(values, constant_series);
    tcase_add_test(values, missing_numbers);
    tcase_add_test(values, huge_numbers);
    tcase_add_test(errors, slopes);
    tcase_add_test(errors, error_of_a_slope);
    tcase_add_test(errors, calibration);
    tcase_add_test(errors, errors_that_cannot_be_judged);
    tcase_add_test(errors, domains);
    suite_add_tcase(suite, values);
    suite_add_tcase(suite, errors);
    return suite;
}
