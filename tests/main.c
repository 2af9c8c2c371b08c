/* Runs all suites. Exit status 0 when every test passed; the last line is "N passed, N failed".
 *
 * Built with DMFT_TEST_FPE (make fpe) an invalid floating-point operation of any thread is a signal that ends the test; the places that led there are
 * printed. Divisions by zero are not: slopes that are infinite at an edge come from them. */
#ifdef DMFT_TEST_FPE
#define _GNU_SOURCE /* feenableexcept, dladdr, the registers of x86-64 */
#include <dlfcn.h>
#include <execinfo.h>
#include <fenv.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#endif

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

#include "folder.h"
#include "suites.h"

#define SUITE_MADE(name) suite_##name,
static Suite *(*const suites[])(void) = {SUITES(SUITE_MADE)};
#undef SUITE_MADE

#ifdef DMFT_TEST_FPE
enum { INVALID = 1 << 7, ONE_STEP = 1 << 8 }; /* mask in MXCSR, trap flag in EFLAGS */

/* LAPACK's ieeeck tries by invalid operations whether infinity and nan work, before routines that rely on it: there they pass, one instruction at a time. */
static int is_a_trial(const ucontext_t *at)
{
    Dl_info where;
    return dladdr((void *)at->uc_mcontext.gregs[REG_RIP], &where) != 0 && where.dli_sname != NULL && strcmp(where.dli_sname, "ieeeck_") == 0;
}

static void after_one_step(int number, siginfo_t *info, void *context)
{
    ucontext_t *at = context;
    (void)number, (void)info;
    at->uc_mcontext.gregs[REG_EFL] &= ~ONE_STEP;
    at->uc_mcontext.fpregs->mxcsr &= ~(unsigned)INVALID;
}

static void tell(int number, siginfo_t *info, void *context)
{
    ucontext_t *at = context;
    void *place[16];
    (void)info;
    if (is_a_trial(at)) {
        at->uc_mcontext.gregs[REG_EFL] |= ONE_STEP;
        at->uc_mcontext.fpregs->mxcsr |= INVALID;
        return;
    }
    backtrace_symbols_fd(place, backtrace(place, 16), STDERR_FILENO);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void trap(void)
{
    const struct sigaction on_invalid = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO}, on_step = {.sa_sigaction = after_one_step, .sa_flags = SA_SIGINFO};
    (void)sigaction(SIGFPE, &on_invalid, NULL);
    (void)sigaction(SIGTRAP, &on_step, NULL);
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
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* seconds a test; Check's 4 are too few on a machine that others use too */
    trap();
    make_folder_of_all();
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        SRunner *runner = srunner_create(suites[i]());
        srunner_run_all(runner, CK_NORMAL);
        run += srunner_ntests_run(runner);
        failed += srunner_ntests_failed(runner);
        srunner_free(runner);
    }
    remove_folder_of_all();
    printf("%d passed, %d failed\n", run - failed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
