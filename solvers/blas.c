/* What the BLAS does on this machine: rates, a test against plain loops, whether it knows the processor, and how it is told. */
#include "blas.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
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

/* ---- another core ---- */

static const char variable[] = "OPENBLAS_CORETYPE";
static const char guard[] = "DMFT_BLAS_CORE_CHOSEN"; /* set in the program that was executed again */

/* The program once more, with the core in its environment. */
static int execute_again(const char *core, char **argv)
{
    if (setenv(variable, core, 1) != 0 || setenv(guard, core, 1) != 0) return program_error(STATUS_FAILED, "--blas-core: %s", strerror(errno));
    (void)execv("/proc/self/exe", argv);
    (void)execvp(argv[0], argv); /* where there is no /proc */
    return program_error(STATUS_FAILED, "--blas-core: the program cannot be executed again: %s; run it with %s=%s", strerror(errno), variable, core);
}

int blas_choose_core(const char *wanted, char **argv)
{
    if (wanted == NULL) return STATUS_DONE;
    const char *running = openblas_get_corename(), *set = getenv(variable);
    int automatic = strcmp(wanted, "auto") == 0, again = getenv(guard) != NULL;
    const char *core = automatic ? blas_better_core(running) : wanted;
    (void)unsetenv(guard);
    if (core == NULL || (automatic && set != NULL) || strcasecmp(core, running) == 0) return STATUS_DONE;
    if (again) return program_error(STATUS_USAGE, "--blas-core: OpenBLAS does not take '%s'; it runs %s", core, running);
    if (set != NULL)
        return program_error(STATUS_USAGE, "--blas-core: %s=%s is set in the environment and stays; OpenBLAS runs %s", variable, set, running);
    return execute_again(core, argv);
}
