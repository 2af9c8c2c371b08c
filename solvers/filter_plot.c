/* Results of model low_degree_filter: errors and overlaps against the layer, and below them the spectrum of the moment in the first layers:
 * eigenvalues of either sign by rank, and the edges for permuted labels (of the first file). Theory is drawn as lines, samples as points. */
#include "filter_plot.h"

#include <math.h>
#include <string.h>

#include "gnuplot.h"
#include "program.h"

enum { SPECTRA = 3, MOST_SOURCES = 7, MOST_ENDS = 16, NAME = 48, QUANTILES = 64 };

struct figure {
    FILE *script;
    const struct filter_plot_source *source;
    size_t sources;
    int many; /* several files of a kind: the colour tells the file */
    const char *title;
};

struct quantity {
    const char *series, *label;
};

static const struct quantity errors[] = {{"test_error", "test"}, {"train_error", "training"}, {"kernel_test_error", "test, before the filter"}};
static const struct quantity overlaps[] = {{"target_overlap", "labels"}, {"overlap1", "term 1"}, {"overlap2", "term 2"}, {"overlap3", "term 3"},
                                           {"overlap4", "term 4"}};

static double value_at(const dmft_trajectory *t, const char *name, size_t row)
{
    const double *x = dmft_trajectory_series(t, name);
    return x != NULL && row < dmft_trajectory_rows(t) ? x[row] : NAN;
}

/* ---- curves over the layers ---- */

static int has_numbers(const dmft_trajectory *t, const char *name)
{
    for (size_t row = 0; row < dmft_trajectory_rows(t); row++)
        if (isfinite(value_at(t, name, row))) return 1;
    return 0;
}

static void write_series(const struct figure *f, const struct filter_plot_source *s, const char *name, const char *block)
{
    const double *error = dmft_trajectory_errors(s->t, name);
    (void)fprintf(f->script, "$%s << EOD\n", block);
    for (size_t row = 0; row < dmft_trajectory_rows(s->t); row++) {
        double y = value_at(s->t, name, row), e = error != NULL && isfinite(error[row]) ? error[row] : 0.0;
        if (isfinite(y)) (void)fprintf(f->script, "%zu %.9g %.9g\n", row, y, e);
    }
    (void)fputs("EOD\n", f->script);
}

/* All data before the plot command, which names them again. */
static void write_layers(const struct figure *f, char tag, const struct quantity *quantity, size_t quantities)
{
    static const char *const dash[] = {"1", "'_-'", "'.'", "'-.'", "'-..'"};
    static const int shape[] = {7, 5, 9, 13, 6};
    const char *separator = "plot ";
    char block[48];
    for (int drawing = 0; drawing < 2; drawing++)
        for (size_t i = 0; i < f->sources; i++)
            for (size_t q = 0; q < quantities; q++) {
                const struct filter_plot_source *s = &f->source[i];
                char label[160];
                if (!has_numbers(s->t, quantity[q].series)) continue;
                (void)snprintf(block, sizeof block, "%c%zu_%zu", tag, i % MOST_SOURCES, q);
                if (!drawing) {
                    write_series(f, s, quantity[q].series, block);
                    continue;
                }
                const char *colour = gnuplot_colour(f->many ? s->index : q);
                (void)snprintf(label, sizeof label, "%s, %s", quantity[q].label, f->many ? s->path : s->sampled ? "sampled" : "theory");
                if (s->sampled)
                    (void)fprintf(f->script, "%s$%s using 1:2:3 with yerrorbars lc rgb '%s' pt %d ps 0.9 lw 1.3 title ", separator, block, colour, shape[q]);
                else
                    (void)fprintf(f->script, "%s$%s using 1:2 with lines lc rgb '%s' lw 2.2 dt %s title ", separator, block, colour,
                                  dash[f->many ? q : 0]);
                gnuplot_string(f->script, label);
                separator = ", ";
            }
    (void)fputc('\n', f->script);
}

/* ---- spectra ---- */

/* An eigenvalue by its rank from one end, 1 the outermost: those that were recorded one by one, then quantiles of all n. */
static void write_rank(const struct figure *f, double rank, double value, int end)
{
    double size = end == 0 ? value : -value;
    if (size > 0.0) (void)fprintf(f->script, "%.9g %.9g\n", rank, size);
}

static void write_ranks(const struct figure *f, const struct filter_plot_source *s, size_t layer, int end, const char *block)
{
    char name[NAME];
    size_t ends = 0;
    double n = dmft_trajectory_number(s->t, "samples");
    (void)fprintf(f->script, "$%s << EOD\n", block);
    for (size_t j = 1; j <= MOST_ENDS; j++) {
        (void)snprintf(name, sizeof name, "eigenvalue_%s%zu", end == 0 ? "top" : "bottom", j);
        double value = value_at(s->t, name, layer);
        if (!isfinite(value)) break;
        write_rank(f, (double)j, value, end);
        ends = j;
    }
    for (size_t b = 0; b <= QUANTILES; b++) {
        double rank = 1.0 + (double)b * (n - 1.0) / QUANTILES;
        (void)snprintf(name, sizeof name, "spectrum%zu", end == 0 ? QUANTILES - b : b);
        if (rank > (double)ends + 0.5) write_rank(f, rank, value_at(s->t, name, layer), end);
    }
    (void)fputs("EOD\n", f->script);
}

/* A level over the whole panel. */
static void write_edge(const struct figure *f, double level, const char *dash)
{
    if (level > 0.0)
        (void)fprintf(f->script, "set arrow from graph 0, first %.9g to graph 1, first %.9g nohead lc rgb '#888888' lw 1.3 dt %s\n", level, level, dash);
}

static void name_block(char block[NAME], size_t source, size_t layer, int end)
{
    (void)snprintf(block, NAME, "s%zu_%zu_%d", source, layer, end);
}

static void write_spectrum(const struct figure *f, size_t layer)
{
    static const char *const line[] = {"lines lw 2", "lines lw 2 dt '_-'"}, *const point[] = {"points pt 7 ps 0.7", "points pt 6 ps 0.7"};
    static const char *const side[] = {"> 0", "< 0"};
    const char *separator = "plot ";
    char block[NAME], label[160];
    (void)fputs("unset arrow\n", f->script);
    for (size_t i = 0; i < f->sources; i++)
        for (int end = 0; end < 2; end++) {
            name_block(block, i, layer, end);
            write_ranks(f, &f->source[i], layer, end, block);
        }
    write_edge(f, value_at(f->source[0].t, "edge_upper", layer), "1");
    write_edge(f, -value_at(f->source[0].t, "edge_lower", layer), "'_-'");
    (void)fprintf(f->script, "set title 'layer %zu'\n", layer);
    for (size_t i = 0; i < f->sources; i++)
        for (int end = 0; end < 2; end++) {
            const struct filter_plot_source *s = &f->source[i];
            name_block(block, i, layer, end);
            (void)snprintf(label, sizeof label, "%s %s", side[end], f->many ? s->path : s->sampled ? "sampled" : "theory");
            (void)fprintf(f->script, "%s$%s using 1:2 with %s lc rgb '%s' title ", separator, block, s->sampled ? point[end] : line[end],
                          gnuplot_colour(f->many ? s->index : (size_t)end));
            gnuplot_string(f->script, label);
            separator = ", ";
        }
    (void)fputc('\n', f->script);
}

/* ---- the script ---- */

static size_t layers_of(const struct figure *f)
{
    size_t layers = 0;
    for (size_t i = 0; i < f->sources; i++)
        if (dmft_trajectory_rows(f->source[i].t) > layers + 1) layers = dmft_trajectory_rows(f->source[i].t) - 1;
    return layers;
}

static void write_plots(void *figure, const char *terminal, const char *file)
{
    const struct figure *f = figure;
    size_t layers = layers_of(f), spectra = layers < SPECTRA ? layers : SPECTRA;
    (void)fprintf(f->script, "set encoding utf8\nset terminal %s\nset output ", terminal);
    gnuplot_string(f->script, file);
    (void)fputs("\nset grid lt 1 lw 0.5 lc rgb '#dddddd'\nset key at graph 1.03, graph 1 left top noenhanced samplen 2.5 spacing 1.2 Left reverse\n"
                "set bars 0.6\nset tics nomirror\nset border 3\nset multiplot title ",
                f->script);
    gnuplot_string(f->script, f->title);
    (void)fprintf(f->script,
                  " noenhanced\nset lmargin 12\nset rmargin 40\nset xlabel 'layer' offset 0,0.5\nset xtics 1\nset size 1,0.32\n"
                  "set xrange [-0.1:%.1f]\nset yrange [0:*]\nset origin 0,0.65\nset ylabel 'part of signs wrong'\n",
                  (double)layers + 0.1);
    write_layers(f, 'e', errors, sizeof errors / sizeof *errors);
    (void)fputs("set yrange [*:*]\nset origin 0,0.33\nset ylabel 'part of variance held'\n", f->script);
    write_layers(f, 'o', overlaps, sizeof overlaps / sizeof *overlaps);
    (void)fprintf(f->script,
                  "set key bottom left inside font ',11' samplen 1.5 spacing 1\nset logscale xy\nset format xy '10^{%%L}'\nset xtics autofreq\nset rmargin 2\n"
                  "set xlabel 'rank'\nset size %.4f,0.32\nset ylabel '|eigenvalue|'\nset lmargin 9\nset xrange [0.8:*]\nset yrange [1e-6:*]\n",
                  1.0 / (double)(spectra > 0 ? spectra : 1));
    for (size_t layer = 1; layer <= spectra; layer++) {
        (void)fprintf(f->script, "set origin %.4f,0\n", (double)(layer - 1) / (double)spectra);
        write_spectrum(f, layer);
        (void)fputs("unset key\n", f->script);
    }
    (void)fputs("unset multiplot\nset output\n", f->script);
}

int filter_plot(const options *o, FILE *script, const struct filter_plot_source *source, size_t count, const char *title)
{
    struct figure f = {.script = script, .source = source, .sources = count, .title = title};
    if (count > MOST_SOURCES) return program_error(STATUS_USAGE, "plot: at most %d files of model low_degree_filter, got %zu", MOST_SOURCES, count);
    for (size_t i = 0; i < count; i++) f.many = f.many || source[i].index > 0;
    return gnuplot_draw(o, o->value[OPTION_output], script, write_plots, &f);
}
