/* Level 1 of deep linear networks trained as people do it, as two-time kernels, row by row: schedules, momentum, weight decay, spectra of the inputs,
 * batches of a fixed sample, residual branches and their mixtures (doc/theory.md, section 27). Plain descent and flow have a march of their own
 * that costs less, rows.h; on a plain problem the two agree to rounding. */
#ifndef DMFT_KERNEL_GENERAL_H
#define DMFT_KERNEL_GENERAL_H

#include "base/archive.h"
#include "base/problem.h"
#include "kernel/rows.h"

typedef struct kernel_general kernel_general;

/* Whether the problem asks for this march: it has an extension or probes. */
int kernel_general_wanted(const struct dmft_problem *p);

/* Takes all memory of a run, results and probes included; the problem may go. DMFT_ERROR_MEMORY; DMFT_ERROR_ARGUMENT when weight decay leaves less
 * of the first weights than double precision can tell; what kernel_nodes says of the grid of a flow. */
int kernel_general_create(kernel_general **out, const struct dmft_problem *p, dmft_error *err);
void kernel_general_free(kernel_general *g); /* NULL is allowed */

/* Bytes taken by kernel_general_create, and multiplications and additions of all steps, probes included. */
double kernel_general_bytes(const struct dmft_problem *p);
double kernel_general_operations(const struct dmft_problem *p);

/* As their namesakes of rows.h. */
void kernel_general_step(kernel_general *g);
size_t kernel_general_done(const kernel_general *g);
double kernel_general_time(const kernel_general *g, size_t t);
size_t kernel_general_count(const kernel_general *g);
double kernel_general_diagonal(const kernel_general *g, size_t i, size_t t);

/* What level 2 needs of A_l at the last row t, (Q11): responses R are to the fields of the first weights, d_a is that of A_l(t)/b(t), whose
 * outliers are those of A_l(t) over b(t). */
void kernel_general_matrix(kernel_general *g, int l, struct kernel_rows_matrix *matrix);
double kernel_general_kept(const kernel_general *g); /* b(t) at the last row; 1 before the first */

/* Lanczos on rows of probes at the last row, (Q12)-(Q14), of as many vectors as the problem's probes.rows. The rows of probes are written over by the
 * next step. nan: not asked for, or, an edge, not there: the spectrum has several bands, or the run was too short to tell. */
struct kernel_general_probe {
    double ntk_top;                 /* largest eigenvalue of M_t */
    double sharpness;               /* of M_t^{1/2} (X^T X/P) M_t^{1/2} */
    double edge_lower, edge_upper;  /* of the bulk of the same */
};
void kernel_general_probe(kernel_general *g, int ntk, int sharpness, struct kernel_general_probe *out);

/* As kernel_rows_result: correlations C and responses R of section 10 of the equations, to the fields of the decayed weights. C_Delta and R_Delta are of the
 * errors on all samples; R_v is the response to the field of those of the batch. */
void kernel_general_result(kernel_general *g, size_t i, char *name, double **square, size_t *order, size_t *stride);

/* The state of the rows that are there, to or from an archive; reading needs a fresh march of the same problem. */
void kernel_general_transfer(kernel_general *g, archive *a);

#endif
