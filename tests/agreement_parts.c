/* What the programs agreement and agreement_mlp share. */
#include "agreement_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;

void agreement_note(int holds)
{
    passed += holds != 0;
    failed += holds == 0;
}

int agreement_totals(void)
{
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void agreement_demand(int status, const dmft_error *err)
{
    if (status == DMFT_OK) return;
    fprintf(stderr, "agreement: %s: %s\n", dmft_status_text(status), err->text);
    exit(EXIT_FAILURE);
}

dmft_config *agreement_config(const char *text, const char *name)
{
    dmft_config *config = NULL;
    dmft_error err = {.text = ""};
    agreement_demand(dmft_config_parse(&config, text, strlen(text), name, &err), &err);
    return config;
}

void agreement_set(dmft_config *config, const char *key, const char *format, ...)
{
    char value[1024];
    dmft_error err = {.text = ""};
    va_list list;
    va_start(list, format);
    int length = vsnprintf(value, sizeof value, format, list);
    va_end(list);
    int whole = length >= 0 && (size_t)length < sizeof value;
    agreement_demand(whole ? dmft_config_set(config, key, value, &err) : DMFT_ERROR_ARGUMENT, &err);
}

dmft_problem *agreement_problem(dmft_config *config)
{
    dmft_problem *problem = NULL;
    dmft_error err = {.text = ""};
    agreement_demand(dmft_problem_create(&problem, config, &err), &err);
    dmft_config_free(config);
    return problem;
}

void agreement_verdict(const dmft_comparison *comparison)
{
    size_t count = 0, worst = 0, tight = 0, beyond = 0;
    const dmft_comparison_row *row = dmft_comparison_rows(comparison, &count);
    double part = 0.0;
    for (size_t i = 0; i < count; i++) {
        double of_bound = fabs(row[i].theory - row[i].mean) / row[i].bound;
        beyond += row[i].holds == 0;
        if (fabs(row[i].z) > fabs(row[worst].z)) worst = i;
        if (of_bound > part) {
            part = of_bound;
            tight = i;
        }
    }
    printf("  (S3) %s: %zu of %zu numbers agree (%zu skipped), q %.3f; largest |z| %.2f (%s, step %ld); nearest to its bound %.2f (%s, step %ld)\n",
           dmft_comparison_holds(comparison) ? "holds" : "FAILS", count - beyond, count, dmft_comparison_skipped(comparison),
           dmft_comparison_quantile(comparison), fabs(row[worst].z), row[worst].series, row[worst].step, part, row[tight].series,
           row[tight].step);
    agreement_note(dmft_comparison_holds(comparison));
}

int agreement_whole(const char *text, long least, long *value, char end, const char **rest)
{
    char *stop = NULL;
    *value = strtol(text, &stop, 10);
    if (stop == text || *stop != end || *value < least) return 0;
    if (rest != NULL) *rest = stop + 1;
    return 1;
}
