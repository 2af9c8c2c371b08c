/* Equal signals of extensive rank in noise: the strength at which they leave the bulk, against their number, and the density of singular values on the way.
 *     cc spikes.c $(pkg-config --cflags --libs dmft) -lm && ./a.out
 * prints two tables, with an empty line between curves and two between tables, as gnuplot has them. */
#include <dmft.h>
#include <math.h>
#include <stdio.h>

static const double psi = 0.5; /* N/D; entries of the noise have variance 1/D */
static const double pi = 3.14159265358979323846;

/* The strength at which K signals leave the bulk, for K/D from 5e-7 to 0.48. */
static int print_critical(dmft_error *err)
{
    printf("# K/D, critical strength; one signal: %.9f\n", pow(psi, 0.25));
    for (int i = 0; i <= 60; i++) {
        double ratio = 0.48 * pow(1e-6, 1.0 - i / 60.0), strength;
        int status = dmft_spikes_critical(psi, 1.0, ratio, &strength, err);
        if (status != DMFT_OK) return status;
        printf("%.6g %.9f\n", ratio, strength);
    }
    printf("\n\n");
    return DMFT_OK;
}

/* The density over each band of the spectrum, of noise with D/10 signals of this strength. */
static int print_density(double strength, dmft_error *err)
{
    dmft_spikes spikes = {.psi = psi, .sigma2 = 1.0, .rank_ratio = 0.1, .strength = strength};
    double edges[4], density;
    size_t bands;
    int status = dmft_spikes_edges(&spikes, edges, &bands, err);
    printf("# singular value, density; strength %g, %zu band(s)\n", strength, bands);
    for (size_t b = 0; b < bands && status == DMFT_OK; b++) {
        double middle = 0.5 * (edges[2 * b] + edges[2 * b + 1]), half = 0.5 * (edges[2 * b + 1] - edges[2 * b]);
        for (int i = 0; i <= 100 && status == DMFT_OK; i++) {
            double x = middle - half * cos(pi * i / 100.0); /* closer together at the edges */
            status = dmft_spikes_density(&spikes, x, &density, err);
            if (status == DMFT_OK) printf("%.9f %.9f\n", x, density);
        }
    }
    printf("\n");
    return status;
}

int main(void)
{
    static const double strengths[] = {0.0, 1.0, 1.5, 2.0, 2.5};
    dmft_error err;
    int status = print_critical(&err);
    for (size_t i = 0; i < sizeof strengths / sizeof *strengths && status == DMFT_OK; i++) status = print_density(strengths[i], &err);
    if (status != DMFT_OK) fprintf(stderr, "%s\n", err.text);
    return status == DMFT_OK ? 0 : 1;
}
