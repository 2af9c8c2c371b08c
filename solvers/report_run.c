/* The part of a report on one run: where it was made, default columns at a few rows, escapes, numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/trajectory.h"
#include "compare.h"
#include "escape.h"
#include "html.h"
#include "program.h"
#include "report.h"

enum { SHOWN_ROWS = 6, ACROSS = 3 /* numbers side by side */ };

static const char *text_of(const struct report_file *f, const char *name)
{
    return f->run != NULL ? dmft_trajectory_text(f->run, name) : dmft_sweep_text(f->sweep, name);
}

void report_kind(FILE *out, const struct report_file *f)
{
    const char *kind = text_of(f, "kind"), *model = text_of(f, "model");
    (void)fputs(f->sweep != NULL ? "sweep of " : "", out);
    html_text(out, kind == NULL ? "table of samples" : f->sampled ? "sampled networks" : "theory");
    if (model == NULL) return;
    (void)fputs(", model <code>", out);
    html_text(out, model);
    (void)fputs("</code>", out);
}

void report_provenance(FILE *out, const struct report_file *f)
{
    static const char *const fact[][2] = {{"version", "version"}, {"git", "git"},   {"command_line", "command line"}, {"date", "date"},
                                          {"host", "host"},       {"blas", "BLAS"}, {"compiler", "compiler"},         {"threads", "threads"},
                                          {"elapsed_seconds", "elapsed"}};
    (void)fputs("<div class=\"scroll\"><table class=\"provenance\"><tbody>\n", out);
    for (size_t i = 0; i < sizeof fact / sizeof *fact; i++) {
        const char *text = text_of(f, fact[i][0]);
        char seconds[SECONDS_TEXT];
        if (text == NULL) continue;
        if (strcmp(fact[i][0], "elapsed_seconds") == 0) {
            format_seconds(seconds, strtod(text, NULL));
            text = seconds;
        }
        (void)fputs("<tr>", out);
        html_cell(out, 1, fact[i][1]);
        (void)fputs("<td><code>", out);
        html_text(out, text);
        (void)fputs("</code></td></tr>\n", out);
    }
    (void)fputs("</tbody></table></div>\n", out);
}

/* ---- series ---- */

/* Is anything recorded in this row? */
static int has_numbers(const dmft_trajectory *t, size_t row)
{
    for (size_t i = 0; i < t->series_count; i++)
        if (t->series[i].shown && !trajectory_is_place(t->series[i].name) && isfinite(t->series[i].value[row])) return 1;
    return 0;
}

/* The rows that are shown. */
struct rows {
    size_t at[SHOWN_ROWS], count;
};

/* Some of those that have numbers, the first and the last of these among them. */
static struct rows choose_rows(const dmft_trajectory *t)
{
    struct rows chosen = {.count = 0};
    size_t full = 0, seen = 0;
    for (size_t row = 0; row < t->rows; row++) full += (size_t)has_numbers(t, row);
    for (size_t row = 0; row < t->rows; row++)
        if (has_numbers(t, row) && compare_is_sampled(seen++, full, SHOWN_ROWS)) chosen.at[chosen.count++] = row;
    return chosen;
}

static void write_series(FILE *out, const dmft_trajectory *t, const struct rows *rows, const char *name, int head)
{
    const double *value = dmft_trajectory_series(t, name), *error = dmft_trajectory_errors(t, name);
    (void)fputs("<tr>", out);
    html_cell(out, 1, name);
    for (size_t i = 0; i < rows->count; i++)
        if (head)
            (void)fprintf(out, "<th class=\"number\">%.6g</th>", value[rows->at[i]]);
        else
            html_number(out, value[rows->at[i]], error != NULL ? error[rows->at[i]] : NAN);
    (void)fputs("</tr>\n", out);
}

static void write_table(FILE *out, const dmft_trajectory *t)
{
    static const char *const place[] = {"step", "time"};
    const struct rows rows = choose_rows(t);
    (void)fputs("<div class=\"scroll\"><table class=\"series\">\n<thead>\n", out);
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        if (dmft_trajectory_series(t, place[i]) != NULL) write_series(out, t, &rows, place[i], 1);
    (void)fputs("</thead>\n<tbody>\n", out);
    for (size_t i = 0; i < dmft_trajectory_series_count(t); i++) {
        const char *name = dmft_trajectory_series_name(t, i);
        if (dmft_trajectory_series_shown(t, i) && !trajectory_is_place(name)) write_series(out, t, &rows, name, 0);
    }
    (void)fputs("</tbody></table></div>\n", out);
}

/* ---- escapes and numbers ---- */

static void write_escapes(FILE *out, const dmft_trajectory *t)
{
    struct escape e;
    char step[ESCAPE_TEXT];
    if (!escape_at(t, 0, &e)) return;
    (void)fputs("<h4>Outliers leave the bulk</h4>\n<div class=\"scroll\"><table class=\"escapes\">\n<thead><tr><th>matrix</th><th class=\"number\">outlier</th>"
                "<th class=\"number\">escape step</th><th class=\"number\">escape time</th></tr></thead>\n<tbody>\n",
                out);
    for (size_t i = 0; escape_at(t, i, &e); i++) {
        (void)fputs("<tr>", out);
        html_cell(out, 0, e.matrix);
        html_number(out, e.outlier, NAN);
        escape_describe(&e, step);
        (void)fprintf(out, "<td class=\"number\">%s</td>", step);
        html_number(out, e.time, e.error);
        (void)fputs("</tr>\n", out);
    }
    (void)fputs("</tbody></table></div>\n", out);
}

/* Those that the table of escapes has not. */
static int is_listed(const char *name) { return strstr(name, "escape_") == NULL; }

static void write_numbers(FILE *out, const dmft_trajectory *t)
{
    size_t written = 0;
    for (size_t i = 0; i < t->number_count; i++) {
        if (!is_listed(t->number[i].name)) continue;
        if (written == 0) (void)fputs("<details><summary>Numbers</summary>\n<div class=\"scroll\"><table class=\"numbers\"><tbody>\n", out);
        (void)fputs(written % ACROSS == 0 ? "<tr>" : "", out);
        html_cell(out, 1, t->number[i].name);
        html_number(out, t->number[i].value, NAN);
        written++;
        (void)fputs(written % ACROSS == 0 ? "</tr>\n" : "", out);
    }
    if (written > 0) (void)fprintf(out, "%s</tbody></table></div></details>\n", written % ACROSS == 0 ? "" : "</tr>\n");
}

void report_run(const struct report *r, const struct report_file *f)
{
    long diverged = dmft_trajectory_diverged_at(f->run);
    (void)fprintf(r->out, "<p>%zu rows", dmft_trajectory_rows(f->run));
    if (diverged >= 0) (void)fprintf(r->out, "; <span class=\"fails\">diverged at step %ld</span>", diverged);
    (void)fputs("</p>\n", r->out);
    if (f->config != NULL) report_provenance(r->out, f);
    write_table(r->out, f->run);
    if (f->config != NULL) write_escapes(r->out, f->run);
    write_numbers(r->out, f->run);
}
