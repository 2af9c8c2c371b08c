/* dmft spectrum: bulk, outliers and snapshots' overlaps of any weight matrices; section 35 of doc/theory.md. Matrices are read one at a time: memory is that of
 * the largest, three times. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gnuplot.h"
#include "io/matrix.h"
#include "program.h"
#include "spectrum.h"

enum { DEFAULT_DIRECTIONS = 5 }; /* of snapshots, without --top */

void spectrum_name(char out[SPECTRUM_NAME], const struct spectrum_item *item)
{
    (void)snprintf(out, SPECTRUM_NAME, "%s%s%s", item->file, *item->dataset != '\0' ? ": " : "", item->dataset);
}

/* ---- reading ---- */

struct reader {
    const options *o;
    dmft_spectrum_options how;
    char ***names; /* of each file */
    size_t *count;
};

/* The names between the commas of a list, as matrix_names gives those of a file; 0 when out of memory. */
static int split_names(const char *list, char ***out, size_t *count)
{
    size_t most = 1;
    for (const char *c = list; *c != '\0'; c++) most += *c == ',';
    *out = calloc(most, sizeof **out);
    for (*count = 0; *out != NULL && *count < most; ++*count) {
        size_t length = strcspn(list, ",");
        char *name = malloc(length + 1);
        if (name == NULL) return 0;
        memcpy(name, list, length);
        name[length] = '\0';
        (*out)[*count] = name;
        list += length + (list[length] == ',');
    }
    return *out != NULL;
}

/* The items that the files hold, before any is read. */
static int list_items(struct reader *in, struct spectrum_report *r)
{
    dmft_error err;
    size_t files = in->o->arguments, total = 0;
    const char *chosen = in->o->value[OPTION_dataset];
    for (size_t i = 0; i < files; i++) {
        if (chosen != NULL && !split_names(chosen, &in->names[i], &in->count[i])) return program_error(STATUS_FAILED, "spectrum: out of memory");
        int status = chosen != NULL ? DMFT_OK : matrix_names(&in->names[i], &in->count[i], in->o->argument[i], &err);
        if (status != DMFT_OK) return program_failed(status, &err);
        total += in->count[i];
    }
    r->item = calloc(total, sizeof *r->item);
    r->pair = calloc(total, sizeof *r->pair);
    if (r->item == NULL || r->pair == NULL) return program_error(STATUS_FAILED, "spectrum: out of memory");
    for (size_t i = 0; i < files; i++)
        for (size_t j = 0; j < in->count[i]; j++)
            r->item[r->items++] = (struct spectrum_item){.file = in->o->argument[i], .file_index = i, .dataset = in->names[i][j]};
    return STATUS_DONE;
}

static int read_item(const struct reader *in, struct spectrum_item *item)
{
    dmft_error err;
    struct matrix m;
    char name[SPECTRUM_NAME];
    int status = matrix_read(&m, item->file, item->dataset, &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    item->rows = m.rows;
    item->columns = m.columns;
    item->rank = m.rank;
    memcpy(item->size, m.size, sizeof m.size);
    status = dmft_spectrum_create(&item->s, m.number, m.rows, m.columns, &in->how, &err);
    free(m.number);
    if (status == DMFT_OK) return STATUS_DONE;
    spectrum_name(name, item);
    return program_error(program_status(status), "%s: %s", name, err.text);
}

/* ---- snapshots ---- */

/* Part of a fixed subspace of dimension k in a random one of the same dimension, of n: mean and standard deviation (TW12). */
static void chance_of(size_t k, size_t n, double chance[2])
{
    double K = (double)k, N = (double)n;
    chance[0] = K / N;
    chance[1] = k < n ? sqrt(2 / ((N - 1) * (N + 2))) * (N - K) / N : 0;
}

static double mean_of_rows(const double *overlap, size_t k)
{
    double sum = 0;
    for (size_t i = 0; i < k * k; i++) sum += overlap[i];
    return sum / (double)k;
}

static int enter_pair(struct spectrum_report *r, const struct spectrum_item *before, const struct spectrum_item *after)
{
    dmft_error err;
    size_t a = dmft_spectrum_vectors(before->s), b = dmft_spectrum_vectors(after->s), k = a < b ? a : b;
    struct spectrum_pair *p = &r->pair[r->pairs++];
    *p = (struct spectrum_pair){.before = before, .after = after, .k = k, .left = calloc(k * k, sizeof(double)), .right = calloc(k * k, sizeof(double))};
    if (p->left == NULL || p->right == NULL) return program_error(STATUS_FAILED, "spectrum: out of memory");
    int status = dmft_spectrum_overlap(before->s, after->s, k, p->left, p->right, &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    p->left_subspace = mean_of_rows(p->left, k);
    p->right_subspace = mean_of_rows(p->right, k);
    chance_of(k, before->rows, p->left_chance);
    chance_of(k, before->columns, p->right_chance);
    return STATUS_DONE;
}

/* The matrix of the same name in the next file: of .npy files the only one there is. */
static const struct spectrum_item *find_next(const struct spectrum_report *r, const struct spectrum_item *item)
{
    for (size_t i = 0; i < r->items; i++)
        if (r->item[i].file_index == item->file_index + 1 && strcmp(r->item[i].dataset, item->dataset) == 0) return &r->item[i];
    return NULL;
}

static int enter_pairs(struct spectrum_report *r)
{
    int status = STATUS_DONE;
    for (size_t i = 0; i < r->items && status == STATUS_DONE; i++) {
        const struct spectrum_item *next = find_next(r, &r->item[i]);
        if (next != NULL && next->rows == r->item[i].rows && next->columns == r->item[i].columns) status = enter_pair(r, &r->item[i], next);
    }
    return status;
}

/* ---- the command ---- */

static int read_options(const options *o, struct reader *in)
{
    double top = 0, threads = 0;
    const char *figure = o->value[OPTION_output];
    in->o = o;
    in->how.level = 0.01;
    if (options_given(o, OPTION_csv) && options_given(o, OPTION_json)) return program_error(STATUS_USAGE, "spectrum: --csv and --json exclude each other");
    if (figure != NULL && !gnuplot_draws(figure))
        return program_error(STATUS_USAGE, "spectrum: the figure's name must end in .png, .svg or .pdf, got '%s'", figure);
    if (options_given(o, OPTION_variance) && options_number(o, OPTION_variance, 1e-300, 1e300, 0, &in->how.variance) != 0) return STATUS_USAGE;
    if (options_given(o, OPTION_level) && options_number(o, OPTION_level, 1e-12, 0.5, 0, &in->how.level) != 0) return STATUS_USAGE;
    if (options_given(o, OPTION_top) && options_number(o, OPTION_top, 1, 10000, 1, &top) != 0) return STATUS_USAGE;
    if (options_given(o, OPTION_threads) && options_number(o, OPTION_threads, 1, 1024, 1, &threads) != 0) return STATUS_USAGE;
    if (threads > 0) openblas_set_num_threads((int)threads);
    in->how.top = (size_t)top;
    if (o->arguments > 1) in->how.vectors = top > 0 ? (size_t)top : DEFAULT_DIRECTIONS;
    return STATUS_DONE;
}

static int report(const options *o, const struct spectrum_report *r)
{
    if (options_given(o, OPTION_json))
        spectrum_print_json(r);
    else if (options_given(o, OPTION_csv))
        spectrum_print_csv(r);
    else if (!options_given(o, OPTION_quiet))
        spectrum_print(r);
    return options_given(o, OPTION_output) ? spectrum_plot(o, r) : STATUS_DONE;
}

static void free_report(struct spectrum_report *r)
{
    for (size_t i = 0; i < r->items; i++) dmft_spectrum_free(r->item[i].s);
    for (size_t i = 0; i < r->pairs; i++) {
        free(r->pair[i].left);
        free(r->pair[i].right);
    }
    free(r->item);
    free(r->pair);
}

int command_spectrum(const options *o)
{
    struct reader in = {.names = calloc(o->arguments, sizeof *in.names), .count = calloc(o->arguments, sizeof *in.count)};
    struct spectrum_report r = {0};
    int status = in.names != NULL && in.count != NULL ? read_options(o, &in) : program_error(STATUS_FAILED, "spectrum: out of memory");
    if (status == STATUS_DONE) status = list_items(&in, &r);
    if (status == STATUS_DONE && options_given(o, OPTION_output) && r.items > SPECTRUM_PANELS)
        status = program_error(STATUS_USAGE, "spectrum: a figure has at most %d matrices, got %zu; --dataset A,B chooses those of a file", SPECTRUM_PANELS,
                               r.items);
    for (size_t i = 0; i < r.items && status == STATUS_DONE; i++) status = read_item(&in, &r.item[i]);
    if (status == STATUS_DONE) status = enter_pairs(&r);
    r.level = in.how.level;
    r.fitted = !(in.how.variance > 0);
    if (status == STATUS_DONE) status = report(o, &r);
    free_report(&r);
    for (size_t i = 0; in.names != NULL && in.count != NULL && i < o->arguments; i++) matrix_names_free(in.names[i], in.count[i]);
    free(in.names);
    free(in.count);
    return status;
}
