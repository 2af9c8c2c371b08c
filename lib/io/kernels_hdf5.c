/* Kernel files: seven datasets of numbers and an eighth where the bulk changed on the way, read as doubles. Four k x k arrays are held in memory. */
#include "io/kernels_hdf5.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/data.h"

enum { MATRICES = 4 };
static const char *const matrix_names[MATRICES] = {"C_phi", "R_phi", "C_g", "R_g"};
static const hsize_t most_events = 1 << 20;

struct source {
    const char *path;
    hid_t file;
    dmft_error *err;
};

/* ---- one dataset ---- */

/* Opens a dataset of numbers; `size` receives its extent, {1} for a scalar. */
static int open_numbers(const struct source *s, const char *name, hid_t *set, int *rank, hsize_t size[2])
{
    if (H5Lexists(s->file, name, H5P_DEFAULT) <= 0) return error_set(s->err, DMFT_ERROR_FORMAT, "%s: there is no dataset %s", s->path, name);
    *set = H5Dopen2(s->file, name, H5P_DEFAULT);
    if (*set < 0) return error_set(s->err, DMFT_ERROR_FORMAT, "%s: %s is not a dataset that can be opened", s->path, name);
    hid_t type = H5Dget_type(*set), space = H5Dget_space(*set);
    H5T_class_t class = H5Tget_class(type);
    *rank = H5Sget_simple_extent_ndims(space);
    size[0] = size[1] = 1;
    int simple = *rank >= 0 && *rank <= 2 && H5Sget_simple_extent_type(space) != H5S_NULL && H5Sget_simple_extent_dims(space, size, NULL) == *rank;
    (void)H5Tclose(type);
    (void)H5Sclose(space);
    if (class == H5T_FLOAT || class == H5T_INTEGER) {
        if (simple) return DMFT_OK;
        (void)H5Dclose(*set);
        if (*rank == 0) return error_set(s->err, DMFT_ERROR_FORMAT, "%s: %s holds nothing", s->path, name);
        return error_set(s->err, DMFT_ERROR_FORMAT, "%s: %s has %d dimensions, one or two were expected", s->path, name, *rank);
    }
    (void)H5Dclose(*set);
    return error_set(s->err, DMFT_ERROR_FORMAT, "%s: %s does not hold real numbers", s->path, name);
}

static int read_values(const struct source *s, const char *name, hid_t set, size_t count, double *out)
{
    herr_t status = count > 0 ? H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) : 0;
    (void)H5Dclose(set);
    return status >= 0 ? DMFT_OK : error_set(s->err, DMFT_ERROR_READ, "%s: %s cannot be read: truncated or damaged", s->path, name);
}

static int not_finite(const struct source *s, const char *name, double value, const char *format, size_t i, size_t j)
{
    char place[64];
    (void)snprintf(place, sizeof place, format, i, j);
    return error_set(s->err, DMFT_ERROR_FORMAT, "%s: %s%s is not finite: %g", s->path, name, place, value);
}

/* One number: a scalar, or an array with one element. */
static int read_scalar(const struct source *s, const char *name, double *out)
{
    hid_t set;
    int rank;
    hsize_t size[2];
    int status = open_numbers(s, name, &set, &rank, size);
    if (status != DMFT_OK) return status;
    if (size[0] * size[1] != 1) {
        (void)H5Dclose(set);
        return error_set(s->err, DMFT_ERROR_FORMAT, "%s: %s must be one number, it has %llu x %llu", s->path, name, size[0], size[1]);
    }
    status = read_values(s, name, set, 1, out);
    return status != DMFT_OK || isfinite(*out) ? status : not_finite(s, name, *out, "", 0, 0);
}

/* ---- the file ---- */

static int read_weights(const struct source *s, kernel_file *out)
{
    hid_t set;
    int rank;
    hsize_t size[2];
    int status = open_numbers(s, "d", &set, &rank, size);
    if (status != DMFT_OK) return status;
    if (rank != 1 || size[0] > most_events) {
        (void)H5Dclose(set);
        return error_set(s->err, DMFT_ERROR_FORMAT, "%s: d must be a list of k numbers, k <= %llu, it has rank %d and %llu x %llu", s->path, most_events,
                         rank, size[0], size[1]);
    }
    size_t k = (size_t)size[0];
    out->data = memory_doubles(2 * k + MATRICES * k * k);
    if (out->data == NULL) {
        (void)H5Dclose(set);
        return error_memory(s->err, 8.0 * (double)MATRICES * (double)k * (double)k);
    }
    out->kernels = (dmft_kernels){.count = k, .stride = k, .weight = out->data, .whole = 1};
    status = read_values(s, "d", set, k, out->data);
    for (size_t i = 0; i < k && status == DMFT_OK; i++)
        if (!isfinite(out->data[i])) return not_finite(s, "d", out->data[i], "[%zu]", i, 0);
    return status;
}

/* A correlation may be given by its lower triangle, with zeros above. */
static void mirror(double *C, size_t k)
{
    for (size_t i = 0; i < k; i++)
        for (size_t j = i + 1; j < k; j++)
            if (C[i * k + j] != 0.0) return;
    for (size_t i = 0; i < k; i++)
        for (size_t j = i + 1; j < k; j++) C[i * k + j] = C[j * k + i];
}

static int read_matrix(const struct source *s, const char *name, size_t k, double *out)
{
    hid_t set;
    int rank;
    hsize_t size[2];
    int status = open_numbers(s, name, &set, &rank, size);
    if (status != DMFT_OK) return status;
    int fits = size[0] == k && size[1] == k && (rank == 2 || k == 1);
    if (!fits) {
        (void)H5Dclose(set);
        return error_set(s->err, DMFT_ERROR_FORMAT, "%s: %s must be %zu x %zu, as d has %zu numbers; it has rank %d and %llu x %llu", s->path, name, k, k, k,
                         rank, size[0], size[1]);
    }
    status = read_values(s, name, set, k * k, out);
    for (size_t i = 0; i < k * k && status == DMFT_OK; i++)
        if (!isfinite(out[i])) return not_finite(s, name, out[i], "[%zu][%zu]", i / k, i % k);
    return status;
}

/* v(c) of a bulk that changed between the events; most files have none. */
static int read_variance(const struct source *s, kernel_file *out)
{
    hid_t set;
    int rank;
    hsize_t size[2];
    size_t k = out->kernels.count;
    double *variance = out->data + k + MATRICES * k * k;
    if (H5Lexists(s->file, "variance", H5P_DEFAULT) <= 0) return DMFT_OK;
    int status = open_numbers(s, "variance", &set, &rank, size);
    if (status != DMFT_OK) return status;
    if (size[0] != k || size[1] != 1 || (rank != 1 && k != 1)) {
        (void)H5Dclose(set);
        return error_set(s->err, DMFT_ERROR_FORMAT, "%s: variance must be a list of %zu numbers, as d is; it has rank %d and %llu x %llu", s->path, k, rank,
                         size[0], size[1]);
    }
    status = read_values(s, "variance", set, k, variance);
    for (size_t i = 0; i < k && status == DMFT_OK; i++)
        if (!isfinite(variance[i])) return not_finite(s, "variance", variance[i], "[%zu]", i, 0);
    out->kernels.variance = variance;
    return status;
}

static int read_all(const struct source *s, kernel_file *out)
{
    int status = read_weights(s, out);
    dmft_kernels *p = &out->kernels;
    const double **const place[MATRICES] = {&p->C_phi, &p->R_phi, &p->C_g, &p->R_g};
    for (int i = 0; i < MATRICES && status == DMFT_OK; i++) {
        double *matrix = out->data + p->count + (size_t)i * p->count * p->count;
        status = read_matrix(s, matrix_names[i], p->count, matrix);
        if (matrix_names[i][0] == 'C' && status == DMFT_OK) mirror(matrix, p->count);
        *place[i] = matrix;
    }
    if (status == DMFT_OK) status = read_variance(s, out);
    if (status == DMFT_OK) status = read_scalar(s, "sigma2", &p->sigma2);
    return status == DMFT_OK ? read_scalar(s, "psi", &p->psi) : status;
}

int kernel_file_read(kernel_file *out, const char *path, dmft_error *err)
{
    kernel_file file = {.data = NULL};
    struct source s = {.path = path, .err = err};
    double bytes;
    int status = data_check_there(path, &bytes, err); /* says what is in the way before HDF5 would */
    if (status != DMFT_OK) return status;
    H5E_BEGIN_TRY
    {
        hid_t access = H5Pcreate(H5P_FILE_ACCESS);
        (void)H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
        s.file = H5Fopen(path, H5F_ACC_RDONLY, access);
        if (s.file < 0) status = error_set(err, DMFT_ERROR_FORMAT, "%s: not an HDF5 file, or a truncated one", path);
        else status = read_all(&s, &file);
        if (s.file >= 0) (void)H5Fclose(s.file);
        (void)H5Pclose(access);
    }
    H5E_END_TRY
    if (status == DMFT_OK) status = data_check_same(path, bytes, err);
    if (status == DMFT_OK)
        *out = file;
    else
        kernel_file_free(&file);
    return status;
}

void kernel_file_free(kernel_file *file) { free(file->data); }
