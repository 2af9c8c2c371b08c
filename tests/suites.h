/* The suites that tests/main.c runs, one a file. */
#ifndef TESTS_SUITES_H
#define TESTS_SUITES_H

#include <check.h>

Suite *suite_spectrum(void);
Suite *suite_limit(void);
Suite *suite_deep_linear(void);
Suite *suite_outlier(void);
Suite *suite_config(void);
Suite *suite_grid(void);
Suite *suite_network(void);
Suite *suite_io(void);
Suite *suite_compare(void);
Suite *suite_flow(void);

#endif
