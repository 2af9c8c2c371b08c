/* The part of a report that holds samples against theory, as `dmft compare` does. */
#include <math.h>

#include "compare.h"
#include "html.h"
#include "report.h"

enum { MOST_ROWS = 40 };

static void write_names(FILE *out, const struct report_file *theory, const struct report_file *sample)
{
    (void)fputs("<code>", out);
    html_text(out, theory->path);
    (void)fputs("</code> and <code>", out);
    html_text(out, sample->path);
    (void)fputs("</code>", out);
}

/* The verdict; `c` NULL: they could not be compared, and `why` tells. */
static void write_verdict(FILE *out, const dmft_comparison *c, const char *why)
{
    if (c == NULL) {
        (void)fputs("<span class=\"none\">not compared</span> ", out);
        html_text(out, why);
        return;
    }
    struct compare_outcome sum = compare_sum_up(c);
    int holds = dmft_comparison_holds(c);
    (void)fprintf(out, "<span class=\"%s\">%s</span> %zu numbers, %zu outside; worst: %.2f of what is allowed, ", holds ? "holds" : "fails",
                  holds ? "holds" : "does not hold", sum.count, sum.outside, sum.worst_part);
    html_text(out, sum.worst->series);
    (void)fprintf(out, " at step %ld", sum.worst->step);
}

static void write_row(FILE *out, const dmft_comparison_row *row)
{
    (void)fputs("<tr>", out);
    html_cell(out, 0, row->series);
    html_number(out, (double)row->step, NAN);
    html_number(out, row->theory, NAN);
    html_number(out, row->mean, row->se);
    html_number(out, row->z, NAN);
    html_number(out, row->bound, NAN);
    (void)fputs("</tr>\n", out);
}

static void write_failures(FILE *out, const dmft_comparison *c)
{
    size_t count, written = 0, outside = compare_sum_up(c).outside;
    const dmft_comparison_row *row = dmft_comparison_rows(c, &count);
    if (outside == 0) return;
    (void)fputs("<div class=\"scroll\"><table class=\"outside\">\n<thead><tr><th>outside</th><th class=\"number\">step</th><th class=\"number\">theory</th>"
                "<th class=\"number\">samples</th><th class=\"number\">z</th><th class=\"number\">allowed</th></tr></thead>\n<tbody>\n",
                out);
    for (size_t i = 0; i < count && written < MOST_ROWS; i++) {
        if (row[i].holds) continue;
        write_row(out, &row[i]);
        written++;
    }
    (void)fputs("</tbody></table></div>\n", out);
    if (outside > written) (void)fprintf(out, "<p>And %zu more.</p>\n", outside - written);
}

static void write_details(FILE *out, const dmft_comparison *c)
{
    struct compare_outcome sum = compare_sum_up(c);
    (void)fprintf(out, "<p>Allowed: |theory - mean| up to %.4g standard errors and the allowance for finite size. Largest |z|: %.2f, ",
                  dmft_comparison_quantile(c), fabs(sum.largest->z));
    html_text(out, sum.largest->series);
    (void)fprintf(out, " at step %ld. Skipped, as one side has no number or the edge of the bulk is too near: %zu.</p>\n", sum.largest->step,
                  dmft_comparison_skipped(c));
    write_failures(out, c);
}

static void write_pair(FILE *out, const struct report_file *theory, const struct report_file *sample, int brief)
{
    dmft_error err;
    dmft_comparison *c = NULL;
    int status = dmft_compare(theory->run, sample->run, NULL, &c, &err);
    (void)fputs("<p class=\"verdict\">", out);
    write_names(out, theory, sample);
    (void)fputs(": ", out);
    write_verdict(out, c, status == DMFT_OK ? "" : err.text);
    if (c != NULL && compare_has_few_seeds(sample->run))
        (void)fprintf(out, "; samples of %.0f seeds test little", dmft_trajectory_number(sample->run, "seeds"));
    (void)fputs("</p>\n", out);
    if (c != NULL && !brief) write_details(out, c);
    dmft_comparison_free(c);
}

/* All pairs of a theory and samples in a group; returns how many there are. */
static size_t each_pair(const struct report *r, size_t group, int brief)
{
    size_t pairs = 0;
    for (size_t i = 0; i < r->files; i++)
        for (size_t j = 0; j < r->files; j++) {
            const struct report_file *theory = &r->file[i], *sample = &r->file[j];
            if (theory->group != group || sample->group != group || theory->run == NULL || sample->run == NULL) continue;
            if (theory->sampled || !sample->sampled) continue;
            if (pairs++ == 0 && !brief) (void)fputs("<h3>Theory against samples</h3>\n", r->out);
            write_pair(r->out, theory, sample, brief);
        }
    return pairs;
}

void report_verdicts(const struct report *r)
{
    for (size_t group = 0; group < r->groups; group++) (void)each_pair(r, group, 1);
}

void report_comparisons(const struct report *r, size_t group) { (void)each_pair(r, group, 0); }
