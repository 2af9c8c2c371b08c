/* From a configuration to a problem: what is required is there, what belongs together fits, and all of it is written as YAML. */
#include "base/problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/config.h"

static const struct config_value *value_of(const dmft_config *config, enum setting_id id) { return &config->value[id]; }
static double number(const dmft_config *config, enum setting_id id) { return value_of(config, id)->number[0]; }

static int flow(const dmft_config *config) { return number(config, SETTING_TRAINING_FLOW) != 0.0; }

/* Every value belongs to the model, and no required one is missing. The model is the first row. */
static int check_rows(const dmft_config *config, dmft_error *err)
{
    const struct config_place whole = {config->file, 0, 0};
    char model[SETTINGS_WORD] = "";
    if (config->value[SETTING_MODEL].given) config_word(config, SETTING_MODEL, model);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        const struct config_value *value = &config->value[i];
        int status = value->given ? config_admit(config, row, row->key, &value->place, err) : 0;
        if (status < 0) return status;
        if (!row->available || row->need != NEED_REQUIRED || value->given || !settings_belongs(row, model)) continue;
        if (i == SETTING_TRAINING_LEARNING_RATE && flow(config)) continue;
        return config_error(err, DMFT_ERROR_CONFIG, &whole, NULL, "%s is missing: %s", row->key, row->shape);
    }
    return 0;
}

static int check_variances(const dmft_config *config, dmft_error *err)
{
    const struct config_value *value = value_of(config, SETTING_NETWORK_WEIGHT_VARIANCE);
    size_t expected = (size_t)number(config, SETTING_NETWORK_DEPTH) + 1;
    if (!value->list || value->count == expected) return 0;
    return config_error(err, DMFT_ERROR_CONFIG, &value->place, "network.weight_variance",
                        "one number, or a list for A_0 .. A_{L-1} and the readout: L+1 = %zu numbers, got %zu", expected, value->count);
}

/* A setting that is refused as things are. */
static int refuse(const dmft_config *config, enum setting_id id, const char *why, dmft_error *err)
{
    return config_error(err, DMFT_ERROR_CONFIG, &value_of(config, id)->place, settings_table[id].key, "%s", why);
}

/* What belongs to a method and to gradient flow stands beside it, and nothing else does. */
static int check_method(const dmft_config *config, dmft_error *err)
{
    const struct config_place whole = {config->file, 0, 0};
    enum grid grid = (enum grid)number(config, SETTING_GRID_KIND);
    enum method method = (enum method)number(config, SETTING_METHOD);
    const struct config_value *first = value_of(config, SETTING_GRID_FIRST);
    if (method == METHOD_LAZY && number(config, SETTING_OUTPUT_KERNELS) != 0.0)
        return refuse(config, SETTING_OUTPUT_KERNELS, "method lazy gives responses as series of t - s, no two-time kernels: false", err);
    if (!flow(config)) {
        if (value_of(config, SETTING_TRAINING_TIME)->given) return refuse(config, SETTING_TRAINING_TIME, "belongs to training.flow: true", err);
        if (grid != GRID_UNIFORM) return refuse(config, SETTING_GRID_KIND, "a grid of time belongs to training.flow: true", err);
        return first->given ? refuse(config, SETTING_GRID_FIRST, "a grid of time belongs to training.flow: true", err) : 0;
    }
    if (value_of(config, SETTING_TRAINING_LEARNING_RATE)->given)
        return refuse(config, SETTING_TRAINING_LEARNING_RATE, "gradient flow has no learning rate; remove it, or training.flow", err);
    if (!value_of(config, SETTING_TRAINING_TIME)->given)
        return config_error(err, DMFT_ERROR_CONFIG, &whole, NULL, "training.time is missing: %s; training.flow needs it",
                            settings_table[SETTING_TRAINING_TIME].shape);
    if (method == METHOD_LAZY) return refuse(config, SETTING_METHOD, "lazy has gradient descent only, no training.flow: basis | rows", err);
    if (method == METHOD_ROWS && grid == GRID_ADAPTIVE)
        return refuse(config, SETTING_GRID_KIND, "method rows takes uniform | geometric; adaptive is for method basis", err);
    if (grid == GRID_ADAPTIVE && number(config, SETTING_GRID_TOLERANCE) == 0.0)
        return refuse(config, SETTING_GRID_TOLERANCE, "an adaptive grid goes by the error: a tolerance above 0", err);
    if (first->given && grid != GRID_GEOMETRIC) return refuse(config, SETTING_GRID_FIRST, "belongs to grid.kind: geometric", err);
    double even = number(config, SETTING_TRAINING_TIME) / number(config, SETTING_TRAINING_STEPS);
    if (first->given && first->number[0] > even)
        return config_error(err, DMFT_ERROR_CONFIG, &first->place, "grid.first", "at most training.time/training.steps = %.12g, got %.12g", even,
                            first->number[0]);
    return 0;
}

static void print_problem(FILE *out, const dmft_config *config)
{
    const char *section = "";
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        if (config->value[i].number == NULL) continue;
        if (strcmp(row->section, section) != 0) fprintf(out, "%s:\n", row->section);
        section = row->section;
        fprintf(out, "%s%s: ", *section != '\0' ? "  " : "", row->name);
        config_value_print(out, row, &config->value[i]);
        fputc('\n', out);
    }
}

/* The canonical text, or NULL when out of memory. */
static char *problem_text(const dmft_config *config)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    print_problem(out, config);
    int failed = ferror(out);
    if (fclose(out) == 0 && !failed) return text;
    free(text);
    return NULL;
}

static void fill_numbers(struct dmft_problem *p, const dmft_config *config)
{
    p->depth = (int)number(config, SETTING_NETWORK_DEPTH);
    p->width_ratio = number(config, SETTING_NETWORK_WIDTH_RATIO);
    p->parameterization = (enum parameterization)number(config, SETTING_NETWORK_PARAMETERIZATION);
    p->gamma0 = number(config, SETTING_NETWORK_GAMMA0);
    p->sample_ratio = number(config, SETTING_DATA_SAMPLE_RATIO);
    p->label_noise = number(config, SETTING_DATA_LABEL_NOISE);
    p->batch = (enum batch)number(config, SETTING_DATA_BATCH);
    p->flow = flow(config);
    p->learning_rate = p->flow ? 1.0 : number(config, SETTING_TRAINING_LEARNING_RATE);
    p->steps = (long)number(config, SETTING_TRAINING_STEPS);
    p->rows = p->flow ? p->steps + 1 : p->steps;
    p->method = (enum method)number(config, SETTING_METHOD);
    p->tolerance = number(config, SETTING_TOLERANCE);
    p->outlier_count = (int)number(config, SETTING_OUTLIERS_COUNT);
    p->outlier_every = (long)number(config, SETTING_OUTLIERS_EVERY);
    p->store_kernels = (int)number(config, SETTING_OUTPUT_KERNELS);
    p->simulation.given = value_of(config, SETTING_SIMULATION_INPUT_DIM)->given;
    p->simulation.input_dim = (long)number(config, SETTING_SIMULATION_INPUT_DIM);
    p->simulation.seeds = (long)number(config, SETTING_SIMULATION_SEEDS);
    p->simulation.seed = (unsigned long)number(config, SETTING_SIMULATION_SEED);
}

static void fill_grid(struct dmft_problem *p, const dmft_config *config)
{
    p->grid = (enum grid)number(config, SETTING_GRID_KIND);
    p->grid_tolerance = number(config, SETTING_GRID_TOLERANCE);
    if (!p->flow) return;
    p->time = number(config, SETTING_TRAINING_TIME);
    const struct config_value *first = value_of(config, SETTING_GRID_FIRST);
    p->grid_first = first->given ? first->number[0] : fmin(0.01, p->time / (double)p->steps);
}

static void fill_variances(struct dmft_problem *p, const struct config_value *value)
{
    for (int l = 0; l <= p->depth; l++) p->weight_variance[l] = value->number[value->list ? l : 0];
}

static dmft_problem *make(const dmft_config *config)
{
    char model[SETTINGS_WORD];
    struct dmft_problem *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    fill_numbers(p, config);
    fill_grid(p, config);
    p->model = memory_string(config_word(config, SETTING_MODEL, model));
    p->weight_variance = memory_doubles((size_t)p->depth + 1);
    p->text = problem_text(config);
    if (p->model != NULL && p->weight_variance != NULL && p->text != NULL) {
        fill_variances(p, value_of(config, SETTING_NETWORK_WEIGHT_VARIANCE));
        return p;
    }
    dmft_problem_free(p);
    return NULL;
}

int dmft_problem_create(dmft_problem **out, const dmft_config *config, dmft_error *err)
{
    int status = check_rows(config, err);
    if (status == 0) status = check_variances(config, err);
    if (status == 0) status = check_method(config, err);
    if (status < 0) return status;
    dmft_problem *problem = make(config);
    if (problem == NULL) return error_memory(err, (double)sizeof *problem);
    *out = problem;
    return 0;
}

const char *dmft_problem_text(const dmft_problem *problem) { return problem->text; }
long dmft_problem_steps(const dmft_problem *problem) { return problem->steps; }
long dmft_problem_rows(const dmft_problem *problem) { return problem->rows; }
int dmft_problem_depth(const dmft_problem *problem) { return problem->depth; }

void dmft_problem_free(dmft_problem *problem)
{
    if (problem == NULL) return;
    free(problem->model);
    free(problem->weight_variance);
    free(problem->text);
    free(problem);
}
