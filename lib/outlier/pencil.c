/* The pencil (B4) of one revealed matrix. A direction that is met costs k d + k^2 multiply-adds, d the number of axes or sampled sites, by matrix-matrix
 * products for all that were met since the last step; a step 2 k^2; a product with B(z) k_F^2 + k_E^2 +
 * 2 k_F k_E, without forming it; forming it n^2/2 numbers, n = k_F + k_E. */
#include "outlier/pencil.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* A bulk of singular values below 1e-15 is none: outliers are not known better than that. */
static const double least_variance = 1e-30;
/* Of A in W: where less is left of it, what was learned is all there is. */
static const double least_keep = 1e-100;

void outlier_pencil_init(struct outlier_pencil *p, const limit_operator *A)
{
    struct limit_view view = limit_operator_view(A);
    *p = (struct outlier_pencil){.A = A, .variance = view.variance >= least_variance ? view.variance : 0.0, .psi = view.psi, .keep = 1.0};
    p->edge = sqrt(view.variance) * (1.0 + sqrt(view.psi));
}

void outlier_pencil_clear(struct outlier_pencil *p)
{
    free(p->Xi);
    free(p->Chi);
    free(p->M);
    free(p->W);
    p->Xi = p->Chi = p->M = p->W = NULL;
}

static void copy_block(double *to, size_t stride, const double *from, size_t old_stride, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++) memcpy(to + i * stride, from + i * old_stride, columns * sizeof *to);
}

int outlier_pencil_widen(struct outlier_pencil *p, size_t room, dmft_error *err)
{
    struct outlier_pencil wide = *p;
    wide.room = room;
    wide.Xi = memory_doubles(room * room);
    wide.Chi = memory_doubles(room * room);
    wide.M = memory_doubles(room * room);
    wide.W = memory_doubles(room * room);
    if (wide.Xi == NULL || wide.Chi == NULL || wide.M == NULL || wide.W == NULL) {
        outlier_pencil_clear(&wide);
        return error_memory(err, 32.0 * (double)room * (double)room);
    }
    copy_block(wide.Xi, room, p->Xi, p->room, p->outputs, p->outputs);
    copy_block(wide.Chi, room, p->Chi, p->room, p->inputs, p->inputs);
    copy_block(wide.M, room, p->M, p->room, p->outputs, p->inputs);
    outlier_pencil_clear(p);
    *p = wide;
    return DMFT_OK;
}

size_t outlier_pencil_order(const struct outlier_pencil *p) { return p->outputs + p->inputs; }

/* ---- Gram matrices ---- */

void outlier_inner(const limit_rows *rows, size_t count, const double *x, size_t stride, double *c)
{
    if (count == 0) return;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)count, (int)rows->space->axes, rows->space->backend->weight(rows->space), rows->x,
                (int)rows->space->stride, x, 1, 0.0, c, (int)stride);
}

/* One side's Gram matrix and what it is made of: `n` directions, `known` of them taken in before, with these answers; the other side has `m`, of which
 * `met` were known. M_ia is at M[i * own + a * other] for direction i of this side. */
struct gram {
    double *G;
    const limit_rows *answer;
    size_t room, n, known, m, met;
    const double *M;
    CBLAS_TRANSPOSE by_rows; /* whether this side's directions are the rows of M */
    double weight;           /* of the projection */
};

/* G[first ..][0 .. n) -= weight M M^T over the other side's directions from `from` on. */
static void project(const struct gram *g, size_t first, size_t n, size_t from)
{
    size_t own = g->by_rows == CblasNoTrans ? g->room : 1, other = g->by_rows == CblasNoTrans ? 1 : g->room;
    if (n == 0 || first == n || from == g->m) return;
    cblas_dgemm(CblasRowMajor, g->by_rows, g->by_rows == CblasNoTrans ? CblasTrans : CblasNoTrans, (int)(n - first), (int)n, (int)(g->m - from), -g->weight,
                g->M + first * own + from * other, (int)g->room, g->M + from * other, (int)g->room, 1.0, g->G + first * g->room, (int)g->room);
}

/* Takes in the new directions of both sides: inner products of the new answers with all, less their projection on all directions of the other side,
 * and the old ones lose theirs on the new. */
static void enter(const struct gram *g)
{
    const limit_space *space = g->answer->space;
    size_t more = g->n - g->known;
    if (more > 0)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)more, (int)g->n, (int)space->axes, space->backend->weight(space),
                    g->answer->x + g->known * space->stride, (int)space->stride, g->answer->x, (int)space->stride, 0.0, g->G + g->known * g->room,
                    (int)g->room);
    project(g, 0, g->known, g->met);
    project(g, g->known, g->n, 0);
    for (size_t i = g->known; i < g->n; i++)
        for (size_t j = 0; j < i; j++) g->G[j * g->room + i] = g->G[i * g->room + j];
}

void outlier_pencil_catch_up(struct outlier_pencil *p, const struct limit_view *view)
{
    size_t inputs = view->E->count, outputs = view->F->count;
    if (inputs == p->inputs && outputs == p->outputs) return;
    copy_block(p->M, p->room, view->M, view->stride, outputs, inputs);
    struct gram xi = {.G = p->Xi, .answer = view->X, .room = p->room, .n = outputs, .known = p->outputs, .m = inputs, .met = p->inputs, .M = p->M,
                      .by_rows = CblasNoTrans, .weight = p->psi * p->psi};
    struct gram chi = {.G = p->Chi, .answer = view->Y, .room = p->room, .n = inputs, .known = p->inputs, .m = outputs, .met = p->outputs, .M = p->M,
                       .by_rows = CblasTrans, .weight = 1.0};
    enter(&xi);
    enter(&chi);
    p->inputs = inputs;
    p->outputs = outputs;
}

/* ---- B(z) ---- */

/* Sites of a space that nothing was asked in; where there is none left one will do, since nothing comes of it. */
static double unasked(const limit_rows *unit)
{
    size_t sites = unit->space->axes;
    return sites > unit->count ? (double)(sites - unit->count) : 1.0;
}

/* Variance and aspect of what nothing was asked of: M - k_F of M outputs, N - k_E of N inputs, and entries of variance sigma^2/N still (N8). Exact
 * coordinates stand for infinitely many sites. */
static void rest_of(const struct outlier_pencil *p, double *variance, double *psi)
{
    struct limit_view view = limit_operator_view(p->A);
    const limit_space *in = view.E->space;
    *variance = p->variance;
    *psi = p->psi;
    if (in->backend->axes || p->variance == 0.0) return;
    double inputs = unasked(view.E), outputs = unasked(view.F);
    *variance *= inputs / (double)in->axes;
    *psi = outputs / inputs;
}

struct outlier_scalars outlier_pencil_scalars(const struct outlier_pencil *p, double root)
{
    double variance, psi;
    rest_of(p, &variance, &psi);
    return outlier_scalars_at(variance, psi, root);
}

/* The larger root of (O2) at z = edge, which is outside the bulk of the rest when that is smaller. */
double outlier_pencil_edge_root(const struct outlier_pencil *p)
{
    double variance, psi;
    rest_of(p, &variance, &psi);
    double edge = outlier_edge_root(variance, psi);
    if (variance == p->variance && psi == p->psi) return edge;
    double half = 0.5 * (p->edge * p->edge - variance * (1.0 + psi)), square = half * half - psi * variance * variance;
    return square > 0.0 ? fmax(edge, (half + sqrt(square)) / psi) : edge;
}

void outlier_pencil_learn(struct outlier_pencil *p, const struct limit_view *view)
{
    double root_psi = sqrt(p->psi);
    p->keep = fmax(view->keep, least_keep);
    for (size_t i = 0; i < p->outputs; i++) {
        const double *met = p->M + i * p->room, *S = view->S + i * view->stride;
        double *row = p->W + i * p->room;
        for (size_t j = 0; j < p->inputs; j++) row[j] = root_psi * (met[j] + S[j] / p->keep);
    }
}

void outlier_pencil_push(struct outlier_pencil *p, double weight, const double *c_out, const double *c_in)
{
    if (p->outputs == 0 || p->inputs == 0) return;
    cblas_dger(CblasRowMajor, (int)p->outputs, (int)p->inputs, sqrt(p->psi) * weight / p->keep, c_out, 1, c_in, 1, p->W, (int)p->room);
}

void outlier_pencil_form(const struct outlier_pencil *p, const struct outlier_scalars *s, double *B)
{
    size_t stride = 2 * p->room;
    double xi = s->b / p->psi, chi = s->a * p->psi;
    for (size_t i = 0; i < p->outputs; i++) {
        double *row = B + i * stride;
        const double *gram = p->Xi + i * p->room;
        for (size_t j = i; j < p->outputs; j++) row[j] = xi * gram[j];
        memcpy(row + p->outputs, p->W + i * p->room, p->inputs * sizeof *row);
    }
    for (size_t i = 0; i < p->inputs; i++) {
        double *row = B + (p->outputs + i) * stride + p->outputs;
        const double *gram = p->Chi + i * p->room;
        for (size_t j = i; j < p->inputs; j++) row[j] = chi * gram[j];
    }
}

void outlier_pencil_apply(const struct outlier_pencil *p, const struct outlier_scalars *s, const double *x, double *y)
{
    int outputs = (int)p->outputs, inputs = (int)p->inputs, room = (int)p->room;
    const double *beta = x + outputs;
    double *y_in = y + outputs;
    if (outputs > 0) cblas_dgemv(CblasRowMajor, CblasNoTrans, outputs, outputs, s->b / p->psi, p->Xi, room, x, 1, 0.0, y, 1);
    if (inputs > 0) cblas_dgemv(CblasRowMajor, CblasNoTrans, inputs, inputs, s->a * p->psi, p->Chi, room, beta, 1, 0.0, y_in, 1);
    if (outputs == 0 || inputs == 0) return;
    cblas_dgemv(CblasRowMajor, CblasNoTrans, outputs, inputs, 1.0, p->W, room, beta, 1, 1.0, y, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, outputs, inputs, 1.0, p->W, room, x, 1, 1.0, y_in, 1);
}

/* x.G x for a Gram matrix of order n. */
static double form_of(const double *G, size_t room, size_t n, const double *x, double *work)
{
    if (n == 0) return 0.0;
    cblas_dsymv(CblasRowMajor, CblasUpper, (int)n, 1.0, G, (int)room, x, 1, 0.0, work, 1);
    return cblas_ddot((int)n, x, 1, work, 1);
}

double outlier_pencil_slope(const struct outlier_pencil *p, const struct outlier_scalars *s, const double *x, double *work)
{
    return form_of(p->Xi, p->room, p->outputs, x, work) * s->db / p->psi +
           form_of(p->Chi, p->room, p->inputs, x + p->outputs, work) * s->da * p->psi;
}
