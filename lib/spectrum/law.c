/* Generalised Marchenko-Pastur laws (LA1): edges (LA2), m(z) by Newton's method down from the upper half plane (LA3), tables of density and
 * distribution (LA4), nodes of Marchenko-Pastur populations (LA5).
 *
 * With n nodes: edges take some 200 n operations a gap, m(z) some 100 n complex ones, a point of a table some 6 n; memory is the table.
 */
#include "spectrum/law.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"

enum {
    HALVINGS = 1100, /* more than there are doubles between two: bisection ends by itself */
    NEWTON = 80,     /* steps to one root; 3 to 6 are usual, near an edge they only halve the distance */
    SHORTER = 40     /* halvings of a step of Newton's method that would leave the upper half plane */
};

static const double fall = 0.2;        /* of Im z from one root to the next on the way down */
static const double floor_part = 1e-9; /* of the starting height, below which the way goes to the target itself: Newton's method converges from there */
static const double enough = 1e-14;    /* relative step at which a root is taken: rounding of sums of some thousand terms */

/* ---- on the real axis ---- */

double spectrum_law_x(const struct spectrum_law *law, double m)
{
    double sum = 0.0;
    for (size_t k = 0; k < law->nodes; k++) sum += law->weight[k] * law->tau[k] / (1.0 + law->tau[k] * m);
    return -1.0 / m + law->ratio * sum;
}

double spectrum_law_slope(const struct spectrum_law *law, double m)
{
    double sum = 0.0;
    for (size_t k = 0; k < law->nodes; k++) sum += law->weight[k] * gsl_pow_2(law->tau[k] / (1.0 + law->tau[k] * m));
    return 1.0 / (m * m) - law->ratio * sum;
}

/* Part of the population that is not 0. */
static double positive(const struct spectrum_law *law)
{
    double sum = 0.0, zero = 0.0;
    for (size_t k = 0; k < law->nodes; k++) *(law->tau[k] > 0.0 ? &sum : &zero) += law->weight[k];
    return sum / (sum + zero);
}

double spectrum_law_zero(const struct spectrum_law *law) { return fmax(0.0, 1.0 - law->ratio * positive(law)); }

/* x(y), y = -1/m; dx/dy and its derivative (LA2). */
static double x_of(const struct spectrum_law *law, double y)
{
    double sum = 0.0;
    for (size_t k = 0; k < law->nodes; k++)
        if (law->weight[k] * law->tau[k] > 0.0) sum += law->weight[k] * law->tau[k] / (y - law->tau[k]);
    return y + law->ratio * y * sum;
}

static double slope_of(const struct spectrum_law *law, double y)
{
    double sum = 0.0;
    for (size_t k = 0; k < law->nodes; k++)
        if (law->weight[k] * law->tau[k] > 0.0) sum += law->weight[k] * gsl_pow_2(law->tau[k] / (y - law->tau[k]));
    return 1.0 - law->ratio * sum;
}

static double bend_of(const struct spectrum_law *law, double y)
{
    double sum = 0.0;
    for (size_t k = 0; k < law->nodes; k++)
        if (law->weight[k] * law->tau[k] > 0.0) sum += law->weight[k] * gsl_pow_2(law->tau[k]) / gsl_pow_3(y - law->tau[k]);
    return 2.0 * law->ratio * sum;
}

/* Where f changes sign between `below` (f <= 0) and `above` (f >= 0), to the last bit. */
static double change_of(double (*f)(const struct spectrum_law *, double), const struct spectrum_law *law, double below, double above)
{
    for (int i = 0; i < HALVINGS; i++) {
        double y = 0.5 * (below + above);
        if (y == below || y == above) break;
        *(f(law, y) < 0.0 ? &below : &above) = y;
    }
    return above;
}

static int unresolved(const struct spectrum_law *law, double at, dmft_error *err)
{
    return error_set(err, DMFT_ERROR_NUMERIC, "%zu nodes are too few to resolve the population's band that ends at %g (ratio %g)", law->nodes, at, law->ratio);
}

int spectrum_law_edges(const struct spectrum_law *law, double (*edge)[2], size_t most, size_t *count, dmft_error *err)
{
    size_t first = 0, n = 0;
    while (first < law->bands && !(law->band[first][1] > 0.0)) first++; /* zeros add nothing to x */
    *count = 0;
    if (first == law->bands || !(positive(law) > 0.0)) return DMFT_OK;
    double low = law->band[first][0], high = law->band[law->bands - 1][1], root = sqrt(law->ratio);
    if (most == 0) return error_set(err, DMFT_ERROR_ARGUMENT, "room for 0 bands");
    /* dx/dy falls from 1 at minus infinity; it is positive still at `start`. */
    double start = -high * fmax(root - 1.0, 0.0);
    edge[0][0] = slope_of(law, low) < 0.0 ? fmax(x_of(law, change_of(slope_of, law, low, start)), 0.0) : 0.0;
    if (!(slope_of(law, low) < 0.0) && low > 0.0) return unresolved(law, low, err);
    for (size_t b = first; b + 1 < law->bands; b++) {
        double from = law->band[b][1], to = law->band[b + 1][0];
        double top = change_of(bend_of, law, to, from); /* the slope is concave between two bands */
        if (!(slope_of(law, top) > 0.0)) continue;
        if (!(slope_of(law, from) < 0.0)) return unresolved(law, from, err);
        if (!(slope_of(law, to) < 0.0)) return unresolved(law, to, err);
        if (n + 1 == most) return error_set(err, DMFT_ERROR_ARGUMENT, "more than %zu bands", most);
        edge[n++][1] = x_of(law, change_of(slope_of, law, from, top));
        edge[n][0] = x_of(law, change_of(slope_of, law, to, top));
    }
    if (!(slope_of(law, high) < 0.0)) return unresolved(law, high, err);
    edge[n++][1] = x_of(law, change_of(slope_of, law, high, high * (1.0 + root) * (1.0 + 1e-15)));
    *count = n;
    return DMFT_OK;
}

/* ---- in the upper half plane ---- */

/* x(m) and dx/dm. One division a node. */
static double complex evaluate(const struct spectrum_law *law, double complex m, double complex *slope)
{
    double a = creal(m), b = cimag(m), re = 0.0, im = 0.0, re2 = 0.0, im2 = 0.0;
    for (size_t k = 0; k < law->nodes; k++) {
        double tau = law->tau[k], w = law->weight[k], u = 1.0 + tau * a, v = tau * b, n = tau / (u * u + v * v);
        double p = u * n, q = -v * n; /* tau/(1 + tau m) */
        re += w * p;
        im += w * q;
        re2 += w * (p * p - q * q);
        im2 += w * 2.0 * p * q;
    }
    double complex inverse = 1.0 / m;
    *slope = inverse * inverse - law->ratio * (re2 + I * im2);
    return -inverse + law->ratio * (re + I * im);
}

/* Newton's method for x(m) = z from m, kept in the upper half plane. 1 when it has come to a root. */
static int newton(const struct spectrum_law *law, double complex z, double complex *m)
{
    for (int i = 0; i < NEWTON; i++) {
        double complex slope, x = evaluate(law, *m, &slope), step = (x - z) / slope;
        if (!isfinite(creal(step)) || !isfinite(cimag(step))) return 0;
        if (cabs(step) <= enough * cabs(*m) || cabs(x - z) <= enough * cabs(z)) return 1;
        for (int k = 0; k < SHORTER && cimag(*m - step) <= 0.0; k++) step *= 0.5;
        if (cimag(*m - step) <= 0.0) { /* outside of the support: the root is real */
            *m = creal(*m - step) + I * 0.5 * cimag(*m);
            continue;
        }
        *m -= step;
    }
    return 0;
}

int spectrum_law_stieltjes(const struct spectrum_law *law, double complex z, double complex *m, dmft_error *err)
{
    double most = 0.0;
    for (size_t k = 0; k < law->nodes; k++) most = fmax(most, law->tau[k]);
    if (cabs(z) == 0.0 || !(cimag(z) >= 0.0)) return error_set(err, DMFT_ERROR_ARGUMENT, "z = %g + %g i is 0 or below the real axis", creal(z), cimag(z));
    double height = 4.0 * (cabs(z) + most * gsl_pow_2(1.0 + sqrt(law->ratio))), least = floor_part * fmin(height, cabs(z));
    double complex root = -1.0 / (z + I * height);
    int found = 1;
    for (double over = height; over > least && found; over *= fall) found = newton(law, z + I * over, &root);
    found = found && newton(law, z, &root);
    if (!found)
        return error_set(err, DMFT_ERROR_NUMERIC, "no root m of x(m) = %.15g + %.15g i (%zu nodes, ratio %g)", creal(z), cimag(z), law->nodes, law->ratio);
    *m = root;
    return DMFT_OK;
}

int spectrum_law_density(const struct spectrum_law *law, double x, double *density, dmft_error *err)
{
    double complex m;
    int status = spectrum_law_stieltjes(law, x, &m, err);
    if (status == DMFT_OK) *density = cimag(m) / M_PI;
    return status;
}

/* ---- tables ---- */

/* Band b has the points x = (lo + hi)/2 - (hi - lo)/2 cos theta, theta = pi (j + 1/2)/points, and the cosine series of density dx/dtheta through them. */
struct spectrum_curve {
    size_t bands, points;
    double zero;                    /* part of the eigenvalues that is 0 */
    double (*band)[2];
    double *x, *density, *series;   /* bands x points */
};

static double angle_of(const spectrum_curve *c, size_t j) { return M_PI * ((double)j + 0.5) / (double)c->points; }

/* The points of band b from the left, each from the one before. */
static int tabulate(spectrum_curve *c, size_t b, const struct spectrum_law *law, dmft_error *err)
{
    double *x = c->x + b * c->points, *density = c->density + b * c->points, half = 0.5 * (c->band[b][1] - c->band[b][0]);
    double complex m = 0.0;
    for (size_t j = 0; j < c->points; j++) {
        x[j] = c->band[b][0] + 2.0 * half * gsl_pow_2(sin(0.5 * angle_of(c, j)));
        int status = cimag(m) > 0.0 && newton(law, x[j], &m) && cimag(m) > 0.0 ? DMFT_OK : spectrum_law_stieltjes(law, x[j], &m, err);
        if (status != DMFT_OK) return status;
        density[j] = cimag(m) / M_PI;
    }
    for (size_t k = 0; k < c->points; k++) {
        double sum = 0.0;
        for (size_t j = 0; j < c->points; j++) sum += density[j] * half * sin(angle_of(c, j)) * cos((double)k * angle_of(c, j));
        c->series[b * c->points + k] = (k == 0 ? 1.0 : 2.0) * sum / (double)c->points;
    }
    return DMFT_OK;
}

int spectrum_curve_create(spectrum_curve **out, const struct spectrum_law *law, size_t points, dmft_error *err)
{
    if (points < 8) return error_set(err, DMFT_ERROR_ARGUMENT, "a table of a law has at least 8 points a band, got %zu", points);
    spectrum_curve *c = calloc(1, sizeof *c);
    if (c == NULL) return error_memory(err, sizeof *c);
    size_t most = law->bands + 1;
    c->points = points;
    c->zero = spectrum_law_zero(law);
    c->band = calloc(most, sizeof *c->band);
    c->x = memory_doubles(most * points);
    c->density = memory_doubles(most * points);
    c->series = memory_doubles(most * points);
    int status = c->band && c->x && c->density && c->series ? DMFT_OK : error_memory(err, 24.0 * (double)most * (double)points);
    if (status == DMFT_OK) status = spectrum_law_edges(law, c->band, most, &c->bands, err);
    for (size_t b = 0; b < c->bands && status == DMFT_OK; b++) status = tabulate(c, b, law, err);
    if (status == DMFT_OK)
        *out = c;
    else
        spectrum_curve_free(c);
    return status;
}

size_t spectrum_curve_bands(const spectrum_curve *c) { return c->bands; }

const double *spectrum_curve_band(const spectrum_curve *c, size_t band) { return c->band[band]; }

double spectrum_curve_mass(const spectrum_curve *c, size_t band) { return M_PI * c->series[band * c->points]; }

const double *spectrum_curve_x(const spectrum_curve *c, size_t band) { return c->x + band * c->points; }

const double *spectrum_curve_density(const spectrum_curve *c, size_t band) { return c->density + band * c->points; }

/* The part of band b up to an angle: the integral of its series. */
static double part_of_band(const spectrum_curve *c, size_t b, double theta)
{
    const double *series = c->series + b * c->points;
    double sum = series[0] * theta;
    for (size_t k = 1; k < c->points; k++) sum += series[k] * sin((double)k * theta) / (double)k;
    return sum;
}

double spectrum_curve_part(const spectrum_curve *c, double x)
{
    double part = x >= 0.0 ? c->zero : 0.0;
    for (size_t b = 0; b < c->bands && x > c->band[b][0]; b++)
        part += x >= c->band[b][1] ? spectrum_curve_mass(c, b)
                                   : part_of_band(c, b, 2.0 * asin(sqrt((x - c->band[b][0]) / (c->band[b][1] - c->band[b][0]))));
    return part;
}

double spectrum_curve_quantile(const spectrum_curve *c, double part)
{
    size_t b = 0;
    part -= c->zero;
    if (c->bands == 0 || (part <= 0.0 && c->zero > 0.0)) return 0.0;
    for (; b + 1 < c->bands && part > spectrum_curve_mass(c, b); b++) part -= spectrum_curve_mass(c, b);
    double low = 0.0, high = M_PI;
    for (int i = 0; i < HALVINGS; i++) {
        double theta = 0.5 * (low + high);
        if (theta == low || theta == high) break;
        *(part_of_band(c, b, theta) < part ? &low : &high) = theta;
    }
    return c->band[b][0] + (c->band[b][1] - c->band[b][0]) * gsl_pow_2(sin(0.5 * high));
}

void spectrum_curve_free(spectrum_curve *c)
{
    if (c == NULL) return;
    free(c->band);
    free(c->x);
    free(c->density);
    free(c->series);
    free(c);
}

/* ---- populations ---- */

static const double negligible = 1e-15; /* weight at 0 that is rounding of the others' sum */

void spectrum_marchenko_pastur_nodes(double q, size_t n, double *s, double *weight, double band[2])
{
    double root = sqrt(q), rest = 1.0;
    for (size_t k = 0; k < n; k++) { /* rising */
        double theta = M_PI * (double)(n - k) / (double)(n + 1);
        s[k] = gsl_pow_2(1.0 - root) + 4.0 * root * gsl_pow_2(cos(0.5 * theta));
        weight[k] = 2.0 * gsl_pow_2(sin(theta)) / ((double)(n + 1) * s[k]);
        rest -= weight[k];
    }
    s[n] = 0.0;
    weight[n] = rest > negligible ? rest : 0.0;
    band[0] = rest > negligible ? 0.0 : gsl_pow_2(1.0 - root);
    band[1] = gsl_pow_2(1.0 + root);
}

/* Lowers (sign 1) or raises (sign -1) `best` by golden section between a and b. */
static double refine(double (*f)(double, void *), void *context, double a, double b, double sign)
{
    const double golden = 0.5 * (sqrt(5.0) - 1.0);
    double u = b - golden * (b - a), v = a + golden * (b - a), fu = sign * f(u, context), fv = sign * f(v, context);
    for (int i = 0; i < HALVINGS && u > a && v < b && u < v; i++) {
        if (fu < fv) {
            b = v, v = u, fv = fu;
            fu = sign * f(u = b - golden * (b - a), context);
        } else {
            a = u, u = v, fu = fv;
            fv = sign * f(v = a + golden * (b - a), context);
        }
    }
    return sign * fmin(fu, fv);
}

void spectrum_image(double (*f)(double, void *), void *context, double a, double b, size_t grid, double image[2])
{
    size_t least = 0, most = 0;
    double low = f(a, context), high = low;
    for (size_t k = 1; k <= grid; k++) {
        double value = f(a + (b - a) * (double)k / (double)grid, context);
        if (value < low) low = value, least = k;
        if (value > high) high = value, most = k;
    }
    double step = (b - a) / (double)grid;
    image[0] = fmin(low, refine(f, context, fmax(a, a + step * ((double)least - 1.0)), fmin(b, a + step * ((double)least + 1.0)), 1.0));
    image[1] = fmax(high, refine(f, context, fmax(a, a + step * ((double)most - 1.0)), fmin(b, a + step * ((double)most + 1.0)), -1.0));
}
