/* Gaussian inputs with a target of their first r components, or rows of a file in an order of the member's own, (LF1). Permutations are those of Fisher
 * and Yates, from streams of their own. Cost: a Gaussian number an input. */
#include "base/labelled.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"

/* Streams of one member; permutations take (layer, number) from PERMUTATION on. */
enum purpose { PURPOSE_INPUT = 1, PURPOSE_NOISE, PURPOSE_ORDER, PURPOSE_PERMUTATION = 1 << 20 };
enum { LAYER = 1 << 14 }; /* above the most permutations of a layer */

static int from_file(const struct low_degree_filter_problem *f) { return f->directions == 0; }

size_t labelled_terms(const dmft_problem *problem)
{
    const struct low_degree_filter_problem *f = &problem->filter;
    return from_file(f) ? 0 : f->target == TARGET_PRODUCT ? 1 : f->directions;
}

static size_t order_of(const struct low_degree_filter_problem *f)
{
    size_t rows = f->rows + f->test_rows;
    return rows > f->samples ? rows : f->samples;
}

double labelled_doubles(const dmft_problem *problem)
{
    const struct low_degree_filter_problem *f = &problem->filter;
    double rows = (double)f->samples + (double)f->tests;
    return rows * ((double)f->input_dim + 1.0) + (double)labelled_terms(problem) * (double)f->tests + (double)order_of(f);
}

int labelled_create(struct labelled *data, const dmft_problem *problem, dmft_error *err)
{
    const struct low_degree_filter_problem *f = &problem->filter;
    size_t rows = f->samples + f->tests;
    *data = (struct labelled){.samples = f->samples, .tests = f->tests, .dim = f->input_dim, .terms = labelled_terms(problem)};
    data->input = memory_doubles(rows * f->input_dim);
    data->label = memory_doubles(rows);
    data->term = memory_doubles(data->terms * f->tests);
    data->order = calloc(order_of(f), sizeof *data->order);
    if (data->input != NULL && data->label != NULL && data->term != NULL && data->order != NULL) return DMFT_OK;
    labelled_free(data);
    return error_memory(err, 8.0 * labelled_doubles(problem));
}

void labelled_free(struct labelled *data)
{
    free(data->input);
    free(data->label);
    free(data->term);
    free(data->order);
    *data = (struct labelled){0};
}

/* ---- targets ---- */

/* The terms of the target at one input, of variance 1 each; the target is their sum over the root of their number. */
static void terms_at(const struct low_degree_filter_problem *f, const double *z, double *term)
{
    static const double inverse_root_2 = 0.70710678118654752440;
    double product = 1.0;
    for (size_t i = 0; i < f->directions; i++) {
        product *= z[i];
        if (f->target == TARGET_LINEAR) term[i] = z[i];
        if (f->target == TARGET_QUADRATIC) term[i] = inverse_root_2 * (z[i] * z[i] - 1.0);
        if (f->target == TARGET_STAIRCASE) term[i] = product;
    }
    if (f->target == TARGET_PRODUCT) term[0] = product;
}

static void draw(struct labelled *data, const dmft_problem *problem, long index)
{
    enum { MOST_TERMS = 16 };
    const struct low_degree_filter_problem *f = &problem->filter;
    struct random_stream inputs = random_start(problem->simulation.seed, (uint64_t)index, PURPOSE_INPUT);
    struct random_stream noise = random_start(problem->simulation.seed, (uint64_t)index, PURPOSE_NOISE);
    size_t rows = data->samples + data->tests;
    random_gaussians(&inputs, 1.0, rows * data->dim, data->input);
    random_gaussians(&noise, problem->label_noise, rows, data->label);
    for (size_t i = 0; i < rows; i++) {
        double term[MOST_TERMS], sum = 0.0;
        terms_at(f, data->input + i * data->dim, term);
        for (size_t j = 0; j < data->terms; j++) {
            sum += term[j];
            if (i >= data->samples) data->term[j * data->tests + i - data->samples] = term[j];
        }
        double y = sum / sqrt((double)data->terms) + data->label[i];
        data->label[i] = f->labels == LABELS_VALUE ? y : y < 0.0 ? -1.0 : 1.0;
    }
}

/* ---- rows of a file ---- */

/* The numbers first .. first + count - 1, in their places, at random. */
static void shuffle(size_t *order, size_t first, size_t count, struct random_stream *stream)
{
    for (size_t i = 0; i < count; i++) order[first + i] = first + i;
    random_shuffle(stream, count, order + first);
}

static void choose(struct labelled *data, const dmft_problem *problem, long index)
{
    const struct low_degree_filter_problem *f = &problem->filter;
    struct random_stream stream = random_start(problem->simulation.seed, (uint64_t)index, PURPOSE_ORDER);
    shuffle(data->order, 0, f->rows, &stream);
    shuffle(data->order, f->rows, f->test_rows, &stream);
    for (size_t i = 0; i < data->samples + data->tests; i++) {
        size_t skipped = i >= data->samples && f->test_rows > 0 ? f->rows - data->samples : 0, row = data->order[i + skipped];
        memcpy(data->input + i * data->dim, f->input + row * data->dim, data->dim * sizeof *data->input);
        data->label[i] = f->label[row];
    }
}

void labelled_draw(struct labelled *data, const dmft_problem *problem, long index)
{
    if (problem->filter.shared) index = 0;
    if (from_file(&problem->filter))
        choose(data, problem, index);
    else
        draw(data, problem, index);
}

void labelled_permute(struct labelled *data, const dmft_problem *problem, long index, long layer, size_t number, double *permuted)
{
    if (problem->filter.shared) index = 0;
    uint64_t purpose = PURPOSE_PERMUTATION + (uint64_t)layer * LAYER + number;
    struct random_stream stream = random_start(problem->simulation.seed, (uint64_t)index, purpose);
    shuffle(data->order, 0, data->samples, &stream);
    for (size_t i = 0; i < data->samples; i++) permuted[i] = data->label[data->order[i]];
}
