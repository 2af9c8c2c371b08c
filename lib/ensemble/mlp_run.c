/* Ensembles of model mlp: what they take, and their way from the first member to the summary. Memory: members at a time, all slots, the trajectory, and
 * twice the weights that are kept. */
#include "ensemble/mlp_run.h"

#include "base/error.h"
#include "ensemble/weights.h"

dmft_estimate mlp_members_estimate(const struct mlp_members *m, const dmft_problem *p, int threads)
{
    dmft_run_options options = {.threads = threads};
    struct mlp_table table = mlp_table_of(p, m->responses);
    double members = (double)m->count, at_a_time = (double)ensemble_threads(m->count, &options);
    return (dmft_estimate){.bytes = 8.0 * (at_a_time * m->doubles + members * ((double)table.slot + 1.0) + 2.0 * (double)m->kept) + mlp_table_bytes(&table, p),
                           .operations = members * m->operations};
}

/* Refuses what passes the limit, or what no size_t can count. */
static int check_memory(const struct mlp_members *m, const dmft_problem *p, const dmft_run_options *options, dmft_error *err)
{
    double bytes = mlp_members_estimate(m, p, options != NULL ? options->threads : 1).bytes, limit = options != NULL ? (double)options->memory_limit : 0.0;
    if (limit > 0.0 && bytes > limit)
        return error_set(err, DMFT_ERROR_MEMORY_LIMIT, "%ld %ss of %.0f %s, %ld at a time, take %.4g MB, above the limit of %.4g MB", m->count,
                         m->kind->name, m->size, m->size_name, ensemble_threads(m->count, options), bytes / 1e6, limit / 1e6);
    return bytes < 0x1p60 ? DMFT_OK : error_memory(err, bytes);
}

int mlp_members_run(const struct mlp_members *m, const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct ensemble_results results;
    struct mlp_table table = mlp_table_of(p, m->responses);
    struct ensemble_plan plan = {.kind = m->kind,
                                 .problem = p,
                                 .members = m->count,
                                 .rows = p->rows,
                                 .slot = table.slot,
                                 .kept = m->kept,
                                 .operations = m->operations / (double)p->rows};
    int status = check_memory(m, p, options, err);
    if (status == DMFT_OK) status = ensemble_run(&results, &plan, options, err);
    if (status != DMFT_OK) return status;
    dmft_trajectory *t = NULL;
    status = mlp_table_summary(&t, p, &table, &results, m->simulation, err);
    status = weights_attach(out, t, status, p, &results, err);
    ensemble_results_free(&results);
    return status;
}
