/* Activation functions against definitions in long double and finite differences; the order of batches. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/activation.h"
#include "base/batch.h"

Suite *suite_activation(void);

/* ---- functions, straight from their definitions ---- */

static long double slow(enum activation_kind kind, long double h)
{
    switch (kind) {
    case ACTIVATION_TANH: return tanhl(h);
    case ACTIVATION_ERF: return erfl(h);
    case ACTIVATION_RELU: return h > 0 ? h : 0;
    case ACTIVATION_LEAKY_RELU: return h > 0 ? h : 0.01L * h;
    case ACTIVATION_GELU: return h * 0.5L * erfcl(-h / sqrtl(2));
    case ACTIVATION_SOFTPLUS: return h > 0 ? h + log1pl(expl(-h)) : log1pl(expl(h));
    default: return h;
    }
}

/* Central differences in long double: rounding 1e-19/e^2 and truncation e^4 of a five-point rule, both below 1e-10. */
static long double slow_slope(enum activation_kind kind, long double h)
{
    const long double e = 1e-3L;
    return (8 * (slow(kind, h + e) - slow(kind, h - e)) - (slow(kind, h + 2 * e) - slow(kind, h - 2 * e))) / (12 * e);
}

static long double slow_curvature(enum activation_kind kind, long double h)
{
    const long double e = 1e-3L;
    return (16 * (slow(kind, h + e) + slow(kind, h - e)) - (slow(kind, h + 2 * e) + slow(kind, h - 2 * e)) - 30 * slow(kind, h)) / (12 * e * e);
}

enum { POINTS = 64 };

static void fill(double *h)
{
    for (int i = 0; i < POINTS; i++) h[i] = 0.2385 * (i - 31.3); /* from -7.5 to 7.6, none at a kink */
}

START_TEST(functions_are_what_their_names_say)
{
    double h[POINTS], value[POINTS], slope[POINTS], curvature[POINTS];
    fill(h);
    for (int k = 0; k < ACTIVATION_COUNT; k++) {
        dmft_activation a = activation_of((enum activation_kind)k);
        a.apply(a.user, POINTS, h, value, slope, curvature);
        for (int i = 0; i < POINTS; i++) {
            double exact = (double)slow((enum activation_kind)k, h[i]);
            double far = k == ACTIVATION_GELU ? h[i] * h[i] : 1; /* how much a relative error of h grows in that of the value */
            ck_assert_msg(fabs(value[i] - exact) <= 4e-16 * (far + 1) * fabs(exact), "%s(%g) = %.17g, not %.17g", a.name, h[i], value[i], exact);
            ck_assert_msg(fabs(slope[i] - (double)slow_slope((enum activation_kind)k, h[i])) < 1e-10, "%s'(%g) = %.17g", a.name, h[i], slope[i]);
            ck_assert_msg(fabs(curvature[i] - (double)slow_curvature((enum activation_kind)k, h[i])) < 1e-9, "%s''(%g) = %.17g", a.name, h[i], curvature[i]);
        }
    }
}
END_TEST

/* Where naive forms lose everything: relative accuracy far out, and no overflow. */
START_TEST(tails_keep_their_digits)
{
    static const double far[] = {-700, -40, -20, -9.5, 9.5, 20, 40, 700};
    enum { FAR = sizeof far / sizeof *far };
    double value[FAR], slope[FAR], curvature[FAR];
    dmft_activation a = activation_of(ACTIVATION_TANH);
    a.apply(a.user, FAR, far, value, slope, curvature);
    for (int i = 0; i < FAR; i++) {
        double exact = (double)(1 / (coshl(far[i]) * coshl(far[i])));
        ck_assert_msg(fabs(slope[i] - exact) <= 1e-13 * exact + 1e-300, "tanh'(%g) = %g, not %g", far[i], slope[i], exact);
    }
    a = activation_of(ACTIVATION_SOFTPLUS);
    a.apply(a.user, FAR, far, value, slope, curvature);
    for (int i = 0; i < FAR; i++) {
        double exact = (double)slow(ACTIVATION_SOFTPLUS, far[i]), logistic = (double)(1 / (1 + expl(-far[i])));
        ck_assert_msg(fabs(value[i] - exact) <= 1e-13 * exact, "softplus(%g) = %g, not %g", far[i], value[i], exact);
        ck_assert_msg(fabs(slope[i] - logistic) <= 1e-13 * logistic, "softplus'(%g) = %g, not %g", far[i], slope[i], logistic);
        ck_assert(isfinite(curvature[i]) && curvature[i] > 0);
    }
    a = activation_of(ACTIVATION_GELU);
    a.apply(a.user, FAR, far, value, slope, curvature);
    for (int i = 0; i < FAR; i++) {
        double exact = (double)slow(ACTIVATION_GELU, far[i]);
        ck_assert_msg(fabs(value[i] - exact) <= 1e-12 * fabs(exact) + 1e-300, "gelu(%g) = %g, not %g", far[i], value[i], exact);
    }
}
END_TEST

START_TEST(enormous_arguments_give_numbers)
{
    const double h[] = {-1e300, -1e160, 1e160, 1e300};
    double value[4], slope[4], curvature[4];
    for (int k = 0; k < ACTIVATION_COUNT; k++) {
        dmft_activation a = activation_of((enum activation_kind)k);
        a.apply(a.user, 4, h, value, slope, curvature);
        for (int i = 0; i < 4; i++) ck_assert_msg(isfinite(value[i]) && isfinite(slope[i]) && isfinite(curvature[i]), "%s(%g)", a.name, h[i]);
    }
}
END_TEST

START_TEST(derivatives_may_be_left_out)
{
    double h[POINTS], value[POINTS], slope[POINTS], curvature[POINTS], alone[POINTS], one[POINTS];
    fill(h);
    for (int k = 0; k < ACTIVATION_COUNT; k++) {
        dmft_activation a = activation_of((enum activation_kind)k);
        a.apply(a.user, POINTS, h, value, slope, curvature);
        a.apply(a.user, POINTS, h, alone, NULL, NULL);
        ck_assert_int_eq(memcmp(alone, value, sizeof value), 0);
        a.apply(a.user, POINTS, h, alone, one, NULL);
        ck_assert_int_eq(memcmp(one, slope, sizeof slope), 0);
        a.apply(a.user, POINTS, h, alone, NULL, one);
        ck_assert_int_eq(memcmp(one, curvature, sizeof curvature), 0);
    }
}
END_TEST

START_TEST(kinks_and_flags)
{
    const double zero = 0.0;
    double value, slope, curvature;
    for (int k = 0; k < ACTIVATION_COUNT; k++) {
        dmft_activation a = activation_of((enum activation_kind)k);
        int kink = k == ACTIVATION_RELU || k == ACTIVATION_LEAKY_RELU;
        ck_assert_int_eq(a.smooth, !kink);
        ck_assert_int_eq(activation_is_linear(&a), k == ACTIVATION_LINEAR);
        a.apply(a.user, 1, &zero, &value, &slope, &curvature);
        if (kink) ck_assert(value == 0.0 && !signbit(value) && slope == (k == ACTIVATION_RELU ? 0.0 : 0.01) && curvature == 0.0);
    }
}
END_TEST

/* ---- batches ---- */

static dmft_problem problem_of_batches(size_t P, size_t B, unsigned long seed)
{
    dmft_problem p = {.kind = MODEL_MLP};
    p.mlp.samples = P;
    p.mlp.batch_size = B;
    p.mlp.batch_seed = seed;
    return p;
}

START_TEST(full_batches_are_in_order)
{
    size_t index[5] = {9, 9, 9, 9, 9};
    dmft_problem p = problem_of_batches(5, 5, 3);
    for (long t = 0; t < 3; t++) {
        ck_assert_uint_eq(batch_at(&p, t, index), 5);
        for (size_t i = 0; i < 5; i++) ck_assert_uint_eq(index[i], i);
    }
}
END_TEST

/* Of an epoch's steps; the last batch has what is left. */
static void expect_epochs(size_t P, size_t B)
{
    dmft_problem p = problem_of_batches(P, B, 1);
    size_t steps = (P + B - 1) / B, index[64];
    for (size_t epoch = 0; epoch < 20; epoch++) {
        int seen[64] = {0};
        for (size_t i = 0; i < steps; i++) {
            size_t count = batch_at(&p, (long)(epoch * steps + i), index);
            ck_assert_uint_eq(count, i + 1 < steps ? B : P - (steps - 1) * B);
            for (size_t j = 0; j < count; j++) seen[index[j]]++;
        }
        for (size_t mu = 0; mu < P; mu++) ck_assert_int_eq(seen[mu], 1);
    }
}

START_TEST(an_epoch_is_a_permutation)
{
    expect_epochs(2, 1);
    expect_epochs(3, 2);
    expect_epochs(17, 4);
    expect_epochs(64, 63);
    expect_epochs(64, 8);
}
END_TEST

START_TEST(orders_differ_by_epoch_and_seed)
{
    size_t one[64], two[64], bytes = 32 * sizeof *one;
    dmft_problem p = problem_of_batches(64, 32, 1), q = problem_of_batches(64, 32, 2);
    (void)batch_at(&p, 0, one);
    (void)batch_at(&p, 0, two);
    ck_assert_int_eq(memcmp(one, two, bytes), 0);
    (void)batch_at(&p, 2, two);
    ck_assert_int_ne(memcmp(one, two, bytes), 0);
    (void)batch_at(&q, 0, two);
    ck_assert_int_ne(memcmp(one, two, bytes), 0);
}
END_TEST

/* All 24 orders of four samples, 2400 epochs: chi^2 of 23 degrees of freedom stays below 58 with probability 1 - 1e-4. */
START_TEST(all_orders_are_equally_likely)
{
    int count[256] = {0};
    dmft_problem p = problem_of_batches(4, 3, 7);
    for (long epoch = 0; epoch < 2400; epoch++) {
        size_t first[4], last[4];
        (void)batch_at(&p, 2 * epoch, first);
        (void)batch_at(&p, 2 * epoch + 1, last);
        count[first[0] + 4 * first[1] + 16 * first[2] + 64 * last[0]]++;
    }
    double chi = 0;
    int orders = 0;
    for (int i = 0; i < 256; i++) {
        if (count[i] > 0) chi += (count[i] - 100.0) * (count[i] - 100.0) / 100.0;
        orders += count[i] > 0;
    }
    ck_assert_int_eq(orders, 24);
    ck_assert_msg(chi < 58, "chi^2 = %g", chi);
}
END_TEST

Suite *suite_activation(void)
{
    Suite *suite = suite_create("activation");
    TCase *tests = tcase_create("activation"), *batches = tcase_create("batches");
    tcase_add_test(tests, functions_are_what_their_names_say);
    tcase_add_test(tests, tails_keep_their_digits);
    tcase_add_test(tests, enormous_arguments_give_numbers);
    tcase_add_test(tests, derivatives_may_be_left_out);
    tcase_add_test(tests, kinks_and_flags);
    tcase_add_test(batches, full_batches_are_in_order);
    tcase_add_test(batches, an_epoch_is_a_permutation);
    tcase_add_test(batches, orders_differ_by_epoch_and_seed);
    tcase_add_test(batches, all_orders_are_equally_likely);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, batches);
    return suite;
}
