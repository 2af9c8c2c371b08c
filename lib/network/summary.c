/*
 * From what every network gave to one trajectory: means and standard errors over networks (sample standard deviation/sqrt(seeds), nan for one
 * network), outliers, bulk edges, escapes; the columns of doc/format.md.
 *
 * A singular value counts as an outlier where its mean over networks exceeds
 *
 *     sigma_l(t) (1 + sqrt(psi)) (1 + N^{-2/3}),   psi = rows/columns,
 *
 * the edge of the bulk at step t, which weight decay shrinks and noise widens, with room for the fluctuations of a finite matrix, (S2) of
 * doc/theory.md; the bulk edge measured is the mean of the first one that does not. The escape step of the j-th outlier is the first recorded step
 * at which it exists; the escape time is where the mean over its threshold minus 1, linear between that step and the one before, crosses
 * zero; where not every step is recorded it is not known; at variance 0 there is no bulk to escape from, and no such time. What probes gave are
 * means too, and what follows from them, (S17).
 *
 * Cost: one pass over the results for each moment; memory: the trajectory, and two numbers a column of the spectra and recorded step.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/grid.h"
#include "base/trajectory.h"
#include "network/network.h"

/* Singular values below this multiple of the largest are rounding (singular.c); it matters where the variance, and so the threshold, is 0. */
static const double RESOLVED = 1e-6;

enum { EVERYWHERE = 0, NAME_BYTES = 64 };

struct summary {
    const dmft_problem *problem;
    const struct ensemble_results *results;
    dmft_trajectory *t;
    size_t rows, recorded; /* rows that are kept, those of them with spectra */
    double *time;          /* of the rows (flow only, else NULL) */
    double *mean, *se;     /* of the spectra: recorded x columns */
    int status;            /* the first failure; nothing is done after it */
    dmft_error *err;
};

/* ---- Moments ---- */

static void spectrum_moments(struct summary *s)
{
    size_t begin = (size_t)s->problem->rows * network_kernel_columns(s->problem);
    size_t numbers = s->recorded * network_spectrum_columns(s->problem);
    s->mean = memory_doubles(numbers);
    s->se = memory_doubles(numbers);
    if (s->mean == NULL || s->se == NULL) {
        s->status = error_memory(s->err, 16.0 * (double)numbers);
        return;
    }
    for (size_t i = 0; i < numbers; i++) ensemble_moments(s->results, begin + i, 1, &s->mean[i], &s->se[i]);
}

/* ---- Outliers ---- */

/* Place in mean and se of the singular value j = 1 .. count + 1, or overlap j = count + 2 .., of A_l at a recorded step. */
static size_t place(const struct summary *s, size_t record, int l, int j)
{
    return record * network_spectrum_columns(s->problem) + (size_t)l * network_layer_columns(s->problem) + (size_t)j - 1;
}

static int overlap_column(const struct summary *s, enum network_overlap overlap) { return s->problem->outlier_count + 2 + (int)overlap; }

/* What a mean singular value of A_l must exceed. */
static double threshold(const struct summary *s, size_t record, int l)
{
    struct network_size n = network_size_of(s->problem);
    double psi = l == 0 ? n.width / n.input_dim : 1.0;
    double edge = sqrt(problem_bulk_variance(s->problem, l, (long)record * s->problem->outlier_every)) * (1 + sqrt(psi));
    return fmax(edge * (1 + pow(n.width, -2.0 / 3)), RESOLVED * s->mean[place(s, record, l, 1)]);
}

static int is_outlier(const struct summary *s, size_t record, int l, int j)
{
    return isgreater(s->mean[place(s, record, l, j)], threshold(s, record, l));
}

/* ---- Series ---- */

/* Adds a series and returns it; NULL after a failure. */
static struct trajectory_series *add(struct summary *s, int flags, const char *name)
{
    if (s->status == DMFT_OK) s->status = trajectory_add(s->t, NULL, flags, s->err, "%s", name);
    return s->status == DMFT_OK ? &s->t->series[s->t->series_count - 1] : NULL;
}

static void add_steps(struct summary *s)
{
    struct trajectory_series *series = add(s, TRAJECTORY_SHOWN, "step");
    for (size_t t = 0; series != NULL && t < s->rows; t++) series->value[t] = (double)t;
    if (!s->problem->flow) return;
    series = add(s, TRAJECTORY_HIDDEN, "time");
    for (size_t t = 0; series != NULL && t < s->rows; t++) series->value[t] = s->time[t];
}

/* scale x (kernel in this column + shift). */
static void add_kernel(struct summary *s, int flags, size_t column, double scale, double shift, const char *name)
{
    struct trajectory_series *series = add(s, flags | TRAJECTORY_ERRORS, name);
    for (size_t t = 0; series != NULL && t < s->rows; t++) {
        double mean, se;
        ensemble_moments(s->results, t * network_kernel_columns(s->problem) + column, 1, &mean, &se);
        series->value[t] = scale * (mean + shift);
        series->error[t] = scale * se;
    }
}

static void add_kernels(struct summary *s)
{
    char name[NAME_BYTES];
    size_t column = 2, depth = (size_t)s->problem->depth;
    add_kernel(s, TRAJECTORY_SHOWN, 0, 1, 0, "C_v");
    add_kernel(s, TRAJECTORY_SHOWN, 1, 1, 0, "C_Delta");
    for (size_t l = 0; l <= depth; l++) {
        (void)snprintf(name, sizeof name, "C_h%zu", l);
        add_kernel(s, TRAJECTORY_SHOWN, column++, 1, 0, name);
    }
    for (size_t l = 1; l <= depth; l++) {
        (void)snprintf(name, sizeof name, "C_g%zu", l);
        add_kernel(s, TRAJECTORY_SHOWN, column++, 1, 0, name);
    }
}

static void add_losses(struct summary *s)
{
    double noise = s->problem->label_noise;
    add_kernel(s, TRAJECTORY_HIDDEN, 0, 0.5, noise * noise, "test_loss");
    add_kernel(s, TRAJECTORY_HIDDEN, 1, 0.5, 0, "train_loss");
}

/* Column j of A_l at the recorded steps where its outlier number `outlier` exists (EVERYWHERE: at all). */
static void add_spectrum(struct summary *s, int flags, int l, int j, int outlier, const char *name)
{
    struct trajectory_series *series = add(s, flags | TRAJECTORY_ERRORS, name);
    for (size_t r = 0; series != NULL && r < s->recorded; r++) {
        if (outlier != EVERYWHERE && !is_outlier(s, r, l, outlier)) continue;
        size_t t = r * (size_t)s->problem->outlier_every;
        series->value[t] = s->mean[place(s, r, l, j)];
        series->error[t] = s->se[place(s, r, l, j)];
    }
}

/* A{l}_{what}, and the same with a number behind. */
static void add_named(struct summary *s, int l, int j, int outlier, const char *what)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "A%d_%s", l, what);
    add_spectrum(s, TRAJECTORY_HIDDEN, l, j, outlier, name);
}

static void add_numbered(struct summary *s, int flags, int l, int j, int outlier, const char *what)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "A%d_%s%d", l, what, j);
    add_spectrum(s, flags, l, j, outlier, name);
}

/* The first singular value that is no outlier. */
static void add_edge(struct summary *s, int l)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "A%d_edge", l);
    struct trajectory_series *series = add(s, TRAJECTORY_ERRORS, name);
    for (size_t r = 0; series != NULL && r < s->recorded; r++) {
        int j = 1, last = s->problem->outlier_count + 1;
        while (j <= last && is_outlier(s, r, l, j)) j++;
        if (j > last) continue;
        series->value[r * (size_t)s->problem->outlier_every] = s->mean[place(s, r, l, j)];
        series->error[r * (size_t)s->problem->outlier_every] = s->se[place(s, r, l, j)];
    }
}

static void add_spectra(struct summary *s)
{
    int depth = s->problem->depth, count = s->problem->outlier_count;
    for (int l = 0; l < depth; l++)
        for (int j = 1; j <= count; j++) add_numbered(s, TRAJECTORY_SHOWN, l, j, j, "outlier");
    add_losses(s);
    for (int l = 0; l < depth; l++) {
        for (int j = 1; j <= count + 1; j++) add_numbered(s, TRAJECTORY_HIDDEN, l, j, EVERYWHERE, "sv");
        add_edge(s, l);
    }
    add_named(s, 0, overlap_column(s, NETWORK_TO_TARGET), 1, "target_overlap");
    for (int l = 0; l < depth; l++) {
        add_named(s, l, overlap_column(s, NETWORK_LEFT), 1, "left_overlap");
        add_named(s, l, overlap_column(s, NETWORK_RIGHT), 1, "right_overlap");
    }
}

/* ---- Probes ---- */

/* A number at the probed steps, or what follows from it. */
struct probe_series {
    const char *name;
    enum probe_number number;
    int scaled, margin; /* times eta e_t; 2 (1 + mu) minus that */
};

static void add_probe(struct summary *s, struct probe_series what)
{
    const dmft_problem *p = s->problem;
    size_t every = (size_t)p->probes.every, begin = (size_t)network_slot(p) - probe_rows(p) * probe_columns(p);
    struct trajectory_series *series = add(s, TRAJECTORY_HIDDEN | TRAJECTORY_ERRORS, what.name);
    for (size_t t = 0; series != NULL && t < s->rows; t += every) {
        double mean, se, factor = what.scaled ? p->learning_rate * (p->schedule != NULL ? p->schedule[t] : 1.0) : 1.0;
        ensemble_moments(s->results, begin + t / every * probe_columns(p) + (size_t)what.number, 1, &mean, &se);
        series->value[t] = what.margin ? 2 * (1 + p->momentum) - factor * mean : factor * mean;
        series->error[t] = factor * se;
    }
}

static void add_probes(struct summary *s)
{
    if (s->problem->probes.ntk) add_probe(s, (struct probe_series){"ntk_top", PROBE_NTK, 0, 0});
    if (!s->problem->probes.sharpness) return;
    add_probe(s, (struct probe_series){"sharpness", PROBE_SHARPNESS, 0, 0});
    if (!s->problem->flow) {
        add_probe(s, (struct probe_series){"eta_sharpness", PROBE_SHARPNESS, 1, 0});
        add_probe(s, (struct probe_series){"stability_margin", PROBE_SHARPNESS, 1, 1});
    }
    add_probe(s, (struct probe_series){"bulk_edge_upper", PROBE_UPPER, 0, 0});
    add_probe(s, (struct probe_series){"bulk_edge_lower", PROBE_LOWER, 0, 0});
}

/* ---- Numbers and texts ---- */

static void add_number(struct summary *s, double value, const char *name)
{
    if (s->status == DMFT_OK) s->status = trajectory_set_number(s->t, value, s->err, "%s", name);
}

/* When a spectrum was recorded: the step, in flow the time. */
static double instant(const struct summary *s, size_t record)
{
    size_t row = record * (size_t)s->problem->outlier_every;
    return s->problem->flow ? s->time[row] : (double)row;
}

/* Escape step and, when it was seen to happen, escape time of the j-th outlier of A_l. */
static void add_escape(struct summary *s, int l, int j)
{
    size_t r = 0;
    char name[NAME_BYTES];
    while (r < s->recorded && !is_outlier(s, r, l, j)) r++;
    if (r == s->recorded) return;
    (void)snprintf(name, sizeof name, "A%d_escape_step%d", l, j);
    add_number(s, (double)r * (double)s->problem->outlier_every, name);
    if (s->problem->outlier_every > 1) return; /* when, between the two, is not known */
    if (r == 0 || !(problem_bulk_variance(s->problem, l, (long)(r - 1) * s->problem->outlier_every) > 0)) return;
    double before = s->mean[place(s, r - 1, l, j)] - threshold(s, r - 1, l), after = s->mean[place(s, r, l, j)] - threshold(s, r, l);
    (void)snprintf(name, sizeof name, "A%d_escape_time%d", l, j);
    add_number(s, instant(s, r) - (instant(s, r) - instant(s, r - 1)) * after / (after - before), name);
}

/* The steps at which networks diverged, over those that did: mean, standard error (nan for one), last. */
static void add_divergence(struct summary *s)
{
    double count = 0, sum = 0, square = 0, last = 0;
    for (long i = 0; i < s->results->members; i++) {
        double step = (double)s->results->diverged_at[i];
        if (step < 0) continue;
        count++;
        sum += step;
        square += step * step;
        last = fmax(last, step);
    }
    add_number(s, count, "seeds_diverged");
    if (count == 0) return;
    double mean = sum / count, variance = fmax(0, square / count - mean * mean);
    add_number(s, mean, "diverged_mean");
    add_number(s, count > 1 ? sqrt(variance / (count - 1)) : NAN, "diverged_se");
    add_number(s, last, "diverged_last");
}

static void add_facts(struct summary *s)
{
    const dmft_problem *problem = s->problem;
    struct network_size n = network_size_of(problem);
    add_number(s, n.input_dim, "input_dim");
    add_number(s, n.width, "width");
    add_number(s, n.samples, "samples");
    add_number(s, (double)problem->simulation.seeds, "seeds");
    add_number(s, (double)problem->simulation.seed, "seed");
    add_number(s, s->results->seconds, "seconds");
    add_number(s, problem->label_noise, "label_noise");
    add_divergence(s);
    for (int l = 0; l < problem->depth; l++)
        for (int j = 1; j <= problem->outlier_count; j++) add_escape(s, l, j);
    if (s->status == DMFT_OK) s->status = trajectory_describe(s->t, "simulation", problem, s->err);
}

/* ---- All of it ---- */

/* Times of all rows, of a grid that is known to be one. */
static void find_times(struct summary *s)
{
    if (!s->problem->flow) return;
    s->time = memory_doubles((size_t)s->problem->rows);
    s->status = s->time != NULL ? grid_times(s->problem, s->time, s->err) : error_memory(s->err, 8.0 * (double)s->problem->rows);
}

static void summarise(struct summary *s)
{
    find_times(s);
    if (s->status == DMFT_OK) spectrum_moments(s);
    if (s->status == DMFT_OK) s->status = trajectory_create(&s->t, s->rows, s->err);
    add_steps(s);
    add_kernels(s);
    add_spectra(s);
    add_probes(s);
    if (s->status == DMFT_OK) add_facts(s);
}

int network_summary(dmft_trajectory **out, const dmft_problem *problem, const struct ensemble_results *results, dmft_error *err)
{
    long diverged_at = ensemble_diverged_at(results), every = problem->outlier_every;
    long rows = diverged_at >= 0 ? diverged_at : problem->rows;
    struct summary s = {.problem = problem, .results = results, .err = err, .rows = (size_t)rows};
    s.recorded = (size_t)(rows > 0 ? (rows - 1) / every + 1 : 0);
    summarise(&s);
    free(s.time);
    free(s.mean);
    free(s.se);
    if (s.status != DMFT_OK) {
        dmft_trajectory_free(s.t);
        return s.status;
    }
    s.t->diverged_at = diverged_at;
    *out = s.t;
    if (diverged_at < 0) return DMFT_OK;
    return error_set(err, DMFT_DIVERGED, "diverged at step %ld", diverged_at);
}

double network_summary_bytes(const dmft_problem *problem)
{
    double L = problem->depth, count = problem->outlier_count, T = (double)problem->rows;
    double probes = 2 * ((problem->probes.ntk ? 1 : 0) + (problem->probes.sharpness ? (problem->flow ? 3 : 5) : 0));
    double series = 1 + (problem->flow ? 1 : 0) + probes + 2 * ((double)network_kernel_columns(problem) + 2) + 2 * L * (2 * count + 1) + 2 * (L + 1 + 2 * L);
    double moments_of_spectra = 2 * (double)network_spectrum_rows(problem) * (double)network_spectrum_columns(problem);
    return 8 * (series * T + moments_of_spectra);
}
