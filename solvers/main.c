/* dmft: dynamical mean-field theory of training, on the command line. */
#include <errno.h>
#include <fcntl.h>
#include <gsl/gsl_errno.h>
#include <hdf5.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "blas.h"
#include "program.h"
#include "signals.h"

int program_error(int status, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    /* clang-tidy 14 takes the list for uninitialised between va_start and va_end. */
    (void)vsnprintf(text, sizeof text, format, arguments); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    va_end(arguments);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?'; /* a name from the command line may hold anything */
    (void)fflush(stdout);
    (void)fprintf(stderr, "dmft: %s\n", text);
    return status;
}

int program_status(int status)
{
    switch (status) {
    case DMFT_ERROR_ARGUMENT:
    case DMFT_ERROR_CONFIG:
    case DMFT_ERROR_UNAVAILABLE:
    case DMFT_ERROR_MEMORY_LIMIT:
    case DMFT_ERROR_READ:
    case DMFT_ERROR_FORMAT:
    case DMFT_ERROR_EXISTS: return STATUS_USAGE;
    default: return STATUS_FAILED;
    }
}

int program_failed(int status, const dmft_error *err) { return program_error(program_status(status), "%s", err->text); }

int program_read(dmft_trajectory **out, const char *path)
{
    dmft_error err;
    size_t length = strlen(path);
    int table = length > 4 && strcmp(path + length - 4, ".csv") == 0;
    int status = table ? dmft_trajectory_read_csv(out, path, &err) : dmft_trajectory_read(out, path, &err);
    return status == DMFT_OK ? STATUS_DONE : program_failed(status, &err);
}

void format_bytes(char out[BYTES_TEXT], double bytes)
{
    static const char *const unit[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    size_t i = 0;
    for (; bytes >= 999.5 && i + 1 < sizeof unit / sizeof *unit; i++) bytes /= 1000;
    (void)snprintf(out, BYTES_TEXT, "%.3g %s", bytes, unit[i]);
}

void format_seconds(char out[SECONDS_TEXT], double seconds)
{
    if (seconds < 10)
        (void)snprintf(out, SECONDS_TEXT, "%.2g s", seconds);
    else if (seconds < 120)
        (void)snprintf(out, SECONDS_TEXT, "%.0f s", seconds);
    else if (seconds < 7200)
        (void)snprintf(out, SECONDS_TEXT, "%.0f min %.0f s", floor(seconds / 60), fmod(seconds, 60));
    else
        (void)snprintf(out, SECONDS_TEXT, "%.0f h %.0f min", floor(seconds / 3600), floor(fmod(seconds, 3600) / 60));
}

/* A standard stream that was closed must stay an error, and not become the next file that is opened. */
static void hold_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* Large blocks each in pages of their own, which grow by being mapped elsewhere and go back when they are freed. glibc would stop doing so, up to
 * 32 MB, after the first that is freed, and the second member of an ensemble then took twice the memory of the first. */
static void keep_large_blocks_apart(void)
{
#ifdef M_MMAP_THRESHOLD
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

static int run_command(const options *o)
{
    static int (*const function[COMMAND_COUNT])(const options *) = {
#define COMMAND_FUNCTION(name, run, usage, least, most, asked, text) run,
        COMMAND_TABLE(COMMAND_FUNCTION)
#undef COMMAND_FUNCTION
    };
    return function[o->command](o);
}

int main(int argc, char **argv)
{
    options o;
    hold_standard_streams();
    keep_large_blocks_apart();
    signals_catch();
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error of write(), which is reported */
    (void)H5dont_atexit(); /* all files are closed by then; of one that could not be read, HDF5 1.10 closes some things without end, or crashes */
    (void)gsl_set_error_handler_off();
    int status = options_read(&o, argc, argv);
    if (status < 0) {
        int chosen = blas_choose_core(o.value[OPTION_blas_core], argv);
        status = chosen == STATUS_DONE ? run_command(&o) : chosen;
    }
    options_free(&o);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == STATUS_DONE)
        status = program_error(STATUS_FAILED, "cannot write to standard output: %s", strerror(errno));
    return status;
}
