/* The settings of a problem from its text. The text is canonical YAML, one setting a line, two spaces before those of a section. */
#include "base/outline.h"

#include <stdio.h>
#include <string.h>

const char *outline_next(const char *at, char key[OUTLINE_KEY], const char **value, size_t *length)
{
    while (*at != '\0') {
        size_t line = strcspn(at, "\n"), indent = strspn(at, " "), name = strcspn(at, ":\n");
        const char *text = at, *next = at + line + (at[line] == '\n');
        size_t section = strcspn(key, ".");
        at = next;
        if (text[indent] == '#' || name >= line || name < indent) continue;
        if (indent == 0) key[section = 0] = '\0';
        (void)snprintf(key + section, OUTLINE_KEY - section, "%s%.*s", section > 0 ? "." : "", (int)(name - indent), text + indent);
        *value = text + name + 1 + strspn(text + name + 1, " ");
        *length = line > (size_t)(*value - text) ? line - (size_t)(*value - text) : 0;
        if (*length > 0) return next;
    }
    return NULL;
}

int outline_value(const char *text, const char *key, const char **value, size_t *length)
{
    char found[OUTLINE_KEY] = "";
    for (const char *at = text; (at = outline_next(at, found, value, length)) != NULL;)
        if (strcmp(found, key) == 0) return 1;
    return 0;
}

int outline_find(const char *text, const char *key, char *out, size_t bytes)
{
    const char *value;
    size_t length;
    if (!outline_value(text, key, &value, &length)) return 0;
    (void)snprintf(out, bytes, "%.*s", (int)length, value);
    return 1;
}
