/*
 * Memory and operations of a simulation, from the sizes alone. Bytes are those of the arrays that lib/ensemble, dense.c, spectrum.c, singular.c,
 * probe.c and summary.c take, in the same words. Operations count multiplications and additions one by one; a Gaussian number counts as GAUSSIAN of
 * them, and the products of an eigensolver by their usual number, so that the time of a run is known to a factor of about two; in gradient flow, where
 * rates grow with what is learned, to one of some more.
 */
#include <math.h>

#include "base/cost.h"
#include "network/network.h"

/* A Gaussian number takes as long as this many operations of a matrix-vector product (7 ns at 4 a nanosecond). */
static const double GAUSSIAN = 30;

/* Samples are drawn at every step; in flow none are. */
static int online(const dmft_problem *problem) { return problem->batch == BATCH_ONLINE && !problem->flow; }

/* Samples that pass at a step. */
static double samples_of(const dmft_problem *problem)
{
    return problem->batch == BATCH_ONLINE && problem->flow ? 0 : network_size_of(problem).samples;
}

/* Entries of all weight matrices. */
static double entries(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    return n.width * n.input_dim + (problem->depth - 1) * n.width * n.width;
}

double network_step_operations(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    double draws = online(problem) ? n.samples * (n.input_dim + (problem->label_noise > 0)) : 0;
    for (int l = 0; problem->injected_variance != NULL && l < problem->depth; l++)
        if (problem->injected_variance[l] > 0) draws += n.width * (l == 0 ? n.input_dim : n.width);
    double updates = problem->momentum > 0 ? 10 : 6; /* and the products of a step, an entry */
    return 4 * samples_of(problem) * n.input_dim + updates * entries(problem) + GAUSSIAN * draws;
}

double network_spectrum_operations(const dmft_problem *problem)
{
    struct network_size n = network_size_of(problem);
    double products = singular_products(n.width), orthogonalising = 8 * singular_space(problem->outlier_count + 1.0) * n.width * problem->depth;
    return products * cost_of_vectors(4 * entries(problem) + orthogonalising, n.width * n.width);
}

/* Evaluations of a network in a run. */
static double evaluations_of(const dmft_problem *problem)
{
    return problem->flow ? NETWORK_STAGES * network_flow_steps(problem) : (double)problem->steps;
}

double network_slot(const dmft_problem *problem)
{
    return (double)problem->rows * (double)network_kernel_columns(problem) +
           (double)network_spectrum_rows(problem) * (double)network_spectrum_columns(problem) +
           (double)probe_rows(problem) * (double)probe_columns(problem);
}

dmft_estimate network_estimate(const dmft_problem *problem, int threads)
{
    struct network_size n = network_size_of(problem);
    double seeds = (double)problem->simulation.seeds, workers = fmin(fmax(1, threads), seeds);
    double network = network_doubles(problem) + network_singular_doubles(problem) + singular_solver_doubles(n.width, problem->outlier_count + 1.0) +
                     probe_doubles(problem);
    double start = entries(problem) + n.width + n.input_dim + (online(problem) ? 0 : samples_of(problem) * n.input_dim);
    double numbers = workers * network + seeds * (network_slot(problem) + 1) + (problem->flow ? (double)problem->rows : 0) + 2 * (double)network_kept(problem);
    return (dmft_estimate){
        .bytes = 8 * numbers + network_summary_bytes(problem),
        .operations = seeds * (GAUSSIAN * start + probe_start_operations(problem) + evaluations_of(problem) * network_step_operations(problem) +
                               (double)network_spectrum_rows(problem) * network_spectrum_operations(problem) +
                               (double)probe_rows(problem) * probe_operations(problem))};
}
