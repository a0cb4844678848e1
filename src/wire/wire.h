/*
 * Messages: a struct, an encoder and a decoder for each line of messages.def, and readers and
 * writers for the lists inside the hot ones. Slices borrow from the frame. Nothing allocates. Any
 * thread.
 *
 *	struct msg_get m = { .request = 7, .id = id };
 *	msg_get_encode(buf, 0, &m);                     -- a whole frame, header included
 *	if (!msg_get_decode(frame->payload, &m, &why))  -- false: close the connection with why
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/buf.h"
#include "base/slice.h"
#include "codec/cursor.h"
#include "codec/frame.h"
#include "codec/pack.h"
#include "model/ids.h"

#include <stdbool.h>
#include <stdint.h>

#define WIRE_VERSION_MIN 1
#define WIRE_VERSION_MAX 1
/* Of PUT: what a chunk has at most. */
#define WIRE_PUT_BYTES ((size_t)1 << 20)
#define WIRE_NONCE_BYTES 16
#define WIRE_PROOF_BYTES 32
#define WIRE_TICKET_BYTES 32
/* Frame flag of REPLY: refused and not taken; the request did not use its number. */
#define WIRE_NOT_TAKEN 1

enum wire_role { ROLE_CLIENT = 1, ROLE_WORKER = 2, ROLE_ADMIN = 3 };
enum wire_method { METHOD_PEER = 0, METHOD_SECRET = 1 };
enum wire_query {
	QUERY_STATUS = 1,
	QUERY_LIST = 2,
	QUERY_SHOW = 3,
	QUERY_STATE = 4,
	QUERY_RESOLVE = 5,
	QUERY_UNFINISHED = 6,
	QUERY_HISTORY = 7,
	QUERY_SELECT = 8,
	QUERY_THINGS = 10,
	QUERY_QUEUE = 11,
	QUERY_PEEK = 12,
	QUERY_DATASET = 16,
	QUERY_TOPIC = 17
};

#define FIELD_TYPE_U uint64_t
#define FIELD_TYPE_T bool
#define FIELD_TYPE_S struct slice
#define FIELD_TYPE_B struct slice
#define FIELD_TYPE_R struct slice

enum message {
#define F(type, field)
#define MESSAGE(NAME, name, number, direction, fields) MSG_##NAME = (number),
#include "wire/messages.def"
#undef MESSAGE
#undef F
};

/* struct msg_hello { uint64_t version_min; ... }; and so on */
#define F(type, field) FIELD_TYPE_##type field;
#define MESSAGE(NAME, name, number, direction, fields)                                             \
	struct msg_##name {                                                                        \
		fields                                                                             \
	};
#include "wire/messages.def"
#undef MESSAGE
#undef F

/* msg_NAME_encode() appends a whole frame (seq goes into its header); one over LIMIT_FRAME_BYTES
 * makes the buffer fail and is not there. msg_NAME_decode() reads a payload; an R field left empty
 * is sent as nil and read back as empty. Fields are checked to be of their type and nothing more.
 */
#define MESSAGE(NAME, name, number, direction, fields)                                             \
	void msg_##name##_encode(struct buf *out, uint64_t seq, const struct msg_##name *m);       \
	bool msg_##name##_decode(struct slice payload, struct msg_##name *m, const char **why);
#define F(type, field)
#include "wire/messages.def"
#undef MESSAGE
#undef F

/* "HELLO", or "?" */
const char *message_name(unsigned type);

/*
 * The lists inside messages: an array with one array for each entry (doc/protocol.md, Lists). A
 * writer is begun with the number of entries it will get; each entry is one call. A reader is a
 * cursor over the field: list_read_begin() gives the count, then exactly that many reads; false:
 * cursor_error(c) says what is wrong. All readers are bounded and check limits.
 */
static inline void list_begin(struct buf *list, uint32_t n)
{
	pack_array(list, n);
}
/* Entries of a list field: sets *n, 0 for an empty field. False when it is no array or has more
 * than max entries. */
bool list_read_begin(struct cursor *c, struct slice field, uint32_t max, uint32_t *n);

/* OUTCOMES */
struct outcomes_entry {
	uint64_t first, count;
	uint32_t generation;
	uint32_t state; /* enum task_state; TASK_GONE: there is no such task, outcome empty */
	uint32_t attempts;
	struct slice outcome; /* encoded outcome; the value's bytes left out when past
				 WIRE_PUSH_VALUE */
};
#define WIRE_PUSH_VALUE 256

/* PROGRESS: more than that is a fraction that is not known. */
#define WIRE_MILLIONTHS 1000000

/* LEASE */
struct lease_input {
	uint64_t id;
	uint32_t generation;
	struct slice type;
	uint64_t size, checksum;
	bool is_inline;
	struct slice bytes;  /* inline */
	struct slice frames; /* msgpack array of sizes, or empty */
	struct slice where;  /* msgpack array of [address, ticket], or empty */
};
#define LEASE_FLAG_REMAKE 1u
#define LEASE_FLAG_AHEAD 2u   /* begins before what has not begun */
#define LEASE_FLAG_SUSPECT 4u /* its start is told before it runs */
#define LEASE_FLAG_STORE 8u   /* a result that is not inline is PUT before it is reported */
struct lease_item {
	uint64_t id;
	uint32_t generation, attempt, flags;
	int64_t element; /* -1 outside arrays */
	struct slice key;
	struct slice spec;
	struct slice element_input; /* one msgpack value, or empty */
	uint64_t timeout_us;        /* how long it may run; 0: no limit */
	uint64_t cpus; /* that it takes while it runs, in parts of AMOUNT_UNIT; 0: not said, one */
	int32_t priority;
	uint32_t lane; /* whose it is: priorities count among those of one lane */
	uint32_t ninputs;
	struct cursor inputs; /* reading: at the first input */
};

/* STARTED, STOP, REPORT, SECEDED, JOIN.running, MISSING.leases: [id, epoch, seq, ...] */
struct fenced {
	uint64_t id;
	struct fence fence;
	uint64_t extra; /* STOP: enum cause; JOIN.running: 1 when it has started; SECEDED: 1 when
			   its slot is given back */
	struct slice outcome; /* REPORT: encoded outcome */
	struct slice effects; /* REPORT: what the task did in its transaction (model/deal.h), or
				 empty */
};

/* JOIN.copies, FREE, MISSING: [id, generation, checksum, size] (FREE and MISSING: the first two
 * count) */
struct copy {
	uint64_t id;
	uint32_t generation;
	uint64_t checksum, size;
};

void outcomes_write(struct buf *list, const struct outcomes_entry *e);
bool outcomes_read(struct cursor *c, struct outcomes_entry *e);
void lease_item_write(
	struct buf *list, const struct lease_item *i, const struct lease_input *inputs);
bool lease_item_read(struct cursor *c, struct lease_item *i);
bool lease_input_read(struct lease_item *i, struct lease_input *in);
void fenced_write(struct buf *list, const struct fenced *f);
bool fenced_read(struct cursor *c, struct fenced *f);
void copy_write(struct buf *list, const struct copy *p);
bool copy_read(struct cursor *c, struct copy *p);
/* where: [[address, ticket], ...] */
void where_write(struct buf *list, struct slice address, struct slice ticket);
bool where_read(struct cursor *c, struct slice *address, struct slice *ticket);

/*
 * Proofs and tickets: HMAC-SHA256 (OpenSSL; one to two microseconds). `side` is "server" in
 * CHALLENGE and "client" in PROVE. Every piece is hashed with its length before it; pieces longer
 * than 4096 bytes together are a bug of the caller's, who has checked them (a HELLO has at most
 * that).
 */
void wire_proof(uint8_t out[WIRE_PROOF_BYTES], struct slice secret, const char *side,
	struct slice nonce_peer, struct slice nonce_scheduler, unsigned role, struct slice user);
void wire_ticket(uint8_t out[WIRE_TICKET_BYTES], struct slice ticket_key, uint64_t id,
	uint32_t generation, uint64_t checksum);
/* The scheduler's own, for values that it stores. */
void wire_own_ticket_key(uint8_t out[WIRE_TICKET_BYTES], struct slice secret);
/* A worker's ticket key, derived from the scheduler's secret and the worker's identity. */
void wire_ticket_key(uint8_t out[WIRE_TICKET_BYTES], struct slice secret, struct slice worker_uuid);

/*
 * A task's token, "ID.EPOCH.SEQ.MAC" in hexadecimal: who has it may act for the task as long as the
 * lease with that fence lasts. Its head names the task and goes into HELLO.task; its MAC is the
 * secret of the proofs, and does not travel. Workers make tokens, under a key that each gets when
 * it joins.
 */
#define WIRE_TASK_MAC_BYTES 16
#define WIRE_TOKEN_TEXT 96 /* with the NUL */
void wire_task_key(uint8_t out[WIRE_TICKET_BYTES], struct slice secret, uint32_t worker);
void wire_task_mac(
	uint8_t out[WIRE_TASK_MAC_BYTES], struct slice task_key, uint64_t id, struct fence fence);
void wire_token_write(
	char out[WIRE_TOKEN_TEXT], struct slice task_key, uint64_t id, struct fence fence);
/* False: no token. The head borrows from the text. */
bool wire_token_split(struct slice text, struct slice *head, uint8_t mac[WIRE_TASK_MAC_BYTES]);
bool wire_token_head(struct slice head, uint64_t *id, struct fence *fence);

/* Constant-time comparison. */
bool wire_equal(struct slice a, struct slice b);

#endif
