/* The driver of a solve: takes a problem's route from node to node, keeps the series, watches for divergence (L16), hands over the result. The
 * routes hold what costs anything. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/archive.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/trajectory.h"
#include "model/lazy.h"
#include "model/route.h"
#include "model/solve.h"

static const double divergence_factor = 1e12; /* a kernel past this times max(first value, 1) has diverged */

static const char handed_over[] = "this solver has handed over its result already";

/* Where the results of one matrix go. */
struct matrix_series {
    double **z, *target, *left, *right;
};

/* Where the results of probes go: NULL where they are not asked for. */
struct probe_series {
    long every;
    double *ntk_top, *sharpness, *eta_sharpness, *margin, *upper, *lower;
    double *rate;      /* eta e_t; NULL in flow */
    double limit;      /* eta_sharpness at which training becomes unstable, 2 (1 + mu) */
    double difference; /* largest of upper edges, by Lanczos and by the nested law, so far */
};

struct dmft_solver {
    const struct route *route;
    void *state;
    const dmft_problem *problem; /* while it is made */
    struct route_shape shape;
    long rows, done, every;
    size_t outliers; /* a matrix */
    double label_noise;
    dmft_run_options options;

    double **series; /* one an observable */
    double *step_series, *time_series, *test_loss, *train_loss; /* time_series: NULL but in flow */
    double *first, *latest; /* one an observable */
    struct matrix_series *matrix;
    struct probe_series probes;

    dmft_trajectory *result;
    int ended, finished; /* no row is left; the result was handed over */
    double growth; /* largest kernel over its first value */
    double begin, outlier_seconds;
};

static const struct route *route_of(const dmft_problem *p) { return p->method == METHOD_ROWS ? &route_rows : &route_basis; }

dmft_estimate deep_linear_estimate(const dmft_problem *p, int threads)
{
    (void)threads; /* they are the BLAS's */
    return p->method == METHOD_LAZY ? lazy_estimate(p) : route_of(p)->estimate(p);
}

static int refuse_memory(const struct dmft_solver *s, const dmft_problem *p, dmft_error *err)
{
    double bytes = deep_linear_estimate(p, s->options.threads).bytes;
    if (s->options.memory_limit == 0 || bytes <= (double)s->options.memory_limit) return DMFT_OK;
    return error_set(err, DMFT_ERROR_MEMORY_LIMIT, "%ld steps%s need %.3g GB, the limit is %.3g GB", p->steps,
                     p->store_kernels ? " with all kernels" : "", bytes / 1e9, (double)s->options.memory_limit / 1e9);
}

/* ---- making ---- */

static int add_outlier_series(struct dmft_solver *s, dmft_error *err)
{
    int status = DMFT_OK;
    for (size_t l = 0; l < s->shape.matrices && status == DMFT_OK; l++)
        for (size_t j = 0; j < s->outliers && status == DMFT_OK; j++)
            status = trajectory_add(s->result, &s->matrix[l].z[j], TRAJECTORY_SHOWN, err, "A%zu_outlier%zu", l, j + 1);
    return status;
}

/* The edge of a bulk at all steps, and its variance where weights are shaken: both are known beforehand. */
static int add_bulk(struct dmft_solver *s, size_t l, dmft_error *err)
{
    const dmft_problem *p = s->problem;
    double *edge = NULL, *variance = NULL, out = 1.0 + sqrt(s->shape.matrix[l].psi);
    int status = trajectory_add(s->result, &edge, TRAJECTORY_HIDDEN, err, "A%zu_edge", l);
    if (status == DMFT_OK && p->weight_factor != NULL) status = trajectory_add(s->result, &variance, TRAJECTORY_HIDDEN, err, "sigma2_A%zu", l);
    for (long t = 0; t < s->rows && status == DMFT_OK; t++) {
        double sigma2 = problem_bulk_variance(p, (int)l, t);
        edge[t] = sqrt(sigma2) * out;
        if (variance != NULL) variance[t] = sigma2;
    }
    return status;
}

static int add_hidden_series(struct dmft_solver *s, dmft_error *err)
{
    int status = trajectory_add(s->result, &s->test_loss, TRAJECTORY_HIDDEN, err, "test_loss");
    if (status == DMFT_OK) status = trajectory_add(s->result, &s->train_loss, TRAJECTORY_HIDDEN, err, "train_loss");
    if (status == DMFT_OK && s->problem->flow) status = trajectory_add(s->result, &s->time_series, TRAJECTORY_HIDDEN, err, "time");
    for (size_t l = 0; l < s->shape.matrices && status == DMFT_OK; l++) {
        struct matrix_series *m = &s->matrix[l];
        status = add_bulk(s, l, err);
        if (status == DMFT_OK && s->shape.matrix[l].target)
            status = trajectory_add(s->result, &m->target, TRAJECTORY_HIDDEN, err, "A%zu_target_overlap", l);
        if (status == DMFT_OK) status = trajectory_add(s->result, &m->left, TRAJECTORY_HIDDEN, err, "A%zu_left_overlap", l);
        if (status == DMFT_OK) status = trajectory_add(s->result, &m->right, TRAJECTORY_HIDDEN, err, "A%zu_right_overlap", l);
    }
    return status;
}

static int make_rates(struct probe_series *q, const dmft_problem *p, dmft_error *err)
{
    q->limit = 2.0 * (1.0 + p->momentum);
    q->rate = memory_doubles((size_t)p->rows);
    if (q->rate == NULL) return error_memory(err, 8.0 * (double)p->rows);
    for (long t = 0; t < p->rows; t++) q->rate[t] = p->learning_rate * (p->schedule != NULL ? p->schedule[t] : 1.0);
    return DMFT_OK;
}

static int add_probe_series(struct dmft_solver *s, dmft_error *err)
{
    const dmft_problem *p = s->problem;
    struct probe_series *q = &s->probes;
    q->every = p->probes.every;
    q->difference = NAN;
    int status = p->probes.ntk ? trajectory_add(s->result, &q->ntk_top, TRAJECTORY_HIDDEN, err, "ntk_top") : DMFT_OK;
    if (!p->probes.sharpness) return status;
    if (status == DMFT_OK) status = trajectory_add(s->result, &q->sharpness, TRAJECTORY_HIDDEN, err, "sharpness");
    if (status == DMFT_OK && !p->flow) status = trajectory_add(s->result, &q->eta_sharpness, TRAJECTORY_HIDDEN, err, "eta_sharpness");
    if (status == DMFT_OK && !p->flow) status = trajectory_add(s->result, &q->margin, TRAJECTORY_HIDDEN, err, "stability_margin");
    if (status == DMFT_OK && !p->flow) status = make_rates(q, p, err);
    if (status == DMFT_OK) status = trajectory_add(s->result, &q->upper, TRAJECTORY_HIDDEN, err, "bulk_edge_upper");
    return status == DMFT_OK ? trajectory_add(s->result, &q->lower, TRAJECTORY_HIDDEN, err, "bulk_edge_lower") : status;
}

static int add_series(struct dmft_solver *s, dmft_error *err)
{
    int status = trajectory_add(s->result, &s->step_series, TRAJECTORY_SHOWN, err, "step");
    for (size_t i = 0; i < s->shape.observables && status == DMFT_OK; i++)
        status = trajectory_add(s->result, &s->series[i], TRAJECTORY_SHOWN, err, "%s", s->shape.observable[i]);
    if (status == DMFT_OK) status = add_outlier_series(s, err);
    if (status == DMFT_OK) status = add_hidden_series(s, err);
    return status == DMFT_OK ? add_probe_series(s, err) : status;
}

static int make_matrices(struct dmft_solver *s, dmft_error *err)
{
    for (size_t l = 0; l < s->shape.matrices; l++)
        if ((s->matrix[l].z = calloc(s->outliers, sizeof *s->matrix[l].z)) == NULL) return error_memory(err, 8.0 * (double)s->outliers);
    return DMFT_OK;
}

/* What the problem says goes into the result. */
static int describe(struct dmft_solver *s, const dmft_problem *p, dmft_error *err)
{
    int status = trajectory_describe(s->result, "theory", p, err);
    return status == DMFT_OK ? solve_add_sizes(s->result, p, p->width_ratio, err) : status;
}

static int resume(struct dmft_solver *s, const char *path, dmft_error *err);

static int make(struct dmft_solver *s, const dmft_problem *p, dmft_error *err)
{
    int status = refuse_memory(s, p, err);
    if (status == DMFT_OK) status = s->route->create(&s->state, p, err);
    if (status != DMFT_OK) return status;
    s->shape = s->route->shape(s->state);
    s->series = calloc(s->shape.observables + 1, sizeof *s->series);
    s->first = memory_doubles(s->shape.observables);
    s->latest = memory_doubles(s->shape.observables);
    s->matrix = calloc(s->shape.matrices + 1, sizeof *s->matrix);
    if (s->series == NULL || s->first == NULL || s->latest == NULL || s->matrix == NULL) return error_memory(err, 1024.0);
    status = trajectory_create(&s->result, (size_t)p->rows, err);
    if (status == DMFT_OK) status = make_matrices(s, err);
    if (status == DMFT_OK) status = add_series(s, err);
    if (status == DMFT_OK) status = describe(s, p, err);
    if (status != DMFT_OK || s->options.resume == NULL) return status;
    return resume(s, s->options.resume, err);
}

int dmft_solver_create(dmft_solver **out, const dmft_problem *p, const dmft_run_options *options, dmft_error *err)
{
    if (p->kind != MODEL_DEEP_LINEAR) return error_set(err, DMFT_ERROR_UNAVAILABLE, "model %s is not solved step by step: call dmft_solve", p->model);
    if (p->method == METHOD_LAZY) return error_set(err, DMFT_ERROR_UNAVAILABLE, "method lazy solves all steps at once: call dmft_solve");
    int status = solve_check_options(options, err);
    if (status != DMFT_OK) return status;
    struct dmft_solver *s = calloc(1, sizeof *s);
    if (s == NULL) return error_memory(err, sizeof *s);
    s->begin = clock_now();
    if (options != NULL) s->options = *options;
    s->route = route_of(p);
    s->problem = p;
    s->rows = p->rows;
    s->every = p->outlier_every;
    s->outliers = (size_t)p->outlier_count;
    s->label_noise = p->label_noise;
    status = make(s, p, err);
    s->problem = NULL;
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
    for (size_t l = 0; s->matrix != NULL && l < s->shape.matrices; l++) free(s->matrix[l].z);
    s->route->free(s->state);
    dmft_trajectory_free(s->result);
    free(s->matrix);
    free(s->probes.rate);
    free(s->series);
    free(s->first);
    free(s->latest);
    free(s);
}

/* ---- one node ---- */

/* Whether the kernels of this node are beyond all bounds; the largest growth is kept for the progress line. */
static int diverged(struct dmft_solver *s)
{
    int beyond = 0;
    s->growth = 0.0;
    for (size_t i = 0; i < s->shape.observables; i++) {
        double value = s->latest[i], first = s->first[i];
        beyond |= !isfinite(value) || value > divergence_factor * fmax(first, 1.0);
        s->growth = fmax(s->growth, first > 0.0 ? value / first : 0.0);
    }
    return beyond;
}

static int record_outliers(struct dmft_solver *s, size_t l, double time, dmft_error *err)
{
    struct outlier_state o;
    struct matrix_series *m = &s->matrix[l];
    int status = s->route->outliers(s->state, l, s->done, time, &o, err);
    if (status != DMFT_OK) return status;
    for (size_t j = 0; j < s->outliers; j++) m->z[j][s->done] = o.z[j];
    if (m->target != NULL) m->target[s->done] = o.target_overlap;
    m->left[s->done] = o.left_overlap;
    m->right[s->done] = o.right_overlap;
    return DMFT_OK;
}

static int record_probes(struct dmft_solver *s, dmft_error *err)
{
    struct probe_series *q = &s->probes;
    struct outlier_probe found;
    long t = s->done;
    if ((q->ntk_top == NULL && q->sharpness == NULL) || t % q->every != 0) return DMFT_OK;
    int status = s->route->probe(s->state, &found, err);
    if (status != DMFT_OK) return status;
    q->difference = fmax(q->difference, found.difference); /* fmax passes over nan */
    if (q->ntk_top != NULL) q->ntk_top[t] = found.ntk_top;
    if (q->sharpness == NULL) return DMFT_OK;
    q->sharpness[t] = found.sharpness;
    q->upper[t] = found.edge_upper;
    q->lower[t] = found.edge_lower;
    if (q->rate == NULL) return DMFT_OK;
    q->eta_sharpness[t] = q->rate[t] * found.sharpness;
    q->margin[t] = q->limit - q->eta_sharpness[t];
    return DMFT_OK;
}

static int record(struct dmft_solver *s, double time, dmft_error *err)
{
    long t = s->done;
    int status = DMFT_OK;
    double begin = clock_now();
    for (size_t l = 0; l < s->shape.matrices && t % s->every == 0 && status == DMFT_OK; l++) status = record_outliers(s, l, time, err);
    s->outlier_seconds += clock_now() - begin;
    if (status != DMFT_OK) return status;
    for (size_t i = 0; i < s->shape.observables; i++) s->series[i][t] = s->latest[i];
    s->step_series[t] = (double)t;
    if (s->time_series != NULL) s->time_series[t] = time;
    s->test_loss[t] = 0.5 * (s->series[0][t] + s->label_noise * s->label_noise);
    s->train_loss[t] = 0.5 * s->series[1][t];
    return record_probes(s, err);
}

int dmft_solver_step(dmft_solver *s, dmft_error *err)
{
    if (s->finished) return error_set(err, DMFT_ERROR_ARGUMENT, "%s", handed_over);
    if (s->result->diverged_at >= 0) return DMFT_DIVERGED;
    if (s->ended) return DMFT_OK;
    double time = 0.0;
    int status = s->route->row(s->state, s->done, &time, s->latest, err);
    if (status != DMFT_OK) return status;
    if (s->done == 0) memcpy(s->first, s->latest, s->shape.observables * sizeof *s->first);
    if (diverged(s)) {
        s->result->diverged_at = s->done;
        s->ended = 1;
        return error_set(err, DMFT_DIVERGED, "diverged at step %ld", s->done);
    }
    status = record(s, time, err);
    if (status != DMFT_OK) return status;
    s->done++;
    s->ended = s->done >= s->rows || s->route->last(s->state);
    return s->ended ? DMFT_OK : s->route->next(s->state, err);
}

long dmft_solver_done(const dmft_solver *s) { return s->done; }

int dmft_solver_ended(const dmft_solver *s) { return s->ended; }

/* ---- checkpoints ---- */

static void transfer(struct dmft_solver *s, archive *a)
{
    size_t done = (size_t)s->done, rows = (size_t)s->rows;
    archive_tag(a, "solver");
    archive_size(a, &done, rows);
    archive_int(a, &s->ended);
    archive_long(a, &s->result->diverged_at);
    archive_double(a, &s->growth);
    archive_double(a, &s->probes.difference);
    archive_doubles(a, s->first, s->shape.observables);
    if (archive_status(a) != DMFT_OK) return;
    s->done = (long)done;
    for (size_t i = 0; i < s->result->series_count; i++) archive_doubles(a, s->result->series[i].value, done);
    s->route->transfer(s->state, done, a);
}

int dmft_solver_save(dmft_solver *s, const char *path, dmft_error *err)
{
    if (s->finished) return error_set(err, DMFT_ERROR_ARGUMENT, "%s", handed_over);
    struct archive_head head = {.kind = "solve",
                                .problem = dmft_trajectory_text(s->result, "config"),
                                .threads = s->options.threads,
                                .done = s->done,
                                .total = s->rows};
    archive *a = NULL;
    archive_describe_blas(&head, s->options.blas);
    int status = archive_create_write(&a, path, &head, err);
    if (status != DMFT_OK) return status;
    transfer(s, a);
    return archive_close(a, err);
}

static int resume(struct dmft_solver *s, const char *path, dmft_error *err)
{
    archive *a = NULL;
    int status = archive_open_read(&a, path, "solve", dmft_trajectory_text(s->result, "config"), err);
    if (status != DMFT_OK) return status;
    transfer(s, a);
    return archive_close(a, err);
}

/* ---- the result ---- */

static int add_escapes(struct dmft_solver *s, size_t l, dmft_error *err)
{
    int status = DMFT_OK;
    for (size_t j = 0; j < s->outliers && status == DMFT_OK; j++) {
        struct outlier_escape escape = s->route->escape(s->state, l, j);
        if (escape.step < 0) continue;
        status = trajectory_set_number(s->result, (double)escape.step, err, "A%zu_escape_step%zu", l, j + 1);
        if (status == DMFT_OK) status = trajectory_set_number(s->result, escape.time, err, "A%zu_escape_time%zu", l, j + 1);
    }
    return status;
}

static int add_difference(struct dmft_solver *s, dmft_error *err)
{
    double largest = NAN;
    for (size_t l = 0; l < s->shape.matrices; l++) {
        double difference = NAN;
        int status = s->route->difference(s->state, l, &difference, err);
        if (status != DMFT_OK) return status;
        largest = fmax(largest, difference); /* fmax passes over nan */
    }
    return trajectory_set_number(s->result, largest, err, "outlier_ode_difference");
}

static int add_numbers(struct dmft_solver *s, dmft_error *err)
{
    int status = trajectory_set_number(s->result, s->label_noise, err, "label_noise");
    for (size_t l = 0; l < s->shape.matrices && status == DMFT_OK; l++) status = add_escapes(s, l, err);
    if (status == DMFT_OK) status = add_difference(s, err);
    if (status == DMFT_OK && (s->probes.ntk_top != NULL || s->probes.sharpness != NULL))
        status = trajectory_set_number(s->result, s->probes.difference, err, "bulk_edge_difference");
    if (status == DMFT_OK) status = trajectory_set_number(s->result, s->outlier_seconds, err, "outlier_seconds");
    return status == DMFT_OK ? trajectory_set_number(s->result, clock_now() - s->begin, err, "seconds") : status;
}

int dmft_solver_finish(dmft_solver *s, dmft_trajectory **out, dmft_error *err)
{
    if (s->finished) return error_set(err, DMFT_ERROR_ARGUMENT, "%s", handed_over);
    trajectory_truncate(s->result, (size_t)s->done);
    int status = s->route->finish(s->state, (size_t)s->done, s->result, err);
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
    struct dmft_progress progress = {.what = what, .done = s->done, .total = s->rows, .residual = s->growth};
    if (s->options.progress == NULL || s->options.progress(s->options.user, &progress) == 0) return DMFT_OK;
    return error_set(err, DMFT_STOPPED, "stopped at step %ld of %ld", s->done, s->rows);
}

/* Steps to the end, with a checkpoint now and then, and one where the caller stops the run. */
static int run(struct dmft_solver *s, dmft_error *err)
{
    const char *checkpoint = s->options.checkpoint;
    double saved = s->begin;
    int status = DMFT_OK;
    while (status == DMFT_OK && !s->ended) {
        status = report(s, "steps", err);
        if (status == DMFT_OK) status = dmft_solver_step(s, err);
        int due = status == DMFT_STOPPED || (status == DMFT_OK && s->options.checkpoint_every > 0.0 && clock_now() - saved >= s->options.checkpoint_every);
        if (checkpoint == NULL || !due) continue;
        int failed = dmft_solver_save(s, checkpoint, err);
        if (failed != DMFT_OK) return failed;
        saved = clock_now();
    }
    return status;
}

static int solve_lazily(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    if (options != NULL && (options->resume != NULL || options->checkpoint != NULL))
        return error_set(err, DMFT_ERROR_UNAVAILABLE, "method lazy solves all steps at once and has no checkpoints");
    return lazy_solve(p, options, out, err);
}

int deep_linear_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    dmft_solver *s = NULL;
    if (p->method == METHOD_LAZY) return solve_lazily(p, options, out, err);
    int status = options != NULL && options->checkpoint != NULL ? archive_may_write(options->checkpoint, err) : DMFT_OK;
    if (status == DMFT_OK) status = dmft_solver_create(&s, p, options, err);
    if (status == DMFT_OK) status = run(s, err);
    int whole = status == DMFT_OK || status == DMFT_DIVERGED;
    if (whole && report(s, "kernels", err) == DMFT_STOPPED) {
        whole = 0;
        status = s->options.checkpoint != NULL ? dmft_solver_save(s, s->options.checkpoint, err) : DMFT_OK;
        if (status == DMFT_OK) status = DMFT_STOPPED;
    }
    if (whole) status = dmft_solver_finish(s, out, err);
    dmft_solver_free(s);
    return status;
}
