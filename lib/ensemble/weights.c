/* Weight matrices kept of member 0. The room holds rows and columns of each matrix, then all of them as they were at the first row, then as at the last.
 * They lie there, and not in the network, so that they are in a checkpoint when the network has gone on. Cost: one pass over the weights, twice a run. */
#include "ensemble/weights.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/trajectory.h"

size_t weights_doubles(size_t count, size_t entries) { return 2 * (count + entries); }

void weights_keep(double *kept, const struct weights_matrix *matrix, size_t count, long row, long rows)
{
    size_t entries = 0;
    for (size_t i = 0; i < count; i++) {
        kept[2 * i] = (double)matrix[i].rows;
        kept[2 * i + 1] = (double)matrix[i].columns;
        entries += matrix[i].rows * matrix[i].columns;
    }
    for (int last = 0; last < 2; last++) {
        double *to = kept + 2 * count + (last ? entries : 0);
        if (row != (last ? rows - 1 : 0)) continue;
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < matrix[i].rows * matrix[i].columns; j++) *to++ = matrix[i].scale * matrix[i].value[j];
    }
}

/* Moves `from` behind the matrix. */
static int add_matrix(dmft_trajectory *t, size_t l, size_t depth, const char *when, const double *kept, const double **from, dmft_error *err)
{
    char name[32];
    const size_t size[3] = {(size_t)kept[2 * l], (size_t)kept[2 * l + 1], 1};
    size_t entries = size[0] * size[1];
    double *data = memory_doubles(entries);
    if (data == NULL) return error_memory(err, 8.0 * (double)entries);
    for (size_t j = 0; j < entries; j++) data[j] = *(*from)++;
    if (l < depth)
        (void)snprintf(name, sizeof name, "A%zu_%s", l, when);
    else
        (void)snprintf(name, sizeof name, "readout_%s", when);
    int status = trajectory_add_array(t, name, size, data, err);
    if (status != DMFT_OK) free(data);
    return status;
}

static int add_all(dmft_trajectory *t, const dmft_problem *problem, const struct ensemble_results *results, dmft_error *err)
{
    const double *kept = results->kept;
    size_t depth = (size_t)problem->depth;
    int times = kept == NULL || t->rows == 0 ? 0 : t->diverged_at < 0 ? 2 : 1, status = DMFT_OK;
    const double *from = kept != NULL ? kept + 2 * (depth + 1) : NULL;
    for (int i = 0; i < times; i++)
        for (size_t l = 0; l <= depth && status == DMFT_OK; l++) status = add_matrix(t, l, depth, i == 0 ? "first" : "last", kept, &from, err);
    return status;
}

int weights_attach(dmft_trajectory **out, dmft_trajectory *t, int status, const dmft_problem *problem, const struct ensemble_results *results,
                   dmft_error *err)
{
    if (status < 0) return status;
    int added = add_all(t, problem, results, err);
    if (added == DMFT_OK) {
        *out = t;
        return status;
    }
    dmft_trajectory_free(t);
    return added;
}
