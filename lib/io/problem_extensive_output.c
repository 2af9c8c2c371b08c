/* Model extensive_output: a frozen readout has widths and a variance, a trained one Gram matrices; times rise. */
#include <string.h>

#include "base/error.h"
#include "io/problem.h"

enum readout { READOUT_FROZEN, READOUT_TRAINED };

static int trained(const dmft_config *config) { return problem_number(config, SETTING_NETWORK_READOUT) == READOUT_TRAINED; }

static int given(const dmft_config *config, enum setting_id id) { return problem_value(config, id)->given; }

/* The readout itself is required too, and a row before those that depend on it may be looked at first. */
int problem_spares_extensive_output(const dmft_config *config, enum setting_id id)
{
    if (!given(config, SETTING_NETWORK_READOUT) || !trained(config)) return 0;
    return id == SETTING_NETWORK_WEIGHT_VARIANCE || id == SETTING_NETWORK_OUTPUT_RATIO ||
           (id == SETTING_NETWORK_WIDTH_RATIO && given(config, SETTING_NETWORK_WIDTH));
}

/* What only one kind of readout has. */
static const struct {
    enum setting_id id;
    enum readout readout;
    int needed;
} rows[] = {
    {SETTING_NETWORK_WEIGHT_VARIANCE, READOUT_FROZEN, 1}, {SETTING_NETWORK_OUTPUT_RATIO, READOUT_FROZEN, 1},
    {SETTING_NETWORK_WIDTH, READOUT_TRAINED, 0},          {SETTING_NETWORK_FIRST_LAYER_GRAM, READOUT_TRAINED, 1},
    {SETTING_NETWORK_READOUT_GRAM, READOUT_TRAINED, 1},   {SETTING_DATA_TEACHER_RATIO, READOUT_TRAINED, 1},
};

static int check_readout(const dmft_config *config, dmft_error *err)
{
    enum readout readout = trained(config) ? READOUT_TRAINED : READOUT_FROZEN;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].readout != readout && given(config, rows[i].id))
            return problem_refuse(config, rows[i].id,
                                  readout == READOUT_TRAINED ? "belongs to network.readout: frozen" : "belongs to network.readout: trained", err);
        if (rows[i].readout == readout && rows[i].needed && !given(config, rows[i].id))
            return problem_missing(config, rows[i].id, readout == READOUT_TRAINED ? "; network.readout: trained needs it" : "", err);
    }
    return 0;
}

static int check_times(const dmft_config *config, dmft_error *err)
{
    const struct config_value *times = problem_value(config, SETTING_TRAINING_TIMES);
    if (times->number == NULL) return problem_missing(config, SETTING_TRAINING_TIMES, "", err);
    if (times->count == 0) return problem_refuse(config, SETTING_TRAINING_TIMES, "at least one time", err);
    for (size_t i = 1; i < times->count; i++)
        if (!(times->number[i] > times->number[i - 1]))
            return config_error(err, DMFT_ERROR_CONFIG, &times->place, "training.times", "rising numbers, got %g after %g", times->number[i],
                                times->number[i - 1]);
    return 0;
}

int problem_settle_extensive_output(struct problem_draft *draft, dmft_error *err)
{
    const dmft_config *config = &draft->config;
    if (given(config, SETTING_NETWORK_WEIGHT_VARIANCE) && problem_value(config, SETTING_NETWORK_WEIGHT_VARIANCE)->list)
        return problem_refuse(config, SETTING_NETWORK_WEIGHT_VARIANCE, "one number, that of the first layer", err);
    int status = check_readout(config, err);
    if (status == 0 && !given(config, SETTING_DATA_TEACHER_VARIANCE)) status = problem_missing(config, SETTING_DATA_TEACHER_VARIANCE, "", err);
    return status == 0 ? check_times(config, err) : status;
}

size_t problem_rows_extensive_output(const dmft_config *config)
{
    const struct config_value *times = problem_value(config, SETTING_TRAINING_TIMES);
    return times->number != NULL ? times->count : 0;
}

/* 0 where it is not given. */
static double number_or_none(const dmft_config *config, enum setting_id id) { return given(config, id) ? problem_number(config, id) : 0.0; }

int problem_fill_extensive_output(struct dmft_problem *p, struct problem_draft *draft)
{
    const dmft_config *config = &draft->config;
    const struct config_value *times = problem_value(config, SETTING_TRAINING_TIMES);
    struct extensive_output_problem *e = &p->extensive_output;
    p->depth = 1;
    p->steps = p->rows = (long)times->count;
    p->width_ratio = number_or_none(config, SETTING_NETWORK_WIDTH_RATIO);
    p->simulation.given = given(config, SETTING_SIMULATION_INPUT_DIM);
    p->simulation.input_dim = (long)problem_number(config, SETTING_SIMULATION_INPUT_DIM);
    e->trained = trained(config);
    e->infinite = given(config, SETTING_NETWORK_WIDTH);
    e->weight_variance = number_or_none(config, SETTING_NETWORK_WEIGHT_VARIANCE);
    e->first_layer_gram = number_or_none(config, SETTING_NETWORK_FIRST_LAYER_GRAM);
    e->readout_gram = number_or_none(config, SETTING_NETWORK_READOUT_GRAM);
    e->teacher_variance = problem_number(config, SETTING_DATA_TEACHER_VARIANCE);
    e->output_ratio = number_or_none(config, SETTING_NETWORK_OUTPUT_RATIO);
    e->teacher_ratio = number_or_none(config, SETTING_DATA_TEACHER_RATIO);
    e->quantiles = (long)problem_number(config, SETTING_OUTPUT_QUANTILES);
    e->time = memory_doubles(times->count);
    if (e->time == NULL) return 0;
    memcpy(e->time, times->number, times->count * sizeof *e->time);
    return 1;
}
