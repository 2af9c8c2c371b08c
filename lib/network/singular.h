/* Leading singular values and vectors of the weight matrices of one network, one matrix at a time (singular.c). */
#ifndef DMFT_NETWORK_SINGULAR_H
#define DMFT_NETWORK_SINGULAR_H

#include <stddef.h>

#include "base/archive.h"
#include "spectrum/leading.h"

/* A matrix, known by its sizes, and the vectors of its shorter side that its next search starts from. */
struct singular_matrix {
    size_t rows, columns;
    double *vectors; /* wanted + starts rows of `order` */
    size_t known;    /* rows that hold a result */
};

/* Room for the matrices of one network, plain data that its owner keeps. */
struct singular {
    size_t count, wanted, starts; /* matrices; pairs of each, or fewer where it is smaller; new vectors that a search may start from */
    struct singular_matrix *matrix;
    spectrum_leading *solver;
    double *values;  /* wanted */
    double *partner; /* a vector of the longer side */
};

/* The first pair of unit singular vectors, until the next search; NULL where the singular value is 0. */
struct singular_pair {
    const double *left, *right;
};

/* Gives `s`, all zeros before, room for `count` matrices of rows[i] x columns[i]. After a failure singular_free is due all the same. */
int singular_create(struct singular *s, size_t count, const size_t *rows, const size_t *columns, size_t wanted, size_t starts, dmft_error *err);
void singular_free(struct singular *s);

/* Forgets the vectors of the network before; writes or reads them. */
void singular_start(struct singular *s);
void singular_transfer(struct singular *s, archive *a);

/* 1 when the shorter side of matrix i is the left one (fewer rows than columns). */
int singular_on_left(const struct singular *s, size_t i);

/* A vector of the shorter side of matrix i, `order` long, from which its next search starts besides those known; one of length 0 is passed over, and so
 * are those beyond `starts`. */
struct singular_starts {
    size_t count;
    const double *const *vector;
};

/* Writes the singular values of `matrix`, which stands at place i: the largest min(wanted, order) of them, in falling order. `pair` may be NULL. */
int singular_solve(struct singular *s, size_t i, const double *matrix, struct singular_starts starts, double *values, struct singular_pair *pair,
                   dmft_error *err);

/* Doubles of the solver's room (spectrum/leading.c) for `wanted` pairs of matrices whose shorter side is at most `order`. */
double singular_solver_doubles(double order, double wanted);

/* Products that the solver makes for a matrix at a recorded step. */
double singular_products(double order);

/* Length of the space that each product is made orthogonal to. */
double singular_space(double wanted);

#endif
