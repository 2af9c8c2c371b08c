/*
 * The ensemble in a checkpoint: the numbers of all members that were begun, what is kept of the first, and the state of those under way, one after the
 * other. What a member was drawn from is not stored: its number gives it again. Members of the checkpoint stay in that file until a worker takes one up;
 * when the next checkpoint comes first, their bytes are copied over.
 *
 * Cost: one pass over the file; memory: a few numbers a member under way.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "ensemble/state.h"

static void transfer_results(struct ensemble *e, archive *a)
{
    double seconds = e->before + clock_now() - e->begin;
    archive_tag(a, "members");
    archive_long(a, &e->next);
    archive_long(a, &e->done);
    archive_double(a, &seconds);
    if (archive_reading(a)) e->before = seconds;
    if (archive_status(a) != DMFT_OK) return;
    if (e->next < 0 || e->next > e->plan->members) {
        archive_fail(a, DMFT_ERROR_FORMAT, NULL);
        return;
    }
    for (long i = 0; i < e->next; i++) archive_long(a, &e->results.diverged_at[i]);
    archive_doubles(a, e->results.values, (size_t)e->next * e->results.slot);
    if (e->results.kept != NULL) archive_doubles(a, e->results.kept, e->plan->kept);
}

static void transfer_progress(struct ensemble_progress *at, archive *a)
{
    archive_tag(a, "member");
    archive_long(a, &at->index);
    archive_long(a, &at->row);
    archive_int(a, &at->at_row);
}

/* ---- Writing ---- */

static void write_members(struct ensemble *e, archive *a)
{
    long under_way = e->pending_count - e->pending_next;
    for (long i = 0; i < e->count; i++) under_way += e->workers[i].at.index >= 0;
    archive_long(a, &under_way);
    for (long i = 0; i < e->count; i++) {
        if (e->workers[i].at.index < 0) continue;
        transfer_progress(&e->workers[i].at, a);
        e->kind->transfer(e->workers[i].member, a);
    }
    for (long i = e->pending_next; i < e->pending_count; i++) {
        transfer_progress(&e->pending[i].at, a);
        archive_seek(e->resumed, e->pending[i].place);
        archive_copy(a, e->resumed, e->pending[i].bytes);
    }
}

static int write_checkpoint(struct ensemble *e, dmft_error *err)
{
    archive *a;
    struct archive_head head = {.kind = e->kind->file,
                                .problem = e->plan->problem->text,
                                .threads = e->count,
                                .done = e->done,
                                .total = e->plan->members * e->plan->rows};
    archive_describe_blas(&head, e->options->blas);
    int status = archive_create_write(&a, e->options->checkpoint, &head, err);
    if (status != DMFT_OK) return status;
    transfer_results(e, a);
    write_members(e, a);
    return archive_close(a, err);
}

void ensemble_save(struct ensemble *e)
{
    dmft_error error;
    int status = e->status >= 0 ? write_checkpoint(e, &error) : DMFT_OK;
    if (status != DMFT_OK) {
        if (e->status > 0) e->status = DMFT_OK; /* that it was to be stopped is less than that it could not be saved */
        ensemble_fail(e, status, &error);
    }
    e->saved = clock_now();
    e->saving = 0;
    e->parked = 0;
    e->saves++;
    (void)pthread_cond_broadcast(&e->saved_it);
}

/* ---- Reading ---- */

static int is_member(const struct ensemble *e, const struct ensemble_progress *at)
{
    return at->index >= 0 && at->index < e->next && at->row >= 0 && at->row <= e->plan->rows;
}

/* Passes over the state of a member, which only one that was started can take. */
static void skip_member(struct ensemble *e, void *scratch, long index, archive *a)
{
    dmft_error error;
    int status = e->kind->start(scratch, index, &error);
    if (status == DMFT_OK) e->kind->transfer(scratch, a);
    else archive_fail(a, status, &error);
}

/* Where each member under way lies; `scratch` is passed over with it, so that all of the file has been seen to fit. */
static void find_members(struct ensemble *e, void *scratch, archive *a)
{
    long under_way = 0;
    archive_long(a, &under_way);
    if (archive_status(a) != DMFT_OK) return;
    if (under_way < 0 || under_way > e->next) {
        archive_fail(a, DMFT_ERROR_FORMAT, NULL);
        return;
    }
    e->pending = calloc((size_t)under_way + 1, sizeof *e->pending);
    if (e->pending == NULL) archive_fail(a, DMFT_ERROR_MEMORY, NULL);
    for (long i = 0; i < under_way && archive_status(a) == DMFT_OK; i++) {
        struct ensemble_pending *p = &e->pending[i];
        transfer_progress(&p->at, a);
        if (archive_status(a) == DMFT_OK && !is_member(e, &p->at)) archive_fail(a, DMFT_ERROR_FORMAT, NULL);
        if (archive_status(a) != DMFT_OK) return;
        p->place = archive_place(a);
        skip_member(e, scratch, p->at.index, a);
        p->bytes = archive_place(a) - p->place;
    }
    e->pending_count = under_way;
}

int ensemble_load(struct ensemble *e, dmft_error *err)
{
    int status = archive_open_read(&e->resumed, e->options->resume, e->kind->file, e->plan->problem->text, err);
    if (status != DMFT_OK) return status;
    transfer_results(e, e->resumed);
    find_members(e, e->workers[0].member, e->resumed);
    return archive_finished(e->resumed, err);
}

void ensemble_restore(struct ensemble *e, const struct ensemble_pending *p, void *member)
{
    dmft_error error;
    archive_seek(e->resumed, p->place);
    e->kind->transfer(member, e->resumed);
    int status = archive_finished(e->resumed, &error);
    if (status != DMFT_OK) ensemble_fail(e, status, &error);
}
