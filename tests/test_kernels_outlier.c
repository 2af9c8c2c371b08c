/* Outliers from kernels: (O1)-(O7) of doc/theory.md against dense eigenproblems, the basis form, closed forms and reference numbers. */
#include <check.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "model/model.h"
#include "outlier/basis.h"
#include "outlier/follow.h"
#include "suites.h"

static void assert_near(double value, double expected, double allowed, const char *what, long step)
{
    ck_assert_msg(fabs(value - expected) <= allowed, "%s at step %ld: %.15g, expected %.15g (difference %.2g, allowed %.2g)", what, step,
                  value, expected, fabs(value - expected), allowed);
}

/* ---- (O1) and (O5) once more, densely and literally ---- */

struct dense {
    size_t k, n; /* updates, order 2k */
    double variance, psi;
    const dmft_kernels *from;
    double *X, *Y, *XY; /* n x n, row after row */
    double *re, *im, *left, *right; /* of XY: eigenvalues, eigenvectors in rows */
    size_t count, index[64]; /* outliers in falling order */
    double size;             /* Frobenius norm of XY */
};

static double lower(const double *M, size_t stride, size_t i, size_t j) { return j <= i ? M[i * stride + j] : 0.0; }
static double mirrored(const double *M, size_t stride, size_t i, size_t j) { return j <= i ? M[i * stride + j] : M[j * stride + i]; }

/* [[v R^T, R^T d], [v C, v R + C d]] */
static double *block_matrix(const dmft_kernels *p, const double *R, const double *C)
{
    size_t k = p->count, n = 2 * k;
    double *X = numbers(n * n), v = p->sigma2;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            double r = lower(R, p->stride, i, j), rt = lower(R, p->stride, j, i), c = mirrored(C, p->stride, i, j), d = p->weight[j];
            X[i * n + j] = v * rt;
            X[i * n + k + j] = rt * d;
            X[(k + i) * n + j] = v * c;
            X[(k + i) * n + k + j] = v * r + c * d;
        }
    return X;
}

static void multiply(const double *M, size_t n, int transposed, const double *x, double *y)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < n; j++) sum += (transposed ? M[j * n + i] : M[i * n + j]) * x[j];
        y[i] = sum;
    }
}

static struct dense dense_of(const dmft_kernels *p)
{
    struct dense d = {.k = p->count, .n = 2 * p->count, .variance = p->sigma2, .psi = p->psi, .from = p};
    size_t n = d.n;
    d.X = block_matrix(p, p->R_g, p->C_g);
    d.Y = block_matrix(p, p->R_phi, p->C_phi);
    d.XY = numbers(n * n);
    d.left = numbers(n * n);
    d.right = numbers(n * n);
    d.re = numbers(n);
    d.im = numbers(n);
    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < n; m++)
            for (size_t j = 0; j < n; j++) d.XY[j * n + i] += d.X[i * n + m] * d.Y[m * n + j]; /* column-major for LAPACK */
    for (size_t i = 0; i < n * n; i++) d.size += d.XY[i] * d.XY[i];
    d.size = sqrt(d.size);
    if (n > 0) ck_assert_int_eq(LAPACKE_dgeev(LAPACK_COL_MAJOR, 'V', 'V', (int)n, d.XY, (int)n, d.re, d.im, d.left, (int)n, d.right, (int)n), 0);
    double last = INFINITY, edge = fmax(p->sigma2 / sqrt(p->psi), 0.0);
    for (;;) { /* the largest one below the last */
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (d.im[i] == 0.0 && d.re[i] > edge && d.re[i] < last && (best == n || d.re[i] > d.re[best])) best = i;
        if (best == n || d.count == 64 || d.re[best] < 1e-13 * d.re[d.count > 0 ? d.index[0] : best]) break;
        d.index[d.count++] = best;
        last = d.re[best];
    }
    return d;
}

static void dense_free(struct dense *d)
{
    free(d->X);
    free(d->Y);
    free(d->XY);
    free(d->left);
    free(d->right);
    free(d->re);
    free(d->im);
}

/* What LAPACK's dgeev leaves of z: a backward error of lambda^2 of 1e-15 |XY|, beside `relative`. */
static double allowed(const struct dense *d, double z, double relative) { return relative * z + 1e-14 * d->size / z; }

static double z_of(double root, double v, double psi) { return sqrt((psi * root + v) * (root + v) / root); }

/* (O5) as it stands: left and right eigenvectors of T(z). */
struct literal {
    double z, a, b, n;
    double *r1, *r2, *l1, *l2; /* (rho, p), (tau, q) */
};

static struct literal literal_of(const struct dense *d, size_t j)
{
    size_t n = d->n;
    double v = d->variance, psi = d->psi, root = d->re[d->index[j]], D = 1.0 / (psi * root);
    struct literal x = {.z = z_of(root, v, psi), .r1 = numbers(n), .r2 = numbers(n), .l1 = numbers(n), .l2 = numbers(n)};
    double dD = 2.0 * x.z * D / (2.0 * v * v * psi * D - x.z * x.z + v * (1.0 + psi));
    x.a = (1.0 + v * D) / x.z;
    x.b = (1.0 + v * psi * D) / x.z;
    double da = (v * dD - x.a) / x.z, db = (v * psi * dD - x.b) / x.z;
    double *on_x = numbers(n), *on_y = numbers(n);
    memcpy(x.r1, d->right + d->index[j] * n, n * sizeof *x.r1);
    memcpy(x.l1, d->left + d->index[j] * n, n * sizeof *x.l1);
    multiply(d->Y, n, 0, x.r1, x.r2);
    multiply(d->X, n, 1, x.l1, x.l2);
    for (size_t i = 0; i < n; i++) {
        x.r2[i] *= x.b * psi;
        x.l2[i] *= x.a;
    }
    multiply(d->X, n, 0, x.r2, on_x);
    multiply(d->Y, n, 0, x.r1, on_y);
    for (size_t i = 0; i < n; i++) x.n -= da * x.l1[i] * on_x[i] + db * psi * x.l2[i] * on_y[i];
    free(on_x);
    free(on_y);
    return x;
}

static void literal_free(struct literal *x)
{
    free(x->r1);
    free(x->r2);
    free(x->l1);
    free(x->l2);
}

/* l_1 . (a R^gT e_c, a C^g e_c) and l_2 . (b R^phiT e_c, b C^phi e_c) */
static double source(const struct dense *d, const struct literal *x, size_t c, int of_phi)
{
    const dmft_kernels *p = d->from;
    const double *R = of_phi ? p->R_phi : p->R_g, *C = of_phi ? p->C_phi : p->C_g, *l = of_phi ? x->l2 : x->l1;
    double sum = 0.0;
    for (size_t i = 0; i < d->k; i++) sum += l[i] * lower(R, p->stride, c, i) + l[d->k + i] * mirrored(C, p->stride, i, c);
    return (of_phi ? x->b : x->a) * sum;
}

/* (g_d.A)(A.g_c)/M, (phi_d.B)(B.phi_c)/N and, of (R2.1), (phi_d.B)(A.g_c)/N */
static double left_product(const struct dense *d, const struct literal *x, size_t i, size_t c) { return 2.0 * x->r1[d->k + i] * source(d, x, c, 0) / x->n; }
static double right_product(const struct dense *d, const struct literal *x, size_t i, size_t c) { return 2.0 * x->r2[d->k + i] * source(d, x, c, 1) / x->n; }
static double mixed_product(const struct dense *d, const struct literal *x, size_t i, size_t c) { return 2.0 * x->r2[d->k + i] * source(d, x, c, 0) / x->n; }

/* (O5') as it stands. */
static double target_product(const struct dense *d, const struct literal *x, const double *m)
{
    double first = 0.0, second = 0.0;
    for (size_t c = 0; c < d->k; c++) {
        first += m[c] * (d->variance * x->r1[c] + d->from->weight[c] * x->r1[d->k + c]);
        second += m[c] * x->l2[d->k + c];
    }
    return 2.0 * x->b * d->psi * first * x->b * second / x->n;
}

/* ---- problems ---- */

static struct setting runs[] = {
    {"deep_linear_a", 2, 0.5, 8.48528137423857, {0.25, 0.25, 0.25}, 4.0, 0.0, 0.02, MUP, FULL, 36},
    {"deep_linear_b", 3, 1.5, 2.4, {0.5, 0.5, 0.5, 0.5}, 1.5, 0.2, 0.05, MUP, FULL, 36},
    {"deep_linear_c", 2, 1.0, 4.0, {1.0, 1.0, 1.0}, 2.0, 0.3, 0.05, NTK, FULL, 36},
    {"deep_linear_online", 2, 1.0, 4.0, {0.5, 0.5, 0.5}, 0.5, 0.3, 0.02, MUP, ONLINE, 36},
    {"noisy batches", 2, 2.385, 6.0, {0.1, 0.1, 0.1}, 0.4, 0.7, 0.05, MUP, ONLINE, 32},
    {"wide", 1, 2.385, 6.0, {0.02, 0.02}, 0.8, 0.5, 0.1, MUP, FULL, 32},
    {"first negative", 1, 0.15246, 2.47555, {0.06373, 0.9039}, 0.52737, 0.0, 0.013309, MUP, ONLINE, 27}, /* leads with -.1 .. -.04 of the edge, then a pair */
    {"no bulk", 2, 0.8, 2.0, {0.0, 0.6, 0.5}, 1.7, 0.3, 0.05, MUP, FULL, 16},
};
enum { RUNS = sizeof runs / sizeof *runs };

/* gamma sqrt(nu) and c of (C7) */
static double scale_of(const struct setting *s) { return s->gamma0 * (s->parameterization == MUP ? sqrt(s->width_ratio) : 1.0); }
static double step_of(const struct setting *s) { return s->learning_rate * scale_of(s) / sqrt(s->width_ratio); }

/* m_c = <vhat_c w*>, by (O5') row after row. */
static double *target_of(const struct setting *s, const slow_kernels *k)
{
    size_t T = (size_t)k->steps;
    double *m = numbers(T), *v = numbers(T), on_response = sqrt(s->width_ratio) * s->variance[0] / scale_of(s);
    for (size_t t = 0; t < T; t++) {
        v[t] = 1.0;
        for (size_t i = 0; i < t; i++) v[t] -= (on_response * k->R_g[1][t * T + i] + s->learning_rate * k->C_g[1][t * T + i]) * m[i];
        for (size_t i = 0; i <= t; i++) m[t] += k->R_Delta[t * T + i] * v[i];
    }
    free(v);
    return m;
}

/* The kernels of A_l after `updates` updates, with a query behind them when `query`; `weight` has room for all. */
static dmft_kernels kernels_of(const struct setting *s, const slow_kernels *k, int l, size_t updates, int query, double *weight, const double *m)
{
    for (size_t i = 0; i < updates + (size_t)query; i++) weight[i] = i < updates ? step_of(s) : 0.0;
    return (dmft_kernels){.count = updates + (size_t)query,
                          .stride = (size_t)k->steps,
                          .C_phi = k->C_h[l],
                          .R_phi = k->R_h[l],
                          .C_g = k->C_g[l + 1],
                          .R_g = k->R_g[l + 1],
                          .weight = weight,
                          .target = l == 0 ? m : NULL,
                          .sigma2 = s->variance[l],
                          .psi = l == 0 ? s->width_ratio : 1.0,
                          .whole = 1};
}

static dmft_outliers *outliers_of(const dmft_kernels *p, size_t most)
{
    dmft_outliers *o = NULL;
    dmft_error err = {.text = ""};
    int status = dmft_outliers_create(&o, p, most, &err);
    ck_assert_msg(status == DMFT_OK, "%zu events: %s", p->count, err.text);
    return o;
}

/* Products of two signed numbers a_i b_j, of size at most `size`. */
static double check_product(double given, double expected, double size, const char *what, long step)
{
    assert_near(given, expected, 1e-7 * size + 1e-13, what, step);
    return size > 0.0 ? fabs(given - expected) / size : 0.0; /* where it is 0 both are */
}

static double check_outlier(const dmft_kernels *p, const struct dense *d, const dmft_outliers *o, size_t j, long step)
{
    struct literal x = literal_of(d, j);
    const double *left = dmft_outliers_left(o, j), *right = dmft_outliers_right(o, j);
    size_t k = p->count, some[3] = {0, k / 2, k - 1}; /* the first, one between, the query */
    double worst = 0.0;
    for (size_t i = 0; i < 3; i++)
        for (size_t c = 0; c < 3; c++) {
            size_t a = some[i], b = some[c];
            double g = sqrt(p->C_g[a * p->stride + a] * p->C_g[b * p->stride + b]), phi = sqrt(p->C_phi[a * p->stride + a] * p->C_phi[b * p->stride + b]);
            double both = sqrt(p->psi * p->C_phi[a * p->stride + a] * p->C_g[b * p->stride + b]);
            worst = fmax(worst, check_product(left[a] * left[b], left_product(d, &x, a, b), g, "(g.A)(A.g)/M", step));
            worst = fmax(worst, check_product(right[a] * right[b], right_product(d, &x, a, b), phi, "(phi.B)(B.phi)/N", step));
            worst = fmax(worst, check_product(sqrt(p->psi) * right[a] * left[b], mixed_product(d, &x, a, b), both, "(phi.B)(A.g)/N", step));
            if (a == b) (void)check_product(dmft_outliers_drift(o, j, a), mixed_product(d, &x, a, a), both, "dz/dd", step);
        }
    if (p->target != NULL) (void)check_product(dmft_outliers_target_overlap(o, j), target_product(d, &x, p->target), 1.0, "cos^2(B, w*)", step);
    else ck_assert(isnan(dmft_outliers_target_overlap(o, j)));
    literal_free(&x);
    return worst;
}

START_TEST(every_step_against_dense_eigenvalues)
{
    struct setting setting = shrunk_setting(&runs[_i]), *s = &setting;
    size_t T = (size_t)s->steps, seen = 0;
    slow_kernels *k = slow_of(s, (int)T);
    double *m = target_of(s, k), *weight = numbers(T), of_z = 0.0, of_overlaps = 0.0;
    for (int l = 0; l < s->depth; l++)
        for (size_t t = 0; t < T; t++) {
            dmft_kernels p = kernels_of(s, k, l, t, 1, weight, m);
            struct dense d = dense_of(&p);
            size_t most = d.count + 2 < T ? d.count + 2 : T;
            if (most > 6) most = 6;
            dmft_outliers *o = outliers_of(&p, most);
            for (size_t j = 0; j < most && j < d.count + 1; j++) {
                if (j < d.count && d.re[d.index[j]] < 1e-12 * d.size) break; /* without a bulk they end in rounding errors */
                if (j == d.count && p.sigma2 == 0.0) break;
                ck_assert_msg((j < dmft_outliers_count(o)) == (j < d.count), "%s, A_%d, step %zu: %zu outliers, expected %zu", s->name, l, t,
                              dmft_outliers_count(o), d.count);
                if (j == d.count) break;
                seen++;
                double z = z_of(d.re[d.index[j]], p.sigma2, p.psi);
                assert_near(dmft_outliers_z(o, j), z, allowed(&d, z, 1e-12), s->name, (long)t);
                of_z = fmax(of_z, fabs(dmft_outliers_z(o, j) / z - 1.0));
                if (d.re[d.index[j]] > 1e-6 * d.size) /* else dgeev's vectors are not good enough */
                    of_overlaps = fmax(of_overlaps, check_outlier(&p, &d, o, j, (long)t));
            }
            dmft_outliers_free(o);
            dense_free(&d);
        }
    printf("kernels, %s: %zu outliers, z to %.1e, overlaps to %.1e\n", s->name, seen, of_z, of_overlaps);
    ck_assert_uint_gt(seen, 0);
    free(m);
    free(weight);
    slow_free(k);
}
END_TEST

/* ---- followed from step to step ---- */

static struct outlier_source source_of(const dmft_kernels *p, size_t rows)
{
    return (struct outlier_source){.C_phi = p->C_phi, .R_phi = p->R_phi, .C_g = p->C_g, .R_g = p->R_g, .rows = rows, .stride = p->stride,
                                   .target = p->target, .sigma2 = p->sigma2, .psi = p->psi};
}

static struct outlier_state follow_to(outlier_follow *f, size_t t, const double *d)
{
    struct outlier_state s;
    dmft_error err = {.text = ""};
    int status = outlier_follow_step(f, t, d, (double)t, 0.0, &s, &err);
    ck_assert_msg(status == DMFT_OK, "step %zu: %s", t, err.text);
    return s;
}

/* lambda^2 over that of the edge, less 1: without a bulk infinite. */
static double beyond_edge(const struct dense *d, size_t i)
{
    return d->variance > 0.0 ? d->re[i] * sqrt(d->psi) / d->variance - 1.0 : INFINITY;
}

/* (O11) from dense eigenvalues: how far the j-th real one is beyond the edge at the last step, and where that passed zero. */
struct escape {
    double before, time;
    long step; /* 0: not yet */
};

static void look_for_escape(struct escape *e, const struct dense *d, size_t j, long step)
{
    double x = j < d->count ? beyond_edge(d, d->index[j]) : NAN, below = NAN;
    for (size_t i = 0; i < d->n; i++) { /* the largest real ones below the edge, behind the outliers */
        size_t larger = 0;
        for (size_t c = 0; c < d->n; c++) larger += d->im[c] == 0.0 && d->re[c] > d->re[i];
        if (d->im[i] == 0.0 && d->re[i] > 0.0 && larger == j) below = beyond_edge(d, i);
    }
    if (isgreater(x, 0.0) && e->step == 0) {
        e->step = step;
        e->time = isless(e->before, 0.0) ? (double)step - 1.0 + e->before / (e->before - x) : (double)step;
    }
    e->before = isgreater(x, 0.0) ? x : below;
}

START_TEST(following_against_dense_eigenvalues)
{
    enum { COUNT = 2 };
    struct setting setting = shrunk_setting(&runs[_i / 3]), *s = &setting;
    size_t T = (size_t)s->steps, every = _i % 3 == 0 ? 1 : _i % 3 == 1 ? 4 : 9;
    slow_kernels *k = slow_of(s, (int)T);
    double *m = target_of(s, k), *weight = numbers(T), of_z = 0.0, difference = NAN;
    long products = 0;
    for (int l = 0; l < s->depth; l++) {
        dmft_kernels whole = kernels_of(s, k, l, T - 1, 1, weight, m);
        struct outlier_source source = source_of(&whole, T);
        struct escape escape[COUNT] = {{0}};
        outlier_follow *f = NULL;
        ck_assert_int_eq(outlier_follow_create(&f, &source, COUNT, NULL), DMFT_OK);
        for (size_t t = 0; t < T; t += every) {
            dmft_kernels p = kernels_of(s, k, l, t, 1, weight, m);
            struct dense d = dense_of(&p);
            struct outlier_state o = follow_to(f, t, weight);
            for (size_t j = 0; j < COUNT; j++) {
                look_for_escape(&escape[j], &d, j, (long)t);
                ck_assert_msg(isnan(o.z[j]) == (j >= d.count), "%s, A_%d, step %zu: outlier %zu is %g, of %zu", s->name, l, t, j, o.z[j], d.count);
                if (j >= d.count) continue;
                double z = z_of(d.re[d.index[j]], p.sigma2, p.psi);
                assert_near(o.z[j], z, allowed(&d, z, 1e-11), s->name, (long)t);
                of_z = fmax(of_z, fabs(o.z[j] / z - 1.0));
            }
            if (d.count > 0) {
                struct literal x = literal_of(&d, 0);
                double g = p.C_g[t * p.stride + t], phi = p.C_phi[t * p.stride + t];
                assert_near(o.left_overlap, left_product(&d, &x, t, t), 1e-6 * g, "left overlap", (long)t);
                assert_near(o.right_overlap, right_product(&d, &x, t, t), 1e-6 * phi, "right overlap", (long)t);
                if (m != NULL && l == 0) assert_near(o.target_overlap, target_product(&d, &x, m), 1e-6, "target overlap", (long)t);
                literal_free(&x);
            } else
                ck_assert(isnan(o.left_overlap) && isnan(o.right_overlap) && isnan(o.target_overlap));
            dense_free(&d);
        }
        for (size_t j = 0; j < COUNT && every == 1 && s->variance[l] > 0.0; j++) {
            struct outlier_escape e = outlier_follow_escape(f, j);
            ck_assert_int_eq(e.step, escape[j].step == 0 ? -1 : escape[j].step);
            if (escape[j].step > 0) assert_near(e.time, escape[j].time, 1e-7 * e.time, "escape time", e.step);
        }
        double inside = NAN;
        ck_assert_int_eq(outlier_follow_difference(f, &inside, NULL), DMFT_OK);
        if (every == 1) difference = fmax(isnan(difference) ? 0.0 : difference, isnan(inside) ? 0.0 : inside);
        products += outlier_follow_products(f);
        outlier_follow_free(f);
    }
    printf("following, %s, every %zu: %.1f products a step and matrix, z to %.1e, ODE inside steps %.1e\n", s->name, every,
           (double)products * (double)every / (double)(T * (size_t)s->depth), of_z, difference);
    free(m);
    free(weight);
    slow_free(k);
}
END_TEST

/* Without a bulk, more asked for than there is: the rest is nilpotent up to rounding errors, of 52 events in 104 dimensions. */
START_TEST(more_asked_for_than_rank)
{
    struct setting s = {"rank four", 2, 0.330868, 0.542026, {0.0, 1.17445, 0.339855}, 1.868322, 1.0, 0.080952, MUP, ONLINE, 53};
    slow_kernels *k = slow_of(&s, (int)s.steps);
    double *weight = numbers((size_t)s.steps);
    for (size_t t = 0; t < (size_t)s.steps; t++) {
        dmft_kernels p = kernels_of(&s, k, 0, t, 1, weight, NULL);
        struct dense d = dense_of(&p);
        dmft_outliers *o = outliers_of(&p, 8);
        for (size_t j = 0; j < 8 && j < d.count && d.re[d.index[j]] > 1e-12 * d.size; j++) {
            double z = z_of(d.re[d.index[j]], p.sigma2, p.psi);
            assert_near(dmft_outliers_z(o, j), z, allowed(&d, z, 1e-11), s.name, (long)t);
        }
        dmft_outliers_free(o);
        dense_free(&d);
    }
    free(weight);
    slow_free(k);
}
END_TEST

/* ---- the basis form ---- */

/* (B4)-(B8) and (O1)-(O5') at every step of the same run. */
START_TEST(kernels_and_basis_agree)
{
    struct setting setting = shrunk_setting(&runs[_i]), *s = &setting;
    size_t T = (size_t)s->steps, seen = 0;
    slow_kernels *k = slow_of(s, (int)T);
    double *m = target_of(s, k), *weight = numbers(T), worst[4] = {0.0};
    dmft_problem problem = problem_of(s);
    void *state = NULL;
    const struct model_matrix *matrix;
    outlier_basis *basis[MOST_LAYERS];
    ck_assert_int_eq(model_deep_linear.create(&state, &problem, NULL), DMFT_OK);
    size_t matrices = model_deep_linear.matrices(state, &matrix);
    for (size_t l = 0; l < matrices; l++) ck_assert_int_eq(outlier_basis_create(&basis[l], matrix[l].A, matrix[l].target, 2, NULL), DMFT_OK);
    for (size_t t = 0; t < T; t++) {
        ck_assert_int_eq(model_deep_linear.reserve(state, NULL), DMFT_OK);
        model_deep_linear.evaluate(state);
        for (size_t l = 0; l < matrices; l++) {
            struct outlier_state b;
            dmft_kernels p = kernels_of(s, k, (int)l, t, 1, weight, m);
            dmft_outliers *o = outliers_of(&p, 2);
            ck_assert_int_eq(outlier_basis_step(basis[l], (long)t, &b, NULL), DMFT_OK);
            double scale[2] = {p.C_g[t * T + t], p.C_phi[t * T + t]}, both = sqrt(p.psi * scale[0] * scale[1]);
            for (size_t j = 0; j < 2; j++) {
                double z = dmft_outliers_z(o, j);
                if (isless(z, 1e-3 * dmft_outliers_z(o, 0))) continue; /* without a bulk: lambda^2 has the rounding errors of the largest */
                ck_assert_msg(isnan(z) == isnan(b.z[j]), "%s, A_%zu, step %zu: %.15g and %.15g", s->name, l, t, z, b.z[j]);
                if (isnan(z)) continue;
                assert_near(z, b.z[j], 1e-8 * z, s->name, (long)t);
                worst[0] = fmax(worst[0], fabs(z / b.z[j] - 1.0));
                seen++;
            }
            if (dmft_outliers_count(o) > 0) {
                double left = dmft_outliers_left(o, 0)[t], right = dmft_outliers_right(o, 0)[t];
                assert_near(left * left, b.left_overlap, 1e-7 * scale[0], "left overlap", (long)t);
                assert_near(right * right, b.right_overlap, 1e-7 * scale[1], "right overlap", (long)t);
                assert_near(dmft_outliers_drift(o, 0, t), b.drift, 1e-7 * both, "drift", (long)t);
                if (l == 0) assert_near(dmft_outliers_target_overlap(o, 0), b.target_overlap, 1e-7, "target overlap", (long)t);
                worst[1] = fmax(worst[1], fabs(left * left - b.left_overlap) / scale[0]);
                worst[2] = fmax(worst[2], fabs(right * right - b.right_overlap) / scale[1]);
                worst[3] = fmax(worst[3], fabs(dmft_outliers_drift(o, 0, t) - b.drift) / both);
            }
            dmft_outliers_free(o);
        }
        model_deep_linear.update(state);
    }
    printf("kernels and basis, %s: %zu outliers, z %.1e, overlaps %.1e, %.1e, drift %.1e\n", s->name, seen, worst[0], worst[1], worst[2], worst[3]);
    ck_assert_uint_gt(seen, 0);
    for (size_t l = 0; l < matrices; l++) outlier_basis_free(basis[l]);
    model_deep_linear.free(state);
    free(m);
    free(weight);
    slow_free(k);
}
END_TEST

/* ---- closed forms ---- */

/* (P2), (P3) of spikes on orthonormal vectors that do not depend on A, with queries between them. */
START_TEST(independent_spikes)
{
    static const double psis[] = {0.5, 1.0, 2.0, 2.385}, strengths[] = {3.0, 0.0, -1.2, 0.99, 0.0, 30.0, 1.01};
    enum { K = sizeof strengths / sizeof *strengths };
    static const size_t order[] = {5, 0, 2, 6}; /* by strength */
    double psi = psis[_i % 4], v = _i < 4 ? 0.7 : 0.0, threshold = _i < 4 ? sqrt(v) * pow(psi, 0.25) : 1.0;
    double C[K * K] = {0.0}, R[K * K] = {0.0}, d[K], target[K] = {0.0};
    for (size_t i = 0; i < K; i++) {
        C[i * K + i] = 1.0;
        d[i] = strengths[i] * threshold / sqrt(psi);
    }
    target[5] = 0.6;
    dmft_kernels p = {.count = K, .stride = K, .C_phi = C, .R_phi = R, .C_g = C, .R_g = R, .weight = d, .target = target, .sigma2 = v, .psi = psi, .whole = 1};
    dmft_outliers *o = outliers_of(&p, K);
    ck_assert_uint_eq(dmft_outliers_count(o), v > 0.0 ? 4 : 5);
    for (size_t j = 0; j < 4; j++) {
        double t2 = strengths[order[j]] * strengths[order[j]] * threshold * threshold, gap = t2 * t2 - psi * v * v;
        double z = sqrt((t2 + v) * (t2 + psi * v) / t2), left = sqrt(gap / (t2 * (t2 + psi * v))), right = sqrt(gap / (t2 * (t2 + v)));
        assert_near(dmft_outliers_z(o, j), z, 1e-12 * z, "z", (long)j);
        for (size_t c = 0; c < K; c++) {
            assert_near(fabs(dmft_outliers_left(o, j)[c]), c == order[j] ? left : 0.0, 1e-9, "left", (long)c);
            assert_near(fabs(dmft_outliers_right(o, j)[c]), c == order[j] ? right : 0.0, 1e-9, "right", (long)c);
        }
        double sign = d[order[j]] < 0.0 ? -1.0 : 1.0;
        assert_near(dmft_outliers_drift(o, j, order[j]), sign * sqrt(psi) * left * right, 1e-9, "drift", (long)j);
        assert_near(dmft_outliers_growth(o, j, order[j]), 2.0 / d[order[j]], 1e-9 * fabs(2.0 / d[order[j]]), "growth of d^2", (long)j);
        assert_near(dmft_outliers_target_overlap(o, j), order[j] == 5 ? 0.36 * right * right : 0.0, 1e-9, "target", (long)j);
    }
    dmft_outliers_free(o);
}
END_TEST

/* Equal spikes: equal eigenvalues. */
START_TEST(equal_spikes)
{
    double C[16] = {0.0}, R[16] = {0.0}, d[4] = {2.0, 0.1, 2.0, 2.0};
    for (size_t i = 0; i < 4; i++) C[i * 5] = 1.0;
    dmft_kernels p = {.count = 4, .stride = 4, .C_phi = C, .R_phi = R, .C_g = C, .R_g = R, .weight = d, .sigma2 = 1.0, .psi = 1.0};
    dmft_outliers *o = outliers_of(&p, 4);
    ck_assert_uint_eq(dmft_outliers_count(o), 3);
    for (size_t j = 0; j < 3; j++) assert_near(dmft_outliers_z(o, j), 2.5, 1e-12, "z", (long)j);
    dmft_outliers_free(o);
}
END_TEST

/* No events, one event, one that depends on A as (R5.2) of one large step does: lambda^2 = d^2 C + 2 d sigma^2 R. */
START_TEST(the_smallest_cases)
{
    dmft_kernels none = {.sigma2 = 1.0, .psi = 0.5};
    dmft_outliers *o = outliers_of(&none, 3);
    ck_assert_uint_eq(dmft_outliers_count(o), 0);
    ck_assert(isnan(dmft_outliers_z(o, 0)) && dmft_outliers_left(o, 0) == NULL && isnan(dmft_outliers_drift(o, 0, 0)));
    assert_near(dmft_outliers_edge(o), 1.0 + sqrt(0.5), 1e-15, "edge", 0);
    dmft_outliers_free(o);
    double C_phi = 1.7, R_phi = -0.4, C_g = 1.0, R_g = 0.0, d = 2.3;
    dmft_kernels one = {.count = 1, .stride = 1, .C_phi = &C_phi, .R_phi = &R_phi, .C_g = &C_g, .R_g = &R_g, .weight = &d, .sigma2 = 1.0, .psi = 0.5};
    o = outliers_of(&one, 3);
    ck_assert_uint_eq(dmft_outliers_count(o), 1);
    assert_near(dmft_outliers_root(o, 0), d * d * C_phi + 2.0 * d * R_phi, 1e-12, "lambda^2", 1);
    dmft_outliers_free(o);
    o = outliers_of(&one, 0);
    ck_assert_uint_eq(dmft_outliers_count(o), 0);
    dmft_outliers_free(o);
}
END_TEST

/* ---- other kernels than those of training ---- */

/* Questions phi_a = xi_a + sum_{b<a} alpha_ab A^T g_b, g_a = zeta_a + sum_{b<=a} beta_ab A phi_b with random coefficients and independent xi,
 * zeta. By (C11), (C12) phi = xi + alpha (r + v psi R^g phi), g = zeta + beta (u + v R^phi g), a march in a. */
struct answers {
    size_t k;
    double *C_phi, *R_phi, *C_g, *R_g, *d;
    double *on_xi, *on_zeta; /* coefficients of phi on xi and of g on zeta */
};

static double uniform(unsigned long long *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(*state >> 11) * 0x1p-52 - 1.0;
}

/* Row a of `on` and of R, from alpha: on_a = 1_a + sum memory_b on_b .., R_a = alpha_a + memory R. */
static void march_row(size_t k, size_t a, const double *coefficient, const double *back, double strength, double *on, double *R)
{
    for (size_t j = 0; j < k; j++) R[a * k + j] = coefficient[j];
    on[a * k + a] = 1.0;
    for (size_t b = 0; b <= a; b++)
        for (size_t c = 0; c < a; c++) { /* coefficient_b strength back_bc of the answer to b is vector c of this side */
            double memory = coefficient[b] * strength * back[b * k + c];
            for (size_t j = 0; j < k; j++) {
                on[a * k + j] += memory * on[c * k + j];
                R[a * k + j] += memory * R[c * k + j];
            }
        }
}

/* C_ab = on on^T + scale R other R^T */
static void covariance(size_t k, size_t a, const double *on, const double *R, const double *other, double scale, double *C)
{
    for (size_t b = 0; b <= a; b++) {
        double sum = 0.0;
        for (size_t i = 0; i < k; i++) {
            sum += on[a * k + i] * on[b * k + i];
            for (size_t j = 0; j < k; j++) sum += scale * R[a * k + i] * other[i * k + j] * R[b * k + j];
        }
        C[a * k + b] = C[b * k + a] = sum;
    }
}

static struct answers random_answers(size_t k, double v, double psi, unsigned long long seed)
{
    struct answers x = {k, numbers(k * k), numbers(k * k), numbers(k * k), numbers(k * k), numbers(k), numbers(k * k), numbers(k * k)};
    double *row = numbers(k);
    for (size_t a = 0; a < k; a++) {
        for (size_t b = 0; b < k; b++) row[b] = b < a ? 0.6 * uniform(&seed) / sqrt((double)(a + 1)) : 0.0;
        march_row(k, a, row, x.R_g, v * psi, x.on_xi, x.R_phi);
        covariance(k, a, x.on_xi, x.R_phi, x.C_g, v * psi, x.C_phi);
        for (size_t b = 0; b < k; b++) row[b] = b <= a ? 0.6 * uniform(&seed) / sqrt((double)(a + 1)) : 0.0;
        march_row(k, a, row, x.R_phi, v, x.on_zeta, x.R_g);
        covariance(k, a, x.on_zeta, x.R_g, x.C_phi, v, x.C_g);
        x.d[a] = a % 3 == 1 ? 0.0 : 1.5 * uniform(&seed);
    }
    free(row);
    return x;
}

static void free_answers(struct answers *x)
{
    double *const all[] = {x->C_phi, x->R_phi, x->C_g, x->R_g, x->d, x->on_xi, x->on_zeta};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

START_TEST(random_answers_against_dense_eigenvalues)
{
    static const double psis[] = {0.3, 1.0, 2.385};
    size_t k = 3 + 7 * (size_t)(_i / 3), seen = 0;
    double v = 0.5, psi = psis[_i % 3], worst = 0.0;
    for (unsigned long long seed = 1; seed <= 4; seed++) {
        struct answers x = random_answers(k, v, psi, seed);
        dmft_kernels p = {.count = k, .stride = k, .C_phi = x.C_phi, .R_phi = x.R_phi, .C_g = x.C_g, .R_g = x.R_g, .weight = x.d};
        p.sigma2 = v;
        p.psi = psi;
        p.whole = 1;
        struct dense d = dense_of(&p);
        for (size_t i = 0; i < d.n; i++) /* all that is outside of the disc is real: (O2) */
            if (hypot(d.re[i], d.im[i]) > v / sqrt(psi) * (1.0 + 1e-9)) ck_assert_msg(fabs(d.im[i]) < 1e-9 && d.re[i] > 0.0, "(%g, %g)", d.re[i], d.im[i]);
        dmft_outliers *o = outliers_of(&p, k);
        ck_assert_uint_eq(dmft_outliers_count(o), d.count);
        for (size_t j = 0; j < d.count; j++, seen++) {
            double z = z_of(d.re[d.index[j]], v, psi);
            assert_near(dmft_outliers_z(o, j), z, 1e-10 * z, "z", (long)j);
            worst = fmax(worst, check_outlier(&p, &d, o, j, (long)j));
        }
        /* upper triangles are not read unless they are said to be there */
        for (size_t i = 0; i < k; i++)
            for (size_t j = i + 1; j < k; j++) x.C_phi[i * k + j] = x.R_phi[i * k + j] = x.C_g[i * k + j] = x.R_g[i * k + j] = NAN;
        p.whole = 0;
        dmft_outliers *again = outliers_of(&p, k);
        for (size_t j = 0; j < d.count; j++) ck_assert(dmft_outliers_z(again, j) == dmft_outliers_z(o, j));
        dmft_outliers_free(again);
        dmft_outliers_free(o);
        dense_free(&d);
        free_answers(&x);
    }
    printf("random answers, %zu events, psi %g: %zu outliers, overlaps to %.1e\n", k, psi, seen, worst);
    ck_assert_uint_gt(seen, 0);
}
END_TEST

/* ---- the outlier ODE ---- */

START_TEST(the_reference_table_from_kernels)
{
    struct setting *s = &runs[0];
    const char *root = getenv("DMFT_SRCDIR");
    char path[4096], line[512];
    (void)snprintf(path, sizeof path, "%s/tests/reference/rmt_outlier_ode_a.csv", root != NULL ? root : ".");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    slow_kernels *k = slow_of(s, 42);
    double weight[42], worst = 0.0;
    int rows = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        long step;
        int layer;
        double e[4];
        if (sscanf(line, "%ld,%d,%lf,%lf,%lf,%lf", &step, &layer, &e[0], &e[1], &e[2], &e[3]) != 6) continue;
        ck_assert_int_lt(step, 42);
        dmft_kernels p = kernels_of(s, k, layer, (size_t)step, 1, weight, NULL);
        dmft_outliers *o = outliers_of(&p, 1);
        double left = dmft_outliers_left(o, 0)[step], right = dmft_outliers_right(o, 0)[step];
        double given[4] = {dmft_outliers_z(o, 0), dmft_outliers_drift(o, 0, (size_t)step), left * left, right * right};
        for (int i = 0; i < 4; i++) {
            assert_near(given[i], e[i], 1e-6 * fabs(e[i]), "a column of rmt_outlier_ode_a", step);
            worst = fmax(worst, fabs(given[i] / e[i] - 1.0));
        }
        dmft_outliers_free(o);
        rows++;
    }
    (void)fclose(file);
    ck_assert_int_eq(rows, 67);
    printf("rmt_outlier_ode_a from kernels: %d rows, largest relative error %.1e\n", rows, worst);
    slow_free(k);
}
END_TEST

/* Inside every step of both matrices: z after less z before is the integral of the drift. */
START_TEST(inside_a_step_the_ode_is_exact)
{
    struct setting setting = shrunk_setting(&runs[_i]), *s = &setting;
    if (s->learning_rate > 0.04 && s->batch == ONLINE) s->learning_rate = 0.04; /* four points are no more than that */
    size_t T = (size_t)s->steps, seen = 0;
    slow_kernels *k = slow_of(s, (int)T);
    double *weight = numbers(T), worst = 0.0, sum = 0.0;
    for (int l = 0; l < s->depth; l++)
        for (size_t t = 2; t < T; t += 3) {
            dmft_kernels before = kernels_of(s, k, l, t - 1, 0, weight, NULL);
            dmft_outliers *o = outliers_of(&before, 2);
            dmft_kernels after = kernels_of(s, k, l, t, 0, weight, NULL);
            dmft_outliers *n = outliers_of(&after, 2);
            double change[3] = {0.0};
            ck_assert_int_eq(dmft_outliers_change(&after, t - 1, 0.0, 3, change, NULL), DMFT_OK);
            for (size_t j = 0; j < 2; j++) {
                double expected = dmft_outliers_z(n, j) - dmft_outliers_z(o, j);
                if (isless(dmft_outliers_z(o, j), 1e-3 * dmft_outliers_z(o, 0))) continue;
                ck_assert_msg(isnan(change[j]) == isnan(expected), "%s, A_%d, step %zu: %g, expected %g", s->name, l, t, change[j], expected);
                if (isnan(expected)) continue;
                assert_near(change[j], expected, 1e-7, s->name, (long)t);
                worst = fmax(worst, fabs(change[j] - expected));
                sum += expected;
                seen++;
            }
            dmft_outliers_free(o);
            dmft_outliers_free(n);
        }
    printf("inside steps, %s: %zu steps, %.3f of z, difference at most %.1e\n", s->name, seen, sum, worst);
    ck_assert_uint_gt(seen, 0);
    free(weight);
    slow_free(k);
}
END_TEST

/* Weights of the second-order rule of Adams and Bashforth: 3/2 for the newest event, 1 for the others, the first step by Euler's. */
static void adams_bashforth(double *d, size_t t, double c)
{
    for (size_t a = 0; a < t; a++) d[a] = c;
    if (t > 1) {
        d[t - 1] = 1.5 * c;
        d[0] = 0.5 * c;
    }
    if (t == 2) d[0] = 0.5 * c;
}

/* z of the ODE and escape by it for a flow of total time 36 x .02 in T steps; returns the difference to the algebra at the nodes. */
static double flow_difference(size_t T, int l, double *between, double *escape)
{
    struct setting s = runs[0];
    s.learning_rate = 0.02 * 36.0 / (double)T;
    slow_kernels *k = slow_of(&s, (int)T + 1);
    double *d = numbers(T + 1), *time = numbers(T + 1), *root = numbers(T + 1), *growth = numbers(T + 1), h = s.learning_rate, difference = NAN;
    dmft_kernels whole = kernels_of(&s, k, l, T, 1, d, NULL);
    struct outlier_source source = source_of(&whole, T + 1);
    outlier_follow *f = NULL;
    dmft_outlier_path *path = NULL;
    source.flow = 1;
    ck_assert_int_eq(outlier_follow_create(&f, &source, 2, NULL), DMFT_OK);
    for (size_t t = 0; t <= T; t++) {
        struct outlier_state o;
        dmft_kernels p = kernels_of(&s, k, l, t, 1, d, NULL);
        adams_bashforth(d, t, step_of(&s));
        d[t] = 0.0;
        dmft_outliers *x = outliers_of(&p, 1);
        time[t] = h * (double)t;
        root[t] = dmft_outliers_root(x, 0);
        growth[t] = dmft_outliers_growth(x, 0, t) * step_of(&s) / h;
        ck_assert_int_eq(outlier_follow_step(f, t, d, time[t], step_of(&s) / h, &o, NULL), DMFT_OK);
        ck_assert(isnan(o.z[0]) == isnan(root[t]));
        if (!isnan(root[t])) assert_near(o.z[0], dmft_outliers_z(x, 0), 1e-10, "following in flow", (long)t);
        dmft_outliers_free(x);
    }
    ck_assert_int_eq(dmft_outlier_path_create(&path, T + 1, time, root, growth, source.sigma2, source.psi, NULL), DMFT_OK);
    ck_assert_int_eq(outlier_follow_difference(f, &difference, NULL), DMFT_OK);
    assert_near(difference, dmft_outlier_path_difference(path), 1e-7, "the follower's difference", 0);
    ck_assert(difference > 0.0);
    ck_assert(isnan(dmft_outlier_path_z(path, 0.0)) && isnan(dmft_outlier_path_z(path, 1.0)));
    *between = dmft_outlier_path_z(path, 24.3 * 0.02);
    *escape = dmft_outlier_path_escape(path);
    assert_near(*escape, outlier_follow_escape(f, 0).time, h, "escape time", 0);
    dmft_outlier_path_free(path);
    outlier_follow_free(f);
    double *const all[] = {d, time, root, growth};
    for (size_t i = 0; i < 4; i++) free(all[i]);
    slow_free(k);
    return difference;
}

/* The difference of ODE and algebra falls as the square of the step. */
START_TEST(in_flow_the_ode_has_the_order_of_the_grid)
{
    enum { LEVELS = 3 };
    double difference[LEVELS], between[LEVELS], escape[LEVELS];
    for (int i = 0; i < LEVELS; i++) difference[i] = flow_difference((size_t)(18 << i), _i, &between[i], &escape[i]);
    double order = log2(difference[1] / difference[2]);
    printf("flow, A_%d: ODE less algebra %.2e, %.2e, %.2e, order %.2f; z between nodes %.6f, %.6f, %.6f; escape %.6f, %.6f, %.6f\n", _i, difference[0],
           difference[1], difference[2], order, between[0], between[1], between[2], escape[0], escape[1], escape[2]);
    ck_assert_msg(order > 1.75, "order %.3f", order);
    ck_assert(!isnan(between[2]) && !isnan(escape[2]));
}
END_TEST

/* A path whose answer is known: growth 2/tau, lambda^2 = tau^2. */
START_TEST(a_path_in_closed_form)
{
    enum { NODES = 41 };
    double time[NODES], root[NODES], growth[NODES], error[2];
    for (int level = 0; level < 2; level++) {
        dmft_outlier_path *p = NULL;
        size_t n = level == 0 ? 21 : 41;
        for (size_t i = 0; i < n; i++) {
            time[i] = 0.4 + 1.6 * (double)i / (double)(n - 1);
            root[i] = time[i] * time[i];
            growth[i] = 2.0 / time[i];
        }
        ck_assert_int_eq(dmft_outlier_path_create(&p, n, time, root, growth, 0.7, 0.5, NULL), DMFT_OK);
        double expected = sqrt(0.7 / sqrt(0.5)), z = z_of(1.7321 * 1.7321, 0.7, 0.5);
        error[level] = fabs(dmft_outlier_path_escape(p) / expected - 1.0);
        ck_assert(fabs(dmft_outlier_path_z(p, 1.7321) - z) < 1e-3);
        ck_assert(isnan(dmft_outlier_path_z(p, 0.5)));
        dmft_outlier_path_free(p);
    }
    printf("path: escape to %.1e, %.1e\n", error[0], error[1]);
    ck_assert(error[0] < 1e-3 && error[1] < error[0] / 7.0); /* the natural spline's ends are of third order */
}
END_TEST

/* ---- checkpoints ---- */

/* Follows from step `from` to the end, and writes down every bit that is told. */
static void follow_on(outlier_follow *f, size_t from, size_t T, const double *d, double *told)
{
    for (size_t t = from; t < T; t++) {
        struct outlier_state o = follow_to(f, t, d);
        double now[6] = {o.z[0], o.z[1], o.left_overlap, o.right_overlap, o.target_overlap, o.drift};
        memcpy(told + 6 * t, now, sizeof now);
    }
}

START_TEST(a_checkpoint_goes_on_bit_for_bit)
{
    struct setting setting = shrunk_setting(&runs[_i / 2]), *s = &setting;
    size_t T = (size_t)s->steps, half = _i % 2 == 0 ? 9 : 15;
    const char *folder = getenv("DMFT_BUILD");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/follow%d.checkpoint", folder != NULL ? folder : "build", _i);
    slow_kernels *k = slow_of(s, (int)T);
    double *m = target_of(s, k), *d = numbers(T), *told = numbers(6 * T), *again = numbers(6 * T), difference[2];
    dmft_kernels whole = kernels_of(s, k, 0, T, 0, d, m);
    struct outlier_source source = source_of(&whole, T);
    struct archive_head head = {.kind = "solve", .problem = "a problem"};
    outlier_follow *f = NULL, *g = NULL;
    archive *a = NULL;
    (void)remove(path);
    ck_assert_int_eq(outlier_follow_create(&f, &source, 2, NULL), DMFT_OK);
    follow_on(f, 0, half, d, told);
    ck_assert_int_eq(archive_create_write(&a, path, &head, NULL), DMFT_OK);
    outlier_follow_transfer(f, a);
    ck_assert_int_eq(archive_close(a, NULL), DMFT_OK);
    follow_on(f, half, T, d, told);
    ck_assert_int_eq(outlier_follow_create(&g, &source, 2, NULL), DMFT_OK);
    ck_assert_int_eq(archive_open_read(&a, path, "solve", "a problem", NULL), DMFT_OK);
    outlier_follow_transfer(g, a);
    ck_assert_int_eq(archive_close(a, NULL), DMFT_OK);
    follow_on(g, half, T, d, again);
    ck_assert_mem_eq(told + 6 * half, again + 6 * half, 6 * (T - half) * sizeof *told);
    for (size_t j = 0; j < 2; j++) {
        struct outlier_escape x = outlier_follow_escape(f, j), y = outlier_follow_escape(g, j);
        ck_assert_int_eq(x.step, y.step);
        ck_assert_mem_eq(&x.time, &y.time, sizeof x.time);
    }
    ck_assert_int_eq(outlier_follow_difference(f, &difference[0], NULL), DMFT_OK);
    ck_assert_int_eq(outlier_follow_difference(g, &difference[1], NULL), DMFT_OK);
    ck_assert_mem_eq(&difference[0], &difference[1], sizeof difference[0]);
    (void)remove(path);
    outlier_follow_free(f);
    outlier_follow_free(g);
    double *const all[] = {m, d, told, again};
    for (size_t i = 0; i < 4; i++) free(all[i]);
    slow_free(k);
}
END_TEST

/* ---- what is refused ---- */

static void refused(const dmft_kernels *p, const char *text)
{
    dmft_outliers *o = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_outliers_create(&o, p, 2, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_null(o);
    ck_assert_msg(strstr(err.text, text) != NULL, "'%s' is not in '%s'", text, err.text);
}

START_TEST(bad_kernels_are_refused)
{
    double C[9] = {1.0, 0.2, 0.1, 0.2, 1.0, 0.3, 0.1, 0.3, 1.0}, R[9] = {0.0, 0.0, 0.0, 0.2, 0.0, 0.0, 0.1, 0.3, 0.0}, d[3] = {1.0, 1.0, 1.0};
    double bad[9], m[3] = {0.1, NAN, 0.0};
    const dmft_kernels good = {.count = 3, .stride = 3, .C_phi = C, .R_phi = R, .C_g = C, .R_g = R, .weight = d, .sigma2 = 1.0, .psi = 1.0, .whole = 1};
    dmft_outliers_free(outliers_of(&good, 2));
    dmft_kernels p = good;
    p.sigma2 = -1.0;
    refused(&p, "sigma2 must be in [0, inf), got -1");
    p.sigma2 = NAN;
    refused(&p, "sigma2");
    p = good;
    p.psi = 0.0;
    refused(&p, "psi must be in (0, inf), got 0");
    p = good;
    p.stride = 2;
    refused(&p, "stride must be at least the number of events 3, got 2");
    p = good;
    p.R_g = NULL;
    refused(&p, "R_g is missing");
    p = good;
    p.target = m;
    refused(&p, "target[1] is not finite");
    p = good;
    p.C_g = bad;
    memcpy(bad, C, sizeof C);
    bad[7] = INFINITY;
    refused(&p, "C_g[2][1] is not finite");
    memcpy(bad, C, sizeof C);
    bad[1] = 0.3;
    refused(&p, "C_g is not symmetric: [1][0] is 0.2, [0][1] is 0.3");
    bad[1] = 0.2;
    bad[4] = -0.1;
    refused(&p, "C_g[1][1] must not be negative, got -0.1");
    p = good;
    p.R_phi = bad;
    memcpy(bad, R, sizeof R);
    bad[5] = 1e-9;
    refused(&p, "R_phi is not causal: [1][2] must be 0");
    double change[2] = {7.0, 7.0};
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_outliers_change(&good, 3, 0.0, 2, change, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_outliers_change(&good, 1, NAN, 2, change, &err), DMFT_ERROR_ARGUMENT);
    ck_assert(change[0] == 7.0 && change[1] == 7.0);
}
END_TEST

START_TEST(bad_paths_are_refused)
{
    double time[3] = {0.0, 1.0, 1.0}, root[3] = {1.0, 1.0, 1.0}, growth[3] = {0.0, 0.0, 0.0};
    dmft_outlier_path *p = NULL;
    dmft_error err = {.text = ""};
    ck_assert_int_eq(dmft_outlier_path_create(&p, 3, time, root, growth, 1.0, 1.0, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "time[2]"));
    time[2] = 2.0;
    root[1] = -1.0;
    ck_assert_int_eq(dmft_outlier_path_create(&p, 3, time, root, growth, 1.0, 1.0, &err), DMFT_ERROR_ARGUMENT);
    root[1] = NAN; /* runs of one node */
    ck_assert_int_eq(dmft_outlier_path_create(&p, 3, time, root, growth, 1.0, 1.0, &err), DMFT_OK);
    ck_assert(isnan(dmft_outlier_path_z(p, 0.5)) && isnan(dmft_outlier_path_escape(p)) && isnan(dmft_outlier_path_difference(p)));
    dmft_outlier_path_free(p);
    ck_assert_int_eq(dmft_outlier_path_create(&p, 0, NULL, NULL, NULL, 1.0, 1.0, &err), DMFT_OK);
    ck_assert(isnan(dmft_outlier_path_z(p, 0.0)) && isnan(dmft_outlier_path_escape(p)));
    dmft_outlier_path_free(p);
    dmft_outlier_path_free(NULL);
    dmft_outliers_free(NULL);
}
END_TEST

Suite *suite_kernels_outlier(void)
{
    Suite *s = suite_create("kernels_outlier");
    TCase *dense = tcase_create("dense");
    tcase_add_loop_test(dense, every_step_against_dense_eigenvalues, 0, RUNS);
    tcase_add_loop_test(dense, following_against_dense_eigenvalues, 0, 3 * RUNS);
    tcase_add_loop_test(dense, kernels_and_basis_agree, 0, RUNS);
    tcase_add_test(dense, more_asked_for_than_rank);
    suite_add_tcase(s, dense);
    TCase *closed = tcase_create("closed");
    tcase_add_loop_test(closed, independent_spikes, 0, 8);
    tcase_add_test(closed, equal_spikes);
    tcase_add_test(closed, the_smallest_cases);
    suite_add_tcase(s, closed);
    TCase *other = tcase_create("random"), *ode = tcase_create("ode");
    tcase_add_loop_test(other, random_answers_against_dense_eigenvalues, 0, 12);
    suite_add_tcase(s, other);
    tcase_add_test(ode, the_reference_table_from_kernels);
    tcase_add_loop_test(ode, inside_a_step_the_ode_is_exact, 0, RUNS);
    tcase_add_loop_test(ode, in_flow_the_ode_has_the_order_of_the_grid, 0, 2);
    tcase_add_test(ode, a_path_in_closed_form);
    suite_add_tcase(s, ode);
    TCase *rest = tcase_create("rest");
    tcase_add_loop_test(rest, a_checkpoint_goes_on_bit_for_bit, 0, 2 * 5);
    tcase_add_test(rest, bad_kernels_are_refused);
    tcase_add_test(rest, bad_paths_are_refused);
    suite_add_tcase(s, rest);
    return s;
}
