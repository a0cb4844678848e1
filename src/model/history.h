/*
 * The history of a task, as users are told it: an array of maps, one an event, oldest first
 * (doc/protocol.md, QUERY, history). It is made from a task's rows, each with what happened in its
 * round and how that ended. Nothing allocates but the buffer. Any thread.
 */
#ifndef MODEL_HISTORY_H
#define MODEL_HISTORY_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/ids.h"
#include "model/row.h"

#include <stdint.h>

#define HISTORY_KEY_BYTES 640 /* a key as users write it, with a namespace and an element */

struct history {
	struct buf *out; /* the maps; no header */
	struct slice key;
	uint32_t n; /* maps so far */
	/* The key of another task, into a buffer of HISTORY_KEY_BYTES. */
	struct slice (*key_of)(void *arg, uint64_t id, char *buf);
	void *arg;
};

void history_submitted(struct history *h, uint64_t time_us);
/* The attempt that has not ended, at the end of the history: its state in a word, where it is,
 * since when (0: not known). */
void history_now(struct history *h, const char *word, uint16_t round, struct slice worker,
	uint64_t since_us);
/* What the row tells; false: its outcome cannot be read, and nothing of it is told. */
bool history_row(struct history *h, const struct task_row *row, uint16_t round);

#endif
