/*
 * Checkpoints: a line "libdmft checkpoint 0001", what the file says of itself, the parts that modules name with tags between them, and a seal
 * (base/seal.h) over all of it. The file is written aside and renamed, so that there is always a whole one (base/file.h).
 *
 * Numbers are stored as they lie in memory, so that a run goes on to the last bit; sizes of the types and the order of bytes are stored too, and
 * held against those of the reader, as is the version of the library: only that one is sure to mean the same by the state.
 *
 * Cost: writing, the bytes once and their sum once more; reading, the sum of the whole file first, then the bytes. Memory: a stdio buffer.
 */
#include "base/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/outline.h"
#include "base/seal.h"

static const char beginning[] = "libdmft checkpoint ";
enum { FORMAT = 1, BEGINNING = sizeof beginning - 1, LINE = BEGINNING + 5, MOST_TEXT = 1 << 24 };

/* Not the same on a machine whose numbers lie differently in memory. */
struct machine {
    unsigned char sizes[8];
    int order;
    double number;
};

static const struct machine here = {
    {sizeof(int), sizeof(long), sizeof(size_t), sizeof(double), sizeof(void *), 0, 0, 0}, 0x01020304, 1.0 / 3.0};

struct archive {
    int reading, status;
    dmft_error error;
    char *path;
    FILE *stream;
    file_aside aside;    /* writing */
    size_t place, read, end; /* reading: where it is, has ever been, may go */
    struct archive_head head;
    char *kind, *problem; /* reading: what head points to */
};

/* ---- Failures ---- */

int archive_reading(const archive *a) { return a->reading; }
int archive_status(const archive *a) { return a->status; }

void archive_fail(archive *a, int status, const dmft_error *err)
{
    if (a->status != DMFT_OK || status == DMFT_OK) return;
    a->status = status;
    if (err != NULL)
        (void)error_set(&a->error, status, "%s", err->text);
    else
        (void)error_set(&a->error, status, "%s: %s", a->path, dmft_status_text(status));
}

/* The bytes are those that were written, but not what the reader takes them for. */
static void misread(archive *a, const char *what)
{
    dmft_error err;
    (void)error_set(&err, DMFT_ERROR_FORMAT, "%s: not the state of such a run: %s", a->path, what);
    archive_fail(a, DMFT_ERROR_FORMAT, &err);
}

static void broken(archive *a, int code)
{
    dmft_error err;
    int status = a->reading ? DMFT_ERROR_READ : DMFT_ERROR_WRITE;
    (void)error_set(&err, status, "cannot %s %s: %s", a->reading ? "read" : "write", a->path, code != 0 ? strerror(code) : "it ends too early");
    archive_fail(a, status, &err);
}

/* ---- Parts ---- */

void archive_bytes(archive *a, void *data, size_t bytes)
{
    if (a->status != DMFT_OK || bytes == 0) return;
    errno = 0;
    if (!a->reading) {
        if (fwrite(data, 1, bytes, a->stream) != bytes) broken(a, errno);
        a->place += bytes;
    } else if (bytes > a->end - a->place) {
        misread(a, "it ends too early");
    } else if (fread(data, 1, bytes, a->stream) != bytes) {
        broken(a, errno);
    } else {
        a->place += bytes;
        if (a->place > a->read) a->read = a->place;
    }
}

void archive_doubles(archive *a, double *x, size_t n) { archive_bytes(a, x, n * sizeof *x); }

void archive_rows(archive *a, double *x, size_t rows, size_t n, size_t stride)
{
    for (size_t i = 0; i < rows && a->status == DMFT_OK; i++) archive_doubles(a, x + i * stride, n);
}

void archive_double(archive *a, double *x) { archive_bytes(a, x, sizeof *x); }
void archive_long(archive *a, long *n) { archive_bytes(a, n, sizeof *n); }
void archive_int(archive *a, int *n) { archive_bytes(a, n, sizeof *n); }

void archive_size(archive *a, size_t *n, size_t most)
{
    size_t value = *n;
    archive_bytes(a, &value, sizeof value);
    if (a->status != DMFT_OK) return;
    if (a->reading && value > most)
        misread(a, "a size is out of bounds");
    else
        *n = value;
}

/* A tag is its length and its letters. */
void archive_tag(archive *a, const char *tag)
{
    enum { MOST = 63 };
    char found[MOST + 1] = "", what[2 * MOST + 64];
    size_t length = strlen(tag);
    archive_size(a, &length, MOST);
    if (!a->reading) {
        (void)memcpy(found, tag, length < MOST ? length : MOST);
        archive_bytes(a, found, length < MOST ? length : MOST);
        return;
    }
    archive_bytes(a, found, length);
    if (a->status != DMFT_OK || strcmp(found, tag) == 0) return;
    (void)snprintf(what, sizeof what, "'%.*s' where '%s' should be", (int)MOST, found, tag);
    misread(a, what);
}

size_t archive_place(const archive *a) { return a->place; }

void archive_seek(archive *a, size_t place)
{
    if (a->status != DMFT_OK) return;
    if (fseeko(a->stream, (off_t)place, SEEK_SET) != 0) broken(a, errno);
    a->place = place;
}

void archive_copy(archive *to, archive *from, size_t bytes)
{
    char block[1 << 14];
    while (bytes > 0 && to->status == DMFT_OK) {
        size_t part = bytes < sizeof block ? bytes : sizeof block;
        archive_bytes(from, block, part);
        archive_fail(to, from->status, &from->error);
        archive_bytes(to, block, part);
        bytes -= part;
    }
}

/* ---- Writing ---- */

/* Whatever lies there and is no checkpoint was not meant: a configuration, a result. */
static int refuse_others(const char *path, dmft_error *err)
{
    struct stat there;
    char found[BEGINNING];
    if (stat(path, &there) != 0 || !S_ISREG(there.st_mode) || there.st_size == 0) return DMFT_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_set(err, DMFT_ERROR_WRITE, "cannot write %s: %s", path, strerror(errno));
    ssize_t got = read(fd, found, sizeof found);
    (void)close(fd);
    if (got == BEGINNING && memcmp(found, beginning, BEGINNING) == 0) return DMFT_OK;
    return error_set(err, DMFT_ERROR_EXISTS, "%s exists and is no checkpoint: it is not overwritten", path);
}

int archive_may_write(const char *path, dmft_error *err)
{
    file_aside aside;
    int status = refuse_others(path, err);
    if (status == DMFT_OK) status = file_aside_open(&aside, path, 1, err);
    if (status == DMFT_OK) file_aside_abandon(&aside);
    return status;
}

/* A text of known size; reading, room is made for it. */
static char *transfer_text(archive *a, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    archive_size(a, &length, MOST_TEXT);
    char *copy = a->status == DMFT_OK ? calloc(length + 1, 1) : NULL;
    if (copy == NULL) {
        archive_fail(a, DMFT_ERROR_MEMORY, NULL);
        return NULL;
    }
    if (!a->reading) memcpy(copy, text, length);
    archive_bytes(a, copy, length);
    return copy;
}

/* All behind the first line that is not a part. */
static void transfer_head(archive *a, struct machine *machine, char **version)
{
    struct archive_head *h = &a->head;
    archive_bytes(a, machine->sizes, sizeof machine->sizes);
    archive_int(a, &machine->order);
    archive_double(a, &machine->number);
    if (memcmp(machine->sizes, here.sizes, sizeof here.sizes) != 0 || machine->order != here.order || machine->number != here.number) {
        misread(a, "it comes from another kind of machine");
        return;
    }
    *version = transfer_text(a, dmft_version());
    a->kind = transfer_text(a, h->kind);
    a->problem = transfer_text(a, h->problem);
    archive_bytes(a, h->blas, sizeof h->blas);
    archive_long(a, &h->threads);
    archive_long(a, &h->done);
    archive_long(a, &h->total);
    h->kind = a->kind;
    h->problem = a->problem;
}

static archive *archive_new(const char *path, int reading)
{
    archive *a = calloc(1, sizeof *a);
    if (a == NULL) return NULL;
    a->reading = reading;
    a->aside.fd = -1;
    a->path = memory_string(path);
    if (a->path != NULL) return a;
    free(a);
    return NULL;
}

static void archive_free(archive *a)
{
    if (a->stream != NULL) (void)fclose(a->stream);
    file_aside_abandon(&a->aside);
    free(a->path);
    free(a->kind);
    free(a->problem);
    free(a);
}

void archive_describe_blas(struct archive_head *head, const char *blas)
{
    (void)snprintf(head->blas, sizeof head->blas, "%s", blas != NULL ? blas : "");
}

/* A stream on a descriptor of its own, so that the file aside keeps its own. */
static FILE *stream_on(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    FILE *stream = copy >= 0 ? fdopen(copy, "wb") : NULL;
    if (stream == NULL && copy >= 0) (void)close(copy);
    return stream;
}

int archive_create_write(archive **out, const char *path, const struct archive_head *head, dmft_error *err)
{
    struct machine machine = here;
    char line[LINE + 1], *version = NULL;
    int status = refuse_others(path, err);
    if (status != DMFT_OK) return status;
    archive *a = archive_new(path, 0);
    if (a == NULL) return error_memory(err, sizeof *a);
    status = file_aside_open(&a->aside, path, 1, err);
    if (status == DMFT_OK && (a->stream = stream_on(a->aside.fd)) == NULL) status = error_set(err, DMFT_ERROR_WRITE, "cannot write %s", path);
    if (status != DMFT_OK) {
        archive_free(a);
        return status;
    }
    a->head = *head;
    (void)snprintf(line, sizeof line, "%s%04d\n", beginning, FORMAT);
    archive_bytes(a, line, LINE);
    transfer_head(a, &machine, &version);
    free(version);
    *out = a;
    return DMFT_OK; /* a failure of writing shows at the end at the latest */
}

/* ---- Reading ---- */

/* What is not a whole checkpoint of this format. */
static int check_file(archive *a, size_t bytes, dmft_error *err)
{
    char line[LINE + 1] = "";
    size_t got = fread(line, 1, LINE, a->stream), compared = got < BEGINNING ? got : BEGINNING;
    if (ferror(a->stream)) return error_set(err, DMFT_ERROR_READ, "cannot read %s: %s", a->path, strerror(errno));
    if (bytes == 0) return error_set(err, DMFT_ERROR_READ, "%s: the checkpoint is empty", a->path);
    if (memcmp(line, beginning, compared) != 0) return error_set(err, DMFT_ERROR_FORMAT, "%s: not a checkpoint of this program", a->path);
    enum seal seal = got == LINE ? seal_check(fileno(a->stream), bytes) : SEAL_ABSENT;
    long format = strtol(line + compared, NULL, 10);
    if (got == LINE && format > FORMAT && seal != SEAL_BROKEN && seal != SEAL_UNREAD)
        return error_set(err, DMFT_ERROR_FORMAT, "%s: a checkpoint of format %ld, of a newer version; this one reads %d", a->path, format, FORMAT);
    if (seal == SEAL_UNREAD) return error_set(err, DMFT_ERROR_READ, "cannot read %s: %s", a->path, strerror(errno));
    if (seal == SEAL_ABSENT) return error_set(err, DMFT_ERROR_READ, "%s: the checkpoint is truncated", a->path);
    if (seal == SEAL_BROKEN) return error_set(err, DMFT_ERROR_READ, "%s: the checkpoint is damaged: its bytes do not add up to its checksum", a->path);
    if (format != FORMAT) return error_set(err, DMFT_ERROR_FORMAT, "%s: a checkpoint of format %ld; this version reads %d", a->path, format, FORMAT);
    a->place = LINE;
    a->end = bytes - SEAL_BYTES;
    return DMFT_OK;
}

/* Names the first setting of `text` that `other` has not, or has with another value; 0 when there is none. */
static int difference(const archive *a, const char *text, const char *other, int swapped, dmft_error *err)
{
    enum { VALUE = 96 };
    char key[OUTLINE_KEY] = "", in_text[VALUE], in_other[VALUE] = "not set";
    const char *value, *there;
    size_t length, there_length;
    for (const char *at = text; (at = outline_next(at, key, &value, &length)) != NULL;) {
        int set = outline_value(other, key, &there, &there_length);
        if (set && there_length == length && memcmp(there, value, length) == 0) continue;
        (void)snprintf(in_text, sizeof in_text, "%.*s", (int)length, value);
        if (set) (void)snprintf(in_other, sizeof in_other, "%.*s", (int)there_length, there);
        if (strcmp(in_text, in_other) == 0) return error_set(err, DMFT_ERROR_CONFIG, "%s belongs to another run: %s differs", a->path, key);
        return error_set(err, DMFT_ERROR_CONFIG, "%s belongs to another run: %s is %s there and %s here", a->path, key, swapped ? in_other : in_text,
                         swapped ? in_text : in_other);
    }
    return 0;
}

/* A whole checkpoint, but of another version, kind or problem. */
static int check_head(archive *a, const char *kind, const char *problem, dmft_error *err)
{
    struct machine machine = {{0}, 0, 0};
    char *version = NULL;
    transfer_head(a, &machine, &version);
    a->head.blas[ARCHIVE_BLAS - 1] = '\0';
    int status = a->status;
    if (status != DMFT_OK)
        (void)error_set(err, status, "%s", a->error.text);
    else if (strcmp(version, dmft_version()) != 0)
        status = error_set(err, DMFT_ERROR_FORMAT, "%s: written by version %s; this is %s, and a run is finished by the version that began it", a->path,
                           version, dmft_version());
    else if (strcmp(a->kind, kind) != 0)
        status = error_set(err, DMFT_ERROR_FORMAT, "%s: a checkpoint of %s, not of %s", a->path, a->kind, kind);
    else if (strcmp(a->problem, problem) != 0) {
        status = difference(a, a->problem, problem, 0, err);
        if (status == 0) status = difference(a, problem, a->problem, 1, err);
        if (status == 0) status = error_set(err, DMFT_ERROR_CONFIG, "%s belongs to another run: the data have another checksum", a->path);
    }
    free(version);
    return status;
}

int archive_open_read(archive **out, const char *path, const char *kind, const char *problem, dmft_error *err)
{
    struct stat there = {0};
    archive *a = archive_new(path, 1);
    if (a == NULL) return error_memory(err, sizeof *a);
    int status = DMFT_OK, fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &there) != 0) status = error_set(err, DMFT_ERROR_READ, "cannot read %s: %s", path, strerror(errno));
    else if (!S_ISREG(there.st_mode)) status = error_set(err, DMFT_ERROR_READ, "cannot read %s: not a regular file", path);
    else if ((a->stream = fdopen(fd, "rb")) == NULL) status = error_memory(err, 4096);
    if (a->stream == NULL && fd >= 0) (void)close(fd);
    if (status == DMFT_OK) status = check_file(a, (size_t)there.st_size, err);
    if (status == DMFT_OK) status = check_head(a, kind, problem, err);
    if (status != DMFT_OK) {
        archive_free(a);
        return status;
    }
    *out = a;
    return DMFT_OK;
}

const struct archive_head *archive_head_of(const archive *a) { return &a->head; }

/* ---- The end ---- */

/* Seal, rename; the file aside is gone in either case. */
static int commit(archive *a, dmft_error *err)
{
    int code = fclose(a->stream) == 0 ? 0 : errno;
    a->stream = NULL;
    if (code == 0) code = seal_write(a->aside.fd);
    return code == 0 ? file_aside_commit(&a->aside, err) : file_aside_failed(&a->aside, code, err);
}

int archive_finished(archive *a, dmft_error *err)
{
    if (a->reading && a->status == DMFT_OK && a->read != a->end) misread(a, "parts are left over");
    if (a->status == DMFT_OK) return DMFT_OK;
    return error_set(err, a->status, "%s", a->error.text);
}

int archive_close(archive *a, dmft_error *err)
{
    if (a == NULL) return DMFT_OK;
    int status = archive_finished(a, err);
    if (status == DMFT_OK && !a->reading) status = commit(a, err);
    archive_free(a);
    return status;
}
