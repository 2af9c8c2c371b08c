/*
 * Trains all networks of a problem: threads take network numbers from a counter, each thread steps its network in room of its own, taken
 * once, and writes what it measures into the network's own slot of the results. Since network i depends on the seed and on i alone, and the
 * reduction (summary.c) goes by network number, the result is the same to the last bit for any number of threads.
 *
 * A network diverges at the first step at which a kernel is not finite or exceeds 1e12 max(its first value, 1); it stops there, and the others
 * run on, so that the number of networks that diverged does not depend on timing either.
 *
 * Cost: seeds x (steps x step + recorded steps x spectrum), see estimate.c; memory: one network a thread, and seeds x steps x (2 L + 3) doubles
 * of kernels with seeds x recorded steps x L (count + 4) of spectra.
 */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/grid.h"
#include "network/ensemble.h"

/* How large a kernel may grow: far above any catapult, and its fourth power is still a double. */
static const double DIVERGED = 1e12;

/* Operations between two calls of the progress function: some milliseconds. */
static const double GRAIN = 1e7;

double network_seconds_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- What workers share ---- */

void network_ensemble_fail(struct network_ensemble *e, int status, const dmft_error *error)
{
    if (e->status != DMFT_OK) return;
    e->status = status;
    e->error = *error;
}

static int fail(struct network_ensemble *e, int status, const dmft_error *error)
{
    pthread_mutex_lock(&e->lock);
    network_ensemble_fail(e, status, error);
    pthread_mutex_unlock(&e->lock);
    return status;
}

/* Waits, under the lock, as long as a checkpoint is to be written; the last one to come writes it. The next may be due before all have woken. */
static void park(struct network_ensemble *e)
{
    while (e->saving) {
        long saves = e->saves;
        if (++e->parked == e->active) network_ensemble_save(e);
        while (e->saves == saves) (void)pthread_cond_wait(&e->saved_it, &e->lock);
    }
}

static void ask_for_checkpoint(struct network_ensemble *e)
{
    double every = e->options->checkpoint_every;
    if (e->options->checkpoint == NULL || e->status < 0) return;
    if (e->status == DMFT_STOPPED || (every > 0 && network_seconds_now() - e->saved >= every)) e->saving = 1;
}

/* Counts steps as done and tells the caller; returns the status of the ensemble, not 0 when the worker is to stop. */
static int report(struct network_ensemble *e, long steps)
{
    pthread_mutex_lock(&e->lock);
    e->done += steps;
    if (e->status == DMFT_OK && e->options->progress != NULL) {
        dmft_progress p = {.what = "network steps", .done = e->done, .total = e->problem->simulation.seeds * e->problem->rows, .residual = NAN};
        if (e->options->progress(e->options->user, &p) != 0)
            e->status = error_set(&e->error, DMFT_STOPPED, "stopped by the caller after %ld of %ld network steps", p.done, p.total);
        ask_for_checkpoint(e);
    } else if (e->status == DMFT_OK)
        ask_for_checkpoint(e);
    park(e);
    int status = e->status;
    pthread_mutex_unlock(&e->lock);
    return status;
}

/* The next network in `at`, one of the checkpoint in `pending`; 0 when there is none, or no more is wanted. */
static int take(struct network_ensemble *e, struct network_progress *at, struct network_pending *pending)
{
    pthread_mutex_lock(&e->lock);
    park(e);
    int found = 0;
    *pending = (struct network_pending){.bytes = 0};
    *at = (struct network_progress){.index = -1};
    if (e->status != DMFT_OK) {
        found = 0;
    } else if (e->pending_next < e->pending_count) {
        *pending = e->pending[e->pending_next++];
        *at = pending->at;
        found = 1;
    } else if (e->next < e->problem->simulation.seeds) {
        *at = (struct network_progress){.index = e->next++, .at_row = 1};
        found = 1;
    }
    pthread_mutex_unlock(&e->lock);
    return found;
}

/* A worker is through; nobody waits for it any more. */
static void leave(struct network_ensemble *e)
{
    pthread_mutex_lock(&e->lock);
    e->active--;
    if (e->saving && e->parked == e->active) network_ensemble_save(e);
    pthread_mutex_unlock(&e->lock);
}

/* ---- One network ---- */

static int diverged(const double *row, const double *first, size_t columns)
{
    for (size_t i = 0; i < columns; i++)
        if (!isfinite(row[i]) || fabs(row[i]) > DIVERGED * fmax(first[i], 1.0)) return 1;
    return 0;
}

static int measure_spectrum(struct network_worker *w, double *out)
{
    dmft_error error = {.status = DMFT_OK}, named;
    int status = network_spectrum(w->network, out, &error);
    if (status == DMFT_OK) return DMFT_OK;
    (void)error_set(&named, status, "network %ld, step %ld: %.300s", w->at.index, w->at.row, error.text);
    return fail(w->ensemble, status, &named);
}

/* Evaluates the network and records its next row; 1 when there is to be another, 0 when it was the last one or diverged, -1 after a failure. */
static int record(struct network_worker *w)
{
    struct network_ensemble *e = w->ensemble;
    long rows = e->problem->rows, every = e->problem->outlier_every, t = w->at.row;
    size_t columns = network_kernel_columns(e->problem), spectrum = network_spectrum_columns(e->problem);
    double *kernels = e->results.values + (size_t)w->at.index * e->results.slot, *row = kernels + (size_t)t * columns;
    double *spectra = kernels + (size_t)rows * columns;
    network_evaluate(w->network);
    network_kernels(w->network, row);
    if (diverged(row, kernels, columns)) {
        e->results.diverged_at[w->at.index] = t;
        return 0;
    }
    if (t % every == 0 && measure_spectrum(w, spectra + (size_t)(t / every) * spectrum) != DMFT_OK) return -1;
    return ++w->at.row < rows;
}

/* The weights of the next row, or, in flow, some on the way there; returns not 0 when the ensemble is to stop. */
static int advance(struct network_worker *w)
{
    struct network_ensemble *e = w->ensemble;
    dmft_error error, named;
    if (!e->problem->flow) {
        network_learn(w->network);
        return 0;
    }
    const double *time = e->results.time + w->at.row; /* at the end of this interval */
    int arrived = network_flow(w->network, time[0] - time[-1], &error);
    w->at.at_row = arrived == 1;
    if (arrived >= 0) return 0;
    (void)error_set(&named, arrived, "network %ld, after row %ld: %.300s", w->at.index, w->at.row - 1, error.text);
    return fail(e, arrived, &named);
}

/* Records what is to be recorded of the present weights; as record(). */
static int look(struct network_worker *w)
{
    if (w->at.at_row) return record(w);
    network_evaluate(w->network);
    return 1;
}

/* Trains one network to its end; returns not 0 when the ensemble is to stop. */
static int train(struct network_worker *w)
{
    struct network_ensemble *e = w->ensemble;
    long reported = w->at.row;
    for (long steps = 1;; steps++) {
        int more = look(w);
        if (more == 0) break;
        if (more < 0 || advance(w) != 0) return 1;
        if (steps % e->grain != 0) continue;
        long rows = w->at.row - reported;
        reported = w->at.row;
        if (report(e, rows) != DMFT_OK) return 1;
    }
    w->at.index = -1; /* what it gave is in the results */
    return report(e, e->problem->rows - reported) != DMFT_OK;
}

/* Draws the network, and gives it the state that it has in the checkpoint. */
static void start(struct network_worker *w, const struct network_pending *p)
{
    network_start(w->network, w->at.index);
    if (p->bytes == 0) return;
    pthread_mutex_lock(&w->ensemble->lock);
    network_ensemble_restore(w->ensemble, p, w->network);
    pthread_mutex_unlock(&w->ensemble->lock);
}

static void *work(void *argument)
{
    struct network_worker *w = argument;
    struct network_pending pending;
    while (take(w->ensemble, &w->at, &pending)) {
        start(w, &pending);
        if (train(w) != 0) break;
    }
    w->at.index = -1;
    leave(w->ensemble);
    return NULL;
}

/* ---- The ensemble ---- */

static long workers_of(const dmft_problem *problem, const dmft_run_options *options)
{
    long threads = options->threads > 1 ? options->threads : 1;
    return threads < problem->simulation.seeds ? threads : problem->simulation.seeds;
}

static long grain_of(const dmft_problem *problem)
{
    double recorded = network_spectrum_operations(problem) / (double)problem->outlier_every, stages = problem->flow ? NETWORK_STAGES : 1;
    double steps = GRAIN / (stages * network_step_operations(problem) + recorded);
    return steps < 1 ? 1 : steps < 1e6 ? (long)steps : 1000000;
}

/* Runs the workers, the calling thread as the first of them. */
static int run_workers(struct network_ensemble *e)
{
    long started = 1;
    e->active = e->count;
    for (; started < e->count; started++)
        if (pthread_create(&e->workers[started].thread, NULL, work, &e->workers[started]) != 0) break;
    if (started < e->count) {
        dmft_error error;
        (void)error_set(&error, DMFT_ERROR_SYSTEM, "only %ld of %ld threads could be started", started, e->count);
        (void)fail(e, DMFT_ERROR_SYSTEM, &error);
        for (long i = started; i < e->count; i++) leave(e);
    }
    (void)work(&e->workers[0]);
    for (long i = 1; i < started; i++) (void)pthread_join(e->workers[i].thread, NULL);
    return e->status;
}

/* Takes the room of all workers, runs them, gives it back. */
static int run(struct network_ensemble *e)
{
    e->count = workers_of(e->problem, e->options);
    e->workers = calloc((size_t)e->count, sizeof *e->workers);
    if (e->workers == NULL) return error_memory(&e->error, (double)e->count * sizeof *e->workers);
    int status = DMFT_OK;
    for (long i = 0; i < e->count && status == DMFT_OK; i++) {
        e->workers[i].ensemble = e;
        e->workers[i].at.index = -1;
        status = network_create(&e->workers[i].network, e->problem, &e->error);
    }
    if (status == DMFT_OK && e->options->resume != NULL) status = network_ensemble_load(e, &e->error);
    if (status == DMFT_OK) status = run_workers(e);
    for (long i = 0; i < e->count; i++) network_free(e->workers[i].network);
    (void)archive_close(e->resumed, NULL);
    free(e->pending);
    free(e->workers);
    return status;
}

static int results_create(struct network_results *r, const dmft_problem *problem, dmft_error *err)
{
    size_t seeds = (size_t)problem->simulation.seeds;
    r->slot = (size_t)problem->rows * network_kernel_columns(problem) + network_spectrum_rows(problem) * network_spectrum_columns(problem);
    r->values = memory_doubles(seeds * r->slot);
    r->diverged_at = malloc(seeds * sizeof *r->diverged_at);
    if (r->values == NULL || r->diverged_at == NULL) return error_memory(err, 8.0 * (double)seeds * (double)r->slot);
    for (size_t i = 0; i < seeds; i++) r->diverged_at[i] = -1;
    if (!problem->flow) return DMFT_OK;
    r->time = memory_doubles((size_t)problem->rows);
    return r->time != NULL ? grid_times(problem, r->time, err) : error_memory(err, 8.0 * (double)problem->rows);
}

int network_check(const dmft_problem *problem, dmft_error *err)
{
    if (!problem->flow || problem->grid != GRID_ADAPTIVE) return DMFT_OK;
    return error_set(err, DMFT_ERROR_UNAVAILABLE, "grid.kind: adaptive is for the theory; simulate takes uniform | geometric");
}

/* Refuses what passes the limit, or what no size_t can count. */
static int check_memory(const dmft_problem *problem, const dmft_run_options *options, dmft_error *err)
{
    struct network_size n = network_size_of(problem);
    double bytes = dmft_simulate_estimate(problem, options->threads).bytes;
    if (options->memory_limit > 0 && bytes > (double)options->memory_limit)
        return error_set(err, DMFT_ERROR_MEMORY_LIMIT,
                         "simulating %ld networks of D = %.0f, N = %.0f, P = %.0f, %ld at a time, takes %.4g MB, above the limit of %.4g MB",
                         problem->simulation.seeds, n.input_dim, n.width, n.samples, workers_of(problem, options), bytes / 1e6,
                         (double)options->memory_limit / 1e6);
    return bytes < 0x1p60 ? DMFT_OK : error_memory(err, bytes);
}

static int refuse(const dmft_problem *problem, const dmft_run_options *options, dmft_error *err)
{
    int status = network_check(problem, err);
    if (status == DMFT_OK) status = check_memory(problem, options, err);
    if (status == DMFT_OK && options->checkpoint != NULL) status = archive_may_write(options->checkpoint, err);
    return status;
}

/* Takes the locks, runs, gives them back; the failure, if any, is in e->error. */
static int run_locked(struct network_ensemble *e)
{
    if (pthread_mutex_init(&e->lock, NULL) != 0) return error_set(&e->error, DMFT_ERROR_SYSTEM, "no lock for the threads could be had");
    int status = pthread_cond_init(&e->saved_it, NULL) == 0 ? DMFT_OK : error_set(&e->error, DMFT_ERROR_SYSTEM, "no signal for the threads could be had");
    if (status == DMFT_OK) {
        status = run(e);
        (void)pthread_cond_destroy(&e->saved_it);
    }
    (void)pthread_mutex_destroy(&e->lock);
    return status;
}

int dmft_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    static const dmft_run_options none = {0};
    struct network_ensemble e = {.problem = problem, .options = options != NULL ? options : &none, .grain = grain_of(problem)};
    e.begin = e.saved = network_seconds_now();
    int status = refuse(problem, e.options, err);
    if (status != DMFT_OK) return status;
    status = results_create(&e.results, problem, &e.error);
    if (status == DMFT_OK) status = run_locked(&e);
    if (status != DMFT_OK) (void)error_set(err, status, "%s", e.error.text);
    e.results.seconds = e.before + network_seconds_now() - e.begin;
    if (status == DMFT_OK) status = network_summary(out, problem, &e.results, err);
    free(e.results.values);
    free(e.results.diverged_at);
    free(e.results.time);
    return status;
}
