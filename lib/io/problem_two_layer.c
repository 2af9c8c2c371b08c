/* Model two_layer_linear_width: what belongs to an optimizer stands beside it, and nothing else does. */
#include <math.h>

#include "base/activation.h"
#include "io/problem.h"

static enum optimizer optimizer_of(const dmft_config *config) { return (enum optimizer)problem_number(config, SETTING_TRAINING_OPTIMIZER); }

static int check_batch(const dmft_config *config, dmft_error *err)
{
    const struct config_value *fraction = problem_value(config, SETTING_DATA_BATCH_FRACTION);
    if (optimizer_of(config) == OPTIMIZER_GD && fraction->given)
        return problem_refuse(config, SETTING_DATA_BATCH_FRACTION, "belongs to training.optimizer: sgd | adam", err);
    if (optimizer_of(config) == OPTIMIZER_SGD && !fraction->given)
        return problem_missing(config, SETTING_DATA_BATCH_FRACTION, "; training.optimizer: sgd needs it", err);
    return 0;
}

int problem_settle_two_layer(struct problem_draft *draft, dmft_error *err)
{
    static const enum setting_id adam[] = {SETTING_TRAINING_BETA1, SETTING_TRAINING_BETA2, SETTING_TRAINING_EPSILON};
    const dmft_config *config = &draft->config;
    for (size_t i = 0; i < sizeof adam / sizeof *adam; i++)
        if (problem_value(config, adam[i])->given && optimizer_of(config) != OPTIMIZER_ADAM)
            return problem_refuse(config, adam[i], "belongs to training.optimizer: adam", err);
    return check_batch(config, err);
}

static dmft_activation activation(const dmft_config *config, enum setting_id id)
{
    return activation_of((enum activation_kind)problem_number(config, id));
}

static double given_or(const dmft_config *config, enum setting_id id, double otherwise)
{
    return problem_value(config, id)->given ? problem_number(config, id) : otherwise;
}

int problem_fill_two_layer(struct dmft_problem *p, struct problem_draft *draft)
{
    const dmft_config *config = &draft->config;
    p->depth = 1;
    p->width_ratio = problem_number(config, SETTING_NETWORK_WIDTH_RATIO);
    p->sample_ratio = problem_number(config, SETTING_DATA_SAMPLE_RATIO);
    p->label_noise = problem_number(config, SETTING_DATA_LABEL_NOISE);
    p->learning_rate = problem_number(config, SETTING_TRAINING_LEARNING_RATE);
    p->steps = (long)problem_number(config, SETTING_TRAINING_STEPS);
    p->rows = p->steps + 1;
    p->simulation.given = problem_value(config, SETTING_SIMULATION_INPUT_DIM)->given;
    p->simulation.input_dim = (long)problem_number(config, SETTING_SIMULATION_INPUT_DIM);
    p->two_layer = (struct two_layer_problem){.activation = activation(config, SETTING_NETWORK_ACTIVATION),
                                              .teacher = activation(config, SETTING_DATA_TEACHER),
                                              .readout_trained = (int)problem_number(config, SETTING_NETWORK_READOUT),
                                              .readout_scale = (enum readout_scale)problem_number(config, SETTING_NETWORK_READOUT_SCALE),
                                              .readout_variance = problem_number(config, SETTING_NETWORK_READOUT_VARIANCE),
                                              .optimizer = optimizer_of(config),
                                              .batch_fraction = given_or(config, SETTING_DATA_BATCH_FRACTION, 1.0),
                                              .beta1 = given_or(config, SETTING_TRAINING_BETA1, 0.9),
                                              .beta2 = given_or(config, SETTING_TRAINING_BETA2, 0.999),
                                              .epsilon = given_or(config, SETTING_TRAINING_EPSILON, 1e-8),
                                              .every = (long)problem_number(config, SETTING_SPECTRA_EVERY),
                                              .nulls = (long)problem_number(config, SETTING_SPECTRA_NULLS)};
    return 1;
}
