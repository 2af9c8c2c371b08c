/* Theory against simulation: nonlinear networks, through the public interface alone.
 *
 *   agreement_mlp [--full] [--threads n] [--part k]
 *
 * 1  Six configurations: the verdict (S3) of doc/theory.md over all steps and default columns; and that the rule tells theory with another gamma0 apart.
 * 2  Outliers at four steps, theory (N2) against dense singular values, allowance 20/N.
 * 3  Errors against the infinite width: means fall as 1/N, fluctuations over networks as N^{-1/2}; orders by least squares over four widths or more.
 * 4  The two engines agree in law: means over networks of one width.
 * 5  Sampled solvers against exact numbers, and their errors, which fall as S^{-1/2}.
 *
 * Without --full the same with smaller networks and fewer of them. Exit status 1 if anything fails; the last line is "N passed, N failed". */
#include <cblas.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agreement_parts.h"

struct options {
    int full;
    long threads, part; /* part 0: all */
};

/* ---- problems ---- */

/* Where samples and gram_scale are given, K^x_{mu nu} = gram_scale (0.6 delta_{mu nu} + 0.4 cos(1.3 (mu - nu))), which is positive definite. */
struct configuration {
    const char *name, *text;
    int samples;
    double gram_scale;
};

static void set_gram(dmft_config *config, int samples, double scale)
{
    char text[1000];
    size_t used = 0;
    for (int mu = 0; mu < samples; mu++)
        for (int nu = 0; nu < samples && used < sizeof text; nu++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%.12g%s", nu > 0 ? ", " : mu > 0 ? ", [" : "[[",
                                     scale * (0.6 * (mu == nu) + 0.4 * cos(1.3 * (mu - nu))), nu + 1 < samples ? "" : "]");
    agreement_set(config, "data.gram", "%.999s]", text);
}

static dmft_config *config_of(const struct configuration *c)
{
    dmft_config *config = agreement_config(c->text, c->name);
    if (c->samples > 0) set_gram(config, c->samples, c->gram_scale);
    return config;
}

static void set_sampling(dmft_config *config, long sites, long replicas)
{
    agreement_set(config, "sampling.sites", "%ld", sites);
    agreement_set(config, "sampling.replicas", "%ld", replicas);
}

static void set_simulation(dmft_config *config, long width, long seeds)
{
    agreement_set(config, "simulation.width", "%ld", width);
    agreement_set(config, "simulation.seeds", "%ld", seeds);
}

static dmft_trajectory *solve(const dmft_problem *problem, const struct options *o)
{
    dmft_run_options run = {.threads = (int)o->threads};
    dmft_trajectory *t = NULL;
    dmft_error err = {.text = ""};
    agreement_demand(dmft_solve(problem, &run, &t, &err), &err);
    return t;
}

static dmft_trajectory *simulate(const dmft_problem *problem, const struct options *o)
{
    dmft_run_options run = {.threads = (int)o->threads};
    dmft_trajectory *t = NULL;
    dmft_error err = {.text = ""};
    agreement_demand(dmft_simulate(problem, &run, &t, &err), &err);
    return t;
}

/* Theory against samples: these series, or the default ones; c of (S3). */
static dmft_comparison *compare(const dmft_trajectory *theory, const dmft_trajectory *sample, const char *series, double allowance)
{
    dmft_comparison *comparison = NULL;
    dmft_compare_options how = {.series = series, .allowance_given = 1, .allowance = allowance};
    dmft_error err = {.text = ""};
    agreement_demand(dmft_compare(theory, sample, &how, &comparison, &err), &err);
    return comparison;
}

static const double allowance = 20; /* c of (S3) */

enum { NAMES = 1000, SITES = 1, MATRICES = 2 };

/* The names of the default columns, of averages over sites or of what is measured on matrices or of both, and of loss and tangent kernel with the
 * averages, with commas between. */
static void name_series(const dmft_trajectory *t, int kinds, char *text)
{
    (void)snprintf(text, NAMES, "%s", kinds & SITES ? "train_loss,ntk_top" : "");
    for (size_t i = 0; i < dmft_trajectory_series_count(t); i++) {
        const char *name = dmft_trajectory_series_name(t, i);
        if (!dmft_trajectory_series_shown(t, i) || strcmp(name, "step") == 0 || !(kinds & (name[0] == 'A' ? MATRICES : SITES))) continue;
        size_t used = strlen(text);
        (void)snprintf(text + used, NAMES - used, "%s%s", used > 0 ? "," : "", name);
    }
}

static double root_mean_square_z(const dmft_comparison *comparison)
{
    size_t count = 0, counted = 0;
    const dmft_comparison_row *row = dmft_comparison_rows(comparison, &count);
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (!(row[i].se > 0.0)) continue;
        sum += row[i].z * row[i].z;
        counted++;
    }
    return counted > 0 ? sqrt(sum / (double)counted) : 0.0;
}

static void print_rows(const dmft_comparison *comparison, long every, const char *first, const char *second)
{
    size_t count = 0;
    const dmft_comparison_row *row = dmft_comparison_rows(comparison, &count);
    printf("  %-12s %5s %14s %14s %10s %7s\n", "series", "step", first, second, "se", "z");
    for (size_t i = 0; i < count; i++)
        if (row[i].step % every == 0)
            printf("  %-12s %5ld %14.8g %14.8g %10.2e %7.2f%s\n", row[i].series, row[i].step, row[i].theory, row[i].mean, row[i].se, row[i].z,
                   row[i].holds ? "" : "  beyond the bound");
    printf("  rms z %.2f\n", root_mean_square_z(comparison));
}

/* ---- 1: theory and dense networks ---- */

#define HEAD "model: mlp\nsolver: revealed\n"
#define TANH                                                                              \
    HEAD "network: {depth: 2, activation: tanh, gamma0: 3, weight_variance: 1}\n"         \
         "data: {target: [1.5, 1.5, -1.5]}\n"                                             \
         "training: {learning_rate: 0.2, steps: 40}\n"
#define GRAM                                                                                                              \
    "data:\n  gram:\n    - [1.031494140625, -0.03662109375, -0.299072265625, -0.42724609375]\n"                           \
    "    - [-0.03662109375, 0.9033203125, -0.238037109375, 0.164794921875]\n"                                             \
    "    - [-0.299072265625, -0.238037109375, 0.762939453125, 0.286865234375]\n"                                          \
    "    - [-0.42724609375, 0.164794921875, 0.286865234375, 1.080322265625]\n  target: [1, 1, -1, -1]\n"
/* Data without symmetry. With the Gram matrix above, reversing the order of the samples and the signs of the targets changes nothing; the limit keeps that
 * symmetry, networks leave it during the fast rise, and means approach the limit more slowly than 1/N: C_g3 at step 30 was .185(21), .073(15) and
 * .037(22) too large at N = 1000, 4000 and 16 000. */
#define RELU                                                                              \
    HEAD "network: {depth: 3, activation: relu, gamma0: 4, weight_variance: 1}\n" GRAM    \
         "training: {learning_rate: 0.05, steps: 40}\n"

static const struct configuration compared[] = {
    {"tanh, L = 2", TANH "outliers: {count: 2, every: 5}\n", 3, 1.4},
    {"relu, L = 3", RELU "outliers: {count: 2, every: 5}\n", 0, 0},
    {"erf, L = 3",
     HEAD "network: {depth: 3, activation: erf, gamma0: 2, weight_variance: [1, 0.9, 1.1, 1]}\n"
          "data: {target: [1, -1, 0.5, -0.5]}\n"
          "training: {learning_rate: 0.1, steps: 30}\n"
          "outliers: {count: 2, every: 5}\n",
     4, 1.2},
    {"gelu, L = 2, biases, momentum, weight decay, schedule",
     HEAD "network: {depth: 2, activation: gelu, gamma0: 2, weight_variance: 1.5, bias: true}\n"
          "data: {target: [1, -1, 1, 0.5, -1]}\n"
          "training: {learning_rate: 0.1, steps: 24, momentum: 0.5, weight_decay: 0.01,\n"
          "  schedule: [0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1, 1, 1, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5, 0.5, 0.4, 0.3, 0.2, 0.1]}\n"
          "outliers: {count: 2, every: 5}\n",
     5, 1.1},
    {"tanh, L = 2, three outputs, softmax, minibatches of 2",
     HEAD "network: {depth: 2, activation: tanh, gamma0: 1.5, weight_variance: 1.2}\n"
          "data: {target: [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0.25, 0.75]]}\n"
          "training: {learning_rate: 0.5, steps: 24, loss: softmax, batch_size: 2, seed: 3}\n"
          "outliers: {count: 2, every: 5}\n",
     6, 1.2},
    {"softplus, L = 2, logistic",
     HEAD "network: {depth: 2, activation: softplus, gamma0: 2, weight_variance: 0.8}\n"
          "data: {target: [1, -1, 1, -1]}\n"
          "training: {learning_rate: 0.3, steps: 30, loss: logistic}\n"
          "outliers: {count: 2, every: 5}\n",
     4, 1.2},
};

/* The same networks in a theory with gamma0 a quarter larger: the rule has to refuse it. */
static void compare_control(const struct configuration *c, const dmft_trajectory *sample, const char *names, const struct options *o)
{
    dmft_config *config = config_of(c);
    dmft_problem *problem = agreement_problem(config_of(c));
    double gamma0 = 0.0;
    const char *text = strstr(dmft_problem_text(problem), "gamma0:");
    if (text != NULL) gamma0 = strtod(text + strlen("gamma0:"), NULL);
    dmft_problem_free(problem);
    set_sampling(config, 1024, 4);
    agreement_set(config, "network.gamma0", "%.12g", 1.25 * gamma0);
    problem = agreement_problem(config);
    dmft_trajectory *theory = solve(problem, o);
    dmft_comparison *comparison = compare(theory, sample, names, allowance);
    int refused = !dmft_comparison_holds(comparison);
    printf("  theory with gamma0 %.4g: %s\n", 1.25 * gamma0, refused ? "refused, as it should be" : "FAILS: not told apart");
    agreement_note(refused);
    dmft_comparison_free(comparison);
    dmft_trajectory_free(theory);
    dmft_problem_free(problem);
}

/* Loss and tangent kernel are shown without a verdict, for their 1/N terms are not small beside themselves: a loss near 0 has the variance of the outputs,
 * and nearly equal eigenvalues repel by N^{-1/2}. The orders of part 3 are about them. */
static void compare_configuration(const struct configuration *c, const struct options *o)
{
    dmft_config *config = config_of(c);
    set_sampling(config, o->full ? 16384 : 2048, 8);
    set_simulation(config, o->full ? 1000 : 300, o->full ? 48 : 20);
    dmft_problem *problem = agreement_problem(config);
    dmft_trajectory *theory = solve(problem, o), *sample = simulate(problem, o);
    printf("== %s\n%sN %.0f, %.0f networks, %.1f s; theory: %.0f replicas of %.0f sites, %.1f s\n", c->name, c->text,
           dmft_trajectory_number(sample, "width"), dmft_trajectory_number(sample, "seeds"), dmft_trajectory_number(sample, "seconds"),
           dmft_trajectory_number(theory, "replicas"), dmft_trajectory_number(theory, "sites"), dmft_trajectory_number(theory, "seconds"));
    dmft_comparison *comparison = compare(theory, sample, "train_loss,ntk_top", allowance);
    print_rows(comparison, 10, "theory", "mean");
    dmft_comparison_free(comparison);
    comparison = compare(theory, sample, NULL, allowance);
    print_rows(comparison, 10, "theory", "mean");
    agreement_verdict(comparison);
    compare_control(c, sample, NULL, o);
    printf("\n");
    dmft_comparison_free(comparison);
    dmft_trajectory_free(sample);
    dmft_trajectory_free(theory);
    dmft_problem_free(problem);
}

static void compare_all(const struct options *o)
{
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++) {
        compare_configuration(&compared[i], o);
        (void)fflush(stdout);
    }
}

/* ---- 2: outliers ---- */

struct outlier_case {
    struct configuration configuration;
    int matrices;
    long width[2], seeds[2]; /* reduced, full */
};

static const struct outlier_case outlier_cases[] = {
    {{"tanh, L = 2", TANH, 3, 1.4}, 1, {300, 1500}, {24, 24}},
    {{"relu, L = 3", RELU, 0, 0}, 2, {300, 1000}, {24, 48}},
};

/* A run of so many steps with spectra every so many, and the rows of it that are wanted. */
struct spectra {
    long steps, every, wanted[3];
    int count;
};
static const struct spectra spectra[] = {{26, 5, {5, 15, 25}, 3}, {40, 39, {39}, 1}};

/* One row of the table: both have an outlier and they agree, or neither has one. */
static void print_outlier(const dmft_trajectory *theory, const dmft_trajectory *sample, const dmft_comparison *comparison, const char *name, long step)
{
    double limit = dmft_trajectory_series(theory, name)[step], mean = dmft_trajectory_series(sample, name)[step];
    if (isnan(limit) || isnan(mean)) {
        int holds = isnan(limit) && isnan(mean);
        printf("  %-12s %5ld %s in theory, %s in the networks%s\n", name, step, isnan(limit) ? "none" : "one", isnan(mean) ? "none" : "one",
               holds ? "" : "  FAILS");
        agreement_note(holds);
        return;
    }
    double limit_se = dmft_trajectory_errors(theory, name)[step], se = dmft_trajectory_errors(sample, name)[step];
    size_t count = 0;
    const dmft_comparison_row *row = dmft_comparison_rows(comparison, &count);
    while (count > 0 && !(row->step == step && strcmp(row->series, name) == 0)) {
        row++;
        count--;
    }
    int holds = count > 0 && row->holds;
    printf("  %-12s %5ld %10.5f %9.5f %10.5f %9.5f %7.2f %10.5f %10.5f%s\n", name, step, limit, limit_se, mean, se, count > 0 ? row->z : NAN, mean - limit,
           count > 0 ? row->bound : NAN, holds ? "" : "  FAILS");
    agreement_note(holds);
}

static void print_spectra(const struct outlier_case *c, const struct spectra *s, const struct options *o)
{
    dmft_config *config = config_of(&c->configuration);
    set_sampling(config, o->full ? 16384 : 2048, o->full ? 16 : 8);
    set_simulation(config, c->width[o->full], c->seeds[o->full]);
    agreement_set(config, "training.steps", "%ld", s->steps);
    agreement_set(config, "outliers.every", "%ld", s->every);
    agreement_set(config, "outliers.count", "1");
    dmft_problem *problem = agreement_problem(config);
    dmft_trajectory *theory = solve(problem, o), *sample = simulate(problem, o);
    for (int l = 1; l <= c->matrices; l++) {
        char name[32];
        (void)snprintf(name, sizeof name, "A%d_outlier1", l);
        dmft_comparison *comparison = NULL;
        dmft_compare_options how = {.series = name, .allowance_given = 1, .allowance = allowance};
        int any = dmft_compare(theory, sample, &how, &comparison, NULL) == DMFT_OK;
        if (l == 1 && any) printf("  (q %.3f)\n", dmft_comparison_quantile(comparison));
        for (int i = 0; i < s->count; i++) print_outlier(theory, sample, comparison, name, s->wanted[i]);
        dmft_comparison_free(comparison);
    }
    dmft_trajectory_free(sample);
    dmft_trajectory_free(theory);
    dmft_problem_free(problem);
}

static void print_outliers(const struct options *o)
{
    for (size_t i = 0; i < sizeof outlier_cases / sizeof *outlier_cases; i++) {
        const struct outlier_case *c = &outlier_cases[i];
        printf("== outliers: %s\n%sN %ld, %ld networks; bound: q se + %g/N = q se + %.4f\n", c->configuration.name, c->configuration.text,
               c->width[o->full], c->seeds[o->full], allowance, allowance / (double)c->width[o->full]);
        printf("  %-12s %5s %10s %9s %10s %9s %7s %10s %10s\n", "series", "step", "theory", "se", "networks", "se", "z", "difference", "bound");
        for (size_t j = 0; j < sizeof spectra / sizeof *spectra; j++) print_spectra(c, &spectra[j], o);
        printf("\n");
        (void)fflush(stdout);
    }
}

/* ---- orders ---- */

enum { LEVELS = 9 };

/* Numbers y_i at sizes x_i with independent errors, taken for a x^-order. */
struct power_law {
    double order, se, chi2;
};

/* The least sum of squared deviations over a. */
static double misfit(double order, size_t n, const double *x, const double *y, const double *error)
{
    double above = 0.0, below = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        double model = pow(x[i] / x[0], -order) / error[i];
        above += model * y[i] / error[i];
        below += model * model;
    }
    for (size_t i = 0; i < n; i++) {
        double rest = (y[i] - above / below * pow(x[i] / x[0], -order)) / error[i];
        sum += rest * rest;
    }
    return sum;
}

/* Least squares: a grid, a parabola through its lowest point, whose curvature is the error. */
static struct power_law fit(size_t n, const double *x, const double *y, const double *error)
{
    static const double step = 0.01;
    double best = -1.0;
    for (double order = -1.0; order < 4.0; order += step)
        if (misfit(order, n, x, y, error) < misfit(best, n, x, y, error)) best = order;
    double left = misfit(best - step, n, x, y, error), here = misfit(best, n, x, y, error), right = misfit(best + step, n, x, y, error);
    double curvature = (left - 2.0 * here + right) / (step * step);
    return (struct power_law){.order = best + (left - right) / (2.0 * step * curvature), .se = sqrt(2.0 / curvature), .chi2 = here};
}

/* The order is the nominal one within 4 standard errors and `slack`, and it was resolved: a standard error of a quarter or more would let orders
 * 1/2 apart pass for each other. */
static void print_order(struct power_law law, double nominal, double slack, size_t levels)
{
    int resolved = law.se < 0.25, holds = resolved && fabs(law.order - nominal) <= 4.0 * law.se + slack;
    printf("   order %.3f +- %.3f, chi2 %.1f of %zu%s\n", law.order, law.se, law.chi2, levels - 2,
           holds ? "" : resolved ? "  FAILS" : "  FAILS: not resolved");
    agreement_note(holds);
}

/* ---- 3: errors against the infinite width ---- */

struct place {
    const char *series;
    size_t step;
};

struct width_case {
    struct configuration configuration;
    const char *engine;
    size_t means; /* of the reduced run, in which the others are not resolved; 0: in the full run only */
    size_t levels;
    long width[LEVELS], seeds[2][LEVELS]; /* reduced, full */
    struct place mean[8], scatter[8];     /* whose mean, whose standard deviation is looked at; to the first without a name */
};

/* Means: those whose 1/N term is not small beside the scatter of one network; scatter: those whose law is nearly Gaussian. */
#define LINEAR                                                                                \
    "model: mlp\nnetwork: {depth: 2, activation: linear, gamma0: 1.5, weight_variance: 1}\n"  \
    "data: {target: [1, 1, -1]}\ntraining: {learning_rate: 0.2, steps: 9}\n"                  \
    "outliers: {count: 1, every: 20}\n"
#define LINEAR_PLACES                                                                                                                          \
    {{"f0", 4}, {"train_loss", 4}, {"train_loss", 8}, {"trace_C_h2", 4}, {"C_g1", 4}, {"C_g2", 4}, {"ntk_top", 4}},                           \
    {{"f1", 4}, {"trace_C_h1", 8}, {"trace_C_h2", 8}, {"C_g1", 8}, {"C_g2", 8}, {"ntk_top", 8}}
static const struct width_case width_cases[] = {
    {{"linear, L = 2", LINEAR, 3, 1.0}, "dense", 4, 4, {64, 128, 256, 512}, {{1600, 1000, 500, 200}, {6000, 6000, 4000, 3000}}, LINEAR_PLACES},
    {{"linear, L = 2", LINEAR, 3, 1.0}, "revealed", 0, 9, {64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384},
     {{0}, {8000, 8000, 8000, 8000, 4000, 2000, 1000, 500, 250}}, LINEAR_PLACES},
    {{"tanh, L = 2",
      HEAD "network: {depth: 2, activation: tanh, gamma0: 2, weight_variance: 1}\n"
           "data: {target: [1, 1, -1]}\ntraining: {learning_rate: 0.2, steps: 13}\n"
           "outliers: {count: 1, every: 20}\n",
      3, 1.0},
     "revealed", 0, 4, {64, 128, 256, 512}, {{0}, {16000, 16000, 16000, 16000}},
     {{"train_loss", 8}, {"train_loss", 12}, {"f0", 12}, {"ntk_top", 0}},
     {{"f0", 8}, {"f1", 8}, {"trace_C_h1", 12}, {"trace_C_h2", 12}, {"C_g1", 12}, {"C_g2", 12}, {"ntk_top", 12}}},
};

static double value_at(const dmft_trajectory *t, struct place p) { return dmft_trajectory_series(t, p.series)[p.step]; }

/* 0 where the number is exact. */
static double error_at(const dmft_trajectory *t, struct place p)
{
    const double *error = dmft_trajectory_errors(t, p.series);
    return error != NULL ? error[p.step] : 0.0;
}

/* Next order: a (1 + b/N)/N with b up to 10 moves the order between N = 64 and 512 by .07. */
static const double mean_slack = 0.1;
/* The errors of standard deviations are those of Gaussian numbers; b as above in the variance moves half of that. */
static const double scatter_slack = 0.05;

static void print_means(const struct width_case *c, const dmft_trajectory *theory, dmft_trajectory *const *sample, const struct options *o)
{
    double x[LEVELS], y[LEVELS], error[LEVELS];
    printf("  N x (mean - limit) (standard error)\n");
    for (const struct place *p = c->mean; p->series != NULL && (o->full || p < c->mean + c->means); p++) {
        printf("  %-10s %2zu", p->series, p->step);
        for (size_t i = 0; i < c->levels; i++) {
            x[i] = (double)c->width[i];
            y[i] = value_at(sample[i], *p) - value_at(theory, *p);
            error[i] = hypot(error_at(sample[i], *p), error_at(theory, *p));
            printf(" %9.3g(%.1g)", x[i] * y[i], x[i] * error[i]);
        }
        print_order(fit(c->levels, x, y, error), 1.0, mean_slack, c->levels);
    }
}

static void print_scatter(const struct width_case *c, dmft_trajectory *const *sample)
{
    double x[LEVELS], y[LEVELS], error[LEVELS];
    printf("  N^{1/2} x standard deviation over networks\n");
    for (const struct place *p = c->scatter; p->series != NULL; p++) {
        printf("  %-10s %2zu", p->series, p->step);
        for (size_t i = 0; i < c->levels; i++) {
            double seeds = dmft_trajectory_number(sample[i], "seeds");
            x[i] = (double)c->width[i];
            y[i] = error_at(sample[i], *p) * sqrt(seeds);
            error[i] = y[i] / sqrt(2.0 * (seeds - 1.0));
            printf(" %9.4g", sqrt(x[i]) * y[i]);
        }
        print_order(fit(c->levels, x, y, error), 0.5, scatter_slack, c->levels);
    }
}

static void print_widths(const struct width_case *c, const struct options *o)
{
    dmft_trajectory *sample[LEVELS], *theory;
    dmft_config *config = config_of(&c->configuration);
    set_sampling(config, 65536, 16);
    dmft_problem *problem = agreement_problem(config);
    theory = solve(problem, o);
    dmft_problem_free(problem);
    printf("== widths: %s, engine %s\n%s  N (networks):", c->configuration.name, c->engine, c->configuration.text);
    for (size_t i = 0; i < c->levels; i++) {
        config = config_of(&c->configuration);
        set_simulation(config, c->width[i], c->seeds[o->full][i]);
        agreement_set(config, "simulation.engine", "%s", c->engine);
        agreement_set(config, "simulation.seed", "%zu", i + 1); /* so that the levels are independent */
        problem = agreement_problem(config);
        sample[i] = simulate(problem, o);
        printf(" %ld (%ld)", c->width[i], c->seeds[o->full][i]);
        dmft_problem_free(problem);
    }
    printf("\n");
    print_means(c, theory, sample, o);
    print_scatter(c, sample);
    printf("\n");
    (void)fflush(stdout);
    for (size_t i = 0; i < c->levels; i++) dmft_trajectory_free(sample[i]);
    dmft_trajectory_free(theory);
}

static void print_all_widths(const struct options *o)
{
    for (size_t i = 0; i < sizeof width_cases / sizeof *width_cases; i++)
        if (o->full || width_cases[i].means > 0) print_widths(&width_cases[i], o);
}

/* ---- 4: two engines ---- */

static dmft_trajectory *simulate_with(const struct configuration *c, const char *engine, const struct options *o)
{
    dmft_config *config = config_of(c);
    set_simulation(config, 500, o->full ? 200 : 16);
    agreement_set(config, "simulation.engine", "%s", engine);
    dmft_problem *problem = agreement_problem(config);
    dmft_trajectory *t = simulate(problem, o);
    dmft_problem_free(problem);
    return t;
}

/* Site averages have one law in both engines, and no allowance. So have spectra, (N9); their table has the
 * allowance of outliers. */
static void compare_engines(const struct options *o)
{
    char names[NAMES];
    for (size_t i = 0; i < (o->full ? sizeof compared / sizeof *compared : 2); i++) {
        dmft_trajectory *revealed = simulate_with(&compared[i], "revealed", o), *dense = simulate_with(&compared[i], "dense", o);
        printf("== engines at N = 500: %s; %.0f networks each, revealed %.1f s, dense %.1f s\n", compared[i].name, dmft_trajectory_number(dense, "seeds"),
               dmft_trajectory_number(revealed, "seconds"), dmft_trajectory_number(dense, "seconds"));
        name_series(dense, SITES, names);
        dmft_comparison *comparison = compare(revealed, dense, names, 0.0);
        print_rows(comparison, 10, "revealed", "dense");
        agreement_verdict(comparison);
        dmft_comparison_free(comparison);
        name_series(dense, MATRICES, names);
        comparison = compare(revealed, dense, names, allowance);
        print_rows(comparison, 5, "revealed", "dense");
        agreement_verdict(comparison);
        printf("\n");
        (void)fflush(stdout);
        dmft_comparison_free(comparison);
        dmft_trajectory_free(dense);
        dmft_trajectory_free(revealed);
    }
}

/* ---- 5: sampled solvers against exact numbers ---- */

static const struct configuration linear_cases[] = {
    {"linear, L = 2",
     "model: mlp\nnetwork: {depth: 2, activation: linear, gamma0: 1.5, weight_variance: 1.0}\n" GRAM
     "training: {learning_rate: 0.1, steps: 40}\noutliers: {count: 1, every: 13}\n",
     0, 0},
    {"linear, L = 3",
     "model: mlp\nnetwork: {depth: 3, activation: linear, gamma0: 3, weight_variance: 0.6}\n" GRAM
     "training: {learning_rate: 0.08, steps: 40}\noutliers: {count: 1, every: 13}\n",
     0, 0},
};

enum { SITE_LEVELS = 5 };

/* By this solver; sampled ones with plain Gaussian draws, whose errors are what is looked at. */
static dmft_trajectory *solve_with(const struct configuration *c, const char *solver, long sites, const struct options *o)
{
    dmft_config *config = config_of(c);
    set_sampling(config, sites, 40);
    agreement_set(config, "solver", "%s", solver);
    agreement_set(config, "sampling.draws", "gaussian");
    agreement_set(config, "sampling.seed", "%ld", sites); /* so that the levels are independent */
    if (!o->full) agreement_set(config, "training.steps", "14");
    dmft_problem *problem = agreement_problem(config);
    dmft_trajectory *t = solve(problem, o);
    dmft_problem_free(problem);
    return t;
}

/* All numbers within the Student quantile of 4 normal standard errors; the quantile of (S3) is that of networks, not replicas. */
static void print_exact(const dmft_trajectory *exact, const dmft_trajectory *sampled)
{
    char names[NAMES];
    name_series(exact, SITES | MATRICES, names);
    dmft_comparison *comparison = compare(exact, sampled, names, 0.0);
    size_t count = 0, within = 0, worst = 0;
    const dmft_comparison_row *row = dmft_comparison_rows(comparison, &count);
    double quantile = gsl_cdf_tdist_Qinv(gsl_cdf_ugaussian_Q(4.0), dmft_trajectory_number(sampled, "replicas") - 1.0);
    for (size_t i = 0; i < count; i++) {
        within += fabs(row[i].mean - row[i].theory) <= quantile * row[i].se;
        if (fabs(row[i].z) > fabs(row[worst].z)) worst = i;
    }
    printf("  S %.0f, %.0f replicas: %zu of %zu numbers within %.3f standard errors; rms z %.2f, largest %.2f (%s, step %ld)%s\n",
           dmft_trajectory_number(sampled, "sites"), dmft_trajectory_number(sampled, "replicas"), within, count, quantile,
           root_mean_square_z(comparison), row[worst].z, row[worst].series, row[worst].step, within == count ? "" : "  FAILS");
    agreement_note(within == count);
    dmft_comparison_free(comparison);
}

/* S^{1/2} times the root mean square error of one replica, and the order at which that error falls. */
static void print_site_order(const dmft_trajectory *exact, dmft_trajectory *const *sampled, size_t levels, struct place p)
{
    double x[SITE_LEVELS], y[SITE_LEVELS], error[SITE_LEVELS];
    printf("  %-12s %2zu", p.series, p.step);
    for (size_t i = 0; i < levels; i++) {
        double replicas = dmft_trajectory_number(sampled[i], "replicas");
        x[i] = dmft_trajectory_number(sampled[i], "sites");
        y[i] = hypot(value_at(sampled[i], p) - value_at(exact, p), error_at(sampled[i], p) * sqrt(replicas - 1.0));
        error[i] = y[i] / sqrt(2.0 * replicas);
        printf(" %8.3g", sqrt(x[i]) * y[i]);
    }
    print_order(fit(levels, x, y, error), 0.5, scatter_slack, levels);
}

static void print_sites(const struct configuration *c, const char *solver, const struct options *o)
{
    dmft_trajectory *sampled[SITE_LEVELS], *exact = solve_with(c, "exact", 1, o);
    size_t levels = o->full ? SITE_LEVELS : 3;
    printf("== sites: %s, solver %s\n", c->name, solver);
    for (size_t i = 0; i < levels; i++) {
        sampled[i] = solve_with(c, solver, 250L << i, o);
        print_exact(exact, sampled[i]);
    }
    printf("  S^{1/2} x root mean square error of a replica\n");
    for (size_t i = 0; i < dmft_trajectory_series_count(exact); i++) {
        struct place p = {dmft_trajectory_series_name(exact, i), o->full ? 26 : 13};
        if (!dmft_trajectory_series_shown(exact, i) || strcmp(p.series, "step") == 0 || isnan(value_at(exact, p))) continue;
        print_site_order(exact, sampled, levels, p);
    }
    printf("\n");
    (void)fflush(stdout);
    for (size_t i = 0; i < levels; i++) dmft_trajectory_free(sampled[i]);
    dmft_trajectory_free(exact);
}

static void print_all_sites(const struct options *o)
{
    for (size_t i = 0; i < sizeof linear_cases / sizeof *linear_cases; i++) {
        print_sites(&linear_cases[i], "revealed", o);
        print_sites(&linear_cases[i], "response", o);
    }
}

/* ---- the command line ---- */

int main(int argc, char **argv)
{
    static void (*const parts[])(const struct options *) = {compare_all, print_outliers, print_all_widths, compare_engines, print_all_sites};
    enum { PARTS = sizeof parts / sizeof *parts };
    struct options o = {.threads = 2};
    int valid = 1;
    for (int i = 1; i < argc && valid; i++) {
        if (strcmp(argv[i], "--full") == 0) o.full = 1;
        else if (i + 1 < argc && strcmp(argv[i], "--threads") == 0) valid = agreement_whole(argv[++i], 1, &o.threads, '\0', NULL);
        else if (i + 1 < argc && strcmp(argv[i], "--part") == 0) valid = agreement_whole(argv[++i], 1, &o.part, '\0', NULL) && o.part <= PARTS;
        else valid = 0;
    }
    if (!valid) {
        fprintf(stderr, "usage: %s [--full] [--threads n] [--part 1..%d]\n", argv[0], (int)PARTS);
        return 2;
    }
    openblas_set_num_threads(1);
    for (long i = 0; i < PARTS; i++)
        if (o.part == 0 || o.part == i + 1) parts[i](&o);
    return agreement_totals();
}
