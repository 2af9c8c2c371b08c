/* The lazy limit as a trajectory: the columns of deep_linear as far as the limit has them, and the responses and parts of (F1)-(F16).
 *
 * C_v = C_v_target + C_v_output/gamma^2, likewise C_Delta; C_v_target has the label noise in it, whose share is C_v_noise. C_g are constants,
 * nan where they are of higher order in gamma. C_h1 .. C_hL are nan: no function of the responses gives them. Outliers are nan: weights move by O(gamma).
 * Time and memory are those of lib/kernel/lazy.c and of the series.
 */
#include "model/lazy.h"

#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/trajectory.h"
#include "kernel/lazy.h"
#include "kernel/nested.h"
#include "model/solve.h"

static const double divergence_factor = 1e12; /* (L16) */

/* Where the series are. */
struct columns {
    double *step, *C_v, *C_Delta, *test_loss, *train_loss;
    struct kernel_lazy part;
};

static size_t series_count(const dmft_problem *p) { return (size_t)(16 + p->depth * (3 + p->outlier_count)); }

/* The dearest are the nine transforms of 12 T numbers, and the points of the circle. */
dmft_estimate lazy_estimate(const dmft_problem *p)
{
    double T = (double)p->steps, N = 12.0 * T;
    return (dmft_estimate){.bytes = kernel_lazy_bytes((size_t)p->steps) + 8.0 * T * (double)series_count(p),
                           .operations = 9.0 * N * (2.5 * log2(N + 2.0) + 40.0 * (p->depth + 2.0)) + 40.0 * T * pow(log2(N + 2.0), 2.0)};
}

static int refuse(const dmft_problem *p, const dmft_run_options *options, dmft_error *err)
{
    double bytes = lazy_estimate(p).bytes;
    if (p->store_kernels)
        return error_set(err, DMFT_ERROR_UNAVAILABLE, "output.kernels: method lazy makes functions of t - s and diagonals, no two-time kernels");
    if (options == NULL || options->memory_limit == 0 || bytes <= (double)options->memory_limit) return DMFT_OK;
    return error_set(err, DMFT_ERROR_MEMORY_LIMIT, "%ld steps need %.3g GB, the limit is %.3g GB", p->steps, bytes / 1e9,
                     (double)options->memory_limit / 1e9);
}

/* ---- series ---- */

static void fill_with(const dmft_trajectory *t, double *value, double constant)
{
    for (size_t i = 0; i < t->rows; i++) value[i] = constant;
}

/* C_h1 .. C_hL stay nan; C_g1 .. C_gL keep the value of the start, nan where that is 0 and what there is of higher order in gamma. */
static int add_layers(dmft_trajectory *t, const dmft_problem *p, dmft_error *err)
{
    int status = DMFT_OK, L = p->depth;
    for (int l = 1; l <= L && status == DMFT_OK; l++) status = trajectory_add(t, NULL, TRAJECTORY_SHOWN, err, "C_h%d", l);
    for (int l = 1; l <= L && status == DMFT_OK; l++) {
        double backward = 1.0, *value = NULL;
        for (int k = l; k <= L; k++) backward *= p->weight_variance[k];
        status = trajectory_add(t, &value, TRAJECTORY_SHOWN, err, "C_g%d", l);
        if (status == DMFT_OK && backward > 0.0) fill_with(t, value, backward);
    }
    return status;
}

static int add_shown(dmft_trajectory *t, const dmft_problem *p, struct columns *c, dmft_error *err)
{
    int status = trajectory_add(t, &c->step, TRAJECTORY_SHOWN, err, "step");
    if (status == DMFT_OK) status = trajectory_add(t, &c->C_v, TRAJECTORY_SHOWN, err, "C_v");
    if (status == DMFT_OK) status = trajectory_add(t, &c->C_Delta, TRAJECTORY_SHOWN, err, "C_Delta");
    if (status == DMFT_OK) status = trajectory_add(t, &c->part.C_h0, TRAJECTORY_SHOWN, err, "C_h0");
    if (status == DMFT_OK) status = add_layers(t, p, err);
    for (int l = 0; l < p->depth; l++)
        for (int j = 1; j <= p->outlier_count && status == DMFT_OK; j++)
            status = trajectory_add(t, NULL, TRAJECTORY_SHOWN, err, "A%d_outlier%d", l, j);
    return status;
}

static int add_hidden(dmft_trajectory *t, const dmft_problem *p, struct columns *c, dmft_error *err)
{
    struct {
        const char *name;
        double **value;
    } series[] = {{"test_loss", &c->test_loss},
                  {"train_loss", &c->train_loss},
                  {"C_v_target", &c->part.C_v_target},
                  {"C_v_noise", &c->part.C_v_noise},
                  {"C_v_output", &c->part.C_v_output},
                  {"C_Delta_target", &c->part.C_Delta_target},
                  {"C_Delta_noise", &c->part.C_Delta_noise},
                  {"C_Delta_output", &c->part.C_Delta_output},
                  {"R_Delta", &c->part.R_Delta},
                  {"R_v", &c->part.R_v},
                  {"R_h0", &c->part.R_h0},
                  {"R_g1", &c->part.R_g1}};
    int status = DMFT_OK;
    for (size_t i = 0; i < sizeof series / sizeof *series && status == DMFT_OK; i++)
        status = trajectory_add(t, series[i].value, TRAJECTORY_HIDDEN, err, "%s", series[i].name);
    for (int l = 0; l < p->depth && status == DMFT_OK; l++) {
        double edges[2], *value = NULL;
        status = dmft_bulk_edges(p->weight_variance[l], l == 0 ? p->width_ratio : 1.0, edges, err);
        if (status == DMFT_OK) status = trajectory_add(t, &value, TRAJECTORY_HIDDEN, err, "A%d_edge", l);
        if (status == DMFT_OK) fill_with(t, value, edges[1]);
    }
    return status;
}

static int add_facts(dmft_trajectory *t, const dmft_problem *p, dmft_error *err)
{
    struct kernel_nested nested;
    double edges[2];
    kernel_nested_make(&nested, p);
    kernel_nested_edges(&nested, edges);
    int status = trajectory_describe(t, "theory", p, err);
    if (status == DMFT_OK) status = trajectory_set_number(t, p->label_noise, err, "label_noise");
    if (status == DMFT_OK) status = trajectory_set_number(t, edges[0], err, "bulk_edge_lower");
    if (status == DMFT_OK) status = trajectory_set_number(t, edges[1], err, "bulk_edge_upper");
    return status == DMFT_OK ? solve_add_sizes(t, p, p->width_ratio, err) : status;
}

/* ---- the run ---- */

/* Rows to begin with: all, or where responses grow some that reach the divergence surely, so that nothing overflows on the way. */
static size_t first_rows(const dmft_problem *p)
{
    double growth = kernel_lazy_growth(p), most = (double)p->steps;
    if (growth > 1.0) most = fmin(most, 2.0 + ceil(log(1e40) / (2.0 * log(growth))));
    return (size_t)most;
}

/* Fills rows 0 .. rows-1 of the sums and losses; returns the first row that has diverged, or `rows`. */
static size_t sum_parts(const dmft_problem *p, const struct columns *c, size_t rows)
{
    const struct kernel_lazy *part = &c->part;
    double gamma = p->parameterization == PARAMETERIZATION_MUP ? p->gamma0 * sqrt(p->width_ratio) : p->gamma0, noise2 = p->label_noise * p->label_noise;
    for (size_t t = 0; t < rows; t++) {
        c->step[t] = (double)t;
        c->C_v[t] = part->C_v_target[t] + part->C_v_output[t] / (gamma * gamma);
        c->C_Delta[t] = part->C_Delta_target[t] + part->C_Delta_output[t] / (gamma * gamma);
        c->test_loss[t] = 0.5 * (c->C_v[t] + noise2);
        c->train_loss[t] = 0.5 * c->C_Delta[t];
        const double *C[] = {c->C_v, c->C_Delta, part->C_h0};
        for (int i = 0; i < 3; i++)
            if (!(C[i][t] <= divergence_factor * fmax(C[i][0], 1.0))) return t;
    }
    return rows;
}

static void zero(const struct columns *c, size_t rows)
{
    const struct kernel_lazy *q = &c->part;
    double *x[] = {q->R_Delta, q->R_v, q->R_h0, q->R_g1, q->C_v_target, q->C_Delta_target, q->C_v_noise, q->C_Delta_noise, q->C_v_output,
                   q->C_Delta_output, q->C_h0};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        for (size_t t = 0; t < rows; t++) x[i][t] = 0.0;
}

static int run(const dmft_problem *p, dmft_trajectory *t, const struct columns *c, dmft_error *err)
{
    for (size_t rows = first_rows(p);; rows = rows > t->rows / 2 ? t->rows : 2 * rows) {
        zero(c, rows);
        int status = kernel_lazy_solve(p, rows, &c->part, err);
        if (status != DMFT_OK) return status;
        size_t done = sum_parts(p, c, rows);
        if (done == t->rows) return DMFT_OK;
        if (done == rows) continue;
        t->diverged_at = (long)done;
        trajectory_truncate(t, done);
        return error_set(err, DMFT_DIVERGED, "diverged at step %ld", t->diverged_at);
    }
}

static int fill(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory *t, dmft_error *err)
{
    struct columns c;
    double begin = clock_now();
    int status = solve_report(options, 0, p->steps, err);
    if (status == DMFT_OK) status = add_shown(t, p, &c, err);
    if (status == DMFT_OK) status = add_hidden(t, p, &c, err);
    if (status == DMFT_OK) status = add_facts(t, p, err);
    int outcome = status == DMFT_OK ? run(p, t, &c, err) : status;
    if (outcome < 0 || status != DMFT_OK) return outcome;
    status = solve_report(options, (long)t->rows, p->steps, err);
    if (status == DMFT_OK) status = trajectory_set_number(t, clock_now() - begin, err, "seconds");
    return status == DMFT_OK ? outcome : status;
}

int lazy_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    dmft_trajectory *t = NULL;
    int status = refuse(p, options, err);
    if (status == DMFT_OK) status = trajectory_create(&t, (size_t)p->steps, err);
    if (status == DMFT_OK) status = fill(p, options, t, err);
    if (status == DMFT_OK || status == DMFT_DIVERGED) *out = t;
    else dmft_trajectory_free(t);
    return status;
}
