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
#include "spectrum/square.h"

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

/* ---- Solving ---- */

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
    struct singular_matrix *m = &s->matrix[i];
    struct spectrum_square b = spectrum_square_of(matrix, m->rows, m->columns, s->partner);
    size_t order = order_of(s, i), count = smaller(s->wanted, order);
    if (pair != NULL) *pair = (struct singular_pair){NULL, NULL};
    if (!(b.shift > 0)) {
        for (size_t j = 0; j < count; j++) values[j] = 0;
        return DMFT_OK;
    }
    int status = spectrum_leading_solve(s->solver, spectrum_square_apply, &b, order, count, add_starts(s, i, starts), TOLERANCE, s->values, m->vectors,
                                        order, err);
    if (status != DMFT_OK) return status;
    m->known = count;
    for (size_t j = 0; j < count; j++) values[j] = sqrt(fmax(0, s->values[j] - b.shift));
    if (pair != NULL && spectrum_square_partner(&b, m->vectors, s->partner) > 0)
        *pair = (struct singular_pair){.left = b.left ? m->vectors : s->partner, .right = b.left ? s->partner : m->vectors};
    return DMFT_OK;
}
