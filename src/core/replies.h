/*
 * The replies of a session that are stored until its client has acknowledged them (D3): refusals,
 * and what has data. Until then a client may still act as if they had not been given.
 */
#ifndef CORE_REPLIES_H
#define CORE_REPLIES_H

#include "base/map64.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct core;
struct event;
struct session;

struct stored_reply {
	uint64_t seq;
	uint64_t live; /* a refusal's: the task (an array's first) that has the key; 0: none */
};

struct replies {
	struct stored_reply *v; /* by seq, ascending, from `at` on */
	uint32_t at, n, cap;
	struct map64 conflicts; /* tasks that they name as live -> the newest that does */
};

void replies_init(struct replies *q);
void replies_release(struct replies *q);
void reply_plain(struct core *c, struct session *s, uint64_t conn);
void reply_stored(struct core *c, struct session *s, uint64_t conn, uint32_t code, const char *text,
	struct slice text_more, struct slice data);
bool reply_is_stored(const struct session *s, uint64_t seq);
/* From the stored reply the session's client learns that the task has its key. */
void reply_names(struct session *s, uint64_t seq, uint64_t live);
/* Into memory, in ascending order. live: see struct stored_reply. */
void reply_load(struct session *s, uint64_t seq, uint64_t live);
void session_acked(struct core *c, const struct event *e);
/* The session ends: those that were never acknowledged go; false when none are left. */
bool replies_drop(struct core *c, struct session *s, uint32_t *budget);

#endif
