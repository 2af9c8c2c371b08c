/* Representation matrices: what members record, what the summary makes of it (against slow sums in this file), scaling, bands, and the test of gradual
 * against sharp; theory against networks. Tags are those of doc/theory.md. */
#include <errno.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocation.h"
#include "base/random.h"
#include "base/trajectory.h"
#include "folder.h"
#include "numbers.h"
#include "runs.h"
#include "suites.h"

enum { MOST = 40, TEXT = 2048 };

/* ---- runs ---- */

static const char four[] = "[[1.031494140625, -0.03662109375, -0.299072265625, -0.42724609375], [-0.03662109375, 0.9033203125, -0.238037109375, 0.164794921875],"
                           " [-0.299072265625, -0.238037109375, 0.762939453125, 0.286865234375], [-0.42724609375, 0.164794921875, 0.286865234375, 1.080322265625]]";

static dmft_problem *problem_of(const char *activation, const char *gram, const char *target, const char *more)
{
    char text[TEXT];
    int length = snprintf(text, sizeof text,
                          "model: mlp\nnetwork: {depth: 2, activation: %s, gamma0: 3, weight_variance: 1}\ndata: {gram: %s, target: %s}\n"
                          "outliers: {every: 1000}\n%s",
                          activation, gram, target, more);
    ck_assert(length > 0 && length < TEXT);
    return problem_with(text, NULL);
}

static dmft_trajectory *run(runner *f, const char *activation, const char *more, int threads)
{
    dmft_problem *p = problem_of(activation, four, "[1, 1, -1, -1]", more);
    dmft_trajectory *t = ran(f, p, &(dmft_run_options){.threads = threads}, DMFT_OK);
    dmft_problem_free(p);
    return t;
}

static const double *column(const dmft_trajectory *t, const char *what, size_t layer, size_t j)
{
    char name[64];
    if (j > 0) (void)snprintf(name, sizeof name, "D%zu_%s%zu", layer, what, j);
    else (void)snprintf(name, sizeof name, "D%zu_%s", layer, what);
    const double *x = dmft_trajectory_series(t, name);
    ck_assert_msg(x != NULL, "no series %s", name);
    return x;
}

static const double *errors(const dmft_trajectory *t, const char *what, size_t layer, size_t j)
{
    char name[64];
    if (j > 0) (void)snprintf(name, sizeof name, "D%zu_%s%zu", layer, what, j);
    else (void)snprintf(name, sizeof name, "D%zu_%s", layer, what);
    return dmft_trajectory_errors(t, name);
}

static const double *array(const dmft_trajectory *t, const char *name, size_t a, size_t b, size_t c)
{
    size_t size[3] = {0, 0, 0};
    const double *x = dmft_trajectory_array(t, name, size);
    ck_assert_msg(x != NULL && size[0] == a && size[1] == b && size[2] == c, "%s: %zu x %zu x %zu", name, size[0], size[1], size[2]);
    return x;
}

/* ---- what is recorded ---- */

/* Every solver and engine, with a last record that is not the last step: M of the stored kernels at equal time. Where kernels come from the coefficients on
 * the directions kept, these leave out a part of the tolerance. */
static const struct {
    const char *what, *activation, *more;
    runner *run;
    double tolerance;
} recorders[] = {
    {"exact", "linear", "", dmft_solve, 1e-10},
    {"revealed", "tanh", "sampling: {sites: 200, replicas: 3}\n", dmft_solve, 1e-6},
    {"response", "tanh", "solver: response\nsampling: {sites: 60, replicas: 3}\n", dmft_solve, 1e-13},
    {"dense", "tanh", "simulation: {width: 30, seeds: 3}\n", dmft_simulate, 1e-13},
    {"revealed networks", "relu", "simulation: {width: 50, seeds: 3, engine: revealed}\n", dmft_simulate, 1e-6},
};

START_TEST(matrices_are_those_of_the_kernels)
{
    char more[512], name[32];
    double largest = 0.0;
    (void)snprintf(more, sizeof more, "training: {learning_rate: 0.05, steps: 8}\noutput: {kernels: true, representations: 3}\n%s", recorders[_i].more);
    dmft_trajectory *t = run(recorders[_i].run, recorders[_i].activation, more, 1);
    ck_assert_double_eq(dmft_trajectory_number(t, "representations_every"), 3.0);
    for (size_t l = 1; l <= 2; l++) {
        size_t stride;
        (void)snprintf(name, sizeof name, "D%zu", l);
        const double *D = array(t, name, 3, 4, 4);
        (void)snprintf(name, sizeof name, "C_phi%zu", l);
        const double *C = dmft_trajectory_kernel(t, name, NULL, &stride);
        for (size_t i = 0; i < 3 * 16; i++) {
            size_t r = i / 16, a = r * 3 * 4 + i / 4 % 4, b = r * 3 * 4 + i % 4;
            largest = fmax(largest, fabs(D[i] - (C[a * stride + a] + C[b * stride + b] - 2.0 * C[a * stride + b])));
        }
        ck_assert(isfinite(column(t, "eigenvalue", l, 1)[6]) && isnan(column(t, "eigenvalue", l, 1)[7]) && isnan(column(t, "eigenvalue", l, 1)[5]));
    }
    printf("represent: %s, M less that of the kernels: %.2g\n", recorders[_i].what, largest);
    ck_assert_msg(largest <= recorders[_i].tolerance, "%s: %g", recorders[_i].what, largest);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(nothing_is_recorded_unless_asked_for)
{
    dmft_trajectory *t = run(dmft_solve, "linear", "training: {learning_rate: 0.05, steps: 4}\n", 1);
    ck_assert_ptr_null(dmft_trajectory_array(t, "D1", NULL));
    ck_assert_ptr_null(dmft_trajectory_series(t, "D1_progress"));
    dmft_representation *r = NULL;
    dmft_error err;
    ck_assert_int_eq(dmft_representation_create(&r, t, 1, &err), DMFT_ERROR_ARGUMENT);
    ck_assert(strstr(err.text, "output.representations") != NULL && r == NULL);
    dmft_trajectory_free(t);
}
END_TEST

/* ---- the summary, against slow sums ---- */

/* Eigenvalues in rising order and eigenvectors (columns of V) by Jacobi's rotations; A is destroyed. */
static void jacobi(double *A, size_t n, double *value, double *V)
{
    for (size_t i = 0; i < n * n; i++) V[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < 60; sweep++)
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) {
                double angle = 0.5 * atan2(2.0 * A[p * n + q], A[q * n + q] - A[p * n + p]), c = cos(angle), s = sin(angle);
                for (size_t i = 0; i < n; i++) {
                    double x = A[i * n + p], y = A[i * n + q], v = V[i * n + p], w = V[i * n + q];
                    A[i * n + p] = c * x - s * y, A[i * n + q] = s * x + c * y;
                    V[i * n + p] = c * v - s * w, V[i * n + q] = s * v + c * w;
                }
                for (size_t i = 0; i < n; i++) {
                    double x = A[p * n + i], y = A[q * n + i];
                    A[p * n + i] = c * x - s * y, A[q * n + i] = s * x + c * y;
                }
            }
    for (size_t i = 0; i < n; i++) value[i] = A[i * n + i];
}

/* The j-th by absolute value, from 0, and its vector. */
static double by_size(const double *value, const double *V, size_t n, size_t j, double *vector)
{
    for (size_t i = 0; i < n; i++) {
        size_t larger = 0;
        for (size_t k = 0; k < n; k++) larger += fabs(value[k]) > fabs(value[i]) || (k < i && fabs(value[k]) == fabs(value[i]));
        if (larger != j) continue;
        for (size_t k = 0; k < n; k++) vector[k] = V[k * n + i];
        return value[i];
    }
    return NAN;
}

static void mean_and_error(const double *x, size_t n, double *mean, double *se)
{
    *mean = *se = 0.0;
    for (size_t i = 0; i < n; i++) *mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) *se += (x[i] - *mean) * (x[i] - *mean) / (double)(n * (n - 1));
    *se = sqrt(*se);
}

enum { MEMBERS = 5, RECORDS = 4, P = 4, SQUARE = P * P };

/* M of each member of an ensemble: member i alone is n means of n = i + 1 members less those of i. */
static void find_members(double M[MEMBERS][2][RECORDS][SQUARE])
{
    char more[256];
    for (size_t n = 1; n <= MEMBERS; n++) {
        (void)snprintf(more, sizeof more, "training: {learning_rate: 0.1, steps: 7}\noutput: {representations: 2}\nsimulation: {width: 20, seeds: %zu}\n", n);
        dmft_trajectory *t = run(dmft_simulate, "tanh", more, 1);
        for (size_t l = 0; l < 2; l++) {
            const double *D = array(t, l == 0 ? "D1" : "D2", RECORDS, P, P);
            for (size_t i = 0; i < RECORDS * SQUARE; i++) {
                double sum = (double)n * D[i];
                for (size_t m = 0; m + 1 < n; m++) sum -= M[m][l][i / SQUARE][i % SQUARE];
                M[n - 1][l][i / SQUARE][i % SQUARE] = sum;
            }
        }
        dmft_trajectory_free(t);
    }
}

static double M[MEMBERS][2][RECORDS][SQUARE];

static void close_to(double found, double expected, const char *what)
{
    ck_assert_msg(fabs(found - expected) <= 1e-10 * (1.0 + fabs(expected)) || (isnan(found) && isnan(expected)), "%s: %.15g, expected %.15g", what, found, expected);
}

/* Of one layer at one record: (RM1)-(RM3). */
static void check_spectrum(const dmft_trajectory *t, size_t l, size_t r)
{
    double mean[SQUARE], A[SQUARE], value[P], V[SQUARE], v[P] = {0}, own[MEMBERS], average, se, trace = 0.0;
    for (size_t k = 0; k < SQUARE; k++) {
        double entry[MEMBERS];
        for (size_t i = 0; i < MEMBERS; i++) entry[i] = M[i][l][r][k];
        mean_and_error(entry, MEMBERS, &mean[k], &se);
        close_to(array(t, l == 0 ? "D1" : "D2", RECORDS, P, P)[r * SQUARE + k], mean[k], "mean");
        close_to(array(t, l == 0 ? "D1_se" : "D2_se", RECORDS, P, P)[r * SQUARE + k], se, "error");
    }
    for (size_t j = 0; j < P; j++) {
        memcpy(A, mean, sizeof A);
        jacobi(A, P, value, V);
        double lambda = by_size(value, V, P, j, v);
        for (size_t i = 0; i < MEMBERS; i++) {
            own[i] = 0.0;
            for (size_t k = 0; k < SQUARE; k++) own[i] += v[k / P] * v[k % P] * M[i][l][r][k];
        }
        mean_and_error(own, MEMBERS, &average, &se);
        close_to(column(t, "eigenvalue", l + 1, j + 1)[2 * r], lambda, "eigenvalue of the mean");
        close_to(errors(t, "eigenvalue", l + 1, j + 1)[2 * r], se, "its error");
        ck_assert_msg(j == 0 ? lambda > 0.0 : lambda <= 1e-14, "(RM2): eigenvalue %zu is %g", j, lambda);
        trace += lambda;
        for (size_t i = 0; i < MEMBERS; i++) {
            memcpy(A, M[i][l][r], sizeof A);
            jacobi(A, P, value, V);
            own[i] = by_size(value, V, P, j, v);
        }
        mean_and_error(own, MEMBERS, &average, &se);
        close_to(column(t, "member_eigenvalue", l + 1, j + 1)[2 * r], average, "eigenvalue of the members");
        close_to(errors(t, "member_eigenvalue", l + 1, j + 1)[2 * r], se, "their error");
    }
    close_to(trace, 0.0, "trace");
}

/* Of one layer: (RM4), (RM5). */
static void check_course(const dmft_trajectory *t, size_t l)
{
    double mean[RECORDS][SQUARE] = {{0}}, q[RECORDS][MEMBERS] = {{0}}, square = 0.0, average, se;
    for (size_t i = 0; i < MEMBERS * RECORDS * SQUARE; i++) {
        size_t m = i / (RECORDS * SQUARE), r = i / SQUARE % RECORDS, k = i % SQUARE;
        mean[r][k] += M[m][l][r][k] / MEMBERS;
    }
    for (size_t k = 0; k < SQUARE; k++) square += (mean[RECORDS - 1][k] - mean[0][k]) * (mean[RECORDS - 1][k] - mean[0][k]);
    for (size_t i = 0; i < RECORDS * MEMBERS * SQUARE; i++) {
        size_t r = i / (MEMBERS * SQUARE), m = i / SQUARE % MEMBERS, k = i % SQUARE;
        q[r][m] += (M[m][l][r][k] - M[m][l][0][k]) * (mean[RECORDS - 1][k] - mean[0][k]) / square;
    }
    const double *covariance = array(t, l == 0 ? "D1_progress_covariance" : "D2_progress_covariance", RECORDS, RECORDS, 1);
    for (size_t r = 0; r < RECORDS; r++) {
        mean_and_error(q[r], MEMBERS, &average, &se);
        close_to(column(t, "progress", l + 1, 0)[2 * r], average, "progress");
        close_to(errors(t, "progress", l + 1, 0)[2 * r], se, "error of the progress");
        close_to(covariance[r * (RECORDS + 1)], se * se, "variance of the progress");
    }
    for (size_t r = 1; r < RECORDS; r++) {
        double change[SQUARE], length = 0.0, noise = 0.0, along[MEMBERS] = {0};
        for (size_t k = 0; k < SQUARE; k++) change[k] = mean[r][k] - mean[r - 1][k];
        for (size_t k = 0; k < SQUARE; k++) length += change[k] * change[k];
        for (size_t i = 0; i < MEMBERS * SQUARE; i++) {
            size_t m = i / SQUARE, k = i % SQUARE;
            double own = M[m][l][r][k] - M[m][l][r - 1][k];
            noise += (own - change[k]) * (own - change[k]) / (MEMBERS * (MEMBERS - 1.0));
            along[m] += own * change[k] / sqrt(length * P * (P - 1.0));
        }
        mean_and_error(along, MEMBERS, &average, &se);
        close_to(column(t, "change", l + 1, 0)[2 * r], sqrt(length / (P * (P - 1.0))), "change");
        close_to(errors(t, "change", l + 1, 0)[2 * r], se, "error of the change");
        close_to(column(t, "change_noise", l + 1, 0)[2 * r], sqrt(noise / (P * (P - 1.0))), "noise");
    }
}

START_TEST(summary_is_that_of_slow_sums)
{
    char more[256];
    find_members(M);
    (void)snprintf(more, sizeof more, "training: {learning_rate: 0.1, steps: 7}\noutput: {representations: 2}\nsimulation: {width: 20, seeds: %d}\n", MEMBERS);
    dmft_trajectory *t = run(dmft_simulate, "tanh", more, 2), *one = run(dmft_simulate, "tanh", more, 1);
    for (size_t l = 0; l < 2; l++) {
        for (size_t r = 0; r < RECORDS; r++) check_spectrum(t, l, r);
        check_course(t, l);
        ck_assert_msg(memcmp(array(t, l == 0 ? "D1" : "D2", RECORDS, P, P), array(one, l == 0 ? "D1" : "D2", RECORDS, P, P),
                             RECORDS * SQUARE * sizeof(double)) == 0, "two threads and one differ");
    }
    ck_assert(array(t, "target", P, 1, 1)[1] == 1.0 && array(t, "target", P, 1, 1)[2] == -1.0);
    dmft_trajectory_free(t);
    dmft_trajectory_free(one);
}
END_TEST

/* ---- theory against networks ---- */

/* <phi(u) phi(v)> of two Gaussians by the trapezoidal rule, which converges exponentially: to 1e-12 here. */
static double pair_mean(double a, double b, double c)
{
    enum { NODES = 61 };
    const double step = 0.25;
    double sum = 0.0, rest = sqrt(fmax(b - c * c / a, 0.0));
    for (int i = 0; i < NODES * NODES; i++) {
        double x = step * (i / NODES - NODES / 2), y = step * (i % NODES - NODES / 2);
        sum += exp(-0.5 * (x * x + y * y)) * tanh(sqrt(a) * x) * tanh(c / sqrt(a) * x + rest * y);
    }
    return sum * step * step / 6.283185307179586;
}

START_TEST(untrained_networks_have_the_kernels_of_quadrature)
{
    double K[SQUARE], C[SQUARE], worst = 0.0, squares = 0.0;
    const char *at = four;
    for (size_t i = 0; i < SQUARE; i++) {
        at += strcspn(at, "-0123456789");
        char *end;
        K[i] = strtod(at, &end);
        at = end;
    }
    dmft_trajectory *t = run(dmft_solve, "tanh", "training: {learning_rate: 0.1, steps: 1}\noutput: {representations: 1}\nsampling: {sites: 8192, replicas: 8}\n", 1);
    for (size_t l = 0; l < 2; l++) {
        const double *D = array(t, l == 0 ? "D1" : "D2", 1, P, P), *se = array(t, l == 0 ? "D1_se" : "D2_se", 1, P, P);
        for (size_t i = 0; i < SQUARE; i++) C[i] = pair_mean(K[i / P * (P + 1)], K[i % P * (P + 1)], K[i]);
        for (size_t i = 0; i < SQUARE; i++) {
            double expected = C[i / P * (P + 1)] + C[i % P * (P + 1)] - 2.0 * C[i], z = i / P == i % P ? 0.0 : (D[i] - expected) / se[i];
            worst = fmax(worst, fabs(z));
            squares += z * z / (2.0 * P * (P - 1));
            ck_assert_msg(fabs(D[i] - expected) <= 7.0 * se[i] + 1e-5, "layer %zu, (%zu, %zu): %g(%g), expected %g", l + 1, i / P, i % P, D[i], se[i], expected);
        }
        memcpy(K, C, sizeof K);
    }
    printf("represent: M at step 0 against quadrature: rms z %.2f, largest %.2f of 24 pairs (errors from 8 replicas)\n", sqrt(squares), worst);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(theory_agrees_with_networks_of_two_widths)
{
    static const char names[] = "D1_eigenvalue1,D1_eigenvalue2,D1_eigenvalue3,D2_eigenvalue1,D2_eigenvalue2,D2_eigenvalue3,D1_change,D2_change,D1_progress,D2_progress";
    static const char training[] = "training: {learning_rate: 0.2, steps: 16}\noutput: {representations: 5}\n";
    char more[512];
    (void)snprintf(more, sizeof more, "%ssampling: {sites: 2048, replicas: 8}\n", training);
    dmft_trajectory *theory = run(dmft_solve, "tanh", more, 1);
    for (int width = 100; width <= 200; width *= 2) {
        double squares = 0.0, worst = 0.0;
        size_t count, compared = 0;
        dmft_comparison *c = NULL;
        dmft_compare_options how = {.series = names};
        dmft_error err = {.text = ""};
        (void)snprintf(more, sizeof more, "%ssimulation: {width: %d, seeds: 24}\n", training, width);
        dmft_trajectory *sample = run(dmft_simulate, "tanh", more, 1);
        ck_assert_msg(dmft_compare(theory, sample, &how, &c, &err) == 0, "%s", err.text);
        const dmft_comparison_row *row = dmft_comparison_rows(c, &count);
        for (size_t i = 0; i < count; i++) {
            if (!(row[i].se > 0.0)) continue; /* the progress at step 0 */
            squares += row[i].z * row[i].z;
            worst = fmax(worst, fabs(row[i].z));
            compared++;
            ck_assert_msg(row[i].holds, "N = %d, %s at step %ld: %g, theory %g, standard error %g", width, row[i].series, row[i].step, row[i].mean, row[i].theory,
                          row[i].se);
        }
        printf("represent: theory against 24 networks of N = %d: rms z %.2f, largest %.2f over %zu; D2_eigenvalue1 at step 15: %.4f(%.4f) / %.4f(%.4f)\n", width,
               sqrt(squares / (double)compared), worst, compared, column(theory, "eigenvalue", 2, 1)[15], errors(theory, "eigenvalue", 2, 1)[15],
               column(sample, "eigenvalue", 2, 1)[15], errors(sample, "eigenvalue", 2, 1)[15]);
        ck_assert_uint_eq(compared, 6 * 4 + 2 * 3 + 2 * 3);
        dmft_comparison_free(c);
        dmft_trajectory_free(sample);
    }
    dmft_trajectory_free(theory);
}
END_TEST

/* Three equal eigenvalues in the limit: the members' own repel by O(N^{-1/2}), those of the mean over n by O((n N)^{-1/2}) (RM3). */
START_TEST(equal_eigenvalues_repel)
{
    double spread[2], of_mean[2];
    for (int i = 0; i < 2; i++) {
        char more[256];
        (void)snprintf(more, sizeof more, "training: {learning_rate: 0.1, steps: 1}\noutput: {representations: 1}\nsimulation: {width: %d, seeds: 64}\n",
                       i == 0 ? 50 : 200);
        dmft_problem *p = problem_of("tanh", "[[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]", "[1, 1, -1, -1]", more);
        dmft_trajectory *t = NULL;
        ck_assert_int_eq(dmft_simulate(p, NULL, &t, NULL), DMFT_OK);
        spread[i] = column(t, "member_eigenvalue", 1, 4)[0] - column(t, "member_eigenvalue", 1, 2)[0];
        of_mean[i] = column(t, "eigenvalue", 1, 4)[0] - column(t, "eigenvalue", 1, 2)[0];
        dmft_trajectory_free(t);
        dmft_problem_free(p);
    }
    printf("represent: three equal eigenvalues spread by %.4f, %.4f in networks of N = 50, 200 (ratio %.2f), by %.4f, %.4f in the mean of 64\n", spread[0],
           spread[1], spread[0] / spread[1], of_mean[0], of_mean[1]);
    ck_assert_double_gt(spread[0] / spread[1], 1.6); /* 2 within the scatter of 64 networks, each some 40 % */
    ck_assert_double_lt(spread[0] / spread[1], 2.5);
    ck_assert_double_gt(spread[0] / of_mean[0], 4.0); /* 8 but for the scatter of a single mean */
    ck_assert_double_gt(spread[1] / of_mean[1], 4.0);
}
END_TEST

/* ---- scaling, bands ---- */

/* A result that holds the distances of n points in `dimensions` at `count` snapshots, one a step, and their eigenvalues with this error. */
static dmft_trajectory *of_points(const double *x, size_t count, size_t n, size_t dimensions, double se)
{
    dmft_trajectory *t = NULL;
    double *step, *value, *D = numbers(count * n * n), *A = numbers(n * n), *V = numbers(n * n), lambda[MOST], vector[MOST];
    ck_assert_int_eq(trajectory_create(&t, count, NULL), 0);
    ck_assert_int_eq(trajectory_add(t, &step, TRAJECTORY_SHOWN, NULL, "step"), 0);
    for (size_t i = 0; i < count * n * n; i++) {
        const double *y = x + i / (n * n) * n * dimensions;
        for (size_t a = 0; a < dimensions; a++) D[i] += pow(y[i / n % n * dimensions + a] - y[i % n * dimensions + a], 2.0);
    }
    for (size_t j = 0; j < n && j < 8; j++) {
        ck_assert_int_eq(trajectory_add(t, &value, TRAJECTORY_ERRORS, NULL, "D1_eigenvalue%zu", j + 1), 0);
        for (size_t r = 0; r < count; r++) {
            memcpy(A, D + r * n * n, n * n * sizeof *A);
            jacobi(A, n, lambda, V);
            value[r] = by_size(lambda, V, n, j, vector);
            t->series[j + 1].error[r] = se;
            step[r] = (double)r;
        }
    }
    free(A);
    free(V);
    ck_assert_int_eq(trajectory_set_number(t, 1.0, NULL, "representations_every"), 0);
    ck_assert_int_eq(trajectory_add_array(t, "D1", (const size_t[3]){count, n, n}, D, NULL), 0);
    return t;
}

static dmft_representation *represented(const dmft_trajectory *t)
{
    dmft_representation *r = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_representation_create(&r, t, 1, &err) == 0, "%s", err.text);
    return r;
}

static void draw(double *x, size_t n, uint64_t index)
{
    struct random_stream stream = random_start(7, index, 3);
    random_gaussians(&stream, 1.0, n, x);
}

/* Points of the plane come back with their distances, whole, and stay where they are while they turn and are mirrored. */
START_TEST(points_come_back)
{
    enum { COUNT = 6, N = 7 };
    double x[COUNT * N * 2], y[N * 2];
    draw(y, N * 2, 1);
    for (size_t i = 0; i < COUNT * N; i++) {
        double angle = 1.3 * (double)(i / N), mirror = i / N % 2 ? -1.0 : 1.0;
        x[2 * i] = cos(angle) * y[i % N * 2] - sin(angle) * y[i % N * 2 + 1];
        x[2 * i + 1] = mirror * (sin(angle) * y[i % N * 2] + cos(angle) * y[i % N * 2 + 1]);
    }
    dmft_trajectory *t = of_points(x, COUNT, N, 2, 0.0);
    dmft_representation *r = represented(t);
    ck_assert(dmft_representation_snapshots(r) == COUNT && dmft_representation_samples(r) == N && dmft_representation_dimensions(r) == 2);
    const double *first = dmft_representation_coordinates(r, 0);
    for (size_t s = 0; s < COUNT; s++) {
        const double *z = dmft_representation_coordinates(r, s);
        close_to(dmft_representation_explained(r, s), 1.0, "explained");
        for (size_t i = 0; i < N * N; i++) {
            size_t a = i / N, b = i % N;
            close_to(hypot(z[2 * a] - z[2 * b], z[2 * a + 1] - z[2 * b + 1]), hypot(y[2 * a] - y[2 * b], y[2 * a + 1] - y[2 * b + 1]), "distance");
        }
        for (size_t i = 0; i < 2 * N; i++) close_to(z[i], first[i], "aligned coordinate");
    }
    ck_assert(dmft_representation_coordinates(r, COUNT) == NULL && isnan(dmft_representation_explained(r, COUNT)));
    dmft_representation_free(r);
    dmft_trajectory_free(t);
}
END_TEST

/* In space, of which the plane shows the part that its two largest moments have; and another result turns onto it. */
START_TEST(part_of_space_is_explained)
{
    enum { N = 9 };
    double x[N * 3], moment[9] = {0}, value[3], V[9], mean[3] = {0};
    draw(x, N * 3, 2);
    for (size_t i = 0; i < N * 3; i++) mean[i % 3] += x[i] / N;
    for (size_t i = 0; i < N * 9; i++) moment[i % 9] += (x[i / 9 * 3 + i % 9 / 3] - mean[i % 9 / 3]) * (x[i / 9 * 3 + i % 3] - mean[i % 3]);
    jacobi(moment, 3, value, V);
    double all = value[0] + value[1] + value[2], least = fmin(value[0], fmin(value[1], value[2]));
    dmft_trajectory *t = of_points(x, 1, N, 3, 0.0), *few = of_points(x, 1, N - 1, 3, 0.0);
    dmft_representation *r = represented(t), *other = represented(t), *fewer = represented(few);
    close_to(dmft_representation_explained(r, 0), 1.0 - least / all, "explained");
    ck_assert_int_eq(dmft_representation_align(other, r, NULL), 0);
    for (size_t i = 0; i < 2 * N; i++) close_to(dmft_representation_coordinates(other, 0)[i], dmft_representation_coordinates(r, 0)[i], "aligned");
    dmft_error err;
    ck_assert_int_eq(dmft_representation_align(fewer, r, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_representation_relaxation(r)->verdict, DMFT_RELAXATION_UNTESTED);
    dmft_representation_free(r);
    dmft_representation_free(other);
    dmft_representation_free(fewer);
    dmft_trajectory_free(t);
    dmft_trajectory_free(few);
}
END_TEST

/* A way that is not three times its noise tells nothing; one that is, is tested with the covariance that is there, which has to fit. */
START_TEST(noise_is_no_way)
{
    static const double q[] = {0.0, 0.0, 0.0, 1.0};
    double x[4 * 3 * 2], *series_, *S = numbers(16);
    dmft_error err;
    dmft_representation *r;
    draw(x, 24, 4);
    dmft_trajectory *t = of_points(x, 4, 3, 2, 0.0);
    ck_assert_int_eq(trajectory_add(t, &series_, TRAJECTORY_HIDDEN, NULL, "D1_progress"), 0);
    memcpy(series_, q, sizeof q);
    ck_assert_int_eq(trajectory_set_number(t, 1.0, NULL, "D1_moved"), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(trajectory_set_number(t, i == 0 ? 0.34 : 0.33, NULL, "D1_moved_noise"), 0);
        r = represented(t);
        ck_assert_int_eq(dmft_representation_relaxation(r)->verdict, i == 0 ? DMFT_RELAXATION_STILL : DMFT_RELAXATION_SHARP);
        ck_assert(i == 0 || fabs(dmft_representation_relaxation(r)->departure - 2.0 / 3.0) < 1e-15);
        dmft_representation_free(r);
    }
    ck_assert_int_eq(trajectory_add_array(t, "D1_progress_covariance", (const size_t[3]){2, 8, 1}, S, NULL), 0);
    r = NULL;
    ck_assert_int_eq(dmft_representation_create(&r, t, 1, &err), DMFT_ERROR_FORMAT);
    ck_assert(r == NULL && strstr(err.text, "2 x 8 x 1") != NULL);
    dmft_trajectory_free(t);
}
END_TEST

/* Groups of four points at the corners of a simplex of side 1, each group a simplex of side w: eigenvalues -w^2 within, G - 1 of -(4 + 3 w^2) + .. */
START_TEST(groups_are_bands)
{
    for (size_t G = 2; G <= 4; G++) {
        enum { EACH = 4, MOST_POINTS = 16, SPACE = 20 };
        double x[MOST_POINTS * SPACE] = {0};
        size_t n = EACH * G, count;
        for (size_t i = 0; i < n; i++) {
            x[i * SPACE + i / EACH] = sqrt(0.5);
            x[i * SPACE + G + i] = 0.1;
        }
        dmft_trajectory *t = of_points(x, 1, n, SPACE, 0.001), *noisy = of_points(x, 1, n, SPACE, 2.0);
        dmft_representation *r = represented(t), *vague = represented(noisy);
        close_to(dmft_representation_eigenvalue(r, 0, 1), -4.0 - 0.02, "of a group");
        ck_assert_uint_eq(dmft_representation_separated(r, 0), G);
        const size_t *bands = dmft_representation_bands(r, 0, &count);
        ck_assert(count >= 1 && bands[count - 1] == G);
        ck_assert_uint_eq(dmft_representation_separated(vague, 0), 0);
        dmft_representation_free(r);
        dmft_representation_free(vague);
        dmft_trajectory_free(t);
        dmft_trajectory_free(noisy);
    }
}
END_TEST

/* ---- gradual or sharp ---- */

enum shape { LINEAR, EXPONENTIAL, POWER, MIXTURE, ONSET, SQUARE_LAW, STEP };

/* From 0 at time 0 to 1 at time 1. */
static double way(enum shape shape, double p, double t)
{
    double rest = 0.0, all = 1.0;
    switch (shape) {
    case LINEAR: return t;
    case EXPONENTIAL: rest = exp(-t / p), all = 1.0 - exp(-1.0 / p); break;
    case POWER: rest = pow(1.0 + 20.0 * t, -p), all = 1.0 - pow(21.0, -p); break;
    case MIXTURE: rest = 0.5 * exp(-30.0 * t) + 0.5 * exp(-t), all = 1.0 - 0.5 * exp(-30.0) - 0.5 * exp(-1.0); break;
    case ONSET: rest = (1.0 + t / p) * exp(-t / p), all = 1.0 - (1.0 + 1.0 / p) * exp(-1.0 / p); break;
    case SQUARE_LAW: return t * t;
    case STEP: return (tanh((t - 0.5) / p) + tanh(0.5 / p)) / (2.0 * tanh(0.5 / p));
    }
    return (1.0 - rest) / all;
}

static dmft_relaxation tested(const double *t, const double *q, const double *covariance, size_t n, double members)
{
    dmft_relaxation x;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_relaxation_test(t, q, covariance, n, members, &x, &err) == 0, "%s", err.text);
    return x;
}

static dmft_relaxation exactly(enum shape shape, double p, size_t n)
{
    double *t = numbers(n), *q = numbers(n);
    for (size_t i = 0; i < n; i++) {
        t[i] = (double)i / (double)(n - 1);
        q[i] = way(shape, p, t[i]);
    }
    dmft_relaxation x = tested(t, q, NULL, n, 0.0);
    free(t);
    free(q);
    return x;
}

/* No change that slows down has a gap, on any grid; the onset has that of doc/theory.md, steady acceleration 1/4, a step nearly 1/2 at half time. */
START_TEST(gaps_are_those_of_the_shapes)
{
    for (size_t n = 3; n < 60; n += 7) {
        ck_assert_int_eq(exactly(LINEAR, 0, n).verdict, DMFT_RELAXATION_GRADUAL);
        for (double p = 0.02; p < 30.0; p *= 3.0) ck_assert_int_eq(exactly(EXPONENTIAL, p, n).verdict, DMFT_RELAXATION_GRADUAL);
        for (double p = 0.1; p < 5.0; p *= 2.0) ck_assert_int_eq(exactly(POWER, p, n).verdict, DMFT_RELAXATION_GRADUAL);
        ck_assert_int_eq(exactly(MIXTURE, 0, n).verdict, DMFT_RELAXATION_GRADUAL);
    }
    dmft_relaxation onset = exactly(ONSET, 0.03, 20001), square = exactly(SQUARE_LAW, 0, 20001), step = exactly(STEP, 0.01, 20001);
    ck_assert_int_eq(onset.verdict, DMFT_RELAXATION_ONSET);
    ck_assert_double_eq_tol(onset.departure, 0.0590468, 2e-7);
    ck_assert_double_eq_tol(square.departure, 0.25, 1e-12);
    ck_assert_double_eq_tol(square.from, 0.5, 1e-12);
    ck_assert_double_eq_tol(square.quickening, 3.0, 1e-12);
    ck_assert_int_eq(step.verdict, DMFT_RELAXATION_SHARP);
    ck_assert_double_gt(step.departure, 0.85);
    ck_assert(step.from > 0.45 && step.from < 0.5 && step.to > 0.5 && step.to < 0.55 && step.p_value == 0.0);
}
END_TEST

/* Noise of n members on a way of `count` records; its size is the standard error of the mean at the end. Half of it belongs to a member as a whole and grows
 * with the way, as that of networks does. */
static void noisy_members(struct random_stream *stream, double *q, const double *way_, size_t count, size_t members, double size)
{
    double scale = size * sqrt(0.5 * (double)members), common, own;
    for (size_t m = 0; m < members; m++) {
        random_gaussians(stream, scale, 1, &common);
        for (size_t i = 0; i < count; i++) {
            random_gaussians(stream, scale, 1, &own);
            q[m * count + i] = way_[i] + (i > 0 ? common * way_[i] + own : 0.0);
        }
    }
}

/* Mean and covariance of the mean, as the summary takes them. */
static void estimate(const double *q, size_t count, size_t members, double *mean, double *covariance)
{
    for (size_t i = 0; i < count; i++) {
        mean[i] = 0.0;
        for (size_t m = 0; m < members; m++) mean[i] += q[m * count + i] / (double)members;
    }
    for (size_t i = 0; i < count * count; i++) {
        covariance[i] = 0.0;
        for (size_t m = 0; m < members; m++)
            covariance[i] += (q[m * count + i / count] - mean[i / count]) * (q[m * count + i % count] - mean[i % count]) / (double)(members * (members - 1));
    }
}

/* Verdicts over many noisy copies of one way. */
static size_t verdicts(enum shape shape, double p, double size, size_t copies, size_t found[4])
{
    enum { COUNT = 12, NETWORKS = 8 };
    double t[COUNT], exact[COUNT], q[COUNT * NETWORKS], mean[COUNT], covariance[COUNT * COUNT];
    struct random_stream stream = random_start(11, (uint64_t)shape * 100 + (uint64_t)(p * 10.0), 5);
    size_t rejected = 0;
    memset(found, 0, 4 * sizeof *found);
    for (size_t i = 0; i < COUNT; i++) {
        t[i] = (double)i / (COUNT - 1.0);
        exact[i] = way(shape, p, t[i]);
    }
    for (size_t k = 0; k < copies; k++) {
        noisy_members(&stream, q, exact, COUNT, NETWORKS, size);
        estimate(q, COUNT, NETWORKS, mean, covariance);
        dmft_relaxation x = tested(t, mean, covariance, COUNT, NETWORKS);
        found[x.verdict]++;
        rejected += x.p_value <= 0.05;
    }
    return rejected;
}

static size_t copies_of(size_t n) { return getenv("DMFT_TEST_SHRINK") != NULL ? n / 20 : n; }

static const struct {
    const char *name;
    enum shape shape;
    double p;
} nulls[] = {{"straight", LINEAR, 0}, {"exponential, time 1/10", EXPONENTIAL, 0.1}, {"power 2", POWER, 2.0}, {"exponential, time 1", EXPONENTIAL, 1.0},
             {"power 1/2", POWER, 0.5}};
enum { NULLS = sizeof nulls / sizeof *nulls, ESTIMATED = 3 }; /* with an estimated covariance the first three */

/* Ways that slow down reject at most as often as noise alone does, at any level; the straight one, of noise that is known, exactly as often (RM8). */
START_TEST(level_is_that_of_noise_alone)
{
    enum { COUNT = 12 };
    double t[COUNT], exact[COUNT], q[COUNT], S[COUNT * COUNT] = {0}, size = 0.02;
    struct random_stream stream = random_start(13, (uint64_t)_i, 5);
    size_t copies = copies_of(4000), rejected = 0;
    for (size_t i = 0; i < COUNT; i++) {
        t[i] = (double)i / (COUNT - 1.0);
        exact[i] = way(nulls[_i].shape, nulls[_i].p, t[i]);
    }
    for (size_t i = 0; i < COUNT * COUNT; i++) S[i] = 0.5 * size * size * (exact[i / COUNT] * exact[i % COUNT] + (i % (COUNT + 1) == 0 && i > 0));
    double critical = tested(t, exact, S, COUNT, 0.0).critical;
    for (size_t k = 0; k < copies; k++) {
        noisy_members(&stream, q, exact, COUNT, 1, size);
        rejected += tested(t, q, NULL, COUNT, 0.0).departure > critical;
    }
    double rate = (double)rejected / (double)copies, se = sqrt(0.05 * 0.95 / (double)copies), draws = sqrt(0.05 * 0.95 / 2000.0); /* of the quantile itself */
    printf("represent: false alarms at level 0.05, %s, noise known: %.4f +- %.4f over %zu nulls\n", nulls[_i].name, rate,
           sqrt(fmax(rate * (1.0 - rate), 0.5 / (double)copies) / (double)copies), copies);
    ck_assert_msg(rate <= 0.05 + 4.0 * hypot(se, draws), "%s: rate %g", nulls[_i].name, rate);
    if (nulls[_i].shape == LINEAR) ck_assert_msg(rate >= 0.05 - 4.0 * hypot(se, draws), "straight: rate %g, the level is not used", rate);
}
END_TEST

/* The same from eight members, whose scatter is all that is known of the noise: the level holds, and is not reached. */
START_TEST(false_alarms_keep_to_the_level)
{
    size_t copies = copies_of(1000), found[4], rejected = verdicts(nulls[_i].shape, nulls[_i].p, 0.02, copies, found);
    double n = (double)copies, rate = (double)rejected / n, se = sqrt(0.05 * 0.95 / n);
    printf("represent: false alarms at level 0.05, %s, 8 members: %.4f +- %.4f over %zu nulls; sharp %zu\n", nulls[_i].name, rate,
           sqrt(fmax(rate * (1.0 - rate), 0.5 / n) / n), copies, found[DMFT_RELAXATION_SHARP]);
    ck_assert_msg(rate <= 0.05 + 4.0 * se, "%s: rate %g, at most 0.05 + 4 x %g", nulls[_i].name, rate, se);
    ck_assert_uint_eq(found[DMFT_RELAXATION_SHARP], 0);
}
END_TEST

START_TEST(sharp_changes_are_found)
{
    static const double width[] = {0.02, 0.05, 0.1};
    for (size_t i = 0; i < sizeof width / sizeof *width; i++) {
        size_t copies = copies_of(100), found[4], rejected = verdicts(STEP, width[i], 0.02, copies, found);
        printf("represent: power, step of width %.2f: rejected %zu, sharp %zu of %zu (departure %.3f)\n", width[i], rejected, found[DMFT_RELAXATION_SHARP], copies,
               exactly(STEP, width[i], 12).departure);
        ck_assert_uint_eq(rejected, copies);
        ck_assert_uint_eq(found[DMFT_RELAXATION_SHARP], copies);
    }
}
END_TEST

START_TEST(bad_relaxations_are_refused)
{
    double t[4] = {0, 1, 2, 3}, q[4] = {0, 0.5, 0.8, 1}, S[16] = {0};
    dmft_relaxation x = {.verdict = 77};
    dmft_error err;
    ck_assert_int_eq(dmft_relaxation_test(t, q, NULL, 2, 0, &x, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_relaxation_test(t, q, NULL, 4, -1, &x, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_relaxation_test(t, q, NULL, 4, NAN, &x, &err), DMFT_ERROR_ARGUMENT);
    S[5] = -1.0;
    ck_assert_int_eq(dmft_relaxation_test(t, q, S, 4, 8, &x, &err), DMFT_ERROR_ARGUMENT);
    ck_assert(strstr(err.text, "(1, 1) is -1") != NULL);
    q[2] = NAN;
    ck_assert_int_eq(dmft_relaxation_test(t, q, NULL, 4, 0, &x, &err), DMFT_ERROR_ARGUMENT);
    t[3] = 2;
    ck_assert_int_eq(dmft_relaxation_test(t, q, NULL, 4, 0, &x, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(x.verdict, 77);
    ck_assert_str_eq(dmft_relaxation_text(DMFT_RELAXATION_SHARP), "sharp");
    ck_assert_str_eq(dmft_relaxation_text(99), "unknown");
}
END_TEST

/* ---- whole runs ---- */

/* Features of a muP network move at second order first: an onset, in theory and networks alike; two classes, two separated eigenvalues (RM12). */
START_TEST(training_is_an_onset)
{
    static const char training[] = "training: {learning_rate: 0.2, steps: 31}\noutput: {representations: 1}\n";
    char more[512];
    for (int i = 0; i < 2; i++) {
        (void)snprintf(more, sizeof more, "%s%s", training, i == 0 ? "sampling: {sites: 1024, replicas: 4}\n" : "simulation: {width: 150, seeds: 8}\n");
        dmft_trajectory *t = run(i == 0 ? dmft_solve : dmft_simulate, "tanh", more, 1);
        for (size_t l = 1; l <= 2; l++) {
            dmft_representation *r = NULL;
            ck_assert_int_eq(dmft_representation_create(&r, t, l, NULL), 0);
            const dmft_relaxation *x = dmft_representation_relaxation(r);
            printf("represent: %s, layer %zu: %s, departure %.3f, noise %.3f\n", i == 0 ? "theory" : "networks", l, dmft_relaxation_text(x->verdict), x->departure,
                   x->critical);
            ck_assert_int_eq(x->verdict, DMFT_RELAXATION_ONSET);
            ck_assert_uint_eq(dmft_representation_separated(r, 30), 2);
            ck_assert_double_eq(dmft_representation_step(r, 30), 30.0);
            ck_assert(l == 1 || dmft_representation_explained(r, 30) > 0.98);
            dmft_representation_free(r);
        }
        dmft_trajectory_free(t);
    }
}
END_TEST

/* The way of one update is of second order in its size (RM12); exact numbers. */
START_TEST(first_update_is_of_second_order)
{
    double moved[3][2];
    for (int i = 0; i < 3; i++) {
        char more[128];
        (void)snprintf(more, sizeof more, "training: {learning_rate: %g, steps: 2}\noutput: {representations: 1}\n", 0.04 / (1 << i));
        dmft_trajectory *t = run(dmft_solve, "linear", more, 1);
        moved[i][0] = dmft_trajectory_number(t, "D1_moved");
        moved[i][1] = dmft_trajectory_number(t, "D2_moved");
        ck_assert(isnan(dmft_trajectory_number(t, "D1_moved_noise")));
        dmft_trajectory_free(t);
    }
    for (int l = 0; l < 2; l++) {
        double coarse = moved[0][l] / moved[1][l], fine = moved[1][l] / moved[2][l];
        printf("represent: layer %d, way of the first update at rates 0.04, 0.02, 0.01: ratios %.4f, %.4f\n", l + 1, coarse, fine);
        ck_assert_double_eq_tol(coarse, 4.0, 0.02);
        ck_assert_double_eq_tol(fine, 4.0, 0.005);
    }
}
END_TEST

/* One sample, one record: nothing to tell, and nothing goes wrong. */
START_TEST(smallest_of_all)
{
    dmft_problem *p = problem_of("tanh", "[[1]]", "[1]", "training: {learning_rate: 0.2, steps: 3}\noutput: {representations: 5}\nsimulation: {width: 7, seeds: 2}\n");
    dmft_trajectory *t = NULL;
    dmft_representation *r = NULL;
    dmft_error err;
    ck_assert_int_eq(dmft_simulate(p, NULL, &t, NULL), DMFT_OK);
    ck_assert_int_eq(dmft_representation_create(&r, t, 2, NULL), 0);
    ck_assert(dmft_representation_snapshots(r) == 1 && dmft_representation_dimensions(r) == 1 && dmft_representation_eigenvalues(r) == 1);
    ck_assert(dmft_representation_eigenvalue(r, 0, 0) == 0.0 && dmft_representation_separated(r, 0) == 0);
    ck_assert(dmft_representation_coordinates(r, 0)[0] == 0.0 && isnan(dmft_representation_explained(r, 0)));
    ck_assert_int_eq(dmft_representation_relaxation(r)->verdict, DMFT_RELAXATION_UNTESTED);
    dmft_representation_free(r);
    r = NULL;
    ck_assert_int_eq(dmft_representation_create(&r, t, 3, &err), DMFT_ERROR_ARGUMENT);
    ck_assert(strstr(err.text, "layer 3") != NULL && r == NULL);
    dmft_trajectory_free(t);
    dmft_problem_free(p);
}
END_TEST

/* ---- files ---- */

static const char *path;

static void make_path(void)
{
    make_folder();
    path = in_folder("result.h5");
}

static dmft_trajectory *small_run(void)
{
    return run(dmft_simulate, "tanh", "training: {learning_rate: 0.2, steps: 5}\noutput: {representations: 2}\nsimulation: {width: 9, seeds: 2}\n", 1);
}

START_TEST(arrays_come_back_from_files)
{
    dmft_trajectory *t = small_run(), *read = NULL;
    ck_assert_int_eq(dmft_trajectory_write(t, path, 1, NULL), 0);
    ck_assert_int_eq(dmft_trajectory_read(&read, path, NULL), 0);
    ck_assert_uint_eq(read->array_count, t->array_count);
    ck_assert_uint_eq(t->array_count, 1 + 2 * 3);
    for (size_t i = 0; i < t->array_count; i++) {
        const struct trajectory_array *a = &t->array[i], *b = &read->array[i];
        ck_assert_str_eq(a->name, b->name);
        ck_assert_mem_eq(a->size, b->size, sizeof a->size);
        ck_assert_mem_eq(a->data, b->data, a->size[0] * a->size[1] * a->size[2] * sizeof *a->data);
    }
    dmft_trajectory_free(t);
    dmft_trajectory_free(read);
}
END_TEST

/* What another program may do to them. */
static void change(hid_t file, int how)
{
    static const hsize_t flat[] = {3, 16}, other[] = {2, 4, 4};
    ck_assert(H5Ldelete(file, "arrays/D1", H5P_DEFAULT) >= 0);
    if (how == 0) return;
    hid_t space = H5Screate_simple(how == 1 ? 2 : 3, how == 1 ? flat : other, NULL);
    hid_t set = H5Dcreate2(file, "arrays/D1", how == 2 ? H5T_STD_I64LE : H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    double zeros[48] = {0};
    ck_assert(set >= 0 && H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
}

START_TEST(changed_arrays_are_refused)
{
    dmft_trajectory *t = small_run(), *read = NULL;
    dmft_representation *r = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_trajectory_write(t, path, 1, NULL), 0);
    dmft_trajectory_free(t);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert(file >= 0);
    change(file, _i);
    ck_assert(H5Fclose(file) >= 0);
    int status = dmft_trajectory_read(&read, path, &err);
    if (_i == 2) ck_assert_msg(status == DMFT_ERROR_FORMAT && read == NULL, "%d: %d %s", _i, status, err.text);
    else {
        ck_assert_msg(status == 0, "%s", err.text);
        ck_assert_int_eq(dmft_representation_create(&r, read, 1, &err), _i == 0 ? DMFT_ERROR_ARGUMENT : DMFT_ERROR_FORMAT);
    }
    dmft_trajectory_free(read);
}
END_TEST

/* ---- settings, memory ---- */

START_TEST(setting_is_checked)
{
    static const char *const bad[] = {"0", "-1", "1.5", "true"};
    dmft_config *config = NULL;
    dmft_error err;
    ck_assert_int_eq(dmft_config_create(&config, "mlp", NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_int_eq(dmft_config_set(config, "output.representations", bad[i], &err), DMFT_ERROR_CONFIG);
    ck_assert_int_eq(dmft_config_set(config, "output.representations", "3", NULL), 0);
    dmft_config_free(config);
    ck_assert_int_eq(dmft_config_create(&config, "deep_linear", NULL), 0);
    int status = dmft_config_set(config, "output.representations", "3", &err);
    ck_assert_msg(status < 0 && strstr(err.text, "representations") != NULL, "%d: %s", status, err.text);
    dmft_config_free(config);
}
END_TEST

/* Every allocation of the summary and of the analysis may fail; nothing is left then. */
START_TEST(memory_may_run_out)
{
    dmft_problem *p = problem_of("tanh", four, "[1, 1, -1, -1]", "training: {learning_rate: 0.2, steps: 4}\noutput: {representations: 1}\nsimulation: {width: 5, seeds: 2}\n");
    for (long n = 1, failed = 1; failed; n++) {
        dmft_trajectory *t = NULL;
        dmft_representation *r = NULL;
        allocation_fail_at(n);
        int status = dmft_simulate(p, NULL, &t, NULL), simulated = status == DMFT_OK;
        if (simulated) status = dmft_representation_create(&r, t, 1, NULL);
        if (r != NULL && status == DMFT_OK) status = dmft_representation_align(r, r, NULL);
        failed = allocation_failed();
        allocation_fail_at(0);
        ck_assert_msg(failed ? status == DMFT_ERROR_MEMORY : status == DMFT_OK, "allocation %ld: status %d", n, status);
        dmft_representation_free(r);
        dmft_trajectory_free(t);
    }
    dmft_problem_free(p);
}
END_TEST

Suite *suite_represent(void)
{
    Suite *suite = suite_create("represent");
    TCase *records = tcase_create("records"), *agreement = tcase_create("agreement"), *analysis = tcase_create("analysis"), *files = tcase_create("files");
    tcase_add_loop_test(records, matrices_are_those_of_the_kernels, 0, sizeof recorders / sizeof *recorders);
    tcase_add_test(records, nothing_is_recorded_unless_asked_for);
    tcase_add_test(records, summary_is_that_of_slow_sums);
    tcase_add_test(records, setting_is_checked);
    tcase_add_test(records, memory_may_run_out);
    tcase_add_test(agreement, untrained_networks_have_the_kernels_of_quadrature);
    tcase_add_test(agreement, theory_agrees_with_networks_of_two_widths);
    tcase_add_test(agreement, equal_eigenvalues_repel);
    tcase_add_test(agreement, training_is_an_onset);
    tcase_add_test(agreement, first_update_is_of_second_order);
    tcase_add_test(agreement, smallest_of_all);
    tcase_add_test(analysis, points_come_back);
    tcase_add_test(analysis, part_of_space_is_explained);
    tcase_add_test(analysis, noise_is_no_way);
    tcase_add_test(analysis, groups_are_bands);
    tcase_add_test(analysis, gaps_are_those_of_the_shapes);
    tcase_add_loop_test(analysis, level_is_that_of_noise_alone, 0, NULLS);
    tcase_add_loop_test(analysis, false_alarms_keep_to_the_level, 0, ESTIMATED);
    tcase_add_test(analysis, sharp_changes_are_found);
    tcase_add_test(analysis, bad_relaxations_are_refused);
    tcase_add_checked_fixture(files, make_path, remove_folder);
    tcase_add_test(files, arrays_come_back_from_files);
    tcase_add_loop_test(files, changed_arrays_are_refused, 0, 4);
    suite_add_tcase(suite, records);
    suite_add_tcase(suite, agreement);
    suite_add_tcase(suite, analysis);
    suite_add_tcase(suite, files);
    return suite;
}
