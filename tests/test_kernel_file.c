/* Kernel files and `dmft outliers`: files in all types of numbers, damaged ones, and what the program prints. */
#include <check.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "folder.h"
#include "io/kernels_hdf5.h"
#include "suites.h"

enum { K = 6, PATH = 4096 };
static const char *const names[] = {"C_phi", "R_phi", "C_g", "R_g", "d", "sigma2", "psi"};
enum { DATASETS = sizeof names / sizeof *names };

/* The kernels of a run, as a file holds them. */
struct content {
    size_t k;
    double matrix[4][K * K], d[K], sigma2, psi;
    const double *variance; /* k numbers, or NULL */
};

static struct content content_of(size_t k)
{
    struct setting s = {"", 2, 0.5, 8.48528137423857, {0.25, 0.25, 0.25}, 4.0, 0.0, 0.06, MUP, FULL, K};
    slow_kernels *slow = slow_of(&s, K);
    struct content c = {.k = k, .sigma2 = 0.25, .psi = 0.5};
    const double *from[4] = {slow->C_h[0], slow->R_h[0], slow->C_g[1], slow->R_g[1]};
    for (int m = 0; m < 4; m++)
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++) c.matrix[m][i * k + j] = from[m][i * K + j];
    for (size_t i = 0; i < k; i++) c.d[i] = i + 1 < k ? 0.06 * 6.0 / sqrt(0.5) : 0.0;
    slow_free(slow);
    return c;
}

/* How to write; `skip` names a dataset that is left out. */
struct manner {
    hid_t type;
    int scalars_as_arrays;
    const char *skip;
};

static void write_dataset(hid_t file, const struct manner *how, const char *name, int rank, size_t n, const double *x)
{
    hsize_t size[2] = {n, n};
    if (how->skip != NULL && strcmp(how->skip, name) == 0) return;
    hid_t space = rank == 0 && !how->scalars_as_arrays ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank == 0 ? 1 : rank, size, NULL);
    hid_t set = H5Dcreate2(file, name, how->type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(set >= 0);
    if (n > 0) ck_assert(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
}

static void write_file(const char *path, const struct content *c, struct manner how)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(file >= 0);
    for (int m = 0; m < 4; m++) write_dataset(file, &how, names[m], 2, c->k, c->matrix[m]);
    write_dataset(file, &how, "d", 1, c->k, c->d);
    if (c->variance != NULL) write_dataset(file, &how, "variance", 1, c->k, c->variance);
    write_dataset(file, &how, "sigma2", 0, 1, &c->sigma2);
    write_dataset(file, &how, "psi", 0, 1, &c->psi);
    (void)H5Fclose(file);
}

static dmft_outliers *outliers_in(const char *path)
{
    kernel_file f;
    dmft_outliers *o = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(kernel_file_read(&f, path, &err) == DMFT_OK, "%s", err.text);
    ck_assert_msg(dmft_outliers_create(&o, &f.kernels, 4, &err) == DMFT_OK, "%s", err.text);
    kernel_file_free(&f);
    return o;
}

static void refused(const char *path, int expected, const char *text)
{
    kernel_file f;
    dmft_error err = {.text = ""};
    int status = kernel_file_read(&f, path, &err);
    ck_assert_msg(status == expected, "status %d (%s), expected %d", status, err.text, expected);
    ck_assert_msg(strstr(err.text, text) != NULL, "'%s' is not in '%s'", text, err.text);
}

START_TEST(all_types_of_numbers)
{
    const struct manner how[] = {{H5T_IEEE_F64LE, 0, NULL}, {H5T_IEEE_F64BE, 1, NULL}, {H5T_IEEE_F32LE, 0, NULL}, {H5T_IEEE_F32BE, 1, NULL}};
    const double precision[] = {1e-15, 1e-15, 1e-5, 1e-5};
    struct content c = content_of(K);
    double z = NAN;
    for (int i = 0; i < 4; i++) {
        const char *path = in_folder("kernels_types.h5");
        write_file(path, &c, how[i]);
        dmft_outliers *o = outliers_in(path);
        ck_assert_uint_eq(dmft_outliers_count(o), 1);
        if (i == 0) z = dmft_outliers_z(o, 0);
        ck_assert_msg(fabs(dmft_outliers_z(o, 0) - z) <= precision[i] * z, "type %d: %.15g, expected %.15g", i, dmft_outliers_z(o, 0), z);
        dmft_outliers_free(o);
        }
    /* whole numbers: two independent spikes */
    struct content spikes = {.k = 2, .d = {3.0, 0.0}, .sigma2 = 1.0, .psi = 1.0};
    for (int m = 0; m < 4; m += 2) spikes.matrix[m][0] = spikes.matrix[m][3] = 1.0;
    write_file(in_folder("kernels_types.h5"), &spikes, (struct manner){H5T_STD_I16BE, 0, NULL});
    dmft_outliers *o = outliers_in(in_folder("kernels_types.h5"));
    ck_assert_uint_eq(dmft_outliers_count(o), 1);
    ck_assert(fabs(dmft_outliers_z(o, 0) - (3.0 + 1.0 / 3.0)) < 1e-12);
    dmft_outliers_free(o);
}
END_TEST

/* The eighth dataset, of a bulk that changed between the events: it is read as it is, and changes what is found. */
START_TEST(a_variance_of_each_event)
{
    static const double variance[] = {0.01, 0.02, 0.05, 0.1, 0.2, 0.25};
    const char *path = in_folder("kernels_variance.h5");
    struct content c = content_of(K);
    write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 0, NULL});
    dmft_outliers *same = outliers_in(path);
    c.variance = variance;
    write_file(path, &c, (struct manner){H5T_IEEE_F64BE, 0, NULL});
    dmft_outliers *o = outliers_in(path), *own = NULL;
    dmft_kernels k = {.count = K, .stride = K, .C_phi = c.matrix[0], .R_phi = c.matrix[1], .C_g = c.matrix[2], .R_g = c.matrix[3], .weight = c.d,
                      .sigma2 = c.sigma2, .psi = c.psi, .variance = variance};
    ck_assert_int_eq(dmft_outliers_create(&own, &k, 4, NULL), DMFT_OK);
    ck_assert_uint_eq(dmft_outliers_count(o), 1);
    ck_assert(dmft_outliers_z(o, 0) == dmft_outliers_z(own, 0));
    ck_assert_double_gt(fabs(dmft_outliers_z(o, 0) - dmft_outliers_z(same, 0)), 0.01);
    dmft_outliers_free(same);
    dmft_outliers_free(own);
    dmft_outliers_free(o);
}
END_TEST

/* One of other length, or that is not finite, is refused by name. */
START_TEST(variances_that_do_not_fit)
{
    static const double broken[] = {0.1, 0.1, NAN, 0.1, 0.1, 0.1};
    const char *path = in_folder("kernels_variance.h5");
    struct content c = content_of(K);
    c.variance = broken;
    write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 0, NULL});
    refused(path, DMFT_ERROR_FORMAT, ": variance[2] is not finite: nan");
    for (int rank = 1; rank <= 2; rank++) {
        const struct manner how = {H5T_IEEE_F64LE, 0, "variance"}, late = {H5T_IEEE_F64LE, 0, NULL};
        double numbers[25] = {0.0};
        write_file(path, &c, how);
        hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        write_dataset(file, &late, "variance", rank, 5, numbers);
        (void)H5Fclose(file);
        refused(path, DMFT_ERROR_FORMAT, ": variance must be a list of 6 numbers, as d is; it has rank");
    }
}
END_TEST

START_TEST(what_is_missing_or_misshapen_is_named)
{
    const char *path = in_folder("kernels_bad.h5");
    const struct manner plain = {H5T_IEEE_F64LE, 0, NULL};
    struct content c = content_of(K);
    for (int i = 0; i < DATASETS; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "there is no dataset %s", names[i]);
        write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 0, names[i]});
        refused(path, DMFT_ERROR_FORMAT, text);
    }
    for (int i = 0; i < DATASETS; i++) { /* of another shape: three numbers in a row */
        double three[3] = {0.1, 0.2, 0.3};
        char text[64];
        write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 0, names[i]});
        hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        write_dataset(file, &plain, names[i], 1, 3, three);
        (void)H5Fclose(file);
        (void)snprintf(text, sizeof text, i == 4 ? "C_phi must be 3 x 3" : i < 4 ? "%s must be 6 x 6" : "%s must be one number", names[i]);
        refused(path, DMFT_ERROR_FORMAT, text);
    }
    c.matrix[2][2 * K + 1] = NAN;
    write_file(path, &c, plain);
    refused(path, DMFT_ERROR_FORMAT, "C_g[2][1] is not finite");
    c = content_of(K);
    c.d[3] = INFINITY;
    write_file(path, &c, plain);
    refused(path, DMFT_ERROR_FORMAT, "d[3] is not finite");
    c = content_of(K);
    c.sigma2 = NAN;
    write_file(path, &c, plain);
    refused(path, DMFT_ERROR_FORMAT, "sigma2 is not finite");
    refused(in_folder("no_such_file.h5"), DMFT_ERROR_READ, "No such file");
    refused(folder, DMFT_ERROR_READ, "not a regular file");
}
END_TEST

START_TEST(strings_groups_and_cubes_are_refused)
{
    const char *path = in_folder("kernels_odd.h5");
    struct content c = content_of(K);
    write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 0, "d"});
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), group = H5Gcreate2(file, "d", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Gclose(group);
    (void)H5Fclose(file);
    refused(path, DMFT_ERROR_FORMAT, "d is not a dataset");
    write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 0, "d"});
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hsize_t cube[3] = {2, 2, 2};
    hid_t space = H5Screate_simple(3, cube, NULL), set = H5Dcreate2(file, "d", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    (void)H5Fclose(file);
    refused(path, DMFT_ERROR_FORMAT, "d has 3 dimensions");
    write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 0, "d"});
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t word = H5Tcopy(H5T_C_S1);
    space = H5Screate(H5S_SCALAR);
    set = H5Dcreate2(file, "d", word, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    (void)H5Tclose(word);
    (void)H5Fclose(file);
    refused(path, DMFT_ERROR_FORMAT, "d does not hold real numbers");
    write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 0, "sigma2"});
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    space = H5Screate(H5S_NULL);
    set = H5Dcreate2(file, "sigma2", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    (void)H5Fclose(file);
    refused(path, DMFT_ERROR_FORMAT, "sigma2 holds nothing"); /* and is not 0 */
}
END_TEST

/* Cut at many places: an error each time, never a crash. */
START_TEST(truncated_files_are_refused)
{
    const char *path = in_folder("kernels_cut.h5");
    struct content c = content_of(K);
    struct stat there;
    write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 0, NULL});
    ck_assert_int_eq(stat(path, &there), 0);
    for (off_t length = there.st_size - 1; length >= 0; length -= 1 + length / 50) {
        kernel_file f;
        dmft_error err = {.text = ""};
        ck_assert_int_eq(truncate(path, length), 0);
        int status = kernel_file_read(&f, path, &err);
        ck_assert_msg(status == DMFT_ERROR_FORMAT || status == DMFT_ERROR_READ, "%ld bytes: status %d", (long)length, status);
        ck_assert_ptr_nonnull(strstr(err.text, "kernels_cut.h5"));
    }
}
END_TEST

/* ---- the program ---- */

/* Standard output of `dmft outliers ARGUMENTS` and its exit status. */
static int run(const char *arguments, char *out, size_t bytes)
{
    char command[2 * PATH];
    const char *build = getenv("DMFT_BUILD");
    (void)snprintf(command, sizeof command, "%s/bin/dmft outliers %s 2>&1", build != NULL ? build : "build", arguments);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    size_t got = fread(out, 1, bytes - 1, pipe);
    out[got] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(the_program_prints_a_table)
{
    const char *path = in_folder("kernels_table.h5");
    char out[1 << 14], expected[1 << 14], *at = expected;
    struct content c = content_of(K);
    write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 1, NULL});
    dmft_outliers *o = outliers_in(path);
    const double *left = dmft_outliers_left(o, 0), *right = dmft_outliers_right(o, 0);
    at += sprintf(at, "outlier,edge,left_overlap1,left_overlap2,left_overlap3,left_overlap4,left_overlap5,left_overlap6,"
                      "right_overlap1,right_overlap2,right_overlap3,right_overlap4,right_overlap5,right_overlap6\n");
    at += sprintf(at, "%.12g,%.12g", dmft_outliers_z(o, 0), 0.5 * (1.0 + sqrt(0.5)));
    for (int i = 0; i < K; i++) at += sprintf(at, ",%.12g", left[i] * left[i]);
    for (int i = 0; i < K; i++) at += sprintf(at, ",%.12g", right[i] * right[i]);
    (void)sprintf(at, "\n");
    ck_assert_int_eq(run(path, out, sizeof out), 0);
    double z[2];
    ck_assert_int_eq(sscanf(strchr(out, '\n') + 1, "%lf", &z[0]), 1);
    ck_assert_int_eq(sscanf(strchr(expected, '\n') + 1, "%lf", &z[1]), 1);
    ck_assert(fabs(z[0] - z[1]) <= 1e-11 * z[1]);
    ck_assert_uint_eq(strcspn(out, "\n"), strcspn(expected, "\n"));
    ck_assert_int_eq(strncmp(out, expected, strcspn(expected, "\n") + 1), 0);
    int commas[2] = {0, 0};
    for (const char *p = out; *p != '\0'; p++) commas[0] += *p == ',';
    for (const char *p = expected; *p != '\0'; p++) commas[1] += *p == ',';
    ck_assert_int_eq(commas[0], commas[1]);
    dmft_outliers_free(o);
    c.d[0] = c.d[1] = c.d[2] = c.d[3] = c.d[4] = 0.0; /* nothing learned */
    write_file(path, &c, (struct manner){H5T_IEEE_F64LE, 1, NULL});
    ck_assert_int_eq(run(path, out, sizeof out), 0);
    ck_assert_uint_eq(strlen(out), strcspn(expected, "\n") + 1);
    struct content none = {.sigma2 = 1.0, .psi = 1.0};
    write_file(path, &none, (struct manner){H5T_IEEE_F64LE, 0, NULL});
    ck_assert_int_eq(run(path, out, sizeof out), 0);
    ck_assert_str_eq(out, "outlier,edge\n");
}
END_TEST

/* Domain errors of what a file holds are the user's: status 2, one line with the file's name. */
START_TEST(the_program_refuses_bad_kernels)
{
    const char *path = in_folder("kernels_refused.h5");
    char out[4096];
    const struct manner plain = {H5T_IEEE_F64LE, 0, NULL};
    struct content c = content_of(K);
    c.psi = -2.0;
    write_file(path, &c, plain);
    ck_assert_int_eq(run(path, out, sizeof out), 2);
    ck_assert_ptr_nonnull(strstr(out, "kernels_refused.h5: psi must be in (0, inf), got -2"));
    c = content_of(K);
    c.matrix[1][2] = 0.5;
    write_file(path, &c, plain);
    ck_assert_int_eq(run(path, out, sizeof out), 2);
    ck_assert_ptr_nonnull(strstr(out, "R_phi is not causal: [0][2] must be 0"));
    c = content_of(K);
    c.matrix[0][3] *= 1.1;
    write_file(path, &c, plain);
    ck_assert_int_eq(run(path, out, sizeof out), 2);
    ck_assert_ptr_nonnull(strstr(out, "C_phi is not symmetric"));
    ck_assert_ptr_eq(strchr(out, '\n'), out + strlen(out) - 1);
    c = content_of(K);
    for (size_t i = 0; i < K; i++)
        for (size_t j = i + 1; j < K; j++) c.matrix[0][i * K + j] = c.matrix[2][i * K + j] = 0.0; /* lower triangles alone */
    write_file(path, &c, plain);
    ck_assert_int_eq(run(path, out, sizeof out), 0);
}
END_TEST

Suite *suite_kernel_file(void)
{
    Suite *s = suite_create("kernel_file");
    TCase *files = tcase_create("files"), *program = tcase_create("program");
    tcase_add_checked_fixture(files, make_folder, remove_folder);
    tcase_add_checked_fixture(program, make_folder, remove_folder);
    tcase_add_test(files, all_types_of_numbers);
    tcase_add_test(files, a_variance_of_each_event);
    tcase_add_test(files, variances_that_do_not_fit);
    tcase_add_test(files, what_is_missing_or_misshapen_is_named);
    tcase_add_test(files, strings_groups_and_cubes_are_refused);
    tcase_add_test(files, truncated_files_are_refused);
    tcase_add_test(program, the_program_prints_a_table);
    tcase_add_test(program, the_program_refuses_bad_kernels);
    suite_add_tcase(s, files);
    suite_add_tcase(s, program);
    return s;
}
