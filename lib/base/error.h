/* Error text and memory for the rooms of the library. */
#ifndef DMFT_BASE_ERROR_H
#define DMFT_BASE_ERROR_H

#include "dmft.h"

/* Writes the formatted line into err (when not NULL) and returns `status`, so that a function can say `return error_set(...)`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
int error_set(dmft_error *err, int status, const char *format, ...);

/* The same for a failed allocation of `bytes` bytes. */
int error_memory(dmft_error *err, double bytes);

/* n zeroed doubles; NULL when n doubles do not fit. n = 0 gives a pointer that can be freed. */
double *memory_doubles(size_t n);

/* The same for arrays of many megabytes that will be used in whole: asks the system for large pages, which are faster to come by. */
double *memory_doubles_large(size_t n);

/* n doubles that are nan; NULL when out of memory. */
double *memory_nans(size_t n);

/* Pointers at 0 .. last, from `first` on to arrays of n zeroed doubles; *whole drops to 0 when one is not to be had. A list that is NULL can be freed. */
double **memory_arrays(int first, int last, size_t n, int *whole);
void memory_arrays_free(double **list, int last);

/* Arrays that are taken and freed by one list of them: where each goes, and its length. memory_take takes them all, zeroed; 0 when one is not to be had. */
struct memory_place {
    double **at;
    size_t n;
};
int memory_take(const struct memory_place *place, size_t count);
void memory_return(const struct memory_place *place, size_t count);

/* A copy of a string; NULL when out of memory. */
char *memory_string(const char *text);

#endif
