/* All kernels of a march by rows, as it hands them over at its end: `fields` correlations, then as many responses. */
#ifndef TESTS_SOLUTION_H
#define TESTS_SOLUTION_H

#include "cases.h"
#include "kernel/rows.h"
#include "numbers.h"

enum { MOST_FIELDS = 2 * MOST_LAYERS + 3 };

struct solution {
    size_t fields, rows, stride;
    double *square[2 * MOST_FIELDS], *time; /* time NULL: not asked for */
    char name[2 * MOST_FIELDS][KERNEL_NAME_BYTES];
};

static inline void clear(struct solution *s)
{
    for (size_t i = 0; i < 2 * s->fields; i++) free(s->square[i]);
    free(s->time);
}

static inline double entry(const struct solution *s, size_t i, size_t t, size_t u) { return s->square[i][t * s->stride + u]; }

static inline kernel_rows *rows_created(const dmft_problem *p)
{
    kernel_rows *r = NULL;
    dmft_error err = {.text = ""};
    int status = kernel_rows_create(&r, p, &err);
    ck_assert_msg(status == DMFT_OK, "status %d: %s", status, err.text);
    return r;
}

/* By kernel/rows.h; what it says of a row on the way is what is there at the end. */
static inline struct solution rows_marched(const dmft_problem *p)
{
    kernel_rows *r = rows_created(p);
    struct solution s = {.fields = kernel_rows_count(r), .time = numbers((size_t)p->rows)};
    for (long t = 0; t < p->rows; t++) {
        kernel_rows_step(r);
        s.time[t] = kernel_rows_time(r, (size_t)t);
    }
    double diagonal[MOST_FIELDS];
    size_t last_row = kernel_rows_done(r) - 1;
    for (size_t i = 0; i < s.fields; i++) diagonal[i] = kernel_rows_diagonal(r, i, last_row);
    for (size_t i = 0; i < 2 * s.fields; i++) {
        kernel_rows_result(r, i, s.name[i], &s.square[i], &s.rows, &s.stride);
        ck_assert_ptr_nonnull(s.square[i]);
    }
    ck_assert_uint_eq(s.rows, (size_t)p->rows);
    for (size_t i = 0; i < s.fields; i++) ck_assert(diagonal[i] == entry(&s, i, last_row, last_row));
    kernel_rows_free(r);
    return s;
}

#endif
