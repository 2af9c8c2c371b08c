/* The verdict: the rule of (S3) of doc/theory.md on numbers small enough to be checked by hand. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/trajectory.h"

Suite *suite_compare(void);

/* A trajectory over steps 0, 1, .. with one series and, if wanted, standard errors. */
static dmft_trajectory *make(const char *name, size_t rows, const double *value, const double *error)
{
    dmft_trajectory *t;
    double *step, *v;
    ck_assert_int_eq(trajectory_create(&t, rows, NULL), DMFT_OK);
    ck_assert_int_eq(trajectory_add(t, &step, TRAJECTORY_SHOWN, NULL, "step"), DMFT_OK);
    ck_assert_int_eq(trajectory_add(t, &v, TRAJECTORY_SHOWN | (error != NULL ? TRAJECTORY_ERRORS : 0), NULL, "%s", name), DMFT_OK);
    for (size_t i = 0; i < rows; i++) {
        step[i] = (double)i;
        v[i] = value[i];
        if (error != NULL) t->series[1].error[i] = error[i];
    }
    return t;
}

static void set_sizes(dmft_trajectory *t, double input_dim, double width, double seeds)
{
    if (input_dim > 0) ck_assert_int_eq(trajectory_set_number(t, input_dim, NULL, "input_dim"), DMFT_OK);
    if (width > 0) ck_assert_int_eq(trajectory_set_number(t, width, NULL, "width"), DMFT_OK);
    if (seeds > 0) ck_assert_int_eq(trajectory_set_number(t, seeds, NULL, "seeds"), DMFT_OK);
}

static int compare(dmft_trajectory *theory, dmft_trajectory *sample, const dmft_compare_options *how, dmft_comparison **c, dmft_error *err)
{
    int status = dmft_compare(theory, sample, how, c, err);
    dmft_trajectory_free(theory);
    dmft_trajectory_free(sample);
    return status;
}

/* One number against one: the row of it. */
static dmft_comparison_row single(const char *name, double theory, double mean, double se, double seeds, int *holds)
{
    dmft_trajectory *a = make(name, 1, &theory, NULL), *b = make(name, 1, &mean, &se);
    dmft_comparison *c;
    size_t count;
    set_sizes(b, 100, 50, seeds);
    ck_assert_int_eq(compare(a, b, NULL, &c, NULL), DMFT_OK);
    dmft_comparison_row row = dmft_comparison_rows(c, &count)[0];
    ck_assert_uint_eq(count, 1);
    *holds = dmft_comparison_holds(c);
    dmft_comparison_free(c);
    return row;
}

/* Student's quantile of the upper probability Q(4) = 3.167124183311992e-05: tan(pi (1/2 - Q)) of one degree of freedom; of two
 * (1 - 2 Q) / sqrt(2 Q (1 - Q)). */
START_TEST(quantile)
{
    const double Q = 3.167124183311992e-05, pi = 3.14159265358979323846;
    const double wanted[2] = {tan(pi * (0.5 - Q)), (1 - 2 * Q) / sqrt(2 * Q * (1 - Q))};
    int holds;
    for (int i = 0; i < 2; i++) {
        dmft_comparison_row row = single("A0_outlier1", 2.0, 2.0, 0.01, i + 2, &holds);
        ck_assert_double_eq_tol(row.bound, wanted[i] * 0.01 + 20.0 / 50, 1e-9 * row.bound);
    }
    dmft_comparison_row row = single("A0_outlier1", 2.0, 2.0, 0.01, 1e6, &holds);
    ck_assert_double_eq_tol(row.bound, 4 * 0.01 + 20.0 / 50, 1e-5);
}
END_TEST

START_TEST(allowance_of_kernels_and_outliers)
{
    static const char *const matrix[] = {"A0_outlier1", "A12_outlier2", "A0_target_overlap", "A1_left_overlap", "A0_edge"};
    static const char *const kernel[] = {"C_v", "C_h1", "test_loss", "A_x", "Axis"};
    int holds;
    for (size_t i = 0; i < 5; i++) {
        ck_assert_double_eq_tol(single(matrix[i], 3.0, 3.0, 0, 4, &holds).bound, 20.0 / 50, 1e-15);
        ck_assert_double_eq_tol(single(kernel[i], -3.0, -3.0, 0, 4, &holds).bound, 20.0 * 3 / 100, 1e-15);
    }
}
END_TEST

/* Samples that state their own finite-size shift need no size, and go by no name. */
START_TEST(allowance_of_its_own)
{
    const double theory = -3.0, mean = -3.1, se = 0.01;
    dmft_trajectory *a = make("A0_outlier1", 1, &theory, NULL), *b = make("A0_outlier1", 1, &mean, &se);
    dmft_compare_options how = {.allowance_given = 1, .allowance = 4};
    dmft_comparison *c;
    size_t count;
    ck_assert_int_eq(trajectory_set_number(b, 0.002, NULL, "allowance_A0_outlier1"), DMFT_OK);
    ck_assert_int_eq(dmft_compare(a, b, NULL, &c, NULL), DMFT_OK);
    ck_assert_double_eq_tol(dmft_comparison_rows(c, &count)->bound, 4 * 0.01 + 20 * 0.002 * 3, 1e-14);
    ck_assert_int_eq(dmft_comparison_holds(c), 1);
    dmft_comparison_free(c);
    ck_assert_int_eq(compare(a, b, &how, &c, NULL), DMFT_OK);
    ck_assert_double_eq_tol(dmft_comparison_rows(c, &count)->bound, 4 * 0.01 + 4 * 0.002 * 3, 1e-14);
    ck_assert_int_eq(dmft_comparison_holds(c), 0);
    dmft_comparison_free(c);
}
END_TEST

START_TEST(verdict)
{
    int holds;
    ck_assert(single("C_v", 1.0, 1.19, 0, 4, &holds).holds && holds);
    ck_assert(single("C_v", 1.0, 0.81, 0, 4, &holds).holds && holds);
    ck_assert(!single("C_v", 1.0, 1.21, 0, 4, &holds).holds && !holds);
    ck_assert(!single("C_v", 1.0, 0.79, 0, 4, &holds).holds && !holds);
    ck_assert(!single("C_v", 1.0, INFINITY, 0, 4, &holds).holds && !holds);
    ck_assert(single("C_v", 1.0, 1.0, 0, 4, &holds).z == 0.0);
    ck_assert(isinf(single("C_v", 1.0, 1.1, 0, 4, &holds).z));
    ck_assert_double_eq_tol(single("C_v", 1.0, 1.5, 0.25, 4, &holds).z, 2.0, 1e-15);
}
END_TEST

START_TEST(errors_of_both_sides)
{
    const double one = 1, se_theory = 0.3, se_sample = 0.4;
    dmft_trajectory *a = make("C_v", 1, &one, &se_theory), *b = make("C_v", 1, &one, &se_sample);
    dmft_comparison *c;
    size_t count;
    set_sizes(b, 100, 50, 4);
    ck_assert_int_eq(compare(a, b, NULL, &c, NULL), DMFT_OK);
    ck_assert_double_eq_tol(dmft_comparison_rows(c, &count)->se, 0.5, 1e-15);
    dmft_comparison_free(c);
}
END_TEST

/* Model mlp: N in place of D, of the samples or else of the theory; a table without either needs an allowance, and is told which size is missing. */
START_TEST(width_in_place_of_inputs)
{
    static const char *const name[] = {"f0", "trace_C_h1", "C_g2", "ntk_top", "A1_outlier1", "A1_right_overlap_3"};
    const double theory = -3, mean = -3.001, zero = 0, se = 0.02;
    for (size_t i = 0; i < 6; i++)
        for (int where = 0; where < 2; where++) {
            dmft_trajectory *a = make(name[i], 1, &theory, &se), *b = make(name[i], 1, &mean, &zero);
            dmft_comparison *c;
            size_t count;
            ck_assert_int_eq(dmft_trajectory_set_text(a, "model", "mlp", NULL), DMFT_OK);
            set_sizes(where ? a : b, 7, 50, 0); /* an input dimension would not count */
            ck_assert_int_eq(compare(a, b, NULL, &c, NULL), DMFT_OK);
            double allowance = name[i][0] == 'A' ? 20.0 / 50 : 20.0 * 3 / 50;
            ck_assert_double_eq_tol(dmft_comparison_rows(c, &count)->bound, 4 * 0.02 + allowance, 1e-14);
            dmft_comparison_free(c);
        }
    dmft_trajectory *a = make("f0", 1, &theory, &se), *b = make("f0", 1, &mean, &zero);
    dmft_comparison *c;
    dmft_error err;
    ck_assert_int_eq(dmft_trajectory_set_text(a, "model", "mlp", NULL), DMFT_OK);
    ck_assert_int_eq(compare(a, b, NULL, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "simulation.width"));
}
END_TEST

/* Steps are matched by their number, and places without a number on either side are counted. */
START_TEST(steps_and_nan)
{
    const double theory[6] = {1, 2, NAN, 4, NAN, 6}, mean[6] = {1, NAN, 3, 4, NAN, 6}, zero[6] = {0};
    dmft_trajectory *a = make("C_v", 6, theory, NULL), *b = make("C_v", 5, mean + 1, zero);
    dmft_comparison *c;
    size_t count;
    for (size_t i = 0; i < 5; i++) b->series[0].value[i] = (double)(i + 1);
    b->series[0].value[4] = 9; /* a step that the theory has not */
    set_sizes(b, 100, 50, 4);
    ck_assert_int_eq(compare(a, b, NULL, &c, NULL), DMFT_OK);
    const dmft_comparison_row *row = dmft_comparison_rows(c, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(row[0].step, 3);
    ck_assert_uint_eq(dmft_comparison_skipped(c), 3);
    dmft_comparison_free(c);
}
END_TEST

/* Samples that ask for room are held to the theory only where its eigenvalue stands off the edge by more; what is left out is counted by its reason. */
START_TEST(room_at_the_edge)
{
    const double isolated[5] = {NAN, 2.1, 2.5, 2.500001, 3}, edge[5] = {2, 2, 2, 2, 2}, mean[5] = {2.4, NAN, 9, 2.5, NAN}, zero[5] = {0};
    for (int asked = 0; asked < 2; asked++) {
        dmft_trajectory *a = make("isolated", 5, isolated, NULL), *b = make("isolated", 5, mean, zero);
        dmft_comparison *c;
        double *bulk;
        size_t count, series;
        set_sizes(b, 100, 50, 4);
        ck_assert_int_eq(trajectory_add(a, &bulk, TRAJECTORY_SHOWN, NULL, "bulk_edge"), DMFT_OK);
        memcpy(bulk, edge, sizeof edge);
        if (asked) ck_assert_int_eq(trajectory_set_number(b, 0.25, NULL, "room_isolated"), DMFT_OK);
        ck_assert_int_eq(compare(a, b, NULL, &c, NULL), DMFT_OK);
        const dmft_comparison_row *row = dmft_comparison_rows(c, &count);
        const dmft_comparison_gap *gap = dmft_comparison_gaps(c, &series);
        ck_assert_uint_eq(count, asked ? 1 : 2);
        ck_assert_int_eq(row[count - 1].step, 3);
        ck_assert_int_eq(dmft_comparison_holds(c), asked); /* 9 is far from 2.5 */
        ck_assert_uint_eq(dmft_comparison_skipped(c), asked ? 4 : 3);
        ck_assert_uint_eq(series, 1);
        ck_assert_str_eq(gap->series, "isolated");
        ck_assert_uint_eq(gap->near_edge, asked ? 2 : 0);
        ck_assert_uint_eq(gap->theory_alone, asked ? 1 : 2);
        ck_assert_uint_eq(gap->samples_alone, 1);
        dmft_comparison_free(c);
    }
}
END_TEST

/* A table from elsewhere has no number of seeds: q = 4, and sizes from the theory, or an allowance. */
START_TEST(table_without_seeds)
{
    const double theory = 2, mean = 2.5, se = 0.1;
    dmft_comparison *c;
    dmft_error err;
    size_t count;
    dmft_trajectory *a = make("C_v", 1, &theory, NULL);
    set_sizes(a, 100, 50, 0);
    ck_assert_int_eq(compare(a, make("C_v", 1, &mean, &se), NULL, &c, NULL), DMFT_OK);
    ck_assert_double_eq(dmft_comparison_quantile(c), 4);
    ck_assert_double_eq_tol(dmft_comparison_rows(c, &count)->bound, 4 * 0.1 + 20 * 2.0 / 100, 1e-15);
    dmft_comparison_free(c);

    ck_assert_int_eq(compare(make("C_v", 1, &theory, NULL), make("C_v", 1, &mean, &se), NULL, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "allowance"));

    const dmft_compare_options how = {.allowance_given = 1, .allowance = 0.25};
    ck_assert_int_eq(compare(make("C_v", 1, &theory, NULL), make("C_v", 1, &mean, &se), &how, &c, NULL), DMFT_OK);
    ck_assert_double_eq_tol(dmft_comparison_rows(c, &count)->bound, 4 * 0.1 + 0.25 * 2, 1e-15);
    dmft_comparison_free(c);
    ck_assert_int_eq(compare(make("A0_outlier1", 1, &theory, NULL), make("A0_outlier1", 1, &mean, NULL), &how, &c, NULL), DMFT_OK);
    ck_assert_double_eq_tol(dmft_comparison_rows(c, &count)->bound, 0.25, 1e-15);
    dmft_comparison_free(c);
}
END_TEST

/* The inputs of an mlp do not grow with its width: N stands for D. */
START_TEST(width_alone)
{
    const double theory = 2, mean = 2, se = 0;
    dmft_comparison *c;
    size_t count;
    dmft_trajectory *a = make("C_h1", 1, &theory, NULL), *b = make("C_h1", 1, &mean, &se);
    ck_assert_int_eq(dmft_trajectory_set_text(a, "model", "mlp", NULL), DMFT_OK);
    set_sizes(b, 0, 50, 4);
    ck_assert_int_eq(compare(a, b, NULL, &c, NULL), DMFT_OK);
    ck_assert_double_eq_tol(dmft_comparison_rows(c, &count)->bound, 20 * 2.0 / 50, 1e-15);
    dmft_comparison_free(c);
}
END_TEST

START_TEST(series_by_name)
{
    const double one = 1, se = 0;
    dmft_comparison *c;
    dmft_error err;
    size_t count;
    dmft_trajectory *a = make("C_v", 1, &one, NULL), *b = make("C_v", 1, &one, &se);
    double *v;
    ck_assert_int_eq(trajectory_add(a, &v, TRAJECTORY_HIDDEN, NULL, "A0_edge"), DMFT_OK);
    *v = 1;
    ck_assert_int_eq(trajectory_add(b, &v, TRAJECTORY_HIDDEN, NULL, "A0_edge"), DMFT_OK);
    *v = 1.1;
    set_sizes(b, 100, 50, 4);
    dmft_compare_options how = {.series = "A0_edge,C_v"};
    ck_assert_int_eq(dmft_compare(a, b, &how, &c, NULL), DMFT_OK);
    const dmft_comparison_row *row = dmft_comparison_rows(c, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(row[0].series, "A0_edge");
    dmft_comparison_free(c);
    how.series = "C_w";
    ck_assert_int_eq(dmft_compare(a, b, &how, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "'C_w'"));
    ck_assert_int_eq(dmft_compare(a, b, NULL, &c, NULL), DMFT_OK);
    (void)dmft_comparison_rows(c, &count);
    ck_assert_uint_eq(count, 1);
    dmft_comparison_free(c);
    dmft_trajectory_free(a);
    dmft_trajectory_free(b);
}
END_TEST

static void assert_refused(dmft_trajectory *a, dmft_trajectory *b, const dmft_compare_options *how, const char *said)
{
    dmft_error err;
    dmft_comparison *c = NULL;
    ck_assert_int_eq(compare(a, b, how, &c, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_null(c);
    ck_assert_msg(strstr(err.text, said) != NULL, "'%s' without '%s'", err.text, said);
}

START_TEST(nothing_to_compare)
{
    const double one = 1, nan_value = NAN, zero = 0;
    const dmft_compare_options negative = {.allowance_given = 1, .allowance = -1}, undefined = {.allowance_given = 1, .allowance = NAN};
    dmft_trajectory *b = make("C_v", 1, &one, &nan_value);
    set_sizes(b, 100, 50, 1);
    assert_refused(make("C_v", 1, &one, NULL), b, NULL, "at least two seeds");
    b = make("C_v", 1, &one, &nan_value);
    set_sizes(b, 100, 50, 3);
    assert_refused(make("C_v", 1, &one, NULL), b, NULL, "standard error of C_v at step 0 is nan");
    b = make("C_v", 1, &nan_value, &zero);
    set_sizes(b, 100, 50, 3);
    assert_refused(make("C_v", 1, &one, NULL), b, NULL, "no step at which both have a number (1 skipped)");
    assert_refused(make("C_v", 1, &one, NULL), make("C_w", 1, &one, NULL), NULL, "no series in common");
    assert_refused(make("C_v", 1, &one, NULL), make("C_v", 1, &one, NULL), &negative, "[0, inf)");
    assert_refused(make("C_v", 1, &one, NULL), make("C_v", 1, &one, NULL), &undefined, "[0, inf)");
    dmft_trajectory *empty;
    ck_assert_int_eq(trajectory_create(&empty, 1, NULL), DMFT_OK);
    assert_refused(make("C_v", 1, &one, NULL), empty, NULL, "no series 'step'");
    dmft_comparison_free(NULL);
}
END_TEST

Suite *suite_compare(void)
{
    Suite *suite = suite_create("compare");
    TCase *rule = tcase_create("rule");
    tcase_add_test(rule, quantile);
    tcase_add_test(rule, allowance_of_kernels_and_outliers);
    tcase_add_test(rule, allowance_of_its_own);
    tcase_add_test(rule, verdict);
    tcase_add_test(rule, errors_of_both_sides);
    tcase_add_test(rule, steps_and_nan);
    tcase_add_test(rule, room_at_the_edge);
    tcase_add_test(rule, table_without_seeds);
    tcase_add_test(rule, width_alone);
    tcase_add_test(rule, width_in_place_of_inputs);
    tcase_add_test(rule, series_by_name);
    tcase_add_test(rule, nothing_to_compare);
    suite_add_tcase(suite, rule);
    return suite;
}
