/* Ensembles that record plain tables: means and errors of numbers known beforehand, what nan and divergence leave, limits, threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/trajectory.h"
#include "ensemble/samples.h"
#include "suites.h"

enum { ROWS = 5, MEMBERS = 4, COLUMNS = 3 };

/* Member i records, in row t: i + t, the number t/2 that all share, and i (nan in row 2 of member 1). */
struct member {
    long index, diverges;
};

static long diverging = -1; /* the row at which member 2 diverges; set before the members run */

static int create(void **state, const dmft_problem *problem, dmft_error *err)
{
    (void)problem;
    *state = calloc(1, sizeof(struct member));
    return *state != NULL ? DMFT_OK : error_memory(err, sizeof(struct member));
}

static int start(void *state, long index, dmft_error *err)
{
    struct member *m = state;
    (void)err;
    *m = (struct member){index, index == 2 ? diverging : -1};
    return DMFT_OK;
}

static int record(void *state, long row, double *slot, dmft_error *err)
{
    const struct member *m = state;
    double *at = slot + (size_t)row * COLUMNS;
    (void)err;
    if (row == m->diverges) return DMFT_DIVERGED;
    at[0] = (double)(m->index + row);
    at[1] = 0.5 * (double)row;
    at[2] = row == 2 && m->index == 1 ? NAN : (double)m->index;
    return DMFT_OK;
}

static int advance(void *state, long row, dmft_error *err)
{
    (void)state;
    (void)row;
    (void)err;
    return 1;
}

static const struct ensemble_kind kind = {.name = "member", .steps = "steps", .file = "simulate", .create = create, .free = free, .start = start,
                                          .row = record, .advance = advance};

static char model[] = "counted", text[] = "model: counted\n";
static const dmft_problem problem = {.model = model, .text = text, .rows = ROWS, .steps = ROWS};
static const struct samples_column columns[COLUMNS] = {
    {.name = "sum", .shown = 1, .allowance = 0.25}, {.name = "time", .shown = 1, .exact = 1}, {.name = "index"}};

static struct samples counted(void)
{
    return (struct samples){.kind = &kind, .problem = &problem, .members = MEMBERS, .columns = COLUMNS, .column = columns, .model_kind = "simulation",
                            .doubles = 100, .operations = 50};
}

static dmft_trajectory *ran(long members, int threads, int expected)
{
    struct samples s = counted();
    dmft_run_options how = {.threads = threads};
    dmft_trajectory *t = NULL;
    dmft_error err = {.text = ""};
    s.members = members;
    int status = samples_run(&s, &how, &t, &err);
    ck_assert_msg(status == expected, "%d: %s", status, err.text);
    return t;
}

/* Of 0, 1, 2, 3: mean 3/2, variance 5/3, standard error sqrt(5/12). */
START_TEST(means_and_errors)
{
    dmft_trajectory *t = ran(MEMBERS, 1, DMFT_OK);
    const double *sum = dmft_trajectory_series(t, "sum"), *error = dmft_trajectory_errors(t, "sum"), *time = dmft_trajectory_series(t, "time");
    ck_assert_uint_eq(dmft_trajectory_rows(t), ROWS);
    for (int row = 0; row < ROWS; row++) {
        ck_assert_double_eq_tol(sum[row], 1.5 + row, 1e-15);
        ck_assert_double_eq_tol(error[row], sqrt(5.0 / 12.0), 1e-15);
        ck_assert_double_eq(time[row], 0.5 * row);
        ck_assert_double_eq(dmft_trajectory_series(t, "step")[row], row);
        ck_assert_int_eq(isnan(dmft_trajectory_series(t, "index")[row]), row == 2);
        ck_assert_int_eq(isnan(dmft_trajectory_errors(t, "index")[row]), row == 2);
    }
    ck_assert_ptr_null(dmft_trajectory_errors(t, "time"));
    ck_assert_double_eq(dmft_trajectory_number(t, "seeds"), MEMBERS);
    ck_assert_double_eq(dmft_trajectory_number(t, "allowance_sum"), 0.25);
    ck_assert(isnan(dmft_trajectory_number(t, "allowance_index")));
    ck_assert_str_eq(dmft_trajectory_text(t, "kind"), "simulation");
    ck_assert_str_eq(dmft_trajectory_text(t, "model"), "counted");
    ck_assert_int_eq(trajectory_find(t, "step")->shown, 0); /* time stands for it */
    ck_assert_int_eq(trajectory_find(t, "time")->shown, 1);
    ck_assert_int_eq(trajectory_find(t, "index")->shown, 0);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(one_member_has_no_error)
{
    dmft_trajectory *t = ran(1, 1, DMFT_OK);
    ck_assert_double_eq(dmft_trajectory_series(t, "sum")[3], 3.0);
    ck_assert(isnan(dmft_trajectory_errors(t, "sum")[3]));
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(threads_leave_no_trace)
{
    dmft_trajectory *one = ran(MEMBERS, 1, DMFT_OK), *three = ran(MEMBERS, 3, DMFT_OK);
    for (size_t i = 0; i < one->series_count; i++)
        ck_assert_int_eq(memcmp(one->series[i].value, three->series[i].value, ROWS * sizeof(double)), 0);
    dmft_trajectory_free(one);
    dmft_trajectory_free(three);
}
END_TEST

START_TEST(divergence_ends_the_table)
{
    diverging = 3;
    dmft_trajectory *t = ran(MEMBERS, 2, DMFT_DIVERGED);
    diverging = -1; /* for the tests behind it, where they are run in one process */
    ck_assert_uint_eq(dmft_trajectory_rows(t), 3);
    ck_assert_int_eq(dmft_trajectory_diverged_at(t), 3);
    ck_assert_double_eq(dmft_trajectory_number(t, "seeds_diverged"), 1);
    ck_assert_double_eq_tol(dmft_trajectory_series(t, "sum")[1], 2.5, 1e-15);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(a_limit_of_memory_is_kept)
{
    struct samples s = counted();
    dmft_run_options how = {.threads = 2, .memory_limit = 8 * (2 * 100 + (MEMBERS + 2) * COLUMNS * ROWS)};
    dmft_trajectory *t = NULL;
    dmft_error err = {.text = ""};
    ck_assert_double_eq(samples_estimate(&s, 2).bytes, (double)how.memory_limit);
    ck_assert_double_eq(samples_estimate(&s, 2).operations, 200.0);
    ck_assert_int_eq(samples_run(&s, &how, &t, &err), DMFT_OK);
    dmft_trajectory_free(t);
    t = NULL;
    how.memory_limit--;
    ck_assert_int_eq(samples_run(&s, &how, &t, &err), DMFT_ERROR_MEMORY_LIMIT);
    ck_assert_ptr_null(t);
    ck_assert_ptr_nonnull(strstr(err.text, "4 members, 2 at a time"));
}
END_TEST

Suite *suite_samples(void)
{
    Suite *suite = suite_create("samples");
    TCase *tests = tcase_create("tables");
    tcase_add_test(tests, means_and_errors);
    tcase_add_test(tests, one_member_has_no_error);
    tcase_add_test(tests, threads_leave_no_trace);
    tcase_add_test(tests, divergence_ends_the_table);
    tcase_add_test(tests, a_limit_of_memory_is_kept);
    suite_add_tcase(suite, tests);
    return suite;
}
