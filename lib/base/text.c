/* The edit distance of two words, by the usual table of which one row is kept; characters of UTF-8. */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
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

size_t text_character(const char *text, size_t length)
{
    static const struct {
        unsigned char mask, lead;
        unsigned least;
    } form[] = {{0x80, 0x00, 0x0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    unsigned char first = (unsigned char)*text;
    for (size_t bytes = 1; bytes <= 4 && bytes <= length; bytes++) {
        if ((first & form[bytes - 1].mask) != form[bytes - 1].lead) continue;
        unsigned point = first & (unsigned char)~form[bytes - 1].mask;
        for (size_t i = 1; i < bytes; i++) {
            if (((unsigned char)text[i] & 0xc0) != 0x80) return 0;
            point = point << 6 | ((unsigned char)text[i] & 0x3f);
        }
        int surrogate = point >= 0xd800 && point <= 0xdfff;
        return point >= form[bytes - 1].least && point <= 0x10ffff && !surrogate ? bytes : 0;
    }
    return 0;
}

int text_is_name(const char *text, size_t limit)
{
    size_t length = strlen(text);
    if (length == 0 || length >= limit) return 0;
    for (size_t i = 0, bytes; i < length; i += bytes) {
        bytes = text_character(text + i, length - i);
        if (bytes == 0 || (unsigned char)text[i] < ' ' || text[i] == 0x7f) return 0;
    }
    return 1;
}

char *text_valid(const char *text)
{
    size_t length = strlen(text), end = 0;
    for (size_t i = 0, bytes; i < length; i += bytes > 0 ? bytes : 1) {
        bytes = text_character(text + i, length - i);
        end += bytes > 0 ? bytes : 4;
    }
    char *copy = malloc(end + 1);
    if (copy == NULL) return NULL;
    char *to = copy;
    for (size_t i = 0, bytes; i < length; i += bytes > 0 ? bytes : 1) {
        bytes = text_character(text + i, length - i);
        if (bytes > 0)
            memcpy(to, text + i, bytes);
        else
            (void)snprintf(to, 5, "\\x%02x", (unsigned)(unsigned char)text[i]);
        to += bytes > 0 ? bytes : 4;
    }
    *to = '\0';
    return copy;
}
