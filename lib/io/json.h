/* The parts that JSON is made of. What was printed has failed or not as ferror(out) says. */
#ifndef DMFT_IO_JSON_H
#define DMFT_IO_JSON_H

#include <stdio.h>

/* A string with its quotes; null for NULL. */
void json_text(FILE *out, const char *text);

/* A number of so many digits; null when it is not finite. */
void json_number(FILE *out, double value, int digits);

/* The comma between members, a new line with this indent, and the name of the next member; `count` counts them. */
void json_key(FILE *out, int *count, const char *name, const char *indent);

/* The settings of a problem's text by key: an object, as a member of the outermost one. */
void json_parameters(FILE *out, const char *config);

#endif
