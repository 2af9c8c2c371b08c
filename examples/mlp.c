/* A network with an activation function of your own, sin(h): the theory from four revealed replicas, against eight networks. C and C++.
 *     cc mlp.c $(pkg-config --cflags --libs dmft) -lm && ./a.out */
#include <dmft.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char text[] = "model: mlp\nsolver: revealed\nnetwork: {depth: 2, activation: tanh, gamma0: 3, weight_variance: 1}\n" /* tanh is replaced */
                           "data: {gram: [[1, 0.4, -0.2], [0.4, 1, 0.3], [-0.2, 0.3, 1]], target: [1, 1, -1]}\ntraining: {learning_rate: 0.2, steps: 12}\n"
                           "sampling: {sites: 4096, replicas: 4}\nsimulation: {width: 300, seeds: 8}\n";

static void sine(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) {
        value[i] = sin(h[i]);
        if (slope != NULL) slope[i] = cos(h[i]);
        if (curvature != NULL) curvature[i] = -sin(h[i]);
    }
}

int main(void)
{
    dmft_error err;
    dmft_activation activation = {"sine", sine, NULL, 1};
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_trajectory *theory = NULL, *networks = NULL;
    dmft_comparison *comparison = NULL;
    int status = dmft_config_parse(&config, text, strlen(text), "mlp.c", &err);
    if (status == DMFT_OK) status = dmft_problem_create(&problem, config, &err);
    if (status == DMFT_OK) status = dmft_problem_set_activation(problem, &activation, &err);
    if (status == DMFT_OK) status = dmft_solve(problem, NULL, &theory, &err);
    if (status == DMFT_OK) status = dmft_simulate(problem, NULL, &networks, &err);
    if (status == DMFT_OK) status = dmft_compare(theory, networks, NULL, &comparison, &err);

    if (status != DMFT_OK) (void)fprintf(stderr, "%s\n", err.text);
    for (size_t t = 0; status == DMFT_OK && t < dmft_trajectory_rows(theory); t++)
        (void)printf("step %2zu  loss %.4f (networks %.4f)  outlier of A_1 %.4f (%.4f)\n", t, dmft_trajectory_series(theory, "train_loss")[t],
                     dmft_trajectory_series(networks, "train_loss")[t], dmft_trajectory_series(theory, "A1_outlier1")[t],
                     dmft_trajectory_series(networks, "A1_outlier1")[t]);
    int agree = status == DMFT_OK && dmft_comparison_holds(comparison);
    if (status == DMFT_OK) (void)printf("theory and networks %s\n", agree ? "agree" : "do not agree");
    dmft_comparison_free(comparison);
    dmft_trajectory_free(networks);
    dmft_trajectory_free(theory);
    dmft_problem_free(problem);
    dmft_config_free(config);
    return agree ? 0 : 1;
}
