/* Arrays of numpy, read whole (npy.c). */
#ifndef DMFT_IO_NPY_H
#define DMFT_IO_NPY_H

#include <stddef.h>

#include "dmft.h"

enum { NPY_RANK = 5 };

struct npy_array {
    size_t rank, size[NPY_RANK]; /* sizes behind the rank are 1 */
    double *number;              /* the last index runs fastest */
};

/* What may be in it: data have one or two dimensions and real numbers of any type; weights up to five, and floating-point numbers, of 16 bits too. */
enum npy_kind { NPY_DATA, NPY_WEIGHTS };

/* Reads a file. An error names the file and what is wrong in it; `out` is then as it was. */
int npy_read(struct npy_array *out, const char *path, enum npy_kind kind, dmft_error *err);

#endif
