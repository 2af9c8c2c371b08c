/* Trajectories as tables. Numbers of CSV and JSON have 12 significant digits, so that steps are integers; no number is "-nan". The decimal
 * point is that of the caller's locale: the program keeps to the C locale, which has one. */
#include "io/print.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "base/trajectory.h"
#include "io/config.h"
#include "io/json.h"

/* ---- columns ---- */

static int no_such_series(const dmft_trajectory *t, const char *name, size_t length, dmft_error *err)
{
    char shown[CONFIG_SHOWN];
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < t->series_count; i++) {
        size_t d = text_distance(name, length, t->series[i].name);
        if (d < least) {
            least = d;
            nearest = t->series[i].name;
        }
    }
    config_show(shown, name, length);
    if (nearest == NULL) return error_set(err, DMFT_ERROR_ARGUMENT, "no series '%s': the file has none", shown);
    return error_set(err, DMFT_ERROR_ARGUMENT, "no series '%s'; the nearest of the %zu there are is '%s'", shown, t->series_count, nearest);
}

static void choose_default(print_columns *out, const dmft_trajectory *t)
{
    for (size_t i = 0; i < t->series_count; i++)
        if (t->series[i].shown) out->series[out->count++] = &t->series[i];
}

static int choose_named(print_columns *out, const dmft_trajectory *t, const char *names, dmft_error *err)
{
    for (const char *at = names;; at++) {
        size_t length = strcspn(at, ",");
        const struct trajectory_series *found = NULL;
        for (size_t i = 0; i < t->series_count && found == NULL; i++)
            if (strlen(t->series[i].name) == length && strncmp(t->series[i].name, at, length) == 0) found = &t->series[i];
        if (found == NULL) return no_such_series(t, at, length, err);
        out->series[out->count++] = found;
        at += length;
        if (*at == '\0') return DMFT_OK;
    }
}

int print_columns_choose(print_columns *out, const dmft_trajectory *t, const char *names, int errors, dmft_error *err)
{
    size_t most = t->series_count + 1;
    for (const char *c = names != NULL ? names : ""; *c != '\0'; c++) most += *c == ',';
    *out = (print_columns){.errors = errors, .series = calloc(most, sizeof *out->series)};
    if (out->series == NULL) return error_memory(err, (double)(most * sizeof *out->series));
    int status = DMFT_OK;
    if (names != NULL)
        status = choose_named(out, t, names, err);
    else
        choose_default(out, t);
    if (status != DMFT_OK) print_columns_free(out);
    return status;
}

void print_columns_free(print_columns *columns)
{
    free(columns->series);
    *columns = (print_columns){0};
}

static int has_errors(const print_columns *columns, size_t i)
{
    const char *name = columns->series[i]->name;
    return columns->errors && !trajectory_is_place(name);
}

/* What has no value has no error either. */
static double error_at(const struct trajectory_series *s, size_t row)
{
    if (isnan(s->value[row])) return NAN;
    return s->error != NULL ? s->error[row] : 0.0;
}

/* ---- text ---- */

enum { CELL = 96 };

/* CSV, or columns of at least `width` (those of a longer name are wider). */
struct layout {
    int width, digits;
};

static void print_cell(FILE *out, const struct layout *layout, int column, int name_length, const char *text)
{
    if (layout->width == 0)
        (void)fprintf(out, "%s%s", column > 0 ? "," : "", text);
    else
        (void)fprintf(out, "%s%*s", column > 0 ? "  " : "", name_length > layout->width ? name_length : layout->width, text);
}

static void print_number_cell(FILE *out, const struct layout *layout, int column, int name_length, double value)
{
    char text[CELL];
    if (isnan(value))
        (void)snprintf(text, sizeof text, "nan");
    else
        (void)snprintf(text, sizeof text, "%.*g", layout->digits, value);
    print_cell(out, layout, column, name_length, text);
}

/* One line: the names when `row` is that behind the last, else the numbers of a row. */
static void print_line(FILE *out, const dmft_trajectory *t, const print_columns *columns, const struct layout *layout, size_t row)
{
    int column = 0;
    for (size_t i = 0; i < columns->count; i++) {
        const struct trajectory_series *s = columns->series[i];
        char name[CELL];
        for (int error = 0; error <= has_errors(columns, i); error++) {
            int length = snprintf(name, sizeof name, "%s%s", s->name, error ? "_se" : "");
            if (row == t->rows)
                print_cell(out, layout, column++, length, name);
            else
                print_number_cell(out, layout, column++, length, error ? error_at(s, row) : s->value[row]);
        }
    }
    (void)fputc('\n', out);
}

static void print_text(FILE *out, const dmft_trajectory *t, const print_columns *columns, const struct layout *layout)
{
    print_line(out, t, columns, layout, t->rows);
    for (size_t row = 0; row < t->rows; row++) print_line(out, t, columns, layout, row);
}

void print_csv(FILE *out, const dmft_trajectory *t, const print_columns *columns)
{
    static const struct layout layout = {.width = 0, .digits = 12};
    print_text(out, t, columns, &layout);
}

/* Six digits are what an eye takes in; -1.23457e-12 has 12 places. */
void print_aligned(FILE *out, const dmft_trajectory *t, const print_columns *columns)
{
    static const struct layout layout = {.width = 12, .digits = 6};
    print_text(out, t, columns, &layout);
}

void print_numbers(FILE *out, const dmft_trajectory *t, const char *prefix)
{
    int count = 0;
    for (size_t i = 0; i < t->number_count; i++)
        if (strncmp(t->number[i].name, prefix, strlen(prefix)) == 0)
            (void)fprintf(out, "%s%s %.12g", count++ > 0 ? ", " : "", t->number[i].name + strlen(prefix), t->number[i].value);
}

/* ---- JSON ---- */

static void json_columns(FILE *out, const print_columns *columns)
{
    (void)fputc('[', out);
    for (size_t i = 0; i < columns->count; i++) {
        const char *name = columns->series[i]->name;
        if (i > 0) (void)fputs(", ", out);
        json_text(out, name);
        if (has_errors(columns, i)) (void)fprintf(out, ", \"%s_se\"", name);
    }
    (void)fputc(']', out);
}

static void json_rows(FILE *out, const dmft_trajectory *t, const print_columns *columns)
{
    (void)fputc('[', out);
    for (size_t row = 0; row < t->rows; row++) {
        (void)fputs(row > 0 ? ",\n    [" : "\n    [", out);
        for (size_t i = 0; i < columns->count; i++) {
            if (i > 0) (void)fputs(", ", out);
            json_number(out, columns->series[i]->value[row], 12);
            if (!has_errors(columns, i)) continue;
            (void)fputs(", ", out);
            json_number(out, error_at(columns->series[i], row), 12);
        }
        (void)fputc(']', out);
    }
    (void)fputs("\n  ]", out);
}

static void json_facts(FILE *out, const dmft_trajectory *t, int *count)
{
    int inner = 0;
    json_key(out, count, "numbers", "  ");
    (void)fputc('{', out);
    for (size_t i = 0; i < t->number_count; i++) {
        json_key(out, &inner, t->number[i].name, "    ");
        json_number(out, t->number[i].value, 17);
    }
    (void)fputs("\n  }", out);
    json_key(out, count, "texts", "  ");
    (void)fputc('{', out);
    inner = 0;
    for (size_t i = 0; i < t->text_count; i++) {
        json_key(out, &inner, t->text[i].name, "    ");
        json_text(out, t->text[i].text);
    }
    (void)fputs("\n  }", out);
}

void print_json(FILE *out, const dmft_trajectory *t, const print_columns *columns)
{
    int count = 0;
    (void)fputc('{', out);
    json_key(out, &count, "kind", "  ");
    json_text(out, dmft_trajectory_text(t, "kind"));
    json_key(out, &count, "model", "  ");
    json_text(out, dmft_trajectory_text(t, "model"));
    json_key(out, &count, "diverged_at", "  ");
    json_number(out, t->diverged_at >= 0 ? (double)t->diverged_at : NAN, 17);
    json_key(out, &count, "columns", "  ");
    json_columns(out, columns);
    json_key(out, &count, "rows", "  ");
    json_rows(out, t, columns);
    json_key(out, &count, "parameters", "  ");
    json_parameters(out, dmft_trajectory_text(t, "config"));
    json_facts(out, t, &count);
    (void)fputs("\n}\n", out);
}

/* ---- .npy ---- */

/* The header of version 1.0 (numpy's format.py): magic, length, a dictionary, blanks up to a multiple of 64 bytes, a newline. */
enum { NPY_HEADER = 128 };

static void npy_header(char out[NPY_HEADER], size_t rows, size_t columns)
{
    char text[NPY_HEADER];
    int length = snprintf(text, sizeof text, "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, columns);
    memset(out, ' ', NPY_HEADER);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = NPY_HEADER - 10;
    out[9] = 0;
    memcpy(out + 10, text, (size_t)length);
    out[NPY_HEADER - 1] = '\n';
}

/* A row as bytes, the lowest first. */
static void little_endian(unsigned char *out, const double *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &row[i], sizeof bits);
        for (size_t j = 0; j < 8; j++) out[8 * i + j] = (unsigned char)(bits >> (8 * j));
    }
}

int print_npy(const char *path, const struct print_matrix *matrix, int overwrite, dmft_error *err)
{
    char header[NPY_HEADER];
    file_aside aside;
    size_t bytes = 8 * matrix->columns;
    unsigned char *row = malloc(bytes + 1);
    if (row == NULL) return error_memory(err, (double)bytes);
    int status = file_aside_open(&aside, path, overwrite, err);
    if (status == DMFT_OK) {
        npy_header(header, matrix->rows, matrix->columns);
        int code = file_write_all(aside.fd, header, sizeof header);
        for (size_t i = 0; i < matrix->rows && code == 0; i++) {
            little_endian(row, matrix->data + i * matrix->stride, matrix->columns);
            code = file_write_all(aside.fd, row, bytes);
        }
        status = code == 0 ? file_aside_commit(&aside, err) : file_aside_failed(&aside, code, err);
    }
    free(row);
    return status;
}
