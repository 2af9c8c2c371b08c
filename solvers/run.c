/* A run from configuration to result file: all that can be refused is refused before it begins. */
#include "run.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "advice.h"
#include "base/archive.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/outline.h"
#include "base/problem.h"
#include "blas.h"
#include "git.h" /* made by the Makefile: DMFT_GIT, the state of the checkout */
#include "io/config.h"
#include "io/data.h"
#include "io/print.h"
#include "io/problem.h"
#include "program.h"
#include "progress.h"
#include "signals.h"

enum { MOST_THREADS = 1024 };
static const double default_every = 600; /* seconds between two checkpoints */

struct run {
    const options *o;
    const struct run_kind *kind;
    dmft_problem *problem;
    const char *output;
    const char *checkpoint, *resume; /* NULL: none */
    double every;
    long resumed_at; /* what the checkpoint has done */
    char blas[ARCHIVE_BLAS];
    int threads;
    double memory_limit;
    progress progress;
};

/* ---- before the run ---- */

static int is_both(const options *o, const char *path)
{
    return program_error(STATUS_USAGE, "%s: %s is to be both an input and the output", options_command(o), path);
}

/* Is the output one of the data files: NAME.npy, with NAME_target.npy beside it, or another? */
static int is_data(const char *output, const char *data)
{
    static const char ending[] = ".npy";
    size_t length = strlen(data);
    if (file_same(output, data)) return 1;
    if (length < sizeof ending || strcmp(data + length - (sizeof ending - 1), ending) != 0) return 0;
    char *target = data_npy_target(data);
    int same = target != NULL && file_same(output, target);
    free(target);
    return same;
}

/* Is the output read as data.file or data.test_file, at any point of a sweep? (Of converge it is but a name: NAME.json and NAME.png are no data.) */
static int output_is_data(const options *o, const dmft_config *config)
{
    static const enum setting_id names[] = {SETTING_DATA_FILE, SETTING_DATA_TEST_FILE};
    int found = 0;
    if (!options_given(o, OPTION_output) || options_given(o, OPTION_dry_run) || o->command == COMMAND_converge) return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct config_axis *axis = config_axis_of(config, &settings_table[names[i]]);
        const struct config_value *value = axis != NULL ? axis->value : &config->value[names[i]];
        for (size_t k = 0, count = axis != NULL ? axis->count : value->given != 0; k < count && !found; k++) {
            char *name = config_file_name(config, &value[k]);
            found = name != NULL && is_data(o->value[OPTION_output], name);
            free(name);
        }
    }
    return found;
}

int run_read_config(const options *o, dmft_config **out)
{
    dmft_config *config = NULL;
    dmft_error err;
    int status = dmft_config_read(&config, o->argument[0], &err);
    for (size_t i = 0; i < o->sets && status == DMFT_OK; i++) {
        char key[256];
        size_t length = strcspn(o->set[i], "=");
        if (o->set[i][length] == '\0' || length == 0 || length >= sizeof key) {
            dmft_config_free(config);
            return program_error(STATUS_USAGE, "%s: --set takes KEY.SUB=VALUE, got '%s'", options_command(o), o->set[i]);
        }
        memcpy(key, o->set[i], length);
        key[length] = '\0';
        status = dmft_config_set(config, key, o->set[i] + length + 1, &err);
    }
    int both = status == DMFT_OK && output_is_data(o, config);
    if (status == DMFT_OK && !both) {
        *out = config;
        return STATUS_DONE;
    }
    dmft_config_free(config);
    return both ? is_both(o, o->value[OPTION_output]) : program_failed(status, &err);
}

static int read_problem(struct run *r)
{
    dmft_config *config;
    dmft_error err;
    int status = run_read_config(r->o, &config);
    if (status != STATUS_DONE) return status;
    status = dmft_problem_create(&r->problem, config, &err);
    if (status == DMFT_OK && r->kind->check != NULL) status = r->kind->check(r->problem, &err);
    dmft_config_free(config);
    return status == DMFT_OK ? STATUS_DONE : program_failed(status, &err);
}

int run_read_limits(const options *o, int *threads, double *memory)
{
    double number = openblas_get_num_procs();
    if (number > MOST_THREADS) number = MOST_THREADS;
    *memory = 0.75 * (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (options_given(o, OPTION_threads) && options_number(o, OPTION_threads, 1, MOST_THREADS, 1, &number) != 0) return STATUS_USAGE;
    if (options_given(o, OPTION_memory_limit) && options_bytes(o, OPTION_memory_limit, memory) != 0) return STATUS_USAGE;
    *threads = (int)number;
    return STATUS_DONE;
}

/* The BLAS and its core, on which last bits depend. */
static void describe_blas(char text[ARCHIVE_BLAS])
{
    (void)snprintf(text, ARCHIVE_BLAS, "%s, core %s", openblas_get_config(), openblas_get_corename());
}

/* A run that goes on from a checkpoint keeps it up: what was saved once is not lost later. */
static int read_checkpoint_options(struct run *r)
{
    r->resume = r->o->value[OPTION_resume];
    r->checkpoint = options_given(r->o, OPTION_checkpoint) ? r->o->value[OPTION_checkpoint] : r->resume;
    r->every = default_every;
    describe_blas(r->blas);
    if (!options_given(r->o, OPTION_every)) return STATUS_DONE;
    if (r->checkpoint == NULL) return program_error(STATUS_USAGE, "%s: --every needs --checkpoint FILE", r->kind->name);
    return options_number(r->o, OPTION_every, 0, 1e9, 0, &r->every);
}

/* What is saved of another run is not overwritten unless it is asked for; that what is saved of this one will be is said. */
static int check_replaced(const struct run *r)
{
    dmft_error err;
    archive *a = NULL;
    if (r->resume != NULL && file_same(r->checkpoint, r->resume)) return STATUS_DONE;
    int status = archive_open_read(&a, r->checkpoint, r->kind->name, dmft_problem_text(r->problem), &err);
    int other = status == DMFT_ERROR_CONFIG || status == DMFT_ERROR_FORMAT;
    if (other && !options_given(r->o, OPTION_force)) return program_error(STATUS_USAGE, "%s (--force overwrites it)", err.text);
    if (status == DMFT_OK) {
        const struct archive_head *head = archive_head_of(a);
        (void)fprintf(stderr, "dmft: warning: %s has %ld of %ld of this run, and will be replaced; --resume %s goes on from there\n", r->checkpoint,
                      head->done, head->total, r->checkpoint);
        (void)archive_close(a, NULL);
    }
    return STATUS_DONE;
}

/* Whether the run can go on from its checkpoint, and another be written. */
static int check_checkpoint(struct run *r)
{
    dmft_error err;
    archive *a = NULL;
    int status = DMFT_OK;
    if (r->checkpoint != NULL && r->output != NULL && file_same(r->checkpoint, r->output))
        return program_error(STATUS_USAGE, "%s: %s is to be both the result and the checkpoint", r->kind->name, r->output);
    if (r->resume != NULL) status = archive_open_read(&a, r->resume, r->kind->name, dmft_problem_text(r->problem), &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    if (a != NULL) {
        const struct archive_head *head = archive_head_of(a);
        r->resumed_at = head->done;
        if (head->blas[0] != '\0' && strcmp(head->blas, r->blas) != 0)
            (void)fprintf(stderr, "dmft: warning: %s comes from %s; with %s the last digits differ\n", r->resume, head->blas, r->blas);
        if (!options_given(r->o, OPTION_quiet))
            (void)fprintf(stderr, "%s goes on from %s, which has done %ld of %ld\n", r->kind->name, r->resume, head->done, head->total);
        (void)archive_close(a, NULL); /* its parts are read by the run */
    }
    if (r->checkpoint == NULL || options_given(r->o, OPTION_dry_run)) return STATUS_DONE;
    signals_hold();
    status = archive_may_write(r->checkpoint, &err);
    signals_release();
    return status == DMFT_OK ? check_replaced(r) : program_error(STATUS_USAGE, "%s", err.text);
}

/* The surest test of a place to write is to write there. */
int run_check_output(const options *o, const char *path)
{
    file_aside aside;
    dmft_error err;
    for (size_t i = 0; i < o->arguments; i++)
        if (file_same(path, o->argument[i])) return is_both(o, path);
    signals_hold();
    int status = file_aside_open(&aside, path, options_given(o, OPTION_force), &err);
    if (status == DMFT_OK) file_aside_abandon(&aside);
    signals_release();
    if (status == DMFT_OK) return STATUS_DONE;
    return program_error(STATUS_USAGE, "%s%s", err.text, status == DMFT_ERROR_EXISTS ? " (--force overwrites it)" : "");
}

int run_write(const options *o, const char *path, const char *text, size_t length)
{
    file_aside aside;
    dmft_error err;
    signals_hold();
    int status = file_aside_open(&aside, path, options_given(o, OPTION_force), &err);
    if (status == DMFT_OK) {
        int code = file_write_all(aside.fd, text, length);
        status = code == 0 ? file_aside_commit(&aside, &err) : file_aside_failed(&aside, code, &err);
    }
    signals_release();
    if (status != DMFT_OK) return run_not_written(status, &err);
    if (!options_given(o, OPTION_quiet)) (void)fprintf(stderr, "wrote %s\n", path);
    return STATUS_DONE;
}

static int check_output(struct run *r)
{
    r->output = r->o->value[OPTION_output];
    if (options_given(r->o, OPTION_dry_run)) return STATUS_DONE;
    if (r->output == NULL) return program_error(STATUS_USAGE, "%s: -o OUT.h5 is missing", r->kind->name);
    return run_check_output(r->o, r->output);
}

/* One file may serve both sides: what is asked of the other one is no error, but is said. */
static void note_what_is_not_stored(const struct run *r)
{
    if (r->problem->store_weights && !r->kind->stores_weights)
        (void)fputs("note: output.weights: a theory has no weight matrices to store, simulated networks have\n", stderr);
    if (r->problem->store_kernels && !r->kind->stores_kernels(r->problem))
        (void)fprintf(stderr, "note: output.kernels: networks of model %s store no two-time kernels, the theory does\n", r->problem->model);
}

/* A ratio so small that the nearest width is none is one of another problem. */
static void note_of_one_neuron(const struct run *r)
{
    const dmft_problem *p = r->problem;
    double ratio = p->kind == MODEL_NOISY_MATRIX ? p->noisy_matrix.ratio : p->width_ratio, width = ratio * (double)p->simulation.input_dim;
    if (r->kind == &run_simulate && p->kind != MODEL_MLP && p->kind != MODEL_LOW_DEGREE_FILTER && width > 0 && width < 0.5)
        (void)fprintf(stderr, "note: width_ratio x input_dim is %.3g: networks of width 1 are trained, which are none of this ratio\n", width);
}

static void print_memory(FILE *out, const struct run *r, const dmft_estimate *e)
{
    char needed[BYTES_TEXT], allowed[BYTES_TEXT];
    format_bytes(needed, e->bytes);
    format_bytes(allowed, r->memory_limit);
    (void)fprintf(out, "memory: %s for T = %ld%s; %s allowed\n", needed, dmft_problem_steps(r->problem),
                  r->problem->store_kernels && r->kind->stores_kernels(r->problem) ? " with all kernels" : "", allowed);
}

/* Most of a run are products of matrices with vectors, which the memory bounds: the measured rate of those is taken. */
void run_print_time(FILE *out, const dmft_estimate *e)
{
    char text[SECONDS_TEXT];
    double rate = blas_gemv_rate(3000); /* 72 MB, which no cache of a core holds: of 18 MB the rate was anything from 4 to 12 */
    if (rate > 0) {
        format_seconds(text, e->operations / rate);
        (void)fprintf(out, "time: about %s (%.2g operations; matrix times vector at %.2g a second)\n", text, e->operations, rate);
    }
}

/* States what the run takes; -1 when it may begin, else the exit status. */
static int state_needs(struct run *r)
{
    char needed[BYTES_TEXT], allowed[BYTES_TEXT];
    dmft_estimate e = r->kind->estimate(r->problem, r->threads);
    while (r->threads > 1 && e.bytes > r->memory_limit) e = r->kind->estimate(r->problem, --r->threads); /* fewer members at a time */
    int quiet = options_given(r->o, OPTION_quiet);
    if (options_given(r->o, OPTION_dry_run)) {
        if (!quiet) note_what_is_not_stored(r);
        print_memory(stdout, r, &e);
        if (!r->kind->blas_threads) e.operations /= fmin(r->threads, (double)r->problem->simulation.seeds); /* networks beside each other, as in a sweep */
        run_print_time(stdout, &e);
        return STATUS_DONE;
    }
    format_bytes(needed, e.bytes);
    format_bytes(allowed, r->memory_limit);
    if (e.bytes > r->memory_limit) {
        char smaller[ADVICE];
        advice_smaller(smaller, r->problem, r->kind->estimate);
        return program_error(STATUS_USAGE, "%s: the run takes %s of memory, %s are allowed: %s%s--memory-limit", r->kind->name, needed, allowed, smaller,
                             *smaller != '\0' ? "or " : "");
    }
    if (quiet) return -1;
    note_what_is_not_stored(r);
    note_of_one_neuron(r);
    print_memory(stderr, r, &e);
    return -1;
}

/* ---- after the run ---- */

int run_add_provenance(const options *o, int used, double seconds, dmft_trajectory *result, dmft_error *err)
{
    char date[32] = "", blas[ARCHIVE_BLAS], threads[16], elapsed[32];
    struct utsname host = {0};
    struct tm broken;
    time_t now = time(NULL);
    (void)uname(&host);
    if (gmtime_r(&now, &broken) != NULL) (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &broken);
    describe_blas(blas);
    (void)snprintf(threads, sizeof threads, "%d", used);
    (void)snprintf(elapsed, sizeof elapsed, "%.3f", seconds);
    const char *const fact[][2] = {{"version", dmft_version()}, {"git", DMFT_GIT},   {"command_line", o->line}, {"date", date},
                                   {"host", host.nodename},     {"blas", blas},      {"compiler", COMPILER},    {"threads", threads},
                                   {"elapsed_seconds", elapsed}};
    int status = DMFT_OK;
    for (size_t i = 0; i < sizeof fact / sizeof *fact && status == DMFT_OK; i++)
        if (fact[i][1][0] != '\0') status = dmft_trajectory_set_text(result, fact[i][0], fact[i][1], err);
    return status;
}

/* The matrices of which directions are counted differ from model to model; the first hidden one is always there but in the shallowest networks. */
static int has_directions(const dmft_trajectory *result)
{
    static const char *const some[] = {"directions_X_in", "directions_A0_in", "directions_A1_in"};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        if (!isnan(dmft_trajectory_number(result, some[i]))) return 1;
    return 0;
}

/* Replicas whose directions are a third of their sites and more: averages have a bias of the order of 1/sites that standard errors do not show (0.004 in an
 * outlier of 2.33 at a half, not to be seen at a quarter). A replica with moment matching is exact where it is linear. */
int run_networks_store_kernels(const char *model) { return strcmp(model, "mlp") == 0; }

int run_has_few_sites(const dmft_trajectory *result)
{
    static const double many = 1.0 / 3.0;
    char solver[32] = "", matched[8] = "";
    double sites = dmft_trajectory_number(result, "sites"), met = dmft_trajectory_number(result, "directions_A1_in");
    const char *config = dmft_trajectory_text(result, "config");
    if (config == NULL || !outline_find(config, "solver", solver, sizeof solver) || strcmp(solver, "revealed") != 0) return 0;
    (void)outline_find(config, "sampling.moment_matching", matched, sizeof matched);
    return strcmp(matched, "true") != 0 && isgreater(met, many * sites);
}

static void warn_of_few_sites(const dmft_trajectory *result)
{
    double sites = dmft_trajectory_number(result, "sites"), met = dmft_trajectory_number(result, "directions_A1_in");
    if (!run_has_few_sites(result)) return;
    (void)fprintf(stderr, "note: %.0f directions of %.0f sites: averages may be biased by more than their errors; more sampling.sites\n", met, sites);
}

static void print_summary(const struct run *r, const dmft_trajectory *result, double seconds)
{
    char text[SECONDS_TEXT];
    format_seconds(text, seconds);
    (void)fprintf(stderr, "wrote %s: %zu steps in %s", r->output, dmft_trajectory_rows(result), text);
    if (!isnan(dmft_trajectory_number(result, "seeds"))) (void)fprintf(stderr, ", %.0f networks", dmft_trajectory_number(result, "seeds"));
    if (!isnan(dmft_trajectory_number(result, "replicas"))) (void)fprintf(stderr, ", %.0f replicas", dmft_trajectory_number(result, "replicas"));
    (void)fputc('\n', stderr);
    if (has_directions(result)) {
        char tolerance[32] = "";
        const char *config = dmft_problem_text(r->problem);
        if (!outline_find(config, "tolerance", tolerance, sizeof tolerance)) (void)outline_find(config, "sampling.tolerance", tolerance, sizeof tolerance);
        (void)fprintf(stderr, "directions at tolerance %s: ", tolerance);
        print_numbers(stderr, result, "directions_");
        (void)fputc('\n', stderr);
        warn_of_few_sites(result);
    }
}

int run_not_written(int status, const dmft_error *err)
{
    if (status != DMFT_ERROR_EXISTS) return program_failed(status, err);
    return program_error(STATUS_USAGE, "%s: somebody else has written it since this run began, and it is not overwritten", err->text);
}

/* A result whose place somebody else has taken is kept under the first name that is free: output.1, output.2, .. */
static int keep_beside(const struct run *r, const dmft_trajectory *result)
{
    enum { TRIES = 100 };
    dmft_error err;
    int status = DMFT_ERROR_EXISTS;
    size_t room = strlen(r->output) + 8;
    char *name = malloc(room);
    for (int i = 1; name != NULL && status == DMFT_ERROR_EXISTS && i < TRIES; i++) {
        (void)snprintf(name, room, "%s.%d", r->output, i);
        status = dmft_trajectory_write(result, name, 0, &err);
    }
    int code = program_error(STATUS_USAGE, "%s exists already: somebody else has written it since this run began, and it is not overwritten; this result is %s",
                             r->output, status == DMFT_OK ? name : "lost");
    free(name);
    return code;
}

static int finish(const struct run *r, dmft_trajectory *result, double seconds)
{
    dmft_error err;
    int status = run_add_provenance(r->o, r->threads, seconds, result, &err);
    signals_hold();
    if (status == DMFT_OK) status = dmft_trajectory_write(result, r->output, options_given(r->o, OPTION_force), &err);
    int overtaken = status == DMFT_ERROR_EXISTS ? keep_beside(r, result) : STATUS_DONE;
    signals_release();
    if (overtaken != STATUS_DONE) return overtaken;
    if (status != DMFT_OK) return program_failed(status, &err);
    if (!options_given(r->o, OPTION_quiet)) print_summary(r, result, seconds);
    if (dmft_trajectory_diverged_at(result) < 0) return STATUS_DONE;
    char flow[8] = "";
    (void)outline_find(dmft_problem_text(r->problem), "training.flow", flow, sizeof flow);
    char networks[96] = "";
    double mean = dmft_trajectory_number(result, "diverged_mean");
    if (!isnan(mean))
        (void)snprintf(networks, sizeof networks, " (%.0f of %.0f networks, at %.4g on average)", dmft_trajectory_number(result, "seeds_diverged"),
                       dmft_trajectory_number(result, "seeds"), mean);
    return program_error(STATUS_DIVERGED, "diverged at step %ld%s; %s holds the steps before%s", dmft_trajectory_diverged_at(result), networks, r->output,
                         strcmp(flow, "true") == 0 ? " (a flow does not diverge: the intervals of the grid are too long for this method)" : "");
}

int run_stopped(const options *o, const progress *p, const char *checkpoint)
{
    int number = signals_noted();
    char what[512] = "nothing was written";
    if (checkpoint != NULL) (void)snprintf(what, sizeof what, "the same command with --resume %s goes on from there", checkpoint);
    return program_error(STATUS_SIGNAL + number, "%s: stopped by signal %d (%s) at %s %ld of %ld; %s", options_command(o), number,
                         signals_name(number), progress_unit(&p->last), p->last.done, p->last.total, what);
}

static int run_and_write(struct run *r)
{
    dmft_error err;
    dmft_trajectory *result = NULL;
    progress_begin(&r->progress, r->kind->name, options_given(r->o, OPTION_quiet), r->resumed_at);
    dmft_run_options how = {.memory_limit = (size_t)r->memory_limit,
                            .threads = r->threads,
                            .progress = progress_report,
                            .user = &r->progress,
                            .checkpoint = r->checkpoint,
                            .checkpoint_every = r->every,
                            .resume = r->resume,
                            .blas = r->blas};
    int status = r->kind->run(r->problem, &how, &result, &err);
    double seconds = clock_now() - r->progress.begin;
    progress_end(&r->progress);
    if (status == DMFT_STOPPED) return run_stopped(r->o, &r->progress, r->checkpoint);
    if (status < 0) return program_failed(status, &err);
    status = finish(r, result, seconds);
    dmft_trajectory_free(result);
    return status;
}

int run_problem(const options *o, const struct run_kind *kind)
{
    struct run r = {.o = o, .kind = kind};
    int status = run_read_limits(o, &r.threads, &r.memory_limit);
    if (status == STATUS_DONE) openblas_set_num_threads(kind->blas_threads ? r.threads : 1);
    if (status == STATUS_DONE) status = read_checkpoint_options(&r);
    if (status == STATUS_DONE) status = check_output(&r);
    if (status == STATUS_DONE) status = read_problem(&r);
    if (status == STATUS_DONE) status = check_checkpoint(&r);
    if (status == STATUS_DONE) status = state_needs(&r);
    if (status < 0) status = run_and_write(&r);
    dmft_problem_free(r.problem);
    return status;
}
