/* dmft converge: does the result converge, and at its nominal order? Step, width or number of seeds are halved or doubled from level to level;
 * (S5)-(S10) of doc/theory.md. Cost: that of all runs; of --in step, about twice the finest one. */
#include "converge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "program.h"

static int read_mode(struct converge *s)
{
    static const char *const mode[] = {[CONVERGE_STEP] = "step", [CONVERGE_WIDTH] = "width", [CONVERGE_SEEDS] = "seeds"};
    static const double levels[] = {[CONVERGE_STEP] = 6, [CONVERGE_WIDTH] = 3, [CONVERGE_SEEDS] = 4};
    const char *in = options_given(s->o, OPTION_in) ? s->o->value[OPTION_in] : mode[CONVERGE_STEP];
    size_t i = 0;
    while (i < sizeof mode / sizeof *mode && strcmp(in, mode[i]) != 0) i++;
    if (i == sizeof mode / sizeof *mode) return program_error(STATUS_USAGE, "converge: --in must be step, width or seeds, got '%s'", in);
    s->in = (enum converge_in)i;
    double number = levels[i];
    if (options_given(s->o, OPTION_levels) &&
        options_number(s->o, OPTION_levels, s->in == CONVERGE_STEP ? 3 : 2, DMFT_CONVERGENCE_LEVELS, 1, &number) != 0)
        return STATUS_USAGE;
    s->levels = (size_t)number;
    return STATUS_DONE;
}

/* ---- files ---- */

static int has_ending(const char *path, size_t length) { return strcmp(path + length, ".json") == 0 || strcmp(path + length, ".png") == 0; }

/* NAME with this ending in place of .json or .png; to be freed. NULL: no memory, or no file is wanted. */
static char *file_name(const struct converge *s, const char *ending)
{
    const char *name = s->o->value[OPTION_output];
    size_t length = name != NULL ? strlen(name) : 0;
    char *path = name != NULL ? malloc(length + 8) : NULL;
    if (path == NULL) return NULL;
    if (length > 5 && has_ending(name, length - 5))
        length -= 5;
    else if (length > 4 && has_ending(name, length - 4))
        length -= 4;
    (void)snprintf(path, length + 8, "%.*s%s", (int)length, name, ending);
    return path;
}

static int write_json(const struct converge *s, const char *path)
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (memory != NULL) converge_json(memory, s);
    int whole = memory != NULL && !ferror(memory);
    if (memory == NULL || fclose(memory) != 0 || !whole) {
        free(text);
        return program_error(STATUS_FAILED, "converge: no memory for the text of %s", path);
    }
    int status = run_write(s->o, path, text, length);
    free(text);
    return status;
}

/* NAME.json and NAME.png, where -o NAME was given. */
static int each_file(const struct converge *s, int (*json)(const struct converge *s, const char *path),
                     int (*picture)(const struct converge *s, const char *path))
{
    if (!options_given(s->o, OPTION_output)) return STATUS_DONE;
    char *first = file_name(s, ".json"), *second = file_name(s, ".png");
    int status = first != NULL && second != NULL ? json(s, first) : program_error(STATUS_FAILED, "converge: no memory");
    if (status == STATUS_DONE) status = picture(s, second);
    free(first);
    free(second);
    return status;
}

static int check_file(const struct converge *s, const char *path) { return run_check_output(s->o, path); }

/* ---- the command ---- */

size_t converge_count(const struct converge *s, int verdict)
{
    size_t found = 0;
    for (size_t i = 0; i < s->rows; i++) found += s->row[i].c.verdict == verdict;
    return found;
}

int converge_holds(const struct converge *s)
{
    size_t good = converge_count(s, DMFT_CONVERGENCE_OK) + converge_count(s, DMFT_CONVERGENCE_CONVERGED);
    return good > 0 && good >= converge_count(s, DMFT_CONVERGENCE_UNRESOLVED) && converge_count(s, DMFT_CONVERGENCE_LOW) == 0;
}

/* Table or JSON on standard output, the files, and the verdict as the exit status. */
static int report(struct converge *s, double seconds)
{
    dmft_error err;
    int status = run_add_provenance(s->o, s->threads, seconds, s->first, &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    if (options_given(s->o, OPTION_json))
        converge_json(stdout, s);
    else
        converge_table(s);
    status = each_file(s, write_json, converge_plot);
    if (status != STATUS_DONE) return status;
    return converge_holds(s) ? STATUS_DONE : STATUS_FAILED;
}

static int work(struct converge *s)
{
    static int (*const study[])(struct converge *) = {
        [CONVERGE_STEP] = converge_step, [CONVERGE_WIDTH] = converge_width, [CONVERGE_SEEDS] = converge_seeds};
    progress_begin(&s->progress, "converge", options_given(s->o, OPTION_quiet), 0);
    int status = study[s->in](s);
    progress_end(&s->progress);
    return status == STATUS_DONE ? report(s, clock_now() - s->progress.begin) : status;
}

int command_converge(const options *o)
{
    struct converge s = {.o = o};
    dmft_error err;
    int status = read_mode(&s);
    if (status == STATUS_DONE) status = run_read_limits(o, &s.threads, &s.memory);
    if (status == STATUS_DONE && !options_given(o, OPTION_dry_run)) status = each_file(&s, check_file, check_file);
    if (status == STATUS_DONE) status = run_read_config(o, &s.config);
    if (status == STATUS_DONE) {
        status = dmft_problem_create(&s.problem, s.config, &err);
        status = status == DMFT_OK ? converge_needs(&s) : program_failed(status, &err);
        if (status < 0) status = work(&s);
    }
    dmft_trajectory_free(s.first);
    dmft_problem_free(s.problem);
    dmft_config_free(s.config);
    free(s.row);
    return status;
}
