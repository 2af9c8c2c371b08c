/* dmft outliers: the outliers of a trained matrix from anyone's kernels, as CSV. */
#include <cblas.h>
#include <stdio.h>

#include "io/kernels_hdf5.h"
#include "program.h"

enum { DEFAULT_COUNT = 16, MOST_COUNT = 1000 };

static void print_header(size_t k)
{
    (void)printf("outlier,edge");
    for (size_t c = 1; c <= k; c++) (void)printf(",left_overlap%zu", c);
    for (size_t c = 1; c <= k; c++) (void)printf(",right_overlap%zu", c);
    (void)putchar('\n');
}

static void print_squares(const double *x, size_t k)
{
    for (size_t c = 0; c < k; c++) (void)printf(",%.12g", x[c] * x[c]);
}

static void print_outliers(const dmft_outliers *o, size_t k)
{
    print_header(k);
    for (size_t j = 0; j < dmft_outliers_count(o); j++) {
        (void)printf("%.12g,%.12g", dmft_outliers_z(o, j), dmft_outliers_edge(o));
        print_squares(dmft_outliers_left(o, j), k);
        print_squares(dmft_outliers_right(o, j), k);
        (void)putchar('\n');
    }
}

int command_outliers(const options *o)
{
    kernel_file file;
    dmft_error err;
    dmft_outliers *outliers = NULL;
    double count = DEFAULT_COUNT, threads = 1; /* products of a few rows at a time: more threads cost more than they save */
    if (options_given(o, OPTION_count) && options_number(o, OPTION_count, 1, MOST_COUNT, 1, &count) != 0) return STATUS_USAGE;
    if (options_given(o, OPTION_threads) && options_number(o, OPTION_threads, 1, 1024, 1, &threads) != 0) return STATUS_USAGE;
    openblas_set_num_threads((int)threads);
    int status = kernel_file_read(&file, o->argument[0], &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    status = dmft_outliers_create(&outliers, &file.kernels, (size_t)count, &err);
    if (status == DMFT_OK) print_outliers(outliers, file.kernels.count);
    dmft_outliers_free(outliers);
    kernel_file_free(&file);
    if (status == DMFT_ERROR_ARGUMENT) return program_error(STATUS_USAGE, "%s: %s", o->argument[0], err.text);
    return status == DMFT_OK ? STATUS_DONE : program_failed(status, &err);
}
