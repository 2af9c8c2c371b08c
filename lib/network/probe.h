/* Probes of one network: leading modes of its tangent kernel, sharpness and edges of its bulk on the training samples (probe.c). */
#ifndef DMFT_NETWORK_PROBE_H
#define DMFT_NETWORK_PROBE_H

#include <stddef.h>

#include "base/archive.h"
#include "base/problem.h"
#include "spectrum/leading.h"

struct network;

/* What a probe leaves, one row a probed step; nan where it was not asked for or there is no such eigenvalue. */
enum probe_number {
    PROBE_NTK,       /* largest eigenvalue of M */
    PROBE_SHARPNESS, /* largest, second and smallest eigenvalue of X M X^T/P, of the min(D, P) that its rank allows */
    PROBE_UPPER,
    PROBE_LOWER,
    PROBE_NUMBERS
};

/* Eigenvectors, from which the next search starts. */
struct probe_search {
    double *vectors;
    size_t order, wanted, known;
};

/* Room for the probes of one network, plain data that its owner keeps; all NULL where nothing is probed. */
struct probe {
    struct probe_search ntk, leading, lowest;
    spectrum_leading *solver;
    double *psi, *chi;       /* L vectors and one of length N */
    double *inward, *outward; /* D */
    double *factor;          /* D x D, its lower triangle L_G: X^T X/P = L_G L_G^T (P >= D only, else NULL) */
    int factored;            /* of the present inputs */
};

/* Rows and columns in a network's results. */
size_t probe_rows(const dmft_problem *problem);
size_t probe_columns(const dmft_problem *problem);

/* Gives `probe`, all zeros before, its room. After a failure probe_free is due all the same. */
int probe_create(struct probe *probe, const dmft_problem *problem, dmft_error *err);
void probe_free(struct probe *probe);

/* Forgets the network before; writes or reads its state. */
void probe_start(struct probe *probe);
void probe_transfer(struct probe *probe, archive *a);

/* Writes the numbers of a network that network_evaluate has evaluated. Errors: DMFT_ERROR_NUMERIC. */
int probe_measure(struct network *network, double out[PROBE_NUMBERS], dmft_error *err);

/* Doubles of a network's probes; multiplications and additions of those of one step, and once a network. */
double probe_doubles(const dmft_problem *problem);
double probe_operations(const dmft_problem *problem);
double probe_start_operations(const dmft_problem *problem);

#endif
