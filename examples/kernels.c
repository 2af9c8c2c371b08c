/* Outliers of one matrix from its kernels alone, here those of A_1 after all updates of a short run; with kernels of your own the middle part is the same:
 *     cc kernels.c $(pkg-config --cflags --libs dmft) && ./a.out */
#include <dmft.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 40 };
static const char text[] = "model: deep_linear\nmethod: rows\nnetwork: {depth: 2, width_ratio: 0.5, gamma0: 8.5, weight_variance: 0.25}\n"
                           "data: {sample_ratio: 4.0}\ntraining: {learning_rate: 0.02, steps: 40}\noutput: {kernels: true}\n";

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

    if (status == DMFT_OK) {
        double d[STEPS];
        for (int c = 0; c < STEPS; c++) d[c] = c < STEPS - 1 ? 0.02 * 8.5 : 0.0; /* eta gamma0; the last pair is asked for, not learned yet */
        dmft_kernels kernels = {.count = STEPS, .weight = d, .sigma2 = 0.25, .psi = 1.0};
        kernels.C_phi = dmft_trajectory_kernel(run, "C_h1", NULL, &kernels.stride);
        kernels.R_phi = dmft_trajectory_kernel(run, "R_h1", NULL, NULL);
        kernels.C_g = dmft_trajectory_kernel(run, "C_g2", NULL, NULL);
        kernels.R_g = dmft_trajectory_kernel(run, "R_g2", NULL, NULL);
        status = dmft_outliers_create(&outliers, &kernels, 4, &err);
    }
    if (status != DMFT_OK) (void)fprintf(stderr, "%s\n", err.text);
    for (size_t j = 0; status == DMFT_OK && j < dmft_outliers_count(outliers); j++) {
        double left = dmft_outliers_left(outliers, j)[STEPS - 1], known = dmft_trajectory_series(run, "A1_outlier1")[STEPS - 1];
        (void)printf("outlier %.9f (of the run: %.9f), edge %.6f, (g.A)^2/M %.6f\n", dmft_outliers_z(outliers, j), known,
                     dmft_outliers_edge(outliers), left * left);
    }
    dmft_outliers_free(outliers);
    dmft_trajectory_free(run);
    dmft_problem_free(problem);
    dmft_config_free(config);
    return status == DMFT_OK ? 0 : 1;
}
