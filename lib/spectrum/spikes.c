/* A finite density of equal signals in noise: the law of the singular values of A + theta U V^T, (XT7)-(XT10) of doc/theory.md.
 *
 * Everything is explicit in one variable w, the point at which the signal's own resolvent is taken; edges are zeros of dz/dw on the real axis, found by
 * bisection, the rest is Newton's method for w(z) down from the upper half plane. Microseconds, no memory.
 */
#include <complex.h>
#include <gsl/gsl_math.h>
#include <math.h>

#include "base/error.h"
#include "dmft.h"

enum {
    HALVINGS = 1100, /* more than there are doubles between two: bisection ends by itself */
    NEWTON = 100,    /* steps to one root; 3 to 6 are usual */
    SHORTER = 40,    /* halvings of a step that would leave the upper half plane */
    GRID = 256       /* parts of the space between the two atoms in which the largest slope is looked for */
};

static const double fall = 0.2;        /* of Im z from one root to the next on the way down */
static const double floor_part = 1e-9; /* of the starting height, below which the way goes to the target itself */
static const double enough = 1e-14;    /* relative step at which a root is taken */

/* p x n, p <= n, noise of variance 1/n: c = p/n, T = theta^2, r = K/p; `unit` is what singular values are divided by. */
struct scaled {
    double c, T, r, unit;
};

static int scale(const dmft_spikes *s, struct scaled *out, dmft_error *err)
{
    double psi = s->psi, smaller = fmin(1.0, psi);
    if (!isgreater(psi, 0.0) || !isfinite(psi)) return error_set(err, DMFT_ERROR_ARGUMENT, "psi must be in (0, inf), got %g", psi);
    if (!isgreater(s->sigma2, 0.0) || !isfinite(s->sigma2))
        return error_set(err, DMFT_ERROR_ARGUMENT, "sigma2 must be in (0, inf), got %g", s->sigma2);
    if (!isgreater(s->rank_ratio, 0.0) || s->rank_ratio > smaller)
        return error_set(err, DMFT_ERROR_ARGUMENT, "rank_ratio must be in (0, %g] for psi = %g, got %g", smaller, psi, s->rank_ratio);
    if (!isgreaterequal(s->strength, 0.0) || !isfinite(s->strength))
        return error_set(err, DMFT_ERROR_ARGUMENT, "strength must be in [0, inf), got %g", s->strength);
    double unit = sqrt(s->sigma2 * fmax(1.0, psi));
    *out = (struct scaled){.c = fmin(psi, 1.0 / psi), .T = gsl_pow_2(s->strength / unit), .r = s->rank_ratio / smaller, .unit = unit};
    return DMFT_OK;
}

/* ---- on the real axis ---- */

/* h, u = 1 - c h and their slopes; z and dz/dw (XT8). An atom of no weight is passed over: it would be 0/0 where it stands. */
struct point {
    double u, z, slope;
};

static struct point at(const struct scaled *q, double w)
{
    double low = q->r < 1.0 ? (1.0 - q->r) / -w : 0.0, high = q->r / (q->T - w);
    double dh = (q->r < 1.0 ? low * low / (1.0 - q->r) : 0.0) + high * high / q->r;
    double u = 1.0 - q->c * (low + high), du = -q->c * dh;
    return (struct point){.u = u, .z = w * u * u + (1.0 - q->c) * u, .slope = u * u + (2.0 * w * u + (1.0 - q->c)) * du};
}

/* Outside of the support dz/dw > 0 and u > 0. */
static int outside(const struct scaled *q, double w)
{
    struct point p = at(q, w);
    return p.u > 0.0 && p.slope > 0.0;
}

/* Where that begins, between a point where it does not hold and one where it does. */
static double border(const struct scaled *q, double inside, double out)
{
    for (int i = 0; i < HALVINGS; i++) {
        double w = 0.5 * (inside + out);
        if (w == inside || w == out) break;
        *(outside(q, w) ? &out : &inside) = w;
    }
    return out;
}

/* dz/dw where u > 0. */
static double slope_inside(const struct scaled *q, double w)
{
    struct point p = at(q, w);
    return p.u > 0.0 ? p.slope : -INFINITY;
}

/* The largest dz/dw over 0 < w < T where u > 0, and its place; -inf where there is no such w. */
static double largest_slope(const struct scaled *q, double *place)
{
    double a, b, best = -INFINITY, golden = 0.5 * (sqrt(5.0) - 1.0);
    *place = 0.0;
    if (!(q->T > 0.0) || q->r >= 1.0) return best;
    for (int k = 1; k < GRID; k++) {
        double w = q->T * k / GRID, slope = slope_inside(q, w);
        if (slope > best) best = slope, *place = w;
    }
    if (*place == 0.0) return best;
    a = *place - q->T / GRID;
    b = *place + q->T / GRID;
    for (int i = 0; i < HALVINGS; i++) {
        double v = b - golden * (b - a), w = a + golden * (b - a);
        if (!(a < v && v < w && w < b)) break;
        double left = slope_inside(q, v), right = slope_inside(q, w);
        if (left > best) best = left, *place = v;
        if (right > best) best = right, *place = w;
        *(left > right ? &b : &a) = left > right ? w : v;
    }
    return best;
}

/* A w beyond the atom on one side that is outside of the support for certain: doubles the distance. */
static double far_out(const struct scaled *q, double from, double step)
{
    double w = from + step;
    while (!outside(q, w) && fabs(w) < 1e300) w = from + (step *= 2.0);
    return w;
}

int dmft_spikes_edges(const dmft_spikes *s, double edges[4], size_t *bands, dmft_error *err)
{
    struct scaled q;
    double gap, bottom = 0.0;
    int status = scale(s, &q, err);
    if (status != DMFT_OK) return status;
    double lowest = q.r < 1.0 ? 0.0 : q.T;
    double unit = 1.0 + q.T;
    if (q.c < 1.0 || q.r == 1.0) bottom = at(&q, border(&q, lowest, far_out(&q, lowest, -unit))).z; /* a square matrix of noise comes down to 0 */
    edges[0] = q.unit * sqrt(fmax(0.0, bottom));
    *bands = 1;
    if (largest_slope(&q, &gap) > 0.0) {
        edges[1] = q.unit * sqrt(at(&q, border(&q, 0.0, gap)).z);
        edges[2] = q.unit * sqrt(at(&q, border(&q, q.T, gap)).z);
        *bands = 2;
    }
    edges[2 * *bands - 1] = q.unit * sqrt(at(&q, border(&q, q.T, far_out(&q, q.T, unit))).z);
    return DMFT_OK;
}

int dmft_spikes_critical(double psi, double sigma2, double rank_ratio, double *strength, dmft_error *err)
{
    dmft_spikes s = {.psi = psi, .sigma2 = sigma2, .rank_ratio = rank_ratio, .strength = 0.0};
    struct scaled q;
    double place, low, high;
    int status = scale(&s, &q, err);
    if (status != DMFT_OK) return status;
    if (q.r >= 1.0) return error_set(err, DMFT_ERROR_ARGUMENT, "signals of full rank, %g = min(1, psi), leave no bulk to split from", rank_ratio);
    low = high = sqrt(sqrt(q.c)); /* of a single signal */
    for (q.T = high * high; !(largest_slope(&q, &place) > 0.0); q.T = high * high) {
        low = high;
        high *= 1.5;
        if (!(high < 1e8)) return error_set(err, DMFT_ERROR_NUMERIC, "no strength up to %g splits the bulk", high * q.unit);
    }
    for (int i = 0; i < HALVINGS; i++) {
        double middle = 0.5 * (low + high);
        if (middle == low || middle == high) break;
        q.T = middle * middle;
        *(largest_slope(&q, &place) > 0.0 ? &high : &low) = middle;
    }
    *strength = high * q.unit;
    return DMFT_OK;
}

/* ---- in the upper half plane ---- */

struct complex_point {
    double complex h, u, z, slope;
};

static struct complex_point at_complex(const struct scaled *q, double complex w)
{
    double complex low = -1.0 / w, high = 1.0 / (q->T - w);
    struct complex_point p = {.h = (1.0 - q->r) * low + q->r * high};
    double complex du = -q->c * ((1.0 - q->r) * low * low + q->r * high * high);
    p.u = 1.0 - q->c * p.h;
    p.z = w * p.u * p.u + (1.0 - q->c) * p.u;
    p.slope = p.u * p.u + (2.0 * w * p.u + (1.0 - q->c)) * du;
    return p;
}

/* 1 when w has come to a root of z(w) = z. */
static int newton(const struct scaled *q, double complex z, double complex *w)
{
    for (int i = 0; i < NEWTON; i++) {
        struct complex_point p = at_complex(q, *w);
        double complex step = (p.z - z) / p.slope;
        if (!isfinite(creal(step)) || !isfinite(cimag(step))) return 0;
        if (cabs(step) <= enough * cabs(*w) || cabs(p.z - z) <= enough * cabs(z)) return 1;
        for (int k = 0; k < SHORTER && cimag(*w - step) <= 0.0; k++) step *= 0.5;
        *w = cimag(*w - step) > 0.0 ? *w - step : creal(*w - step) + I * 0.5 * cimag(*w);
    }
    return 0;
}

/* The point that belongs to a real z > 0, from above. */
static int solve(const struct scaled *q, double z, double complex *w, dmft_error *err)
{
    double height = 8.0 * (z + q->T + 4.0), least = floor_part * z;
    int found = 1;
    *w = z + I * height;
    for (double over = height; over > least && found; over *= fall) found = newton(q, z + I * over, w);
    if (found && newton(q, z, w)) return DMFT_OK;
    return error_set(err, DMFT_ERROR_NUMERIC, "no root w of z(w) = %.15g", z);
}

int dmft_spikes_density(const dmft_spikes *s, double x, double *density, dmft_error *err)
{
    struct scaled q;
    double complex w;
    int status = scale(s, &q, err);
    if (status != DMFT_OK) return status;
    if (!isgreater(x, 0.0) || !isfinite(x)) return error_set(err, DMFT_ERROR_ARGUMENT, "a singular value must be in (0, inf), got %g", x);
    double value = x / q.unit;
    status = solve(&q, value * value, &w, err);
    if (status != DMFT_OK) return status;
    struct complex_point p = at_complex(&q, w);
    *density = fmax(0.0, cimag(p.h / p.u)) / M_PI * 2.0 * value / q.unit;
    return DMFT_OK;
}

int dmft_spikes_part(const dmft_spikes *s, double x, double *part, dmft_error *err)
{
    struct scaled q;
    double complex w;
    int status = scale(s, &q, err);
    if (status != DMFT_OK) return status;
    if (!isgreaterequal(x, 0.0) || !isfinite(x)) return error_set(err, DMFT_ERROR_ARGUMENT, "a singular value must be in [0, inf), got %g", x);
    *part = 0.0;
    if (x == 0.0) return DMFT_OK;
    status = solve(&q, gsl_pow_2(x / q.unit), &w, err);
    if (status != DMFT_OK) return status;
    struct complex_point p = at_complex(&q, w);
    double of_noise = q.c < 1.0 ? (1.0 - q.c) / q.c * (carg(p.u) - cimag(p.u)) : 0.0;
    *part = fmin(1.0, fmax(0.0, (-(1.0 - q.r) * carg(-w) - q.r * carg(q.T - w) - q.c * cimag(w * p.h * p.h) + of_noise) / M_PI));
    return DMFT_OK;
}
