/* Files that appear whole or not at all. The temporary lies in the folder of the file, so that the rename is atomic; a new file gets its
 * name by a call that fails when somebody else was faster, where a plain rename would replace what they wrote. */
#define _GNU_SOURCE /* realpath; renameat2, where there is such a thing */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* Names are tried in turn; each writer of a folder needs one, and those that were killed leave theirs. */
enum { TRIES = 10000 };
/* File names may have 255 bytes on most systems; the rest is for the ending of the temporary. */
enum { NAME_KEPT = 230 };

int file_write_all(int fd, const void *data, size_t bytes)
{
    const char *from = data;
    while (bytes > 0) {
        ssize_t done = write(fd, from, bytes);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return errno;
        from += done;
        bytes -= (size_t)done;
    }
    return 0;
}

int file_read_at(int fd, void *data, size_t bytes, off_t at)
{
    char *to = data;
    while (bytes > 0) {
        ssize_t got = pread(fd, to, bytes, at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got == 0 ? EIO : errno;
        to += got;
        at += got;
        bytes -= (size_t)got;
    }
    return 0;
}

/* Length of the folder part of a path, its '/' included; 0 for a bare name. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

/* The path without links; of a file that is not there, its folder without links and its name. The caller's to free; NULL when memory ends. */
static char *resolved(const char *path)
{
    char *whole = realpath(path, NULL), *folder = memory_string(path);
    size_t length = folder_length(path);
    if (whole != NULL || folder == NULL) {
        free(folder);
        return whole;
    }
    folder[length] = '\0';
    char *there = realpath(length > 0 ? folder : ".", NULL);
    free(folder);
    if (there == NULL) return memory_string(path);
    size_t room = strlen(there) + strlen(path + length) + 2;
    whole = malloc(room);
    if (whole != NULL) (void)snprintf(whole, room, "%s/%s", there, path + length);
    free(there);
    return whole;
}

int file_same(const char *a, const char *b)
{
    char *first = resolved(a), *second = resolved(b);
    int same = first != NULL && second != NULL && strcmp(first, second) == 0;
    free(first);
    free(second);
    return same;
}

static int cannot_write(const char *path, int code, dmft_error *err)
{
    return error_set(err, DMFT_ERROR_WRITE, "cannot write %s: %s", path, strerror(code));
}

/* What lies at `path` may be replaced (or nothing lies there). */
static int may_be_written(const char *path, int overwrite, dmft_error *err)
{
    struct stat there, itself;
    if (path[0] == '\0') return error_set(err, DMFT_ERROR_WRITE, "cannot write a file without a name");
    if (stat(path, &there) != 0) {
        if (errno != ENOENT) return cannot_write(path, errno, err);
        if (lstat(path, &itself) != 0) return DMFT_OK;
        return error_set(err, DMFT_ERROR_WRITE, "cannot write %s: a symbolic link to nothing", path);
    }
    if (S_ISDIR(there.st_mode)) return cannot_write(path, EISDIR, err);
    if (!S_ISREG(there.st_mode)) return error_set(err, DMFT_ERROR_WRITE, "cannot write %s: not a regular file", path);
    if (!overwrite) return error_set(err, DMFT_ERROR_EXISTS, "%s exists already", path);
    return DMFT_OK;
}

/* Opens NAME.xxxxxx.tmp beside the file; open() and not mkstemp(), so that the umask gives the mode. */
static int open_temporary(file_aside *file)
{
    size_t folder = folder_length(file->path), room = strlen(file->path) + 32;
    int name = (int)(strlen(file->path + folder) < NAME_KEPT ? strlen(file->path + folder) : NAME_KEPT);
    file->temporary = malloc(room);
    if (file->temporary == NULL) return ENOMEM;
    unsigned start = (unsigned)getpid() * 64u;
    for (unsigned i = 0; i < TRIES; i++) {
        (void)snprintf(file->temporary, room, "%.*s%.*s.%06x.tmp", (int)folder, file->path, name, file->path + folder,
                       (start + i) & 0xffffffu);
        file->fd = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0) return 0;
        if (errno != EEXIST && errno != EINTR) break;
    }
    int code = errno;
    free(file->temporary);
    file->temporary = NULL;
    return code;
}

int file_aside_open(file_aside *file, const char *path, int overwrite, dmft_error *err)
{
    *file = (file_aside){.fd = -1, .overwrite = overwrite};
    int status = may_be_written(path, overwrite, err);
    if (status != DMFT_OK) return status;
    file->path = realpath(path, NULL); /* what is to be replaced is the file, not a link to it */
    if (file->path == NULL) file->path = memory_string(path);
    if (file->path == NULL) return error_memory(err, (double)strlen(path));
    int code = open_temporary(file);
    return code == 0 ? DMFT_OK : file_aside_failed(file, code, err);
}

void file_aside_abandon(file_aside *file)
{
    if (file->fd >= 0) (void)close(file->fd);
    if (file->temporary != NULL) (void)unlink(file->temporary);
    free(file->temporary);
    free(file->path);
    *file = (file_aside){.fd = -1};
}

int file_aside_failed(file_aside *file, int code, dmft_error *err)
{
    int status = code == ENOMEM ? error_memory(err, (double)strlen(file->path)) : cannot_write(file->path, code, err);
    file_aside_abandon(file);
    return status;
}

/* Gives the temporary a name that is free, or returns an errno: in one call where system and file system have it, else by a second name. File systems
 * without either get the name reserved. */
static int name_if_free(const file_aside *file)
{
#ifdef RENAME_NOREPLACE
    if (renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, RENAME_NOREPLACE) == 0) return 0;
    if (errno == EEXIST) return EEXIST;
#endif
    if (link(file->temporary, file->path) == 0) {
        (void)unlink(file->temporary); /* the file is there, whole, even if its other name should stay */
        return 0;
    }
    if (errno == EEXIST) return EEXIST;
    int reserved = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (reserved < 0) return errno;
    (void)close(reserved);
    if (rename(file->temporary, file->path) == 0) return 0;
    int code = errno;
    (void)unlink(file->path);
    return code;
}

/* Brings the new name itself to the disk. Some file systems cannot; the file is whole even so. */
static void synchronise_folder(char *path)
{
    size_t length = folder_length(path);
    char first = path[length];
    path[length] = '\0'; /* the folder alone, for the moment: a copy could fail where the file is there already */
    int fd = open(length > 0 ? path : ".", O_RDONLY | O_CLOEXEC);
    path[length] = first;
    if (fd < 0) return;
    (void)fsync(fd);
    (void)close(fd);
}

int file_aside_commit(file_aside *file, dmft_error *err)
{
    int code = fsync(file->fd) == 0 ? 0 : errno;
    if (close(file->fd) != 0 && code == 0) code = errno;
    file->fd = -1;
    if (code == 0) code = file->overwrite ? (rename(file->temporary, file->path) == 0 ? 0 : errno) : name_if_free(file);
    if (code == EEXIST) {
        (void)error_set(err, DMFT_ERROR_EXISTS, "%s exists already", file->path);
        file_aside_abandon(file);
        return DMFT_ERROR_EXISTS;
    }
    if (code != 0) return file_aside_failed(file, code, err);
    free(file->temporary);
    file->temporary = NULL;
    synchronise_folder(file->path);
    file_aside_abandon(file);
    return DMFT_OK;
}
