/*
 * Conditional Gaussian rows (R3): with the Cholesky factor L of the covariance, u = L z, extended by a row an event. An event without variance of its own
 * (duplicate samples, a field that is constant in time, fewer sites than events) adds nothing: only the k events that brought a direction are kept,
 * so that the factor is k x k and every solve is with a regular triangle.
 *
 * Cost of an event: k^2/2 for the triangular solve, sites x k for the fields; memory `events` (`events` + sites), of which k (k + sites) are touched.
 */
#include "kernel/conditional.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Of the largest variance: what sums over a thousand events of order 1 lose to rounding, with room. */
static const double rounding = 1e-13;

struct kernel_conditional {
    size_t sites, room, events, kept;
    double tolerance, largest;
    size_t *event;  /* of each direction */
    double *factor; /* kept x kept, row stride `room` */
    double *z;      /* kept x sites */
    double *row;    /* coefficients of one event on the directions */
};

int kernel_draws_start(struct kernel_draws *d, size_t sites, uint64_t seed, uint64_t index, uint64_t purpose, int sobol, dmft_error *err)
{
    kernel_draws_clear(d);
    *d = (struct kernel_draws){.sites = sites, .seed = seed, .index = index, .purpose = purpose};
    struct random_stream stream = random_start(seed, index, purpose);
    if (!sobol) return DMFT_OK;
    d->set = malloc(sizeof *d->set);
    if (d->set == NULL) return error_memory(err, sizeof *d->set);
    int status = sobol_init(d->set, sites, err);
    if (status == DMFT_OK) sobol_scramble(d->set, &stream);
    return status;
}

void kernel_draws_clear(struct kernel_draws *d)
{
    free(d->set);
    d->set = NULL;
}

void kernel_draws_next(struct kernel_draws *d, uint64_t name, double *z)
{
    if (d->set != NULL && d->used < SOBOL_DIMENSION) {
        sobol_gaussian(d->set, d->used++, d->sites, z);
        return;
    }
    struct random_stream stream = random_start(d->seed, d->index, d->purpose + name);
    random_gaussians(&stream, 1.0, d->sites, z);
}

int kernel_conditional_create(kernel_conditional **out, size_t sites, size_t events, double tolerance, dmft_error *err)
{
    kernel_conditional *c = calloc(1, sizeof *c);
    if (c == NULL) return error_memory(err, sizeof *c);
    c->sites = sites;
    c->room = events;
    c->tolerance = fmax(tolerance, rounding);
    c->event = calloc(events + 1, sizeof *c->event);
    c->factor = memory_doubles(events * events);
    c->z = memory_doubles(events * sites);
    c->row = memory_doubles(events);
    if (c->event == NULL || c->factor == NULL || c->z == NULL || c->row == NULL) {
        kernel_conditional_free(c);
        return error_memory(err, 8.0 * (double)events * (double)(events + sites));
    }
    *out = c;
    return DMFT_OK;
}

void kernel_conditional_free(kernel_conditional *c)
{
    if (c == NULL) return;
    free(c->event);
    free(c->factor);
    free(c->z);
    free(c->row);
    free(c);
}

void kernel_conditional_clear(kernel_conditional *c)
{
    c->events = c->kept = 0;
    c->largest = 0.0;
}

size_t kernel_conditional_kept(const kernel_conditional *c) { return c->kept; }

/* The coefficients of a field on the directions, in c->row; returns the variance that is left. */
static double project(kernel_conditional *c, const double *covariance, double variance)
{
    for (size_t j = 0; j < c->kept; j++) c->row[j] = covariance[c->event[j]];
    if (c->kept == 0) return variance;
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)c->kept, c->factor, (int)c->room, c->row, 1);
    return variance - cblas_ddot((int)c->kept, c->row, 1, c->row, 1);
}

static void combine(const kernel_conditional *c, double scale, double *out)
{
    if (c->kept == 0) memset(out, 0, c->sites * sizeof *out);
    else cblas_dgemv(CblasRowMajor, CblasTrans, (int)c->kept, (int)c->sites, scale, c->z, (int)c->sites, c->row, 1, 0.0, out, 1);
}

void kernel_conditional_draw(kernel_conditional *c, size_t count, const double *covariance, size_t stride, double scale, struct kernel_draws *d,
                             uint64_t name, double *out)
{
    for (size_t i = 0; i < count; i++) {
        const double *C = covariance + i * stride;
        double variance = C[c->events], left = project(c, C, variance);
        if (variance > c->largest) c->largest = variance;
        if (left > c->tolerance * c->largest && isfinite(left)) {
            c->row[c->kept] = sqrt(left);
            memcpy(c->factor + c->kept * c->room, c->row, (c->kept + 1) * sizeof *c->row);
            kernel_draws_next(d, name + c->events, c->z + c->kept * c->sites);
            c->event[c->kept++] = c->events;
        }
        combine(c, scale, out + i * c->sites);
        c->events++;
    }
}

void kernel_conditional_visit(kernel_conditional *c, const double *covariance, double variance, double scale, const double *z, double *out)
{
    double left = project(c, covariance, variance);
    combine(c, scale, out);
    if (left > c->tolerance * fmax(c->largest, variance)) cblas_daxpy((int)c->sites, scale * sqrt(left), z, 1, out, 1);
}

void kernel_conditional_transfer(kernel_conditional *c, archive *a)
{
    archive_tag(a, "conditional");
    archive_size(a, &c->events, c->room);
    archive_size(a, &c->kept, c->room);
    archive_double(a, &c->largest);
    for (size_t j = 0; j < c->kept; j++) {
        archive_size(a, &c->event[j], c->room);
        archive_doubles(a, c->factor + j * c->room, j + 1);
    }
    archive_doubles(a, c->z, c->kept * c->sites);
}
