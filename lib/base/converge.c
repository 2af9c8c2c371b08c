/* Studies of convergence: observed orders, extrapolated values and verdicts, (S5)-(S8) of doc/theory.md. Level i has half the step of level i-1,
 * or twice the size.
 *
 * Of values: the sizes are the differences of successive levels in the mean square over all places; the order is that of the two finest
 * differences that stand out of the noise. Of errors: the order is the slope of log2(error) over the levels, with its standard error from the
 * covariances of the logarithms.
 *
 * Cost: one pass over levels x places numbers; no memory. */
#include <math.h>

#include "base/error.h"

static const double tolerated = 0.25; /* an observed order may be this far below the nominal one */
static const double normal_errors = 4; /* and this many of its standard errors, where it is sampled */
static const double resolved = 4;      /* a difference below this multiple of its noise says nothing of orders */
static const double unsettled = 1;     /* an order that still moves by this much from level to level does not tell first order from none */

const char *dmft_convergence_text(int verdict)
{
    switch (verdict) {
#define CONVERGENCE_TEXT(name, text) \
    case name: return text;
        DMFT_CONVERGENCE_TABLE(CONVERGENCE_TEXT)
#undef CONVERGENCE_TEXT
    default: return "unknown";
    }
}

static int check_levels(size_t levels, size_t least, dmft_error *err)
{
    if (levels >= least && levels <= DMFT_CONVERGENCE_LEVELS) return DMFT_OK;
    return error_set(err, DMFT_ERROR_ARGUMENT, "a study of convergence has %zu to %d levels, got %zu", least, DMFT_CONVERGENCE_LEVELS, levels);
}

static dmft_convergence nothing(size_t levels, double nominal)
{
    dmft_convergence c = {.verdict = DMFT_CONVERGENCE_ABSENT, .levels = levels, .nominal = nominal, .order = NAN, .order_error = NAN,
                          .error = NAN, .value = NAN};
    for (size_t i = 0; i < DMFT_CONVERGENCE_LEVELS; i++) c.size[i] = c.orders[i] = NAN;
    return c;
}

static void set_orders(dmft_convergence *c)
{
    for (size_t i = 1; i < c->levels; i++)
        if (isgreater(c->size[i - 1], 0.0) && isgreater(c->size[i], 0.0)) c->orders[i] = log2(c->size[i - 1] / c->size[i]);
}

/* ---- of values ---- */

struct values {
    const double *x; /* levels x places */
    size_t levels, places;
    size_t last;    /* the last place at which all levels have a number */
    double largest; /* of those numbers */
};

static int is_shared(const struct values *v, size_t k)
{
    for (size_t i = 0; i < v->levels; i++)
        if (!isfinite(v->x[i * v->places + k])) return 0;
    return 1;
}

static double difference(const struct values *v, size_t i, size_t k) { return v->x[i * v->places + k] - v->x[(i - 1) * v->places + k]; }

/* Root of the mean square, over shared places, of level i less the level before; overflow-free as the differences are scaled. */
static double mean_difference(const struct values *v, size_t i, size_t shared)
{
    double sum = 0.0;
    if (v->largest == 0.0) return 0.0;
    for (size_t k = 0; k < v->places; k++) {
        double part = is_shared(v, k) ? difference(v, i, k) / v->largest : 0.0;
        sum += part * part;
    }
    return v->largest * sqrt(sum / (double)shared);
}

static double largest_difference(const struct values *v, size_t i)
{
    double largest = 0.0;
    for (size_t k = 0; k < v->places; k++)
        if (is_shared(v, k)) largest = fmax(largest, fabs(difference(v, i, k)));
    return largest;
}

/* Counts the shared places, finds the last and the largest number there. */
static size_t see_places(struct values *v)
{
    size_t shared = 0;
    for (size_t k = 0; k < v->places; k++) {
        if (!is_shared(v, k)) continue;
        shared++;
        v->last = k;
        for (size_t i = 0; i < v->levels; i++) v->largest = fmax(v->largest, fabs(v->x[i * v->places + k]));
    }
    return shared;
}

/* Is the order at level m one of levels that have not come to any yet? Where the nominal one was seen before, or differences were noise before, this is
 * another matter: an error that does not fall any more. */
static int is_too_coarse(const dmft_convergence *c, size_t m, double noise)
{
    if (!(c->nominal > 0.0) || !(c->order_error >= unsettled) || !(c->size[m - 1] > resolved * noise)) return 0;
    for (size_t i = 2; i < m; i++)
        if (fabs(c->orders[i] - c->nominal) <= tolerated) return 0;
    return 1;
}

/* The verdict from the finest difference that stands out of the noise, and the one before it. */
static void judge_values(dmft_convergence *c, double noise)
{
    size_t m = c->levels - 1;
    while (m > 0 && !(c->size[m] > resolved * noise)) m--;
    c->verdict = DMFT_CONVERGENCE_CONVERGED;
    if (m < 2) return; /* all differences, or all but the coarsest, are noise */
    double before = fmax(c->size[m - 1], noise), rounding = noise / log(2.0) * (1.0 / before + 1.0 / c->size[m]);
    c->order = log2(before / c->size[m]);
    c->order_error = fmax(rounding, m > 2 && isfinite(c->orders[m - 1]) ? fabs(c->order - c->orders[m - 1]) : 0.0);
    double least = c->nominal > 0.0 ? c->nominal - tolerated : 0.0;
    if (c->order >= least - rounding && isfinite(c->order)) c->verdict = DMFT_CONVERGENCE_OK;
    else if (m == c->levels - 1) /* else too coarse to show the order, and then at once fine enough */
        c->verdict = is_too_coarse(c, m, noise) ? DMFT_CONVERGENCE_UNRESOLVED : DMFT_CONVERGENCE_LOW;
}

/* The order to extrapolate with: the nominal one, or what was observed in its place; 0: none. */
static double trusted_order(const dmft_convergence *c)
{
    if (c->verdict != DMFT_CONVERGENCE_LOW && c->verdict != DMFT_CONVERGENCE_UNRESOLVED) return c->nominal;
    return isfinite(c->order) && c->order > tolerated ? c->order : 0.0;
}

static void extrapolate(dmft_convergence *c, const struct values *v)
{
    size_t finest = v->levels - 1;
    double order = trusted_order(c), divisor = order > 0.0 ? exp2(order) - 1.0 : 1.0;
    c->error = largest_difference(v, finest) / divisor;
    c->value = v->x[finest * v->places + v->last];
    if (order > 0.0) c->value += difference(v, finest, v->last) / divisor;
}

int dmft_converge_values(const double *x, size_t levels, size_t places, double nominal, double noise, dmft_convergence *out, dmft_error *err)
{
    int status = check_levels(levels, 3, err);
    if (status != DMFT_OK) return status;
    if (!isgreaterequal(nominal, 0.0) || nominal > 16.0) return error_set(err, DMFT_ERROR_ARGUMENT, "a nominal order must be in [0, 16], got %g", nominal);
    if (!isgreaterequal(noise, 0.0) || noise >= 1.0) return error_set(err, DMFT_ERROR_ARGUMENT, "a relative noise must be in [0, 1), got %g", noise);
    struct values v = {.x = x, .levels = levels, .places = places};
    dmft_convergence c = nothing(levels, nominal);
    c.places = see_places(&v);
    c.last = v.last;
    if (c.places > 0) {
        double largest = 0.0;
        for (size_t i = 1; i < levels; i++) largest = fmax(largest, c.size[i] = mean_difference(&v, i, c.places));
        set_orders(&c);
        if (largest > 0.0)
            judge_values(&c, noise * v.largest);
        else
            c.verdict = DMFT_CONVERGENCE_CONSTANT;
        extrapolate(&c, &v);
    }
    *out = c;
    return DMFT_OK;
}

/* ---- of errors ---- */

/* Slope of -log2(error) over the levels by least squares: the weight of level i. */
static double slope_weight(size_t i, size_t levels)
{
    double n = (double)levels, centred = (double)i - 0.5 * (n - 1.0);
    return -centred * 12.0 / (n * (n * n - 1.0));
}

static void judge_errors(dmft_convergence *c, const double *covariance)
{
    size_t n = c->levels;
    double slope = 0.0, variance = 0.0;
    for (size_t i = 0; i < n; i++) {
        slope += slope_weight(i, n) * log2(c->size[i]);
        for (size_t j = 0; covariance != NULL && j < n; j++) variance += slope_weight(i, n) * slope_weight(j, n) * covariance[i * n + j];
    }
    c->order = slope;
    c->order_error = sqrt(fmax(variance, 0.0)) / log(2.0);
    c->verdict = slope >= c->nominal - tolerated - normal_errors * c->order_error ? DMFT_CONVERGENCE_OK : DMFT_CONVERGENCE_LOW;
}

int dmft_converge_errors(const double *error, const double *covariance, size_t levels, double nominal, dmft_convergence *out, dmft_error *err)
{
    int status = check_levels(levels, 2, err);
    if (status != DMFT_OK) return status;
    if (!isgreater(nominal, 0.0) || nominal > 16.0) return error_set(err, DMFT_ERROR_ARGUMENT, "a nominal order must be in (0, 16], got %g", nominal);
    dmft_convergence c = nothing(levels, nominal);
    size_t finite = 0, positive = 0;
    for (size_t i = 0; i < levels; i++) {
        c.size[i] = error[i];
        finite += isfinite(error[i]) != 0;
        positive += isfinite(error[i]) && error[i] > 0.0;
    }
    set_orders(&c);
    c.error = error[levels - 1];
    if (positive == levels)
        judge_errors(&c, covariance);
    else if (finite == levels)
        c.verdict = positive == 0 ? DMFT_CONVERGENCE_CONSTANT : DMFT_CONVERGENCE_UNRESOLVED;
    *out = c;
    return DMFT_OK;
}
