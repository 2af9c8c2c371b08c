/* What a reader of results should know before trusting them: runs that diverged or nearly did, errors that are not there or not sure, coarse settings. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/outline.h"
#include "base/trajectory.h"
#include "html.h"
#include "io/number.h"
#include "program.h"
#include "report.h"
#include "run.h"

/* A standard error of n members has itself the relative error 1/sqrt(2 (n - 1)): a quarter at 8. */
static const double few_members = 8;
/* A tenth of the 2 of plain descent: the learning rate is then within 10 % of the one that diverges. */
static const double small_margin = 0.2;
/* Settings of accuracy above this show in four digits. */
static const double coarse_tolerance = 1e-4;
/* Directions met beyond ten times the tolerance, (G8): the kernels have lost a digit to what the configuration asks for. */
static const double coarse_factor = 10;
/* A loss that falls by a quarter of its range between two nodes of a flow: what is interpolated between them is guessed. */
static const double large_change = 0.25;

static void warn(FILE *out, const struct report_file *f, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void warn(FILE *out, const struct report_file *f, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    /* clang-tidy 14 takes the list for uninitialised between va_start and va_end. */
    (void)vsnprintf(text, sizeof text, format, arguments); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(arguments);
    (void)fputs("<li><code>", out);
    html_text(out, f->path);
    (void)fputs("</code>: ", out);
    html_text(out, text);
    (void)fputs("</li>\n", out);
}

/* A setting that is a number; nan where there is none. */
static double setting(const struct report_file *f, const char *key)
{
    char text[64];
    double value;
    if (f->config == NULL || !outline_find(f->config, key, text, sizeof text)) return NAN;
    return number_parse(text, strlen(text), &value) ? value : NAN;
}

static int is_set(const struct report_file *f, const char *key, const char *wanted)
{
    char text[32];
    return f->config != NULL && outline_find(f->config, key, text, sizeof text) && strcmp(text, wanted) == 0;
}

static void warn_of_divergence(FILE *out, const struct report_file *f)
{
    const double *margin = dmft_trajectory_series(f->run, "stability_margin"), *step = dmft_trajectory_series(f->run, "step");
    size_t least = 0;
    long at = dmft_trajectory_diverged_at(f->run);
    double networks = dmft_trajectory_number(f->run, "seeds_diverged");
    if (at >= 0 && isgreater(networks, 0))
        warn(out, f, "diverged at step %ld (%.0f of %.0f networks); the rows end before it", at, networks, dmft_trajectory_number(f->run, "seeds"));
    else if (at >= 0)
        warn(out, f, "diverged at step %ld; the rows end before it", at);
    if (margin == NULL || dmft_trajectory_rows(f->run) == 0) return;
    for (size_t i = 1; i < dmft_trajectory_rows(f->run); i++)
        if (!isgreaterequal(margin[i], margin[least]) && !isnan(margin[i])) least = i;
    if (isless(margin[least], small_margin))
        warn(out, f, "near divergence: the stability margin 2 (1 + momentum) - learning rate x sharpness comes down to %.3g at step %.0f", margin[least],
             step != NULL ? step[least] : (double)least);
}

static void warn_of_few(FILE *out, const struct report_file *f, const char *number, const char *what)
{
    double count = dmft_trajectory_number(f->run, number);
    if (isgreaterequal(count, 2) && count < few_members)
        warn(out, f, "%.0f %s only: the standard errors are themselves uncertain by %.0f %%", count, what, 100 / sqrt(2 * (count - 1)));
}

/* Samples without errors: of one network, or of a table that has none. */
static void warn_of_missing_errors(FILE *out, const struct report_file *f)
{
    size_t without = 0, rows = dmft_trajectory_rows(f->run);
    const char *first = NULL;
    for (size_t i = 0; i < dmft_trajectory_series_count(f->run); i++) {
        const char *name = dmft_trajectory_series_name(f->run, i);
        const double *value = dmft_trajectory_series(f->run, name), *error = dmft_trajectory_errors(f->run, name);
        int missing = 0;
        if (!dmft_trajectory_series_shown(f->run, i) || trajectory_is_place(name)) continue;
        for (size_t row = 0; row < rows; row++) missing = missing || (isfinite(value[row]) && (error == NULL || !isfinite(error[row])));
        if (missing && without++ == 0) first = name;
    }
    if (without > 0) warn(out, f, "standard errors are missing in %zu series (%s%s)", without, first, without > 1 ? ", .." : "");
}

/* The largest change of a loss between two nodes. */
static void warn_of_coarse_grid(FILE *out, const struct report_file *f)
{
    const double *time = dmft_trajectory_series(f->run, "time"), *loss = dmft_trajectory_series(f->run, "train_loss");
    size_t rows = dmft_trajectory_rows(f->run), worst = 0;
    double least = INFINITY, most = -INFINITY, change = 0;
    if (time == NULL || loss == NULL) return;
    for (size_t i = 0; i < rows; i++) {
        least = fmin(least, loss[i]);
        most = fmax(most, loss[i]);
        if (i == 0 || !(fabs(loss[i] - loss[i - 1]) > change)) continue;
        change = fabs(loss[i] - loss[i - 1]);
        worst = i;
    }
    if (change > large_change * (most - least))
        warn(out, f, "coarse grid: between the times %.4g and %.4g the training loss changes by %.0f %% of its range", time[worst - 1], time[worst],
             100 * change / (most - least));
}

static void warn_of_tolerances(FILE *out, const struct report_file *f)
{
    static const char *const key[] = {"tolerance", "sampling.tolerance", "grid.tolerance"};
    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        int used = i == 2 ? is_set(f, "grid.kind", "adaptive") : !f->sampled;
        double tolerance = setting(f, key[i]);
        if (used && isgreater(tolerance, coarse_tolerance)) warn(out, f, "%s is %.3g: results are as coarse as that", key[i], tolerance);
    }
    double factor = dmft_trajectory_number(f->run, "flow_coarseness");
    if (isgreaterequal(factor, coarse_factor)) warn(out, f, "new directions of the flow were met at %.3g times the tolerance in the end", factor);
    if (run_has_few_sites(f->run))
        warn(out, f, "%.0f directions of %.0f sites: averages may be biased by more than their errors; more sampling.sites",
             dmft_trajectory_number(f->run, "directions_A1_in"), dmft_trajectory_number(f->run, "sites"));
}

static void warn_of_run(FILE *out, const struct report_file *f)
{
    warn_of_divergence(out, f);
    if (dmft_trajectory_rows(f->run) == 0) warn(out, f, "no rows");
    warn_of_few(out, f, "seeds", "networks");
    warn_of_few(out, f, "replicas", "replicas");
    if (f->sampled) warn_of_missing_errors(out, f);
    if (is_set(f, "training.flow", "true")) warn_of_coarse_grid(out, f);
    warn_of_tolerances(out, f);
}

/* ---- sweeps ---- */

static void warn_of_points(FILE *out, const struct report_file *f, int status)
{
    size_t count = 0, points = dmft_sweep_points(f->sweep), first = points;
    for (size_t p = 0; p < points; p++) {
        if (dmft_sweep_status(f->sweep, p) != status) continue;
        if (first == points) first = p;
        count++;
    }
    if (count == 0) return;
    const char *message = dmft_sweep_message(f->sweep, first);
    warn(out, f, "points %s: %zu of %zu%s%.300s", dmft_point_text(status), count, points, *message != '\0' ? ", the first: " : "", message);
}

static void warn_of_sweep(FILE *out, const struct report_file *f)
{
    static const char *const members[] = {"seeds", "replicas"};
    warn_of_points(out, f, DMFT_POINT_FAILED);
    warn_of_points(out, f, DMFT_POINT_REFUSED);
    warn_of_points(out, f, DMFT_POINT_MISSING);
    warn_of_points(out, f, DMFT_POINT_DIVERGED);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const double *count = dmft_sweep_numbers(f->sweep, members[i]);
        double least = INFINITY;
        for (size_t p = 0; count != NULL && p < dmft_sweep_points(f->sweep); p++) least = fmin(least, count[p]);
        if (least < few_members) warn(out, f, "%.0f %s a point only: their standard errors are uncertain, or missing", least, i == 0 ? "networks" : "replicas");
    }
}

int report_warnings(const struct report *r)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return program_error(STATUS_FAILED, "report: out of memory");
    for (size_t i = 0; i < r->files; i++)
        if (r->file[i].run != NULL)
            warn_of_run(out, &r->file[i]);
        else
            warn_of_sweep(out, &r->file[i]);
    int lost = ferror(out);
    int status = fclose(out) == 0 && !lost ? STATUS_DONE : program_error(STATUS_FAILED, "report: out of memory");
    if (status == STATUS_DONE && length > 0) (void)fprintf(r->out, "<div class=\"warnings\"><strong>Warnings</strong>\n<ul>\n%s</ul></div>\n", text);
    free(text);
    return status;
}
