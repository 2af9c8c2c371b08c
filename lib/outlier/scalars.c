/* z, a, b of (O2) and (O3) in the variable lambda^2. */
#include "outlier/scalars.h"

#include <math.h>

double outlier_edge_root(double variance, double psi) { return variance / sqrt(psi); }

struct outlier_scalars outlier_scalars_at(double variance, double psi, double root)
{
    struct outlier_scalars s = {0};
    double v = variance, L = root;
    if (L == 0.0) return s; /* no bulk and nothing learned */
    s.z = sqrt((psi * L + v) * (L + v) / L);
    if (fmin(psi, 1.0) * L * L * s.z == 0.0) return s; /* too little for derivatives that are numbers */
    s.dz = (psi - v * v / (L * L)) / (2.0 * s.z);
    s.a = (psi * L + v) / (psi * L * s.z);
    s.b = (L + v) / (L * s.z);
    s.da = -v / (psi * L * L * s.z) - s.a * s.dz / s.z;
    s.db = -v / (L * L * s.z) - s.b * s.dz / s.z;
    return s;
}
