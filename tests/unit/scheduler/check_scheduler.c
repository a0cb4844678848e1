/*
 * The engine without a loop or a store: who is admitted, what is refused, and that nothing leaves
 * before its batch is stored. And the secret's file, and the cache of blocks.
 */
#include "base/alloc.h"
#include "codec/pack.h"
#include "scheduler/blocks.h"
#include "scheduler/engine.h"
#include "scheduler/secret.h"
#include "wire/wire.h"

#include <dq/error.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONN 5

/* What the engine did to the outside. */
static struct buf sent;
static bool closed;

static bool port_get(void *arg, enum table table, struct slice key, struct slice *value)
{
	(void)arg;
	(void)table;
	(void)key;
	(void)value;
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
	ck_assert_uint_eq(conn, CONN);
	buf_append_slice(&sent, frames);
}

static void port_close(void *arg, uint64_t conn)
{
	(void)arg;
	(void)conn;
	closed = true;
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

static const uint8_t secret_bytes[32] = {1, 2, 3};

static struct engine *engine_begin(bool by_kernel, uint32_t uid)
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

	buf_init(&sent, 1 << 20);
	closed = false;
	ck_assert(engine_load(e, 1, 1, &why));
	ck_assert(engine_connect(e, CONN, &peer));
	return e;
}

static void engine_end(struct engine *e)
{
	engine_free(&e);
	buf_release(&sent);
}

/* Hands the engine the frame that is in b, and empties b. */
static void say(struct engine *e, struct buf *b)
{
	struct frame f;
	size_t used;

	ck_assert_int_eq(frame_parse(buf_slice(b), FRAME_MAX_PAYLOAD, &f, &used), FRAME_OK);
	engine_frame(e, CONN, &f, 10, 10);
	buf_clear(b);
}

/* The next frame that the engine sent. */
static struct frame heard(unsigned type)
{
	static struct buf copy;
	struct frame f;
	size_t used;

	buf_release(&copy);
	buf_init(&copy, 1 << 20);
	buf_append_slice(&copy, buf_slice(&sent));
	ck_assert_int_eq(frame_parse(buf_slice(&copy), FRAME_MAX_PAYLOAD, &f, &used), FRAME_OK);
	ck_assert_str_eq(message_name(f.type), message_name(type));
	memmove(sent.p, sent.p + used, sent.n - used);
	sent.n -= used;
	return f;
}

static void heard_refusal(uint32_t code, const char *text)
{
	struct msg_refuse m;
	const char *why;

	ck_assert(msg_refuse_decode(heard(MSG_REFUSE).payload, &m, &why));
	ck_assert_uint_eq(m.code, code);
	ck_assert_msg(slice_eq_str(m.text, text), "%.*s", (int)m.text.n, (const char *)m.text.p);
	ck_assert(closed);
}

static const uint8_t nonce[WIRE_NONCE_BYTES] = {9, 8, 7};

static void say_hello(struct engine *e, unsigned role)
{
	struct msg_hello m = {.version_min = 1,
		.version_max = 1,
		.role = role,
		.user = slice_str("ann"),
		.nonce = slice_of(nonce, sizeof(nonce))};
	struct buf b;

	buf_init(&b, 4096);
	msg_hello_encode(&b, 0, &m);
	say(e, &b);
	buf_release(&b);
}

static void say_proof(struct engine *e, struct slice proof)
{
	struct buf b;

	buf_init(&b, 4096);
	msg_prove_encode(&b, 0, &(struct msg_prove){.proof = proof});
	say(e, &b);
	buf_release(&b);
}

static struct engine *admitted(void)
{
	struct engine *e = engine_begin(true, 1000);

	say_hello(e, ROLE_CLIENT);
	heard(MSG_CHALLENGE);
	say_proof(e, slice_empty());
	heard(MSG_ADMIT);
	return e;
}

START_TEST(the_kernel_names_the_peer)
{
	struct engine *e = admitted();

	ck_assert(engine_admitted(e, CONN));
	engine_end(e);
}
END_TEST

START_TEST(another_user)
{
	struct engine *e = engine_begin(true, 1001);

	say_hello(e, ROLE_CLIENT);
	heard_refusal(DQ_E_REFUSED, "this scheduler serves another user");
	engine_end(e);
}
END_TEST

START_TEST(the_secret_is_proved)
{
	struct engine *e = engine_begin(false, 0);
	uint8_t proof[WIRE_PROOF_BYTES], own[WIRE_PROOF_BYTES];
	struct slice secret = slice_of(secret_bytes, sizeof(secret_bytes));
	struct slice mine = slice_of(nonce, sizeof(nonce));
	struct msg_challenge m;
	const char *why;

	say_hello(e, ROLE_CLIENT);
	ck_assert(msg_challenge_decode(heard(MSG_CHALLENGE).payload, &m, &why));
	ck_assert_uint_eq(m.method, METHOD_SECRET);
	wire_proof(own, secret, "server", mine, m.nonce, ROLE_CLIENT, slice_str("ann"));
	ck_assert(wire_equal(m.proof, slice_of(own, sizeof(own))));
	wire_proof(proof, secret, "client", mine, m.nonce, ROLE_CLIENT, slice_str("ann"));
	say_proof(e, slice_of(proof, sizeof(proof)));
	heard(MSG_ADMIT);
	engine_end(e);
}
END_TEST

START_TEST(the_secret_is_wrong)
{
	uint8_t proof[WIRE_PROOF_BYTES] = {1};
	struct engine *e = engine_begin(false, 0);

	say_hello(e, ROLE_CLIENT);
	heard(MSG_CHALLENGE);
	say_proof(e, slice_of(proof, sizeof(proof)));
	heard_refusal(DQ_E_REFUSED, "the secret is not the right one");
	engine_end(e);
}
END_TEST

/* A proof that the scheduler made must not open it to who sends it back. */
START_TEST(a_proof_is_not_a_mirror)
{
	struct engine *e = engine_begin(false, 0);
	uint8_t copy[WIRE_PROOF_BYTES];
	struct msg_challenge m;
	const char *why;

	say_hello(e, ROLE_CLIENT);
	ck_assert(msg_challenge_decode(heard(MSG_CHALLENGE).payload, &m, &why));
	memcpy(copy, m.proof.p, sizeof(copy));
	say_proof(e, slice_of(copy, sizeof(copy)));
	heard_refusal(DQ_E_REFUSED, "the secret is not the right one");
	engine_end(e);
}
END_TEST

START_TEST(nothing_before_admission)
{
	struct engine *e = engine_begin(true, 1000);
	struct buf b;

	buf_init(&b, 4096);
	msg_open_encode(&b, 0, &(struct msg_open){0});
	say(e, &b);
	heard_refusal(DQ_E_PROTOCOL, "not the message that is due");
	buf_release(&b);
	engine_end(e);
}
END_TEST

START_TEST(a_malformed_message)
{
	struct engine *e = admitted();
	struct buf b;

	buf_init(&b, 4096);
	frame_append(&b, MSG_SUBMIT, 0, 1, slice_str("\xff\xff"));
	say(e, &b);
	heard(MSG_REFUSE);
	ck_assert(closed);
	buf_release(&b);
	engine_end(e);
}
END_TEST

/* The rule that all of dq stands on: no reply before its batch is stored. */
START_TEST(nothing_leaves_before_its_commit)
{
	struct engine *e = admitted();
	const struct batch *batch;
	struct msg_opened m;
	const char *why;
	uint64_t seq;
	struct buf b;

	buf_init(&b, 4096);
	msg_open_encode(&b, 0, &(struct msg_open){0});
	say(e, &b);
	ck_assert_uint_eq(sent.n, 0);
	ck_assert(engine_wants_seal(e));
	batch = engine_seal(e, 11, 11, &seq);
	ck_assert_ptr_nonnull(batch);
	ck_assert_uint_ge(batch_count(batch), 1);
	ck_assert_uint_eq(sent.n, 0);
	engine_committed(e, seq);
	ck_assert(msg_opened_decode(heard(MSG_OPENED).payload, &m, &why));
	ck_assert_uint_eq(m.session, 1);
	buf_release(&b);
	engine_end(e);
}
END_TEST

START_TEST(secret_file)
{
	char dir[] = "/tmp/dq-check-XXXXXX", path[64], error[200];
	struct secret a, b;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/secret", dir);
	ck_assert(secret_load_or_make(path, &a, error, sizeof(error)));
	ck_assert(secret_load_or_make(path, &b, error, sizeof(error)));
	ck_assert_mem_eq(a.bytes, b.bytes, sizeof(a.bytes));
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert(!secret_load_or_make(path, &b, error, sizeof(error)));
	ck_assert_ptr_nonnull(strstr(error, "others may read this secret"));
	unlink(path);
	rmdir(dir);
}
END_TEST

/* ---- the block cache ---- */

#define ID(n) task_id(1, n)

static int reads;

static bool read_block(void *arg, uint64_t first, struct slice *record)
{
	struct buf *records = arg;

	reads++;
	*record = buf_slice(&records[task_id_n(first)]);
	return records[task_id_n(first)].n > 0;
}

static void make_block(struct buf *out, uint64_t first, uint32_t count)
{
	struct block_record r = {.first = first,
		.count = count,
		.session = task_id_session(first),
		.seq = 1,
		.order = 1,
		.ns = slice_str("ann")};
	struct buf body;

	buf_init(&body, 1 << 16);
	for (uint32_t i = 0; i < count; i++) {
		struct block_entry e = {0};
		struct buf spec;
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		buf_init(&spec, 256);
		spec_encode_func(&spec, slice_str(name), slice_empty());
		e.spec = buf_slice(&spec);
		block_entry_encode(&body, &e, NULL, NULL);
		buf_release(&spec);
	}
	r.body = buf_slice(&body);
	buf_init(out, 1 << 16);
	block_record_encode(out, &r);
	buf_release(&body);
}

START_TEST(blocks_are_read_once)
{
	struct buf records[4] = {{0}};
	struct block_cache *cache = block_cache_new(1 << 20, read_block, records);
	struct block_task t;
	struct spec spec;
	const char *why;

	reads = 0;
	make_block(&records[1], ID(1), 3);
	ck_assert(block_cache_get(cache, ID(1), ID(3), &t));
	ck_assert(spec_decode(t.spec, &spec, &why));
	ck_assert(slice_eq_str(spec.function, "f2"));
	ck_assert(block_cache_get(cache, ID(1), ID(1), &t));
	ck_assert_int_eq(reads, 1);
	ck_assert(!block_cache_get(cache, ID(1), ID(4), &t));
	ck_assert(!block_cache_get(cache, ID(2), ID(2), &t));
	block_cache_drop(cache, ID(1));
	ck_assert(block_cache_get(cache, ID(1), ID(1), &t));
	ck_assert_int_eq(reads, 3);
	block_cache_free(&cache);
	buf_release(&records[1]);
}
END_TEST

START_TEST(the_cache_is_bounded)
{
	struct buf records[4] = {{0}};
	struct block_cache *cache = block_cache_new(1, read_block, records);
	struct block_task t;

	reads = 0;
	for (uint32_t i = 1; i < 4; i++)
		make_block(&records[i], ID(i), 1);
	for (uint32_t i = 1; i < 4; i++)
		ck_assert(block_cache_get(cache, ID(i), ID(i), &t));
	ck_assert(block_cache_get(cache, ID(1), ID(1), &t));
	ck_assert_int_eq(reads, 4);
	block_cache_free(&cache);
	for (uint32_t i = 1; i < 4; i++)
		buf_release(&records[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scheduler");
	TCase *t = tcase_create("engine");
	SRunner *r;
	int failed;

	tcase_add_test(t, the_kernel_names_the_peer);
	tcase_add_test(t, another_user);
	tcase_add_test(t, the_secret_is_proved);
	tcase_add_test(t, the_secret_is_wrong);
	tcase_add_test(t, a_proof_is_not_a_mirror);
	tcase_add_test(t, nothing_before_admission);
	tcase_add_test(t, a_malformed_message);
	tcase_add_test(t, nothing_leaves_before_its_commit);
	tcase_add_test(t, secret_file);
	tcase_add_test(t, blocks_are_read_once);
	tcase_add_test(t, the_cache_is_bounded);
	suite_add_tcase(suite, t);
	r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
