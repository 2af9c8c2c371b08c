/* The figure of `dmft spectrum`: of each matrix the histogram of its singular values, the fitted density, the edge and the outliers, a panel each. With --top,
 * where there is no histogram, a tick for each value that is known. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gnuplot.h"
#include "program.h"
#include "spectrum.h"

enum { CURVE = 400, LEAST_BINS = 10, MOST_BINS = 100, MOST_LISTED = 4 };
/* The axis over the highest bar, for the legend: in two rows of panels, in more. Lines end at 1.1. */
static const double headroom = 1.6, low_headroom = 2.4;
static const double farthest = 3; /* edges to the right that are drawn; outliers beyond are listed, so that the bulk keeps its room */

struct figure {
    const struct spectrum_report *r;
    FILE *script;
    double *height; /* of each panel's curve */
    double *right;  /* end of each panel's axis */
};

static int is_whole(const dmft_spectrum_summary *m) { return m->count == (m->rows < m->columns ? m->rows : m->columns); }

/* ---- data ---- */

/* Heights of bins of equal width over the values of the bulk, of integral 1. */
static void write_histogram(struct figure *f, size_t i, const dmft_spectrum_summary *m, const double *z)
{
    size_t n = m->count - m->outliers, counts[MOST_BINS] = {0};
    double low = n > 0 ? z[m->count - 1] : 0, high = n > 0 ? z[m->outliers] : 0;
    if (!(high > low)) {
        low = 0.9 * high - (high > 0 ? 0 : 0.5);
        high = 1.1 * high + (high > 0 ? 0 : 0.5);
    }
    size_t bins = (size_t)(1.5 * sqrt((double)n));
    bins = bins < LEAST_BINS ? LEAST_BINS : bins > MOST_BINS ? MOST_BINS : bins;
    double width = (high - low) / (double)bins;
    for (size_t j = m->outliers; j < m->count; j++) {
        size_t bin = (size_t)((z[j] - low) / width);
        counts[bin < bins ? bin : bins - 1]++;
    }
    (void)fprintf(f->script, "$h%zu << EOD\n", i);
    for (size_t b = 0; b < bins; b++) {
        double height = n > 0 ? (double)counts[b] / ((double)n * width) : 0;
        (void)fprintf(f->script, "%.9g %.9g %.9g\n", low + ((double)b + 0.5) * width, height, width);
        f->height[i] = fmax(f->height[i], height);
    }
    (void)fputs("EOD\n", f->script);
}

/* Points closer at the edges, where the density rises as a root. The square matrix's does not vanish at 0. */
static void write_density(struct figure *f, size_t i, const dmft_spectrum_summary *m, const dmft_spectrum *s)
{
    static const double pi = 3.14159265358979323846;
    double middle = 0.5 * (m->edges[0] + m->edges[1]), half = 0.5 * (m->edges[1] - m->edges[0]);
    (void)fprintf(f->script, "$c%zu << EOD\n", i);
    for (size_t k = 0; k <= CURVE; k++) {
        double z = middle - half * cos(pi * (double)k / CURVE), inside = middle - half * cos(pi * fmax((double)k, 0.02) / CURVE);
        double p = dmft_spectrum_density(s, k == 0 && m->rows == m->columns ? inside : z);
        (void)fprintf(f->script, "%.9g %.9g\n", z, p);
        f->height[i] = fmax(f->height[i], p);
    }
    (void)fputs("EOD\n", f->script);
}

static void write_marks(struct figure *f, size_t i, const dmft_spectrum_summary *m, const double *z)
{
    double stem = 0.2 * f->height[i];
    (void)fprintf(f->script, "$o%zu << EOD\n", i);
    for (size_t j = 0; j < m->outliers; j++)
        if (z[j] <= f->right[i]) (void)fprintf(f->script, "%.9g %.9g\n", z[j], stem);
    (void)fprintf(f->script, "EOD\n$k%zu << EOD\n", i);
    for (size_t j = m->outliers; j < m->count && !is_whole(m); j++) (void)fprintf(f->script, "%.9g %.9g\n", z[j], 0.5 * stem);
    (void)fputs("EOD\n", f->script);
}

static void write_data(struct figure *f, size_t i)
{
    const dmft_spectrum *s = f->r->item[i].s;
    dmft_spectrum_summary m = dmft_spectrum_summarize(s);
    const double *z = dmft_spectrum_values(s);
    double edge = fmax(m.edges[1], isfinite(m.threshold) ? m.threshold : 0), largest = fmax(z[0], edge);
    f->right[i] = edge > 0 ? fmin(1.07 * largest, farthest * edge) : 1.07 * largest;
    if (!(f->right[i] > 0)) f->right[i] = 1;
    if (is_whole(&m)) write_histogram(f, i, &m, z);
    if (m.variance > 0) write_density(f, i, &m, s);
    if (!(f->height[i] > 0)) f->height[i] = 1;
    write_marks(f, i, &m, z);
}

/* ---- the script ---- */

/* "beyond: 12.3, 9.8 and 3 more", or nothing. */
static void write_beyond(const struct figure *f, size_t i, const dmft_spectrum_summary *m, const double *z)
{
    char text[256] = "beyond: ";
    size_t beyond = 0;
    while (beyond < m->outliers && z[beyond] > f->right[i]) beyond++;
    if (beyond == 0) return;
    for (size_t j = 0; j < beyond && j < MOST_LISTED; j++) {
        size_t have = strlen(text);
        (void)snprintf(text + have, sizeof text - have, "%s%.4g", j > 0 ? ", " : "", z[j]);
    }
    size_t have = strlen(text);
    if (beyond > MOST_LISTED) (void)snprintf(text + have, sizeof text - have, " and %zu more", beyond - MOST_LISTED);
    (void)fputs("set label 1 ", f->script);
    gnuplot_string(f->script, text);
    (void)fprintf(f->script, " at graph 0.985, graph 0.08 right tc rgb '%s' noenhanced\n", gnuplot_colour(1));
}

static void write_line(const struct figure *f, const char *dash, const char *title)
{
    (void)fprintf(f->script, ", \\\n  '-' using 1:2 with lines lc rgb '%s' lw 1.6 dt %s title '%s'", gnuplot_colour(6), dash, title);
}

static void write_panel(const struct figure *f, size_t i)
{
    const struct spectrum_item *item = &f->r->item[i];
    dmft_spectrum_summary m = dmft_spectrum_summarize(item->s);
    const double *z = dmft_spectrum_values(item->s), top = 1.1 * f->height[i];
    const char *separator = "plot ";
    char title[SPECTRUM_NAME + 64], name[SPECTRUM_NAME];
    const char *folder = strrchr(item->file, '/');
    struct spectrum_item short_named = *item;
    if (folder != NULL) short_named.file = folder + 1;
    spectrum_name(name, &short_named);
    (void)snprintf(title, sizeof title, "%s, %zu x %zu", name, item->rows, item->columns);
    (void)fputs("unset label 1\nset title ", f->script);
    gnuplot_string(f->script, title);
    (void)fprintf(f->script, " noenhanced\nset xrange [0:%.9g]\nset yrange [0:%.9g]\n", f->right[i],
                  (f->r->items > 4 ? low_headroom : headroom) * f->height[i]);
    write_beyond(f, i, &m, z);
    if (is_whole(&m)) {
        (void)fprintf(f->script, "%s$h%zu using 1:2:3 with boxes fs solid 0.35 noborder lc rgb '%s' title 'singular values'", separator, i,
                      gnuplot_colour(5));
        separator = ", \\\n  ";
    }
    if (m.variance > 0) {
        (void)fprintf(f->script, "%s$c%zu using 1:2 with lines lc rgb '%s' lw 2.4 title 'Marchenko-Pastur, %s'", separator, i, gnuplot_colour(0),
                      f->r->fitted ? "fitted" : "given variance");
        separator = ", \\\n  ";
        write_line(f, "'- '", "edge");
        if (isfinite(m.threshold)) write_line(f, "'.'", "outliers are above");
    }
    if (!is_whole(&m)) {
        (void)fprintf(f->script, "%s$k%zu using 1:2 with impulses lc rgb '%s' lw 1.5 title 'the largest singular values'", separator, i, gnuplot_colour(5));
        separator = ", \\\n  ";
    }
    if (m.outliers > 0 && z[m.outliers - 1] <= f->right[i])
        (void)fprintf(f->script, "%s$o%zu using 1:2 with impulses lc rgb '%s' lw 2 notitle, '' using 1:2 with points lc rgb '%s' pt 7 title 'outliers'",
                      separator, i, gnuplot_colour(1), gnuplot_colour(1));
    (void)fputc('\n', f->script);
    if (m.variance > 0) {
        (void)fprintf(f->script, "%.9g 0\n%.9g %.9g\ne\n", m.edges[1], m.edges[1], top);
        if (isfinite(m.threshold)) (void)fprintf(f->script, "%.9g 0\n%.9g %.9g\ne\n", m.threshold, m.threshold, top);
    }
}

static void write_figure(void *figure, const char *terminal, const char *file)
{
    const struct figure *f = figure;
    size_t n = f->r->items, columns = n <= 2 ? 1 : n <= 6 ? 2 : 3, rows = (n + columns - 1) / columns;
    (void)fprintf(f->script, "set encoding utf8\nset terminal %s\nset output ", terminal);
    gnuplot_string(f->script, file);
    (void)fprintf(f->script,
                  "\nset grid lt 1 lw 0.5 lc rgb '#dddddd'\nset xlabel 'singular value'\nset ylabel 'density of the bulk'\nset key inside right top noenhanced "
                  "samplen 2 spacing 1.1%s\nset tics nomirror\nset border 3\nset multiplot layout %zu,%zu\n",
                  columns > 1 ? " font ',11'" : "", rows, columns);
    for (size_t i = 0; i < n; i++) write_panel(f, i);
    (void)fputs("unset multiplot\nset output\n", f->script);
}

int spectrum_plot(const options *o, const struct spectrum_report *r)
{
    struct figure f = {.r = r, .script = tmpfile(), .height = calloc(r->items, sizeof *f.height), .right = calloc(r->items, sizeof *f.right)};
    int status = STATUS_FAILED;
    if (f.script == NULL || f.height == NULL || f.right == NULL)
        (void)program_error(STATUS_FAILED, "spectrum: no memory or no temporary file: %s", strerror(errno));
    else {
        for (size_t i = 0; i < r->items; i++) write_data(&f, i);
        status = gnuplot_draw(o, o->value[OPTION_output], f.script, write_figure, &f);
    }
    if (f.script != NULL) (void)fclose(f.script);
    free(f.height);
    free(f.right);
    return status;
}
