/* Sampled sites: a field is its values at S sites, <a,b> = a.b/S, and nonlinear functions are taken site by site. (C9), (N4), (N5) of doc/theory.md.
 *
 * Fresh fields are independent Gaussian numbers: with these, all that an operator answers is that of a width-S matrix, exactly in law. They may
 * be better than random: the first 16 the coordinates of one scrambled Sobol' set (N5), and all of them orthonormal among each other (N4). A fresh
 * field costs 7 ns a site, 50 ns from Sobol', and with moment matching 4 S multiply-adds more for each that was drawn before and is kept, 8 S bytes.
 * In linear networks a residual that may be a new direction takes 2 S for each besides. */
#include <cblas.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/sobol.h"
#include "limit/block.h"
#include "limit/limit.h"
#include "limit/sites.h"

struct limit_sites {
    struct limit_sampling sampling; /* its stream as it was at the beginning */
    struct random_stream stream;    /* as it is */
    size_t coordinates;             /* of the Sobol' set that were drawn */
    limit_rows drawn;               /* all fresh fields, for moment matching */
    double *work;                   /* a number each, and for all there will be room for */
    size_t room;                    /* of work */
    struct sobol sobol;
};

static double sampled_weight(const limit_space *space) { return 1.0 / (double)space->axes; }

static double norm(const limit_space *space, const double *x) { return cblas_dnrm2((int)space->axes, x, 1) * sqrt(sampled_weight(space)); }

/* Makes a field orthonormal to all drawn before, and keeps it. S of them span everything: what comes then is left as it is. */
static void match(limit_space *space, struct block x)
{
    struct limit_sites *sites = space->sites;
    struct block drawn = block_of(&sites->drawn, 0, sites->drawn.count);
    if (drawn.count >= space->axes) return;
    for (int again = 0; again < 2; again++) {
        block_inner(1.0, x, drawn, 0.0, sites->work, sites->room);
        block_combine(-1.0, sites->work, sites->room, drawn, x);
        cblas_dscal((int)space->axes, 1.0 / norm(space, x.x), x.x, 1);
    }
    cblas_dcopy((int)space->axes, x.x, 1, sites->drawn.x + sites->drawn.count++ * space->stride, 1);
}

static void sampled_fresh(limit_space *space, size_t count, double *rows)
{
    struct limit_sites *sites = space->sites;
    for (size_t i = 0; i < count; i++) {
        struct block x = {.space = space, .count = 1, .x = rows + i * space->stride};
        if (sites->sampling.sobol && sites->coordinates < SOBOL_DIMENSION) sobol_gaussian(&sites->sobol, sites->coordinates++, space->axes, x.x);
        else random_gaussians(&sites->stream, 1.0, space->axes, x.x);
        if (sites->sampling.moment_matching) match(space, x);
    }
}

/* Linear fields lie in the span of the fresh ones, to which those that come later are made orthogonal. What a residual has outside of that span is rounding
 * however large a part of it that is (N10). */
static void sampled_settle(limit_space *space, double *row)
{
    struct limit_sites *sites = space->sites;
    struct block drawn = block_of(&sites->drawn, 0, sites->drawn.count), x = {.space = space, .count = 1, .x = row};
    if (!sites->sampling.moment_matching || !sites->sampling.linear || drawn.count >= space->axes) return;
    block_inner(1.0, x, drawn, 0.0, sites->work, sites->room);
    memset(row, 0, space->axes * sizeof *row);
    block_combine(1.0, sites->work, sites->room, drawn, x);
}

const struct limit_backend limit_sampled = {.weight = sampled_weight, .fresh = sampled_fresh, .settle = sampled_settle};

/* ---- making ---- */

static void begin(struct limit_sites *sites)
{
    sites->stream = sites->sampling.stream;
    sites->coordinates = 0;
    if (sites->sampling.sobol) sobol_scramble(&sites->sobol, &sites->stream);
}

int limit_space_init_sampled(limit_space *space, const struct limit_sampling *sampling, dmft_error *err)
{
    *space = (limit_space){.backend = &limit_sampled, .axes = sampling->sites, .stride = sampling->sites};
    space->sites = calloc(1, sizeof *space->sites);
    if (space->sites == NULL) return error_memory(err, sizeof *space->sites);
    struct limit_sites *sites = space->sites;
    sites->sampling = *sampling;
    int status = limit_rows_init(&sites->drawn, space, 0, err);
    if (status == DMFT_OK && sampling->sobol) status = sobol_init(&sites->sobol, sampling->sites, err);
    if (status == DMFT_OK) begin(sites);
    return status;
}

void sites_renew(limit_space *space) { space->sites->drawn.count = 0; }

void sites_free(limit_space *space)
{
    if (space->sites != NULL) free(space->sites->work);
    free(space->sites);
    space->sites = NULL;
}

int sites_reserve(limit_space *space, size_t more, dmft_error *err)
{
    struct limit_sites *sites = space->sites;
    if (!sites->sampling.moment_matching) return DMFT_OK;
    int status = limit_rows_reserve(&sites->drawn, more, err);
    if (status != DMFT_OK || sites->drawn.capacity <= sites->room) return status;
    double *work = memory_doubles(sites->drawn.capacity);
    if (work == NULL) return error_memory(err, 8.0 * (double)sites->drawn.capacity);
    free(sites->work);
    sites->work = work;
    sites->room = sites->drawn.capacity;
    return DMFT_OK;
}

/* ---- checkpoints ---- */

/* The scrambling is made again from the beginning of the stream; the fields drawn are rows of the space, which follow. */
void sites_transfer(limit_space *space, archive *a)
{
    struct limit_sites *sites = space->sites;
    archive_bytes(a, &sites->sampling.stream, sizeof sites->sampling.stream);
    if (archive_reading(a) && archive_status(a) == 0) begin(sites);
    archive_bytes(a, &sites->stream, sizeof sites->stream);
    archive_size(a, &sites->coordinates, SOBOL_DIMENSION);
    archive_size(a, &sites->room, SIZE_MAX / sizeof(double));
    if (archive_reading(a) && archive_status(a) == 0) {
        dmft_error err;
        free(sites->work);
        sites->work = memory_doubles(sites->room);
        if (sites->work == NULL) archive_fail(a, error_memory(&err, 8.0 * (double)sites->room), &err);
    }
}
