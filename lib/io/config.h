/* The inside of a configuration: values by row of the table of settings, and how they are read, shown and refused. */
#ifndef DMFT_IO_CONFIG_H
#define DMFT_IO_CONFIG_H

#include <stddef.h>
#include <stdio.h>
#include <yaml.h>

#include "dmft.h"
#include "io/settings.h"

/* Where something stands: the file (NULL: nowhere), and the line and column, from 1 (line 0: the file as a whole). */
struct config_place {
    const char *file;
    long line, column;
};

/* A value of any type is numbers: 0 or 1 for a boolean, the index of the word for a choice, the bytes for a text. */
struct config_value {
    double *number; /* NULL: there is no value */
    size_t count;
    size_t columns;    /* of a list of lists, row by row; 0: no list of lists */
    int list;          /* written as a list */
    int given;         /* by the user, not by default */
    struct config_place place; /* .file is not owned */
};

/* One axis of a grid: the values that a setting takes. */
struct config_axis {
    const struct setting *row;
    size_t count;
    struct config_value *value;
    struct config_place place; /* .file is not owned */
};

/* Most axes and points of a grid. */
enum { CONFIG_AXES = 8, CONFIG_POINTS = 1000000 };

struct dmft_config {
    char *directory; /* where relative names of data files start, with its slash; or NULL */
    char *file; /* as it is shown in messages, or NULL */
    struct config_value value[SETTING_COUNT];
    struct config_axis axis[CONFIG_AXES]; /* of a sweep, in order; the last runs fastest */
    size_t axes;
};

/* One line "FILE:LINE:COLUMN: key: text"; parts that are not there are left out. Returns the status. */
int config_error(dmft_error *err, int status, const struct config_place *place, const char *key, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A short printable form of any bytes: anything but printable ASCII becomes '?', what is too long ends in "...". */
enum { CONFIG_SHOWN = 64 };
void config_show(char out[CONFIG_SHOWN], const char *bytes, size_t length);

/* Makes a value of a node, checked against the row's type and domain. */
int config_value_read(struct config_value *out, const struct setting *row, yaml_document_t *document, yaml_node_t *node, const char *file,
                      dmft_error *err);
void config_value_print(FILE *out, const struct setting *row, const struct config_value *value);

/* What a node is, as in "got ..". */
void config_show_node(char out[CONFIG_SHOWN], const yaml_node_t *node);
struct config_place config_place(const char *file, const yaml_node_t *node);

/* The one document of a text; the caller deletes it. */
int config_load(yaml_document_t *document, const char *text, size_t length, const char *file, const char *key, dmft_error *err);

/* Fills a configuration with what a document holds. */
int config_fill(dmft_config *config, yaml_document_t *document, dmft_error *err);

/* Sets one row from a node. `key` is the key as it was given, `place` its place. */
int config_take(dmft_config *config, const struct setting *row, yaml_document_t *document, yaml_node_t *node, const char *key,
                const struct config_place *place, dmft_error *err);

/* The same for an axis of a sweep: `key` is "sweep." and the key of a setting; an axis of the same setting is replaced. */
int config_take_axis(dmft_config *config, yaml_document_t *document, const yaml_node_t *node, const char *key, const struct config_place *place,
                     dmft_error *err);
void config_free_axes(dmft_config *config);

/* The axis of a row, or NULL. */
const struct config_axis *config_axis_of(const dmft_config *config, const struct setting *row);

/* The value as it is written in YAML, and all of a sweep: its settings, then its axes; to be freed. NULL when out of memory. */
char *config_value_text(const struct setting *row, const struct config_value *value);
char *config_sweep_text(const dmft_config *config);

/* The bytes of a value that is text; NULL when out of memory. */
char *config_text(const struct config_value *value);

/* Refuses a row that is not available, or does not belong to the configuration's model. */
int config_admit(const dmft_config *config, const struct setting *row, const char *key, const struct config_place *place, dmft_error *err);

/* The word of a choice that has a value. */
const char *config_word(const dmft_config *config, enum setting_id id, char word[SETTINGS_WORD]);

#endif
