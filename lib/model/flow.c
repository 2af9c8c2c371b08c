/* Gradient flow by a stabilised explicit method with error control: section 16 of doc/theory.md.
 *
 * One step of length h is three runs of the damped second-order Runge-Kutta-Chebyshev method with s stages (G3), of one, two and three
 * substeps, extrapolated to fourth order (G4); s grows with the root of h times the spectral radius (G5), which a power iteration follows (G6).
 * All stages are the network's own gradient at weights W + sum weight[i] (gradient i); here are only the weights of that sum.
 *
 * A step costs 6 s + 1 evaluations of the model and O(s^2) for the weights; the gradients of its stages are kept, memory 6 s (k + d) doubles
 * for an operator and side. A rejected step costs the same, and leaves directions behind that its stages met.
 */
#include "model/flow.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/grid.h"

enum {
    RUNS = 3,
    PARTS = 6,                /* substeps of all: 1 + 2 + 3 */
    MOST_STAGES = 200,        /* of a step with error control; a longer step is cut */
    MOST_STAGES_FIXED = 2000, /* of one without, where cutting would change the method */
    FIRST_PROBES = 12,
    MORE_PROBES = 4,
    MANY_DIRECTIONS = 1024,
    MORE_DIRECTIONS = 32
};

/* Slots: the probe of the power iteration and the gradient it is the neighbour of; the gradient at the start of the step and those of its stages. */
enum { PROBE, NEIGHBOUR, START };

static const double damping = 2.0;        /* epsilon of (G3): with it (G4) is stable on [-reach s^2, 0] */
static const double reach = 0.5;
static const double safety_radius = 1.1;  /* a power iteration approaches the radius from below */
static const double floor_share = 1e-3;   /* of the error of the predictor at the start: (G7) */
static const double nudge = 1e-3;         /* change of the predictor by a probe, as a share of its error */
static const double settled = 30.0;       /* times the tolerance of directions: below it a gradient is not known (G7) */
static const double resting = 0.1, sunk = 1e-6;
static const double stage_factor = 50.0; /* stages meet a direction beyond so many times the tolerance of the problem (G8) */
static const double estimate_share = 20.0; /* the error of fourth order over that of third which is estimated, at tolerances in use */
static const double safety = 0.85, most_growth = 4.0, least_growth = 0.1;

/* Extrapolation of runs of 1, 2, 3 substeps to fourth order, and its difference to that of the last two, which is of third (G4). */
static const double run_weight[RUNS] = {1.0 / 12.0, -4.0 / 3.0, 9.0 / 4.0};
static const double run_error[RUNS] = {1.0 / 12.0, -8.0 / 15.0, 9.0 / 20.0};

/* Coefficients of (G3) for s stages: stage j takes mu[j], nu[j], step[j] and start[j]. */
struct chebyshev {
    size_t stages, room;
    double *mu, *nu, *step, *start;
};

struct flow {
    const struct model *model;
    void *network;
    const limit_rows *predictor; /* its norm is the error of the predictor */

    double *node;      /* times of a grid that is given, or NULL */
    long intervals, at;
    double time, end, tolerance, uncertain;
    int ended, started, at_rest;

    double h;          /* the next step as the error control wants it */
    double radius, scale, first_scale, gradient, largest_gradient; /* (G6), (G7); norms of the gradient */
    struct chebyshev method;
    size_t slots;
    size_t bound; /* of directions, see flow.h */
    double *rows[5], *work; /* weights over the slots */
    struct flow_numbers numbers;
};

/* ---- the method ---- */

static int reserve_stages(struct chebyshev *c, size_t stages, dmft_error *err)
{
    if (stages < c->room) return DMFT_OK;
    size_t room = stages + stages / 2 + 1;
    double *x = memory_doubles(4 * room);
    if (x == NULL) return error_memory(err, 32.0 * (double)room);
    free(c->mu);
    *c = (struct chebyshev){.room = room, .mu = x, .nu = x + room, .step = x + 2 * room, .start = x + 3 * room};
    return DMFT_OK;
}

/* Chebyshev polynomial of one degree and its first two derivatives. */
struct polynomial {
    double T, d, dd;
};

static struct polynomial next_polynomial(struct polynomial p, struct polynomial before, double x)
{
    return (struct polynomial){.T = 2.0 * x * p.T - before.T, .d = 2.0 * p.T + 2.0 * x * p.d - before.d, .dd = 4.0 * p.d + 2.0 * x * p.dd - before.dd};
}

static void set_stages(struct chebyshev *c, size_t s)
{
    if (c->stages == s) return;
    double w0 = 1.0 + damping / (double)(s * s);
    struct polynomial before = {1.0, 0.0, 0.0}, p = {w0, 1.0, 0.0};
    for (size_t j = 2; j <= s; j++) {
        struct polynomial next = next_polynomial(p, before, w0);
        before = p;
        p = next;
    }
    double w1 = p.d / p.dd, b2 = 4.0 / (16.0 * w0 * w0), b[3] = {b2, b2, b2};
    c->stages = s;
    c->step[1] = b2 * w1;
    before = (struct polynomial){1.0, 0.0, 0.0};
    p = (struct polynomial){w0, 1.0, 0.0};
    for (size_t j = 2; j <= s; j++) {
        double a = 1.0 - b[1] * p.T;
        struct polynomial next = next_polynomial(p, before, w0);
        before = p;
        p = next;
        b[2] = p.dd / (p.d * p.d);
        c->mu[j] = 2.0 * b[2] * w0 / b[1];
        c->nu[j] = -b[2] / b[0];
        c->step[j] = 2.0 * b[2] * w1 / b[1];
        c->start[j] = -a * c->step[j];
        b[0] = b[1];
        b[1] = b[2];
    }
}

/* ---- evaluations ---- */

/* The gradient at W + sum weight[i] (gradient i) into a slot. */
static int evaluate(flow *f, const double *weight, size_t first, size_t end, size_t slot, double factor, dmft_error *err)
{
    int status = f->model->reserve(f->network, err);
    if (status != DMFT_OK) return status;
    f->model->weigh(f->network, weight, first, end);
    f->model->coarsen(f->network, factor * f->numbers.coarseness);
    f->model->evaluate(f->network);
    f->model->coarsen(f->network, f->numbers.coarseness);
    f->model->weigh(f->network, NULL, 0, 0);
    f->model->keep(f->network, slot);
    f->numbers.evaluations++;
    return DMFT_OK;
}

static int reserve_slots(flow *f, size_t slots, dmft_error *err)
{
    enum { ROWS = sizeof f->rows / sizeof *f->rows };
    if (slots <= f->slots) return DMFT_OK;
    double *work = memory_doubles(ROWS * slots);
    int status = work != NULL ? f->model->slots(f->network, slots, err) : error_memory(err, 8.0 * ROWS * (double)slots);
    if (status != DMFT_OK) {
        free(work);
        return status;
    }
    free(f->work);
    f->work = work;
    f->slots = slots;
    for (size_t i = 0; i < ROWS; i++) f->rows[i] = work + i * slots;
    return DMFT_OK;
}

/* The power iteration (G6): each probe is the gradient a little off the weights, in the direction in which the last one changed most. */
static int probe(flow *f, int probes, dmft_error *err)
{
    int known = f->radius > 0.0, status = DMFT_OK;
    if (!known) {
        f->radius = f->gradient * f->gradient / (f->scale * f->scale);
        f->model->copy(f->network, START, PROBE);
    }
    for (int i = 0; i < probes && status == DMFT_OK; i++) {
        double weight[2] = {1.0, known || i > 0 ? -1.0 : 0.0};
        double off = nudge * f->scale / sqrt(f->radius), size = f->model->norm(f->network, weight, PROBE, START);
        if (!(size > 0.0)) break;
        weight[0] *= off / size;
        weight[1] *= off / size;
        /* The first probes meet what the stages will need. */
        status = evaluate(f, weight, PROBE, START, PROBE, known ? (double)INFINITY : stage_factor, err);
        if (status != DMFT_OK) break;
        f->model->copy(f->network, START, NEIGHBOUR);
        weight[0] = 1.0;
        weight[1] = -1.0;
        f->radius = fmax(f->model->norm(f->network, weight, PROBE, START) / off, 0.9 * f->radius);
    }
    f->numbers.radius = fmax(f->numbers.radius, f->radius);
    return status;
}

/* Whether the gradient has sunk into what steps and directions leave uncertain of it. One that is small from the start may be a saddle. */
static int is_at_rest(const flow *f)
{
    double bound = resting * f->tolerance * sqrt(f->radius) * f->scale;
    return f->tolerance > 0.0 && (f->gradient <= f->uncertain * f->largest_gradient ||
                                  (f->gradient <= bound && f->gradient <= sunk * f->largest_gradient));
}

/* Takes the network's last evaluation as the gradient at the present weights. */
static int begin(flow *f, dmft_error *err)
{
    static const double unit[START + 1] = {[START] = 1.0};
    f->model->keep(f->network, START);
    f->scale = sqrt(limit_dot(f->predictor, f->predictor));
    if (!f->started) f->first_scale = f->scale;
    f->scale = fmax(f->scale, floor_share * f->first_scale);
    f->gradient = f->model->norm(f->network, unit, START, START + 1);
    f->largest_gradient = fmax(f->largest_gradient, f->gradient);
    f->at_rest = f->gradient == 0.0;
    if (f->at_rest) return DMFT_OK;
    int status = probe(f, f->started ? 1 : FIRST_PROBES, err);
    if (!f->started) f->h = pow(fmax(f->tolerance, 1e-12), 0.25) / f->radius;
    f->started = 1;
    f->at_rest = is_at_rest(f);
    return status;
}

/* ---- one step ---- */

static void clear(double *x, size_t n) { memset(x, 0, n * sizeof *x); }

/* `parts` substeps that make up h, their gradients from slot `slot` on, where the first one is already. Leaves the weights of the result in rows[0]. */
static int run(flow *f, size_t slot, int parts, double h, dmft_error *err)
{
    const struct chebyshev *c = &f->method;
    size_t first = slot, n = (size_t)parts * c->stages;
    double tau = h / parts;
    double *base = f->rows[0], *now = f->rows[1], *before = f->rows[2];
    clear(base + first, n);
    int status = DMFT_OK;
    for (int m = 0; m < parts; m++) {
        if (m > 0) status = evaluate(f, base, first, slot, slot, stage_factor, err);
        if (status != DMFT_OK) return status;
        size_t start = slot++;
        memcpy(before + first, base + first, n * sizeof *base);
        memcpy(now + first, base + first, n * sizeof *base);
        now[start] += c->step[1] * tau;
        for (size_t j = 2; j <= c->stages; j++) {
            status = evaluate(f, now, first, slot, slot, stage_factor, err);
            if (status != DMFT_OK) return status;
            double rest = 1.0 - c->mu[j] - c->nu[j], *next = before;
            for (size_t i = first; i <= slot; i++) next[i] = rest * base[i] + c->mu[j] * now[i] + c->nu[j] * before[i];
            next[slot++] += c->step[j] * tau;
            next[start] += c->start[j] * tau;
            before = now;
            now = next;
        }
        memcpy(base + first, now + first, n * sizeof *base);
    }
    return DMFT_OK;
}

/* All runs of a step: its weights are left in rows[3], those of the error estimate in rows[4]. */
static int attempt(flow *f, double h, dmft_error *err)
{
    size_t s = f->method.stages, slot = START;
    clear(f->rows[3], f->slots);
    clear(f->rows[4], f->slots);
    for (int parts = RUNS; parts >= 1; parts--) {
        if (slot != START) f->model->copy(f->network, START, slot);
        int status = run(f, slot, parts, h, err);
        if (status != DMFT_OK) return status;
        for (size_t i = slot; i < slot + (size_t)parts * s; i++) {
            f->rows[3][i] = run_weight[parts - 1] * f->rows[0][i];
            f->rows[4][i] = run_error[parts - 1] * f->rows[0][i];
        }
        slot += (size_t)parts * s;
    }
    return DMFT_OK;
}

/* The stages for a step (G5). Without error control a few more than stability asks for, so that their number, on which the constant of the error
 * depends, is the same for all small steps. */
static size_t stages_for(const flow *f, double h)
{
    double s = ceil(sqrt(safety_radius * f->radius * h / reach));
    return (size_t)fmin(fmax(s, f->tolerance > 0.0 ? 2.0 : 4.0), 1e9);
}

static double longest_step(const flow *f) { return reach * MOST_STAGES * MOST_STAGES / (safety_radius * f->radius); }

static int set_method(flow *f, double h, dmft_error *err)
{
    size_t s = stages_for(f, h);
    if (s > MOST_STAGES_FIXED)
        return error_set(err, DMFT_ERROR_NUMERIC, "an interval of %.6g at time %.6g needs %zu stages a substep (most %d): more steps, or grid.tolerance", h,
                         f->time, s, MOST_STAGES_FIXED);
    int status = reserve_stages(&f->method, s, err);
    if (status == DMFT_OK) status = reserve_slots(f, START + PARTS * s, err);
    if (status == DMFT_OK) set_stages(&f->method, s);
    if (status == DMFT_OK && (long)s > f->numbers.most_stages) f->numbers.most_stages = (long)s;
    return status;
}

/* Learns what the step came to; directions that have become many are met more sparingly from then on (G8). */
static void accept(flow *f, double h)
{
    f->model->learn(f->network, f->rows[3], START, START + PARTS * f->method.stages);
    f->time += h;
    f->numbers.accepted++;
    if (f->model->directions(f->network) < f->bound) return;
    f->bound += MORE_DIRECTIONS;
    f->numbers.coarseness *= 2.0;
    f->model->coarsen(f->network, f->numbers.coarseness);
}

/* One step without error control. */
static int fixed_step(flow *f, double to, dmft_error *err)
{
    int status = set_method(f, to - f->time, err);
    if (status == DMFT_OK) status = attempt(f, to - f->time, err);
    if (status == DMFT_OK) accept(f, to - f->time);
    return status;
}

/* A step that keeps the tolerance, not beyond `to`; no sliver is left before it. */
static int controlled_step(flow *f, double to, dmft_error *err)
{
    for (;;) {
        double left = to - f->time, wanted = fmin(f->h, longest_step(f)), h = wanted;
        if (h >= left * (1.0 - 1e-9)) h = left;
        else if (2.0 * h > left) h = 0.5 * left;
        int status = set_method(f, h, err);
        if (status == DMFT_OK) status = attempt(f, h, err);
        if (status != DMFT_OK) return status;
        double size = f->model->norm(f->network, f->rows[4], START, START + PARTS * f->method.stages);
        double ratio = sqrt(f->radius) * size / (estimate_share * f->tolerance * f->scale); /* (G7) */
        double growth = isfinite(ratio) ? safety * pow(fmax(ratio, 1e-8), -0.25) : 0.0;
        growth = fmin(fmax(growth, least_growth), most_growth);
        if (ratio <= 1.0) {
            f->h = h < wanted ? fmax(wanted, h * growth) : h * growth;
            accept(f, h);
            return DMFT_OK;
        }
        f->numbers.rejected++;
        f->h = h * fmin(growth, 0.7);
        if (!(f->h > 1e-14 * fmax(f->time, 1.0 / f->radius)))
            return error_set(err, DMFT_ERROR_NUMERIC, "gradient flow: no step at time %.12g keeps grid.tolerance %.3g", f->time, f->tolerance);
        status = probe(f, MORE_PROBES, err); /* it may have been unstable */
        if (status != DMFT_OK) return status;
    }
}

/* ---- from node to node ---- */

/* Where the next node lies at the least: at a node of a given grid; of an adaptive one after the next step, but no nearer than leaves intervals
 * enough in geometric progression. */
static double least_next(const flow *f)
{
    double left = (double)(f->intervals - f->at);
    if (f->node != NULL) return f->node[f->at + 1];
    return left > 1.5 ? f->time * pow(f->end / f->time, 1.0 / left) : f->end;
}

int flow_advance(flow *f, dmft_error *err)
{
    double next = f->time == 0.0 && f->node == NULL && f->intervals > 1 ? 0.0 : least_next(f);
    int status = begin(f, err);
    while (status == DMFT_OK) {
        if (f->at_rest) {
            f->time = f->node != NULL ? next : f->end;
            break;
        }
        status = f->tolerance > 0.0 ? controlled_step(f, f->node != NULL ? next : f->end, err) : fixed_step(f, next, err);
        if (status != DMFT_OK || f->time >= next * (1.0 - 1e-12)) break;
        status = evaluate(f, NULL, 0, 0, START, 1.0, err);
        if (status == DMFT_OK) status = begin(f, err);
    }
    if (status != DMFT_OK) return status;
    f->at++;
    f->ended = f->at >= f->intervals || f->time >= f->end * (1.0 - 1e-12);
    if (f->node != NULL) f->time = next;
    if (f->ended) f->time = f->end;
    return DMFT_OK;
}

/* ---- making ---- */

int flow_create(flow **out, const struct model *model, void *network, const struct dmft_problem *p, dmft_error *err)
{
    flow *f = calloc(1, sizeof *f);
    if (f == NULL) return error_memory(err, sizeof *f);
    const struct model_observable *observable;
    model->observables(network, &observable);
    *f = (flow){.model = model, .network = network, .predictor = observable[0].field, .intervals = p->steps, .end = p->time, .tolerance = p->grid_tolerance,
                .uncertain = settled * p->tolerance, .bound = MANY_DIRECTIONS, .numbers = {.coarseness = 1.0}};
    int status = DMFT_OK;
    if (p->grid != GRID_ADAPTIVE) {
        f->node = memory_doubles((size_t)p->rows);
        status = f->node != NULL ? grid_times(p, f->node, err) : error_memory(err, 8.0 * (double)p->rows);
    }
    if (status == DMFT_OK) status = reserve_stages(&f->method, 2, err);
    if (status == DMFT_OK) status = reserve_slots(f, START + 2 * PARTS, err);
    if (status != DMFT_OK) {
        flow_free(f);
        return status;
    }
    *out = f;
    return DMFT_OK;
}

void flow_free(flow *f)
{
    if (f == NULL) return;
    free(f->node);
    free(f->method.mu);
    free(f->work);
    free(f);
}

void flow_bound_directions(flow *f, size_t bound) { f->bound = bound; }

double flow_time(const flow *f) { return f->time; }

int flow_ended(const flow *f) { return f->ended; }

struct flow_numbers flow_numbers(const flow *f) { return f->numbers; }

/* ---- checkpoints ---- */

static void transfer_numbers(struct flow_numbers *n, archive *a)
{
    archive_long(a, &n->accepted);
    archive_long(a, &n->rejected);
    archive_long(a, &n->evaluations);
    archive_long(a, &n->most_stages);
    archive_double(a, &n->coarseness);
    archive_double(a, &n->radius);
}

/* Between nodes nothing is weighed, and of the slots only those of the power iteration count. */
void flow_transfer(flow *f, archive *a)
{
    dmft_error err;
    size_t slots = f->slots;
    archive_tag(a, "flow");
    archive_long(a, &f->at);
    archive_int(a, &f->ended);
    archive_int(a, &f->started);
    archive_double(a, &f->time);
    archive_double(a, &f->h);
    archive_double(a, &f->radius);
    archive_double(a, &f->first_scale);
    archive_double(a, &f->largest_gradient);
    archive_size(a, &f->bound, SIZE_MAX);
    archive_size(a, &slots, SIZE_MAX / sizeof *f->work);
    transfer_numbers(&f->numbers, a);
    if (!archive_reading(a) || archive_status(a) != 0) return;
    int status = reserve_slots(f, slots, &err);
    if (status == DMFT_OK && (f->at < 0 || f->at > f->intervals)) status = error_set(&err, DMFT_ERROR_FORMAT, "a flow of another run");
    if (status != DMFT_OK) archive_fail(a, status, &err);
    f->model->coarsen(f->network, f->numbers.coarseness);
}
