/* Model mlp: which solver goes with which activation, the data from the configuration or from a file, and the numbers that depend on them.
 *
 * The text of a problem holds small data sets in whole, whatever they came from; of large ones a checksum, so that a run is not continued on other data. */
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/activation.h"
#include "base/error.h"
#include "base/outline.h"
#include "io/problem.h"

enum { SMALL_DATA = 64 };                 /* inputs whose Gram matrix goes into the text: below 100 kB */
enum { EIGEN_WORK = 34 };                  /* numbers of work a row: blocks of 32, as LAPACK's dsyev asks for */
static const double rounding = 1e-9;      /* of a Gram matrix, relative to its largest entry or eigenvalue, and of the sum of a distribution */
static const double response_sites = 1024; /* a trajectory of solver response costs O((T P)^2), so that it has fewer */

/* ---- solver and activation ---- */

static int check_solver(const dmft_config *config, enum activation_kind activation, enum mlp_solver solver, dmft_error *err)
{
    enum setting_id id = problem_value(config, SETTING_SOLVER)->given ? SETTING_SOLVER : SETTING_NETWORK_ACTIVATION;
    if (solver == SOLVER_EXACT && activation != ACTIVATION_LINEAR)
        return problem_refuse(config, id, "exact is for activation linear; a nonlinear network takes revealed or response", err);
    dmft_activation function = activation_of(activation);
    if (solver == SOLVER_RESPONSE && !function.smooth)
        return problem_refuse(config, id,
                              "response differentiates trajectories, which misses the delta function in phi'' of relu and leaky_relu: revealed", err);
    if (solver == SOLVER_RESPONSE && problem_number(config, SETTING_SAMPLING_MOMENT_MATCHING) != 0.0)
        return problem_refuse(config, SETTING_SAMPLING_MOMENT_MATCHING, "belongs to solver revealed, not to response: false", err);
    return 0;
}

static int settle_solver(struct problem_draft *draft, dmft_error *err)
{
    const dmft_config *config = &draft->config;
    const struct config_value *given = problem_value(config, SETTING_SOLVER);
    enum activation_kind activation = (enum activation_kind)problem_number(config, SETTING_NETWORK_ACTIVATION);
    enum mlp_solver solver = given->given ? (enum mlp_solver)given->number[0] : activation == ACTIVATION_LINEAR ? SOLVER_EXACT : SOLVER_REVEALED;
    if (problem_number(config, SETTING_NETWORK_PARAMETERIZATION) != PARAMETERIZATION_MUP)
        return problem_refuse(config, SETTING_NETWORK_PARAMETERIZATION, "mup for model mlp: at infinite width ntk freezes the features", err);
    int status = check_solver(config, activation, solver, err);
    if (status < 0) return status;
    problem_put(draft, 0, SETTING_SOLVER, solver);
    if (solver == SOLVER_RESPONSE && !problem_value(config, SETTING_SAMPLING_SITES)->given) problem_put(draft, 1, SETTING_SAMPLING_SITES, response_sites);
    return 0;
}

/* ---- data of the configuration ---- */

static int refuse_shape(const dmft_config *config, enum setting_id id, size_t rows, size_t columns, size_t want_rows, size_t want_columns, dmft_error *err)
{
    return config_error(err, DMFT_ERROR_CONFIG, &problem_value(config, id)->place, settings_table[id].key, "must be %zu x %zu, got %zu x %zu", want_rows,
                        want_columns, rows, columns);
}

static size_t columns_of(const struct config_value *value) { return value->columns > 0 ? value->columns : 1; }

static size_t rows_of(const struct config_value *value) { return value->number != NULL ? value->count / columns_of(value) : 0; }

/* A copy of the numbers of a value. */
static int copy_value(double **out, const struct config_value *value, dmft_error *err)
{
    *out = memory_doubles(value->count);
    if (*out == NULL) return error_memory(err, 8.0 * (double)value->count);
    memcpy(*out, value->number, value->count * sizeof **out);
    return 0;
}

/* The first entry that is not that on the other side of the diagonal; the others become equal. */
static int make_symmetric(const dmft_config *config, struct data_set *set, dmft_error *err)
{
    size_t n = set->samples + set->tests;
    double largest = 0.0;
    for (size_t i = 0; i < n * n; i++) largest = fmax(largest, fabs(set->gram[i]));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double *lower = &set->gram[i * n + j], *upper = &set->gram[j * n + i];
            enum setting_id id = i < set->samples ? SETTING_DATA_GRAM : SETTING_DATA_TEST_GRAM;
            size_t before = i < set->samples ? 0 : set->samples; /* rows above those of the setting */
            if (fabs(*lower - *upper) > rounding * largest)
                return config_error(err, DMFT_ERROR_CONFIG, &problem_value(config, id)->place, settings_table[id].key,
                                    "is not symmetric: row %zu, column %zu is %.12g and row %zu, column %zu is %.12g", i - before + 1, j + 1, *lower,
                                    j - before + 1, i + 1, *upper);
            *lower = *upper = *lower + 0.5 * (*upper - *lower);
        }
    return 0;
}

/* Eigenvalues, rising, of a symmetric matrix, which is overwritten. 0, or what LAPACK says. */
static lapack_int eigenvalues(double *matrix, size_t n, double *value, double *work)
{
    return LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'N', 'L', (lapack_int)n, matrix, (lapack_int)n, value, work, (lapack_int)(EIGEN_WORK * n));
}

static int check_positive(const dmft_config *config, const struct data_set *set, dmft_error *err)
{
    size_t n = set->samples + set->tests;
    enum setting_id id = set->tests > 0 ? SETTING_DATA_TEST_GRAM : SETTING_DATA_GRAM;
    double *copy = memory_doubles(n * n), *value = memory_doubles(n), *work = memory_doubles(EIGEN_WORK * n);
    int status = DMFT_ERROR_MEMORY;
    if (copy == NULL || value == NULL || work == NULL)
        (void)error_memory(err, 8.0 * (double)(n * n + n));
    else {
        memcpy(copy, set->gram, n * n * sizeof *copy);
        int found = eigenvalues(copy, n, value, work) == 0;
        status = found ? 0 : error_set(err, DMFT_ERROR_NUMERIC, "the eigenvalues of %s were not found", settings_table[id].key);
        if (status == 0 && value[0] < -rounding * fmax(value[n - 1], -value[0]))
            status = config_error(err, DMFT_ERROR_CONFIG, &problem_value(config, id)->place, settings_table[id].key,
                                  "the Gram matrix %sis not positive semidefinite: its smallest eigenvalue is %.6g, its largest %.6g",
                                  set->tests > 0 ? "with the test inputs " : "", value[0], value[n - 1]);
    }
    free(copy);
    free(value);
    free(work);
    return status;
}

/* The blocks put together: training rows, then test rows, whose transpose stands above. */
static int assemble(struct data_set *set, const double *gram, const double *test, dmft_error *err)
{
    size_t P = set->samples, Q = set->tests, n = P + Q;
    set->gram = memory_doubles(n * n);
    if (set->gram == NULL) return error_memory(err, 8.0 * (double)(n * n));
    for (size_t i = 0; i < P; i++) memcpy(set->gram + i * n, gram + i * P, P * sizeof *gram);
    for (size_t i = 0; i < Q; i++) {
        memcpy(set->gram + (P + i) * n, test + i * n, n * sizeof *test);
        for (size_t j = 0; j < P; j++) set->gram[j * n + P + i] = test[i * n + j];
    }
    return 0;
}

static int check_shapes(const dmft_config *config, struct data_set *set, dmft_error *err)
{
    const struct config_value *gram = problem_value(config, SETTING_DATA_GRAM), *target = problem_value(config, SETTING_DATA_TARGET);
    const struct config_value *test = problem_value(config, SETTING_DATA_TEST_GRAM), *test_target = problem_value(config, SETTING_DATA_TEST_TARGET);
    size_t P = rows_of(gram), Q = rows_of(test), K = columns_of(target);
    if (gram->columns != P) return refuse_shape(config, SETTING_DATA_GRAM, P, gram->columns, P, P, err);
    if (rows_of(target) != P) return refuse_shape(config, SETTING_DATA_TARGET, rows_of(target), K, P, K, err);
    if (Q > 0 && test->columns != P + Q) return refuse_shape(config, SETTING_DATA_TEST_GRAM, Q, test->columns, Q, P + Q, err);
    int fits = test_target->number == NULL || (Q > 0 && rows_of(test_target) == Q && columns_of(test_target) == K);
    if (Q == 0 && !fits) return problem_refuse(config, SETTING_DATA_TEST_TARGET, "belongs to data.test_gram", err);
    if (!fits) return refuse_shape(config, SETTING_DATA_TEST_TARGET, rows_of(test_target), columns_of(test_target), Q, K, err);
    set->samples = P;
    set->tests = Q;
    set->outputs = K;
    return 0;
}

static int take_gram(const dmft_config *config, struct data_set *set, dmft_error *err)
{
    const struct config_value *test_target = problem_value(config, SETTING_DATA_TEST_TARGET);
    if (problem_value(config, SETTING_DATA_OUTPUTS)->given)
        return problem_refuse(config, SETTING_DATA_OUTPUTS, "belongs to a data.file that ends in .csv", err);
    if (problem_value(config, SETTING_DATA_TEST_FILE)->given)
        return problem_refuse(config, SETTING_DATA_TEST_FILE, "belongs to data.file; beside data.gram: data.test_gram", err);
    if (problem_number(config, SETTING_DATA_NORMALIZE) != 0.0)
        return problem_refuse(config, SETTING_DATA_NORMALIZE, "belongs to data.file: a Gram matrix is taken as it is", err);
    if (!problem_value(config, SETTING_DATA_GRAM)->given) return problem_missing(config, SETTING_DATA_GRAM, "; or data.file", err);
    if (!problem_value(config, SETTING_DATA_TARGET)->given) return problem_missing(config, SETTING_DATA_TARGET, "", err);
    int status = check_shapes(config, set, err);
    if (status == 0) status = assemble(set, problem_value(config, SETTING_DATA_GRAM)->number, problem_value(config, SETTING_DATA_TEST_GRAM)->number, err);
    if (status == 0) status = make_symmetric(config, set, err);
    if (status == 0) status = check_positive(config, set, err);
    if (status == 0) status = copy_value(&set->target, problem_value(config, SETTING_DATA_TARGET), err);
    if (status == 0 && test_target->number != NULL) status = copy_value(&set->test_target, test_target, err);
    return status;
}

/* ---- data of a file ---- */

static int take_file(const dmft_config *config, struct data_set *set, dmft_error *err)
{
    static const enum setting_id other[] = {SETTING_DATA_GRAM, SETTING_DATA_TARGET, SETTING_DATA_TEST_GRAM, SETTING_DATA_TEST_TARGET};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (problem_value(config, other[i])->given) return problem_refuse(config, other[i], "stands in the file when there is a data.file", err);
    int tests = problem_value(config, SETTING_DATA_TEST_FILE)->given;
    int normalize = problem_number(config, SETTING_DATA_NORMALIZE) != 0.0;
    const struct config_value *outputs = problem_value(config, SETTING_DATA_OUTPUTS);
    char *file = problem_file_name(config, SETTING_DATA_FILE), *test = tests ? problem_file_name(config, SETTING_DATA_TEST_FILE) : NULL;
    int status = file == NULL || (tests && test == NULL)
                     ? error_memory(err, 256)
                 : outputs->given && !data_is_csv(file)
                     ? problem_refuse(config, SETTING_DATA_OUTPUTS, "belongs to a data.file that ends in .csv", err)
                     : data_read(set, file, test, outputs->given ? (size_t)outputs->number[0] : 1, normalize, err);
    free(file);
    free(test);
    return status;
}

static void drop_value(dmft_config *config, enum setting_id id) { config->value[id].number = NULL; }

static void put_rows(dmft_config *config, enum setting_id id, double *number, size_t rows, size_t columns, int flat)
{
    config->value[id] = (struct config_value){.number = number, .count = rows * columns, .columns = flat ? 0 : columns, .list = 1};
}

/* The data in place of the file, in the text. */
static int show_data(struct problem_draft *draft, dmft_error *err)
{
    struct data_set *set = &draft->data;
    size_t P = set->samples, Q = set->tests, K = set->outputs, n = P + Q;
    draft->rows = memory_doubles(P * P + Q * n);
    if (draft->rows == NULL) return error_memory(err, 8.0 * (double)(n * n));
    for (size_t i = 0; i < P; i++) memcpy(draft->rows + i * P, set->gram + i * n, P * sizeof *draft->rows);
    memcpy(draft->rows + P * P, set->gram + P * n, Q * n * sizeof *draft->rows);
    drop_value(&draft->config, SETTING_DATA_FILE);
    drop_value(&draft->config, SETTING_DATA_TEST_FILE);
    drop_value(&draft->config, SETTING_DATA_OUTPUTS);
    problem_put(draft, 3, SETTING_DATA_NORMALIZE, 0.0); /* the Gram matrix is that of normalized inputs already */
    put_rows(&draft->config, SETTING_DATA_GRAM, draft->rows, P, P, 0);
    put_rows(&draft->config, SETTING_DATA_TARGET, set->target, P, K, K == 1);
    if (Q > 0) put_rows(&draft->config, SETTING_DATA_TEST_GRAM, draft->rows + P * P, Q, n, 0);
    if (set->test_target != NULL) put_rows(&draft->config, SETTING_DATA_TEST_TARGET, set->test_target, Q, K, K == 1);
    return 0;
}

/* ---- targets and what depends on the number of samples ---- */

static int check_distribution(const double *y, size_t K)
{
    double sum = 0.0;
    for (size_t k = 0; k < K; k++) {
        if (!(y[k] >= 0.0)) return 0;
        sum += y[k];
    }
    return fabs(sum - 1.0) <= rounding;
}

static int check_targets(const dmft_config *config, const double *target, size_t rows, size_t K, enum setting_id id, dmft_error *err)
{
    enum loss loss = (enum loss)problem_number(config, SETTING_TRAINING_LOSS);
    if (loss == LOSS_LOGISTIC && K != 1)
        return problem_refuse(config, SETTING_TRAINING_LOSS, "logistic has one output, the targets have more: softmax", err);
    if (loss == LOSS_SOFTMAX && K < 2)
        return problem_refuse(config, SETTING_TRAINING_LOSS, "softmax has two or more outputs, the targets have one: logistic", err);
    for (size_t i = 0; target != NULL && i < rows; i++) {
        const double *y = target + i * K;
        const char *must = loss == LOSS_LOGISTIC && fabs(y[0]) != 1.0 ? "+1 or -1 (loss logistic)" : NULL;
        if (loss == LOSS_SOFTMAX && !check_distribution(y, K)) must = "a distribution, numbers >= 0 of sum 1 (loss softmax)";
        if (must != NULL)
            return config_error(err, DMFT_ERROR_CONFIG, &problem_value(config, id)->place, settings_table[id].key,
                                "the target of sample %zu must be %s, got %.12g%s", i, must, y[0], K > 1 ? ", .." : "");
    }
    return 0;
}

static int check_chosen(const dmft_config *config, size_t P, dmft_error *err)
{
    const struct config_value *chosen = problem_value(config, SETTING_OUTLIERS_SAMPLES);
    const char *key = settings_table[SETTING_OUTLIERS_SAMPLES].key;
    for (size_t i = 0; chosen->number != NULL && i < chosen->count; i++) {
        if (chosen->number[i] >= (double)P)
            return config_error(err, DMFT_ERROR_CONFIG, &chosen->place, key, "samples are numbered 0 .. %zu, got %.0f", P - 1, chosen->number[i]);
        for (size_t j = 0; j < i; j++)
            if (chosen->number[j] == chosen->number[i])
                return config_error(err, DMFT_ERROR_CONFIG, &chosen->place, key, "%.0f is given twice", chosen->number[i]);
    }
    return 0;
}

static int check_training(const dmft_config *config, size_t P, dmft_error *err)
{
    const struct config_value *batch = problem_value(config, SETTING_TRAINING_BATCH_SIZE);
    if (batch->number != NULL && batch->number[0] > (double)P)
        return config_error(err, DMFT_ERROR_CONFIG, &batch->place, "training.batch_size", "at most the number of samples, %zu, got %.0f", P, batch->number[0]);
    return check_chosen(config, P, err);
}

int problem_settle_mlp(struct problem_draft *draft, dmft_error *err)
{
    const dmft_config *config = &draft->config;
    struct data_set *set = &draft->data;
    int file = problem_value(config, SETTING_DATA_FILE)->given;
    int status = problem_settle_network(config, err);
    if (status == 0) status = settle_solver(draft, err);
    if (status == 0) status = file ? take_file(config, set, err) : take_gram(config, set, err);
    if (status == 0) status = check_targets(config, set->target, set->samples, set->outputs, file ? SETTING_DATA_FILE : SETTING_DATA_TARGET, err);
    if (status == 0) status = check_targets(config, set->test_target, set->tests, set->outputs, file ? SETTING_DATA_FILE : SETTING_DATA_TEST_TARGET, err);
    if (status == 0) status = check_training(config, set->samples, err);
    if (status < 0) return status;
    int small = set->samples + set->tests <= SMALL_DATA;
    if (problem_value(config, SETTING_TRAINING_BATCH_SIZE)->number == NULL) problem_put(draft, 2, SETTING_TRAINING_BATCH_SIZE, (double)set->samples);
    if (file && !small) (void)snprintf(draft->remark, sizeof draft->remark, "checksum of the data %016llx", data_checksum(set));
    return file && small ? show_data(draft, err) : 0;
}

/* ---- the problem ---- */

static int fill_lists(struct mlp_problem *mlp, const dmft_config *config)
{
    const struct config_value *chosen = problem_value(config, SETTING_OUTLIERS_SAMPLES), *every = problem_value(config, SETTING_OUTPUT_REPRESENTATIONS);
    if (every->number != NULL) mlp->represent_every = (long)every->number[0];
    if (chosen->number == NULL) return 1;
    mlp->chosen = calloc(chosen->count, sizeof *mlp->chosen);
    if (mlp->chosen == NULL) return 0;
    mlp->chosen_count = chosen->count;
    for (size_t i = 0; i < chosen->count; i++) mlp->chosen[i] = (size_t)chosen->number[i];
    return 1;
}

static void fill_sampling(struct mlp_problem *mlp, const dmft_config *config)
{
    mlp->sampling.sites = (long)problem_number(config, SETTING_SAMPLING_SITES);
    mlp->sampling.replicas = (long)problem_number(config, SETTING_SAMPLING_REPLICAS);
    mlp->sampling.seed = (unsigned long)problem_number(config, SETTING_SAMPLING_SEED);
    mlp->sampling.draws = (enum draws)problem_number(config, SETTING_SAMPLING_DRAWS);
    mlp->sampling.moment_matching = (int)problem_number(config, SETTING_SAMPLING_MOMENT_MATCHING);
    mlp->sampling.tolerance = problem_number(config, SETTING_SAMPLING_TOLERANCE);
}

int problem_fill_mlp(struct dmft_problem *p, struct problem_draft *draft)
{
    const dmft_config *config = &draft->config;
    struct data_set *set = &draft->data;
    struct mlp_problem *mlp = &p->mlp;
    if (!problem_fill_network(p, config)) return 0;
    mlp->solver = (enum mlp_solver)problem_number(config, SETTING_SOLVER);
    mlp->activation = activation_of((enum activation_kind)problem_number(config, SETTING_NETWORK_ACTIVATION));
    mlp->bias = (int)problem_number(config, SETTING_NETWORK_BIAS);
    mlp->loss = (enum loss)problem_number(config, SETTING_TRAINING_LOSS);
    mlp->samples = set->samples;
    mlp->tests = set->tests;
    mlp->outputs = set->outputs;
    mlp->batch_size = (size_t)problem_number(config, SETTING_TRAINING_BATCH_SIZE);
    mlp->batch_seed = (unsigned long)problem_number(config, SETTING_TRAINING_SEED);
    mlp->means_only = problem_number(config, SETTING_OUTPUT_SAMPLES) == 0.0;
    fill_sampling(mlp, config);
    p->simulation.given = problem_value(config, SETTING_SIMULATION_WIDTH)->given;
    p->simulation.width = (long)problem_number(config, SETTING_SIMULATION_WIDTH);
    if (!fill_lists(mlp, config)) return 0;
    mlp->gram = set->gram;
    mlp->target = set->target;
    mlp->test_target = set->test_target;
    *set = (struct data_set){0};
    return 1;
}

/* ---- an activation of the caller's ---- */

/* The text with another word for network.activation, or NULL when out of memory. */
static char *name_activation(const char *text, const char *name)
{
    const char *value = "";
    size_t length = 0;
    (void)outline_value(text, settings_table[SETTING_NETWORK_ACTIVATION].key, &value, &length);
    size_t before = (size_t)(value - text), bytes = strlen(text) - length + strlen(name) + 1;
    char *out = malloc(bytes);
    if (out != NULL) (void)snprintf(out, bytes, "%.*s%s%s", (int)before, text, name, value + length);
    return out;
}

/* A word that fits a line and a message. */
static int is_name(const char *name)
{
    size_t length = name != NULL ? strlen(name) : 0;
    for (size_t i = 0; i < length; i++)
        if (name[i] < ' ' || name[i] > '~') return 0;
    return length > 0 && length < SETTINGS_WORD;
}

static int check_activation(const struct dmft_problem *p, const dmft_activation *activation, dmft_error *err)
{
    if (p->kind != MODEL_MLP) return error_set(err, DMFT_ERROR_ARGUMENT, "model %s has no activation", p->model);
    if (activation == NULL || activation->apply == NULL) return error_set(err, DMFT_ERROR_ARGUMENT, "an activation needs a function");
    if (!is_name(activation->name)) return error_set(err, DMFT_ERROR_ARGUMENT, "an activation needs a name of 1 to %d printable characters", SETTINGS_WORD - 1);
    if (p->mlp.solver == SOLVER_EXACT) return error_set(err, DMFT_ERROR_ARGUMENT, "solver exact is for activation linear, not for %s", activation->name);
    if (p->mlp.solver == SOLVER_RESPONSE && !activation->smooth)
        return error_set(err, DMFT_ERROR_ARGUMENT, "solver response needs a smooth activation; %s is not", activation->name);
    return 0;
}

int dmft_problem_set_activation(dmft_problem *problem, const dmft_activation *activation, dmft_error *err)
{
    int status = check_activation(problem, activation, err);
    if (status < 0) return status;
    char *name = memory_string(activation->name), *text = name_activation(problem->text, activation->name);
    if (name == NULL || text == NULL) {
        free(name);
        free(text);
        return error_memory(err, (double)strlen(problem->text));
    }
    free(problem->mlp.activation_name);
    free(problem->text);
    problem->text = text;
    problem->mlp.activation = *activation;
    problem->mlp.activation.name = problem->mlp.activation_name = name;
    return 0;
}
