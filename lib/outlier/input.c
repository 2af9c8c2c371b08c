/* Domain of kernels that a caller hands in; k^2 comparisons a kernel. */
#include "outlier/input.h"

#include <limits.h>
#include <math.h>

#include "base/error.h"

static const double symmetric = 1e-6; /* allowed difference of C(t,s) and C(s,t), of their scale: float32 files are off by 1e-7 */

static int check_finite(const char *name, const double *x, size_t rows, size_t stride, int square, dmft_error *err)
{
    if (x == NULL) return error_set(err, DMFT_ERROR_ARGUMENT, "%s is missing (a NULL pointer)", name);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j <= (square ? i : 0); j++)
            if (!isfinite(x[i * stride + j])) {
                if (!square) return error_set(err, DMFT_ERROR_ARGUMENT, "%s[%zu] is not finite: %g", name, i, x[i]);
                return error_set(err, DMFT_ERROR_ARGUMENT, "%s[%zu][%zu] is not finite: %g", name, i, j, x[i * stride + j]);
            }
    return DMFT_OK;
}

static int check_correlation(const char *name, const double *C, size_t k, size_t stride, int whole, dmft_error *err)
{
    int status = check_finite(name, C, k, stride, 1, err);
    for (size_t i = 0; i < k && status == DMFT_OK; i++) {
        double at = C[i * stride + i];
        if (at < 0.0) return error_set(err, DMFT_ERROR_ARGUMENT, "%s[%zu][%zu] must not be negative, got %g", name, i, i, at);
        for (size_t j = 0; whole && j < i; j++) {
            double below = C[i * stride + j], above = C[j * stride + i];
            if (!(fabs(below - above) <= symmetric * (fabs(below) + fabs(above) + sqrt(at * C[j * stride + j]))))
                return error_set(err, DMFT_ERROR_ARGUMENT, "%s is not symmetric: [%zu][%zu] is %.9g, [%zu][%zu] is %.9g", name, i, j, below, j, i, above);
        }
    }
    return status;
}

static int check_response(const char *name, const double *R, size_t k, size_t stride, int whole, dmft_error *err)
{
    int status = check_finite(name, R, k, stride, 1, err);
    for (size_t i = 0; i < k && whole && status == DMFT_OK; i++)
        for (size_t j = i + 1; j < k; j++)
            if (R[i * stride + j] != 0.0)
                return error_set(err, DMFT_ERROR_ARGUMENT, "%s is not causal: [%zu][%zu] must be 0 (the later event is the row), got %g", name, i, j,
                                 R[i * stride + j]);
    return status;
}

static int check_variance(const dmft_kernels *p, dmft_error *err)
{
    int status = check_finite("variance", p->variance, p->count, 1, 0, err);
    for (size_t i = 0; i < p->count && status == DMFT_OK; i++)
        if (p->sigma2 == 0.0 && p->variance[i] != 0.0)
            return error_set(err, DMFT_ERROR_ARGUMENT, "variance[%zu] must be 0 where sigma2 is 0, got %g", i, p->variance[i]);
    return status;
}

int outlier_input(struct outlier_kernels *out, const dmft_kernels *p, dmft_error *err)
{
    double edges[2];
    size_t k = p->count, stride = p->stride;
    int status = dmft_bulk_edges(p->sigma2, p->psi, edges, err);
    if (status != DMFT_OK) return status;
    if (k > 0 && stride < k) return error_set(err, DMFT_ERROR_ARGUMENT, "stride must be at least the number of events %zu, got %zu", k, stride);
    if (k > INT_MAX / 4 || stride > INT_MAX) return error_set(err, DMFT_ERROR_ARGUMENT, "count and stride must be below 2^29, got %zu, %zu", k, stride);
    if (k > 0) {
        status = check_finite("weight", p->weight, k, 1, 0, err);
        if (status == DMFT_OK && p->target != NULL) status = check_finite("target", p->target, k, 1, 0, err);
        if (status == DMFT_OK && p->variance != NULL) status = check_variance(p, err);
        if (status == DMFT_OK) status = check_correlation("C_phi", p->C_phi, k, stride, p->whole, err);
        if (status == DMFT_OK) status = check_response("R_phi", p->R_phi, k, stride, p->whole, err);
        if (status == DMFT_OK) status = check_correlation("C_g", p->C_g, k, stride, p->whole, err);
        if (status == DMFT_OK) status = check_response("R_g", p->R_g, k, stride, p->whole, err);
    }
    *out = (struct outlier_kernels){.k = k, .stride = stride, .C_phi = p->C_phi, .R_phi = p->R_phi, .C_g = p->C_g, .R_g = p->R_g, .d = p->weight,
                                    .variance = p->variance};
    out->sigma = sqrt(p->sigma2);
    out->psi = p->psi;
    return status;
}
