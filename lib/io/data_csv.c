/* Data as CSV (doc/format.md): a line a sample, the last columns are targets. Lines of '#' and empty lines are skipped, and a first line in which no cell
 * is a number is a header. The file is taken into memory whole, and the cells are read in place. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/config.h"
#include "io/data.h"
#include "io/number.h"

struct reader {
    const char *path;
    dmft_error *err;
    const char *at; /* the line that is to be read next */
    long line;      /* its number, from 1 */
};

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Goes on to a line that counts; 0 when there is none. */
static int find_line(struct reader *r)
{
    for (; *r->at != '\0'; r->line++) {
        const char *first = r->at;
        while (is_blank(*first)) first++;
        if (*first != '#' && *first != '\n' && *first != '\0') return 1;
        r->at += strcspn(r->at, "\n");
        r->at += *r->at == '\n';
    }
    return 0;
}

static void leave_line(struct reader *r)
{
    r->at += strcspn(r->at, "\n");
    r->at += *r->at == '\n';
    r->line++;
}

/* The next cell of a line, without the blanks around it; returns what is behind its comma, or NULL past the last cell. */
static const char *next_cell(const char *at, const char **text, size_t *length)
{
    const char *end = at + strcspn(at, ",\n"), *next = *end == ',' ? end + 1 : NULL;
    while (at < end && is_blank(*at)) at++;
    while (end > at && is_blank(end[-1])) end--;
    *text = at;
    *length = (size_t)(end - at);
    return next;
}

static size_t count_cells(const char *line)
{
    size_t count = 1;
    for (; *line != '\n' && *line != '\0'; line++) count += *line == ',';
    return count;
}

static int is_header(const char *at)
{
    const char *text;
    size_t length;
    double value;
    while (at != NULL) {
        at = next_cell(at, &text, &length);
        if (number_parse(text, length, &value)) return 0;
    }
    return 1;
}

/* The lines that count from here to the end. */
static size_t count_lines(struct reader r)
{
    size_t count = 0;
    for (; find_line(&r); leave_line(&r)) count++;
    return count;
}

/* One line: its first cells are inputs, the others targets. */
static int read_line(const struct reader *r, size_t inputs, size_t outputs, double *input, double *target)
{
    const char *at = r->at, *text;
    size_t length, cells = count_cells(at);
    if (cells != inputs + outputs)
        return data_error(r->err, r->path, "line %ld has %zu cells, the first one has %zu", r->line, cells, inputs + outputs);
    for (size_t i = 0; i < cells; i++) {
        char shown[CONFIG_SHOWN];
        double *place = i < inputs ? &input[i] : &target[i - inputs];
        at = next_cell(at, &text, &length);
        if (number_parse(text, length, place) && isfinite(*place)) continue;
        config_show(shown, text, length);
        return data_error(r->err, r->path, "line %ld, column %zu must be a finite number, got '%s'", r->line, i + 1, shown);
    }
    return 0;
}

static int read_lines(struct data_table *table, struct reader *r, size_t outputs)
{
    if (find_line(r) && is_header(r->at)) leave_line(r);
    size_t rows = count_lines(*r);
    if (rows == 0) return data_error(r->err, r->path, "there are no rows of numbers");
    (void)find_line(r);
    size_t cells = count_cells(r->at);
    if (cells <= outputs)
        return data_error(r->err, r->path, "line %ld has %zu cells: the last %zu are targets, and at least one input stands before them", r->line,
                          cells, outputs);
    size_t inputs = cells - outputs;
    *table = (struct data_table){rows, inputs, outputs, memory_doubles(rows * inputs), memory_doubles(rows * outputs)};
    if (table->input == NULL || table->target == NULL) return error_memory(r->err, 8.0 * (double)rows * (double)cells);
    int status = 0;
    for (size_t i = 0; i < rows && status == 0; i++, leave_line(r)) {
        (void)find_line(r);
        status = read_line(r, inputs, outputs, table->input + i * inputs, table->target + i * outputs);
    }
    return status;
}

int data_read_csv(struct data_table *table, const char *path, size_t columns, dmft_error *err)
{
    char *text = NULL;
    size_t size;
    int status = data_load(&text, &size, path, err);
    if (status < 0) return status;
    struct reader r = {.path = path, .err = err, .at = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text, .line = 1}; /* a mark of UTF-8 */
    status = strlen(text) == size ? read_lines(table, &r, columns) : data_error(err, path, "is no text: it holds a zero byte");
    free(text);
    return status;
}
