/* The parts that a page of HTML is made of. A page is well-formed XML too. What was printed has failed or not as ferror(out) says. */
#ifndef DMFT_HTML_H
#define DMFT_HTML_H

#include <stddef.h>
#include <stdio.h>

/* Text, in an element or between double quotes; of bytes that are no UTF-8, or no characters of a page, the replacement character. */
void html_text(FILE *out, const char *text);
void html_bytes(FILE *out, const char *text, size_t length);

/* A cell of a table: `head` for th. */
void html_cell(FILE *out, int head, const char *text);

/* A cell with a number to six digits, and its standard error: nan stands for none of either. */
void html_number(FILE *out, double value, double error);

/* A picture of gnuplot (terminal svg) as an element of the page. `number` makes its names unique in the page; `label` says what it is. Returns 0, or -1: no
 * memory, or no picture in the stream. */
int html_picture(FILE *out, FILE *picture, size_t number, const char *label);

/* The page before and behind its content; `title` is its first heading as well. */
void html_begin(FILE *out, const char *title);
void html_end(FILE *out);

#endif
