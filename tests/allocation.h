/* Allocations that fail: of the library's and the tests' own calls of malloc, calloc and realloc (the Makefile lets the linker wrap them), not of other
 * libraries' calls, nor those of the C library for itself. */
#ifndef TESTS_ALLOCATION_H
#define TESTS_ALLOCATION_H

#include <stddef.h>

/* The n-th allocation of this thread from here on fails, n >= 1; 0: none. */
void allocation_fail_at(long n);

/* Number of allocations of this thread since then. */
long allocation_count(void);

/* Whether it has failed since. */
int allocation_failed(void);

/* From here on the blocks that are allocated, by any thread, are watched (1), or none are any more (0). */
void allocation_watch(int on);

/* Number of blocks that were allocated since then and have not been freed. */
size_t allocation_live(void);

#endif
