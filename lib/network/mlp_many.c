/*
 * Dense nonlinear networks with many outputs. Training needs of the P K backward vectors g^l_{mu k} only their sums with the errors,
 * delta^l_mu = sum_k Delta_{mu k} g^l_{mu k}, which obey the same recursion, (X2) of doc/theory.md:
 *
 *     delta^L_mu = phi'(h^L_mu) sum_k Delta_{mu k} w_k,   delta^l_mu = phi'(h^l_mu) A_l^T delta^{l+1}_mu
 *
 * so that a step goes back with P vectors, and its cost does not grow with K but for the readout. What is measured:
 *
 *     C_g         the g of one sample at a time, K vectors, are carried back and forgotten
 *     g . x       is the change of the outputs when h^l moves by x, carried forward: one pass of P vectors for all k
 *     ntk_top     products of the tangent kernel (N3) with e, by delta(e) backward and the change of the outputs forward,
 *                 dh^{l+1} = sum_nu (C^{phi,l}_{mu nu} + bias) delta^{l+1}_nu(e) + A_l (phi'(h^l) dh^l), and Lanczos on them: no matrix of order P K
 *
 * The first and the last are made at the steps that are probed only, at multiples of probes.every.
 *
 * Cost: 2 P N^2 (L-1) multiply-adds less the forward pass a step; P K N^2 (L-1) for C_g; for a product with the tangent kernel
 * 2 P N ((L-1) N + K) + L P^2 N + P^2 K. Memory: 2 L + 2 times P N doubles, (L+1) P^2, 2 K N, and the solver's, of order 100 P K.
 */
#include "network/mlp_many.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cost.h"
#include "base/error.h"

/* P K from which on this is better. LAPACK's eigenvalues of the tangent kernel take 2 (P K)^3/3 multiply-adds, at 1000 as much as some thirty products at
 * P = 100, N = 300, which is what Lanczos makes, and all g take P K N L doubles. */
static const double MANY = 1000;

/* An eigenvalue is off by the square of this over its distance to the next one, relative to it. */
static const double TOLERANCE = 1e-7;

/* Products of Lanczos for an eigenvalue of one kernel: 19 to 31 were counted for one, 42 to 93 for three (P K = 1500 and 97 500). */
static const double PRODUCTS = 25;

int mlp_many_is_better(const dmft_problem *p) { return (double)p->mlp.samples * (double)p->mlp.outputs > MANY && !p->store_kernels; }

/* ---- Life ---- */

int mlp_many_create(struct mlp_many **out, const struct dense_mlp *n, dmft_error *err)
{
    int whole = 1, L = n->depth;
    size_t PN = n->samples * n->width, PP = n->samples * n->samples, PK = n->samples * n->outputs, tops = n->table.tops;
    struct mlp_many *m = calloc(1, sizeof *m);
    if (m == NULL) return error_memory(err, sizeof *m);
    m->delta = memory_arrays(1, L, PN, &whole);
    m->driven = memory_arrays(1, L, PN, &whole);
    m->gram = memory_arrays(0, L, PP, &whole);
    m->change = memory_doubles(PN);
    m->next = memory_doubles(PN);
    for (int i = 0; i < 2; i++) whole &= (m->block[i] = memory_doubles(n->outputs * n->width)) != NULL;
    m->vectors = memory_doubles(tops * PK);
    m->top = memory_doubles(tops);
    whole = whole && m->change && m->next && m->vectors && m->top;
    int status = whole ? spectrum_leading_create(&m->leading, PK, tops, err) : error_memory(err, 8.0 * mlp_many_doubles(n->problem));
    if (status != DMFT_OK) {
        mlp_many_free(m, L);
        return status;
    }
    *out = m;
    return DMFT_OK;
}

void mlp_many_free(struct mlp_many *m, int depth)
{
    if (m == NULL) return;
    memory_arrays_free(m->delta, depth);
    memory_arrays_free(m->driven, depth);
    memory_arrays_free(m->gram, depth);
    free(m->change);
    free(m->next);
    for (int i = 0; i < 2; i++) free(m->block[i]);
    free(m->vectors);
    free(m->top);
    spectrum_leading_free(m->leading);
    free(m);
}

/* ---- Sizes ---- */

static double tops_of(const dmft_problem *p) { return p->probes.ntk ? 3 : 1; }

double mlp_many_doubles(const dmft_problem *p)
{
    double N = (double)p->simulation.width, P = (double)p->mlp.samples, K = (double)p->mlp.outputs, L = p->depth, tops = tops_of(p);
    return (2 * L + 2) * P * N + (L + 1) * P * P + 2 * K * N + P * K * (1 + tops) + singular_solver_doubles(P * K, tops);
}

double mlp_many_operations(const dmft_problem *p)
{
    double N = (double)p->simulation.width, P = (double)p->mlp.samples, K = (double)p->mlp.outputs, L = p->depth;
    return cost_of_products(2 * P * N * ((L - 1) * N + K), P) + 2 * P * N * L;
}

double mlp_many_probe_operations(const dmft_problem *p)
{
    double N = (double)p->simulation.width, P = (double)p->mlp.samples, K = (double)p->mlp.outputs, L = p->depth;
    double product = 4 * P * N * ((L - 1) * N + K) + 2 * P * P * (L * N + K) + 8 * singular_space(tops_of(p)) * P * K;
    double passes = 2 * P * K * N * ((L - 1) * N + 2 * L) + 2 * (L + 1) * P * P * N;
    return cost_of_products(passes + PRODUCTS * tops_of(p) * product, P);
}

/* ---- Passes ---- */

/* x_i <- phi'(h^l)_i x_i for all samples. */
static void apply_slopes(const struct dense_mlp *n, int l, double *x)
{
    const double *slope = n->slope[l];
    for (size_t i = 0; i < n->samples * n->width; i++) x[i] *= slope[i];
}

/* delta^l for all layers from these errors. */
static void drive(const struct dense_mlp *n, const double *errors, double **delta)
{
    for (int l = n->depth; l >= 1; l--) {
        dense_mlp_transposed_product(&n->matrix[l], l == n->depth ? errors : delta[l + 1], n->samples, delta[l]);
        apply_slopes(n, l, delta[l]);
    }
}

void mlp_many_backward(struct dense_mlp *n) { drive(n, n->Delta, n->many->delta); }

/* The change of w . phi(h^L) by that of h^l, which is in many->change and used up; with `delta` layers l + 1 .. move by their own weights too. */
static void carry(const struct dense_mlp *n, int l, double *const *delta, double *out)
{
    struct mlp_many *m = n->many;
    int N = (int)n->width, P = (int)n->samples;
    for (; l < n->depth; l++) {
        apply_slopes(n, l, m->change);
        dense_mlp_product(&n->matrix[l], 1.0, m->change, n->samples, m->next);
        if (delta != NULL) cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, P, N, P, 1.0, m->gram[l], P, delta[l + 1], N, 1.0, m->next, N);
        double *swap = m->change;
        m->change = m->next;
        m->next = swap;
    }
    apply_slopes(n, n->depth, m->change);
    dense_mlp_product(&n->matrix[n->depth], 1.0, m->change, n->samples, out);
}

void mlp_many_products(struct dense_mlp *n, int l, const double *x)
{
    for (size_t mu = 0; mu < n->samples; mu++) memcpy(n->many->change + mu * n->width, x, n->width * sizeof *x);
    carry(n, l, NULL, n->products);
}

/* ---- C_g ---- */

int mlp_many_is_probed(const struct dense_mlp *n, long t) { return t % n->problem->probes.every == 0; }

/* The g^l of sample mu for all outputs, in block[0]; block[1] is room. */
static void sample_backward(struct dense_mlp *n, size_t mu, int l)
{
    struct mlp_many *m = n->many;
    size_t N = n->width;
    const double *slope = n->slope[l] + mu * N;
    if (l == n->depth) {
        memcpy(m->block[0], n->matrix[l].value, n->outputs * N * sizeof(double));
    } else {
        double *above = m->block[0];
        m->block[0] = m->block[1];
        m->block[1] = above;
        dense_mlp_transposed_product(&n->matrix[l], above, n->outputs, m->block[0]);
    }
    for (size_t k = 0; k < n->outputs; k++)
        for (size_t i = 0; i < N; i++) m->block[0][k * N + i] *= slope[i];
}

void mlp_many_squares(struct dense_mlp *n, double *row)
{
    size_t KN = n->outputs * n->width;
    for (size_t mu = 0; mu < n->samples; mu++)
        for (int l = n->depth; l >= 1; l--) {
            sample_backward(n, mu, l);
            double norm = cblas_dnrm2((int)KN, n->many->block[0], 1);
            row[n->table.backward + (size_t)(l - 1) * n->samples + mu] = norm * norm / (double)KN;
        }
}

/* ---- The tangent kernel ---- */

static void make_grams(struct dense_mlp *n)
{
    size_t P = n->samples;
    int N = (int)n->width, order = (int)P;
    for (int l = 0; l <= n->depth; l++) {
        double *C = n->many->gram[l], bias = n->bias != NULL && l < n->depth ? 1.0 : 0.0;
        for (size_t mu = 0; l == 0 && mu < P; mu++) memcpy(C + mu * P, n->problem->mlp.gram + mu * n->inputs, P * sizeof *C);
        if (l > 0) cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, order, order, N, 1.0 / N, n->phi[l], N, n->phi[l], N, 0.0, C, order);
        for (size_t i = 0; i < P * P; i++) C[i] += bias;
    }
}

/* (N3) times x. */
static void apply_kernel(void *context, size_t order, const double *x, double *y)
{
    struct dense_mlp *n = context;
    struct mlp_many *m = n->many;
    int N = (int)n->width, P = (int)n->samples, K = (int)n->outputs;
    (void)order;
    drive(n, x, m->driven);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, P, N, P, 1.0, m->gram[0], P, m->driven[1], N, 0.0, m->change, N);
    carry(n, 1, m->driven, y);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, P, K, P, 1.0, m->gram[n->depth], P, x, K, 1.0 / N, y, K);
}

int mlp_many_top(struct dense_mlp *n, double *row, dmft_error *err)
{
    struct mlp_many *m = n->many;
    size_t PK = n->samples * n->outputs, tops = n->table.tops;
    make_grams(n);
    int status = spectrum_leading_solve(m->leading, apply_kernel, n, PK, tops, 0, TOLERANCE, m->top, m->vectors, PK, err);
    for (size_t j = 0; status == DMFT_OK && j < tops; j++) row[n->table.ntk + j] = m->top[j];
    return status;
}
