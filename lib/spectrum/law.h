/* Generalised Marchenko-Pastur laws: the eigenvalues of T^{1/2} G G^T T^{1/2}/n, G p x n with iid entries of unit variance, T of a given law. */
#ifndef DMFT_SPECTRUM_LAW_H
#define DMFT_SPECTRUM_LAW_H

#include <complex.h>

#include "dmft.h"

/* The population (law of T) as nodes of a quadrature, and p/n. All arrays are the caller's. m(x) is that of the n x n companion matrix G^T T G/n, which
 * has the same eigenvalues other than 0: m = (1/n) trace of 1/(companion - x). What is known of the companion is known of the p x p matrix: its
 * density is that of the companion over `ratio`, and F_p = 1 - (1 - F_n)/ratio. */
struct spectrum_law {
    double ratio;                 /* p/n > 0 */
    size_t nodes;
    const double *tau, *weight;   /* tau >= 0; weights >= 0 of sum 1, atoms included */
    size_t bands;                 /* the support of the population, which is what tells gaps from the space between two nodes: */
    const double (*band)[2];      /* intervals, rising and disjoint, lo = hi for an atom; an atom at 0 may be left out */
};

/* x(m) of (LA1) and dx/dm, m real. */
double spectrum_law_x(const struct spectrum_law *law, double m);
double spectrum_law_slope(const struct spectrum_law *law, double m);

/* sum w tau/(1 + tau m) and minus its derivative, of which (LA1) is made. */
double complex spectrum_law_sum(const struct spectrum_law *law, double complex m, double complex *slope);

/* The part of the companion's eigenvalues that is 0; of the p x p matrix it is 1 - (1 - this)/ratio. */
double spectrum_law_zero(const struct spectrum_law *law);

/* All bands of the continuous part, rising (LA2): at most bands of the population. A law of zeros has none.
 * Errors: DMFT_ERROR_ARGUMENT (more than `most`), DMFT_ERROR_NUMERIC (too few nodes to resolve a band of the population). */
int spectrum_law_edges(const struct spectrum_law *law, double (*edge)[2], size_t most, size_t *count, dmft_error *err);

/* m(z) for Im z >= 0, z not 0; on the real axis its limit from above (LA3). Error: DMFT_ERROR_NUMERIC. */
int spectrum_law_stieltjes(const struct spectrum_law *law, double complex z, double complex *m, dmft_error *err);

/* Im m/pi at a real x that is not 0: the density of the companion's continuous part. Error: DMFT_ERROR_NUMERIC. */
int spectrum_law_density(const struct spectrum_law *law, double x, double *density, dmft_error *err);

/* The same many times over: m at the points of every band, from which it is found in between. It keeps a copy of the law. */
typedef dmft_law spectrum_curve;

/* `points` >= 8 points a band. Errors: of spectrum_law_edges and _stieltjes, DMFT_ERROR_MEMORY. */
int spectrum_curve_create(spectrum_curve **out, const struct spectrum_law *law, size_t points, dmft_error *err);

/* Bands, their edges, and their part of the eigenvalues. */
size_t spectrum_curve_bands(const spectrum_curve *c);
const double *spectrum_curve_band(const spectrum_curve *c, size_t band);
double spectrum_curve_mass(const spectrum_curve *c, size_t band);

/* The density at the points of a band. */
const double *spectrum_curve_density(const spectrum_curve *c, size_t band);

/* The density of the continuous part at any x, the part of eigenvalues <= x, that at 0 included, and its inverse (0 <= part <= 1; 0 when that part is at
 * 0). nan where Newton's method fails. */
double spectrum_curve_at(const spectrum_curve *c, double x);
double spectrum_curve_part(const spectrum_curve *c, double x);
double spectrum_curve_quantile(const spectrum_curve *c, double part);

void spectrum_curve_free(spectrum_curve *c);

/* Quadrature of the Marchenko-Pastur law of s, the eigenvalues other than 0 of G G^T/b, G a x b, q = a/b <= 1 (LA5): n nodes s[k] in
 * ((1-sqrt q)^2, (1+sqrt q)^2) and one more, s[n] = 0, whose weight is what is left of 1 (of order q^n). n+1 numbers each. Exact for polynomials of
 * degree 2n. band: the support; it begins at 0 where that last weight is not negligible. */
void spectrum_marchenko_pastur_nodes(double q, size_t n, double *s, double *weight, double band[2]);

/* The same law by n nodes (LA6) that crowd at both ends, for populations that are steep there and laws whose edges come close to the population's: what is
 * smooth in the logarithm of the distance from an end converges as fast as what is smooth. n numbers each. */
void spectrum_marchenko_pastur_graded(double q, size_t n, double *s, double *weight, double band[2]);

/* The interval that a continuous function f takes [a, b] to: the extremes over `grid` equal parts, each refined. */
void spectrum_image(double (*f)(double s, void *context), void *context, double a, double b, size_t grid, double image[2]);

#endif
