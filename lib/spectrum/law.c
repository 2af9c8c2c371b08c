/* Generalised Marchenko-Pastur laws (LA1): edges (LA2), m(z) by Newton's method down from the upper half plane (LA3), density and
 * distribution (LA4), nodes of Marchenko-Pastur populations (LA5), (LA6).
 *
 * With n nodes: edges take some 200 n operations a gap, m(z) some 100 n complex ones, a point of a table and what is asked of it some 6 n; memory is the
 * table and a copy of the nodes.
 */
#include "spectrum/law.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
    HALVINGS = 1100, /* more than there are doubles between two: bisection ends by itself */
    NEWTON = 80,     /* steps to one root; 3 to 6 are usual, near an edge they only halve the distance */
    SHORTER = 40     /* halvings of a step of Newton's method that would leave the upper half plane */
};

static const double square = 1e-10;    /* |p/n - 1| up to which the lower edge, its square over 4, is below the rounding of the upper one */
static const double fall = 0.2;        /* of Im z from one root to the next on the way down */
static const double floor_part = 1e-9; /* of the starting height, below which the way goes to the target itself: Newton's method converges from there */
static const double real_part = 1e-6;  /* Im m over |m| up to which a root beside the one before may be a real one, of which a bulk has some with dx/dm < 0 */
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
        if (law->weight[k] * law->tau[k] > 0.0) {
            if (y == law->tau[k]) return -INFINITY; /* a node is the end of a band */
            sum += law->weight[k] * gsl_pow_2(law->tau[k] / (y - law->tau[k]));
        }
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
    double of_all = law->ratio * positive(law); /* p/n without the zeros; at 1 the law comes down to 0 */
    double low = law->band[first][0], high = law->band[law->bands - 1][1], root = sqrt(law->ratio);
    if (most == 0) return error_set(err, DMFT_ERROR_ARGUMENT, "room for 0 bands");
    /* dx/dy falls from 1 at minus infinity; it is positive still at `start`. */
    double start = -high * fmax(root - 1.0, 0.0);
    edge[0][0] = slope_of(law, low) < 0.0 ? fmax(x_of(law, change_of(slope_of, law, low, start)), 0.0) : 0.0;
    if (!(slope_of(law, low) < 0.0) && low > 0.0) return unresolved(law, low, err);
    if (fabs(of_all - 1.0) <= square) edge[0][0] = 0.0;
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

/* One division a node. */
double complex spectrum_law_sum(const struct spectrum_law *law, double complex m, double complex *slope)
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
    *slope = re2 + I * im2;
    return re + I * im;
}

/* x(m) and dx/dm. */
static double complex evaluate(const struct spectrum_law *law, double complex m, double complex *slope)
{
    double complex inverse = 1.0 / m, slope_of_sum, sum = spectrum_law_sum(law, m, &slope_of_sum);
    *slope = inverse * inverse - law->ratio * slope_of_sum;
    return -inverse + law->ratio * sum;
}

static int is_finite(double complex x) { return isfinite(creal(x)) && isfinite(cimag(x)); }

/* Newton's method for x(m) = z from m, kept in the upper half plane. 1 when it has come to a root. */
static int newton(const struct spectrum_law *law, double complex z, double complex *m)
{
    for (int i = 0; i < NEWTON; i++) {
        double complex slope, x = evaluate(law, *m, &slope);
        if (!is_finite(x) || !is_finite(slope) || slope == 0.0) return 0;
        double complex step = (x - z) / slope;
        if (!is_finite(step)) return 0;
        if (cabs(step) <= enough * cabs(*m) || cabs(x - z) <= enough * (cabs(z) + cabs(1.0 / *m))) return 1; /* x may be small against its terms */
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
    int found = is_finite(z);
    double complex root = found ? -1.0 / (z + I * height) : 0.0;
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

/* (LA4). */
static double part_of(const struct spectrum_law *law, double x, double complex m)
{
    double sum = 0.0;
    for (size_t k = 0; k < law->nodes; k++) sum += law->weight[k] * atan2(law->tau[k] * cimag(m), 1.0 + law->tau[k] * creal(m));
    return (x * cimag(m) + carg(m) - law->ratio * sum) / M_PI;
}

/* The part of the companion's eigenvalues <= x, x not 0, by (LA4). */
static int part_at(const struct spectrum_law *law, double x, double *part, dmft_error *err)
{
    double complex m;
    int status = spectrum_law_stieltjes(law, x, &m, err);
    if (status == DMFT_OK) *part = part_of(law, x, m);
    return status;
}

/* ---- tables ---- */

/* Band b has the points x = (lo + hi)/2 - (hi - lo)/2 cos theta, theta = pi (j + 1/2)/points, where m is known: what is asked for in between starts from
 * there. */
struct dmft_law {
    struct spectrum_law law;              /* of arrays of its own */
    double *tau, *weight;
    double (*support)[2];
    size_t bands, points;
    double zero;                          /* part of the eigenvalues that is 0 */
    double (*band)[2], *below;            /* below[b]: part of the eigenvalues below band b; below[bands] = 1 */
    double *x, *density, *part;           /* bands x points */
    double complex *m;
};

static double x_at(const spectrum_curve *c, size_t b, double theta)
{
    return c->band[b][0] + (c->band[b][1] - c->band[b][0]) * gsl_pow_2(sin(0.5 * theta));
}

static double angle_at(const spectrum_curve *c, size_t b, double x)
{
    return 2.0 * asin(sqrt(fmin(1.0, fmax(0.0, (x - c->band[b][0]) / (c->band[b][1] - c->band[b][0])))));
}

/* m at x inside of a band, from the m of a point near by. */
static int near_root(const struct spectrum_law *law, double x, double complex *m, dmft_error *err)
{
    int near = cimag(*m) > 0.0 && newton(law, x, m) && cimag(*m) > real_part * cabs(*m);
    return near ? DMFT_OK : spectrum_law_stieltjes(law, x, m, err);
}

/* The points of band b from the left, each from the one before. */
static int tabulate(spectrum_curve *c, size_t b, dmft_error *err)
{
    double complex m = 0.0;
    for (size_t j = 0; j < c->points; j++) {
        size_t at = b * c->points + j;
        c->x[at] = x_at(c, b, M_PI * ((double)j + 0.5) / (double)c->points);
        int status = near_root(&c->law, c->x[at], &m, err);
        if (status != DMFT_OK) return status;
        c->m[at] = m;
        c->density[at] = cimag(m) / M_PI;
        c->part[at] = part_of(&c->law, c->x[at], m);
    }
    return DMFT_OK;
}

static int tabulate_all(spectrum_curve *c, dmft_error *err)
{
    int status = spectrum_law_edges(&c->law, c->band, c->law.bands + 1, &c->bands, err);
    c->below[0] = c->zero;
    for (size_t b = 1; b < c->bands && status == DMFT_OK; b++)
        status = part_at(&c->law, 0.5 * (c->band[b - 1][1] + c->band[b][0]), &c->below[b], err);
    c->below[c->bands] = 1.0;
    for (size_t b = 0; b < c->bands && status == DMFT_OK; b++) status = tabulate(c, b, err);
    return status;
}

int spectrum_curve_create(spectrum_curve **out, const struct spectrum_law *law, size_t points, dmft_error *err)
{
    if (points < 8) return error_set(err, DMFT_ERROR_ARGUMENT, "a table of a law has at least 8 points a band, got %zu", points);
    spectrum_curve *c = calloc(1, sizeof *c);
    if (c == NULL) return error_memory(err, sizeof *c);
    size_t most = law->bands + 1;
    c->points = points;
    c->zero = spectrum_law_zero(law);
    c->tau = memory_doubles(law->nodes);
    c->weight = memory_doubles(law->nodes);
    c->support = calloc(most, sizeof *c->support);
    c->band = calloc(most, sizeof *c->band);
    c->below = memory_doubles(most + 1);
    c->x = memory_doubles(most * points);
    c->density = memory_doubles(most * points);
    c->part = memory_doubles(most * points);
    c->m = calloc(most * points, sizeof *c->m);
    int whole = c->tau && c->weight && c->support && c->band && c->below && c->x && c->density && c->part && c->m;
    int status = whole ? DMFT_OK : error_memory(err, 40.0 * (double)most * (double)points + 16.0 * (double)law->nodes);
    if (whole) {
        memcpy(c->tau, law->tau, law->nodes * sizeof *c->tau);
        memcpy(c->weight, law->weight, law->nodes * sizeof *c->weight);
        memcpy(c->support, law->band, law->bands * sizeof *c->support);
        c->law = (struct spectrum_law){law->ratio, law->nodes, c->tau, c->weight, law->bands, (const double(*)[2])c->support};
        status = tabulate_all(c, err);
    }
    if (status == DMFT_OK)
        *out = c;
    else
        spectrum_curve_free(c);
    return status;
}

size_t spectrum_curve_bands(const spectrum_curve *c) { return c->bands; }

const double *spectrum_curve_band(const spectrum_curve *c, size_t band) { return c->band[band]; }

double spectrum_curve_mass(const spectrum_curve *c, size_t band) { return c->below[band + 1] - c->below[band]; }

const double *spectrum_curve_density(const spectrum_curve *c, size_t band) { return c->density + band * c->points; }

/* The band that x lies in or below, `bands` above all. */
static size_t band_at(const spectrum_curve *c, double x)
{
    size_t b = 0;
    while (b < c->bands && x >= c->band[b][1]) b++;
    return b;
}

/* m at x inside of band b, from the nearest point. */
static int root_at(const spectrum_curve *c, size_t b, double x, double complex *m)
{
    double place = angle_at(c, b, x) * (double)c->points / M_PI - 0.5;
    *m = c->m[b * c->points + (size_t)fmin(fmax(round(place), 0.0), (double)c->points - 1.0)];
    return near_root(&c->law, x, m, NULL);
}

double spectrum_curve_part(const spectrum_curve *c, double x)
{
    size_t b = band_at(c, x);
    double complex m;
    if (b == c->bands) return x >= 0.0 ? 1.0 : 0.0;
    if (x <= c->band[b][0]) return x >= 0.0 ? c->below[b] : 0.0;
    return root_at(c, b, x, &m) == DMFT_OK ? part_of(&c->law, x, m) : NAN;
}

double spectrum_curve_at(const spectrum_curve *c, double x)
{
    size_t b = band_at(c, x);
    double complex m;
    if (b == c->bands || x <= c->band[b][0]) return 0.0;
    return root_at(c, b, x, &m) == DMFT_OK ? cimag(m) / M_PI : NAN;
}

/* Newton's method for the angle, between two points of the table that have the part between them. */
double spectrum_curve_quantile(const spectrum_curve *c, double part)
{
    size_t b = 0, j = 0;
    if (c->bands == 0 || (part <= c->zero && c->zero > 0.0)) return 0.0;
    while (b + 1 < c->bands && part > c->below[b + 1]) b++;
    if (part >= c->below[b + 1]) return c->band[b][1];
    const double *known = c->part + b * c->points;
    while (j < c->points && known[j] < part) j++;
    double step = M_PI / (double)c->points, low = j > 0 ? step * ((double)j - 0.5) : 0.0, high = j < c->points ? step * ((double)j + 0.5) : M_PI;
    double theta = 0.5 * (low + high);
    for (int i = 0; i < NEWTON; i++) {
        double x = x_at(c, b, theta);
        double complex m;
        if (x <= c->band[b][0] || x >= c->band[b][1]) return x; /* as near an end as numbers go */
        if (root_at(c, b, x, &m) != DMFT_OK) return NAN;
        double excess = part_of(&c->law, x, m) - part, slope = cimag(m) / M_PI * 0.5 * (c->band[b][1] - c->band[b][0]) * sin(theta);
        *(excess < 0.0 ? &low : &high) = theta;
        double next = theta - excess / slope;
        if (!(next > low && next < high)) next = 0.5 * (low + high);
        if (fabs(next - theta) <= enough * theta || next == low || next == high) break;
        theta = next;
    }
    return x_at(c, b, theta);
}

void spectrum_curve_free(spectrum_curve *c)
{
    if (c == NULL) return;
    free(c->tau);
    free(c->weight);
    free(c->support);
    free(c->band);
    free(c->below);
    free(c->x);
    free(c->density);
    free(c->part);
    free(c->m);
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

/* Where the nodes end: an angle of the last digits of 1, so that the weight beyond is rounding. */
static const double last_angle = 1e-15;

void spectrum_marchenko_pastur_graded(double q, size_t n, double *s, double *weight, double band[2])
{
    double root = sqrt(q), end = asinh(log(M_PI / last_angle) / M_PI), step = n > 1 ? 2.0 * end / (double)(n - 1) : 1.0, sum = 0.0;
    for (size_t k = 0; k < n; k++) { /* rising */
        double v = n > 1 ? -end + step * (double)k : 0.0, phi = M_PI / (1.0 + exp(-M_PI * sinh(v))), from_top = M_PI / (1.0 + exp(M_PI * sinh(v)));
        double slope = cosh(v) * phi * from_top; /* of phi, but for a constant */
        s[k] = gsl_pow_2(1.0 - root) + 4.0 * root * gsl_pow_2(sin(0.5 * phi));
        weight[k] = slope * gsl_pow_2(2.0 * sin(0.5 * phi) * sin(0.5 * from_top)) / s[k];
        sum += weight[k];
    }
    for (size_t k = 0; k < n; k++) weight[k] /= sum;
    band[0] = gsl_pow_2(1.0 - root);
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
