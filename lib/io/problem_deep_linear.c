/* Model deep_linear: what belongs to a method, to gradient flow and to a kind of batch stands beside it, and nothing else does; spectra of the inputs,
 * weights that forget and are shaken. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"

#include "io/problem.h"

/* ---- batches and spectra ---- */

/* 0.3333 stands for 1/3. */
static const double decimals = 1e-3;

static int subsampled(const dmft_config *config)
{
    enum batch batch = (enum batch)problem_number(config, SETTING_DATA_BATCH);
    return batch == BATCH_BERNOULLI || batch == BATCH_EPOCH;
}

static int check_batch(const dmft_config *config, dmft_error *err)
{
    const struct config_value *fraction = problem_value(config, SETTING_DATA_BATCH_FRACTION);
    if (!subsampled(config))
        return fraction->given ? problem_refuse(config, SETTING_DATA_BATCH_FRACTION, "belongs to data.batch: bernoulli | epoch", err) : 0;
    if (!fraction->given) return problem_missing(config, SETTING_DATA_BATCH_FRACTION, "; data.batch: bernoulli and epoch need it", err);
    double parts = 1.0 / fraction->number[0];
    if ((enum batch)problem_number(config, SETTING_DATA_BATCH) == BATCH_BERNOULLI || fabs(parts - round(parts)) <= decimals * parts) return 0;
    return config_error(err, DMFT_ERROR_CONFIG, &fraction->place, "data.batch_fraction",
                        "an epoch has a whole number of batches: one of 1, 1/2, 1/3, .., got %.12g", fraction->number[0]);
}

static int has_spectrum(const dmft_config *config) { return problem_value(config, SETTING_DATA_SPECTRUM_EXPONENT)->given; }

/* All three numbers of a spectrum, or none. */
static int check_spectrum(const dmft_config *config, dmft_error *err)
{
    static const enum setting_id all[] = {SETTING_DATA_SPECTRUM_EXPONENT, SETTING_DATA_SPECTRUM_TARGET_EXPONENT, SETTING_DATA_SPECTRUM_MODES};
    int given = 0;
    for (size_t i = 0; i < 3; i++) given += problem_value(config, all[i])->given;
    for (size_t i = 0; i < 3 && given > 0; i++)
        if (!problem_value(config, all[i])->given) return problem_missing(config, all[i], "; a spectrum has exponent, target_exponent and modes", err);
    return 0;
}

/* lambda_k ~ k^-a of mean 1, w*_k^2 ~ k^-b with mean of lambda_k w*_k^2 = 1. 0 when out of memory. */
static int fill_spectrum(struct dmft_problem *p, const dmft_config *config)
{
    if (!has_spectrum(config)) return 1;
    double a = problem_number(config, SETTING_DATA_SPECTRUM_EXPONENT), b = problem_number(config, SETTING_DATA_SPECTRUM_TARGET_EXPONENT);
    size_t n = p->modes = (size_t)problem_number(config, SETTING_DATA_SPECTRUM_MODES);
    double *lambda = p->eigenvalue = memory_doubles(n), *target = p->target_mode = memory_doubles(n), sum = 0.0, power = 0.0;
    if (lambda == NULL || target == NULL) return 0;
    for (size_t k = 0; k < n; k++) sum += lambda[k] = pow((double)(k + 1), -a);
    for (size_t k = 0; k < n; k++) {
        lambda[k] *= (double)n / sum;
        target[k] = pow((double)(k + 1), -0.5 * b);
        power += lambda[k] * target[k] * target[k] / (double)n;
    }
    for (size_t k = 0; k < n; k++) target[k] /= sqrt(power);
    return 1;
}

/* ---- weights that forget and are shaken ---- */

static const enum setting_id noise_settings[] = {SETTING_NETWORK_WEIGHT_FACTOR, SETTING_NETWORK_INJECTED_VARIANCE};

/* The first of the two that is given, or NULL. */
static const enum setting_id *noise_given(const dmft_config *config)
{
    for (size_t i = 0; i < 2; i++)
        if (problem_value(config, noise_settings[i])->given) return &noise_settings[i];
    return NULL;
}

static int check_noise(const dmft_config *config, dmft_error *err)
{
    size_t expected = (size_t)problem_number(config, SETTING_NETWORK_DEPTH) + 1;
    for (size_t i = 0; i < 2; i++) {
        const struct config_value *value = problem_value(config, noise_settings[i]);
        if (!value->given || value->count == expected) continue;
        return config_error(err, DMFT_ERROR_CONFIG, &value->place, settings_table[noise_settings[i]].key,
                            "a list for A_0 .. A_{L-1} and the readout: L+1 = %zu numbers, got %zu", expected, value->count);
    }
    if (!problem_value(config, SETTING_NETWORK_WEIGHT_FACTOR)->given || problem_number(config, SETTING_TRAINING_WEIGHT_DECAY) == 0.0) return 0;
    return problem_refuse(config, SETTING_TRAINING_WEIGHT_DECAY, "not beside network.weight_factor, which says what a step leaves of the weights", err);
}

/* Both lists when one of them is given. 0 when out of memory. */
static int fill_noise(struct dmft_problem *p, const dmft_config *config)
{
    size_t count = (size_t)p->depth + 1;
    if (noise_given(config) == NULL) return 1;
    const struct config_value *factor = problem_value(config, noise_settings[0]), *injected = problem_value(config, noise_settings[1]);
    p->weight_factor = memory_doubles(count);
    p->injected_variance = memory_doubles(count);
    if (p->weight_factor == NULL || p->injected_variance == NULL) return 0;
    for (size_t l = 0; l < count; l++) {
        p->weight_factor[l] = factor->given ? factor->number[l] : 1.0 - p->weight_decay;
        p->injected_variance[l] = injected->given ? injected->number[l] : 0.0;
    }
    p->weight_decay = 0.0; /* the factors have it */
    return 1;
}

/* ---- methods and flow ---- */

static int given_above_zero(const dmft_config *config, enum setting_id id)
{
    return problem_value(config, id)->given && problem_number(config, id) > 0.0;
}

/* What has a meaning from step to step alone. */
static int check_steps(const dmft_config *config, const char *why, dmft_error *err)
{
    if (problem_value(config, SETTING_TRAINING_SCHEDULE)->number != NULL) return problem_refuse(config, SETTING_TRAINING_SCHEDULE, why, err);
    if (given_above_zero(config, SETTING_TRAINING_MOMENTUM)) return problem_refuse(config, SETTING_TRAINING_MOMENTUM, why, err);
    if (given_above_zero(config, SETTING_TRAINING_WEIGHT_DECAY)) return problem_refuse(config, SETTING_TRAINING_WEIGHT_DECAY, why, err);
    if (noise_given(config) != NULL) return problem_refuse(config, *noise_given(config), why, err);
    return subsampled(config) ? problem_refuse(config, SETTING_DATA_BATCH, why, err) : 0;
}

/* The lazy limit is that of plain descent on isotropic inputs. */
static int check_lazy(const dmft_config *config, dmft_error *err)
{
    static const char why[] = "not with method lazy, which is plain descent on isotropic inputs: basis | rows";
    int status = check_steps(config, why, err);
    if (status < 0) return status;
    if (has_spectrum(config)) return problem_refuse(config, SETTING_DATA_SPECTRUM_EXPONENT, why, err);
    if (given_above_zero(config, SETTING_NETWORK_RESIDUAL)) return problem_refuse(config, SETTING_NETWORK_RESIDUAL, why, err);
    if (given_above_zero(config, SETTING_PROBES_NTK)) return problem_refuse(config, SETTING_PROBES_NTK, why, err);
    return given_above_zero(config, SETTING_PROBES_SHARPNESS) ? problem_refuse(config, SETTING_PROBES_SHARPNESS, why, err) : 0;
}

static int check_method(const dmft_config *config, dmft_error *err)
{
    const struct config_place whole = {config->file, 0, 0};
    enum grid grid = (enum grid)problem_number(config, SETTING_GRID_KIND);
    enum method method = (enum method)problem_number(config, SETTING_METHOD);
    const struct config_value *first = problem_value(config, SETTING_GRID_FIRST);
    int status = method == METHOD_LAZY ? check_lazy(config, err) : 0;
    if (status == 0 && problem_flow(config)) status = check_steps(config, "belongs to gradient descent, not to training.flow: true", err);
    if (status < 0) return status;
    if (method == METHOD_BASIS && (enum batch)problem_number(config, SETTING_DATA_BATCH) == BATCH_EPOCH)
        return problem_refuse(config, SETTING_METHOD, "data.batch: epoch is for method rows", err);
    if (method == METHOD_BASIS && noise_given(config) != NULL)
        return problem_refuse(config, SETTING_METHOD, "network.weight_factor and network.injected_variance are for method rows", err);
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

/* The basis form, or rows where it does not apply. */
static void settle_method(struct problem_draft *draft)
{
    const dmft_config *config = &draft->config;
    int epochs = (enum batch)problem_number(config, SETTING_DATA_BATCH) == BATCH_EPOCH;
    if (problem_value(config, SETTING_METHOD)->given || (!epochs && noise_given(config) == NULL)) return;
    draft->single[0] = METHOD_ROWS;
    draft->config.value[SETTING_METHOD].number = draft->single;
}

int problem_spares_deep_linear(const dmft_config *config, enum setting_id id) { return id == SETTING_TRAINING_LEARNING_RATE && problem_flow(config); }

int problem_settle_deep_linear(struct problem_draft *draft, dmft_error *err)
{
    const dmft_config *config = &draft->config;
    int status = problem_settle_network(config, err);
    if (status < 0) return status;
    const struct config_value *engine = problem_value(config, SETTING_SIMULATION_ENGINE);
    if (engine->number[0] != ENGINE_DENSE)
        return config_error(err, DMFT_ERROR_UNAVAILABLE, &engine->place, "simulation.engine",
                            "revealed is not available in this version for model deep_linear");
    settle_method(draft);
    status = check_batch(config, err);
    if (status == 0) status = check_spectrum(config, err);
    if (status == 0) status = check_noise(config, err);
    return status == 0 ? check_method(config, err) : status;
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
    if (!problem_fill_network(p, config)) return 0;
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
    p->residual = (int)problem_number(config, SETTING_NETWORK_RESIDUAL);
    if (subsampled(config)) p->batch_fraction = problem_number(config, SETTING_DATA_BATCH_FRACTION);
    if (p->batch == BATCH_EPOCH) p->batch_fraction = 1.0 / round(1.0 / p->batch_fraction);
    fill_grid(p, config);
    return fill_spectrum(p, config) && fill_noise(p, config);
}
