/* How the fresh fields of a sampled space are drawn: what spaces need of it (sampled.c). */
#ifndef DMFT_LIMIT_SITES_H
#define DMFT_LIMIT_SITES_H

#include "limit/limit.h"

/* Room for `more` fresh fields. */
int sites_reserve(limit_space *space, size_t more, dmft_error *err);

void sites_renew(limit_space *space);
void sites_transfer(limit_space *space, archive *a);
void sites_free(limit_space *space); /* NULL sites are allowed */

#endif
