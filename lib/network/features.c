/* Random features by blocks of rows, (LF1), (LF3). Cost: 2 columns p + the activation a row; a product with the moment 4 p a row, and of a block that is
 * not held what its features take besides. The Gram matrix goes by some features of all rows, drawn weights being there. */
#include "network/features.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

double features_doubles(size_t count, size_t rows, size_t widest)
{
    return (double)count * ((double)widest + 2.0 * FEATURES_BLOCK) + 2.0 * (double)rows * FEATURES_BLOCK;
}

double features_block_doubles(size_t count) { return (double)FEATURES_BLOCK * (double)count; }

size_t features_blocks(size_t samples) { return (samples + FEATURES_BLOCK - 1) / FEATURES_BLOCK; }

int features_create(struct features *f, enum activation_kind kind, size_t count, size_t samples, size_t rows, size_t widest, size_t held, dmft_error *err)
{
    *f = (struct features){.activation = activation_of(kind), .count = count, .samples = samples, .rows = rows, .held = held};
    f->weight = memory_doubles(widest * count);
    f->field = memory_doubles(FEATURES_BLOCK * count);
    f->block = memory_doubles(FEATURES_BLOCK * count);
    f->store = memory_doubles(held * FEATURES_BLOCK * count);
    f->slice = memory_doubles(2 * rows * FEATURES_BLOCK);
    if (f->weight != NULL && f->field != NULL && f->block != NULL && f->store != NULL && f->slice != NULL) return DMFT_OK;
    features_free(f);
    return error_memory(err, 8.0 * (features_doubles(count, rows, widest) + (double)held * features_block_doubles(count)));
}

void features_free(struct features *f)
{
    free(f->weight);
    free(f->field);
    free(f->block);
    free(f->store);
    free(f->slice);
    f->weight = f->field = f->block = f->store = f->slice = NULL;
}

/* out <- phi(h W/c)/sqrt(p) of `rows` rows from `first` on, features `from` .. from + count - 1; `field` as large as `out`. */
static void compute(const struct features *f, size_t first, size_t rows, size_t from, size_t count, double *field, double *out)
{
    double shrink = 1.0 / sqrt((double)f->count);
    memset(field, 0, rows * count * sizeof *field);
    if (f->columns > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)count, (int)f->columns, f->scale, f->h + first * f->columns, (int)f->columns,
                    f->weight + from, (int)f->count, 0.0, field, (int)count);
    f->activation.apply(f->activation.user, rows * count, field, out, NULL, NULL);
    cblas_dscal((int)(rows * count), shrink, out, 1);
}

static size_t rows_of(size_t b, size_t end) { return end - b * FEATURES_BLOCK < FEATURES_BLOCK ? end - b * FEATURES_BLOCK : FEATURES_BLOCK; }

void features_draw(struct features *f, const double *h, size_t columns, struct random_stream *stream)
{
    double square = 0.0;
    for (size_t i = 0; i < f->samples * columns; i++) square += h[i] * h[i] / (double)f->samples;
    f->h = h;
    f->columns = columns;
    f->scale = square > 0.0 ? 1.0 / sqrt(square) : 0.0;
    random_gaussians(stream, 1.0, columns * f->count, f->weight);
    for (size_t b = 0; b < f->held; b++)
        compute(f, b * FEATURES_BLOCK, rows_of(b, f->samples), 0, f->count, f->field, f->store + b * FEATURES_BLOCK * f->count);
}

const double *features_of(struct features *f, size_t b, size_t *rows)
{
    *rows = rows_of(b, f->samples);
    if (b < f->held) return f->store + b * FEATURES_BLOCK * f->count;
    compute(f, b * FEATURES_BLOCK, *rows, 0, f->count, f->field, f->block);
    return f->block;
}

const double *features_tests(struct features *f, size_t b, size_t *rows)
{
    *rows = rows_of(b, f->rows - f->samples);
    compute(f, f->samples + b * FEATURES_BLOCK, *rows, 0, f->count, f->field, f->block);
    return f->block;
}

void features_gram(struct features *f, double *gram)
{
    double *field = f->slice, *slice = f->slice + f->rows * FEATURES_BLOCK;
    memset(gram, 0, f->rows * f->samples * sizeof *gram);
    for (size_t from = 0; from < f->count; from += FEATURES_BLOCK) {
        size_t count = f->count - from < FEATURES_BLOCK ? f->count - from : FEATURES_BLOCK;
        compute(f, 0, f->rows, from, count, field, slice);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)f->rows, (int)f->samples, (int)count, 1.0, slice, (int)count, slice, (int)count, 1.0, gram,
                    (int)f->samples);
    }
}

void features_moment(struct features *f, const double *label, const double *x, double *middle, double *y)
{
    memset(y, 0, f->count * sizeof *y);
    for (size_t b = 0, rows; b < features_blocks(f->samples); b++) {
        const double *Z = features_of(f, b, &rows);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)rows, (int)f->count, 1.0, Z, (int)f->count, x, 1, 0.0, middle, 1);
        for (size_t i = 0; i < rows; i++) middle[i] *= label[b * FEATURES_BLOCK + i] / (double)f->samples;
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)rows, (int)f->count, 1.0, Z, (int)f->count, middle, 1, 1.0, y, 1);
    }
}

void features_dense(struct features *f, const double *label, double *C)
{
    size_t p = f->count;
    memset(C, 0, p * p * sizeof *C);
    for (size_t b = 0, rows; b < features_blocks(f->samples); b++) {
        const double *Z = features_of(f, b, &rows);
        for (size_t i = 0; i < rows; i++)
            for (size_t a = 0; a < p; a++) f->field[i * p + a] = label[b * FEATURES_BLOCK + i] / (double)f->samples * Z[i * p + a];
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)p, (int)p, (int)rows, 1.0, f->field, (int)p, Z, (int)p, 1.0, C, (int)p);
    }
}
