/* Sweeps: the section `sweep` of a configuration, whose entries are the axes of a grid, and the configuration of each of its points.
 *
 * An axis is a list, {linear: [a, b, n]} or {log: [a, b, n]}. Every value is held against the domain of its setting when it is read; what values
 * mean together is seen when the problem of a point is made. Cost: memory for the values, and a copy of the settings a point. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/config.h"
#include "io/number.h"
#include "io/problem.h"

/* ---- reading ---- */

enum { MOST_VALUES = 100000 };

static void free_axis(struct config_axis *axis)
{
    for (size_t i = 0; i < axis->count; i++) free(axis->value[i].number);
    free(axis->value);
}

void config_free_axes(dmft_config *config)
{
    for (size_t i = 0; i < config->axes; i++) free_axis(&config->axis[i]);
    config->axes = 0;
}

static int refuse_shape(const char *key, const yaml_node_t *node, const struct config_place *place, dmft_error *err)
{
    char got[CONFIG_SHOWN];
    config_show_node(got, node);
    return config_error(err, DMFT_ERROR_CONFIG, place, key, "must be %s, got %s", settings_table[SETTING_SWEEP].shape, got);
}

/* Room for `count` values; the axis counts those that are there. */
static int make_room(struct config_axis *axis, size_t count, dmft_error *err)
{
    axis->value = calloc(count, sizeof *axis->value);
    return axis->value != NULL ? 0 : error_memory(err, (double)(count * sizeof *axis->value));
}

static int read_list(struct config_axis *axis, yaml_document_t *document, const yaml_node_t *node, const char *file, dmft_error *err)
{
    const yaml_node_item_t *item = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - item);
    int status = make_room(axis, count, err);
    while (status == 0 && axis->count < count) {
        status = config_value_read(&axis->value[axis->count], axis->row, document, yaml_document_get_node(document, item[axis->count]), file, err);
        if (status == 0) axis->count++;
    }
    return status;
}

/* What a range says of its n numbers from a to b. */
struct range {
    const char *word; /* "log" or "linear" */
    double a, b;
    size_t count;
};

static int range_is_log(const struct range *range) { return range->word[1] == 'o'; }

/* Both ends are exact. */
static double range_at(const struct range *range, size_t i)
{
    if (i == 0) return range->a;
    if (i + 1 == range->count) return range->b;
    double part = (double)i / (double)(range->count - 1);
    return range_is_log(range) ? range->a * pow(range->b / range->a, part) : range->a + (range->b - range->a) * part;
}

/* One of the numbers of [a, b, n]. */
static int read_bound(double *out, const yaml_node_t *node, const char *domain, const char *key, const struct config_place *place, dmft_error *err)
{
    char got[CONFIG_SHOWN];
    int count = strcmp(domain, "n") == 0, above_zero = strcmp(domain, "positive") == 0;
    int plain = node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const char *text = plain ? (const char *)node->data.scalar.value : "";
    int good = plain && number_parse(text, node->data.scalar.length, out) && isfinite(*out) && (!above_zero || *out > 0.0);
    if (count) good = good && strspn(text, "0123456789") == node->data.scalar.length && *out >= 1.0 && *out <= MOST_VALUES;
    if (good) return 0;
    config_show_node(got, node);
    return config_error(err, DMFT_ERROR_CONFIG, place, key, "%s, got %s",
                        count        ? "n of [a, b, n] must be an integer in [1, 100000]"
                        : above_zero ? "a and b of log: [a, b, n] must be numbers in (0, inf)"
                                     : "a and b of linear: [a, b, n] must be numbers in (-inf, inf)",
                        got);
}

/* {log: [a, b, n]} or {linear: [a, b, n]}. */
static int read_range(struct range *range, yaml_document_t *document, const yaml_node_t *node, const char *file, const char *key, dmft_error *err)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    struct config_place place = config_place(file, node);
    if (node->data.mapping.pairs.top != pair + 1) return refuse_shape(key, node, &place, err);
    const yaml_node_t *word = yaml_document_get_node(document, pair->key), *list = yaml_document_get_node(document, pair->value);
    char got[CONFIG_SHOWN];
    config_show_node(got, word);
    place = config_place(file, word);
    int is_log = strcmp(got, "log") == 0;
    if (!is_log && strcmp(got, "linear") != 0)
        return config_error(err, DMFT_ERROR_CONFIG, &place, key, "must be one of linear | log, got %s; the nearest is %s", got,
                            strlen(got) <= 4 && strncmp(got, "li", 2) != 0 ? "log" : "linear");
    place = config_place(file, list);
    const yaml_node_item_t *item = list->type == YAML_SEQUENCE_NODE ? list->data.sequence.items.start : NULL;
    if (item == NULL || list->data.sequence.items.top != item + 3)
        return config_error(err, DMFT_ERROR_CONFIG, &place, key, "%s: takes three numbers, [a, b, n]: n values from a to b", got);
    double number[3];
    for (int i = 0; i < 3; i++) {
        const yaml_node_t *entry = yaml_document_get_node(document, item[i]);
        place = config_place(file, entry);
        int status = read_bound(&number[i], entry, i == 2 ? "n" : is_log ? "positive" : "", key, &place, err);
        if (status < 0) return status;
    }
    *range = (struct range){.word = is_log ? "log" : "linear", .a = number[0], .b = number[1], .count = (size_t)number[2]};
    return 0;
}

static int fill_range(struct config_axis *axis, const struct range *range, const char *key, dmft_error *err)
{
    const struct setting *row = axis->row;
    int whole = row->type == TYPE_INTEGER;
    if (!whole && row->type != TYPE_REAL && row->type != TYPE_NUMBERS)
        return config_error(err, DMFT_ERROR_CONFIG, &axis->place, key, "%s: is for numbers; %s is %s: a list of its values", range->word, row->key, row->shape);
    int status = make_room(axis, range->count, err);
    for (size_t i = 0; status == 0 && i < range->count; i++) {
        double x = range_at(range, i);
        char text[NUMBER_TEXT];
        number_format(text, x);
        if (!settings_holds(row, x) || (whole && x != floor(x)))
            return config_error(err, DMFT_ERROR_CONFIG, &axis->place, row->key, "must be %s, got %s (value %zu of %s: [a, b, n])", row->shape, text, i + 1,
                                range->word);
        double *number = memory_doubles(1);
        if (number == NULL) return error_memory(err, sizeof *number);
        *number = x;
        axis->value[axis->count++] = (struct config_value){.number = number, .count = 1, .given = 1, .place = axis->place};
    }
    return status;
}

/* The setting that an axis is of. */
static int find_row(const struct setting **row, const dmft_config *config, const char *key, const struct config_place *place, dmft_error *err)
{
    const char *inner = key + strlen("sweep.");
    *row = settings_find(inner);
    if (*row == NULL && settings_is_section(inner))
        return config_error(err, DMFT_ERROR_CONFIG, place, key, "is a section, not a setting: an axis has a dotted key, sweep: {network.gamma0: [1, 2]}");
    if (*row == NULL)
        return config_error(err, DMFT_ERROR_CONFIG, place, key, "unknown key; the nearest known key is sweep.%s", settings_nearest(inner));
    if (*row == &settings_table[SETTING_MODEL] || (*row)->type == TYPE_VALUES)
        return config_error(err, DMFT_ERROR_CONFIG, place, key, "cannot be swept: a sweep has one model");
    if (*row == &settings_table[SETTING_OUTPUT_KERNELS])
        return config_error(err, DMFT_ERROR_CONFIG, place, key, "cannot be swept: sweeps store no kernels");
    return config_admit(config, *row, key, place, err);
}

static int order_of_values(const struct config_value *a, const struct config_value *b)
{
    if (a->list != b->list) return a->list - b->list;
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    for (size_t i = 0; i < a->count; i++)
        if (a->number[i] != b->number[i]) return a->number[i] < b->number[i] ? -1 : 1;
    return a->columns == b->columns ? 0 : a->columns < b->columns ? -1 : 1;
}

/* Of equal values the first comes first. */
static int compare_values(const void *a, const void *b)
{
    const struct config_value *left = *(const struct config_value *const *)a, *right = *(const struct config_value *const *)b;
    int order = order_of_values(left, right);
    return order != 0 ? order : left < right ? -1 : 1;
}

/* A value that is there twice would be run twice, and be two points at one place of a figure. */
static int refuse_equal(const struct config_axis *axis, const char *key, dmft_error *err)
{
    const struct config_value **sorted = malloc(axis->count * sizeof *sorted), *first = NULL, *again = NULL;
    if (sorted == NULL) return error_memory(err, (double)(axis->count * sizeof *sorted));
    for (size_t i = 0; i < axis->count; i++) sorted[i] = &axis->value[i];
    qsort(sorted, axis->count, sizeof *sorted, compare_values);
    for (size_t i = 1; i < axis->count; i++) {
        if (order_of_values(sorted[i - 1], sorted[i]) != 0 || (again != NULL && sorted[i] >= again)) continue;
        first = sorted[i - 1];
        again = sorted[i];
    }
    free(sorted);
    if (again == NULL) return 0;
    return config_error(err, DMFT_ERROR_CONFIG, &again->place, key, "value %zu is equal to value %zu: the values of an axis are different",
                        (size_t)(again - axis->value) + 1, (size_t)(first - axis->value) + 1);
}

/* Puts the axis in the place of one of the same setting, or behind the last. */
static int enter_axis(dmft_config *config, struct config_axis *axis, const char *key, dmft_error *err)
{
    size_t i = 0, points = axis->count;
    while (i < config->axes && config->axis[i].row != axis->row) i++;
    if (i == CONFIG_AXES)
        return config_error(err, DMFT_ERROR_CONFIG, &axis->place, key, "one axis too many: a grid has at most %d", CONFIG_AXES);
    for (size_t j = 0; j < config->axes; j++)
        if (j != i && points <= CONFIG_POINTS) points *= config->axis[j].count;
    if (points > CONFIG_POINTS)
        return config_error(err, DMFT_ERROR_CONFIG, &axis->place, key, "too many values: a grid has at most %d points", CONFIG_POINTS);
    if (i < config->axes)
        free_axis(&config->axis[i]);
    else
        config->axes++;
    config->axis[i] = *axis;
    return 0;
}

int config_take_axis(dmft_config *config, yaml_document_t *document, const yaml_node_t *node, const char *key, const struct config_place *place,
                     dmft_error *err)
{
    struct config_axis axis = {.place = config_place(place->file, node)};
    struct range range = {.word = "linear"};
    int status = find_row(&axis.row, config, key, place, err);
    if (status < 0) return status;
    if (node->type == YAML_SEQUENCE_NODE && node->data.sequence.items.top > node->data.sequence.items.start)
        status = read_list(&axis, document, node, place->file, err);
    else if (node->type == YAML_MAPPING_NODE) {
        status = read_range(&range, document, node, place->file, key, err);
        if (status == 0) status = fill_range(&axis, &range, key, err);
    } else
        status = refuse_shape(key, node, &axis.place, err);
    if (status == 0) status = refuse_equal(&axis, key, err);
    if (status == 0) status = enter_axis(config, &axis, key, err);
    if (status < 0) free_axis(&axis);
    return status;
}

/* ---- points ---- */

const struct config_axis *config_axis_of(const dmft_config *config, const struct setting *row)
{
    for (size_t i = 0; i < config->axes; i++)
        if (config->axis[i].row == row) return &config->axis[i];
    return NULL;
}

/* The index along axis `axis` of a point of the grid. */
static size_t index_of(const dmft_config *config, size_t axis, size_t point)
{
    for (size_t i = config->axes - 1; i > axis; i--) point /= config->axis[i].count;
    return point % config->axis[axis].count;
}

size_t dmft_config_points(const dmft_config *config)
{
    size_t points = config->axes > 0;
    for (size_t i = 0; i < config->axes; i++) points *= config->axis[i].count;
    return points;
}

/* 0 when out of memory. */
static int copy_value(struct config_value *to, const struct config_value *from, const char *file)
{
    double *number = from->number != NULL ? memory_doubles(from->count) : NULL;
    if (from->number != NULL && number == NULL) return 0;
    if (number != NULL) memcpy(number, from->number, from->count * sizeof *number);
    free(to->number);
    *to = *from;
    to->number = number;
    if (from->place.file != NULL) to->place.file = file;
    return 1;
}

int dmft_config_point(dmft_config **out, const dmft_config *config, size_t point, dmft_error *err)
{
    if (point >= dmft_config_points(config))
        return error_set(err, DMFT_ERROR_ARGUMENT, "point must be below the number of points of the grid, %zu, got %zu", dmft_config_points(config), point);
    dmft_config *one = calloc(1, sizeof *one);
    if (one == NULL) return error_memory(err, (double)sizeof *one);
    one->file = config->file != NULL ? memory_string(config->file) : NULL;
    one->directory = config->directory != NULL ? memory_string(config->directory) : NULL;
    int made = (config->file == NULL || one->file != NULL) && (config->directory == NULL || one->directory != NULL);
    for (size_t i = 0; made && i < SETTING_COUNT; i++) made = copy_value(&one->value[i], &config->value[i], one->file);
    for (size_t i = 0; made && i < config->axes; i++) {
        const struct config_axis *axis = &config->axis[i];
        made = copy_value(&one->value[axis->row - settings_table], &axis->value[index_of(config, i, point)], one->file);
    }
    if (made) {
        *out = one;
        return DMFT_OK;
    }
    dmft_config_free(one);
    return error_memory(err, (double)sizeof *one);
}

/* ---- text ---- */

/* What is printed into memory; NULL when there is none left. */
static char *text_of(FILE *out, char **text)
{
    int failed = ferror(out);
    if (fclose(out) == 0 && !failed) return *text;
    free(*text);
    return NULL;
}

char *config_value_text(const struct setting *row, const struct config_value *value)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    config_value_print(out, row, value);
    return text_of(out, &text);
}

char *config_sweep_text(const dmft_config *config)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    problem_print(out, config);
    (void)fputs("sweep:\n", out);
    for (size_t i = 0; i < config->axes; i++) {
        const struct config_axis *axis = &config->axis[i];
        (void)fprintf(out, "  %s: [", axis->row->key);
        for (size_t k = 0; k < axis->count; k++) {
            if (k > 0) (void)fputs(", ", out);
            config_value_print(out, axis->row, &axis->value[k]);
        }
        (void)fputs("]\n", out);
    }
    return text_of(out, &text);
}
