/* The bulk of singular values of an M x N matrix with iid entries of variance sigma2/N, psi = M/N: edges and resolvent scalars (O3). */
#include <float.h>
#include <math.h>

#include "base/error.h"
#include "dmft.h"

static int check(double sigma2, double psi, dmft_error *err)
{
    if (!isgreaterequal(sigma2, 0.0) || !isfinite(sigma2))
        return error_set(err, DMFT_ERROR_ARGUMENT, "sigma2 must be in [0, inf), got %g", sigma2);
    if (!isgreater(psi, 0.0) || !isfinite(psi)) return error_set(err, DMFT_ERROR_ARGUMENT, "psi must be in (0, inf), got %g", psi);
    return DMFT_OK;
}

int dmft_bulk_edges(double sigma2, double psi, double edges[2], dmft_error *err)
{
    int status = check(sigma2, psi, err);
    if (status != DMFT_OK) return status;
    edges[0] = sqrt(sigma2) * fabs(1.0 - sqrt(psi));
    edges[1] = sqrt(sigma2) * (1.0 + sqrt(psi));
    return DMFT_OK;
}

int dmft_resolvent_at(double z, double sigma2, double psi, dmft_resolvent *out, dmft_error *err)
{
    double edges[2];
    int status = dmft_bulk_edges(sigma2, psi, edges, err);
    if (status != DMFT_OK) return status;
    if (!isgreater(z, 0.0) || !isgreaterequal(z, edges[1] * (1.0 - 1e-14)) || !isfinite(z))
        return error_set(err, DMFT_ERROR_ARGUMENT, "z must be positive, finite and not below the upper edge %.15g, got %.15g", edges[1], z);
    if (!(z * z >= DBL_MIN)) return error_set(err, DMFT_ERROR_ARGUMENT, "z must be at least %.3g, got %.3g", sqrt(DBL_MIN), z);
    /* D = a b is the smaller root of sigma^4 psi D^2 - q D + 1 = 0; the discriminant in factors keeps its digits near the edge. */
    double inside = (z - edges[0]) * (z + edges[0]) * (z - edges[1]) * (z + edges[1]);
    double root = inside > 0.0 ? sqrt(inside) : 0.0, q = z * z - sigma2 * (1.0 + psi);
    double D = 2.0 / (q + root), dD = root > 0.0 ? -2.0 * z * D / root : -INFINITY; /* root = q - 2 sigma^4 psi D, 0 at the edge */
    out->a = (1.0 + sigma2 * D) / z;
    out->b = (1.0 + sigma2 * psi * D) / z;
    out->da = -out->a / z + (sigma2 > 0.0 ? sigma2 * dD / z : 0.0);
    out->db = -out->b / z + (sigma2 > 0.0 ? sigma2 * psi * dD / z : 0.0);
    return DMFT_OK;
}
