/* What the models that train deep networks have in common: deep_linear and mlp. */
#include <string.h>

#include "base/error.h"
#include "io/problem.h"

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

static int check_weights(const dmft_config *config, dmft_error *err)
{
    if (problem_number(config, SETTING_OUTPUT_WEIGHTS) == 0.0 || problem_number(config, SETTING_SIMULATION_ENGINE) == ENGINE_DENSE) return 0;
    return problem_refuse(config, SETTING_OUTPUT_WEIGHTS, "engine revealed has no matrices to store: false, or simulation.engine: dense", err);
}

int problem_settle_network(const dmft_config *config, dmft_error *err)
{
    int status = check_variances(config, err);
    if (status == 0) status = check_schedule(config, err);
    return status == 0 ? check_weights(config, err) : status;
}

static void fill_numbers(struct dmft_problem *p, const dmft_config *config)
{
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
    p->store_weights = (int)problem_number(config, SETTING_OUTPUT_WEIGHTS);
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

int problem_fill_network(struct dmft_problem *p, const dmft_config *config)
{
    fill_numbers(p, config);
    p->weight_variance = memory_doubles((size_t)p->depth + 1);
    if (p->weight_variance == NULL) return 0;
    fill_variances(p, problem_value(config, SETTING_NETWORK_WEIGHT_VARIANCE));
    return fill_schedule(p, problem_value(config, SETTING_TRAINING_SCHEDULE));
}

size_t problem_rows_network(const dmft_config *config)
{
    const struct config_value *steps = problem_value(config, SETTING_TRAINING_STEPS);
    return steps->number != NULL ? (size_t)steps->number[0] + (size_t)problem_flow(config) : 0;
}
