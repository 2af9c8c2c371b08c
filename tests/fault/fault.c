/* Calls of the program that fail on purpose, for tests/test_robust.sh: preloaded (LD_PRELOAD), it counts the calls that touch files below a folder, and at the n-th
 * lets the call fail, ends a read early, cuts a write short, or sends a signal to the process.
 *
 *   FAULT_FOLDER   files that count lie below it
 *   FAULT_CALLS    w: calls that write or make a name; r: calls that read; x: calls that remove, for signals alone (they do not fail); or several of these
 *   FAULT_AT       n, from 1
 *   FAULT_REST     so many calls behind the n-th fail too: a disk that stays full
 *   FAULT_DO       an errno, "end" (reads give no more bytes), "short" (one byte is read or written), "again" (EINTR), "signal N", "cut" (half of the file is
 *                  cut off) or "gone" (it is removed)
 *   FAULT_LOG      what happened: a line "call path" each time
 *
 * glibc's own calls, as those of fclose for its buffer, pass by; fwrite and fclose themselves fail in their place. Gnuplot and shells are left alone. */
#define _GNU_SOURCE /* RTLD_NEXT, program_invocation_short_name */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum action { NOTHING, FAIL, END, SHORT, AGAIN, SIGNAL, CUT, GONE };

static struct {
    const char *folder, *calls, *log;
    long at, rest, count;
    int number; /* number: the errno or the signal */
    enum action action;
} plan;

__attribute__((constructor)) static void read_plan(void)
{
    const char *what = getenv("FAULT_DO"), *at = getenv("FAULT_AT"), *rest = getenv("FAULT_REST");
    plan.folder = getenv("FAULT_FOLDER");
    plan.calls = getenv("FAULT_CALLS");
    plan.log = getenv("FAULT_LOG");
    if (what == NULL || at == NULL || plan.folder == NULL || plan.calls == NULL || strcmp(program_invocation_short_name, "dmft") != 0) return;
    plan.at = atol(at);
    plan.rest = rest != NULL ? atol(rest) : 0;
    plan.number = atoi(what);
    plan.action = FAIL;
    if (strcmp(what, "end") == 0) plan.action = END;
    if (strcmp(what, "short") == 0) plan.action = SHORT;
    if (strcmp(what, "again") == 0) plan.action = AGAIN;
    if (strcmp(what, "cut") == 0) plan.action = CUT;
    if (strcmp(what, "gone") == 0) plan.action = GONE;
    if (strncmp(what, "signal ", 7) == 0) {
        plan.action = SIGNAL;
        plan.number = atoi(what + 7);
    }
}

/* By the kernel itself, past the functions below. */
static void note(const char *call, const char *path)
{
    char line[4200];
    int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    long fd = plan.log != NULL ? syscall(SYS_openat, AT_FDCWD, plan.log, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
    if (fd < 0) return;
    (void)syscall(SYS_write, fd, line, length);
    (void)syscall(SYS_close, fd);
}

/* What is to be done to this call on this file. */
static enum action judge(const char *call, char kind, const char *path)
{
    if (plan.action == NOTHING || strchr(plan.calls, kind) == NULL || strncmp(path, plan.folder, strlen(plan.folder)) != 0) return NOTHING;
    struct stat there;
    long now = __atomic_add_fetch(&plan.count, 1, __ATOMIC_RELAXED);
    if (now < plan.at || now > plan.at + plan.rest) return NOTHING;
    note(call, path);
    if (plan.action == SIGNAL) (void)kill(getpid(), plan.number);
    if (plan.action == CUT && stat(path, &there) == 0) (void)truncate(path, there.st_size / 2);
    if (plan.action == GONE) (void)unlink(path);
    if (plan.action == FAIL) errno = plan.number;
    if (plan.action == AGAIN) errno = EINTR;
    return plan.action >= SIGNAL ? NOTHING : plan.action;
}

/* Names are given from where the program stands. */
static enum action judge_path(const char *call, char kind, const char *path)
{
    char whole[4096] = "";
    if (path[0] == '/') return judge(call, kind, path);
    if (getcwd(whole, sizeof whole / 2) == NULL) return NOTHING;
    (void)strncat(whole, "/", 2);
    (void)strncat(whole, path, sizeof whole / 2 - 2);
    return judge(call, kind, whole);
}

static enum action judge_fd(const char *call, char kind, int fd)
{
    char link[64], path[4096];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlink, link, path, sizeof path - 1);
    if (length < 0) return NOTHING;
    path[length] = '\0';
    return judge(call, kind, path);
}

#define NEXT(name) \
    static __typeof__(name) *next; \
    if (next == NULL) *(void **)&next = dlsym(RTLD_NEXT, #name)

static int writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

int open(const char *path, int flags, ...)
{
    NEXT(open);
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    enum action action = judge_path("open", writes(flags) ? 'w' : 'r', path);
    return action == FAIL ? -1 : next(path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    NEXT(fopen);
    return judge_path("fopen", mode[0] == 'r' ? 'r' : 'w', path) == FAIL ? NULL : next(path, mode);
}

/* Of files that were written; a failed close closes all the same. */
int close(int fd)
{
    NEXT(close);
    int flags = fcntl(fd, F_GETFL);
    enum action action = flags >= 0 ? judge_fd("close", writes(flags) ? 'w' : 'r', fd) : NOTHING;
    int status = next(fd);
    if (action != FAIL) return status;
    errno = plan.number;
    return -1;
}

int fclose(FILE *file)
{
    NEXT(fclose);
    int flags = fcntl(fileno(file), F_GETFL);
    enum action action = flags >= 0 ? judge_fd("fclose", writes(flags) ? 'w' : 'r', fileno(file)) : NOTHING;
    int status = next(file);
    if (action != FAIL) return status;
    errno = plan.number;
    return EOF;
}

#define READ(name, arguments, ...) \
    ssize_t name arguments \
    { \
        NEXT(name); \
        enum action action = judge_fd(#name, 'r', fd); \
        if (action == FAIL || action == AGAIN) return -1; \
        if (action == END) return 0; \
        if (action == SHORT && bytes > 1) bytes = 1; \
        return next(__VA_ARGS__); \
    }
READ(read, (int fd, void *data, size_t bytes), fd, data, bytes)
READ(pread, (int fd, void *data, size_t bytes, off_t at), fd, data, bytes, at)

#define WRITE(name, arguments, ...) \
    ssize_t name arguments \
    { \
        NEXT(name); \
        enum action action = judge_fd(#name, 'w', fd); \
        if (action == FAIL || action == AGAIN) return -1; \
        if (action == SHORT && bytes > 1) bytes = 1; \
        return next(__VA_ARGS__); \
    }
WRITE(write, (int fd, const void *data, size_t bytes), fd, data, bytes)
WRITE(pwrite, (int fd, const void *data, size_t bytes, off_t at), fd, data, bytes, at)

/* The error is seen by ferror, too: glibc's _IO_ERR_SEEN. */
size_t fread(void *data, size_t size, size_t count, FILE *file)
{
    NEXT(fread);
    enum action action = judge_fd("fread", 'r', fileno(file));
    if (action == FAIL) file->_flags |= 0x20;
    return action == FAIL || action == END ? 0 : next(data, size, count, file);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file)
{
    NEXT(fwrite);
    enum action action = judge_fd("fwrite", 'w', fileno(file));
    if (action == FAIL) file->_flags |= 0x20;
    return action == FAIL ? 0 : next(data, size, count, file);
}

int fsync(int fd)
{
    NEXT(fsync);
    return judge_fd("fsync", 'w', fd) == FAIL ? -1 : next(fd);
}

int ftruncate(int fd, off_t length)
{
    NEXT(ftruncate);
    return judge_fd("ftruncate", 'w', fd) == FAIL ? -1 : next(fd, length);
}

int rename(const char *from, const char *to)
{
    NEXT(rename);
    return judge_path("rename", 'w', to) == FAIL ? -1 : next(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    NEXT(renameat2);
    return judge_path("renameat2", 'w', to) == FAIL ? -1 : next(from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to)
{
    NEXT(link);
    return judge_path("link", 'w', to) == FAIL ? -1 : next(from, to);
}

int unlink(const char *path)
{
    NEXT(unlink);
    (void)judge_path("unlink", 'x', path);
    return next(path);
}

int unlinkat(int folder, const char *path, int flags)
{
    NEXT(unlinkat);
    (void)judge_fd("unlinkat", 'x', folder);
    return next(folder, path, flags);
}

int rmdir(const char *path)
{
    NEXT(rmdir);
    (void)judge_path("rmdir", 'x', path);
    return next(path);
}

int mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir);
    return judge_path("mkdir", 'w', path) == FAIL ? -1 : next(path, mode);
}

FILE *tmpfile(void)
{
    NEXT(tmpfile);
    return judge("tmpfile", 'w', plan.folder != NULL ? plan.folder : "") == FAIL ? NULL : next();
}
