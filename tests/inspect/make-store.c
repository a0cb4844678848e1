/*
 * Makes stores for tests of dq-inspect: a sound one with a bit of everything, or the same with one
 * thing wrong.
 *
 *	make-store DIR [FAULT]	makes it; without a fault `dq-inspect check` must find nothing
 *	make-store --list	lines of "FAULT<tab>a part of what check must say"
 *	make-store --serve DIR	has it open as a scheduler has, until stdin ends; prints `ready`
 *	make-store --damage DIR SEED	overwrites some of its bytes
 *
 * The sound store: user 0; workers 1, 2; sessions 1 (open), 2 (gone: what it left is detached).
 * Session 1: 1.1 "a" done, inline; 1.2 "b" after a, done, value on worker 1; 1.3 "c" after a and b,
 * leased to worker 1; 1.4 after c, waiting; 1.5 failed; 1.6 "d" after 1.5, doomed; 1.7 ready; 1.8
 * cancelled, held by session 3 alone; an array "e" of 5,000 at 1.100, most of the first 3,000 gone;
 * session 2: 2.1 "f" detached, done. Session 3 is closing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#include "model/block.h"
#include "model/entry.h"
#include "model/record.h"
#include "model/row.h"
#include "model/thing.h"
#include "store/store.h"

#define ARRAY_FIRST 100
#define ARRAY_COUNT 5000

static struct batch batch;
static struct counters counters = {.order = 3,
	.finish_seq = 7,
	.next_session = 4,
	.next_worker = 3,
	.next_user = 1,
	.next_work = 2,
	.next_thing = 5};

static uint64_t id(uint32_t session, uint32_t n)
{
	return task_id(session, n);
}

/* --- The records --- */

struct entry {
	const char *key;
	bool detached;
	uint32_t ndeps;
	uint64_t deps[2];
};

static void put_block(uint32_t session, uint32_t n, uint64_t count, uint32_t flags, uint64_t order,
	const struct entry *entries, uint32_t nentries)
{
	struct buf body, deps, spec;
	struct block_record r = {.first = id(session, n),
		.count = count,
		.flags = flags,
		.session = session,
		.seq = order,
		.order = order,
		.submitted_us = 1763832000000000,
		.ns = slice_str("anna")};

	buf_init(&body, 1 << 20);
	buf_init(&deps, 1 << 20);
	buf_init(&spec, 1 << 20);
	spec_encode_func(&spec, slice_str("double"), slice_empty());
	for (uint32_t i = 0; i < nentries; i++) {
		struct block_entry e = {.key = slice_str(entries[i].key),
			.ndeps = entries[i].ndeps,
			.detached = entries[i].detached,
			.spec = buf_slice(&spec)};
		struct dep_ref refs[2];

		for (uint32_t d = 0; d < e.ndeps; d++) {
			refs[d] = (struct dep_ref){.id = entries[i].deps[d]};
			for (int b = 0; b < 64; b += 8)
				buf_append_byte(&deps, (uint8_t)(entries[i].deps[d] >> b));
		}
		block_entry_encode(&body, &e, refs, NULL);
	}
	if (flags & BLOCK_ARRAY)
		buf_append_byte(&body, 0xc0);
	r.body = buf_slice(&body);
	r.deps = buf_slice(&deps);
	block_record_encode(batch_put_begin(&batch, TABLE_BLOCK, key_block(r.first)), &r);
	batch_put_end(&batch);
	buf_release(&spec);
	buf_release(&deps);
	buf_release(&body);
}

static void put_row(uint64_t task, enum task_state state, uint32_t attempts, uint64_t finish_seq,
	uint32_t holder)
{
	struct outcome o = {.state = state, .type = slice_str("msgpack")};
	struct task_row r = {.state = state,
		.attempts = attempts,
		.finish_seq = finish_seq,
		.finished_us = finish_seq ? 1763832001000000 : 0,
		.nholders = holder ? 1 : 0,
		.holders = {holder}};
	struct buf outcome;

	buf_init(&outcome, 1 << 16);
	o.started_us = attempts ? 1763832000500000 : 0;
	o.has_value = state == TASK_DONE;
	o.is_inline = o.has_value && !holder;
	o.bytes = o.is_inline ? slice_of("\x07", 1) : slice_empty();
	o.size = holder ? 100000 : 1;
	o.cause = state == TASK_FAILED      ? CAUSE_ERROR
		  : state == TASK_CANCELLED ? CAUSE_CANCELLED
					    : CAUSE_NONE;
	o.message = state == TASK_FAILED ? slice_str("no luck") : slice_empty();
	if (task_state_is_final(state))
		outcome_encode(&outcome, &o);
	r.outcome = buf_slice(&outcome);
	task_row_encode(batch_put_begin(&batch, TABLE_TASK, key_task(task, 0)), &r);
	batch_put_end(&batch);
	buf_release(&outcome);
}

static void put_bundle(uint64_t epoch, uint64_t seq, uint32_t worker,
	const struct lease_entry *entries, uint32_t n)
{
	lease_bundle_encode(batch_put_begin(&batch, TABLE_LEASE, key_lease(epoch, seq)), worker,
		1763832000600000, entries, n);
	batch_put_end(&batch);
}

static void put_session(uint32_t number, uint64_t last_seq, uint32_t next_n, bool closing)
{
	struct session_record r = {.incarnation = 1,
		.ttl_ms = 600000,
		.last_seq = last_seq,
		.next_n = next_n,
		.closing = closing,
		.created_us = 1763832000000000};

	session_record_encode(batch_put_begin(&batch, TABLE_SESSION, key_session(number)), &r);
	batch_put_end(&batch);
}

static void put_worker(uint32_t number, uint8_t identity, const char *name)
{
	struct worker_record r = {.uuid = {identity}, .name = slice_str(name)};

	worker_record_encode(batch_put_begin(&batch, TABLE_WORKER, key_worker(number)), &r);
	batch_put_end(&batch);
}

static void put_gone(uint64_t first, uint32_t from, uint32_t to, uint32_t released)
{
	struct gone_record r = {.bits = GONE_CHUNK};

	for (uint32_t i = from; i < to; i++)
		r.gone[i / 64] |= 1ull << (i % 64);
	if (released != UINT32_MAX)
		r.released[released / 64] |= 1ull << (released % 64);
	gone_record_encode(batch_put_begin(&batch, TABLE_GONE, key_gone(first)), &r);
	batch_put_end(&batch);
}

static void put_hold(uint32_t session, uint64_t task)
{
	hold_record_encode(batch_put_begin(&batch, TABLE_HOLD, key_hold(session, task)));
	batch_put_end(&batch);
}

static void put_variable(uint64_t number, const char *name, uint64_t task)
{
	struct thing_record r = {.kind = THING_VARIABLE,
		.ns = slice_str("anna"),
		.name = slice_str(name),
		.created_us = 1};

	r.variable.version = 1;
	r.variable.task = task;
	/* ["msgpack", 42] */
	if (!task)
		r.variable.content = slice_of("\x92\xa7msgpack\xc4\x01\x2a", 12);
	thing_record_encode(batch_put_begin(&batch, TABLE_THING, key_thing(number)), &r);
	batch_put_end(&batch);
}

/* A claim on the lock "l". */
static void put_claim(uint64_t number, uint32_t session)
{
	struct thing_record r = {.kind = THING_LOCK,
		.ns = slice_str("anna"),
		.name = slice_str("l"),
		.created_us = 1};

	r.claim.session = session;
	r.claim.lease_us = 30000000;
	r.claim.parts = slice_of("\x91\x93\xa6"
				 "anna/l"
				 "\x01\x01",
		11);
	thing_record_encode(batch_put_begin(&batch, TABLE_THING, key_thing(number)), &r);
	batch_put_end(&batch);
}

static void put_entry(uint64_t number, uint64_t cursor)
{
	struct entry_record r = {
		.published_us = 1, .content = slice_of("\x92\xa7msgpack\xc4\x01\x2a", 12)};

	entry_record_encode(batch_put_begin(&batch, TABLE_ENTRY, key_entry(number, cursor)), &r);
	batch_put_end(&batch);
}

/* Entries 3 and 4 are kept, 2 is on its way out. */
static void put_topic(uint64_t number)
{
	struct thing_record r = {.kind = THING_TOPIC,
		.ns = slice_str("anna"),
		.name = slice_str("news"),
		.created_us = 1,
		.topic = {.max_entries = 2, .gone_to = 2, .first = 3, .next = 5}};

	thing_record_encode(batch_put_begin(&batch, TABLE_THING, key_thing(number)), &r);
	batch_put_end(&batch);
	for (uint64_t cursor = 2; cursor < 5; cursor++)
		put_entry(number, cursor);
}

static void put_dataset(uint64_t number, uint64_t task)
{
	struct run run = {task, 1};
	struct buf runs;
	struct thing_record r = {.kind = THING_DATASET,
		.ns = slice_str("anna"),
		.name = slice_str("best"),
		.created_us = 1};

	buf_init(&runs, 1 << 16);
	runs_encode(&runs, &run, 1);
	r.dataset.runs = buf_slice(&runs);
	thing_record_encode(batch_put_begin(&batch, TABLE_THING, key_thing(number)), &r);
	batch_put_end(&batch);
	buf_release(&runs);
}

static void put_reply(uint32_t session, uint64_t seq)
{
	struct reply_record r = {.code = 8, .text = slice_str("another spec")};

	reply_record_encode(batch_put_begin(&batch, TABLE_REPLY, key_reply(session, seq)), &r);
	batch_put_end(&batch);
}

static void put_counters(void)
{
	counters_encode(batch_put_begin(&batch, TABLE_META, key_meta(META_COUNTERS)), &counters);
	batch_put_end(&batch);
}

/* --- The sound store --- */

static const struct entry first_block[] = {
	{.key = "a"},
	{.key = "b", .ndeps = 1, .deps = {4294967297}},
	{.key = "c", .ndeps = 2, .deps = {4294967297, 4294967298}},
	{.ndeps = 1, .deps = {4294967299}},
	{.key = NULL},
	{.key = "d", .ndeps = 1, .deps = {4294967301}},
	{.key = NULL},
	{.key = NULL},
};
static const struct entry array_entry = {.key = "e"};
static const struct entry detached_entry = {.key = "f", .detached = true};

static void put_sound(void)
{
	struct user_record user = {.name = slice_str("anna"), .uid = 1000};
	struct lease_entry lease = {.id = id(1, 3)};
	struct lease_entry lost[2] = {{.id = id(1, 3), .flags = LEASE_REVOKED}, {.id = id(1, 2)}};

	user_record_encode(batch_put_begin(&batch, TABLE_USER, key_user(0)), &user);
	batch_put_end(&batch);
	put_worker(1, 1, "one");
	put_worker(2, 2, "two");
	put_session(1, 3, ARRAY_FIRST + ARRAY_COUNT, false);
	put_session(3, 0, 1, true);
	put_block(1, 1, 8, 0, 1, first_block, 8);
	put_block(1, ARRAY_FIRST, ARRAY_COUNT, BLOCK_ARRAY, 2, &array_entry, 1);
	put_block(2, 1, 1, 0, 3, &detached_entry, 1);
	put_gone(id(1, 1), 0, 0, 7);
	put_gone(id(1, ARRAY_FIRST), 0, 3000, UINT32_MAX);
	put_row(id(1, 1), TASK_DONE, 1, 1, 0);
	put_row(id(1, 2), TASK_DONE, 1, 2, 1);
	put_row(id(1, 5), TASK_FAILED, 1, 3, 0);
	put_row(id(1, 8), TASK_CANCELLED, 0, 4, 0);
	put_row(id(2, 1), TASK_DONE, 2, 5, 0);
	put_row(id(1, ARRAY_FIRST + 3000), TASK_DONE, 1, 7, 0);
	put_bundle(1000, 1, 2, lost, 2);
	put_bundle(1000, 7, 1, &lease, 1);
	put_hold(3, id(1, 8));
	put_variable(1, "interval", 0);
	put_variable(2, "best", id(1, 1));
	put_topic(3);
	put_dataset(4, id(1, 1));
	put_reply(1, 3);
	put_counters();
}

/* --- The faults --- */

static void f_block_missing(void)
{
	batch_del(&batch, TABLE_BLOCK, key_block(id(2, 1)));
}
static void f_block_overlap(void)
{
	put_block(1, 8, 1, 0, 3, &detached_entry, 1);
}
static void f_block_count(void)
{
	put_block(1, 1, 9, 0, 1, first_block, 8);
}
static void f_block_order(void)
{
	put_block(2, 1, 1, 0, 2, &detached_entry, 1);
}
static void f_block_session(void)
{
	put_session(1, 3, 200, false);
}
static void f_block_request(void)
{
	put_session(1, 1, ARRAY_FIRST + ARRAY_COUNT, false);
}
static void f_block_garbage(void)
{
	batch_put(&batch, TABLE_BLOCK, key_block(id(2, 1)), slice_str("garbage"));
}
static void f_row_gone(void)
{
	put_row(id(1, ARRAY_FIRST + 5), TASK_DONE, 1, 6, 0);
}
static void f_row_no_attempt(void)
{
	put_row(id(1, 1), TASK_DONE, 0, 1, 0);
}
static void f_row_twice(void)
{
	put_row(id(1, 1), TASK_DONE, 1, 2, 0);
}
static void f_row_counter(void)
{
	put_row(id(1, 1), TASK_DONE, 1, 99, 0);
}
static void f_row_holder(void)
{
	put_row(id(1, 2), TASK_DONE, 1, 2, 9);
}
static void f_row_garbage(void)
{
	batch_put(&batch, TABLE_TASK, key_task(id(1, 1), 0), slice_of("\x91\x07", 2));
}
static void f_gone_past_end(void)
{
	put_gone(id(2, 1), 1, 5, UINT32_MAX);
}
static void f_gone_all(void)
{
	batch_del(&batch, TABLE_TASK, key_task(id(2, 1), 0));
	put_gone(id(2, 1), 0, 1, UINT32_MAX);
}
static void f_gone_stray(void)
{
	put_gone(id(9, 1), 0, 1, UINT32_MAX);
}
static void f_gone_offset(void)
{
	put_gone(id(1, ARRAY_FIRST + 7), 0, 1, UINT32_MAX);
}
static void f_dep_gone(void)
{
	batch_del(&batch, TABLE_TASK, key_task(id(1, 2), 0));
	put_gone(id(1, 1), 1, 2, 7);
}
static void f_dep_unended(void)
{
	batch_del(&batch, TABLE_TASK, key_task(id(1, 1), 0));
}
static void f_lease_early(void)
{
	struct lease_entry lease = {.id = id(1, 4)};

	put_bundle(1000, 20, 1, &lease, 1);
}
static void f_lease_twice(void)
{
	struct lease_entry lease = {.id = id(1, 3)};

	put_bundle(1000, 21, 2, &lease, 1);
}
static void f_lease_worker(void)
{
	struct lease_entry lease = {.id = id(1, 3)};

	put_bundle(1000, 7, 5, &lease, 1);
}
static void f_lease_epoch(void)
{
	struct lease_entry lease = {.id = id(1, 7)};

	put_bundle(UINT64_MAX, 1, 1, &lease, 1);
}
static void f_unheld(void)
{
	batch_del(&batch, TABLE_HOLD, key_hold(3, id(1, 8)));
}
static void f_hold_session(void)
{
	put_hold(2, id(1, 1));
}
static void f_hold_gone(void)
{
	put_hold(1, id(1, ARRAY_FIRST + 1));
}
static void f_dataset_task(void)
{
	put_dataset(4, id(1, ARRAY_FIRST + 1));
}

static void f_entry_gone(void)
{
	batch_del(&batch, TABLE_ENTRY, key_entry(3, 4));
}

static void f_entry_past(void)
{
	put_entry(3, 5);
}

static void f_variable_task(void)
{
	put_variable(2, "best", id(1, ARRAY_FIRST + 1));
}
static void f_thing_twice(void)
{
	put_variable(2, "interval", 0);
}
static void f_claim_session(void)
{
	put_claim(2, 99);
}
static void f_thing_counter(void)
{
	put_variable(7, "late", 0);
}
static void f_reply_session(void)
{
	put_reply(2, 1);
}
static void f_reply_past(void)
{
	put_reply(1, 4);
}
static void f_worker_identity(void)
{
	put_worker(2, 1, "two");
}
static void f_key_twice(void)
{
	static const struct entry entry = {.key = "a", .detached = true};

	put_block(2, 1, 1, 0, 3, &entry, 1);
}
static void f_next_session(void)
{
	counters.next_session = 3;
	put_counters();
}
static void f_next_worker(void)
{
	counters.next_worker = 2;
	put_counters();
}
static void f_order(void)
{
	counters.order = 2;
	put_counters();
}
static void put_stage(uint32_t session, uint64_t first)
{
	struct stage_record r = {.number = 1, .tasks = 8};

	stage_record_encode(batch_put_begin(&batch, TABLE_STAGE, key_stage(session, first)), &r);
	batch_put_end(&batch);
}
static void f_stage_block(void)
{
	put_stage(1, id(1, 50));
}
static void f_stage_session(void)
{
	put_stage(2, 0);
}
static void f_stage_begun(void)
{
	put_stage(1, id(1, 1));
}
static void f_no_counters(void)
{
	batch_del(&batch, TABLE_META, key_meta(META_COUNTERS));
}

static const struct fault {
	const char *name;
	void (*make)(void);
	const char *says;
} faults[] = {
	{"block-missing", f_block_missing, "task 2.1: it has a row, and no block has it"},
	{"block-overlap", f_block_overlap, "overlaps the block before it"},
	{"block-count", f_block_count, "record block 1.1"},
	{"block-order", f_block_order, "the order of a block 2 is there twice"},
	{"block-session", f_block_session, "its session says that 200 is not used yet"},
	{"block-request", f_block_request, "past its session's last"},
	{"block-garbage", f_block_garbage, "record block 2.1"},
	{"row-gone", f_row_gone, "task 1.105: it is gone, its row is not"},
	{"row-no-attempt", f_row_no_attempt, "task 1.1: done without an attempt"},
	{"row-twice", f_row_twice, "the finish_seq 2 is there twice"},
	{"row-counter", f_row_counter, "finish_seq 99 is above the counter"},
	{"row-holder", f_row_holder, "worker 9, which never was"},
	{"row-garbage", f_row_garbage, "record task 1.1"},
	{"gone-past-end", f_gone_past_end, "gone 2.1: a bit is set past the block's end"},
	{"gone-all", f_gone_all, "block 2.1: all its tasks are gone"},
	{"gone-stray", f_gone_stray, "gone 9.1: no block has this task"},
	{"gone-offset", f_gone_offset, "not where a chunk of its block starts"},
	{"dep-gone", f_dep_gone, "task 1.3: leased, and its dependency 1.2 is gone"},
	{"dep-unended", f_dep_unended, "task 1.2: done, and its dependency 1.1 is"},
	{"lease-early", f_lease_early, "task 1.4: leased, and its dependency 1.3 is leased"},
	{"lease-twice", f_lease_twice, "task 1.3: two leases, 1000.7 and 1000.21"},
	{"lease-worker", f_lease_worker, "leased to worker 5, which is not there"},
	{"lease-epoch", f_lease_epoch, "a lease has epoch"},
	{"unheld", f_unheld, "task 1.8: cancelled, and nothing holds it"},
	{"hold-session", f_hold_session, "hold of 1.1: there is no session 2"},
	{"hold-gone", f_hold_gone, "hold of 1.101 by session 1: the task is gone"},
	{"variable-task", f_variable_task, "thing 2: it holds 1.101, which is gone"},
	{"thing-twice", f_thing_twice, "things 1 and 2: the same name"},
	{"claim-session", f_claim_session, "thing 2: there is no session 99"},
	{"thing-counter", f_thing_counter, "counter next_thing is 5, and thing 7 is there"},
	{"dataset-task", f_dataset_task, "thing 4: it holds 1.101, which is gone"},
	{"entry-gone", f_entry_gone, "thing 3: 2 entries are there, of 3"},
	{"entry-past", f_entry_past,
		"an entry past the end of its topic, or one that should be gone"},
	{"reply-session", f_reply_session, "reply 2.1: there is no such session"},
	{"reply-past", f_reply_past, "reply 1.4: past the session's last request"},
	{"worker-identity", f_worker_identity, "workers 1 and 2 are one identity"},
	{"key-twice", f_key_twice, "have the same key"},
	{"next-session", f_next_session, "counter next_session is 3"},
	{"next-worker", f_next_worker, "counter next_worker is 2"},
	{"order", f_order, "is above the counter"},
	{"stage-block", f_stage_block, "stage 1.50: no block has this task"},
	{"stage-session", f_stage_session, "there is no session 2"},
	{"stage-begun", f_stage_begun, "task 1.1: something was done with it before"},
	{"no-counters", f_no_counters, "meta counters is missing"},
};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static int make(const char *dir, const char *fault)
{
	struct store_options options = {.dir = dir, .durability = STORE_VOLATILE};
	struct store *store = NULL;
	struct store_error err = {.text = "no such fault"};
	bool found = !fault;

	batch_init(&batch);
	put_sound();
	for (size_t i = 0; fault && i < FAULTS; i++)
		if (strcmp(fault, faults[i].name) == 0) {
			faults[i].make();
			found = true;
		}
	if (!found || store_open(&options, &store, &err) != STORE_OK ||
		store_commit(store, &batch, 1, &err) != STORE_OK) {
		fprintf(stderr, "make-store: %s\n", err.text);
		return EXIT_FAILURE;
	}
	store_close(&store);
	batch_release(&batch);
	return EXIT_SUCCESS;
}

static int serve(const char *dir)
{
	struct store_options options = {.dir = dir, .durability = STORE_VOLATILE};
	struct store *store = NULL;
	struct store_error err;

	if (store_open(&options, &store, &err) != STORE_OK) {
		fprintf(stderr, "make-store: %s\n", err.text);
		return EXIT_FAILURE;
	}
	printf("ready\n");
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	store_close(&store);
	return EXIT_SUCCESS;
}

/* Behind LMDB's two heads: a run of bytes, now and then a whole page, sometimes one page's contents
 * in the place of another. */
static int damage(const char *dir, uint64_t seed)
{
	char path[4096];
	uint8_t page[4096];
	struct rng rng;
	FILE *file;
	long pages;

	rng_init(&rng, seed);
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	file = fopen(path, "r+b");
	if (!file || fseek(file, 0, SEEK_END) != 0 || (pages = ftell(file) / 4096) < 3)
		return EXIT_FAILURE;
	for (uint64_t n = 1 + rng_below(&rng, 8); n > 0; n--) {
		long to = 2 + (long)rng_below(&rng, (uint64_t)pages - 2);
		long from = 2 + (long)rng_below(&rng, (uint64_t)pages - 2);
		uint64_t kind = rng_below(&rng, 8),
			 at = rng_below(&rng, rng_chance(&rng, 1, 2) ? 64 : 4000);
		size_t bytes = kind == 0 ? 4096 : 1 + (size_t)rng_below(&rng, 16);

		if (fseek(file, from * 4096, SEEK_SET) != 0 ||
			fread(page, sizeof(page), 1, file) != 1)
			return EXIT_FAILURE;
		for (size_t i = 0; kind != 1 && i < bytes; i++)
			page[i] = (uint8_t)rng_u64(&rng);
		if (kind == 1)
			bytes = 4096;
		if (fseek(file, to * 4096 + (bytes == 4096 ? 0 : (long)at), SEEK_SET) != 0 ||
			fwrite(page, bytes, 1, file) != 1)
			return EXIT_FAILURE;
	}
	return fclose(file) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (size_t i = 0; i < FAULTS; i++)
			printf("%s\t%s\n", faults[i].name, faults[i].says);
		return EXIT_SUCCESS;
	}
	if (argc == 3 && strcmp(argv[1], "--serve") == 0)
		return serve(argv[2]);
	if (argc == 4 && strcmp(argv[1], "--damage") == 0)
		return damage(argv[2], strtoull(argv[3], NULL, 10));
	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: make-store DIR [FAULT] | --list | --serve DIR | --damage "
				"DIR SEED\n");
		return 2;
	}
	return make(argv[1], argv[2]);
}
