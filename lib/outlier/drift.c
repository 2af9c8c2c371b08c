/* The outlier ODE inside a step of gradient descent (O8): four solves with the matrix on its way. */
#include "outlier/drift.h"

#include <gsl/gsl_integration.h>
#include <math.h>

#include "base/error.h"
#include "outlier/pair.h"

enum { POINTS = 4 };

int outlier_drift_inside(outlier_krylov *w, const struct outlier_kernels *p, double *weight, size_t event, double from, double to,
                         struct outlier_search search, const double *vectors, size_t starts, size_t stride, double *change, dmft_error *err)
{
    gsl_integration_glfixed_table *table = gsl_integration_glfixed_table_alloc(POINTS);
    if (table == NULL) return error_memory(err, sizeof *table);
    int status = DMFT_OK;
    for (size_t j = 0; j < search.count; j++) change[j] = 0.0;
    for (size_t i = 0; i < POINTS && status == DMFT_OK; i++) {
        double share = 0.0;
        (void)gsl_integration_glfixed_point(from, to, i, &weight[event], &share, table);
        status = outlier_krylov_solve(w, outlier_kernels_products(p), search, vectors, starts, stride, err);
        for (size_t j = 0; j < search.count && status == DMFT_OK; j++) {
            if (j >= outlier_krylov_found(w)) {
                change[j] = NAN;
                continue;
            }
            struct outlier_pair x = outlier_pair_of(w, p, j);
            change[j] += share * x.root * outlier_pair_growth(&x, p, event);
        }
    }
    weight[event] = to;
    gsl_integration_glfixed_table_free(table);
    return status;
}
