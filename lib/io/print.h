/* Trajectories as tables: for people, as CSV, as JSON; kernels as .npy. */
#ifndef DMFT_IO_PRINT_H
#define DMFT_IO_PRINT_H

#include <stdio.h>

#include "dmft.h"

/* The series that are printed, in order. */
typedef struct print_columns {
    size_t count;
    const struct trajectory_series **series; /* owned by the trajectory */
    int errors;                              /* NAME_se behind each NAME but step and time: 0 where it is exact */
} print_columns;

/* Chooses series by names with commas between, or the default columns (NULL). Errors: DMFT_ERROR_ARGUMENT (no such series: the message
 * names the nearest one), DMFT_ERROR_MEMORY. */
int print_columns_choose(print_columns *out, const dmft_trajectory *t, const char *names, int errors, dmft_error *err);
void print_columns_free(print_columns *columns);

/* What was printed has failed or not as ferror(out) says. */
void print_csv(FILE *out, const dmft_trajectory *t, const print_columns *columns);
void print_aligned(FILE *out, const dmft_trajectory *t, const print_columns *columns);

/* One object: kind, model, diverged_at, columns, rows (nan as null), parameters (the settings by key), numbers, texts. */
void print_json(FILE *out, const dmft_trajectory *t, const print_columns *columns);

/* The numbers whose names begin with `prefix`, as "A0_in 12, A0_out 34" without it; nothing when there are none. */
void print_numbers(FILE *out, const dmft_trajectory *t, const char *prefix);

struct print_matrix {
    const double *data; /* row-major */
    size_t rows, columns, stride;
};

/* A matrix as an array of numpy, written aside and renamed. Errors as of dmft_trajectory_write. */
int print_npy(const char *path, const struct print_matrix *matrix, int overwrite, dmft_error *err);

#endif
