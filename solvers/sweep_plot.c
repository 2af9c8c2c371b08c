/* dmft plot of sweeps. A panel a quantity: a series at one step, or a number of each point, over one axis, with a curve for each combination of
 * the others; or a series against the step, with a curve a point; or a heat map over two axes. Theory is drawn as lines, sampled networks as
 * points with error bars in the same colours. A script with the data in it is made and given to gnuplot. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/outline.h"
#include "gnuplot.h"
#include "plot.h"
#include "io/number.h"
#include "sweep_result.h"
#include "title.h"

enum { MOST_CURVES = 1000, MOST_PANELS = 12, MOST_ON_LINE = 2000, MOST_MARKS = 30, MOST_IN_LEGEND = 40, FEW = 9, NAME = 64, LABEL = 160 };

enum mode { OVER_AXIS, AGAINST_STEP, MAP };

struct curve {
    size_t panel, label, pattern; /* label: of what its colour stands for */
    int sampled, edge, titled;
};

struct figure {
    const options *o;
    const struct sweep_source *source;
    size_t sources;
    FILE *script;
    enum mode mode;
    long step;
    char over[NAME];                     /* the key of the abscissa */
    char panel[MOST_PANELS][NAME];
    double least[MOST_PANELS], most[MOST_PANELS]; /* of what is drawn */
    double low, high;                    /* the range of the ordinate; low = high: that of the numbers */
    size_t panels;
    char (*label)[LABEL];                /* MOST_CURVES of them */
    size_t labels;
    struct curve *curve;                 /* likewise */
    size_t curves, left_out;
    size_t second;                       /* MAP: the axis upwards */
};

/* ---- quantities ---- */

static int is_known(const dmft_sweep *s, const char *name)
{
    return strcmp(name, "diverged") == 0 || dmft_sweep_series(s, name) != NULL || dmft_sweep_numbers(s, name) != NULL;
}

static int is_loss(const char *name) { return strstr(name, "loss") != NULL; }

/* A quantity of a point: of a series the number at the step, or at the last of those that went to the end; of other numbers that of the point, where
 * -1 stands for an escape that did not come. */
static double quantity(const struct figure *f, const dmft_sweep *s, const char *name, size_t point)
{
    int outcome = dmft_sweep_status(s, point);
    const double *series = dmft_sweep_series(s, name), *number = dmft_sweep_numbers(s, name);
    if (strcmp(name, "diverged") == 0) return outcome == DMFT_POINT_DIVERGED ? 1.0 : outcome == DMFT_POINT_DONE ? 0.0 : NAN;
    if (series != NULL) return f->step >= 0 || outcome == DMFT_POINT_DONE ? sweep_value(s, series, point, f->step) : NAN;
    if (number == NULL) return NAN;
    return strstr(name, "_escape_") != NULL && isless(number[point], 0) ? NAN : number[point];
}

static double quantity_error(const struct figure *f, const dmft_sweep *s, const char *name, size_t point)
{
    char se[NAME + 4];
    (void)snprintf(se, sizeof se, "%s_se", name);
    const double *number = dmft_sweep_numbers(s, se);
    double error = number != NULL ? number[point] : sweep_value(s, dmft_sweep_errors(s, name), point, f->step);
    return isfinite(error) ? error : 0.0;
}

static int can_be_drawn(double value, const char *name) { return isfinite(value) && (!is_loss(name) || isgreater(value, 0)); }

/* ---- axes ---- */

/* The axis of the abscissa in this sweep; the number of axes when it has none. */
static size_t over_axis(const struct figure *f, const dmft_sweep *s)
{
    size_t i = 0;
    while (i < dmft_sweep_axes(s) && strcmp(dmft_sweep_axis_key(s, i), f->over) != 0) i++;
    return i;
}

/* Words stand at 1, 2, .. */
static double position(const dmft_sweep *s, size_t axis, size_t index)
{
    const double *number = dmft_sweep_axis_numbers(s, axis);
    return number != NULL ? number[index] : (double)index + 1;
}

/* Numbers above 0 over a decade or more. */
static int is_logarithmic(const dmft_sweep *s, size_t axis)
{
    const double *number = dmft_sweep_axis_numbers(s, axis);
    double least = INFINITY, most = 0;
    for (size_t k = 0; number != NULL && k < dmft_sweep_axis_count(s, axis); k++) {
        least = fmin(least, number[k]);
        most = fmax(most, number[k]);
    }
    return number != NULL && least > 0 && most >= 10 * least;
}

static void axis_title(char *out, size_t bytes, const char *key)
{
    char symbol[NAME] = "";
    const char *dot = strrchr(key, '.'), *name = dot != NULL ? dot + 1 : key;
    for (const struct title_setting *t = title_settings; t->key != NULL; t++)
        if (strcmp(t->key, key) == 0) (void)snprintf(symbol, sizeof symbol, " %.*s", (int)strcspn(t->symbol, " "), t->symbol);
    (void)snprintf(out, bytes, "%s%s", name, symbol);
    for (char *c = out; *c != '\0'; c++)
        if (*c == '_') *c = ' ';
}

/* The border of a cell half way to the next one, in the logarithm where the axis is logarithmic. */
static double border(const dmft_sweep *s, size_t axis, size_t index, int up)
{
    size_t count = dmft_sweep_axis_count(s, axis), other = up ? index + 1 : index - 1;
    int inside = up ? index + 1 < count : index > 0, is_log = is_logarithmic(s, axis);
    double here = position(s, axis, index);
    if (count == 1) return here + (up ? 0.5 : -0.5) * fmax(fabs(here), 1e-300);
    if (!inside) other = up ? index - 1 : index + 1; /* as far out as the other side is far in */
    double there = position(s, axis, other);
    if (is_log) return inside ? sqrt(here * there) : here * sqrt(here / there);
    return inside ? 0.5 * (here + there) : here + 0.5 * (here - there);
}

static void write_range(FILE *out, char letter, const dmft_sweep *s, size_t axis)
{
    size_t last = dmft_sweep_axis_count(s, axis) - 1;
    double a = border(s, axis, 0, 0), b = border(s, axis, last, 1);
    (void)fprintf(out, "set %crange [%.9g:%.9g]\n", letter, fmin(a, b), fmax(a, b));
}

/* Tics at 1, 2, 5 of each decade between two numbers. */
static void write_tics(FILE *out, char letter, double least, double most)
{
    (void)fprintf(out, "set %ctics (", letter);
    for (double decade = pow(10, floor(log10(least))); decade <= most; decade *= 10)
        (void)fprintf(out, "%.9g, %.9g, %.9g%s", decade, 2 * decade, 5 * decade, 10 * decade <= most ? ", " : ")\n");
}

/* How far apart two values stand, in characters of a label, on an axis across the figure. */
static double distance_across(const dmft_sweep *s, size_t axis, size_t i, size_t j)
{
    enum { ACROSS = 75 };
    double a = position(s, axis, i), b = position(s, axis, j), low = border(s, axis, 0, 0), high = border(s, axis, dmft_sweep_axis_count(s, axis) - 1, 1);
    return ACROSS * fabs(is_logarithmic(s, axis) ? log(b / a) / log(high / low) : (b - a) / (high - low));
}

/* Do the labels of every `stride`-th value keep two characters from each other? Words all have theirs. */
static int labels_fit(const dmft_sweep *s, size_t axis, size_t stride)
{
    const double *number = dmft_sweep_axis_numbers(s, axis);
    for (size_t k = 0; number != NULL && k + stride < dmft_sweep_axis_count(s, axis); k += stride) {
        char a[NAME], b[NAME];
        int letters = snprintf(a, sizeof a, "%.4g", number[k]) + snprintf(b, sizeof b, "%.4g", number[k + stride]);
        if (distance_across(s, axis, k, k + stride) < 2.0 + 0.5 * letters) return 0;
    }
    return 1;
}

static void write_axis(FILE *out, char letter, const dmft_sweep *s, size_t axis)
{
    char title[LABEL];
    axis_title(title, sizeof title, dmft_sweep_axis_key(s, axis));
    (void)fprintf(out, "%s logscale %c\nset %clabel ", is_logarithmic(s, axis) ? "set" : "unset", letter, letter);
    gnuplot_string(out, title);
    (void)fputs(" noenhanced\n", out);
    const double *number = dmft_sweep_axis_numbers(s, axis);
    if (number != NULL && (dmft_sweep_axis_count(s, axis) > FEW || !is_logarithmic(s, axis))) {
        size_t last = dmft_sweep_axis_count(s, axis) - 1;
        double least = fmin(number[0], number[last]), most = fmax(number[0], number[last]);
        if (is_logarithmic(s, axis) && most <= 1000 * least) write_tics(out, letter, least, most);
        return;
    }
    size_t stride = 1;
    while (letter == 'x' && !labels_fit(s, axis, stride)) stride++;
    (void)fprintf(out, "set %ctics (", letter);
    for (size_t k = 0; k < dmft_sweep_axis_count(s, axis); k++) {
        char text[NAME];
        (void)snprintf(text, sizeof text, "%s", dmft_sweep_axis_text(s, axis, k));
        if (number != NULL) (void)snprintf(text, sizeof text, "%.4g", number[k]);
        if (k % stride != 0) text[0] = '\0';
        (void)fputs(k > 0 ? ", " : "", out);
        gnuplot_string(out, text);
        (void)fprintf(out, " %.9g", position(s, axis, k));
    }
    (void)fputs(") noenhanced\n", out);
}

/* ---- curves ---- */

/* What the axes but `except` are at a point: "ν = 0.25, L = 2". */
static void describe(const dmft_sweep *s, size_t point, size_t except, char out[LABEL])
{
    out[0] = '\0';
    for (size_t i = 0; i < dmft_sweep_axes(s); i++) {
        char part[NAME];
        size_t have = strlen(out);
        if (i == except || dmft_sweep_axis_count(s, i) == 1) continue;
        title_value(part, sizeof part, dmft_sweep_axis_key(s, i), dmft_sweep_axis_text(s, i, dmft_sweep_index(s, i, point)));
        (void)snprintf(out + have, LABEL - have, "%s%s", have > 0 ? ", " : "", part);
    }
}

/* The number of a label; those of a second file are the same where they mean the same. */
static size_t find_label(struct figure *f, const char *text)
{
    size_t i = 0;
    while (i < f->labels && strcmp(f->label[i], text) != 0) i++;
    if (i == f->labels) (void)snprintf(f->label[f->labels++], LABEL, "%s", text);
    return i;
}

/* How many files of this kind come before. */
static size_t number_of_kind(const struct figure *f, size_t source)
{
    size_t count = 0;
    for (size_t i = 0; i < source; i++) count += f->source[i].sampled == f->source[source].sampled;
    return count;
}

static void begin_block(const struct figure *f) { (void)fprintf(f->script, "$d%zu << EOD\n", f->curves); }

/* A point with its error; what cannot be drawn breaks a line. */
static size_t write_mark(struct figure *f, size_t panel, double x, double y, double error)
{
    const char *name = f->panel[panel];
    double low = y - error;
    if (!can_be_drawn(y, name)) {
        (void)fputc('\n', f->script);
        return 0;
    }
    if (is_loss(name) && low <= 0) low = 1e-3 * y; /* the axis has no zero */
    (void)fprintf(f->script, "%.9g %.9g %.9g %.9g\n", x, y, low, y + error);
    f->least[panel] = fmin(f->least[panel], y);
    f->most[panel] = fmax(f->most[panel], y + error);
    return 1;
}

/* Whether a curve of the same panel and label has a title already. */
static int is_titled(const struct figure *f, size_t panel, size_t label)
{
    for (size_t i = 0; i < f->curves; i++)
        if (f->curve[i].panel == panel && f->curve[i].label == label && f->curve[i].titled) return 1;
    return 0;
}

static void end_block(struct figure *f, size_t written, size_t panel, size_t source, int edge, const char *text)
{
    (void)fputs("EOD\n", f->script);
    if (written == 0) return; /* the next block takes its name */
    size_t label = find_label(f, text);
    f->curve[f->curves] = (struct curve){.panel = panel,
                                         .label = label,
                                         .pattern = number_of_kind(f, source),
                                         .sampled = f->source[source].sampled,
                                         .edge = edge,
                                         .titled = !edge && !is_titled(f, panel, label)};
    f->curves++;
}

/* One line of the grid. `name` may be an edge that belongs to the quantity of the panel. */
static void add_line(struct figure *f, size_t panel, size_t source, const char *name, size_t line, int edge)
{
    const dmft_sweep *s = f->source[source].s;
    size_t axis = over_axis(f, s), start = sweep_line_start(s, axis, line), written = 0;
    char text[LABEL];
    describe(s, start, axis, text);
    begin_block(f);
    for (size_t k = 0; k < dmft_sweep_axis_count(s, axis); k++) {
        size_t point = start + k * sweep_stride(s, axis);
        written += write_mark(f, panel, position(s, axis, k), quantity(f, s, name, point), quantity_error(f, s, name, point));
    }
    end_block(f, written, panel, source, edge, text);
}

/* Rows that can be drawn, and the least distance from one to the next: what is recorded every few steps has no gaps between. */
static long count_marks(const dmft_sweep *s, const double *y, const char *name, size_t point, long *spacing)
{
    long count = 0, last = -1;
    *spacing = LONG_MAX;
    for (long row = 0; row < dmft_sweep_steps(s, point); row++) {
        if (!can_be_drawn(sweep_value(s, y, point, row), name)) continue;
        if (count++ > 0 && row - last < *spacing) *spacing = row - last;
        last = row;
    }
    return count;
}

/* One point of the grid against the step. */
static void add_history(struct figure *f, size_t panel, size_t source, const char *name, size_t point, int edge)
{
    const dmft_sweep *s = f->source[source].s;
    const double *x = dmft_sweep_series(s, "time"), *y = dmft_sweep_series(s, name), *e = dmft_sweep_errors(s, name);
    long spacing = 0, most = f->source[source].sampled ? MOST_MARKS : MOST_ON_LINE, seen = 0, before = -1;
    long count = y != NULL ? count_marks(s, y, name, point, &spacing) : 0;
    size_t written = 0;
    char text[LABEL];
    if (x == NULL) x = dmft_sweep_series(s, "step");
    describe(s, point, dmft_sweep_axes(s), text);
    begin_block(f);
    for (long row = 0; x != NULL && count > 0 && row < dmft_sweep_steps(s, point); row++) {
        double value = sweep_value(s, y, point, row), error = sweep_value(s, e, point, row);
        if (!can_be_drawn(value, name)) continue;
        if (before >= 0 && row - before > spacing) (void)fputc('\n', f->script); /* it was not there in between */
        before = row;
        if (seen++ % ((count + most - 1) / most) != 0) continue;
        written += write_mark(f, panel, sweep_value(s, x, point, row), value, isfinite(error) ? error : 0.0);
    }
    end_block(f, written, panel, source, edge, text);
}

static void add_quantity(struct figure *f, size_t panel, size_t source, const char *name, int edge)
{
    const dmft_sweep *s = f->source[source].s;
    size_t axis = over_axis(f, s), lines = dmft_sweep_points(s) / (f->mode == OVER_AXIS ? dmft_sweep_axis_count(s, axis) : 1);
    for (size_t i = 0; i < lines; i++) {
        if (f->curves == MOST_CURVES) {
            f->left_out += lines - i;
            return;
        }
        if (f->mode == OVER_AXIS)
            add_line(f, panel, source, name, i, edge);
        else
            add_history(f, panel, source, name, i, edge);
    }
}

/* The edge of the bulk that an outlier leaves; of the theory alone, where there is one. */
static void add_edge(struct figure *f, size_t panel, size_t source)
{
    int l = 0, end = 0;
    char name[NAME];
    int isolated = strcmp(f->panel[panel], "isolated") == 0;
    if (!isolated && (sscanf(f->panel[panel], "A%d_outlier%n", &l, &end) != 1 || end == 0)) return;
    if (f->source[source].sampled && number_of_kind(f, source) < source) return;
    (void)snprintf(name, sizeof name, "A%d_edge", l);
    if (isolated) (void)snprintf(name, sizeof name, "bulk_edge");
    add_quantity(f, panel, source, name, 1);
}

static void add_panel(struct figure *f, size_t panel)
{
    for (int sampled = 0; sampled < 2; sampled++)
        for (size_t i = 0; i < f->sources; i++) {
            if (f->source[i].sampled != sampled) continue;
            add_quantity(f, panel, i, f->panel[panel], 0);
            add_edge(f, panel, i);
        }
}

/* ---- the script ---- */

/* From blue to yellow, where there are more curves than colours that can be told apart. */
static void write_colour(const struct figure *f, size_t label)
{
    static const int stop[][3] = {{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {230, 200, 40}};
    enum { STOPS = sizeof stop / sizeof *stop };
    if (f->labels <= 7) {
        (void)fprintf(f->script, "'%s'", gnuplot_colour(label));
        return;
    }
    double at = (double)label / (double)(f->labels - 1) * (STOPS - 1);
    size_t i = at < STOPS - 1 ? (size_t)at : STOPS - 2;
    double part = at - (double)i;
    (void)fputs("'#", f->script);
    for (size_t c = 0; c < 3; c++) (void)fprintf(f->script, "%02x", (unsigned)lround((1 - part) * stop[i][c] + part * stop[i + 1][c]));
    (void)fputc('\'', f->script);
}

static void write_curve(const struct figure *f, size_t i)
{
    static const int shape[] = {7, 5, 9, 13, 6, 4, 8, 12};
    static const char *const dash[] = {"1", "'_-'", "'.'", "'-.'", "'-..'"};
    const struct curve *c = &f->curve[i];
    (void)fprintf(f->script, "$d%zu using ", i);
    if (c->sampled && !c->edge)
        (void)fprintf(f->script, "1:2:3:4 with yerrorbars pt %d ps 0.9 lw 1.3 lc rgb ", shape[c->pattern % (sizeof shape / sizeof *shape)]);
    else
        (void)fprintf(f->script, "1:2 with %s lw %s dt %s pt 7 ps 0.5 lc rgb ", f->mode == OVER_AXIS && !c->edge ? "linespoints" : "lines",
                      c->edge ? "1.2" : "2.0", c->edge ? "'- '" : dash[c->pattern % (sizeof dash / sizeof *dash)]);
    write_colour(f, c->label);
    (void)fputs(" title ", f->script);
    gnuplot_string(f->script, c->titled && f->labels <= MOST_IN_LEGEND ? f->label[c->label] : "");
}

/* A logarithmic axis ends near the numbers and not at the next power of ten. */
static void write_logarithmic(const struct figure *f, size_t panel)
{
    double least = f->least[panel], most = f->most[panel], margin = pow(fmax(most / least, 2), 0.04);
    int wide = most >= 100 * least;
    (void)fprintf(f->script, "set logscale y\nset format y '%s'\nset yrange [%.9g:%.9g]\n", wide ? "10^{%L}" : "%g", least / margin, most * margin);
    if (wide) (void)fputs("set ytics autofreq\n", f->script);
    else write_tics(f->script, 'y', least, most * margin);
}

static const char stable_below[] = "stable below";

/* Where descent becomes unstable (--series eta_sharpness): 2 (1 + momentum); nan of other series, or where the momentum is swept. */
static double stability_limit(const struct figure *f, size_t panel)
{
    char value[NAME] = "0";
    const char *config = dmft_sweep_text(f->source[0].s, "config");
    if (strcmp(f->panel[panel], "eta_sharpness") != 0 || config == NULL) return NAN;
    return outline_find(config, "training.momentum", value, sizeof value) ? 2.0 * (1.0 + strtod(value, NULL)) : NAN;
}

static void write_panel(const struct figure *f, size_t panel)
{
    const char *separator = "plot ";
    char title[NAME];
    (void)snprintf(title, sizeof title, "%s", f->panel[panel]);
    for (char *c = title; *c != '\0'; c++)
        if (*c == '_') *c = ' ';
    if (is_loss(title))
        write_logarithmic(f, panel);
    else
        (void)fputs("unset logscale y\nset format y '%g'\nset ytics autofreq\nset autoscale y\n", f->script);
    if (f->low < f->high) (void)fprintf(f->script, "set yrange [%.9g:%.9g]\n", f->low, f->high);
    (void)fputs("set ylabel ", f->script);
    gnuplot_string(f->script, title);
    (void)fputc('\n', f->script);
    for (size_t i = 0; i < f->curves; i++) {
        if (f->curve[i].panel != panel) continue;
        (void)fputs(separator, f->script);
        write_curve(f, i);
        separator = ", \\\n  ";
    }
    double limit = stability_limit(f, panel);
    if (!isnan(limit)) (void)fprintf(f->script, "%s%.9g with lines lw 1.2 dt '- ' lc rgb '#000000' title '%s'", separator, limit, stable_below);
    (void)fputc('\n', f->script);
}

static size_t count_curves(const struct figure *f, size_t panel, int titled)
{
    size_t count = 0;
    for (size_t i = 0; i < f->curves; i++) count += f->curve[i].panel == panel && (!titled || f->curve[i].titled);
    return count;
}

/* The settings that are not swept, the step, and what points stand for. */
static void write_title(const struct figure *f)
{
    const char *config = dmft_sweep_text(f->source[0].s, "config");
    char title[640] = "", value[NAME], text[2 * NAME];
    int sampled = 0;
    for (const struct title_setting *t = title_settings; config != NULL && t->key != NULL; t++) {
        if (!outline_find(config, t->key, value, sizeof value) || !title_names(t, value)) continue;
        title_value(text, sizeof text, t->key, value);
        size_t have = strlen(title);
        (void)snprintf(title + have, sizeof title - have, "%s%s", have > 0 ? ", " : "", text);
    }
    size_t have = strlen(title);
    if (f->mode != AGAINST_STEP && f->step >= 0) (void)snprintf(title + have, sizeof title - have, ", step %ld", f->step);
    for (size_t i = 0; i < f->sources; i++) sampled += f->source[i].sampled;
    have = strlen(title);
    if (f->mode == MAP || sampled > 0)
        (void)snprintf(title + have, sizeof title - have, "%s", f->mode == MAP ? "; grey: none" : "; points: sampled networks");
    gnuplot_string(f->script, title);
    (void)fputs(" noenhanced", f->script);
}

static size_t longest_label(const struct figure *f)
{
    size_t longest = 4;
    for (size_t p = 0; p < f->panels; p++)
        if (!isnan(stability_limit(f, p))) longest = strlen(stable_below);
    for (size_t i = 0; i < f->labels; i++)
        if (strlen(f->label[i]) > longest) longest = strlen(f->label[i]);
    return longest < 44 ? longest : 44;
}

static void write_head(const struct figure *f, const char *terminal, const char *file)
{
    (void)fprintf(f->script, "set encoding utf8\nset terminal %s\nset output ", terminal);
    gnuplot_string(f->script, file);
    (void)fputs("\nset grid lt 1 lw 0.5 lc rgb '#dddddd'\nset bars 0.6\nset tics nomirror\nset border 3\nset lmargin 12\nset format x '%g'\n"
                "set offsets 0, 0, graph 0.04, graph 0.04\n",
                f->script);
}

/* What the rows of a result are. */
static void write_step_axis(const struct figure *f, const dmft_sweep *s)
{
    const char *model = dmft_sweep_text(s, "model");
    int layers = model != NULL && strcmp(model, "low_degree_filter") == 0;
    (void)fprintf(f->script, "set xlabel '%s'\n", dmft_sweep_series(s, "time") != NULL ? "time" : layers ? "layer" : "step");
    if (layers) (void)fputs("set xtics 1\n", f->script);
}

static void write_curves(void *figure, const char *terminal, const char *file)
{
    const struct figure *f = figure;
    const dmft_sweep *s = f->source[0].s;
    double lines = (double)f->labels, spacing = fmin(1.2, 30.0 / ((double)f->panels * lines));
    int legend = f->labels <= MOST_IN_LEGEND && (f->labels > 1 || f->label[0][0] != '\0');
    write_head(f, terminal, file);
    (void)fprintf(f->script, "set key outside right top noenhanced samplen 2.5 spacing %.3g Left reverse%s\nset rmargin %d\n", spacing, legend ? "" : " off",
                  legend ? (int)longest_label(f) + 8 : 4);
    if (f->mode == OVER_AXIS) {
        write_axis(f->script, 'x', s, over_axis(f, s));
        write_range(f->script, 'x', s, over_axis(f, s));
    } else
        write_step_axis(f, s);
    size_t drawn = 0;
    for (size_t p = 0; p < f->panels; p++) drawn += count_curves(f, p, 0) > 0;
    (void)fprintf(f->script, "set multiplot layout %zu,1 title ", drawn);
    write_title(f);
    (void)fputc('\n', f->script);
    for (size_t p = 0; p < f->panels; p++)
        if (count_curves(f, p, 0) > 0) write_panel(f, p);
    (void)fputs("unset multiplot\nset output\n", f->script);
}

/* ---- maps ---- */

/* One block with numbers, one with the places that have none. Returns how many have one. */
static size_t write_cells(const struct figure *f, double *least, double *most)
{
    const dmft_sweep *s = f->source[0].s;
    size_t x = over_axis(f, s), y = f->second, written = 0;
    for (int there = 0; there < 2; there++) {
        (void)fprintf(f->script, "$%s << EOD\n", there ? "cells" : "none");
        for (size_t p = 0; p < dmft_sweep_points(s); p++) {
            double value = quantity(f, s, f->panel[0], p);
            size_t i = dmft_sweep_index(s, x, p), j = dmft_sweep_index(s, y, p);
            if (isfinite(value) != there) continue;
            (void)fprintf(f->script, "%.9g %.9g %.9g %.9g %.9g %.9g %.9g\n", position(s, x, i), position(s, y, j), border(s, x, i, 0), border(s, x, i, 1),
                          border(s, y, j, 0), border(s, y, j, 1), there ? value : 0.0);
            written += (size_t)there;
            if (there) *least = fmin(*least, value);
            if (there) *most = fmax(*most, value);
        }
        (void)fputs("EOD\n", f->script);
    }
    return written;
}

/* A line through one number of each value of the other axis, where the step size is one of the two; returns the points of it. */
static size_t write_line(const struct figure *f, const double *critical)
{
    static const char key[] = "training.learning_rate";
    const dmft_sweep *s = f->source[0].s;
    size_t x = over_axis(f, s), y = f->second, written = 0;
    int across = strcmp(dmft_sweep_axis_key(s, x), key) == 0, up = strcmp(dmft_sweep_axis_key(s, y), key) == 0;
    for (size_t p = 0; critical != NULL && across != up && p < dmft_sweep_points(s); p++) {
        size_t i = dmft_sweep_index(s, x, p), j = dmft_sweep_index(s, y, p);
        if ((across ? i : j) != 0 || !isgreater(critical[p], 0.0)) continue;
        (void)fprintf(f->script, "%.9g %.9g\n", across ? critical[p] : position(s, x, i), across ? position(s, y, j) : critical[p]);
        written++;
    }
    return written;
}

/* The critical step sizes of model noisy_matrix, least and largest. */
static size_t write_critical(const struct figure *f)
{
    const dmft_sweep *s = f->source[0].s;
    (void)fputs("$critical << EOD\n", f->script);
    size_t written = write_line(f, dmft_sweep_numbers(s, "critical_step_size"));
    (void)fputc('\n', f->script);
    written += write_line(f, dmft_sweep_numbers(s, "critical_step_size_upper"));
    (void)fputs("EOD\n", f->script);
    return written;
}

struct map {
    const struct figure *f;
    double least, most;
    size_t written, critical; /* places with a number; points of the critical lines */
};

static void write_map(void *map, const char *terminal, const char *file)
{
    const struct map *m = map;
    const struct figure *f = m->f;
    const dmft_sweep *s = f->source[0].s;
    size_t x = over_axis(f, s);
    int is_log = m->least > 0 && m->most >= 30 * m->least && strstr(f->panel[0], "overlap") == NULL;
    write_head(f, terminal, file);
    (void)fputs("set format y '%g'\nset key off\nset rmargin 16\nset style fill solid 1.0 noborder\nset palette defined (0 '#440154', 1 '#3b528b', "
                "2 '#21918c', 3 '#5ec962', 4 '#fde725')\n",
                f->script);
    write_axis(f->script, 'x', s, x);
    write_axis(f->script, 'y', s, f->second);
    write_range(f->script, 'x', s, x);
    write_range(f->script, 'y', s, f->second);
    if (is_log) (void)fputs("set logscale cb\nset format cb '10^{%L}'\n", f->script);
    if (m->written > 0 && m->most > m->least) (void)fprintf(f->script, "set cbrange [%.9g:%.9g]\n", m->least, m->most);
    (void)fputs("set cblabel ", f->script);
    gnuplot_string(f->script, f->panel[0]);
    (void)fputs(" noenhanced offset 1\nset title ", f->script);
    write_title(f);
    (void)fprintf(f->script,
                  "\n%splot $none using 1:2:3:4:5:6 with boxxyerror lc rgb '#bbbbbb' notitle, $cells using 1:2:3:4:5:6:7 with boxxyerror lc palette notitle%s\n"
                  "set output\n",
                  m->critical > 0 ? "set key at screen 0.98, screen 0.06 Left reverse noenhanced samplen 2.5\n" : "",
                  m->critical > 0 ? ", $critical using 1:2 with lines lc rgb '#d62728' lw 2.5 title 'critical step size'" : "");
}

static int draw_map(struct figure *f)
{
    const dmft_sweep *s = f->source[0].s;
    struct map m = {.f = f, .least = INFINITY, .most = -INFINITY};
    size_t x = over_axis(f, s), others = 0;
    if (f->sources > 1) return program_error(STATUS_USAGE, "plot: --map draws one sweep, got %zu files", f->sources);
    if (f->panels > 1) return program_error(STATUS_USAGE, "plot: --map draws one series, got '%s'", f->o->value[OPTION_series]);
    for (size_t i = 0; i < dmft_sweep_axes(s); i++) {
        if (i == x || dmft_sweep_axis_count(s, i) == 1) continue;
        f->second = i;
        others++;
    }
    if (others != 1) return program_error(STATUS_USAGE, "plot: --map needs a sweep of two axes, %s has %zu", f->source[0].path, others + 1);
    m.written = write_cells(f, &m.least, &m.most);
    m.critical = write_critical(f);
    if (m.written == 0 && f->o->picture != NULL) return PLOT_NOTHING;
    if (m.written == 0) return program_error(STATUS_USAGE, "plot: no point of %s has a number of '%s' there", f->source[0].path, f->panel[0]);
    return gnuplot_draw(f->o, f->o->value[OPTION_output], f->script, write_map, &m);
}

/* ---- what is drawn ---- */

static int read_range(struct figure *f)
{
    const char *range = f->o->value[OPTION_range], *colon = range != NULL ? strchr(range, ':') : NULL;
    if (range == NULL) return STATUS_DONE;
    int two = colon != NULL && number_parse(range, (size_t)(colon - range), &f->low) && number_parse(colon + 1, strlen(colon + 1), &f->high);
    if (two && f->low < f->high) return STATUS_DONE;
    return program_error(STATUS_USAGE, "plot: --range must be LOW:HIGH, two numbers that rise, got '%s'", range);
}

static int choose_mode(struct figure *f)
{
    const options *o = f->o;
    const char *against = o->value[OPTION_against];
    f->mode = options_given(o, OPTION_map) ? MAP : against != NULL ? AGAINST_STEP : OVER_AXIS;
    if (against != NULL && strcmp(against, "step") != 0) return program_error(STATUS_USAGE, "plot: --against must be step, got '%s'", against);
    if (against != NULL && options_given(o, OPTION_map)) return program_error(STATUS_USAGE, "plot: --map and --against exclude each other");
    if (against != NULL && options_given(o, OPTION_over)) return program_error(STATUS_USAGE, "plot: --over and --against exclude each other");
    if (against != NULL && options_given(o, OPTION_step)) return program_error(STATUS_USAGE, "plot: --step and --against exclude each other");
    int status = read_range(f);
    return status == STATUS_DONE ? sweep_read_step(o, &f->step) : status;
}

/* The learning rate, or the first axis of several values. */
static int choose_axis(struct figure *f)
{
    const dmft_sweep *s = f->source[0].s;
    const char *wanted = f->o->value[OPTION_over];
    if (wanted != NULL && sweep_find_axis(f->o, s, wanted) == dmft_sweep_axes(s)) return STATUS_USAGE;
    (void)snprintf(f->over, sizeof f->over, "%s", wanted != NULL ? wanted : "training.learning_rate");
    if (over_axis(f, s) == dmft_sweep_axes(s)) {
        size_t i = 0;
        while (i + 1 < dmft_sweep_axes(s) && dmft_sweep_axis_count(s, i) == 1) i++;
        (void)snprintf(f->over, sizeof f->over, "%s", dmft_sweep_axis_key(s, i));
    }
    for (size_t i = 0; i < f->sources; i++)
        if (over_axis(f, f->source[i].s) == dmft_sweep_axes(f->source[i].s))
            return program_error(STATUS_USAGE, "plot: %s has no axis %s", f->source[i].path, f->over);
    return STATUS_DONE;
}

/* The test loss where the learning rate is swept, else the first outlier of each matrix. */
static void choose_default(struct figure *f)
{
    const dmft_sweep *s = f->source[0].s;
    int rate = 0;
    for (size_t i = 0; i < dmft_sweep_axes(s); i++) rate = rate || strcmp(dmft_sweep_axis_key(s, i), "training.learning_rate") == 0;
    for (int l = 0; !rate && l < 64 && f->panels < MOST_PANELS; l++) {
        char name[NAME];
        (void)snprintf(name, sizeof name, "A%d_outlier1", l);
        if (dmft_sweep_series(s, name) != NULL) memcpy(f->panel[f->panels++], name, sizeof name);
    }
    if (f->mode == MAP && f->panels > 1) f->panels = 1;
    if (f->panels == 0 && dmft_sweep_series(s, "isolated") != NULL) (void)snprintf(f->panel[f->panels++], NAME, "isolated");
    if (f->panels > 0) return;
    const char *loss = dmft_sweep_series(s, "test_loss") != NULL ? "test_loss" : "train_loss";
    (void)snprintf(f->panel[f->panels++], NAME, "%s", loss);
}

static int choose_panels(struct figure *f)
{
    const char *names = f->o->value[OPTION_series];
    if (names == NULL) choose_default(f);
    for (const char *at = names; at != NULL;) {
        size_t length = strcspn(at, ",");
        if (f->panels == MOST_PANELS) return program_error(STATUS_USAGE, "plot: at most %d series, got '%s'", MOST_PANELS, names);
        (void)snprintf(f->panel[f->panels], NAME, "%.*s", (int)length, at);
        int known = length < NAME;
        for (size_t i = 0; i < f->sources && known; i++) known = is_known(f->source[i].s, f->panel[f->panels]);
        for (size_t i = 0; i < f->sources && !known; i++)
            if (length >= NAME || !is_known(f->source[i].s, f->panel[f->panels])) {
                if (!sweep_has_series(f->o, f->source[i].s, at, length)) return STATUS_USAGE;
            }
        f->panels++;
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return STATUS_DONE;
}

static int draw(struct figure *f)
{
    int status = choose_mode(f);
    if (status == STATUS_DONE) status = choose_axis(f);
    if (status == STATUS_DONE) status = choose_panels(f);
    if (status != STATUS_DONE) return status;
    if (f->mode == MAP) return draw_map(f);
    for (size_t p = 0; p < f->panels; p++) {
        f->least[p] = INFINITY;
        f->most[p] = -INFINITY;
        add_panel(f, p);
    }
    size_t drawn = 0;
    for (size_t i = 0; i < f->curves; i++) drawn += !f->curve[i].edge;
    if (drawn == 0 && f->o->picture != NULL) return PLOT_NOTHING;
    if (drawn == 0) return program_error(STATUS_USAGE, "plot: nothing to draw: no point of %s has a number of '%s' there", f->source[0].path, f->panel[0]);
    if (f->left_out > 0) (void)fprintf(stderr, "dmft: warning: %zu curves are left out; a figure has at most %d\n", f->left_out, MOST_CURVES);
    return gnuplot_draw(f->o, f->o->value[OPTION_output], f->script, write_curves, f);
}

int sweep_plot(const options *o, const struct sweep_source *source, size_t count)
{
    struct figure f = {.o = o, .source = source, .sources = count, .script = tmpfile()};
    int status = STATUS_FAILED;
    f.label = calloc(MOST_CURVES, sizeof *f.label);
    f.curve = calloc(MOST_CURVES, sizeof *f.curve);
    if (f.script == NULL || f.label == NULL || f.curve == NULL)
        (void)program_error(STATUS_FAILED, "plot: no memory or no temporary file: %s", strerror(errno));
    else
        status = draw(&f);
    if (f.script != NULL) (void)fclose(f.script);
    free(f.label);
    free(f.curve);
    return status;
}
