/* Products of an operator: what a block of vectors has in common with the directions met, new directions, and answers. (B1), (B2) of doc/theory.md.
 *
 * With k directions a side and d axes a space, a product with n vectors costs 3 n k d multiply-adds when nothing new is met (coefficients, residuals,
 * answers; 4 for an operator with a block, which answers from two sets of rows). Where all n are new it costs 5 n k d more (second pass, what is known,
 * and taking F out of the fresh fields), or 7 with a third pass. Blocks of a few vectors are bound by reading the rows, so that n of them take
 * little longer than one; one vector goes through dgemv. */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "limit/operator.h"

/* A residual is dropped below this fraction of the tolerance: at 1, kernels that had decayed by 1e-6 were off by 1.6e-9 at tolerance 1e-11,
 * at a fifth by less than 3e-10, for a tenth more directions. */
static const double drop = 0.2;

/* In a block, residuals of which this part is left after the earlier ones were taken out are orthogonal to all directions to 15 digits after two passes,
 * which saves a fifth of the reading. Single vectors get a third pass always. */
static const double clear = 0.1;

static struct block one(const limit_rows *rows, size_t i) { return block_of(rows, i, i + 1); }

static double norm(struct block a)
{
    return sqrt(a.space->backend->weight(a.space) * cblas_ddot((int)a.space->axes, a.x, 1, a.x, 1));
}

static void scale(struct block a, double factor)
{
    for (size_t i = 0; i < a.count; i++) cblas_dscal((int)a.space->axes, factor, a.x + i * a.space->stride, 1);
}

/* Takes the directions `unit` out of x; their coefficients are left in c. */
static void take_out(struct block unit, struct block x, double *c, size_t stride)
{
    block_inner(1.0, x, unit, 0.0, c, stride);
    block_combine(-1.0, c, stride, unit, x);
}

/* The same once more, adding to the coefficients. */
static void take_out_again(const limit_operator *A, struct block unit, struct block x, double *c)
{
    size_t stride = A->shape.room;
    take_out(unit, x, A->work, stride);
    for (size_t i = 0; i < x.count; i++) cblas_daxpy((int)unit.count, 1.0, A->work + i * stride, 1, c + i * stride, 1);
}

/* Gram-Schmidt among the residuals, in their order: those above what counts as none become new directions. Returns how many; *least_left is the
 * smallest part of one that was left of it. */
static size_t pick(const limit_operator *A, struct side *s, double *least_left)
{
    size_t met = s->unit.count, picked = 0;
    *least_left = 1.0;
    for (size_t i = 0; i < s->asked; i++) {
        struct block r = one(&s->residual, i), before = block_of(&s->unit, met, met + picked);
        double *c = s->c + i * A->shape.room + met, whole = norm(r);
        take_out_again(A, before, r, c);
        take_out_again(A, before, r, c);
        double left = norm(r);
        if (left > s->least[i] && s->space->backend->settle != NULL) {
            s->space->backend->settle(s->space, r.x);
            left = norm(r);
        }
        if (!(left > s->least[i]) || !isfinite(left)) continue;
        double *unit = s->unit.x + (met + picked) * s->space->stride;
        memset(unit, 0, s->space->stride * sizeof *unit);
        cblas_daxpy((int)s->space->axes, 1.0 / left, r.x, 1, unit, 1);
        c[picked++] = left;
        *least_left = fmin(*least_left, left / whole);
    }
    return picked;
}

/* Small residuals lose orthogonality when they are normalised: once more off all directions, and normalised again. */
static void polish(const limit_operator *A, struct side *s, struct block fresh)
{
    size_t met = s->unit.count;
    take_out(block_of(&s->unit, 0, met), fresh, A->work, A->shape.room);
    for (size_t i = 0; i < fresh.count; i++) {
        struct block e = one(&s->unit, met + i);
        take_out(block_of(&s->unit, met, met + i), e, A->work, A->shape.room);
        scale(e, 1.0 / norm(e));
    }
}

/* M gains what the new directions have in common with the other side's: columns on the side of the input, rows on that of the output. */
static void enter_common(limit_operator *A, const struct side *s, size_t picked, size_t others, double factor, const double *common)
{
    size_t room = A->shape.room, met = s->unit.count;
    for (size_t i = 0; i < picked; i++)
        for (size_t j = 0; j < others; j++)
            A->M[s == &A->in ? j * room + met + i : (met + i) * room + j] = factor * common[i * room + j];
}

/* The answers to new directions (B1): what the other side's answers x_i already fix, sum_i f_i <x_i, e> back, and fresh Gaussian fields, from which
 * the directions met there have been taken out, for the rest. */
static void reveal(limit_operator *A, struct side *s, const struct side *other, size_t picked)
{
    size_t room = A->shape.room, met = s->unit.count, others = other->unit.count;
    limit_space *there = s->answer.space;
    struct block fresh = block_of(&s->unit, met, met + picked), answer = block_of(&s->answer, met, met + picked);
    struct block theirs = block_of(&other->unit, 0, others);
    double *common = A->work, *excess = A->work + picked * room;
    memset(answer.x, 0, picked * there->stride * sizeof *answer.x);
    if (s->gain > 0.0) {
        there->backend->fresh(there, picked, answer.x);
        scale(answer, s->gain);
    }
    block_inner(1.0, fresh, block_of(&other->answer, 0, others), 0.0, common, room);
    enter_common(A, s, picked, others, s == &A->in ? s->back : 1.0, common);
    cblas_dscal((int)(picked * room), s->back, common, 1);
    if (s->gain > 0.0 && !there->backend->axes && others > 0) {
        block_inner(1.0, answer, theirs, 0.0, excess, room);
        for (size_t i = 0; i < picked; i++) cblas_daxpy((int)others, -1.0, excess + i * room, 1, common + i * room, 1);
    }
    block_combine(1.0, common, room, theirs, answer);
}

static void meet(limit_operator *A, struct side *s, const struct side *other)
{
    double least_left;
    size_t met = s->unit.count, picked = pick(A, s, &least_left);
    if (picked == 0) return;
    if (!A->shape.blocked || least_left < clear) polish(A, s, block_of(&s->unit, met, met + picked));
    reveal(A, s, other, picked);
    for (size_t i = 0; i < picked; i++) s->order[met + i] = A->clock++;
    s->unit.count = s->answer.count = met + picked;
    if (A->shape.blocked) return;
    size_t stride = s->answer.space->stride;
    memcpy(s->trained.x + met * stride, s->answer.x + met * stride, stride * sizeof(double)); /* nothing was learned on it yet */
    s->trained.count++;
}

/* How large a residual of each vector may be that counts as none. */
static void set_least(const limit_operator *A, struct side *s, const limit_rows *a)
{
    for (size_t i = 0; i < a->count; i++) {
        double size = norm(one(a, i));
        if (size > s->largest && isfinite(A->coarse)) s->largest = size;
        s->least[i] = A->coarse * drop * A->tolerance * s->largest;
    }
}

static int any_left(const struct side *s)
{
    for (size_t i = 0; i < s->asked; i++)
        if (norm(one(&s->residual, i)) > s->least[i]) return 1;
    return 0;
}

/* Leaves the coefficients of the vectors on the unit directions in s->c, after what is new in them was met. */
static void ask(limit_operator *A, struct side *s, const struct side *other, const limit_rows *a)
{
    size_t room = A->shape.room, axes = s->space->axes, stride = s->space->stride, met = s->unit.count;
    struct block known = block_of(&s->unit, 0, met), rest;
    s->asked = s->residual.count = a->count;
    rest = block_of(&s->residual, 0, a->count);
    set_least(A, s, a);
    memset(s->c, 0, a->count * room * sizeof *s->c);
    for (size_t i = 0; i < a->count; i++) memcpy(rest.x + i * stride, a->x + i * stride, axes * sizeof *a->x);
    take_out(known, rest, s->c, room);
    if (any_left(s)) {
        take_out_again(A, known, rest, s->c);
        meet(A, s, other);
    }
    if (A->shape.blocked) return;
    limit_copy(&s->seen, a);
    if (s->unit.count == met) limit_add(&s->seen, -1.0, &s->residual);
}

/* What was learned adds F S c to W phi and psi E S^T c to W^T g. */
static void add_learned(limit_operator *A, const struct side *s, const struct side *other, struct block out)
{
    size_t room = A->shape.room;
    int n = (int)s->asked, own = (int)s->unit.count, others = (int)other->unit.count, in = s == &A->in;
    if (n == 0 || own == 0 || others == 0) return;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, in ? CblasTrans : CblasNoTrans, n, others, own, in ? 1.0 : A->psi, s->c, (int)room, A->S, (int)room, 0.0,
                A->work, (int)room);
    block_combine(1.0, A->work, room, block_of(&other->unit, 0, other->unit.count), out);
}

/* The answers of the trained matrix to the vectors that this side was asked last. */
static void answer(limit_operator *A, const struct side *s, const struct side *other, limit_rows *to)
{
    size_t room = A->shape.room, axes = to->space->axes, stride = to->space->stride;
    to->count = s->asked;
    struct block out = block_of(to, 0, to->count);
    for (size_t i = 0; i < out.count; i++) memset(out.x + i * stride, 0, axes * sizeof *out.x);
    if (A->shape.blocked) {
        block_combine(A->keep, s->c, room, block_of(&s->answer, 0, s->answer.count), out);
        add_learned(A, s, other, out);
        return;
    }
    block_combine(1.0, s->c, room, block_of(&s->trained, 0, s->trained.count), out);
    if (s->unit.count == 0) return;
    if (A->waiting > 0) operator_add_waiting(A, s, other, out);
    if (A->end > A->first) operator_add_trials(A, s, other, out);
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
