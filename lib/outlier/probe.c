/* Lanczos on revealed operators. The tangent kernel M (V1) and K = X M X^T/P (V2) are symmetric operators on a space of the infinite network, so that
 * `rows` products from the target's direction give the outliers as Ritz values, to all digits where they are separated. What a start that is
 * independent of everything meets has no part in what was learned: it sees the bulk alone, and it may be run in a bare network, untrained, with the
 * constants c_l of the trained one. There a_k -+ 2 b_k go to the edges of the bulk, where that is one interval; the upper edge is the nested law's
 * also (V3), and is taken from there where Lanczos has not come to it.
 *
 * With n = rows, k directions a side and d axes a space a product of M is 2 L products of lib/limit/operator.c, one of K two more, and orthogonalising
 * 4 n d: in the trained network n (2 L + 2) 9 (k + n) (d + 2 n) multiply-adds at most, in the bare one those with k = d = 0. Memory: n d a run.
 */
#include "outlier/probe.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernel/nested.h"
#include "limit/block.h"

static const double exhausted = 1e-10; /* a next vector below this, relative to the operator: its invariant subspace is complete (tolerance 1e-11) */
static const double settled = 1e-7;    /* spread of the last three a_k -+ 2 b_k, relative to the upper edge, at which they are an edge: near a hard edge at 0
                                        * they come as 1/k^2, and the error is k/4 times their spread */

typedef void (*product)(void *state, const limit_rows *x, limit_rows *y);

/* The vectors of a Lanczos run. */
struct vectors {
    limit_rows q, x, y;
};

struct outlier_prober {
    struct probe_network trained, bare;
    struct probe_laws laws;
    double *eigenvalue;
    size_t rows;
    int ntk, sharpness;
    struct vectors input[2], seen[2]; /* of the trained and of the bare network */
    double *a, *b, *work;             /* b[k] couples rows k and k + 1 */
    double *ritz, *off;
};

/* ---- Lanczos ---- */

static double length(const limit_rows *x) { return sqrt(limit_dot(x, x)); }

/* x <- x less its part in the span of q, twice. */
static void orthogonalise(const limit_rows *q, limit_rows *x, double *work)
{
    struct block rows = block_of(q, 0, q->count), one = block_of(x, 0, 1);
    for (int twice = 0; twice < 2; twice++) {
        block_inner(1.0, one, rows, 0.0, work, q->count);
        block_combine(-1.0, work, q->count, rows, one);
    }
}

/* Runs from the field in v->x; returns the number of rows, fewer than wanted where an invariant subspace is complete. */
static size_t lanczos(outlier_prober *p, struct vectors *v, product apply, void *state)
{
    size_t k = 0;
    double rest = length(&v->x), size = 0.0;
    while (k < p->rows && rest > exhausted * size && isfinite(rest)) {
        limit_scale(&v->x, 1.0 / rest);
        limit_put(&v->q, k, &v->x, 0);
        v->q.count = k + 1;
        apply(state, &v->x, &v->y);
        p->a[k] = limit_dot(&v->x, &v->y);
        limit_copy(&v->x, &v->y);
        orthogonalise(&v->q, &v->x, p->work);
        rest = p->b[k] = length(&v->x);
        size = fmax(size, fabs(p->a[k]) + rest);
        k++;
    }
    v->q.count = 0; /* nothing of it is kept, or stored in a checkpoint */
    return k;
}

/* All Ritz values of the first k rows, rising; 0 where there are none. */
static int ritz_values(outlier_prober *p, size_t k)
{
    for (size_t i = 0; i < k; i++)
        if (!isfinite(p->a[i]) || !isfinite(p->b[i])) return 0;
    memcpy(p->ritz, p->a, k * sizeof *p->ritz);
    memcpy(p->off, p->b, k * sizeof *p->off);
    return k > 0 && LAPACKE_dsterf_work((lapack_int)k, p->ritz, p->off) == 0;
}

/* What a_k -+ 2 b_k have come to, or nan. */
static double settled_edge(const outlier_prober *p, size_t k, double sign)
{
    double low = INFINITY, high = -INFINITY, top = 0.0;
    if (k < 4) return NAN;
    for (size_t i = k - 3; i < k; i++) {
        double value = p->a[i] + 2.0 * sign * p->b[i];
        low = fmin(low, value);
        high = fmax(high, value);
        top = fmax(top, p->a[i] + 2.0 * p->b[i]);
    }
    return high - low <= settled * top ? p->a[k - 1] + 2.0 * sign * p->b[k - 1] : NAN;
}

/* ---- the two runs ---- */

/* What is known of an operator: its top from the target, the edges of its bulk. */
struct modes {
    double top, lower, upper, difference;
};

/* The largest Ritz value of k rows, carried on to more of them: at an edge that is a square root it comes from below as 1/k^2. What is left is of the
 * order 1/k^3. */
static double carried_on(outlier_prober *p, size_t k)
{
    double half = k > 1 && ritz_values(p, k / 2) ? p->ritz[k / 2 - 1] : NAN, whole = ritz_values(p, k) ? p->ritz[k - 1] : NAN;
    double few = (double)(k / 2) / (double)k;
    return isnan(half) ? whole : whole + few * few / (1.0 - few * few) * (whole - half);
}

static int all_sound(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return 0;
    return 1;
}

/* The edges by the nested law; nan where it does not hold. */
static void nested_edges(const outlier_prober *p, int tangent, double edges[2])
{
    struct kernel_nested chain;
    struct nested_network w = {.depth = p->laws.depth,
                               .variance = p->trained.variance,
                               .c = p->trained.c,
                               .width_ratio = p->laws.width_ratio,
                               .sample_ratio = tangent ? 0.0 : p->laws.sample_ratio,
                               .modes = tangent ? 0 : p->laws.modes,
                               .eigenvalue = p->eigenvalue};
    edges[0] = edges[1] = NAN;
    if (!p->laws.nested || !all_sound(w.c, (size_t)w.depth + 1)) return;
    kernel_nested_network(&chain, &w);
    kernel_nested_edges(&chain, edges);
}

static double leading(outlier_prober *p, int tangent)
{
    const struct probe_network *n = &p->trained;
    struct vectors *v = tangent ? &p->input[0] : &p->seen[0];
    n->mark(n->state);
    if (tangent) limit_copy(&v->x, n->target);
    else n->see(n->state, n->target, &v->x);
    size_t k = lanczos(p, v, tangent ? n->tangent : n->curvature, n->state);
    n->rewind(n->state);
    return ritz_values(p, k) ? p->ritz[k - 1] : NAN;
}

/* The run in the bare network, from a fresh field; *top is what its largest Ritz value goes to. */
static void bulk(outlier_prober *p, int tangent, double edges[2], double *top)
{
    const struct probe_network *n = &p->bare;
    struct vectors *v = tangent ? &p->input[1] : &p->seen[1];
    n->renew(n->state, p->trained.state);
    edges[0] = edges[1] = *top = NAN;
    if (!all_sound(n->c, (size_t)p->laws.depth + 1)) return;
    limit_fresh(&p->input[1].y);
    if (tangent) limit_copy(&v->x, &p->input[1].y);
    else n->see(n->state, &p->input[1].y, &v->x);
    size_t k = lanczos(p, v, tangent ? n->tangent : n->curvature, n->state);
    *top = k < p->rows ? NAN : carried_on(p, k);
    if (!ritz_values(p, k)) return;
    int complete = k < p->rows; /* the bulk is these points */
    edges[0] = complete ? p->ritz[0] : settled_edge(p, k, -1.0);
    edges[1] = complete ? p->ritz[k - 1] : settled_edge(p, k, 1.0);
}

/* Each edge is Lanczos's where that has settled, else the nested law's. */
static struct modes solve(outlier_prober *p, int tangent)
{
    double own[2], law[2], top;
    struct modes m = {.top = leading(p, tangent)};
    bulk(p, tangent, own, &top);
    nested_edges(p, tangent, law);
    m.difference = fabs(own[1] - law[1]) / fmax(fabs(law[1]), DBL_MIN);
    m.lower = isnan(own[0]) ? law[0] : own[0];
    m.upper = isnan(own[1]) ? law[1] : own[1];
    m.top = fmax(m.top, isnan(m.upper) ? top : m.upper); /* fmax passes over nan */
    return m;
}

int outlier_prober_run(outlier_prober *p, struct outlier_probe *found, dmft_error *err)
{
    *found = (struct outlier_probe){.ntk_top = NAN, .sharpness = NAN, .edge_lower = NAN, .edge_upper = NAN, .difference = NAN};
    int status = p->trained.reserve(p->trained.state, p->rows + 1, err);
    if (status != DMFT_OK) return status;
    if (p->ntk) {
        struct modes m = solve(p, 1);
        found->ntk_top = m.top;
        found->difference = m.difference;
    }
    if (p->sharpness) {
        struct modes m = solve(p, 0);
        found->sharpness = m.top;
        found->edge_lower = m.lower;
        found->edge_upper = m.upper;
        found->difference = fmax(found->difference, m.difference);
    }
    return DMFT_OK;
}

/* ---- making ---- */

static int make_vectors(struct vectors *v, limit_space *space, size_t rows, dmft_error *err)
{
    int status = limit_field_init(&v->x, space, err);
    if (status == DMFT_OK) status = limit_field_init(&v->y, space, err);
    return status == DMFT_OK ? limit_rows_init(&v->q, space, rows, err) : status;
}

static int make_runs(outlier_prober *p, dmft_error *err)
{
    const struct probe_network *both[] = {&p->trained, &p->bare};
    int status = DMFT_OK;
    for (size_t i = 0; i < 2 && status == DMFT_OK; i++) {
        status = make_vectors(&p->input[i], both[i]->input, p->ntk ? p->rows : 0, err);
        if (status == DMFT_OK && p->sharpness) status = make_vectors(&p->seen[i], both[i]->seen, p->rows, err);
    }
    return status == DMFT_OK ? p->bare.reserve(p->bare.state, p->rows + 1, err) : status;
}

int outlier_prober_create(outlier_prober **out, struct probe_network trained, struct probe_network bare, const struct probe_laws *laws, size_t rows,
                          int ntk, int sharpness, dmft_error *err)
{
    outlier_prober *p = calloc(1, sizeof *p);
    if (p == NULL) return error_memory(err, sizeof *p);
    *p = (outlier_prober){.trained = trained, .bare = bare, .laws = *laws, .rows = rows, .ntk = ntk, .sharpness = sharpness};
    *out = p;
    p->a = memory_doubles(rows);
    p->b = memory_doubles(rows);
    p->work = memory_doubles(rows);
    p->ritz = memory_doubles(rows);
    p->off = memory_doubles(rows);
    p->eigenvalue = memory_doubles(laws->modes + 1);
    if (p->a == NULL || p->b == NULL || p->work == NULL || p->ritz == NULL || p->off == NULL || p->eigenvalue == NULL)
        return error_memory(err, 8.0 * (5.0 * (double)rows + (double)laws->modes));
    if (laws->modes > 0) memcpy(p->eigenvalue, laws->eigenvalue, laws->modes * sizeof *p->eigenvalue);
    return make_runs(p, err);
}

void outlier_prober_free(outlier_prober *p)
{
    if (p == NULL) return;
    free(p->a);
    free(p->b);
    free(p->work);
    free(p->ritz);
    free(p->off);
    free(p->eigenvalue);
    free(p); /* the rows' data belong to the spaces */
}
