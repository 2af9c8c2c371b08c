/* The table of settings (io/settings.def) as data, and the questions asked of it: which row a key means, what a domain holds. */
#ifndef DMFT_IO_SETTINGS_H
#define DMFT_IO_SETTINGS_H

#include <stddef.h>
#include <stdio.h>

enum setting_id {
#define ROOT(id, ...) SETTING_##id,
#define SETTING(id, ...) SETTING_##id,
#include "io/settings.def"
    SETTING_COUNT
};

enum setting_type { TYPE_INTEGER, TYPE_REAL, TYPE_BOOLEAN, TYPE_CHOICE, TYPE_NUMBERS, TYPE_REAL_LIST,
                    TYPE_INTEGER_LIST, TYPE_MATRIX, TYPE_COLUMNS, TYPE_TEXT, TYPE_VALUES };
enum setting_need { NEED_REQUIRED, NEED_DEFAULT, NEED_NONE, NEED_EXAMPLE };

struct setting {
    const char *key;     /* "network.gamma0" */
    const char *section; /* "network"; "" at the top level */
    const char *name;    /* "gamma0" */
    enum setting_type type;
    enum setting_need need;
    const char *value; /* the default, or an example when required */
    const char *domain, *unit;
    int models; /* that have it: the sum of 1 << enum model_kind */
    const char *text;
    const char *shape; /* "a number in (0, inf)" */
};

struct settings_section {
    const char *name;
    int models;
    const char *text;
};

extern const struct setting settings_table[SETTING_COUNT];
extern const struct settings_section settings_sections[];
extern const size_t settings_section_count;

/* The row of a key, or NULL. */
const struct setting *settings_find(const char *key);

/* Whether a path is that of a section. */
int settings_is_section(const char *path);

/* The known key or section that is nearest to a mistaken one. */
const char *settings_nearest(const char *key);

/* Whether a model has a row; for a name that no model has, whether all have it. */
int settings_belongs(const struct setting *row, const char *model);

/* Whether a number lies in the interval that is the row's domain; nan never does. */
int settings_holds(const struct setting *row, double number);

/* Word number `index` of a choice; 0 past the last. */
#define SETTINGS_WORD 48
int settings_word(const struct setting *row, size_t index, char word[SETTINGS_WORD]);

/* The index of a word; that of the nearest one when `nearest`, else -1 when it is not one of the choice. */
int settings_word_index(const struct setting *row, const char *word, int nearest);

/* Writes doc/config.md. */
void settings_page(FILE *out);

#endif
