/* Sweeps: the section of a configuration and its grid, the problems of the points, results of a grid and their files, allocations that fail. */
#include <check.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allocation.h"
#include "base/problem.h"
#include "base/trajectory.h"
#include "folder.h"
#include "io/result_hdf5.h"

Suite *suite_sweep(void);

/* Lines 1 to 4; the sweep begins in line 5. */
static const char body[] = "model: deep_linear\n"
                           "network: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\n"
                           "data: {sample_ratio: 4.0}\n"
                           "training: {steps: 3}\n";

static int parse(dmft_config **config, const char *sweep, dmft_error *err)
{
    char text[2048];
    int n = snprintf(text, sizeof text, "%s%s", body, sweep);
    return dmft_config_parse(config, text, (size_t)n, "run.yaml", err);
}

static dmft_config *parsed(const char *sweep)
{
    dmft_config *config = NULL;
    dmft_error err = {0};
    ck_assert_msg(parse(&config, sweep, &err) == 0, "%s", err.text);
    return config;
}

static dmft_problem *problem_at(const dmft_config *config, size_t point)
{
    dmft_config *one = NULL;
    dmft_problem *problem = NULL;
    dmft_error err = {0};
    ck_assert_msg(dmft_config_point(&one, config, point, &err) == 0, "%s", err.text);
    ck_assert_msg(dmft_problem_create(&problem, one, &err) == 0, "%s", err.text);
    dmft_config_free(one);
    return problem;
}

/* ---- Grids ---- */

START_TEST(the_last_axis_runs_fastest)
{
    dmft_config *config = parsed("sweep:\n  network.width_ratio: [0.25, 1, 4]\n  training.learning_rate: [0.01, 0.02]\n");
    static const double nu[] = {0.25, 0.25, 1, 1, 4, 4}, eta[] = {0.01, 0.02, 0.01, 0.02, 0.01, 0.02};
    ck_assert_uint_eq(dmft_config_points(config), 6);
    for (size_t i = 0; i < 6; i++) {
        dmft_problem *p = problem_at(config, i);
        ck_assert(p->width_ratio == nu[i] && p->learning_rate == eta[i] && p->gamma0 == 8.5);
        dmft_problem_free(p);
    }
    dmft_config *none = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_config_point(&none, config, 6, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(err.text, "point must be below the number of points of the grid, 6, got 6");
    dmft_config_free(config);
}
END_TEST

/* Both ends are exact, and the problem has the number to the last bit: its text, read again, is the same problem. */
START_TEST(ranges_have_exact_ends)
{
    dmft_config *config = parsed("sweep: {training.learning_rate: {log: [1e-3, 0.7, 25]}}\n");
    ck_assert_uint_eq(dmft_config_points(config), 25);
    for (size_t i = 0; i < 25; i++) {
        dmft_problem *p = problem_at(config, i), *again = NULL;
        dmft_config *read = NULL;
        double expected = i == 0 ? 1e-3 : i == 24 ? 0.7 : 1e-3 * pow(0.7 / 1e-3, (double)i / 24.0);
        ck_assert(p->learning_rate == expected);
        ck_assert_int_eq(dmft_config_parse(&read, dmft_problem_text(p), strlen(dmft_problem_text(p)), NULL, NULL), 0);
        ck_assert_int_eq(dmft_problem_create(&again, read, NULL), 0);
        ck_assert(again->learning_rate == p->learning_rate);
        dmft_problem_free(p);
        dmft_problem_free(again);
        dmft_config_free(read);
    }
    dmft_config_free(config);
    config = parsed("sweep: {network.gamma0: {linear: [2, 1, 3]}, training.learning_rate: {linear: [0.1, 0.3, 1]}, network.depth: {linear: [1, 3, 3]}}\n");
    static const double gamma0[] = {2, 1.5, 1};
    ck_assert_uint_eq(dmft_config_points(config), 9);
    for (size_t i = 0; i < 9; i++) {
        dmft_problem *p = problem_at(config, i);
        ck_assert(p->gamma0 == gamma0[i / 3] && p->learning_rate == 0.1 && p->depth == 1 + (int)(i % 3));
        dmft_problem_free(p);
    }
    dmft_config_free(config);
}
END_TEST

/* Where a (b/a) is not b after rounding, too. */
START_TEST(ranges_end_where_they_are_told_to)
{
    int rounded = 0;
    for (int i = 1; i < 60; i++) {
        char sweep[128];
        double a = 0.001 * i, b = 0.7;
        (void)snprintf(sweep, sizeof sweep, "sweep: {training.learning_rate: {log: [%.17g, %.17g, 4]}}\n", a, b);
        dmft_config *config = parsed(sweep);
        dmft_problem *first = problem_at(config, 0), *last = problem_at(config, 3);
        ck_assert(first->learning_rate == a && last->learning_rate == b);
        rounded += a * (b / a) != b;
        dmft_problem_free(first);
        dmft_problem_free(last);
        dmft_config_free(config);
    }
    ck_assert_int_gt(rounded, 0);
}
END_TEST

START_TEST(axes_are_numbers_words_and_lists)
{
    dmft_config *config = parsed("sweep:\n  network.parameterization: [mup, ntk]\n  probes.ntk: [false, true]\n"
                                 "  network.weight_variance: [1, [0.5, 0.25, 2]]\n  training.schedule: [[1, 1, 1], [1, 0.5, 0.25]]\n"
                                 "  training.learning_rate: [0.1]\n");
    ck_assert_uint_eq(dmft_config_points(config), 16);
    dmft_problem *p = problem_at(config, 15);
    ck_assert(p->parameterization == PARAMETERIZATION_NTK && p->probes.ntk == 1 && p->weight_variance[2] == 2 && p->schedule[2] == 0.25);
    dmft_problem_free(p);
    p = problem_at(config, 0);
    ck_assert(p->parameterization == PARAMETERIZATION_MUP && p->probes.ntk == 0 && p->weight_variance[2] == 1 && p->schedule[2] == 1);
    dmft_problem_free(p);
    dmft_sweep *s = NULL;
    ck_assert_int_eq(dmft_sweep_create(&s, config, NULL), 0);
    ck_assert_uint_eq(dmft_sweep_axes(s), 5);
    ck_assert_str_eq(dmft_sweep_axis_key(s, 0), "network.parameterization");
    ck_assert_str_eq(dmft_sweep_axis_text(s, 0, 1), "ntk");
    ck_assert_ptr_null(dmft_sweep_axis_numbers(s, 0));
    ck_assert_ptr_null(dmft_sweep_axis_numbers(s, 2));
    ck_assert_str_eq(dmft_sweep_axis_text(s, 2, 1), "[0.5, 0.25, 2]");
    ck_assert(dmft_sweep_axis_numbers(s, 4)[0] == 0.1);
    ck_assert_ptr_null(dmft_sweep_axis_key(s, 5));
    ck_assert_ptr_null(dmft_sweep_axis_text(s, 4, 1));
    dmft_sweep_free(s);
    dmft_config_free(config);
}
END_TEST

START_TEST(an_axis_can_be_set)
{
    dmft_config *config = parsed("sweep: {network.gamma0: [1, 2], training.learning_rate: [0.1]}\n");
    dmft_error err = {0};
    ck_assert_int_eq(dmft_config_set(config, "sweep.network.gamma0", "{log: [1, 100, 3]}", &err), 0);
    ck_assert_int_eq(dmft_config_set(config, "training.steps", "7", &err), 0);
    ck_assert_int_eq(dmft_config_set(config, "network.gamma0", "3", &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, "network.gamma0: is an axis of the sweep, which this would not change: set sweep.network.gamma0");
    ck_assert_uint_eq(dmft_config_points(config), 3);
    dmft_problem *p = problem_at(config, 1);
    ck_assert(p->gamma0 == 10 && p->steps == 7);
    dmft_problem_free(p);
    ck_assert_int_eq(dmft_config_set(config, "sweep.network.gamma0", "[1, 0]", &err), DMFT_ERROR_CONFIG);
    ck_assert_str_eq(err.text, "network.gamma0: must be a number in (0, inf), got 0");
    ck_assert_int_eq(dmft_config_set(config, "sweep.network", "[1, 0]", &err), DMFT_ERROR_CONFIG);
    ck_assert_uint_eq(dmft_config_points(config), 3);
    dmft_config_free(config);
    ck_assert_int_eq(dmft_config_create(&config, "deep_linear", NULL), 0);
    ck_assert_uint_eq(dmft_config_points(config), 0);
    ck_assert_int_eq(dmft_config_set(config, "sweep.network.depth", "[1, 2]", NULL), 0);
    ck_assert_uint_eq(dmft_config_points(config), 2);
    dmft_config_free(config);
}
END_TEST

static const struct {
    const char *sweep;
    int status;
    const char *line;
} mistakes[] = {
#define BAD(sweep, line) {sweep, DMFT_ERROR_CONFIG, line}
#define SHAPE "must be a list, {linear: [a, b, n]} or {log: [a, b, n]}, got "
#define RATE "sweep.training.learning_rate: "
    BAD("sweep: 3\n", "run.yaml:5:1: sweep: must be a section of settings, got 3"),
    BAD("sweep: {network.gamma0: 3}\n", "run.yaml:5:25: sweep.network.gamma0: " SHAPE "3"),
    BAD("sweep: {network.gamma0: []}\n", "run.yaml:5:25: sweep.network.gamma0: " SHAPE "an empty list"),
    BAD("sweep: {network.gamma0: {}}\n", "run.yaml:5:25: sweep.network.gamma0: " SHAPE "a section"),
    BAD("sweep: {network.gamma0: }\n", "run.yaml:5:25: sweep.network.gamma0: " SHAPE "nothing"),
    BAD("sweep:\n  network.gamma0: [1,\n    -2]\n", "run.yaml:7:5: network.gamma0: must be a number in (0, inf), got -2"),
    BAD("sweep:\n  network.gamma0: [1, .nan]\n", "run.yaml:6:23: network.gamma0: must be a number in (0, inf), got .nan"),
    BAD("sweep:\n  network.gamma0: [1, [2]]\n", "run.yaml:6:23: network.gamma0: must be a number in (0, inf), got a list"),
    BAD("sweep:\n  network.gamma0: [3, 1, 2, 1.0, 3]\n",
        "run.yaml:6:29: sweep.network.gamma0: value 4 is equal to value 2: the values of an axis are different"),
    BAD("sweep:\n  network.weight_variance: [1, [1, 2, 3], [1, 2, 3]]\n",
        "run.yaml:6:43: sweep.network.weight_variance: value 3 is equal to value 2: the values of an axis are different"),
    BAD("sweep:\n  training.learning_rate: {linear: [0.1, 0.1, 3]}\n",
        "run.yaml:6:27: " RATE "value 2 is equal to value 1: the values of an axis are different"),
    BAD("sweep:\n  network.depth: [1, 2.5]\n", "run.yaml:6:22: network.depth: must be an integer in [1, 64], got 2.5"),
    BAD("sweep:\n  network.parameterization: [mup, nkt]\n",
        "run.yaml:6:35: network.parameterization: must be one of mup | ntk, got nkt; the nearest is ntk"),
    BAD("sweep:\n  network.gama0: [1]\n", "run.yaml:6:3: sweep.network.gama0: unknown key; the nearest known key is sweep.network.gamma0"),
    BAD("sweep:\n  network: {gamma0: [1]}\n",
        "run.yaml:6:3: sweep.network: is a section, not a setting: an axis has a dotted key, sweep: {network.gamma0: [1, 2]}"),
    BAD("sweep:\n  model: [mlp]\n", "run.yaml:6:3: sweep.model: cannot be swept: a sweep has one model"),
    BAD("sweep:\n  sweep.network.gamma0: [1]\n", "run.yaml:6:3: sweep.sweep.network.gamma0: cannot be swept: a sweep has one model"),
    BAD("sweep:\n  output.kernels: [true]\n", "run.yaml:6:3: sweep.output.kernels: cannot be swept: sweeps store no kernels"),
    BAD("sweep:\n  network.activation: [tanh]\n", "run.yaml:6:3: sweep.network.activation: does not belong to model deep_linear"),
    BAD("sweep:\n  network.gamma0: [1]\n  network.gamma0: [2]\n", "run.yaml:7:3: sweep.network.gamma0: given twice, first in line 6"),
    BAD("sweep:\n  training.learning_rate: {lg: [1, 2, 3]}\n", "run.yaml:6:28: " RATE "must be one of linear | log, got lg; the nearest is log"),
    BAD("sweep:\n  training.learning_rate: {linaer: [1, 2, 3]}\n",
        "run.yaml:6:28: " RATE "must be one of linear | log, got linaer; the nearest is linear"),
    BAD("sweep:\n  training.learning_rate: {log: 3}\n", "run.yaml:6:33: " RATE "log: takes three numbers, [a, b, n]: n values from a to b"),
    BAD("sweep:\n  training.learning_rate: {log: [1, 2]}\n", "run.yaml:6:33: " RATE "log: takes three numbers, [a, b, n]: n values from a to b"),
    BAD("sweep:\n  training.learning_rate: {log: [1, 2, 3], linear: [1, 2, 3]}\n", "run.yaml:6:27: " RATE SHAPE "a section"),
    BAD("sweep:\n  training.learning_rate: {log: [0, 2, 3]}\n",
        "run.yaml:6:34: " RATE "a and b of log: [a, b, n] must be numbers in (0, inf), got 0"),
    BAD("sweep:\n  training.learning_rate: {linear: [1, inf, 3]}\n",
        "run.yaml:6:40: " RATE "a and b of linear: [a, b, n] must be numbers in (-inf, inf), got inf"),
    BAD("sweep:\n  training.learning_rate: {linear: [1, '2', 3]}\n",
        "run.yaml:6:40: " RATE "a and b of linear: [a, b, n] must be numbers in (-inf, inf), got 2"),
    BAD("sweep:\n  training.learning_rate: {log: [1, 2, 2.5]}\n", "run.yaml:6:40: " RATE "n of [a, b, n] must be an integer in [1, 100000], got 2.5"),
    BAD("sweep:\n  training.learning_rate: {log: [1, 2, 0]}\n", "run.yaml:6:40: " RATE "n of [a, b, n] must be an integer in [1, 100000], got 0"),
    BAD("sweep:\n  training.learning_rate: {log: [1, 2, 100001]}\n",
        "run.yaml:6:40: " RATE "n of [a, b, n] must be an integer in [1, 100000], got 100001"),
    BAD("sweep:\n  training.learning_rate: {linear: [1, -1, 3]}\n",
        "run.yaml:6:27: training.learning_rate: must be a number in (0, inf), got 0 (value 2 of linear: [a, b, n])"),
    BAD("sweep:\n  network.depth: {linear: [1, 4, 3]}\n",
        "run.yaml:6:18: network.depth: must be an integer in [1, 64], got 2.5 (value 2 of linear: [a, b, n])"),
    BAD("sweep:\n  network.parameterization: {linear: [1, 4, 3]}\n",
        "run.yaml:6:29: sweep.network.parameterization: linear: is for numbers; network.parameterization is one of mup | ntk: a list of its values"),
    BAD("sweep:\n  network.gamma0: {linear: [1, 4, 1001]}\n  training.learning_rate: {log: [1, 2, 1000]}\n",
        "run.yaml:7:27: " RATE "too many values: a grid has at most 1000000 points"),
    BAD("sweep:\n  network.gamma0: [1]\n  network.depth: [1]\n  training.steps: [1]\n  training.learning_rate: [1]\n  network.width_ratio: [1]\n"
        "  data.sample_ratio: [1]\n  data.label_noise: [1]\n  training.momentum: [0]\n  tolerance: [1e-9]\n",
        "run.yaml:14:14: sweep.tolerance: one axis too many: a grid has at most 8"),
    BAD("sweep:\n  training.times: [[1]]\n", "run.yaml:6:3: sweep.training.times: does not belong to model deep_linear"),
    BAD("sweep: {network.gamma0: [1, 2]}\n", "run.yaml:5:25: sweep: is for dmft sweep: one run has one value of each setting"),
    BAD("sweep: {}\n", "run.yaml: training.learning_rate is missing: a number in (0, inf)"),
};

START_TEST(errors_name_the_place)
{
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_error err = {0};
    int status = parse(&config, mistakes[_i].sweep, &err);
    if (status == 0) status = dmft_problem_create(&problem, config, &err);
    ck_assert_msg(status == mistakes[_i].status, "%d %s", status, err.text);
    ck_assert_str_eq(err.text, mistakes[_i].line);
    ck_assert_ptr_null(problem);
    dmft_config_free(config);
}
END_TEST

START_TEST(a_sweep_needs_a_section_a_model_and_steps)
{
    static const struct {
        const char *text, *line;
    } cases[] = {{"model: deep_linear\n", "run.yaml: there is no section sweep: a list of values of a setting, by its dotted key"},
                 {"sweep: {network.gamma0: [1]}\n", "run.yaml: model is missing: one of deep_linear | mlp | "},
                 {"model: deep_linear\nsweep: {network.gamma0: [1]}\n", "run.yaml: training.steps is missing: an integer in [1, 10000000]"},
                 {"model: low_degree_filter\nsweep: {network.kept: [1]}\n", "run.yaml: network.depth is missing: an integer in [1, 64]"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dmft_config *config = NULL;
        dmft_sweep *s = NULL;
        dmft_error err = {0};
        ck_assert_int_eq(dmft_config_parse(&config, cases[i].text, strlen(cases[i].text), "run.yaml", NULL), 0);
        ck_assert_int_eq(dmft_sweep_create(&s, config, &err), DMFT_ERROR_CONFIG);
        ck_assert_int_eq(strncmp(err.text, cases[i].line, strlen(cases[i].line)), 0);
        ck_assert_ptr_null(s);
        dmft_config_free(config);
    }
}
END_TEST

/* ---- Results ---- */

static const char *path, *other;

static void make_paths(void)
{
    make_folder();
    path = in_folder("sweep.h5");
    other = in_folder("other.h5");
}

/* A result of `rows` rows, with errors or not, that depends on the point. */
static dmft_trajectory *result_of(size_t point, size_t rows, int errors)
{
    dmft_trajectory *t = NULL;
    double *step, *loss;
    ck_assert_int_eq(trajectory_create(&t, rows, NULL), 0);
    ck_assert_int_eq(trajectory_add(t, &step, TRAJECTORY_SHOWN, NULL, "step"), 0);
    ck_assert_int_eq(trajectory_add(t, &loss, errors ? TRAJECTORY_ERRORS : 0, NULL, "test_loss"), 0);
    for (size_t i = 0; i < rows; i++) {
        step[i] = (double)i;
        loss[i] = (double)(100 * point + i) / 3;
        if (errors) t->series[1].error[i] = 0.5 * (double)point;
    }
    if (point == 3) ck_assert_int_eq(trajectory_add(t, NULL, TRAJECTORY_SHOWN, NULL, "of_point_3"), 0);
    ck_assert_int_eq(trajectory_set_number(t, (double)point + 0.1, NULL, "A0_escape_time1"), 0);
    ck_assert_int_eq(trajectory_set_number(t, 1e9, NULL, "outlier_seconds"), 0);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "kind", "theory", NULL), 0);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "model", "deep_linear", NULL), 0);
    return t;
}

static const char two_axes[] = "sweep:\n  network.parameterization: [mup, ntk]\n  training.learning_rate: [0.1, 0.2, 0.3]\n";

/* Points 0 to 3 are done, 2 diverged after one row; 4 is refused; 5 is missing. */
static dmft_sweep *sample_sweep(void)
{
    dmft_sweep *s = NULL;
    dmft_config *config = parsed(two_axes);
    dmft_error err = {0};
    ck_assert_int_eq(dmft_sweep_create(&s, config, &err), 0);
    dmft_config_free(config);
    for (size_t i = 0; i < 4; i++) {
        dmft_trajectory *t = result_of(i, i == 2 ? 1 : 2, i == 1);
        if (i == 2) t->diverged_at = 1;
        ck_assert_msg(dmft_sweep_enter(s, i, t, &err) == 0, "%s", err.text);
        dmft_trajectory_free(t);
    }
    ck_assert_int_eq(dmft_sweep_fail(s, 4, DMFT_POINT_REFUSED, "first", NULL), 0);
    ck_assert_int_eq(dmft_sweep_fail(s, 4, DMFT_POINT_REFUSED, "network.depth: too deep \xe9", NULL), 0);
    return s;
}

/* `rows`: 3 as it is made, 2 as it is read: rows that no point has are not written. */
static void expect_sample(const dmft_sweep *s, size_t rows)
{
    static const int status[] = {0, 0, DMFT_POINT_DIVERGED, 0, DMFT_POINT_REFUSED, DMFT_POINT_MISSING};
    const double *loss = dmft_sweep_series(s, "test_loss"), *e = dmft_sweep_errors(s, "test_loss"), *escape = dmft_sweep_numbers(s, "A0_escape_time1");
    ck_assert_uint_eq(dmft_sweep_points(s), 6);
    ck_assert_uint_eq(dmft_sweep_rows(s), rows);
    ck_assert_uint_eq(dmft_sweep_series_count(s), 3);
    ck_assert_str_eq(dmft_sweep_series_name(s, 2), "of_point_3");
    ck_assert_int_eq(dmft_sweep_series_shown(s, 0), 1);
    ck_assert_int_eq(dmft_sweep_series_shown(s, 1), 0);
    for (size_t p = 0; p < 6; p++) {
        long has = p == 2 ? 1 : p < 4 ? 2 : 0;
        ck_assert_int_eq(dmft_sweep_status(s, p), status[p]);
        ck_assert_int_eq(dmft_sweep_steps(s, p), has);
        ck_assert_int_eq(dmft_sweep_diverged_at(s, p), p == 2 ? 1 : -1);
        ck_assert_str_eq(dmft_sweep_message(s, p), p == 4 ? "network.depth: too deep \\xe9" : "");
        ck_assert_uint_eq(dmft_sweep_index(s, 0, p), p / 3);
        ck_assert_uint_eq(dmft_sweep_index(s, 1, p), p % 3);
        ck_assert(p < 4 ? escape[p] == (double)p + 0.1 : isnan(escape[p]));
        for (size_t i = 0; i < rows; i++) {
            double value = loss[p * rows + i];
            ck_assert((long)i < has ? value == (double)(100 * p + i) / 3 : isnan(value));
            ck_assert(p == 1 && (long)i < has ? e[p * rows + i] == 0.5 : isnan(e[p * rows + i]));
        }
    }
    ck_assert_ptr_null(dmft_sweep_numbers(s, "outlier_seconds"));
    ck_assert_ptr_null(dmft_sweep_errors(s, "step"));
    ck_assert_ptr_null(dmft_sweep_series(s, "nothing"));
    ck_assert_ptr_null(dmft_sweep_text(s, "nothing"));
    ck_assert_str_eq(dmft_sweep_axis_text(s, 0, 1), "ntk");
    ck_assert_str_eq(dmft_sweep_axis_text(s, 1, 2), "0.3");
    ck_assert(dmft_sweep_axis_numbers(s, 1)[2] == 0.3);
    ck_assert_str_eq(dmft_sweep_text(s, "kind"), "theory");
    ck_assert_ptr_nonnull(strstr(dmft_sweep_text(s, "config"), "sweep:\n  network.parameterization: [mup, ntk]\n  training.learning_rate: [0.1, 0.2, 0.3]\n"));
    ck_assert_ptr_null(strstr(dmft_sweep_text(s, "config"), "parameterization: mup"));
}

START_TEST(a_sweep_is_written_and_read)
{
    dmft_sweep *s = sample_sweep(), *read = NULL;
    dmft_error err = {0};
    expect_sample(s, 3);
    ck_assert_msg(dmft_sweep_write(s, path, 0, &err) == 0, "%s", err.text);
    ck_assert_int_eq(dmft_sweep_write(s, path, 0, &err), DMFT_ERROR_EXISTS);
    ck_assert_msg(dmft_sweep_read(&read, path, &err) == 0, "%s", err.text);
    expect_sample(read, 2);
    dmft_sweep_free(s);
    ck_assert_int_eq(dmft_sweep_write(read, other, 0, NULL), 0);
    dmft_sweep_free(read);
    ck_assert_int_eq(dmft_sweep_read(&read, other, NULL), 0);
    expect_sample(read, 2);
    dmft_sweep_free(read);
    dmft_sweep_free(NULL);
}
END_TEST

START_TEST(a_sweep_of_failures_is_a_file)
{
    dmft_config *config = parsed("sweep: {training.learning_rate: [1]}\n");
    dmft_sweep *s = NULL, *read = NULL;
    ck_assert_int_eq(dmft_sweep_create(&s, config, NULL), 0);
    ck_assert_int_eq(dmft_sweep_fail(s, 0, DMFT_POINT_FAILED, "no", NULL), 0);
    ck_assert_int_eq(dmft_sweep_write(s, path, 0, NULL), 0);
    ck_assert_int_eq(dmft_sweep_read(&read, path, NULL), 0);
    ck_assert_uint_eq(dmft_sweep_rows(read), 0);
    ck_assert_str_eq(dmft_sweep_message(read, 0), "no");
    dmft_sweep_free(s);
    dmft_sweep_free(read);
    dmft_config_free(config);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    dmft_sweep *s = sample_sweep();
    dmft_error err = {0};
    dmft_trajectory *long_one = result_of(0, 4, 0), *fits = result_of(0, 2, 0);
    ck_assert_int_eq(dmft_sweep_enter(s, 0, long_one, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(err.text, "a point must have at most 3 rows, got 4");
    ck_assert_int_eq(dmft_sweep_enter(s, 6, fits, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_str_eq(err.text, "point must be below the number of points of the sweep, 6, got 6");
    ck_assert_int_eq(dmft_sweep_fail(s, 0, DMFT_POINT_DIVERGED, "", &err), DMFT_ERROR_ARGUMENT);
    expect_sample(s, 3);
    ck_assert_int_eq(dmft_sweep_status(s, 6), DMFT_POINT_MISSING);
    ck_assert_str_eq(dmft_point_text(DMFT_POINT_DIVERGED), "diverged");
    ck_assert_str_eq(dmft_point_text(17), "unknown");
    dmft_trajectory_free(long_one);
    dmft_trajectory_free(fits);
    dmft_sweep_free(s);
}
END_TEST

/* Of another kind, in one line that names the file; the output is left alone. */
START_TEST(the_two_kinds_of_files_are_told_apart)
{
    dmft_sweep *s = sample_sweep(), *no_sweep = NULL;
    dmft_trajectory *t = result_of(0, 2, 0), *no_run = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_sweep_write(s, path, 0, NULL), 0);
    ck_assert_int_eq(dmft_trajectory_write(t, other, 0, NULL), 0);
    ck_assert_int_eq(dmft_trajectory_read(&no_run, path, &err), DMFT_ERROR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "sweep.h5: a sweep, where the result of one run is asked for"));
    ck_assert_int_eq(dmft_sweep_read(&no_sweep, other, &err), DMFT_ERROR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "other.h5: the result of one run, where a sweep is asked for"));
    ck_assert(no_run == NULL && no_sweep == NULL);
    ck_assert_int_eq(result_read(&no_run, &no_sweep, other, &err), 0);
    ck_assert(no_run != NULL && no_sweep == NULL);
    dmft_trajectory_free(no_run);
    ck_assert_int_eq(result_read(&no_run, &no_sweep, path, &err), 0);
    ck_assert(no_run == NULL && no_sweep != NULL);
    dmft_sweep_free(no_sweep);
    dmft_sweep_free(s);
    dmft_trajectory_free(t);
}
END_TEST

static size_t size_of(const char *name)
{
    struct stat there;
    ck_assert_int_eq(stat(name, &there), 0);
    return (size_t)there.st_size;
}

static void expect_unreadable(const char *name, int status)
{
    dmft_error err = {0};
    dmft_sweep *s = NULL;
    int got = dmft_sweep_read(&s, name, &err);
    ck_assert_msg(got == status, "status %d (%s), wanted %d", got, err.text, status);
    ck_assert_ptr_nonnull(strstr(err.text, name));
    ck_assert_ptr_null(s);
}

START_TEST(truncated_files_are_refused)
{
    dmft_sweep *s = sample_sweep();
    ck_assert_int_eq(dmft_sweep_write(s, path, 0, NULL), 0);
    dmft_sweep_free(s);
    size_t whole = size_of(path);
    for (size_t length = whole - 33; length > 0; length -= length > 97 ? 97 : length) { /* the last 32 bytes are the seal, which others' files lack */
        ck_assert_int_eq(truncate(path, (off_t)length), 0);
        expect_unreadable(path, DMFT_ERROR_READ);
    }
}
END_TEST

/* Each change makes the file one that cannot be a sweep. The seal goes with the first of them, as when another program changes the file. */
static void change(hid_t file, int which)
{
    long value = which == 0 ? 7 : which == 1 ? 0 : which == 2 ? 9 : 1;
    static const char *const name[] = {"points", "points", "rows", "format_version"};
    static const char *const links[] = {"axes", "axes/training.learning_rate", "points/status", "points", "series", "numbers", "texts", "errors"};
    if (which < 4) {
        hid_t attribute = H5Aopen(file, name[which], H5P_DEFAULT);
        if (which == 3) value = 2;
        ck_assert(H5Awrite(attribute, H5T_NATIVE_LONG, &value) >= 0 && H5Aclose(attribute) >= 0);
    } else if (which == 6) { /* an outcome that there is not */
        long status[6] = {0, 0, 0, 0, 0, 5};
        hid_t set = H5Dopen2(file, "points/status", H5P_DEFAULT);
        ck_assert(H5Dwrite(set, H5T_NATIVE_LONG, H5S_ALL, H5S_ALL, H5P_DEFAULT, status) >= 0 && H5Dclose(set) >= 0);
    } else
        ck_assert(H5Ldelete(file, links[which - 4], H5P_DEFAULT) >= 0);
}

START_TEST(changed_files_are_refused)
{
    dmft_sweep *s = sample_sweep(), *read = NULL;
    ck_assert_int_eq(dmft_sweep_write(s, path, 0, NULL), 0);
    dmft_sweep_free(s);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert(file >= 0);
    change(file, _i);
    ck_assert(H5Fclose(file) >= 0);
    dmft_error err = {0};
    int status = dmft_sweep_read(&read, path, &err);
    ck_assert_msg(status == DMFT_ERROR_READ || status == DMFT_ERROR_FORMAT, "%d: status %d (%s)", _i, status, err.text);
    ck_assert_ptr_null(read);
}
END_TEST

/* ---- Allocations that fail ---- */

enum { MOST_ALLOCATIONS = 3000 };

/* Does something until no allocation fails; each failure is an error, and leaves nothing behind (the sanitizers see to that). What is worked on
 * asserts nothing: Check's own allocations are counted too. `harmless`: some may fail without harm, such as that of bringing a folder to the disk. */
static void expect_all_failures(int (*work)(void), int harmless)
{
    for (long n = 1; n < MOST_ALLOCATIONS; n++) {
        allocation_fail_at(n);
        int status = work(), failed = allocation_failed();
        allocation_fail_at(0);
        ck_assert_msg(failed ? status < harmless : status == 0, "allocation %ld: status %d", n, status);
        if (!failed) return;
    }
    ck_assert_msg(0, "more than %d allocations", MOST_ALLOCATIONS);
}

static int make_a_problem(void)
{
    static const char sweep[] = "sweep:\n  network.weight_variance: [1, [1, 2, 3]]\n  training.learning_rate: {log: [0.1, 0.2, 3]}\n";
    dmft_config *config = NULL, *one = NULL;
    dmft_problem *problem = NULL;
    int status = parse(&config, sweep, NULL);
    if (status == 0) status = dmft_config_set(config, "sweep.training.learning_rate", "[0.3]", NULL);
    if (status == 0) status = dmft_config_point(&one, config, 1, NULL);
    if (status == 0) status = dmft_problem_create(&problem, one, NULL);
    int fits = (status == 0) == (problem != NULL);
    dmft_problem_free(problem);
    dmft_config_free(one);
    dmft_config_free(config);
    return fits ? status : 99;
}

START_TEST(configurations_lack_memory) { expect_all_failures(make_a_problem, 0); }
END_TEST

static dmft_config *some_config;
static dmft_trajectory *some_result;

static int fill_a_sweep(void)
{
    dmft_sweep *s = NULL;
    int status = dmft_sweep_create(&s, some_config, NULL);
    if (status == 0) status = dmft_sweep_enter(s, 1, some_result, NULL);
    if (status == 0) status = dmft_sweep_fail(s, 2, DMFT_POINT_FAILED, "why", NULL);
    dmft_sweep_free(s);
    return status;
}

static dmft_sweep *some_sweep;

static int write_a_sweep(void) { return dmft_sweep_write(some_sweep, path, 1, NULL); }

static int read_a_sweep(void)
{
    dmft_sweep *s = NULL;
    int status = dmft_sweep_read(&s, path, NULL);
    int fits = (status == 0) == (s != NULL);
    dmft_sweep_free(s);
    return fits ? status : 99;
}

START_TEST(results_lack_memory)
{
    some_config = parsed(two_axes);
    some_result = result_of(1, 2, 1);
    some_sweep = sample_sweep();
    expect_all_failures(fill_a_sweep, 0);
    expect_all_failures(write_a_sweep, 1);
    expect_all_failures(read_a_sweep, 0);
    dmft_sweep_free(some_sweep);
    dmft_trajectory_free(some_result);
    dmft_config_free(some_config);
}
END_TEST

Suite *suite_sweep(void)
{
    Suite *suite = suite_create("sweep");
    TCase *grids = tcase_create("grids"), *results = tcase_create("results"), *memory = tcase_create("memory");
    tcase_add_checked_fixture(results, make_paths, remove_folder);
    tcase_add_checked_fixture(memory, make_paths, remove_folder);
    suite_add_tcase(suite, grids);
    suite_add_tcase(suite, results);
    suite_add_tcase(suite, memory);
    tcase_add_test(grids, the_last_axis_runs_fastest);
    tcase_add_test(grids, ranges_have_exact_ends);
    tcase_add_test(grids, ranges_end_where_they_are_told_to);
    tcase_add_test(grids, axes_are_numbers_words_and_lists);
    tcase_add_test(grids, an_axis_can_be_set);
    tcase_add_loop_test(grids, errors_name_the_place, 0, sizeof mistakes / sizeof *mistakes);
    tcase_add_test(grids, a_sweep_needs_a_section_a_model_and_steps);
    tcase_add_test(results, a_sweep_is_written_and_read);
    tcase_add_test(results, a_sweep_of_failures_is_a_file);
    tcase_add_test(results, what_does_not_fit_is_refused);
    tcase_add_test(results, the_two_kinds_of_files_are_told_apart);
    tcase_add_test(results, truncated_files_are_refused);
    tcase_add_loop_test(results, changed_files_are_refused, 0, 12);
    tcase_add_test(memory, configurations_lack_memory);
    tcase_add_test(memory, results_lack_memory);
    return suite;
}
