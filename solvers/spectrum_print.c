/* What `dmft spectrum` says: for people, as CSV (a row a singular value) and as JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/json.h"
#include "spectrum.h"

enum { SHOWN_OUTLIERS = 20, SHOWN_DIRECTIONS = 8, DIGITS = 12 };
static const double FIT_LEVEL = 0.01; /* below it a bulk is not called one of independent entries */

/* ---- for people ---- */

static void print_shape(const struct spectrum_item *item, const dmft_spectrum_summary *m)
{
    (void)printf("%zu x %zu", item->rows, item->columns);
    if (item->rank > 2) {
        (void)fputs(" (", stdout);
        for (size_t k = 0; k < item->rank; k++) (void)printf("%s%zu", k > 0 ? " x " : "", item->size[k]);
        (void)fputs(": the first by all others)", stdout);
    }
    if (m->rows < item->rows || m->columns < item->columns) (void)printf(", %zu x %zu without rows and columns of zeros", m->rows, m->columns);
    (void)putchar('\n');
}

static int corrected(const dmft_spectrum_summary *m) { return m->kurtosis <= 0.1 * sqrt((double)m->rows * (double)m->columns); }

static void print_bulk(const struct spectrum_report *r, const dmft_spectrum_summary *m)
{
    int whole = m->count == (m->rows < m->columns ? m->rows : m->columns);
    if (m->variance > 0)
        (void)printf("  entries   variance %.6g", m->variance);
    else
        (void)printf("  entries   no bulk: all singular values behind the outliers are 0\n");
    if (!(m->variance > 0)) return;
    if (r->fitted)
        (void)printf(" +- %.2g (fitted%s)", m->variance_se, whole ? "" : " to the norm");
    else
        (void)printf(" (given)");
    (void)printf(", excess kurtosis %.3g%s\n", m->kurtosis, corrected(m) ? "" : ": tails too heavy for the levels to hold");
    (void)printf("  bulk      %.6g to %.6g\n", m->edges[0], m->edges[1]);
    if (!whole) (void)printf("  fit       not tested: only the %zu largest singular values are known (without --top all are)\n", m->count);
    if (!whole || isnan(m->distance)) return;
    (void)printf("  fit       Kolmogorov-Smirnov distance from Marchenko-Pastur %.3g (99 %% of matrices of independent entries: below %.3g; level %s%.3g)\n",
                 m->distance, m->distance_null, m->distance_level < 0.003 ? "<= " : "", m->distance_level);
    if (m->distance_level > FIT_LEVEL)
        (void)puts("            the bulk is that of independent entries of one variance");
    else
        (void)puts("            NOT a bulk of independent entries of one variance: edge, levels and strengths do not hold for it");
}

/* An outlier that is no direction of the whole matrix, but one of its entries, rows or columns. */
static const char *place_of(const dmft_spectrum_outlier *a)
{
    static const double most = 0.25; /* of a vector's square in one place; by chance it is 2 log(n)/n */
    int row = isgreater(a->row, most), column = isgreater(a->column, most);
    return row && column ? "  one entry" : row ? "  one row" : column ? "  one column" : "";
}

static void print_outliers(const struct spectrum_report *r, const dmft_spectrum_summary *m, const dmft_spectrum *s)
{
    if (isnan(m->threshold)) {
        (void)puts("  outliers  not told: with fewer than 8 singular values the variance must be given (--variance)");
        return;
    }
    (void)printf("  outliers  %zu at a false-positive rate of %g a matrix", m->outliers, r->level);
    if (m->outliers < m->count && m->variance > 0) (void)printf("; another would be above %.6g", m->threshold);
    (void)putchar('\n');
    size_t n = m->rows < m->columns ? m->rows : m->columns;
    if (m->variance > 0 && m->outliers > 1 && m->outliers == m->count)
        (void)puts("            all that are known are outliers: there may be more (a larger --top)");
    else if (m->variance > 0 && m->outliers > 1 && m->outliers == n / 3)
        (void)puts("            a third of all, where the search ends: what is called a bulk is none");
    if (m->outliers > 0)
        (void)printf("  %4s %14s %10s %14s %12s %12s %8s %8s\n", "", "z", "level", "strength", "left cos^2", "right cos^2", "row", "column");
    for (size_t i = 0; i < m->outliers && i < SHOWN_OUTLIERS; i++) {
        dmft_spectrum_outlier a = dmft_spectrum_outlier_at(s, i);
        char level[16] = "< 1e-290"; /* where the law's tail underflows */
        if (a.level > 0) (void)snprintf(level, sizeof level, "%.2g", a.level);
        (void)printf("  %4zu %14.6g %10s %14.6g %12.4f %12.4f %8.3f %8.3f%s\n", i + 1, a.z, level, a.strength, a.left, a.right, a.row, a.column, place_of(&a));
    }
    if (m->outliers > SHOWN_OUTLIERS) (void)printf("       .. and %zu more (--csv and --json have all)\n", m->outliers - SHOWN_OUTLIERS);
}

static void print_side(const char *side, const double *overlap, size_t k, double subspace, const double chance[2])
{
    size_t shown = k < SHOWN_DIRECTIONS ? k : SHOWN_DIRECTIONS;
    (void)printf("  %s singular vectors: %.4f of the subspace shared (by chance %.4f +- %.2g)\n", side, subspace, chance[0], chance[1]);
    for (size_t i = 0; i < shown; i++) {
        (void)printf("    ");
        for (size_t j = 0; j < shown; j++) (void)printf(" %6.4f", overlap[i * k + j]);
        (void)putchar('\n');
    }
}

static void print_pair(const struct spectrum_pair *p)
{
    char before[SPECTRUM_NAME], after[SPECTRUM_NAME];
    spectrum_name(before, p->before);
    spectrum_name(after, p->after);
    (void)printf("\n%s (rows) and %s (columns): squared overlaps of the leading %zu directions\n", before, after, p->k);
    print_side("left", p->left, p->k, p->left_subspace, p->left_chance);
    print_side("right", p->right, p->k, p->right_subspace, p->right_chance);
}

void spectrum_print(const struct spectrum_report *r)
{
    for (size_t i = 0; i < r->items; i++) {
        char name[SPECTRUM_NAME];
        dmft_spectrum_summary m = dmft_spectrum_summarize(r->item[i].s);
        spectrum_name(name, &r->item[i]);
        (void)printf("%s%s: ", i > 0 ? "\n" : "", name);
        print_shape(&r->item[i], &m);
        print_bulk(r, &m);
        print_outliers(r, &m, r->item[i].s);
    }
    for (size_t i = 0; i < r->pairs; i++) print_pair(&r->pair[i]);
    if (r->pairs == 0 && r->items > 1 && r->item[r->items - 1].file_index > 0)
        (void)puts("\nno overlaps: no two files that follow each other have a matrix of one name and shape");
}

/* ---- CSV ---- */

/* A field, between quotes where it must be. */
static void print_field(const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        (void)fputs(text, stdout);
        return;
    }
    (void)putchar('"');
    for (const char *c = text; *c != '\0'; c++) (void)printf(*c == '"' ? "\"\"" : "%c", *c);
    (void)putchar('"');
}

void spectrum_print_csv(const struct spectrum_report *r)
{
    (void)puts("file,dataset,index,singular_value,outlier,level,strength,left_cos2,right_cos2,row,column");
    for (size_t i = 0; i < r->items; i++) {
        const struct spectrum_item *item = &r->item[i];
        dmft_spectrum_summary m = dmft_spectrum_summarize(item->s);
        const double *z = dmft_spectrum_values(item->s);
        for (size_t j = 0; j < m.count; j++) {
            dmft_spectrum_outlier a = dmft_spectrum_outlier_at(item->s, j);
            print_field(item->file);
            (void)putchar(',');
            print_field(item->dataset);
            (void)printf(",%zu,%.*g,%d", j + 1, DIGITS, z[j], j < m.outliers);
            (void)printf(",%.*g,%.*g,%.*g,%.*g", DIGITS, a.level, DIGITS, a.strength, DIGITS, a.left, DIGITS, a.right);
            (void)printf(",%.*g,%.*g\n", DIGITS, a.row, DIGITS, a.column);
        }
    }
}

/* ---- JSON ---- */

static void json_member(int *count, const char *name, double value)
{
    json_key(stdout, count, name, "      ");
    json_number(stdout, value, DIGITS);
}

static void json_row(const double *x, size_t n)
{
    (void)putchar('[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0) (void)fputs(", ", stdout);
        json_number(stdout, x[i], DIGITS);
    }
    (void)putchar(']');
}

static void json_outliers(const dmft_spectrum *s, size_t count)
{
    (void)putchar('[');
    for (size_t i = 0; i < count; i++) {
        dmft_spectrum_outlier a = dmft_spectrum_outlier_at(s, i);
        const struct {
            const char *name;
            double value;
        } member[] = {{"z", a.z},         {"level", a.level}, {"strength", a.strength}, {"left_cos2", a.left}, {"right_cos2", a.right},
                      {"row", a.row}, {"column", a.column}};
        (void)fputs(i > 0 ? ", {" : "{", stdout);
        for (size_t k = 0; k < sizeof member / sizeof *member; k++) {
            (void)printf("%s\"%s\": ", k > 0 ? ", " : "", member[k].name);
            json_number(stdout, member[k].value, DIGITS);
        }
        (void)putchar('}');
    }
    (void)putchar(']');
}

static void json_item(const struct spectrum_item *item)
{
    int count = 0;
    dmft_spectrum_summary m = dmft_spectrum_summarize(item->s);
    (void)fputs("    {", stdout);
    json_key(stdout, &count, "file", "      ");
    json_text(stdout, item->file);
    json_key(stdout, &count, "dataset", "      ");
    json_text(stdout, *item->dataset != '\0' ? item->dataset : NULL);
    json_member(&count, "rows", (double)item->rows);
    json_member(&count, "columns", (double)item->columns);
    json_member(&count, "rows_used", (double)m.rows);
    json_member(&count, "columns_used", (double)m.columns);
    json_member(&count, "variance", m.variance);
    json_member(&count, "variance_se", m.variance_se);
    json_member(&count, "kurtosis", m.kurtosis);
    json_member(&count, "edge_lower", m.edges[0]);
    json_member(&count, "edge_upper", m.edges[1]);
    json_member(&count, "threshold", m.threshold);
    json_member(&count, "distance", m.distance);
    json_member(&count, "distance_null99", m.distance_null);
    json_member(&count, "distance_level", m.distance_level);
    json_key(stdout, &count, "outliers", "      ");
    json_outliers(item->s, m.outliers);
    json_key(stdout, &count, "singular_values", "      ");
    json_row(dmft_spectrum_values(item->s), m.count);
    (void)fputs("\n    }", stdout);
}

static void json_overlap(int *count, const char *side, const double *overlap, size_t k, double subspace, const double chance[2])
{
    char name[32];
    json_key(stdout, count, side, "      ");
    (void)putchar('[');
    for (size_t i = 0; i < k; i++) {
        if (i > 0) (void)fputs(", ", stdout);
        json_row(overlap + i * k, k);
    }
    (void)putchar(']');
    (void)snprintf(name, sizeof name, "%s_subspace", side);
    json_member(count, name, subspace);
    (void)snprintf(name, sizeof name, "%s_chance", side);
    json_member(count, name, chance[0]);
    (void)snprintf(name, sizeof name, "%s_chance_sd", side);
    json_member(count, name, chance[1]);
}

static void json_pair(const struct spectrum_pair *p)
{
    int count = 0;
    (void)fputs("    {", stdout);
    json_key(stdout, &count, "before", "      ");
    json_text(stdout, p->before->file);
    json_key(stdout, &count, "after", "      ");
    json_text(stdout, p->after->file);
    json_key(stdout, &count, "dataset", "      ");
    json_text(stdout, *p->before->dataset != '\0' ? p->before->dataset : NULL);
    json_member(&count, "directions", (double)p->k);
    json_overlap(&count, "left", p->left, p->k, p->left_subspace, p->left_chance);
    json_overlap(&count, "right", p->right, p->k, p->right_subspace, p->right_chance);
    (void)fputs("\n    }", stdout);
}

void spectrum_print_json(const struct spectrum_report *r)
{
    (void)fputs("{\n  \"false_positive_rate\": ", stdout);
    json_number(stdout, r->level, DIGITS);
    (void)printf(",\n  \"fitted\": %s,\n  \"matrices\": [\n", r->fitted ? "true" : "false");
    for (size_t i = 0; i < r->items; i++) {
        json_item(&r->item[i]);
        (void)puts(i + 1 < r->items ? "," : "");
    }
    (void)fputs("  ],\n  \"overlaps\": [\n", stdout);
    for (size_t i = 0; i < r->pairs; i++) {
        json_pair(&r->pair[i]);
        (void)puts(i + 1 < r->pairs ? "," : "");
    }
    (void)fputs("  ]\n}\n", stdout);
}
