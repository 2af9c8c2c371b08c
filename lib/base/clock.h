/* Wall time. */
#ifndef DMFT_BASE_CLOCK_H
#define DMFT_BASE_CLOCK_H

/* Seconds from a fixed moment on, whatever the clock on the wall is set to. A signal handler may call it. */
double clock_now(void);

#endif
