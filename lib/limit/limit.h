/* The infinite network: site spaces, and random operators between them that are revealed where they are asked (doc/theory.md, (B1)-(B3)).
 *
 * In the limit of infinite width every site variable of a layer (h(t), g(t), v(t), ..) is a vector in a Hilbert space whose inner product
 * <a,b> is the single-site average. A space keeps its vectors as coordinates on a growing set of orthonormal axes. An operator is an iid
 * matrix between two spaces that knows of itself only what it was asked, and what was learned since.
 *
 * What depends on how sites are represented sits behind struct limit_backend: the weight of the inner product, and how a fresh unit
 * Gaussian field is made. The exact backend opens a new axis; that of sampled sites draws numbers, from which operators take out what they have met.
 *
 * Fields and bases belong to their space, which moves them when it grows; hold the struct, never its data, across limit_space_reserve.
 */
#ifndef DMFT_LIMIT_LIMIT_H
#define DMFT_LIMIT_LIMIT_H

#include "base/archive.h"
#include "base/random.h"
#include "dmft.h"

typedef struct limit_space limit_space;
typedef struct limit_rows limit_rows;
typedef struct limit_operator limit_operator;

/* `count` vectors of one space, one a row: x[i * stride + axis]. A single field is a limit_rows with one row. */
struct limit_rows {
    limit_space *space;
    size_t count, capacity;
    double *x;
    limit_rows *next; /* all rows of a space are linked, so that it can move them */
};

struct limit_backend {
    double (*weight)(const limit_space *space); /* <a,b> = weight x (a . b) */
    /* Writes `count` unit Gaussian fields, independent of all that the space has met, to rows of zeros. */
    void (*fresh)(limit_space *space, size_t count, double *rows);
    /* Takes off a residual what can only be rounding, from what the space knows of its fields. NULL: it knows nothing. */
    void (*settle)(limit_space *space, double *row);
    int axes; /* each fresh field is an axis of its own, so that nothing met before need be projected off; rows end in zeros, for axes to come */
};

struct limit_sites;

struct limit_space {
    const struct limit_backend *backend;
    size_t axes;   /* coordinates in use */
    size_t modes;  /* n >= 1 kinds of sites, each of weight 1/n, with coordinates of their own: coordinate k + n a is that of kind k on axis a (E5) */
    size_t stride; /* coordinates that there is room for */
    limit_rows *first;
    struct limit_sites *sites; /* of sampled spaces: how fresh fields are drawn */
};

extern const struct limit_backend limit_exact; /* Gaussian sites in exact coordinates */

/* ---- spaces and fields ---- */

void limit_space_init(limit_space *space, const struct limit_backend *backend);

/* An exact space of `modes` kinds of sites of equal numbers: inner products are averages over the kinds (E6). */
void limit_space_init_modes(limit_space *space, size_t modes);

void limit_space_clear(limit_space *space); /* frees the rows' data; the rows structs are their owners' */

/* Room for `more` further axes, or fresh fields of a sampled space; with limit_operator_reserve the only calls of a step that allocate. */
int limit_space_reserve(limit_space *space, size_t more, dmft_error *err);

/* Forgets all axes: what lives in the space from now on is independent of what lived there (fresh data every step). */
void limit_space_renew(limit_space *space);

/* Enters empty rows into a space with room for `capacity` of them; limit_rows_reserve makes room for more (in sampled spaces the room that is
 * gained holds anything). */
int limit_rows_init(limit_rows *rows, limit_space *space, size_t capacity, dmft_error *err);
int limit_rows_reserve(limit_rows *rows, size_t more, dmft_error *err);

/* A zero field of the space (one row). */
int limit_field_init(limit_rows *field, limit_space *space, dmft_error *err);

double limit_dot(const limit_rows *a, const limit_rows *b); /* <a,b> of two fields of one space */
void limit_scale(limit_rows *a, double factor);             /* a <- factor a */
void limit_add(limit_rows *a, double factor, const limit_rows *b); /* a <- a + factor b */
void limit_copy(limit_rows *a, const limit_rows *b);        /* a <- b */
void limit_modulate(limit_rows *a, const double *factor);   /* the part of a on sites of kind k times factor[k] */
void limit_put(limit_rows *a, size_t i, const limit_rows *b, size_t j); /* a_i <- b_j */
/* a <- a + factor sum weight[i - first] b_i over first <= i < end */
void limit_combine(limit_rows *a, double factor, const double *weight, const limit_rows *b, size_t first, size_t end);
void limit_fresh(limit_rows *a);                            /* every a_i <- a unit Gaussian field of its own, independent of all; needs an axis each */

/* ---- sampled sites ---- */

/* How the fresh Gaussian fields of a sampled space are drawn. */
struct limit_sampling {
    size_t sites;                /* S: <a,b> = a.b/S */
    struct random_stream stream; /* the space's own */
    int sobol;                   /* the first 16 fresh fields are coordinates of one scrambled Sobol' set, made Gaussian */
    int moment_matching;         /* fresh fields are made orthonormal among each other: what is linear is then exact (N4) */
    int linear;                  /* nothing but linear combinations is taken of fields: with moment matching all lie in the span of the fresh ones */
};

extern const struct limit_backend limit_sampled;

/* A space of S sampled sites: all S coordinates are in use from the start, and nonlinear functions are taken site by site. */
int limit_space_init_sampled(limit_space *space, const struct limit_sampling *sampling, dmft_error *err);

/* ---- operators ---- */

/* An M x N matrix with iid entries of variance sigma^2/N plus what is learned, psi = M/N, from `in` (N sites) to `out` (M sites).
 * A direction counts as met when its residual is below tolerance x the largest norm met. */
int limit_operator_create(limit_operator **A, limit_space *in, limit_space *out, double variance, double psi, double tolerance,
                          dmft_error *err);
void limit_operator_free(limit_operator *A);

/* Room for one more direction on either side (the spaces need room for an axis each). */
int limit_operator_reserve(limit_operator *A, dmft_error *err);

/* Forgets what was met and learned: from now on another, independent matrix. */
void limit_operator_renew(limit_operator *A);

void limit_push(limit_operator *A, const limit_rows *phi, limit_rows *out); /* out <- W phi      (B1) (B2) */
void limit_pull(limit_operator *A, const limit_rows *g, limit_rows *out);   /* out <- W^T g      (B1) (B2) */

/* W <- W + (step/N) g phi^T, for the g of the last pull and the phi of the last push (B3); of blocks the first rows. */
void limit_learn(limit_operator *A, double step);

/* ---- blocks: several vectors at a time, which go through matrix-matrix products together ---- */

/* Room for `inputs` rows a push and `outputs` rows a pull, both at least 1. Without this there is room for one each. To be called before the
 * operator is asked anything. From then on it is trained by limit_train or limit_learn, and has no updates on trial. */
int limit_operator_block(limit_operator *A, size_t inputs, size_t outputs, dmft_error *err);

/* limit_push and limit_pull take any number of rows up to that, out->count = phi->count; new directions are met in the order of the rows.
 * limit_operator_reserve makes room for that many new directions on both sides. */

/* How a step of training enters, (E1) (E2): m <- momentum m + G, W <- keep W + rate m. Plain descent: {0, 1, 1}. */
struct limit_rule {
    double momentum, keep, rate;
};

/* One step with G = (1/N) sum_ab g_a weight[a * stride + b] phi_b^T over the rows g_a of the last pull and phi_b of the last push; for operators with a
 * block. */
void limit_train(limit_operator *A, const double *weight, size_t stride, struct limit_rule rule);

/* ---- updates on trial, for the stages of an integrator (G2) ---- */

/* Room for `slots` of them, kept ones included. Updates may not be weighed meanwhile. */
int limit_trial_reserve(limit_operator *A, size_t slots, dmft_error *err);

/* Keeps the g of the last pull and the phi of the last push in a slot; copies a slot. */
void limit_trial_keep(limit_operator *A, size_t slot);
void limit_trial_copy(limit_operator *A, size_t from, size_t to);

/* From now on answers are those of W + (step/N) sum weight[i] g_i phi_i^T over the slots first <= i < end, until this is called again;
 * first = end takes W alone. The weights stay the caller's and are read at every answer. */
void limit_trial_weigh(limit_operator *A, double step, const double *weight, size_t first, size_t end);

/* Enters that sum into W for good; none is weighed then, and the slots keep what they hold. */
void limit_trial_learn(limit_operator *A, double step, const double *weight, size_t first, size_t end);

/* The norm of that sum, (1/(M N)) |sum weight[i] g_i phi_i^T|_F^2 under the root: |g||phi| for one slot of weight 1. */
double limit_trial_norm(limit_operator *A, const double *weight, size_t first, size_t end);

/* From now on a direction counts as met when its residual is below factor x tolerance x the largest norm (1 at first). With INFINITY no new one is
 * met: the operator answers to the part of a vector that lies in those it has met. */
void limit_coarsen(limit_operator *A, double factor);

/* ---- looking without leaving a trace ---- */

/* Room for marks; to be called when an operator is made, after limit_operator_block. Room for so many more directions on either side. */
int limit_operator_marks(limit_operator *A, dmft_error *err);
int limit_operator_reserve_more(limit_operator *A, size_t more, dmft_error *err);

/* Between the two an operator may be asked, but neither learn nor be given room. A rewind forgets what was met since the mark, and brings back the
 * last question before it; meanwhile directions are judged by what is asked then. A space goes back to as many axes as it had (exact ones only). */
void limit_operator_mark(limit_operator *A);
void limit_operator_rewind(limit_operator *A);
void limit_space_rewind(limit_space *space, size_t axes);

/* As limit_operator_renew, with entries of another variance. */
void limit_operator_redraw(limit_operator *A, double variance);

/* ---- what an operator knows, for level 2 ---- */

struct limit_view {
    double variance, psi;
    const limit_rows *E, *Y, *F, *X; /* orthonormal e_j, y_j = A e_j; orthonormal f_i, x_i = A^T f_i */
    const double *S;                 /* learned: W = A + sum S_ij f_i e_j^T / N; row i, column j */
    size_t stride;                   /* of S and of M */
    const double *M;                 /* M_ij = <f_i, A e_j>, of the untrained matrix (N6) */
    const size_t *in_order, *out_order; /* when e_j and f_i were met: all different, rising on each side */
    double keep;                     /* W = keep A + learned: 1 without weight decay */
    const double *c_in, *c_out;      /* coefficients of the last phi on the e_j and of the last g on the f_i; of blocks the first */
    size_t c_stride;                 /* from one row of a block to the next */
};
struct limit_view limit_operator_view(const limit_operator *A);

/* ---- checkpoints ---- */

/* All that a space and its rows, or an operator besides its rows, hold. The rows must have been made in the same order. */
void limit_space_transfer(limit_space *space, archive *a);
void limit_operator_transfer(limit_operator *A, archive *a);

/* Number of directions met on the side of the input and of the output. */
size_t limit_operator_inputs(const limit_operator *A);
size_t limit_operator_outputs(const limit_operator *A);

#endif
