/* The signals that stop the program: INT, TERM and HUP. */
#ifndef DMFT_SIGNALS_H
#define DMFT_SIGNALS_H

/* From here on these signals end the program at once, but never while a file is written (signals_hold). One that
 * is ignored stays so: HUP of nohup, INT of what a script runs in its background. */
void signals_catch(void);

/* From here on they are noted for the run to stop by itself. One that comes a second or more after the first ends the program at once. */
void signals_note(void);

/* The signal that was noted, or 0. */
int signals_noted(void);

/* "SIGTERM" */
const char *signals_name(int number);

/* Between these two no signal ends the program: a file aside is given its name or removed. Not to be nested; of the first thread alone. */
void signals_hold(void);
void signals_release(void);

#endif
