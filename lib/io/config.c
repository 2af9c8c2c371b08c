/* Configurations: made, read from files, changed, freed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/config.h"

/* Longer files are refused: a configuration has a few hundred bytes, a schedule of 10^5 steps less than this. */
enum { FILE_LIMIT = 1000000 };

const char *config_word(const dmft_config *config, enum setting_id id, char word[SETTINGS_WORD])
{
    (void)settings_word(&settings_table[id], (size_t)config->value[id].number[0], word);
    return word;
}

int config_admit(const dmft_config *config, const struct setting *row, const char *key, const struct config_place *place, dmft_error *err)
{
    char model[SETTINGS_WORD] = "";
    if (!config->value[SETTING_MODEL].given || settings_belongs(row, config_word(config, SETTING_MODEL, model))) return 0;
    return config_error(err, DMFT_ERROR_CONFIG, place, key, "does not belong to model %s", model);
}

int config_take(dmft_config *config, const struct setting *row, yaml_document_t *document, yaml_node_t *node, const char *key,
                const struct config_place *place, dmft_error *err)
{
    struct config_value value, *old = &config->value[row - settings_table];
    int status = config_admit(config, row, key, place, err);
    if (status == 0 && row->type == TYPE_VALUES) return config_take_axis(config, document, node, key, place, err);
    if (status == 0) status = config_value_read(&value, row, document, node, place->file, err);
    if (status < 0) return status;
    free(old->number);
    *old = value;
    return 0;
}

/* From text that is in no file; messages name the key alone. */
static int take_text(dmft_config *config, const struct setting *row, const char *key, const char *text, dmft_error *err)
{
    const struct config_place nowhere = {NULL, 0, 0};
    yaml_document_t document;
    int status = config_admit(config, row, key, &nowhere, err);
    if (status == 0) status = config_load(&document, text, strlen(text), NULL, key, err);
    if (status < 0) return status;
    status = config_take(config, row, &document, yaml_document_get_root_node(&document), key, &nowhere, err);
    yaml_document_delete(&document);
    return status;
}

static int take_defaults(dmft_config *config, dmft_error *err)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *row = &settings_table[i];
        if (row->need != NEED_DEFAULT) continue;
        int status = take_text(config, row, row->key, row->value, err);
        if (status < 0) return status;
        config->value[i].given = 0;
    }
    return 0;
}

/* The end of a name that is too long for a line. */
static const char *shown_file(const char *name)
{
    enum { LONGEST_NAME = 160 };
    size_t n = strlen(name);
    return n > LONGEST_NAME ? name + (n - LONGEST_NAME) : name;
}

/* A configuration of defaults; `file` is NULL when it comes from none. */
static int create(dmft_config **out, const char *file, dmft_error *err)
{
    dmft_config *config = calloc(1, sizeof *config);
    if (config != NULL && file != NULL) config->file = memory_string(file);
    int made = config != NULL && (file == NULL || config->file != NULL);
    int status = made ? take_defaults(config, err) : error_memory(err, (double)sizeof *config);
    if (status == 0)
        *out = config;
    else
        dmft_config_free(config);
    return status;
}

int dmft_config_create(dmft_config **out, const char *model, dmft_error *err)
{
    dmft_config *config = NULL;
    int status = create(&config, NULL, err);
    if (status == 0) status = dmft_config_set(config, "model", model != NULL ? model : "", err); /* "" is refused */
    if (status == 0)
        *out = config;
    else
        dmft_config_free(config);
    return status;
}

int dmft_config_parse(dmft_config **out, const char *text, size_t length, const char *name, dmft_error *err)
{
    yaml_document_t document;
    dmft_config *config = NULL;
    const struct config_place whole = {shown_file(name != NULL ? name : "configuration"), 0, 0};
    if (length > FILE_LIMIT)
        return config_error(err, DMFT_ERROR_CONFIG, &whole, NULL, "is larger than a configuration may be (%d bytes)", FILE_LIMIT);
    int status = config_load(&document, text, length, whole.file, NULL, err);
    if (status < 0) return status;
    status = create(&config, whole.file, err);
    if (status == 0) status = config_fill(config, &document, err);
    yaml_document_delete(&document);
    if (status == 0)
        *out = config;
    else
        dmft_config_free(config);
    return status;
}

/* The part of a name before the file, with its slash. */
static int keep_directory(dmft_config *config, const char *path, dmft_error *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return 0;
    config->directory = memory_string(path);
    if (config->directory == NULL) return error_memory(err, (double)strlen(path));
    config->directory[slash - path + 1] = '\0';
    return 0;
}

static int refuse_file(const char *path, int reason, dmft_error *err)
{
    const struct config_place whole = {shown_file(path), 0, 0};
    char text[128] = "";
    if (reason == ENOMEM) return error_memory(err, BUFSIZ);
    if (strerror_r(reason, text, sizeof text) != 0) (void)snprintf(text, sizeof text, "error %d", reason);
    return config_error(err, DMFT_ERROR_READ, &whole, NULL, "cannot be read: %s", text);
}

int dmft_config_read(dmft_config **out, const char *path, dmft_error *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return refuse_file(path, errno, err);
    char *text = malloc(FILE_LIMIT + 1);
    dmft_config *config = NULL;
    errno = 0;
    size_t length = text != NULL ? fread(text, 1, FILE_LIMIT + 1, file) : 0;
    int reason = ferror(file) ? errno : 0;
    (void)fclose(file);
    int status = text == NULL  ? error_memory(err, FILE_LIMIT)
                 : reason != 0 ? refuse_file(path, reason, err)
                               : dmft_config_parse(&config, text, length, path, err);
    free(text);
    if (status == 0) status = keep_directory(config, path, err);
    if (status == 0)
        *out = config;
    else
        dmft_config_free(config);
    return status;
}

int dmft_config_set(dmft_config *config, const char *key, const char *value, dmft_error *err)
{
    const struct config_place nowhere = {NULL, 0, 0};
    char shown[CONFIG_SHOWN];
    const struct setting *row = settings_find(key);
    config_show(shown, key, strlen(key));
    if (row != NULL && config_axis_of(config, row) != NULL)
        return config_error(err, DMFT_ERROR_CONFIG, &nowhere, shown, "is an axis of the sweep, which this would not change: set sweep.%s", row->key);
    if (row != NULL) return take_text(config, row, shown, value, err);
    if (settings_is_section(key))
        return config_error(err, DMFT_ERROR_CONFIG, &nowhere, shown, "is a section, not a setting");
    return config_error(err, DMFT_ERROR_CONFIG, &nowhere, shown, "unknown key; the nearest known key is %s", settings_nearest(shown));
}

void dmft_config_free(dmft_config *config)
{
    if (config == NULL) return;
    for (size_t i = 0; i < SETTING_COUNT; i++) free(config->value[i].number);
    config_free_axes(config);
    free(config->directory);
    free(config->file);
    free(config);
}
