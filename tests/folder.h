/* A folder of the test's own, made before it and removed behind it. All are in one of the whole run, which goes with what tests that failed have left. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

extern char folder[];

void make_folder(void);

/* Removes the files that in_folder was asked for; anything else in the folder fails the test. */
void remove_folder(void);

/* The path of a file there. It stays until the next folder is made. */
const char *in_folder(const char *name);

/* The folder of the whole run, in TMPDIR or /tmp: first and last of all. */
void make_folder_of_all(void);
void remove_folder_of_all(void);

#endif
