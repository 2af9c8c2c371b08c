/* A configuration: read, checked, made a problem whose text is read again and gives the same text. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static char *text_of(const char *text, size_t size, int *status, dmft_error *err)
{
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    char *copy = NULL;
    *status = dmft_config_parse(&config, text, size, "run.yaml", err);
    if (*status == 0 && dmft_config_points(config) > 0) { /* a sweep: its first point */
        dmft_config *point = NULL;
        *status = dmft_config_point(&point, config, 0, err);
        dmft_config_free(config);
        config = *status == 0 ? point : NULL;
    }
    if (*status == 0) *status = dmft_problem_create(&problem, config, err);
    if (*status == 0) copy = strdup(dmft_problem_text(problem));
    dmft_problem_free(problem);
    dmft_config_free(config);
    return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dmft_error err = {.text = ""};
    int status, again;
    char *first = text_of((const char *)data, size, &status, &err);
    fuzz_expect(status, &err);
    if (first == NULL || strstr(first, "file:") != NULL) { /* of data in a file the text has the checksum, in a comment */
        free(first);
        return 0;
    }
    char *second = text_of(first, strlen(first), &again, &err);
    if (again != 0 || second == NULL || strcmp(first, second) != 0) abort();
    free(first);
    free(second);
    return 0;
}
