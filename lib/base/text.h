/* Words that are nearly the same. */
#ifndef DMFT_BASE_TEXT_H
#define DMFT_BASE_TEXT_H

#include <stddef.h>

/* Insertions, deletions and replacements of a byte that lead from the first `length` bytes of a to b; only the first 64 of b count. */
size_t text_distance(const char *a, size_t length, const char *b);

#endif
