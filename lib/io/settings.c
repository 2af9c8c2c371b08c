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

/* Sets of models: one place each, in the order of MODEL_TABLE. */
#define DEEP_LINEAR 1, 0, 0, 0, 0, 0
#define MLP 0, 1, 0, 0, 0, 0
#define NETWORKS 1, 1, 0, 0, 0, 0
#define EXTENSIVE_OUTPUT 0, 0, 1, 0, 0, 0
#define NOISY_MATRIX 0, 0, 0, 1, 0, 0
#define TWO_LAYER_LINEAR_WIDTH 0, 0, 0, 0, 1, 0
#define LOW_DEGREE_FILTER 0, 0, 0, 0, 0, 1
#define MLP_AND_MATRIX 0, 1, 0, 1, 0, 0
#define TRAINED 1, 1, 0, 1, 0, 0
#define LAYERED 1, 1, 0, 0, 0, 1
#define ON_INPUTS 0, 1, 0, 0, 0, 1 /* of a data set that the configuration or a file has */
#define LABELLED 1, 0, 0, 1, 1, 1
#define WEIGHTED 1, 1, 1, 1, 0, 0
#define PROPORTIONAL 1, 0, 1, 1, 1, 0
#define WITH_SAMPLES 1, 0, 0, 1, 1, 0
#define BATCHED 1, 0, 0, 0, 1, 0
#define NONLINEAR 0, 1, 0, 0, 1, 1
#define STEPPED 1, 1, 0, 1, 1, 0
#define TWO_LAYERS 0, 0, 1, 0, 1, 0
#define EVERY 1, 1, 1, 1, 1, 1
#define SWEEPS UNTEMPLATED, UNTEMPLATED, UNTEMPLATED, UNTEMPLATED, UNTEMPLATED, UNTEMPLATED
enum { UNTEMPLATED = 1 }; /* as 1, but in no template */

#define MASK(...) MASK_(__VA_ARGS__)
#define MASK_(a, b, c, d, e, f) ((a) | (b) << 1 | (c) << 2 | (d) << 3 | (e) << 4 | (f) << 5)

/* Of what each model has of its own, the table holds that of the first. */
#define PICK(a, b, c, d, e, f) a
#define BY_MODEL(...) PICK(__VA_ARGS__)

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
#define ROOT(id, name, type, need, value, domain, unit, models, text) \
    {#name, "", #name, TYPE_##type, NEED_##need, value, domain, unit, MASK(models), text, SHAPE_##type(domain)},
#define SETTING(id, section, name, type, need, value, domain, unit, models, text)                                     \
    {#section "." #name, #section, #name, TYPE_##type, NEED_##need, value, domain, unit, MASK(models), text, SHAPE_##type(domain)},
#include "io/settings.def"
};

const struct settings_section settings_sections[] = {
#define SECTION(name, models, text) {#name, MASK(models), text},
#include "io/settings.def"
};
const size_t settings_section_count = sizeof settings_sections / sizeof *settings_sections;

/* ---- The templates: the rows that the model has ---- */

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

/* What the table is for the template of the model that PICK picks: the rows that it can use. */
#define TEMPLATE_SECTION(name, models, text) KEEP("\n# " text "\n" #name ":\n", models)
#define TEMPLATE_ROOT(id, name, type, need, value, domain, unit, models, text) \
    KEEP(LINES("", #name, need, value, SHAPE_##type(domain) UNIT_##type(unit), text), models)
#define TEMPLATE_SETTING(id, section, name, type, need, value, domain, unit, models, text) \
    KEEP(LINES("  ", #name, need, value, SHAPE_##type(domain) UNIT_##type(unit), text), models)
#define KEEP(lines, ...) KEEP_IF(PICK(__VA_ARGS__), lines)
#define KEEP_IF(kept, lines) KEEP_IF_(kept, lines)
#define KEEP_IF_(kept, lines) KEEP_##kept(lines)
#define KEEP_1(lines) lines
#define KEEP_0(lines) ""
#define KEEP_UNTEMPLATED(lines) ""

/* ISO C promises 4095 characters of a string; the compilers know no such limit. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"

#undef PICK
#define PICK(a, b, c, d, e, f) a
static const char template_deep_linear[] =
#define SECTION TEMPLATE_SECTION
#define ROOT TEMPLATE_ROOT
#define SETTING TEMPLATE_SETTING
#include "io/settings.def"
    ;

#undef PICK
#define PICK(a, b, c, d, e, f) b
static const char template_mlp[] =
#define SECTION TEMPLATE_SECTION
#define ROOT TEMPLATE_ROOT
#define SETTING TEMPLATE_SETTING
#include "io/settings.def"
    ;

#undef PICK
#define PICK(a, b, c, d, e, f) c
static const char template_extensive_output[] =
#define SECTION TEMPLATE_SECTION
#define ROOT TEMPLATE_ROOT
#define SETTING TEMPLATE_SETTING
#include "io/settings.def"
    ;

#undef PICK
#define PICK(a, b, c, d, e, f) d
static const char template_noisy_matrix[] =
#define SECTION TEMPLATE_SECTION
#define ROOT TEMPLATE_ROOT
#define SETTING TEMPLATE_SETTING
#include "io/settings.def"
    ;

#undef PICK
#define PICK(a, b, c, d, e, f) e
static const char template_two_layer_linear_width[] =
#define SECTION TEMPLATE_SECTION
#define ROOT TEMPLATE_ROOT
#define SETTING TEMPLATE_SETTING
#include "io/settings.def"
    ;

#undef PICK
#define PICK(a, b, c, d, e, f) f
static const char template_low_degree_filter[] =
#define SECTION TEMPLATE_SECTION
#define ROOT TEMPLATE_ROOT
#define SETTING TEMPLATE_SETTING
#include "io/settings.def"
    ;

#pragma GCC diagnostic pop

static const struct {
    const char *name, *template;
} models[MODEL_COUNT] = {
#define MODEL_ENTRY(NAME, name) {#name, template_##name},
    MODEL_TABLE(MODEL_ENTRY)
#undef MODEL_ENTRY
};

/* MODEL_COUNT for a name that no model has. */
static int model_index(const char *name)
{
    int i = 0;
    while (i < MODEL_COUNT && strcmp(models[i].name, name) != 0) i++;
    return i;
}

const char *dmft_config_template(const char *model)
{
    int i = model != NULL ? model_index(model) : MODEL_COUNT;
    return i < MODEL_COUNT ? models[i].template : NULL;
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

int settings_is_section(const char *path)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (starts_section(settings_table[i].key, path)) return 1;
    return 0;
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
        size_t distance = key_distance(key, known);
        int sensible = *known != '\0' && *last_name(known) != '*' && !starts_section(key, known);
        if (distance >= least || !sensible) continue;
        least = distance;
        nearest = known;
    }
    return nearest;
}

int settings_belongs(const struct setting *row, const char *model)
{
    int i = model_index(model);
    return i < MODEL_COUNT ? row->models >> i & 1 : row->models == MASK(EVERY);
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
    return !isnan(number) && (row->domain[0] == '(' ? number > from : number >= from) && (high[n] == ')' ? number < to : number <= to);
}

int settings_word(const struct setting *row, size_t index, char word[SETTINGS_WORD])
{
    const char *start = row->domain;
    for (; index > 0; index--) {
        start = strstr(start, " | ");
        if (start == NULL) return 0;
        start += 3;
    }
    size_t n = strcspn(start, " ");
    if (n >= SETTINGS_WORD) return 0;
    memcpy(word, start, n);
    word[n] = '\0';
    return 1;
}

int settings_word_index(const struct setting *row, const char *word, int nearest)
{
    char known[SETTINGS_WORD];
    size_t least = nearest ? SIZE_MAX : 1;
    int found = -1;
    for (size_t i = 0; settings_word(row, i, known); i++) {
        size_t distance = text_distance(word, strlen(word), known);
        if (distance >= least) continue;
        least = distance;
        found = (int)i;
    }
    return found;
}
