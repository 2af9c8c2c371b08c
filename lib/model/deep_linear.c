/* Deep linear networks in the proportional limit: section 3 of doc/theory.md, in the basis form (B1)-(B3), with momentum, decay and schedules (E1),
 * inputs of several modes (E5), batches drawn from a fixed sample (E7), and residual branches (E10).
 *
 * What stands here is the training loop of a network. That its width is infinite is a property of the operators it calls.
 * A step costs 2 (L + 1) products of lib/limit/operator.c; the input space has n coordinates an axis for n modes.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/model.h"

struct deep_linear {
    int depth, online, flow, residual;
    int ruled;          /* momentum or decay: every step goes by the rule (E1) */
    int subsampled;     /* every sample is in a batch with probability `fraction` */
    double gain;        /* 1/(gamma sqrt(nu)): of the network's output */
    double step;        /* c = eta gamma/sqrt(nu) */
    double branch;      /* of A_1 .. A_{L-1}: L^{-1/2} in residual networks, else 1 */
    double width_ratio, sample_ratio, label_noise, fraction;
    double momentum, decay, *schedule; /* schedule: NULL where all e_t are 1 */
    size_t t, steps;    /* updates made; in all */
    double *root;       /* sqrt(lambda_k) of the modes; NULL: isotropic inputs */

    limit_space input, samples, *hidden;  /* hidden[1 .. L]; residual networks have one for all, hidden[1] */
    limit_operator *data, **A;            /* data: the iid matrix behind the inputs, Xi/sqrt(D); A[0 .. L-1] */
    limit_rows target, aim, v, seen, v_hat; /* input space; aim: the target's direction; seen: sqrt(lambda) v */
    limit_rows noise, Delta, batch;       /* sample space; batch: the errors that a subsampled step sees */
    limit_rows *h, *g, readout, velocity; /* h[1 .. L], g[1 .. L]; readout and its momentum in the last hidden space */

    limit_rows sum, slot;                 /* h[L] of the gradients kept in slots; those of the operators keep g and h */
    const double *weight;                 /* of the slots first .. end - 1, the caller's */
    size_t first, end;

    struct model_observable *observable;
    size_t observables;
    struct model_matrix *matrix;

    /* of probes; NULL psi: there are none */
    limit_rows *psi, *chi, through, back; /* psi[1 .. L], chi[1 .. L - 1]; the others in the input space */
    double *c, *bulk;                     /* c[0 .. L] of M; variances of the bulks of A_0 .. A_{L-1} */
    size_t *axes;                         /* at the mark: of the input space, of the samples', of the hidden ones */
};

/* ---- the training loop ---- */

static limit_space *layer(const struct deep_linear *n, int l) { return &n->hidden[n->residual ? 1 : l]; }

/* c times the branch's factor: of an update of A_l. */
static double step_of(const struct deep_linear *n, int l) { return n->step * (l > 0 ? n->branch : 1.0); }

/* e_t */
static double rate(const struct deep_linear *n) { return n->schedule != NULL && n->t < n->steps ? n->schedule[n->t] : 1.0; }

/* In a residual network: x <- skip + L^{-1/2} x. */
static void add_branch(const struct deep_linear *n, const limit_rows *skip, limit_rows *x)
{
    if (!n->residual) return;
    limit_scale(x, n->branch);
    limit_add(x, 1.0, skip);
}

/* Of the input space: x_k <- sqrt(lambda_k) x_k. */
static void spread(const struct deep_linear *n, limit_rows *x)
{
    if (n->root != NULL) limit_modulate(x, n->root);
}

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
    for (int l = L - 1; l >= 1; l--) {
        limit_pull(n->A[l], &n->g[l + 1], &n->g[l]);
        add_branch(n, &n->g[l + 1], &n->g[l]);
    }
    limit_pull(n->A[0], &n->g[1], &n->v);
    limit_scale(&n->v, -n->gain);
    limit_add(&n->v, 1.0, &n->target); /* v = w* - A_0^T g^1/(gamma sqrt(nu)) */
}

/* The errors m Delta of a batch: independent masks add a martingale noise, orthogonal to all that was (E7). */
static const limit_rows *draw_batch(struct deep_linear *n)
{
    double q = n->fraction;
    if (!n->subsampled) return &n->Delta;
    limit_fresh(&n->batch);
    limit_scale(&n->batch, sqrt(q * (1.0 - q) * limit_dot(&n->Delta, &n->Delta)));
    limit_add(&n->batch, q, &n->Delta);
    return &n->batch;
}

static void see_data(struct deep_linear *n)
{
    if (n->online) { /* a fresh batch: new inputs, new label noise */
        limit_operator_renew(n->data);
        limit_space_renew(&n->samples);
        if (n->label_noise > 0.0) limit_fresh(&n->noise);
    }
    limit_copy(&n->seen, &n->v);
    spread(n, &n->seen);
    limit_push(n->data, &n->seen, &n->Delta);
    limit_add(&n->Delta, n->label_noise, &n->noise);
    if (n->online && n->flow) { /* the noise of fresh batches is of the order of the learning rate */
        limit_copy(&n->v_hat, &n->seen);
    } else {
        limit_pull(n->data, draw_batch(n), &n->v_hat);
        limit_scale(&n->v_hat, 1.0 / (n->sample_ratio * n->fraction));
    }
    spread(n, &n->v_hat);
}

static void forward(struct deep_linear *n)
{
    limit_push(n->A[0], &n->v_hat, &n->h[1]);
    for (int l = 1; l < n->depth; l++) {
        limit_push(n->A[l], &n->h[l], &n->h[l + 1]);
        add_branch(n, &n->h[l], &n->h[l + 1]);
    }
}

static void evaluate(void *state)
{
    struct deep_linear *n = state;
    backward(n);
    see_data(n);
    forward(n);
    for (int l = 0; l < n->depth; l++) n->matrix[l].step = step_of(n, l) * rate(n);
}

/* m <- mu m + G, W <- (1 - omega) W + e_t m, (E1), of all matrices and of the readout. */
static void update_by_rule(struct deep_linear *n)
{
    struct limit_rule rule = {.momentum = n->momentum, .keep = 1.0 - n->decay, .rate = rate(n)};
    for (int l = 0; l < n->depth; l++) {
        double step = step_of(n, l);
        limit_train(n->A[l], &step, 1, rule);
    }
    limit_scale(&n->velocity, rule.momentum);
    limit_add(&n->velocity, n->step, &n->h[n->depth]);
    limit_scale(&n->readout, rule.keep);
    limit_add(&n->readout, rule.rate, &n->velocity);
}

static void update(void *state)
{
    struct deep_linear *n = state;
    if (n->ruled) {
        update_by_rule(n);
    } else {
        for (int l = 0; l < n->depth; l++) limit_learn(n->A[l], step_of(n, l) * rate(n));
        limit_add(&n->readout, n->step * rate(n), &n->h[n->depth]);
    }
    n->t++;
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
    for (int l = 0; l < n->depth; l++) limit_trial_weigh(n->A[l], step_of(n, l), weight, first, end);
    n->weight = weight;
    n->first = first;
    n->end = end;
}

static void learn(void *state, const double *weight, size_t first, size_t end)
{
    struct deep_linear *n = state;
    for (int l = 0; l < n->depth; l++) limit_trial_learn(n->A[l], step_of(n, l), weight, first, end);
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
        double one = step_of(n, l) / n->step * limit_trial_norm(n->A[l], weight, first, end);
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

/* Hidden spaces: one a layer, or one in all. */
static int spaces(const struct deep_linear *n) { return n->residual ? 1 : n->depth; }

static void transfer(void *state, archive *a)
{
    struct deep_linear *n = state;
    archive_tag(a, "deep_linear");
    archive_size(a, &n->t, n->steps);
    limit_space_transfer(&n->input, a);
    limit_space_transfer(&n->samples, a);
    for (int l = 1; l <= spaces(n); l++) limit_space_transfer(&n->hidden[l], a);
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
    for (int l = 1; n->hidden != NULL && l <= spaces(n); l++) limit_space_clear(&n->hidden[l]);
    for (int l = 0; n->A != NULL && l < n->depth; l++) limit_operator_free(n->A[l]);
    limit_operator_free(n->data);
    free(n->hidden);
    free(n->A);
    free(n->h);
    free(n->g);
    free(n->observable);
    free(n->matrix);
    free(n->psi);
    free(n->chi);
    free(n->c);
    free(n->bulk);
    free(n->axes);
    free(n->schedule);
    free(n->root);
    free(n);
}

/* Room for one more step: an axis for each operator that answers into a space, for fresh noise and for the masks of a batch. */
static int reserve(void *state, dmft_error *err)
{
    struct deep_linear *n = state;
    size_t answers = n->residual ? 2 * (size_t)n->depth : 2;
    int status = limit_space_reserve(&n->input, 2, err);
    if (status == DMFT_OK) status = limit_space_reserve(&n->samples, 3, err);
    for (int l = 1; l <= spaces(n) && status == DMFT_OK; l++) status = limit_space_reserve(&n->hidden[l], answers, err);
    for (int l = 0; l < n->depth && status == DMFT_OK; l++) status = limit_operator_reserve(n->A[l], err);
    return status == DMFT_OK ? limit_operator_reserve(n->data, err) : status;
}

static int make_operators(struct deep_linear *n, const struct dmft_problem *p, dmft_error *err)
{
    int status = limit_operator_create(&n->data, &n->input, &n->samples, 1.0, p->sample_ratio, p->tolerance, err);
    for (int l = 0; l < p->depth && status == DMFT_OK; l++) {
        limit_space *in = l == 0 ? &n->input : layer(n, l);
        status = limit_operator_create(&n->A[l], in, layer(n, l + 1), p->weight_variance[l], l == 0 ? p->width_ratio : 1.0, p->tolerance, err);
        if (status == DMFT_OK && n->ruled) status = limit_operator_block(n->A[l], 1, 1, err);
    }
    return status;
}

static int make_fields(struct deep_linear *n, dmft_error *err)
{
    limit_rows *input[] = {&n->target, &n->aim, &n->v, &n->seen, &n->v_hat}, *samples[] = {&n->noise, &n->Delta, &n->batch};
    limit_rows *top[] = {&n->readout, &n->velocity, &n->sum};
    int status = DMFT_OK;
    for (size_t i = 0; i < sizeof input / sizeof *input && status == DMFT_OK; i++) status = limit_field_init(input[i], &n->input, err);
    for (size_t i = 0; i < sizeof samples / sizeof *samples && status == DMFT_OK; i++) status = limit_field_init(samples[i], &n->samples, err);
    for (int l = 1; l <= n->depth && status == DMFT_OK; l++) {
        status = limit_field_init(&n->h[l], layer(n, l), err);
        if (status == DMFT_OK) status = limit_field_init(&n->g[l], layer(n, l), err);
    }
    for (size_t i = 0; i < sizeof top / sizeof *top && status == DMFT_OK; i++) status = limit_field_init(top[i], layer(n, n->depth), err);
    return status == DMFT_OK ? limit_rows_init(&n->slot, layer(n, n->depth), 0, err) : status;
}

/* The fields that are there before training: the target, the label noise, the readout. */
static void draw(struct deep_linear *n, const struct dmft_problem *p)
{
    limit_fresh(&n->target);
    if (p->modes > 0) limit_modulate(&n->target, p->target_mode);
    limit_copy(&n->aim, &n->target);
    limit_scale(&n->aim, 1.0 / sqrt(limit_dot(&n->target, &n->target)));
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
        observe(n, "v", -1, &n->seen, MODEL_OF_FIELD, NULL);
        observe(n, "Delta", -1, &n->Delta, MODEL_OF_FIELD, NULL);
    } else {
        observe(n, "v", -1, &n->seen, MODEL_OF_PUSH, n->data);
        if (n->subsampled) observe(n, "Delta", -1, &n->Delta, MODEL_OF_FIELD, NULL);
        else observe(n, "Delta", -1, &n->Delta, MODEL_OF_PULL, n->data);
    }
    observe(n, "h", 0, &n->v_hat, MODEL_OF_PUSH, n->A[0]);
    for (int l = 1; l < L; l++) observe(n, "h", l, &n->h[l], MODEL_OF_PUSH, n->A[l]);
    observe(n, "h", L, &n->h[L], MODEL_OF_FIELD, NULL);
    for (int l = 1; l <= L; l++) observe(n, "g", l, &n->g[l], MODEL_OF_PULL, n->A[l - 1]);
    for (int l = 0; l < n->depth; l++) n->matrix[l] = (struct model_matrix){.A = n->A[l], .target = l == 0 ? &n->aim : NULL, .step = step_of(n, l)};
}

static void set_constants(struct deep_linear *n, const struct dmft_problem *p)
{
    double root_nu = sqrt(p->width_ratio), gamma = p->parameterization == PARAMETERIZATION_MUP ? p->gamma0 * root_nu : p->gamma0;
    n->depth = p->depth;
    n->online = p->batch == BATCH_ONLINE;
    n->flow = p->flow;
    n->residual = p->residual;
    n->subsampled = p->batch == BATCH_BERNOULLI && p->batch_fraction < 1.0;
    n->ruled = p->momentum > 0.0 || p->weight_decay > 0.0;
    n->gain = 1.0 / (gamma * root_nu);
    n->step = p->learning_rate * gamma / root_nu;
    n->branch = p->residual ? 1.0 / sqrt((double)p->depth) : 1.0;
    n->width_ratio = p->width_ratio;
    n->sample_ratio = p->sample_ratio;
    n->label_noise = p->label_noise;
    n->fraction = n->subsampled ? p->batch_fraction : 1.0;
    n->momentum = p->momentum;
    n->decay = p->weight_decay;
    n->steps = (size_t)p->steps;
}

/* Arrays of the problem's; 0 when out of memory. */
static int copy_lists(struct deep_linear *n, const struct dmft_problem *p)
{
    if (p->schedule != NULL && (n->schedule = memory_doubles(n->steps)) == NULL) return 0;
    if (p->modes > 0 && (n->root = memory_doubles(p->modes)) == NULL) return 0;
    if (p->schedule != NULL) memcpy(n->schedule, p->schedule, n->steps * sizeof *n->schedule);
    for (size_t k = 0; k < p->modes; k++) n->root[k] = sqrt(p->eigenvalue[k]);
    return 1;
}

static void make_spaces(struct deep_linear *n, const struct dmft_problem *p)
{
    limit_space_init_modes(&n->input, p->modes > 0 ? p->modes : 1);
    limit_space_init(&n->samples, &limit_exact);
    for (int l = 1; l <= spaces(n); l++) limit_space_init(&n->hidden[l], &limit_exact);
}

static int create(void **state, const struct dmft_problem *p, dmft_error *err)
{
    struct deep_linear *n = calloc(1, sizeof *n);
    if (n == NULL) return error_memory(err, sizeof *n);
    *state = n;
    size_t layers = (size_t)p->depth + 1;
    set_constants(n, p);
    n->hidden = calloc(layers, sizeof *n->hidden);
    n->A = calloc(layers, sizeof(limit_operator *));
    n->h = calloc(layers, sizeof *n->h);
    n->g = calloc(layers, sizeof *n->g);
    n->observable = calloc(2 * layers + 1, sizeof *n->observable);
    n->matrix = calloc(layers, sizeof *n->matrix);
    int whole = n->hidden != NULL && n->A != NULL && n->h != NULL && n->g != NULL && n->observable != NULL && n->matrix != NULL;
    if (!whole || !copy_lists(n, p)) return error_memory(err, 512.0 * (double)layers + 8.0 * (double)(n->steps + p->modes));
    make_spaces(n, p);
    int status = make_operators(n, p, err);
    if (status == DMFT_OK) status = make_fields(n, err);
    if (status != DMFT_OK) return status;
    draw(n, p);
    describe(n);
    return DMFT_OK;
}

/* ---- probes ---- */

/* y <- M x = c_0 x + A_0^T chi_1/nu, chi_l = c_l psi_l + A_l^T chi_{l+1}, chi_L = psi_L (V1). chi_l takes the place of psi_l. */
static void tangent(void *state, const limit_rows *x, limit_rows *y)
{
    struct deep_linear *n = state;
    int L = n->depth;
    limit_push(n->A[0], x, &n->psi[1]);
    for (int l = 1; l < L; l++) {
        limit_push(n->A[l], &n->psi[l], &n->psi[l + 1]);
        add_branch(n, &n->psi[l], &n->psi[l + 1]);
    }
    for (int l = L - 1; l >= 1; l--) {
        limit_pull(n->A[l], &n->psi[l + 1], &n->chi[l]);
        add_branch(n, &n->psi[l + 1], &n->chi[l]);
        limit_scale(&n->psi[l], n->c[l]);
        limit_add(&n->psi[l], 1.0, &n->chi[l]);
    }
    limit_pull(n->A[0], &n->psi[1], y);
    limit_scale(y, 1.0 / n->width_ratio);
    limit_add(y, n->c[0], x);
}

/* y <- Lambda^{1/2} M Lambda^{1/2} x */
static void population(void *state, const limit_rows *x, limit_rows *y)
{
    struct deep_linear *n = state;
    limit_copy(&n->through, x);
    spread(n, &n->through);
    tangent(n, &n->through, y);
    spread(n, y);
}

/* y <- X M X^T x/P */
static void curvature(void *state, const limit_rows *x, limit_rows *y)
{
    struct deep_linear *n = state;
    limit_pull(n->data, x, &n->through);
    limit_scale(&n->through, 1.0 / n->sample_ratio);
    spread(n, &n->through);
    tangent(n, &n->through, &n->back);
    spread(n, &n->back);
    limit_push(n->data, &n->back, y);
}

static void see(void *state, const limit_rows *x, limit_rows *y)
{
    struct deep_linear *n = state;
    limit_copy(&n->through, x);
    spread(n, &n->through);
    if (n->online && n->flow) limit_copy(y, &n->through);
    else limit_push(n->data, &n->through, y);
}

static int reserve_probes(void *state, size_t products, dmft_error *err)
{
    struct deep_linear *n = state;
    size_t answers = n->residual ? 2 * (size_t)n->depth : 2;
    int status = limit_space_reserve(&n->input, 2 * products + 1, err);
    if (status == DMFT_OK) status = limit_space_reserve(&n->samples, products, err);
    for (int l = 1; l <= spaces(n) && status == DMFT_OK; l++) status = limit_space_reserve(&n->hidden[l], answers * products, err);
    for (int l = 0; l < n->depth && status == DMFT_OK; l++) status = limit_operator_reserve_more(n->A[l], products, err);
    return status == DMFT_OK ? limit_operator_reserve_more(n->data, products, err) : status;
}

/* c_l = C_{g,l+1}(t,t), c_L = 1, and what decay left of the variances. */
static void set_kernels(struct deep_linear *n)
{
    for (int l = 0; l < n->depth; l++) {
        struct limit_view view = limit_operator_view(n->A[l]);
        n->c[l] = limit_dot(&n->g[l + 1], &n->g[l + 1]) * (l > 0 ? n->branch * n->branch : 1.0);
        n->bulk[l] = view.variance * view.keep * view.keep;
    }
    n->c[n->depth] = 1.0;
}

static void mark(void *state)
{
    struct deep_linear *n = state;
    set_kernels(n);
    limit_operator_mark(n->data);
    for (int l = 0; l < n->depth; l++) limit_operator_mark(n->A[l]);
    n->axes[0] = n->input.axes;
    n->axes[1] = n->samples.axes;
    for (int l = 1; l <= spaces(n); l++) n->axes[l + 1] = n->hidden[l].axes;
}

static void rewind_probes(void *state)
{
    struct deep_linear *n = state;
    limit_operator_rewind(n->data);
    for (int l = 0; l < n->depth; l++) limit_operator_rewind(n->A[l]);
    limit_space_rewind(&n->input, n->axes[0]);
    limit_space_rewind(&n->samples, n->axes[1]);
    for (int l = 1; l <= spaces(n); l++) limit_space_rewind(&n->hidden[l], n->axes[l + 1]);
}

static void renew(void *state, const void *trained)
{
    struct deep_linear *n = state;
    const struct deep_linear *other = trained;
    memcpy(n->c, other->c, ((size_t)n->depth + 1) * sizeof *n->c);
    limit_operator_renew(n->data);
    for (int l = 0; l < n->depth; l++) limit_operator_redraw(n->A[l], other->bulk[l]);
    limit_space_renew(&n->input);
    limit_space_renew(&n->samples);
    for (int l = 1; l <= spaces(n); l++) limit_space_renew(&n->hidden[l]);
}

static int make_probes(struct deep_linear *n, dmft_error *err)
{
    size_t layers = (size_t)n->depth + 1;
    n->psi = calloc(layers, sizeof *n->psi);
    n->chi = calloc(layers, sizeof *n->chi);
    n->c = memory_doubles(layers);
    n->bulk = memory_doubles(layers);
    n->axes = calloc(layers + 1, sizeof *n->axes);
    if (n->psi == NULL || n->chi == NULL || n->c == NULL || n->bulk == NULL || n->axes == NULL) return error_memory(err, 200.0 * (double)layers);
    int status = limit_field_init(&n->through, &n->input, err);
    if (status == DMFT_OK) status = limit_field_init(&n->back, &n->input, err);
    for (int l = 1; l <= n->depth && status == DMFT_OK; l++) {
        status = limit_field_init(&n->psi[l], layer(n, l), err);
        if (status == DMFT_OK && l < n->depth) status = limit_field_init(&n->chi[l], layer(n, l), err);
    }
    for (int l = 0; l < n->depth && status == DMFT_OK; l++) status = limit_operator_marks(n->A[l], err);
    return status == DMFT_OK ? limit_operator_marks(n->data, err) : status;
}

static int probe(void *state, struct probe_network *network, dmft_error *err)
{
    struct deep_linear *n = state;
    int fixed = !(n->online && n->flow);
    *network = (struct probe_network){.state = n,
                                      .input = &n->input,
                                      .seen = fixed ? &n->samples : &n->input,
                                      .target = &n->target,
                                      .tangent = tangent,
                                      .curvature = fixed ? curvature : population,
                                      .see = see,
                                      .reserve = reserve_probes,
                                      .mark = mark,
                                      .rewind = rewind_probes,
                                      .renew = renew};
    int status = make_probes(n, err);
    network->c = n->c;
    network->variance = n->bulk;
    return status;
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
    *directions = p->flow ? 250.0 : p->batch != BATCH_FULL ? T : fmin(T, 14.0 * log2(T));
    *axes = (2.0 * *directions + 1.0) * fmax((double)p->modes, p->residual ? (double)p->depth : 1.0);
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
                                        .probe = probe,
                                        .expect = expect};
