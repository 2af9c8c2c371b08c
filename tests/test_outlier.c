/* Level 2: outliers, overlaps and escapes (sections 7, 10, 11 of doc/theory.md) against dense pencils, closed forms and sampled matrices. */
#include <cblas.h>
#include <check.h>
#include <gsl/gsl_rng.h>
#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "model/model.h"
#include "outlier/basis.h"
#include "spectrum/leading.h"
#include "suites.h"

double gsl_ran_gaussian_ziggurat(const gsl_rng *rng, double sigma); /* gsl_randist.h and OpenBLAS's cblas.h exclude each other */

/* ---- the pencil (B4) once more, densely, from what the operator shows ---- */

struct pencil {
    size_t F, E, n; /* directions of outputs and inputs, order */
    double psi, variance, edge;
    double *Xi, *Chi, *W11, *M; /* W11 = sqrt(psi) (<f_i, y_j> + S) */
    double *B, *values;         /* of the last solve: eigenvectors in rows, eigenvalues, both rising */
};

/* <a_i, b_j>; the weight of the exact backend is 1 */
static double inner(const limit_rows *a, size_t i, const limit_rows *b, size_t j)
{
    const double *x = a->x + i * a->space->stride, *y = b->x + j * b->space->stride;
    double sum = 0.0;
    for (size_t k = 0; k < a->space->axes; k++) sum += x[k] * y[k];
    return sum;
}

/* G = <a_i a_j> - sum_k <a_i u_k> <u_k a_j> */
static void projected_gram(const limit_rows *a, const limit_rows *u, double *G)
{
    size_t n = a->count, m = u->count;
    double *P = numbers(n * m);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++) P[i * m + k] = inner(a, i, u, k);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = inner(a, i, a, j);
            for (size_t k = 0; k < m; k++) sum -= P[i * m + k] * P[j * m + k];
            G[i * n + j] = G[j * n + i] = sum;
        }
    free(P);
}

static struct pencil pencil_of(const limit_operator *A)
{
    struct limit_view v = limit_operator_view(A);
    struct pencil p = {.F = v.F->count, .E = v.E->count, .n = v.F->count + v.E->count, .psi = v.psi, .variance = v.variance};
    p.edge = sqrt(v.variance) * (1.0 + sqrt(v.psi));
    p.Xi = numbers(p.F * p.F);
    p.Chi = numbers(p.E * p.E);
    p.W11 = numbers(p.F * p.E);
    p.M = numbers(p.F * p.E);
    p.B = numbers(p.n * p.n);
    p.values = numbers(p.n);
    projected_gram(v.X, v.E, p.Xi);
    projected_gram(v.Y, v.F, p.Chi);
    for (size_t i = 0; i < p.F; i++)
        for (size_t j = 0; j < p.E; j++) {
            p.M[i * p.E + j] = inner(v.F, i, v.Y, j);
            p.W11[i * p.E + j] = sqrt(v.psi) * (p.M[i * p.E + j] + v.S[i * v.stride + j]);
        }
    return p;
}

static void pencil_free(struct pencil *p)
{
    free(p->Xi);
    free(p->Chi);
    free(p->W11);
    free(p->M);
    free(p->B);
    free(p->values);
}

/* (O3) by its quadratic, (Z5) at the edge; derivatives by (Z4). */
static void scalars(const struct pencil *p, double z, double ab[2], double dab[2])
{
    double v = p->variance, m = z * z - v * (1.0 + p->psi), q = sqrt(fmax(m * m - 4.0 * v * v * p->psi, 0.0));
    double D = z > p->edge ? 2.0 / (m + q) : 1.0 / (v * sqrt(p->psi));
    ab[0] = (1.0 + v * D) / z;
    ab[1] = (1.0 + v * p->psi * D) / z;
    if (dab == NULL) return;
    double dD = -2.0 * z * D / q; /* asked for beyond the edge only, where q > 0 */
    dab[0] = (v * dD - ab[0]) / z;
    dab[1] = (v * p->psi * dD - ab[1]) / z;
}

/* Eigenvalues (and vectors, in rows) of M(z) by LAPACK. */
static void pencil_solve(struct pencil *p, double z, char job)
{
    double ab[2] = {0.0, 0.0};
    if (z > 0.0) scalars(p, z, ab, NULL);
    memset(p->B, 0, p->n * p->n * sizeof *p->B);
    for (size_t i = 0; i < p->F; i++)
        for (size_t j = 0; j < p->F; j++) p->B[i * p->n + j] = ab[1] / p->psi * p->Xi[i * p->F + j];
    for (size_t i = 0; i < p->E; i++)
        for (size_t j = 0; j < p->E; j++) p->B[(p->F + i) * p->n + p->F + j] = ab[0] * p->psi * p->Chi[i * p->E + j];
    for (size_t i = 0; i < p->F; i++)
        for (size_t j = 0; j < p->E; j++) p->B[i * p->n + p->F + j] = p->B[(p->F + j) * p->n + i] = p->W11[i * p->E + j];
    if (p->n > 0) ck_assert_int_eq(LAPACKE_dsyevd(LAPACK_COL_MAJOR, job, 'L', (int)p->n, p->B, (int)p->n, p->values), 0);
}

/* The j-th largest eigenvalue at z, j = 1, 2, ..; -infinity past the order. */
static double largest(const struct pencil *p, size_t j) { return j <= p->n ? p->values[p->n - j] : -INFINITY; }

static size_t count_above_edge(struct pencil *p)
{
    size_t count = 0;
    pencil_solve(p, p->edge, 'N');
    while (count < p->n && largest(p, count + 1) > p->edge) count++;
    return count;
}

/* The j-th outlier by bisection, to the last bits. */
static double outlier_by_bisection(struct pencil *p, size_t j)
{
    pencil_solve(p, p->edge, 'N');
    double low = p->edge, high = largest(p, j);
    for (int i = 0; i < 60 && high - low > 1e-15 * high; i++) {
        double z = 0.5 * (low + high);
        pencil_solve(p, z, 'N');
        if (largest(p, j) > z) low = z;
        else high = z;
    }
    return 0.5 * (low + high);
}

/* The first singular pair at its z: (alpha, beta) in `x`, n^2 of (B5). */
struct pair {
    const double *alpha, *beta;
    double a, b, norm2;
};

static struct pair first_pair(struct pencil *p, double z)
{
    double ab[2], dab[2], norm2 = 0.0;
    pencil_solve(p, z, 'V');
    const double *x = p->B + (p->n - 1) * p->n; /* eigenvectors are columns of a column-major matrix */
    scalars(p, z, ab, dab);
    for (size_t i = 0; i < p->n; i++) norm2 += x[i] * x[i];
    for (size_t i = 0; i < p->F; i++)
        for (size_t j = 0; j < p->F; j++) norm2 -= dab[1] / p->psi * x[i] * p->Xi[i * p->F + j] * x[j];
    for (size_t i = 0; i < p->E; i++)
        for (size_t j = 0; j < p->E; j++) norm2 -= dab[0] * p->psi * x[p->F + i] * p->Chi[i * p->E + j] * x[p->F + j];
    return (struct pair){.alpha = x, .beta = x + p->F, .a = ab[0], .b = ab[1], .norm2 = norm2};
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* (w.B)^2/N by (B5) and, on the left, (u.A)^2/M by (B7), for fields of the input and of the output space. */
static double right_overlap_with(const struct pencil *p, const struct pair *x, const limit_operator *A, const limit_rows *w)
{
    struct limit_view v = limit_operator_view(A);
    double sum = 0.0;
    for (size_t j = 0; j < p->E; j++) sum += x->beta[j] * inner(w, 0, v.E, j);
    for (size_t i = 0; i < p->F; i++) {
        double rest = inner(w, 0, v.X, i);
        for (size_t k = 0; k < p->E; k++) rest -= inner(w, 0, v.E, k) * inner(v.E, k, v.X, i);
        sum += x->b / sqrt(p->psi) * x->alpha[i] * rest;
    }
    return 2.0 * sum * sum / x->norm2;
}

static double left_overlap_with(const struct pencil *p, const struct pair *x, const limit_operator *A, const limit_rows *u)
{
    struct limit_view v = limit_operator_view(A);
    double sum = 0.0;
    for (size_t i = 0; i < p->F; i++) sum += x->alpha[i] * inner(u, 0, v.F, i);
    for (size_t j = 0; j < p->E; j++) {
        double rest = inner(u, 0, v.Y, j);
        for (size_t k = 0; k < p->F; k++) rest -= inner(u, 0, v.F, k) * inner(v.F, k, v.Y, j);
        sum += x->a * sqrt(p->psi) * x->beta[j] * rest;
    }
    return 2.0 * sum * sum / x->norm2;
}

static void assert_near(double value, double expected, double allowed, const char *what, long step)
{
    ck_assert_msg(fabs(value - expected) <= allowed, "%s at step %ld: %.15g, expected %.15g (difference %.2g, allowed %.2g)", what, step,
                  value, expected, fabs(value - expected), allowed);
}

/* ---- training runs against the dense pencil, at every step ---- */

/* The four reference problems, and others with more than one outlier. */
static const struct setting runs[] = {
    {"deep_linear_a", 2, 0.5, 8.48528137423857, {0.25, 0.25, 0.25}, 4.0, 0.0, 0.02, MUP, FULL, 60},
    {"deep_linear_b", 3, 1.5, 2.4, {0.5, 0.5, 0.5, 0.5}, 1.5, 0.2, 0.05, MUP, FULL, 60},
    {"deep_linear_c", 2, 1.0, 4.0, {1.0, 1.0, 1.0}, 2.0, 0.3, 0.05, NTK, FULL, 40},
    {"deep_linear_online", 2, 1.0, 4.0, {0.5, 0.5, 0.5}, 0.5, 0.3, 0.02, MUP, ONLINE, 40},
    {"noisy batches", 2, 2.385, 6.0, {0.1, 0.1, 0.1}, 0.4, 0.7, 0.05, MUP, ONLINE, 40},
    {"wide", 1, 2.385, 6.0, {0.02, 0.02}, 0.8, 0.5, 0.1, MUP, FULL, 40},
};
enum { RUNS = sizeof runs / sizeof *runs };

static dmft_problem problem_with_three(struct setting *s)
{
    dmft_problem p = problem_of(s);
    p.outlier_count = 3;
    return p;
}

/* Level 1 with level 2 on every matrix, in the hands of the test. */
struct training {
    void *state;
    size_t matrices;
    const struct model_matrix *matrix;
    outlier_basis *basis[MOST_LAYERS];
};

static void start_training(struct training *t, const dmft_problem *p, size_t count)
{
    t->state = NULL;
    ck_assert_int_eq(model_deep_linear.create(&t->state, p, NULL), DMFT_OK);
    t->matrices = model_deep_linear.matrices(t->state, &t->matrix);
    for (size_t l = 0; l < t->matrices; l++)
        ck_assert_int_eq(outlier_basis_create(&t->basis[l], t->matrix[l].A, t->matrix[l].target, count, NULL), DMFT_OK);
}

static void evaluate(struct training *t)
{
    ck_assert_int_eq(model_deep_linear.reserve(t->state, NULL), DMFT_OK);
    model_deep_linear.evaluate(t->state);
}

static void end_training(struct training *t)
{
    for (size_t l = 0; l < t->matrices; l++) outlier_basis_free(t->basis[l]);
    model_deep_linear.free(t->state);
}

static struct outlier_state outliers_at(outlier_basis *b, long step)
{
    struct outlier_state s;
    dmft_error err = {.text = ""};
    int status = outlier_basis_step(b, step, &s, &err);
    ck_assert_msg(status == DMFT_OK, "step %ld: %s", step, err.text);
    return s;
}

/* As many outliers as eigenvalues above the edge, and the j-th eigenvalue at z_j is z_j. Returns the largest error. */
static double check_outliers(struct pencil *p, const struct outlier_state *s, size_t count, const char *which, long step)
{
    size_t expected = count_above_edge(p);
    double worst = 0.0;
    for (size_t j = 1; j <= count; j++) {
        double z = s->z[j - 1];
        ck_assert_msg(isnan(z) == (j > expected), "%s at step %ld: outlier %zu is %.9g, but %zu eigenvalues are above the edge %.9g", which,
                      step, j, z, expected, p->edge);
        if (isnan(z)) continue;
        ck_assert(z > p->edge);
        pencil_solve(p, z, 'N');
        worst = fmax(worst, fabs(largest(p, j) / z - 1.0));
        ck_assert_msg(fabs(largest(p, j) / z - 1.0) <= 1e-11, "%s at step %ld: eigenvalue %zu at z = %.15g is %.15g", which, step, j, z,
                      largest(p, j));
    }
    return worst;
}

/* The three overlaps of the first outlier, from the dense eigenvector at the dense root. */
static double check_overlaps(struct pencil *p, const struct model_matrix *m, const struct outlier_state *s, const char *which, long step)
{
    if (isnan(s->z[0])) {
        ck_assert(isnan(s->target_overlap) && isnan(s->left_overlap) && isnan(s->right_overlap));
        return 0.0;
    }
    struct limit_view v = limit_operator_view(m->A);
    double z = outlier_by_bisection(p, 1);
    struct pair x = first_pair(p, z);
    double left = dot(v.c_out, x.alpha, p->F), right = dot(v.c_in, x.beta, p->E);
    double expected[3] = {2.0 * left * left / x.norm2, 2.0 * right * right / x.norm2, NAN};
    double given[3] = {s->left_overlap, s->right_overlap, s->target_overlap}, worst = 0.0;
    double size[3] = {dot(v.c_out, v.c_out, p->F), dot(v.c_in, v.c_in, p->E), 1.0};
    if (m->target != NULL) expected[2] = right_overlap_with(p, &x, m->A, m->target);
    else ck_assert(isnan(s->target_overlap));
    for (int i = 0; i < (m->target != NULL ? 3 : 2); i++) {
        assert_near(given[i], expected[i], 1e-5 * expected[i] + 1e-12 * size[i], which, step);
        worst = fmax(worst, fabs(given[i] - expected[i]) / size[i]);
    }
    assert_near(s->z[0], z, 1e-9 * z, which, step);
    return worst;
}

START_TEST(every_step_against_the_dense_pencil)
{
    enum { COUNT = 3 };
    struct setting setting = shrunk_setting(&runs[_i]), *r = &setting;
    dmft_problem problem = problem_with_three(r);
    struct training t;
    double of_z = 0.0, of_overlaps = 0.0;
    int seen = 0;
    start_training(&t, &problem, COUNT);
    for (long step = 0; step < r->steps; step++) {
        evaluate(&t);
        for (size_t l = 0; l < t.matrices; l++) {
            struct pencil p = pencil_of(t.matrix[l].A);
            struct outlier_state s = outliers_at(t.basis[l], step);
            of_z = fmax(of_z, check_outliers(&p, &s, COUNT, r->name, step));
            of_overlaps = fmax(of_overlaps, check_overlaps(&p, &t.matrix[l], &s, r->name, step));
            for (size_t j = 0; j < COUNT; j++) seen += !isnan(s.z[j]);
            pencil_free(&p);
        }
        model_deep_linear.update(t.state);
    }
    printf("%s: %d outliers, eigenvalue at z less z %.1e, overlaps %.1e\n", r->name, seen, of_z, of_overlaps);
    ck_assert_int_gt(seen, 0);
    end_training(&t);
}
END_TEST

/* The same seldom: nothing may be missed when many updates lie between two looks. */
START_TEST(seldom_looks_against_the_dense_pencil)
{
    enum { COUNT = 2 };
    struct setting setting = shrunk_setting(&runs[_i / 3]), *r = &setting;
    static const long every[] = {4, 9, 17};
    dmft_problem problem = problem_with_three(r);
    struct training t;
    start_training(&t, &problem, COUNT);
    for (long step = 0; step < r->steps; step++) {
        evaluate(&t);
        for (size_t l = 0; l < t.matrices && step % every[_i % 3] == 0; l++) {
            struct pencil p = pencil_of(t.matrix[l].A);
            struct outlier_state s = outliers_at(t.basis[l], step);
            (void)check_outliers(&p, &s, COUNT, r->name, step);
            pencil_free(&p);
        }
        model_deep_linear.update(t.state);
    }
    end_training(&t);
}
END_TEST

/* (B9) from dense eigenvalues: x_t at the last step seen, and where it first passed zero. */
struct escape {
    double before, time;
    long step; /* 0: not yet, no outlier is there before the first update */
};

static void look_for_escape(struct escape *e, const struct pencil *p, size_t j, long step)
{
    double x = largest(p, j) / p->edge - 1.0;
    if (x > 0.0 && e->step == 0) {
        e->step = step;
        e->time = (double)step - 1.0 + e->before / (e->before - x);
    }
    e->before = x;
}

static void check_escape(const dmft_trajectory *t, const struct escape *e, size_t layer, size_t j, const char *which)
{
    char name[2][NAME];
    (void)snprintf(name[0], NAME, "A%zu_escape_step%zu", layer, j);
    (void)snprintf(name[1], NAME, "A%zu_escape_time%zu", layer, j);
    double step = dmft_trajectory_number(t, name[0]), time = dmft_trajectory_number(t, name[1]);
    if (e->step == 0) {
        ck_assert_msg(isnan(step) && isnan(time), "%s: %s is %g", which, name[0], step);
        return;
    }
    ck_assert_msg(step == (double)e->step, "%s: %s is %g, expected %ld", which, name[0], step, e->step);
    assert_near(time, e->time, 1e-8 * e->time, name[1], e->step);
}

/* The numbers of a finished run. */
START_TEST(escapes_against_the_dense_pencil)
{
    enum { COUNT = 2 };
    struct setting setting = shrunk_setting(&runs[_i]), *r = &setting;
    dmft_problem problem = problem_with_three(r);
    struct escape escape[MOST_LAYERS][COUNT] = {{{0.0, 0.0, 0}}};
    struct training t;
    dmft_trajectory *result = NULL;
    problem.outlier_count = COUNT;
    ck_assert_int_eq(dmft_solve(&problem, NULL, &result, NULL), DMFT_OK);
    start_training(&t, &problem, COUNT);
    for (long step = 0; step < r->steps; step++) {
        evaluate(&t);
        for (size_t l = 0; l < t.matrices; l++) {
            struct pencil p = pencil_of(t.matrix[l].A);
            (void)count_above_edge(&p);
            for (size_t j = 0; j < COUNT; j++) look_for_escape(&escape[l][j], &p, j + 1, step);
            pencil_free(&p);
        }
        model_deep_linear.update(t.state);
    }
    for (size_t l = 0; l < t.matrices; l++)
        for (size_t j = 0; j < COUNT; j++) check_escape(result, &escape[l][j], l, j + 1, r->name);
    end_training(&t);
    dmft_trajectory_free(result);
}
END_TEST

/* ---- independent spikes: (P1)-(P3) ---- */

struct matrix {
    limit_space in, out;
    limit_operator *A;
    limit_rows phi[3], g[3], x, y, target;
    double psi, variance;
};

static void open_matrix(struct matrix *m, double variance, double psi)
{
    m->variance = variance;
    m->psi = psi;
    limit_space_init(&m->in, &limit_exact);
    limit_space_init(&m->out, &limit_exact);
    ck_assert_int_eq(limit_operator_create(&m->A, &m->in, &m->out, variance, psi, 1e-11, NULL), DMFT_OK);
    ck_assert_int_eq(limit_space_reserve(&m->in, 32, NULL), DMFT_OK);
    ck_assert_int_eq(limit_space_reserve(&m->out, 32, NULL), DMFT_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(limit_field_init(&m->phi[i], &m->in, NULL), DMFT_OK);
        ck_assert_int_eq(limit_field_init(&m->g[i], &m->out, NULL), DMFT_OK);
        limit_fresh(&m->phi[i]);
        limit_fresh(&m->g[i]);
    }
    ck_assert_int_eq(limit_field_init(&m->x, &m->in, NULL), DMFT_OK);
    ck_assert_int_eq(limit_field_init(&m->target, &m->in, NULL), DMFT_OK);
    ck_assert_int_eq(limit_field_init(&m->y, &m->out, NULL), DMFT_OK);
}

static void close_matrix(struct matrix *m)
{
    limit_space_clear(&m->in);
    limit_space_clear(&m->out);
    limit_operator_free(m->A);
}

/* Adds a spike of singular value theta = step sqrt(psi) on the unit fields g[i], phi[i]. */
static void add_spike(struct matrix *m, int i, double theta)
{
    ck_assert_int_eq(limit_operator_reserve(m->A, NULL), DMFT_OK);
    limit_pull(m->A, &m->g[i], &m->x);
    limit_push(m->A, &m->phi[i], &m->y);
    limit_learn(m->A, theta / sqrt(m->psi));
}

struct bbp {
    double z, left, right; /* nan where there is no outlier */
};

static struct bbp bbp_of(double theta, double variance, double psi)
{
    double t2 = theta * theta, v = variance, gap = t2 * t2 - psi * v * v;
    if (!(gap > 0.0)) return (struct bbp){NAN, NAN, NAN};
    return (struct bbp){.z = sqrt((t2 + v) * (t2 + psi * v) / t2), .left = gap / (t2 * (t2 + psi * v)), .right = gap / (t2 * (t2 + v))};
}

static outlier_basis *basis_of(struct matrix *m, const limit_rows *target, size_t count)
{
    outlier_basis *b = NULL;
    ck_assert_int_eq(outlier_basis_create(&b, m->A, target, count, NULL), DMFT_OK);
    return b;
}

static const double psis[] = {0.5, 1.0, 2.0, 2.385};
enum { PSIS = sizeof psis / sizeof *psis };

/* Strength in units of the threshold; the target is .6 phi_0 + .8 (a field that the matrix has not met). */
static void check_one_spike(double psi, double strength)
{
    double variance = 0.7, theta = strength * sqrt(variance) * pow(psi, 0.25);
    struct bbp expected = bbp_of(theta, variance, psi);
    struct matrix m;
    open_matrix(&m, variance, psi);
    limit_copy(&m.target, &m.phi[0]);
    limit_scale(&m.target, 0.6);
    limit_add(&m.target, 0.8, &m.phi[1]);
    outlier_basis *b = basis_of(&m, &m.target, 2);
    ck_assert(isnan(outliers_at(b, 0).z[0]));
    add_spike(&m, 0, theta);
    struct outlier_state s = outliers_at(b, 1);
    ck_assert_msg(isnan(s.z[0]) == isnan(expected.z), "psi %g, strength %g: %g, expected %g", psi, strength, s.z[0], expected.z);
    ck_assert(isnan(s.z[1]));
    ck_assert_int_eq(outlier_basis_escape(b, 0).step, isnan(expected.z) ? -1 : 1);
    if (!isnan(expected.z)) {
        assert_near(s.z[0], expected.z, 1e-10 * expected.z, "z", 1);
        assert_near(s.left_overlap, expected.left, 1e-6 * expected.left, "left overlap", 1);
        assert_near(s.right_overlap, expected.right, 1e-6 * expected.right, "right overlap", 1);
        assert_near(s.target_overlap, 0.36 * expected.right, 1e-6 * expected.right, "target overlap", 1);
    }
    outlier_basis_free(b);
    close_matrix(&m);
}

START_TEST(one_independent_spike)
{
    static const double strengths[] = {0.3, 0.99, 1.01, 1.2, 3.0, 30.0};
    for (size_t k = 0; k < sizeof strengths / sizeof *strengths; k++) check_one_spike(psis[_i], strengths[k]);
}
END_TEST

/* Two spikes on orthogonal fields do not see each other. Learned at two steps, or both between two steps, in either order. */
START_TEST(two_independent_spikes)
{
    double psi = psis[_i % PSIS], variance = 0.7, threshold = sqrt(variance) * pow(psi, 0.25);
    int at_once = _i / PSIS % 2, larger_first = _i / PSIS / 2;
    double theta[2] = {threshold * (larger_first ? 3.0 : 1.5), threshold * (larger_first ? 1.5 : 3.0)};
    struct matrix m;
    open_matrix(&m, variance, psi);
    outlier_basis *b = basis_of(&m, &m.phi[larger_first ? 0 : 1], 3);
    struct outlier_state s = outliers_at(b, 0);
    add_spike(&m, 0, theta[0]);
    if (!at_once) s = outliers_at(b, 1);
    add_spike(&m, 1, theta[1]);
    s = outliers_at(b, 2);
    struct bbp large = bbp_of(3.0 * threshold, variance, psi), small = bbp_of(1.5 * threshold, variance, psi);
    assert_near(s.z[0], large.z, 1e-10 * large.z, "first outlier", 2);
    assert_near(s.z[1], small.z, 1e-10 * small.z, "second outlier", 2);
    ck_assert(isnan(s.z[2]));
    assert_near(s.target_overlap, large.right, 1e-7, "target overlap", 2);
    assert_near(s.left_overlap, larger_first ? 0.0 : large.left, 1e-7, "left overlap with the last g", 2);
    outlier_basis_free(b);
    close_matrix(&m);
}
END_TEST

/* A strong spike, then a weak one, and only then a look, the first or after one at the untouched matrix. */
START_TEST(a_spike_learned_before_the_last_one_is_found)
{
    double psi = psis[_i / 2], variance = 0.7, threshold = sqrt(variance) * pow(psi, 0.25);
    struct matrix m;
    open_matrix(&m, variance, psi);
    outlier_basis *b = basis_of(&m, NULL, 1);
    if (_i % 2 == 1) (void)outliers_at(b, 0);
    add_spike(&m, 0, 3.0 * threshold);
    add_spike(&m, 1, 0.4 * threshold);
    add_spike(&m, 2, 0.5 * threshold);
    struct outlier_state s = outliers_at(b, 1);
    double expected = bbp_of(3.0 * threshold, variance, psi).z;
    ck_assert_msg(!isnan(s.z[0]), "no outlier found; there is one at %g, the edge is %g", expected, sqrt(variance) * (1.0 + sqrt(psi)));
    assert_near(s.z[0], expected, 1e-10 * expected, "outlier", 1);
    outlier_basis_free(b);
    close_matrix(&m);
}
END_TEST

/* An outlier that is there, and a larger one on other fields while nobody looks, followed by a weak update. */
START_TEST(a_larger_spike_takes_the_lead)
{
    double psi = psis[_i], variance = 0.7, threshold = sqrt(variance) * pow(psi, 0.25);
    struct matrix m;
    open_matrix(&m, variance, psi);
    outlier_basis *b = basis_of(&m, NULL, 1);
    add_spike(&m, 0, 2.0 * threshold);
    double first = bbp_of(2.0 * threshold, variance, psi).z, second = bbp_of(4.0 * threshold, variance, psi).z;
    assert_near(outliers_at(b, 1).z[0], first, 1e-10 * first, "first outlier", 1);
    add_spike(&m, 1, 4.0 * threshold);
    add_spike(&m, 2, 0.1 * threshold);
    assert_near(outliers_at(b, 2).z[0], second, 1e-10 * second, "larger outlier", 2);
    outlier_basis_free(b);
    close_matrix(&m);
}
END_TEST

START_TEST(without_bulk_outliers_are_singular_values)
{
    double psi = psis[_i];
    struct matrix m;
    open_matrix(&m, 0.0, psi);
    outlier_basis *b = basis_of(&m, &m.phi[0], 3);
    ck_assert(isnan(outliers_at(b, 0).z[0]));
    add_spike(&m, 0, 1e-3);
    struct outlier_state s = outliers_at(b, 1);
    assert_near(s.z[0], 1e-3, 1e-13, "first spike", 1);
    assert_near(s.left_overlap, 1.0, 1e-12, "left overlap", 1);
    assert_near(s.right_overlap, 1.0, 1e-12, "right overlap", 1);
    assert_near(s.target_overlap, 1.0, 1e-12, "target overlap", 1);
    ck_assert(isnan(s.z[1]));
    ck_assert_int_eq(outlier_basis_escape(b, 0).step, 1);
    add_spike(&m, 1, 2.385);
    s = outliers_at(b, 2);
    assert_near(s.z[0], 2.385, 1e-9, "larger spike", 2);
    assert_near(s.z[1], 1e-3, 1e-12, "smaller spike", 2);
    ck_assert(isnan(s.z[2]));
    assert_near(s.target_overlap, 0.0, 1e-12, "target overlap", 2);
    outlier_basis_free(b);
    close_matrix(&m);
}
END_TEST

/* Comes, sinks back, comes again: the escape is the first one. */
START_TEST(an_outlier_may_sink_and_come_again)
{
    double psi = psis[_i], variance = 0.7, threshold = sqrt(variance) * pow(psi, 0.25), theta = 0.0;
    static const double strengths[] = {0.5, 0.9, 1.1, 2.0, 1.3, 0.7, 0.2, 0.8, 1.05, 1.6, 0.0, -1.8, -0.6};
    struct matrix m;
    open_matrix(&m, variance, psi);
    outlier_basis *b = basis_of(&m, &m.phi[0], 2);
    for (size_t k = 0; k < sizeof strengths / sizeof *strengths; k++) {
        add_spike(&m, 0, strengths[k] * threshold - theta);
        theta = strengths[k] * threshold;
        struct outlier_state s = outliers_at(b, (long)k);
        struct bbp expected = bbp_of(theta, variance, psi);
        ck_assert_msg(isnan(s.z[0]) == isnan(expected.z), "strength %g: %g", strengths[k], s.z[0]);
        ck_assert(isnan(s.z[1]));
        if (isnan(expected.z)) continue;
        assert_near(s.z[0], expected.z, 1e-10 * expected.z, "outlier", (long)k);
        assert_near(s.right_overlap, expected.right, 1e-7, "right overlap", (long)k);
        assert_near(s.target_overlap, expected.right, 1e-7, "target overlap", (long)k);
    }
    struct outlier_escape escape = outlier_basis_escape(b, 0);
    ck_assert_int_eq(escape.step, 2);
    ck_assert(escape.time > 1.0 && escape.time < 2.0);
    outlier_basis_free(b);
    close_matrix(&m);
}
END_TEST

/* The root itself, not a point of its bracket: z to rounding at many strengths, followed up and down. */
START_TEST(the_root_is_exact_to_rounding)
{
    double psi = psis[_i], variance = 0.7, threshold = sqrt(variance) * pow(psi, 0.25), theta = 0.0, worst = 0.0;
    struct matrix m;
    open_matrix(&m, variance, psi);
    outlier_basis *b = basis_of(&m, NULL, 1);
    for (long k = 0; k < 1500; k++) {
        double next = threshold * (3.0 - 1.97 * cos(0.013 * (double)k));
        add_spike(&m, 0, next - theta);
        theta = next;
        double z = outliers_at(b, k).z[0], expected = bbp_of(theta, variance, psi).z;
        worst = fmax(worst, fabs(z / expected - 1.0));
        assert_near(z, expected, 1e-12 * expected, "z", k);
    }
    printf("root: psi %g, 1500 strengths: largest relative error of z %.1e\n", psi, worst);
    outlier_basis_free(b);
    close_matrix(&m);
}
END_TEST

/* Directions that no update has used, and rotating the order of the questions, change no outlier (section 7). */
START_TEST(revealing_more_changes_nothing)
{
    double psi = psis[_i];
    struct matrix m;
    open_matrix(&m, 0.7, psi);
    outlier_basis *b = basis_of(&m, NULL, 1);
    limit_pull(m.A, &m.g[0], &m.x); /* dependent: phi = x + .5 phi_0 */
    limit_add(&m.x, 0.5, &m.phi[0]);
    limit_push(m.A, &m.x, &m.y);
    limit_learn(m.A, 2.5);
    double z = outliers_at(b, 0).z[0];
    ck_assert(!isnan(z));
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(limit_operator_reserve(m.A, NULL), DMFT_OK);
        limit_push(m.A, &m.phi[i], &m.y);
        limit_add(&m.y, 0.3, &m.g[i]);
        limit_pull(m.A, &m.y, &m.x);
        assert_near(outliers_at(b, i).z[0], z, 1e-9 * z, "outlier", i);
    }
    struct pencil p = pencil_of(m.A);
    assert_near(outlier_by_bisection(&p, 1), z, 1e-9 * z, "outlier by bisection", 3);
    pencil_free(&p);
    outlier_basis_free(b);
    close_matrix(&m);
}
END_TEST

/* ---- dependent spikes against sampled matrices ---- */

/* One layer of a training loop with its readout w and target t:
 *   g = w, x = W^T g, phi = t - k x, y = W phi, learn(c), w <- w + c y.
 * Numbers: z1, z2, (g.A)^2/M, (phi.B)^2/N, (t.B)^2/N, and by (B7) (u.A)^2/M with u = w(0). */
enum { LOOPS = 4, FIGURES = 6 };
static const char *const figure_names[FIGURES] = {"z1", "(g.A)^2/M", "(phi.B)^2/N", "(t.B)^2/N", "(w0.A)^2/M", "z2"};

struct loop {
    int M, N, seeds;
    double variance, gain, step;
};
/* A square matrix, and a rectangular one. */
static const struct loop loops[] = {{2000, 2000, 8, 0.4, 0.6, 1.1}, {800, 2000, 8, 0.5, 0.7, 1.0}};

/* DMFT_TEST_SHRINK divides the sizes, for valgrind; the allowances go with them. */
static struct loop shrunk(struct loop q)
{
    int factor = (int)shrink_factor();
    if (factor > 1) {
        q.M /= factor;
        q.N /= factor;
    }
    return q;
}

static void exact_loop(const struct loop *q, double *figure)
{
    struct matrix m;
    limit_rows *w = &m.g[0], *t = &m.phi[0];
    open_matrix(&m, q->variance, (double)q->M / q->N);
    outlier_basis *b = basis_of(&m, t, 2);
    limit_copy(&m.g[1], w); /* w(0) */
    struct outlier_state s = {0};
    for (int step = 0; step <= LOOPS; step++) {
        ck_assert_int_eq(limit_operator_reserve(m.A, NULL), DMFT_OK);
        limit_pull(m.A, w, &m.x);
        limit_scale(&m.x, -q->gain);
        limit_add(&m.x, 1.0, t);
        limit_push(m.A, &m.x, &m.y);
        s = outliers_at(b, step);
        if (step == LOOPS) break;
        limit_learn(m.A, q->step);
        limit_add(w, q->step, &m.y);
    }
    struct pencil p = pencil_of(m.A);
    struct pair x = first_pair(&p, s.z[0]);
    figure[0] = s.z[0];
    figure[1] = s.left_overlap;
    figure[2] = s.right_overlap;
    figure[3] = s.target_overlap;
    figure[4] = left_overlap_with(&p, &x, m.A, &m.g[1]);
    figure[5] = isnan(s.z[1]) ? p.edge : s.z[1];
    assert_near(s.target_overlap, right_overlap_with(&p, &x, m.A, t), 1e-7, "target overlap", LOOPS);
    pencil_free(&p);
    outlier_basis_free(b);
    close_matrix(&m);
}

/* The sampled side. */
struct sampled {
    int M, N;
    double *W, *w, *w0, *t, *x, *y, *work, *vectors;
    spectrum_leading *solver;
};

static void gaussians(gsl_rng *rng, double deviation, size_t n, double *x)
{
    for (size_t i = 0; i < n; i++) x[i] = gsl_ran_gaussian_ziggurat(rng, deviation);
}

/* A Gaussian vector of exactly the norm that it has in the limit: less scatter in all that follows. */
static void unit_gaussians(gsl_rng *rng, int n, double *x)
{
    gaussians(rng, 1.0, (size_t)n, x);
    cblas_dscal(n, sqrt(n) / cblas_dnrm2(n, x, 1), x, 1);
}

/* B -> W^T W B */
static void squared(void *context, size_t n, const double *x, double *y)
{
    struct sampled *s = context;
    ck_assert_uint_eq(n, (size_t)s->N);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, s->M, s->N, 1.0, s->W, s->N, x, 1, 0.0, s->work, 1);
    cblas_dgemv(CblasRowMajor, CblasTrans, s->M, s->N, 1.0, s->W, s->N, s->work, 1, 0.0, y, 1);
}

static void train_sample(struct sampled *s, const struct loop *q)
{
    for (int step = 0; step <= LOOPS; step++) {
        cblas_dgemv(CblasRowMajor, CblasTrans, s->M, s->N, -q->gain, s->W, s->N, s->w, 1, 0.0, s->x, 1);
        cblas_daxpy(s->N, 1.0, s->t, 1, s->x, 1);
        if (step == LOOPS) break;
        cblas_dgemv(CblasRowMajor, CblasNoTrans, s->M, s->N, 1.0, s->W, s->N, s->x, 1, 0.0, s->y, 1);
        cblas_dger(CblasRowMajor, s->M, s->N, q->step / s->N, s->w, 1, s->x, 1, s->W, s->N);
        cblas_daxpy(s->M, q->step, s->y, 1, s->w, 1);
    }
}

static double squared_over(int n, const double *a, const double *unit)
{
    double sum = cblas_ddot(n, a, 1, unit, 1);
    return sum * sum / n;
}

static void sample_loop(struct sampled *s, const struct loop *q, unsigned long seed, double *figure)
{
    double values[2];
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, seed);
    gaussians(rng, sqrt(q->variance / q->N), (size_t)s->M * (size_t)s->N, s->W);
    unit_gaussians(rng, s->M, s->w);
    unit_gaussians(rng, s->N, s->t);
    gsl_rng_free(rng);
    memcpy(s->w0, s->w, (size_t)s->M * sizeof *s->w);
    train_sample(s, q);
    memcpy(s->vectors, s->t, (size_t)s->N * sizeof *s->t); /* start vectors; test_spectrum.c has the solver against LAPACK */
    memcpy(s->vectors + s->N, s->x, (size_t)s->N * sizeof *s->x);
    ck_assert_int_eq(spectrum_leading_solve(s->solver, squared, s, (size_t)s->N, 2, 2, 1e-5, values, s->vectors, (size_t)s->N, NULL), DMFT_OK);
    const double *B = s->vectors;
    double z = sqrt(values[0]);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, s->M, s->N, 1.0 / z, s->W, s->N, B, 1, 0.0, s->work, 1); /* A = W B/z */
    figure[0] = z;
    figure[1] = squared_over(s->M, s->w, s->work);
    figure[2] = squared_over(s->N, s->x, B);
    figure[3] = squared_over(s->N, s->t, B);
    figure[4] = squared_over(s->M, s->w0, s->work);
    figure[5] = sqrt(values[1]);
}

static struct sampled open_sample(const struct loop *q)
{
    size_t M = (size_t)q->M, N = (size_t)q->N;
    struct sampled s = {.M = q->M, .N = q->N, .W = numbers(M * N), .w = numbers(M), .w0 = numbers(M), .t = numbers(N), .x = numbers(N)};
    s.y = numbers(M);
    s.work = numbers(M);
    s.vectors = numbers(3 * N);
    ck_assert_int_eq(spectrum_leading_create(&s.solver, N, 2, NULL), DMFT_OK);
    return s;
}

static void close_sample(struct sampled *s)
{
    double *all[] = {s->W, s->w, s->w0, s->t, s->x, s->y, s->work, s->vectors};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    spectrum_leading_free(s->solver);
}

/* Mean over seeds within 4 standard errors + 10 |theory|/N. The second singular value is the edge of the bulk up to (S2), N^(-2/3). */
static void compare_figures(const struct loop *q, const double *theory, const double *sum, const double *squares)
{
    printf("sampled %d x %d, %d seeds:", q->M, q->N, q->seeds);
    for (int k = 0; k < FIGURES; k++) {
        double mean = sum[k] / q->seeds, se = sqrt(fmax(squares[k] / q->seeds - mean * mean, 0.0) / (q->seeds - 1));
        printf(" %s %.5f %.5f(%.5f)", figure_names[k], theory[k], mean, se);
        double allowed = 4.0 * se + (k < 5 ? 10.0 * theory[k] / q->N : 1.5 * pow(q->N, -2.0 / 3.0));
        ck_assert_msg(fabs(mean - theory[k]) <= allowed, "%d x %d, %s: theory %.6f, mean %.6f, standard error %.6f", q->M, q->N,
                      figure_names[k], theory[k], mean, se);
    }
    printf("\n");
}

START_TEST(dependent_spikes_against_sampled_matrices)
{
    struct loop size = shrunk(loops[_i]);
    const struct loop *q = &size;
    struct sampled s = open_sample(q);
    double theory[FIGURES], figure[FIGURES], sum[FIGURES] = {0.0}, squares[FIGURES] = {0.0};
    exact_loop(q, theory);
    for (int seed = 0; seed < q->seeds; seed++) {
        sample_loop(&s, q, 100 + (unsigned long)seed, figure);
        for (int k = 0; k < FIGURES; k++) {
            sum[k] += figure[k];
            squares[k] += figure[k] * figure[k];
        }
    }
    compare_figures(q, theory, sum, squares);
    close_sample(&s);
}
END_TEST

/* ---- reference numbers ---- */

static dmft_trajectory *solve_reference_a(void)
{
    struct setting setting = runs[0];
    dmft_problem p = problem_of(&setting);
    p.outlier_count = 1;
    dmft_trajectory *t = NULL;
    ck_assert_int_eq(dmft_solve(&p, NULL, &t, NULL), DMFT_OK);
    return t;
}

START_TEST(target_overlaps_of_the_theory_page)
{
    static const long steps[] = {14, 20, 29};
    static const double expected[] = {0.8643, 0.9785, 0.9959};
    dmft_trajectory *t = solve_reference_a();
    const double *overlap = dmft_trajectory_series(t, "A0_target_overlap");
    ck_assert_ptr_nonnull(overlap);
    for (int i = 0; i < 3; i++) assert_near(overlap[steps[i]], expected[i], 5e-5, "cos^2(B, w*)", steps[i]);
    ck_assert_ptr_null(dmft_trajectory_series(t, "A1_target_overlap"));
    dmft_trajectory_free(t);
}
END_TEST

/* All columns at every step of the file, from the basis. */
START_TEST(the_reference_table_from_the_basis)
{
    enum { STEPS = 60 };
    const char *root = getenv("DMFT_SRCDIR");
    char path[4096], line[512];
    (void)snprintf(path, sizeof path, "%s/tests/reference/rmt_outlier_ode_a.csv", root != NULL ? root : ".");
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    struct setting setting = runs[0];
    dmft_problem problem = problem_of(&setting);
    double table[2][STEPS][4], worst = 0.0;
    struct training t;
    int rows = 0;
    start_training(&t, &problem, 1);
    for (long step = 0; step < STEPS; step++) {
        evaluate(&t);
        for (size_t l = 0; l < 2; l++) {
            struct outlier_state s = outliers_at(t.basis[l], step);
            double row[4] = {s.z[0], s.drift, s.left_overlap, s.right_overlap};
            memcpy(table[l][step], row, sizeof row);
        }
        model_deep_linear.update(t.state);
    }
    end_training(&t);
    while (fgets(line, sizeof line, file) != NULL) {
        long step;
        int layer;
        double e[4];
        if (sscanf(line, "%ld,%d,%lf,%lf,%lf,%lf", &step, &layer, &e[0], &e[1], &e[2], &e[3]) != 6) continue;
        for (int i = 0; i < 4; i++) {
            double given = table[layer][step][i];
            assert_near(given, e[i], 1e-6 * fabs(e[i]), "a column of rmt_outlier_ode_a", step);
            worst = fmax(worst, fabs(given / e[i] - 1.0));
        }
        rows++;
    }
    (void)fclose(file);
    ck_assert_int_eq(rows, 67);
    printf("rmt_outlier_ode_a from the basis: %d rows, largest relative error %.1e\n", rows, worst);
}
END_TEST

/* ---- the outlier ODE ---- */

/* Inside every step of every matrix z changes by the integral of the drift; the follower's own check says the same of the steps it looks at. */
START_TEST(inside_a_step_the_ode_is_exact_in_the_basis)
{
    enum { COUNT = 2 };
    struct setting setting = shrunk_setting(&runs[_i]), *r = &setting;
    dmft_problem problem = problem_with_three(r);
    double gamma = r->gamma0 * (r->parameterization == PARAMETERIZATION_MUP ? sqrt(r->width_ratio) : 1.0), worst = 0.0, sum = 0.0;
    struct training t, watched;
    int seen = 0;
    if (r->batch == BATCH_ONLINE && problem.learning_rate > 0.04) problem.learning_rate = 0.04; /* four points are no more than that */
    double c = problem.learning_rate * gamma / sqrt(r->width_ratio), before[MOST_LAYERS][COUNT], change[MOST_LAYERS][COUNT];
    start_training(&t, &problem, COUNT);
    start_training(&watched, &problem, COUNT);
    for (size_t l = 0; l < t.matrices; l++) ck_assert_int_eq(outlier_basis_watch(watched.basis[l], (size_t)r->steps, 0, NULL), DMFT_OK);
    for (long step = 0; step < r->steps; step++) {
        evaluate(&t);
        evaluate(&watched);
        for (size_t l = 0; l < t.matrices; l++) {
            struct outlier_state s = outliers_at(t.basis[l], step), again;
            ck_assert_int_eq(outlier_basis_step_at(watched.basis[l], step, (double)step, c, &again, NULL), DMFT_OK);
            for (size_t j = 0; j < COUNT; j++) {
                ck_assert(isnan(s.z[j]) == isnan(again.z[j]));
                if (!isnan(s.z[j])) assert_near(again.z[j], s.z[j], 1e-11, "z of the watched follower", step);
                if (step == 0 || isnan(before[l][j]) || isnan(s.z[j])) continue;
                assert_near(change[l][j], s.z[j] - before[l][j], 1e-7, r->name, step);
                worst = fmax(worst, fabs(change[l][j] - s.z[j] + before[l][j]));
                sum += s.z[j] - before[l][j];
                seen++;
            }
            memcpy(before[l], s.z, sizeof before[l]);
            ck_assert_int_eq(outlier_basis_change(t.basis[l], c, change[l], NULL), DMFT_OK);
        }
        model_deep_linear.update(t.state);
        model_deep_linear.update(watched.state);
    }
    for (size_t l = 0; l < t.matrices; l++) {
        double difference = NAN;
        ck_assert_int_eq(outlier_basis_difference(watched.basis[l], &difference, NULL), DMFT_OK);
        ck_assert_msg(isnan(difference) || difference <= worst + 1e-11, "the follower has seen %.2e, the test %.2e", difference, worst);
    }
    printf("inside steps, %s: %d steps, %.3f of z, difference at most %.1e\n", r->name, seen, sum, worst);
    ck_assert_int_gt(seen, 0);
    end_training(&t);
    end_training(&watched);
}
END_TEST

/* Weights that are a flow's by Euler's rule: the first-order rule shows as first order in the difference of ODE and algebra. */
static double euler_difference(long steps)
{
    struct setting r = runs[0];
    struct training t;
    double gamma = r.gamma0 * sqrt(r.width_ratio), largest = 0.0;
    r.learning_rate = 0.72 / (double)steps;
    r.steps = steps;
    dmft_problem problem = problem_with_three(&r);
    start_training(&t, &problem, 2);
    for (size_t l = 0; l < t.matrices; l++) ck_assert_int_eq(outlier_basis_watch(t.basis[l], (size_t)steps + 1, 1, NULL), DMFT_OK);
    for (long step = 0; step <= steps; step++) {
        struct outlier_state s;
        evaluate(&t);
        for (size_t l = 0; l < t.matrices; l++)
            ck_assert_int_eq(outlier_basis_step_at(t.basis[l], step, r.learning_rate * (double)step, gamma / sqrt(r.width_ratio), &s, NULL), DMFT_OK);
        model_deep_linear.update(t.state);
    }
    for (size_t l = 0; l < t.matrices; l++) {
        double difference = NAN;
        ck_assert_int_eq(outlier_basis_difference(t.basis[l], &difference, NULL), DMFT_OK);
        ck_assert(!isnan(difference));
        largest = fmax(largest, difference);
    }
    end_training(&t);
    return largest;
}

START_TEST(along_a_flow_in_the_basis)
{
    double a = euler_difference(72), b = euler_difference(144), order = log2(a / b);
    printf("flow by Euler's rule in the basis: ODE less algebra %.2e, %.2e, order %.2f\n", a, b, order);
    ck_assert_msg(order > 0.75 && order < 1.35, "order %.3f", order);
}
END_TEST

/* ---- checkpoints ---- */

/* One follower is written at `half` and read into another that looks at the same matrices from there on. */
START_TEST(a_checkpoint_of_the_basis_goes_on_bit_for_bit)
{
    struct setting setting = shrunk_setting(&runs[_i / 2]), *r = &setting;
    const long half = _i % 2 == 0 ? 7 : 17;
    dmft_problem problem = problem_with_three(r);
    const char *folder = getenv("DMFT_BUILD");
    char path[4096];
    struct training t;
    outlier_basis *copy[MOST_LAYERS] = {NULL};
    struct archive_head head = {.kind = "solve", .problem = "a problem"};
    (void)snprintf(path, sizeof path, "%s/basis%d.checkpoint", folder != NULL ? folder : "build", _i);
    start_training(&t, &problem, 2);
    for (size_t l = 0; l < t.matrices; l++) {
        ck_assert_int_eq(outlier_basis_create(&copy[l], t.matrix[l].A, t.matrix[l].target, 2, NULL), DMFT_OK);
        ck_assert_int_eq(outlier_basis_watch(t.basis[l], (size_t)r->steps, 0, NULL), DMFT_OK);
        ck_assert_int_eq(outlier_basis_watch(copy[l], (size_t)r->steps, 0, NULL), DMFT_OK);
    }
    for (long step = 0; step < r->steps; step++) {
        evaluate(&t);
        for (size_t l = 0; l < t.matrices; l++) {
            struct outlier_state s, again;
            ck_assert_int_eq(outlier_basis_step_at(t.basis[l], step, (double)step, 0.1, &s, NULL), DMFT_OK);
            if (step > half) {
                ck_assert_int_eq(outlier_basis_step_at(copy[l], step, (double)step, 0.1, &again, NULL), DMFT_OK);
                double told[2][6] = {{s.z[0], s.z[1], s.left_overlap, s.right_overlap, s.target_overlap, s.drift},
                                     {again.z[0], again.z[1], again.left_overlap, again.right_overlap, again.target_overlap, again.drift}};
                ck_assert_mem_eq(told[0], told[1], sizeof told[0]);
            }
            if (step != half) continue;
            archive *a = NULL;
            (void)remove(path);
            ck_assert_int_eq(archive_create_write(&a, path, &head, NULL), DMFT_OK);
            outlier_basis_transfer(t.basis[l], a);
            ck_assert_int_eq(archive_close(a, NULL), DMFT_OK);
            ck_assert_int_eq(archive_open_read(&a, path, "solve", "a problem", NULL), DMFT_OK);
            outlier_basis_transfer(copy[l], a);
            ck_assert_int_eq(archive_close(a, NULL), DMFT_OK);
        }
        model_deep_linear.update(t.state);
    }
    for (size_t l = 0; l < t.matrices; l++) {
        double difference[2] = {NAN, NAN};
        ck_assert_int_eq(outlier_basis_difference(t.basis[l], &difference[0], NULL), DMFT_OK);
        ck_assert_int_eq(outlier_basis_difference(copy[l], &difference[1], NULL), DMFT_OK);
        ck_assert_mem_eq(&difference[0], &difference[1], sizeof difference[0]);
        ck_assert_int_eq(outlier_basis_products(t.basis[l]), outlier_basis_products(copy[l]));
        for (size_t j = 0; j < 2; j++) {
            struct outlier_escape x = outlier_basis_escape(t.basis[l], j), y = outlier_basis_escape(copy[l], j);
            ck_assert_int_eq(x.step, y.step);
            ck_assert_mem_eq(&x.time, &y.time, sizeof x.time);
        }
        outlier_basis_free(copy[l]);
    }
    (void)remove(path);
    end_training(&t);
}
END_TEST

Suite *suite_outlier(void)
{
    Suite *s = suite_create("outlier");
    TCase *dense = tcase_create("dense"), *spikes = tcase_create("spikes"), *sampled = tcase_create("sampled"), *sites = tcase_create("sites");
    TCase *ode = tcase_create("ode");
    tcase_add_loop_test(dense, every_step_against_the_dense_pencil, 0, RUNS);
    tcase_add_loop_test(dense, seldom_looks_against_the_dense_pencil, 0, 3 * RUNS);
    tcase_add_loop_test(dense, escapes_against_the_dense_pencil, 0, RUNS);
    tcase_add_loop_test(spikes, one_independent_spike, 0, PSIS);
    tcase_add_loop_test(spikes, two_independent_spikes, 0, 4 * PSIS);
    tcase_add_loop_test(spikes, a_spike_learned_before_the_last_one_is_found, 0, 2 * PSIS);
    tcase_add_loop_test(spikes, a_larger_spike_takes_the_lead, 0, PSIS);
    tcase_add_loop_test(spikes, without_bulk_outliers_are_singular_values, 0, PSIS);
    tcase_add_loop_test(spikes, an_outlier_may_sink_and_come_again, 0, PSIS);
    tcase_add_loop_test(spikes, the_root_is_exact_to_rounding, 0, PSIS);
    tcase_add_loop_test(spikes, revealing_more_changes_nothing, 0, PSIS);
    tcase_add_loop_test(sampled, dependent_spikes_against_sampled_matrices, 0, 2);
    tcase_add_test(sites, target_overlaps_of_the_theory_page);
    tcase_add_test(sites, the_reference_table_from_the_basis);
    tcase_add_loop_test(ode, inside_a_step_the_ode_is_exact_in_the_basis, 0, RUNS);
    tcase_add_test(ode, along_a_flow_in_the_basis);
    tcase_add_loop_test(ode, a_checkpoint_of_the_basis_goes_on_bit_for_bit, 0, 2 * RUNS);
    suite_add_tcase(s, ode);
    suite_add_tcase(s, dense);
    suite_add_tcase(s, spikes);
    suite_add_tcase(s, sampled);
    suite_add_tcase(s, sites);
    tcase_set_timeout(dense, 60.0);
    tcase_set_timeout(sampled, 60.0);
    return s;
}
