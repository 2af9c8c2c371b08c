/*
 * slow_training.c - slow reference for training with schedules, momentum,
 * decay, anisotropic inputs, batches of a fixed sample and residual branches.
 *
 * Everything is a linear function of Gaussian sources; we keep the
 * coefficients, one row for each event.  Events 0 .. T-1 are the steps of the
 * training; probes, which see the weights of step t and leave them as they
 * are, come at T, T+1, ..  There are three kinds of site:
 *
 *   neurons   h^1 .. h^L, g^1 .. g^L, all layers in one site; sources u^1 .. u^L, r^1 .. r^L
 *   inputs    v_k, vhat_k of each mode k; sources 1 (times w*_k), a vector xi independent of all, rX, r0
 *   samples   y, Delta, delta; sources eps, uX, and the noise of the masks m - q
 *
 * A response is a coefficient, a correlation is coefficients x covariance x
 * coefficients.  The weights are W_t = A(t) + sum_s kappa(t,s) G_s, and A(t) is
 * f^t A(0) and the noise of every step s < t times f^(t-1-s); u, r, r0 are the
 * fields of A(t), and v(t,s) is the covariance of the entries of A(t) and A(s),
 * times fan-in (KN1), (KN2).  With decay alone v = sigma^2 b(t) b(s) (E3).  Of the masks only second moments matter:
 * delta = m y = q y + noise, with noise of covariance V orthogonal to the past
 * (E7)-(E9).
 *
 * Cost: O(L^2 T^3) time, O(L^2 T^2) memory; T = 60 takes well under a second.
 */
#include "slow_training.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BLOCKS = 24 };

/* A family of sources a = 0 .. n-1 of covariance factor v(a,c) C(a,c). */
typedef struct block {
    double factor;
    const double *v; /* NULL: 1 */
    const double *C;
} block;

/* A row of coefficients: first `scalars` on sources of variance 1, then n on each block. */
typedef struct site {
    int scalars, blocks;
    block block[MOST_BLOCKS];
} site;

struct slow_state {
    int T, L, n, modes;            /* n events at most */
    int now;                       /* step at which probes look */
    double gamma, c, q, skip;      /* skip: 1 with branches, else 0 */
    double *lambda, *star;         /* of the modes */
    double **v, **kappa;           /* [0..L]: v(e,s) and kappa(e,s) of A_l */
    double *ones, *zeros;
    double *C_y, *V, *work;
    double **h, **g;               /* [1..L], rows of 2 L n */
    double *missing, *vhat;        /* v and vhat: rows of 2 + 2n for event e and mode k: [(e * modes + k) * (2 + 2n)] */
    double *y, *Delta, *delta;     /* rows of 1 + 2n */
    site neurons, inputs, samples;
    double *memory;
};

/* ---- storage: one piece, measured first, then cut ---- */

typedef struct cutter {
    double *base;
    size_t used;
} cutter;

static double *cut(cutter *c, size_t count)
{
    double *piece = c->base == NULL ? NULL : c->base + c->used;
    c->used += count;
    return piece;
}

static void cut_all(slow_run *r, cutter *c)
{
    struct slow_state *w = r->state;
    size_t n = (size_t)w->n, square = n * n, L = (size_t)w->L, modes = (size_t)w->modes;
    double **squares[] = {&r->C_v, &r->R_v, &r->C_Delta, &r->C_delta, &r->R_delta, &w->ones, &w->zeros, &w->C_y, &w->V};

    for (size_t i = 0; i < sizeof squares / sizeof *squares; i++)
        *squares[i] = cut(c, square);
    for (size_t l = 0; l <= L; l++) {
        r->C_h[l] = cut(c, square);
        r->R_h[l] = cut(c, square);
        r->C_g[l] = cut(c, square);
        r->R_g[l] = cut(c, square);
        w->h[l] = cut(c, 2 * L * square);
        w->g[l] = cut(c, 2 * L * square);
        w->v[l] = cut(c, square);
        w->kappa[l] = cut(c, square);
    }
    r->C_g[L + 1] = w->ones;
    r->R_g[L + 1] = w->zeros;
    w->missing = cut(c, n * modes * (2 + 2 * n));
    w->vhat = cut(c, n * modes * (2 + 2 * n));
    w->y = cut(c, n * (1 + 2 * n));
    w->Delta = cut(c, n * (1 + 2 * n));
    w->delta = cut(c, n * (1 + 2 * n));
    w->work = cut(c, MOST_BLOCKS * n);
    w->lambda = cut(c, modes);
    w->star = cut(c, modes);
}

void slow_run_free(slow_run *r)
{
    if (r == NULL)
        return;
    if (r->state != NULL) {
        free(r->state->memory);
        free(r->state->h);
        free(r->state->g);
        free(r->state->v);
        free(r->state->kappa);
    }
    free(r->state);
    free(r->C_h);
    free(r->R_h);
    free(r->C_g);
    free(r->R_g);
    free(r);
}

static double **layers(int L)
{
    return calloc((size_t)L + 2, sizeof(double *));
}

static int allocate(slow_run *r)
{
    const slow_training *p = &r->p;
    struct slow_state *w = r->state = calloc(1, sizeof *w);
    cutter c = {NULL, 0};

    if (w == NULL)
        return 0;
    w->T = p->steps;
    w->L = p->depth;
    w->modes = p->modes > 0 ? p->modes : 1;
    r->stride = w->n = p->steps + (p->probe_rows > 0 ? p->probe_rows + 1 : 0);
    w->h = layers(w->L);
    w->g = layers(w->L);
    w->v = layers(w->L);
    w->kappa = layers(w->L);
    r->C_h = layers(w->L);
    r->R_h = layers(w->L);
    r->C_g = layers(w->L);
    r->R_g = layers(w->L);
    if (!w->h || !w->g || !w->v || !w->kappa || !r->C_h || !r->R_h || !r->C_g || !r->R_g)
        return 0;
    cut_all(r, &c);
    c.base = w->memory = calloc(c.used, sizeof(double));
    c.used = 0;
    if (w->memory == NULL)
        return 0;
    cut_all(r, &c);
    return 1;
}

/* ---- how the weights remember ---- */

/* theta^2 in front of A_l: 1/L for the branches, 1 for A_0, the readout and plain layers. */
static double theta2(const slow_run *r, int l)
{
    return r->p.residual && l >= 1 && l < r->p.depth ? 1.0 / r->p.depth : 1.0;
}

/* kappa(t+1,s) = f kappa(t,s) + e_t mu^(t-s); v(t,s) = sigma^2 f^(t+s) + sum over noise at steps j < min(t,s) of I f^(t-1-j) f^(s-1-j) */
static void fill_propagators(slow_run *r, int l)
{
    const slow_training *p = &r->p;
    struct slow_state *w = r->state;
    double keep = p->factor != NULL ? p->factor[l] : 1.0 - p->decay, noise = p->injected != NULL ? p->injected[l] : 0.0;

    for (int t = 0; t < w->T; t++)
        for (int s = 0; s <= t; s++) {
            double e = p->schedule != NULL && t > 0 ? p->schedule[t - 1] : 1.0, sum = p->weight_variance[l] * pow(keep, t + s);
            double before = t - 1 > s ? w->kappa[l][(t - 1) * w->n + s] : 0.0;
            if (s < t)
                w->kappa[l][t * w->n + s] = keep * before + e * pow(p->momentum, t - 1 - s);
            for (int j = 0; j < s; j++)
                sum += noise * pow(keep, t + s - 2 - 2 * j);
            w->v[l][t * w->n + s] = w->v[l][s * w->n + t] = sum;
        }
}

static void fill_sites(slow_run *r)
{
    const slow_training *p = &r->p;
    struct slow_state *w = r->state;

    w->neurons = (site){.scalars = 0, .blocks = 2 * w->L};
    for (int l = 1; l <= w->L; l++) {
        w->neurons.block[l - 1] = (block){theta2(r, l - 1), w->v[l - 1], r->C_h[l - 1]};
        w->neurons.block[w->L + l - 1] = (block){theta2(r, l), w->v[l], r->C_g[l + 1]};
    }
    w->inputs = (site){.scalars = 2, .blocks = 2};
    w->inputs.block[0] = (block){p->sample_ratio, NULL, r->C_delta};
    w->inputs.block[1] = (block){p->width_ratio, w->v[0], r->C_g[1]};
    w->samples = (site){.scalars = 1, .blocks = 2};
    w->samples.block[0] = (block){1.0, NULL, r->C_v};
    w->samples.block[1] = (block){1.0, NULL, w->V};
}

static void fill_constants(slow_run *r)
{
    const slow_training *p = &r->p;
    struct slow_state *w = r->state;

    w->gamma = p->ntk ? p->gamma0 : p->gamma0 * sqrt(p->width_ratio);
    w->c = p->learning_rate * w->gamma / sqrt(p->width_ratio);
    w->q = p->batch == SLOW_BERNOULLI || p->batch == SLOW_EPOCH ? p->fraction : 1.0;
    w->skip = p->residual ? 1.0 : 0.0;
    for (int i = 0; i < w->n * w->n; i++)
        w->ones[i] = 1.0;
    for (int k = 0; k < w->modes; k++) {
        w->lambda[k] = p->modes > 0 ? p->eigenvalue[k] : 1.0;
        w->star[k] = p->modes > 0 ? p->target[k] : 1.0;
    }
    for (int l = 0; l <= w->L; l++)
        fill_propagators(r, l);
    fill_sites(r);
}

/* ---- rows of coefficients ---- */

static void add(double *x, double factor, const double *y, int count)
{
    if (factor == 0.0)
        return;
    for (int i = 0; i < count; i++)
        x[i] += factor * y[i];
}

static int row_length(const struct slow_state *w, const site *s)
{
    return s->scalars + s->blocks * w->n;
}

static double entry(const block *k, int n, int a, int c)
{
    return k->factor * (k->v != NULL ? k->v[a * n + c] : 1.0) * k->C[a * n + c];
}

/* work = covariance x row x, up to event e; the scalars apart */
static void apply_covariance(const struct slow_state *w, const site *s, const double *x, int e)
{
    for (int i = 0; i < s->blocks; i++)
        for (int a = 0; a <= e; a++) {
            double sum = 0.0;
            for (int c = 0; c <= e; c++)
                sum += entry(&s->block[i], w->n, a, c) * x[s->scalars + i * w->n + c];
            w->work[i * w->n + a] = sum;
        }
}

/* <x y>, the covariance having been applied to x */
static double correlation(const struct slow_state *w, const site *s, const double *x, const double *y, int e)
{
    double sum = 0.0;

    for (int i = 0; i < s->scalars; i++)
        sum += x[i] * y[i];
    for (int i = 0; i < s->blocks; i++)
        for (int a = 0; a <= e; a++)
            sum += w->work[i * w->n + a] * y[s->scalars + i * w->n + a];
    return sum;
}

/* C(e,a) += weight <x_e x_a> for all a <= e; rows are `step` numbers apart */
static void add_correlations(const struct slow_state *w, const site *s, double weight, const double *x, int step, int e, double *C)
{
    apply_covariance(w, s, x + (size_t)e * (size_t)step, e);
    for (int a = 0; a <= e; a++) {
        C[e * w->n + a] += weight * correlation(w, s, x + (size_t)e * (size_t)step, x + (size_t)a * (size_t)step, e);
        C[a * w->n + e] = C[e * w->n + a];
    }
}

static void clear_row(const struct slow_state *w, double *K, int e)
{
    memset(K + e * w->n, 0, (size_t)w->n * sizeof *K);
}

static void set_correlations(const struct slow_state *w, const site *s, const double *x, int e, double *C)
{
    clear_row(w, C, e);
    add_correlations(w, s, 1.0, x, row_length(w, s), e, C);
}

/* ---- neurons ---- */

static double *neuron_row(const struct slow_state *w, double *table, int e)
{
    return table + (size_t)e * (size_t)(2 * w->L * w->n);
}

/* v(e,s) R(e,s) + c kappa(e,s) C(e,s), times theta^2: what A_l or its transpose returns of event s */
static double memory(const slow_run *r, int l, const double *R, const double *C, int e, int s)
{
    const struct slow_state *w = r->state;
    return theta2(r, l) * (w->v[l][e * w->n + s] * R[e * w->n + s] + w->c * w->kappa[l][e * w->n + s] * C[e * w->n + s]);
}

/* C_h^l(e,.) and the response to r^l, or C_g^l(e,.) and the response to u^l */
static void finish_neuron(const slow_run *r, const double *x, int source, int e, double *C, double *R)
{
    const struct slow_state *w = r->state;
    set_correlations(w, &w->neurons, x, e, C);
    memcpy(R + e * w->n, x + (size_t)e * (size_t)(2 * w->L * w->n) + source * w->n, (size_t)w->n * sizeof *R);
}

/* h^l(e) = [h^{l-1}(e)] + u^l(e) + sum_{s<=e} memory g^l(s) (E10) */
static void march_h(const slow_run *r, int l, int e)
{
    const struct slow_state *w = r->state;
    int length = 2 * w->L * w->n;
    double *x = neuron_row(w, w->h[l], e);

    memset(x, 0, (size_t)length * sizeof *x);
    if (l > 1)
        add(x, w->skip, neuron_row(w, w->h[l - 1], e), length);
    x[(l - 1) * w->n + e] += 1.0;
    for (int s = 0; s <= e; s++)
        add(x, memory(r, l - 1, r->R_h[l - 1], r->C_h[l - 1], e, s), neuron_row(w, w->g[l], s), length);
    finish_neuron(r, w->h[l], w->L + l - 1, e, r->C_h[l], r->R_h[l]);
}

/* x += A_l^T g^{l+1}(e) = r^l(e) + sum_{s<=e} memory h^l(s); for l = L it is the readout, with C_g = 1 and R_g = 0 above */
static void add_backward(const slow_run *r, int l, int e, double *x)
{
    const struct slow_state *w = r->state;

    x[(w->L + l - 1) * w->n + e] += 1.0;
    for (int s = 0; s <= e; s++)
        add(x, memory(r, l, r->R_g[l + 1], r->C_g[l + 1], e, s), neuron_row(w, w->h[l], s), 2 * w->L * w->n);
}

static void march_g(const slow_run *r, int l, int e)
{
    const struct slow_state *w = r->state;
    int length = 2 * w->L * w->n;
    double *x = neuron_row(w, w->g[l], e);

    memset(x, 0, (size_t)length * sizeof *x);
    if (l < w->L)
        add(x, w->skip, neuron_row(w, w->g[l + 1], e), length);
    add_backward(r, l, e, x);
    finish_neuron(r, w->g[l], l - 1, e, r->C_g[l], r->R_g[l]);
}

/* ---- inputs ---- */

static double *input_row(const struct slow_state *w, double *table, int e, int k)
{
    return table + (size_t)(e * w->modes + k) * (size_t)(2 + 2 * w->n);
}

/* C(e,.) = mean over modes of lambda_k^power <x_k x_k>; R(e,.) = mean of lambda_k^{power/2} x_k's coefficient on rX (block 0) or r0 (1)
 * (E6) */
static void finish_input(const slow_run *r, double *x, int power, int source, int e, double *C, double *R)
{
    const struct slow_state *w = r->state;
    int length = 2 + 2 * w->n;

    clear_row(w, C, e);
    clear_row(w, R, e);
    for (int k = 0; k < w->modes; k++) {
        double lambda = power == 1 ? w->lambda[k] : 1.0;
        add_correlations(w, &w->inputs, lambda / w->modes, x + (size_t)k * (size_t)length, w->modes * length, e, C);
        add(R + e * w->n, sqrt(lambda) / w->modes, input_row(w, x, e, k) + 2 + source * w->n, w->n);
    }
}

/* v_k(e) = w*_k - r0(e)/(gamma sqrt(nu)) - sum_{s<e} K_v(e,s) vhat_k(s), K_v = sqrt(nu) v R_g1/gamma + eta kappa C_g1 */
static void march_v(const slow_run *r, int e)
{
    const struct slow_state *w = r->state;
    double root_nu = sqrt(r->p.width_ratio);

    for (int k = 0; k < w->modes; k++) {
        double *x = input_row(w, w->missing, e, k);
        memset(x, 0, (size_t)(2 + 2 * w->n) * sizeof *x);
        x[0] = w->star[k];
        x[2 + w->n + e] = -1.0 / (w->gamma * root_nu);
        for (int s = 0; s < e; s++) /* c = eta gamma/sqrt(nu): the same memory as that of A_0^T, times sqrt(nu)/gamma */
            add(x, -root_nu / w->gamma * memory(r, 0, r->R_g[1], r->C_g[1], e, s), input_row(w, w->vhat, s, k), 2 + 2 * w->n);
    }
    finish_input(r, w->missing, 1, 0, e, r->C_v, r->R_v);
}

/* vhat_k(e) = sqrt(lambda_k) rX(e)/(alpha q) + (lambda_k/q) sum_{s<=e} R_delta(e,s) v_k(s); probes look at all samples, q = 1
 * (E5), (E7) */
static void march_vhat(const slow_run *r, int e)
{
    const struct slow_state *w = r->state;
    double q = e < w->T ? w->q : 1.0;

    for (int k = 0; k < w->modes; k++) {
        double *x = input_row(w, w->vhat, e, k);
        memset(x, 0, (size_t)(2 + 2 * w->n) * sizeof *x);
        x[2 + e] = sqrt(w->lambda[k]) / (r->p.sample_ratio * q);
        for (int s = 0; s <= e; s++)
            add(x, w->lambda[k] / q * r->R_delta[e * w->n + s], input_row(w, w->missing, s, k), 2 + 2 * w->n);
    }
    finish_input(r, w->vhat, 0, 1, e, r->C_h[0], r->R_h[0]);
}

/* ---- samples ---- */

static double *sample_row(const struct slow_state *w, double *table, int e)
{
    return table + (size_t)e * (size_t)(1 + 2 * w->n);
}

static int same_epoch(const slow_run *r, int t, int s)
{
    int batches = (int)lround(1.0 / r->state->q);
    return r->p.batch == SLOW_EPOCH && t / batches == s / batches;
}

/* y (of an epoch: without what its own steps did, which touched other samples) or Delta: uX(e) + sigma_eps eps + sum_{s<e} R_v(e,s) delta(s) */
static void sample_error(const slow_run *r, int e, int whole, double *table)
{
    const struct slow_state *w = r->state;
    double *x = sample_row(w, table, e);

    memset(x, 0, (size_t)(1 + 2 * w->n) * sizeof *x);
    x[0] = e < w->T ? r->p.label_noise : 0.0;
    x[1 + e] = 1.0;
    for (int s = 0; s < e; s++)
        if (whole || !same_epoch(r, e, s))
            add(x, r->R_v[e * w->n + s], sample_row(w, w->delta, s), 1 + 2 * w->n);
}

/* covariance of the noise of the masks at step e with that of earlier steps (E9) */
static void march_masks(const slow_run *r, int e)
{
    const struct slow_state *w = r->state;
    double q = w->q;

    for (int s = 0; s <= e; s++) {
        double mask = s == e ? q - q * q : same_epoch(r, e, s) ? -q * q : 0.0;
        w->V[e * w->n + s] = w->V[s * w->n + e] = mask * w->C_y[e * w->n + s];
    }
}

static void march_online(const slow_run *r, int e)
{
    int diagonal = e * r->stride + e;
    double noise = r->p.label_noise;

    r->R_delta[diagonal] = 1.0;
    r->C_Delta[diagonal] = r->C_delta[diagonal] = r->C_v[diagonal] + noise * noise;
}

static void march_samples(const slow_run *r, int e)
{
    const struct slow_state *w = r->state;
    double *delta = sample_row(w, w->delta, e);

    if (r->p.batch == SLOW_ONLINE) {
        march_online(r, e);
        return;
    }
    sample_error(r, e, 0, w->y);
    sample_error(r, e, 1, w->Delta);
    set_correlations(w, &w->samples, w->y, e, w->C_y);
    set_correlations(w, &w->samples, w->Delta, e, r->C_Delta);
    march_masks(r, e);
    memset(delta, 0, (size_t)(1 + 2 * w->n) * sizeof *delta);
    add(delta, w->q, sample_row(w, w->y, e), 1 + 2 * w->n);
    delta[1 + w->n + e] = 1.0;
    set_correlations(w, &w->samples, w->delta, e, r->C_delta);
    memcpy(r->R_delta + e * w->n, delta + 1, (size_t)w->n * sizeof *delta);
}

/* delta = X v/sqrt(D) of a probe, on all samples (online: on a fresh batch, the same for all probes) */
static void probe_samples(const slow_run *r, int e)
{
    const struct slow_state *w = r->state;

    sample_error(r, e, 1, w->delta);
    set_correlations(w, &w->samples, w->delta, e, r->C_delta);
    memcpy(r->R_delta + e * w->n, sample_row(w, w->delta, e) + 1, (size_t)w->n * sizeof(double));
}

/* ---- the march ---- */

static void march(slow_run *r)
{
    int L = r->p.depth;

    for (int t = 0; t < r->p.steps; t++) {
        for (int l = L; l >= 1; l--)
            march_g(r, l, t);
        march_v(r, t);
        march_samples(r, t);
        march_vhat(r, t);
        for (int l = 1; l <= L; l++)
            march_h(r, l, t);
    }
}

slow_run *slow_train(const slow_training *p)
{
    slow_run *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->p = *p;
    if (!allocate(r)) {
        slow_run_free(r);
        return NULL;
    }
    fill_constants(r);
    march(r);
    return r;
}

/* ---- outliers: the dense nonsymmetric problem of order 2k, (O1), (O2), (O5) ---- */

typedef struct spikes {
    int k;
    double s2, psi;
    double *R_phi, *R_g, *C_phi, *C_g; /* k x k */
    double *v, *d, *m;                 /* v(t,c), weights, products with the target */
    double *X, *Y, *XY, *right, *left; /* of order 2k; column j of right and left: eigenvectors */
    double *real, *imaginary;
    double *memory;
} spikes;

static int spikes_create(spikes *a, int k)
{
    size_t square = (size_t)k * (size_t)k;
    cutter c = {NULL, 0};

    for (int pass = 0; pass < 2; pass++) {
        double **small[] = {&a->R_phi, &a->R_g, &a->C_phi, &a->C_g}, **large[] = {&a->X, &a->Y, &a->XY, &a->right, &a->left};
        for (size_t i = 0; i < 4; i++)
            *small[i] = cut(&c, square);
        for (size_t i = 0; i < 5; i++)
            *large[i] = cut(&c, 4 * square);
        a->v = cut(&c, (size_t)k);
        a->d = cut(&c, (size_t)k);
        a->m = cut(&c, (size_t)k);
        a->real = cut(&c, 2 * (size_t)k);
        a->imaginary = cut(&c, 2 * (size_t)k);
        if (pass == 0) {
            a->memory = c.base = calloc(c.used, sizeof(double));
            c.used = 0;
        }
        if (a->memory == NULL)
            return 0;
    }
    a->k = k;
    return 1;
}

/* Events 0 .. t; the last is a query, of weight 0.  W_t = A(t) + sum of spikes of weight c kappa(t,s) (KN7), (E12). */
static void fill_spikes(const slow_run *r, int layer, int t, spikes *a)
{
    const struct slow_state *w = r->state;
    int n = w->n, k = a->k;
    double theta = sqrt(theta2(r, layer));

    a->s2 = w->v[layer][t * n + t];
    a->psi = layer == 0 ? r->p.width_ratio : 1.0;
    for (int i = 0; i < k; i++) {
        a->v[i] = w->v[layer][t * n + i];
        a->d[i] = theta * w->c * w->kappa[layer][t * n + i];
        for (int j = 0; j < k; j++) {
            a->C_phi[i * k + j] = r->C_h[layer][i * n + j];
            a->C_g[i * k + j] = r->C_g[layer + 1][i * n + j];
            a->R_phi[i * k + j] = theta * r->R_h[layer][i * n + j];
            a->R_g[i * k + j] = theta * r->R_g[layer + 1][i * n + j];
        }
    }
    for (int i = 0; i < k && layer == 0; i++) {
        double sum = 0.0, norm2 = 0.0;
        for (int m = 0; m < w->modes; m++) {
            sum += input_row(w, w->vhat, i, m)[0] * w->star[m] / w->modes;
            norm2 += w->star[m] * w->star[m] / w->modes;
        }
        a->m[i] = sum / sqrt(norm2);
    }
}

/* [ R^T v, R^T d ; C v, R v + C d ]: what was, of the past event, stands on the right (KN7) */
static void fill_square(const spikes *a, const double *R, const double *C, double *X)
{
    int k = a->k;

    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++) {
            X[i * 2 * k + j] = R[j * k + i] * a->v[j];
            X[i * 2 * k + k + j] = R[j * k + i] * a->d[j];
            X[(k + i) * 2 * k + j] = C[i * k + j] * a->v[j];
            X[(k + i) * 2 * k + k + j] = R[i * k + j] * a->v[j] + C[i * k + j] * a->d[j];
        }
}

static int solve_spikes(spikes *a)
{
    int order = 2 * a->k;

    fill_square(a, a->R_g, a->C_g, a->X);
    fill_square(a, a->R_phi, a->C_phi, a->Y);
    for (int i = 0; i < order; i++)
        for (int j = 0; j < order; j++) {
            double sum = 0.0;
            for (int m = 0; m < order; m++)
                sum += a->X[i * order + m] * a->Y[m * order + j];
            a->XY[i * order + j] = sum;
        }
    return LAPACKE_dgeev(LAPACK_ROW_MAJOR, 'V', 'V', order, a->XY, order, a->real, a->imaginary, a->left, order, a->right, order) == 0;
}

/* The outlier of eigenvalue j: with (rho,p) = r1, (tau,q) = r2 = b psi Y r1 and l2 = a X^T l1, n = -(a'/a) l1.r1 - (b'/b) l2.r2. */
static void measure(const spikes *a, int j, slow_outlier *out)
{
    int k = a->k, order = 2 * k, c = k - 1;
    double s2 = a->s2, psi = a->psi, root = a->real[j], z = sqrt((psi * root + s2) * (root + s2) / root), D = 1.0 / (psi * root);
    double dD = 2.0 * z * D / (2.0 * s2 * s2 * psi * D - z * z + s2 * (1.0 + psi));
    double ra = (1.0 + s2 * D) / z, rb = (1.0 + psi * s2 * D) / z;
    double da = -ra / z + s2 * dD / z, db = -rb / z + psi * s2 * dD / z;
    double n = 0.0, g = 0.0, phi = 0.0, right = 0.0, left = 0.0;

    for (int i = 0; i < order; i++) {
        double r2 = 0.0, l2 = 0.0, r1 = a->right[i * order + j], l1 = a->left[i * order + j];
        for (int m = 0; m < order; m++) {
            r2 += rb * psi * a->Y[i * order + m] * a->right[m * order + j];
            l2 += ra * a->X[m * order + i] * a->left[m * order + j];
        }
        n -= da / ra * l1 * r1 + db / rb * l2 * r2;
        if (i == order - 1)
            out->right = r2; /* q of the query */
        g += l1 * ra * (i < k ? a->R_g[c * k + i] : a->C_g[c * k + i - k]);
        phi += l2 * rb * (i < k ? a->R_phi[c * k + i] : a->C_phi[c * k + i - k]);
        right += i < k ? a->m[i] * a->v[i] * r1 : a->m[i - k] * a->d[i - k] * r1;
        left += i < k ? 0.0 : a->m[i - k] * l2;
    }
    out->z = z;
    out->left = 2.0 * a->right[(order - 1) * order + j] * g / n;
    out->right = 2.0 * out->right * phi / n;
    out->target = 2.0 * rb * psi * right * rb * left / n;
}

static void insert(slow_outlier *out, int count, int most, slow_outlier *new)
{
    for (int i = 0; i < most; i++)
        if (i >= count || new->z > out[i].z) {
            slow_outlier next = out[i];
            out[i] = *new;
            *new = next;
        }
}

int slow_outliers(const slow_run *r, int layer, int t, int most, slow_outlier *out)
{
    spikes a = {0};
    int count = -1;

    if (spikes_create(&a, t + 1)) {
        fill_spikes(r, layer, t, &a);
        count = solve_spikes(&a) ? 0 : -1;
    }
    for (int j = 0; count >= 0 && j < 2 * a.k; j++) {
        slow_outlier new = {0};
        if (a.imaginary[j] != 0.0 || a.real[j] <= a.s2 / sqrt(a.psi) || a.real[j] <= 0.0)
            continue;
        measure(&a, j, &new);
        new.edge = sqrt(a.s2) * (1.0 + sqrt(a.psi));
        insert(out, count, most, &new);
        count++;
    }
    free(a.memory);
    return count;
}

/* ---- probes ---- */

/* c_l of M = c_0 + (1/nu) sum_l c_l B_l^T B_l */
static double probe_weight(const slow_run *r, int l)
{
    int t = r->state->now;
    return l == r->p.depth ? 1.0 : theta2(r, l) * r->C_g[l + 1][t * r->stride + t];
}

/* chi^l(e) = c_l psi^l + [chi^{l+1}] + A_l^T chi^{l+1}, chi^L = psi^L */
static void probe_g(const slow_run *r, int l, int e)
{
    const struct slow_state *w = r->state;
    int length = 2 * w->L * w->n;
    double *x = neuron_row(w, w->g[l], e);

    memset(x, 0, (size_t)length * sizeof *x);
    add(x, probe_weight(r, l), neuron_row(w, w->h[l], e), length);
    if (l < w->L) {
        add(x, w->skip, neuron_row(w, w->g[l + 1], e), length);
        add_backward(r, l, e, x);
    }
    finish_neuron(r, w->g[l], l - 1, e, r->C_g[l], r->R_g[l]);
}

/* y = c_0 vhat(e) + (1/nu) r0(e) + sum_{s<=e} memory vhat(s), one row a mode */
static void probe_product(const slow_run *r, int e, double *y)
{
    const struct slow_state *w = r->state;
    int length = 2 + 2 * w->n;

    memset(y, 0, (size_t)(w->modes * length) * sizeof *y);
    for (int k = 0; k < w->modes; k++) {
        double *x = y + k * length;
        add(x, probe_weight(r, 0), input_row(w, w->vhat, e, k), length);
        x[2 + w->n + e] += 1.0 / r->p.width_ratio;
        for (int s = 0; s <= e; s++)
            add(x, memory(r, 0, r->R_g[1], r->C_g[1], e, s), input_row(w, w->vhat, s, k), length);
    }
}

/* The product that Lanczos goes by, of probe e with itself and all before: of X v through X, else of the vectors themselves. */
static const double *probe_measure(const slow_run *r, int through_X, int e)
{
    const struct slow_state *w = r->state;

    if (through_X) {
        finish_input(r, w->missing, 1, 0, e, r->C_v, r->R_v);
        probe_samples(r, e);
        return r->C_delta + e * w->n;
    }
    finish_input(r, w->vhat, 0, 1, e, r->C_h[0], r->R_h[0]);
    return r->C_h[0] + e * w->n;
}

/* Makes the vector in row e orthogonal to the probes before and of length 1; returns its length, or 0 for one that is nothing but rounding. */
static double probe_normalise(const slow_run *r, int through_X, int first, int e, double rounding)
{
    const struct slow_state *w = r->state;
    int length = w->modes * (2 + 2 * w->n);
    double *rows = through_X ? w->missing : w->vhat, *x = input_row(w, rows, e, 0);
    const double *product = probe_measure(r, through_X, e);

    for (int s = first; s < e; s++)
        add(x, -product[s], input_row(w, rows, s, 0), length);
    double norm2 = probe_measure(r, through_X, e)[e], norm = norm2 > rounding * rounding ? sqrt(norm2) : 0.0;
    if (norm == 0.0)
        return 0.0;
    for (int i = 0; i < length; i++)
        x[i] /= norm;
    (void)probe_measure(r, through_X, e);
    return norm;
}

/* vhat, psi^0 .. psi^L, chi^L .. chi^1 */
static void probe_march(const slow_run *r, int through_X, int e)
{
    if (through_X)
        march_vhat(r, e);
    for (int l = 1; l <= r->p.depth; l++)
        march_h(r, l, e);
    for (int l = r->p.depth; l >= 1; l--)
        probe_g(r, l, e);
}

static double dot_inputs(const struct slow_state *w, double *x, double *y, int e)
{
    int length = 2 + 2 * w->n;
    double sum = 0.0;

    for (int k = 0; k < w->modes; k++) {
        apply_covariance(w, &w->inputs, x + k * length, e);
        sum += correlation(w, &w->inputs, x + k * length, y + k * length, e) / w->modes;
    }
    return sum;
}

/* Probes have events T, T+1, ..: forgets those of the run before. */
static void probe_reset(slow_run *r, int t)
{
    struct slow_state *w = r->state;

    w->now = t;
    for (int e = w->T; e < w->n; e++) {
        for (int l = 0; l <= w->L; l++) {
            memcpy(w->kappa[l] + e * w->n, w->kappa[l] + t * w->n, (size_t)w->T * sizeof(double));
            for (int s = 0; s <= e; s++)
                w->v[l][e * w->n + s] = w->v[l][s * w->n + e] = w->v[l][t * w->n + (s < w->T ? s : t)];
        }
        for (int l = 1; l <= w->L; l++)
            memset(neuron_row(w, w->g[l], e), 0, (size_t)(2 * w->L * w->n) * sizeof(double));
        clear_row(w, r->R_g[1], e);
    }
}

/* a[0 .. rows-1], b[0 .. rows-1] of a run from w* (source 0) or from xi (1); b[j] stands between j and j+1.
 * Gives the rows made: fewer where the vectors that M makes of the first one are exhausted. */
static int lanczos(slow_run *r, int t, int through_X, int source, int rows, double *y, double *a, double *b)
{
    struct slow_state *w = r->state;
    int first = w->T, length = 2 + 2 * w->n;
    double *table = through_X ? w->missing : w->vhat;

    probe_reset(r, t);
    memset(y, 0, (size_t)(w->modes * length) * sizeof *y);
    for (int k = 0; k < w->modes; k++)
        y[k * length + source] = source == 0 ? w->star[k] : 1.0;
    for (int e = first; e <= first + rows; e++) {
        double *x = input_row(w, table, e, 0);
        memcpy(x, y, (size_t)(w->modes * length) * sizeof *x);
        double norm = probe_normalise(r, through_X, first, e, e > first ? 1e-7 * fabs(a[0]) : 0.0);
        if (e > first)
            b[e - first - 1] = norm;
        if (e == first + rows || norm == 0.0)
            return e - first;
        probe_march(r, through_X, e);
        probe_product(r, e, y);
        a[e - first] = dot_inputs(w, input_row(w, w->vhat, e, 0), y, e);
        add(y, -a[e - first], x, w->modes * length);
        if (e > first)
            add(y, -b[e - first - 1], input_row(w, table, e - 1, 0), w->modes * length);
    }
    return rows;
}

/* The largest eigenvalue of the first k rows; 0 on failure. */
static int largest_ritz(const double *a, const double *b, int k, double *work, double *largest)
{
    memcpy(work, a, (size_t)k * sizeof *a);
    memcpy(work + k, b, (size_t)k * sizeof *b);
    if (k == 0 || LAPACKE_dsterf(k, work, work + k) != 0)
        return 0;
    *largest = work[k - 1];
    return 1;
}

/* What the run from the independent vector says. */
static int bulk_edges(const double *a, const double *b, int rows, int made, double *work, slow_probe *out)
{
    int last = rows - 1, early = 2 * rows / 3;
    double ratio = (double)early * early / ((double)rows * rows - (double)early * early), upper;

    out->lower = out->upper = out->drift = out->reach_upper = NAN;
    if (made < rows)
        return 1;
    out->lower = a[last] - 2.0 * b[last];
    out->upper = a[last] + 2.0 * b[last];
    out->drift = fmax(fabs(out->lower - a[last - 3] + 2.0 * b[last - 3]), fabs(out->upper - a[last - 3] - 2.0 * b[last - 3]));
    if (!largest_ritz(a, b, early, work, &upper) || !largest_ritz(a, b, rows, work, &out->reach_upper))
        return 0;
    out->reach_upper += ratio * (out->reach_upper - upper);
    return 1;
}

int slow_probe_at(slow_run *r, int t, int through_X, int rows, slow_probe *out)
{
    size_t row = (size_t)r->state->modes * (2 + 2 * (size_t)r->state->n);
    double *y = calloc(row + 4 * (size_t)rows, sizeof *y);

    if (y == NULL)
        return 0;
    double *a = y + row, *b = a + rows, *work = b + rows;
    int made = lanczos(r, t, through_X, 1, rows, y, a, b);
    int fine = bulk_edges(a, b, rows, made, work, out);
    made = lanczos(r, t, through_X, 0, rows, y, a, b);
    fine = fine && largest_ritz(a, b, made, work, &out->top);
    out->top_drift = out->top;
    if (fine && made > 3 && made == rows)
        fine = largest_ritz(a, b, made - 3, work, &out->top_drift);
    out->top_drift = made == rows ? out->top - out->top_drift : 0.0;
    free(y);
    return fine;
}

/* ---- the upper edge by nested laws ---- */

/* A point of a law: z above its edge and m(z) = E 1/(tau - z) < 0. */
typedef struct law_point {
    double z, m;
} law_point;

/* Z^T T Z for Z of ratio = n_out/n_in and entries of variance v/n_in: z(m) = -1/m + ratio v h(v m), h(a) = (1 - E[1/(tau + 1/a)]/a)/a. */
static law_point sandwiched(law_point T, double ratio, double v)
{
    double a = -1.0 / T.z, m = a / v;
    return (law_point){-1.0 / m + ratio * v * (1.0 - T.m / a) / a, m};
}

/* T_L = c_L, T_l = c_l + A_l^T T_{l+1} A_l, M = c_0 + A_0^T T_1 A_0/nu, K = X M X^T/P: z at the point where T_L has z = c_L (1 + excess) */
static double nested_z(const slow_run *r, int through_X, double excess)
{
    const slow_training *p = &r->p;
    int now = r->state->now * r->stride + r->state->now;
    law_point T = {1.0 + excess, -1.0 / excess};

    for (int l = p->depth - 1; l >= 0; l--) {
        double variance = r->state->v[l][now];
        T = l > 0 ? sandwiched(T, 1.0, variance) : sandwiched(T, p->width_ratio, variance / p->width_ratio);
        T.z += probe_weight(r, l);
    }
    return through_X ? sandwiched(T, 1.0 / p->sample_ratio, 1.0).z : T.z;
}

/* The first minimum from above, by the golden section in ln(excess). */
double slow_nested_edge(const slow_run *r, int t, int through_X)
{
    double x = 20.0, step = 0.01, golden = 0.5 * (sqrt(5.0) - 1.0);

    r->state->now = t;
    while (x > -20.0 && nested_z(r, through_X, exp(x - step)) < nested_z(r, through_X, exp(x)))
        x -= step;
    double low = x - step, high = x + step;
    while (high - low > 1e-9) {
        double inner = high - golden * (high - low), outer = low + golden * (high - low);
        if (nested_z(r, through_X, exp(inner)) < nested_z(r, through_X, exp(outer)))
            high = outer;
        else
            low = inner;
    }
    return nested_z(r, through_X, exp(0.5 * (low + high)));
}
