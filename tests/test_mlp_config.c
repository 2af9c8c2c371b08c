/* Configurations of model mlp: what is filled in, what is refused with which line, and a text that reads back. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/activation.h"
#include "base/problem.h"
#include "dmft.h"
#include "reference.h"
#include "runs.h"

Suite *suite_mlp_config(void);

/* Two samples; lines are added behind. */
static const char *const base = "model: mlp\n"
                                "network: {depth: 3, activation: %s, gamma0: 2.5, weight_variance: 0.7}\n"
                                "data: {gram: [[1.5, 0.25], [0.25, 0.75]], target: [1, -1]}\n"
                                "training: {learning_rate: 0.1, steps: 3}\n";

/* The base with settings changed: pairs of key and value, then NULL. */
static int changed(dmft_problem **out, const char *activation, const char *const *pair, dmft_error *err)
{
    char text[512];
    dmft_config *config = NULL;
    (void)snprintf(text, sizeof text, base, activation);
    ck_assert_int_eq(dmft_config_parse(&config, text, strlen(text), "run.yaml", err), 0);
    int status = 0;
    for (; *pair != NULL && status == 0; pair += 2) status = dmft_config_set(config, pair[0], pair[1], err);
    if (status == 0) status = dmft_problem_create(out, config, err);
    dmft_config_free(config);
    return status;
}

/* The text, read again, makes the same problem. */
static void expect_stable(const dmft_problem *p)
{
    dmft_problem *again = problem_with(p->text, NULL);
    size_t n = p->mlp.samples + p->mlp.tests;
    ck_assert_str_eq(p->text, again->text);
    ck_assert_uint_eq(again->mlp.samples, p->mlp.samples);
    ck_assert_uint_eq(again->mlp.tests, p->mlp.tests);
    ck_assert_int_eq(memcmp(again->mlp.gram, p->mlp.gram, n * n * sizeof(double)), 0);
    ck_assert_int_eq(memcmp(again->mlp.target, p->mlp.target, p->mlp.samples * p->mlp.outputs * sizeof(double)), 0);
    ck_assert_int_eq(again->mlp.solver, p->mlp.solver);
    ck_assert_int_eq(again->mlp.sampling.sites, p->mlp.sampling.sites);
    ck_assert_uint_eq(again->mlp.batch_size, p->mlp.batch_size);
    dmft_problem_free(again);
}

START_TEST(defaults_are_filled_in)
{
    char text[512];
    (void)snprintf(text, sizeof text, base, "tanh");
    dmft_problem *p = problem_with(text, NULL);
    const struct mlp_problem *m = &p->mlp;
    ck_assert_int_eq(p->kind, MODEL_MLP);
    ck_assert_str_eq(p->model, "mlp");
    ck_assert(p->depth == 3 && p->gamma0 == 2.5 && p->weight_variance[3] == 0.7 && p->learning_rate == 0.1 && p->steps == 3 && p->rows == 3 && !p->flow);
    ck_assert(p->parameterization == PARAMETERIZATION_MUP && p->outlier_count == 2 && p->outlier_every == 1 && !p->store_kernels);
    ck_assert(p->simulation.width == 1000 && !p->simulation.given && p->simulation.engine == ENGINE_DENSE && p->simulation.seeds == 8);
    ck_assert(m->solver == SOLVER_REVEALED && !m->bias && m->loss == LOSS_SQUARED);
    ck_assert_str_eq(m->activation.name, "tanh");
    ck_assert(m->samples == 2 && m->tests == 0 && m->outputs == 1 && m->batch_size == 2 && m->batch_seed == 1);
    ck_assert(m->gram[0] == 1.5 && m->gram[1] == 0.25 && m->gram[2] == 0.25 && m->gram[3] == 0.75);
    ck_assert(m->target[0] == 1 && m->target[1] == -1 && m->test_target == NULL);
    ck_assert(p->schedule == NULL && p->momentum == 0 && p->weight_decay == 0 && m->chosen_count == 0);
    ck_assert(m->sampling.sites == 16384 && m->sampling.replicas == 16 && m->sampling.seed == 1 && m->sampling.draws == DRAWS_SOBOL);
    ck_assert(!m->sampling.moment_matching && m->sampling.tolerance == 1e-6);
    ck_assert_ptr_nonnull(strstr(p->text, "\nsolver: revealed\n"));
    ck_assert_ptr_nonnull(strstr(p->text, "  batch_size: 2\n"));
    ck_assert_ptr_nonnull(strstr(p->text, "  gram: [[1.5, 0.25], [0.25, 0.75]]\n  target: [1, -1]\n"));
    expect_stable(p);
    dmft_problem_free(p);
}
END_TEST

START_TEST(the_solver_follows_the_activation)
{
    static const char *const word[] = {"linear", "tanh", "erf", "relu", "leaky_relu", "gelu", "softplus"};
    for (int k = 0; k < ACTIVATION_COUNT; k++) {
        char text[512];
        (void)snprintf(text, sizeof text, base, word[k]);
        dmft_problem *p = problem_with(text, NULL);
        ck_assert_str_eq(p->mlp.activation.name, word[k]);
        ck_assert_int_eq(p->mlp.solver, k == ACTIVATION_LINEAR ? SOLVER_EXACT : SOLVER_REVEALED);
        expect_stable(p);
        dmft_problem_free(p);
    }
}
END_TEST

START_TEST(sites_follow_the_solver)
{
    static const char *const response[] = {"solver", "response", NULL}, *const given[] = {"solver", "response", "sampling.sites", "16384", NULL};
    dmft_problem *p = NULL, *q = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(changed(&p, "erf", response, &err), 0);
    ck_assert_int_eq(p->mlp.sampling.sites, 1024);
    ck_assert_ptr_nonnull(strstr(p->text, "  sites: 1024\n"));
    expect_stable(p);
    ck_assert_int_eq(changed(&q, "erf", given, &err), 0);
    ck_assert_int_eq(q->mlp.sampling.sites, 16384);
    expect_stable(q);
    dmft_problem_free(p);
    dmft_problem_free(q);
}
END_TEST

START_TEST(everything_that_can_be_given_arrives)
{
    dmft_problem *p = problem_with("model: mlp\n"
                           "solver: revealed\n"
                           "network: {depth: 2, activation: gelu, bias: true, gamma0: 1, weight_variance: [1, 2, 0.5]}\n"
                           "data:\n"
                           "  gram: [[2, 0, 1], [0, 1, 0], [1, 0, 1]]\n"
                           "  target: [[0.25, 0.75], [1, 0], [0, 1]]\n"
                           "  test_gram: [[1, 0.5, 0.5, 3]]\n"
                           "  test_target: [[0.5, 0.5]]\n"
                           "training: {learning_rate: 0.3, steps: 4, schedule: [1, 0, 0.5, 2.385], momentum: 0.9, weight_decay: 0.01, loss: softmax,\n"
                           "           batch_size: 2, seed: 17}\n"
                           "sampling: {sites: 64, replicas: 3, seed: 5, draws: gaussian, moment_matching: true, tolerance: 1e-9}\n"
                           "outliers: {count: 1, every: 2, samples: [2, 0]}\n"
                           "simulation: {width: 17, engine: revealed}\n", NULL);
    const struct mlp_problem *m = &p->mlp;
    static const double gram[16] = {2, 0, 1, 1, 0, 1, 0, 0.5, 1, 0, 1, 0.5, 1, 0.5, 0.5, 3};
    ck_assert(m->samples == 3 && m->tests == 1 && m->outputs == 2 && m->bias && m->loss == LOSS_SOFTMAX);
    ck_assert_int_eq(memcmp(m->gram, gram, sizeof gram), 0);
    ck_assert(m->target[0] == 0.25 && m->target[5] == 1 && m->test_target[1] == 0.5);
    ck_assert(p->schedule[1] == 0 && p->schedule[3] == 2.385 && p->momentum == 0.9 && p->weight_decay == 0.01 && m->batch_size == 2 && m->batch_seed == 17);
    ck_assert(m->sampling.sites == 64 && m->sampling.replicas == 3 && m->sampling.seed == 5 && m->sampling.draws == DRAWS_GAUSSIAN);
    ck_assert(m->sampling.moment_matching && m->sampling.tolerance == 1e-9);
    ck_assert(m->chosen_count == 2 && m->chosen[0] == 2 && m->chosen[1] == 0);
    ck_assert(p->simulation.width == 17 && p->simulation.given && p->simulation.engine == ENGINE_REVEALED);
    ck_assert(p->weight_variance[0] == 1 && p->weight_variance[2] == 0.5);
    expect_stable(p);
    dmft_problem_free(p);
}
END_TEST

/* What is refused: a change of the base, with tanh unless said otherwise. */
static const struct {
    const char *activation;
    const char *pair[7];
    const char *line;
} refused[] = {
    {"tanh", {"solver", "exact"}, "solver: exact is for activation linear; a nonlinear network takes revealed or response"},
    {"relu", {"solver", "response"},
     "solver: response differentiates trajectories, which misses the delta function in phi'' of relu and leaky_relu: revealed"},
    {"leaky_relu", {"solver", "response"},
     "solver: response differentiates trajectories, which misses the delta function in phi'' of relu and leaky_relu: revealed"},
    {"tanh", {"solver", "response", "sampling.moment_matching", "true"}, "sampling.moment_matching: belongs to solver revealed, not to response: false"},
    {"tanh", {"network.parameterization", "ntk"}, "network.parameterization: mup for model mlp: at infinite width ntk freezes the features"},
    {"tanh", {"network.weight_variance", "[1, 2]"},
     "network.weight_variance: one number, or a list for A_0 .. A_{L-1} and the readout: L+1 = 4 numbers, got 2"},
    {"tanh", {"data.gram", "[[1, 0]]"}, "data.gram: must be 1 x 1, got 1 x 2"},
    {"tanh", {"data.gram", "[[1, 0], [0, 1], [0, 0]]"}, "data.gram: must be 3 x 3, got 3 x 2"},
    {"tanh", {"data.gram", "[[1, 0, 0], [0, 1, 0], [0, 0, 1]]"}, "run.yaml:3:51: data.target: must be 3 x 1, got 2 x 1"},
    {"tanh", {"data.target", "[[1, 2], [3, 4], [5, 6]]"}, "data.target: must be 2 x 2, got 3 x 2"},
    {"tanh", {"data.gram", "[[1, 0.5], [0.4999, 1]]"}, "data.gram: is not symmetric: row 2, column 1 is 0.4999 and row 1, column 2 is 0.5"},
    {"tanh", {"data.gram", "[[1, 2], [2, 1]]"},
     "data.gram: the Gram matrix is not positive semidefinite: its smallest eigenvalue is -1, its largest 3"},
    {"tanh", {"data.gram", "[[-1, 0], [0, 1]]"},
     "data.gram: the Gram matrix is not positive semidefinite: its smallest eigenvalue is -1, its largest 1"},
    {"tanh", {"data.test_gram", "[[1, 0]]"}, "data.test_gram: must be 1 x 3, got 1 x 2"},
    {"tanh", {"data.test_gram", "[[0, 0, 1, 0.5], [0, 0, 0.25, 1]]"},
     "data.test_gram: is not symmetric: row 2, column 3 is 0.25 and row 1, column 4 is 0.5"},
    {"tanh", {"data.test_gram", "[[2, 0, 0.5]]"}, NULL},
    {"tanh", {"data.test_target", "[1]"}, "data.test_target: belongs to data.test_gram"},
    {"tanh", {"data.test_gram", "[[0, 0, 1]]", "data.test_target", "[1, 2]"}, "data.test_target: must be 1 x 1, got 2 x 1"},
    {"tanh", {"data.test_gram", "[[0, 0, 1]]", "data.test_target", "[[1, 2]]"}, "data.test_target: must be 1 x 1, got 1 x 2"},
    {"tanh", {"data.file", "a.csv"}, "run.yaml:3:14: data.gram: stands in the file when there is a data.file"},
    {"tanh", {"data.test_file", "a.csv"}, "data.test_file: belongs to data.file; beside data.gram: data.test_gram"},
    {"tanh", {"data.outputs", "1"}, "data.outputs: belongs to a data.file that ends in .csv"},
    {"tanh", {"training.loss", "logistic", "data.target", "[1, 0.5]"},
     "data.target: the target of sample 1 must be +1 or -1 (loss logistic), got 0.5"},
    {"tanh", {"training.loss", "logistic", "data.target", "[[1, 1], [1, 1]]"}, "training.loss: logistic has one output, the targets have more: softmax"},
    {"tanh", {"training.loss", "softmax"}, "training.loss: softmax has two or more outputs, the targets have one: logistic"},
    {"tanh", {"training.loss", "softmax", "data.target", "[[0.5, 0.5], [0.5, 0.4]]"},
     "data.target: the target of sample 1 must be a distribution, numbers >= 0 of sum 1 (loss softmax), got 0.5, .."},
    {"tanh", {"training.loss", "softmax", "data.target", "[[1.5, -0.5], [0.5, 0.5]]"},
     "data.target: the target of sample 0 must be a distribution, numbers >= 0 of sum 1 (loss softmax), got 1.5, .."},
    {"tanh", {"training.schedule", "[1, 1]"}, "training.schedule: one number a step, 3, got 2"},
    {"tanh", {"training.schedule", "[1, 1, 1, 1]"}, "training.schedule: one number a step, 3, got 4"},
    {"tanh", {"training.batch_size", "3"}, "training.batch_size: at most the number of samples, 2, got 3"},
    {"tanh", {"outliers.samples", "[0, 2]"}, "outliers.samples: samples are numbered 0 .. 1, got 2"},
    {"tanh", {"outliers.samples", "[1, 1]"}, "outliers.samples: 1 is given twice"},
};

START_TEST(what_does_not_fit_is_refused)
{
    dmft_problem *p = NULL;
    dmft_error err = {0};
    int status = changed(&p, refused[_i].activation, refused[_i].pair, &err);
    ck_assert_int_eq(status, DMFT_ERROR_CONFIG);
    ck_assert_ptr_null(p);
    if (refused[_i].line != NULL)
        ck_assert_str_eq(err.text, refused[_i].line);
    else /* [[1.5, .25, 2], [.25, .75, 0], [2, 0, .5]]: det = 1.5*.375 - .25*.125 - 4*.75 < 0 */
        ck_assert_msg(strstr(err.text, "data.test_gram: the Gram matrix with the test inputs is not positive semidefinite") == err.text, "%s", err.text);
}
END_TEST

START_TEST(data_are_required)
{
    static const struct {
        const char *data, *line;
    } missing[] = {{"", "run.yaml: data.gram is missing: a list of lists of numbers in (-inf, inf); or data.file"},
                   {"data: {gram: [[1]]}\n", "run.yaml: data.target is missing: a list of numbers in (-inf, inf), or a list of lists of as many of them"},
                   {"data: {target: [1]}\n", "run.yaml: data.gram is missing: a list of lists of numbers in (-inf, inf); or data.file"}};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "model: mlp\nnetwork: {depth: 1, activation: tanh, gamma0: 1, weight_variance: 1}\n%straining: {learning_rate: 1, steps: 1}\n", missing[i].data);
        expect_no_problem(text, DMFT_ERROR_CONFIG, missing[i].line);
    }
}
END_TEST

/* Singular matrices are problems like others: one sample, duplicates, an input of zeros, a matrix of zeros. */
START_TEST(singular_data_are_taken)
{
    static const struct {
        const char *gram, *target;
        size_t samples;
    } good[] = {{"[[2.385]]", "[1]", 1},
                {"[[1, 1], [1, 1]]", "[1, 1]", 2},
                {"[[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]]", "[1, -1, 1]", 3},
                {"[[0, 0], [0, 1]]", "[1, -1]", 2},
                {"[[0]]", "[0]", 1},
                {"[[1, 0.5000000001], [0.5, 1]]", "[1, -1]", 2}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *const pair[] = {"data.gram", good[i].gram, "data.target", good[i].target, NULL};
        dmft_problem *p = NULL;
        dmft_error err = {0};
        ck_assert_msg(changed(&p, "tanh", pair, &err) == 0, "%s", err.text);
        ck_assert_uint_eq(p->mlp.samples, good[i].samples);
        for (size_t j = 0; j < p->mlp.samples; j++)
            for (size_t k = 0; k < j; k++) ck_assert(p->mlp.gram[j * p->mlp.samples + k] == p->mlp.gram[k * p->mlp.samples + j]);
        expect_stable(p);
        dmft_problem_free(p);
    }
}
END_TEST

START_TEST(deep_linear_has_no_revealed_engine)
{
    const char *text = "model: deep_linear\nnetwork: {depth: 1, width_ratio: 1, gamma0: 1, weight_variance: 1}\ndata: {sample_ratio: 2}\n"
                       "training: {learning_rate: 0.1, steps: 2}\nsimulation: {engine: revealed}\n";
    expect_no_problem(text, DMFT_ERROR_UNAVAILABLE, "run.yaml:5:22: simulation.engine: revealed is not available in this version for model deep_linear");
}
END_TEST

/* ---- a function of the caller's ---- */

static void apply_square(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) {
        value[i] = h[i] * h[i];
        if (slope != NULL) slope[i] = 2 * h[i];
        if (curvature != NULL) curvature[i] = 2;
    }
}

START_TEST(an_activation_can_be_put_in)
{
    char text[512], name[] = "square";
    (void)snprintf(text, sizeof text, base, "tanh");
    dmft_problem *p = problem_with(text, NULL);
    dmft_error err = {0};
    dmft_activation square = {name, apply_square, NULL, 0};
    ck_assert_int_eq(dmft_problem_set_activation(p, &square, &err), 0);
    name[0] = 'x'; /* the problem has a copy */
    ck_assert_str_eq(p->mlp.activation.name, "square");
    ck_assert_ptr_nonnull(strstr(dmft_problem_text(p), "  activation: square\n  bias: false\n"));
    ck_assert(!activation_is_linear(&p->mlp.activation));
    square.name = "again";
    ck_assert_int_eq(dmft_problem_set_activation(p, &square, NULL), 0);
    ck_assert_ptr_nonnull(strstr(dmft_problem_text(p), "  activation: again\n"));
    dmft_problem_free(p);
}
END_TEST

START_TEST(activations_that_do_not_fit_are_refused)
{
    static const char *const response[] = {"solver", "response", NULL}, *const none[] = {NULL};
    const dmft_activation good = {"square", apply_square, NULL, 0}, nameless = {NULL, apply_square, NULL, 1}, broken = {"a\nb", apply_square, NULL, 1},
                          empty = {"", apply_square, NULL, 1}, idle = {"idle", NULL, NULL, 1},
                          lengthy = {"123456789 123456789 123456789 123456789 12345678", apply_square, NULL, 1};
    const dmft_activation *const bad[] = {&nameless, &broken, &empty, &idle, &lengthy, NULL};
    dmft_problem *linear = NULL, *smooth = NULL, *tanh = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(changed(&linear, "linear", none, &err), 0);
    ck_assert_int_eq(changed(&smooth, "tanh", response, &err), 0);
    ck_assert_int_eq(changed(&tanh, "tanh", none, &err), 0);
    char *before = strdup(dmft_problem_text(tanh));
    ck_assert_int_eq(dmft_problem_set_activation(linear, &good, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(err.text, "solver exact is for activation linear, not for square");
    ck_assert_int_eq(dmft_problem_set_activation(smooth, &good, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(err.text, "solver response needs a smooth activation; square is not");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_int_eq(dmft_problem_set_activation(tanh, bad[i], &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(dmft_problem_text(tanh), before);
    free(before);
    dmft_problem_free(linear);
    dmft_problem_free(smooth);
    dmft_problem_free(tanh);
    dmft_problem *other = problem_with("model: deep_linear\nnetwork: {depth: 1, width_ratio: 1, gamma0: 1, weight_variance: 1}\ndata: {sample_ratio: 2}\n"
                               "training: {learning_rate: 0.1, steps: 2}\n", NULL);
    ck_assert_int_eq(dmft_problem_set_activation(other, &good, &err), DMFT_ERROR_ARGUMENT);
    dmft_problem_free(other);
}
END_TEST

/* ---- reference problems ---- */

START_TEST(reference_problems_are_read)
{
    static const char *const name[] = {"mlp_linear_a", "mlp_linear_b", "nl_tanh_a", "nl_relu_a"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        dmft_problem *p = reference_problem(name[i], NULL);
        ck_assert(p->mlp.samples == 4 && p->outlier_count == 1 && p->steps == 40);
        expect_stable(p);
        dmft_problem_free(p);
    }
}
END_TEST

Suite *suite_mlp_config(void)
{
    Suite *suite = suite_create("mlp_config");
    TCase *tests = tcase_create("mlp_config");
    tcase_add_test(tests, defaults_are_filled_in);
    tcase_add_test(tests, the_solver_follows_the_activation);
    tcase_add_test(tests, sites_follow_the_solver);
    tcase_add_test(tests, everything_that_can_be_given_arrives);
    tcase_add_loop_test(tests, what_does_not_fit_is_refused, 0, (int)(sizeof refused / sizeof *refused));
    tcase_add_test(tests, data_are_required);
    tcase_add_test(tests, singular_data_are_taken);
    tcase_add_test(tests, deep_linear_has_no_revealed_engine);
    tcase_add_test(tests, an_activation_can_be_put_in);
    tcase_add_test(tests, activations_that_do_not_fit_are_refused);
    tcase_add_test(tests, reference_problems_are_read);
    suite_add_tcase(suite, tests);
    return suite;
}
