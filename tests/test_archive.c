/* Checkpoints as files: what is written is read again bit by bit; what is cut, damaged, foreign or of another run is refused, always in one line. */
#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/archive.h"
#include "base/error.h"
#include "folder.h"
#include "suites.h"

static const char problem[] = "model: deep_linear\nnetwork:\n  depth: 2\n  gamma0: 2.5\ntraining:\n  steps: 20\n";

static const char *path;

static void make_path(void)
{
    make_folder();
    path = in_folder("state");
}

/* ---- A state ---- */

enum { NUMBERS = 37 };

struct state {
    double x[NUMBERS], one;
    long n;
    int i;
    size_t size;
    unsigned char raw[5];
};

static struct state sample(void)
{
    struct state s = {.one = -0.0, .n = -123456789012, .i = -7, .size = 11, .raw = {0, 255, 10, 13, 26}};
    for (int i = 0; i < NUMBERS; i++) s.x[i] = i == 3 ? NAN : i == 4 ? -INFINITY : exp(-40.0 * i) / 3; /* subnormal ones too */
    return s;
}

static void transfer(struct state *s, archive *a)
{
    archive_tag(a, "state");
    archive_doubles(a, s->x, NUMBERS);
    archive_double(a, &s->one);
    archive_tag(a, "counts");
    archive_long(a, &s->n);
    archive_int(a, &s->i);
    archive_size(a, &s->size, 11);
    archive_bytes(a, s->raw, sizeof s->raw);
}

static int write_state(struct state *s, dmft_error *err)
{
    archive *a = NULL;
    struct archive_head head = {.kind = "solve", .problem = problem, .threads = 3, .done = 12, .total = 20};
    archive_describe_blas(&head, "OpenBLAS, core Haswell");
    int status = archive_create_write(&a, path, &head, err);
    if (status != DMFT_OK) return status;
    ck_assert(!archive_reading(a));
    transfer(s, a);
    return archive_close(a, err);
}

static int read_state(struct state *s, dmft_error *err)
{
    archive *a = NULL;
    int status = archive_open_read(&a, path, "solve", problem, err);
    if (status != DMFT_OK) return status;
    ck_assert(archive_reading(a));
    transfer(s, a);
    return archive_close(a, err);
}

static int same(const struct state *a, const struct state *b)
{
    return memcmp(a->x, b->x, sizeof a->x) == 0 && memcmp(&a->one, &b->one, sizeof a->one) == 0 && a->n == b->n && a->i == b->i && a->size == b->size &&
           memcmp(a->raw, b->raw, sizeof a->raw) == 0;
}

static void write_sample(void)
{
    struct state s = sample();
    dmft_error err = {.text = ""};
    ck_assert_msg(write_state(&s, &err) == DMFT_OK, "%s", err.text);
}

/* The file as bytes, and back. */
static unsigned char *slurp(size_t *size)
{
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    unsigned char *bytes = malloc(1 << 16);
    *size = fread(bytes, 1, 1 << 16, f);
    (void)fclose(f);
    return bytes;
}

static void spit(const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, size, f), size);
    ck_assert_int_eq(fclose(f), 0);
}

/* Opening fails with this status and one line in which `words` stand; nothing of the caller's is touched. */
static void assert_refused(int status, const char *kind, const char *text, const char *words)
{
    archive *a = NULL;
    dmft_error err = {.text = ""};
    int got = archive_open_read(&a, path, kind, text, &err);
    ck_assert_msg(got == status, "status %d (%s), expected %d", got, err.text, status);
    ck_assert_msg(strstr(err.text, words) != NULL, "no '%s' in: %s", words, err.text);
    ck_assert(a == NULL && strchr(err.text, '\n') == NULL && strstr(err.text, path) != NULL);
    ck_assert_int_eq(archive_open_read(&a, path, kind, text, NULL), status);
}

/* ---- Tests ---- */

START_TEST(test_round_trip)
{
    struct state written = sample(), read = {.n = 0};
    dmft_error err = {.text = ""};
    archive *a;
    write_sample();
    write_sample(); /* over the first */
    ck_assert_msg(read_state(&read, &err) == DMFT_OK, "%s", err.text);
    ck_assert(same(&written, &read));
    ck_assert_int_eq(archive_open_read(&a, path, "solve", problem, NULL), DMFT_OK);
    const struct archive_head *head = archive_head_of(a);
    ck_assert(head->threads == 3 && head->done == 12 && head->total == 20);
    ck_assert_str_eq(head->kind, "solve");
    ck_assert_str_eq(head->problem, problem);
    ck_assert_str_eq(head->blas, "OpenBLAS, core Haswell");
    ck_assert_int_eq(archive_close(a, &err), DMFT_ERROR_FORMAT); /* its parts were not read */
    ck_assert_ptr_nonnull(strstr(err.text, "left over"));
}
END_TEST

START_TEST(test_cut_at_every_byte)
{
    size_t size;
    write_sample();
    unsigned char *bytes = slurp(&size);
    for (size_t cut = 0; cut < size; cut++) {
        spit(bytes, cut);
        assert_refused(DMFT_ERROR_READ, "solve", problem, cut == 0 ? "empty" : "truncated");
    }
    free(bytes);
}
END_TEST

/* Every byte in turn, in two ways. What stands in the first line may pass for another file or format, anything else is damage. */
START_TEST(test_damage_at_every_byte)
{
    size_t size;
    write_sample();
    unsigned char *bytes = slurp(&size);
    for (size_t i = 0; i < size; i++)
        for (int way = 0; way < 2; way++) {
            archive *a = NULL;
            dmft_error err = {.text = ""};
            unsigned char kept = bytes[i];
            bytes[i] = (unsigned char)(way == 0 ? kept ^ 1 : kept ^ 0xa5);
            spit(bytes, size);
            int status = archive_open_read(&a, path, "solve", problem, &err);
            ck_assert_msg(status == DMFT_ERROR_READ || (i < 19 && status == DMFT_ERROR_FORMAT), "byte %zu: status %d (%s)", i, status, err.text);
            ck_assert(strchr(err.text, '\n') == NULL && strstr(err.text, path) != NULL);
            bytes[i] = kept;
        }
    free(bytes);
}
END_TEST

/* Bytes that something has added behind the end. */
START_TEST(test_longer_file)
{
    size_t size;
    write_sample();
    unsigned char *bytes = slurp(&size);
    bytes[size] = 'x';
    spit(bytes, size + 1);
    assert_refused(DMFT_ERROR_READ, "solve", problem, "truncated");
    free(bytes);
}
END_TEST

START_TEST(test_other_files)
{
    assert_refused(DMFT_ERROR_READ, "solve", problem, "No such file");
    spit("model: deep_linear\nnetwork: {depth: 2}\n", 39);
    assert_refused(DMFT_ERROR_FORMAT, "solve", problem, "not a checkpoint");
    spit("libdmft checkpoint 0002\nanything", 32); /* of a format to come, in which even the end may be another */
    assert_refused(DMFT_ERROR_FORMAT, "solve", problem, "newer version");
    (void)unlink(path);
    ck_assert_int_eq(mkdir(path, 0777), 0);
    assert_refused(DMFT_ERROR_READ, "solve", problem, "not a regular file");
    (void)rmdir(path);
}
END_TEST

START_TEST(test_other_runs)
{
    write_sample();
    assert_refused(DMFT_ERROR_FORMAT, "simulate", problem, "a checkpoint of solve, not of simulate");
    assert_refused(DMFT_ERROR_CONFIG, "solve", "model: deep_linear\nnetwork:\n  depth: 2\n  gamma0: 2.75\ntraining:\n  steps: 30\n",
                   "network.gamma0 is 2.5 there and 2.75 here");
    assert_refused(DMFT_ERROR_CONFIG, "solve", "model: deep_linear\nnetwork:\n  depth: 2\ntraining:\n  steps: 20\n",
                   "network.gamma0 is 2.5 there and not set here");
    assert_refused(DMFT_ERROR_CONFIG, "solve", "model: deep_linear\nnetwork:\n  depth: 2\n  gamma0: 2.5\ntraining:\n  steps: 20\n  flow: true\n",
                   "training.flow is not set there and true here");
}
END_TEST

/* The same bytes taken for something else: another tag, a size that is out of bounds, more than there is. */
START_TEST(test_misread)
{
    static const char *const words[] = {"'state' where 'networks' should be", "out of bounds", "ends too early", "left over"};
    struct state s = {.n = 0};
    double many[4096];
    dmft_error err;
    archive *a;
    write_sample();
    for (int way = 0; way < 4; way++) {
        size_t size = 99;
        ck_assert_int_eq(archive_open_read(&a, path, "solve", problem, &err), DMFT_OK);
        archive_tag(a, way == 0 ? "networks" : "state");
        if (way == 1) archive_size(a, &size, 10); /* the bytes of a double */
        if (way == 2) archive_doubles(a, many, 4096);
        ck_assert_int_eq(archive_status(a), way < 3 ? DMFT_ERROR_FORMAT : DMFT_OK);
        if (way < 3) transfer(&s, a); /* nothing is read after a failure */
        ck_assert_int_eq(archive_close(a, &err), DMFT_ERROR_FORMAT);
        ck_assert_msg(strstr(err.text, words[way]) != NULL, "%s", err.text);
        ck_assert(s.n == 0 && size == 99);
    }
}
END_TEST

/* A module's own failure ends the file, and an older one stays. */
START_TEST(test_failure_of_a_module)
{
    struct state s = sample(), read = {.n = 0};
    dmft_error err, own;
    archive *a;
    struct archive_head head = {.kind = "solve", .problem = problem};
    write_sample();
    ck_assert_int_eq(archive_create_write(&a, path, &head, NULL), DMFT_OK);
    archive_fail(a, DMFT_ERROR_MEMORY, (error_set(&own, DMFT_ERROR_MEMORY, "no room"), &own));
    archive_fail(a, DMFT_ERROR_NUMERIC, NULL);
    ck_assert_int_eq(archive_close(a, &err), DMFT_ERROR_MEMORY);
    ck_assert_str_eq(err.text, "no room");
    ck_assert(read_state(&read, &err) == DMFT_OK && same(&s, &read));
}
END_TEST

/* Parts that wait in one file go into the next as they are. */
START_TEST(test_copy)
{
    struct state s = sample(), read = {.n = 0};
    dmft_error err = {.text = ""};
    archive *from, *to;
    struct archive_head head = {.kind = "solve", .problem = problem};
    write_sample();
    ck_assert_int_eq(archive_open_read(&from, path, "solve", problem, &err), DMFT_OK);
    size_t place = archive_place(from);
    transfer(&read, from);
    size_t bytes = archive_place(from) - place;
    ck_assert_int_eq(archive_create_write(&to, path, &head, &err), DMFT_OK);
    archive_seek(from, place);
    archive_copy(to, from, bytes);
    ck_assert_int_eq(archive_close(to, &err), DMFT_OK);
    archive_seek(from, place); /* the file is replaced, but it is there as long as it is open */
    read = (struct state){.n = 0};
    transfer(&read, from);
    ck_assert_int_eq(archive_close(from, &err), DMFT_OK);
    ck_assert(same(&s, &read));
    read = (struct state){.n = 0};
    ck_assert(read_state(&read, &err) == DMFT_OK && same(&s, &read));
    ck_assert_int_eq(archive_close(NULL, NULL), DMFT_OK);
}
END_TEST

START_TEST(test_places_to_write)
{
    struct state s = sample();
    dmft_error err;
    struct stat there;
    ck_assert_int_eq(archive_may_write(path, &err), DMFT_OK);
    ck_assert(stat(path, &there) != 0); /* it leaves nothing */
    spit("a: result", 9);
    ck_assert_int_eq(archive_may_write(path, &err), DMFT_ERROR_EXISTS);
    ck_assert_int_eq(write_state(&s, &err), DMFT_ERROR_EXISTS);
    ck_assert_ptr_nonnull(strstr(err.text, "no checkpoint"));
    (void)unlink(path);
    write_sample();
    ck_assert_int_eq(archive_may_write(path, &err), DMFT_OK);
    ck_assert_int_eq(archive_may_write(folder, &err), DMFT_ERROR_WRITE);
    ck_assert_int_eq(archive_may_write("/proc/nowhere/x", &err), DMFT_ERROR_WRITE);
    ck_assert_int_eq(archive_may_write("", &err), DMFT_ERROR_WRITE);
}
END_TEST

/* A disk that is full when a checkpoint is replaced: the error is said, the old one stays, nothing else is left. */
START_TEST(test_full_disk)
{
    struct state s = sample(), read = {.n = 0};
    struct rlimit limit, small;
    dmft_error err;
    write_sample();
    s.n = 5;
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    for (rlim_t bytes = 0; bytes < 1000; bytes += 100) {
        small = (struct rlimit){.rlim_cur = bytes, .rlim_max = limit.rlim_max};
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
        int status = write_state(&s, &err);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        if (bytes < 600) ck_assert_int_eq(status, DMFT_ERROR_WRITE);
        ck_assert_int_eq(read_state(&read, &err), DMFT_OK);
        ck_assert_int_eq(read.n == 5, status == DMFT_OK);
    }
}
END_TEST

Suite *suite_archive(void)
{
    Suite *suite = suite_create("archive");
    TCase *cases = tcase_create("archive");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, make_path, remove_folder);
    tcase_add_test(cases, test_round_trip);
    tcase_add_test(cases, test_cut_at_every_byte);
    tcase_add_test(cases, test_damage_at_every_byte);
    tcase_add_test(cases, test_longer_file);
    tcase_add_test(cases, test_other_files);
    tcase_add_test(cases, test_other_runs);
    tcase_add_test(cases, test_misread);
    tcase_add_test(cases, test_failure_of_a_module);
    tcase_add_test(cases, test_copy);
    tcase_add_test(cases, test_places_to_write);
    tcase_add_test(cases, test_full_disk);
    suite_add_tcase(suite, cases);
    return suite;
}
