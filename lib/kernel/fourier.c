/* FFTW behind a lock, and convolutions by halving: what the first half of a block contributes to the second is one product of transforms (F16).
 *
 * Blocks of LEAF numbers are summed directly. A sequence of n numbers costs log2(n/LEAF) levels of transforms of n numbers in all.
 */
#include "kernel/fourier.h"

#include <pthread.h>
#include <string.h>

#include "base/error.h"

enum { LEAF = 64, MOST_BUFFERS = 4 };

static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER; /* FFTW's planner is not re-entrant; execution is */

double *kernel_fourier_buffer(size_t n) { return fftw_alloc_real(2 * (n / 2 + 1)); }

int kernel_fourier_plan(struct kernel_fourier *f, size_t n, double *buffer, dmft_error *err)
{
    pthread_mutex_lock(&planner);
    f->n = n;
    f->forward = fftw_plan_dft_r2c_1d((int)n, buffer, (double complex *)buffer, FFTW_ESTIMATE);
    f->backward = fftw_plan_dft_c2r_1d((int)n, (double complex *)buffer, buffer, FFTW_ESTIMATE);
    pthread_mutex_unlock(&planner);
    if (f->forward != NULL && f->backward != NULL) return DMFT_OK;
    kernel_fourier_clear(f);
    return error_memory(err, 8.0 * (double)n);
}

void kernel_fourier_clear(struct kernel_fourier *f)
{
    pthread_mutex_lock(&planner);
    if (f->forward != NULL) fftw_destroy_plan(f->forward);
    if (f->backward != NULL) fftw_destroy_plan(f->backward);
    pthread_mutex_unlock(&planner);
    *f = (struct kernel_fourier){0};
}

void kernel_fourier_forward(const struct kernel_fourier *f, double *x) { fftw_execute_dft_r2c(f->forward, x, (double complex *)x); }
void kernel_fourier_backward(const struct kernel_fourier *f, double *x) { fftw_execute_dft_c2r(f->backward, (double complex *)x, x); }

/* ---- convolutions by halving ---- */

struct halving {
    struct kernel_fourier fourier; /* of the level at work */
    double *buffer[MOST_BUFFERS];
};

static void halving_free(struct halving *w)
{
    kernel_fourier_clear(&w->fourier);
    for (int i = 0; i < MOST_BUFFERS; i++) fftw_free(w->buffer[i]);
}

static int halving_make(struct halving *w, size_t n, dmft_error *err)
{
    int whole = 1;
    for (int i = 0; i < MOST_BUFFERS; i++) whole &= (w->buffer[i] = kernel_fourier_buffer(n)) != NULL;
    return whole ? DMFT_OK : error_memory(err, 8.0 * MOST_BUFFERS * (double)n);
}

static int halving_level(struct halving *w, size_t n, dmft_error *err)
{
    kernel_fourier_clear(&w->fourier);
    return kernel_fourier_plan(&w->fourier, n, w->buffer[0], err);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* The transform of x[from .. from + h), zero past `length` and in the second half of the buffer. */
static double complex *transformed(const struct halving *w, int i, const double *x, size_t from, size_t h, size_t length)
{
    size_t count = from < length ? least(h, length - from) : 0;
    double *buffer = w->buffer[i];
    memcpy(buffer, x + (count > 0 ? from : 0), count * sizeof *x);
    memset(buffer + count, 0, (w->fourier.n - count) * sizeof *x);
    kernel_fourier_forward(&w->fourier, buffer);
    return (double complex *)buffer;
}

/* The two halves of the block that begins at lo against each other: i from the second, j from the first. */
static void cross(const struct halving *w, const double *a, const double *b, size_t lo, size_t h, size_t length, int antisymmetric, double *out)
{
    size_t n = w->fourier.n, base = 2 * lo + h;
    double complex *A = transformed(w, 0, a, lo + h, h, length), *B = transformed(w, 1, b, lo, h, length);
    for (size_t k = 0; k <= n / 2; k++) A[k] *= B[k];
    if (antisymmetric) {
        double complex *C = transformed(w, 2, b, lo + h, h, length), *D = transformed(w, 3, a, lo, h, length);
        for (size_t k = 0; k <= n / 2; k++) A[k] -= C[k] * D[k];
    }
    kernel_fourier_backward(&w->fourier, w->buffer[0]);
    for (size_t m = 0; m < least(n, length - base); m++) out[base + m] += w->buffer[0][m] / (double)n;
}

static void leaf(const double *a, const double *b, size_t lo, size_t length, int antisymmetric, double *out)
{
    size_t hi = least(lo + LEAF, length);
    for (size_t i = lo; i < hi; i++)
        for (size_t j = lo; j < least(i, length - i); j++) out[i + j] += a[i] * b[j] - (antisymmetric ? b[i] * a[j] : 0.0);
}

int kernel_half_convolution(const double *a, const double *b, size_t length, int antisymmetric, double *out, dmft_error *err)
{
    struct halving w = {.buffer = {NULL}};
    size_t half = LEAF;
    while (2 * half < length) half *= 2;
    int status = halving_make(&w, 2 * half, err);
    for (size_t h = half; h >= LEAF && status == DMFT_OK; h /= 2) {
        if (length <= LEAF) break;
        status = halving_level(&w, 2 * h, err);
        for (size_t lo = 0; 2 * lo + h < length && status == DMFT_OK; lo += 2 * h) cross(&w, a, b, lo, h, length, antisymmetric, out);
    }
    for (size_t lo = 0; 2 * lo < length && status == DMFT_OK; lo += LEAF) leaf(a, b, lo, length, antisymmetric, out);
    halving_free(&w);
    return status;
}

/* ---- Volterra ---- */

enum { MOST_LEVELS = 48 };

/* One level: blocks of h numbers, and the transform of the first 2 h of phi. */
struct volterra_level {
    struct kernel_fourier fourier;
    double *phi;
};

struct volterra {
    struct volterra_level level[MOST_LEVELS];
    double *buffer;
};

static void volterra_free(struct volterra *w)
{
    for (int i = 0; i < MOST_LEVELS; i++) {
        kernel_fourier_clear(&w->level[i].fourier);
        fftw_free(w->level[i].phi);
    }
    fftw_free(w->buffer);
}

static int volterra_make(struct volterra *w, const double *phi, size_t length, dmft_error *err)
{
    size_t h = LEAF;
    int status = DMFT_OK;
    for (int i = 0; h < length && status == DMFT_OK; i++, h *= 2) {
        struct volterra_level *level = &w->level[i];
        size_t known = least(2 * h, length);
        level->phi = kernel_fourier_buffer(2 * h);
        if (level->phi == NULL) return error_memory(err, 16.0 * (double)h);
        status = kernel_fourier_plan(&level->fourier, 2 * h, level->phi, err);
        if (status != DMFT_OK) return status;
        memcpy(level->phi, phi, known * sizeof *phi);
        memset(level->phi + known, 0, (2 * h - known) * sizeof *phi);
        kernel_fourier_forward(&level->fourier, level->phi);
    }
    w->buffer = kernel_fourier_buffer(h);
    return w->buffer != NULL ? status : error_memory(err, 8.0 * (double)h);
}

/* What y of [end - h, end) contributes to [end, end + h). */
static void volterra_cross(const struct volterra *w, int i, size_t h, size_t end, size_t length, double *y)
{
    const struct volterra_level *level = &w->level[i];
    double complex *Y = (double complex *)w->buffer, *phi = (double complex *)level->phi;
    memcpy(w->buffer, y + end - h, h * sizeof *y);
    memset(w->buffer + h, 0, h * sizeof *y);
    kernel_fourier_forward(&level->fourier, w->buffer);
    for (size_t k = 0; k <= h; k++) Y[k] *= phi[k];
    kernel_fourier_backward(&level->fourier, w->buffer);
    for (size_t m = 0; m < least(h, length - end); m++) y[end + m] += w->buffer[h - 1 + m] / (double)(2 * h);
}

int kernel_volterra(const double *phi, size_t length, double *y, dmft_error *err)
{
    struct volterra w = {.buffer = NULL};
    int status = volterra_make(&w, phi, length, err);
    for (size_t lo = 0; lo < length && status == DMFT_OK; lo += LEAF) {
        size_t end = least(lo + LEAF, length), h = LEAF;
        int i = 0;
        for (size_t t = lo; t < end; t++)
            for (size_t k = lo; k < t; k++) y[t] += phi[t - 1 - k] * y[k];
        if (end == length) break;
        for (; end / h % 2 == 0; i++) h *= 2; /* the block that ends here and is the first half of another */
        volterra_cross(&w, i, h, end, length, y);
    }
    volterra_free(&w);
    return status;
}
