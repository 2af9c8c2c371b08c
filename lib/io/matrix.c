/* Weight matrices from .npy and HDF5 files, one at a time. Memory: the file (npy) and 8 bytes a number. */
#include "io/matrix.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/data.h"
#include "io/npy.h"

enum { RANK = NPY_RANK };
static const double best_compression = 1100; /* deflate reaches 1032 : 1; what claims more has never been written */

static int is_npy(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".npy") == 0;
}

/* Rows and columns from the sizes. */
static int enter_shape(struct matrix *m, const char *path, const char *name, dmft_error *err)
{
    const char *blank = *name != '\0' ? " " : "";
    if (m->rank < 2 || m->rank > RANK)
        return data_error(err, path, "%s%shas %zu dimension%s; a matrix has two, a convolution's kernel three to five", name, blank, m->rank,
                          m->rank == 1 ? "" : "s");
    m->rows = m->size[0];
    m->columns = 1;
    for (size_t k = 1; k < m->rank; k++) m->columns *= m->size[k];
    return DMFT_OK;
}

static int read_npy(struct matrix *out, const char *path, dmft_error *err)
{
    struct npy_array a = {0};
    struct matrix m = {0};
    int status = npy_read(&a, path, NPY_WEIGHTS, err);
    if (status < 0) return status;
    m.rank = a.rank;
    m.number = a.number;
    memcpy(m.size, a.size, sizeof m.size);
    status = enter_shape(&m, path, "", err);
    if (status == DMFT_OK)
        *out = m;
    else
        free(a.number);
    return status;
}

/* ---- HDF5 ---- */

struct source {
    const char *path;
    hid_t file;
    double bytes; /* of the file */
    dmft_error *err;
};

static int open_source(struct source *s, const char *path, dmft_error *err)
{
    *s = (struct source){.path = path, .err = err};
    int status = data_check_there(path, &s->bytes, err);
    if (status < 0) return status;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    (void)H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    s->file = H5Fopen(path, H5F_ACC_RDONLY, access);
    (void)H5Pclose(access);
    return s->file < 0 ? data_error(err, path, "is not an .npy or HDF5 file, or a truncated one") : DMFT_OK;
}

/* Rank and sizes of a dataset; returns the class of its numbers. */
static H5T_class_t survey(hid_t set, struct matrix *m, double *bytes)
{
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    H5T_class_t class = H5Tget_class(type);
    hsize_t size[H5S_MAX_RANK] = {0};
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank > 0 && H5Sget_simple_extent_dims(space, size, NULL) != rank) rank = 0;
    m->rank = rank > 0 ? (size_t)rank : 0;
    for (size_t k = 0; k < RANK; k++) m->size[k] = k < m->rank ? (size_t)size[k] : 1;
    *bytes = (double)H5Tget_size(type);
    (void)H5Tclose(type);
    (void)H5Sclose(space);
    return class;
}

static int check_set(const struct source *s, const char *name, H5T_class_t class, double bytes, struct matrix *m)
{
    double numbers = 1;
    if (class != H5T_FLOAT)
        return data_error(s->err, s->path, "%s holds %s; weights are floating-point numbers", name, class == H5T_INTEGER ? "integers" : "no real numbers");
    int status = enter_shape(m, s->path, name, s->err);
    if (status != DMFT_OK) return status;
    for (size_t k = 0; k < m->rank; k++) numbers *= (double)m->size[k];
    if (!(numbers > 0)) return data_error(s->err, s->path, "%s is empty: %zu rows", name, m->rows);
    if (numbers > (double)DATA_MOST_NUMBERS || numbers * bytes > best_compression * s->bytes)
        return data_error(s->err, s->path, "%s has %.0f numbers: more than the file can hold", name, numbers);
    return DMFT_OK;
}

static int read_set(const struct source *s, const char *name, struct matrix *m)
{
    double bytes;
    hid_t set = H5Dopen2(s->file, name, H5P_DEFAULT);
    if (set < 0) return data_error(s->err, s->path, "there is no dataset %s that can be opened", name);
    H5T_class_t class = survey(set, m, &bytes);
    int status = check_set(s, name, class, bytes, m);
    if (status == DMFT_OK && (m->number = memory_doubles(m->rows * m->columns)) == NULL)
        status = error_memory(s->err, 8.0 * (double)m->rows * (double)m->columns);
    if (status == DMFT_OK && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, m->number) < 0)
        status = data_error(s->err, s->path, "%s cannot be read: truncated or damaged", name);
    (void)H5Dclose(set);
    return status;
}

static int read_hdf5(struct matrix *out, const char *path, const char *name, dmft_error *err)
{
    struct source s;
    struct matrix m = {0};
    int status;
    H5E_BEGIN_TRY
    {
        status = open_source(&s, path, err);
        if (status == DMFT_OK) {
            status = read_set(&s, name, &m);
            (void)H5Fclose(s.file);
        }
    }
    H5E_END_TRY
    if (status == DMFT_OK) status = data_check_same(path, s.bytes, err);
    if (status == DMFT_OK)
        *out = m;
    else
        free(m.number);
    return status;
}

int matrix_read(struct matrix *out, const char *path, const char *name, dmft_error *err)
{
    if (!is_npy(path)) return read_hdf5(out, path, name, err);
    if (*name == '\0') return read_npy(out, path, err);
    return data_error(err, path, "an .npy file has no datasets; there is none named %s", name);
}

/* ---- names ---- */

struct names {
    char **name;
    size_t count, room;
    int in_arrays;       /* a result of a run, of which only matrices in the group `arrays` are weights */
    int failed, damaged; /* out of memory; something that cannot be opened */
};

static int add_name(struct names *n, const char *name)
{
    if (n->count == n->room) {
        size_t room = 2 * n->room + 8;
        char **more = realloc(n->name, room * sizeof *more);
        if (more == NULL) return 0;
        n->name = more;
        n->room = room;
    }
    n->name[n->count] = memory_string(name);
    return n->name[n->count] != NULL && ++n->count > 0;
}

/* Called for each entry of HDF5's own account of a failure. */
static herr_t is_unread(unsigned depth, const H5E_error2_t *entry, void *unread)
{
    (void)depth;
    if (entry->maj_num == H5E_IO) *(int *)unread = 1;
    return 0;
}

/* Called by H5Lvisit for each link: enters a dataset that can be taken for a matrix. */
static herr_t visit(hid_t file, const char *name, const H5L_info_t *info, void *context)
{
    struct names *n = context;
    struct matrix m;
    double bytes;
    if (n->in_arrays && strncmp(name, "arrays/", 7) != 0) return 0;
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    if (object < 0) {
        int unread = 0;
        (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, is_unread, &unread);
        n->damaged |= info->type == H5L_TYPE_HARD || unread; /* what is in the file must open; other links may lead to nowhere */
        return 0;
    }
    int taken = H5Iget_type(object) == H5I_DATASET && survey(object, &m, &bytes) == H5T_FLOAT && m.rank >= 2 && m.rank <= (n->in_arrays ? 2 : RANK);
    for (size_t k = 0; taken && k < m.rank; k++) taken = m.size[k] > 0;
    (void)H5Oclose(object);
    n->failed = taken && !add_name(n, name);
    return n->failed;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int list_hdf5(struct names *n, const char *path, dmft_error *err)
{
    struct source s;
    int status;
    H5E_BEGIN_TRY
    {
        status = open_source(&s, path, err);
        if (status == DMFT_OK) {
            htri_t arrays = H5Lexists(s.file, "arrays", H5P_DEFAULT);
            n->in_arrays = arrays > 0;
            /* In the file's own order: for another HDF5 1.10 makes a table, which it frees twice when a read fails. */
            if (arrays < 0 || H5Lvisit(s.file, H5_INDEX_NAME, H5_ITER_NATIVE, visit, n) < 0 || n->damaged)
                status = data_error(err, path, "its datasets cannot be listed: damaged");
            else if (n->count > 0)
                qsort(n->name, n->count, sizeof *n->name, by_name);
            (void)H5Fclose(s.file);
        }
    }
    H5E_END_TRY
    if (n->failed) return error_memory(err, 8.0 * (double)n->room);
    if (status == DMFT_OK && n->count == 0) return data_error(err, path, "there is no dataset of floating-point numbers with two to five dimensions");
    return status;
}

int matrix_names(char ***out, size_t *count, const char *path, dmft_error *err)
{
    struct names n = {0};
    int status = is_npy(path) ? add_name(&n, "") ? DMFT_OK : error_memory(err, 1) : list_hdf5(&n, path, err);
    if (status != DMFT_OK) {
        matrix_names_free(n.name, n.count);
        return status;
    }
    *out = n.name;
    *count = n.count;
    return DMFT_OK;
}

void matrix_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}
