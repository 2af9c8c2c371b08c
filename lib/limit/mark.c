/* Marks: what an operator and the spaces were asked since is forgotten again, to the last bit, so that a run may be probed without a trace. A mark
 * and a rewind cost a copy of the last questions, and of a space the zeroing of the axes that go. */
#include <string.h>

#include "limit/operator.h"

static void mark_side(const limit_operator *A, struct side *s, size_t block)
{
    s->mark = (struct side_mark){.met = s->unit.count, .asked = s->asked, .largest = s->largest};
    s->largest = 0.0; /* what is new in a probe is judged by the probes */
    memcpy(s->mark_c, s->c, block * A->shape.room * sizeof *s->c);
    if (!A->shape.blocked) limit_copy(&s->mark_seen, &s->seen);
}

static void rewind_side(const limit_operator *A, struct side *s, size_t block)
{
    s->unit.count = s->answer.count = s->mark.met;
    s->asked = s->mark.asked;
    s->largest = s->mark.largest;
    memcpy(s->c, s->mark_c, block * A->shape.room * sizeof *s->c);
    if (A->shape.blocked) return;
    s->trained.count = s->mark.met;
    limit_copy(&s->seen, &s->mark_seen);
}

void limit_operator_mark(limit_operator *A)
{
    mark_side(A, &A->in, A->shape.inputs);
    mark_side(A, &A->out, A->shape.outputs);
    A->mark_clock = A->clock;
    A->mark_coarse = A->coarse;
    A->coarse = 1.0;
}

void limit_operator_rewind(limit_operator *A)
{
    rewind_side(A, &A->in, A->shape.inputs);
    rewind_side(A, &A->out, A->shape.outputs);
    A->clock = A->mark_clock;
    A->coarse = A->mark_coarse;
}

void limit_space_rewind(limit_space *space, size_t axes)
{
    if (axes >= space->axes) return;
    for (limit_rows *r = space->first; r != NULL; r = r->next)
        for (size_t i = 0; i < r->capacity; i++) memset(r->x + i * space->stride + axes, 0, (space->axes - axes) * sizeof *r->x);
    space->axes = axes;
}
