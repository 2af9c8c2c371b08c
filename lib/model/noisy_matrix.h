/* One matrix under signal, weight decay and gradient noise: the law of its bulk and spike after any number of steps, and where it becomes critical. */
#ifndef DMFT_MODEL_NOISY_MATRIX_H
#define DMFT_MODEL_NOISY_MATRIX_H

#include "base/problem.h"
#include "spectrum/spiked.h"

/* The matrix, and nodes over the law of the sample covariance for one step size and time. */
struct noisy_matrix {
    const struct noisy_matrix_problem *problem;
    double decay;                /* omega */
    double q, scale, mass;       /* s = scale x (Marchenko-Pastur of ratio q) with part `mass`, else 0; q = 0: s = 1 */
    double most;                 /* the largest s */
    size_t level;                /* nodes to begin with */
    double *s, *weight, *tau, *spike;
    size_t nodes;                /* that they hold */
};

int noisy_matrix_create(struct noisy_matrix *w, const dmft_problem *problem, dmft_error *err);
void noisy_matrix_free(struct noisy_matrix *w);
double noisy_matrix_bytes(const dmft_problem *problem);

/* The law after `time` >= 0 steps of size `rate`, with so many nodes that more would not change it. A time that is not whole needs 1 - omega - rate s > 0.
 * Error: DMFT_ERROR_NUMERIC. */
int noisy_matrix_law(struct noisy_matrix *w, double rate, double time, struct spectrum_spiked_law *law, dmft_error *err);

/* Variance of the bulk (NM4) on the nodes of the last law, and its limit for long times (NM5): inf where there is none. */
double noisy_matrix_variance(const struct noisy_matrix *w);
double noisy_matrix_stationary(const struct noisy_matrix *w, double rate);

/* kappa(t, s) (NM4) of steps 0 .. rows-1, symmetric, on the nodes of the last law; `work` has room for 3 rows. */
void noisy_matrix_kernel(const struct noisy_matrix *w, double rate, size_t rows, double *kernel, double *work);

/* The step sizes between which there is an isolated eigenvalue after `steps` steps (NM10): the least is nan where no stable one has, 0 where any has; the
 * other is where the noise takes it again, nan where it does not. What is past a law that no number of nodes resolves is
 * nan, here and in the next. */
void noisy_matrix_critical_rates(struct noisy_matrix *w, long steps, double rate[2]);

/* The time from which on there is one (NM11): nan where there is none within 2^23 steps, or where weights change sign from step to step. */
double noisy_matrix_critical_time(struct noisy_matrix *w, double rate);

#endif
