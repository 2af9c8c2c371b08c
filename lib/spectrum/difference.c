/* Distances of two empirical distributions, by merging the samples. Time O(count_a + count_b). */
#include "spectrum/difference.h"

#include <math.h>

double spectrum_difference(const double *a, size_t na, const double *b, size_t nb, double *kolmogorov)
{
    size_t i = 0, j = 0;
    double area = 0.0, most = 0.0;
    while (i < na || j < nb) {
        double x = j == nb || (i < na && a[i] <= b[j]) ? a[i] : b[j];
        while (i < na && a[i] <= x) i++;
        while (j < nb && b[j] <= x) j++;
        double next = i < na ? (j < nb ? fmin(a[i], b[j]) : a[i]) : j < nb ? b[j] : x;
        double difference = fabs((double)i / (double)na - (double)j / (double)nb);
        area += difference * (next - x);
        most = fmax(most, difference);
    }
    if (kolmogorov != NULL) *kolmogorov = most;
    return area;
}
