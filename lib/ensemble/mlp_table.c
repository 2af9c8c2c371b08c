/* Places in the slots of model mlp; the trajectory is made of them in mlp_summary.c. */
#include "ensemble/mlp_table.h"

#include <math.h>
#include <string.h>

static const double divergence_factor = 1e12; /* (L16) */

/* n numbers at the end of what `end` counts. */
static size_t take(size_t *end, size_t n)
{
    size_t place = *end;
    *end += n;
    return place;
}

static void place_row(struct mlp_table *t)
{
    size_t *end = &t->columns;
    t->output = take(end, (t->samples + t->tests) * t->outputs);
    t->forward = take(end, t->depth * t->samples);
    t->backward = take(end, t->depth * t->samples);
    t->ntk = take(end, t->tops);
    t->train_loss = take(end, 1);
    t->test_loss = take(end, 1);
}

static void place_layer(struct mlp_table *t)
{
    size_t *end = &t->layer;
    t->value = take(end, t->count + 1);
    t->root = take(end, t->count);
    t->left = take(end, 1);
    t->right = take(end, 1);
    t->left_of = take(end, t->chosen);
    t->right_of = take(end, t->chosen);
}

struct mlp_table mlp_table_of(const dmft_problem *problem, int responses)
{
    const struct mlp_problem *m = &problem->mlp;
    size_t rows = (size_t)problem->rows, depth = (size_t)problem->depth;
    struct mlp_table t = {.samples = m->samples, .tests = m->tests, .outputs = m->outputs, .depth = depth, .matrices = depth - 1};
    t.count = (size_t)problem->outlier_count;
    t.chosen = m->chosen_count;
    t.every = (size_t)problem->outlier_every;
    t.recorded = (rows - 1) / t.every + 1;
    t.tops = problem->probes.ntk ? (m->samples * m->outputs < 3 ? m->samples * m->outputs : 3) : 1;
    place_row(&t);
    place_layer(&t);
    t.wide = t.matrices * t.layer;
    t.slot = rows * t.columns;
    t.spectra = take(&t.slot, t.recorded * t.wide);
    t.directions = take(&t.slot, 2 * t.matrices);
    t.order = rows * t.samples;
    if (problem->store_kernels) t.kernels = 2 * depth + (responses ? 2 * t.matrices : 0);
    t.kernel = take(&t.slot, t.kernels * t.order * t.order);
    t.triangle = m->samples * (m->samples + 1) / 2;
    t.represent_every = (size_t)m->represent_every;
    if (t.represent_every > 0) t.representations = (rows - 1) / t.represent_every + 1;
    t.represent = take(&t.slot, t.representations * depth * t.triangle);
    return t;
}

size_t mlp_table_kernel(const struct mlp_table *t, enum mlp_kernel kernel, size_t l)
{
    size_t L = t->depth, first[] = {[MLP_C_PHI] = 0, [MLP_C_G] = L, [MLP_R_PHI] = 2 * L, [MLP_R_G] = 3 * L - 1};
    size_t index = first[kernel] + l - (kernel == MLP_R_G ? 2 : 1);
    return t->kernel + index * t->order * t->order;
}

size_t mlp_table_spectrum(const struct mlp_table *t, long row, size_t l)
{
    return t->spectra + (size_t)row / t->every * t->wide + (l - 1) * t->layer;
}

size_t mlp_table_directions(const struct mlp_table *t, size_t l) { return t->directions + 2 * (l - 1); }

int mlp_table_represents(const struct mlp_table *t, long row) { return t->represent_every > 0 && (size_t)row % t->represent_every == 0; }

size_t mlp_table_representation(const struct mlp_table *t, long row, size_t l)
{
    return t->represent + ((size_t)row / t->represent_every * t->depth + l - 1) * t->triangle;
}

void mlp_table_enter_representation(const struct mlp_table *t, double *slot, long row, size_t l, const double *C, size_t stride)
{
    if (!mlp_table_represents(t, row)) return;
    double *to = slot + mlp_table_representation(t, row, l);
    for (size_t mu = 0; mu < t->samples; to += ++mu) memcpy(to, C + mu * stride, (mu + 1) * sizeof *to);
}

void mlp_table_enter_ntk(const struct mlp_table *t, double *row, const double *rising, int known)
{
    for (size_t j = 0; j < t->tops; j++) row[t->ntk + j] = known ? rising[t->tops - 1 - j] : NAN;
}

int mlp_table_diverged(const struct mlp_table *t, const double *slot, long row)
{
    const double *now = slot + (size_t)row * t->columns;
    int beyond = 0;
    for (size_t i = 0; i <= t->train_loss; i++) {
        int lacks = t->partial && i >= t->backward && i < t->train_loss && isnan(now[i]);
        beyond |= !lacks && (!isfinite(now[i]) || fabs(now[i]) > divergence_factor * fmax(fabs(slot[i]), 1.0));
    }
    return beyond;
}
