/*
 * Identities that the disk and the wire share (doc/disk-format.md, Identity). Plain values; any
 * thread.
 */
#ifndef MODEL_IDS_H
#define MODEL_IDS_H

#include <stdbool.h>
#include <stdint.h>

/* A lease's token: compared for equality with the task's current lease, never ordered by outsiders
 * (D5). */
struct fence {
	uint64_t epoch;
	uint64_t seq;
};

static inline bool fence_eq(struct fence a, struct fence b)
{
	return a.epoch == b.epoch && a.seq == b.seq;
}

/* True when b was allotted after a. Only the store's own bundles are ordered this way, at start. */
static inline bool fence_before(struct fence a, struct fence b)
{
	return a.epoch < b.epoch || (a.epoch == b.epoch && a.seq < b.seq);
}

/* A task id is its session's number and the task's number within the session, which counts from 1.
 */
static inline uint64_t task_id(uint32_t session, uint32_t n)
{
	return (uint64_t)session << 32 | n;
}

static inline uint32_t task_id_session(uint64_t id)
{
	return (uint32_t)(id >> 32);
}

static inline uint32_t task_id_n(uint64_t id)
{
	return (uint32_t)id;
}

/* A run of consecutive task ids of one session. */
struct run {
	uint64_t first;
	uint64_t count;
};

#define STORE_ID_BYTES 16
#define TOKEN_BYTES 16
#define WORKER_UUID_BYTES 16

#endif
