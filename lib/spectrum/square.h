/* W W^T or W^T W of a dense matrix, the smaller one, as an operator of spectrum/leading.h: it is not formed. */
#ifndef DMFT_SPECTRUM_SQUARE_H
#define DMFT_SPECTRUM_SQUARE_H

#include <stddef.h>

/* W W^T + shift where W has fewer rows than columns (left), else W^T W + shift. */
struct spectrum_square {
    const double *matrix; /* row-major */
    size_t rows, columns;
    int left;
    double shift;    /* the mean eigenvalue: a tolerance that is relative to the eigenvalue needs one that is not 0 */
    double *between; /* the caller's, a vector of the longer side */
};

struct spectrum_square spectrum_square_of(const double *matrix, size_t rows, size_t columns, double *between);

/* y = B x. */
void spectrum_square_apply(void *square, size_t order, const double *x, double *y);

/* Writes the unit vector of the longer side that belongs to a unit one of the shorter side; returns the length of W^T u or W v, which is the singular
 * value. Where that is 0, so is the vector. */
double spectrum_square_partner(const struct spectrum_square *b, const double *shorter, double *longer);

#endif
