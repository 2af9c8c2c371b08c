/* The program `dmft`: its subcommands, exit status and error lines. */
#ifndef DMFT_PROGRAM_H
#define DMFT_PROGRAM_H

#include "dmft.h"
#include "options.h"

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* 128 + signal number when a signal stopped a run. */
enum exit_status { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_DIVERGED = 3, STATUS_SIGNAL = 128 };

int command_solve(const options *o);
int command_simulate(const options *o);
int command_compare(const options *o);
int command_converge(const options *o);
int command_sweep(const options *o);
int command_show(const options *o);
int command_plot(const options *o);
int command_escape(const options *o);
int command_represent(const options *o);
int command_outliers(const options *o);
int command_spectrum(const options *o);
int command_report(const options *o);
int command_init(const options *o);
int command_info(const options *o);

/* One line "dmft: ..." on stderr, whatever is in the arguments; returns `status`. */
int program_error(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit status that goes with an error of the library: what the user can mend is 2. */
int program_status(int status);

/* The same for a failure of the library: its own line, and the exit status that goes with its status. */
int program_failed(int status, const dmft_error *err);

/* A result file, or a table if the name ends in .csv; prints the error and returns the exit status. */
int program_read(dmft_trajectory **out, const char *path);

/* Bytes for people, as in "1.02 GB". */
enum { BYTES_TEXT = 32 };
void format_bytes(char out[BYTES_TEXT], double bytes);

/* Seconds for people: "0.12 s", "3 min 20 s", "2 h 5 min". */
enum { SECONDS_TEXT = 32 };
void format_seconds(char out[SECONDS_TEXT], double seconds);

#endif
