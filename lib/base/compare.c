/* Theory against samples: the verdict (S3) of doc/theory.md.
 *
 *   |theory - mean| <= q se + allowance,
 *   allowance = c |theory| / D for kernels, losses and leading eigenvalues (model mlp: / N), c/4 |theory| D^{-2/3} for the edges of their bulk,
 *               c / N for what is measured on a matrix A_l (outliers, overlaps), c x |theory| x the number allowance_NAME of the samples where
 *               they have one (their number scale_NAME, if there is one, in the place of |theory|: of what begins at 0),
 *               Where the samples have a number room_NAME, the series is compared where the theory's `isolated` passes its `bulk_edge` by more than this
 *               part of it: nearer to the edge, what a finite size shifts goes with no power of 1/D that is known beforehand,
 *   se: of the samples, and of a sampled theory, in quadrature,
 *   q: Student's quantile, seeds - 1 degrees of freedom, of the two-sided probability of 4 normal standard errors.
 *
 * Every series over the steps that both sides have, in one pass over two rising lists of steps. */
#include <ctype.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/trajectory.h"

static const double normal_errors = 4; /* q of (S3) for many seeds */
static const double default_allowance = 20; /* c of (S3): the coefficients of 1/D that were measured stay below 10 */
static const double edge_part = 0.25; /* of c; coefficients of D^{-2/3} were up to 4.8 (the second eigenvalue of a bulk of four bands) */

struct dmft_comparison {
    dmft_comparison_row *row;
    size_t count, room, skipped;
    char **name; /* of the series, which the rows point to */
    dmft_comparison_gap *gap; /* likewise, one a series */
    size_t names;
    int holds;
    double quantile;
    double factor;                            /* c */
    double of_kernels, of_edges, of_matrices; /* the allowance is of_kernels |theory|, of_edges |theory|, or of_matrices */
};

/* One series on both sides. */
struct pair {
    const struct trajectory_series *theory, *sample;
    double allowance; /* of its own, relative to the theory and c; nan: none */
    double scale;     /* what that is relative to in place of the theory; nan: none */
    double room;      /* from the edge of the bulk, as a part of it, for which it is not compared; nan: none */
    const struct trajectory_series *isolated, *edge; /* the theory's, for that; NULL: it has none */
};

/* Is it measured on a weight matrix: A0_outlier1, A1_left_overlap, ..? */
static int of_matrix(const char *name)
{
    if (name[0] != 'A' || !isdigit((unsigned char)name[1])) return 0;
    return name[1 + strspn(name + 1, "0123456789")] == '_';
}

/* An edge of a bulk, for which sampled networks have an eigenvalue next to it. */
static int of_edge(const char *name) { return strncmp(name, "bulk_edge_", 10) == 0; }

/* ---- the rule ---- */

static int set_quantile(dmft_comparison *c, const dmft_trajectory *sample, dmft_error *err)
{
    double seeds = dmft_trajectory_number(sample, "seeds");
    c->quantile = normal_errors;
    if (isnan(seeds)) return DMFT_OK;
    if (!(seeds >= 2))
        return error_set(err, DMFT_ERROR_ARGUMENT, "the samples have %g seed: a standard error needs at least two seeds (simulation.seeds)", seeds);
    c->quantile = gsl_cdf_tdist_Qinv(gsl_cdf_ugaussian_Q(normal_errors), seeds - 1);
    return DMFT_OK;
}

/* A size, from the samples or else from the theory; nan when neither has it. */
static double size_of(const dmft_trajectory *theory, const dmft_trajectory *sample, const char *name)
{
    double size = dmft_trajectory_number(sample, name);
    if (!isgreaterequal(size, 1.0)) size = dmft_trajectory_number(theory, name);
    return isgreaterequal(size, 1.0) ? size : NAN;
}

static int all_have_their_own(const struct pair *pair, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (isnan(pair[i].allowance)) return 0;
    return 1;
}

/* Without any size, c itself is the allowance: relative to the theory for kernels, absolute for what is measured on a matrix. */
static int set_allowance(dmft_comparison *c, const struct pair *pair, size_t count, const dmft_trajectory *theory, const dmft_trajectory *sample,
                         const dmft_compare_options *options, dmft_error *err)
{
    int given = options != NULL && options->allowance_given;
    double factor = c->factor = given ? options->allowance : default_allowance;
    if (!isgreaterequal(factor, 0.0) || isinf(factor)) return error_set(err, DMFT_ERROR_ARGUMENT, "allowance must be in [0, inf), got %g", factor);
    double width = size_of(theory, sample, "width"), input_dim = size_of(theory, sample, "input_dim");
    const char *model = dmft_trajectory_text(theory, "model");
    int mlp = model != NULL && strcmp(model, "mlp") == 0;
    if (isnan(input_dim) || mlp) input_dim = width; /* the inputs of an mlp stay finite in number */
    if (!isnan(width) && !isnan(input_dim)) {
        c->of_kernels = factor / input_dim;
        c->of_edges = edge_part * factor * pow(input_dim, -2.0 / 3.0);
        c->of_matrices = factor / width;
        return DMFT_OK;
    }
    c->of_kernels = c->of_edges = c->of_matrices = factor;
    return given || all_have_their_own(pair, count)
               ? DMFT_OK
               : error_set(err, DMFT_ERROR_ARGUMENT,
                             "the size of the samples is not known: give an allowance, or simulation.%s in the theory's configuration",
                             mlp ? "width" : "input_dim");
}

/* ---- which series ---- */

static int add_pair(struct pair *pair, size_t *count, const dmft_trajectory *theory, const dmft_trajectory *sample, const char *name)
{
    char own[96];
    struct pair both = {.theory = trajectory_find(theory, name), .sample = trajectory_find(sample, name)};
    if (both.theory == NULL || both.sample == NULL) return 0;
    (void)snprintf(own, sizeof own, "allowance_%s", name);
    both.allowance = dmft_trajectory_number(sample, own);
    (void)snprintf(own, sizeof own, "scale_%s", name);
    both.scale = dmft_trajectory_number(sample, own);
    (void)snprintf(own, sizeof own, "room_%s", name);
    both.room = dmft_trajectory_number(sample, own);
    both.isolated = trajectory_find(theory, "isolated");
    both.edge = trajectory_find(theory, "bulk_edge");
    pair[(*count)++] = both;
    return 1;
}

static int choose_named(struct pair *pair, size_t *count, const dmft_trajectory *theory, const dmft_trajectory *sample, const char *names,
                        dmft_error *err)
{
    for (const char *at = names;; at++) {
        char name[64];
        size_t length = strcspn(at, ",");
        size_t kept = length < sizeof name ? length : sizeof name - 1;
        memcpy(name, at, kept);
        name[kept] = '\0';
        if (!add_pair(pair, count, theory, sample, name))
            return error_set(err, DMFT_ERROR_ARGUMENT, "the %s no series '%s'",
                             trajectory_find(theory, name) == NULL ? "theory has" : "samples have", name);
        at += length;
        if (*at == '\0') return DMFT_OK;
    }
}

static void choose_default(struct pair *pair, size_t *count, const dmft_trajectory *theory, const dmft_trajectory *sample)
{
    for (size_t i = 0; i < theory->series_count; i++) {
        const struct trajectory_series *s = &theory->series[i];
        if (s->shown && !trajectory_is_place(s->name)) (void)add_pair(pair, count, theory, sample, s->name);
    }
}

/* ---- the comparison ---- */

static double allowance_of(const dmft_comparison *c, const struct pair *pair, const char *name, double theory)
{
    if (!isnan(pair->allowance)) return c->factor * pair->allowance * (isnan(pair->scale) ? fabs(theory) : pair->scale);
    return of_matrix(name) ? c->of_matrices : (of_edge(name) ? c->of_edges : c->of_kernels) * fabs(theory);
}

static double squared_error(const struct trajectory_series *s, size_t i)
{
    return s->error != NULL ? s->error[i] * s->error[i] : 0.0;
}

/* Series that the samples name in their text "together" are numbers of one thing each only where both sides have the same of them: the second of two bands
 * may be too near the first for a finite size to tell. 0 where `name` is one of these, and rows i and j differ in which are nan. */
static int means_the_same(const dmft_trajectory *theory, const dmft_trajectory *sample, size_t i, size_t j, const char *name)
{
    const char *together = dmft_trajectory_text(sample, "together");
    int one_of_them = 0, same = 1;
    for (const char *at = together != NULL ? together : ""; *at != '\0'; at += strspn(at, ",")) {
        char other[64];
        size_t length = strcspn(at, ",");
        (void)snprintf(other, sizeof other, "%.*s", (int)length, at);
        const struct trajectory_series *x = trajectory_find(theory, other), *y = trajectory_find(sample, other);
        one_of_them = one_of_them || strcmp(other, name) == 0;
        if (x != NULL && y != NULL) same = same && isnan(x->value[i]) == isnan(y->value[j]);
        at += length;
    }
    return same || !one_of_them;
}

/* Does the theory's eigenvalue stand off its bulk by less than the room that the series needs? */
static int is_near_edge(const struct pair *pair, size_t i)
{
    if (isnan(pair->room) || pair->isolated == NULL || pair->edge == NULL) return 0;
    return islessequal(pair->isolated->value[i], pair->edge->value[i] * (1.0 + pair->room));
}

/* Is the place left out, and on which account? */
static int is_left_out(dmft_comparison *c, const struct pair *pair, const dmft_trajectory *theory, const dmft_trajectory *sample, size_t i, size_t j)
{
    dmft_comparison_gap *gap = &c->gap[c->names - 1];
    int no_theory = isnan(pair->theory->value[i]), no_mean = isnan(pair->sample->value[j]);
    int near_edge = !no_theory && is_near_edge(pair, i);
    gap->near_edge += (size_t)near_edge;
    gap->theory_alone += !no_theory && no_mean && !near_edge;
    gap->samples_alone += no_theory && !no_mean;
    return no_theory || no_mean || near_edge || !means_the_same(theory, sample, i, j, gap->series);
}

static int compare_at(dmft_comparison *c, const struct pair *pair, size_t i, size_t j, long step, const char *name, dmft_error *err)
{
    double theory = pair->theory->value[i], mean = pair->sample->value[j];
    double se = sqrt(squared_error(pair->theory, i) + squared_error(pair->sample, j));
    if (!isfinite(se))
        return error_set(err, DMFT_ERROR_ARGUMENT, "the standard error of %s at step %ld is %s: it needs at least two seeds, or replicas", name, step,
                         isnan(se) ? "nan" : "infinite");
    dmft_comparison_row *row = &c->row[c->count++];
    *row = (dmft_comparison_row){.series = name, .step = step, .theory = theory, .mean = mean, .se = se};
    row->z = theory == mean ? 0.0 : se > 0.0 ? (mean - theory) / se : copysign(INFINITY, mean - theory);
    row->bound = c->quantile * se + allowance_of(c, pair, name, theory);
    row->holds = fabs(theory - mean) <= row->bound;
    c->holds = c->holds && row->holds;
    return DMFT_OK;
}

static int compare_pair(dmft_comparison *c, const struct pair *pair, const dmft_trajectory *theory, const dmft_trajectory *sample,
                        dmft_error *err)
{
    const double *left = dmft_trajectory_series(theory, "step"), *right = dmft_trajectory_series(sample, "step");
    char *name = c->name[c->names] = memory_string(pair->theory->name);
    if (name == NULL) return error_memory(err, 64);
    c->gap[c->names++].series = name;
    int status = DMFT_OK;
    for (size_t i = 0, j = 0; i < theory->rows && j < sample->rows && status == DMFT_OK;) {
        if (left[i] < right[j])
            i++;
        else if (left[i] > right[j])
            j++;
        else {
            if (is_left_out(c, pair, theory, sample, i, j))
                c->skipped++;
            else
                status = compare_at(c, pair, i, j, (long)left[i], name, err);
            i++;
            j++;
        }
    }
    return status;
}

/* Room for all rows and names that there can be. */
static int make_room(dmft_comparison *c, size_t pairs, const dmft_trajectory *theory, const dmft_trajectory *sample, dmft_error *err)
{
    c->room = pairs * (theory->rows < sample->rows ? theory->rows : sample->rows);
    c->row = calloc(c->room + 1, sizeof *c->row);
    c->name = calloc(pairs + 1, sizeof *c->name);
    c->gap = calloc(pairs + 1, sizeof *c->gap);
    return c->row != NULL && c->name != NULL && c->gap != NULL ? DMFT_OK : error_memory(err, (double)(c->room * sizeof *c->row));
}

static int compare_all(dmft_comparison *c, struct pair *pair, const dmft_trajectory *theory, const dmft_trajectory *sample,
                       const dmft_compare_options *options, dmft_error *err)
{
    size_t count = 0;
    int status = DMFT_OK;
    if (trajectory_find(theory, "step") == NULL) return error_set(err, DMFT_ERROR_ARGUMENT, "the theory has no series 'step'");
    if (trajectory_find(sample, "step") == NULL) return error_set(err, DMFT_ERROR_ARGUMENT, "the samples have no series 'step'");
    if (options != NULL && options->series != NULL)
        status = choose_named(pair, &count, theory, sample, options->series, err);
    else
        choose_default(pair, &count, theory, sample);
    if (status == DMFT_OK && count == 0) status = error_set(err, DMFT_ERROR_ARGUMENT, "theory and samples have no series in common");
    if (status == DMFT_OK) status = set_quantile(c, sample, err);
    if (status == DMFT_OK) status = set_allowance(c, pair, count, theory, sample, options, err);
    if (status == DMFT_OK) status = make_room(c, count, theory, sample, err);
    for (size_t i = 0; i < count && status == DMFT_OK; i++) status = compare_pair(c, &pair[i], theory, sample, err);
    if (status == DMFT_OK && c->count == 0)
        status = error_set(err, DMFT_ERROR_ARGUMENT, "nothing to compare: no step at which both have a number (%zu skipped)", c->skipped);
    return status;
}

int dmft_compare(const dmft_trajectory *theory, const dmft_trajectory *sample, const dmft_compare_options *options, dmft_comparison **out,
                 dmft_error *err)
{
    size_t most = theory->series_count + 1;
    for (const char *c = options != NULL && options->series != NULL ? options->series : ""; *c != '\0'; c++) most += *c == ',';
    dmft_comparison *c = calloc(1, sizeof *c);
    struct pair *pair = calloc(most, sizeof *pair);
    int status = DMFT_ERROR_MEMORY;
    if (c == NULL || pair == NULL)
        (void)error_memory(err, (double)(most * sizeof *pair));
    else {
        c->holds = 1;
        status = compare_all(c, pair, theory, sample, options, err);
    }
    free(pair);
    if (status == DMFT_OK)
        *out = c;
    else
        dmft_comparison_free(c);
    return status;
}

/* ---- queries ---- */

const dmft_comparison_row *dmft_comparison_rows(const dmft_comparison *c, size_t *count)
{
    *count = c->count;
    return c->row;
}

int dmft_comparison_holds(const dmft_comparison *c) { return c->holds; }

size_t dmft_comparison_skipped(const dmft_comparison *c) { return c->skipped; }

const dmft_comparison_gap *dmft_comparison_gaps(const dmft_comparison *c, size_t *count)
{
    *count = c->names;
    return c->gap;
}

double dmft_comparison_quantile(const dmft_comparison *c) { return c->quantile; }

void dmft_comparison_free(dmft_comparison *c)
{
    if (c == NULL) return;
    for (size_t i = 0; i < c->names; i++) free(c->name[i]);
    free(c->name);
    free(c->gap);
    free(c->row);
    free(c);
}
