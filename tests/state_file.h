/* A state that is written to a file, in a folder of the test's own, and read from it: begin_writing, transfer, begin_reading, transfer, end_reading. */
#ifndef TESTS_STATE_FILE_H
#define TESTS_STATE_FILE_H

#include <check.h>

#include "base/archive.h"
#include "folder.h"

static const struct archive_head state_head = {.kind = "solve", .problem = "model: mlp\n", .threads = 1, .done = 3, .total = 6};

static inline archive *begin_writing(void)
{
    archive *a = NULL;
    dmft_error err = {.text = ""};
    make_folder();
    ck_assert_msg(archive_create_write(&a, in_folder("state"), &state_head, &err) == DMFT_OK, "%s", err.text);
    return a;
}

static inline archive *begin_reading(archive *written)
{
    archive *a = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(archive_close(written, &err) == DMFT_OK, "%s", err.text);
    ck_assert_msg(archive_open_read(&a, in_folder("state"), state_head.kind, state_head.problem, &err) == DMFT_OK, "%s", err.text);
    return a;
}

/* All was read. */
static inline void end_reading(archive *read)
{
    dmft_error err = {.text = ""};
    ck_assert_msg(archive_close(read, &err) == DMFT_OK, "%s", err.text);
    remove_folder();
}

#endif
