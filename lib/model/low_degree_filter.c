/* Low-degree filtering with infinitely many random features a layer, (LF1)-(LF7) of doc/theory.md: a replica has data of its own (one replica is
 * enough where all share them), and for its data the limit is exact. A layer is
 *
 *   G = <phi(u) phi(u)^T>, u Gaussian of covariance h h^T/c^2;   F F^T = G;   F^T diag(y) F/n = sum_j lambda_j u_j u_j^T;
 *   h <- F u_j of the k largest |lambda_j|;   at new inputs h <- G_new (y o h)/(n lambda_j).
 *
 * Cost a layer: (9 + 2 + 1/3) n^3 for the spectrum and its vectors, and what is measured (ensemble/filter_member.c), whose memory is most of it. */
#include "model/solve.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "base/cost.h"
#include "base/error.h"
#include "ensemble/filter_member.h"
#include "model/gaussian_kernel.h"

struct replica {
    struct filter_member m;
    gaussian_kernel *kernel;
    double *variance; /* n + Q: |h|^2/c^2 */
};

static void release(void *state)
{
    struct replica *r = state;
    if (r == NULL) return;
    filter_member_free(&r->m);
    gaussian_kernel_free(r->kernel);
    free(r->variance);
    free(r);
}

static double doubles_of(const dmft_problem *p)
{
    size_t rows = p->filter.samples + p->filter.tests;
    return filter_member_doubles(p) + gaussian_kernel_doubles(p->filter.activation, rows) + (double)rows;
}

static int create(void **out, const dmft_problem *problem, dmft_error *err)
{
    size_t rows = problem->filter.samples + problem->filter.tests;
    struct replica *r = calloc(1, sizeof *r);
    if (r == NULL) return error_memory(err, sizeof *r);
    int status = filter_member_create(&r->m, problem, err);
    if (status == DMFT_OK) status = gaussian_kernel_create(&r->kernel, problem->filter.activation, rows, err);
    if (status == DMFT_OK && (r->variance = memory_doubles(rows)) == NULL) status = error_memory(err, 8.0 * (double)rows);
    if (status == DMFT_OK)
        *out = r;
    else
        release(r);
    return status;
}

/* ---- a layer ---- */

/* The Gram matrix of infinitely many features of h, (LF2); 0 on all sides of h = 0. */
static int lift(struct replica *r, dmft_error *err)
{
    const struct filter_member *q = &r->m;
    size_t n = q->data.samples, rows = n + q->data.tests, m = q->columns;
    double scale = 0.0;
    for (size_t i = 0; i < rows; i++) {
        r->variance[i] = m > 0 ? cblas_ddot((int)m, q->h + i * m, 1, q->h + i * m, 1) : 0.0;
        if (i < n) scale += r->variance[i] / (double)n;
    }
    double factor = scale > 0.0 ? 1.0 / scale : 0.0;
    for (size_t i = 0; i < rows; i++) r->variance[i] *= factor;
    memset(q->gram, 0, rows * n * sizeof *q->gram);
    if (m > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)n, (int)m, factor, q->h, (int)m, q->h, (int)m, 0.0, q->gram, (int)n);
    return gaussian_kernel_apply(r->kernel, r->variance, rows, n, q->gram, err);
}

/* h of the kept eigenvectors, (LF4): F u at the samples, and from there at new inputs. */
static void filter(struct filter_member *m, const double *F, size_t rank, const double *value, const double *vector, size_t kept)
{
    size_t n = m->data.samples, Q = m->data.tests;
    double *weighted = m->permuted, *next = m->next;
    for (size_t j = 0; j < kept; j++) {
        size_t which = m->pick[j] >= 0 ? rank - 1 - (size_t)m->pick[j] : (size_t)(-1 - m->pick[j]);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)rank, 1.0, F, (int)rank, vector + which * rank, 1, 0.0, next + j, (int)kept);
        for (size_t i = 0; i < n; i++) weighted[i] = m->data.label[i] * next[i * kept + j] / ((double)n * value[which]);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)Q, (int)n, 1.0, m->gram + n * n, (int)n, weighted, 1, 0.0, next + n * kept + j, (int)kept);
    }
    filter_member_advance(m, kept);
}

static int advance(void *state, long layer, dmft_error *err)
{
    struct replica *r = state;
    struct filter_member *m = &r->m;
    const double *value, *vector;
    size_t rank, kept = m->problem->filter.kept;
    int status = lift(r, err);
    if (status != DMFT_OK) return status;
    filter_member_measure_all(m);
    const double *F = moment_factor(m->moment, m->gram, &rank);
    status = moment_solve(m->moment, m->data.label, &value, &vector, err);
    if (status != DMFT_OK) return status;
    struct filter_moment seen = {.count = kept < rank ? kept : rank, .top = m->top, .bottom = m->bottom, .pick = m->pick};
    for (size_t i = 0; i < seen.count; i++) {
        m->top[i] = value[rank - 1 - i];
        m->bottom[i] = value[i];
    }
    seen.kept = moment_largest(m->top, m->bottom, seen.count, kept, m->pick);
    status = filter_member_edges(m, layer, seen.edge, err);
    if (status != DMFT_OK) return status;
    filter_table_enter(&m->table, &seen, m->row);
    moment_quantiles(m->moment, FILTER_QUANTILES, m->row + m->table.quantile);
    filter(m, F, rank, value, vector, seen.kept);
    filter_member_measure(m);
    return 1;
}

static void transfer(void *state, archive *a) { filter_member_transfer(&((struct replica *)state)->m, "filter replica", a); }

static const struct ensemble_kind kind = {.name = "replica",
                                          .steps = "replica layers",
                                          .file = "solve",
                                          .create = create,
                                          .free = release,
                                          .start = filter_member_start,
                                          .row = filter_member_row,
                                          .advance = advance,
                                          .transfer = transfer};

static struct samples samples_of(const dmft_problem *p, const struct filter_table *table)
{
    const struct low_degree_filter_problem *f = &p->filter;
    const struct ridge_rule rule = filter_member_rule(f);
    double n = (double)f->samples, Q = (double)f->tests, layers = (double)p->depth, products = 50.0 * (double)f->permutations; /* (moment.c) */
    double kernel = n * (n + Q) * (cost_of_products(2.0 * (double)filter_member_widest(f), (double)filter_member_widest(f)) + 50.0);
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
