/* The rows route: level 1 as two-time kernels, row by row ((L11) of doc/theory.md), and level 2 from these kernels alone ((O1)-(O6), (Q11)). It shares
 * nothing with the basis route but the series' names. Plain descent and flow have a march of their own (kernel/rows.h); all else takes the general one.
 *
 * Cost: lib/kernel/rows.c or general.c, and lib/outlier/follow.c: O(L T^3) operations for either level, (8L + 14) T^2 doubles at most in plain descent. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/trajectory.h"
#include "kernel/general.h"
#include "kernel/rows.h"
#include "model/route.h"
#include "outlier/follow.h"

struct rows {
    kernel_rows *march;      /* one of the two is there */
    kernel_general *general;
    int flow, store, ntk, sharpness;
    double rate, branch; /* weight of an event a unit of time, in flow; factor on it in a residual branch */
    size_t observables, matrices;
    char (*name)[KERNEL_NAME_BYTES];
    const char **names;
    struct route_matrix *about;
    outlier_follow **follow;
    double *z; /* of the outliers asked for last */
    size_t count;
};

/* ---- either march ---- */

static size_t observables_of(const struct rows *r) { return r->general != NULL ? kernel_general_count(r->general) : kernel_rows_count(r->march); }

static double diagonal_of(const struct rows *r, size_t i, size_t t)
{
    return r->general != NULL ? kernel_general_diagonal(r->general, i, t) : kernel_rows_diagonal(r->march, i, t);
}

static void matrix_of(struct rows *r, size_t l, struct kernel_rows_matrix *m)
{
    if (r->general != NULL) kernel_general_matrix(r->general, (int)l, m);
    else kernel_rows_matrix(r->march, (int)l, m);
}

static void take_result(struct rows *r, size_t i, char *name, double **square, size_t *order, size_t *stride)
{
    if (r->general != NULL) kernel_general_result(r->general, i, name, square, order, stride);
    else kernel_rows_result(r->march, i, name, square, order, stride);
}

/* ---- before a run ---- */

static dmft_estimate estimate(const struct dmft_problem *p)
{
    double T = (double)p->rows, L = p->depth, count = p->outlier_count;
    double each = p->weight_factor != NULL ? 5.0 : 4.0, series = T * (2.0 * L + 6.0 + L * (count + each)), following = L * 100.0 * T;
    double recorded = 1.0 / (double)p->outlier_every;
    /* Level 2: some four products of X Y a recorded step and matrix, of 8 t^2 operations each. */
    int general = kernel_general_wanted(p);
    return (dmft_estimate){.bytes = (general ? kernel_general_bytes(p) : kernel_rows_bytes(p)) + sizeof(double) * (series + following),
                           .operations = (general ? kernel_general_operations(p) : kernel_rows_operations(p)) + recorded * L * 4.0 * 8.0 * T * T * T / 3.0};
}

/* ---- making ---- */

static void release(void *state)
{
    struct rows *r = state;
    if (r == NULL) return;
    for (size_t l = 0; r->follow != NULL && l < r->matrices; l++) outlier_follow_free(r->follow[l]);
    kernel_rows_free(r->march);
    kernel_general_free(r->general);
    free(r->z);
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
        matrix_of(r, l, &m);
        r->about[l] = (struct route_matrix){.psi = l == 0 ? p->width_ratio : 1.0, .target = m.target != NULL};
        struct outlier_source source = {.C_phi = m.C_phi,
                                        .R_phi = m.R_phi,
                                        .C_g = m.C_g,
                                        .R_g = m.R_g,
                                        .rows = (size_t)p->rows,
                                        .stride = m.stride,
                                        .target = m.target,
                                        .variance = m.variance,
                                        .sigma2 = p->weight_variance[l],
                                        .psi = r->about[l].psi,
                                        .factor = p->weight_factor != NULL ? p->weight_factor[l] : 1.0,
                                        .flow = p->flow,
                                        .moving = p->momentum > 0.0 || p->weight_decay > 0.0};
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
    r->ntk = p->probes.ntk;
    r->sharpness = p->probes.sharpness;
    r->rate = p->learning_rate * gamma / root_nu;
    r->branch = p->residual ? 1.0 / sqrt(p->depth) : 1.0;
    r->matrices = (size_t)p->depth;
    r->count = (size_t)p->outlier_count;
    int status = kernel_general_wanted(p) ? kernel_general_create(&r->general, p, err) : kernel_rows_create(&r->march, p, err);
    if (status != DMFT_OK) return status;
    r->observables = observables_of(r);
    r->z = memory_doubles(r->count);
    r->name = calloc(r->observables, sizeof *r->name);
    r->names = calloc(r->observables, sizeof(const char *));
    r->about = calloc(r->matrices, sizeof *r->about);
    r->follow = calloc(r->matrices, sizeof(outlier_follow *));
    if (r->name == NULL || r->names == NULL || r->about == NULL || r->follow == NULL || r->z == NULL) return error_memory(err, 64.0 * (double)r->observables);
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
    if (r->general != NULL) kernel_general_step(r->general);
    else kernel_rows_step(r->march);
    *time = r->general != NULL ? kernel_general_time(r->general, t) : kernel_rows_time(r->march, t);
    for (size_t i = 0; i < r->observables; i++) diagonal[i] = diagonal_of(r, i, t);
    return DMFT_OK;
}

static int outliers(void *state, size_t l, long at, double time, struct outlier_state *found, dmft_error *err)
{
    struct rows *r = state;
    struct kernel_rows_matrix m;
    matrix_of(r, l, &m);
    int status = outlier_follow_step(r->follow[l], (size_t)at, m.d, time, l > 0 ? r->branch * r->rate : r->rate, found, err);
    if (status != DMFT_OK || r->general == NULL) return status;
    double kept = kernel_general_kept(r->general); /* what was solved is A_l(t)/b(t), (Q11) */
    for (size_t j = 0; j < r->count; j++) r->z[j] = kept * found->z[j];
    found->z = r->z;
    found->drift *= kept;
    return DMFT_OK;
}

/* With probes the march is the general one. */
static int probe(void *state, struct outlier_probe *found, dmft_error *err)
{
    struct rows *r = state;
    struct kernel_general_probe p;
    (void)err;
    kernel_general_probe(r->general, r->ntk, r->sharpness, &p);
    *found = (struct outlier_probe){
        .ntk_top = p.ntk_top, .sharpness = p.sharpness, .edge_lower = p.edge_lower, .edge_upper = p.edge_upper, .difference = NAN};
    return DMFT_OK;
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
        take_result(r, i, name, &square, &order, &stride);
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
    if (r->general != NULL) kernel_general_transfer(r->general, a);
    else kernel_rows_transfer(r->march, a);
    for (size_t l = 0; l < r->matrices; l++) outlier_follow_transfer(r->follow[l], a);
}

const struct route route_rows = {.estimate = estimate,
                                 .create = create,
                                 .free = release,
                                 .shape = shape,
                                 .row = row,
                                 .outliers = outliers,
                                 .probe = probe,
                                 .last = last,
                                 .next = next,
                                 .escape = escape,
                                 .difference = difference,
                                 .finish = finish,
                                 .transfer = transfer};
