/* The outliers of a revealed matrix from step to step.
 *
 * Outlier j is the z at which the j-th largest eigenvalue of the pencil B(z) of (B4) equals z. The search goes in the variable lambda^2
 * of (O2), where everything is smooth down to the edge lambda^2 = sigma^2/sqrt(psi), by Newton's method from where the outlier was heading.
 * New ones are looked for at the edge: as many as the pencil B(edge) has eigenvalues above it.
 *
 * That there are no more is proven (basis_proof.c). If it cannot be, the dense eigenproblem is solved.
 *
 * Each outlier starts from its last roots and eigenvectors, extrapolated by the order that would have done best at the step before.
 *
 * A step costs about five products of B with a vector an outlier, k_F^2 + k_E^2 + 2 k_F k_E multiply-adds each, and the forming of one pencil of order
 * n = k_F + k_E as long as an escape is to come, and what the proof takes.
 */
#include <cblas.h>
#include <gsl/gsl_integration.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "outlier/basis_state.h"

enum { POINTS = 4 }; /* of the quadrature inside a step */

/* |B x - value x|/value. An eigenvalue is right to its square over the gap, an eigenvector (the overlaps) to itself over the gap. */
static const double coarse = 1e-6, fine = 1e-10;
/* A relative change of lambda^2 by Newton's method; the error left is about its square. */
static const double settled = 1e-8;
/* Of a predicted root: the first solve is then the last. */
static const double trusted = 1e-6;
/* Of the learned part: singular values below it have lost more digits to rounding than outliers are good for. */
static const double rounding = 1e-8;

/* The root of one outlier; its eigenvector is in b->trial. */
struct hit {
    double root, z;           /* nan where it sank into the bulk */
    double dz, slope;         /* d/dlambda^2 of z and of the eigenvalue */
};

/* ---- eigenpairs of a pencil ---- */

/* B at one z, or a pencil that was formed. */
struct matrix {
    const struct outlier_pencil *pencil;
    struct outlier_scalars at;
    const double *formed; /* upper triangle; NULL: the pencil at `at` */
    size_t stride;
};

static void apply(void *context, size_t n, const double *x, double *y)
{
    const struct matrix *m = context;
    if (m->formed == NULL) outlier_pencil_apply(m->pencil, &m->at, x, y);
    else cblas_dsymv(CblasRowMajor, CblasUpper, (int)n, 1.0, m->formed, (int)m->stride, x, 1, 0.0, y, 1);
}

/* The first `count` eigenpairs, in b->value and b->trial, from the first `starts` rows of b->trial. */
static int solve(outlier_basis *b, struct matrix m, size_t n, size_t count, size_t starts, double tolerance, dmft_error *err)
{
    return spectrum_leading_solve(b->leading, apply, &m, n, count, starts, tolerance, b->value, b->trial, outlier_basis_stride(b), err);
}

static struct matrix pencil_at(const outlier_basis *b, double root)
{
    return (struct matrix){.pencil = &b->pencil, .at = outlier_pencil_scalars(&b->pencil, root)};
}

static struct matrix formed_pencil(const outlier_basis *b, const double *B) { return (struct matrix){.formed = B, .stride = outlier_basis_stride(b)}; }

/* ---- extrapolation ---- */

static const double extrapolation[OUTLIER_BASIS_MEMORY][OUTLIER_BASIS_MEMORY] = {{1.0}, {2.0, -1.0}, {3.0, -3.0, 1.0}, {4.0, -6.0, 4.0, -1.0}};

static double next_root(const struct followed *o, size_t order)
{
    double root = 0.0;
    for (size_t i = 0; i < order; i++) root += extrapolation[order - 1][i] * o->root[i];
    return root;
}

static void next_vector(const struct followed *o, size_t order, size_t n, double *x)
{
    memset(x, 0, n * sizeof *x);
    for (size_t i = 0; i < order; i++) cblas_daxpy((int)n, extrapolation[order - 1][i], o->vector[i], 1, x, 1);
}

/* Notes the order that would have met this root and unit vector best. */
static void rate_orders(outlier_basis *b, struct followed *o, double root, const double *vector)
{
    size_t n = outlier_pencil_order(&b->pencil);
    double best = INFINITY;
    for (size_t order = 1; order <= o->known; order++) {
        next_vector(o, order, n, b->work);
        double size = cblas_dnrm2((int)n, b->work, 1), sign = cblas_ddot((int)n, b->work, 1, vector, 1) < 0.0 ? -1.0 : 1.0;
        cblas_daxpy((int)n, -sign * size, vector, 1, b->work, 1);
        double off = cblas_dnrm2((int)n, b->work, 1) / size;
        if (!(off < best)) continue;
        best = off;
        o->order = order;
    }
    o->missed = fabs(next_root(o, o->order) / root - 1.0);
}

/* Start vectors in b->trial: those of the first `count` outliers as they were heading and, when a new one may come, the newest learned pair, where it
 * comes from. Returns their number. */
static size_t start_vectors(outlier_basis *b, const struct limit_view *view, size_t count, int newest)
{
    size_t n = outlier_pencil_order(&b->pencil), stride = outlier_basis_stride(b), starts = 0;
    for (size_t j = 0; j < count; j++) {
        const struct followed *o = &b->outlier[j];
        if (o->known > 0) next_vector(o, o->order, n, b->trial + starts++ * stride);
    }
    if (!newest && starts > 0) return starts;
    double *x = b->trial + starts * stride;
    memcpy(x, view->c_out, b->pencil.outputs * sizeof *x);
    memcpy(x + b->pencil.outputs, view->c_in, b->pencil.inputs * sizeof *x);
    return starts + 1;
}

static void forget(struct followed *o)
{
    o->known = 0;
    o->order = 1;
    o->missed = INFINITY;
}

/* Takes over the j-th eigenvector of the last solve, and its root, as those of outlier j at this step. */
static void keep(outlier_basis *b, size_t j, double root)
{
    struct followed *o = &b->outlier[j];
    size_t n = outlier_pencil_order(&b->pencil);
    const double *x = b->trial + j * outlier_basis_stride(b);
    if (o->known > 0) rate_orders(b, o, root, x);
    else forget(o);
    double *oldest = o->vector[OUTLIER_BASIS_MEMORY - 1], sign = o->known > 0 && cblas_ddot((int)n, o->vector[0], 1, x, 1) < 0.0 ? -1.0 : 1.0;
    memmove(&o->vector[1], &o->vector[0], (OUTLIER_BASIS_MEMORY - 1) * sizeof o->vector[0]);
    memmove(&o->root[1], &o->root[0], (OUTLIER_BASIS_MEMORY - 1) * sizeof o->root[0]);
    o->vector[0] = oldest;
    o->root[0] = root;
    for (size_t i = 0; i < n; i++) oldest[i] = sign * x[i];
    if (o->known < OUTLIER_BASIS_MEMORY) o->known++;
}

/* ---- the root ---- */

/* The difference value(lambda^2) - z(lambda^2) of outlier j falls; its root lies in (low, high). */
struct search {
    size_t j;
    size_t pairs;    /* solved for beside j at least */
    double low, high;
    int low_seen;    /* the difference was found positive at `low`; else the low end is the edge and not seen yet */
    double tolerance; /* of the first solve */
};

/* Newton's next point, kept inside the bracket; an unseen edge is looked at before the outlier is given up. */
static double next_point(struct search *k, double root, double f, double df)
{
    double next = root - f / df;
    if (f > 0.0) {
        k->low = root;
        k->low_seen = 1;
    } else {
        k->high = root;
    }
    if (!(next > k->low)) next = k->low_seen ? 0.5 * (k->low + k->high) : k->low;
    if (!(next < k->high)) next = 0.5 * (k->low + k->high);
    return next;
}

/* Follows outlier k.j from lambda^2 = root, with `starts` start vectors in b->trial: of all outliers, as the one behind may have come to the front. */
static int find_root(outlier_basis *b, struct search k, double root, size_t starts, struct hit *hit, dmft_error *err)
{
    size_t j = k.j, n = outlier_pencil_order(&b->pencil), pairs = j + 1 > k.pairs ? j + 1 : k.pairs;
    *hit = (struct hit){.root = NAN, .z = NAN};
    for (int iteration = 0; iteration < 200; iteration++) {
        struct matrix m = pencil_at(b, root);
        int status = solve(b, m, n, pairs, starts, k.tolerance, err);
        if (status != DMFT_OK) return status;
        double f = b->value[j] - m.at.z, slope = outlier_pencil_slope(&b->pencil, &m.at, b->trial + j * outlier_basis_stride(b), b->work);
        if (f <= 0.0 && root <= k.low && !k.low_seen) return DMFT_OK; /* nothing above the edge: it sank into the bulk */
        double newton = -f / (slope - m.at.dz);
        int at_rounding = fabs(f) <= 1e-15 * b->learned;
        if (k.tolerance == fine && (fabs(newton) <= settled * root || at_rounding)) { /* even across a bracket found by coarse values */
            *hit = (struct hit){.root = root + newton, .z = pencil_at(b, root + newton).at.z, .dz = m.at.dz, .slope = slope};
            return DMFT_OK;
        }
        double next = next_point(&k, root, f, slope - m.at.dz);
        if (fabs(next - root) <= 1e-4 * root) k.tolerance = fine; /* the next point will do */
        root = next;
        if (starts < pairs) starts = pairs; /* the vectors of this point */
    }
    return error_set(err, DMFT_ERROR_NUMERIC, "outlier %zu did not converge near z = %.12g (edge %.12g)", j + 1, pencil_at(b, root).at.z,
                     b->pencil.edge);
}

/* Notes the root of outlier j at this step. */
static void take(outlier_basis *b, size_t j, const struct hit *hit)
{
    b->z[j] = hit->z;
    if (isnan(hit->root)) return;
    keep(b, j, hit->root);
    b->outlier[j].norm2 = 1.0 - hit->slope / hit->dz;
    b->outlier[j].steep = hit->dz - hit->slope;
}

/* ---- the edge ---- */

static double edge_root(const outlier_basis *b) { return outlier_pencil_edge_root(&b->pencil); }

/* The largest eigenvalue at the edge over the edge, less 1 (B9). */
static double excess(const outlier_basis *b, double value) { return value / b->pencil.edge - 1.0; }

/* Were there steps since the last one that was looked at? Then (B9), which is between successive steps, tells no time. */
static int passed_over(const outlier_basis *b, long step) { return b->last_step >= 0 && step > b->last_step + 1; }

/* Notes the escape of outlier j. Its eigenvalues at the edge, at this step and the one before, are solved for in full only here. */
static int note_escape(outlier_basis *b, size_t j, long step, double time, dmft_error *err)
{
    struct outlier_escape *e = &b->escape[j];
    if (e->step >= 0 || j >= b->count) return DMFT_OK;
    *e = (struct outlier_escape){.step = step, .time = passed_over(b, step) ? NAN : time};
    if (b->last_step < 0 || j >= b->order_before || isnan(e->time)) return DMFT_OK;
    int status = solve(b, pencil_at(b, edge_root(b)), outlier_pencil_order(&b->pencil), j + 1, j + 1, fine, err);
    if (status != DMFT_OK) return status;
    double now = excess(b, b->value[j]);
    status = solve(b, formed_pencil(b, b->edge_before), b->order_before, j + 1, 0, fine, err);
    if (status != DMFT_OK) return status;
    double before = excess(b, b->value[j]);
    if (before < 0.0) e->time = time - (time - b->last_time) * now / (now - before);
    return DMFT_OK;
}

/* Whether the escape of an outlier that is asked for may still come, for which the pencil at the edge is kept from step to step. */
static int awaits_escape(const outlier_basis *b)
{
    for (size_t j = 0; j < b->count; j++)
        if (b->escape[j].step < 0) return 1;
    return 0;
}

static void keep_edge(outlier_basis *b)
{
    double *edge = b->edge_before;
    b->order_before = 0;
    if (!awaits_escape(b)) return;
    b->edge_before = b->edge_now;
    b->edge_now = edge;
    b->order_before = outlier_pencil_order(&b->pencil);
}

/* ---- that there are no more ---- */

/* By the eigenvectors at the roots of those that were followed, which need no further product than one each. */
static int prove_followed(outlier_basis *b, const struct limit_view *view)
{
    size_t n = outlier_pencil_order(&b->pencil);
    struct matrix edge = pencil_at(b, edge_root(b));
    if (!awaits_escape(b)) outlier_pencil_form(&b->pencil, &edge.at, b->edge_now);
    for (size_t j = 0; j < b->found; j++) {
        double *x = b->trial + j * outlier_basis_stride(b);
        memcpy(x, b->outlier[j].vector[0], n * sizeof *x);
        outlier_pencil_apply(&b->pencil, &edge.at, x, b->work);
        b->at_edge[j] = cblas_ddot((int)n, x, 1, b->work, 1);
    }
    return outlier_basis_prove(b, view, b->found);
}

/* The first `tracked` eigenpairs of B(edge) by LAPACK, in b->value and b->trial. */
static int solve_densely(outlier_basis *b, dmft_error *err)
{
    int n = (int)outlier_pencil_order(&b->pencil), stride = (int)outlier_basis_stride(b), got = 0;
    int wanted = (int)b->tracked < n ? (int)b->tracked : n;
    double *values = b->work; /* of length n */
    lapack_int support[2 * 64];
    memcpy(b->B, b->edge_now, (size_t)n * (size_t)stride * sizeof *b->B);
    int info = LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'L', n, b->B, stride, 0.0, 0.0, n - wanted + 1, n, 0.0, &got, values, b->trial,
                              stride, support);
    if (info == LAPACK_WORK_MEMORY_ERROR) return error_memory(err, 8.0 * n * 32.0);
    if (info != 0 || got != wanted) return error_set(err, DMFT_ERROR_NUMERIC, "dsyevr found %d of %d eigenvalues (%d)", got, wanted, info);
    for (int j = 0; j < wanted / 2; j++) cblas_dswap(n, b->trial + j * stride, 1, b->trial + (wanted - 1 - j) * stride, 1);
    for (size_t j = 0; j < b->tracked; j++) b->value[j] = (int)j < wanted ? values[wanted - 1 - (int)j] : -INFINITY;
    return DMFT_OK;
}

/* ---- new outliers ---- */

/* Eigenvalues above the edge among those in b->at_edge. */
static size_t above_edge(const outlier_basis *b)
{
    size_t n = 0;
    while (n < b->tracked && b->at_edge[n] > b->bound) n++;
    return n;
}

/* Leaves the leading eigenpairs at the edge in b->at_edge and b->trial, and the number of those above it. `changed` says whether the outliers
 * may be others than those that were followed. An eigenvalue that lies below the edge for certain is not worked on. */
static int look_at_edge(outlier_basis *b, const struct limit_view *view, size_t *there, int *changed, dmft_error *err)
{
    size_t n = outlier_pencil_order(&b->pencil), starts = start_vectors(b, view, b->found, 1);
    struct matrix edge = pencil_at(b, edge_root(b));
    spectrum_leading_set_floor(b->leading, b->bound);
    int status = solve(b, edge, n, b->tracked, starts, b->pencil.edge > 0.0 ? coarse : fine, err);
    spectrum_leading_set_floor(b->leading, -INFINITY);
    if (status != DMFT_OK) return status;
    memcpy(b->at_edge, b->value, b->tracked * sizeof *b->at_edge);
    *there = above_edge(b);
    *changed = *there != b->found;
    if (!awaits_escape(b)) outlier_pencil_form(&b->pencil, &edge.at, b->edge_now);
    if (outlier_basis_prove(b, view, *there)) return DMFT_OK;
    status = solve_densely(b, err);
    memcpy(b->at_edge, b->value, b->tracked * sizeof *b->at_edge);
    *there = above_edge(b);
    *changed = 1;
    return status;
}

/* The outliers as if none were known: all eigenvalues at the edge that lie above it, each followed from there. */
static int find_all(outlier_basis *b, size_t there, long step, double time, dmft_error *err)
{
    double low = edge_root(b);
    struct hit hit;
    for (size_t i = 0; i < b->tracked; i++) {
        forget(&b->outlier[i]);
        if (i < outlier_pencil_order(&b->pencil)) keep(b, i, low);
        b->z[i] = NAN;
    }
    b->found = there;
    int status = DMFT_OK;
    for (size_t i = 0; i < there && status == DMFT_OK; i++) {
        struct search k = {.j = i, .pairs = there, .low = low, .high = INFINITY, .low_seen = 1, .tolerance = coarse};
        status = note_escape(b, i, step, time, err);
        for (size_t j = 0; j < there; j++) next_vector(&b->outlier[j], 1, outlier_pencil_order(&b->pencil), b->trial + j * outlier_basis_stride(b));
        if (status == DMFT_OK) status = find_root(b, k, low, there, &hit, err);
        if (status != DMFT_OK) break;
        forget(&b->outlier[i]);
        take(b, i, &hit);
    }
    for (size_t i = there; i < b->tracked; i++) forget(&b->outlier[i]);
    return status;
}

/* Where there is no bulk the pencil does not depend on z: its positive eigenvalues are the outliers, there from the first update on. */
static int find_without_bulk(outlier_basis *b, const struct limit_view *view, long step, double time, dmft_error *err)
{
    size_t there = 0;
    int changed = 0, status = look_at_edge(b, view, &there, &changed, err);
    for (size_t j = 0; j < b->tracked && status == DMFT_OK; j++) {
        if (j >= there) {
            forget(&b->outlier[j]);
            continue;
        }
        b->z[j] = b->at_edge[j];
        keep(b, j, b->z[j] * b->z[j] / b->pencil.psi);
        b->outlier[j].norm2 = 1.0;
        if (b->escape[j].step < 0) b->escape[j] = (struct outlier_escape){.step = step, .time = passed_over(b, step) ? NAN : time};
    }
    b->found = there;
    return status;
}

/* ---- what is asked of the first outlier ---- */

/* sum_j beta_j <w, e_j> + (b/sqrt(psi)) sum_i alpha_i <w, x_i less its projection on E>, squared, times 2/n^2 (B5) */
static double fixed_overlap(outlier_basis *b, const struct limit_view *view)
{
    const struct outlier_pencil *p = &b->pencil;
    const double *alpha = b->outlier[0].vector[0], *beta = alpha + p->outputs, *w = b->target->x;
    double *on_e = b->work, *on_x = b->work + p->inputs, bz = outlier_pencil_scalars(p, b->outlier[0].root[0]).b;
    int outputs = (int)p->outputs, inputs = (int)p->inputs;
    outlier_inner(view->E, p->inputs, w, 1, on_e);
    outlier_inner(view->X, p->outputs, w, 1, on_x);
    if (outputs > 0 && inputs > 0)
        cblas_dgemv(CblasRowMajor, CblasNoTrans, outputs, inputs, -p->psi, p->M, (int)p->room, on_e, 1, 1.0, on_x, 1);
    double sum = cblas_ddot(inputs, beta, 1, on_e, 1) + bz / sqrt(p->psi) * cblas_ddot(outputs, alpha, 1, on_x, 1);
    return 2.0 * sum * sum / b->outlier[0].norm2;
}

static void overlaps(outlier_basis *b, const struct limit_view *view, struct outlier_state *state)
{
    const double *alpha = b->outlier[0].vector[0], *beta = alpha + b->pencil.outputs;
    double left = cblas_ddot((int)b->pencil.outputs, view->c_out, 1, alpha, 1);
    double right = cblas_ddot((int)b->pencil.inputs, view->c_in, 1, beta, 1);
    double norm2 = b->outlier[0].norm2;
    state->left_overlap = 2.0 * left * left / norm2;
    state->right_overlap = 2.0 * right * right / norm2;
    state->drift = 2.0 * sqrt(b->pencil.psi) * left * right / norm2; /* sqrt(psi) times (B8) */
    if (b->target != NULL) state->target_overlap = fixed_overlap(b, view);
}

/* d lambda^2 a unit of weight of the last g and phi: the drift over dz/dlambda^2, smooth through the edge (O7). `x` is the eigenvector, `steep` the
 * slope of z less that of the eigenvalue there. */
static double drift_of_root(const outlier_basis *b, const struct limit_view *view, double steep, const double *x)
{
    double left = cblas_ddot((int)b->pencil.outputs, view->c_out, 1, x, 1);
    double right = cblas_ddot((int)b->pencil.inputs, view->c_in, 1, x + b->pencil.outputs, 1);
    return 2.0 * sqrt(b->pencil.psi) * left * right / (steep * b->pencil.keep);
}

/* ---- inside a step ---- */

/* The roots of the first `count` outliers of the pencil as it stands, and the drift of each; nothing is noted. */
static int drifts(outlier_basis *b, const struct limit_view *view, size_t count, double *drift, dmft_error *err)
{
    int status = DMFT_OK;
    for (size_t j = 0; j < count && status == DMFT_OK; j++) {
        struct search k = {.j = j, .low = edge_root(b), .high = INFINITY, .tolerance = coarse};
        struct hit hit;
        size_t starts = start_vectors(b, view, b->found, 1);
        status = find_root(b, k, b->outlier[j].root[0], starts, &hit, err);
        drift[j] = status == DMFT_OK && !isnan(hit.root) ? drift_of_root(b, view, hit.dz - hit.slope, b->trial + j * outlier_basis_stride(b)) : NAN;
    }
    return status;
}

/* Change of lambda^2 of the first `count` <= found outliers while the last g and phi gain `weight`. */
static int integrate(outlier_basis *b, const struct limit_view *view, double weight, size_t count, double *change, dmft_error *err)
{
    gsl_integration_glfixed_table *table = gsl_integration_glfixed_table_alloc(POINTS);
    if (table == NULL) return error_memory(err, sizeof *table);
    double at = 0.0, *drift = b->at_edge; /* of length tracked */
    int status = DMFT_OK;
    for (size_t j = 0; j < count; j++) change[j] = 0.0;
    for (size_t i = 0; i < POINTS && status == DMFT_OK; i++) {
        double next = 0.0, share = 0.0;
        (void)gsl_integration_glfixed_point(0.0, weight, i, &next, &share, table);
        outlier_pencil_push(&b->pencil, next - at, view->c_out, view->c_in);
        at = next;
        status = drifts(b, view, count, drift, err);
        for (size_t j = 0; j < count; j++) change[j] += share * drift[j];
    }
    outlier_pencil_learn(&b->pencil, view);
    gsl_integration_glfixed_table_free(table);
    return status;
}

/* Without a bulk z does not depend on lambda^2 as above; no drift is integrated there. */
int outlier_basis_change(outlier_basis *b, double weight, double *change, dmft_error *err)
{
    struct limit_view view = limit_operator_view(b->pencil.A);
    size_t both = b->pencil.edge > 0.0 ? (b->found < b->count ? b->found : b->count) : 0;
    int status = integrate(b, &view, weight, both, b->ahead, err);
    for (size_t j = 0; j < b->count && status == DMFT_OK; j++) {
        double root = j < both ? b->outlier[j].root[0] : NAN, after = root + b->ahead[j];
        change[j] = j < both && after > edge_root(b) ? b->pencil.keep * (pencil_at(b, after).at.z - b->z[j]) : NAN;
        b->ahead[j] = NAN;
    }
    return status;
}

/* Records the node, or holds the step that led here against the ODE and integrates the next one where it is due. */
static int watch(outlier_basis *b, const struct limit_view *view, long step, double time, double rate, dmft_error *err)
{
    size_t both = b->found < b->count ? b->found : b->count;
    for (size_t j = 0; j < b->count; j++) {
        if (j < both && step == b->last_step + 1 && !isnan(b->ahead[j]))
            outlier_watch_inside(&b->watch, b->watch.variance, b->ahead_of[j], b->ahead[j], b->z[j]);
        b->ahead[j] = NAN;
    }
    if (!(b->pencil.edge > 0.0)) return DMFT_OK;
    for (size_t j = 0; j < both; j++) {
        const struct followed *o = &b->outlier[j];
        outlier_watch_outlier(&b->watch, j, o->root[0], rate * drift_of_root(b, view, o->steep, o->vector[0]) / o->root[0]);
    }
    outlier_watch_node(&b->watch, both, time);
    if (both == 0 || !outlier_watch_due(&b->watch, (size_t)step + 1)) return DMFT_OK;
    for (size_t j = 0; j < both; j++) b->ahead_of[j] = b->outlier[j].root[0];
    int status = integrate(b, view, rate, both, b->ahead, err);
    for (size_t j = 0; j < both && status != DMFT_OK; j++) b->ahead[j] = NAN;
    return status == DMFT_ERROR_NUMERIC ? DMFT_OK : status; /* a check that cannot be made does not end a run */
}

/* ---- a step ---- */

/* Follows the outliers of the last step; b->found counts those that are still there. `lost` is set where one cannot be told from the next. */
static int follow(outlier_basis *b, const struct limit_view *view, int *lost, dmft_error *err)
{
    size_t j = 0;
    for (; j < b->found; j++) {
        struct followed *o = &b->outlier[j];
        struct search k = {.j = j, .low = edge_root(b), .high = INFINITY, .tolerance = o->missed < trusted ? fine : coarse};
        struct hit hit;
        double heading = next_root(o, o->order);
        size_t starts = start_vectors(b, view, b->found, 0);
        int status = find_root(b, k, heading > k.low ? heading : o->root[0], starts, &hit, err);
        *lost = status == DMFT_ERROR_NUMERIC;
        if (*lost) break;
        if (status != DMFT_OK) return status;
        if (!isgreater(hit.z, b->bound)) break; /* sank into the bulk, and with it all behind it */
        take(b, j, &hit);
    }
    b->found = j;
    for (; j < b->tracked; j++) forget(&b->outlier[j]);
    return DMFT_OK;
}

/* Whether one of the outliers followed has run into another. It happens where parts of the matrix do not know of each other and a new direction
 * belongs to one: its outlier's last vector then ranks behind one that is exact already. */
static int doubled(const outlier_basis *b)
{
    int n = (int)outlier_pencil_order(&b->pencil);
    for (size_t i = 0; i < b->found; i++)
        for (size_t j = i + 1; j < b->found; j++) {
            const struct followed *x = &b->outlier[i], *y = &b->outlier[j];
            if (fabs(x->root[0] / y->root[0] - 1.0) < 1e-6 && fabs(cblas_ddot(n, x->vector[0], 1, y->vector[0], 1)) > 0.99) return 1;
        }
    return 0;
}

static int update(outlier_basis *b, const struct limit_view *view, long step, double time, dmft_error *err)
{
    size_t before = b->found, there = 0;
    int changed = 0, lost = 0;
    b->learned = outlier_basis_learned(b, view, NULL);
    b->bound = fmax(b->pencil.edge, rounding * b->learned);
    struct outlier_scalars s = pencil_at(b, edge_root(b)).at;
    if (awaits_escape(b)) outlier_pencil_form(&b->pencil, &s, b->edge_now);
    if (!(b->pencil.edge > 0.0)) return find_without_bulk(b, view, step, time, err);
    int status = follow(b, view, &lost, err);
    if (status != DMFT_OK) return status;
    lost |= doubled(b);
    if (b->found == before && !lost && (outlier_basis_still_proven(b, view) || prove_followed(b, view))) return DMFT_OK;
    status = look_at_edge(b, view, &there, &changed, err);
    return status == DMFT_OK && (changed || lost) ? find_all(b, there, step, time, err) : status;
}

/* What the last update found, as it is told: z of W, and the vectors of (B5). */
static void tell(outlier_basis *b)
{
    size_t n = outlier_pencil_order(&b->pencil);
    for (size_t j = 0; j < b->tracked; j++) b->told[j] = b->pencil.keep * b->z[j];
    for (size_t j = 0; j < b->count && j < b->found; j++) {
        const double *x = b->outlier[j].vector[0];
        double scale = sqrt(2.0 / b->outlier[j].norm2), *side = b->sides + j * outlier_basis_stride(b);
        for (size_t i = 0; i < n; i++) side[i] = scale * x[i];
    }
}

int outlier_basis_step_at(outlier_basis *b, long step, double time, double rate, struct outlier_state *state, dmft_error *err)
{
    struct limit_view view = limit_operator_view(b->pencil.A);
    int status = outlier_basis_catch_up(b, &view, err);
    if (status != DMFT_OK) return status;
    for (size_t j = 0; j < b->tracked; j++) b->z[j] = NAN;
    status = update(b, &view, step, time, err);
    if (status == DMFT_OK && b->watched) status = watch(b, &view, step, time, rate, err);
    if (status != DMFT_OK) return status;
    tell(b);
    keep_edge(b);
    b->last_step = step;
    b->last_time = time;
    *state = (struct outlier_state){.z = b->told, .target_overlap = NAN, .left_overlap = NAN, .right_overlap = NAN, .drift = NAN};
    if (!isnan(b->z[0])) overlaps(b, &view, state);
    return DMFT_OK;
}

int outlier_basis_step(outlier_basis *b, long step, struct outlier_state *state, dmft_error *err)
{
    return outlier_basis_step_at(b, step, (double)step, 0.0, state, err);
}
