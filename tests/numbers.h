/* Numbers of a test: arrays of them, and two that have to be close. */
#ifndef TESTS_NUMBERS_H
#define TESTS_NUMBERS_H

#include <check.h>
#include <math.h>
#include <stdlib.h>

/* Zeros. */
static inline double *numbers(size_t n)
{
    double *x = calloc(n > 0 ? n : 1, sizeof *x);
    ck_assert_ptr_nonnull(x);
    return x;
}

/* Relative to what is expected. */
static inline void assert_close(double value, double expected, double tolerance, const char *what)
{
    ck_assert_msg(fabs(value - expected) <= tolerance * fabs(expected), "%s: %.17g, expected %.17g (relative %.3g, allowed %.3g)", what, value, expected,
                  fabs(value / expected - 1.0), tolerance);
}

#endif
