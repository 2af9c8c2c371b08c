/* dmft plot --spectra: spectra of the weights, the conjugate kernel and the NTK before and after training (model two_layer_linear_width), one row of panels
 * a file of sampled networks, with the initial laws of the theory where its file is given. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/outline.h"
#include "gnuplot.h"
#include "program.h"
#include "spectra_plot.h"
#include "title.h"

enum { PANELS = 3, BINS = 64, MOST_ROWS = 8 };

static const struct {
    const char *spectrum, *density, *title, *axis, *ordinate;
} panels[PANELS] = {
    {"weight_spectrum", "weight_density", "weights", "singular value s", "density in ln s"},
    {"ck_spectrum", "ck_density", "conjugate kernel", "eigenvalue λ", "density in ln λ"},
    {"ntk_spectrum", "ntk_density", "NTK", "eigenvalue λ", "density in ln λ"},
};

/* Eigenvalues below this part of the largest are the zeros of a kernel of low rank, and have no place on a logarithmic axis. */
static const double zero_part = 1e-6;

struct spectra {
    const dmft_trajectory *theory, *row[MOST_ROWS];
    size_t rows;
    FILE *script;
    double range[PANELS][2]; /* of the logarithms of the abscissa */
    double floor[PANELS];    /* of the ordinate */
};

/* What all files of a column reach. */
static void find_range(struct spectra *f, int panel)
{
    double low = INFINITY, high = -INFINITY, top = 0.0, least = 1.0;
    size_t size[3];
    for (size_t r = 0; r < f->rows; r++) {
        const double *x = dmft_trajectory_array(f->row[r], panels[panel].spectrum, size);
        for (size_t i = 0; i < size[0] * size[1]; i++) top = fmax(top, x[i]);
        least = fmin(least, 1.0 / (double)size[1]);
    }
    for (size_t r = 0; r < f->rows; r++) {
        const double *x = dmft_trajectory_array(f->row[r], panels[panel].spectrum, size);
        for (size_t i = 0; i < size[0] * size[1]; i++) {
            if (!(x[i] > zero_part * top)) continue;
            low = fmin(low, log(x[i]));
            high = fmax(high, log(x[i]));
        }
    }
    double margin = 0.03 * (high - low);
    f->range[panel][0] = low - margin;
    f->range[panel][1] = high + margin;
    f->floor[panel] = 0.4 * least * BINS / (f->range[panel][1] - f->range[panel][0]);
}

/* Density of the logarithms of n values as steps. */
static void write_histogram(const struct spectra *f, int panel, const double *x, size_t n)
{
    double low = f->range[panel][0], width = (f->range[panel][1] - low) / BINS;
    size_t count[BINS] = {0};
    for (size_t i = 0; i < n; i++) {
        double bin = x[i] > 0.0 ? floor((log(x[i]) - low) / width) : -1.0;
        if (bin >= 0.0 && bin < BINS) count[(size_t)bin]++;
    }
    for (size_t b = 0; b < BINS; b++)
        for (int side = 0; side < 2; side++) {
            double height = (double)count[b] / ((double)n * width);
            (void)fprintf(f->script, "%.7g %.7g\n", exp(low + width * (double)(b + (size_t)side)), fmax(height, 0.1 * f->floor[panel]));
        }
}

static void write_data(const struct spectra *f, size_t r, int panel)
{
    size_t size[3];
    const double *x = dmft_trajectory_array(f->row[r], panels[panel].spectrum, size);
    for (size_t when = 0; when < 2; when++) {
        (void)fprintf(f->script, "$h%zu_%d_%zu << EOD\n", r, panel, when);
        write_histogram(f, panel, x + when * size[1], size[1]);
        (void)fputs("EOD\n", f->script);
    }
}

/* Bands of the law apart: a point at a new band does not join the one before, of which it is farther than three points are. */
static int write_law(const struct spectra *f, int panel)
{
    size_t size[3];
    const double *law = f->theory != NULL ? dmft_trajectory_array(f->theory, panels[panel].density, size) : NULL;
    if (law == NULL) return 0;
    (void)fprintf(f->script, "$law%d << EOD\n", panel);
    for (size_t i = 0; i < size[0]; i++) {
        double x = law[2 * i], y = x * law[2 * i + 1];
        if (i > 1 && law[2 * i] - law[2 * i - 2] > 3.0 * (law[2 * i - 2] - law[2 * i - 4]) && law[2 * i + 1] < law[2 * i - 1]) (void)fputc('\n', f->script);
        (void)fprintf(f->script, "%.7g %.7g\n", x, fmax(y, 0.1 * f->floor[panel]));
    }
    (void)fputs("EOD\n", f->script);
    return 1;
}

/* "adam, η = 5". */
static void write_label(const struct spectra *f, size_t r)
{
    char value[64] = "", rate[64] = "", text[160];
    const char *config = dmft_trajectory_text(f->row[r], "config");
    if (config != NULL && outline_find(config, "training.optimizer", value, sizeof value) &&
        outline_find(config, "training.learning_rate", rate, sizeof rate))
        (void)snprintf(text, sizeof text, "%s, η = %s: ", value, rate);
    else
        (void)snprintf(text, sizeof text, "file %zu: ", r + 1);
    gnuplot_string(f->script, text);
}

static void write_panel(const struct spectra *f, size_t r, int panel, int law)
{
    FILE *out = f->script;
    (void)fprintf(out, "set title ");
    if (panel == 0) {
        write_label(f, r);
        (void)fputc('.', out);
    }
    gnuplot_string(out, panels[panel].title);
    (void)fprintf(out, " noenhanced\nset xlabel '%s'\nset ylabel '%s'\nset xrange [%.6g:%.6g]\nset yrange [%.6g:*]\n",
                  r + 1 == f->rows ? panels[panel].axis : "", panels[panel].ordinate, exp(f->range[panel][0]), exp(f->range[panel][1]), f->floor[panel]);
    double decades = (f->range[panel][1] - f->range[panel][0]) / log(10.0);
    (void)fprintf(out, "set xtics %s\nset key %s\n", decades > 4.5 ? "100" : "10", r == 0 && panel == 1 ? "on" : "off");
    (void)fprintf(out,
                  "plot $h%zu_%d_0 using 1:2 with filledcurves y1=%.6g lc rgb '#cccccc' title 'before', \\\n"
                  "  $h%zu_%d_1 using 1:2 with lines lc rgb '%s' lw 1.8 title 'after'",
                  r, panel, 0.1 * f->floor[panel], r, panel, gnuplot_colour(r));
    if (law) (void)fprintf(out, ", \\\n  $law%d using 1:2 with lines lc rgb 'black' lw 1.2 title 'initial law'", panel);
    (void)fputc('\n', out);
}

static void write_plots(void *figure, const char *terminal, const char *file)
{
    struct spectra *f = figure;
    int law[PANELS];
    for (int panel = 0; panel < PANELS; panel++) {
        find_range(f, panel);
        law[panel] = write_law(f, panel);
        for (size_t r = 0; r < f->rows; r++) write_data(f, r, panel);
    }
    (void)fprintf(f->script, "set encoding utf8\nset terminal %s\nset output ", terminal);
    gnuplot_string(f->script, file);
    (void)fprintf(f->script,
                  "\nset grid lt 1 lw 0.5 lc rgb '#dddddd'\nset tics nomirror\nset border 3\nset logscale xy\nset format xy '10^{%%L}'\n"
                  "set key top right samplen 1.5 spacing 1.1\nset style fill solid\nset multiplot layout %zu,%d\n",
                  f->rows, PANELS);
    for (size_t r = 0; r < f->rows; r++)
        for (int panel = 0; panel < PANELS; panel++) write_panel(f, r, panel, law[panel]);
    (void)fputs("unset multiplot\nset output\n", f->script);
}

/* A file goes to the theory or to the rows. */
static int enter(struct spectra *f, const char *path, const dmft_trajectory *t)
{
    size_t size[3];
    const char *kind = dmft_trajectory_text(t, "kind");
    if (kind != NULL && strcmp(kind, "theory") == 0 && dmft_trajectory_array(t, panels[0].density, size) != NULL) {
        if (f->theory != NULL) return program_error(STATUS_USAGE, "plot: --spectra takes one file of the theory, %s is another", path);
        f->theory = t;
        return STATUS_DONE;
    }
    for (int panel = 0; panel < PANELS; panel++)
        if (dmft_trajectory_array(t, panels[panel].spectrum, size) == NULL || size[0] != 2)
            return program_error(STATUS_USAGE, "plot: %s holds no spectra: simulations of two_layer_linear_width do that did not diverge", path);
    if (f->rows == MOST_ROWS) return program_error(STATUS_USAGE, "plot: --spectra draws at most %d files, %s is one more", MOST_ROWS, path);
    f->row[f->rows++] = t;
    return STATUS_DONE;
}

int spectra_plot(const options *o)
{
    struct spectra f = {.script = tmpfile()};
    dmft_trajectory **t = calloc(o->arguments, sizeof(dmft_trajectory *));
    int status = t != NULL && f.script != NULL ? STATUS_DONE : program_error(STATUS_FAILED, "plot: no memory or no temporary file: %s", strerror(errno));
    for (size_t i = 0; i < o->arguments && status == STATUS_DONE; i++) {
        status = program_read(&t[i], o->argument[i]);
        if (status == STATUS_DONE) status = enter(&f, o->argument[i], t[i]);
    }
    if (status == STATUS_DONE && f.rows == 0) status = program_error(STATUS_USAGE, "plot: --spectra needs a file of sampled networks");
    if (status == STATUS_DONE) status = gnuplot_draw(o, o->value[OPTION_output], f.script, write_plots, &f);
    for (size_t i = 0; t != NULL && i < o->arguments; i++) dmft_trajectory_free(t[i]);
    free(t);
    if (f.script != NULL) (void)fclose(f.script);
    return status;
}
