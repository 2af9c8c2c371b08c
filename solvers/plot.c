/* dmft plot: losses (above), traces of the kernels (model mlp) and outlier trajectories with the bulk edges, or a bulk that moves (below), of one or more
 * results; of model noisy_matrix the isolated eigenvalue with the bulk edge (above) and overlaps. Theory is drawn as lines (one number alone: a cross),
 * samples as points with error bars. A script with the data in it is made and given to gnuplot. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/outline.h"
#include "filter_plot.h"
#include "gnuplot.h"
#include "plot.h"
#include "program.h"
#include "spectra_plot.h"
#include "sweep_result.h"
#include "title.h"

enum { MOST_POINTS = 30, MOST_ON_LINE = 4000, MOST_CURVES = 400, NAME = 64, LABEL = 160 };

struct source {
    const char *path;
    dmft_trajectory *t;
    int sampled;
    size_t index; /* among the files of its kind */
};

/* What is drawn as a thin line: the edge of a bulk, dashed, or a quantile, grey. */
enum thin { EDGE = 1, QUANTILE };

enum panel { LOSSES, TRACES, OUTLIERS, EIGENVALUES, OVERLAPS, PANELS };

struct curve {
    enum panel panel;
    int sampled, edge, point; /* point: of one number, which is no line */
    size_t colour, pattern; /* pattern: dashes of a line, shape of points */
    char label[LABEL];
};

struct figure {
    struct source *source;
    size_t sources, theories;
    int many; /* more than one file of a kind: then the colour tells the file, and the pattern what is drawn */
    FILE *script;
    struct curve curve[MOST_CURVES];
    size_t curves;
};

/* ---- data ---- */

static const double *abscissa(const dmft_trajectory *t)
{
    const double *time = dmft_trajectory_series(t, "time");
    return time != NULL ? time : dmft_trajectory_series(t, "step");
}

static int can_be_drawn(double value, enum panel panel) { return isfinite(value) && (panel != LOSSES || isgreater(value, 0)); }

/* Writes a block of data, thinned evenly; returns the number of points. */
static size_t write_block(const struct figure *f, const struct source *s, const char *name, enum panel panel)
{
    const double *x = abscissa(s->t), *y = dmft_trajectory_series(s->t, name), *e = dmft_trajectory_errors(s->t, name);
    size_t rows = dmft_trajectory_rows(s->t), count = 0, most = s->sampled ? MOST_POINTS : MOST_ON_LINE, seen = 0, written = 0;
    if (x == NULL || y == NULL) return 0;
    for (size_t i = 0; i < rows; i++) count += (size_t)can_be_drawn(y[i], panel);
    if (count == 0) return 0;
    (void)fprintf(f->script, "$d%zu << EOD\n", f->curves);
    for (size_t i = 0, last = SIZE_MAX; i < rows; i++) {
        if (!can_be_drawn(y[i], panel)) continue;
        size_t slot = count <= most ? seen : seen * (most - 1) / (count - 1);
        seen++;
        if (slot == last) continue;
        last = slot;
        double error = e != NULL && isfinite(e[i]) ? e[i] : 0, low = y[i] - error;
        if (panel == LOSSES && low <= 0) low = 1e-3 * y[i]; /* the axis has no zero */
        (void)fprintf(f->script, "%.9g %.9g %.9g %.9g\n", x[i], y[i], low, y[i] + error);
        written++;
    }
    (void)fputs("EOD\n", f->script);
    return written;
}

/* Draws a series of a file if it has one; `quantity` gives colour (or pattern, when the colour tells the file). */
static void add_curve(struct figure *f, const struct source *s, const char *name, enum panel panel, size_t quantity, size_t pattern, int edge,
                      const char *label)
{
    size_t points = f->curves < MOST_CURVES ? write_block(f, s, name, panel) : 0;
    if (points == 0) return;
    struct curve *c = &f->curve[f->curves++];
    *c = (struct curve){.panel = panel, .sampled = s->sampled, .edge = edge, .point = points == 1, .colour = quantity, .pattern = pattern};
    if (f->many) {
        c->colour = s->index;
        c->pattern = quantity + pattern;
    }
    const char *file = f->many ? s->path : s->sampled ? "sampled" : "theory";
    if (*label != '\0') (void)snprintf(c->label, sizeof c->label, "%s, %s", label, file);
}

static void add_outliers(struct figure *f, const struct source *s, int l)
{
    char name[NAME], label[NAME];
    for (int j = 1;; j++) {
        (void)snprintf(name, sizeof name, "A%d_outlier%d", l, j);
        if (dmft_trajectory_series(s->t, name) == NULL) break;
        (void)snprintf(label, sizeof label, "A%d outlier %d", l, j);
        add_curve(f, s, name, OUTLIERS, (size_t)l, (size_t)j - 1, 0, label);
    }
    if (s->sampled && f->theories > 0) return; /* one edge is enough */
    (void)snprintf(name, sizeof name, "A%d_edge", l);
    (void)snprintf(label, sizeof label, "A%d bulk edge", l);
    add_curve(f, s, name, OUTLIERS, (size_t)l, 0, EDGE, label);
}

static int has_matrix(const dmft_trajectory *t, int l)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "A%d_outlier1", l);
    return dmft_trajectory_series(t, name) != NULL;
}

/* Of hidden layer l; the model's own names. */
static void add_traces(struct figure *f, const struct source *s, int l)
{
    char name[NAME], label[NAME];
    (void)snprintf(name, sizeof name, "trace_C_h%d", l);
    (void)snprintf(label, sizeof label, "φ(h%d)²", l);
    add_curve(f, s, name, TRACES, (size_t)l - 1, 0, 0, label);
    (void)snprintf(name, sizeof name, "C_g%d", l);
    (void)snprintf(label, sizeof label, "g%d²", l);
    add_curve(f, s, name, TRACES, (size_t)l - 1, 1, 0, label);
}

static int has_traces(const dmft_trajectory *t, int l)
{
    char name[NAME];
    (void)snprintf(name, sizeof name, "trace_C_h%d", l);
    return dmft_trajectory_series(t, name) != NULL;
}

/* Of a bulk that moves: its edges, and quantiles of the theory. */
static void add_bulk(struct figure *f, const struct source *s)
{
    static const struct {
        const char *name, *label;
        size_t colour, pattern;
    } edges[] = {
        {"edge_upper", "upper edge", 0, 0},    {"gap_upper", "gap, upper end", 1, 0}, {"gap_lower", "gap, lower end", 1, 1}, {"edge_lower", "lower edge", 2, 0},
        {"VW_upper", "VW upper edge", 0, 0}, {"W_upper", "W upper edge", 1, 0},      {"W_lower", "W lower edge", 1, 1},     {"VW_lower", "VW lower edge", 0, 1},
    };
    char name[NAME];
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        add_curve(f, s, edges[i].name, OUTLIERS, edges[i].colour, edges[i].pattern, 0, edges[i].label);
    for (int j = 1; !s->sampled; j++) {
        (void)snprintf(name, sizeof name, "quantile%d", j);
        if (dmft_trajectory_series(s->t, name) == NULL) break;
        add_curve(f, s, name, OUTLIERS, 0, 0, QUANTILE, j == 1 ? "quantiles" : "");
    }
}

/* Of one matrix and its teacher. */
static void add_matrix(struct figure *f, const struct source *s)
{
    add_curve(f, s, "isolated", EIGENVALUES, 0, 0, 0, "isolated");
    if (!s->sampled || f->theories == 0) add_curve(f, s, "bulk_edge", EIGENVALUES, 0, 0, 1, "bulk edge"); /* one edge is enough */
    add_curve(f, s, "overlap2_left", OVERLAPS, 0, 0, 0, "left");
    add_curve(f, s, "overlap2_right", OVERLAPS, 1, 0, 0, "right");
}

static void add_source(struct figure *f, const struct source *s)
{
    add_curve(f, s, "train_loss", LOSSES, 0, 0, 0, "training loss");
    add_curve(f, s, "test_loss", LOSSES, 1, 0, 0, "test loss");
    for (int l = 1; has_traces(s->t, l); l++) add_traces(f, s, l);
    for (int l = 0; l == 0 || has_matrix(s->t, l); l++) add_outliers(f, s, l);
    add_bulk(f, s);
    add_matrix(f, s);
}

/* ---- the script ---- */

/* The value of a setting that all files with settings share. */
static int find_common(const struct figure *f, const char *key, char *out, size_t bytes)
{
    int found = 0;
    char other[64];
    for (size_t i = 0; i < f->sources; i++) {
        const char *config = dmft_trajectory_text(f->source[i].t, "config");
        if (config == NULL) continue;
        if (!outline_find(config, key, found ? other : out, found ? sizeof other : bytes)) return 0;
        if (found && strcmp(out, other) != 0) return 0;
        found = 1;
    }
    return found;
}

enum { TITLE = 512 };

/* The main settings. */
static void make_title(const struct figure *f, char title[TITLE])
{
    char value[64];
    title[0] = '\0';
    for (const struct title_setting *shown = title_settings; shown->key != NULL; shown++) {
        if (!find_common(f, shown->key, value, sizeof value) || !title_names(shown, value)) continue;
        char text[96];
        title_value(text, sizeof text, shown->key, value);
        size_t have = strlen(title);
        (void)snprintf(title + have, TITLE - have, "%s%s", have > 0 ? ", " : "", text);
    }
}

static void write_curve(FILE *out, const struct curve *c, size_t i)
{
    static const int shape[] = {7, 5, 9, 13, 6, 4, 8, 12};
    static const char *const dash[] = {"1", "'_-'", "'.'", "'-.'", "'-..'"};
    if (c->sampled && !c->edge)
        (void)fprintf(out, "$d%zu using 1:2:3:4 with yerrorbars lc rgb '%s' pt %d ps 0.9 lw 1.3 title ", i, gnuplot_colour(c->colour),
                      shape[c->pattern % (sizeof shape / sizeof *shape)]);
    else if (c->point)
        (void)fprintf(out, "$d%zu using 1:2 with points lc rgb '%s' pt %d ps 1.4 lw 2.2 title ", i, c->edge == QUANTILE ? "#bbbbbb" : gnuplot_colour(c->colour),
                      c->edge ? 8 : 2);
    else
        (void)fprintf(out, "$d%zu using 1:2 with lines lc rgb '%s' lw %s dt %s title ", i, c->edge == QUANTILE ? "#bbbbbb" : gnuplot_colour(c->colour),
                      c->edge ? "1.2" : "2.2", c->edge == EDGE ? "'- '" : dash[c->pattern % (sizeof dash / sizeof *dash)]);
    gnuplot_string(out, c->label);
}

/* Draws one panel; nothing when it has no curve. */
static void write_panel(const struct figure *f, enum panel panel)
{
    const char *separator = "plot ";
    for (size_t i = 0; i < f->curves; i++) {
        if (f->curve[i].panel != panel) continue;
        (void)fputs(separator, f->script);
        write_curve(f->script, &f->curve[i], i);
        separator = ", \\\n  ";
    }
    (void)fputc('\n', f->script);
}

static size_t count_curves(const struct figure *f, enum panel panel)
{
    size_t count = 0;
    for (size_t i = 0; i < f->curves; i++) count += f->curve[i].panel == panel && *f->curve[i].label != '\0'; /* lines of the legend */
    return count;
}

/* Room at the right for the longest label, in characters. */
static int legend_width(const struct figure *f)
{
    size_t longest = 12;
    for (size_t i = 0; i < f->curves; i++)
        if (strlen(f->curve[i].label) > longest) longest = strlen(f->curve[i].label);
    return (int)(longest < 40 ? longest : 40) + 8;
}

/* Lines of a legend stand closer where there are many: one that is higher than its panel would break into columns, over the curves. */
static double legend_spacing(size_t lines, int panels)
{
    static const double wide = 1.2, fit = 30.0; /* lines of spacing 1 that all panels together have room for */
    double room = fit / ((double)panels * (double)lines);
    return room < wide ? room : wide;
}

/* All steps, in every panel: overlaps begin where an eigenvalue leaves the bulk. */
static void write_range(const struct figure *f)
{
    const double *x = abscissa(f->source[0].t);
    size_t rows = dmft_trajectory_rows(f->source[0].t);
    if (x != NULL && rows > 1) (void)fprintf(f->script, "set xrange [%.9g:%.9g]\n", x[0], x[rows - 1]);
}

static void write_plots(void *figure, const char *terminal, const char *file)
{
    const struct figure *f = figure;
    static const char *const axis[PANELS] = {"set logscale y; set format y '10^{%L}'; set ylabel 'loss'\n",
                                             "unset logscale y; set format y '%g'; set ylabel 'mean over sites'\n",
                                             "unset logscale y; set format y '%g'; set ylabel 'singular value'\n",
                                             "unset logscale y; set format y '%g'; set ylabel 'eigenvalue of W W^T'\n",
                                             "unset logscale y; set format y '%g'; set ylabel 'overlap^2 with the teacher'\n"};
    int panels = 0;
    for (int panel = 0; panel < PANELS; panel++) panels += count_curves(f, (enum panel)panel) > 0;
    int time = dmft_trajectory_series(f->source[0].t, "time") != NULL;
    (void)fprintf(f->script, "set encoding utf8\nset terminal %s\nset output ", terminal);
    gnuplot_string(f->script, file);
    (void)fprintf(f->script,
                  "\nset grid lt 1 lw 0.5 lc rgb '#dddddd'\nset xlabel '%s'\nset key outside right top noenhanced samplen 2.5 "
                  "spacing 1.2 Left reverse\nset lmargin 12\nset rmargin %d\nset bars 0.6\nset tics nomirror\nset border 3\nset multiplot layout %d,1 title ",
                  time ? "time" : "step", legend_width(f), panels);
    char title[TITLE];
    make_title(f, title);
    gnuplot_string(f->script, title);
    (void)fputs(" noenhanced\n", f->script);
    if (count_curves(f, EIGENVALUES) > 0) write_range(f);
    for (int panel = 0; panel < PANELS; panel++) {
        if (count_curves(f, (enum panel)panel) == 0) continue;
        (void)fputs(axis[panel], f->script);
        (void)fprintf(f->script, "set key spacing %.3g\n", legend_spacing(count_curves(f, (enum panel)panel), panels));
        write_panel(f, (enum panel)panel);
    }
    (void)fputs("unset multiplot\nset output\n", f->script);
}

/* ---- the command ---- */

static int read_sources(struct figure *f, const options *o)
{
    size_t sampled = 0;
    for (size_t i = 0; i < o->arguments; i++) {
        struct source *s = &f->source[i];
        s->path = o->argument[i];
        int status = program_read(&s->t, s->path);
        if (status != STATUS_DONE) return status;
        f->sources++;
        const char *kind = dmft_trajectory_text(s->t, "kind");
        s->sampled = kind == NULL || strcmp(kind, "theory") != 0;
        s->index = s->sampled ? sampled++ : f->theories++;
    }
    f->many = f->theories > 1 || sampled > 1;
    return STATUS_DONE;
}

/* Models with a figure of their own: all files are of that one. -1: they are not. */
static int plot_filters(const struct figure *f, const options *o)
{
    size_t filters = 0;
    char title[TITLE];
    struct filter_plot_source *source = calloc(f->sources, sizeof *source);
    if (source == NULL) return program_error(STATUS_FAILED, "plot: out of memory");
    for (size_t i = 0; i < f->sources; i++) {
        const char *model = dmft_trajectory_text(f->source[i].t, "model");
        filters += model != NULL && strcmp(model, "low_degree_filter") == 0;
        source[i] = (struct filter_plot_source){f->source[i].path, f->source[i].t, f->source[i].sampled, f->source[i].index};
    }
    make_title(f, title);
    int status = filters < f->sources ? -1 : filter_plot(o, f->script, source, f->sources, title);
    free(source);
    return status;
}

static int plot(struct figure *f, const options *o)
{
    int status = read_sources(f, o);
    if (status != STATUS_DONE) return status;
    status = plot_filters(f, o);
    if (status >= 0) return status;
    for (size_t i = 0; i < f->sources; i++)
        if (!f->source[i].sampled) add_source(f, &f->source[i]);
    for (size_t i = 0; i < f->sources; i++)
        if (f->source[i].sampled) add_source(f, &f->source[i]);
    if (f->curves == 0 && o->picture != NULL) return PLOT_NOTHING;
    if (f->curves == 0)
        return program_error(STATUS_USAGE, "plot: nothing to draw: no losses above 0 and no finite outliers or edges in %s", f->source[0].path);
    return gnuplot_draw(o, o->value[OPTION_output], f->script, write_plots, f);
}

/* Sweeps are drawn in their own way; all files are sweeps then. -1: these are none. */
static int plot_sweeps(const options *o)
{
    dmft_trajectory *run;
    struct sweep_source *source = calloc(o->arguments, sizeof *source);
    if (source == NULL) return program_error(STATUS_FAILED, "plot: out of memory");
    size_t sweeps = 0;
    int status = -1;
    for (size_t i = 0; i < o->arguments && status == -1; i++) {
        source[i].path = o->argument[i];
        int read = sweep_read_either(&run, &source[i].s, o->argument[i]);
        dmft_trajectory_free(run);
        sweeps += source[i].s != NULL;
        const char *kind = source[i].s != NULL ? dmft_sweep_text(source[i].s, "kind") : NULL;
        source[i].sampled = kind != NULL && strcmp(kind, "simulation") == 0;
        if (read != STATUS_DONE)
            status = read;
        else if (sweeps != 0 && sweeps != i + 1)
            status = program_error(STATUS_USAGE, "plot: %s is %s, %s is not: sweeps are drawn with sweeps", o->argument[i],
                                   source[i].s != NULL ? "a sweep" : "the result of one run", o->argument[0]);
        else if (sweeps == 0)
            break;
    }
    if (status == -1 && sweeps > 0) status = sweep_plot(o, source, o->arguments);
    for (size_t i = 0; i < o->arguments; i++) dmft_sweep_free(source[i].s);
    free(source);
    return status;
}

/* The first option that only sweeps have; NULL when none is given. */
static const char *sweep_option(const options *o)
{
    return options_given(o, OPTION_over)      ? "over"
           : options_given(o, OPTION_against) ? "against"
           : options_given(o, OPTION_map)     ? "map"
           : options_given(o, OPTION_step)    ? "step"
           : options_given(o, OPTION_range)   ? "range"
           : options_given(o, OPTION_series)  ? "series"
                                              : NULL;
}

int plot_results(const options *o)
{
    int status = plot_sweeps(o);
    if (status != -1) return status;
    if (sweep_option(o) != NULL)
        return program_error(STATUS_USAGE, "plot: %s is the result of one run; --%s is for sweeps", o->argument[0], sweep_option(o));
    struct figure *f = calloc(1, sizeof *f);
    struct source *source = calloc(o->arguments, sizeof *source);
    FILE *script = tmpfile();
    status = STATUS_FAILED;
    if (f == NULL || source == NULL || script == NULL)
        (void)program_error(STATUS_FAILED, "plot: no memory or no temporary file: %s", strerror(errno));
    else {
        f->source = source;
        f->script = script;
        status = plot(f, o);
        for (size_t i = 0; i < f->sources; i++) dmft_trajectory_free(source[i].t);
    }
    if (script != NULL) (void)fclose(script);
    free(source);
    free(f);
    return status;
}

int command_plot(const options *o)
{
    if (!options_given(o, OPTION_output)) return program_error(STATUS_USAGE, "plot: -o FIG.png, .svg or .pdf is missing");
    if (!gnuplot_draws(o->value[OPTION_output]))
        return program_error(STATUS_USAGE, "plot: the figure's name must end in .png, .svg or .pdf, got '%s'", o->value[OPTION_output]);
    return options_given(o, OPTION_spectra) ? spectra_plot(o) : plot_results(o);
}
