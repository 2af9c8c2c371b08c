/* Deep linear networks as members of an ensemble: (S1) of doc/theory.md. A slot holds the kernels of all rows, then the spectra of the
 * recorded ones, then what the probes gave. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/grid.h"
#include "ensemble/weights.h"
#include "network/network.h"

/* How large a kernel may grow: far above any catapult, and its fourth power is still a double. */
static const double DIVERGED = 1e12;

static int create(void **out, const dmft_problem *problem, dmft_error *err)
{
    struct network *n = NULL;
    int status = network_create(&n, problem, err);
    if (status != DMFT_OK) return status;
    if (problem->flow) {
        n->time = memory_doubles((size_t)problem->rows);
        status = n->time != NULL ? grid_times(problem, n->time, err) : error_memory(err, 8.0 * (double)problem->rows);
    }
    if (status == DMFT_OK)
        *out = n;
    else
        network_free(n);
    return status;
}

static void release(void *state) { network_free(state); }

static int start(void *state, long index, dmft_error *err)
{
    (void)err;
    network_start(state, index);
    return DMFT_OK;
}

static void evaluate(void *state) { network_evaluate(state); }

static int diverged(const double *row, const double *first, size_t columns)
{
    for (size_t i = 0; i < columns; i++)
        if (!isfinite(row[i]) || fabs(row[i]) > DIVERGED * fmax(first[i], 1.0)) return 1;
    return 0;
}

static int record(void *state, long row, double *slot, dmft_error *err)
{
    struct network *n = state;
    const dmft_problem *p = n->problem;
    size_t columns = network_kernel_columns(p), spectrum = network_spectrum_columns(p), probe = probe_columns(p);
    double *kernels = slot + (size_t)row * columns, *spectra = slot + (size_t)p->rows * columns, *probes = spectra + network_spectrum_rows(p) * spectrum;
    network_evaluate(n);
    network_kernels(n, kernels);
    if (diverged(kernels, slot, columns)) return DMFT_DIVERGED;
    int status = row % p->outlier_every == 0 ? network_spectrum(n, spectra + (size_t)(row / p->outlier_every) * spectrum, err) : DMFT_OK;
    if (status != DMFT_OK || probe == 0 || row % p->probes.every != 0) return status;
    return probe_measure(n, probes + (size_t)(row / p->probes.every) * probe, err);
}

static void keep(void *state, long row, double *kept)
{
    const struct network *n = state;
    struct weights_matrix matrix[WEIGHTS_MOST];
    for (int l = 0; l < n->depth; l++) matrix[l] = (struct weights_matrix){n->width, network_columns(n, l), 1.0, n->weight[l]};
    matrix[n->depth] = (struct weights_matrix){1, n->width, 1.0 / sqrt((double)n->width), n->readout};
    weights_keep(kept, matrix, (size_t)n->depth + 1, row, n->problem->rows);
}

size_t network_kept(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    size_t N = (size_t)n.width, D = (size_t)n.input_dim, L = (size_t)problem->depth;
    return problem->store_weights ? weights_doubles(L + 1, N * (D + (L - 1) * N + 1)) : 0;
}

static int advance(void *state, long row, dmft_error *err)
{
    struct network *n = state;
    if (n->problem->flow) return network_flow(n, n->time[row + 1] - n->time[row], err);
    network_learn(n);
    return 1;
}

static void transfer(void *state, archive *a) { network_transfer(state, a); }

static const struct ensemble_kind kind = {.name = "network",
                                          .steps = "network steps",
                                          .file = "simulate",
                                          .create = create,
                                          .free = release,
                                          .start = start,
                                          .evaluate = evaluate,
                                          .row = record,
                                          .keep = keep,
                                          .advance = advance,
                                          .transfer = transfer};

int network_check(const dmft_problem *problem, dmft_error *err)
{
    if ((long)problem->modes > problem->simulation.input_dim)
        return error_set(err, DMFT_ERROR_CONFIG, "simulation.input_dim: at least the number of modes, data.spectrum.modes = %zu, got %ld", problem->modes,
                         problem->simulation.input_dim);
    if (!problem->flow || problem->grid != GRID_ADAPTIVE) return DMFT_OK;
    return error_set(err, DMFT_ERROR_UNAVAILABLE, "grid.kind: adaptive is for the theory; simulate takes uniform | geometric");
}

/* Refuses what passes the limit, or what no size_t can count. */
static int check_memory(const dmft_problem *problem, const dmft_run_options *options, dmft_error *err)
{
    struct network_size n = network_size_of(problem);
    double bytes = network_estimate(problem, options != NULL ? options->threads : 1).bytes, limit = options != NULL ? (double)options->memory_limit : 0.0;
    if (limit > 0 && bytes > limit)
        return error_set(err, DMFT_ERROR_MEMORY_LIMIT,
                         "simulating %ld networks of D = %.0f, N = %.0f, P = %.0f, %ld at a time, takes %.4g MB, above the limit of %.4g MB",
                         problem->simulation.seeds, n.input_dim, n.width, n.samples, ensemble_threads(problem->simulation.seeds, options),
                         bytes / 1e6, limit / 1e6);
    return bytes < 0x1p60 ? DMFT_OK : error_memory(err, bytes);
}

static double operations_of(const dmft_problem *problem)
{
    double recorded = network_spectrum_operations(problem) / (double)problem->outlier_every, stages = problem->flow ? NETWORK_STAGES : 1;
    double probed = probe_columns(problem) > 0 ? probe_operations(problem) / (double)problem->probes.every : 0;
    return stages * network_step_operations(problem) + recorded + probed;
}

int network_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct ensemble_plan plan = {.kind = &kind, .problem = problem, .members = problem->simulation.seeds, .rows = problem->rows};
    struct ensemble_results results;
    plan.slot = (size_t)network_slot(problem);
    plan.kept = network_kept(problem);
    plan.operations = operations_of(problem);
    int status = network_check(problem, err);
    if (status == DMFT_OK) status = check_memory(problem, options, err);
    if (status == DMFT_OK) status = ensemble_run(&results, &plan, options, err);
    if (status != DMFT_OK) return status;
    dmft_trajectory *t = NULL;
    status = network_summary(&t, problem, &results, err);
    status = weights_attach(out, t, status, problem, &results, err);
    ensemble_results_free(&results);
    return status;
}
