/* Model mlp: which members a problem is solved with, exact (one), revealed or response (independent replicas), or simulated with, and what they take. */
#include "model/solve.h"

#include "ensemble/mlp_run.h"
#include "model/replica.h"
#include "model/response.h"

static struct mlp_members replicas_of(const dmft_problem *p)
{
    int exact = p->mlp.solver == SOLVER_EXACT, response = p->mlp.solver == SOLVER_RESPONSE;
    size_t sites = exact ? 0 : (size_t)p->mlp.sampling.sites;
    return (struct mlp_members){.kind = response ? &ensemble_response : &ensemble_replica,
                                .count = exact ? 1 : p->mlp.sampling.replicas,
                                .responses = response,
                                .size_name = "sites",
                                .size = (double)sites,
                                .doubles = response ? response_doubles(p) : replica_doubles(p, sites),
                                .operations = response ? response_operations(p) : replica_operations(p, sites) * (double)p->rows};
}

static struct mlp_members networks_of(const dmft_problem *p)
{
    return (struct mlp_members){.kind = &ensemble_revealed_network,
                                .count = p->simulation.seeds,
                                .simulation = 1,
                                .size_name = "units",
                                .size = (double)p->simulation.width,
                                .doubles = revealed_network_doubles(p),
                                .operations = revealed_network_operations(p) * (double)p->rows};
}

dmft_estimate mlp_solve_estimate(const dmft_problem *p, int threads)
{
    struct mlp_members members = replicas_of(p);
    return mlp_members_estimate(&members, p, threads);
}

int mlp_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct mlp_members members = replicas_of(p);
    return mlp_members_run(&members, p, options, out, err);
}

dmft_estimate mlp_simulate_estimate(const dmft_problem *p, int threads)
{
    struct mlp_members members = networks_of(p);
    return mlp_members_estimate(&members, p, threads);
}

int mlp_simulate(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct mlp_members members = networks_of(p);
    return mlp_members_run(&members, p, options, out, err);
}
