/* Activation functions with two derivatives, as plain loops. Each is written so that it keeps its relative accuracy where a naive form loses it: far out
 * (exp overflows, 1 - tanh^2 and erfc cancel) and near 0. */
#include "base/activation.h"

#include <math.h>

static const double inverse_sqrt_2 = 0.70710678118654752440, inverse_sqrt_2pi = 0.39894228040143267794, two_over_sqrt_pi = 1.12837916709551257390;
static const double leak = 0.01; /* slope of leaky_relu below 0 */

static void apply_linear(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) value[i] = h[i];
    for (size_t i = 0; slope != NULL && i < n; i++) slope[i] = 1.0;
    for (size_t i = 0; curvature != NULL && i < n; i++) curvature[i] = 0.0;
}

/* 1 - tanh^2 = 4 q/(1 + q)^2 with q = exp(-2|h|): no cancellation. */
static double tanh_slope(double h)
{
    double q = exp(-2.0 * fabs(h));
    return 4.0 * q / ((1.0 + q) * (1.0 + q));
}

static void apply_tanh(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) value[i] = tanh(h[i]);
    for (size_t i = 0; slope != NULL && i < n; i++) slope[i] = tanh_slope(h[i]);
    for (size_t i = 0; curvature != NULL && i < n; i++) curvature[i] = -2.0 * value[i] * tanh_slope(h[i]);
}

static void apply_erf(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) value[i] = erf(h[i]);
    for (size_t i = 0; slope != NULL && i < n; i++) slope[i] = two_over_sqrt_pi * exp(-h[i] * h[i]);
    for (size_t i = 0; curvature != NULL && i < n; i++) curvature[i] = -2.0 * two_over_sqrt_pi * h[i] * exp(-h[i] * h[i]);
}

static void apply_relu(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) value[i] = h[i] > 0.0 ? h[i] : 0.0; /* no minus zero, and 0 at minus infinity */
    for (size_t i = 0; slope != NULL && i < n; i++) slope[i] = h[i] > 0.0 ? 1.0 : 0.0;
    for (size_t i = 0; curvature != NULL && i < n; i++) curvature[i] = 0.0;
}

static void apply_leaky_relu(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) value[i] = h[i] > 0.0 ? h[i] : leak * h[i];
    for (size_t i = 0; slope != NULL && i < n; i++) slope[i] = h[i] > 0.0 ? 1.0 : leak;
    for (size_t i = 0; curvature != NULL && i < n; i++) curvature[i] = 0.0;
}

/* Phi by erfc, which keeps the lower tail. */
static void apply_gelu(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) {
        double below = 0.5 * erfc(-h[i] * inverse_sqrt_2);
        value[i] = h[i] * below;
        if (slope == NULL && curvature == NULL) continue;
        double density = inverse_sqrt_2pi * exp(-0.5 * h[i] * h[i]);
        if (slope != NULL) slope[i] = below + h[i] * density;
        if (curvature != NULL) curvature[i] = 2.0 * density - h[i] * (h[i] * density);
    }
}

/* log(1 + e^h) = max(h, 0) + log(1 + q), q = exp(-|h|); its slope is 1/(1 + q) or q/(1 + q). */
static void apply_softplus(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) {
        double q = exp(-fabs(h[i]));
        value[i] = (h[i] > 0.0 ? h[i] : 0.0) + log1p(q);
        if (slope != NULL) slope[i] = (h[i] > 0.0 ? 1.0 : q) / (1.0 + q);
        if (curvature != NULL) curvature[i] = q / ((1.0 + q) * (1.0 + q));
    }
}

dmft_activation activation_of(enum activation_kind kind)
{
    static const dmft_activation table[ACTIVATION_COUNT] = {
        [ACTIVATION_LINEAR] = {"linear", apply_linear, NULL, 1},
        [ACTIVATION_TANH] = {"tanh", apply_tanh, NULL, 1},
        [ACTIVATION_ERF] = {"erf", apply_erf, NULL, 1},
        [ACTIVATION_RELU] = {"relu", apply_relu, NULL, 0},
        [ACTIVATION_LEAKY_RELU] = {"leaky_relu", apply_leaky_relu, NULL, 0},
        [ACTIVATION_GELU] = {"gelu", apply_gelu, NULL, 1},
        [ACTIVATION_SOFTPLUS] = {"softplus", apply_softplus, NULL, 1},
    };
    return table[kind];
}

int activation_is_linear(const dmft_activation *activation) { return activation->apply == apply_linear; }
