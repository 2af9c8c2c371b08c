/* (N9) of doc/theory.md. A matrix of N x N numbers is put together from what is known of it and a rest that is drawn, and its leading singular values
 * are found by products with W^T W.
 *
 * Cost: 8 N^2 k multiply-adds to put it together, k directions a side, and some 7 N^{1/3} products of 2 N^2. Memory: N^2 + N k + k^2 doubles and the
 * vectors of the search. */
#include "outlier/whole.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "spectrum/leading.h"

/* |W^T W x - value x| over the value: singular values to about its square over their distances. */
static const double tolerance = 1e-8;

struct outlier_whole {
    size_t sites, directions, count, found;
    double *W;             /* sites x sites, row-major */
    double *work;          /* directions x sites */
    double *small;         /* directions x directions */
    double *value, *vector; /* count; count x sites */
    double *partner;       /* W x, sites */
    double *left, *right;  /* directions */
    double shift;          /* |W|_F^2/N, which keeps eigenvalues away from 0 */
    spectrum_leading *leading;
};

int outlier_whole_create(outlier_whole **out, size_t sites, size_t directions, size_t count, dmft_error *err)
{
    outlier_whole *w = calloc(1, sizeof *w);
    if (w == NULL) return error_memory(err, sizeof *w);
    *w = (outlier_whole){.sites = sites, .directions = directions, .count = count < sites ? count : sites};
    w->W = memory_doubles(sites * sites);
    w->work = memory_doubles(directions * sites);
    w->small = memory_doubles(directions * directions);
    w->value = memory_doubles(w->count);
    w->vector = memory_doubles(w->count * sites);
    w->partner = memory_doubles(sites);
    w->left = memory_doubles(directions);
    w->right = memory_doubles(directions);
    const double *made[] = {w->W, w->work, w->small, w->value, w->vector, w->partner, w->left, w->right};
    int status = spectrum_leading_create(&w->leading, sites, w->count, err);
    for (size_t i = 0; i < sizeof made / sizeof *made && status == DMFT_OK; i++)
        if (made[i] == NULL) status = error_memory(err, 8.0 * outlier_whole_doubles((double)sites, (double)directions, (double)count));
    if (status == DMFT_OK) *out = w;
    else outlier_whole_free(w);
    return status;
}

void outlier_whole_free(outlier_whole *w)
{
    if (w == NULL) return;
    double *parts[] = {w->W, w->work, w->small, w->value, w->vector, w->partner, w->left, w->right};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
    spectrum_leading_free(w->leading);
    free(w);
}

double outlier_whole_doubles(double sites, double directions, double count)
{
    double space = 32.0 + 4.0 * count; /* vectors of the eigenvalue search (spectrum/leading.c), three times */
    return sites * (sites + directions + count + 1.0 + 3.0 * space) + directions * (directions + 2.0);
}

double outlier_whole_operations(double sites, double directions)
{
    return sites * sites * (16.0 * directions + 4.0 * 7.0 * cbrt(sites) + 30.0); /* 30: a Gaussian number */
}

/* ---- W ---- */

static int stride_of(const limit_rows *rows) { return (int)rows->space->stride; }

/* Z <- Z - F^T F Z/N, and Z <- Z - Z E^T E/N. */
static void project(outlier_whole *w, const struct limit_view *v)
{
    int n = (int)w->sites, in = (int)v->E->count, out = (int)v->F->count;
    double part = 1.0 / (double)w->sites;
    if (out > 0) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, out, n, n, part, v->F->x, stride_of(v->F), w->W, n, 0.0, w->work, n);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, out, -1.0, v->F->x, stride_of(v->F), w->work, n, 1.0, w->W, n);
    }
    if (in > 0) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, in, n, part, w->W, n, v->E->x, stride_of(v->E), 0.0, w->work, in);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, in, -1.0, w->work, in, v->E->x, stride_of(v->E), 1.0, w->W, n);
    }
}

/* W += (keep Y^T E + F^T (keep X + (S - keep M) E))/N. */
static void add_known(outlier_whole *w, const struct limit_view *v)
{
    int n = (int)w->sites, in = (int)v->E->count, out = (int)v->F->count;
    double part = 1.0 / (double)w->sites;
    if (in > 0)
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, in, part * v->keep, v->Y->x, stride_of(v->Y), v->E->x, stride_of(v->E), 1.0, w->W, n);
    if (out == 0) return;
    for (int i = 0; i < out; i++) {
        double *row = w->work + (size_t)i * w->sites;
        memcpy(row, v->X->x + (size_t)i * v->X->space->stride, w->sites * sizeof *row);
        cblas_dscal(n, v->keep, row, 1);
        for (int j = 0; j < in; j++)
            w->small[i * in + j] = v->S[(size_t)i * v->stride + (size_t)j] - v->keep * v->M[(size_t)i * v->stride + (size_t)j];
    }
    if (in > 0) cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, out, n, in, 1.0, w->small, in, v->E->x, stride_of(v->E), 1.0, w->work, n);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, out, part, v->F->x, stride_of(v->F), w->work, n, 1.0, w->W, n);
}

/* ---- its singular values ---- */

static void apply(void *context, size_t n, const double *x, double *y)
{
    const outlier_whole *w = context;
    int order = (int)n;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, order, order, 1.0, w->W, order, x, 1, 0.0, w->partner, 1);
    cblas_dcopy(order, x, 1, y, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, order, order, 1.0, w->W, order, w->partner, 1, w->shift, y, 1);
}

/* to_i <- (row_i . unit vector)/sqrt(N) */
static void project_on(const outlier_whole *w, const limit_rows *rows, const double *x, double length, double *to)
{
    if (rows->count == 0) return;
    double factor = 1.0 / (sqrt((double)w->sites) * length);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)rows->count, (int)w->sites, factor, rows->x, stride_of(rows), x, 1, 0.0, to, 1);
}

int outlier_whole_find(outlier_whole *w, const struct limit_view *v, struct random_stream stream, dmft_error *err)
{
    size_t n = w->sites;
    w->found = 0;
    random_gaussians(&stream, v->keep * sqrt(v->variance / (double)n), n * n, w->W);
    project(w, v);
    add_known(w, v);
    w->shift = 0.0;
    for (size_t i = 0; i < n; i++) w->shift += cblas_ddot((int)n, w->W + i * n, 1, w->W + i * n, 1) / (double)n;
    if (!(w->shift > 0.0)) return DMFT_OK;
    int status = spectrum_leading_solve(w->leading, apply, w, n, w->count, 0, tolerance, w->value, w->vector, n, err);
    if (status != DMFT_OK) return status;
    w->found = w->count;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)n, 1.0, w->W, (int)n, w->vector, 1, 0.0, w->partner, 1);
    project_on(w, v->E, w->vector, 1.0, w->right);
    project_on(w, v->F, w->partner, cblas_dnrm2((int)n, w->partner, 1), w->left);
    return DMFT_OK;
}

double outlier_whole_z(const outlier_whole *w, size_t j) { return j < w->found ? sqrt(fmax(w->value[j] - w->shift, 0.0)) : NAN; }

const double *outlier_whole_left(const outlier_whole *w) { return w->found > 0 ? w->left : NULL; }

const double *outlier_whole_right(const outlier_whole *w) { return w->found > 0 ? w->right : NULL; }
