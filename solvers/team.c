/* Processes that work together, over MPI where the program is built with it (DMFT_MPI) and was started by mpirun or srun; else one process, for which
 * MPI is never initialised. The shared counter is one number in a window of the leader. */
#include "team.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef DMFT_MPI
#include <mpi.h>
#endif

#include "program.h"

struct team {
    int rank, size, local;
    size_t next; /* of a process alone */
#ifdef DMFT_MPI
    MPI_Win window;
    long *counter; /* the leader's */
#endif
};

/* The number in a variable of the environment; -1 without one. */
static long number_in(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtol(text, NULL, 10) : -1;
}

/* Started as one of several. Open MPI, MPICH (Hydra, srun with pmi2) and srun with pmix say so in the environment. */
static int is_one_of_several(void)
{
    return number_in("OMPI_COMM_WORLD_SIZE") > 1 || number_in("PMI_SIZE") > 1 || number_in("PMIX_RANK") > 0 ||
           (number_in("PMIX_RANK") == 0 && number_in("SLURM_STEP_NUM_TASKS") > 1);
}

static int refuse(team *t, const char *why)
{
    free(t);
    return program_error(STATUS_USAGE, "sweep: %s", why);
}

#ifdef DMFT_MPI

void team_library(char name[TEAM_LIBRARY])
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    (void)MPI_Get_library_version(text, &length); /* one of the few calls that need no MPI_Init */
    (void)snprintf(name, TEAM_LIBRARY, "%.*s", (int)strcspn(text, ",\n"), text);
}

static int join(team *t)
{
    int provided = 0;
    MPI_Comm here;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS || provided < MPI_THREAD_SERIALIZED) return 0;
    (void)MPI_Comm_rank(MPI_COMM_WORLD, &t->rank);
    (void)MPI_Comm_size(MPI_COMM_WORLD, &t->size);
    (void)MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, t->rank, MPI_INFO_NULL, &here);
    (void)MPI_Comm_size(here, &t->local);
    (void)MPI_Comm_free(&here);
    MPI_Aint bytes = t->rank == 0 ? (MPI_Aint)sizeof *t->counter : 0;
    (void)MPI_Win_allocate(bytes, (int)sizeof *t->counter, MPI_INFO_NULL, MPI_COMM_WORLD, &t->counter, &t->window);
    (void)MPI_Win_lock_all(0, t->window);
    if (t->rank == 0) {
        *t->counter = 0;
        (void)MPI_Win_sync(t->window);
    }
    (void)MPI_Barrier(MPI_COMM_WORLD);
    return 1;
}

int team_begin(team **out)
{
    team *t = calloc(1, sizeof *t);
    if (t == NULL) return program_error(STATUS_FAILED, "sweep: out of memory");
    *t = (team){.size = 1, .local = 1};
    if (is_one_of_several() && !join(t)) return refuse(t, "this MPI lets no process have several threads (MPI_THREAD_SERIALIZED)");
    *out = t;
    return STATUS_DONE;
}

void team_share(team *t, void *data, size_t bytes)
{
    if (t->size > 1) (void)MPI_Bcast(data, (int)bytes, MPI_BYTE, 0, MPI_COMM_WORLD);
}

size_t team_next(team *t)
{
    const long one = 1;
    long mine = 0;
    if (t->size == 1) return t->next++;
    (void)MPI_Fetch_and_op(&one, &mine, MPI_LONG, 0, 0, MPI_SUM, t->window);
    (void)MPI_Win_flush(0, t->window);
    return (size_t)mine;
}

void team_serve(team *t)
{
    int there;
    if (t->size > 1 && t->rank == 0) (void)MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
}

void team_wait(team *t)
{
    if (t->size > 1) (void)MPI_Barrier(MPI_COMM_WORLD);
}

void team_end(team *t)
{
    if (t != NULL && t->size > 1) {
        (void)MPI_Win_unlock_all(t->window);
        (void)MPI_Win_free(&t->window);
        (void)MPI_Finalize();
    }
    free(t);
}

#else

void team_library(char name[TEAM_LIBRARY]) { (void)snprintf(name, TEAM_LIBRARY, "none"); }

int team_begin(team **out)
{
    team *t = calloc(1, sizeof *t);
    if (t == NULL) return program_error(STATUS_FAILED, "sweep: out of memory");
    *t = (team){.size = 1, .local = 1};
    if (is_one_of_several()) return refuse(t, "this program was built without MPI (package libopenmpi-dev) and cannot be one of several processes");
    *out = t;
    return STATUS_DONE;
}

void team_share(team *t, void *data, size_t bytes)
{
    (void)t;
    (void)data;
    (void)bytes;
}

size_t team_next(team *t) { return t->next++; }
void team_serve(team *t) { (void)t; }
void team_wait(team *t) { (void)t; }
void team_end(team *t) { free(t); }

#endif

int team_rank(const team *t) { return t->rank; }
int team_size(const team *t) { return t->size; }
int team_local(const team *t) { return t->local; }
