/* An iid random matrix between two site spaces, revealed as it is asked: (B1)-(B3) of doc/theory.md. Here it is made, given room, and looked into.
 *
 * It keeps orthonormal e_j (inputs met) with y_j = A e_j, orthonormal f_i (outputs met) with x_i = A^T f_i, what they have in common, M_ij = <f_i, A e_j>,
 * and the matrix S of what was learned on them.
 *
 * With k directions a side and d axes a space its memory is 4 k d + 3 k^2 doubles with a block, and 6 k d + 2 k^2 + 64 d without one; sampled rows grow
 * in place and by a quarter. k saturates in full-batch runs (60 to 350) and grows by one a step where each step brings fresh randomness. The cost of
 * products stands in reveal.c, that of learning in learn.c. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "limit/operator.h"

enum { FIRST_DIRECTIONS = 16, TABLES = 12 };

/* ---- growth ---- */

/* Numbers laid out in rows of `room`, of which there are so many for a shape. */
struct table {
    double **x;
    size_t rows, wanted;
};

static size_t waiting_rows(const struct shape *s) { return s->blocked ? 0 : WAITING; }

static void list_tables(limit_operator *A, const struct shape *new, struct table *list)
{
    const struct shape *old = &A->shape;
    const struct table all[TABLES] = {{&A->M, old->room, new->room},
                                      {&A->S, old->room, new->room},
                                      {&A->momentum, old->blocked ? old->room : 0, new->blocked ? new->room : 0},
                                      {&A->sum, 0, new->slots > 0 ? new->room : 0},
                                      {&A->in.c, old->inputs, new->inputs},
                                      {&A->out.c, old->outputs, new->outputs},
                                      {&A->in.waiting_c, A->waiting, waiting_rows(new)},
                                      {&A->out.waiting_c, A->waiting, waiting_rows(new)},
                                      {&A->in.mark_c, 0, new->marks ? new->inputs : 0}, /* no mark stands when there is more room made */
                                      {&A->out.mark_c, 0, new->marks ? new->outputs : 0},
                                      {&A->in.trial_c, old->slots, new->slots},
                                      {&A->out.trial_c, old->slots, new->slots}};
    memcpy(list, all, sizeof all);
}

/* `rows` rows of stride `wide`, the first `count` of which begin with those of old rows of this stride; NULL when out of memory. */
static double *widened(const double *old, size_t count, size_t stride, size_t rows, size_t wide)
{
    double *x = memory_doubles(rows * wide);
    for (size_t i = 0; x != NULL && i < count; i++) memcpy(x + i * wide, old + i * stride, (stride < wide ? stride : wide) * sizeof *x);
    return x;
}

static size_t *longer(const size_t *old, size_t count, size_t room)
{
    size_t *x = calloc(room, sizeof *x);
    if (x != NULL && count > 0) memcpy(x, old, count * sizeof *x);
    return x;
}

/* The largest of what products, learning and trials lay down at a time. */
static size_t work_of(const struct shape *s) { return 2 * (s->inputs > s->outputs ? s->inputs : s->outputs) * s->room + s->slots + WAITING; }

/* Puts *new into the place of *old, and leaves there what is to be freed. */
static void swap(double **old, double **new)
{
    double *kept = *old;
    *old = *new;
    *new = kept;
}

static void swap_order(struct side *s, size_t **new)
{
    size_t *kept = s->order;
    s->order = *new;
    *new = kept;
}

/* Gives all that is not vectors this shape, which is nowhere smaller but for what a block does without. All is made before any is given up. */
static int reshape(limit_operator *A, struct shape new, dmft_error *err)
{
    struct table table[TABLES];
    double *made[TABLES], *work = memory_doubles(work_of(&new)), *least_in = memory_doubles(new.inputs), *least_out = memory_doubles(new.outputs);
    size_t *order_in = longer(A->in.order, A->in.unit.count, new.room), *order_out = longer(A->out.order, A->out.unit.count, new.room);
    int whole = work != NULL && least_in != NULL && least_out != NULL && order_in != NULL && order_out != NULL;
    list_tables(A, &new, table);
    for (size_t i = 0; i < TABLES; i++) {
        made[i] = widened(*table[i].x, table[i].rows < table[i].wanted ? table[i].rows : table[i].wanted, A->shape.room, table[i].wanted, new.room);
        whole = whole && made[i] != NULL;
    }
    if (whole) {
        for (size_t i = 0; i < TABLES; i++) swap(table[i].x, &made[i]);
        swap(&A->work, &work);
        swap(&A->in.least, &least_in);
        swap(&A->out.least, &least_out);
        swap_order(&A->in, &order_in);
        swap_order(&A->out, &order_out);
        A->shape = new;
    }
    for (size_t i = 0; i < TABLES; i++) free(made[i]);
    free(work);
    free(least_in);
    free(least_out);
    free(order_in);
    free(order_out);
    return whole ? DMFT_OK : error_memory(err, 32.0 * (double)new.room * (double)(new.room + new.slots + WAITING));
}

static int reserve_side(struct side *s, size_t more, int blocked, dmft_error *err)
{
    int status = limit_rows_reserve(&s->unit, more, err);
    if (status == DMFT_OK) status = limit_rows_reserve(&s->answer, more, err);
    return status == DMFT_OK && !blocked ? limit_rows_reserve(&s->trained, more, err) : status;
}

/* Room for so many more directions. */
static int reserve(limit_operator *A, size_t more_inputs, size_t more_outputs, dmft_error *err)
{
    struct shape wide = A->shape;
    size_t inputs = A->in.unit.count + more_inputs, outputs = A->out.unit.count + more_outputs, least = inputs > outputs ? inputs : outputs;
    int status = DMFT_OK;
    if (least > wide.room) {
        wide.room = block_room(wide.room + wide.room / 2 > least ? wide.room + wide.room / 2 : least);
        status = reshape(A, wide, err);
    }
    if (status == DMFT_OK) status = reserve_side(&A->in, more_inputs, wide.blocked, err);
    return status == DMFT_OK ? reserve_side(&A->out, more_outputs, wide.blocked, err) : status;
}

int limit_operator_reserve(limit_operator *A, dmft_error *err) { return reserve(A, A->shape.inputs, A->shape.outputs, err); }

int limit_operator_reserve_more(limit_operator *A, size_t more, dmft_error *err) { return reserve(A, more, more, err); }

int limit_operator_marks(limit_operator *A, dmft_error *err)
{
    struct shape wide = A->shape;
    wide.marks = 1;
    int status = reshape(A, wide, err);
    if (status != DMFT_OK || wide.blocked) return status;
    status = limit_field_init(&A->in.mark_seen, A->in.space, err);
    return status == DMFT_OK ? limit_field_init(&A->out.mark_seen, A->out.space, err) : status;
}

/* Rows that a block does without. */
static void drop_rows(limit_rows *r)
{
    free(r->x);
    r->x = NULL;
    r->count = r->capacity = 0;
}

static int block_side(struct side *s, size_t block, dmft_error *err)
{
    int status = limit_rows_reserve(&s->residual, block - s->residual.count, err);
    if (status != DMFT_OK) return status;
    drop_rows(&s->trained);
    drop_rows(&s->waiting);
    drop_rows(&s->seen);
    return DMFT_OK;
}

int limit_operator_block(limit_operator *A, size_t inputs, size_t outputs, dmft_error *err)
{
    struct shape wide = A->shape;
    wide.blocked = 1;
    wide.inputs = inputs;
    wide.outputs = outputs;
    if (wide.room < FIRST_DIRECTIONS + inputs + outputs) wide.room = block_room(FIRST_DIRECTIONS + inputs + outputs);
    int status = reshape(A, wide, err);
    if (status == DMFT_OK) status = block_side(&A->in, inputs, err);
    return status == DMFT_OK ? block_side(&A->out, outputs, err) : status;
}

int limit_trial_reserve(limit_operator *A, size_t slots, dmft_error *err)
{
    struct shape wide = A->shape;
    if (slots <= wide.slots) return DMFT_OK;
    wide.slots = slots;
    struct side *both[] = {&A->in, &A->out};
    int status = DMFT_OK;
    for (size_t i = 0; i < 2 && status == DMFT_OK; i++) status = limit_rows_reserve(&both[i]->trial, slots - both[i]->trial.count, err);
    if (status == DMFT_OK) status = reshape(A, wide, err);
    for (size_t i = 0; i < 2 && status == DMFT_OK; i++) both[i]->trial.count = slots;
    return status;
}

/* ---- making ---- */

static int side_init(struct side *s, limit_space *own, limit_space *other, double gain, double back, dmft_error *err)
{
    s->space = own;
    s->gain = gain;
    s->back = back;
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
    A->keep = 1.0;
    int status = reshape(A, (struct shape){.room = FIRST_DIRECTIONS, .inputs = 1, .outputs = 1}, err);
    if (status == DMFT_OK) status = side_init(&A->in, in_space, out_space, sqrt(variance), 1.0 / psi, err);
    if (status == DMFT_OK) status = side_init(&A->out, out_space, in_space, sqrt(variance * psi), psi, err);
    *out = A; /* even when half made: the spaces hold its rows until they are cleared */
    return status;
}

void limit_operator_free(limit_operator *A)
{
    if (A == NULL) return;
    struct table table[TABLES];
    list_tables(A, &A->shape, table);
    for (size_t i = 0; i < TABLES; i++) free(*table[i].x);
    free(A->in.order);
    free(A->out.order);
    free(A->in.least);
    free(A->out.least);
    free(A->work);
    free(A); /* the rows' data belong to the spaces */
}

void limit_operator_renew(limit_operator *A)
{
    struct side *both[] = {&A->in, &A->out};
    for (size_t i = 0; i < 2; i++) {
        both[i]->unit.count = both[i]->answer.count = both[i]->trained.count = both[i]->waiting.count = both[i]->asked = 0;
        both[i]->largest = 0.0;
    }
    A->waiting = A->clock = 0;
    A->keep = 1.0;
    memset(A->S, 0, A->shape.room * A->shape.room * sizeof *A->S);
    if (A->shape.blocked) memset(A->momentum, 0, A->shape.room * A->shape.room * sizeof *A->momentum);
}

void limit_operator_redraw(limit_operator *A, double variance)
{
    limit_operator_renew(A);
    A->variance = variance;
    A->in.gain = sqrt(variance);
    A->out.gain = sqrt(variance * A->psi);
}

void limit_coarsen(limit_operator *A, double factor) { A->coarse = factor; }

/* ---- checkpoints ---- */

static void transfer_side(limit_operator *A, struct side *s, size_t block, archive *a)
{
    archive_double(a, &s->largest);
    archive_size(a, &s->asked, block);
    for (size_t i = 0; i < s->unit.count; i++) archive_size(a, &s->order[i], SIZE_MAX);
    for (size_t i = 0; i < block; i++) archive_doubles(a, s->c + i * A->shape.room, s->unit.count);
    archive_doubles(a, s->waiting_c, A->waiting * A->shape.room);
    archive_doubles(a, s->trial_c, A->shape.slots * A->shape.room);
}

/* Makes the room that a stored operator had, when there can have been one of that shape. */
static void take_shape(limit_operator *A, const struct shape *stored, archive *a)
{
    dmft_error err;
    const struct shape *own = &A->shape;
    size_t met = A->in.unit.count > A->out.unit.count ? A->in.unit.count : A->out.unit.count, waiting = A->waiting;
    int same = stored->blocked == own->blocked && stored->inputs == own->inputs && stored->outputs == own->outputs;
    int status = DMFT_OK;
    if (!same || stored->room < own->room || stored->slots < own->slots || met > stored->room)
        status = error_set(&err, DMFT_ERROR_FORMAT, "an operator of another run");
    A->waiting = 0; /* nothing of what `reshape` could enter or copy is there yet */
    if (status == DMFT_OK) {
        struct side *both[] = {&A->in, &A->out};
        size_t count[] = {A->in.unit.count, A->out.unit.count};
        for (size_t i = 0; i < 2; i++) both[i]->unit.count = 0;
        status = reshape(A, *stored, &err);
        for (size_t i = 0; i < 2; i++) both[i]->unit.count = count[i];
    }
    if (status != DMFT_OK) archive_fail(a, status, &err);
    A->waiting = waiting;
}

/* The rows have been read with their spaces before, so that the counts of directions are known. */
void limit_operator_transfer(limit_operator *A, archive *a)
{
    struct shape shape = A->shape;
    size_t most = SIZE_MAX / sizeof *A->S;
    archive_tag(a, "operator");
    archive_size(a, &shape.room, most);
    archive_size(a, &shape.inputs, most);
    archive_size(a, &shape.outputs, most);
    archive_size(a, &shape.slots, most);
    archive_int(a, &shape.blocked);
    archive_size(a, &A->waiting, WAITING);
    archive_size(a, &A->clock, SIZE_MAX);
    archive_double(a, &A->keep);
    if (archive_status(a) == 0 && archive_reading(a)) take_shape(A, &shape, a);
    double *square[] = {A->M, A->S, A->momentum};
    for (size_t t = 0; t < (A->shape.blocked ? 3 : 2) && archive_status(a) == 0; t++)
        for (size_t i = 0; i < A->out.unit.count; i++) archive_doubles(a, square[t] + i * A->shape.room, A->in.unit.count);
    if (archive_status(a) != 0) return;
    transfer_side(A, &A->in, A->shape.inputs, a);
    transfer_side(A, &A->out, A->shape.outputs, a);
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
                               .stride = A->shape.room,
                               .M = A->M,
                               .in_order = A->in.order,
                               .out_order = A->out.order,
                               .keep = A->keep,
                               .c_in = A->in.c,
                               .c_out = A->out.c,
                               .c_stride = A->shape.room};
}

size_t limit_operator_inputs(const limit_operator *A) { return A->in.unit.count; }

size_t limit_operator_outputs(const limit_operator *A) { return A->out.unit.count; }
