/* Spacings of neighbouring levels: (NM16) to (NM18) of doc/theory.md.
 *
 * Unfolding fits the counting function by a smooth one. With x = middle - half cos(theta) between the extreme levels it is a short sine series in theta,
 * at soft edges as at hard ones; its coefficients are a least-squares problem of SPACING_TERMS unknowns. Time n SPACING_TERMS^2; no memory.
 */
#include "spectrum/spacing.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

enum { TERMS = SPACING_TERMS };

double spectrum_spacing_ratio(const double *level, size_t n, double cut)
{
    size_t first = (size_t)ceil(cut * (double)n), end = n - first, count = 0;
    double sum = 0.0;
    for (size_t i = first; i + 2 < end; i++) {
        double a = level[i + 1] - level[i], b = level[i + 2] - level[i + 1];
        if (!(fmax(a, b) > 0.0)) return NAN;
        sum += fmin(a, b) / fmax(a, b);
        count++;
    }
    return count > 0 ? sum / (double)count : NAN;
}

/* 1, theta, sin theta, sin 2 theta, .. */
static void basis_at(double x, double low, double high, double *basis)
{
    double cosine = fmin(fmax(1.0 - 2.0 * (x - low) / (high - low), -1.0), 1.0), theta = acos(cosine);
    basis[0] = 1.0;
    basis[1] = theta;
    for (int k = 2; k < TERMS; k++) basis[k] = sin((k - 1) * theta);
}

/* Coefficients of the smooth counting function, in levels; 0 when the fit fails. */
static int fit(const double *level, size_t n, double *coefficient)
{
    double normal[TERMS * TERMS] = {0}, basis[TERMS];
    memset(coefficient, 0, TERMS * sizeof *coefficient);
    for (size_t i = 0; i < n; i++) {
        basis_at(level[i], level[0], level[n - 1], basis);
        for (int a = 0; a < TERMS; a++) {
            coefficient[a] += basis[a] * ((double)i + 0.5);
            for (int b = 0; b <= a; b++) normal[a + b * TERMS] += basis[a] * basis[b];
        }
    }
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', TERMS, normal, TERMS) != 0) return 0;
    return LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', TERMS, 1, normal, TERMS, coefficient, TERMS) == 0;
}

static double count_below(double x, const double *level, size_t n, const double *coefficient)
{
    double basis[TERMS], sum = 0.0;
    basis_at(x, level[0], level[n - 1], basis);
    for (int k = 0; k < TERMS; k++) sum += coefficient[k] * basis[k];
    return sum;
}

size_t spectrum_spacing_unfold(const double *level, size_t n, double cut, double *spacing)
{
    double coefficient[TERMS];
    size_t first = (size_t)ceil(cut * (double)n), count = 0;
    if (n < SPACING_LEAST || !(level[n - 1] > level[0]) || !fit(level, n, coefficient)) return 0;
    double before = count_below(level[first], level, n, coefficient);
    for (size_t i = first + 1; i < n - first; i++) {
        double here = count_below(level[i], level, n, coefficient);
        spacing[count++] = here - before;
        before = here;
    }
    gsl_sort(spacing, 1, count);
    return count;
}

double spectrum_spacing_distance(const double *spacing, size_t count)
{
    if (count == 0) return NAN;
    double most = 0.0, step = 1.0 / (double)count;
    for (size_t i = 0; i < count; i++) {
        double surmise = spacing[i] > 0.0 ? -expm1(-0.25 * M_PI * gsl_pow_2(spacing[i])) : 0.0;
        most = fmax(most, fmax((double)(i + 1) * step - surmise, surmise - (double)i * step));
    }
    return most;
}
