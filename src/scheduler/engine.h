/*
 * The engine: the scheduler without its sockets, threads and files. Frames of connections go in;
 * batches for the store and frames for the connections come out, in that order: what a batch tells
 * of leaves only after engine_committed().
 *
 * scheduler/ drives it with real streams and the real store; the simulator with fakes. It reads no
 * clock and no random numbers: both come from the port. One thread.
 *
 *	frames ─> decode ─> core_step ─> records ─> open batch ─ engine_seal() ─> the store
 *	                             └─> messages, held with the batch
 *	                                     ─ engine_committed() ─> port.send
 */
#ifndef SCHEDULER_ENGINE_H
#define SCHEDULER_ENGINE_H

#include "base/slice.h"
#include "codec/frame.h"
#include "store/batch.h"
#include "store/table.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct core;
struct user_weight; /* core/core.h */

#define VALUE_LIMIT_BYTES ((uint64_t)1 << 30)

struct engine_store_status {
	uint64_t bytes, commits;
	const char *durability;
	double oldest_reader_s;
};

/* Of a FETCH that is allowed. */
struct value_wanted {
	uint64_t request, id;
	uint32_t generation;
	uint64_t offset, total, checksum;
};

/* What the engine needs from whoever drives it. */
struct engine_port {
	void *arg;
	/* The committed value of a key; valid until the next call of any engine function. False:
	 * none. */
	bool (*get)(void *arg, enum table table, struct slice key, struct slice *value);
	/* Every committed record of a table in key order, for loading; fn returns false to end.
	 * False: the table cannot be read, *why. */
	bool (*scan)(void *arg, enum table table,
		bool (*fn)(void *fn_arg, struct slice key, struct slice value), void *fn_arg,
		const char **why);
	/* Bytes for a connection: whole frames, copied before it returns. */
	void (*send)(void *arg, uint64_t conn, struct slice frames);
	/* Close the connection after what was sent. engine_disconnect() must follow, then or later.
	 */
	void (*close)(void *arg, uint64_t conn);
	void (*random)(void *arg, uint8_t *p, size_t n);
	/*
	 * Values in files. An upload is a number that is used once; its bytes come in order. False:
	 * *why, for the worker, and the upload is void. What a batch keeps (store/batch.h) is an
	 * upload whose bytes have all come.
	 */
	bool (*value_write)(void *arg, uint64_t upload, uint64_t offset, uint64_t total,
		struct slice bytes, const char **why);
	void (*value_drop)(void *arg, uint64_t upload);
	/* Is there a file of this size? */
	bool (*value_there)(void *arg, uint64_t id, uint32_t generation, uint64_t size);
	/* Sends a stored value to the connection as DATA, or NODATA, at its own pace. One that
	 * cannot be read, or has another checksum, it tells by engine_spoilt(). */
	void (*value_give)(void *arg, uint64_t conn, const struct value_wanted *wanted);
	/* For `status`: fills what the store knows. */
	void (*store_status)(void *arg, struct engine_store_status *out);
};

struct engine_config {
	uint64_t epoch;
	uint8_t store_id[16];
	uint64_t lease_ttl_ms, session_ttl_ms;
	uint64_t retention_us;      /* as in core_config */
	uint64_t value_limit_bytes; /* largest value that is stored; 0: VALUE_LIMIT_BYTES */
	uint32_t uid;               /* of the user who runs it: user 0 */
	struct slice user;
	struct slice secret; /* proves user 0 over TCP; also the root of ticket keys */
	const struct user_weight *weights; /* borrowed */
	size_t nweights;
};

/* How a peer came. */
struct engine_peer {
	bool by_kernel; /* a unix socket or in-process: uid and user are known */
	uint32_t uid;
	struct slice user;
	bool member; /* another user, whom the socket's group admits */
};

struct engine *engine_new(const struct engine_config *config, const struct engine_port *port);
void engine_free(struct engine **e);
/* Rebuilds the state from port.scan. False: *why (valid until the next call). Records that
 * contradict others are left out and counted; what it decides goes into the first batch. */
bool engine_load(struct engine *e, uint64_t mono_us, uint64_t wall_us, const char **why);
uint64_t engine_load_skipped(const struct engine *e);

/* conn: a number never used before. False: too many connections, the caller closes it. */
bool engine_connect(struct engine *e, uint64_t conn, const struct engine_peer *peer);
/* Has the connection proved who it is? */
bool engine_admitted(const struct engine *e, uint64_t conn);
void engine_frame(struct engine *e, uint64_t conn, const struct frame *frame, uint64_t mono_us,
	uint64_t wall_us);
/* What came is no frame that the connection could go on after; why NULL: it is over the limit. */
void engine_bad_frame(struct engine *e, uint64_t conn, const char *why);
void engine_disconnect(struct engine *e, uint64_t conn, uint64_t mono_us, uint64_t wall_us);
/* Deadlines. Call at engine_next_tick_us() or later; 0: there is none. */
void engine_tick(struct engine *e, uint64_t mono_us, uint64_t wall_us);
uint64_t engine_next_tick_us(const struct engine *e);
/* Goes on with long works; true while there are more that need not wait for a commit first. */
bool engine_continue(struct engine *e, uint64_t mono_us, uint64_t wall_us);
bool engine_has_work(const struct engine *e);
/*
 * The connection has much of what it was sent still before it (slow), or reads again: what its
 * watches find of the past waits meanwhile, so that a client that does not read is not sent more
 * than it may leave unread.
 */
void engine_flow(struct engine *e, uint64_t conn, bool slow, uint64_t mono_us, uint64_t wall_us);

/* Is there anything to hand to the store, or to tell once what is under way is stored? */
bool engine_wants_seal(const struct engine *e);
/* Closes the open batch and gives it, with its number; NULL when nothing is to be stored (its
 * messages, if any, then leave with the last batch under way, or at once). The batch is the
 * engine's and stays valid until engine_committed(seq). At most one at a time. */
const struct batch *engine_seal(
	struct engine *e, uint64_t mono_us, uint64_t wall_us, uint64_t *seq);
/* Everything up to seq is on stable storage: its messages leave through the port. */
void engine_committed(struct engine *e, uint64_t seq);
/* The stored value cannot be read: it is lost from the next engine_continue() on. */
void engine_spoilt(struct engine *e, uint64_t id, uint32_t generation);
/* Low water: requests that grow the store are refused until it is called with false. */
void engine_set_room(struct engine *e, bool no_room);

/* Bytes that wait to be handed to the store, and messages with them: past some limit the caller
 * should stop reading. */
size_t engine_backlog_bytes(const struct engine *e);

const struct core *engine_core(const struct engine *e);

#endif
