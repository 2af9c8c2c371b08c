/* dmft_simulate for dense networks of model mlp. */
#include "base/error.h"
#include "network/mlp.h"

int dense_mlp_simulate(const dmft_problem *problem, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct mlp_table table = mlp_table_of(problem, 0);
    struct ensemble_plan plan = {
        .kind = &ensemble_dense_mlp, .problem = problem, .members = problem->simulation.seeds, .rows = problem->rows, .slot = table.slot};
    struct ensemble_results results;
    double bytes = dense_mlp_estimate(problem, options != NULL ? options->threads : 1).bytes, limit = options != NULL ? (double)options->memory_limit : 0.0;
    if (limit > 0.0 && bytes > limit)
        return error_set(err, DMFT_ERROR_MEMORY_LIMIT, "simulating %ld networks of N = %ld, %ld at a time, takes %.4g MB, above the limit of %.4g MB",
                         plan.members, problem->simulation.width, ensemble_threads(plan.members, options), bytes / 1e6, limit / 1e6);
    if (!(bytes < 0x1p60)) return error_memory(err, bytes); /* no size_t counts it */
    plan.operations = dense_mlp_operations(problem) + dense_mlp_spectrum_operations(problem) / (double)problem->outlier_every;
    int status = ensemble_run(&results, &plan, options, err);
    if (status != DMFT_OK) return status;
    status = mlp_table_summary(out, problem, &table, &results, 1, err);
    ensemble_results_free(&results);
    return status;
}
