/* Decimal numbers in the C locale, whatever that of the caller; the locale is set for the calling thread alone, and set back. */
#include "io/number.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __APPLE__
#include <xlocale.h> /* uselocale */
#endif

static const char *skip_digits(const char *c)
{
    while ('0' <= *c && *c <= '9') c++;
    return c;
}

static const char *skip_sign(const char *c) { return *c == '+' || *c == '-' ? c + 1 : c; }

/* The end of a number in decimal notation that begins at c, or NULL. A whole part has no needless zero in front: 010 is eight to some. */
static const char *decimal_end(const char *c)
{
    const char *whole = skip_sign(c), *point = skip_digits(whole), *end = *point == '.' ? skip_digits(point + 1) : point;
    int digits = point > whole || end > point + 1;
    if (!digits || (*whole == '0' && point > whole + 1)) return NULL;
    if (*end != 'e' && *end != 'E') return end;
    const char *exponent = skip_sign(end + 1);
    end = skip_digits(exponent);
    return end > exponent ? end : NULL;
}

int number_parse(const char *text, size_t length, double *out)
{
    if (decimal_end(text) != text + length) return 0;
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(c);
    char *end;
    *out = strtod(text, &end) + 0.0; /* no minus zero */
    uselocale(before);
    if (c != (locale_t)0) freelocale(c);
    return end == text + length;
}

void number_format(char out[NUMBER_TEXT], double number)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(c);
    int digits = 15;
    do (void)snprintf(out, NUMBER_TEXT, "%.*g", digits, number);
    while (strtod(out, NULL) != number && ++digits <= 17);
    uselocale(before);
    if (c != (locale_t)0) freelocale(c);
}
