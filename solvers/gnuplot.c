/* Figures: a script with the data in it is made and given to gnuplot, which draws into a file aside. */
#include "gnuplot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "program.h"

/* The colours of Okabe and Ito, which the colour-blind can tell apart; yellow, which white paper swallows, left out. */
static const char *const palette[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"};
enum { COLOURS = sizeof palette / sizeof *palette };

const char *gnuplot_colour(size_t i) { return palette[i % COLOURS]; }

void gnuplot_string(FILE *out, const char *text)
{
    (void)fputc('\'', out);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\'') (void)fputc('\'', out);
        (void)fputc((unsigned char)*c < ' ' ? ' ' : *c, out);
    }
    (void)fputc('\'', out);
}

/* How the picture is made, by the ending of its name, and what stands at the end of a whole one. */
struct format {
    const char *ending, *terminal, *last;
};

static const struct format *find_format(const char *path)
{
    static const struct format format[] = {{".png", "pngcairo size 1100,1000 font 'Sans,14' background '#ffffff'", "IEND"},
                                           {".svg", "svg size 1100,1000 font 'Sans,14' background '#ffffff'", "</svg>"},
                                           {".pdf", "pdfcairo size 22cm,20cm font 'Sans,12'", "%%EOF"}};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof format / sizeof *format; i++)
        if (length > 4 && strcmp(path + length - 4, format[i].ending) == 0) return &format[i];
    return NULL;
}

/* In the child: gnuplot reads the script, its messages go to `messages`, what it says on its standard output to `out`. */
static void become_gnuplot(FILE *script, FILE *out, FILE *messages)
{
    if (dup2(fileno(script), 0) == 0 && dup2(fileno(out), 1) == 1 && dup2(fileno(messages), 2) == 2)
        (void)execlp("gnuplot", "gnuplot", "-d", (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

/* The first line that gnuplot said, of those that are about an error. */
static void first_message(FILE *messages, char *out, size_t bytes)
{
    char line[256];
    (void)snprintf(out, bytes, "no message");
    rewind(messages);
    while (fgets(line, sizeof line, messages) != NULL) {
        const char *text = line + strspn(line, " \t\n^");
        if (*text != '\0') (void)snprintf(out, bytes, "%.*s", (int)strcspn(text, "\n"), text); /* the last one tells */
    }
}

static int run_gnuplot(const char *name, FILE *script, FILE *out, FILE *messages)
{
    int status = 0;
    char said[256];
    if (fflush(script) != 0 || fseek(script, 0, SEEK_SET) != 0 || ferror(script))
        return program_error(STATUS_FAILED, "%s: cannot write the script for gnuplot: %s", name, strerror(errno));
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) become_gnuplot(script, out, messages);
    if (child < 0) return program_error(STATUS_FAILED, "%s: cannot start gnuplot: %s", name, strerror(errno));
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return STATUS_DONE;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return program_error(STATUS_FAILED, "%s: gnuplot is not installed (package gnuplot-nox): it draws the figures", name);
    first_message(messages, said, sizeof said);
    return program_error(STATUS_FAILED, "%s: gnuplot failed: %s", name, said);
}

/* gnuplot does not tell of a full disk: does the picture end as a whole one? */
static int ends_whole(FILE *file, const char *last)
{
    char tail[65] = "";
    size_t got = fseek(file, -64, SEEK_END) == 0 ? fread(tail, 1, 64, file) : 0;
    for (size_t i = 0; i + strlen(last) <= got; i++)
        if (memcmp(tail + i, last, strlen(last)) == 0) return 1;
    return 0;
}

static int is_whole(const char *path, const char *last)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return 0;
    int whole = ends_whole(file, last);
    (void)fclose(file);
    return whole;
}

int gnuplot_draws(const char *path) { return find_format(path) != NULL; }

/* The stream has no name, so that nothing is left when a signal ends the program. */
static int draw_stream(const options *o, FILE *script, gnuplot_writer *write, void *figure)
{
    const char *name = options_command(o);
    const struct format *format = find_format("a.svg");
    FILE *messages = tmpfile();
    if (messages == NULL) return program_error(STATUS_FAILED, "%s: no temporary file: %s", name, strerror(errno));
    write(figure, format->terminal, "/dev/stdout");
    int status = run_gnuplot(name, script, o->picture, messages);
    (void)fclose(messages);
    if (status == STATUS_DONE && !ends_whole(o->picture, format->last))
        status = program_error(STATUS_FAILED, "%s: gnuplot left a picture unfinished (is the disk of temporary files full?)", name);
    return status;
}

int gnuplot_draw(const options *o, const char *path, FILE *script, gnuplot_writer *write, void *figure)
{
    if (o->picture != NULL) return draw_stream(o, script, write, figure);
    dmft_error err;
    file_aside aside;
    const char *name = options_command(o);
    const struct format *format = find_format(path);
    int status = file_aside_open(&aside, path, options_given(o, OPTION_force), &err);
    if (status != DMFT_OK)
        return program_error(STATUS_USAGE, "%s%s", err.text, status == DMFT_ERROR_EXISTS ? " (--force overwrites it)" : "");
    FILE *messages = tmpfile();
    write(figure, format->terminal, aside.temporary);
    status = messages != NULL ? run_gnuplot(name, script, messages, messages)
                              : program_error(STATUS_FAILED, "%s: no temporary file: %s", name, strerror(errno));
    if (status == STATUS_DONE && !is_whole(aside.temporary, format->last))
        status = program_error(STATUS_FAILED, "cannot write %s: gnuplot left it unfinished (is the disk full?)", path);
    if (messages != NULL) (void)fclose(messages);
    if (status != STATUS_DONE) {
        file_aside_abandon(&aside);
        return status;
    }
    status = file_aside_commit(&aside, &err);
    if (status != DMFT_OK) return program_failed(status, &err);
    if (!options_given(o, OPTION_quiet)) (void)fprintf(stderr, "wrote %s\n", path);
    return STATUS_DONE;
}
