/* Theory against simulation: configurations of deep linear networks, one for each way of training and a mixture of them, each at two sizes, through the public interface alone.
 *
 *   agreement [--seeds n] [--sizes a,b] [--threads n]
 *
 * For each configuration and size: a table at about ten steps, and the verdict (S3) of doc/theory.md over all steps and default columns; for
 * the two sizes, whether the differences shrink as 1/D (S4), over all these numbers. Exit status 1 if any of it fails; the last line is
 * "N passed, N failed".
 *
 * The runs end while the kernels of the last layer are not small yet, and outliers are looked at every few steps: at such steps they are either
 * in the bulk or clear of it. No number that both sides have is left out. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agreement_parts.h"

struct configuration {
    const char *name, *text;
    int depth;
};

#define HEAD "model: deep_linear\nnetwork: "
static const struct configuration configurations[] = {
    {"muP, L = 1, full batch, no noise",
     HEAD "{depth: 1, width_ratio: 0.5, parameterization: mup, gamma0: 4, weight_variance: 0.25}\n"
          "data: {sample_ratio: 2.0, label_noise: 0.0, batch: full}\n"
          "training: {learning_rate: 0.05, steps: 31}\n"
          "outliers: {count: 2, every: 3}\n",
     1},
    {"NTK, L = 1, one pass, noise",
     HEAD "{depth: 1, width_ratio: 1.5, parameterization: ntk, gamma0: 3, weight_variance: [0.5, 0.25]}\n"
          "data: {sample_ratio: 1.0, label_noise: 0.3, batch: online}\n"
          "training: {learning_rate: 0.05, steps: 31}\n"
          "outliers: {count: 2, every: 3}\n",
     1},
    {"muP, L = 2, full batch, noise",
     HEAD "{depth: 2, width_ratio: 1.0, parameterization: mup, gamma0: 3, weight_variance: 0.5}\n"
          "data: {sample_ratio: 2.0, label_noise: 0.3, batch: full}\n"
          "training: {learning_rate: 0.03, steps: 31}\n"
          "outliers: {count: 2, every: 3}\n",
     2},
    {"NTK, L = 2, full batch, noise",
     HEAD "{depth: 2, width_ratio: 2.0, parameterization: ntk, gamma0: 3, weight_variance: [0.5, 0.5, 0.3]}\n"
          "data: {sample_ratio: 1.5, label_noise: 0.5, batch: full}\n"
          "training: {learning_rate: 0.04, steps: 31}\n"
          "outliers: {count: 2, every: 3}\n",
     2},
    {"muP, L = 2, one pass, no noise",
     HEAD "{depth: 2, width_ratio: 1.5, parameterization: mup, gamma0: 4, weight_variance: 0.4}\n"
          "data: {sample_ratio: 1.0, label_noise: 0.0, batch: online}\n"
          "training: {learning_rate: 0.02, steps: 21}\n"
          "outliers: {count: 2, every: 2}\n",
     2},
    {"muP, L = 3, full batch, noise",
     HEAD "{depth: 3, width_ratio: 1.5, parameterization: mup, gamma0: 2.4, weight_variance: 0.5}\n"
          "data: {sample_ratio: 1.5, label_noise: 0.2, batch: full}\n"
          "training: {learning_rate: 0.04, steps: 25}\n"
          "outliers: {count: 2, every: 2}\n",
     3},
    {"muP, L = 2, gradient flow, noise",
     HEAD "{depth: 2, width_ratio: 1.0, parameterization: mup, gamma0: 3, weight_variance: 0.5}\n"
          "data: {sample_ratio: 2.0, label_noise: 0.3, batch: full}\n"
          "training: {flow: true, time: 0.9, steps: 30}\n"
          "outliers: {count: 2, every: 3}\n",
     2},
    {"muP, L = 2, schedule with a warm-up",
     HEAD "{depth: 2, width_ratio: 0.5, parameterization: mup, gamma0: 4, weight_variance: 0.5}\n"
          "data: {sample_ratio: 3.0, label_noise: 0.2, batch: full}\n"
          "training: {learning_rate: 0.03, steps: 25, schedule: [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1, 1, 0.9, 0.9, 0.8, 0.8, 0.7, 0.7, 0.6, 0.6, 0.5, 0.5, 0.4, 0.3, 0.2]}\n"
          "outliers: {count: 2, every: 2}\n",
     2},
    {"muP, L = 2, momentum and weight decay, noise",
     HEAD "{depth: 2, width_ratio: 1.0, parameterization: mup, gamma0: 3, weight_variance: 0.5}\n"
          "data: {sample_ratio: 2.0, label_noise: 0.2, batch: full}\n"
          "training: {learning_rate: 0.015, steps: 31, momentum: 0.6, weight_decay: 0.02}\n"
          "outliers: {count: 2, every: 3}\n",
     2},
    {"muP, L = 2, inputs and target of a power law",
     HEAD "{depth: 2, width_ratio: 1.0, parameterization: mup, gamma0: 4, weight_variance: 0.5}\n"
          "data: {sample_ratio: 3.0, spectrum: {exponent: 1.0, target_exponent: 0.5, modes: 20}}\n"
          "training: {learning_rate: 0.02, steps: 21}\n"
          "outliers: {count: 2, every: 2}\n",
     2},
    {"muP, L = 2, batches of a fixed sample, independent, noise",
     HEAD "{depth: 2, width_ratio: 1.0, parameterization: mup, gamma0: 4, weight_variance: 0.5}\n"
          "data: {sample_ratio: 1.0, label_noise: 0.3, batch: bernoulli, batch_fraction: 0.25}\n"
          "training: {learning_rate: 0.02, steps: 25}\n"
          "outliers: {count: 2, every: 3}\n",
     2},
    {"muP, L = 2, epochs of four batches, noise",
     HEAD "{depth: 2, width_ratio: 1.0, parameterization: mup, gamma0: 4, weight_variance: 0.5}\n"
          "data: {sample_ratio: 1.0, label_noise: 0.3, batch: epoch, batch_fraction: 0.25}\n"
          "training: {learning_rate: 0.02, steps: 25}\n"
          "outliers: {count: 2, every: 3}\n",
     2},
    {"muP, L = 3, residual branches, noise",
     HEAD "{depth: 3, width_ratio: 1.0, parameterization: mup, gamma0: 5, weight_variance: 0.3, residual: true}\n"
          "data: {sample_ratio: 2.0, label_noise: 0.2, batch: full}\n"
          "training: {learning_rate: 0.02, steps: 25}\n"
          "outliers: {count: 2, every: 3}\n",
     3},
    {"muP, L = 2, a factor and noise on the weights",
     HEAD "{depth: 2, width_ratio: 0.5, parameterization: mup, gamma0: 6, weight_variance: 0.5, weight_factor: [0.99, 0.96, 0.995], injected_variance: [0.02, 0.04, 0]}\n"
          "data: {sample_ratio: 4.0, label_noise: 0.2, batch: full}\n"
          "training: {learning_rate: 0.03, steps: 41}\n"
          "outliers: {count: 2, every: 4}\n",
     2},
    {"NTK, L = 2, all of these at once",
     HEAD "{depth: 2, width_ratio: 1.5, parameterization: ntk, gamma0: 4, weight_variance: [0.4, 0.3, 0.5], residual: true}\n"
          "data: {sample_ratio: 2.0, label_noise: 0.3, batch: bernoulli, batch_fraction: 0.5, spectrum: {exponent: 0.6, target_exponent: 0.5, modes: 5}}\n"
          "training: {learning_rate: 0.012, steps: 21, momentum: 0.5, weight_decay: 0.01,\n"
          "  schedule: [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4]}\n"
          "outliers: {count: 2, every: 2}\n",
     2},
    {"leading modes, muP, L = 2, full batch",
     HEAD "{depth: 2, width_ratio: 1.0, parameterization: mup, gamma0: 3, weight_variance: 0.5}\n"
          "data: {sample_ratio: 4.0}\n"
          "training: {learning_rate: 0.03, steps: 21}\n"
          "outliers: {count: 2, every: 5}\n"
          "probes: {ntk: true, sharpness: true, every: 5}\n",
     2},
    {"leading modes, NTK, L = 3, momentum, noise",
     HEAD "{depth: 3, width_ratio: 1.5, parameterization: ntk, gamma0: 3, weight_variance: 0.5}\n"
          "data: {sample_ratio: 2.0, label_noise: 0.3}\n"
          "training: {learning_rate: 0.015, steps: 21, momentum: 0.5}\n"
          "outliers: {count: 2, every: 5}\n"
          "probes: {ntk: true, sharpness: true, every: 5}\n",
     3},
    {"leading modes, muP, L = 2, fewer samples than inputs, branches, a power law, weight decay",
     HEAD "{depth: 2, width_ratio: 0.5, parameterization: mup, gamma0: 4, weight_variance: 0.4, residual: true}\n"
          "data: {sample_ratio: 0.8, label_noise: 0.2, spectrum: {exponent: 0.5, target_exponent: 0.5, modes: 4}}\n"
          "training: {learning_rate: 0.03, steps: 21, weight_decay: 0.01}\n"
          "outliers: {count: 2, every: 5}\n"
          "probes: {ntk: true, sharpness: true, every: 5}\n",
     2},
};
enum { CONFIGURATIONS = sizeof configurations / sizeof *configurations, LINES = 10 };

struct options {
    long seeds, sizes[2];
    int threads;
};

/* ---- one configuration at one size ---- */

static void print_row(const dmft_comparison_row *row)
{
    printf("  %-15s %5ld %14.8g %14.8g %10.2e %7.2f%s\n", row->series, row->step, row->theory, row->mean, row->se, row->z,
           row->holds ? "" : "  beyond the bound");
}

/* Leading modes where they are probed. The second eigenvalue stands for an edge in sampled networks: it comes to it as D^{-2/3}, so (S4) is not asked. */
static void compare_modes(const dmft_trajectory *theory, const dmft_trajectory *sample)
{
    dmft_compare_options modes = {.series = "ntk_top,sharpness,bulk_edge_upper,bulk_edge_lower"};
    dmft_comparison *comparison = NULL;
    dmft_error err = {.text = ""};
    if (dmft_trajectory_series(theory, "sharpness") == NULL) return;
    agreement_demand(dmft_compare(theory, sample, &modes, &comparison, &err), &err);
    size_t count = 0;
    const dmft_comparison_row *row = dmft_comparison_rows(comparison, &count);
    for (size_t i = 0; i < count; i++) print_row(&row[i]);
    agreement_verdict(comparison);
    dmft_comparison_free(comparison);
}

static dmft_comparison *compare(const struct configuration *c, long input_dim, const struct options *o)
{
    dmft_config *config = agreement_config(c->text, c->name);
    agreement_set(config, "simulation.input_dim", "%ld", input_dim);
    agreement_set(config, "simulation.seeds", "%ld", o->seeds);
    dmft_problem *problem = agreement_problem(config);
    dmft_run_options run = {.threads = o->threads};
    dmft_trajectory *theory = NULL, *sample = NULL;
    dmft_comparison *comparison = NULL;
    dmft_error err = {.text = ""};
    agreement_demand(dmft_solve(problem, NULL, &theory, &err), &err);
    agreement_demand(dmft_simulate(problem, &run, &sample, &err), &err);
    agreement_demand(dmft_compare(theory, sample, NULL, &comparison, &err), &err);
    printf("D %ld, N %.0f, %.0f networks, %.1f s\n", input_dim, dmft_trajectory_number(sample, "width"),
           dmft_trajectory_number(sample, "seeds"), dmft_trajectory_number(sample, "seconds"));
    compare_modes(theory, sample);
    dmft_trajectory_free(theory);
    dmft_trajectory_free(sample);
    dmft_problem_free(problem);
    return comparison;
}

/* ---- tables ---- */

static int is_listed(const struct configuration *c, const char *series)
{
    char last[32];
    (void)snprintf(last, sizeof last, "C_h%d", c->depth);
    return strcmp(series, "C_v") == 0 || strcmp(series, "C_Delta") == 0 || strcmp(series, last) == 0 || strcmp(series, "C_g1") == 0 ||
           strstr(series, "_outlier") != NULL;
}

static void print_table(const struct configuration *c, const dmft_comparison *comparison)
{
    size_t count = 0;
    const dmft_comparison_row *row = dmft_comparison_rows(comparison, &count);
    long most = 0;
    for (size_t i = 0; i < count; i++) most = row[i].step > most ? row[i].step : most;
    long every = most / LINES > 0 ? most / LINES : 1;
    printf("  %-15s %5s %14s %14s %10s %7s\n", "series", "step", "theory", "mean", "se", "z");
    for (size_t i = 0; i < count; i++)
        if (is_listed(c, row[i].series) && row[i].step % every == 0) print_row(&row[i]);
}

/* ---- two sizes: (S4) ---- */

static const dmft_comparison_row *find(const dmft_comparison_row *row, size_t count, const dmft_comparison_row *like)
{
    for (size_t i = 0; i < count; i++)
        if (row[i].step == like->step && strcmp(row[i].series, like->series) == 0) return &row[i];
    return NULL;
}

/* |delta_2| over what (S4) allows it to be; sizes D1 < D2, shrink = D1/D2. */
static double shrink_ratio(const dmft_comparison_row *small, const dmft_comparison_row *large, double shrink, double quantile)
{
    double first = fabs(small->mean - small->theory), second = fabs(large->mean - large->theory);
    double allowed = shrink * first + quantile * sqrt(large->se * large->se + shrink * shrink * small->se * small->se);
    return second > 0.0 ? second / allowed : 0.0;
}

static void print_shrinking(const dmft_comparison *const pair[2], const long sizes[2])
{
    size_t counts[2], matched = 0, holding = 0;
    const dmft_comparison_row *small = dmft_comparison_rows(pair[0], &counts[0]), *large = dmft_comparison_rows(pair[1], &counts[1]);
    const dmft_comparison_row *at = NULL;
    double shrink = (double)sizes[0] / (double)sizes[1], worst = 0.0;
    for (size_t i = 0; i < counts[1]; i++) {
        const dmft_comparison_row *other = find(small, counts[0], &large[i]);
        if (other == NULL) continue;
        double ratio = shrink_ratio(other, &large[i], shrink, dmft_comparison_quantile(pair[1]));
        matched++;
        holding += ratio <= 1.0;
        if (at == NULL || ratio > worst) {
            worst = ratio;
            at = &large[i];
        }
    }
    int holds = matched > 0 && holding == matched;
    printf("  (S4) %s: %zu of %zu numbers shrink as 1/D from %ld to %ld (%zu at the larger size only); worst ratio %.2f", holds ? "holds" : "FAILS",
           holding, matched, sizes[0], sizes[1], counts[1] - matched, worst);
    if (at != NULL) printf(" (%s, step %ld)", at->series, at->step);
    printf("\n\n");
    agreement_note(holds);
}

static void run(const struct configuration *c, const struct options *o)
{
    dmft_comparison *pair[2];
    printf("== %s\n%s", c->name, c->text);
    for (int i = 0; i < 2; i++) {
        pair[i] = compare(c, o->sizes[i], o);
        print_table(c, pair[i]);
        agreement_verdict(pair[i]);
        (void)fflush(stdout);
    }
    print_shrinking((const dmft_comparison *const[]){pair[0], pair[1]}, o->sizes);
    for (int i = 0; i < 2; i++) dmft_comparison_free(pair[i]);
}

/* ---- divergence ---- */

/* A learning rate beyond stability: the step at which theory diverges, and the steps at which networks do. */
static void run_divergence(double rate, const struct options *o)
{
    static const char text[] = HEAD "{depth: 2, width_ratio: 1.0, gamma0: 2, weight_variance: 0.5}\ndata: {sample_ratio: 4.0}\n"
                                    "training: {learning_rate: 0.1, steps: 60}\noutliers: {every: 60}\n";
    printf("== divergence, learning rate %g\n%s", rate, text);
    for (int i = 0; i < 2; i++) {
        dmft_config *config = agreement_config(text, "divergence");
        agreement_set(config, "training.learning_rate", "%g", rate);
        agreement_set(config, "simulation.input_dim", "%ld", o->sizes[i]);
        agreement_set(config, "simulation.seeds", "%ld", o->seeds);
        dmft_problem *problem = agreement_problem(config);
        dmft_run_options run = {.threads = o->threads};
        dmft_trajectory *theory = NULL, *sample = NULL;
        dmft_error err = {.text = ""};
        int both = dmft_solve(problem, NULL, &theory, &err) == DMFT_DIVERGED && dmft_simulate(problem, &run, &sample, &err) == DMFT_DIVERGED;
        if (both) {
            double step = (double)dmft_trajectory_diverged_at(theory), mean = dmft_trajectory_number(sample, "diverged_mean");
            printf("D %ld: theory at step %.0f; %.0f of %ld networks, at %ld to %.0f, mean %.2f (%.2f)\n", o->sizes[i], step,
                   dmft_trajectory_number(sample, "seeds_diverged"), o->seeds, dmft_trajectory_diverged_at(sample),
                   dmft_trajectory_number(sample, "diverged_last"), mean, dmft_trajectory_number(sample, "diverged_se"));
            both = fabs(step - mean) <= 2.0;
        }
        printf("  %s: within two steps\n", both ? "holds" : "FAILS");
        agreement_note(both);
        dmft_trajectory_free(theory);
        dmft_trajectory_free(sample);
        dmft_problem_free(problem);
    }
}

/* ---- the command line ---- */

static int read_option(const char *name, const char *value, struct options *o)
{
    const char *second = NULL;
    long threads = 0;
    if (strcmp(name, "--seeds") == 0) return agreement_whole(value, 2, &o->seeds, '\0', NULL);
    if (strcmp(name, "--sizes") == 0)
        return agreement_whole(value, 2, &o->sizes[0], ',', &second) && agreement_whole(second, o->sizes[0] + 1, &o->sizes[1], '\0', NULL);
    if (strcmp(name, "--threads") != 0 || !agreement_whole(value, 1, &threads, '\0', NULL)) return 0;
    o->threads = (int)threads;
    return 1;
}

int main(int argc, char **argv)
{
    struct options o = {.seeds = 32, .sizes = {100, 200}, .threads = 2};
    for (int i = 1; i < argc; i += 2)
        if (i + 1 >= argc || !read_option(argv[i], argv[i + 1], &o)) {
            fprintf(stderr, "usage: %s [--seeds n >= 2] [--sizes a,b with a < b] [--threads n]\n", argv[0]);
            return 2;
        }
    openblas_set_num_threads(1);
    for (size_t i = 0; i < CONFIGURATIONS; i++) run(&configurations[i], &o);
    run_divergence(0.6, &o);
    run_divergence(0.8, &o);
    return agreement_totals();
}
