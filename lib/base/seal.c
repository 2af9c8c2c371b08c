/* The seal is text, "\nlibdmft:sum64=" and 16 hexadecimal digits and "\n", behind what HDF5 takes for the end of the file, where its
 * readers do not look and its writers cut it off. The sum takes 8 bytes at a time, each in a step that can be undone: a change within one
 * word always changes the sum. It guards against damage, not against forgery. Cost: one pass, 3 GB/s or more. */
#include "base/seal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/file.h"

static const char beginning[] = "\nlibdmft:sum64=";
enum { BLOCK = 1 << 14 }; /* on the stack, so that a sum needs no memory; a multiple of 8 */

/* An odd factor, so that multiplying can be undone: 2^64 over the golden ratio. The shift brings the high bits down again. */
static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ (sum >> 32);
}

static uint64_t sum_block(uint64_t sum, const unsigned char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word = 0;
        for (size_t j = 0; j < 8 && i + j < bytes; j++) word |= (uint64_t)data[i + j] << (8 * j);
        sum = mix(sum, word);
    }
    return sum;
}

/* Sum of the first `size` bytes; returns 0 or an errno. */
static int sum_file(int fd, size_t size, uint64_t *sum)
{
    unsigned char block[BLOCK];
    *sum = size;
    int code = 0;
    for (size_t at = 0; at < size && code == 0;) {
        size_t part = size - at < BLOCK ? size - at : BLOCK;
        code = file_read_at(fd, block, part, (off_t)at);
        if (code == 0) *sum = sum_block(*sum, block, part);
        at += part;
    }
    return code;
}

static void print_seal(char out[SEAL_BYTES + 1], uint64_t sum)
{
    (void)snprintf(out, SEAL_BYTES + 1, "%s%016" PRIx64 "\n", beginning, sum);
}

int seal_write(int fd)
{
    struct stat there;
    uint64_t sum;
    char line[SEAL_BYTES + 1];
    if (fstat(fd, &there) != 0 || lseek(fd, 0, SEEK_END) < 0) return errno;
    int code = sum_file(fd, (size_t)there.st_size, &sum);
    if (code != 0) return code;
    print_seal(line, sum);
    return file_write_all(fd, line, SEAL_BYTES);
}

enum seal seal_check(int fd, size_t size)
{
    uint64_t sum;
    char found[SEAL_BYTES], line[SEAL_BYTES + 1];
    if (size < SEAL_BYTES) return SEAL_ABSENT;
    errno = file_read_at(fd, found, SEAL_BYTES, (off_t)(size - SEAL_BYTES));
    if (errno != 0) return SEAL_UNREAD;
    if (memcmp(found, beginning, sizeof beginning - 1) != 0) return SEAL_ABSENT;
    errno = sum_file(fd, size - SEAL_BYTES, &sum);
    if (errno != 0) return SEAL_UNREAD;
    print_seal(line, sum);
    return memcmp(found, line, SEAL_BYTES) == 0 ? SEAL_HOLDS : SEAL_BROKEN;
}
