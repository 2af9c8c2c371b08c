/* From a configuration to a problem: what is required is there, what belongs together fits, and all of it is written as YAML. What is particular to a
 * model is in problem_MODEL.c. */
#include "io/problem.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

const struct config_value *problem_value(const dmft_config *config, enum setting_id id) { return &config->value[id]; }

double problem_number(const dmft_config *config, enum setting_id id) { return problem_value(config, id)->number[0]; }

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

void problem_put(struct problem_draft *draft, int place, enum setting_id id, double number)
{
    draft->single[place] = number;
    draft->config.value[id].number = &draft->single[place];
    draft->config.value[id].count = 1;
}

char *config_file_name(const dmft_config *config, const struct config_value *value)
{
    char *name = config_text(value);
    int beside = name != NULL && name[0] != '/' && value->place.file != NULL && config->directory != NULL;
    if (!beside) return name;
    size_t length = strlen(config->directory) + strlen(name) + 1;
    char *whole = malloc(length);
    if (whole != NULL) (void)snprintf(whole, length, "%s%s", config->directory, name);
    free(name);
    return whole;
}

char *problem_file_name(const dmft_config *config, enum setting_id id) { return config_file_name(config, problem_value(config, id)); }

/* The start, and what each step leaves. */
static size_t rows_of_steps(const dmft_config *config)
{
    const struct config_value *steps = problem_value(config, SETTING_TRAINING_STEPS);
    return steps->number != NULL ? (size_t)steps->number[0] + 1 : 0;
}

/* A model that is built has all of it. */
static const struct {
    int (*settle)(struct problem_draft *draft, dmft_error *err);
    int (*fill)(struct dmft_problem *problem, struct problem_draft *draft);
    size_t (*rows)(const dmft_config *config); /* of a result; 0 where what says so is missing */
    int (*spares)(const dmft_config *config, enum setting_id id); /* a required setting that may be missing here; NULL: there is none */
} models[MODEL_COUNT] = {
    [MODEL_DEEP_LINEAR] = {problem_settle_deep_linear, problem_fill_deep_linear, problem_rows_network, problem_spares_deep_linear},
    [MODEL_MLP] = {problem_settle_mlp, problem_fill_mlp, problem_rows_network, NULL},
    [MODEL_EXTENSIVE_OUTPUT] = {problem_settle_extensive_output, problem_fill_extensive_output, problem_rows_extensive_output,
                                problem_spares_extensive_output},
    [MODEL_NOISY_MATRIX] = {problem_settle_noisy_matrix, problem_fill_noisy_matrix, rows_of_steps, problem_spares_noisy_matrix},
    [MODEL_LOW_DEGREE_FILTER] = {problem_settle_low_degree_filter, problem_fill_low_degree_filter, problem_rows_low_degree_filter, NULL},
    [MODEL_TWO_LAYER_LINEAR_WIDTH] = {problem_settle_two_layer, problem_fill_two_layer, rows_of_steps, NULL},
};

size_t problem_rows(const dmft_config *config) { return models[(int)problem_number(config, SETTING_MODEL)].rows(config); }

static int spared(const dmft_config *config, enum setting_id id)
{
    if (!problem_value(config, SETTING_MODEL)->given) return 0;
    int (*spares)(const dmft_config *, enum setting_id) = models[(int)problem_number(config, SETTING_MODEL)].spares;
    return spares != NULL && spares(config, id);
}

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
        if (row->need != NEED_REQUIRED || value->given || !settings_belongs(row, model)) continue;
        if (!spared(config, (enum setting_id)i)) return problem_missing(config, (enum setting_id)i, "", err);
    }
    return 0;
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
        if (config->value[i].number == NULL || !settings_belongs(row, model)) continue;
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

static dmft_problem *make(struct problem_draft *draft)
{
    char model[SETTINGS_WORD];
    const dmft_config *config = &draft->config;
    struct dmft_problem *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->kind = (enum model_kind)problem_number(config, SETTING_MODEL);
    p->simulation.seeds = (long)problem_number(config, SETTING_SIMULATION_SEEDS);
    p->simulation.seed = (unsigned long)problem_number(config, SETTING_SIMULATION_SEED);
    p->model = memory_string(config_word(config, SETTING_MODEL, model));
    p->text = problem_text(draft);
    if (p->model != NULL && p->text != NULL && models[p->kind].fill(p, draft)) return p;
    dmft_problem_free(p);
    return NULL;
}

int dmft_problem_create(dmft_problem **out, const dmft_config *config, dmft_error *err)
{
    struct problem_draft draft = {.config = *config};
    dmft_problem *problem = NULL;
    int status = check_rows(config, err);
    if (status == 0) status = models[(int)problem_number(config, SETTING_MODEL)].settle(&draft, err);
    if (status == 0) {
        problem = make(&draft);
        if (problem == NULL) status = error_memory(err, (double)sizeof *problem);
    }
    data_set_free(&draft.data);
    data_table_free(&draft.train);
    data_table_free(&draft.test);
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
    free(problem->filter.input);
    free(problem->filter.label);
    free(problem->extensive_output.time);
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
