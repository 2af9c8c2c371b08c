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

/* What both marches take. */
enum { SETTINGS = 18 };
static inline struct setting *march_setting(int i)
{
    static struct setting settings[SETTINGS] = {
        {"one layer", 1, 0.7, 2.385, {0.6, 1.1}, 1.7, 0.3, 0.11, MUP, FULL, 17},
        {"one layer, NTK", 1, 2.3, 1.4, {1.0, 0.5}, 0.6, 0.2, 0.13, NTK, FULL, 61},
        {"one layer, one pass", 1, 1.3, 1.385, {0.5, 0.8}, 1.9, 0.4, 0.17, MUP, ONLINE, 61},
        {"two layers", 2, 0.5, 4.0, {0.25, 0.3, 0.4}, 4.0, 0.5, 0.02, MUP, FULL, 61},
        {"two layers, few samples", 2, 1.7, 1.3, {0.9, 0.7, 0.8}, 0.4, 0.0, 0.07, NTK, FULL, 61},
        {"two layers, one pass", 2, 1.0, 4.0, {0.5, 0.4, 0.6}, 0.5, 0.3, 0.02, MUP, ONLINE, 61},
        {"three layers", 3, 1.5, 2.4, {0.5, 0.6, 0.7, 0.8}, 1.5, 0.2, 0.05, MUP, FULL, 40},
        {"three layers, one pass, NTK", 3, 0.6, 3.0, {0.5, 0.5, 0.6, 0.4}, 0.8, 0.5, 0.03, NTK, ONLINE, 61},
        {"one step", 2, 0.5, 4.0, {0.25, 0.3, 0.4}, 4.0, 0.5, 0.02, MUP, FULL, 1},
        {"two steps", 2, 0.5, 4.0, {0.25, 0.3, 0.4}, 4.0, 0.5, 0.5, MUP, FULL, 2},
        {"three steps", 3, 0.5, 4.0, {0.25, 0.3, 0.4, 0.9}, 4.0, 0.5, 0.5, MUP, FULL, 3},
        {"no variance below", 2, 1.2, 2.0, {0.0, 0.7, 0.9}, 3.0, 0.3, 0.1, MUP, FULL, 17},
        {"no variance between", 2, 1.2, 2.0, {0.8, 0.0, 0.9}, 3.0, 0.3, 0.1, MUP, FULL, 17},
        {"no readout", 2, 1.2, 2.0, {0.8, 0.7, 0.0}, 3.0, 0.3, 0.1, MUP, FULL, 17},
        {"no readout, one pass", 2, 1.2, 2.0, {0.8, 0.7, 0.0}, 3.0, 0.3, 0.1, MUP, ONLINE, 17},
        {"nothing at all", 2, 1.2, 2.0, {0.0, 0.0, 0.0}, 3.0, 0.3, 0.1, MUP, FULL, 17},
        /* Noise that keeps a memory, oscillations: what a march must not amplify (doc/theory.md, (M14)). */
        {"rich and noisy", 3, 2.0, 6.0, {1.0, 1.0, 1.0, 1.0}, 1.2, 1.0, 0.02, MUP, FULL, 80},
        {"edge of stability", 2, 0.5, 5.0, {0.5, 0.5, 0.5}, 0.5, 0.0, 0.04, NTK, FULL, 80},
    };
    return &settings[i];
}

#endif
