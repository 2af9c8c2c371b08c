/* What the BLAS does on this machine: rates, a test against plain loops, and whether it knows the processor. */
#include "blas.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

enum { REPEATS = 3 };

/* Numbers in [-1, 1) without any pattern that matters. */
static void fill(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = fmod(0.618033988749895 * (double)(i + 1), 1.0) * 2 - 1;
}

static void gemm(size_t n, const double *a, const double *b, double *c)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)n, (int)n, 1.0, a, (int)n, b, (int)n, 0.0, c, (int)n);
}

static void gemv(size_t n, const double *a, const double *b, double *c)
{
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)n, 1.0, a, (int)n, b, 1, 0.0, c, 1);
}

static double rate(size_t n, size_t width, void (*product)(size_t, const double *, const double *, double *))
{
    double *a = malloc(n * n * sizeof *a), *b = malloc(n * width * sizeof *b), *c = calloc(n * width, sizeof *c), best = INFINITY;
    if (a != NULL && b != NULL && c != NULL) {
        fill(a, n * n);
        fill(b, n * width);
        for (int i = 0; i < REPEATS; i++) {
            double begin = clock_now();
            product(n, a, b, c);
            best = fmin(best, clock_now() - begin);
        }
    }
    free(a);
    free(b);
    free(c);
    return 2.0 * (double)n * (double)n * (double)width / fmax(best, 1e-9);
}

double blas_gemm_rate(size_t n) { return rate(n, n, gemm); }
double blas_gemv_rate(size_t n) { return rate(n, 1, gemv); }

double blas_self_test(void)
{
    enum { N = 53 }; /* no multiple of any block */
    static double a[N * N], b[N * N], c[N * N], v[N];
    double worst = 0, largest = 0;
    fill(a, N * N);
    for (size_t i = 0; i < N * N; i++) b[i] = a[N * N - 1 - i];
    gemm(N, a, b, c);
    gemv(N, a, b, v);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j <= N; j++) { /* j = N: the product with the vector in the first N numbers of b */
            double sum = 0;
            for (size_t k = 0; k < N; k++) sum += a[i * N + k] * (j < N ? b[k * N + j] : b[k]);
            worst = fmax(worst, fabs(sum - (j < N ? c[i * N + j] : v[i])));
            largest = fmax(largest, fabs(sum));
        }
    return worst / largest;
}

const char *blas_better_core(const char *core)
{
    /* Cores of OpenBLAS without AVX2; it falls back to them when it does not know the processor. */
    static const char *const slow[] = {"Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Atom", "Katmai", "Northwood", "Banias",
                                       "Coppermine", "Athlon", "Opteron", "Barcelona", "Bobcat", "generic", "Generic", "Unknown", "Sandybridge"};
    int is_slow = 0;
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++)
        if (strncmp(core, slow[i], strlen(slow[i])) == 0) is_slow = 1;
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (is_slow && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (is_slow && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#else
    (void)is_slow;
#endif
    return NULL;
}
