/* Leading eigenpairs by Rayleigh-Ritz on a Krylov space with full orthogonalisation and thick restart (block Lanczos).
 *
 * Own code, because the routines of ARPACK-NG keep their state in static variables, so that two threads cannot use them at a time, and
 * cannot be started from more than one vector. The small dense eigenproblems are LAPACK's. A product with the operator comes with
 * 4 m n multiply-adds of orthogonalisation, m <= 32 + 4 want the size of the space.
 */
#include "spectrum/leading.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
    BASIS = 32,   /* Krylov vectors before a restart, for one pair */
    BASIS_MORE = 4, /* further ones a pair */
    ROUNDS = 3,   /* products of a block between two Rayleigh-Ritz steps: trades small eigenproblems for products */
    SCRATCH = 64  /* workspace a row that dsyev likes */
};

static const double rounding = 1e-14; /* residuals of this size of the largest eigenvalue met are as good as none */

struct spectrum_leading {
    size_t order, want, most; /* largest order, most pairs, most Krylov vectors */
    double *V, *W;            /* orthonormal rows v, rows B v; stride `order` */
    double *H, *U, *theta;    /* projected matrix; its eigenvectors (columns), eigenvalues */
    double *missing;          /* residuals of the pairs that are not found yet */
    double *rotated, *x, *c, *work;
    double floor;
    long products;
    /* of the solve under way */
    spectrum_apply apply;
    void *context;
    size_t n, m; /* order, Krylov vectors */
    uint64_t noise;
};

int spectrum_leading_create(spectrum_leading **out, size_t order, size_t want, dmft_error *err)
{
    spectrum_leading *w = calloc(1, sizeof *w);
    if (w == NULL) return error_memory(err, sizeof *w);
    size_t most = BASIS + BASIS_MORE * want;
    w->order = order;
    w->want = want;
    w->most = most;
    w->floor = -INFINITY;
    w->V = memory_doubles(most * order);
    w->W = memory_doubles(most * order);
    w->missing = memory_doubles(want * order);
    w->rotated = memory_doubles(most * order);
    w->H = memory_doubles(most * most);
    w->U = memory_doubles(most * most);
    w->theta = memory_doubles(most);
    w->x = memory_doubles(order);
    w->c = memory_doubles(most);
    w->work = memory_doubles(SCRATCH * most);
    if (!w->V || !w->W || !w->missing || !w->rotated || !w->H || !w->U || !w->theta || !w->x || !w->c || !w->work) {
        spectrum_leading_free(w);
        return error_memory(err, 24.0 * (double)most * (double)order);
    }
    *out = w;
    return DMFT_OK;
}

void spectrum_leading_free(spectrum_leading *w)
{
    if (w == NULL) return;
    free(w->V);
    free(w->W);
    free(w->missing);
    free(w->rotated);
    free(w->H);
    free(w->U);
    free(w->theta);
    free(w->x);
    free(w->c);
    free(w->work);
    free(w);
}

void spectrum_leading_set_floor(spectrum_leading *w, double floor) { w->floor = floor; }

long spectrum_leading_products(const spectrum_leading *w) { return w->products; }

/* c <- V x for the m vectors of the space. */
static void coordinates(const spectrum_leading *w, const double *x, double *c)
{
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)w->m, (int)w->n, 1.0, w->V, (int)w->order, x, 1, 0.0, c, 1);
}

/* Enters w->x into the space, orthonormalised, and extends H. Returns 0 when nothing of it is new. */
static int extend(spectrum_leading *w)
{
    double size = cblas_dnrm2((int)w->n, w->x, 1);
    if (!(size > 0.0) || !isfinite(size) || w->m >= w->most || w->m >= w->n) return 0;
    cblas_dscal((int)w->n, 1.0 / size, w->x, 1);
    for (int pass = 0; pass < 3 && w->m > 0; pass++) {
        coordinates(w, w->x, w->c);
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)w->m, (int)w->n, -1.0, w->V, (int)w->order, w->c, 1, 1.0, w->x, 1);
        size = cblas_dnrm2((int)w->n, w->x, 1);
        if (size < 1e-9 && pass == 0) return 0; /* rounding errors are all that is left */
        if (size > 0.7) break;                  /* nothing was lost to cancellation: orthogonal already */
        cblas_dscal((int)w->n, 1.0 / size, w->x, 1);
    }
    double *v = w->V + w->m * w->order, *image = w->W + w->m * w->order;
    memcpy(v, w->x, w->n * sizeof *v);
    cblas_dscal((int)w->n, 1.0 / cblas_dnrm2((int)w->n, v, 1), v, 1);
    w->apply(w->context, w->n, v, image);
    w->products++;
    w->m++;
    coordinates(w, image, w->c);
    for (size_t i = 0; i < w->m; i++) w->H[i * w->most + w->m - 1] = w->H[(w->m - 1) * w->most + i] = w->c[i];
    return 1;
}

/* A vector without any direction of its own, the same ones in every run. */
static int extend_anywhere(spectrum_leading *w)
{
    for (size_t i = 0; i < w->n; i++) {
        w->noise = w->noise * 6364136223846793005ULL + 1442695040888963407ULL;
        w->x[i] = (double)(w->noise >> 11) * 0x1p-52 - 1.0;
    }
    return extend(w);
}

/* Eigenvalues of H in falling order in theta, eigenvectors in the rows of U. */
static int ritz(spectrum_leading *w)
{
    size_t m = w->m;
    for (size_t i = 0; i < m; i++) memcpy(w->U + i * m, w->H + i * w->most, m * sizeof *w->U);
    int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'U', (int)m, w->U, (int)m, w->theta, w->work, (int)(SCRATCH * w->most));
    for (size_t i = 0; i < m / 2; i++) {
        double theta = w->theta[i];
        w->theta[i] = w->theta[m - 1 - i];
        w->theta[m - 1 - i] = theta;
        cblas_dswap((int)m, w->U + i * m, 1, w->U + (m - 1 - i) * m, 1);
    }
    return info;
}

/* w->x <- B x_j - theta_j x_j of the j-th Ritz pair; its length is returned. */
static double residual(spectrum_leading *w, size_t j)
{
    const double *u = w->U + j * w->m;
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)w->m, (int)w->n, 1.0, w->W, (int)w->order, u, 1, 0.0, w->x, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)w->m, (int)w->n, -w->theta[j], w->V, (int)w->order, u, 1, 1.0, w->x, 1);
    return cblas_dnrm2((int)w->n, w->x, 1);
}

static int found(const spectrum_leading *w, size_t j, size_t count, double size, double tolerance)
{
    double largest = fmax(fabs(w->theta[0]), fabs(w->theta[w->m - 1]));
    if (size <= tolerance * fabs(w->theta[j]) || size <= rounding * largest) return 1;
    /* What the start vectors hardly saw shows only after some products. */
    return w->theta[j] + size < w->floor && w->m >= count * (1 + 2 * ROUNDS);
}

/* rows <- the first `keep` Ritz combinations of rows. */
static void rotate(spectrum_leading *w, double *rows, size_t keep)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)keep, (int)w->n, (int)w->m, 1.0, w->U, (int)w->m, rows, (int)w->order,
                0.0, w->rotated, (int)w->order);
    for (size_t i = 0; i < keep; i++) memcpy(rows + i * w->order, w->rotated + i * w->order, w->n * sizeof *rows);
}

static void restart(spectrum_leading *w, size_t keep)
{
    rotate(w, w->V, keep);
    rotate(w, w->W, keep);
    for (size_t i = 0; i < keep; i++)
        for (size_t j = 0; j < keep; j++) w->H[i * w->most + j] = i == j ? w->theta[i] : 0.0;
    w->m = keep;
}

/* Further rounds of the Krylov block whose `block` vectors were entered last. */
static void more_rounds(spectrum_leading *w, size_t block)
{
    for (int round = 1; round < ROUNDS && block > 0; round++) {
        size_t begin = w->m - block, next = 0;
        for (size_t i = 0; i < block; i++) {
            memcpy(w->x, w->W + (begin + i) * w->order, w->n * sizeof *w->x);
            next += (size_t)extend(w);
        }
        block = next;
    }
}

/* One Rayleigh-Ritz step and, when pairs are missing, the products that bring them nearer. Returns 1 when all are found. */
static int improve(spectrum_leading *w, size_t count, double tolerance, int *info)
{
    *info = ritz(w);
    if (*info != 0) return 0;
    size_t missing = 0, entered = 0;
    for (size_t j = 0; j < count && j < w->m; j++)
        if (!found(w, j, count, residual(w, j), tolerance)) memcpy(w->missing + missing++ * w->order, w->x, w->n * sizeof *w->x);
    if ((missing == 0 && w->m >= count) || w->m == w->n) return 1;
    if (w->m + count * ROUNDS > w->most) restart(w, count + (w->most - count) / 2);
    for (size_t j = 0; j < missing; j++) {
        memcpy(w->x, w->missing + j * w->order, w->n * sizeof *w->x);
        entered += (size_t)extend(w);
    }
    if (entered == 0) entered = (size_t)extend_anywhere(w);
    more_rounds(w, entered);
    return 0;
}

int spectrum_leading_solve(spectrum_leading *w, spectrum_apply apply, void *context, size_t n, size_t count, size_t starts,
                           double tolerance, double *values, double *vectors, size_t stride, dmft_error *err)
{
    w->apply = apply;
    w->context = context;
    w->n = n;
    w->m = 0;
    w->noise = 1;
    size_t wanted = count < n ? count : n;
    for (size_t i = 0; i < starts; i++) {
        memcpy(w->x, vectors + i * stride, n * sizeof *vectors);
        (void)extend(w);
    }
    while (w->m < wanted && extend_anywhere(w)) {}
    long limit = w->products + 1000 + 20 * (long)n;
    int info = 0;
    while (wanted > 0 && !improve(w, wanted, tolerance, &info))
        if (info != 0 || w->products > limit)
            return error_set(err, DMFT_ERROR_NUMERIC, "leading eigenvalues: no convergence to %g in %ld products (order %zu)", tolerance,
                             w->products, n);
    for (size_t j = 0; j < count; j++) {
        values[j] = j < wanted ? w->theta[j] : -INFINITY;
        if (j >= wanted) continue;
        double *x = vectors + j * stride;
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)w->m, (int)n, 1.0, w->V, (int)w->order, w->U + j * w->m, 1, 0.0, x, 1);
        cblas_dscal((int)n, 1.0 / cblas_dnrm2((int)n, x, 1), x, 1);
    }
    return DMFT_OK;
}
