/* doc/config.md, the reference of all settings, from the table. */
#include <string.h>

#include "base/problem.h"
#include "io/settings.h"

static const char *type_word(enum setting_type type)
{
    switch (type) {
    case TYPE_INTEGER: return "integer";
    case TYPE_REAL: return "number";
    case TYPE_BOOLEAN: return "boolean";
    case TYPE_CHOICE: return "choice";
    case TYPE_NUMBERS: return "number or list";
    case TYPE_REAL_LIST: return "list";
    case TYPE_INTEGER_LIST: return "list";
    case TYPE_MATRIX: return "list of lists";
    case TYPE_COLUMNS: return "list, or list of lists";
    case TYPE_TEXT: return "text";
    case TYPE_VALUES: return "values";
    }
    return "";
}

/* A cell of a table: a bar would end it, a star begin emphasis. */
static void cell(FILE *out, const char *text)
{
    fputc(' ', out);
    for (const char *c = *text != '\0' ? text : "-"; *c != '\0'; c++) {
        if (strchr("|*<[", *c) != NULL) fputc('\\', out);
        fputc(*c, out);
    }
    fputs(" |", out);
}

/* "any", or the models that have the row. */
static void models_cell(FILE *out, const struct setting *row)
{
    static const char *const models[] = {
#define MODEL_ENTRY(NAME, name) #name,
        MODEL_TABLE(MODEL_ENTRY)
#undef MODEL_ENTRY
    };
    const char *separator = " ";
    if (settings_belongs(row, "")) {
        fputs(" any |", out);
        return;
    }
    for (size_t i = 0; i < MODEL_COUNT; i++) {
        if (!settings_belongs(row, models[i])) continue;
        fprintf(out, "%s%s", separator, models[i]);
        separator = ", ";
    }
    fputs(" |", out);
}

static void page_row(FILE *out, const struct setting *row)
{
    fprintf(out, "| `%s` |", row->key);
    cell(out, type_word(row->type));
    if (row->need == NEED_REQUIRED)
        fprintf(out, " required (`%s`) |", row->value);
    else
        cell(out, row->need == NEED_EXAMPLE ? "" : row->value);
    cell(out, row->domain);
    cell(out, row->unit);
    models_cell(out, row);
    cell(out, row->text);
    fputc('\n', out);
}

/* The rows of the section of that name, with those of the sections inside it. */
static void page_section(FILE *out, const char *name, const char *title)
{
    size_t n = strlen(name);
    fprintf(out, "\n## %s\n\n| key | type | default | domain | unit | models | meaning |\n", title);
    fputs("|---|---|---|---|---|---|---|\n", out);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *section = settings_table[i].section;
        if (strcspn(section, ".") == n && strncmp(section, name, n) == 0) page_row(out, &settings_table[i]);
    }
}

void settings_page(FILE *out)
{
    fputs("# Settings\n\n"
          "This page is made from `lib/io/settings.def` by `tools/settings_page.c`; edit the table, not the page.\n\n"
          "A configuration is one YAML mapping. A key `network.gamma0` is the entry `gamma0` of the section `network`. `dmft init MODEL`\n"
          "prints a commented configuration; `--set network.gamma0=2` replaces one value. A required setting has an example in brackets\n"
          "in place of a default. A setting of another model is refused. Intervals are written [closed, open).\n\n"
          "Integers are written `0` or with digits that begin with 1 to 9; numbers in decimal notation with an optional exponent;\n"
          "booleans `true` or `false`. None of them is quoted. Keys that are unknown or given twice, values outside their domain, empty\n"
          "files, files of several documents, YAML tags and files larger than 1 MB are errors that name file, line, column and key.\n",
          out);
    page_section(out, "", "Top level");
    for (size_t i = 0; i < settings_section_count; i++) page_section(out, settings_sections[i].name, settings_sections[i].text);
}
