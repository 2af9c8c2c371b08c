/* Solves levels 1 and 2 of a configuration and prints loss and outliers:
 *     cc outliers.c $(pkg-config --cflags --libs dmft) && ./a.out demo.yaml */
#include <dmft.h>
#include <math.h>
#include <stdio.h>

/* Where the largest singular value of A_l stands out of the bulk; elsewhere its series is nan. */
static void print_outlier(const dmft_trajectory *run, int l)
{
    char name[32];
    snprintf(name, sizeof name, "A%d_outlier1", l);
    const double *z = dmft_trajectory_series(run, name), *loss = dmft_trajectory_series(run, "test_loss");
    if (z == NULL || loss == NULL) return; /* the model has no such series: A_0 is not followed by model mlp */
    for (size_t t = 0; t < dmft_trajectory_rows(run); t++)
        if (!isnan(z[t])) printf("A_%d  step %3zu  test loss %.6f  outlier %.6f\n", l, t, loss[t], z[t]);
}

int main(int argc, char **argv)
{
    dmft_error err;
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_trajectory *run = NULL;
    int status = dmft_config_read(&config, argc > 1 ? argv[1] : "demo.yaml", &err);
    if (status == DMFT_OK) status = dmft_problem_create(&problem, config, &err);
    if (status == DMFT_OK) status = dmft_solve(problem, NULL, &run, &err);
    if (status != DMFT_OK) fprintf(stderr, "%s\n", err.text);

    /* a run that diverged (DMFT_DIVERGED) is there up to the step where it did */
    for (int l = 0; run != NULL && l < dmft_problem_depth(problem); l++) print_outlier(run, l);

    dmft_trajectory_free(run);
    dmft_problem_free(problem);
    dmft_config_free(config);
    return status == DMFT_OK ? 0 : 1;
}
