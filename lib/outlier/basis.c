/* The outliers of a revealed matrix: memory, which grows with the directions that were met, queries, checkpoints. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "outlier/basis_state.h"

enum { FIRST_ROOM = 16 };

/* ---- making and growing ---- */

/* Room for `wide` numbers, of which the first are those of old; NULL when out of memory. */
static double *longer(const double *old, size_t length, size_t wide)
{
    double *x = memory_doubles(wide);
    if (x != NULL && old != NULL) memcpy(x, old, length * sizeof *x);
    return x;
}

static void free_vectors(struct followed *outlier, size_t tracked)
{
    for (size_t j = 0; outlier != NULL && j < tracked; j++)
        for (int i = 0; i < OUTLIER_BASIS_MEMORY; i++) free(outlier[j].vector[i]);
    free(outlier);
}

static void free_arrays(outlier_basis *b)
{
    free_vectors(b->outlier, b->tracked);
    free(b->B);
    free(b->edge_now);
    free(b->edge_before);
    free(b->trial);
    free(b->work);
    free(b->proven_S);
    free(b->sides);
    spectrum_leading_free(b->leading);
}

static struct followed *longer_vectors(const outlier_basis *b, size_t wide)
{
    struct followed *outlier = calloc(b->tracked, sizeof *outlier);
    int whole = outlier != NULL;
    for (size_t j = 0; j < b->tracked && whole; j++) {
        if (b->outlier != NULL) outlier[j] = b->outlier[j];
        for (int i = 0; i < OUTLIER_BASIS_MEMORY; i++) {
            const double *old = b->outlier != NULL ? b->outlier[j].vector[i] : NULL;
            outlier[j].vector[i] = longer(old, outlier_basis_stride(b), wide);
            whole &= outlier[j].vector[i] != NULL;
        }
    }
    if (whole) return outlier;
    free_vectors(outlier, b->tracked);
    return NULL;
}

/* The pencil of the step before, with another row stride. */
static double *wider_pencil(const outlier_basis *b, size_t wide)
{
    double *B = memory_doubles(wide * wide);
    for (size_t i = 0; B != NULL && i < b->order_before; i++) memcpy(B + i * wide, b->edge_before + i * outlier_basis_stride(b), b->order_before * sizeof *B);
    return B;
}

/* Room for `room` directions a side, in all arrays. */
static int widen(outlier_basis *b, size_t room, dmft_error *err)
{
    outlier_basis wide = *b;
    size_t w = 2 * room;
    wide.outlier = longer_vectors(b, w);
    wide.B = memory_doubles(w * w);
    wide.edge_now = memory_doubles(w * w);
    wide.edge_before = wider_pencil(b, w);
    wide.trial = memory_doubles((b->tracked + 1) * w);
    wide.work = memory_doubles(w);
    wide.proven_S = memory_doubles(room * room);
    wide.sides = memory_doubles(b->count * w);
    wide.proven_outputs = wide.proven_inputs = 0;
    wide.leading = NULL;
    int whole = wide.outlier && wide.B && wide.edge_now && wide.edge_before && wide.trial && wide.work && wide.proven_S && wide.sides;
    int status = whole ? DMFT_OK : error_memory(err, 112.0 * (double)room * (double)room);
    if (status == DMFT_OK) status = spectrum_leading_create(&wide.leading, w, b->tracked, err);
    if (status == DMFT_OK) status = outlier_pencil_widen(&wide.pencil, room, err);
    if (status != DMFT_OK) {
        free_arrays(&wide);
        return status;
    }
    if (b->leading != NULL) wide.products += spectrum_leading_products(b->leading);
    free_arrays(b);
    *b = wide;
    return DMFT_OK;
}

int outlier_basis_create(outlier_basis **out, const limit_operator *A, const limit_rows *target, size_t count, dmft_error *err)
{
    outlier_basis *b = calloc(1, sizeof *b);
    if (b == NULL) return error_memory(err, sizeof *b);
    outlier_pencil_init(&b->pencil, A);
    b->target = target;
    b->count = count;
    b->tracked = count + 1;
    b->last_step = -1;
    b->value = memory_doubles(b->tracked);
    b->at_edge = memory_doubles(b->tracked);
    b->z = memory_doubles(b->tracked);
    b->told = memory_doubles(b->tracked);
    b->ahead = memory_doubles(b->tracked);
    b->ahead_of = memory_doubles(b->tracked);
    b->escape = calloc(b->tracked, sizeof *b->escape);
    int whole = b->value && b->at_edge && b->z && b->told && b->ahead && b->ahead_of && b->escape;
    int status = whole ? widen(b, FIRST_ROOM, err) : error_memory(err, 48.0 * (double)count);
    if (status != DMFT_OK) {
        outlier_basis_free(b);
        return status;
    }
    for (size_t j = 0; j < b->tracked; j++) {
        b->ahead[j] = b->told[j] = NAN;
        b->escape[j] = (struct outlier_escape){.step = -1, .time = NAN};
    }
    *out = b;
    return DMFT_OK;
}

void outlier_basis_free(outlier_basis *b)
{
    if (b == NULL) return;
    outlier_pencil_clear(&b->pencil);
    free_arrays(b);
    free(b->value);
    free(b->at_edge);
    free(b->z);
    free(b->told);
    free(b->ahead);
    free(b->ahead_of);
    outlier_watch_clear(&b->watch);
    free(b->escape);
    free(b);
}

long outlier_basis_products(const outlier_basis *b) { return b->products + spectrum_leading_products(b->leading); }

const double *outlier_basis_left(const outlier_basis *b, size_t j)
{
    return j < b->count && !isnan(b->told[j]) ? b->sides + j * outlier_basis_stride(b) : NULL;
}

const double *outlier_basis_right(const outlier_basis *b, size_t j)
{
    return j < b->count && !isnan(b->told[j]) ? b->sides + j * outlier_basis_stride(b) + b->pencil.outputs : NULL;
}

struct outlier_escape outlier_basis_escape(const outlier_basis *b, size_t j) { return b->escape[j]; }

/* Makes room in the (alpha, beta) of kept eigenvectors for directions that were met since. */
static void lengthen(outlier_basis *b, size_t outputs, size_t inputs)
{
    size_t had_outputs = b->pencil.outputs, had_inputs = b->pencil.inputs;
    if (outputs == had_outputs && inputs == had_inputs) return;
    for (size_t j = 0; j < b->tracked; j++)
        for (size_t i = 0; i < b->outlier[j].known; i++) {
            double *x = b->outlier[j].vector[i];
            memmove(x + outputs, x + had_outputs, had_inputs * sizeof *x);
            memset(x + had_outputs, 0, (outputs - had_outputs) * sizeof *x);
            memset(x + outputs + had_inputs, 0, (inputs - had_inputs) * sizeof *x);
        }
}

int outlier_basis_catch_up(outlier_basis *b, const struct limit_view *view, dmft_error *err)
{
    size_t outputs = view->F->count, inputs = view->E->count, most = outputs > inputs ? outputs : inputs;
    int status = most <= b->pencil.room ? DMFT_OK : widen(b, most + most / 2, err);
    if (status != DMFT_OK) return status;
    lengthen(b, outputs, inputs);
    outlier_pencil_catch_up(&b->pencil, view);
    outlier_pencil_learn(&b->pencil, view);
    return DMFT_OK;
}

int outlier_basis_watch(outlier_basis *b, size_t rows, int flow, dmft_error *err)
{
    outlier_watch_clear(&b->watch);
    b->watched = 1;
    return outlier_watch_init(&b->watch, b->count, rows, flow, b->pencil.variance, b->pencil.psi, err);
}

int outlier_basis_difference(const outlier_basis *b, double *difference, dmft_error *err)
{
    *difference = NAN;
    return b->watched ? outlier_watch_difference(&b->watch, difference, err) : DMFT_OK;
}

/* ---- checkpoints ---- */

/* Gram matrices are sums that grew direction by direction: they are kept, as another order of summing would round otherwise. */
static void transfer_pencil(outlier_basis *b, archive *a)
{
    struct outlier_pencil *p = &b->pencil;
    archive_rows(a, p->Xi, p->outputs, p->outputs, p->room);
    archive_rows(a, p->Chi, p->inputs, p->inputs, p->room);
    archive_rows(a, p->M, p->outputs, p->inputs, p->room);
    archive_rows(a, b->edge_before, b->order_before, b->order_before, outlier_basis_stride(b));
    archive_rows(a, b->proven_S, b->proven_outputs, b->proven_inputs, p->room);
}

static void transfer_outlier(outlier_basis *b, size_t j, archive *a)
{
    struct followed *o = &b->outlier[j];
    archive_size(a, &o->known, OUTLIER_BASIS_MEMORY);
    archive_size(a, &o->order, OUTLIER_BASIS_MEMORY);
    archive_double(a, &o->missed);
    archive_double(a, &o->norm2);
    archive_doubles(a, o->root, OUTLIER_BASIS_MEMORY);
    archive_double(a, &b->z[j]);
    archive_double(a, &b->ahead[j]);
    archive_double(a, &b->ahead_of[j]);
    archive_long(a, &b->escape[j].step);
    archive_double(a, &b->escape[j].time);
    for (size_t i = 0; i < o->known && archive_status(a) == DMFT_OK; i++) archive_doubles(a, o->vector[i], outlier_pencil_order(&b->pencil));
}

/* The sizes, and room for them when reading. */
static void transfer_sizes(outlier_basis *b, archive *a)
{
    struct outlier_pencil *p = &b->pencil;
    size_t room = p->room, outputs = p->outputs, inputs = p->inputs;
    long products = outlier_basis_products(b);
    dmft_error err;
    archive_size(a, &room, SIZE_MAX / 64);
    archive_size(a, &outputs, limit_operator_outputs(p->A));
    archive_size(a, &inputs, limit_operator_inputs(p->A));
    archive_long(a, &products);
    if (!archive_reading(a) || archive_status(a) != DMFT_OK) return;
    int status = room > p->room ? widen(b, room, &err) : DMFT_OK;
    if (status != DMFT_OK) {
        archive_fail(a, status, &err);
        return;
    }
    p->outputs = outputs;
    p->inputs = inputs;
    b->products = products - spectrum_leading_products(b->leading);
}

void outlier_basis_transfer(outlier_basis *b, archive *a)
{
    archive_tag(a, "outlier_basis");
    transfer_sizes(b, a);
    archive_size(a, &b->found, b->tracked);
    archive_size(a, &b->order_before, outlier_pencil_order(&b->pencil));
    archive_size(a, &b->proven_outputs, b->pencil.outputs);
    archive_size(a, &b->proven_inputs, b->pencil.inputs);
    archive_double(a, &b->proven_margin);
    archive_size(a, &b->level, OUTLIER_BASIS_MARGINS);
    archive_long(a, &b->last_step);
    archive_double(a, &b->last_time);
    if (archive_status(a) != DMFT_OK) return;
    transfer_pencil(b, a);
    for (size_t j = 0; j < b->tracked && archive_status(a) == DMFT_OK; j++) transfer_outlier(b, j, a);
    if (b->watched) outlier_watch_transfer(&b->watch, a);
}
