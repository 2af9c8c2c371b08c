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
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "network/network.h"

/* How large a kernel may grow: far above any catapult, and its fourth power is still a double. */
static const double DIVERGED = 1e12;

/* Operations between two calls of the progress function: some milliseconds. */
static const double GRAIN = 1e7;

struct ensemble {
    const dmft_problem *problem;
    const dmft_run_options *options;
    struct network_results results;
    long grain; /* steps between two reports */
    pthread_mutex_t lock; /* of all below */
    long next;  /* network to be taken */
    long done;  /* steps of all networks */
    int status; /* not 0: all workers stop */
    dmft_error error;
};

struct worker {
    struct ensemble *ensemble;
    struct network *network;
    pthread_t thread;
};

/* ---- What workers share ---- */

/* Counts steps as done and tells the caller; returns the status of the ensemble, not 0 when the worker is to stop. */
static int report(struct ensemble *e, long steps)
{
    pthread_mutex_lock(&e->lock);
    e->done += steps;
    if (e->status == DMFT_OK && e->options->progress != NULL) {
        dmft_progress p = {.what = "network steps", .done = e->done, .total = e->problem->simulation.seeds * e->problem->steps, .residual = NAN};
        if (e->options->progress(e->options->user, &p) != 0)
            e->status = error_set(&e->error, DMFT_STOPPED, "stopped by the caller after %ld of %ld network steps", p.done, p.total);
    }
    int status = e->status;
    pthread_mutex_unlock(&e->lock);
    return status;
}

/* Keeps the first failure of all workers. */
static int fail(struct ensemble *e, int status, const dmft_error *error)
{
    pthread_mutex_lock(&e->lock);
    if (e->status == DMFT_OK) {
        e->status = status;
        e->error = *error;
    }
    pthread_mutex_unlock(&e->lock);
    return status;
}

/* The number of the next network, or -1 when there is none, or no more is wanted. */
static long take(struct ensemble *e)
{
    pthread_mutex_lock(&e->lock);
    long index = e->status == DMFT_OK && e->next < e->problem->simulation.seeds ? e->next++ : -1;
    pthread_mutex_unlock(&e->lock);
    return index;
}

/* ---- One network ---- */

static int diverged(const double *row, const double *first, size_t columns)
{
    for (size_t i = 0; i < columns; i++)
        if (!isfinite(row[i]) || fabs(row[i]) > DIVERGED * fmax(first[i], 1.0)) return 1;
    return 0;
}

static int measure_spectrum(struct ensemble *e, struct network *n, long index, long t, double *out)
{
    dmft_error error = {.status = DMFT_OK}, named;
    int status = network_spectrum(n, out, &error);
    if (status == DMFT_OK) return DMFT_OK;
    (void)error_set(&named, status, "network %ld, step %ld: %.300s", index, t, error.text);
    return fail(e, status, &named);
}

/* Trains one network to its end; returns not 0 when the ensemble is to stop. */
static int train(struct ensemble *e, struct network *n, long index)
{
    long steps = e->problem->steps, every = e->problem->outlier_every, reported = 0, t = 0;
    size_t columns = network_kernel_columns(e->problem), spectrum = network_spectrum_columns(e->problem);
    double *kernels = e->results.values + (size_t)index * e->results.slot, *spectra = kernels + (size_t)steps * columns;
    network_start(n, index);
    for (t = 0; t < steps; t++) {
        double *row = kernels + (size_t)t * columns;
        network_evaluate(n);
        network_kernels(n, row);
        if (diverged(row, kernels, columns)) {
            e->results.diverged_at[index] = t;
            break;
        }
        if (t % every == 0 && measure_spectrum(e, n, index, t, spectra + (size_t)(t / every) * spectrum) != DMFT_OK) return 1;
        if (t + 1 < steps) network_learn(n);
        if (t + 1 - reported == e->grain && t + 1 < steps) {
            if (report(e, e->grain) != DMFT_OK) return 1;
            reported = t + 1;
        }
    }
    return report(e, steps - reported) != DMFT_OK;
}

static void *work(void *argument)
{
    struct worker *w = argument;
    for (long index = take(w->ensemble); index >= 0; index = take(w->ensemble))
        if (train(w->ensemble, w->network, index) != 0) break;
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
    double recorded = network_spectrum_operations(problem) / (double)problem->outlier_every;
    double steps = GRAIN / (network_step_operations(problem) + recorded);
    return steps < 1 ? 1 : steps < 1e6 ? (long)steps : 1000000;
}

/* Runs the workers, the calling thread as the first of them. */
static int run_workers(struct ensemble *e, struct worker *workers, long count)
{
    long started = 1;
    for (; started < count; started++)
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0) break;
    if (started < count) {
        dmft_error error;
        (void)error_set(&error, DMFT_ERROR_SYSTEM, "only %ld of %ld threads could be started", started, count);
        (void)fail(e, DMFT_ERROR_SYSTEM, &error);
    }
    (void)work(&workers[0]);
    for (long i = 1; i < started; i++) (void)pthread_join(workers[i].thread, NULL);
    return e->status;
}

/* Takes the room of all workers, runs them, gives it back. */
static int run(struct ensemble *e)
{
    long count = workers_of(e->problem, e->options);
    struct worker *workers = calloc((size_t)count, sizeof *workers);
    if (workers == NULL) return error_memory(&e->error, (double)count * sizeof *workers);
    int status = DMFT_OK;
    for (long i = 0; i < count && status == DMFT_OK; i++) {
        workers[i].ensemble = e;
        status = network_create(&workers[i].network, e->problem, &e->error);
    }
    if (status == DMFT_OK) status = run_workers(e, workers, count);
    for (long i = 0; i < count; i++) network_free(workers[i].network);
    free(workers);
    return status;
}

static int results_create(struct network_results *r, const dmft_problem *problem, dmft_error *err)
{
    size_t seeds = (size_t)problem->simulation.seeds;
    r->slot = (size_t)problem->steps * network_kernel_columns(problem) + network_spectrum_rows(problem) * network_spectrum_columns(problem);
    r->values = memory_doubles(seeds * r->slot);
    r->diverged_at = malloc(seeds * sizeof *r->diverged_at);
    if (r->values == NULL || r->diverged_at == NULL) return error_memory(err, 8.0 * (double)seeds * (double)r->slot);
    for (size_t i = 0; i < seeds; i++) r->diverged_at[i] = -1;
    return DMFT_OK;
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

static double seconds_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int dmft_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    static const dmft_run_options none = {0};
    struct ensemble e = {.problem = problem, .options = options != NULL ? options : &none, .grain = grain_of(problem)};
    double begin = seconds_now();
    int status = check_memory(problem, e.options, err);
    if (status != DMFT_OK) return status;
    if (pthread_mutex_init(&e.lock, NULL) != 0) return error_set(err, DMFT_ERROR_SYSTEM, "no lock for the threads could be had");
    status = results_create(&e.results, problem, &e.error);
    if (status == DMFT_OK) status = run(&e);
    if (status != DMFT_OK) (void)error_set(err, status, "%s", e.error.text);
    e.results.seconds = seconds_now() - begin;
    if (status == DMFT_OK) status = network_summary(out, problem, &e.results, err);
    free(e.results.values);
    free(e.results.diverged_at);
    (void)pthread_mutex_destroy(&e.lock);
    return status;
}
