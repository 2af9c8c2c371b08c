/* Result files (doc/format.md): a trajectory as HDF5.
 *
 *   /                attributes format, format_version, rows, kind, model, diverged_at (when it did)
 *   /numbers         one attribute a number, f64
 *   /texts           one attribute a text, UTF-8 of fixed length
 *   /series/NAME     rows f64; attribute shown
 *   /errors/NAME     standard errors of those series that have them
 *   /kernels/NAME    order x order f64; attributes row and column
 *   /arrays/NAME     two or three dimensions, f64; the group is absent when there are none
 *
 * Damage is found and never read as a number. The file ends in a seal (base/seal.h) that is looked at before HDF5 sees the file, as HDF5 1.10
 * loses memory over damaged ones. Inside, for other readers and after changes by other programs: the format of HDF5 1.10, whose metadata
 * (texts and numbers among them) carry checksums, and datasets in chunks with Fletcher32. Text of variable length would lie outside of both.
 * Every size is held against what the file can hold before memory is taken for it.
 * Cost: two passes over the data; no memory beside it, kernels are written from where they lie. */
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/seal.h"
#include "base/text.h"
#include "base/trajectory.h"
#include "io/result_hdf5.h"

static const char format_name[] = "libdmft result";
enum { FORMAT_VERSION = 1 };
enum { NAME_BYTES = 64 };              /* of a series, kernel or number, its end included, as in base/trajectory.c */
enum { CHUNK_NUMBERS = 1 << 17 };      /* 1 MB: large enough for the disk, small enough to read one step of a long run */
static const double packing = 1032;    /* deflate makes at most 1032 bytes out of one (zlib's manual): a file may have been repacked */

/* ---- writing: 0 done, -1 failed ---- */

static int write_attribute(hid_t place, const char *name, hid_t file_type, hid_t memory_type, const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(place, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t status = attribute < 0 ? -1 : H5Awrite(attribute, memory_type, value);
    if (attribute >= 0) (void)H5Aclose(attribute);
    if (space >= 0) (void)H5Sclose(space);
    return status < 0 ? -1 : 0;
}

int hdf5_write_integer(hid_t place, const char *name, long value)
{
    return write_attribute(place, name, H5T_STD_I64LE, H5T_NATIVE_LONG, &value);
}

static int write_number(hid_t place, const char *name, double value)
{
    return write_attribute(place, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

int hdf5_write_text(hid_t place, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    size_t bytes = strlen(text) > 0 ? strlen(text) : 1; /* HDF5 has no string of length 0 */
    int status = -1;
    if (H5Tset_size(type, bytes) >= 0 && H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0)
        status = write_attribute(place, name, type, type, text);
    if (type >= 0) (void)H5Tclose(type);
    return status;
}

hid_t hdf5_make_group(hid_t file, const char *name)
{
    unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    hid_t list = H5Pcreate(H5P_GROUP_CREATE), group = H5I_INVALID_HID;
    if (H5Pset_link_creation_order(list, order) >= 0 && H5Pset_attr_creation_order(list, order) >= 0)
        group = H5Gcreate2(file, name, H5P_DEFAULT, list, H5P_DEFAULT);
    if (list >= 0) (void)H5Pclose(list);
    return group;
}

/* Chunks of whole rows with checksums. A dataset without a number in it cannot be chunked and needs no checksum. */
static hid_t checked_layout(int rank, const hsize_t size[3])
{
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t across = rank == 3 ? size[1] * size[2] : rank == 2 ? size[1] : 1, down = across < CHUNK_NUMBERS ? CHUNK_NUMBERS / (across > 0 ? across : 1) : 1;
    hsize_t rows = rank == 3 && across > CHUNK_NUMBERS ? CHUNK_NUMBERS / size[2] + 1 : size[1]; /* a chunk has less than 4 GB */
    hsize_t chunk[3] = {down < size[0] ? down : size[0], rank > 1 && rows < size[1] ? rows : size[1], size[2]};
    int empty = size[0] == 0 || across == 0;
    if (list >= 0 && (empty || (H5Pset_chunk(list, rank, chunk) >= 0 && H5Pset_fletcher32(list) >= 0))) return list;
    if (list >= 0) (void)H5Pclose(list);
    return H5I_INVALID_HID;
}

hid_t hdf5_write_array(hid_t group, const char *name, const struct result_layout *layout, hid_t file_type, hid_t memory_type, const void *data)
{
    const hsize_t *size = layout->size, lying[3] = {size[0], layout->stride, size[2]}, start[3] = {0, 0, 0};
    hid_t list = checked_layout(layout->rank, size);
    hid_t space = H5Screate_simple(layout->rank, size, NULL), memory = H5Screate_simple(layout->rank, lying, NULL);
    hid_t set = H5I_INVALID_HID;
    if (list >= 0 && space >= 0 && memory >= 0 && H5Sselect_hyperslab(memory, H5S_SELECT_SET, start, NULL, size, NULL) >= 0)
        set = H5Dcreate2(group, name, file_type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (set >= 0 && H5Dwrite(set, memory_type, memory, space, H5P_DEFAULT, data) < 0) {
        (void)H5Dclose(set);
        set = H5I_INVALID_HID;
    }
    if (list >= 0) (void)H5Pclose(list);
    if (space >= 0) (void)H5Sclose(space);
    if (memory >= 0) (void)H5Sclose(memory);
    return set;
}

/* Numbers of doubles. */
static hid_t write_doubles(hid_t group, const char *name, const struct result_layout *layout, const double *data)
{
    return hdf5_write_array(group, name, layout, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, data);
}

static int write_root(hid_t file, const dmft_trajectory *t)
{
    const char *kind = dmft_trajectory_text(t, "kind"), *model = dmft_trajectory_text(t, "model");
    if (hdf5_write_text(file, "format", format_name) != 0 || hdf5_write_integer(file, "format_version", FORMAT_VERSION) != 0) return -1;
    if (hdf5_write_integer(file, "rows", (long)t->rows) != 0) return -1;
    if (kind != NULL && hdf5_write_text(file, "kind", kind) != 0) return -1;
    if (model != NULL && hdf5_write_text(file, "model", model) != 0) return -1;
    return t->diverged_at < 0 ? 0 : hdf5_write_integer(file, "diverged_at", t->diverged_at);
}

static int write_numbers(hid_t file, const dmft_trajectory *t)
{
    hid_t numbers = hdf5_make_group(file, "numbers");
    if (numbers < 0) return -1;
    for (size_t i = 0; i < t->number_count; i++)
        if (write_number(numbers, t->number[i].name, t->number[i].value) != 0) return -1;
    return 0;
}

int result_write_texts(hid_t file, const dmft_trajectory *t)
{
    hid_t texts = hdf5_make_group(file, "texts");
    if (texts < 0) return -1;
    for (size_t i = 0; i < t->text_count; i++)
        if (hdf5_write_text(texts, t->text[i].name, t->text[i].text) != 0) return -1;
    return 0;
}

int result_write_series(hid_t file, const char *series, const char *errors, const dmft_trajectory *t, const struct result_layout *layout,
                        const io_stream *stream)
{
    hid_t values = hdf5_make_group(file, series), error = errors != NULL ? hdf5_make_group(file, errors) : values;
    if (values < 0 || error < 0) return -1;
    for (size_t i = 0; i < t->series_count && stream->failure == 0; i++) {
        const struct trajectory_series *s = &t->series[i];
        hid_t set = write_doubles(values, s->name, layout, s->value);
        if (set < 0 || (errors != NULL && hdf5_write_integer(set, "shown", s->shown) != 0) || H5Dclose(set) < 0) return -1;
        if (s->error == NULL) continue;
        set = write_doubles(error, s->name, layout, s->error);
        if (set < 0 || H5Dclose(set) < 0) return -1;
    }
    return 0;
}

static int write_kernels(hid_t file, const dmft_trajectory *t, const io_stream *stream)
{
    hid_t group = hdf5_make_group(file, "kernels");
    if (group < 0) return -1;
    for (size_t i = 0; i < t->kernel_count && stream->failure == 0; i++) {
        const struct trajectory_kernel *k = &t->kernel[i];
        const struct result_layout layout = {2, {k->order, k->order}, k->stride};
        hid_t set = write_doubles(group, k->name, &layout, k->data);
        if (set < 0 || hdf5_write_text(set, "row", "later time t") != 0 || hdf5_write_text(set, "column", "earlier time s") != 0) return -1;
        if (H5Dclose(set) < 0) return -1;
    }
    return 0;
}

static int write_arrays(hid_t file, const dmft_trajectory *t, const io_stream *stream)
{
    if (t->array_count == 0) return 0;
    hid_t group = hdf5_make_group(file, "arrays");
    if (group < 0) return -1;
    for (size_t i = 0; i < t->array_count && stream->failure == 0; i++) {
        const struct trajectory_array *a = &t->array[i];
        const struct result_layout layout = {a->size[2] == 1 ? 2 : 3, {a->size[0], a->size[1], a->size[2]}, a->size[1]};
        hid_t set = write_doubles(group, a->name, &layout, a->data);
        if (set < 0 || H5Dclose(set) < 0) return -1;
    }
    return 0;
}

static int write_run(hid_t file, const void *result, const io_stream *stream)
{
    const dmft_trajectory *t = result;
    const struct result_layout layout = {1, {t->rows, 1}, 1};
    int status = write_root(file, t);
    if (status == 0) status = write_numbers(file, t);
    if (status == 0) status = result_write_texts(file, t);
    if (status == 0) status = result_write_series(file, "series", "errors", t, &layout, stream);
    if (status == 0) status = write_kernels(file, t, stream);
    return status == 0 ? write_arrays(file, t, stream) : status;
}

/* H5F_CLOSE_STRONG of the access list closes the groups and datasets that are still open. */
static int write_file(const char *name, const io_stream *stream, hid_t access, result_writer *write, const void *result)
{
    unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    hid_t creation = H5Pcreate(H5P_FILE_CREATE), file = H5I_INVALID_HID;
    if (H5Pset_link_creation_order(creation, order) >= 0 && H5Pset_attr_creation_order(creation, order) >= 0)
        file = H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
    if (creation >= 0) (void)H5Pclose(creation);
    if (file < 0) return -1;
    int status = write(file, result, stream);
    if (H5Fclose(file) < 0) status = -1;
    return status;
}

int result_write(const char *path, int overwrite, result_writer *write, const void *result, dmft_error *err)
{
    file_aside aside;
    int status = file_aside_open(&aside, path, overwrite, err), written = -1;
    if (status != DMFT_OK) return status;
    io_stream stream = {.fd = aside.fd};
    H5E_BEGIN_TRY
    {
        hid_t driver, access = stream_access(&stream, &driver);
        if (access >= 0) written = write_file(aside.temporary, &stream, access, write, result);
        stream_close(access, driver);
    }
    H5E_END_TRY
    if (written == 0 && stream.failure == 0) stream.failure = seal_write(aside.fd);
    if (stream.failure != 0) return file_aside_failed(&aside, stream.failure, err);
    if (written == 0) return file_aside_commit(&aside, err);
    if (written == DMFT_ERROR_MEMORY) return file_aside_failed(&aside, ENOMEM, err);
    file_aside_abandon(&aside);
    return error_set(err, DMFT_ERROR_WRITE, "cannot write %s: the HDF5 library failed", path);
}

int dmft_trajectory_write(const dmft_trajectory *t, const char *path, int overwrite, dmft_error *err)
{
    return result_write(path, overwrite, write_run, t, err);
}

/* ---- reading ---- */

/* Bytes that could not be read say nothing of what they are. */
static int result_unread(const result_reader *r, int code) { return error_set(r->err, DMFT_ERROR_READ, "cannot read %s: %s", r->path, strerror(code)); }

int result_damaged(const result_reader *r, const char *where)
{
    return error_set(r->err, DMFT_ERROR_READ, "%s: truncated or damaged (at %s)", r->path, where);
}

int result_unexpected(const result_reader *r, const char *where, const char *what)
{
    return error_set(r->err, DMFT_ERROR_FORMAT, "%s: %s is not %s", r->path, where, what);
}

/* Opens a scalar attribute of this class and size (0: any); negative when it is something else. */
static hid_t open_attribute(hid_t place, const char *name, H5T_class_t class, size_t *bytes)
{
    hid_t attribute = H5Aopen(place, name, H5P_DEFAULT);
    if (attribute < 0) return attribute;
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    int fits = H5Tget_class(type) == class && H5Sget_simple_extent_npoints(space) == 1;
    if (fits && class == H5T_STRING) fits = H5Tis_variable_str(type) == 0;
    *bytes = H5Tget_size(type);
    (void)H5Tclose(type);
    (void)H5Sclose(space);
    if (fits) return attribute;
    (void)H5Aclose(attribute);
    return H5I_INVALID_HID;
}

static int read_scalar(hid_t place, const char *name, H5T_class_t class, hid_t type, void *value)
{
    size_t bytes;
    hid_t attribute = open_attribute(place, name, class, &bytes);
    if (attribute < 0) return -1;
    herr_t status = H5Aread(attribute, type, value);
    (void)H5Aclose(attribute);
    return status < 0 ? -1 : 0;
}

int hdf5_read_integer(hid_t place, const char *name, long *value) { return read_scalar(place, name, H5T_INTEGER, H5T_NATIVE_LONG, value); }

static int read_number(hid_t place, const char *name, double *value) { return read_scalar(place, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, value); }

/* A new string, or NULL; no longer than `limit` bytes, those of the file. Tells whether it was memory that it lacked. */
static char *read_text(hid_t place, const char *name, double limit, int *memory_ended)
{
    size_t bytes;
    *memory_ended = 0;
    hid_t attribute = open_attribute(place, name, H5T_STRING, &bytes);
    if (attribute < 0) return NULL;
    hid_t type = H5Aget_type(attribute);
    char *text = (double)bytes <= limit ? calloc(bytes + 1, 1) : NULL;
    *memory_ended = (double)bytes <= limit && text == NULL;
    if (text != NULL && H5Aread(attribute, type, text) < 0) {
        free(text);
        text = NULL;
    }
    (void)H5Tclose(type);
    (void)H5Aclose(attribute);
    return text;
}

/* Is this the file of a result, of a version that can be read? */
static int read_root(const result_reader *r, hid_t file, long *rows, int *is_sweep)
{
    long version = 0;
    if (H5Aexists(file, "format") < 0) return result_damaged(r, "its beginning");
    int memory_ended;
    char *format = read_text(file, "format", r->bytes, &memory_ended);
    if (memory_ended) return error_memory(r->err, r->bytes);
    int ours = format != NULL && strcmp(format, format_name) == 0, sweep = format != NULL && strcmp(format, sweep_format_name) == 0;
    free(format);
    if (sweep && !r->takes_sweep) return error_set(r->err, DMFT_ERROR_FORMAT, "%s: a sweep, where the result of one run is asked for", r->path);
    if (ours && !r->takes_run) return error_set(r->err, DMFT_ERROR_FORMAT, "%s: the result of one run, where a sweep is asked for", r->path);
    *is_sweep = sweep;
    if (!ours && !sweep) return error_set(r->err, DMFT_ERROR_FORMAT, "%s: an HDF5 file of another program, not a result of libdmft", r->path);
    if (hdf5_read_integer(file, "format_version", &version) != 0) return result_damaged(r, "format_version");
    if (version != FORMAT_VERSION)
        return error_set(r->err, DMFT_ERROR_FORMAT, "%s: format version %ld; this program reads version %d", r->path, version, FORMAT_VERSION);
    if (hdf5_read_integer(file, "rows", rows) != 0) return result_damaged(r, "rows");
    if (*rows < 0 || 8.0 * (double)*rows > packing * r->bytes) return result_unexpected(r, "rows", "a number of rows that the file can hold");
    return DMFT_OK;
}

static int read_divergence(const result_reader *r, hid_t file)
{
    htri_t there = H5Aexists(file, "diverged_at");
    if (there < 0 || (there > 0 && hdf5_read_integer(file, "diverged_at", &r->t->diverged_at) != 0)) return result_damaged(r, "diverged_at");
    if (there > 0 && r->t->diverged_at < 0) return result_unexpected(r, "diverged_at", "a step");
    return DMFT_OK;
}

/* How to go through a group of things: in the order in which they were put in, where the file has it. */
static H5_index_t index_of(hid_t group, herr_t (*ask)(hid_t, unsigned *))
{
    unsigned order = 0;
    hid_t list = H5Gget_create_plist(group);
    herr_t status = ask(list, &order);
    if (list >= 0) (void)H5Pclose(list);
    return status >= 0 && (order & H5P_CRT_ORDER_INDEXED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

/* The name of attribute i of a group. */
static int read_attribute_name(const result_reader *r, hid_t group, hsize_t i, char name[NAME_BYTES])
{
    hid_t a = H5Aopen_by_idx(group, ".", index_of(group, H5Pget_attr_creation_order), H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
    ssize_t length = a < 0 ? -1 : H5Aget_name(a, NAME_BYTES, name);
    if (a >= 0) (void)H5Aclose(a);
    if (length < 0) return result_damaged(r, "a name");
    if (length >= NAME_BYTES) return result_unexpected(r, "a name", "shorter than 64 bytes");
    return text_is_name(name, NAME_BYTES) ? DMFT_OK : result_unexpected(r, "a name", "UTF-8 without control characters");
}

static int read_numbers(const result_reader *r, hid_t group)
{
    int count = H5Aget_num_attrs(group);
    if (count < 0) return result_damaged(r, "numbers");
    for (hsize_t i = 0; i < (hsize_t)count; i++) {
        char name[NAME_BYTES];
        double value = 0;
        int status = read_attribute_name(r, group, i, name);
        if (status != DMFT_OK) return status;
        if (read_number(group, name, &value) != 0) return result_unexpected(r, name, "a readable number");
        status = trajectory_set_number(r->t, value, r->err, "%s", name);
        if (status != DMFT_OK) return status;
    }
    return DMFT_OK;
}

int result_read_texts(const result_reader *r, hid_t group)
{
    int count = H5Aget_num_attrs(group);
    if (count < 0) return result_damaged(r, "texts");
    for (hsize_t i = 0; i < (hsize_t)count; i++) {
        char name[NAME_BYTES];
        int status = read_attribute_name(r, group, i, name);
        if (status != DMFT_OK) return status;
        int memory_ended;
        char *text = read_text(group, name, r->bytes, &memory_ended);
        if (memory_ended) return error_memory(r->err, r->bytes);
        if (text == NULL) return result_unexpected(r, name, "a readable text of fixed length");
        status = dmft_trajectory_set_text(r->t, name, text, r->err);
        free(text);
        if (status != DMFT_OK) return status;
    }
    return DMFT_OK;
}

int result_check_dataset(const result_reader *r, hid_t set, const char *name, H5T_class_t class, size_t bytes, int rank, hsize_t *size)
{
    hid_t type = H5Dget_type(set), space = H5Dget_space(set), list = H5Dget_create_plist(set);
    int fits = H5Tget_class(type) == class && (bytes == 0 || H5Tget_size(type) == bytes);
    double entry = (double)H5Tget_size(type);
    int ranked = H5Sget_simple_extent_ndims(space) == rank && H5Sget_simple_extent_dims(space, size, NULL) == rank;
    int inside = H5Pget_external_count(list) == 0 && H5Pget_layout(list) != H5D_VIRTUAL;
    double stored = (double)H5Dget_storage_size(set), wanted = entry * (double)size[0] * (double)size[1] * (rank > 2 && ranked ? (double)size[2] : 1.0);
    (void)H5Tclose(type);
    (void)H5Sclose(space);
    (void)H5Pclose(list);
    if (!fits) return result_unexpected(r, name, class == H5T_FLOAT ? "of type f64" : class == H5T_STRING ? "of texts" : "of integers");
    if (!ranked) return result_unexpected(r, name, rank == 1 ? "of rank 1" : rank == 2 ? "of rank 2" : "of rank 3");
    if (!inside) return result_unexpected(r, name, "stored in the file itself");
    return wanted <= packing * stored && stored <= r->bytes ? DMFT_OK : result_damaged(r, name);
}

/* Is it as long as the series of this file are? */
static int check_series(const result_reader *r, hid_t set, const char *name)
{
    hsize_t size[2] = {0, 1};
    int status = result_check_dataset(r, set, name, H5T_FLOAT, sizeof(double), r->layout.rank, size);
    if (status != DMFT_OK || (size[0] == r->layout.size[0] && size[1] == r->layout.size[1])) return status;
    return result_unexpected(r, name, r->layout.rank == 1 ? "as long as the file has rows" : "of points x rows");
}

static int read_values(const result_reader *r, hid_t set, const char *name, int flags)
{
    double *value;
    int status = trajectory_add(r->t, &value, flags, r->err, "%s", name);
    if (status != DMFT_OK) return status;
    return H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0 ? result_damaged(r, name) : DMFT_OK;
}

static int read_hidden(const result_reader *r, hid_t set, const char *name)
{
    int status = check_series(r, set, name);
    return status == DMFT_OK ? read_values(r, set, name, TRAJECTORY_HIDDEN) : status;
}

static int read_series(const result_reader *r, hid_t set, const char *name)
{
    long shown = 0;
    int status = check_series(r, set, name);
    if (status != DMFT_OK) return status;
    if (hdf5_read_integer(set, "shown", &shown) != 0) return result_damaged(r, name);
    return read_values(r, set, name, shown != 0 ? TRAJECTORY_SHOWN : TRAJECTORY_HIDDEN);
}

static int read_errors(const result_reader *r, hid_t set, const char *name)
{
    struct trajectory_series *s = trajectory_find(r->t, name);
    int status = check_series(r, set, name);
    if (status != DMFT_OK) return status;
    if (s == NULL) return result_unexpected(r, name, "a series, but has standard errors");
    s->error = memory_doubles(r->t->rows);
    if (s->error == NULL) return error_memory(r->err, 8.0 * (double)r->t->rows);
    return H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, s->error) < 0 ? result_damaged(r, name) : DMFT_OK;
}

/* Rows of steps, or, model mlp, of as many events each. */
static int is_order(const result_reader *r, hsize_t size) { return size <= r->t->rows || (r->t->rows > 0 && size % r->t->rows == 0); }

static int read_kernel(const result_reader *r, hid_t set, const char *name)
{
    hsize_t size[2] = {0, 0};
    int status = result_check_dataset(r, set, name, H5T_FLOAT, sizeof(double), 2, size);
    if (status != DMFT_OK) return status;
    if (size[0] != size[1] || !is_order(r, size[0])) return result_unexpected(r, name, "a square no larger than the file has rows, or some times that");
    double *data = memory_doubles((size_t)(size[0] * size[1]));
    if (data == NULL) return error_memory(r->err, 8.0 * (double)size[0] * (double)size[1]);
    status = H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0 ? result_damaged(r, name) : DMFT_OK;
    if (status == DMFT_OK) status = trajectory_add_kernel(r->t, name, (size_t)size[0], (size_t)size[0], data, r->err);
    if (status != DMFT_OK) free(data);
    return status;
}

/* Of rank 2, or else 3. */
static int read_array(const result_reader *r, hid_t set, const char *name)
{
    hsize_t size[3] = {0, 0, 1};
    hid_t space = H5Dget_space(set);
    int rank = H5Sget_simple_extent_ndims(space) == 2 ? 2 : 3;
    (void)H5Sclose(space);
    int status = result_check_dataset(r, set, name, H5T_FLOAT, sizeof(double), rank, size);
    if (status != DMFT_OK) return status;
    size_t sizes[3] = {(size_t)size[0], (size_t)size[1], (size_t)size[2]};
    double *data = memory_doubles(sizes[0] * sizes[1] * sizes[2]);
    if (data == NULL) return error_memory(r->err, 8.0 * (double)sizes[0] * (double)sizes[1] * (double)sizes[2]);
    status = H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0 ? result_damaged(r, name) : DMFT_OK;
    if (status == DMFT_OK) status = trajectory_add_array(r->t, name, sizes, data, r->err);
    if (status != DMFT_OK) free(data);
    return status;
}

/* One dataset by its place in the group; links that lead elsewhere are not followed. */
static int read_linked(const result_reader *r, hid_t group, H5_index_t order, hsize_t i, result_dataset use)
{
    char name[NAME_BYTES];
    H5L_info_t link;
    ssize_t length = H5Lget_name_by_idx(group, ".", order, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    if (length < 0 || H5Lget_info_by_idx(group, ".", order, H5_ITER_INC, i, &link, H5P_DEFAULT) < 0) return result_damaged(r, "a name");
    if (length >= NAME_BYTES) return result_unexpected(r, "a name", "shorter than 64 bytes");
    if (!text_is_name(name, NAME_BYTES)) return result_unexpected(r, "a name", "UTF-8 without control characters");
    if (link.type != H5L_TYPE_HARD) return result_unexpected(r, name, "in the file itself");
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    if (object < 0) return result_damaged(r, name);
    int status = H5Iget_type(object) == H5I_DATASET ? use(r, object, name) : result_unexpected(r, name, "a dataset");
    (void)H5Oclose(object);
    return status;
}

int result_read_datasets(const result_reader *r, hid_t group, result_dataset use)
{
    H5G_info_t info;
    if (H5Gget_info(group, &info) < 0) return result_damaged(r, "a group");
    H5_index_t order = index_of(group, H5Pget_link_creation_order);
    int status = DMFT_OK;
    for (hsize_t i = 0; i < info.nlinks && status == DMFT_OK; i++) status = read_linked(r, group, order, i, use);
    return status;
}

int result_read_series(const result_reader *r, hid_t group) { return result_read_datasets(r, group, read_series); }
int result_read_errors(const result_reader *r, hid_t group) { return result_read_datasets(r, group, read_errors); }
int result_read_hidden(const result_reader *r, hid_t group) { return result_read_datasets(r, group, read_hidden); }
static int read_kernels_group(const result_reader *r, hid_t group) { return result_read_datasets(r, group, read_kernel); }
static int read_arrays_group(const result_reader *r, hid_t group) { return result_read_datasets(r, group, read_array); }

int result_read_group(const result_reader *r, hid_t file, const char *name, result_group use)
{
    H5L_info_t link;
    if (H5Lget_info(file, name, &link, H5P_DEFAULT) < 0) return result_damaged(r, name);
    hid_t group = link.type == H5L_TYPE_HARD ? H5Gopen2(file, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (group < 0) return result_damaged(r, name);
    int status = use(r, group);
    (void)H5Gclose(group);
    return status;
}

static int read_contents(result_reader *r, hid_t file)
{
    long rows = 0;
    int is_sweep = 0, status = read_root(r, file, &rows, &is_sweep);
    if (status != DMFT_OK) return status;
    if (is_sweep) return sweep_read_contents(r, file);
    r->layout = (struct result_layout){1, {(hsize_t)rows, 1}, 1};
    status = trajectory_create(&r->t, (size_t)rows, r->err);
    if (status == DMFT_OK) status = read_divergence(r, file);
    if (status == DMFT_OK) status = result_read_group(r, file, "numbers", read_numbers);
    if (status == DMFT_OK) status = result_read_group(r, file, "texts", result_read_texts);
    if (status == DMFT_OK) status = result_read_group(r, file, "series", result_read_series);
    if (status == DMFT_OK) status = result_read_group(r, file, "errors", result_read_errors);
    if (status == DMFT_OK) status = result_read_group(r, file, "kernels", read_kernels_group);
    htri_t arrays = status == DMFT_OK ? H5Lexists(file, "arrays", H5P_DEFAULT) : 0;
    if (arrays < 0) return result_damaged(r, "arrays");
    return arrays > 0 ? result_read_group(r, file, "arrays", read_arrays_group) : status;
}

static int read_open(result_reader *r, int fd)
{
    io_stream stream = {.fd = fd};
    int status;
    H5E_BEGIN_TRY
    {
        hid_t driver, access = stream_access(&stream, &driver);
        hid_t file = access < 0 ? access : H5Fopen(r->path, H5F_ACC_RDONLY, access);
        if (file >= 0) status = read_contents(r, file);
        else status = stream.failure == ENOMEM ? error_memory(r->err, sizeof(io_stream)) : result_damaged(r, "its beginning or end");
        if (file >= 0) (void)H5Fclose(file);
        if (stream.failure != 0 && stream.failure != ENOMEM) status = result_unread(r, stream.failure);
        stream_close(access, driver);
    }
    H5E_END_TRY
    return status;
}

/* A regular file that begins as HDF5 does. */
static int check_beginning(result_reader *r, int fd)
{
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char start[8];
    struct stat there;
    if (fstat(fd, &there) != 0) return error_set(r->err, DMFT_ERROR_READ, "cannot read %s: %s", r->path, strerror(errno));
    if (S_ISDIR(there.st_mode)) return error_set(r->err, DMFT_ERROR_READ, "cannot read %s: %s", r->path, strerror(EISDIR));
    if (!S_ISREG(there.st_mode)) return error_set(r->err, DMFT_ERROR_READ, "cannot read %s: not a regular file", r->path);
    if (there.st_size == 0) return error_set(r->err, DMFT_ERROR_READ, "%s: truncated: the file is empty", r->path);
    r->bytes = (double)there.st_size;
    ssize_t got = pread(fd, start, sizeof start, 0);
    if (got < 0) return error_set(r->err, DMFT_ERROR_READ, "cannot read %s: %s", r->path, strerror(errno));
    if (memcmp(start, signature, (size_t)got) != 0) return error_set(r->err, DMFT_ERROR_FORMAT, "%s: not an HDF5 file", r->path);
    return got < (ssize_t)sizeof start ? result_damaged(r, "its beginning") : DMFT_OK;
}

/* The length that the file says it has: bytes 28 to 35 of superblocks of version 2 and 3 (HDF5 file format, II.A), little-endian; 0 for
 * the older ones, which this library does not write. */
static double stated_length(int fd)
{
    unsigned char start[48] = {0};
    double length = 0;
    if (pread(fd, start, sizeof start, 0) != (ssize_t)sizeof start) return -1;
    if (start[8] != 2 && start[8] != 3) return 0;
    for (int i = 35; i >= 28; i--) length = 256 * length + start[i];
    return length;
}

/* Is the file whole? One that another program has changed has no seal, but it ends where it says it does. */
static int check_whole(const result_reader *r, int fd)
{
    enum seal seal = seal_check(fd, (size_t)r->bytes);
    if (seal == SEAL_HOLDS) return DMFT_OK;
    if (seal == SEAL_UNREAD) return result_unread(r, errno);
    double stated = stated_length(fd);
    if (seal == SEAL_BROKEN) return error_set(r->err, DMFT_ERROR_READ, "%s: damaged: its bytes do not add up to its checksum", r->path);
    if (stated < 0) return result_damaged(r, "its beginning");
    if (stated == 0 || stated == r->bytes) return DMFT_OK;
    return error_set(r->err, DMFT_ERROR_READ, "%s: truncated or damaged: it has %.0f bytes and should have %.0f", r->path, r->bytes,
                     stated + SEAL_BYTES);
}

int result_read(dmft_trajectory **run, dmft_sweep **sweep, const char *path, dmft_error *err)
{
    result_reader r = {.path = path, .takes_run = run != NULL, .takes_sweep = sweep != NULL, .err = err};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* not to wait for the writer of a pipe */
    if (fd < 0) return error_set(err, DMFT_ERROR_READ, "cannot read %s: %s", path, strerror(errno));
    int status = check_beginning(&r, fd);
    if (status == DMFT_OK) status = check_whole(&r, fd);
    if (status == DMFT_OK) status = read_open(&r, fd);
    (void)close(fd);
    if (status == DMFT_OK) {
        if (run != NULL) *run = r.t;
        if (sweep != NULL) *sweep = r.sweep;
        return status;
    }
    dmft_trajectory_free(r.t);
    dmft_sweep_free(r.sweep);
    return status;
}

int dmft_trajectory_read(dmft_trajectory **out, const char *path, dmft_error *err) { return result_read(out, NULL, path, err); }
int dmft_sweep_read(dmft_sweep **out, const char *path, dmft_error *err) { return result_read(NULL, out, path, err); }
