/* Model low_degree_filter: theory and simulator against slow definitions, the kernels against quadrature in two variables, convergence in the number of
 * features, both eigensolvers, features that are held or not, permuted labels, data of files, threads, checkpoints, memory. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocation.h"
#include "base/activation.h"
#include "base/labelled.h"
#include "base/random.h"
#include "cases.h"
#include "folder.h"
#include "model/gaussian_kernel.h"
#include "runs.h"
#include "slow_filter.h"
#include "spectrum/moment.h"
#include "spectrum/ridge.h"
#include "suites.h"

#define SMALL                                                                                                   \
    "model: low_degree_filter\nnetwork: {depth: 2, kept: 3, features: 40, activation: relu}\n"                    \
    "data: {samples: 41, test_samples: 37, input_dim: 5, target_function: staircase, directions: 2, label_noise: 0.3}\n" \
    "training: {folds: 4, penalties: 5, penalty_min: 1e-4, penalty_max: 1, permutations: 3}\n"

static const char *const network_keys[] = {"network.kept", "data.samples", "data.input_dim"};

static double near_to(const dmft_trajectory *t, const char *name, size_t row, double expected)
{
    double difference = fabs(at(t, name, row) - expected) / fmax(fabs(expected), 1e-3);
    ck_assert_msg(difference < 1e-7, "%s at layer %zu: %.12g, slowly %.12g", name, row, at(t, name, row), expected);
    return difference;
}

/* ---- slow definitions ---- */

static void slow_from(struct slow_filter *f, const dmft_problem *p, const struct labelled *data)
{
    const struct low_degree_filter_problem *d = &p->filter;
    *f = (struct slow_filter){.n = d->samples, .Q = d->tests, .m = d->input_dim, .kept = d->kept, .folds = d->folds, .penalties = d->penalties,
                              .least = d->penalty_min, .largest = d->penalty_max};
    for (size_t i = 0; i < f->n + f->Q; i++) {
        f->y[i] = data->label[i];
        for (size_t j = 0; j < f->m; j++) f->h[i][j] = data->input[i * f->m + j];
    }
}

static double check_readout(const dmft_trajectory *t, const struct slow_filter *f, const struct labelled *data, size_t layer)
{
    const struct slow_errors e = slow_readout(f);
    double largest = near_to(t, "test_loss", layer, e.test_loss);
    largest = fmax(largest, near_to(t, "train_loss", layer, e.train_loss));
    largest = fmax(largest, near_to(t, "test_error", layer, e.test));
    largest = fmax(largest, near_to(t, "train_error", layer, e.train));
    largest = fmax(largest, near_to(t, "log10_penalty", layer, log10(e.penalty)));
    largest = fmax(largest, near_to(t, "target_overlap", layer, slow_share(f, f->y + f->n)));
    for (size_t j = 0; j < data->terms; j++) {
        char name[32];
        (void)snprintf(name, sizeof name, "overlap%zu", j + 1);
        largest = fmax(largest, near_to(t, name, layer, slow_share(f, data->term + j * f->Q)));
    }
    return largest;
}

static double check_kernel(const dmft_trajectory *t, const struct slow_filter *f, size_t layer)
{
    const struct slow_errors e = slow_kernel_readout(f);
    double largest = near_to(t, "kernel_test_loss", layer, e.test_loss);
    largest = fmax(largest, near_to(t, "kernel_train_loss", layer, e.train_loss));
    largest = fmax(largest, near_to(t, "kernel_test_error", layer, e.test));
    largest = fmax(largest, near_to(t, "kernel_train_error", layer, e.train));
    return fmax(largest, near_to(t, "kernel_log10_penalty", layer, log10(e.penalty)));
}

/* Edges: the extremes over all permutations. Lanczos stops at 1e-5 of a residual, the square of it in the value. */
static void check_edges(const dmft_trajectory *t, struct slow_filter *f, struct labelled *data, const dmft_problem *p, size_t layer)
{
    struct slow_filter *again = malloc(sizeof *again);
    double permuted[SLOW_MOST], low = 0.0, high = 0.0;
    ck_assert_ptr_nonnull(again);
    *again = *f;
    for (size_t b = 0; b < p->filter.permutations; b++) {
        labelled_permute(data, p, 0, (long)layer - 1, b, permuted);
        slow_spectrum(again, permuted);
        low = fmin(low, again->value[0]);
        high = fmax(high, again->value[f->n - 1]);
    }
    (void)near_to(t, "edge_lower", layer, low);
    (void)near_to(t, "edge_upper", layer, high);
    free(again);
}

static double check_moment(const dmft_trajectory *t, const struct slow_filter *f, size_t layer)
{
    double largest = 0.0, outliers = 0.0, positive = 0.0;
    size_t top = 0, bottom = 0;
    for (size_t j = 0; j < f->kept; j++) {
        char name[32];
        (void)snprintf(name, sizeof name, "eigenvalue_top%zu", j + 1);
        largest = fmax(largest, near_to(t, name, layer, f->value[f->count - 1 - j]));
        (void)snprintf(name, sizeof name, "eigenvalue_bottom%zu", j + 1);
        largest = fmax(largest, near_to(t, name, layer, f->value[j]));
        double up = f->value[f->count - 1 - top], down = f->value[bottom];
        double taken = up > -down ? f->value[f->count - 1 - top++] : f->value[bottom++];
        positive += taken > 0.0;
        outliers += taken > at(t, "edge_upper", layer) || taken < at(t, "edge_lower", layer);
    }
    (void)near_to(t, "outliers", layer, outliers);
    (void)near_to(t, "kept_positive", layer, positive);
    (void)near_to(t, "kept", layer, (double)f->kept);
    return largest;
}

/* The first draw of the data, and the slow definition on it. */
static struct slow_filter *slow_of_first_draw(const dmft_problem *p, struct labelled *data)
{
    struct slow_filter *f = malloc(sizeof *f);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(labelled_create(data, p, NULL), DMFT_OK);
    labelled_draw(data, p, 0);
    slow_from(f, p, data);
    return f;
}

START_TEST(theory_is_the_slow_definition)
{
    dmft_problem *p = problem_with(SMALL, WITH("simulation.seeds", "1"));
    struct labelled data;
    struct slow_filter *f = slow_of_first_draw(p, &data);
    dmft_trajectory *t = solved(p, DMFT_OK);
    double largest = check_readout(t, f, &data, 0);
    ck_assert(isnan(at(t, "kernel_test_error", 0)) && isnan(at(t, "eigenvalue_top1", 0)) && isnan(at(t, "outliers", 0)));
    for (size_t layer = 1; layer <= 2; layer++) {
        slow_kernel(f);
        largest = fmax(largest, check_kernel(t, f, layer));
        check_edges(t, f, &data, p, layer);
        slow_filter_layer(f);
        largest = fmax(largest, check_moment(t, f, layer));
        largest = fmax(largest, check_readout(t, f, &data, layer));
        ck_assert_double_eq_tol(at(t, "spectrum0", layer), f->value[0], 1e-12);
        ck_assert_double_eq_tol(at(t, "spectrum64", layer), f->value[f->n - 1], 1e-12);
        ck_assert_double_eq_tol(at(t, "spectrum32", layer), f->value[20], 1e-12); /* the middle of 41 */
    }
    printf("filter, kernel limit against plain loops: relative %.1e\n", largest);
    dmft_trajectory_free(t);
    labelled_free(&data);
    dmft_problem_free(p);
    free(f);
}
END_TEST

/* One layer with the features drawn here; p below and above n. */
START_TEST(simulator_is_the_slow_definition)
{
    static const char *const sizes[] = {"23", "60"};
    enum { WEIGHTS = 1 << 12 };
    static double Z[2 * SLOW_MOST][SLOW_MOST], W[5 * SLOW_MOST];
    dmft_problem *p = problem_with(SMALL, WITH("simulation.seeds", "1", "network.depth", "1", "network.features", sizes[_i]));
    size_t features = p->filter.features;
    struct labelled data;
    struct slow_filter *f = slow_of_first_draw(p, &data);
    struct random_stream stream = random_start(p->simulation.seed, 0, WEIGHTS);
    random_gaussians(&stream, 1.0, 5 * features, W);
    double c2 = 0.0;
    for (size_t i = 0; i < f->n; i++)
        for (size_t d = 0; d < 5; d++) c2 += f->h[i][d] * f->h[i][d] / (double)f->n;
    for (size_t i = 0; i < f->n + f->Q; i++)
        for (size_t a = 0; a < features; a++) {
            double u = 0.0;
            for (size_t d = 0; d < 5; d++) u += f->h[i][d] * W[d * features + a] / sqrt(c2);
            Z[i][a] = fmax(u, 0.0) / sqrt((double)features);
        }
    dmft_trajectory *t = simulated(p, 0, DMFT_OK);
    double largest = check_readout(t, f, &data, 0);
    slow_filter_features(f, features, Z);
    largest = fmax(largest, check_kernel(t, f, 1));
    largest = fmax(largest, check_moment(t, f, 1));
    largest = fmax(largest, check_readout(t, f, &data, 1));
    check_edges(t, f, &data, p, 1);
    printf("filter, %zu features against plain loops: relative %.1e\n", features, largest);
    dmft_trajectory_free(t);
    labelled_free(&data);
    dmft_problem_free(p);
    free(f);
}
END_TEST

/* ---- kernels ---- */

/* <phi(u) phi(v)> by the trapezoid rule in two independent variables; relu-like functions have a kink, where it is of second order in the step. */
static double quadrature(const dmft_activation *phi, double a, double b, double c)
{
    const double step = shrink_factor() > 1 ? 0.1 : 0.02, reach = 8.5; /* exact to rounding with either where nothing is kinked */
    double rest = sqrt(fmax(b - (a > 0.0 ? c * c / a : 0.0), 0.0)), slope = a > 0.0 ? c / sqrt(a) : 0.0, sum = 0.0;
    for (double s = -reach; s < reach; s += step) {
        double u = sqrt(a) * s, first, inner = 0.0;
        phi->apply(phi->user, 1, &u, &first, NULL, NULL);
        for (double r = -reach; r < reach; r += step) {
            double v = slope * s + rest * r, second;
            phi->apply(phi->user, 1, &v, &second, NULL, NULL);
            inner += second * exp(-0.5 * r * r);
        }
        sum += first * inner * exp(-0.5 * s * s);
    }
    return sum * step * step / (2.0 * acos(-1.0));
}

START_TEST(kernels_are_gaussian_means)
{
    static const double pair[][3] = {{1.0, 1.0, 0.3}, {0.4, 2.5, -0.9}, {1.7, 1.7, 1.7}, {0.8, 0.2, 0.4}, {1.0, 1.0, -1.0}, {0.0, 1.3, 0.0}, {1.2, 0.7, 0.0}};
    double largest = 0.0;
    gaussian_kernel *g = NULL;
    const dmft_activation phi = activation_of((enum activation_kind)_i);
    int kink = _i == ACTIVATION_RELU || _i == ACTIVATION_LEAKY_RELU;
    ck_assert_int_eq(gaussian_kernel_create(&g, (enum activation_kind)_i, 2, NULL), DMFT_OK);
    for (size_t k = 0; k < sizeof pair / sizeof *pair; k++) {
        double variance[2] = {pair[k][0], pair[k][1]}, K[4] = {pair[k][0], pair[k][2], pair[k][2], pair[k][1]};
        ck_assert_int_eq(gaussian_kernel_apply(g, variance, 2, 2, K, NULL), DMFT_OK);
        ck_assert_double_eq(K[1], K[2]);
        double expected = quadrature(&phi, pair[k][0], pair[k][1], pair[k][2]), diagonal = quadrature(&phi, pair[k][0], pair[k][0], pair[k][0]);
        largest = fmax(largest, fmax(fabs(K[1] - expected), fabs(K[0] - diagonal)));
    }
    printf("filter, kernel of %s against quadrature: %.1e\n", phi.name, largest);
    ck_assert_double_lt(largest, !kink ? 1e-12 : shrink_factor() > 1 ? 5e-4 : 2e-5);
    gaussian_kernel_free(g);
}
END_TEST

/* Rows far beyond the mean: refused for tanh, whose expansion does not reach them, and no matter for erf. */
START_TEST(kernels_refuse_what_they_cannot_expand)
{
    double variance[2] = {900.0, 1.0}, K[4] = {900.0, 10.0, 10.0, 1.0};
    gaussian_kernel *g = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(gaussian_kernel_create(&g, ACTIVATION_TANH, 2, NULL), DMFT_OK);
    ck_assert_int_eq(gaussian_kernel_apply(g, variance, 2, 2, K, &err), DMFT_ERROR_NUMERIC);
    ck_assert_ptr_nonnull(strstr(err.text, "squared norm is 900 times the mean"));
    gaussian_kernel_free(g);
    ck_assert_int_eq(gaussian_kernel_create(&g, ACTIVATION_ERF, 2, NULL), DMFT_OK);
    ck_assert_int_eq(gaussian_kernel_apply(g, variance, 2, 2, K, &err), DMFT_OK);
    gaussian_kernel_free(g);
}
END_TEST

/* ---- infinitely many features ---- */

/* All networks on the same data: what is left between them and the theory is the number of features. Eigenvalues: the mean of p (network - theory) is the
 * same at 100 and 400 features within 4 standard errors, and the scatter falls like p^{-1/2}. Readouts, whose corrections of higher order are still seen at
 * p = 100: the shift falls at least like p^{-1}. All shifts are within what compare allows, 2 D/p for ten inputs. */
START_TEST(features_converge)
{
    static const char *const names[] = {"eigenvalue_top1", "eigenvalue_bottom1", "test_loss", "kernel_test_loss", "target_overlap"};
    static const double size[] = {100.0, 400.0};
    dmft_trajectory *limit = NULL, *network[2];
    int few = shrink_factor() > 1;
    for (int i = 0; i < 2; i++) {
        dmft_problem *p = problem_with(SMALL, WITH("data.shared", "true", "simulation.seeds", few ? "30" : "300", "network.features", i == 0 ? "100" : "400",
                                                   "network.depth", "1", "data.samples", "60", "data.target_function", "linear", "training.penalties", "1",
                                                   "training.penalty_min", "0.01", "network.kept", "2", "training.permutations", "0"));
        if (i == 0) limit = solved(p, DMFT_OK);
        network[i] = simulated(p, 0, DMFT_OK);
        dmft_problem_free(p);
    }
    ck_assert_ptr_null(dmft_trajectory_errors(limit, "test_loss"));
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        double shift[2], se[2], exact = at(limit, names[k], 1);
        for (int i = 0; i < 2; i++) {
            shift[i] = at(network[i], names[k], 1) - exact;
            se[i] = dmft_trajectory_errors(network[i], names[k])[1];
        }
        double both = sqrt(size[0] * size[0] * se[0] * se[0] + size[1] * size[1] * se[1] * se[1]), order = log(se[0] / se[1]) / log(4.0);
        printf("filter, %-18s limit %.5f, p = 100: %+.5f (%.5f), p = 400: %+.5f (%.5f), scatter p^-%.2f\n", names[k], exact, shift[0], se[0], shift[1],
               se[1], order);
        int eigenvalue = strncmp(names[k], "eigenvalue", 10) == 0;
        if (eigenvalue) ck_assert_double_lt(fabs(size[0] * shift[0] - size[1] * shift[1]), 4.0 * both);
        if (eigenvalue) ck_assert_double_eq_tol(order, 0.5, few ? 0.5 : 0.15); /* 300 networks know a scatter to 4 %, hence the order to 0.04 */
        ck_assert_double_lt(size[1] * fabs(shift[1]), size[0] * fabs(shift[0]) + 4.0 * both);
        for (int i = 0; i < 2; i++) ck_assert_double_lt(fabs(shift[i]), 4.0 * se[i] + 2.0 * 10.0 / size[i] * fabs(exact));
    }
    for (int i = 0; i < 2; i++) dmft_trajectory_free(network[i]);
    dmft_trajectory_free(limit);
}
END_TEST

/* All layers, by the rule of `dmft compare`; each network on data of its own, the same in theory and simulation. */
START_TEST(networks_agree_with_the_theory)
{
    dmft_problem *p = problem_with(SMALL, WITH("network.activation", _i == 0 ? "relu" : "softplus", "network.features", "300", "simulation.seeds", "24",
                                               "data.shared", _i == 0 ? "false" : "true"));
    dmft_trajectory *t = solved(p, DMFT_OK), *s = simulated(p, 0, DMFT_OK);
    dmft_comparison *c = NULL;
    dmft_error err = {.text = ""};
    size_t count;
    ck_assert_msg(dmft_compare(t, s, NULL, &c, &err) == DMFT_OK, "%s", err.text);
    const dmft_comparison_row *row = dmft_comparison_rows(c, &count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(row[i].holds, "%s at layer %ld: theory %g, networks %g, standard error %g", row[i].series, row[i].step, row[i].theory, row[i].mean,
                      row[i].se);
    ck_assert_uint_gt(count, 20);
    ck_assert_str_eq(dmft_trajectory_text(s, "kind"), "simulation");
    ck_assert_str_eq(dmft_trajectory_text(t, "kind"), "theory");
    ck_assert_double_eq(dmft_trajectory_number(s, "features"), 300.0);
    dmft_comparison_free(c);
    dmft_trajectory_free(t);
    dmft_trajectory_free(s);
    dmft_problem_free(p);
}
END_TEST

/* ---- the simulator's ways ---- */

static void expect_equal(const dmft_trajectory *a, const dmft_trajectory *b, double tolerance)
{
    ck_assert_uint_eq(dmft_trajectory_rows(a), dmft_trajectory_rows(b));
    for (size_t i = 0; i < dmft_trajectory_series_count(a); i++) {
        const char *name = dmft_trajectory_series_name(a, i);
        for (size_t row = 0; row < dmft_trajectory_rows(a); row++) {
            double x = at(a, name, row), y = at(b, name, row);
            int same = isnan(x) ? isnan(y) : tolerance > 0.0 ? fabs(x - y) <= tolerance : memcmp(&x, &y, sizeof x) == 0;
            ck_assert_msg(same, "%s at %zu: %.17g and %.17g", name, row, x, y);
        }
    }
}

START_TEST(eigensolvers_agree)
{
    dmft_problem *dense = problem_with(SMALL, WITH("simulation.eigensolver", "dense", "simulation.seeds", "3", "network.features", "130"));
    dmft_problem *krylov = problem_with(SMALL, WITH("simulation.eigensolver", "krylov", "simulation.seeds", "3", "network.features", "130"));
    dmft_problem *automatic = problem_with(SMALL, WITH("simulation.seeds", "3", "network.features", "130"));
    dmft_trajectory *a = simulated(dense, 0, DMFT_OK), *b = simulated(krylov, 0, DMFT_OK), *c = simulated(automatic, 0, DMFT_OK);
    expect_equal(a, b, 1e-8);
    expect_equal(a, c, 0.0);
    dmft_trajectory_free(a);
    dmft_trajectory_free(b);
    dmft_trajectory_free(c);
    dmft_problem_free(dense);
    dmft_problem_free(krylov);
    dmft_problem_free(automatic);
}
END_TEST

/* Features that a limit leaves no room for are computed again, with the same bits; below the least there is a refusal. */
START_TEST(features_need_not_be_held)
{
    dmft_problem *p = problem_with(SMALL, WITH("simulation.eigensolver", "krylov", "simulation.seeds", "2", "network.features", "1000", "data.samples", "150"));
    dmft_estimate least = dmft_simulate_estimate(p, 1);
    dmft_run_options all = {.threads = 1}, none = {.threads = 1, .memory_limit = (size_t)least.bytes}, some = none, few = none;
    some.memory_limit += 64 * 1000 * 8 + 100; /* one block */
    few.memory_limit -= 1;
    dmft_trajectory *a = ran(dmft_simulate, p, &all, DMFT_OK), *b = ran(dmft_simulate, p, &none, DMFT_OK), *c = ran(dmft_simulate, p, &some, DMFT_OK);
    dmft_trajectory *d = NULL;
    dmft_error err = {.text = ""};
    expect_equal(a, b, 0.0);
    expect_equal(a, c, 0.0);
    ck_assert_int_eq(dmft_simulate(p, &few, &d, &err), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert_ptr_null(d);
    dmft_trajectory_free(a);
    dmft_trajectory_free(b);
    dmft_trajectory_free(c);
    dmft_problem_free(p);
}
END_TEST

START_TEST(threads_leave_no_trace)
{
    dmft_problem *p = problem_with(SMALL, WITH("simulation.seeds", "5"));
    dmft_run_options one = {.threads = 1}, three = {.threads = 3};
    dmft_trajectory *a = ran(dmft_simulate, p, &one, DMFT_OK), *b = ran(dmft_simulate, p, &three, DMFT_OK), *c = NULL, *d = NULL;
    ck_assert_int_eq(dmft_solve(p, &one, &c, NULL), DMFT_OK);
    ck_assert_int_eq(dmft_solve(p, &three, &d, NULL), DMFT_OK);
    expect_equal(a, b, 0.0);
    expect_equal(c, d, 0.0);
    dmft_trajectory_free(a);
    dmft_trajectory_free(b);
    dmft_trajectory_free(c);
    dmft_trajectory_free(d);
    dmft_problem_free(p);
}
END_TEST

START_TEST(runs_go_on_from_a_checkpoint)
{
    runner *run = _i == 0 ? dmft_solve : dmft_simulate;
    long stops = 0;
    dmft_problem *p = problem_with(SMALL, WITH("simulation.seeds", "3", "network.depth", "3"));
    dmft_trajectory *whole = ran(run, p, NULL, DMFT_OK), *rest = ran_in_pieces(run, p, 4, &stops);
    ck_assert_int_gt(stops, 0);
    expect_same_bytes(whole, rest);
    dmft_trajectory_free(whole);
    dmft_trajectory_free(rest);
    dmft_problem_free(p);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    dmft_problem *p = problem_with(SMALL, WITH("simulation.seeds", "1", "network.features", "20", "data.samples", "12", "data.test_samples", "8", "network.depth",
                                               "1", "simulation.eigensolver", _i == 1 ? "dense" : "krylov"));
    ck_assert_int_ge(ran_without_memory(_i > 0 ? dmft_simulate : dmft_solve, p), 60);
    dmft_problem_free(p);
}
END_TEST

START_TEST(kernels_without_memory)
{
    int status = DMFT_ERROR_MEMORY;
    for (long count = 0; status == DMFT_ERROR_MEMORY; count++) {
        gaussian_kernel *g = NULL;
        allocation_fail_at(count + 1);
        status = gaussian_kernel_create(&g, ACTIVATION_TANH, 4, NULL);
        allocation_fail_at(0);
        ck_assert((status == DMFT_OK) == (g != NULL));
        gaussian_kernel_free(g);
    }
    ck_assert_int_eq(status, DMFT_OK);
}
END_TEST

/* ---- spectra ---- */

START_TEST(largest_from_both_ends)
{
    const double top[] = {5.0, 2.0, 1e-10}, bottom[] = {-7.0, -3.0, 1e-10}, none[] = {NAN, NAN};
    long pick[6];
    ck_assert_uint_eq(moment_largest(top, bottom, 3, 6, pick), 4);
    ck_assert_int_eq(pick[0], -1);
    ck_assert_int_eq(pick[1], 0);
    ck_assert_int_eq(pick[2], -2);
    ck_assert_int_eq(pick[3], 1);
    ck_assert_uint_eq(moment_largest(top, bottom, 3, 2, pick), 2);
    ck_assert_uint_eq(moment_largest(none, none, 2, 2, pick), 0);
    ck_assert_uint_eq(moment_largest(top, top, 1, 2, pick), 1); /* both ends of a matrix with one eigenvalue */
}
END_TEST

/* Labels that are noise alone: with 9 permutations an eigenvalue passes the upper edge in one run of ten. */
START_TEST(edges_are_passed_as_often_as_stated)
{
    const int runs = (int)(400 / shrink_factor());
    double passed[2] = {0.0, 0.0};
    for (int i = 0; i < runs; i++) {
        char seed[16];
        (void)snprintf(seed, sizeof seed, "%d", i + 1);
        dmft_problem *p = problem_with(SMALL, WITH("simulation.seeds", "1", "simulation.seed", seed, "network.depth", "1", "data.samples", "20", "data.label_noise",
                                                   "1e9", "data.test_samples", "1", "training.permutations", "9", "training.penalties", "1"));
        dmft_trajectory *t = solved(p, DMFT_OK);
        passed[0] += (at(t, "eigenvalue_top1", 1) > at(t, "edge_upper", 1)) / (double)runs;
        passed[1] += (at(t, "eigenvalue_bottom1", 1) < at(t, "edge_lower", 1)) / (double)runs;
        dmft_trajectory_free(t);
        dmft_problem_free(p);
    }
    double se = sqrt(0.1 * 0.9 / runs);
    printf("filter, labels of noise pass the upper edge in %.4f and the lower one in %.4f of %d runs, stated 0.1 (%.4f)\n", passed[0], passed[1], runs, se);
    ck_assert_double_eq_tol(passed[0], 0.1, 4.0 * se);
    ck_assert_double_eq_tol(passed[1], 0.1, 4.0 * se);
}
END_TEST

/* As many linear features as inputs: the moment's rank is that of the inputs, and a filter that keeps more keeps all and changes no readout. */
START_TEST(linear_features_keep_what_there_is)
{
    dmft_problem *p = problem_with(SMALL, WITH("network.activation", "linear", "network.kept", "12", "simulation.seeds", "2", "training.penalties", "1",
                                               "training.penalty_min", "1e-12"));
    dmft_trajectory *t = solved(p, DMFT_OK), *s = simulated(p, 0, DMFT_OK);
    for (size_t layer = 1; layer <= 2; layer++) {
        ck_assert_double_eq(at(t, "kept", layer), 5.0);
        ck_assert_double_eq(at(s, "kept", layer), 5.0);
        ck_assert_double_eq_tol(at(t, "test_loss", layer), at(t, "test_loss", 0), 1e-7);
        ck_assert_double_eq_tol(at(s, "test_loss", layer), at(t, "test_loss", 0), 1e-7);
        ck_assert(isnan(at(t, "eigenvalue_top6", layer)));
        ck_assert_double_eq(at(t, "spectrum32", layer), 0.0);
    }
    dmft_trajectory_free(t);
    dmft_trajectory_free(s);
    dmft_problem_free(p);
}
END_TEST

/* More features than samples, none at all, labels that are all the same. */
START_TEST(ridge_at_its_ends)
{
    enum { N = 7, Q = 3, D = 9 };
    double X[(N + Q) * D], y[N], K[(N + Q) * N], by_features[N + Q], by_gram[N + Q];
    const struct ridge_rule rule = {.folds = 3, .penalties = 4, .least = 1e-3, .largest = 1.0};
    struct random_stream stream = random_start(5, 6, 7);
    ridge *r = NULL;
    random_gaussians(&stream, 1.0, (N + Q) * D, X);
    random_gaussians(&stream, 1.0, N, y);
    ck_assert_int_eq(ridge_create(&r, N, Q, &rule, NULL), DMFT_OK);
    for (size_t more = 0; more < 2; more++) {
        size_t m = more ? D : 4;
        for (size_t i = 0; i < N + Q; i++)
            for (size_t j = 0; j < N; j++) {
                K[i * N + j] = 0.0;
                for (size_t d = 0; d < m; d++) K[i * N + j] += X[i * m + d] * X[j * m + d];
            }
        double a = ridge_on_features(r, X, m, y, by_features), b = ridge_on_gram(r, K, y, by_gram);
        ck_assert_double_eq_tol(a, b, 1e-15);
        for (size_t i = 0; i < N + Q; i++) ck_assert_double_eq_tol(by_features[i], by_gram[i], 1e-11);
    }
    double mean = 0.0;
    for (size_t i = 0; i < N; i++) mean += y[i] / N;
    ck_assert_double_eq(ridge_on_features(r, X, 0, y, by_features), 1.0); /* no penalty is better: the largest */
    for (size_t i = 0; i < N + Q; i++) ck_assert_double_eq_tol(by_features[i], mean, 1e-15);
    for (size_t i = 0; i < N; i++) y[i] = 2.5;
    (void)ridge_on_features(r, X, 4, y, by_features);
    for (size_t i = 0; i < N + Q; i++) ck_assert_double_eq_tol(by_features[i], 2.5, 1e-13);
    ridge_free(r);
}
END_TEST

/* ---- data ---- */

/* Means and variances of targets: 20 000 inputs, 4 standard errors. */
START_TEST(targets_have_variance_one)
{
    static const char *const names[] = {"linear", "quadratic", "product", "staircase"};
    enum { N = 20000 };
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        dmft_problem *p = problem_with(SMALL, WITH("data.target_function", names[k], "data.samples", "20000", "data.labels", "value", "data.label_noise", "0",
                                                   "data.directions", "2"));
        struct labelled data;
        double mean = 0.0, square = 0.0, fourth = 0.0;
        ck_assert_int_eq(labelled_create(&data, p, NULL), DMFT_OK);
        labelled_draw(&data, p, 3);
        for (size_t i = 0; i < N; i++) {
            const double *z = data.input + i * 5;
            double y = k == 0   ? (z[0] + z[1]) / sqrt(2.0)
                       : k == 1 ? 0.5 * (z[0] * z[0] + z[1] * z[1] - 2.0)
                       : k == 2 ? z[0] * z[1]
                                : (z[0] + z[0] * z[1]) / sqrt(2.0);
            ck_assert_double_eq_tol(data.label[i], y, 1e-14);
            mean += y / N;
            square += y * y / N;
            fourth += y * y * y * y / N;
        }
        ck_assert_double_lt(fabs(mean), 4.0 * sqrt(square / N));
        ck_assert_double_lt(fabs(square - 1.0), 4.0 * sqrt((fourth - square * square) / N));
        labelled_free(&data);
        dmft_problem_free(p);
    }
}
END_TEST

/* A file of rows: `rows` inputs of 3 numbers times `scale`, labels times `sign`. */
static void write_rows(const char *path, size_t rows, double scale, double sign)
{
    struct random_stream stream = random_start(11, 0, 0);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < rows; i++) {
        double z[3];
        random_gaussians(&stream, 1.0, 3, z);
        (void)fprintf(file, "%.17g,%.17g,%.17g,%g\n", scale * z[0], scale * z[1], scale * z[2], z[0] * z[1] + z[2] > 0 ? sign : -sign);
    }
    (void)fclose(file);
}

#define OF_FILE "model: low_degree_filter\nnetwork: {depth: 2, kept: 3, features: 60, activation: relu}\nsimulation: {seeds: 2}\ndata: {samples: 30}\n"

/* Inputs in other units change nothing, and labels of the other sign turn the spectrum over. */
START_TEST(files_scale_and_turn_over)
{
    static const double scale[] = {1.0, 8.0, 1.0}, sign[] = {1.0, 1.0, -1.0};
    dmft_trajectory *t[3], *s[3];
    make_folder();
    for (int i = 0; i < 3; i++) {
        const char *path = in_folder((const char *const[]){"0.csv", "1.csv", "2.csv"}[i]);
        write_rows(path, 45, scale[i], sign[i]);
        dmft_problem *p = problem_with(OF_FILE, WITH("data.file", path));
        ck_assert_uint_eq(p->filter.tests, 15);
        ck_assert_ptr_nonnull(strstr(dmft_problem_text(p), "# checksum of the data "));
        t[i] = solved(p, DMFT_OK);
        s[i] = simulated(p, 0, DMFT_OK);
        dmft_problem_free(p);
    }
    expect_equal(t[0], t[1], 1e-9);
    expect_equal(s[0], s[1], 1e-9);
    for (size_t layer = 1; layer <= 2; layer++) {
        ck_assert_double_eq_tol(at(t[0], "eigenvalue_top1", layer), -at(t[2], "eigenvalue_bottom1", layer), 1e-12);
        ck_assert_double_eq_tol(at(t[0], "edge_upper", layer), -at(t[2], "edge_lower", layer), 1e-9);
        ck_assert_double_eq_tol(at(t[0], "test_loss", layer), at(t[2], "test_loss", layer), 1e-9);
    }
    for (int i = 0; i < 3; i++) {
        dmft_trajectory_free(t[i]);
        dmft_trajectory_free(s[i]);
    }
    remove_folder();
}
END_TEST

/* Test rows of a file of their own, which has the labels the other way round: every row comes from the right file, none twice, in orders that differ. */
START_TEST(rows_of_two_files)
{
    make_folder();
    const char *train = in_folder("train.csv"), *test = in_folder("test.csv");
    write_rows(train, 45, 1.0, 1.0);
    write_rows(test, 12, 1.0, -1.0);
    dmft_problem *p = problem_with(OF_FILE, WITH("data.file", train, "data.test_file", test, "data.test_samples", "10"));
    struct labelled data;
    double first[2] = {0.0, 0.0};
    ck_assert_int_eq(labelled_create(&data, p, NULL), DMFT_OK);
    ck_assert_uint_eq(data.samples, 30);
    ck_assert_uint_eq(data.tests, 10);
    for (long index = 0; index < 2; index++) {
        labelled_draw(&data, p, index);
        first[index] = data.input[0];
        for (size_t i = 0; i < 40; i++) {
            const double *z = data.input + 3 * i;
            ck_assert_double_eq(data.label[i], (z[0] * z[1] + z[2] > 0 ? 1.0 : -1.0) * (i < 30 ? 1.0 : -1.0));
            for (size_t j = i < 30 ? 0 : 30; j < i; j++) ck_assert_double_ne(data.input[3 * j], z[0]);
        }
    }
    ck_assert_double_ne(first[0], first[1]);
    labelled_free(&data);
    dmft_problem_free(p);
    remove_folder();
}
END_TEST

/* ---- settings ---- */

START_TEST(settings_are_refused)
{
    make_folder();
    const char *path = in_folder("rows.csv");
    write_rows(path, 12, 1.0, 0.5);
    const struct {
        const char *text, *key, *value, *key2, *value2, *line;
    } bad[] = {
        {SMALL, "network.kept", "42", NULL, NULL, "network.kept: at most the number of samples, 41, got 42"},
        {SMALL, "network.features", "2", NULL, NULL, "run.yaml:2:27: network.kept: at most the number of features, 2, got 3"},
        {SMALL, "data.directions", "6", NULL, NULL, "data.directions: at most the number of inputs, 5, got 6"},
        {SMALL, "training.folds", "42", NULL, NULL, "training.folds: at most the number of samples, 41, got 42"},
        {SMALL, "training.penalty_min", "2", NULL, NULL, "run.yaml:4:68: training.penalty_max: at least penalty_min, 2, got 1"},
        {SMALL, "data.test_file", "x.csv", NULL, NULL, "data.test_file: belongs to data.file"},
        {SMALL, "data.normalize", "true", NULL, NULL, "data.normalize: belongs to data.file"},
        {SMALL, "data.file", path, NULL, NULL, "run.yaml:3:70: data.target_function: is for inputs that are drawn, not for those of data.file"},
        {OF_FILE, "data.file", path, NULL, NULL, "data.file: the label of training row 1 must be +1 or -1 (data.labels: value takes any), got"},
        {OF_FILE, "data.file", path, "data.labels", "value", "data.samples: at most the rows of data.file, 12, got 30"},
        {OF_FILE, NULL, NULL, NULL, NULL, "data.target_function is missing: one of linear | quadratic | product | staircase; or data.file"},
        {OF_FILE, "data.target_function", "linear", NULL, NULL, "data.directions is missing: an integer in [1, 16]; or data.file"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        dmft_config *config = config_with(bad[i].text, NULL);
        dmft_problem *p = NULL;
        dmft_error err = {.text = ""};
        if (bad[i].key != NULL) ck_assert_int_eq(dmft_config_set(config, bad[i].key, bad[i].value, &err), DMFT_OK);
        if (bad[i].key2 != NULL) ck_assert_int_eq(dmft_config_set(config, bad[i].key2, bad[i].value2, &err), DMFT_OK);
        ck_assert_int_eq(dmft_problem_create(&p, config, &err), DMFT_ERROR_CONFIG);
        ck_assert_msg(strstr(err.text, bad[i].line) != NULL, "%s, not: %s", err.text, bad[i].line);
        ck_assert_ptr_null(p);
        dmft_config_free(config);
    }
    remove_folder();
}
END_TEST

START_TEST(dense_matrices_have_their_limit)
{
    dmft_problem *p = problem_with(SMALL, WITH("simulation.eigensolver", "dense", "network.features", "32001"));
    dmft_trajectory *t = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_simulate(p, NULL, &t, &err), DMFT_ERROR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "at most 32000 features, got 32001"));
    ck_assert_ptr_null(t);
    dmft_problem_free(p);
}
END_TEST

/* What `dmft init` prints is a problem, and the text of a problem is the same problem. */
START_TEST(template_and_text)
{
    const char *template = dmft_config_template("low_degree_filter");
    ck_assert_ptr_nonnull(template);
    dmft_problem *p = problem_with(template, NULL), *q = problem_with(dmft_problem_text(p), NULL);
    ck_assert_str_eq(dmft_problem_text(p), dmft_problem_text(q));
    ck_assert_int_eq(dmft_problem_rows(p), dmft_problem_depth(p) + 1);
    for (size_t i = 0; i < sizeof network_keys / sizeof *network_keys; i++) ck_assert_ptr_nonnull(strstr(template, strrchr(network_keys[i], '.') + 1));
    dmft_problem_free(p);
    dmft_problem_free(q);
}
END_TEST

Suite *suite_filter(void)
{
    Suite *suite = suite_create("filter");
    TCase *slow = tcase_create("slow"), *limit = tcase_create("limit"), *ways = tcase_create("ways"), *parts = tcase_create("parts");
    tcase_add_test(slow, theory_is_the_slow_definition);
    tcase_add_loop_test(slow, simulator_is_the_slow_definition, 0, 2);
    tcase_add_loop_test(slow, kernels_are_gaussian_means, 0, ACTIVATION_COUNT);
    tcase_add_test(slow, kernels_refuse_what_they_cannot_expand);
    tcase_add_test(limit, features_converge);
    tcase_add_loop_test(limit, networks_agree_with_the_theory, 0, 2);
    tcase_add_test(ways, eigensolvers_agree);
    tcase_add_test(ways, features_need_not_be_held);
    tcase_add_test(ways, threads_leave_no_trace);
    tcase_add_loop_test(ways, runs_go_on_from_a_checkpoint, 0, 2);
    tcase_add_loop_test(ways, every_allocation_may_fail, 0, 3);
    tcase_add_test(ways, kernels_without_memory);
    tcase_add_test(parts, largest_from_both_ends);
    tcase_add_test(parts, edges_are_passed_as_often_as_stated);
    tcase_add_test(parts, linear_features_keep_what_there_is);
    tcase_add_test(parts, ridge_at_its_ends);
    tcase_add_test(parts, targets_have_variance_one);
    tcase_add_test(parts, files_scale_and_turn_over);
    tcase_add_test(parts, rows_of_two_files);
    tcase_add_test(parts, settings_are_refused);
    tcase_add_test(parts, dense_matrices_have_their_limit);
    tcase_add_test(parts, template_and_text);
    suite_add_tcase(suite, slow);
    suite_add_tcase(suite, limit);
    suite_add_tcase(suite, ways);
    suite_add_tcase(suite, parts);
    return suite;
}
