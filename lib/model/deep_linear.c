/* Deep linear networks in the proportional limit: section 3 of doc/theory.md, in the basis form (B1)-(B3).
 *
 * What stands here is the training loop of a network. That its width is infinite is a property of the operators it calls.
 * A step costs 2 (L + 1) products of lib/limit/operator.c.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "model/model.h"

struct deep_linear {
    int depth, online, flow;
    double gain;        /* 1/(gamma sqrt(nu)): of the network's output */
    double step;        /* c = eta gamma/sqrt(nu) */
    double sample_ratio, label_noise;

    limit_space input, samples, *hidden;  /* hidden[1 .. L] */
    limit_operator *data, **A;            /* data: X/sqrt(D); A[0 .. L-1] */
    limit_rows target, v, v_hat;          /* input space */
    limit_rows noise, Delta;              /* sample space */
    limit_rows *h, *g, readout;           /* h[1 .. L], g[1 .. L]; readout in hidden[L] */

    limit_rows sum, slot;                 /* h[L] of the gradients kept in slots; those of the operators keep g and h */
    const double *weight;                 /* of the slots first .. end - 1, the caller's */
    size_t first, end;

    struct model_observable *observable;
    size_t observables;
    struct model_matrix *matrix;
};

/* ---- the training loop ---- */

/* out <- out + c sum_i weight_i h^L_i of the slots. */
static void add_slots(const struct deep_linear *n, const double *weight, size_t first, size_t end, limit_rows *out)
{
    if (end > first) limit_combine(out, n->step, weight + first, &n->slot, first, end);
}

static void backward(struct deep_linear *n)
{
    int L = n->depth;
    limit_copy(&n->g[L], &n->readout);
    add_slots(n, n->weight, n->first, n->end, &n->g[L]);
    for (int l = L - 1; l >= 1; l--) limit_pull(n->A[l], &n->g[l + 1], &n->g[l]);
    limit_pull(n->A[0], &n->g[1], &n->v);
    limit_scale(&n->v, -n->gain);
    limit_add(&n->v, 1.0, &n->target); /* v = w* - A_0^T g^1/(gamma sqrt(nu)) */
}

static void see_data(struct deep_linear *n)
{
    if (n->online) { /* a fresh batch: new inputs, new label noise */
        limit_operator_renew(n->data);
        limit_space_renew(&n->samples);
        if (n->label_noise > 0.0) limit_fresh(&n->noise);
    }
    limit_push(n->data, &n->v, &n->Delta);
    limit_add(&n->Delta, n->label_noise, &n->noise);
    if (n->online && n->flow) { /* the noise of fresh batches is of the order of the learning rate */
        limit_copy(&n->v_hat, &n->v);
        return;
    }
    limit_pull(n->data, &n->Delta, &n->v_hat);
    limit_scale(&n->v_hat, 1.0 / n->sample_ratio);
}

static void forward(struct deep_linear *n)
{
    limit_push(n->A[0], &n->v_hat, &n->h[1]);
    for (int l = 1; l < n->depth; l++) limit_push(n->A[l], &n->h[l], &n->h[l + 1]);
}

static void evaluate(void *state)
{
    backward(state);
    see_data(state);
    forward(state);
}

static void update(void *state)
{
    struct deep_linear *n = state;
    for (int l = 0; l < n->depth; l++) limit_learn(n->A[l], n->step);
    limit_add(&n->readout, n->step, &n->h[n->depth]);
}

/* ---- gradient flow ---- */

static int slots(void *state, size_t count, dmft_error *err)
{
    struct deep_linear *n = state;
    if (count <= n->slot.count) return DMFT_OK;
    int status = limit_rows_reserve(&n->slot, count - n->slot.count, err);
    for (int l = 0; l < n->depth && status == DMFT_OK; l++) status = limit_trial_reserve(n->A[l], count, err);
    if (status == DMFT_OK) n->slot.count = count;
    return status;
}

static void keep(void *state, size_t slot)
{
    struct deep_linear *n = state;
    for (int l = 0; l < n->depth; l++) limit_trial_keep(n->A[l], slot);
    limit_put(&n->slot, slot, &n->h[n->depth], 0);
}

static void copy(void *state, size_t from, size_t to)
{
    struct deep_linear *n = state;
    for (int l = 0; l < n->depth; l++) limit_trial_copy(n->A[l], from, to);
    limit_put(&n->slot, to, &n->slot, from);
}

static void weigh(void *state, const double *weight, size_t first, size_t end)
{
    struct deep_linear *n = state;
    for (int l = 0; l < n->depth; l++) limit_trial_weigh(n->A[l], n->step, weight, first, end);
    n->weight = weight;
    n->first = first;
    n->end = end;
}

static void learn(void *state, const double *weight, size_t first, size_t end)
{
    struct deep_linear *n = state;
    for (int l = 0; l < n->depth; l++) limit_trial_learn(n->A[l], n->step, weight, first, end);
    add_slots(n, weight, first, end, &n->readout);
    n->first = n->end = 0;
}

static double norm_of_slots(void *state, const double *weight, size_t first, size_t end)
{
    struct deep_linear *n = state;
    limit_rows *sum = &n->sum;
    limit_scale(sum, 0.0);
    if (end > first) limit_combine(sum, 1.0, weight + first, &n->slot, first, end);
    double square = limit_dot(sum, sum);
    for (int l = 0; l < n->depth; l++) {
        double one = limit_trial_norm(n->A[l], weight, first, end);
        square += one * one;
    }
    return sqrt(square);
}

/* Fresh data is met anew at every evaluation, and nothing of it is kept. */
static void coarsen(void *state, double factor)
{
    struct deep_linear *n = state;
    for (int l = 0; l < n->depth; l++) limit_coarsen(n->A[l], factor);
    if (!n->online) limit_coarsen(n->data, factor);
}

static size_t directions(void *state)
{
    struct deep_linear *n = state;
    size_t most = 0;
    for (int l = -1; l < n->depth; l++) {
        const limit_operator *A = l < 0 ? n->data : n->A[l];
        size_t in = limit_operator_inputs(A), out = limit_operator_outputs(A), more = in > out ? in : out;
        most = more > most ? more : most;
    }
    return most;
}

/* ---- checkpoints ---- */

static void transfer(void *state, archive *a)
{
    struct deep_linear *n = state;
    archive_tag(a, "deep_linear");
    limit_space_transfer(&n->input, a);
    limit_space_transfer(&n->samples, a);
    for (int l = 1; l <= n->depth; l++) limit_space_transfer(&n->hidden[l], a);
    limit_operator_transfer(n->data, a);
    for (int l = 0; l < n->depth; l++) limit_operator_transfer(n->A[l], a);
}

/* ---- making ---- */

static void release(void *state)
{
    struct deep_linear *n = state;
    if (n == NULL) return;
    limit_space_clear(&n->input);
    limit_space_clear(&n->samples);
    for (int l = 1; n->hidden != NULL && l <= n->depth; l++) limit_space_clear(&n->hidden[l]);
    for (int l = 0; n->A != NULL && l < n->depth; l++) limit_operator_free(n->A[l]);
    limit_operator_free(n->data);
    free(n->hidden);
    free(n->A);
    free(n->h);
    free(n->g);
    free(n->observable);
    free(n->matrix);
    free(n);
}

/* Room for one more step; every space opens at most two axes a step, one for each operator that answers into it, and fresh noise. */
static int reserve(void *state, dmft_error *err)
{
    struct deep_linear *n = state;
    int status = limit_space_reserve(&n->input, 2, err);
    if (status == DMFT_OK) status = limit_space_reserve(&n->samples, 2, err);
    for (int l = 1; l <= n->depth && status == DMFT_OK; l++) status = limit_space_reserve(&n->hidden[l], 2, err);
    for (int l = 0; l < n->depth && status == DMFT_OK; l++) status = limit_operator_reserve(n->A[l], err);
    return status == DMFT_OK ? limit_operator_reserve(n->data, err) : status;
}

static int make_operators(struct deep_linear *n, const struct dmft_problem *p, dmft_error *err)
{
    int status = limit_operator_create(&n->data, &n->input, &n->samples, 1.0, p->sample_ratio, p->tolerance, err);
    for (int l = 0; l < p->depth && status == DMFT_OK; l++) {
        limit_space *in = l == 0 ? &n->input : &n->hidden[l];
        status = limit_operator_create(&n->A[l], in, &n->hidden[l + 1], p->weight_variance[l], l == 0 ? p->width_ratio : 1.0,
                                       p->tolerance, err);
    }
    return status;
}

static int make_fields(struct deep_linear *n, dmft_error *err)
{
    limit_rows *input[] = {&n->target, &n->v, &n->v_hat}, *samples[] = {&n->noise, &n->Delta};
    int status = DMFT_OK;
    for (size_t i = 0; i < 3 && status == DMFT_OK; i++) status = limit_field_init(input[i], &n->input, err);
    for (size_t i = 0; i < 2 && status == DMFT_OK; i++) status = limit_field_init(samples[i], &n->samples, err);
    for (int l = 1; l <= n->depth && status == DMFT_OK; l++) {
        status = limit_field_init(&n->h[l], &n->hidden[l], err);
        if (status == DMFT_OK) status = limit_field_init(&n->g[l], &n->hidden[l], err);
    }
    if (status == DMFT_OK) status = limit_field_init(&n->readout, &n->hidden[n->depth], err);
    if (status == DMFT_OK) status = limit_field_init(&n->sum, &n->hidden[n->depth], err);
    return status == DMFT_OK ? limit_rows_init(&n->slot, &n->hidden[n->depth], 0, err) : status;
}

/* The fields that are there before training: the target, the label noise, the readout. */
static void draw(struct deep_linear *n, const struct dmft_problem *p)
{
    limit_fresh(&n->target);
    if (p->label_noise > 0.0) limit_fresh(&n->noise);
    if (p->weight_variance[p->depth] > 0.0) {
        limit_fresh(&n->readout);
        limit_scale(&n->readout, sqrt(p->weight_variance[p->depth]));
    }
}

static void observe(struct deep_linear *n, const char *kind, int index, const limit_rows *field, enum model_coordinates kept,
                    const limit_operator *asked)
{
    struct model_observable *o = &n->observable[n->observables++];
    *o = (struct model_observable){.field = field, .kept = kept, .asked = asked, .fresh = n->online && field->space == &n->samples};
    (void)snprintf(o->name, sizeof o->name, index >= 0 ? "C_%s%d" : "C_%s", kind, index);
}

static void describe(struct deep_linear *n)
{
    int L = n->depth;
    if (n->online) { /* the data operator forgets its directions every step */
        observe(n, "v", -1, &n->v, MODEL_OF_FIELD, NULL);
        observe(n, "Delta", -1, &n->Delta, MODEL_OF_FIELD, NULL);
    } else {
        observe(n, "v", -1, &n->v, MODEL_OF_PUSH, n->data);
        observe(n, "Delta", -1, &n->Delta, MODEL_OF_PULL, n->data);
    }
    observe(n, "h", 0, &n->v_hat, MODEL_OF_PUSH, n->A[0]);
    for (int l = 1; l < L; l++) observe(n, "h", l, &n->h[l], MODEL_OF_PUSH, n->A[l]);
    observe(n, "h", L, &n->h[L], MODEL_OF_FIELD, NULL);
    for (int l = 1; l <= L; l++) observe(n, "g", l, &n->g[l], MODEL_OF_PULL, n->A[l - 1]);
    for (int l = 0; l < n->depth; l++) n->matrix[l] = (struct model_matrix){.A = n->A[l], .target = l == 0 ? &n->target : NULL, .step = n->step};
}

static int create(void **state, const struct dmft_problem *p, dmft_error *err)
{
    struct deep_linear *n = calloc(1, sizeof *n);
    if (n == NULL) return error_memory(err, sizeof *n);
    *state = n;
    size_t layers = (size_t)p->depth + 1;
    double root_nu = sqrt(p->width_ratio), gamma = p->parameterization == PARAMETERIZATION_MUP ? p->gamma0 * root_nu : p->gamma0;
    n->depth = p->depth;
    n->online = p->batch == BATCH_ONLINE;
    n->flow = p->flow;
    n->gain = 1.0 / (gamma * root_nu);
    n->step = p->learning_rate * gamma / root_nu;
    n->sample_ratio = p->sample_ratio;
    n->label_noise = p->label_noise;
    limit_space_init(&n->input, &limit_exact);
    limit_space_init(&n->samples, &limit_exact);
    n->hidden = calloc(layers, sizeof *n->hidden);
    n->A = calloc(layers, sizeof(limit_operator *));
    n->h = calloc(layers, sizeof *n->h);
    n->g = calloc(layers, sizeof *n->g);
    n->observable = calloc(2 * layers + 1, sizeof *n->observable);
    n->matrix = calloc(layers, sizeof *n->matrix);
    if (n->hidden == NULL || n->A == NULL || n->h == NULL || n->g == NULL || n->observable == NULL || n->matrix == NULL)
        return error_memory(err, 512.0 * (double)layers);
    for (size_t l = 1; l < layers; l++) limit_space_init(&n->hidden[l], &limit_exact);
    int status = make_operators(n, p, err);
    if (status == DMFT_OK) status = make_fields(n, err);
    if (status != DMFT_OK) return status;
    draw(n, p);
    describe(n);
    return DMFT_OK;
}

/* ---- queries ---- */

static size_t observables(void *state, const struct model_observable **list)
{
    struct deep_linear *n = state;
    *list = n->observable;
    return n->observables;
}

static size_t matrices(void *state, const struct model_matrix **list)
{
    struct deep_linear *n = state;
    *list = n->matrix;
    return (size_t)n->depth;
}

static const limit_operator *data(void *state)
{
    const struct deep_linear *n = state;
    return n->data;
}

/* Full-batch histories are smooth in time, so that the number of directions grows with its logarithm: between 76 and 346 were measured at
 * T = 240 .. 4096 in problems with eta T from 5 to 200, around 14 log2(T). Fresh data open a direction every step. In gradient flow the stages
 * meet them, whatever the nodes: 170 to 410 were measured, more at a sample ratio of 1. */
static void expect(const struct dmft_problem *p, double *directions, double *axes)
{
    double T = (double)p->steps;
    *directions = p->flow ? 250.0 : p->batch == BATCH_ONLINE ? T : fmin(T, 14.0 * log2(T));
    *axes = 2.0 * *directions + 1.0;
}

const struct model model_deep_linear = {.name = "deep_linear",
                                        .create = create,
                                        .free = release,
                                        .reserve = reserve,
                                        .evaluate = evaluate,
                                        .update = update,
                                        .slots = slots,
                                        .keep = keep,
                                        .copy = copy,
                                        .weigh = weigh,
                                        .learn = learn,
                                        .norm = norm_of_slots,
                                        .coarsen = coarsen,
                                        .directions = directions,
                                        .transfer = transfer,
                                        .observables = observables,
                                        .matrices = matrices,
                                        .data = data,
                                        .expect = expect};
