/* Allocations that fail, and blocks that are not freed, by the linker's --wrap. */
#include "allocation.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void __real_free(void *block);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void __wrap_free(void *block);

static _Thread_local long left; /* until the one that fails; 0: none does */
static _Thread_local long calls; /* since then */
static _Thread_local int failed;

void allocation_fail_at(long n)
{
    left = n;
    calls = failed = 0;
}

long allocation_count(void) { return calls; }

int allocation_failed(void) { return failed; }

static int fails(void)
{
    calls++;
    if (left == 0 || --left > 0) return 0;
    failed = 1;
    return 1;
}

/* ---- blocks that are watched: addresses in an open table, by chains that begin at their hash ---- */

enum { PLACES = 1 << 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uintptr_t place[PLACES]; /* 0: never used; 1: free again */
static size_t live;
static int watching;

static size_t hash(uintptr_t x) { return (size_t)((x >> 4) * 0x9e3779b97f4a7c15u >> 40) % PLACES; }

static void enter(const void *block)
{
    if (block == NULL || !watching) return;
    pthread_mutex_lock(&lock);
    size_t i = hash((uintptr_t)block);
    while (place[i] > 1) i = (i + 1) % PLACES;
    place[i] = (uintptr_t)block;
    if (++live >= PLACES / 2) abort(); /* more than this table is made for */
    pthread_mutex_unlock(&lock);
}

/* Whether it was watched. */
static int leave(const void *block)
{
    if (block == NULL || !watching) return 0;
    pthread_mutex_lock(&lock);
    size_t i = hash((uintptr_t)block);
    for (size_t n = 0; n < PLACES && place[i] != 0 && place[i] != (uintptr_t)block; n++) i = (i + 1) % PLACES;
    int known = place[i] == (uintptr_t)block;
    if (known) {
        place[i] = 1;
        live--;
    }
    pthread_mutex_unlock(&lock);
    return known;
}

void allocation_watch(int on)
{
    memset(place, 0, sizeof place);
    live = 0;
    watching = on;
}

size_t allocation_live(void) { return live; }

static void *entered(void *block)
{
    enter(block);
    return block;
}

void *__wrap_malloc(size_t bytes) { return fails() ? NULL : entered(__real_malloc(bytes)); }
void *__wrap_calloc(size_t count, size_t bytes) { return fails() ? NULL : entered(__real_calloc(count, bytes)); }

void *__wrap_realloc(void *old, size_t bytes)
{
    if (fails()) return NULL;
    int known = leave(old);
    void *block = __real_realloc(old, bytes);
    if (block != NULL) return entered(block);
    if (known) enter(old);
    return NULL;
}

/* Before the block is given back, since another thread may be given it at once. */
void __wrap_free(void *block)
{
    (void)leave(block);
    __real_free(block);
}
