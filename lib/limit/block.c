/* Products of blocks of vectors with the rows of a space: n k d multiply-adds for n vectors, k rows and d axes; with one vector bound by the memory
 * that the rows are read from. */
#include "limit/block.h"

#include <cblas.h>

struct block block_of(const limit_rows *rows, size_t first, size_t end)
{
    return (struct block){.space = rows->space, .count = end - first, .x = rows->x + first * rows->space->stride};
}

void block_inner(double factor, struct block x, struct block r, double beta, double *c, size_t stride)
{
    if (x.count == 0 || r.count == 0) return;
    int d = (int)r.space->axes, ld = (int)r.space->stride;
    double weight = factor * r.space->backend->weight(r.space);
    if (x.count == 1) cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)r.count, d, weight, r.x, ld, x.x, 1, beta, c, 1);
    else cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)x.count, (int)r.count, d, weight, x.x, ld, r.x, ld, beta, c, (int)stride);
}

void block_combine(double factor, const double *c, size_t stride, struct block r, struct block x)
{
    if (x.count == 0 || r.count == 0) return;
    int d = (int)r.space->axes, ld = (int)r.space->stride;
    if (x.count == 1) cblas_dgemv(CblasRowMajor, CblasTrans, (int)r.count, d, factor, r.x, ld, c, 1, 1.0, x.x, 1);
    else cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)x.count, d, (int)r.count, factor, c, (int)stride, r.x, ld, 1.0, x.x, ld);
}
