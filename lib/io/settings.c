/* The table of settings, what is made from it by the compiler (rows, shapes, templates), and look-ups.
 *
 * A look-up walks the table: some eighty rows, and a configuration has a few dozen keys. */
#include "io/settings.h"

#include "base/problem.h"
#include "base/text.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "dmft.h"
#include "io/number.h"

#define DEEP_LINEAR (1 << MODEL_DEEP_LINEAR)
#define MLP (1 << MODEL_MLP)
#define AVAILABLE (DEEP_LINEAR | MLP)
#define SWEEPS AVAILABLE
#define LATER 0

/* Of a value that each model has of its own, the table holds that of the first. */
#define BY_MODEL(deep_linear, mlp) deep_linear

#define SHAPE_INTEGER(domain) "an integer in " domain
#define SHAPE_REAL(domain) "a number in " domain
#define SHAPE_BOOLEAN(domain) "one of " domain
#define SHAPE_CHOICE(domain) "one of " domain
#define SHAPE_NUMBERS(domain) "a number in " domain ", or a list of L+1 of them"
#define SHAPE_REAL_LIST(domain) "a list of numbers in " domain
#define SHAPE_INTEGER_LIST(domain) "a list of integers in " domain
#define SHAPE_MATRIX(domain) "a list of lists of numbers in " domain
#define SHAPE_COLUMNS(domain) "a list of numbers in " domain ", or a list of lists of as many of them"
#define SHAPE_TEXT(domain) domain
#define SHAPE_VALUES(domain) domain

const struct setting settings_table[SETTING_COUNT] = {
#define ROOT(id, name, type, need, value, domain, unit, models, availability, text) \
    {#name, "", #name, TYPE_##type, NEED_##need, value, domain, unit, models, availability, text, SHAPE_##type(domain)},
#define SETTING(id, section, name, type, need, value, domain, unit, models, availability, text)                                     \
    {#section "." #name, #section, #name, TYPE_##type, NEED_##need, value, domain, unit, models, availability, text, SHAPE_##type(domain)},
#include "io/settings.def"
};

const struct settings_section settings_sections[] = {
#define SECTION(name, availability, text) {#name, availability, text},
#include "io/settings.def"
};
const size_t settings_section_count = sizeof settings_sections / sizeof *settings_sections;

/* ---- The templates: every row that is available to the model ---- */

#define UNIT_INTEGER(unit) ", unit " unit
#define UNIT_REAL(unit) ", unit " unit
#define UNIT_NUMBERS(unit) ", unit " unit
#define UNIT_REAL_LIST(unit) ", unit " unit
#define UNIT_INTEGER_LIST(unit) ", unit " unit
#define UNIT_MATRIX(unit) ", unit " unit
#define UNIT_COLUMNS(unit) ", unit " unit
#define UNIT_BOOLEAN(unit) ""
#define UNIT_CHOICE(unit) ""
#define UNIT_TEXT(unit) ""
#define NOTE_REQUIRED "required; the value is an example"
#define NOTE_DEFAULT "the value is the default"
#define NOTE_NONE "no value unless it is given"
#define NOTE_EXAMPLE "no value unless it is given; the value is an example"
#define LINE_REQUIRED(name, value) name ": " value "\n"
#define LINE_DEFAULT(name, value) name ": " value "\n"
#define LINE_NONE(name, value) "# " name ":\n"
#define LINE_EXAMPLE(name, value) name ": " value "\n"
#define LINES(indent, name, need, value, shape, text) indent "# " text "\n" indent "#   " shape "; " NOTE_##need "\n" indent LINE_##need(name, value)

/* What the table is for a template: the rows whose availability is passed on by FOR_. */
#define TEMPLATE_SECTION(name, availability, text) FOR_##availability("\n# " text "\n" #name ":\n")
#define TEMPLATE_ROOT(id, name, type, need, value, domain, unit, models, availability, text) \
    FOR_##availability(LINES("", #name, need, value, SHAPE_##type(domain) UNIT_##type(unit), text))
#define TEMPLATE_SETTING(id, section, name, type, need, value, domain, unit, models, availability, text) \
    FOR_##availability(LINES("  ", #name, need, value, SHAPE_##type(domain) UNIT_##type(unit), text))
#define FOR_AVAILABLE(lines) lines
#define FOR_SWEEPS(lines) ""
#define FOR_LATER(lines) ""

/* ISO C promises 4095 characters of a string; the compilers know no such limit. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"

#define FOR_DEEP_LINEAR(lines) lines
#define FOR_MLP(lines) ""
static const char template_deep_linear[] =
#define SECTION TEMPLATE_SECTION
#define ROOT TEMPLATE_ROOT
#define SETTING TEMPLATE_SETTING
#include "io/settings.def"
    ;
#undef FOR_DEEP_LINEAR
#undef FOR_MLP
#undef BY_MODEL

#define BY_MODEL(deep_linear, mlp) mlp
#define FOR_DEEP_LINEAR(lines) ""
#define FOR_MLP(lines) lines
static const char template_mlp[] =
#define SECTION TEMPLATE_SECTION
#define ROOT TEMPLATE_ROOT
#define SETTING TEMPLATE_SETTING
#include "io/settings.def"
    ;

#pragma GCC diagnostic pop

const char *dmft_config_template(const char *model)
{
    if (model == NULL) return NULL;
    if (strcmp(model, "deep_linear") == 0) return template_deep_linear;
    return strcmp(model, "mlp") == 0 ? template_mlp : NULL;
}

/* ---- Keys ---- */

static int starts_section(const char *key, const char *path)
{
    size_t n = strlen(path);
    return strncmp(key, path, n) == 0 && key[n] == '.';
}

const struct setting *settings_find(const char *key)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        int any = row->name[0] == '*' && starts_section(key, row->section);
        if (any || strcmp(row->key, key) == 0) return row;
    }
    return NULL;
}

enum settings_path settings_path(const char *path)
{
    enum settings_path found = PATH_NO_SECTION;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!starts_section(settings_table[i].key, path)) continue;
        if (settings_table[i].available) return PATH_SECTION;
        found = PATH_SECTION_LATER;
    }
    return found;
}

static const char *last_name(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot != NULL ? dot + 1 : key;
}

/* Of two keys, or of their last names in different sections. */
static size_t key_distance(const char *key, const char *known)
{
    const char *name = last_name(key);
    size_t whole = text_distance(key, strlen(key), known), last = 1 + text_distance(name, strlen(name), last_name(known));
    return whole < last ? whole : last;
}

const char *settings_nearest(const char *key)
{
    const char *nearest = "";
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < 2 * (size_t)SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i / 2];
        const char *known = i % 2 == 0 ? row->key : row->section;
        size_t distance = 2 * key_distance(key, known) + !row->available; /* of two as near, one that can be used */
        int sensible = *known != '\0' && *last_name(known) != '*' && !starts_section(key, known);
        if (distance >= least || !sensible) continue;
        least = distance;
        nearest = known;
    }
    return nearest;
}

int settings_belongs(const struct setting *row, const char *model)
{
    if (strcmp(row->models, "any") == 0) return 1;
    size_t n = strlen(model);
    for (const char *m = row->models; *m != '\0'; m += strspn(m, ", ")) {
        size_t length = strcspn(m, ",");
        if (length == n && strncmp(m, model, n) == 0) return 1;
        m += length;
    }
    return 0;
}

int settings_available(const struct setting *row, const char *model)
{
    if (strcmp(model, "deep_linear") == 0) return (row->available & DEEP_LINEAR) != 0;
    if (strcmp(model, "mlp") == 0) return (row->available & MLP) != 0;
    return row->available != 0;
}

/* ---- Domains ---- */

static double bound(const char *text, size_t length)
{
    double number = 0;
    if (length >= 3 && strncmp(text + length - 3, "inf", 3) == 0) return *text == '-' ? -INFINITY : INFINITY;
    return number_parse(text, length, &number) ? number : NAN;
}

int settings_holds(const struct setting *row, double number)
{
    const char *low = row->domain + 1, *comma = strchr(low, ','), *high = comma + 2;
    size_t n = strlen(high) - 1;
    double from = bound(low, (size_t)(comma - low)), to = bound(high, n);
    return (row->domain[0] == '(' ? number > from : number >= from) && (high[n] == ')' ? number < to : number <= to);
}

enum settings_word settings_word(const struct setting *row, size_t index, char word[SETTINGS_WORD])
{
    const char *start = row->domain;
    for (; index > 0; index--) {
        start = strstr(start, " | ");
        if (start == NULL) return WORD_NONE;
        start += 3;
    }
    size_t n = strcspn(start, " ");
    if (n >= SETTINGS_WORD) return WORD_NONE;
    memcpy(word, start, n);
    word[n] = '\0';
    return strncmp(start + n, " (not yet)", 10) == 0 ? WORD_LATER : WORD_AVAILABLE;
}

int settings_word_index(const struct setting *row, const char *word, int nearest)
{
    char known[SETTINGS_WORD];
    size_t least = nearest ? SIZE_MAX : 1;
    int found = -1;
    for (size_t i = 0; settings_word(row, i, known) != WORD_NONE; i++) {
        size_t distance = text_distance(word, strlen(word), known);
        if (distance >= least) continue;
        least = distance;
        found = (int)i;
    }
    return found;
}
