/* Products with the matrices (O1). One of X Y costs 4 k^2 multiply-adds a vector and reads 16 k^2 bytes, the lower triangles of four kernels, once
 * for all vectors: R x and R^T y, and C and its mirror image, go together over a few rows at a time, which stay in the cache. */
#include "outlier/kernels.h"

#include <cblas.h>
#include <string.h>

enum {
    BLOCK_BYTES = 1 << 17, /* of the rows of one kernel that are worked on: four kernels' fit into a cache of 1 MB */
    LEAST_ROWS = 8
};

void outlier_kernels_weigh(const struct outlier_kernels *p, const double *x, double *out)
{
    size_t k = p->k;
    double v = p->variance;
    for (size_t i = 0; i < k; i++) {
        double rho = x[i], at = x[k + i];
        out[i] = v * at;
        out[k + i] = v * rho + p->d[i] * at;
    }
}

/* Adds the products of rows i0 .. i1-1 left of their own square: out_0 += R^T x_1, out_1 += R x_0 + C x_1 and its mirror image. */
static void rectangle(const double *R, const double *C, size_t stride, size_t k, size_t i0, size_t i1, const double *x, double *out)
{
    int rows = (int)(i1 - i0), columns = (int)i0, lead = (int)stride;
    if (columns == 0) return;
    R += i0 * stride;
    C += i0 * stride;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, rows, columns, 1.0, R, lead, x, 1, 1.0, out + k + i0, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, rows, columns, 1.0, R, lead, x + k + i0, 1, 1.0, out, 1);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, rows, columns, 1.0, C, lead, x + k, 1, 1.0, out + k + i0, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, rows, columns, 1.0, C, lead, x + k + i0, 1, 1.0, out + k, 1);
}

/* The same for the square i0 .. i1-1 on the diagonal. */
static void square(const double *R, const double *C, size_t stride, size_t k, size_t i0, size_t i1, const double *x, double *out)
{
    for (size_t i = i0; i < i1; i++) {
        const double *r = R + i * stride, *c = C + i * stride;
        double x1 = x[k + i], sum = (r[i] * x[i]) + (c[i] * x1);
        for (size_t j = i0; j < i; j++) {
            sum += r[j] * x[j] + c[j] * x[k + j];
            out[j] += r[j] * x1;
            out[k + j] += c[j] * x1;
        }
        out[i] += r[i] * x1;
        out[k + i] += sum;
    }
}

/* out <- P x for `count` rows. */
static void multiply(const struct outlier_kernels *p, const double *R, const double *C, size_t count, const double *x, double *out, size_t stride)
{
    size_t k = p->k;
    for (size_t j = 0; j < count; j++) memset(out + j * stride, 0, 2 * k * sizeof *out);
    for (size_t i0 = 0; i0 < k;) {
        size_t rows = BLOCK_BYTES / (sizeof *R * (i0 + LEAST_ROWS));
        rows = rows < LEAST_ROWS ? LEAST_ROWS : rows > 4 * LEAST_ROWS ? 4 * LEAST_ROWS : rows;
        size_t i1 = i0 + rows < k ? i0 + rows : k;
        for (size_t j = 0; j < count; j++) {
            rectangle(R, C, p->stride, k, i0, i1, x + j * stride, out + j * stride);
            square(R, C, p->stride, k, i0, i1, x + j * stride, out + j * stride);
        }
        i0 = i1;
    }
}

void outlier_kernels_apply(const struct outlier_kernels *p, size_t count, const double *r, double *s, double *w, size_t stride, double *work)
{
    for (size_t j = 0; j < count; j++) outlier_kernels_weigh(p, r + j * stride, work + j * stride);
    multiply(p, p->R_phi, p->C_phi, count, work, s, stride);
    for (size_t j = 0; j < count; j++) outlier_kernels_weigh(p, s + j * stride, work + j * stride);
    multiply(p, p->R_g, p->C_g, count, work, w, stride);
}
