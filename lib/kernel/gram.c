/* One symmetric product of a stored history; the other triangle is copied in small blocks that are turned over in cache, since a column of
 * a large matrix has all its numbers in the same few cache lines. */
#include "kernel/gram.h"

#include <cblas.h>
#include <string.h>

enum { BLOCK = 32 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Copies the block of `rows` rows from `row` and `columns` columns from `column` to its mirror image. */
static void mirror_block(double *C, size_t stride, size_t row, size_t rows, size_t column, size_t columns)
{
    double turned[BLOCK][BLOCK];
    for (size_t t = 0; t < rows; t++)
        for (size_t s = 0; s < columns; s++) turned[s][t] = C[(row + t) * stride + column + s];
    for (size_t s = 0; s < columns; s++) {
        size_t first = row > column ? 0 : s; /* of the mirror image, only what lies above the diagonal */
        memcpy(C + (column + s) * stride + row + first, turned[s] + first, (rows - first) * sizeof *C);
    }
}

void kernel_gram(double *data, size_t steps, size_t length, size_t stride, double *scratch)
{
    for (size_t t = 0; t < steps; t++) memcpy(scratch + t * length, data + t * stride, length * sizeof *data);
    if (length == 0) {
        for (size_t t = 0; t < steps; t++) memset(data + t * stride, 0, steps * sizeof *data);
        return;
    }
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)steps, (int)length, 1.0, scratch, (int)length, 0.0, data, (int)stride);
    for (size_t t = 0; t < steps; t += BLOCK)
        for (size_t s = 0; s <= t; s += BLOCK) mirror_block(data, stride, t, least(BLOCK, steps - t), s, least(BLOCK, steps - s));
}

void kernel_gram_diagonal(double *data, size_t steps, size_t length, size_t stride)
{
    for (size_t t = 0; t < steps; t++) {
        double *row = data + t * stride, size = cblas_ddot((int)length, row, 1, row, 1);
        memset(row, 0, steps * sizeof *row);
        row[t] = size;
    }
}
