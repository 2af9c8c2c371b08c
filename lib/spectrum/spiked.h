/* A matrix with a bulk and one spike: W = G tau(S)^{1/2}/sqrt(D) + u (f(S) v)^T, N x D, where G has iid entries of unit variance, S a law of eigenvalues
 * s, and u, v are unit vectors in no relation to G and S. */
#ifndef DMFT_SPECTRUM_SPIKED_H
#define DMFT_SPECTRUM_SPIKED_H

#include <stddef.h>

/* Nodes of a quadrature over the law of s: bulk variance tau >= 0, spike f, and weights >= 0 of sum 1. All arrays are the caller's. */
struct spectrum_spiked {
    double ratio; /* r = N/D > 0 */
    size_t nodes;
    const double *tau, *spike, *weight;
};

/* Of W W^T. */
struct spectrum_spiked_law {
    double edge;   /* upper edge of the bulk */
    double margin; /* > 0 exactly where there is an isolated eigenvalue (NM7); at least 1e30 without a bulk */
    double value;  /* of the isolated eigenvalue; nan where there is none, as what follows */
    double left, right; /* squared overlaps of its singular vectors with u and v */
};

/* (NM6) to (NM9), in some 20 sums over the nodes. */
void spectrum_spiked_solve(const struct spectrum_spiked *w, struct spectrum_spiked_law *law);

#endif
