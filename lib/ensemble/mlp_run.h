/* Runs an ensemble of model mlp from what its members take to the trajectory. */
#ifndef DMFT_ENSEMBLE_MLP_RUN_H
#define DMFT_ENSEMBLE_MLP_RUN_H

#include "ensemble/mlp_table.h"

struct mlp_members {
    const struct ensemble_kind *kind;
    long count;
    int responses, simulation;  /* what they record; whose rules the summary goes by */
    const char *size_name;      /* "sites", "units" */
    double size;                /* of a member */
    double doubles, operations; /* of one member; of all its steps */
    size_t kept;                /* of the first member (weights.h); 0: nothing */
};

dmft_estimate mlp_members_estimate(const struct mlp_members *m, const dmft_problem *problem, int threads);

/* Returns as dmft_solve does. */
int mlp_members_run(const struct mlp_members *m, const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
