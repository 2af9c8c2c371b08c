/* Folders for the files of tests. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "folder.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES = 64, FOLDER = 256, PATH = 320 };

char folder[FOLDER];
static char of_all[FOLDER - 16], path[FILES][PATH];
static size_t files;
static int held[2]; /* a pipe */
static pid_t keeper;

void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "%s/XXXXXX", of_all);
    ck_assert_msg(mkdtemp(folder) != NULL, "%s: %s", folder, strerror(errno));
    files = 0;
}

void remove_folder(void)
{
    for (size_t i = 0; i < files; i++) (void)remove(path[i]);
    ck_assert_msg(rmdir(folder) == 0, "%s: %s", folder, strerror(errno));
}

/* Asserts nothing where it can do its work: Check would allocate, where a suite lets allocations fail. */
const char *in_folder(const char *name)
{
    char asked[PATH];
    size_t i = 0;
    (void)snprintf(asked, sizeof asked, "%s/%s", folder, name);
    while (i < files && strcmp(path[i], asked) != 0) i++;
    if (i == FILES) ck_abort_msg("more than %d files", FILES);
    if (i == files) (void)strcpy(path[files++], asked);
    return path[i];
}

/* ---- the folder of all ---- */

static int remove_it(const char *name, const struct stat *its, int kind, struct FTW *place)
{
    (void)its, (void)kind, (void)place;
    return remove(name);
}

/* A process of its own, which removes the folder when the run and all its children have let go of the pipe: at their end, whatever that was. */
static void keep(void)
{
    char byte;
    (void)setsid(); /* no signal to the run's group ends it */
    (void)close(held[1]);
    while (read(held[0], &byte, 1) < 0 && errno == EINTR) continue;
    (void)nftw(of_all, remove_it, 16, FTW_DEPTH | FTW_PHYS);
    _exit(EXIT_SUCCESS);
}

void make_folder_of_all(void)
{
    const char *base = getenv("TMPDIR");
    int length = snprintf(of_all, sizeof of_all, "%s/dmft_tests_XXXXXX", base != NULL ? base : "/tmp");
    if (length >= (int)sizeof of_all || pipe(held) != 0 || mkdtemp(of_all) == NULL || (keeper = fork()) < 0) {
        perror(of_all);
        exit(EXIT_FAILURE);
    }
    if (keeper == 0) keep();
    (void)fcntl(held[1], F_SETFD, FD_CLOEXEC);
}

void remove_folder_of_all(void)
{
    (void)close(held[1]);
    (void)waitpid(keeper, NULL, 0);
}
