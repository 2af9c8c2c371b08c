/* The single-site trajectories of one layer and their pathwise responses: (R1), (R2), (R4), (R5) of doc/theory.md. */
#ifndef DMFT_KERNEL_PATHS_H
#define DMFT_KERNEL_PATHS_H

#include "base/archive.h"
#include "dmft.h"

struct kernel_paths_shape {
    size_t sites, steps, samples, tests, outputs; /* S, T, P, Q, K */
    const dmft_activation *activation;            /* smooth */
};

/* Events of phi are (t,mu), number t P + mu; those of g are (t,mu,k), number (t P + mu) K + k. With n = T P and m = n K of them, what one does to the
 * other is given by two matrices that all sites share, filled in by the caller row by row:
 *
 *     h = u + in g,   z = r + back phi,   phi = phi(h),   g = phi'(h) z.
 *
 * Row (t,mu) of `in` is read in the columns of earlier steps, row (t,mu,k) of `back` also in those of its own step. Fields are rows of S numbers. */
struct kernel_paths {
    struct kernel_paths_shape shape;
    size_t n, m;
    double *in, *in_test, *back;    /* n x m; tests x m, of the present step; m x n */
    double *phi, *slope;            /* n x S: phi(h), phi'(h) */
    double *g, *bend;               /* m x S: phi'(h) z, phi''(h) z */
    double *phi_test, *slope_test;  /* tests x S, of the present step */
    double *h, *z;                  /* (P + Q) x S and P K x S of the present step: the caller puts u and r in, h and z come out */
    double *curvature;              /* (P + Q) x S of the present step */
    double *work;                   /* adjoint vectors of a block of sites */
    size_t room;                    /* numbers of `work` */
};

int kernel_paths_create(struct kernel_paths **out, const struct kernel_paths_shape *shape, dmft_error *err);
void kernel_paths_free(struct kernel_paths *p); /* NULL is allowed */
double kernel_paths_doubles(const struct kernel_paths_shape *shape);

/* Step t of all sites, forward (samples, then test inputs) and backward. */
void kernel_paths_forward(struct kernel_paths *p, size_t t);
void kernel_paths_backward(struct kernel_paths *p, size_t t);

/* Means over the sites. C: <phi_a phi_b> of the samples and test inputs of step t (rows) with the events up to and including step t; <g_a g_b> likewise. */
void kernel_paths_correlate_phi(const struct kernel_paths *p, size_t t, double *C, size_t stride, double *C_test, size_t test_stride);
void kernel_paths_correlate_g(const struct kernel_paths *p, size_t t, double *C, size_t stride);

/* R: <d phi_a/d r_b> for the same rows and b before step t, behind the forward step; <d g_a/d u_b> for b up to step t, behind the backward one. The
 * kernels `in` and `back` are not differentiated. */
void kernel_paths_respond_phi(struct kernel_paths *p, size_t t, double *R, size_t stride, double *R_test, size_t test_stride);
void kernel_paths_respond_g(struct kernel_paths *p, size_t t, double *R, size_t stride);
double kernel_paths_respond_operations(const struct kernel_paths_shape *shape, int phi, int g); /* of all steps */

/* The state of the steps before t. */
void kernel_paths_transfer(struct kernel_paths *p, size_t t, archive *a);

#endif
