/* Which samples a step trains on. It belongs to the problem: theory and simulation take the same. */
#ifndef DMFT_BASE_BATCH_H
#define DMFT_BASE_BATCH_H

#include <stddef.h>

#include "base/problem.h"

/* Writes the samples of step t to `index` (room for P) and returns their number. Full batches: 0 .. P-1. Otherwise every epoch of ceil(P/B) steps
 * goes through a new random order of all samples, B at a time; the last batch of an epoch has what is left. An order depends on training.seed and the
 * number of the epoch alone. */
size_t batch_at(const dmft_problem *problem, long t, size_t *index);

#endif
