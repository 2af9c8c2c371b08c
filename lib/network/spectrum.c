/*
 * Spectra of the weights of one deep linear network: leading singular values (singular.c), and the overlaps of the first pair of singular vectors
 * A (left), B (right) with the vectors of the step: (g^{l+1}.A)^2/N, (h^l.B)^2/fan-in, and for A_0 the squared cosine (w*.B)^2/|w*|^2; what (B5) of
 * doc/theory.md gives in the limit.
 *
 * Cost and memory: singular.c, which is given one new vector a matrix to start from, the newest g or h.
 */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "network/network.h"

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
    size_t L = (size_t)n->depth, *sizes = calloc(2 * L, sizeof *sizes);
    if (sizes == NULL) return error_memory(err, 2.0 * (double)L * sizeof *sizes);
    for (size_t l = 0; l < L; l++) {
        sizes[l] = n->width;
        sizes[L + l] = network_columns(n, (int)l);
    }
    int status = singular_create(&n->singular, L, sizes, sizes + L, (size_t)wanted_of(n->problem), 1, err);
    free(sizes);
    return status;
}

/* ---- Measuring ---- */

/* (x.unit)^2 over `square`. */
static double squared_overlap(const double *x, const double *unit, size_t n, double square)
{
    double product = cblas_ddot((int)n, x, 1, unit, 1);
    return product * product / square;
}

static void measure_overlaps(const struct network *n, int l, struct singular_pair pair, double *out)
{
    if (pair.left == NULL) return;
    size_t N = n->width, columns = network_columns(n, l);
    out[NETWORK_LEFT] = squared_overlap(n->g[l + 1], pair.left, N, (double)N);
    out[NETWORK_RIGHT] = squared_overlap(n->h[l], pair.right, columns, (double)columns);
    if (l == 0) out[NETWORK_TO_TARGET] = squared_overlap(n->target, pair.right, columns, n->target_square);
}

/* One layer's columns: see enum network_overlap. */
static int measure_layer(struct network *n, int l, double *out, dmft_error *err)
{
    struct singular_pair pair;
    const double *newest = singular_on_left(&n->singular, (size_t)l) ? n->g[l + 1] : n->h[l];
    struct singular_starts starts = {.count = 1, .vector = &newest};
    int status = singular_solve(&n->singular, (size_t)l, n->weight[l], starts, out, &pair, err);
    if (status == DMFT_OK) measure_overlaps(n, l, pair, out + network_layer_columns(n->problem) - NETWORK_OVERLAPS);
    return status;
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
