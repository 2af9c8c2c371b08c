/* Products with the matrices (O1). One of X Y costs 4 k^2 multiply-adds a vector and reads 16 k^2 bytes, the lower triangles of four kernels, once
 * for all vectors: R x and R^T y, and C and its mirror image, go together over a few rows at a time, which stay in the cache. */
#include "outlier/kernels.h"

#include <cblas.h>
#include <string.h>

enum {
    BLOCK_BYTES = 1 << 17, /* of the rows of one kernel that are worked on: four kernels' fit into a cache of 1 MB */
    LEAST_ROWS = 8,
    MOST_ROWS = 32 /* the square on the diagonal is no work for BLAS */
};

static void weigh(const void *context, const double *x, double *out)
{
    const struct outlier_kernels *p = context;
    size_t k = p->k;
    for (size_t i = 0; i < k; i++) {
        double rho = x[i], at = x[k + i], first = outlier_kernels_first(p, i);
        out[i] = first * at;
        out[k + i] = first * rho + p->d[i] * at;
    }
}

/* Rows i0 .. i1-1 of one side. */
struct rows {
    const double *R, *C;
    size_t stride, k, i0, i1;
    double sigma;
};

/* Adds the products left of their own square: out_0 += sigma R^T x_1, out_1 += sigma R x_0 + C x_1 and its mirror image. */
static void rectangle(const struct rows *b, const double *x, double *out)
{
    const double *R = b->R + b->i0 * b->stride, *C = b->C + b->i0 * b->stride;
    int rows = (int)(b->i1 - b->i0), columns = (int)b->i0, lead = (int)b->stride;
    size_t k = b->k, i0 = b->i0;
    if (columns == 0) return;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, rows, columns, b->sigma, R, lead, x, 1, 1.0, out + k + i0, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, rows, columns, b->sigma, R, lead, x + k + i0, 1, 1.0, out, 1);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, rows, columns, 1.0, C, lead, x + k, 1, 1.0, out + k + i0, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, rows, columns, 1.0, C, lead, x + k + i0, 1, 1.0, out + k, 1);
}

/* The same for the square on the diagonal. */
static void square(const struct rows *b, const double *x, double *out)
{
    size_t k = b->k, i0 = b->i0;
    for (size_t i = i0; i < b->i1; i++) {
        const double *r = b->R + i * b->stride, *c = b->C + i * b->stride;
        double x1 = x[k + i], on_r = r[i] * x[i], on_c = c[i] * x1;
        for (size_t j = i0; j < i; j++) {
            on_r += r[j] * x[j];
            on_c += c[j] * x[k + j];
            out[j] += b->sigma * r[j] * x1;
            out[k + j] += c[j] * x1;
        }
        out[i] += b->sigma * r[i] * x1;
        out[k + i] += b->sigma * on_r + on_c;
    }
}

/* out <- P x for `count` rows. */
static void multiply(const struct outlier_kernels *p, const double *R, const double *C, size_t count, const double *x, double *out, size_t stride)
{
    struct rows b = {.R = R, .C = C, .stride = p->stride, .k = p->k, .sigma = p->sigma};
    for (size_t j = 0; j < count; j++) memset(out + j * stride, 0, 2 * p->k * sizeof *out);
    for (; b.i0 < p->k; b.i0 = b.i1) {
        size_t rows = BLOCK_BYTES / (sizeof *R * (b.i0 + 1));
        rows = rows < LEAST_ROWS ? LEAST_ROWS : rows > MOST_ROWS ? MOST_ROWS : rows;
        b.i1 = b.i0 + rows < p->k ? b.i0 + rows : p->k;
        for (size_t j = 0; j < count; j++) {
            rectangle(&b, x + j * stride, out + j * stride);
            square(&b, x + j * stride, out + j * stride);
        }
    }
}

static void apply(const void *context, size_t count, const double *r, double *s, double *w, size_t stride, double *work)
{
    const struct outlier_kernels *p = context;
    for (size_t j = 0; j < count; j++) weigh(p, r + j * stride, work + j * stride);
    multiply(p, p->R_phi, p->C_phi, count, work, s, stride);
    for (size_t j = 0; j < count; j++) weigh(p, s + j * stride, work + j * stride);
    multiply(p, p->R_g, p->C_g, count, work, w, stride);
}

struct outlier_products outlier_kernels_products(const struct outlier_kernels *p)
{
    return (struct outlier_products){.order = 2 * p->k, .apply = apply, .weigh = weigh, .context = p};
}
