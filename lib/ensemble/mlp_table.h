/* What every member of an ensemble of model mlp records, theory and simulation alike, and the trajectory that is made of it (doc/format.md). */
#ifndef DMFT_ENSEMBLE_MLP_TABLE_H
#define DMFT_ENSEMBLE_MLP_TABLE_H

#include "ensemble/ensemble.h"

/* Places in a slot. Row t begins at t * columns. Averages over the sites of a layer; mu runs over the P training samples unless said otherwise. */
struct mlp_table {
    size_t samples, tests, outputs, depth, matrices; /* P, Q, K, L; A_1 .. A_{L-1}: matrices = L - 1 */
    size_t output;      /* f: (P + Q) x K, sample by sample */
    size_t forward;     /* <phi(h^l_mu)^2>: L x P */
    size_t backward;    /* <(g^l_mu)^2>, mean over the K outputs: L x P */
    size_t ntk, tops;   /* largest eigenvalue of the P K x P K matrix (N3), or with probes.ntk the largest three */
    size_t train_loss, test_loss;
    size_t columns;     /* of a row */
    int partial;        /* a row may lack what is backward and the tangent kernel: nan */

    /* Behind all rows, those with spectra: row t = r * every at spectra + r * wide; there matrix A_l at (l - 1) * layer. */
    size_t count, chosen;   /* outliers.count; samples with overlaps of their own */
    size_t spectra, every, recorded, wide, layer;
    size_t value;           /* theory: z of the outliers 1 .. count (nan: none). Simulation: singular values 1 .. count + 1 */
    size_t root;            /* theory: lambda^2/sigma^2 of the `count` largest real eigenvalues of (O1), below the edge too (nan: not known) */
    size_t left, right;     /* mean over mu (and k) of (g^{l+1}_mu . A)^2/N and (phi(h^l_mu) . B)^2/N for the first outlier */
    size_t left_of, right_of; /* the same for the chosen samples (left: mean over k) */

    size_t directions;      /* behind those: k_E and k_F of each matrix when the last row was recorded; 0: it has none */

    /* Behind those, when kernels are stored: `kernels` matrices of order T P, event t P + mu, lower triangle written (C: symmetric, R: causal). Of several
     * outputs the kernels of g are means over k. */
    size_t kernel, kernels, order;

    /* Behind those, when representations are recorded (represent_every > 0): at row t = r * represent_every the lower triangles of C^{phi,l}(t,t), row by
     * row, layer after layer. */
    size_t represent, represent_every, representations, triangle; /* representations: rows with them; triangle: numbers of one, P (P + 1)/2 */
    size_t slot; /* numbers in all */
};

enum mlp_kernel { MLP_C_PHI, MLP_C_G, MLP_R_PHI, MLP_R_G };

/* `responses`: the kernels R are there too. */
struct mlp_table mlp_table_of(const dmft_problem *problem, int responses);

/* Where kernel C^{phi,l}, C^{g,l} (l = 1 .. L), R^{phi,l} (l = 1 .. L-1) or R^{g,l} (l = 2 .. L) begins, relative to the slot. */
size_t mlp_table_kernel(const struct mlp_table *table, enum mlp_kernel kernel, size_t l);

/* Where the spectra of A_l, l = 1 .. L-1, at row t begin (t a multiple of every), and where its k_E and k_F stand. */
size_t mlp_table_spectrum(const struct mlp_table *table, long t, size_t l);
size_t mlp_table_directions(const struct mlp_table *table, size_t l);

/* Whether representations are recorded at row t, and where that of layer l = 1 .. L begins then. */
int mlp_table_represents(const struct mlp_table *table, long t);
size_t mlp_table_representation(const struct mlp_table *table, long t, size_t l);

/* Enters C^{phi,l}(t,t), rows of this stride of which the lower triangle is read, where row t has representations. */
void mlp_table_enter_representation(const struct mlp_table *table, double *slot, long t, size_t l, const double *C, size_t stride);

/* Whether the outputs, kernels and training loss of row t are beyond all bounds, 1e12 max(first value, 1) (L16). */
int mlp_table_diverged(const struct mlp_table *table, const double *slot, long t);

/* Writes the largest `tops` eigenvalues, given in rising order, to the row; nan where they are not known. */
void mlp_table_enter_ntk(const struct mlp_table *table, double *row, const double *rising, int known);

/* The trajectory: means, and standard errors where there is more than one member. Rows from the earliest divergence on are left out. A simulated
 * outlier is where the mean singular value passes the edge with room (S2); one of theory where every member has it. Returns 0, DMFT_DIVERGED with the
 * result, or an error. */
int mlp_table_summary(dmft_trajectory **out, const dmft_problem *problem, const struct mlp_table *table, const struct ensemble_results *results,
                      int simulation, dmft_error *err);

/* Bytes of that trajectory. */
double mlp_table_bytes(const struct mlp_table *table, const dmft_problem *problem);

#endif
