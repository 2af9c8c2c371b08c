/* Data in npy. */
#include "fuzz.h"
#include "io/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct data_table table = {0};
    dmft_error err = {.text = ""};
    const char *name = fuzz_file(data, size);
    if (name == NULL) return 0;
    int status = data_read_npy(&table, name, &err);
    fuzz_expect(status, &err);
    data_table_free(&table); /* of a failure there may be a part */
    return 0;
}
