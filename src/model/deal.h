/*
 * A deal: the list of operations of a DO, checked together and done together (doc/protocol.md).
 * The client writes it, the core reads it twice: to check, then to do. Readers borrow from the
 * bytes. Nothing allocates. Any thread.
 */
#ifndef MODEL_DEAL_H
#define MODEL_DEAL_H

#include "base/buf.h"
#include "base/slice.h"
#include "codec/cursor.h"
#include "model/ids.h"
#include "model/thing.h"

#include <stdbool.h>
#include <stdint.h>

/* On the wire: do not renumber. */
enum deal_kind {
	DEAL_PUT = 1,
	DEAL_ACK = 2,
	DEAL_NACK = 3,
	DEAL_EXTEND = 4,
	DEAL_CREATE = 5,
	DEAL_PURGE = 6,
	DEAL_DELETE = 7,
	DEAL_KICK = 8,
	DEAL_GRANTED = 9,
	DEAL_WITHDRAW = 10,
	DEAL_SET = 16,
	DEAL_SET_IF = 17,
	DEAL_EXPECT = 18,
	/* model/claim.h */
	DEAL_CLAIM = 32,
	DEAL_UNLOCK = 33,
	DEAL_EXTEND_LOCK = 34,
	DEAL_EXPECT_HELD = 35,
	DEAL_EVENT_SET = 36,
	DEAL_EVENT_CLEAR = 37,
	/* model/deal_more.c */
	DEAL_PUBLISH = 40, /* a dataset */
	DEAL_APPEND = 41,  /* to a topic */
	DEAL_BOUND = 42,   /* a topic */
	DEAL_SUBMIT = 48
};

/* Of locks and events. */
static inline bool deal_is_guard(enum deal_kind kind)
{
	return kind >= DEAL_CLAIM && kind <= DEAL_EVENT_CLEAR;
}

/* What a thing gets: a content, or a task. */
struct deal_value {
	struct slice content; /* empty: a task */
	uint64_t task;        /* by its id … */
	struct slice key;     /* … or, where that is 0, by its key */
};

struct deal_op {
	enum deal_kind kind;
	struct slice name;
	enum thing_kind thing;   /* DELETE */
	uint64_t version;        /* SET_IF, EXPECT */
	struct deal_value value; /* SET, SET_IF; APPEND: a content */
	/* of locks: */
	uint32_t flags;     /* CLAIM: CLAIM_... */
	uint64_t lease_us;  /* CLAIM; EXTEND_LOCK: 0: as long as it was */
	uint64_t claim;     /* UNLOCK, EXTEND_LOCK, EXPECT_HELD: its number */
	struct slice parts; /* CLAIM */
	/* of datasets and topics: */
	struct slice members; /* PUBLISH: array of tasks, deal_member_next() */
	uint64_t max_entries; /* BOUND; 0: no bound */
	uint64_t max_age_us;  /* likewise */
	/* of queues: */
	int32_t priority;    /* PUT, ACK, NACK, EXTEND */
	uint64_t time_us;    /* PUT, NACK: the delay; EXTEND: the lease */
	struct slice items;  /* PUT: array of values, deal_item_next() */
	uint64_t seq;        /* ACK, NACK, EXTEND: the item's … */
	struct fence fence;  /* … and the delivery's */
	uint64_t maxsize;    /* CREATE */
	uint32_t deliveries; /* CREATE: at most */
	struct slice dead;   /* CREATE: name, or empty */
	uint64_t request;    /* GRANTED, WITHDRAW: of the TAKE */
	/* of submits; flags: BLOCK_ARRAY */
	uint64_t count;
	struct slice body; /* as of SUBMIT */
};

struct deal_reader {
	struct cursor c;
	uint32_t left;
};

/* False: the bytes are no list of at most LIMIT_DEAL_OPS operations; *why. */
bool deal_reader_init(struct deal_reader *r, struct slice ops, const char **why);
/* The next operation; false: there is none, or it is malformed, then *why is set. */
bool deal_reader_next(struct deal_reader *r, struct deal_op *op, const char **why);
/* What a dataset is to have: a task or a whole array, by its id and count or by its key. */
struct deal_member {
	struct run run; /* count 0: by its key */
	struct slice key;
};
/* How many members a PUBLISH has; then each, at the cursor. The operation has been read. */
uint32_t deal_members(const struct deal_op *op, struct cursor *at);
void deal_member_next(struct cursor *at, struct deal_member *m);
/* A member as an element of the array has it. */
void deal_member_encode(struct buf *out, const struct deal_member *m);
/* How many values a PUT has; then each, at the cursor. The operation has been read. */
uint32_t deal_items(const struct deal_op *op, struct cursor *at);
void deal_item_next(struct cursor *at, struct deal_value *v);
/* A value as an item of the array has it. */
void deal_item_encode(struct buf *out, const struct deal_value *v);
/* Appends one operation; the list's own head (pack_array) is the caller's. */
void deal_op_encode(struct buf *out, const struct deal_op *op);

#endif
