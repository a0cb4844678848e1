/*
 * The small records: what comes back, and limits. Cuts and random changes are test_sweep.c's.
 */
#include "check_model.h"

#include "base/bitmap.h"
#include "codec/pack.h"
#include "model/limits.h"
#include "model/record.h"

#include <stdlib.h>
#include <string.h>

static struct buf b;
static char text[LIMIT_NAME_BYTES + 1];

static void setup(void)
{
	buf_init(&b, 64 << 20);
	memset(text, 't', sizeof(text));
}

static void teardown(void)
{
	buf_release(&b);
}

START_TEST(bundle)
{
	struct lease_entry e[2] = {{7, 1, 0}, {task_id(9, 9), UINT32_MAX, LEASE_REVOKED}};
	struct lease_bundle out;
	const char *why = NULL;

	lease_bundle_encode(&b, 3, 4, e, 2);
	ck_assert(lease_bundle_decode(buf_slice(&b), &out, &why));
	ck_assert(out.worker == 3 && out.issued_us == 4 && out.count == 2);
	ck_assert_uint_eq(lease_bundle_entry(&out, 0).id, 7);
	ck_assert_uint_eq(lease_bundle_entry(&out, 1).id, task_id(9, 9));
	ck_assert_uint_eq(lease_bundle_entry(&out, 1).generation, UINT32_MAX);
	ck_assert_uint_eq(lease_bundle_entry(&out, 1).flags, LEASE_REVOKED);
}
END_TEST

static const char *bundle_refusal(size_t bytes)
{
	struct lease_bundle out;
	const char *why = NULL;
	void *entries = calloc(1, bytes + 1);

	ck_assert_ptr_nonnull(entries);
	buf_clear(&b);
	pack_array(&b, 4);
	pack_u64(&b, 1);
	pack_u64(&b, 3);
	pack_u64(&b, 4);
	pack_bin(&b, slice_of(entries, bytes));
	free(entries);
	return lease_bundle_decode(buf_slice(&b), &out, &why) ? NULL : why;
}

START_TEST(bundle_limits)
{
	ck_assert_ptr_nonnull(bundle_refusal(0));
	ck_assert_ptr_nonnull(bundle_refusal(17));
	ck_assert_ptr_null(bundle_refusal((size_t)LIMIT_CREDIT * 16));
	ck_assert_str_eq(bundle_refusal((size_t)LIMIT_CREDIT * 16 + 16), LIMIT_TEXT(CREDIT));
}
END_TEST

START_TEST(session)
{
	struct session_record out, r = {
					   .token = "123456789012345",
					   .incarnation = 1,
					   .user = 2,
					   .name = slice_of(text, LIMIT_NAME_BYTES),
					   .ttl_ms = 3,
					   .last_seq = 4,
					   .closing = true,
					   .created_us = 5,
				   };
	const char *why = NULL;

	session_record_encode(&b, &r);
	ck_assert(session_record_decode(buf_slice(&b), &out, &why));
	ck_assert(memcmp(out.token, r.token, TOKEN_BYTES) == 0 && out.incarnation == 1);
	ck_assert(out.user == 2 && slice_eq(out.name, r.name) && out.ttl_ms == 3);
	ck_assert(out.last_seq == 4 && out.closing && out.created_us == 5 && out.parent == 0);
	r.parent = 6;
	r.parent_fence = (struct fence){7, 8};
	buf_clear(&b);
	session_record_encode(&b, &r);
	ck_assert(session_record_decode(buf_slice(&b), &out, &why));
	ck_assert(out.parent == 6 && fence_eq(out.parent_fence, r.parent_fence));
	r.name = slice_of(text, LIMIT_NAME_BYTES + 1);
	buf_clear(&b);
	session_record_encode(&b, &r);
	ck_assert(!session_record_decode(buf_slice(&b), &out, &why));
	ck_assert_str_eq(why, LIMIT_TEXT(NAME_BYTES));
}
END_TEST

START_TEST(worker_and_user)
{
	struct worker_record w = {.uuid = "123456789012345", .user = 7}, w2;
	struct user_record u = {.uid = 1000}, u2;
	const char *why = NULL;

	w.name = u.name = slice_of(text, LIMIT_NAME_BYTES);
	w.instance = slice_of(text, WORKER_INSTANCE_BYTES);
	w.address = slice_str("unix:/tmp/w1.sock");
	worker_record_encode(&b, &w);
	ck_assert(worker_record_decode(buf_slice(&b), &w2, &why));
	ck_assert(memcmp(w.uuid, w2.uuid, WORKER_UUID_BYTES) == 0 && w2.user == 7);
	ck_assert(slice_eq(w.name, w2.name) && slice_eq(w.instance, w2.instance) &&
		  slice_eq(w.address, w2.address));
	w.name.n++;
	buf_clear(&b);
	worker_record_encode(&b, &w);
	ck_assert(!worker_record_decode(buf_slice(&b), &w2, &why));
	ck_assert_str_eq(why, LIMIT_TEXT(NAME_BYTES));
	buf_clear(&b);
	user_record_encode(&b, &u);
	ck_assert(user_record_decode(buf_slice(&b), &u2, &why));
	ck_assert(slice_eq(u.name, u2.name) && u2.uid == 1000);
	u.name.n++;
	buf_clear(&b);
	user_record_encode(&b, &u);
	ck_assert(!user_record_decode(buf_slice(&b), &u2, &why));
	ck_assert_str_eq(why, LIMIT_TEXT(NAME_BYTES));
}
END_TEST

START_TEST(reply_hold_counters)
{
	struct reply_record r = {.code = 8, .text = slice_str("no"), .data = slice_str("\x2a")}, r2;
	struct counters c = {1, 2, 3, 4, 5, 6, 7, 8}, c2;
	const char *why = NULL;

	reply_record_encode(&b, &r);
	ck_assert(reply_record_decode(buf_slice(&b), &r2, &why));
	ck_assert(r2.code == 8 && slice_eq_str(r2.text, "no") && slice_eq_str(r2.data, "\x2a"));
	buf_clear(&b);
	hold_record_encode(&b);
	ck_assert(hold_record_decode(buf_slice(&b), &why));
	buf_clear(&b);
	counters_encode(&b, &c);
	ck_assert(counters_decode(buf_slice(&b), &c2, &why));
	ck_assert(c2.order == 1 && c2.finish_seq == 2 && c2.next_session == 3);
	ck_assert(c2.next_worker == 4 && c2.next_user == 5 && c2.next_work == 6);
	ck_assert(c2.next_thing == 7 && c2.versions == 8);
	/* as the first version wrote them */
	ck_assert(counters_decode(slice_of("\x97\x01\x01\x02\x03\x04\x05\x06", 8), &c2, &why));
	ck_assert(c2.next_work == 6 && c2.next_thing == 1 && c2.versions == 0);
}
END_TEST

START_TEST(gone)
{
	struct gone_record set = {.bits = 100}, out;
	const char *why = NULL;

	bitmap_set(set.gone, 0);
	bitmap_set(set.gone, 99);
	bitmap_set(set.released, 64);
	gone_record_encode(&b, &set);
	ck_assert_uint_lt(b.n, 40);
	ck_assert(gone_record_decode(buf_slice(&b), &out, &why));
	ck_assert(memcmp(set.gone, out.gone, sizeof(set.gone)) == 0);
	ck_assert(memcmp(set.released, out.released, sizeof(set.gone)) == 0);
	ck_assert_uint_eq(out.kept.n, 0);
	memset(set.gone, 0xff, sizeof(set.gone));
	memset(set.released, 0xff, sizeof(set.gone));
	set.bits = GONE_CHUNK;
	buf_clear(&b);
	gone_record_encode(&b, &set);
	ck_assert(gone_record_decode(buf_slice(&b), &out, &why));
	ck_assert(memcmp(set.gone, out.gone, sizeof(set.gone)) == 0);
	ck_assert(memcmp(set.released, out.released, sizeof(set.gone)) == 0);
	buf_clear(&b);
	pack_array(&b, 3);
	pack_u64(&b, 1);
	pack_bin(&b, slice_of(set.gone, 513));
	pack_bin(&b, slice_empty());
	ck_assert(!gone_record_decode(buf_slice(&b), &out, &why));
}
END_TEST

/* A record with these runs comes back, or is refused. */
static bool kept_runs(const struct keep_run *runs, uint32_t n)
{
	struct gone_record set = {.bits = GONE_CHUNK}, out;
	const char *why = NULL;
	struct buf kept;
	bool ok;

	buf_init(&kept, 4096);
	for (uint32_t i = 0; i < n; i++)
		keep_run_put(&kept, runs[i]);
	set.kept = buf_slice(&kept);
	buf_clear(&b);
	gone_record_encode(&b, &set);
	ok = gone_record_decode(buf_slice(&b), &out, &why);
	for (uint32_t i = 0; ok && i < n; i++) {
		struct keep_run r;

		ck_assert(keep_run_next(&out.kept, &r));
		ck_assert(r.at == runs[i].at && r.n == runs[i].n && r.since == runs[i].since);
	}
	ck_assert(!ok || !out.kept.n);
	buf_release(&kept);
	return ok;
}

START_TEST(gone_and_kept)
{
	ck_assert(kept_runs((struct keep_run[]){{0, 1, 7}, {1, 2, 8}, {4095, 1, UINT32_MAX}}, 3));
	ck_assert(kept_runs((struct keep_run[]){{0, GONE_CHUNK, 1}}, 1));
	ck_assert(!kept_runs((struct keep_run[]){{1, GONE_CHUNK, 1}}, 1));
	ck_assert(!kept_runs((struct keep_run[]){{0, 2, 1}, {1, 1, 2}}, 2));
	ck_assert(!kept_runs((struct keep_run[]){{0, 0, 1}}, 1));
	ck_assert(!kept_runs((struct keep_run[]){{0, 1, 0}}, 1));
}
END_TEST

static const char *runs_refusal(void)
{
	struct runs_reader r;
	const char *why = NULL;

	return runs_reader_init(&r, buf_slice(&b), &why) ? NULL : why;
}

static const char *run_refusal(uint64_t first, uint64_t count)
{
	buf_clear(&b);
	runs_encode(&b, &(struct run){first, count}, 1);
	return runs_refusal();
}

static void many_runs(uint32_t n)
{
	buf_clear(&b);
	pack_array(&b, 2 * n);
	for (uint32_t i = 0; i < n; i++) {
		pack_u64(&b, task_id(1, i + 1));
		pack_u64(&b, 1);
	}
}

START_TEST(runs)
{
	ck_assert_ptr_null(run_refusal(task_id(1, 1), UINT32_MAX));
	ck_assert_ptr_nonnull(run_refusal(task_id(1, 2), UINT32_MAX));
	ck_assert_ptr_nonnull(run_refusal(task_id(1, 1), UINT64_MAX));
	ck_assert_ptr_nonnull(run_refusal(task_id(1, 1), 0));
	ck_assert_ptr_nonnull(run_refusal(task_id(1, 0), 1));
	ck_assert_ptr_nonnull(run_refusal(task_id(0, 1), 1));
	buf_clear(&b);
	pack_array(&b, 1);
	pack_u64(&b, task_id(1, 1));
	ck_assert_ptr_nonnull(runs_refusal());
	buf_clear(&b);
	ck_assert_ptr_nonnull(runs_refusal());
	many_runs(LIMIT_RUNS);
	ck_assert_ptr_null(runs_refusal());
	many_runs(LIMIT_RUNS + 1);
	ck_assert_str_eq(runs_refusal(), LIMIT_TEXT(RUNS));
}
END_TEST

START_TEST(work)
{
	struct work_record w, out;
	struct runs_reader r;
	struct run run;
	struct buf list;
	const char *why = NULL;

	buf_init(&list, 4096);
	runs_encode(&list, &(struct run){task_id(1, 1), 9}, 1);
	w = (struct work_record){.kind = WORK_CANCEL, .session = 3, .runs = buf_slice(&list)};
	work_record_encode(&b, &w);
	ck_assert(work_record_decode(buf_slice(&b), &out, &why));
	ck_assert(out.kind == WORK_CANCEL && out.session == 3);
	ck_assert(runs_reader_init(&r, out.runs, &why) && runs_reader_next(&r, &run));
	ck_assert(run.first == task_id(1, 1) && run.count == 9 && !runs_reader_next(&r, &run));
	w.runs = slice_str("\x91\x01");
	buf_clear(&b);
	work_record_encode(&b, &w);
	ck_assert(!work_record_decode(buf_slice(&b), &out, &why));
	buf_release(&list);
}
END_TEST

START_TEST(stage)
{
	struct stage_record r = {.number = 3, .tasks = 9, .bytes = 70}, out;
	const char *why = NULL;

	stage_record_encode(&b, &r);
	ck_assert(stage_record_decode(buf_slice(&b), &out, &why));
	ck_assert(out.number == 3 && out.tasks == 9 && out.bytes == 70 && out.detach.n == 0);
	buf_clear(&b);
	r.detach = slice_of("12345678abcdefgh", 16);
	stage_record_encode(&b, &r);
	ck_assert(stage_record_decode(buf_slice(&b), &out, &why));
	ck_assert(slice_eq(out.detach, r.detach));
	buf_clear(&b);
	r.detach.n = 9;
	stage_record_encode(&b, &r);
	ck_assert(!stage_record_decode(buf_slice(&b), &out, &why));
	ck_assert_str_eq(why, "stage: an id is cut");
}
END_TEST

TCase *case_record(void)
{
	TCase *tc = tcase_create("record");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, bundle);
	tcase_add_test(tc, bundle_limits);
	tcase_add_test(tc, session);
	tcase_add_test(tc, worker_and_user);
	tcase_add_test(tc, reply_hold_counters);
	tcase_add_test(tc, gone);
	tcase_add_test(tc, gone_and_kept);
	tcase_add_test(tc, runs);
	tcase_add_test(tc, work);
	tcase_add_test(tc, stage);
	return tc;
}
