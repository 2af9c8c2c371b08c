/* A validated problem: plain data, immutable once made (lib/io/config.c makes it). */
#ifndef DMFT_BASE_PROBLEM_H
#define DMFT_BASE_PROBLEM_H

#include <math.h>

#include "base/activation.h"
#include "dmft.h"

/* Every model: its name in capitals, its name. A model has a row in the tables of lib/io/problem.c, lib/model/solve.c and lib/run/simulate.c. */
#define MODEL_TABLE(X)            \
    X(DEEP_LINEAR, deep_linear)   \
    X(MLP, mlp)                   \
    X(EXTENSIVE_OUTPUT, extensive_output) \
    X(NOISY_MATRIX, noisy_matrix) \
    X(TWO_LAYER_LINEAR_WIDTH, two_layer_linear_width) \
    X(LOW_DEGREE_FILTER, low_degree_filter)

enum model_kind {
#define MODEL_ENTRY(NAME, name) MODEL_##NAME,
    MODEL_TABLE(MODEL_ENTRY)
#undef MODEL_ENTRY
    MODEL_COUNT
};

enum parameterization { PARAMETERIZATION_MUP, PARAMETERIZATION_NTK };
enum batch { BATCH_FULL, BATCH_ONLINE, BATCH_BERNOULLI, BATCH_EPOCH };
enum method { METHOD_BASIS, METHOD_ROWS, METHOD_LAZY };
enum grid { GRID_UNIFORM, GRID_GEOMETRIC, GRID_ADAPTIVE };
enum mlp_solver { SOLVER_EXACT, SOLVER_REVEALED, SOLVER_RESPONSE };
enum loss { LOSS_SQUARED, LOSS_LOGISTIC, LOSS_SOFTMAX };
enum draws { DRAWS_SOBOL, DRAWS_GAUSSIAN };
enum engine { ENGINE_DENSE, ENGINE_REVEALED };

/* What is particular to model mlp. Inputs mu = 0 .. P-1 are trained on, P .. P+Q-1 are test inputs. */
struct mlp_problem {
    enum mlp_solver solver;
    dmft_activation activation;
    char *activation_name; /* of a function of the caller's, which activation.name then points to; or NULL */
    int bias;             /* of the hidden layers, from 0 */
    enum loss loss;
    size_t samples, tests, outputs; /* P >= 1, Q >= 0, K >= 1 */
    double *gram;         /* K^x = X X^T/D of all inputs, (P+Q) x (P+Q), symmetric, positive semidefinite */
    double *target;       /* P x K */
    double *test_target;  /* Q x K, or NULL */
    size_t batch_size;    /* 1 .. P */
    unsigned long batch_seed;
    size_t *chosen, chosen_count; /* samples with overlaps of their own */
    long represent_every; /* representations are recorded at steps 0, every, 2 every, ..; 0: never */
    int means_only;       /* no series of single samples */
    struct {
        long sites, replicas;
        unsigned long seed;
        enum draws draws;
        int moment_matching;
        double tolerance;
    } sampling;
};

/* What is particular to model extensive_output; its ratio N/D is width_ratio, 0 where there is none. */
struct extensive_output_problem {
    int trained;            /* the readout */
    int infinite;           /* the theory is that of the wide limit */
    double weight_variance; /* sigma_0^2: W has entries of variance sigma_0^2/D (frozen) */
    double first_layer_gram, readout_gram; /* a, b: entries of variance a/N, b/N (trained) */
    double teacher_variance;  /* sigma_*^2, of entries sigma_*^2/D */
    double output_ratio;    /* K/N (frozen) */
    double teacher_ratio;   /* K/D (trained) */
    double *time;           /* rows numbers, rising */
    long quantiles;
};

/* What is particular to model noisy_matrix: a matrix N x D in training towards a teacher of rank one. */
struct noisy_matrix_problem {
    double ratio;          /* r = N/D > 0 */
    double variance;       /* sigma^2 >= 0, entries at the start times D */
    double teacher;        /* its singular value, >= 0 */
    double samples;        /* alpha = P/D > 0; INFINITY: the population */
    double label_noise;    /* sigma_eps >= 0; 0 where samples = INFINITY */
    double gradient_noise; /* S/B >= 0 */
};

enum target_function { TARGET_LINEAR, TARGET_QUADRATIC, TARGET_PRODUCT, TARGET_STAIRCASE };
enum labels { LABELS_SIGN, LABELS_VALUE };
enum eigensolver { EIGENSOLVER_AUTOMATIC, EIGENSOLVER_DENSE, EIGENSOLVER_KRYLOV };

/* What is particular to model low_degree_filter. */
struct low_degree_filter_problem {
    enum activation_kind activation;
    size_t features, kept;             /* p >= 1, 1 <= k <= samples, features */
    size_t samples, tests, input_dim;  /* n >= 2, Q >= 1, D >= 1 */
    enum target_function target;       /* of Gaussian inputs */
    size_t directions;                 /* r, 1 .. D; 0: the data are those of a file */
    enum labels labels;
    int shared;                        /* all members have the data of member 0 */
    double *input, *label;             /* of a file: rows x D, rows */
    size_t rows, test_rows;            /* those to train on, and those behind them that are for tests; 0 of these: tests are drawn from `rows` too */
    size_t folds, penalties, permutations;
    double penalty_min, penalty_max;
    enum eigensolver eigensolver;
    size_t held;                       /* blocks of features that a simulation keeps in memory; 0 in a problem: a run decides */
};

enum optimizer { OPTIMIZER_GD, OPTIMIZER_SGD, OPTIMIZER_ADAM };
enum readout_scale { READOUT_SMALL, READOUT_ORDER_ONE };

/* What is particular to model two_layer_linear_width. */
struct two_layer_problem {
    dmft_activation activation, teacher; /* both centred and of unit variance */
    int readout_trained;
    enum readout_scale readout_scale;
    double readout_variance; /* sigma_a^2 > 0 */
    enum optimizer optimizer;
    double batch_fraction;   /* of the samples, (0, 1]; 1 with gd */
    double beta1, beta2, epsilon; /* adam */
    long every;              /* spectra at steps 0, 1, every, 2 every, .., and the last */
    long nulls;              /* independent initialisations that the distance of the bulk is held against */
};

struct dmft_problem {
    char *model;            /* its name in MODEL_TABLE */
    enum model_kind kind;
    int depth;              /* L >= 1 */
    double width_ratio;     /* nu = N/D > 0 */
    enum parameterization parameterization;
    double gamma0;          /* > 0 */
    double *weight_variance; /* sigma_l^2 of A_0 .. A_{L-1} and of the readout, L+1 numbers >= 0 */
    double sample_ratio;    /* alpha = P/D > 0 */
    double label_noise;     /* sigma_eps >= 0 */
    enum batch batch;
    double batch_fraction;  /* q in (0, 1]: bernoulli and epoch (1/q an integer); 1 otherwise */
    size_t modes;           /* of the inputs' spectrum, n; 0: isotropic inputs */
    double *eigenvalue;     /* lambda_k, n numbers of mean 1 (E5); NULL where modes = 0 */
    double *target_mode;    /* w*_k >= 0, n numbers with mean of lambda_k w*_k^2 = 1 */
    int residual;           /* branches around A_1 .. A_{L-1}, each times L^{-1/2} (E10) */
    double learning_rate;   /* eta > 0; 1 in flow, where c is the step a unit of time */
    double *schedule;       /* e_t, T numbers >= 0, or NULL: all 1 */
    double momentum, weight_decay; /* mu, omega in [0, 1) (E1) */
    double *weight_factor, *injected_variance; /* f_l, I_l >= 0 of A_0 .. A_{L-1} and the readout (KN1), or both NULL; weight_decay is then 0 */
    long steps;             /* T >= 1; in flow the number of intervals of the grid, of an adaptive one the most allowed */
    long rows;              /* of a result: T; in flow T + 1, both ends of the grid */
    int flow;               /* gradient flow */
    double time;            /* > 0: where the flow ends */
    enum grid grid;
    double grid_tolerance;  /* >= 0; 0: one step an interval */
    double grid_first;      /* > 0: first interval of a geometric grid */
    enum method method;
    double tolerance;       /* of the basis form */
    int outlier_count;      /* outliers followed per matrix, >= 1 */
    long outlier_every;     /* at steps 0, every, 2 every, .. */
    int store_kernels, store_weights;
    struct {
        int ntk, sharpness; /* what is probed, at steps 0, every, 2 every, .. */
        long every, rows;   /* rows: of a Lanczos run */
    } probes;
    struct {
        int given;          /* simulation.input_dim was given by the user */
        long input_dim;     /* D */
        long seeds;         /* number of networks */
        unsigned long seed;
        long width;             /* N; mlp, where it is also what `given` speaks of */
        enum engine engine;
    } simulation;
    struct two_layer_problem two_layer; /* model two_layer_linear_width only */
    struct mlp_problem mlp;     /* model mlp only; deep_linear alone uses width_ratio, parameterization, sample_ratio, label_noise, batch, flow .. method */
    struct extensive_output_problem extensive_output;
    struct noisy_matrix_problem noisy_matrix; /* with learning_rate, weight_decay, steps, rows, outlier_every, store_kernels, simulation */
    struct low_degree_filter_problem filter; /* model low_degree_filter only; of the above it uses depth and label_noise */
    char *text;             /* canonical YAML */
};

/* What decay omega leaves of the initial weights after t updates, b(t) of (E1). */
static inline double problem_kept(double decay, long t) { return decay > 0.0 ? pow(1.0 - decay, (double)t) : 1.0; }

/* sigma^2 of the bulk of A_l after t updates: what decay leaves of it, or what the factor leaves and the noise brings, v_l(t,t) of (KN2). */
static inline double problem_bulk_variance(const dmft_problem *p, int l, long t)
{
    double first = p->weight_variance[l], steps = (double)t;
    if (p->weight_factor == NULL) return first * pow(problem_kept(p->weight_decay, t), 2.0);
    double f = p->weight_factor[l], noise = p->injected_variance[l];
    if (f == 1.0) return first + steps * noise;
    if (f == 0.0) return t == 0 ? first : noise;
    return first * pow(f, 2.0 * steps) + noise * expm1(2.0 * steps * log(f)) / expm1(2.0 * log(f));
}

#endif
