/* Site spaces and their fields. A vector operation costs one pass over the axes in use; growing a space by a factor 3/2 moves its rows. */
#include <cblas.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "limit/block.h"
#include "limit/limit.h"
#include "limit/sites.h"

enum { FIRST_AXES = 32 };

static double exact_weight(const limit_space *space) { return 1.0 / (double)space->modes; }

/* A Gaussian field of its own at every site: an axis, the same for sites of all kinds. */
static void exact_fresh(limit_space *space, size_t count, double *rows)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < space->modes; k++) rows[i * space->stride + space->axes++] = 1.0;
}

const struct limit_backend limit_exact = {.weight = exact_weight, .fresh = exact_fresh, .axes = 1};

void limit_space_init(limit_space *space, const struct limit_backend *backend)
{
    *space = (limit_space){.backend = backend, .stride = FIRST_AXES, .modes = 1};
}

void limit_space_init_modes(limit_space *space, size_t modes)
{
    *space = (limit_space){.backend = &limit_exact, .stride = FIRST_AXES * modes, .modes = modes};
}

void limit_space_clear(limit_space *space)
{
    for (limit_rows *r = space->first; r != NULL; r = r->next) {
        free(r->x);
        r->x = NULL;
        r->count = r->capacity = 0;
    }
    space->first = NULL;
    sites_free(space);
}

/* Moves the rows into new storage of this capacity and stride. */
static int move_rows(limit_rows *r, size_t capacity, size_t stride, dmft_error *err)
{
    double *x = memory_doubles(capacity * stride);
    if (x == NULL) return error_memory(err, 8.0 * (double)capacity * (double)stride);
    for (size_t i = 0; i < r->count; i++) memcpy(x + i * stride, r->x + i * r->space->stride, r->space->axes * sizeof *x);
    free(r->x);
    r->x = x;
    r->capacity = capacity;
    return DMFT_OK;
}

/* Gives rows of sites room in place, by a quarter: they are what the memory of a wide run goes to, and a large block is not copied when it grows. */
static int stretch_rows(limit_rows *r, size_t more, dmft_error *err)
{
    size_t stride = r->space->stride, capacity = r->capacity + r->capacity / 4;
    if (capacity < r->count + more) capacity = r->count + more;
    double *x = capacity <= SIZE_MAX / sizeof *x / stride ? realloc(r->x, capacity * stride * sizeof *x) : NULL;
    if (x == NULL) return error_memory(err, 8.0 * (double)capacity * (double)stride);
    r->x = x;
    r->capacity = capacity;
    return DMFT_OK;
}

/* By a half at least, so that growing by one is rare; by no more where much is needed at once. */
static size_t grown(size_t had, size_t needed) { return had + had / 2 > needed ? had + had / 2 : needed; }

/* All rows are laid out anew before the first old one is given up, so that a failure leaves the space as it was. */
int limit_space_reserve(limit_space *space, size_t more, dmft_error *err)
{
    if (space->sites != NULL) return sites_reserve(space, more, err);
    more *= space->modes;
    if (space->axes + more <= space->stride) return DMFT_OK;
    size_t stride = block_room(grown(space->stride, space->axes + more)), rows = 0;
    for (limit_rows *r = space->first; r != NULL; r = r->next) rows++;
    double **data = calloc(rows > 0 ? rows : 1, sizeof *data);
    int status = data != NULL ? DMFT_OK : error_memory(err, 8.0 * (double)rows);
    size_t n = 0;
    for (limit_rows *r = space->first; r != NULL && status == DMFT_OK; r = r->next, n++) {
        data[n] = memory_doubles(r->capacity * stride);
        if (data[n] == NULL) status = error_memory(err, 8.0 * (double)r->capacity * (double)stride);
    }
    n = 0;
    for (limit_rows *r = space->first; r != NULL && data != NULL; r = r->next, n++) {
        if (status != DMFT_OK) {
            free(data[n]);
            continue;
        }
        for (size_t i = 0; i < r->count; i++) memcpy(data[n] + i * stride, r->x + i * space->stride, space->axes * sizeof **data);
        free(r->x);
        r->x = data[n];
    }
    if (status == DMFT_OK) space->stride = stride;
    free(data);
    return status;
}

void limit_space_renew(limit_space *space)
{
    for (limit_rows *r = space->first; r != NULL; r = r->next) {
        size_t used = space->sites != NULL ? r->count : r->capacity; /* the rest of sampled rows is written before it is read */
        if (used > 0) memset(r->x, 0, used * space->stride * sizeof *r->x);
    }
    if (space->sites != NULL) sites_renew(space);
    else space->axes = 0;
}

int limit_rows_init(limit_rows *rows, limit_space *space, size_t capacity, dmft_error *err)
{
    *rows = (limit_rows){.space = space};
    int status = move_rows(rows, capacity, space->stride, err);
    if (status != DMFT_OK) return status;
    rows->next = space->first;
    space->first = rows;
    return DMFT_OK;
}

int limit_rows_reserve(limit_rows *rows, size_t more, dmft_error *err)
{
    if (rows->count + more <= rows->capacity) return DMFT_OK;
    if (!rows->space->backend->axes) return stretch_rows(rows, more, err);
    return move_rows(rows, grown(rows->capacity, rows->count + more), rows->space->stride, err);
}

int limit_field_init(limit_rows *field, limit_space *space, dmft_error *err)
{
    int status = limit_rows_init(field, space, 1, err);
    if (status == DMFT_OK) field->count = 1;
    return status;
}

static int axes(const limit_rows *a) { return (int)a->space->axes; }

double limit_dot(const limit_rows *a, const limit_rows *b)
{
    return a->space->backend->weight(a->space) * cblas_ddot(axes(a), a->x, 1, b->x, 1);
}

void limit_scale(limit_rows *a, double factor) { cblas_dscal(axes(a), factor, a->x, 1); }

void limit_add(limit_rows *a, double factor, const limit_rows *b) { cblas_daxpy(axes(a), factor, b->x, 1, a->x, 1); }

void limit_modulate(limit_rows *a, const double *factor)
{
    size_t n = a->space->modes;
    for (size_t i = 0; i < a->space->axes; i += n)
        for (size_t k = 0; k < n; k++) a->x[i + k] *= factor[k];
}

void limit_copy(limit_rows *a, const limit_rows *b) { memcpy(a->x, b->x, a->space->axes * sizeof *a->x); }

void limit_put(limit_rows *a, size_t i, const limit_rows *b, size_t j)
{
    size_t stride = a->space->stride;
    if (a->x + i * stride != b->x + j * stride) memcpy(a->x + i * stride, b->x + j * stride, a->space->axes * sizeof *a->x);
}

void limit_combine(limit_rows *a, double factor, const double *weight, const limit_rows *b, size_t first, size_t end)
{
    cblas_dgemv(CblasRowMajor, CblasTrans, (int)(end - first), axes(a), factor, b->x + first * b->space->stride, (int)b->space->stride,
                weight, 1, 1.0, a->x, 1);
}

void limit_fresh(limit_rows *a)
{
    memset(a->x, 0, a->count * a->space->stride * sizeof *a->x);
    a->space->backend->fresh(a->space, a->count, a->x);
}

/* ---- checkpoints ---- */

static void transfer_rows(limit_rows *r, archive *a)
{
    dmft_error err;
    size_t count = r->count, capacity = r->capacity, stride = r->space->stride;
    archive_size(a, &count, SIZE_MAX);
    archive_size(a, &capacity, SIZE_MAX / sizeof *r->x / stride);
    if (archive_status(a) == 0 && archive_reading(a)) {
        r->count = 0; /* nothing of it need be moved */
        int status = count <= capacity ? move_rows(r, capacity, stride, &err) : error_set(&err, DMFT_ERROR_FORMAT, "rows of another run");
        if (status != DMFT_OK) archive_fail(a, status, &err);
        else r->count = count;
    }
    archive_rows(a, r->x, r->count, r->space->axes, stride);
}

void limit_space_transfer(limit_space *space, archive *a)
{
    dmft_error err;
    size_t rows = 0, stored, axes = space->axes, stride = space->stride;
    for (const limit_rows *r = space->first; r != NULL; r = r->next) rows++;
    stored = rows;
    archive_tag(a, "space");
    archive_size(a, &stored, SIZE_MAX);
    archive_size(a, &axes, SIZE_MAX / sizeof(double));
    archive_size(a, &stride, SIZE_MAX / sizeof(double));
    if (archive_status(a) != 0) return;
    int other_sites = space->sites != NULL && (axes != space->axes || stride != space->stride);
    if (stored != rows || axes > stride || stride == 0 || other_sites) {
        archive_fail(a, error_set(&err, DMFT_ERROR_FORMAT, "a space of another run"), &err);
        return;
    }
    space->axes = axes;
    space->stride = stride;
    if (space->sites != NULL) sites_transfer(space, a);
    for (limit_rows *r = space->first; r != NULL; r = r->next) transfer_rows(r, a);
}
