/* The data of one member of model low_degree_filter: inputs, labels, the terms of the target, permutations of labels. They define the problem, so that
 * theory and simulation see the same ones: member i of either has the same data, and their difference is the number of features. (LF1) of
 * doc/theory.md. */
#ifndef DMFT_BASE_LABELLED_H
#define DMFT_BASE_LABELLED_H

#include <stddef.h>

#include "base/problem.h"

struct labelled {
    size_t samples, tests, dim; /* n, Q, D; training samples come first */
    size_t terms;               /* of the target; 0 for data of a file */
    double *input;              /* (n + Q) x D */
    double *label;              /* n + Q */
    double *term;               /* terms x Q: the terms at the test inputs, the label's noise left out */
    size_t *order;              /* room for a permutation of all rows of a file, or of the n samples */
};

/* Terms of the target of this problem. */
size_t labelled_terms(const dmft_problem *problem);

/* Doubles that it takes. */
double labelled_doubles(const dmft_problem *problem);

int labelled_create(struct labelled *data, const dmft_problem *problem, dmft_error *err);
void labelled_free(struct labelled *data);

/* Draws the data of member `index`; of member 0 where they are shared. */
void labelled_draw(struct labelled *data, const dmft_problem *problem, long index);

/* The labels of the training samples in another order: permutation number `number` of layer `layer`. */
void labelled_permute(struct labelled *data, const dmft_problem *problem, long index, long layer, size_t number, double *permuted);

#endif
