/* dmft converge --in step: every series at the times of level 0 on every level, their orders and extrapolated values, (S5)-(S7), and the escapes
 * of the outliers, (S10) of doc/theory.md.
 *
 * Outliers, and overlaps with their vectors, are compared where every level has the outlier away from its edge. An adaptive grid shares its ends
 * alone: there the last row is compared, and errors need only fall.
 *
 * Memory: series x levels x rows of level 2. */
#include <gsl/gsl_poly.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "converge.h"
#include "program.h"

/* What tolerances of 1e-11 and 1e-14 gave differed, relative to the largest value of a series, by at most 1 tolerance in kernels and outliers and
 * 200 tolerances in overlaps (mostly below 30). */
static const double noise_of_basis = 100;
static const double noise_of_rounding = 1e-13;
/* Two sampled levels differ by 4 standard errors of their difference and more in one place of 16 000. */
static const double noise_of_samples = 5.7;

enum { JUDGED = 4, CUBIC = 4 }; /* levels that an escape must have; points of its polynomial */

/* All levels at places in time: the rows of level 2 (CONVERGE_DENSE), of which level 1 has every other one and level 0 every fourth. What a
 * level has not is nan. */
struct shared {
    size_t series, places, levels;
    double *x;    /* series x levels x places, in the order of the series of the first result */
    double *time; /* of the places */
    double *one;  /* levels x places: a series as it is judged */
    double nominal, noise;
    double *scatter; /* of a series: its largest standard error, and its largest value */
};

static double *level_of(const struct shared *m, size_t series, size_t level) { return m->x + (series * m->levels + level) * m->places; }

static int is_adaptive(const struct converge *s) { return s->problem->flow && s->problem->grid == GRID_ADAPTIVE; }

/* ---- the runs ---- */

static int make_room(struct converge *s, struct shared *m)
{
    *m = (struct shared){.series = s->first->series_count, .levels = s->levels, .places = is_adaptive(s) ? 1 : s->first->rows << CONVERGE_DENSE};
    m->nominal = !s->problem->flow ? 1.0 : is_adaptive(s) ? 0.0 : s->problem->method == METHOD_BASIS ? 4.0 : 2.0;
    m->noise = s->problem->method == METHOD_BASIS ? noise_of_basis * s->problem->tolerance : noise_of_rounding;
    m->x = memory_nans(m->series * m->levels * m->places);
    m->time = memory_nans(m->places);
    m->one = memory_doubles(m->levels * m->places);
    m->scatter = memory_doubles(2 * m->series);
    s->row = calloc(2 * m->series + 1, sizeof *s->row);
    if (m->x != NULL && m->time != NULL && m->one != NULL && m->scatter != NULL && s->row != NULL) return STATUS_DONE;
    return program_error(STATUS_FAILED, "converge: no memory for %zu series at %zu levels", m->series, m->levels);
}

/* The row of a level that is place k; as many as there are when it has none there. */
static size_t row_of(const struct converge *s, const dmft_trajectory *t, size_t level, size_t k)
{
    if (is_adaptive(s)) return t->rows - 1;
    if (level >= CONVERGE_DENSE) return k << (level - CONVERGE_DENSE);
    size_t apart = (size_t)1 << (CONVERGE_DENSE - level);
    return k % apart == 0 ? k / apart : t->rows;
}

static double time_of(const struct converge *s, const dmft_trajectory *t, size_t level, size_t row)
{
    const double *time = dmft_trajectory_series(t, "time");
    return time != NULL ? time[row] : (double)row * s->problem->learning_rate / exp2((double)level);
}

static void keep_scatter(struct shared *m, size_t j, const struct trajectory_series *x, size_t row)
{
    if (x->error == NULL || !isfinite(x->value[row])) return;
    m->scatter[2 * j] = fmax(m->scatter[2 * j], x->error[row]);
    m->scatter[2 * j + 1] = fmax(m->scatter[2 * j + 1], fabs(x->value[row]));
}

/* What differences of this series may be by sampling, relative to its largest value. */
static double scatter_of(const struct shared *m, size_t j)
{
    double error = m->scatter[2 * j], largest = m->scatter[2 * j + 1];
    return error > 0.0 ? fmin(noise_of_samples * error / largest, 0.99) : 0.0;
}

/* Keeps what a level has at the shared times. */
static int keep(struct converge *s, struct shared *m, const dmft_trajectory *t, size_t level)
{
    double end = time_of(s, t, level, t->rows - 1);
    for (size_t k = 0; k < m->places; k++) {
        size_t row = row_of(s, t, level, k);
        if (row >= t->rows) continue;
        double time = time_of(s, t, level, row);
        if (isnan(m->time[k])) m->time[k] = time;
        if (!(fabs(time - m->time[k]) <= 1e-9 * end))
            return program_error(STATUS_FAILED, "converge: level %zu has no row at the time %.12g of the levels before", level + 1, m->time[k]);
        for (size_t j = 0; j < m->series; j++) {
            const struct trajectory_series *x = trajectory_find(t, s->first->series[j].name);
            if (x == NULL) continue;
            level_of(m, j, level)[k] = x->value[row];
            keep_scatter(m, j, x, row);
        }
    }
    return STATUS_DONE;
}

static int run_level(struct converge *s, struct shared *m, size_t level)
{
    char what[96];
    dmft_problem *problem;
    dmft_trajectory *result;
    int status = converge_level(s, level, &problem);
    if (status != STATUS_DONE) return status;
    (void)snprintf(what, sizeof what, "level %zu of %zu (%s %.12g)", level + 1, s->levels, s->parameter, s->setting[level]);
    status = converge_run(s, &run_solve, problem, what, &result);
    dmft_problem_free(problem);
    if (status != STATUS_DONE) return status;
    if (level == 0) {
        s->first = result;
        status = make_room(s, m);
    }
    if (status == STATUS_DONE) status = keep(s, m, result, level);
    if (level > 0) dmft_trajectory_free(result);
    return status;
}

/* ---- series ---- */

static size_t index_of(const struct converge *s, const char *name)
{
    size_t i = 0;
    while (i < s->first->series_count && strcmp(s->first->series[i].name, name) != 0) i++;
    return i;
}

/* Does every level have this outlier away from its edge there? */
static int all_away(const struct shared *m, size_t outlier, size_t edge, size_t k)
{
    for (size_t i = 0; i < m->levels; i++)
        if (!converge_is_away(level_of(m, outlier, i)[k], level_of(m, edge, i)[k])) return 0;
    return 1;
}

/* A series with the places left out at which it is not compared. */
static void select_places(const struct converge *s, const struct shared *m, size_t j)
{
    char outlier[32], edge[32];
    memcpy(m->one, level_of(m, j, 0), m->levels * m->places * sizeof *m->one);
    if (!converge_governed(s->first->series[j].name, outlier, edge)) return;
    size_t z = index_of(s, outlier), bulk = index_of(s, edge);
    if (z == m->series || bulk == m->series) return;
    for (size_t k = 0; k < m->places; k++)
        if (!all_away(m, z, bulk, k)) m->one[k] = NAN;
}

static int exists(const struct shared *m, size_t j)
{
    const double *x = level_of(m, j, 0);
    for (size_t i = 0; i < m->levels * m->places; i++)
        if (isfinite(x[i])) return 1;
    return 0;
}

static int judge(struct converge *s, const struct shared *m, const char *name, const double *x, double noise, size_t levels, size_t places)
{
    dmft_error err;
    struct converge_row *row = converge_add(s, name, "");
    int status = dmft_converge_values(x, levels, places, m->nominal, fmax(m->noise, noise), &row->c, &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    if (places == m->places && row->c.places > 0) row->time = m->time[row->c.last];
    return STATUS_DONE;
}

/* ---- escapes ---- */

/* Where the polynomial through the first n points (t, y), with y > 0, comes down to 0 before the first of them; nan when it does not within the
 * span of the points. */
static double zero_before(const double t[CUBIC], const double y[CUBIC], size_t n)
{
    double dd[CUBIC], high = t[0], low = t[0], span = t[CUBIC - 1] - t[0];
    (void)gsl_poly_dd_init(dd, t, y, n);
    while (isgreater(gsl_poly_dd_eval(dd, t, n, low), 0.0)) {
        high = low;
        low -= span / 64.0;
        if (low < t[0] - span) return NAN;
    }
    for (int i = 0; i < 100; i++) {
        double middle = 0.5 * (low + high);
        *(isgreater(gsl_poly_dd_eval(dd, t, n, middle), 0.0) ? &high : &low) = middle;
    }
    return high;
}

/* The first places at which the finest levels have the outlier, after one at which they have it not; how many there are. */
static size_t first_places(const struct converge *s, const struct shared *m, size_t outlier, size_t edge, size_t place[CUBIC])
{
    size_t found = 0, before = 0, of = m->levels < JUDGED ? m->levels : JUDGED, coarsest = m->levels - of;
    size_t recorded = (size_t)s->problem->outlier_every << (coarsest < CONVERGE_DENSE ? CONVERGE_DENSE - coarsest : 0);
    for (size_t k = 0; k < m->places && found < CUBIC; k += recorded) {
        size_t have = 0;
        for (size_t i = coarsest; i < m->levels; i++)
            if (isgreater(level_of(m, outlier, i)[k], level_of(m, edge, i)[k])) have++;
        if (have == of && before > 0)
            place[found++] = k;
        else
            before += have == 0;
    }
    return found;
}

/* The escape at each level, from sqrt(z^2 - edge^2), which goes through 0 there without a kink; returns the first level from which on all have
 * one: those before lack some of the points. `bend`: what the last point changes at the finest level. */
static size_t find_escapes(const struct converge *s, const struct shared *m, size_t outlier, size_t edge, double escape[DMFT_CONVERGENCE_LEVELS],
                           double *bend)
{
    size_t place[CUBIC], first = 0;
    if (first_places(s, m, outlier, edge, place) < CUBIC) return m->levels;
    for (size_t i = 0; i < m->levels; i++) {
        double t[CUBIC], y[CUBIC];
        for (size_t k = 0; k < CUBIC; k++) {
            double z = level_of(m, outlier, i)[place[k]], bulk = level_of(m, edge, i)[place[k]];
            t[k] = m->time[place[k]];
            y[k] = sqrt(z * z - bulk * bulk);
        }
        escape[i] = isfinite(y[0] + y[1] + y[2] + y[3]) ? zero_before(t, y, CUBIC) : NAN;
        *bend = fabs(escape[i] - zero_before(t, y, CUBIC - 1));
        if (isnan(escape[i])) first = i + 1;
    }
    return first;
}

static int judge_escape(struct converge *s, const struct shared *m, const char *series)
{
    char outlier[32], edge[32], name[64];
    double escape[DMFT_CONVERGENCE_LEVELS], bend = 0.0;
    if (is_adaptive(s) || !converge_governed(series, outlier, edge) || strcmp(series, outlier) != 0) return STATUS_DONE;
    size_t z = index_of(s, outlier), bulk = index_of(s, edge);
    if (z == m->series || bulk == m->series || !(level_of(m, bulk, 0)[0] > 0.0)) return STATUS_DONE; /* no bulk, no escape */
    size_t first = find_escapes(s, m, z, bulk, escape, &bend);
    if (m->levels - first < 3) return STATUS_DONE;
    (void)snprintf(name, sizeof name, "%.*s_escape_time%s", (int)strcspn(series, "_"), series, strstr(series, "outlier") + strlen("outlier"));
    int status = judge(s, m, name, escape + first, scatter_of(m, z), m->levels - first, 1);
    if (status == STATUS_DONE) s->row[s->rows - 1].c.error += bend;
    return status;
}

/* ---- all of it ---- */

static int judge_all(struct converge *s, const struct shared *m)
{
    const struct trajectory_series **chosen = NULL;
    size_t count = 0;
    int status = converge_choose(s, 0, &chosen, &count);
    for (size_t i = 0; status == STATUS_DONE && i < count; i++) {
        size_t j = (size_t)(chosen[i] - s->first->series);
        if (!exists(m, j)) continue;
        select_places(s, m, j);
        status = judge(s, m, chosen[i]->name, m->one, scatter_of(m, j), m->levels, m->places);
    }
    for (size_t i = 0; status == STATUS_DONE && i < count; i++) status = judge_escape(s, m, chosen[i]->name);
    free(chosen);
    return status;
}

int converge_step(struct converge *s)
{
    struct shared m = {0};
    int status = STATUS_DONE;
    for (size_t level = 0; level < s->levels && status == STATUS_DONE; level++) status = run_level(s, &m, level);
    if (status == STATUS_DONE) status = judge_all(s, &m);
    free(m.x);
    free(m.time);
    free(m.one);
    free(m.scatter);
    return status;
}
