/* Weight matrices from files: .npy, or the datasets of an HDF5 file (matrix.c). */
#ifndef DMFT_IO_MATRIX_H
#define DMFT_IO_MATRIX_H

#include <stddef.h>

#include "dmft.h"

/* Floating-point numbers of two to five dimensions. The first is that of the rows; the others together are the columns, the last one running fastest, so that
 * the kernel of a convolution, outputs x inputs x height x width, has a row an output. */
struct matrix {
    size_t rows, columns;
    size_t rank, size[5]; /* as in the file */
    double *number;       /* row by row */
};

/* The matrices of a file by name, in the order of their names: `count` strings; one "" for .npy. Of an HDF5 file those of two dimensions in the group
 * `arrays`, where there is one, else all of the file. Errors: DMFT_ERROR_READ, DMFT_ERROR_FORMAT (no matrix in it), DMFT_ERROR_MEMORY. */
int matrix_names(char ***out, size_t *count, const char *path, dmft_error *err);
void matrix_names_free(char **names, size_t count);

/* Reads one. Errors: DMFT_ERROR_READ, DMFT_ERROR_FORMAT (name and reason), DMFT_ERROR_MEMORY. */
int matrix_read(struct matrix *out, const char *path, const char *name, dmft_error *err);

#endif
