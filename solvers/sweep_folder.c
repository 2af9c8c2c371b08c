/* The folder of a sweep: OUT.h5.points/ with sweep.yaml, which says what is swept, and a file a finished point: point-000012.h5, an ordinary
 * result, or point-000012.txt, the outcome and the message of one that failed. Every file is written aside and renamed: what has its name is whole. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "signals.h"
#include "sweep.h"

static const char record_name[] = "sweep.yaml";

/* A path in the folder, to be freed; NULL when out of memory. */
static char *path_of(const struct sweep_folder *f, const char *name)
{
    size_t bytes = strlen(f->path) + strlen(name) + 2;
    char *path = malloc(bytes);
    if (path != NULL) (void)snprintf(path, bytes, "%s/%s", f->path, name);
    return path;
}

static char *point_path(const struct sweep_folder *f, size_t point, const char *ending)
{
    char name[64];
    (void)snprintf(name, sizeof name, "point-%06zu%s", point, ending);
    return path_of(f, name);
}

char *sweep_folder_file(const struct sweep_folder *f, size_t point) { return point_path(f, point, ".h5"); }

static int no_memory(void) { return program_error(STATUS_FAILED, "sweep: out of memory"); }

/* The whole of a text file, to be freed; NULL: errno says why. */
static char *read_text(const char *path)
{
    struct stat there;
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    size_t bytes = fstat(fileno(file), &there) == 0 && there.st_size > 0 ? (size_t)there.st_size : 0;
    char *text = calloc(bytes + 1, 1);
    if (text != NULL && fread(text, 1, bytes, file) != bytes) {
        free(text);
        text = NULL;
    }
    (void)fclose(file);
    return text;
}

static int write_text(const char *path, const char *text, int overwrite, dmft_error *err)
{
    file_aside aside;
    int status = file_aside_open(&aside, path, overwrite, err);
    if (status != DMFT_OK) return status;
    int code = file_write_all(aside.fd, text, strlen(text));
    return code == 0 ? file_aside_commit(&aside, err) : file_aside_failed(&aside, code, err);
}

static int is_temporary(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".tmp") == 0;
}

/* Files that somebody else has put there, before there was a record. */
static int holds_other_things(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !is_temporary(entry->d_name);
    (void)closedir(folder);
    return count > 0;
}

static int compare_record(const struct sweep_folder *f, const char *there, const char *record)
{
    if (strcmp(there, record) == 0) return STATUS_DONE;
    return program_error(STATUS_USAGE, "sweep: %s holds points of another sweep, whose configuration is %s/%s; remove it, or name another with --checkpoint",
                         f->path, f->path, record_name);
}

/* Of two processes that begin at a time, one writes the record and the other finds it. */
static int find_record(const struct sweep_folder *f, const char *path, const char *record)
{
    dmft_error err;
    for (int attempt = 0; attempt < 2; attempt++) {
        char *there = read_text(path);
        int status = there != NULL ? compare_record(f, there, record) : STATUS_DONE;
        int found = there != NULL;
        free(there);
        if (found) return status;
        if (errno != ENOENT) return program_error(STATUS_USAGE, "sweep: cannot read %s: %s", path, strerror(errno));
        if (holds_other_things(f->path) && access(path, F_OK) != 0)
            return program_error(STATUS_USAGE, "sweep: %s is no folder of a sweep: it has no %s, but other files; name another with --checkpoint", f->path,
                                 record_name);
        signals_hold();
        status = write_text(path, record, 0, &err);
        signals_release();
        if (status == DMFT_OK) return STATUS_DONE;
        if (status != DMFT_ERROR_EXISTS) return program_error(STATUS_USAGE, "%s", err.text);
    }
    return STATUS_DONE;
}

int sweep_folder_open(const struct sweep_folder *f, const char *record, int must_exist)
{
    struct stat there;
    int exists = stat(f->path, &there) == 0;
    if (exists && !S_ISDIR(there.st_mode)) return program_error(STATUS_USAGE, "sweep: %s is a file; the points go into a folder", f->path);
    if (!exists && must_exist) return program_error(STATUS_USAGE, "sweep: there is no folder %s to go on from", f->path);
    if (!exists && mkdir(f->path, 0777) != 0 && errno != EEXIST)
        return program_error(STATUS_USAGE, "sweep: cannot make the folder %s: %s", f->path, strerror(errno));
    char *path = path_of(f, record_name);
    int status = path != NULL ? find_record(f, path, record) : no_memory();
    free(path);
    return status;
}

/* The point of a file's name, or `points` when it is none. */
static size_t point_of(const struct sweep_folder *f, const char *name)
{
    char *end = NULL;
    if (strncmp(name, "point-", 6) != 0 || strspn(name + 6, "0123456789") != 6) return f->points;
    size_t point = (size_t)strtoul(name + 6, &end, 10);
    int known = strcmp(end, ".h5") == 0 || strcmp(end, ".txt") == 0;
    return known && point < f->points ? point : f->points;
}

int sweep_folder_scan(struct sweep_folder *f)
{
    DIR *folder = opendir(f->path);
    memset(f->there, 0, f->points);
    if (folder == NULL) return program_error(STATUS_USAGE, "sweep: cannot read the folder %s: %s", f->path, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        size_t point = point_of(f, entry->d_name);
        if (point < f->points) f->there[point] = 1;
    }
    (void)closedir(folder);
    return STATUS_DONE;
}

int sweep_folder_fail(const struct sweep_folder *f, size_t point, int outcome, const char *message, dmft_error *err)
{
    char text[sizeof((dmft_error *)0)->text + 16];
    char *path = point_path(f, point, ".txt");
    if (path == NULL) return error_memory(err, (double)strlen(f->path));
    (void)snprintf(text, sizeof text, "%d %s\n", outcome, message);
    int status = write_text(path, text, 1, err);
    free(path);
    return status;
}

/* "2 message" into the result; 0 when that is not what the file holds. */
static int enter_failure(dmft_sweep *result, size_t point, char *text, dmft_error *err)
{
    if ((text[0] != '0' + DMFT_POINT_FAILED && text[0] != '0' + DMFT_POINT_REFUSED) || text[1] != ' ')
        return error_set(err, DMFT_ERROR_FORMAT, "the record of point %zu is damaged; remove it and run the same command again", point);
    text[strcspn(text, "\n")] = '\0';
    return dmft_sweep_fail(result, point, text[0] - '0', text + 2, err);
}

static int enter_result(dmft_sweep *result, size_t point, const char *path, dmft_error *err)
{
    dmft_trajectory *t = NULL;
    int status = dmft_trajectory_read(&t, path, err);
    if (status == DMFT_OK) status = dmft_sweep_enter(result, point, t, err);
    dmft_trajectory_free(t);
    return status;
}

static int enter_point(const struct sweep_folder *f, dmft_sweep *result, size_t point, size_t *missing)
{
    dmft_error err = {.status = DMFT_OK};
    char *whole = point_path(f, point, ".h5"), *failure = point_path(f, point, ".txt"), *text = NULL;
    int status = DMFT_OK;
    if (whole == NULL || failure == NULL)
        status = error_memory(&err, (double)strlen(f->path));
    else if (access(whole, F_OK) == 0)
        status = enter_result(result, point, whole, &err);
    else if ((text = read_text(failure)) != NULL)
        status = enter_failure(result, point, text, &err);
    else
        ++*missing;
    free(whole);
    free(failure);
    free(text);
    return status == DMFT_OK ? STATUS_DONE : program_failed(status, &err);
}

int sweep_folder_enter(const struct sweep_folder *f, dmft_sweep *result, size_t *missing)
{
    int status = STATUS_DONE;
    *missing = 0;
    for (size_t i = 0; i < f->points && status == STATUS_DONE; i++) status = enter_point(f, result, i, missing);
    return status;
}

/* Also what killed processes have left. */
static int is_ours(const struct sweep_folder *f, const char *name)
{
    int begins = strncmp(name, "point-", 6) == 0 || strncmp(name, record_name, strlen(record_name)) == 0;
    return point_of(f, name) < f->points || strcmp(name, record_name) == 0 || (begins && is_temporary(name));
}

static void empty(const struct sweep_folder *f, const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (is_ours(f, entry->d_name)) (void)unlinkat(dirfd(folder), entry->d_name, 0);
    (void)closedir(folder);
}

/* Under another name first: whoever still works on the sweep finds the folder whole or gone, and puts nothing more into it. Calls under way may still,
 * hence the tries. */
void sweep_folder_remove(const struct sweep_folder *f)
{
    enum { TRIES = 3 };
    size_t bytes = strlen(f->path) + 32;
    char *aside = malloc(bytes);
    if (aside != NULL) (void)snprintf(aside, bytes, "%s.%06lx.tmp", f->path, (unsigned long)getpid() & 0xfffffful);
    const char *path = aside != NULL && rename(f->path, aside) == 0 ? aside : f->path;
    for (int i = 0; i < TRIES; i++) {
        empty(f, path);
        if (rmdir(path) == 0 || errno != ENOTEMPTY) break;
    }
    free(aside);
}

int sweep_folder_gone(const struct sweep_folder *f) { return access(f->path, F_OK) != 0 && errno == ENOENT; }
