/*
 * Runs all members of an ensemble: threads take member numbers from a counter, each thread steps its member in room of its own, taken
 * once, and the member writes what it measures into its own slot of the results. Since member i depends on i alone, and whatever is made of the
 * results goes by member number, the result is the same to the last bit for any number of threads.
 *
 * A member that diverges stops there, and the others run on, so that the number of members that diverged does not depend on timing either.
 *
 * Memory: one member a thread, the slots, and what is kept of member 0.
 */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "ensemble/state.h"

/* Operations (base/cost.h) between two calls of the progress function: about half a millisecond. */
static const double GRAIN = 2e6;

/* ---- What workers share ---- */

void ensemble_fail(struct ensemble *e, int status, const dmft_error *error)
{
    if (e->status != DMFT_OK) return;
    e->status = status;
    e->error = *error;
}

static int fail(struct ensemble *e, int status, const dmft_error *error)
{
    pthread_mutex_lock(&e->lock);
    ensemble_fail(e, status, error);
    pthread_mutex_unlock(&e->lock);
    return status;
}

/* Waits, under the lock, as long as a checkpoint is to be written; the last one to come writes it. The next may be due before all have woken. */
static void park(struct ensemble *e)
{
    while (e->saving) {
        long saves = e->saves;
        if (++e->parked == e->active) ensemble_save(e);
        while (e->saves == saves) (void)pthread_cond_wait(&e->saved_it, &e->lock);
    }
}

static void ask_for_checkpoint(struct ensemble *e)
{
    double every = e->options->checkpoint_every;
    if (e->options->checkpoint == NULL || e->status < 0) return;
    if (e->status == DMFT_STOPPED || (every > 0 && clock_now() - e->saved >= every)) e->saving = 1;
}

/* Counts steps as done and tells the caller; returns the status of the ensemble, not 0 when the worker is to stop. */
static int report(struct ensemble *e, long steps)
{
    pthread_mutex_lock(&e->lock);
    e->done += steps;
    if (e->status == DMFT_OK && e->options->progress != NULL) {
        dmft_progress p = {.what = e->kind->steps, .done = e->done, .total = e->plan->members * e->plan->rows, .residual = NAN};
        if (e->options->progress(e->options->user, &p) != 0)
            e->status = error_set(&e->error, DMFT_STOPPED, "stopped by the caller after %ld of %ld %s", p.done, p.total, p.what);
        ask_for_checkpoint(e);
    } else if (e->status == DMFT_OK)
        ask_for_checkpoint(e);
    park(e);
    int status = e->status;
    pthread_mutex_unlock(&e->lock);
    return status;
}

/* The next member in `at`, one of the checkpoint in `pending`; 0 when there is none, or no more is wanted. */
static int take(struct ensemble *e, struct ensemble_progress *at, struct ensemble_pending *pending)
{
    pthread_mutex_lock(&e->lock);
    park(e);
    int found = 0;
    *pending = (struct ensemble_pending){.bytes = 0};
    *at = (struct ensemble_progress){.index = -1};
    if (e->status != DMFT_OK) {
        found = 0;
    } else if (e->pending_next < e->pending_count) {
        *pending = e->pending[e->pending_next++];
        *at = pending->at;
        found = 1;
    } else if (e->next < e->plan->members) {
        *at = (struct ensemble_progress){.index = e->next++, .at_row = 1};
        found = 1;
    }
    pthread_mutex_unlock(&e->lock);
    return found;
}

/* A worker is through; nobody waits for it any more. */
static void leave(struct ensemble *e)
{
    pthread_mutex_lock(&e->lock);
    e->active--;
    if (e->saving && e->parked == e->active) ensemble_save(e);
    pthread_mutex_unlock(&e->lock);
}

/* ---- One member ---- */

/* Ends the run with what went wrong in this member after so many rows. */
static int fail_in(struct ensemble_worker *w, int status, const dmft_error *error)
{
    dmft_error named;
    (void)error_set(&named, status, "%s %ld, step %ld: %.300s", w->ensemble->kind->name, w->at.index, w->at.row, error->text);
    return fail(w->ensemble, status, &named);
}

/* Records what is to be recorded of the present weights; 1 when there is to be another row, 0 when it was the last one or diverged, -1 after a failure. */
static int look(struct ensemble_worker *w)
{
    struct ensemble *e = w->ensemble;
    dmft_error error = {.status = DMFT_OK};
    if (!w->at.at_row) {
        e->kind->evaluate(w->member);
        return 1;
    }
    int status = e->kind->row(w->member, w->at.row, e->results.values + (size_t)w->at.index * e->results.slot, &error);
    if (status == DMFT_DIVERGED) {
        e->results.diverged_at[w->at.index] = w->at.row;
        return 0;
    }
    if (status != DMFT_OK) return fail_in(w, status, &error), -1;
    if (w->at.index == 0 && e->results.kept != NULL) e->kind->keep(w->member, w->at.row, e->results.kept);
    return ++w->at.row < e->plan->rows;
}

/* The weights of the next row, or some on the way there; returns not 0 when the ensemble is to stop. */
static int advance(struct ensemble_worker *w)
{
    dmft_error error = {.status = DMFT_OK};
    int arrived = w->ensemble->kind->advance(w->member, w->at.row - 1, &error);
    w->at.at_row = arrived == 1;
    return arrived >= 0 ? 0 : fail_in(w, arrived, &error);
}

/* Trains one member to its end; returns not 0 when the ensemble is to stop. */
static int train(struct ensemble_worker *w)
{
    struct ensemble *e = w->ensemble;
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
    return report(e, e->plan->rows - reported) != DMFT_OK;
}

/* Draws the member, and gives it the state that it has in the checkpoint; returns not 0 when the ensemble is to stop. */
static int start(struct ensemble_worker *w, const struct ensemble_pending *p)
{
    dmft_error error = {.status = DMFT_OK};
    int status = w->ensemble->kind->start(w->member, w->at.index, &error);
    if (status != DMFT_OK) return fail_in(w, status, &error);
    if (p->bytes == 0) return 0;
    pthread_mutex_lock(&w->ensemble->lock);
    ensemble_restore(w->ensemble, p, w->member);
    status = w->ensemble->status;
    pthread_mutex_unlock(&w->ensemble->lock);
    return status < 0; /* one that is to stop goes into the checkpoint first */
}

static void *work(void *argument)
{
    struct ensemble_worker *w = argument;
    struct ensemble_pending pending;
    while (take(w->ensemble, &w->at, &pending)) {
        if (start(w, &pending) != 0 || train(w) != 0) break;
    }
    w->at.index = -1;
    leave(w->ensemble);
    return NULL;
}

/* ---- The ensemble ---- */

long ensemble_threads(long members, const dmft_run_options *options)
{
    long threads = options != NULL && options->threads > 1 ? options->threads : 1;
    return threads < members ? threads : members;
}

static long grain_of(const struct ensemble_plan *plan)
{
    double steps = GRAIN / plan->operations;
    return !(steps >= 1) ? 1 : steps < 1e6 ? (long)steps : 1000000;
}

/* Runs the workers, the calling thread as the first of them. */
static int run_workers(struct ensemble *e)
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
static int run(struct ensemble *e)
{
    e->count = ensemble_threads(e->plan->members, e->options);
    e->workers = calloc((size_t)e->count, sizeof *e->workers);
    if (e->workers == NULL) return error_memory(&e->error, (double)e->count * sizeof *e->workers);
    int status = DMFT_OK;
    for (long i = 0; i < e->count && status == DMFT_OK; i++) {
        e->workers[i].ensemble = e;
        e->workers[i].at.index = -1;
        status = e->kind->create(&e->workers[i].member, e->plan->problem, &e->error);
    }
    if (status == DMFT_OK && e->options->resume != NULL) status = ensemble_load(e, &e->error);
    if (status == DMFT_OK) status = run_workers(e);
    for (long i = 0; i < e->count; i++) e->kind->free(e->workers[i].member);
    (void)archive_close(e->resumed, NULL);
    free(e->pending);
    free(e->workers);
    return status;
}

static int results_create(struct ensemble_results *r, const struct ensemble_plan *plan, dmft_error *err)
{
    size_t members = (size_t)plan->members;
    double bytes = 8.0 * ((double)members * ((double)plan->slot + 1.0) + (double)plan->kept);
    if (!(bytes < 0x1p60)) return error_memory(err, bytes);
    r->slot = plan->slot;
    r->members = plan->members;
    r->values = memory_doubles(members * r->slot);
    r->diverged_at = malloc(members * sizeof *r->diverged_at);
    if (plan->kept > 0) r->kept = memory_doubles(plan->kept);
    if (r->values == NULL || r->diverged_at == NULL || (plan->kept > 0 && r->kept == NULL)) return error_memory(err, bytes);
    for (size_t i = 0; i < members; i++) r->diverged_at[i] = -1;
    return DMFT_OK;
}

void ensemble_results_free(struct ensemble_results *r)
{
    free(r->values);
    free(r->diverged_at);
    free(r->kept);
    *r = (struct ensemble_results){.values = NULL};
}

/* Takes the locks, runs, gives them back; the failure, if any, is in e->error. */
static int run_locked(struct ensemble *e)
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

int ensemble_run(struct ensemble_results *out, const struct ensemble_plan *plan, const dmft_run_options *options, dmft_error *err)
{
    static const dmft_run_options none = {0};
    struct ensemble e = {.plan = plan, .kind = plan->kind, .options = options != NULL ? options : &none, .grain = grain_of(plan)};
    e.begin = e.saved = clock_now();
    int status = e.options->checkpoint != NULL ? archive_may_write(e.options->checkpoint, &e.error) : DMFT_OK;
    if (status == DMFT_OK) status = results_create(&e.results, plan, &e.error);
    if (status == DMFT_OK) status = run_locked(&e);
    e.results.seconds = e.before + clock_now() - e.begin;
    if (status == DMFT_OK) {
        *out = e.results;
        return DMFT_OK;
    }
    ensemble_results_free(&e.results);
    return error_set(err, status, "%s", e.error.text);
}

/* ---- What they left ---- */

long ensemble_diverged_at(const struct ensemble_results *results)
{
    long earliest = -1;
    for (long i = 0; i < results->members; i++) {
        long t = results->diverged_at[i];
        if (t >= 0 && (earliest < 0 || t < earliest)) earliest = t;
    }
    return earliest;
}

long ensemble_diverged(const struct ensemble_results *results)
{
    long count = 0;
    for (long i = 0; i < results->members; i++) count += results->diverged_at[i] >= 0;
    return count;
}

static double mean_of(const double *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += x[i];
    return sum / (double)count;
}

void ensemble_moments(const struct ensemble_results *results, size_t offset, size_t count, double *mean, double *se)
{
    size_t members = (size_t)results->members, slot = results->slot;
    const double *x = results->values + offset;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < members; i++) sum += mean_of(x + i * slot, count);
    *mean = sum / (double)members;
    for (size_t i = 0; i < members; i++) {
        double off = mean_of(x + i * slot, count) - *mean;
        squares += off * off;
    }
    *se = members > 1 ? sqrt(squares / (double)(members - 1) / (double)members) : NAN;
}
