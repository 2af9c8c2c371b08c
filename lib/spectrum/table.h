/* Tables of laws of eigenvalues that are given by their density, and roots in the upper half plane. */
#ifndef DMFT_SPECTRUM_TABLE_H
#define DMFT_SPECTRUM_TABLE_H

#include <complex.h>
#include <stddef.h>

#include "dmft.h"

/* m = F(m) for a map F of the upper half plane into itself, of which there is one: steps of Newton's method where they are short and halve what is left,
 * else half the way to F(m), which comes to it from anywhere (the whole way goes round in circles for one tau and real z). `map` gives F and dF/dm.
 * From *m with Im > 0; 1 when it is found. */
typedef double complex spectrum_map(const void *context, double complex z, double complex m, double complex *slope);
int spectrum_fixed_point(spectrum_map *map, const void *context, double complex z, double complex *m);

/* A law with these bands and the part `zero` at 0, `points` >= 8 points a band: `at` gives the density of its continuous part, point after point,
 * rising; `first` of a band. Errors: DMFT_ERROR_ARGUMENT, DMFT_ERROR_MEMORY, those of `at`. */
typedef struct spectrum_table spectrum_table;
typedef int spectrum_density_function(void *context, double x, int first, double *density, dmft_error *err);
int spectrum_table_create(spectrum_table **out, size_t bands, const double (*band)[2], double zero, size_t points, spectrum_density_function *at,
                          void *context, dmft_error *err);
void spectrum_table_free(spectrum_table *c);

/* Bands, their edges, and their part of the eigenvalues; points of a band (rising) and the density there. */
size_t spectrum_table_bands(const spectrum_table *c);
const double *spectrum_table_band(const spectrum_table *c, size_t band);
double spectrum_table_mass(const spectrum_table *c, size_t band);
const double *spectrum_table_x(const spectrum_table *c, size_t band);
const double *spectrum_table_density(const spectrum_table *c, size_t band);

/* The density at any x, 0 outside of the bands; the part of eigenvalues <= x, that at 0 included, and its inverse (0 <= part <= 1), from the cosine
 * series through the points. */
double spectrum_table_at(const spectrum_table *c, double x);
double spectrum_table_part(const spectrum_table *c, double x);
double spectrum_table_quantile(const spectrum_table *c, double part);

#endif
