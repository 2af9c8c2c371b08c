/* A line at the end of a file that carries a sum over all that stands before it. */
#ifndef DMFT_BASE_SEAL_H
#define DMFT_BASE_SEAL_H

#include <stddef.h>

enum { SEAL_BYTES = 32 };
enum seal { SEAL_HOLDS, SEAL_BROKEN, SEAL_ABSENT, SEAL_UNREAD };

/* Appends the line to the file; returns 0 or an errno. */
int seal_write(int fd);

/* Holds the line at the end of a file of `size` bytes, if there is one, against the bytes. SEAL_UNREAD: it cannot be read, or
 * has become shorter meanwhile; errno tells why. */
enum seal seal_check(int fd, size_t size);

#endif
