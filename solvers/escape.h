/* When outliers leave the bulk. */
#ifndef DMFT_ESCAPE_H
#define DMFT_ESCAPE_H

#include <stddef.h>

#include "dmft.h"

enum { ESCAPE_MATRIX = 16, ESCAPE_TEXT = 32 };

struct escape {
    char matrix[ESCAPE_MATRIX]; /* "A_1"; "W" of model noisy_matrix */
    int outlier;                /* from 1 */
    double step, time;          /* step nan: it is not seen outside; time nan: that is not known */
    double after;               /* the last step before at which the matrix was looked at; nan: there is none */
    double error;               /* standard error of the time; nan where it is exact */
};

/* The i-th of all outliers that a result follows, matrix by matrix; 0 when there are not so many. */
int escape_at(const dmft_trajectory *t, size_t i, struct escape *out);

/* Was the matrix not looked at one step before? Then the escape is that step or an earlier one. */
int escape_is_bound(const struct escape *e);

/* The step: "7", "by step 20" or "none". */
void escape_describe(const struct escape *e, char out[ESCAPE_TEXT]);

#endif
