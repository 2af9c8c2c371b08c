/* What an operator learns: (B3), and the steps (E1) (E2) (N7) of doc/theory.md, on the coefficients of what it was asked last.
 *
 * An operator without a block keeps trained answers, W e_j = y_j + sum_i S_ij f_i and W^T f_i = x_i + psi sum_j S_ij e_j; the last few updates wait beside
 * them and are entered together, as one matrix-matrix product. Learning costs k^2 and 2 k d as such a product, an answer WAITING (k + d) more.
 *
 * An operator with a block learns on S and on its momentum alone: a step with n_g and n_phi rows costs n_g n_phi k + (n_g + 2) k^2 multiply-adds, no vector is
 * touched, and nothing but the directions and their untrained answers is kept. */
#include <cblas.h>
#include <string.h>

#include "limit/operator.h"

/* ---- updates that wait ---- */

/* trained_j += sum over waiting updates of c_j x what they add. */
static void enter_side(limit_operator *A, struct side *s, const struct side *other)
{
    if (s->unit.count == 0) return;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)s->unit.count, (int)other->space->axes, (int)A->waiting, 1.0, s->waiting_c,
                (int)A->shape.room, other->waiting.x, (int)other->space->stride, 1.0, s->trained.x, (int)other->space->stride);
}

static void enter_waiting(limit_operator *A)
{
    if (A->waiting == 0) return;
    enter_side(A, &A->in, &A->out);
    enter_side(A, &A->out, &A->in);
    A->waiting = A->in.waiting.count = A->out.waiting.count = 0;
}

static void wait(limit_operator *A, struct side *s, const double *coefficients, const double *vector, double factor)
{
    double *c = s->waiting_c + A->waiting * A->shape.room, *x = s->waiting.x + s->waiting.count++ * s->space->stride;
    memset(c, 0, A->shape.room * sizeof *c);
    memcpy(c, coefficients, s->unit.count * sizeof *c);
    memset(x, 0, s->space->stride * sizeof *x);
    cblas_daxpy((int)s->space->axes, factor, vector, 1, x, 1);
}

void operator_wait(limit_operator *A, const double *c_in, const double *phi, const double *c_out, const double *g, double step)
{
    wait(A, &A->in, c_in, phi, A->psi * step);
    wait(A, &A->out, c_out, g, step);
    if (++A->waiting == WAITING) enter_waiting(A);
}

void operator_add_waiting(limit_operator *A, const struct side *s, const struct side *other, struct block out)
{
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)A->waiting, (int)s->unit.count, 1.0, s->waiting_c, (int)A->shape.room, s->c, 1, 0.0, A->work, 1);
    block_combine(1.0, A->work, A->waiting, block_of(&other->waiting, 0, A->waiting), out);
}

/* ---- steps ---- */

/* to <- factor to + weight x from, of the entries that are in use. */
static void mix(const limit_operator *A, double *to, double factor, double weight, const double *from)
{
    for (size_t i = 0; i < A->out.unit.count; i++)
        for (size_t j = i * A->shape.room; j < i * A->shape.room + A->in.unit.count; j++) to[j] = factor * to[j] + weight * from[j];
}

void limit_train(limit_operator *A, const double *weight, size_t stride, struct limit_rule rule)
{
    int inputs = (int)A->in.unit.count, outputs = (int)A->out.unit.count, room = (int)A->shape.room;
    int rows = (int)A->out.asked, columns = (int)A->in.asked;
    A->keep *= rule.keep;
    if (inputs == 0 || outputs == 0) return;
    mix(A, A->momentum, rule.momentum, 0.0, A->momentum);
    if (rows > 0 && columns > 0) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, inputs, columns, 1.0, weight, (int)stride, A->in.c, room, 0.0, A->work, room);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, outputs, inputs, rows, 1.0, A->out.c, room, A->work, room, 1.0, A->momentum, room);
    }
    mix(A, A->S, rule.keep, rule.rate, A->momentum);
}

void limit_learn(limit_operator *A, double step)
{
    if (A->in.unit.count == 0 || A->out.unit.count == 0) return;
    cblas_dger(CblasRowMajor, (int)A->out.unit.count, (int)A->in.unit.count, step, A->out.c, 1, A->in.c, 1, A->S, (int)A->shape.room);
    if (!A->shape.blocked) operator_wait(A, A->in.c, A->in.seen.x, A->out.c, A->out.seen.x, step);
}
