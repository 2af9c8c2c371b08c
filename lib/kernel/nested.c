/* The nested law: chain of scalars (F5), also with a spectrum of inputs (V4), edges of its spectrum (F7), and its solution along a circle of
 * frequencies (F6).
 *
 * With J stages an evaluation is 2 J complex divisions; a circle of N points takes about N of them, since each point starts from the two before.
 */
#include "kernel/nested.h"

#include <gsl/gsl_math.h>
#include <math.h>

#include "base/error.h"

static const double most = 1e290;   /* of x/kappa and of derivatives: a level multiplies by no more than 1e16, next to a pole */
static const double most_d = 1e150; /* of d, which is squared */

static void stage(struct kernel_nested *n, double shift, double gain, double aspect)
{
    n->shift[n->stages] = shift;
    n->gain[n->stages] = gain;
    n->aspect[n->stages++] = aspect;
}

void kernel_nested_network(struct kernel_nested *n, const struct nested_network *w)
{
    int L = w->depth, last = 0; /* the first matrix of zero variance, or L */
    while (last < L && w->variance[last] > 0.0) last++;
    *n = (struct kernel_nested){.spectrum = -1, .modes = w->modes, .eigenvalue = w->eigenvalue, .data = w->sample_ratio > 0.0};
    if (n->data) stage(n, 0.0, 1.0, 1.0 / w->sample_ratio);
    if (w->modes > 0) {
        n->spectrum = n->stages;
        stage(n, 0.0, 1.0, 1.0);
    }
    for (int l = 0; l < last; l++)
        stage(n, w->c[l], w->variance[l] / (l == 0 ? w->width_ratio : 1.0), l == 0 ? w->width_ratio : 1.0);
    n->shift[n->stages] = w->c[last];
}

void kernel_nested_make(struct kernel_nested *n, const struct dmft_problem *p)
{
    double c[NESTED_MOST], product = 1.0;
    for (int l = p->depth; l >= 0; l--) { /* c_l = C_{g,l+1}(0), c_L = 1 */
        c[l] = product;
        product *= p->weight_variance[l];
    }
    struct nested_network w = {.depth = p->depth,
                               .variance = p->weight_variance,
                               .c = c,
                               .width_ratio = p->width_ratio,
                               .sample_ratio = p->batch == BATCH_FULL ? p->sample_ratio : 0.0};
    kernel_nested_network(n, &w);
    n->rate = p->learning_rate;
}

static inline int within(double complex z, double bound) { return isless(fabs(creal(z)) + fabs(cimag(z)), bound); }

/* 1/z for numbers that are far from overflow; C's own division looks after those that are not. 0 at z = 0, which has no inverse. */
static inline int inverse(double complex z, double complex *r)
{
    double a = creal(z), b = cimag(z), n = a * a + b * b;
    if (n == 0.0) return 0;
    *r = a / n - I * (b / n);
    return 1;
}

/* y with mean(lambda/(y + lambda)) = d, on the side of the spectrum on which d lies: y > -lambda_min for d > 0, y < -lambda_max for d < 0. The inverse
 * of the mean is monotone and concave there (-y for d < 0), so that Newton's method comes up to the root from a bound below it. 0 where d is so large that
 * y rounds to the end of the spectrum, or so small that the slope there is 0, and at y = 0, where x is infinite. */
static int moment_point(const struct kernel_nested *n, double d, double *root, double *slope)
{
    if (d == 0.0) return 0;
    double extreme = n->eigenvalue[0], modes = (double)n->modes;
    for (size_t k = 1; k < n->modes; k++) extreme = d < 0.0 ? fmax(extreme, n->eigenvalue[k]) : fmin(extreme, n->eigenvalue[k]);
    double y = -extreme + extreme / (modes * d);
    for (int i = 0; i < 200; i++) {
        double mean = 0.0, square = 0.0;
        for (size_t k = 0; k < n->modes; k++) {
            double distance = y + n->eigenvalue[k];
            if (distance == 0.0) return 0;
            double r = 1.0 / distance;
            mean += n->eigenvalue[k] * r / modes;
            square += n->eigenvalue[k] * r * r / modes;
        }
        if (square == 0.0) return 0;
        double step = (1.0 / d - 1.0 / mean) * mean * mean / square;
        *slope = square;
        y += step;
        if (!(fabs(step) > 1e-15 * fabs(y))) break;
    }
    *root = y;
    return y != 0.0;
}

/* (V4): Lambda^{1/2} T Lambda^{1/2} has the moment d where T has it, and there x = x_T (1 - d)/(y d), y = 1/x_Lambda. */
static int enter_spectrum(const struct kernel_nested *n, const struct nested_level *inner, struct nested_level *outer)
{
    double x = creal(inner->x), d = creal(inner->d), e = creal(inner->e), dx = creal(inner->dx), dd = creal(inner->dd), y, slope;
    if (!moment_point(n, d, &y, &slope)) return 0;
    double factor = e / (y * d), change = -dd / (y * d) + factor * (dd / (slope * y) - dd / d);
    *outer = (struct nested_level){.x = x * factor, .e = e, .d = d, .dx = dx * factor + x * change, .dd = dd};
    return 1;
}

/* The levels from the innermost out to `last`; 0 where one of these has a pole, or leaves the range of numbers. */
static int evaluate(const struct kernel_nested *n, double complex x, int last, struct nested_level *level)
{
    int J = n->stages;
    double complex e = 1.0 + n->shift[J] * x, r;
    if (!within(e, most_d) || !inverse(e, &e)) return 0;
    level[J] = (struct nested_level){.x = x, .e = e, .d = n->shift[J] * x * e, .dx = 1.0, .dd = n->shift[J] * e * e};
    for (int j = J - 1; j >= last; j--) {
        const struct nested_level *inner = &level[j + 1];
        if (j == n->spectrum) {
            if (!enter_spectrum(n, inner, &level[j])) return 0;
            continue;
        }
        double complex X = inner->x / n->gain[j], dX = inner->dx / n->gain[j]; /* x e of this level */
        if (!within(X, most) || !within(dX, most)) return 0;
        double complex d = n->aspect[j] * inner->d + n->shift[j] * X, dd = n->aspect[j] * inner->dd + n->shift[j] * dX;
        if (!within(d, most_d) || !within(dd, most) || !inverse(1.0 - d, &r)) return 0;
        level[j] = (struct nested_level){.x = X * r, .e = 1.0 - d, .d = d, .dx = (dX + X * r * dd) * r, .dd = dd};
    }
    return 1;
}

int kernel_nested_evaluate(const struct kernel_nested *n, double complex x, struct nested_level *level) { return evaluate(n, x, 0, level); }

/* ---- edges ---- */

/* The levels out to `last` for a place v in (-1, 1) of the innermost x on the real line outside the spectrum: x c/(1 + x c) = v/(1 - |v|). 0 at a pole,
 * and where x is infinite, at v = 1/2. */
static int evaluate_at(const struct kernel_nested *n, double v, int last, struct nested_level *level)
{
    double u = v / (1.0 - fabs(v)), divisor = n->shift[n->stages] * (1.0 - u);
    return divisor != 0.0 && evaluate(n, u / divisor, last, level);
}

/* Whether level j at v still lies outside its spectrum, given that level j+1 does: the eigenvalue -1/x rises with v, and on the lower side it
 * has not come to the zero eigenvalues of an inner matrix with fewer rows than columns. A pole counts as inside. */
static int outside(const struct kernel_nested *n, int j, double v)
{
    struct nested_level level[NESTED_MOST];
    if (!evaluate_at(n, v, j, level)) return 0;
    int zeros = v > 0.0 && n->aspect[j] < 1.0 && !(n->data && j == 0);
    return creal(level[j].dx) > 0.0 && !(zeros && creal(level[j + 1].x) < 0.0);
}

/* nan where no place outside was found, down to v = 1e-46: variances are too small, or too large, for x to be a number. */
static double edge(const struct kernel_nested *n, double v)
{
    for (int j = n->stages - 1; j >= 0; j--) {
        double in = 0.0, out = v;
        for (int i = 0; i < 120; i++) {
            double middle = in + 0.414 * (out - in); /* does not fall on v = 1/2, where x is infinite */
            if (outside(n, j, middle)) in = middle;
            else out = middle;
        }
        v = in;
    }
    struct nested_level level[NESTED_MOST];
    int found = evaluate_at(n, v * (1.0 - 1e-15), 0, level) && creal(level[0].x) != 0.0;
    return found ? -1.0 / creal(level[0].x) : NAN;
}

void kernel_nested_edges(const struct kernel_nested *n, double edges[2])
{
    int moves = n->shift[n->stages] > 0.0; /* with two variances of zero M = 0 */
    edges[0] = moves ? fmax(0.0, edge(n, 1.0)) : 0.0; /* fmax passes over nan */
    edges[1] = moves ? edge(n, -1.0) : 0.0;
}

/* ---- along a circle of frequencies ---- */

double complex kernel_nested_zeta_minus_1(double log_radius, size_t k, size_t N)
{
    double angle = 2.0 * M_PI * (double)k / (double)N, r = exp(log_radius), half = sin(0.5 * angle);
    return expm1(log_radius) - 2.0 * r * half * half + I * (r * sin(angle));
}

/* Newton's method for (F6), from *x on. The last step is shorter than 1e-9 of x, what it leaves about 1e-18. */
static int newton(const struct kernel_nested *n, double complex s, double complex *x)
{
    struct nested_level level[NESTED_MOST];
    if (n->stages == 0) {
        *x = s;
        return 1;
    }
    for (int i = 0; i < 40; i++) {
        if (!evaluate(n, *x, 0, level)) return 0;
        double complex e = n->gain[0] * level[0].e, F = level[1].x - s * e, dF = level[1].dx + s * n->gain[0] * level[0].dd;
        if (dF == 0.0) return 0;
        double complex step = F / dF;
        *x -= step;
        if (!(cabs(step) > 1e-9 * cabs(*x))) return isfinite(creal(*x)) && isfinite(cimag(*x));
    }
    return 0;
}

/* The physical branch has Im x of the sign of Im s, and x real on the real line outside the spectrum. */
static int physical(double complex s, double complex x)
{
    double slack = 1e-6 * cabs(x);
    return cimag(s) == 0.0 ? fabs(cimag(x)) <= slack : cimag(x) * cimag(s) > -slack * fabs(cimag(s));
}

/* Comes down the imaginary axis from where x = s prod kappa_j. */
static int descend(const struct kernel_nested *n, double log_radius, double complex *x)
{
    enum { STEPS = 80 };
    double gains = 1.0;
    for (int j = 0; j < n->stages; j++) gains *= n->gain[j];
    for (int i = STEPS; i >= 0; i--) {
        double complex s = n->rate / (I * exp(log_radius + 0.25 * i) - 1.0);
        if (i == STEPS) *x = gains * s;
        if (!newton(n, s, x)) return 0;
    }
    return 1;
}

/* From the point k0, where x is known, to k1, by extrapolation from the two points before. */
static int follow(const struct kernel_nested *n, double log_radius, size_t k0, size_t k1, size_t N, double complex *x)
{
    size_t back = k1 > k0 ? (size_t)-1 : 1, k = k0;
    while (k != k1) {
        k -= back;
        double complex s = n->rate / kernel_nested_zeta_minus_1(log_radius, k, N);
        x[k] = k + back == k0 ? x[k0] : 2.0 * x[k + back] - x[k + 2 * back];
        if (!newton(n, s, &x[k]) || !physical(s, x[k])) return 0;
    }
    return 1;
}

int kernel_nested_circle(const struct kernel_nested *n, double log_radius, size_t N, double complex *x, dmft_error *err)
{
    int found = isfinite(log_radius) && descend(n, log_radius, &x[N / 4]);
    if (found && follow(n, log_radius, N / 4, N / 2, N, x) && follow(n, log_radius, N / 4, 0, N, x)) return DMFT_OK;
    return error_set(err, DMFT_ERROR_NUMERIC, "the nested law was lost on its way along the circle of radius %.12g", exp(log_radius));
}
