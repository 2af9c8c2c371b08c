/* dmft report: results as one page of HTML that needs nothing else: settings, provenance, tables, pictures, verdicts, warnings. Files that speak of the same
 * problem stand in one section, and in one picture. */
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/outline.h"
#include "compare.h"
#include "html.h"
#include "plot.h"
#include "program.h"
#include "run.h"
#include "sweep_result.h"
#include "title.h"

enum { LONGEST_VALUE = 240, TITLE = 512 };

/* ---- files and groups ---- */

static int read_file(struct report_file *f, const char *path)
{
    f->path = path;
    int status = sweep_read_either(&f->run, &f->sweep, path);
    if (status != STATUS_DONE) return status;
    const char *kind = f->run != NULL ? dmft_trajectory_text(f->run, "kind") : dmft_sweep_text(f->sweep, "kind");
    f->config = f->run != NULL ? dmft_trajectory_text(f->run, "config") : dmft_sweep_text(f->sweep, "config");
    f->sampled = kind == NULL || strcmp(kind, "theory") != 0;
    return STATUS_DONE;
}

static int same_group(const struct report_file *a, const struct report_file *b)
{
    return (a->run != NULL) == (b->run != NULL) && a->config != NULL && b->config != NULL && compare_same_problem(a->config, b->config);
}

/* A table does not say what it is about: it goes to the theory before it, or else the first. */
static size_t group_of_table(const struct report *r, size_t at)
{
    size_t found = r->files;
    for (size_t i = 0; i < r->files; i++)
        if (r->file[i].run != NULL && !r->file[i].sampled && (i < at || found == r->files)) found = i;
    return found < r->files ? r->file[found].group : r->files;
}

static void make_groups(struct report *r)
{
    for (size_t i = 0; i < r->files; i++) {
        struct report_file *f = &r->file[i];
        if (f->config == NULL) continue;
        f->group = r->groups;
        for (size_t j = 0; j < i && f->group == r->groups; j++)
            if (same_group(f, &r->file[j])) f->group = r->file[j].group;
        r->groups += f->group == r->groups;
    }
    for (size_t i = 0; i < r->files; i++) {
        if (r->file[i].config != NULL) continue;
        r->file[i].group = group_of_table(r, i);
        if (r->file[i].group == r->files) r->file[i].group = r->groups++;
    }
}

/* The next file of a group behind `at` (at first: r->files); r->files when there is none. */
static size_t next_of_group(const struct report *r, size_t group, size_t at)
{
    for (size_t i = at == r->files ? 0 : at + 1; i < r->files; i++)
        if (r->file[i].group == group) return i;
    return r->files;
}

/* ---- settings ---- */

/* The main settings, or the first file's name where there are none. */
static void make_title(const struct report *r, size_t group, char title[TITLE])
{
    const struct report_file *f = &r->file[next_of_group(r, group, r->files)];
    title[0] = '\0';
    for (const struct title_setting *s = title_settings; f->config != NULL && s->key != NULL; s++) {
        char value[64], text[96];
        if (!outline_find(f->config, s->key, value, sizeof value)) continue;
        title_value(text, sizeof text, s->key, value);
        size_t have = strlen(title);
        (void)snprintf(title + have, TITLE - have, "%s%s", have > 0 ? ", " : "", text);
    }
    if (title[0] == '\0') (void)snprintf(title, TITLE, "%s", f->path);
}

static void write_value(FILE *out, const char *value, size_t length)
{
    size_t shown = length < LONGEST_VALUE ? length : LONGEST_VALUE;
    while (shown < length && shown > 0 && ((unsigned char)value[shown] & 0xc0) == 0x80) shown--; /* no character is cut */
    html_bytes(out, value, shown);
    if (shown < length) (void)fputs(" ..", out);
}

/* One setting: a cell for each file of the group, or one for all where they agree. */
static void write_setting(const struct report *r, size_t group, const char *key, size_t files)
{
    const char *value, *first = NULL;
    size_t length, first_length = 0, have = 0, agree = 0;
    for (size_t i = next_of_group(r, group, r->files); i < r->files; i = next_of_group(r, group, i)) {
        if (r->file[i].config == NULL || !outline_value(r->file[i].config, key, &value, &length)) continue;
        if (have++ == 0) first = value;
        if (have == 1) first_length = length;
        agree += length == first_length && memcmp(first, value, length) == 0;
    }
    (void)fputs("<tr>", r->out);
    html_cell(r->out, 1, key);
    for (size_t i = next_of_group(r, group, r->files); i < r->files; i = next_of_group(r, group, i)) {
        if (r->file[i].config == NULL) continue;
        if (agree == files)
            (void)fprintf(r->out, "<td colspan=\"%zu\"><code>", files);
        else
            (void)fputs("<td><code>", r->out);
        if (outline_value(r->file[i].config, key, &value, &length)) write_value(r->out, value, length);
        (void)fputs("</code></td>", r->out);
        if (agree == files) break;
    }
    (void)fputs("</tr>\n", r->out);
}

/* Has a file of the group before this one that setting? */
static int was_written(const struct report *r, size_t group, size_t before, const char *key)
{
    const char *value;
    size_t length;
    for (size_t i = next_of_group(r, group, r->files); i < before; i = next_of_group(r, group, i))
        if (r->file[i].config != NULL && outline_value(r->file[i].config, key, &value, &length)) return 1;
    return 0;
}

static void write_settings(const struct report *r, size_t group)
{
    size_t files = 0;
    for (size_t i = next_of_group(r, group, r->files); i < r->files; i = next_of_group(r, group, i)) files += r->file[i].config != NULL;
    if (files == 0) return;
    (void)fputs("<h3>Settings</h3>\n\n<div class=\"scroll\"><table class=\"settings\">\n", r->out);
    if (files > 1) (void)fputs("<thead><tr><th>setting</th>", r->out);
    for (size_t i = next_of_group(r, group, r->files); i < r->files && files > 1; i = next_of_group(r, group, i))
        if (r->file[i].config != NULL) html_cell(r->out, 1, r->file[i].path);
    (void)fputs(files > 1 ? "</tr></thead>\n<tbody>\n" : "<tbody>\n", r->out);
    for (size_t i = next_of_group(r, group, r->files); i < r->files; i = next_of_group(r, group, i)) {
        char key[OUTLINE_KEY] = "";
        const char *value;
        size_t length;
        for (const char *at = r->file[i].config; at != NULL && (at = outline_next(at, key, &value, &length)) != NULL;)
            if (!was_written(r, group, i, key)) write_setting(r, group, key, files);
    }
    (void)fputs("</tbody></table></div>\n", r->out);
}

/* ---- pictures ---- */

/* Draws files as `dmft plot` would, with --map or without; returns an exit status. */
static int draw(struct report *r, const char **path, size_t files, int map, const char *title)
{
    static const char *const caption[] = {"Theory as lines, samples as points with standard errors.", "Map of "};
    options o = {.command = r->o->command, .argument = path, .arguments = files, .picture = tmpfile()};
    if (map) o.value[OPTION_map] = "";
    if (o.picture == NULL) return program_error(STATUS_FAILED, "report: no temporary file: %s", strerror(errno));
    int status = plot_results(&o);
    if (status == PLOT_NOTHING)
        (void)fputs("<p>Nothing to draw: no finite numbers.</p>\n", r->out);
    else if (status == STATUS_DONE) {
        (void)fputs("<figure>\n", r->out);
        if (html_picture(r->out, o.picture, ++r->pictures, title) != 0) status = program_error(STATUS_FAILED, "report: no memory for a picture, or none came");
        (void)fprintf(r->out, "\n<figcaption>%s", caption[map]);
        html_text(r->out, map ? *path : "");
        (void)fputs("</figcaption>\n</figure>\n", r->out);
    }
    (void)fclose(o.picture);
    return status == PLOT_NOTHING ? STATUS_DONE : status;
}

/* Two axes of several numbers each: what a map can show. */
static int can_be_mapped(const dmft_sweep *s)
{
    size_t axes = 0;
    for (size_t i = 0; i < dmft_sweep_axes(s); i++) axes += dmft_sweep_axis_count(s, i) > 1;
    return axes == 2;
}

/* Sweeps: curves, and a map of each that has two axes. */
static int write_pictures(struct report *r, size_t group, const char *title)
{
    size_t files = 0;
    const char **path = calloc(r->files, sizeof *path);
    if (path == NULL) return program_error(STATUS_FAILED, "report: out of memory");
    for (size_t i = next_of_group(r, group, r->files); i < r->files; i = next_of_group(r, group, i)) path[files++] = r->file[i].path;
    int status = draw(r, path, files, 0, title);
    for (size_t i = next_of_group(r, group, r->files); i < r->files && status == STATUS_DONE; i = next_of_group(r, group, i))
        if (r->file[i].sweep != NULL && can_be_mapped(r->file[i].sweep)) status = draw(r, &r->file[i].path, 1, 1, title);
    free(path);
    return status;
}

/* ---- the page ---- */

static int write_group(struct report *r, size_t group)
{
    char title[TITLE];
    make_title(r, group, title);
    (void)fprintf(r->out, "<section id=\"problem%zu\">\n", group + 1);
    if (r->groups > 1) { /* else it is the title of the page */
        (void)fputs("<h2>", r->out);
        html_text(r->out, title);
        (void)fputs("</h2>\n", r->out);
    }
    int status = write_pictures(r, group, title);
    if (status != STATUS_DONE) return status;
    report_comparisons(r, group);
    for (size_t i = next_of_group(r, group, r->files); i < r->files; i = next_of_group(r, group, i)) {
        const struct report_file *f = &r->file[i];
        (void)fputs("<h3><code>", r->out);
        html_text(r->out, f->path);
        (void)fputs("</code>: ", r->out);
        report_kind(r->out, f);
        (void)fputs("</h3>\n", r->out);
        if (f->run != NULL)
            report_run(r, f);
        else
            report_sweep(r, f);
    }
    write_settings(r, group);
    (void)fputs("</section>\n", r->out);
    return STATUS_DONE;
}

static int write_page(struct report *r)
{
    char title[TITLE + 16] = "Results of libdmft", group[TITLE];
    make_title(r, 0, group);
    if (r->groups == 1) (void)snprintf(title, sizeof title, "%s", group);
    html_begin(r->out, title);
    (void)fprintf(r->out, "<p class=\"about\">Report of libdmft %s on", dmft_version());
    for (size_t i = 0; i < r->files; i++) {
        (void)fputs(i > 0 ? ", <code>" : " <code>", r->out);
        html_text(r->out, r->file[i].path);
        (void)fputs("</code>", r->out);
    }
    (void)fputs("</p>\n", r->out);
    int status = report_warnings(r);
    report_verdicts(r);
    for (size_t i = 0; i < r->groups && status == STATUS_DONE; i++) status = write_group(r, i);
    html_end(r->out);
    return status;
}

/* ---- the command ---- */

/* The whole page is made before the file. */
static int make_report(struct report *r)
{
    char *text = NULL;
    size_t length = 0;
    r->out = open_memstream(&text, &length);
    if (r->out == NULL) return program_error(STATUS_FAILED, "report: out of memory");
    make_groups(r);
    int status = write_page(r), lost = ferror(r->out);
    if ((fclose(r->out) != 0 || lost) && status == STATUS_DONE) status = program_error(STATUS_FAILED, "report: out of memory");
    if (status == STATUS_DONE) status = run_write(r->o, r->o->value[OPTION_output], text, length);
    free(text);
    return status;
}

static int ends_in_html(const char *path)
{
    size_t length = strlen(path);
    return (length > 5 && strcmp(path + length - 5, ".html") == 0) || (length > 4 && strcmp(path + length - 4, ".htm") == 0);
}

int command_report(const options *o)
{
    struct report r = {.o = o};
    if (!options_given(o, OPTION_output)) return program_error(STATUS_USAGE, "report: -o OUT.html is missing");
    if (!ends_in_html(o->value[OPTION_output]))
        return program_error(STATUS_USAGE, "report: the page's name must end in .html or .htm, got '%s'", o->value[OPTION_output]);
    int status = run_check_output(o, o->value[OPTION_output]);
    if (status != STATUS_DONE) return status;
    r.file = calloc(o->arguments, sizeof *r.file);
    if (r.file == NULL) return program_error(STATUS_FAILED, "report: out of memory");
    for (; r.files < o->arguments && status == STATUS_DONE; r.files++) status = read_file(&r.file[r.files], o->argument[r.files]);
    if (status == STATUS_DONE) status = make_report(&r);
    for (size_t i = 0; i < r.files; i++) {
        dmft_trajectory_free(r.file[i].run);
        dmft_sweep_free(r.file[i].sweep);
    }
    free(r.file);
    return status;
}
