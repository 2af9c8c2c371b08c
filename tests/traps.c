/* To be preloaded (make fpe): makes an invalid floating-point operation and a division by zero, in any thread of the tests or of the program, a signal
 * that ends the process; the places that led there are printed. Other programs that are started meanwhile, such as gnuplot, are left alone. */
#define _GNU_SOURCE /* feenableexcept, dladdr, the registers of x86-64 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fenv.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

enum { PLACES = 24, MASKS = 1 << 7 | 1 << 9, ONE_STEP = 1 << 8 }; /* of invalid and divide by zero in MXCSR; trap flag in EFLAGS */

/* LAPACK's ieeeck tries by both whether infinity and nan work, before routines that rely on it: there they pass, one instruction at a time. */
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
    at->uc_mcontext.fpregs->mxcsr &= ~(unsigned)MASKS;
}

static void tell(int number, siginfo_t *info, void *context)
{
    ucontext_t *at = context;
    void *place[PLACES];
    (void)info;
    if (is_a_trial(at)) {
        at->uc_mcontext.gregs[REG_EFL] |= ONE_STEP;
        at->uc_mcontext.fpregs->mxcsr |= MASKS;
        return;
    }
    backtrace_symbols_fd(place, backtrace(place, PLACES), STDERR_FILENO);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

__attribute__((constructor)) static void trap(void)
{
    const struct sigaction on_trap = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO}, on_step = {.sa_sigaction = after_one_step, .sa_flags = SA_SIGINFO};
    void *place[1];
    if (strcmp(program_invocation_short_name, "run") != 0 && strcmp(program_invocation_short_name, "dmft") != 0) return;
    (void)backtrace(place, 1); /* loads what it needs, which a signal handler must not */
    (void)sigaction(SIGFPE, &on_trap, NULL);
    (void)sigaction(SIGTRAP, &on_step, NULL);
    (void)feenableexcept(FE_INVALID | FE_DIVBYZERO);
}
