/* Overlaps of one outlier from the eigenvector of X Y: (O5), (O5'), (O9), (O7). O(k) each. */
#include "outlier/pair.h"

#include <math.h>

#include "outlier/scalars.h"

/* r_1.K s for the vectors of pair j. */
static double bilinear(const struct outlier_kernels *p, const double *r, const double *s)
{
    const size_t k = p->k;
    double sum = 0.0;
    for (size_t c = 0; c < k; c++) sum += outlier_kernels_first(p, c) * (r[c] * s[k + c] + r[k + c] * s[c]) + p->d[c] * r[k + c] * s[k + c];
    return sum;
}

struct outlier_pair outlier_pair_of(const outlier_krylov *w, const struct outlier_kernels *kernels, size_t j)
{
    double root = outlier_krylov_root(w, j), psi = kernels->psi;
    struct outlier_scalars at = outlier_scalars_at(kernels->sigma * kernels->sigma, psi, root);
    struct outlier_pair x = {.root = root, .z = at.z, .dz = at.dz, .b = at.b, .r = outlier_krylov_r(w, j)};
    const double *s = outlier_krylov_s(w, j);
    x.p = x.r + kernels->k;
    x.s = s + kernels->k;
    x.form = x.b * psi * bilinear(kernels, x.r, s);
    double slope = root * x.dz, n = slope != 0.0 ? x.form / slope : NAN; /* of (O5): (1/lambda^2)(dlambda^2/dz) r_1.K r_2 */
    x.left = isgreater(n, 0.0) ? sqrt(2.0 / n) : NAN;
    x.right = x.left * x.b * sqrt(psi);
    return x;
}

double outlier_pair_growth(const struct outlier_pair *x, const struct outlier_kernels *kernels, size_t c)
{
    return 2.0 * x->b * kernels->psi * x->p[c] * x->s[c] / x->form;
}

double outlier_pair_target(const struct outlier_pair *x, const struct outlier_kernels *kernels, const double *m)
{
    const size_t k = kernels->k;
    double sum = 0.0;
    for (size_t c = 0; c < k; c++) sum += m[c] * (outlier_kernels_first(kernels, c) * x->r[c] + kernels->d[c] * x->p[c]);
    sum *= x->b;
    return kernels->psi * sum * sum * x->left * x->left; /* left^2 = 2/n */
}
