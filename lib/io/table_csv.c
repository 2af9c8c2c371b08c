/* Tables of numbers from anyone, as CSV (doc/format.md): a header line, then one line a step. Lines of '#' and empty lines are skipped.
 * The file is taken into memory whole, its lines are counted, and the cells are read in place. Cost: proportional to the file. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/trajectory.h"
#include "io/config.h"
#include "io/number.h"

enum { COLUMN_BYTES = 64 }; /* of a name, its end included, as in base/trajectory.c */
static const char errors_ending[] = "_se";

struct table {
    const char *path;
    dmft_error *err;
    char *text, *end;
    const char *at;   /* what is to be read next */
    long line;        /* of `at`, from 1 */
    const char *begin; /* of that line */
    size_t columns;
    double **column;  /* where each column's numbers go */
    int *is_error;
    double *step;
};

struct cell {
    const char *text;
    size_t length;
};

static int refuse(const struct table *t, const char *at, const char *what, const struct cell *cell)
{
    char shown[CONFIG_SHOWN] = "";
    if (cell != NULL) config_show(shown, cell->text, cell->length);
    return error_set(t->err, DMFT_ERROR_FORMAT, "%s:%ld:%ld: %s%s%s%s", t->path, t->line, (long)(at - t->begin) + 1, what,
                     cell != NULL ? ", got '" : "", shown, cell != NULL ? "'" : "");
}

/* ---- the text ---- */

static int load(struct table *t)
{
    struct stat there;
    int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), code = fd < 0 ? errno : 0;
    if (code == 0 && fstat(fd, &there) != 0) code = errno;
    if (code == 0 && S_ISDIR(there.st_mode)) code = EISDIR;
    size_t size = code == 0 ? (size_t)there.st_size : 0;
    if (code == 0 && (t->text = malloc(size + 1)) == NULL) code = ENOMEM;
    if (code == 0) code = file_read_at(fd, t->text, size, 0);
    if (fd >= 0) (void)close(fd);
    if (code == ENOMEM) return error_memory(t->err, (double)size);
    if (code != 0) return error_set(t->err, DMFT_ERROR_READ, "cannot read %s: %s", t->path, strerror(code));
    t->text[size] = '\0';
    t->end = t->text + size;
    if (strlen(t->text) == size) return DMFT_OK;
    return error_set(t->err, DMFT_ERROR_FORMAT, "%s: not a table of text: it holds a zero byte", t->path);
}

static const char *line_end(const char *c)
{
    return c + strcspn(c, "\n");
}

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static const char *skip_blanks(const char *c)
{
    while (is_blank(*c)) c++;
    return c;
}

/* Goes on to the next line that counts; 0 when there is none. */
static int next_line(struct table *t)
{
    for (; t->at < t->end; t->at = line_end(t->at) + 1) {
        t->line++;
        t->begin = t->at;
        const char *first = skip_blanks(t->at);
        if (*first != '#' && *first != '\n' && *first != '\0') return 1;
    }
    return 0;
}

/* Some programs put this mark before a text of UTF-8. */
static const char *skip_mark(const char *text) { return strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text; }

static size_t count_lines(struct table *t)
{
    size_t count = 0;
    t->at = skip_mark(t->text);
    for (; next_line(t); t->at = line_end(t->at) + 1) count++;
    t->line = 0;
    t->at = skip_mark(t->text);
    return count;
}

/* The next cell of a line, without the blanks around it; `at` goes on behind its comma, or to NULL past the last cell. */
static struct cell next_cell(const char **at)
{
    struct cell cell = {.text = skip_blanks(*at)};
    size_t length = strcspn(*at, ",\n");
    const char *end = *at + length;
    *at = *end == ',' ? end + 1 : NULL;
    while (end > cell.text && is_blank(end[-1])) end--;
    cell.length = end > cell.text ? (size_t)(end - cell.text) : 0;
    return cell;
}

static size_t count_cells(const char *line)
{
    size_t count = 1;
    for (const char *c = line; c < line_end(line); c++) count += *c == ',';
    return count;
}

/* ---- the header ---- */

/* Adds the column of this name, or the errors of an earlier one to it. */
static int add_column(struct table *t, dmft_trajectory *out, size_t i, const char *name, const char *at)
{
    size_t length = strlen(name), ending = sizeof errors_ending - 1;
    t->is_error[i] = length > ending && strcmp(name + length - ending, errors_ending) == 0;
    if (trajectory_find(out, name) != NULL) return refuse(t, at, "a second column of this name", &(struct cell){name, length});
    if (!t->is_error[i]) return trajectory_add(out, &t->column[i], TRAJECTORY_SHOWN, t->err, "%s", name);

    char base[COLUMN_BYTES];
    memcpy(base, name, length + 1);
    base[length - ending] = '\0';
    struct trajectory_series *s = trajectory_find(out, base);
    if (s == NULL) return refuse(t, at, "standard errors must come after the column that they belong to", &(struct cell){name, length});
    if (s->error != NULL) return refuse(t, at, "a second column of this name", &(struct cell){name, length});
    s->error = t->column[i] = memory_doubles(out->rows);
    return s->error != NULL ? DMFT_OK : error_memory(t->err, 8.0 * (double)out->rows);
}

static int read_header(struct table *t, dmft_trajectory *out)
{
    const char *at = t->at;
    for (size_t i = 0; i < t->columns; i++) {
        char name[COLUMN_BYTES];
        const char *begin = at;
        struct cell cell = next_cell(&at);
        if (cell.length == 0) return refuse(t, begin, "a column without a name", NULL);
        if (cell.length >= sizeof name) return refuse(t, begin, "a name of a column has at most 63 bytes", &cell);
        memcpy(name, cell.text, cell.length);
        name[cell.length] = '\0';
        int status = add_column(t, out, i, name, begin);
        if (status != DMFT_OK) return status;
        if (strcmp(name, "step") == 0) t->step = t->column[i];
    }
    return t->step != NULL ? DMFT_OK : refuse(t, t->at, "the header has no column 'step'", NULL);
}

/* ---- the rows ---- */

static int is_nan(const struct cell *cell)
{
    return cell->length == 3 && (strncmp(cell->text, "nan", 3) == 0 || strncmp(cell->text, "NaN", 3) == 0);
}

static int read_cell(const struct table *t, const char *at, const struct cell *cell, int is_error, double *value)
{
    *value = NAN;
    if (is_nan(cell)) return DMFT_OK;
    if (!number_parse(cell->text, cell->length, value) || isinf(*value)) return refuse(t, at, "must be a finite number or nan", cell);
    if (is_error && *value < 0) return refuse(t, at, "a standard error must be at least 0", cell);
    return DMFT_OK;
}

static int check_step(const struct table *t, size_t row)
{
    static const double largest = 9007199254740992.0; /* 2^53: the integers are exact up to there */
    double step = t->step[row];
    if (!isgreaterequal(step, 0.0) || step > largest || step != floor(step)) return refuse(t, t->at, "a step must be an integer >= 0", NULL);
    return row == 0 || step > t->step[row - 1] ? DMFT_OK : refuse(t, t->at, "the steps must rise", NULL);
}

static int read_row(struct table *t, size_t row)
{
    const char *at = t->at;
    size_t count = count_cells(at);
    if (count != t->columns)
        return error_set(t->err, DMFT_ERROR_FORMAT, "%s:%ld:%ld: a line of %zu cells under a header of %zu", t->path, t->line,
                         (long)(line_end(at) - t->begin) + 1, count, t->columns);
    for (size_t i = 0; i < t->columns; i++) {
        const char *begin = at;
        struct cell cell = next_cell(&at);
        int status = read_cell(t, begin, &cell, t->is_error[i], &t->column[i][row]);
        if (status != DMFT_OK) return status;
    }
    return check_step(t, row);
}

static int read_table(struct table *t, dmft_trajectory **out)
{
    int status = load(t);
    if (status != DMFT_OK) return status;
    size_t lines = count_lines(t);
    if (lines == 0) return error_set(t->err, DMFT_ERROR_FORMAT, "%s: no header line: the table is empty", t->path);
    (void)next_line(t);
    t->columns = count_cells(t->at);
    t->column = calloc(t->columns, sizeof *t->column);
    t->is_error = calloc(t->columns, sizeof *t->is_error);
    if (t->column == NULL || t->is_error == NULL) return error_memory(t->err, (double)(t->columns * sizeof *t->column));
    status = trajectory_create(out, lines - 1, t->err);
    if (status == DMFT_OK) status = read_header(t, *out);
    for (size_t row = 0; status == DMFT_OK && row < lines - 1; row++) {
        t->at = line_end(t->at) + 1;
        (void)next_line(t);
        status = read_row(t, row);
    }
    return status;
}

int dmft_trajectory_read_csv(dmft_trajectory **out, const char *path, dmft_error *err)
{
    struct table t = {.path = path, .err = err};
    dmft_trajectory *made = NULL;
    int status = read_table(&t, &made);
    free(t.text);
    free(t.column);
    free(t.is_error);
    if (status == DMFT_OK)
        *out = made;
    else
        dmft_trajectory_free(made);
    return status;
}
