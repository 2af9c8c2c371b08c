/* Values of settings: made of YAML nodes under the rules of doc/config.md, and written as YAML. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/config.h"
#include "io/number.h"

struct config_place config_place(const char *file, const yaml_node_t *node)
{
    return (struct config_place){file, (long)node->start_mark.line + 1, (long)node->start_mark.column + 1};
}

void config_show_node(char out[CONFIG_SHOWN], const yaml_node_t *node)
{
    const char *what = "nothing";
    if (node->type == YAML_MAPPING_NODE)
        what = "a section";
    else if (node->type == YAML_SEQUENCE_NODE)
        what = node->data.sequence.items.top > node->data.sequence.items.start ? "a list" : "an empty list";
    else if (node->data.scalar.length > 0) {
        config_show(out, (const char *)node->data.scalar.value, node->data.scalar.length);
        return;
    }
    config_show(out, what, strlen(what));
}

/* "must be .., got ..", with the nearest word of a choice. */
static int refuse(const struct setting *row, const yaml_node_t *node, const struct config_place *place, dmft_error *err)
{
    char got[CONFIG_SHOWN], word[SETTINGS_WORD];
    config_show_node(got, node);
    int scalar = node->type == YAML_SCALAR_NODE, quoted = scalar && node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (row->type == TYPE_CHOICE && scalar) {
        (void)settings_word(row, (size_t)settings_word_index(row, got, 1), word);
        return config_error(err, DMFT_ERROR_CONFIG, place, row->key, "must be %s, got %s; the nearest is %s", row->shape, got, word);
    }
    return config_error(err, DMFT_ERROR_CONFIG, place, row->key, "must be %s, got %s%s", row->shape, quoted ? "the quoted text " : "", got);
}

/* 0|[1-9][0-9]*; what follows must still be a number. */
static int is_integer(const char *text, size_t length) { return strspn(text, "0123456789") == length; }

/* A word or a number of a scalar node. Booleans and numbers are not quoted. */
static int read_scalar(double *out, const struct setting *row, const yaml_node_t *node, const struct config_place *place, dmft_error *err)
{
    if (node->type != YAML_SCALAR_NODE) return refuse(row, node, place, err);
    const char *text = (const char *)node->data.scalar.value;
    size_t length = node->data.scalar.length;
    int plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (row->type == TYPE_CHOICE || row->type == TYPE_BOOLEAN) {
        char shown[CONFIG_SHOWN];
        config_show(shown, text, length);
        int index = settings_word_index(row, shown, 0);
        if (index < 0 || (row->type == TYPE_BOOLEAN && !plain)) return refuse(row, node, place, err);
        *out = index;
        return 0;
    }
    int good = plain && ((row->type != TYPE_INTEGER && row->type != TYPE_INTEGER_LIST) || is_integer(text, length)) && number_parse(text, length, out);
    return good && settings_holds(row, *out) ? 0 : refuse(row, node, place, err);
}

/* One level of a value: the entries of a list, or the node itself where it is none. */
struct entries {
    const yaml_node_item_t *item; /* NULL: no list */
    size_t count;
};

static struct entries entries_of(const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE) return (struct entries){NULL, 1};
    const yaml_node_item_t *item = node->data.sequence.items.start;
    return (struct entries){item, (size_t)(node->data.sequence.items.top - item)};
}

static yaml_node_t *entry_at(yaml_document_t *document, yaml_node_t *node, const struct entries *entries, size_t i)
{
    return entries->item != NULL ? yaml_document_get_node(document, entries->item[i]) : node;
}

/* Room for count numbers, filled with what the entries hold. */
static int read_numbers(double *number, const struct setting *row, yaml_document_t *document, yaml_node_t *node, const char *file, dmft_error *err)
{
    struct entries entries = entries_of(node);
    int status = 0;
    for (size_t i = 0; i < entries.count && status == 0; i++) {
        const yaml_node_t *entry = entry_at(document, node, &entries, i);
        struct config_place at = config_place(file, entry);
        status = read_scalar(&number[i], row, entry, &at, err);
    }
    return status;
}

/* A number, or a list of them. */
static int read_list(struct config_value *out, const struct setting *row, yaml_document_t *document, yaml_node_t *node, const char *file, dmft_error *err)
{
    struct entries entries = entries_of(node);
    double *number = memory_doubles(entries.count);
    if (number == NULL) return error_memory(err, 8.0 * (double)entries.count);
    int status = read_numbers(number, row, document, node, file, err);
    if (status == 0)
        *out = (struct config_value){.number = number, .count = entries.count, .list = entries.item != NULL, .given = 1, .place = config_place(file, node)};
    else
        free(number);
    return status;
}

/* Rows of equal length. An alias may make a short text a long matrix: it may have as many numbers as a file may have bytes. */
enum { MOST_NUMBERS = 1000000 };

static int check_row(const struct setting *row, const yaml_node_t *line, size_t number, size_t columns, const char *file, dmft_error *err)
{
    struct config_place at = config_place(file, line);
    if (line->type != YAML_SEQUENCE_NODE || entries_of(line).count == 0) return refuse(row, line, &at, err);
    if (entries_of(line).count == columns) return 0;
    return config_error(err, DMFT_ERROR_CONFIG, &at, row->key, "row %zu has %zu numbers, row 1 has %zu", number + 1, entries_of(line).count, columns);
}

static int read_matrix(struct config_value *out, const struct setting *row, yaml_document_t *document, yaml_node_t *node, const char *file, dmft_error *err)
{
    const struct config_place place = config_place(file, node);
    struct entries rows = entries_of(node);
    size_t columns = entries_of(entry_at(document, node, &rows, 0)).count;
    if (columns > MOST_NUMBERS / rows.count)
        return config_error(err, DMFT_ERROR_CONFIG, &place, row->key,
                            "%zu rows of %zu numbers are more than a configuration may have; use data.file", rows.count, columns);
    double *number = memory_doubles(rows.count * columns);
    if (number == NULL) return error_memory(err, 8.0 * (double)rows.count * (double)columns);
    int status = 0;
    for (size_t i = 0; i < rows.count && status == 0; i++) {
        yaml_node_t *line = entry_at(document, node, &rows, i);
        status = check_row(row, line, i, columns, file, err);
        if (status == 0) status = read_numbers(number + i * columns, row, document, line, file, err);
    }
    if (status == 0)
        *out = (struct config_value){.number = number, .count = rows.count * columns, .columns = columns, .list = 1, .given = 1, .place = place};
    else
        free(number);
    return status;
}

/* A name: it has bytes, and none that moves the cursor. */
static int read_text(struct config_value *out, const struct setting *row, const yaml_node_t *node, const char *file, dmft_error *err)
{
    const struct config_place place = config_place(file, node);
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.length == 0) return refuse(row, node, &place, err);
    size_t count = node->data.scalar.length;
    double *number = memory_doubles(count);
    if (number == NULL) return error_memory(err, 8.0 * (double)count);
    int printable = 1;
    for (size_t i = 0; i < count; i++) {
        number[i] = node->data.scalar.value[i];
        printable = printable && number[i] >= ' ' && number[i] != 127;
    }
    if (printable)
        *out = (struct config_value){.number = number, .count = count, .given = 1, .place = place};
    else
        free(number);
    return printable ? 0 : refuse(row, node, &place, err);
}

char *config_text(const struct config_value *value)
{
    char *text = malloc(value->count + 1);
    if (text == NULL) return NULL;
    for (size_t i = 0; i < value->count; i++) text[i] = (char)(unsigned char)value->number[i];
    text[value->count] = '\0';
    return text;
}

int config_value_read(struct config_value *out, const struct setting *row, yaml_document_t *document, yaml_node_t *node, const char *file,
                      dmft_error *err)
{
    const struct config_place place = config_place(file, node);
    int list = node->type == YAML_SEQUENCE_NODE;
    struct entries entries = entries_of(node);
    int nested = list && entries.count > 0 && entry_at(document, node, &entries, 0)->type == YAML_SEQUENCE_NODE;
    if (row->type == TYPE_TEXT) return read_text(out, row, node, file, err);
    if (nested && (row->type == TYPE_MATRIX || row->type == TYPE_COLUMNS)) return read_matrix(out, row, document, node, file, err);
    int needs_list = row->type == TYPE_REAL_LIST || row->type == TYPE_INTEGER_LIST || row->type == TYPE_COLUMNS;
    int fits = list ? entries.count > 0 && (needs_list || row->type == TYPE_NUMBERS) : !needs_list && row->type != TYPE_MATRIX;
    return fits ? read_list(out, row, document, node, file, err) : refuse(row, node, &place, err);
}

static void print_entry(FILE *out, const struct setting *row, double number)
{
    char text[NUMBER_TEXT], word[SETTINGS_WORD];
    if (row->type == TYPE_CHOICE || row->type == TYPE_BOOLEAN) {
        (void)settings_word(row, (size_t)number, word);
        fputs(word, out);
    } else {
        number_format(text, number);
        fputs(text, out);
    }
}

/* In single quotes, where only they themselves need care. */
static void print_text(FILE *out, const struct config_value *value)
{
    fputc('\'', out);
    for (size_t i = 0; i < value->count; i++) {
        if (value->number[i] == '\'') fputc('\'', out);
        fputc((int)value->number[i], out);
    }
    fputc('\'', out);
}

static void print_row(FILE *out, const struct setting *row, const double *number, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) fputs(", ", out);
        print_entry(out, row, number[i]);
    }
}

void config_value_print(FILE *out, const struct setting *row, const struct config_value *value)
{
    if (row->type == TYPE_TEXT) {
        print_text(out, value);
        return;
    }
    if (value->list) fputc('[', out);
    if (value->columns == 0) print_row(out, row, value->number, value->count);
    for (size_t i = 0; value->columns > 0 && i < value->count; i += value->columns) {
        fputs(i > 0 ? ", [" : "[", out);
        print_row(out, row, value->number + i, value->columns);
        fputc(']', out);
    }
    if (value->list) fputc(']', out);
}
