/* Trajectories: named series over steps, kernels, arrays, numbers and texts, each in a growing array searched by name. */
#include "base/trajectory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/problem.h"
#include "base/text.h"

enum { NAME_BYTES = 64 };

int trajectory_create(dmft_trajectory **out, size_t rows, dmft_error *err)
{
    dmft_trajectory *t = calloc(1, sizeof *t);
    if (t == NULL) return error_memory(err, sizeof *t);
    t->rows = rows;
    t->diverged_at = -1;
    *out = t;
    return DMFT_OK;
}

void dmft_trajectory_free(dmft_trajectory *t)
{
    if (t == NULL) return;
    for (size_t i = 0; i < t->series_count; i++) {
        free(t->series[i].name);
        free(t->series[i].value);
        free(t->series[i].error);
    }
    for (size_t i = 0; i < t->kernel_count; i++) {
        free(t->kernel[i].name);
        free(t->kernel[i].data);
    }
    for (size_t i = 0; i < t->array_count; i++) {
        free(t->array[i].name);
        free(t->array[i].data);
    }
    for (size_t i = 0; i < t->number_count; i++) free(t->number[i].name);
    for (size_t i = 0; i < t->text_count; i++) {
        free(t->text[i].name);
        free(t->text[i].text);
    }
    free(t->series);
    free(t->kernel);
    free(t->array);
    free(t->number);
    free(t->text);
    free(t);
}

/* Makes room for one more entry of `bytes` bytes behind `count` of them and zeroes it; NULL when out of memory. */
static void *grow(void *array, size_t count, size_t bytes)
{
    char *larger = realloc(array, (count + 1) * bytes);
    if (larger != NULL) memset(larger + count * bytes, 0, bytes);
    return larger;
}

int trajectory_add(dmft_trajectory *t, double **value, int flags, dmft_error *err, const char *format, ...)
{
    char name[NAME_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(name, sizeof name, format, arguments); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(arguments);

    struct trajectory_series *array = grow(t->series, t->series_count, sizeof *array);
    if (array == NULL) return error_memory(err, sizeof *array);
    t->series = array;
    int with_errors = (flags & TRAJECTORY_ERRORS) != 0;
    struct trajectory_series s = {.name = memory_string(name),
                                  .value = memory_nans(t->rows),
                                  .error = with_errors ? memory_nans(t->rows) : NULL,
                                  .shown = (flags & TRAJECTORY_SHOWN) != 0};
    if (s.name == NULL || s.value == NULL || (with_errors && s.error == NULL)) {
        free(s.name);
        free(s.value);
        free(s.error);
        return error_memory(err, 8.0 * (double)t->rows);
    }
    array[t->series_count++] = s;
    if (value != NULL) *value = s.value;
    return DMFT_OK;
}

struct trajectory_series *trajectory_find(const dmft_trajectory *t, const char *name)
{
    for (size_t i = 0; i < t->series_count; i++)
        if (strcmp(t->series[i].name, name) == 0) return &t->series[i];
    return NULL;
}

int trajectory_add_kernel(dmft_trajectory *t, const char *name, size_t order, size_t stride, double *data, dmft_error *err)
{
    struct trajectory_kernel *array = grow(t->kernel, t->kernel_count, sizeof *array);
    if (array == NULL) return error_memory(err, sizeof *array);
    t->kernel = array;
    char *copy = memory_string(name);
    if (copy == NULL) return error_memory(err, NAME_BYTES);
    array[t->kernel_count++] = (struct trajectory_kernel){.name = copy, .data = data, .order = order, .stride = stride};
    return DMFT_OK;
}

int trajectory_add_array(dmft_trajectory *t, const char *name, const size_t size[3], double *data, dmft_error *err)
{
    struct trajectory_array *array = grow(t->array, t->array_count, sizeof *array);
    if (array == NULL) return error_memory(err, sizeof *array);
    t->array = array;
    char *copy = memory_string(name);
    if (copy == NULL) return error_memory(err, NAME_BYTES);
    array[t->array_count++] = (struct trajectory_array){.name = copy, .data = data, .size = {size[0], size[1], size[2]}};
    return DMFT_OK;
}

int trajectory_set_number(dmft_trajectory *t, double value, dmft_error *err, const char *format, ...)
{
    char name[NAME_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(name, sizeof name, format, arguments); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(arguments);

    for (size_t i = 0; i < t->number_count; i++)
        if (strcmp(t->number[i].name, name) == 0) {
            t->number[i].value = value;
            return DMFT_OK;
        }
    struct trajectory_number *array = grow(t->number, t->number_count, sizeof *array);
    if (array == NULL) return error_memory(err, sizeof *array);
    t->number = array;
    char *copy = memory_string(name);
    if (copy == NULL) return error_memory(err, NAME_BYTES);
    array[t->number_count++] = (struct trajectory_number){.name = copy, .value = value};
    return DMFT_OK;
}

int dmft_trajectory_set_text(dmft_trajectory *t, const char *name, const char *text, dmft_error *err)
{
    if (name == NULL || text == NULL || !text_is_name(name, NAME_BYTES))
        return error_set(err, DMFT_ERROR_ARGUMENT, "a text has a name of 1 to %d bytes of UTF-8 without control characters", NAME_BYTES - 1);
    char *copy = text_valid(text);
    if (copy == NULL) return error_memory(err, (double)strlen(text));
    for (size_t i = 0; i < t->text_count; i++)
        if (strcmp(t->text[i].name, name) == 0) {
            free(t->text[i].text);
            t->text[i].text = copy;
            return DMFT_OK;
        }
    struct trajectory_text *array = grow(t->text, t->text_count, sizeof *array);
    if (array != NULL) t->text = array;
    char *label = array != NULL ? memory_string(name) : NULL;
    if (label == NULL) {
        free(copy);
        return error_memory(err, NAME_BYTES);
    }
    array[t->text_count++] = (struct trajectory_text){.name = label, .text = copy};
    return DMFT_OK;
}

int trajectory_describe(dmft_trajectory *t, const char *kind, const dmft_problem *problem, dmft_error *err)
{
    int status = dmft_trajectory_set_text(t, "kind", kind, err);
    if (status == DMFT_OK) status = dmft_trajectory_set_text(t, "model", problem->model, err);
    return status == DMFT_OK ? dmft_trajectory_set_text(t, "config", problem->text, err) : status;
}

int trajectory_is_place(const char *name) { return strcmp(name, "step") == 0 || strcmp(name, "time") == 0; }

void trajectory_truncate(dmft_trajectory *t, size_t rows)
{
    if (rows < t->rows) t->rows = rows;
    for (size_t i = 0; i < t->kernel_count; i++)
        if (t->kernel[i].order > t->rows) t->kernel[i].order = t->rows;
}

/* ---- public queries ---- */

size_t dmft_trajectory_rows(const dmft_trajectory *t) { return t->rows; }

const double *dmft_trajectory_series(const dmft_trajectory *t, const char *name)
{
    const struct trajectory_series *s = trajectory_find(t, name);
    return s != NULL ? s->value : NULL;
}

/* The polynomial through rows first .. end - 1. */
static double lagrange(const double *x, const double *y, size_t first, size_t end, double at)
{
    double sum = 0.0;
    for (size_t i = first; i < end; i++) {
        double weight = 1.0;
        for (size_t j = first; j < end; j++)
            if (j != i) weight *= (at - x[j]) / (x[i] - x[j]);
        sum += weight * y[i];
    }
    return sum;
}

double dmft_trajectory_at(const dmft_trajectory *t, const char *name, double time)
{
    const double *y = dmft_trajectory_series(t, name), *x = dmft_trajectory_series(t, "time");
    if (x == NULL) x = dmft_trajectory_series(t, "step");
    if (x == NULL || y == NULL || t->rows == 0 || isnan(time) || !(time >= x[0] && time <= x[t->rows - 1])) return NAN;
    size_t left = 0, right = t->rows - 1; /* x[left] <= time <= x[right] */
    while (right > left + 1) {
        size_t middle = left + (right - left) / 2;
        if (x[middle] <= time) left = middle;
        else right = middle;
    }
    if (x[left] == time) right = left;
    if (x[right] == time) left = right;
    if (left == right) return y[left];
    size_t first = left, end = right + 1;
    if (isnan(y[left]) || isnan(y[right])) return NAN;
    for (int more = 1; more && end - first < 4;) { /* a row on either side in turn, while there are numbers */
        size_t had = end - first;
        if (first > 0 && !isnan(y[first - 1])) first--;
        if (end - first < 4 && end < t->rows && !isnan(y[end])) end++;
        more = end - first > had;
    }
    return lagrange(x, y, first, end, time);
}

const double *dmft_trajectory_errors(const dmft_trajectory *t, const char *name)
{
    const struct trajectory_series *s = trajectory_find(t, name);
    return s != NULL ? s->error : NULL;
}

size_t dmft_trajectory_series_count(const dmft_trajectory *t) { return t->series_count; }

const char *dmft_trajectory_series_name(const dmft_trajectory *t, size_t index)
{
    return index < t->series_count ? t->series[index].name : NULL;
}

int dmft_trajectory_series_shown(const dmft_trajectory *t, size_t index)
{
    return index < t->series_count && t->series[index].shown;
}

const double *dmft_trajectory_kernel(const dmft_trajectory *t, const char *name, size_t *order, size_t *stride)
{
    for (size_t i = 0; i < t->kernel_count; i++)
        if (strcmp(t->kernel[i].name, name) == 0) {
            if (order != NULL) *order = t->kernel[i].order;
            if (stride != NULL) *stride = t->kernel[i].stride;
            return t->kernel[i].data;
        }
    return NULL;
}

size_t dmft_trajectory_kernel_count(const dmft_trajectory *t) { return t->kernel_count; }

const char *dmft_trajectory_kernel_name(const dmft_trajectory *t, size_t index)
{
    return index < t->kernel_count ? t->kernel[index].name : NULL;
}

const double *dmft_trajectory_array(const dmft_trajectory *t, const char *name, size_t size[3])
{
    for (size_t i = 0; i < t->array_count; i++)
        if (strcmp(t->array[i].name, name) == 0) {
            for (size_t j = 0; size != NULL && j < 3; j++) size[j] = t->array[i].size[j];
            return t->array[i].data;
        }
    return NULL;
}

size_t dmft_trajectory_array_count(const dmft_trajectory *t) { return t->array_count; }

const char *dmft_trajectory_array_name(const dmft_trajectory *t, size_t index) { return index < t->array_count ? t->array[index].name : NULL; }

long dmft_trajectory_diverged_at(const dmft_trajectory *t) { return t->diverged_at; }

double dmft_trajectory_number(const dmft_trajectory *t, const char *name)
{
    for (size_t i = 0; i < t->number_count; i++)
        if (strcmp(t->number[i].name, name) == 0) return t->number[i].value;
    return NAN;
}

const char *dmft_trajectory_text(const dmft_trajectory *t, const char *name)
{
    for (size_t i = 0; i < t->text_count; i++)
        if (strcmp(t->text[i].name, name) == 0) return t->text[i].text;
    return NULL;
}
