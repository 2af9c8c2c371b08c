/* When outliers leave the bulk. */
#ifndef DMFT_ESCAPE_H
#define DMFT_ESCAPE_H

#include <stddef.h>

#include "dmft.h"

enum { ESCAPE_MATRIX = 16 };

struct escape {
    char matrix[ESCAPE_MATRIX]; /* "A_1"; "W" of model noisy_matrix */
    int outlier;                /* from 1 */
    double step, time;          /* nan: it does not leave */
    double error;               /* standard error of the time; nan where it is exact */
};

/* The i-th of all outliers that a result follows, matrix by matrix; 0 when there are not so many. */
int escape_at(const dmft_trajectory *t, size_t i, struct escape *out);

#endif
