/* The engine with a port that keeps what it is given (rig.h). */
#include "rig.h"

#include "base/alloc.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/limits.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct buf sent;
bool closed;
uint64_t talking;

/* What was stored, the newest first. */
static struct kept {
	struct kept *next;
	enum table table;
	struct buf key, value;
} * kept;
enum table unreadable;

static void keep_batch(const struct batch *batch)
{
	struct batch_op op;
	size_t pos = 0;

	while (batch_next(batch, &pos, &op)) {
		struct kept *k = xcalloc(1, sizeof(*k));

		k->table = op.table;
		k->next = kept;
		buf_init(&k->key, 64);
		buf_init(&k->value, 1 << 24);
		buf_append_slice(&k->key, op.key);
		buf_append_slice(&k->value, op.value);
		kept = k;
	}
}

static void forget_kept(void)
{
	while (kept) {
		struct kept *k = kept;

		kept = k->next;
		buf_release(&k->key);
		buf_release(&k->value);
		free(k);
	}
}

bool port_get(void *arg, enum table table, struct slice key, struct slice *value)
{
	(void)arg;
	if (table == unreadable)
		return false;
	for (const struct kept *k = kept; k; k = k->next) {
		if (k->table != table || !slice_eq(buf_slice(&k->key), key))
			continue;
		*value = buf_slice(&k->value);
		return value->n > 0;
	}
	return false;
}

static bool port_scan(void *arg, enum table table,
	bool (*fn)(void *fn_arg, struct slice key, struct slice value), void *fn_arg,
	const char **why)
{
	(void)arg;
	(void)table;
	(void)fn;
	(void)fn_arg;
	(void)why;
	return true;
}

static void port_send(void *arg, uint64_t conn, struct slice frames)
{
	(void)arg;
	if (conn == talking)
		buf_append_slice(&sent, frames);
}

static void port_close(void *arg, uint64_t conn)
{
	(void)arg;
	closed = closed || conn == talking;
}

static void port_random(void *arg, uint8_t *p, size_t n)
{
	(void)arg;
	memset(p, 0x5a, n);
}

static void port_status(void *arg, struct engine_store_status *out)
{
	(void)arg;
	out->commits = 3;
}

const uint8_t secret_bytes[32] = {1, 2, 3};

struct engine *engine_begin(bool by_kernel, uint32_t uid)
{
	struct engine_config config = {.epoch = 7,
		.lease_ttl_ms = 30000,
		.session_ttl_ms = 600000,
		.uid = 1000,
		.user = slice_str("ann"),
		.secret = slice_of(secret_bytes, sizeof(secret_bytes))};
	struct engine_port port = {.get = port_get,
		.scan = port_scan,
		.send = port_send,
		.close = port_close,
		.random = port_random,
		.store_status = port_status};
	struct engine_peer peer = {.by_kernel = by_kernel, .uid = uid};
	struct engine *e = engine_new(&config, &port);
	const char *why;

	buf_init(&sent, 1 << 25);
	closed = false;
	talking = CONN;
	unreadable = TABLE_END;
	ck_assert(engine_load(e, 1, 1, &why));
	ck_assert(engine_connect(e, CONN, &peer));
	return e;
}

void engine_end(struct engine *e)
{
	engine_free(&e);
	buf_release(&sent);
	forget_kept();
}

void say(struct engine *e, struct buf *b)
{
	struct frame f;
	size_t used;

	ck_assert_int_eq(frame_parse(buf_slice(b), FRAME_MAX_PAYLOAD, &f, &used), FRAME_OK);
	engine_frame(e, talking, &f, 10, 10);
	buf_clear(b);
}

struct frame heard(unsigned type)
{
	static struct buf copy;
	struct frame f;
	size_t used;

	buf_release(&copy);
	buf_init(&copy, 1 << 25);
	buf_append_slice(&copy, buf_slice(&sent));
	ck_assert_int_eq(frame_parse(buf_slice(&copy), FRAME_MAX_PAYLOAD, &f, &used), FRAME_OK);
	ck_assert_str_eq(message_name(f.type), message_name(type));
	memmove(sent.p, sent.p + used, sent.n - used);
	sent.n -= used;
	return f;
}

void heard_refusal(uint32_t code, const char *text)
{
	struct msg_refuse m;
	const char *why;

	ck_assert(msg_refuse_decode(heard(MSG_REFUSE).payload, &m, &why));
	ck_assert_uint_eq(m.code, code);
	ck_assert_msg(slice_eq_str(m.text, text), "%.*s", (int)m.text.n, (const char *)m.text.p);
	ck_assert(closed);
}

const uint8_t hello_nonce[WIRE_NONCE_BYTES] = {9, 8, 7};

void say_hello(struct engine *e, unsigned role)
{
	say_hello_of(e, role, slice_empty());
}

void say_hello_of(struct engine *e, unsigned role, struct slice task)
{
	struct msg_hello m = {.version_min = 1,
		.version_max = 1,
		.role = role,
		.user = slice_str("ann"),
		.task = task,
		.nonce = slice_of(hello_nonce, sizeof(hello_nonce))};
	struct buf b;

	buf_init(&b, 4096);
	msg_hello_encode(&b, 0, &m);
	say(e, &b);
	buf_release(&b);
}

void say_proof(struct engine *e, struct slice proof)
{
	struct buf b;

	buf_init(&b, 4096);
	msg_prove_encode(&b, 0, &(struct msg_prove){.proof = proof});
	say(e, &b);
	buf_release(&b);
}

struct engine *admitted_as(unsigned role)
{
	struct engine *e = engine_begin(true, 1000);

	say_hello(e, role);
	heard(MSG_CHALLENGE);
	say_proof(e, slice_empty());
	heard(MSG_ADMIT);
	return e;
}

struct engine *admitted(void)
{
	return admitted_as(ROLE_CLIENT);
}

void store_all(struct engine *e)
{
	while (engine_continue(e, 20, 20) || engine_wants_seal(e)) {
		uint64_t seq;
		const struct batch *batch = engine_seal(e, 20, 20, &seq);

		if (!batch)
			continue;
		keep_batch(batch);
		engine_committed(e, seq);
	}
}

/* ---- a client and a worker in one ---- */

const uint8_t worker_uuid[WORKER_UUID_BYTES] = {7};

struct engine *both(void)
{
	struct msg_join j = {.uuid = slice_of(worker_uuid, sizeof(worker_uuid)),
		.name = slice_str("w"),
		.slots = 1,
		.instance = slice_str("i")};
	struct engine *e = admitted_as(ROLE_WORKER);
	struct buf b;

	buf_init(&b, 4096);
	msg_open_encode(&b, 0, &(struct msg_open){0});
	say(e, &b);
	msg_join_encode(&b, 0, &j);
	say(e, &b);
	msg_credit_encode(&b, 0, &(struct msg_credit){.limit = 8});
	say(e, &b);
	buf_release(&b);
	store_all(e);
	heard(MSG_OPENED);
	heard(MSG_JOINED);
	return e;
}

void say_submit(struct engine *e, uint64_t seq, uint32_t first_n, const char *key,
	uint64_t first_dep, uint32_t ndeps)
{
	struct msg_submit m = {.first_n = first_n, .count = 1};
	struct dep_ref *deps = xcalloc(ndeps + 1, sizeof(*deps));
	struct block_entry entry = {.ndeps = ndeps};
	struct buf spec, body, b;

	buf_init(&spec, 256);
	buf_init(&body, 1 << 22);
	buf_init(&b, 1 << 22);
	spec_encode_func(&spec, slice_str(key ? key : "f"), slice_empty());
	for (uint32_t i = 0; i < ndeps; i++)
		deps[i].id = first_dep + i;
	entry.spec = buf_slice(&spec);
	if (key)
		entry.key = slice_str("k");
	block_entry_encode(&body, &entry, deps, NULL);
	m.body = buf_slice(&body);
	msg_submit_encode(&b, seq, &m);
	say(e, &b);
	free(deps);
	buf_release(&spec);
	buf_release(&body);
	buf_release(&b);
}

void say_report(struct engine *e, uint64_t id, uint64_t fence_seq, const struct outcome *o)
{
	struct buf outcome, list, b;

	buf_init(&outcome, OUTCOME_MAX_BYTES);
	buf_init(&list, 1 << 16);
	buf_init(&b, 1 << 16);
	outcome_encode(&outcome, o);
	pack_array(&list, 1);
	fenced_write(
		&list, &(struct fenced){
			       .id = id, .fence = {7, fence_seq}, .outcome = buf_slice(&outcome)});
	msg_report_encode(&b, 1, &(struct msg_report){.entries = buf_slice(&list)});
	say(e, &b);
	buf_release(&outcome);
	buf_release(&list);
	buf_release(&b);
}

void say_done(struct engine *e, uint64_t id, uint64_t fence_seq, size_t bytes)
{
	static const uint8_t zeros[LIMIT_INLINE_VALUE];
	struct outcome o = {.state = TASK_DONE,
		.has_value = true,
		.type = slice_str("bytes"),
		.size = bytes,
		.is_inline = true,
		.bytes = slice_of(zeros, bytes)};

	say_report(e, id, fence_seq, &o);
}
