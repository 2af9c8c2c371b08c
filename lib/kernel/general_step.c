/* One row of the general march, in the order (L1): (Q1)-(Q10) of doc/theory.md.
 *
 * Floating-point operations of row t in units of t^2, a product of a row with a triangle being 1 and with a symmetric matrix 2: for every source that a
 * field feels 4 (r^L: 1 unless it is shaken), that is 16 L - 6 in all, with residual branches 16 L^2 - 6 L; the data 14 + 6 n for n > 1 modes, 19 for
 * one; batches of a fixed sample 1 more, epochs 5. So 15 T^3 for T steps at L = 2. A step allocates nothing. */
#include <cblas.h>
#include <stddef.h>
#include <string.h>

#include "kernel/general_state.h"
#include "kernel/triangle.h"

static double *row(const kernel_general *g, double *K, size_t i) { return general_row(g, K, i); }

/* y = beta y + alpha S x for the symmetric matrix with the lower half S, its first n rows. */
static void correlate(const kernel_general *g, size_t n, double alpha, const double *S, const double *x, double beta, double *y)
{
    cblas_dsymv(CblasRowMajor, CblasLower, (int)n, alpha, S, (int)g->stride, x, 1, beta, y, 1);
}

static void left(const kernel_general *g, const double *K, size_t n, const double *x, double *y) { kernel_triangle(K, g->stride, n, NULL, NULL, x, y); }
static void right(const kernel_general *g, const double *K, size_t n, const double *x, double *y) { kernel_triangle(K, g->stride, n, x, y, NULL, NULL); }

/* ---- hidden layers ---- */

/* m(s) = th [sigma^2 b R(i,s) + th c kappa C(i,s)], s < n, for the matrix A_l: what the other field of its site is met with, (Q3); (KN4). */
static void remember(const kernel_general *g, const struct general_event *e, int l, const double *R, const double *C, size_t n, double *m)
{
    double first = g->branch[l] * e->kept, learned = g->branch[l] * g->branch[l] * g->step;
    const double *kappa = general_kappa(g, l);
    for (size_t s = 0; s < n; s++) m[s] = first * general_spread(g, l, e->updates, s) * R[s];
    for (size_t s = 0; s < e->updates; s++) m[s] += learned * kappa[s] * C[s];
}

/* Row i of a field begins as `factor` times that of another, or as nothing. */
static void begin(kernel_general *g, size_t i, size_t field, size_t other, double factor)
{
    size_t sources = 2 * (size_t)g->depth;
    for (size_t b = 0; b < sources; b++) {
        double *x = general_coefficient(g, field, b), *y = general_coefficient(g, other, b);
        if (x == NULL) continue;
        memset(row(g, x, i), 0, (i + 1) * sizeof *x);
        if (factor != 0.0 && y != NULL) cblas_daxpy((int)i + 1, factor, row(g, y, i), 1, row(g, x, i), 1);
    }
}

/* Adds `factor` times row i of another field. */
static void add(kernel_general *g, size_t i, size_t field, size_t other, double factor)
{
    size_t sources = 2 * (size_t)g->depth;
    for (size_t b = 0; b < sources; b++) {
        double *x = general_coefficient(g, field, b), *y = general_coefficient(g, other, b);
        if (x != NULL && y != NULL) cblas_daxpy((int)i + 1, factor, row(g, y, i), 1, row(g, x, i), 1);
    }
}

/* Adds sum over s < n of m(s) times row s of another field. */
static void meet(kernel_general *g, size_t i, size_t field, size_t other, const double *m, size_t n)
{
    size_t sources = 2 * (size_t)g->depth;
    double *y = g->work[1];
    for (size_t b = 0; b < sources; b++) {
        double *x = general_coefficient(g, field, b), *K = general_coefficient(g, other, b);
        if (x == NULL || K == NULL) continue;
        left(g, K, n, m, y);
        cblas_daxpy((int)n, 1.0, y, 1, row(g, x, i), 1);
    }
}

/* Row i of the covariance of a source of A_l that has been asked what has the correlations C, (KN3). */
static void see(kernel_general *g, const struct general_event *e, int l, size_t source, const double *C)
{
    if (!g->shaken) return;
    double *S = row(g, g->seen[source], e->at);
    for (size_t s = 0; s <= e->at; s++) S[s] = general_spread(g, l, e->updates, s) * C[s];
}

/* C(i,s) = sum over sources of row i x covariance x row s, s <= i, (Q4). A source that is not felt at i itself has no row i yet. */
void general_correlate(kernel_general *g, size_t i, size_t field, double *C)
{
    size_t L = (size_t)g->depth, n = i + 1, readout = 2 * L - 1;
    double *p = g->work[0], *y = g->work[1], *sum = g->sum[field];
    memset(C, 0, n * sizeof *C);
    sum[i] = 0.0;
    for (size_t b = 0; b < 2 * L; b++) {
        double *K = general_coefficient(g, field, b);
        if (K == NULL) continue;
        const double *x = row(g, K, i);
        if (b == readout && !g->shaken) {
            for (size_t s = 0; s < n; s++) sum[i] += x[s];
            cblas_daxpy((int)n, g->variance[L] * sum[i], sum, 1, C, 1);
            continue;
        }
        size_t felt = x[i] != 0.0 ? n : i, below = b < L ? b : b - L + 1; /* the matrix whose source it is */
        if (g->shaken) correlate(g, felt, 1.0, g->seen[b], x, 0.0, p);
        else correlate(g, felt, g->variance[below], b < L ? g->C_h[below] : g->C_g[below + 1], x, 0.0, p);
        if (felt == i) p[i] = 0.0;
        right(g, K, n, p, y);
        cblas_daxpy((int)n, 1.0, y, 1, C, 1);
    }
}

/* The same of the readout, which is a field of its own. */
static void see_readout(kernel_general *g, const struct general_event *e)
{
    if (!g->shaken) return;
    double *S = row(g, g->seen[2 * (size_t)g->depth - 1], e->at);
    for (size_t s = 0; s <= e->at; s++) S[s] = general_spread(g, g->depth, e->updates, s);
}

/* (Q3). A probe's h comes before its g, with the source of the same event; c_l psi_l is what M reads off, (Q12). */
void general_backward(kernel_general *g, const struct general_event *e, int l)
{
    size_t i = e->at, field = general_g(g, l), n = e->probe ? i + 1 : i, t = e->updates;
    int L = g->depth;
    double *m = g->work[0], *own = row(g, general_coefficient(g, field, field), i);
    begin(g, i, field, l < L ? general_g(g, l + 1) : field, l < L && g->residual ? 1.0 : 0.0);
    if (e->probe) add(g, i, field, general_h(g, l), l < L ? g->branch[l] * g->branch[l] * row(g, g->C_g[l + 1], t)[t] : 1.0);
    if (l < L) {
        remember(g, e, l, row(g, general_R_g(g, l + 1), i), row(g, g->C_g[l + 1], i), n, m);
        meet(g, i, field, general_h(g, l), m, n);
        see(g, e, l, field, row(g, g->C_g[l + 1], i));
        own[i] += g->branch[l] * e->kept;
    } else if (!e->probe) {
        for (size_t s = 0; s < i; s++) m[s] = g->step * general_kappa(g, L)[s];
        meet(g, i, field, general_h(g, l), m, i);
        see_readout(g, e);
        own[i] += e->kept;
    }
    general_correlate(g, i, field, row(g, g->C_g[l], i));
}

void general_forward(kernel_general *g, const struct general_event *e, int l)
{
    size_t i = e->at, field = general_h(g, l), n = e->probe ? i : i + 1;
    double *m = g->work[0];
    begin(g, i, field, l > 1 ? general_h(g, l - 1) : field, l > 1 && g->residual ? 1.0 : 0.0);
    remember(g, e, l - 1, row(g, general_R_h(g, l - 1), i), row(g, g->C_h[l - 1], i), n, m);
    meet(g, i, field, general_g(g, l), m, n);
    see(g, e, l - 1, field, row(g, g->C_h[l - 1], i));
    row(g, general_coefficient(g, field, field), i)[i] += g->branch[l - 1] * e->kept;
    general_correlate(g, i, field, row(g, g->C_h[l], i));
}

/* ---- the data ---- */

/* Rows i of N and, with m = K[i] H, of the G_k and of the coefficients on w*, (Q6). */
static void resolve(kernel_general *g, size_t i, const struct general_past *past)
{
    double *m = g->work[0], *y = g->work[1], *K = row(g, g->K, i);
    correlate(g, i, 1.0, g->C_seen, K, 0.0, y);
    y[i] = 0.0;
    right(g, g->K, i + 1, y, row(g, g->N, i));
    left(g, g->H, i, K, m);
    g->star_mean[i] = 0.0;
    for (size_t k = 0; k < g->modes; k++) {
        double *G = row(g, g->G[k], i), *star = g->star + k * g->rows + i, lambda = g->eigenvalue[k];
        left(g, g->G[k], i, m, y);
        for (size_t s = 0; s < i; s++) G[s] = -lambda * y[s];
        for (size_t j = 0; j < past->count; j++) cblas_daxpy((int)i, past->weight[j], row(g, g->G[k], past->first + j), 1, G, 1);
        G[i] = 1.0;
        *star = g->target[k] * cblas_ddot((int)i + 1, G, 1, g->unit, 1);
        g->star_mean[i] += lambda * g->target[k] * *star / (double)g->modes;
    }
}

/* Y_k = G_k[i] (S + lambda_k/alpha N), s <= i. */
static void drive(kernel_general *g, size_t i)
{
    int n = (int)i + 1, modes = (int)g->modes, lead = (int)g->rows, stride = (int)g->stride;
    if (modes == 1) {
        correlate(g, i + 1, 1.0, g->S, row(g, g->G[0], i), 0.0, g->Y);
        correlate(g, i + 1, g->eigenvalue[0] / g->sample_ratio, g->N, row(g, g->G[0], i), 1.0, g->Y);
        return;
    }
    for (size_t k = 0; k < g->modes; k++) {
        double *x = g->X + k * g->rows, *scaled = g->scaled + k * g->rows;
        memcpy(x, row(g, g->G[k], i), (i + 1) * sizeof *x);
        for (size_t s = 0; s <= i; s++) scaled[s] = g->eigenvalue[k] * x[s];
    }
    cblas_dsymm(CblasRowMajor, CblasRight, CblasLower, modes, n, 1.0, g->S, stride, g->X, lead, 0.0, g->Y, lead);
    cblas_dsymm(CblasRowMajor, CblasRight, CblasLower, modes, n, 1.0 / g->sample_ratio, g->N, stride, g->scaled, lead, 1.0, g->Y, lead);
}

/* Adds <v_k(i) v_k(s)> with its weights to the rows of C_v and C_w, and G_k[i] likewise to <lambda G> and <lambda^2 G>, (Q7). */
static void average(kernel_general *g, size_t i, size_t k)
{
    double *y = g->work[0], *C_v = row(g, g->C_v, i), *C_w = row(g, g->C_w, i), *G = row(g, g->G[k], i);
    double lambda = g->eigenvalue[k], weight = lambda / (double)g->modes;
    const double *star = g->star + k * g->rows;
    right(g, g->G[k], i + 1, g->Y + k * g->rows, y);
    for (size_t s = 0; s <= i; s++) y[s] += star[i] * star[s];
    cblas_daxpy((int)i + 1, weight, y, 1, C_v, 1);
    cblas_daxpy((int)i + 1, weight / lambda, y, 1, g->C_0, 1);
    cblas_daxpy((int)i + 1, weight / lambda, G, 1, g->G0, 1);
    if (g->modes == 1) return;
    cblas_daxpy((int)i + 1, weight * lambda, y, 1, C_w, 1);
    cblas_daxpy((int)i + 1, weight, G, 1, row(g, g->G1, i), 1);
    cblas_daxpy((int)i + 1, weight * lambda, G, 1, row(g, g->G2, i), 1);
}

void general_input(kernel_general *g, size_t i, const struct general_past *past)
{
    resolve(g, i, past);
    drive(g, i);
    double *const sums[] = {g->C_0, g->G0, row(g, g->C_v, i), row(g, g->C_w, i), row(g, g->G1, i), row(g, g->G2, i)};
    for (size_t j = 0; j < (g->modes > 1 ? 6 : 3); j++) memset(sums[j], 0, (i + 1) * sizeof *sums[j]);
    for (size_t k = 0; k < g->modes; k++) average(g, i, k);
}

/* y = V x over the first n steps, (Q9). */
static void batch_noise(const kernel_general *g, size_t n, const double *x, double *y)
{
    for (size_t t = 0; t < n; t++) {
        size_t first = t - t % g->epoch;
        y[t] = 0.0;
        for (size_t s = first; s <= t; s++) {
            double V = g->noise[t * g->band + (t - s)];
            y[t] += V * x[s];
            if (s < t) y[s] += V * x[t];
        }
    }
}

/* a = (C_v + sigma_eps^2) x over the events o .. i; probes have no label noise. */
static void labels(const kernel_general *g, size_t o, size_t i, size_t steps, const double *x, double *a)
{
    double heard = 0.0, power = g->label_noise * g->label_noise;
    correlate(g, i + 1 - o, 1.0, row(g, g->C_v, o) + o, x + o, 0.0, a + o);
    for (size_t s = o; s < steps; s++) heard += x[s];
    for (size_t s = o; s < steps; s++) a[s] += power * heard;
}

/* Row i of C_Delta = F (C_v + sigma_eps^2) F^T + J V J^T, F = 1 + J, J = R_v H, of an epoch's batches, (Q8). */
static void all_samples(kernel_general *g, size_t i)
{
    double *J = row(g, g->J, i), *f = g->work[0], *y = g->work[1], *C = row(g, g->C_Delta, i);
    left(g, g->H, i + 1, row(g, g->R_v, i), J);
    J[i] = 1.0;
    labels(g, 0, i, i + 1, J, f);
    J[i] = 0.0;
    batch_noise(g, i, J, y);
    y[i] = 0.0;
    cblas_daxpy((int)i + 1, 1.0, f, 1, y, 1);
    right(g, g->J, i + 1, y, C);
    cblas_daxpy((int)i + 1, 1.0, f, 1, C, 1);
}

/* Row i of C_y and of V, from a = H[i] (C_v + sigma_eps^2); then a takes in V H[i]. */
static void subsample(kernel_general *g, const struct general_event *e, double *a)
{
    size_t i = e->at, steps = e->probe ? e->updates + 1 : i;
    double *H = row(g, g->H, i), *noise = g->work[1], *sum = g->work[2], *C = g->work[3], q = g->fraction;
    batch_noise(g, steps, H, noise);
    if (e->probe) {
        cblas_daxpy((int)steps, 1.0, noise, 1, a, 1);
        return;
    }
    noise[i] = 0.0;
    for (size_t s = 0; s <= i; s++) sum[s] = a[s] + noise[s];
    right(g, g->H, i + 1, sum, C);
    cblas_daxpy((int)i + 1, -1.0, noise, 1, C, 1);
    double *V = g->noise + i * g->band;
    for (size_t s = i - i % g->epoch; s <= i; s++) V[i - s] = (s == i ? (1.0 - q) / q : -1.0) * C[s];
    if (g->epoch == 1) memcpy(row(g, g->C_Delta, i), C, (i + 1) * sizeof *C);
    batch_noise(g, i + 1, H, noise);
    cblas_daxpy((int)i + 1, 1.0, noise, 1, a, 1);
}

/* (Q8). Fresh batches: no event but those of its own probes has the same samples. */
void general_samples(kernel_general *g, const struct general_event *e)
{
    size_t i = e->at, o = g->online ? (e->probe ? g->first : i) : 0, n = i + 1 - o, end = e->probe || g->epoch == 0 ? i : i - i % g->epoch;
    double *R_v = row(g, g->R_v, i), *H = row(g, g->H, i), *C = row(g, g->C_seen, i), *a = g->work[0];
    const size_t corner = o * g->stride + o;
    left(g, g->K, i + 1, row(g, g->G1, i), R_v);
    cblas_dscal((int)i + 1, -1.0 / g->sample_ratio, R_v, 1);
    memset(H, 0, (i + 1) * sizeof *H);
    memset(C, 0, (i + 1) * sizeof *C);
    if (end > o) left(g, g->H + corner, end - o, R_v + o, H + o);
    H[i] = 1.0;
    labels(g, o, i, e->probe ? e->updates + 1 : i + 1, H, a);
    if (g->epoch > 0) subsample(g, e, a);
    if (g->flow && g->online && !e->probe) { /* batches without end: no noise of theirs */
        row(g, g->C_Delta, i)[i] = a[i];
        return;
    }
    right(g, g->H + corner, n, a + o, C + o);
    if (g->epoch > 1 && !e->probe) all_samples(g, i);
}

/* (Q10). The source of a probe's v is r_0 of the probe before it. */
void general_hat(kernel_general *g, const struct general_event *e)
{
    size_t i = e->at, n = i + 1, steps = e->probe ? e->updates + 1 : n;
    double *x = g->work[0], *y = g->work[1], *H = row(g, g->H, i), *W = row(g, g->W, i), *C = row(g, g->C_h[0], i), *R = row(g, g->R_h0, i);
    double each = 1.0 / g->sample_ratio;
    left(g, g->G2, n, H, x);
    left(g, g->K, n, x, W);
    if (g->modes > 1) left(g, g->G1, n, H, x);
    for (size_t s = 0; s < n; s++) R[s] = s < steps ? g->source[s] * x[s] : s + 1 < n ? g->source[s + 1] * x[s + 1] : 0.0;
    correlate(g, n, 1.0, g->C_w, H, 0.0, x);
    right(g, g->H, n, x, C);
    correlate(g, n, 1.0, g->C_seen, W, 0.0, x);
    right(g, g->W, n, row(g, g->C_seen, i), y);
    for (size_t s = 0; s < n; s++) C[s] += each * (row(g, g->C_seen, i)[s] - x[s] - y[s]);
    g->seen_target[i] = cblas_ddot((int)n, H, 1, g->star_mean, 1) / g->target_norm;
}

/* ---- a step ---- */

/* kappa(t,.), of kappa(t-1,.) in gradient descent, (Q1), (KN1). */
static void age(kernel_general *g, size_t t)
{
    g->kept[t] = t == 0 ? 1.0 : (1.0 - g->decay) * g->kept[t - 1];
    if (t == 0) return;
    if (g->flow) {
        for (size_t s = 0; s < t; s++) g->kappa[s] = s + 1 == t ? g->newest[t] : g->weight[s];
        return;
    }
    for (size_t s = 0; s + 1 < t; s++) g->power[s] *= g->momentum;
    g->power[t - 1] = 1.0;
    for (int l = 0; l <= (g->shaken ? g->depth : 0); l++) {
        double *kappa = general_kappa(g, l), keep = g->shaken ? g->factor[l] : 1.0 - g->decay;
        kappa[t - 1] = 0.0;
        for (size_t s = 0; s < t; s++) kappa[s] = keep * kappa[s] + g->schedule[t - 1] * g->power[s];
    }
}

/* What drives v(t) and what it remembers, (Q5). */
static void prepare(kernel_general *g, size_t t)
{
    double *K = row(g, g->K, t), *S = row(g, g->S, t), own = g->gain * g->width_ratio * g->kept[t];
    const double *R_g = row(g, general_R_g(g, 1), t), *C_g = row(g, g->C_g[1], t);
    g->source[t] = -g->gain * g->kept[t];
    g->unit[t] = 1.0;
    for (size_t s = 0; s < t; s++) K[s] = own * general_spread(g, 0, t, s) * R_g[s] + g->rate * g->kappa[s] * C_g[s];
    K[t] = 0.0;
    for (size_t s = 0; s <= t; s++) S[s] = g->source[t] * g->source[s] * g->width_ratio * general_spread(g, 0, t, s) * C_g[s];
}

void kernel_general_step(kernel_general *g)
{
    static const struct general_past none = {.count = 0, .weight = NULL};
    if (g->done == g->steps) return;
    size_t t = g->done;
    age(g, t);
    struct general_event e = {.at = t, .updates = t, .kept = g->kept[t]};
    for (int l = g->depth; l >= 1; l--) general_backward(g, &e, l);
    prepare(g, t);
    general_input(g, t, &none);
    general_samples(g, &e);
    general_hat(g, &e);
    for (int l = 1; l <= g->depth; l++) general_forward(g, &e, l);
    g->done++;
}
