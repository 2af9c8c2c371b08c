/* Low-degree filtering with infinitely many random features a layer, (LF1)-(LF7) of doc/theory.md: a replica has data of its own (one replica is
 * enough where all share them), and for its data the limit is exact. A layer is
 *
 *   G = <phi(u) phi(u)^T>, u Gaussian of covariance h h^T/c^2;   F F^T = G;   F^T diag(y) F/n = sum_j lambda_j u_j u_j^T;
 *   h <- F u_j of the k largest |lambda_j|;   at new inputs h <- G_new (y o h)/(n lambda_j).
 *
 * Cost a layer: (9 + 2 + 1/3) n^3 for the spectrum and its vectors, folds x penalties x n^3/3 for the readout of the whole kernel, some 50 products of
 * 4 n^2 a permutation. Memory: 10 n^2 + 2 Q n + (n + Q)(D + k + 1). */
#include "model/low_degree_filter.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cost.h"
#include "base/error.h"
#include "base/labelled.h"
#include "ensemble/filter_table.h"
#include "model/gaussian_kernel.h"
#include "spectrum/moment.h"
#include "spectrum/readout.h"

struct replica {
    const dmft_problem *problem;
    long index;
    struct filter_table table;
    struct labelled data;
    gaussian_kernel *kernel;
    moment *moment;
    ridge *ridge;
    size_t features;              /* columns of h */
    double *h, *next;             /* (n + Q) x features */
    double *variance;             /* n + Q: |h|^2/c^2 */
    double *G;                    /* (n + Q) x n */
    double *fitted, *permuted, *room, *top, *bottom, *share;
    double *row;                  /* numbers of the layer that is recorded next */
    long *pick;
};

static struct ridge_rule rule_of(const struct low_degree_filter_problem *f)
{
    return (struct ridge_rule){f->folds, f->penalties, f->penalty_min, f->penalty_max};
}

/* Numbers of a row of h: inputs, then what is kept. */
static size_t widest(const struct low_degree_filter_problem *f) { return f->input_dim > f->kept ? f->input_dim : f->kept; }

static size_t share_room(const struct low_degree_filter_problem *f) { return f->tests * (widest(f) < f->tests ? widest(f) : f->tests); }

static void release(void *state)
{
    struct replica *r = state;
    if (r == NULL) return;
    labelled_free(&r->data);
    gaussian_kernel_free(r->kernel);
    moment_free(r->moment);
    ridge_free(r->ridge);
    free(r->h);
    free(r->next);
    free(r->variance);
    free(r->G);
    free(r->fitted);
    free(r->permuted);
    free(r->room);
    free(r->top);
    free(r->bottom);
    free(r->share);
    free(r->row);
    free(r->pick);
    free(r);
}

static double doubles_of(const dmft_problem *p)
{
    const struct low_degree_filter_problem *f = &p->filter;
    double n = (double)f->samples, all = n + (double)f->tests;
    return labelled_doubles(p) + gaussian_kernel_doubles(f->activation, f->samples + f->tests) + moment_doubles(f->samples) +
           ridge_doubles(f->samples, f->tests) + all * (2.0 * (double)widest(f) + n + 2.0) + n + (double)share_room(f) + 3.0 * (double)f->kept +
           (double)filter_table_sizes(p).columns;
}

static int allocate(struct replica *r, dmft_error *err)
{
    const struct low_degree_filter_problem *f = &r->problem->filter;
    size_t rows = f->samples + f->tests;
    r->h = memory_doubles(rows * widest(f));
    r->next = memory_doubles(rows * widest(f));
    r->variance = memory_doubles(rows);
    r->G = memory_doubles(rows * f->samples);
    r->fitted = memory_doubles(rows);
    r->permuted = memory_doubles(f->samples);
    r->room = memory_doubles(share_room(f));
    r->top = memory_doubles(f->kept);
    r->bottom = memory_doubles(f->kept);
    r->share = memory_doubles(r->table.terms + 1);
    r->row = memory_doubles(r->table.columns);
    r->pick = calloc(f->kept, sizeof *r->pick);
    int made = r->h && r->next && r->variance && r->G && r->fitted && r->permuted && r->room && r->top && r->bottom && r->share && r->row && r->pick;
    return made ? DMFT_OK : error_memory(err, 8.0 * doubles_of(r->problem));
}

static int create(void **out, const dmft_problem *problem, dmft_error *err)
{
    const struct low_degree_filter_problem *f = &problem->filter;
    const struct ridge_rule rule = rule_of(f);
    struct replica *r = calloc(1, sizeof *r);
    if (r == NULL) return error_memory(err, sizeof *r);
    r->problem = problem;
    r->table = filter_table_sizes(problem);
    int status = labelled_create(&r->data, problem, err);
    if (status == DMFT_OK) status = gaussian_kernel_create(&r->kernel, f->activation, f->samples + f->tests, err);
    if (status == DMFT_OK) status = moment_create(&r->moment, f->samples, err);
    if (status == DMFT_OK) status = ridge_create(&r->ridge, f->samples, f->tests, &rule, err);
    if (status == DMFT_OK) status = allocate(r, err);
    if (status == DMFT_OK)
        *out = r;
    else
        release(r);
    return status;
}

/* ---- what is measured on h ---- */

static void put_errors(double *row, const struct readout_errors *e, const enum filter_column at[4])
{
    row[at[0]] = e->test;
    row[at[1]] = e->train;
    row[at[2]] = e->test_loss;
    row[at[3]] = e->train_loss;
}

static void measure(struct replica *r)
{
    static const enum filter_column at[] = {FILTER_TEST_ERROR, FILTER_TRAIN_ERROR, FILTER_TEST_LOSS, FILTER_TRAIN_LOSS};
    size_t n = r->data.samples, Q = r->data.tests;
    double penalty = ridge_on_features(r->ridge, r->h, r->features, r->data.label, r->fitted);
    const struct readout_errors errors = readout_errors_of(&r->data, r->fitted);
    put_errors(r->row, &errors, at);
    r->row[FILTER_PENALTY] = log10(penalty);
    const double *tests = r->h + n * r->features;
    readout_share(tests, Q, r->features, r->data.label + n, 1, r->room, &r->row[FILTER_TARGET_OVERLAP]);
    readout_share(tests, Q, r->features, r->data.term, r->data.terms, r->room, &r->row[r->table.overlap]);
}

static void measure_kernel(struct replica *r)
{
    static const enum filter_column at[] = {FILTER_KERNEL_TEST_ERROR, FILTER_KERNEL_TRAIN_ERROR, FILTER_KERNEL_TEST_LOSS, FILTER_KERNEL_TRAIN_LOSS};
    double penalty = ridge_on_gram(r->ridge, r->G, r->data.label, r->fitted);
    const struct readout_errors errors = readout_errors_of(&r->data, r->fitted);
    put_errors(r->row, &errors, at);
    r->row[FILTER_KERNEL_PENALTY] = log10(penalty);
}

static int start(void *state, long index, dmft_error *err)
{
    struct replica *r = state;
    (void)err;
    labelled_draw(&r->data, r->problem, index);
    r->index = index;
    r->features = r->data.dim;
    memcpy(r->h, r->data.input, (r->data.samples + r->data.tests) * r->data.dim * sizeof *r->h);
    for (size_t i = 0; i < r->table.columns; i++) r->row[i] = NAN;
    measure(r);
    return DMFT_OK;
}

/* ---- a layer ---- */

/* The Gram matrix of infinitely many features of h, (LF2); 0 on all sides of h = 0. */
static int lift(struct replica *r, dmft_error *err)
{
    size_t n = r->data.samples, rows = n + r->data.tests, m = r->features;
    double scale = 0.0;
    for (size_t i = 0; i < rows; i++) {
        r->variance[i] = m > 0 ? cblas_ddot((int)m, r->h + i * m, 1, r->h + i * m, 1) : 0.0;
        if (i < n) scale += r->variance[i] / (double)n;
    }
    double factor = scale > 0.0 ? 1.0 / scale : 0.0;
    for (size_t i = 0; i < rows; i++) r->variance[i] *= factor;
    memset(r->G, 0, rows * n * sizeof *r->G);
    if (m > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)n, (int)m, factor, r->h, (int)m, r->h, (int)m, 0.0, r->G, (int)n);
    return gaussian_kernel_apply(r->kernel, r->variance, rows, n, r->G, err);
}

/* How far the spectrum reaches with labels that say nothing, (LF5). */
static int find_edges(struct replica *r, long layer, double edge[2], dmft_error *err)
{
    int status = DMFT_OK;
    edge[0] = edge[1] = r->problem->filter.permutations > 0 ? 0.0 : NAN;
    for (size_t b = 0; b < r->problem->filter.permutations && status == DMFT_OK; b++) {
        double found[2];
        labelled_permute(&r->data, r->problem, r->index, layer, b, r->permuted);
        status = moment_edges(r->moment, r->permuted, found, err);
        edge[0] = fmin(edge[0], found[0]);
        edge[1] = fmax(edge[1], found[1]);
    }
    return status;
}

/* h of the kept eigenvectors, (LF4): F u at the samples, and from there at new inputs. */
static void filter(struct replica *r, const double *F, size_t rank, const double *value, const double *vector, size_t kept)
{
    size_t n = r->data.samples, Q = r->data.tests;
    double *weighted = r->permuted;
    for (size_t j = 0; j < kept; j++) {
        size_t which = r->pick[j] >= 0 ? rank - 1 - (size_t)r->pick[j] : (size_t)(-1 - r->pick[j]);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)rank, 1.0, F, (int)rank, vector + which * rank, 1, 0.0, r->next + j, (int)kept);
        for (size_t i = 0; i < n; i++) weighted[i] = r->data.label[i] * r->next[i * kept + j] / ((double)n * value[which]);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)Q, (int)n, 1.0, r->G + n * n, (int)n, weighted, 1, 0.0, r->next + n * kept + j, (int)kept);
    }
    double *old = r->h;
    r->h = r->next;
    r->next = old;
    r->features = kept;
}

static int advance(void *state, long layer, dmft_error *err)
{
    struct replica *r = state;
    const double *value, *vector;
    size_t rank, kept = r->problem->filter.kept;
    int status = lift(r, err);
    if (status != DMFT_OK) return status;
    measure_kernel(r);
    const double *F = moment_factor(r->moment, r->G, &rank);
    status = moment_solve(r->moment, r->data.label, &value, &vector, err);
    if (status != DMFT_OK) return status;
    struct filter_moment seen = {.count = kept < rank ? kept : rank, .top = r->top, .bottom = r->bottom, .pick = r->pick};
    for (size_t i = 0; i < seen.count; i++) {
        r->top[i] = value[rank - 1 - i];
        r->bottom[i] = value[i];
    }
    seen.kept = moment_largest(r->top, r->bottom, seen.count, kept, r->pick);
    status = find_edges(r, layer, seen.edge, err);
    if (status != DMFT_OK) return status;
    filter_table_enter(&r->table, &seen, r->row);
    moment_quantiles(r->moment, FILTER_QUANTILES, r->row + r->table.quantile);
    filter(r, F, rank, value, vector, seen.kept);
    measure(r);
    return 1;
}

static int record(void *state, long row, double *slot, dmft_error *err)
{
    const struct replica *r = state;
    (void)err;
    memcpy(slot + (size_t)row * r->table.columns, r->row, r->table.columns * sizeof *slot);
    return DMFT_OK;
}

static void transfer(void *state, archive *a)
{
    struct replica *r = state;
    archive_tag(a, "filter replica");
    archive_size(a, &r->features, widest(&r->problem->filter));
    archive_doubles(a, r->h, (r->data.samples + r->data.tests) * r->features);
    archive_doubles(a, r->row, r->table.columns);
}

static const struct ensemble_kind kind = {.name = "replica",
                                          .steps = "replica layers",
                                          .file = "solve",
                                          .create = create,
                                          .free = release,
                                          .start = start,
                                          .row = record,
                                          .advance = advance,
                                          .transfer = transfer};

static struct samples samples_of(const dmft_problem *p, const struct filter_table *table)
{
    const struct low_degree_filter_problem *f = &p->filter;
    const struct ridge_rule rule = rule_of(f);
    double n = (double)f->samples, Q = (double)f->tests, layers = (double)p->depth, products = 50.0 * (double)f->permutations; /* (moment.c) */
    double kernel = n * (n + Q) * (cost_of_products(2.0 * (double)widest(f), (double)widest(f)) + 50.0);
    double layer = 4.0 * cost_of_eigenvalues(n) + cost_of_vectors(4.0 * n * n * products, n * n) + kernel + ridge_operations(&rule, n, Q, n) +
                   ridge_operations(&rule, n, Q, (double)f->kept);
    return (struct samples){.kind = &kind, .problem = p, .members = p->filter.shared ? 1 : p->simulation.seeds, .columns = table->columns,
                            .column = table->column, .model_kind = "theory", .doubles = doubles_of(p), .operations = layers * layer,
                            .finish = filter_table_finish};
}

dmft_estimate low_degree_filter_estimate(const dmft_problem *p, int threads)
{
    const struct filter_table sizes = filter_table_sizes(p);
    const struct samples samples = samples_of(p, &sizes);
    return samples_estimate(&samples, threads);
}

int low_degree_filter_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    const struct filter_allowance none = {0.0, 0.0, 0.0};
    struct filter_table table;
    int status = filter_table_create(&table, p, &none, p->filter.shared, err);
    if (status != DMFT_OK) return status;
    const struct samples samples = samples_of(p, &table);
    status = samples_run(&samples, options, out, err);
    filter_table_free(&table);
    return status;
}
