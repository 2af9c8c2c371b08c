/* dmft/base.h: version, status, errors. Part of dmft.h, whose conventions hold.
 * Copyright (C) 2026 the libdmft authors. SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DMFT_PUBLIC_BASE_H
#define DMFT_PUBLIC_BASE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** \defgroup base Version, status, errors
 *  Version and status: what every other part needs.
 *  @{ */

/** The version of this header. */
#define DMFT_VERSION "0.1.0"

/** \def DMFT_API
 *  Marks what the shared library exports. */
/** \def DMFT_FALLIBLE
 *  Marks an exported function whose status must be looked at: compilers warn where it is not. */
#if defined(__GNUC__)
#define DMFT_API __attribute__((visibility("default")))
#define DMFT_FALLIBLE DMFT_API __attribute__((warn_unused_result))
#else
#define DMFT_API
#define DMFT_FALLIBLE DMFT_API
#endif

/** The version of the library that is running, such as "0.1.0"; equal to DMFT_VERSION when header and library fit. */
DMFT_API const char *dmft_version(void);

/** Every status: name, value, text. */
#define DMFT_STATUS_TABLE(X)                                                  \
    X(DMFT_DIVERGED, 2, "the run diverged")                                   \
    X(DMFT_STOPPED, 1, "stopped by the caller")                               \
    X(DMFT_OK, 0, "done")                                                     \
    X(DMFT_ERROR_ARGUMENT, -1, "an argument lies outside its domain")         \
    X(DMFT_ERROR_CONFIG, -2, "the configuration is not valid")                \
    X(DMFT_ERROR_UNAVAILABLE, -3, "not available")                            \
    X(DMFT_ERROR_MEMORY, -4, "out of memory")                                 \
    X(DMFT_ERROR_MEMORY_LIMIT, -5, "the memory limit would be passed")        \
    X(DMFT_ERROR_READ, -6, "a file cannot be read")                           \
    X(DMFT_ERROR_FORMAT, -7, "a file is not what it should be")               \
    X(DMFT_ERROR_WRITE, -8, "a file cannot be written")                       \
    X(DMFT_ERROR_EXISTS, -9, "the output exists already")                     \
    X(DMFT_ERROR_NUMERIC, -10, "a numerical method did not converge")         \
    X(DMFT_ERROR_SYSTEM, -11, "the operating system refused a request")

/** What functions return; the table has their texts. */
enum dmft_status {
#define DMFT_STATUS_ENTRY(name, value, text) name = value,
    DMFT_STATUS_TABLE(DMFT_STATUS_ENTRY)
#undef DMFT_STATUS_ENTRY
};

/** Where a failing function leaves its one line of text. Owned by the caller; no initialisation is needed. */
typedef struct dmft_error {
    int status;     /**< the value that was returned */
    char text[480]; /**< what, where and the allowed range; no newline */
} dmft_error;

/** The text of a status, for any int (never NULL). */
DMFT_API const char *dmft_status_text(int status);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
