/* The common part of replicas and networks of model low_degree_filter. Cost a layer: folds x penalties x n^3/3 for the readout of all features, some 50
 * products of 4 n^2 a permutation. Memory: 9 n^2 + 2 Q n + 2 (n + Q) max(D, k). */
#include "ensemble/filter_member.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "spectrum/readout.h"

size_t filter_member_widest(const struct low_degree_filter_problem *f) { return f->input_dim > f->kept ? f->input_dim : f->kept; }

struct ridge_rule filter_member_rule(const struct low_degree_filter_problem *f)
{
    return (struct ridge_rule){f->folds, f->penalties, f->penalty_min, f->penalty_max};
}

static size_t share_room(const struct low_degree_filter_problem *f)
{
    size_t widest = filter_member_widest(f);
    return f->tests * (widest < f->tests ? widest : f->tests);
}

double filter_member_doubles(const dmft_problem *p)
{
    const struct low_degree_filter_problem *f = &p->filter;
    double n = (double)f->samples, all = n + (double)f->tests;
    return labelled_doubles(p) + moment_doubles(f->samples) + ridge_doubles(f->samples, f->tests) +
           all * (2.0 * (double)filter_member_widest(f) + n + 1.0) + n + (double)share_room(f) + 3.0 * (double)f->kept +
           (double)filter_table_sizes(p).columns;
}

enum { PLACES = 9 };

static void places_of(struct filter_member *m, struct memory_place place[PLACES])
{
    const struct low_degree_filter_problem *f = &m->problem->filter;
    size_t rows = f->samples + f->tests, widest = filter_member_widest(f);
    const struct memory_place all[PLACES] = {{&m->h, rows * widest}, {&m->next, rows * widest}, {&m->gram, rows * f->samples}, {&m->top, f->kept},
                                             {&m->bottom, f->kept}, {&m->fitted, rows}, {&m->permuted, f->samples}, {&m->room, share_room(f)},
                                             {&m->row, m->table.columns}};
    memcpy(place, all, sizeof all);
}

int filter_member_create(struct filter_member *m, const dmft_problem *problem, dmft_error *err)
{
    const struct low_degree_filter_problem *f = &problem->filter;
    const struct ridge_rule rule = filter_member_rule(f);
    *m = (struct filter_member){.problem = problem, .table = filter_table_sizes(problem)};
    int status = labelled_create(&m->data, problem, err);
    if (status == DMFT_OK) status = moment_create(&m->moment, f->samples, err);
    if (status == DMFT_OK) status = ridge_create(&m->ridge, f->samples, f->tests, &rule, err);
    if (status != DMFT_OK) return status;
    struct memory_place place[PLACES];
    places_of(m, place);
    m->pick = calloc(f->kept, sizeof *m->pick);
    return memory_take(place, PLACES) && m->pick != NULL ? DMFT_OK : error_memory(err, 8.0 * filter_member_doubles(problem));
}

void filter_member_free(struct filter_member *m)
{
    struct memory_place place[PLACES];
    labelled_free(&m->data);
    moment_free(m->moment);
    ridge_free(m->ridge);
    places_of(m, place);
    memory_return(place, PLACES);
    free(m->pick);
}

int filter_member_start(void *state, long index, dmft_error *err)
{
    struct filter_member *m = state;
    (void)err;
    m->index = index;
    m->columns = m->data.dim;
    labelled_draw(&m->data, m->problem, index);
    memcpy(m->h, m->data.input, (m->data.samples + m->data.tests) * m->columns * sizeof *m->h);
    for (size_t i = 0; i < m->table.columns; i++) m->row[i] = NAN;
    filter_member_measure(m);
    return DMFT_OK;
}

void filter_member_measure(struct filter_member *m)
{
    size_t n = m->data.samples, Q = m->data.tests;
    double penalty = ridge_on_features(m->ridge, m->h, m->columns, m->data.label, m->fitted);
    const struct readout_errors e = readout_errors_of(&m->data, m->fitted);
    const double *tests = m->h + n * m->columns;
    m->row[FILTER_TEST_ERROR] = e.test;
    m->row[FILTER_TRAIN_ERROR] = e.train;
    m->row[FILTER_TEST_LOSS] = e.test_loss;
    m->row[FILTER_TRAIN_LOSS] = e.train_loss;
    m->row[FILTER_PENALTY] = log10(penalty);
    readout_share(tests, Q, m->columns, m->data.label + n, 1, m->room, &m->row[FILTER_TARGET_OVERLAP]);
    readout_share(tests, Q, m->columns, m->data.term, m->data.terms, m->room, &m->row[m->table.overlap]);
}

void filter_member_measure_all(struct filter_member *m)
{
    double penalty = ridge_on_gram(m->ridge, m->gram, m->data.label, m->fitted);
    const struct readout_errors e = readout_errors_of(&m->data, m->fitted);
    m->row[FILTER_KERNEL_TEST_ERROR] = e.test;
    m->row[FILTER_KERNEL_TRAIN_ERROR] = e.train;
    m->row[FILTER_KERNEL_TEST_LOSS] = e.test_loss;
    m->row[FILTER_KERNEL_TRAIN_LOSS] = e.train_loss;
    m->row[FILTER_KERNEL_PENALTY] = log10(penalty);
}

int filter_member_edges(struct filter_member *m, long layer, double edge[2], dmft_error *err)
{
    size_t permutations = m->problem->filter.permutations;
    int status = DMFT_OK;
    edge[0] = edge[1] = permutations > 0 ? 0.0 : NAN;
    for (size_t b = 0; b < permutations && status == DMFT_OK; b++) {
        double found[2];
        labelled_permute(&m->data, m->problem, m->index, layer, b, m->permuted);
        status = moment_edges(m->moment, m->permuted, found, err);
        edge[0] = fmin(edge[0], found[0]);
        edge[1] = fmax(edge[1], found[1]);
    }
    return status;
}

void filter_member_advance(struct filter_member *m, size_t columns)
{
    double *old = m->h;
    m->h = m->next;
    m->next = old;
    m->columns = columns;
}

int filter_member_row(void *state, long row, double *slot, dmft_error *err)
{
    const struct filter_member *m = state;
    (void)err;
    memcpy(slot + (size_t)row * m->table.columns, m->row, m->table.columns * sizeof *slot);
    return DMFT_OK;
}

void filter_member_transfer(struct filter_member *m, const char *tag, archive *a)
{
    archive_tag(a, tag);
    archive_size(a, &m->columns, filter_member_widest(&m->problem->filter));
    archive_doubles(a, m->h, (m->data.samples + m->data.tests) * m->columns);
    archive_doubles(a, m->row, m->table.columns);
}
