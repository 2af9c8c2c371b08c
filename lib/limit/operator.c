/* An iid random matrix between two site spaces, revealed as it is asked: (B1)-(B3) of doc/theory.md.
 *
 * It keeps orthonormal e_j (inputs met) with y_j = A e_j, orthonormal f_i (outputs met) with x_i = A^T f_i, and the matrix S of what was
 * learned on them. The trained answers W e_j = y_j + sum_i S_ij f_i and W^T f_i = x_i + psi sum_j S_ij e_j are kept as well; the last
 * few updates wait beside them and are entered together, as one matrix-matrix product.
 *
 * With k directions a side and d axes a space, a product costs 3 k d multiply-adds (coefficients, residual, answer) and WAITING (k + d) for
 * the waiting updates, learning k^2 and 2 k d as a matrix-matrix product, a new direction 5 k d more; memory 6 k d + k^2 doubles. All
 * saturate in full-batch runs (k of 60 to 350) and grow by one a step where each step brings fresh randomness.
 *
 * Beside what was learned there are updates on trial (G2), weighed anew for every stage of an integrator: n of them add n (k + d) to a product,
 * n k^2 to a norm, and n (k + d) doubles a side.
 */
#include <cblas.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "limit/limit.h"

enum {
    FIRST_DIRECTIONS = 16,
    WAITING = 32 /* updates entered together: enough for the speed of dgemm, few against k */
};

/* A residual is dropped below this fraction of the tolerance: at 1, kernels that had decayed by 1e-6 were off by 1.6e-9 at tolerance 1e-11,
 * at a fifth by less than 3e-10, for a tenth more directions. */
static const double drop = 0.2;

/* One side: unit directions met, what A or A^T and the trained W or W^T answer to them, and what became of the last vector that was asked. */
struct side {
    limit_space *space;
    limit_rows unit;    /* orthonormal, in this side's space */
    limit_rows answer;  /* of A or A^T, in the other side's space */
    limit_rows trained; /* of W or W^T, but for the waiting updates */
    double largest;     /* largest norm met */
    double gain;        /* standard deviation of the fresh part of an answer */
    double back;        /* weight of what the other side's answers already tell */

    double *c;          /* coefficients of the last vector */
    limit_rows seen;    /* its part in the span of the unit directions */
    limit_rows residual;

    double *waiting_c;  /* coefficients of the vectors of the waiting updates, row stride `room` */
    limit_rows waiting; /* what they add to the other side's answers: seen x step x own weight, in this side's space */

    double *trial_c;  /* the same for the updates on trial, which are not multiplied by anything */
    limit_rows trial;
};

struct limit_operator {
    double variance, psi, tolerance;
    struct side in, out;   /* in: e_j, y_j, W e_j; out: f_i, x_i, W^T f_i */
    double *S, *work;      /* S: outputs x inputs, row stride `room`; work: the larger of room and slots, and WAITING numbers */
    size_t room, waiting;
    double coarse; /* factor of the tolerance */

    size_t slots;         /* updates on trial that there is room for */
    double *sum;          /* of them, as S; NULL unless slots > 0 */
    const double *weight; /* the caller's */
    size_t first, end;    /* slots that are weighed */
    double trial_step;
};

/* ---- making ---- */

static int side_init(struct side *s, limit_space *own, limit_space *other, double gain, double back, dmft_error *err)
{
    s->space = own;
    s->gain = gain;
    s->back = back;
    s->c = memory_doubles(FIRST_DIRECTIONS);
    s->waiting_c = memory_doubles(WAITING * FIRST_DIRECTIONS);
    if (s->c == NULL || s->waiting_c == NULL) return error_memory(err, 8.0 * (WAITING + 1) * FIRST_DIRECTIONS);
    int status = limit_rows_init(&s->unit, own, FIRST_DIRECTIONS, err);
    if (status == DMFT_OK) status = limit_rows_init(&s->answer, other, FIRST_DIRECTIONS, err);
    if (status == DMFT_OK) status = limit_rows_init(&s->trained, other, FIRST_DIRECTIONS, err);
    if (status == DMFT_OK) status = limit_rows_init(&s->waiting, own, WAITING, err);
    if (status == DMFT_OK) status = limit_rows_init(&s->trial, own, 0, err);
    if (status == DMFT_OK) status = limit_field_init(&s->seen, own, err);
    return status == DMFT_OK ? limit_field_init(&s->residual, own, err) : status;
}

int limit_operator_create(limit_operator **out, limit_space *in_space, limit_space *out_space, double variance, double psi,
                          double tolerance, dmft_error *err)
{
    limit_operator *A = calloc(1, sizeof *A);
    if (A == NULL) return error_memory(err, sizeof *A);
    A->variance = variance;
    A->psi = psi;
    A->tolerance = tolerance;
    A->coarse = 1.0;
    A->room = FIRST_DIRECTIONS;
    A->S = memory_doubles(A->room * A->room);
    A->work = memory_doubles(A->room + WAITING);
    int status = A->S != NULL && A->work != NULL ? DMFT_OK : error_memory(err, 8.0 * FIRST_DIRECTIONS * FIRST_DIRECTIONS);
    if (status == DMFT_OK) status = side_init(&A->in, in_space, out_space, sqrt(variance), 1.0 / psi, err);
    if (status == DMFT_OK) status = side_init(&A->out, out_space, in_space, sqrt(variance * psi), psi, err);
    *out = A; /* even when half made: the spaces hold its rows until they are cleared */
    return status;
}

void limit_operator_free(limit_operator *A)
{
    if (A == NULL) return;
    free(A->in.c);
    free(A->out.c);
    free(A->in.waiting_c);
    free(A->out.waiting_c);
    free(A->in.trial_c);
    free(A->out.trial_c);
    free(A->S);
    free(A->sum);
    free(A->work);
    free(A); /* the rows' data belong to the spaces */
}

/* `rows` rows of stride `wide`, the first `count` of which begin with those of old rows of this stride; NULL when out of memory. */
static double *widened(const double *old, size_t count, size_t stride, size_t rows, size_t wide)
{
    double *x = memory_doubles(rows * wide);
    for (size_t i = 0; x != NULL && i < count; i++) memcpy(x + i * wide, old + i * stride, (stride < wide ? stride : wide) * sizeof *x);
    return x;
}

/* The coefficient arrays of a side, as they are made anew. */
struct wide {
    double *c, *waiting_c, *trial_c;
};

static int widen_side(const limit_operator *A, struct side *s, struct wide *w, size_t room, size_t slots, dmft_error *err)
{
    w->c = widened(s->c, 1, A->room, 1, room);
    w->waiting_c = memory_doubles(WAITING * room);
    w->trial_c = widened(s->trial_c, A->slots, A->room, slots, room);
    if (w->c == NULL || w->waiting_c == NULL || w->trial_c == NULL) return error_memory(err, 8.0 * (double)(WAITING + slots + 1) * (double)room);
    return limit_rows_reserve(&s->trial, slots - s->trial.count, err);
}

static void free_wide(const struct wide *w)
{
    free(w->c);
    free(w->waiting_c);
    free(w->trial_c);
}

/* Puts the new arrays of a side in their places, and leaves the old ones in w. */
static void take_wide(struct side *s, struct wide *w, size_t slots)
{
    struct wide old = {s->c, s->waiting_c, s->trial_c};
    s->c = w->c;
    s->waiting_c = w->waiting_c;
    s->trial_c = w->trial_c;
    s->trial.count = slots;
    *w = old;
}

static void enter_waiting(limit_operator *A);

/* Gives S, the coefficients and the work array room for `room` directions a side and `slots` trials, neither fewer than there are. */
static int widen(limit_operator *A, size_t room, size_t slots, dmft_error *err)
{
    enter_waiting(A); /* so that what waits need not be moved */
    struct wide in = {0}, out = {0};
    double *S = widened(A->S, A->room, A->room, room, room), *sum = memory_doubles(slots > 0 ? room * room : 0);
    double *work = memory_doubles((room > slots ? room : slots) + WAITING);
    int whole = S != NULL && work != NULL && sum != NULL;
    int status = whole ? DMFT_OK : error_memory(err, 16.0 * (double)room * (double)(room + 1));
    if (status == DMFT_OK) status = widen_side(A, &A->in, &in, room, slots, err);
    if (status == DMFT_OK) status = widen_side(A, &A->out, &out, room, slots, err);
    if (status == DMFT_OK) {
        double *old[] = {A->S, A->sum, A->work};
        take_wide(&A->in, &in, slots);
        take_wide(&A->out, &out, slots);
        A->S = S;
        A->sum = sum;
        A->work = work;
        A->room = room;
        A->slots = slots;
        S = old[0];
        sum = old[1];
        work = old[2];
    }
    free_wide(&in);
    free_wide(&out);
    free(S);
    free(sum);
    free(work);
    return status;
}

static int side_reserve(struct side *s, dmft_error *err)
{
    int status = limit_rows_reserve(&s->unit, 1, err);
    if (status == DMFT_OK) status = limit_rows_reserve(&s->answer, 1, err);
    return status == DMFT_OK ? limit_rows_reserve(&s->trained, 1, err) : status;
}

int limit_operator_reserve(limit_operator *A, dmft_error *err)
{
    size_t met = A->in.unit.count > A->out.unit.count ? A->in.unit.count : A->out.unit.count;
    int status = met < A->room ? DMFT_OK : widen(A, A->room + A->room / 2, A->slots, err);
    if (status == DMFT_OK) status = side_reserve(&A->in, err);
    return status == DMFT_OK ? side_reserve(&A->out, err) : status;
}

void limit_operator_renew(limit_operator *A)
{
    struct side *both[] = {&A->in, &A->out};
    for (size_t i = 0; i < 2; i++) {
        both[i]->unit.count = both[i]->answer.count = both[i]->trained.count = both[i]->waiting.count = 0;
        both[i]->largest = 0.0;
    }
    A->waiting = 0;
    memset(A->S, 0, A->room * A->room * sizeof *A->S);
}

/* ---- products ---- */

/* c <- beta c + factor <row_i, x> */
static void inner(const limit_rows *rows, double factor, const double *x, double beta, double *c)
{
    if (rows->count == 0) return;
    double weight = rows->space->backend->weight(rows->space);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)rows->count, (int)rows->space->axes, factor * weight, rows->x,
                (int)rows->space->stride, x, 1, beta, c, 1);
}

/* x <- x + factor sum_i c_i row_i */
static void combine(const limit_rows *rows, double factor, const double *c, double *x)
{
    if (rows->count == 0) return;
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)rows->count, (int)rows->space->axes, factor, rows->x, (int)rows->space->stride, c, 1,
                1.0, x, 1);
}

static double norm(const limit_rows *a) { return sqrt(limit_dot(a, a)); }

/* Takes the unit directions out of r once more, adding what was found to c when that is asked for. */
static void project_off(struct side *s, limit_rows *r, double *c, double *work)
{
    inner(&s->unit, 1.0, r->x, 0.0, work);
    combine(&s->unit, -1.0, work, r->x);
    for (size_t i = 0; c != NULL && i < s->unit.count; i++) c[i] += work[i];
}

/* Appends x, which fills the axes in use, to rows that have room for it. */
static void append(limit_rows *rows, const double *x)
{
    double *row = rows->x + rows->count++ * rows->space->stride;
    memset(row, 0, rows->space->stride * sizeof *row);
    memcpy(row, x, rows->space->axes * sizeof *row);
}

/* Enters e = r/|r| as a new direction and reveals the answer to it (B1):
 * what the other side's answers x_i already fix, sum_i f_i <x_i, e> back, and a fresh Gaussian field for the rest. */
static void meet(struct side *s, const struct side *other, limit_rows *r, double *work)
{
    limit_scale(r, 1.0 / norm(r));
    project_off(s, r, NULL, work); /* small residuals lose orthogonality when they are normalised */
    limit_scale(r, 1.0 / norm(r));

    limit_space *there = s->answer.space;
    double *answer = s->answer.x + s->answer.count * there->stride;
    memset(answer, 0, there->stride * sizeof *answer);
    if (s->gain > 0.0) {
        there->backend->fresh(there, &other->unit, answer);
        cblas_dscal((int)there->axes, s->gain, answer, 1);
    }
    inner(&other->answer, s->back, r->x, 0.0, work);
    combine(&other->unit, 1.0, work, answer);
    s->answer.count++;
    append(&s->trained, answer); /* nothing was learned on it yet */
    append(&s->unit, r->x);
}

/* Leaves the coefficients of `a` on the unit directions in s->c and its part in their span in s->seen, after a new direction was met if there
 * is one in it. */
static void ask(limit_operator *A, struct side *s, const struct side *other, const limit_rows *a)
{
    limit_rows *r = &s->residual;
    double size = norm(a);
    if (size > s->largest && isfinite(A->coarse)) s->largest = size;
    double least = A->coarse * drop * A->tolerance * s->largest;
    inner(&s->unit, 1.0, a->x, 0.0, s->c);
    memset(s->seen.x, 0, s->space->axes * sizeof *s->seen.x);
    combine(&s->unit, 1.0, s->c, s->seen.x);
    limit_copy(r, a);
    limit_add(r, -1.0, &s->seen);
    if (!(norm(r) > least)) return;
    project_off(s, r, s->c, A->work);
    double left = norm(r);
    limit_copy(&s->seen, a);
    if (!(left > least) || !isfinite(left)) return;
    meet(s, other, r, A->work);
    s->c[s->unit.count - 1] = left;
}

/* What the weighed trials add to the answer: each its own vector of the other side times its inner product with the vector asked. */
static void add_trials(limit_operator *A, const struct side *s, const struct side *other, limit_rows *out)
{
    size_t n = A->end - A->first;
    double own = A->trial_step * (s == &A->out ? A->psi : 1.0);
    const limit_rows *rows = &other->trial;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)s->unit.count, own, s->trial_c + A->first * A->room, (int)A->room, s->c, 1, 0.0,
                A->work, 1);
    for (size_t i = 0; i < n; i++) A->work[i] *= A->weight[A->first + i];
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)n, (int)out->space->axes, 1.0, rows->x + A->first * out->space->stride,
                (int)out->space->stride, A->work, 1, 1.0, out->x, 1);
}

/* The answer of the trained matrix to the vector that this side was asked last. */
static void answer(limit_operator *A, const struct side *s, const struct side *other, limit_rows *out)
{
    memset(out->x, 0, out->space->axes * sizeof *out->x);
    combine(&s->trained, 1.0, s->c, out->x);
    if (s->unit.count == 0) return;
    if (A->waiting > 0) {
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)A->waiting, (int)s->unit.count, 1.0, s->waiting_c, (int)A->room, s->c, 1, 0.0,
                    A->work, 1);
        combine(&other->waiting, 1.0, A->work, out->x);
    }
    if (A->end > A->first) add_trials(A, s, other, out);
}

void limit_push(limit_operator *A, const limit_rows *phi, limit_rows *out)
{
    ask(A, &A->in, &A->out, phi);
    answer(A, &A->in, &A->out, out);
}

void limit_pull(limit_operator *A, const limit_rows *g, limit_rows *out)
{
    ask(A, &A->out, &A->in, g);
    answer(A, &A->out, &A->in, out);
}

/* ---- learning ---- */

/* trained_j += sum over waiting updates of c_j x what they add. */
static void enter_side(limit_operator *A, struct side *s, const struct side *other)
{
    if (s->unit.count == 0) return;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)s->unit.count, (int)other->space->axes, (int)A->waiting, 1.0, s->waiting_c,
                (int)A->room, other->waiting.x, (int)other->space->stride, 1.0, s->trained.x, (int)other->space->stride);
}

static void enter_waiting(limit_operator *A)
{
    if (A->waiting == 0) return;
    enter_side(A, &A->in, &A->out);
    enter_side(A, &A->out, &A->in);
    A->waiting = A->in.waiting.count = A->out.waiting.count = 0;
}

/* An update waits: its coefficients, and factor x its vector. */
static void wait(limit_operator *A, struct side *s, const double *coefficients, const double *vector, double factor)
{
    double *c = s->waiting_c + A->waiting * A->room;
    memset(c, 0, A->room * sizeof *c);
    memcpy(c, coefficients, s->unit.count * sizeof *c);
    append(&s->waiting, vector);
    cblas_dscal((int)s->space->axes, factor, s->waiting.x + (s->waiting.count - 1) * s->space->stride, 1);
}

void limit_learn(limit_operator *A, double step)
{
    if (A->in.unit.count == 0 || A->out.unit.count == 0) return;
    cblas_dger(CblasRowMajor, (int)A->out.unit.count, (int)A->in.unit.count, step, A->out.c, 1, A->in.c, 1, A->S, (int)A->room);
    wait(A, &A->in, A->in.c, A->in.seen.x, A->psi * step);
    wait(A, &A->out, A->out.c, A->out.seen.x, step);
    if (++A->waiting == WAITING) enter_waiting(A);
}

/* ---- updates on trial ---- */

int limit_trial_reserve(limit_operator *A, size_t slots, dmft_error *err)
{
    return slots <= A->slots ? DMFT_OK : widen(A, A->room, slots, err);
}

static double *trial_c(const limit_operator *A, const struct side *s, size_t slot) { return s->trial_c + slot * A->room; }

static double *trial_vector(const struct side *s, size_t slot) { return s->trial.x + slot * s->space->stride; }

static void keep(const limit_operator *A, struct side *s, size_t slot)
{
    double *c = trial_c(A, s, slot);
    memset(c, 0, A->room * sizeof *c);
    memcpy(c, s->c, s->unit.count * sizeof *c);
    memcpy(trial_vector(s, slot), s->seen.x, s->space->axes * sizeof *c);
}

void limit_trial_keep(limit_operator *A, size_t slot)
{
    keep(A, &A->in, slot);
    keep(A, &A->out, slot);
}

void limit_trial_copy(limit_operator *A, size_t from, size_t to)
{
    struct side *both[] = {&A->in, &A->out};
    for (size_t i = 0; i < 2; i++) {
        memcpy(trial_c(A, both[i], to), trial_c(A, both[i], from), A->room * sizeof(double));
        memcpy(trial_vector(both[i], to), trial_vector(both[i], from), both[i]->space->axes * sizeof(double));
    }
}

void limit_trial_weigh(limit_operator *A, double step, const double *weight, size_t first, size_t end)
{
    A->trial_step = step;
    A->weight = weight;
    A->first = first;
    A->end = end;
}

/* S <- S + step sum weight[i] c_i c_i^T of the slots; S is A->S or A->sum. */
static void add_to(const limit_operator *A, double *S, double step, const double *weight, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (weight[i] == 0.0) continue;
        cblas_dger(CblasRowMajor, (int)A->out.unit.count, (int)A->in.unit.count, step * weight[i], trial_c(A, &A->out, i), 1,
                   trial_c(A, &A->in, i), 1, S, (int)A->room);
    }
}

void limit_trial_learn(limit_operator *A, double step, const double *weight, size_t first, size_t end)
{
    A->first = A->end = 0;
    add_to(A, A->S, step, weight, first, end);
    for (size_t i = first; i < end; i++) {
        if (weight[i] == 0.0) continue;
        wait(A, &A->in, trial_c(A, &A->in, i), trial_vector(&A->in, i), A->psi * step * weight[i]);
        wait(A, &A->out, trial_c(A, &A->out, i), trial_vector(&A->out, i), step * weight[i]);
        if (++A->waiting == WAITING) enter_waiting(A);
    }
}

double limit_trial_norm(limit_operator *A, const double *weight, size_t first, size_t end)
{
    memset(A->sum, 0, A->out.unit.count * A->room * sizeof *A->sum);
    add_to(A, A->sum, 1.0, weight, first, end);
    return cblas_dnrm2((int)(A->out.unit.count * A->room), A->sum, 1);
}

void limit_coarsen(limit_operator *A, double factor) { A->coarse = factor; }

/* ---- checkpoints ---- */

static void transfer_side(limit_operator *A, struct side *s, archive *a)
{
    archive_double(a, &s->largest);
    archive_doubles(a, s->c, s->unit.count);
    archive_doubles(a, s->waiting_c, A->waiting * A->room);
    archive_doubles(a, s->trial_c, A->slots * A->room);
}

/* The rows have been read with their spaces before, so that the counts of directions are known. */
void limit_operator_transfer(limit_operator *A, archive *a)
{
    dmft_error err;
    size_t room = A->room, slots = A->slots, most = SIZE_MAX / (sizeof *A->S);
    archive_tag(a, "operator");
    archive_size(a, &room, most);
    archive_size(a, &slots, most);
    archive_size(a, &A->waiting, WAITING);
    if (archive_status(a) == 0 && archive_reading(a)) {
        size_t waiting = A->waiting;
        A->waiting = 0; /* nothing of what `widen` could enter is there yet */
        int status = room < A->room || slots < A->slots ? error_set(&err, DMFT_ERROR_FORMAT, "an operator of another run") : DMFT_OK;
        if (status == DMFT_OK) status = widen(A, room, slots, &err);
        if (status != DMFT_OK) archive_fail(a, status, &err);
        A->waiting = waiting;
    }
    if (archive_status(a) != 0) return;
    for (size_t i = 0; i < A->out.unit.count; i++) archive_doubles(a, A->S + i * A->room, A->in.unit.count);
    transfer_side(A, &A->in, a);
    transfer_side(A, &A->out, a);
}

/* ---- queries ---- */

struct limit_view limit_operator_view(const limit_operator *A)
{
    return (struct limit_view){.variance = A->variance,
                               .psi = A->psi,
                               .E = &A->in.unit,
                               .Y = &A->in.answer,
                               .F = &A->out.unit,
                               .X = &A->out.answer,
                               .S = A->S,
                               .stride = A->room,
                               .c_in = A->in.c,
                               .c_out = A->out.c};
}

size_t limit_operator_inputs(const limit_operator *A) { return A->in.unit.count; }

size_t limit_operator_outputs(const limit_operator *A) { return A->out.unit.count; }
