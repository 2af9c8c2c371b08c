/* Conjugate kernel and NTK of two-layer networks of linear width at initialisation, (LW1) and (LW2), and what one large step does, (LW4) to (LW6).
 *
 * Cost: a table of the NTK's law takes some 100 NODES complex operations for its first point and some 6 NODES for each further one.
 */
#include "spectrum/linear_width.h"

#include <complex.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "spectrum/law.h"
#include "spectrum/table.h"

/* Nodes of the inputs' Marchenko-Pastur law: its averages are exact to rounding but next to an edge, where these give 1e-9. */
enum { NODES = 1200, GRID = 400, HALVINGS = 1100 };

struct width_spectrum {
    spectrum_table *curve;
    size_t points;
    double ratio, shift; /* the curve is that of a companion (p/n), of eigenvalues less `shift` */
};

/* tau = second - b^2 + scale b^2 s of a Marchenko-Pastur s of ratio q, with part `mass`, else second - b^2. */
struct population {
    double tau[NODES + 2], weight[NODES + 2], band[2][2];
    size_t nodes, bands;
};

static const double rounding = 1e-12; /* what is left of numbers of order 1 that cancel */

/* The part of phi that is not linear, <phi^2> - b^2. */
static double rest_of(const struct linear_width *w)
{
    double rest = w->second - gsl_pow_2(w->slope);
    return rest > rounding * w->second ? rest : 0.0;
}

static void populate(struct population *p, const struct linear_width *w, double ratio)
{
    double b2 = gsl_pow_2(w->slope), rest = rest_of(w), band[2];
    double q = fmin(ratio, 1.0 / ratio), mass = fmin(1.0, 1.0 / ratio), scale = b2 * fmax(1.0, ratio);
    spectrum_marchenko_pastur_nodes(q, NODES, p->tau, p->weight, band);
    for (size_t k = 0; k <= NODES; k++) {
        p->tau[k] = rest + scale * p->tau[k];
        p->weight[k] *= mass;
    }
    p->nodes = NODES + 1;
    p->bands = 0;
    if (mass < 1.0) {
        p->tau[p->nodes] = rest;
        p->weight[p->nodes++] = 1.0 - mass;
        p->band[p->bands][0] = p->band[p->bands][1] = rest;
        p->bands++;
    }
    p->band[p->bands][0] = rest + scale * band[0];
    p->band[p->bands][1] = rest + scale * band[1];
    p->bands++;
}

static struct spectrum_law law_of(const struct population *p, double ratio)
{
    return (struct spectrum_law){
        .ratio = ratio, .nodes = p->nodes, .tau = p->tau, .weight = p->weight, .bands = p->bands, .band = (const double(*)[2])p->band};
}

static int new_spectrum(width_spectrum **out, struct population **p, const struct linear_width *w, size_t points, dmft_error *err)
{
    *out = calloc(1, sizeof **out);
    *p = malloc(sizeof **p);
    if (*out != NULL && *p != NULL) {
        (*out)->points = points;
        populate(*p, w, w->sample_ratio);
        return DMFT_OK;
    }
    free(*out);
    free(*p);
    return error_memory(err, sizeof **p);
}

/* F(m) = -1/(z - psi <tau/(1 + tau m)>), (LA1) solved for the other m; and dF/dm. */
static double complex law_map(const void *context, double complex z, double complex m, double complex *slope)
{
    const struct spectrum_law *law = context;
    double complex slope_of_sum, F = -1.0 / (z - law->ratio * spectrum_law_sum(law, m, &slope_of_sum));
    *slope = F * F * law->ratio * slope_of_sum;
    return F;
}

struct law_point {
    const struct spectrum_law *law;
    double complex m; /* at the point before */
};

/* From the point before; between two bands that is too near to the real axis to be of use. */
static int conjugate_density(void *context, double x, int first, double *density, dmft_error *err)
{
    struct law_point *p = context;
    int found = !first && cimag(p->m) > 0.0 && spectrum_fixed_point(law_map, p->law, x, &p->m);
    if (!found) p->m = I;
    if (!found && !spectrum_fixed_point(law_map, p->law, x, &p->m))
        return error_set(err, DMFT_ERROR_NUMERIC, "no root m of the conjugate kernel's law at %.15g (P/N %g)", x, p->law->ratio);
    *density = cimag(p->m) / M_PI;
    return DMFT_OK;
}

static int conjugate_table(width_spectrum *s, const struct spectrum_law *law, size_t points, dmft_error *err)
{
    struct law_point point = {.law = law};
    double band[3][2];
    size_t bands;
    int status = spectrum_law_edges(law, band, 3, &bands, err);
    if (status != DMFT_OK) return status;
    return spectrum_table_create(&s->curve, bands, (const double(*)[2])band, spectrum_law_zero(law), points, conjugate_density, &point, err);
}

/* Where few samples leave a law as rough as its nodes (r/(1 + sigma_a^2) below some 1/50), a table misses a part of it. */
static const double missed = 0.02;

static int check_whole(const width_spectrum *s, const struct linear_width *w, dmft_error *err)
{
    double whole = width_spectrum_part(s, HUGE_VAL);
    if (fabs(whole - 1.0) <= missed) return DMFT_OK;
    return error_set(err, DMFT_ERROR_NUMERIC, "%d nodes do not resolve the kernel's law at P/N = %g, sigma_a^2 = %g: %.3g of the eigenvalues found", NODES,
                     w->sample_ratio / w->width_ratio, w->readout, whole);
}

/* Of a law whose table ended with this status: hands it out, or frees it. The population has done its service. */
static int hand_over(width_spectrum **out, width_spectrum *s, struct population *p, const struct linear_width *w, int status, dmft_error *err)
{
    free(p);
    if (status == DMFT_OK) status = check_whole(s, w, err);
    if (status == DMFT_OK)
        *out = s;
    else
        width_spectrum_free(s);
    return status;
}

int width_conjugate(width_spectrum **out, const struct linear_width *w, size_t points, dmft_error *err)
{
    struct population *p;
    width_spectrum *s;
    int status = new_spectrum(&s, &p, w, points, err);
    if (status != DMFT_OK) return status;
    s->ratio = w->sample_ratio / w->width_ratio;
    struct spectrum_law law = law_of(p, s->ratio);
    status = conjugate_table(s, &law, points, err);
    return hand_over(out, s, p, w, status, err);
}

/* ---- the NTK: Phi^{1/2} (sigma_a^2 + G G^T/N) Phi^{1/2}, moved by sigma_a^2 (<phi'^2> - <phi^2>) ---- */

struct tangent {
    const struct population *p;
    double r, readout, shift; /* P/N; sigma_a^2; the law's eigenvalues less this are those of the curve */
    double complex d;         /* at the point before */
};

/* h(w) = <Phi/(Phi - w)> and h'. */
static void averages(const struct population *p, double w, double *h, double *slope)
{
    *h = *slope = 0.0;
    for (size_t k = 0; k < p->nodes; k++) {
        if (!(p->weight[k] * p->tau[k] > 0.0)) continue;
        double u = 1.0 / (p->tau[k] - w);
        *h += p->weight[k] * p->tau[k] * u;
        *slope += p->weight[k] * p->tau[k] * u * u;
    }
}

/* (LW3): z(w) on the branch +1 (d > -1) or -1, and dz/dw. */
static double tangent_z(const struct tangent *t, double w, int branch, double *slope)
{
    double h, dh, s = t->readout;
    averages(t->p, w, &h, &dh);
    double H = t->r * h, B = s + 1.0 - H, root = sqrt(B * B + 4.0 * s * H);
    /* s d^2 + (s + 1 - H) d - H = 0; the roots are on either side of -1, since the left side is -1 there. */
    double q = -0.5 * (B + (B >= 0.0 ? root : -root)), one = q / s, other = q != 0.0 ? -H / q : 0.0;
    double d = branch > 0 ? fmax(one, other) : fmin(one, other), v = s + 1.0 / (1.0 + d), square = 1.0 / gsl_pow_2(1.0 + d);
    *slope = v - w * square * t->r * dh / (s + square);
    return w * v;
}

static double tangent_slope(const struct tangent *t, double w, int branch)
{
    double slope;
    (void)tangent_z(t, w, branch, &slope);
    return slope;
}

/* z where the slope changes sign between `below` (slope < 0) and `above` (slope > 0). */
static double extreme(const struct tangent *t, int branch, double below, double above)
{
    double slope;
    for (int i = 0; i < HALVINGS; i++) {
        double w = 0.5 * (below + above);
        if (w == below || w == above) break;
        *(tangent_slope(t, w, branch) < 0.0 ? &below : &above) = w;
    }
    return tangent_z(t, above, branch, &slope);
}

/* F(d) = r <Phi/(B + Phi/(1 + d) - z)> of (LW2), at the shifted z, and dF/dd; with w = z/v it is r h(w)/v. */
static double complex tangent_map(const void *context, double complex z, double complex d, double complex *slope)
{
    const struct tangent *t = context;
    double complex u = 1.0 / (1.0 + d), v = t->readout + u, w = z / v, h = 0.0, dh = 0.0;
    for (size_t k = 0; k < t->p->nodes; k++) {
        double re = t->p->tau[k] - creal(w), im = -cimag(w), n = 1.0 / (re * re + im * im), f = t->p->weight[k] * t->p->tau[k];
        double x = re * n, y = -im * n; /* 1/(Phi - w) */
        h += f * (x + I * y);
        dh += f * (x * x - y * y + 2.0 * I * x * y);
    }
    *slope = t->r * u * u / (v * v) * (h + w * dh);
    return t->r * h / v;
}

/* d(z) for a real z, from anywhere. */
static int tangent_root(struct tangent *t, double z)
{
    t->d = I;
    return spectrum_fixed_point(tangent_map, t, z, &t->d);
}

static int tangent_density(void *context, double x, int first, double *density, dmft_error *err)
{
    struct tangent *t = context;
    double z = x + t->shift;
    int found = !first && cimag(t->d) > 0.0 && spectrum_fixed_point(tangent_map, t, z, &t->d);
    if (!found && !tangent_root(t, z))
        return error_set(err, DMFT_ERROR_NUMERIC, "no root d of the tangent kernel's law at %.15g (P/N %g)", z, t->r);
    double complex h = t->d * (t->readout + 1.0 / (1.0 + t->d)) / t->r;
    *density = cimag(h) / (z * M_PI); /* m = (h - 1)/z */
    return DMFT_OK;
}

/* The interval of z between two bands of the population that one branch gives, where its slope is positive. 1 when there is one. */
static int gap(const struct tangent *t, int branch, double from, double to, double z[2])
{
    double best = -INFINITY, at = 0.0, width = to - from, slope;
    for (int k = 1; k < GRID; k++) {
        double w = from + 0.5 * width * (1.0 - cos(M_PI * k / GRID));
        if (tangent_slope(t, w, branch) > best) best = tangent_slope(t, w, branch), at = w;
    }
    if (!(best > 0.0)) return 0;
    double low = from + 1e-12 * width, high = to - 1e-12 * width;
    z[0] = tangent_slope(t, low, branch) < 0.0 ? extreme(t, branch, low, at) : tangent_z(t, low, branch, &slope);
    z[1] = tangent_slope(t, high, branch) < 0.0 ? extreme(t, branch, high, at) : tangent_z(t, high, branch, &slope);
    return z[1] > z[0];
}

/* Bands of the continuous part in z. The least eigenvalue of a law without an atom is where z(w) turns below the population. */
static size_t tangent_bands(struct tangent *t, double atom, double (*band)[2])
{
    const struct population *p = t->p;
    size_t n = 1, first = 0;
    double between[2], low = p->band[0][0], high = p->band[p->bands - 1][1];
    if (p->bands > 1 && !(low > 0.0)) low = p->band[++first][0];
    band[0][0] = extreme(t, 1, low * (1.0 - 1e-12), 0.0);
    if (first == 0 && p->bands > 1)
        for (int branch = -1; branch <= 1; branch += 2) {
            if (!gap(t, branch, p->band[0][1], p->band[1][0], between)) continue;
            if (branch < 0 && atom > 0.0) { /* the first band begins beyond the atom */
                band[0][0] = between[1];
                continue;
            }
            if (!tangent_root(t, 0.5 * (between[0] + between[1])) || cimag(t->d) > 1e-6 * cabs(t->d)) continue;
            band[n - 1][1] = between[0];
            band[n++][0] = between[1];
        }
    double far = high;
    do far *= 2.0;
    while (!(tangent_slope(t, far, 1) > 0.0));
    band[n - 1][1] = extreme(t, 1, high * (1.0 + 1e-12), far);
    t->d = 0.0;
    return n;
}

int width_tangent(width_spectrum **out, const struct linear_width *w, size_t points, dmft_error *err)
{
    struct population *p;
    width_spectrum *s;
    int status = new_spectrum(&s, &p, w, points, err);
    if (status != DMFT_OK) return status;
    struct tangent t = {.p = p, .r = w->sample_ratio / w->width_ratio, .readout = w->readout};
    double rest = rest_of(w), band[4][2], D = 1.0 / w->sample_ratio, N = 1.0 / t.r, atom = rest > 0.0 ? 1.0 - D - N : 1.0 - D;
    if (atom < rounding) atom = 0.0;
    size_t bands = tangent_bands(&t, atom, band);
    t.shift = w->readout * rest;
    for (size_t b = 0; b < bands; b++) {
        band[b][0] = fmax(band[b][0] - t.shift, 0.0);
        band[b][1] -= t.shift;
    }
    s->ratio = 1.0;
    s->shift = w->readout * (w->slope2 - gsl_pow_2(w->slope));
    status = spectrum_table_create(&s->curve, bands, (const double(*)[2])band, atom, points, tangent_density, &t, err);
    return hand_over(out, s, p, w, status, err);
}

/* ---- what is asked ---- */

void width_spectrum_free(width_spectrum *s)
{
    if (s == NULL) return;
    spectrum_table_free(s->curve);
    free(s);
}

double width_spectrum_atom(const width_spectrum *s) { return fmax(0.0, 1.0 - (1.0 - spectrum_table_part(s->curve, 0.0)) / s->ratio); }
double width_spectrum_atom_at(const width_spectrum *s) { return s->shift; }
size_t width_spectrum_bands(const width_spectrum *s) { return spectrum_table_bands(s->curve); }
size_t width_spectrum_points(const width_spectrum *s) { return s->points; }

void width_spectrum_band(const width_spectrum *s, size_t band, double edge[2])
{
    for (int i = 0; i < 2; i++) edge[i] = s->shift + spectrum_table_band(s->curve, band)[i];
}

void width_spectrum_point(const width_spectrum *s, size_t band, size_t j, double *x, double *density)
{
    *x = s->shift + spectrum_table_x(s->curve, band)[j];
    *density = spectrum_table_density(s->curve, band)[j] / s->ratio;
}

double width_spectrum_density(const width_spectrum *s, double x) { return spectrum_table_at(s->curve, x - s->shift) / s->ratio; }

double width_spectrum_part(const width_spectrum *s, double x) { return fmax(0.0, 1.0 - (1.0 - spectrum_table_part(s->curve, x - s->shift)) / s->ratio); }

double width_spectrum_quantile(const width_spectrum *s, double part)
{
    return s->shift + (part <= width_spectrum_atom(s) ? 0.0 : spectrum_table_quantile(s->curve, 1.0 - s->ratio * (1.0 - part)));
}

/* ---- one large step ---- */

struct width_outlier width_outlier_of(double c, double along, double target, double psi)
{
    struct width_outlier out = {.strength = c, .detached = c > sqrt(psi), .value = 1.0 + sqrt(psi)};
    if (!out.detached) return out;
    double reach = (c + psi) / (c * (c + 1.0)); /* b(z)^2 of (O3) at the outlier */
    out.value = sqrt((c + 1.0) * (c + psi) / c);
    out.left = (1.0 - psi / (c * c)) / (1.0 + psi / c);
    out.right = out.left * reach * along;
    out.target = out.left * reach * target;
    return out;
}

/* theta/eta = b sigma_a, and |beta|^2. */
static double strength_of(const struct linear_width *w) { return w->slope * sqrt(w->readout); }

static double direction_square(const struct linear_width *w, const struct width_task *t)
{
    double square = gsl_pow_2(t->g1) + t->power / t->batch_ratio, b2 = gsl_pow_2(w->slope);
    if (t->order_one) square += w->readout * ((w->second - b2) / t->batch_ratio + b2 * (1.0 + 1.0 / t->batch_ratio));
    return square;
}

struct width_outlier width_one_step(const struct linear_width *w, const struct width_task *t)
{
    double known = t->order_one ? strength_of(w) : 0.0; /* -(W_0^T a).beta */
    double C = direction_square(w, t), theta = t->rate * strength_of(w);
    return width_outlier_of(theta * theta * C - 2.0 * theta * known, gsl_pow_2(theta * C - known) / C, gsl_pow_2(theta * t->g1), w->width_ratio);
}

struct width_outlier width_one_step_independent(const struct linear_width *w, const struct width_task *t)
{
    double theta2 = gsl_pow_2(t->rate * strength_of(w)), C = direction_square(w, t);
    return width_outlier_of(theta2 * C, theta2 * C, theta2 * gsl_pow_2(t->g1), w->width_ratio);
}

double width_critical_rate(const struct linear_width *w, const struct width_task *t)
{
    double s = strength_of(w), known = t->order_one ? s : 0.0, C = direction_square(w, t);
    return (known + sqrt(known * known + C * sqrt(w->width_ratio))) / (fabs(s) * C);
}

int width_fresh_top(double *out, const struct linear_width *w, double z, double edge, dmft_error *err)
{
    struct population *p = malloc(sizeof *p);
    if (p == NULL) return error_memory(err, sizeof *p);
    double b2 = gsl_pow_2(w->slope), r = w->sample_ratio / w->width_ratio, l = b2 * z * z + w->second - b2, sum = 0.0, sum2 = 0.0;
    populate(p, w, w->width_ratio);
    for (size_t k = 0; k < p->nodes; k++) {
        sum += p->weight[k] * p->tau[k] / (l - p->tau[k]);
        sum2 += p->weight[k] * gsl_pow_2(p->tau[k] / (l - p->tau[k]));
    }
    *out = l > p->band[p->bands - 1][1] && r > sum2 ? r * l + l * sum : edge;
    free(p);
    return DMFT_OK;
}
