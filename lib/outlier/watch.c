/* ODE and algebra beside each other, (O7) and (O8). Memory: in flow two numbers a node and outlier. */
#include "outlier/watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "outlier/scalars.h"

enum { CHECKS = 32 }; /* steps of a run whose inside is integrated: four solves each */

int outlier_watch_init(struct outlier_watch *w, size_t count, size_t rows, int flow, double variance, double psi, dmft_error *err)
{
    *w = (struct outlier_watch){.count = count, .rows = rows, .flow = flow, .variance = variance, .psi = psi, .difference = NAN};
    size_t nodes = flow ? rows : 0;
    w->time = memory_doubles(nodes);
    w->root = memory_doubles(nodes * count);
    w->growth = memory_doubles(nodes * count);
    return w->time && w->root && w->growth ? DMFT_OK : error_memory(err, 16.0 * (double)nodes * (double)count);
}

void outlier_watch_clear(struct outlier_watch *w)
{
    free(w->time);
    free(w->root);
    free(w->growth);
    w->time = w->root = w->growth = NULL;
}

int outlier_watch_due(const struct outlier_watch *w, size_t t) { return !w->flow && t % ((w->rows + CHECKS - 1) / CHECKS) == 0; }

static void note(double *largest, double difference)
{
    if (!isnan(difference)) *largest = isnan(*largest) ? difference : fmax(*largest, difference);
}

void outlier_watch_inside(struct outlier_watch *w, double variance, double root, double change, double z)
{
    if (isgreater(root + change, outlier_edge_root(variance, w->psi))) note(&w->difference, fabs(outlier_scalars_at(variance, w->psi, root + change).z - z));
}

void outlier_watch_outlier(struct outlier_watch *w, size_t j, double root, double growth)
{
    if (!w->flow || w->nodes >= w->rows) return;
    w->root[j * w->rows + w->nodes] = root;
    w->growth[j * w->rows + w->nodes] = growth;
}

void outlier_watch_node(struct outlier_watch *w, size_t found, double time)
{
    if (!w->flow || w->nodes >= w->rows) return;
    for (size_t j = found; j < w->count; j++) outlier_watch_outlier(w, j, NAN, NAN);
    w->time[w->nodes++] = time;
}

int outlier_watch_difference(const struct outlier_watch *w, double *difference, dmft_error *err)
{
    double largest = w->difference;
    int status = DMFT_OK;
    for (size_t j = 0; j < w->count && w->flow && status == DMFT_OK; j++) {
        dmft_outlier_path *path = NULL;
        status = dmft_outlier_path_create(&path, w->nodes, w->time, w->root + j * w->rows, w->growth + j * w->rows, w->variance, w->psi, err);
        if (status != DMFT_OK) break;
        note(&largest, dmft_outlier_path_difference(path));
        dmft_outlier_path_free(path);
    }
    if (status == DMFT_OK) *difference = largest;
    return status;
}

void outlier_watch_transfer(struct outlier_watch *w, archive *a)
{
    archive_tag(a, "outlier_watch");
    archive_double(a, &w->difference);
    archive_size(a, &w->nodes, w->flow ? w->rows : 0);
    if (archive_status(a) != DMFT_OK) return;
    archive_doubles(a, w->time, w->nodes);
    for (size_t j = 0; j < w->count; j++) {
        archive_doubles(a, w->root + j * w->rows, w->nodes);
        archive_doubles(a, w->growth + j * w->rows, w->nodes);
    }
}
