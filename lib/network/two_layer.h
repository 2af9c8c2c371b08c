/* Dense two-layer networks of linear width, and what is measured on them. */
#ifndef DMFT_NETWORK_TWO_LAYER_H
#define DMFT_NETWORK_TWO_LAYER_H

#include "base/archive.h"
#include "base/moments.h"
#include "base/problem.h"
#include "base/random.h"
#include "network/singular.h"

struct two_layer_size {
    size_t N, D, P, B; /* width, inputs, samples, samples of a batch */
};

struct two_layer {
    const dmft_problem *problem;
    struct two_layer_size n;
    struct activation_moments phi, teacher;
    double scale;             /* of the readout: 1, or N^{-1/2} */
    struct random_stream batches;
    double *W, *a;            /* N x D, N */
    double *initial_a, *direction, *theta; /* N; D: (1/B) X^T (y - f) of the first step, 0 before; D: the teacher, |theta| = 1 */
    double *X, *y, *fresh, *fresh_y;       /* P x D, P; the same of inputs that are not trained on */
    double *batch, *batch_y;  /* B x D, B where B < P, else X and y */
    double *h, *slope;        /* P x N: h, phi of it, or phi' and what it becomes */
    double *f;                /* P */
    double *gradient, *gradient_a; /* N x D, N */
    double *moment[4];        /* Adam: mean and mean square of the gradients of W, of a; else NULL */
    size_t *order, taken;     /* samples of this epoch that are used */
    long step;
    double batch_loss, first_loss;

    /* What is measured (two_layer_measure.c). */
    double *gram, *K, *K2;    /* X X^T/D, and room for two more of P x P */
    double *work, *values;    /* of LAPACK; singular values or eigenvalues */
    double *reference[3];     /* of an independent initialisation: singular values, eigenvalues of conjugate kernel and NTK, all rising */
    double *spectrum[3];      /* of this network */
    double *null;             /* distances of further initialisations from the reference, rising */
    struct singular singular;
};

struct two_layer_size two_layer_size_of(const dmft_problem *problem);
double two_layer_doubles(const dmft_problem *problem);
double two_layer_operations(const dmft_problem *problem);

int two_layer_create(struct two_layer **out, const dmft_problem *problem, dmft_error *err);
void two_layer_free(struct two_layer *n);

/* Draws network `index`, and the initialisations that it is held against. */
int two_layer_start(struct two_layer *n, long index, dmft_error *err);
void two_layer_transfer(struct two_layer *n, archive *a);

/* h = X W^T of `rows` inputs; phi(h), phi'(h) (`slope` may be NULL), both of unit variance; f = phi a/sqrt(N). */
void two_layer_forward(const struct two_layer *n, const double *X, size_t rows, double *h, double *slope, double *f);

/* One step of the optimizer. */
void two_layer_learn(struct two_layer *n);

/* (y - f)^2/2, mean over `count`. */
double two_layer_loss(const double *f, const double *y, size_t count);

/* ---- what is measured ---- */

/* Numbers of a network besides its rows: spectra before and after. */
size_t two_layer_extra(const dmft_problem *problem);

/* Whether this row is. */
int two_layer_recorded(const dmft_problem *problem, long row);

/* Singular values of an N x D matrix, rising; `matrix` is used up. Eigenvalues of conjugate kernel and NTK of n->X, n->W, n->a, rising; uses h, slope. */
int two_layer_singular_values(struct two_layer *n, double *matrix, double *out, dmft_error *err);
int two_layer_kernels(struct two_layer *n, double *conjugate, double *tangent, dmft_error *err);

/* All columns of a row, in the order of the table in two_layer_simulate.c, and the spectra: before at step 0, after at all others. */
int two_layer_measure(struct two_layer *n, double *row, double *extra, long step, dmft_error *err);

#endif
