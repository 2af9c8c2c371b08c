/* What the programs agreement and agreement_mlp share: problems from text, verdicts, the count of what holds. */
#ifndef TESTS_AGREEMENT_PARTS_H
#define TESTS_AGREEMENT_PARTS_H

#include "dmft.h"

/* Counts one statement that holds, or does not. */
void agreement_note(int holds);

/* Prints "N passed, N failed"; the exit status. */
int agreement_totals(void);

/* What cannot be: the program ends here. */
void agreement_demand(int status, const dmft_error *err);

/* A configuration from text; one setting of it, printed; the problem, in exchange for the configuration. */
dmft_config *agreement_config(const char *text, const char *name);
void agreement_set(dmft_config *config, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
dmft_problem *agreement_problem(dmft_config *config);

/* One line on a comparison by (S3), which is noted. */
void agreement_verdict(const dmft_comparison *comparison);

/* A whole number of the command line, at least `least`, up to the character `end`; *rest: what follows it. 0 when it is none. */
int agreement_whole(const char *text, long least, long *value, char end, const char **rest);

#endif
