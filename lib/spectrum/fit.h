/* Bulk and outliers of a matrix, from its singular values alone (fit.c). */
#ifndef DMFT_SPECTRUM_FIT_H
#define DMFT_SPECTRUM_FIT_H

#include <stddef.h>

#include "dmft.h"

/* What is known of an M x N matrix. */
struct spectrum_sample {
    size_t M, N, count; /* count: of singular values, min(M, N) or, where only the largest are known, fewer */
    const double *z;    /* falling */
    double norm2;       /* sum of all entries squared */
    double kurtosis;    /* excess kurtosis of the entries of the bulk */
    double variance;    /* of an entry, where it is given; else 0 */
};

struct spectrum_fit {
    size_t outliers;
    double variance; /* of an entry of the bulk */
    int tested;      /* 0: too few singular values to tell outliers by */
    double quantile; /* of F_1 at the level */
};

/* The fewest singular values that a variance is fitted to and outliers are told by: with fewer the largest one is most of what is fitted. */
enum { SPECTRUM_FEWEST = 8 };

/* The number of outliers at this false-positive rate of a whole matrix, and the variance that goes with them. Errors: DMFT_ERROR_MEMORY,
 * DMFT_ERROR_NUMERIC. */
int spectrum_fit_find(const struct spectrum_sample *s, double level, struct spectrum_fit *out, dmft_error *err);

/* The variance of an entry when the first k singular values are outliers, (TW7) or (TW8). */
double spectrum_fit_variance(const struct spectrum_sample *s, size_t k);

/* Its standard error, (TW9); 0 where it was given. */
double spectrum_fit_error(const struct spectrum_sample *s, double variance);

/* The level at which the singular value z stands out as the largest but k, (TW6). Errors as above. */
int spectrum_fit_level(const struct spectrum_sample *s, double variance, size_t k, double z, double *level, dmft_error *err);

/* The singular value whose level is that of this quantile. */
double spectrum_fit_threshold(const struct spectrum_sample *s, double variance, size_t k, double quantile);

/* c >= 1 of the spike behind an outlier z, (TW3); 1 on the edge and below. */
double spectrum_fit_spike(const struct spectrum_sample *s, double variance, double z);

/* The excess kurtosis that corrections are made for: of the first order in kurtosis/sqrt(MN), they are not trusted beyond a tenth. */
double spectrum_fit_kurtosis(const struct spectrum_sample *s);

#endif
