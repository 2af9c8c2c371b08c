/* Networks on fixed inputs: reference tables, the slow definition with all that training may bring, the order of the sampling error, discrete time,
 * invariants (permuted samples, duplicates), one sample, depths 1 and 4, the kernel (N3) against its definition, checkpoints, estimates, failures. */
#include <check.h>
#include <gsl/gsl_cdf.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/activation.h"
#include "base/archive.h"
#include "base/batch.h"
#include "ensemble/mlp_table.h"
#include "model/loss.h"
#include "model/mlp.h"
#include "model/replica.h"
#include "network/mlp.h"
#include "numbers.h"
#include "reference.h"
#include "slow_mlp_linear.h"
#include "state_file.h"
#include "suites.h"

Suite *suite_mlp(void);

enum { MOST_DEPTH = 5, MOST_INPUTS = 8, MOST_OUTPUTS = 3, MOST_STEPS = 40 };

/* ---- problems ---- */

struct fixture {
    char model[8], text[16];
    double variance[MOST_DEPTH + 1], gram[MOST_INPUTS * MOST_INPUTS], target[MOST_INPUTS * MOST_OUTPUTS], test_target[MOST_INPUTS * MOST_OUTPUTS],
        schedule[MOST_STEPS];
    size_t chosen[2];
    dmft_problem problem;
};

/* The inputs of the reference tables: X X^T/8 of four rows of multiples of 1/8. */
static const double four[16] = {1.031494140625,  -0.03662109375,  -0.299072265625, -0.42724609375, -0.03662109375, 0.9033203125,
                                -0.238037109375, 0.164794921875,  -0.299072265625, -0.238037109375, 0.762939453125, 0.286865234375,
                                -0.42724609375,  0.164794921875,  0.286865234375,  1.080322265625};
static const double four_targets[4] = {1, 1, -1, -1};

/* Full batches, squared loss, one output, exact coordinates, outliers at every step. */
static void make(struct fixture *x, enum activation_kind kind, int depth, double gamma0, double variance, double eta, long steps)
{
    memset(x, 0, sizeof *x);
    strcpy(x->model, "mlp");
    strcpy(x->text, "model: mlp\n");
    for (int l = 0; l <= depth; l++) x->variance[l] = variance;
    memcpy(x->gram, four, sizeof four);
    memcpy(x->target, four_targets, sizeof four_targets);
    x->problem = (dmft_problem){.model = x->model,
                                .kind = MODEL_MLP,
                                .depth = depth,
                                .gamma0 = gamma0,
                                .weight_variance = x->variance,
                                .learning_rate = eta,
                                .steps = steps,
                                .rows = steps,
                                .outlier_count = 1,
                                .outlier_every = 1,
                                .text = x->text};
    struct mlp_problem *m = &x->problem.mlp;
    m->solver = kind == ACTIVATION_LINEAR ? SOLVER_EXACT : SOLVER_REVEALED;
    m->activation = activation_of(kind);
    m->samples = m->batch_size = 4;
    m->outputs = 1;
    m->gram = x->gram;
    m->target = x->target;
    m->chosen = x->chosen;
    m->sampling.replicas = 1;
    m->sampling.seed = 1;
    m->sampling.tolerance = 1e-6;
}

static void sample(struct fixture *x, long sites, long replicas, int sobol, int moment_matching)
{
    struct mlp_problem *m = &x->problem.mlp;
    m->solver = SOLVER_REVEALED;
    m->sampling.sites = sites;
    m->sampling.replicas = replicas;
    m->sampling.draws = sobol ? DRAWS_SOBOL : DRAWS_GAUSSIAN;
    m->sampling.moment_matching = moment_matching;
}

/* All members of a kind, with this outcome of the first. */
static struct ensemble_results run(const dmft_problem *p, const struct ensemble_kind *kind, long members, int threads)
{
    struct mlp_table t = mlp_table_of(p, 0);
    struct ensemble_plan plan = {.kind = kind, .problem = p, .members = members, .rows = p->rows, .slot = t.slot, .operations = 1e6};
    struct ensemble_results r;
    dmft_run_options options = {.threads = threads};
    dmft_error err = {.text = ""};
    int status = ensemble_run(&r, &plan, &options, &err);
    ck_assert_msg(status == DMFT_OK, "status %d: %s", status, err.text);
    return r;
}

static struct ensemble_results solve(const dmft_problem *p)
{
    return run(p, &ensemble_replica, p->mlp.solver == SOLVER_EXACT ? 1 : p->mlp.sampling.replicas, 1);
}

static const double *row_of(const struct mlp_table *t, const double *slot, long row) { return slot + (size_t)row * t->columns; }

static double mean(const double *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += x[i] / (double)n;
    return sum;
}

/* Whether long tests are to be short ones, for valgrind. */
static int shrunk(void)
{
    const char *text = getenv("DMFT_TEST_SHRINK");
    return text != NULL && atol(text) > 1;
}

/* ---- reference tables ---- */

/* The columns f, trace_C_h, C_g and outliers of a row, in the order of the tables; returns their number. */
static size_t columns_of(const struct mlp_table *t, const double *slot, long row, double *x)
{
    size_t n = 0, P = t->samples;
    const double *from = row_of(t, slot, row);
    for (size_t i = 0; i < P; i++) x[n++] = from[t->output + i];
    for (size_t l = 0; l < t->depth; l++) x[n++] = mean(from + t->forward + l * P, P);
    for (size_t l = 0; l < t->depth; l++) x[n++] = mean(from + t->backward + l * P, P);
    for (size_t l = 1; l < t->depth; l++) x[n++] = slot[mlp_table_spectrum(t, row, l) + t->value];
    return n;
}

/* Rows of a table, behind its header. */
static FILE *open_table(const char *name)
{
    char line[4096] = "#";
    FILE *file = reference_open(name);
    while (line[0] == '#') ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    return file;
}

/* The largest difference from the table; both have to be nan where one is. */
static double against_table(const char *name, const struct mlp_table *t, const double *slot, long rows)
{
    FILE *file = open_table(name);
    double x[32], want, worst = 0.0;
    for (long row = 0; row < rows; row++) {
        size_t n = columns_of(t, slot, row, x);
        ck_assert_int_eq(fscanf(file, "%lf", &want), 1);
        ck_assert_double_eq(want, (double)row);
        for (size_t i = 0; i < n; i++) {
            ck_assert_int_eq(fscanf(file, ",%lf", &want), 1);
            ck_assert_msg(isnan(want) == isnan(x[i]), "%s, row %ld, column %zu: %.12g, the table has %.12g", name, row, i, x[i], want);
            if (!isnan(want)) worst = fmax(worst, fabs(x[i] - want) / fmax(fabs(want), 1.0));
        }
    }
    (void)fclose(file);
    return worst;
}

static const char *const table_name[] = {"mlp_linear_a", "mlp_linear_b"};

static void make_table(struct fixture *x, int which)
{
    if (which == 0) make(x, ACTIVATION_LINEAR, 2, 1.5, 1.0, 0.1, 40);
    else make(x, ACTIVATION_LINEAR, 3, 3.0, 0.6, 0.08, 40);
}

/* The tables have 12 digits. */
START_TEST(exact_tables)
{
    struct fixture x;
    make_table(&x, _i);
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results r = solve(&x.problem);
    double worst = against_table(table_name[_i], &t, r.values, 40);
    ck_assert_msg(worst < 1e-9, "%s: off by %g", table_name[_i], worst);
    ensemble_results_free(&r);
}
END_TEST

/* With moment matching the moments of 250 sites are those of the limit, so that what is linear in them is exact: outliers too. */
START_TEST(matched_tables)
{
    struct fixture x;
    make_table(&x, _i % 2);
    sample(&x, 250, 1, _i / 2, 1);
    x.problem.mlp.sampling.tolerance = 1e-12;
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results r = solve(&x.problem);
    double worst = against_table(table_name[_i % 2], &t, r.values, 40);
    ck_assert_msg(worst < 1e-9, "%s: off by %g", table_name[_i % 2], worst);
    ensemble_results_free(&r);
}
END_TEST

/* Deep networks with two outputs open directions that are 1e-9 of their vectors. What rounding leaves outside of the span of the fresh fields is taken off
 * them: without that these numbers were off by 1e-11, others by 1e-7. */
START_TEST(matched_directions_that_nearly_depend)
{
    struct fixture x;
    static const double variance[6] = {0.435, 0.304, 1.312, 1.357, 1.052, 0.396}, target[8] = {-0.666, 0.3923, 1.6533, 0.9093, -0.6892, 0.5339, -0.2784, -0.7556};
    static const double gram[16] = {0.5644, 0.3751,  -0.35,  -0.1068, 0.3751,  1.6482, -1.4141, 0.1992,
                                    -0.35,  -1.4141, 2.1716, 0.677,   -0.1068, 0.1992, 0.677,   0.9636};
    make(&x, ACTIVATION_LINEAR, 5, 2.479, 1.0, 0.184, 6);
    memcpy(x.gram, gram, sizeof gram);
    memcpy(x.variance, variance, sizeof variance);
    memcpy(x.target, target, sizeof target);
    x.problem.mlp.outputs = 2;
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results exact = solve(&x.problem);
    sample(&x, 250, 1, 0, 1);
    x.problem.mlp.sampling.tolerance = 1e-12;
    struct ensemble_results matched = solve(&x.problem);
    for (size_t i = 0; i < 6 * t.columns; i++) {
        double y = exact.values[i];
        ck_assert_msg(i % t.columns == t.test_loss || fabs(matched.values[i] - y) <= 2e-12 * fmax(1.0, fabs(y)), "row %zu, column %zu: %.15g for %.15g",
                      i / t.columns, i % t.columns, matched.values[i], y);
    }
    ensemble_results_free(&exact);
    ensemble_results_free(&matched);
}
END_TEST

/* So many steps open directions down to the tolerance itself, of which half is rounding. Where their part outside of the span of the fresh fields was kept it
 * grew tenfold from one direction to the next, with a fifth more directions, and some of these runs were wrong on all cores of OpenBLAS, by 3e-8 up to 1e76. */
enum { MATCHED_KINDS = 4, MATCHED_SEEDS = 6 };

static void make_long(struct fixture *x, int which)
{
    static const double second[8] = {1, 0.5, 1, -1, -1, 0.25, -1, 1};
    int outputs = which == 1 || which == 2;
    make(x, ACTIVATION_LINEAR, which == 3 ? 4 : 3, 3.0, 0.6, 0.08, 40);
    struct dmft_problem *p = &x->problem;
    if (outputs) memcpy(x->target, second, sizeof second);
    p->mlp.outputs = outputs ? 2 : 1;
    p->weight_decay = which == 1 ? 0.02 : 0.0;
    p->mlp.bias = which == 2;
    p->momentum = which == 3 ? 0.5 : 0.0;
}

START_TEST(matched_long_runs)
{
    struct fixture x;
    make_long(&x, _i);
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results exact = solve(&x.problem);
    double worst = 0.0;
    for (uint64_t seed = 1; seed <= MATCHED_SEEDS; seed++) {
        sample(&x, 250, 1, seed % 2 == 0, 1);
        x.problem.mlp.sampling.tolerance = 1e-12;
        x.problem.mlp.sampling.seed = seed;
        struct ensemble_results matched = solve(&x.problem);
        for (size_t i = 0; i < (size_t)x.problem.rows * t.columns; i++) {
            double y = exact.values[i], off = fabs(matched.values[i] - y) / fmax(1.0, fabs(y));
            if (i % t.columns != t.test_loss && !(off <= worst)) worst = isnan(off) ? INFINITY : off;
        }
        for (size_t i = mlp_table_directions(&t, 1); i < mlp_table_directions(&t, t.matrices) + 2; i++)
            ck_assert_msg(matched.values[i] <= 1.05 * exact.values[i], "seed %d: %g directions for %g", (int)seed, matched.values[i], exact.values[i]);
        ensemble_results_free(&matched);
    }
    printf("mlp: long linear runs with moment matching, kind %d: off by at most %.1e\n", _i, worst);
    ck_assert_msg(worst < 1e-11, "off by %g", worst);
    ensemble_results_free(&exact);
}
END_TEST

/* Independent sites: means over R members are within 4 standard errors of the exact numbers, at four times and all columns (outliers where all members have
 * one), and the scatter of a member falls as S^{-1/2}. The logarithm of a root mean square over some 40 numbers of which a dozen are independent, from
 * R = 24 members, scatters by 1/sqrt(2 x 12 x 23) = 0.04 at each of three S that span a factor 16, so that the slope does by 0.04/2.8 x sqrt 2 = 0.02. */
enum { SIZES = 3, MEMBERS = 24 };

START_TEST(sampled_converges)
{
    struct fixture x;
    make_table(&x, _i);
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results exact = solve(&x.problem);
    double scatter[SIZES] = {0};
    for (int size = 0; size < SIZES; size++) {
        sample(&x, (shrunk() ? 60L : 250L) << (2 * size), MEMBERS, 0, 0);
        x.problem.rows = x.problem.steps = 16;
        struct ensemble_results r = solve(&x.problem);
        struct mlp_table shorter = mlp_table_of(&x.problem, 0);
        for (long row = 0; row < 16; row += 5) {
            double want[32], now[32], sum[32] = {0}, squares[32] = {0};
            size_t n = columns_of(&t, exact.values, row, want);
            for (long i = 0; i < MEMBERS; i++) {
                (void)columns_of(&shorter, r.values + (size_t)i * r.slot, row, now);
                for (size_t c = 0; c < n; c++) sum[c] += now[c] / MEMBERS, squares[c] += (now[c] - want[c]) * (now[c] - want[c]) / MEMBERS;
            }
            for (size_t c = 0; c < n; c++) {
                if (isnan(sum[c]) || isnan(want[c])) continue;
                double bias = sum[c] - want[c], se = sqrt((squares[c] - bias * bias) / (MEMBERS - 1));
                /* 10/S of the value is the bias that was measured at its largest, C_g1 */
                ck_assert_msg(fabs(bias) <= 4.0 * se + 10.0 / (double)x.problem.mlp.sampling.sites * fmax(fabs(want[c]), 0.1),
                              "S = %ld, row %ld, column %zu: %g(%g), exact %g", x.problem.mlp.sampling.sites, row, c, sum[c], se, want[c]);
                scatter[size] += (squares[c] - bias * bias) / fmax(want[c] * want[c], 0.01);
            }
        }
        ensemble_results_free(&r);
    }
    double slope = log(scatter[0] / scatter[SIZES - 1]) / log(256.0);
    ck_assert_msg(fabs(slope - 0.5) < 0.1, "errors fall as S^-%.3f", slope);
    ensemble_results_free(&exact);
}
END_TEST

/* ---- nonlinear reference tables ---- */

/* A line of such a table: step, then value and standard error of every column of columns_of and of ntk_top. */
static size_t read_line(FILE *file, double *value, double *se)
{
    char line[4096];
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    size_t n = 0;
    char *at = strchr(line, ',');
    while (at != NULL) {
        value[n] = strtod(at + 1, &at);
        ck_assert_int_eq(*at, ',');
        se[n++] = strtod(at + 1, &at);
        at = *at == ',' ? at : NULL;
    }
    return n;
}

/* Means over 14 replicas of 1024 sites against 24 of 16384, at every fifth step, within the 4 standard errors of a normal number, both taken together: of 14
 * replicas that is Student's quantile of the same probability. Besides 1e-4 of f and <phi^2>, 1e-3 of <g^2>, ntk_top and outliers: the tables' own bias,
 * and one over the number of sites here. */
START_TEST(nonlinear_tables)
{
    enum { REPLICAS = 14, WIDE = 32 };
    struct fixture x;
    if (_i == 0) make(&x, ACTIVATION_TANH, 2, 3.0, 1.0, 0.2, 40);
    else make(&x, ACTIVATION_RELU, 3, 4.0, 1.0, 0.05, 40);
    sample(&x, 1024, REPLICAS, 1, 0);
    long rows = shrunk() ? 6 : 40;
    x.problem.rows = x.problem.steps = rows;
    x.problem.outlier_every = 5;
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results r = solve(&x.problem);
    double q = gsl_cdf_tdist_Pinv(gsl_cdf_ugaussian_P(4.0), REPLICAS - 1.0), want[WIDE], error[WIDE], now[WIDE];
    FILE *file = open_table(_i == 0 ? "nl_tanh_a" : "nl_relu_a");
    size_t compared = 0, L = t.depth;
    for (long row = 0; row < rows; row++) {
        size_t n = read_line(file, want, error);
        ck_assert_uint_eq(n, 4 + 2 * L + L - 1 + 1);
        for (size_t c = 0; row % 5 == 0 && c < n; c++) {
            double sum = 0.0, squares = 0.0;
            for (size_t i = 0; i < REPLICAS; i++) {
                const double *slot = r.values + i * r.slot;
                now[columns_of(&t, slot, row, now)] = row_of(&t, slot, row)[t.ntk];
                sum += now[c] / REPLICAS;
                squares += now[c] * now[c] / REPLICAS;
            }
            if (isnan(want[c]) || isnan(sum)) continue; /* near the edge not every replica has an outlier */
            double se = sqrt(fmax(squares - sum * sum, 0.0) / (REPLICAS - 1));
            double allowance = ((c < 4 + L ? 1e-4 : 1e-3) + 1.0 / 1024.0) * fabs(want[c]);
            double z = fmax(fabs(sum - want[c]) - allowance, 0.0) / hypot(q / 4.0 * se, error[c]);
            ck_assert_msg(z <= 4.0, "row %ld, column %zu: %g(%g), the table has %g(%g)", row, c, sum, se, want[c], error[c]);
            compared++;
        }
    }
    ck_assert_msg(compared >= (size_t)(rows + 4) / 5 * (4 + 2 * L + 1) + (rows == 40 ? 3 * (L - 1) : 0), "%zu numbers compared", compared);
    (void)fclose(file);
    ensemble_results_free(&r);
}
END_TEST

/* ---- the slow definition ---- */

static int batch_masks[MOST_STEPS * MOST_INPUTS];

static slow_mlp_problem slow_of(const struct fixture *x)
{
    const struct mlp_problem *m = &x->problem.mlp;
    int T = (int)x->problem.steps, P = (int)m->samples;
    memset(batch_masks, 0, sizeof batch_masks);
    for (int t = 0; t < T; t++) {
        size_t index[MOST_INPUTS], count = batch_at(&x->problem, t, index);
        for (size_t i = 0; i < count; i++) batch_masks[t * P + (int)index[i]] = 1;
    }
    return (slow_mlp_problem){.depth = x->problem.depth,
                              .steps = T,
                              .samples = P,
                              .tests = (int)m->tests,
                              .outputs = (int)m->outputs,
                              .bias = m->bias,
                              .gamma0 = x->problem.gamma0,
                              .learning_rate = x->problem.learning_rate,
                              .momentum = x->problem.momentum,
                              .weight_decay = x->problem.weight_decay,
                              .weight_variance = x->variance,
                              .gram = x->gram,
                              .target = x->target,
                              .schedule = x->problem.schedule,
                              .batch = batch_masks,
                              .loss = m->loss == LOSS_SQUARED ? SLOW_SQUARED : m->loss == LOSS_LOGISTIC ? SLOW_LOGISTIC : SLOW_SOFTMAX};
}

static double largest_eigenvalue(const double *A, size_t n)
{
    double copy[MOST_INPUTS * MOST_OUTPUTS * MOST_INPUTS * MOST_OUTPUTS], values[MOST_INPUTS * MOST_OUTPUTS];
    memcpy(copy, A, n * n * sizeof *A);
    ck_assert_int_eq(LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'N', 'L', (lapack_int)n, copy, (lapack_int)n, values), 0);
    return values[n - 1];
}

/* The largest relative difference of f, <phi^2>, <g^2> and ntk_top from the slow definition. */
static double against_slow(const struct fixture *x, const double *slot)
{
    struct mlp_table t = mlp_table_of(&x->problem, 0);
    slow_mlp_problem p = slow_of(x);
    slow_mlp_rows slow = slow_mlp_linear(&p);
    ck_assert_ptr_nonnull(slow.row);
    double worst = 0.0;
    size_t P = t.samples, outputs = (P + t.tests) * t.outputs;
    for (int row = 0; row < p.steps; row++) {
        const double *want = slow.row + row * slow.columns, *now = row_of(&t, slot, row);
        for (size_t i = 0; i < outputs; i++) worst = fmax(worst, fabs(now[t.output + i] - want[i]) / fmax(fabs(want[i]), 1.0));
        for (size_t i = 0; i < t.depth * P; i++) {
            worst = fmax(worst, fabs(now[t.forward + i] / want[(size_t)slow.forward + i] - 1.0));
            worst = fmax(worst, fabs(now[t.backward + i] / want[(size_t)slow.backward + i / P] - 1.0));
        }
        worst = fmax(worst, fabs(now[t.ntk] / largest_eigenvalue(want + slow.ntk, P * t.outputs) - 1.0));
    }
    free(slow.row);
    return worst;
}

struct variant {
    const char *name;
    int depth, samples, tests, outputs, bias;
    enum loss loss;
    size_t batch;
    double momentum, decay;
    int schedule;
};

static const struct variant variants[] = {
    {"depth 1", 1, 4, 0, 1, 0, LOSS_SQUARED, 4, 0.0, 0.0, 0},
    {"depth 4", 4, 3, 0, 1, 0, LOSS_SQUARED, 3, 0.0, 0.0, 0},
    {"one sample", 2, 1, 0, 1, 0, LOSS_SQUARED, 1, 0.0, 0.0, 0},
    {"test inputs", 2, 2, 2, 1, 0, LOSS_SQUARED, 2, 0.0, 0.0, 0},
    {"biases", 3, 3, 1, 1, 1, LOSS_SQUARED, 3, 0.0, 0.0, 0},
    {"momentum", 2, 3, 0, 1, 1, LOSS_SQUARED, 3, 0.7, 0.0, 0},
    {"decay", 2, 3, 1, 1, 1, LOSS_SQUARED, 3, 0.0, 0.03, 0},
    {"schedule, momentum, decay", 3, 3, 0, 1, 1, LOSS_SQUARED, 3, 0.5, 0.02, 1},
    {"minibatches", 2, 4, 0, 1, 0, LOSS_SQUARED, 3, 0.0, 0.0, 0},
    {"minibatches, momentum, decay", 1, 3, 1, 2, 1, LOSS_SQUARED, 2, 0.4, 0.01, 1},
    {"two outputs", 2, 3, 1, 2, 0, LOSS_SQUARED, 3, 0.0, 0.0, 0},
    {"logistic", 2, 4, 0, 1, 0, LOSS_LOGISTIC, 4, 0.0, 0.0, 0},
    {"softmax of two", 2, 3, 0, 2, 1, LOSS_SOFTMAX, 2, 0.3, 0.01, 1},
    {"softmax of three, depth 3", 3, 2, 1, 3, 0, LOSS_SOFTMAX, 2, 0.0, 0.0, 0},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void make_variant(struct fixture *x, const struct variant *v)
{
    make(x, ACTIVATION_LINEAR, v->depth, 1.7, 0.8, 0.11, 12);
    struct mlp_problem *m = &x->problem.mlp;
    size_t inputs = (size_t)(v->samples + v->tests), K = (size_t)v->outputs;
    ck_assert_uint_le(inputs, 4);
    for (size_t i = 0; i < inputs; i++)
        for (size_t j = 0; j < inputs; j++) x->gram[i * inputs + j] = four[i * 4 + j];
    for (size_t i = 0; i < (size_t)v->samples; i++)
        for (size_t k = 0; k < K; k++)
            x->target[i * K + k] = v->loss == LOSS_SOFTMAX    ? (double)(i % K == k)
                                   : v->loss == LOSS_LOGISTIC ? four_targets[i]
                                                              : 0.7 * cos(2.0 * (double)(i * K + k));
    for (int t = 0; t < MOST_STEPS; t++) x->schedule[t] = t % 5 == 3 ? 0.0 : 1.2 - 0.05 * t;
    x->variance[v->depth] = 1.3;
    m->samples = (size_t)v->samples;
    m->tests = (size_t)v->tests;
    m->outputs = K;
    m->bias = v->bias;
    m->loss = v->loss;
    m->batch_size = v->batch;
    m->batch_seed = 3;
    x->problem.momentum = v->momentum;
    x->problem.weight_decay = v->decay;
    x->problem.schedule = v->schedule ? x->schedule : NULL;
}

START_TEST(exact_is_the_slow_definition)
{
    struct fixture x;
    make_variant(&x, &variants[_i]);
    struct ensemble_results r = solve(&x.problem);
    double worst = against_slow(&x, r.values);
    ck_assert_msg(worst < 1e-12, "%s: off by %g", variants[_i].name, worst);
    ensemble_results_free(&r);
}
END_TEST

START_TEST(matched_is_the_slow_definition)
{
    struct fixture x;
    make_variant(&x, &variants[_i]);
    sample(&x, 250, 1, 1, 1);
    x.problem.mlp.sampling.tolerance = 1e-12;
    struct ensemble_results r = solve(&x.problem);
    double worst = against_slow(&x, r.values);
    ck_assert_msg(worst < 1e-9, "%s: off by %g", variants[_i].name, worst);
    ensemble_results_free(&r);
}
END_TEST

/* ---- losses ---- */

START_TEST(losses_and_their_slopes)
{
    static const enum loss kind[] = {LOSS_SQUARED, LOSS_LOGISTIC, LOSS_SOFTMAX, LOSS_SQUARED};
    size_t K = _i == 1 ? 1 : 3;
    double y[] = {_i == 1 ? -1.0 : 0.2, 0.5, 0.3}, f[] = {0.7, -1.9, 2.385}, Delta[3], h = 1e-5;
    for (int shift = 0; shift < 3; shift++) {
        (void)loss_of(kind[_i], K, y, f, Delta);
        for (size_t k = 0; k < K; k++) {
            double up[3], down[3];
            memcpy(up, f, sizeof f);
            memcpy(down, f, sizeof f);
            up[k] += h;
            down[k] -= h;
            double slope = (loss_of(kind[_i], K, y, up, NULL) - loss_of(kind[_i], K, y, down, NULL)) / (2.0 * h);
            ck_assert_double_eq_tol(Delta[k], -slope, 1e-9);
        }
        for (size_t k = 0; k < K; k++) f[k] -= 3.1 * (double)k; /* logistic: K = 1 stays; the others move apart */
        f[0] = -f[0] + 1.3;
    }
}
END_TEST

/* Far outputs overflow nothing. */
START_TEST(losses_far_away)
{
    double y = 1.0, f = -1e4, Delta, p[2] = {1.0, 0.0}, far[2] = {-1e4, 1e4}, D[2];
    ck_assert_double_eq_tol(loss_of(LOSS_LOGISTIC, 1, &y, &f, &Delta), 1e4, 1e-9);
    ck_assert_double_eq_tol(Delta, 1.0, 1e-15);
    ck_assert_double_eq_tol(loss_of(LOSS_SOFTMAX, 2, p, far, D), 2e4, 1e-9);
    ck_assert_double_eq_tol(D[0], 1.0, 1e-15);
    ck_assert_double_eq_tol(D[1], -1.0, 1e-15);
}
END_TEST

/* ---- discrete time ---- */

/* K Delta of (N3) with the kernels of the slow definition. */
static void kernel_step(const double *K, const double *f, const double *y, double eta, double *next)
{
    for (int mu = 0; mu < 4; mu++) {
        next[mu] = f[mu];
        for (int nu = 0; nu < 4; nu++) next[mu] += eta / 4.0 * K[mu * 4 + nu] * (y[nu] - f[nu]);
    }
}

/* K of (N3) for two layers and one output, from the fields. */
static void kernel_of(const struct mlp *n, double *K)
{
    for (size_t mu = 0; mu < 4; mu++)
        for (size_t nu = 0; nu < 4; nu++) {
            double C[3] = {four[mu * 4 + nu]}, G[3];
            for (size_t l = 1; l <= 2; l++) {
                size_t stride = n->phi[l].space->stride;
                C[l] = G[l] = 0.0;
                for (size_t i = 0; i < n->phi[l].space->axes; i++) {
                    C[l] += n->phi[l].x[mu * stride + i] * n->phi[l].x[nu * stride + i];
                    G[l] += n->g[l].x[mu * stride + i] * n->g[l].x[nu * stride + i];
                }
            }
            K[mu * 4 + nu] = C[0] * G[1] + C[1] * G[2] + C[2];
        }
}

/* The network that trains on outputs which follow its kernel, f <- f + eta/P K Delta, instead of its own: the largest difference of these outputs from
 * those of the slow definition. */
static double off_by_kernel(double eta, long steps)
{
    struct fixture x;
    make(&x, ACTIVATION_LINEAR, 2, 2.5, 1.0, eta, steps);
    slow_mlp_problem p = slow_of(&x);
    slow_mlp_rows slow = slow_mlp_linear(&p);
    struct mlp_sites sites = mlp_exact_sites();
    struct mlp *n;
    dmft_error err = {.text = ""};
    double f[4] = {0}, off = 0.0;
    ck_assert_int_eq(mlp_create(&n, &x.problem, &sites, &err), DMFT_OK);
    ck_assert_int_eq(mlp_start(n, 0, &err), DMFT_OK);
    for (long t = 0; t < steps; t++) {
        double K[16], next[4];
        ck_assert_int_eq(mlp_evaluate(n, &err), DMFT_OK);
        for (size_t mu = 0; mu < 4; mu++) {
            off = fmax(off, fabs(f[mu] - slow.row[t * slow.columns + (long)mu]));
            n->Delta[mu] = x.target[mu] - f[mu];
        }
        kernel_of(n, K);
        kernel_step(K, f, x.target, eta, next);
        memcpy(f, next, sizeof f);
        mlp_learn(n, t);
    }
    mlp_free(n);
    free(slow.row);
    return off;
}

/* At eta = 0.1 they are off by several hundredths, where the targets are 1, and by half of that at half the step over the same time: an error of first
 * order in the step, while outputs that come from the fields are those of the slow definition at any step (exact_is_the_slow_definition). */
START_TEST(outputs_come_from_the_fields)
{
    double whole = off_by_kernel(0.1, 20), half = off_by_kernel(0.05, 40);
    ck_assert_msg(whole > 0.02 && whole < 0.2, "%g", whole);
    ck_assert_msg(whole / half > 1.6 && whole / half < 2.5, "%g and %g", whole, half);
}
END_TEST

/* (X6), one step of a network of depth 1 with the outputs and kernels before it. */
START_TEST(one_step_in_closed_form)
{
    struct fixture x;
    make(&x, ACTIVATION_LINEAR, 1, 2.1, 0.9, 0.17, 9);
    slow_mlp_problem p = slow_of(&x);
    slow_mlp_rows slow = slow_mlp_linear(&p);
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results r = solve(&x.problem);
    for (long row = 0; row + 1 < 9; row++) {
        const double *f = row_of(&t, r.values, row), *after = row_of(&t, r.values, row + 1);
        double next[4], inner = 0.0, small = 0.17 / 4.0;
        kernel_step(slow.row + row * slow.columns + slow.ntk, f, x.target, 0.17, next);
        for (int nu = 0; nu < 4; nu++) inner += (x.target[nu] - f[nu]) * f[nu];
        for (int mu = 0; mu < 4; mu++) {
            double sum = 0.0;
            for (int nu = 0; nu < 4; nu++) sum += x.gram[mu * 4 + nu] * (x.target[nu] - f[nu]);
            ck_assert_double_eq_tol(after[mu], next[mu] + 2.1 * 2.1 * small * small * inner * sum, 1e-13);
        }
    }
    free(slow.row);
    ensemble_results_free(&r);
}
END_TEST

/* ---- invariants ---- */

/* Samples in another order. Pivots of K^x are met in the order of their size, which permutes along. */
START_TEST(permuted_samples)
{
    static const size_t order[4] = {2, 0, 3, 1};
    struct fixture x, y;
    make(&x, ACTIVATION_LINEAR, 3, 3.0, 0.6, 0.08, 20);
    y = x;
    make(&y, ACTIVATION_LINEAR, 3, 3.0, 0.6, 0.08, 20);
    for (size_t i = 0; i < 4; i++) {
        y.target[i] = x.target[order[i]];
        for (size_t j = 0; j < 4; j++) y.gram[i * 4 + j] = x.gram[order[i] * 4 + order[j]];
    }
    struct ensemble_results a = solve(&x.problem), b = solve(&y.problem);
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    for (long row = 0; row < 20; row++) {
        const double *p = row_of(&t, a.values, row), *q = row_of(&t, b.values, row);
        for (size_t i = 0; i < 4; i++) {
            ck_assert_double_eq_tol(q[t.output + i], p[t.output + order[i]], 1e-12);
            for (size_t l = 0; l < 3; l++) ck_assert_double_eq_tol(q[t.forward + 4 * l + i], p[t.forward + 4 * l + order[i]], 1e-11);
        }
        ck_assert_double_eq_tol(q[t.ntk], p[t.ntk], 1e-10);
        ck_assert_double_eq_tol(q[t.train_loss], p[t.train_loss], 1e-12);
        for (size_t l = 1; l < 3; l++) {
            double u = a.values[mlp_table_spectrum(&t, row, l) + t.value], v = b.values[mlp_table_spectrum(&t, row, l) + t.value];
            ck_assert(isnan(u) == isnan(v));
            if (!isnan(u)) ck_assert_double_eq_tol(u, v, 1e-10);
        }
    }
    ensemble_results_free(&a);
    ensemble_results_free(&b);
}
END_TEST

/* Every sample twice is the same training: K^x is singular, batches are twice as large. Exact, and tanh with moment matching off, where the directions and
 * fresh numbers are the same ones too. */
START_TEST(duplicate_samples)
{
    struct fixture x, y;
    make(&x, _i == 0 ? ACTIVATION_LINEAR : ACTIVATION_TANH, 2, 1.5, 1.0, 0.1, 12);
    make(&y, _i == 0 ? ACTIVATION_LINEAR : ACTIVATION_TANH, 2, 1.5, 1.0, 0.1, 12);
    if (_i == 1) sample(&x, 200, 1, 1, 0), sample(&y, 200, 1, 1, 0);
    y.problem.mlp.samples = y.problem.mlp.batch_size = 8;
    for (size_t i = 0; i < 8; i++) {
        y.target[i] = x.target[i / 2];
        for (size_t j = 0; j < 8; j++) y.gram[i * 8 + j] = four[i / 2 * 4 + j / 2];
    }
    struct ensemble_results a = solve(&x.problem), b = solve(&y.problem);
    struct mlp_table t = mlp_table_of(&x.problem, 0), u = mlp_table_of(&y.problem, 0);
    for (long row = 0; row < 12; row++) {
        const double *p = row_of(&t, a.values, row), *q = row_of(&u, b.values, row);
        for (size_t i = 0; i < 8; i++) ck_assert_double_eq_tol(q[u.output + i], p[t.output + i / 2], _i == 0 ? 1e-12 : 2e-6);
        ck_assert_double_eq_tol(q[u.ntk], 2.0 * p[t.ntk], _i == 0 ? 1e-10 : 1e-4);
    }
    ensemble_results_free(&a);
    ensemble_results_free(&b);
}
END_TEST

/* Test inputs that are the samples give the outputs of the samples, and losses of theirs. */
START_TEST(test_inputs_look_on)
{
    struct fixture x;
    make(&x, ACTIVATION_TANH, 2, 1.5, 1.0, 0.1, 10);
    sample(&x, 150, 1, 0, 0);
    x.problem.mlp.samples = x.problem.mlp.tests = x.problem.mlp.batch_size = 3;
    x.problem.mlp.test_target = x.test_target;
    for (size_t i = 0; i < 6; i++) {
        x.test_target[i] = x.target[i];
        for (size_t j = 0; j < 6; j++) x.gram[i * 6 + j] = four[i % 3 * 4 + j % 3];
    }
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results r = solve(&x.problem);
    for (long row = 0; row < 10; row++) {
        const double *p = row_of(&t, r.values, row);
        for (size_t i = 0; i < 3; i++) ck_assert_double_eq_tol(p[t.output + i], p[t.output + 3 + i], 1e-12);
        ck_assert_double_eq_tol(p[t.train_loss], p[t.test_loss], 1e-12);
    }
    ensemble_results_free(&r);
}
END_TEST

/* ---- the kernel (N3), by its definition ---- */

/* Column j of K by differences of outputs around the step that Delta = e_j makes. The two sides meet directions of opposite sign and draw the same answer
 * to them: what is new of the matrix is another one, and the error is of first order in the step. */
static void kernel_column(struct mlp *n, size_t j, double small, double *K)
{
    dmft_error err;
    size_t order = n->signals;
    double f[2][MOST_INPUTS * MOST_OUTPUTS];
    for (int side = 0; side < 2; side++) {
        ck_assert_int_eq(mlp_start(n, 0, &err), DMFT_OK);
        ck_assert_int_eq(mlp_evaluate(n, &err), DMFT_OK);
        for (size_t i = 0; i < order; i++) n->Delta[i] = i == j ? (side ? 1.0 : -1.0) : 0.0;
        mlp_learn(n, 0);
        ck_assert_int_eq(mlp_evaluate(n, &err), DMFT_OK);
        memcpy(f[side], n->f, order * sizeof *n->f);
    }
    for (size_t i = 0; i < order; i++) K[i * order + j] = (f[1][i] - f[0][i]) / (2.0 * small);
}

enum { STREAMS_OF_REPLICAS = 0x10000 }; /* so that the network here is the replica that is recorded */

/* The kernel of sampled sites with biases and two outputs, as training shows it: symmetric, and with the largest eigenvalue that is recorded. */
START_TEST(kernel_is_the_slope_of_training)
{
    enum { ORDER = 6 };
    static const enum activation_kind kind[] = {ACTIVATION_TANH, ACTIVATION_SOFTPLUS, ACTIVATION_LEAKY_RELU};
    struct fixture x;
    make(&x, kind[_i], 3, 1.3, 1.1, 1e-6, 1);
    sample(&x, 300, 1, 0, 0);
    struct mlp_problem *m = &x.problem.mlp;
    m->samples = m->batch_size = 3;
    m->outputs = 2;
    m->bias = 1;
    m->sampling.tolerance = 1e-12;
    for (size_t i = 0; i < 9; i++) x.gram[i] = four[i / 3 * 4 + i % 3];
    struct mlp_sites sites = {.count = 300, .seed = 1, .purpose = STREAMS_OF_REPLICAS, .tolerance = 1e-12};
    struct mlp *n;
    dmft_error err = {.text = ""};
    double K[ORDER * ORDER];
    ck_assert_int_eq(mlp_create(&n, &x.problem, &sites, &err), DMFT_OK);
    for (size_t j = 0; j < ORDER; j++) kernel_column(n, j, 1e-6 / 3.0, K);
    mlp_free(n);
    double top = largest_eigenvalue(K, ORDER);
    for (size_t i = 0; i < ORDER; i++)
        for (size_t j = 0; j < i; j++) ck_assert_double_eq_tol(K[i * ORDER + j], K[j * ORDER + i], 1e-6 * top);
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results r = solve(&x.problem);
    ck_assert_double_eq_tol(r.values[t.ntk] / top, 1.0, 1e-6);
    ensemble_results_free(&r);
}
END_TEST

/* ---- kernels at two times ---- */

enum { KERNEL_STEPS = 6 };

/* The fields of all steps side by side: event by event the coordinates of one field, which are the same axes throughout. */
struct fields {
    size_t events, room;
    double *x;
};

static void keep_rows(struct fields *f, const limit_rows *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        memcpy(f->x + f->events++ * f->room, rows->x + i * rows->space->stride, rows->space->axes * sizeof(double));
}

/* The stored kernels of layer l against inner products of the fields; of g the mean over K outputs. */
static void compare_kernel(const struct fields *f, const double *kernel, size_t P, size_t K, double weight, double tolerance)
{
    size_t order = f->events / K;
    ck_assert_uint_eq(order, P * KERNEL_STEPS);
    for (size_t i = 0; i < order; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (size_t k = 0; k < K; k++)
                for (size_t axis = 0; axis < f->room; axis++) sum += f->x[(i * K + k) * f->room + axis] * f->x[(j * K + k) * f->room + axis];
            ck_assert_double_eq_tol(kernel[i * order + j], weight / (double)K * sum, tolerance);
        }
}

/* phi and g of every layer, two samples and two outputs, from a run of KERNEL_STEPS. */
static void record_fields(struct mlp *n, struct fields *phi, struct fields *g)
{
    dmft_error err = {.text = ""};
    for (size_t l = 1; l <= n->depth; l++) {
        phi[l] = (struct fields){.room = 200, .x = calloc(200 * 2 * KERNEL_STEPS, sizeof(double))};
        g[l] = (struct fields){.room = 200, .x = calloc(200 * 4 * KERNEL_STEPS, sizeof(double))};
        ck_assert(phi[l].x != NULL && g[l].x != NULL);
    }
    for (long t = 0; t < KERNEL_STEPS; t++) {
        ck_assert_int_eq(mlp_evaluate(n, &err), DMFT_OK);
        for (size_t l = 1; l <= n->depth; l++) {
            keep_rows(&phi[l], &n->phi[l], 2);
            keep_rows(&g[l], &n->g[l], 4);
        }
        mlp_learn(n, t);
    }
}

/* Exact and sampled, two outputs, depths 1 and 3; the coefficients that kernels are made of are those of what is above the tolerance. */
START_TEST(stored_kernels)
{
    struct fixture x;
    int exact = _i < 2;
    make(&x, exact ? ACTIVATION_LINEAR : ACTIVATION_TANH, _i % 2 ? 3 : 1, 1.3, 1.1, 0.15, KERNEL_STEPS);
    if (!exact) sample(&x, 120, 1, 1, 0);
    x.problem.store_kernels = 1;
    x.problem.mlp.samples = x.problem.mlp.batch_size = 2;
    x.problem.mlp.outputs = 2;
    x.problem.mlp.sampling.tolerance = 1e-10;
    for (size_t i = 0; i < 4; i++) x.gram[i] = four[i / 2 * 4 + i % 2];
    struct mlp_sites sites = {.count = 120, .sobol = 1, .seed = 1, .purpose = STREAMS_OF_REPLICAS, .tolerance = 1e-10};
    if (exact) sites = mlp_exact_sites();
    struct mlp *n;
    struct fields phi[MOST_DEPTH + 1], g[MOST_DEPTH + 1];
    dmft_error err = {.text = ""};
    ck_assert_int_eq(mlp_create(&n, &x.problem, &sites, &err), DMFT_OK);
    ck_assert_int_eq(mlp_start(n, 0, &err), DMFT_OK);
    record_fields(n, phi, g);
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results r = solve(&x.problem);
    for (size_t l = 1; l <= n->depth; l++) {
        double weight = exact ? 1.0 : 1.0 / 120.0;
        compare_kernel(&phi[l], r.values + mlp_table_kernel(&t, MLP_C_PHI, l), 2, 1, weight, 1e-9);
        compare_kernel(&g[l], r.values + mlp_table_kernel(&t, MLP_C_G, l), 2, 2, weight, 1e-9);
        free(phi[l].x);
        free(g[l].x);
    }
    mlp_free(n);
    ensemble_results_free(&r);
}
END_TEST

/* ---- overlaps and outliers of a wide network ---- */

/* (B4) of a width-S matrix and (N2) of the limit, both from 6 members of S = 2000 sites, agree within 4 standard errors of their difference plus the bias
 * of (B4), 10/S; so do the overlaps of the first outlier. */
START_TEST(wide_networks_and_the_limit)
{
    struct fixture x;
    make(&x, ACTIVATION_TANH, 2, 3.0, 1.0, 0.2, 13);
    sample(&x, 2000, 6, 1, 0);
    x.problem.outlier_every = 12;
    x.problem.simulation.width = 2000;
    x.problem.simulation.seed = 1;
    x.problem.mlp.chosen_count = 2;
    x.chosen[0] = 3;
    x.chosen[1] = 1;
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results limit = solve(&x.problem), wide = run(&x.problem, &ensemble_revealed_network, 6, 1);
    size_t at = mlp_table_spectrum(&t, 12, 1), place[] = {t.value, t.left, t.right, t.left_of, t.left_of + 1, t.right_of, t.right_of + 1};
    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        double a, b, se_a, se_b;
        ensemble_moments(&limit, at + place[i], 1, &a, &se_a);
        ensemble_moments(&wide, at + place[i], 1, &b, &se_b);
        ck_assert_msg(fabs(a - b) <= 4.0 * hypot(se_a, se_b) + 10.0 / 2000.0 * fabs(a), "number %zu: %g(%g) and %g(%g)", i, a, se_a, b, se_b);
        ck_assert(a > 0.0);
    }
    /* the table of the same problem gives 2.42385(12) there, from 24 replicas of 16384 sites */
    double z, se;
    ensemble_moments(&limit, at + t.value, 1, &z, &se);
    ck_assert_msg(fabs(z - 2.4238472) <= 4.0 * hypot(se, 0.00012), "%g(%g)", z, se);
    ensemble_results_free(&limit);
    ensemble_results_free(&wide);
}
END_TEST

/* ---- the same law as dense networks ---- */

/* Nonlinear networks of width N with all that training may bring, asked for more than N vectors in the end: means of every recorded number over the same number
 * of networks drawn as matrices, and drawn where they are asked, differ by no more than 4 standard errors of their difference, and log variances by no more
 * than 4 of theirs, 2/sqrt(n - 1) for the difference if Gaussian, taken twice as large for tails. Row 0 tests the draws, the last row training. */
START_TEST(same_law_as_dense_networks)
{
    enum { NETWORKS = 120, STEPS = 9, N = 24 };
    static const enum activation_kind kind[] = {ACTIVATION_TANH, ACTIVATION_RELU, ACTIVATION_GELU};
    struct fixture x;
    make(&x, kind[_i], _i == 2 ? 1 : 3, 1.4, 1.2, 0.2, STEPS);
    struct mlp_problem *m = &x.problem.mlp;
    m->samples = 3;
    m->tests = 1;
    m->test_target = x.test_target;
    m->outputs = _i == 1 ? 1 : 2;
    m->loss = _i == 0 ? LOSS_SOFTMAX : _i == 1 ? LOSS_LOGISTIC : LOSS_SQUARED;
    double y[] = {1, 0, 0, 1, 0.5, 0.5};
    memcpy(x.target, _i == 1 ? four_targets + 1 : y, (_i == 1 ? 3 : 6) * sizeof *y);
    x.test_target[0] = 1.0;
    m->bias = _i != 1;
    x.problem.momentum = 0.4;
    x.problem.weight_decay = 0.02;
    m->batch_size = 2;
    m->batch_seed = 7;
    for (int t = 0; t < STEPS; t++) x.schedule[t] = 1.0 - 0.05 * t;
    x.problem.schedule = x.schedule;
    x.problem.outlier_every = STEPS; /* spectra of so narrow a matrix are those of a revealed one only on average */
    x.problem.simulation.width = N;
    x.problem.simulation.seeds = NETWORKS;
    x.problem.simulation.seed = 3;
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results dense = run(&x.problem, &ensemble_dense_mlp, NETWORKS, 1), drawn = run(&x.problem, &ensemble_revealed_network, NETWORKS, 1);
    for (size_t row = 0; row < STEPS; row += 4)
        for (size_t c = 0; c < t.columns; c++) {
            double a, b, se_a, se_b;
            ensemble_moments(&dense, row * t.columns + c, 1, &a, &se_a);
            ensemble_moments(&drawn, row * t.columns + c, 1, &b, &se_b);
            ck_assert_msg(fabs(a - b) <= 4.0 * hypot(se_a, se_b) + 1e-12, "row %zu, number %zu: dense %g(%g), revealed %g(%g)", row, c, a, se_a, b, se_b);
            double spread = se_a > 1e-12 ? fabs(2.0 * log(se_a / se_b)) : 0.0;
            ck_assert_msg(spread <= 4.0 * 4.0 / sqrt(NETWORKS - 1.0), "row %zu, number %zu: scatter %g and %g", row, c, se_a, se_b);
        }
    ensemble_results_free(&dense);
    ensemble_results_free(&drawn);
}
END_TEST

/* ---- members of an ensemble ---- */

START_TEST(threads_change_nothing)
{
    struct fixture x;
    make(&x, ACTIVATION_TANH, 2, 2.0, 1.0, 0.2, 6);
    sample(&x, 100, 5, 1, 0);
    struct ensemble_results a = run(&x.problem, &ensemble_replica, 5, 1), b = run(&x.problem, &ensemble_replica, 5, 3);
    ck_assert_mem_eq(a.values, b.values, 5 * a.slot * sizeof(double));
    ck_assert_mem_ne(a.values, a.values + a.slot, sizeof(double));
    ensemble_results_free(&a);
    ensemble_results_free(&b);
}
END_TEST

static void run_rows(const struct ensemble_kind *kind, void *member, long first, long end, double *slot)
{
    dmft_error err = {.text = ""};
    for (long row = first; row < end; row++) {
        ck_assert_int_eq(kind->row(member, row, slot, &err), DMFT_OK);
        ck_assert_int_eq(kind->advance(member, row, &err), 1);
    }
}

/* Written down after 7 of 14 steps and read into the room of another member, a member goes on to the same bits: exact, sampled, wide. */
START_TEST(resumed_members_have_the_same_bits)
{
    struct fixture x;
    make(&x, _i == 0 ? ACTIVATION_LINEAR : ACTIVATION_TANH, _i == 2 ? 3 : 2, 2.0, 1.0, 0.2, 14);
    struct mlp_problem *m = &x.problem.mlp;
    if (_i > 0) sample(&x, 60, 2, _i == 1, _i == 1);
    x.problem.simulation.width = 60;
    m->bias = 1;
    x.problem.momentum = 0.4;
    x.problem.weight_decay = 0.01;
    m->batch_size = 3;
    x.problem.store_kernels = 1;
    const struct ensemble_kind *kind = _i == 2 ? &ensemble_revealed_network : &ensemble_replica;
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    double *whole = numbers(t.slot), *parts = numbers(t.slot), *other = numbers(t.slot);
    void *a, *b;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(kind->create(&a, &x.problem, &err), DMFT_OK);
    ck_assert_int_eq(kind->create(&b, &x.problem, &err), DMFT_OK);
    ck_assert_int_eq(kind->start(a, 1, &err), DMFT_OK);
    run_rows(kind, a, 0, 7, whole);
    memcpy(parts, whole, t.slot * sizeof *parts);
    ck_assert_int_eq(kind->start(b, 0, &err), DMFT_OK); /* another one was here before, and went further */
    run_rows(kind, b, 0, 10, other);
    ck_assert_int_eq(kind->start(b, 1, &err), DMFT_OK);
    archive *file = begin_writing();
    kind->transfer(a, file);
    file = begin_reading(file);
    kind->transfer(b, file);
    end_reading(file);
    run_rows(kind, a, 7, 14, whole);
    run_rows(kind, b, 7, 14, parts);
    ck_assert_mem_eq(whole, parts, t.slot * sizeof *whole);
    kind->free(a);
    kind->free(b);
    free(whole);
    free(parts);
    free(other);
}
END_TEST

static int stop_after(void *user, const dmft_progress *progress) { return progress->done >= *(const long *)user; }

/* A run of two members that is stopped within the first, goes on, is stopped within the second, and goes on to the end: exact, sampled, wide. */
START_TEST(resumed_runs_have_the_same_bits)
{
    struct fixture x;
    make(&x, _i == 0 ? ACTIVATION_LINEAR : ACTIVATION_TANH, 2, 2.0, 1.0, 0.2, 10);
    if (_i > 0) sample(&x, 40, 2, 1, _i == 1);
    x.problem.simulation.width = 40;
    x.problem.store_kernels = 1;
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    const struct ensemble_plan plan = {.kind = _i == 2 ? &ensemble_revealed_network : &ensemble_replica, .problem = &x.problem, .members = 2,
                                       .rows = 10, .slot = t.slot, .operations = 1e9}; /* so many that every step is reported */
    struct ensemble_results whole, parts;
    dmft_error err = {.text = ""};
    ck_assert_msg(ensemble_run(&whole, &plan, NULL, &err) == DMFT_OK, "%s", err.text);
    make_folder();
    const char *path = in_folder("state");
    const long stops[] = {4, 15, 1000};
    for (size_t i = 0; i < 3; i++) {
        long stop = stops[i];
        dmft_run_options options = {.progress = stop_after, .user = &stop, .checkpoint = path, .resume = i > 0 ? path : NULL};
        int status = ensemble_run(&parts, &plan, &options, &err), wanted = i < 2 ? DMFT_STOPPED : DMFT_OK;
        ck_assert_msg(status == wanted, "%d: %s", status, err.text);
    }
    ck_assert_mem_eq(whole.values, parts.values, 2 * t.slot * sizeof *whole.values);
    ensemble_results_free(&whole);
    ensemble_results_free(&parts);
    remove_folder();
}
END_TEST

/* A step far beyond what is stable diverges before the last row, and what was recorded until then is finite. */
START_TEST(divergence)
{
    struct fixture x;
    make(&x, _i == 0 ? ACTIVATION_LINEAR : ACTIVATION_RELU, 2, 2.0, 1.0, 9.0, 40);
    if (_i == 1) sample(&x, 50, 2, 1, 0);
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results r = solve(&x.problem);
    for (long i = 0; i < r.members; i++) {
        long at = r.diverged_at[i];
        ck_assert_msg(at > 1 && at < 40, "diverged at %ld", at);
        for (size_t j = 0; j < (size_t)at * t.columns; j++)
            if (j % t.columns != t.test_loss) ck_assert(isfinite(r.values[(size_t)i * r.slot + j]));
    }
    ensemble_results_free(&r);
}
END_TEST

/* What is reckoned beforehand against the same sum with the directions that were met: unit directions, answers, residuals, fields, small matrices. */
START_TEST(estimates)
{
    struct fixture x;
    long steps[] = {8, 20, 40}, S = 2500;
    make(&x, ACTIVATION_TANH, 2, 3.0, 1.0, 0.2, steps[_i]);
    sample(&x, S, 1, 1, 0);
    struct mlp_table t = mlp_table_of(&x.problem, 0);
    struct ensemble_results r = solve(&x.problem);
    double k = r.values[mlp_table_directions(&t, 1)] + r.values[mlp_table_directions(&t, 1) + 1];
    double met = (double)S * (2.0 * k + 8.0 + 2.0 * 12.0 + 5.0) + 3.0 * k * k, reckoned = replica_doubles(&x.problem, (size_t)S);
    ck_assert_msg(fabs(reckoned / met - 1.0) < 0.2, "k_E + k_F = %g: %g doubles, reckoned %g", k, met, reckoned);
    ensemble_results_free(&r);
}
END_TEST

/* Exact coordinates are for linear activations. */
START_TEST(refused)
{
    struct fixture x;
    make(&x, ACTIVATION_TANH, 2, 3.0, 1.0, 0.2, 3);
    struct mlp_sites sites = mlp_exact_sites();
    struct mlp *n = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(mlp_create(&n, &x.problem, &sites, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_null(n);
    ck_assert(strstr(err.text, "linear") != NULL);
}
END_TEST

static void add_case(Suite *s, const char *name, const TTest *test, int count)
{
    TCase *c = tcase_create(name);
    tcase_add_loop_test(c, test, 0, count);
    suite_add_tcase(s, c);
}

Suite *suite_mlp(void)
{
    Suite *s = suite_create("mlp");
    add_case(s, "tables, exact", exact_tables, 2);
    add_case(s, "tables, moment matching", matched_tables, 4);
    add_case(s, "tables, sampled", sampled_converges, 2);
    add_case(s, "tables, nonlinear", nonlinear_tables, 2);
    add_case(s, "slow definition, exact", exact_is_the_slow_definition, VARIANTS);
    add_case(s, "nearly dependent directions, moment matching", matched_directions_that_nearly_depend, 1);
    add_case(s, "long runs, moment matching", matched_long_runs, MATCHED_KINDS);
    add_case(s, "slow definition, moment matching", matched_is_the_slow_definition, VARIANTS);
    add_case(s, "losses", losses_and_their_slopes, 4);
    add_case(s, "losses far away", losses_far_away, 1);
    add_case(s, "discrete time", outputs_come_from_the_fields, 1);
    add_case(s, "one step", one_step_in_closed_form, 1);
    add_case(s, "permuted samples", permuted_samples, 1);
    add_case(s, "duplicate samples", duplicate_samples, 2);
    add_case(s, "test inputs", test_inputs_look_on, 1);
    add_case(s, "kernel", kernel_is_the_slope_of_training, 3);
    add_case(s, "stored kernels", stored_kernels, 4);
    add_case(s, "wide networks", wide_networks_and_the_limit, 1);
    add_case(s, "same law", same_law_as_dense_networks, 3);
    add_case(s, "threads", threads_change_nothing, 1);
    add_case(s, "resume", resumed_members_have_the_same_bits, 3);
    add_case(s, "resumed runs", resumed_runs_have_the_same_bits, 3);
    add_case(s, "divergence", divergence, 2);
    add_case(s, "estimates", estimates, 3);
    add_case(s, "refused", refused, 1);
    return s;
}
