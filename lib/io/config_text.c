/* Error lines of configurations, and how foreign bytes are shown in them. */
#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "io/config.h"

int config_error(dmft_error *err, int status, const struct config_place *place, const char *key, const char *format, ...)
{
    char where[256] = "", text[400];
    va_list arguments;
    va_start(arguments, format);
    /* clang-tidy 14 takes the list for uninitialised between va_start and va_end. */
    (void)vsnprintf(text, sizeof text, format, arguments); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(arguments);
    if (place->file != NULL && place->line > 0)
        (void)snprintf(where, sizeof where, "%s:%ld:%ld: ", place->file, place->line, place->column);
    else if (place->file != NULL)
        (void)snprintf(where, sizeof where, "%s: ", place->file);
    return error_set(err, status, "%s%s%s%s", where, key != NULL ? key : "", key != NULL ? ": " : "", text);
}

void config_show(char out[CONFIG_SHOWN], const char *bytes, size_t length)
{
    size_t n = length < CONFIG_SHOWN ? length : CONFIG_SHOWN - 4;
    for (size_t i = 0; i < n; i++) out[i] = (char)(' ' <= bytes[i] && bytes[i] <= '~' ? bytes[i] : '?');
    memcpy(out + n, n < length ? "..." : "", n < length ? 4 : 1);
}
