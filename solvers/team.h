/* The processes that work on one sweep: those that mpirun or srun has started, or this one alone. Only `dmft sweep` asks for them. */
#ifndef DMFT_TEAM_H
#define DMFT_TEAM_H

#include <stddef.h>

typedef struct team team;

/* Joins the others, where the program was started as one of several; returns an exit status. */
int team_begin(team **out);

/* The MPI library, or "none". */
enum { TEAM_LIBRARY = 64 };
void team_library(char name[TEAM_LIBRARY]);

/* From 0; process 0 leads. */
int team_rank(const team *t);
int team_size(const team *t);

/* How many of them run on this machine. */
int team_local(const team *t);

/* Copies what the leader has to all others, which wait for it. */
void team_share(team *t, void *data, size_t bytes);

/* The next of 0, 1, 2, .. that no process has had yet. By one thread at a time, as all of these functions. */
size_t team_next(team *t);

/* Lets the leader serve the others while it works. */
void team_serve(team *t);

/* Waits until all are here. */
void team_wait(team *t);

void team_end(team *t);

#endif
