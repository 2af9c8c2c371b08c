/* Does a change slow down all the way, or was there a time from which on it went faster? (RM6)-(RM8) of doc/theory.md.
 *
 * The largest gap K between the progress q(t) and its least concave majorant, 0 for every relaxation that only slows down, against what noise of the
 * measured covariance gives by itself: K(q + noise) <= K(noise) draw by draw where q is concave, so that the quantile of K(noise) is a bound for all
 * of them. The covariance is an estimate from n members, whose size is known to the degrees of freedom of (RM8): draws are divided by a chi.
 *
 * Cost: an eigenproblem of order R and DRAWS products with a matrix of that order; memory: three such matrices. */
#include <cblas.h>
#include <gsl/gsl_sort.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"

/* DRAWS: a p-value of 0.05 is known to a tenth of itself. PURPOSE: of the random stream, away from those of ensembles. */
enum { DRAWS = 1999, PURPOSE = 0x40000, SCRATCH = 34, MOST_FREEDOM = 1000 }; /* MOST_FREEDOM: chi^2/f is then 1 to 4 % */
static const double level = 0.05;    /* of the test */
static const double sharp = 0.25;    /* K of a speed that grows in proportion to time up to the end (RM7) */
static const double rounding = 1e-9; /* K of an exact relaxation is rounding of M; its entries have some 1e-13 */

const char *dmft_relaxation_text(int verdict)
{
#define DMFT_RELAXATION_CASE(name, text) \
    if (verdict == name) return text;
    DMFT_RELAXATION_TABLE(DMFT_RELAXATION_CASE)
#undef DMFT_RELAXATION_CASE
    return "unknown";
}

/* The largest gap below the least concave majorant, where it is and the corners of the majorant around it; `corner` has room for n. */
struct gap {
    double size;
    size_t before, at, after;
};

static double slope(const double *t, const double *q, size_t a, size_t b) { return (q[b] - q[a]) / (t[b] - t[a]); }

static struct gap largest_gap(const double *t, const double *q, size_t n, size_t *corner)
{
    size_t corners = 0;
    struct gap found = {.size = 0.0};
    for (size_t i = 0; i < n; corner[corners++] = i++)
        while (corners > 1 && slope(t, q, corner[corners - 2], corner[corners - 1]) <= slope(t, q, corner[corners - 1], i)) corners--;
    for (size_t c = 1; c < corners; c++) {
        size_t a = corner[c - 1], b = corner[c];
        for (size_t i = a + 1; i < b; i++) {
            double size = q[a] + slope(t, q, a, b) * (t[i] - t[a]) - q[i];
            if (size > found.size) found = (struct gap){size, a, i, b};
        }
    }
    return found;
}

/* ---- noise ---- */

/* What draws are made with: covariance = root^T root. */
struct noise {
    size_t n;
    long freedom; /* 0: the covariance is known */
    double *root, *normal, *draw, *largest; /* n x n; n; n; DRAWS */
    size_t *corner;
};

static void release(struct noise *z)
{
    free(z->root);
    free(z->normal);
    free(z->draw);
    free(z->largest);
    free(z->corner);
}

/* Takes the straight line through the origin out of the rows and columns of a covariance: it makes no gap, whatever its size. */
static void straighten(double *covariance, const double *time, size_t n, double *line, double *product)
{
    for (size_t i = 0; i < n; i++) line[i] = time[i] - time[0];
    cblas_dscal((int)n, 1.0 / cblas_dnrm2((int)n, line, 1), line, 1);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)n, 1.0, covariance, (int)n, line, 1, 0.0, product, 1);
    cblas_daxpy((int)n, -0.5 * cblas_ddot((int)n, line, 1, product, 1), line, 1, product, 1);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) covariance[i * n + j] -= line[i] * product[j] + product[i] * line[j];
}

/* (n - 1) (tr S)^2/tr S^2 (RM8), from eigenvalues. */
static long freedom_of(const double *value, size_t n, double members)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += fmax(value[i], 0.0);
        squares += fmax(value[i], 0.0) * fmax(value[i], 0.0);
    }
    double freedom = squares > 0.0 ? (members - 1.0) * sum * sum / squares : 0.0;
    return members < 2.0 ? 0 : freedom < MOST_FREEDOM ? (long)freedom : MOST_FREEDOM;
}

static int make(struct noise *z, const double *time, const double *covariance, size_t n, double members, dmft_error *err)
{
    *z = (struct noise){.n = n, .root = memory_doubles(n * n), .normal = memory_doubles(n), .draw = memory_doubles(SCRATCH * n),
                        .largest = memory_doubles(DRAWS), .corner = calloc(n, sizeof *z->corner)};
    if (!z->root || !z->normal || !z->draw || !z->largest || !z->corner) return error_memory(err, 8.0 * ((double)n * ((double)n + SCRATCH) + DRAWS));
    if (covariance == NULL) return DMFT_OK;
    memcpy(z->root, covariance, n * n * sizeof *z->root);
    straighten(z->root, time, n, z->normal, z->draw);
    int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'U', (int)n, z->root, (int)n, z->normal, z->draw, SCRATCH * (int)n);
    if (info != 0) return error_set(err, DMFT_ERROR_NUMERIC, "the covariance of the progress has no eigenvalues (dsyev: %d)", info);
    z->freedom = freedom_of(z->normal, n, members);
    for (size_t i = 0; i < n; i++) cblas_dscal((int)n, sqrt(fmax(z->normal[i], 0.0)), z->root + i * n, 1);
    return DMFT_OK;
}

/* One over the square root of chi^2_f/f. */
static double scale_of(struct random_stream *stream, long freedom)
{
    double sum = 0.0, x;
    if (freedom < 1) return 1.0;
    for (long i = 0; i < freedom; i++) {
        random_gaussians(stream, 1.0, 1, &x);
        sum += x * x;
    }
    return sqrt((double)freedom / sum);
}

/* K of noise alone, in rising order. */
static void draw_largest(struct noise *z, const double *time)
{
    struct random_stream stream = random_start(0, 0, PURPOSE);
    for (size_t i = 0; i < DRAWS; i++) {
        random_gaussians(&stream, 1.0, z->n, z->normal);
        double scale = scale_of(&stream, z->freedom);
        cblas_dgemv(CblasRowMajor, CblasTrans, (int)z->n, (int)z->n, scale, z->root, (int)z->n, z->normal, 1, 0.0, z->draw, 1);
        z->largest[i] = largest_gap(time, z->draw, z->n, z->corner).size;
    }
    gsl_sort(z->largest, 1, DRAWS);
}

/* ---- the test ---- */

static int check(const double *time, const double *progress, const double *covariance, size_t n, double members, dmft_error *err)
{
    if (n < 3) return error_set(err, DMFT_ERROR_ARGUMENT, "a relaxation needs three times or more, got %zu", n);
    if (!isgreaterequal(members, 0.0) || members > 1e6) return error_set(err, DMFT_ERROR_ARGUMENT, "members must be in [0, 1e6], got %g", members);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(time[i]) || (i > 0 && !(time[i] > time[i - 1]))) return error_set(err, DMFT_ERROR_ARGUMENT, "time %zu does not rise: %g", i, time[i]);
        if (!isfinite(progress[i])) return error_set(err, DMFT_ERROR_ARGUMENT, "progress %zu is %g", i, progress[i]);
    }
    for (size_t i = 0; covariance != NULL && i < n * n; i++)
        if (!isfinite(covariance[i]) || (i % (n + 1) == 0 && covariance[i] < 0.0))
            return error_set(err, DMFT_ERROR_ARGUMENT, "covariance (%zu, %zu) is %g", i / n, i % n, covariance[i]);
    return DMFT_OK;
}

static void judge(struct noise *z, const double *time, const double *progress, int noisy, dmft_relaxation *out)
{
    struct gap gap = largest_gap(time, progress, z->n, z->corner);
    if (noisy) draw_largest(z, time);
    size_t less = 0, place = (size_t)ceil((1.0 - level) * (DRAWS + 1)) - 1;
    while (less < DRAWS && z->largest[less] < gap.size) less++;
    out->departure = gap.size;
    out->critical = fmax(z->largest[place], rounding);
    out->p_value = noisy ? (double)(1 + DRAWS - less) / (DRAWS + 1) : gap.size > rounding ? 0.0 : 1.0;
    out->verdict = !(gap.size > out->critical) ? DMFT_RELAXATION_GRADUAL : gap.size < sharp ? DMFT_RELAXATION_ONSET : DMFT_RELAXATION_SHARP;
    if (out->verdict == DMFT_RELAXATION_GRADUAL) return;
    out->from = time[gap.at];
    out->to = time[gap.after];
    double before = fmax(slope(time, progress, gap.before, gap.at), 0.0), after = slope(time, progress, gap.at, gap.after);
    out->quickening = before > 0.0 ? after / before : copysign(INFINITY, after);
}

int dmft_relaxation_test(const double *time, const double *progress, const double *covariance, size_t count, double members, dmft_relaxation *out,
                         dmft_error *err)
{
    struct noise z = {0};
    int status = check(time, progress, covariance, count, members, err);
    if (status != DMFT_OK) return status;
    dmft_relaxation found = {.from = NAN, .to = NAN, .quickening = NAN};
    status = make(&z, time, covariance, count, members, err);
    if (status == DMFT_OK) judge(&z, time, progress, covariance != NULL, &found);
    if (status == DMFT_OK) *out = found;
    release(&z);
    return status;
}
