/* Status texts, error lines, allocation of doubles. */
#define _DEFAULT_SOURCE /* madvise */
#include "base/error.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const char *dmft_version(void) { return DMFT_VERSION; }

const char *dmft_status_text(int status)
{
    switch (status) {
#define STATUS_CASE(name, value, text) \
    case value: return text;
        DMFT_STATUS_TABLE(STATUS_CASE)
#undef STATUS_CASE
    default: return "an unknown status";
    }
}

int error_set(dmft_error *err, int status, const char *format, ...)
{
    if (err == NULL) return status;
    err->status = status;
    va_list arguments;
    va_start(arguments, format);
    /* clang-tidy 14 takes the list for uninitialised between va_start and va_end. */
    (void)vsnprintf(err->text, sizeof err->text, format, arguments); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(arguments);
    for (char *c = err->text; *c != '\0'; c++)
        if (*c == '\n' || *c == '\r') *c = ' ';
    return status;
}

int error_memory(dmft_error *err, double bytes)
{
    return error_set(err, DMFT_ERROR_MEMORY, "out of memory: %.3g MB could not be had", bytes / 1e6);
}

double *memory_doubles(size_t n)
{
    if (n > SIZE_MAX / sizeof(double) / 2) return NULL;
    return calloc(n > 0 ? n : 1, sizeof(double));
}

double *memory_doubles_large(size_t n)
{
    double *x = memory_doubles(n);
#ifdef MADV_HUGEPAGE
    const uintptr_t large = (uintptr_t)1 << 21; /* 2 MB */
    uintptr_t begin = ((uintptr_t)x + large - 1) & ~(large - 1), end = (uintptr_t)(x + n) & ~(large - 1);
    if (x != NULL && end > begin) (void)madvise((char *)x + (begin - (uintptr_t)x), (size_t)(end - begin), MADV_HUGEPAGE);
#endif
    return x;
}

double *memory_nans(size_t n)
{
    double *x = memory_doubles(n);
    for (size_t i = 0; x != NULL && i < n; i++) x[i] = NAN;
    return x;
}

double **memory_arrays(int first, int last, size_t n, int *whole)
{
    double **list = calloc((size_t)last + 1, sizeof *list);
    if (list == NULL) *whole = 0;
    for (int i = first; list != NULL && i <= last; i++)
        if ((list[i] = memory_doubles(n)) == NULL) *whole = 0;
    return list;
}

void memory_arrays_free(double **list, int last)
{
    for (int i = 0; list != NULL && i <= last; i++) free(list[i]);
    free(list);
}

int memory_take(const struct memory_place *place, size_t count)
{
    int whole = 1;
    for (size_t i = 0; i < count; i++) whole &= (*place[i].at = memory_doubles(place[i].n)) != NULL;
    return whole;
}

void memory_return(const struct memory_place *place, size_t count)
{
    for (size_t i = 0; i < count; i++) free(*place[i].at);
}

char *memory_string(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    if (copy != NULL) memcpy(copy, text, bytes);
    return copy;
}
