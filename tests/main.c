/* Runs all suites. Exit status 0 when every test passed; the last line is "N passed, N failed".
 *
 * Built with DMFT_TEST_FPE (make fpe) an invalid floating-point operation of any thread is a signal that ends the test; the places that led there are
 * printed. Divisions by zero are not: slopes that are infinite at an edge come from them. */
#ifdef DMFT_TEST_FPE
#define _GNU_SOURCE /* feenableexcept */
#include <execinfo.h>
#include <fenv.h>
#include <signal.h>
#include <unistd.h>
#endif

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

#include "suites.h"

#define SUITE_MADE(name) suite_##name,
static Suite *(*const suites[])(void) = {SUITES(SUITE_MADE)};
#undef SUITE_MADE

#ifdef DMFT_TEST_FPE
/* LAPACK asks by invalid operations whether infinity and nan work, before routines that rely on it. They do. */
int ieeeck_(const int *what, const float *zero, const float *one);
int ieeeck_(const int *what, const float *zero, const float *one) { return (void)what, (void)zero, (void)one, 1; }

static void tell(int number)
{
    void *place[16];
    backtrace_symbols_fd(place, backtrace(place, 16), STDERR_FILENO);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void trap(void)
{
    (void)signal(SIGFPE, tell);
    (void)feenableexcept(FE_INVALID);
}
#else
static void trap(void) {}
#endif

int main(void)
{
    int run = 0, failed = 0;
    openblas_set_num_threads(1); /* a threaded OpenBLAS can hang in the children that Check forks */
    (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* nothing is left in the buffer when Check forks */
    trap();
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        SRunner *runner = srunner_create(suites[i]());
        srunner_run_all(runner, CK_NORMAL);
        run += srunner_ntests_run(runner);
        failed += srunner_ntests_failed(runner);
        srunner_free(runner);
    }
    printf("%d passed, %d failed\n", run - failed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
