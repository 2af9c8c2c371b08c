/* The outlier ODE (O6): how far outliers move when the weight of one event does, and along a flow. */
#ifndef DMFT_OUTLIER_DRIFT_H
#define DMFT_OUTLIER_DRIFT_H

#include "dmft.h"
#include "outlier/kernels.h"
#include "outlier/krylov.h"

/* (O8): the change of lambda^2 of the `count` leading outliers while the weight of `event` goes from `from` to `to`, by Gauss-Legendre
 * quadrature with 4 points. `weight` holds p->k numbers, p->d points to it; it is changed on the way and left at `to`. Start vectors as of
 * outlier_krylov_solve. `change` is nan for an outlier that is missing at a point. Errors: DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
int outlier_drift_inside(outlier_krylov *w, const struct outlier_kernels *p, double *weight, size_t event, double from, double to,
                         struct outlier_search search, const double *vectors, size_t starts, size_t stride, double *change, dmft_error *err);

#endif
