/* Low-degree filtering with p random features a layer, as its definition says, (LF1)-(LF7) of doc/theory.md: features, the eigenvectors of their p x p
 * moment, and the features' components along them. Nothing of lib/model is used; data, ridge regression and what is read off a Gram matrix (the
 * spectrum, the edges for permuted labels) are those of lib/base and lib/spectrum.
 *
 * Eigenvectors come from the matrix (dsyevd, up to DENSE features unless told otherwise) or from products with it alone: two runs of block Lanczos, one for
 * either end. Cost a layer: 9 p^3, or some 50 + 10 k products of 4 n p each and 4 m p of orthogonalisation; n (n + Q) p for the Gram matrix, and then as
 * the theory. Memory: p (D + 128), 3 p^2 or (100 + 14 k) p, features n p as far as there is room, and 9 n^2 + 2 Q n. */
#include "network/simulate.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cost.h"
#include "base/error.h"
#include "ensemble/filter_member.h"
#include "network/features.h"
#include "spectrum/leading.h"

enum { DENSE = 256 };           /* features up to which dsyevd is the quicker of the two */
enum { PURPOSE_WEIGHTS = 1 << 12 }; /* + layer: the data have other numbers (base/labelled.c) */
/* What p features shift relative to the limit, for c = 1. With the default c = 20: what is kept by 2 D/p, the coefficients of D/p that were measured being
 * up to 1.7 (D of ten at least: what is kept of few inputs has more directions than they); a readout of all features by 0.4 n/p, measured up to 0.22. */
static const double kept_shift = 0.1, least_inputs = 10.0, all_shift = 0.02;

/* Predictions scatter by some (D/p)^{1/2} of themselves, which turns as large a part f of Q signs. On data that all networks share these are the same
 * inputs, and the mean error is off by some (f/Q)^{1/2} = 0.007 at D/p = 1/400, Q = 1000, where 0.005 was measured; four times that with c = 20. */
static const double counted_shift = 0.2;
static const double tolerance = 1e-10; /* of an eigenvector's residual, relative to its eigenvalue */

struct network {
    struct filter_member m;
    int dense;
    struct features features;
    spectrum_leading *leading;   /* NULL when dense */
    double *C, *work;            /* p x p and LAPACK's room, when dense */
    lapack_int *whole;
    double *values;              /* p */
    double *vectors;             /* 2 k x p: of the top ones, then of the bottom ones */
    double *kept;                /* k x p */
    double sign;                 /* of the moment in the operator */
    double middle[FEATURES_BLOCK];
};

static int is_dense(const struct low_degree_filter_problem *f)
{
    return f->eigensolver == EIGENSOLVER_DENSE || (f->eigensolver == EIGENSOLVER_AUTOMATIC && f->features <= DENSE);
}

static size_t work_of(size_t p) { return 1 + 6 * p + 2 * p * p; }

static void release(void *state)
{
    struct network *n = state;
    if (n == NULL) return;
    filter_member_free(&n->m);
    features_free(&n->features);
    spectrum_leading_free(n->leading);
    free(n->C);
    free(n->work);
    free(n->whole);
    free(n->values);
    free(n->vectors);
    free(n->kept);
    free(n);
}

/* Without the store of features. spectrum_leading takes 3 x (32 + 4 k) + k vectors. */
static double doubles_of(const dmft_problem *problem)
{
    const struct low_degree_filter_problem *f = &problem->filter;
    double p = (double)f->features, k = (double)f->kept;
    double solver = is_dense(f) ? 3.0 * p * p + 12.0 * p : (97.0 + 13.0 * k) * p + 2.0 * (32.0 + 4.0 * k) * (32.0 + 4.0 * k);
    return filter_member_doubles(problem) + features_doubles(f->features, f->samples + f->tests, filter_member_widest(f)) + solver + p * (3.0 * k + 1.0);
}

static int allocate(struct network *n, const struct low_degree_filter_problem *f, dmft_error *err)
{
    size_t p = f->features, k = f->kept;
    n->C = memory_doubles(n->dense ? p * p : 0);
    n->work = memory_doubles(n->dense ? work_of(p) : 0);
    n->whole = calloc(3 + 5 * p, sizeof *n->whole);
    n->values = memory_doubles(p);
    n->vectors = memory_doubles(2 * k * p);
    n->kept = memory_doubles(k * p);
    if (!n->C || !n->work || !n->whole || !n->values || !n->vectors || !n->kept) return error_memory(err, 8.0 * doubles_of(n->m.problem));
    return n->dense ? DMFT_OK : spectrum_leading_create(&n->leading, p, k, err);
}

/* The room that dsyevd asks for, 2 p^2 numbers, has to be counted by an int. */
int random_features_check(const dmft_problem *problem, dmft_error *err)
{
    enum { MOST = 32000 };
    const struct low_degree_filter_problem *f = &problem->filter;
    if (!is_dense(f) || f->features <= MOST) return DMFT_OK;
    return error_set(err, DMFT_ERROR_CONFIG, "simulation.eigensolver: dense is for at most %d features, got %zu: krylov", MOST, f->features);
}

static int create(void **out, const dmft_problem *problem, dmft_error *err)
{
    const struct low_degree_filter_problem *f = &problem->filter;
    struct network *n = calloc(1, sizeof *n);
    if (n == NULL) return error_memory(err, sizeof *n);
    n->dense = is_dense(f);
    int status = filter_member_create(&n->m, problem, err);
    if (status == DMFT_OK)
        status = features_create(&n->features, f->activation, f->features, f->samples, f->samples + f->tests, filter_member_widest(f), f->held, err);
    if (status == DMFT_OK) status = allocate(n, f, err);
    if (status == DMFT_OK)
        *out = n;
    else
        release(n);
    return status;
}

/* ---- eigenvectors of the moment ---- */

static int solve_dense(struct network *n, size_t count, dmft_error *err)
{
    lapack_int p = (lapack_int)n->features.count;
    features_dense(&n->features, n->m.data.label, n->C);
    lapack_int info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'L', p, n->C, p, n->values, n->work, (lapack_int)work_of((size_t)p), n->whole, 3 + 5 * p);
    if (info != 0) return error_set(err, DMFT_ERROR_NUMERIC, "eigenvalues of the moment (order %d): LAPACK's dsyevd says %d", p, info);
    for (size_t i = 0; i < count; i++) {
        size_t last = (size_t)p - 1 - i;
        n->m.top[i] = n->values[last];
        n->m.bottom[i] = n->values[i];
        memcpy(n->vectors + i * (size_t)p, n->C + last * (size_t)p, (size_t)p * sizeof *n->C);
        memcpy(n->vectors + (count + i) * (size_t)p, n->C + i * (size_t)p, (size_t)p * sizeof *n->C);
    }
    return DMFT_OK;
}

static void apply(void *context, size_t p, const double *x, double *y)
{
    struct network *n = context;
    features_moment(&n->features, n->m.data.label, x, n->middle, y);
    if (n->sign < 0.0) cblas_dscal((int)p, -1.0, y, 1);
}

static int solve_krylov(struct network *n, size_t count, dmft_error *err)
{
    size_t p = n->features.count;
    n->sign = 1.0;
    int status = spectrum_leading_solve(n->leading, apply, n, p, count, 0, tolerance, n->m.top, n->vectors, p, err);
    n->sign = -1.0;
    if (status == DMFT_OK) status = spectrum_leading_solve(n->leading, apply, n, p, count, 0, tolerance, n->m.bottom, n->vectors + count * p, p, err);
    for (size_t i = 0; i < count; i++) n->m.bottom[i] = -n->m.bottom[i];
    return status;
}

/* ---- a layer ---- */

/* The kept vector j, of the sign that makes its largest component positive: the solver's choice would change the next layer's draws. */
static void take_vector(struct network *n, size_t which, size_t j)
{
    size_t p = n->features.count, most;
    double *v = n->kept + j * p;
    memcpy(v, n->vectors + which * p, p * sizeof *v);
    most = cblas_idamax((int)p, v, 1);
    if (v[most] < 0.0) cblas_dscal((int)p, -1.0, v, 1);
}

/* h <- Z V, the kept eigenvectors being the columns of V. */
static void filter(struct network *n, size_t count, size_t kept)
{
    struct features *f = &n->features;
    size_t p = f->count, samples = n->m.data.samples, blocks = features_blocks(samples), tests = features_blocks(n->m.data.tests);
    for (size_t j = 0; j < kept; j++) take_vector(n, n->m.pick[j] >= 0 ? (size_t)n->m.pick[j] : count + (size_t)(-1 - n->m.pick[j]), j);
    for (size_t b = 0, rows; b < blocks + tests && kept > 0; b++) {
        const double *Z = b < blocks ? features_of(f, b, &rows) : features_tests(f, b - blocks, &rows);
        size_t first = b < blocks ? b * FEATURES_BLOCK : samples + (b - blocks) * FEATURES_BLOCK;
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)kept, (int)p, 1.0, Z, (int)p, n->kept, (int)p, 0.0, n->m.next + first * kept,
                    (int)kept);
    }
    filter_member_advance(&n->m, kept);
}

/* All eigenvalues, and those for permuted labels, from the Gram matrix of the features. */
static int look_at_spectrum(struct filter_member *m, long layer, double edge[2], size_t *rank, dmft_error *err)
{
    const double *values;
    (void)moment_factor(m->moment, m->gram, rank);
    int status = moment_solve(m->moment, m->data.label, &values, NULL, err);
    if (status != DMFT_OK) return status;
    moment_quantiles(m->moment, FILTER_QUANTILES, m->row + m->table.quantile);
    return filter_member_edges(m, layer, edge, err);
}

static int advance(void *state, long layer, dmft_error *err)
{
    struct network *n = state;
    struct filter_member *m = &n->m;
    struct random_stream stream = random_start(m->problem->simulation.seed, (uint64_t)m->index, PURPOSE_WEIGHTS + (uint64_t)layer);
    struct filter_moment seen = {.top = m->top, .bottom = m->bottom, .pick = m->pick};
    size_t rank = 0, keep = m->problem->filter.kept;
    features_draw(&n->features, m->h, m->columns, &stream);
    features_gram(&n->features, m->gram);
    filter_member_measure_all(m);
    int status = look_at_spectrum(m, layer, seen.edge, &rank, err);
    if (status != DMFT_OK) return status;
    seen.count = keep < rank ? keep : rank;
    status = n->dense ? solve_dense(n, seen.count, err) : solve_krylov(n, seen.count, err);
    if (status != DMFT_OK) return status;
    seen.kept = moment_largest(m->top, m->bottom, seen.count, keep, m->pick);
    filter_table_enter(&m->table, &seen, m->row);
    filter(n, seen.count, seen.kept);
    filter_member_measure(m);
    return 1;
}

static void transfer(void *state, archive *a) { filter_member_transfer(&((struct network *)state)->m, "filter network", a); }

static const struct ensemble_kind kind = {.name = "network",
                                          .steps = "network layers",
                                          .file = "simulate",
                                          .create = create,
                                          .free = release,
                                          .start = filter_member_start,
                                          .row = filter_member_row,
                                          .advance = advance,
                                          .transfer = transfer};

/* ---- the run ---- */

static double operations_of(const dmft_problem *problem)
{
    const struct low_degree_filter_problem *f = &problem->filter;
    const struct ridge_rule rule = filter_member_rule(f);
    double n = (double)f->samples, Q = (double)f->tests, p = (double)f->features, k = (double)f->kept, widest = (double)filter_member_widest(f);
    double missing = 1.0 - (double)f->held / (double)features_blocks(f->samples), again = missing * n * p * (2.0 * widest + 10.0);
    double product = cost_of_vectors(4.0 * n * p, n * p) + 4.0 * (32.0 + 4.0 * k) * p + again;
    double solver = is_dense(f) ? 3.0 * cost_of_eigenvalues(p) + cost_of_products(2.0 * n * p * p, p) : (50.0 + 10.0 * k) * product;
    double layer = solver + cost_of_products(2.0 * n * (n + Q) * p + 4.0 * widest * (n + Q) * p + 4.0 * n * n * n, n) + 30.0 * (n + Q) * p +
                   cost_of_vectors(50.0 * 4.0 * n * n * (double)f->permutations, n * n) + ridge_operations(&rule, n, Q, n) + ridge_operations(&rule, n, Q, k);
    return (double)problem->depth * layer;
}

/* As many blocks of features as the limit has room for, in each of the networks at a time. */
static size_t blocks_held(const struct samples *least, const dmft_run_options *options)
{
    const struct low_degree_filter_problem *f = &least->problem->filter;
    size_t blocks = features_blocks(f->samples);
    double limit = options != NULL ? (double)options->memory_limit : 0.0;
    if (!(limit > 0.0)) return blocks;
    double left = limit - samples_estimate(least, options->threads).bytes, at_a_time = (double)ensemble_threads(least->members, options);
    double fit = floor(left / (8.0 * features_block_doubles(f->features) * at_a_time));
    return fit >= (double)blocks ? blocks : fit > 0.0 ? (size_t)fit : 0;
}

static struct samples samples_of(const dmft_problem *problem, const struct filter_table *table)
{
    double held = (double)problem->filter.held * features_block_doubles(problem->filter.features);
    return (struct samples){.kind = &kind, .problem = problem, .members = problem->simulation.seeds, .columns = table->columns, .column = table->column,
                            .model_kind = "simulation", .doubles = doubles_of(problem) + held, .operations = operations_of(problem),
                            .finish = filter_table_finish};
}

/* The least memory, and the time where there is room for all features. */
dmft_estimate random_features_estimate(const dmft_problem *problem, int threads)
{
    struct dmft_problem held = *problem; /* owns nothing */
    const struct filter_table sizes = filter_table_sizes(problem);
    const struct samples samples = samples_of(problem, &sizes);
    dmft_estimate estimate = samples_estimate(&samples, threads);
    held.filter.held = features_blocks(problem->filter.samples);
    estimate.operations = (double)samples.members * operations_of(&held);
    return estimate;
}

static struct filter_allowance allowance_of(const struct low_degree_filter_problem *f)
{
    double p = (double)f->features, inputs = fmax((double)f->input_dim, least_inputs), kept = kept_shift * inputs / p;
    double counted = f->shared ? counted_shift * sqrt(sqrt(inputs / p) / (double)f->tests) : 0.0;
    return (struct filter_allowance){.kept = kept, .all = fmax(kept, all_shift * (double)f->samples / p), .counted = counted};
}

int random_features_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct dmft_problem held = *problem; /* owns nothing */
    struct filter_table table;
    int status = random_features_check(problem, err);
    const struct filter_allowance allowance = allowance_of(&problem->filter);
    if (status == DMFT_OK) status = filter_table_create(&table, problem, &allowance, 0, err);
    if (status != DMFT_OK) return status;
    struct samples samples = samples_of(problem, &table);
    held.filter.held = blocks_held(&samples, options);
    samples = samples_of(&held, &table);
    status = samples_run(&samples, options, out, err);
    filter_table_free(&table);
    return status;
}
