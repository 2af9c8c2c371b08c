/* The outliers of a matrix from anyone's kernels: (O1)-(O5'), (O6), (O7) of doc/theory.md.
 *
 * Some tens of products with X Y, 4 k^2 multiply-adds each (outlier/kernels.c, outlier/krylov.c); memory 50 to 100 vectors of 2 k numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dmft.h"
#include "outlier/drift.h"
#include "outlier/input.h"
#include "outlier/pair.h"
#include "outlier/scalars.h"

/* Overlaps have the error of the eigenvector, z its square. */
static const double tolerance = 1e-9;
enum { ROUNDS = 16 }; /* before nothing more is expected: noise has then grown by (largest/edge)^16 against the rest */

struct dmft_outliers {
    size_t events, count;
    double edge;
    double *z, *root, *target;          /* one an outlier */
    double *left, *right, *growth, *dz; /* k an outlier; dz one an outlier */
};

void dmft_outliers_free(dmft_outliers *o)
{
    if (o == NULL) return;
    double *const all[] = {o->z, o->root, o->target, o->left, o->right, o->growth, o->dz};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(o);
}

static int allocate(dmft_outliers *o, size_t count, size_t k, dmft_error *err)
{
    o->count = count;
    o->events = k;
    o->z = memory_doubles(count);
    o->root = memory_doubles(count);
    o->target = memory_doubles(count);
    o->dz = memory_doubles(count);
    o->left = memory_doubles(count * k);
    o->right = memory_doubles(count * k);
    o->growth = memory_doubles(count * k);
    int whole = o->z && o->root && o->target && o->dz && o->left && o->right && o->growth;
    return whole ? DMFT_OK : error_memory(err, 24.0 * (double)count * (double)k);
}

static void describe(dmft_outliers *o, size_t j, const struct outlier_kernels *p, const struct outlier_pair *x, const double *m)
{
    o->z[j] = x->z;
    o->root[j] = x->root;
    o->dz[j] = x->dz;
    o->target[j] = m != NULL ? outlier_pair_target(x, p, m) : NAN;
    for (size_t c = 0; c < p->k; c++) {
        o->left[j * p->k + c] = x->left * x->p[c];
        o->right[j * p->k + c] = x->right * x->s[c];
        o->growth[j * p->k + c] = outlier_pair_growth(x, p, c);
    }
}

int dmft_outliers_create(dmft_outliers **out, const dmft_kernels *kernels, size_t most, dmft_error *err)
{
    struct outlier_kernels p;
    outlier_krylov *w = NULL;
    int status = outlier_input(&p, kernels, err);
    if (status != DMFT_OK) return status;
    dmft_outliers *o = calloc(1, sizeof *o);
    if (o == NULL) return error_memory(err, sizeof *o);
    if (most > p.k) most = p.k; /* the learned part has no more singular values */
    status = outlier_krylov_create(&w, 2 * p.k, most, err);
    if (status == DMFT_OK) {
        struct outlier_search search = {.count = most, .tolerance = tolerance, .rounds = ROUNDS};
        search.floor = outlier_edge_root(p.sigma * p.sigma, p.psi);
        status = outlier_krylov_solve(w, outlier_kernels_products(&p), search, NULL, 0, 0, err);
    }
    if (status == DMFT_OK) status = allocate(o, outlier_krylov_found(w), p.k, err);
    o->edge = sqrt(kernels->sigma2) * (1.0 + sqrt(p.psi));
    for (size_t j = 0; status == DMFT_OK && j < o->count; j++) {
        struct outlier_pair x = outlier_pair_of(w, &p, j);
        describe(o, j, &p, &x, kernels->target);
    }
    outlier_krylov_free(w);
    if (status == DMFT_OK)
        *out = o;
    else
        dmft_outliers_free(o);
    return status;
}

size_t dmft_outliers_count(const dmft_outliers *o) { return o->count; }
double dmft_outliers_edge(const dmft_outliers *o) { return o->edge; }
double dmft_outliers_z(const dmft_outliers *o, size_t j) { return j < o->count ? o->z[j] : NAN; }
double dmft_outliers_root(const dmft_outliers *o, size_t j) { return j < o->count ? o->root[j] : NAN; }
const double *dmft_outliers_left(const dmft_outliers *o, size_t j) { return j < o->count ? o->left + j * o->events : NULL; }
const double *dmft_outliers_right(const dmft_outliers *o, size_t j) { return j < o->count ? o->right + j * o->events : NULL; }
double dmft_outliers_target_overlap(const dmft_outliers *o, size_t j) { return j < o->count ? o->target[j] : NAN; }

double dmft_outliers_growth(const dmft_outliers *o, size_t j, size_t c)
{
    return j < o->count && c < o->events ? o->growth[j * o->events + c] : NAN;
}

double dmft_outliers_drift(const dmft_outliers *o, size_t j, size_t c)
{
    return j < o->count && c < o->events ? o->growth[j * o->events + c] * o->root[j] * o->dz[j] : NAN;
}

/* ---- inside a step ---- */

/* z at lambda^2 = root + change less z at root; nan below the edge. */
static double change_of_z(const struct outlier_kernels *p, double root, double change)
{
    double v = p->sigma * p->sigma, after = root + change;
    if (!isgreater(after, outlier_edge_root(v, p->psi))) return NAN;
    return outlier_scalars_at(v, p->psi, after).z - outlier_scalars_at(v, p->psi, root).z;
}

static int integrate(outlier_krylov *w, const struct outlier_kernels *p, double *weight, size_t event, double from, size_t most, double *change,
                     dmft_error *err)
{
    struct outlier_search search = {.count = most, .tolerance = tolerance, .rounds = ROUNDS, .floor = outlier_edge_root(p->sigma * p->sigma, p->psi)};
    double to = weight[event];
    double *root = memory_doubles(most);
    if (root == NULL) return error_memory(err, 8.0 * (double)most);
    weight[event] = from;
    int status = outlier_krylov_solve(w, outlier_kernels_products(p), search, NULL, 0, 0, err);
    for (size_t j = 0; j < most && status == DMFT_OK; j++) root[j] = j < outlier_krylov_found(w) ? outlier_krylov_root(w, j) : NAN;
    if (status == DMFT_OK) status = outlier_drift_inside(w, p, weight, event, from, to, search, NULL, 0, 0, change, err);
    for (size_t j = 0; j < most && status == DMFT_OK; j++) change[j] = change_of_z(p, root[j], change[j]);
    free(root);
    return status;
}

int dmft_outliers_change(const dmft_kernels *kernels, size_t event, double from, size_t most, double *change, dmft_error *err)
{
    struct outlier_kernels p;
    outlier_krylov *w = NULL;
    int status = outlier_input(&p, kernels, err);
    if (status != DMFT_OK) return status;
    if (event >= p.k) return error_set(err, DMFT_ERROR_ARGUMENT, "event must be below the number of events %zu, got %zu", p.k, event);
    if (!isfinite(from)) return error_set(err, DMFT_ERROR_ARGUMENT, "the weight to begin with must be finite, got %g", from);
    size_t asked = most;
    if (most > p.k) most = p.k;
    double *weight = memory_doubles(p.k), *moved = memory_doubles(most);
    if (weight == NULL || moved == NULL) status = error_memory(err, 8.0 * (double)p.k);
    if (status == DMFT_OK) status = outlier_krylov_create(&w, 2 * p.k, most, err);
    if (status == DMFT_OK) {
        memcpy(weight, p.d, p.k * sizeof *weight);
        p.d = weight;
        status = integrate(w, &p, weight, event, from, most, moved, err);
    }
    for (size_t j = 0; j < asked && status == DMFT_OK; j++) change[j] = j < most ? moved[j] : NAN;
    outlier_krylov_free(w);
    free(weight);
    free(moved);
    return status;
}
