/* What the parts of `dmft report` share. */
#ifndef DMFT_REPORT_H
#define DMFT_REPORT_H

#include <stdio.h>

#include "dmft.h"
#include "options.h"

/* One file: a run or a sweep. */
struct report_file {
    const char *path;
    dmft_trajectory *run;
    dmft_sweep *sweep;
    const char *config; /* NULL: a table, which has none */
    int sampled;        /* networks, or a table of someone's */
    size_t group;       /* files of one group speak of the same problem; groups are numbered from 0 in the order of the files */
};

struct report {
    const options *o;
    FILE *out;
    struct report_file *file;
    size_t files, groups, pictures;
};

/* report_warn.c: the list of warnings about all files; nothing when there are none. Returns an exit status. */
int report_warnings(const struct report *r);

/* report_run.c: what a result is called; the section of one. */
void report_kind(FILE *out, const struct report_file *f);
void report_run(const struct report *r, const struct report_file *f);

/* Rows of a table: where and how a result was made. */
void report_provenance(FILE *out, const struct report_file *f);

/* report_sweep.c: the section of a sweep. */
void report_sweep(const struct report *r, const struct report_file *f);

/* report_compare.c: the verdicts on the theories and samples of all groups, a line each; of one group, with the rows that do not hold. */
void report_verdicts(const struct report *r);
void report_comparisons(const struct report *r, size_t group);

#endif
