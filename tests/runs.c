/* Problems made of text, runs of them, and what these gave. */
#include "runs.h"

#include <check.h>
#include <string.h>

#include "allocation.h"
#include "base/trajectory.h"
#include "folder.h"

dmft_config *config_with(const char *text, const char *const *settings)
{
    dmft_config *config = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_config_parse(&config, text, strlen(text), "run.yaml", &err) == DMFT_OK, "%s: %s", text, err.text);
    for (; settings != NULL && *settings != NULL; settings += 2)
        ck_assert_msg(dmft_config_set(config, settings[0], settings[1], &err) == DMFT_OK, "%s", err.text);
    return config;
}

dmft_problem *problem_with(const char *text, const char *const *settings)
{
    dmft_config *config = config_with(text, settings);
    dmft_problem *problem = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_problem_create(&problem, config, &err) == DMFT_OK, "%s: %s", text, err.text);
    dmft_config_free(config);
    return problem;
}

void expect_no_problem(const char *text, int status, const char *line)
{
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_error err = {.text = ""};
    int got = dmft_config_parse(&config, text, strlen(text), "run.yaml", &err);
    if (got == DMFT_OK) got = dmft_problem_create(&problem, config, &err);
    ck_assert_msg(got == status, "status %d, not %d, of: %s", got, status, text);
    ck_assert_int_eq(err.status, status);
    ck_assert_str_eq(err.text, line);
    ck_assert_ptr_null(problem);
    dmft_config_free(config);
}

/* ---- runs ---- */

dmft_trajectory *ran(runner *run, const dmft_problem *problem, const dmft_run_options *options, int expected)
{
    dmft_trajectory *t = NULL;
    dmft_error err = {.text = ""};
    int status = run(problem, options, &t, &err);
    ck_assert_msg(status == expected, "status %d (%s), expected %d", status, err.text, expected);
    ck_assert_ptr_nonnull(t);
    return t;
}

dmft_trajectory *solved(const dmft_problem *problem, int expected) { return ran(dmft_solve, problem, NULL, expected); }

dmft_trajectory *simulated(const dmft_problem *problem, int threads, int expected)
{
    return ran(dmft_simulate, problem, &(dmft_run_options){.threads = threads}, expected);
}

static int stop_when_due(void *left, const dmft_progress *progress)
{
    (void)progress;
    return --*(long *)left <= 0;
}

dmft_trajectory *ran_in_pieces(runner *run, const dmft_problem *problem, long reports, long *stops)
{
    dmft_trajectory *t = NULL;
    make_folder();
    const char *path = in_folder("checkpoint");
    for (*stops = 0;; ++*stops) {
        long left = reports;
        dmft_error err = {.text = ""};
        dmft_run_options options = {.threads = 1 + (int)(*stops % 3), .progress = stop_when_due, .user = &left, .checkpoint = path,
                                    .resume = *stops > 0 ? path : NULL};
        int status = run(problem, &options, &t, &err);
        ck_assert_msg(status == DMFT_OK || status == DMFT_STOPPED, "%d: %s", status, err.text);
        ck_assert_int_eq(status == DMFT_OK, t != NULL);
        if (status == DMFT_OK) break;
    }
    remove_folder();
    return t;
}

long ran_without_memory(runner *run, const dmft_problem *problem)
{
    for (long n = 1;; n++) {
        dmft_trajectory *t = NULL;
        dmft_error err = {.text = ""};
        allocation_fail_at(n);
        int status = run(problem, NULL, &t, &err), failed = allocation_failed();
        allocation_fail_at(0);
        ck_assert_msg(status == (failed ? DMFT_ERROR_MEMORY : DMFT_OK), "allocation %ld: %d, %s", n, status, err.text);
        ck_assert_int_eq(failed, t == NULL);
        if (failed) ck_assert_msg(err.text[0] != '\0' && strchr(err.text, '\n') == NULL, "allocation %ld: '%s'", n, err.text);
        dmft_trajectory_free(t);
        if (!failed) return n - 1;
    }
}

/* ---- results ---- */

const double *series(const dmft_trajectory *t, const char *name)
{
    const double *x = dmft_trajectory_series(t, name);
    ck_assert_msg(x != NULL, "no series %s", name);
    return x;
}

double at(const dmft_trajectory *t, const char *name, size_t row)
{
    const double *x = series(t, name);
    ck_assert_msg(row < dmft_trajectory_rows(t), "%s: row %zu", name, row);
    return x[row];
}

double last(const dmft_trajectory *t, const char *name) { return at(t, name, dmft_trajectory_rows(t) - 1); }

static void expect_bytes(const double *a, const double *b, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) ck_assert_msg(memcmp(a + i, b + i, sizeof *a) == 0, "%s, number %zu: %.17g and %.17g", name, i, a[i], b[i]);
}

static void expect_same_series(const dmft_trajectory *a, const dmft_trajectory *b)
{
    ck_assert_uint_eq(a->rows, b->rows);
    ck_assert_uint_eq(a->series_count, b->series_count);
    for (size_t i = 0; i < a->series_count; i++) {
        const struct trajectory_series *x = &a->series[i], *y = &b->series[i];
        ck_assert_str_eq(x->name, y->name);
        expect_bytes(x->value, y->value, a->rows, x->name);
        ck_assert_int_eq(x->error == NULL, y->error == NULL);
        if (x->error != NULL) expect_bytes(x->error, y->error, a->rows, x->name);
    }
}

void expect_same_bytes(const dmft_trajectory *a, const dmft_trajectory *b)
{
    ck_assert_int_eq(a->diverged_at, b->diverged_at);
    expect_same_series(a, b);
    ck_assert_uint_eq(a->kernel_count, b->kernel_count);
    for (size_t i = 0; i < a->kernel_count; i++) {
        const struct trajectory_kernel *x = &a->kernel[i], *y = &b->kernel[i];
        ck_assert_str_eq(x->name, y->name);
        ck_assert_uint_eq(x->order, y->order);
        for (size_t t = 0; t < x->order; t++) expect_bytes(x->data + t * x->stride, y->data + t * y->stride, x->order, x->name);
    }
    ck_assert_uint_eq(a->array_count, b->array_count);
    for (size_t i = 0; i < a->array_count; i++) {
        const struct trajectory_array *x = &a->array[i], *y = &b->array[i];
        ck_assert_str_eq(x->name, y->name);
        ck_assert_mem_eq(x->size, y->size, sizeof x->size);
        expect_bytes(x->data, y->data, x->size[0] * x->size[1] * x->size[2], x->name);
    }
    ck_assert_uint_eq(a->number_count, b->number_count);
    for (size_t i = 0; i < a->number_count; i++) {
        ck_assert_str_eq(a->number[i].name, b->number[i].name);
        if (strstr(a->number[i].name, "seconds") == NULL) expect_bytes(&a->number[i].value, &b->number[i].value, 1, a->number[i].name);
    }
}
