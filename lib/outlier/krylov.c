/* Leading eigenvalues of X Y (O1) (N2), a nonsymmetric matrix known by products: block Arnoldi with restart, small eigenproblems by LAPACK's dgeevx.
 *
 * Every eigenvalue outside of the disc |mu| <= sigma^2/sqrt(psi) is real and an outlier; inside, leading ones may be complex. The space is therefore
 * extended by the residuals of whatever leads in modulus, pairs included. X Y is symmetric in the indefinite form r.K Y r, so that the quotient
 * (w.K s)/(r.K s) with s = Y r, w = X s, which needs no further product, is right to the square of the error of r (O10).
 *
 * m <= 24 + 6 want vectors of the space: a product comes with 4 m n multiply-adds of orthogonalisation, n the order, a round with 25 m^3 of dgeev.
 */
#include "outlier/krylov.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum {
    SPACE = 24,     /* vectors of the space, and .. */
    SPACE_MORE = 6, /* .. so many more an eigenvalue */
    BEYOND = 2,     /* vectors of a block beside those for the eigenvalues asked for */
    SCRATCH = 64
};

static const double rounding = 1e-14;  /* of the norm of the projected matrix: residuals as good as none */
static const double non_normal = 100.0; /* an eigenvalue of X Y can be so many residuals away: 30 were seen near the edge */
static const double as_good_as_real = 1e-9; /* imaginary part over modulus, of equal real eigenvalues that rounding has split */

/* One real eigenvalue, or a pair, of the projected matrix. */
struct item {
    double real, imaginary, modulus; /* imaginary > 0 of a pair */
    size_t column;                   /* of its eigenvector in U; the next column is the imaginary part of a pair's */
};

struct outlier_krylov {
    size_t order, want, most, block;
    double *V, *S, *W;            /* orthonormal v, Y v, X Y v: rows of stride `order` */
    double *H, *small, *U, *Q;    /* v_i.W_j; a copy; eigenvectors (columns); a basis of those kept in a restart */
    double *re, *im, *tau, *work; /* of LAPACK */
    double *fresh, *rotated;      /* vectors to come in; rows under way */
    struct item *item;
    size_t items;
    double size; /* Frobenius norm of H */

    double *root, *left, *r, *s; /* results */
    size_t *place;        /* the item of each */
    size_t found;

    struct outlier_products p; /* of the solve under way */
    size_t n, m;
    long products;
    uint64_t noise;
};

/* ---- making ---- */

int outlier_krylov_create(outlier_krylov **out, size_t order, size_t want, dmft_error *err)
{
    outlier_krylov *w = calloc(1, sizeof *w);
    if (w == NULL) return error_memory(err, sizeof *w);
    size_t most = SPACE + SPACE_MORE * want, block = want + BEYOND + 1; /* a pair may be one too many */
    w->order = order;
    w->want = want;
    w->most = most;
    w->block = block;
    w->V = memory_doubles(most * order);
    w->S = memory_doubles(most * order);
    w->W = memory_doubles(most * order);
    w->rotated = memory_doubles(most * order);
    w->fresh = memory_doubles(block * order);
    w->H = memory_doubles(most * most);
    w->small = memory_doubles(most * most);
    w->U = memory_doubles(most * most);
    w->Q = memory_doubles(most * most);
    w->re = memory_doubles(most);
    w->im = memory_doubles(most);
    w->tau = memory_doubles(most);
    w->work = memory_doubles(SCRATCH * most);
    w->item = calloc(most, sizeof *w->item);
    w->root = memory_doubles(want);
    w->left = memory_doubles(want);
    w->r = memory_doubles(want * order);
    w->s = memory_doubles(want * order);
    w->place = calloc(want + 1, sizeof *w->place);
    int vectors = w->V && w->S && w->W && w->rotated && w->fresh && w->root && w->left && w->r && w->s && w->place;
    if (!vectors || !w->H || !w->small || !w->U || !w->Q || !w->re || !w->im || !w->tau || !w->work || !w->item) {
        outlier_krylov_free(w);
        return error_memory(err, 32.0 * (double)most * (double)order);
    }
    *out = w;
    return DMFT_OK;
}

void outlier_krylov_free(outlier_krylov *w)
{
    if (w == NULL) return;
    double *const all[] = {w->V, w->S, w->W, w->rotated, w->fresh, w->H, w->small, w->U, w->Q, w->re, w->im, w->tau, w->work, w->root, w->left, w->r, w->s};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(w->item);
    free(w->place);
    free(w);
}

size_t outlier_krylov_found(const outlier_krylov *w) { return w->found; }
double outlier_krylov_root(const outlier_krylov *w, size_t j) { return w->root[j]; }
double outlier_krylov_left(const outlier_krylov *w, size_t j) { return w->left[j]; }
const double *outlier_krylov_r(const outlier_krylov *w, size_t j) { return w->r + j * w->order; }
const double *outlier_krylov_s(const outlier_krylov *w, size_t j) { return w->s + j * w->order; }
long outlier_krylov_products(const outlier_krylov *w) { return w->products; }

/* ---- the space ---- */

/* x less its projection on the first m rows of V, of unit length, as row m; 0 when nothing of it is new. */
static int orthonormalise(outlier_krylov *w, const double *x, size_t m)
{
    int n = (int)w->n, stride = (int)w->order;
    double *v = w->V + m * w->order, before = cblas_dnrm2(n, x, 1);
    if (m >= w->most || m >= w->n || !isgreaterequal(before, DBL_MIN) || !isfinite(before)) return 0;
    memcpy(v, x, w->n * sizeof *v);
    cblas_dscal(n, 1.0 / before, v, 1);
    for (int pass = 0; pass < 3; pass++) {
        if (m > 0) {
            cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)m, n, 1.0, w->V, stride, v, 1, 0.0, w->tau, 1);
            cblas_dgemv(CblasRowMajor, CblasTrans, (int)m, n, -1.0, w->V, stride, w->tau, 1, 1.0, v, 1);
        }
        double size = cblas_dnrm2(n, v, 1);
        if (!isgreater(size, 1e-9)) return 0; /* rounding errors are all that is left */
        cblas_dscal(n, 1.0 / size, v, 1);
        if (size > 0.7) break; /* nothing was lost to cancellation */
    }
    return 1;
}

/* Takes the first `count` rows of `fresh` into the space; returns how many brought something new. */
static size_t extend(outlier_krylov *w, size_t count)
{
    size_t old = w->m, m = old, stride = w->order, most = w->most;
    for (size_t i = 0; i < count; i++) m += (size_t)orthonormalise(w, w->fresh + i * stride, m);
    size_t more = m - old;
    if (more == 0) return 0;
    w->p.apply(w->p.context, more, w->V + old * stride, w->S + old * stride, w->W + old * stride, stride, w->rotated);
    w->products += (long)more;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)more, (int)w->n, 1.0, w->V, (int)stride, w->W + old * stride, (int)stride, 0.0,
                w->H + old, (int)most);
    if (old > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)more, (int)old, (int)w->n, 1.0, w->V + old * stride, (int)stride, w->W, (int)stride,
                    0.0, w->H + old * most, (int)most);
    w->m = m;
    return more;
}

/* A vector without any direction of its own, the same ones in every solve. */
static void make_noise(outlier_krylov *w, double *x)
{
    for (size_t i = 0; i < w->n; i++) {
        w->noise = w->noise * 6364136223846793005ULL + 1442695040888963407ULL;
        x[i] = (double)(w->noise >> 11) * 0x1p-52 - 1.0;
    }
}

/* ---- the projected eigenproblem ---- */

static int falling(const void *a, const void *b)
{
    double x = ((const struct item *)a)->modulus, y = ((const struct item *)b)->modulus;
    return (x < y) - (x > y);
}

/* Eigenvalues and eigenvectors of H, in falling modulus. Returns LAPACK's info. */
static int project(outlier_krylov *w)
{
    size_t m = w->m;
    int order = (int)m;
    w->size = 0.0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) {
            double h = w->small[j * m + i] = w->H[i * w->most + j];
            w->size += h * h;
        }
    w->size = sqrt(w->size);
    w->items = 0;
    if (!isfinite(w->size)) return -1;
    double norm = 0.0;
    lapack_int low = 0, high = 0;
    /* no balancing: it scales up the rounding errors of a nearly nilpotent part until they spoil the vectors */
    int info = LAPACKE_dgeevx_work(LAPACK_COL_MAJOR, 'N', 'N', 'V', 'N', order, w->small, order, w->re, w->im, NULL, 1, w->U, order, &low, &high,
                                   w->tau, &norm, NULL, NULL, w->work, (int)(SCRATCH * w->most), NULL);
    if (info != 0) return info;
    for (size_t i = 0; i < m; i++) {
        double modulus = hypot(w->re[i], w->im[i]);
        int pair = w->im[i] > as_good_as_real * modulus;
        w->item[w->items++] = (struct item){.real = w->re[i], .imaginary = pair ? w->im[i] : 0.0, .modulus = modulus, .column = i};
        i += (size_t)pair;
    }
    qsort(w->item, w->items, sizeof *w->item, falling);
    return 0;
}

/* out <- sum_i c_i rows_i */
static void combine(const outlier_krylov *w, const double *rows, const double *c, double *out)
{
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)w->m, (int)w->n, 1.0, rows, (int)w->order, c, 1, 0.0, out, 1);
}

/* Writes the residual of an item to `out` (two rows for a pair, one else) and returns its norm. */
static double residual(const outlier_krylov *w, const struct item *t, double *out)
{
    int n = (int)w->n, m = (int)w->m, stride = (int)w->order;
    const double *c = w->U + t->column * w->m, *ci = c + w->m;
    combine(w, w->W, c, out);
    cblas_dgemv(CblasRowMajor, CblasTrans, m, n, -t->real, w->V, stride, c, 1, 1.0, out, 1);
    double size = cblas_dnrm2(n, out, 1);
    if (t->imaginary == 0.0) return size / cblas_dnrm2(m, c, 1);
    double *second = out + w->order;
    cblas_dgemv(CblasRowMajor, CblasTrans, m, n, t->imaginary, w->V, stride, ci, 1, 1.0, out, 1);
    combine(w, w->W, ci, second);
    cblas_dgemv(CblasRowMajor, CblasTrans, m, n, -t->real, w->V, stride, ci, 1, 1.0, second, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, m, n, -t->imaginary, w->V, stride, c, 1, 1.0, second, 1);
    return hypot(cblas_dnrm2(n, out, 1), cblas_dnrm2(n, second, 1));
}

/* Looks through the leading items until `count` real ones above the floor are found or the rest is below it. What is not found yet leaves its
 * residual in `fresh`; their number is returned. */
static size_t missing(outlier_krylov *w, const struct outlier_search *search, int round)
{
    size_t lacking = 0;
    double noise = rounding * w->size, floor = fmax(search->floor, noise); /* where X Y has rank one, all that follows is noise */
    w->found = 0;
    for (size_t i = 0; i < w->items && w->found < search->count && lacking < search->count + BEYOND; i++) {
        const struct item *t = &w->item[i];
        double left = w->m < w->n ? residual(w, t, w->fresh + lacking * w->order) : 0.0;
        if (round >= search->rounds && t->modulus + non_normal * left < floor) break;
        if (left > search->tolerance * t->modulus && left > (t->modulus < noise ? non_normal : 1.0) * noise) lacking += t->imaginary == 0.0 ? 1 : 2;
        if (t->imaginary == 0.0 && t->real > floor) {
            w->left[w->found] = left / t->modulus;
            w->place[w->found++] = i;
        }
    }
    return lacking;
}

/* ---- restart ---- */

/* rows <- Q^T rows */
static void rotate(outlier_krylov *w, double *rows, size_t keep)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)keep, (int)w->n, (int)w->m, 1.0, w->Q, (int)w->m, rows, (int)w->order, 0.0, w->rotated,
                (int)w->order);
    for (size_t i = 0; i < keep; i++) memcpy(rows + i * w->order, w->rotated + i * w->order, w->n * sizeof *rows);
}

/* Keeps the span of the leading half of the eigenvectors. */
static int restart(outlier_krylov *w)
{
    size_t m = w->m, keep = 0;
    for (size_t i = 0; i < w->items && keep + 2 <= w->most / 2; i++) {
        size_t columns = w->item[i].imaginary == 0.0 ? 1 : 2;
        memcpy(w->Q + keep * m, w->U + w->item[i].column * m, columns * m * sizeof *w->Q);
        keep += columns;
    }
    int rows = (int)m, columns = (int)keep, scratch = (int)(SCRATCH * w->most);
    int info = LAPACKE_dgeqrf_work(LAPACK_COL_MAJOR, rows, columns, w->Q, rows, w->tau, w->work, scratch);
    if (info == 0) info = LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, rows, columns, columns, w->Q, rows, w->tau, w->work, scratch);
    if (info != 0) return info;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, columns, rows, 1.0, w->H, (int)w->most, w->Q, rows, 0.0, w->small, columns);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, columns, columns, rows, 1.0, w->Q, rows, w->small, columns, 0.0, w->H, (int)w->most);
    rotate(w, w->V, keep);
    rotate(w, w->S, keep);
    rotate(w, w->W, keep);
    w->m = keep;
    return 0;
}

/* ---- solving ---- */

/* The quotient and the vectors of the real eigenvalue that place[j] points to. */
static void deliver(outlier_krylov *w, size_t j)
{
    const struct item *t = &w->item[w->place[j]];
    const double *c = w->U + t->column * w->m;
    double *r = w->r + j * w->order, *s = w->s + j * w->order, *image = w->rotated, *weighed = w->rotated + w->order;
    int n = (int)w->n;
    combine(w, w->V, c, r);
    combine(w, w->S, c, s);
    combine(w, w->W, c, image);
    w->p.weigh(w->p.context, s, weighed);
    double form = cblas_ddot(n, r, 1, weighed, 1), least = 1e-6 * cblas_dnrm2(n, r, 1) * cblas_dnrm2(n, weighed, 1);
    w->root[j] = fabs(form) > least ? cblas_ddot(n, image, 1, weighed, 1) / form : t->real;
    double size = cblas_dnrm2(n, image, 1);
    if (isless(size, DBL_MIN)) return; /* else the image, which has a smaller error than r */
    memcpy(r, image, w->n * sizeof *r);
    cblas_dscal(n, 1.0 / size, r, 1);
    cblas_dscal(n, w->root[j] / size, s, 1);
}

/* The start vectors, or a block of noise. */
static void begin(outlier_krylov *w, size_t count, const double *vectors, size_t starts, size_t stride)
{
    size_t block = starts > 0 ? starts : count + BEYOND;
    if (block > w->block) block = w->block;
    w->m = 0;
    w->noise = 1;
    for (size_t i = 0; i < block; i++) {
        double *x = w->fresh + i * w->order;
        if (starts > 0) memcpy(x, vectors + i * stride, w->n * sizeof *x);
        else make_noise(w, x);
    }
    (void)extend(w, block);
}

/* Room for `more` vectors, and the vectors; noise when they bring nothing. Then as often as `depth` says their images, as far as there is room. */
static int grow(outlier_krylov *w, size_t more, int depth)
{
    int info = w->m + w->block > w->most ? restart(w) : 0;
    if (info != 0) return info;
    size_t added = extend(w, more);
    if (added == 0) {
        make_noise(w, w->fresh);
        added = extend(w, 1);
    }
    for (; depth > 0 && added > 0 && w->m + added <= w->most; depth--) {
        memcpy(w->fresh, w->W + (w->m - added) * w->order, added * w->order * sizeof *w->fresh);
        added = extend(w, added);
    }
    return 0;
}

int outlier_krylov_solve(outlier_krylov *w, struct outlier_products p, struct outlier_search search, const double *vectors, size_t starts,
                         size_t stride, dmft_error *err)
{
    w->p = p;
    w->n = p.order;
    w->found = 0;
    if (!search.again) w->m = w->items = 0;
    if (w->n == 0 || search.count == 0) return DMFT_OK;
    long limit = w->products + (search.limit > 0 ? search.limit : 2000 + 20 * (long)w->n), enough = search.patience > 0 ? w->products + search.patience : limit;
    if (!search.again) begin(w, search.count, vectors, starts, stride);
    for (int round = 1;; round++) {
        int info = project(w);
        size_t lacking = info == 0 ? missing(w, &search, round) : 0;
        if (info == 0 && lacking == 0 && (round >= search.rounds || w->m == w->n)) break;
        if (info == 0 && w->products > enough && search.patience > 0) break;
        if (info == 0 && lacking == 0) {
            make_noise(w, w->fresh);
            lacking = 1;
        }
        if (info == 0) info = grow(w, lacking, search.depth);
        if (info != 0 || w->products > limit)
            return error_set(err, DMFT_ERROR_NUMERIC, "eigenvalues of order %zu: no convergence to %g in %ld products (LAPACK %d)", w->n,
                             search.tolerance, w->products, info);
    }
    for (size_t j = 0; j < w->found; j++) deliver(w, j);
    double floor = fmax(search.floor, rounding * w->size);
    while (w->found > 0 && !(w->root[w->found - 1] > floor)) w->found--; /* the quotient knows better */
    return DMFT_OK;
}

size_t outlier_krylov_next(outlier_krylov *w, size_t count, double *vectors, size_t stride, double *largest)
{
    size_t written = 0, known = 0;
    *largest = 0.0;
    for (size_t i = 0; i < w->items && written < count; i++) {
        const struct item *t = &w->item[i];
        if (known < w->found && w->place[known] == i) {
            known++;
            continue;
        }
        if (written == 0) *largest = t->modulus;
        combine(w, w->V, w->U + t->column * w->m, vectors + written++ * stride);
        if (t->imaginary != 0.0 && written < count) combine(w, w->V, w->U + (t->column + 1) * w->m, vectors + written++ * stride);
    }
    return written;
}
