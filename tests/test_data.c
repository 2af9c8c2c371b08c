/* Data files of model mlp: the three formats against numbers written here, and every way in which a file can be wrong. */
#include <check.h>
#include <hdf5.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/problem.h"
#include "dmft.h"
#include "io/data.h"
#include "folder.h"

Suite *suite_data(void);

enum { P = 3, D = 4, K = 2, Q = 2 };
static const double inputs[P * D] = {1, -2, 0.5, 3, 0, 2.385, -1, 4, 2, 2, 2, -0.25};
static const double target[P] = {1, -1, 0.5};
static const double target2[P * K] = {0.25, 0.75, 1, 0, 0.5, 0.5};
static const double test_inputs[Q * D] = {1, 1, 1, 1, 0, 0, 0, 7};
static const double test_target[Q] = {2, 3};

static void write_bytes(const char *name, const void *bytes, size_t count)
{
    FILE *file = fopen(in_folder(name), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

static void write_text(const char *name, const char *text) { write_bytes(name, text, strlen(text)); }

static void write_set(hid_t file, const char *name, int rank, const hsize_t *size, const double *number)
{
    hid_t space = H5Screate_simple(rank, size, NULL), set = H5Dcreate2(file, name, H5T_IEEE_F64BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, number) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
}

struct set {
    const char *name;
    int rank;
    hsize_t size[3];
    const double *number;
};

static void write_hdf5(const char *name, const struct set *set, size_t count)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    (void)H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST); /* a small file */
    hid_t file = H5Fcreate(in_folder(name), H5F_ACC_TRUNC, H5P_DEFAULT, access);
    (void)H5Pclose(access);
    ck_assert(file >= 0);
    for (size_t i = 0; i < count; i++) write_set(file, set[i].name, set[i].rank, set[i].size, set[i].number);
    (void)H5Fclose(file);
}

/* An array of .npy; `head` is its dictionary. Returns the bytes, which the caller frees. */
static char *npy(size_t *size, int version, const char *head, const void *numbers, size_t bytes)
{
    size_t start = version == 1 ? 10 : 12, length = strlen(head), whole = start + length + bytes;
    char *out = malloc(whole);
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (char)version;
    out[7] = 0;
    for (size_t i = 8; i < start; i++) out[i] = (char)(unsigned char)(length >> (8 * (i - 8)));
    memcpy(out + start, head, length);
    if (bytes > 0) memcpy(out + start + length, numbers, bytes);
    *size = whole;
    return out;
}

static void write_npy(const char *name, int version, const char *head, const void *numbers, size_t bytes)
{
    size_t size;
    char *text = npy(&size, version, head, numbers, bytes);
    write_bytes(name, text, size);
    free(text);
}

static int read_as(struct data_set *set, const char *name, const char *test, size_t columns, int normalize, dmft_error *err)
{
    return data_read(set, in_folder(name), test != NULL ? in_folder(test) : NULL, columns, normalize, err);
}

static int read_set(struct data_set *set, const char *name, const char *test, size_t columns, dmft_error *err)
{
    return read_as(set, name, test, columns, 0, err);
}

/* Ends with an error line that holds these words, and nothing made. */
static void expect_error(const char *name, const char *test, size_t columns, const char *words)
{
    struct data_set set = {0};
    dmft_error err = {0};
    int status = read_set(&set, name, test, columns, &err);
    ck_assert_msg(status < 0, "%s is read; expected: %s", name, words);
    ck_assert_msg(strstr(err.text, words) != NULL, "'%s' is not in: %s", words, err.text);
    ck_assert(strchr(err.text, '\n') == NULL && set.gram == NULL && set.target == NULL && set.samples == 0);
}

/* ---- what is read ---- */

static double product(const double *x, const double *y)
{
    double sum = 0;
    for (int d = 0; d < D; d++) sum += x[d] * y[d];
    return sum / D;
}

static const double *input(size_t i) { return i < P ? inputs + i * D : test_inputs + (i - P) * D; }

static void expect_set(const struct data_set *set, size_t tests, size_t outputs, const double *y, const double *test_y)
{
    size_t n = P + tests;
    ck_assert_uint_eq(set->samples, P);
    ck_assert_uint_eq(set->tests, tests);
    ck_assert_uint_eq(set->outputs, outputs);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double exact = product(input(i), input(j)), got = set->gram[i * n + j];
            ck_assert_msg(fabs(got - exact) <= 1e-15 * 16, "K(%zu, %zu) = %.17g, not %.17g", i, j, got, exact);
            ck_assert(got == set->gram[j * n + i]);
        }
    ck_assert_int_eq(memcmp(set->target, y, P * outputs * sizeof *y), 0);
    ck_assert((set->test_target == NULL) == (test_y == NULL));
    if (test_y != NULL) ck_assert_int_eq(memcmp(set->test_target, test_y, tests * outputs * sizeof *test_y), 0);
}

static void expect_read(const char *name, const char *test, size_t columns, size_t tests, size_t outputs, const double *y, const double *test_y)
{
    struct data_set set = {0};
    dmft_error err = {0};
    ck_assert_msg(read_set(&set, name, test, columns, &err) == 0, "%s", err.text);
    expect_set(&set, tests, outputs, y, test_y);
    data_set_free(&set);
}

static const struct set h5_inputs = {"inputs", 2, {P, D}, inputs}, h5_target = {"target", 1, {P}, target}, h5_target2 = {"target", 2, {P, K}, target2},
                        h5_test = {"test_inputs", 2, {Q, D}, test_inputs}, h5_test_target = {"test_target", 1, {Q}, test_target};

START_TEST(hdf5_files_are_read)
{
    const struct set plain[] = {h5_inputs, h5_target}, wide[] = {h5_inputs, h5_target2}, full[] = {h5_inputs, h5_target, h5_test, h5_test_target};
    const struct set bare[] = {h5_inputs, h5_target, h5_test}, test[] = {{"inputs", 2, {Q, D}, test_inputs}};
    write_hdf5("plain.h5", plain, 2);
    write_hdf5("wide.h5", wide, 2);
    write_hdf5("full.h5", full, 4);
    write_hdf5("bare.h5", bare, 3);
    write_hdf5("test.h5", test, 1);
    expect_read("plain.h5", NULL, 1, 0, 1, target, NULL);
    expect_read("wide.h5", NULL, 1, 0, K, target2, NULL);
    expect_read("full.h5", NULL, 1, Q, 1, target, test_target);
    expect_read("bare.h5", NULL, 1, Q, 1, target, NULL);
    expect_read("plain.h5", "test.h5", 1, Q, 1, target, NULL);
}
END_TEST

START_TEST(wrong_hdf5_files_are_refused)
{
    static const double nan_target[P] = {1, NAN, 2};
    double bad[P * D];
    memcpy(bad, inputs, sizeof bad);
    bad[6] = -INFINITY;
    const struct set empty[] = {{"inputs", 2, {0, D}, inputs}, h5_target}, cube[] = {{"inputs", 3, {1, P, D}, inputs}, h5_target},
                     flat[] = {{"inputs", 1, {P}, inputs}, h5_target}, two[] = {h5_inputs, {"target", 1, {2}, target}},
                     nans[] = {h5_inputs, {"target", 1, {P}, nan_target}}, infinite[] = {{"inputs", 2, {P, D}, bad}, h5_target},
                     lone[] = {h5_inputs, h5_target, h5_test_target}, narrow[] = {h5_inputs, h5_target, {"test_inputs", 2, {Q, 3}, test_inputs}},
                     wide[] = {h5_inputs, h5_target, h5_test, {"test_target", 2, {Q, 2}, test_inputs}}, full[] = {h5_inputs, h5_target, h5_test};
    const struct {
        const char *name;
        const struct set *set;
        size_t count;
        const char *words;
    } wrong[] = {{"nothing.h5", NULL, 0, "nothing.h5: there is no dataset inputs"},
                 {"bare.h5", &h5_inputs, 1, "bare.h5: has no targets: there is no dataset target"},
                 {"empty.h5", empty, 2, "inputs is empty: 0 x 4"},
                 {"cube.h5", cube, 2, "inputs has 3 dimensions"},
                 {"flat.h5", flat, 2, "inputs must have two dimensions"},
                 {"two.h5", two, 2, "target holds targets of 2 samples, inputs are 3"},
                 {"nans.h5", nans, 2, "nans.h5: target, row 2, column 1 is nan"},
                 {"infinite.h5", infinite, 2, "infinite.h5: inputs, row 2, column 3 is infinite"},
                 {"lone.h5", lone, 3, "test_target without test_inputs"},
                 {"narrow.h5", narrow, 3, "the test inputs have 3 components, those of the training 4"},
                 {"wide.h5", wide, 4, "the test targets have 2 columns, those of the training 1"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_hdf5(wrong[i].name, wrong[i].set, wrong[i].count);
        expect_error(wrong[i].name, NULL, 1, wrong[i].words);
    }
    write_hdf5("full.h5", full, 3);
    expect_error("full.h5", "full.h5", 1, "full.h5: has test inputs of its own: no data.test_file beside it");
    expect_error("absent.h5", NULL, 1, "No such file");
    expect_error("full.h5", "absent.h5", 1, "has test inputs of its own");
    write_text("text.h5", "this is no HDF5");
    expect_error("text.h5", NULL, 1, "is not an HDF5 file");
}
END_TEST

/* Datasets that claim more than there is, hold words, or are groups. */
START_TEST(strange_hdf5_datasets_are_refused)
{
    hid_t file = H5Fcreate(in_folder("huge.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hsize_t size[2] = {1 << 20, 1000}, chunk[2] = {10, 10};
    hid_t space = H5Screate_simple(2, size, NULL), how = H5Pcreate(H5P_DATASET_CREATE);
    (void)H5Pset_chunk(how, 2, chunk);
    (void)H5Dclose(H5Dcreate2(file, "inputs", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, how, H5P_DEFAULT));
    (void)H5Pclose(how);
    (void)H5Sclose(space);
    (void)H5Fclose(file);
    expect_error("huge.h5", NULL, 1, "inputs has 1048576 x 1000 numbers: more than the file can hold");

    file = H5Fcreate(in_folder("words.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    space = H5Screate_simple(2, chunk, NULL);
    (void)H5Dclose(H5Dcreate2(file, "inputs", H5T_C_S1, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    (void)H5Sclose(space);
    (void)H5Fclose(file);
    expect_error("words.h5", NULL, 1, "inputs does not hold real numbers");

    file = H5Fcreate(in_folder("group.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Gclose(H5Gcreate2(file, "inputs", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    (void)H5Fclose(file);
    expect_error("group.h5", NULL, 1, "inputs is not a dataset that can be opened");
}
END_TEST

/* Cut by one byte after the other: an error, never half a set. */
static void expect_truncations(const char *name)
{
    struct stat there;
    ck_assert_int_eq(stat(in_folder(name), &there), 0);
    for (off_t n = there.st_size - 1; n >= 0; n--) {
        struct data_set set = {0};
        dmft_error err = {0};
        ck_assert_int_eq(truncate(in_folder(name), n), 0);
        ck_assert_msg(read_set(&set, name, NULL, 1, &err) < 0 && set.gram == NULL, "%s of %lld bytes is read", name, (long long)n);
        ck_assert_msg(strstr(err.text, name) != NULL, "%s", err.text);
    }
}

START_TEST(truncated_hdf5_files_are_refused)
{
    const struct set plain[] = {h5_inputs, h5_target};
    write_hdf5("whole.h5", plain, 2);
    expect_read("whole.h5", NULL, 1, 0, 1, target, NULL);
    expect_truncations("whole.h5");
}
END_TEST

/* ---- .npy ---- */

static const char *const f8 = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }\n";
static const char *const f8_target = "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n";

START_TEST(npy_files_are_read)
{
    double columns[P * D], swapped[P * D];
    float single[P * D];
    for (size_t i = 0; i < P; i++)
        for (size_t d = 0; d < D; d++) columns[d * P + i] = inputs[i * D + d];
    for (size_t i = 0; i < P * D; i++) {
        unsigned char from[8], to[8];
        memcpy(from, &inputs[i], 8);
        for (int b = 0; b < 8; b++) to[b] = from[7 - b];
        memcpy(&swapped[i], to, 8);
        single[i] = (float)inputs[i];
    }
    write_npy("x_target.npy", 1, f8_target, target, sizeof target);
    for (int version = 1; version <= 3; version++) {
        write_npy("x.npy", version, f8, inputs, sizeof inputs);
        expect_read("x.npy", NULL, 1, 0, 1, target, NULL);
    }
    write_npy("x.npy", 1, "{'descr': '<f8', 'fortran_order': True, 'shape': (3, 4), }          \n", columns, sizeof columns);
    expect_read("x.npy", NULL, 1, 0, 1, target, NULL);
    write_npy("x.npy", 1, "{'shape':(3,4),'fortran_order':False,'descr':'>f8'}", swapped, sizeof swapped);
    expect_read("x.npy", NULL, 1, 0, 1, target, NULL);
    write_npy("x_target.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }", target2, sizeof target2);
    write_npy("x.npy", 1, f8, inputs, sizeof inputs);
    expect_read("x.npy", NULL, 1, 0, K, target2, NULL);
    write_npy("test.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 4), }", test_inputs, sizeof test_inputs);
    expect_read("x.npy", "test.npy", 1, Q, K, target2, NULL);
    /* 2.385 has no exact single: the product differs by less than the rounding of it */
    struct data_set set = {0};
    dmft_error err = {0};
    write_npy("x.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", single, sizeof single);
    ck_assert_msg(read_set(&set, "x.npy", NULL, 1, &err) == 0, "%s", err.text);
    ck_assert(set.gram[0] == product(inputs, inputs) && fabs(set.gram[1] - product(inputs, inputs + D)) < 1e-6 && set.gram[1] != product(inputs, inputs + D));
    data_set_free(&set);
}
END_TEST

/* One sample of one component 200, or -3, in every type of whole numbers. */
START_TEST(npy_takes_whole_numbers)
{
    static const int8_t i1 = -3;
    static const int16_t i2 = -3;
    static const int32_t i4 = -3;
    static const int64_t i8 = -3;
    static const uint8_t u1 = 200, b1 = 1;
    static const uint16_t u2 = 200;
    static const uint32_t u4 = 200;
    static const uint64_t u8 = 200;
    static const struct {
        const char *type;
        const void *number;
        size_t bytes;
        double value;
    } kind[] = {{"|i1", &i1, 1, -3}, {"<i2", &i2, 2, -3}, {"<i4", &i4, 4, -3}, {"<i8", &i8, 8, -3}, {"|u1", &u1, 1, 200},
                {"<u2", &u2, 2, 200}, {"<u4", &u4, 4, 200}, {"<u8", &u8, 8, 200}, {"|b1", &b1, 1, 1}};
    static const double one = 1;
    for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) {
        char head[128];
        struct data_set set = {0};
        dmft_error err = {0};
        (void)snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }", kind[i].type);
        write_npy("n_target.npy", 1, head, kind[i].number, kind[i].bytes);
        write_npy("n.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }", &one, 8);
        ck_assert_msg(read_set(&set, "n.npy", NULL, 1, &err) == 0, "%s", err.text);
        ck_assert_msg(set.target[0] == kind[i].value, "%s: %g", kind[i].type, set.target[0]);
        data_set_free(&set);
    }
}
END_TEST

/* A zero byte, which ends a C string, in each letter of the type. */
static void expect_zeros_in_the_type_refused(void)
{
    for (size_t letter = 0; letter < 3; letter++) {
        write_npy("w.npy", 1, f8, inputs, sizeof inputs);
        FILE *file = fopen(in_folder("w.npy"), "r+b");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(fseek(file, (long)(10 + (strstr(f8, "<f8") - f8) + (long)letter), SEEK_SET), 0);
        ck_assert_int_eq(fputc(0, file), 0);
        ck_assert_int_eq(fclose(file), 0);
        expect_error("w.npy", NULL, 1, "its header is not");
    }
}

static const struct {
    int version;
    const char *head, *words;
} wrong_npy[] = {
    {4, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }", "version 4"},
    {0, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }", "version 0"},
    {1, "{'descr': '<c16', 'fortran_order': False, 'shape': (3, 4), }", "its header is not"},
    {1, "{'descr': '|O', 'fortran_order': False, 'shape': (3, 4), }", "its header is not"},
    {1, "{'descr': '<4f', 'fortran_order': False, 'shape': (3, 4), }", "its header is not"},
    {1, "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (3, 4), }", "its header is not"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2, 2), }", "its header is not"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (-3, 4), }", "its header is not"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4)", "its header is not"},
    {1, "{'descr': '<f8', 'fortran_order': False, }", "its header is not"},
    {1, "{'descr': '<f8', 'descr': '<f8', 'shape': (3, 4), }", "its header is not"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), } x", "its header is not"},
    {1, "", "its header is not"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (), }", "holds one number"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4), }", "is empty: 0 x 4"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (12,), }", "this array has one"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (4, 4), }", "is truncated"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3), }", "is longer than it should be"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999999, 4), }", "its header is not"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2000000000, 2000000000), }", "too large, or damaged"},
    {1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2000000000, 1), }", "is truncated"}};

START_TEST(wrong_npy_files_are_refused)
{
    for (size_t i = 0; i < sizeof wrong_npy / sizeof *wrong_npy; i++) {
        write_npy("w.npy", wrong_npy[i].version, wrong_npy[i].head, inputs, sizeof inputs);
        expect_error("w.npy", NULL, 1, wrong_npy[i].words);
    }
    expect_zeros_in_the_type_refused();
    double bad[P * D];
    memcpy(bad, inputs, sizeof bad);
    bad[4] = NAN;
    write_npy("w.npy", 1, f8, inputs, sizeof inputs);
    expect_error("w.npy", NULL, 1, "there is no file NAME_target.npy beside it");
    write_npy("w_target.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", target, 16);
    expect_error("w.npy", NULL, 1, "w_target.npy: holds targets of 2 samples, the inputs are 3");
    write_npy("w_target.npy", 1, f8_target, target, sizeof target);
    write_npy("w.npy", 1, f8, bad, sizeof bad);
    expect_error("w.npy", NULL, 1, "inputs, row 2, column 1 is nan");
    expect_error("absent.npy", NULL, 1, "No such file");
}
END_TEST

START_TEST(truncated_npy_files_are_refused)
{
    write_npy("whole_target.npy", 1, f8_target, target, sizeof target);
    for (int version = 1; version <= 2; version++) {
        write_npy("whole.npy", version, f8, inputs, sizeof inputs);
        expect_truncations("whole.npy");
    }
    write_npy("whole.npy", 1, f8, inputs, sizeof inputs);
    expect_read("whole.npy", NULL, 1, 0, 1, target, NULL);
    ck_assert_int_eq(truncate(in_folder("whole_target.npy"), 80), 0);
    expect_error("whole.npy", NULL, 1, "whole_target.npy: is truncated");
}
END_TEST

/* ---- CSV ---- */

#define ROWS "1,-2,0.5,3,1\n0,2.385,-1,4,-1\n2,2,2,-0.25,0.5\n"

START_TEST(csv_files_are_read)
{
    static const char *const good[] = {ROWS,
                                       "a,b,c,d,y\n" ROWS,
                                       "# a remark\n\n  \na,b,c,d,y\n# another\n" ROWS "\n\n",
                                       "\xef\xbb\xbf" ROWS,
                                       "1,-2,0.5,3,1\r\n0,2.385,-1,4,-1\r\n2,2,2,-0.25,0.5\r\n",
                                       " 1 , -2,\t0.5,3e0,1\n0,+2.385,-1,4,-1\n2,2,2,-2.5E-1,.5"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        write_text("x.csv", good[i]);
        expect_read("x.csv", NULL, 1, 0, 1, target, NULL);
    }
    write_text("k.csv", "1,-2,0.5,3,0.25,0.75\n0,2.385,-1,4,1,0\n2,2,2,-0.25,0.5,0.5\n");
    expect_read("k.csv", NULL, 2, 0, K, target2, NULL);
    write_text("x.csv", ROWS);
    write_text("t.csv", "1,1,1,1,2\n0,0,0,7,3\n");
    expect_read("x.csv", "t.csv", 1, Q, 1, target, test_target);
}
END_TEST

START_TEST(wrong_csv_files_are_refused)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {{"", "there are no rows"},
                 {"# nothing\n\n", "there are no rows"},
                 {"a,b,y\n", "there are no rows"},
                 {"1\n2\n", "line 1 has 1 cells: the last 1 are targets"},
                 {"1,2,3\n1,2\n", "w.csv: line 2 has 2 cells, the first one has 3"},
                 {"a,b\n1,2,3\n\n# x\n1,2,3,4\n", "line 5 has 4 cells, the first one has 3"},
                 {"1,2,3\n1,x,3\n", "line 2, column 2 must be a finite number, got 'x'"},
                 {"1,x,3\n1,2,3\n", "line 1, column 2 must be a finite number, got 'x'"},
                 {"1,2,3\n1,2,\n", "line 2, column 3 must be a finite number, got ''"},
                 {"1,2,3\nnan,2,3\n", "line 2, column 1 must be a finite number, got 'nan'"},
                 {"1,2,3\n1,inf,3\n", "got 'inf'"},
                 {"1,2,3\n1,1e999,3\n", "got '1e999'"},
                 {"1,2,3\n1,0x10,3\n", "got '0x10'"},
                 {"1;2;3\n4;5;6\n", "line 2 has 1 cells"},
                 {"1,2,3\n1,\"2\",3\n", "got '\"2\"'"},
                 {"1,2,3\na,b,c\n", "line 2, column 1 must be a finite number, got 'a'"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_text("w.csv", wrong[i].text);
        expect_error("w.csv", NULL, 1, wrong[i].words);
    }
    write_bytes("w.csv", "1,2\n3,\0004\n", 9);
    expect_error("w.csv", NULL, 1, "is no text: it holds a zero byte");
    write_text("x.csv", ROWS);
    write_text("t.csv", "1,1,1,2\n");
    expect_error("x.csv", "t.csv", 1, "t.csv: the test inputs have 3 components, those of the training 4");
    expect_error("x.csv", NULL, 5, "the last 5 are targets, and at least one input stands before them");
    expect_error("absent.csv", NULL, 1, "No such file");
    expect_error("x.txt", NULL, 1, "a data file must end in .h5, .npy or .csv");
    expect_error(".", NULL, 1, "must end in");
    ck_assert_int_eq(mkdir(in_folder("d.csv"), 0700), 0);
    expect_error("d.csv", NULL, 1, "not a regular file");
    write_text("x.csv", "1e200,1\n1e200,1\n");
    expect_error("x.csv", NULL, 1, "the inputs of samples 0 and 0 have no finite product");
}
END_TEST

/* ---- normalized inputs ---- */

/* Training inputs (1, 3), (3, 7): mean (2, 5), left (-1, -2), (1, 2), mean square 5/2. The test input (4, 5) leaves (2, 0). */
START_TEST(inputs_are_normalized)
{
    static const double gram[9] = {1, -1, -0.4, -1, 1, 0.4, -0.4, 0.4, 0.8};
    struct data_set set = {0};
    dmft_error err = {0};
    write_text("x.csv", "1,3,1\n3,7,-1\n");
    write_text("t.csv", "4,5,1\n");
    ck_assert_msg(read_as(&set, "x.csv", "t.csv", 1, 1, &err) == 0, "%s", err.text);
    ck_assert(set.samples == 2 && set.tests == 1 && set.target[1] == -1 && set.test_target[0] == 1);
    for (int i = 0; i < 9; i++) ck_assert_double_eq_tol(set.gram[i], gram[i], 4e-16);
    data_set_free(&set);
    write_text("big.csv", "1e200,3e200,1\n3e200,7e200,-1\n"); /* whatever the unit */
    write_text("small.csv", "1e-200,3e-200,1\n3e-200,7e-200,-1\n");
    for (int k = 0; k < 2; k++) {
        ck_assert_msg(read_as(&set, k == 0 ? "big.csv" : "small.csv", NULL, 1, 1, &err) == 0, "%s", err.text);
        for (int i = 0; i < 4; i++) ck_assert_double_eq_tol(set.gram[i], i == 1 || i == 2 ? -1 : 1, 4e-15);
        data_set_free(&set);
    }
}
END_TEST

/* Three times 0.1 have a mean that is not 0.1 in floating point; a single input is its own mean. */
START_TEST(inputs_without_differences_have_no_scale)
{
    static const char *const same[] = {"0.1,0.7,1\n0.1,0.7,-1\n0.1,0.7,1\n", "2,3,1\n", "0,0,1\n0,0,-1\n"};
    for (int i = 0; i < 3; i++) {
        struct data_set set = {0};
        dmft_error err = {0};
        write_text("x.csv", same[i]);
        ck_assert_int_eq(read_as(&set, "x.csv", NULL, 1, 1, &err), DMFT_ERROR_FORMAT);
        ck_assert_msg(strstr(err.text, "x.csv: data.normalize: all training inputs are the same") != NULL, "%s", err.text);
        ck_assert(set.gram == NULL && set.target == NULL);
    }
}
END_TEST

/* ---- from a configuration ---- */

static int make_problem(dmft_problem **out, const char *data, const char *more, dmft_error *err)
{
    char text[512];
    dmft_config *config = NULL;
    (void)snprintf(text, sizeof text,
                   "model: mlp\nnetwork: {depth: 2, activation: tanh, gamma0: 1, weight_variance: 1}\ndata: {%s}\n"
                   "training: {learning_rate: 0.1, steps: 2}\n%s",
                   data, more);
    write_text("run.yaml", text);
    int status = dmft_config_read(&config, in_folder("run.yaml"), err);
    if (status == 0) status = dmft_problem_create(out, config, err);
    dmft_config_free(config);
    return status;
}

/* A file beside the configuration is found from anywhere; small data stand in the text, which needs the file no more. */
START_TEST(small_data_go_into_the_text)
{
    dmft_problem *p = NULL, *again = NULL;
    dmft_config *config = NULL;
    dmft_error err = {0};
    write_text("x.csv", ROWS);
    write_text("t.csv", "1,1,1,1,2\n0,0,0,7,3\n");
    ck_assert_msg(make_problem(&p, "file: x.csv, outputs: 1, test_file: t.csv", "", &err) == 0, "%s", err.text);
    ck_assert(p->mlp.samples == P && p->mlp.tests == Q && p->mlp.test_target[1] == 3);
    ck_assert_ptr_nonnull(strstr(p->text, "  target: [1, -1, 0.5]\n"));
    ck_assert_ptr_nonnull(strstr(p->text, "  test_target: [2, 3]\n"));
    ck_assert(strstr(p->text, "file") == NULL && strstr(p->text, "outputs:") == NULL);
    ck_assert_int_eq(unlink(in_folder("x.csv")), 0);
    ck_assert_int_eq(dmft_config_parse(&config, p->text, strlen(p->text), NULL, &err), 0);
    ck_assert_msg(dmft_problem_create(&again, config, &err) == 0, "%s", err.text);
    ck_assert_str_eq(again->text, p->text);
    ck_assert_int_eq(memcmp(again->mlp.gram, p->mlp.gram, 25 * sizeof(double)), 0);
    dmft_problem_free(p);
    dmft_problem_free(again);
    dmft_config_free(config);
}
END_TEST

/* The text holds the Gram matrix that came out, and is read without normalizing twice; of large data it keeps the setting. */
START_TEST(normalized_data_stay_as_they_are)
{
    dmft_problem *p = NULL, *again = NULL;
    dmft_config *config = NULL;
    dmft_error err = {0};
    write_text("x.csv", "1,3,1\n3,7,-1\n");
    ck_assert_msg(make_problem(&p, "file: x.csv, normalize: true", "", &err) == 0, "%s", err.text);
    ck_assert_double_eq_tol(p->mlp.gram[1], -1, 4e-16);
    ck_assert_int_eq(dmft_config_parse(&config, p->text, strlen(p->text), NULL, &err), 0);
    ck_assert_msg(dmft_problem_create(&again, config, &err) == 0, "%s", err.text);
    ck_assert_str_eq(again->text, p->text);
    ck_assert_int_eq(memcmp(again->mlp.gram, p->mlp.gram, 4 * sizeof(double)), 0);
    dmft_problem_free(p);
    dmft_problem_free(again);
    dmft_config_free(config);
    again = NULL;
    ck_assert_int_eq(make_problem(&again, "gram: [[1]], target: [1], normalize: true", "", &err), DMFT_ERROR_CONFIG);
    ck_assert_msg(strstr(err.text, "data.normalize: belongs to data.file: a Gram matrix is taken as it is") != NULL, "%s", err.text);
    ck_assert_msg(make_problem(&again, "gram: [[1]], target: [1], normalize: false", "", &err) == 0, "%s", err.text);
    dmft_problem_free(again);
}
END_TEST

static void write_many(const char *name, int rows, double last)
{
    FILE *file = fopen(in_folder(name), "w");
    for (int i = 0; i < rows; i++) fprintf(file, "%d,%g,%g\n", i % 7, 0.5 * (i % 5), i + 1 < rows ? 1.0 : last);
    (void)fclose(file);
}

START_TEST(large_normalized_data_name_the_setting)
{
    dmft_problem *p = NULL, *raw = NULL;
    dmft_error err = {0};
    write_many("many.csv", 65, 1);
    ck_assert_msg(make_problem(&p, "file: many.csv, normalize: true", "", &err) == 0, "%s", err.text);
    ck_assert_msg(make_problem(&raw, "file: many.csv", "", &err) == 0, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(p->text, "  normalize: true\n"));
    ck_assert_str_ne(strstr(p->text, "# checksum"), strstr(raw->text, "# checksum"));
    dmft_problem_free(p);
    dmft_problem_free(raw);
}
END_TEST

/* Large data are named, and told apart by a checksum. */
START_TEST(large_data_have_a_checksum)
{
    dmft_problem *one = NULL, *same = NULL, *other = NULL;
    dmft_error err = {0};
    write_many("it's.csv", 65, 1);
    ck_assert_msg(make_problem(&one, "file: it's.csv", "", &err) == 0, "%s", err.text);
    ck_assert_msg(make_problem(&same, "file: it's.csv", "", &err) == 0, "%s", err.text);
    write_many("it's.csv", 65, -1);
    ck_assert_int_eq(make_problem(&other, "file: it's.csv", "", &err), 0);
    ck_assert_ptr_nonnull(strstr(one->text, "  file: 'it''s.csv'\n"));
    ck_assert_ptr_nonnull(strstr(one->text, "\n# checksum of the data "));
    ck_assert_str_eq(one->text, same->text);
    ck_assert_str_ne(one->text, other->text);
    ck_assert_uint_eq(one->mlp.samples, 65);
    dmft_problem_free(one);
    dmft_problem_free(same);
    dmft_problem_free(other);
}
END_TEST

START_TEST(targets_of_files_are_checked)
{
    static const struct {
        const char *data, *more, *words;
    } wrong[] = {{"file: x.csv", "", NULL},
                 {"file: absent.csv", "", "absent.csv: No such file"},
                 {"file: x.csv, target: [1]", "", "run.yaml:3:29: data.target: stands in the file when there is a data.file"},
                 {"file: x.npy, outputs: 2", "", "data.outputs: belongs to a data.file that ends in .csv"},
                 {"file: x.csv, outputs: 5", "", "at least one input stands before them"}};
    write_text("x.csv", ROWS);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        dmft_problem *p = NULL;
        dmft_error err = {0};
        int status = make_problem(&p, wrong[i].data, wrong[i].more, &err);
        ck_assert_int_eq(status == 0, wrong[i].words == NULL);
        if (wrong[i].words != NULL) ck_assert_msg(strstr(err.text, wrong[i].words) != NULL, "%s", err.text);
        dmft_problem_free(p);
    }
    dmft_config *config = NULL;
    dmft_problem *p = NULL;
    dmft_error err = {0};
    ck_assert_int_eq(dmft_config_read(&config, in_folder("run.yaml"), &err), 0);
    ck_assert_int_eq(dmft_config_set(config, "data.outputs", "1", &err), 0);
    ck_assert_int_eq(dmft_config_set(config, "training.loss", "logistic", &err), 0);
    ck_assert_int_eq(dmft_problem_create(&p, config, &err), DMFT_ERROR_CONFIG);
    ck_assert_msg(strstr(err.text, "data.file: the target of sample 2 must be +1 or -1 (loss logistic), got 0.5") != NULL, "%s", err.text);
    ck_assert_int_eq(dmft_config_set(config, "training.loss", "squared", &err), 0);
    ck_assert_int_eq(dmft_config_set(config, "data.file", "x.csv", &err), 0); /* of the command line: from the working directory */
    ck_assert_int_eq(dmft_problem_create(&p, config, &err), DMFT_ERROR_READ);
    ck_assert_int_eq(dmft_config_set(config, "data.file", in_folder("x.csv"), &err), 0);
    ck_assert_msg(dmft_problem_create(&p, config, &err) == 0, "%s", err.text);
    dmft_problem_free(p);
    dmft_config_free(config);
}
END_TEST

Suite *suite_data(void)
{
    Suite *suite = suite_create("data");
    TCase *tests = tcase_create("data");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_test(tests, hdf5_files_are_read);
    tcase_add_test(tests, wrong_hdf5_files_are_refused);
    tcase_add_test(tests, strange_hdf5_datasets_are_refused);
    tcase_add_test(tests, truncated_hdf5_files_are_refused);
    tcase_add_test(tests, npy_files_are_read);
    tcase_add_test(tests, npy_takes_whole_numbers);
    tcase_add_test(tests, wrong_npy_files_are_refused);
    tcase_add_test(tests, truncated_npy_files_are_refused);
    tcase_add_test(tests, csv_files_are_read);
    tcase_add_test(tests, wrong_csv_files_are_refused);
    tcase_add_test(tests, inputs_are_normalized);
    tcase_add_test(tests, inputs_without_differences_have_no_scale);
    tcase_add_test(tests, normalized_data_stay_as_they_are);
    tcase_add_test(tests, large_normalized_data_name_the_setting);
    tcase_add_test(tests, small_data_go_into_the_text);
    tcase_add_test(tests, large_data_have_a_checksum);
    tcase_add_test(tests, targets_of_files_are_checked);
    suite_add_tcase(suite, tests);
    return suite;
}
