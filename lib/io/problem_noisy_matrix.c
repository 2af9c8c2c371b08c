/* Model noisy_matrix: one matrix, so one variance; noise on labels needs samples. */
#include <math.h>

#include "io/problem.h"

int problem_spares_noisy_matrix(const dmft_config *config, enum setting_id id)
{
    (void)config;
    return id == SETTING_DATA_SAMPLE_RATIO;
}

static int has_samples(const dmft_config *config) { return problem_value(config, SETTING_DATA_SAMPLE_RATIO)->number != NULL; }

int problem_settle_noisy_matrix(struct problem_draft *draft, dmft_error *err)
{
    const dmft_config *config = &draft->config;
    const struct config_value *variance = problem_value(config, SETTING_NETWORK_WEIGHT_VARIANCE);
    if (variance->list)
        return config_error(err, DMFT_ERROR_CONFIG, &variance->place, "network.weight_variance", "one number for the one matrix, got a list of %zu",
                            variance->count);
    if (problem_number(config, SETTING_DATA_LABEL_NOISE) > 0.0 && !has_samples(config))
        return problem_refuse(config, SETTING_DATA_LABEL_NOISE, "needs data.sample_ratio: over infinitely many samples it averages out", err);
    return 0;
}

int problem_fill_noisy_matrix(struct dmft_problem *p, struct problem_draft *draft)
{
    const dmft_config *config = &draft->config;
    const struct config_value *batch = problem_value(config, SETTING_TRAINING_BATCH_SIZE);
    struct noisy_matrix_problem *w = &p->noisy_matrix;
    p->depth = 1;
    p->learning_rate = problem_number(config, SETTING_TRAINING_LEARNING_RATE);
    p->weight_decay = problem_number(config, SETTING_TRAINING_WEIGHT_DECAY);
    p->steps = (long)problem_number(config, SETTING_TRAINING_STEPS);
    p->rows = p->steps + 1;
    p->outlier_every = (long)problem_number(config, SETTING_OUTLIERS_EVERY);
    p->store_kernels = (int)problem_number(config, SETTING_OUTPUT_KERNELS);
    p->simulation.given = problem_value(config, SETTING_SIMULATION_INPUT_DIM)->given;
    p->simulation.input_dim = (long)problem_number(config, SETTING_SIMULATION_INPUT_DIM);
    w->ratio = problem_number(config, SETTING_NETWORK_WIDTH_RATIO);
    w->variance = problem_number(config, SETTING_NETWORK_WEIGHT_VARIANCE);
    w->teacher = problem_number(config, SETTING_DATA_TEACHER_STRENGTH);
    w->samples = has_samples(config) ? problem_number(config, SETTING_DATA_SAMPLE_RATIO) : INFINITY;
    w->label_noise = problem_number(config, SETTING_DATA_LABEL_NOISE);
    w->gradient_noise = problem_number(config, SETTING_TRAINING_GRADIENT_NOISE) / (batch->number != NULL ? batch->number[0] : 1.0);
    return 1;
}
