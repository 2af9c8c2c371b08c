/* Generalised Marchenko-Pastur laws: section 29 of doc/theory.md; closed forms, reference numbers, sampled matrices. */
#include <check.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocation.h"
#include "base/random.h"
#include "numbers.h"
#include "reference.h"
#include "spectrum/law.h"
#include "suites.h"

enum { MOST = 4096 };

/* A population that owns its arrays. */
struct population {
    double tau[MOST + 2], weight[MOST + 2], band[2][2];
};

static struct spectrum_law law_of(const struct population *p, double ratio, size_t nodes, size_t bands)
{
    return (struct spectrum_law){.ratio = ratio, .nodes = nodes, .tau = p->tau, .weight = p->weight, .bands = bands, .band = (const double(*)[2])p->band};
}

/* tau = shift + scale s, s of Marchenko-Pastur (LA5) with part `mass`, else 0. */
static struct spectrum_law affine(struct population *p, double ratio, double q, double mass, double shift, double scale, size_t n)
{
    double band[2];
    spectrum_marchenko_pastur_nodes(q, n, p->tau, p->weight, band);
    for (size_t k = 0; k <= n; k++) {
        p->tau[k] = shift + scale * p->tau[k];
        p->weight[k] *= mass;
    }
    p->band[1][0] = shift + scale * band[0];
    p->band[1][1] = shift + scale * band[1];
    p->tau[n + 1] = p->band[0][0] = p->band[0][1] = shift;
    p->weight[n + 1] = 1.0 - mass;
    struct spectrum_law law = law_of(p, ratio, n + 2, 2);
    if (mass == 1.0) law.bands = 1, law.band++;
    return law;
}

/* ---- closed forms ---- */

START_TEST(one_atom_is_marchenko_pastur)
{
    static const double ratios[] = {0.05, 0.5, 1.0, 2.385, 40.0};
    for (size_t i = 0; i < 5; i++) {
        double r = ratios[i], tau = 2.385, edge[2][2];
        struct population p = {.tau = {tau}, .weight = {1.0}, .band = {{tau, tau}}};
        struct spectrum_law law = law_of(&p, r, 1, 1);
        size_t count;
        ck_assert_int_eq(spectrum_law_edges(&law, edge, 2, &count, NULL), DMFT_OK);
        ck_assert_uint_eq(count, 1);
        double low = tau * gsl_pow_2(1.0 - sqrt(r)), high = tau * gsl_pow_2(1.0 + sqrt(r));
        ck_assert_double_le(fabs(edge[0][0] - low), 1e-12 * high);
        assert_close(edge[0][1], high, 1e-14, "upper edge");
        for (double x = low + 0.01 * (high - low); x < high; x += 0.0817 * (high - low)) {
            double density;
            ck_assert_int_eq(spectrum_law_density(&law, x, &density, NULL), DMFT_OK);
            assert_close(density, sqrt((x - low) * (high - x)) / (2.0 * M_PI * tau * x), 1e-12, "density");
        }
        spectrum_curve *c;
        ck_assert_int_eq(spectrum_curve_create(&c, &law, 200, NULL), DMFT_OK);
        assert_close(spectrum_curve_mass(c, 0), fmin(1.0, r), 1e-12, "mass");
        assert_close(spectrum_law_zero(&law) + fmin(1.0, r), 1.0, 1e-14, "mass at 0");
        for (double part = 0.03; part < 1.0; part += 0.0817) {
            double x = spectrum_curve_quantile(c, part);
            if (part < spectrum_law_zero(&law))
                ck_assert(x == 0.0);
            else
                assert_close(spectrum_curve_part(c, x), part, 1e-12, "part of a quantile");
        }
        spectrum_curve_free(c);
    }
}
END_TEST

/* Moments of Marchenko-Pastur: E s^k = sum of Narayana numbers times powers of q. 2n is enough for degree 2n, whatever q. */
START_TEST(nodes_are_exact_for_polynomials)
{
    static const double ratios[] = {1e-6, 0.1, 0.6, 0.99, 1.0};
    for (size_t i = 0; i < 5; i++) {
        double q = ratios[i], s[6], w[6], band[2], moment[9] = {0.0};
        spectrum_marchenko_pastur_nodes(q, 4, s, w, band);
        for (size_t k = 0; k <= 4; k++)
            for (int d = 0; d <= 8; d++) moment[d] += w[k] * pow(s[k], d);
        for (int d = 0; d <= 8; d++) {
            double exact = d == 0, choose = 1.0; /* choose: C(d, r) C(d-1, r)/(r+1), by recursion */
            for (int r = 0; r < d; r++) {
                exact += choose * pow(q, r);
                choose *= (double)(d - r) * (double)(d - 1 - r) / ((double)(r + 1) * (double)(r + 2));
            }
            assert_close(moment[d], exact, 1e-13, "moment");
        }
    }
}
END_TEST

/* The graded rule (LA6) against the resolvent of the law, E 1/(s + d), for d down to where it is 1/sqrt(d) (q = 1), and its moments. */
START_TEST(graded_nodes_resolve_the_ends)
{
    static const double ratios[] = {1e-6, 0.3, 0.999, 1.0};
    double s[400], w[400], band[2];
    for (size_t i = 0; i < 4; i++) {
        double q = ratios[i], mean = 0.0, square = 0.0;
        spectrum_marchenko_pastur_graded(q, 400, s, w, band);
        for (size_t k = 0; k < 400; k++) {
            mean += w[k] * s[k];
            square += w[k] * s[k] * s[k];
            ck_assert(s[k] >= band[0] && s[k] <= band[1] * (1.0 + 1e-15) && (k == 0 || s[k] >= s[k - 1]));
        }
        assert_close(mean, 1.0, 1e-12, "mean");
        assert_close(square, 1.0 + q, 1e-12, "mean square");
        for (double d = 1.0; d > 1e-13; d *= 1e-2) {
            double sum = 0.0, low = gsl_pow_2(1.0 - sqrt(q)) + d, high = gsl_pow_2(1.0 + sqrt(q)) + d;
            for (size_t k = 0; k < 400; k++) sum += w[k] / (s[k] + d);
            /* (q - 1 - d + sqrt((1 + q + d)^2 - 4 q))/(2 q d), without its cancellation; the square is low x high */
            assert_close(sum, 2.0 / (1.0 - q + d + sqrt(low * high)), 1e-9, "resolvent");
        }
    }
    spectrum_marchenko_pastur_graded(0.5, 1, s, w, band);
    ck_assert(w[0] == 1.0 && s[0] > band[0] && s[0] < band[1]);
}
END_TEST

/* Two atoms: the bulk splits where the largest slope between them is 0, which for a tau^2-weighted pair is a closed form: with v = (w_k tau_k^2)^(1/3),
 * min over y of sum w tau^2/(y - tau)^2 = (v_1 + v_2)^3/(tau_2 - tau_1)^2. */
START_TEST(two_atoms_split_where_they_should)
{
    struct population p = {.tau = {1.0, 5.0}, .weight = {0.7, 0.3}, .band = {{1.0, 1.0}, {5.0, 5.0}}};
    double critical = 16.0 / gsl_pow_3(cbrt(0.7) + cbrt(0.3 * 25.0)), edge[2][2];
    size_t count;
    struct spectrum_law law = law_of(&p, critical * (1.0 + 1e-9), 2, 2);
    ck_assert_int_eq(spectrum_law_edges(&law, edge, 2, &count, NULL), DMFT_OK);
    ck_assert_uint_eq(count, 1);
    law.ratio = critical * (1.0 - 1e-9);
    ck_assert_int_eq(spectrum_law_edges(&law, edge, 2, &count, NULL), DMFT_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert(edge[0][1] < edge[1][0] && edge[1][0] - edge[0][1] < 1e-10);
    dmft_error err;
    ck_assert_int_eq(spectrum_law_edges(&law, edge, 1, &count, &err), DMFT_ERROR_ARGUMENT);
    law.ratio = 0.01; /* every band holds its atom's part of the eigenvalues */
    spectrum_curve *c;
    ck_assert_int_eq(spectrum_curve_create(&c, &law, 64, NULL), DMFT_OK);
    ck_assert_uint_eq(spectrum_curve_bands(c), 2);
    assert_close(spectrum_curve_mass(c, 0), 0.007, 1e-12, "lower mass");
    assert_close(spectrum_curve_mass(c, 1), 0.003, 1e-12, "upper mass");
    assert_close(spectrum_curve_part(c, 3.0), 0.997, 1e-14, "part up to the gap");
    spectrum_curve_free(c);
}
END_TEST

START_TEST(zeros_are_an_atom)
{
    struct population p = {.tau = {0.0, 1.0}, .weight = {0.25, 0.75}, .band = {{0.0, 0.0}, {1.0, 1.0}}};
    struct spectrum_law law = law_of(&p, 0.8, 2, 2);
    double edge[2][2];
    size_t count;
    ck_assert_int_eq(spectrum_law_edges(&law, edge, 2, &count, NULL), DMFT_OK);
    ck_assert_uint_eq(count, 1);
    assert_close(edge[0][0], gsl_pow_2(1.0 - sqrt(0.6)), 1e-13, "lower edge"); /* 0.75 x 0.8 rows are left */
    assert_close(edge[0][1], gsl_pow_2(1.0 + sqrt(0.6)), 1e-14, "upper edge");
    assert_close(spectrum_law_zero(&law), 0.4, 1e-14, "mass at 0");
    p.tau[1] = 0.0;
    ck_assert_int_eq(spectrum_law_edges(&law, edge, 2, &count, NULL), DMFT_OK);
    ck_assert_uint_eq(count, 0);
}
END_TEST

/* ---- the equations ---- */

/* (LA4) against the integral of the density: over band b, and over a part of it. */
static void check_masses(const spectrum_curve *c, size_t b)
{
    const double *band = spectrum_curve_band(c, b), *density = spectrum_curve_density(c, b);
    double integral = 0.0;
    for (int j = 0; j < 150; j++) integral += density[j] * 0.5 * (band[1] - band[0]) * sin(M_PI * (j + 0.5) / 150) * M_PI / 150;
    assert_close(spectrum_curve_mass(c, b), integral, 1e-10, "mass by quadrature");
    double from = band[0] + 0.31 * (band[1] - band[0]), width = 0.25 * (band[1] - band[0]);
    static const double node[] = {-0.9324695142031521, -0.6612093864662645, -0.2386191860831969, 0.2386191860831969, 0.6612093864662645, 0.9324695142031521};
    static const double gauss[] = {0.1713244923791704, 0.3607615730481386, 0.4679139345726910, 0.4679139345726910, 0.3607615730481386, 0.1713244923791704};
    integral = 0.0;
    for (int j = 0; j < 6; j++) integral += 0.5 * width * gauss[j] * spectrum_curve_at(c, from + 0.5 * width * (1.0 + node[j]));
    assert_close(spectrum_curve_part(c, from + width) - spectrum_curve_part(c, from), integral, 1e-6, "part by quadrature");
}

/* A bulk of two bands on a population of a band and an atom: each edge is a minimum or maximum of x(m), m(z) solves (LA1), masses are complete. */
START_TEST(solutions_solve_the_equations)
{
    static struct population p;
    struct spectrum_law law = affine(&p, 0.2, 0.4, 0.6, 0.05, 1.7, 300);
    double edge[3][2];
    size_t count;
    ck_assert_int_eq(spectrum_law_edges(&law, edge, 3, &count, NULL), DMFT_OK);
    ck_assert_uint_eq(count, 2);
    for (size_t b = 0; b < count; b++)
        for (int e = 0; e < 2; e++)
            for (int side = -1; side <= 1; side += 2) { /* just outside a real m, just inside a density like a root */
                double complex m;
                double x = edge[b][e] * (1.0 + 1e-8 * side), out = (e == 0) == (side < 0);
                ck_assert_int_eq(spectrum_law_stieltjes(&law, x, &m, NULL), DMFT_OK);
                ck_assert_msg((cimag(m) > 1e-6 * cabs(m)) == (out == 0.0), "x %.12g m %g %g", x, creal(m), cimag(m));
                if (out != 0.0) {
                    assert_close(spectrum_law_x(&law, creal(m)), x, 1e-12, "x(m)");
                    ck_assert(spectrum_law_slope(&law, creal(m)) > 0.0);
                }
            }
    for (int i = 0; i < 40; i++) {
        double complex z = 0.013 + 0.11 * i + I * (i % 3 == 0 ? 0.0 : pow(10.0, -i % 7)), m, x = 0.0;
        ck_assert_int_eq(spectrum_law_stieltjes(&law, z, &m, NULL), DMFT_OK);
        for (size_t k = 0; k < law.nodes; k++) x += law.weight[k] * law.tau[k] / (1.0 + law.tau[k] * m);
        ck_assert_double_le(cabs(law.ratio * x - 1.0 / m - z), 1e-11 * cabs(z));
        ck_assert(cimag(m) > -1e-13 * cabs(m));
    }
    spectrum_curve *c;
    ck_assert_int_eq(spectrum_curve_create(&c, &law, 150, NULL), DMFT_OK);
    assert_close(spectrum_curve_mass(c, 0) + spectrum_curve_mass(c, 1) + spectrum_law_zero(&law), 1.0, 1e-10, "all masses");
    assert_close(spectrum_curve_mass(c, 0), 0.2 * 0.4, 1e-10, "mass of the atom's band");
    for (size_t b = 0; b < 2; b++) check_masses(c, b);
    ck_assert(spectrum_curve_at(c, 0.5 * (edge[0][1] + edge[1][0])) == 0.0 && spectrum_curve_at(c, 99.0) == 0.0 && spectrum_curve_part(c, 99.0) == 1.0);
    spectrum_curve_free(c);
}
END_TEST

START_TEST(more_nodes_change_nothing)
{
    static struct population p;
    double edge[2][2][2], density[2];
    for (int i = 0; i < 2; i++) {
        struct spectrum_law law = affine(&p, 0.75, 0.41, 1.0, 0.0, 1.0, i == 0 ? 300 : 3000);
        size_t count;
        ck_assert_int_eq(spectrum_law_edges(&law, edge[i], 2, &count, NULL), DMFT_OK);
        ck_assert_int_eq(spectrum_law_density(&law, 1.3, &density[i], NULL), DMFT_OK);
    }
    assert_close(edge[0][0][0], edge[1][0][0], 1e-12, "lower edge");
    assert_close(edge[0][0][1], edge[1][0][1], 1e-13, "upper edge");
    assert_close(density[0], density[1], 1e-12, "density");
}
END_TEST

/* ---- reference: conjugate kernel of centred tanh of unit variance ---- */

static double tanh2(double h, void *unused) { return (void)unused, gsl_pow_2(tanh(h)) * exp(-0.5 * h * h) / sqrt(2.0 * M_PI); }
static double slope1(double h, void *unused) { return (void)unused, (1.0 - gsl_pow_2(tanh(h))) * exp(-0.5 * h * h) / sqrt(2.0 * M_PI); }

static double gaussian_mean(double (*f)(double, void *))
{
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(1000);
    gsl_function g = {f, NULL};
    double value, error;
    ck_assert_int_eq(gsl_integration_qag(&g, -12.0, 12.0, 0.0, 1e-13, 1000, GSL_INTEG_GAUSS61, w, &value, &error), 0);
    gsl_integration_workspace_free(w);
    return value;
}

START_TEST(conjugate_kernel_is_that_of_the_reference)
{
    static struct population p;
    const double P_over_D = 1.5, P_over_N = 0.75;
    double b2 = gsl_pow_2(gaussian_mean(slope1)) / gaussian_mean(tanh2);
    assert_close(b2, 0.930469923615, 1e-11, "b^2");
    /* X X^T/D of P > D inputs: D eigenvalues P/D times those of Marchenko-Pastur, P - D zeros */
    struct spectrum_law law = affine(&p, P_over_N, 1.0 / P_over_D, 1.0 / P_over_D, 1.0 - b2, b2 * P_over_D, 1000);
    double edge[2][2], worst = 0.0;
    size_t count;
    ck_assert_int_eq(spectrum_law_edges(&law, edge, 2, &count, NULL), DMFT_OK);
    ck_assert_uint_eq(count, 1);
    assert_close(edge[0][0], 0.002661489123, 1e-9, "lower edge");
    assert_close(edge[0][1], 6.882704464, 1e-9, "upper edge");
    char line[256];
    FILE *file = reference_open("rmt_conjugate_kernel_a");
    int rows = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        double x, expected, density;
        if (sscanf(line, "%lf,%lf", &x, &expected) != 2) continue;
        ck_assert_int_eq(spectrum_law_density(&law, x, &density, NULL), DMFT_OK);
        density /= P_over_N; /* of the P x P kernel */
        worst = fmax(worst, fabs(density / expected - 1.0));
        rows++;
    }
    (void)fclose(file);
    printf("conjugate kernel: %d densities, largest relative error %.1e\n", rows, worst);
    ck_assert_int_eq(rows, 23);
    ck_assert_double_le(worst, 1e-6);
}
END_TEST

/* ---- sampled matrices ---- */

/* Kolmogorov-Smirnov distance of the eigenvalues of T^{1/2} G G^T T^{1/2}/n from the law, T with p values at quantiles of the population. */
static double sampled_distance(const spectrum_curve *c, const double *tau, size_t p, size_t n, double ratio, uint64_t member)
{
    double *G = malloc(p * n * sizeof *G), *s = malloc(p * sizeof *s), *work = malloc(p * sizeof *work), distance = 0.0;
    ck_assert(G != NULL && s != NULL && work != NULL && p <= n);
    struct random_stream stream = random_start(29, member, 1);
    for (size_t i = 0; i < p; i++) random_gaussians(&stream, sqrt(tau[i] / (double)n), n, G + i * n);
    ck_assert_int_eq(LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'N', (int)p, (int)n, G, (int)n, s, NULL, 1, NULL, 1, work), 0);
    for (size_t i = 0; i < p; i++) { /* falling */
        double part = 1.0 - (1.0 - spectrum_curve_part(c, s[i] * s[i])) / ratio, at = (double)(p - i) / (double)p;
        distance = fmax(distance, fmax(fabs(at - part), fabs(at - 1.0 / (double)p - part)));
    }
    free(G);
    free(s);
    free(work);
    return distance;
}

/* The eigenvalues are rigid: the distance falls like 1/p, not like the p^{-1/2} of independent points, of which 1.36/sqrt(p) is the 5 per cent level. */
START_TEST(sampled_matrices_have_the_law)
{
    enum { SEEDS = 6 };
    static struct population p;
    double mean[2] = {0.0, 0.0}, square[2] = {0.0, 0.0};
    for (int size = 0; size < 2; size++) {
        size_t rows = size == 0 ? 90 : 180, columns = 2 * rows;
        double *tau = malloc(rows * sizeof *tau);
        ck_assert(tau != NULL);
        for (size_t i = 0; i < rows; i++) p.tau[i] = tau[i] = i % 3 == 0 ? 4.0 : 0.5, p.weight[i] = 1.0 / (double)rows;
        p.band[0][0] = p.band[0][1] = 0.5, p.band[1][0] = p.band[1][1] = 4.0;
        struct spectrum_law law = law_of(&p, 0.5, rows, 2);
        spectrum_curve *c;
        ck_assert_int_eq(spectrum_curve_create(&c, &law, 150, NULL), DMFT_OK);
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            double distance = (double)rows * sampled_distance(c, tau, rows, columns, 0.5, seed + 100 * (uint64_t)size);
            mean[size] += distance / SEEDS;
            square[size] += distance * distance / SEEDS;
        }
        spectrum_curve_free(c);
        free(tau);
        printf("p = %zu: p x distance %.2f (standard error %.2f); independent points %.1f at 5 per cent\n", rows, mean[size],
               sqrt((square[size] - mean[size] * mean[size]) / (SEEDS - 1)), 1.36 * sqrt((double)rows));
        ck_assert_double_le(mean[size], 3.0);
    }
}
END_TEST

/* ---- helpers, failures ---- */

static double valley(double s, void *context) { return gsl_pow_2(s - *(double *)context) + 1.0; }

START_TEST(images_have_their_extremes)
{
    double bottom = 0.337, image[2];
    spectrum_image(valley, &bottom, 0.0, 1.0, 10, image);
    assert_close(image[0], 1.0, 1e-15, "bottom");
    assert_close(image[1], 1.0 + 0.663 * 0.663, 1e-15, "top");
    bottom = 3.0;
    spectrum_image(valley, &bottom, 0.0, 1.0, 10, image);
    assert_close(image[0], 5.0, 1e-15, "bottom at an end");
    spectrum_image(valley, &bottom, 0.5, 0.5, 10, image);
    ck_assert(image[0] == image[1]);
}
END_TEST

START_TEST(what_cannot_be_solved_is_refused)
{
    static struct population p;
    dmft_error err;
    double edge[2][2];
    double complex m;
    size_t count;
    struct spectrum_law law = affine(&p, 1e-3, 0.5, 1.0, 0.0, 1.0, 10); /* ten nodes are ten atoms for so few rows */
    ck_assert_int_eq(spectrum_law_edges(&law, edge, 2, &count, &err), DMFT_ERROR_NUMERIC);
    ck_assert(strstr(err.text, "12 nodes") != NULL);
    spectrum_curve *c = NULL;
    ck_assert_int_eq(spectrum_curve_create(&c, &law, 32, &err), DMFT_ERROR_NUMERIC);
    law = affine(&p, 0.3, 0.5, 1.0, 0.0, 1.0, 100);
    ck_assert_int_eq(spectrum_curve_create(&c, &law, 7, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(spectrum_law_edges(&law, edge, 0, &count, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(spectrum_law_stieltjes(&law, 0.0, &m, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(spectrum_law_stieltjes(&law, 1.0 - I, &m, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(spectrum_law_stieltjes(&law, NAN, &m, &err), DMFT_ERROR_NUMERIC);
    ck_assert(c == NULL);
    for (long n = 1;; n++) {
        allocation_fail_at(n);
        int status = spectrum_curve_create(&c, &law, 8, &err), failed = allocation_failed();
        allocation_fail_at(0);
        if (!failed) {
            ck_assert_int_eq(status, DMFT_OK);
            break;
        }
        ck_assert_int_eq(status, DMFT_ERROR_MEMORY);
        ck_assert(c == NULL);
    }
    spectrum_curve_free(c);
    spectrum_curve_free(NULL);
}
END_TEST

/* The public face: the same numbers, and arguments that are checked. */
START_TEST(public_functions)
{
    double s[65], w[65], band[2][2], x;
    dmft_error err = {.text = ""};
    dmft_law *law = NULL;
    ck_assert_int_eq(dmft_marchenko_pastur_nodes(0.3, 64, s, w, band[0], NULL), DMFT_OK);
    dmft_population p = {.ratio = 0.5, .nodes = 65, .tau = s, .weight = w, .bands = 1, .band = (const double(*)[2])band};
    ck_assert_msg(dmft_law_create(&law, &p, &err) == DMFT_OK, "%s", err.text);
    struct spectrum_law own = {p.ratio, p.nodes, p.tau, p.weight, p.bands, p.band};
    ck_assert_uint_eq(dmft_law_bands(law), 1);
    ck_assert_int_eq(spectrum_law_density(&own, 0.7, &x, NULL), DMFT_OK);
    assert_close(dmft_law_density(law, 0.7), x, 1e-12, "density");
    assert_close(dmft_law_mass(law, 0), 0.5, 1e-13, "mass");
    assert_close(dmft_law_part(law, dmft_law_quantile(law, 0.8)), 0.8, 1e-12, "quantile");
    ck_assert(dmft_law_band(law, 1) == NULL && isnan(dmft_law_mass(law, 1)) && isnan(dmft_law_quantile(law, 1.1)) && dmft_law_quantile(law, 0.2) == 0.0);
    assert_close(dmft_law_quantile(law, 1.0), dmft_law_band(law, 0)[1], 1e-12, "the last quantile");
    dmft_law_free(law);
    law = NULL;
    const struct {
        double *at, value;
        const char *text;
    } wrong[] = {{&p.ratio, 0.0, "ratio"},    {&p.ratio, NAN, "ratio"},        {&w[3], -0.1, "weight 3"}, {&w[3], 2.0, "the weights"}, {&s[5], -1.0, "tau 5"},
                 {&s[5], 9.0, "no band"},     {&band[0][1], 0.0, "interval"}, {&band[0][0], NAN, "interval"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        double kept = *wrong[i].at;
        *wrong[i].at = wrong[i].value;
        ck_assert_int_eq(dmft_law_create(&law, &p, &err), DMFT_ERROR_ARGUMENT);
        ck_assert_msg(strstr(err.text, wrong[i].text) != NULL, "%s", err.text);
        *wrong[i].at = kept;
    }
    memcpy(band[1], band[0], sizeof band[0]);
    p.bands = 2; /* the second does not lie above the first */
    ck_assert_int_eq(dmft_law_create(&law, &p, &err), DMFT_ERROR_ARGUMENT);
    p.nodes = 0;
    ck_assert_int_eq(dmft_law_create(&law, &p, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_marchenko_pastur_nodes(1.5, 64, s, w, band[0], &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_marchenko_pastur_nodes(0.5, 0, s, w, band[0], &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_null(law);
    dmft_law_free(NULL);
}
END_TEST

Suite *suite_law(void)
{
    Suite *suite = suite_create("law");
    TCase *forms = tcase_create("closed forms"), *sampled = tcase_create("equations and samples");
    tcase_add_test(forms, one_atom_is_marchenko_pastur);
    tcase_add_test(forms, nodes_are_exact_for_polynomials);
    tcase_add_test(forms, graded_nodes_resolve_the_ends);
    tcase_add_test(forms, two_atoms_split_where_they_should);
    tcase_add_test(forms, zeros_are_an_atom);
    tcase_add_test(sampled, solutions_solve_the_equations);
    tcase_add_test(sampled, more_nodes_change_nothing);
    tcase_add_test(sampled, conjugate_kernel_is_that_of_the_reference);
    tcase_add_test(sampled, sampled_matrices_have_the_law);
    tcase_add_test(sampled, images_have_their_extremes);
    tcase_add_test(sampled, what_cannot_be_solved_is_refused);
    tcase_add_test(sampled, public_functions);
    suite_add_tcase(suite, forms);
    suite_add_tcase(suite, sampled);
    return suite;
}
