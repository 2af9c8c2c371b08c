/* `dmft spectrum`: the matrices that were read, and what is done with them. */
#ifndef DMFT_SOLVERS_SPECTRUM_H
#define DMFT_SOLVERS_SPECTRUM_H

#include "dmft.h"
#include "options.h"

struct spectrum_item {
    const char *file;
    size_t file_index;
    const char *dataset; /* "" of an .npy file */
    size_t rows, columns, rank, size[5];
    dmft_spectrum *s;
};

/* Two snapshots of one matrix: the same dataset of two files that follow each other. */
struct spectrum_pair {
    const struct spectrum_item *before, *after;
    size_t k;
    double *left, *right;                    /* k x k */
    double left_subspace, right_subspace;    /* mean over i of sum_j */
    double left_chance[2], right_chance[2];  /* mean and standard deviation of these for a random subspace */
};

struct spectrum_report {
    struct spectrum_item *item;
    struct spectrum_pair *pair;
    size_t items, pairs;
    double level;
    int fitted;
};

enum { SPECTRUM_PANELS = 12 }; /* of a figure */

void spectrum_print(const struct spectrum_report *r);
void spectrum_print_csv(const struct spectrum_report *r);
void spectrum_print_json(const struct spectrum_report *r);
int spectrum_plot(const options *o, const struct spectrum_report *r);

/* "FILE", or "FILE: DATASET". */
enum { SPECTRUM_NAME = 400 };
void spectrum_name(char out[SPECTRUM_NAME], const struct spectrum_item *item);

#endif
