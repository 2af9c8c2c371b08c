/* Words that are nearly the same, and what of bytes is UTF-8. */
#ifndef DMFT_BASE_TEXT_H
#define DMFT_BASE_TEXT_H

#include <stddef.h>

/* Insertions, deletions and replacements of a byte that lead from the first `length` bytes of a to b; only the first 64 of b count. */
size_t text_distance(const char *a, size_t length, const char *b);

/* The bytes of the character of UTF-8 that begins these `length` > 0 bytes; 0 when none does (broken, too long a form, a surrogate, beyond U+10FFFF). */
size_t text_character(const char *text, size_t length);

/* Is it the name of something in a file: UTF-8 without control characters, 1 to limit - 1 bytes? */
int text_is_name(const char *text, size_t limit);

/* A copy that is UTF-8: a byte that is part of no character becomes four, \xe9. NULL when out of memory. */
char *text_valid(const char *text);

#endif
