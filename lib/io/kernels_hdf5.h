/* Kernel files (doc/format.md): the kernels of a trained matrix, from anyone. */
#ifndef DMFT_IO_KERNELS_HDF5_H
#define DMFT_IO_KERNELS_HDF5_H

#include "dmft.h"

typedef struct kernel_file {
    dmft_kernels kernels; /* what dmft_outliers_create takes; its arrays are owned by this */
    double *data;
} kernel_file;

/* Reads the datasets C_phi, R_phi, C_g, R_g (k x k), d (k), sigma2 and psi (one number each) of any type of numbers and byte order.
 * Errors: DMFT_ERROR_READ (absent, truncated), DMFT_ERROR_FORMAT (no HDF5 file; a dataset that is missing, of another shape, not of numbers, or
 * holds what is not finite: the message names it), DMFT_ERROR_MEMORY. */
int kernel_file_read(kernel_file *out, const char *path, dmft_error *err);
void kernel_file_free(kernel_file *file);

#endif
