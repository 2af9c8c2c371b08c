/* How far a bulk is from the Marchenko-Pastur law (distance.c). */
#ifndef DMFT_SPECTRUM_DISTANCE_H
#define DMFT_SPECTRUM_DISTANCE_H

#include "spectrum/fit.h"

struct spectrum_distance {
    double distance; /* of Kolmogorov and Smirnov */
    double null;     /* its 99 % quantile where entries are independent */
    double level;    /* part of such matrices that are as far */
};

/* Of the singular values behind k outliers, all known, with this variance. Errors: DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
int spectrum_distance_find(const struct spectrum_sample *s, size_t k, double variance, struct spectrum_distance *out, dmft_error *err);

#endif
