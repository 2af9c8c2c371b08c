/* HDF5: results, sweeps, kernels and data. */
#include "fuzz.h"
#include "io/data.h"
#include "io/kernels_hdf5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct data_table train = {0}, test = {0};
    kernel_file kernels = {0};
    dmft_trajectory *trajectory = NULL;
    dmft_sweep *sweep = NULL;
    dmft_error err = {.text = ""};
    const char *name = fuzz_file(data, size);
    if (name == NULL) return 0;
    int status = dmft_trajectory_read(&trajectory, name, &err);
    fuzz_expect(status, &err);
    if (status == 0) dmft_trajectory_free(trajectory);
    status = dmft_sweep_read(&sweep, name, &err);
    fuzz_expect(status, &err);
    if (status == 0) dmft_sweep_free(sweep);
    status = kernel_file_read(&kernels, name, &err);
    fuzz_expect(status, &err);
    if (status == 0) kernel_file_free(&kernels);
    status = data_read_hdf5(&train, &test, name, &err);
    fuzz_expect(status, &err);
    data_table_free(&train); /* of a failure there may be a part */
    data_table_free(&test);
    return 0;
}
