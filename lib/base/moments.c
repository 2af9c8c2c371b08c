/* Gaussian averages of activation functions by Gauss-Legendre quadrature, panel by panel, so that a kink at 0 lies between two panels. */
#include "base/moments.h"

#include <gsl/gsl_integration.h>
#include <math.h>

#include "base/error.h"

/* The Gaussian weight is below 1e-31 beyond 12; on a panel of 1.5 a rule of 24 nodes is exact to rounding for what is smooth there. */
enum { NODES = 24, PANELS = 16 };
static const double reach = 12.0, inverse_sqrt_2pi = 0.39894228040143267794;

int activation_moments_of(struct activation_moments *out, const dmft_activation *activation, dmft_error *err)
{
    double sum[4] = {0.0}, width = 2.0 * reach / PANELS;
    gsl_integration_glfixed_table *rule = gsl_integration_glfixed_table_alloc(NODES);
    if (rule == NULL) return error_memory(err, 16.0 * NODES);
    for (int panel = 0; panel < PANELS; panel++)
        for (size_t i = 0; i < NODES; i++) {
            double h, weight, value, slope, low = -reach + width * panel;
            (void)gsl_integration_glfixed_point(low, low + width, i, &h, &weight, rule);
            weight *= inverse_sqrt_2pi * exp(-0.5 * h * h);
            activation->apply(activation->user, 1, &h, &value, &slope, NULL);
            sum[0] += weight * value;
            sum[1] += weight * value * value;
            sum[2] += weight * slope;
            sum[3] += weight * slope * slope;
        }
    gsl_integration_glfixed_table_free(rule);
    double variance = sum[1] - sum[0] * sum[0];
    if (!(variance > 1e-12 * sum[1]))
        return error_set(err, DMFT_ERROR_ARGUMENT, "activation %s has no variance over a Gaussian: %g", activation->name, variance);
    *out = (struct activation_moments){.mean = sum[0], .deviation = sqrt(variance), .slope = sum[2] / sqrt(variance), .slope2 = sum[3] / variance};
    return DMFT_OK;
}

void activation_normalized(const dmft_activation *activation, const struct activation_moments *moments, size_t n, const double *h, double *value,
                           double *slope)
{
    double inverse = 1.0 / moments->deviation;
    activation->apply(activation->user, n, h, value, slope, NULL);
    for (size_t i = 0; i < n; i++) value[i] = (value[i] - moments->mean) * inverse;
    for (size_t i = 0; slope != NULL && i < n; i++) slope[i] *= inverse;
}
