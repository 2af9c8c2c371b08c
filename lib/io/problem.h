/* How a problem comes about. Each model settles a draft (checks what belongs together, gives what has no value the one it will have), and fills the problem
 * from it. */
#ifndef DMFT_IO_PROBLEM_H
#define DMFT_IO_PROBLEM_H

#include "base/problem.h"
#include "io/config.h"
#include "io/data.h"

struct problem_draft {
    dmft_config config;   /* a copy whose values may be replaced; it owns none of them */
    struct data_set data; /* model mlp */
    struct data_table train, test; /* model low_degree_filter */
    double *rows;         /* numbers that values of the copy point to, freed with the draft */
    double single[4];     /* likewise */
    char remark[64];      /* the last line of the text, a comment; or "" */
};

int problem_settle_deep_linear(struct problem_draft *draft, dmft_error *err);
int problem_settle_mlp(struct problem_draft *draft, dmft_error *err);
int problem_settle_extensive_output(struct problem_draft *draft, dmft_error *err);
int problem_settle_noisy_matrix(struct problem_draft *draft, dmft_error *err);
int problem_settle_low_degree_filter(struct problem_draft *draft, dmft_error *err);
int problem_settle_two_layer(struct problem_draft *draft, dmft_error *err);

/* 0 when out of memory. */
int problem_fill_deep_linear(struct dmft_problem *problem, struct problem_draft *draft);
int problem_fill_mlp(struct dmft_problem *problem, struct problem_draft *draft);
int problem_fill_extensive_output(struct dmft_problem *problem, struct problem_draft *draft);
int problem_fill_noisy_matrix(struct dmft_problem *problem, struct problem_draft *draft);
int problem_fill_low_degree_filter(struct dmft_problem *problem, struct problem_draft *draft);
int problem_fill_two_layer(struct dmft_problem *problem, struct problem_draft *draft);

/* What deep_linear and mlp share, called first by theirs. */
int problem_settle_network(const dmft_config *config, dmft_error *err);
int problem_fill_network(struct dmft_problem *problem, const dmft_config *config);

/* Rows of a result of this configuration, whose model is given, or 0 where a setting that says so is missing; what is swept is left out of account. */
size_t problem_rows(const dmft_config *config);
size_t problem_rows_network(const dmft_config *config);
size_t problem_rows_low_degree_filter(const dmft_config *config);
size_t problem_rows_extensive_output(const dmft_config *config);

/* Required settings that this configuration does without. */
int problem_spares_deep_linear(const dmft_config *config, enum setting_id id);
int problem_spares_extensive_output(const dmft_config *config, enum setting_id id);
int problem_spares_noisy_matrix(const dmft_config *config, enum setting_id id);

const struct config_value *problem_value(const dmft_config *config, enum setting_id id);
double problem_number(const dmft_config *config, enum setting_id id); /* the first; the value must be there */
int problem_flow(const dmft_config *config);

/* Gives a setting a number of its own: place 0 .. of draft->single. */
void problem_put(struct problem_draft *draft, int place, enum setting_id id, double number);

/* The name of a data file as it can be opened: one of the configuration file starts where that file is. NULL when out of memory. */
char *config_file_name(const dmft_config *config, const struct config_value *value);
char *problem_file_name(const dmft_config *config, enum setting_id id);

/* The settings that have a value and belong to the model, as YAML; those that are swept are left out. */
void problem_print(FILE *out, const dmft_config *config);

/* "KEY: why", at the place of the value. */
int problem_refuse(const dmft_config *config, enum setting_id id, const char *why, dmft_error *err);

/* "KEY is missing: .., why". */
int problem_missing(const dmft_config *config, enum setting_id id, const char *why, dmft_error *err);

#endif
