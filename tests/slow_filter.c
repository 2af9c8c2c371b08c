/* Low-degree filtering by plain loops. */
#include "slow_filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef double square[SLOW_MOST][SLOW_MOST];

static void rotate(size_t n, square A, square V, size_t p, size_t q)
{
    if (A[p][q] == 0.0) return;
    double theta = 0.5 * atan2(2.0 * A[p][q], A[q][q] - A[p][p]), c = cos(theta), s = sin(theta);
    for (size_t i = 0; i < n; i++) {
        double x = A[i][p], y = A[i][q];
        A[i][p] = c * x - s * y;
        A[i][q] = s * x + c * y;
    }
    for (size_t i = 0; i < n; i++) {
        double x = A[p][i], y = A[q][i], v = V[i][p], w = V[i][q];
        A[p][i] = c * x - s * y;
        A[q][i] = s * x + c * y;
        V[i][p] = c * v - s * w;
        V[i][q] = s * v + c * w;
    }
}

void slow_jacobi(size_t n, square A, double *value, square V)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) V[i][j] = i == j;
    for (int sweep = 0; sweep < 30; sweep++)
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) rotate(n, A, V, p, q);
    for (size_t i = 0; i < n; i++) value[i] = A[i][i];
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            if (value[i] <= value[j]) continue;
            double x = value[i];
            value[i] = value[j];
            value[j] = x;
            for (size_t k = 0; k < n; k++) {
                x = V[k][i];
                V[k][i] = V[k][j];
                V[k][j] = x;
            }
        }
}

static double product(const struct slow_filter *f, size_t i, size_t j)
{
    double sum = 0.0;
    for (size_t k = 0; k < f->m; k++) sum += f->h[i][k] * f->h[j][k];
    return sum;
}

void slow_kernel(struct slow_filter *f)
{
    double c2 = 0.0, pi = acos(-1.0);
    for (size_t i = 0; i < f->n; i++) c2 += product(f, i, i) / (double)f->n;
    for (size_t i = 0; i < f->n + f->Q; i++)
        for (size_t j = 0; j < f->n; j++) {
            double a = product(f, i, i) / c2, b = product(f, j, j) / c2, rho = product(f, i, j) / c2 / sqrt(a * b);
            double angle = acos(fmin(1.0, fmax(-1.0, rho)));
            f->K[i][j] = sqrt(a * b) / (2.0 * pi) * (sin(angle) + (pi - angle) * cos(angle));
        }
}

/* K^{1/2} of the samples. */
static void root_of(const struct slow_filter *f, square root)
{
    static square A, V;
    double value[SLOW_MOST];
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < f->n; j++) A[i][j] = f->K[i][j];
    slow_jacobi(f->n, A, value, V);
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < f->n; j++) {
            root[i][j] = 0.0;
            for (size_t k = 0; k < f->n; k++) root[i][j] += V[i][k] * sqrt(fmax(value[k], 0.0)) * V[j][k];
        }
}

static void decompose(struct slow_filter *f, const double *y, square root, square U)
{
    static square M;
    root_of(f, root);
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < f->n; j++) {
            M[i][j] = 0.0;
            for (size_t k = 0; k < f->n; k++) M[i][j] += root[i][k] * y[k] * root[k][j] / (double)f->n;
        }
    f->count = f->n;
    slow_jacobi(f->n, M, f->value, U);
}

void slow_spectrum(struct slow_filter *f, const double *y)
{
    static square root, U;
    decompose(f, y, root, U);
}

/* The column with the j-th largest modulus. */
static size_t ranked(const struct slow_filter *f, size_t j)
{
    for (size_t i = 0; i < f->count; i++) {
        size_t larger = 0;
        for (size_t k = 0; k < f->count; k++) larger += fabs(f->value[k]) > fabs(f->value[i]);
        if (larger == j) return i;
    }
    abort();
}

/* h = (root K^{-1/2} u): at the samples K^{1/2} u, elsewhere k K^{-1/2} u = k K^{-1} (K^{1/2} u), by K = root root. */
void slow_filter_layer(struct slow_filter *f)
{
    static square root, U, A, V;
    static double h[2 * SLOW_MOST][SLOW_MOST];
    double value[SLOW_MOST];
    decompose(f, f->y, root, U);
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < f->n; j++) A[i][j] = f->K[i][j];
    slow_jacobi(f->n, A, value, V);
    for (size_t j = 0; j < f->kept; j++) {
        size_t c = ranked(f, j);
        double half[SLOW_MOST]; /* K^{-1/2} u */
        for (size_t i = 0; i < f->n; i++) {
            half[i] = 0.0;
            for (size_t k = 0; k < f->n; k++)
                for (size_t l = 0; l < f->n; l++) half[i] += V[i][k] / sqrt(value[k]) * V[l][k] * U[l][c];
        }
        for (size_t i = 0; i < f->n + f->Q; i++) {
            h[i][j] = 0.0;
            for (size_t k = 0; k < f->n; k++) h[i][j] += f->K[i][k] * half[k];
        }
    }
    f->m = f->kept;
    memcpy(f->h, h, sizeof h);
}

void slow_filter_features(struct slow_filter *f, size_t p, double Z[2 * SLOW_MOST][SLOW_MOST])
{
    static square C, V;
    memset(C, 0, sizeof C);
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            for (size_t i = 0; i < f->n; i++) C[a][b] += Z[i][a] * f->y[i] * Z[i][b] / (double)f->n;
    for (size_t i = 0; i < f->n + f->Q; i++)
        for (size_t j = 0; j < f->n; j++) {
            f->K[i][j] = 0.0;
            for (size_t a = 0; a < p; a++) f->K[i][j] += Z[i][a] * Z[j][a];
        }
    f->count = p;
    slow_jacobi(p, C, f->value, V);
    f->m = f->kept;
    for (size_t j = 0; j < f->kept; j++) {
        size_t c = ranked(f, j);
        for (size_t i = 0; i < f->n + f->Q; i++) {
            f->h[i][j] = 0.0;
            for (size_t a = 0; a < p; a++) f->h[i][j] += Z[i][a] * V[a][c];
        }
    }
}

/* ---- ridge, as least squares with a penalty on the kernel's coefficients: f = b + sum alpha_j k(x_j, .), centred ---- */

static void eliminate(size_t n, double A[SLOW_MOST][SLOW_MOST], double *x)
{
    for (size_t c = 0; c < n; c++) {
        size_t pivot = c;
        for (size_t r = c; r < n; r++)
            if (fabs(A[r][c]) > fabs(A[pivot][c])) pivot = r;
        for (size_t k = 0; k < n; k++) {
            double t = A[c][k];
            A[c][k] = A[pivot][k];
            A[pivot][k] = t;
        }
        double t = x[c];
        x[c] = x[pivot];
        x[pivot] = t;
        for (size_t r = 0; r < n; r++) {
            double part = r == c ? 0.0 : A[r][c] / A[c][c];
            for (size_t k = c; k < n; k++) A[r][k] -= part * A[c][k];
            x[r] -= part * x[c];
        }
    }
    for (size_t c = 0; c < n; c++) x[c] /= A[c][c];
}

/* Predictions from the samples that are in; K of all rows with all samples. */
static void fit(const struct slow_filter *f, double K[2 * SLOW_MOST][SLOW_MOST], const int *in, double lambda, double *fitted)
{
    static square A;
    double x[SLOW_MOST], mean = 0.0, trace = 0.0, column[SLOW_MOST] = {0}, all = 0.0;
    size_t s = 0, index[SLOW_MOST];
    for (size_t i = 0; i < f->n; i++)
        if (in[i]) index[s++] = i;
    for (size_t a = 0; a < s; a++) mean += f->y[index[a]] / (double)s;
    for (size_t a = 0; a < s; a++)
        for (size_t b = 0; b < s; b++) {
            column[b] += K[index[a]][index[b]] / (double)s;
            all += K[index[a]][index[b]] / (double)(s * s);
        }
    for (size_t a = 0; a < s; a++) trace += K[index[a]][index[a]] - 2.0 * column[a] + all;
    for (size_t a = 0; a < s; a++) {
        for (size_t b = 0; b < s; b++) A[a][b] = K[index[a]][index[b]] - column[a] - column[b] + all + (a == b ? lambda * trace : 0.0);
        x[a] = f->y[index[a]] - mean;
    }
    eliminate(s, A, x);
    for (size_t i = 0; i < f->n + f->Q; i++) {
        double own = 0.0;
        for (size_t b = 0; b < s; b++) own += K[i][index[b]] / (double)s;
        fitted[i] = mean;
        for (size_t b = 0; b < s; b++) fitted[i] += x[b] * (K[i][index[b]] - own - column[b] + all);
    }
}

static struct slow_errors readout(const struct slow_filter *f, double K[2 * SLOW_MOST][SLOW_MOST])
{
    double fitted[2 * SLOW_MOST], best = INFINITY;
    struct slow_errors e = {0};
    int in[SLOW_MOST];
    for (size_t q = 0; q < f->penalties; q++) {
        double lambda = f->least * pow(f->largest / f->least, (double)q / (double)(f->penalties - 1)), loss = 0.0;
        for (size_t fold = 0; fold < f->folds; fold++) {
            for (size_t i = 0; i < f->n; i++) in[i] = i % f->folds != fold;
            fit(f, K, in, lambda, fitted);
            for (size_t i = fold; i < f->n; i += f->folds) loss += (f->y[i] - fitted[i]) * (f->y[i] - fitted[i]);
        }
        if (loss > best) continue;
        best = loss;
        e.penalty = lambda;
    }
    for (size_t i = 0; i < f->n; i++) in[i] = 1;
    fit(f, K, in, e.penalty, fitted);
    for (size_t i = 0; i < f->n + f->Q; i++) {
        double wrong = f->y[i] * fitted[i] <= 0.0, loss = 0.5 * (f->y[i] - fitted[i]) * (f->y[i] - fitted[i]);
        *(i < f->n ? &e.train : &e.test) += wrong / (double)(i < f->n ? f->n : f->Q);
        *(i < f->n ? &e.train_loss : &e.test_loss) += loss / (double)(i < f->n ? f->n : f->Q);
    }
    return e;
}

struct slow_errors slow_readout(const struct slow_filter *f)
{
    static double K[2 * SLOW_MOST][SLOW_MOST];
    for (size_t i = 0; i < f->n + f->Q; i++)
        for (size_t j = 0; j < f->n; j++) K[i][j] = product(f, i, j);
    return readout(f, K);
}

struct slow_errors slow_kernel_readout(const struct slow_filter *f)
{
    static double K[2 * SLOW_MOST][SLOW_MOST];
    memcpy(K, f->K, sizeof K);
    return readout(f, K);
}

/* Normal equations with a constant. */
double slow_share(const struct slow_filter *f, const double *target)
{
    static square A;
    double x[SLOW_MOST] = {0}, mean = 0.0, whole = 0.0, left = 0.0;
    size_t m = f->m + 1;
    memset(A, 0, sizeof A);
    for (size_t i = 0; i < f->Q; i++) {
        const double *h = f->h[f->n + i];
        mean += target[i] / (double)f->Q;
        for (size_t a = 0; a < m; a++) {
            for (size_t b = 0; b < m; b++) A[a][b] += (a < f->m ? h[a] : 1.0) * (b < f->m ? h[b] : 1.0);
            x[a] += (a < f->m ? h[a] : 1.0) * target[i];
        }
    }
    eliminate(m, A, x);
    for (size_t i = 0; i < f->Q; i++) {
        double value = x[f->m];
        for (size_t a = 0; a < f->m; a++) value += x[a] * f->h[f->n + i][a];
        left += (target[i] - value) * (target[i] - value);
        whole += (target[i] - mean) * (target[i] - mean);
    }
    return 1.0 - left / whole * (double)(f->Q - 1) / (double)(f->Q - 1 - f->m);
}
