/* Gaussian fields of many sites, drawn one after another as their covariance becomes known: rows of the conditional Gaussian (R3) of doc/theory.md. */
#ifndef DMFT_KERNEL_CONDITIONAL_H
#define DMFT_KERNEL_CONDITIONAL_H

#include "base/archive.h"
#include "base/sobol.h"

/* Where the directions of one layer come from: the first ones are coordinates of a Sobol' set, in the order in which they are asked for; the others
 * have streams of their own, by name, so that what one direction is does not depend on which others there are. */
struct kernel_draws {
    size_t sites;
    uint64_t seed, index, purpose; /* streams (seed, index, purpose + name), and purpose itself for the set */
    struct sobol *set;             /* NULL: none */
    size_t used;                   /* coordinates of the set */
};

/* `sobol`: draw from a set. Error: DMFT_ERROR_MEMORY. */
int kernel_draws_start(struct kernel_draws *d, size_t sites, uint64_t seed, uint64_t index, uint64_t purpose, int sobol, dmft_error *err);
void kernel_draws_clear(struct kernel_draws *d);
void kernel_draws_next(struct kernel_draws *d, uint64_t name, double *z); /* `sites` standard Gaussians; name >= 1 */

typedef struct kernel_conditional kernel_conditional;

/* Room for `events` fields of `sites` sites. An event whose variance given those before is at most `tolerance` times the largest variance met (at
 * least some rounding errors) brings no direction of its own. */
int kernel_conditional_create(kernel_conditional **out, size_t sites, size_t events, double tolerance, dmft_error *err);
void kernel_conditional_free(kernel_conditional *c);
void kernel_conditional_clear(kernel_conditional *c); /* forgets all events */

/* Draws the next `count` events: row i of `covariance` holds their covariance with all events up to and including itself. Writes scale x the fields,
 * `count` rows of `sites` numbers. Directions take the names name + event. */
void kernel_conditional_draw(kernel_conditional *c, size_t count, const double *covariance, size_t stride, double scale, struct kernel_draws *d,
                             uint64_t name, double *out);

/* A field that is not to become an event: `covariance` with all events, its own variance, and its own standard Gaussians z. */
void kernel_conditional_visit(kernel_conditional *c, const double *covariance, double variance, double scale, const double *z, double *out);

size_t kernel_conditional_kept(const kernel_conditional *c); /* directions that were drawn */
void kernel_conditional_transfer(kernel_conditional *c, archive *a);

#endif
