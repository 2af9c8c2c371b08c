/* The part of a report on a sweep: outcomes of its points, and a table of them with the default columns at their last step. */
#include <math.h>
#include <string.h>

#include "html.h"
#include "report.h"
#include "sweep_result.h"

enum { MOST_POINTS = 200, MOST_COLUMNS = 12 };

/* How many points have come to what. */
static void write_outcomes(FILE *out, const dmft_sweep *s)
{
    static const int status[] = {DMFT_POINT_DONE, DMFT_POINT_DIVERGED, DMFT_POINT_FAILED, DMFT_POINT_REFUSED, DMFT_POINT_MISSING};
    (void)fputs("<div class=\"scroll\"><table class=\"outcomes\">\n<thead><tr><th>points</th><th class=\"number\">number</th></tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < sizeof status / sizeof *status; i++) {
        size_t count = 0;
        for (size_t p = 0; p < dmft_sweep_points(s); p++) count += dmft_sweep_status(s, p) == status[i];
        if (count > 0) (void)fprintf(out, "<tr><td>%s</td><td class=\"number\">%zu</td></tr>\n", dmft_point_text(status[i]), count);
    }
    (void)fputs("</tbody></table></div>\n", out);
}

/* Is it one of the columns of the table? `column` counts. */
static int is_column(const dmft_sweep *s, size_t series, size_t *column)
{
    return dmft_sweep_series_shown(s, series) && strcmp(dmft_sweep_series_name(s, series), "time") != 0 && (*column)++ < MOST_COLUMNS;
}

static void write_head(FILE *out, const dmft_sweep *s)
{
    (void)fputs("<thead><tr>", out);
    for (size_t i = 0; i < dmft_sweep_axes(s); i++) {
        (void)fputs(dmft_sweep_axis_numbers(s, i) != NULL ? "<th class=\"number\">" : "<th>", out);
        html_text(out, dmft_sweep_axis_key(s, i));
        (void)fputs("</th>", out);
    }
    (void)fputs("<th>outcome</th>", out);
    for (size_t i = 0, column = 0; i < dmft_sweep_series_count(s); i++) {
        if (!is_column(s, i, &column)) continue;
        (void)fputs("<th class=\"number\">", out);
        html_text(out, dmft_sweep_series_name(s, i));
        (void)fputs("</th>", out);
    }
    (void)fputs("</tr></thead>\n", out);
}

static void write_axis(FILE *out, const dmft_sweep *s, size_t axis, size_t point)
{
    size_t index = dmft_sweep_index(s, axis, point);
    const double *number = dmft_sweep_axis_numbers(s, axis);
    if (number != NULL)
        html_number(out, number[index], NAN);
    else
        html_cell(out, 0, dmft_sweep_axis_text(s, axis, index));
}

static void write_point(FILE *out, const dmft_sweep *s, size_t point)
{
    int status = dmft_sweep_status(s, point);
    (void)fputs("<tr>", out);
    for (size_t i = 0; i < dmft_sweep_axes(s); i++) write_axis(out, s, i, point);
    (void)fprintf(out, "<td class=\"outcome\">%s", dmft_point_text(status));
    if (dmft_sweep_diverged_at(s, point) >= 0) (void)fprintf(out, " at step %ld", dmft_sweep_diverged_at(s, point));
    if (*dmft_sweep_message(s, point) != '\0') {
        (void)fputs(": ", out);
        html_text(out, dmft_sweep_message(s, point));
    }
    (void)fputs("</td>", out);
    for (size_t i = 0, column = 0; i < dmft_sweep_series_count(s); i++) {
        const char *name = dmft_sweep_series_name(s, i);
        if (!is_column(s, i, &column)) continue;
        const double *error = dmft_sweep_errors(s, name);
        html_number(out, sweep_value(s, dmft_sweep_series(s, name), point, -1), error != NULL ? sweep_value(s, error, point, -1) : NAN);
    }
    (void)fputs("</tr>\n", out);
}

void report_sweep(const struct report *r, const struct report_file *f)
{
    const dmft_sweep *s = f->sweep;
    size_t points = dmft_sweep_points(s), shown = points < MOST_POINTS ? points : MOST_POINTS;
    report_provenance(r->out, f);
    write_outcomes(r->out, s);
    (void)fprintf(r->out, "<details%s><summary>Points, at their last step</summary>\n<div class=\"scroll\"><table class=\"points\">\n",
                  points <= 30 ? " open=\"open\"" : "");
    write_head(r->out, s);
    (void)fputs("<tbody>\n", r->out);
    for (size_t p = 0; p < shown; p++) write_point(r->out, s, p);
    (void)fputs("</tbody></table></div>\n", r->out);
    if (points > shown) (void)fprintf(r->out, "<p>And %zu more: <code>dmft show</code> has all.</p>\n", points - shown);
    (void)fputs("</details>\n", r->out);
}
