/* Time grids. A geometric one has intervals first, first r, first r^2, .. with the factor r >= 1 at which n of them make up the time; log1p and
 * expm1 keep r near 1 exact. Cost: n, and some fifty evaluations for r. */
#include "base/grid.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_roots.h>
#include <math.h>

#include "base/error.h"

struct sum {
    double n, total; /* intervals; their sum over the first one */
};

/* log of (r^n - 1)/(r - 1) less log of the total, with x = log r. */
static double excess(double x, void *context)
{
    const struct sum *s = context;
    return (x > 0.0 ? log(expm1(s->n * x) / expm1(x)) : log(s->n)) - log(s->total);
}

/* log r, or nan when the bracketing fails. */
static double log_factor(struct sum s)
{
    double low = 0.0, high = log(s.total) / fmax(s.n - 1.0, 1.0) + 1e-9, x = NAN; /* r^(n-1) < total */
    if (!(s.total > s.n * (1.0 + 1e-12))) return 0.0;
    gsl_root_fsolver *solver = gsl_root_fsolver_alloc(gsl_root_fsolver_brent);
    gsl_function f = {.function = excess, .params = &s};
    if (solver == NULL) return NAN;
    int status = gsl_root_fsolver_set(solver, &f, low, high);
    for (int i = 0; i < 200 && status == GSL_SUCCESS; i++) {
        status = gsl_root_fsolver_iterate(solver);
        x = gsl_root_fsolver_root(solver);
        if (gsl_root_test_interval(gsl_root_fsolver_x_lower(solver), gsl_root_fsolver_x_upper(solver), 1e-16, 1e-14) == GSL_SUCCESS) break;
    }
    gsl_root_fsolver_free(solver);
    return x;
}

int grid_times(const struct dmft_problem *p, double *time, dmft_error *err)
{
    if (p->grid == GRID_ADAPTIVE) return error_set(err, DMFT_ERROR_ARGUMENT, "grid.kind: an adaptive grid chooses its nodes as it goes");
    double n = (double)p->steps, x = 0.0;
    if (p->grid == GRID_GEOMETRIC) x = log_factor((struct sum){.n = n, .total = p->time / p->grid_first});
    if (isnan(x)) return error_set(err, DMFT_ERROR_NUMERIC, "no geometric grid of %ld intervals from %.12g makes up %.12g", p->steps, p->grid_first, p->time);
    for (long i = 0; i <= p->steps; i++) {
        double part = (double)i / n;
        time[i] = p->time * (x > 0.0 ? expm1((double)i * x) / expm1(n * x) : part);
    }
    time[p->steps] = p->time;
    return DMFT_OK;
}
