/* Many outputs: bands of the singular values of the first layer W over the time of gradient flow, section 30 of doc/theory.md.
 *
 * Frozen readout: a generalised Marchenko-Pastur law at each time, population (XT2), edges (LA2). Trained readout, wide limit: each singular value s of
 * the teacher moves alone (XT4), and the edges are the images of those of s.
 *
 * The nodes of a population are doubled until the edges stay where they are: some milliseconds a time; memory is some ten doubles a node.
 */
#include "model/solve.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/problem.h"
#include "base/trajectory.h"
#include "spectrum/law.h"

enum {
    FIRST_NODES = 128,
    MOST_NODES = 1 << 14,
    IMAGE = 1024,        /* parts in which the extremes of the population are looked for, before and behind u t = BEHIND */
    BEHIND = 16,         /* where exp(-u t) is over, and the population falls like 1/u */
    POINTS = 128,        /* from which quantiles are looked for */
    BANDS = 2            /* a band and an atom make no more */
};

static const double settled = 1e-10;  /* change of an edge, relative, at which the nodes are enough */
static const double least = 1e-100;   /* a variance below has decayed: its square would not be a number for long */
static const double nothing = 1e-24;  /* of the largest variance, and of the largest eigenvalue: what is below counts as 0 */

/* ---- frozen readout ---- */

struct bulk {
    size_t count;
    double edge[BANDS][2]; /* of W^T W */
};

struct frozen {
    const struct dmft_problem *problem;
    double time;
    double *s, *tau, *weight; /* MOST_NODES + 1 numbers each */
    size_t nodes;             /* of the part s, whose weights are min(1, K/N) in sum */
    double band[BANDS][2];
    struct spectrum_law law;
};

/* tau^2 of (XT2) at u = s^2. */
static double variance_at(double u, void *context)
{
    const struct frozen *f = context;
    const struct extensive_output_problem *e = &f->problem->extensive_output;
    double x = u * f->time, gain = -expm1(-x), slope = x > 0.0 ? gain / x : 1.0; /* (1 - e^-x)^2/u = t gain slope */
    double tau = exp(-2.0 * x) * e->weight_variance + f->time * gain * slope * e->teacher_variance;
    return tau > least ? tau : 0.0;
}

/* Ratio K/N, and the eigenvalues of V^T V other than 0: `scale` times those of Marchenko-Pastur q, a part `mass` of N. */
static void readout_law(const struct extensive_output_problem *e, double *q, double *scale, double *mass)
{
    double kappa = e->output_ratio;
    *q = fmin(kappa, 1.0 / kappa);
    *scale = fmax(1.0, kappa);
    *mass = fmin(1.0, kappa);
}

/* The bands of the population: that of s, and the atom sigma_0^2 of the N - K directions that the outputs do not see. */
static size_t population_bands(struct frozen *f, const double s_band[2], double mass)
{
    double image[2], rest[2], atom = f->problem->extensive_output.weight_variance;
    double behind = f->time > 0.0 ? BEHIND / f->time : INFINITY, middle = fmin(fmax(behind, s_band[0]), s_band[1]);
    spectrum_image(variance_at, f, s_band[0], middle, IMAGE, image);
    spectrum_image(variance_at, f, middle, s_band[1], IMAGE, rest);
    image[0] = fmin(image[0], rest[0]);
    image[1] = fmax(image[1], rest[1]);
    if (image[0] < nothing * image[1]) image[0] = 0.0;
    f->band[0][0] = image[0], f->band[0][1] = image[1];
    if (mass >= 1.0 || (atom >= image[0] && atom <= image[1])) return 1;
    size_t own = atom < image[0] ? 1 : 0;
    f->band[own][0] = image[0], f->band[own][1] = image[1];
    f->band[1 - own][0] = f->band[1 - own][1] = atom;
    return 2;
}

static void make_population(struct frozen *f, size_t n)
{
    double q, scale, mass, s_band[2];
    readout_law(&f->problem->extensive_output, &q, &scale, &mass);
    spectrum_marchenko_pastur_graded(q, n, f->s, f->weight, s_band);
    f->nodes = n;
    for (size_t k = 0; k < n; k++) {
        f->s[k] *= scale;
        f->weight[k] *= mass;
        f->tau[k] = variance_at(f->s[k], f);
    }
    f->tau[n] = f->problem->extensive_output.weight_variance;
    f->weight[n] = 1.0 - mass;
    s_band[0] *= scale, s_band[1] *= scale;
    f->law = (struct spectrum_law){.ratio = f->problem->width_ratio, .nodes = n + 1, .tau = f->tau, .weight = f->weight, .band = (const double(*)[2])f->band};
    f->law.bands = population_bands(f, s_band, mass);
}

static int agree(const struct bulk *a, const struct bulk *b)
{
    if (a->count != b->count) return 0;
    for (size_t i = 0; i < a->count; i++)
        for (int e = 0; e < 2; e++)
            if (!(fabs(a->edge[i][e] - b->edge[i][e]) <= settled * b->edge[i][e])) return 0;
    return 1;
}

/* Leaves the population with the nodes that were enough. */
static int find_bulk(struct frozen *f, struct bulk *out, dmft_error *err)
{
    struct bulk before = {.count = BANDS + 1};
    int status = DMFT_OK;
    for (size_t n = FIRST_NODES; n <= MOST_NODES; n *= 2) {
        make_population(f, n);
        status = spectrum_law_edges(&f->law, out->edge, BANDS, &out->count, err);
        for (size_t i = 0; status == DMFT_OK && i < 2 * out->count; i++)
            if (out->edge[i / 2][i % 2] < nothing * out->edge[out->count - 1][1]) out->edge[i / 2][i % 2] = 0.0;
        if (status == DMFT_OK && agree(&before, out)) return DMFT_OK;
        if (status != DMFT_OK && status != DMFT_ERROR_NUMERIC) return status;
        before = *out;
        if (status != DMFT_OK) before.count = BANDS + 1;
    }
    if (status != DMFT_OK) return status;
    return error_set(err, DMFT_ERROR_NUMERIC, "the edges at time %g have not settled with %d nodes", f->time, MOST_NODES);
}

/* Half the mean square error of an output (XT3). */
static double frozen_loss(const struct frozen *f)
{
    const struct extensive_output_problem *e = &f->problem->extensive_output;
    double sum = 0.0, kappa = e->output_ratio;
    for (size_t k = 0; k < f->nodes; k++)
        sum += f->weight[k] * exp(-2.0 * f->s[k] * f->time) * (e->teacher_variance + f->s[k] * e->weight_variance);
    return 0.5 * (sum / kappa + fmax(0.0, 1.0 - 1.0 / kappa) * e->teacher_variance);
}

/* ---- trained readout ---- */

/* The singular values of W and V W that belong to s, at a time (XT4). */
static void images(const struct extensive_output_problem *e, double s, double time, double *W, double *VW)
{
    double a = e->first_layer_gram, b = e->readout_gram, q = 0.5 * (a + b), k = hypot(s, q);
    *W = sqrt(a);
    *VW = 0.0;
    if (!(q > 0.0)) return; /* weights of zero do not move */
    double up = (s + k) / q, um = -q / (s + k), C = exp(-2.0 * k * time) * (1.0 - up) / (1.0 - um), u = (up - C * um) / (1.0 - C);
    *W = sqrt(fmax(0.0, 0.5 * (q * (u + 1.0 / u) + a - b)));
    *VW = 0.5 * q * (u - 1.0 / u);
}

/* ---- series ---- */

enum { LOWER1, UPPER1, LOWER2, UPPER2, SHOWN };

struct columns {
    double *time, *step, *shown[SHOWN], *lower, *upper, *gap_lower, *gap_upper, *loss;
    double **quantile, **second; /* a series each: of W and its density (frozen), of W and V W (trained) */
};

static int add(dmft_trajectory *t, double **value, int flags, const char *name, dmft_error *err) { return trajectory_add(t, value, flags, err, "%s", name); }

static int add_series(dmft_trajectory *t, struct columns *c, const struct extensive_output_problem *e, dmft_error *err)
{
    static const char *const names[2][SHOWN] = {{"lo1", "hi1", "lo2", "hi2"}, {"W_lower", "W_upper", "VW_lower", "VW_upper"}};
    int status = add(t, &c->time, TRAJECTORY_SHOWN, "time", err);
    for (int i = 0; i < SHOWN && status == DMFT_OK; i++) status = add(t, &c->shown[i], TRAJECTORY_SHOWN, names[e->trained][i], err);
    if (status == DMFT_OK) status = add(t, &c->step, TRAJECTORY_HIDDEN, "step", err);
    if (status == DMFT_OK && !e->trained) status = add(t, &c->lower, TRAJECTORY_HIDDEN, "edge_lower", err);
    if (status == DMFT_OK && !e->trained) status = add(t, &c->upper, TRAJECTORY_HIDDEN, "edge_upper", err);
    if (status == DMFT_OK && !e->trained) status = add(t, &c->gap_lower, TRAJECTORY_HIDDEN, "gap_lower", err);
    if (status == DMFT_OK && !e->trained) status = add(t, &c->gap_upper, TRAJECTORY_HIDDEN, "gap_upper", err);
    if (status == DMFT_OK) status = add(t, &c->loss, TRAJECTORY_HIDDEN, "test_loss", err);
    for (long j = 0; j < e->quantiles && status == DMFT_OK; j++)
        status = trajectory_add(t, &c->quantile[j], TRAJECTORY_HIDDEN, err, e->trained ? "W_quantile%ld" : "quantile%ld", j + 1);
    for (long j = 0; j < e->quantiles && status == DMFT_OK; j++)
        status = trajectory_add(t, &c->second[j], TRAJECTORY_HIDDEN, err, e->trained ? "VW_quantile%ld" : "density%ld", j + 1);
    return status;
}

/* The part of the eigenvalues of W^T W that lies below quantile j of those other than 0. */
static double part_of(const struct spectrum_law *law, long j, long quantiles)
{
    double zero = spectrum_law_zero(law);
    return zero + (1.0 - zero) * ((double)j + 0.5) / (double)quantiles;
}

static int frozen_quantiles(const struct frozen *f, const struct columns *c, size_t row, dmft_error *err)
{
    const struct extensive_output_problem *e = &f->problem->extensive_output;
    spectrum_curve *curve = NULL;
    if (e->quantiles == 0) return DMFT_OK;
    int status = spectrum_curve_create(&curve, &f->law, POINTS, err);
    if (status != DMFT_OK) return status;
    for (long j = 0; j < e->quantiles; j++) {
        double x = spectrum_curve_quantile(curve, part_of(&f->law, j, e->quantiles));
        if (x < nothing * gsl_pow_2(c->upper[row])) x = 0.0;
        c->quantile[j][row] = sqrt(x);
        c->second[j][row] = x > 0.0 ? 2.0 * sqrt(x) * spectrum_curve_at(curve, x) / (1.0 - spectrum_law_zero(&f->law)) : NAN;
    }
    spectrum_curve_free(curve);
    return status;
}

static int frozen_row(struct frozen *f, const struct columns *c, size_t row, dmft_error *err)
{
    struct bulk b;
    f->time = c->time[row];
    int status = find_bulk(f, &b, err);
    if (status != DMFT_OK) return status;
    if (b.count == 0) b = (struct bulk){.count = 1}; /* W = 0 */
    for (size_t i = 0; i < b.count; i++) {
        c->shown[2 * i][row] = sqrt(b.edge[i][0]);
        c->shown[2 * i + 1][row] = sqrt(b.edge[i][1]);
    }
    c->lower[row] = sqrt(b.edge[0][0]);
    c->upper[row] = sqrt(b.edge[b.count - 1][1]);
    if (b.count == 2) {
        c->gap_lower[row] = sqrt(b.edge[0][1]);
        c->gap_upper[row] = sqrt(b.edge[1][0]);
    }
    c->loss[row] = frozen_loss(f);
    return frozen_quantiles(f, c, row, err);
}

static int frozen_rows(const dmft_problem *p, dmft_trajectory *t, const struct columns *c, const dmft_run_options *options, dmft_error *err)
{
    struct frozen f = {.problem = p, .s = memory_doubles(MOST_NODES + 1), .tau = memory_doubles(MOST_NODES + 1), .weight = memory_doubles(MOST_NODES + 1)};
    int status = f.s && f.tau && f.weight ? DMFT_OK : error_memory(err, 24.0 * MOST_NODES);
    for (size_t row = 0; row < t->rows && status == DMFT_OK; row++) {
        struct dmft_progress now = {.what = "steps", .done = (long)row, .total = p->steps, .residual = NAN};
        status = frozen_row(&f, c, row, err);
        if (status == DMFT_OK && options != NULL && options->progress != NULL && options->progress(options->user, &now) != 0)
            status = error_set(err, DMFT_STOPPED, "stopped at time %zu of %zu", row, t->rows);
    }
    free(f.s);
    free(f.tau);
    free(f.weight);
    return status;
}

/* Quantiles of the teacher's singular values other than 0, `s` numbers. */
static int teacher_quantiles(const struct extensive_output_problem *e, double *s, dmft_error *err)
{
    double tau = e->teacher_variance, weight = 1.0, band[1][2] = {{tau, tau}};
    struct spectrum_law law = {.ratio = e->teacher_ratio, .nodes = 1, .tau = &tau, .weight = &weight, .bands = 1, .band = (const double(*)[2])band};
    spectrum_curve *curve;
    if (e->quantiles == 0 || !(tau > 0.0)) return DMFT_OK;
    int status = spectrum_curve_create(&curve, &law, POINTS, err);
    if (status != DMFT_OK) return status;
    for (long j = 0; j < e->quantiles; j++) s[j] = sqrt(spectrum_curve_quantile(curve, part_of(&law, j, e->quantiles)));
    spectrum_curve_free(curve);
    return DMFT_OK;
}

/* Half the mean square error of an output: (s - f)^2 over the teacher's singular values (XT5). */
static double trained_loss(const struct extensive_output_problem *e, const double *s2, const double *weight, size_t nodes, double time)
{
    double sum = 0.0, W, VW;
    for (size_t k = 0; k < nodes; k++) {
        images(e, sqrt(s2[k]), time, &W, &VW);
        sum += weight[k] * gsl_pow_2(sqrt(s2[k]) - VW);
    }
    return 0.5 * sum * fmin(1.0, 1.0 / e->teacher_ratio);
}

static int trained_rows(const dmft_problem *p, dmft_trajectory *t, const struct columns *c, dmft_error *err)
{
    const struct extensive_output_problem *e = &p->extensive_output;
    enum { NODES = 1024 };
    double r = e->teacher_ratio, sigma = sqrt(e->teacher_variance), edge[2] = {sigma * fabs(1.0 - sqrt(r)), sigma * (1.0 + sqrt(r))}, band[2];
    double *s2 = memory_doubles(NODES + 1), *weight = memory_doubles(NODES + 1), *quantile = memory_doubles((size_t)e->quantiles);
    int status = s2 && weight && quantile ? teacher_quantiles(e, quantile, err) : error_memory(err, 16.0 * NODES);
    if (status == DMFT_OK) {
        spectrum_marchenko_pastur_nodes(fmin(r, 1.0 / r), NODES, s2, weight, band);
        for (size_t k = 0; k <= NODES; k++) s2[k] *= e->teacher_variance * fmax(1.0, r);
        for (size_t row = 0; row < t->rows; row++) {
            for (int i = 0; i < 2; i++) images(e, edge[i], c->time[row], &c->shown[i][row], &c->shown[2 + i][row]);
            c->loss[row] = trained_loss(e, s2, weight, NODES + 1, c->time[row]);
            for (long j = 0; j < e->quantiles; j++) images(e, quantile[j], c->time[row], &c->quantile[j][row], &c->second[j][row]);
        }
    }
    free(s2);
    free(weight);
    free(quantile);
    return status;
}

/* ---- the run ---- */

dmft_estimate extensive_output_estimate(const dmft_problem *p, int threads)
{
    (void)threads;
    double rows = (double)p->rows, columns = 10.0 + 2.0 * (double)p->extensive_output.quantiles;
    int trained = p->extensive_output.trained;
    return (dmft_estimate){.bytes = 8.0 * (rows * columns + (trained ? 2048.0 : 3.0 * MOST_NODES)), .operations = rows * (trained ? 1e5 : 5e6)};
}

static int refuse(const dmft_problem *p, const dmft_run_options *options, dmft_error *err)
{
    double bytes = extensive_output_estimate(p, 1).bytes;
    if (p->extensive_output.trained && !p->extensive_output.infinite)
        return error_set(err, DMFT_ERROR_UNAVAILABLE,
                         "with a trained readout there is a theory of the wide limit alone: network.width: infinite (networks of any width can be simulated)");
    if (options != NULL && (options->resume != NULL || options->checkpoint != NULL))
        return error_set(err, DMFT_ERROR_UNAVAILABLE, "model extensive_output is solved time by time, in milliseconds each, and has no checkpoints");
    if (options == NULL || options->memory_limit == 0 || bytes <= (double)options->memory_limit) return DMFT_OK;
    return error_set(err, DMFT_ERROR_MEMORY_LIMIT, "the nodes need %.3g MB, the limit is %.3g MB", bytes / 1e6, (double)options->memory_limit / 1e6);
}

static int add_facts(dmft_trajectory *t, const dmft_problem *p, double seconds, dmft_error *err)
{
    int status = trajectory_describe(t, "theory", p, err);
    if (status == DMFT_OK) status = trajectory_set_number(t, seconds, err, "seconds");
    return status == DMFT_OK && p->simulation.given ? trajectory_set_number(t, (double)p->simulation.input_dim, err, "input_dim") : status;
}

static int fill(const dmft_problem *p, dmft_trajectory *t, struct columns *c, const dmft_run_options *options, dmft_error *err)
{
    double begin = clock_now();
    int status = add_series(t, c, &p->extensive_output, err);
    for (size_t row = 0; row < t->rows && status == DMFT_OK; row++) {
        c->time[row] = p->extensive_output.time[row];
        c->step[row] = (double)row;
    }
    if (status == DMFT_OK) status = p->extensive_output.trained ? trained_rows(p, t, c, err) : frozen_rows(p, t, c, options, err);
    return status == DMFT_OK ? add_facts(t, p, clock_now() - begin, err) : status;
}

int extensive_output_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    dmft_trajectory *t = NULL;
    struct columns c = {0};
    int status = refuse(p, options, err);
    if (status != DMFT_OK) return status;
    size_t quantiles = (size_t)p->extensive_output.quantiles;
    c.quantile = calloc(quantiles + 1, sizeof *c.quantile);
    c.second = calloc(quantiles + 1, sizeof *c.second);
    status = c.quantile != NULL && c.second != NULL ? trajectory_create(&t, (size_t)p->rows, err) : error_memory(err, 16.0 * (double)quantiles);
    if (status == DMFT_OK) status = fill(p, t, &c, options, err);
    free(c.quantile);
    free(c.second);
    if (status == DMFT_OK)
        *out = t;
    else
        dmft_trajectory_free(t);
    return status;
}
