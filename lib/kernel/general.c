/* Memory, queries and results of the general march; the equations are in general_step.c.
 *
 * Kept are lower triangles of (T + probe rows)^2 doubles: for every hidden field its coefficients on each of the sources that it feels, two of the 2L or,
 * with residual branches, all; 2L + 1 correlations; and for the data 10 and one a mode of the inputs (3 more when there are several), 1 more for batches of a
 * fixed sample, 2 for epochs; 2L more where weights are shaken. Results are finished in place. */
#include "kernel/general.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernel/general_state.h"
#include "kernel/gram.h"
#include "kernel/nodes.h"

static const double least_kept = 1e-100; /* (1 - omega)^t: spikes over it and their squares are numbers */

static int subsampled(const struct dmft_problem *p) { return p->batch == BATCH_BERNOULLI || p->batch == BATCH_EPOCH; }
static int probed(const struct dmft_problem *p) { return p->probes.ntk || p->probes.sharpness; }

int kernel_general_wanted(const struct dmft_problem *p)
{
    return p->schedule != NULL || p->momentum > 0.0 || p->weight_decay > 0.0 || p->modes > 0 || p->residual || subsampled(p) ||
           p->weight_factor != NULL || probed(p);
}

/* ---- what a run needs ---- */

/* Rows that begin a multiple of a page apart share their places in the cache; a line more between them does away with that. An even number lets every row
 * begin at a multiple of 16 bytes, whatever else there is room for: without AVX OpenBLAS adds up in an order that goes by it. */
static size_t stride_of(size_t rows) { return rows >= 256 && rows % 64 == 0 ? rows + 8 : rows + rows % 2; }

/* Two runs of probes use the same rows one after the other; each ends with the vector after its last. */
static size_t rows_of(const struct dmft_problem *p) { return (size_t)p->rows + (probed(p) ? (size_t)p->probes.rows + 1 : 0); }

static size_t modes_of(const struct dmft_problem *p) { return p->modes > 0 ? p->modes : 1; }

static size_t epoch_of(const struct dmft_problem *p)
{
    return p->batch == BATCH_EPOCH ? (size_t)llround(1.0 / p->batch_fraction) : p->batch == BATCH_BERNOULLI ? 1 : 0;
}

static int feels(const struct dmft_problem *p, size_t field, size_t source)
{
    size_t L = (size_t)p->depth;
    return p->residual || field % L == source % L;
}

/* Whether the errors on all samples are others than those that are learned from. */
static int apart(const struct dmft_problem *p) { return subsampled(p) || (p->flow && p->batch == BATCH_ONLINE); }

static size_t squares_of(const struct dmft_problem *p)
{
    size_t L = (size_t)p->depth, n = modes_of(p), epoch = epoch_of(p), hidden = (p->residual ? 4 * L * L : 4 * L) + (p->weight_factor != NULL ? 2 * L : 0);
    return hidden + 2 * L + 1 + 9 + n + (n > 1 ? 3 : 0) + (apart(p) ? 1 : 0) + (epoch > 1 ? 1 : 0);
}

static size_t band_of(const struct dmft_problem *p)
{
    size_t epoch = epoch_of(p);
    return epoch < (size_t)p->rows ? epoch : (size_t)p->rows;
}

enum { VECTORS = 18 + GENERAL_WORK }; /* of `rows` numbers */

double kernel_general_bytes(const struct dmft_problem *p)
{
    double rows = (double)rows_of(p), stride = (double)stride_of(rows_of(p)), n = (double)modes_of(p);
    double vectors = VECTORS + 4.0 * n + 2.0 * p->depth + (p->weight_factor != NULL ? 3.0 * p->depth + 2.0 : 0.0) + (double)band_of(p);
    return 8.0 * ((double)squares_of(p) * rows * stride + vectors * rows);
}

/* As the head of general_step.c says. A probe's row costs what a step's does, its hidden part twice where hidden vectors are probed. */
double kernel_general_operations(const struct dmft_problem *p)
{
    double L = p->depth, n = (double)modes_of(p), T = (double)p->rows, extra = (double)(rows_of(p) - (size_t)p->rows);
    double layers = p->residual ? L : 1.0, hidden = layers * (16.0 * L - (p->weight_factor != NULL ? 0.0 : 6.0));
    double data = n > 1.0 ? 14.0 + 6.0 * n : 19.0, batches = epoch_of(p) == 0 ? 0.0 : epoch_of(p) == 1 ? 1.0 : 5.0;
    double steps = (hidden + data + batches) * T * (T + 1.0) * (2.0 * T + 1.0) / 6.0;
    if (!probed(p)) return steps;
    double ntk = p->probes.ntk ? data + (p->width_ratio < 1.0 ? 2.0 : 1.0) * hidden : 0.0, sharpness = p->probes.sharpness ? data + hidden : 0.0;
    double squares = T * T / 3.0 + T * extra / 2.0 + extra * extra / 3.0; /* mean of (t + k)^2 over steps t and rows k */
    return steps + T / (double)p->probes.every * 2.0 * extra * (ntk + sharpness) * squares;
}

/* ---- making ---- */

static void set_constants(struct kernel_general *g, const struct dmft_problem *p)
{
    double root_nu = sqrt(p->width_ratio), gamma = p->parameterization == PARAMETERIZATION_MUP ? p->gamma0 * root_nu : p->gamma0;
    g->depth = p->depth;
    g->online = p->batch == BATCH_ONLINE;
    g->residual = p->residual;
    g->flow = p->flow;
    g->steps = (size_t)p->rows;
    g->rows = rows_of(p);
    g->stride = stride_of(g->rows);
    g->modes = modes_of(p);
    g->epoch = epoch_of(p);
    g->band = band_of(p);
    g->rate = p->learning_rate;
    g->step = p->learning_rate * gamma / root_nu;
    g->gain = 1.0 / (gamma * root_nu);
    g->width_ratio = p->width_ratio;
    g->sample_ratio = p->sample_ratio;
    g->label_noise = p->label_noise;
    g->fraction = subsampled(p) ? p->batch_fraction : 1.0;
    g->momentum = p->momentum;
    g->decay = p->weight_decay;
    g->shaken = p->weight_factor != NULL;
}

/* A triangle of the march's; NULL when it could not be had. */
static double *take_square(struct kernel_general *g)
{
    double *K = memory_doubles_large(g->rows * g->stride);
    g->square[g->squares++] = K;
    return K;
}

static int take_hidden(struct kernel_general *g, const struct dmft_problem *p)
{
    size_t L = (size_t)p->depth;
    int have = 1;
    for (size_t field = 0; field < 2 * L; field++) {
        have = (g->sum[field] = memory_doubles(g->rows)) != NULL && have;
        for (size_t source = 0; source < 2 * L; source++)
            if (feels(p, field, source)) have = (g->coefficient[field * 2 * L + source] = take_square(g)) != NULL && have;
    }
    for (size_t source = 0; source < 2 * L && g->shaken; source++) have = (g->seen[source] = take_square(g)) != NULL && have;
    for (size_t l = 0; l <= L; l++) have = (g->C_h[l] = take_square(g)) != NULL && have;
    for (size_t l = 1; l <= L; l++) have = (g->C_g[l] = take_square(g)) != NULL && have;
    return have;
}

static int take_data(struct kernel_general *g, const struct dmft_problem *p)
{
    double **const all[] = {&g->K, &g->S, &g->N, &g->C_v, &g->R_v, &g->H, &g->C_seen, &g->W, &g->R_h0};
    int have = 1, many = g->modes > 1;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) have = (*all[i] = take_square(g)) != NULL && have;
    for (size_t k = 0; k < g->modes; k++) have = (g->G[k] = take_square(g)) != NULL && have;
    g->C_w = many ? take_square(g) : g->C_v;
    g->G1 = many ? take_square(g) : g->G[0];
    g->G2 = many ? take_square(g) : g->G[0];
    g->C_Delta = apart(p) ? take_square(g) : g->C_seen;
    g->J = g->epoch > 1 ? take_square(g) : NULL;
    return have && g->C_w && g->G1 && g->G2 && g->C_Delta && (g->J || g->epoch <= 1);
}

enum { PLACES = 31 };

/* Every vector and its length. */
static void places_of(struct kernel_general *g, struct memory_place place[PLACES])
{
    size_t n = g->rows, many = g->modes * g->rows, layers = (size_t)g->depth + 1;
    const struct memory_place all[PLACES] = {{&g->time, n}, {&g->weight, n}, {&g->newest, n}, {&g->kept, n}, {&g->kappa, g->shaken ? layers * n : n},
                                             {&g->power, n}, {&g->star_mean, n}, {&g->seen_target, n}, {&g->source, n}, {&g->unit, n}, {&g->spikes, n},
                                             {&g->G0, n}, {&g->C_0, n}, {&g->probe_a, n}, {&g->probe_b, n}, {&g->probe_past, n}, {&g->probe_ritz, n},
                                             {&g->star, many}, {&g->X, many}, {&g->Y, many}, {&g->scaled, many}, {&g->noise, g->steps * g->band},
                                             {&g->schedule, g->steps}, {&g->eigenvalue, g->modes}, {&g->target, g->modes}, {&g->variance, layers},
                                             {&g->branch, layers}, {&g->factor, layers}, {&g->remembered, n}, {&g->shrunk, g->shaken ? layers * g->steps : 0},
                                             {&g->bulk, g->shaken ? layers * g->steps : 0}};
    memcpy(place, all, sizeof all);
}

static int take_vectors(struct kernel_general *g)
{
    struct memory_place place[PLACES];
    places_of(g, place);
    int have = memory_take(place, PLACES);
    for (size_t i = 0; i < GENERAL_WORK; i++) have = (g->work[i] = memory_doubles(g->rows)) != NULL && have;
    return have;
}

static int take_memory(struct kernel_general *g, const struct dmft_problem *p)
{
    size_t L = (size_t)p->depth;
    g->coefficient = calloc(4 * L * L, sizeof *g->coefficient);
    g->sum = calloc(2 * L, sizeof *g->sum);
    g->C_h = calloc(L + 1, sizeof *g->C_h);
    g->C_g = calloc(L + 1, sizeof *g->C_g);
    g->G = calloc(g->modes, sizeof *g->G);
    g->seen = calloc(2 * L, sizeof *g->seen);
    g->square = calloc(squares_of(p), sizeof *g->square);
    if (!g->coefficient || !g->sum || !g->C_h || !g->C_g || !g->G || !g->seen || !g->square) return 0;
    return take_hidden(g, p) && take_data(g, p) && take_vectors(g);
}

/* (KN2) for A_l. */
static void fill_bulk(struct kernel_general *g, const struct dmft_problem *p, int l)
{
    double *shrunk = g->shrunk + (size_t)l * g->steps, *bulk = g->bulk + (size_t)l * g->steps, f = g->factor[l] = p->weight_factor[l];
    shrunk[0] = 1.0;
    bulk[0] = p->weight_variance[l];
    for (size_t t = 1; t < g->steps; t++) {
        shrunk[t] = f * shrunk[t - 1];
        bulk[t] = f * f * bulk[t - 1] + p->injected_variance[l];
    }
}

static void fill(struct kernel_general *g, const struct dmft_problem *p)
{
    double power = 0.0;
    for (int l = 0; l <= p->depth; l++) {
        g->variance[l] = p->weight_variance[l];
        g->branch[l] = p->residual && l > 0 && l < p->depth ? 1.0 / sqrt(p->depth) : 1.0;
        if (g->shaken) fill_bulk(g, p, l);
    }
    for (size_t t = 0; t < g->steps; t++) g->schedule[t] = p->schedule != NULL ? p->schedule[t] : 1.0;
    for (size_t k = 0; k < g->modes; k++) {
        g->eigenvalue[k] = p->modes > 0 ? p->eigenvalue[k] : 1.0;
        g->target[k] = p->modes > 0 ? p->target_mode[k] : 1.0;
        power += g->target[k] * g->target[k] / (double)g->modes;
    }
    g->target_norm = sqrt(power);
}

int kernel_general_create(kernel_general **out, const struct dmft_problem *p, dmft_error *err)
{
    if (pow(1.0 - p->weight_decay, (double)p->steps) < least_kept)
        return error_set(err, DMFT_ERROR_ARGUMENT,
                         "training.weight_decay: method rows needs (1 - weight_decay)^steps of at least %g; %.12g leaves less within %ld steps", least_kept,
                         p->weight_decay, p->steps);
    struct kernel_general *g = calloc(1, sizeof *g);
    if (g == NULL) return error_memory(err, sizeof *g);
    set_constants(g, p);
    if (!take_memory(g, p)) {
        kernel_general_free(g);
        return error_memory(err, kernel_general_bytes(p));
    }
    fill(g, p);
    int status = kernel_nodes(p, g->time, g->weight, g->newest, err);
    if (status == DMFT_OK) *out = g;
    else kernel_general_free(g);
    return status;
}

void kernel_general_free(kernel_general *g)
{
    struct memory_place place[PLACES];
    if (g == NULL) return;
    for (size_t i = 0; i < g->squares; i++) free(g->square[i]);
    for (size_t f = 0; g->sum != NULL && f < 2 * (size_t)g->depth; f++) free(g->sum[f]);
    for (size_t i = 0; i < GENERAL_WORK; i++) free(g->work[i]);
    places_of(g, place);
    memory_return(place, PLACES);
    free(g->coefficient);
    free(g->sum);
    free(g->C_h);
    free(g->C_g);
    free(g->G);
    free(g->seen);
    free(g->square);
    free(g);
}

/* ---- queries ---- */

size_t kernel_general_done(const kernel_general *g) { return g->done; }

double kernel_general_time(const kernel_general *g, size_t t) { return g->time[t]; }

size_t kernel_general_count(const kernel_general *g) { return 2 * (size_t)g->depth + 3; }

/* Correlation i of the results. */
static double *correlation(const kernel_general *g, size_t i)
{
    size_t L = (size_t)g->depth;
    return i == 0 ? g->C_v : i == 1 ? g->C_Delta : i < L + 3 ? g->C_h[i - 2] : g->C_g[i - 2 - L];
}

double kernel_general_diagonal(const kernel_general *g, size_t i, size_t t) { return correlation(g, i)[t * g->stride + t]; }

double kernel_general_kept(const kernel_general *g) { return g->done > 0 ? g->kept[g->done - 1] : 1.0; }

void kernel_general_matrix(kernel_general *g, int l, struct kernel_rows_matrix *matrix)
{
    size_t t = g->done > 0 ? g->done - 1 : 0;
    double weight = g->step * g->branch[l] / kernel_general_kept(g);
    for (size_t a = 0; a < t; a++) g->spikes[a] = weight * general_kappa(g, l)[a];
    for (size_t a = 0; a <= t && g->shaken; a++) g->remembered[a] = general_spread(g, l, t, a);
    *matrix = (struct kernel_rows_matrix){.C_phi = g->C_h[l],
                                          .R_phi = general_R_h(g, l),
                                          .C_g = g->C_g[l + 1],
                                          .R_g = general_R_g(g, l + 1),
                                          .stride = g->stride,
                                          .updates = t,
                                          .d = g->spikes,
                                          .variance = g->shaken ? g->remembered : NULL,
                                          .target = l == 0 ? g->seen_target : NULL};
}

/* ---- results ---- */

/* Responses to fields of the first weights become those to the fields that a site feels. */
static void restore(kernel_general *g, double branch, double *R)
{
    for (size_t t = 0; t < g->done; t++)
        for (size_t s = 0; s <= t; s++) R[t * g->stride + s] /= branch * g->kept[s];
}

/* Response i of the results, as it is kept. */
static double *response(const kernel_general *g, size_t i)
{
    size_t L = (size_t)g->depth;
    if (i == 0) return g->R_v;
    if (i == 1) return g->J != NULL ? g->J : g->H;
    return i < L + 3 ? general_R_h(g, (int)(i - 2)) : general_R_g(g, (int)(i - 2 - L));
}

/* Responses of a flow by what they would have changed in its weights, (M3). */
static void make_density(const kernel_general *g, double *R)
{
    for (size_t t = 1; t < g->done; t++)
        for (size_t s = 0; s < t; s++) R[t * g->stride + s] /= s + 1 == t ? g->newest[t] : g->weight[s];
}

static void finish_response(kernel_general *g, size_t i, double *R)
{
    size_t L = (size_t)g->depth;
    if (i == 0) {
        for (size_t t = 0; t < g->done; t++)
            for (size_t s = 0; s < t; s++) R[t * g->stride + s] /= g->fraction;
    } else if (i == 1) {
        for (size_t t = 0; t < g->done; t++) R[t * g->stride + t] = 1.0;
    } else {
        restore(g, g->branch[i < L + 3 ? i - 2 : i - 3 - L], R);
    }
    if (g->flow) make_density(g, R);
}

static void name_result(const kernel_general *g, size_t i, char *name)
{
    size_t fields = kernel_general_count(g);
    int L = g->depth, field = (int)(i % fields);
    char kind = i < fields ? 'C' : 'R';
    if (field < 2) (void)snprintf(name, KERNEL_NAME_BYTES, "%c_%s", kind, field == 0 ? "v" : "Delta");
    else if (field < L + 3) (void)snprintf(name, KERNEL_NAME_BYTES, "%c_h%d", kind, field - 2);
    else (void)snprintf(name, KERNEL_NAME_BYTES, "%c_g%d", kind, field - 2 - L);
}

/* Takes a triangle out of those that are owned; 0 when it was taken already. */
static int release(kernel_general *g, const double *K)
{
    for (size_t j = 0; j < g->squares; j++)
        if (K != NULL && g->square[j] == K) {
            g->square[j] = NULL;
            return 1;
        }
    return 0;
}

void kernel_general_result(kernel_general *g, size_t i, char *name, double **square, size_t *order, size_t *stride)
{
    size_t fields = kernel_general_count(g);
    double *K = i < fields ? correlation(g, i) : response(g, i - fields);
    name_result(g, i, name);
    *order = g->done;
    *stride = g->stride;
    *square = release(g, K) ? K : NULL;
    if (*square == NULL) return;
    if (i < fields) kernel_mirror(K, g->done, g->stride);
    else finish_response(g, i - fields, K);
}

/* ---- checkpoints ---- */

/* The triangles hold rows of steps alone: what probes leave behind them is written over. */
void kernel_general_transfer(kernel_general *g, archive *a)
{
    archive_tag(a, "general");
    archive_size(a, &g->done, g->steps);
    if (archive_status(a) != DMFT_OK) g->done = 0;
    for (size_t i = 0; i < g->squares; i++)
        for (size_t t = 0; t < g->done; t++) archive_doubles(a, general_row(g, g->square[i], t), t + 1);
    double *const vector[] = {g->kept, g->power, g->star_mean, g->seen_target, g->source, g->unit};
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) archive_doubles(a, vector[i], g->done);
    for (int l = 0; l <= (g->shaken ? g->depth : 0); l++) archive_doubles(a, general_kappa(g, l), g->done);
    for (size_t f = 0; f < 2 * (size_t)g->depth; f++) archive_doubles(a, g->sum[f], g->done);
    for (size_t k = 0; k < g->modes; k++) archive_doubles(a, g->star + k * g->rows, g->done);
    archive_doubles(a, g->noise, g->done * g->band);
}
