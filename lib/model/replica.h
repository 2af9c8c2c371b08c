/* Members of an ensemble that are networks of lib/model/mlp.h: replicas of the theory, and very wide sampled networks. They record into struct
 * mlp_table of lib/ensemble/mlp_table.h without responses. */
#ifndef DMFT_MODEL_REPLICA_H
#define DMFT_MODEL_REPLICA_H

#include "ensemble/ensemble.h"

/* Solver exact: one member. Solver revealed: sampling.replicas members of sampling.sites sites; outliers are those of the limit (N2). */
extern const struct ensemble_kind ensemble_replica;

/* simulation.seeds networks of width simulation.width, exact in law; spectra are those of that matrix, (N9) or, of very wide ones, (B4). */
extern const struct ensemble_kind ensemble_revealed_network;

/* What one member takes in memory, in doubles, with so many sites (0: exact coordinates), and the operations of one of its steps. */
double replica_doubles(const struct dmft_problem *problem, size_t sites);
double replica_operations(const struct dmft_problem *problem, size_t sites);

/* The same for a network of engine revealed. */
double revealed_network_doubles(const struct dmft_problem *problem);
double revealed_network_operations(const struct dmft_problem *problem);

#endif
