/* Leading modes of the NTK and the sharpness, by Lanczos on the rows of probe events: (Q12)-(Q14).
 *
 * A run of m vectors at step t makes m rows of t to t + m numbers, each at the cost of a step of training, and takes no memory. Two runs tell of one
 * operator: from w*, which sees the outliers, and from a vector that is independent of everything, which sees the bulk. */
#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "kernel/general_state.h"
#include "kernel/nested.h"
#include "kernel/triangle.h"

enum { SETTLED = 5 };                   /* the last of a_k +- 2 b_k that are held against each other */
static const double settled = 1e-7;     /* their spread over the upper edge */
static const double exhausted = 1e-6;   /* b_k over the largest a_k: with less, nothing but rounding is left */

/* How an operator is probed. Vectors v are inputs, orthonormal on the samples (M^{1/2} (X^T X/P) M^{1/2}) or as they are (M - c_0), or hidden: x = psi^1, with
 * x.T_1 x as the product. Hidden ones serve M - c_0 where N < D: of inputs, D - N directions are not seen by A_0, their share in rounding grows from vector to
 * vector by (D/N)^{1/2}, and soon nothing else is left. */
enum space { SAMPLES, INPUTS, HIDDEN };
struct run {
    enum space space;
    int independent; /* begun at a vector that is independent of everything; else at w* */
    size_t made;     /* of a_k; b_k couples k and k + 1 */
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

/* Makes v(i), and normalises it but in a hidden run; returns its length before. */
static double make(kernel_general *g, const struct run *run, const struct general_event *e, const struct general_past *past)
{
    size_t i = e->at;
    general_input(g, i, past);
    if (run->space == SAMPLES) {
        general_samples(g, e);
    } else {
        double *const without[] = {row(g, g->H, i), row(g, g->C_seen, i), row(g, g->R_v, i)};
        for (size_t j = 0; j < 3; j++) memset(without[j], 0, (i + 1) * sizeof *without[j]);
    }
    double square = run->space == SAMPLES ? row(g, g->C_seen, i)[i] : g->C_0[i], length = square > 0.0 ? sqrt(square) : 0.0;
    if (length > 0.0 && run->space != HIDDEN) scale(g, i, 1.0 / length);
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
    return make(g, run, e, &none);
}

/* v(i) = M vhat(i-1) - a v(i-1) - b v(i-2), M without c_0 but on the samples; in a hidden run M v(i-1) alone: (Q12), (Q13). */
static double next(kernel_general *g, const struct run *run, const struct general_event *e, double a, double b)
{
    size_t i = e->at, last = i - 1, p = g->first, t = e->updates;
    double *K = row(g, g->K, i), *S = row(g, g->S, i), *past = g->probe_past, own = e->kept / g->width_ratio;
    const double *R = row(g, general_R_g(g, 1), last), *C = row(g, g->C_g[1], last);
    for (size_t s = 0; s < i; s++) K[s] = -e->kept * general_spread(g, 0, t, s) * R[s];
    for (size_t s = 0; s < t; s++) K[s] -= g->step * g->kappa[s] * C[s];
    if (run->space == SAMPLES) K[last] -= row(g, g->C_g[1], t)[t];
    K[i] = 0.0;
    for (size_t s = p; s < i; s++) {
        past[s - p] = run->space == SAMPLES ? 0.0 : -K[s];
        if (run->space != SAMPLES) K[s] = 0.0;
    }
    if (run->space != HIDDEN) past[last - p] -= a;
    if (run->space != HIDDEN && last > p) past[last - 1 - p] -= b;
    g->source[i] = own;
    g->unit[i] = 0.0;
    for (size_t s = 0; s <= i; s++) {
        size_t asked = s < p ? s : s - 1; /* the event whose r_0 it is */
        S[s] = s == p ? 0.0 : own * g->source[s] * g->width_ratio * general_spread(g, 0, t, asked) * C[asked];
    }
    return make(g, run, e, &(struct general_past){.first = p, .count = i - p, .weight = past});
}

/* v through the network and back; returns the sum of c_l |psi^l|^2: vhat.M vhat/D, without c_0 but on the samples. */
static double pass(kernel_general *g, const struct run *run, const struct general_event *e)
{
    size_t i = e->at, t = e->updates;
    int L = g->depth;
    double sum = 0.0;
    for (int l = run->space == HIDDEN ? 2 : 1; l <= L; l++) general_forward(g, e, l);
    for (int l = L; l >= 1; l--) general_backward(g, e, l);
    for (int l = run->space == SAMPLES ? 0 : 1; l <= L; l++) {
        double c = l == L ? 1.0 : g->branch[l] * g->branch[l] * row(g, g->C_g[l + 1], t)[t];
        sum += c * row(g, g->C_h[l], i)[i];
    }
    return sum;
}

/* x(i) <- factor (x(i) - a x(i-1) - b x(i-2)) for x = h^1. */
static void combine(kernel_general *g, size_t i, double a, double b, double factor)
{
    size_t sources = 2 * (size_t)g->depth, x = general_h(g, 1);
    for (size_t j = 0; j < sources; j++) {
        double *K = general_coefficient(g, x, j);
        if (K == NULL) continue;
        if (a != 0.0) cblas_daxpy((int)i, -a, row(g, K, i - 1), 1, row(g, K, i), 1);
        if (b != 0.0) cblas_daxpy((int)i - 1, -b, row(g, K, i - 2), 1, row(g, K, i), 1);
        cblas_dscal((int)i + 1, factor, row(g, K, i), 1);
    }
    general_correlate(g, i, x, row(g, g->C_h[1], i));
}

/* The hidden vector of an event, made once for its length and once for itself; returns the length. */
static double make_hidden(kernel_general *g, const struct run *run, const struct general_event *e, double a, double b)
{
    general_forward(g, e, 1);
    combine(g, e->at, a, b, 1.0);
    double square = pass(g, run, e), length = square > 0.0 ? sqrt(square) : 0.0;
    if (length == 0.0) return 0.0;
    combine(g, e->at, 0.0, 0.0, 1.0 / length);
    (void)pass(g, run, e);
    return length;
}

/* `most` steps of Lanczos, fewer when nothing is left. */
static void lanczos(kernel_general *g, struct run *run, size_t most)
{
    size_t t = g->done - 1;
    double *a = g->probe_a, *b = g->probe_b, largest = 0.0;
    struct general_event e = {.at = g->done, .updates = t, .probe = 1, .kept = g->kept[t]};
    g->first = g->done;
    run->made = 0;
    double length = start(g, run, &e);
    for (size_t k = 0; length > 0.0; k++) {
        if (run->space == SAMPLES) general_hat(g, &e);
        else see_directly(g, e.at);
        if (run->space == HIDDEN) {
            length = make_hidden(g, run, &e, k > 0 ? a[k - 1] : 0.0, k > 1 ? b[k - 2] : 0.0);
            if (k > 0) b[k - 1] = length;
            if (!(length > exhausted * largest)) return;
        } else {
            general_forward(g, &e, 1);
            a[k] = pass(g, run, &e);
            if (++run->made == most) return;
        }
        e.at++;
        length = next(g, run, &e, a[k], k > 0 ? b[k - 1] : 0.0);
        if (run->space == HIDDEN) {
            a[k] = length * length;
            if (++run->made == most) return;
        } else {
            b[k] = length;
            if (!(length > exhausted * largest)) return;
        }
        largest = fmax(largest, fabs(a[k]));
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

/* The largest Ritz value of the first `made` rows. */
static double top(kernel_general *g, size_t made)
{
    if (made == 0) return NAN;
    cblas_dcopy((int)made, g->probe_a, 1, g->probe_ritz, 1);
    cblas_dcopy((int)made, g->probe_b, 1, g->probe_past, 1);
    return LAPACKE_dsterf((lapack_int)made, g->probe_ritz, g->probe_past) == 0 ? g->probe_ritz[made - 1] : NAN;
}

/* The same carried on to more rows: at an edge that is a square root it comes from below as 1/k^2; what is left is of the order 1/k^3 (Q15). */
static double carried_on(kernel_general *g, size_t made)
{
    double whole = top(g, made), half = top(g, made / 2), few = made > 1 ? (double)(made / 2) / (double)made : 0.0;
    return isnan(half) ? whole : whole + few * few / (1.0 - few * few) * (whole - half);
}

/* The edges of the bulk of X M X^T/P by the nested law (V3), which holds where there are no branches. */
static void nested_edges(const kernel_general *g, double edges[2])
{
    struct kernel_nested chain;
    double variance[NESTED_MOST], c[NESTED_MOST], sum = 0.0;
    size_t t = g->done - 1;
    for (int l = 0; l <= g->depth; l++) {
        c[l] = l < g->depth ? general_row(g, g->C_g[l + 1], t)[t] : 1.0;
        variance[l] = general_spread(g, l, t, t) * g->kept[t] * g->kept[t];
        sum += c[l];
    }
    edges[0] = edges[1] = NAN;
    if (g->residual || !isfinite(sum)) return;
    struct nested_network network = {.depth = g->depth,
                                     .variance = variance,
                                     .c = c,
                                     .width_ratio = g->width_ratio,
                                     .sample_ratio = g->flow && g->online ? 0.0 : g->sample_ratio,
                                     .modes = g->modes > 1 ? g->modes : 0,
                                     .eigenvalue = g->eigenvalue};
    kernel_nested_network(&chain, &network);
    kernel_nested_edges(&chain, edges);
}

/* The largest eigenvalue, and the edges of the bulk: those that Lanczos has not come to are the nested law's. */
static double leading(kernel_general *g, enum space space, size_t most, double edges[2])
{
    double law[2] = {NAN, NAN};
    struct run run = {.space = space};
    lanczos(g, &run, most);
    double largest = top(g, run.made);
    run.independent = 1;
    lanczos(g, &run, most);
    edges[0] = edge(g, run.made, -1.0);
    edges[1] = edge(g, run.made, 1.0);
    if (space == SAMPLES) nested_edges(g, law);
    for (int i = 0; i < 2; i++)
        if (isnan(edges[i])) edges[i] = law[i];
    return fmax(largest, isnan(edges[1]) ? carried_on(g, run.made) : edges[1]); /* fmax passes over nan */
}

/* Vectors that a run through fewer samples than inputs may have: what X does not see of them grows by (D/P)^{1/2} a step, as polynomials do outside of the
 * spectrum that they are orthogonal on, and takes its square of digits from what X sees. */
static size_t seen_by_samples(const kernel_general *g, size_t most)
{
    static const double digits = 1e-7; /* that are left */
    if ((g->flow && g->online) || g->sample_ratio >= 1.0) return most;
    double few = floor(log(digits / DBL_EPSILON) / log(1.0 / g->sample_ratio));
    return few < 2.0 ? 2 : few < (double)most ? (size_t)few : most;
}

void kernel_general_probe(kernel_general *g, int ntk, int sharpness, struct kernel_general_probe *out)
{
    double edges[2];
    *out = (struct kernel_general_probe){NAN, NAN, NAN, NAN};
    if (g->rows == g->steps || g->done == 0) return;
    size_t most = g->rows - g->steps - 1, t = g->done - 1;
    if (ntk) out->ntk_top = row(g, g->C_g[1], t)[t] + fmax(0.0, leading(g, g->width_ratio < 1.0 ? HIDDEN : INPUTS, most, edges));
    if (!sharpness) return;
    out->sharpness = leading(g, SAMPLES, seen_by_samples(g, most), edges);
    out->edge_lower = edges[0];
    out->edge_upper = edges[1];
}
