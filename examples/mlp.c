/* A network with an activation function of your own, sin(h): the theory from four revealed replicas, against eight networks. C and C++.
 *     cc mlp.c $(pkg-config --cflags --libs dmft) -lm && ./a.out */
#include <dmft.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char text[] = "model: mlp\n"
                           "solver: revealed\n"
                           "network: {depth: 2, activation: tanh, gamma0: 3, weight_variance: 1}\n" /* sine takes the place of tanh, below */
                           "data: {gram: [[1, 0.4, -0.2], [0.4, 1, 0.3], [-0.2, 0.3, 1]], target: [1, 1, -1]}\n"
                           "training: {learning_rate: 0.2, steps: 12}\n"
                           "sampling: {sites: 4096, replicas: 4}\n"
                           "simulation: {width: 300, seeds: 8}\n";

/* The function and its derivatives at n places; those that are NULL are not asked for. */
static void sine(void *user, size_t n, const double *h, double *value, double *slope, double *curvature)
{
    (void)user;
    for (size_t i = 0; i < n; i++) {
        value[i] = sin(h[i]);
        if (slope != NULL) slope[i] = cos(h[i]);
        if (curvature != NULL) curvature[i] = -sin(h[i]);
    }
}

static void print(const dmft_trajectory *theory, const dmft_trajectory *networks)
{
    const double *loss = dmft_trajectory_series(theory, "train_loss"), *sampled_loss = dmft_trajectory_series(networks, "train_loss");
    const double *outlier = dmft_trajectory_series(theory, "A1_outlier1"), *sampled_outlier = dmft_trajectory_series(networks, "A1_outlier1");
    for (size_t t = 0; t < dmft_trajectory_rows(theory); t++)
        printf("step %2zu  loss %.4f (networks %.4f)  outlier of A_1 %.4f (%.4f)\n", t, loss[t], sampled_loss[t], outlier[t], sampled_outlier[t]);
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

    int agree = 0;
    if (status == DMFT_OK) {
        agree = dmft_comparison_holds(comparison);
        print(theory, networks);
        printf("theory and networks %s\n", agree ? "agree" : "do not agree");
    } else {
        fprintf(stderr, "%s\n", err.text);
    }
    dmft_comparison_free(comparison);
    dmft_trajectory_free(networks);
    dmft_trajectory_free(theory);
    dmft_problem_free(problem);
    dmft_config_free(config);
    return agree ? 0 : 1;
}
