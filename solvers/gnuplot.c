/* Figures: a script with the data in it is made and given to gnuplot, which draws into a file without a name. */
#include "gnuplot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"
#include "run.h"

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

int gnuplot_draws(const char *path) { return find_format(path) != NULL; }

char *gnuplot_read(FILE *picture, size_t *length)
{
    long bytes = fseek(picture, 0, SEEK_END) == 0 ? ftell(picture) : -1;
    char *text = bytes > 0 ? malloc((size_t)bytes + 1) : NULL;
    if (text == NULL) return NULL;
    rewind(picture);
    *length = (size_t)bytes;
    text[*length] = '\0';
    if (fread(text, 1, *length, picture) == *length) return text;
    free(text);
    return NULL;
}

/* The stream has no name, so that nothing is left when a signal ends the program. */
static int draw_stream(const char *name, const struct format *format, FILE *picture, FILE *script, gnuplot_writer *write, void *figure)
{
    FILE *messages = tmpfile();
    if (messages == NULL) return program_error(STATUS_FAILED, "%s: no temporary file: %s", name, strerror(errno));
    write(figure, format->terminal, "/dev/stdout");
    int status = run_gnuplot(name, script, picture, messages);
    (void)fclose(messages);
    if (status == STATUS_DONE && !ends_whole(picture, format->last))
        status = program_error(STATUS_FAILED, "%s: gnuplot left a picture unfinished (is the disk of temporary files full?)", name);
    return status;
}

int gnuplot_draw(const options *o, const char *path, FILE *script, gnuplot_writer *write, void *figure)
{
    const char *name = options_command(o);
    if (o->picture != NULL) return draw_stream(name, find_format("a.svg"), o->picture, script, write, figure);
    int status = run_check_output(o, path);
    if (status != STATUS_DONE) return status;
    FILE *picture = tmpfile();
    if (picture == NULL) return program_error(STATUS_FAILED, "%s: no temporary file: %s", name, strerror(errno));
    status = draw_stream(name, find_format(path), picture, script, write, figure);
    size_t length = 0;
    char *text = status == STATUS_DONE ? gnuplot_read(picture, &length) : NULL;
    (void)fclose(picture);
    if (text == NULL && status == STATUS_DONE) return program_error(STATUS_FAILED, "%s: no memory for the picture, or none came", name);
    if (status == STATUS_DONE) status = run_write(o, path, text, length);
    free(text);
    return status;
}
