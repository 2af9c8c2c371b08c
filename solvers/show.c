/* dmft show: a result as a table, CSV or JSON, or one of its kernels or weight matrices as .npy. */
#include <stdio.h>
#include <string.h>

#include "io/print.h"
#include "program.h"
#include "run.h"
#include "signals.h"
#include "sweep_result.h"

static int write_npy(const options *o, const struct print_matrix *matrix)
{
    dmft_error err;
    int status = run_check_output(o, o->value[OPTION_npy]);
    if (status != STATUS_DONE) return status;
    signals_hold();
    status = print_npy(o->value[OPTION_npy], matrix, options_given(o, OPTION_force), &err);
    signals_release();
    return status == DMFT_OK ? STATUS_DONE : run_not_written(status, &err);
}

static int write_kernel(const options *o, const dmft_trajectory *t)
{
    size_t order, stride;
    const char *name = o->value[OPTION_kernel];
    const double *data = dmft_trajectory_kernel(t, name, &order, &stride);
    const char *kind = dmft_trajectory_text(t, "kind"), *model = dmft_trajectory_text(t, "model");
    int none = data == NULL && dmft_trajectory_kernel_count(t) == 0;
    if (none && kind != NULL && strcmp(kind, "simulation") == 0 && model != NULL && !run_networks_store_kernels(model))
        return program_error(STATUS_USAGE, "show: %s holds no kernels: networks of model %s store none, the theory does (dmft solve, output.kernels: true)",
                             o->argument[0], model);
    if (none)
        return program_error(STATUS_USAGE, "show: %s holds no kernels (output.kernels: true stores them)", o->argument[0]);
    if (data == NULL)
        return program_error(STATUS_USAGE, "show: no kernel '%s'; the first of the %zu there are is '%s'", name, dmft_trajectory_kernel_count(t),
                             dmft_trajectory_kernel_name(t, 0));
    const struct print_matrix matrix = {.data = data, .rows = order, .columns = order, .stride = stride};
    return write_npy(o, &matrix);
}

/* An array of two dimensions. */
static int write_matrix(const options *o, const dmft_trajectory *t)
{
    size_t size[3] = {0, 0, 0}, count = dmft_trajectory_array_count(t);
    const char *name = o->value[OPTION_matrix];
    const double *data = dmft_trajectory_array(t, name, size);
    if (count == 0)
        return program_error(STATUS_USAGE, "show: %s holds no matrices (dmft simulate with output.weights: true stores those of weights)", o->argument[0]);
    if (data == NULL)
        return program_error(STATUS_USAGE, "show: no matrix '%s'; the %zu there are go from '%s' to '%s'", name, count, dmft_trajectory_array_name(t, 0),
                             dmft_trajectory_array_name(t, count - 1));
    if (size[2] != 1) return program_error(STATUS_USAGE, "show: %s has three dimensions, %zu x %zu x %zu, and is no matrix", name, size[0], size[1], size[2]);
    const struct print_matrix matrix = {.data = data, .rows = size[0], .columns = size[1], .stride = size[1]};
    return write_npy(o, &matrix);
}

static int print_table(const options *o, const dmft_trajectory *t)
{
    dmft_error err;
    print_columns columns;
    int status = print_columns_choose(&columns, t, o->value[OPTION_series], options_given(o, OPTION_errors), &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    if (options_given(o, OPTION_json))
        print_json(stdout, t, &columns);
    else if (options_given(o, OPTION_csv))
        print_csv(stdout, t, &columns);
    else
        print_aligned(stdout, t, &columns);
    print_columns_free(&columns);
    return STATUS_DONE;
}

int command_show(const options *o)
{
    dmft_trajectory *t;
    dmft_sweep *sweep;
    int kernel = options_given(o, OPTION_kernel), matrix = options_given(o, OPTION_matrix), npy = options_given(o, OPTION_npy);
    if (options_given(o, OPTION_csv) && options_given(o, OPTION_json))
        return program_error(STATUS_USAGE, "show: --csv and --json exclude each other");
    if (kernel && matrix) return program_error(STATUS_USAGE, "show: --kernel and --matrix exclude each other");
    if ((kernel || matrix) != npy)
        return program_error(STATUS_USAGE, "show: --kernel NAME (or --matrix NAME) and --npy FILE go together: --%s is missing", npy ? "kernel" : "npy");
    int status = sweep_read_either(&t, &sweep, o->argument[0]);
    if (status != STATUS_DONE) return status;
    if (sweep != NULL)
        status = sweep_show(o, sweep);
    else if (options_given(o, OPTION_minimum) || options_given(o, OPTION_step))
        status = program_error(STATUS_USAGE, "show: %s is the result of one run; --minimum and --step are for sweeps", o->argument[0]);
    else
        status = kernel ? write_kernel(o, t) : matrix ? write_matrix(o, t) : print_table(o, t);
    dmft_trajectory_free(t);
    dmft_sweep_free(sweep);
    return status;
}
