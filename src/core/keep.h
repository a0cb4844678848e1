/*
 * Retention: what stays for a time after its end and its last hold (keep.c). For core/ alone.
 */
#ifndef CORE_KEEP_H
#define CORE_KEEP_H

#include "core/tables.h"

/* In place of a time: the retention is over, or a user had the task forgotten; what is left of it
 * goes with what needs it. */
#define KEEP_OVER UINT32_MAX

void keeps_init(struct core *c);
void keeps_free(struct core *c);

/* Since when (wall clock, in seconds, rounded up) nothing but its retention keeps an ended task; 0:
 * something else does, or it has none; or KEEP_OVER. */
static inline uint32_t keep_since(const struct block *b, uint32_t idx)
{
	const struct keep *k = b->keep ? b->keep[idx / GONE_CHUNK] : NULL;

	return k ? k->since[idx % GONE_CHUNK] : 0;
}

static inline bool keep_is_on(const struct block *b, uint32_t idx)
{
	uint32_t since = keep_since(b, idx);

	return since && since != KEEP_OVER;
}

/* It may have a retention: all others cost nothing. */
static inline bool keep_may(const struct block *b, uint32_t idx)
{
	return b->terms || b->state[idx] & TASK_DETACHED;
}

/* How long an outcome stays; 0: it does not. */
uint64_t keep_retention_us(const struct core *c, const struct block *b, uint32_t idx);
/* Wall clock: until when it stays as things are; 0: not for its retention. */
uint64_t keep_until_us(const struct core *c, const struct block *b, uint32_t idx);

/* For a task that may have a retention: it ended (end, of a detached one), or one hold fewer keeps
 * it. If that was the last its retention begins, or, where it has none, it is no longer detached.
 */
void keep_begin(struct core *c, struct block *b, uint32_t idx, bool end);
/* Something else keeps it. One that is over stays so: a start must find what takes back that its
 * spec says detached. */
void keep_pause(struct core *c, struct block *b, uint32_t idx);
/* It begins anew. */
void keep_anew(struct core *c, struct block *b, uint32_t idx);
/* A user had it forgotten, and something needs it still. */
void keep_over(struct core *c, struct block *b, uint32_t idx);
/* It is detached now: another time may count. */
void keep_detached(struct core *c, struct block *b, uint32_t idx);
/* The task is gone. */
void keep_clear(struct core *c, struct block *b, uint32_t idx);
void keep_drop_block(struct core *c, struct block *b);

/* Lets go of what is due; true: there is more. */
bool keeps_work(struct core *c, uint32_t *budget);
/* From now to the next look; UINT64_MAX: there is none. */
uint64_t keeps_next_us(const struct core *c);

/* Appends the runs of a chunk for its record. */
void keep_write(struct buf *out, const struct block *b, uint32_t from, uint32_t n);
/* Loading: the runs of a record; a row, of a last round so far; and what follows once all is there.
 */
void keep_load(struct core *c, struct block *b, uint32_t from, struct slice runs);
void keep_load_row(struct core *c, struct block *b, uint32_t idx, uint64_t finished_us);
void keep_settle(struct core *c, struct block *b, uint32_t idx);
void keeps_load_end(struct core *c);

/* Parts of core_check(): NULL, or what is wrong. */
const char *keep_check(const struct block *b, uint32_t idx);
const char *keep_check_block(const struct block *b);

#endif
