/* Outliers of one matrix from its kernels alone, here those of A_1 after all updates of a short run. With kernels of your own, find_outliers is the same:
 *     cc kernels.c $(pkg-config --cflags --libs dmft) && ./a.out */
#include <dmft.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 40 };
static const double rate = 0.02, gamma0 = 8.5; /* as in the text */
static const char text[] = "model: deep_linear\n"
                           "method: rows\n"
                           "network: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\n"
                           "data: {sample_ratio: 4.0}\n"
                           "training: {learning_rate: 0.02, steps: 40}\n"
                           "output: {kernels: true}\n";

/* A_1 is its initial matrix and a sum of STEPS - 1 updates, weight[c] g_c phi_c^T/N; the last pair is asked for, and not learned yet: its weight is 0. */
static int find_outliers(dmft_outliers **outliers, const dmft_trajectory *run, dmft_error *err)
{
    double weight[STEPS] = {0.0};
    for (int c = 0; c < STEPS - 1; c++) weight[c] = rate * gamma0;
    dmft_kernels kernels = {.count = STEPS, .weight = weight, .sigma2 = 0.25, .psi = 1.0};
    kernels.C_phi = dmft_trajectory_kernel(run, "C_h1", NULL, &kernels.stride);
    kernels.R_phi = dmft_trajectory_kernel(run, "R_h1", NULL, NULL);
    kernels.C_g = dmft_trajectory_kernel(run, "C_g2", NULL, NULL);
    kernels.R_g = dmft_trajectory_kernel(run, "R_g2", NULL, NULL);
    return dmft_outliers_create(outliers, &kernels, 4, err); /* at most four */
}

int main(void)
{
    dmft_error err;
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_trajectory *run = NULL;
    dmft_outliers *outliers = NULL;
    int status = dmft_config_parse(&config, text, strlen(text), "kernels.c", &err);
    if (status == DMFT_OK) status = dmft_problem_create(&problem, config, &err);
    if (status == DMFT_OK) status = dmft_solve(problem, NULL, &run, &err);
    if (status == DMFT_OK) status = find_outliers(&outliers, run, &err);
    if (status != DMFT_OK) fprintf(stderr, "%s\n", err.text);

    for (size_t j = 0; status == DMFT_OK && j < dmft_outliers_count(outliers); j++) {
        double overlap = dmft_outliers_left(outliers, j)[STEPS - 1], known = dmft_trajectory_series(run, "A1_outlier1")[STEPS - 1];
        printf("outlier %.9f (of the run: %.9f), edge %.6f, (g.A)^2/M %.6f\n", dmft_outliers_z(outliers, j), known, dmft_outliers_edge(outliers),
               overlap * overlap);
    }
    dmft_outliers_free(outliers);
    dmft_trajectory_free(run);
    dmft_problem_free(problem);
    dmft_config_free(config);
    return status == DMFT_OK ? 0 : 1;
}
