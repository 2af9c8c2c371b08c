/*
 * Leading singular values of the weights of one network, and the overlaps of the first pair of singular vectors A (left), B (right) with the
 * vectors of the step: (g^{l+1}.A)^2/N, (h^l.B)^2/fan-in, and for A_0 the squared cosine (w*.B)^2/D; what (B5) of doc/theory.md
 * gives in the limit.
 *
 * The squared singular values are the largest eigenvalues of W W^T or W^T W, whichever is smaller, known by their products alone: two
 * matrix-vector products with W, the Gram matrix is not formed. The solver is that of spectrum/leading.h and not ARPACK, since ARPACK's routines
 * keep state in static variables and networks run in parallel threads. It starts from the vectors of the recorded step before, and from the
 * newest g or h, in whose direction the next outlier grows.
 *
 * Accuracy. An eigenvalue is off by at most the residual of its equation and, once its vector has separated, by the square of the residual over
 * the distance to the rest of the spectrum. TOLERANCE = 1e-8 therefore gives singular values to 1e-9 (neighbours closer than 1e-7 apart: to
 * 5e-9), and vectors, which are off by residual/distance, to an angle of 1e-6 where the distance is 1e-2 of the value, as it is for outliers.
 * The Gram matrix has the relative rounding of the largest singular value squared: singular values below 1e-7 of the largest are rounding.
 *
 * The solver's tolerance is relative to the eigenvalue, which may be 0 (a layer of variance 0 has as many nonzero singular values as it has seen
 * directions): the mean eigenvalue |W|_F^2/order is added to the operator and taken off again.
 *
 * Cost: two matrix-vector products with W for each of the solver's products; at the top of a bulk, where neighbours are N^{-2/3} apart, it takes of
 * the order of N^{1/3} log(1/TOLERANCE) of them. Memory: (count + 2) vectors of the shorter side for each matrix.
 */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "network/network.h"

static const double TOLERANCE = 1e-8;

/* ---- Sizes ---- */

/* Order of the smaller Gram matrix of A_l. */
static double order_of(const dmft_problem *problem, int l)
{
    struct network_size n = network_size_of(problem);
    return l == 0 ? fmin(n.width, n.input_dim) : n.width;
}

/* The largest of those orders: A_0's is never above another's. */
static double largest_order(const dmft_problem *problem) { return order_of(problem, problem->depth - 1); }

static double wanted_of(const dmft_problem *problem) { return fmin(problem->outlier_count + 1.0, largest_order(problem)); }

double network_singular_doubles(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    double doubles = fmax(n.width, n.input_dim) + wanted_of(problem);
    for (int l = 0; l < problem->depth; l++) doubles += (wanted_of(problem) + 1) * order_of(problem, l);
    return doubles;
}

size_t network_layer_columns(const dmft_problem *problem) { return (size_t)problem->outlier_count + 1 + NETWORK_OVERLAPS; }

size_t network_spectrum_columns(const dmft_problem *problem) { return (size_t)problem->depth * network_layer_columns(problem); }

size_t network_spectrum_rows(const dmft_problem *problem) { return (size_t)((problem->rows - 1) / problem->outlier_every + 1); }

/* ---- Life ---- */

int network_singular_create(struct network *n, dmft_error *err)
{
    struct network_singular *s = &n->singular;
    size_t longest = n->width > n->input_dim ? n->width : n->input_dim;
    s->wanted = (size_t)wanted_of(n->problem);
    s->vectors = calloc((size_t)n->depth, sizeof *s->vectors);
    s->known = calloc((size_t)n->depth, sizeof *s->known);
    s->values = memory_doubles(s->wanted);
    s->partner = memory_doubles(longest);
    int whole = s->vectors != NULL && s->known != NULL && s->values != NULL && s->partner != NULL;
    for (int l = 0; whole && l < n->depth; l++)
        whole = (s->vectors[l] = memory_doubles((s->wanted + 1) * (size_t)order_of(n->problem, l))) != NULL;
    if (!whole) return error_memory(err, 8 * network_singular_doubles(n->problem));
    return spectrum_leading_create(&s->solver, (size_t)largest_order(n->problem), s->wanted, err);
}

void network_singular_free(struct network *n)
{
    struct network_singular *s = &n->singular;
    for (int l = 0; s->vectors != NULL && l < n->depth; l++) free(s->vectors[l]);
    free(s->vectors);
    free(s->known);
    free(s->values);
    free(s->partner);
    spectrum_leading_free(s->solver);
}

void network_singular_start(struct network *n)
{
    for (int l = 0; l < n->depth; l++) n->singular.known[l] = 0;
}

void network_singular_transfer(struct network *n, archive *a)
{
    for (int l = 0; l < n->depth; l++) {
        archive_size(a, &n->singular.known[l], n->singular.wanted);
        archive_doubles(a, n->singular.vectors[l], n->singular.known[l] * (size_t)order_of(n->problem, l));
    }
}

/* ---- The operator ---- */

/* W W^T + shift where W has fewer rows than columns (left), else W^T W + shift. */
struct gram {
    const double *matrix;
    size_t rows, columns;
    int left;
    double shift;
    double *between; /* a vector of the longer side */
};

/* Rows or columns of W that are worked on together: 64 x 1600 doubles still fit a second-level cache. Saves a fifth of the time from N = 800. */
enum { BLOCK = 64 };

/* y = W W^T x + shift x or W^T W x + shift x. W goes by in blocks of columns or rows, so that it is fetched once and not twice. */
static void gram_apply(void *context, size_t order, const double *x, double *y)
{
    const struct gram *b = context;
    size_t longer = b->left ? b->columns : b->rows;
    for (size_t i = 0; i < order; i++) y[i] = b->shift * x[i];
    for (size_t first = 0; first < longer; first += BLOCK) {
        size_t count = longer - first < BLOCK ? longer - first : BLOCK;
        const double *W = b->matrix + (b->left ? first : first * b->columns);
        int rows = (int)(b->left ? b->rows : count), columns = (int)(b->left ? count : b->columns), stride = (int)b->columns;
        CBLAS_TRANSPOSE inward = b->left ? CblasTrans : CblasNoTrans, outward = b->left ? CblasNoTrans : CblasTrans;
        cblas_dgemv(CblasRowMajor, inward, rows, columns, 1.0, W, stride, x, 1, 0.0, b->between, 1);
        cblas_dgemv(CblasRowMajor, outward, rows, columns, 1.0, W, stride, b->between, 1, 1.0, y, 1);
    }
}

/* Fills the operator of A_l; 0 when A_l is 0. */
static int gram_of(const struct network *n, int l, struct gram *b)
{
    size_t rows = n->width, columns = network_columns(n, l);
    double norm = 0; /* by rows: an int cannot count the entries */
    for (size_t i = 0; i < rows; i++) norm += cblas_ddot((int)columns, n->weight[l] + i * columns, 1, n->weight[l] + i * columns, 1);
    *b = (struct gram){.matrix = n->weight[l], .rows = rows, .columns = columns, .left = rows < columns, .between = n->singular.partner};
    b->shift = norm / (double)(b->left ? rows : columns);
    return norm > 0;
}

/* ---- Measuring ---- */

static double squared_overlap(const double *x, const double *unit, size_t n)
{
    double product = cblas_ddot((int)n, x, 1, unit, 1);
    return product * product / (double)n;
}

/* The overlaps, from the first vector of the shorter side (unit) and its partner W^T u or W u of length `value`. */
static void measure_overlaps(struct network *n, int l, const struct gram *b, double *out)
{
    const double *vector = n->singular.vectors[l];
    double *partner = n->singular.partner;
    cblas_dgemv(CblasRowMajor, b->left ? CblasTrans : CblasNoTrans, (int)b->rows, (int)b->columns, 1.0, b->matrix, (int)b->columns, vector, 1,
                0.0, partner, 1);
    int length = (int)(b->left ? b->columns : b->rows);
    double norm = cblas_dnrm2(length, partner, 1);
    if (!(norm > 0)) return;
    cblas_dscal(length, 1.0 / norm, partner, 1);
    const double *A = b->left ? vector : partner, *B = b->left ? partner : vector;
    out[NETWORK_LEFT] = squared_overlap(n->g[l + 1], A, n->width);
    out[NETWORK_RIGHT] = squared_overlap(n->h[l], B, b->columns);
    if (l == 0) out[NETWORK_TO_TARGET] = squared_overlap(n->target, B, n->input_dim);
}

/* Adds the newest g or h to the vectors known, unless it is 0; returns how many there are to start from. */
static size_t add_start(struct network *n, int l, size_t order, int left)
{
    const double *newest = left ? n->g[l + 1] : n->h[l];
    size_t known = n->singular.known[l];
    if (!(cblas_dnrm2((int)order, newest, 1) > 0)) return known;
    memcpy(n->singular.vectors[l] + known * order, newest, order * sizeof *newest);
    return known + 1;
}

/* One layer's columns: see enum network_overlap. */
static int measure_layer(struct network *n, int l, double *out, dmft_error *err)
{
    struct network_singular *s = &n->singular;
    struct gram b;
    size_t order = (size_t)order_of(n->problem, l), count = s->wanted < order ? s->wanted : order;
    if (!gram_of(n, l, &b)) {
        for (size_t j = 0; j < count; j++) out[j] = 0;
        return DMFT_OK;
    }
    size_t starts = add_start(n, l, order, b.left);
    int status = spectrum_leading_solve(s->solver, gram_apply, &b, order, count, starts, TOLERANCE, s->values, s->vectors[l], order, err);
    if (status != DMFT_OK) return status;
    s->known[l] = count;
    for (size_t j = 0; j < count; j++) out[j] = sqrt(fmax(0, s->values[j] - b.shift));
    measure_overlaps(n, l, &b, out + network_layer_columns(n->problem) - NETWORK_OVERLAPS);
    return DMFT_OK;
}

int network_spectrum(struct network *n, double *out, dmft_error *err)
{
    size_t columns = network_layer_columns(n->problem);
    for (size_t i = 0; i < columns * (size_t)n->depth; i++) out[i] = NAN;
    for (int l = 0; l < n->depth; l++) {
        int status = measure_layer(n, l, out + (size_t)l * columns, err);
        if (status != DMFT_OK) return status;
    }
    return DMFT_OK;
}
