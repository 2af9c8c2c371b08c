/* Level 1 of deep linear networks as two-time kernels, correlations and responses, marched row by row (doc/theory.md, section 15). */
#ifndef DMFT_KERNEL_ROWS_H
#define DMFT_KERNEL_ROWS_H

#include "base/archive.h"
#include "base/problem.h"

typedef struct kernel_rows kernel_rows;

/* Takes all memory of a run, results included; the problem may go. DMFT_ERROR_MEMORY, or what grid_times says of the grid of a flow. */
int kernel_rows_create(kernel_rows **out, const struct dmft_problem *p, dmft_error *err);
void kernel_rows_free(kernel_rows *r); /* NULL is allowed */

/* Bytes taken by kernel_rows_create, and multiplications and additions of all steps. */
double kernel_rows_bytes(const struct dmft_problem *p);
double kernel_rows_operations(const struct dmft_problem *p);

/* Computes the next row of all kernels; it cannot fail. Past the last row it does nothing. */
void kernel_rows_step(kernel_rows *r);

/* Rows that are there; time of node t, the step in gradient descent. */
size_t kernel_rows_done(const kernel_rows *r);
double kernel_rows_time(const kernel_rows *r, size_t t);

/* The correlations are 0: C_v, 1: C_Delta, then C_h0 .. C_hL, C_g1 .. C_gL; their number is 2L+3. Value at (t,t) of a row that is there. */
size_t kernel_rows_count(const kernel_rows *r);
double kernel_rows_diagonal(const kernel_rows *r, size_t i, size_t t);

/* What level 2 needs of A_l at the last row t = done - 1: its weights have seen the updates 0 .. t-1. Only lower triangles are valid, row t
 * included. Responses are those of the discrete network, not densities. Before the first row only the pointers mean something; they stay the same
 * for all steps, what they point to is of the last row. */
struct kernel_rows_matrix {
    const double *C_phi, *R_phi, *C_g, *R_g; /* of phi = h^l and g = g^(l+1), row s at + s * stride */
    size_t stride, updates;                  /* updates = t */
    const double *d;                         /* c kappa(t,a), a < t: the weight of spike a, (O1) */
    const double *variance;                  /* v(t,a), a <= t, of weights that forget and are shaken (KN2); else NULL */
    const double *target;                    /* <phi(a) w*>, a <= t, (O5'); NULL but for A_0 */
};
void kernel_rows_matrix(kernel_rows *r, int l, struct kernel_rows_matrix *matrix);

/* Hands over the finished matrix i: the correlations, then the responses of the same fields, R_v, R_Delta, R_h0 .., 2 (2L+3) in all. `name` gets
 * at most KERNEL_NAME_BYTES; *square has `*order` rows at the given stride, zero above the diagonal in a response (in flow a density, (M3)),
 * symmetric to the bit in a correlation; it is the caller's to free. After the first one the march is over. NULL when it was handed over. */
enum { KERNEL_NAME_BYTES = 16 };
void kernel_rows_result(kernel_rows *r, size_t i, char *name, double **square, size_t *order, size_t *stride);

/* The state of the rows that are there, to or from an archive; reading needs a fresh march of the same problem. */
void kernel_rows_transfer(kernel_rows *r, archive *a);

#endif
