/* The site equations of a linear network with P fixed inputs, (X7) and (X8) of doc/theory.md, in plain loops.
 *
 * Layer l has two kinds of events: a = (t, mu), where h^l_mu(t) is made, and b = (t, k), where z^l_k(t) = g^l_k(t) is. Both are linear in the Gaussian
 * fields u_a and r_b of the layer, and are kept as coefficients on them. Layer 1 has one u for each input, layer L one r for each output, for all t:
 *
 *     h^{l+1}_a = keep^t (u_a + sigma^2 sum_{b before a} dh^l_a/dr^l_b g^{l+1}_b) + sum_{s<t} beta(t,s) sum_{nu k} d_{nu k}(s) <h^l_a h^l_{s nu}> g^{l+1}_{s k} + bias
 *     z^l_b     = keep^t (r_b + sigma^2 sum_{a before b} dg^{l+1}_b/du^{l+1}_a h^l_a) + sum_{s<t} beta(t,s) sum_{nu k} d_{nu k}(s) <g^{l+1}_b g^{l+1}_{s k}> h^l_{s nu}
 *
 * with d = gamma0 eta Delta/|B| and beta(t,s) what an update made at s weighs at t. Cost O(L (T (P + Q + K))^3).
 */
#include <math.h>
#include <stdlib.h>

#include "slow_mlp_linear.h"

typedef struct {
    int nu, nr;      /* fields u and r; a vector of coefficients has nu + nr numbers */
    double *cov_u, *cov_r; /* their covariances */
    double *h, *g;   /* coefficients of the events */
    double *Ch, *Cg; /* correlations of the events */
} layer;

typedef struct {
    const slow_mlp_problem *p;
    int M, K, T, P, L, A, B; /* inputs, outputs, steps, samples, depth, events a and b in all */
    double *beta, *d;        /* T x T; T x P x K */
    layer *y;                /* y[1 .. L] */
} network;

static double *zeros(long n) { return calloc((size_t)n, sizeof(double)); }

static int make(network *n)
{
    int whole = 1;
    for (int l = 1; l <= n->L; l++) {
        layer *y = &n->y[l];
        y->nu = l == 1 ? n->M : n->A;
        y->nr = l == n->L ? n->K : n->B;
        long width = y->nu + y->nr;
        y->cov_u = zeros((long)y->nu * y->nu);
        y->cov_r = zeros((long)y->nr * y->nr);
        y->h = zeros(n->A * width);
        y->g = zeros(n->B * width);
        y->Ch = zeros((long)n->A * n->A);
        y->Cg = zeros((long)n->B * n->B);
        whole = whole && y->cov_u && y->cov_r && y->h && y->g && y->Ch && y->Cg;
    }
    return whole;
}

/* <x y> of two vectors of coefficients. */
static void times_covariance(const layer *y, const double *x, double *out)
{
    for (int i = 0; i < y->nu; i++) {
        out[i] = 0.0;
        for (int j = 0; j < y->nu; j++) out[i] += y->cov_u[i * y->nu + j] * x[j];
    }
    for (int i = 0; i < y->nr; i++) {
        out[y->nu + i] = 0.0;
        for (int j = 0; j < y->nr; j++) out[y->nu + i] += y->cov_r[i * y->nr + j] * x[y->nu + j];
    }
}

static double dot(const layer *y, const double *a, const double *b)
{
    double sum = 0.0;
    for (int i = 0; i < y->nu + y->nr; i++) sum += a[i] * b[i];
    return sum;
}

static void add(const layer *y, double *out, double factor, const double *x)
{
    for (int i = 0; i < y->nu + y->nr; i++) out[i] += factor * x[i];
}

/* The correlations of event e, just made, with those of its kind before it. */
static void correlate(const layer *y, const double *x, int e, double *C, int order, double *work)
{
    int width = y->nu + y->nr;
    times_covariance(y, x + e * width, work);
    for (int i = 0; i <= e; i++) C[e * order + i] = C[i * order + e] = dot(y, work, x + i * width);
}

static double keep_power(const network *n, int t) { return pow(1.0 - n->p->weight_decay, t); }

static void forward_event(network *n, int l, int t, int mu, double *work)
{
    const slow_mlp_problem *p = n->p;
    layer *y = &n->y[l];
    int width = y->nu + y->nr, a = t * n->M + mu;
    double *h = y->h + a * width, keep = keep_power(n, t);
    if (l == 1) h[mu] = keep;
    else {
        layer *below = &n->y[l - 1];
        int under = below->nu + below->nr;
        double variance = p->weight_variance[l - 1];
        for (int i = 0; i < n->A; i++) y->cov_u[a * y->nu + i] = y->cov_u[i * y->nu + a] = variance * below->Ch[a * n->A + i];
        h[a] = keep;
        for (int b = 0; b < t * n->K; b++) add(y, h, keep * variance * below->h[a * under + below->nu + b], y->g + b * width);
    }
    for (int s = 0; s < t; s++)
        for (int nu = 0; nu < n->P; nu++)
            for (int k = 0; k < n->K; k++) {
                double C = l == 1 ? p->gram[nu * n->M + mu] : n->y[l - 1].Ch[a * n->A + s * n->M + nu];
                double factor = n->beta[t * n->T + s] * n->d[(s * n->P + nu) * n->K + k];
                add(y, h, factor * (C + p->bias), y->g + (s * n->K + k) * width);
            }
    correlate(y, y->h, a, y->Ch, n->A, work);
}

static void backward_event(network *n, int l, int t, int k, double *work)
{
    layer *y = &n->y[l];
    int width = y->nu + y->nr, b = t * n->K + k;
    double *g = y->g + b * width, keep = keep_power(n, t);
    if (l == n->L) {
        g[y->nu + k] = keep;
        for (int s = 0; s < t; s++)
            for (int nu = 0; nu < n->P; nu++)
                add(y, g, n->beta[t * n->T + s] * n->d[(s * n->P + nu) * n->K + k], y->h + (s * n->M + nu) * width);
    } else {
        layer *above = &n->y[l + 1];
        int over = above->nu + above->nr;
        double variance = n->p->weight_variance[l];
        for (int i = 0; i < n->B; i++) y->cov_r[b * y->nr + i] = y->cov_r[i * y->nr + b] = variance * above->Cg[b * n->B + i];
        g[y->nu + b] = keep;
        for (int a = 0; a < (t + 1) * n->M; a++) add(y, g, keep * variance * above->g[b * over + a], y->h + a * width);
        for (int s = 0; s < t; s++)
            for (int nu = 0; nu < n->P; nu++)
                for (int i = 0; i < n->K; i++) {
                    double factor = n->beta[t * n->T + s] * n->d[(s * n->P + nu) * n->K + i];
                    add(y, g, factor * above->Cg[b * n->B + s * n->K + i], y->h + (s * n->M + nu) * width);
                }
    }
    correlate(y, y->g, b, y->Cg, n->B, work);
}

/* f of all inputs: <z^L_k h^L_mu>/gamma0, with z^L made before g^L is needed. */
static void outputs(network *n, int t, double *f, double *work)
{
    layer *y = &n->y[n->L];
    int width = y->nu + y->nr;
    for (int k = 0; k < n->K; k++) {
        times_covariance(y, y->g + (t * n->K + k) * width, work);
        for (int mu = 0; mu < n->M; mu++) f[mu * n->K + k] = dot(y, work, y->h + (t * n->M + mu) * width) / n->p->gamma0;
    }
}

static double error_of(const slow_mlp_problem *p, const double *y, const double *f, int k)
{
    if (p->loss == SLOW_SQUARED) return y[k] - f[k];
    if (p->loss == SLOW_LOGISTIC) return y[0] / (1.0 + exp(y[0] * f[0]));
    double sum = 0.0;
    for (int i = 0; i < p->outputs; i++) sum += exp(f[i]);
    return y[k] - exp(f[k]) / sum;
}

static void errors(network *n, int t, const double *f)
{
    const slow_mlp_problem *p = n->p;
    const int *batch = p->batch != NULL ? p->batch + t * n->P : NULL;
    int size = 0;
    for (int mu = 0; mu < n->P; mu++) size += batch == NULL || batch[mu];
    for (int mu = 0; mu < n->P; mu++)
        for (int k = 0; k < n->K; k++) {
            double Delta = error_of(p, p->target + mu * n->K, f + mu * n->K, k);
            n->d[(t * n->P + mu) * n->K + k] = batch == NULL || batch[mu] ? p->gamma0 * p->learning_rate / size * Delta : 0.0;
        }
}

/* W_{t+1} = keep W_t + e_t m_t, m_t = momentum m_{t-1} + G_t. */
static void update_weights(network *n)
{
    const slow_mlp_problem *p = n->p;
    for (int t = 0; t + 1 < n->T; t++)
        for (int s = 0; s <= t; s++) {
            double rate = p->schedule != NULL ? p->schedule[t] : 1.0;
            n->beta[(t + 1) * n->T + s] = (1.0 - p->weight_decay) * n->beta[t * n->T + s] + rate * pow(p->momentum, t - s);
        }
}

static void record(const network *n, const slow_mlp_rows *r, int t)
{
    double *row = r->row + (long)t * r->columns;
    int K = n->K, order = n->P * K;
    for (int l = 1; l <= n->L; l++) {
        const layer *y = &n->y[l];
        for (int mu = 0; mu < n->P; mu++) row[r->forward + (l - 1) * n->P + mu] = y->Ch[(t * n->M + mu) * (n->A + 1)];
        for (int k = 0; k < K; k++) row[r->backward + l - 1] += y->Cg[(t * K + k) * (n->B + 1)] / K;
    }
    for (int i = 0; i < order; i++)
        for (int j = 0; j < order; j++) {
            int mu = i / K, nu = j / K, k = i % K, m = j % K, a = t * n->M + mu, c = t * n->M + nu;
            double sum = k == m ? n->y[n->L].Ch[a * n->A + c] : 0.0;
            for (int l = 1; l <= n->L; l++) {
                double C = l == 1 ? n->p->gram[mu * n->M + nu] : n->y[l - 1].Ch[a * n->A + c];
                sum += (C + n->p->bias) * n->y[l].Cg[(t * K + k) * n->B + t * K + m];
            }
            row[r->ntk + i * order + j] = sum;
        }
}

static void march(network *n, const slow_mlp_rows *r, double *work)
{
    for (int t = 0; t < n->T; t++) {
        double *f = r->row + (long)t * r->columns;
        for (int l = 1; l <= n->L; l++)
            for (int mu = 0; mu < n->M; mu++) forward_event(n, l, t, mu, work);
        for (int k = 0; k < n->K; k++) backward_event(n, n->L, t, k, work);
        outputs(n, t, f, work);
        errors(n, t, f);
        for (int l = n->L - 1; l >= 1; l--)
            for (int k = 0; k < n->K; k++) backward_event(n, l, t, k, work);
        record(n, r, t);
    }
}

slow_mlp_rows slow_mlp_linear(const slow_mlp_problem *p)
{
    int M = p->samples + p->tests, K = p->outputs, T = p->steps, P = p->samples, L = p->depth;
    network n = {.p = p, .M = M, .K = K, .T = T, .P = P, .L = L, .A = T * M, .B = T * K};
    slow_mlp_rows r = {.forward = M * K, .backward = M * K + L * P, .ntk = M * K + L * P + L};
    r.columns = r.ntk + P * K * P * K;
    r.row = zeros((long)T * r.columns);
    n.beta = zeros((long)T * T);
    n.d = zeros((long)T * P * K);
    n.y = calloc((size_t)L + 1, sizeof *n.y);
    double *work = zeros(n.A + n.B + M + K);
    if (r.row && n.beta && n.d && n.y && work && make(&n)) {
        for (int i = 0; i < M * M; i++) n.y[1].cov_u[i] = p->weight_variance[0] * p->gram[i];
        for (int k = 0; k < K; k++) n.y[L].cov_r[k * (K + 1)] = p->weight_variance[L];
        update_weights(&n);
        march(&n, &r, work);
    } else {
        free(r.row);
        r.row = NULL;
    }
    for (int l = 1; n.y && l <= L; l++) {
        double *parts[] = {n.y[l].cov_u, n.y[l].cov_r, n.y[l].h, n.y[l].g, n.y[l].Ch, n.y[l].Cg};
        for (int i = 0; i < 6; i++) free(parts[i]);
    }
    free(n.y);
    free(n.beta);
    free(n.d);
    free(work);
    return r;
}
