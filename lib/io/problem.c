/* From a configuration to a problem: what is required is there, what belongs together fits, and all of it is written as YAML. What is particular to a
 * model is in problem_MODEL.c. */
#include "io/problem.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

const struct config_value *problem_value(const dmft_config *config, enum setting_id id) { return &config->value[id]; }

double problem_number(const dmft_config *config, enum setting_id id) { return problem_value(config, id)->number[0]; }

/* Before the model is known to be the one that has it, too. */
int problem_flow(const dmft_config *config) { return problem_number(config, SETTING_TRAINING_FLOW) != 0.0; }

int problem_refuse(const dmft_config *config, enum setting_id id, const char *why, dmft_error *err)
{
    return config_error(err, DMFT_ERROR_CONFIG, &problem_value(config, id)->place, settings_table[id].key, "%s", why);
}

int problem_missing(const dmft_config *config, enum setting_id id, const char *why, dmft_error *err)
{
    const struct config_place whole = {config->file, 0, 0};
    return config_error(err, DMFT_ERROR_CONFIG, &whole, NULL, "%s is missing: %s%s", settings_table[id].key, settings_table[id].shape, why);
}

/* In the order of enum model_kind. */
static const struct {
    int (*settle)(struct problem_draft *draft, dmft_error *err);
    int (*fill)(struct dmft_problem *problem, struct problem_draft *draft);
} models[] = {
    [MODEL_DEEP_LINEAR] = {problem_settle_deep_linear, problem_fill_deep_linear},
    [MODEL_MLP] = {problem_settle_mlp, problem_fill_mlp},
};

/* Every value belongs to the model, and no required one is missing. The model is the first row. */
static int check_rows(const dmft_config *config, dmft_error *err)
{
    char model[SETTINGS_WORD] = "";
    if (config->axes > 0)
        return config_error(err, DMFT_ERROR_CONFIG, &config->axis[0].place, "sweep", "is for dmft sweep: one run has one value of each setting");
    if (config->value[SETTING_MODEL].given) config_word(config, SETTING_MODEL, model);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        const struct config_value *value = &config->value[i];
        int status = value->given ? config_admit(config, row, row->key, &value->place, err) : 0;
        if (status < 0) return status;
        if (row->need != NEED_REQUIRED || value->given || !settings_belongs(row, model) || !settings_available(row, model)) continue;
        if (i == SETTING_TRAINING_LEARNING_RATE && problem_flow(config)) continue;
        return problem_missing(config, (enum setting_id)i, "", err);
    }
    return 0;
}

static int check_variances(const dmft_config *config, dmft_error *err)
{
    const struct config_value *value = problem_value(config, SETTING_NETWORK_WEIGHT_VARIANCE);
    size_t expected = (size_t)problem_number(config, SETTING_NETWORK_DEPTH) + 1;
    if (!value->list || value->count == expected) return 0;
    return config_error(err, DMFT_ERROR_CONFIG, &value->place, "network.weight_variance",
                        "one number, or a list for A_0 .. A_{L-1} and the readout: L+1 = %zu numbers, got %zu", expected, value->count);
}

static int check_schedule(const dmft_config *config, dmft_error *err)
{
    const struct config_value *schedule = problem_value(config, SETTING_TRAINING_SCHEDULE);
    double steps = problem_number(config, SETTING_TRAINING_STEPS);
    if (schedule->number == NULL || (double)schedule->count == steps) return 0;
    return config_error(err, DMFT_ERROR_CONFIG, &schedule->place, "training.schedule", "one number a step, %.0f, got %zu", steps, schedule->count);
}

/* A section inside of a section stands in one line, "  spectrum: {exponent: 1, modes: 20}". */
void problem_print(FILE *out, const dmft_config *config)
{
    char model[SETTINGS_WORD];
    const char *section = "";
    int inside = 0;
    config_word(config, SETTING_MODEL, model);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        if (config->value[i].number == NULL || !settings_belongs(row, model) || !settings_available(row, model)) continue;
        if (config_axis_of(config, row) != NULL) continue;
        int same = strcmp(row->section, section) == 0;
        const char *inner = strchr(row->section, '.');
        if (inside && !same) fputs("}\n", out);
        if (!same && inner != NULL)
            fprintf(out, "  %s: {", inner + 1);
        else if (!same && *row->section != '\0')
            fprintf(out, "%s:\n", row->section);
        inside = inner != NULL;
        section = row->section;
        fputs(inside ? (same ? ", " : "") : *section != '\0' ? "  " : "", out);
        fprintf(out, "%s: ", row->name);
        config_value_print(out, row, &config->value[i]);
        if (!inside) fputc('\n', out);
    }
    if (inside) fputs("}\n", out);
}

static void print_problem(FILE *out, const struct problem_draft *draft)
{
    problem_print(out, &draft->config);
    if (draft->remark[0] != '\0') fprintf(out, "# %s\n", draft->remark);
}

/* The canonical text, or NULL when out of memory. */
static char *problem_text(const struct problem_draft *draft)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    print_problem(out, draft);
    int failed = ferror(out);
    if (fclose(out) == 0 && !failed) return text;
    free(text);
    return NULL;
}

/* What all models have. */
static void fill_numbers(struct dmft_problem *p, const dmft_config *config)
{
    p->kind = (enum model_kind)problem_number(config, SETTING_MODEL);
    p->depth = (int)problem_number(config, SETTING_NETWORK_DEPTH);
    p->parameterization = (enum parameterization)problem_number(config, SETTING_NETWORK_PARAMETERIZATION);
    p->gamma0 = problem_number(config, SETTING_NETWORK_GAMMA0);
    p->learning_rate = problem_flow(config) ? 1.0 : problem_number(config, SETTING_TRAINING_LEARNING_RATE);
    p->steps = p->rows = (long)problem_number(config, SETTING_TRAINING_STEPS);
    p->momentum = problem_number(config, SETTING_TRAINING_MOMENTUM);
    p->weight_decay = problem_number(config, SETTING_TRAINING_WEIGHT_DECAY);
    p->batch_fraction = 1.0;
    p->probes.ntk = (int)problem_number(config, SETTING_PROBES_NTK);
    p->probes.sharpness = (int)problem_number(config, SETTING_PROBES_SHARPNESS);
    p->probes.every = (long)problem_number(config, SETTING_PROBES_EVERY);
    p->probes.rows = (long)problem_number(config, SETTING_PROBES_ROWS);
    p->outlier_count = (int)problem_number(config, SETTING_OUTLIERS_COUNT);
    p->outlier_every = (long)problem_number(config, SETTING_OUTLIERS_EVERY);
    p->store_kernels = (int)problem_number(config, SETTING_OUTPUT_KERNELS);
    p->simulation.seeds = (long)problem_number(config, SETTING_SIMULATION_SEEDS);
    p->simulation.seed = (unsigned long)problem_number(config, SETTING_SIMULATION_SEED);
    p->simulation.engine = (enum engine)problem_number(config, SETTING_SIMULATION_ENGINE);
}

static void fill_variances(struct dmft_problem *p, const struct config_value *value)
{
    for (int l = 0; l <= p->depth; l++) p->weight_variance[l] = value->number[value->list ? l : 0];
}

/* 0 when out of memory. */
static int fill_schedule(struct dmft_problem *p, const struct config_value *value)
{
    if (value->number == NULL) return 1;
    p->schedule = memory_doubles(value->count);
    if (p->schedule == NULL) return 0;
    memcpy(p->schedule, value->number, value->count * sizeof *p->schedule);
    return 1;
}

static dmft_problem *make(struct problem_draft *draft)
{
    char model[SETTINGS_WORD];
    const dmft_config *config = &draft->config;
    struct dmft_problem *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    fill_numbers(p, config);
    p->model = memory_string(config_word(config, SETTING_MODEL, model));
    p->weight_variance = memory_doubles((size_t)p->depth + 1);
    p->text = problem_text(draft);
    if (p->model != NULL && p->weight_variance != NULL && p->text != NULL &&
        fill_schedule(p, problem_value(config, SETTING_TRAINING_SCHEDULE)) && models[p->kind].fill(p, draft)) {
        fill_variances(p, problem_value(config, SETTING_NETWORK_WEIGHT_VARIANCE));
        return p;
    }
    dmft_problem_free(p);
    return NULL;
}

int dmft_problem_create(dmft_problem **out, const dmft_config *config, dmft_error *err)
{
    struct problem_draft draft = {.config = *config};
    dmft_problem *problem = NULL;
    int status = check_rows(config, err);
    if (status == 0) status = check_variances(config, err);
    if (status == 0) status = check_schedule(config, err);
    if (status == 0) status = models[(int)problem_number(config, SETTING_MODEL)].settle(&draft, err);
    if (status == 0) {
        problem = make(&draft);
        if (problem == NULL) status = error_memory(err, (double)sizeof *problem);
    }
    data_set_free(&draft.data);
    free(draft.rows);
    if (status == 0) *out = problem;
    return status;
}

const char *dmft_problem_text(const dmft_problem *problem) { return problem->text; }
long dmft_problem_steps(const dmft_problem *problem) { return problem->steps; }
long dmft_problem_rows(const dmft_problem *problem) { return problem->rows; }
int dmft_problem_depth(const dmft_problem *problem) { return problem->depth; }

static void free_mlp(struct mlp_problem *mlp)
{
    free(mlp->activation_name);
    free(mlp->gram);
    free(mlp->target);
    free(mlp->test_target);
    free(mlp->chosen);
}

void dmft_problem_free(dmft_problem *problem)
{
    if (problem == NULL) return;
    free_mlp(&problem->mlp);
    free(problem->schedule);
    free(problem->weight_factor);
    free(problem->injected_variance);
    free(problem->eigenvalue);
    free(problem->target_mode);
    free(problem->model);
    free(problem->weight_variance);
    free(problem->text);
    free(problem);
}
