/* Deep linear networks with fixed inputs, at infinite width: the slow definition. Plain loops over site equations in (time, sample); no library code. */
#ifndef TESTS_SLOW_MLP_LINEAR_H
#define TESTS_SLOW_MLP_LINEAR_H

enum slow_loss { SLOW_SQUARED, SLOW_LOGISTIC, SLOW_SOFTMAX };

typedef struct {
    int depth, steps, samples, tests, outputs, bias;
    double gamma0, learning_rate, momentum, weight_decay;
    const double *weight_variance, *gram, *target; /* L + 1; (P + Q)^2; P x K */
    const double *schedule;                        /* T, or NULL */
    const int *batch;                              /* T x P: 1 where the sample is in the batch of the step; or NULL: all */
    enum slow_loss loss;
} slow_mlp_problem;

/* Row t: f (P + Q) x K, then <phi^2> of L x P, then <g^2> (mean over outputs) of L, then the (P K)^2 NTK. */
typedef struct {
    int columns, forward, backward, ntk;
    double *row;
} slow_mlp_rows;

/* `row` is NULL when out of memory. */
slow_mlp_rows slow_mlp_linear(const slow_mlp_problem *p);

#endif
