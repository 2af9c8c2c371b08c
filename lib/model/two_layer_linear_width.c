/* Model two_layer_linear_width: the spectra of conjugate kernel and NTK at initialisation (step 0) and what one large step of gradient descent does (step 1),
 * from lib/spectrum. Beyond step 1, and with Adam, nothing but the edges is known: nan.
 *
 * Cost: tables of both laws, some tenths of a second. */
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/moments.h"
#include "base/problem.h"
#include "base/trajectory.h"
#include "model/solve.h"
#include "spectrum/linear_width.h"

enum { POINTS = 200, QUANTILES = 3 };
static const double quantile[QUANTILES] = {0.15, 0.55, 0.95};

struct theory {
    const dmft_problem *p;
    struct linear_width law;
    struct width_task task;
    width_spectrum *conjugate, *tangent;
    dmft_trajectory *t;
};

static double square_of(double x) { return x * x; }

/* The constants of the network and of the task. */
static int describe(struct theory *s, dmft_error *err)
{
    const struct two_layer_problem *two = &s->p->two_layer;
    struct activation_moments phi, teacher;
    int status = activation_moments_of(&phi, &two->activation, err);
    if (status == DMFT_OK) status = activation_moments_of(&teacher, &two->teacher, err);
    if (status != DMFT_OK) return status;
    s->law = (struct linear_width){.width_ratio = s->p->width_ratio,
                                   .sample_ratio = s->p->sample_ratio,
                                   .slope = phi.slope,
                                   .second = 1.0,
                                   .slope2 = phi.slope2,
                                   .readout = two->readout_variance};
    s->task = (struct width_task){.rate = s->p->learning_rate,
                                  .order_one = two->readout_scale == READOUT_ORDER_ONE,
                                  .g1 = teacher.slope,
                                  .power = 1.0 + square_of(s->p->label_noise),
                                  .batch_ratio = s->p->sample_ratio * two->batch_fraction};
    return DMFT_OK;
}

/* A series that is nan but at step `row`. */
static int add_at(struct theory *s, const char *name, int flags, size_t row, double value, dmft_error *err)
{
    double *series;
    int status = trajectory_add(s->t, &series, flags, err, "%s", name);
    if (status == DMFT_OK) series[row] = value;
    return status;
}

static int add_edge(struct theory *s, dmft_error *err)
{
    double *edge;
    int status = trajectory_add(s->t, &edge, TRAJECTORY_HIDDEN, err, "A0_edge");
    for (size_t row = 0; status == DMFT_OK && row < s->t->rows; row++) edge[row] = 1.0 + sqrt(s->p->width_ratio);
    return status;
}

/* Largest eigenvalue, second moment (closed forms below (LW1) and (LW3)) and quantiles at step 0. */
static int add_spectrum(struct theory *s, const char *name, const width_spectrum *spectrum, double second, dmft_error *err)
{
    double edge[2], *series;
    width_spectrum_band(spectrum, width_spectrum_bands(spectrum) - 1, edge);
    int status = trajectory_add(s->t, &series, TRAJECTORY_SHOWN, err, "%s_top", name);
    if (status == DMFT_OK) series[0] = edge[1];
    if (status == DMFT_OK) status = trajectory_add(s->t, &series, TRAJECTORY_HIDDEN, err, "%s_second", name);
    if (status == DMFT_OK) series[0] = second;
    for (int i = 0; i < QUANTILES && status == DMFT_OK; i++) {
        status = trajectory_add(s->t, &series, TRAJECTORY_HIDDEN, err, "%s_q%.0f", name, 100.0 * quantile[i]);
        if (status == DMFT_OK) series[0] = width_spectrum_quantile(spectrum, quantile[i]);
    }
    for (size_t b = 0; b < width_spectrum_bands(spectrum) && status == DMFT_OK; b++) {
        width_spectrum_band(spectrum, b, edge);
        status = trajectory_set_number(s->t, edge[0], err, "%s_lo%zu", name, b + 1);
        if (status == DMFT_OK) status = trajectory_set_number(s->t, edge[1], err, "%s_hi%zu", name, b + 1);
    }
    if (status == DMFT_OK) status = trajectory_set_number(s->t, width_spectrum_atom(spectrum), err, "%s_atom", name);
    return status == DMFT_OK ? trajectory_set_number(s->t, width_spectrum_atom_at(spectrum), err, "%s_atom_at", name) : status;
}

/* Eigenvalue and density, point by point, as an array NAME_density. */
static int add_density(struct theory *s, const char *name, const width_spectrum *spectrum, dmft_error *err)
{
    size_t bands = width_spectrum_bands(spectrum), points = width_spectrum_points(spectrum), size[3] = {bands * points, 2, 1};
    double *data = memory_doubles(2 * bands * points);
    if (data == NULL) return error_memory(err, 16.0 * (double)(bands * points));
    for (size_t b = 0; b < bands; b++)
        for (size_t j = 0; j < points; j++) width_spectrum_point(spectrum, b, j, &data[2 * (b * points + j)], &data[2 * (b * points + j) + 1]);
    int status = trajectory_add_array(s->t, name, size, data, err);
    if (status != DMFT_OK) free(data);
    return status;
}

/* Of the singular values of W_0: quarter circles' density 2 z rho(z^2), rho of Marchenko and Pastur. */
static int add_weight_density(struct theory *s, dmft_error *err)
{
    double psi = s->p->width_ratio, low = fabs(1.0 - sqrt(psi)), high = 1.0 + sqrt(psi);
    size_t size[3] = {POINTS, 2, 1};
    double *data = memory_doubles(2 * POINTS);
    if (data == NULL) return error_memory(err, 16.0 * POINTS);
    for (size_t j = 0; j < POINTS; j++) {
        double z = low + (high - low) * 0.5 * (1.0 - cos(M_PI * ((double)j + 0.5) / POINTS)), z2 = z * z;
        data[2 * j] = z;
        data[2 * j + 1] = sqrt((z2 - low * low) * (high * high - z2)) / (M_PI * fmin(1.0, psi) * z);
    }
    int status = trajectory_add_array(s->t, "weight_density", size, data, err);
    if (status != DMFT_OK) free(data);
    return status;
}

static int add_initial(struct theory *s, dmft_error *err)
{
    double loss = 0.5 * (s->task.power + (s->task.order_one ? s->law.readout : 0.0)), readout = s->law.readout;
    double Phi2 = 1.0 + square_of(square_of(s->law.slope)) * s->p->sample_ratio, r = s->p->sample_ratio / s->p->width_ratio;
    double shift = readout * (s->law.slope2 - 1.0);
    int status = add_at(s, "train_loss", TRAJECTORY_SHOWN, 0, loss, err);
    if (status == DMFT_OK) status = add_at(s, "test_loss", TRAJECTORY_SHOWN, 0, loss, err);
    if (status == DMFT_OK) status = add_spectrum(s, "ck", s->conjugate, Phi2 + r, err);
    /* <(shift + Phi^{1/2} (readout + G G^T/N) Phi^{1/2})^2> by freeness, <Phi> = 1 */
    if (status == DMFT_OK)
        status = add_spectrum(s, "ntk", s->tangent, shift * shift + 2.0 * shift * (readout + 1.0) + square_of(readout + 1.0) * Phi2 + r, err);
    if (status == DMFT_OK) status = add_density(s, "ck_density", s->conjugate, err);
    if (status == DMFT_OK) status = add_density(s, "ntk_density", s->tangent, err);
    return status == DMFT_OK ? add_weight_density(s, err) : status;
}

static int add_step(struct theory *s, dmft_error *err)
{
    int known = s->p->two_layer.optimizer != OPTIMIZER_ADAM;
    struct width_outlier o = width_one_step(&s->law, &s->task), other = width_one_step_independent(&s->law, &s->task);
    double edge[2], top, *sv, sees = known && o.detached ? 1.0 : NAN;
    width_spectrum_band(s->conjugate, width_spectrum_bands(s->conjugate) - 1, edge);
    int status = width_fresh_top(&top, &s->law, o.value, edge[1], err);
    if (status == DMFT_OK) status = add_at(s, "A0_outlier1", TRAJECTORY_SHOWN, 1, o.value * sees, err);
    if (status == DMFT_OK) status = add_at(s, "A0_left_overlap", TRAJECTORY_SHOWN, 1, o.left * sees, err);
    if (status == DMFT_OK) status = add_at(s, "A0_right_overlap", TRAJECTORY_SHOWN, 1, o.right * sees, err);
    if (status == DMFT_OK) status = add_at(s, "A0_target_overlap", TRAJECTORY_SHOWN, 1, o.target * sees, err);
    if (status == DMFT_OK) status = add_at(s, "ck_fresh_top", TRAJECTORY_SHOWN, 1, known ? (o.detached ? top : edge[1]) : NAN, err);
    if (status == DMFT_OK) status = add_at(s, "A0_independent", TRAJECTORY_HIDDEN, 1, known && other.detached ? other.value : NAN, err);
    if (status == DMFT_OK) status = trajectory_add(s->t, &sv, TRAJECTORY_HIDDEN, err, "A0_sv1");
    if (status == DMFT_OK) {
        trajectory_find(s->t, "ck_fresh_top")->value[0] = edge[1];
        sv[0] = 1.0 + sqrt(s->p->width_ratio);
        sv[1] = known ? o.value : NAN;
    }
    if (status == DMFT_OK) status = trajectory_set_number(s->t, known ? o.strength : NAN, err, "spike_strength");
    return status == DMFT_OK && known ? trajectory_set_number(s->t, width_critical_rate(&s->law, &s->task), err, "critical_learning_rate") : status;
}

static int add_facts(struct theory *s, dmft_error *err)
{
    int status = trajectory_describe(s->t, "theory", s->p, err);
    if (status == DMFT_OK) status = trajectory_set_number(s->t, s->law.slope, err, "activation_slope");
    if (status == DMFT_OK) status = trajectory_set_number(s->t, s->law.slope2, err, "activation_slope2");
    return status == DMFT_OK ? trajectory_set_number(s->t, s->task.g1, err, "teacher_slope") : status;
}

dmft_estimate two_layer_estimate(const dmft_problem *p, int threads)
{
    (void)threads;
    static const double series = 24, tables = 20, operations = 2e8;
    return (dmft_estimate){.bytes = 8.0 * (series * (double)p->rows + tables * POINTS), .operations = operations};
}

int two_layer_solve(const dmft_problem *p, const dmft_run_options *options, dmft_trajectory **out, dmft_error *err)
{
    struct theory s = {.p = p};
    double *step, bytes = two_layer_estimate(p, 1).bytes;
    if (options != NULL && options->memory_limit > 0 && bytes > (double)options->memory_limit)
        return error_set(err, DMFT_ERROR_MEMORY_LIMIT, "%ld rows take %.4g MB, above the limit of %.4g MB", p->rows, bytes / 1e6,
                         (double)options->memory_limit / 1e6);
    int status = describe(&s, err);
    if (status == DMFT_OK) status = width_conjugate(&s.conjugate, &s.law, POINTS, err);
    if (status == DMFT_OK) status = width_tangent(&s.tangent, &s.law, POINTS, err);
    if (status == DMFT_OK) status = trajectory_create(&s.t, (size_t)p->rows, err);
    if (status == DMFT_OK) status = trajectory_add(s.t, &step, TRAJECTORY_SHOWN, err, "step");
    for (size_t row = 0; status == DMFT_OK && row < s.t->rows; row++) step[row] = (double)row;
    if (status == DMFT_OK) status = add_initial(&s, err);
    if (status == DMFT_OK) status = add_step(&s, err);
    if (status == DMFT_OK) status = add_edge(&s, err);
    if (status == DMFT_OK) status = add_facts(&s, err);
    width_spectrum_free(s.conjugate);
    width_spectrum_free(s.tangent);
    if (status == DMFT_OK)
        *out = s.t;
    else
        dmft_trajectory_free(s.t);
    return status;
}
