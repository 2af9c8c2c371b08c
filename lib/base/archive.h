/* The state of a run, written to a checkpoint and read back by the same code: every module that has state shows one function
 *
 *     void x_transfer(struct x *x, archive *a);
 *
 * which names its parts in order. Writing, the archive copies them out; reading, it fills them in, bit by bit the same. Errors are sticky: after
 * the first one nothing more is read or written, and archive_status tells. A module that reads sizes makes room for them before it goes on, and
 * reports a failure of its own through archive_fail. What was filled in is to be used only once archive_close has returned 0. */
#ifndef DMFT_BASE_ARCHIVE_H
#define DMFT_BASE_ARCHIVE_H

#include <stddef.h>

#include "dmft.h"

typedef struct archive archive;

/* ---- A checkpoint and what it says of itself ---- */

enum { ARCHIVE_BLAS = 256 };

struct archive_head {
    const char *kind;       /* "solve", "simulate" */
    const char *problem;    /* dmft_problem_text */
    char blas[ARCHIVE_BLAS]; /* what the caller says of its BLAS (dmft_run_options); "" when it says nothing */
    long threads;
    long done, total;       /* of the progress function, when it was written */
};

/* Begins a checkpoint, aside; an older one at `path` stays until the new one is whole. Any file there that is no checkpoint is refused.
 * Errors: DMFT_ERROR_EXISTS, DMFT_ERROR_WRITE, DMFT_ERROR_MEMORY. */
int archive_create_write(archive **out, const char *path, const struct archive_head *head, dmft_error *err);

/* Opens a checkpoint of this kind of run and of this problem. Before it returns the whole file has been held against its checksum.
 * Errors: DMFT_ERROR_READ (absent, truncated, damaged), DMFT_ERROR_FORMAT (another program's file, another version, machine or kind of run),
 * DMFT_ERROR_CONFIG (another problem: the first setting that differs is named), DMFT_ERROR_MEMORY. */
int archive_open_read(archive **out, const char *path, const char *kind, const char *problem, dmft_error *err);

/* Ends it and frees the archive, whatever the outcome; NULL is allowed. Written, the file appears at its path unless anything has failed; read, it is
 * a failure when parts are left over. Returns the first failure, or 0. */
int archive_close(archive *a, dmft_error *err);

/* What the file that is being read says. */
const struct archive_head *archive_head_of(const archive *a);

/* Puts what the caller says of its BLAS (NULL: nothing) into the head. */
void archive_describe_blas(struct archive_head *head, const char *blas);

/* Reading: 0 when all has been read at some time, else the first failure. archive_close does this too. */
int archive_finished(archive *a, dmft_error *err);

/* Whether a checkpoint could be written there: 0, or an error as of archive_create_write. Nothing is left behind. */
int archive_may_write(const char *path, dmft_error *err);

/* ---- Its parts ---- */

int archive_reading(const archive *a);  /* 1 when it fills what it is given, 0 when it copies it out */
int archive_status(const archive *a);   /* 0, or the first failure */
void archive_fail(archive *a, int status, const dmft_error *err);

void archive_tag(archive *a, const char *tag); /* the name of what follows; reading, another name is a failure */
void archive_doubles(archive *a, double *x, size_t n);
void archive_rows(archive *a, double *x, size_t rows, size_t n, size_t stride); /* n doubles a row */
void archive_double(archive *a, double *x);
void archive_long(archive *a, long *n);
void archive_int(archive *a, int *n);
void archive_size(archive *a, size_t *n, size_t most); /* reading, more than `most` is a failure */
void archive_bytes(archive *a, void *data, size_t bytes);

/* ---- Reading elsewhere than in order ---- */

size_t archive_place(const archive *a);          /* bytes from the beginning */
void archive_seek(archive *a, size_t place);     /* reading: goes on from there */
void archive_copy(archive *to, archive *from, size_t bytes); /* the next bytes of one that is read, as they are; failures are those of `to` */

#endif
