/*
 * slow_training.h - slow reference for deep linear networks as people train
 * them: schedules, momentum, weight decay, anisotropic inputs, batches of a
 * fixed sample, residual branches, and every mixture; with the outliers of the
 * weights and with Lanczos probes of the tangent kernel; and weights that are
 * multiplied by a factor and shaken by noise at every step.  Tests only.
 *
 * It shares no code with the library, and uses LAPACK for eigenvalues alone.
 */
#ifndef SLOW_TRAINING_H
#define SLOW_TRAINING_H

enum slow_batch { SLOW_FULL, SLOW_ONLINE, SLOW_BERNOULLI, SLOW_EPOCH };

typedef struct slow_training {
    int depth, steps;              /* L >= 1, T >= 1 */
    double width_ratio;            /* nu = N/D > 0 */
    double sample_ratio;           /* alpha = P/D > 0, or B/D when online */
    double gamma0;                 /* > 0 */
    double label_noise;            /* sigma_eps */
    double learning_rate;          /* eta */
    const double *weight_variance; /* L+1 of them: A_0 .. A_{L-1}, readout; zero allowed */
    int ntk;                       /* 0 muP: gamma = gamma0 sqrt(nu); 1 NTK: gamma = gamma0 */
    int residual;                  /* branches around A_1 .. A_{L-1}, each times L^{-1/2} */
    enum slow_batch batch;
    double fraction;               /* q, of Bernoulli batches and epochs (1/q an integer) */
    int modes;                     /* n; 0: isotropic inputs */
    const double *eigenvalue;      /* lambda_k of mean 1 */
    const double *target;          /* w*_k, mean of lambda_k w*_k^2 = 1 */
    const double *schedule;        /* e_t, T numbers, or NULL: all 1 */
    double momentum, decay;        /* mu, omega */
    const double *factor;          /* f_l, L+1 of them, or NULL: all 1 - omega */
    const double *injected;        /* I_l, variance times fan-in of what is added to A_l at each step, or NULL: none */
    int probe_rows;                /* most rows of a Lanczos run; 0: no probes */
} slow_training;

/*
 * Kernels are tables K(t,s) = K[t * stride + s], t, s < T; in a response the
 * row is the later time.  delta is the error that a step sees: Delta on the
 * samples of its batch, 0 on the others; Delta is that of all samples.
 * Responses are to the fields of what is left of A at t, and of what was added.
 */
typedef struct slow_run {
    slow_training p;
    int stride;
    double *C_v, *R_v, *C_Delta, *C_delta, *R_delta;
    double **C_h, **R_h;           /* [0..L]; [0] is vhat */
    double **C_g, **R_g;           /* [1..L], and C_g[L+1] = 1, R_g[L+1] = 0 */
    struct slow_state *state;
} slow_run;

slow_run *slow_train(const slow_training *p); /* NULL when out of memory */
void slow_run_free(slow_run *r);              /* NULL allowed */

/* An outlier of A_layer after t updates. */
typedef struct slow_outlier {
    double z, edge;                /* z is what counts as outlier above `edge` */
    double left, right;            /* (g(t).A)^2/M, (phi(t).B)^2/N */
    double target;                 /* cos^2 of B with w*, A_0 alone */
} slow_outlier;

/* Fills at most `most`, the largest first, and returns how many there are in all; -1 on failure. */
int slow_outliers(const slow_run *r, int layer, int t, int most, slow_outlier *out);

/*
 * The two Lanczos runs at step t, from w* and from a vector that is independent
 * of all.  The second gives the edges of the bulk, in two ways: a_k -+ 2 b_k,
 * which settles fast where the bulk is one band, else never; and its largest
 * Ritz value, which comes as 1/k^2 to the upper edge of any bulk.
 */
typedef struct slow_probe {
    double top, top_drift;         /* largest Ritz value from w*, and what the last 3 rows added to it */
    double lower, upper;           /* a_k -+ 2 b_k; nan where the rows are exhausted before the end */
    double drift;                  /* by how much the two moved in the last 3 rows, the larger */
    double reach_upper;            /* the largest Ritz values after two thirds of the rows and after all, extrapolated */
} slow_probe;

/* Of M_t (through_X 0) or of M^{1/2} (X^T X/P) M^{1/2} (1), with `rows` rows each. 0 on failure. */
int slow_probe_at(slow_run *r, int t, int through_X, int rows, slow_probe *out);

/* The upper edge of the same bulk by nested Marchenko-Pastur laws; isotropic inputs, no branches, variances of A_l above 0. */
double slow_nested_edge(const slow_run *r, int t, int through_X);

#endif
