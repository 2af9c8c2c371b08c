/* Data sets from files: inputs and targets, as tables or as a Gram matrix (doc/format.md). */
#ifndef DMFT_IO_DATA_H
#define DMFT_IO_DATA_H

#include <stddef.h>

#include "dmft.h"

/* Inputs 0 .. samples-1 are trained on, `tests` more follow. */
struct data_set {
    size_t samples, tests, outputs;
    double *gram;        /* (samples + tests)^2, X X^T/D */
    double *target;      /* samples x outputs */
    double *test_target; /* tests x outputs, or NULL */
};

/* Reads `path`, and test inputs from `test_path` unless it is NULL. `columns`: the last columns of a CSV file that are targets. `normalize`: as the
 * setting of that name. An error names the file and what is wrong in it; `out` is then empty. */
int data_read(struct data_set *out, const char *path, const char *test_path, size_t columns, int normalize, dmft_error *err);

/* Whether a file is a CSV by its name. */
int data_is_csv(const char *path);

void data_set_free(struct data_set *set);

/* A number that tells data sets apart. */
unsigned long long data_checksum(const struct data_set *set);

/* ---- what the readers of the formats share ---- */

/* Inputs (rows x inputs) and targets (rows x outputs, NULL: there are none), and the same of test inputs where the file has them. */
struct data_table {
    size_t rows, inputs, outputs;
    double *input, *target;
};

/* The tables of data_read, without a Gram matrix of them; `tests` is empty where there are none. */
int data_read_tables(struct data_table *train, struct data_table *tests, const char *path, const char *test_path, size_t columns, int normalize,
                     dmft_error *err);

/* A number that tells pairs of tables apart. */
unsigned long long data_table_checksum(const struct data_table *train, const struct data_table *test);

/* The most numbers that a table may have, 16 GB of them: a header that says more is taken for damaged. */
#define DATA_MOST_NUMBERS (((size_t)1 << 31) - 1)

int data_read_hdf5(struct data_table *train, struct data_table *test, const char *path, dmft_error *err);
int data_read_npy(struct data_table *table, const char *path, dmft_error *err);

/* NAME_target.npy of NAME.npy, to be freed; NULL when out of memory. */
char *data_npy_target(const char *path);
int data_read_csv(struct data_table *table, const char *path, size_t columns, dmft_error *err);
void data_table_free(struct data_table *table);

/* Subtracts the mean training input from all inputs, and divides all by one number, so that the mean of K^x_mumu over the training inputs is 1.
 * `path` is for the error of training inputs that are all the same. The tables have the same number of columns. */
int data_normalize(struct data_table *train, struct data_table *test, const char *path, dmft_error *err);

/* Whether there is a regular file that can be read, and its size. */
int data_check_there(const char *path, double *bytes, dmft_error *err);

/* A failure when the file is not of this size any more: HDF5 takes for zeros what was cut off while it read. */
int data_check_same(const char *path, double bytes, dmft_error *err);

/* All bytes of a file, and a zero byte behind them. */
int data_load(char **out, size_t *size, const char *path, dmft_error *err);

/* "FILE: text"; of a long name the end is shown. */
int data_error(dmft_error *err, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
