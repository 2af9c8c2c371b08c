/* How neighbouring levels stand: statistics of spacings that tell levels that repel from independent ones. */
#ifndef DMFT_SPECTRUM_SPACING_H
#define DMFT_SPECTRUM_SPACING_H

#include <stddef.h>

/* `level` rises. Levels whose rank is in the lowest or highest part `cut` of all, 0 <= cut < 1/2, are left out. */

/* Mean of min(s_i, s_{i+1})/max(s_i, s_{i+1}) over pairs of neighbouring spacings (NM16); nan where there are no two spacings that are not 0. */
double spectrum_spacing_ratio(const double *level, size_t n, double cut);

/* Spacings in units of their local mean (NM17), rising; `spacing` has room for n. Returns how many there are: 0 where n is below
 * SPACING_LEAST or levels are equal. */
enum { SPACING_TERMS = 8, SPACING_LEAST = 4 * SPACING_TERMS };
size_t spectrum_spacing_unfold(const double *level, size_t n, double cut, double *spacing);

/* Kolmogorov's distance of `count` rising spacings from the surmise of Wigner for beta = 1 (NM18); nan for none. */
double spectrum_spacing_distance(const double *spacing, size_t count);

#endif
