/* Eight threads that share const objects, as the header allows: each solves, simulates and compares the same problems, reads the same results, and finds the
 * same numbers to the last bit. `make tsan` runs this suite under ThreadSanitizer. Files are left out, since HDF5 is not re-entrant. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "dmft.h"
#include "suites.h"

enum { THREADS = 8 };

#define DEEP "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\ndata: {sample_ratio: 4.0}\n"
#define MLP(activation, engine) \
    "model: mlp\nnetwork: {depth: 2, activation: " activation ", gamma0: 1.5, weight_variance: 1.0}\n" \
    "data: {gram: [[1, 0.2], [0.2, 1]], target: [1, -1], test_gram: [[0.1, 0.3, 1]], test_target: [1]}\n" \
    "training: {learning_rate: 0.1, steps: 6}\nsampling: {sites: 64, replicas: 3}\nsimulation: {width: 24, seeds: 3" engine "}\n"

static const struct problem {
    const char *name, *yaml, *series;
} problems[] = {
    {"basis", DEEP "training: {learning_rate: 0.05, steps: 8}\nsimulation: {input_dim: 24, seeds: 3}\nprobes: {ntk: true, every: 4}\noutput: {kernels: true}\n",
     "C_v"},
    {"rows", DEEP "training: {learning_rate: 0.05, steps: 8}\nsimulation: {input_dim: 24, seeds: 3}\nmethod: rows\n", "C_v"},
    {"lazy", DEEP "training: {learning_rate: 0.05, steps: 8}\nsimulation: {input_dim: 24, seeds: 3}\nmethod: lazy\n", "C_v"},
    {"flow", DEEP "training: {flow: true, time: 0.5, steps: 6}\nsimulation: {input_dim: 24, seeds: 3}\n", "C_v"},
    {"revealed", MLP("tanh", "") "output: {representations: 1}\n", "train_loss"},
    {"response", MLP("erf", "") "solver: response\n", "train_loss"},
    {"exact", MLP("linear", ", engine: revealed"), "train_loss"},
    {"extensive_output", "model: extensive_output\nnetwork: {readout: frozen, width_ratio: 1.5, output_ratio: 0.25, weight_variance: 0.25}\n"
     "data: {teacher_variance: 16.0}\ntraining: {times: [0, 1]}\noutput: {quantiles: 3}\nsimulation: {input_dim: 20, seeds: 3}\n", "edge_upper"},
    {"noisy_matrix", "model: noisy_matrix\nnetwork: {width_ratio: 0.5, weight_variance: 1.0}\ndata: {teacher_strength: 2.0, sample_ratio: 2}\n"
     "training: {learning_rate: 0.1, steps: 4, gradient_noise: 1.0}\nsimulation: {input_dim: 40, seeds: 3}\n", "edge"},
    {"low_degree_filter", "model: low_degree_filter\nnetwork: {depth: 1, kept: 2, features: 20, activation: tanh}\n"
     "data: {samples: 12, input_dim: 4, target_function: product, directions: 2, test_samples: 8}\n"
     "training: {permutations: 3, folds: 2, penalties: 3}\nsimulation: {seeds: 3}\n", "test_loss"},
};

/* What all threads have in hand. */
static struct shared {
    const struct problem *is;
    const dmft_config *config;
    const dmft_problem *problem;
    const dmft_trajectory *theory, *sample;
    const dmft_law *law;
    const dmft_representation *representation; /* of model mlp with representations, or NULL */
    const dmft_spectrum *spectrum;
} shared;

/* What one of them finds. */
struct worker {
    pthread_t thread;
    int status;
    dmft_error err;
    double sum[2];      /* of what it solved, of what it simulated */
    double asked;       /* of the shared objects */
};

/* A number that changes when any bit of the series does. */
static double sum_of(const dmft_trajectory *t)
{
    double sum = 0.0;
    for (size_t i = 0; i < dmft_trajectory_series_count(t); i++) {
        const double *x = dmft_trajectory_series(t, dmft_trajectory_series_name(t, i));
        for (size_t k = 0; k < dmft_trajectory_rows(t); k++)
            if (isfinite(x[k])) sum += x[k] * (double)(i + 1);
    }
    return sum;
}

static void run_both(struct worker *w)
{
    dmft_trajectory *t = NULL;
    dmft_problem *own = NULL;
    w->status = dmft_solve(shared.problem, NULL, &t, &w->err);
    if (w->status < 0) return;
    w->sum[0] = sum_of(t);
    dmft_trajectory_free(t);
    const dmft_run_options two = {.threads = 2};
    w->status = dmft_simulate(shared.problem, &two, &t, &w->err);
    if (w->status < 0) return;
    w->sum[1] = sum_of(t);
    dmft_trajectory_free(t);
    w->status = dmft_problem_create(&own, shared.config, &w->err);
    if (w->status == DMFT_OK) dmft_problem_free(own);
}

/* What there is not is nan in every thread. */
static double there(double x) { return isfinite(x) ? x : 1.0; }

static void ask(struct worker *w)
{
    dmft_comparison *c = NULL;
    size_t count = 0;
    w->status = dmft_compare(shared.theory, shared.sample, NULL, &c, &w->err);
    if (w->status < 0) return;
    const dmft_comparison_row *row = dmft_comparison_rows(c, &count);
    for (size_t i = 0; i < count; i++) w->asked += there(row[i].z);
    dmft_comparison_free(c);
    w->asked += sum_of(shared.theory) + dmft_trajectory_number(shared.sample, "seeds") + there(dmft_trajectory_at(shared.theory, shared.is->series, 0.25));
    w->asked += dmft_solve_estimate(shared.problem, 2).bytes + dmft_simulate_estimate(shared.problem, 2).operations;
    w->asked += (double)strlen(dmft_problem_text(shared.problem)) + (double)strlen(dmft_trajectory_text(shared.theory, "config"));
    w->asked += dmft_law_density(shared.law, 1.7) + dmft_law_quantile(shared.law, 0.4) + dmft_law_part(shared.law, 1.7);
    w->asked += dmft_spectrum_density(shared.spectrum, 1.0) + dmft_spectrum_summarize(shared.spectrum).variance;
    if (shared.representation != NULL) w->asked += dmft_representation_eigenvalue(shared.representation, 0, 0);
    double tail = 0.0;
    w->status = dmft_tracy_widom(0.3, &tail, &w->err);
    w->asked += tail;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    run_both(w);
    if (w->status == DMFT_OK) ask(w);
    return NULL;
}

static void check(int status, const dmft_error *err) { ck_assert_msg(status == DMFT_OK, "%s: %d: %s", shared.is->name, status, err->text); }

START_TEST(const_objects_are_shared)
{
    static const double tau[] = {1.0, 3.0}, weight[] = {0.5, 0.5}, band[2][2] = {{1.0, 1.0}, {3.0, 3.0}};
    const dmft_population population = {.ratio = 0.5, .nodes = 2, .tau = tau, .weight = weight, .bands = 2, .band = band};
    double entries[20 * 30];
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_trajectory *theory = NULL, *sample = NULL;
    dmft_law *law = NULL;
    dmft_spectrum *spectrum = NULL;
    dmft_representation *representation = NULL;
    dmft_error err = {.text = ""};
    struct worker worker[THREADS] = {0};
    shared = (struct shared){.is = &problems[_i]};
    for (size_t i = 0; i < 20 * 30; i++) entries[i] = sin((double)(i * i));
    check(dmft_config_parse(&config, shared.is->yaml, strlen(shared.is->yaml), "text", &err), &err);
    check(dmft_problem_create(&problem, config, &err), &err);
    check(dmft_solve(problem, NULL, &theory, &err), &err);
    check(dmft_simulate(problem, NULL, &sample, &err), &err);
    check(dmft_law_create(&law, &population, &err), &err);
    check(dmft_spectrum_create(&spectrum, entries, 20, 30, &(dmft_spectrum_options){.level = 0.01, .quick = 1}, &err), &err);
    if (strstr(shared.is->yaml, "representations") != NULL) check(dmft_representation_create(&representation, theory, 1, &err), &err);
    shared = (struct shared){shared.is, config, problem, theory, sample, law, representation, spectrum};
    for (size_t i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_create(&worker[i].thread, NULL, work, &worker[i]), 0);
    for (size_t i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_join(worker[i].thread, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        check(worker[i].status, &worker[i].err);
        ck_assert(worker[i].sum[0] == sum_of(theory) && worker[i].sum[1] == sum_of(sample));
        ck_assert(isfinite(worker[i].asked) && worker[i].asked == worker[0].asked);
    }
    dmft_representation_free(representation);
    dmft_spectrum_free(spectrum);
    dmft_law_free(law);
    dmft_trajectory_free(theory);
    dmft_trajectory_free(sample);
    dmft_problem_free(problem);
    dmft_config_free(config);
}
END_TEST

/* Each result is read by its thread alone, and all of them share the law of the activation: a caller's function at once in several threads. */
static void cube(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    const double *factor = user;
    for (size_t i = 0; i < n; i++) {
        value[i] = h[i] + *factor * h[i] * h[i] * h[i];
        if (slope != NULL) slope[i] = 1.0 + 3.0 * *factor * h[i] * h[i];
        if (curvature != NULL) curvature[i] = 6.0 * *factor * h[i];
    }
}

START_TEST(an_activation_of_the_caller)
{
    double factor = 0.05;
    const dmft_activation activation = {.name = "cube", .apply = cube, .user = &factor, .smooth = 1};
    const char *yaml = problems[4].yaml;
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_trajectory *one = NULL, *many = NULL;
    dmft_error err = {.text = ""};
    const dmft_run_options eight = {.threads = THREADS};
    shared.is = &problems[4];
    check(dmft_config_parse(&config, yaml, strlen(yaml), "text", &err), &err);
    check(dmft_problem_create(&problem, config, &err), &err);
    check(dmft_problem_set_activation(problem, &activation, &err), &err);
    check(dmft_solve(problem, NULL, &one, &err), &err);
    check(dmft_solve(problem, &eight, &many, &err), &err);
    ck_assert(sum_of(one) == sum_of(many));
    dmft_trajectory_free(one);
    dmft_trajectory_free(many);
    dmft_problem_free(problem);
    dmft_config_free(config);
}
END_TEST

Suite *suite_threads(void)
{
    Suite *suite = suite_create("threads");
    TCase *all = tcase_create("const");
    tcase_add_loop_test(all, const_objects_are_shared, 0, (int)(sizeof problems / sizeof *problems));
    tcase_add_test(all, an_activation_of_the_caller);
    suite_add_tcase(suite, all);
    return suite;
}
