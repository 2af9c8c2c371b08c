/*
 * Probes of one deep linear network: what a step does to the predictor, and how sharp the loss is.
 *
 * To first order in eta a step changes the predictor by eta M h^0, (S15) of doc/theory.md,
 *
 *     M = c_0 1 + (1/nu) sum_{l=1..L} c_l B_l^T B_l,   B_l = A_{l-1} .. A_0,   c_l = |g^{l+1}|^2/N for l < L,  c_L = 1
 *
 * with nu = N/D of the actual sizes; in residual branches B_l is the product of the branches, and c_l has a factor 1/L for 1 <= l < L. M x takes one
 * pass forward, psi_l = B_l x, and one back, chi_L = psi_L, chi_l = c_l psi_l + (the layer's transpose) chi_{l+1}, M x = c_0 x + A_0^T chi_1/nu; no
 * matrix is formed. ntk_top is its largest eigenvalue.
 *
 * Sharpness is that of K = X M X^T/P on all P training samples (online: on the batch of the step; in flow on their law: of Lambda^{1/2} M Lambda^{1/2}),
 * (S16). Where P < D a product goes through X itself; where P >= D through L_G^T M L_G with the same nonzero eigenvalues, X^T X/P = L_G L_G^T, factored
 * once a network (online: once a probe). RIDGE on the diagonal keeps the factor real where rounding would not; it moves nothing above rounding.
 *
 * The two largest eigenvalues of K are found to TOLERANCE, which is that of the residual: an eigenvalue is off by its square over the distance to the
 * next one, 1e-11 as a rule. The smallest one is the largest of (largest of K) - K, to LOWEST of the largest. A search starts from what the probe
 * before found, from the target, and from a vector of noise, the same in every run, so that nothing stays unseen; it depends on the network alone.
 *
 * Cost: 2 (N D + (L-1) N^2) multiply-adds a product, and D^2 (P >= D) or 2 P D (P < D) of a product with K; P D^2/2 + D^3/6 for L_G. Products: about
 * 2 D^{1/3} for M, 9 for K, with min(D, P) in place of D. Memory: D^2 (P >= D), 120 vectors of the order of K, and those of a pass.
 */
#include "network/probe.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cost.h"
#include "base/error.h"
#include "network/network.h"

/* Residuals, relative to the largest eigenvalue. */
static const double TOLERANCE = 1e-7, LOWEST = 1e-4;

/* On the diagonal of X^T X/P, relative to its largest entry, times D: a Cholesky factorisation is off by about as much. */
static const double RIDGE = 8 * DBL_EPSILON;

/* Products over the cube root of the order: 18 for the largest of M, 66 for the two largest of K, 26 for the smallest were counted for D = N = 1600 at steps 5
 * apart; with nothing to start from twice as many. */
static const double NTK_PRODUCTS = 2, SHARPNESS_PRODUCTS = 6 + 3;

enum { LARGEST = 2, STARTS = 2 };

/* ---- Sizes ---- */

static int is_probed(const dmft_problem *problem) { return problem->probes.ntk || problem->probes.sharpness; }

/* K is taken through the Gram matrix of the inputs. */
static int is_factored(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    return problem->probes.sharpness && !network_is_population(problem) && n.samples >= n.input_dim;
}

/* Order of K. */
static double order_of(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    return network_is_population(problem) ? n.input_dim : fmin(n.input_dim, n.samples);
}

static double largest_order(const dmft_problem *problem)
{
    return problem->probes.ntk ? network_size_of(problem).input_dim : order_of(problem);
}

size_t probe_rows(const dmft_problem *problem) { return is_probed(problem) ? (size_t)((problem->rows - 1) / problem->probes.every + 1) : 0; }

size_t probe_columns(const dmft_problem *problem) { return is_probed(problem) ? PROBE_NUMBERS : 0; }

double probe_doubles(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    if (!is_probed(problem)) return 0;
    double searches = problem->probes.ntk ? (1 + STARTS) * n.input_dim : 0;
    if (problem->probes.sharpness) searches += (LARGEST + 1 + 2 * STARTS) * order_of(problem);
    double factor = is_factored(problem) ? n.input_dim * n.input_dim : 0;
    return searches + factor + (problem->depth + 1) * n.width + 2 * n.input_dim + singular_solver_doubles(largest_order(problem), LARGEST);
}

/* ---- Operations ---- */

/* Of X^T X/P and its factor. */
static double factor_operations(const dmft_problem *problem)
{
    double D = network_size_of(problem).input_dim;
    return is_factored(problem) ? cost_of_products(D * D * network_size_of(problem).samples + D * D * D / 3, D) : 0;
}

double probe_start_operations(const dmft_problem *problem) { return problem->batch == BATCH_ONLINE ? 0 : factor_operations(problem); }

double probe_operations(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    double D = n.input_dim, K = order_of(problem), kernel = 4 * (n.width * D + (problem->depth - 1) * n.width * n.width), operations = 0;
    double orthogonalising = 8 * singular_space(LARGEST), through = network_is_population(problem) ? 0 : is_factored(problem) ? 2 * D * D : 4 * D * n.samples;
    if (problem->probes.ntk) operations += NTK_PRODUCTS * cbrt(D) * (kernel + orthogonalising * D);
    if (problem->probes.sharpness) operations += SHARPNESS_PRODUCTS * cbrt(K) * (kernel + through + orthogonalising * K);
    return operations + (problem->batch == BATCH_ONLINE ? factor_operations(problem) : 0);
}

/* ---- Life ---- */

/* 0 when there is no room. */
static int search_create(struct probe_search *s, double order, size_t wanted)
{
    *s = (struct probe_search){.order = (size_t)order, .wanted = wanted};
    return (s->vectors = memory_doubles((wanted + STARTS) * s->order)) != NULL;
}

int probe_create(struct probe *p, const dmft_problem *problem, dmft_error *err)
{
    struct network_size n = network_size_of(problem);
    size_t D = (size_t)n.input_dim, N = (size_t)n.width;
    if (!is_probed(problem)) return DMFT_OK;
    int whole = 1, sharpness = problem->probes.sharpness;
    if (problem->probes.ntk) whole = search_create(&p->ntk, n.input_dim, 1);
    if (sharpness) whole = search_create(&p->leading, order_of(problem), LARGEST) && whole;
    if (sharpness) whole = search_create(&p->lowest, order_of(problem), 1) && whole;
    if (is_factored(problem)) whole = (p->factor = memory_doubles(D * D)) != NULL && whole;
    p->psi = memory_doubles((size_t)problem->depth * N);
    p->chi = memory_doubles(N);
    p->inward = memory_doubles(D);
    p->outward = memory_doubles(D);
    if (!whole || p->psi == NULL || p->chi == NULL || p->inward == NULL || p->outward == NULL) return error_memory(err, 8 * probe_doubles(problem));
    return spectrum_leading_create(&p->solver, (size_t)largest_order(problem), LARGEST, err);
}

void probe_free(struct probe *p)
{
    free(p->ntk.vectors);
    free(p->leading.vectors);
    free(p->lowest.vectors);
    free(p->psi);
    free(p->chi);
    free(p->inward);
    free(p->outward);
    free(p->factor);
    spectrum_leading_free(p->solver);
}

void probe_start(struct probe *p)
{
    p->ntk.known = p->leading.known = p->lowest.known = 0;
    p->factored = 0;
}

void probe_transfer(struct probe *p, archive *a)
{
    struct probe_search *searches[] = {&p->ntk, &p->leading, &p->lowest};
    for (size_t i = 0; i < 3; i++) {
        if (searches[i]->vectors == NULL) continue;
        archive_size(a, &searches[i]->known, searches[i]->wanted);
        archive_doubles(a, searches[i]->vectors, searches[i]->known * searches[i]->order);
    }
}

/* ---- Operators ---- */

static double mean_square(const double *x, size_t n) { return cblas_ddot((int)n, x, 1, x, 1) / (double)n; }

/* y = M x. */
static void tangent_kernel(const struct network *n, const double *x, double *y)
{
    size_t N = n->width;
    int L = n->depth;
    double *psi = n->probe.psi, *chi = n->probe.chi; /* psi_l at (l-1) N */
    network_forward(n, 0, x, psi);
    for (int l = 1; l < L; l++) network_forward(n, l, psi + (size_t)(l - 1) * N, psi + (size_t)l * N);
    for (int l = L - 1; l >= 1; l--) {
        double *here = psi + (size_t)(l - 1) * N;
        network_backward(n, l, here + N, chi);
        cblas_dscal((int)N, n->branch * n->branch * mean_square(n->g[l + 1], N), here, 1);
        cblas_daxpy((int)N, 1.0, chi, 1, here, 1);
    }
    memcpy(y, x, n->input_dim * sizeof *y);
    network_to_inputs(n, (double)n->input_dim / (double)N, psi, mean_square(n->g[1], N), y);
}

/* What M stands between, F^T M F. */
enum through { NOTHING, INPUTS_LAW, INPUTS_FACTOR, INPUTS };

/* F^T M F, or `from` - F^T M F. */
struct operator {
    struct network *n;
    enum through through;
    int negative;
    double from;
};

static enum through through_of(const struct network *n)
{
    if (network_is_population(n->problem)) return INPUTS_LAW;
    return n->probe.factor != NULL ? INPUTS_FACTOR : INPUTS;
}

/* y = F x, or F^T x; y and x of the order of K and D do not overlap. */
static void factor(const struct operator *o, CBLAS_TRANSPOSE side, const double *x, double *y)
{
    const struct network *n = o->n;
    int D = (int)n->input_dim, P = (int)n->samples;
    if (o->through == INPUTS) { /* F = X^T/sqrt(P) */
        cblas_dgemv(CblasRowMajor, side == CblasNoTrans ? CblasTrans : CblasNoTrans, P, D, 1 / sqrt(P), n->inputs, D, x, 1, 0.0, y, 1);
        return;
    }
    memcpy(y, x, n->input_dim * sizeof *y);
    if (o->through == INPUTS_FACTOR) cblas_dtrmv(CblasRowMajor, CblasLower, side, CblasNonUnit, D, n->probe.factor, D, y, 1);
    for (int i = 0; o->through == INPUTS_LAW && n->root != NULL && i < D; i++) y[i] *= n->root[i];
}

static void apply(void *context, size_t order, const double *x, double *y)
{
    const struct operator *o = context;
    struct probe *p = &o->n->probe;
    factor(o, CblasNoTrans, x, p->inward);
    tangent_kernel(o->n, p->inward, p->outward);
    factor(o, CblasTrans, p->outward, y);
    for (size_t i = 0; o->negative && i < order; i++) y[i] = o->from * x[i] - y[i];
}

/* L_G of the present inputs. The lower triangle of rows is the upper one of columns. */
static int factor_inputs(struct network *n, dmft_error *err)
{
    struct probe *p = &n->probe;
    int D = (int)n->input_dim, P = (int)n->samples;
    double largest = 0;
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, D, P, 1.0 / P, n->inputs, D, 0.0, p->factor, D);
    for (size_t i = 0; i < n->input_dim; i++) largest = fmax(largest, p->factor[i * n->input_dim + i]);
    for (size_t i = 0; i < n->input_dim; i++) p->factor[i * n->input_dim + i] += RIDGE * D * largest;
    int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', D, p->factor, D);
    if (info != 0) return error_set(err, DMFT_ERROR_NUMERIC, "Gram matrix of the inputs: no Cholesky factor (order %d of %d)", info, D);
    p->factored = 1;
    return DMFT_OK;
}

/* ---- Searching ---- */

/* Adds start vectors to what is known: the target as K sees it, unless that is 0, and noise. Returns how many there are. */
static size_t add_starts(struct probe_search *s, const struct operator *o)
{
    struct random_stream stream = random_start(0, 0, NETWORK_PROBES);
    double *row = s->vectors + s->known * s->order;
    factor(o, CblasTrans, o->n->target, row);
    size_t more = cblas_dnrm2((int)s->order, row, 1) > 0;
    random_gaussians(&stream, 1.0, s->order, row + more * s->order);
    return s->known + more + 1;
}

/* The largest `wanted` eigenvalues, as far as there are so many. */
static int search(struct probe_search *s, struct operator *o, double tolerance, double *values, dmft_error *err)
{
    size_t starts = add_starts(s, o);
    int status = spectrum_leading_solve(o->n->probe.solver, apply, o, s->order, s->wanted, starts, tolerance, values, s->vectors, s->order, err);
    s->known = s->wanted < s->order ? s->wanted : s->order;
    return status;
}

static int measure_sharpness(struct network *n, double out[PROBE_NUMBERS], dmft_error *err)
{
    struct probe *p = &n->probe;
    struct operator o = {.n = n, .through = through_of(n)};
    double values[LARGEST], lowest;
    int status = DMFT_OK;
    if (p->factor != NULL && (!p->factored || n->problem->batch == BATCH_ONLINE)) status = factor_inputs(n, err);
    if (status == DMFT_OK) status = search(&p->leading, &o, TOLERANCE, values, err);
    if (status != DMFT_OK) return status;
    o.negative = 1;
    o.from = values[0];
    status = search(&p->lowest, &o, LOWEST, &lowest, err);
    if (status != DMFT_OK) return status;
    out[PROBE_SHARPNESS] = values[0];
    out[PROBE_UPPER] = p->leading.order > 1 ? values[1] : NAN;
    out[PROBE_LOWER] = fmax(0, values[0] - lowest);
    return DMFT_OK;
}

int probe_measure(struct network *n, double out[PROBE_NUMBERS], dmft_error *err)
{
    struct operator o = {.n = n, .through = NOTHING};
    int status = DMFT_OK;
    for (int i = 0; i < PROBE_NUMBERS; i++) out[i] = NAN;
    if (n->problem->probes.ntk) status = search(&n->probe.ntk, &o, TOLERANCE, &out[PROBE_NTK], err);
    if (status == DMFT_OK && n->problem->probes.sharpness) status = measure_sharpness(n, out, err);
    return status;
}
