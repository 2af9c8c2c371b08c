/* The samples of a step: full batches, or an order of all samples for every epoch, from a stream of the epoch's own. Cost: O(P) a step;
 * nothing is kept, so that a run can begin at any step. */
#include "base/batch.h"

#include <string.h>

#include "base/random.h"

enum { PURPOSE_ORDER = 0x6f7264 }; /* the bytes say "ord": no stream of weights, draws or samples has this number */

size_t batch_at(const dmft_problem *problem, long t, size_t *index)
{
    const struct mlp_problem *mlp = &problem->mlp;
    size_t P = mlp->samples, B = mlp->batch_size;
    for (size_t i = 0; i < P; i++) index[i] = i;
    if (B >= P) return P;
    size_t epoch = (P + B - 1) / B, first = (size_t)t % epoch * B, count = P - first < B ? P - first : B;
    struct random_stream stream = random_start(mlp->batch_seed, (size_t)t / epoch, PURPOSE_ORDER);
    random_shuffle(&stream, P, index);
    memmove(index, index + first, count * sizeof *index);
    return count;
}
