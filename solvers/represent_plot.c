/* The picture of dmft represent: a row a layer; the samples' coordinates at four snapshots, the first, those nearest to a quarter and three quarters of the
 * way, and the last; then the eigenvalues over time, absolute values. The first result is drawn as rings and lines, a second as dots with error bars. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/outline.h"
#include "gnuplot.h"
#include "represent.h"
#include "title.h"

enum { COLUMNS = 4, CURVES = 5, CLASSES = 7 }; /* CURVES: eigenvalues drawn; CLASSES: colours of gnuplot_colour */

struct picture {
    const struct represent *r;
    FILE *script;
    size_t snapshot[COLUMNS]; /* of the first file */
    int *class;               /* of each sample */
};

/* ---- classes ---- */

/* One output: the rank of the target among its values where these are few, else whether it is above the mean. */
static void find_ranks(const double *y, size_t P, int *class)
{
    double value[CLASSES], mean = 0.0;
    size_t distinct = 0;
    for (size_t mu = 0; mu < P; mu++) {
        size_t i = 0;
        while (i < distinct && i < CLASSES && value[i] != y[mu]) i++;
        if (i == distinct && i < CLASSES) value[i] = y[mu];
        distinct += i == distinct;
        mean += y[mu] / (double)P;
    }
    for (size_t mu = 0; mu < P; mu++) {
        class[mu] = distinct > CLASSES && y[mu] > mean;
        for (size_t i = 0; i < distinct && distinct <= CLASSES; i++) class[mu] += value[i] < y[mu];
    }
}

/* Of several outputs the largest. */
static void find_classes(const struct picture *p, const dmft_trajectory *t)
{
    size_t size[3], P = dmft_representation_samples(p->r->layer[0][p->r->first]);
    const double *y = dmft_trajectory_array(t, "target", size);
    if (y == NULL || size[0] != P || size[1] < 1 || size[2] != 1) return;
    if (size[1] == 1) find_ranks(y, P, p->class);
    for (size_t mu = 0; mu < P; mu++)
        for (size_t k = 1; k < size[1]; k++)
            if (y[mu * size[1] + k] > y[mu * size[1] + (size_t)p->class[mu]]) p->class[mu] = (int)k;
}

/* ---- data ---- */

/* The snapshot whose mean progress over the layers is nearest to this. */
static size_t snapshot_at(const struct represent *r, double progress)
{
    size_t n = dmft_representation_snapshots(r->layer[0][r->first]), best = 0;
    double least = INFINITY, se;
    for (size_t i = 0; i < n; i++) {
        double mean = 0.0;
        for (size_t l = r->first; l <= r->last; l++) mean += represent_value(r, 0, l, i, "progress", &se) / (double)(r->last - r->first + 1);
        if (isnan(mean)) mean = (double)i / (double)(n > 1 ? n - 1 : 1);
        if (fabs(mean - progress) >= least) continue;
        least = fabs(mean - progress);
        best = i;
    }
    return best;
}

/* The snapshot of a file at the step of the first file's; -1: it has none. */
static long same_step(const struct represent *r, size_t file, size_t l, size_t snapshot)
{
    double step = dmft_representation_step(r->layer[0][l], snapshot);
    for (size_t i = 0; i < dmft_representation_snapshots(r->layer[file][l]); i++)
        if (dmft_representation_step(r->layer[file][l], i) == step) return (long)i;
    return -1;
}

static void write_coordinates(const struct picture *p, size_t file, size_t l, size_t column)
{
    const dmft_representation *d = p->r->layer[file][l];
    long i = same_step(p->r, file, l, p->snapshot[column]);
    size_t k = dmft_representation_dimensions(d);
    (void)fprintf(p->script, "$x%zu_%zu_%zu << EOD\n", file, l, column);
    for (size_t mu = 0; i >= 0 && mu < dmft_representation_samples(d); mu++) {
        const double *x = dmft_representation_coordinates(d, (size_t)i) + mu * k;
        (void)fprintf(p->script, "%.6g %.6g %ld\n", x[0], k > 1 ? x[1] : 0.0, strtol(gnuplot_colour((size_t)p->class[mu]) + 1, NULL, 16));
    }
    if (i < 0) (void)fputs("nan nan 0\n", p->script);
    (void)fputs("EOD\n", p->script);
}

static void write_eigenvalues(const struct picture *p, size_t file, size_t l)
{
    const dmft_representation *d = p->r->layer[file][l];
    (void)fprintf(p->script, "$e%zu_%zu << EOD\n", file, l);
    for (size_t i = 0; i < dmft_representation_snapshots(d); i++) {
        (void)fprintf(p->script, "%.9g", dmft_representation_step(d, i));
        for (size_t j = 0; j < CURVES; j++) {
            double value = fabs(dmft_representation_eigenvalue(d, i, j)), error = dmft_representation_error(d, i, j);
            if (!isfinite(error)) error = 0.0;
            (void)fprintf(p->script, " %.6g %.6g", isgreater(value, 0.0) ? value : NAN, fmin(error, 0.99 * value)); /* the axis has no zero */
        }
        (void)fputc('\n', p->script);
    }
    (void)fputs("EOD\n", p->script);
}

static void write_data(const struct picture *p)
{
    for (size_t file = 0; file < p->r->files; file++)
        for (size_t l = p->r->first; l <= p->r->last; l++) {
            for (size_t column = 0; column < COLUMNS; column++) write_coordinates(p, file, l, column);
            write_eigenvalues(p, file, l);
        }
}

/* ---- the script ---- */

/* The main settings, and what is drawn how. */
static void write_title(const struct picture *p)
{
    char title[768] = "", value[64];
    const char *config = dmft_trajectory_text(p->r->t[0], "config");
    for (const struct title_setting *s = title_settings; config != NULL && s->key != NULL; s++) {
        char text[96];
        if (!outline_find(config, s->key, value, sizeof value)) continue;
        title_value(text, sizeof text, s->key, value);
        size_t have = strlen(title);
        (void)snprintf(title + have, sizeof title - have, "%s%s", have > 0 ? ", " : "", text);
    }
    size_t have = strlen(title);
    const char *kind[REPRESENT_FILES] = {NULL};
    for (size_t i = 0; i < p->r->files; i++) kind[i] = dmft_trajectory_text(p->r->t[i], "kind");
    if (p->r->files > 1)
        (void)snprintf(title + have, sizeof title - have, "%srings and lines: %s; dots: %s", have > 0 ? "; " : "",
                       kind[0] != NULL ? kind[0] : p->r->o->argument[0], kind[1] != NULL ? kind[1] : p->r->o->argument[1]);
    gnuplot_string(p->script, title);
}

/* Half of the side of the squares in which a layer's points are drawn, of all its pictures. */
static double extent(const struct picture *p, size_t l)
{
    double most = 0.0;
    for (size_t file = 0; file < p->r->files; file++) {
        const dmft_representation *d = p->r->layer[file][l];
        size_t numbers = dmft_representation_samples(d) * dmft_representation_dimensions(d);
        for (size_t i = 0; i < dmft_representation_snapshots(d); i++)
            for (size_t k = 0; k < numbers; k++) most = fmax(most, fabs(dmft_representation_coordinates(d, i)[k]));
    }
    return most > 0.0 ? 1.08 * most : 1.0;
}

/* 1, 2 or 5 times a power of ten, two or three to the range. */
static double tics(double range)
{
    double power = pow(10.0, floor(log10(range / 1.5))), part = range / 1.5 / power;
    return power * (part >= 5.0 ? 5.0 : part >= 2.0 ? 2.0 : 1.0);
}

static void write_points(const struct picture *p, size_t l, size_t column, double half)
{
    FILE *out = p->script;
    (void)fprintf(out, "unset logscale y; set format '%%g'; set xrange [%.4g:%.4g]; set yrange [%.4g:%.4g]; unset key\n", -half, half, -half, half);
    (void)fprintf(out, "set size ratio 1; set xtics %.4g; set ytics %.4g; set title '", tics(half), tics(half));
    if (column == 0) (void)fprintf(out, "layer %zu, ", l);
    (void)fprintf(out, "step %.0f' offset 0,-0.6; unset ylabel\n", dmft_representation_step(p->r->layer[0][l], p->snapshot[column]));
    if (column > 0) (void)fputs("set format y ''\n", out);
    (void)fprintf(out, "plot $x0_%zu_%zu using 1:2:3 with points pt 6 ps %s lw 1.4 lc rgb variable", l, column, p->r->files > 1 ? "1.3" : "0.9");
    if (p->r->files > 1) (void)fprintf(out, ", $x1_%zu_%zu using 1:2:3 with points pt 7 ps 0.55 lc rgb variable", l, column);
    (void)fputc('\n', out);
}

/* Whether a layer has a distance that is not 0: a logarithm has no place for others. */
static int has_distances(const dmft_representation *d)
{
    int some = 0;
    for (size_t i = 0; i < dmft_representation_snapshots(d); i++) some |= fabs(dmft_representation_eigenvalue(d, i, 0)) > 0.0;
    return some;
}

static void write_curves(const struct picture *p, size_t l)
{
    FILE *out = p->script;
    const dmft_representation *d = p->r->layer[0][l];
    size_t count = dmft_representation_eigenvalues(d), last = dmft_representation_snapshots(d) - 1;
    double end = last > 0 ? dmft_representation_step(d, last) : 1.0;
    (void)fprintf(out, "set xrange [0:%.6g]; set yrange [*:*]; set logscale y; set format y '10^{%%L}'\n", end);
    (void)fprintf(out, "set size ratio 1; set xtics %.4g; set ytics autofreq; set title '|eigenvalues| by step' offset 0,-0.6\n", tics(end));
    if (!has_distances(d)) {
        (void)fputs("unset logscale y; set yrange [0:1]; plot NaN notitle\n", out);
        return;
    }
    for (size_t j = 0; j < count && j < CURVES; j++) {
        (void)fprintf(out, "%s$e0_%zu using 1:%zu with lines lw 2 lc rgb '%s'", j > 0 ? ", \\\n  " : "plot ", l, 2 + 2 * j, gnuplot_colour(j));
        if (p->r->files > 1)
            (void)fprintf(out, ", $e1_%zu using 1:%zu:%zu with yerrorbars pt 7 ps 0.5 lc rgb '%s'", l, 2 + 2 * j, 3 + 2 * j, gnuplot_colour(j));
    }
    (void)fputc('\n', out);
}

/* The terminal with a height for this many rows, whatever its units: "size 22cm,20cm" stands in it. */
static void write_terminal(FILE *out, const char *terminal, size_t rows)
{
    const char *size = strstr(terminal, "size "), *comma = size != NULL ? strchr(size, ',') : NULL;
    char *unit = NULL;
    double height = comma != NULL ? strtod(comma + 1, &unit) : 0.0, part = 0.06 + 0.22 * (double)rows; /* of what five columns of squares leave */
    if (comma == NULL) (void)fprintf(out, "set terminal %s\n", terminal);
    else (void)fprintf(out, "set terminal %.*s,%.0f%s\n", (int)(comma - terminal), terminal, height * part, unit);
}

static void write_plots(void *figure, const char *terminal, const char *file)
{
    const struct picture *p = figure;
    const struct represent *r = p->r;
    (void)fputs("set encoding utf8\n", p->script);
    write_terminal(p->script, terminal, r->last - r->first + 1);
    (void)fputs("set output ", p->script);
    gnuplot_string(p->script, file);
    (void)fprintf(p->script,
                  "\nset grid lt 1 lw 0.5 lc rgb '#dddddd'\nset tics nomirror scale 0.5 font ',10'\nset border 3\nset bars 0.5\n"
                  "set lmargin 5\nset rmargin 0.5\nset tmargin 1.8\nset bmargin 1.6\nset title font ',11'\nset multiplot layout %zu,%d title ",
                  r->last - r->first + 1, COLUMNS + 1);
    write_title(p);
    (void)fputs(" noenhanced font ',12' offset 0,0.3\n", p->script);
    for (size_t l = r->first; l <= r->last; l++) {
        double half = extent(p, l);
        for (size_t column = 0; column < COLUMNS; column++) write_points(p, l, column, half);
        write_curves(p, l);
    }
    (void)fputs("unset multiplot\nset output\n", p->script);
}

int represent_plot(const struct represent *r)
{
    size_t P = dmft_representation_samples(r->layer[0][r->first]);
    struct picture p = {.r = r, .script = tmpfile(), .class = calloc(P, sizeof *p.class)};
    int status = STATUS_FAILED;
    if (p.script == NULL || p.class == NULL)
        (void)program_error(STATUS_FAILED, "represent: no memory or no temporary file: %s", strerror(errno));
    else {
        static const double at[COLUMNS] = {0.0, 0.25, 0.75, 1.0};
        for (size_t column = 0; column < COLUMNS; column++) p.snapshot[column] = snapshot_at(r, at[column]);
        p.snapshot[0] = 0;
        p.snapshot[COLUMNS - 1] = dmft_representation_snapshots(r->layer[0][r->first]) - 1;
        find_classes(&p, r->t[0]);
        write_data(&p);
        status = gnuplot_draw(r->o, r->o->value[OPTION_output], p.script, write_plots, &p);
    }
    if (p.script != NULL) (void)fclose(p.script);
    free(p.class);
    return status;
}
