/* Files that appear whole or not at all: written aside, in the same folder, and then renamed. */
#ifndef DMFT_BASE_FILE_H
#define DMFT_BASE_FILE_H

#include <sys/types.h>

#include "dmft.h"

typedef struct file_aside {
    char *path;      /* where the file is to appear; symbolic links followed */
    char *temporary; /* where it is written; NULL once it has been renamed or removed */
    int fd;          /* open for reading and writing; -1 when closed */
    int overwrite;
} file_aside;

/* Makes the empty temporary file, with the mode that the umask gives. `overwrite` 0 refuses a path that exists; what is not a regular
 * file (a folder, a device) is never replaced. Errors: DMFT_ERROR_EXISTS, DMFT_ERROR_WRITE, DMFT_ERROR_MEMORY. */
int file_aside_open(file_aside *file, const char *path, int overwrite, dmft_error *err);

/* 1 when both paths lead to one place, whether a file is there or not. */
int file_same(const char *a, const char *b);

/* Brings the file to the disk and gives it its name; on failure the temporary is removed. Either way `file` is then empty. */
int file_aside_commit(file_aside *file, dmft_error *err);

/* Removes the temporary; does nothing after a commit. */
void file_aside_abandon(file_aside *file);

/* Writes all of `bytes` bytes; returns 0 or an errno. */
int file_write_all(int fd, const void *data, size_t bytes);

/* Reads all of the `bytes` bytes at a place of a file; returns 0 or an errno, EIO where the file ends before. */
int file_read_at(int fd, void *data, size_t bytes, off_t at);

/* The error line of a file that could not be written, for an errno: abandons it and returns DMFT_ERROR_WRITE, of ENOMEM DMFT_ERROR_MEMORY. */
int file_aside_failed(file_aside *file, int code, dmft_error *err);

#endif
