/* The outliers of a revealed matrix from step to step.
 *
 * Outlier j is the z at which the j-th largest eigenvalue of the pencil B(z) of (B4) equals z. The search goes in the variable lambda^2
 * of (O2), where everything is smooth down to the edge lambda^2 = sigma^2/sqrt(psi), by Newton's method from where the outlier was heading.
 * New ones are looked for at the edge: as many as the pencil B(edge) has eigenvalues above it.
 *
 * Krylov spaces find eigenvalues but cannot tell that there are no more. That is proven: edge - B(edge), with the known eigenvectors lifted out
 * of the way, has a Cholesky factorisation. The proof is made with a margin, and holds until the learned part has changed by as much or a
 * direction is met. If it fails, the dense eigenproblem is solved.
 *
 * A step costs the forming of three pencils of order n = k_F + k_E and some twenty products of n^2 multiply-adds an outlier; n^3/6 where the
 * proof is made.
 */
#include "outlier/basis.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "outlier/pencil.h"
#include "spectrum/leading.h"

enum { FIRST_ROOM = 16 };
/* |B x - value x|/value. An eigenvalue is right to its square over the gap, an eigenvector (the overlaps) to itself over the gap. */
static const double coarse = 1e-6, fine = 1e-10;
/* A relative change of lambda^2 by Newton's method; the error left is about its square. */
static const double settled = 1e-9;
/* Of the learned part: singular values below it have lost more digits to rounding than outliers are good for. */
static const double rounding = 1e-8;
static const double margin = 0.01; /* of the edge, in the proof that there are no more outliers */

struct outlier_basis {
    struct outlier_pencil pencil;
    const limit_rows *target;
    size_t count, tracked; /* asked for; followed: one more, so that the last one asked for can be told from the next */
    size_t found;          /* outliers at the last step, of those tracked */
    double *B, *edge_now, *edge_before; /* pencils: under work; at the edge at this step and the one before */
    size_t order_before;
    double *vectors, *older; /* eigenvectors of each outlier at the last step and the one before: rows of stride 2 room */
    double *trial, *work;    /* tracked + 1 rows for a solve; one row */
    double *value, *at_edge; /* eigenvalues of a solve; those at the edge at this step */
    double *root, *root_older; /* lambda^2 of each outlier at the last steps; nan when it was in the bulk */
    double *z;
    struct outlier_escape *escape;
    long last_step;
    double norm2; /* n^2 of (B5) of the first outlier */
    double learned; /* Frobenius norm of the learned part at this step */
    double bound;   /* eigenvalues at the edge beyond it are outliers: the edge, or what stands out of rounding where the edge is lower */
    spectrum_leading *leading;
    long products; /* of workspaces that were outgrown */

    double *proven_S;                      /* the learned part when it was proven that there are no more, row stride `room` */
    size_t proven_outputs, proven_inputs;  /* the directions then; 0 when there is no proof */
    double proven_margin;
};

/* ---- making and growing ---- */

static size_t stride_of(const outlier_basis *b) { return 2 * b->pencil.room; }

/* `total` rows of length `wide`, of which the first `count` begin with what old rows of `length` numbers hold; NULL when out of memory. */
static double *widened(const double *old, size_t count, size_t length, size_t stride, size_t total, size_t wide)
{
    double *x = memory_doubles(total * wide);
    for (size_t i = 0; x != NULL && i < count; i++) memcpy(x + i * wide, old + i * stride, length * sizeof *x);
    return x;
}

static void free_arrays(outlier_basis *b)
{
    free(b->B);
    free(b->edge_now);
    free(b->edge_before);
    free(b->vectors);
    free(b->older);
    free(b->trial);
    free(b->work);
    free(b->proven_S);
    spectrum_leading_free(b->leading);
}

/* Room for `room` directions a side, in all arrays. */
static int widen(outlier_basis *b, size_t room, dmft_error *err)
{
    outlier_basis wide = *b;
    size_t n = outlier_pencil_order(&b->pencil), stride = stride_of(b), w = 2 * room;
    wide.B = memory_doubles(w * w);
    wide.edge_now = memory_doubles(w * w);
    wide.edge_before = widened(b->edge_before, b->order_before, b->order_before, stride, w, w);
    wide.vectors = widened(b->vectors, n > 0 ? b->tracked : 0, n, stride, b->tracked, w);
    wide.older = widened(b->older, n > 0 ? b->tracked : 0, n, stride, b->tracked, w);
    wide.trial = memory_doubles((b->tracked + 1) * w);
    wide.work = memory_doubles(w);
    wide.proven_S = memory_doubles(room * room);
    wide.proven_outputs = wide.proven_inputs = 0;
    wide.leading = NULL;
    int whole = wide.B && wide.edge_now && wide.edge_before && wide.vectors && wide.older && wide.trial && wide.work && wide.proven_S;
    int status = whole ? DMFT_OK : error_memory(err, 96.0 * (double)room * (double)room);
    if (status == DMFT_OK) status = spectrum_leading_create(&wide.leading, w, b->tracked, err);
    if (status == DMFT_OK) status = outlier_pencil_widen(&wide.pencil, room, err);
    if (status != DMFT_OK) {
        free_arrays(&wide);
        return status;
    }
    if (b->leading != NULL) wide.products += spectrum_leading_products(b->leading);
    free_arrays(b);
    *b = wide;
    return DMFT_OK;
}

int outlier_basis_create(outlier_basis **out, const limit_operator *A, const limit_rows *target, size_t count, dmft_error *err)
{
    outlier_basis *b = calloc(1, sizeof *b);
    if (b == NULL) return error_memory(err, sizeof *b);
    outlier_pencil_init(&b->pencil, A);
    b->target = target;
    b->count = count;
    b->tracked = count + 1;
    b->last_step = -1;
    b->value = memory_doubles(b->tracked);
    b->at_edge = memory_doubles(b->tracked);
    b->root = memory_doubles(b->tracked);
    b->root_older = memory_doubles(b->tracked);
    b->z = memory_doubles(b->tracked);
    b->escape = calloc(b->tracked, sizeof *b->escape);
    int whole = b->value && b->at_edge && b->root && b->root_older && b->z && b->escape;
    int status = whole ? widen(b, FIRST_ROOM, err) : error_memory(err, 48.0 * (double)count);
    if (status != DMFT_OK) {
        outlier_basis_free(b);
        return status;
    }
    for (size_t j = 0; j < b->tracked; j++) {
        b->root[j] = b->root_older[j] = NAN;
        b->escape[j] = (struct outlier_escape){.step = -1, .time = NAN};
    }
    *out = b;
    return DMFT_OK;
}

void outlier_basis_free(outlier_basis *b)
{
    if (b == NULL) return;
    outlier_pencil_clear(&b->pencil);
    free_arrays(b);
    free(b->value);
    free(b->at_edge);
    free(b->root);
    free(b->root_older);
    free(b->z);
    free(b->escape);
    free(b);
}

long outlier_basis_products(const outlier_basis *b) { return b->products + spectrum_leading_products(b->leading); }

struct outlier_escape outlier_basis_escape(const outlier_basis *b, size_t j) { return b->escape[j]; }

/* Makes room in the (alpha, beta) of kept eigenvectors for directions that were met since. */
static void lengthen(const outlier_basis *b, double *vectors, size_t outputs, size_t inputs)
{
    size_t had_outputs = b->pencil.outputs, had_inputs = b->pencil.inputs;
    for (size_t j = 0; j < b->tracked; j++) {
        double *x = vectors + j * stride_of(b);
        memmove(x + outputs, x + had_outputs, had_inputs * sizeof *x);
        memset(x + had_outputs, 0, (outputs - had_outputs) * sizeof *x);
        memset(x + outputs + had_inputs, 0, (inputs - had_inputs) * sizeof *x);
    }
}

static int catch_up(outlier_basis *b, const struct limit_view *view, dmft_error *err)
{
    size_t outputs = view->F->count, inputs = view->E->count, most = outputs > inputs ? outputs : inputs;
    int status = most <= b->pencil.room ? DMFT_OK : widen(b, most + most / 2, err);
    if (status != DMFT_OK) return status;
    lengthen(b, b->vectors, outputs, inputs);
    lengthen(b, b->older, outputs, inputs);
    outlier_pencil_catch_up(&b->pencil, view);
    return DMFT_OK;
}

/* ---- eigenpairs of a pencil ---- */

struct dense {
    const double *B;
    size_t stride;
};

static void apply(void *context, size_t n, const double *x, double *y)
{
    const struct dense *d = context;
    cblas_dsymv(CblasRowMajor, CblasUpper, (int)n, 1.0, d->B, (int)d->stride, x, 1, 0.0, y, 1);
}

/* The first `count` eigenpairs of a formed pencil, in b->value and b->trial, from the first `starts` rows of b->trial. */
static int solve(outlier_basis *b, double *B, size_t n, size_t count, size_t starts, double tolerance, dmft_error *err)
{
    struct dense dense = {.B = B, .stride = stride_of(b)};
    return spectrum_leading_solve(b->leading, apply, &dense, n, count, starts, tolerance, b->value, b->trial, dense.stride, err);
}

/* Start vectors in b->trial: those of the first `count` outliers as they were heading, and the newest learned pair, where a new one comes from.
 * Returns their number. */
static size_t start_vectors(outlier_basis *b, const struct limit_view *view, size_t count)
{
    size_t n = outlier_pencil_order(&b->pencil), stride = stride_of(b);
    for (size_t j = 0; j < count; j++) {
        double *x = b->trial + j * stride;
        memcpy(x, b->vectors + j * stride, n * sizeof *x);
        double *old = b->older + j * stride, same = cblas_ddot((int)n, x, 1, old, 1);
        if (same == 0.0 || isnan(b->root_older[j])) continue;
        cblas_dscal((int)n, 2.0, x, 1);
        cblas_daxpy((int)n, same > 0.0 ? -1.0 : 1.0, old, 1, x, 1);
    }
    double *newest = b->trial + count * stride;
    memcpy(newest, view->c_out, b->pencil.outputs * sizeof *newest);
    memcpy(newest + b->pencil.outputs, view->c_in, b->pencil.inputs * sizeof *newest);
    return count + 1;
}

/* Keeps the j-th eigenvector of the last solve as that of outlier j. */
static void keep_vector(outlier_basis *b, size_t j)
{
    size_t at = j * stride_of(b), bytes = outlier_pencil_order(&b->pencil) * sizeof *b->vectors;
    memcpy(b->older + at, b->vectors + at, bytes);
    memcpy(b->vectors + at, b->trial + at, bytes);
}

/* ---- the root ---- */

/* The difference value(lambda^2) - z(lambda^2) of outlier j falls; its root lies in (low, high). */
struct search {
    size_t j;
    double low, high;
    int low_seen; /* the difference was found positive at `low`; else the low end is the edge and not seen yet */
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

/* Follows outlier k.j from lambda^2 = root. Its z and lambda^2 are left in b, nan where it sank into the bulk. */
static int find_root(outlier_basis *b, const struct limit_view *view, struct search k, double root, dmft_error *err)
{
    size_t j = k.j, n = outlier_pencil_order(&b->pencil), present = b->found > j + 1 ? b->found : j + 1;
    size_t starts = start_vectors(b, view, present); /* of all, as the one behind may have come to the front */
    double tolerance = coarse;
    for (int iteration = 0; iteration < 200; iteration++) {
        struct outlier_scalars s = outlier_scalars_at(&b->pencil, root);
        outlier_pencil_form(&b->pencil, view, &s, b->B);
        int status = solve(b, b->B, n, j + 1, starts, tolerance, err);
        if (status != DMFT_OK) return status;
        double f = b->value[j] - s.z, slope = outlier_pencil_slope(&b->pencil, &s, b->trial + j * stride_of(b), b->work);
        if (f <= 0.0 && root <= k.low && !k.low_seen) return DMFT_OK; /* nothing above the edge: it sank into the bulk */
        double newton = -f / (slope - s.dz);
        int at_rounding = fabs(f) <= 1e-15 * b->learned;
        if (tolerance == fine && (fabs(newton) <= settled * root || at_rounding)) { /* even across a bracket found by coarse values */
            b->root[j] = root + newton;
            b->z[j] = outlier_scalars_at(&b->pencil, b->root[j]).z;
            if (j == 0) b->norm2 = 1.0 - slope / s.dz;
            keep_vector(b, j);
            return DMFT_OK;
        }
        double next = next_point(&k, root, f, slope - s.dz);
        if (fabs(next - root) <= sqrt(settled) * root) tolerance = fine; /* the next point will do */
        root = next;
    }
    return error_set(err, DMFT_ERROR_NUMERIC, "outlier %zu did not converge near z = %.12g (edge %.12g)", j + 1,
                     outlier_scalars_at(&b->pencil, root).z, b->pencil.edge);
}

/* ---- the edge ---- */

/* The largest eigenvalue at the edge over the edge, less 1 (B9). */
static double excess(const outlier_basis *b, double value) { return value / b->pencil.edge - 1.0; }

/* Notes the escape of outlier j. Its eigenvalues at the edge, at this step and the one before, are solved for in full only here. */
static int note_escape(outlier_basis *b, size_t j, long step, dmft_error *err)
{
    struct outlier_escape *e = &b->escape[j];
    if (e->step >= 0) return DMFT_OK;
    *e = (struct outlier_escape){.step = step, .time = (double)step};
    if (b->last_step < 0 || j >= b->order_before) return DMFT_OK;
    int status = solve(b, b->edge_now, outlier_pencil_order(&b->pencil), j + 1, j + 1, fine, err);
    if (status != DMFT_OK) return status;
    double now = excess(b, b->value[j]);
    status = solve(b, b->edge_before, b->order_before, j + 1, 0, fine, err);
    if (status != DMFT_OK) return status;
    double before = excess(b, b->value[j]);
    if (before < 0.0) e->time = (double)step - (double)(step - b->last_step) * now / (now - before);
    return DMFT_OK;
}

/* ---- the proof that there are no more ---- */

/* Whether bound (1 - share) - B(edge) is positive definite once the `known` eigenvectors of the last solve are lifted: then B(edge) has at most
 * `known` eigenvalues above bound (1 - share), whatever the vectors. */
static int proven(outlier_basis *b, size_t known, double share)
{
    size_t n = outlier_pencil_order(&b->pencil), stride = stride_of(b);
    double bound = b->bound * (1.0 - share);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) b->B[i * stride + j] = -b->edge_now[i * stride + j];
        b->B[i * stride + i] += bound;
    }
    for (size_t i = 0; i < known; i++)
        cblas_dsyr(CblasRowMajor, CblasUpper, (int)n, 2.0 * (b->at_edge[i] - bound) + b->bound, b->trial + i * stride, 1, b->B, (int)stride);
    return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (int)n, b->B, (int)stride) == 0;
}

/* Frobenius norm of what was learned, less `from` where that is given (row stride `room`). */
static double learned_norm(const outlier_basis *b, const struct limit_view *view, const double *from)
{
    const struct outlier_pencil *p = &b->pencil;
    double sum = 0.0;
    for (size_t i = 0; i < p->outputs; i++)
        for (size_t j = 0; j < p->inputs; j++) {
            double change = view->S[i * view->stride + j] - (from != NULL ? from[i * p->room + j] : 0.0);
            sum += change * change;
        }
    return sqrt(p->psi * sum);
}

/* Whether the last proof still holds: by Weyl's inequality, while the learned part has changed by less than the margin. */
static int still_proven(const outlier_basis *b, const struct limit_view *view)
{
    const struct outlier_pencil *p = &b->pencil;
    if (b->proven_outputs != p->outputs || b->proven_inputs != p->inputs || p->outputs == 0) return 0;
    return learned_norm(b, view, b->proven_S) < b->proven_margin;
}

static void note_proof(outlier_basis *b, const struct limit_view *view, double share)
{
    struct outlier_pencil *p = &b->pencil;
    for (size_t i = 0; i < p->outputs; i++) memcpy(b->proven_S + i * p->room, view->S + i * view->stride, p->inputs * sizeof *b->proven_S);
    b->proven_outputs = p->outputs;
    b->proven_inputs = p->inputs;
    b->proven_margin = share * p->edge;
}

/* The first `tracked` eigenpairs of B(edge) by LAPACK, in b->value and b->trial. */
static int solve_densely(outlier_basis *b, dmft_error *err)
{
    int n = (int)outlier_pencil_order(&b->pencil), stride = (int)stride_of(b), got = 0;
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
    size_t n = outlier_pencil_order(&b->pencil), starts = start_vectors(b, view, b->found);
    spectrum_leading_set_floor(b->leading, b->bound);
    int status = solve(b, b->edge_now, n, b->tracked, starts, b->pencil.edge > 0.0 ? coarse : fine, err);
    spectrum_leading_set_floor(b->leading, -INFINITY);
    if (status != DMFT_OK) return status;
    memcpy(b->at_edge, b->value, b->tracked * sizeof *b->at_edge);
    *there = above_edge(b);
    *changed = *there != b->found;
    b->proven_outputs = 0;
    double share = proven(b, *there, margin) ? margin : 0.0;
    if (share > 0.0 || proven(b, *there, 0.0)) {
        note_proof(b, view, share);
        return DMFT_OK;
    }
    status = solve_densely(b, err);
    memcpy(b->at_edge, b->value, b->tracked * sizeof *b->at_edge);
    *there = above_edge(b);
    *changed = 1;
    return status;
}

/* The outliers as if none were known: all eigenvalues at the edge that lie above it, each followed from there. */
static int find_all(outlier_basis *b, const struct limit_view *view, size_t there, long step, dmft_error *err)
{
    double low = outlier_edge_root(&b->pencil);
    for (size_t i = 0; i < b->tracked && i < outlier_pencil_order(&b->pencil); i++) keep_vector(b, i);
    for (size_t i = 0; i < b->tracked; i++) b->root[i] = b->root_older[i] = b->z[i] = NAN;
    b->found = there;
    int status = DMFT_OK;
    for (size_t i = 0; i < there && status == DMFT_OK; i++) {
        struct search k = {.j = i, .low = low, .high = INFINITY, .low_seen = 1};
        status = note_escape(b, i, step, err);
        if (status == DMFT_OK) status = find_root(b, view, k, low, err);
    }
    return status;
}

/* Where there is no bulk the pencil does not depend on z: its positive eigenvalues are the outliers, there from the first update on. */
static int find_without_bulk(outlier_basis *b, const struct limit_view *view, long step, dmft_error *err)
{
    size_t there = 0;
    int changed = 0, status = look_at_edge(b, view, &there, &changed, err);
    for (size_t j = 0; j < b->tracked && status == DMFT_OK; j++) {
        b->root[j] = b->root_older[j] = NAN;
        if (j >= there) continue;
        keep_vector(b, j);
        b->z[j] = b->at_edge[j];
        b->root[j] = b->z[j] * b->z[j] / b->pencil.psi;
        if (b->escape[j].step < 0) b->escape[j] = (struct outlier_escape){.step = step, .time = (double)step};
    }
    b->found = there;
    b->norm2 = 1.0;
    return status;
}

/* ---- what is asked of the first outlier ---- */

/* sum_j beta_j <w, e_j> + (b/sqrt(psi)) sum_i alpha_i <w, x_i less its projection on E>, squared, times 2/n^2 (B5) */
static double fixed_overlap(outlier_basis *b, const struct limit_view *view)
{
    const struct outlier_pencil *p = &b->pencil;
    const double *alpha = b->vectors, *beta = alpha + p->outputs, *w = b->target->x;
    double *on_e = b->work, *on_x = b->work + p->inputs, bz = outlier_scalars_at(p, b->root[0]).b;
    int outputs = (int)p->outputs, inputs = (int)p->inputs;
    outlier_inner(view->E, p->inputs, w, 1, on_e);
    outlier_inner(view->X, p->outputs, w, 1, on_x);
    if (outputs > 0 && inputs > 0)
        cblas_dgemv(CblasRowMajor, CblasNoTrans, outputs, inputs, -p->psi, p->M, (int)p->room, on_e, 1, 1.0, on_x, 1);
    double sum = cblas_ddot(inputs, beta, 1, on_e, 1) + bz / sqrt(p->psi) * cblas_ddot(outputs, alpha, 1, on_x, 1);
    return 2.0 * sum * sum / b->norm2;
}

static void overlaps(outlier_basis *b, const struct limit_view *view, struct outlier_state *state)
{
    const double *alpha = b->vectors, *beta = alpha + b->pencil.outputs;
    double left = cblas_ddot((int)b->pencil.outputs, view->c_out, 1, alpha, 1);
    double right = cblas_ddot((int)b->pencil.inputs, view->c_in, 1, beta, 1);
    state->left_overlap = 2.0 * left * left / b->norm2;
    state->right_overlap = 2.0 * right * right / b->norm2;
    if (b->target != NULL) state->target_overlap = fixed_overlap(b, view);
}

/* ---- a step ---- */

/* Where lambda^2 of outlier j is heading, never below the edge. */
static double heading(const outlier_basis *b, size_t j)
{
    double root = b->root[j], older = b->root_older[j];
    double ahead = isnan(older) ? root : 2.0 * root - older;
    return ahead > outlier_edge_root(&b->pencil) ? ahead : root;
}

/* Follows the outliers of the last step; b->found counts those that are still there. */
static int follow(outlier_basis *b, const struct limit_view *view, dmft_error *err)
{
    size_t j = 0;
    for (; j < b->found; j++) {
        struct search k = {.j = j, .low = outlier_edge_root(&b->pencil), .high = INFINITY};
        double last = b->root[j];
        int status = find_root(b, view, k, heading(b, j), err);
        if (status != DMFT_OK) return status;
        b->root_older[j] = last;
        if (!(b->z[j] > b->bound)) break; /* sank into the bulk, and with it all behind it */
    }
    b->found = j;
    for (; j < b->tracked; j++) b->root[j] = b->root_older[j] = b->z[j] = NAN;
    return DMFT_OK;
}

static int update(outlier_basis *b, const struct limit_view *view, long step, dmft_error *err)
{
    size_t before = b->found, there = 0;
    int changed = 0;
    b->learned = learned_norm(b, view, NULL);
    b->bound = fmax(b->pencil.edge, rounding * b->learned);
    struct outlier_scalars s = outlier_scalars_at(&b->pencil, outlier_edge_root(&b->pencil));
    outlier_pencil_form(&b->pencil, view, &s, b->edge_now); /* kept for the next step, too */
    if (!(b->pencil.edge > 0.0)) return find_without_bulk(b, view, step, err);
    int status = follow(b, view, err);
    if (status != DMFT_OK) return status;
    if (b->found == before && still_proven(b, view)) return DMFT_OK;
    status = look_at_edge(b, view, &there, &changed, err);
    return status == DMFT_OK && changed ? find_all(b, view, there, step, err) : status;
}

int outlier_basis_step(outlier_basis *b, long step, struct outlier_state *state, dmft_error *err)
{
    struct limit_view view = limit_operator_view(b->pencil.A);
    int status = catch_up(b, &view, err);
    if (status != DMFT_OK) return status;
    for (size_t j = 0; j < b->tracked; j++) b->z[j] = NAN;
    status = update(b, &view, step, err);
    if (status != DMFT_OK) return status;
    double *edge = b->edge_before;
    b->edge_before = b->edge_now;
    b->edge_now = edge;
    b->order_before = outlier_pencil_order(&b->pencil);
    b->last_step = step;
    *state = (struct outlier_state){.z = b->z, .target_overlap = NAN, .left_overlap = NAN, .right_overlap = NAN};
    if (!isnan(b->z[0])) overlaps(b, &view, state);
    return DMFT_OK;
}
