/* Files of sweeps (doc/format.md).
 *
 *   /                attributes format, format_version, kind (sweep), points, rows
 *   /axes/NAME       the values along an axis, f64, or texts where they are words or lists; the last axis runs fastest
 *   /points/NAME     status, diverged_at (-1: it did not), steps (rows recorded), i64, and message, text: one a point
 *   /numbers/NAME    points f64
 *   /texts           one attribute a text, as in the result of one run
 *   /series/NAME     points x rows f64; attribute shown
 *   /errors/NAME     standard errors of those series that have them
 *
 * Rows end with the last that any point has. Damage is found as in results of one run (result_hdf5.c). */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/config.h"
#include "io/number.h"
#include "io/result_hdf5.h"

const char sweep_format_name[] = "libdmft sweep";
enum { FORMAT_VERSION = 1 };

/* ---- writing ---- */

static size_t longest(const char *const *text, size_t count)
{
    size_t most = 1; /* HDF5 has no string of length 0 */
    for (size_t i = 0; i < count; i++)
        if (text[i] != NULL && strlen(text[i]) > most) most = strlen(text[i]);
    return most;
}

/* Texts of one fixed length, padded with zeros; NULL stands for "". */
static int write_texts(hid_t group, const char *name, const char *const *text, size_t count)
{
    const struct result_layout layout = {1, {count, 1}, 1};
    size_t bytes = longest(text, count);
    char *all = calloc(count, bytes);
    if (all == NULL) return DMFT_ERROR_MEMORY;
    hid_t type = H5Tcopy(H5T_C_S1), set = H5I_INVALID_HID;
    for (size_t i = 0; i < count; i++)
        if (text[i] != NULL) memcpy(all + i * bytes, text[i], strlen(text[i]));
    if (H5Tset_size(type, bytes) >= 0 && H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0)
        set = hdf5_write_array(group, name, &layout, type, type, all);
    if (type >= 0) (void)H5Tclose(type);
    free(all);
    return set < 0 || H5Dclose(set) < 0 ? -1 : 0;
}

static int write_integers(hid_t group, const char *name, const long *value, size_t count)
{
    const struct result_layout layout = {1, {count, 1}, 1};
    hid_t set = hdf5_write_array(group, name, &layout, H5T_STD_I64LE, H5T_NATIVE_LONG, value);
    return set < 0 || H5Dclose(set) < 0 ? -1 : 0;
}

static int write_axis(hid_t group, const struct sweep_axis *axis)
{
    const struct result_layout layout = {1, {axis->count, 1}, 1};
    if (axis->number == NULL) return write_texts(group, axis->key, (const char *const *)axis->text, axis->count);
    hid_t set = hdf5_write_array(group, axis->key, &layout, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, axis->number);
    return set < 0 || H5Dclose(set) < 0 ? -1 : 0;
}

static int write_axes(hid_t file, const dmft_sweep *s)
{
    hid_t group = hdf5_make_group(file, "axes");
    int status = group < 0 ? -1 : 0;
    for (size_t i = 0; i < s->axes && status == 0; i++) status = write_axis(group, &s->axis[i]);
    return status;
}

static int write_points(hid_t file, const dmft_sweep *s)
{
    hid_t group = hdf5_make_group(file, "points");
    long *status = malloc(s->points * sizeof *status);
    if (status == NULL) return DMFT_ERROR_MEMORY;
    int written = group < 0 ? -1 : 0;
    for (size_t i = 0; i < s->points; i++) status[i] = s->status[i];
    if (written == 0) written = write_integers(group, "status", status, s->points);
    if (written == 0) written = write_integers(group, "diverged_at", s->diverged_at, s->points);
    if (written == 0) written = write_integers(group, "steps", s->steps, s->points);
    if (written == 0) written = write_texts(group, "message", (const char *const *)s->message, s->points);
    free(status);
    return written;
}

static long recorded_rows(const dmft_sweep *s)
{
    long most = 0;
    for (size_t i = 0; i < s->points; i++)
        if (s->steps[i] > most) most = s->steps[i];
    return most;
}

static int write_sweep(hid_t file, const void *result, const io_stream *stream)
{
    const dmft_sweep *s = result;
    long rows = recorded_rows(s);
    const struct result_layout table = {2, {s->points, (hsize_t)rows}, s->rows}, numbers = {1, {s->points, 1}, 1};
    if (hdf5_write_text(file, "format", sweep_format_name) != 0 || hdf5_write_integer(file, "format_version", FORMAT_VERSION) != 0) return -1;
    if (hdf5_write_text(file, "kind", "sweep") != 0 || hdf5_write_integer(file, "points", (long)s->points) != 0) return -1;
    int status = hdf5_write_integer(file, "rows", rows);
    if (status == 0) status = write_axes(file, s);
    if (status == 0) status = write_points(file, s);
    if (status == 0) status = result_write_series(file, "numbers", NULL, s->facts, &numbers, stream);
    if (status == 0) status = result_write_texts(file, s->facts);
    return status == 0 ? result_write_series(file, "series", "errors", s->table, &table, stream) : status;
}

int dmft_sweep_write(const dmft_sweep *s, const char *path, int overwrite, dmft_error *err)
{
    return result_write(path, overwrite, write_sweep, s, err);
}

/* ---- reading ---- */

/* Texts of fixed length; NULL stays where there is none ("") when `empty` is 0. */
static int read_texts(const result_reader *r, hid_t set, const char *name, char **text, size_t count, int empty)
{
    hid_t type = H5Dget_type(set);
    size_t bytes = H5Tget_size(type);
    int fixed = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0;
    char *all = fixed ? calloc(count, bytes + 1) : NULL;
    int status = !fixed ? result_unexpected(r, name, "of texts of fixed length") : all != NULL ? DMFT_OK : error_memory(r->err, (double)(count * bytes));
    if (status == DMFT_OK && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) < 0) status = result_damaged(r, name);
    for (size_t i = 0; i < count && status == DMFT_OK; i++) {
        size_t length = strnlen(all + i * bytes, bytes);
        if (length == 0 && !empty) continue;
        text[i] = malloc(length + 1);
        if (text[i] == NULL)
            status = error_memory(r->err, (double)length);
        else {
            memcpy(text[i], all + i * bytes, length);
            text[i][length] = '\0';
        }
    }
    (void)H5Tclose(type);
    free(all);
    return status;
}

/* Numbers, or texts; the axis is the first that has no key. */
static int read_axis(const result_reader *r, hid_t set, const char *name)
{
    hsize_t size[2] = {0, 1};
    size_t i = 0;
    while (i < r->sweep->axes && r->sweep->axis[i].key != NULL) i++;
    if (i == r->sweep->axes) return result_unexpected(r, "axes", "as many as the file says");
    hid_t type = H5Dget_type(set);
    int numbers = H5Tget_class(type) == H5T_FLOAT;
    (void)H5Tclose(type);
    int status = result_check_dataset(r, set, name, numbers ? H5T_FLOAT : H5T_STRING, numbers ? sizeof(double) : 0, 1, size);
    if (status != DMFT_OK) return status;
    if (size[0] == 0 || size[0] > CONFIG_POINTS) return result_unexpected(r, name, "an axis");
    struct sweep_axis *axis = &r->sweep->axis[i];
    if (!sweep_make_axis(axis, name, (size_t)size[0], numbers)) return error_memory(r->err, 16.0 * (double)size[0]);
    if (!numbers) return read_texts(r, set, name, axis->text, axis->count, 1);
    if (H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, axis->number) < 0) return result_damaged(r, name);
    for (size_t k = 0; k < axis->count && status == DMFT_OK; k++) {
        char text[NUMBER_TEXT];
        number_format(text, axis->number[k]);
        axis->text[k] = memory_string(text);
        if (axis->text[k] == NULL) status = error_memory(r->err, NUMBER_TEXT);
    }
    return status;
}

static int read_axes(const result_reader *r, hid_t group)
{
    size_t points = 1;
    int status = result_read_datasets(r, group, read_axis);
    for (size_t i = 0; i < r->sweep->axes && status == DMFT_OK; i++) {
        if (r->sweep->axis[i].count == 0 || points > CONFIG_POINTS) return result_unexpected(r, "axes", "a grid of the points of the file");
        points *= r->sweep->axis[i].count;
    }
    if (status != DMFT_OK) return status;
    return points == r->sweep->points ? DMFT_OK : result_unexpected(r, "axes", "a grid of the points of the file");
}

static int read_point_status(const result_reader *r, hid_t set)
{
    size_t points = r->sweep->points;
    long *value = malloc(points * sizeof *value);
    if (value == NULL) return error_memory(r->err, 8.0 * (double)points);
    int status = H5Dread(set, H5T_NATIVE_LONG, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0 ? result_damaged(r, "status") : DMFT_OK;
    for (size_t i = 0; i < points && status == DMFT_OK; i++) {
        if (value[i] < DMFT_POINT_MISSING || value[i] > DMFT_POINT_DIVERGED) status = result_unexpected(r, "status", "an outcome of each point");
        r->sweep->status[i] = (int)value[i];
    }
    free(value);
    return status;
}

/* What is there beside the four is passed over. */
static int read_point_set(const result_reader *r, hid_t set, const char *name)
{
    dmft_sweep *s = r->sweep;
    hsize_t size[2] = {0, 1};
    int message = strcmp(name, "message") == 0, outcome = strcmp(name, "status") == 0;
    long *value = strcmp(name, "diverged_at") == 0 ? s->diverged_at : strcmp(name, "steps") == 0 ? s->steps : NULL;
    if (!message && !outcome && value == NULL) return DMFT_OK;
    int status = result_check_dataset(r, set, name, message ? H5T_STRING : H5T_INTEGER, 0, 1, size);
    if (status != DMFT_OK) return status;
    if (size[0] != s->points) return result_unexpected(r, name, "as long as the file has points");
    if (message) return read_texts(r, set, name, s->message, s->points, 0);
    if (outcome) return read_point_status(r, set);
    return H5Dread(set, H5T_NATIVE_LONG, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0 ? result_damaged(r, name) : DMFT_OK;
}

static int read_points(const result_reader *r, hid_t group)
{
    dmft_sweep *s = r->sweep;
    int status = result_read_datasets(r, group, read_point_set);
    for (size_t i = 0; i < s->points && status == DMFT_OK; i++)
        if (s->steps[i] < 0 || s->steps[i] > (long)s->rows) status = result_unexpected(r, "steps", "a number of rows of each point");
    return status;
}

static int read_series(result_reader *r, hid_t file)
{
    dmft_sweep *s = r->sweep;
    r->t = s->facts;
    r->layout = (struct result_layout){1, {s->points, 1}, 1};
    int status = result_read_group(r, file, "numbers", result_read_hidden);
    if (status == DMFT_OK) status = result_read_group(r, file, "texts", result_read_texts);
    r->t = s->table;
    r->layout = (struct result_layout){2, {s->points, s->rows}, s->rows};
    if (status == DMFT_OK) status = result_read_group(r, file, "series", result_read_series);
    if (status == DMFT_OK) status = result_read_group(r, file, "errors", result_read_errors);
    r->t = NULL; /* both belong to the sweep */
    return status;
}

static int count_axes(const result_reader *r, hid_t group)
{
    H5G_info_t info;
    (void)r;
    return H5Gget_info(group, &info) < 0 || info.nlinks > CONFIG_AXES ? -1 : (int)info.nlinks;
}

int sweep_read_contents(result_reader *r, hid_t file)
{
    long rows = 0, points = 0;
    if (hdf5_read_integer(file, "rows", &rows) != 0 || hdf5_read_integer(file, "points", &points) != 0) return result_damaged(r, "points");
    if (points < 1 || points > CONFIG_POINTS) return result_unexpected(r, "points", "a number of points in [1, 1000000]");
    int axes = result_read_group(r, file, "axes", count_axes);
    if (axes < 1) return axes < -1 ? axes : result_unexpected(r, "axes", "1 to 8 axes");
    int status = sweep_create(&r->sweep, (size_t)axes, (size_t)points, (size_t)rows, r->err);
    if (status == DMFT_OK) status = result_read_group(r, file, "axes", read_axes);
    if (status == DMFT_OK) status = result_read_group(r, file, "points", read_points);
    return status == DMFT_OK ? read_series(r, file) : status;
}
