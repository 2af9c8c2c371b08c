/* Two-layer networks as members of an ensemble: their columns, which carry the names of the theory's, and the arrays of their mean spectra. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "ensemble/samples.h"
#include "network/simulate.h"
#include "network/two_layer.h"

/* In the order of two_layer_measure: name, default column, and what a finite size may shift it by, see `allowance`. */
enum shift { NONE, EDGE, FRESH, SPIKE, TANGENT };

static const struct {
    const char *name;
    int shown;
    enum shift shift;
} columns[] = {
    {"train_loss", 1, NONE}, {"test_loss", 1, NONE}, {"ck_fresh_top", 1, FRESH},
    {"A0_outlier1", 1, SPIKE}, {"A0_outlier2", 0, NONE}, {"A0_left_overlap", 1, SPIKE}, {"A0_right_overlap", 1, SPIKE}, {"A0_target_overlap", 1, SPIKE},
    {"A0_sv1", 0, EDGE}, {"A0_sv2", 0, NONE}, {"A0_sv3", 0, NONE}, {"A0_outliers", 1, NONE},
    {"A0_distance", 1, NONE}, {"A0_smirnov", 0, NONE}, {"A0_p", 1, NONE}, {"A0_null_q5", 0, NONE}, {"A0_null_q50", 0, NONE}, {"A0_null_q95", 0, NONE},
    {"ck_top", 1, EDGE}, {"ck_second", 0, NONE}, {"ck_q15", 0, NONE}, {"ck_q55", 0, NONE}, {"ck_q95", 0, NONE}, {"ck_distance", 0, NONE},
    {"ntk_top", 1, EDGE}, {"ntk_second", 0, TANGENT}, {"ntk_q15", 0, TANGENT}, {"ntk_q55", 0, TANGENT}, {"ntk_q95", 0, TANGENT}, {"ntk_distance", 0, NONE},
    {"A0_tail", 1, NONE}, {"A0_tail_error", 0, NONE}, {"A0_tail_count", 0, NONE}, {"A0_tail_exponential", 0, NONE},
    {"A0_tail_exponential_p", 0, NONE}, {"A0_tail_lognormal", 0, NONE}, {"A0_tail_lognormal_p", 0, NONE}, {"A0_tail_nested_p", 0, NONE},
    {"A0_hill_half", 0, NONE}, {"A0_hill", 0, NONE}, {"A0_hill_double", 0, NONE}, {"A0_rest_tail", 0, NONE}, {"A0_rest_tail_error", 0, NONE},
    {"A0_rest_tail_count", 0, NONE}, {"A0_rest_tail_exponential", 0, NONE}, {"A0_rest_tail_exponential_p", 0, NONE},
    {"A0_rest_tail_lognormal", 0, NONE}, {"A0_rest_tail_lognormal_p", 0, NONE}, {"A0_rest_tail_nested_p", 0, NONE}, {"A0_rest_hill_half", 0, NONE},
    {"A0_rest_hill", 0, NONE}, {"A0_rest_hill_double", 0, NONE}, {"ck_tail", 0, NONE}, {"ck_tail_error", 0, NONE}, {"ck_tail_count", 0, NONE},
    {"ck_tail_exponential", 0, NONE}, {"ck_tail_exponential_p", 0, NONE}, {"ck_tail_lognormal", 0, NONE}, {"ck_tail_lognormal_p", 0, NONE},
    {"ck_tail_nested_p", 0, NONE}, {"ck_hill_half", 0, NONE}, {"ck_hill", 0, NONE}, {"ck_hill_double", 0, NONE},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* For c = 1, where c is 20 by default. The largest eigenvalue is below its limit by some D^{-2/3}. An outlier z of W adds some z^2/N to the variance of the
 * preactivations, which takes 1.4 z^2/N of its trace in the conjugate kernel. W_0^T a and the rest of the gradient shift outliers and overlaps by D^{-1/2};
 * the NTK's second factor spreads its eigenvalues by 1.8 D^{-1/2} of the least of them. */
static double allowance(enum shift shift, double D, double N)
{
    double edge = 0.25 * pow(D, -2.0 / 3.0), root = 1.0 / sqrt(D);
    return shift == EDGE ? edge : shift == FRESH ? edge + 1.0 / N : shift == SPIKE ? 0.05 * root : shift == TANGENT ? 0.1 * root : 0.0;
}

/* How large a loss may grow, over the first. */
static const double DIVERGED = 1e6;

static int create(void **out, const dmft_problem *problem, dmft_error *err)
{
    struct two_layer *n = NULL;
    int status = two_layer_create(&n, problem, err);
    if (status == DMFT_OK) *out = n;
    return status;
}

static void release(void *state) { two_layer_free(state); }

static int start(void *state, long index, dmft_error *err) { return two_layer_start(state, index, err); }

static int record(void *state, long row, double *slot, dmft_error *err)
{
    struct two_layer *n = state;
    double *numbers = slot + (size_t)row * COLUMNS;
    if (!isfinite(n->batch_loss) || n->batch_loss > DIVERGED * n->first_loss) return DMFT_DIVERGED;
    for (size_t i = 0; i < COLUMNS; i++) numbers[i] = NAN;
    for (size_t i = 0; i < n->n.N * n->n.D; i++)
        if (!isfinite(n->W[i])) return DMFT_DIVERGED;
    if (!two_layer_recorded(n->problem, row)) return DMFT_OK;
    int status = two_layer_measure(n, numbers, slot + (size_t)n->problem->rows * COLUMNS, row, err);
    if (status == DMFT_OK && !(numbers[0] <= DIVERGED * fmax(n->first_loss, 1.0))) return DMFT_DIVERGED;
    return status;
}

static int advance(void *state, long row, dmft_error *err)
{
    (void)row;
    (void)err;
    two_layer_learn(state);
    return 1;
}

static void transfer(void *state, archive *a) { two_layer_transfer(state, a); }

static const struct ensemble_kind kind = {.name = "network",
                                          .steps = "network steps",
                                          .file = "simulate",
                                          .create = create,
                                          .free = release,
                                          .start = start,
                                          .row = record,
                                          .advance = advance,
                                          .transfer = transfer};

/* Row 0 the j-th least value before training, row 1 after it, means over the networks. */
static int add_spectrum(dmft_trajectory *t, const struct ensemble_results *results, const char *name, size_t offset, size_t after, size_t count,
                        dmft_error *err)
{
    size_t size[3] = {2, count, 1};
    double *data = memory_doubles(2 * count), unused;
    if (data == NULL) return error_memory(err, 16.0 * (double)count);
    for (size_t i = 0; i < 2 * count; i++) ensemble_moments(results, offset + (i < count ? i : i - count + after), 1, &data[i], &unused);
    int status = trajectory_add_array(t, name, size, data, err);
    if (status != DMFT_OK) free(data);
    return status;
}

static int finish(dmft_trajectory *t, const struct ensemble_results *results, const struct samples *s, dmft_error *err)
{
    struct two_layer_size n = two_layer_size_of(s->problem);
    if (t->diverged_at >= 0) return DMFT_OK; /* there are no spectra after training */
    size_t least = n.N < n.D ? n.N : n.D, offset = s->columns * (size_t)s->problem->rows, after = s->extra / 2;
    int status = add_spectrum(t, results, "weight_spectrum", offset, after, least, err);
    if (status == DMFT_OK) status = add_spectrum(t, results, "ck_spectrum", offset + least, after, n.P, err);
    if (status == DMFT_OK) status = add_spectrum(t, results, "ntk_spectrum", offset + least + n.P, after, n.P, err);
    if (status == DMFT_OK) status = trajectory_set_number(t, (double)n.D, err, "input_dim");
    if (status == DMFT_OK) status = trajectory_set_number(t, (double)n.N, err, "width");
    return status == DMFT_OK ? trajectory_set_number(t, (double)n.P, err, "samples") : status;
}

static struct samples samples_of(const dmft_problem *p, struct samples_column column[COLUMNS])
{
    struct two_layer_size n = two_layer_size_of(p);
    for (size_t i = 0; i < COLUMNS; i++) {
        column[i] = (struct samples_column){.shown = columns[i].shown, .allowance = allowance(columns[i].shift, (double)n.D, (double)n.N)};
        memcpy(column[i].name, columns[i].name, strlen(columns[i].name) + 1);
    }
    return (struct samples){.kind = &kind,
                            .problem = p,
                            .members = p->simulation.seeds,
                            .columns = COLUMNS,
                            .column = column,
                            .model_kind = "simulation",
                            .doubles = two_layer_doubles(p),
                            .operations = two_layer_operations(p),
                            .extra = two_layer_extra(p),
                            .finish = finish};
}

dmft_estimate two_layer_simulate_estimate(const dmft_problem *p, int threads)
{
    struct samples_column column[COLUMNS];
    struct samples s = samples_of(p, column);
    return samples_estimate(&s, threads);
}

int two_layer_simulate(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct samples_column column[COLUMNS];
    struct samples s = samples_of(p, column);
    return samples_run(&s, options, out, err);
}
