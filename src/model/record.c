/*
 * The small records: lease bundles, sessions, workers, users, replies, holds, works, counters,
 * forgotten tasks (doc/disk-format.md). Each is an array that begins with its version; elements are
 * only appended, a decoder skips those it does not know. The store adds and checks the checksum; a
 * fault here means a record that no scheduler wrote.
 */
#include "model/record.h"

#include "base/ensure.h"
#include "codec/pack.h"
#include "model/decode.h"
#include "model/limits.h"

#include <string.h>

enum {
	LEASE_FIELDS = 4,
	SESSION_FIELDS = 10,
	SESSION_PARENT_FIELDS = 3, /* only where there is one */
	WORKER_FIELDS = 6,
	USER_FIELDS = 3,
	REPLY_FIELDS = 4,
	HOLD_FIELDS = 1,
	WORK_FIELDS_MIN = 4,
	WORK_FIELDS = 6,
	AMEND_FIELDS = 2,
	COUNTERS_FIELDS = 9,
	COUNTERS_FIELDS_MIN = 7, /* what the first version wrote */
	GONE_FIELDS_MIN = 3,     /* what the first version wrote */
	GONE_FIELDS = 4,
	STAGE_FIELDS = 5,
};

static void begin(struct buf *out, uint32_t fields)
{
	pack_array(out, fields);
	pack_u64(out, RECORD_VERSION);
}

/* Exactly n bytes, copied to `to`. */
static void read_fixed(struct cursor *c, uint8_t *to, size_t n, const char *why)
{
	struct slice s = cursor_bin(c);

	if (s.n == n)
		memcpy(to, s.p, n);
	else
		cursor_fail(c, why);
}

/* --- lease --- */

void lease_bundle_encode(struct buf *out, uint32_t worker, uint64_t issued_us,
	const struct lease_entry *entries, uint32_t count)
{
	size_t bytes = (size_t)count * LEASE_ENTRY_BYTES;
	uint8_t *to;

	ensure(count > 0 && count <= LIMIT_CREDIT);
	begin(out, LEASE_FIELDS);
	pack_u64(out, worker);
	pack_u64(out, issued_us);
	pack_bin_header(out, (uint32_t)bytes);
	to = buf_reserve(out, bytes);
	if (!to)
		return;
	for (uint32_t i = 0; i < count; i++, to += LEASE_ENTRY_BYTES) {
		le_put(to, entries[i].id, 8);
		le_put(to + 8, entries[i].generation, 4);
		le_put(to + 12, entries[i].flags, 4);
	}
	buf_commit(out, bytes);
}

bool lease_bundle_decode(struct slice in, struct lease_bundle *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, LEASE_FIELDS);
	size_t count;

	out->worker = cursor_u32(&c);
	out->issued_us = cursor_u64(&c);
	out->entries = cursor_bin(&c);
	count = out->entries.n / LEASE_ENTRY_BYTES;
	if (count == 0 || out->entries.n % LEASE_ENTRY_BYTES != 0)
		cursor_fail(&c, "lease: entries are cut or missing");
	else if (count > LIMIT_CREDIT)
		cursor_fail(&c, LIMIT_TEXT(CREDIT));
	out->count = (uint32_t)count;
	return record_end(&c, have, LEASE_FIELDS, why);
}

struct lease_entry lease_bundle_entry(const struct lease_bundle *b, uint32_t i)
{
	const uint8_t *p = b->entries.p + (size_t)i * LEASE_ENTRY_BYTES;

	ensure(i < b->count);
	return (struct lease_entry){
		.id = le_get(p, 8),
		.generation = (uint32_t)le_get(p + 8, 4),
		.flags = (uint32_t)le_get(p + 12, 4),
	};
}

/* --- session --- */

void session_record_encode(struct buf *out, const struct session_record *r)
{
	begin(out, SESSION_FIELDS + (r->parent ? SESSION_PARENT_FIELDS : 0));
	pack_bin(out, slice_of(r->token, TOKEN_BYTES));
	pack_u64(out, r->incarnation);
	pack_u64(out, r->user);
	pack_str(out, r->name);
	pack_u64(out, r->ttl_ms);
	pack_u64(out, r->last_seq);
	pack_bool(out, r->closing);
	pack_u64(out, r->created_us);
	pack_u64(out, r->next_n);
	if (!r->parent)
		return;
	pack_u64(out, r->parent);
	pack_u64(out, r->parent_fence.epoch);
	pack_u64(out, r->parent_fence.seq);
}

bool session_record_decode(struct slice in, struct session_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, SESSION_FIELDS);

	read_fixed(&c, out->token, TOKEN_BYTES, "session: token of another length");
	out->incarnation = cursor_u32(&c);
	out->user = cursor_u32(&c);
	out->name = cursor_str_limit(&c, LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));
	out->ttl_ms = cursor_u64(&c);
	out->last_seq = cursor_u64(&c);
	out->closing = cursor_bool(&c);
	out->created_us = cursor_u64(&c);
	out->next_n = cursor_u32(&c);
	out->parent = 0;
	out->parent_fence = (struct fence){0, 0};
	if (have < SESSION_FIELDS + SESSION_PARENT_FIELDS)
		return record_end(&c, have, SESSION_FIELDS, why);
	out->parent = cursor_u64(&c);
	out->parent_fence.epoch = cursor_u64(&c);
	out->parent_fence.seq = cursor_u64(&c);
	return record_end(&c, have, SESSION_FIELDS + SESSION_PARENT_FIELDS, why);
}

/* --- worker, user --- */

void worker_record_encode(struct buf *out, const struct worker_record *r)
{
	begin(out, WORKER_FIELDS + (r->offer.n > 0));
	pack_bin(out, slice_of(r->uuid, WORKER_UUID_BYTES));
	pack_str(out, r->name);
	pack_u64(out, r->user);
	pack_bin(out, r->instance);
	pack_str(out, r->address);
	if (r->offer.n)
		pack_raw(out, r->offer);
}

bool worker_record_decode(struct slice in, struct worker_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, WORKER_FIELDS);

	read_fixed(&c, out->uuid, WORKER_UUID_BYTES, "worker: identity of another length");
	out->name = cursor_str_limit(&c, LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));
	out->user = cursor_u32(&c);
	out->instance = cursor_bin_limit(&c, WORKER_INSTANCE_BYTES, "worker: instance too long");
	out->address = cursor_str_limit(&c, LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));
	out->offer = have > WORKER_FIELDS ? cursor_raw_or_nil(&c) : slice_empty();
	return record_end(&c, have, WORKER_FIELDS + (have > WORKER_FIELDS), why);
}

void user_record_encode(struct buf *out, const struct user_record *r)
{
	begin(out, USER_FIELDS);
	pack_str(out, r->name);
	pack_u64(out, r->uid);
}

bool user_record_decode(struct slice in, struct user_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, USER_FIELDS);

	out->name = cursor_str_limit(&c, LIMIT_NAME_BYTES, LIMIT_TEXT(NAME_BYTES));
	out->uid = cursor_u32(&c);
	return record_end(&c, have, USER_FIELDS, why);
}

/* --- reply --- */

void reply_record_encode(struct buf *out, const struct reply_record *r)
{
	begin(out, REPLY_FIELDS);
	pack_u64(out, r->code);
	pack_str(out, r->text);
	if (r->data.n)
		pack_raw(out, r->data);
	else
		pack_nil(out);
}

bool reply_record_decode(struct slice in, struct reply_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, REPLY_FIELDS);

	out->code = cursor_u32(&c);
	out->text = cursor_str(&c);
	out->data = cursor_raw_or_nil(&c);
	return record_end(&c, have, REPLY_FIELDS, why);
}

/* --- hold, work --- */

void hold_record_encode(struct buf *out)
{
	begin(out, HOLD_FIELDS);
}

bool hold_record_decode(struct slice in, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, HOLD_FIELDS);

	return record_end(&c, have, HOLD_FIELDS, why);
}

void work_record_encode(struct buf *out, const struct work_record *r)
{
	begin(out, WORK_FIELDS);
	pack_u64(out, r->kind);
	pack_u64(out, r->session);
	pack_raw(out, r->runs);
	pack_i64(out, r->arg);
	pack_u64(out, r->user);
}

bool work_record_decode(struct slice in, struct work_record *out, const char **why)
{
	struct cursor c;
	struct runs_reader runs;
	uint32_t have = record_begin(&c, in, WORK_FIELDS_MIN), read = WORK_FIELDS_MIN;
	const char *runs_why;

	out->kind = (enum work_kind)cursor_u32(&c);
	if (out->kind < WORK_CANCEL || out->kind > WORK_PRIORITY)
		cursor_fail(&c, "work: unknown kind");
	out->session = cursor_u32(&c);
	out->runs = cursor_raw(&c);
	if (cursor_ok(&c) && !runs_reader_init(&runs, out->runs, &runs_why))
		cursor_fail(&c, runs_why);
	out->arg = 0;
	out->user = WORK_ANY_USER;
	if (have >= WORK_FIELDS) {
		read = WORK_FIELDS;
		out->arg = cursor_i64(&c);
		out->user = cursor_u32(&c);
	}
	return record_end(&c, have, read, why);
}

/* --- amend --- */

void amend_record_encode(struct buf *out, const struct amend_record *r)
{
	begin(out, AMEND_FIELDS);
	if (r->has_priority)
		pack_i64(out, r->priority);
	else
		pack_nil(out);
}

bool amend_record_decode(struct slice in, struct amend_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, AMEND_FIELDS);
	int64_t v = 0;

	out->has_priority = !cursor_try_nil(&c);
	if (out->has_priority)
		v = cursor_i64(&c);
	if (v < INT32_MIN || v > INT32_MAX)
		cursor_fail(&c, "amend: a priority out of range");
	out->priority = (int32_t)v;
	return record_end(&c, have, AMEND_FIELDS, why);
}

/* --- stage --- */

void stage_record_encode(struct buf *out, const struct stage_record *r)
{
	begin(out, STAGE_FIELDS);
	pack_u64(out, r->number);
	pack_u64(out, r->tasks);
	pack_u64(out, r->bytes);
	pack_bin(out, r->detach);
}

bool stage_record_decode(struct slice in, struct stage_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, STAGE_FIELDS);

	out->number = cursor_u64(&c);
	out->tasks = cursor_u64(&c);
	out->bytes = cursor_u64(&c);
	out->detach = cursor_bin(&c);
	if (out->detach.n % sizeof(uint64_t))
		cursor_fail(&c, "stage: an id is cut");
	return record_end(&c, have, STAGE_FIELDS, why);
}

/* --- counters --- */

void counters_encode(struct buf *out, const struct counters *v)
{
	begin(out, COUNTERS_FIELDS);
	pack_u64(out, v->order);
	pack_u64(out, v->finish_seq);
	pack_u64(out, v->next_session);
	pack_u64(out, v->next_worker);
	pack_u64(out, v->next_user);
	pack_u64(out, v->next_work);
	pack_u64(out, v->next_thing);
	pack_u64(out, v->versions);
}

bool counters_decode(struct slice in, struct counters *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, COUNTERS_FIELDS_MIN);
	bool things = have >= COUNTERS_FIELDS;

	out->order = cursor_u64(&c);
	out->finish_seq = cursor_u64(&c);
	out->next_session = cursor_u32(&c);
	out->next_worker = cursor_u32(&c);
	out->next_user = cursor_u32(&c);
	out->next_work = cursor_u64(&c);
	out->next_thing = things ? cursor_u64(&c) : 1;
	out->versions = things ? cursor_u64(&c) : 0;
	return record_end(&c, have, things ? COUNTERS_FIELDS : COUNTERS_FIELDS_MIN, why);
}

/* --- gone --- */

static void put_bits(struct buf *out, const uint64_t *words, uint32_t bits)
{
	uint32_t bytes = bits / 8 + (bits % 8 != 0);
	uint8_t *to;

	pack_bin_header(out, bytes);
	to = buf_reserve(out, bytes);
	if (!to)
		return;
	for (uint32_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(words[i / 8] >> (i % 8 * 8));
	buf_commit(out, bytes);
}

static void read_bits(struct cursor *c, uint64_t words[GONE_CHUNK / 64])
{
	struct slice bits = cursor_bin_limit(c, GONE_CHUNK / 8, "gone: more than a chunk");

	memset(words, 0, GONE_CHUNK / 8);
	for (size_t i = 0; i < bits.n; i++)
		words[i / 8] |= (uint64_t)bits.p[i] << (i % 8 * 8);
}

void gone_record_encode(struct buf *out, const struct gone_record *r)
{
	ensure(r->bits > 0 && r->bits <= GONE_CHUNK && r->kept.n % KEEP_RUN_BYTES == 0);
	begin(out, r->kept.n ? GONE_FIELDS : GONE_FIELDS_MIN);
	put_bits(out, r->gone, r->bits);
	put_bits(out, r->released, r->bits);
	if (r->kept.n)
		pack_bin(out, r->kept);
}

/* Runs that are none, past the chunk, or not in order. */
static bool runs_are_bad(struct slice in)
{
	uint32_t end = 0;
	struct keep_run r;

	if (in.n % KEEP_RUN_BYTES)
		return true;
	while (keep_run_next(&in, &r)) {
		if (r.at < end || !r.n || !r.since || r.at + r.n > GONE_CHUNK)
			return true;
		end = r.at + r.n;
	}
	return false;
}

bool gone_record_decode(struct slice in, struct gone_record *out, const char **why)
{
	struct cursor c;
	uint32_t have = record_begin(&c, in, GONE_FIELDS_MIN), read = GONE_FIELDS_MIN;

	*out = (struct gone_record){.bits = GONE_CHUNK};
	read_bits(&c, out->gone);
	read_bits(&c, out->released);
	if (have > read && ++read) {
		out->kept = cursor_bin_limit(
			&c, GONE_CHUNK * KEEP_RUN_BYTES, "gone: more than a chunk");
		if (cursor_ok(&c) && runs_are_bad(out->kept))
			cursor_fail(&c, "gone: malformed runs");
	}
	return record_end(&c, have, read, why);
}

void keep_run_put(struct buf *out, struct keep_run r)
{
	uint8_t *to = buf_reserve(out, KEEP_RUN_BYTES);

	if (!to)
		return;
	le_put(to, r.at, 2);
	le_put(to + 2, r.n, 2);
	le_put(to + 4, r.since, 4);
	buf_commit(out, KEEP_RUN_BYTES);
}

bool keep_run_next(struct slice *in, struct keep_run *out)
{
	if (in->n < KEEP_RUN_BYTES)
		return false;
	*out = (struct keep_run){.at = (uint32_t)le_get(in->p, 2),
		.n = (uint32_t)le_get(in->p + 2, 2),
		.since = (uint32_t)le_get(in->p + 4, 4)};
	*in = slice_of(in->p + KEEP_RUN_BYTES, in->n - KEEP_RUN_BYTES);
	return true;
}
