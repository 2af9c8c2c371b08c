/* The basis route: the training loop of a model on revealed operators, section 5 of doc/theory.md, its outliers, and histories from which the
 * kernels are assembled at the end.
 *
 * With k directions a side and d axes a space, T steps and m matrices cost O(T m k d) for level 1, some 20 (2k)^2 a recorded step and
 * outlier for level 2, and T^2 k/2 a kernel when kernels are stored. Memory: O(m k d), and with kernels T^2 doubles each and T k of history.
 */
#include <cblas.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cost.h"
#include "base/error.h"
#include "base/trajectory.h"
#include "kernel/gram.h"
#include "model/flow.h"
#include "model/model.h"
#include "model/route.h"
#include "outlier/probe.h"

static const struct model *const models[] = {&model_deep_linear};

/* What is kept of an observable for its kernel. */
struct history {
    double *data;          /* rows of `stride` coordinates */
    size_t stride, length; /* of the rows; of the last one in use */
    double *kernel;        /* rows x rows, not touched before it is assembled */
};

struct basis {
    const struct model *model;
    void *network;
    flow *flow; /* NULL in gradient descent */
    size_t rows;

    const struct model_observable *observable;
    size_t observables;
    const char **name;
    struct history *history; /* NULL unless kernels are stored */

    const struct model_matrix *matrix;
    size_t matrices;
    struct route_matrix *about;
    outlier_basis **outliers;

    void *bare; /* an untrained network, in which probes see the bulk; NULL without probes */
    outlier_prober *prober;
};

static const struct model *find_model(const char *name)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strcmp(models[i]->name, name) == 0) return models[i];
    return NULL;
}

/* Nodes that a run will have: an adaptive grid took 120 to 300, whatever was allowed. */
static double nodes(const struct dmft_problem *p)
{
    return p->flow && p->grid == GRID_ADAPTIVE ? fmin((double)p->rows, 300.0) : (double)p->rows;
}

/* Evaluations of the network: one a step; in flow those of the stages, of which 2000 to 4000 were measured on grids of few nodes, and 13 a node
 * and more on grids of many. */
static double evaluations(const struct dmft_problem *p) { return p->flow ? fmax(13.0 * nodes(p), 3000.0) : nodes(p); }

static int probed(const struct dmft_problem *p) { return p->probes.ntk || p->probes.sharpness; }

/* Numbers and products of probes where k directions and d axes are met without them: room for what they meet, which grows by up to a half, their vectors,
 * and a bare network. */
static void add_probes(const struct dmft_problem *p, double k, double d, double *numbers, double *products)
{
    if (!probed(p)) return;
    double n = (double)p->probes.rows + 1.0, operators = p->depth + 1.0, runs = p->probes.ntk + p->probes.sharpness;
    double axes = 2.0 * n * fmax((double)p->modes, p->residual ? (double)p->depth : 1.0); /* that n rows open */
    *numbers += 1.3 * operators * (6.0 * ((k + n) * (d + axes) - k * d) + (k + n) * (k + n) - k * k + 6.0 * n * axes + n * n) + 2.0 * n * runs * (d + axes);
    *products += ceil(nodes(p) / (double)p->probes.every) * runs * n * operators * 2.0 * 8.0 * ((k + n) * (d + axes) + n * axes);
}

/* Multiply-adds of all steps with k directions, for which memory has to be there. In descent they become 70 to 150 while training comes to rest, whatever
 * the number of steps; with batches they come one a step until it does. A deep network that is trained too fast to come to rest opens one a step too, which
 * nothing tells beforehand: then this is too little. */
static double products_of(const struct dmft_problem *p, double k, double d)
{
    static const double at_rest = 100.0;
    int grows = p->batch != BATCH_FULL && !p->flow;
    double part = grows ? 1.0 / 3.0 : 1.0, likely = grows || p->flow ? k : fmin(k, at_rest), operators = (double)p->depth + 1.0;
    d *= likely / k;
    k = likely;
    double recorded = ceil(nodes(p) / (double)p->outlier_every), found = (double)p->depth * (double)p->outlier_count;
    double steps = cost_of_vectors(evaluations(p) * operators * (8.0 * k * d + k * k), k * d);
    return part * (steps + cost_of_vectors(recorded * found * 25.0 * 4.0 * k * k, 12.0 * k * k)); /* three pencils of order 2k */
}

/* Counts numbers as the parts below take them: operators (six sets of vectors, S), pencils (Gram matrices, three pencils of twice the order, Krylov
 * space), series, and with kernels their storage and one history. */
static dmft_estimate estimate(const struct dmft_problem *p)
{
    const struct model *model = find_model(p->model);
    if (model == NULL) return (dmft_estimate){0};
    double k, d, T = (double)p->rows, L = p->depth, operators = L + 1.0, kernels = 2.0 * L + 3.0;
    double outliers = p->outlier_count;
    model->expect(p, &k, &d);
    k = fmax(k, 32.0); /* what is taken before the first direction is met */
    d = fmax(d, 64.0);
    double numbers = operators * (6.0 * k * d + k * k) + L * (15.0 * k * k + 2.0 * k * (100.0 + 16.0 * outliers));
    numbers += T * (kernels + 3.0 + L * (outliers + 4.0));
    double probes = 0.0, products = products_of(p, k, d);
    add_probes(p, k, d, &numbers, &probes);
    if (p->store_kernels) {
        numbers += T * (kernels * T + k); /* all kernels and the last history */
        products += cost_of_products(kernels * T * T * k / 2.0, k);
    }
    return (dmft_estimate){.bytes = sizeof(double) * numbers, .operations = 2.0 * (products + probes)};
}

/* ---- making ---- */

static int follow_matrices(struct basis *b, const struct dmft_problem *p, dmft_error *err)
{
    int status = DMFT_OK, rank_one = !(p->momentum > 0.0 || p->weight_decay > 0.0); /* a step adds one g phi^T, along which the ODE goes */
    b->matrices = b->model->matrices(b->network, &b->matrix);
    b->outliers = calloc(b->matrices + 1, sizeof(outlier_basis *));
    b->about = calloc(b->matrices + 1, sizeof *b->about);
    if (b->outliers == NULL || b->about == NULL) return error_memory(err, 32.0 * (double)b->matrices);
    for (size_t l = 0; l < b->matrices && status == DMFT_OK; l++) {
        const struct model_matrix *m = &b->matrix[l];
        struct limit_view view = limit_operator_view(m->A);
        b->about[l] = (struct route_matrix){.psi = view.psi, .target = m->target != NULL};
        status = outlier_basis_create(&b->outliers[l], m->A, m->target, (size_t)p->outlier_count, err);
        if (status == DMFT_OK && rank_one) status = outlier_basis_watch(b->outliers[l], b->rows, p->flow, err);
    }
    return status;
}

static int make_histories(struct basis *b, const struct dmft_problem *p, dmft_error *err)
{
    if (!p->store_kernels) return DMFT_OK;
    b->history = calloc(b->observables, sizeof *b->history);
    if (b->history == NULL) return error_memory(err, 16.0 * (double)b->observables);
    size_t T = b->rows;
    double directions, axes;
    b->model->expect(p, &directions, &axes);
    for (size_t i = 0; i < b->observables; i++) {
        struct history *h = &b->history[i];
        const struct model_observable *o = &b->observable[i];
        h->stride = 1 + (size_t)(o->fresh ? 2.0 : o->kept == MODEL_OF_FIELD ? axes : directions);
        h->data = memory_doubles(T * h->stride);
        h->kernel = memory_doubles_large(T * T);
        if (h->data == NULL || h->kernel == NULL) return error_memory(err, 8.0 * (double)T * (double)(T + h->stride));
    }
    return DMFT_OK;
}

static int make_prober(struct basis *b, const struct dmft_problem *p, dmft_error *err)
{
    if (!probed(p)) return DMFT_OK;
    struct probe_network trained, bare;
    struct probe_laws laws = {.depth = p->depth,
                              .nested = !p->residual,
                              .width_ratio = p->width_ratio,
                              .sample_ratio = p->flow && p->batch == BATCH_ONLINE ? 0.0 : p->sample_ratio,
                              .modes = p->modes,
                              .eigenvalue = p->eigenvalue};
    int status = b->model->create(&b->bare, p, err);
    if (status == DMFT_OK) status = b->model->probe(b->network, &trained, err);
    if (status == DMFT_OK) status = b->model->probe(b->bare, &bare, err);
    if (status != DMFT_OK) return status;
    return outlier_prober_create(&b->prober, trained, bare, &laws, (size_t)p->probes.rows, p->probes.ntk, p->probes.sharpness, err);
}

static int make_observables(struct basis *b, dmft_error *err)
{
    b->observables = b->model->observables(b->network, &b->observable);
    b->name = calloc(b->observables + 1, sizeof(const char *));
    if (b->name == NULL) return error_memory(err, 16.0 * (double)b->observables);
    for (size_t i = 0; i < b->observables; i++) b->name[i] = b->observable[i].name;
    return DMFT_OK;
}

static void release(void *state)
{
    struct basis *b = state;
    if (b == NULL) return;
    for (size_t l = 0; b->outliers != NULL && l < b->matrices; l++) outlier_basis_free(b->outliers[l]);
    for (size_t i = 0; b->history != NULL && i < b->observables; i++) {
        free(b->history[i].data);
        free(b->history[i].kernel);
    }
    flow_free(b->flow);
    b->model->free(b->network);
    b->model->free(b->bare);
    outlier_prober_free(b->prober); /* last: its vectors are rows of their spaces */
    free(b->outliers);
    free(b->about);
    free(b->history);
    free(b->name);
    free(b);
}

static int create(void **state, const struct dmft_problem *p, dmft_error *err)
{
    const struct model *model = find_model(p->model);
    if (model == NULL) return error_set(err, DMFT_ERROR_UNAVAILABLE, "model %s: not available in this version", p->model);
    struct basis *b = calloc(1, sizeof *b);
    if (b == NULL) return error_memory(err, sizeof *b);
    *state = b;
    b->model = model;
    b->rows = (size_t)p->rows;
    int status = model->create(&b->network, p, err);
    if (status == DMFT_OK) status = make_prober(b, p, err);
    if (status == DMFT_OK && p->flow) status = flow_create(&b->flow, model, b->network, p, err);
    if (status == DMFT_OK) status = make_observables(b, err);
    if (status == DMFT_OK) status = follow_matrices(b, p, err);
    return status == DMFT_OK ? make_histories(b, p, err) : status;
}

static struct route_shape shape(const void *state)
{
    const struct basis *b = state;
    return (struct route_shape){.observables = b->observables, .matrices = b->matrices, .observable = b->name, .matrix = b->about};
}

/* ---- a node ---- */

/* The coordinates that the history of an observable keeps at this step; returns their number. */
static size_t coordinates(const struct model_observable *o, const double **x)
{
    if (o->kept == MODEL_OF_FIELD) {
        *x = o->field->x;
        return o->field->space->axes;
    }
    struct limit_view view = limit_operator_view(o->asked);
    *x = o->kept == MODEL_OF_PUSH ? view.c_in : view.c_out;
    return o->kept == MODEL_OF_PUSH ? view.E->count : view.F->count;
}

/* A history that outgrows its rows is moved to longer ones. */
static int lengthen(struct history *h, size_t rows, size_t length, dmft_error *err)
{
    if (length <= h->stride) return DMFT_OK;
    size_t stride = length + length / 4;
    double *data = memory_doubles(rows * stride);
    if (data == NULL) return error_memory(err, 8.0 * (double)rows * (double)stride);
    for (size_t t = 0; t < rows; t++) memcpy(data + t * stride, h->data + t * h->stride, h->stride * sizeof *data);
    free(h->data);
    h->data = data;
    h->stride = stride;
    return DMFT_OK;
}

/* Of the inner product, where coordinates are the field's own. */
static double weight_of(const struct model_observable *o) { return o->field->space->backend->weight(o->field->space); }

static int store_history(struct basis *b, size_t row, dmft_error *err)
{
    for (size_t i = 0; b->history != NULL && i < b->observables; i++) {
        const double *x = NULL;
        struct history *h = &b->history[i];
        h->length = coordinates(&b->observable[i], &x);
        int status = lengthen(h, b->rows, h->length, err);
        if (status != DMFT_OK) return status;
        memcpy(h->data + row * h->stride, x, h->length * sizeof *h->data);
        if (b->observable[i].kept == MODEL_OF_FIELD) cblas_dscal((int)h->length, sqrt(weight_of(&b->observable[i])), h->data + row * h->stride, 1);
    }
    return DMFT_OK;
}

static int row(void *state, long at, double *time, double *diagonal, dmft_error *err)
{
    struct basis *b = state;
    int status = b->model->reserve(b->network, err);
    if (status != DMFT_OK) return status;
    b->model->evaluate(b->network);
    *time = b->flow != NULL ? flow_time(b->flow) : (double)at;
    for (size_t i = 0; i < b->observables; i++) diagonal[i] = limit_dot(b->observable[i].field, b->observable[i].field);
    return store_history(b, (size_t)at, err);
}

static int outliers(void *state, size_t l, long at, double time, struct outlier_state *found, dmft_error *err)
{
    struct basis *b = state;
    return outlier_basis_step_at(b->outliers[l], at, time, b->matrix[l].step, found, err);
}

static int probe(void *state, struct outlier_probe *found, dmft_error *err)
{
    struct basis *b = state;
    return outlier_prober_run(b->prober, found, err);
}

static int last(const void *state)
{
    const struct basis *b = state;
    return b->flow != NULL && flow_ended(b->flow);
}

static int next(void *state, dmft_error *err)
{
    struct basis *b = state;
    if (b->flow != NULL) return flow_advance(b->flow, err);
    b->model->update(b->network);
    return DMFT_OK;
}

static struct outlier_escape escape(const void *state, size_t l, size_t j)
{
    const struct basis *b = state;
    return outlier_basis_escape(b->outliers[l], j);
}

static int difference(const void *state, size_t l, double *largest, dmft_error *err)
{
    const struct basis *b = state;
    return outlier_basis_difference(b->outliers[l], largest, err);
}

/* ---- the result ---- */

/* One kernel at a time; its history goes before the next, so that memory peaks at all kernels and one history. */
static int assemble_kernels(struct basis *b, size_t rows, dmft_trajectory *result, dmft_error *err)
{
    int status = DMFT_OK;
    for (size_t i = 0; b->history != NULL && i < b->observables && status == DMFT_OK; i++) {
        const struct model_observable *o = &b->observable[i];
        struct history *h = &b->history[i];
        if (o->fresh) kernel_gram_diagonal(h->data, rows, h->length, h->stride, h->kernel, b->rows);
        else kernel_gram(h->data, rows, h->length, h->stride, h->kernel, b->rows);
        free(h->data);
        h->data = NULL;
        status = trajectory_add_kernel(result, o->name, rows, b->rows, h->kernel, err);
        if (status == DMFT_OK) h->kernel = NULL; /* the result owns it now */
    }
    return status;
}

/* The directions that an operator met on either side. */
static int add_directions(dmft_trajectory *result, const char *name, const limit_operator *A, dmft_error *err)
{
    int status = trajectory_set_number(result, (double)limit_operator_inputs(A), err, "directions_%s_in", name);
    if (status != DMFT_OK) return status;
    return trajectory_set_number(result, (double)limit_operator_outputs(A), err, "directions_%s_out", name);
}

static int add_flow(dmft_trajectory *result, const flow *f, dmft_error *err)
{
    struct flow_numbers n = flow_numbers(f);
    int status = trajectory_set_number(result, (double)n.accepted, err, "flow_accepted");
    if (status == DMFT_OK) status = trajectory_set_number(result, (double)n.rejected, err, "flow_rejected");
    if (status == DMFT_OK) status = trajectory_set_number(result, (double)n.evaluations, err, "flow_evaluations");
    if (status == DMFT_OK) status = trajectory_set_number(result, (double)n.most_stages, err, "flow_stages");
    if (status == DMFT_OK) status = trajectory_set_number(result, n.coarseness, err, "flow_coarseness");
    return status == DMFT_OK ? trajectory_set_number(result, n.radius, err, "flow_radius") : status;
}

static int finish(void *state, size_t rows, dmft_trajectory *result, dmft_error *err)
{
    struct basis *b = state;
    int status = assemble_kernels(b, rows, result, err);
    if (status == DMFT_OK && b->flow != NULL) status = add_flow(result, b->flow, err);
    if (status == DMFT_OK) status = add_directions(result, "X", b->model->data(b->network), err);
    for (size_t l = 0; l < b->matrices && status == DMFT_OK; l++) {
        char name[MODEL_NAME_BYTES];
        (void)snprintf(name, sizeof name, "A%u", (unsigned)l);
        status = add_directions(result, name, b->matrix[l].A, err);
    }
    return status;
}

static void transfer_history(struct basis *b, struct history *h, size_t rows, archive *a)
{
    dmft_error err;
    archive_size(a, &h->length, SIZE_MAX / sizeof *h->data / (b->rows + 1));
    if (archive_reading(a) && archive_status(a) == DMFT_OK) {
        int status = lengthen(h, b->rows, h->length, &err);
        if (status != DMFT_OK) archive_fail(a, status, &err);
    }
    archive_rows(a, h->data, rows, h->length, h->stride);
}

static void transfer(void *state, size_t rows, archive *a)
{
    struct basis *b = state;
    archive_tag(a, "basis");
    b->model->transfer(b->network, a);
    if (b->flow != NULL) flow_transfer(b->flow, a);
    for (size_t l = 0; l < b->matrices; l++) outlier_basis_transfer(b->outliers[l], a);
    for (size_t i = 0; b->history != NULL && i < b->observables; i++) transfer_history(b, &b->history[i], rows, a);
}

const struct route route_basis = {.estimate = estimate,
                                  .create = create,
                                  .free = release,
                                  .shape = shape,
                                  .row = row,
                                  .outliers = outliers,
                                  .probe = probe,
                                  .last = last,
                                  .next = next,
                                  .escape = escape,
                                  .difference = difference,
                                  .finish = finish,
                                  .transfer = transfer};
