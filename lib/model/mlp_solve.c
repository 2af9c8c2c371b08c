/* Model mlp: which members a problem is solved with, exact (one), revealed or response (independent replicas), or simulated with, and what they take. */
#include "model/mlp_solve.h"

#include "base/error.h"
#include "ensemble/mlp_table.h"
#include "model/replica.h"
#include "model/response.h"

/* An ensemble with what it needs. */
struct plan {
    struct ensemble_plan plan;
    struct mlp_table table;
    const char *size_name;
    double size, doubles, operations; /* sites; of one member; of all its steps */
};

static struct plan replicas_of(const dmft_problem *p)
{
    long sites = p->mlp.solver == SOLVER_EXACT ? 0 : p->mlp.sampling.sites, members = p->mlp.solver == SOLVER_EXACT ? 1 : p->mlp.sampling.replicas;
    int response = p->mlp.solver == SOLVER_RESPONSE;
    struct plan plan = {.plan = {.kind = response ? &ensemble_response : &ensemble_replica, .members = members},
                        .table = mlp_table_of(p, response),
                        .size_name = "sites",
                        .size = (double)sites};
    plan.doubles = response ? response_doubles(p) : replica_doubles(p, (size_t)sites);
    plan.operations = response ? response_operations(p) : replica_operations(p, (size_t)sites) * (double)p->rows;
    return plan;
}

static struct plan networks_of(const dmft_problem *p)
{
    long N = p->simulation.width;
    struct plan plan = {.plan = {.kind = &ensemble_revealed_network, .members = p->simulation.seeds},
                        .table = mlp_table_of(p, 0),
                        .size_name = "units",
                        .size = (double)N,
                        .doubles = revealed_network_doubles(p),
                        .operations = revealed_network_operations(p) * (double)p->rows};
    return plan;
}

static dmft_estimate estimate(const struct plan *plan, const dmft_problem *p, int threads)
{
    dmft_run_options options = {.threads = threads};
    double members = (double)plan->plan.members, at_a_time = (double)ensemble_threads(plan->plan.members, &options);
    return (dmft_estimate){.bytes = 8.0 * (at_a_time * plan->doubles + members * ((double)plan->table.slot + 1.0)) + mlp_table_bytes(&plan->table, p),
                           .operations = members * plan->operations};
}

static int run(struct plan *plan, const dmft_problem *p, const dmft_run_options *options, int simulation, dmft_trajectory **out, dmft_error *err)
{
    struct ensemble_results results;
    double bytes = estimate(plan, p, options != NULL ? options->threads : 1).bytes, limit = options != NULL ? (double)options->memory_limit : 0.0;
    if (limit > 0.0 && bytes > limit)
        return error_set(err, DMFT_ERROR_MEMORY_LIMIT, "%ld %ss of %.0f %s, %ld at a time, take %.4g MB, above the limit of %.4g MB", plan->plan.members,
                         plan->plan.kind->name, plan->size, plan->size_name, ensemble_threads(plan->plan.members, options), bytes / 1e6, limit / 1e6);
    if (!(bytes < 0x1p60)) return error_memory(err, bytes); /* no size_t counts it */
    plan->plan.problem = p;
    plan->plan.rows = p->rows;
    plan->plan.slot = plan->table.slot;
    plan->plan.operations = plan->operations / (double)p->rows;
    int status = ensemble_run(&results, &plan->plan, options, err);
    if (status != DMFT_OK) return status;
    status = mlp_table_summary(out, p, &plan->table, &results, simulation, err);
    ensemble_results_free(&results);
    return status;
}

dmft_estimate mlp_solve_estimate(const dmft_problem *p, int threads)
{
    struct plan plan = replicas_of(p);
    return estimate(&plan, p, threads);
}

int mlp_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct plan plan = replicas_of(p);
    return run(&plan, p, options, 0, out, err);
}

dmft_estimate mlp_simulate_estimate(const dmft_problem *p, int threads)
{
    struct plan plan = networks_of(p);
    return estimate(&plan, p, threads);
}

int mlp_simulate(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct plan plan = networks_of(p);
    return run(&plan, p, options, 1, out, err);
}
