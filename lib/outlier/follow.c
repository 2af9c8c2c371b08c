/* The outliers of one matrix from step to step, from its kernels: (O1)-(O7), (O11).
 *
 * The pencil of a step is a leading block of that of the next, and its eigenvectors (p_c = g_c.A/M and the responses) are smooth in the step. Each
 * outlier starts from its last vectors, extrapolated by the order that would have done best at the step before: for old events along the step, for
 * the newest ones, which change their character with their age, along events of the same age.
 *
 * The rest of the spectrum is looked at in all early steps, then every eighth one, and whenever by its growth so far it may have come half way to
 * the edge. A look costs two rounds of some more vectors.
 *
 * A step takes one to three products of X Y an outlier, which read 16 t^2 bytes for all of them; memory some 60 vectors of 2 `rows` numbers.
 */
#include "outlier/follow.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "outlier/drift.h"
#include "outlier/pair.h"
#include "outlier/scalars.h"
#include "outlier/watch.h"

enum {
    MEMORY = 4,       /* past vectors an outlier, that is orders of extrapolation */
    EXTRA = 3,        /* vectors kept for what may come next */
    LOOK_ROUNDS = 1,  /* a look from vectors that are kept .. */
    UNSURE_ROUNDS = 5, /* .. of another spectrum, when the number of outliers has just changed .. */
    BLIND_ROUNDS = 8, /* .. and one without */
    EARLY = 256,      /* steps that are all looked at: they cost little, and a coarse run moves much in one step */
    SELDOM = 8,       /* steps between two looks at most, later */
    RESTLESS = 64,    /* steps that are looked at after the number of outliers has changed: at the edge of stability they come and go */
    PATIENCE = 400    /* products spent on the eigenvalue before an escape */
};

/* |X Y r - value r|/value; z is right to its square, an overlap to a fraction of it. */
static const double tolerance = 1e-9;
static const double near_edge = 0.5; /* of the edge: what may have come this far is looked at */
static const double least_growth = 1.1; /* a step: what shrinks may be a negative eigenvalue, or a pair, on its way to the positive side */

/* One outlier that is followed. */
struct followed {
    double *past[MEMORY]; /* eigenvectors of unit length, the newest first: sigma rho at [0, rows), p at [rows, 2 rows) */
    size_t known;         /* of the past ones, at consecutive steps */
    size_t order;         /* that would have done best at the last step */
    double root;          /* lambda^2 at the last step */
};

struct outlier_follow {
    struct outlier_source source;
    double sigma2, edge_root; /* of the bulk at this step */
    double sigma2_before;     /* at the one before */
    size_t count, found; /* asked for; outliers at the last step */
    struct followed *outlier;
    outlier_krylov *krylov;
    double *start; /* start vectors: rows of 2 k numbers, stride 2 rows */
    double *extra; /* likewise, of the last look, `extra_events` long */
    size_t extras, extra_events;
    double ahead, growth; /* largest modulus behind the outliers at the last look, and its growth a step */
    size_t looked;        /* the step of the last look */
    size_t changed;       /* the step at which the number of outliers changed last */
    double *d, *d_before; /* weights at this step and the one before */
    double *v, *v_before; /* v(t,.) likewise, where the bulk changes */
    double *guess;        /* one vector */
    double *z, *change;
    struct outlier_escape *escape;
    size_t step;          /* the last one; `rows` when there was none */
    double time;
    struct outlier_watch watch;
};

/* ---- making ---- */

static size_t stride_of(const outlier_follow *f) { return 2 * f->source.rows; }
static size_t start_rows(const outlier_follow *f) { return 2 * f->count + EXTRA; }

void outlier_follow_free(outlier_follow *f)
{
    if (f == NULL) return;
    for (size_t j = 0; f->outlier != NULL && j < f->count; j++)
        for (int i = 0; i < MEMORY; i++) free(f->outlier[j].past[i]);
    outlier_watch_clear(&f->watch);
    double *const all[] = {f->start, f->extra, f->d, f->d_before, f->v, f->v_before, f->guess, f->z, f->change};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    outlier_krylov_free(f->krylov);
    free(f->outlier);
    free(f->escape);
    free(f);
}

static int allocate_outlier(outlier_follow *f, size_t j)
{
    int whole = 1;
    for (int i = 0; i < MEMORY; i++) whole &= (f->outlier[j].past[i] = memory_doubles(stride_of(f))) != NULL;
    f->outlier[j].order = 1;
    f->outlier[j].root = NAN;
    f->escape[j] = (struct outlier_escape){.step = -1, .time = NAN};
    return whole;
}

static int allocate(outlier_follow *f, dmft_error *err)
{
    size_t rows = f->source.rows, stride = stride_of(f), count = f->count;
    f->outlier = calloc(count + 1, sizeof *f->outlier);
    f->escape = calloc(count + 1, sizeof *f->escape);
    f->start = memory_doubles(start_rows(f) * stride);
    f->extra = memory_doubles(EXTRA * stride);
    f->d = memory_doubles(rows);
    f->d_before = memory_doubles(rows);
    f->v = memory_doubles(f->source.variance != NULL ? rows : 0);
    f->v_before = memory_doubles(f->source.variance != NULL ? rows : 0);
    f->guess = memory_doubles(stride);
    f->z = memory_doubles(count);
    f->change = memory_doubles(count);
    int whole = f->outlier && f->escape && f->start && f->extra && f->d && f->d_before && f->v && f->v_before && f->guess && f->z && f->change;
    for (size_t j = 0; j < count && whole; j++) whole = allocate_outlier(f, j);
    if (!whole) return error_memory(err, 8.0 * (double)stride * (double)(EXTRA + 2 * count * MEMORY));
    int status = outlier_watch_init(&f->watch, count, rows, f->source.flow, f->source.sigma2, f->source.psi, err);
    return status != DMFT_OK ? status : outlier_krylov_create(&f->krylov, stride, 2 * count, err); /* twice: two vectors an outlier inside a step */
}

int outlier_follow_create(outlier_follow **out, const struct outlier_source *source, size_t count, dmft_error *err)
{
    outlier_follow *f = calloc(1, sizeof *f);
    if (f == NULL) return error_memory(err, sizeof *f);
    f->source = *source;
    f->sigma2 = f->sigma2_before = source->sigma2;
    f->edge_root = outlier_edge_root(source->sigma2, source->psi);
    f->count = count;
    f->step = source->rows;
    int status = allocate(f, err);
    if (status == DMFT_OK)
        *out = f;
    else
        outlier_follow_free(f);
    return status;
}

struct outlier_escape outlier_follow_escape(const outlier_follow *f, size_t j) { return f->escape[j]; }
long outlier_follow_products(const outlier_follow *f) { return outlier_krylov_products(f->krylov); }

/* The matrix of this step with the first `events` events and weights d. */
static struct outlier_kernels kernels_at(const outlier_follow *f, size_t events, const double *d)
{
    const struct outlier_source *s = &f->source;
    return (struct outlier_kernels){.k = events, .stride = s->stride, .C_phi = s->C_phi, .R_phi = s->R_phi, .C_g = s->C_g, .R_g = s->R_g, .d = d,
                                    .variance = s->variance != NULL ? f->v : NULL, .sigma = sqrt(f->sigma2), .psi = s->psi};
}

/* That of the step before. */
static struct outlier_kernels kernels_before(const outlier_follow *f)
{
    struct outlier_kernels p = kernels_at(f, f->step + 1, f->d_before);
    if (p.variance != NULL) p.variance = f->v_before;
    p.sigma = sqrt(f->sigma2_before);
    return p;
}

/* ---- extrapolation ---- */

/* Half of a vector at step t, t + 1 numbers, by `order` past ones: along the step where all of them have the event at an age above 0, else along
 * events of the same age. */
static void extrapolate_half(const struct followed *o, size_t order, size_t t, size_t offset, double *out)
{
    static const double weight[MEMORY][MEMORY] = {{1.0}, {2.0, -1.0}, {3.0, -3.0, 1.0}, {4.0, -6.0, 4.0, -1.0}};
    const double *w = weight[order - 1];
    size_t old = t > order ? t - order : 0; /* events before it */
    memset(out, 0, (t + 1) * sizeof *out);
    for (size_t i = 0; i < order; i++) {
        const double *x = o->past[i] + offset;
        cblas_daxpy((int)old, w[i], x, 1, out, 1);
        for (size_t c = old; c <= t; c++)
            if (c >= i + 1) out[c] += w[i] * x[c - i - 1];
    }
}

static void extrapolate(const outlier_follow *f, const struct followed *o, size_t order, size_t t, double *out)
{
    extrapolate_half(o, order, t, 0, out);
    extrapolate_half(o, order, t, f->source.rows, out + t + 1);
}

/* Vectors of the last step as they are, for a step that does not follow on it. */
static void pad(const outlier_follow *f, const struct followed *o, size_t t, double *out)
{
    size_t had = f->step + 1, bytes = had * sizeof *out;
    memset(out, 0, 2 * (t + 1) * sizeof *out);
    memcpy(out, o->past[0], bytes);
    memcpy(out + t + 1, o->past[0] + f->source.rows, bytes);
}

/* Notes which order would have met the vector r of step t best. */
static void rate_orders(outlier_follow *f, struct followed *o, size_t t, const double *r)
{
    double best = INFINITY;
    for (size_t order = 1; order <= o->known && order <= MEMORY && 2 * order <= t; order++) {
        extrapolate(f, o, order, t, f->guess);
        double size = cblas_dnrm2((int)(2 * (t + 1)), f->guess, 1), off = 0.0;
        double sign = cblas_ddot((int)(2 * (t + 1)), f->guess, 1, r, 1) < 0.0 ? -1.0 : 1.0;
        for (size_t i = 0; i < 2 * (t + 1); i++) {
            double e = sign * r[i] - f->guess[i] / size;
            off += e * e;
        }
        if (off < best) {
            best = off;
            o->order = order;
        }
    }
}

/* Takes in the vector of step t. */
static void remember(outlier_follow *f, struct followed *o, size_t t, const double *r)
{
    size_t rows = f->source.rows, k = t + 1;
    double *oldest = o->past[MEMORY - 1], sign = 1.0;
    if (o->known > 0) rate_orders(f, o, t, r);
    if (o->known > 0 && cblas_ddot((int)t, o->past[0], 1, r, 1) + cblas_ddot((int)t, o->past[0] + rows, 1, r + k, 1) < 0.0) sign = -1.0;
    memmove(&o->past[1], &o->past[0], (MEMORY - 1) * sizeof o->past[0]);
    o->past[0] = oldest;
    for (size_t c = 0; c < k; c++) {
        oldest[c] = sign * r[c];
        oldest[rows + c] = sign * r[k + c];
    }
    if (o->known < MEMORY) o->known++;
}

/* ---- what may come next ---- */

/* Whether the rest of the spectrum is to be looked at: by its growth it may be half way to the edge at the next step. */
static int is_due(const outlier_follow *f, size_t t, int follows)
{
    if (!follows || t < EARLY || t - f->changed < RESTLESS || f->sigma2 == 0.0) return 1;
    size_t since = t - f->looked;
    return since >= SELDOM || f->ahead * pow(fmax(f->growth, least_growth), 2.0 * (double)since) > near_edge * f->edge_root;
}

/* The vectors of the last look, as start vectors; returns their number. */
static size_t start_extras(const outlier_follow *f, size_t k, double *start)
{
    size_t had = f->extra_events;
    for (size_t i = 0; i < f->extras; i++) {
        double *x = start + i * stride_of(f);
        const double *kept = f->extra + i * stride_of(f);
        memset(x, 0, 2 * k * sizeof *x);
        memcpy(x, kept, had * sizeof *x);
        memcpy(x + k, kept + had, had * sizeof *x);
    }
    return f->extras;
}

static void keep_extras(outlier_follow *f, size_t t)
{
    double before = f->ahead;
    f->extras = outlier_krylov_next(f->krylov, EXTRA, f->extra, stride_of(f), &f->ahead);
    f->extra_events = t + 1;
    f->growth = before > 0.0 && t > f->looked ? pow(f->ahead / before, 1.0 / (double)(t - f->looked)) : 2.0;
    f->looked = t;
}

/* ---- escapes ---- */

/* (lambda^2 at the last step over that of the edge there) - 1, for outlier j that has just been found; nan when there is no real eigenvalue. */
static int excess_before(outlier_follow *f, size_t j, double *excess, dmft_error *err)
{
    size_t had = f->step + 1, stride = stride_of(f);
    struct outlier_kernels p = kernels_before(f);
    struct outlier_search search = {.count = j + 1, .tolerance = tolerance, .rounds = BLIND_ROUNDS, .patience = PATIENCE};
    for (size_t i = 0; i <= j; i++) {
        const double *r = f->outlier[i].past[0];
        memcpy(f->start + i * stride, r, had * sizeof *r);
        memcpy(f->start + i * stride + had, r + f->source.rows, had * sizeof *r);
    }
    int status = outlier_krylov_solve(f->krylov, outlier_kernels_products(&p), search, f->start, j + 1, stride, err);
    if (status != DMFT_OK) return status;
    *excess = outlier_krylov_found(f->krylov) > j ? outlier_krylov_root(f->krylov, j) / outlier_edge_root(f->sigma2_before, f->source.psi) - 1.0 : NAN;
    return DMFT_OK;
}

/* (O11), which is between successive steps: where some were passed over since the last one, no time is told. */
static int note_escape(outlier_follow *f, size_t j, size_t t, double time, dmft_error *err)
{
    struct outlier_escape *e = &f->escape[j];
    double now = f->outlier[j].root / f->edge_root - 1.0, before = NAN;
    int first = f->step == f->source.rows, passed_over = !first && t > f->step + 1;
    *e = (struct outlier_escape){.step = (long)t, .time = passed_over ? NAN : time};
    if (first || passed_over || f->sigma2_before == 0.0 || f->sigma2 == 0.0) return DMFT_OK;
    int status = excess_before(f, j, &before, err);
    if (status == DMFT_OK && before < 0.0) e->time = time - (time - f->time) * now / (now - before);
    return status;
}

/* ---- the ODE beside the algebra ---- */

/* Integrates the ODE (O8) inside the last step, of the outliers that were there before and after it. `roots` are lambda^2 before; the factor takes its
 * square from them, and the noise leaves them (KN9). */
static int check_inside(outlier_follow *f, size_t t, size_t before, const double *roots, dmft_error *err)
{
    size_t k = t, stride = stride_of(f), rows = f->source.rows, both = before < f->found ? before : f->found, starts = 0;
    struct outlier_search search = {.count = both, .tolerance = tolerance, .floor = f->edge_root};
    struct outlier_kernels p = kernels_at(f, k, f->guess);
    double kept = f->source.variance != NULL ? f->source.factor * f->source.factor : 1.0;
    memcpy(f->guess, f->d, k * sizeof *f->guess);
    for (size_t j = 0; j < both; j++)
        for (size_t i = 0; i < 2 && i < f->outlier[j].known; i++, starts++) {
            double *x = f->start + starts * stride;
            memcpy(x, f->outlier[j].past[i], k * sizeof *x);
            memcpy(x + k, f->outlier[j].past[i] + rows, k * sizeof *x);
        }
    int status = outlier_drift_inside(f->krylov, &p, f->guess, t - 1, 0.0, f->d[t - 1], search, f->start, starts, stride, f->change, err);
    for (size_t j = 0; j < both && status == DMFT_OK; j++) outlier_watch_inside(&f->watch, f->sigma2, kept * roots[j], f->change[j], f->z[j]);
    return status == DMFT_ERROR_NUMERIC ? DMFT_OK : status; /* a check that cannot be made does not end a run */
}

int outlier_follow_difference(const outlier_follow *f, double *difference, dmft_error *err)
{
    return outlier_watch_difference(&f->watch, difference, err);
}

/* ---- a step ---- */

/* Solves at step t; the outliers are then those of f->krylov. */
static int solve(outlier_follow *f, const struct outlier_kernels *p, size_t t, int follows, int look, dmft_error *err)
{
    size_t stride = stride_of(f), starts = 0;
    struct outlier_search search = {.count = look ? f->count : f->found, .tolerance = tolerance, .floor = f->edge_root};
    for (; starts < f->found; starts++) {
        struct followed *o = &f->outlier[starts];
        while (2 * o->order > t && o->order > 1) o->order--;
        if (follows) extrapolate(f, o, o->order, t, f->start + starts * stride);
        else pad(f, o, t, f->start + starts * stride);
    }
    if (look && follows) starts += start_extras(f, p->k, f->start + starts * stride);
    search.rounds = !look ? 1 : !follows ? BLIND_ROUNDS : t - f->changed < RESTLESS ? UNSURE_ROUNDS : LOOK_ROUNDS;
    int status = outlier_krylov_solve(f->krylov, outlier_kernels_products(p), search, f->start, starts, stride, err);
    if (status == DMFT_OK && look) keep_extras(f, t);
    return status;
}

/* Takes over what f->krylov found at step t. */
static void take(outlier_follow *f, const struct outlier_kernels *p, size_t t, double rate, struct outlier_state *state)
{
    size_t found = outlier_krylov_found(f->krylov);
    for (size_t j = 0; j < found; j++) {
        struct outlier_pair x = outlier_pair_of(f->krylov, p, j);
        struct followed *o = &f->outlier[j];
        f->z[j] = x.z;
        o->root = x.root;
        outlier_watch_outlier(&f->watch, j, x.root, rate * outlier_pair_growth(&x, p, t));
        if (j == 0) {
            double left = x.left * x.p[t], right = x.right * x.s[t];
            state->left_overlap = left * left;
            state->right_overlap = right * right;
            state->drift = sqrt(f->source.psi) * left * right;
            if (f->source.target != NULL) state->target_overlap = outlier_pair_target(&x, p, f->source.target);
        }
        remember(f, o, t, x.r);
    }
    for (size_t j = found; j < f->count; j++) {
        f->z[j] = f->outlier[j].root = NAN;
        f->outlier[j].known = 0;
        f->outlier[j].order = 1;
    }
    if (found != f->found) f->changed = t;
    f->found = found;
}

static int step(outlier_follow *f, const struct outlier_kernels *p, size_t t, double time, double rate, struct outlier_state *state, dmft_error *err)
{
    int follows = t > 0 && f->step == t - 1;
    size_t before = f->found;
    double *roots = f->start + (start_rows(f) - 1) * stride_of(f); /* the last start vector is never used inside a step */
    int look = is_due(f, t, follows), status = solve(f, p, t, follows, look, err);
    if (status == DMFT_OK && !look && outlier_krylov_found(f->krylov) < f->found) status = solve(f, p, t, follows, 1, err); /* one sank */
    if (status != DMFT_OK) return status;
    if (!follows)
        for (size_t j = 0; j < f->count; j++) f->outlier[j].known = 0;
    for (size_t j = 0; j < f->count; j++) roots[j] = f->outlier[j].root;
    take(f, p, t, rate, state);
    outlier_watch_node(&f->watch, f->found, time);
    if (follows && !f->source.moving && outlier_watch_due(&f->watch, t) && before > 0 && f->found > 0) status = check_inside(f, t, before, roots, err);
    for (size_t j = 0; j < f->found && status == DMFT_OK; j++)
        if (f->escape[j].step < 0) status = note_escape(f, j, t, time, err);
    return status;
}

/* Takes over weights and bulk of step t. */
static void take_step(outlier_follow *f, size_t t, const double *d)
{
    double *weights = f->d_before, *spread = f->v_before;
    f->d_before = f->d;
    f->d = weights;
    if (t > 0) memcpy(weights, d, t * sizeof *d);
    weights[t] = 0.0;
    f->sigma2_before = f->sigma2;
    if (f->source.variance == NULL) return;
    f->v_before = f->v;
    f->v = spread;
    memcpy(spread, f->source.variance, (t + 1) * sizeof *spread);
    f->sigma2 = spread[t];
    f->edge_root = outlier_edge_root(f->sigma2, f->source.psi);
}

int outlier_follow_step(outlier_follow *f, size_t t, const double *d, double time, double rate, struct outlier_state *state, dmft_error *err)
{
    struct outlier_state told = {.z = f->z, .target_overlap = NAN, .left_overlap = NAN, .right_overlap = NAN, .drift = NAN};
    take_step(f, t, d);
    struct outlier_kernels p = kernels_at(f, t + 1, f->d);
    int status = step(f, &p, t, time, rate, &told, err);
    if (status != DMFT_OK) return status;
    f->step = t;
    f->time = time;
    *state = told;
    return DMFT_OK;
}

/* ---- checkpoints ---- */

static void transfer_outlier(outlier_follow *f, size_t j, archive *a)
{
    struct followed *o = &f->outlier[j];
    archive_size(a, &o->known, MEMORY);
    archive_size(a, &o->order, MEMORY);
    archive_double(a, &o->root);
    archive_double(a, &f->z[j]);
    archive_long(a, &f->escape[j].step);
    archive_double(a, &f->escape[j].time);
    for (size_t i = 0; i < o->known; i++) archive_doubles(a, o->past[i], stride_of(f));
}

void outlier_follow_transfer(outlier_follow *f, archive *a)
{
    size_t rows = f->source.rows;
    archive_tag(a, "outlier_follow");
    archive_size(a, &f->found, f->count);
    archive_size(a, &f->extras, EXTRA);
    archive_size(a, &f->extra_events, rows);
    archive_size(a, &f->looked, rows);
    archive_size(a, &f->changed, rows);
    archive_size(a, &f->step, rows);
    archive_double(a, &f->ahead);
    archive_double(a, &f->growth);
    archive_double(a, &f->time);
    archive_doubles(a, f->d, rows);
    archive_double(a, &f->sigma2);
    archive_doubles(a, f->v, f->source.variance != NULL ? rows : 0);
    if (archive_status(a) != DMFT_OK) return;
    archive_doubles(a, f->extra, f->extras * stride_of(f));
    for (size_t j = 0; j < f->count && archive_status(a) == DMFT_OK; j++) transfer_outlier(f, j, a);
    outlier_watch_transfer(&f->watch, a);
}
