/* The command line. Long options take "--name value" and "--name=value"; words are shown with '-' where the tables have '_'. */
#include "options.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/number.h"
#include "program.h"

struct command {
    const char *name, *usage;
    size_t least, most; /* arguments */
    const char *asked, *text;
};

static const struct command commands[COMMAND_COUNT] = {
#define COMMAND_ROW(name, function, usage, least, most, asked, text) {#name, usage, least, most, asked, text},
    COMMAND_TABLE(COMMAND_ROW)
#undef COMMAND_ROW
};

struct option {
    const char *name;
    char letter;
    const char *argument;
    unsigned commands;
    const char *text;
};

static const struct option table[OPTION_COUNT] = {
#define OPTION_ROW(name, letter, argument, commands, text) {#name, letter, argument, commands, text},
    OPTION_TABLE(OPTION_ROW)
#undef OPTION_ROW
};

enum { OPTION_TEXT = 32 };

/* "dry_run" as it is typed: "dry-run". */
static void spell(char out[OPTION_TEXT], const char *name)
{
    size_t i = 0;
    for (; name[i] != '\0' && i + 1 < OPTION_TEXT; i++) out[i] = name[i] == '_' ? '-' : name[i];
    out[i] = '\0';
}

static int is_word(const char *text, size_t length, const char *word) { return strlen(word) == length && strncmp(text, word, length) == 0; }

/* ---- help ---- */

static void print_usage(FILE *out)
{
    (void)fputs("usage: dmft COMMAND ...\n\nMean-field theory of the training of wide networks, and sampled networks beside it.\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) (void)fprintf(out, "  dmft %-9s  %s\n", commands[i].name, commands[i].text);
    (void)fputs("\n`dmft COMMAND --help` explains a command and its options; `dmft --version` prints the version.\n"
                "Exit status: 0 done; 1 a comparison or an order does not hold, or the run failed; 2 bad input or usage; 3 the run diverged (the file is\n"
                "kept); 128 + signal number when stopped by a signal.\n",
                out);
}

static void print_help(const struct command *c)
{
    (void)printf("usage: dmft %s%s%s [options]\n\n%s %s.\n\noptions:\n", c->name, *c->usage != '\0' ? " " : "", c->usage, c->name, c->text);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *row = &table[i];
        char name[OPTION_TEXT], left[96];
        unsigned shown = i == OPTION_threads ? IN_THREADED : row->commands;
        if ((shown & (1u << (c - commands))) == 0) continue;
        spell(name, row->name);
        (void)snprintf(left, sizeof left, "%s%.*s%s--%s%s%s", row->letter != 0 ? "-" : "", row->letter != 0, &row->letter,
                       row->letter != 0 ? ", " : "    ", name, row->argument != NULL ? " " : "", row->argument != NULL ? row->argument : "");
        (void)printf("  %-26s  %s\n", left, row->text);
    }
}

/* ---- parsing ---- */

struct words {
    int count, at;
    char **word;
};

/* Is a name that is `distance` changes away what may have been meant? Not when more than half of what was typed would change. */
static int is_near(size_t distance, size_t length) { return 2 * distance <= length; }

static int unknown_command(const char *name)
{
    size_t least = SIZE_MAX, nearest = 0;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t d = text_distance(name, strlen(name), commands[i].name);
        if (d < least) {
            least = d;
            nearest = i;
        }
    }
    if (!is_near(least, strlen(name))) return program_error(STATUS_USAGE, "unknown command '%s' (dmft --help lists them)", name);
    return program_error(STATUS_USAGE, "unknown command '%s'; the nearest is '%s' (dmft --help lists them)", name, commands[nearest].name);
}

static int unknown_option(const struct command *c, const char *name, size_t length)
{
    size_t least = SIZE_MAX;
    char nearest[OPTION_TEXT] = "", spelled[OPTION_TEXT];
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((table[i].commands & (1u << (c - commands))) == 0) continue;
        spell(spelled, table[i].name);
        size_t d = text_distance(name, length, spelled);
        if (d < least) {
            least = d;
            memcpy(nearest, spelled, sizeof nearest);
        }
    }
    if (!is_near(least, length))
        return program_error(STATUS_USAGE, "%s: unknown option '--%.*s' (dmft %s --help lists them)", c->name, (int)length, name, c->name);
    return program_error(STATUS_USAGE, "%s: unknown option '--%.*s'; the nearest is '--%s'", c->name, (int)length, name, nearest);
}

/* The value of an option: behind '=', or the next word. NULL: there is none. */
static const char *take_value(struct words *w, const char *attached)
{
    if (attached != NULL) return attached;
    if (w->at >= w->count || strncmp(w->word[w->at], "--", 2) == 0) return NULL;
    return w->word[w->at++];
}

static int take_option(options *o, struct words *w, size_t i, const char *attached)
{
    const struct option *row = &table[i];
    const char *command = commands[o->command].name;
    char name[OPTION_TEXT];
    spell(name, row->name);
    if (row->argument == NULL) {
        if (attached != NULL) return program_error(STATUS_USAGE, "%s: --%s takes no value", command, name);
        o->value[i] = "";
        return -1;
    }
    const char *value = take_value(w, attached);
    if (value == NULL || *value == '\0') return program_error(STATUS_USAGE, "%s: --%s needs a value: --%s %s", command, name, name, row->argument);
    if (i == OPTION_set)
        o->set[o->sets++] = value;
    else if (o->value[i] != NULL)
        return program_error(STATUS_USAGE, "%s: --%s is given twice, as '%s' and '%s'", command, name, o->value[i], value);
    o->value[i] = value;
    return -1;
}

static int take_long(options *o, struct words *w, const char *word)
{
    size_t length = strcspn(word, "=");
    const char *attached = word[length] == '=' ? word + length + 1 : NULL;
    char name[OPTION_TEXT];
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        spell(name, table[i].name);
        if (is_word(word, length, name) && (table[i].commands & (1u << o->command)) != 0) return take_option(o, w, i, attached);
    }
    return unknown_option(&commands[o->command], word, length);
}

static int take_short(options *o, struct words *w, const char *word)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (table[i].letter == word[1] && (table[i].commands & (1u << o->command)) != 0)
            return take_option(o, w, i, word[2] == '\0' ? NULL : word + 2 + (word[2] == '='));
    return program_error(STATUS_USAGE, "%s: unknown option '%s' (dmft %s --help lists them)", commands[o->command].name, word,
                         commands[o->command].name);
}

/* All words behind the subcommand; -1, or the exit status. */
static int take_words(options *o, struct words *w)
{
    int status = -1, options_end = 0;
    while (w->at < w->count && status < 0) {
        const char *word = w->word[w->at++];
        if (options_end || word[0] != '-' || word[1] == '\0')
            o->argument[o->arguments++] = word;
        else if (strcmp(word, "--") == 0)
            options_end = 1;
        else
            status = word[1] == '-' ? take_long(o, w, word + 2) : take_short(o, w, word);
    }
    return status;
}

static int check_arguments(const options *o)
{
    const struct command *c = &commands[o->command];
    if (o->arguments < c->least && o->arguments == 0) return program_error(STATUS_USAGE, "%s: %s is missing", c->name, c->asked);
    if (o->arguments < c->least) return program_error(STATUS_USAGE, "%s: a file is missing: it takes %s", c->name, c->asked);
    if ((c->most > 0 || c->least == 0) && o->arguments > c->most)
        return program_error(STATUS_USAGE, "%s: '%s' is one argument too many", c->name, o->argument[c->most]);
    return -1;
}

/* The words as they were given, with blanks between. */
static char *command_line(int argc, char **argv)
{
    size_t bytes = 1;
    for (int i = 0; i < argc; i++) bytes += strlen(argv[i]) + 1;
    char *line = malloc(bytes), *at = line;
    if (line == NULL) return NULL;
    *line = '\0';
    for (int i = 0; i < argc; i++) at += snprintf(at, bytes - (size_t)(at - line), "%s%s", i > 0 ? " " : "", argv[i]);
    return line;
}

/* The subcommand's number, or -1 and the exit status: the first word may also be --help or --version. */
static int find_command(const char *word, int *status)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(word, commands[i].name) == 0) return i;
    *status = STATUS_DONE;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        print_usage(stdout);
    else if (strcmp(word, "--version") == 0)
        (void)printf("dmft %s\n", dmft_version());
    else if (word[0] == '-')
        *status = program_error(STATUS_USAGE, "a command comes before the options (dmft --help lists them), got '%s'", word);
    else
        *status = unknown_command(word);
    return -1;
}

int options_read(options *o, int argc, char **argv)
{
    struct words w = {.count = argc, .at = 2, .word = argv};
    int status = -1;
    *o = (options){0};
    if (argc < 2) {
        print_usage(stderr);
        return STATUS_USAGE;
    }
    int command = find_command(argv[1], &status);
    if (command < 0) return status;

    o->command = (enum command_id)command;
    o->argument = calloc((size_t)argc, sizeof *o->argument);
    o->set = calloc((size_t)argc, sizeof *o->set);
    o->line = command_line(argc, argv);
    if (o->argument == NULL || o->set == NULL || o->line == NULL) return program_error(STATUS_FAILED, "out of memory");
    status = take_words(o, &w);
    if (status >= 0) return status;
    if (options_given(o, OPTION_help)) {
        print_help(&commands[command]);
        return STATUS_DONE;
    }
    if (options_given(o, OPTION_version)) {
        (void)printf("dmft %s\n", dmft_version());
        return STATUS_DONE;
    }
    return check_arguments(o);
}

void options_free(options *o)
{
    free(o->argument);
    free(o->set);
    free(o->line);
}

/* ---- values ---- */

int options_given(const options *o, enum option_id id) { return o->value[id] != NULL; }

const char *options_command(const options *o) { return commands[o->command].name; }

static int outside(const options *o, enum option_id id, const char *what, double least, double most)
{
    char name[OPTION_TEXT];
    spell(name, table[id].name);
    return program_error(STATUS_USAGE, "--%s must be %s in [%g, %g], got '%s'", name, what, least, most, o->value[id]);
}

int options_number(const options *o, enum option_id id, double least, double most, int integer, double *out)
{
    const char *text = o->value[id];
    int number = integer ? strspn(text, "0123456789") == strlen(text) : 1;
    if (!number || !number_parse(text, strlen(text), out) || !(*out >= least && *out <= most))
        return outside(o, id, integer ? "an integer" : "a number", least, most);
    return 0;
}

int options_bytes(const options *o, enum option_id id, double *out)
{
    static const char endings[] = "KMGT";
    const char *text = o->value[id];
    size_t length = strlen(text);
    const char *ending = length > 1 ? strchr(endings, text[length - 1]) : NULL;
    double factor = ending != NULL ? pow(1000, (double)(ending - endings + 1)) : 1;
    if (!number_parse(text, length - (ending != NULL), out) || !(*out * factor >= 1 && *out * factor <= 1e18))
        return outside(o, id, "a number of bytes (or with K, M, G or T)", 1, 1e18);
    *out *= factor;
    return 0;
}
