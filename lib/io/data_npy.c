/* Data as .npy: NAME.npy holds the inputs, NAME_target.npy beside it the targets. The header (numpy's format.py) is a magic word, a version, a length and a
 * dictionary of three entries; versions 1 to 3 differ in the bytes of the length and in the letters allowed. A file is read when its size is exactly
 * what the header says. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "io/data.h"

struct header {
    char kind;       /* f, i, u or b */
    size_t bytes;    /* of a number */
    int swapped;     /* the highest byte comes first */
    int fortran;
    size_t rank, size[2];
    size_t length;   /* of the header: where the numbers begin */
};

struct text {
    const char *at, *end;
};

static void skip_blanks(struct text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\n')) t->at++;
}

/* Takes these letters if they come next. */
static int take(struct text *t, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(t);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n) != 0) return 0;
    t->at += n;
    return 1;
}

static int take_size(struct text *t, size_t *out)
{
    skip_blanks(t);
    const char *first = t->at;
    for (*out = 0; t->at < t->end && '0' <= *t->at && *t->at <= '9'; t->at++) {
        if (*out > DATA_MOST_NUMBERS) return 0;
        *out = 10 * *out + (size_t)(*t->at - '0');
    }
    return t->at > first;
}

/* "'<f8'" */
static int take_type(struct text *t, struct header *h)
{
    static const char *const kinds = "f4f8i1i2i4i8u1u2u4u8b1";
    char order, kind[3] = "";
    if (!take(t, "'") || t->end - t->at < 3) return 0;
    order = *t->at;
    memcpy(kind, t->at + 1, 2);
    if (order == '\0' || strlen(kind) != 2) return 0;
    const char *known = strstr(kinds, kind);
    if (strchr("<>|=", order) == NULL || known == NULL || (known - kinds) % 2 != 0) return 0;
    t->at += 3;
    h->kind = kind[0];
    h->bytes = (size_t)(kind[1] - '0');
    const uint16_t one = 1;
    int little = *(const unsigned char *)&one == 1;
    h->swapped = order == (little ? '>' : '<');
    return take(t, "'");
}

static int take_shape(struct text *t, struct header *h)
{
    if (!take(t, "(")) return 0;
    for (h->rank = 0; !take(t, ")"); h->rank++) {
        if (h->rank == 2 || !take_size(t, &h->size[h->rank])) return 0;
        if (!take(t, ",")) {
            h->rank++;
            return take(t, ")");
        }
    }
    return 1;
}

static int take_entry(struct text *t, struct header *h, unsigned *seen)
{
    if (take(t, "'descr'")) {
        *seen += 1;
        return take(t, ":") && take_type(t, h);
    }
    if (take(t, "'shape'")) {
        *seen += 16;
        return take(t, ":") && take_shape(t, h);
    }
    if (!take(t, "'fortran_order'") || !take(t, ":")) return 0;
    *seen += 256;
    h->fortran = take(t, "True");
    return h->fortran || take(t, "False");
}

/* Each of the three once. */
static int take_dictionary(struct text *t, struct header *h)
{
    unsigned seen = 0;
    if (!take(t, "{")) return 0;
    while (!take(t, "}")) {
        if (!take_entry(t, h, &seen)) return 0;
        if (take(t, ",")) continue;
        if (!take(t, "}")) return 0;
        break;
    }
    skip_blanks(t);
    return seen == 1 + 16 + 256 && t->at == t->end;
}

static int read_header(struct header *h, const char *path, const unsigned char *bytes, size_t size, dmft_error *err)
{
    *h = (struct header){.size = {1, 1}};
    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0) return data_error(err, path, "is not an .npy file, or a truncated one");
    if (bytes[6] < 1 || bytes[6] > 3) return data_error(err, path, "is of version %d of the .npy format; versions 1 to 3 are read", bytes[6]);
    size_t start = bytes[6] == 1 ? 10 : 12, length = (size_t)bytes[8] + 256 * (size_t)bytes[9];
    if (start == 12 && size >= 12) length += 65536 * ((size_t)bytes[10] + 256 * (size_t)bytes[11]);
    if (size < start || length > size - start) return data_error(err, path, "is truncated: its header is not whole");
    h->length = start + length;
    struct text t = {(const char *)bytes + start, (const char *)bytes + h->length};
    if (take_dictionary(&t, h)) return 0;
    return data_error(err, path, "its header is not that of an array of one or two dimensions of real numbers (f4, f8, i1 .. i8, u1 .. u8, b1)");
}

static int check_size(const struct header *h, const char *path, size_t size, dmft_error *err)
{
    size_t rows = h->size[0], columns = h->rank == 2 ? h->size[1] : 1;
    if (h->rank == 0) return data_error(err, path, "holds one number, an array is needed");
    if (rows == 0 || columns == 0) return data_error(err, path, "is empty: %zu x %zu", rows, columns);
    if (columns > DATA_MOST_NUMBERS / rows) return data_error(err, path, "its header says %zu x %zu numbers: too large, or damaged", rows, columns);
    size_t need = h->length + rows * columns * h->bytes;
    if (size != need) return data_error(err, path, "is %s: %zu bytes, its header says %zu", size < need ? "truncated" : "longer than it should be", size, need);
    return 0;
}

static double number_at(const struct header *h, const unsigned char *bytes)
{
    unsigned char b[8] = {0};
    for (size_t i = 0; i < h->bytes; i++) b[i] = bytes[h->swapped ? h->bytes - 1 - i : i];
    union {
        float f4;
        double f8;
        int8_t i1;
        int16_t i2;
        int32_t i4;
        int64_t i8;
        uint8_t u1;
        uint16_t u2;
        uint32_t u4;
        uint64_t u8;
    } u;
    memcpy(&u, b, sizeof b);
    switch (h->bytes) {
    case 1: return h->kind == 'i' ? (double)u.i1 : (double)u.u1;
    case 2: return h->kind == 'i' ? (double)u.i2 : (double)u.u2;
    case 4: return h->kind == 'f' ? (double)u.f4 : h->kind == 'i' ? (double)u.i4 : (double)u.u4;
    default: return h->kind == 'f' ? u.f8 : h->kind == 'i' ? (double)u.i8 : (double)u.u8;
    }
}

/* Any array, row by row. */
static int read_array(double **out, struct header *h, const char *path, dmft_error *err)
{
    char *bytes = NULL;
    size_t size;
    int status = data_load(&bytes, &size, path, err);
    if (status == 0) status = read_header(h, path, (const unsigned char *)bytes, size, err);
    if (status == 0) status = check_size(h, path, size, err);
    size_t rows = h->size[0], columns = h->size[1];
    double *number = status == 0 ? memory_doubles(rows * columns) : NULL;
    if (status == 0 && number == NULL) status = error_memory(err, 8.0 * (double)rows * (double)columns);
    for (size_t i = 0; status == 0 && i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            size_t place = h->fortran ? j * rows + i : i * columns + j;
            number[i * columns + j] = number_at(h, (const unsigned char *)bytes + h->length + place * h->bytes);
        }
    free(bytes);
    if (status == 0) *out = number;
    return status;
}

static int read_target(struct data_table *table, const char *path, dmft_error *err)
{
    struct header h;
    if (access(path, F_OK) != 0 && errno == ENOENT) return 0;
    int status = read_array(&table->target, &h, path, err);
    if (status < 0) return status;
    table->outputs = h.size[1];
    if (h.size[0] == table->rows) return 0;
    return data_error(err, path, "holds targets of %zu samples, the inputs are %zu", h.size[0], table->rows);
}

int data_read_npy(struct data_table *table, const char *path, dmft_error *err)
{
    static const char ending[] = "_target.npy";
    struct header h;
    int status = read_array(&table->input, &h, path, err);
    if (status < 0) return status;
    table->rows = h.size[0];
    table->inputs = h.size[1];
    if (h.rank != 2) return data_error(err, path, "inputs have two dimensions, samples and components; this array has one");
    size_t stem = strlen(path) - strlen(".npy");
    char *target = malloc(stem + sizeof ending);
    if (target == NULL) return error_memory(err, (double)stem);
    memcpy(target, path, stem);
    memcpy(target + stem, ending, sizeof ending);
    status = read_target(table, target, err);
    free(target);
    return status;
}
