/* A file driver of HDF5 over an open file descriptor (the interface of H5FDpublic.h): plain pread and pwrite at the address.
 * A file that cannot be read or flushed, as on a full disk, leaves HDF5 1.10 with an open file that it closes once more at exit; hence the
 * failure is remembered here, where the caller asks for it, and not told to HDF5. */
#include "io/stream.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct handle {
    H5FD_t base; /* HDF5's part; must come first */
    io_stream *stream;
    haddr_t eoa, eof;
};

static const struct handle *reading(const H5FD_t *file) { return (const struct handle *)file; }
static struct handle *writing(H5FD_t *file) { return (struct handle *)file; }

static H5FD_t *stream_open(const char *name, unsigned flags, hid_t access, haddr_t limit)
{
    (void)name, (void)flags, (void)limit;
    struct stat there;
    io_stream *const *stream = H5Pget_driver_info(access);
    if (stream == NULL || fstat((*stream)->fd, &there) != 0) return NULL;
    struct handle *h = calloc(1, sizeof *h);
    if (h == NULL) {
        (*stream)->failure = ENOMEM;
        return NULL;
    }
    h->stream = *stream;
    h->eof = (haddr_t)there.st_size;
    return &h->base;
}

static herr_t stream_done(H5FD_t *file)
{
    free(file);
    return 0;
}

static herr_t stream_query(const H5FD_t *file, unsigned long *flags)
{
    (void)file;
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA;
    return 0;
}

static haddr_t stream_eoa(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return reading(file)->eoa;
}

static herr_t stream_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t address)
{
    (void)type;
    writing(file)->eoa = address;
    return 0;
}

static haddr_t stream_eof(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return reading(file)->eof;
}

/* What lies past the end of the file reads as zeros, as HDF5 expects of its own drivers. Zeros have a checksum that holds, so that a file which has
 * become shorter since it was opened must be a failure. HDF5 1.10 is not told of failures here either: it then closes what it has closed, without end. */
static herr_t stream_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t bytes, void *buffer)
{
    (void)type, (void)transfer;
    struct handle *h = writing(file);
    char *to = buffer;
    while (bytes > 0) {
        ssize_t got = pread(h->stream->fd, to, bytes, (off_t)address);
        if (got < 0 && errno == EINTR) continue;
        if ((got < 0 || (got == 0 && address < h->eof)) && h->stream->failure == 0) h->stream->failure = got < 0 ? errno : EIO;
        if (got <= 0) {
            memset(to, 0, bytes);
            return 0;
        }
        to += got;
        address += (haddr_t)got;
        bytes -= (size_t)got;
    }
    return 0;
}

static herr_t stream_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t bytes, const void *buffer)
{
    (void)type, (void)transfer;
    struct handle *h = writing(file);
    const char *from = buffer;
    while (bytes > 0 && h->stream->failure == 0) {
        ssize_t done = pwrite(h->stream->fd, from, bytes, (off_t)address);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) {
            h->stream->failure = errno;
            break;
        }
        from += done;
        address += (haddr_t)done;
        bytes -= (size_t)done;
    }
    if (address + bytes > h->eof) h->eof = address + bytes;
    return 0;
}

/* Brings the file to the length that HDF5 has given out. */
static herr_t stream_truncate(H5FD_t *file, hid_t transfer, hbool_t closing)
{
    (void)transfer, (void)closing;
    struct handle *h = writing(file);
    if (h->eoa == h->eof) return 0;
    if (h->stream->failure == 0 && ftruncate(h->stream->fd, (off_t)h->eoa) != 0) h->stream->failure = errno;
    h->eof = h->eoa;
    return 0;
}

static const H5FD_class_t stream_class = {
#ifdef H5FD_CLASS_VERSION
    .version = H5FD_CLASS_VERSION, /* 1.14 and later; the value is one of those left to programs */
    .value = (H5FD_class_value_t)520,
#endif
    .name = "descriptor",
    .maxaddr = (haddr_t)LONG_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(io_stream *),
    .open = stream_open,
    .close = stream_done,
    .query = stream_query,
    .get_eoa = stream_eoa,
    .set_eoa = stream_set_eoa,
    .get_eof = stream_eof,
    .read = stream_read,
    .write = stream_write,
    .truncate = stream_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t stream_access(io_stream *stream, hid_t *driver)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    *driver = H5FDregister(&stream_class);
    if (access >= 0 && *driver >= 0 && H5Pset_driver(access, *driver, &stream) >= 0 && H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 &&
        H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0)
        return access;
    stream_close(access, *driver);
    *driver = H5I_INVALID_HID;
    return H5I_INVALID_HID;
}

void stream_close(hid_t access, hid_t driver)
{
    if (access >= 0) (void)H5Pclose(access);
    if (driver >= 0) (void)H5FDunregister(driver);
}
