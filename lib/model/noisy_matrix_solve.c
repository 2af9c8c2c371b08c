/* Model noisy_matrix as a trajectory: the law of (NM6) to (NM9) after each step, the two-time covariance, critical step size and time.
 *
 * Time: a law a step, some hundred laws for each critical value. Memory: the nodes, the series, and rows^2 numbers with output.kernels. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/trajectory.h"
#include "model/noisy_matrix.h"
#include "model/solve.h"

static const double divergence_factor = 1e12; /* as of kernels: (L16) */

enum { SERIES = 7, LAW = 8000, CRITICAL = 400 }; /* LAW: sums and divisions of a law of one node, or of 64; CRITICAL: laws for a critical value */

struct columns {
    double *step, *bulk_edge, *isolated, *left, *right, *variance, *first;
};

dmft_estimate noisy_matrix_estimate(const dmft_problem *p, int threads)
{
    double rows = (double)p->rows, kernels = p->store_kernels ? rows * (rows + 3.0) : 0.0, nodes = isfinite(p->noisy_matrix.samples) ? 64.0 : 1.0;
    (void)threads;
    return (dmft_estimate){.bytes = noisy_matrix_bytes(p) + 8.0 * (SERIES * rows + kernels),
                           .operations = nodes * (LAW * (rows + 2.0 * CRITICAL) + 2.0 * kernels)};
}

static int check_memory(const dmft_problem *p, const dmft_run_options *options, dmft_error *err)
{
    double bytes = noisy_matrix_estimate(p, 1).bytes, limit = options != NULL ? (double)options->memory_limit : 0.0;
    if (limit > 0.0 && bytes > limit)
        return error_set(err, DMFT_ERROR_MEMORY_LIMIT, "%ld steps take %.4g MB, above the limit of %.4g MB", p->steps, bytes / 1e6, limit / 1e6);
    return bytes < 0x1p60 ? DMFT_OK : error_memory(err, bytes);
}

static int add_columns(dmft_trajectory *t, struct columns *c, dmft_error *err)
{
    struct {
        const char *name;
        double **value;
        int flags;
    } series[SERIES] = {{"step", &c->step, TRAJECTORY_SHOWN},
                        {"bulk_edge", &c->bulk_edge, TRAJECTORY_SHOWN},
                        {"isolated", &c->isolated, TRAJECTORY_SHOWN},
                        {"overlap2_left", &c->left, TRAJECTORY_SHOWN},
                        {"overlap2_right", &c->right, TRAJECTORY_SHOWN},
                        {"bulk_variance", &c->variance, TRAJECTORY_SHOWN},
                        {"initial_covariance", &c->first, TRAJECTORY_HIDDEN}};
    int status = DMFT_OK;
    for (size_t i = 0; i < SERIES && status == DMFT_OK; i++) status = trajectory_add(t, series[i].value, series[i].flags, err, "%s", series[i].name);
    return status;
}

/* What is left of the first weights, <rho^t> sigma^2. */
static double initial_covariance(const struct noisy_matrix *w, double rate, double t)
{
    double sum = 0.0;
    for (size_t k = 0; k < w->nodes; k++) sum += w->weight[k] * pow(1.0 - w->decay - rate * w->s[k], t);
    return w->problem->variance * sum;
}

static void record(const struct columns *c, size_t row, double rate, const struct noisy_matrix *w, const struct spectrum_spiked_law *law)
{
    c->bulk_edge[row] = law->edge;
    c->isolated[row] = law->value;
    c->left[row] = law->left;
    c->right[row] = law->right;
    c->variance[row] = noisy_matrix_variance(w);
    c->first[row] = initial_covariance(w, rate, (double)row);
}

static int diverged(const struct columns *c, size_t row, const struct spectrum_spiked_law *law)
{
    double largest = law->margin > 0.0 ? law->value : law->edge, first = row > 0 ? c->bulk_edge[0] : law->edge;
    return !(largest <= divergence_factor * fmax(first, 1.0));
}

static int run(struct noisy_matrix *w, const dmft_problem *p, const dmft_run_options *options, dmft_trajectory *t, struct columns *c, dmft_error *err)
{
    struct spectrum_spiked_law law;
    for (size_t row = 0; row < t->rows; row++) {
        int status = row % 256 == 0 ? solve_report(options, (long)row, p->rows, err) : DMFT_OK;
        if (status == DMFT_OK) status = noisy_matrix_law(w, p->learning_rate, (double)row, &law, err);
        if (status != DMFT_OK) return status;
        c->step[row] = (double)row;
        if (diverged(c, row, &law)) {
            t->diverged_at = (long)row;
            trajectory_truncate(t, row);
            return error_set(err, DMFT_DIVERGED, "diverged at step %ld", t->diverged_at);
        }
        record(c, row, p->learning_rate, w, &law);
    }
    return solve_report(options, p->rows, p->rows, err);
}

static int add_kernel(const struct noisy_matrix *w, const dmft_problem *p, dmft_trajectory *t, dmft_error *err)
{
    size_t rows = t->rows;
    if (!p->store_kernels || rows == 0) return DMFT_OK;
    double *kernel = memory_doubles(rows * rows), *work = memory_doubles(3 * rows);
    int status = kernel != NULL && work != NULL ? DMFT_OK : error_memory(err, 8.0 * (double)(rows * (rows + 3)));
    if (status == DMFT_OK) {
        noisy_matrix_kernel(w, p->learning_rate, rows, kernel, work);
        status = trajectory_add_kernel(t, "kappa", rows, rows, kernel, err);
    }
    free(work);
    if (status != DMFT_OK) free(kernel);
    return status;
}

static int escape_step(const dmft_trajectory *t, const struct columns *c)
{
    for (size_t row = 0; row < t->rows; row++)
        if (!isnan(c->isolated[row])) return (int)row;
    return -1;
}

static int add_numbers(struct noisy_matrix *w, const dmft_problem *p, dmft_trajectory *t, const struct columns *c, dmft_error *err)
{
    double rate[2], stationary = noisy_matrix_stationary(w, p->learning_rate);
    noisy_matrix_critical_rates(w, p->steps, rate);
    int status = trajectory_set_number(t, rate[0], err, "critical_step_size");
    if (status == DMFT_OK) status = trajectory_set_number(t, rate[1], err, "critical_step_size_upper");
    if (status == DMFT_OK) status = trajectory_set_number(t, noisy_matrix_critical_time(w, p->learning_rate), err, "critical_time");
    if (status == DMFT_OK) status = trajectory_set_number(t, escape_step(t, c), err, "escape_step");
    if (status == DMFT_OK) status = trajectory_set_number(t, isfinite(stationary) ? stationary : NAN, err, "stationary_variance");
    return status == DMFT_OK ? solve_add_sizes(t, p, p->noisy_matrix.ratio, err) : status;
}

static int fill(struct noisy_matrix *w, const dmft_problem *p, const dmft_run_options *options, dmft_trajectory *t, dmft_error *err)
{
    struct columns c;
    double begin = clock_now();
    int status = add_columns(t, &c, err);
    if (status == DMFT_OK) status = trajectory_describe(t, "theory", p, err);
    int outcome = status == DMFT_OK ? run(w, p, options, t, &c, err) : status;
    if (status != DMFT_OK || (outcome != DMFT_OK && outcome != DMFT_DIVERGED)) return outcome;
    dmft_error said = err != NULL ? *err : (dmft_error){.text = ""};
    status = add_kernel(w, p, t, err);
    if (status == DMFT_OK) status = add_numbers(w, p, t, &c, err);
    if (status == DMFT_OK) status = trajectory_set_number(t, clock_now() - begin, err, "seconds");
    if (status == DMFT_OK && err != NULL) *err = said;
    return status == DMFT_OK ? outcome : status;
}

int noisy_matrix_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct noisy_matrix w = {.s = NULL};
    dmft_trajectory *t = NULL;
    if (options != NULL && (options->resume != NULL || options->checkpoint != NULL))
        return error_set(err, DMFT_ERROR_UNAVAILABLE, "model noisy_matrix is solved at once and has no checkpoints");
    int status = check_memory(p, options, err);
    if (status == DMFT_OK) status = noisy_matrix_create(&w, p, err);
    if (status == DMFT_OK) status = trajectory_create(&t, (size_t)p->rows, err);
    if (status == DMFT_OK) status = fill(&w, p, options, t, err);
    noisy_matrix_free(&w);
    if (status == DMFT_OK || status == DMFT_DIVERGED)
        *out = t;
    else
        dmft_trajectory_free(t);
    return status;
}
