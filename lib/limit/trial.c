/* Updates on trial (G2) of doc/theory.md, weighed anew for every stage of an integrator: n of them add n (k + d) to a product, n k^2 to a norm, and
 * n (k + d) doubles a side. */
#include <cblas.h>
#include <string.h>

#include "limit/operator.h"

static double *trial_c(const limit_operator *A, const struct side *s, size_t slot) { return s->trial_c + slot * A->shape.room; }

static double *trial_vector(const struct side *s, size_t slot) { return s->trial.x + slot * s->space->stride; }

static void keep(const limit_operator *A, struct side *s, size_t slot)
{
    double *c = trial_c(A, s, slot);
    memset(c, 0, A->shape.room * sizeof *c);
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
        memcpy(trial_c(A, both[i], to), trial_c(A, both[i], from), A->shape.room * sizeof(double));
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

/* Each trial adds its own vector of the other side times its inner product with the vector asked. */
void operator_add_trials(limit_operator *A, const struct side *s, const struct side *other, struct block out)
{
    size_t n = A->end - A->first;
    double own = A->trial_step * (s == &A->out ? A->psi : 1.0);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)s->unit.count, own, trial_c(A, s, A->first), (int)A->shape.room, s->c, 1, 0.0, A->work, 1);
    for (size_t i = 0; i < n; i++) A->work[i] *= A->weight[A->first + i];
    block_combine(1.0, A->work, n, block_of(&other->trial, A->first, A->end), out);
}

/* S <- S + step sum weight[i] c_i c_i^T of the slots; S is A->S or A->sum. */
static void add_to(const limit_operator *A, double *S, double step, const double *weight, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (weight[i] == 0.0) continue;
        cblas_dger(CblasRowMajor, (int)A->out.unit.count, (int)A->in.unit.count, step * weight[i], trial_c(A, &A->out, i), 1,
                   trial_c(A, &A->in, i), 1, S, (int)A->shape.room);
    }
}

void limit_trial_learn(limit_operator *A, double step, const double *weight, size_t first, size_t end)
{
    A->first = A->end = 0;
    add_to(A, A->S, step, weight, first, end);
    for (size_t i = first; i < end; i++) {
        if (weight[i] == 0.0) continue;
        operator_wait(A, trial_c(A, &A->in, i), trial_vector(&A->in, i), trial_c(A, &A->out, i), trial_vector(&A->out, i), step * weight[i]);
    }
}

double limit_trial_norm(limit_operator *A, const double *weight, size_t first, size_t end)
{
    memset(A->sum, 0, A->out.unit.count * A->shape.room * sizeof *A->sum);
    add_to(A, A->sum, 1.0, weight, first, end);
    return cblas_dnrm2((int)(A->out.unit.count * A->shape.room), A->sum, 1);
}
