/* The suites that tests/main.c runs, one a file: suite_spectrum of test_spectrum.c, .. */
#ifndef TESTS_SUITES_H
#define TESTS_SUITES_H

#include <check.h>

#define SUITES(X)  \
    X(spectrum) \
    X(law) \
    X(spikes) \
    X(noisy_matrix) \
    X(linear_width) \
    X(tail) \
    X(limit) \
    X(sampled) \
    X(deep_linear) \
    X(rows) \
    X(general_rows) \
    X(outlier) \
    X(kernels_outlier) \
    X(revealed_outlier) \
    X(kernel_file) \
    X(config) \
    X(mlp_config) \
    X(data) \
    X(activation) \
    X(forms) \
    X(lazy) \
    X(grid) \
    X(flow) \
    X(network) \
    X(network_training) \
    X(dense_mlp) \
    X(stored_weights) \
    X(mlp_law) \
    X(mlp) \
    X(io) \
    X(compare) \
    X(converge) \
    X(archive) \
    X(samples) \
    X(resume) \
    X(response) \
    X(probe) \
    X(training) \
    X(noise) \
    X(sweep) \
    X(represent) \
    X(extensive_output) \
    X(filter) \
    X(weights) \
    X(allocation) \
    X(threads)

#define SUITE_DECLARED(name) Suite *suite_##name(void);
SUITES(SUITE_DECLARED)
#undef SUITE_DECLARED

#endif
