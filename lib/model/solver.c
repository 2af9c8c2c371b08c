/* The solver: steps a model of level 1, records its series and histories, follows the outliers (level 2), assembles the kernels.
 *
 * With k directions a side and d axes a space, T steps and m matrices cost O(T m k d) for level 1, some 20 (2k)^2 a recorded step and
 * outlier for level 2, and T^2 k/2 a kernel when kernels are stored. Memory: O(m k d), and with kernels T^2 doubles each and T k of history.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/trajectory.h"
#include "kernel/gram.h"
#include "model/lazy.h"
#include "model/model.h"
#include "outlier/basis.h"

static const double divergence_factor = 1e12; /* a kernel past this times max(first value, 1) has diverged */

static const char handed_over[] = "this solver has handed over its result already";

static const struct model *const models[] = {&model_deep_linear};

/* One matrix of level 2 and where its results go. */
struct followed {
    outlier_basis *basis;
    double **z, *edge, *target, *left, *right; /* series */
    double bulk_edge;
};

/* What is kept of an observable for its kernel. */
struct history {
    double *data;          /* steps rows of `stride` coordinates */
    size_t stride, length; /* of the rows; of the last one in use */
    double *kernel;        /* steps x steps, not touched before it is assembled */
};

struct dmft_solver {
    const struct model *model;
    void *state;
    long steps, done, every;
    size_t outliers; /* a matrix */
    double label_noise;
    dmft_run_options options;

    const struct model_observable *observable;
    size_t observables;
    double **series; /* one an observable */
    double *step_series, *test_loss, *train_loss;
    double *first, *latest; /* one an observable */
    struct history *history; /* NULL unless kernels are stored */

    const struct model_matrix *matrix;
    size_t matrices;
    struct followed *followed;

    dmft_trajectory *result;
    int finished;
    double growth; /* largest kernel over its first value */
    struct timespec begin;
    double outlier_seconds;
};

static const struct model *find_model(const char *name)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strcmp(models[i]->name, name) == 0) return models[i];
    return NULL;
}

static double seconds_since(const struct timespec *begin)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begin->tv_sec) + 1e-9 * (double)(now.tv_nsec - begin->tv_nsec);
}

/* ---- what a run will need ---- */

/* Counts numbers as the parts below take them: operators (six sets of vectors, S), pencils (Gram matrices, three pencils of twice the order, Krylov
 * space), series, and with kernels their storage and one history. */
dmft_estimate dmft_solve_estimate(const dmft_problem *p)
{
    const struct model *model = find_model(p->model);
    if (model == NULL) return (dmft_estimate){0};
    if (p->method == METHOD_LAZY) return lazy_estimate(p);
    double k, d, T = (double)p->steps, L = p->depth, operators = L + 1.0, kernels = 2.0 * L + 3.0;
    double recorded = ceil(T / (double)p->outlier_every), outliers = p->outlier_count;
    model->expect(p, &k, &d);
    k = fmax(k, 32.0); /* what is taken before the first direction is met */
    d = fmax(d, 64.0);
    double numbers = operators * (6.0 * k * d + k * k) + L * (15.0 * k * k + 2.0 * k * (100.0 + 16.0 * outliers));
    numbers += T * (kernels + 3.0 + L * (outliers + 4.0));
    double products = T * operators * (8.0 * k * d + k * k) + recorded * L * outliers * 25.0 * 4.0 * k * k;
    if (p->store_kernels) {
        numbers += T * (kernels * T + k); /* all kernels and the last history */
        products += kernels * T * T * k / 2.0;
    }
    return (dmft_estimate){.bytes = sizeof(double) * numbers, .operations = 2.0 * products};
}

static int refuse_memory(const struct dmft_solver *s, const dmft_problem *p, dmft_error *err)
{
    double bytes = dmft_solve_estimate(p).bytes;
    if (s->options.memory_limit == 0 || bytes <= (double)s->options.memory_limit) return DMFT_OK;
    return error_set(err, DMFT_ERROR_MEMORY_LIMIT, "%ld steps%s need %.3g GB, the limit is %.3g GB", p->steps,
                     p->store_kernels ? " with all kernels" : "", bytes / 1e9, (double)s->options.memory_limit / 1e9);
}

/* ---- making ---- */

static int add_series(struct dmft_solver *s, dmft_error *err)
{
    int status = trajectory_add(s->result, &s->step_series, TRAJECTORY_SHOWN, err, "step");
    for (size_t i = 0; i < s->observables && status == DMFT_OK; i++)
        status = trajectory_add(s->result, &s->series[i], TRAJECTORY_SHOWN, err, "%s", s->observable[i].name);
    for (size_t l = 0; l < s->matrices && status == DMFT_OK; l++)
        for (size_t j = 0; j < s->outliers && status == DMFT_OK; j++)
            status = trajectory_add(s->result, &s->followed[l].z[j], TRAJECTORY_SHOWN, err, "A%zu_outlier%zu", l, j + 1);
    if (status == DMFT_OK) status = trajectory_add(s->result, &s->test_loss, TRAJECTORY_HIDDEN, err, "test_loss");
    if (status == DMFT_OK) status = trajectory_add(s->result, &s->train_loss, TRAJECTORY_HIDDEN, err, "train_loss");
    for (size_t l = 0; l < s->matrices && status == DMFT_OK; l++) {
        struct followed *f = &s->followed[l];
        status = trajectory_add(s->result, &f->edge, TRAJECTORY_HIDDEN, err, "A%zu_edge", l);
        if (status == DMFT_OK && s->matrix[l].target != NULL)
            status = trajectory_add(s->result, &f->target, TRAJECTORY_HIDDEN, err, "A%zu_target_overlap", l);
        if (status == DMFT_OK) status = trajectory_add(s->result, &f->left, TRAJECTORY_HIDDEN, err, "A%zu_left_overlap", l);
        if (status == DMFT_OK) status = trajectory_add(s->result, &f->right, TRAJECTORY_HIDDEN, err, "A%zu_right_overlap", l);
    }
    return status;
}

static int follow_matrices(struct dmft_solver *s, dmft_error *err)
{
    int status = DMFT_OK;
    for (size_t l = 0; l < s->matrices && status == DMFT_OK; l++) {
        struct followed *f = &s->followed[l];
        struct limit_view view = limit_operator_view(s->matrix[l].A);
        double edges[2] = {0.0, 0.0};
        f->z = calloc(s->outliers, sizeof *f->z);
        if (f->z == NULL) return error_memory(err, 8.0 * (double)s->outliers);
        status = dmft_bulk_edges(view.variance, view.psi, edges, err);
        f->bulk_edge = edges[1];
        if (status == DMFT_OK) status = outlier_basis_create(&f->basis, s->matrix[l].A, s->matrix[l].target, s->outliers, err);
    }
    return status;
}

static int make_histories(struct dmft_solver *s, const dmft_problem *p, dmft_error *err)
{
    if (!p->store_kernels) return DMFT_OK;
    s->history = calloc(s->observables, sizeof *s->history);
    if (s->history == NULL) return error_memory(err, 16.0 * (double)s->observables);
    size_t T = (size_t)s->steps;
    double directions, axes;
    s->model->expect(p, &directions, &axes);
    for (size_t i = 0; i < s->observables; i++) {
        struct history *h = &s->history[i];
        const struct model_observable *o = &s->observable[i];
        h->stride = 1 + (size_t)(o->fresh ? 2.0 : o->kept == MODEL_OF_FIELD ? axes : directions);
        h->data = memory_doubles(T * h->stride);
        h->kernel = memory_doubles_large(T * T);
        if (h->data == NULL || h->kernel == NULL) return error_memory(err, 8.0 * (double)T * (double)(T + h->stride));
    }
    return DMFT_OK;
}

static int make(struct dmft_solver *s, const dmft_problem *p, dmft_error *err)
{
    s->model = find_model(p->model);
    if (s->model == NULL) return error_set(err, DMFT_ERROR_UNAVAILABLE, "model %s: not available in this version", p->model);
    int status = refuse_memory(s, p, err);
    if (status == DMFT_OK) status = s->model->create(&s->state, p, err);
    if (status != DMFT_OK) return status;
    s->observables = s->model->observables(s->state, &s->observable);
    s->matrices = s->model->matrices(s->state, &s->matrix);
    s->series = calloc(s->observables, sizeof *s->series);
    s->first = memory_doubles(s->observables);
    s->latest = memory_doubles(s->observables);
    s->followed = calloc(s->matrices > 0 ? s->matrices : 1, sizeof *s->followed);
    if (s->series == NULL || s->first == NULL || s->latest == NULL || s->followed == NULL) return error_memory(err, 1024.0);
    status = trajectory_create(&s->result, (size_t)p->steps, err);
    if (status == DMFT_OK) status = follow_matrices(s, err);
    if (status == DMFT_OK) status = add_series(s, err);
    if (status == DMFT_OK) status = dmft_trajectory_set_text(s->result, "kind", "theory", err);
    if (status == DMFT_OK) status = dmft_trajectory_set_text(s->result, "model", p->model, err);
    if (status == DMFT_OK) status = dmft_trajectory_set_text(s->result, "config", dmft_problem_text(p), err);
    if (status == DMFT_OK && p->simulation.given) {
        status = trajectory_set_number(s->result, (double)p->simulation.input_dim, err, "input_dim");
        if (status == DMFT_OK)
            status = trajectory_set_number(s->result, fmax(1.0, round(p->width_ratio * (double)p->simulation.input_dim)), err, "width");
    }
    return status == DMFT_OK ? make_histories(s, p, err) : status;
}

int dmft_solver_create(dmft_solver **out, const dmft_problem *p, const dmft_run_options *options, dmft_error *err)
{
    struct dmft_solver *s = calloc(1, sizeof *s);
    if (s == NULL) return error_memory(err, sizeof *s);
    clock_gettime(CLOCK_MONOTONIC, &s->begin);
    if (options != NULL) s->options = *options;
    s->steps = p->steps;
    s->every = p->outlier_every;
    s->outliers = (size_t)p->outlier_count;
    s->label_noise = p->label_noise;
    int status = make(s, p, err);
    if (status != DMFT_OK) {
        dmft_solver_free(s);
        return status;
    }
    *out = s;
    return DMFT_OK;
}

void dmft_solver_free(dmft_solver *s)
{
    if (s == NULL) return;
    for (size_t l = 0; s->followed != NULL && l < s->matrices; l++) {
        outlier_basis_free(s->followed[l].basis);
        free(s->followed[l].z);
    }
    for (size_t i = 0; s->history != NULL && i < s->observables; i++) {
        free(s->history[i].data);
        free(s->history[i].kernel);
    }
    if (s->model != NULL) s->model->free(s->state);
    dmft_trajectory_free(s->result);
    free(s->history);
    free(s->followed);
    free(s->series);
    free(s->first);
    free(s->latest);
    free(s);
}

/* ---- one step ---- */

/* Whether the kernels of this step are beyond all bounds; the largest growth is kept for the progress line. */
static int diverged(struct dmft_solver *s)
{
    int beyond = 0;
    s->growth = 0.0;
    for (size_t i = 0; i < s->observables; i++) {
        double value = s->latest[i], first = s->first[i];
        beyond |= !isfinite(value) || value > divergence_factor * fmax(first, 1.0);
        s->growth = fmax(s->growth, first > 0.0 ? value / first : 0.0);
    }
    return beyond;
}

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
static int lengthen(struct history *h, long steps, size_t length, dmft_error *err)
{
    if (length <= h->stride) return DMFT_OK;
    size_t stride = length + length / 4;
    double *data = memory_doubles((size_t)steps * stride);
    if (data == NULL) return error_memory(err, 8.0 * (double)steps * (double)stride);
    for (long t = 0; t < steps; t++) memcpy(data + (size_t)t * stride, h->data + (size_t)t * h->stride, h->stride * sizeof *data);
    free(h->data);
    h->data = data;
    h->stride = stride;
    return DMFT_OK;
}

static int store_history(struct dmft_solver *s, dmft_error *err)
{
    for (size_t i = 0; s->history != NULL && i < s->observables; i++) {
        const double *x = NULL;
        struct history *h = &s->history[i];
        h->length = coordinates(&s->observable[i], &x);
        int status = lengthen(h, s->steps, h->length, err);
        if (status != DMFT_OK) return status;
        memcpy(h->data + (size_t)s->done * h->stride, x, h->length * sizeof *h->data);
    }
    return DMFT_OK;
}

static int record_outliers(struct dmft_solver *s, struct followed *f, dmft_error *err)
{
    struct outlier_state o;
    int status = outlier_basis_step(f->basis, s->done, &o, err);
    if (status != DMFT_OK) return status;
    for (size_t j = 0; j < s->outliers; j++) f->z[j][s->done] = o.z[j];
    if (f->target != NULL) f->target[s->done] = o.target_overlap;
    f->left[s->done] = o.left_overlap;
    f->right[s->done] = o.right_overlap;
    return DMFT_OK;
}

static int record(struct dmft_solver *s, dmft_error *err)
{
    long t = s->done;
    int status = store_history(s, err);
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (size_t l = 0; l < s->matrices && status == DMFT_OK; l++) {
        s->followed[l].edge[t] = s->followed[l].bulk_edge;
        if (t % s->every == 0) status = record_outliers(s, &s->followed[l], err);
    }
    s->outlier_seconds += seconds_since(&begin);
    if (status != DMFT_OK) return status;
    s->step_series[t] = (double)t;
    s->test_loss[t] = 0.5 * (s->series[0][t] + s->label_noise * s->label_noise);
    s->train_loss[t] = 0.5 * s->series[1][t];
    return DMFT_OK;
}

int dmft_solver_step(dmft_solver *s, dmft_error *err)
{
    if (s->finished) return error_set(err, DMFT_ERROR_ARGUMENT, "%s", handed_over);
    if (s->result->diverged_at >= 0) return DMFT_DIVERGED;
    if (s->done >= s->steps) return DMFT_OK;
    int status = s->model->reserve(s->state, err);
    if (status != DMFT_OK) return status;
    s->model->evaluate(s->state);
    for (size_t i = 0; i < s->observables; i++) s->latest[i] = limit_dot(s->observable[i].field, s->observable[i].field);
    if (s->done == 0) memcpy(s->first, s->latest, s->observables * sizeof *s->first);
    if (diverged(s)) {
        s->result->diverged_at = s->done;
        return error_set(err, DMFT_DIVERGED, "diverged at step %ld", s->done);
    }
    for (size_t i = 0; i < s->observables; i++) s->series[i][s->done] = s->latest[i];
    status = record(s, err);
    if (status != DMFT_OK) return status;
    s->model->update(s->state);
    s->done++;
    return DMFT_OK;
}

long dmft_solver_done(const dmft_solver *s) { return s->done; }

/* ---- the result ---- */

/* One kernel at a time; its history goes before the next, so that memory peaks at all kernels and one history. */
static int assemble_kernels(struct dmft_solver *s, dmft_error *err)
{
    size_t done = (size_t)s->done, stride = (size_t)s->steps;
    int status = DMFT_OK;
    for (size_t i = 0; s->history != NULL && i < s->observables && status == DMFT_OK; i++) {
        const struct model_observable *o = &s->observable[i];
        struct history *h = &s->history[i];
        if (o->fresh) kernel_gram_diagonal(h->data, done, h->length, h->stride, h->kernel, stride);
        else kernel_gram(h->data, done, h->length, h->stride, h->kernel, stride);
        free(h->data);
        h->data = NULL;
        status = trajectory_add_kernel(s->result, o->name, done, stride, h->kernel, err);
        if (status == DMFT_OK) h->kernel = NULL; /* the result owns it now */
    }
    return status;
}

/* The directions that an operator met on either side. */
static int add_directions(struct dmft_solver *s, const char *name, const limit_operator *A, dmft_error *err)
{
    int status = trajectory_set_number(s->result, (double)limit_operator_inputs(A), err, "directions_%s_in", name);
    if (status != DMFT_OK) return status;
    return trajectory_set_number(s->result, (double)limit_operator_outputs(A), err, "directions_%s_out", name);
}

static int add_escapes(struct dmft_solver *s, size_t l, dmft_error *err)
{
    int status = DMFT_OK;
    for (size_t j = 0; j < s->outliers && status == DMFT_OK; j++) {
        struct outlier_escape escape = outlier_basis_escape(s->followed[l].basis, j);
        if (escape.step < 0) continue;
        status = trajectory_set_number(s->result, (double)escape.step, err, "A%zu_escape_step%zu", l, j + 1);
        if (status == DMFT_OK) status = trajectory_set_number(s->result, escape.time, err, "A%zu_escape_time%zu", l, j + 1);
    }
    return status;
}

static int add_numbers(struct dmft_solver *s, dmft_error *err)
{
    int status = trajectory_set_number(s->result, s->label_noise, err, "label_noise");
    if (status == DMFT_OK) status = add_directions(s, "X", s->model->data(s->state), err);
    for (size_t l = 0; l < s->matrices && status == DMFT_OK; l++) {
        char name[MODEL_NAME_BYTES];
        (void)snprintf(name, sizeof name, "A%u", (unsigned)l);
        status = add_directions(s, name, s->matrix[l].A, err);
        if (status == DMFT_OK) status = add_escapes(s, l, err);
    }
    if (status == DMFT_OK) status = trajectory_set_number(s->result, s->outlier_seconds, err, "outlier_seconds");
    return status == DMFT_OK ? trajectory_set_number(s->result, seconds_since(&s->begin), err, "seconds") : status;
}

int dmft_solver_finish(dmft_solver *s, dmft_trajectory **out, dmft_error *err)
{
    if (s->finished) return error_set(err, DMFT_ERROR_ARGUMENT, "%s", handed_over);
    trajectory_truncate(s->result, (size_t)s->done);
    int status = assemble_kernels(s, err);
    if (status == DMFT_OK) status = add_numbers(s, err);
    if (status != DMFT_OK) return status;
    int outcome = s->result->diverged_at >= 0 ? error_set(err, DMFT_DIVERGED, "diverged at step %ld", s->done) : DMFT_OK;
    *out = s->result;
    s->result = NULL;
    s->finished = 1;
    return outcome;
}

/* Tells the caller how far the run is; DMFT_STOPPED when it wants no more of it. */
static int report(const struct dmft_solver *s, const char *what, dmft_error *err)
{
    struct dmft_progress progress = {.what = what, .done = s->done, .total = s->steps, .residual = s->growth};
    if (s->options.progress == NULL || s->options.progress(s->options.user, &progress) == 0) return DMFT_OK;
    return error_set(err, DMFT_STOPPED, "stopped at step %ld of %ld", s->done, s->steps);
}

int dmft_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    dmft_solver *s = NULL;
    if (p->method == METHOD_LAZY) return lazy_solve(p, options, out, err);
    int status = dmft_solver_create(&s, p, options, err);
    while (status == DMFT_OK && s->done < s->steps) {
        status = report(s, "steps", err);
        if (status == DMFT_OK) status = dmft_solver_step(s, err);
    }
    int whole = status == DMFT_OK || status == DMFT_DIVERGED;
    if (whole && report(s, "kernels", err) == DMFT_STOPPED) {
        whole = 0;
        status = DMFT_STOPPED;
    }
    if (whole) status = dmft_solver_finish(s, out, err);
    dmft_solver_free(s);
    return status;
}
