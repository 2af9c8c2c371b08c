/* Fuzz targets: whatever the bytes are, a reader returns a status and one line of text, and leaves nothing behind. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "dmft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as a file in memory, whose name is good until the next call; NULL when there is no memory. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* Aborts unless the status is 0, or an error with one line of text. */
void fuzz_expect(int status, const dmft_error *err);

#endif
