/* The lazy limit: responses by frequency (F5)-(F9), correlations from them (F10)-(F15).
 *
 * T rows take a circle of N >= 12 T frequencies, nine transforms of N numbers, and two or three half convolutions of 2 T, O(T log^2 T);
 * 16 N bytes and less than twenty vectors of 2 T doubles.
 *
 * All sequences of length 2 T are kept over growth^n, so that what decays keeps its digits. The circle has the radius growth x 1e16^(1/N): what
 * wraps round in time is 1e-16 of what it falls on, and rounding errors grow by 1e16^(2T/N) <= 464 from n = 0 to 2 T.
 */
#include "kernel/lazy.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "kernel/fourier.h"
#include "kernel/nested.h"

enum { FEWEST_POINTS = 1024, POINTS_A_STEP = 12 };

static const double wrap = 36.8413614879047; /* log 1e16 */

struct lazy {
    const struct dmft_problem *p;
    struct kernel_nested nested;
    size_t rows, span;          /* T, 2 T */
    size_t N;                   /* points of the circle */
    double gamma, log_growth, log_radius;
    int online, whole;          /* whole: no matrix but perhaps the readout has zero variance, so that M has all its layers */
    double mean_T1, mean_M;     /* averages of the laws of T_1 and M */
    double complex *x;          /* the innermost unknown at each point */
    double *buffer;
    struct kernel_fourier fourier;
};

/* What the sequences are made of, at one frequency. */
struct frequency {
    double complex zeta, minus_1, s, R, e0, d0, t1, dL; /* t1 = <tau/(1 + x_1 tau)> over the law of T_1 */
};

double kernel_lazy_growth(const struct dmft_problem *p)
{
    struct kernel_nested nested;
    double edges[2];
    kernel_nested_make(&nested, p);
    kernel_nested_edges(&nested, edges);
    if (isnan(edges[1])) return INFINITY;
    int still = edges[1] == 0.0 || (p->batch == BATCH_FULL && p->sample_ratio <= 1.0);
    double lowest = still ? 0.0 : edges[0];
    double growth = fmax(fabs(1.0 - p->learning_rate * lowest), fabs(1.0 - p->learning_rate * edges[1]));
    return fmax(p->label_noise > 0.0 ? 1.0 : 0.5, growth);
}

/* The smallest 2^i, 3 2^i or 5 2^i that is not below n; FFTW is at its best there. */
static size_t round_length(size_t n)
{
    size_t best = FEWEST_POINTS;
    while (best < n) best *= 2;
    if (best > FEWEST_POINTS && best / 8 * 5 >= n) return best / 8 * 5;
    if (best > FEWEST_POINTS && best / 4 * 3 >= n) return best / 4 * 3;
    return best;
}

double kernel_lazy_bytes(size_t rows) { return 16.0 * (double)round_length(POINTS_A_STEP * rows) + 8.0 * 26.0 * 2.0 * (double)rows; }

/* ---- at one frequency ---- */

static struct frequency at(const struct lazy *w, size_t k)
{
    struct nested_level level[NESTED_MOST];
    struct frequency q;
    int first = w->online ? 0 : 1, stages = w->nested.stages; /* level of M */
    (void)kernel_nested_evaluate(&w->nested, w->x[k], level); /* the circle meets no pole: Newton's method has come to x[k] */
    q.minus_1 = kernel_nested_zeta_minus_1(w->log_radius, k, w->N);
    q.zeta = 1.0 + q.minus_1;
    q.s = w->nested.rate / q.minus_1;
    q.d0 = level[first].d;
    q.e0 = level[first].e;
    q.R = 1.0;
    if (!w->online) q.R = w->p->sample_ratio < 1.0 ? level[1].x / q.s : level[0].e; /* the one that does not cancel at zeta = 1 */
    q.t1 = first < stages ? level[first + 1].d / level[first + 1].x : w->mean_T1;
    q.dL = level[stages].d;
    return q;
}

typedef double complex value(const struct lazy *w, const struct frequency *q);

static double complex R_Delta(const struct lazy *w, const struct frequency *q) { return (void)w, q->R; }
static double complex R_v(const struct lazy *w, const struct frequency *q) { return -q->d0 / (w->p->sample_ratio * q->R); }
static double complex R_h0(const struct lazy *w, const struct frequency *q) { return -q->R * q->e0 / (w->gamma * sqrt(w->p->width_ratio)); }

static double complex step_of_R_g1(const struct lazy *w, const struct frequency *q)
{
    return w->gamma * w->nested.rate / sqrt(w->p->width_ratio) * q->t1;
}

static double complex target_v(const struct lazy *w, const struct frequency *q) { return (void)w, q->zeta / q->minus_1 * q->e0; }
static double complex target_Delta(const struct lazy *w, const struct frequency *q) { return target_v(w, q) * q->R; }

static double complex output_Delta(const struct lazy *w, const struct frequency *q)
{
    return w->p->width_ratio * w->p->weight_variance[w->p->depth] / w->nested.rate * q->zeta * q->dL;
}

static double complex output_v(const struct lazy *w, const struct frequency *q) { return output_Delta(w, q) / q->R; }

/* eta^2 <tau^2 (1 - eta tau)^n> over the law of M, over alpha */
static double complex feedback(const struct lazy *w, const struct frequency *q)
{
    return w->nested.rate / w->p->sample_ratio * q->zeta * (w->mean_M - q->d0 / q->s);
}

/* ---- sequences ---- */

/* out[n], n < span: the inverse transform (F9) of a function of frequency, over growth^n. */
static void sequence(const struct lazy *w, value *function, double *out)
{
    double complex *half = (double complex *)w->buffer;
    double N = (double)w->N;
    for (size_t k = 0; k <= w->N / 2; k++) {
        struct frequency q = at(w, k);
        half[k] = function(w, &q);
    }
    kernel_fourier_backward(&w->fourier, w->buffer);
    for (size_t n = 0; n < w->span; n++) out[n] = w->buffer[n] * (exp(wrap * (double)n / N) / N);
}

static double power(const struct lazy *w, size_t n) { return exp(w->log_growth * (double)n); }

static void copy_response(const struct lazy *w, const double *x, double *out)
{
    for (size_t n = 0; n < w->rows; n++) out[n] = power(w, n) * x[n];
}

/* out[t] = C(t,t) from x[n] = C(n,0)/growth^n where C(t,s) is a function of t + s. */
static void copy_even(const struct lazy *w, const double *x, double factor, double *out)
{
    for (size_t t = 0; t < w->rows; t++) out[t] = factor * power(w, 2 * t) * x[2 * t];
}

static double *vector(const struct lazy *w) { return memory_doubles(w->span); }

/* R_h0 and R_g1; the second goes on for ever, so that its steps are transformed and then added up. */
static void hidden_responses(const struct lazy *w, double *x, const struct kernel_lazy *out)
{
    double sum = 0.0;
    sequence(w, R_h0, x);
    copy_response(w, x, out->R_h0);
    sequence(w, step_of_R_g1, x);
    for (size_t n = 0; n < w->rows; n++) {
        out->R_g1[n] = sum;
        sum += power(w, n) * x[n];
    }
}

/* ---- full batch ---- */

/* C_v(t,t) from f[n] = C_v(n,0) and R_v, both over growth^n, by (F12). Constants are taken out of both first, so that what stays for ever does not
 * drown in rounding: the half convolution with a constant is a sum. */
static int diagonal_of_v(const struct lazy *w, const double *f, const double *R, double *out, dmft_error *err)
{
    size_t n = w->span - 1;
    double *a = memory_doubles(n), *b = memory_doubles(n), *H = memory_doubles(n), f_end = f[n], R_end = R[n];
    int status = a != NULL && b != NULL && H != NULL ? DMFT_OK : error_memory(err, 24.0 * (double)n);
    for (size_t i = 0; i < n && status == DMFT_OK; i++) {
        a[i] = f[i] - f_end;
        b[i] = R[i + 1] - R_end;
    }
    if (status == DMFT_OK) status = kernel_half_convolution(a, b, n, 1, H, err);
    double a_t = 0.0, a_2t = 0.0, b_t = 0.0, b_2t = 0.0; /* sums of the first t and 2 t */
    for (size_t t = 0; t < w->rows && status == DMFT_OK; t++) {
        double half = t > 0 ? H[2 * t - 1] : 0.0;
        out[t] = power(w, 2 * t) * (f[2 * t] - half - f_end * (2.0 * b_t - b_2t) - R_end * (a_2t - 2.0 * a_t));
        if (t + 1 == w->rows) break;
        a_t += a[t];
        b_t += b[t];
        a_2t += a[2 * t] + a[2 * t + 1];
        b_2t += b[2 * t] + b[2 * t + 1];
    }
    free(a);
    free(b);
    free(H);
    return status;
}

/* C_v and C_Delta from the initial error v(0) of one kind. C_Delta(n,0)/growth^n is left in x. */
static int part(const struct lazy *w, value *of_v, value *of_Delta, const double *R, double *x, double *C_v, double *C_Delta, dmft_error *err)
{
    sequence(w, of_v, x);
    int status = diagonal_of_v(w, x, R, C_v, err);
    if (status != DMFT_OK) return status;
    sequence(w, of_Delta, x);
    copy_even(w, x, 1.0, C_Delta);
    return DMFT_OK;
}

/* What the label noise adds, by (F13) from R_v and by (F11) from j(n) = R_Delta(0) + .. + R_Delta(n), which is left in j. */
static void label_noise(const struct lazy *w, const double *R_Delta_, const double *R_v_, double *j, const struct kernel_lazy *out)
{
    double noise2 = w->p->label_noise * w->p->label_noise, to_t = 0.0, to_2t = 0.0; /* sums of R_v */
    for (size_t n = 0; n < w->span; n++) j[n] = (n > 0 ? j[n - 1] : 0.0) + power(w, n) * R_Delta_[n];
    for (size_t t = 0; t < w->rows; t++) {
        to_t += power(w, t) * R_v_[t];
        to_2t += t > 0 ? power(w, 2 * t - 1) * R_v_[2 * t - 1] + power(w, 2 * t) * R_v_[2 * t] : R_v_[0];
        out->C_v_noise[t] = noise2 * (to_2t - 2.0 * to_t);
        out->C_Delta_noise[t] = noise2 * j[2 * t];
    }
}

/* C_h0(t,t) by (F14) from C[n] = C_Delta(n,0)/growth^n, all parts, of which the label noise's is label_noise^2 j(n). */
static int diagonal_of_h0(const struct lazy *w, const double *C, const double *R, const double *j, double *out, dmft_error *err)
{
    double *H = vector(w), noise = w->p->label_noise;
    int status = H != NULL ? kernel_half_convolution(C, R, w->span, 0, H, err) : error_memory(err, 8.0 * (double)w->span);
    for (size_t t = 0; t < w->rows && status == DMFT_OK; t++) {
        double sum = H[2 * t] + C[t] * R[t], noisy = noise * j[t];
        out[t] = power(w, 2 * t) * ((1.0 / w->p->sample_ratio - 1.0) * C[2 * t] + 2.0 * sum) - noisy * noisy;
    }
    free(H);
    return status;
}

struct vectors {
    double *R_Delta, *R_v, *x, *j, *C;
};

static int full_batch(const struct lazy *w, const struct vectors *u, const struct kernel_lazy *out, dmft_error *err)
{
    double noise2 = w->p->label_noise * w->p->label_noise, gamma2 = w->gamma * w->gamma;
    sequence(w, R_Delta, u->R_Delta);
    copy_response(w, u->R_Delta, out->R_Delta);
    sequence(w, R_v, u->R_v);
    copy_response(w, u->R_v, out->R_v);
    label_noise(w, u->R_Delta, u->R_v, u->j, out);

    int status = part(w, target_v, target_Delta, u->R_v, u->x, out->C_v_target, out->C_Delta_target, err);
    for (size_t n = 0; n < w->span; n++) u->C[n] = u->x[n] + (noise2 > 0.0 ? noise2 * u->j[n] / power(w, n) : 0.0);
    if (status == DMFT_OK && w->whole) {
        status = part(w, output_v, output_Delta, u->R_v, u->x, out->C_v_output, out->C_Delta_output, err);
        for (size_t n = 0; n < w->span; n++) u->C[n] += u->x[n] / gamma2;
    }
    return status == DMFT_OK ? diagonal_of_h0(w, u->C, u->R_Delta, u->j, out->C_h0, err) : status;
}

/* ---- one-pass SGD ---- */

/* C_v(t,t) of one kind: `source` is what the deterministic dynamics makes of v(0) and what the label noise puts in; the sampling noise of all
 * earlier steps comes back through phi (F15). */
static int one_pass_part(const struct lazy *w, const double *phi, double *source, double *C_v, double *C_Delta, double white, dmft_error *err)
{
    int status = kernel_volterra(phi, w->rows, source, err);
    for (size_t t = 0; t < w->rows; t++) {
        C_v[t] = source[t];
        C_Delta[t] = source[t] + white;
    }
    return status;
}

static int one_pass(const struct lazy *w, const struct vectors *u, const struct kernel_lazy *out, dmft_error *err)
{
    double noise2 = w->p->label_noise * w->p->label_noise, gamma2 = w->gamma * w->gamma, alpha = w->p->sample_ratio;
    double *phi = u->C, *x = u->x, *y = u->j;
    out->R_Delta[0] = 1.0;
    sequence(w, R_v, x);
    copy_response(w, x, out->R_v);
    sequence(w, feedback, x);
    copy_even(w, x, 1.0, phi);

    sequence(w, target_v, x);
    copy_even(w, x, 1.0, y);
    int status = one_pass_part(w, phi, y, out->C_v_target, out->C_Delta_target, 0.0, err);
    y[0] = 0.0;
    for (size_t t = 1; t < w->rows; t++) y[t] = y[t - 1] + noise2 * phi[t - 1];
    if (status == DMFT_OK) status = one_pass_part(w, phi, y, out->C_v_noise, out->C_Delta_noise, noise2, err);
    if (status == DMFT_OK && w->whole) {
        sequence(w, output_Delta, x);
        copy_even(w, x, 1.0, y);
        status = one_pass_part(w, phi, y, out->C_v_output, out->C_Delta_output, 0.0, err);
    }
    for (size_t t = 0; t < w->rows; t++) {
        double C_v = out->C_v_target[t] + out->C_v_noise[t] + out->C_v_output[t] / gamma2;
        out->C_h0[t] = C_v + (C_v + noise2) / alpha;
    }
    return status;
}

/* ---- both ---- */

static void averages(struct lazy *w)
{
    double gradient = 1.0, mean = 1.0; /* c_l and the average of T_l, from l = L down */
    w->mean_T1 = 1.0;
    w->whole = 1;
    for (int l = w->p->depth - 1; l >= 0; l--) {
        double variance = w->p->weight_variance[l];
        if (l == 0) w->mean_T1 = mean;
        gradient *= w->p->weight_variance[l + 1];
        mean = gradient + variance * mean;
        w->whole &= variance > 0.0;
    }
    w->mean_M = mean;
    w->whole &= w->p->weight_variance[w->p->depth] > 0.0;
}

static int prepare(struct lazy *w, const struct dmft_problem *p, size_t rows, dmft_error *err)
{
    double root_nu = sqrt(p->width_ratio);
    *w = (struct lazy){.p = p, .rows = rows, .span = 2 * rows, .N = round_length(POINTS_A_STEP * rows), .online = p->batch == BATCH_ONLINE};
    w->gamma = p->parameterization == PARAMETERIZATION_MUP ? p->gamma0 * root_nu : p->gamma0;
    kernel_nested_make(&w->nested, p);
    averages(w);
    w->log_growth = log(kernel_lazy_growth(p));
    w->log_radius = w->log_growth + wrap / (double)w->N;
    w->buffer = kernel_fourier_buffer(w->N);
    w->x = malloc((w->N / 2 + 1) * sizeof *w->x);
    if (w->buffer == NULL || w->x == NULL) return error_memory(err, 16.0 * (double)w->N);
    int status = kernel_fourier_plan(&w->fourier, w->N, w->buffer, err);
    return status == DMFT_OK ? kernel_nested_circle(&w->nested, w->log_radius, w->N, w->x, err) : status;
}

static void label_part(const struct lazy *w, const struct kernel_lazy *out)
{
    for (size_t t = 0; t < w->rows; t++) {
        out->C_v_target[t] += out->C_v_noise[t];
        out->C_Delta_target[t] += out->C_Delta_noise[t];
    }
}

int kernel_lazy_solve(const struct dmft_problem *p, size_t rows, const struct kernel_lazy *out, dmft_error *err)
{
    struct lazy w;
    int status = prepare(&w, p, rows, err);
    struct vectors u = {vector(&w), vector(&w), vector(&w), vector(&w), vector(&w)};
    if (status == DMFT_OK && (u.R_Delta == NULL || u.R_v == NULL || u.x == NULL || u.j == NULL || u.C == NULL))
        status = error_memory(err, 40.0 * (double)w.span);
    if (status == DMFT_OK) hidden_responses(&w, u.x, out);
    if (status == DMFT_OK) status = w.online ? one_pass(&w, &u, out, err) : full_batch(&w, &u, out, err);
    if (status == DMFT_OK) label_part(&w, out);
    free(u.R_Delta);
    free(u.R_v);
    free(u.x);
    free(u.j);
    free(u.C);
    free(w.x);
    fftw_free(w.buffer);
    kernel_fourier_clear(&w.fourier);
    return status;
}
