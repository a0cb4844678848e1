/*
 * The engine without a loop or a store: who is admitted, what is refused, and that nothing leaves
 * before its batch is stored. And the secret's file.
 */
#include "check_scheduler.h"
#include "rig.h"

#include "base/alloc.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/limits.h"
#include "model/row.h"
#include "scheduler/engine.h"
#include "scheduler/secret.h"
#include "store/keys.h"
#include "wire/wire.h"

#include <dq/error.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
	struct slice mine = slice_of(hello_nonce, sizeof(hello_nonce));
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

START_TEST(bytes_that_are_no_frame)
{
	struct engine *e = engine_begin(true, 1000);

	engine_bad_frame(e, CONN, NULL);
	heard_refusal(DQ_E_LIMIT, "frame before admission: at most 4 KiB");
	engine_bad_frame(e, CONN, NULL);
	ck_assert_uint_eq(sent.n, 0);
	engine_end(e);
	e = admitted();
	engine_bad_frame(e, CONN, NULL);
	heard_refusal(DQ_E_LIMIT, "frame: at most 16 MiB");
	engine_end(e);
	e = admitted();
	engine_bad_frame(e, CONN, "not a frame");
	heard_refusal(DQ_E_PROTOCOL, "not a frame");
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

/* ---- a connection that is a client and a worker, as the protocol allows ---- */

START_TEST(an_input_that_cannot_be_read)
{
	struct engine *e = both();

	say_submit(e, 1, 1, NULL, 0, 0);
	store_all(e);
	say_done(e, task_id(1, 1), 1, 100);
	store_all(e);
	buf_clear(&sent);
	unreadable = TABLE_TASK;
	say_submit(e, 2, 2, NULL, task_id(1, 1), 1);
	store_all(e);
	/* not a lease with something else in its place */
	heard(MSG_REPLY);
	heard_refusal(DQ_E_STORE, "a record of the store cannot be read");
	engine_end(e);
}
END_TEST

START_TEST(a_stored_reply_that_cannot_be_read)
{
	struct msg_reply m;
	struct engine *e = both();
	const char *why;

	say_submit(e, 1, 1, "one", 0, 0);
	say_submit(e, 2, 2, "other", 0, 0);
	store_all(e);
	buf_clear(&sent);
	say_submit(e, 2, 2, "other", 0, 0);
	store_all(e);
	ck_assert(msg_reply_decode(heard(MSG_REPLY).payload, &m, &why));
	ck_assert_uint_eq(m.code, DQ_E_CONFLICT);
	unreadable = TABLE_REPLY;
	say_submit(e, 2, 2, "other", 0, 0);
	store_all(e);
	heard_refusal(DQ_E_STORE, "a record of the store cannot be read");
	engine_end(e);
}
END_TEST

/* A worker would refuse the frame, come back, and be sent it again. */
START_TEST(a_lease_that_fits_no_frame)
{
	struct msg_credit credit = {.limit = 8192};
	struct engine *e = both();
	struct task_row row;
	struct key key;
	struct slice value;
	const char *why;
	struct buf b;
	uint32_t n = 4200;

	buf_init(&b, 4096);
	msg_credit_encode(&b, 0, &credit);
	say(e, &b);
	buf_release(&b);
	for (uint32_t i = 1; i <= n; i++)
		say_submit(e, i, i, NULL, 0, 0);
	store_all(e);
	for (uint32_t i = 1; i <= n; i++)
		say_done(e, task_id(1, i), i, LIMIT_INLINE_VALUE);
	store_all(e);
	buf_clear(&sent);
	say_submit(e, n + 1, n + 1, NULL, task_id(1, 1), n);
	store_all(e);
	ck_assert(!closed);
	key = key_task(task_id(1, n + 1), 0);
	ck_assert(port_get(NULL, TABLE_TASK, key_slice(&key), &value));
	ck_assert(task_row_decode(value, &row, &why));
	ck_assert_int_eq(row.state, TASK_FAILED);
	engine_end(e);
}
END_TEST

/* Hangs up and joins again; its number and ticket key. */
static uint64_t joined_again(struct engine *e, uint8_t key[WIRE_TICKET_BYTES])
{
	struct engine_peer peer = {.by_kernel = true, .uid = 1000};
	struct msg_join join = {.uuid = slice_of(worker_uuid, sizeof(worker_uuid)),
		.name = slice_str("w"),
		.slots = 1,
		.instance = slice_str("i")};
	struct msg_joined m;
	const char *why;
	struct buf b;

	engine_disconnect(e, CONN, 20, 20);
	ck_assert(engine_connect(e, CONN, &peer));
	say_hello(e, ROLE_WORKER);
	heard(MSG_CHALLENGE);
	say_proof(e, slice_empty());
	heard(MSG_ADMIT);
	buf_init(&b, 4096);
	msg_join_encode(&b, 0, &join);
	say(e, &b);
	buf_release(&b);
	store_all(e);
	ck_assert(msg_joined_decode(heard(MSG_JOINED).payload, &m, &why));
	ck_assert_uint_eq(m.ticket_key.n, WIRE_TICKET_BYTES);
	memcpy(key, m.ticket_key.p, WIRE_TICKET_BYTES);
	return m.worker;
}

/* Tickets that were given out go on opening what it holds. */
START_TEST(a_worker_forgotten_and_back_has_the_same_ticket_key)
{
	uint8_t right[WIRE_TICKET_BYTES], one[WIRE_TICKET_BYTES], two[WIRE_TICKET_BYTES];
	struct engine *e = both();
	struct buf b;

	ck_assert_uint_eq(joined_again(e, one), 1);
	buf_init(&b, 4096);
	msg_leave_encode(&b, 0, &(struct msg_leave){0});
	say(e, &b);
	buf_release(&b);
	store_all(e);
	ck_assert_uint_eq(joined_again(e, two), 2);
	wire_ticket_key(right, slice_of(secret_bytes, sizeof(secret_bytes)),
		slice_of(worker_uuid, sizeof(worker_uuid)));
	ck_assert_mem_eq(one, right, sizeof(right));
	ck_assert_mem_eq(two, right, sizeof(right));
	engine_end(e);
}
END_TEST

START_TEST(the_scheduler_was_away)
{
	struct engine *e = both();

	engine_tick(e, 1000000, 1);
	engine_tick(e, 2000000, 1);
	/* it was stopped for a minute: nothing could be heard */
	engine_tick(e, 62000000, 1);
	ck_assert(!closed);
	for (uint64_t s = 63; s <= 92; s++)
		engine_tick(e, s * 1000000, 1);
	ck_assert(!closed);
	engine_tick(e, 93000000, 1);
	ck_assert(closed);
	engine_end(e);
}
END_TEST

START_TEST(too_many_keys)
{
	struct engine *e = admitted();
	struct msg_answer m;
	const char *why;
	struct buf keys, b;

	buf_init(&keys, 1 << 20);
	buf_init(&b, 1 << 20);
	pack_array(&keys, LIMIT_QUERY_KEYS + 1);
	for (uint32_t i = 0; i <= LIMIT_QUERY_KEYS; i++)
		pack_cstr(&keys, "");
	msg_query_encode(&b, 0,
		&(struct msg_query){.request = 1, .what = QUERY_STATE, .args = buf_slice(&keys)});
	say(e, &b);
	store_all(e);
	ck_assert(msg_answer_decode(heard(MSG_ANSWER).payload, &m, &why));
	ck_assert_uint_eq(m.code, DQ_E_LIMIT);
	buf_release(&keys);
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

int main(void)
{
	Suite *suite = suite_create("scheduler");
	TCase *t = tcase_create("engine");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_kernel_names_the_peer);
	tcase_add_test(t, another_user);
	tcase_add_test(t, the_secret_is_proved);
	tcase_add_test(t, the_secret_is_wrong);
	tcase_add_test(t, a_proof_is_not_a_mirror);
	tcase_add_test(t, nothing_before_admission);
	tcase_add_test(t, bytes_that_are_no_frame);
	tcase_add_test(t, a_malformed_message);
	tcase_add_test(t, nothing_leaves_before_its_commit);
	tcase_add_test(t, an_input_that_cannot_be_read);
	tcase_add_test(t, a_stored_reply_that_cannot_be_read);
	tcase_add_test(t, a_lease_that_fits_no_frame);
	tcase_add_test(t, a_worker_forgotten_and_back_has_the_same_ticket_key);
	tcase_add_test(t, the_scheduler_was_away);
	tcase_add_test(t, too_many_keys);
	tcase_add_test(t, secret_file);
	suite_add_tcase(suite, t);
	suite_add_tcase(suite, tcase_cache());
	suite_add_tcase(suite, tcase_act());
	suite_add_tcase(suite, tcase_queues());
	suite_add_tcase(suite, tcase_inside());
	suite_add_tcase(suite, tcase_things());
	r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
