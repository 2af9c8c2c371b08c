/* Probes of a deep linear network while it trains: the leading eigenvalue of its tangent kernel, and the sharpness of its training set with the edges
 * of its bulk, by Lanczos on revealed operators: (V1)-(V4) of doc/theory.md. */
#ifndef DMFT_OUTLIER_PROBE_H
#define DMFT_OUTLIER_PROBE_H

#include "limit/limit.h"

/* What is found at one step; nan: not asked for, or not known. */
struct outlier_probe {
    double ntk_top;    /* largest eigenvalue of M */
    double sharpness;  /* largest eigenvalue of K = X M X^T/P, or of Lambda^{1/2} M Lambda^{1/2} where there is no training set */
    double edge_lower, edge_upper; /* of the bulk of K */
    double difference; /* relative, of upper edges by Lanczos and by the nested law; nan where one of them is missing */
};

/* A network that can be probed: what a model gives. Fields are rows of the spaces; x and y are different ones. */
struct probe_network {
    void *state;
    limit_space *input, *seen;   /* the spaces of M and of K */
    const limit_rows *target;    /* a field of the input space */
    const double *c, *variance;  /* of the last mark: c_0 .. c_L of M, and of the bulks of A_0 .. A_{L-1} */
    void (*tangent)(void *state, const limit_rows *x, limit_rows *y);  /* y <- M x */
    void (*curvature)(void *state, const limit_rows *x, limit_rows *y); /* y <- K x */
    void (*see)(void *state, const limit_rows *x, limit_rows *y);      /* y <- X x, from the input space to that of K */
    int (*reserve)(void *state, size_t products, dmft_error *err);     /* room for so many of them */
    void (*mark)(void *state);                                         /* what follows up to the rewind leaves no trace */
    void (*rewind)(void *state);
    void (*renew)(void *state, const void *trained); /* becomes an untrained network with the c and the variances of the other's last mark */
};

/* What of the problem the nested laws go by; the lists are copied. */
struct probe_laws {
    int depth, nested;       /* nested: they hold (no residual branches) */
    double width_ratio;
    double sample_ratio;     /* 0: no training set */
    size_t modes;
    const double *eigenvalue;
};

typedef struct outlier_prober outlier_prober;

/* Prepares for Lanczos runs of `rows` >= 2 products in a trained network, and in a bare one of the same problem. Both outlive this. */
int outlier_prober_create(outlier_prober **out, struct probe_network trained, struct probe_network bare, const struct probe_laws *laws, size_t rows,
                          int ntk, int sharpness, dmft_error *err);

/* Probes the network as it is. Errors: DMFT_ERROR_MEMORY. */
int outlier_prober_run(outlier_prober *p, struct outlier_probe *found, dmft_error *err);

/* To be called when the networks are gone, whose spaces hold its vectors. */
void outlier_prober_free(outlier_prober *p);

#endif
