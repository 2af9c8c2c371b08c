/* From what the members of an ensemble of model mlp recorded to one trajectory: means, standard errors, outliers, edges, escapes; the columns of
 * doc/format.md.
 *
 * A simulated singular value counts as an outlier where its mean exceeds the edge of the bulk with room for the fluctuations of a finite matrix,
 * kappa_t 2 sigma_l (1 + N^{-2/3}), (S2) with kappa_t of weight decay (E1); one of theory where every replica has it. The escape step is the
 * first recorded step at which the mean root lambda^2/sigma^2 of (O2) passes 1 (simulation: the mean over its threshold passes 1); the escape time
 * is where it does, linear between that step and the one before; where not every step is recorded it is not known.
 *
 * Cost: two passes over the slots; memory: the trajectory. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/trajectory.h"
#include "ensemble/mlp_represent.h"
#include "ensemble/mlp_table.h"

enum { NAME_BYTES = 64 };

struct summary {
    const dmft_problem *problem;
    const struct mlp_table *table;
    const struct ensemble_results *results;
    dmft_trajectory *t;
    size_t rows;
    int simulation, errors; /* errors: TRAJECTORY_ERRORS unless the numbers are exact */
    int status;             /* the first failure; nothing is done after it */
    dmft_error *err;
};

/* ---- Series of every row ---- */

/* Adds a series and returns it; NULL after a failure. */
static struct trajectory_series *add(struct summary *s, int flags, const char *name)
{
    if (s->status == DMFT_OK) s->status = trajectory_add(s->t, NULL, flags, s->err, "%s", name);
    return s->status == DMFT_OK ? &s->t->series[s->t->series_count - 1] : NULL;
}

/* The mean of `count` columns from this one on. */
static void add_columns(struct summary *s, int flags, size_t column, size_t count, const char *name)
{
    struct trajectory_series *series = add(s, flags | s->errors, name);
    for (size_t t = 0; series != NULL && t < s->rows; t++) {
        double mean, se;
        ensemble_moments(s->results, t * s->table->columns + column, count, &mean, &se);
        series->value[t] = mean;
        if (series->error != NULL) series->error[t] = se;
    }
}

/* f{mu}, with several outputs f{mu}_{k}. */
static void add_outputs(struct summary *s, int flags, size_t first, size_t inputs, const char *what)
{
    char name[NAME_BYTES];
    size_t K = s->table->outputs;
    for (size_t i = 0; i < inputs * K; i++) {
        if (K == 1)
            (void)snprintf(name, sizeof name, "%s%zu", what, i);
        else
            (void)snprintf(name, sizeof name, "%s%zu_%zu", what, i / K, i % K);
        add_columns(s, flags, s->table->output + first * K + i, 1, name);
    }
}

/* A mean over samples for every layer. */
static void add_traces(struct summary *s, size_t column, const char *what)
{
    char name[NAME_BYTES];
    for (size_t l = 1; l <= s->table->depth; l++) {
        (void)snprintf(name, sizeof name, "%s%zu", what, l);
        add_columns(s, TRAJECTORY_SHOWN, column + (l - 1) * s->table->samples, s->table->samples, name);
    }
}

/* The same, sample by sample. */
static void add_diagonals(struct summary *s, size_t column, const char *what)
{
    char name[NAME_BYTES];
    size_t P = s->table->samples;
    for (size_t i = 0; i < s->table->depth * P; i++) {
        (void)snprintf(name, sizeof name, "%s%zu_%zu", what, i / P + 1, i % P);
        add_columns(s, TRAJECTORY_HIDDEN, column + i, 1, name);
    }
}

static void add_rows(struct summary *s)
{
    const struct mlp_table *t = s->table;
    struct trajectory_series *step = add(s, TRAJECTORY_SHOWN, "step");
    for (size_t i = 0; step != NULL && i < s->rows; i++) step->value[i] = (double)i;
    if (!s->problem->mlp.means_only) add_outputs(s, TRAJECTORY_SHOWN, 0, t->samples, "f");
    add_traces(s, t->forward, "trace_C_h");
    add_traces(s, t->backward, "C_g");
}

/* The top of (N3) over P, at the steps that are probed: times `rate`, and times that of the step where `scheduled`; then taken from `limit`. */
struct probe {
    double rate;
    int scheduled;
    double limit; /* 0: the value itself */
};

static void add_probe(struct summary *s, struct probe q, const char *name)
{
    const dmft_problem *p = s->problem;
    struct trajectory_series *series = add(s, s->errors, name);
    for (size_t t = 0; series != NULL && t < s->rows; t += (size_t)p->probes.every) {
        double mean, se, factor = q.rate / (double)s->table->samples * (q.scheduled && p->schedule != NULL ? p->schedule[t] : 1.0);
        ensemble_moments(s->results, t * s->table->columns + s->table->ntk, 1, &mean, &se);
        series->value[t] = q.limit > 0.0 ? q.limit - factor * mean : factor * mean;
        if (series->error != NULL) series->error[t] = factor * se;
    }
}

/* The leading eigenvalues of the tangent kernel, and what they say about the stability of squared loss on all P samples. */
static void add_probes(struct summary *s)
{
    static const char *const next[] = {"ntk_top2", "ntk_top3"};
    double eta = s->problem->learning_rate;
    add_columns(s, TRAJECTORY_HIDDEN, s->table->ntk, 1, "ntk_top");
    for (size_t j = 1; j < s->table->tops; j++) add_columns(s, TRAJECTORY_HIDDEN, s->table->ntk + j, 1, next[j - 1]);
    if (!s->problem->probes.sharpness) return;
    add_probe(s, (struct probe){.rate = 1.0}, "sharpness");
    add_probe(s, (struct probe){.rate = eta, .scheduled = 1}, "eta_sharpness");
    add_probe(s, (struct probe){.rate = eta, .scheduled = 1, .limit = 2.0 * (1.0 + s->problem->momentum)}, "stability_margin");
}

static void add_hidden_rows(struct summary *s)
{
    const struct mlp_table *t = s->table;
    add_probes(s);
    add_columns(s, TRAJECTORY_HIDDEN, t->train_loss, 1, "train_loss");
    if (s->problem->mlp.test_target != NULL) add_columns(s, TRAJECTORY_HIDDEN, t->test_loss, 1, "test_loss");
    if (s->problem->mlp.means_only) return;
    add_outputs(s, TRAJECTORY_HIDDEN, t->samples, t->tests, "test_f");
    add_diagonals(s, t->forward, "C_h");
    add_diagonals(s, t->backward, "C_g");
}

/* ---- Series of the recorded rows ---- */

static size_t recorded(const struct summary *s) { return s->rows > 0 ? (s->rows - 1) / s->table->every + 1 : 0; }

static size_t row_of(const struct summary *s, size_t record) { return record * s->table->every; }

static double mean_of(const struct summary *s, size_t record, size_t l, size_t column, double *se)
{
    double mean;
    ensemble_moments(s->results, mlp_table_spectrum(s->table, (long)row_of(s, record), l) + column, 1, &mean, se);
    return mean;
}

/* The edge of the bulk of A_l, kappa_t 2 sigma_l. */
static double edge_of(const struct summary *s, size_t record, size_t l)
{
    return pow(1.0 - s->problem->weight_decay, (double)row_of(s, record)) * 2.0 * sqrt(s->problem->weight_variance[l]);
}

/* What the mean of a simulated singular value is to exceed. */
static double threshold(const struct summary *s, size_t record, size_t l)
{
    return edge_of(s, record, l) * (1.0 + pow((double)s->problem->simulation.width, -2.0 / 3.0));
}

/* nan compares as no outlier. */
static int is_outlier(const struct summary *s, size_t record, size_t l, size_t j)
{
    double se, mean = mean_of(s, record, l, s->table->value + j, &se);
    return isgreater(mean, s->simulation ? threshold(s, record, l) : 0.0);
}

/* Column of A_l where outlier number `outlier` exists; where it is not finite, nan. */
static void add_where(struct summary *s, int flags, size_t l, size_t column, size_t outlier, const char *name)
{
    struct trajectory_series *series = add(s, flags | s->errors, name);
    for (size_t r = 0; series != NULL && r < recorded(s); r++) {
        if (outlier > 0 && !is_outlier(s, r, l, outlier - 1)) continue;
        double se, mean = mean_of(s, r, l, column, &se);
        if (!isfinite(mean)) continue;
        series->value[row_of(s, r)] = mean;
        if (series->error != NULL) series->error[row_of(s, r)] = se;
    }
}

static void add_outliers(struct summary *s)
{
    char name[NAME_BYTES];
    for (size_t l = 1; l <= s->table->matrices; l++)
        for (size_t j = 1; j <= s->table->count; j++) {
            (void)snprintf(name, sizeof name, "A%zu_outlier%zu", l, j);
            add_where(s, TRAJECTORY_SHOWN, l, s->table->value + j - 1, j, name);
        }
}

/* Of theory the edge of the bulk; of samples the first singular value that is no outlier. */
static void add_edge(struct summary *s, size_t l)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "A%zu_edge", l);
    struct trajectory_series *series = add(s, s->simulation ? s->errors : TRAJECTORY_HIDDEN, name);
    for (size_t r = 0; series != NULL && r < recorded(s); r++) {
        double *value = &series->value[row_of(s, r)];
        size_t j = 0;
        if (!s->simulation) {
            *value = edge_of(s, r, l);
            continue;
        }
        while (j <= s->table->count && is_outlier(s, r, l, j)) j++;
        if (j <= s->table->count) *value = mean_of(s, r, l, s->table->value + j, &series->error[row_of(s, r)]);
    }
}

static void add_overlaps(struct summary *s, size_t l)
{
    char name[NAME_BYTES];
    const struct mlp_table *t = s->table;
    (void)snprintf(name, sizeof name, "A%zu_left_overlap", l);
    add_where(s, TRAJECTORY_HIDDEN, l, t->left, 1, name);
    (void)snprintf(name, sizeof name, "A%zu_right_overlap", l);
    add_where(s, TRAJECTORY_HIDDEN, l, t->right, 1, name);
    for (size_t i = 0; i < t->chosen; i++) {
        size_t mu = s->problem->mlp.chosen[i];
        (void)snprintf(name, sizeof name, "A%zu_left_overlap_%zu", l, mu);
        add_where(s, TRAJECTORY_HIDDEN, l, t->left_of + i, 1, name);
        (void)snprintf(name, sizeof name, "A%zu_right_overlap_%zu", l, mu);
        add_where(s, TRAJECTORY_HIDDEN, l, t->right_of + i, 1, name);
    }
}

static void add_spectra(struct summary *s)
{
    char name[NAME_BYTES];
    for (size_t l = 1; l <= s->table->matrices; l++) {
        for (size_t j = 1; s->simulation && j <= s->table->count + 1; j++) {
            (void)snprintf(name, sizeof name, "A%zu_sv%zu", l, j);
            add_where(s, TRAJECTORY_HIDDEN, l, s->table->value + j - 1, 0, name);
        }
        add_edge(s, l);
        add_overlaps(s, l);
    }
}

/* ---- Kernels ---- */

/* Mean over members of the leading `order` events; the upper triangle of a correlation is that of the lower one. */
static double *mean_kernel(const struct summary *s, size_t place, size_t order, int symmetric)
{
    const struct ensemble_results *r = s->results;
    size_t stride = s->table->order, members = (size_t)r->members;
    double *mean = memory_doubles(order * order);
    for (size_t i = 0; mean != NULL && i < members; i++)
        for (size_t a = 0; a < order; a++)
            for (size_t b = 0; b <= a; b++) mean[a * order + b] += r->values[i * r->slot + place + a * stride + b] / (double)members;
    for (size_t a = 0; mean != NULL && symmetric && a < order; a++)
        for (size_t b = 0; b < a; b++) mean[b * order + a] = mean[a * order + b];
    return mean;
}

static void add_kernel(struct summary *s, enum mlp_kernel kernel, size_t l, const char *what)
{
    char name[NAME_BYTES];
    size_t order = s->rows * s->table->samples;
    if (s->status != DMFT_OK) return;
    double *mean = mean_kernel(s, mlp_table_kernel(s->table, kernel, l), order, kernel == MLP_C_PHI || kernel == MLP_C_G);
    (void)snprintf(name, sizeof name, "%s%zu", what, l);
    s->status = mean != NULL ? trajectory_add_kernel(s->t, name, order, order, mean, s->err) : error_memory(s->err, 8.0 * (double)order * (double)order);
    if (s->status != DMFT_OK) free(mean);
}

static void add_kernels(struct summary *s)
{
    size_t L = s->table->depth;
    if (s->table->kernels == 0) return;
    for (size_t l = 1; l <= L; l++) add_kernel(s, MLP_C_PHI, l, "C_phi");
    for (size_t l = 1; l <= L; l++) add_kernel(s, MLP_C_G, l, "C_g");
    if (s->table->kernels == 2 * L) return;
    for (size_t l = 1; l < L; l++) add_kernel(s, MLP_R_PHI, l, "R_phi");
    for (size_t l = 2; l <= L; l++) add_kernel(s, MLP_R_G, l, "R_g");
}

/* ---- Numbers and texts ---- */

static void add_number(struct summary *s, double value, const char *name)
{
    if (s->status == DMFT_OK) s->status = trajectory_set_number(s->t, value, s->err, "%s", name);
}

/* How far outlier j of A_l is past its escape: 0 there, nan where it is not known. */
static double growth(const struct summary *s, size_t record, size_t l, size_t j, double *se)
{
    if (!s->simulation) return mean_of(s, record, l, s->table->root + j, se) - 1.0;
    double limit = threshold(s, record, l), mean = mean_of(s, record, l, s->table->value + j, se);
    *se /= limit;
    return mean / limit - 1.0;
}

/* Escape step and, when it was seen to happen, escape time with its standard error of outlier j of A_l. */
static void add_escape(struct summary *s, size_t l, size_t j)
{
    size_t r = 0;
    char name[NAME_BYTES];
    double se = NAN, ignored;
    while (r < recorded(s) && !(isgreater(growth(s, r, l, j, &se), 0.0) && is_outlier(s, r, l, j))) r++;
    if (r == recorded(s)) return;
    double step = (double)row_of(s, r), after = growth(s, r, l, j, &se);
    (void)snprintf(name, sizeof name, "A%zu_escape_step%zu", l, j + 1);
    add_number(s, step, name);
    if (s->table->every > 1) return; /* when, between two records, is not known */
    double before = r > 0 ? growth(s, r - 1, l, j, &ignored) : NAN, rise = after - before;
    if (!isfinite(rise) || !(rise > 0.0)) return;
    (void)snprintf(name, sizeof name, "A%zu_escape_time%zu", l, j + 1);
    add_number(s, step - after / rise, name);
    if (s->results->members < 2) return;
    (void)snprintf(name, sizeof name, "A%zu_escape_time%zu_se", l, j + 1);
    add_number(s, se / rise, name);
}

static void add_directions(struct summary *s)
{
    char name[NAME_BYTES];
    for (size_t i = 0; i < 2 * s->table->matrices; i++) {
        double se, mean;
        ensemble_moments(s->results, s->table->directions + i, 1, &mean, &se);
        if (!(mean > 0.0)) continue;
        (void)snprintf(name, sizeof name, "directions_A%zu_%s", i / 2 + 1, i % 2 == 0 ? "in" : "out");
        add_number(s, mean, name);
    }
}

/* How many members of what size there were. */
static void add_sizes(struct summary *s)
{
    const dmft_problem *p = s->problem;
    double members = (double)s->results->members, diverged = (double)ensemble_diverged(s->results);
    if (s->simulation || p->simulation.given) add_number(s, (double)p->simulation.width, "width");
    if (s->simulation) {
        add_number(s, members, "seeds");
        add_number(s, (double)p->simulation.seed, "seed");
        add_number(s, diverged, "seeds_diverged");
    } else if (p->mlp.solver != SOLVER_EXACT) {
        add_number(s, (double)p->mlp.sampling.sites, "sites");
        add_number(s, members, "replicas");
        add_number(s, diverged, "replicas_diverged");
    }
}

static void add_facts(struct summary *s)
{
    add_sizes(s);
    add_number(s, (double)s->table->samples, "samples");
    add_number(s, s->results->seconds, "seconds");
    add_directions(s);
    for (size_t l = 1; l <= s->table->matrices; l++)
        for (size_t j = 0; j < s->table->count; j++) add_escape(s, l, j);
    if (s->status == DMFT_OK) s->status = trajectory_describe(s->t, s->simulation ? "simulation" : "theory", s->problem, s->err);
}

/* ---- All of it ---- */

int mlp_table_summary(dmft_trajectory **out, const dmft_problem *problem, const struct mlp_table *table, const struct ensemble_results *results,
                      int simulation, dmft_error *err)
{
    long diverged_at = ensemble_diverged_at(results);
    struct summary s = {.problem = problem, .table = table, .results = results, .simulation = simulation, .err = err};
    s.rows = (size_t)(diverged_at >= 0 ? diverged_at : problem->rows);
    s.errors = simulation || problem->mlp.solver != SOLVER_EXACT ? TRAJECTORY_ERRORS : TRAJECTORY_HIDDEN;
    s.status = trajectory_create(&s.t, s.rows, err);
    add_rows(&s);
    add_outliers(&s);
    add_hidden_rows(&s);
    add_spectra(&s);
    add_kernels(&s);
    add_facts(&s);
    if (s.status == DMFT_OK) s.status = mlp_represent_add(s.t, problem, table, results, s.errors, err);
    if (s.status != DMFT_OK) {
        dmft_trajectory_free(s.t);
        return s.status;
    }
    s.t->diverged_at = diverged_at;
    *out = s.t;
    return diverged_at < 0 ? DMFT_OK : error_set(err, DMFT_DIVERGED, "diverged at step %ld", diverged_at);
}

double mlp_table_bytes(const struct mlp_table *table, const dmft_problem *problem)
{
    double rows = (double)problem->rows, order = (double)table->order;
    double single = problem->mlp.means_only ? (double)table->ntk : 0.0; /* columns that are averaged over, up to the tangent kernel's */
    double columns = (double)table->columns - single + 2.0 * (double)table->depth + (double)table->wide + (double)table->matrices + 3.0;
    if (table->represent_every > 0) columns += (double)table->depth * (2.0 * MLP_REPRESENT_EIGENVALUES + 3.0);
    return 8.0 * (2.0 * columns * rows + (double)table->kernels * order * order) + mlp_represent_bytes(table);
}
