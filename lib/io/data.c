/* Data sets from files: a reader by the ending of the name, and the Gram matrix. Cost: P^2 D operations. */
#include "io/data.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

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

int data_check_there(const char *path, double *bytes, dmft_error *err)
{
    struct stat there;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), known; /* not to wait for the writer of a pipe */
    if (fd < 0) return error_set(err, DMFT_ERROR_READ, "cannot read %s: %s", path, strerror(errno));
    known = fstat(fd, &there) == 0;
    (void)close(fd);
    if (!known || !S_ISREG(there.st_mode)) return error_set(err, DMFT_ERROR_READ, "cannot read %s: not a regular file", path);
    *bytes = (double)there.st_size;
    return 0;
}

int data_check_same(const char *path, double bytes, dmft_error *err)
{
    double now;
    int status = data_check_there(path, &now, err);
    if (status < 0 || now == bytes) return status;
    return error_set(err, DMFT_ERROR_READ, "cannot read %s: it had %.0f bytes when it was opened and has %.0f now", path, bytes, now);
}

int data_load(char **out, size_t *size, const char *path, dmft_error *err)
{
    double bytes;
    int status = data_check_there(path, &bytes, err);
    if (status < 0) return status;
    char *text = malloc((size_t)bytes + 1);
    if (text == NULL) return error_memory(err, bytes);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int code = fd < 0 ? errno : file_read_at(fd, text, (size_t)bytes, 0);
    if (fd >= 0) (void)close(fd);
    if (code == 0) {
        *size = (size_t)bytes;
        text[*size] = '\0';
        *out = text;
        return 0;
    }
    free(text);
    return error_set(err, DMFT_ERROR_READ, "cannot read %s: %s", path, strerror(code));
}

/* FNV-1a, 64 bits. */
static void add_bytes(unsigned long long *sum, const void *data, size_t bytes)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < bytes; i++) *sum = (*sum ^ byte[i]) * 0x100000001B3u;
}

static const unsigned long long sum_start = 0xCBF29CE484222325u;

unsigned long long data_checksum(const struct data_set *set)
{
    unsigned long long sum = sum_start;
    size_t n = set->samples + set->tests, size[3] = {set->samples, set->tests, set->outputs};
    add_bytes(&sum, size, sizeof size);
    add_bytes(&sum, set->gram, n * n * sizeof *set->gram);
    add_bytes(&sum, set->target, set->samples * set->outputs * sizeof *set->target);
    if (set->test_target != NULL) add_bytes(&sum, set->test_target, set->tests * set->outputs * sizeof *set->test_target);
    return sum;
}

unsigned long long data_table_checksum(const struct data_table *train, const struct data_table *test)
{
    const struct data_table *table[] = {train, test};
    unsigned long long sum = sum_start;
    for (size_t i = 0; i < 2; i++) {
        size_t size[] = {table[i]->rows, table[i]->inputs, table[i]->outputs};
        add_bytes(&sum, size, sizeof size);
        add_bytes(&sum, table[i]->input, size[0] * size[1] * sizeof(double));
        if (table[i]->target != NULL) add_bytes(&sum, table[i]->target, size[0] * size[2] * sizeof(double));
    }
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
    const char *missing = has_ending(path, ".npy") ? "there is no file NAME_target.npy beside it" : "there is no dataset target";
    if (train->target == NULL) return data_error(err, path, "has no targets: %s", missing);
    if (test->rows == 0) return 0;
    if (test->inputs != train->inputs)
        return data_error(err, test_path, "the test inputs have %zu components, those of the training %zu", test->inputs, train->inputs);
    if (test->target != NULL && test->outputs != train->outputs)
        return data_error(err, test_path, "the test targets have %zu columns, those of the training %zu", test->outputs, train->outputs);
    return 0;
}

/* The transpose of all inputs, D x (P + Q). */
static double *transpose(const struct data_table *train, const struct data_table *test)
{
    size_t P = train->rows, n = P + test->rows, D = train->inputs;
    double *T = memory_doubles(D * n);
    for (size_t i = 0; T != NULL && i < n; i++) {
        const double *row = i < P ? train->input + i * D : test->input + (i - P) * D;
        for (size_t d = 0; d < D; d++) T[d * n + i] = row[d];
    }
    return T;
}

/* The lower triangle of T^T T/D, some columns at a time, which stay in the cache. Plain loops, not BLAS, whose last bits may depend on the number of
 * threads: a checkpoint knows the data by their checksum. */
static void multiply(double *gram, const double *T, size_t n, size_t D)
{
    enum { COLUMNS = 256 };
    for (size_t first = 0; first < n; first += COLUMNS)
        for (size_t i = first; i < n; i++) {
            double *row = gram + i * n;
            size_t end = i + 1 < first + COLUMNS ? i + 1 : first + COLUMNS;
            for (size_t d = 0; d < D; d++) {
                double x = T[d * n + i];
                for (size_t j = first; j < end; j++) row[j] += x * T[d * n + j];
            }
            for (size_t j = first; j < end; j++) row[j] /= (double)D;
        }
}

/* X X^T/D of all inputs, both triangles. */
static int make_gram(struct data_set *set, const struct data_table *train, const struct data_table *test, const char *path, dmft_error *err)
{
    size_t n = train->rows + test->rows;
    double *T = transpose(train, test);
    set->gram = n <= DATA_MOST_NUMBERS / n ? memory_doubles(n * n) : NULL;
    int status = T == NULL || set->gram == NULL ? error_memory(err, 8.0 * (double)n * (double)(n + train->inputs)) : 0;
    if (status == 0) multiply(set->gram, T, n, train->inputs);
    for (size_t i = 0; status == 0 && i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            set->gram[j * n + i] = set->gram[i * n + j];
            if (!isfinite(set->gram[i * n + j])) status = data_error(err, path, "the inputs of samples %zu and %zu have no finite product", j, i);
        }
    free(T);
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

int data_read_tables(struct data_table *train, struct data_table *tests, const char *path, const char *test_path, size_t columns, int normalize,
                     dmft_error *err)
{
    struct data_table first = {0}, inside = {0}, second = {0};
    int status = read_table(&first, &inside, path, columns, err);
    if (status == 0 && test_path != NULL && inside.rows > 0) status = data_error(err, path, "has test inputs of its own: no data.test_file beside it");
    if (status == 0 && test_path != NULL) status = read_table(&second, NULL, test_path, columns, err);
    struct data_table *test = test_path != NULL ? &second : &inside, *other = test_path != NULL ? &inside : &second;
    if (status == 0) status = check_pair(&first, test, path, test_path != NULL ? test_path : path, err);
    if (status == 0 && normalize) status = data_normalize(&first, test, path, err);
    data_table_free(other);
    if (status == 0) {
        *train = first;
        *tests = *test;
        return 0;
    }
    data_table_free(&first);
    data_table_free(test);
    return status;
}

int data_read(struct data_set *out, const char *path, const char *test_path, size_t columns, int normalize, dmft_error *err)
{
    struct data_table train = {0}, test = {0};
    struct data_set set = {0};
    int status = data_read_tables(&train, &test, path, test_path, columns, normalize, err);
    if (status == 0) status = make_set(&set, &train, &test, path, err);
    data_table_free(&train);
    data_table_free(&test);
    if (status == 0)
        *out = set;
    else
        data_set_free(&set);
    return status;
}
