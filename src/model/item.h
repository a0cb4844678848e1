/*
 * Records of queues beside their own (model/thing.h): items, deliveries and grants
 * (doc/disk-format.md). Readers borrow from the bytes. Nothing allocates. Any thread.
 */
#ifndef MODEL_ITEM_H
#define MODEL_ITEM_H

#include "base/buf.h"
#include "base/slice.h"
#include "model/ids.h"

#include <stdbool.h>
#include <stdint.h>

/* A priority as the key has it, so that a higher one sorts first; and back. */
static inline uint32_t item_rank(int32_t priority)
{
	return UINT32_MAX - ((uint32_t)priority ^ 0x80000000u);
}

static inline int32_t item_priority(uint32_t rank)
{
	return (int32_t)((UINT32_MAX - rank) ^ 0x80000000u);
}

struct item_record {
	uint64_t put_us, due_us; /* wall clock; due_us 0: at once */
	uint64_t task;           /* 0: it is a content */
	struct slice content;    /* model/content.h; empty where there is a task */
};
void item_record_encode(struct buf *out, const struct item_record *r);
bool item_record_decode(struct slice in, struct item_record *out, const char **why);

/* Stored: do not renumber. */
enum delivery_state {
	DELIVERY_OUT = 1, /* taken, with a lease, or for as long as its session lasts */
	DELIVERY_BACK = 2 /* waits again */
};

struct delivery_record {
	enum delivery_state state;
	uint32_t deliveries; /* this one too */
	struct fence fence;  /* OUT */
	uint32_t session;    /* OUT: whose it is; 0: the lease's alone */
	uint64_t lease_us;   /* OUT; 0: none */
	uint64_t due_us;     /* BACK: not before; wall clock */
};
void delivery_record_encode(struct buf *out, const struct delivery_record *r);
bool delivery_record_decode(struct slice in, struct delivery_record *out, const char **why);

/* On the wire too. */
enum take_mode { TAKE_GET = 1, TAKE_LEASE = 2 };

struct grant_entry {
	uint32_t rank, deliveries;
	uint64_t seq, task;
};

struct grant_record {
	uint64_t thing;
	enum take_mode mode;
	uint64_t lease_us;  /* TAKE_LEASE; 0: as long as the session lasts */
	struct fence first; /* of the first entry; the i-th has seq + i */
	uint32_t count;
	struct slice entries; /* packed: grant_entry_at() */
};
#define GRANT_ENTRY_BYTES 24
void grant_entry_pack(struct buf *out, const struct grant_entry *e);
struct grant_entry grant_entry_at(struct slice entries, uint32_t i);
void grant_record_encode(struct buf *out, const struct grant_record *r);
bool grant_record_decode(struct slice in, struct grant_record *out, const char **why);

#endif
