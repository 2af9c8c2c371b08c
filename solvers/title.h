/* The settings that a figure names, with their symbols. */
#ifndef DMFT_TITLE_H
#define DMFT_TITLE_H

#include <stddef.h>

/* Key and what stands before its value, "" or "γ₀ = ", in the order of a title; past the end the key is NULL. `plain`: a value that a title leaves out,
 * that of a run without the thing; NULL: none. */
struct title_setting {
    const char *key, *symbol, *plain;
};
extern const struct title_setting title_settings[];

/* Does a title name the setting where it has this value? */
int title_names(const struct title_setting *setting, const char *value);

/* "γ₀ = 3" of a setting and its value, numbers to four digits; of a key without a symbol the last name stands for it. */
void title_value(char *out, size_t bytes, const char *key, const char *value);

#endif
