/*
 * What is recorded of one dense nonlinear network: outputs, mean squares, losses, the top of the neural tangent kernel, spectra, two-time kernels;
 * (W3)-(W5) of doc/theory.md.
 *
 * The tangent kernel is that of this network, all its parameters included: (N3) with averages over N sites, which is the Gram matrix (W4) of its
 * Jacobian, of order P K. Leading singular values of A_1 .. A_{L-1} are those of singular.c; they start from those of the recorded step before and
 * from some of the newest phi. With many outputs what needs g is made in other ways, at the steps that are probed (mlp_many.c).
 *
 * Cost of a row: (L + 1) P^2 N + L (P K)^2 N multiply-adds for the tangent kernel and 2 (P K)^3/3 for its eigenvalue; singular.c for each matrix;
 * with stored kernels, t P^2 N (K + 1) L for row t.
 */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "network/mlp.h"
#include "network/mlp_many.h"

static double square(double x) { return x * x; }

static double mean_square(const double *x, size_t n)
{
    double norm = cblas_dnrm2((int)n, x, 1);
    return square(norm) / (double)n;
}

/* ---- A row ---- */

static void record_squares(const struct dense_mlp *n, double *row)
{
    size_t N = n->width, P = n->samples, KN = n->outputs * N;
    for (size_t l = 1; l <= (size_t)n->depth; l++)
        for (size_t mu = 0; mu < P; mu++) {
            row[n->table.forward + (l - 1) * P + mu] = mean_square(n->phi[l] + mu * N, N);
            row[n->table.backward + (l - 1) * P + mu] = n->many == NULL ? mean_square(n->g[l] + mu * KN, KN) : NAN;
        }
}

static double mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return n > 0 ? sum / (double)n : NAN;
}

/* ---- The tangent kernel ---- */

/* C = X X^T/N of `count` vectors. */
static void gram(const struct dense_mlp *n, const double *X, size_t count, double *C)
{
    int N = (int)n->width, order = (int)count;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, order, order, N, 1.0 / N, X, N, X, N, 0.0, C, order);
}

/* C^{phi,l} of the samples; that of the inputs for l = 0. */
static void forward_gram(const struct dense_mlp *n, int l)
{
    size_t P = n->samples;
    if (l > 0) {
        gram(n, n->phi[l], P, n->C_phi);
        return;
    }
    for (size_t mu = 0; mu < P; mu++) memcpy(n->C_phi + mu * P, n->problem->mlp.gram + mu * n->inputs, P * sizeof(double));
}

/* Adds the share of A_l, and of the bias of its layer, or, for l = L, of the readout. */
static void add_share(const struct dense_mlp *n, int l)
{
    size_t P = n->samples, K = n->outputs, PK = P * K;
    double bias = n->bias != NULL ? 1 : 0;
    forward_gram(n, l);
    if (l < n->depth) gram(n, n->g[l + 1], PK, n->C_g);
    for (size_t a = 0; a < PK; a++)
        for (size_t b = 0; b < PK; b++) {
            double C_phi = n->C_phi[a / K * P + b / K];
            if (l < n->depth)
                n->ntk[a * PK + b] += (C_phi + bias) * n->C_g[a * PK + b];
            else if (a % K == b % K)
                n->ntk[a * PK + b] += C_phi;
        }
}

/* Its largest eigenvalues, into a row. */
static int top_of_ntk(const struct dense_mlp *n, double *row, dmft_error *err)
{
    size_t PK = n->samples * n->outputs;
    int order = (int)PK, wanted = (int)n->table.tops, found = 0, support[2];
    memset(n->ntk, 0, PK * PK * sizeof *n->ntk);
    for (int l = 0; l <= n->depth; l++) add_share(n, l);
    int info = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'N', 'I', 'U', order, n->ntk, order, 0, 0, order - wanted + 1, order, 0, &found, n->eigenvalue, NULL, 1,
                                   support, n->work, n->work_size, n->iwork, 10 * order);
    if (info != 0 || found != wanted) return error_set(err, DMFT_ERROR_NUMERIC, "the tangent kernel has no eigenvalues (dsyevr: %d)", info);
    mlp_table_enter_ntk(&n->table, row, n->eigenvalue, 1);
    return DMFT_OK;
}

/* ---- Spectra ---- */

/* x.unit of each of `count` vectors, in n->products. */
static void multiply(const struct dense_mlp *n, const double *X, size_t count, const double *unit)
{
    int N = (int)n->width;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)count, N, 1.0, X, N, unit, 1, 0.0, n->products, 1);
}

/* (x.unit)^2/N of what is in n->products. */
static const double *squared_overlaps(const struct dense_mlp *n, size_t count)
{
    for (size_t i = 0; i < count; i++) n->products[i] = square(n->products[i]) / (double)n->width;
    return n->products;
}

static void record_overlaps(struct dense_mlp *n, size_t l, struct singular_pair pair, double *out)
{
    size_t P = n->samples, K = n->outputs;
    const size_t *chosen = n->problem->mlp.chosen;
    if (n->many != NULL)
        mlp_many_products(n, (int)l + 1, pair.left);
    else
        multiply(n, n->g[l + 1], P * K, pair.left);
    const double *squares = squared_overlaps(n, P * K);
    out[n->table.left] = mean(squares, P * K);
    for (size_t i = 0; i < n->table.chosen; i++) out[n->table.left_of + i] = mean(squares + chosen[i] * K, K);
    multiply(n, n->phi[l], P, pair.right);
    squares = squared_overlaps(n, P);
    out[n->table.right] = mean(squares, P);
    for (size_t i = 0; i < n->table.chosen; i++) out[n->table.right_of + i] = squares[chosen[i]];
}

static int record_spectrum(struct dense_mlp *n, size_t l, double *out, dmft_error *err)
{
    const double *start[DENSE_MLP_STARTS];
    struct singular_pair pair;
    for (size_t i = 0; i < n->start_count; i++) start[i] = n->phi[l] + i * n->width;
    struct singular_starts starts = {.count = n->start_count, .vector = start};
    for (size_t i = 0; i < n->table.layer; i++) out[i] = NAN;
    int status = singular_solve(&n->singular, l - 1, n->matrix[l].value, starts, out + n->table.value, &pair, err);
    if (status == DMFT_OK && pair.left != NULL) record_overlaps(n, l, pair, out);
    return status;
}

/* ---- Kernels ---- */

/* Rows t P .. t P + P - 1 of C, up to the last event of step t, from the history with vectors of `length` numbers. */
static void record_kernel(const struct dense_mlp *n, size_t t, const double *history, size_t length, double *C)
{
    size_t P = n->samples;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)P, (int)((t + 1) * P), (int)length, 1.0 / (double)length, history + t * P * length,
                (int)length, history, (int)length, 0.0, C + t * P * n->table.order, (int)n->table.order);
}

static void record_kernels(struct dense_mlp *n, size_t t, double *slot)
{
    size_t N = n->width, P = n->samples, KN = n->outputs * N;
    for (size_t l = 1; l <= (size_t)n->depth; l++) {
        memcpy(n->phi_history[l] + t * P * N, n->phi[l], P * N * sizeof(double));
        memcpy(n->g_history[l] + t * P * KN, n->g[l], P * KN * sizeof(double));
        record_kernel(n, t, n->phi_history[l], N, slot + mlp_table_kernel(&n->table, MLP_C_PHI, l));
        record_kernel(n, t, n->g_history[l], KN, slot + mlp_table_kernel(&n->table, MLP_C_G, l));
    }
    n->recorded = t + 1;
}

/* ---- Representations ---- */

static void record_representations(const struct dense_mlp *n, long t, double *slot)
{
    for (int l = 1; mlp_table_represents(&n->table, t) && l <= n->depth; l++) {
        forward_gram(n, l);
        mlp_table_enter_representation(&n->table, slot, t, (size_t)l, n->C_phi, n->samples);
    }
}

/* ---- All of it ---- */

/* What is made at some steps only, with many outputs. */
static int probe_many(struct dense_mlp *n, double *row, dmft_error *err)
{
    mlp_many_squares(n, row);
    return mlp_many_top(n, row, err);
}

int dense_mlp_record(struct dense_mlp *n, long t, double *slot, dmft_error *err)
{
    const struct mlp_table *table = &n->table;
    double *row = slot + (size_t)t * table->columns;
    memcpy(row + table->output, n->f, n->inputs * n->outputs * sizeof *row);
    record_squares(n, row);
    row[table->train_loss] = mean(n->losses, n->samples);
    row[table->test_loss] = mean(n->losses + n->samples, n->inputs - n->samples);
    for (size_t j = 0; j < table->tops; j++) row[table->ntk + j] = n->many == NULL ? 0 : NAN;
    if (mlp_table_diverged(table, slot, t)) return DMFT_DIVERGED; /* no eigenvalues of infinities */
    int status = n->many == NULL ? top_of_ntk(n, row, err) : mlp_many_is_probed(n, t) ? probe_many(n, row, err) : DMFT_OK;
    if (status == DMFT_OK && mlp_table_diverged(table, slot, t)) return DMFT_DIVERGED;
    for (size_t l = 1; status == DMFT_OK && t % n->problem->outlier_every == 0 && l < (size_t)n->depth; l++)
        status = record_spectrum(n, l, slot + mlp_table_spectrum(table, t, l), err);
    if (status == DMFT_OK && n->phi_history != NULL) record_kernels(n, (size_t)t, slot);
    if (status == DMFT_OK) record_representations(n, t, slot);
    return status;
}
