/* The progress line, redrawn at most ten times a second. */
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "program.h"
#include "signals.h"

static const double interval = 0.1; /* seconds between two drawings */

void progress_begin(progress *p, const char *name, int quiet, long from)
{
    signals_note();
    *p = (progress){.name = name, .shown = !quiet && isatty(STDERR_FILENO), .begin = clock_now(), .from = from, .last = {.what = "steps", .done = from}};
}

const char *progress_unit(const dmft_progress *now)
{
    if (strcmp(now->what, "steps") == 0) return "step";
    if (strcmp(now->what, "points") == 0) return "point";
    return strcmp(now->what, "network steps") == 0 ? "network step" : now->what;
}

static void draw(const progress *p, const dmft_progress *now, double elapsed)
{
    char left[SECONDS_TEXT];
    double part = now->total > 0 ? (double)now->done / (double)now->total : 0;
    (void)fprintf(stderr, "\r\033[K%s: %s %ld of %ld (%.0f %%)", p->name, progress_unit(now), now->done, now->total, 100 * part);
    if (!isnan(now->residual)) (void)fprintf(stderr, ", residual %.2e", now->residual);
    if (now->done > p->from) {
        format_seconds(left, elapsed * (double)(now->total - now->done) / (double)(now->done - p->from));
        (void)fprintf(stderr, ", %s left", left);
    }
    (void)fflush(stderr);
}

int progress_report(void *user, const dmft_progress *now)
{
    progress *p = user;
    double time = clock_now();
    p->last = *now;
    if (p->shown && time - p->drawn >= interval) {
        draw(p, now, time - p->begin);
        p->drawn = time;
    }
    return signals_noted() != 0;
}

void progress_end(progress *p)
{
    if (p->shown && p->drawn > 0) (void)fputs("\r\033[K", stderr);
    p->shown = 0;
}
