/* Building and reading trajectories inside the library; the public queries are in dmft.h. */
#ifndef DMFT_BASE_TRAJECTORY_H
#define DMFT_BASE_TRAJECTORY_H

#include "dmft.h"

struct trajectory_series {
    char *name;
    double *value, *error; /* rows numbers each; error NULL when exact */
    int shown;             /* one of the default columns */
};
struct trajectory_kernel {
    char *name;
    double *data; /* order x order, row-major, this stride */
    size_t order, stride;
};
struct trajectory_array {
    char *name;
    double *data;   /* size[0] x size[1] x size[2], row-major; a matrix has size[2] = 1 */
    size_t size[3];
};
struct trajectory_number {
    char *name;
    double value;
};
struct trajectory_text {
    char *name, *text;
};
struct dmft_trajectory {
    size_t rows;
    long diverged_at; /* -1: it did not */
    size_t series_count, kernel_count, array_count, number_count, text_count;
    struct trajectory_series *series;
    struct trajectory_kernel *kernel;
    struct trajectory_array *array;
    struct trajectory_number *number;
    struct trajectory_text *text;
};

enum trajectory_flags { TRAJECTORY_HIDDEN = 0, TRAJECTORY_SHOWN = 1, TRAJECTORY_ERRORS = 2 };

/* An empty trajectory of `rows` rows. */
int trajectory_create(dmft_trajectory **out, size_t rows, dmft_error *err);

/* Adds a series filled with nan (errors too, when asked for) and hands out its values through `value` (owned by the trajectory).
 * The name is made from the format, as in trajectory_add(t, &v, TRAJECTORY_SHOWN, err, "A%d_outlier%d", l, j). */
int trajectory_add(dmft_trajectory *t, double **value, int flags, dmft_error *err, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The series of that name, or NULL. */
struct trajectory_series *trajectory_find(const dmft_trajectory *t, const char *name);

/* Takes ownership of `data` when it succeeds. */
int trajectory_add_kernel(dmft_trajectory *t, const char *name, size_t order, size_t stride, double *data, dmft_error *err);

/* Takes ownership of `data` when it succeeds. */
int trajectory_add_array(dmft_trajectory *t, const char *name, const size_t size[3], double *data, dmft_error *err);

/* Sets or replaces a number; the name is made from the format. */
int trajectory_set_number(dmft_trajectory *t, double value, dmft_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Sets the texts "kind" (theory or simulation), "model" and "config". */
int trajectory_describe(dmft_trajectory *t, const char *kind, const dmft_problem *problem, dmft_error *err);

/* Does a series of this name say where something was measured, step or time, and not what? */
int trajectory_is_place(const char *name);

/* Keeps the first `rows` rows only. */
void trajectory_truncate(dmft_trajectory *t, size_t rows);

#endif
