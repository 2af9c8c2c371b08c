/* Model deep_linear: what belongs to a method and to gradient flow stands beside it, and nothing else does. */
#include <math.h>

#include "io/problem.h"

static int check_method(const dmft_config *config, dmft_error *err)
{
    const struct config_place whole = {config->file, 0, 0};
    enum grid grid = (enum grid)problem_number(config, SETTING_GRID_KIND);
    enum method method = (enum method)problem_number(config, SETTING_METHOD);
    const struct config_value *first = problem_value(config, SETTING_GRID_FIRST);
    if (method == METHOD_LAZY && problem_number(config, SETTING_OUTPUT_KERNELS) != 0.0)
        return problem_refuse(config, SETTING_OUTPUT_KERNELS, "method lazy gives responses as series of t - s, no two-time kernels: false", err);
    if (!problem_flow(config)) {
        if (problem_value(config, SETTING_TRAINING_TIME)->given) return problem_refuse(config, SETTING_TRAINING_TIME, "belongs to training.flow: true", err);
        if (grid != GRID_UNIFORM) return problem_refuse(config, SETTING_GRID_KIND, "a grid of time belongs to training.flow: true", err);
        return first->given ? problem_refuse(config, SETTING_GRID_FIRST, "a grid of time belongs to training.flow: true", err) : 0;
    }
    if (problem_value(config, SETTING_TRAINING_LEARNING_RATE)->given)
        return problem_refuse(config, SETTING_TRAINING_LEARNING_RATE, "gradient flow has no learning rate; remove it, or training.flow", err);
    if (!problem_value(config, SETTING_TRAINING_TIME)->given)
        return config_error(err, DMFT_ERROR_CONFIG, &whole, NULL, "training.time is missing: %s; training.flow needs it",
                            settings_table[SETTING_TRAINING_TIME].shape);
    if (method == METHOD_LAZY) return problem_refuse(config, SETTING_METHOD, "lazy has gradient descent only, no training.flow: basis | rows", err);
    if (method == METHOD_ROWS && grid == GRID_ADAPTIVE)
        return problem_refuse(config, SETTING_GRID_KIND, "method rows takes uniform | geometric; adaptive is for method basis", err);
    if (grid == GRID_ADAPTIVE && problem_number(config, SETTING_GRID_TOLERANCE) == 0.0)
        return problem_refuse(config, SETTING_GRID_TOLERANCE, "an adaptive grid goes by the error: a tolerance above 0", err);
    if (first->given && grid != GRID_GEOMETRIC) return problem_refuse(config, SETTING_GRID_FIRST, "belongs to grid.kind: geometric", err);
    double even = problem_number(config, SETTING_TRAINING_TIME) / problem_number(config, SETTING_TRAINING_STEPS);
    if (first->given && first->number[0] > even)
        return config_error(err, DMFT_ERROR_CONFIG, &first->place, "grid.first", "at most training.time/training.steps = %.12g, got %.12g", even,
                            first->number[0]);
    return 0;
}

int problem_settle_deep_linear(struct problem_draft *draft, dmft_error *err)
{
    const dmft_config *config = &draft->config;
    const struct config_value *engine = problem_value(config, SETTING_SIMULATION_ENGINE);
    if (engine->number[0] != ENGINE_DENSE)
        return config_error(err, DMFT_ERROR_UNAVAILABLE, &engine->place, "simulation.engine",
                            "revealed is not available in this version for model deep_linear");
    return check_method(config, err);
}

static void fill_grid(struct dmft_problem *p, const dmft_config *config)
{
    p->grid = (enum grid)problem_number(config, SETTING_GRID_KIND);
    p->grid_tolerance = problem_number(config, SETTING_GRID_TOLERANCE);
    if (!p->flow) return;
    p->time = problem_number(config, SETTING_TRAINING_TIME);
    const struct config_value *first = problem_value(config, SETTING_GRID_FIRST);
    p->grid_first = first->given ? first->number[0] : fmin(0.01, p->time / (double)p->steps);
}

int problem_fill_deep_linear(struct dmft_problem *p, struct problem_draft *draft)
{
    const dmft_config *config = &draft->config;
    p->width_ratio = problem_number(config, SETTING_NETWORK_WIDTH_RATIO);
    p->sample_ratio = problem_number(config, SETTING_DATA_SAMPLE_RATIO);
    p->label_noise = problem_number(config, SETTING_DATA_LABEL_NOISE);
    p->batch = (enum batch)problem_number(config, SETTING_DATA_BATCH);
    p->flow = problem_flow(config);
    p->rows = p->flow ? p->steps + 1 : p->steps;
    p->method = (enum method)problem_number(config, SETTING_METHOD);
    p->tolerance = problem_number(config, SETTING_TOLERANCE);
    p->simulation.given = problem_value(config, SETTING_SIMULATION_INPUT_DIM)->given;
    p->simulation.input_dim = (long)problem_number(config, SETTING_SIMULATION_INPUT_DIM);
    fill_grid(p, config);
    return 1;
}
