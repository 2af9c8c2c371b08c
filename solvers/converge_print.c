/* The result of `dmft converge` as a table and as JSON (doc/format.md). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "converge.h"
#include "io/json.h"
#include "io/print.h"
#include "program.h"

static const char *const mode[] = {[CONVERGE_STEP] = "step", [CONVERGE_WIDTH] = "width", [CONVERGE_SEEDS] = "seeds"};

/* ---- the table ---- */

static void print_cell(double value, int width, const char *format)
{
    char text[64] = "-";
    if (isfinite(value)) (void)snprintf(text, sizeof text, format, value); /* NOLINT(clang-diagnostic-format-nonliteral) */
    (void)printf("  %*s", width, text);
}

static const char *heading(const struct converge *s)
{
    return s->in == CONVERGE_STEP ? "extrapolated" : s->in == CONVERGE_WIDTH ? "theory" : "mean";
}

static void print_row(const struct converge *s, const struct converge_row *row)
{
    const dmft_convergence *c = &row->c;
    (void)printf("%-22s", row->name);
    print_cell(c->nominal > 0.0 ? c->nominal : NAN, 7, "%g");
    print_cell(c->order, 8, "%.3f");
    print_cell(c->order_error, 7, "%.3f");
    print_cell(c->error, 10, "%.3g");
    if (s->in != CONVERGE_STEP) print_cell(row->size_error[s->levels - 1], 8, "%.2g");
    print_cell(c->value, 15, "%.9g");
    (void)printf("  %s\n", dmft_convergence_text(c->verdict));
}

static void print_verdict(const struct converge *s)
{
    size_t low = converge_count(s, DMFT_CONVERGENCE_LOW), judged = low + converge_count(s, DMFT_CONVERGENCE_OK);
    size_t unresolved = converge_count(s, DMFT_CONVERGENCE_UNRESOLVED);
    if (converge_holds(s))
        (void)printf("verdict: holds: %zu orders, %zu series converged to rounding or sampling errors", judged,
                     converge_count(s, DMFT_CONVERGENCE_CONVERGED));
    else if (low > 0)
        (void)printf("verdict: does not hold: %zu of %zu orders are low", low, judged);
    else if (unresolved > 0)
        (void)printf("verdict: does not hold: %zu orders were observed", judged);
    else
        (void)printf("verdict: does not hold: nothing changes from level to level, no order was observed");
    if (unresolved > 0) (void)printf(", %zu unresolved", unresolved);
    (void)puts(s->in == CONVERGE_STEP && low + unresolved > 0 ? "; more --levels tell whether these are too coarse" : "");
}

void converge_table(const struct converge *s)
{
    if (!options_given(s->o, OPTION_quiet)) {
        (void)printf("%zu levels in %s: %s", s->levels, mode[s->in], s->parameter);
        for (size_t i = 0; i < s->levels; i++) (void)printf("%s %.6g", i > 0 ? "," : "", s->setting[i]);
        if (s->also != NULL) (void)printf("; with it %s", s->also);
        (void)printf("\n\n%-22s  %7s  %8s  %7s  %10s%s  %15s  verdict\n", "series", "nominal", "observed", "+-", "error",
                     s->in != CONVERGE_STEP ? "        +-" : "", heading(s));
        for (size_t i = 0; i < s->rows; i++) print_row(s, &s->row[i]);
        (void)putchar('\n');
    }
    print_verdict(s);
}

/* ---- JSON ---- */

static void json_numbers(FILE *out, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)fputs(i > 0 ? ", " : "[", out);
        json_number(out, x[i], 12);
    }
    (void)fputc(']', out);
}

static void json_member(FILE *out, int *count, const char *name, double value)
{
    json_key(out, count, name, "      ");
    json_number(out, value, 12);
}

static void json_row(FILE *out, const struct converge *s, const struct converge_row *row)
{
    const dmft_convergence *c = &row->c;
    int count = 0;
    (void)fputs("    {", out);
    json_key(out, &count, "name", "      ");
    json_text(out, row->name);
    json_key(out, &count, "verdict", "      ");
    json_text(out, dmft_convergence_text(c->verdict));
    json_member(out, &count, "nominal", c->nominal > 0.0 ? c->nominal : NAN);
    json_member(out, &count, "order", c->order);
    json_member(out, &count, "order_error", c->order_error);
    json_member(out, &count, "error", c->error);
    json_member(out, &count, "value", c->value);
    if (s->in == CONVERGE_STEP) json_member(out, &count, "time", row->time);
    json_member(out, &count, "places", (double)c->places);
    /* An escape may be known at the finest levels alone, a bias at the coarsest alone. */
    size_t missing = s->in == CONVERGE_STEP ? s->levels - c->levels : 0;
    double size[2 * DMFT_CONVERGENCE_LEVELS], orders[2 * DMFT_CONVERGENCE_LEVELS];
    for (size_t i = 0; i < s->levels; i++) {
        size[i] = i >= missing ? c->size[i - missing] : NAN;
        orders[i] = i >= missing ? c->orders[i - missing] : NAN;
    }
    json_key(out, &count, s->in == CONVERGE_STEP ? "differences" : "errors", "      ");
    json_numbers(out, size, s->levels);
    json_key(out, &count, "orders", "      ");
    json_numbers(out, orders, s->levels);
    if (s->in != CONVERGE_STEP) {
        json_key(out, &count, "errors_se", "      ");
        json_numbers(out, row->size_error, s->levels);
    }
    (void)fputs("\n    }", out);
}

static void json_texts(FILE *out, const dmft_trajectory *t)
{
    int count = 0;
    (void)fputc('{', out);
    for (size_t i = 0; i < t->text_count; i++) {
        if (strcmp(t->text[i].name, "kind") == 0) continue;
        json_key(out, &count, t->text[i].name, "    ");
        json_text(out, t->text[i].text);
    }
    (void)fputs("\n  }", out);
}

void converge_json(FILE *out, const struct converge *s)
{
    int count = 0;
    (void)fputc('{', out);
    json_key(out, &count, "kind", "  ");
    json_text(out, "convergence");
    json_key(out, &count, "in", "  ");
    json_text(out, mode[s->in]);
    json_key(out, &count, "parameter", "  ");
    json_text(out, s->parameter);
    json_key(out, &count, "levels", "  ");
    json_numbers(out, s->setting, s->levels);
    json_key(out, &count, "holds", "  ");
    (void)fputs(converge_holds(s) ? "true" : "false", out);
    json_key(out, &count, "series", "  ");
    (void)fputc('[', out);
    for (size_t i = 0; i < s->rows; i++) {
        (void)fputs(i > 0 ? ",\n" : "\n", out);
        json_row(out, s, &s->row[i]);
    }
    (void)fputs("\n  ]", out);
    json_key(out, &count, "parameters", "  ");
    json_parameters(out, dmft_problem_text(s->problem));
    json_key(out, &count, "texts", "  ");
    json_texts(out, s->first);
    (void)fputs("\n}\n", out);
}
