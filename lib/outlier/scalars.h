/* z, a, b of (O2) and (O3) as functions of lambda^2, in which they are smooth down to the edge. */
#ifndef DMFT_OUTLIER_SCALARS_H
#define DMFT_OUTLIER_SCALARS_H

/* Values and derivatives with respect to lambda^2. */
struct outlier_scalars {
    double z, a, b, dz, da, db;
};

/* lambda^2 at the edge of the bulk of a matrix with entries of variance `variance`/N and aspect psi. */
double outlier_edge_root(double variance, double psi);

/* At `root` = lambda^2 on or above the edge. All zero at root 0. */
struct outlier_scalars outlier_scalars_at(double variance, double psi, double root);

#endif
