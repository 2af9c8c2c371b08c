/* Result files and tables: what is written is read again to the last bit, and what is damaged is refused in one line. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/trajectory.h"
#include "base/outline.h"
#include "folder.h"
#include "io/print.h"

Suite *suite_io(void);

static const char *path, *other;

static void make_paths(void)
{
    make_folder();
    path = in_folder("result.h5");
    other = in_folder("other");
}

/* Awkward numbers in `rows` rows, and a kernel with a stride larger than its order. */
static dmft_trajectory *sample_trajectory(size_t rows)
{
    dmft_trajectory *t;
    double *step, *C, *hidden, *kernel = calloc((rows + 1) * (rows + 5), sizeof *kernel);
    ck_assert_ptr_nonnull(kernel);
    ck_assert_int_eq(trajectory_create(&t, rows, NULL), DMFT_OK);
    ck_assert_int_eq(trajectory_add(t, &step, TRAJECTORY_SHOWN, NULL, "step"), DMFT_OK);
    ck_assert_int_eq(trajectory_add(t, &hidden, TRAJECTORY_HIDDEN, NULL, "zeta"), DMFT_OK);
    ck_assert_int_eq(trajectory_add(t, &C, TRAJECTORY_SHOWN | TRAJECTORY_ERRORS, NULL, "C_v"), DMFT_OK);
    for (size_t i = 0; i < rows; i++) {
        step[i] = (double)i;
        C[i] = i % 5 == 3 ? NAN : exp(-2.385 * (double)i) / 3;
        hidden[i] = -1e300 / (double)(i + 1);
        t->series[2].error[i] = 1e-3 / (double)(i + 1);
        for (size_t s = 0; s < rows; s++) kernel[i * (rows + 5) + s] = 1.0 / (double)(i + 7 * s + 1);
    }
    ck_assert_int_eq(trajectory_add_kernel(t, "C_v", rows, rows + 5, kernel, NULL), DMFT_OK);
    for (int i = 0; i < 12; i++) ck_assert_int_eq(trajectory_set_number(t, i == 5 ? NAN : 0.1 * i, NULL, "z%d", 12 - i), DMFT_OK);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "kind", "theory", NULL), DMFT_OK);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "model", "deep_linear", NULL), DMFT_OK);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "config", "model: deep_linear\nnetwork:\n  depth: 2\n  weight_variance: [0.5, 0.25]\n", NULL), DMFT_OK);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "empty", "", NULL), DMFT_OK);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "quoted", "\"γ\\\t\n", NULL), DMFT_OK);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "foreign", "r\xe9.yaml \xc3\xa9 \xed\xa0\x80 \xc0\xaf \xf0\x9f\x98", NULL), DMFT_OK);
    return t;
}

static int same(const double *a, const double *b, size_t n) { return memcmp(a, b, n * sizeof *a) == 0; }

static void assert_same(const dmft_trajectory *a, const dmft_trajectory *b)
{
    ck_assert_uint_eq(a->rows, b->rows);
    ck_assert_int_eq(a->diverged_at, b->diverged_at);
    ck_assert_uint_eq(a->series_count, b->series_count);
    for (size_t i = 0; i < a->series_count; i++) {
        ck_assert_str_eq(a->series[i].name, b->series[i].name);
        ck_assert_int_eq(a->series[i].shown, b->series[i].shown);
        ck_assert(same(a->series[i].value, b->series[i].value, a->rows));
        ck_assert_int_eq(a->series[i].error == NULL, b->series[i].error == NULL);
        if (a->series[i].error != NULL) ck_assert(same(a->series[i].error, b->series[i].error, a->rows));
    }
    ck_assert_uint_eq(a->kernel_count, b->kernel_count);
    for (size_t i = 0; i < a->kernel_count; i++) {
        const struct trajectory_kernel *k = &a->kernel[i], *l = &b->kernel[i];
        ck_assert_str_eq(k->name, l->name);
        ck_assert_uint_eq(k->order, l->order);
        for (size_t t = 0; t < k->order; t++) ck_assert(same(k->data + t * k->stride, l->data + t * l->stride, k->order));
    }
    ck_assert_uint_eq(a->number_count, b->number_count);
    for (size_t i = 0; i < a->number_count; i++) {
        ck_assert_str_eq(a->number[i].name, b->number[i].name);
        ck_assert(same(&a->number[i].value, &b->number[i].value, 1));
    }
    ck_assert_uint_eq(a->text_count, b->text_count);
    for (size_t i = 0; i < a->text_count; i++) {
        ck_assert_str_eq(a->text[i].name, b->text[i].name);
        ck_assert_str_eq(a->text[i].text, b->text[i].text);
    }
}

static void assert_round_trip(dmft_trajectory *t)
{
    dmft_trajectory *read;
    dmft_error err;
    ck_assert_msg(dmft_trajectory_write(t, path, 1, &err) == DMFT_OK, "%s", err.text);
    ck_assert_msg(dmft_trajectory_read(&read, path, &err) == DMFT_OK, "%s", err.text);
    assert_same(t, read);
    dmft_trajectory_free(read);
    dmft_trajectory_free(t);
}

START_TEST(round_trip)
{
    static const size_t rows[] = {0, 1, 2, 3, 17, 64, 1000};
    assert_round_trip(sample_trajectory(rows[_i]));
}
END_TEST

START_TEST(round_trip_diverged)
{
    dmft_trajectory *t = sample_trajectory(17);
    t->diverged_at = 9;
    trajectory_truncate(t, 9);
    assert_round_trip(t);
}
END_TEST

/* A kernel over the events of model mlp, three a row. */
START_TEST(round_trip_of_events)
{
    enum { ROWS = 4, ORDER = 12 };
    dmft_trajectory *t = sample_trajectory(ROWS);
    double *kernel = calloc(ORDER * ORDER, sizeof *kernel);
    ck_assert_ptr_nonnull(kernel);
    for (size_t i = 0; i < ORDER * ORDER; i++) kernel[i] = 1.0 / (double)(i + 1);
    ck_assert_int_eq(trajectory_add_kernel(t, "C_phi1", ORDER, ORDER, kernel, NULL), DMFT_OK);
    assert_round_trip(t);
}
END_TEST

START_TEST(round_trip_of_nothing)
{
    dmft_trajectory *t;
    ck_assert_int_eq(trajectory_create(&t, 0, NULL), DMFT_OK);
    assert_round_trip(t);
}
END_TEST

START_TEST(round_trip_of_long_text)
{
    dmft_trajectory *t = sample_trajectory(3);
    size_t bytes = 1000000;
    char *text = malloc(bytes + 1);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < bytes; i++) text[i] = (char)(' ' + i % 90);
    text[bytes] = '\0';
    ck_assert_int_eq(dmft_trajectory_set_text(t, "config", text, NULL), DMFT_OK);
    free(text);
    assert_round_trip(t);
}
END_TEST

/* ---- damage ---- */

static unsigned char *read_bytes(const char *name, size_t *count)
{
    struct stat there;
    FILE *file = fopen(name, "rb");
    ck_assert(file != NULL && fstat(fileno(file), &there) == 0);
    *count = (size_t)there.st_size;
    unsigned char *bytes = malloc(*count + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, *count, file), *count);
    (void)fclose(file);
    return bytes;
}

static void write_bytes(const char *name, const void *bytes, size_t count)
{
    FILE *file = fopen(name, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

/* It is refused with this status, in one line that names the file, and the output is left alone. */
static void assert_refused(const char *name, int status)
{
    dmft_error err = {0};
    dmft_trajectory *untouched = (dmft_trajectory *)&err, *t = untouched;
    int got = dmft_trajectory_read(&t, name, &err);
    ck_assert_msg(got == status, "status %d (%s), wanted %d", got, err.text, status);
    ck_assert_int_eq(err.status, status);
    ck_assert_ptr_nonnull(strstr(err.text, name));
    ck_assert_ptr_null(strchr(err.text, '\n'));
    ck_assert_ptr_eq(t, untouched);
}

/* Bytes of a command line that are not UTF-8 are kept as text that is; names are refused. */
START_TEST(foreign_bytes)
{
    static const char *const bad[] = {"", "\xff", "a\xc3", "a\nb", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    dmft_trajectory *t = sample_trajectory(3);
    dmft_error err;
    ck_assert_str_eq(dmft_trajectory_text(t, "foreign"), "r\\xe9.yaml \xc3\xa9 \\xed\\xa0\\x80 \\xc0\\xaf \\xf0\\x9f\\x98");
    size_t texts = t->text_count;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(dmft_trajectory_set_text(t, bad[i], "v", &err), DMFT_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.text, "1 to 63 bytes"));
    }
    ck_assert_int_eq(dmft_trajectory_set_text(t, NULL, "v", NULL), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "v", NULL, NULL), DMFT_ERROR_ARGUMENT);
    ck_assert_uint_eq(t->text_count, texts);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "\xc3\xa9", "v", NULL), DMFT_OK);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(truncated_at_every_byte)
{
    dmft_trajectory *t = sample_trajectory(3);
    size_t count;
    ck_assert_int_eq(dmft_trajectory_write(t, path, 1, NULL), DMFT_OK);
    unsigned char *bytes = read_bytes(path, &count);
    write_bytes(other, bytes, count);
    ck_assert_int_gt((int)count, 3000);
    for (size_t length = count; length-- > 0;) {
        dmft_trajectory *read;
        ck_assert_int_eq(truncate(other, (off_t)length), 0);
        if (length == count - 32) { /* nothing but the seal is gone */
            ck_assert_int_eq(dmft_trajectory_read(&read, other, NULL), DMFT_OK);
            assert_same(t, read);
            dmft_trajectory_free(read);
        } else
            assert_refused(other, DMFT_ERROR_READ);
    }
    free(bytes);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(damaged_at_every_byte)
{
    dmft_trajectory *t = sample_trajectory(3);
    size_t count;
    ck_assert_int_eq(dmft_trajectory_write(t, path, 1, NULL), DMFT_OK);
    dmft_trajectory_free(t);
    unsigned char *bytes = read_bytes(path, &count);
    write_bytes(other, bytes, count);
    int fd = open(other, O_WRONLY);
    ck_assert_int_ge(fd, 0);
    for (size_t i = 0; i < count; i++) {
        unsigned char wrong = (unsigned char)(bytes[i] ^ (1u << (i % 8)));
        ck_assert_int_eq(pwrite(fd, &wrong, 1, (off_t)i), 1);
        assert_refused(other, i < 8 ? DMFT_ERROR_FORMAT : DMFT_ERROR_READ);
        ck_assert_int_eq(pwrite(fd, &bytes[i], 1, (off_t)i), 1);
    }
    (void)close(fd);
    free(bytes);
}
END_TEST

START_TEST(no_file)
{
    assert_refused(path, DMFT_ERROR_READ);
    assert_refused(folder, DMFT_ERROR_READ);
    assert_refused("/dev/null", DMFT_ERROR_READ);
    write_bytes(path, "", 0);
    assert_refused(path, DMFT_ERROR_READ);
    write_bytes(path, "step,C_v\n0,1\n", 13);
    assert_refused(path, DMFT_ERROR_FORMAT);
}
END_TEST

/* ---- files of other programs ---- */

START_TEST(file_of_another_program)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(file >= 0 && H5Fclose(file) >= 0);
    assert_refused(path, DMFT_ERROR_FORMAT);
}
END_TEST

static hid_t open_sample(void)
{
    dmft_trajectory *t = sample_trajectory(5);
    ck_assert_int_eq(dmft_trajectory_write(t, path, 1, NULL), DMFT_OK);
    dmft_trajectory_free(t);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert(file >= 0);
    return file;
}

static void put_dataset(hid_t file, const char *name, hid_t type, int rank, const hsize_t *size)
{
    (void)H5Ldelete(file, name, H5P_DEFAULT);
    hid_t space = H5Screate_simple(rank, size, NULL), set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(set >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
}

static void put_weights(hid_t file, hid_t type, int rank, const hsize_t *size)
{
    (void)H5Gclose(H5Gcreate2(file, "arrays", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    put_dataset(file, "arrays/A1_first", type, rank, size);
}

static void put_integer(hid_t file, const char *name, long value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    if (H5Aexists(file, name) > 0) (void)H5Adelete(file, name);
    hid_t attribute = H5Acreate2(file, name, H5T_NATIVE_LONG, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(attribute >= 0 && H5Awrite(attribute, H5T_NATIVE_LONG, &value) >= 0);
    (void)H5Aclose(attribute);
    (void)H5Sclose(space);
}

START_TEST(attribute_added_by_another_program)
{
    dmft_trajectory *t, *written = sample_trajectory(5);
    hid_t file = open_sample();
    put_integer(file, "note", 5);
    ck_assert(H5Fclose(file) >= 0);
    ck_assert_int_eq(dmft_trajectory_read(&t, path, NULL), DMFT_OK);
    assert_same(written, t);
    dmft_trajectory_free(written);
    dmft_trajectory_free(t);
}
END_TEST

/* Each change makes the file one that cannot be a result. */
static void change(hid_t file, int which)
{
    static const hsize_t five[2] = {5, 5}, six[2] = {6, 6}, oblong[2] = {5, 4}, many[1] = {1000000000}, huge[2] = {1000000, 1000000};
    switch (which) {
    case 0: put_integer(file, "format_version", 2); break;
    case 1: (void)H5Adelete(file, "format"); break;
    case 2: put_integer(file, "rows", -1); break;
    case 3: put_integer(file, "rows", 1L << 60); break;
    case 4: put_integer(file, "rows", 6); break;
    case 5: put_dataset(file, "series/zeta", H5T_NATIVE_DOUBLE, 2, five); break;
    case 6: put_dataset(file, "series/zeta", H5T_NATIVE_INT, 1, five); break;
    case 7: put_dataset(file, "kernels/C_v", H5T_NATIVE_DOUBLE, 1, five); break;
    case 8: put_dataset(file, "errors/unknown", H5T_NATIVE_DOUBLE, 1, five); break;
    case 9: (void)H5Lcreate_external("/etc/passwd", "/x", file, "series/away", H5P_DEFAULT, H5P_DEFAULT); break;
    case 10: (void)H5Lcreate_hard(file, "numbers", file, "kernels/group", H5P_DEFAULT, H5P_DEFAULT); break;
    case 11: put_integer(file, "diverged_at", -5); break;
    case 12: (void)H5Ldelete(file, "series", H5P_DEFAULT); break;
    case 13: put_dataset(file, "series/zeta", H5T_NATIVE_DOUBLE, 1, many); break; /* no bytes behind it */
    case 14: put_dataset(file, "kernels/C_v", H5T_NATIVE_DOUBLE, 2, oblong); break;
    case 15: put_weights(file, H5T_NATIVE_DOUBLE, 1, five); break;
    case 16: put_weights(file, H5T_NATIVE_FLOAT, 2, oblong); break;
    case 17: put_weights(file, H5T_NATIVE_DOUBLE, 2, huge); break; /* no bytes behind it */
    case 18: put_dataset(file, "arrays", H5T_NATIVE_DOUBLE, 2, oblong); break;
    default: put_dataset(file, "kernels/C_v", H5T_NATIVE_DOUBLE, 2, six); break;
    }
}

START_TEST(wrong_content)
{
    dmft_error err;
    dmft_trajectory *t;
    hid_t file = open_sample();
    H5E_BEGIN_TRY { change(file, _i); }
    H5E_END_TRY
    ck_assert(H5Fclose(file) >= 0);
    int status = dmft_trajectory_read(&t, path, &err);
    ck_assert_msg(status == DMFT_ERROR_FORMAT || status == DMFT_ERROR_READ, "change %d: status %d", _i, status);
    if (_i < 2) ck_assert_int_eq(status, DMFT_ERROR_FORMAT);
    if (_i == 0) ck_assert_ptr_nonnull(strstr(err.text, "version 2"));
}
END_TEST

/* ---- writing ---- */

START_TEST(existing_file_is_kept)
{
    dmft_error err;
    size_t count;
    dmft_trajectory *t = sample_trajectory(2);
    write_bytes(path, "precious", 8);
    ck_assert_int_eq(dmft_trajectory_write(t, path, 0, &err), DMFT_ERROR_EXISTS);
    unsigned char *bytes = read_bytes(path, &count);
    ck_assert(count == 8 && memcmp(bytes, "precious", 8) == 0);
    free(bytes);
    ck_assert_int_eq(dmft_trajectory_write(t, path, 1, &err), DMFT_OK);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(file_of_a_faster_writer_is_kept)
{
    file_aside aside;
    dmft_error err;
    ck_assert_int_eq(file_aside_open(&aside, path, 0, &err), DMFT_OK);
    write_bytes(path, "precious", 8);
    ck_assert_int_eq(file_aside_commit(&aside, &err), DMFT_ERROR_EXISTS);
}
END_TEST

START_TEST(links_and_mode)
{
    struct stat there;
    dmft_trajectory *t = sample_trajectory(2);
    mode_t before = umask(027);
    ck_assert_int_eq(dmft_trajectory_write(t, other, 0, NULL), DMFT_OK);
    (void)umask(before);
    ck_assert(stat(other, &there) == 0 && (there.st_mode & 0777) == 0640);
    ck_assert_int_eq(symlink(other, path), 0);
    ck_assert_int_eq(dmft_trajectory_write(t, path, 1, NULL), DMFT_OK);
    ck_assert(lstat(path, &there) == 0 && S_ISLNK(there.st_mode));
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(places_that_cannot_be_written)
{
    static const char *const place[] = {"/dev/null", "/proc/result.h5", "/nowhere/result.h5", ""};
    dmft_error err = {0};
    dmft_trajectory *t = sample_trajectory(2);
    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        ck_assert_int_eq(dmft_trajectory_write(t, place[i], 1, &err), DMFT_ERROR_WRITE);
        ck_assert_ptr_null(strchr(err.text, '\n'));
    }
    ck_assert_int_eq(dmft_trajectory_write(t, folder, 1, &err), DMFT_ERROR_WRITE);
    ck_assert_ptr_nonnull(strstr(err.text, "Is a directory"));
    dmft_trajectory_free(t);
}
END_TEST

/* A disk that is full after any number of bytes: an error, nothing left behind, and HDF5 goes on working. */
START_TEST(full_disk)
{
    dmft_error err;
    struct rlimit before, limit;
    struct stat there;
    dmft_trajectory *t = sample_trajectory(64);
    ck_assert_int_eq(dmft_trajectory_write(t, path, 1, &err), DMFT_OK);
    ck_assert(stat(path, &there) == 0 && unlink(path) == 0 && getrlimit(RLIMIT_FSIZE, &before) == 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 0; bytes < (rlim_t)there.st_size; bytes += (rlim_t)there.st_size / 29) {
        limit = before;
        limit.rlim_cur = bytes;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        int status = dmft_trajectory_write(t, path, 1, &err);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        ck_assert_msg(status == DMFT_ERROR_WRITE, "%ld bytes: status %d", (long)bytes, status);
        ck_assert_ptr_nonnull(strstr(err.text, strerror(EFBIG)));
        ck_assert_int_ne(access(path, F_OK), 0);
    }
    (void)signal(SIGXFSZ, handler);
    assert_round_trip(t);
}
END_TEST

/* ---- tables ---- */

static int read_table(const char *text, dmft_trajectory **t, dmft_error *err)
{
    write_bytes(other, text, strlen(text));
    return dmft_trajectory_read_csv(t, other, err);
}

START_TEST(table)
{
    dmft_trajectory *t;
    dmft_error err;
    const char *text = "\xef\xbb\xbf# made by hand\r\n\r\nstep, C_v ,C_v_se,x\r\n0,1e-3,0.5,-0\n\n# between\n7,nan,.25, 12.5 \n900,-1.5E+2,0,NaN";
    ck_assert_msg(read_table(text, &t, &err) == DMFT_OK, "%s", err.text);
    ck_assert_uint_eq(dmft_trajectory_rows(t), 3);
    ck_assert_uint_eq(dmft_trajectory_series_count(t), 3);
    ck_assert_str_eq(dmft_trajectory_series_name(t, 1), "C_v");
    const double *step = dmft_trajectory_series(t, "step"), *C = dmft_trajectory_series(t, "C_v"), *x = dmft_trajectory_series(t, "x");
    const double *se = dmft_trajectory_errors(t, "C_v");
    ck_assert(step[0] == 0 && step[1] == 7 && step[2] == 900);
    ck_assert(C[0] == 1e-3 && isnan(C[1]) && C[2] == -150);
    ck_assert(se[0] == 0.5 && se[1] == 0.25 && se[2] == 0);
    ck_assert(x[1] == 12.5 && isnan(x[2]) && dmft_trajectory_errors(t, "x") == NULL);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(bad_table)
{
    static const char *const bad[][2] = {
        {"", "empty"},
        {"# only\n", "empty"},
        {"C_v\n1\n", ":1:1: the header has no column 'step'"},
        {"step,C_v\n0,1\n1\n", ":3:2: a line of 1 cells under a header of 2"},
        {"step,C_v\n0,1,2\n", ":2:6: a line of 3 cells"},
        {"step,C_v\n#\n0,x\n", ":3:3: must be a finite number or nan, got 'x'"},
        {"step,C_v\n0,\n", ":2:3: must be"},
        {"step,C_v\n0,inf\n", ":2:3: must be"},
        {"step,C_v\n0,1e999\n", ":2:3: must be"},
        {"step,C_v\n0,0x10\n", ":2:3: must be"},
        {"step,C_v\n0,1 2\n", ":2:3: must be"},
        {"step,C_v\n-1,1\n", ":2:1: a step must be an integer"},
        {"step,C_v\n0.5,1\n", ":2:1: a step must be an integer"},
        {"step,C_v\nnan,1\n", ":2:1: a step must be an integer"},
        {"step,C_v\n1,1\n1,1\n", ":3:1: the steps must rise"},
        {"step,C_v\n1,1\n0,1\n", ":3:1: the steps must rise"},
        {"step,C_v,C_v\n0,1,1\n", ":1:10: a second column"},
        {"step,C_v,C_v_se,C_v_se\n0,1,1,1\n", ":1:17: a second column"},
        {"step,C_v_se,C_v\n0,1,1\n", ":1:6: standard errors must come after"},
        {"step,C_v,C_v_se\n0,1,-1\n", ":2:5: a standard error"},
        {"step,,C\n0,1,1\n", ":1:6: a column without a name"},
        {"step,0123456789012345678901234567890123456789012345678901234567890123\n0,1\n", ":1:6: a name"},
        {"step,\x01\xff\n0,\x02\n", ":2:3: must be a finite number or nan, got '?'"},
    };
    dmft_trajectory *t;
    dmft_error err;
    ck_assert_msg(read_table(bad[_i][0], &t, &err) == DMFT_ERROR_FORMAT, "taken: %s", bad[_i][0]);
    ck_assert_msg(strstr(err.text, bad[_i][1]) != NULL && strstr(err.text, other) != NULL, "'%s' without '%s'", err.text, bad[_i][1]);
}
END_TEST

START_TEST(no_table)
{
    dmft_trajectory *t;
    dmft_error err;
    ck_assert_int_eq(dmft_trajectory_read_csv(&t, other, &err), DMFT_ERROR_READ);
    ck_assert_int_eq(dmft_trajectory_read_csv(&t, folder, &err), DMFT_ERROR_READ);
    write_bytes(other, "step\0,1\n", 8);
    ck_assert_int_eq(dmft_trajectory_read_csv(&t, other, &err), DMFT_ERROR_FORMAT);
}
END_TEST

/* Whatever the end that is missing: fewer rows, or an error; never a fault. */
START_TEST(truncated_table)
{
    const char *text = "# x\nstep,C_v,C_v_se\n0,1.5,0.25\n1,2.5,0.125\n";
    for (size_t length = 0; length <= strlen(text); length++) {
        dmft_trajectory *t = NULL;
        write_bytes(other, text, length);
        int status = dmft_trajectory_read_csv(&t, other, NULL);
        ck_assert(status == DMFT_OK || status == DMFT_ERROR_FORMAT);
        if (status == DMFT_OK && dmft_trajectory_rows(t) > 0) ck_assert(dmft_trajectory_series(t, "C_v")[0] == 1.5);
        dmft_trajectory_free(t);
    }
}
END_TEST

START_TEST(table_in_another_locale)
{
    dmft_trajectory *t;
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL) return; /* not installed here */
    ck_assert_int_eq(read_table("step,C_v\n0,1.5\n", &t, NULL), DMFT_OK);
    ck_assert(dmft_trajectory_series(t, "C_v")[0] == 1.5);
    dmft_trajectory_free(t);
    (void)setlocale(LC_NUMERIC, "C");
}
END_TEST

/* ---- printing ---- */

typedef void (*printer)(FILE *, const dmft_trajectory *, const print_columns *);

static void assert_printed(const dmft_trajectory *t, const char *names, int errors, printer print, const char *wanted)
{
    char *text = NULL;
    size_t bytes = 0;
    print_columns columns;
    FILE *out = open_memstream(&text, &bytes);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(print_columns_choose(&columns, t, names, errors, NULL), DMFT_OK);
    print(out, t, &columns);
    print_columns_free(&columns);
    (void)fclose(out);
    ck_assert_str_eq(text, wanted);
    free(text);
}

static dmft_trajectory *small_trajectory(void)
{
    dmft_trajectory *t;
    double *v;
    ck_assert_int_eq(trajectory_create(&t, 2, NULL), DMFT_OK);
    ck_assert_int_eq(trajectory_add(t, &v, TRAJECTORY_SHOWN, NULL, "step"), DMFT_OK);
    v[0] = 0, v[1] = 100000;
    ck_assert_int_eq(trajectory_add(t, &v, TRAJECTORY_SHOWN | TRAJECTORY_ERRORS, NULL, "C_v"), DMFT_OK);
    v[0] = 1.0 / 3, v[1] = -NAN;
    t->series[1].error[0] = 0.5;
    ck_assert_int_eq(trajectory_add(t, &v, TRAJECTORY_HIDDEN, NULL, "exact"), DMFT_OK);
    v[0] = 1e-20, v[1] = 2;
    return t;
}

START_TEST(csv)
{
    dmft_trajectory *t = small_trajectory();
    assert_printed(t, NULL, 0, print_csv, "step,C_v\n0,0.333333333333\n100000,nan\n");
    assert_printed(t, NULL, 1, print_csv, "step,C_v,C_v_se\n0,0.333333333333,0.5\n100000,nan,nan\n");
    assert_printed(t, "exact,step", 1, print_csv, "exact,exact_se,step\n1e-20,0,0\n2,0,100000\n");
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(json)
{
    dmft_trajectory *t = small_trajectory();
    ck_assert_int_eq(trajectory_set_number(t, NAN, NULL, "x"), DMFT_OK);
    ck_assert_int_eq(trajectory_set_number(t, 0.1, NULL, "y"), DMFT_OK);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "config", "model: deep_linear\nnetwork:\n  weight_variance: [0.5, 1e-3]\n  residual: false\n", NULL), DMFT_OK);
    ck_assert_int_eq(dmft_trajectory_set_text(t, "note", "a\"\\\n\x01γ", NULL), DMFT_OK);
    assert_printed(t, NULL, 1, print_json,
                   "{\n  \"kind\": null,\n  \"model\": null,\n  \"diverged_at\": null,\n  \"columns\": [\"step\", \"C_v\", \"C_v_se\"],\n"
                   "  \"rows\": [\n    [0, 0.333333333333, 0.5],\n    [100000, null, null]\n  ],\n"
                   "  \"parameters\": {\n    \"model\": \"deep_linear\",\n    \"network.weight_variance\": [0.5, 1e-3],\n"
                   "    \"network.residual\": false\n  },\n"
                   "  \"numbers\": {\n    \"x\": null,\n    \"y\": 0.10000000000000001\n  },\n"
                   "  \"texts\": {\n    \"config\": \"model: deep_linear\\nnetwork:\\n  weight_variance: [0.5, 1e-3]\\n  residual: false\\n\",\n"
                   "    \"note\": \"a\\\"\\\\\\n\\u0001γ\"\n  }\n}\n");
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(unknown_series)
{
    dmft_error err;
    print_columns columns;
    dmft_trajectory *t = small_trajectory();
    ck_assert_int_eq(print_columns_choose(&columns, t, "step,exakt", 0, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "'exact'"));
    ck_assert_int_eq(print_columns_choose(&columns, t, "", 0, &err), DMFT_ERROR_ARGUMENT);
    ck_assert_int_eq(print_columns_choose(&columns, t, "step,", 0, &err), DMFT_ERROR_ARGUMENT);
    dmft_trajectory_free(t);
}
END_TEST

START_TEST(npy)
{
    const double data[6] = {1.5, 2.5, -1, 3.5, -0.25, -1};
    size_t count;
    const struct print_matrix block = {.data = data, .rows = 2, .columns = 2, .stride = 3};
    ck_assert_int_eq(print_npy(other, &block, 0, NULL), DMFT_OK);
    ck_assert_int_eq(print_npy(other, &block, 0, NULL), DMFT_ERROR_EXISTS);
    unsigned char *bytes = read_bytes(other, &count);
    ck_assert_uint_eq(count, 128 + 4 * 8);
    ck_assert(memcmp(bytes, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", 68) == 0 && bytes[127] == '\n');
    const unsigned char one_and_half[8] = {0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, minus_quarter[8] = {0, 0, 0, 0, 0, 0, 0xd0, 0xbf};
    ck_assert(memcmp(bytes + 128, one_and_half, 8) == 0 && memcmp(bytes + 128 + 24, minus_quarter, 8) == 0);
    free(bytes);
}
END_TEST

START_TEST(outline)
{
    const char *text = "model: deep_linear\ntolerance: 1e-11\nnetwork:\n  depth: 2\n  # no setting\n  gamma0: 8.5\nlast: [1, 2]";
    char value[16];
    ck_assert(outline_find(text, "network.depth", value, sizeof value) && strcmp(value, "2") == 0);
    ck_assert(outline_find(text, "network.gamma0", value, sizeof value) && strcmp(value, "8.5") == 0);
    ck_assert(outline_find(text, "last", value, sizeof value) && strcmp(value, "[1, 2]") == 0);
    ck_assert(!outline_find(text, "depth", value, sizeof value) && !outline_find(text, "network", value, sizeof value));
    ck_assert_uint_eq(text_distance("kitten", 6, "sitting"), 3);
    ck_assert_uint_eq(text_distance("", 0, "abc"), 3);
}
END_TEST

Suite *suite_io(void)
{
    Suite *suite = suite_create("io");
    TCase *files = tcase_create("result files"), *tables = tcase_create("tables"), *text = tcase_create("printing");
    tcase_add_checked_fixture(files, make_paths, remove_folder);
    tcase_add_checked_fixture(tables, make_paths, remove_folder);
    tcase_add_checked_fixture(text, make_paths, remove_folder);
    tcase_add_loop_test(files, round_trip, 0, 7);
    tcase_add_test(files, round_trip_diverged);
    tcase_add_test(files, round_trip_of_events);
    tcase_add_test(files, round_trip_of_nothing);
    tcase_add_test(files, round_trip_of_long_text);
    tcase_add_test(files, foreign_bytes);
    tcase_add_test(files, truncated_at_every_byte);
    tcase_add_test(files, damaged_at_every_byte);
    tcase_add_test(files, no_file);
    tcase_add_test(files, file_of_another_program);
    tcase_add_test(files, attribute_added_by_another_program);
    tcase_add_loop_test(files, wrong_content, 0, 20);
    tcase_add_test(files, existing_file_is_kept);
    tcase_add_test(files, file_of_a_faster_writer_is_kept);
    tcase_add_test(files, links_and_mode);
    tcase_add_test(files, places_that_cannot_be_written);
    tcase_add_test(files, full_disk);
    tcase_add_test(tables, table);
    tcase_add_loop_test(tables, bad_table, 0, 23);
    tcase_add_test(tables, no_table);
    tcase_add_test(tables, truncated_table);
    tcase_add_test(tables, table_in_another_locale);
    tcase_add_test(text, csv);
    tcase_add_test(text, json);
    tcase_add_test(text, unknown_series);
    tcase_add_test(text, npy);
    tcase_add_test(text, outline);
    suite_add_tcase(suite, files);
    suite_add_tcase(suite, tables);
    suite_add_tcase(suite, text);
    return suite;
}
