/* Tables of laws of eigenvalues given by a density, in the angle of (LA4), and roots in the upper half plane. A point of a table takes some 6 evaluations of
 * its map, the first of a band some thousand; the series takes points^2 operations a band. */
#include "spectrum/table.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"

enum {
    HALVINGS = 1100,   /* more than there are doubles between two: bisection ends by itself */
    ITERATIONS = 20000 /* to one root; Newton's steps are 3 to 6 from the point before, F's some thousand next to an edge */
};

static const double enough = 1e-14; /* relative step at which a root is taken: rounding of sums of some thousand terms */
static const double close = 1e-9;   /* relative distance of m and F(m) at which one is taken when steps run out, as they do next to an edge */

int spectrum_fixed_point(spectrum_map *map, const void *context, double complex z, double complex *m)
{
    double complex slope, F = map(context, z, *m, &slope);
    double left = INFINITY;
    for (int i = 0; i < ITERATIONS; i++) {
        double complex step = (F - *m) / (1.0 - slope), next_slope;
        left = cabs(F - *m);
        if (!(left > enough * cabs(*m)) || !(cabs(step) > enough * cabs(*m))) break;
        /* Distances count in units of Im m, in which F brings any two points closer: what only runs along with Im m -> 0 is no root. */
        if (cabs(step) <= 0.5 * cimag(*m)) {
            double complex next = *m + step, G = map(context, z, next, &next_slope);
            if (cabs(G - next) * cimag(*m) <= 0.5 * left * cimag(next)) {
                *m = next, F = G, slope = next_slope;
                continue;
            }
        }
        *m = 0.5 * (*m + F);
        F = map(context, z, *m, &slope);
    }
    return left <= close * cabs(*m);
}

/* Band b has the points x = (lo + hi)/2 - (hi - lo)/2 cos theta, theta = pi (j + 1/2)/points, and the cosine series of density dx/dtheta through them. */
struct spectrum_table {
    size_t bands, points;
    double zero;                    /* part of the eigenvalues that is 0 */
    double (*band)[2];
    double *x, *density, *series;   /* bands x points */
};

static double angle_of(const spectrum_table *c, size_t j) { return M_PI * ((double)j + 0.5) / (double)c->points; }

/* The points of band b from the left, and their series. */
static int tabulate(spectrum_table *c, size_t b, spectrum_density_function *at, void *context, dmft_error *err)
{
    double *x = c->x + b * c->points, *density = c->density + b * c->points, half = 0.5 * (c->band[b][1] - c->band[b][0]);
    for (size_t j = 0; j < c->points; j++) {
        x[j] = c->band[b][0] + 2.0 * half * gsl_pow_2(sin(0.5 * angle_of(c, j)));
        int status = at(context, x[j], j == 0, &density[j], err);
        if (status != DMFT_OK) return status;
    }
    for (size_t k = 0; k < c->points; k++) {
        double sum = 0.0;
        for (size_t j = 0; j < c->points; j++) sum += density[j] * half * sin(angle_of(c, j)) * cos((double)k * angle_of(c, j));
        c->series[b * c->points + k] = (k == 0 ? 1.0 : 2.0) * sum / (double)c->points;
    }
    return DMFT_OK;
}

int spectrum_table_create(spectrum_table **out, size_t bands, const double (*band)[2], double zero, size_t points, spectrum_density_function *at, void *context,
                      dmft_error *err)
{
    if (points < 8) return error_set(err, DMFT_ERROR_ARGUMENT, "a table of a law has at least 8 points a band, got %zu", points);
    spectrum_table *c = calloc(1, sizeof *c);
    if (c == NULL) return error_memory(err, sizeof *c);
    c->points = points;
    c->zero = zero;
    c->bands = bands;
    c->band = calloc(bands + 1, sizeof *c->band);
    c->x = memory_doubles(bands * points);
    c->density = memory_doubles(bands * points);
    c->series = memory_doubles(bands * points);
    int status = c->band && c->x && c->density && c->series ? DMFT_OK : error_memory(err, 24.0 * (double)bands * (double)points);
    for (size_t b = 0; b < bands && status == DMFT_OK; b++) {
        c->band[b][0] = band[b][0];
        c->band[b][1] = band[b][1];
        status = tabulate(c, b, at, context, err);
    }
    if (status == DMFT_OK)
        *out = c;
    else
        spectrum_table_free(c);
    return status;
}

size_t spectrum_table_bands(const spectrum_table *c) { return c->bands; }

const double *spectrum_table_band(const spectrum_table *c, size_t band) { return c->band[band]; }

double spectrum_table_mass(const spectrum_table *c, size_t band) { return M_PI * c->series[band * c->points]; }

const double *spectrum_table_x(const spectrum_table *c, size_t band) { return c->x + band * c->points; }

const double *spectrum_table_density(const spectrum_table *c, size_t band) { return c->density + band * c->points; }

/* The angle of x in band b. */
static double place_in(const spectrum_table *c, size_t b, double x)
{
    return 2.0 * asin(sqrt((x - c->band[b][0]) / (c->band[b][1] - c->band[b][0])));
}

double spectrum_table_at(const spectrum_table *c, double x)
{
    for (size_t b = 0; b < c->bands; b++) {
        if (!(x > c->band[b][0] && x < c->band[b][1])) continue;
        double theta = place_in(c, b, x), sum = 0.0;
        for (size_t k = 0; k < c->points; k++) sum += c->series[b * c->points + k] * cos((double)k * theta);
        return 2.0 * sum / ((c->band[b][1] - c->band[b][0]) * sin(theta));
    }
    return 0.0;
}

/* The part of band b up to an angle: the integral of its series. */
static double part_of_band(const spectrum_table *c, size_t b, double theta)
{
    const double *series = c->series + b * c->points;
    double sum = series[0] * theta;
    for (size_t k = 1; k < c->points; k++) sum += series[k] * sin((double)k * theta) / (double)k;
    return sum;
}

double spectrum_table_part(const spectrum_table *c, double x)
{
    double part = x >= 0.0 ? c->zero : 0.0;
    for (size_t b = 0; b < c->bands && x > c->band[b][0]; b++)
        part += x >= c->band[b][1] ? spectrum_table_mass(c, b)
                                   : part_of_band(c, b, place_in(c, b, x));
    return part;
}

double spectrum_table_quantile(const spectrum_table *c, double part)
{
    size_t b = 0;
    part -= c->zero;
    if (c->bands == 0 || (part <= 0.0 && c->zero > 0.0)) return 0.0;
    for (; b + 1 < c->bands && part > spectrum_table_mass(c, b); b++) part -= spectrum_table_mass(c, b);
    double low = 0.0, high = M_PI;
    for (int i = 0; i < HALVINGS; i++) {
        double theta = 0.5 * (low + high);
        if (theta == low || theta == high) break;
        *(part_of_band(c, b, theta) < part ? &low : &high) = theta;
    }
    return c->band[b][0] + (c->band[b][1] - c->band[b][0]) * gsl_pow_2(sin(0.5 * high));
}

void spectrum_table_free(spectrum_table *c)
{
    if (c == NULL) return;
    free(c->band);
    free(c->x);
    free(c->density);
    free(c->series);
    free(c);
}
