/* Distance matrices of the representations of the P samples, layer by layer, from what the members of an ensemble recorded: (RM1)-(RM5) of doc/theory.md.
 *
 *   M = diag(C) 1^T + 1 diag(C)^T - 2 C, of every member i and of their mean (RM1);
 *   eigenvalues of the mean M, with first-order standard errors from v^T M_i v, and the mean of those of every M_i (RM3);
 *   progress q = <M(t) - M(0), U>/<U, U>, U = M(end) - M(0), and the covariance of its mean over members (RM4);
 *   change from one record to the next, and the noise in it (RM5).
 *
 * Cost: one eigenproblem of order P a record, layer and member, eigenvalues alone, 4/3 P^3; memory: that of the trajectory and four matrices. */
#include "ensemble/mlp_represent.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { NAME_BYTES = 64, SCRATCH = 34 }; /* SCRATCH: numbers an order for dsyev with blocks of 32 */

struct work {
    dmft_trajectory *t;
    const struct mlp_table *table;
    const struct ensemble_results *results;
    size_t P, count, members; /* count: of records */
    size_t layer;
    int errors;
    double *mean, *se;      /* count x P x P: arrays of the trajectory once they are in it; se NULL of what is exact */
    double *M, *before, *v; /* of one member at two records; eigenvectors as rows, or a direction */
    double *value, *scratch;
    double *product;        /* count x members: an overlap of each member at each record */
    dmft_error *err;
};

static size_t order_of(const struct work *w) { return w->P * w->P; }

/* The step of a record. */
static size_t row_of(const struct work *w, size_t record) { return record * w->table->represent_every; }

/* M of one member (RM1). */
static void matrix_of(const struct work *w, size_t member, size_t record, double *M)
{
    size_t P = w->P;
    const double *C = w->results->values + member * w->results->slot + mlp_table_representation(w->table, (long)row_of(w, record), w->layer);
    const double *row = C;
    for (size_t mu = 0; mu < P; row += ++mu) M[mu * (P + 1)] = row[mu];
    row = C;
    for (size_t mu = 0; mu < P; row += ++mu)
        for (size_t nu = 0; nu < mu; nu++) M[mu * P + nu] = M[nu * P + mu] = M[mu * (P + 1)] + M[nu * (P + 1)] - 2.0 * row[nu];
    for (size_t mu = 0; mu < P; mu++) M[mu * (P + 1)] = 0.0;
}

static void fill_means(const struct work *w)
{
    size_t n = order_of(w);
    for (size_t r = 0; r < w->count; r++) {
        double *mean = w->mean + r * n;
        for (size_t i = 0; i < w->members; i++) {
            matrix_of(w, i, r, w->M);
            cblas_daxpy((int)n, 1.0 / (double)w->members, w->M, 1, mean, 1);
        }
    }
}

/* From a sum of squares around the mean to a standard error; nan for one member. */
static double error_of(const struct work *w, double squares)
{
    double n = (double)w->members;
    return n > 1.0 ? sqrt(squares / (n - 1.0) / n) : NAN;
}

static void fill_errors(const struct work *w)
{
    size_t n = order_of(w);
    for (size_t r = 0; r < w->count && w->se != NULL; r++) {
        const double *mean = w->mean + r * n;
        double *se = w->se + r * n;
        for (size_t i = 0; i < w->members; i++) {
            matrix_of(w, i, r, w->M);
            for (size_t k = 0; k < n; k++) se[k] += (w->M[k] - mean[k]) * (w->M[k] - mean[k]);
        }
        for (size_t k = 0; k < n; k++) se[k] = error_of(w, se[k]);
    }
}

static void moments(const struct work *w, const double *x, double *mean, double *se)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < w->members; i++) sum += x[i] / (double)w->members;
    for (size_t i = 0; i < w->members; i++) squares += (x[i] - sum) * (x[i] - sum);
    *mean = sum;
    *se = error_of(w, squares);
}

/* ---- eigenvalues ---- */

/* Eigenvalues of M in rising order; with vectors they replace M, one a row. */
static int solve(const struct work *w, double *M, char vectors)
{
    int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, vectors, 'U', (int)w->P, M, (int)w->P, w->value, w->scratch, SCRATCH * (int)w->P);
    return info == 0 ? DMFT_OK : error_set(w->err, DMFT_ERROR_NUMERIC, "a distance matrix of order %zu has no eigenvalues (dsyev: %d)", w->P, info);
}

/* Where the j-th of largest absolute value stands in rising order: the only one above 0, then the lowest (RM2). */
static size_t rank_of(const struct work *w, size_t j) { return j == 0 ? w->P - 1 : j - 1; }

static size_t eigenvalues(const struct work *w) { return w->P < MLP_REPRESENT_EIGENVALUES ? w->P : MLP_REPRESENT_EIGENVALUES; }

/* x^T M x. */
static double form(const struct work *w, const double *x, const double *M)
{
    double sum = 0.0;
    for (size_t mu = 0; mu < w->P; mu++) sum += x[mu] * cblas_ddot((int)w->P, M + mu * w->P, 1, x, 1);
    return sum;
}

/* Those of the mean M at one record, with errors of first order (RM3). */
static int record_mean_eigenvalues(const struct work *w, size_t r, const size_t *series)
{
    double mean;
    memcpy(w->v, w->mean + r * order_of(w), order_of(w) * sizeof *w->v);
    int status = solve(w, w->v, 'V');
    if (status != DMFT_OK) return status;
    for (size_t i = 0; i < w->members && w->errors; i++) {
        matrix_of(w, i, r, w->M);
        for (size_t j = 0; j < eigenvalues(w); j++) w->product[j * w->members + i] = form(w, w->v + rank_of(w, j) * w->P, w->M);
    }
    for (size_t j = 0; j < eigenvalues(w); j++) {
        struct trajectory_series *s = &w->t->series[series[j]];
        s->value[row_of(w, r)] = w->value[rank_of(w, j)];
        if (s->error != NULL) moments(w, w->product + j * w->members, &mean, &s->error[row_of(w, r)]);
    }
    return DMFT_OK;
}

/* Means of those of every member's own M. */
static int record_member_eigenvalues(const struct work *w, size_t r, const size_t *series)
{
    for (size_t i = 0; i < w->members; i++) {
        matrix_of(w, i, r, w->M);
        int status = solve(w, w->M, 'N');
        if (status != DMFT_OK) return status;
        for (size_t j = 0; j < eigenvalues(w); j++) w->product[j * w->members + i] = w->value[rank_of(w, j)];
    }
    for (size_t j = 0; j < eigenvalues(w); j++) {
        struct trajectory_series *s = &w->t->series[series[j]];
        moments(w, w->product + j * w->members, &s->value[row_of(w, r)], &s->error[row_of(w, r)]);
    }
    return DMFT_OK;
}

/* Adds D{l}_{what}1 .. and hands out their places. */
static int add_numbered(const struct work *w, const char *what, size_t places[MLP_REPRESENT_EIGENVALUES])
{
    int status = DMFT_OK;
    for (size_t j = 0; j < eigenvalues(w) && status == DMFT_OK; j++) {
        places[j] = w->t->series_count;
        status = trajectory_add(w->t, NULL, w->errors, w->err, "D%zu_%s%zu", w->layer, what, j + 1);
    }
    return status;
}

static int add_eigenvalues(const struct work *w)
{
    size_t of_mean[MLP_REPRESENT_EIGENVALUES], of_members[MLP_REPRESENT_EIGENVALUES];
    int status = add_numbered(w, "eigenvalue", of_mean);
    if (status == DMFT_OK && w->errors) status = add_numbered(w, "member_eigenvalue", of_members);
    for (size_t r = 0; r < w->count && status == DMFT_OK; r++) {
        status = record_mean_eigenvalues(w, r, of_mean);
        if (status == DMFT_OK && w->errors) status = record_member_eigenvalues(w, r, of_members);
    }
    return status;
}

/* ---- the way ---- */

/* <M_i(r) - M_i(from), v>/norm of every member. */
static void overlaps(const struct work *w, size_t from, size_t r, double norm, double *out)
{
    int n = (int)order_of(w);
    for (size_t i = 0; i < w->members; i++) {
        matrix_of(w, i, from, w->before);
        matrix_of(w, i, r, w->M);
        cblas_daxpy(n, -1.0, w->before, 1, w->M, 1);
        out[i] = cblas_ddot(n, w->M, 1, w->v, 1) / norm;
    }
}

/* v = mean M(r) - mean M(from); returns <v, v>. */
static double direction(const struct work *w, size_t from, size_t r)
{
    size_t n = order_of(w);
    memcpy(w->v, w->mean + r * n, n * sizeof *w->v);
    cblas_daxpy((int)n, -1.0, w->mean + from * n, 1, w->v, 1);
    return cblas_ddot((int)n, w->v, 1, w->v, 1);
}

/* Covariance of the means of what stands in `product` (RM4). */
static double *covariance_of(const struct work *w)
{
    size_t R = w->count, n = w->members;
    double *covariance = memory_doubles(R * R);
    for (size_t r = 0; covariance != NULL && r < R; r++) {
        double mean = 0.0, *x = w->product + r * n;
        for (size_t i = 0; i < n; i++) mean += x[i] / (double)n;
        for (size_t i = 0; i < n; i++) x[i] -= mean;
    }
    if (covariance != NULL)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)R, (int)R, (int)n, 1.0 / (double)n / (double)(n - 1), w->product, (int)n, w->product, (int)n,
                    0.0, covariance, (int)R);
    return covariance;
}

static int add_array(const struct work *w, const char *what, const size_t size[3], double *data)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "D%zu%s", w->layer, what);
    int status = data != NULL ? trajectory_add_array(w->t, name, size, data, w->err)
                              : error_memory(w->err, 8.0 * (double)size[0] * (double)size[1] * (double)size[2]);
    if (status != DMFT_OK) free(data);
    return status;
}

static int add_progress(const struct work *w)
{
    double square = w->count > 1 ? direction(w, 0, w->count - 1) : 0.0;
    int status = trajectory_add(w->t, NULL, w->errors, w->err, "D%zu_progress", w->layer);
    if (status != DMFT_OK || !(square > 0.0)) return status;
    const struct trajectory_series *s = &w->t->series[w->t->series_count - 1];
    for (size_t r = 0; r < w->count; r++) {
        double se, *product = w->product + r * w->members;
        overlaps(w, 0, r, square, product);
        moments(w, product, &s->value[row_of(w, r)], &se);
        if (s->error != NULL) s->error[row_of(w, r)] = se;
    }
    if (!w->errors || w->members < 2) return DMFT_OK;
    return add_array(w, "_progress_covariance", (const size_t[3]){w->count, w->count, 1}, covariance_of(w));
}

/* Squared norm of the noise in the change of the mean M: the variance of the mean, summed over entries. */
static double noise_of(const struct work *w, size_t from, size_t r)
{
    size_t n = order_of(w);
    double squares = 0.0, se;
    (void)direction(w, from, r);
    for (size_t i = 0; i < w->members; i++) {
        matrix_of(w, i, from, w->before);
        matrix_of(w, i, r, w->M);
        for (size_t k = 0; k < n; k++) squares += (w->M[k] - w->before[k] - w->v[k]) * (w->M[k] - w->before[k] - w->v[k]);
    }
    se = error_of(w, squares);
    return se * se;
}

/* The same root mean squares for the whole way. */
static int add_moved(const struct work *w)
{
    double pairs = w->P > 1 ? (double)(w->P * (w->P - 1)) : 1.0;
    int status = trajectory_set_number(w->t, sqrt(direction(w, 0, w->count - 1) / pairs), w->err, "D%zu_moved", w->layer);
    if (status != DMFT_OK || !w->errors || w->members < 2) return status;
    return trajectory_set_number(w->t, sqrt(noise_of(w, 0, w->count - 1) / pairs), w->err, "D%zu_moved_noise", w->layer);
}

/* Root mean square over pairs of samples of the change since the record before, and of the noise in it (RM5). */
static int add_changes(const struct work *w)
{
    double mean, pairs = w->P > 1 ? (double)(w->P * (w->P - 1)) : 1.0;
    int status = trajectory_add(w->t, NULL, w->errors, w->err, "D%zu_change", w->layer);
    if (status == DMFT_OK && w->errors) status = trajectory_add(w->t, NULL, TRAJECTORY_HIDDEN, w->err, "D%zu_change_noise", w->layer);
    if (status != DMFT_OK) return status;
    const struct trajectory_series *change = &w->t->series[w->t->series_count - (w->errors ? 2 : 1)], *noise = change + 1;
    for (size_t r = 1; r < w->count; r++) {
        double length = sqrt(direction(w, r - 1, r));
        change->value[row_of(w, r)] = length / sqrt(pairs);
        if (!w->errors) continue;
        overlaps(w, r - 1, r, length > 0.0 ? length * sqrt(pairs) : 1.0, w->product);
        moments(w, w->product, &mean, &change->error[row_of(w, r)]);
        noise->value[row_of(w, r)] = sqrt(noise_of(w, r - 1, r) / pairs);
    }
    return DMFT_OK;
}

/* ---- all of it ---- */

/* The arrays of one layer, which are the trajectory's from then on. */
static int add_matrices(struct work *w)
{
    const size_t size[3] = {w->count, w->P, w->P};
    w->mean = memory_doubles(w->count * order_of(w));
    int status = add_array(w, "", size, w->mean);
    w->se = NULL;
    if (status != DMFT_OK || !w->errors) return status;
    w->se = memory_doubles(w->count * order_of(w));
    return add_array(w, "_se", size, w->se);
}

static int add_layer(struct work *w)
{
    int status = add_matrices(w);
    if (status != DMFT_OK) return status;
    fill_means(w);
    fill_errors(w);
    status = add_eigenvalues(w);
    if (status == DMFT_OK) status = add_progress(w);
    if (status == DMFT_OK) status = add_changes(w);
    return status == DMFT_OK ? add_moved(w) : status;
}

/* Classes, or whatever the samples were to be mapped to: what the points of a picture are coloured by. */
static int add_targets(const struct work *w, const dmft_problem *p)
{
    const size_t size[3] = {w->P, p->mlp.outputs, 1};
    double *target = memory_doubles(size[0] * size[1]);
    if (target == NULL) return error_memory(w->err, 8.0 * (double)(size[0] * size[1]));
    memcpy(target, p->mlp.target, size[0] * size[1] * sizeof *target);
    int status = trajectory_add_array(w->t, "target", size, target, w->err);
    if (status != DMFT_OK) free(target);
    return status;
}

int mlp_represent_add(dmft_trajectory *t, const dmft_problem *p, const struct mlp_table *table, const struct ensemble_results *results, int errors,
                      dmft_error *err)
{
    if (table->represent_every == 0 || t->rows == 0) return DMFT_OK;
    struct work w = {.t = t, .table = table, .results = results, .P = table->samples, .members = (size_t)results->members, .errors = errors, .err = err};
    w.count = (t->rows - 1) / table->represent_every + 1;
    size_t rows = w.count > MLP_REPRESENT_EIGENVALUES ? w.count : MLP_REPRESENT_EIGENVALUES;
    w.M = memory_doubles(order_of(&w));
    w.before = memory_doubles(order_of(&w));
    w.v = memory_doubles(order_of(&w));
    w.value = memory_doubles(w.P);
    w.scratch = memory_doubles(SCRATCH * w.P);
    w.product = memory_doubles(rows * w.members);
    int made = w.M && w.before && w.v && w.value && w.scratch && w.product;
    int status = made ? trajectory_set_number(t, (double)table->represent_every, err, "representations_every")
                      : error_memory(err, 8.0 * (3.0 * (double)order_of(&w) + (double)(rows * w.members)));
    if (status == DMFT_OK) status = add_targets(&w, p);
    for (w.layer = 1; w.layer <= table->depth && status == DMFT_OK; w.layer++) status = add_layer(&w);
    double *parts[] = {w.M, w.before, w.v, w.value, w.scratch, w.product};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
    return status;
}

double mlp_represent_bytes(const struct mlp_table *t)
{
    double P = (double)t->samples, R = (double)t->representations;
    if (t->represent_every == 0) return 0.0;
    return 8.0 * ((double)t->depth * R * (2.0 * P * P + R) + 3.0 * P * P + P * (double)(t->outputs + 1 + SCRATCH));
}
