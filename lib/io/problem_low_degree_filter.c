/* Model low_degree_filter: inputs that are drawn, or a file's; what fits together. A file's rows are copied, training rows first. The text of a problem
 * names the file and has a checksum of its contents, so that a run is not continued on other data. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/problem.h"

static const double default_tests = 1000; /* of drawn inputs: a test error of 0.2 to 0.013 */

static int too_large(const dmft_config *config, enum setting_id id, size_t most, const char *what, dmft_error *err)
{
    return config_error(err, DMFT_ERROR_CONFIG, &problem_value(config, id)->place, settings_table[id].key, "at most %s, %zu, got %.0f", what, most,
                        problem_number(config, id));
}

/* ---- inputs that are drawn ---- */

static int settle_drawn(struct problem_draft *draft, dmft_error *err)
{
    static const enum setting_id required[] = {SETTING_DATA_TARGET_FUNCTION, SETTING_DATA_DIRECTIONS, SETTING_DATA_INPUT_DIM, SETTING_DATA_SAMPLES};
    const dmft_config *config = &draft->config;
    if (problem_value(config, SETTING_DATA_TEST_FILE)->given) return problem_refuse(config, SETTING_DATA_TEST_FILE, "belongs to data.file", err);
    if (problem_number(config, SETTING_DATA_NORMALIZE) != 0.0) return problem_refuse(config, SETTING_DATA_NORMALIZE, "belongs to data.file", err);
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (!problem_value(config, required[i])->given) return problem_missing(config, required[i], "; or data.file", err);
    size_t D = (size_t)problem_number(config, SETTING_DATA_INPUT_DIM), n = (size_t)problem_number(config, SETTING_DATA_SAMPLES);
    if (problem_number(config, SETTING_DATA_DIRECTIONS) > (double)D) return too_large(config, SETTING_DATA_DIRECTIONS, D, "the number of inputs", err);
    if (!problem_value(config, SETTING_DATA_TEST_SAMPLES)->given) problem_put(draft, 0, SETTING_DATA_TEST_SAMPLES, default_tests);
    draft->train.rows = n;
    return 0;
}

/* ---- inputs of a file ---- */

static int check_labels(const dmft_config *config, const struct data_table *table, const char *what, dmft_error *err)
{
    const struct config_place *place = &problem_value(config, SETTING_DATA_FILE)->place;
    for (size_t i = 0; i < table->rows; i++)
        if (fabs(table->target[i]) != 1.0)
            return config_error(err, DMFT_ERROR_CONFIG, place, "data.file",
                                "the label of %s row %zu must be +1 or -1 (data.labels: value takes any), got %.12g", what, i + 1, table->target[i]);
    return 0;
}

static int check_tables(const dmft_config *config, const struct data_table *train, const struct data_table *test, dmft_error *err)
{
    if (train->outputs != 1)
        return config_error(err, DMFT_ERROR_CONFIG, &problem_value(config, SETTING_DATA_FILE)->place, "data.file", "one target a row is needed, it has %zu",
                            train->outputs);
    if (test->rows > 0 && test->target == NULL) return problem_refuse(config, SETTING_DATA_FILE, "its test inputs have no targets", err);
    if (problem_number(config, SETTING_DATA_LABELS) == LABELS_VALUE) return 0;
    int status = check_labels(config, train, "training", err);
    return status == 0 ? check_labels(config, test, "test", err) : status;
}

static int read_file(struct problem_draft *draft, dmft_error *err)
{
    const dmft_config *config = &draft->config;
    int tests = problem_value(config, SETTING_DATA_TEST_FILE)->given, normalize = problem_number(config, SETTING_DATA_NORMALIZE) != 0.0;
    char *file = problem_file_name(config, SETTING_DATA_FILE), *test = tests ? problem_file_name(config, SETTING_DATA_TEST_FILE) : NULL;
    int named = file != NULL && (!tests || test != NULL);
    int status = named ? data_read_tables(&draft->train, &draft->test, file, test, 1, normalize, err) : error_memory(err, 256);
    free(file);
    free(test);
    return status == 0 ? check_tables(config, &draft->train, &draft->test, err) : status;
}

/* How many rows are trained on, and how many are for tests. */
static int settle_counts(struct problem_draft *draft, dmft_error *err)
{
    const dmft_config *config = &draft->config;
    size_t rows = draft->train.rows, beside = draft->test.rows;
    int given = problem_value(config, SETTING_DATA_SAMPLES)->given, tests_given = problem_value(config, SETTING_DATA_TEST_SAMPLES)->given;
    size_t n = given ? (size_t)problem_number(config, SETTING_DATA_SAMPLES) : rows;
    if (n > rows) return too_large(config, SETTING_DATA_SAMPLES, rows, "the rows of data.file", err);
    if (n >= 2 && !settings_holds(&settings_table[SETTING_DATA_SAMPLES], (double)n))
        return config_error(err, DMFT_ERROR_CONFIG, &problem_value(config, SETTING_DATA_FILE)->place, "data.file",
                            "%zu rows are too many: data.samples must be %s", n, settings_table[SETTING_DATA_SAMPLES].shape);
    if (n < 2) return problem_refuse(config, SETTING_DATA_FILE, "at least two rows to train on are needed, it has one", err);
    size_t left = beside > 0 ? beside : rows - n;
    if (left == 0) return problem_refuse(config, SETTING_DATA_FILE, "no row is left for tests: data.test_file, or data.samples below the number of rows", err);
    if (tests_given && problem_number(config, SETTING_DATA_TEST_SAMPLES) > (double)left)
        return too_large(config, SETTING_DATA_TEST_SAMPLES, left, "the rows that are not trained on", err);
    problem_put(draft, 1, SETTING_DATA_SAMPLES, (double)n);
    if (!tests_given) problem_put(draft, 0, SETTING_DATA_TEST_SAMPLES, (double)left);
    return 0;
}

static int settle_file(struct problem_draft *draft, dmft_error *err)
{
    static const enum setting_id other[] = {SETTING_DATA_TARGET_FUNCTION, SETTING_DATA_DIRECTIONS, SETTING_DATA_INPUT_DIM};
    const dmft_config *config = &draft->config;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (problem_value(config, other[i])->given) return problem_refuse(config, other[i], "is for inputs that are drawn, not for those of data.file", err);
    if (problem_number(config, SETTING_DATA_LABEL_NOISE) != 0.0)
        return problem_refuse(config, SETTING_DATA_LABEL_NOISE, "is for labels that are drawn, not for those of data.file", err);
    int status = read_file(draft, err);
    if (status == 0) status = settle_counts(draft, err);
    if (status == 0)
        (void)snprintf(draft->remark, sizeof draft->remark, "checksum of the data %016llx", data_table_checksum(&draft->train, &draft->test));
    return status;
}

/* ---- the problem ---- */

int problem_settle_low_degree_filter(struct problem_draft *draft, dmft_error *err)
{
    const dmft_config *config = &draft->config;
    int status = problem_value(config, SETTING_DATA_FILE)->given ? settle_file(draft, err) : settle_drawn(draft, err);
    if (status < 0) return status;
    size_t n = (size_t)problem_number(config, SETTING_DATA_SAMPLES), p = (size_t)problem_number(config, SETTING_NETWORK_FEATURES);
    double k = problem_number(config, SETTING_NETWORK_KEPT);
    if (k > (double)n) return too_large(config, SETTING_NETWORK_KEPT, n, "the number of samples", err);
    if (k > (double)p) return too_large(config, SETTING_NETWORK_KEPT, p, "the number of features", err);
    if (problem_number(config, SETTING_TRAINING_FOLDS) > (double)n) return too_large(config, SETTING_TRAINING_FOLDS, n, "the number of samples", err);
    if (problem_number(config, SETTING_TRAINING_PENALTY_MIN) > problem_number(config, SETTING_TRAINING_PENALTY_MAX))
        return config_error(err, DMFT_ERROR_CONFIG, &problem_value(config, SETTING_TRAINING_PENALTY_MAX)->place, "training.penalty_max",
                            "at least penalty_min, %g, got %g", problem_number(config, SETTING_TRAINING_PENALTY_MIN),
                            problem_number(config, SETTING_TRAINING_PENALTY_MAX));
    return 0;
}

/* The rows of both tables under each other; 0 when out of memory. */
static int fill_rows(struct low_degree_filter_problem *f, const struct data_table *train, const struct data_table *test)
{
    size_t D = train->inputs;
    f->input_dim = D;
    f->rows = train->rows;
    f->test_rows = test->rows;
    f->input = memory_doubles((train->rows + test->rows) * D);
    f->label = memory_doubles(train->rows + test->rows);
    if (f->input == NULL || f->label == NULL) return 0;
    memcpy(f->input, train->input, train->rows * D * sizeof *f->input);
    memcpy(f->label, train->target, train->rows * sizeof *f->label);
    if (test->rows > 0) memcpy(f->input + train->rows * D, test->input, test->rows * D * sizeof *f->input);
    if (test->rows > 0) memcpy(f->label + train->rows, test->target, test->rows * sizeof *f->label);
    return 1;
}

int problem_fill_low_degree_filter(struct dmft_problem *p, struct problem_draft *draft)
{
    const dmft_config *config = &draft->config;
    struct low_degree_filter_problem *f = &p->filter;
    p->depth = (int)problem_number(config, SETTING_NETWORK_DEPTH);
    p->steps = p->rows = p->depth + 1;
    p->label_noise = problem_number(config, SETTING_DATA_LABEL_NOISE);
    f->activation = (enum activation_kind)problem_number(config, SETTING_NETWORK_ACTIVATION);
    f->features = (size_t)problem_number(config, SETTING_NETWORK_FEATURES);
    f->kept = (size_t)problem_number(config, SETTING_NETWORK_KEPT);
    f->samples = (size_t)problem_number(config, SETTING_DATA_SAMPLES);
    f->tests = (size_t)problem_number(config, SETTING_DATA_TEST_SAMPLES);
    f->labels = (enum labels)problem_number(config, SETTING_DATA_LABELS);
    f->shared = (int)problem_number(config, SETTING_DATA_SHARED);
    f->folds = (size_t)problem_number(config, SETTING_TRAINING_FOLDS);
    f->penalties = (size_t)problem_number(config, SETTING_TRAINING_PENALTIES);
    f->penalty_min = problem_number(config, SETTING_TRAINING_PENALTY_MIN);
    f->penalty_max = problem_number(config, SETTING_TRAINING_PENALTY_MAX);
    f->permutations = (size_t)problem_number(config, SETTING_TRAINING_PERMUTATIONS);
    f->eigensolver = (enum eigensolver)problem_number(config, SETTING_SIMULATION_EIGENSOLVER);
    if (problem_value(config, SETTING_DATA_FILE)->given) return fill_rows(f, &draft->train, &draft->test);
    f->input_dim = (size_t)problem_number(config, SETTING_DATA_INPUT_DIM);
    f->target = (enum target_function)problem_number(config, SETTING_DATA_TARGET_FUNCTION);
    f->directions = (size_t)problem_number(config, SETTING_DATA_DIRECTIONS);
    return 1;
}

size_t problem_rows_low_degree_filter(const dmft_config *config)
{
    const struct config_value *depth = problem_value(config, SETTING_NETWORK_DEPTH);
    return depth->number != NULL ? (size_t)depth->number[0] + 1 : 0;
}
