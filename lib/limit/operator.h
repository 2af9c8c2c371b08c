/* What the parts of an operator share: operator.c (making, growth, queries), reveal.c (products), learn.c, trial.c, mark.c. */
#ifndef DMFT_LIMIT_OPERATOR_H
#define DMFT_LIMIT_OPERATOR_H

#include "limit/block.h"
#include "limit/limit.h"

enum { WAITING = 32 }; /* updates entered together: enough for the speed of dgemm, few against k */

/* What of a side comes back at a rewind, besides the last question. */
struct side_mark {
    size_t met, asked;
    double largest;
};

/* One side: unit directions met, what A or A^T answers to them, and what became of the last vectors that were asked. */
struct side {
    limit_space *space;
    limit_rows unit;   /* orthonormal, in this side's space */
    limit_rows answer; /* of A or A^T, in the other side's space */
    size_t *order;     /* when they were met */
    double largest;    /* largest norm met */
    double gain;       /* standard deviation of the fresh part of an answer */
    double back;       /* weight of what the other side's answers already tell */

    size_t asked;      /* rows of the last question */
    double *c;         /* their coefficients, row stride `room` */
    double *least;     /* residuals up to this are none */
    limit_rows residual;

    /* Without a block: the trained answers, and the updates that wait beside them. */
    limit_rows trained; /* of W or W^T, but for the waiting updates */
    limit_rows seen;    /* the part of the last vector in the span of the unit directions */
    double *waiting_c;  /* coefficients of the vectors of the waiting updates, row stride `room` */
    limit_rows waiting; /* what they add to the other side's answers: seen x step x own weight, in this side's space */
    double *trial_c;    /* the same for the updates on trial, which are not multiplied by anything */
    limit_rows trial;

    struct side_mark mark;
    double *mark_c;       /* the coefficients of the last question, and without a block what was seen of it */
    limit_rows mark_seen;
};

/* What there is room for. */
struct shape {
    size_t room;            /* directions a side */
    size_t inputs, outputs; /* rows of a push and of a pull */
    size_t slots;           /* updates on trial */
    int marks;              /* there is room for a mark */
    int blocked;            /* answers are put together from the untrained ones and from S; no waiting, no trials */
};

struct limit_operator {
    double variance, psi, tolerance;
    double coarse;       /* factor of the tolerance */
    struct side in, out; /* in: e_j, y_j, W e_j; out: f_i, x_i, W^T f_i */
    struct shape shape;
    size_t clock;        /* directions met so far */
    double *M, *S;       /* <f_i, A e_j> and what was learned: outputs x inputs, row stride `room` */
    double *work;

    double *momentum;    /* of S; with a block */
    double keep;         /* W = keep A + what was learned */

    size_t waiting;
    double *sum;          /* of updates on trial, as S */
    const double *weight; /* of the trials, the caller's */
    size_t first, end;    /* slots that are weighed */
    double trial_step;

    size_t mark_clock;
    double mark_coarse;
};

/* trial.c, learn.c: what the weighed trials, and what the waiting updates, add to the answer of a side. */
void operator_add_trials(limit_operator *A, const struct side *s, const struct side *other, struct block out);
void operator_add_waiting(limit_operator *A, const struct side *s, const struct side *other, struct block out);

/* learn.c: an update waits, with its coefficients and factor x its vector on either side. */
void operator_wait(limit_operator *A, const double *c_in, const double *phi, const double *c_out, const double *g, double step);

#endif
