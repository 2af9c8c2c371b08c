/* One row of the row form of level 1, in the order (L1): (M1)-(M14) of doc/theory.md.
 *
 * Row t costs 14 (L-1) + 22 times t^2 floating-point operations (full batch; one-pass SGD 13 for 22), a pair of them for every number of a
 * lower triangle that comes in, and reads 10 (L-1) + 14 lower triangles (6 less) from memory: 12 T^3 operations and 32 T^3 bytes for T rows at L = 2.
 * It allocates nothing. Which of several equivalent forms is taken where is a matter of rounding, (M14). */
#include <cblas.h>
#include <stddef.h>

#include "kernel/rows_state.h"
#include "kernel/triangle.h"

enum { V, DELTA, V_HAT }; /* of C, R and diagonal */

static double *row(const kernel_rows *r, double *K, size_t t) { return K + t * r->stride; }

static double dot(size_t n, const double *x, const double *y) { return cblas_ddot((int)n, x, 1, y, 1); }

/* y = S x for the symmetric correlation i, its first n rows. */
static void correlate(const kernel_rows *r, const double *C, const double *diagonal, size_t n, const double *x, double *y)
{
    kernel_triangle_symmetric(C, r->stride, diagonal, n, x, y, r->work[ROWS_WORK - 1]);
}

/* m(s) = a R(t,s) + b kappa(t,s) C(t,s), s < t: the memory kernels (M4). */
static void remember(const kernel_rows *r, double a, const double *R, double b, const double *C, double *m)
{
    size_t t = r->done;
    for (size_t s = 0; s < t; s++) m[s] = a * R[s] + b * r->weight[s] * C[s];
    if (t > 0) m[t - 1] += b * (r->newest[t] - r->weight[t - 1]) * C[t - 1];
}

/* ---- backward ---- */

/* C_g(t,s) = G_u(s).p + G_r(s).q, (M6), from the rows up to t; the second product is added by the caller for g^L. */
static void finish_C_g(kernel_rows *r, int l, const double *p, const double *q)
{
    size_t t = r->done, n = t + 1;
    double *C = row(r, rows_C_g(r, l), t), *y = r->work[3];
    kernel_triangle(rows_R_g(r, l), r->stride, n, p, C, NULL, NULL);
    if (q != NULL) {
        kernel_triangle(r->G_r[l], r->stride, n, q, y, NULL, NULL);
        cblas_daxpy((int)n, 1.0, y, 1, C, 1);
    } else {
        cblas_daxpy((int)n, r->variance[l] * r->G_sum[t], r->G_sum, 1, C, 1);
    }
    rows_diagonal_g(r, l)[t] = C[t];
}

/* p = sigma_{l-1}^2 C_{h,l-1} G_u[t], (M6). */
static void through_u(kernel_rows *r, int l, double *p)
{
    size_t t = r->done;
    correlate(r, rows_C_h(r, l - 1), rows_diagonal_h(r, l - 1), t, row(r, rows_R_g(r, l), t), p);
    cblas_dscal((int)t, r->variance[l - 1], p, 1);
    p[t] = 0.0;
}

/* g^L moves by c h^L a step, (L8), (M9): its rows follow from the rows before. */
static void backward_top(kernel_rows *r)
{
    size_t t = r->done;
    int L = r->depth;
    double *G_u = row(r, rows_R_g(r, L), t), *m = r->work[0], *p = r->work[1];
    if (t > 0) {
        cblas_dcopy((int)t, G_u - r->stride, 1, G_u, 1);
        cblas_daxpy((int)t, r->step * r->newest[t], row(r, r->H_u[L], t - 1), 1, G_u, 1);
    }
    if (t > 1 && r->flow)
        cblas_daxpy((int)t - 1, r->step * (r->weight[t - 2] - r->newest[t - 1]), row(r, r->H_u[L], t - 2), 1, G_u, 1);
    remember(r, 0.0, r->R_sum, r->step, r->R_sum, m);
    r->G_sum[t] = 1.0;
    for (size_t s = 0; s < t; s++) r->G_sum[t] += m[s];
    through_u(r, L, p);
    finish_C_g(r, L, p, NULL);
}

/* g^l for l < L, (L7): (M5), (M6). */
static void backward(kernel_rows *r, int l)
{
    size_t t = r->done, n = t + 1;
    double *G_u = row(r, rows_R_g(r, l), t), *G_r = row(r, r->G_r[l], t), *m = r->work[0], *p = r->work[1], *q = r->work[2];
    remember(r, r->variance[l], row(r, rows_R_g(r, l + 1), t), r->step, row(r, rows_C_g(r, l + 1), t), m);
    kernel_triangle(r->H_u[l], r->stride, t, NULL, NULL, m, G_u);
    kernel_triangle(rows_R_h(r, l), r->stride, t, NULL, NULL, m, G_r);
    G_r[t] = 1.0;
    through_u(r, l, p);
    correlate(r, rows_C_g(r, l + 1), rows_diagonal_g(r, l + 1), n, G_r, q);
    cblas_dscal((int)n, r->variance[l], q, 1);
    finish_C_g(r, l, p, q);
}

/* ---- the data ---- */

/* -K_v(t,s) of (L2) for s < t, and <v(t) r_0(b)> without the memory: -gain nu sigma_0^2 C_{g,1}(t,b), b <= t. */
static void remember_data(const kernel_rows *r, double *m, double *own)
{
    double *C = row(r, rows_C_g(r, 1), r->done), spread = r->width_ratio * r->variance[0];
    remember(r, -r->gain * spread, row(r, rows_R_g(r, 1), r->done), -r->rate, C, m);
    for (size_t b = 0; b <= r->done; b++) own[b] = -r->gain * spread * C[b];
}

/* v and Delta, (L2), (L5): (M10), (M11); `own` is zeta there. */
static void data_full(kernel_rows *r)
{
    size_t t = r->done, stride = r->stride;
    double *m = r->work[0], *own = r->work[1], *y = r->work[2], noise = r->label_noise;
    double *C_v = row(r, r->C[V], t), *C_Delta = row(r, r->C[DELTA], t), *R_v = row(r, r->R[V], t), *R_Delta = row(r, r->R[DELTA], t);
    double *v_r = row(r, r->v_r, t);
    remember_data(r, m, own);
    r->v_star[t] = 1.0 + dot(t, m, r->hat_star);

    kernel_triangle(r->R[DELTA], stride, t, NULL, NULL, m, R_v);
    cblas_daxpy((int)t, 1.0 / r->sample_ratio - 1.0, m, 1, R_v, 1);
    kernel_triangle(r->R[V_HAT], stride, t, own, C_Delta, m, v_r);
    v_r[t] = -r->gain;
    correlate(r, r->C[V_HAT], r->diagonal[V_HAT], t, m, y);
    for (size_t s = 0; s < t; s++) C_Delta[s] += r->hat_star[s] + y[s] + noise * r->noise[s];

    kernel_triangle(r->v_r, stride, t + 1, own, C_v, NULL, NULL);
    correlate(r, r->C[DELTA], r->diagonal[DELTA], t, m, y);
    y[t] = dot(t, m, C_Delta);
    double heard = noise * dot(t, m, r->noise);
    for (size_t s = 0; s <= t; s++) C_v[s] += r->v_star[s] + y[s] - heard;

    kernel_triangle(r->R[DELTA], stride, t, NULL, NULL, R_v, R_Delta);
    R_Delta[t] = 1.0;
    r->noise[t] = noise + dot(t, R_v, r->noise);
    C_Delta[t] = dot(t, R_v, C_Delta) + dot(t + 1, R_Delta, C_v);
    for (size_t s = 0; s <= t; s++) C_Delta[t] += R_Delta[s] * noise * noise;
    r->diagonal[V][t] = C_v[t];
    r->diagonal[DELTA][t] = C_Delta[t];
}

/* vhat, (L3): (M12). Leaves <vhat(t) v(s)> in `cross`. */
static void data_hat_full(kernel_rows *r)
{
    size_t t = r->done, n = t + 1;
    double *C_Delta = row(r, r->C[DELTA], t), *R_Delta = row(r, r->R[DELTA], t), *C_h = row(r, r->C[V_HAT], t), *R_h = row(r, r->R[V_HAT], t);
    double *x = r->work[0], *y = r->work[1];
    r->hat_star[t] = dot(n, R_Delta, r->v_star);
    for (size_t s = 0; s < n; s++) {
        r->cross[s] = C_Delta[s] - r->label_noise * r->noise[t];
        x[s] = r->sample_ratio * R_Delta[s];
    }
    x[t] += 1.0 - r->sample_ratio;
    kernel_triangle(r->R[DELTA], r->stride, n, r->cross, C_h, x, R_h);
    cblas_dscal((int)n, -r->gain, R_h, 1);
    correlate(r, r->C[DELTA], r->diagonal[DELTA], n, x, y);
    cblas_daxpy((int)n, 1.0 / r->sample_ratio, y, 1, C_h, 1);
    r->diagonal[V_HAT][t] = C_h[t];
}

/* One-pass SGD, and flow on the population: (L13), (M13). Here vhat = v + noise of the batch, and v responds to r_0 as vhat does. */
static void data_online(kernel_rows *r)
{
    size_t t = r->done, n = t + 1;
    double *C_v = row(r, r->C[V], t), *C_h = row(r, r->C[V_HAT], t), *R_v = row(r, r->R[V], t), *R_h = row(r, r->R[V_HAT], t);
    double *m = r->work[0], *own = r->work[1], *f = r->work[2], *y = r->work[3], *batch = r->diagonal[DELTA];
    double fresh = r->flow ? 0.0 : 1.0 / r->sample_ratio;
    remember_data(r, m, own);
    for (size_t b = 0; b < t; b++) f[b] = own[b] - fresh / r->gain * m[b] * batch[b];
    kernel_triangle(r->R[V_HAT], r->stride, t, f, C_v, m, R_h);
    R_h[t] = -r->gain;
    for (size_t s = 0; s < t; s++) R_v[s] = -R_h[s] / (r->gain * r->sample_ratio);
    correlate(r, r->C[V], r->diagonal[V], t, m, y);
    r->v_star[t] = r->hat_star[t] = 1.0 + dot(t, m, r->v_star);
    for (size_t s = 0; s < t; s++) C_v[s] += y[s] + r->v_star[s] - fresh * m[s] * batch[s];
    for (size_t s = 0; s < t; s++) C_h[s] = C_v[s] - fresh / r->gain * R_h[s] * batch[s];
    C_v[t] = r->v_star[t] + dot(n, own, R_h) + dot(t, m, C_h);

    r->diagonal[V][t] = C_v[t];
    batch[t] = row(r, r->C[DELTA], t)[t] = C_v[t] + r->label_noise * r->label_noise;
    row(r, r->R[DELTA], t)[t] = 1.0;
    r->diagonal[V_HAT][t] = C_h[t] = C_v[t] + fresh * batch[t];
    cblas_dcopy((int)n, C_v, 1, r->cross, 1);
}

/* ---- forward ---- */

/* Makes <h^l(t) g^l(s)> of the same of layer l-1 by the law (M7). */
static void cross_layer(kernel_rows *r, int l)
{
    size_t t = r->done;
    double *C = row(r, rows_C_h(r, l - 1), t), *learned = rows_C_g(r, l), *m = r->work[0], *z = r->work[1];
    if (l == 1)
        for (size_t s = 0; s <= t; s++) r->cross[s] = r->output * (r->hat_star[t] - r->cross[s]);
    remember(r, 0.0, C, r->step, C, m);
    kernel_triangle(learned, r->stride, t, NULL, NULL, m, z);
    cblas_daxpy((int)t, 1.0, z, 1, r->cross, 1);
    if (!r->flow) return;
    for (size_t s = 1; s < t; s++)
        r->cross[s] += r->step * (rows_kappa(r, t, s - 1) - r->newest[s]) * C[s - 1] * row(r, learned, s)[s - 1];
}

/* C_h and R_h of layer l from its H_u[t] = x and <h(t) g(s)>: (M8) and the last of (M5), both from one passage through the layer below. */
static void finish_h(kernel_rows *r, int l, const double *x)
{
    size_t t = r->done, n = t + 1;
    double *C = rows_C_h(r, l - 1), *diagonal = rows_diagonal_h(r, l - 1), *C_h = row(r, rows_C_h(r, l), t), *R_h = row(r, rows_R_h(r, l), t);
    double *f = r->work[0], *y = r->work[1], *z = r->work[2], variance = r->variance[l - 1], c = r->step;
    for (size_t s = 0; s < n; s++) f[s] = variance * x[s] + c * r->weight[s] * r->cross[s];
    kernel_triangle(C, r->stride, n, f, y, x, z);
    kernel_triangle(rows_R_h(r, l - 1), r->stride, n, r->cross, C_h, x, R_h);
    for (size_t s = 0; s < n; s++) {
        double later = z[s] - x[s] * diagonal[s]; /* x(b) C(b,s) over b > s */
        C_h[s] = variance * (C_h[s] + later) + y[s] - c * r->weight[s] * r->cross[s] * diagonal[s];
        R_h[s] = variance * R_h[s] + c * r->weight[s] * later;
    }
    for (size_t s = 1; r->flow && s < n; s++) { /* kappa(s,s-1) is not the weight that it becomes later */
        double extra = c * (r->newest[s] - r->weight[s - 1]) * row(r, C, s)[s - 1];
        C_h[s] += extra * r->cross[s - 1];
        R_h[s - 1] += extra * x[s];
    }
    rows_diagonal_h(r, l)[t] = C_h[t];
}

/* h^l, (L6). */
static void forward(kernel_rows *r, int l)
{
    size_t t = r->done;
    double *R = row(r, rows_R_h(r, l - 1), t), *H_u = row(r, r->H_u[l], t), *m = r->work[0];
    remember(r, r->variance[l - 1], R, r->step, row(r, rows_C_h(r, l - 1), t), m);
    m[t] = r->variance[l - 1] * R[t];
    kernel_triangle(rows_R_g(r, l), r->stride, t + 1, NULL, NULL, m, H_u);
    H_u[t] = 1.0;
    cross_layer(r, l);
    finish_h(r, l, H_u);
}

void kernel_rows_step(kernel_rows *r)
{
    int L = r->depth;
    if (r->done == r->rows) return;
    backward_top(r);
    for (int l = L - 1; l >= 1; l--) backward(r, l);
    if (r->online) {
        data_online(r);
    } else {
        data_full(r);
        data_hat_full(r);
    }
    for (int l = 1; l <= L; l++) forward(r, l);
    const double *R_h = row(r, rows_R_h(r, L), r->done);
    r->R_sum[r->done] = 0.0;
    for (size_t s = 0; s <= r->done; s++) r->R_sum[r->done] += R_h[s];
    r->done++;
}
