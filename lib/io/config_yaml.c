/* From YAML text to a configuration: libyaml makes the nodes, which carry line and column; the table of settings says what they mean.
 *
 * Only keys of the table are followed, so that aliases, even to themselves, cost nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/config.h"

/* ---- Text to document ---- */

struct source {
    const char *text;
    size_t length;
    const char *file, *key; /* for messages; NULL for none */
};

static struct config_place place_of_mark(const char *file, yaml_mark_t mark)
{
    return (struct config_place){file, (long)mark.line + 1, (long)mark.column + 1};
}

/* Line and column of a byte, for errors of the encoding, which have no mark. */
static struct config_place place_of_byte(const struct source *source, size_t byte)
{
    struct config_place place = {source->file, 1, 1};
    for (size_t i = 0; i < byte && i < source->length; i++) {
        place.column = source->text[i] == '\n' ? 1 : place.column + 1;
        place.line += source->text[i] == '\n';
    }
    return place;
}

static int refuse_syntax(const yaml_parser_t *parser, const struct source *source, dmft_error *err)
{
    /* The loader does not always say that memory is what it lacks; everything else has a text. */
    if (parser->error == YAML_MEMORY_ERROR || parser->problem == NULL) return error_memory(err, (double)source->length);
    int encoding = parser->error == YAML_READER_ERROR;
    struct config_place place =
        encoding ? place_of_byte(source, parser->problem_offset) : place_of_mark(source->file, parser->problem_mark);
    const char *context = parser->context != NULL ? parser->context : "", *comma = *context != '\0' ? ", " : "";
    return config_error(err, DMFT_ERROR_CONFIG, &place, source->key, "is not YAML: %s%s%s", context, comma, parser->problem);
}

/* What a text holds so far, event by event. libyaml takes time quadratic in the nesting and in the number of anchors. */
struct census {
    int documents, depth, anchors;
};
enum { DEEPEST = 16, MOST_ANCHORS = 64 };

static const char *object_to_node(struct census *census, const yaml_char_t *anchor, const yaml_char_t *tag, int opens)
{
    census->depth += opens;
    census->anchors += anchor != NULL;
    return tag != NULL                        ? "tags are not allowed"
           : census->depth > DEEPEST          ? "nested too deep"
           : census->anchors > MOST_ANCHORS   ? "too many anchors"
                                              : NULL;
}

/* What is wrong with an event, or NULL. */
static const char *object_to(struct census *census, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end) return "tags are not allowed";
        return ++census->documents > 1 ? "a second document begins here; one is allowed" : NULL;
    case YAML_SCALAR_EVENT: return object_to_node(census, event->data.scalar.anchor, event->data.scalar.tag, 0);
    case YAML_SEQUENCE_START_EVENT: return object_to_node(census, event->data.sequence_start.anchor, event->data.sequence_start.tag, 1);
    case YAML_MAPPING_START_EVENT: return object_to_node(census, event->data.mapping_start.anchor, event->data.mapping_start.tag, 1);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: census->depth--; return NULL;
    default: return NULL;
    }
}

/* Reads the text to its end once, for all that can be said without knowing the settings. */
static int inspect(yaml_parser_t *parser, const struct source *source, dmft_error *err)
{
    struct census census = {0, 0, 0};
    int status = 0, ended = 0;
    while (status == 0 && !ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) return refuse_syntax(parser, source, err);
        const char *objection = object_to(&census, &event);
        struct config_place place = place_of_mark(source->file, event.start_mark);
        if (objection != NULL) status = config_error(err, DMFT_ERROR_CONFIG, &place, source->key, "%s", objection);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    const struct config_place whole = {source->file, 0, 0};
    if (status < 0 || census.documents > 0) return status;
    const char *needed = source->key != NULL ? "a value is needed" : "settings are needed";
    return config_error(err, DMFT_ERROR_CONFIG, &whole, source->key, "is empty; %s", needed);
}

static int load(yaml_parser_t *parser, const struct source *source, yaml_document_t *document, dmft_error *err)
{
    return yaml_parser_load(parser, document) ? 0 : refuse_syntax(parser, source, err);
}

int config_load(yaml_document_t *document, const char *text, size_t length, const char *file, const char *key, dmft_error *err)
{
    const struct source source = {text, length, file, key};
    int status = 0;
    for (int pass = 0; pass < 2 && status == 0; pass++) {
        yaml_parser_t parser;
        if (!yaml_parser_initialize(&parser)) return error_memory(err, (double)sizeof parser);
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
        status = pass == 0 ? inspect(&parser, &source, err) : load(&parser, &source, document, err);
        yaml_parser_delete(&parser);
    }
    return status;
}

/* ---- Document to settings ---- */

struct walk {
    dmft_config *config;
    yaml_document_t *document;
    dmft_error *err;
};

static int same_scalar(const yaml_node_t *a, const yaml_node_t *b)
{
    return a->type == YAML_SCALAR_NODE && b->type == YAML_SCALAR_NODE && a->data.scalar.length == b->data.scalar.length &&
           memcmp(a->data.scalar.value, b->data.scalar.value, a->data.scalar.length) == 0;
}

/* The first pair of a mapping whose key is that of `pair`: itself when it is given once. The pairs before it are known keys, so few. */
static const yaml_node_pair_t *first_of(yaml_document_t *document, const yaml_node_t *mapping, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = yaml_document_get_node(document, pair->key);
    const yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
    while (p < pair && !same_scalar(yaml_document_get_node(document, p->key), key)) p++;
    return p;
}

static int take_section(const struct walk *walk, yaml_node_t *section, const char *path);

/* A path that is no setting: a section, or a mistake. */
static int take_path(const struct walk *walk, const char *path, yaml_node_t *value, const struct config_place *at)
{
    char got[CONFIG_SHOWN];
    if (!settings_is_section(path))
        return config_error(walk->err, DMFT_ERROR_CONFIG, at, path, "unknown key; the nearest known key is %s", settings_nearest(path));
    config_show_node(got, value);
    if (value->type != YAML_MAPPING_NODE)
        return config_error(walk->err, DMFT_ERROR_CONFIG, at, path, "must be a section of settings, got %s", got);
    return take_section(walk, value, path);
}

static int take_pair(const struct walk *walk, const yaml_node_t *section, const yaml_node_pair_t *pair, const char *inside)
{
    char name[CONFIG_SHOWN], path[2 * CONFIG_SHOWN];
    yaml_node_t *key = yaml_document_get_node(walk->document, pair->key), *value = yaml_document_get_node(walk->document, pair->value);
    struct config_place at = config_place(walk->config->file, key);
    config_show_node(name, key);
    (void)snprintf(path, sizeof path, "%s%s%s", inside, *inside != '\0' ? "." : "", name);
    if (key->type != YAML_SCALAR_NODE || key->data.scalar.length == 0)
        return config_error(walk->err, DMFT_ERROR_CONFIG, &at, *inside != '\0' ? inside : NULL, "a key must be a word, got %s", name);
    const yaml_node_pair_t *first = first_of(walk->document, section, pair);
    if (first != pair) {
        struct config_place there = config_place(NULL, yaml_document_get_node(walk->document, first->key));
        return config_error(walk->err, DMFT_ERROR_CONFIG, &at, path, "given twice, first in line %ld", there.line);
    }
    const struct setting *row = settings_find(path);
    if (strchr(name, '.') != NULL && (row == NULL || row->name[0] != '*'))
        return config_error(walk->err, DMFT_ERROR_CONFIG, &at, path,
                            "unknown key: in a file a key has no dot and stands inside its section");
    return row != NULL ? config_take(walk->config, row, walk->document, value, path, &at, walk->err) : take_path(walk, path, value, &at);
}

static int take_section(const struct walk *walk, yaml_node_t *section, const char *path)
{
    int status = 0;
    const yaml_node_pair_t *end = section->data.mapping.pairs.top;
    for (const yaml_node_pair_t *p = section->data.mapping.pairs.start; p < end && status == 0; p++)
        status = take_pair(walk, section, p, path);
    return status;
}

/* The model first: it decides which keys belong. */
static int take_model(const struct walk *walk, const yaml_node_t *root)
{
    const yaml_node_pair_t *p = root->data.mapping.pairs.start, *end = root->data.mapping.pairs.top;
    for (; p < end; p++) {
        const yaml_node_t *key = yaml_document_get_node(walk->document, p->key);
        if (key->type == YAML_SCALAR_NODE && strcmp((const char *)key->data.scalar.value, "model") == 0)
            return take_pair(walk, root, p, "");
    }
    return 0;
}

int config_fill(dmft_config *config, yaml_document_t *document, dmft_error *err)
{
    const struct walk walk = {config, document, err};
    yaml_node_t *root = yaml_document_get_root_node(document);
    struct config_place at = config_place(config->file, root);
    char got[CONFIG_SHOWN];
    config_show_node(got, root);
    if (root->type != YAML_MAPPING_NODE)
        return config_error(err, DMFT_ERROR_CONFIG, &at, NULL, "the top level must be a section of settings, got %s", got);
    int status = take_model(&walk, root);
    return status == 0 ? take_section(&walk, root, "") : status;
}
