/* The few largest eigenvalues of X Y of (O1) or (N2) that are real, with r_1 and Y r_1, from products alone. */
#ifndef DMFT_OUTLIER_KRYLOV_H
#define DMFT_OUTLIER_KRYLOV_H

#include <stddef.h>

#include "dmft.h"

typedef struct outlier_krylov outlier_krylov;

/* The matrices X = P_g K and Y = P_phi K^T of this order, P_g and P_phi symmetric, by what they do. */
struct outlier_products {
    size_t order;
    /* s <- Y r and w <- X s for `count` vectors, one a row of that stride; `work` has room for as many. */
    void (*apply)(const void *context, size_t count, const double *r, double *s, double *w, size_t stride, double *work);
    void (*weigh)(const void *context, const double *s, double *out); /* out <- K s */
    const void *context;
};

/* What is to be found. */
struct outlier_search {
    size_t count;     /* real eigenvalues, at most the `want` of the workspace */
    double tolerance; /* |X Y r - value r| / |value r|; the eigenvalue is right to its square, r and s to less than itself */
    double floor;     /* >= 0: what is certainly below this is not worked on and not reported */
    int rounds;       /* products of the block before anything may count as certain */
    long patience;    /* products after which what is there is taken as it is; 0: a failure .. */
    long limit;       /* .. after so many; 0: only when there is no hope */
    int depth;        /* further products of new vectors before eigenvalues are looked at: 0 where products are what costs */
    int again;        /* go on in the space of the last solve, of the same matrix; start vectors are then not looked at */
};

/* Workspace for vectors up to this length and so many real eigenvalues. */
int outlier_krylov_create(outlier_krylov **out, size_t order, size_t want, dmft_error *err);
void outlier_krylov_free(outlier_krylov *w);

/* Finds them, in falling order. The first `starts` rows of `vectors` (at most count + 3) are start vectors of any length, independent or not; without
 * any the search starts from noise. Returns 0 or DMFT_ERROR_NUMERIC (no convergence). Depends on nothing but the arguments. */
int outlier_krylov_solve(outlier_krylov *w, struct outlier_products p, struct outlier_search search, const double *vectors, size_t starts,
                         size_t stride, dmft_error *err);

/* Of the last solve: the number found, at most `count`; the eigenvalue lambda^2; r_1 and s = Y r_1, r_1 of unit length. */
size_t outlier_krylov_found(const outlier_krylov *w);
double outlier_krylov_root(const outlier_krylov *w, size_t j);
double outlier_krylov_left(const outlier_krylov *w, size_t j); /* |X Y r - value r|/|value r|, of the vector before its last product */
const double *outlier_krylov_r(const outlier_krylov *w, size_t j);
const double *outlier_krylov_s(const outlier_krylov *w, size_t j);

/* Writes up to `count` vectors that span the leading part of the space behind the ones that were found, where the next will come from; returns
 * their number. `largest` receives the largest modulus among them. */
size_t outlier_krylov_next(outlier_krylov *w, size_t count, double *vectors, size_t stride, double *largest);

/* Products of X Y with a vector made since creation. */
long outlier_krylov_products(const outlier_krylov *w);

#endif
