/* What would make a run smaller: each size is halved in turn, or switched off, and the estimate asked again. */
#include "advice.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/problem.h"

enum { SIZES = 11 };

static long half_of(long n) { return n / 2 > 0 ? n / 2 : 1; }

/* The problem with its i-th size made smaller, for estimates alone: all that it points to is that of the whole. Returns what that is called. */
static const char *make_smaller(dmft_problem *p, int i)
{
    switch (i) {
    case 0: p->simulation.input_dim = half_of(p->simulation.input_dim); return "a smaller simulation.input_dim";
    case 1: p->simulation.width = half_of(p->simulation.width); return "a smaller simulation.width";
    case 2: p->width_ratio /= 2, p->noisy_matrix.ratio /= 2; return "a smaller network.width_ratio";
    case 3: p->sample_ratio /= 2; return "a smaller data.sample_ratio";
    case 4: p->filter.features = (size_t)half_of((long)p->filter.features); return "fewer network.features";
    case 5: p->filter.samples = (size_t)half_of((long)p->filter.samples); return "fewer data.samples";
    case 6: p->mlp.sampling.sites = half_of(p->mlp.sampling.sites); return "fewer sampling.sites";
    case 7: p->simulation.seeds = half_of(p->simulation.seeds); return "fewer simulation.seeds";
    case 8: p->steps = half_of(p->steps), p->rows = half_of(p->rows); return p->kind == MODEL_EXTENSIVE_OUTPUT ? "fewer training.times" : "fewer steps";
    case 9: p->store_kernels = 0; return "output.kernels false";
    default: p->store_weights = 0; return "output.weights false";
    }
}

void advice_smaller(char out[ADVICE], const dmft_problem *problem, dmft_estimate (*estimate)(const dmft_problem *problem, int threads))
{
    static const double worth = 0.9; /* what leaves more than this part of the bytes is not worth naming */
    double whole = estimate(problem, 1).bytes;
    out[0] = '\0';
    for (int i = 0; i < SIZES; i++) {
        dmft_problem smaller = *problem;
        const char *name = make_smaller(&smaller, i);
        size_t have = strlen(out);
        if (estimate(&smaller, 1).bytes <= worth * whole) (void)snprintf(out + have, ADVICE - have, "%s, ", name);
    }
}
