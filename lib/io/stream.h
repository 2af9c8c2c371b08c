/* HDF5 over a file descriptor that somebody else owns. */
#ifndef DMFT_IO_STREAM_H
#define DMFT_IO_STREAM_H

#include <hdf5.h>

/* Where the bytes go. After a write has failed nothing more is written, after a read has failed zeros are given, and HDF5 is told that
 * all is well: it can then close the file and free what it holds, which it cannot after an error of its own. `failure` keeps the errno, of a
 * file that HDF5 could not open for want of memory too: whoever has read a file has to look at it. */
typedef struct io_stream {
    int fd;
    int failure;
} io_stream;

/* A file access property list over the stream, in the format whose metadata all carry checksums; `driver` is what stream_close takes.
 * The stream must outlive the file. Negative when HDF5 has no memory. */
hid_t stream_access(io_stream *stream, hid_t *driver);

/* Closes both. */
void stream_close(hid_t access, hid_t driver);

#endif
