/* Allocations that fail, by the linker's --wrap. */
#include "allocation.h"

#include <stddef.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

static _Thread_local long left; /* until the one that fails; 0: none does */
static _Thread_local int failed;

void allocation_fail_at(long n)
{
    left = n;
    failed = 0;
}

int allocation_failed(void) { return failed; }

static int fails(void)
{
    if (left == 0 || --left > 0) return 0;
    failed = 1;
    return 1;
}

void *__wrap_malloc(size_t bytes) { return fails() ? NULL : __real_malloc(bytes); }
void *__wrap_calloc(size_t count, size_t bytes) { return fails() ? NULL : __real_calloc(count, bytes); }
void *__wrap_realloc(void *old, size_t bytes) { return fails() ? NULL : __real_realloc(old, bytes); }
