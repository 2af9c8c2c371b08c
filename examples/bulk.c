/* How far training moved the spectrum of a weight matrix, beyond what differs from one initialisation to the next:
 *
 *     bulk A1 RUN1.h5 RUN2.h5 .. [-o TABLE.csv]
 *
 * RUN1.h5 .. are simulations of one problem that differ by simulation.seed, with output.weights. A singular value is outside when it passes
 * sigma (1 + sqrt(psi)) (1 + N^(-2/3)), the edge of the initial bulk with room for a finite matrix; the others are the rest. Distances of two spectra:
 * the area between their distribution functions (Wasserstein's, of order 1) and the largest difference (Kolmogorov and Smirnov's). The shape of the rest
 * is that of its values over their root mean square: n strong directions leave an N - n square of the initial matrix as it was but for its scale.
 * The null is the same between the initial matrices of two runs. Prints means over runs with their standard errors, the null with its largest value;
 * TABLE.csv receives the densities before and after, and by how much the distribution function of the shape changed, means over runs; and the largest
 * difference of two initial ones, mean over pairs.
 *
 * cc bulk.c $(pkg-config --cflags --libs dmft lapacke) -lm -o bulk */
#include <dmft.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The singular values of one matrix, rising, and how many of them are no outliers. */
struct spectrum {
    size_t count, rest;
    double *value;
};

struct run {
    struct spectrum first, last;
};

enum { BINS = 240 };
static const double LONGEST = 12.0; /* the table ends there */

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double root_mean_square(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
    return n > 0 ? sqrt(sum / (double)n) : NAN;
}

/* Area between the distribution functions of x and y over their scales, and the largest difference. Both are sorted. */
static void distance(const double *x, size_t n, double x_scale, const double *y, size_t m, double y_scale, double *area, double *largest)
{
    size_t i = 0, j = 0;
    double at = 0, height = 0;
    *area = *largest = 0;
    while (i < n || j < m) {
        double a = i < n ? x[i] / x_scale : INFINITY, b = j < m ? y[j] / y_scale : INFINITY, next = fmin(a, b);
        *area += height * (next - at);
        at = next;
        if (a == next) i++;
        if (b == next) j++;
        height = fabs((double)i / (double)n - (double)j / (double)m);
        *largest = fmax(*largest, height);
    }
}

/* 0 when there is no memory, or LAPACK fails. */
static int spectrum_of(struct spectrum *s, const double *matrix, size_t rows, size_t columns, double threshold)
{
    double *copy = malloc(rows * columns * sizeof *copy), none[1];
    s->count = rows < columns ? rows : columns;
    s->value = malloc(s->count * sizeof *s->value);
    int done = copy != NULL && s->value != NULL;
    if (done) {
        memcpy(copy, matrix, rows * columns * sizeof *copy);
        done = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (int)columns, (int)rows, copy, (int)columns, s->value, none, 1, none, 1) == 0;
    }
    free(copy);
    if (!done) return 0;
    qsort(s->value, s->count, sizeof *s->value, rising);
    for (s->rest = 0; s->rest < s->count && s->value[s->rest] <= threshold; s->rest++) continue;
    return 1;
}

static int load(struct run *r, const char *name, const char *path)
{
    dmft_trajectory *t = NULL;
    dmft_error err;
    char first[64], last[64];
    size_t size[3] = {0}, other[3] = {0};
    if (dmft_trajectory_read(&t, path, &err) != DMFT_OK) {
        fprintf(stderr, "bulk: %s\n", err.text);
        return 0;
    }
    snprintf(first, sizeof first, "%.40s_first", name);
    snprintf(last, sizeof last, "%.40s_last", name);
    const double *before = dmft_trajectory_array(t, first, size), *after = dmft_trajectory_array(t, last, other);
    size_t rows = size[0], columns = size[1];
    int done = before != NULL && after != NULL && rows == other[0] && columns == other[1];
    if (!done) fprintf(stderr, "bulk: %s holds no %s and %s of one size: simulate with output.weights\n", path, first, last);
    if (done) {
        double deviation = root_mean_square(before, rows * columns), larger = (double)(rows > columns ? rows : columns);
        double threshold = deviation * (sqrt((double)columns) + sqrt((double)rows)) * (1 + pow(larger, -2.0 / 3.0));
        done = spectrum_of(&r->first, before, rows, columns, threshold) && spectrum_of(&r->last, after, rows, columns, threshold);
        if (!done) fprintf(stderr, "bulk: %s: no memory, or no singular values\n", path);
    }
    dmft_trajectory_free(t);
    return done;
}

/* ---- Distances ---- */

enum measure { OUTSIDE, WHOLE_AREA, WHOLE_LARGEST, SHAPE_AREA, SHAPE_LARGEST, MEASURES };

/* From the initial spectrum `from` to another. */
static void measure(const struct spectrum *from, const struct spectrum *to, double out[MEASURES])
{
    out[OUTSIDE] = (double)(to->count - to->rest);
    distance(to->value, to->count, 1, from->value, from->count, 1, &out[WHOLE_AREA], &out[WHOLE_LARGEST]);
    distance(to->value, to->rest, root_mean_square(to->value, to->rest), from->value, from->rest, root_mean_square(from->value, from->rest),
             &out[SHAPE_AREA], &out[SHAPE_LARGEST]);
}

struct moments {
    size_t count;
    double sum[MEASURES], squares[MEASURES], largest[MEASURES];
};

static void add(struct moments *m, const double x[MEASURES])
{
    m->count++;
    for (int i = 0; i < MEASURES; i++) {
        m->sum[i] += x[i];
        m->squares[i] += x[i] * x[i];
        m->largest[i] = fmax(m->largest[i], x[i]);
    }
}

static void print(const struct run *run, size_t runs)
{
    static const char *const name[] = {"outside", "whole: area", "whole: largest", "shape: area", "shape: largest"};
    struct moments trained = {0}, null = {0};
    double x[MEASURES];
    for (size_t i = 0; i < runs; i++) {
        measure(&run[i].first, &run[i].last, x);
        add(&trained, x);
        for (size_t j = 0; j < i; j++) {
            measure(&run[i].first, &run[j].first, x);
            add(&null, x);
        }
    }
    printf("%zu runs, %zu singular values; null of %zu pairs\n%-15s %10s %10s %10s %10s\n", runs, run[0].first.count, null.count, "", "trained", "se", "null",
           "largest");
    for (int i = 0; i < MEASURES; i++) {
        double n = (double)runs, mean = trained.sum[i] / n, se = sqrt(fmax(0, trained.squares[i] / n - mean * mean) / (n - 1));
        printf("%-15s %10.4g %10.2g %10.4g %10.4g\n", name[i], mean, se, null.sum[i] / (double)null.count, null.largest[i]);
    }
}

/* ---- The table ---- */

/* The largest distance of the shapes of two initial spectra, mean over pairs. */
static double null_distance(const struct run *run, size_t runs)
{
    double sum = 0, x[MEASURES];
    for (size_t i = 0; i < runs; i++)
        for (size_t j = 0; j < i; j++) {
            measure(&run[i].first, &run[j].first, x);
            sum += x[SHAPE_LARGEST];
        }
    return sum / (double)(runs * (runs - 1) / 2);
}

/* Part of the n sorted numbers that is at most `at`. */
static double part_below(const double *x, size_t n, double at)
{
    size_t i = 0;
    while (i < n && x[i] <= at) i++;
    return (double)i / (double)n;
}

/* Density of a spectrum between two places. */
static double density(const struct spectrum *s, double from, double to)
{
    return (part_below(s->value, s->count, to) - part_below(s->value, s->count, from)) / (to - from);
}

/* The distribution function of the shape of the rest: after training less before. */
static double shape_change(const struct run *r, double at)
{
    const struct spectrum *a = &r->first, *b = &r->last;
    return part_below(b->value, b->rest, at * root_mean_square(b->value, b->rest)) - part_below(a->value, a->rest, at * root_mean_square(a->value, a->rest));
}

static int write_table(const struct run *run, size_t runs, const char *path)
{
    double null = null_distance(run, runs);
    FILE *file = fopen(path, "w");
    if (file == NULL) return 0;
    fprintf(file, "s,first,last,shape_change,shape_change_se,null\n");
    for (int b = 0; b < BINS; b++) {
        double from = b * LONGEST / BINS, to = (b + 1) * LONGEST / BINS, n = (double)runs, first = 0, last = 0, sum = 0, squares = 0;
        for (size_t i = 0; i < runs; i++) {
            double change = shape_change(&run[i], (from + to) / 2);
            first += density(&run[i].first, from, to) / n;
            last += density(&run[i].last, from, to) / n;
            sum += change;
            squares += change * change;
        }
        double se = sqrt(fmax(0, squares / n - sum * sum / n / n) / (n - 1));
        fprintf(file, "%g,%g,%g,%g,%g,%g\n", (from + to) / 2, first, last, sum / n, se, null);
    }
    int whole = !ferror(file);
    return fclose(file) == 0 && whole;
}

int main(int argc, char **argv)
{
    const char *table = argc > 4 && strcmp(argv[argc - 2], "-o") == 0 ? argv[argc - 1] : NULL;
    size_t runs = argc > 2 ? (size_t)argc - 2 - (table != NULL ? 2 : 0) : 0, done = 0;
    if (runs < 2) {
        fprintf(stderr, "usage: bulk MATRIX RUN1.h5 RUN2.h5 .. [-o TABLE.csv]; two runs or more\n");
        return 2;
    }
    struct run *run = calloc(runs, sizeof *run);
    while (run != NULL && done < runs && load(&run[done], argv[1], argv[2 + done])) done++;
    int status = done == runs ? 0 : 1;
    if (status == 0) print(run, runs);
    if (status == 0 && table != NULL && !write_table(run, runs, table)) {
        fprintf(stderr, "bulk: cannot write %s\n", table);
        status = 1;
    }
    for (size_t i = 0; run != NULL && i < runs; i++) {
        free(run[i].first.value);
        free(run[i].last.value);
    }
    free(run);
    return status;
}
