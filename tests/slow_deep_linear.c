/*
 * slow_deep_linear.c - slow reference for level 1 of deep linear networks in
 * the proportional limit.  Solves the equations of doc/theory.md, section 2,
 * in the row form of section 11.
 *
 * Every site variable is linear in the primitive Gaussian fields of its site.
 * We keep its coefficients, one row for each time t:
 *
 *   v(t)     = v_star(t)    w* + sum_a [ R_v(t,a)     rX(a) + v_r0(t,a)   r0(a) ]
 *   vhat(t)  = vhat_star(t) w* + sum_a [ vhat_rX(t,a) rX(a) + R_vhat(t,a) r0(a) ]
 *   Delta(t) = Delta_eps(t) eps + sum_a R_Delta(t,a) uX(a)
 *   h^l(t)   = sum_a [ h_u(t,a)   u^l(a) + R_hl(t,a) r^l(a) ]
 *   g^l(t)   = sum_a [ R_gl(t,a)  u^l(a) + g_r(t,a)  r^l(a) ]
 *
 * A response is thus one of the coefficient tables, and a covariance is the
 * coefficients put on both sides of the covariance of the primitive field.
 * The march goes up in t; row t of g^L .. g^1, then v, Delta, vhat, then
 * h^1 .. h^L.  Each needs only rows that are there already.
 *
 * Cost: O(L T^4) time, because every covariance is a bare double sum, and
 * O(L T^2) memory.  T = 60 with L = 3 takes well under a second.
 */
#include "slow_deep_linear.h"

#include <math.h>
#include <stdlib.h>

typedef struct state {
    const slow_problem *p;
    slow_kernels *k;
    double gamma, c;               /* output scale; c = eta gamma / sqrt(nu) */
    double *v_star, *vhat_star, *Delta_eps;
    double *v_r0, *vhat_rX;
    double **h_u, **g_r;           /* [1..L] */
    double *zeros, *ones;          /* R_g and C_g of the site above the readout */
    double *m;                     /* row t of the memory kernel in use */
} state;

/* ---- storage ---- */

static double *new_table(int rows, int columns)
{
    return calloc((size_t)rows * (size_t)columns, sizeof(double));
}

/* Tables [first..depth], the ones before are NULL.  What could not be had stays NULL. */
static double **new_tables(int first, int depth, int steps)
{
    double **tables = calloc((size_t)depth + 1, sizeof *tables);

    if (tables == NULL)
        return NULL;
    for (int l = 0; l <= depth; l++)
        tables[l] = l < first ? NULL : new_table(steps, steps);
    return tables;
}

static int tables_complete(double *const *tables, int first, int depth)
{
    if (tables == NULL)
        return 0;
    for (int l = first; l <= depth; l++)
        if (tables[l] == NULL)
            return 0;
    return 1;
}

static void free_tables(double **tables, int depth)
{
    if (tables == NULL)
        return;
    for (int l = 0; l <= depth; l++)
        free(tables[l]);
    free(tables);
}

static int kernels_complete(const slow_kernels *k)
{
    return k->C_v && k->R_v && k->C_Delta && k->R_Delta
        && tables_complete(k->C_h, 0, k->depth) && tables_complete(k->R_h, 0, k->depth)
        && tables_complete(k->C_g, 1, k->depth) && tables_complete(k->R_g, 1, k->depth);
}

static slow_kernels *new_kernels(int depth, int steps)
{
    slow_kernels *k = calloc(1, sizeof *k);

    if (k == NULL)
        return NULL;
    k->depth = depth;
    k->steps = steps;
    k->C_v = new_table(steps, steps);
    k->R_v = new_table(steps, steps);
    k->C_Delta = new_table(steps, steps);
    k->R_Delta = new_table(steps, steps);
    k->C_h = new_tables(0, depth, steps);
    k->R_h = new_tables(0, depth, steps);
    k->C_g = new_tables(1, depth, steps);
    k->R_g = new_tables(1, depth, steps);
    if (kernels_complete(k))
        return k;
    slow_free(k);
    return NULL;
}

void slow_free(slow_kernels *k)
{
    if (k == NULL)
        return;
    free(k->C_v);
    free(k->R_v);
    free(k->C_Delta);
    free(k->R_Delta);
    free_tables(k->C_h, k->depth);
    free_tables(k->R_h, k->depth);
    free_tables(k->C_g, k->depth);
    free_tables(k->R_g, k->depth);
    free(k);
}

/* Gives 0 when out of memory; close_state() is due in either case. */
static int open_state(state *w, const slow_problem *p, slow_kernels *k)
{
    int L = p->depth, T = p->steps;
    double root_nu = sqrt(p->width_ratio);

    w->p = p;
    w->k = k;
    w->gamma = p->ntk ? p->gamma0 : p->gamma0 * root_nu;
    w->c = p->learning_rate * w->gamma / root_nu;
    w->v_star = new_table(1, T);
    w->vhat_star = new_table(1, T);
    w->Delta_eps = new_table(1, T);
    w->m = new_table(1, T);
    w->v_r0 = new_table(T, T);
    w->vhat_rX = new_table(T, T);
    w->zeros = new_table(T, T);
    w->ones = new_table(T, T);
    w->h_u = new_tables(1, L, T);
    w->g_r = new_tables(1, L, T);
    for (int i = 0; w->ones != NULL && i < T * T; i++)
        w->ones[i] = 1.0;
    return w->v_star && w->vhat_star && w->Delta_eps && w->m && w->v_r0 && w->vhat_rX
        && w->zeros && w->ones && tables_complete(w->h_u, 1, L) && tables_complete(w->g_r, 1, L);
}

static void close_state(state *w)
{
    free(w->v_star);
    free(w->vhat_star);
    free(w->Delta_eps);
    free(w->m);
    free(w->v_r0);
    free(w->vhat_rX);
    free(w->zeros);
    free(w->ones);
    free_tables(w->h_u, w->p->depth);
    free_tables(w->g_r, w->p->depth);
}

/* ---- sums over times ---- */

/* y(t,a) += sum_{s=0..last} m(s) x(s,a), with x(s,a) = 0 for a > s. */
static void add_memory(int T, double *y, int t, const double *m, int last, const double *x)
{
    for (int s = 0; s <= last; s++)
        for (int a = 0; a <= s; a++)
            y[t * T + a] += m[s] * x[s * T + a];
}

/* The same for a field that is constant in time: y(t) += sum_{s=0..last} m(s) x(s). */
static void add_memory_constant(double *y, int t, const double *m, int last, const double *x)
{
    for (int s = 0; s <= last; s++)
        y[t] += m[s] * x[s];
}

/* sum_{a<=t, b<=s} x(t,a) C(a,b) x(s,b) */
static double sandwich(int T, const double *x, const double *C, int t, int s)
{
    double sum = 0.0;

    for (int a = 0; a <= t; a++)
        for (int b = 0; b <= s; b++)
            sum += x[t * T + a] * C[a * T + b] * x[s * T + b];
    return sum;
}

static void set_symmetric(int T, double *C, int t, int s, double value)
{
    C[t * T + s] = value;
    C[s * T + t] = value;
}

/* ---- the backward fields ---- */

/* Above the readout stands g^{L+1} = 1: C_g = 1 and R_g = 0 give the equation of g^L. */
static const double *C_g_above(const state *w, int l)
{
    return l < w->p->depth ? w->k->C_g[l + 1] : w->ones;
}

static const double *R_g_above(const state *w, int l)
{
    return l < w->p->depth ? w->k->R_g[l + 1] : w->zeros;
}

/* m(s) = sigma_l^2 R_{g,l+1}(t,s) + c C_{g,l+1}(t,s), s < t. */
static void backward_memory(const state *w, int l, int t)
{
    int T = w->p->steps;
    double variance = w->p->weight_variance[l];
    const double *C = C_g_above(w, l), *R = R_g_above(w, l);

    for (int s = 0; s < t; s++)
        w->m[s] = variance * R[t * T + s] + w->c * C[t * T + s];
}

/* C_h^l or C_g^l at (t, 0..t): E[u u] = variance_u C_u, E[r r] = variance_r C_r. */
static void hidden_covariance(const state *w, int l, int t, const double *on_u,
                              const double *on_r, double *C)
{
    int T = w->p->steps;
    double variance_u = w->p->weight_variance[l - 1], variance_r = w->p->weight_variance[l];
    const double *C_u = w->k->C_h[l - 1], *C_r = C_g_above(w, l);

    for (int s = 0; s <= t; s++)
        set_symmetric(T, C, t, s, variance_u * sandwich(T, on_u, C_u, t, s)
                                + variance_r * sandwich(T, on_r, C_r, t, s));
}

/*
 * g^l(t) = r^l(t) + sum_{s<t} m(s) h^l(s).
 * Its coefficients on u^l end before t, so row t of C_{h,l-1}, which is not
 * known yet and still zero, does not count.
 */
static void march_g(const state *w, int l, int t)
{
    const slow_kernels *k = w->k;
    int T = w->p->steps;

    backward_memory(w, l, t);
    w->g_r[l][t * T + t] = 1.0;
    add_memory(T, w->g_r[l], t, w->m, t - 1, k->R_h[l]);
    add_memory(T, k->R_g[l], t, w->m, t - 1, w->h_u[l]);
    hidden_covariance(w, l, t, k->R_g[l], w->g_r[l], k->C_g[l]);
}

/* ---- the data site ---- */

/*
 * v(t) = w* - r0(t)/(gamma sqrt(nu)) + sum_{s<t} m(s) vhat(s),
 * m(s) = -(sqrt(nu)/gamma) sigma_0^2 R_g1(t,s) - eta C_g1(t,s).
 */
static void march_v(const state *w, int t)
{
    const slow_problem *p = w->p;
    const slow_kernels *k = w->k;
    int T = p->steps;
    double root_nu = sqrt(p->width_ratio);

    for (int s = 0; s < t; s++)
        w->m[s] = -root_nu / w->gamma * p->weight_variance[0] * k->R_g[1][t * T + s]
                - p->learning_rate * k->C_g[1][t * T + s];
    w->v_star[t] = 1.0;
    w->v_r0[t * T + t] = -1.0 / (w->gamma * root_nu);
    add_memory_constant(w->v_star, t, w->m, t - 1, w->vhat_star);
    add_memory(T, k->R_v, t, w->m, t - 1, w->vhat_rX);
    add_memory(T, w->v_r0, t, w->m, t - 1, k->R_h[0]);
}

/*
 * C_v or C_vhat at (t, 0..t): E[w* w*] = 1, E[rX rX] = alpha C_Delta,
 * E[r0 r0] = nu sigma_0^2 C_g1.
 */
static void data_covariance(const state *w, int t, const double *on_star, const double *on_rX,
                            const double *on_r0, double *C)
{
    const slow_problem *p = w->p;
    int T = p->steps;
    double variance_r0 = p->width_ratio * p->weight_variance[0];

    for (int s = 0; s <= t; s++)
        set_symmetric(T, C, t, s, on_star[t] * on_star[s]
                                + p->sample_ratio * sandwich(T, on_rX, w->k->C_Delta, t, s)
                                + variance_r0 * sandwich(T, on_r0, w->k->C_g[1], t, s));
}

/* Full batch: Delta(t) = uX(t) + sigma_eps eps + sum_{s<t} R_v(t,s) Delta(s), E[uX uX] = C_v. */
static void march_Delta_full(const state *w, int t)
{
    const slow_kernels *k = w->k;
    int T = w->p->steps;
    const double *m = &k->R_v[t * T];

    w->Delta_eps[t] = w->p->label_noise;
    k->R_Delta[t * T + t] = 1.0;
    add_memory_constant(w->Delta_eps, t, m, t - 1, w->Delta_eps);
    add_memory(T, k->R_Delta, t, m, t - 1, k->R_Delta);
    for (int s = 0; s <= t; s++)
        set_symmetric(T, k->C_Delta, t, s, sandwich(T, k->R_Delta, k->C_v, t, s)
                                         + w->Delta_eps[t] * w->Delta_eps[s]);
}

/* One pass: R_Delta = 1, and C_Delta is diagonal because no sample comes twice. */
static void march_Delta_online(const state *w, int t)
{
    int diagonal = t * w->p->steps + t;
    double noise = w->p->label_noise;

    w->k->R_Delta[diagonal] = 1.0;
    w->k->C_Delta[diagonal] = w->k->C_v[diagonal] + noise * noise;
}

/* vhat(t) = rX(t)/alpha + sum_{s<=t} R_Delta(t,s) v(s). */
static void march_vhat(const state *w, int t)
{
    const slow_kernels *k = w->k;
    int T = w->p->steps;
    const double *m = &k->R_Delta[t * T];

    w->vhat_rX[t * T + t] = 1.0 / w->p->sample_ratio;
    add_memory_constant(w->vhat_star, t, m, t, w->v_star);
    add_memory(T, w->vhat_rX, t, m, t, k->R_v);
    add_memory(T, k->R_h[0], t, m, t, w->v_r0);
}

/*
 * R_v ends before t, so C_v needs no C_Delta of row t; vhat holds rX(t), so
 * C_vhat does, and comes last.
 */
static void march_data(const state *w, int t)
{
    const slow_kernels *k = w->k;

    march_v(w, t);
    data_covariance(w, t, w->v_star, k->R_v, w->v_r0, k->C_v);
    if (w->p->online)
        march_Delta_online(w, t);
    else
        march_Delta_full(w, t);
    march_vhat(w, t);
    data_covariance(w, t, w->vhat_star, w->vhat_rX, k->R_h[0], k->C_h[0]);
}

/* ---- the forward fields ---- */

/* m(s) = sigma_{l-1}^2 R_{h,l-1}(t,s) + c C_{h,l-1}(t,s) 1(s<t), s <= t. */
static void forward_memory(const state *w, int l, int t)
{
    int T = w->p->steps;
    double variance = w->p->weight_variance[l - 1];
    const double *C = w->k->C_h[l - 1], *R = w->k->R_h[l - 1];

    for (int s = 0; s < t; s++)
        w->m[s] = variance * R[t * T + s] + w->c * C[t * T + s];
    w->m[t] = variance * R[t * T + t];
}

/* h^l(t) = u^l(t) + sum_{s<=t} m(s) g^l(s). */
static void march_h(const state *w, int l, int t)
{
    const slow_kernels *k = w->k;
    int T = w->p->steps;

    forward_memory(w, l, t);
    w->h_u[l][t * T + t] = 1.0;
    add_memory(T, w->h_u[l], t, w->m, t, k->R_g[l]);
    add_memory(T, k->R_h[l], t, w->m, t, w->g_r[l]);
    hidden_covariance(w, l, t, w->h_u[l], k->R_h[l], k->C_h[l]);
}

/* ---- the march ---- */

static void march(const state *w)
{
    int L = w->p->depth;

    for (int t = 0; t < w->p->steps; t++) {
        for (int l = L; l >= 1; l--)
            march_g(w, l, t);
        march_data(w, t);
        for (int l = 1; l <= L; l++)
            march_h(w, l, t);
    }
}

slow_kernels *slow_solve(const slow_problem *p)
{
    state w = {0};
    slow_kernels *k = new_kernels(p->depth, p->steps);

    if (k == NULL)
        return NULL;
    if (open_state(&w, p, k)) {
        march(&w);
    } else {
        slow_free(k);
        k = NULL;
    }
    close_state(&w);
    return k;
}
