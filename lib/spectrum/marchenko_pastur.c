/* The Marchenko-Pastur law in the angle of the bulk, z^2 = v (M + N + 2 sqrt(MN) cos theta), (TW1)-(TW2) of doc/theory.md. Closed forms. */
#include "spectrum/marchenko_pastur.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

double spectrum_mp_position(double z2, double v, double M, double N) { return (z2 / v - M - N) / (2 * sqrt(M * N)); }

double spectrum_mp_above(double x, double M, double N)
{
    double h = sqrt(M < N ? M / N : N / M), theta = acos(fmin(fmax(x, -1), 1));
    if (theta >= pi) return 1;
    /* The closed form divides by h^2: a matrix this long has a semicircle, theta - sin(2 theta)/2 over pi, up to errors of order h. */
    if (h < 1e-5) return (theta - 0.5 * sin(2 * theta)) / pi;
    double arc = atan((1 - h) / (1 + h) * tan(0.5 * theta));
    return ((1 + h * h) * theta / (2 * h * h) - sin(theta) / h - (1 - h * h) / (h * h) * arc) / pi;
}

double spectrum_mp_density(double z, double v, double M, double N)
{
    double x = spectrum_mp_position(z * z, v, M, N), least = M < N ? M : N;
    if (!(x > -1 && x < 1) || !(z > 0)) return 0;
    return 2 * sqrt(M * N) * sqrt((1 - x) * (1 + x)) / (pi * least * z);
}
