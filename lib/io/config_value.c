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
        settings_word(row, (size_t)settings_word_index(row, got, 1), word);
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
        char shown[CONFIG_SHOWN], word[SETTINGS_WORD];
        config_show(shown, text, length);
        int index = settings_word_index(row, shown, 0);
        if (index < 0 || (row->type == TYPE_BOOLEAN && !plain)) return refuse(row, node, place, err);
        *out = index;
        if (settings_word(row, (size_t)index, word) == WORD_AVAILABLE) return 0;
        return config_error(err, DMFT_ERROR_UNAVAILABLE, place, row->key, "%s is not available in this version; must be %s", word,
                            row->shape);
    }
    int good = plain && (row->type != TYPE_INTEGER || is_integer(text, length)) && number_parse(text, length, out);
    return good && settings_holds(row, *out) ? 0 : refuse(row, node, place, err);
}

int config_value_read(struct config_value *out, const struct setting *row, yaml_document_t *document, yaml_node_t *node, const char *file,
                      dmft_error *err)
{
    const struct config_place place = config_place(file, node);
    int list = node->type == YAML_SEQUENCE_NODE && (row->type == TYPE_NUMBERS || row->type == TYPE_REAL_LIST);
    const yaml_node_item_t *item = list ? node->data.sequence.items.start : NULL;
    size_t count = list ? (size_t)(node->data.sequence.items.top - item) : 1;
    if (list ? count == 0 : row->type == TYPE_REAL_LIST) return refuse(row, node, &place, err);
    double *number = memory_doubles(count);
    if (number == NULL) return error_memory(err, 8.0 * (double)count);
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        const yaml_node_t *entry = list ? yaml_document_get_node(document, item[i]) : node;
        struct config_place at = config_place(file, entry);
        status = read_scalar(&number[i], row, entry, &at, err);
    }
    if (status == 0)
        *out = (struct config_value){number, count, list, 1, place};
    else
        free(number);
    return status;
}

static void print_entry(FILE *out, const struct setting *row, double number)
{
    char text[NUMBER_TEXT], word[SETTINGS_WORD];
    if (row->type == TYPE_CHOICE || row->type == TYPE_BOOLEAN) {
        settings_word(row, (size_t)number, word);
        fputs(word, out);
    } else {
        number_format(text, number);
        fputs(text, out);
    }
}

void config_value_print(FILE *out, const struct setting *row, const struct config_value *value)
{
    if (value->list) fputc('[', out);
    for (size_t i = 0; i < value->count; i++) {
        if (i > 0) fputs(", ", out);
        print_entry(out, row, value->number[i]);
    }
    if (value->list) fputc(']', out);
}
