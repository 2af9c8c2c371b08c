/* The settings of a problem from its text: the lines "section:", "  key: value" and "key: value" of dmft_problem_text. */
#ifndef DMFT_BASE_OUTLINE_H
#define DMFT_BASE_OUTLINE_H

#include <stddef.h>

enum { OUTLINE_KEY = 128 };

/* Finds the next setting at or behind `at`: its full key ("network.depth", of fewer than OUTLINE_KEY bytes) and its value, which lies
 * in the text. Returns where to go on, or NULL when there is none. `key` must be kept from call to call, and be empty at first. */
const char *outline_next(const char *at, char key[OUTLINE_KEY], const char **value, size_t *length);

/* The value of one key, where it lies in the text; 0 when there is none. */
int outline_value(const char *text, const char *key, const char **value, size_t *length);

/* The value of one key, copied into `out` (cut where it does not fit); 0 when there is none. */
int outline_find(const char *text, const char *key, char *out, size_t bytes);

#endif
