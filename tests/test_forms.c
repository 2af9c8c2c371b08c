/* Two forms of level 1, which share no code: the network in coordinates (method basis) and two-time kernels row by row (method rows).
 *
 * Correlations are compared directly. The basis knows no responses, but it knows <phi_a, A^T g_b> for the matrix as it was at the start, which by
 * (C11), (C12) and Stein's lemma is
 *
 *     <phi_a, A^T g_b> = sigma^2 psi [R^phi C^g + C^phi R^gT]_ab,
 *
 * so that the responses of the rows are held against coordinates of the basis. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"
#include "dmft.h"
#include "model/model.h"
#include "runs.h"
#include "suites.h"

static const char *const configurations[] = {
    "network: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\n"
    "data: {sample_ratio: 4}\ntraining: {learning_rate: 0.02, steps: 44}\n", /* until C_h1 has fallen by 1e-6: the rows' rounding is 1e-15 of the first values */
    "network: {depth: 2, width_ratio: 2.0, parameterization: ntk, gamma0: 3, weight_variance: [0.5, 0.7, 0.3]}\n"
    "data: {sample_ratio: 1.5, label_noise: 0.4}\ntraining: {learning_rate: 0.03, steps: 48}\n",
    "network: {depth: 1, width_ratio: 0.7, gamma0: 2.385, weight_variance: [0.4, 0.9]}\n"
    "data: {sample_ratio: 0.6, label_noise: 0.2}\ntraining: {learning_rate: 0.1, steps: 61}\n",
    "network: {depth: 3, width_ratio: 1.3, gamma0: 4, weight_variance: [0.6, 0, 0.8, 0.5]}\n"
    "data: {sample_ratio: 3}\ntraining: {learning_rate: 0.05, steps: 40}\n",
    "network: {depth: 2, width_ratio: 0.5, gamma0: 6, weight_variance: 0.25}\n"
    "data: {sample_ratio: 2, batch: online, label_noise: 0.3}\ntraining: {learning_rate: 0.02, steps: 50}\n",
    "network: {depth: 3, width_ratio: 0.8, parameterization: ntk, gamma0: 2, weight_variance: [0.5, 0.4, 0.3, 0.6]}\n"
    "data: {sample_ratio: 1, batch: online}\ntraining: {learning_rate: 0.04, steps: 33}\n"};

static dmft_problem *problem_of_text(const char *configuration, const char *method)
{
    char text[1024];
    (void)snprintf(text, sizeof text, "model: deep_linear\nmethod: %s\n%soutliers: {count: 2}\noutput: {kernels: true}\n", method, configuration);
    return problem_with(text, NULL);
}

static dmft_trajectory *solved_text(const char *configuration, const char *method)
{
    dmft_problem *problem = problem_of_text(configuration, method);
    dmft_trajectory *t = solved(problem, DMFT_OK);
    dmft_problem_free(problem);
    return t;
}

/* ---- a matrix of rank one ---- */

static const char *const of_rank_one =
    "network: {depth: 1, width_ratio: 0.5, gamma0: 1e-6, weight_variance: [0, 0.5]}\n"
    "data: {sample_ratio: 1}\ntraining: {learning_rate: 0.5, steps: 100}\n";

/* The lazy limit from A_0 = 0: one outlier, all other eigenvalues of (O1) are rounding, on which the search must not insist. */
START_TEST(a_matrix_of_rank_one_has_one_outlier)
{
    dmft_trajectory *rows = solved_text(of_rank_one, "rows"), *basis = solved_text(of_rank_one, "basis");
    const double *one = dmft_trajectory_series(rows, "A0_outlier1"), *same = dmft_trajectory_series(basis, "A0_outlier1");
    const double *two = dmft_trajectory_series(rows, "A0_outlier2");
    for (size_t t = 2; t < dmft_trajectory_rows(rows); t++) {
        ck_assert_double_le(fabs(one[t] / same[t] - 1.0), 1e-8);
        ck_assert_msg(!isgreater(two[t], 1e-6 * one[t]), "step %zu: a second outlier %g beside %g", t, two[t], one[t]);
    }
    dmft_trajectory_free(rows);
    dmft_trajectory_free(basis);
}
END_TEST

/* ---- correlations, outliers ---- */

/* Largest difference of a correlation in units of sqrt(C(t,t) C(s,s)). */
static double difference(const dmft_trajectory *a, const dmft_trajectory *b, const char *name)
{
    size_t order = 0, stride_a = 0, stride_b = 0;
    const double *A = dmft_trajectory_kernel(a, name, &order, &stride_a), *B = dmft_trajectory_kernel(b, name, NULL, &stride_b);
    ck_assert_msg(A != NULL && B != NULL, "%s", name);
    double largest = 0.0;
    for (size_t t = 0; t < order; t++)
        for (size_t s = 0; s < order; s++) {
            double size = sqrt(A[t * stride_a + t] * A[s * stride_a + s]), d = fabs(A[t * stride_a + s] - B[t * stride_b + s]);
            ck_assert_msg(isfinite(B[t * stride_b + s]), "%s(%zu,%zu)", name, t, s);
            if (d > 0.0) largest = fmax(largest, d / size);
        }
    return largest;
}

START_TEST(correlations_agree)
{
    dmft_trajectory *basis = solved_text(configurations[_i], "basis"), *rows = solved_text(configurations[_i], "rows");
    double largest = 0.0;
    for (size_t i = 0; i < dmft_trajectory_kernel_count(basis); i++)
        largest = fmax(largest, difference(basis, rows, dmft_trajectory_kernel_name(basis, i)));
    printf("configuration %d: %zu correlations, largest difference %.1e of sqrt(C(t,t) C(s,s))\n", _i, dmft_trajectory_kernel_count(basis), largest);
    ck_assert_double_le(largest, 1e-9);
    dmft_trajectory_free(basis);
    dmft_trajectory_free(rows);
}
END_TEST

/* Whether a series is one of level 2. */
static int of_outliers(const char *name) { return strstr(name, "_outlier") != NULL || strstr(name, "_overlap") != NULL; }

/* What differences of it are measured in: an outlier in itself; an overlap in the mean square of the vector it is taken with, so that squared cosines
 * are compared; the one with the target, which is a squared cosine, in ones. */
static const double *unit_of(const dmft_trajectory *t, const char *name)
{
    static double one[128];
    char unit[16];
    int l = name[1] - '0';
    for (size_t i = 0; i < 128; i++) one[i] = 1.0;
    if (strstr(name, "_outlier") != NULL) return dmft_trajectory_series(t, name);
    if (strstr(name, "_target") != NULL) return one;
    (void)snprintf(unit, sizeof unit, strstr(name, "_left") != NULL ? "C_g%d" : "C_h%d", strstr(name, "_left") != NULL ? l + 1 : l);
    return dmft_trajectory_series(t, unit);
}

START_TEST(outliers_agree)
{
    dmft_trajectory *basis = solved_text(configurations[_i], "basis"), *rows = solved_text(configurations[_i], "rows");
    double largest = 0.0;
    int compared = 0;
    for (size_t i = 0; i < dmft_trajectory_series_count(basis); i++) {
        const char *name = dmft_trajectory_series_name(basis, i);
        const double *x = dmft_trajectory_series(basis, name), *y = dmft_trajectory_series(rows, name);
        ck_assert_msg(y != NULL, "%s", name);
        for (size_t t = 0; of_outliers(name) && t < dmft_trajectory_rows(basis); t++) {
            ck_assert_msg(isnan(x[t]) == isnan(y[t]), "%s at step %zu: %.12g, from rows %.12g", name, t, x[t], y[t]);
            if (isnan(x[t])) continue;
            compared++;
            double d = fabs(x[t] - y[t]) / unit_of(basis, name)[t];
            ck_assert_msg(d <= 1e-8, "%s at step %zu: %.12g, from rows %.12g", name, t, x[t], y[t]);
            largest = fmax(largest, d);
        }
    }
    printf("configuration %d: %d outliers and overlaps, largest difference %.1e\n", _i, compared, largest);
    ck_assert_int_gt(compared, 20);
    dmft_trajectory_free(basis);
    dmft_trajectory_free(rows);
}
END_TEST

/* ---- responses against coordinates ---- */

/* What one matrix was asked, step by step: coefficients of phi on the e_j and of g on the f_i. */
struct asked {
    double *phi, *g;
    size_t inputs, outputs; /* directions at the end, which are the row lengths */
};

/* Runs the training loop once to count directions, once more to note coefficients. Returns the network, whose matrices are queried after. */
static void *run(const struct dmft_problem *p, size_t matrices, struct asked *asked, int note)
{
    void *network = NULL;
    const struct model_matrix *matrix = NULL;
    ck_assert_int_eq(model_deep_linear.create(&network, p, NULL), DMFT_OK);
    ck_assert_uint_eq(model_deep_linear.matrices(network, &matrix), matrices);
    for (long t = 0; t < p->steps; t++) {
        ck_assert_int_eq(model_deep_linear.reserve(network, NULL), DMFT_OK);
        model_deep_linear.evaluate(network);
        for (size_t l = 0; l < matrices; l++) {
            struct limit_view view = limit_operator_view(matrix[l].A);
            if (note) {
                memcpy(asked[l].phi + (size_t)t * asked[l].inputs, view.c_in, view.E->count * sizeof(double));
                memcpy(asked[l].g + (size_t)t * asked[l].outputs, view.c_out, view.F->count * sizeof(double));
            } else {
                asked[l].inputs = view.E->count;
                asked[l].outputs = view.F->count;
            }
        }
        model_deep_linear.update(network);
    }
    return network;
}

/* Q_ab = <phi_a, A^T g_b> = sum_ji phi_aj g_bi <e_j, x_i>. */
static double *products(const struct asked *q, const limit_operator *A, size_t T)
{
    struct limit_view view = limit_operator_view(A);
    double *ex = calloc(q->inputs * q->outputs + 1, sizeof *ex), *Q = calloc(T * T, sizeof *Q);
    for (size_t j = 0; j < q->inputs; j++)
        for (size_t i = 0; i < q->outputs; i++)
            for (size_t k = 0; k < view.E->space->axes; k++)
                ex[j * q->outputs + i] += view.E->x[j * view.E->space->stride + k] * view.X->x[i * view.X->space->stride + k];
    for (size_t a = 0; a < T; a++)
        for (size_t j = 0; j < q->inputs; j++)
            for (size_t i = 0; i < q->outputs; i++)
                for (size_t b = 0; b < T; b++)
                    Q[a * T + b] += q->phi[a * q->inputs + j] * ex[j * q->outputs + i] * q->g[b * q->outputs + i];
    free(ex);
    return Q;
}

/* Largest difference to sigma^2 psi [R^phi C^g + C^phi R^gT], in units of the largest entry. */
static double check_products(const dmft_trajectory *rows, int l, double factor, const double *Q, size_t T)
{
    char name[4][16];
    const double *K[4];
    static const char *const form[4] = {"C_h%d", "R_h%d", "C_g%d", "R_g%d"};
    double worst = 0.0, largest = 0.0;
    for (int i = 0; i < 4; i++) {
        (void)snprintf(name[i], sizeof name[i], form[i], i < 2 ? l : l + 1);
        K[i] = dmft_trajectory_kernel(rows, name[i], NULL, NULL);
        ck_assert_msg(K[i] != NULL, "%s", name[i]);
    }
    size_t stride = 0;
    (void)dmft_trajectory_kernel(rows, name[0], NULL, &stride);
    for (size_t a = 0; a < T; a++)
        for (size_t b = 0; b < T; b++) {
            double sum = 0.0;
            for (size_t c = 0; c < T; c++)
                sum += K[1][a * stride + c] * K[2][c * stride + b] + K[0][a * stride + c] * K[3][b * stride + c];
            worst = fmax(worst, fabs(factor * sum - Q[a * T + b]));
            largest = fmax(largest, fabs(Q[a * T + b]));
        }
    return worst > 0.0 ? worst / largest : 0.0;
}

START_TEST(responses_agree)
{
    dmft_problem *p = problem_of_text(configurations[_i], "basis");
    dmft_trajectory *rows = solved_text(configurations[_i], "rows");
    size_t T = (size_t)p->steps, matrices = (size_t)p->depth;
    struct asked asked[8] = {{0}};
    model_deep_linear.free(run(p, matrices, asked, 0));
    for (size_t l = 0; l < matrices; l++) {
        asked[l].phi = calloc(T * asked[l].inputs + 1, sizeof(double));
        asked[l].g = calloc(T * asked[l].outputs + 1, sizeof(double));
    }
    void *network = run(p, matrices, asked, 1);
    const struct model_matrix *matrix = NULL;
    (void)model_deep_linear.matrices(network, &matrix);
    double worst = 0.0;
    for (size_t l = 0; l < matrices; l++) {
        double *Q = products(&asked[l], matrix[l].A, T);
        worst = fmax(worst, check_products(rows, (int)l, p->weight_variance[l] * (l == 0 ? p->width_ratio : 1.0), Q, T));
        free(Q);
        free(asked[l].phi);
        free(asked[l].g);
    }
    printf("configuration %d: <phi, A^T g> from responses, largest difference %.1e of the largest entry\n", _i, worst);
    ck_assert_double_le(worst, 1e-9);
    model_deep_linear.free(network);
    dmft_trajectory_free(rows);
    dmft_problem_free(p);
}
END_TEST

Suite *suite_forms(void)
{
    Suite *suite = suite_create("forms");
    TCase *all = tcase_create("all");
    int count = (int)(sizeof configurations / sizeof *configurations);
    tcase_add_loop_test(all, correlations_agree, 0, count);
    tcase_add_loop_test(all, outliers_agree, 0, count);
    tcase_add_loop_test(all, responses_agree, 0, count);
    tcase_add_test(all, a_matrix_of_rank_one_has_one_outlier);
    suite_add_tcase(suite, all);
    return suite;
}
