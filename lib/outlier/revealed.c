/* Outliers of a revealed matrix from (N2): the pencil (O1) in the basis of the directions met, where correlations are 1, the responses are what
 * A told of itself, <f_i, A e_j>/sigma^2 split by which of the two was met first (N1), and the matrix S of what was learned takes the place of the
 * weights.
 *
 * With P_g = [[0, R^gT], [R^g, 1]] on (e, f), P_phi = [[0, R^phiT], [R^phi, 1]] on (f, e) and K = [[0, s], [s, S]] from (f, e) to (e, f), s = sigma^2:
 * X = P_g K, Y = P_phi K^T. As in outlier/kernels.h rho and tau carry a factor sigma, so that sigma R = M/sigma and s = sigma are what is computed with.
 * W = keep A + S is the same with keep sigma and keep M, whose quotient does not change.
 *
 * A product costs 6 k_E k_F multiply-adds and reads three matrices; a find two or three an outlier, with those that make sure of the rest some
 * ten to thirty. Where these do not settle the matter, which is rare, LAPACK's dgeev does, 25 (k_E + k_F)^3. Memory 2 k^2 + some 80 vectors of 2 k numbers.
 */
#include "outlier/revealed.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "outlier/krylov.h"
#include "outlier/scalars.h"

enum {
    FIRST_ROOM = 16,
    PAST = 2,          /* finds whose vectors start the next: their span holds the line through them */
    EXTRA = 3,         /* vectors of what may come next */
    WARM_ROUNDS = 3,   /* from vectors that are kept */
    COLD_ROUNDS = 12,  /* without any: noise has then grown by (largest/edge)^12 against the rest */
    DEPTH = 2,         /* products are cheap against the small eigenproblems */
    PATIENCE = 12,     /* products spent on what lies below the edge */
    LIMIT = 200        /* products before LAPACK is asked for all eigenvalues: crowded pairs below the edge can hold a restarted space up */
};

/* |X Y r - value r|/value; z is right to its square, an overlap to a fraction of it. */
static const double tolerance = 1e-10;
static const double good_enough = 1e-5; /* the same below the edge, where nothing may have converged */
static const double lowest = 0.25; /* of the edge: roots are told down to here */

struct outlier_revealed {
    size_t count, room;      /* outliers asked for; room for so many directions a side */
    size_t inputs, outputs;  /* of the last find */
    double *after, *before;  /* sigma R^g and sigma R^phiT, row stride `room`: the parts of M/sigma where f_i was met after and before e_j */
    const double *S;         /* the caller's, during a find */
    size_t stride;
    double sigma;
    double *past[PAST];      /* vectors (sigma rho, p) of the outliers, newest first: `count` rows of stride 2 room, rho at 0 and p at `room` */
    size_t known[PAST];
    double *extra, *start;   /* the same of what may come next; start vectors, packed */
    size_t extras;
    double *z, *root;
    double *left, *right;    /* `count` rows of stride `room` */
    outlier_krylov *krylov;
    long products;           /* of workspaces that were outgrown */
};

/* ---- making and growing ---- */

static size_t start_rows(const outlier_revealed *w) { return PAST * w->count + EXTRA + 1; }

static void free_arrays(outlier_revealed *w)
{
    double *const all[] = {w->after, w->before, w->past[0], w->past[1], w->extra, w->start, w->left, w->right};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    outlier_krylov_free(w->krylov);
}

/* Rows of two halves, each with room for `room` numbers now and `wide` then. */
static void copy_halves(double *to, size_t wide, const double *from, size_t room, size_t halves)
{
    for (size_t i = 0; i < halves; i++) memcpy(to + i * wide, from + i * room, room * sizeof *to);
}

static int widen(outlier_revealed *w, size_t room, dmft_error *err)
{
    outlier_revealed wide = *w;
    size_t count = w->count;
    wide.room = room;
    wide.after = memory_doubles(room * room);
    wide.before = memory_doubles(room * room);
    for (int i = 0; i < PAST; i++) wide.past[i] = memory_doubles(2 * room * count);
    wide.extra = memory_doubles(2 * room * EXTRA);
    wide.start = memory_doubles(2 * room * start_rows(w));
    wide.left = memory_doubles(room * count);
    wide.right = memory_doubles(room * count);
    wide.krylov = NULL;
    int whole = wide.after && wide.before && wide.past[0] && wide.past[1] && wide.extra && wide.start && wide.left && wide.right;
    int status = whole ? DMFT_OK : error_memory(err, 16.0 * (double)room * (double)(room + 5 * count));
    if (status == DMFT_OK) status = outlier_krylov_create(&wide.krylov, 2 * room, PAST * count + 1, err);
    if (status != DMFT_OK) {
        free_arrays(&wide);
        return status;
    }
    for (int i = 0; i < PAST; i++) copy_halves(wide.past[i], room, w->past[i], w->room, 2 * w->known[i]);
    copy_halves(wide.extra, room, w->extra, w->room, 2 * w->extras);
    copy_halves(wide.left, room, w->left, w->room, w->inputs + w->outputs > 0 ? count : 0);
    copy_halves(wide.right, room, w->right, w->room, w->inputs + w->outputs > 0 ? count : 0);
    if (w->krylov != NULL) wide.products += outlier_krylov_products(w->krylov);
    free_arrays(w);
    *w = wide;
    return DMFT_OK;
}

static void no_results(outlier_revealed *w)
{
    for (size_t j = 0; j < w->count; j++) w->z[j] = w->root[j] = NAN;
}

int outlier_revealed_create(outlier_revealed **out, size_t count, dmft_error *err)
{
    outlier_revealed *w = calloc(1, sizeof *w);
    if (w == NULL) return error_memory(err, sizeof *w);
    w->count = count;
    w->z = memory_doubles(count);
    w->root = memory_doubles(count);
    int status = w->z && w->root ? widen(w, FIRST_ROOM, err) : error_memory(err, 16.0 * (double)count);
    if (status != DMFT_OK) {
        outlier_revealed_free(w);
        return status;
    }
    no_results(w);
    *out = w;
    return DMFT_OK;
}

void outlier_revealed_free(outlier_revealed *w)
{
    if (w == NULL) return;
    free_arrays(w);
    free(w->z);
    free(w->root);
    free(w);
}

double outlier_revealed_z(const outlier_revealed *w, size_t j) { return j < w->count ? w->z[j] : NAN; }
double outlier_revealed_root(const outlier_revealed *w, size_t j) { return j < w->count ? w->root[j] : NAN; }

static int is_there(const outlier_revealed *w, size_t j) { return j < w->count && !isnan(w->z[j]); }

const double *outlier_revealed_left(const outlier_revealed *w, size_t j) { return is_there(w, j) ? w->left + j * w->room : NULL; }
const double *outlier_revealed_right(const outlier_revealed *w, size_t j) { return is_there(w, j) ? w->right + j * w->room : NULL; }
long outlier_revealed_products(const outlier_revealed *w) { return w->products + outlier_krylov_products(w->krylov); }

/* ---- products ---- */

/* to <- beta to + alpha M from, or M^T from, for `count` rows of one stride; M is k_F x k_E. */
static void times(const outlier_revealed *w, const double *M, size_t lead, int transposed, size_t count, const double *from, double beta, double *to,
                  size_t stride)
{
    int outputs = (int)w->outputs, inputs = (int)w->inputs, in = transposed ? outputs : inputs, out = transposed ? inputs : outputs;
    if (count == 1)
        cblas_dgemv(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, outputs, inputs, 1.0, M, (int)lead, from, 1, beta, to, 1);
    else
        cblas_dgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasNoTrans : CblasTrans, (int)count, out, in, 1.0, from, (int)stride, M, (int)lead, beta,
                    to, (int)stride);
}

static void scaled(const double *x, double factor, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) out[i] = factor * x[i];
}

/* (e, f) <- K (f, e), of one side: K_ = [[0, sigma], [sigma, S]], or with S^T in the place of S. `first` is the length of the first part of x. */
static void weigh_rows(const outlier_revealed *w, int transposed, size_t count, const double *x, double *out, size_t stride)
{
    size_t first = transposed ? w->inputs : w->outputs, second = transposed ? w->outputs : w->inputs;
    for (size_t i = 0; i < count; i++) {
        scaled(x + i * stride + first, w->sigma, second, out + i * stride);
        scaled(x + i * stride, w->sigma, first, out + i * stride + second);
    }
    times(w, w->S, w->stride, transposed, count, x + first, 1.0, out + second, stride);
}

static void weigh(const void *context, const double *s, double *out) { weigh_rows(context, 0, 1, s, out, 2 * ((const outlier_revealed *)context)->room); }

static void apply(const void *context, size_t count, const double *r, double *s, double *image, size_t stride, double *work)
{
    const outlier_revealed *w = context;
    size_t e = w->inputs, f = w->outputs;
    weigh_rows(w, 1, count, r, work, stride);
    for (size_t i = 0; i < count; i++) memcpy(s + i * stride + f, work + i * stride + f, e * sizeof *s);
    times(w, w->before, w->room, 0, count, work + f, 0.0, s, stride);
    times(w, w->before, w->room, 1, count, work, 1.0, s + f, stride);
    weigh_rows(w, 0, count, s, work, stride);
    for (size_t i = 0; i < count; i++) memcpy(image + i * stride + e, work + i * stride + e, f * sizeof *image);
    times(w, w->after, w->room, 1, count, work + e, 0.0, image, stride);
    times(w, w->after, w->room, 0, count, work, 1.0, image + e, stride);
}

/* ---- what the search starts from ---- */

/* One row of two halves as a vector of the matrix as it is now: new directions have had no part. */
static void pack(const outlier_revealed *w, const double *row, double *x)
{
    memcpy(x, row, w->inputs * sizeof *x);
    memcpy(x + w->inputs, row + w->room, w->outputs * sizeof *x);
}

static void unpack(const outlier_revealed *w, const double *x, double *row)
{
    memset(row, 0, 2 * w->room * sizeof *row);
    memcpy(row, x, w->inputs * sizeof *x);
    memcpy(row + w->room, x + w->inputs, w->outputs * sizeof *x);
}

/* A vector without any direction of its own, always the same: what kept vectors know nothing of, as matrices that fall apart into blocks have it, is
 * found from it. */
static void make_noise(double *x, size_t n)
{
    uint64_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        x[i] = (double)(state >> 11) * 0x1p-52 - 1.0;
    }
}

static size_t start_vectors(outlier_revealed *w)
{
    size_t stride = 2 * w->room, starts = 0;
    for (int i = 0; i < PAST; i++)
        for (size_t j = 0; j < w->known[i]; j++) pack(w, w->past[i] + j * stride, w->start + starts++ * stride);
    for (size_t j = 0; j < w->extras; j++) pack(w, w->extra + j * stride, w->start + starts++ * stride);
    if (starts > 0) make_noise(w->start + starts++ * stride, w->inputs + w->outputs);
    return starts;
}

/* Keeps what the last solve found from number `first` on, and what comes behind it, the largest modulus of which it returns. */
static double remember_extra(outlier_revealed *w, size_t first)
{
    double largest = 0.0;
    size_t stride = 2 * w->room, found = outlier_krylov_found(w->krylov);
    w->extras = 0;
    for (size_t j = first; j < found && w->extras < EXTRA; j++) unpack(w, outlier_krylov_r(w->krylov, j), w->extra + w->extras++ * stride);
    size_t more = outlier_krylov_next(w->krylov, EXTRA - w->extras, w->start, stride, &largest);
    for (size_t j = 0; j < more; j++) unpack(w, w->start + j * stride, w->extra + w->extras++ * stride);
    return largest;
}

/* The outliers just found become the newest. */
static double remember(outlier_revealed *w)
{
    double *oldest = w->past[PAST - 1];
    size_t stride = 2 * w->room;
    memmove(&w->past[1], &w->past[0], (PAST - 1) * sizeof *w->past);
    memmove(&w->known[1], &w->known[0], (PAST - 1) * sizeof *w->known);
    w->past[0] = oldest;
    w->known[0] = outlier_krylov_found(w->krylov);
    for (size_t j = 0; j < w->known[0]; j++) unpack(w, outlier_krylov_r(w->krylov, j), oldest + j * stride);
    return remember_extra(w, w->known[0]);
}

/* ---- finding ---- */

/* (N1): splits M by what was met first. */
static void split(outlier_revealed *w, const struct limit_view *view)
{
    double scale = view->variance > 0.0 ? 1.0 / sqrt(view->variance) : 0.0;
    for (size_t i = 0; i < w->outputs; i++) {
        const double *M = view->M + i * view->stride;
        double *after = w->after + i * w->room, *before = w->before + i * w->room;
        for (size_t j = 0; j < w->inputs; j++) {
            int f_later = view->in_order[j] < view->out_order[i];
            after[j] = f_later ? scale * M[j] : 0.0;
            before[j] = f_later ? 0.0 : scale * M[j];
        }
    }
}

static int nothing_learned(const outlier_revealed *w)
{
    for (size_t i = 0; i < w->outputs; i++)
        for (size_t j = 0; j < w->inputs; j++)
            if (w->S[i * w->stride + j] != 0.0) return 0;
    return 1;
}

/* (O10) for the pair with index j of the last solve. */
static void take(outlier_revealed *w, double psi, size_t j)
{
    size_t e = w->inputs, f = w->outputs;
    double variance = w->sigma * w->sigma, root = outlier_krylov_root(w->krylov, j);
    const double *r = outlier_krylov_r(w->krylov, j), *s = outlier_krylov_s(w->krylov, j);
    w->root[j] = variance > 0.0 ? root / variance : INFINITY;
    if (!(root > outlier_edge_root(variance, psi))) return;
    struct outlier_scalars at = outlier_scalars_at(variance, psi, root);
    weigh(w, s, w->start);
    double form = at.b * psi * cblas_ddot((int)(e + f), r, 1, w->start, 1), left = sqrt(2.0 * root * at.dz / form);
    w->z[j] = at.z;
    scaled(r + e, left, f, w->left + j * w->room);
    scaled(s + f, left * at.b * sqrt(psi), e, w->right + j * w->room);
}

static int solve(outlier_revealed *w, struct outlier_search search, size_t starts, dmft_error *err)
{
    struct outlier_products p = {.order = w->inputs + w->outputs, .apply = apply, .weigh = weigh, .context = w};
    return outlier_krylov_solve(w->krylov, p, search, w->start, starts, 2 * w->room, err);
}

/* X Y by its products with the unit vectors; `matrix` holds it column after column. */
static void form(const outlier_revealed *w, size_t n, double *matrix, double *unit, double *between, double *work)
{
    memset(unit, 0, n * n * sizeof *unit);
    for (size_t i = 0; i < n; i++) unit[i * n + i] = 1.0;
    apply(w, n, unit, between, matrix, n, work);
}

/* Puts the eigenvectors of the eigenvalues of largest modulus among the start vectors; returns their number. */
static size_t lead(outlier_revealed *w, size_t n, double *re, const double *im, const double *vectors)
{
    size_t starts = 0;
    while (starts + 2 <= w->count + 3) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (im[i] >= 0.0 && !isnan(re[i]) && (best == n || hypot(re[i], im[i]) > hypot(re[best], im[best]))) best = i;
        if (best == n) break;
        memcpy(w->start + starts++ * 2 * w->room, vectors + best * n, n * sizeof *vectors);
        if (im[best] > 0.0) memcpy(w->start + starts++ * 2 * w->room, vectors + (best + 1) * n, n * sizeof *vectors);
        re[best] = NAN; /* done with */
    }
    return starts;
}

/* The same by LAPACK, whose vectors the Krylov code then only has to look at. */
static int solve_densely(outlier_revealed *w, struct outlier_search search, dmft_error *err)
{
    size_t n = w->inputs + w->outputs;
    double *matrix = memory_doubles(n * n), *unit = memory_doubles(n * n), *vectors = memory_doubles(n * n), *work = memory_doubles(n * (n + 4));
    double *re = memory_doubles(n), *im = memory_doubles(n);
    int whole = matrix && unit && vectors && work && re && im, info = 0, order = (int)n;
    int status = whole ? DMFT_OK : error_memory(err, 32.0 * (double)n * (double)n);
    if (whole) {
        form(w, n, matrix, unit, vectors, work);
        double size = cblas_dasum((int)(n * n), matrix, 1);
        if (!isfinite(size)) status = error_set(err, DMFT_ERROR_NUMERIC, "eigenvalues of order %zu: the matrix is not finite", n);
    }
    if (status == DMFT_OK) {
        info = LAPACKE_dgeev_work(LAPACK_COL_MAJOR, 'N', 'V', order, matrix, order, re, im, NULL, 1, vectors, order, work, (int)(n * (n + 4)));
        if (info != 0) status = error_set(err, DMFT_ERROR_NUMERIC, "eigenvalues of order %zu: dgeev failed (%d)", n, info);
    }
    search.patience = 1;
    search.again = 0;
    if (status == DMFT_OK) status = solve(w, search, lead(w, n, re, im, vectors), err);
    double *const all[] = {matrix, unit, vectors, work, re, im};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    return status;
}

static size_t above(const outlier_revealed *w, double edge)
{
    size_t n = 0;
    while (n < outlier_krylov_found(w->krylov) && outlier_krylov_root(w->krylov, n) > edge) n++;
    return n;
}

/* One more outlier came up behind the others: it was hardly there in what the search started from. */
static int search_again(outlier_revealed *w, double psi, struct outlier_search all, dmft_error *err)
{
    all.again = 1;
    int status = solve(w, all, 0, err);
    if (status == DMFT_ERROR_NUMERIC) status = solve_densely(w, all, err);
    if (status != DMFT_OK) return status;
    (void)remember(w);
    for (size_t j = 0; j < outlier_krylov_found(w->krylov); j++) take(w, psi, j);
    return DMFT_OK;
}

/* What lies above the edge, and from there, without insisting, what is next below it. */
static int search(outlier_revealed *w, double psi, dmft_error *err)
{
    double edge = outlier_edge_root(w->sigma * w->sigma, psi);
    size_t starts = start_vectors(w);
    struct outlier_search all = {.count = w->count, .tolerance = tolerance, .floor = edge, .limit = LIMIT, .depth = DEPTH,
                                 .rounds = starts > 0 ? WARM_ROUNDS : COLD_ROUNDS};
    int status = solve(w, all, starts, err);
    if (status == DMFT_ERROR_NUMERIC) status = solve_densely(w, all, err);
    if (status != DMFT_OK) return status;
    double next = remember(w);
    for (size_t j = 0; j < outlier_krylov_found(w->krylov); j++) take(w, psi, j);
    if (outlier_krylov_found(w->krylov) == w->count || next <= lowest * edge) return DMFT_OK;
    struct outlier_search below = {.count = w->count, .tolerance = tolerance, .floor = lowest * edge, .rounds = 1, .patience = PATIENCE,
                                   .depth = DEPTH, .again = 1};
    status = solve(w, below, 0, err);
    if (status == DMFT_OK && above(w, edge) > w->known[0]) return search_again(w, psi, all, err);
    if (status != DMFT_OK) return status;
    (void)remember_extra(w, w->known[0]);
    for (size_t j = 0; j < outlier_krylov_found(w->krylov) && (!isnan(w->z[j]) || outlier_krylov_left(w->krylov, j) < good_enough); j++)
        if (isnan(w->z[j])) w->root[j] = fmin(outlier_krylov_root(w->krylov, j), edge) / (w->sigma * w->sigma);
    return DMFT_OK;
}

int outlier_revealed_find(outlier_revealed *w, const struct limit_view *view, dmft_error *err)
{
    size_t inputs = view->E->count, outputs = view->F->count, most = inputs > outputs ? inputs : outputs;
    int status = most <= w->room ? DMFT_OK : widen(w, most + most / 2, err);
    if (status != DMFT_OK) return status;
    w->inputs = inputs;
    w->outputs = outputs;
    w->S = view->S;
    w->stride = view->stride;
    w->sigma = view->keep * sqrt(view->variance);
    no_results(w);
    if (nothing_learned(w)) {
        for (size_t j = 0; j < w->count && w->sigma > 0.0; j++) w->root[j] = 0.0;
        return DMFT_OK;
    }
    split(w, view);
    return search(w, view->psi, err);
}

/* ---- checkpoints ---- */

void outlier_revealed_transfer(outlier_revealed *w, archive *a)
{
    dmft_error err;
    size_t room = w->room;
    archive_tag(a, "outlier_revealed");
    archive_size(a, &room, SIZE_MAX / 64);
    archive_size(a, &w->inputs, room);
    archive_size(a, &w->outputs, room);
    for (int i = 0; i < PAST; i++) archive_size(a, &w->known[i], w->count);
    archive_size(a, &w->extras, EXTRA);
    if (archive_reading(a) && archive_status(a) == DMFT_OK && room > w->room) {
        int status = widen(w, room, &err);
        if (status != DMFT_OK) archive_fail(a, status, &err);
    }
    if (archive_status(a) != DMFT_OK) return;
    archive_doubles(a, w->z, w->count);
    archive_doubles(a, w->root, w->count);
    for (int i = 0; i < PAST; i++) archive_rows(a, w->past[i], w->known[i], 2 * room, 2 * room);
    archive_rows(a, w->extra, w->extras, 2 * room, 2 * room);
    archive_rows(a, w->left, w->count, w->outputs, room);
    archive_rows(a, w->right, w->count, w->inputs, room);
}
