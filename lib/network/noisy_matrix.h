/* Sampled matrices in training under signal, weight decay and gradient noise: the independent check of model noisy_matrix. */
#ifndef DMFT_NETWORK_NOISY_MATRIX_H
#define DMFT_NETWORK_NOISY_MATRIX_H

#include "dmft.h"

/* Streams of one matrix, by purpose. */
enum noisy_matrix_purpose { NOISY_MATRIX_TEACHER = 8192, NOISY_MATRIX_INPUTS, NOISY_MATRIX_LABELS, NOISY_MATRIX_WEIGHTS, NOISY_MATRIX_STEPS };

/* Refuses sizes that cannot be counted. */
int noisy_matrix_simulate_check(const dmft_problem *problem, dmft_error *err);

dmft_estimate noisy_matrix_simulate_estimate(const dmft_problem *problem, int threads);
int noisy_matrix_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err);

#endif
