#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char name[64];
    if (fd < 0) fd = memfd_create("fuzz", 0);
    if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) return NULL;
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return name;
}

void fuzz_expect(int status, const dmft_error *err)
{
    if (status >= 0) return;
    size_t length = strnlen(err->text, sizeof err->text);
    if (err->status != status || length == 0 || length == sizeof err->text || strchr(err->text, '\n') != NULL) abort();
}
