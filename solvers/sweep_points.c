/* The points of a sweep: threads of this process, and of those beside it, take the next one that is not there, run it on one thread, and keep it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/problem.h"
#include "signals.h"
#include "sweep.h"

/* Seconds between two looks at what the other processes want of the leader. */
static const double serving = 0.02;

/* The outcome that a status of the library is. */
static int outcome_of(int status) { return program_status(status) == STATUS_USAGE ? DMFT_POINT_REFUSED : DMFT_POINT_FAILED; }

int sweep_is_mine(const struct sweep *s, size_t point) { return point % s->parts == s->part; }

int sweep_problem(const struct sweep *s, size_t point, dmft_problem **out, dmft_error *err)
{
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    int status = dmft_config_point(&config, s->config, point, err);
    if (status == DMFT_OK) status = dmft_problem_create(&problem, config, err);
    if (status == DMFT_OK && s->kind->check != NULL) status = s->kind->check(problem, err);
    dmft_config_free(config);
    if (status == DMFT_OK)
        *out = problem;
    else
        dmft_problem_free(problem);
    return status;
}

/* ---- one point ---- */

/* Called at the steps of a point: the leader serves the others, and all look whether a signal has come. */
static int see_step(void *user, const dmft_progress *now)
{
    struct sweep *s = user;
    double time = clock_now();
    (void)now;
    if (team_size(s->team) == 1) return signals_noted() != 0;
    (void)pthread_mutex_lock(&s->lock);
    if (time - s->served >= serving) {
        team_serve(s->team);
        s->served = time;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return signals_noted() != 0;
}

static int refuse_memory(const struct sweep *s, const dmft_problem *problem, double allowed, dmft_error *err)
{
    char needed[BYTES_TEXT], limit[BYTES_TEXT];
    double bytes = s->kind->estimate(problem, 1).bytes;
    if (bytes <= allowed) return DMFT_OK;
    format_bytes(needed, bytes);
    format_bytes(limit, allowed);
    err->status = DMFT_ERROR_MEMORY_LIMIT;
    (void)snprintf(err->text, sizeof err->text, "the point takes %s of memory, %s are allowed", needed, limit);
    return err->status;
}

static int run_problem_of(struct sweep *s, const dmft_problem *problem, dmft_trajectory **out, dmft_error *err)
{
    double allowed = s->memory / (double)s->threads;
    dmft_run_options how = {.memory_limit = (size_t)allowed, .threads = 1, .progress = see_step, .user = s};
    int status = refuse_memory(s, problem, allowed, err);
    if (status != DMFT_OK) return status;
    /* not through the kind: it would set the threads of the BLAS, which all points share */
    return s->kind == &run_simulate ? dmft_simulate(problem, &how, out, err) : dmft_solve(problem, &how, out, err);
}

static int keep(struct sweep *s, size_t point, const dmft_trajectory *t, dmft_error *err)
{
    char *path = sweep_folder_file(&s->folder, point);
    if (path == NULL) return error_memory(err, (double)strlen(s->folder.path));
    (void)pthread_mutex_lock(&s->files);
    int status = dmft_trajectory_write(t, path, 1, err);
    (void)pthread_mutex_unlock(&s->files);
    free(path);
    return status;
}

/* A point that could not be kept ends the sweep; the first thread says why. */
static int give_up(struct sweep *s, int status, const dmft_error *err)
{
    (void)pthread_mutex_lock(&s->lock);
    int first = !s->stop;
    s->stop = 1;
    (void)pthread_mutex_unlock(&s->lock);
    if (!first) return program_status(status);
    return sweep_folder_gone(&s->folder) ? sweep_gone(s) : program_failed(status, err);
}

/* Returns an exit status that ends the sweep, or STATUS_DONE: what happens to a point ends nothing. */
static int run_point(struct sweep *s, size_t point)
{
    dmft_error err = {.status = DMFT_OK};
    dmft_problem *problem = NULL;
    dmft_trajectory *t = NULL;
    (void)pthread_mutex_lock(&s->files); /* a problem may have data in a file */
    int status = sweep_problem(s, point, &problem, &err);
    (void)pthread_mutex_unlock(&s->files);
    if (status == DMFT_OK) status = run_problem_of(s, problem, &t, &err);
    char why[sizeof err.text];
    (void)snprintf(why, sizeof why, "%s", status < 0 ? err.text : "");
    int kept = DMFT_OK;
    if (status < 0)
        kept = sweep_folder_fail(&s->folder, point, outcome_of(status), why, &err);
    else if (status != DMFT_STOPPED)
        kept = keep(s, point, t, &err);
    dmft_trajectory_free(t);
    dmft_problem_free(problem);
    return kept == DMFT_OK ? STATUS_DONE : give_up(s, kept, &err);
}

/* ---- all points ---- */

/* Counts the points up to this one, whoever runs them. */
static void see_point(struct sweep *s, size_t point)
{
    for (; s->seen < point && s->seen < s->folder.points; s->seen++) s->begun += (size_t)(sweep_is_mine(s, s->seen) && !s->folder.there[s->seen]);
    const dmft_progress now = {.what = "points", .done = s->progress.from + (long)s->begun, .total = (long)s->total, .residual = NAN};
    (void)progress_report(&s->progress, &now);
}

/* The next point to run, or the number of points when there is none. */
static size_t take(struct sweep *s)
{
    size_t point = s->folder.points;
    (void)pthread_mutex_lock(&s->lock);
    if (!s->stop && signals_noted() == 0) {
        do point = team_next(s->team);
        while (point < s->folder.points && (!sweep_is_mine(s, point) || s->folder.there[point]));
        see_point(s, point);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return point;
}

static void *work(void *sweep)
{
    struct sweep *s = sweep;
    for (size_t point; (point = take(s)) < s->folder.points;) {
        int status = run_point(s, point);
        if (status == STATUS_DONE) continue;
        (void)pthread_mutex_lock(&s->lock);
        s->failed = status;
        (void)pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

int sweep_run_points(struct sweep *s)
{
    pthread_t *thread = calloc((size_t)s->threads, sizeof *thread);
    int started = 1;
    if (thread == NULL) return program_error(STATUS_FAILED, "sweep: out of memory");
    while (started < s->threads && pthread_create(&thread[started], NULL, work, s) == 0) started++;
    (void)work(s);
    for (int i = 1; i < started; i++) (void)pthread_join(thread[i], NULL);
    free(thread);
    return s->failed;
}
