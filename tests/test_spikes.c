/* A finite density of equal signals in noise: (XT7)-(XT10) of doc/theory.md. */
#include <check.h>
#include <gsl/gsl_math.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "dmft.h"
#include "numbers.h"
#include "suites.h"

static size_t edges_of(const dmft_spikes *s, double edges[4])
{
    size_t bands;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_spikes_edges(s, edges, &bands, &err) == DMFT_OK, "%s", err.text);
    return bands;
}

static double density_of(const dmft_spikes *s, double x)
{
    double value;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_spikes_density(s, x, &value, &err) == DMFT_OK, "%s", err.text);
    return value;
}

static double part_of(const dmft_spikes *s, double x)
{
    double value;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_spikes_part(s, x, &value, &err) == DMFT_OK, "%s", err.text);
    return value;
}

static double critical_of(double psi, double sigma2, double rank_ratio)
{
    double value;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_spikes_critical(psi, sigma2, rank_ratio, &value, &err) == DMFT_OK, "%s", err.text);
    return value;
}

static const double aspects[] = {0.3, 1.0, 2.385};

START_TEST(without_signal_it_is_noise)
{
    double psi = aspects[_i], edges[4], noise[2];
    dmft_spikes s = {.psi = psi, .sigma2 = 0.7, .rank_ratio = 0.2, .strength = 0.0};
    ck_assert_int_eq(dmft_bulk_edges(0.7, psi, noise, NULL), DMFT_OK);
    ck_assert_uint_eq(edges_of(&s, edges), 1);
    ck_assert_double_le(fabs(edges[0] - noise[0]), 1e-12);
    assert_close(edges[1], noise[1], 1e-14, "upper edge");
    for (double x = noise[0] + 0.05; x < noise[1]; x += 0.131) {
        double expected = sqrt((x * x - noise[0] * noise[0]) * (noise[1] * noise[1] - x * x)) / (M_PI * 0.7 * fmin(1.0, psi) * x);
        assert_close(density_of(&s, x), expected, 1e-10, "density");
    }
}
END_TEST

/* The part between two points is the integral of the density, the part at an end of a band what belongs there. */
START_TEST(parts_are_integrals_of_the_density)
{
    double edges[4], psi = aspects[_i], r = 0.15 * fmin(1.0, psi), integral = 0.0;
    dmft_spikes s = {.psi = psi, .sigma2 = 1.3, .rank_ratio = r, .strength = 1.5 * critical_of(psi, 1.3, r)};
    ck_assert_uint_eq(edges_of(&s, edges), 2);
    enum { POINTS = 64 };
    for (int i = 0; i < POINTS; i++) { /* x = middle - half cos theta: smooth at roots */
        double theta = M_PI * (i + 0.5) / POINTS;
        integral += density_of(&s, 0.5 * (edges[2] + edges[3]) - 0.5 * (edges[3] - edges[2]) * cos(theta)) * 0.5 * (edges[3] - edges[2]) * sin(theta) * M_PI / POINTS;
    }
    assert_close(integral, 0.15, 1e-9, "mass of the signals' band");
    assert_close(part_of(&s, 0.5 * (edges[1] + edges[2])), 0.85, 1e-9, "part up to the gap");
    assert_close(part_of(&s, edges[3] + 1.0), 1.0, 1e-9, "all");
    ck_assert_double_le(part_of(&s, 0.5 * edges[0]), 1e-8);
    ck_assert(part_of(&s, 0.0) == 0.0);
    double from = 0.7 * edges[0] + 0.3 * edges[1], width = 0.02 * (edges[1] - edges[0]);
    double simpson = width / 6.0 * (density_of(&s, from) + 4.0 * density_of(&s, from + 0.5 * width) + density_of(&s, from + width));
    assert_close(part_of(&s, from + width) - part_of(&s, from), simpson, 1e-6, "a part of the bulk");
}
END_TEST

/* One signal: rank_ratio -> 0. Its band shrinks to the BBP outlier, and the critical strength tends to sigma psi^{1/4}, with the cube root of the ratio. */
START_TEST(few_signals_are_independent_spikes)
{
    double psi = aspects[_i], sigma = 0.8, edges[4], theta = 1.7 * sigma * pow(psi, 0.25);
    dmft_spikes s = {.psi = psi, .sigma2 = sigma * sigma, .rank_ratio = 1e-10, .strength = theta};
    ck_assert_uint_eq(edges_of(&s, edges), 2);
    double t2 = theta * theta, v = sigma * sigma, outlier = sqrt((t2 + v) * (t2 + v * psi)) / theta;
    assert_close(0.5 * (edges[2] + edges[3]), outlier, 1e-9, "outlier");
    assert_close(edges[1], sigma * (1.0 + sqrt(psi)), 1e-8, "edge of the noise");
    double difference[3], single = sigma * pow(psi, 0.25);
    for (int k = 0; k < 3; k++) difference[k] = critical_of(psi, v, 1e-6 * pow(8.0, -k)) - single;
    double order = log(difference[1] / difference[2]) / log(8.0);
    printf("psi %.3f: critical strength %.6f for one signal; %.6f at K/D = 1e-6; difference ~ (K/D)^%.4f\n", psi, single, single + difference[0], order);
    ck_assert_double_le(fabs(order - 1.0 / 3.0), 0.01);
    ck_assert(difference[2] > 0.0 && difference[0] < 0.02 * single);
}
END_TEST

START_TEST(the_bulk_splits_at_the_critical_strength)
{
    double psi = aspects[_i], before = 0.0, edges[4];
    for (double r = 1e-4; r < 0.9; r *= 3.0) {
        double critical = critical_of(psi, 1.0, r * fmin(1.0, psi));
        dmft_spikes s = {.psi = psi, .sigma2 = 1.0, .rank_ratio = r * fmin(1.0, psi), .strength = critical * (1.0 - 1e-7)};
        ck_assert_uint_eq(edges_of(&s, edges), 1);
        s.strength = critical * (1.0 + 1e-7);
        ck_assert_uint_eq(edges_of(&s, edges), 2);
        ck_assert_double_le(edges[2] - edges[1], 1e-6);
        assert_close(critical_of(psi, 4.0, r * fmin(1.0, psi)), 2.0 * critical, 1e-12, "in units of the noise");
        ck_assert(critical > before);
        before = critical;
    }
}
END_TEST

/* ---- sampled matrices ---- */

/* Singular values of A + theta U V^T, falling; U, V the first unit vectors, since A is the same in law after rotations. */
static void sample(const dmft_spikes *s, size_t N, size_t D, uint64_t member, double *values)
{
    double *A = malloc(N * D * sizeof *A), *superb = malloc((N < D ? N : D) * sizeof *superb);
    struct random_stream stream = random_start(30, member, 1);
    ck_assert(A != NULL && superb != NULL);
    random_gaussians(&stream, sqrt(s->sigma2 / (double)D), N * D, A);
    for (size_t i = 0; i < (size_t)lround(s->rank_ratio * (double)D); i++) A[i * D + i] += s->strength;
    ck_assert_int_eq(LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'N', (int)N, (int)D, A, (int)D, values, NULL, 1, NULL, 1, superb), 0);
    free(A);
    free(superb);
}

static double distance_of(const dmft_spikes *law, const double *values, size_t p)
{
    double distance = 0.0;
    for (size_t i = 0; i < p; i++) {
        double part = part_of(law, values[i]), place = (double)(p - i) / (double)p;
        distance = fmax(distance, fmax(fabs(place - part), fabs(place - 1.0 / (double)p - part)));
    }
    return distance;
}

/* Kolmogorov-Smirnov distance at two sizes, one band and two: of order 1/p, as of rigid eigenvalues; and of the law without signals, for what the test can
 * tell. Upper ends: below the edge, by D^{-2/3}. */
START_TEST(sampled_matrices_have_the_law)
{
    enum { SEEDS = 6 };
    double shift[2];
    for (int size = 0; size < 2; size++) {
        size_t D = size == 0 ? 80 : 160, N = D * 3 / 2, p = D;
        dmft_spikes s = {.psi = 1.5, .sigma2 = 1.0, .rank_ratio = 0.1, .strength = _i == 0 ? 1.3 : 2.5}, none = s;
        double values[160], mean = 0.0, square = 0.0, other = 0.0, top = 0.0, top2 = 0.0, edges[4];
        size_t bands = edges_of(&s, edges);
        none.strength = 0.0;
        ck_assert_uint_eq(bands, _i == 0 ? 1 : 2);
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            sample(&s, N, D, seed, values);
            double d = (double)p * distance_of(&s, values, p);
            mean += d / SEEDS;
            square += d * d / SEEDS;
            other += (double)p * distance_of(&none, values, p) / SEEDS;
            double e = (values[0] / edges[2 * bands - 1] - 1.0) * pow((double)D, 2.0 / 3.0);
            top += e / SEEDS;
            top2 += e * e / SEEDS;
        }
        shift[size] = top;
        printf("theta %.1f, D = %zu: p x distance %.2f(%.2f), from noise alone %.1f; upper edge (sample/theory - 1) D^{2/3} = %.2f(%.2f)\n", s.strength, D, mean,
               sqrt((square - mean * mean) / (SEEDS - 1)), other, top, sqrt((top2 - top * top) / (SEEDS - 1)));
        ck_assert_double_le(mean, 3.0);
        ck_assert_double_ge(other, 1.5 * mean);
    }
    ck_assert(shift[0] < 0.2 && shift[0] > -2.0 && shift[1] < 0.2 && shift[1] > -2.0);
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
    static const dmft_spikes wrong[] = {{0.0, 1.0, 0.1, 1.0},  {NAN, 1.0, 0.1, 1.0}, {1.0, 0.0, 0.1, 1.0},      {1.0, INFINITY, 0.1, 1.0},
                                        {1.0, 1.0, 0.0, 1.0},  {1.0, 1.0, 1.1, 1.0}, {0.5, 1.0, 0.6, 1.0},      {1.0, 1.0, NAN, 1.0},
                                        {1.0, 1.0, 0.1, -1.0}, {1.0, 1.0, 0.1, NAN}, {1.0, 1.0, 0.1, INFINITY}};
    double edges[4], x = 7.0;
    size_t bands;
    dmft_error err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(dmft_spikes_edges(&wrong[i], edges, &bands, &err), DMFT_ERROR_ARGUMENT);
        ck_assert_int_eq(dmft_spikes_density(&wrong[i], 1.0, &x, &err), DMFT_ERROR_ARGUMENT);
        ck_assert_int_eq(dmft_spikes_part(&wrong[i], 1.0, &x, &err), DMFT_ERROR_ARGUMENT);
    }
    const dmft_spikes good = {1.0, 1.0, 0.1, 1.0};
    ck_assert_int_eq(dmft_spikes_density(&good, 0.0, &x, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_spikes_part(&good, -1.0, &x, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_spikes_critical(0.5, 1.0, 0.5, &x, &err), DMFT_ERROR_ARGUMENT); /* full rank */
    ck_assert(strstr(err.text, "full rank") != NULL && x == 7.0);
    const dmft_spikes full = {1.0, 1.0, 1.0, 3.0}; /* 3 + noise on every singular value: one band away from 0 */
    ck_assert_uint_eq(edges_of(&full, edges), 1);
    assert_close(edges[0], 1.68030968776, 1e-10, "lower edge of full rank"); /* zero of z' = u (u + 2 w u'), u = 1 - 1/(9 - w), by hand */
}
END_TEST

Suite *suite_spikes(void)
{
    Suite *suite = suite_create("spikes");
    TCase *all = tcase_create("spikes");
    tcase_add_loop_test(all, without_signal_it_is_noise, 0, 3);
    tcase_add_loop_test(all, parts_are_integrals_of_the_density, 0, 3);
    tcase_add_loop_test(all, few_signals_are_independent_spikes, 0, 3);
    tcase_add_loop_test(all, the_bulk_splits_at_the_critical_strength, 0, 3);
    tcase_add_loop_test(all, sampled_matrices_have_the_law, 0, 2);
    tcase_add_test(all, wrong_arguments_are_refused);
    suite_add_tcase(suite, all);
    return suite;
}
