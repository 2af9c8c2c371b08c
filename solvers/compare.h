/* What comparing and reporting share. */
#ifndef DMFT_COMPARE_H
#define DMFT_COMPARE_H

#include "dmft.h"

/* Does the setting say what a problem is, and not how it is solved, sampled or stored? */
int compare_is_physical(const char *key);

/* A comparison in a few numbers. */
struct compare_outcome {
    size_t count, outside;
    const dmft_comparison_row *largest; /* |z| */
    const dmft_comparison_row *worst;   /* the largest part of what is allowed, */
    double worst_part;                  /* which this is */
};
struct compare_outcome compare_sum_up(const dmft_comparison *c);

#endif
