/* The outliers of a revealed matrix from step to step.
 *
 * Outlier j is the z at which the j-th largest eigenvalue of the pencil B(z) of (B4) equals z. The search goes in the variable lambda^2
 * of (O2), where everything is smooth down to the edge lambda^2 = sigma^2/sqrt(psi), by Newton's method from where the outlier was heading.
 * An outlier that is not there yet is looked for at the edge. A step costs the forming of two to four pencils of order n = k_F + k_E, and
 * some twenty products of n^2 multiply-adds.
 */
#include "outlier/basis.h"

#include <cblas.h>
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
static const double settled = 1e-7;

struct outlier_basis {
    struct outlier_pencil pencil;
    const limit_rows *target;
    size_t count;
    double *B, *edge_now, *edge_before; /* pencils: under work; at the edge at this step and the one before */
    size_t order_before;
    double *vectors, *older; /* eigenvectors of each outlier at the last step and the one before: rows of stride 2 room */
    double *trial, *work;    /* count + 1 rows for a solve; one row */
    double *value, *at_edge; /* eigenvalues of a solve; those at the edge at this step */
    double *root, *root_older; /* lambda^2 of each outlier at the last steps; nan when it was in the bulk */
    double *z;
    struct outlier_escape *escape;
    long last_step;
    double norm2; /* n^2 of (B5) of the first outlier */
    spectrum_leading *leading;
    long products; /* of workspaces that were outgrown */
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
    wide.vectors = widened(b->vectors, n > 0 ? b->count : 0, n, stride, b->count, w);
    wide.older = widened(b->older, n > 0 ? b->count : 0, n, stride, b->count, w);
    wide.trial = memory_doubles((b->count + 1) * w);
    wide.work = memory_doubles(w);
    wide.leading = NULL;
    int whole = wide.B && wide.edge_now && wide.edge_before && wide.vectors && wide.older && wide.trial && wide.work;
    int status = whole ? DMFT_OK : error_memory(err, 96.0 * (double)room * (double)room);
    if (status == DMFT_OK) status = spectrum_leading_create(&wide.leading, w, b->count, err);
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
    b->last_step = -1;
    b->value = memory_doubles(count + 1);
    b->at_edge = memory_doubles(count + 1);
    b->root = memory_doubles(count);
    b->root_older = memory_doubles(count);
    b->z = memory_doubles(count);
    b->escape = calloc(count, sizeof *b->escape);
    int whole = b->value && b->at_edge && b->root && b->root_older && b->z && b->escape;
    int status = whole ? widen(b, FIRST_ROOM, err) : error_memory(err, 48.0 * (double)count);
    if (status != DMFT_OK) {
        outlier_basis_free(b);
        return status;
    }
    for (size_t j = 0; j < count; j++) {
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
    for (size_t j = 0; j < b->count; j++) {
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

/* Start vectors: those of the first `count` outliers as they were heading, and the newest learned pair, where a new outlier comes from. */
static void start_vectors(outlier_basis *b, const struct limit_view *view, size_t count)
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
static double next_point(const outlier_basis *b, struct search *k, double root, double f, double df)
{
    double next = df < 0.0 ? root - f / df : outlier_root_of(&b->pencil, b->value[k->j]);
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
    size_t j = k.j, n = outlier_pencil_order(&b->pencil);
    double tolerance = coarse;
    start_vectors(b, view, j + 1);
    for (int iteration = 0; iteration < 200; iteration++) {
        struct outlier_scalars s = outlier_scalars_at(&b->pencil, root);
        outlier_pencil_form(&b->pencil, view, &s, b->B);
        int status = solve(b, b->B, n, j + 1, iteration == 0 ? j + 2 : j + 1, tolerance, err);
        if (status != DMFT_OK) return status;
        double f = b->value[j] - s.z, slope = outlier_pencil_slope(&b->pencil, &s, b->trial + j * stride_of(b), b->work);
        if (f <= 0.0 && root <= k.low && !k.low_seen) return DMFT_OK; /* nothing above the edge: it sank into the bulk */
        double next = next_point(b, &k, root, f, slope - s.dz), change = fabs(next - root);
        if (tolerance == fine && change <= settled * root) {
            b->root[j] = next;
            b->z[j] = outlier_scalars_at(&b->pencil, next).z;
            if (j == 0) b->norm2 = 1.0 - slope / s.dz;
            keep_vector(b, j);
            return DMFT_OK;
        }
        if (change <= sqrt(settled) * root) tolerance = fine; /* the next point will do */
        root = next;
    }
    return error_set(err, DMFT_ERROR_NUMERIC, "outlier %zu did not converge near z = %.12g (edge %.12g)", j + 1,
                     outlier_scalars_at(&b->pencil, root).z, b->pencil.edge);
}

/* ---- the edge ---- */

/* The largest eigenvalue at the edge over the edge, less 1 (B9). Where there is no bulk, every outlier is infinitely far from it. */
static double excess(const outlier_basis *b, double value)
{
    if (b->pencil.edge > 0.0) return value / b->pencil.edge - 1.0;
    return value > 0.0 ? INFINITY : -1.0;
}

/* Notes the escape of outlier j. Its eigenvalues at the edge, at this step and the one before, are solved for in full only here. */
static int note_escape(outlier_basis *b, size_t j, long step, dmft_error *err)
{
    struct outlier_escape *e = &b->escape[j];
    if (e->step >= 0) return DMFT_OK;
    *e = (struct outlier_escape){.step = step, .time = (double)step};
    if (b->last_step < 0 || j >= b->order_before || !isfinite(excess(b, b->at_edge[j]))) return DMFT_OK;
    int status = solve(b, b->edge_now, outlier_pencil_order(&b->pencil), j + 1, j + 1, fine, err);
    if (status != DMFT_OK) return status;
    double now = excess(b, b->value[j]);
    status = solve(b, b->edge_before, b->order_before, j + 1, 0, fine, err);
    if (status != DMFT_OK) return status;
    double before = excess(b, b->value[j]);
    if (before < 0.0) e->time = (double)step - (double)(step - b->last_step) * now / (now - before);
    return DMFT_OK;
}

/* Looks at the edge for outliers from number j on, and follows those that are there. An eigenvalue that lies below the edge for certain is
 * not worked on further. */
static int find_new(outlier_basis *b, const struct limit_view *view, size_t j, long step, dmft_error *err)
{
    double low = outlier_edge_root(&b->pencil);
    struct outlier_scalars s = outlier_scalars_at(&b->pencil, low);
    size_t n = outlier_pencil_order(&b->pencil);
    outlier_pencil_form(&b->pencil, view, &s, b->edge_now);
    start_vectors(b, view, b->count);
    spectrum_leading_set_floor(b->leading, b->pencil.edge);
    int status = solve(b, b->edge_now, n, b->count, b->count + 1, coarse, err);
    spectrum_leading_set_floor(b->leading, -INFINITY);
    if (status != DMFT_OK) return status;
    for (size_t i = j; i < b->count && i < n; i++) keep_vector(b, i);
    memcpy(b->at_edge, b->value, b->count * sizeof *b->at_edge);
    for (size_t i = j; i < b->count && excess(b, b->at_edge[i]) > 0.0; i++) {
        struct search k = {.j = i, .low = low, .high = INFINITY, .low_seen = 1};
        status = note_escape(b, i, step, err);
        if (status == DMFT_OK) status = find_root(b, view, k, low > 0.0 ? low : outlier_root_of(&b->pencil, b->at_edge[i]), err);
        if (status != DMFT_OK) return status;
    }
    return DMFT_OK;
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

/* The outliers that were there at the last step, then those that may be new. */
static int follow(outlier_basis *b, const struct limit_view *view, long step, dmft_error *err)
{
    size_t j = 0;
    for (; j < b->count && !isnan(b->root[j]); j++) {
        struct search k = {.j = j, .low = outlier_edge_root(&b->pencil), .high = INFINITY};
        double last = b->root[j];
        int status = find_root(b, view, k, heading(b, j), err);
        if (status != DMFT_OK) return status;
        b->root_older[j] = last;
        if (isnan(b->z[j])) break;
    }
    for (size_t i = j; i < b->count; i++) b->root[i] = b->root_older[i] = NAN;
    return j < b->count ? find_new(b, view, j, step, err) : DMFT_OK;
}

int outlier_basis_step(outlier_basis *b, long step, struct outlier_state *state, dmft_error *err)
{
    struct limit_view view = limit_operator_view(b->pencil.A);
    int status = catch_up(b, &view, err);
    if (status != DMFT_OK) return status;
    for (size_t j = 0; j < b->count; j++) b->z[j] = NAN;
    status = follow(b, &view, step, err);
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
