/* The pencil whose eigenvalues give the outliers of one revealed matrix: (B4) of doc/theory.md. */
#ifndef DMFT_OUTLIER_PENCIL_H
#define DMFT_OUTLIER_PENCIL_H

#include "limit/limit.h"
#include "outlier/scalars.h"

/* Gram matrices of W/keep = A + sum S_ij f_i e_j^T/(keep N), on exact or sampled sites; singular values of W are keep times those found here. They
 * follow the directions that A meets. Vectors of the pencil are (alpha on the f_i, beta on the e_j), of length outputs + inputs. */
struct outlier_pencil {
    const limit_operator *A;
    double variance, psi, edge;
    double keep;                  /* at this step */
    size_t outputs, inputs, room; /* k_F, k_E; room for so many of each */
    double *Xi, *Chi, *M;         /* <x_i x_j> and <y_i y_j> less their projections; M_ij = <f_i, y_j>; row stride `room` */
    double *W;                    /* sqrt(psi) (M + S/keep) of this step, W_11 of (B4) */
};

void outlier_pencil_init(struct outlier_pencil *p, const limit_operator *A);
void outlier_pencil_clear(struct outlier_pencil *p);

/* Room for `room` directions a side. */
int outlier_pencil_widen(struct outlier_pencil *p, size_t room, dmft_error *err);

/* Takes in the directions that were met since; the room must do. */
void outlier_pencil_catch_up(struct outlier_pencil *p, const struct limit_view *view);

size_t outlier_pencil_order(const struct outlier_pencil *p);

/* Takes in what was learned by this step. */
void outlier_pencil_learn(struct outlier_pencil *p, const struct limit_view *view);

/* Adds weight x c_out c_in^T to S, until the next outlier_pencil_learn. */
void outlier_pencil_push(struct outlier_pencil *p, double weight, const double *c_out, const double *c_in);

/* z, a and b at this lambda^2, and the lambda^2 at the edge, in the scalars of the part that nothing was asked of (N8). */
struct outlier_scalars outlier_pencil_scalars(const struct outlier_pencil *p, double root);
double outlier_pencil_edge_root(const struct outlier_pencil *p);

/* Writes the upper triangle of B(z), row stride 2 room. */
void outlier_pencil_form(const struct outlier_pencil *p, const struct outlier_scalars *s, double *B);

/* y <- B(z) x. */
void outlier_pencil_apply(const struct outlier_pencil *p, const struct outlier_scalars *s, const double *x, double *y);

/* The derivative of the eigenvalue of the unit eigenvector x with respect to lambda^2; `work` has room for the order. */
double outlier_pencil_slope(const struct outlier_pencil *p, const struct outlier_scalars *s, const double *x, double *work);

/* c_i <- <row_i, x> for the first `count` rows. */
void outlier_inner(const limit_rows *rows, size_t count, const double *x, size_t stride, double *c);

#endif
