/* A solve that goes on from a checkpoint ends as one that was never interrupted, to the last bit. */
#include <check.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmft.h"
#include "folder.h"
#include "runs.h"
#include "suites.h"

#define NETWORK "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\n"

static const char *const configurations[] = {
    NETWORK "data: {sample_ratio: 4}\ntraining: {learning_rate: 0.02, steps: 60}\noutput: {kernels: true}\n",
    NETWORK "data: {sample_ratio: 4, batch: online, label_noise: 0.2}\ntraining: {learning_rate: 0.02, steps: 41}\noutliers: {every: 3}\n",
    NETWORK "data: {sample_ratio: 2, batch: online}\ntraining: {learning_rate: 0.02, steps: 33}\noutput: {kernels: true}\n",
    NETWORK "data: {sample_ratio: 4}\nmethod: rows\ntraining: {learning_rate: 0.02, steps: 60}\noutput: {kernels: true}\n",
    NETWORK "data: {sample_ratio: 2, batch: online}\nmethod: rows\ntraining: {learning_rate: 0.02, steps: 37}\noutliers: {every: 2}\n",
    NETWORK "data: {sample_ratio: 4}\nmethod: rows\ntraining: {flow: true, time: 1, steps: 40}\ngrid: {kind: geometric}\noutput: {kernels: true}\n",
    NETWORK "data: {sample_ratio: 4}\ntraining: {flow: true, time: 0.6, steps: 12}\noutput: {kernels: true}\n",
    NETWORK "data: {sample_ratio: 4, label_noise: 0.1}\ntraining: {flow: true, time: 0.3, steps: 60}\ngrid: {kind: adaptive, tolerance: 1e-6}\n",
    NETWORK "data: {sample_ratio: 4, batch: online}\ntraining: {flow: true, time: 1, steps: 20}\ngrid: {kind: geometric, first: 1e-3, tolerance: 0}\n",
    NETWORK "data: {sample_ratio: 4}\ntraining: {learning_rate: 0.02, steps: 40}\nprobes: {ntk: true, sharpness: true, every: 3, rows: 12}\n",
    NETWORK "data: {sample_ratio: 4, batch: online}\ntraining: {learning_rate: 0.02, steps: 20}\nprobes: {sharpness: true, every: 2}\n",
#define SPECTRUM "{exponent: 0.4, target_exponent: 1, modes: 3}"
    NETWORK "data: {sample_ratio: 4, spectrum: " SPECTRUM "}\ntraining: {flow: true, time: 0.6, steps: 12}\nprobes: {ntk: true, sharpness: true, rows: 5}\n",
    NETWORK "data: {sample_ratio: 4}\ntraining: {learning_rate: 0.02, steps: 20, momentum: 0.5, weight_decay: 0.01}\nprobes: {sharpness: true, every: 3}\n",
#define SHAKEN "model: deep_linear\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 6, weight_variance: 0.5, weight_factor: [0.99, 0.96, 1], injected_variance: [0.02, 0.04, 0.1]}\n"
    SHAKEN "data: {sample_ratio: 4}\ntraining: {learning_rate: 0.03, steps: 40}\noutliers: {every: 3}\noutput: {kernels: true}\n",
    SHAKEN "data: {sample_ratio: 4}\ntraining: {learning_rate: 0.03, steps: 20, momentum: 0.3}\nprobes: {ntk: true, sharpness: true, every: 3, rows: 12}\n",
#define SMALL "model: deep_linear\nnetwork: {depth: 1, width_ratio: 1.7, gamma0: 4, weight_variance: [0, 0.3]}\ndata: {sample_ratio: 1}\n"
    SMALL "training: {learning_rate: 0.05, steps: 200}\noutliers: {count: 3}\noutput: {kernels: true}\n",
};

static dmft_solver *solver_of(const dmft_problem *problem, const char *resume)
{
    dmft_solver *solver = NULL;
    dmft_error err = {0};
    dmft_run_options options = {.resume = resume};
    ck_assert_msg(dmft_solver_create(&solver, problem, &options, &err) == DMFT_OK, "%s", err.text);
    return solver;
}

static void steps(dmft_solver *solver, long count)
{
    dmft_error err = {0};
    for (long i = 0; i < count && !dmft_solver_ended(solver); i++)
        ck_assert_msg(dmft_solver_step(solver, &err) == DMFT_OK, "%s", err.text);
}

static dmft_trajectory *finished(dmft_solver *solver)
{
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    steps(solver, 1000000);
    ck_assert_msg(dmft_solver_finish(solver, &t, &err) == DMFT_OK, "%s", err.text);
    dmft_solver_free(solver);
    return t;
}

static const char *path;

static void make_path(void)
{
    make_folder();
    path = in_folder("run.checkpoint");
}

START_TEST(a_resumed_solve_is_the_same_to_the_bit)
{
    dmft_problem *problem = problem_with(configurations[_i], NULL);
    dmft_trajectory *whole = finished(solver_of(problem, NULL));
    long rows = (long)dmft_trajectory_rows(whole), places[] = {0, 7, rows / 2, rows};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        dmft_solver *first = solver_of(problem, NULL);
        steps(first, places[i]);
        dmft_error err = {0};
        ck_assert_msg(dmft_solver_save(first, path, &err) == DMFT_OK, "%s", err.text);
        dmft_solver_free(first);
        dmft_solver *second = solver_of(problem, path);
        ck_assert_int_eq(dmft_solver_done(second), places[i]);
        steps(second, 3); /* and once more */
        ck_assert_msg(dmft_solver_save(second, path, &err) == DMFT_OK, "%s", err.text);
        dmft_trajectory *two = finished(second), *three = finished(solver_of(problem, path));
        expect_same_bytes(whole, two);
        expect_same_bytes(whole, three);
        dmft_trajectory_free(two);
        dmft_trajectory_free(three);
    }
    dmft_trajectory_free(whole);
    dmft_problem_free(problem);
}
END_TEST

/* The caller stops the run after so many calls. */
struct patience {
    long calls;
};

static int impatient(void *user, const dmft_progress *progress)
{
    struct patience *p = user;
    (void)progress;
    return --p->calls < 0;
}

START_TEST(a_stopped_run_leaves_a_checkpoint)
{
    dmft_problem *problem = problem_with(configurations[0], NULL);
    struct patience patience = {20};
    dmft_run_options options = {.progress = impatient, .user = &patience, .checkpoint = path};
    dmft_trajectory *t = NULL, *whole = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_solve(problem, &options, &t, &err), DMFT_STOPPED);
    ck_assert_ptr_null(t);
    ck_assert_int_eq(access(path, R_OK), 0);
    options = (dmft_run_options){.resume = path};
    ck_assert_msg(dmft_solve(problem, &options, &t, &err) == DMFT_OK, "%s", err.text);
    ck_assert_int_eq(dmft_solve(problem, NULL, &whole, &err), DMFT_OK);
    expect_same_bytes(whole, t);
    dmft_trajectory_free(t);
    dmft_trajectory_free(whole);
    dmft_problem_free(problem);
}
END_TEST

/* A signal in the last step comes when all rows are there. */
static int stop_at_the_kernels(void *user, const dmft_progress *progress)
{
    (void)user;
    return strcmp(progress->what, "kernels") == 0;
}

START_TEST(a_run_that_is_stopped_after_its_last_step_leaves_a_checkpoint)
{
    const char *const text[] = {configurations[0], configurations[3], NETWORK "data: {sample_ratio: 4}\ntraining: {learning_rate: 2, steps: 60}\n"};
    dmft_problem *problem = problem_with(text[_i], NULL);
    dmft_run_options options = {.progress = stop_at_the_kernels, .checkpoint = path};
    dmft_trajectory *t = NULL, *whole = NULL;
    dmft_error err = {0};
    int outcome = _i < 2 ? DMFT_OK : DMFT_DIVERGED;
    ck_assert_int_eq(dmft_solve(problem, &options, &t, &err), DMFT_STOPPED);
    ck_assert_msg(strstr(err.text, "stopped at step") != NULL, "%s", err.text);
    ck_assert_ptr_null(t);
    options = (dmft_run_options){.resume = path};
    ck_assert_msg(dmft_solve(problem, &options, &t, &err) == outcome, "%s", err.text);
    ck_assert_int_eq(dmft_solve(problem, NULL, &whole, &err), outcome);
    expect_same_bytes(whole, t);
    ck_assert_int_eq(dmft_trajectory_diverged_at(whole), dmft_trajectory_diverged_at(t));
    dmft_trajectory_free(t);
    dmft_trajectory_free(whole);
    dmft_problem_free(problem);
}
END_TEST

START_TEST(a_diverged_run_stays_diverged)
{
    dmft_problem *problem = problem_with(NETWORK "data: {sample_ratio: 4}\ntraining: {learning_rate: 2, steps: 60}\n", NULL);
    dmft_solver *solver = solver_of(problem, NULL);
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    int status = DMFT_OK;
    while (status == DMFT_OK) status = dmft_solver_step(solver, &err);
    ck_assert_int_eq(status, DMFT_DIVERGED);
    long at = dmft_solver_done(solver);
    ck_assert_int_eq(dmft_solver_save(solver, path, &err), DMFT_OK);
    dmft_solver_free(solver);
    solver = solver_of(problem, path);
    ck_assert_int_eq(dmft_solver_step(solver, &err), DMFT_DIVERGED);
    ck_assert_int_eq(dmft_solver_finish(solver, &t, &err), DMFT_DIVERGED);
    ck_assert_int_eq(dmft_trajectory_diverged_at(t), at);
    dmft_solver_free(solver);
    dmft_trajectory_free(t);
    dmft_problem_free(problem);
}
END_TEST

/* What another problem, another kind of run, or a damaged file makes of it. */
START_TEST(what_does_not_fit_is_refused)
{
    dmft_problem *problem = problem_with(configurations[0], NULL), *other = problem_with(configurations[3], NULL);
    dmft_solver *solver = solver_of(problem, NULL), *none = NULL;
    dmft_trajectory *t = NULL;
    dmft_error err = {0};
    dmft_run_options options = {.resume = path};
    ck_assert_int_eq(dmft_solver_create(&none, problem, &options, &err), DMFT_ERROR_READ); /* absent */
    steps(solver, 9);
    ck_assert_int_eq(dmft_solver_save(solver, path, &err), DMFT_OK);
    ck_assert_int_eq(dmft_solver_create(&none, other, &options, &err), DMFT_ERROR_CONFIG);
    ck_assert_msg(strstr(err.text, "method") != NULL, "%s", err.text);
    ck_assert_int_eq(dmft_simulate(problem, &options, &t, &err), DMFT_ERROR_FORMAT);
    struct stat file;
    ck_assert_int_eq(stat(path, &file), 0);
    ck_assert_int_eq(truncate(path, file.st_size / 2), 0);
    ck_assert_int_lt(dmft_solver_create(&none, problem, &options, &err), 0);
    ck_assert_ptr_null(none);
    ck_assert_ptr_null(t);
    dmft_solver_free(solver);
    dmft_problem_free(problem);
    dmft_problem_free(other);
}
END_TEST

Suite *suite_resume(void)
{
    Suite *suite = suite_create("resume");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_path, remove_folder);
    tcase_add_loop_test(all, a_resumed_solve_is_the_same_to_the_bit, 0, sizeof configurations / sizeof *configurations);
    tcase_add_test(all, a_stopped_run_leaves_a_checkpoint);
    tcase_add_loop_test(all, a_run_that_is_stopped_after_its_last_step_leaves_a_checkpoint, 0, 3);
    tcase_add_test(all, a_diverged_run_stays_diverged);
    tcase_add_test(all, what_does_not_fit_is_refused);
    suite_add_tcase(suite, all);
    return suite;
}
