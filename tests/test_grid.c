/* The nodes of time grids, and series between them. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "base/grid.h"
#include "base/trajectory.h"
#include "suites.h"

static const struct shape {
    long steps;
    double time, first; /* first interval; 0: uniform */
} shapes[] = {{1, 3.0, 0.0}, {2, 0.7, 0.0},    {17, 10.0, 0.0},   {1000, 1e4, 0.0},  {1, 3.0, 3.0},      {2, 0.7, 0.1},
              {3, 1.0, 1.0 / 3.0}, {64, 10.0, 0.01}, {1000, 1e4, 0.01}, {200, 1e6, 1e-3}, {1000, 10.0, 0.00999999}};

static struct dmft_problem problem_of(const struct shape *s)
{
    return (struct dmft_problem){.flow = 1,
                                 .steps = s->steps,
                                 .rows = s->steps + 1,
                                 .time = s->time,
                                 .grid = s->first > 0.0 ? GRID_GEOMETRIC : GRID_UNIFORM,
                                 .grid_first = s->first};
}

/* Both ends are exact, the first interval is what it should be, and all intervals grow by one factor, which is 1 for a uniform grid. */
START_TEST(intervals_grow_by_one_factor)
{
    const struct shape *s = &shapes[_i];
    struct dmft_problem p = problem_of(s);
    double *t = calloc((size_t)p.rows, sizeof *t), first = s->first > 0.0 ? s->first : s->time / (double)s->steps;
    ck_assert_int_eq(grid_times(&p, t, NULL), DMFT_OK);
    ck_assert(t[0] == 0.0 && t[s->steps] == s->time);
    ck_assert_double_le(fabs(t[1] - first), 1e-11 * first);
    double factor = s->steps > 1 ? (t[2] - t[1]) / t[1] : 1.0;
    if (s->first == 0.0) ck_assert_double_le(fabs(factor - 1.0), 1e-12);
    for (long i = 1; i < s->steps; i++) {
        double now = t[i + 1] - t[i], before = t[i] - t[i - 1];
        ck_assert_msg(now > 0.0 && fabs(now - factor * before) <= 1e-9 * now + 1e-14 * s->time, "interval %ld: %.17g after %.17g", i, now, before);
    }
    free(t);
}
END_TEST

START_TEST(an_adaptive_grid_has_no_nodes)
{
    struct dmft_problem p = problem_of(&shapes[1]);
    double t[3];
    dmft_error err;
    p.grid = GRID_ADAPTIVE;
    ck_assert_int_eq(grid_times(&p, t, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(err.text, "grid.kind: an adaptive grid chooses its nodes as it goes");
}
END_TEST

/* A trajectory with times of a geometric grid and the series f; the largest error of f between nodes. */
static dmft_trajectory *between(long steps, double (*f)(double), double *error)
{
    struct dmft_problem p = {.flow = 1, .steps = steps, .rows = steps + 1, .time = 6.0, .grid = GRID_GEOMETRIC, .grid_first = 3.0 / (double)steps};
    dmft_trajectory *t = NULL;
    double *time = NULL, *x = NULL;
    ck_assert_int_eq(trajectory_create(&t, (size_t)p.rows, NULL), DMFT_OK);
    ck_assert_int_eq(trajectory_add(t, &time, TRAJECTORY_HIDDEN, NULL, "time"), DMFT_OK);
    ck_assert_int_eq(trajectory_add(t, &x, TRAJECTORY_SHOWN, NULL, "x"), DMFT_OK);
    ck_assert_int_eq(grid_times(&p, time, NULL), DMFT_OK);
    for (long i = 0; i < p.rows; i++) x[i] = f(time[i]);
    *error = 0.0;
    for (long i = 0; i < 1000; i++) {
        double at = 6.0 * ((double)i + 0.5) / 1000.0;
        *error = fmax(*error, fabs(dmft_trajectory_at(t, "x", at) - f(at)));
    }
    return t;
}

static double cubic(double t) { return 1.0 - t + 0.5 * t * t - 0.1 * t * t * t; }

START_TEST(series_between_nodes)
{
    double error[3];
    dmft_trajectory_free(between(40, sin, &error[0]));
    dmft_trajectory_free(between(80, sin, &error[1]));
    double order = log2(error[0] / error[1]);
    ck_assert_msg(order > 3.7 && order < 4.4, "order %g (%g, %g)", order, error[0], error[1]);
    dmft_trajectory_free(between(17, cubic, &error[2]));
    ck_assert_double_le(error[2], 1e-13);
}
END_TEST

START_TEST(series_end_at_holes)
{
    double error;
    dmft_trajectory *t = between(20, cubic, &error);
    double *x = trajectory_find(t, "x")->value;
    const double *time = dmft_trajectory_series(t, "time");
    for (int i = 0; i < 5; i++) x[i] = NAN;
    x[9] = NAN;
    ck_assert(isnan(dmft_trajectory_at(t, "x", 0.5 * (time[4] + time[5]))) && isnan(dmft_trajectory_at(t, "x", time[9])));
    ck_assert(dmft_trajectory_at(t, "x", time[5]) == x[5] && dmft_trajectory_at(t, "x", 6.0) == x[20]);
    double at = 0.5 * (time[5] + time[6]); /* rows 5 .. 8 are there */
    ck_assert_double_le(fabs(dmft_trajectory_at(t, "x", at) - cubic(at)), 1e-13);
    ck_assert(isnan(dmft_trajectory_at(t, "x", -0.1)) && isnan(dmft_trajectory_at(t, "x", 6.1)) && isnan(dmft_trajectory_at(t, "x", NAN)));
    ck_assert(isnan(dmft_trajectory_at(t, "y", 1.0)));
    dmft_trajectory_free(t);
}
END_TEST

Suite *suite_grid(void)
{
    Suite *suite = suite_create("grid");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, intervals_grow_by_one_factor, 0, sizeof shapes / sizeof *shapes);
    tcase_add_test(all, an_adaptive_grid_has_no_nodes);
    tcase_add_test(all, series_between_nodes);
    tcase_add_test(all, series_end_at_holes);
    suite_add_tcase(suite, all);
    return suite;
}
