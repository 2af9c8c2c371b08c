/* Errors of a readout, and the coefficient of determination (LF7) by Gram and Schmidt, twice. Cost: 4 Q m^2. */
#include "spectrum/readout.h"

#include <math.h>

static const double dependent = 1e-8; /* what is left of a feature, relative, when it is a combination of those before */

static void errors_of(const double *label, const double *fitted, size_t count, double *wrong, double *loss)
{
    *wrong = *loss = 0.0;
    for (size_t i = 0; i < count; i++) {
        double error = label[i] - fitted[i];
        *wrong += (double)(label[i] * fitted[i] <= 0.0) / (double)count;
        *loss += 0.5 * error * error / (double)count;
    }
}

struct readout_errors readout_errors_of(const struct labelled *data, const double *fitted)
{
    struct readout_errors e;
    errors_of(data->label, fitted, data->samples, &e.train, &e.train_loss);
    errors_of(data->label + data->samples, fitted + data->samples, data->tests, &e.test, &e.test_loss);
    return e;
}

static double dot(const double *x, const double *y, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

static double mean_of(const double *x, size_t stride, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += x[i * stride] / (double)n;
    return sum;
}

/* Orthonormal rows that span the features about their means; returns their number. */
static size_t orthonormalise(const double *X, size_t tests, size_t m, double *room)
{
    size_t rank = 0;
    for (size_t j = 0; j < m; j++) {
        double *q = room + rank * tests, mean = mean_of(X + j, m, tests);
        for (size_t i = 0; i < tests; i++) q[i] = X[i * m + j] - mean;
        double before = dot(q, q, tests);
        for (size_t pass = 0; pass < 2; pass++)
            for (size_t l = 0; l < rank; l++) {
                double part = dot(q, room + l * tests, tests);
                for (size_t i = 0; i < tests; i++) q[i] -= part * room[l * tests + i];
            }
        double left = dot(q, q, tests);
        if (!(left > dependent * dependent * before)) continue;
        for (size_t i = 0; i < tests; i++) q[i] /= sqrt(left);
        rank++;
    }
    return rank;
}

void readout_share(const double *X, size_t tests, size_t m, const double *target, size_t count, double *room, double *share)
{
    size_t rank = m + 1 < tests ? orthonormalise(X, tests, m, room) : tests;
    for (size_t c = 0; c < count; c++) {
        const double *y = target + c * tests;
        double mean = mean_of(y, 1, tests), whole = 0.0, held = 0.0;
        for (size_t i = 0; i < tests; i++) whole += (y[i] - mean) * (y[i] - mean);
        share[c] = NAN;
        if (rank + 1 >= tests || !(whole > 0.0)) continue;
        for (size_t l = 0; l < rank; l++) {
            double part = dot(y, room + l * tests, tests); /* the rows have no mean, so that y needs none */
            held += part * part;
        }
        share[c] = 1.0 - (1.0 - held / whole) * (double)(tests - 1) / (double)(tests - 1 - rank);
    }
}
