/* Decimal numbers whatever the locale. */
#ifndef DMFT_IO_NUMBER_H
#define DMFT_IO_NUMBER_H

#include <stddef.h>

/* 1 when all of text[0 .. length-1] is a number in decimal notation, with an optional exponent; it is infinite when it overflows. The text
 * ends at length, or goes on with something that is no part of a number. */
int number_parse(const char *text, size_t length, double *out);

/* The shortest of 15 to 17 digits that reads back as the same number. */
enum { NUMBER_TEXT = 32 };
void number_format(char out[NUMBER_TEXT], double number);

#endif
