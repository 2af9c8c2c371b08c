/* Edge, isolated eigenvalue and overlaps of a matrix with a bulk and one spike: (NM6) to (NM9) of doc/theory.md.
 *
 * Everything is a sum over nodes of 1/(y - t), t = tau/tau_max in [0, 1] and y > 1, which stands for -1/(r tau_max m). Both equations for y are solved
 * from below in a form that is concave in y (power means of affine functions), where Newton's method rises to the root without passing it; with
 * one node it is affine, and the first step ends it. No memory.
 */
#include "spectrum/spiked.h"

#include <float.h>
#include <gsl/gsl_math.h>
#include <math.h>

enum { NEWTON = 400 }; /* steps; 5 to 12 are usual, more where a node of little weight stands alone at the top */

static const double enough = 1e-16;   /* relative step at which the root is taken: less than the last bit */
static const double nothing = 1e-250; /* a bulk of less variance is none: powers of it leave the range of doubles */
static const double plain = 1e30;     /* a spike so far above the bulk is as without it, to all digits */

/* <p^2/(y-t)^power>, p = t or f. */
static double sum_over(const struct spectrum_spiked *w, double top, const double *p, double scale, double y, int power)
{
    double sum = 0.0;
    for (size_t k = 0; k < w->nodes; k++) sum += w->weight[k] * gsl_pow_2(p[k] / scale) / gsl_pow_int(y - w->tau[k] / top, power);
    return sum;
}

/* Where <p^2/(y-t)^power> comes down to `target`, from `y` on, where it is not below. */
static double descend(const struct spectrum_spiked *w, double top, const double *p, double scale, int power, double target, double y)
{
    for (int i = 0; i < NEWTON; i++) {
        double sum = sum_over(w, top, p, scale, y, power), slope = power * sum_over(w, top, p, scale, y, power + 1);
        double step = power * sum / slope * (pow(sum / target, 1.0 / power) - 1.0); /* Newton's for sum^{-1/power} */
        if (!(step > enough * y)) break;
        y += step;
    }
    return y;
}

/* The largest tau, and its weight (of several the heaviest). */
static double find_top(const struct spectrum_spiked *w, double *weight)
{
    double top = 0.0;
    *weight = 0.0;
    for (size_t k = 0; k < w->nodes; k++) {
        if (w->tau[k] < top || !(w->weight[k] > 0.0)) continue;
        *weight = w->tau[k] > top ? w->weight[k] : fmax(*weight, w->weight[k]);
        top = w->tau[k];
    }
    return top;
}

/* x(y) (NM6). */
static double x_of(const struct spectrum_spiked *w, double top, double y)
{
    double sum = 0.0;
    for (size_t k = 0; k < w->nodes; k++) sum += w->weight[k] * w->tau[k] / (top * y - w->tau[k]);
    return top * y * (w->ratio + sum);
}

static double mean_of(const struct spectrum_spiked *w, double top, double y)
{
    double sum = 0.0;
    for (size_t k = 0; k < w->nodes; k++) sum += w->weight[k] * w->spike[k] / (y - w->tau[k] / top);
    return sum;
}

/* As if there were nothing but the spike. */
static void solve_bare(const struct spectrum_spiked *w, struct spectrum_spiked_law *law)
{
    double square = 0.0, mean = 0.0;
    for (size_t k = 0; k < w->nodes; k++) {
        square += w->weight[k] * gsl_pow_2(w->spike[k]);
        mean += w->weight[k] * w->spike[k];
    }
    if (!(square > 0.0)) return;
    law->margin = fmax(law->margin, plain);
    law->value = square;
    law->left = 1.0;
    law->right = mean * mean / square;
}

static void solve_isolated(const struct spectrum_spiked *w, double top, double y, struct spectrum_spiked_law *law)
{
    double r = w->ratio;
    y = descend(w, top, w->spike, 1.0, 1, r * top, y);
    law->value = x_of(w, top, y);
    law->left = top * (r - sum_over(w, top, w->tau, top, y, 2)) / (y * sum_over(w, top, w->spike, 1.0, y, 2));
    law->right = law->left * gsl_pow_2(y * mean_of(w, top, y)) / law->value;
}

void spectrum_spiked_solve(const struct spectrum_spiked *w, struct spectrum_spiked_law *law)
{
    double weight, top = find_top(w, &weight);
    *law = (struct spectrum_spiked_law){.margin = -1.0, .value = NAN, .left = NAN, .right = NAN};
    if (!(top > nothing)) {
        solve_bare(w, law);
        return;
    }
    double y = descend(w, top, w->tau, top, 2, w->ratio, 1.0 + fmax(sqrt(weight / w->ratio), DBL_EPSILON));
    law->edge = x_of(w, top, y);
    law->margin = sum_over(w, top, w->spike, 1.0, y, 1) / (w->ratio * top) - 1.0;
    if (law->margin > plain) solve_bare(w, law);
    else if (law->margin > 0.0) solve_isolated(w, top, y, law);
}
