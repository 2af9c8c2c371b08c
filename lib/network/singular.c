/*
 * Leading singular values of weight matrices.
 *
 * The squared singular values are the largest eigenvalues of W W^T or W^T W, whichever is smaller, known by their products alone: two
 * matrix-vector products with W, the Gram matrix is not formed. The solver is that of spectrum/leading.h and not ARPACK, since ARPACK's routines
 * keep state in static variables and networks run in parallel threads. It starts from the vectors of the recorded step before, and from the
 * newest vectors of the network, in whose direction the next outlier grows.
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
 * the order of N^{1/3} log(1/TOLERANCE) of them. Memory: wanted + starts vectors of the shorter side for each matrix.
 */
#include "network/singular.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static const double TOLERANCE = 1e-8;

/* ---- Sizes ---- */

/* Products at a recorded step, over N^{1/3}: 35, 52, 65 of them were counted for N = 100, 400, 800. */
static const double PRODUCTS = 7;

double singular_space(double wanted) { return 32 + 4 * wanted; }

double singular_solver_doubles(double order, double wanted)
{
    double m = singular_space(wanted);
    return m * (3 * order + 2 * m + 64);
}

double singular_products(double order) { return PRODUCTS * cbrt(order); }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Length of the shorter side of matrix i. */
static size_t order_of(const struct singular *s, size_t i) { return smaller(s->matrix[i].rows, s->matrix[i].columns); }

int singular_on_left(const struct singular *s, size_t i) { return s->matrix[i].rows < s->matrix[i].columns; }

/* ---- Life ---- */

int singular_create(struct singular *s, size_t count, const size_t *rows, const size_t *columns, size_t wanted, size_t starts, dmft_error *err)
{
    size_t longest = 0, largest = 0, doubles = 0;
    s->count = count;
    s->wanted = wanted;
    s->starts = starts;
    s->matrix = calloc(count + 1, sizeof *s->matrix);
    int whole = s->matrix != NULL;
    for (size_t i = 0; whole && i < count; i++) {
        s->matrix[i] = (struct singular_matrix){.rows = rows[i], .columns = columns[i]};
        size_t order = order_of(s, i), longer = rows[i] + columns[i] - order;
        if (order > largest) largest = order;
        if (longer > longest) longest = longer;
        doubles += (wanted + starts) * order;
        whole = (s->matrix[i].vectors = memory_doubles((wanted + starts) * order)) != NULL;
    }
    s->values = memory_doubles(wanted);
    s->partner = memory_doubles(longest);
    if (!whole || s->values == NULL || s->partner == NULL) return error_memory(err, 8.0 * (double)(doubles + wanted + longest));
    return count > 0 ? spectrum_leading_create(&s->solver, largest, wanted, err) : DMFT_OK;
}

void singular_free(struct singular *s)
{
    for (size_t i = 0; s->matrix != NULL && i < s->count; i++) free(s->matrix[i].vectors);
    free(s->matrix);
    free(s->values);
    free(s->partner);
    spectrum_leading_free(s->solver);
}

void singular_start(struct singular *s)
{
    for (size_t i = 0; i < s->count; i++) s->matrix[i].known = 0;
}

void singular_transfer(struct singular *s, archive *a)
{
    for (size_t i = 0; i < s->count; i++) {
        archive_size(a, &s->matrix[i].known, s->wanted);
        archive_doubles(a, s->matrix[i].vectors, s->matrix[i].known * order_of(s, i));
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

/* Fills the operator of the matrix at place i; 0 when it is 0. */
static int gram_of(const struct singular *s, size_t i, const double *matrix, struct gram *b)
{
    size_t rows = s->matrix[i].rows, columns = s->matrix[i].columns;
    double norm = 0; /* by rows: an int cannot count the entries */
    for (size_t k = 0; k < rows; k++) norm += cblas_ddot((int)columns, matrix + k * columns, 1, matrix + k * columns, 1);
    *b = (struct gram){.matrix = matrix, .rows = rows, .columns = columns, .left = rows < columns, .between = s->partner};
    b->shift = norm / (double)(b->left ? rows : columns);
    return norm > 0;
}

/* ---- Solving ---- */

/* The pair, from the first vector of the shorter side (unit) and its partner W^T u or W u of length `value`. */
static struct singular_pair pair_of(struct singular *s, const struct gram *b, const double *vector)
{
    double *partner = s->partner;
    cblas_dgemv(CblasRowMajor, b->left ? CblasTrans : CblasNoTrans, (int)b->rows, (int)b->columns, 1.0, b->matrix, (int)b->columns, vector, 1,
                0.0, partner, 1);
    int length = (int)(b->left ? b->columns : b->rows);
    double norm = cblas_dnrm2(length, partner, 1);
    if (!(norm > 0)) return (struct singular_pair){NULL, NULL};
    cblas_dscal(length, 1.0 / norm, partner, 1);
    return (struct singular_pair){.left = b->left ? vector : partner, .right = b->left ? partner : vector};
}

/* Adds the newest vectors to those known, unless they are 0; returns how many there are to start from. */
static size_t add_starts(struct singular *s, size_t i, struct singular_starts starts)
{
    size_t order = order_of(s, i), rows = s->matrix[i].known;
    for (size_t j = 0; j < smaller(starts.count, s->starts); j++) {
        if (!(cblas_dnrm2((int)order, starts.vector[j], 1) > 0)) continue;
        memcpy(s->matrix[i].vectors + rows++ * order, starts.vector[j], order * sizeof(double));
    }
    return rows;
}

int singular_solve(struct singular *s, size_t i, const double *matrix, struct singular_starts starts, double *values, struct singular_pair *pair,
                   dmft_error *err)
{
    struct gram b;
    struct singular_matrix *m = &s->matrix[i];
    size_t order = order_of(s, i), count = smaller(s->wanted, order);
    if (pair != NULL) *pair = (struct singular_pair){NULL, NULL};
    if (!gram_of(s, i, matrix, &b)) {
        for (size_t j = 0; j < count; j++) values[j] = 0;
        return DMFT_OK;
    }
    int status = spectrum_leading_solve(s->solver, gram_apply, &b, order, count, add_starts(s, i, starts), TOLERANCE, s->values, m->vectors, order, err);
    if (status != DMFT_OK) return status;
    m->known = count;
    for (size_t j = 0; j < count; j++) values[j] = sqrt(fmax(0, s->values[j] - b.shift));
    if (pair != NULL) *pair = pair_of(s, &b, m->vectors);
    return DMFT_OK;
}
