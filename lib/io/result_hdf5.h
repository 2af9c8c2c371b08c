/* What result files of one run and of a sweep (doc/format.md) are written and read with. Writers return 0 or -1, readers a status or -1. */
#ifndef DMFT_IO_RESULT_HDF5_H
#define DMFT_IO_RESULT_HDF5_H

#include <hdf5.h>

#include "base/trajectory.h"
#include "io/stream.h"
#include "io/sweep.h"

/* ---- writing ---- */

int hdf5_write_integer(hid_t place, const char *name, long value);
int hdf5_write_text(hid_t place, const char *name, const char *text);

/* A group that keeps the order in which things are put into it. */
hid_t hdf5_make_group(hid_t file, const char *name);

/* How the numbers of a series lie: so many rows of so many columns (rank 1: one), `stride` apart; of rank 3 without gaps, stride = size[1]. */
struct result_layout {
    int rank;
    hsize_t size[3];
    size_t stride;
};

/* Writes an array in chunks with checksums and hands out the open dataset; negative when it failed. */
hid_t hdf5_write_array(hid_t group, const char *name, const struct result_layout *layout, hid_t file_type, hid_t memory_type, const void *data);

/* All series and their errors into these groups (errors NULL: there are none, and no attribute `shown`). */
int result_write_series(hid_t file, const char *series, const char *errors, const dmft_trajectory *t, const struct result_layout *layout,
                        const io_stream *stream);
int result_write_texts(hid_t file, const dmft_trajectory *t);

/* Writes into an open file; returns 0, DMFT_ERROR_MEMORY, or -1 when HDF5 failed. */
typedef int result_writer(hid_t file, const void *result, const io_stream *stream);

/* A file written aside, sealed and renamed, with what `write` puts into it. */
int result_write(const char *path, int overwrite, result_writer *write, const void *result, dmft_error *err);

/* ---- reading ---- */

typedef struct result_reader {
    const char *path;
    double bytes;       /* of the file */
    dmft_trajectory *t; /* where series, errors, numbers and texts go */
    struct result_layout layout; /* of its series */
    dmft_sweep *sweep;
    int takes_run, takes_sweep;
    dmft_error *err;
} result_reader;

int result_damaged(const result_reader *r, const char *where);
int result_unexpected(const result_reader *r, const char *where, const char *what);

int hdf5_read_integer(hid_t place, const char *name, long *value);

/* What is done with one open dataset of a group, and with a group. */
typedef int (*result_dataset)(const result_reader *r, hid_t set, const char *name);
typedef int (*result_group)(const result_reader *r, hid_t group);
int result_read_datasets(const result_reader *r, hid_t group, result_dataset use);
int result_read_group(const result_reader *r, hid_t file, const char *name, result_group use);

/* Is the dataset of this class and size of numbers, of this rank, its numbers in this file? `size` receives its extent, as many numbers as the rank and at
 * least two. */
int result_check_dataset(const result_reader *r, hid_t set, const char *name, H5T_class_t class, size_t bytes, int rank, hsize_t *size);

/* Groups of r->t. */
int result_read_series(const result_reader *r, hid_t group);
int result_read_errors(const result_reader *r, hid_t group);
int result_read_hidden(const result_reader *r, hid_t group); /* series without an attribute `shown` */
int result_read_texts(const result_reader *r, hid_t group);

/* Reads either kind of file; exactly one of the two is made, the other NULL. A NULL argument refuses its kind. */
int result_read(dmft_trajectory **run, dmft_sweep **sweep, const char *path, dmft_error *err);

/* Of sweep_hdf5.c. */
extern const char sweep_format_name[];
int sweep_read_contents(result_reader *r, hid_t file);

#endif
