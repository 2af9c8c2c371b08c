/* Allocations that fail: of the library's and the tests' own calls of malloc, calloc and realloc (the Makefile lets the linker wrap them), not of other
 * libraries' calls. */
#ifndef TESTS_ALLOCATION_H
#define TESTS_ALLOCATION_H

/* The n-th allocation from here on fails, n >= 1; 0: none. */
void allocation_fail_at(long n);

/* Whether it has failed since. */
int allocation_failed(void);

#endif
