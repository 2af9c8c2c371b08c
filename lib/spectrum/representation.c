/* Distance matrices of representations over training, as a result has them: bands of their eigenvalues (RM9), coordinates by classical scaling (RM10),
 * turned from snapshot to snapshot so that pictures do not flip (RM11), and whether the change was gradual (RM6).
 *
 * Cost: an eigenproblem of order P with vectors a snapshot, 9 P^3, and relaxation.c; memory: two matrices of order P, and 2 P numbers a snapshot. */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/trajectory.h"

enum { NAME_BYTES = 64, DIMENSIONS = 2, MOST_EIGENVALUES = 64, SCRATCH = 34 };
static const double band_ratio = 1.5;  /* of the smallest |eigenvalue| of a band to the largest of the next (RM9) */
static const double band_errors = 4.0; /* standard errors of both by which they are apart, as in (S3) */
static const double moved_noise = 3.0; /* M has moved when the change is so many times its noise: its square is then noise to a ninth at most */

struct dmft_representation {
    size_t layer, snapshots, samples, eigenvalues, dimensions;
    double *step, *value, *error; /* snapshots; x eigenvalues twice */
    double *explained, *x;        /* snapshots; x samples x dimensions */
    size_t *separated, *bands, *band_count; /* snapshots; x eigenvalues; snapshots */
    dmft_relaxation relaxation;
};

/* ---- from the result ---- */

__attribute__((format(printf, 3, 4))) static const double *find(const dmft_trajectory *t, const double *(*ask)(const dmft_trajectory *, const char *),
                                                                 const char *format, ...)
{
    char name[NAME_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(name, sizeof name, format, arguments); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(arguments);
    return ask(t, name);
}

static size_t count_eigenvalues(const dmft_trajectory *t, size_t layer)
{
    size_t count = 0;
    while (count < MOST_EIGENVALUES && find(t, dmft_trajectory_series, "D%zu_eigenvalue%zu", layer, count + 1) != NULL) count++;
    return count;
}

static void take_eigenvalues(dmft_representation *r, const dmft_trajectory *t, size_t every)
{
    for (size_t j = 0; j < r->eigenvalues; j++) {
        const double *value = find(t, dmft_trajectory_series, "D%zu_eigenvalue%zu", r->layer, j + 1);
        const double *error = find(t, dmft_trajectory_errors, "D%zu_eigenvalue%zu", r->layer, j + 1);
        for (size_t i = 0; i < r->snapshots; i++) {
            r->value[i * r->eigenvalues + j] = value[i * every];
            r->error[i * r->eigenvalues + j] = error != NULL ? error[i * every] : 0.0;
        }
    }
}

/* ---- bands ---- */

/* Boundaries between bands (RM9), and how many eigenvalues stand before the widest of them; nan errors, of a single member, count as 0. */
static void find_bands(dmft_representation *r, size_t i)
{
    const double *value = r->value + i * r->eigenvalues, *error = r->error + i * r->eigenvalues;
    double widest = 0.0;
    for (size_t k = 1; k < r->eigenvalues && 2 * k <= r->samples; k++) {
        double above = fabs(value[k - 1]), below = fabs(value[k]), errors = error[k - 1] + error[k];
        double ratio = above / fmax(below, 1e-300); /* not by 0 */
        if (!(above >= band_ratio * below) || above - below <= band_errors * errors || !(above > 0.0)) continue;
        r->bands[i * r->eigenvalues + r->band_count[i]++] = k;
        if (ratio > widest) r->separated[i] = k;
        widest = fmax(widest, ratio);
    }
}

/* ---- classical scaling ---- */

struct scaling {
    double *B, *value, *scratch; /* P x P; P; SCRATCH P */
};

/* B = -J M J/2 (RM10). */
static void centre(const double *M, size_t P, double *B, double *row_mean)
{
    double all = 0.0;
    for (size_t mu = 0; mu < P; mu++) {
        row_mean[mu] = 0.0;
        for (size_t nu = 0; nu < P; nu++) row_mean[mu] += M[mu * P + nu] / (double)P;
        all += row_mean[mu] / (double)P;
    }
    for (size_t mu = 0; mu < P; mu++)
        for (size_t nu = 0; nu < P; nu++) B[mu * P + nu] = -0.5 * (M[mu * P + nu] - row_mean[mu] - row_mean[nu] + all);
}

/* The largest coordinate of each axis is positive. */
static void fix_signs(double *x, size_t P, size_t k)
{
    for (size_t a = 0; a < k; a++) {
        size_t largest = 0;
        for (size_t mu = 1; mu < P; mu++)
            if (fabs(x[mu * k + a]) > fabs(x[largest * k + a])) largest = mu;
        if (x[largest * k + a] < 0.0) cblas_dscal((int)P, -1.0, x + a, (int)k);
    }
}

/* Turns x onto `to` by the orthogonal matrix that brings them closest (RM11). */
static void turn(double *x, const double *to, size_t P, size_t k, double *room)
{
    enum { SQUARE = DIMENSIONS * DIMENSIONS };
    double A[SQUARE], U[SQUARE], VT[SQUARE], R[SQUARE], s[DIMENSIONS], scratch[16 * DIMENSIONS];
    int n = (int)k;
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasTrans, n, n, (int)P, 1.0, x, n, to, n, 0.0, A, n);
    if (LAPACKE_dgesvd_work(LAPACK_COL_MAJOR, 'A', 'A', n, n, A, n, s, U, n, VT, n, scratch, 16 * DIMENSIONS) != 0) return; /* as it is */
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0, U, n, VT, n, 0.0, R, n);
    memcpy(room, x, P * k * sizeof *x);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, n, (int)P, n, 1.0, R, n, room, n, 0.0, x, n);
}

/* Coordinates of snapshot i. */
static int scale(dmft_representation *r, size_t i, const double *M, struct scaling *s, dmft_error *err)
{
    size_t P = r->samples, k = r->dimensions;
    double *x = r->x + i * P * k, all = 0.0, shown = 0.0;
    centre(M, P, s->B, s->value);
    int info = LAPACKE_dsyev_work(LAPACK_COL_MAJOR, 'V', 'U', (int)P, s->B, (int)P, s->value, s->scratch, SCRATCH * (int)P);
    if (info != 0) return error_set(err, DMFT_ERROR_NUMERIC, "the centred matrix of order %zu has no eigenvalues (dsyev: %d)", P, info);
    for (size_t j = 0; j < P; j++) all += fmax(s->value[j], 0.0);
    for (size_t a = 0; a < k; a++) {
        double value = fmax(s->value[P - 1 - a], 0.0);
        shown += value;
        for (size_t mu = 0; mu < P; mu++) x[mu * k + a] = sqrt(value) * s->B[(P - 1 - a) * P + mu];
    }
    r->explained[i] = all > 0.0 ? shown / all : NAN;
    if (i == 0) fix_signs(x, P, k);
    else turn(x, x - P * k, P, k, s->scratch);
    return DMFT_OK;
}

static int scale_all(dmft_representation *r, const double *D, dmft_error *err)
{
    size_t P = r->samples;
    struct scaling s = {memory_doubles(P * P), memory_doubles(P), memory_doubles(SCRATCH * P)};
    int status = s.B && s.value && s.scratch ? DMFT_OK : error_memory(err, 8.0 * (double)P * ((double)P + SCRATCH));
    for (size_t i = 0; i < r->snapshots && status == DMFT_OK; i++) status = scale(r, i, D + i * P * P, &s, err);
    free(s.B);
    free(s.value);
    free(s.scratch);
    return status;
}

/* ---- the way ---- */

/* Did M leave its noise? Then the test, which needs three snapshots, and noise that was measured (or none: exact theory). */
static int relax(dmft_representation *r, const dmft_trajectory *t, size_t every, dmft_error *err)
{
    char name[NAME_BYTES];
    size_t size[3];
    const double *series = find(t, dmft_trajectory_series, "D%zu_progress", r->layer);
    r->relaxation = (dmft_relaxation){.verdict = DMFT_RELAXATION_STILL, .departure = NAN, .critical = NAN, .p_value = NAN, .from = NAN, .to = NAN,
                                      .quickening = NAN};
    (void)snprintf(name, sizeof name, "D%zu_moved", r->layer);
    double moved = dmft_trajectory_number(t, name);
    (void)snprintf(name, sizeof name, "D%zu_moved_noise", r->layer);
    double noise = dmft_trajectory_number(t, name);
    double members = fmax(dmft_trajectory_number(t, "seeds"), dmft_trajectory_number(t, "replicas"));
    if (r->snapshots > 1 && (!isgreater(moved, 0.0) || isless(moved, moved_noise * noise))) return DMFT_OK;
    if (r->snapshots < 3 || series == NULL || members == 1.0) {
        r->relaxation.verdict = DMFT_RELAXATION_UNTESTED;
        return DMFT_OK;
    }
    (void)snprintf(name, sizeof name, "D%zu_progress_covariance", r->layer);
    const double *covariance = dmft_trajectory_array(t, name, size);
    if (covariance != NULL && (size[0] != r->snapshots || size[1] != r->snapshots || size[2] != 1))
        return error_set(err, DMFT_ERROR_FORMAT, "%s is %zu x %zu x %zu, not of the %zu snapshots", name, size[0], size[1], size[2], r->snapshots);
    double *q = memory_doubles(r->snapshots);
    if (q == NULL) return error_memory(err, 8.0 * (double)r->snapshots);
    for (size_t i = 0; i < r->snapshots; i++) q[i] = series[i * every];
    int status = dmft_relaxation_test(r->step, q, covariance, r->snapshots, isgreaterequal(members, 1.0) ? members : 0.0, &r->relaxation, err);
    free(q);
    return status;
}

/* ---- all of it ---- */

static int make(dmft_representation *r, dmft_error *err)
{
    size_t n = r->snapshots, values = n * r->eigenvalues;
    r->step = memory_doubles(n);
    r->value = memory_doubles(values);
    r->error = memory_doubles(values);
    r->explained = memory_doubles(n);
    r->x = memory_doubles(n * r->samples * r->dimensions);
    r->separated = calloc(n, sizeof *r->separated);
    r->band_count = calloc(n, sizeof *r->band_count);
    r->bands = calloc(values, sizeof *r->bands);
    int made = r->step && r->value && r->error && r->explained && r->x && r->separated && r->band_count && r->bands;
    return made ? DMFT_OK : error_memory(err, 8.0 * (double)n * (double)(r->samples * r->dimensions + 3 * r->eigenvalues));
}

/* Does the result have this layer, and in the shape that it should have? */
static int check(const dmft_trajectory *t, size_t layer, const double *D, const size_t size[3], dmft_error *err)
{
    double every = dmft_trajectory_number(t, "representations_every");
    size_t rows = dmft_trajectory_rows(t);
    if (D == NULL && dmft_trajectory_array(t, "D1", NULL) == NULL)
        return error_set(err, DMFT_ERROR_ARGUMENT, "no representations are stored (output.representations: EVERY stores them)");
    if (D == NULL) return error_set(err, DMFT_ERROR_ARGUMENT, "there is no representation of layer %zu", layer);
    if (!(every >= 1.0 && every <= 1e7) || rows == 0 || size[0] != (rows - 1) / (size_t)every + 1 || size[1] != size[2] || size[1] == 0)
        return error_set(err, DMFT_ERROR_FORMAT, "D%zu is %zu x %zu x %zu: not the matrices of every %g-th of %zu steps", layer, size[0], size[1], size[2],
                         every, rows);
    return DMFT_OK;
}

static int fill(dmft_representation *r, const dmft_trajectory *t, const double *D, dmft_error *err)
{
    size_t every = (size_t)dmft_trajectory_number(t, "representations_every");
    const double *step = dmft_trajectory_series(t, "step");
    int status = make(r, err);
    if (status != DMFT_OK) return status;
    for (size_t i = 0; i < r->snapshots; i++) r->step[i] = step != NULL ? step[i * every] : (double)(i * every);
    take_eigenvalues(r, t, every);
    for (size_t i = 0; i < r->snapshots; i++) find_bands(r, i);
    status = scale_all(r, D, err);
    return status == DMFT_OK ? relax(r, t, every, err) : status;
}

int dmft_representation_create(dmft_representation **out, const dmft_trajectory *t, size_t layer, dmft_error *err)
{
    char name[NAME_BYTES];
    size_t size[3] = {0, 0, 0};
    (void)snprintf(name, sizeof name, "D%zu", layer);
    const double *D = dmft_trajectory_array(t, name, size);
    int status = check(t, layer, D, size, err);
    if (status != DMFT_OK) return status;
    dmft_representation *r = calloc(1, sizeof *r);
    if (r == NULL) return error_memory(err, sizeof *r);
    r->layer = layer;
    r->snapshots = size[0];
    r->samples = size[1];
    r->dimensions = r->samples < DIMENSIONS ? r->samples : DIMENSIONS;
    r->eigenvalues = count_eigenvalues(t, layer);
    status = fill(r, t, D, err);
    if (status == DMFT_OK) *out = r;
    else dmft_representation_free(r);
    return status;
}

int dmft_representation_align(dmft_representation *r, const dmft_representation *to, dmft_error *err)
{
    size_t P = r->samples, k = r->dimensions, j = 0;
    if (P != to->samples) return error_set(err, DMFT_ERROR_ARGUMENT, "representations of %zu and of %zu samples", P, to->samples);
    double *room = memory_doubles(P * k);
    if (room == NULL) return error_memory(err, 8.0 * (double)(P * k));
    for (size_t i = 0; i < r->snapshots; i++) {
        while (j + 1 < to->snapshots && to->step[j] < r->step[i]) j++;
        if (to->snapshots > 0) turn(r->x + i * P * k, to->x + j * P * k, P, k, room);
    }
    free(room);
    return DMFT_OK;
}

void dmft_representation_free(dmft_representation *r)
{
    if (r == NULL) return;
    free(r->step);
    free(r->value);
    free(r->error);
    free(r->explained);
    free(r->x);
    free(r->separated);
    free(r->band_count);
    free(r->bands);
    free(r);
}

/* ---- queries ---- */

size_t dmft_representation_snapshots(const dmft_representation *r) { return r->snapshots; }
size_t dmft_representation_samples(const dmft_representation *r) { return r->samples; }
size_t dmft_representation_dimensions(const dmft_representation *r) { return r->dimensions; }
size_t dmft_representation_eigenvalues(const dmft_representation *r) { return r->eigenvalues; }
double dmft_representation_step(const dmft_representation *r, size_t i) { return i < r->snapshots ? r->step[i] : NAN; }

double dmft_representation_eigenvalue(const dmft_representation *r, size_t i, size_t j)
{
    return i < r->snapshots && j < r->eigenvalues ? r->value[i * r->eigenvalues + j] : NAN;
}

double dmft_representation_error(const dmft_representation *r, size_t i, size_t j)
{
    return i < r->snapshots && j < r->eigenvalues ? r->error[i * r->eigenvalues + j] : NAN;
}

size_t dmft_representation_separated(const dmft_representation *r, size_t i) { return i < r->snapshots ? r->separated[i] : 0; }

const size_t *dmft_representation_bands(const dmft_representation *r, size_t i, size_t *count)
{
    *count = i < r->snapshots ? r->band_count[i] : 0;
    return i < r->snapshots ? r->bands + i * r->eigenvalues : NULL;
}

double dmft_representation_explained(const dmft_representation *r, size_t i) { return i < r->snapshots ? r->explained[i] : NAN; }

const double *dmft_representation_coordinates(const dmft_representation *r, size_t i)
{
    return i < r->snapshots ? r->x + i * r->samples * r->dimensions : NULL;
}

const dmft_relaxation *dmft_representation_relaxation(const dmft_representation *r) { return &r->relaxation; }
