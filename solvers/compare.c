/* dmft compare: samples against theory, as a table and a verdict; the rule is (S3) of doc/theory.md. */
#include "compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/outline.h"
#include "program.h"

enum { SHOWN_ROWS = 10, SHOWN_FAILURES = 5 }; /* of each series */
static const double default_allowance = 20;

/* Student's quantile is 17 standard errors of 5 seeds and 8.5 of 8; of 4, 3 and 2 it is 33, 126 and 10050. */
static const double enough_seeds = 5;

/* ---- do the files speak of the same problem? ---- */

/* Settings that say how a problem is solved, sampled or stored, and not what it is. */
static int is_physical(const char *key)
{
    static const char *const other[] = {"simulation.", "outliers.", "output.", "probes.", "sampling.", "network.features",
                                        "solver", "method", "tolerance", "training.steps"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strncmp(key, other[i], strlen(other[i])) == 0) return 0;
    return 1;
}

static void warn(const char *key, const char *theory, const char *sample)
{
    (void)fprintf(stderr, "dmft: warning: the problems differ: %s is %s in the theory and %s in the samples\n", key, theory, sample);
}

/* A value, or the beginning of a long one. */
static void show_value(char *out, size_t bytes, const char *value, size_t length)
{
    int cut = length >= bytes;
    (void)snprintf(out, bytes, "%.*s%s", (int)(cut ? bytes - 4 : length), value, cut ? "..." : "");
}

/* Every physical setting of one text that the other has not, or has with another value; `swapped`: only what the other has not. */
static void warn_of_differences(const char *text, const char *other, int swapped)
{
    enum { VALUE = 96 };
    char key[OUTLINE_KEY] = "", here[VALUE], there[VALUE];
    const char *value, *found;
    size_t length, found_length;
    for (const char *at = text; (at = outline_next(at, key, &value, &length)) != NULL;) {
        if (!is_physical(key)) continue;
        show_value(here, sizeof here, value, length);
        if (!outline_value(other, key, &found, &found_length))
            warn(key, swapped ? "not set" : here, swapped ? here : "not set");
        else if (!swapped && (length != found_length || memcmp(value, found, length) != 0)) {
            show_value(there, sizeof there, found, found_length);
            warn(key, here, there);
        }
    }
}

/* Has `other` every physical setting of a text, with the same value? */
static int has_all(const char *other, const char *text)
{
    char key[OUTLINE_KEY] = "";
    const char *value, *found;
    size_t length, found_length;
    for (const char *at = text; (at = outline_next(at, key, &value, &length)) != NULL;) {
        if (!is_physical(key)) continue;
        if (!outline_value(other, key, &found, &found_length) || length != found_length || memcmp(value, found, length) != 0) return 0;
    }
    return 1;
}

int compare_same_problem(const char *a, const char *b) { return has_all(a, b) && has_all(b, a); }

static void check_problems(const dmft_trajectory *theory, const dmft_trajectory *sample)
{
    const char *left = dmft_trajectory_text(theory, "config"), *right = dmft_trajectory_text(sample, "config");
    if (left == NULL || right == NULL) return;
    warn_of_differences(left, right, 0);
    warn_of_differences(right, left, 1);
}

/* ---- the table ---- */

int compare_is_sampled(size_t i, size_t n, size_t shown)
{
    for (size_t k = 0; k < shown; k++)
        if (i == (k * (n - 1) + (shown - 1) / 2) / (shown - 1)) return 1;
    return 0;
}

static void print_row(const dmft_comparison_row *row)
{
    (void)printf("%-18s %8ld %15.8g %15.8g %15.4g %8.2f%s\n", row->series, row->step, row->theory, row->mean, row->se, row->z,
                 row->holds ? "" : "  outside");
}

/* One series: n rows. */
static void print_series(const dmft_comparison_row *row, size_t n)
{
    int failures = 0;
    for (size_t i = 0; i < n; i++) {
        int failed = !row[i].holds && failures++ < SHOWN_FAILURES;
        if (failed || compare_is_sampled(i, n, SHOWN_ROWS)) print_row(&row[i]);
    }
}

static void print_rows(const dmft_comparison_row *row, size_t count)
{
    (void)printf("%-18s %8s %15s %15s %15s %8s\n", "series", "step", "theory", "mean", "standard error", "z");
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin; end < count && row[end].series == row[begin].series;) end++;
        print_series(row + begin, end - begin);
    }
}

/* ---- the rule and the outcome ---- */

static double size_of(const dmft_trajectory *theory, const dmft_trajectory *sample, const char *name)
{
    double size = dmft_trajectory_number(sample, name);
    return isnan(size) ? dmft_trajectory_number(theory, name) : size;
}

static void print_rule(const dmft_comparison *c, const dmft_trajectory *theory, const dmft_trajectory *sample, double allowance)
{
    double seeds = dmft_trajectory_number(sample, "seeds"), width = size_of(theory, sample, "width");
    double input_dim = size_of(theory, sample, "input_dim");
    (void)printf("\nallowed: |theory - mean| <= %.4g standard errors + allowance\n", dmft_comparison_quantile(c));
    if (!isnan(seeds)) (void)printf("quantile: %.4g, of Student's law with %.0f degrees of freedom\n", dmft_comparison_quantile(c), seeds - 1);
    const char *model = dmft_trajectory_text(theory, "model");
    if (model != NULL && strcmp(model, "mlp") == 0) input_dim = width;
    if (model != NULL && strcmp(model, "deep_linear") != 0 && strcmp(model, "mlp") != 0)
        (void)printf("allowance: %g |theory| x the samples' number allowance_NAME\n", allowance);
    else if (isnan(width))
        (void)printf("allowance: %g |theory| for kernels, %g for outliers\n", allowance, allowance);
    else
        (void)printf("allowance: %g |theory|/%.0f for kernels, %g/%.0f for outliers, %g |theory|/%.0f^(2/3) for edges of bulks\n", allowance,
                     isnan(input_dim) ? width : input_dim, allowance, width, 0.25 * allowance, isnan(input_dim) ? width : input_dim);
}

struct compare_outcome compare_sum_up(const dmft_comparison *c)
{
    struct compare_outcome sum = {.worst_part = -1};
    const dmft_comparison_row *row = dmft_comparison_rows(c, &sum.count);
    sum.largest = sum.worst = row;
    for (size_t i = 0; i < sum.count; i++) {
        double difference = fabs(row[i].theory - row[i].mean), part = difference > 0 ? difference / row[i].bound : 0;
        if (fabs(row[i].z) > fabs(sum.largest->z)) sum.largest = &row[i];
        if (!(part <= sum.worst_part)) {
            sum.worst_part = part;
            sum.worst = &row[i];
        }
        sum.outside += !row[i].holds;
    }
    return sum;
}

/* Returns what separates the next one. */
static const char *print_gap(const char *separator, size_t steps, const char *why)
{
    if (steps == 0) return separator;
    (void)printf("%s%zu step%s (%s)", separator, steps, steps == 1 ? "" : "s", why);
    return ", ";
}

/* Series of which something is on one side alone, or next to the edge of a bulk; steps that neither side has are no loss. */
static void print_gaps(const dmft_comparison *c)
{
    size_t count, printed = 0;
    const dmft_comparison_gap *gap = dmft_comparison_gaps(c, &count);
    for (size_t i = 0; i < count; i++) {
        const char *separator = "";
        if (gap[i].theory_alone + gap[i].samples_alone + gap[i].near_edge == 0) continue;
        (void)printf("%snot compared: %s at ", printed++ == 0 ? "\n" : "", gap[i].series);
        separator = print_gap(separator, gap[i].near_edge, "too near to the edge of the bulk");
        separator = print_gap(separator, gap[i].theory_alone, "of the theory alone");
        (void)print_gap(separator, gap[i].samples_alone, "of the samples alone");
        (void)putchar('\n');
    }
}

static void print_outcome(const dmft_comparison *c)
{
    struct compare_outcome sum = compare_sum_up(c);
    (void)printf("compared: %zu numbers, %zu outside; skipped: %zu (nan)\n", sum.count, sum.outside, dmft_comparison_skipped(c));
    (void)printf("largest |z|: %.2f, %s at step %ld\n", fabs(sum.largest->z), sum.largest->series, sum.largest->step);
    (void)printf("worst: %.2f of what is allowed, %s at step %ld\n", sum.worst_part, sum.worst->series, sum.worst->step);
}

int compare_has_few_seeds(const dmft_trajectory *sample) { return isless(dmft_trajectory_number(sample, "seeds"), enough_seeds); }

static void warn_of_few_seeds(const dmft_comparison *c, const dmft_trajectory *sample)
{
    if (compare_has_few_seeds(sample))
        (void)fprintf(stderr, "dmft: warning: samples of %.0f seeds test little: differences of up to %.4g standard errors pass; more simulation.seeds\n",
                      dmft_trajectory_number(sample, "seeds"), dmft_comparison_quantile(c));
}

/* The model of both, as far as they name one. */
static int check_models(const options *o, const dmft_trajectory *theory, const dmft_trajectory *sample)
{
    const char *first = dmft_trajectory_text(theory, "model"), *second = dmft_trajectory_text(sample, "model");
    if (first == NULL || second == NULL || strcmp(first, second) == 0) return STATUS_DONE;
    return program_error(STATUS_USAGE, "compare: two models: %s is of %s, %s of %s", o->argument[0], first, o->argument[1], second);
}

static int compare(const options *o, const dmft_trajectory *theory, const dmft_trajectory *sample)
{
    dmft_error err;
    dmft_comparison *c;
    size_t count;
    dmft_compare_options how = {
        .series = o->value[OPTION_series], .allowance_given = options_given(o, OPTION_allowance), .allowance = default_allowance};
    if (how.allowance_given && options_number(o, OPTION_allowance, 0, 1e300, 0, &how.allowance) != 0) return STATUS_USAGE;
    int status = dmft_compare(theory, sample, &how, &c, &err);
    if (status != DMFT_OK) return program_failed(status, &err);

    check_problems(theory, sample);
    warn_of_few_seeds(c, sample);
    const dmft_comparison_row *row = dmft_comparison_rows(c, &count);
    if (!options_given(o, OPTION_quiet)) {
        print_rows(row, count);
        print_gaps(c);
        print_rule(c, theory, sample, how.allowance);
        print_outcome(c);
    }
    int holds = dmft_comparison_holds(c);
    (void)printf("verdict: %s\n", holds ? "holds" : "does not hold");
    dmft_comparison_free(c);
    return holds ? STATUS_DONE : STATUS_FAILED;
}

int command_compare(const options *o)
{
    dmft_trajectory *theory = NULL, *sample = NULL;
    int status = program_read(&theory, o->argument[0]);
    if (status == STATUS_DONE) status = program_read(&sample, o->argument[1]);
    const char *kind = status == STATUS_DONE ? dmft_trajectory_text(theory, "kind") : NULL;
    if (kind != NULL && strcmp(kind, "simulation") == 0)
        status = program_error(STATUS_USAGE, "compare: %s holds samples; the theory comes first: compare THEORY.h5 SIM.h5|DATA.csv", o->argument[0]);
    if (status == STATUS_DONE) status = check_models(o, theory, sample);
    if (status == STATUS_DONE) status = compare(o, theory, sample);
    dmft_trajectory_free(theory);
    dmft_trajectory_free(sample);
    return status;
}
