/* Members that record tables of numbers, and the trajectory of their means. Memory: members at a time, all slots, the trajectory. */
#include "ensemble/samples.h"

#include <string.h>

#include "base/error.h"
#include "base/trajectory.h"

static size_t slot_of(const struct samples *s) { return s->columns * (size_t)s->problem->rows + s->extra; }

dmft_estimate samples_estimate(const struct samples *s, int threads)
{
    dmft_run_options options = {.threads = threads};
    double at_a_time = (double)ensemble_threads(s->members, &options), slots = (double)s->members + 2.0;
    return (dmft_estimate){.bytes = 8.0 * (at_a_time * s->doubles + slots * ((double)s->columns * (double)s->problem->rows + (double)s->extra)),
                           .operations = (double)s->members * s->operations};
}

/* Refuses what passes the limit, or what no size_t can count. */
static int check_memory(const struct samples *s, const dmft_run_options *options, dmft_error *err)
{
    double bytes = samples_estimate(s, options != NULL ? options->threads : 1).bytes, limit = options != NULL ? (double)options->memory_limit : 0.0;
    if (limit > 0.0 && bytes > limit)
        return error_set(err, DMFT_ERROR_MEMORY_LIMIT, "%ld %ss, %ld at a time, take %.4g MB, above the limit of %.4g MB", s->members, s->kind->name,
                         ensemble_threads(s->members, options), bytes / 1e6, limit / 1e6);
    return bytes < 0x1p60 ? DMFT_OK : error_memory(err, bytes);
}

static int has_time(const struct samples *s)
{
    for (size_t i = 0; i < s->columns; i++)
        if (strcmp(s->column[i].name, "time") == 0) return 1;
    return 0;
}

static int add_column(dmft_trajectory *t, const struct samples *s, const struct ensemble_results *results, size_t i, dmft_error *err)
{
    const struct samples_column *column = &s->column[i];
    double *mean, unused;
    int flags = (column->shown ? TRAJECTORY_SHOWN : TRAJECTORY_HIDDEN) | (column->exact ? 0 : TRAJECTORY_ERRORS);
    int status = trajectory_add(t, &mean, flags, err, "%s", column->name);
    if (status != DMFT_OK) return status;
    double *error = trajectory_find(t, column->name)->error;
    for (size_t row = 0; row < t->rows; row++)
        ensemble_moments(results, row * s->columns + i, 1, &mean[row], error != NULL ? &error[row] : &unused);
    return column->allowance > 0.0 ? trajectory_set_number(t, column->allowance, err, "allowance_%s", column->name) : DMFT_OK;
}

static int describe(dmft_trajectory *t, const struct samples *s, const struct ensemble_results *results, dmft_error *err)
{
    int status = trajectory_describe(t, s->model_kind, s->problem, err);
    if (status == DMFT_OK) status = trajectory_set_number(t, (double)s->members, err, "seeds");
    if (status == DMFT_OK) status = trajectory_set_number(t, results->seconds, err, "seconds");
    if (status == DMFT_OK && ensemble_diverged(results) > 0) status = trajectory_set_number(t, (double)ensemble_diverged(results), err, "seeds_diverged");
    return status;
}

static int summarize(dmft_trajectory **out, const struct samples *s, const struct ensemble_results *results, dmft_error *err)
{
    dmft_trajectory *t = NULL;
    double *step;
    long stop = ensemble_diverged_at(results);
    int status = trajectory_create(&t, stop >= 0 ? (size_t)stop : (size_t)s->problem->rows, err);
    if (status == DMFT_OK) status = trajectory_add(t, &step, has_time(s) ? TRAJECTORY_HIDDEN : TRAJECTORY_SHOWN, err, "step");
    for (size_t row = 0; status == DMFT_OK && row < t->rows; row++) step[row] = (double)row;
    for (size_t i = 0; i < s->columns && status == DMFT_OK; i++) status = add_column(t, s, results, i, err);
    if (status == DMFT_OK) status = describe(t, s, results, err);
    if (status == DMFT_OK) t->diverged_at = stop;
    if (status == DMFT_OK && s->finish != NULL) status = s->finish(t, results, s, err);
    if (status != DMFT_OK) {
        dmft_trajectory_free(t);
        return status;
    }
    *out = t;
    return stop >= 0 ? error_set(err, DMFT_DIVERGED, "diverged at step %ld", stop) : DMFT_OK;
}

int samples_run(const struct samples *s, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct ensemble_results results;
    struct ensemble_plan plan = {.kind = s->kind,
                                 .problem = s->problem,
                                 .members = s->members,
                                 .rows = s->problem->rows,
                                 .slot = slot_of(s),
                                 .operations = s->operations / (double)s->problem->rows};
    int status = check_memory(s, options, err);
    if (status == DMFT_OK) status = ensemble_run(&results, &plan, options, err);
    if (status != DMFT_OK) return status;
    status = summarize(out, s, &results, err);
    ensemble_results_free(&results);
    return status;
}
