/* Kernels of random features, (LF2): closed forms for linear, relu, leaky_relu and erf; for tanh, gelu and softplus Mehler's expansion (LF8),
 *
 *   <phi(u) phi(v)> = sum_m c_m(a) c_m(b) rho^m,   c_m(a) = <phi(sqrt(a) s) he_m(s)>,
 *
 * whose coefficients come from the trapezoid rule, which for analytic functions is exact to rounding once the step resolves them. The diagonal is
 * taken from the rule directly. Cost: rows x columns for closed forms, else up to ORDERS times that (fewer the further rho is from 1) and
 * rows x NODES x ORDERS. Memory: rows x (ORDERS + NODES). */
#include "model/gaussian_kernel.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"

enum {
    ORDERS = 512, /* c_m of tanh falls like exp(-pi sqrt(m/2a)): 1e-10 of <tanh^2> is left for a variance of 10 */
    NODES = 521   /* at a step of 1/20: up to |s| = 13, where the weight is 1e-37, and five nodes a wave of the last polynomial */
};
static const double step = 0.05;
static const double neglected = 1e-5; /* part of <phi^2> that may be beyond the last order */
static const double pi = 3.14159265358979323846, inverse_root_2pi = 0.39894228040143267794;

struct gaussian_kernel {
    enum activation_kind kind;
    dmft_activation activation;
    double *polynomial;  /* NODES x ORDERS: weight times he_m */
    double *field, *value; /* NODES; rows x NODES */
    double *coefficient; /* rows x ORDERS */
    double *square;      /* rows: <phi^2> */
};

static int expands(enum activation_kind kind) { return kind == ACTIVATION_TANH || kind == ACTIVATION_GELU || kind == ACTIVATION_SOFTPLUS; }

double gaussian_kernel_doubles(enum activation_kind kind, size_t rows)
{
    return expands(kind) ? (double)NODES * (ORDERS + 1.0) + (double)rows * (ORDERS + NODES + 1.0) : 0.0;
}

static double node(size_t i) { return ((double)i - 0.5 * (NODES - 1)) * step; }

/* Normalised Hermite polynomials: sqrt(m + 1) he_{m+1} = x he_m - sqrt(m) he_{m-1}. */
static void fill_polynomials(double *polynomial)
{
    for (size_t i = 0; i < NODES; i++) {
        double x = node(i), before = 0.0, he = inverse_root_2pi * step * exp(-0.5 * x * x), *row = polynomial + i * ORDERS;
        for (size_t m = 0; m < ORDERS; m++) {
            row[m] = he;
            double next = (x * he - sqrt((double)m) * before) / sqrt((double)(m + 1));
            before = he;
            he = next;
        }
    }
}

int gaussian_kernel_create(gaussian_kernel **out, enum activation_kind kind, size_t rows, dmft_error *err)
{
    gaussian_kernel *g = calloc(1, sizeof *g);
    if (g == NULL) return error_memory(err, sizeof *g);
    g->kind = kind;
    g->activation = activation_of(kind);
    if (expands(kind)) {
        g->polynomial = memory_doubles((size_t)NODES * ORDERS);
        g->field = memory_doubles(NODES);
        g->value = memory_doubles(rows * NODES);
        g->coefficient = memory_doubles(rows * ORDERS);
        g->square = memory_doubles(rows);
        if (!g->polynomial || !g->field || !g->value || !g->coefficient || !g->square) {
            gaussian_kernel_free(g);
            return error_memory(err, 8.0 * gaussian_kernel_doubles(kind, rows));
        }
        fill_polynomials(g->polynomial);
    }
    *out = g;
    return DMFT_OK;
}

void gaussian_kernel_free(gaussian_kernel *g)
{
    if (g == NULL) return;
    free(g->polynomial);
    free(g->field);
    free(g->value);
    free(g->coefficient);
    free(g->square);
    free(g);
}

/* ---- closed forms ---- */

static double correlation(double a, double b, double c)
{
    double rho = a > 0.0 && b > 0.0 ? c / (sqrt(a) * sqrt(b)) : 0.0;
    return rho > 1.0 ? 1.0 : rho < -1.0 ? -1.0 : rho;
}

/* The arc-cosine kernel of degree 1. */
static double relu(double a, double b, double c)
{
    double rho = correlation(a, b, c);
    return sqrt(a) * sqrt(b) / (2.0 * pi) * (sqrt((1.0 - rho) * (1.0 + rho)) + rho * (pi - acos(rho)));
}

static double closed(const gaussian_kernel *g, double a, double b, double c)
{
    if (g->kind == ACTIVATION_LINEAR) return c;
    if (g->kind == ACTIVATION_RELU) return relu(a, b, c);
    if (g->kind == ACTIVATION_ERF) return 2.0 / pi * asin(2.0 * c / (sqrt(1.0 + 2.0 * a) * sqrt(1.0 + 2.0 * b)));
    double below = -1.0, slope; /* leaky_relu: l u + (1 - l) relu(u), <u relu(v)> = c/2 */
    g->activation.apply(g->activation.user, 1, &below, &slope, NULL, NULL);
    double l = -slope;
    return l * c + (1.0 - l) * (1.0 - l) * relu(a, b, c);
}

/* ---- the expansion ---- */

static int expand(gaussian_kernel *g, const double *variance, size_t rows, dmft_error *err)
{
    for (size_t i = 0; i < rows; i++) {
        double *value = g->value + i * NODES;
        for (size_t q = 0; q < NODES; q++) g->field[q] = sqrt(variance[i]) * node(q);
        g->activation.apply(g->activation.user, NODES, g->field, value, NULL, NULL);
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, ORDERS, NODES, 1.0, g->value, NODES, g->polynomial, ORDERS, 0.0, g->coefficient, ORDERS);
    for (size_t i = 0; i < rows; i++) {
        double whole = 0.0, have = cblas_dnrm2(ORDERS, g->coefficient + i * ORDERS, 1);
        for (size_t q = 0; q < NODES; q++) whole += g->polynomial[q * ORDERS] * g->value[i * NODES + q] * g->value[i * NODES + q];
        g->square[i] = whole;
        if (whole - have * have > neglected * whole)
            return error_set(err, DMFT_ERROR_NUMERIC,
                             "the kernel of %s: %d Hermite polynomials miss %.2g of a row whose squared norm is %.3g times the mean; at most %.0e is allowed",
                             g->activation.name, ORDERS, 1.0 - have * have / whole, variance[i], neglected);
    }
    return DMFT_OK;
}

/* Orders beyond which rho^m is lost in rounding. */
static size_t orders_of(double rho)
{
    double size = fabs(rho);
    if (size >= 1.0) return ORDERS;
    double most = size > 0.0 ? log(DBL_EPSILON) / log(size) : 0.0;
    return most < ORDERS - 1 ? (size_t)most + 2 : ORDERS;
}

static double expanded(const gaussian_kernel *g, size_t i, size_t j, double rho)
{
    const double *c = g->coefficient + i * ORDERS, *d = g->coefficient + j * ORDERS;
    double sum = 0.0;
    for (size_t m = orders_of(rho); m-- > 0;) sum = sum * rho + c[m] * d[m];
    return sum;
}

int gaussian_kernel_apply(gaussian_kernel *g, const double *variance, size_t rows, size_t columns, double *K, dmft_error *err)
{
    int expansion = expands(g->kind), status = expansion ? expand(g, variance, rows, err) : DMFT_OK;
    if (status != DMFT_OK) return status;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns && (j <= i || i >= columns); j++) {
            double a = variance[i], b = variance[j], *k = &K[i * columns + j];
            *k = !expansion ? closed(g, a, b, i == j ? a : *k) : i == j ? g->square[i] : expanded(g, i, j, correlation(a, b, *k));
            if (i < columns) K[j * columns + i] = *k;
        }
    return DMFT_OK;
}
