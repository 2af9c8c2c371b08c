/*
 * The two engines of finite nonlinear networks have one law: the same width in both, means and variances over networks of losses, outputs, kernels and
 * singular values. The matrices of the revealed engine are put together for this, N x N:
 *
 *     A = sum_j y_j e_j^T/N + sum_i f_i x_i^T/N - sum_ij M_ij f_i e_j^T/N + P_F Z P_E sigma/sqrt(N),   W = keep A + sum_ij S_ij f_i e_j^T/N,
 *
 * with Z fresh iid Gaussian and P_E, P_F the projections off all e_j and f_i. Exact in law at any N: small ones show most of what can be wrong.
 * DMFT_TEST_LONG=1: 400 networks of N = 200 over 40 steps, with the tables.
 */
#include <cblas.h>
#include <check.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "model/mlp.h"
#include "network/mlp.h"
#include "outlier/whole.h"
#include "suites.h"

Suite *suite_mlp_law(void);

struct law {
    const char *name, *text;
    long width, networks;
};

/* Streams of this test: those of the revealed engine's layers, and of the rest of its matrices. */
enum { LAYERS = 0x30000, REST = 0x40000, TIMES = 4, MOST = 40, NAME = 40 };

#define TANH(steps)                                                                                                            \
    "model: mlp\nnetwork: {depth: 2, activation: tanh, gamma0: 3, weight_variance: [1, 1.2, 0.9]}\n"                           \
    "data: {gram: [[1.3, 0.2, -0.5], [0.2, 1.1, -0.3], [-0.5, -0.3, 1.2]], target: [1.2, 1.2, -1.2]}\n"                        \
    "training: {learning_rate: 0.25, steps: " #steps "}\n"
#define RELU(rate, steps)                                                                                                            \
    "model: mlp\nnetwork: {depth: 3, activation: relu, gamma0: 4, weight_variance: 1}\n"                                       \
    "data: {gram: [[1.3, 0.2, -0.5], [0.2, 1.1, -0.3], [-0.5, -0.3, 1.2]], target: [1, 1, -1]}\n"                              \
    "training: {learning_rate: " #rate ", steps: " #steps "}\n"
/* Everything that acts on a matrix at once. */
#define DECAY(steps)                                                                                                           \
    "model: mlp\nnetwork: {depth: 2, activation: gelu, gamma0: 2, weight_variance: 1.4, bias: true}\n"                         \
    "data: {gram: [[1.3, 0.2, -0.5], [0.2, 1.1, -0.3], [-0.5, -0.3, 1.2]], target: [1, -1, 0.5]}\n"                            \
    "training: {learning_rate: 0.15, steps: " #steps ", momentum: 0.5, weight_decay: 0.02, batch_size: 2, seed: 3}\n"
static const struct law brief[] = {{"tanh", TANH(10), 40, 400}, {"relu", RELU(0.08, 8), 40, 400}, {"decay", DECAY(9), 37, 400}};
/* relu ends while it learns: of 400 losses at 1e-7 one is most of the variance. */
static const struct law thorough[] = {{"tanh", TANH(40), 200, 400}, {"relu", RELU(0.05, 24), 200, 400}, {"decay", DECAY(24), 200, 400}};
enum { LAWS = sizeof brief / sizeof *brief };

/* What was measured of all networks of one engine: value[network * MOST + quantity]. */
struct sample {
    size_t count, quantities;
    double *value;
    char name[MOST][NAME];
};

/* DMFT_TEST_SHRINK divides the number of networks. */
static struct sample sample_of(const struct law *law)
{
    const char *shrink = getenv("DMFT_TEST_SHRINK");
    long factor = shrink != NULL && atol(shrink) > 1 ? atol(shrink) : 1;
    size_t count = (size_t)(law->networks / factor);
    struct sample s = {.count = count, .value = calloc(count * MOST, sizeof(double))};
    ck_assert_ptr_nonnull(s.value);
    return s;
}

/* The next number of a network; names are those of the last one. */
static void enter(struct sample *s, size_t network, size_t *at, double x, const char *name, long which)
{
    ck_assert(*at < MOST);
    s->value[network * MOST + *at] = x;
    (void)snprintf(s->name[*at], NAME, "%s %ld", name, which);
    s->quantities = ++*at;
}

static void done(int status, const dmft_error *err) { ck_assert_msg(status == DMFT_OK, "status %d: %s", status, err->text); }

static dmft_problem *problem_from(const struct law *law)
{
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_error err = {.text = ""};
    char width[32];
    (void)snprintf(width, sizeof width, "%ld", law->width);
    done(dmft_config_parse(&config, law->text, strlen(law->text), law->name, &err), &err);
    done(dmft_config_set(config, "simulation.width", width, &err), &err);
    done(dmft_problem_create(&problem, config, &err), &err);
    dmft_config_free(config);
    return problem;
}

/* Four steps, the last one among them. */
static int is_time(long t, long steps) { return (t + 1) * TIMES % steps < TIMES; }

/* The two largest singular values of an N x N matrix, which is lost, and the mean of the fourth powers of all. */
static void enter_singular(struct sample *s, size_t network, size_t *at, double *W, size_t N, long l)
{
    double *value = calloc(N, sizeof *value), fourth = 0.0;
    ck_assert_ptr_nonnull(value);
    ck_assert_int_eq(LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (int)N, (int)N, W, (int)N, value, NULL, 1, NULL, 1), 0);
    for (size_t i = 0; i < N; i++) fourth += pow(value[i], 4.0) / (double)N;
    enter(s, network, at, value[0], "first of A", l);
    enter(s, network, at, value[1], "second of A", l);
    enter(s, network, at, fourth, "fourth of A", l);
    free(value);
}

static double mean_square(const double *x, size_t n) { return cblas_ddot((int)n, x, 1, x, 1) / (double)n; }

/* ---- dense networks ---- */

static struct sample dense_sample(const struct law *law)
{
    dmft_problem *p = problem_from(law);
    struct sample s = sample_of(law);
    struct dense_mlp *n = NULL;
    dmft_error err = {.text = ""};
    done(dense_mlp_create(&n, p, &err), &err);
    for (size_t i = 0; i < s.count; i++) {
        size_t at = 0, N = n->width;
        dense_mlp_start(n, (long)i);
        for (long t = 0; t < p->steps; t++) {
            if (t > 0) dense_mlp_learn(n, t - 1);
            dense_mlp_evaluate(n);
            double loss = 0.0;
            for (size_t mu = 0; mu < n->samples; mu++) loss += n->losses[mu] / (double)n->samples;
            if (is_time(t, p->steps)) enter(&s, i, &at, loss, "loss", t);
            if (is_time(t, p->steps)) enter(&s, i, &at, mean_square(n->g[1], n->samples * N), "C_g1", t);
        }
        for (size_t mu = 0; mu < n->samples; mu++) enter(&s, i, &at, n->f[mu], "f", (long)mu);
        for (int l = 1; l <= n->depth; l++) enter(&s, i, &at, mean_square(n->phi[l], n->samples * N), "C_phi", l);
        for (int l = 1; l < n->depth; l++) enter_singular(&s, i, &at, n->matrix[l].value, N, l);
    }
    dense_mlp_free(n);
    dmft_problem_free(p);
    return s;
}

/* ---- revealed networks, made dense ---- */

/* W += factor a^T (m b), rows a and b of two spaces; without m the rows go together one by one. */
static void add_product(double *W, size_t N, double factor, const limit_rows *a, const double *m, size_t stride, const limit_rows *b)
{
    if (a->count == 0 || b->count == 0) return;
    double *right = calloc(a->count * N, sizeof *right);
    ck_assert_ptr_nonnull(right);
    for (size_t i = 0; i < a->count; i++) {
        if (m == NULL) memcpy(right + i * N, b->x + i * b->space->stride, N * sizeof *right);
        for (size_t j = 0; m != NULL && j < b->count; j++)
            cblas_daxpy((int)N, m[i * stride + j], b->x + j * b->space->stride, 1, right + i * N, 1);
    }
    int order = (int)N, stride_a = (int)a->space->stride;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, order, order, (int)a->count, factor, a->x, stride_a, right, order, 1.0, W, order);
    free(right);
}

/* Takes the orthonormal directions out of the N columns of Z (`left`), or out of its rows. */
static void project(double *Z, size_t N, const limit_rows *unit, int left)
{
    int k = (int)unit->count, n = (int)N, stride = (int)unit->space->stride;
    double *c = calloc((unit->count + 1) * N, sizeof *c);
    ck_assert_ptr_nonnull(c);
    if (k > 0 && left) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, k, n, n, 1.0 / (double)N, unit->x, stride, Z, n, 0.0, c, n);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, k, -1.0, unit->x, stride, c, n, 1.0, Z, n);
    } else if (k > 0) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, k, n, 1.0 / (double)N, Z, n, unit->x, stride, 0.0, c, k);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, k, -1.0, c, k, unit->x, stride, 1.0, Z, n);
    }
    free(c);
}

/* W, with the rest drawn from this stream, or without it. */
static void assemble(double *W, size_t N, const limit_operator *A, struct random_stream stream, int rest)
{
    struct limit_view v = limit_operator_view(A);
    memset(W, 0, N * N * sizeof *W);
    if (rest) random_gaussians(&stream, v.keep * sqrt(v.variance / (double)N), N * N, W);
    project(W, N, v.F, 1);
    project(W, N, v.E, 0);
    add_product(W, N, v.keep / (double)N, v.Y, NULL, 0, v.E);
    add_product(W, N, v.keep / (double)N, v.F, NULL, 0, v.X);
    add_product(W, N, -v.keep / (double)N, v.F, v.M, v.stride, v.E);
    add_product(W, N, 1.0 / (double)N, v.F, v.S, v.stride, v.E);
}

/* Of all rows of samples. */
static double mean_square_of(const limit_rows *rows, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) sum += mean_square(rows->x + i * rows->space->stride, rows->space->axes) / (double)count;
    return sum;
}

static struct sample revealed_sample(const struct law *law, int rest)
{
    dmft_problem *p = problem_from(law);
    struct sample s = sample_of(law);
    size_t N = (size_t)law->width;
    struct mlp_sites sites = {.count = N, .seed = 1, .purpose = LAYERS, .tolerance = 1e-6};
    struct mlp *n = NULL;
    double *W = calloc(N * N, sizeof *W);
    dmft_error err = {.text = ""};
    ck_assert_ptr_nonnull(W);
    done(mlp_create(&n, p, &sites, &err), &err);
    for (size_t i = 0; i < s.count; i++) {
        size_t at = 0;
        done(mlp_start(n, (long)i, &err), &err);
        for (long t = 0; t < p->steps; t++) {
            if (t > 0) mlp_learn(n, t - 1);
            done(mlp_evaluate(n, &err), &err);
            if (is_time(t, p->steps)) enter(&s, i, &at, mlp_train_loss(n), "loss", t);
            if (is_time(t, p->steps)) enter(&s, i, &at, mean_square_of(&n->g[1], n->samples), "C_g1", t);
        }
        for (size_t mu = 0; mu < n->samples; mu++) enter(&s, i, &at, n->f[mu], "f", (long)mu);
        for (size_t l = 1; l <= n->depth; l++) enter(&s, i, &at, mean_square_of(&n->phi[l], n->samples), "C_phi", (long)l);
        for (size_t l = 1; l < n->depth; l++) {
            assemble(W, N, n->A[l], random_start(1, i, REST + l), rest);
            enter_singular(&s, i, &at, W, N, (long)l);
        }
    }
    free(W);
    mlp_free(n);
    dmft_problem_free(p);
    return s;
}

/* ---- comparison ---- */

struct moments {
    double mean, variance, spread; /* spread: standard error of log variance, from the fourth moment */
};

static struct moments moments_of(const struct sample *s, size_t quantity)
{
    struct moments m = {0};
    double n = (double)s->count, fourth = 0.0;
    for (size_t i = 0; i < s->count; i++) m.mean += s->value[i * MOST + quantity] / n;
    for (size_t i = 0; i < s->count; i++) {
        double d = s->value[i * MOST + quantity] - m.mean;
        m.variance += d * d / (n - 1.0);
        fourth += d * d * d * d / n;
    }
    m.spread = sqrt((fourth / (m.variance * m.variance) - 1.0) / n);
    return m;
}

struct outcome {
    double largest_mean, largest_variance, rms_mean, rms_variance;
};

/* z of the difference of means, and of log variances, of every quantity. */
static struct outcome compare(const struct law *law, const struct sample *a, const struct sample *b, int print)
{
    struct outcome o = {0};
    ck_assert_uint_eq(a->quantities, b->quantities);
    if (print) printf("%s, N = %ld, %zu networks\n", law->name, law->width, a->count);
    if (print) printf("  %-14s %12s %12s %7s %12s %12s %7s\n", "", "mean", "dense", "z", "deviation", "dense", "z log");
    for (size_t q = 0; q < a->quantities; q++) {
        ck_assert_str_eq(a->name[q], b->name[q]);
        struct moments x = moments_of(a, q), y = moments_of(b, q);
        double z = (x.mean - y.mean) / sqrt((x.variance + y.variance) / (double)a->count);
        double z_log = log(x.variance / y.variance) / hypot(x.spread, y.spread);
        if (print) printf("  %-14s %12.6g %12.6g %7.2f", a->name[q], x.mean, y.mean, z);
        if (print) printf(" %12.4g %12.4g %7.2f\n", sqrt(x.variance), sqrt(y.variance), z_log);
        o.largest_mean = fmax(o.largest_mean, fabs(z));
        o.largest_variance = fmax(o.largest_variance, fabs(z_log));
        o.rms_mean += z * z / (double)a->quantities;
        o.rms_variance += z_log * z_log / (double)a->quantities;
    }
    o.rms_mean = sqrt(o.rms_mean);
    o.rms_variance = sqrt(o.rms_variance);
    if (print) printf("  z of means: rms %.2f, largest %.2f", o.rms_mean, o.largest_mean);
    if (print) printf("; of log variances: rms %.2f, largest %.2f\n", o.rms_variance, o.largest_variance);
    return o;
}

/* Four standard errors, as everywhere; the quantities are correlated, so that their rms scatters: with 30 other seeds of the brief forms it was
 * 1.0 .. 1.1 on average and 1.9 at most, and the largest z 3.7. */
START_TEST(engines_have_one_law)
{
    int all = getenv("DMFT_TEST_LONG") != NULL;
    const struct law *law = all ? &thorough[_i] : &brief[_i];
    struct sample dense = dense_sample(law), revealed = revealed_sample(law, 1);
    struct outcome o = compare(law, &revealed, &dense, all);
    ck_assert_msg(o.largest_mean < 4.0 && o.rms_mean < 2.0, "%s: means: largest z %.2f, rms %.2f", law->name, o.largest_mean, o.rms_mean);
    ck_assert_msg(o.largest_variance < 4.0 && o.rms_variance < 2.0, "%s: log variances: largest z %.2f, rms %.2f", law->name,
                  o.largest_variance, o.rms_variance);
    free(dense.value);
    free(revealed.value);
}
END_TEST

/* Without what was not asked of a matrix its spectrum is another one, and the comparison says so. */
START_TEST(the_rest_matters)
{
    struct sample dense = dense_sample(&brief[0]), revealed = revealed_sample(&brief[0], 0);
    struct outcome o = compare(&brief[0], &revealed, &dense, 0);
    ck_assert_msg(o.largest_mean > 4.0, "largest z %.2f", o.largest_mean);
    free(dense.value);
    free(revealed.value);
}
END_TEST

/* What the library finds for the matrix with this rest against LAPACK on the matrix made here, overlaps with the last questions too; W is lost. */
static void check_whole(const struct mlp *n, double *W, size_t N, struct random_stream stream)
{
    outlier_whole *whole = NULL;
    struct limit_view v = limit_operator_view(n->A[1]);
    double *value = calloc(N, sizeof *value), *U = calloc(N * N, sizeof *U), *V = calloc(N * N, sizeof *V), root = sqrt((double)N);
    dmft_error err = {.text = ""};
    ck_assert(value != NULL && U != NULL && V != NULL);
    done(outlier_whole_create(&whole, N, N, 3, &err), &err);
    done(outlier_whole_find(whole, &v, stream, &err), &err);
    ck_assert_int_eq(LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'A', (int)N, (int)N, W, (int)N, value, U, (int)N, V, (int)N), 0);
    for (size_t j = 0; j < 3; j++) ck_assert_double_eq_tol(outlier_whole_z(whole, j), value[j], 1e-8);
    ck_assert(isnan(outlier_whole_z(whole, 3)));
    double right = cblas_ddot((int)N, n->phi[1].x, 1, V, 1) / root, left = cblas_ddot((int)N, n->g[2].x, 1, U, (int)N) / root;
    double by_right = cblas_ddot((int)v.E->count, v.c_in, 1, outlier_whole_right(whole), 1);
    double by_left = cblas_ddot((int)v.F->count, v.c_out, 1, outlier_whole_left(whole), 1);
    ck_assert_double_eq_tol(by_right * by_right, right * right, 1e-6);
    ck_assert_double_eq_tol(by_left * by_left, left * left, 1e-6);
    outlier_whole_free(whole);
    free(value);
    free(U);
    free(V);
}

/* The revealed part answers as the matrix does: W phi and W^T g of the last question. */
START_TEST(the_matrix_is_the_operator)
{
    const struct law *law = &brief[_i];
    dmft_problem *p = problem_from(law);
    size_t N = (size_t)law->width;
    struct mlp_sites sites = {.count = N, .seed = 2, .purpose = LAYERS, .tolerance = 1e-12};
    struct mlp *n = NULL;
    double *W = calloc(N * N, sizeof *W), *h = calloc(N, sizeof *h);
    dmft_error err = {.text = ""};
    ck_assert(W != NULL && h != NULL);
    done(mlp_create(&n, p, &sites, &err), &err);
    done(mlp_start(n, 0, &err), &err);
    for (long t = 0; t < 5; t++) {
        done(mlp_evaluate(n, &err), &err);
        mlp_learn(n, t);
    }
    done(mlp_evaluate(n, &err), &err);
    assemble(W, N, n->A[1], random_start(1, 0, REST), 1);
    double apart = 0.0;
    for (size_t mu = 0; mu < n->samples; mu++) {
        const double *phi = n->phi[1].x + mu * n->space[1].stride, *out = n->phi[2].x + mu * n->space[2].stride;
        cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)N, (int)N, 1.0, W, (int)N, phi, 1, 0.0, h, 1);
        for (size_t i = 0; i < N; i++) {
            double at = h[i] + (p->mlp.bias ? n->bias[2].value.x[i] : 0.0), value;
            p->mlp.activation.apply(p->mlp.activation.user, 1, &at, &value, NULL, NULL);
            apart = fmax(apart, fabs(value - out[i]));
        }
    }
    ck_assert_msg(apart < 1e-10, "%s: apart by %g", law->name, apart);
    check_whole(n, W, N, random_start(1, 0, REST));
    free(W);
    free(h);
    mlp_free(n);
    dmft_problem_free(p);
}
END_TEST

Suite *suite_mlp_law(void)
{
    Suite *s = suite_create("mlp_law");
    TCase *c = tcase_create("law");
    tcase_set_timeout(c, 3600);
    tcase_add_loop_test(c, engines_have_one_law, 0, LAWS);
    tcase_add_test(c, the_rest_matters);
    tcase_add_loop_test(c, the_matrix_is_the_operator, 0, LAWS);
    suite_add_tcase(s, c);
    return s;
}
