/* Leading modes of the NTK and the sharpness, by Lanczos on the rows of probe events: (Q12)-(Q14).
 *
 * A run of m vectors at step t makes m rows of t to t + m numbers, each at the cost of a step of training, and takes no memory. Two runs tell of one
 * operator: from w*, which sees the outliers, and from a vector that is independent of everything, which sees the bulk. */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "kernel/general_state.h"
#include "kernel/triangle.h"

enum { SETTLED = 5 };                   /* the last of a_k +- 2 b_k that are held against each other */
static const double settled = 1e-6;     /* their spread over the upper edge */
static const double exhausted = 1e-12;  /* (b_k over the largest a_k)^2: nothing but rounding is left */

/* How an operator is probed. */
struct run {
    int through_samples; /* M^{1/2} (X^T X/P) M^{1/2}; else M */
    int independent;     /* begun at a vector that is independent of everything; else at w* */
    size_t made;         /* of a_k; b_k couples k and k + 1 */
};

static double *row(const kernel_general *g, double *K, size_t i) { return general_row(g, K, i); }

/* v(i) <- factor v(i). Its own sources take the factor, so that coefficients of v on them stay 1. */
static void scale(kernel_general *g, size_t i, double factor)
{
    double *const correlated[] = {row(g, g->S, i), row(g, g->N, i), row(g, g->C_v, i), row(g, g->C_seen, i), g->C_0, row(g, g->C_w, i)};
    double *const own[] = {row(g, g->H, i), g->G0, row(g, g->G1, i), row(g, g->G2, i)};
    int many = g->modes > 1, n = (int)i;
    for (size_t j = 0; j < (many ? 6 : 5); j++) {
        cblas_dscal(n, factor, correlated[j], 1);
        correlated[j][i] *= factor * factor;
    }
    for (size_t j = 0; j < (many ? 4 : 2); j++) cblas_dscal(n, factor, own[j], 1);
    for (size_t k = 0; k < g->modes; k++) {
        cblas_dscal(n, factor, row(g, g->G[k], i), 1);
        g->star[k * g->rows + i] *= factor;
    }
    cblas_dscal(n, factor, row(g, g->K, i), 1);
    cblas_dscal(n, factor, row(g, g->R_v, i), 1);
    g->star_mean[i] *= factor;
    g->source[i] *= factor;
    g->unit[i] *= factor;
}

/* Row i of C_h0 and R_h0 where the network is shown v itself, (Q13). */
static void see_directly(kernel_general *g, size_t i)
{
    size_t n = i + 1, p = g->first;
    double *x = g->work[0], *y = g->work[1], *z = g->work[2], *C = row(g, g->C_h[0], i), *R = row(g, g->R_h0, i);
    kernel_triangle(g->K, g->stride, n, NULL, NULL, row(g, g->G1, i), x);
    cblas_dsymv(CblasRowMajor, CblasLower, (int)p, 1.0, g->C_seen, (int)g->stride, x, 1, 0.0, y, 1);
    kernel_triangle(g->H, g->stride, p, row(g, g->C_v, i), z, NULL, NULL);
    for (size_t s = 0; s < p; s++) {
        C[s] = z[s] - y[s] / g->sample_ratio;
        R[s] = g->source[s] * g->G0[s];
    }
    for (size_t s = p; s < n; s++) {
        C[s] = g->C_0[s];
        R[s] = s + 1 < n ? g->source[s + 1] * g->G0[s + 1] : 0.0;
    }
}

/* Makes v(i) and normalises it; returns its length before. */
static double begin(kernel_general *g, const struct run *run, const struct general_event *e, const struct general_past *past)
{
    size_t i = e->at;
    general_input(g, i, past);
    if (run->through_samples) {
        general_samples(g, e);
    } else {
        double *const without[] = {row(g, g->H, i), row(g, g->C_seen, i), row(g, g->R_v, i)};
        for (size_t j = 0; j < 3; j++) memset(without[j], 0, (i + 1) * sizeof *without[j]);
    }
    double square = run->through_samples ? row(g, g->C_seen, i)[i] : g->C_0[i], length = square > 0.0 ? sqrt(square) : 0.0;
    if (length > 0.0) scale(g, i, 1.0 / length);
    return length;
}

/* The vector that a run begins with, at the first row of probes. */
static double start(kernel_general *g, const struct run *run, const struct general_event *e)
{
    static const struct general_past none = {.count = 0, .weight = NULL};
    size_t i = e->at;
    double *S = row(g, g->S, i);
    memset(row(g, g->K, i), 0, (i + 1) * sizeof *S);
    memset(S, 0, (i + 1) * sizeof *S);
    g->source[i] = 0.0;
    g->unit[i] = run->independent ? 0.0 : 1.0;
    if (run->independent) S[i] = 1.0;
    return begin(g, run, e, &none);
}

/* v(i) = M vhat(i-1) - a v(i-1) - b v(i-2), before it is normalised: (Q12), (Q13). */
static double next(kernel_general *g, const struct run *run, const struct general_event *e, double c_0, double a, double b)
{
    size_t i = e->at, last = i - 1, p = g->first, t = e->updates;
    double *K = row(g, g->K, i), *S = row(g, g->S, i), *past = g->probe_past, own = e->kept / g->width_ratio;
    const double *R = row(g, general_R_g(g, 1), last), *C = row(g, g->C_g[1], last);
    for (size_t s = 0; s < i; s++) K[s] = -e->kept * g->variance[0] * R[s];
    for (size_t s = 0; s < t; s++) K[s] -= g->step * g->kappa[s] * C[s];
    K[last] -= c_0;
    K[i] = 0.0;
    for (size_t s = p; s < i; s++) {
        past[s - p] = run->through_samples ? 0.0 : -K[s];
        if (!run->through_samples) K[s] = 0.0;
    }
    past[last - p] -= a;
    if (last > p) past[last - 1 - p] -= b;
    g->source[i] = own;
    g->unit[i] = 0.0;
    for (size_t s = 0; s <= i; s++) S[s] = s == p ? 0.0 : own * g->source[s] * g->width_ratio * g->variance[0] * C[s < p ? s : s - 1];
    return begin(g, run, e, &(struct general_past){.first = p, .count = i - p, .weight = past});
}

/* v through the network and back; returns vhat.M vhat/D = sum of c_l |psi^l|^2. */
static double pass(kernel_general *g, const struct run *run, const struct general_event *e)
{
    size_t i = e->at, t = e->updates;
    int L = g->depth;
    if (run->through_samples) general_hat(g, e);
    else see_directly(g, i);
    for (int l = 1; l <= L; l++) general_forward(g, e, l);
    for (int l = L; l >= 1; l--) general_backward(g, e, l);
    double a = 0.0;
    for (int l = 0; l <= L; l++) {
        double c = l == L ? 1.0 : g->branch[l] * g->branch[l] * row(g, g->C_g[l + 1], t)[t];
        a += c * row(g, g->C_h[l], i)[i];
    }
    return a;
}

/* `most` steps of Lanczos, fewer when nothing is left. */
static void lanczos(kernel_general *g, struct run *run, size_t most)
{
    size_t t = g->done - 1;
    double *a = g->probe_a, *b = g->probe_b, c_0 = row(g, g->C_g[1], t)[t], largest = 0.0;
    struct general_event e = {.at = g->done, .updates = t, .probe = 1, .kept = g->kept[t]};
    g->first = g->done;
    run->made = 0;
    if (start(g, run, &e) == 0.0) return;
    for (;; e.at++) {
        size_t k = run->made++;
        a[k] = pass(g, run, &e);
        largest = fmax(largest, fabs(a[k]));
        if (run->made == most) return;
        struct general_event after = e;
        after.at++;
        b[k] = next(g, run, &after, c_0, a[k], k > 0 ? b[k - 1] : 0.0);
        if (!(b[k] * b[k] > exhausted * largest * largest)) return;
    }
}

/* a_k - 2 b_k or a_k + 2 b_k where it has settled; nan. */
static double edge(const kernel_general *g, size_t made, double side)
{
    double low = INFINITY, high = -INFINITY, upper = 0.0, last = NAN;
    if (made <= SETTLED) return NAN;
    for (size_t k = made - SETTLED; k < made; k++) {
        last = g->probe_a[k] + side * 2.0 * g->probe_b[k - 1];
        upper = g->probe_a[k] + 2.0 * g->probe_b[k - 1];
        low = fmin(low, last);
        high = fmax(high, last);
    }
    return high - low <= settled * upper ? last : NAN;
}

/* The largest Ritz value; it takes the tridiagonal matrix with it. */
static double top(kernel_general *g, size_t made)
{
    if (made == 0) return NAN;
    return LAPACKE_dsterf((lapack_int)made, g->probe_a, g->probe_b) == 0 ? g->probe_a[made - 1] : NAN;
}

/* The largest eigenvalue, and the edges of the bulk. */
static double leading(kernel_general *g, int through_samples, size_t most, double edges[2])
{
    struct run run = {.through_samples = through_samples};
    lanczos(g, &run, most);
    double largest = top(g, run.made);
    run.independent = 1;
    lanczos(g, &run, most);
    edges[0] = edge(g, run.made, -1.0);
    edges[1] = edge(g, run.made, 1.0);
    if (isnan(edges[0]) || isnan(edges[1])) edges[0] = edges[1] = NAN;
    double other = isnan(edges[1]) ? top(g, run.made) : edges[1];
    return fmax(largest, other); /* fmax passes over nan */
}

void kernel_general_probe(kernel_general *g, int ntk, int sharpness, struct kernel_general_probe *out)
{
    size_t most = g->rows - g->steps;
    double edges[2];
    *out = (struct kernel_general_probe){NAN, NAN, NAN, NAN};
    if (most == 0 || g->done == 0) return;
    most--;
    if (ntk) out->ntk_top = leading(g, 0, most, edges);
    if (!sharpness) return;
    out->sharpness = leading(g, 1, most, edges);
    out->edge_lower = edges[0];
    out->edge_upper = edges[1];
}
