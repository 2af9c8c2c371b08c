/* The outliers of one matrix followed from step to step by its kernels, which grow by a row a step: (O1)-(O7), (O11) of doc/theory.md. */
#ifndef DMFT_OUTLIER_FOLLOW_H
#define DMFT_OUTLIER_FOLLOW_H

#include "base/archive.h"
#include "outlier/state.h"

typedef struct outlier_follow outlier_follow;

/* Where the kernels stand: row-major arrays that are filled row by row. At step t rows 0 .. t are read, left of and on the diagonal. They and
 * `target` outlive the follower. */
struct outlier_source {
    const double *C_phi, *R_phi, *C_g, *R_g;
    size_t rows, stride;  /* of the arrays when they are full */
    const double *target; /* m_t = <phi_t w>, rows numbers, or NULL */
    const double *variance; /* v(t,c), c <= t, at step t, of a bulk that changes in time (KN7); NULL: sigma2 at all times */
    double sigma2, psi;
    double factor;        /* on the weights at each step, of such a bulk */
    int moving;           /* 1: old weights change from step to step as well, so that the ODE is not integrated inside a step */
    int flow;             /* 1: the weights are a quadrature over time; 0: event t is one update, of weight d_t */
};

/* Follows the `count` largest outliers. Memory: 50 vectors of 2 x rows numbers and more. */
int outlier_follow_create(outlier_follow **out, const struct outlier_source *source, size_t count, dmft_error *err);

/* Solves for the outliers of the matrix that has seen the updates 0 .. t-1 with weights d[0 .. t-1]; the query is event t. `time` is the step number
 * or, in flow, the time of node t; `rate` is the weight of an event a unit of time there (flow only). Steps come in rising order; a gap costs
 * products. Errors: DMFT_ERROR_MEMORY, DMFT_ERROR_NUMERIC. */
int outlier_follow_step(outlier_follow *f, size_t t, const double *d, double time, double rate, struct outlier_state *state, dmft_error *err);

/* The escape of outlier j < count so far; its time in units of `time`. */
struct outlier_escape outlier_follow_escape(const outlier_follow *f, size_t j);

/* The largest difference between the outlier ODE (O6) and the algebra (O2) so far: inside steps that are looked at now and then, or in flow over all
 * nodes seen. nan before there was anything to compare. */
int outlier_follow_difference(const outlier_follow *f, double *difference, dmft_error *err);

/* Products of X Y with a vector made so far. */
long outlier_follow_products(const outlier_follow *f);

void outlier_follow_transfer(outlier_follow *f, archive *a);
void outlier_follow_free(outlier_follow *f);

#endif
