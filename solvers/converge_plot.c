/* The picture of `dmft converge`: the error of each level against step, width or number of networks, both axes logarithmic, and a line of the
 * nominal slope. In step the error of a level is that which (S7) gives from the level before. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "converge.h"
#include "gnuplot.h"
#include "program.h"

struct figure {
    const struct converge *s;
    FILE *script;
};

/* The error of level i of a line that begins at level `first`; nan where there is none. */
static double error_at(const struct converge *s, const struct converge_row *row, size_t i)
{
    const dmft_convergence *c = &row->c;
    size_t missing = s->in == CONVERGE_STEP ? s->levels - c->levels : 0;
    if (i < missing) return NAN;
    double divisor = s->in == CONVERGE_STEP && c->nominal > 0.0 ? exp2(c->nominal) - 1.0 : 1.0;
    return c->size[i - missing] / divisor;
}

static int is_drawn(const struct converge *s, const struct converge_row *row)
{
    size_t points = 0;
    if (s->in != CONVERGE_STEP && row->c.verdict == DMFT_CONVERGENCE_UNRESOLVED) return 0; /* errors that their own hide */
    for (size_t i = 0; i < s->levels; i++)
        if (isgreater(error_at(s, row, i), 0.0)) points++;
    return points > 1;
}

static size_t write_data(const struct converge *s, FILE *script)
{
    size_t curves = 0;
    for (size_t j = 0; j < s->rows; j++) {
        if (!is_drawn(s, &s->row[j])) continue;
        (void)fprintf(script, "$d%zu << EOD\n", j);
        for (size_t i = 0; i < s->levels; i++)
            if (isgreater(error_at(s, &s->row[j], i), 0.0)) (void)fprintf(script, "%.9g %.9g\n", s->setting[i], error_at(s, &s->row[j], i));
        (void)fputs("EOD\n", script);
        curves++;
    }
    return curves;
}

/* The largest error that is drawn, at the coarsest level that has one. */
static double anchor(const struct converge *s, double *x)
{
    for (size_t i = 0; i < s->levels; i++) {
        double largest = 0.0;
        for (size_t j = 0; j < s->rows; j++)
            if (is_drawn(s, &s->row[j])) largest = fmax(largest, error_at(s, &s->row[j], i));
        *x = s->setting[i];
        if (largest > 0.0) return largest;
    }
    return 1.0;
}

static void write_axes(const struct figure *f, const char *terminal, const char *file)
{
    static const char *const ordinate[] = {
        [CONVERGE_STEP] = "error (rms over times)", [CONVERGE_WIDTH] = "error of one network (rms)", [CONVERGE_SEEDS] = "standard error (rms)"};
    const double *x = f->s->setting;
    size_t n = f->s->levels, first = f->s->in == CONVERGE_STEP; /* a difference from the level before: level 0 has none */
    (void)fprintf(f->script, "set encoding utf8\nset terminal %s\nset output ", terminal);
    gnuplot_string(f->script, file);
    (void)fputs("\nset logscale xy\nset grid lt 1 lw 0.5 lc rgb '#dddddd'\nset format y '10^{%L}'\nset border 3\nset tics nomirror\n"
                "set key outside right top noenhanced samplen 2.5 spacing 1.2 Left reverse\nset xtics rotate by 30 right (",
                f->script);
    for (size_t i = first; i < n; i++) (void)fprintf(f->script, "%s'%.4g' %.9g", i > first ? ", " : "", x[i], x[i]);
    (void)fputs(")\nset xlabel ", f->script);
    gnuplot_string(f->script, f->s->parameter);
    (void)fprintf(f->script, " noenhanced\nset ylabel '%s'\nset xrange [%.9g:%.9g]\n", ordinate[f->s->in], 0.8 * fmin(x[first], x[n - 1]),
                  1.25 * fmax(x[first], x[n - 1]));
}

static void write_plots(void *figure, const char *terminal, const char *file)
{
    static const int shape[] = {7, 5, 9, 13, 6, 4, 8, 12};
    const struct figure *f = figure;
    const struct converge *s = f->s;
    const char *separator = "plot ";
    double x, y = anchor(s, &x), order = s->rows > 0 ? s->row[0].c.nominal : 1.0;
    write_axes(f, terminal, file);
    for (size_t j = 0, drawn = 0; j < s->rows; j++) {
        if (!is_drawn(s, &s->row[j])) continue;
        (void)fprintf(f->script, "%s$d%zu using 1:2 with linespoints lc rgb '%s' pt %d ps 0.9 lw 1.6 title ", separator, j, gnuplot_colour(drawn),
                      shape[drawn / 7 % (sizeof shape / sizeof *shape)]);
        gnuplot_string(f->script, s->row[j].name);
        separator = ", \\\n  ";
        drawn++;
    }
    if (order > 0.0)
        (void)fprintf(f->script, "%s%.9g*(x/%.9g)**(%g) with lines lc rgb '#888888' lw 1.5 dt 2 title 'order %g'", separator, 2.0 * y, x,
                      s->in == CONVERGE_STEP ? order : -order, order);
    (void)fputs("\nset output\n", f->script);
}

int converge_plot(const struct converge *s, const char *path)
{
    struct figure f = {.s = s, .script = tmpfile()};
    if (f.script == NULL) return program_error(STATUS_FAILED, "converge: no temporary file: %s", strerror(errno));
    int status = STATUS_DONE;
    if (write_data(s, f.script) > 0)
        status = gnuplot_draw(s->o, path, f.script, write_plots, &f);
    else
        (void)fprintf(stderr, "dmft: warning: nothing to draw in %s: no line has two errors above 0\n", path);
    (void)fclose(f.script);
    return status;
}
