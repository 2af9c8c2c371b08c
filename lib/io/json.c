/* The parts that JSON is made of. Numbers that are not finite are null. */
#include "io/json.h"

#include <math.h>
#include <string.h>

#include "base/outline.h"
#include "base/text.h"

static void json_string(FILE *out, const char *text, size_t length)
{
    (void)fputc('"', out);
    for (size_t i = 0, bytes; i < length; i += bytes > 0 ? bytes : 1) {
        unsigned char c = (unsigned char)text[i];
        bytes = text_character(text + i, length - i);
        if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", c);
        else if (c == '\n')
            (void)fputs("\\n", out);
        else if (c < 0x20 || c == 0x7f)
            (void)fprintf(out, "\\u%04x", c);
        else if (bytes == 0) /* names of files are any bytes: as text_valid has it */
            (void)fprintf(out, "\\\\x%02x", c);
        else
            (void)fwrite(text + i, 1, bytes, out);
    }
    (void)fputc('"', out);
}

void json_text(FILE *out, const char *text)
{
    if (text == NULL)
        (void)fputs("null", out);
    else
        json_string(out, text, strlen(text));
}

void json_number(FILE *out, double value, int digits)
{
    if (isfinite(value))
        (void)fprintf(out, "%.*g", digits, value);
    else
        (void)fputs("null", out);
}

void json_key(FILE *out, int *count, const char *name, const char *indent)
{
    (void)fprintf(out, "%s\n%s", (*count)++ > 0 ? "," : "", indent);
    json_text(out, name);
    (void)fputs(": ", out);
}

/* A value of a setting: a number, true, false or a list of them is the same in JSON; all else is a string. */
static void json_setting(FILE *out, const char *value, size_t length)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%.*s", (int)length, value);
    int plain = length < sizeof text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ||
                                         (text[0] != '\0' && strspn(text, "0123456789-.e+") == length && text[0] != '+' && text[0] != '.'));
    if (!plain && length > 1 && value[0] == '[' && value[length - 1] == ']' && strspn(value, "[]0123456789-.e+, ") >= length) plain = 1;
    if (plain)
        (void)fwrite(value, 1, length, out);
    else
        json_string(out, value, length);
}

void json_parameters(FILE *out, const char *config)
{
    char key[OUTLINE_KEY] = "";
    const char *value;
    size_t length;
    int count = 0;
    (void)fputc('{', out);
    for (const char *at = config; at != NULL && (at = outline_next(at, key, &value, &length)) != NULL;) {
        json_key(out, &count, key, "    ");
        json_setting(out, value, length);
    }
    (void)fputs("\n  }", out);
}
