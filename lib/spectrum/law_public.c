/* Generalised Marchenko-Pastur laws as dmft.h has them: a table (law.c) behind an opaque handle, with its arguments checked. */
#include <math.h>

#include "base/error.h"
#include "spectrum/law.h"

enum { POINTS = 128 }; /* a band: near enough for Newton's method to go on from */

static const double rounding = 1e-9; /* by which weights may miss 1, nodes their band */

static int check_bands(const dmft_population *p, dmft_error *err)
{
    for (size_t b = 0; b < p->bands; b++) {
        double low = p->band[b][0], high = p->band[b][1];
        if (!isgreaterequal(low, 0.0) || !isgreaterequal(high, low) || !isfinite(high))
            return error_set(err, DMFT_ERROR_ARGUMENT, "band %zu is not an interval: [%g, %g]", b, low, high);
        if (b > 0 && !(low > p->band[b - 1][1])) return error_set(err, DMFT_ERROR_ARGUMENT, "band %zu at %g is not above the one before", b, low);
    }
    return DMFT_OK;
}

static int is_in_band(const dmft_population *p, double tau)
{
    for (size_t b = 0; b < p->bands; b++)
        if (tau >= p->band[b][0] * (1.0 - rounding) && tau <= p->band[b][1] * (1.0 + rounding)) return 1;
    return tau == 0.0;
}

static int check(const dmft_population *p, dmft_error *err)
{
    double sum = 0.0;
    if (!isgreater(p->ratio, 0.0) || !isfinite(p->ratio)) return error_set(err, DMFT_ERROR_ARGUMENT, "ratio must be in (0, inf), got %g", p->ratio);
    if (p->nodes == 0) return error_set(err, DMFT_ERROR_ARGUMENT, "a population has at least one node");
    int status = check_bands(p, err);
    for (size_t k = 0; k < p->nodes && status == DMFT_OK; k++) {
        if (!isgreaterequal(p->weight[k], 0.0) || !isfinite(p->weight[k]))
            return error_set(err, DMFT_ERROR_ARGUMENT, "weight %zu must be in [0, inf), got %g", k, p->weight[k]);
        if (!isgreaterequal(p->tau[k], 0.0) || !isfinite(p->tau[k]))
            return error_set(err, DMFT_ERROR_ARGUMENT, "tau %zu must be in [0, inf), got %g", k, p->tau[k]);
        if (p->weight[k] > 0.0 && !is_in_band(p, p->tau[k])) return error_set(err, DMFT_ERROR_ARGUMENT, "tau %zu, %g, lies in no band", k, p->tau[k]);
        sum += p->weight[k];
    }
    if (status == DMFT_OK && !(fabs(sum - 1.0) <= rounding)) return error_set(err, DMFT_ERROR_ARGUMENT, "the weights are %.12g in sum, not 1", sum);
    return status;
}

int dmft_law_create(dmft_law **out, const dmft_population *p, dmft_error *err)
{
    int status = check(p, err);
    if (status != DMFT_OK) return status;
    struct spectrum_law law = {p->ratio, p->nodes, p->tau, p->weight, p->bands, p->band};
    return spectrum_curve_create(out, &law, POINTS, err);
}

size_t dmft_law_bands(const dmft_law *law) { return spectrum_curve_bands(law); }

const double *dmft_law_band(const dmft_law *law, size_t band) { return band < spectrum_curve_bands(law) ? spectrum_curve_band(law, band) : NULL; }

double dmft_law_mass(const dmft_law *law, size_t band) { return band < spectrum_curve_bands(law) ? spectrum_curve_mass(law, band) : NAN; }

double dmft_law_density(const dmft_law *law, double x) { return spectrum_curve_at(law, x); }

double dmft_law_part(const dmft_law *law, double x) { return spectrum_curve_part(law, x); }

double dmft_law_quantile(const dmft_law *law, double part) { return isgreaterequal(part, 0.0) && part <= 1.0 ? spectrum_curve_quantile(law, part) : NAN; }

void dmft_law_free(dmft_law *law) { spectrum_curve_free(law); }

int dmft_marchenko_pastur_nodes(double q, size_t n, double *s, double *weight, double band[2], dmft_error *err)
{
    if (!isgreater(q, 0.0) || q > 1.0) return error_set(err, DMFT_ERROR_ARGUMENT, "q must be in (0, 1], got %g", q);
    if (n == 0) return error_set(err, DMFT_ERROR_ARGUMENT, "n must be at least 1");
    spectrum_marchenko_pastur_nodes(q, n, s, weight, band);
    return DMFT_OK;
}
