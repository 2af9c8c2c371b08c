/* Losses of one sample and the errors Delta = -dloss/df that training carries back (X3). No exponential of a positive number is taken. */
#include <math.h>

#include "model/loss.h"

static double squared(size_t K, const double *y, const double *f, double *Delta)
{
    double loss = 0.0;
    for (size_t k = 0; k < K; k++) {
        double error = y[k] - f[k];
        loss += 0.5 * error * error;
        if (Delta != NULL) Delta[k] = error;
    }
    return loss;
}

/* log(1 + exp(-m)) of the margin m = y f. */
static double logistic(const double *y, const double *f, double *Delta)
{
    double m = y[0] * f[0], e = exp(-fabs(m));
    if (Delta != NULL) Delta[0] = y[0] * (m > 0.0 ? e : 1.0) / (1.0 + e);
    return (m > 0.0 ? 0.0 : -m) + log1p(e);
}

static double softmax(size_t K, const double *y, const double *f, double *Delta)
{
    double most = f[0], sum = 0.0, loss = 0.0;
    for (size_t k = 1; k < K; k++) most = f[k] > most ? f[k] : most;
    for (size_t k = 0; k < K; k++) sum += exp(f[k] - most);
    for (size_t k = 0; k < K; k++) {
        loss += y[k] * (most + log(sum) - f[k]);
        if (Delta != NULL) Delta[k] = y[k] - exp(f[k] - most) / sum;
    }
    return loss;
}

double loss_of(enum loss loss, size_t K, const double *y, const double *f, double *Delta)
{
    if (loss == LOSS_LOGISTIC) return logistic(y, f, Delta);
    return loss == LOSS_SOFTMAX ? softmax(K, y, f, Delta) : squared(K, y, f, Delta);
}
