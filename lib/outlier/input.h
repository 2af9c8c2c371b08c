/* Kernels that a caller hands in. */
#ifndef DMFT_OUTLIER_INPUT_H
#define DMFT_OUTLIER_INPUT_H

#include "dmft.h"
#include "outlier/kernels.h"

/* Checks them and takes over the pointers. Error: DMFT_ERROR_ARGUMENT. */
int outlier_input(struct outlier_kernels *out, const dmft_kernels *kernels, dmft_error *err);

#endif
