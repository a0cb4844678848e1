/*
 * The decoders of model/: records of the store and what travels inside messages. Bodies, specs and
 * values are in value_targets.c, what is shared by name in thing_targets.c.
 */
#include "targets.h"
#include "thing_targets.h"
#include "value_targets.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/block.h"
#include "model/limits.h"
#include "model/past.h"
#include "model/record.h"
#include "model/row.h"

#define MAX_BYTES (64 << 20)

/* A record with a decoder into one struct and an encoder of it. */
#define RECORD_TARGET(name)                                                                        \
	static bool run_##name(struct slice in)                                                    \
	{                                                                                          \
		struct name v;                                                                     \
		struct buf first, second;                                                          \
		const char *why = NULL;                                                            \
                                                                                                   \
		if (!name##_decode(in, &v, &why)) {                                                \
			ensure(why &&*why);                                                        \
			return false;                                                              \
		}                                                                                  \
		buf_init(&first, MAX_BYTES);                                                       \
		buf_init(&second, MAX_BYTES);                                                      \
		name##_encode(&first, &v);                                                         \
		ensure(name##_decode(buf_slice(&first), &v, &why));                                \
		name##_encode(&second, &v);                                                        \
		targets_same(&first, &second);                                                     \
		buf_release(&first);                                                               \
		buf_release(&second);                                                              \
		return true;                                                                       \
	}

RECORD_TARGET(block_record)
RECORD_TARGET(task_row)
RECORD_TARGET(session_record)
RECORD_TARGET(worker_record)
RECORD_TARGET(user_record)
RECORD_TARGET(reply_record)
RECORD_TARGET(work_record)
RECORD_TARGET(amend_record)
RECORD_TARGET(stage_record)
RECORD_TARGET(counters)

static bool run_outcome(struct slice in)
{
	struct outcome v;
	struct buf first, second;
	const char *why = NULL;

	if (!outcome_decode(in, &v, &why)) {
		ensure(why && *why);
		return false;
	}
	buf_init(&first, MAX_BYTES);
	buf_init(&second, MAX_BYTES);
	outcome_encode(&first, &v);
	ensure(outcome_decode(buf_slice(&first), &v, &why));
	outcome_encode(&second, &v);
	targets_same(&first, &second);
	buf_clear(&second);
	ensure(outcome_copy_short(&second, buf_slice(&first), 16));
	ensure(outcome_decode(buf_slice(&second), &v, &why));
	ensure(!v.is_inline || v.bytes.n <= 16);
	buf_release(&first);
	buf_release(&second);
	return true;
}

static bool run_past(struct slice in)
{
	struct past first, second;
	const char *why = NULL;

	if (slice_is_empty(in))
		return false;
	if (!past_take(&first, in, &why)) {
		ensure(why && *why);
		return false;
	}
	ensure(first.n <= PAST_EVENTS && first.bytes.n <= PAST_BYTES);
	ensure(past_take(&second, buf_slice(&first.bytes), &why));
	ensure(first.n == second.n && first.dropped == second.dropped);
	targets_same(&first.bytes, &second.bytes);
	past_release(&first);
	past_release(&second);
	return true;
}

static bool run_hold_record(struct slice in)
{
	const char *why = NULL;
	bool ok = hold_record_decode(in, &why);

	ensure(ok || (why && *why));
	return ok;
}

static bool run_lease_bundle(struct slice in)
{
	static struct lease_entry entries[LIMIT_CREDIT];
	struct lease_bundle v, again;
	const char *why = NULL;
	struct buf first;

	if (!lease_bundle_decode(in, &v, &why)) {
		ensure(why && *why);
		return false;
	}
	for (uint32_t i = 0; i < v.count; i++)
		entries[i] = lease_bundle_entry(&v, i);
	buf_init(&first, MAX_BYTES);
	lease_bundle_encode(&first, v.worker, v.issued_us, entries, v.count);
	ensure(lease_bundle_decode(buf_slice(&first), &again, &why));
	ensure(again.worker == v.worker && again.issued_us == v.issued_us);
	ensure(slice_eq(again.entries, v.entries));
	buf_release(&first);
	return true;
}

static bool run_gone_record(struct slice in)
{
	struct gone_record r, again;
	const char *why = NULL;
	struct buf first;

	if (!gone_record_decode(in, &r, &why)) {
		ensure(why && *why);
		return false;
	}
	buf_init(&first, MAX_BYTES);
	gone_record_encode(&first, &r);
	ensure(gone_record_decode(buf_slice(&first), &again, &why));
	ensure(memcmp(r.gone, again.gone, sizeof(r.gone)) == 0);
	ensure(memcmp(r.released, again.released, sizeof(r.gone)) == 0);
	ensure(slice_eq(r.kept, again.kept));
	buf_release(&first);
	return true;
}

static bool run_runs(struct slice in)
{
	static struct run runs[LIMIT_RUNS];
	struct runs_reader r;
	const char *why = NULL;
	struct buf first, second;
	struct run run;
	uint32_t n = 0;

	if (!runs_reader_init(&r, in, &why)) {
		ensure(why && *why);
		return false;
	}
	while (runs_reader_next(&r, &run))
		runs[n++] = run;
	ensure(r.left == 0);
	buf_init(&first, MAX_BYTES);
	buf_init(&second, MAX_BYTES);
	runs_encode(&first, runs, n);
	ensure(runs_reader_init(&r, buf_slice(&first), &why));
	for (n = 0; runs_reader_next(&r, &run); n++)
		ensure(run.first == runs[n].first && run.count == runs[n].count);
	runs_encode(&second, runs, n);
	targets_same(&first, &second);
	buf_release(&first);
	buf_release(&second);
	return true;
}

/* --- samples --- */

static void sample_block_record(struct buf *out, unsigned i)
{
	struct block_record r = {
		.first = task_id(5, 17),
		.count = i == 0 ? 3 : 70000,
		.flags = i == 0 ? 0 : BLOCK_ARRAY,
		.session = 5,
		.seq = 9,
		.user = 1,
		.order = 1234,
		.submitted_us = 1769860800123456,
		.ns = slice_str(i == 0 ? "" : "alice"),
		.deps = i == 0 ? slice_of("\1\0\0\0\5\0\0\0\2\0\0\0\5\0\0\0", 16) : slice_empty(),
		.body = slice_str("the client's bytes, as they came"),
	};

	block_record_encode(out, &r);
}

static void sample_outcome(struct buf *out, unsigned i)
{
	struct outcome o = {.state = TASK_DONE, .started_us = 1769860800123456, .run_us = 1500};

	switch (i) {
	case 0:
		o.has_value = o.is_inline = true;
		o.type = slice_str("msgpack");
		o.bytes = slice_str("\xa5hello, and seventeen more");
		o.size = o.bytes.n;
		o.checksum = 0x1122334455667788;
		break;
	case 1:
		o.has_value = true;
		o.type = slice_str("bytes");
		o.size = 3000000000;
		o.nframes = 2;
		o.frames = slice_of("\x92\xce\x80\x00\x00\x00\xce\x32\xd0\x5e\x00", 11);
		o.checksum = 7;
		o.peak_bytes = 1 << 20;
		o.user_us = 1200;
		o.system_us = 300;
		break;
	case 2:
		o.state = TASK_FAILED;
		o.cause = CAUSE_EXIT;
		o.message = slice_str("exit status 3");
		o.has_exit = true;
		o.exit_status = 3;
		o.stderr_tail = slice_str("no such file\n");
		break;
	case 3:
		o.state = TASK_FAILED;
		o.cause = CAUSE_DEPENDENCY;
		o.started_us = o.run_us = 0;
		o.blame = task_id(5, 16);
		o.signal = -1;
		break;
	default:
		o.state = TASK_CANCELLED;
		o.cause = CAUSE_CANCELLED;
		o.signal = 15;
	}
	outcome_encode(out, &o);
}

static void sample_past(struct buf *out, unsigned i)
{
	struct past p;
	struct past_event failed = {.kind = PAST_FAILED,
		.time_us = 1769860800223456,
		.worker = slice_str("node7-1"),
		.started_us = 1769860800123456,
		.cause = CAUSE_EXIT,
		.has_exit = true,
		.exit_status = -3,
		.signal = 9,
		.peak_bytes = 1 << 20,
		.message = slice_str("exit status 3")};
	struct past_event retried = {.kind = PAST_RETRIED, .time_us = 1769860900000000, .arg = -1};

	past_init(&p);
	for (unsigned k = 0; k <= i; k++)
		past_append(&p, k ? &retried : &failed);
	buf_append_slice(out, buf_slice(&p.bytes));
	past_release(&p);
}

static void sample_task_row(struct buf *out, unsigned i)
{
	struct buf outcome, past;
	struct task_row r = {
		.state = i == 0   ? TASK_DONE
			 : i == 1 ? TASK_FAILED
			 : i == 4 ? TASK_CANCELLING
				  : TASK_LEASED,
		.generation = i,
		.attempts = 1 + i,
		.deaths = i,
		.finish_seq = i >= 2 ? 0 : 88,
		.finished_us = i >= 2 ? 0 : 1769860801000000,
		.nholders = i == 0 ? 2 : 0,
		.holders = {4, 70000},
		.failures = i == 3 ? 2 : 0,
		.due_us = i == 3 ? 1769860802000000 : 0,
		.stop = i == 4 ? CAUSE_DEADLINE : CAUSE_NONE,
	};

	buf_init(&outcome, OUTCOME_MAX_BYTES);
	buf_init(&past, 2 * PAST_BYTES);
	if (i < 2)
		sample_outcome(&outcome, i + 1);
	r.outcome = buf_slice(&outcome);
	if (i == 1)
		sample_past(&past, 0);
	r.past = buf_slice(&past);
	if (i < 2)
		r.worker = slice_str("node7-1");
	r.has_priority = i == 2;
	r.priority = i == 2 ? -7 : 0;
	task_row_encode(out, &r);
	buf_release(&outcome);
	buf_release(&past);
}

static void sample_lease_bundle(struct buf *out, unsigned i)
{
	struct lease_entry e[3] = {
		{task_id(5, 17), 0, 0},
		{task_id(5, 18), 2, LEASE_REMAKE},
		{task_id(6, 1), 0, LEASE_REVOKED},
	};

	lease_bundle_encode(out, 3, 1769860800123456, e, i == 0 ? 1 : 3);
}

static void sample_session_record(struct buf *out, unsigned i)
{
	struct session_record r = {
		.token = "0123456789abcde",
		.incarnation = 2,
		.user = 1,
		.name = slice_str(i == 0 ? "" : "nightly"),
		.ttl_ms = 60000,
		.last_seq = 300,
		.closing = i != 0,
		.created_us = 1769860800123456,
	};

	session_record_encode(out, &r);
}

static void sample_worker_record(struct buf *out, unsigned i)
{
	struct worker_record r = {
		.uuid = "0123456789abcde",
		.name = slice_str("node7-1"),
		.user = i,
		.instance = slice_str(i == 0 ? "" : "fedcba9876543210"),
	};

	worker_record_encode(out, &r);
}

static void sample_user_record(struct buf *out, unsigned i)
{
	struct user_record r = {.name = slice_str("alice"), .uid = 1000 + i};

	user_record_encode(out, &r);
}

static void sample_reply_record(struct buf *out, unsigned i)
{
	struct reply_record r = {
		.code = i == 0 ? 8 : 0,
		.text = slice_str(i == 0 ? "conflict: key job has another spec" : ""),
		.data = i == 0 ? slice_empty() : slice_of("\x92\x01\x02", 3),
	};

	reply_record_encode(out, &r);
}

static void sample_hold_record(struct buf *out, unsigned i)
{
	(void)i;
	hold_record_encode(out);
}

static void sample_runs(struct buf *out, unsigned i)
{
	struct run runs[3] = {{task_id(5, 1), 1}, {task_id(5, 17), 4000}, {task_id(9, 5), 2}};

	runs_encode(out, runs, i == 0 ? 0 : 3);
}

static void sample_work_record(struct buf *out, unsigned i)
{
	struct buf runs;
	struct work_record r = {.kind = i ? WORK_PRIORITY : WORK_CANCEL, .session = 5};

	r.arg = i ? -3 : 0;
	r.user = 1;

	buf_init(&runs, MAX_BYTES);
	sample_runs(&runs, i);
	r.runs = buf_slice(&runs);
	work_record_encode(out, &r);
	buf_release(&runs);
}

static void sample_stage_record(struct buf *out, unsigned i)
{
	struct stage_record r = {.number = 7, .tasks = 4096, .bytes = 1 << 20};

	if (i)
		r.detach = slice_of("\1\0\0\0\5\0\0\0", 8);
	stage_record_encode(out, &r);
}

static void sample_amend_record(struct buf *out, unsigned i)
{
	amend_record_encode(
		out, &(struct amend_record){.has_priority = i != 0, .priority = i ? -7 : 0});
}

static void sample_counters(struct buf *out, unsigned i)
{
	struct counters c = {
		.order = 1234,
		.finish_seq = (uint64_t)i << 40,
		.next_session = 6,
		.next_worker = 4,
		.next_user = 2,
		.next_work = 1,
		.next_thing = 9,
		.versions = 4,
	};

	counters_encode(out, &c);
}

static void sample_gone_record(struct buf *out, unsigned i)
{
	struct gone_record r = {.bits = i == 0 ? 75 : GONE_CHUNK,
		.gone = {0x8000000000000001, 0xff},
		.released = {0x2, 0x100}};
	uint8_t runs[2 * KEEP_RUN_BYTES] = {
		9, 0, 1, 0, 1, 2, 3, 4, 10, 0, 0, 1, 255, 255, 255, 255};

	r.kept = slice_of(runs, i < 2 ? 0 : sizeof(runs));
	gone_record_encode(out, &r);
}

#define TARGET(name, count)                                                                        \
	{                                                                                          \
#name, run_##name, sample_##name, count, false                                     \
	}

const struct target model_targets[] = {
	TARGET(block_record, 2),
	TARGET(outcome, 5),
	TARGET(past, 2),
	TARGET(task_row, 5),
	TARGET(lease_bundle, 2),
	TARGET(session_record, 2),
	TARGET(worker_record, 2),
	TARGET(user_record, 1),
	TARGET(reply_record, 2),
	TARGET(hold_record, 1),
	TARGET(work_record, 2),
	TARGET(amend_record, 2),
	TARGET(stage_record, 2),
	TARGET(counters, 2),
	TARGET(gone_record, 3),
	TARGET(runs, 2),
	TARGET(spec, 3),
	{"body", run_body, sample_body, 2, true},
	TARGET(array_body, 2),
	TARGET(value, 3),
	TARGET(word, 3),
	{"key", run_key, sample_key, 6, true},
	TARGET(content, 2),
	TARGET(thing_record, 7),
	TARGET(entry_record, 2),
	TARGET(item_record, 2),
	TARGET(delivery_record, 2),
	TARGET(grant_record, 2),
	TARGET(deal, 6),
};
const unsigned model_target_count = sizeof(model_targets) / sizeof(model_targets[0]);
