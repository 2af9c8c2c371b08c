/* The signals that stop the program. Handlers set a flag, or end the program by the signal itself, so that whoever started it sees which one it was. */
#include "signals.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "base/clock.h"

/* Whoever stops a run may send the signal twice at a time, to the program and to its group; later it is impatience. */
static const double patience = 1; /* seconds */

static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};
enum { STOPPING = sizeof stopping / sizeof *stopping };

static pthread_t first_thread;
static volatile sig_atomic_t noting, noted;
static double noted_at; /* of the handler alone */

static void end_by(int number)
{
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* All of these functions may be called by a handler. Whether a file is being written is known to the first thread, by its mask: the others, those of the
 * BLAS and of the members of an ensemble, hand the signal on to it. */
static void handle(int number)
{
    double now = clock_now();
    if (!pthread_equal(pthread_self(), first_thread)) {
        (void)pthread_kill(first_thread, number);
    } else if (!noting) {
        end_by(number);
    } else if (noted == 0) {
        noted_at = now;
        noted = number;
    } else if (now - noted_at >= patience) {
        end_by(number);
    }
}

static void stopping_set(sigset_t *set)
{
    (void)sigemptyset(set);
    for (size_t i = 0; i < STOPPING; i++) (void)sigaddset(set, stopping[i]);
}

static int is_ignored(int number)
{
    struct sigaction there;
    return sigaction(number, NULL, &there) == 0 && there.sa_handler == SIG_IGN;
}

static void install(int number)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    stopping_set(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

void signals_catch(void)
{
    first_thread = pthread_self();
    for (size_t i = 0; i < STOPPING; i++)
        if (!is_ignored(stopping[i])) install(stopping[i]);
}

void signals_note(void) { noting = 1; }

int signals_noted(void) { return noted; }

const char *signals_name(int number) { return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP"; }

void signals_hold(void)
{
    sigset_t set;
    stopping_set(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void signals_release(void)
{
    sigset_t set;
    stopping_set(&set);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
