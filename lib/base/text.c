/* The edit distance of two words, by the usual table of which one row is kept. */
#include "base/text.h"

#include <string.h>

enum { LONGEST = 64 };

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

size_t text_distance(const char *a, size_t length, const char *b)
{
    size_t row[LONGEST + 1], last = smaller(strlen(b), LONGEST);
    for (size_t j = 0; j <= last; j++) row[j] = j;
    for (size_t i = 1; i <= length; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= last; j++) {
            size_t replaced = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            row[j] = smaller(replaced, smaller(row[j], row[j - 1]) + 1);
        }
    }
    return row[last];
}
