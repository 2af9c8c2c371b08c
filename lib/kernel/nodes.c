/* The weights (M2) of doc/theory.md. */
#include "kernel/nodes.h"

#include "base/error.h"
#include "base/grid.h"

/* Some weights are not positive when intervals grow by a factor of 1.4 or more. */
int kernel_nodes(const struct dmft_problem *p, double *time, double *weight, double *newest, dmft_error *err)
{
    size_t n = (size_t)p->rows;
    for (size_t t = 0; t < n; t++) {
        time[t] = (double)t;
        weight[t] = newest[t] = 1.0;
    }
    if (!p->flow) return DMFT_OK;
    int status = grid_times(p, time, err);
    if (status != DMFT_OK) return status;
    double before = 0.0;
    for (size_t s = 0; s + 1 < n; s++) {
        double h = time[s + 1] - time[s], next = s + 2 < n ? time[s + 2] - time[s + 1] : 0.0;
        newest[s + 1] = before > 0.0 ? h * (1.0 + h / (2.0 * before)) : h;
        weight[s] = newest[s + 1] - next * next / (2.0 * h);
        if (!(weight[s] > 0.0))
            return error_set(err, DMFT_ERROR_ARGUMENT,
                             "grid: an interval of %.6g is followed by one of %.6g; method rows needs slower growth: more steps or a larger "
                             "grid.first",
                             h, next);
        before = h;
    }
    weight[n - 1] = 1.0; /* never in use */
    return DMFT_OK;
}
