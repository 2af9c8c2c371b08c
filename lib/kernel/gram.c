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

void kernel_mirror(double *C, size_t steps, size_t stride)
{
    for (size_t t = 0; t < steps; t += BLOCK)
        for (size_t s = 0; s <= t; s += BLOCK) mirror_block(C, stride, t, least(BLOCK, steps - t), s, least(BLOCK, steps - s));
}

void kernel_gram(const double *H, size_t steps, size_t length, size_t stride, double *C, size_t C_stride)
{
    if (length == 0) return;
    /* beta = 0: to write fresh pages costs half of what it costs to read them first. */
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)steps, (int)length, 1.0, H, (int)stride, 0.0, C, (int)C_stride);
    kernel_mirror(C, steps, C_stride);
}

void kernel_gram_diagonal(const double *H, size_t steps, size_t length, size_t stride, double *C, size_t C_stride)
{
    for (size_t t = 0; t < steps; t++) C[t * C_stride + t] = cblas_ddot((int)length, H + t * stride, 1, H + t * stride, 1);
}
