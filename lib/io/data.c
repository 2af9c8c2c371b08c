/* Data sets from files: a reader by the ending of the name, and the Gram matrix. Cost: P^2 D operations, by dsyrk. */
#include "io/data.h"

#include <cblas.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void data_set_free(struct data_set *set)
{
    free(set->gram);
    free(set->target);
    free(set->test_target);
    *set = (struct data_set){0};
}

void data_table_free(struct data_table *table)
{
    free(table->input);
    free(table->target);
    *table = (struct data_table){0};
}

int data_error(dmft_error *err, const char *path, const char *format, ...)
{
    enum { LONGEST_NAME = 160 };
    char text[300];
    size_t n = strlen(path);
    va_list arguments;
    va_start(arguments, format);
    /* clang-tidy 14 takes the list for uninitialised between va_start and va_end. */
    (void)vsnprintf(text, sizeof text, format, arguments); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(arguments);
    return error_set(err, DMFT_ERROR_FORMAT, "%s: %s", n > LONGEST_NAME ? path + (n - LONGEST_NAME) : path, text);
}

/* FNV-1a, 64 bits. */
static void add_bytes(unsigned long long *sum, const void *data, size_t bytes)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < bytes; i++) *sum = (*sum ^ byte[i]) * 0x100000001B3u;
}

unsigned long long data_checksum(const struct data_set *set)
{
    unsigned long long sum = 0xCBF29CE484222325u;
    size_t n = set->samples + set->tests, size[3] = {set->samples, set->tests, set->outputs};
    add_bytes(&sum, size, sizeof size);
    add_bytes(&sum, set->gram, n * n * sizeof *set->gram);
    add_bytes(&sum, set->target, set->samples * set->outputs * sizeof *set->target);
    if (set->test_target != NULL) add_bytes(&sum, set->test_target, set->tests * set->outputs * sizeof *set->test_target);
    return sum;
}

static int has_ending(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    return n > m && strcmp(path + n - m, ending) == 0;
}

int data_is_csv(const char *path) { return has_ending(path, ".csv"); }

/* ---- tables ---- */

static int check_numbers(const double *number, size_t rows, size_t columns, const char *what, const char *path, dmft_error *err)
{
    for (size_t i = 0; number != NULL && i < rows * columns; i++)
        if (!isfinite(number[i]))
            return data_error(err, path, "%s, row %zu, column %zu is %s", what, i / columns + 1, i % columns + 1, isnan(number[i]) ? "nan" : "infinite");
    return 0;
}

static int check_table(const struct data_table *table, const char *path, dmft_error *err)
{
    int status = check_numbers(table->input, table->rows, table->inputs, "inputs", path, err);
    return status == 0 ? check_numbers(table->target, table->rows, table->outputs, "target", path, err) : status;
}

static int read_table(struct data_table *train, struct data_table *test, const char *path, size_t columns, dmft_error *err)
{
    int status = has_ending(path, ".h5")    ? data_read_hdf5(train, test, path, err)
                 : has_ending(path, ".npy") ? data_read_npy(train, path, err)
                 : data_is_csv(path)          ? data_read_csv(train, path, columns, err)
                                            : data_error(err, path, "a data file must end in .h5, .npy or .csv");
    if (status == 0) status = check_table(train, path, err);
    if (status == 0 && test != NULL) status = check_table(test, path, err);
    return status;
}

/* ---- the Gram matrix ---- */

static int check_pair(const struct data_table *train, const struct data_table *test, const char *path, const char *test_path, dmft_error *err)
{
    if (train->target == NULL) return data_error(err, path, "has no targets");
    if (test->rows == 0) return 0;
    if (test->inputs != train->inputs)
        return data_error(err, test_path, "the test inputs have %zu components, those of the training %zu", test->inputs, train->inputs);
    if (test->target != NULL && test->outputs != train->outputs)
        return data_error(err, test_path, "the test targets have %zu columns, those of the training %zu", test->outputs, train->outputs);
    return 0;
}

/* X X^T/D of all inputs, both triangles. */
static int make_gram(struct data_set *set, struct data_table *train, const struct data_table *test, const char *path, dmft_error *err)
{
    size_t P = train->rows, Q = test->rows, D = train->inputs, n = P + Q;
    double *X = Q > 0 ? memory_doubles(n * D) : train->input;
    set->gram = n < DATA_MOST_NUMBERS / n ? memory_doubles(n * n) : NULL;
    int status = X == NULL || set->gram == NULL ? error_memory(err, 8.0 * (double)n * (double)(n + D)) : 0;
    if (status == 0) {
        if (Q > 0) {
            memcpy(X, train->input, P * D * sizeof *X);
            memcpy(X + P * D, test->input, Q * D * sizeof *X);
        }
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)n, (int)D, 1.0 / (double)D, X, (int)D, 0.0, set->gram, (int)n);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j <= i; j++) {
                set->gram[j * n + i] = set->gram[i * n + j];
                if (!isfinite(set->gram[i * n + j])) status = data_error(err, path, "the inputs of rows %zu and %zu have no finite product", j + 1, i + 1);
            }
    }
    if (Q > 0) free(X);
    return status;
}

static int make_set(struct data_set *set, struct data_table *train, struct data_table *test, const char *path, dmft_error *err)
{
    int status = make_gram(set, train, test, path, err);
    if (status < 0) return status;
    set->samples = train->rows;
    set->tests = test->rows;
    set->outputs = train->outputs;
    set->target = train->target;
    set->test_target = test->target;
    train->target = test->target = NULL;
    return 0;
}

int data_read(struct data_set *out, const char *path, const char *test_path, size_t columns, dmft_error *err)
{
    struct data_table train = {0}, inside = {0}, test = {0};
    struct data_set set = {0};
    int status = read_table(&train, &inside, path, columns, err);
    if (status == 0 && test_path != NULL && inside.rows > 0) status = data_error(err, path, "has test inputs of its own: no data.test_file beside it");
    if (status == 0 && test_path != NULL) status = read_table(&test, NULL, test_path, columns, err);
    struct data_table *second = test_path != NULL ? &test : &inside;
    if (status == 0) status = check_pair(&train, second, path, test_path != NULL ? test_path : path, err);
    if (status == 0) status = make_set(&set, &train, second, path, err);
    data_table_free(&train);
    data_table_free(&inside);
    data_table_free(&test);
    if (status == 0)
        *out = set;
    else
        data_set_free(&set);
    return status;
}
