/* The bulk and its resolvent scalars: section 6 of doc/theory.md; the solver for leading eigenpairs against LAPACK's dsyevd. */
#include <check.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dmft.h"
#include "numbers.h"
#include "spectrum/leading.h"
#include "suites.h"

/* ---- bulk edges and resolvent scalars ---- */

static const double ratios[] = {0.05, 0.5, 1.0 / 2.385, 1.0, 2.385, 40.0};
static const double variances[] = {0.25, 1.0, 2.385};
enum { RATIOS = sizeof ratios / sizeof *ratios, VARIANCES = sizeof variances / sizeof *variances };

static double upper_edge(double sigma2, double psi)
{
    double edges[2];
    ck_assert_int_eq(dmft_bulk_edges(sigma2, psi, edges, NULL), DMFT_OK);
    return edges[1];
}

static dmft_resolvent resolvent(double z, double sigma2, double psi)
{
    dmft_resolvent r;
    dmft_error err = {.text = ""};
    int status = dmft_resolvent_at(z, sigma2, psi, &r, &err);
    ck_assert_msg(status == DMFT_OK, "z %.17g sigma2 %g psi %g: %s", z, sigma2, psi, err.text);
    return r;
}

START_TEST(edges_are_those_of_Z2)
{
    for (size_t i = 0; i < RATIOS; i++)
        for (size_t k = 0; k < VARIANCES; k++) {
            double psi = ratios[i], v = variances[k], edges[2];
            ck_assert_int_eq(dmft_bulk_edges(v, psi, edges, NULL), DMFT_OK);
            /* the edges are where the discriminant (z^2 - sigma^2(1+psi))^2 - 4 sigma^4 psi of (O3) vanishes */
            for (int e = 0; e < 2; e++) {
                double q = edges[e] * edges[e] - v * (1.0 + psi);
                ck_assert_double_le(fabs(q * q - 4.0 * v * v * psi), 1e-13 * v * v * (1.0 + psi) * (1.0 + psi));
            }
            ck_assert(edges[0] >= 0.0 && edges[0] < edges[1]);
        }
    double edges[2];
    ck_assert_int_eq(dmft_bulk_edges(0.0, 2.385, edges, NULL), DMFT_OK);
    ck_assert(edges[0] == 0.0 && edges[1] == 0.0);
    ck_assert_int_eq(dmft_bulk_edges(2.0, 1.0, edges, NULL), DMFT_OK);
    ck_assert(edges[0] == 0.0);
}
END_TEST

/* (O3), its quadratic and its branch, the trace identity b = psi a + (1 - psi)/z, signs of the derivatives, scaling. */
static void check_identities(double z, double v, double psi)
{
    dmft_resolvent r = resolvent(z, v, psi);
    assert_close(r.a * (z - v * r.b), 1.0, 1e-13, "a (z - sigma2 b)");
    assert_close(r.b * (z - v * psi * r.a), 1.0, 1e-13, "b (z - sigma2 psi a)");
    assert_close(r.b, psi * r.a + (1.0 - psi) / z, 1e-13 * fmax(1.0, psi), "b by the trace");
    ck_assert_double_le(r.a * r.b * v * sqrt(psi), 1.0 + 1e-12); /* the smaller root: below 1/(sigma^2 sqrt(psi)) of (Z5) */
    ck_assert(r.a > 0.0 && r.b > 0.0 && r.da < 0.0 && r.db < 0.0);
    dmft_resolvent s = resolvent(3.7 * z, 3.7 * 3.7 * v, psi);
    assert_close(s.a * 3.7, r.a, 1e-9, "a under scaling");
    assert_close(s.db * 3.7 * 3.7, r.db, 1e-7, "db under scaling");
}

static const double above[] = {1e-6, 1e-3, 0.03, 0.7, 4.0, 1e3};
enum { ABOVE = sizeof above / sizeof *above };

START_TEST(resolvent_obeys_O3)
{
    for (size_t i = 0; i < RATIOS; i++)
        for (size_t k = 0; k < VARIANCES; k++)
            for (size_t j = 0; j < ABOVE; j++)
                check_identities(upper_edge(variances[k], ratios[i]) * (1.0 + above[j]), variances[k], ratios[i]);
}
END_TEST

/* (Z1): a = int z/(z^2 - x) over the Marchenko-Pastur law of G G^T of order M. With x = sigma^2(1 + psi + 2 sqrt(psi) cos theta) its
 * continuous part is 2 sigma^2 sin^2(theta)/(pi x) d theta, and the trapezoidal rule converges geometrically. */
static double trace_resolvent(double z, double v, double psi)
{
    enum { NODES = 20000 };
    double sum = 0.0;
    for (int i = 1; i < NODES; i++) {
        double theta = M_PI * i / NODES, x = v * (1.0 + psi + 2.0 * sqrt(psi) * cos(theta));
        sum += 2.0 * v * sin(theta) * sin(theta) / x * z / (z * z - x) / NODES;
    }
    if (psi == 1.0) sum += (2.0 * z / (z * z)) / (2.0 * NODES); /* the end theta = pi: sin^2/x tends to 1/sigma^2 */
    return sum + (psi > 1.0 ? (1.0 - 1.0 / psi) / z : 0.0);
}

START_TEST(resolvent_is_the_trace_Z1)
{
    for (size_t i = 0; i < RATIOS; i++)
        for (size_t k = 0; k < VARIANCES; k++)
            for (size_t j = 2; j < ABOVE; j++) {
                double psi = ratios[i], v = variances[k], z = upper_edge(v, psi) * (1.0 + above[j]);
                assert_close(resolvent(z, v, psi).a, trace_resolvent(z, v, psi), 1e-11, "a against the integral");
            }
}
END_TEST

/* Central differences at h and h/2, extrapolated: an error of order h^4. */
static void check_derivatives(double z, double v, double psi, double edge)
{
    double h = 0.02 * fmin(z, z - edge), da[2], db[2];
    for (int i = 0; i < 2; i++) {
        double step = i == 0 ? h : 0.5 * h;
        dmft_resolvent up = resolvent(z + step, v, psi), down = resolvent(z - step, v, psi);
        da[i] = (up.a - down.a) / (2.0 * step);
        db[i] = (up.b - down.b) / (2.0 * step);
    }
    dmft_resolvent r = resolvent(z, v, psi);
    assert_close(r.da, (4.0 * da[1] - da[0]) / 3.0, 1e-6, "da");
    assert_close(r.db, (4.0 * db[1] - db[0]) / 3.0, 1e-6, "db");
}

START_TEST(derivatives_are_those_of_differences)
{
    for (size_t i = 0; i < RATIOS; i++)
        for (size_t k = 0; k < VARIANCES; k++)
            for (size_t j = 1; j < ABOVE; j++) {
                double edge = upper_edge(variances[k], ratios[i]);
                check_derivatives(edge * (1.0 + above[j]), variances[k], ratios[i], edge);
            }
}
END_TEST

START_TEST(edge_values_are_those_of_Z5)
{
    for (size_t i = 0; i < RATIOS; i++)
        for (size_t k = 0; k < VARIANCES; k++) {
            double psi = ratios[i], v = variances[k];
            dmft_resolvent r = resolvent(upper_edge(v, psi), v, psi);
            assert_close(r.a, 1.0 / sqrt(v * psi), 1e-13, "a at the edge");
            assert_close(r.b, 1.0 / sqrt(v), 1e-13, "b at the edge");
            ck_assert(isinf(r.da) && r.da < 0.0 && isinf(r.db) && r.db < 0.0);
        }
}
END_TEST

START_TEST(resolvent_decays_far_out)
{
    dmft_resolvent r = resolvent(1e8, 2.385, 0.7);
    assert_close(r.a * 1e8, 1.0, 1e-13, "a z");
    assert_close(r.b * 1e8, 1.0, 1e-13, "b z");
    assert_close(r.da * 1e16, -1.0, 1e-13, "da z^2");
}
END_TEST

START_TEST(without_bulk_the_resolvent_is_1_over_z)
{
    for (size_t i = 0; i < RATIOS; i++)
        for (double z = 1e-3; z < 1e4; z *= 7.0) {
            dmft_resolvent r = resolvent(z, 0.0, ratios[i]);
            assert_close(r.a, 1.0 / z, 1e-15, "a");
            assert_close(r.b, 1.0 / z, 1e-15, "b");
            assert_close(r.da, -1.0 / (z * z), 1e-15, "da");
            assert_close(r.db, -1.0 / (z * z), 1e-15, "db");
        }
}
END_TEST

/* A refusal: status in the return value and in err, the number in the text, the output as it was. */
static void check_refusal(double z, double v, double psi, const char *number)
{
    dmft_resolvent r = {.a = 1.5, .b = 2.5, .da = 3.5, .db = 4.5};
    dmft_error err = {.status = 77, .text = ""};
    ck_assert_int_eq(dmft_resolvent_at(z, v, psi, &r, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(err.status, DMFT_ERROR_ARGUMENT);
    ck_assert_msg(strstr(err.text, number) != NULL, "'%s' does not name %s", err.text, number);
    ck_assert(r.a == 1.5 && r.b == 2.5 && r.da == 3.5 && r.db == 4.5);
    ck_assert_int_eq(dmft_resolvent_at(z, v, psi, &r, NULL), DMFT_ERROR_ARGUMENT);
}

static void check_edge_refusal(double v, double psi, const char *number)
{
    double edges[2] = {1.5, 2.5};
    dmft_error err = {.status = 77, .text = ""};
    ck_assert_int_eq(dmft_bulk_edges(v, psi, edges, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(err.status, DMFT_ERROR_ARGUMENT);
    ck_assert_msg(strstr(err.text, number) != NULL, "'%s' does not name %s", err.text, number);
    ck_assert(edges[0] == 1.5 && edges[1] == 2.5);
    check_refusal(1e9, v, psi, number);
}

START_TEST(bad_arguments_are_refused)
{
    check_edge_refusal(-0.2385, 1.0, "-0.2385");
    check_edge_refusal(NAN, 1.0, "nan");
    check_edge_refusal(INFINITY, 1.0, "inf");
    check_edge_refusal(1.0, 0.0, "0");
    check_edge_refusal(1.0, -2.385, "-2.385");
    check_edge_refusal(1.0, NAN, "nan");
    check_edge_refusal(1.0, INFINITY, "inf");
    check_refusal(1.9375, 1.0, 1.0, "1.9375");
    check_refusal(1.9375, 1.0, 1.0, "edge 2,");
    check_refusal(0.0, 0.0, 1.0, "0");
    check_refusal(-2.385, 0.0, 1.0, "-2.385");
    check_refusal(-2.385, 1.0, 0.5, "-2.385");
    check_refusal(NAN, 1.0, 1.0, "nan");
    check_refusal(INFINITY, 1.0, 1.0, "inf");
}
END_TEST

/* ---- leading eigenpairs ---- */

struct dense {
    const double *B;
    size_t n;
};

static void multiply(void *context, size_t n, const double *x, double *y)
{
    const struct dense *d = context;
    ck_assert_uint_eq(n, d->n);
    for (size_t i = 0; i < n; i++) {
        y[i] = 0.0;
        for (size_t j = 0; j < n; j++) y[i] += d->B[i * n + j] * x[j];
    }
}

static double *random_symmetric(size_t n, unsigned long seed)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    double *B = numbers(n * n);
    gsl_rng_set(rng, seed);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) B[i * n + j] = B[j * n + i] = gsl_ran_gaussian_ziggurat(rng, 1.0);
    gsl_rng_free(rng);
    return B;
}

/* Q diag(values) Q^T with Q from the eigenvectors of a random symmetric matrix. */
static double *with_spectrum(size_t n, const double *values, unsigned long seed)
{
    double *Q = random_symmetric(n, seed), *B = numbers(n * n), *w = numbers(n);
    ck_assert_int_eq(LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'V', 'U', (int)n, Q, (int)n, w), 0);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < n; k++) sum += Q[i * n + k] * values[k] * Q[j * n + k];
            B[i * n + j] = B[j * n + i] = sum;
        }
    free(Q);
    free(w);
    return B;
}

static double *lapack_values(const double *B, size_t n) /* rising */
{
    double *copy = numbers(n * n), *w = numbers(n);
    memcpy(copy, B, n * n * sizeof *B);
    ck_assert_int_eq(LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'N', 'U', (int)n, copy, (int)n, w), 0);
    free(copy);
    return w;
}

/* What was found: values those of LAPACK, unit vectors orthogonal to each other, residuals as promised. `noise`: rounding of B itself. */
static void check_pairs(const double *B, size_t n, size_t count, double tolerance, double noise, const double *values,
                        const double *vectors, size_t stride)
{
    double *w = lapack_values(B, n), *y = numbers(n), size = n > 0 ? fmax(fabs(w[0]), fabs(w[n - 1])) : 0.0;
    struct dense d = {B, n};
    for (size_t j = 0; j < count; j++) {
        if (j >= n) {
            ck_assert(isinf(values[j]) && values[j] < 0.0);
            continue;
        }
        double allowed = 3.0 * tolerance * fabs(values[j]) + noise * size, missing = 0.0;
        ck_assert_msg(fabs(values[j] - w[n - 1 - j]) <= allowed, "order %zu, pair %zu of %zu: %.15g, LAPACK %.15g", n, j + 1, count,
                      values[j], w[n - 1 - j]);
        multiply(&d, n, vectors + j * stride, y);
        for (size_t i = 0; i < n; i++) missing += pow(y[i] - values[j] * vectors[j * stride + i], 2.0);
        ck_assert_msg(sqrt(missing) <= allowed, "order %zu, pair %zu: residual %.3g", n, j + 1, sqrt(missing));
        for (size_t k = 0; k <= j; k++) {
            double dot = 0.0;
            for (size_t i = 0; i < n; i++) dot += vectors[j * stride + i] * vectors[k * stride + i];
            ck_assert_double_le(fabs(dot - (j == k)), 1e-11);
        }
    }
    free(w);
    free(y);
}

static spectrum_leading *workspace(size_t order, size_t want)
{
    spectrum_leading *w = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(spectrum_leading_create(&w, order, want, &err) == DMFT_OK, "%s", err.text);
    return w;
}

static void solve_and_check(const double *B, size_t n, size_t count, double tolerance, double noise)
{
    struct dense d = {B, n};
    spectrum_leading *w = workspace(n, count);
    double *values = numbers(count), *vectors = numbers((count + 1) * (n + 3));
    dmft_error err = {.text = ""};
    int status = spectrum_leading_solve(w, multiply, &d, n, count, 0, tolerance, values, vectors, n + 3, &err);
    ck_assert_msg(status == DMFT_OK, "order %zu, count %zu: %s", n, count, err.text);
    check_pairs(B, n, count, tolerance, noise, values, vectors, n + 3);
    ck_assert_int_gt(spectrum_leading_products(w), 0);
    spectrum_leading_free(w);
    free(values);
    free(vectors);
}

static const size_t orders[] = {1, 2, 3, 17, 64, 200};

START_TEST(random_matrices)
{
    size_t n = orders[_i / 4], count = (size_t)_i % 4 + 1;
    for (unsigned long seed = 1; seed <= 3; seed++) {
        double *B = random_symmetric(n, seed);
        solve_and_check(B, n, count, 1e-10, 1e-13);
        free(B);
    }
}
END_TEST

/* Spectra that are hard for a Krylov space: 0 clustered, 1 degenerate, 2 all negative, 3 huge and tiny, 4 the identity, 5 two-fold pairs. */
static void hard_spectrum(int kind, size_t n, double *values)
{
    for (size_t i = 0; i < n; i++) {
        double x = (double)i / (double)n;
        switch (kind) {
        case 0: values[i] = i < 4 ? 1.0 + 1e-6 * (double)i : -x; break;
        case 1: values[i] = i < 3 ? 2.385 : 1.0 - x; break;
        case 2: values[i] = -0.5 - x * x; break;
        case 3: values[i] = pow(10.0, -12.0 * x); break;
        case 4: values[i] = 1.0; break;
        default: values[i] = 1.0 + (double)(i / 2); break;
        }
    }
}

START_TEST(hard_spectra)
{
    int kind = _i % 6;
    size_t n = orders[_i / 6];
    double values[200];
    hard_spectrum(kind, n, values);
    double *B = with_spectrum(n, values, 5);
    for (size_t count = 1; count <= 4; count++) solve_and_check(B, n, count, 1e-10, 1e-12);
    free(B);
}
END_TEST

START_TEST(zero_matrix)
{
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        double *B = numbers(orders[i] * orders[i]);
        for (size_t count = 1; count <= 4; count++) solve_and_check(B, orders[i], count, 1e-10, 0.0);
        free(B);
    }
}
END_TEST

/* A few positive eigenvalues among zeros, as the pencil of a matrix without bulk has them: pairs beyond the rank have the value 0. */
START_TEST(low_rank)
{
    size_t n = orders[_i];
    double values[200] = {0.0};
    for (size_t i = 0; i < 2 && i < n; i++) values[i] = 1.0 + 0.5 * (double)i;
    double *B = with_spectrum(n, values, 9);
    for (size_t count = 1; count <= 4; count++) solve_and_check(B, n, count, 1e-10, 1e-13);
    values[0] = -1.0; /* now the largest eigenvalue may be a zero of high multiplicity */
    if (n > 1) values[1] = -2.0;
    free(B);
    B = with_spectrum(n, values, 9);
    for (size_t count = 1; count <= 4; count++) solve_and_check(B, n, count, 1e-10, 1e-13);
    free(B);
}
END_TEST

enum { START_KINDS = 6 };

/* Start vectors of all kinds: none of them may change what is found. 0 zero, 1 all equal, 2 dependent and scaled, 3 random, 4 the exact
 * vectors turned a little, 5 the exact vectors of the smallest eigenvalues with a trace of the rest. */
static void start_vectors(int kind, size_t n, size_t starts, const double *Q, gsl_rng *rng, double *vectors, size_t stride)
{
    for (size_t j = 0; j < starts; j++)
        for (size_t i = 0; i < n; i++) {
            double noise = gsl_ran_gaussian_ziggurat(rng, 1.0), *x = vectors + j * stride + i;
            size_t top = n - 1 - (j < n ? j : n - 1), bottom = j < n ? j : n - 1;
            switch (kind) {
            case 0: *x = 0.0; break;
            case 1: *x = 1.0; break;
            case 2: *x = (j % 2 == 0 ? 1e-200 : -1e150) * (1.0 + (double)i); break;
            case 3: *x = 1e5 * noise; break;
            case 4: *x = Q[i * n + top] + 1e-6 * noise; break;
            default: *x = Q[i * n + bottom] + 1e-3 * noise; break;
            }
        }
}

START_TEST(start_vectors_do_not_matter)
{
    int kind = _i % START_KINDS;
    size_t n = orders[_i / START_KINDS], w_stride = n + 1;
    double *B = random_symmetric(n, 11), *Q = numbers(n * n), *w = numbers(n), values[4], *vectors = numbers(5 * w_stride);
    struct dense d = {B, n};
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    memcpy(Q, B, n * n * sizeof *Q);
    ck_assert_int_eq(LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'V', 'U', (int)n, Q, (int)n, w), 0);
    spectrum_leading *solver = workspace(n + 7, 4); /* larger than the problem */
    for (size_t count = 1; count <= 4; count++)
        for (size_t starts = 0; starts <= count + 1; starts++) {
            dmft_error err = {.text = ""};
            start_vectors(kind, n, starts, Q, rng, vectors, w_stride);
            int status = spectrum_leading_solve(solver, multiply, &d, n, count, starts, 1e-10, values, vectors, w_stride, &err);
            ck_assert_msg(status == DMFT_OK, "%s", err.text);
            check_pairs(B, n, count, 1e-10, 1e-13, values, vectors, w_stride);
        }
    spectrum_leading_free(solver);
    gsl_rng_free(rng);
    free(B);
    free(Q);
    free(w);
    free(vectors);
}
END_TEST

START_TEST(warm_starts_are_cheap_and_repeatable)
{
    enum { N = 200 };
    double *B = random_symmetric(N, 3), *vectors = numbers(3 * N), *again = numbers(3 * N), values[2], same[2];
    struct dense d = {B, N};
    spectrum_leading *w = workspace(N, 2);
    ck_assert_int_eq(spectrum_leading_solve(w, multiply, &d, N, 2, 0, 1e-10, values, vectors, N, NULL), DMFT_OK);
    long cold = spectrum_leading_products(w);
    ck_assert_int_eq(spectrum_leading_solve(w, multiply, &d, N, 2, 0, 1e-10, same, again, N, NULL), DMFT_OK);
    ck_assert_int_eq(memcmp(vectors, again, 2 * N * sizeof *again), 0);
    long before = spectrum_leading_products(w);
    ck_assert_int_eq(before, 2 * cold);
    ck_assert_int_eq(spectrum_leading_solve(w, multiply, &d, N, 2, 2, 1e-8, values, vectors, N, NULL), DMFT_OK);
    ck_assert_int_le(spectrum_leading_products(w) - before, 4);
    check_pairs(B, N, 2, 1e-8, 1e-13, values, vectors, N);
    spectrum_leading_free(w);
    free(B);
    free(vectors);
    free(again);
}
END_TEST

/* The floor: pairs surely below it need not be found; those above it are as exact as without. */
START_TEST(floor_spares_what_lies_below)
{
    enum { N = 200 };
    double spectrum[N], values[3], *vectors = numbers(4 * N);
    for (int i = 0; i < N; i++) spectrum[i] = i == 0 ? 3.0 : 1.0 - (double)i / (100.0 * N);
    double *B = with_spectrum(N, spectrum, 21);
    struct dense d = {B, N};
    spectrum_leading *w = workspace(N, 3);
    ck_assert_int_eq(spectrum_leading_solve(w, multiply, &d, N, 3, 0, 1e-10, values, vectors, N, NULL), DMFT_OK);
    long full = spectrum_leading_products(w);
    spectrum_leading_set_floor(w, 1.5);
    ck_assert_int_eq(spectrum_leading_solve(w, multiply, &d, N, 3, 0, 1e-10, values, vectors, N, NULL), DMFT_OK);
    ck_assert_int_lt(spectrum_leading_products(w) - full, full);
    assert_close(values[0], 3.0, 1e-9, "the value above the floor");
    ck_assert(values[1] < 1.5 && values[2] < 1.5);
    spectrum_leading_free(w);
    free(B);
    free(vectors);
}
END_TEST

/* Another answer to every question: no eigenvector at all. */
static void erratic(void *context, size_t n, const double *x, double *y)
{
    long *calls = context;
    ++*calls;
    for (size_t i = 0; i < n; i++) y[i] = sin(1e3 * (double)*calls + (double)i) + 0.0 * x[i];
}

START_TEST(no_convergence_is_reported)
{
    enum { N = 200 };
    long calls = 0;
    double values[2], *vectors = numbers(3 * N);
    dmft_error err = {.text = ""};
    spectrum_leading *w = workspace(N, 2);
    ck_assert_int_eq(spectrum_leading_solve(w, erratic, &calls, N, 2, 0, 1e-14, values, vectors, N, &err), DMFT_ERROR_NUMERIC);
    ck_assert_int_eq(err.status, DMFT_ERROR_NUMERIC);
    ck_assert_msg(strstr(err.text, "200") != NULL, "'%s' does not name the order", err.text);
    spectrum_leading_free(w);
    free(vectors);
}
END_TEST

Suite *suite_spectrum(void)
{
    Suite *s = suite_create("spectrum");
    TCase *bulk = tcase_create("bulk"), *leading = tcase_create("leading");
    tcase_add_test(bulk, edges_are_those_of_Z2);
    tcase_add_test(bulk, resolvent_obeys_O3);
    tcase_add_test(bulk, resolvent_is_the_trace_Z1);
    tcase_add_test(bulk, derivatives_are_those_of_differences);
    tcase_add_test(bulk, edge_values_are_those_of_Z5);
    tcase_add_test(bulk, resolvent_decays_far_out);
    tcase_add_test(bulk, without_bulk_the_resolvent_is_1_over_z);
    tcase_add_test(bulk, bad_arguments_are_refused);
    tcase_add_loop_test(leading, random_matrices, 0, 24);
    tcase_add_loop_test(leading, hard_spectra, 0, 36);
    tcase_add_test(leading, zero_matrix);
    tcase_add_loop_test(leading, low_rank, 0, 6);
    tcase_add_loop_test(leading, start_vectors_do_not_matter, 0, 6 * START_KINDS);
    tcase_add_test(leading, warm_starts_are_cheap_and_repeatable);
    tcase_add_test(leading, floor_spares_what_lies_below);
    tcase_add_test(leading, no_convergence_is_reported);
    suite_add_tcase(s, bulk);
    suite_add_tcase(s, leading);
    return s;
}
