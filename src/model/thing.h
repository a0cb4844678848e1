/*
 * Things: what tasks and clients share by name, and their records (doc/disk-format.md, thing).
 * Readers borrow from the bytes. Nothing allocates. Any thread.
 */
#ifndef MODEL_THING_H
#define MODEL_THING_H

#include "base/buf.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Stored, and on the wire: do not renumber. */
enum thing_kind {
	THING_QUEUE = 1,
	THING_VARIABLE = 2,
	THING_LOCK = 3,  /* its records are claims: no two things, so the name may come again */
	THING_EVENT = 4, /* it is there as long as it is set */
	THING_TOPIC = 5,
	THING_DATASET = 6
};
#define THING_KINDS 7 /* past the last */

struct thing_record {
	enum thing_kind kind;
	struct slice ns, name;
	uint32_t owner; /* user */
	uint64_t created_us;
	/* by kind; the others are all zero */
	struct {
		uint64_t version;     /* from 1 */
		uint64_t task;        /* 0: it holds a content */
		struct slice content; /* model/content.h; empty where there is a task */
	} variable;
	struct {
		uint64_t maxsize;        /* of what is not acknowledged; 0: no limit */
		uint32_t max_deliveries; /* 0: no limit */
		struct slice dead;       /* the dead-letter queue's name; empty: NAME.dead */
		bool closing;            /* deleted: what is left goes in steps */
		/* array of rank, seq, …: what has a lower number there was purged */
		struct slice floors;
	} queue;
	struct {
		uint64_t max_entries; /* 0: no bound */
		uint64_t max_age_us;  /* likewise */
		/* entries from gone_to on have records; those below first are not kept */
		uint64_t gone_to, first, next;
		bool closing;       /* deleted: its entries go in steps */
		struct slice marks; /* array: cursor, µs, …; see core/topic.c */
	} topic;
	struct {
		struct slice runs; /* model/record.h: of tasks, in the order given */
	} dataset;
	struct {
		uint32_t flags;   /* CLAIM_... */
		uint32_t session; /* whose it is; 0: nobody's but its lease's */
		uint64_t lease_us;
		struct slice parts; /* the first is the one that the record is named after */
	} claim;
};
void thing_record_encode(struct buf *out, const struct thing_record *r);
bool thing_record_decode(struct slice in, struct thing_record *out, const char **why);

/* "queue", "variable", "lock", "event", "topic", "dataset"; "?" for a number that is no kind. */
const char *thing_kind_word(enum thing_kind kind);

#endif
