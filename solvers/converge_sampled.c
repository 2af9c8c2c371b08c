/* dmft converge --in width and --in seeds, (S8) and (S9) of doc/theory.md.
 *
 *   in width: the root-mean-square error of one network against the theory, bias and scatter together (order 1/2 in D), and the bias alone (order 1)
 *   in seeds: the standard error of the mean (order 1/2 in the number of networks)
 *
 * Each is the root of the mean square over the rows at which all levels have a number, outliers only away from their edge. The error of an error:
 * n networks know their standard deviation to 1/sqrt(2 (n-1)), relative, if rows move together and scatter is Gaussian; a bias is known to its
 * standard error. Networks of different sizes are independent; those of --in seeds are nested, and counted once.
 *
 * Memory: two numbers a chosen series, level and row. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "converge.h"
#include "program.h"

enum { LEVELS = DMFT_CONVERGENCE_LEVELS };

/* Means and standard errors of the chosen series. */
struct samples {
    const struct trajectory_series **chosen;
    size_t series, rows, levels;
    double *mean, *se; /* series x levels x rows */
    double seeds[LEVELS];
};

static size_t at(const struct samples *m, size_t series, size_t level) { return (series * m->levels + level) * m->rows; }

static int make_room(struct converge *s, struct samples *m)
{
    int status = converge_choose(s, 1, &m->chosen, &m->series);
    if (status != STATUS_DONE) return status;
    m->rows = s->first->rows;
    m->levels = s->levels;
    m->mean = memory_doubles(m->series * m->levels * m->rows);
    m->se = memory_doubles(m->series * m->levels * m->rows);
    s->row = calloc(2 * m->series + 1, sizeof *s->row);
    if (m->mean != NULL && m->se != NULL && s->row != NULL) return STATUS_DONE;
    return program_error(STATUS_FAILED, "converge: no memory for %zu series at %zu levels", m->series, m->levels);
}

static void free_room(struct samples *m)
{
    free(m->chosen);
    free(m->mean);
    free(m->se);
}

static int keep(struct samples *m, const dmft_trajectory *t, size_t level)
{
    m->seeds[level] = dmft_trajectory_number(t, "seeds");
    for (size_t j = 0; j < m->series; j++) {
        const double *mean = dmft_trajectory_series(t, m->chosen[j]->name), *se = dmft_trajectory_errors(t, m->chosen[j]->name);
        if (mean == NULL || se == NULL)
            return program_error(STATUS_USAGE, "converge: sampled networks have no series '%s'", m->chosen[j]->name);
        for (size_t k = 0; k < m->rows; k++) {
            m->mean[at(m, j, level) + k] = k < t->rows ? mean[k] : NAN;
            m->se[at(m, j, level) + k] = k < t->rows ? se[k] : NAN;
        }
    }
    return STATUS_DONE;
}

/* Runs the networks of a level; the result is the caller's. */
static int sample(struct converge *s, size_t level, dmft_trajectory **out)
{
    char what[96];
    dmft_problem *problem;
    int status = converge_level(s, level, &problem);
    if (status != STATUS_DONE) return status;
    (void)snprintf(what, sizeof what, "level %zu of %zu (%s %.12g)", level + 1, s->levels, s->parameter, s->setting[level]);
    status = converge_run(s, &run_simulate, problem, what, out);
    dmft_problem_free(problem);
    return status;
}

/* Is a series looked at in this row? Its first result knows the edge; a simulation's own edge is where the bulk was seen to end. */
static int is_used(const struct converge *s, const struct samples *m, size_t j, size_t k)
{
    char outlier[32], edge[32];
    for (size_t i = 0; i < m->levels; i++)
        if (!isfinite(m->mean[at(m, j, i) + k]) || !isfinite(m->se[at(m, j, i) + k])) return 0;
    if (!isfinite(m->chosen[j]->value[k])) return 0;
    if (!converge_governed(m->chosen[j]->name, outlier, edge)) return 1;
    const double *z = dmft_trajectory_series(s->first, outlier), *bulk = dmft_trajectory_series(s->first, edge);
    return z == NULL || bulk == NULL || converge_is_away(z[k], bulk[k]);
}

/* The last row that is looked at, and how many there are. */
static size_t count_rows(const struct converge *s, const struct samples *m, size_t j, size_t *last)
{
    size_t used = 0;
    for (size_t k = 0; k < m->rows; k++)
        if (is_used(s, m, j, k)) {
            used++;
            *last = k;
        }
    return used;
}

/* Mean squares over the rows of a level: of the standard error, and of the difference from the first result (the theory). */
struct squares {
    double se, difference;
};

static struct squares mean_squares(const struct converge *s, const struct samples *m, size_t j, size_t level)
{
    struct squares sum = {0};
    size_t used = 0;
    for (size_t k = 0; k < m->rows; k++) {
        if (!is_used(s, m, j, k)) continue;
        double se = m->se[at(m, j, level) + k], difference = m->mean[at(m, j, level) + k] - m->chosen[j]->value[k];
        sum.se += se * se;
        sum.difference += difference * difference;
        used++;
    }
    return (struct squares){.se = sum.se / (double)used, .difference = sum.difference / (double)used};
}

/* Judges sizes whose logarithms have this covariance; `levels` of them are known well enough. */
static int judge(struct converge_row *row, const double *size, const double *covariance, size_t levels, double nominal, double value, size_t places)
{
    dmft_error err;
    double part[LEVELS * LEVELS] = {0};
    for (size_t i = 0; i < levels; i++)
        for (size_t k = 0; k < levels; k++) part[i * levels + k] = covariance[i * LEVELS + k];
    int status = dmft_converge_errors(size, part, levels, nominal, &row->c, &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    row->c.value = value;
    row->c.places = places;
    for (size_t i = 0; i < levels; i++) row->size_error[i] = size[i] * sqrt(covariance[i * LEVELS + i]);
    return STATUS_DONE;
}

/* A line without an order: `verdict` says why. */
static void leave_open(struct converge_row *row, size_t levels, double nominal, int verdict)
{
    row->c = (dmft_convergence){.verdict = verdict, .levels = levels, .nominal = nominal, .order = NAN, .order_error = NAN, .error = NAN, .value = NAN};
    for (size_t i = 0; i < LEVELS; i++) row->c.size[i] = row->c.orders[i] = NAN;
}

/* ---- in width ---- */

/* The bias: its mean square is that of the differences less that of their standard errors. It is judged over the first levels at which it exceeds
 * its standard error, and kept of all. */
static int judge_bias(struct converge *s, const struct samples *m, size_t j, size_t used, double value)
{
    double size[LEVELS], se[LEVELS], covariance[LEVELS * LEVELS] = {0};
    size_t known = 0;
    int status = STATUS_DONE;
    struct converge_row *row = converge_add(s, m->chosen[j]->name, " bias");
    for (size_t i = 0; i < m->levels; i++) {
        struct squares q = mean_squares(s, m, j, i);
        size[i] = sqrt(fmax(q.difference - q.se, 0.0));
        se[i] = sqrt(q.se);
        covariance[i * (LEVELS + 1)] = q.se / (q.difference - q.se);
        known += known == i && size[i] > se[i];
    }
    leave_open(row, m->levels, 1.0, DMFT_CONVERGENCE_UNRESOLVED);
    if (known >= 2) status = judge(row, size, covariance, known, 1.0, value, used);
    for (size_t i = 0; i < m->levels; i++) {
        row->c.size[i] = size[i];
        row->size_error[i] = se[i];
    }
    row->c.value = value;
    row->c.error = size[m->levels - 1];
    return status;
}

static int judge_width(struct converge *s, const struct samples *m, size_t j)
{
    double size[LEVELS], covariance[LEVELS * LEVELS] = {0};
    size_t last = 0, used = count_rows(s, m, j, &last);
    if (used == 0) {
        leave_open(converge_add(s, m->chosen[j]->name, ""), m->levels, 0.5, DMFT_CONVERGENCE_ABSENT);
        return STATUS_DONE;
    }
    for (size_t i = 0; i < m->levels; i++) {
        struct squares q = mean_squares(s, m, j, i);
        size[i] = sqrt(q.difference + (m->seeds[i] - 1.0) * q.se);
        covariance[i * (LEVELS + 1)] = 0.5 / (m->seeds[i] - 1.0);
    }
    double theory = m->chosen[j]->value[last];
    int status = judge(converge_add(s, m->chosen[j]->name, ""), size, covariance, m->levels, 0.5, theory, used);
    return status == STATUS_DONE ? judge_bias(s, m, j, used, theory) : status;
}

/* Has the theory numbers of this series at all? */
static int exists(const struct trajectory_series *series, size_t rows)
{
    for (size_t k = 0; k < rows; k++)
        if (isfinite(series->value[k])) return 1;
    return 0;
}

static int run_width(struct converge *s, struct samples *m)
{
    int status = converge_run(s, &run_solve, s->problem, "theory", &s->first);
    if (status == STATUS_DONE) status = make_room(s, m);
    for (size_t level = 0; level < s->levels && status == STATUS_DONE; level++) {
        dmft_trajectory *result;
        status = sample(s, level, &result);
        if (status != STATUS_DONE) return status;
        status = keep(m, result, level);
        dmft_trajectory_free(result);
    }
    return status;
}

int converge_width(struct converge *s)
{
    struct samples m = {0};
    int status = run_width(s, &m);
    for (size_t j = 0; j < m.series && status == STATUS_DONE; j++)
        if (exists(m.chosen[j], m.rows)) status = judge_width(s, &m, j);
    free_room(&m);
    return status;
}

/* ---- in seeds ---- */

/* Means and standard errors of a level joined with those of the levels before: sums of squares about the joint mean. */
static void join(struct samples *m, size_t level)
{
    double before = m->seeds[level - 1], added = m->seeds[level], all = before + added;
    for (size_t j = 0; j < m->series; j++)
        for (size_t k = 0; k < m->rows; k++) {
            size_t a = at(m, j, level - 1) + k, b = at(m, j, level) + k;
            double apart = m->mean[b] - m->mean[a];
            double squares = m->se[a] * m->se[a] * before * (before - 1.0) + m->se[b] * m->se[b] * added * (added - 1.0);
            squares += apart * apart * before * added / all;
            m->mean[b] = m->mean[a] + apart * added / all;
            m->se[b] = sqrt(squares / (all - 1.0) / all);
        }
    m->seeds[level] = all;
}

static int judge_seeds(struct converge *s, const struct samples *m, size_t j)
{
    double size[LEVELS], covariance[LEVELS * LEVELS] = {0};
    size_t last = 0, used = count_rows(s, m, j, &last);
    struct converge_row *row = converge_add(s, m->chosen[j]->name, "");
    if (used == 0) {
        leave_open(row, m->levels, 0.5, DMFT_CONVERGENCE_ABSENT);
        return STATUS_DONE;
    }
    for (size_t i = 0; i < m->levels; i++) {
        size[i] = sqrt(mean_squares(s, m, j, i).se);
        for (size_t k = 0; k < m->levels; k++) covariance[i * LEVELS + k] = 0.5 / (fmax(m->seeds[i], m->seeds[k]) - 1.0);
    }
    return judge(row, size, covariance, m->levels, 0.5, m->mean[at(m, j, m->levels - 1) + last], used);
}

static int run_seeds(struct converge *s, struct samples *m)
{
    int status = STATUS_DONE;
    for (size_t level = 0; level < s->levels && status == STATUS_DONE; level++) {
        dmft_trajectory *result;
        status = sample(s, level, &result);
        if (status != STATUS_DONE) return status;
        if (level == 0) {
            s->first = result;
            status = make_room(s, m);
        }
        if (status == STATUS_DONE) status = keep(m, result, level);
        if (status == STATUS_DONE && level > 0) join(m, level);
        if (level > 0) dmft_trajectory_free(result);
    }
    return status;
}

int converge_seeds(struct converge *s)
{
    struct samples m = {0};
    int status = run_seeds(s, &m);
    for (size_t j = 0; j < m.series && status == STATUS_DONE; j++)
        if (exists(m.chosen[j], m.rows)) status = judge_seeds(s, &m, j);
    free_room(&m);
    return status;
}
