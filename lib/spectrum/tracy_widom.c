/* The Tracy-Widom law of the largest singular value of a real matrix of independent entries (beta = 1), (TW4)-(TW5) of doc/theory.md:
 *
 *     F_1(s) = det(1 - V_s),   V_s(x, y) = Ai((x + y)/2)/2 on L^2(s, infinity)
 *
 * The determinant is that of a Gauss-Legendre rule, which converges exponentially since the kernel is entire: by Cholesky's factors or, where the upper tail
 * 1 - F_1 is small, as a sum of log(1 - v) over eigenvalues, which keeps its relative accuracy down to underflow. Cost: NODES^2/2 Airy functions, a tenth of
 * a millisecond.
 */
#include <float.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_roots.h>
#include <gsl/gsl_sf_airy.h>
#include <lapacke.h>
#include <math.h>

#include "base/error.h"
#include "dmft.h"

enum { NODES = 48, WORK = 34 * NODES }; /* 14 digits for s >= -10; dsyev likes (blocks of 32 + 2) NODES */
static const double LOWEST = -40;  /* F_1 < exp(-|s|^3/24) = 1e-1158 below: 1 - F_1 is 1 */
static const double HIGHEST = 100; /* Ai underflows at 103; 1 - F_1 < 1e-290 here */
static const double LENGTH = 16;   /* Ai(16) = 4e-20; beyond s > 0 the kernel falls by more than that over this length */
static const double SMALL = 1e-3;  /* a tail with three digits less than the factors have: eigenvalues from here on */

/* The kernel between nodes, without the weights. */
static double kernel(double x)
{
    gsl_sf_result ai;
    if (x > HIGHEST) return 0;
    return gsl_sf_airy_Ai_e(x, GSL_PREC_DOUBLE, &ai) == 0 ? 0.5 * ai.val : NAN;
}

/* log det(1 - V) from Cholesky's factors; minus infinity when 1 - V is singular to rounding errors. V is left as it is, below its diagonal. */
static double by_factors(const double *V)
{
    double A[NODES * NODES], sum = 0;
    for (size_t j = 0; j < NODES; j++)
        for (size_t i = j; i < NODES; i++) A[j * NODES + i] = (i == j) - V[j * NODES + i];
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', NODES, A, NODES) != 0) return -INFINITY;
    for (size_t i = 0; i < NODES; i++) sum += 2 * log(A[i * NODES + i]);
    return sum;
}

/* The same from eigenvalues; returns what dsyev says. */
static int by_eigenvalues(double *V, double *log_F)
{
    double value[NODES], work[WORK];
    int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'N', 'L', NODES, V, NODES, value, work, WORK);
    *log_F = 0;
    for (size_t i = 0; info == 0 && i < NODES; i++) *log_F += value[i] < 1 ? log1p(-value[i]) : -INFINITY;
    return info;
}

int dmft_tracy_widom(double s, double *tail, dmft_error *err)
{
    double node[NODES], weight[NODES], V[NODES * NODES], log_F;
    if (isnan(s)) return error_set(err, DMFT_ERROR_ARGUMENT, "s must be a number, got nan");
    if (s <= LOWEST || s >= HIGHEST) {
        *tail = s < 0 ? 1 : 0;
        return DMFT_OK;
    }
    gsl_integration_glfixed_table *rule = gsl_integration_glfixed_table_alloc(NODES);
    if (rule == NULL) return error_memory(err, NODES * 2 * sizeof(double));
    for (size_t i = 0; i < NODES; i++) (void)gsl_integration_glfixed_point(s, fmax(s, 0) + LENGTH, i, &node[i], &weight[i], rule);
    gsl_integration_glfixed_table_free(rule);
    for (size_t j = 0; j < NODES; j++)
        for (size_t i = j; i < NODES; i++) V[j * NODES + i] = kernel(0.5 * (node[i] + node[j])) * sqrt(weight[i] * weight[j]);
    log_F = by_factors(V);
    int info = -expm1(log_F) < SMALL ? by_eigenvalues(V, &log_F) : 0;
    if (info != 0) return error_set(err, DMFT_ERROR_NUMERIC, "Tracy-Widom law: no eigenvalues of the kernel at s = %g (dsyev: %d)", s, info);
    *tail = -expm1(log_F);
    return DMFT_OK;
}

/* ---- quantiles ---- */

struct wanted {
    double tail;
    int status;
    dmft_error *err;
};

/* Of the logarithm, which is smooth; the ends are far enough beyond every level. */
static double excess(double s, void *context)
{
    struct wanted *w = context;
    double tail = 0;
    if (w->status == DMFT_OK) w->status = dmft_tracy_widom(s, &tail, w->err);
    return log(fmax(tail, DBL_MIN) / w->tail);
}

int dmft_tracy_widom_quantile(double tail, double *s, dmft_error *err)
{
    struct wanted w = {.tail = tail, .err = err};
    gsl_function function = {.function = excess, .params = &w};
    if (!isgreaterequal(tail, 1e-280) || tail > 1 - 1e-9) return error_set(err, DMFT_ERROR_ARGUMENT, "a level must be in [1e-280, 1 - 1e-9], got %.10g", tail);
    /* 1 - F_1 < exp(-(2/3) s^{3/2}) for s > 0. */
    double low = -10, high = 1 + pow(-1.5 * log(fmin(tail, 0.5)), 2.0 / 3);
    gsl_root_fsolver *solver = gsl_root_fsolver_alloc(gsl_root_fsolver_brent);
    if (solver == NULL) return error_memory(err, sizeof w);
    int info = gsl_root_fsolver_set(solver, &function, low, high);
    enum { ROUNDS = 200 }; /* some ten are taken; bisection alone would take 50 */
    for (int i = 0; info == 0 && w.status == DMFT_OK && i < ROUNDS; i++) {
        info = gsl_root_fsolver_iterate(solver);
        low = gsl_root_fsolver_x_lower(solver);
        high = gsl_root_fsolver_x_upper(solver);
        if (high - low <= 1e-13 * (1 + fabs(low))) break;
    }
    double root = gsl_root_fsolver_root(solver);
    gsl_root_fsolver_free(solver);
    if (w.status != DMFT_OK) return w.status;
    if (info != 0) return error_set(err, DMFT_ERROR_NUMERIC, "Tracy-Widom law: no quantile of %g: %s", tail, gsl_strerror(info));
    *s = root;
    return DMFT_OK;
}
