/* dmft sweep: all points of a grid of problems, and one file with their results. Points are independent: threads and processes take them as they come,
 * every finished one is kept in a folder at once (sweep_folder.c), and the same command goes on from there. */
#include "sweep.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/problem.h"
#include "io/config.h"
#include "signals.h"

/* ---- before ---- */

/* I/N: the points i with i mod N = I - 1. */
static int read_part(struct sweep *s)
{
    const char *text = s->o->value[OPTION_part];
    s->part = 0;
    s->parts = 1;
    if (text == NULL) return STATUS_DONE;
    size_t first = strspn(text, "0123456789"), second = text[first] == '/' ? strspn(text + first + 1, "0123456789") : 0;
    unsigned long part = strtoul(text, NULL, 10), parts = second > 0 ? strtoul(text + first + 1, NULL, 10) : 0;
    if (first == 0 || first > 7 || second == 0 || second > 7 || text[first + 1 + second] != '\0' || part < 1 || part > parts)
        return program_error(STATUS_USAGE, "sweep: --part takes I/N, two integers with 1 <= I <= N, got '%s'", text);
    s->part = part - 1;
    s->parts = parts;
    return STATUS_DONE;
}

/* Memory of one machine, shared by the processes on it; those have one thread each unless more are asked for. */
static int read_limits(struct sweep *s)
{
    int status = run_read_limits(s->o, &s->threads, &s->memory);
    if (status != STATUS_DONE) return status;
    if (team_size(s->team) > 1 && !options_given(s->o, OPTION_threads)) s->threads = 1;
    s->memory /= (double)team_local(s->team);
    return STATUS_DONE;
}

/* What the folder says of itself, and where it is. */
static int name_folder(struct sweep *s)
{
    const char *output = s->o->value[OPTION_output], *given = s->o->value[OPTION_resume];
    char *text = config_sweep_text(s->config);
    if (given == NULL) given = s->o->value[OPTION_checkpoint];
    size_t bytes = (text != NULL ? strlen(text) : 0) + 128, length = strlen(given != NULL ? given : output) + 16;
    s->record = malloc(bytes);
    s->path = malloc(length);
    s->folder.points = dmft_config_points(s->config);
    s->folder.there = calloc(s->folder.points, 1);
    int made = text != NULL && s->record != NULL && s->path != NULL && s->folder.there != NULL;
    if (made) {
        (void)snprintf(s->record, bytes, "# points of dmft sweep (%s), version %s\n%s", s->kind->name, dmft_version(), text);
        (void)snprintf(s->path, length, "%s%s", given != NULL ? given : output, given != NULL ? "" : ".points");
        s->folder.path = s->path;
    }
    free(text);
    return made ? STATUS_DONE : program_error(STATUS_FAILED, "sweep: out of memory");
}

static int check_options(const struct sweep *s)
{
    const options *o = s->o;
    if (!options_given(o, OPTION_output)) {
        if (!options_given(o, OPTION_dry_run)) return program_error(STATUS_USAGE, "sweep: -o OUT.h5 is missing");
        return STATUS_DONE;
    }
    if (options_given(o, OPTION_resume) && options_given(o, OPTION_checkpoint))
        return program_error(STATUS_USAGE, "sweep: --resume goes on in its folder: no --checkpoint beside it");
    return options_given(o, OPTION_dry_run) || team_rank(s->team) > 0 ? STATUS_DONE : run_check_output(o, o->value[OPTION_output]);
}

static int read_grid(struct sweep *s)
{
    dmft_error err;
    dmft_sweep *empty = NULL;
    int status = run_read_config(s->o, &s->config);
    if (status != STATUS_DONE) return status;
    if (dmft_config_points(s->config) > 0 && s->config->value[SETTING_MODEL].given) return STATUS_DONE;
    status = dmft_sweep_create(&empty, s->config, &err);
    dmft_sweep_free(empty);
    return status == DMFT_OK ? STATUS_DONE : program_failed(status, &err);
}

/* ---- what it takes ---- */

enum { MOST_LOOKS = 1000 };
static const double look_seconds = 2;

struct needs {
    dmft_estimate point, all; /* the largest of a point; all: the sum of operations, and the bytes of the result */
    size_t looked, refused, first; /* first: the first that was refused */
    dmft_error err;                /* and why */
};

/* Rough: some twenty series, and a dozen and the outliers a layer, with errors where networks are sampled. */
static double result_bytes(const struct sweep *s, const dmft_problem *p)
{
    double series = 24 + (double)p->depth * (12 + 2 * (double)p->outlier_count) + (double)p->mlp.samples;
    return 8.0 * (double)s->folder.points * (double)p->rows * series * (s->kind == &run_simulate || p->kind == MODEL_MLP ? 2 : 1);
}

/* Looks at points all over the grid, at most a thousand or for two seconds. */
static void look_around(const struct sweep *s, struct needs *n)
{
    size_t points = s->folder.points, looks = points < MOST_LOOKS ? points : MOST_LOOKS;
    double begin = clock_now();
    *n = (struct needs){.first = points};
    for (size_t k = 0; k < looks && (n->looked == n->refused || clock_now() - begin < look_seconds); k++) {
        size_t point = looks > 1 ? k * (points - 1) / (looks - 1) : 0;
        dmft_problem *problem = NULL;
        dmft_error err;
        n->looked++;
        if (sweep_problem(s, point, &problem, &err) != DMFT_OK) {
            if (n->refused++ > 0) continue;
            n->first = point;
            n->err = err;
            continue;
        }
        dmft_estimate e = s->kind->estimate(problem, 1);
        n->point.bytes = fmax(n->point.bytes, e.bytes);
        n->all.operations += e.operations;
        n->all.bytes = fmax(n->all.bytes, result_bytes(s, problem));
        dmft_problem_free(problem);
    }
    n->all.operations *= (double)points / (double)n->looked;
}

static int asks_for(const struct sweep *s, enum setting_id id)
{
    const struct config_value *value = &s->config->value[id];
    return value->number != NULL && value->number[0] != 0.0;
}

static void print_needs(FILE *out, const struct sweep *s, const struct needs *n)
{
    char each[BYTES_TEXT], all[BYTES_TEXT], allowed[BYTES_TEXT];
    int workers = s->threads * team_size(s->team);
    format_bytes(each, n->point.bytes);
    format_bytes(all, n->all.bytes);
    format_bytes(allowed, s->memory);
    (void)fprintf(out, "points: %zu (", s->folder.points);
    for (size_t i = 0; i < s->config->axes; i++) (void)fprintf(out, "%s%zu", i > 0 ? " x " : "", s->config->axis[i].count);
    (void)fprintf(out, ")\nmemory: %s for each of %d point%s at a time, about %s for the result; %s allowed\n", each, workers, workers > 1 ? "s" : "", all,
                  allowed);
    if (n->refused > 0)
        (void)fprintf(out, "note: %zu of %zu points looked at are refused; the first is point %zu: %s\n", n->refused, n->looked, n->first, n->err.text);
}

/* -1 when the sweep may begin, else the exit status. */
static int check_needs(struct sweep *s, struct needs *n)
{
    if (asks_for(s, SETTING_OUTPUT_KERNELS)) return program_error(STATUS_USAGE, "sweep: output.kernels: must be false: sweeps store no kernels");
    if (asks_for(s, SETTING_OUTPUT_WEIGHTS)) return program_error(STATUS_USAGE, "sweep: output.weights: must be false: sweeps store no weight matrices");
    look_around(s, n);
    if (n->refused == n->looked) return program_failed(n->err.status, &n->err);
    if ((size_t)s->threads > s->folder.points) s->threads = (int)s->folder.points;
    while (s->threads > 1 && (double)s->threads * n->point.bytes > s->memory) s->threads--;
    if (options_given(s->o, OPTION_dry_run)) {
        if (team_rank(s->team) > 0) return STATUS_DONE;
        dmft_estimate share = {.operations = n->all.operations / (double)(s->threads * team_size(s->team)) / (double)s->parts};
        print_needs(stdout, s, n);
        run_print_time(stdout, &share);
        return STATUS_DONE;
    }
    if (n->all.bytes > s->memory * (double)team_local(s->team))
        return program_error(STATUS_USAGE, "sweep: the result takes about %.3g GB of memory, %.3g are allowed: fewer points or steps, or --memory-limit",
                             n->all.bytes / 1e9, s->memory * (double)team_local(s->team) / 1e9);
    return -1;
}

/* ---- after ---- */

static size_t count(const dmft_sweep *result, int outcome)
{
    size_t found = 0;
    for (size_t i = 0; i < dmft_sweep_points(result); i++) found += dmft_sweep_status(result, i) == outcome;
    return found;
}

static void print_summary(const struct sweep *s, const dmft_sweep *result, double seconds)
{
    char text[SECONDS_TEXT];
    format_seconds(text, seconds);
    (void)fprintf(stderr, "wrote %s: %zu points in %s: %zu done", s->o->value[OPTION_output], dmft_sweep_points(result), text,
                  count(result, DMFT_POINT_DONE));
    for (int outcome = DMFT_POINT_FAILED; outcome <= DMFT_POINT_DIVERGED; outcome++)
        if (count(result, outcome) > 0) (void)fprintf(stderr, ", %zu %s", count(result, outcome), dmft_point_text(outcome));
    (void)fputc('\n', stderr);
}

static int tell_failures(const dmft_sweep *result)
{
    size_t failed = count(result, DMFT_POINT_FAILED) + count(result, DMFT_POINT_REFUSED), first = 0;
    if (failed == 0) return STATUS_DONE;
    while (dmft_sweep_message(result, first)[0] == '\0') first++;
    return program_error(STATUS_FAILED, "sweep: %zu of %zu points failed; the first is point %zu: %s", failed, dmft_sweep_points(result), first,
                         dmft_sweep_message(result, first));
}

static int write_result(const struct sweep *s, dmft_sweep *result, double seconds)
{
    dmft_error err;
    int status = run_add_provenance(s->o, s->threads * team_size(s->team), seconds, result->facts, &err);
    signals_hold();
    if (status == DMFT_OK) status = dmft_sweep_write(result, s->o->value[OPTION_output], options_given(s->o, OPTION_force), &err);
    signals_release();
    if (status != DMFT_OK) return run_not_written(status, &err);
    sweep_folder_remove(&s->folder);
    if (!options_given(s->o, OPTION_quiet)) print_summary(s, result, seconds);
    return tell_failures(result);
}

int sweep_gone(const struct sweep *s)
{
    return program_error(STATUS_FAILED, "sweep: the folder %s is gone: another process has put the points together, or removed them", s->folder.path);
}

/* All that is in the folder, as one file. */
static int assemble(const struct sweep *s, double seconds)
{
    dmft_error err;
    dmft_sweep *result = NULL;
    size_t missing = 0;
    int status = dmft_sweep_create(&result, s->config, &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    status = sweep_folder_enter(&s->folder, result, &missing);
    if (status == STATUS_DONE && missing > 0 && sweep_folder_gone(&s->folder))
        status = sweep_gone(s);
    else if (status == STATUS_DONE && missing > 0)
        status = program_error(STATUS_FAILED, "sweep: %zu points are missing in %s; the same command goes on from there", missing, s->folder.path);
    if (status == STATUS_DONE) status = write_result(s, result, seconds);
    dmft_sweep_free(result);
    return status;
}

static int stopped(const struct sweep *s)
{
    int number = signals_noted();
    return program_error(STATUS_SIGNAL + number, "sweep: stopped by signal %d (%s) with the points in %s; the same command goes on from there", number,
                         signals_name(number), s->folder.path);
}

static int finish(struct sweep *s)
{
    double seconds = clock_now() - s->progress.begin;
    if (s->parts == 1) return assemble(s, seconds);
    size_t mine = 0;
    for (size_t i = 0; i < s->folder.points; i++) mine += (size_t)sweep_is_mine(s, i);
    if (!options_given(s->o, OPTION_quiet))
        (void)fprintf(stderr, "part %zu of %zu: its %zu points are in %s; without --part the same command makes %s of all\n", s->part + 1, s->parts, mine,
                      s->folder.path, s->o->value[OPTION_output]);
    return STATUS_DONE;
}

/* ---- the command ---- */

static int prepare(struct sweep *s)
{
    struct needs n;
    int status = read_part(s);
    if (status == STATUS_DONE) status = read_limits(s);
    if (status == STATUS_DONE) status = check_options(s);
    if (status == STATUS_DONE) status = read_grid(s);
    if (status == STATUS_DONE && options_given(s->o, OPTION_dry_run)) {
        s->folder.points = dmft_config_points(s->config);
        return check_needs(s, &n);
    }
    if (status == STATUS_DONE) status = name_folder(s);
    if (status == STATUS_DONE) status = check_needs(s, &n);
    if (status >= 0) return status;
    status = sweep_folder_open(&s->folder, s->record, options_given(s->o, OPTION_resume));
    if (status == STATUS_DONE && team_rank(s->team) == 0) status = sweep_folder_scan(&s->folder);
    if (status != STATUS_DONE) return status;
    if (!options_given(s->o, OPTION_quiet) && team_rank(s->team) == 0) print_needs(stderr, s, &n);
    return -1;
}

/* What is there already, and what is to be run. */
static void begin(struct sweep *s)
{
    size_t already = 0;
    s->total = 0;
    for (size_t i = 0; i < s->folder.points; i++) {
        s->total += (size_t)sweep_is_mine(s, i);
        already += (size_t)(sweep_is_mine(s, i) && s->folder.there[i]);
    }
    int leads = team_rank(s->team) == 0, quiet = options_given(s->o, OPTION_quiet) || !leads;
    if (already > 0 && !quiet) (void)fprintf(stderr, "sweep goes on from %s: %zu of %zu points are there\n", s->folder.path, already, s->total);
    progress_begin(&s->progress, "sweep", quiet, (long)already);
}

static int run(struct sweep *s)
{
    team_share(s->team, s->folder.there, s->folder.points);
    begin(s);
    int status = sweep_run_points(s);
    progress_end(&s->progress);
    if (signals_noted() != 0) status = team_rank(s->team) == 0 ? stopped(s) : STATUS_SIGNAL + signals_noted();
    team_wait(s->team);
    return status == STATUS_DONE && team_rank(s->team) == 0 ? finish(s) : status;
}

/* The leader goes first: what it refuses is refused once. */
static int lead_and_follow(struct sweep *s)
{
    int leads = team_rank(s->team) == 0, status = leads ? prepare(s) : STATUS_DONE, leader = status;
    team_share(s->team, &leader, sizeof leader);
    if (leader >= 0) return status;
    if (!leads) {
        status = prepare(s);
        if (status >= 0) s->stop = 1; /* it keeps step with the others, and runs nothing */
    }
    return status < 0 || s->folder.there != NULL ? run(s) : status;
}

static void release(struct sweep *s)
{
    dmft_config_free(s->config);
    free(s->record);
    free(s->path);
    free(s->folder.there);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_mutex_destroy(&s->files);
    team_end(s->team);
}

int command_sweep(const options *o)
{
    struct sweep s = {.o = o, .kind = options_given(o, OPTION_simulate) ? &run_simulate : &run_solve};
    int status = team_begin(&s.team);
    if (status != STATUS_DONE) return status;
    openblas_set_num_threads(1);
    if (pthread_mutex_init(&s.lock, NULL) != 0 || pthread_mutex_init(&s.files, NULL) != 0)
        status = program_error(STATUS_FAILED, "sweep: no lock for the threads could be had");
    else
        status = lead_and_follow(&s);
    release(&s);
    return status;
}
