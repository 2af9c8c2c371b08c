/* Problems in short, and what they are for the library and for the slow reference. */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include <check.h>
#include <stdlib.h>

#include "base/problem.h"
#include "slow_deep_linear.h"

enum { MOST_LAYERS = 5, NAME = 32 };

/* Variances of A_0 .. A_{L-1} and of the readout. */
struct setting {
    const char *name;
    int depth;
    double width_ratio, gamma0, variance[MOST_LAYERS + 1], sample_ratio, label_noise, learning_rate;
    enum parameterization parameterization;
    enum batch batch;
    long steps;
};

#define MUP PARAMETERIZATION_MUP
#define NTK PARAMETERIZATION_NTK
#define FULL BATCH_FULL
#define ONLINE BATCH_ONLINE

static char model_name[] = "deep_linear", no_text[] = "model: deep_linear\n";

/* The settings of the tables of tests/reference that are of plain networks. */
enum { REFERENCES = 4 };
static inline struct setting *reference_setting(int i)
{
    static struct setting references[REFERENCES] = {
        {"deep_linear_a", 2, 0.5, 8.48528137423857, {0.25, 0.25, 0.25}, 4.0, 0.0, 0.02, MUP, FULL, 60},
        {"deep_linear_b", 3, 1.5, 2.4, {0.5, 0.5, 0.5, 0.5}, 1.5, 0.2, 0.05, MUP, FULL, 60},
        {"deep_linear_c", 2, 1.0, 4.0, {1.0, 1.0, 1.0}, 2.0, 0.3, 0.05, NTK, FULL, 40},
        {"deep_linear_online", 2, 1.0, 4.0, {0.5, 0.5, 0.5}, 0.5, 0.3, 0.02, MUP, ONLINE, 40},
    };
    return &references[i];
}

/* The problem points into the setting. */
static inline dmft_problem problem_of(struct setting *s)
{
    return (dmft_problem){.model = model_name,
                          .depth = s->depth,
                          .width_ratio = s->width_ratio,
                          .parameterization = s->parameterization,
                          .gamma0 = s->gamma0,
                          .weight_variance = s->variance,
                          .sample_ratio = s->sample_ratio,
                          .label_noise = s->label_noise,
                          .batch = s->batch,
                          .learning_rate = s->learning_rate,
                          .steps = s->steps,
                          .rows = s->steps,
                          .tolerance = 1e-11,
                          .outlier_count = 2,
                          .outlier_every = 1,
                          .text = no_text};
}

static inline slow_kernels *slow_of(const struct setting *s, int steps)
{
    slow_problem p = {.depth = s->depth,
                      .steps = steps,
                      .width_ratio = s->width_ratio,
                      .sample_ratio = s->sample_ratio,
                      .gamma0 = s->gamma0,
                      .label_noise = s->label_noise,
                      .learning_rate = s->learning_rate,
                      .weight_variance = s->variance,
                      .ntk = s->parameterization == NTK,
                      .online = s->batch == ONLINE};
    slow_kernels *k = slow_solve(&p);
    ck_assert_ptr_nonnull(k);
    return k;
}

/* DMFT_TEST_SHRINK divides what takes long, for valgrind; 1 when it is not set. */
static inline long shrink_factor(void)
{
    const char *text = getenv("DMFT_TEST_SHRINK");
    long factor = text != NULL ? atol(text) : 1;
    return factor > 1 ? factor : 1;
}

/* A setting with fewer steps where tests are shrunk. */
static inline struct setting shrunk_setting(const struct setting *s)
{
    struct setting shorter = *s;
    if (shrink_factor() > 1) shorter.steps = s->steps / 2 + 4;
    return shorter;
}

#endif
