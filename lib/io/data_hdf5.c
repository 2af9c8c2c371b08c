/* Data as HDF5: the datasets `inputs` and `target`, and, when there, `test_inputs` and `test_target`, of any type of numbers. */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "io/data.h"

struct source {
    const char *path;
    hid_t file;
    double bytes; /* of the file */
    dmft_error *err;
};

/* An array of one or two dimensions. */
struct array {
    int rank;
    size_t rows, columns;
    double *number;
};

static const double best_compression = 1100; /* deflate reaches 1032 : 1; what claims more has never been written */

static int read_extent(const struct source *s, const char *name, hid_t set, struct array *a)
{
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    H5T_class_t class = H5Tget_class(type);
    double bytes = (double)H5Tget_size(type);
    hsize_t size[2] = {1, 1};
    a->rank = H5Sget_simple_extent_ndims(space);
    int simple = (a->rank == 1 || a->rank == 2) && H5Sget_simple_extent_dims(space, size, NULL) == a->rank;
    (void)H5Tclose(type);
    (void)H5Sclose(space);
    if (class != H5T_FLOAT && class != H5T_INTEGER) return data_error(s->err, s->path, "%s does not hold real numbers", name);
    if (!simple) return data_error(s->err, s->path, "%s has %d dimensions, one or two were expected", name, a->rank);
    if (size[0] == 0 || size[1] == 0) return data_error(s->err, s->path, "%s is empty: %llu x %llu", name, size[0], size[1]);
    if (size[1] > DATA_MOST_NUMBERS / size[0] || (double)size[0] * (double)size[1] * bytes > best_compression * s->bytes)
        return data_error(s->err, s->path, "%s has %llu x %llu numbers: more than the file can hold", name, size[0], size[1]);
    a->rows = (size_t)size[0];
    a->columns = (size_t)size[1];
    return 0;
}

static int read_array(const struct source *s, const char *name, struct array *a)
{
    hid_t set = H5Dopen2(s->file, name, H5P_DEFAULT);
    if (set < 0) return data_error(s->err, s->path, "%s is not a dataset that can be opened", name);
    int status = read_extent(s, name, set, a);
    if (status == 0 && (a->number = memory_doubles(a->rows * a->columns)) == NULL) status = error_memory(s->err, 8.0 * (double)a->rows * (double)a->columns);
    if (status == 0 && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, a->number) < 0)
        status = data_error(s->err, s->path, "%s cannot be read: truncated or damaged", name);
    (void)H5Dclose(set);
    return status;
}

static int is_there(const struct source *s, const char *name) { return H5Lexists(s->file, name, H5P_DEFAULT) > 0; }

static int read_pair(const struct source *s, struct data_table *table, const char *inputs, const char *target)
{
    struct array a = {0};
    int status = read_array(s, inputs, &a);
    *table = (struct data_table){.rows = a.rows, .inputs = a.columns, .input = a.number};
    if (status == 0 && a.rank != 2) status = data_error(s->err, s->path, "%s must have two dimensions, samples and components", inputs);
    if (status < 0 || !is_there(s, target)) return status;
    a = (struct array){0};
    status = read_array(s, target, &a);
    table->outputs = a.columns;
    table->target = a.number;
    if (status == 0 && a.rows != table->rows)
        status = data_error(s->err, s->path, "%s holds targets of %zu samples, %s are %zu", target, a.rows, inputs, table->rows);
    return status;
}

static int read_all(const struct source *s, struct data_table *train, struct data_table *test)
{
    if (!is_there(s, "inputs")) return data_error(s->err, s->path, "there is no dataset inputs");
    int status = read_pair(s, train, "inputs", "target");
    if (status < 0 || test == NULL) return status;
    if (is_there(s, "test_inputs")) return read_pair(s, test, "test_inputs", "test_target");
    return is_there(s, "test_target") ? data_error(s->err, s->path, "there is a dataset test_target without test_inputs") : 0;
}

int data_read_hdf5(struct data_table *train, struct data_table *test, const char *path, dmft_error *err)
{
    struct source s = {.path = path, .err = err};
    int status = data_check_there(path, &s.bytes, err);
    if (status < 0) return status;
    H5E_BEGIN_TRY
    {
        hid_t access = H5Pcreate(H5P_FILE_ACCESS);
        (void)H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
        s.file = H5Fopen(path, H5F_ACC_RDONLY, access);
        status = s.file < 0 ? data_error(err, path, "is not an HDF5 file, or a truncated one") : read_all(&s, train, test);
        if (s.file >= 0) (void)H5Fclose(s.file);
        (void)H5Pclose(access);
    }
    H5E_END_TRY
    return status == 0 ? data_check_same(path, s.bytes, err) : status;
}
