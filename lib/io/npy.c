/* Arrays of numpy. The header (numpy's format.py) is a magic word, a version, a length and a dictionary of three entries; versions 1 to 3 differ in the bytes
 * of the length and in the letters allowed. A file is read when its size is exactly what the header says. Either order of bytes and of indices is read.
 */
#include "io/npy.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/data.h"

struct header {
    struct npy_array array;
    char kind;     /* f, i, u or b */
    size_t bytes;  /* of a number */
    int swapped;   /* the highest byte comes first */
    int fortran;
    size_t most;   /* dimensions that are allowed */
    int halves;    /* are numbers of 16 bits? */
    size_t length; /* of the header: where the numbers begin */
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
    const char *kinds = h->halves ? "f2f4f8" : "f4f8i1i2i4i8u1u2u4u8b1";
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
    size_t *rank = &h->array.rank;
    for (*rank = 0; !take(t, ")"); ++*rank) {
        if (*rank == h->most || !take_size(t, &h->array.size[*rank])) return 0;
        if (!take(t, ",")) {
            ++*rank;
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
    if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0) return data_error(err, path, "is not an .npy file, or a truncated one");
    if (bytes[6] < 1 || bytes[6] > 3) return data_error(err, path, "is of version %d of the .npy format; versions 1 to 3 are read", bytes[6]);
    size_t start = bytes[6] == 1 ? 10 : 12, length = (size_t)bytes[8] + 256 * (size_t)bytes[9];
    if (start == 12 && size >= 12) length += 65536 * ((size_t)bytes[10] + 256 * (size_t)bytes[11]);
    if (size < start || length > size - start) return data_error(err, path, "is truncated: its header is not whole");
    h->length = start + length;
    struct text t = {(const char *)bytes + start, (const char *)bytes + h->length};
    if (take_dictionary(&t, h)) return 0;
    if (h->halves) return data_error(err, path, "its header is not that of an array of one to five dimensions of floating-point numbers (f2, f4, f8)");
    return data_error(err, path, "its header is not that of an array of one or two dimensions of real numbers (f4, f8, i1 .. i8, u1 .. u8, b1)");
}

/* "3 x 4" */
static void format_shape(char *out, size_t bytes, const struct npy_array *a)
{
    size_t have = 0;
    for (size_t k = 0; k < a->rank && have < bytes; k++) have += (size_t)snprintf(out + have, bytes - have, "%s%zu", k > 0 ? " x " : "", a->size[k]);
}

static int check_size(const struct header *h, const char *path, size_t size, size_t *count, dmft_error *err)
{
    const struct npy_array *a = &h->array;
    char shape[128] = "";
    int empty = 0, large = 0;
    *count = 1;
    format_shape(shape, sizeof shape, a);
    for (size_t k = 0; k < a->rank; k++) empty |= a->size[k] == 0;
    for (size_t k = 0; k < a->rank && !empty && !large; k++) {
        large = a->size[k] > DATA_MOST_NUMBERS / *count;
        *count *= a->size[k];
    }
    if (a->rank == 0) return data_error(err, path, "holds one number, an array is needed");
    if (empty) return data_error(err, path, "is empty: %s%s", shape, a->rank == 1 ? " x 1" : "");
    if (large) return data_error(err, path, "its header says %s numbers: too large, or damaged", shape);
    size_t need = h->length + *count * h->bytes;
    if (size != need) return data_error(err, path, "is %s: %zu bytes, its header says %zu", size < need ? "truncated" : "longer than it should be", size, need);
    return 0;
}

/* A number of 16 bits: a sign, five bits of exponent, ten of fraction. */
static double half_of(unsigned bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023), size = exponent == 31 ? (fraction > 0 ? NAN : INFINITY) : ldexp(fraction, -24);
    if (exponent > 0 && exponent < 31) size = ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 != 0 ? -size : size;
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
    case 2: return h->kind == 'f' ? half_of(u.u2) : h->kind == 'i' ? (double)u.i2 : (double)u.u2;
    case 4: return h->kind == 'f' ? (double)u.f4 : h->kind == 'i' ? (double)u.i4 : (double)u.u4;
    default: return h->kind == 'f' ? u.f8 : h->kind == 'i' ? (double)u.i8 : (double)u.u8;
    }
}

/* Row by row whatever the order in the file: its last index runs fastest here, `place` follows with the strides that it has there. */
static void take_numbers(const struct header *h, const unsigned char *bytes, size_t count, double *number)
{
    size_t stride[NPY_RANK], at[NPY_RANK] = {0}, rank = h->array.rank, place = 0;
    const size_t *size = h->array.size;
    for (size_t k = 0; k < rank; k++) {
        stride[k] = 1;
        for (size_t l = 0; l < rank; l++)
            if (h->fortran ? l < k : l > k) stride[k] *= size[l];
    }
    for (size_t i = 0; i < count; i++) {
        number[i] = number_at(h, bytes + place * h->bytes);
        for (size_t k = rank; k-- > 0;) {
            place += stride[k];
            if (++at[k] < size[k]) break;
            place -= stride[k] * size[k];
            at[k] = 0;
        }
    }
}

int npy_read(struct npy_array *out, const char *path, enum npy_kind kind, dmft_error *err)
{
    struct header h = {.array = {.size = {1, 1, 1, 1, 1}}, .most = kind == NPY_WEIGHTS ? NPY_RANK : 2, .halves = kind == NPY_WEIGHTS};
    char *bytes = NULL;
    size_t size, count = 0;
    int status = data_load(&bytes, &size, path, err);
    if (status == 0) status = read_header(&h, path, (const unsigned char *)bytes, size, err);
    if (status == 0) status = check_size(&h, path, size, &count, err);
    if (status == 0 && (h.array.number = memory_doubles(count)) == NULL) status = error_memory(err, 8.0 * (double)count);
    if (status == 0) {
        take_numbers(&h, (const unsigned char *)bytes + h.length, count, h.array.number);
        *out = h.array;
    }
    free(bytes);
    return status;
}
