/* dmft info: what the program is made of, and whether the BLAS knows the processor. */
#include <cblas.h>
#include <gsl/gsl_version.h>
#include <hdf5.h>
#include <stdio.h>
#include <yaml.h>

#include "blas.h"
#include "program.h"
#include "team.h"

static const double self_test_bound = 1e-13; /* rounding of sums of 53 products of order 1 is 1e-15 */

static void print_libraries(void)
{
    unsigned major = 0, minor = 0, release = 0;
    (void)H5get_libversion(&major, &minor, &release);
    (void)printf("dmft      %s\ncompiler  %s\n", dmft_version(), COMPILER);
    (void)printf("GSL       %s\nHDF5      %u.%u.%u\nlibyaml   %s\n", gsl_version, major, minor, release, yaml_get_version_string());
    char mpi[TEAM_LIBRARY];
    team_library(mpi);
    (void)printf("MPI       %s\nBLAS      %s\n", mpi, openblas_get_config());
}

int command_info(const options *o)
{
    double threads = openblas_get_num_procs();
    if (options_given(o, OPTION_threads) && options_number(o, OPTION_threads, 1, 1024, 1, &threads) != 0) return STATUS_USAGE;
    openblas_set_num_threads((int)threads);
    print_libraries();
    const char *core = openblas_get_corename(), *better = blas_better_core(core);
    double difference = blas_self_test();
    (void)printf("core      %s\nthreads   %.0f\n", core, threads);
    (void)printf("dgemm     %.1f GFlop/s of order 1000\n", blas_gemm_rate(1000) / 1e9);
    (void)printf("self-test %s: dgemm and dgemv differ from plain loops by %.1e\n", difference < self_test_bound ? "passed" : "FAILED", difference);
    if (better != NULL)
        (void)printf("warning: OpenBLAS does not know this processor and does without its vector units; run with --blas-core auto,"
                     " or OPENBLAS_CORETYPE=%s in the environment\n",
                     better);
    return difference < self_test_bound ? STATUS_DONE : program_error(STATUS_FAILED, "info: the BLAS computes wrongly");
}
