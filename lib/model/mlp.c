/* Nonlinear networks on fixed inputs: (X1)-(X6) of doc/theory.md, in the basis form (B1)-(B3).
 *
 * What stands here is the training loop of a network on P samples. That its width is infinite is a property of the operators it calls: on exact
 * coordinates (linear activations) what comes out is the limit, on S sampled sites an average over them, with an error of order 1/sqrt(S).
 * A step costs P + Q products a matrix forward and P K backward, made as blocks (lib/limit/operator.c), and with S sites 8 S passes a sample
 * and layer besides. Memory: per layer P + Q fields phi(h), P slopes, P K fields g; the operators take more than that.
 */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/activation.h"
#include "base/batch.h"
#include "base/error.h"
#include "model/loss.h"
#include "model/mlp.h"

enum { CHUNK = 512 }; /* sites at a time: three arrays of them stay in the first cache */

/* Where coordinates are exact nothing but rounding limits what is a new direction; beyond 1e-12 rounding itself opens them. */
static const double exact_tolerance = 1e-12;

/* What is left of a pivot of K^x below this fraction of the largest is rounding: it is of the order of 1e-16 times the number of inputs. */
static const double gram_tolerance = 1e-13;

struct mlp_sites mlp_exact_sites(void) { return (struct mlp_sites){.tolerance = exact_tolerance}; }

/* ---- the training loop ---- */

/* phi^l = phi(h^l + b^l) and its slope on the samples. `h` may be phi^l itself. */
static void activate(struct mlp *n, size_t l, const limit_rows *h)
{
    const dmft_activation *activation = &n->problem->mlp.activation;
    size_t sites = n->space[l].axes, stride = n->space[l].stride;
    const double *b = n->problem->mlp.bias ? n->bias[l].value.x : NULL;
    double at[CHUNK];
    for (size_t mu = 0; mu < n->inputs; mu++) {
        for (size_t i = 0; i < sites; i += CHUNK) {
            size_t count = sites - i < CHUNK ? sites - i : CHUNK, place = mu * stride + i;
            double *out = n->phi[l].x + place;
            memcpy(at, h->x + place, count * sizeof *at);
            for (size_t j = 0; b != NULL && j < count; j++) at[j] += b[i + j];
            if (n->linear) memcpy(out, at, count * sizeof *at);
            else activation->apply(activation->user, count, at, out, mu < n->samples ? n->slope[l].x + place : NULL, NULL);
        }
    }
}

/* f_{mu k} = <w_k phi(h^L_mu)>/gamma0 (X1), and the errors of the samples. */
static void read_out(struct mlp *n)
{
    const limit_space *space = &n->space[n->depth];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n->inputs, (int)n->outputs, (int)space->axes,
                space->backend->weight(space) / n->problem->gamma0, n->phi[n->depth].x, (int)space->stride, n->readout.value.x,
                (int)space->stride, 0.0, n->f, (int)n->outputs);
    const struct mlp_problem *p = &n->problem->mlp;
    for (size_t i = 0; i < n->signals; i += n->outputs) (void)loss_of(p->loss, n->outputs, p->target + i, n->f + i, n->Delta + i);
}

static void forward(struct mlp *n)
{
    activate(n, 1, &n->first.value);
    for (size_t l = 1; l < n->depth; l++) {
        limit_push(n->A[l], &n->phi[l], &n->phi[l + 1]);
        activate(n, l + 1, &n->phi[l + 1]);
    }
    read_out(n);
}

/* g^l = phi'(h^l) z^l, z^l in the place of g^l. */
static void bend(struct mlp *n, size_t l)
{
    if (n->linear) return;
    size_t sites = n->space[l].axes, stride = n->space[l].stride;
    for (size_t i = 0; i < n->signals; i++) {
        const double *slope = n->slope[l].x + i / n->outputs * stride;
        double *g = n->g[l].x + i * stride;
        for (size_t j = 0; j < sites; j++) g[j] *= slope[j];
    }
}

static void backward(struct mlp *n)
{
    size_t L = n->depth;
    for (size_t i = 0; i < n->signals; i++) limit_put(&n->g[L], i, &n->readout.value, i % n->outputs);
    bend(n, L);
    for (size_t l = L - 1; l >= 1; l--) {
        limit_pull(n->A[l], &n->g[l + 1], &n->g[l]);
        bend(n, l);
    }
}

/* Room for what one evaluation meets: a space gets a fresh field for every new direction on the other side of its two operators. */
static int reserve(struct mlp *n, dmft_error *err)
{
    int status = DMFT_OK;
    for (size_t l = 1; l <= n->depth && status == DMFT_OK; l++) status = limit_space_reserve(&n->space[l], n->inputs + n->signals, err);
    for (size_t l = 1; l < n->depth && status == DMFT_OK; l++) status = limit_operator_reserve(n->A[l], err);
    return status;
}

int mlp_evaluate(struct mlp *n, dmft_error *err)
{
    int status = reserve(n, err);
    if (status != DMFT_OK) return status;
    forward(n);
    backward(n);
    return DMFT_OK;
}

/* The weights gamma0 eta/|B| Delta of the batch of step t, laid out for every sum that learns from them. */
static void weigh(struct mlp *n, long t)
{
    size_t K = n->outputs, inputs = n->inputs, count = batch_at(n->problem, t, n->batch);
    double factor = n->problem->gamma0 * n->problem->learning_rate / (double)count;
    memset(n->weight, 0, n->signals * inputs * sizeof(double));
    memset(n->weight_first, 0, n->signals * inputs * sizeof(double));
    memset(n->weight_readout, 0, K * inputs * sizeof(double));
    memset(n->weight_bias, 0, n->signals * sizeof(double));
    for (size_t b = 0; b < count; b++) {
        size_t nu = n->batch[b];
        for (size_t k = 0; k < K; k++) {
            size_t i = nu * K + k;
            double w = factor * n->Delta[i];
            n->weight[i * inputs + nu] = n->weight_readout[k * inputs + nu] = n->weight_bias[i] = w;
            for (size_t mu = 0; mu < inputs; mu++) n->weight_first[mu * n->signals + i] = w * n->problem->mlp.gram[nu * inputs + mu];
        }
    }
}

/* a_i <- beta a_i + alpha sum_j weight_ij b_j */
static void mix(limit_rows *a, double beta, double alpha, const double *weight, const limit_rows *b)
{
    const limit_space *space = a->space;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)a->count, (int)space->axes, (int)b->count, alpha, weight, (int)b->count, b->x,
                (int)space->stride, beta, a->x, (int)space->stride);
}

/* (X5) with G_i = sum_j weight_ij source_j. */
static void train(struct mlp_trained *w, struct limit_rule rule, const double *weight, const limit_rows *source)
{
    limit_rows *m = &w->momentum;
    if (m->count == 0) {
        mix(&w->value, rule.keep, rule.rate, weight, source);
        return;
    }
    mix(m, rule.momentum, 1.0, weight, source);
    const limit_space *space = m->space;
    for (size_t i = 0; i < m->count; i++) {
        double *value = w->value.x + i * space->stride;
        cblas_dscal((int)space->axes, rule.keep, value, 1);
        cblas_daxpy((int)space->axes, rule.rate, m->x + i * space->stride, 1, value, 1);
    }
}

void mlp_learn(struct mlp *n, long t)
{
    const struct dmft_problem *p = n->problem;
    struct limit_rule rule = {p->momentum, 1.0 - p->weight_decay, p->schedule != NULL ? p->schedule[t] : 1.0};
    weigh(n, t);
    train(&n->first, rule, n->weight_first, &n->g[1]);
    for (size_t l = 1; l < n->depth; l++) limit_train(n->A[l], n->weight, n->inputs, rule);
    train(&n->readout, rule, n->weight_readout, &n->phi[n->depth]);
    for (size_t l = 1; p->mlp.bias && l <= n->depth; l++) train(&n->bias[l], rule, n->weight_bias, &n->g[l]);
}

double mlp_train_loss(const struct mlp *n)
{
    const struct mlp_problem *p = &n->problem->mlp;
    double sum = 0.0;
    for (size_t i = 0; i < n->signals; i += n->outputs) sum += loss_of(p->loss, n->outputs, p->target + i, n->f + i, NULL);
    return sum / (double)n->samples;
}

double mlp_test_loss(const struct mlp *n)
{
    const struct mlp_problem *p = &n->problem->mlp;
    if (p->test_target == NULL || n->tests == 0) return NAN;
    double sum = 0.0;
    for (size_t i = 0; i < n->tests * n->outputs; i += n->outputs)
        sum += loss_of(p->loss, n->outputs, p->test_target + i, n->f + n->signals + i, NULL);
    return sum / (double)n->tests;
}

/* ---- the network before training ---- */

/* K^x = factor factor^T by Cholesky with pivots, the largest first; a singular K^x has fewer columns. */
static void factorise(struct mlp *n)
{
    size_t m = n->inputs;
    const double *gram = n->problem->mlp.gram;
    double *left = n->weight_first, first = 0.0; /* what is left of the diagonal, in an array that only `weigh` fills */
    for (size_t i = 0; i < m; i++) left[i] = gram[i * m + i];
    for (n->rank = 0; n->rank < m; n->rank++) {
        size_t pivot = 0, r = n->rank;
        for (size_t i = 1; i < m; i++) pivot = left[i] > left[pivot] ? i : pivot;
        if (r == 0) first = left[pivot];
        if (!(left[pivot] > gram_tolerance * first)) return;
        double root = sqrt(left[pivot]);
        const double *row = n->factor + pivot * m;
        for (size_t i = 0; i < m; i++) {
            double x = (gram[i * m + pivot] - cblas_ddot((int)r, n->factor + i * m, 1, row, 1)) / root;
            n->factor[i * m + r] = x;
            left[i] -= x * x;
        }
        left[pivot] = 0.0;
    }
}

/* Row i as a field of its own, until rows are moved. */
static limit_rows row_of(const limit_rows *rows, size_t i)
{
    return (limit_rows){.space = rows->space, .count = 1, .capacity = 1, .x = rows->x + i * rows->space->stride};
}

/* The readouts first and then h^1(0) of covariance sigma_0^2 K^x, so that they get the first coordinates of a quasi-random set. */
static void draw(struct mlp *n)
{
    const double *variance = n->problem->weight_variance;
    double sigma_w = sqrt(variance[n->depth]), sigma = sqrt(variance[0]);
    for (size_t k = 0; k < n->outputs && sigma_w > 0.0; k++) {
        limit_rows w = row_of(&n->readout.value, k);
        limit_fresh(&w);
        limit_scale(&w, sigma_w);
    }
    limit_rows fresh = row_of(&n->phi[1], 0);
    for (size_t r = 0; r < n->rank && sigma > 0.0; r++) {
        limit_fresh(&fresh);
        for (size_t mu = 0; mu < n->inputs; mu++) {
            limit_rows h = row_of(&n->first.value, mu);
            limit_add(&h, sigma * n->factor[mu * n->inputs + r], &fresh);
        }
    }
}

/* ---- making ---- */

static int make_rows(limit_rows *rows, limit_space *space, size_t count, dmft_error *err)
{
    int status = limit_rows_init(rows, space, count, err);
    if (status == DMFT_OK) rows->count = count;
    return status;
}

static int make_trained(const struct mlp *n, struct mlp_trained *w, limit_space *space, size_t count, dmft_error *err)
{
    int status = make_rows(&w->value, space, count, err);
    w->momentum.count = 0;
    if (status == DMFT_OK && n->problem->momentum > 0.0) status = make_rows(&w->momentum, space, count, err);
    return status;
}

static int make_layer(struct mlp *n, size_t l, long index, dmft_error *err)
{
    const struct mlp_sites *s = &n->sites;
    limit_space *space = &n->space[l];
    struct limit_sampling sampling = {.sites = s->count,
                                      .stream = random_start(s->seed, (uint64_t)index, s->purpose + l),
                                      .sobol = s->sobol,
                                      .moment_matching = s->moment_matching,
                                      .linear = n->linear};
    int status = DMFT_OK;
    if (s->count > 0) status = limit_space_init_sampled(space, &sampling, err);
    else limit_space_init(space, &limit_exact);
    if (status == DMFT_OK) status = limit_space_reserve(space, n->outputs + n->inputs, err);
    if (status == DMFT_OK) status = make_rows(&n->phi[l], space, n->inputs, err);
    if (status == DMFT_OK && !n->linear) status = make_rows(&n->slope[l], space, n->samples, err);
    if (status == DMFT_OK) status = make_rows(&n->g[l], space, n->signals, err);
    if (status == DMFT_OK && n->problem->mlp.bias) status = make_trained(n, &n->bias[l], space, 1, err);
    if (status == DMFT_OK && l == 1) status = make_trained(n, &n->first, space, n->inputs, err);
    return status == DMFT_OK && l == n->depth ? make_trained(n, &n->readout, space, n->outputs, err) : status;
}

static int make_operator(struct mlp *n, size_t l, dmft_error *err)
{
    int status = limit_operator_create(&n->A[l], &n->space[l], &n->space[l + 1], n->problem->weight_variance[l], 1.0, n->sites.tolerance, err);
    return status == DMFT_OK ? limit_operator_block(n->A[l], n->inputs, n->signals, err) : status;
}

static void clear(struct mlp *n)
{
    for (size_t l = 1; n->space != NULL && l <= n->depth; l++) limit_space_clear(&n->space[l]); /* before the operators, whose rows it links */
    for (size_t l = 1; n->A != NULL && l < n->depth; l++) {
        limit_operator_free(n->A[l]);
        n->A[l] = NULL;
    }
}

int mlp_start(struct mlp *n, long index, dmft_error *err)
{
    clear(n);
    int status = DMFT_OK;
    for (size_t l = 1; l <= n->depth && status == DMFT_OK; l++) status = make_layer(n, l, index, err);
    for (size_t l = 1; l < n->depth && status == DMFT_OK; l++) status = make_operator(n, l, err);
    if (status == DMFT_OK) draw(n);
    return status;
}

void mlp_free(struct mlp *n)
{
    if (n == NULL) return;
    clear(n);
    void *parts[] = {n->A,     n->phi,    n->g,     n->f,      n->Delta,        n->space,          n->slope,
                     n->bias,  n->factor, n->batch, n->weight, n->weight_first, n->weight_readout, n->weight_bias};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
    free(n);
}

static int make_arrays(struct mlp *n, dmft_error *err)
{
    size_t layers = n->depth + 1;
    n->A = calloc(layers, sizeof(limit_operator *));
    n->space = calloc(layers, sizeof *n->space);
    n->phi = calloc(layers, sizeof *n->phi);
    n->slope = calloc(layers, sizeof *n->slope);
    n->g = calloc(layers, sizeof *n->g);
    n->bias = calloc(layers, sizeof *n->bias);
    n->batch = calloc(n->samples, sizeof *n->batch);
    n->f = memory_doubles(n->inputs * n->outputs);
    n->Delta = memory_doubles(n->signals);
    n->factor = memory_doubles(n->inputs * n->inputs);
    n->weight = memory_doubles(n->signals * n->inputs);
    n->weight_first = memory_doubles(n->signals * n->inputs);
    n->weight_readout = memory_doubles(n->outputs * n->inputs);
    n->weight_bias = memory_doubles(n->signals);
    const void *made[] = {n->A,     n->space, n->phi,    n->slope,  n->g,            n->bias,           n->batch,
                          n->f,     n->Delta, n->factor, n->weight, n->weight_first, n->weight_readout, n->weight_bias};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (made[i] == NULL) return error_memory(err, 8.0 * (double)n->inputs * (double)(2 * n->signals + n->inputs));
    return DMFT_OK;
}

int mlp_create(struct mlp **out, const struct dmft_problem *p, const struct mlp_sites *sites, dmft_error *err)
{
    int linear = activation_is_linear(&p->mlp.activation);
    if (sites->count == 0 && !linear) return error_set(err, DMFT_ERROR_ARGUMENT, "exact coordinates are for linear activations");
    struct mlp *n = calloc(1, sizeof *n);
    if (n == NULL) return error_memory(err, sizeof *n);
    n->problem = p;
    n->sites = *sites;
    n->linear = linear;
    n->depth = (size_t)p->depth;
    n->samples = p->mlp.samples;
    n->tests = p->mlp.tests;
    n->outputs = p->mlp.outputs;
    n->inputs = n->samples + n->tests;
    n->signals = n->samples * n->outputs;
    int status = make_arrays(n, err);
    if (status != DMFT_OK) {
        mlp_free(n);
        return status;
    }
    factorise(n);
    *out = n;
    return DMFT_OK;
}

/* ---- checkpoints ---- */

void mlp_transfer(struct mlp *n, archive *a)
{
    archive_tag(a, "mlp");
    for (size_t l = 1; l <= n->depth; l++) limit_space_transfer(&n->space[l], a);
    for (size_t l = 1; l < n->depth; l++) limit_operator_transfer(n->A[l], a);
}
