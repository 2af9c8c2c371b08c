/* The Tracy-Widom law of the largest singular value of a real matrix of independent entries (beta = 1), (TW4)-(TW5) of doc/theory.md:
 *
 *     F_1(s) = det(1 - V_s),   V_s(x, y) = Ai((x + y)/2)/2 on L^2(s, infinity)
 *
 * The determinant is that of a Gauss-Legendre rule, which converges exponentially since the kernel is entire; the eigenvalues of the symmetric matrix
 * are summed as log(1 - v), so that the upper tail 1 - F_1 keeps its relative accuracy down to underflow. Cost: NODES^3, a fraction of a millisecond.
 */
#include <float.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_sf_airy.h>
#include <lapacke.h>
#include <math.h>

#include "base/error.h"
#include "dmft.h"

enum { NODES = 64, WORK = 34 * NODES }; /* 48 nodes give 14 digits for s >= -10; dsyev likes (blocks of 32 + 2) NODES */
static const double LOWEST = -40;  /* F_1 < exp(-|s|^3/24) = 1e-1158 below: 1 - F_1 is 1 */
static const double HIGHEST = 100; /* Ai underflows at 103; 1 - F_1 < 1e-290 here */
static const double LENGTH = 16;   /* Ai(16) = 4e-20; beyond s > 0 the kernel falls by more than that over this length */

/* The kernel between nodes, without the weights. */
static double kernel(double x)
{
    gsl_sf_result ai;
    if (x > HIGHEST) return 0;
    return gsl_sf_airy_Ai_e(x, GSL_PREC_DOUBLE, &ai) == 0 ? 0.5 * ai.val : NAN;
}

int dmft_tracy_widom(double s, double *tail, dmft_error *err)
{
    double node[NODES], weight[NODES], V[NODES * NODES], value[NODES], work[WORK];
    if (isnan(s)) return error_set(err, DMFT_ERROR_ARGUMENT, "s must be a number, got nan");
    if (s <= LOWEST || s >= HIGHEST) {
        *tail = s < 0 ? 1 : 0;
        return DMFT_OK;
    }
    gsl_integration_glfixed_table *rule = gsl_integration_glfixed_table_alloc(NODES);
    if (rule == NULL) return error_memory(err, NODES * 2 * sizeof(double));
    for (size_t i = 0; i < NODES; i++) (void)gsl_integration_glfixed_point(s, fmax(s, 0) + LENGTH, i, &node[i], &weight[i], rule);
    gsl_integration_glfixed_table_free(rule);
    for (size_t i = 0; i < NODES; i++)
        for (size_t j = 0; j <= i; j++) V[j * NODES + i] = kernel(0.5 * (node[i] + node[j])) * sqrt(weight[i] * weight[j]);
    int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'N', 'L', NODES, V, NODES, value, work, WORK);
    if (info != 0) return error_set(err, DMFT_ERROR_NUMERIC, "Tracy-Widom law: no eigenvalues of the kernel at s = %g (dsyev: %d)", s, info);
    double log_F = 0;
    for (size_t i = 0; i < NODES; i++) log_F += value[i] < 1 ? log1p(-value[i]) : -INFINITY;
    *tail = -expm1(log_F);
    return DMFT_OK;
}

int dmft_tracy_widom_quantile(double tail, double *s, dmft_error *err)
{
    double low = LOWEST, high = HIGHEST, there = 0;
    if (!(tail >= 1e-280 && tail < 1)) return error_set(err, DMFT_ERROR_ARGUMENT, "a level must be in [1e-280, 1), got %g", tail);
    while (high - low > 1e-13 * (1 + fabs(low))) {
        double middle = 0.5 * (low + high);
        if (middle <= low || middle >= high) break;
        int status = dmft_tracy_widom(middle, &there, err);
        if (status != DMFT_OK) return status;
        if (there > tail)
            low = middle;
        else
            high = middle;
    }
    *s = 0.5 * (low + high);
    return DMFT_OK;
}
