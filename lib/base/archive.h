/* The state of a run, written to a checkpoint and read back by the same code: every module that has state shows one function
 *
 *     void x_transfer(struct x *x, archive *a);
 *
 * which names its parts in order. Writing, the archive copies them out; reading, it fills them in, bit by bit the same. Errors are sticky: after
 * the first one nothing more is read or written, and archive_status tells. A module that reads sizes makes room for them before it goes on, and
 * reports a failure of its own through archive_fail. */
#ifndef DMFT_BASE_ARCHIVE_H
#define DMFT_BASE_ARCHIVE_H

#include <stddef.h>

#include "dmft.h"

typedef struct archive archive;

int archive_reading(const archive *a);  /* 1 when it fills what it is given, 0 when it copies it out */
int archive_status(const archive *a);   /* 0, or the first failure */
void archive_fail(archive *a, int status, const dmft_error *err);

void archive_tag(archive *a, const char *tag); /* the name of what follows; reading, another name is a failure */
void archive_doubles(archive *a, double *x, size_t n);
void archive_double(archive *a, double *x);
void archive_long(archive *a, long *n);
void archive_int(archive *a, int *n);
void archive_size(archive *a, size_t *n, size_t most); /* reading, more than `most` is a failure */
void archive_bytes(archive *a, void *data, size_t bytes);

#endif
