/* dmft show of a sweep: one row a point, with the values of its axes, its outcome, series at one step, and numbers of the points; as a table, CSV or JSON. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/json.h"
#include "io/result_hdf5.h"
#include "io/sweep.h"
#include "sweep_result.h"

/* ---- what showing and drawing share ---- */

int sweep_read_either(dmft_trajectory **run, dmft_sweep **sweep, const char *path)
{
    dmft_error err;
    size_t length = strlen(path);
    *run = NULL;
    *sweep = NULL;
    if (length > 4 && strcmp(path + length - 4, ".csv") == 0) return program_read(run, path);
    int status = result_read(run, sweep, path, &err);
    return status == DMFT_OK ? STATUS_DONE : program_failed(status, &err);
}

int sweep_read_step(const options *o, long *step)
{
    double number = -1;
    if (options_given(o, OPTION_step) && options_number(o, OPTION_step, 0, 10000000, 1, &number) != 0) return STATUS_USAGE;
    *step = (long)number;
    return STATUS_DONE;
}

double sweep_value(const dmft_sweep *s, const double *series, size_t point, long step)
{
    long row = step >= 0 ? step : dmft_sweep_steps(s, point) - 1;
    return series != NULL && row >= 0 && row < dmft_sweep_steps(s, point) ? series[point * dmft_sweep_rows(s) + (size_t)row] : NAN;
}

size_t sweep_find_axis(const options *o, const dmft_sweep *s, const char *key)
{
    size_t axes = dmft_sweep_axes(s), nearest = 0, least = SIZE_MAX;
    for (size_t i = 0; i < axes; i++) {
        size_t distance = text_distance(key, strlen(key), dmft_sweep_axis_key(s, i));
        if (distance == 0) return i;
        if (distance < least) nearest = i;
        if (distance < least) least = distance;
    }
    (void)program_error(STATUS_USAGE, "%s: no axis '%s'; the nearest of the %zu there are is '%s'", options_command(o), key, axes,
                        dmft_sweep_axis_key(s, nearest));
    return axes;
}

size_t sweep_stride(const dmft_sweep *s, size_t axis)
{
    size_t stride = 1;
    for (size_t i = axis + 1; i < dmft_sweep_axes(s); i++) stride *= dmft_sweep_axis_count(s, i);
    return stride;
}

size_t sweep_line_start(const dmft_sweep *s, size_t axis, size_t i)
{
    size_t stride = sweep_stride(s, axis);
    return i / stride * stride * dmft_sweep_axis_count(s, axis) + i % stride;
}

int sweep_has_series(const options *o, const dmft_sweep *s, const char *name, size_t length)
{
    size_t nearest = 0, least = SIZE_MAX, count = dmft_sweep_series_count(s);
    for (size_t i = 0; i < count && least > 0; i++) {
        size_t distance = text_distance(name, length, dmft_sweep_series_name(s, i));
        if (distance < least) nearest = i;
        if (distance < least) least = distance;
    }
    if (least == 0) return 1;
    (void)program_error(STATUS_USAGE, "%s: no series '%.*s'%s%s%s", options_command(o), (int)length, name, count > 0 ? "; the nearest is '" : "",
                        count > 0 ? dmft_sweep_series_name(s, nearest) : "", count > 0 ? "'" : "");
    return 0;
}

void sweep_csv_cell(const char *text)
{
    const char *quote = strchr(text, ',') != NULL ? "\"" : "";
    (void)printf("%s%s%s", quote, text, quote);
}

/* ---- columns ---- */

enum { NAME = 96 };

struct column {
    char name[NAME];
    const double *value; /* of a series or its errors, or a number of each point */
    const double *series; /* of errors: what they belong to */
    int is_number;        /* one a point, such as critical_step_size */
};

struct table {
    const dmft_sweep *s;
    const options *o;
    long step;
    int errors;
    struct column *column; /* series and errors */
    size_t columns;
};

static void add_column(struct table *t, const char *name, size_t length)
{
    struct column *c = &t->column[t->columns++];
    (void)snprintf(c->name, sizeof c->name, "%.*s", (int)length, name);
    c->value = dmft_sweep_series(t->s, c->name);
    c->is_number = c->value == NULL;
    if (c->is_number) c->value = dmft_sweep_numbers(t->s, c->name);
    int exact = trajectory_is_place(c->name);
    if (!t->errors || exact) return;
    struct column *e = &t->column[t->columns++];
    *e = (struct column){.value = dmft_sweep_errors(t->s, c->name), .series = c->value, .is_number = c->is_number};
    (void)snprintf(e->name, sizeof e->name, "%.64s_se", c->name);
    if (e->is_number) e->value = dmft_sweep_numbers(t->s, e->name);
}

static int has_number(const dmft_sweep *s, const char *name, size_t length)
{
    char key[NAME];
    return length < NAME && snprintf(key, sizeof key, "%.*s", (int)length, name) > 0 && dmft_sweep_numbers(s, key) != NULL;
}

static int choose_columns(struct table *t)
{
    const char *names = t->o->value[OPTION_series];
    size_t most = dmft_sweep_series_count(t->s) + 1;
    for (const char *c = names != NULL ? names : ""; *c != '\0'; c++) most += *c == ',';
    t->column = calloc(2 * most, sizeof *t->column);
    if (t->column == NULL) return program_error(STATUS_FAILED, "show: out of memory");
    for (size_t i = 0; names == NULL && i < dmft_sweep_series_count(t->s); i++) {
        const char *name = dmft_sweep_series_name(t->s, i);
        if (dmft_sweep_series_shown(t->s, i)) add_column(t, name, strlen(name));
    }
    for (const char *at = names; at != NULL;) {
        size_t length = strcspn(at, ",");
        if (!has_number(t->s, at, length) && !sweep_has_series(t->o, t->s, at, length)) return STATUS_USAGE;
        add_column(t, at, length);
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return STATUS_DONE;
}

static double value_at(const struct table *t, const struct column *c, const double *value, size_t point)
{
    return c->is_number ? value[point] : sweep_value(t->s, value, point, t->step);
}

/* What is exact has the error 0, what has no value has none. */
static double cell_value(const struct table *t, const struct column *c, size_t point)
{
    if (c->series == NULL) return value_at(t, c, c->value, point);
    if (isnan(value_at(t, c, c->series, point))) return NAN;
    return c->value == NULL ? 0.0 : value_at(t, c, c->value, point);
}

/* ---- text ---- */

static void print_number(double value, int width, int digits)
{
    if (isnan(value))
        (void)printf("%*s", width, "nan");
    else
        (void)printf("%*.*g", width, digits, value);
}

static double diverged_at(const dmft_sweep *s, size_t point)
{
    long step = dmft_sweep_diverged_at(s, point);
    return step >= 0 ? (double)step : NAN;
}

static void print_csv(const struct table *t)
{
    for (size_t i = 0; i < dmft_sweep_axes(t->s); i++) (void)printf("%s,", dmft_sweep_axis_key(t->s, i));
    (void)printf("status,diverged_at");
    for (size_t c = 0; c < t->columns; c++) (void)printf(",%s", t->column[c].name);
    for (size_t p = 0; p < dmft_sweep_points(t->s); p++) {
        (void)putchar('\n');
        for (size_t i = 0; i < dmft_sweep_axes(t->s); i++) {
            sweep_csv_cell(dmft_sweep_axis_text(t->s, i, dmft_sweep_index(t->s, i, p)));
            (void)putchar(',');
        }
        (void)printf("%d,", dmft_sweep_status(t->s, p));
        print_number(diverged_at(t->s, p), 0, 12);
        for (size_t c = 0; c < t->columns; c++) {
            (void)putchar(',');
            print_number(cell_value(t, &t->column[c], p), 0, 12);
        }
    }
    (void)putchar('\n');
}

static int width_of(const char *name) { return strlen(name) > 12 ? (int)strlen(name) : 12; }

/* A value of an axis to six digits, where it is a number. */
static void print_axis_cell(const dmft_sweep *s, size_t axis, size_t point)
{
    size_t index = dmft_sweep_index(s, axis, point);
    int width = width_of(dmft_sweep_axis_key(s, axis));
    const double *number = dmft_sweep_axis_numbers(s, axis);
    if (number != NULL)
        print_number(number[index], width, 6);
    else
        (void)printf("%*s", width, dmft_sweep_axis_text(s, axis, index));
    (void)fputs("  ", stdout);
}

static void print_aligned(const struct table *t)
{
    for (size_t i = 0; i < dmft_sweep_axes(t->s); i++) (void)printf("%*s  ", width_of(dmft_sweep_axis_key(t->s, i)), dmft_sweep_axis_key(t->s, i));
    (void)printf("%8s  %11s", "status", "diverged_at");
    for (size_t c = 0; c < t->columns; c++) (void)printf("  %*s", width_of(t->column[c].name), t->column[c].name);
    for (size_t p = 0; p < dmft_sweep_points(t->s); p++) {
        (void)putchar('\n');
        for (size_t i = 0; i < dmft_sweep_axes(t->s); i++) print_axis_cell(t->s, i, p);
        (void)printf("%8s  ", dmft_point_text(dmft_sweep_status(t->s, p)));
        print_number(diverged_at(t->s, p), 11, 12);
        for (size_t c = 0; c < t->columns; c++) {
            (void)fputs("  ", stdout);
            print_number(cell_value(t, &t->column[c], p), width_of(t->column[c].name), 6);
        }
    }
    (void)putchar('\n');
}

/* ---- JSON ---- */

static void json_axis_value(const dmft_sweep *s, size_t axis, size_t index)
{
    const double *number = dmft_sweep_axis_numbers(s, axis);
    if (number != NULL)
        json_number(stdout, number[index], 17);
    else
        json_text(stdout, dmft_sweep_axis_text(s, axis, index));
}

static void json_axes(const dmft_sweep *s)
{
    int count = 0;
    (void)putchar('{');
    for (size_t i = 0; i < dmft_sweep_axes(s); i++) {
        json_key(stdout, &count, dmft_sweep_axis_key(s, i), "    ");
        (void)putchar('[');
        for (size_t k = 0; k < dmft_sweep_axis_count(s, i); k++) {
            if (k > 0) (void)fputs(", ", stdout);
            json_axis_value(s, i, k);
        }
        (void)putchar(']');
    }
    (void)fputs("\n  }", stdout);
}

static void json_columns(const struct table *t)
{
    (void)putchar('[');
    for (size_t i = 0; i < dmft_sweep_axes(t->s); i++) {
        json_text(stdout, dmft_sweep_axis_key(t->s, i));
        (void)fputs(", ", stdout);
    }
    (void)fputs("\"status\", \"diverged_at\"", stdout);
    for (size_t c = 0; c < t->columns; c++) (void)printf(", \"%s\"", t->column[c].name);
    (void)putchar(']');
}

static void json_rows(const struct table *t)
{
    (void)putchar('[');
    for (size_t p = 0; p < dmft_sweep_points(t->s); p++) {
        (void)fputs(p > 0 ? ",\n    [" : "\n    [", stdout);
        for (size_t i = 0; i < dmft_sweep_axes(t->s); i++) {
            json_axis_value(t->s, i, dmft_sweep_index(t->s, i, p));
            (void)fputs(", ", stdout);
        }
        (void)printf("%d, ", dmft_sweep_status(t->s, p));
        json_number(stdout, diverged_at(t->s, p), 17);
        for (size_t c = 0; c < t->columns; c++) {
            (void)fputs(", ", stdout);
            json_number(stdout, cell_value(t, &t->column[c], p), 12);
        }
        (void)putchar(']');
    }
    (void)fputs("\n  ]", stdout);
}

/* Those of the points by name, in the order of the rows. */
static void json_numbers(const dmft_sweep *s)
{
    int count = 0;
    (void)putchar('{');
    for (size_t i = 0; i < s->facts->series_count; i++) {
        json_key(stdout, &count, s->facts->series[i].name, "    ");
        (void)putchar('[');
        for (size_t p = 0; p < dmft_sweep_points(s); p++) {
            if (p > 0) (void)fputs(", ", stdout);
            json_number(stdout, s->facts->series[i].value[p], 17);
        }
        (void)putchar(']');
    }
    (void)fputs("\n  }", stdout);
}

static void json_messages(const dmft_sweep *s)
{
    int count = 0;
    (void)putchar('{');
    for (size_t p = 0; p < dmft_sweep_points(s); p++) {
        char name[32];
        if (dmft_sweep_message(s, p)[0] == '\0') continue;
        (void)snprintf(name, sizeof name, "%zu", p);
        json_key(stdout, &count, name, "    ");
        json_text(stdout, dmft_sweep_message(s, p));
    }
    (void)fputs("\n  }", stdout);
}

static void print_json(const struct table *t)
{
    int count = 0;
    (void)putchar('{');
    json_key(stdout, &count, "kind", "  ");
    json_text(stdout, "sweep");
    json_key(stdout, &count, "of", "  ");
    json_text(stdout, dmft_sweep_text(t->s, "kind"));
    json_key(stdout, &count, "model", "  ");
    json_text(stdout, dmft_sweep_text(t->s, "model"));
    json_key(stdout, &count, "axes", "  ");
    json_axes(t->s);
    json_key(stdout, &count, "columns", "  ");
    json_columns(t);
    json_key(stdout, &count, "rows", "  ");
    json_rows(t);
    json_key(stdout, &count, "numbers", "  ");
    json_numbers(t->s);
    json_key(stdout, &count, "messages", "  ");
    json_messages(t->s);
    json_key(stdout, &count, "parameters", "  ");
    json_parameters(stdout, dmft_sweep_text(t->s, "config"));
    (void)fputs("\n}\n", stdout);
}

/* ---- the command ---- */

static int check_step(const struct table *t)
{
    long last = -1;
    for (size_t p = 0; p < dmft_sweep_points(t->s); p++)
        if (dmft_sweep_steps(t->s, p) - 1 > last) last = dmft_sweep_steps(t->s, p) - 1;
    if (t->step <= last) return STATUS_DONE;
    return program_error(STATUS_USAGE, "show: %s: no point has a step %ld, the last is %ld", t->o->argument[0], t->step, last);
}

int sweep_show(const options *o, const dmft_sweep *s)
{
    struct table t = {.s = s, .o = o, .errors = options_given(o, OPTION_errors)};
    if (options_given(o, OPTION_kernel)) return program_error(STATUS_USAGE, "show: %s is a sweep, which holds no kernels", o->argument[0]);
    if (options_given(o, OPTION_matrix)) return program_error(STATUS_USAGE, "show: %s is a sweep, which holds no weight matrices", o->argument[0]);
    int status = sweep_read_step(o, &t.step);
    if (status == STATUS_DONE && options_given(o, OPTION_step)) status = check_step(&t);
    if (status != STATUS_DONE) return status;
    if (options_given(o, OPTION_minimum)) return sweep_show_minimum(o, s, t.step);
    status = choose_columns(&t);
    if (status == STATUS_DONE) {
        if (options_given(o, OPTION_json))
            print_json(&t);
        else if (options_given(o, OPTION_csv))
            print_csv(&t);
        else
            print_aligned(&t);
    }
    free(t.column);
    return status;
}
