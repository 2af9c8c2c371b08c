/* The rows route: level 1 as two-time kernels, row by row ((L11) of doc/theory.md), and level 2 from these kernels alone ((O1)-(O6)). It shares
 * nothing with the basis route but the series' names.
 *
 * Cost: lib/kernel/rows.c and lib/outlier/follow.c: O(L T^3) operations for either level, (8L + 14) T^2 doubles at most. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/trajectory.h"
#include "kernel/rows.h"
#include "model/route.h"
#include "outlier/follow.h"

struct rows {
    kernel_rows *march;
    int flow, store;
    double rate; /* weight of an event a unit of time, in flow */
    size_t observables, matrices;
    char (*name)[KERNEL_NAME_BYTES];
    const char **names;
    struct route_matrix *about;
    outlier_follow **follow;
};

/* ---- before a run ---- */

static dmft_estimate estimate(const struct dmft_problem *p)
{
    double T = (double)p->rows, L = p->depth, count = p->outlier_count;
    double series = T * (2.0 * L + 6.0 + L * (count + 4.0)), following = L * 100.0 * T;
    double recorded = 1.0 / (double)p->outlier_every;
    /* Level 2: some four products of X Y a recorded step and matrix, of 8 t^2 operations each. */
    return (dmft_estimate){.bytes = kernel_rows_bytes(p) + sizeof(double) * (series + following),
                           .operations = kernel_rows_operations(p) + recorded * L * 4.0 * 8.0 * T * T * T / 3.0};
}

/* ---- making ---- */

static void release(void *state)
{
    struct rows *r = state;
    if (r == NULL) return;
    for (size_t l = 0; r->follow != NULL && l < r->matrices; l++) outlier_follow_free(r->follow[l]);
    kernel_rows_free(r->march);
    free(r->follow);
    free(r->about);
    free(r->name);
    free(r->names);
    free(r);
}

/* The names of the correlations, C_v, C_Delta, C_h0 .. C_hL, C_g1 .. C_gL. */
static void name_observables(struct rows *r, int depth)
{
    size_t i = 0;
    (void)snprintf(r->name[i++], sizeof *r->name, "C_v");
    (void)snprintf(r->name[i++], sizeof *r->name, "C_Delta");
    for (int l = 0; l <= depth; l++) (void)snprintf(r->name[i++], sizeof *r->name, "C_h%d", l);
    for (int l = 1; l <= depth; l++) (void)snprintf(r->name[i++], sizeof *r->name, "C_g%d", l);
    for (i = 0; i < r->observables; i++) r->names[i] = r->name[i];
}

static int follow_matrices(struct rows *r, const struct dmft_problem *p, dmft_error *err)
{
    int status = DMFT_OK;
    for (size_t l = 0; l < r->matrices && status == DMFT_OK; l++) {
        struct kernel_rows_matrix m;
        kernel_rows_matrix(r->march, (int)l, &m);
        r->about[l] = (struct route_matrix){.variance = p->weight_variance[l], .psi = l == 0 ? p->width_ratio : 1.0, .target = m.target != NULL};
        struct outlier_source source = {.C_phi = m.C_phi,
                                        .R_phi = m.R_phi,
                                        .C_g = m.C_g,
                                        .R_g = m.R_g,
                                        .rows = (size_t)p->rows,
                                        .stride = m.stride,
                                        .target = m.target,
                                        .sigma2 = r->about[l].variance,
                                        .psi = r->about[l].psi,
                                        .flow = p->flow};
        status = outlier_follow_create(&r->follow[l], &source, (size_t)p->outlier_count, err);
    }
    return status;
}

static int create(void **state, const struct dmft_problem *p, dmft_error *err)
{
    struct rows *r = calloc(1, sizeof *r);
    if (r == NULL) return error_memory(err, sizeof *r);
    *state = r;
    double root_nu = sqrt(p->width_ratio), gamma = p->parameterization == PARAMETERIZATION_MUP ? p->gamma0 * root_nu : p->gamma0;
    r->flow = p->flow;
    r->store = p->store_kernels;
    r->rate = p->learning_rate * gamma / root_nu;
    r->matrices = (size_t)p->depth;
    int status = kernel_rows_create(&r->march, p, err);
    if (status != DMFT_OK) return status;
    r->observables = kernel_rows_count(r->march);
    r->name = calloc(r->observables, sizeof *r->name);
    r->names = calloc(r->observables, sizeof(const char *));
    r->about = calloc(r->matrices, sizeof *r->about);
    r->follow = calloc(r->matrices, sizeof(outlier_follow *));
    if (r->name == NULL || r->names == NULL || r->about == NULL || r->follow == NULL) return error_memory(err, 64.0 * (double)r->observables);
    name_observables(r, p->depth);
    return follow_matrices(r, p, err);
}

static struct route_shape shape(const void *state)
{
    const struct rows *r = state;
    return (struct route_shape){.observables = r->observables, .matrices = r->matrices, .observable = r->names, .matrix = r->about};
}

/* ---- a node ---- */

static int row(void *state, long at, double *time, double *diagonal, dmft_error *err)
{
    struct rows *r = state;
    size_t t = (size_t)at;
    (void)err;
    kernel_rows_step(r->march);
    *time = kernel_rows_time(r->march, t);
    for (size_t i = 0; i < r->observables; i++) diagonal[i] = kernel_rows_diagonal(r->march, i, t);
    return DMFT_OK;
}

static int outliers(void *state, size_t l, long at, double time, struct outlier_state *found, dmft_error *err)
{
    struct rows *r = state;
    struct kernel_rows_matrix m;
    kernel_rows_matrix(r->march, (int)l, &m);
    return outlier_follow_step(r->follow[l], (size_t)at, m.d, time, r->rate, found, err);
}

static int last(const void *state)
{
    (void)state;
    return 0; /* the grid is given */
}

static int next(void *state, dmft_error *err)
{
    (void)state; /* the weights of the next node are sums over the rows that are there */
    (void)err;
    return DMFT_OK;
}

static struct outlier_escape escape(const void *state, size_t l, size_t j)
{
    const struct rows *r = state;
    return outlier_follow_escape(r->follow[l], j);
}

static int difference(const void *state, size_t l, double *largest, dmft_error *err)
{
    const struct rows *r = state;
    return outlier_follow_difference(r->follow[l], largest, err);
}

/* ---- the result ---- */

static int hand_over_kernels(struct rows *r, size_t rows, dmft_trajectory *result, dmft_error *err)
{
    int status = DMFT_OK;
    for (size_t i = 0; i < 2 * r->observables && status == DMFT_OK; i++) {
        char name[KERNEL_NAME_BYTES];
        double *square = NULL;
        size_t order = 0, stride = 0;
        kernel_rows_result(r->march, i, name, &square, &order, &stride);
        if (square == NULL) continue;
        status = trajectory_add_kernel(result, name, order < rows ? order : rows, stride, square, err);
        if (status != DMFT_OK) free(square);
    }
    return status;
}

static int finish(void *state, size_t rows, dmft_trajectory *result, dmft_error *err)
{
    struct rows *r = state;
    return r->store ? hand_over_kernels(r, rows, result, err) : DMFT_OK;
}

static void transfer(void *state, size_t rows, archive *a)
{
    struct rows *r = state;
    (void)rows;
    archive_tag(a, "rows");
    kernel_rows_transfer(r->march, a);
    for (size_t l = 0; l < r->matrices; l++) outlier_follow_transfer(r->follow[l], a);
}

const struct route route_rows = {.estimate = estimate,
                                 .create = create,
                                 .free = release,
                                 .shape = shape,
                                 .row = row,
                                 .outliers = outliers,
                                 .last = last,
                                 .next = next,
                                 .escape = escape,
                                 .difference = difference,
                                 .finish = finish,
                                 .transfer = transfer};
