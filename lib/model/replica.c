/* A network of lib/model/mlp.c as a member of an ensemble: what is recorded of it, step by step.
 *
 * A row costs, besides the products of the network, the Gram matrices of phi^l (P^2) and of g^l ((P K)^2) over the sites of every layer, one largest
 * eigenvalue of order P K (N3), and where outliers are recorded a find for every matrix. Two-time kernels come from the coefficients of phi^l and g^l on
 * the directions that their operators have met, C = c c^T, which are fewer than the sites; phi^L and g^1 are put to no operator, and their fields
 * are kept, T P (1 + K) S numbers.
 */
#include "model/replica.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/activation.h"
#include "base/cost.h"
#include "base/error.h"
#include "ensemble/mlp_table.h"
#include "model/mlp.h"
#include "outlier/basis.h"
#include "outlier/revealed.h"
#include "outlier/whole.h"

/* Streams of replicas and of wide networks: apart from each other and from those of dense networks, which begin at 0 and 4096. Layers are counted from
 * these. */
enum { REPLICA_STREAMS = 0x10000, NETWORK_STREAMS = 0x20000, REST_STREAMS = 0x30000 };

/* Up to this width the spectra of wide networks are those of the matrix as a whole, N^2 numbers with its rest drawn, as exact in law as all else (N9). Of
 * larger ones they are those of the pencil (B4) with the rest averaged over, which is off by order k/N near the edge of the bulk. */
enum { WHOLE_WIDTH = 2000 };

/* One row an event (t, mu) or (t, mu, k): coordinates of a field of its own space, or on the directions of an operator. */
struct history {
    double *data;
    size_t each, length, stride; /* events a step; numbers an event; room for them */
};

struct replica {
    const dmft_problem *problem;
    struct mlp_table table;
    struct mlp *network;
    int limit;                   /* outliers are those of the limit (N2), not of this matrix (B4) */
    outlier_revealed **revealed; /* 1 .. L-1 of the limit */
    outlier_basis **basis;       /* 1 .. L-1 of this matrix */
    outlier_whole *whole;        /* or of the matrix as a whole; NULL: not so */
    long index;                  /* which member this is */
    struct history *phi, *g;     /* 1 .. L, when kernels are stored */
    double *C_phi, *C_below, *C_g, *ntk; /* P x P of this layer and of the one below, (P K)^2 */
    double *work;                /* of the eigenvalue */
    int *integers;
    lapack_int work_count, integer_count;
};

/* ---- making ---- */

/* Of the NTK, into a row; nan where it is not finite, which LAPACK need not survive. */
static int largest_eigenvalues(struct replica *r, double *row)
{
    lapack_int n = (lapack_int)r->network->signals, first = n + 1 - (lapack_int)r->table.tops, found = 0;
    double none = 0.0, trace = 0.0;
    lapack_int support[2];
    for (size_t i = 0; i < r->network->signals; i++) trace += r->ntk[i * (r->network->signals + 1)];
    mlp_table_enter_ntk(&r->table, row, r->work, 0);
    if (!isfinite(trace)) return 0;
    /* row-major lower is column-major upper */
    int status = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'N', 'I', 'U', n, r->ntk, n, 0.0, 0.0, first, n, 0.0, &found, r->work, &none, 1, support,
                                     r->work + n, r->work_count, r->integers, r->integer_count);
    mlp_table_enter_ntk(&r->table, row, r->work, 1);
    return status;
}

static int make_eigenvalue(struct replica *r, dmft_error *err)
{
    lapack_int n = (lapack_int)r->network->signals, found = 0, support[2], integers = 0;
    double none = 0.0, numbers = 0.0;
    int status = LAPACKE_dsyevr_work(LAPACK_COL_MAJOR, 'N', 'I', 'U', n, &none, n, 0.0, 0.0, n, n, 0.0, &found, &none, &none, 1, support, &numbers,
                                     -1, &integers, -1);
    if (status != 0) return error_set(err, DMFT_ERROR_NUMERIC, "no workspace for an eigenvalue of order %d", (int)n);
    r->work_count = (lapack_int)numbers;
    r->integer_count = integers;
    r->work = memory_doubles((size_t)(n + r->work_count));
    r->integers = calloc((size_t)integers, sizeof *r->integers);
    return r->work != NULL && r->integers != NULL ? DMFT_OK : error_memory(err, 8.0 * (double)(n + r->work_count));
}

static void clear_histories(struct replica *r)
{
    for (size_t l = 1; r->phi != NULL && r->g != NULL && l <= r->table.depth; l++) {
        free(r->phi[l].data);
        free(r->g[l].data);
        r->phi[l] = r->g[l] = (struct history){.data = NULL};
    }
}

static void clear_outliers(struct replica *r)
{
    for (size_t l = 1; r->revealed != NULL && r->basis != NULL && l < r->table.depth; l++) {
        outlier_revealed_free(r->revealed[l]);
        outlier_basis_free(r->basis[l]);
        r->revealed[l] = NULL;
        r->basis[l] = NULL;
    }
}

static void release(void *state)
{
    struct replica *r = state;
    if (r == NULL) return;
    clear_histories(r);
    clear_outliers(r);
    outlier_whole_free(r->whole);
    mlp_free(r->network);
    void *parts[] = {r->revealed, r->basis, r->phi, r->g, r->C_phi, r->C_below, r->C_g, r->ntk, r->work, r->integers};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) free(parts[i]);
    free(r);
}

static int make_arrays(struct replica *r, dmft_error *err)
{
    size_t layers = r->table.depth + 1, P = r->table.samples, order = P * r->table.outputs;
    r->revealed = calloc(layers, sizeof(outlier_revealed *));
    r->basis = calloc(layers, sizeof(outlier_basis *));
    r->phi = calloc(layers, sizeof *r->phi);
    r->g = calloc(layers, sizeof *r->g);
    r->C_phi = memory_doubles(P * P);
    r->C_below = memory_doubles(P * P);
    r->C_g = memory_doubles(order * order);
    r->ntk = memory_doubles(order * order);
    const void *made[] = {r->revealed, r->basis, r->phi, r->g, r->C_phi, r->C_below, r->C_g, r->ntk};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (made[i] == NULL) return error_memory(err, 16.0 * (double)order * (double)order);
    return make_eigenvalue(r, err);
}

/* That one side of an operator can meet. */
static size_t most_directions(const dmft_problem *p, size_t sites)
{
    size_t inputs = p->mlp.samples + p->mlp.tests, signals = p->mlp.samples * p->mlp.outputs, most = inputs > signals ? inputs : signals;
    return sites / most <= (size_t)p->rows ? sites : most * (size_t)p->rows;
}

static int create_with(void **state, const dmft_problem *p, const struct mlp_sites *sites, int limit, dmft_error *err)
{
    struct replica *r = calloc(1, sizeof *r);
    if (r == NULL) return error_memory(err, sizeof *r);
    *state = r; /* the caller frees it, half made or not */
    r->problem = p;
    r->table = mlp_table_of(p, 0);
    r->limit = limit;
    int status = mlp_create(&r->network, p, sites, err);
    if (status == DMFT_OK) status = make_arrays(r, err);
    if (status != DMFT_OK || limit || r->table.matrices == 0 || sites->count > WHOLE_WIDTH) return status;
    return outlier_whole_create(&r->whole, sites->count, most_directions(p, sites->count), r->table.count + 1, err);
}

static int create_replica(void **state, const dmft_problem *p, dmft_error *err)
{
    struct mlp_sites sites = mlp_exact_sites();
    if (p->mlp.solver != SOLVER_EXACT)
        sites = (struct mlp_sites){.count = (size_t)p->mlp.sampling.sites,
                                   .sobol = p->mlp.sampling.draws == DRAWS_SOBOL,
                                   .moment_matching = p->mlp.sampling.moment_matching,
                                   .seed = p->mlp.sampling.seed,
                                   .purpose = REPLICA_STREAMS,
                                   .tolerance = p->mlp.sampling.tolerance};
    return create_with(state, p, &sites, 1, err);
}

static int create_network(void **state, const dmft_problem *p, dmft_error *err)
{
    struct mlp_sites sites = {.count = (size_t)p->simulation.width,
                              .seed = p->simulation.seed,
                              .purpose = NETWORK_STREAMS,
                              .tolerance = p->mlp.sampling.tolerance};
    return create_with(state, p, &sites, 0, err);
}

static int start(void *state, long index, dmft_error *err)
{
    struct replica *r = state;
    clear_histories(r);
    clear_outliers(r);
    int status = mlp_start(r->network, index, err);
    r->index = index;
    for (size_t l = 1; l < r->table.depth && status == DMFT_OK; l++)
        status = r->limit           ? outlier_revealed_create(&r->revealed[l], r->table.count, err)
                 : r->whole != NULL ? DMFT_OK
                                    : outlier_basis_create(&r->basis[l], r->network->A[l], NULL, r->table.count, err);
    return status;
}

/* ---- kernels at equal time ---- */

/* The Gram matrix of the first `count` rows. */
static void gram(const limit_rows *rows, size_t count, double *C)
{
    const limit_space *space = rows->space;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)count, (int)space->axes, space->backend->weight(space), rows->x,
                (int)space->stride, rows->x, (int)space->stride, 0.0, C, (int)count);
}

/* What the weights into layer l, and its biases, add to (N3). */
static void add_layer(struct replica *r)
{
    size_t P = r->table.samples, K = r->table.outputs, order = P * K;
    double bias = r->problem->mlp.bias ? 1.0 : 0.0;
    for (size_t i = 0; i < order; i++)
        for (size_t j = 0; j < order; j++) r->ntk[i * order + j] += (r->C_below[i / K * P + j / K] + bias) * r->C_g[i * order + j];
}

/* What the readouts add, each to its own output. */
static void add_readouts(struct replica *r)
{
    size_t P = r->table.samples, K = r->table.outputs;
    for (size_t mu = 0; mu < P; mu++)
        for (size_t nu = 0; nu < P; nu++)
            for (size_t k = 0; k < K; k++) r->ntk[(mu * K + k) * P * K + nu * K + k] += r->C_below[mu * P + nu];
}

/* <phi^2>, <g^2> of every layer, and the NTK matrix on the way; representations where they are due. */
static void record_moments(struct replica *r, long at, double *slot)
{
    const struct mlp_table *t = &r->table;
    double *row = slot + (size_t)at * t->columns;
    size_t P = t->samples, K = t->outputs, order = P * K, inputs = r->network->inputs;
    memset(r->ntk, 0, order * order * sizeof *r->ntk);
    for (size_t mu = 0; mu < P; mu++) memcpy(r->C_below + mu * P, r->problem->mlp.gram + mu * inputs, P * sizeof(double));
    for (size_t l = 1; l <= t->depth; l++) {
        double *forward = row + t->forward + (l - 1) * P, *backward = row + t->backward + (l - 1) * P;
        gram(&r->network->g[l], order, r->C_g);
        add_layer(r);
        gram(&r->network->phi[l], P, r->C_phi);
        mlp_table_enter_representation(t, slot, at, l, r->C_phi, P);
        memcpy(r->C_below, r->C_phi, P * P * sizeof *r->C_phi);
        for (size_t mu = 0; mu < P; mu++) {
            forward[mu] = r->C_phi[mu * (P + 1)];
            backward[mu] = 0.0;
            for (size_t k = 0; k < K; k++) backward[mu] += r->C_g[(mu * K + k) * (order + 1)] / (double)K;
        }
    }
    add_readouts(r);
}

/* ---- outliers ---- */

/* Mean over rows mu K .. mu K + K - 1 of (c . direction)^2. */
static double overlap(const double *direction, const double *c, size_t stride, size_t length, size_t mu, size_t K)
{
    double sum = 0.0;
    for (size_t k = 0; k < K; k++) {
        double x = cblas_ddot((int)length, c + (mu * K + k) * stride, 1, direction, 1);
        sum += x * x;
    }
    return sum / (double)K;
}

/* Overlaps of one singular vector with the samples, their mean and those of the chosen ones. */
static void record_overlaps(const struct replica *r, const double *direction, const double *c, size_t stride, size_t length, size_t K, double *mean,
                            double *chosen)
{
    if (direction == NULL) return;
    size_t P = r->table.samples;
    *mean = 0.0;
    for (size_t mu = 0; mu < P; mu++) *mean += overlap(direction, c, stride, length, mu, K) / (double)P;
    for (size_t i = 0; i < r->table.chosen; i++) chosen[i] = overlap(direction, c, stride, length, r->problem->mlp.chosen[i], K);
}

/* Those of the first outlier, from its coefficients on the directions of the last products. */
static void record_vectors(const struct replica *r, const struct limit_view *view, const double *left, const double *right, double *to)
{
    const struct mlp_table *t = &r->table;
    record_overlaps(r, left, view->c_out, view->c_stride, view->F->count, t->outputs, to + t->left, to + t->left_of);
    record_overlaps(r, right, view->c_in, view->c_stride, view->E->count, 1, to + t->right, to + t->right_of);
}

static int record_limit(struct replica *r, size_t l, double *to, dmft_error *err)
{
    const struct mlp_table *t = &r->table;
    outlier_revealed *w = r->revealed[l];
    struct limit_view view = limit_operator_view(r->network->A[l]);
    int status = outlier_revealed_find(w, &view, err);
    if (status != DMFT_OK) return status;
    for (size_t j = 0; j < t->count; j++) {
        to[t->value + j] = outlier_revealed_z(w, j);
        to[t->root + j] = outlier_revealed_root(w, j);
    }
    record_vectors(r, &view, outlier_revealed_left(w, 0), outlier_revealed_right(w, 0), to);
    return DMFT_OK;
}

static int record_matrix(struct replica *r, size_t l, long at, double *to, dmft_error *err)
{
    struct outlier_state found;
    struct limit_view view = limit_operator_view(r->network->A[l]);
    int status = outlier_basis_step(r->basis[l], at, &found, err);
    if (status != DMFT_OK) return status;
    for (size_t j = 0; j < r->table.count; j++) to[r->table.value + j] = found.z[j];
    record_vectors(r, &view, outlier_basis_left(r->basis[l], 0), outlier_basis_right(r->basis[l], 0), to);
    return DMFT_OK;
}

static int record_whole(struct replica *r, size_t l, long at, double *to, dmft_error *err)
{
    struct limit_view view = limit_operator_view(r->network->A[l]);
    uint64_t purpose = REST_STREAMS + (uint64_t)at * r->table.depth + l;
    int status = outlier_whole_find(r->whole, &view, random_start(r->problem->simulation.seed, (uint64_t)r->index, purpose), err);
    if (status != DMFT_OK) return status;
    for (size_t j = 0; j <= r->table.count; j++) to[r->table.value + j] = outlier_whole_z(r->whole, j);
    record_vectors(r, &view, outlier_whole_left(r->whole), outlier_whole_right(r->whole), to);
    return DMFT_OK;
}

/* ---- kernels at two times ---- */

static int lengthen(struct history *h, size_t steps, size_t length, dmft_error *err)
{
    h->length = length;
    if (length <= h->stride) return DMFT_OK;
    size_t stride = h->stride == 0 ? length : length + length / 4, rows = steps * h->each;
    double *data = memory_doubles(rows * stride);
    if (data == NULL) return error_memory(err, 8.0 * (double)rows * (double)stride);
    for (size_t i = 0; h->data != NULL && i < rows; i++) memcpy(data + i * stride, h->data + i * h->stride, h->stride * sizeof *data);
    free(h->data);
    h->data = data;
    h->stride = stride;
    return DMFT_OK;
}

/* Enters the events of step t, rows of this stride, and writes their correlations with all so far, the mean over the K outputs, to the kernel. */
static int record_kernel(const struct replica *r, struct history *h, size_t t, const double *x, size_t stride, size_t length, size_t K,
                         double weight, double *kernel, dmft_error *err)
{
    size_t P = r->table.samples, steps = (size_t)r->problem->rows, order = r->table.order;
    h->each = P * K;
    int status = lengthen(h, steps, length, err);
    if (status != DMFT_OK) return status;
    double *now = h->data + t * h->each * h->stride;
    for (size_t i = 0; i < h->each; i++) memcpy(now + i * h->stride, x + i * stride, length * sizeof *now);
    for (size_t k = 0; k < K; k++)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)P, (int)((t + 1) * P), (int)length, weight / (double)K, now + k * h->stride,
                    (int)(K * h->stride), h->data + k * h->stride, (int)(K * h->stride), k == 0 ? 0.0 : 1.0, kernel + t * P * order, (int)order);
    return DMFT_OK;
}

static int record_field(const struct replica *r, struct history *h, size_t t, const limit_rows *rows, size_t K, double *kernel, dmft_error *err)
{
    const limit_space *space = rows->space;
    return record_kernel(r, h, t, rows->x, space->stride, space->axes, K, space->backend->weight(space), kernel, err);
}

static int record_kernels(struct replica *r, size_t t, double *slot, dmft_error *err)
{
    size_t L = r->table.depth, K = r->table.outputs;
    int status = DMFT_OK;
    for (size_t l = 1; l <= L && status == DMFT_OK; l++) {
        double *C_phi = slot + mlp_table_kernel(&r->table, MLP_C_PHI, l), *C_g = slot + mlp_table_kernel(&r->table, MLP_C_G, l);
        if (l == L) status = record_field(r, &r->phi[l], t, &r->network->phi[l], 1, C_phi, err);
        else {
            struct limit_view view = limit_operator_view(r->network->A[l]);
            status = record_kernel(r, &r->phi[l], t, view.c_in, view.c_stride, view.E->count, 1, 1.0, C_phi, err);
        }
        if (status != DMFT_OK) return status;
        if (l == 1) status = record_field(r, &r->g[l], t, &r->network->g[l], K, C_g, err);
        else {
            struct limit_view view = limit_operator_view(r->network->A[l - 1]);
            status = record_kernel(r, &r->g[l], t, view.c_out, view.c_stride, view.F->count, K, 1.0, C_g, err);
        }
    }
    return status;
}

/* ---- a row ---- */

static int row(void *state, long at, double *slot, dmft_error *err)
{
    struct replica *r = state;
    const struct mlp_table *t = &r->table;
    double *to = slot + (size_t)at * t->columns;
    int status = mlp_evaluate(r->network, err);
    if (status != DMFT_OK) return status;
    memcpy(to + t->output, r->network->f, r->network->inputs * t->outputs * sizeof *to);
    record_moments(r, at, slot);
    if (largest_eigenvalues(r, to) != 0) return error_set(err, DMFT_ERROR_NUMERIC, "the largest eigenvalue of the NTK was not found");
    to[t->train_loss] = mlp_train_loss(r->network);
    to[t->test_loss] = mlp_test_loss(r->network);
    if (mlp_table_diverged(t, slot, at)) return DMFT_DIVERGED;
    for (size_t l = 1; l < t->depth && (size_t)at % t->every == 0 && status == DMFT_OK; l++) {
        double *spectrum = slot + mlp_table_spectrum(t, at, l);
        for (size_t i = 0; i < t->layer; i++) spectrum[i] = NAN;
        status = r->limit           ? record_limit(r, l, spectrum, err)
                 : r->whole != NULL ? record_whole(r, l, at, spectrum, err)
                                    : record_matrix(r, l, at, spectrum, err);
    }
    for (size_t l = 1; l < t->depth; l++) {
        double *directions = slot + mlp_table_directions(t, l);
        directions[0] = (double)limit_operator_inputs(r->network->A[l]);
        directions[1] = (double)limit_operator_outputs(r->network->A[l]);
    }
    return status == DMFT_OK && t->kernels > 0 ? record_kernels(r, (size_t)at, slot, err) : status;
}

static int advance(void *state, long at, dmft_error *err)
{
    struct replica *r = state;
    (void)err;
    mlp_learn(r->network, at);
    return 1;
}

/* ---- checkpoints ---- */

static void transfer_history(struct replica *r, struct history *h, archive *a)
{
    dmft_error err;
    size_t steps = (size_t)r->problem->rows, length = h->length;
    archive_size(a, &h->each, SIZE_MAX / sizeof *h->data / steps);
    archive_size(a, &length, h->each > 0 ? SIZE_MAX / sizeof *h->data / steps / h->each : 0);
    if (archive_reading(a) && archive_status(a) == DMFT_OK) {
        int status = lengthen(h, steps, length, &err);
        if (status != DMFT_OK) archive_fail(a, status, &err);
    }
    archive_rows(a, h->data, steps * h->each, h->length, h->stride);
}

static void transfer(void *state, archive *a)
{
    struct replica *r = state;
    archive_tag(a, "replica");
    mlp_transfer(r->network, a);
    for (size_t l = 1; l < r->table.depth; l++) {
        if (r->limit) outlier_revealed_transfer(r->revealed[l], a);
        else if (r->whole == NULL) outlier_basis_transfer(r->basis[l], a);
    }
    for (size_t l = 1; l <= r->table.depth && r->table.kernels > 0; l++) {
        transfer_history(r, &r->phi[l], a);
        transfer_history(r, &r->g[l], a);
    }
}

const struct ensemble_kind ensemble_replica = {.name = "replica",
                                               .steps = "replica steps",
                                               .file = "solve",
                                               .create = create_replica,
                                               .free = release,
                                               .start = start,
                                               .row = row,
                                               .advance = advance,
                                               .transfer = transfer};

const struct ensemble_kind ensemble_revealed_network = {.name = "network",
                                                        .steps = "network steps",
                                                        .file = "simulate",
                                                        .create = create_network,
                                                        .free = release,
                                                        .start = start,
                                                        .row = row,
                                                        .advance = advance,
                                                        .transfer = transfer};

/* ---- what it takes ---- */

/* Directions that `vectors` vectors a step are expected to open on one side of an operator in T steps. Without a kink in the activation they are smooth
 * functions of a few fields, and their number saturates: with tanh, L = 2, tolerance 1e-6 and 100 or more steps 15, 46, 108 were met on the side of
 * the inputs for 1, 2, 4 samples and 18, 60, 147 on the other, up to a quarter more with erf and L = 3, a third more where training is fast and long; a sixth
 * more come with a decade of tolerance.
 * With a kink nearly every vector opens one. */
static double directions(const struct dmft_problem *p, double vectors, double factor, double sites)
{
    const struct mlp_problem *m = &p->mlp;
    double all = vectors * (double)p->rows, tolerance = m->solver == SOLVER_EXACT ? mlp_exact_sites().tolerance : m->sampling.tolerance;
    double decades = fmax(1.0 + 0.17 * (-log10(fmax(tolerance, 1e-16)) - 6.0), 0.2), most = decades * factor * pow(vectors, 1.4);
    double k = m->activation.smooth ? all / sqrt(1.0 + all / most * (all / most)) : all;
    return sites > 0.0 ? fmin(k, sites) : k;
}

struct expected {
    double inputs, signals, E, F, S; /* vectors a step, directions a side, sites or axes of a space */
};

static struct expected expect(const struct dmft_problem *p, size_t sites)
{
    const struct mlp_problem *m = &p->mlp;
    struct expected e = {.inputs = (double)(m->samples + m->tests), .signals = (double)(m->samples * m->outputs)};
    e.E = directions(p, e.inputs, 22.0, (double)sites);
    e.F = directions(p, e.signals, 31.0, (double)sites);
    e.S = sites > 0 ? (double)sites : e.E + e.F + e.inputs + (double)m->outputs;
    return e;
}

/* The operators: directions and answers on both sides, residuals, with moment matching all fresh fields, and matrices of the order of the directions.
 * The fields of mlp.c, and histories. */
double replica_doubles(const struct dmft_problem *p, size_t sites)
{
    const struct mlp_problem *m = &p->mlp;
    struct expected e = expect(p, sites);
    double L = (double)p->depth, T = (double)p->rows, P = (double)m->samples, own = p->momentum > 0.0 ? 2.0 : 1.0;
    double fresh = sites > 0 && m->sampling.moment_matching ? 1.0 : 0.0;
    double slopes = activation_is_linear(&m->activation) ? 0.0 : P;
    double rows = L * (e.inputs + slopes + e.signals) + own * (e.inputs + (double)m->outputs + (m->bias ? L : 0.0));
    rows += (L - 1.0) * ((2.0 + fresh) * (e.E + e.F) + e.inputs + e.signals) + fresh * (e.inputs + (double)m->outputs);
    double small = (L - 1.0) * (e.E + e.F) * (3.0 * (e.E + e.F) + 2.0 * (e.inputs + e.signals)) + 3.0 * e.signals * e.signals;
    if (p->store_kernels) {
        rows += T * (P + e.signals);
        small += (L - 1.0) * T * (P * e.E + e.signals * e.F);
    }
    return rows * e.S + small;
}

/* A product of n vectors with k directions takes 4 n k S multiply-adds, a new direction 5 k S, and k grows to its end in about a third of the run. */
double replica_operations(const struct dmft_problem *p, size_t sites)
{
    const struct mlp_problem *m = &p->mlp;
    struct expected e = expect(p, sites);
    double L = (double)p->depth, T = (double)p->rows, P = (double)m->samples;
    double asked = cost_of_products(e.inputs * e.E, e.inputs) + cost_of_products(e.signals * e.F, e.signals);
    double products = (L - 1.0) * (3.3 * asked + 2.5 * (cost_of_products(e.E * e.E, e.inputs) + cost_of_products(e.F * e.F, e.signals)) / T);
    double kernels = cost_of_products(P * P, P) + cost_of_products(e.signals * e.signals, e.signals);
    double fields = L * (kernels + 20.0 * e.inputs) + cost_of_products(e.inputs * e.signals + (p->store_kernels ? T * P * (P + e.signals) : 0.0), P);
    double outliers = 150.0 * (L - 1.0) * e.E * e.F / (double)p->outlier_every;
    return 2.0 * ((products + fields) * e.S + outliers) + cost_of_eigenvalues(e.signals);
}

static int has_whole(const struct dmft_problem *p) { return p->depth > 1 && p->simulation.width <= WHOLE_WIDTH; }

double revealed_network_doubles(const struct dmft_problem *p)
{
    size_t N = (size_t)p->simulation.width;
    double whole = has_whole(p) ? outlier_whole_doubles((double)N, (double)most_directions(p, N), p->outlier_count + 1.0) : 0.0;
    return replica_doubles(p, N) + whole;
}

double revealed_network_operations(const struct dmft_problem *p)
{
    double N = (double)p->simulation.width, matrices = (double)(p->depth - 1) / (double)p->outlier_every;
    double whole = has_whole(p) ? matrices * outlier_whole_operations(N, expect(p, (size_t)N).F) : 0.0;
    return replica_operations(p, (size_t)N) + whole;
}
