/*
 * Losses of one sample and what drives the weights, Delta = -dloss/df; (X3) of doc/theory.md. No exponential overflows, and no difference of nearly
 * equal numbers is taken where the sample is learned.
 */
#include <math.h>

#include "network/mlp.h"

static double squared(size_t outputs, const double *f, const double *y, double *Delta)
{
    double sum = 0;
    for (size_t k = 0; k < outputs; k++) {
        double difference = y[k] - f[k];
        sum += difference * difference / 2;
        if (Delta != NULL) Delta[k] = difference;
    }
    return sum;
}

/* log(1 + exp(-yf)), y = +-1. */
static double logistic(double f, double y, double *Delta)
{
    double margin = y * f, small = exp(-fabs(margin)); /* of the exponentials the one that is at most 1 */
    if (Delta != NULL) *Delta = y * (margin > 0 ? small : 1.0) / (1.0 + small);
    return fmax(-margin, 0.0) + log1p(small);
}

/* -sum_k y_k log p_k, p the softmax of f, y a distribution. */
static double softmax(size_t outputs, const double *f, const double *y, double *Delta)
{
    double largest = f[0], sum = 0, loss = 0;
    for (size_t k = 1; k < outputs; k++) largest = fmax(largest, f[k]);
    for (size_t k = 0; k < outputs; k++) sum += exp(f[k] - largest);
    double logarithm = largest + log(sum);
    for (size_t k = 0; k < outputs; k++) {
        loss += y[k] * (logarithm - f[k]);
        if (Delta != NULL) Delta[k] = y[k] - exp(f[k] - logarithm);
    }
    return loss;
}

double mlp_loss(enum loss loss, size_t outputs, const double *f, const double *y, double *Delta)
{
    switch (loss) {
    case LOSS_LOGISTIC: return logistic(f[0], y[0], Delta);
    case LOSS_SOFTMAX: return softmax(outputs, f, y, Delta);
    default: return squared(outputs, f, y, Delta);
    }
}
