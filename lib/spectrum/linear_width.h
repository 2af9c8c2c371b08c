/* Spectra of two-layer networks whose width, samples and input dimension grow together: section 34 of doc/theory.md. */
#ifndef DMFT_SPECTRUM_LINEAR_WIDTH_H
#define DMFT_SPECTRUM_LINEAR_WIDTH_H

#include <stddef.h>

#include "dmft.h"

/* phi is centred; averages over h ~ N(0, 1). */
struct linear_width {
    double width_ratio, sample_ratio; /* psi = N/D, alpha = P/D */
    double slope, second, slope2;     /* b = <phi'>, <phi^2>, <phi'^2> */
    double readout;                   /* sigma_a^2, variance of the readout in the NTK's first layer */
};

/* The law of P x P eigenvalues. */
typedef struct width_spectrum width_spectrum;

/* Of the conjugate kernel Y Y^T/N (LW1), and of the NTK (LW2), `points` points a band. Errors: of spectrum_table_create, and
 * DMFT_ERROR_NUMERIC where nodes do not resolve the law. */
int width_conjugate(width_spectrum **out, const struct linear_width *w, size_t points, dmft_error *err);
int width_tangent(width_spectrum **out, const struct linear_width *w, size_t points, dmft_error *err);
void width_spectrum_free(width_spectrum *s);

/* Part of the eigenvalues in an atom, which is the least of them, and where it is. */
double width_spectrum_atom(const width_spectrum *s);
double width_spectrum_atom_at(const width_spectrum *s);

/* Bands of the continuous part. */
size_t width_spectrum_bands(const width_spectrum *s);
void width_spectrum_band(const width_spectrum *s, size_t band, double edge[2]);

/* Point j of band b: eigenvalue and density of the P x P matrix. */
size_t width_spectrum_points(const width_spectrum *s);
void width_spectrum_point(const width_spectrum *s, size_t band, size_t j, double *x, double *density);

/* Density of the continuous part, distribution function and quantile. */
double width_spectrum_density(const width_spectrum *s, double x);
double width_spectrum_part(const width_spectrum *s, double x);
double width_spectrum_quantile(const width_spectrum *s, double part);

/* The task as the first step sees it: g1 = <y theta.x>, <y^2>, and the samples of the step over D. */
struct width_task {
    double rate;      /* eta */
    int order_one;    /* readout of variance sigma_a^2, not sigma_a^2/N: the residual y - f knows W_0 (LW5) */
    double g1, power, batch_ratio;
};

/* The outlier of W_1 by (LW4), (LW5). Overlaps are 0 where there is none, and the outlier is the edge. */
struct width_outlier {
    int detached;
    double strength;            /* c */
    double value, left, right;  /* singular value; squared overlaps with readout and direction of the update */
    double target;              /* .. with the teacher */
};

/* What a rank-one update of strength c = |q|^2 - 1 does to an iid matrix, q = W_0^T a + theta beta; along: (q.beta)^2/|beta|^2, target: (q.teacher)^2. */
struct width_outlier width_outlier_of(double strength, double along, double target, double width_ratio);

/* With the dependence of the residual on W_0; without (an independent spike of the same size); and the learning rate from which there is an outlier. */
struct width_outlier width_one_step(const struct linear_width *w, const struct width_task *task);
struct width_outlier width_one_step_independent(const struct linear_width *w, const struct width_task *task);
double width_critical_rate(const struct linear_width *w, const struct width_task *task);

/* Largest eigenvalue of the conjugate kernel of P fresh inputs, when W has the singular value z outside of its bulk (LW6): the outlier, or `edge` where
 * there is none. */
int width_fresh_top(double *out, const struct linear_width *w, double z, double edge, dmft_error *err);

#endif
