/* What the parts of `dmft converge` share. (S5)-(S10) of doc/theory.md. */
#ifndef DMFT_CONVERGE_H
#define DMFT_CONVERGE_H

#include "base/problem.h"
#include "base/trajectory.h"
#include "options.h"
#include "progress.h"
#include "run.h"

/* Level 2 and those finer record outliers four times as often as level 0: escapes are found between records. */
enum { CONVERGE_DENSE = 2 };

enum converge_in { CONVERGE_STEP, CONVERGE_WIDTH, CONVERGE_SEEDS };

/* One quantity: a line of the table. */
struct converge_row {
    char name[80];
    dmft_convergence c;
    double time; /* of its value; nan where it belongs to none */
    double size_error[DMFT_CONVERGENCE_LEVELS]; /* standard errors of its sizes; nan where they are exact */
};

struct converge {
    const options *o;
    enum converge_in in;
    size_t levels;
    int threads;
    double memory;
    dmft_config *config;      /* as the level that was made last has it */
    dmft_problem *problem;    /* as it was given */
    dmft_trajectory *first;   /* the first result: its series, settings and, in the end, provenance */
    progress progress;
    char label[48];           /* of the progress line */
    const char *also;         /* what is halved with it; NULL: nothing */
    const char *parameter;    /* the setting that changes from level to level, */
    double setting[DMFT_CONVERGENCE_LEVELS]; /* and its values */
    struct converge_row *row;
    size_t rows;
};

/* All return an exit status unless they say otherwise. */

/* converge_levels.c: the problem of a level; of --in seeds that of the networks that are added there. */
int converge_level(struct converge *s, size_t level, dmft_problem **out);

/* Memory and time of all levels: printed for --dry-run, refused when it is too much. -1 when the runs may begin. */
int converge_needs(struct converge *s);

/* Makes one run; `what` ("level 2 of 6") goes to the progress line and to messages. */
int converge_run(struct converge *s, const struct run_kind *kind, const dmft_problem *problem, const char *what, dmft_trajectory **out);

/* The series to look at: those of --series, or all (`shown`: the default columns) but step and time. The array is the caller's to free. */
int converge_choose(struct converge *s, int shown, const struct trajectory_series ***out, size_t *count);

/* The outlier and the edge on which a series of A_l depends, as their names; 0 when it depends on none. */
int converge_governed(const char *series, char outlier[32], char edge[32]);

/* An outlier this far above its edge is well away from its escape. */
int converge_is_away(double z, double edge);

/* converge_step.c, converge_sampled.c: all levels, and what follows from them. */
int converge_step(struct converge *s);
int converge_width(struct converge *s);
int converge_seeds(struct converge *s);

/* A new line of the table; whoever makes the study has made room for it. */
struct converge_row *converge_add(struct converge *s, const char *name, const char *ending);

/* converge.c: lines with this verdict; whether no order is low, and one at least was seen or has converged, and no fewer than are unresolved. */
size_t converge_count(const struct converge *s, int verdict);
int converge_holds(const struct converge *s);

/* converge_print.c: the table; one object of JSON. */
void converge_table(const struct converge *s);
void converge_json(FILE *out, const struct converge *s);

/* converge_plot.c: errors against steps or sizes, both axes logarithmic. */
int converge_plot(const struct converge *s, const char *path);

#endif
