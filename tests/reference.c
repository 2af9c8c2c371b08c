/* The files of tests/reference. */
#include "reference.h"

#include <check.h>
#include <stdlib.h>

enum { PATH = 4096 };

static const char *path_of(char path[PATH], const char *name, const char *ending)
{
    const char *root = getenv("DMFT_SRCDIR");
    (void)snprintf(path, PATH, "%s/tests/reference/%s.%s", root != NULL ? root : ".", name, ending);
    return path;
}

FILE *reference_open(const char *name)
{
    char path[PATH];
    FILE *file = fopen(path_of(path, name, "csv"), "r");
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    return file;
}

dmft_trajectory *reference_table(const char *name)
{
    char path[PATH];
    dmft_trajectory *t = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_trajectory_read_csv(&t, path_of(path, name, "csv"), &err) == DMFT_OK, "%s", err.text);
    return t;
}

dmft_problem *reference_problem(const char *name, const char *const *settings)
{
    char path[PATH];
    dmft_config *config = NULL;
    dmft_problem *problem = NULL;
    dmft_error err = {.text = ""};
    ck_assert_msg(dmft_config_read(&config, path_of(path, name, "yaml"), &err) == DMFT_OK, "%s", err.text);
    for (; settings != NULL && *settings != NULL; settings += 2)
        ck_assert_msg(dmft_config_set(config, settings[0], settings[1], &err) == DMFT_OK, "%s", err.text);
    ck_assert_msg(dmft_problem_create(&problem, config, &err) == DMFT_OK, "%s", err.text);
    dmft_config_free(config);
    return problem;
}
