/* The outlier ODE along a gradient flow, (O6) in the form (O7): d lambda^2/dtau = lambda^2 G(tau), smooth through the edge. G is known at the nodes and
 * interpolated by a cubic spline; the ODE is integrated from node to node (GSL odeiv2), beginning at the first node of every unbroken run of them.
 *
 * Time and memory are linear in the number of nodes; an evaluation integrates over a part of one interval. */
#include <gsl/gsl_errno.h>
#include <gsl/gsl_odeiv2.h>
#include <gsl/gsl_roots.h>
#include <gsl/gsl_spline.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dmft.h"
#include "outlier/scalars.h"

static const double ode_tolerance = 1e-12; /* relative, of lambda^2 */
enum { ROOT_ITERATIONS = 200 };

/* Nodes begin .. end-1, all with an eigenvalue. */
struct run {
    size_t begin, end;
    gsl_spline *spline; /* of G; NULL for less than 3 nodes, where it is linear */
};

struct dmft_outlier_path {
    size_t nodes, runs;
    double *time, *root, *growth; /* the nodes: lambda^2 of the algebra and G */
    double *ode;                  /* lambda^2 of the ODE at the nodes; nan where there is none */
    struct run *run;
    double variance, psi, edge_root;
};

/* ---- G ---- */

static double slope_at(const dmft_outlier_path *p, size_t i, size_t j) { return (p->growth[j] - p->growth[i]) / (p->time[j] - p->time[i]); }

/* Inside the run; in the interval before its first node, where the outlier came from, along the tangent there. */
static double growth_at(const dmft_outlier_path *p, const struct run *r, double time)
{
    size_t last = r->end - 1;
    if (last == r->begin) return p->growth[last];
    if (r->spline == NULL) return p->growth[r->begin] + slope_at(p, r->begin, last) * (time - p->time[r->begin]);
    if (time < p->time[r->begin]) return p->growth[r->begin] + slope_at(p, r->begin, r->begin + 1) * (time - p->time[r->begin]);
    return gsl_spline_eval(r->spline, fmin(time, p->time[last]), NULL);
}

struct driven {
    const dmft_outlier_path *path;
    const struct run *run;
};

static int derivative(double time, const double y[], double dydt[], void *context)
{
    const struct driven *d = context;
    dydt[0] = growth_at(d->path, d->run, time) * y[0];
    return GSL_SUCCESS;
}

/* lambda^2 at `to`, from its value at `from`; nan when the integration fails. */
static double integrate(const dmft_outlier_path *p, const struct run *r, double from, double root, double to)
{
    struct driven driven = {.path = p, .run = r};
    gsl_odeiv2_system system = {.function = derivative, .dimension = 1, .params = &driven};
    if (from == to) return root;
    gsl_odeiv2_driver *driver = gsl_odeiv2_driver_alloc_y_new(&system, gsl_odeiv2_step_rk8pd, to - from, 0.0, ode_tolerance);
    if (driver == NULL) return NAN;
    double y[1] = {root};
    int failed = gsl_odeiv2_driver_apply(driver, &from, to, y) != GSL_SUCCESS;
    gsl_odeiv2_driver_free(driver);
    return failed ? NAN : y[0];
}

/* ---- making ---- */

void dmft_outlier_path_free(dmft_outlier_path *p)
{
    if (p == NULL) return;
    for (size_t i = 0; p->run != NULL && i < p->runs; i++) gsl_spline_free(p->run[i].spline);
    free(p->time);
    free(p->root);
    free(p->growth);
    free(p->ode);
    free(p->run);
    free(p);
}

static int check(size_t nodes, const double *time, const double *root, const double *growth, dmft_error *err)
{
    for (size_t i = 0; i < nodes; i++) {
        if (!isfinite(time[i]) || (i > 0 && !(time[i] > time[i - 1])))
            return error_set(err, DMFT_ERROR_ARGUMENT, "time[%zu] must be finite and rising, got %g", i, time[i]);
        if (isnan(root[i])) continue;
        if (!(root[i] > 0.0) || !isfinite(root[i]) || !isfinite(growth[i]))
            return error_set(err, DMFT_ERROR_ARGUMENT, "node %zu: lambda^2 must be positive and its growth finite, got %g, %g", i, root[i], growth[i]);
    }
    return DMFT_OK;
}

/* The run that begins at node i. */
static int add_run(dmft_outlier_path *p, size_t i, dmft_error *err)
{
    struct run *r = &p->run[p->runs++];
    r->begin = r->end = i;
    while (r->end < p->nodes && !isnan(p->root[r->end])) r->end++;
    size_t length = r->end - i;
    if (length >= 3) {
        r->spline = gsl_spline_alloc(gsl_interp_cspline, length);
        if (r->spline == NULL) return error_memory(err, 64.0 * (double)length);
        (void)gsl_spline_init(r->spline, p->time + i, p->growth + i, length);
    }
    p->ode[i] = p->root[i];
    for (size_t k = i + 1; k < r->end; k++) {
        p->ode[k] = integrate(p, r, p->time[k - 1], p->ode[k - 1], p->time[k]);
        if (isnan(p->ode[k])) return error_set(err, DMFT_ERROR_NUMERIC, "the outlier ODE cannot be integrated beyond time %g", p->time[k - 1]);
    }
    return DMFT_OK;
}

static int fill(dmft_outlier_path *p, size_t nodes, const double *time, const double *root, const double *growth, dmft_error *err)
{
    p->nodes = nodes;
    p->time = memory_doubles(nodes);
    p->root = memory_doubles(nodes);
    p->growth = memory_doubles(nodes);
    p->ode = memory_doubles(nodes);
    p->run = calloc(nodes / 2 + 1, sizeof *p->run);
    if (!p->time || !p->root || !p->growth || !p->ode || !p->run) return error_memory(err, 32.0 * (double)nodes);
    if (nodes > 0) {
        memcpy(p->time, time, nodes * sizeof *time);
        memcpy(p->root, root, nodes * sizeof *root);
        memcpy(p->growth, growth, nodes * sizeof *growth);
    }
    int status = DMFT_OK;
    for (size_t i = 0; i < nodes && status == DMFT_OK; i++) {
        if (isnan(root[i])) p->ode[i] = NAN;
        else if (i == 0 || isnan(root[i - 1])) status = add_run(p, i, err);
    }
    return status;
}

int dmft_outlier_path_create(dmft_outlier_path **out, size_t nodes, const double *time, const double *root, const double *growth, double sigma2,
                             double psi, dmft_error *err)
{
    double edges[2];
    int status = dmft_bulk_edges(sigma2, psi, edges, err);
    if (status == DMFT_OK) status = check(nodes, time, root, growth, err);
    if (status != DMFT_OK) return status;
    dmft_outlier_path *p = calloc(1, sizeof *p);
    if (p == NULL) return error_memory(err, sizeof *p);
    p->variance = sigma2;
    p->psi = psi;
    p->edge_root = outlier_edge_root(sigma2, psi);
    status = fill(p, nodes, time, root, growth, err);
    if (status == DMFT_OK)
        *out = p;
    else
        dmft_outlier_path_free(p);
    return status;
}

/* ---- asking ---- */

static double z_of(const dmft_outlier_path *p, double root)
{
    return root > p->edge_root ? outlier_scalars_at(p->variance, p->psi, root).z : NAN;
}

double dmft_outlier_path_z(const dmft_outlier_path *p, double time)
{
    for (size_t i = 0; i < p->runs; i++) {
        const struct run *r = &p->run[i];
        if (!(time >= p->time[r->begin] && time <= p->time[r->end - 1])) continue;
        size_t low = r->begin, high = r->end - 1;
        while (high - low > 1) {
            size_t middle = low + (high - low) / 2;
            if (p->time[middle] <= time) low = middle;
            else high = middle;
        }
        return z_of(p, integrate(p, r, p->time[low], p->ode[low], time));
    }
    return NAN;
}

double dmft_outlier_path_difference(const dmft_outlier_path *p)
{
    double largest = NAN;
    for (size_t i = 0; i < p->nodes; i++) {
        if (isnan(p->root[i]) || i == 0 || isnan(p->root[i - 1])) continue; /* where it begins the ODE has nothing of its own */
        double difference = fabs(z_of(p, p->ode[i]) - z_of(p, p->root[i])); /* nan at a node where one of them is in the bulk */
        if (!isnan(difference)) largest = isnan(largest) ? difference : fmax(largest, difference);
    }
    return largest;
}

struct crossing {
    const dmft_outlier_path *path;
    const struct run *run;
    size_t from; /* the node that is integrated from */
};

static double above_edge(double time, void *context)
{
    const struct crossing *c = context;
    const dmft_outlier_path *p = c->path;
    return integrate(p, c->run, p->time[c->from], p->ode[c->from], time) / p->edge_root - 1.0;
}

/* Where the ODE crosses the edge in (low, high); nan when it does not. */
static double crossing_time(struct crossing *c, double low, double high)
{
    gsl_function f = {.function = above_edge, .params = c};
    if (!(above_edge(low, c) < 0.0) || !(above_edge(high, c) > 0.0)) return NAN;
    gsl_root_fsolver *solver = gsl_root_fsolver_alloc(gsl_root_fsolver_brent);
    if (solver == NULL || gsl_root_fsolver_set(solver, &f, low, high) != GSL_SUCCESS) {
        gsl_root_fsolver_free(solver);
        return NAN;
    }
    for (int i = 0; i < ROOT_ITERATIONS; i++) {
        if (gsl_root_fsolver_iterate(solver) != GSL_SUCCESS) break;
        if (gsl_root_test_interval(gsl_root_fsolver_x_lower(solver), gsl_root_fsolver_x_upper(solver), 0.0, 1e-12) == GSL_SUCCESS) break;
    }
    double time = gsl_root_fsolver_root(solver);
    gsl_root_fsolver_free(solver);
    return time;
}

double dmft_outlier_path_escape(const dmft_outlier_path *p)
{
    for (size_t i = 0; i < p->runs && p->edge_root > 0.0; i++) {
        const struct run *r = &p->run[i];
        for (size_t k = r->begin; k < r->end; k++) {
            if (!(p->ode[k] > p->edge_root)) continue;
            if (k == 0) return p->time[0];
            struct crossing c = {.path = p, .run = r, .from = k > r->begin ? k - 1 : k};
            return crossing_time(&c, p->time[k - 1], p->time[k]);
        }
    }
    return NAN;
}
