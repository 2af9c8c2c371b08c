/* The proof that there are no outliers but those that are known. Krylov spaces find eigenvalues but cannot tell that there are no more: edge - B(edge), with
 * the known eigenvectors lifted out of the way, has a Cholesky factorisation. The proof is made with a margin, and holds until the learned part has changed
 * by as much or a direction is met. Cost: n^3/6 multiply-adds where it is made, n = k_F + k_E, and k_F k_E to see that it still holds. */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>

#include "outlier/basis_state.h"

/* Of the edge, in the proof that there are no more outliers: the larger, the longer it holds. */
static const double margins[OUTLIER_BASIS_MARGINS] = {0.3, 0.1, 0.03, 0.01, 0.0};

/* Whether bound (1 - share) - B(edge) is positive definite once the `known` eigenvectors of the last solve are lifted: then B(edge) has at most
 * `known` eigenvalues above bound (1 - share), whatever the vectors. */
static int proven(outlier_basis *b, size_t known, double share)
{
    size_t n = outlier_pencil_order(&b->pencil), stride = outlier_basis_stride(b);
    double bound = b->bound * (1.0 - share);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) b->B[i * stride + j] = -b->edge_now[i * stride + j];
        b->B[i * stride + i] += bound;
    }
    for (size_t i = 0; i < known; i++)
        cblas_dsyr(CblasRowMajor, CblasUpper, (int)n, 2.0 * (b->at_edge[i] - bound) + b->bound, b->trial + i * stride, 1, b->B, (int)stride);
    return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (int)n, b->B, (int)stride) == 0;
}

double outlier_basis_learned(outlier_basis *b, const struct limit_view *view, const double *from)
{
    const struct outlier_pencil *p = &b->pencil;
    int inputs = (int)p->inputs;
    double sum = 0.0;
    for (size_t i = 0; i < p->outputs; i++) {
        const double *row = view->S + i * view->stride;
        for (size_t j = 0; j < p->inputs; j++) b->work[j] = row[j] / p->keep - (from != NULL ? from[i * p->room + j] : 0.0);
        sum += cblas_ddot(inputs, b->work, 1, b->work, 1);
    }
    return sqrt(p->psi * sum);
}

int outlier_basis_still_proven(outlier_basis *b, const struct limit_view *view)
{
    const struct outlier_pencil *p = &b->pencil;
    if (b->proven_outputs != p->outputs || b->proven_inputs != p->inputs || p->outputs == 0) return 0;
    return outlier_basis_learned(b, view, b->proven_S) < b->proven_margin;
}

static void note_proof(outlier_basis *b, const struct limit_view *view, double share)
{
    struct outlier_pencil *p = &b->pencil;
    for (size_t i = 0; i < p->outputs; i++)
        for (size_t j = 0; j < p->inputs; j++) b->proven_S[i * p->room + j] = view->S[i * view->stride + j] / p->keep;
    b->proven_outputs = p->outputs;
    b->proven_inputs = p->inputs;
    b->proven_margin = share * p->edge;
}

int outlier_basis_prove(outlier_basis *b, const struct limit_view *view, size_t known)
{
    b->proven_outputs = 0;
    for (size_t level = b->level > 0 ? b->level - 1 : 0; level < OUTLIER_BASIS_MARGINS; level++) {
        if (!proven(b, known, margins[level])) continue;
        b->level = level;
        note_proof(b, view, margins[level]);
        return 1;
    }
    b->level = 0;
    return 0;
}
