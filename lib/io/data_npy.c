/* Data as .npy: NAME.npy holds the inputs, NAME_target.npy beside it the targets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "io/data.h"
#include "io/npy.h"

static int read_target(struct data_table *table, const char *path, dmft_error *err)
{
    struct npy_array a = {0};
    if (access(path, F_OK) != 0 && errno == ENOENT) return 0;
    int status = npy_read(&a, path, NPY_DATA, err);
    if (status < 0) return status;
    table->target = a.number;
    table->outputs = a.size[1];
    if (a.size[0] == table->rows) return 0;
    return data_error(err, path, "holds targets of %zu samples, the inputs are %zu", a.size[0], table->rows);
}

char *data_npy_target(const char *path)
{
    static const char ending[] = "_target.npy";
    size_t stem = strlen(path) - strlen(".npy");
    char *target = malloc(stem + sizeof ending);
    if (target == NULL) return NULL;
    memcpy(target, path, stem);
    memcpy(target + stem, ending, sizeof ending);
    return target;
}

int data_read_npy(struct data_table *table, const char *path, dmft_error *err)
{
    struct npy_array a = {0};
    int status = npy_read(&a, path, NPY_DATA, err);
    if (status < 0) return status;
    table->input = a.number;
    table->rows = a.size[0];
    table->inputs = a.size[1];
    if (a.rank != 2) return data_error(err, path, "inputs have two dimensions, samples and components; this array has one");
    char *target = data_npy_target(path);
    if (target == NULL) return error_memory(err, (double)strlen(path));
    status = read_target(table, target, err);
    free(target);
    return status;
}
