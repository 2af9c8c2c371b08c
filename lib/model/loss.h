/* The losses of model mlp. */
#ifndef DMFT_MODEL_LOSS_H
#define DMFT_MODEL_LOSS_H

#include <stddef.h>

#include "base/problem.h"

/* The loss of one sample with K outputs f and target y. Delta = -dloss/df receives K numbers unless it is NULL. */
double loss_of(enum loss loss, size_t K, const double *y, const double *f, double *Delta);

#endif
