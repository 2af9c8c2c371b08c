/* An iid random matrix between two site spaces, revealed as it is asked: (B1)-(B3) of doc/theory.md.
 *
 * It keeps orthonormal e_j (inputs met) with y_j = A e_j, orthonormal f_i (outputs met) with x_i = A^T f_i, and the matrix S of what was
 * learned on them. With k directions a side and d axes a space, a product costs 5 k d + k^2 multiply-adds (coefficients, residual, answer),
 * a new direction 5 k d more; memory 4 k d + k^2 doubles. Both saturate in full-batch runs (k of 60 to 200) and grow by one a step where
 * each step brings fresh randomness.
 */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "limit/limit.h"

enum { FIRST_DIRECTIONS = 16 };

/* A residual is dropped below this fraction of the tolerance: kernels that have decayed by 1e-6 then still have ten times the tolerance. */
static const double drop = 0.1;

/* One side: unit directions met, what A or A^T answered to them, and the coefficients of the last vector that was asked. */
struct side {
    limit_space *space;
    limit_rows unit;   /* orthonormal, in this side's space */
    limit_rows answer; /* in the other side's space */
    double largest;    /* largest norm met */
    double *c;         /* coefficients of the last vector */
    double gain;       /* standard deviation of the fresh part of an answer */
    double back;       /* weight of what the other side's answers already tell */
};

struct limit_operator {
    double variance, psi, tolerance;
    struct side in, out; /* in: E, Y; out: F, X */
    double *S, *work;    /* S: outputs x inputs, row stride `room`; work: `room` numbers */
    size_t room;
    limit_rows residual_in, residual_out;
};

/* ---- making ---- */

static int side_init(struct side *s, limit_space *own, limit_space *other, double gain, double back, dmft_error *err)
{
    s->space = own;
    s->gain = gain;
    s->back = back;
    s->c = memory_doubles(FIRST_DIRECTIONS);
    if (s->c == NULL) return error_memory(err, 8.0 * FIRST_DIRECTIONS);
    int status = limit_rows_init(&s->unit, own, FIRST_DIRECTIONS, err);
    return status == DMFT_OK ? limit_rows_init(&s->answer, other, FIRST_DIRECTIONS, err) : status;
}

int limit_operator_create(limit_operator **out, limit_space *in_space, limit_space *out_space, double variance, double psi,
                          double tolerance, dmft_error *err)
{
    limit_operator *A = calloc(1, sizeof *A);
    if (A == NULL) return error_memory(err, sizeof *A);
    A->variance = variance;
    A->psi = psi;
    A->tolerance = tolerance;
    A->room = FIRST_DIRECTIONS;
    A->S = memory_doubles(A->room * A->room);
    A->work = memory_doubles(A->room);
    int status = A->S != NULL && A->work != NULL ? DMFT_OK : error_memory(err, 8.0 * FIRST_DIRECTIONS * FIRST_DIRECTIONS);
    if (status == DMFT_OK) status = side_init(&A->in, in_space, out_space, sqrt(variance), 1.0 / psi, err);
    if (status == DMFT_OK) status = side_init(&A->out, out_space, in_space, sqrt(variance * psi), psi, err);
    if (status == DMFT_OK) status = limit_field_init(&A->residual_in, in_space, err);
    if (status == DMFT_OK) status = limit_field_init(&A->residual_out, out_space, err);
    *out = A; /* even when half made: the spaces hold its rows until they are cleared */
    return status;
}

void limit_operator_free(limit_operator *A)
{
    if (A == NULL) return;
    free(A->in.c);
    free(A->out.c);
    free(A->S);
    free(A->work);
    free(A); /* the rows' data belong to the spaces */
}

/* Gives S, the coefficients and the work array room for `room` directions a side. */
static int widen(limit_operator *A, size_t room, dmft_error *err)
{
    double *S = memory_doubles(room * room), *work = memory_doubles(room);
    double *c_in = memory_doubles(room), *c_out = memory_doubles(room);
    if (S == NULL || work == NULL || c_in == NULL || c_out == NULL) {
        free(S);
        free(work);
        free(c_in);
        free(c_out);
        return error_memory(err, 8.0 * (double)room * (double)(room + 3));
    }
    for (size_t i = 0; i < A->out.unit.count; i++) memcpy(S + i * room, A->S + i * A->room, A->in.unit.count * sizeof *S);
    memcpy(c_in, A->in.c, A->in.unit.count * sizeof *S);
    memcpy(c_out, A->out.c, A->out.unit.count * sizeof *S);
    free(A->S);
    free(A->work);
    free(A->in.c);
    free(A->out.c);
    A->S = S;
    A->work = work;
    A->in.c = c_in;
    A->out.c = c_out;
    A->room = room;
    return DMFT_OK;
}

int limit_operator_reserve(limit_operator *A, dmft_error *err)
{
    size_t met = A->in.unit.count > A->out.unit.count ? A->in.unit.count : A->out.unit.count;
    int status = met < A->room ? DMFT_OK : widen(A, A->room + A->room / 2, err);
    if (status == DMFT_OK) status = limit_rows_reserve(&A->in.unit, 1, err);
    if (status == DMFT_OK) status = limit_rows_reserve(&A->in.answer, 1, err);
    if (status == DMFT_OK) status = limit_rows_reserve(&A->out.unit, 1, err);
    if (status == DMFT_OK) status = limit_rows_reserve(&A->out.answer, 1, err);
    return status;
}

void limit_operator_renew(limit_operator *A)
{
    struct side *both[] = {&A->in, &A->out};
    for (size_t i = 0; i < 2; i++) {
        both[i]->unit.count = both[i]->answer.count = 0;
        both[i]->largest = 0.0;
    }
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

    double *unit = s->unit.x + s->unit.count * s->space->stride;
    memset(unit, 0, s->space->stride * sizeof *unit);
    memcpy(unit, r->x, s->space->axes * sizeof *unit);
    s->unit.count++;
    s->answer.count++;
}

/* Leaves the coefficients of `a` on the unit directions in s->c, after a new direction was met if there is one in it. */
static void ask(limit_operator *A, struct side *s, const struct side *other, const limit_rows *a, limit_rows *r)
{
    double size = norm(a);
    if (size > s->largest) s->largest = size;
    double least = drop * A->tolerance * s->largest;
    inner(&s->unit, 1.0, a->x, 0.0, s->c);
    limit_copy(r, a);
    combine(&s->unit, -1.0, s->c, r->x);
    if (!(norm(r) > least)) return;
    project_off(s, r, s->c, A->work);
    double left = norm(r);
    if (!(left > least) || !isfinite(left)) return;
    meet(s, other, r, A->work);
    s->c[s->unit.count - 1] = left;
}

void limit_push(limit_operator *A, const limit_rows *phi, limit_rows *out)
{
    ask(A, &A->in, &A->out, phi, &A->residual_in);
    size_t inputs = A->in.unit.count, outputs = A->out.unit.count;
    memset(out->x, 0, out->space->axes * sizeof *out->x);
    combine(&A->in.answer, 1.0, A->in.c, out->x);
    if (inputs == 0 || outputs == 0) return;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)outputs, (int)inputs, 1.0, A->S, (int)A->room, A->in.c, 1, 0.0, A->work, 1);
    combine(&A->out.unit, 1.0, A->work, out->x);
}

void limit_pull(limit_operator *A, const limit_rows *g, limit_rows *out)
{
    ask(A, &A->out, &A->in, g, &A->residual_out);
    size_t inputs = A->in.unit.count, outputs = A->out.unit.count;
    memset(out->x, 0, out->space->axes * sizeof *out->x);
    combine(&A->out.answer, 1.0, A->out.c, out->x);
    if (inputs == 0 || outputs == 0) return;
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)outputs, (int)inputs, 1.0, A->S, (int)A->room, A->out.c, 1, 0.0, A->work, 1);
    combine(&A->in.unit, A->psi, A->work, out->x);
}

void limit_learn(limit_operator *A, double step)
{
    if (A->in.unit.count == 0 || A->out.unit.count == 0) return;
    cblas_dger(CblasRowMajor, (int)A->out.unit.count, (int)A->in.unit.count, step, A->out.c, 1, A->in.c, 1, A->S, (int)A->room);
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
