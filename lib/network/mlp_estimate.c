/*
 * Dense nonlinear networks as an ensemble: memory and operations, from the sizes alone. Bytes are those of the arrays that mlp.c and singular.c take.
 * Operations count multiplications and additions one by one, a Gaussian number and a value of an activation as several of them, and the products of
 * an eigensolver by their usual number, so that the time of a run is known to a factor of about two.
 */
#include <math.h>

#include "base/cost.h"
#include "ensemble/mlp_run.h"
#include "ensemble/weights.h"
#include "network/mlp.h"
#include "network/mlp_many.h"

/* A Gaussian number takes as long as this many operations of a matrix-vector product (7 ns at 4 a nanosecond), and so, about, does phi with phi'. */
static const double GAUSSIAN = 30, ACTIVATION = 30;

struct size {
    double N, P, all, K, L, T; /* all: P + Q */
};

static struct size size_of(const dmft_problem *problem)
{
    const struct mlp_problem *m = &problem->mlp;
    return (struct size){.N = (double)problem->simulation.width,
                         .P = (double)m->samples,
                         .all = (double)m->samples + (double)m->tests,
                         .K = (double)m->outputs,
                         .L = problem->depth,
                         .T = (double)problem->rows};
}

static double wanted_of(const dmft_problem *problem) { return fmin(problem->outlier_count + 1.0, (double)problem->simulation.width); }

/* Entries of all weights, A_0 with a column for every input. */
static double entries(const dmft_problem *problem)
{
    struct size s = size_of(problem);
    return s.N * (s.all + (s.L - 1) * s.N + s.K + (problem->mlp.bias ? s.L : 0));
}

static double singular_doubles(const dmft_problem *problem)
{
    struct size s = size_of(problem);
    double wanted = wanted_of(problem);
    if (problem->depth == 1) return wanted;
    return (s.L - 1) * (wanted + DENSE_MLP_STARTS) * s.N + s.N + wanted + singular_solver_doubles(s.N, wanted);
}

/* Numbers kept of the first network's weights, at most: 0 unless they are to be stored. */
static size_t kept_of(const dmft_problem *problem)
{
    size_t L = (size_t)problem->depth, N = (size_t)problem->simulation.width, K = problem->mlp.outputs;
    size_t inputs = problem->mlp.samples + problem->mlp.tests;
    return problem->store_weights ? weights_doubles(L + 1, N * (inputs + (L - 1) * N + K)) : 0;
}

double dense_mlp_doubles(const dmft_problem *problem)
{
    struct size s = size_of(problem);
    int many = mlp_many_is_better(problem);
    double PK = s.P * s.K, weights = entries(problem) * (problem->momentum > 0 ? 2 : 1);
    double vectors = s.N * (s.L * (s.all + s.P + (many ? 0 : PK)) + s.all + s.P) + s.P * fmax(s.N, s.all);
    double small = 3 * s.all * s.all + s.all * (s.K + 65) + 2 * PK + 2 * s.P; /* the factor of K^x while it is found */
    double measures = many ? mlp_many_doubles(problem) : s.P * s.P + 2 * PK * PK + 39 * PK; /* with integers of half the size */
    double history = problem->store_kernels ? s.L * s.T * s.P * s.N * (1 + s.K) : 0;
    return weights + vectors + small + measures + history + singular_doubles(problem);
}

/* Part of the steps that is probed. */
static double probed(const dmft_problem *problem)
{
    double T = (double)problem->rows;
    return (floor((T - 1) / fmax(1, (double)problem->probes.every)) + 1) / T;
}

double dense_mlp_operations(const dmft_problem *problem)
{
    struct size s = size_of(problem);
    int many = mlp_many_is_better(problem);
    double PK = s.P * s.K, batch = (double)problem->mlp.batch_size, forward = s.all, backward = many ? 0 : PK, momentum = problem->momentum > 0 ? 2 : 0;
    double passes = 2 * s.N * ((s.L - 1) * s.N * (forward + backward + batch) + s.all * (forward + batch) + s.K * (forward + batch));
    double matrices = cost_of_products(passes, s.P) + 2 * s.N * (s.L - 1) * s.N * momentum;
    double sites = s.L * s.N * (ACTIVATION * s.all + 3 * backward + 4 * (s.P + backward));
    double ntk = cost_of_products(2 * s.N * (s.L * PK * PK + (s.L + 1) * s.P * s.P), PK) + cost_of_eigenvalues(PK) + 2 * s.L * PK * PK;
    double kernels = problem->store_kernels ? cost_of_products(s.L * s.T * s.P * s.P * s.N * (1 + s.K), s.P) : 0; /* half of the history in the mean */
    return matrices + sites + kernels + (many ? mlp_many_operations(problem) + mlp_many_probe_operations(problem) * probed(problem) : ntk);
}

/* The spectra of a recorded step. */
static double spectrum_operations(const dmft_problem *problem)
{
    struct size s = size_of(problem);
    double product = 4 * s.N * s.N + 8 * singular_space(wanted_of(problem)) * s.N;
    return (s.L - 1) * singular_products(s.N) * cost_of_vectors(product, s.N * s.N);
}

/* The ensemble that these networks are. */
static struct mlp_members networks_of(const dmft_problem *problem)
{
    struct mlp_table table = mlp_table_of(problem, 0);
    return (struct mlp_members){.kind = &ensemble_dense_mlp,
                                .count = problem->simulation.seeds,
                                .simulation = 1,
                                .size_name = "units",
                                .size = (double)problem->simulation.width,
                                .doubles = dense_mlp_doubles(problem),
                                .kept = kept_of(problem),
                                .operations = GAUSSIAN * entries(problem) + (double)problem->rows * dense_mlp_operations(problem) +
                                              (double)table.recorded * spectrum_operations(problem)};
}

dmft_estimate dense_mlp_estimate(const dmft_problem *problem, int threads)
{
    struct mlp_members members = networks_of(problem);
    return mlp_members_estimate(&members, problem, threads);
}

int dense_mlp_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct mlp_members members = networks_of(problem);
    return mlp_members_run(&members, problem, options, out, err);
}
