/* Tables: data of model mlp, and measured series. */
#include "fuzz.h"
#include "io/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct data_table table = {0};
    dmft_trajectory *trajectory = NULL;
    dmft_error err = {.text = ""};
    const char *name = fuzz_file(data, size);
    if (name == NULL) return 0;
    int status = data_read_csv(&table, name, 1, &err);
    fuzz_expect(status, &err);
    data_table_free(&table); /* of a failure there may be a part */
    status = dmft_trajectory_read_csv(&trajectory, name, &err);
    fuzz_expect(status, &err);
    if (status == 0) dmft_trajectory_free(trajectory);
    return 0;
}
