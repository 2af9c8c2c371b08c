/* What comparing and reporting share. */
#ifndef DMFT_COMPARE_H
#define DMFT_COMPARE_H

#include "dmft.h"

/* Do two texts of settings speak of one problem, however it is solved, sampled or stored? */
int compare_same_problem(const char *a, const char *b);

/* Are the seeds so few that the rule, which is then still right, lets nearly everything pass? */
int compare_has_few_seeds(const dmft_trajectory *sample);

/* Is row i of n one of about so many (at least 2), the first and the last among them? */
int compare_is_sampled(size_t i, size_t n, size_t shown);

/* A comparison in a few numbers. */
struct compare_outcome {
    size_t count, outside;
    const dmft_comparison_row *largest; /* |z| */
    const dmft_comparison_row *worst;   /* the largest part of what is allowed, */
    double worst_part;                  /* which this is */
};
struct compare_outcome compare_sum_up(const dmft_comparison *c);

#endif
