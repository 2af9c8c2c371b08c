/* Memory, queries and results of the row form; the equations are in rows_step.c.
 *
 * Kept are all rows of the 2 (2L+3) results, of the coefficients of h^l on u^l and g^l on r^l, and of v on r_0: 6L+6 squares of T^2 doubles
 * (one-pass SGD one less) and some vectors. Results are finished in place, so that no more is needed to hand them over. */
#include "kernel/rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "kernel/gram.h"
#include "kernel/nodes.h"
#include "kernel/rows_state.h"

/* Rows that begin a multiple of a page apart share their places in the cache; a line more between them does away with that. */
static size_t stride_of(size_t rows) { return rows >= 256 && rows % 64 == 0 ? rows + 8 : rows; }

static size_t fields_of(int depth) { return 2 * (size_t)depth + 3; }

/* ---- what a run needs ---- */

enum { VECTORS = 10 + ROWS_WORK }; /* of `rows` numbers, besides the diagonals */

double kernel_rows_bytes(const struct dmft_problem *p)
{
    size_t rows = (size_t)p->rows, L = (size_t)p->depth, fields = fields_of(p->depth);
    size_t squares = 2 * fields + 2 * L - 1 + (p->batch == BATCH_ONLINE ? 0 : 1), vectors = fields + VECTORS;
    return 8.0 * ((double)squares * (double)rows * (double)stride_of(rows) + (double)vectors * (double)rows);
}

double kernel_rows_operations(const struct dmft_problem *p)
{
    double T = (double)p->rows, row = 14.0 * (p->depth - 1.0) + (p->batch == BATCH_ONLINE ? 13.0 : 22.0);
    return row * T * (T + 1.0) * (2.0 * T + 1.0) / 6.0;
}

/* ---- making ---- */

static void set_constants(struct kernel_rows *r, const struct dmft_problem *p)
{
    double root_nu = sqrt(p->width_ratio), gamma = p->parameterization == PARAMETERIZATION_MUP ? p->gamma0 * root_nu : p->gamma0;
    r->depth = p->depth;
    r->online = p->batch == BATCH_ONLINE;
    r->flow = p->flow;
    r->rows = (size_t)p->rows;
    r->stride = stride_of(r->rows);
    r->fields = fields_of(p->depth);
    r->rate = p->learning_rate;
    r->step = p->learning_rate * gamma / root_nu;
    r->gain = 1.0 / (gamma * root_nu);
    r->output = gamma / root_nu;
    r->width_ratio = p->width_ratio;
    r->sample_ratio = p->sample_ratio;
    r->label_noise = p->label_noise;
}

/* Takes `count` arrays of n doubles; 0 when one could not be had. */
static int take(double ***list, size_t count, size_t n, double *(*from)(size_t))
{
    *list = calloc(count, sizeof **list);
    for (size_t i = 0; *list != NULL && i < count; i++)
        if (((*list)[i] = from(n)) == NULL) return 0;
    return *list != NULL;
}

/* What only the march needs, in one piece: H_u[1 .. L], G_r[1 .. L-1], v_r. */
static int take_coefficients(struct kernel_rows *r)
{
    size_t square = r->rows * r->stride, L = (size_t)r->depth;
    double *next = r->coefficients = memory_doubles_large((2 * L - (r->online ? 1 : 0)) * square);
    r->H_u = calloc(L + 1, sizeof *r->H_u);
    r->G_r = calloc(L + 1, sizeof *r->G_r);
    if (next == NULL || r->H_u == NULL || r->G_r == NULL) return 0;
    for (size_t l = 1; l <= L; l++, next += square) r->H_u[l] = next;
    for (size_t l = 1; l < L; l++, next += square) r->G_r[l] = next;
    if (!r->online) r->v_r = next;
    return 1;
}

static int take_vectors(struct kernel_rows *r)
{
    double **const vector[] = {&r->time,  &r->weight, &r->newest, &r->v_star, &r->hat_star,
                               &r->noise, &r->R_sum,  &r->G_sum,  &r->cross,  &r->spikes};
    int have = 1;
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) have = (*vector[i] = memory_doubles(r->rows)) != NULL && have;
    for (size_t i = 0; i < ROWS_WORK; i++) have = (r->work[i] = memory_doubles(r->rows)) != NULL && have;
    r->variance = memory_doubles((size_t)r->depth + 1);
    return have && r->variance != NULL;
}

static int take_memory(struct kernel_rows *r)
{
    size_t square = r->rows * r->stride;
    return take(&r->C, r->fields, square, memory_doubles_large) && take(&r->R, r->fields, square, memory_doubles_large) &&
           take(&r->diagonal, r->fields, r->rows, memory_doubles) && take_coefficients(r) && take_vectors(r);
}

int kernel_rows_create(kernel_rows **out, const struct dmft_problem *p, dmft_error *err)
{
    struct kernel_rows *r = calloc(1, sizeof *r);
    if (r == NULL) return error_memory(err, sizeof *r);
    set_constants(r, p);
    int status = take_memory(r) ? DMFT_OK : error_memory(err, kernel_rows_bytes(p));
    if (status == DMFT_OK) {
        for (int l = 0; l <= p->depth; l++) r->variance[l] = p->weight_variance[l];
        status = kernel_nodes(p, r->time, r->weight, r->newest, err);
    }
    if (status == DMFT_OK) *out = r;
    else kernel_rows_free(r);
    return status;
}

static void release(double **list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++) free(list[i]);
    free(list);
}

void kernel_rows_free(kernel_rows *r)
{
    if (r == NULL) return;
    release(r->C, r->fields);
    release(r->R, r->fields);
    release(r->diagonal, r->fields);
    free(r->H_u);
    free(r->G_r);
    double *const vector[] = {r->coefficients, r->variance, r->time,  r->weight, r->newest, r->v_star,
                              r->hat_star,     r->noise,    r->R_sum, r->G_sum,  r->cross,  r->spikes};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) free(vector[i]);
    for (size_t i = 0; i < ROWS_WORK; i++) free(r->work[i]);
    free(r);
}

/* ---- queries ---- */

size_t kernel_rows_done(const kernel_rows *r) { return r->done; }

double kernel_rows_time(const kernel_rows *r, size_t t) { return r->time[t]; }

size_t kernel_rows_count(const kernel_rows *r) { return r->fields; }

double kernel_rows_diagonal(const kernel_rows *r, size_t i, size_t t) { return r->diagonal[i][t]; }

void kernel_rows_matrix(kernel_rows *r, int l, struct kernel_rows_matrix *matrix)
{
    size_t t = r->done > 0 ? r->done - 1 : 0; /* before the first row only the places count */
    for (size_t a = 0; a < t; a++) r->spikes[a] = r->step * rows_kappa(r, t, a);
    *matrix = (struct kernel_rows_matrix){.C_phi = rows_C_h(r, l),
                                          .R_phi = rows_R_h(r, l),
                                          .C_g = rows_C_g(r, l + 1),
                                          .R_g = rows_R_g(r, l + 1),
                                          .stride = r->stride,
                                          .updates = t,
                                          .d = r->spikes,
                                          .target = l == 0 ? r->hat_star : NULL};
}

/* ---- results ---- */

static void name_result(const kernel_rows *r, size_t i, char *name)
{
    char kind = i < r->fields ? 'C' : 'R';
    int field = (int)(i % r->fields), L = r->depth;
    if (field < 2) (void)snprintf(name, KERNEL_NAME_BYTES, "%c_%s", kind, field == 0 ? "v" : "Delta");
    else if (field < L + 3) (void)snprintf(name, KERNEL_NAME_BYTES, "%c_h%d", kind, field - 2);
    else (void)snprintf(name, KERNEL_NAME_BYTES, "%c_g%d", kind, field - 2 - L);
}

/* Responses of a flow by what they would have changed in its weights, (M3). */
static void make_density(const kernel_rows *r, double *R)
{
    for (size_t t = 1; t < r->done; t++)
        for (size_t s = 0; s < t; s++) R[t * r->stride + s] /= rows_kappa(r, t, s);
}

void kernel_rows_result(kernel_rows *r, size_t i, char *name, double **square, size_t *order, size_t *stride)
{
    double **list = i < r->fields ? r->C : r->R, **slot = &list[i % r->fields];
    free(r->coefficients);
    r->coefficients = NULL;
    name_result(r, i, name);
    *square = *slot;
    *order = r->done;
    *stride = r->stride;
    *slot = NULL;
    if (*square == NULL) return;
    if (i < r->fields) kernel_mirror(*square, r->done, r->stride);
    else if (r->flow) make_density(r, *square);
}

/* ---- checkpoints ---- */

static void transfer_triangle(const kernel_rows *r, double *K, archive *a)
{
    for (size_t t = 0; K != NULL && t < r->done; t++) archive_doubles(a, K + t * r->stride, t + 1);
}

void kernel_rows_transfer(kernel_rows *r, archive *a)
{
    archive_tag(a, "rows");
    archive_size(a, &r->done, r->rows);
    if (archive_status(a) != DMFT_OK) r->done = 0;
    for (size_t i = 0; i < r->fields; i++) {
        transfer_triangle(r, r->C[i], a);
        transfer_triangle(r, r->R[i], a);
        archive_doubles(a, r->diagonal[i], r->done);
    }
    for (int l = 1; l <= r->depth; l++) {
        transfer_triangle(r, r->H_u[l], a);
        if (l < r->depth) transfer_triangle(r, r->G_r[l], a);
    }
    transfer_triangle(r, r->v_r, a);
    double *const vector[] = {r->v_star, r->hat_star, r->noise, r->R_sum, r->G_sum};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) archive_doubles(a, vector[i], r->done);
}
