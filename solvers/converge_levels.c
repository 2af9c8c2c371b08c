/* The levels of a study of convergence: the settings of each, what all of them take, and one run.
 *
 *   in step, gradient descent   learning_rate/2^i, steps 2^i, and what a step takes and adds by itself: weight_decay/2^i, 1 - (1 - weight_factor)/2^i,
 *                               injected_variance/2^i (noise in the gradient goes with the step already)
 *            gradient flow      steps 2^i between the same times; an adaptive grid: grid.tolerance/10^i
 *   in width                    input_dim 2^i (model mlp: width 2^i), networks of another seed
 *   in seeds                    n, n, 2n, 4n, .. networks, each set of another seed: the first i+1 sets are n 2^i networks
 *
 * Outliers are recorded at times that the levels share: those of level 0, from level 2 on four times as often. */
#include <cblas.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/grid.h"
#include "converge.h"
#include "io/number.h"
#include "io/print.h"
#include "io/settings.h"
#include "program.h"

static const double away = 1e-3; /* of the edge; below, an outlier's distance from it is mostly a difference of escape times */

/* ---- settings ---- */

static int set_real(struct converge *s, const char *key, double value, dmft_error *err)
{
    char text[NUMBER_TEXT];
    number_format(text, value);
    return dmft_config_set(s->config, key, text, err);
}

static int set_count(struct converge *s, const char *key, double value, dmft_error *err)
{
    char text[NUMBER_TEXT];
    (void)snprintf(text, sizeof text, "%.0f", value);
    return dmft_config_set(s->config, key, text, err);
}

/* The first interval of a geometric grid with 2^level intervals in each one of the problem's, whose factor r becomes r^(1/2^level): one
 * interval x is halved into x/(1 + sqrt r) and sqrt r times as much. */
static int first_interval(const struct dmft_problem *p, size_t level, double *first, dmft_error *err)
{
    size_t n = (size_t)p->steps;
    double *time = memory_doubles(n + 1);
    if (time == NULL) return error_memory(err, 8.0 * (double)n);
    int status = grid_times(p, time, err);
    if (status == DMFT_OK) {
        double factor = n > 1 ? pow((time[n] - time[n - 1]) / (time[1] - time[0]), 1.0 / (double)(n - 1)) : 1.0, x = time[1] - time[0];
        for (size_t i = 0; i < level; i++) {
            factor = sqrt(factor);
            x /= 1.0 + factor;
        }
        *first = fmin(x, p->time / ((double)n * exp2((double)level)));
    }
    free(time);
    return status;
}

static int set_flow(struct converge *s, size_t level, dmft_error *err)
{
    const struct dmft_problem *p = s->problem;
    double finer = exp2((double)level), first = NAN;
    if (p->grid == GRID_ADAPTIVE) {
        s->parameter = "grid.tolerance";
        s->setting[level] = p->grid_tolerance / pow(10.0, (double)level);
        return set_real(s, "grid.tolerance", s->setting[level], err);
    }
    int status = set_count(s, "training.steps", (double)p->steps * finer, err);
    if (status == DMFT_OK && p->method == METHOD_BASIS) status = set_real(s, "grid.tolerance", 0.0, err);
    if (status == DMFT_OK && p->grid == GRID_GEOMETRIC) status = first_interval(p, level, &first, err);
    if (status == DMFT_OK && p->grid == GRID_GEOMETRIC) status = set_real(s, "grid.first", first, err);
    s->parameter = "interval";
    s->setting[level] = p->time / ((double)p->steps * finer);
    return status;
}

/* Sets what the model has. */
static int set_if_there(struct converge *s, const char *key, const char *value, dmft_error *err)
{
    return settings_belongs(settings_find(key), s->problem->model) ? dmft_config_set(s->config, key, value, err) : DMFT_OK;
}

/* A list of a number for every matrix: what a step gives is `rest` without training, and comes nearer to it by 2^level. */
static int set_list(struct converge *s, const char *key, const double *value, double rest, double finer, dmft_error *err)
{
    char text[66 * NUMBER_TEXT] = "["; /* L + 1 <= 65 */
    for (int l = 0; l <= s->problem->depth; l++) {
        char number[NUMBER_TEXT];
        number_format(number, rest + (value[l] - rest) / finer);
        size_t have = strlen(text);
        (void)snprintf(text + have, sizeof text - have, "%s%s", number, l < s->problem->depth ? ", " : "]");
    }
    return dmft_config_set(s->config, key, text, err);
}

/* Decay and noise are so much a step: by their part of it they are so much a time, and the levels have one limit. */
static int set_decay(struct converge *s, double finer, dmft_error *err)
{
    const struct dmft_problem *p = s->problem;
    if (p->weight_factor != NULL)
        s->also = "1 - weight_factor and injected_variance";
    else if (p->weight_decay > 0.0)
        s->also = "weight_decay";
    if (p->weight_factor == NULL) return p->weight_decay > 0.0 ? set_real(s, "training.weight_decay", p->weight_decay / finer, err) : DMFT_OK;
    int status = set_real(s, "training.weight_decay", 0.0, err); /* the factors have it */
    if (status == DMFT_OK) status = set_list(s, "network.weight_factor", p->weight_factor, 1.0, finer, err);
    return status == DMFT_OK ? set_list(s, "network.injected_variance", p->injected_variance, 0.0, finer, err) : status;
}

static int set_step(struct converge *s, size_t level, dmft_error *err)
{
    const struct dmft_problem *p = s->problem;
    if (!settings_belongs(&settings_table[SETTING_TRAINING_LEARNING_RATE], p->model) || p->kind == MODEL_TWO_LAYER_LINEAR_WIDTH) /* one large step */
        return error_set(err, DMFT_ERROR_ARGUMENT, "the theory of model %s has no step to halve: --in width or --in seeds", p->model);
    double finer = exp2((double)level), dense = exp2(fmin((double)level, CONVERGE_DENSE)), every = fmin((double)p->outlier_every, (double)p->rows);
    int status = set_if_there(s, "output.kernels", "false", err);
    if (status == DMFT_OK) status = set_if_there(s, "output.weights", "false", err);
    if (status == DMFT_OK && settings_belongs(&settings_table[SETTING_OUTLIERS_EVERY], p->model))
        status = set_count(s, "outliers.every", p->flow && p->grid == GRID_ADAPTIVE ? 1.0 : every * finer / dense, err);
    if (status == DMFT_OK && p->kind == MODEL_MLP && p->mlp.represent_every > 0)
        status = set_count(s, "output.representations", fmin((double)p->mlp.represent_every, (double)p->rows) * finer, err); /* the same times */
    if (status != DMFT_OK) return status;
    if (p->flow) return set_flow(s, level, err);
    s->parameter = "learning_rate";
    s->setting[level] = p->learning_rate / finer;
    status = set_real(s, "training.learning_rate", s->setting[level], err);
    if (status == DMFT_OK) status = set_decay(s, finer, err);
    return status == DMFT_OK ? set_count(s, "training.steps", (double)p->steps * finer, err) : status;
}

/* Seeds are 32 bits. */
static int set_seed(struct converge *s, size_t level, dmft_error *err)
{
    return set_count(s, "simulation.seed", fmod((double)s->problem->simulation.seed + (double)level, 4294967296.0), err);
}

static int set_width(struct converge *s, size_t level, dmft_error *err)
{
    int mlp = s->problem->kind == MODEL_MLP; /* its inputs stay finite in number */
    long first = mlp ? s->problem->simulation.width : s->problem->simulation.input_dim;
    s->parameter = mlp ? "width" : "input_dim";
    s->setting[level] = (double)first * exp2((double)level);
    int status = set_seed(s, level, err);
    return status == DMFT_OK ? set_count(s, mlp ? "simulation.width" : "simulation.input_dim", s->setting[level], err) : status;
}

static int set_seeds(struct converge *s, size_t level, dmft_error *err)
{
    double networks = (double)s->problem->simulation.seeds * exp2((double)level);
    s->parameter = "seeds";
    s->setting[level] = networks;
    int status = set_seed(s, level, err);
    return status == DMFT_OK ? set_count(s, "simulation.seeds", level == 0 ? networks : 0.5 * networks, err) : status;
}

int converge_level(struct converge *s, size_t level, dmft_problem **out)
{
    static int (*const set[])(struct converge *, size_t, dmft_error *) = {
        [CONVERGE_STEP] = set_step, [CONVERGE_WIDTH] = set_width, [CONVERGE_SEEDS] = set_seeds};
    dmft_error err;
    if (s->problem->kind == MODEL_LOW_DEGREE_FILTER)
        return program_error(STATUS_USAGE, "converge: model %s has no steps to halve; for its features set data.shared and compare several network.features",
                             s->problem->model);
    if (s->in != CONVERGE_STEP && s->problem->simulation.seeds < 2)
        return program_error(STATUS_USAGE, "converge: standard errors need at least two networks, simulation.seeds is %ld", s->problem->simulation.seeds);
    int status = set[s->in](s, level, &err);
    if (status == DMFT_OK) status = dmft_problem_create(out, s->config, &err);
    return status == DMFT_OK ? STATUS_DONE : program_failed(status, &err);
}

/* ---- what it takes ---- */

static void add_estimate(dmft_estimate *sum, dmft_estimate e)
{
    sum->bytes = fmax(sum->bytes, e.bytes);
    sum->operations += e.operations;
}

static int estimate(struct converge *s, dmft_estimate *sum)
{
    const struct run_kind *kind = s->in == CONVERGE_STEP ? &run_solve : &run_simulate;
    if (s->in == CONVERGE_WIDTH) add_estimate(sum, run_solve.estimate(s->problem, s->threads));
    for (size_t level = 0; level < s->levels; level++) {
        dmft_problem *problem;
        int status = converge_level(s, level, &problem);
        if (status != STATUS_DONE) return status;
        add_estimate(sum, kind->estimate(problem, s->threads));
        dmft_problem_free(problem);
    }
    return STATUS_DONE;
}

int converge_needs(struct converge *s)
{
    char needed[BYTES_TEXT], allowed[BYTES_TEXT];
    dmft_estimate sum = {0};
    int status = estimate(s, &sum);
    if (status != STATUS_DONE) return status;
    format_bytes(needed, sum.bytes);
    format_bytes(allowed, s->memory);
    if (options_given(s->o, OPTION_dry_run)) {
        (void)printf("memory: %s for the largest of %zu levels; %s allowed\n", needed, s->levels, allowed);
        run_print_time(stdout, &sum);
        return STATUS_DONE;
    }
    if (sum.bytes > s->memory)
        return program_error(STATUS_USAGE, "converge: the largest level takes %s of memory, %s are allowed: fewer --levels, or --memory-limit", needed,
                             allowed);
    return -1;
}

/* ---- one run ---- */

int converge_run(struct converge *s, const struct run_kind *kind, const dmft_problem *problem, const char *what, dmft_trajectory **out)
{
    dmft_error err;
    dmft_run_options how = {
        .memory_limit = (size_t)s->memory, .threads = s->threads, .progress = progress_report, .user = &s->progress};
    (void)snprintf(s->label, sizeof s->label, "converge, %s", what);
    s->progress.name = s->label;
    openblas_set_num_threads(kind->blas_threads ? s->threads : 1);
    int status = kind->run(problem, &how, out, &err);
    if (status == DMFT_OK) return STATUS_DONE;
    progress_end(&s->progress);
    if (status == DMFT_STOPPED) return run_stopped(s->o, &s->progress, NULL);
    if (status < 0) return program_failed(status, &err);
    long step = dmft_trajectory_diverged_at(*out);
    dmft_trajectory_free(*out);
    return program_error(STATUS_DIVERGED, "converge: %s diverged at step %ld", what, step);
}

/* ---- series ---- */

static int choose(struct converge *s, int shown, print_columns *columns, dmft_error *err)
{
    const dmft_trajectory *t = s->first;
    if (s->o->value[OPTION_series] != NULL || shown) return print_columns_choose(columns, t, s->o->value[OPTION_series], 0, err);
    *columns = (print_columns){.series = calloc(t->series_count + 1, sizeof *columns->series)};
    if (columns->series == NULL) return error_memory(err, 8.0 * (double)t->series_count);
    for (size_t i = 0; i < t->series_count; i++) columns->series[columns->count++] = &t->series[i];
    return DMFT_OK;
}

int converge_choose(struct converge *s, int shown, const struct trajectory_series ***out, size_t *count)
{
    print_columns columns;
    dmft_error err;
    int status = choose(s, shown, &columns, &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    *count = 0;
    for (size_t i = 0; i < columns.count; i++)
        if (!trajectory_is_place(columns.series[i]->name)) columns.series[(*count)++] = columns.series[i];
    *out = columns.series;
    return STATUS_DONE;
}

struct converge_row *converge_add(struct converge *s, const char *name, const char *ending)
{
    struct converge_row *row = &s->row[s->rows++];
    (void)snprintf(row->name, sizeof row->name, "%s%s", name, ending);
    row->time = NAN;
    for (size_t i = 0; i < DMFT_CONVERGENCE_LEVELS; i++) row->size_error[i] = NAN;
    return row;
}

int converge_governed(const char *series, char outlier[32], char edge[32])
{
    size_t digits = series[0] == 'A' ? strspn(series + 1, "0123456789") : 0, length = strlen(series);
    if (digits == 0 || digits > 6 || series[1 + digits] != '_') return 0;
    int of_outlier = strncmp(series + digits + 2, "outlier", 7) == 0 && length < 32;
    int of_overlap = length > 8 && strcmp(series + length - 8, "_overlap") == 0;
    if (of_outlier)
        (void)snprintf(outlier, 32, "%s", series);
    else
        (void)snprintf(outlier, 32, "%.*s_outlier1", (int)digits + 1, series);
    (void)snprintf(edge, 32, "%.*s_edge", (int)digits + 1, series);
    return of_outlier || of_overlap;
}

int converge_is_away(double z, double edge) { return isfinite(z) && z > (1.0 + away) * edge; }
