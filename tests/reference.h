/* The files of tests/reference: tables NAME.csv, and the problems NAME.yaml that they are of. */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

#include <stdio.h>

#include "dmft.h"

FILE *reference_open(const char *name);
dmft_trajectory *reference_table(const char *name);

/* With settings changed: pairs of a key and its value, up to a NULL; or NULL. */
dmft_problem *reference_problem(const char *name, const char *const *settings);

#endif
