/* The state of what follows outliers, shared by basis.c (memory, queries, checkpoints), basis_step.c (a step) and basis_proof.c (that there are no more). */
#ifndef DMFT_OUTLIER_BASIS_STATE_H
#define DMFT_OUTLIER_BASIS_STATE_H

#include "outlier/basis.h"
#include "outlier/pencil.h"
#include "outlier/watch.h"
#include "spectrum/leading.h"

enum {
    OUTLIER_BASIS_MEMORY = 4, /* past steps an outlier is extrapolated from */
    OUTLIER_BASIS_MARGINS = 5 /* of the proof */
};

/* One outlier that is followed: its last steps, the newest first. */
struct followed {
    double root[OUTLIER_BASIS_MEMORY];    /* lambda^2 */
    double *vector[OUTLIER_BASIS_MEMORY]; /* unit eigenvectors of the pencil, of a common sign; length 2 room */
    size_t known, order; /* how many; how many of them would have met the last one best */
    double missed;       /* relative error of the root that they would have given */
    double steep;        /* d/dlambda^2 of z less that of the eigenvalue, at the root */
    double norm2;        /* n^2 of (B5) */
};

struct outlier_basis {
    struct outlier_pencil pencil;
    const limit_rows *target;
    size_t count, tracked; /* asked for; followed: one more, so that the last one asked for can be told from the next */
    size_t found;          /* outliers at the last step, of those tracked */
    struct followed *outlier;
    double *B;                        /* a pencil under work */
    double *edge_now, *edge_before;   /* pencils at the edge, at this step and the one before, as long as an escape is to come */
    size_t order_before;              /* of the latter; 0 when there is none */
    double *trial, *work;    /* tracked + 1 rows for a solve, stride 2 room; one row */
    double *value, *at_edge; /* eigenvalues of a solve; those at the edge at this step */
    double *z, *told;        /* of W/keep and of W */
    double *sides;           /* the overlaps of (B5), `count` rows of stride 2 room: on the f_i, then on the e_j */
    struct outlier_escape *escape;
    long last_step;
    double last_time;
    double bound;   /* eigenvalues at the edge beyond it are outliers: the edge, or what stands out of rounding where the edge is lower */
    double learned; /* Frobenius norm of the learned part at this step */
    spectrum_leading *leading;
    long products; /* of workspaces that were outgrown */

    double *proven_S;                      /* the learned part when it was proven that there are no more, row stride `room` */
    size_t proven_outputs, proven_inputs;  /* the directions then; 0 when there is no proof */
    double proven_margin;
    size_t level;                          /* the margin that the last proof was made with */

    struct outlier_watch watch;
    int watched;
    double *ahead;    /* change of lambda^2 of each outlier in the step to come, by the ODE; nan when it was not integrated */
    double *ahead_of; /* lambda^2 that it is counted from */
};

static inline size_t outlier_basis_stride(const outlier_basis *b) { return 2 * b->pencil.room; }

/* Takes over what the operator has met and learned since, with room for it. */
int outlier_basis_catch_up(outlier_basis *b, const struct limit_view *view, dmft_error *err);

/* ---- basis_proof.c ---- */

/* Frobenius norm of what W/keep has learned, less `from` where that is given (row stride `room`). */
double outlier_basis_learned(outlier_basis *b, const struct limit_view *view, const double *from);

/* Whether the last proof still holds: by Weyl's inequality, while the learned part has changed by less than the margin. */
int outlier_basis_still_proven(outlier_basis *b, const struct limit_view *view);

/* Proves, with the largest margin that will do, that there are no outliers but the `known` ones, whose eigenvectors are in b->trial and whose
 * eigenvalues at the edge in b->at_edge. The pencil there is in b->edge_now. */
int outlier_basis_prove(outlier_basis *b, const struct limit_view *view, size_t known);

#endif
