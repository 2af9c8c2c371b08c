/* The results of a sweep: made of a grid, filled point by point, asked.
 *
 * Two trajectories hold the numbers: one whose rows are the points (a series there is a number of each), one whose rows are points x rows.
 * Memory: 8 bytes a point, row and series. */
#include "io/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "io/config.h"
#include "io/problem.h"

/* ---- made and freed ---- */

static void free_axis(struct sweep_axis *axis)
{
    for (size_t k = 0; axis->text != NULL && k < axis->count; k++) free(axis->text[k]);
    free(axis->key);
    free(axis->number);
    free(axis->text);
}

void dmft_sweep_free(dmft_sweep *s)
{
    if (s == NULL) return;
    for (size_t i = 0; s->axis != NULL && i < s->axes; i++) free_axis(&s->axis[i]);
    for (size_t i = 0; s->message != NULL && i < s->points; i++) free(s->message[i]);
    dmft_trajectory_free(s->facts);
    dmft_trajectory_free(s->table);
    free(s->axis);
    free(s->status);
    free(s->diverged_at);
    free(s->steps);
    free(s->message);
    free(s);
}

int sweep_make_axis(struct sweep_axis *axis, const char *key, size_t count, int numbers)
{
    *axis = (struct sweep_axis){.key = memory_string(key), .count = count, .text = calloc(count, sizeof *axis->text)};
    if (numbers) axis->number = memory_doubles(count);
    return axis->key != NULL && axis->text != NULL && (!numbers || axis->number != NULL);
}

int sweep_create(dmft_sweep **out, size_t axes, size_t points, size_t rows, dmft_error *err)
{
    dmft_sweep *s = calloc(1, sizeof *s);
    if (s == NULL) return error_memory(err, (double)sizeof *s);
    *s = (dmft_sweep){.points = points, .rows = rows, .axes = axes};
    s->axis = calloc(axes, sizeof *s->axis);
    s->status = malloc(points * sizeof *s->status);
    s->diverged_at = malloc(points * sizeof *s->diverged_at);
    s->steps = calloc(points, sizeof *s->steps);
    s->message = calloc(points, sizeof *s->message);
    int made = s->axis != NULL && s->status != NULL && s->diverged_at != NULL && s->steps != NULL && s->message != NULL;
    int status = made ? trajectory_create(&s->facts, points, err) : error_memory(err, 40.0 * (double)points);
    if (status == DMFT_OK) status = trajectory_create(&s->table, points * rows, err);
    for (size_t i = 0; made && i < points; i++) {
        s->status[i] = DMFT_POINT_MISSING;
        s->diverged_at[i] = -1;
    }
    if (status == DMFT_OK)
        *out = s;
    else
        dmft_sweep_free(s);
    return status;
}

/* The most rows that any point has; 0 when their number is nowhere. Every axis is put where it makes the most of them: what makes rows makes them by
 * itself, steps with flow or without. */
static size_t most_rows(const dmft_config *config)
{
    dmft_config at = *config; /* owns nothing */
    for (size_t i = 0; i < config->axes; i++) {
        const struct config_axis *axis = &config->axis[i];
        struct config_value *value = &at.value[axis->row - settings_table];
        size_t most = 0, best = 0;
        for (size_t k = 0; k < axis->count; k++) {
            *value = axis->value[k];
            size_t rows = problem_rows(&at);
            if (rows > most) best = k;
            if (rows > most) most = rows;
        }
        *value = axis->value[best];
    }
    return problem_rows(&at);
}

/* 0 when out of memory. */
static int fill_axis(struct sweep_axis *to, const struct config_axis *from)
{
    const struct setting *row = from->row;
    int numbers = row->type == TYPE_INTEGER || row->type == TYPE_REAL || row->type == TYPE_NUMBERS;
    for (size_t k = 0; k < from->count; k++) numbers = numbers && !from->value[k].list;
    int made = sweep_make_axis(to, row->key, from->count, numbers);
    for (size_t k = 0; made && k < from->count; k++) {
        if (numbers) to->number[k] = from->value[k].number[0];
        to->text[k] = config_value_text(row, &from->value[k]);
        made = to->text[k] != NULL;
    }
    return made;
}

int dmft_sweep_create(dmft_sweep **out, const dmft_config *config, dmft_error *err)
{
    const struct config_place whole = {config->file, 0, 0};
    size_t points = dmft_config_points(config);
    dmft_sweep *s = NULL;
    if (points == 0) return config_error(err, DMFT_ERROR_CONFIG, &whole, NULL, "there is no section sweep: a list of values of a setting, by its dotted key");
    if (!config->value[SETTING_MODEL].given)
        return config_error(err, DMFT_ERROR_CONFIG, &whole, NULL, "model is missing: %s", settings_table[SETTING_MODEL].shape);
    size_t rows = most_rows(config);
    if (rows == 0) {
        char model[SETTINGS_WORD];
        int by_steps = settings_belongs(&settings_table[SETTING_TRAINING_STEPS], config_word(config, SETTING_MODEL, model));
        const struct setting *says = &settings_table[by_steps ? SETTING_TRAINING_STEPS : SETTING_NETWORK_DEPTH];
        return config_error(err, DMFT_ERROR_CONFIG, &whole, NULL, "%s is missing: %s", says->key, says->shape);
    }
    int status = sweep_create(&s, config->axes, points, rows, err);
    int made = status == DMFT_OK;
    for (size_t i = 0; made && i < config->axes; i++) made = fill_axis(&s->axis[i], &config->axis[i]);
    char *text = made ? config_sweep_text(config) : NULL;
    if (status == DMFT_OK) status = text != NULL ? dmft_sweep_set_text(s, "config", text, err) : error_memory(err, (double)sizeof *s);
    free(text);
    if (status == DMFT_OK)
        *out = s;
    else
        dmft_sweep_free(s);
    return status;
}

/* ---- filled ---- */

static int check_point(const dmft_sweep *s, size_t point, dmft_error *err)
{
    if (point < s->points) return DMFT_OK;
    return error_set(err, DMFT_ERROR_ARGUMENT, "point must be below the number of points of the sweep, %zu, got %zu", s->points, point);
}

/* The series of that name in a trajectory of the sweep, made where it is not there; NULL when out of memory. */
static struct trajectory_series *column(dmft_trajectory *t, const char *name, int flags, dmft_error *err)
{
    struct trajectory_series *found = trajectory_find(t, name);
    if (found != NULL) return found;
    return trajectory_add(t, NULL, flags, err, "%s", name) == DMFT_OK ? trajectory_find(t, name) : NULL;
}

static int enter_series(dmft_sweep *s, size_t point, const dmft_trajectory *t, dmft_error *err)
{
    for (size_t i = 0; i < t->series_count; i++) {
        const struct trajectory_series *from = &t->series[i];
        struct trajectory_series *to = column(s->table, from->name, from->shown ? TRAJECTORY_SHOWN : TRAJECTORY_HIDDEN, err);
        if (to == NULL) return DMFT_ERROR_MEMORY;
        memcpy(to->value + point * s->rows, from->value, t->rows * sizeof *from->value);
        if (from->error == NULL) continue;
        if (to->error == NULL) {
            to->error = memory_doubles(s->table->rows);
            if (to->error == NULL) return error_memory(err, 8.0 * (double)s->table->rows);
            for (size_t k = 0; k < s->table->rows; k++) to->error[k] = NAN;
        }
        memcpy(to->error + point * s->rows, from->error, t->rows * sizeof *from->error);
    }
    return DMFT_OK;
}

/* Seconds differ from run to run of the same problem. */
static int enter_numbers(dmft_sweep *s, size_t point, const dmft_trajectory *t, dmft_error *err)
{
    for (size_t i = 0; i < t->number_count; i++) {
        if (strstr(t->number[i].name, "seconds") != NULL) continue;
        struct trajectory_series *to = column(s->facts, t->number[i].name, TRAJECTORY_HIDDEN, err);
        if (to == NULL) return DMFT_ERROR_MEMORY;
        to->value[point] = t->number[i].value;
    }
    return DMFT_OK;
}

int dmft_sweep_enter(dmft_sweep *s, size_t point, const dmft_trajectory *t, dmft_error *err)
{
    static const char *const kept[] = {"kind", "model"};
    int status = check_point(s, point, err);
    if (status == DMFT_OK && t->rows > s->rows)
        status = error_set(err, DMFT_ERROR_ARGUMENT, "a point must have at most %zu rows, got %zu", s->rows, t->rows);
    if (status == DMFT_OK) status = enter_series(s, point, t, err);
    if (status == DMFT_OK) status = enter_numbers(s, point, t, err);
    for (size_t i = 0; i < 2 && status == DMFT_OK; i++) {
        const char *text = dmft_trajectory_text(t, kept[i]);
        if (text != NULL && dmft_sweep_text(s, kept[i]) == NULL) status = dmft_sweep_set_text(s, kept[i], text, err);
    }
    if (status != DMFT_OK) return status;
    s->steps[point] = (long)t->rows;
    s->diverged_at[point] = t->diverged_at;
    s->status[point] = t->diverged_at >= 0 ? DMFT_POINT_DIVERGED : DMFT_POINT_DONE;
    return DMFT_OK;
}

int dmft_sweep_fail(dmft_sweep *s, size_t point, int outcome, const char *message, dmft_error *err)
{
    int status = check_point(s, point, err);
    if (status != DMFT_OK) return status;
    if (outcome != DMFT_POINT_FAILED && outcome != DMFT_POINT_REFUSED)
        return error_set(err, DMFT_ERROR_ARGUMENT, "the outcome of a point that failed must be %d or %d, got %d", DMFT_POINT_FAILED,
                         DMFT_POINT_REFUSED, outcome);
    char *copy = text_valid(message); /* names of files, which are any bytes; or cut off within a character */
    if (copy == NULL) return error_memory(err, (double)strlen(message));
    free(s->message[point]);
    s->message[point] = copy;
    s->status[point] = outcome;
    return DMFT_OK;
}

int dmft_sweep_set_text(dmft_sweep *s, const char *name, const char *text, dmft_error *err) { return dmft_trajectory_set_text(s->facts, name, text, err); }

/* ---- asked ---- */

const char *dmft_point_text(int status)
{
    switch (status) {
#define POINT_CASE(name, value, text) case value: return text;
        DMFT_POINT_TABLE(POINT_CASE)
#undef POINT_CASE
    default: return "unknown";
    }
}

size_t dmft_sweep_points(const dmft_sweep *s) { return s->points; }
size_t dmft_sweep_rows(const dmft_sweep *s) { return s->rows; }
size_t dmft_sweep_axes(const dmft_sweep *s) { return s->axes; }
const char *dmft_sweep_axis_key(const dmft_sweep *s, size_t axis) { return axis < s->axes ? s->axis[axis].key : NULL; }
size_t dmft_sweep_axis_count(const dmft_sweep *s, size_t axis) { return axis < s->axes ? s->axis[axis].count : 0; }
const double *dmft_sweep_axis_numbers(const dmft_sweep *s, size_t axis) { return axis < s->axes ? s->axis[axis].number : NULL; }

const char *dmft_sweep_axis_text(const dmft_sweep *s, size_t axis, size_t index)
{
    return index < dmft_sweep_axis_count(s, axis) ? s->axis[axis].text[index] : NULL;
}

size_t dmft_sweep_index(const dmft_sweep *s, size_t axis, size_t point)
{
    for (size_t i = s->axes - 1; i > axis; i--) point /= s->axis[i].count;
    return point % s->axis[axis].count;
}

int dmft_sweep_status(const dmft_sweep *s, size_t point) { return point < s->points ? s->status[point] : DMFT_POINT_MISSING; }
long dmft_sweep_diverged_at(const dmft_sweep *s, size_t point) { return point < s->points ? s->diverged_at[point] : -1; }
long dmft_sweep_steps(const dmft_sweep *s, size_t point) { return point < s->points ? s->steps[point] : 0; }

const char *dmft_sweep_message(const dmft_sweep *s, size_t point)
{
    return point < s->points && s->message[point] != NULL ? s->message[point] : "";
}

const double *dmft_sweep_series(const dmft_sweep *s, const char *name) { return dmft_trajectory_series(s->table, name); }
const double *dmft_sweep_errors(const dmft_sweep *s, const char *name) { return dmft_trajectory_errors(s->table, name); }
size_t dmft_sweep_series_count(const dmft_sweep *s) { return s->table->series_count; }
const char *dmft_sweep_series_name(const dmft_sweep *s, size_t index) { return dmft_trajectory_series_name(s->table, index); }
int dmft_sweep_series_shown(const dmft_sweep *s, size_t index) { return dmft_trajectory_series_shown(s->table, index); }
const double *dmft_sweep_numbers(const dmft_sweep *s, const char *name) { return dmft_trajectory_series(s->facts, name); }
const char *dmft_sweep_text(const dmft_sweep *s, const char *name) { return dmft_trajectory_text(s->facts, name); }
