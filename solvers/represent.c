/* dmft represent: eigenvalues, bands, coordinates and course of the representations of the samples, layer by layer, of one result or of two over each
 * other; (RM1)-(RM11) of doc/theory.md. */
#include <math.h>
#include <stdio.h>

#include "gnuplot.h"
#include "io/json.h"
#include "represent.h"

enum { NAME = 64, SHOWN = 4, BANDS = 32 }; /* SHOWN: eigenvalues of the table for people */

double represent_value(const struct represent *r, size_t file, size_t l, size_t snapshot, const char *what, double *error)
{
    char name[NAME];
    size_t every = (size_t)dmft_trajectory_number(r->t[file], "representations_every");
    (void)snprintf(name, sizeof name, "D%zu_%s", l, what);
    const double *value = dmft_trajectory_series(r->t[file], name), *se = dmft_trajectory_errors(r->t[file], name);
    *error = value == NULL ? NAN : se != NULL ? se[snapshot * every] : 0.0;
    return value != NULL ? value[snapshot * every] : NAN;
}

/* Gaps between eigenvalues, "1|3", "-" where there are none. */
static void write_bands(char out[BANDS], const dmft_representation *d, size_t snapshot)
{
    size_t count, length = 0;
    const size_t *band = dmft_representation_bands(d, snapshot, &count);
    (void)snprintf(out, BANDS, "-");
    for (size_t i = 0; i < count && length < BANDS; i++) length += (size_t)snprintf(out + length, BANDS - length, "%s%zu", i > 0 ? "|" : "", band[i]);
}

/* ---- for people ---- */

static void print_course(const struct represent *r, size_t file, size_t l)
{
    const dmft_relaxation *x = dmft_representation_relaxation(r->layer[file][l]);
    (void)printf("layer %zu: %s", l, dmft_relaxation_text(x->verdict));
    if (!isnan(x->departure))
        (void)printf(": %.3g of the way came later than in a change that slows down; noise alone: %.2g (level 0.05), p = %.2g", x->departure, x->critical,
                     x->p_value);
    if (!isnan(x->from)) (void)printf("; fastest between steps %.0f and %.0f, %.3g times the speed before", x->from, x->to, x->quickening);
    (void)putchar('\n');
}

static void print_head(const dmft_representation *d)
{
    size_t shown = dmft_representation_eigenvalues(d);
    (void)printf("%8s", "step");
    for (size_t j = 0; j < shown && j < SHOWN; j++) (void)printf("  eigenvalue%zu", j + 1);
    (void)printf("  %9s  %5s  %9s  %18s  %10s  %10s\n", "separated", "bands", "explained", "progress", "change", "noise");
}

static void print_layer(const struct represent *r, size_t file, size_t l)
{
    const dmft_representation *d = r->layer[file][l];
    print_course(r, file, l);
    print_head(d);
    for (size_t i = 0; i < dmft_representation_snapshots(d); i++) {
        char bands[BANDS];
        double se, none, progress = represent_value(r, file, l, i, "progress", &se), change = represent_value(r, file, l, i, "change", &none);
        double noise = represent_value(r, file, l, i, "change_noise", &none);
        write_bands(bands, d, i);
        (void)printf("%8.0f", dmft_representation_step(d, i));
        for (size_t j = 0; j < dmft_representation_eigenvalues(d) && j < SHOWN; j++) (void)printf("  %11.5g", dmft_representation_eigenvalue(d, i, j));
        (void)printf("  %9zu  %5s  %9.4f  %8.4f +- %6.2g  %10.4g  %10.2g\n", dmft_representation_separated(d, i), bands, dmft_representation_explained(d, i),
                     progress, se, change, noise);
    }
}

/* ---- CSV ---- */

static void print_number(double value)
{
    if (isnan(value)) (void)fputs(",nan", stdout);
    else (void)printf(",%.12g", value);
}

static void print_csv_head(const struct represent *r)
{
    size_t shown = dmft_representation_eigenvalues(r->layer[0][r->first]);
    (void)fputs("layer,step", stdout);
    for (size_t j = 1; j <= shown; j++) (void)printf(",eigenvalue%zu,eigenvalue%zu_se", j, j);
    (void)puts(",separated,explained,progress,progress_se,change,change_se,change_noise,verdict,departure,critical,p_value");
}

static void print_csv_layer(const struct represent *r, size_t l)
{
    const dmft_representation *d = r->layer[0][l];
    const dmft_relaxation *x = dmft_representation_relaxation(d);
    static const char *const series[] = {"progress", "change"};
    for (size_t i = 0; i < dmft_representation_snapshots(d); i++) {
        double se;
        (void)printf("%zu,%.12g", l, dmft_representation_step(d, i));
        for (size_t j = 0; j < dmft_representation_eigenvalues(d); j++) {
            print_number(dmft_representation_eigenvalue(d, i, j));
            print_number(dmft_representation_error(d, i, j));
        }
        (void)printf(",%zu", dmft_representation_separated(d, i));
        print_number(dmft_representation_explained(d, i));
        for (size_t k = 0; k < sizeof series / sizeof *series; k++) {
            double value = represent_value(r, 0, l, i, series[k], &se);
            print_number(value);
            print_number(isnan(value) ? NAN : se);
        }
        print_number(represent_value(r, 0, l, i, "change_noise", &se));
        (void)printf(",%s", dmft_relaxation_text(x->verdict));
        print_number(x->departure);
        print_number(x->critical);
        print_number(x->p_value);
        (void)putchar('\n');
    }
}

/* ---- JSON ---- */

static void json_value(int *count, const char *name, double value)
{
    json_key(stdout, count, name, "      ");
    json_number(stdout, value, 12);
}

static void json_snapshot(const struct represent *r, size_t l, size_t i)
{
    const dmft_representation *d = r->layer[0][l];
    const double *x = dmft_representation_coordinates(d, i);
    size_t k = dmft_representation_dimensions(d), gaps;
    const size_t *band = dmft_representation_bands(d, i, &gaps);
    double se, progress = represent_value(r, 0, l, i, "progress", &se), none;
    (void)printf("%s\n        {\"step\": %.0f, \"eigenvalues\": [", i > 0 ? "," : "", dmft_representation_step(d, i));
    for (size_t j = 0; j < dmft_representation_eigenvalues(d); j++) {
        (void)fputs(j > 0 ? ", " : "", stdout);
        json_number(stdout, dmft_representation_eigenvalue(d, i, j), 12);
    }
    (void)fputs("], \"errors\": [", stdout);
    for (size_t j = 0; j < dmft_representation_eigenvalues(d); j++) {
        (void)fputs(j > 0 ? ", " : "", stdout);
        json_number(stdout, dmft_representation_error(d, i, j), 12);
    }
    (void)printf("], \"separated\": %zu, \"bands\": [", dmft_representation_separated(d, i));
    for (size_t j = 0; j < gaps; j++) (void)printf("%s%zu", j > 0 ? ", " : "", band[j]);
    const char *name[] = {"], \"explained\": ", ", \"progress\": ", ", \"progress_se\": ", ", \"change\": ", ", \"change_noise\": "};
    double value[] = {dmft_representation_explained(d, i), progress, se, represent_value(r, 0, l, i, "change", &none),
                      represent_value(r, 0, l, i, "change_noise", &none)};
    for (size_t j = 0; j < sizeof value / sizeof *value; j++) {
        (void)fputs(name[j], stdout);
        json_number(stdout, value[j], 12);
    }
    (void)fputs(", \"coordinates\": [", stdout);
    for (size_t mu = 0; mu < dmft_representation_samples(d); mu++) {
        for (size_t a = 0; a < k; a++) {
            (void)fputs(a > 0 ? ", " : mu > 0 ? "], [" : "[", stdout);
            json_number(stdout, x[mu * k + a], 12);
        }
    }
    (void)fputs("]]}", stdout);
}

static void json_layer(const struct represent *r, size_t l)
{
    int count = 0;
    const dmft_representation *d = r->layer[0][l];
    const dmft_relaxation *x = dmft_representation_relaxation(d);
    (void)printf("%s\n    {", l > r->first ? "," : "");
    json_value(&count, "layer", (double)l);
    json_key(stdout, &count, "verdict", "      ");
    json_text(stdout, dmft_relaxation_text(x->verdict));
    json_value(&count, "departure", x->departure);
    json_value(&count, "critical", x->critical);
    json_value(&count, "p_value", x->p_value);
    json_value(&count, "from", x->from);
    json_value(&count, "to", x->to);
    json_value(&count, "quickening", x->quickening);
    json_key(stdout, &count, "snapshots", "      ");
    (void)putchar('[');
    for (size_t i = 0; i < dmft_representation_snapshots(d); i++) json_snapshot(r, l, i);
    (void)fputs("\n      ]\n    }", stdout);
}

static void print_json_all(const struct represent *r)
{
    int count = 0;
    (void)putchar('{');
    json_key(stdout, &count, "kind", "  ");
    json_text(stdout, "representations");
    json_key(stdout, &count, "layers", "  ");
    (void)putchar('[');
    for (size_t l = r->first; l <= r->last; l++) json_layer(r, l);
    (void)fputs("\n  ]", stdout);
    json_key(stdout, &count, "parameters", "  ");
    json_parameters(stdout, dmft_trajectory_text(r->t[0], "config"));
    (void)fputs("\n}\n", stdout);
}

/* ---- the command ---- */

static void print_all(const struct represent *r)
{
    if (options_given(r->o, OPTION_json)) {
        print_json_all(r);
        return;
    }
    if (options_given(r->o, OPTION_csv)) print_csv_head(r);
    for (size_t l = r->first; l <= r->last; l++) {
        if (options_given(r->o, OPTION_csv)) print_csv_layer(r, l);
        for (size_t i = 0; i < r->files && !options_given(r->o, OPTION_csv); i++) {
            if (r->files > 1) (void)printf("%s, ", r->o->argument[i]);
            print_layer(r, i, l);
        }
    }
}

static int choose_layers(struct represent *r)
{
    char name[NAME];
    double layer;
    r->first = r->last = 1;
    if (options_given(r->o, OPTION_layer)) {
        int status = options_number(r->o, OPTION_layer, 1, REPRESENT_LAYERS, 1, &layer);
        r->first = r->last = status == 0 ? (size_t)layer : 1;
        return status;
    }
    for (;; r->last++) {
        (void)snprintf(name, sizeof name, "D%zu", r->last + 1);
        if (r->last == REPRESENT_LAYERS || dmft_trajectory_array(r->t[0], name, NULL) == NULL) return STATUS_DONE;
    }
}

static int read_layers(struct represent *r)
{
    dmft_error err;
    for (size_t i = 0; i < r->files; i++)
        for (size_t l = r->first; l <= r->last; l++) {
            int status = dmft_representation_create(&r->layer[i][l], r->t[i], l, &err);
            if (status == DMFT_OK && i > 0) status = dmft_representation_align(r->layer[i][l], r->layer[0][l], &err);
            if (status != DMFT_OK) return program_error(program_status(status), "represent: %s: %s", r->o->argument[i], err.text);
        }
    return STATUS_DONE;
}

static int represent(struct represent *r)
{
    int status = STATUS_DONE;
    for (size_t i = 0; i < r->files && status == STATUS_DONE; i++) status = program_read(&r->t[i], r->o->argument[i]);
    if (status == STATUS_DONE) status = choose_layers(r);
    if (status == STATUS_DONE) status = read_layers(r);
    if (status != STATUS_DONE) return status;
    int picture = options_given(r->o, OPTION_output);
    if (!picture || options_given(r->o, OPTION_csv) || options_given(r->o, OPTION_json) || !options_given(r->o, OPTION_quiet)) print_all(r);
    return picture ? represent_plot(r) : STATUS_DONE;
}

int command_represent(const options *o)
{
    struct represent r = {.o = o, .files = o->arguments};
    const char *figure = o->value[OPTION_output];
    if (options_given(o, OPTION_csv) && options_given(o, OPTION_json))
        return program_error(STATUS_USAGE, "represent: --csv and --json exclude each other");
    if (o->arguments > 1 && (options_given(o, OPTION_csv) || options_given(o, OPTION_json)))
        return program_error(STATUS_USAGE, "represent: --csv and --json take one file; two are for the table and -o FIG");
    if (figure != NULL && !gnuplot_draws(figure))
        return program_error(STATUS_USAGE, "represent: the figure's name must end in .png, .svg or .pdf, got '%s'", figure);
    int status = represent(&r);
    for (size_t i = 0; i < r.files; i++) {
        for (size_t l = 0; l <= REPRESENT_LAYERS; l++) dmft_representation_free(r.layer[i][l]);
        dmft_trajectory_free(r.t[i]);
    }
    return status;
}
