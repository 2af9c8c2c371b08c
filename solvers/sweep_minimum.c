/* dmft show SWEEP --minimum KEY: for every combination of the other axes, the value of KEY at which a series is least: the vertex of the parabola in
 * log(KEY) through the lowest point and its two neighbours, and the series at the lowest point (a loss may fall so steeply that the parabola
 * is below zero). What diverged or failed counts as infinite. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sweep_result.h"

struct minimum {
    double key, value;
    const char *note; /* NULL: there is one, inside of the grid */
};

/* A grid without the axis `axis`: its lines along that axis. */
struct lines {
    const dmft_sweep *s;
    const double *series;
    size_t axis, count, stride; /* values along the axis; points from one to the next */
    long step;
};

static double at(const struct lines *l, size_t start, size_t k)
{
    size_t point = start + k * l->stride;
    double value = dmft_sweep_status(l->s, point) == DMFT_POINT_DONE ? sweep_value(l->s, l->series, point, l->step) : INFINITY;
    return isnan(value) ? INFINITY : value;
}

/* The vertex of the parabola through three points of which the middle one is lowest. */
static struct minimum vertex(const double x[3], const double y[3])
{
    double left = (y[1] - y[0]) / (x[1] - x[0]), right = (y[2] - y[1]) / (x[2] - x[1]), bend = (right - left) / (x[2] - x[0]);
    double slope = left + bend * (x[1] - x[0]), shift = bend > 0.0 ? -slope / (2.0 * bend) : 0.0; /* no bend: all three are the same */
    return (struct minimum){exp(x[1] + shift), y[1], NULL};
}

static struct minimum find_minimum(const struct lines *l, size_t start)
{
    const double *key = dmft_sweep_axis_numbers(l->s, l->axis);
    size_t k = 0;
    for (size_t i = 1; i < l->count; i++)
        if (at(l, start, i) < at(l, start, k)) k = i;
    double lowest = at(l, start, k);
    if (isinf(lowest)) return (struct minimum){NAN, NAN, "no point has a number"};
    if (k == 0 || k + 1 == l->count) return (struct minimum){NAN, lowest, "the lowest point is at the border of the grid"};
    const double x[3] = {log(key[k - 1]), log(key[k]), log(key[k + 1])}, y[3] = {at(l, start, k - 1), lowest, at(l, start, k + 1)};
    if (isinf(y[0]) || isinf(y[2])) return (struct minimum){NAN, lowest, "the lowest point is beside one without a number"};
    return vertex(x, y);
}

/* ---- print ---- */

static void print_cell(const options *o, const char *text, int width)
{
    if (options_given(o, OPTION_csv)) {
        sweep_csv_cell(text);
        (void)putchar(',');
    } else
        (void)printf("%*s  ", width, text);
}

static void print_number_cell(const options *o, double value, int width)
{
    char text[32] = "nan";
    if (!isnan(value)) (void)snprintf(text, sizeof text, options_given(o, OPTION_csv) ? "%.12g" : "%.6g", value);
    print_cell(o, text, width);
}

static int width_of(const char *name) { return strlen(name) > 12 ? (int)strlen(name) : 12; }

static void print_header(const options *o, const struct lines *l, const char *series)
{
    const char *key = dmft_sweep_axis_key(l->s, l->axis);
    for (size_t i = 0; i < dmft_sweep_axes(l->s); i++)
        if (i != l->axis) print_cell(o, dmft_sweep_axis_key(l->s, i), width_of(dmft_sweep_axis_key(l->s, i)));
    print_cell(o, key, width_of(key));
    print_cell(o, series, width_of(series));
    (void)puts("note");
}

static void print_line(const options *o, const struct lines *l, const char *series, size_t start, const struct minimum *m)
{
    for (size_t i = 0; i < dmft_sweep_axes(l->s); i++)
        if (i != l->axis)
            print_cell(o, dmft_sweep_axis_text(l->s, i, dmft_sweep_index(l->s, i, start)), width_of(dmft_sweep_axis_key(l->s, i)));
    print_number_cell(o, m->key, width_of(dmft_sweep_axis_key(l->s, l->axis)));
    print_number_cell(o, m->value, width_of(series));
    (void)puts(m->note != NULL ? m->note : "");
}

/* Positive numbers that rise or fall. */
static int check_axis(const dmft_sweep *s, size_t axis)
{
    const double *key = dmft_sweep_axis_numbers(s, axis);
    size_t count = dmft_sweep_axis_count(s, axis), rising = 0, falling = 0;
    int positive = key != NULL;
    for (size_t k = 0; positive && k < count; k++) positive = key[k] > 0.0;
    for (size_t k = 1; positive && k < count; k++) {
        rising += key[k] > key[k - 1];
        falling += key[k] < key[k - 1];
    }
    if (positive && count >= 3 && (rising + 1 == count || falling + 1 == count)) return STATUS_DONE;
    return program_error(STATUS_USAGE, "show: --minimum: the values of %s must be three numbers or more above 0 that rise or fall",
                         dmft_sweep_axis_key(s, axis));
}

int sweep_show_minimum(const options *o, const dmft_sweep *s, long step)
{
    const char *series = options_given(o, OPTION_series) ? o->value[OPTION_series] : "test_loss";
    size_t axis = sweep_find_axis(o, s, o->value[OPTION_minimum]);
    if (options_given(o, OPTION_json)) return program_error(STATUS_USAGE, "show: --minimum prints a table or --csv");
    if (axis == dmft_sweep_axes(s) || !sweep_has_series(o, s, series, strlen(series)) || check_axis(s, axis) != STATUS_DONE) return STATUS_USAGE;
    struct lines l = {.s = s, .series = dmft_sweep_series(s, series), .axis = axis, .count = dmft_sweep_axis_count(s, axis), .step = step};
    l.stride = sweep_stride(s, axis);
    double smallest = INFINITY, largest = 0.0;
    int whole = 1;
    print_header(o, &l, series);
    for (size_t i = 0; i < dmft_sweep_points(s) / l.count; i++) {
        size_t start = sweep_line_start(s, axis, i);
        struct minimum m = find_minimum(&l, start);
        print_line(o, &l, series, start, &m);
        whole = whole && !isnan(m.key);
        smallest = fmin(smallest, m.key);
        largest = fmax(largest, m.key);
    }
    (void)printf("# largest/smallest %s: ", dmft_sweep_axis_key(s, axis));
    if (largest > 0.0)
        (void)printf("%.6g%s\n", largest / smallest, whole ? "" : " (of those that are known)");
    else
        (void)puts("nan");
    return STATUS_DONE;
}
