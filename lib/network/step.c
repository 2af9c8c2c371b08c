/*
 * The vectors of a step of one dense deep linear network, its update, its kernels ((C1)-(C7) of doc/theory.md, at finite D, N, P).
 *
 * The network is linear, f(x) = w . A_{L-1} .. A_0 x/(gamma sqrt(N)), so the P samples act through two vectors of the input space, and a step
 * of gradient descent on (1/2P) sum Delta^2 with rate eta gamma^2 D is matrix-vector work:
 *
 *     g^L = w,  g^l = A_l^T g^{l+1}                          backward
 *     v = w* - A_0^T g^1/(gamma sqrt(N/D))                   what the predictor lacks
 *     Delta = X v/sqrt(D) + sigma_eps eps                    errors on the samples
 *     h^0 = (sqrt(D)/P) X^T Delta                            what the gradient sees of v (vhat)
 *     h^{l+1} = A_l h^l                                      forward
 *     A_l += (c/fan-in) g^{l+1} h^l^T,  w += c h^L,          c = eta gamma/sqrt(N/D)
 *
 * with gamma = gamma0 sqrt(N/D) in muP and gamma0 in NTK, N/D of the actual sizes, and all vectors of before the update. Training as people do it,
 * in any mixture, (S11)-(S14):
 *
 *     anisotropic inputs    X = Xi sqrt(Lambda) is held in place of Xi; else nothing changes but C_v = (1/D) sum_i lambda_i v_i^2
 *     batches               h^0 = (sqrt(D)/(q P)) X^T (m Delta), m_mu in {0, 1} drawn anew: by chance (bernoulli), or part by part of a sample that is
 *                           shuffled every 1/q steps (epoch)
 *     residual branches     h^{l+1} = h^l + th A_l h^l,  g^l = g^{l+1} + th A_l^T g^{l+1},  A_l += (th c/N) g^{l+1} h^l^T,  th = L^{-1/2}, l >= 1
 *     momentum, decay, schedule    m_l <- mu m_l + G_l,  A_l <- (1 - omega) A_l + e_t m_l, with G_l the update above, and w likewise
 *     factor, noise         in place of (1 - omega) a factor f_l a matrix, and N(0, I_l/fan-in) added to every entry of A_l, N(0, I_L) to those of w,
 *                           from a stream of this network, step and matrix (KN1)
 *
 * In gradient flow (flow.c) the vectors are also wanted at weights that differ from A_l by terms g h^T of stages before; these terms are never
 * added up: each product with A_l is mended by their inner products. There batch: online means the law of the inputs, vhat = v.
 *
 * X passes the processor once a step: a block of rows that fits its cache is multiplied by v and then, transposed, by its errors. Online the
 * block is drawn, used and forgotten, so that X is never held, unless its batch is wanted for a probe (probe.c).
 *
 * Cost of a step: 2 P D + 3 N D + 3 (L-1) N^2 multiply-adds (online: and P D Gaussians; noise on A_l: one an entry).
 */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "network/network.h"

/* ---- A step ---- */

static size_t length_of(const struct network *n, int l) { return l == 0 ? n->input_dim : n->width; }

/* y += factor sum_j bend_j (c/fan-in) (from_j . x) to_j over the rows of the stages before. */
static void add_bends(const struct network *n, double factor, const double *from, size_t inner, const double *x, const double *to, size_t outer, double *y)
{
    double share[NETWORK_STAGES];
    if (n->bends == 0) return;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, n->bends, (int)inner, factor, from, (int)inner, x, 1, 0.0, share, 1);
    for (int j = 0; j < n->bends; j++) share[j] *= n->bend[j];
    cblas_dgemv(CblasRowMajor, CblasTrans, n->bends, (int)outer, 1.0, to, (int)outer, share, 1, 1.0, y, 1);
}

/* c/fan-in of what A_l learns, with the factor of a residual branch. */
static double coupling_of(const struct network *n, int l) { return n->coupling * (l > 0 ? n->branch : 1.0) / (double)network_columns(n, l); }

/* y = factor A_l x + keep y. */
static void product(const struct network *n, int l, double factor, const double *x, double keep, double *y)
{
    size_t N = n->width, columns = network_columns(n, l);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)N, (int)columns, factor, n->weight[l], (int)columns, x, 1, keep, y, 1);
    add_bends(n, factor * coupling_of(n, l), n->h_rows[l], columns, x, n->g_rows[l + 1], N, y);
}

/* y = factor A_l^T x + keep y. */
static void transposed_product(const struct network *n, int l, double factor, const double *x, double keep, double *y)
{
    size_t N = n->width, columns = network_columns(n, l);
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)N, (int)columns, factor, n->weight[l], (int)columns, x, 1, keep, y, 1);
    add_bends(n, factor * coupling_of(n, l), n->g_rows[l + 1], N, x, n->h_rows[l], columns, y);
}

void network_forward(const struct network *n, int l, const double *x, double *y)
{
    int branch = n->problem->residual && l > 0;
    if (branch) memcpy(y, x, n->width * sizeof *y);
    product(n, l, branch ? n->branch : 1.0, x, branch ? 1.0 : 0.0, y);
}

void network_backward(const struct network *n, int l, const double *x, double *y)
{
    int branch = n->problem->residual;
    if (branch) memcpy(y, x, n->width * sizeof *y);
    transposed_product(n, l, branch ? n->branch : 1.0, x, branch ? 1.0 : 0.0, y);
}

void network_to_inputs(const struct network *n, double factor, const double *x, double keep, double *y)
{
    transposed_product(n, 0, factor, x, keep, y);
}

/* g^L .. g^1. */
static void backward(struct network *n)
{
    int N = (int)n->width, L = n->depth;
    memcpy(n->g[L], n->readout, n->width * sizeof(double));
    if (n->bends > 0) cblas_dgemv(CblasRowMajor, CblasTrans, n->bends, N, n->coupling, n->h_rows[L], N, n->bend, 1, 1.0, n->g[L], 1);
    for (int l = L - 1; l >= 1; l--) network_backward(n, l, n->g[l + 1], n->g[l]);
}

/* v. */
static void residual_of_predictor(struct network *n)
{
    double scale = -1.0 / (n->gamma * sqrt((double)n->width / (double)n->input_dim));
    memcpy(n->v, n->target, n->input_dim * sizeof(double));
    network_to_inputs(n, scale, n->g[1], 1.0, n->v);
}

/* The label noise of this step, as the start of Delta. */
static void fill_noise(struct network *n)
{
    if (n->noise != NULL)
        memcpy(n->Delta, n->noise, n->samples * sizeof(double));
    else if (n->problem->batch == BATCH_ONLINE)
        random_gaussians(&n->noise_stream, n->problem->label_noise, n->samples, n->Delta);
    else
        memset(n->Delta, 0, n->samples * sizeof(double));
}

void network_draw_inputs(struct network *n, size_t rows, double *X)
{
    size_t D = n->input_dim;
    random_gaussians(&n->input_stream, 1.0, rows * D, X);
    for (size_t mu = 0; n->root != NULL && mu < rows; mu++)
        for (size_t i = 0; i < D; i++) X[mu * D + i] *= n->root[i];
}

/* m of this step, in batch_error. */
static void draw_batch(struct network *n)
{
    double q = n->problem->batch_fraction, *m = n->batch_error;
    if (n->order == NULL) {
        for (size_t mu = 0; mu < n->samples; mu++) m[mu] = (double)(random_bits(&n->batch_stream) >> 11) * 0x1p-53 < q ? 1.0 : 0.0;
        return;
    }
    size_t batches = (size_t)lround(1 / q), j = (size_t)n->step % batches;
    if (j == 0) random_shuffle(&n->batch_stream, n->samples, n->order);
    memset(m, 0, n->samples * sizeof *m);
    for (size_t k = j * n->samples / batches; k < (j + 1) * n->samples / batches; k++) m[n->order[k]] = 1.0;
}

/* Delta and h^0 = vhat, in one pass over X. */
static void pass_samples(struct network *n)
{
    int D = (int)n->input_dim, online = n->problem->batch == BATCH_ONLINE, part = n->batch_error != NULL;
    double root = sqrt((double)D), seen = (double)n->samples * (part ? n->problem->batch_fraction : 1.0), *vhat = n->h[0];
    if (network_is_population(n->problem)) {
        for (int i = 0; i < D; i++) vhat[i] = n->root != NULL ? n->root[i] * n->root[i] * n->v[i] : n->v[i];
        return;
    }
    fill_noise(n);
    if (part) draw_batch(n);
    memset(vhat, 0, n->input_dim * sizeof(double));
    for (size_t first = 0; first < n->samples; first += n->block) {
        size_t rows = n->samples - first < n->block ? n->samples - first : n->block;
        double *X = n->inputs + (n->held < n->samples ? 0 : first * n->input_dim), *Delta = n->Delta + first, *error = part ? n->batch_error + first : Delta;
        if (online) network_draw_inputs(n, rows, X);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)rows, D, 1.0 / root, X, D, n->v, 1, 1.0, Delta, 1);
        for (size_t mu = 0; part && mu < rows; mu++) error[mu] *= Delta[mu];
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)rows, D, root / seen, X, D, error, 1, 1.0, vhat, 1);
    }
}

/* h^1 .. h^L. */
static void forward(struct network *n)
{
    for (int l = 0; l < n->depth; l++) network_forward(n, l, n->h[l], n->h[l + 1]);
}

void network_evaluate_stage(struct network *n, int stage, const double bend[])
{
    n->bends = stage;
    for (int j = 0; j < stage; j++) n->bend[j] = bend[j];
    for (int l = 0; l <= n->depth; l++) {
        n->h[l] = n->h_rows[l] + (size_t)stage * length_of(n, l);
        if (l > 0) n->g[l] = n->g_rows[l] + (size_t)stage * n->width;
    }
    backward(n);
    residual_of_predictor(n);
    pass_samples(n);
    forward(n);
}

void network_evaluate(struct network *n) { network_evaluate_stage(n, 0, NULL); }

enum { SHAKEN_AT_ONCE = 512 };

/* The rates of a step. */
struct rates {
    double keep, rate, momentum; /* 1 - omega or f_l, e_t, mu */
};

/* What a step leaves of A_l, l = L the readout. */
static double kept(const dmft_problem *p, int l) { return p->weight_factor != NULL ? p->weight_factor[l] : 1 - p->weight_decay; }

static int forgets(const dmft_problem *p)
{
    for (int l = 0; l <= p->depth; l++)
        if (kept(p, l) != 1) return 1;
    return 0;
}

/* m <- mu m + push x, w <- keep w + e m; m NULL: without momentum. */
static void learn_row(struct rates r, double push, const double *x, size_t n, double *m, double *w)
{
    for (size_t j = 0; m != NULL && j < n; j++) {
        m[j] = r.momentum * m[j] + push * x[j];
        w[j] = r.keep * w[j] + r.rate * m[j];
    }
    for (size_t j = 0; m == NULL && j < n; j++) w[j] = r.keep * w[j] + r.rate * push * x[j];
}

/* Neither decay nor momentum: one pass of rank one. */
static void learn_plainly(struct network *n, double rate)
{
    int N = (int)n->width;
    for (int l = 0; l < n->depth; l++) {
        int fan_in = (int)network_columns(n, l);
        cblas_dger(CblasRowMajor, N, fan_in, rate * coupling_of(n, l), n->g[l + 1], 1, n->h[l], 1, n->weight[l], fan_in);
    }
    cblas_daxpy(N, rate * n->coupling, n->h[n->depth], 1, n->readout, 1);
}

static void learn_with_memory(struct network *n, struct rates r)
{
    int L = n->depth;
    for (int l = 0; l < L; l++) {
        size_t fan_in = network_columns(n, l);
        double rate = coupling_of(n, l), *m = n->velocity != NULL ? n->velocity[l] : NULL;
        r.keep = kept(n->problem, l);
        for (size_t i = 0; i < n->width; i++)
            learn_row(r, rate * n->g[l + 1][i], n->h[l], fan_in, m != NULL ? m + i * fan_in : NULL, n->weight[l] + i * fan_in);
    }
    r.keep = kept(n->problem, L);
    learn_row(r, n->coupling, n->h[L], n->width, n->velocity != NULL ? n->velocity[L] : NULL, n->readout);
}

/* Adds the noise of this step, a few numbers at a time. */
static void shake(struct network *n)
{
    double noise[SHAKEN_AT_ONCE];
    const dmft_problem *p = n->problem;
    for (int l = 0; l <= n->depth; l++) {
        size_t fan_in = l < n->depth ? network_columns(n, l) : 1, all = n->width * fan_in;
        double deviation = sqrt(p->injected_variance[l] / (double)fan_in), *weight = l < n->depth ? n->weight[l] : n->readout;
        uint64_t purpose = NETWORK_SHAKES + (uint64_t)n->step * (uint64_t)(n->depth + 1) + (uint64_t)l;
        struct random_stream stream = random_start(p->simulation.seed, (uint64_t)n->index, purpose);
        for (size_t first = 0; first < all && deviation > 0; first += SHAKEN_AT_ONCE) {
            size_t count = all - first < SHAKEN_AT_ONCE ? all - first : SHAKEN_AT_ONCE;
            random_gaussians(&stream, deviation, count, noise);
            cblas_daxpy((int)count, 1.0, noise, 1, weight + first, 1);
        }
    }
}

void network_learn(struct network *n)
{
    const dmft_problem *p = n->problem;
    struct rates r = {.rate = p->schedule != NULL ? p->schedule[n->step] : 1.0, .momentum = p->momentum};
    if (forgets(p) || p->momentum > 0)
        learn_with_memory(n, r);
    else
        learn_plainly(n, r.rate);
    if (p->injected_variance != NULL) shake(n);
    n->step++;
}

void network_bend(struct network *n, const double weight[NETWORK_STAGES])
{
    int N = (int)n->width;
    for (int l = 0; l < n->depth; l++) {
        int fan_in = (int)network_columns(n, l);
        for (int j = 0; j < NETWORK_STAGES; j++) cblas_dscal(N, weight[j], n->g_rows[l + 1] + j * N, 1);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, N, fan_in, NETWORK_STAGES, coupling_of(n, l), n->g_rows[l + 1], N, n->h_rows[l],
                    fan_in, 1.0, n->weight[l], fan_in);
    }
    cblas_dgemv(CblasRowMajor, CblasTrans, NETWORK_STAGES, N, n->coupling, n->h_rows[n->depth], N, weight, 1, 1.0, n->readout, 1);
}

/* ---- Kernels ---- */

size_t network_kernel_columns(const dmft_problem *problem) { return 2 * (size_t)problem->depth + 3; }

double network_norm(const struct network *n, const double *x)
{
    double sum = 0;
    if (n->root == NULL) return cblas_dnrm2((int)n->input_dim, x, 1);
    for (size_t i = 0; i < n->input_dim; i++) sum += n->root[i] * x[i] * n->root[i] * x[i];
    return sqrt(sum);
}

static double mean_square(const double *x, size_t n) { return cblas_ddot((int)n, x, 1, x, 1) / (double)n; }

void network_kernels(const struct network *n, double *out)
{
    double noise = n->problem->label_noise, C_v = n->root == NULL ? mean_square(n->v, n->input_dim) : pow(network_norm(n, n->v), 2) / (double)n->input_dim;
    *out++ = C_v;
    *out++ = network_is_population(n->problem) ? C_v + noise * noise : mean_square(n->Delta, n->samples);
    *out++ = mean_square(n->h[0], n->input_dim);
    for (int l = 1; l <= n->depth; l++) *out++ = mean_square(n->h[l], n->width);
    for (int l = 1; l <= n->depth; l++) *out++ = mean_square(n->g[l], n->width);
}
