/*
 * Gradient flow of one network, dA_l/dt = (c/fan-in) g^{l+1} h^l^T, dw/dt = c h^L, c = gamma/sqrt(N/D) ((Y1) of doc/theory.md; in residual branches
 * with their factor, (S14)): between two rows as many steps of the Runge-Kutta method of Cash and Karp (six stages, order 5, with one of order 4 inside
 * of it) as the error asks for.
 *
 * A slope is a matrix of rank one, so that the weights of a stage are never formed: a product with them is one with A_l and the inner
 * products with the slopes before ((Y2), step.c). The step ends with one update of rank six. Memory grows by vectors, not by matrices; for
 * that reason the integrators of GSL, which keep nine copies of the state, are not used.
 *
 * Error. The two orders differ in A_l by h (c/fan-in) sum_j e_j g_j h_j^T; its Frobenius norm, from the inner products of the slopes, summed over
 * the layers, with that of w over sqrt(N), must not exceed TOLERANCE min(1, gamma) (Y3): an outlier, which is of order 1, is then off by no more in a
 * step, nor is the predictor, whose derivative by A_l is of order 1/gamma. The step is set by it with the usual rule; where the flow is slow the
 * largest rate of decay bounds it (3.73 over that rate), since a longer step lets errors grow, which are seen.
 *
 * The result depends on the network alone. Cost: six evaluations and three passes of an update a step.
 */
#include <cblas.h>
#include <math.h>

#include "base/error.h"
#include "network/network.h"

/* Errors of some 1e-6 at the end of a run; samples scatter by 1e-3 and more. The norm itself is rounded at 1e-9. */
static const double TOLERANCE = 1e-7;

/* Part of the step that the error allows; how much it may change at a time. */
static const double SAFETY = 0.9, LEAST_FACTOR = 0.2, MOST_FACTOR = 5.0;

/* A rate of decay times a step must be less: the end of the method's stability on the real axis. */
static const double STABLE = 3.73;

/* A stage this much longer than the first one, and than 1, is of a step that is far too long: it ends there, before numbers overflow. */
static const double FAR = 1e10;

static const double STAGE[NETWORK_STAGES][NETWORK_STAGES] = {
    {0},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {3.0 / 10, -9.0 / 10, 6.0 / 5},
    {-11.0 / 54, 5.0 / 2, -70.0 / 27, 35.0 / 27},
    {1631.0 / 55296, 175.0 / 512, 575.0 / 13824, 44275.0 / 110592, 253.0 / 4096},
};
static const double ORDER_5[NETWORK_STAGES] = {37.0 / 378, 0, 250.0 / 621, 125.0 / 594, 0, 512.0 / 1771};
static const double ORDER_4[NETWORK_STAGES] = {2825.0 / 27648, 0, 18575.0 / 48384, 13525.0 / 55296, 277.0 / 14336, 1.0 / 4};

/* ---- The error of a step ---- */

/* Inner products of NETWORK_STAGES rows of this length. */
static void inner_products(const double *rows, size_t length, double out[NETWORK_STAGES * NETWORK_STAGES])
{
    int n = (int)length;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, NETWORK_STAGES, NETWORK_STAGES, n, 1.0, rows, n, rows, n, 0.0, out, NETWORK_STAGES);
}

/* |sum_j e_j g_j h_j^T|_F; g NULL: |sum_j e_j h_j|. */
static double norm_of_sum(const double e[NETWORK_STAGES], const double *g, size_t rows, const double *h, size_t columns)
{
    double G[NETWORK_STAGES * NETWORK_STAGES], H[NETWORK_STAGES * NETWORK_STAGES], sum = 0;
    inner_products(h, columns, H);
    if (g != NULL) inner_products(g, rows, G);
    for (int i = 0; i < NETWORK_STAGES; i++)
        for (int j = 0; j < NETWORK_STAGES; j++) sum += e[i] * e[j] * H[i * NETWORK_STAGES + j] * (g != NULL ? G[i * NETWORK_STAGES + j] : 1.0);
    return isnan(sum) ? sum : sqrt(fmax(0, sum));
}

static double error_of(const struct network *n, double step)
{
    double e[NETWORK_STAGES];
    for (int j = 0; j < NETWORK_STAGES; j++) e[j] = step * n->coupling * (ORDER_5[j] - ORDER_4[j]);
    double sum = norm_of_sum(e, NULL, 0, n->h_rows[n->depth], n->width) / sqrt((double)n->width);
    for (int l = 0; l < n->depth; l++) {
        size_t fan_in = network_columns(n, l);
        sum += norm_of_sum(e, n->g_rows[l + 1], n->width, n->h_rows[l], fan_in) * (l > 0 ? n->branch : 1.0) / (double)fan_in;
    }
    return sum / (TOLERANCE * fmin(1, n->gamma));
}

/* ---- Steps ---- */

static void scaled(double out[NETWORK_STAGES], const double weight[NETWORK_STAGES], double step)
{
    for (int j = 0; j < NETWORK_STAGES; j++) out[j] = step * weight[j];
}

/* Sum of the sizes of a stage's vectors. */
static double length_of(const struct network *n, int stage)
{
    int N = (int)n->width;
    double sum = 0;
    for (int l = 0; l < n->depth; l++) {
        int fan_in = (int)network_columns(n, l);
        sum += cblas_dasum(fan_in, n->h_rows[l] + (size_t)stage * (size_t)fan_in, 1) + cblas_dasum(N, n->g_rows[l + 1] + (size_t)stage * n->width, 1);
    }
    return sum + cblas_dasum(N, n->h_rows[n->depth] + (size_t)stage * n->width, 1);
}

double network_flow_try(struct network *n, double step)
{
    double bend[NETWORK_STAGES], most = FAR * fmax(1, length_of(n, 0));
    for (int stage = 1; stage < NETWORK_STAGES; stage++) {
        scaled(bend, STAGE[stage], step);
        network_evaluate_stage(n, stage, bend);
        if (!isless(length_of(n, stage), most)) return INFINITY;
    }
    return error_of(n, step);
}

void network_flow_accept(struct network *n, double step)
{
    double bend[NETWORK_STAGES];
    scaled(bend, ORDER_5, step);
    network_bend(n, bend);
}

/* The factor from a step with this error to one that has just the error allowed. */
static double factor_of(double error)
{
    if (!isfinite(error)) return LEAST_FACTOR;
    return fmin(MOST_FACTOR, fmax(LEAST_FACTOR, SAFETY * pow(fmax(error, 1e-10), -0.2)));
}

int network_flow(struct network *n, double interval, dmft_error *err)
{
    struct network_flow *f = &n->flow;
    double left = interval - f->elapsed;
    if (!(f->step > 0)) f->step = left;
    for (;;) {
        double pieces = fmax(1, ceil(left / f->step)), step = left / pieces; /* equal ones, so that the last is not tiny */
        double error = network_flow_try(n, step), next = step * factor_of(error);
        if (error <= 1) {
            network_flow_accept(n, step);
            f->step = step < f->step ? fmax(f->step, next) : next;
            f->elapsed = pieces > 1 ? f->elapsed + step : 0;
            return pieces <= 1;
        }
        f->step = next;
        if (!(next > 1e-14 * interval)) return error_set(err, DMFT_ERROR_NUMERIC, "gradient flow: a step of %.3g is still too long", step);
    }
}

/* ---- How many ---- */

/* Mean of what A_k, or w for k = L, does to the square of a vector. */
static double gain(const dmft_problem *p, int k)
{
    int branch = p->residual && k > 0 && k < p->depth;
    return branch ? 1 + p->weight_variance[k] / p->depth : p->weight_variance[k];
}

/* About the largest rate at the start, (Y4): layer by layer the mean of what its learning takes off the error, with the spread of the spectra of
 * the matrices that are passed on the way, on the largest eigenvalue of the inputs. */
static double largest_rate(const dmft_problem *p)
{
    double rate = 0;
    for (int l = 0; l <= p->depth; l++) { /* what learns is A_l, or w for l = L */
        double mean = p->residual && l > 0 && l < p->depth ? 1.0 / p->depth : 1, spread = p->batch == BATCH_ONLINE ? 0 : 1 / p->sample_ratio;
        for (int k = 0; k <= p->depth; k++) mean *= k != l ? gain(p, k) : 1.0;
        if (l > 0) spread += 1 / p->width_ratio + l - 1;
        rate += mean * pow(1 + sqrt(spread), 2);
    }
    return rate * (p->modes > 0 ? p->eigenvalue[0] : 1.0);
}

double network_flow_steps(const dmft_problem *problem) { return (double)problem->steps + problem->time * largest_rate(problem) / STABLE; }
