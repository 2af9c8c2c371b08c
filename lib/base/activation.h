/* The activation functions that a configuration can name. They define the problem, so that theory and simulation share them; tests/ has its own. */
#ifndef DMFT_BASE_ACTIVATION_H
#define DMFT_BASE_ACTIVATION_H

#include "dmft.h"

enum activation_kind {
    ACTIVATION_LINEAR,
    ACTIVATION_TANH,
    ACTIVATION_ERF, /* erf(h), not of h/sqrt 2 */
    ACTIVATION_RELU,
    ACTIVATION_LEAKY_RELU, /* slope 1/100 below 0 */
    ACTIVATION_GELU, /* h Phi(h), Phi the distribution function of a Gaussian */
    ACTIVATION_SOFTPLUS,
    ACTIVATION_COUNT
};

/* In the order of the words of network.activation. At a kink phi' is that of the left side: 0 or 1/100 at 0. */
dmft_activation activation_of(enum activation_kind kind);

/* phi(h) = h. */
int activation_is_linear(const dmft_activation *activation);

#endif
