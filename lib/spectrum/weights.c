/* Spectra of any weights: section 35 of doc/theory.md. A copy of the matrix is made without the rows and columns that are 0 throughout, which have nothing to
 * do with a bulk, and scaled by a power of two, so that no square overflows; then come singular values, fit, kurtosis of what is left without the outliers,
 * and the fit once more with it. Costs: those of triplets.c and distance.c.
 */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dmft.h"
#include "spectrum/distance.h"
#include "spectrum/fit.h"
#include "spectrum/marchenko_pastur.h"
#include "spectrum/triplets.h"

static const double DEFAULT_LEVEL = 0.01;

enum {
    WHOLE = 64,     /* up to this order all singular values are taken whatever `top` says: that is as fast, and knows more */
    SUBTRACTED = 32 /* outliers at most that are taken off before the kurtosis: those behind hardly stand above the entries' own scale */
};

struct dmft_spectrum {
    size_t given_M, given_N, M, N;
    size_t *row, *column; /* places of the M rows and N columns that are kept */
    double scale;         /* the copy is the matrix divided by this */
    double *A, *z;
    size_t kept;          /* pairs of vectors */
    double *left, *right; /* of the copy while it is worked on, then of the matrix as it was given */
    dmft_spectrum_outlier *outlier;
    dmft_spectrum_summary summary;
    double variance; /* of the copy */
};

/* ---- the copy ---- */

static int check_options(const dmft_spectrum_options *o, size_t M, size_t N, dmft_error *err)
{
    if (M == 0 || N == 0) return error_set(err, DMFT_ERROR_ARGUMENT, "a matrix has at least one row and one column, got %zu x %zu", M, N);
    if (M > INT_MAX || N > INT_MAX) return error_set(err, DMFT_ERROR_ARGUMENT, "a matrix has at most %d rows and columns, got %zu x %zu", INT_MAX, M, N);
    if (!isgreaterequal(o->variance, 0) || !isfinite(o->variance))
        return error_set(err, DMFT_ERROR_ARGUMENT, "the variance must be in [0, inf), got %g", o->variance);
    if (!isgreaterequal(o->level, 1e-12) || o->level > 0.5) return error_set(err, DMFT_ERROR_ARGUMENT, "the level must be in [1e-12, 0.5], got %g", o->level);
    return DMFT_OK;
}

/* The largest entry, and which rows and columns have one that is not 0. */
static int survey(dmft_spectrum *s, const double *matrix, dmft_error *err)
{
    double largest = 0;
    for (size_t i = 0; i < s->given_M; i++)
        for (size_t j = 0; j < s->given_N; j++) {
            double a = fabs(matrix[i * s->given_N + j]);
            if (!isfinite(a))
                return error_set(err, DMFT_ERROR_ARGUMENT, "the entry at row %zu, column %zu (from 0) is %s", i, j, isnan(a) ? "nan" : "infinite");
            if (a > 0) s->row[i] = s->column[j] = 1;
            largest = fmax(largest, a);
        }
    int exponent = 0;
    (void)frexp(largest, &exponent);
    s->scale = largest > 0 ? ldexp(1, exponent > DBL_MAX_EXP - 1 ? DBL_MAX_EXP - 1 : exponent < DBL_MIN_EXP ? DBL_MIN_EXP : exponent) : 1;
    return DMFT_OK;
}

/* Marks become places; a matrix of zeros stays as it is. */
static size_t places_of(size_t *mark, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (mark[i] != 0) mark[count++] = i;
    for (size_t i = 0; count == 0 && i < n; i++) mark[i] = i;
    return count > 0 ? count : n;
}

static int copy_matrix(dmft_spectrum *s, const double *matrix, dmft_error *err)
{
    s->row = calloc(s->given_M, sizeof *s->row);
    s->column = calloc(s->given_N, sizeof *s->column);
    if (s->row == NULL || s->column == NULL) return error_memory(err, 8.0 * (double)(s->given_M + s->given_N));
    int status = survey(s, matrix, err);
    if (status != DMFT_OK) return status;
    s->M = places_of(s->row, s->given_M);
    s->N = places_of(s->column, s->given_N);
    s->A = s->M <= (size_t)-1 / 16 / s->N ? memory_doubles_large(s->M * s->N) : NULL;
    if (s->A == NULL) return error_memory(err, 8.0 * (double)s->M * (double)s->N);
    for (size_t i = 0; i < s->M; i++)
        for (size_t j = 0; j < s->N; j++) s->A[i * s->N + j] = matrix[s->row[i] * s->given_N + s->column[j]] / s->scale;
    return DMFT_OK;
}

/* ---- singular values and vectors of the copy ---- */

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Room for `want` pairs, in place of those there were. */
static int make_room(dmft_spectrum *s, size_t want, dmft_error *err)
{
    free(s->left);
    free(s->right);
    s->kept = want;
    s->left = memory_doubles(want * s->M);
    s->right = memory_doubles(want * s->N);
    return s->left != NULL && s->right != NULL ? DMFT_OK : error_memory(err, 8.0 * (double)want * (double)(s->M + s->N));
}

static int find_vectors(dmft_spectrum *s, size_t want, double *z, dmft_error *err)
{
    int status = make_room(s, want, err);
    if (status != DMFT_OK || want == 0) return status;
    return spectrum_triplets_find(s->A, s->M, s->N, want, z, s->left, s->right, err);
}

/* Below rounding errors of the largest a singular value is 0. */
static void cut_rounding(const dmft_spectrum *s)
{
    double least = DBL_EPSILON * (double)(s->M > s->N ? s->M : s->N) * s->z[0];
    for (size_t i = 0; i < s->summary.count; i++)
        if (!(s->z[i] > least)) s->z[i] = 0;
}

static int find_values(dmft_spectrum *s, const dmft_spectrum_options *o, dmft_error *err)
{
    size_t n = smaller(s->M, s->N);
    int all = o->top == 0 || o->top >= n || n <= WHOLE;
    s->summary.count = all ? n : o->top;
    s->z = memory_doubles(s->summary.count);
    if (s->z == NULL) return error_memory(err, 8.0 * (double)n);
    int status = all ? spectrum_values_all(s->A, s->M, s->N, s->z, err) : find_vectors(s, o->top, s->z, err);
    if (status == DMFT_OK) cut_rounding(s);
    return status;
}

/* ---- moments of the entries ---- */

/* Sums of squares and fourth powers of the entries without the first k pairs. */
static void moments_without(const dmft_spectrum *s, size_t k, double *second, double *fourth, double *row)
{
    *second = *fourth = 0;
    for (size_t i = 0; i < s->M; i++) {
        memcpy(row, s->A + i * s->N, s->N * sizeof *row);
        for (size_t j = 0; j < k; j++) {
            double part = s->z[j] * s->left[j * s->M + i];
            for (size_t l = 0; l < s->N; l++) row[l] -= part * s->right[j * s->N + l];
        }
        double two = 0, four = 0;
        for (size_t l = 0; l < s->N; l++) {
            double square = row[l] * row[l];
            two += square;
            four += square * square;
        }
        *second += two;
        *fourth += four;
    }
}

/* Enters the kurtosis without the first k pairs and, for k = 0, the norm. */
static int find_kurtosis(const dmft_spectrum *s, size_t k, struct spectrum_sample *sample, dmft_error *err)
{
    double second, fourth, entries = (double)s->M * (double)s->N, *row = memory_doubles(s->N);
    if (row == NULL) return error_memory(err, 8.0 * (double)s->N);
    moments_without(s, k, &second, &fourth, row);
    free(row);
    if (k == 0) sample->norm2 = second;
    sample->kurtosis = second > 0 ? entries * fourth / (second * second) - 3 : 0;
    return DMFT_OK;
}

/* ---- bulk and outliers ---- */

/* Fit with the kurtosis of all entries, then with that of the entries without the outliers. */
static int fit_twice(dmft_spectrum *s, struct spectrum_sample *sample, double level, struct spectrum_fit *fit, dmft_error *err)
{
    int status = find_kurtosis(s, 0, sample, err);
    if (status == DMFT_OK) status = spectrum_fit_find(sample, level, fit, err);
    if (status != DMFT_OK || fit->outliers == 0 || !(fit->variance > 0)) return status;
    size_t known = smaller(fit->outliers, SUBTRACTED);
    if (s->kept < known) {
        double *z = memory_doubles(known);
        status = z != NULL ? find_vectors(s, known, z, err) : error_memory(err, 8.0 * (double)known);
        free(z);
    }
    if (status == DMFT_OK) status = find_kurtosis(s, known, sample, err);
    return status == DMFT_OK ? spectrum_fit_find(sample, level, fit, err) : status;
}

static double largest_square(const double *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, x[i] * x[i]);
    return most;
}

static int find_outliers(dmft_spectrum *s, const struct spectrum_sample *sample, dmft_error *err)
{
    double M = (double)s->M, N = (double)s->N, v = s->variance;
    s->outlier = calloc(s->summary.outliers + 1, sizeof *s->outlier);
    if (s->outlier == NULL) return error_memory(err, (double)(s->summary.outliers * sizeof *s->outlier));
    for (size_t i = 0; i < s->summary.outliers; i++) {
        dmft_spectrum_outlier *o = &s->outlier[i];
        *o = (dmft_spectrum_outlier){.z = s->z[i] * s->scale, .strength = s->z[i] * s->scale, .left = 1, .right = 1, .row = NAN, .column = NAN};
        int status = spectrum_fit_level(sample, v, i, s->z[i], &o->level, err);
        if (status != DMFT_OK) return status;
        if (!(v > 0)) continue;
        double c = spectrum_fit_spike(sample, v, s->z[i]);
        o->strength = sqrt(c * sqrt(M * N) * v) * s->scale;
        o->left = (c - 1) * (c + 1) / (c * (c + sqrt(M / N)));
        o->right = (c - 1) * (c + 1) / (c * (c + sqrt(N / M)));
        if (i >= s->kept) continue;
        o->row = largest_square(s->left + i * s->M, s->M);
        o->column = largest_square(s->right + i * s->N, s->N);
    }
    return DMFT_OK;
}

static int judge(dmft_spectrum *s, const struct spectrum_sample *sample, const struct spectrum_fit *fit, const dmft_spectrum_options *o, dmft_error *err)
{
    dmft_spectrum_summary *m = &s->summary;
    struct spectrum_distance d = {NAN, NAN, NAN};
    double root_M = sqrt((double)s->M), root_N = sqrt((double)s->N), threshold = NAN, v = fit->variance;
    int status = find_outliers(s, sample, err);
    if (fit->tested) threshold = spectrum_fit_threshold(sample, v, smaller(m->outliers, smaller(s->M, s->N) - 1), fit->quantile);
    if (status == DMFT_OK && !o->quick && m->count == smaller(s->M, s->N)) status = spectrum_distance_find(sample, m->outliers, v, &d, err);
    m->rows = s->M;
    m->columns = s->N;
    m->variance = v * s->scale * s->scale;
    m->variance_se = spectrum_fit_error(sample, v) * s->scale * s->scale;
    m->kurtosis = v > 0 ? sample->kurtosis : NAN;
    m->edges[0] = sqrt(v) * s->scale * fabs(root_M - root_N);
    m->edges[1] = sqrt(v) * s->scale * (root_M + root_N);
    m->threshold = threshold * s->scale;
    m->distance = d.distance;
    m->distance_null = d.null;
    m->distance_level = d.level;
    return status;
}

static int analyse(dmft_spectrum *s, const dmft_spectrum_options *o, dmft_error *err)
{
    struct spectrum_sample sample = {.M = s->M, .N = s->N, .variance = o->variance / s->scale / s->scale};
    struct spectrum_fit fit;
    int status = find_values(s, o, err);
    sample.count = s->summary.count;
    sample.z = s->z;
    if (status == DMFT_OK) status = fit_twice(s, &sample, o->level, &fit, err);
    if (status != DMFT_OK) return status;
    s->summary.outliers = fit.outliers;
    s->variance = fit.variance;
    return judge(s, &sample, &fit, o, err);
}

/* ---- life ---- */

/* Rows of n numbers at their places among `given`, the others 0. */
static double *spread(const double *vectors, size_t count, size_t n, const size_t *place, size_t given)
{
    double *out = memory_doubles(count * given);
    for (size_t j = 0; out != NULL && j < count; j++)
        for (size_t i = 0; i < n; i++) out[j * given + place[i]] = vectors[j * n + i];
    return out;
}

/* Brings the first `want` pairs to the matrix's own rows and columns, and all values to its scale. */
static int finish(dmft_spectrum *s, size_t want, dmft_error *err)
{
    size_t count = smaller(want, s->summary.count);
    double *z = memory_doubles(count);
    int status = z == NULL ? error_memory(err, 8.0 * (double)count) : s->kept < count ? find_vectors(s, count, z, err) : DMFT_OK;
    free(z);
    if (status != DMFT_OK) return status;
    double *left = spread(s->left, count, s->M, s->row, s->given_M), *right = spread(s->right, count, s->N, s->column, s->given_N);
    free(s->left);
    free(s->right);
    s->left = left;
    s->right = right;
    s->kept = count;
    if (left == NULL || right == NULL) return error_memory(err, 8.0 * (double)count * (double)(s->given_M + s->given_N));
    for (size_t i = 0; i < s->summary.count; i++) s->z[i] *= s->scale;
    free(s->A);
    s->A = NULL;
    return DMFT_OK;
}

int dmft_spectrum_create(dmft_spectrum **out, const double *matrix, size_t rows, size_t columns, const dmft_spectrum_options *options, dmft_error *err)
{
    dmft_spectrum_options o = options != NULL ? *options : (dmft_spectrum_options){0};
    if (o.level == 0) o.level = DEFAULT_LEVEL;
    int status = check_options(&o, rows, columns, err);
    if (status != DMFT_OK) return status;
    dmft_spectrum *s = calloc(1, sizeof *s);
    if (s == NULL) return error_memory(err, sizeof *s);
    s->given_M = rows;
    s->given_N = columns;
    status = copy_matrix(s, matrix, err);
    if (status == DMFT_OK) status = analyse(s, &o, err);
    if (status == DMFT_OK) status = finish(s, o.vectors, err);
    if (status != DMFT_OK) {
        dmft_spectrum_free(s);
        return status;
    }
    *out = s;
    return DMFT_OK;
}

void dmft_spectrum_free(dmft_spectrum *s)
{
    if (s == NULL) return;
    free(s->row);
    free(s->column);
    free(s->A);
    free(s->z);
    free(s->left);
    free(s->right);
    free(s->outlier);
    free(s);
}

/* ---- queries ---- */

dmft_spectrum_summary dmft_spectrum_summarize(const dmft_spectrum *s) { return s->summary; }

const double *dmft_spectrum_values(const dmft_spectrum *s) { return s->z; }

dmft_spectrum_outlier dmft_spectrum_outlier_at(const dmft_spectrum *s, size_t index)
{
    return index < s->summary.outliers ? s->outlier[index] : (dmft_spectrum_outlier){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
}

double dmft_spectrum_density(const dmft_spectrum *s, double z)
{
    return s->variance > 0 ? spectrum_mp_density(z / s->scale, s->variance, (double)s->M, (double)s->N) / s->scale : 0;
}

size_t dmft_spectrum_vectors(const dmft_spectrum *s) { return s->kept; }

const double *dmft_spectrum_left(const dmft_spectrum *s, size_t index) { return index < s->kept ? s->left + index * s->given_M : NULL; }

const double *dmft_spectrum_right(const dmft_spectrum *s, size_t index) { return index < s->kept ? s->right + index * s->given_N : NULL; }

static double squared_product(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum * sum;
}

int dmft_spectrum_overlap(const dmft_spectrum *a, const dmft_spectrum *b, size_t k, double *left, double *right, dmft_error *err)
{
    if (a->given_M != b->given_M || a->given_N != b->given_N)
        return error_set(err, DMFT_ERROR_ARGUMENT, "overlaps are between matrices of one shape, got %zu x %zu and %zu x %zu", a->given_M, a->given_N,
                         b->given_M, b->given_N);
    if (k > a->kept || k > b->kept)
        return error_set(err, DMFT_ERROR_ARGUMENT, "overlaps of %zu vectors were asked for, %zu and %zu were kept", k, a->kept, b->kept);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            left[i * k + j] = squared_product(a->left + i * a->given_M, b->left + j * b->given_M, a->given_M);
            right[i * k + j] = squared_product(a->right + i * a->given_N, b->right + j * b->given_N, a->given_N);
        }
    return DMFT_OK;
}
