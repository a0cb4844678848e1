/*
 * Keys: every layout, both ways. A key is one or two big-endian numbers, but for `meta`, whose keys
 * are names. Neighbours: batch.c and read.c carry them. There is no failure but bytes of another
 * length.
 */
#include "store/keys.h"

#include "base/ensure.h"
#include "model/ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_be(struct key *key, uint64_t v, uint8_t bytes)
{
	ensure(key->n + bytes <= KEY_MAX_BYTES);
	for (uint8_t i = 0; i < bytes; i++)
		key->b[key->n + i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
	key->n = (uint8_t)(key->n + bytes);
}

static uint64_t get_be(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	return v;
}

static struct key key_u32(uint32_t v)
{
	struct key key = {.n = 0};

	put_be(&key, v, 4);
	return key;
}

static struct key key_u64(uint64_t v)
{
	struct key key = {.n = 0};

	put_be(&key, v, 8);
	return key;
}

static struct key key_u32_u64(uint32_t a, uint64_t b)
{
	struct key key = key_u32(a);

	put_be(&key, b, 8);
	return key;
}

static bool read_u32(struct slice key, uint32_t *v)
{
	if (key.n != 4)
		return false;
	*v = (uint32_t)get_be(key.p, 4);
	return true;
}

static bool read_u64(struct slice key, uint64_t *v)
{
	if (key.n != 8)
		return false;
	*v = get_be(key.p, 8);
	return true;
}

static bool read_u32_u64(struct slice key, uint32_t *a, uint64_t *b)
{
	if (key.n != 12)
		return false;
	*a = (uint32_t)get_be(key.p, 4);
	*b = get_be(key.p + 4, 8);
	return true;
}

static bool read_u64_u64(struct slice key, uint64_t *a, uint64_t *b)
{
	if (key.n != 16)
		return false;
	*a = get_be(key.p, 8);
	*b = get_be(key.p + 8, 8);
	return true;
}

struct key key_meta(const char *name)
{
	return key_of_slice(slice_str(name));
}

struct key key_block(uint64_t first_id)
{
	return key_u64(first_id);
}

struct key key_task(uint64_t id, uint16_t round)
{
	struct key key = key_u64(id);

	if (round)
		put_be(&key, round, 2);
	return key;
}

struct key key_gone(uint64_t first_id)
{
	return key_u64(first_id);
}

struct key key_lease(uint64_t epoch, uint64_t seq)
{
	struct key key = key_u64(epoch);

	put_be(&key, seq, 8);
	return key;
}

struct key key_session(uint32_t session)
{
	return key_u32(session);
}

struct key key_reply(uint32_t session, uint64_t seq)
{
	return key_u32_u64(session, seq);
}

struct key key_hold(uint32_t session, uint64_t id)
{
	return key_u32_u64(session, id);
}

struct key key_worker(uint32_t worker)
{
	return key_u32(worker);
}

struct key key_user(uint32_t user)
{
	return key_u32(user);
}

struct key key_work(uint64_t seq)
{
	return key_u64(seq);
}

struct key key_thing(uint64_t number)
{
	return key_u64(number);
}

struct key key_entry(uint64_t thing, uint64_t cursor)
{
	struct key key = key_u64(thing);

	put_be(&key, cursor, 8);
	return key;
}

struct key key_amend(uint64_t first_id)
{
	return key_u64(first_id);
}

struct key key_stage(uint32_t session, uint64_t first_id)
{
	return key_u32_u64(session, first_id);
}

struct key key_item(uint64_t thing, uint32_t rank, uint64_t seq)
{
	struct key key = key_u64(thing);

	put_be(&key, rank, 4);
	put_be(&key, seq, 8);
	return key;
}

struct key key_delivery(uint64_t thing, uint32_t rank, uint64_t seq)
{
	return key_item(thing, rank, seq);
}

struct key key_grant(uint32_t session, uint64_t request)
{
	return key_u32_u64(session, request);
}

bool key_read_item(struct slice key, uint64_t *thing, uint32_t *rank, uint64_t *seq)
{
	if (key.n != 20)
		return false;
	*thing = get_be(key.p, 8);
	*rank = (uint32_t)get_be(key.p + 8, 4);
	*seq = get_be(key.p + 12, 8);
	return true;
}

bool key_read_delivery(struct slice key, uint64_t *thing, uint32_t *rank, uint64_t *seq)
{
	return key_read_item(key, thing, rank, seq);
}

bool key_read_grant(struct slice key, uint32_t *session, uint64_t *request)
{
	return read_u32_u64(key, session, request);
}

bool key_read_block(struct slice key, uint64_t *first_id)
{
	return read_u64(key, first_id);
}

bool key_read_task(struct slice key, uint64_t *id, uint16_t *round)
{
	if (key.n != 8 && (key.n != 10 || get_be(key.p + 8, 2) == 0))
		return false;
	*id = get_be(key.p, 8);
	*round = key.n == 10 ? (uint16_t)get_be(key.p + 8, 2) : 0;
	return true;
}

bool key_read_gone(struct slice key, uint64_t *first_id)
{
	return read_u64(key, first_id);
}

bool key_read_lease(struct slice key, uint64_t *epoch, uint64_t *seq)
{
	return read_u64_u64(key, epoch, seq);
}

bool key_read_session(struct slice key, uint32_t *session)
{
	return read_u32(key, session);
}

bool key_read_reply(struct slice key, uint32_t *session, uint64_t *seq)
{
	return read_u32_u64(key, session, seq);
}

bool key_read_hold(struct slice key, uint32_t *session, uint64_t *id)
{
	return read_u32_u64(key, session, id);
}

bool key_read_worker(struct slice key, uint32_t *worker)
{
	return read_u32(key, worker);
}

bool key_read_user(struct slice key, uint32_t *user)
{
	return read_u32(key, user);
}

bool key_read_work(struct slice key, uint64_t *seq)
{
	return read_u64(key, seq);
}

bool key_read_thing(struct slice key, uint64_t *number)
{
	return read_u64(key, number);
}

bool key_read_entry(struct slice key, uint64_t *thing, uint64_t *cursor)
{
	return read_u64_u64(key, thing, cursor);
}

bool key_read_amend(struct slice key, uint64_t *first_id)
{
	return read_u64(key, first_id);
}

bool key_read_stage(struct slice key, uint32_t *session, uint64_t *first_id)
{
	return read_u32_u64(key, session, first_id);
}

bool key_fits(enum table table, struct slice key)
{
	switch (table) {
	case TABLE_META:
		return key.n > 0 && key.n <= KEY_MAX_BYTES;
	case TABLE_TASK:
		return key.n == 8 || (key.n == 10 && get_be(key.p + 8, 2) != 0);
	case TABLE_AMEND:
	case TABLE_BLOCK:
	case TABLE_GONE:
	case TABLE_WORK:
	case TABLE_THING:
		return key.n == 8;
	case TABLE_LEASE:
	case TABLE_ENTRY:
		return key.n == 16;
	case TABLE_REPLY:
	case TABLE_HOLD:
	case TABLE_STAGE:
	case TABLE_GRANT:
		return key.n == 12;
	case TABLE_ITEM:
	case TABLE_DELIVERY:
		return key.n == 20;
	case TABLE_SESSION:
	case TABLE_WORKER:
	case TABLE_USER:
		return key.n == 4;
	case TABLE_END:
		break;
	}
	return false;
}

/* The bytes as hex, as many as fit. */
static void text_hex(char *out, size_t size, const char *table, struct slice key)
{
	int n = snprintf(out, size, "%s 0x", table);

	for (size_t i = 0; i < key.n && n > 0 && (size_t)n + 3 <= size; i++)
		n += snprintf(out + n, size - (size_t)n, "%02x", key.p[i]);
}

static void text_ids(char *out, size_t size, enum table table, struct slice key)
{
	const char *name = table_name(table);
	uint64_t a = get_be(key.p, key.n == 12 || key.n == 4 ? 4 : 8);

	if (key.n == 16)
		snprintf(out, size, "%s %" PRIu64 ".%" PRIu64, name, a, get_be(key.p + 8, 8));
	else if (key.n == 20)
		snprintf(out, size, "%s %" PRIu64 ".%" PRIu64 ".%" PRIu64, name, a,
			get_be(key.p + 8, 4), get_be(key.p + 12, 8));
	else if (table == TABLE_REPLY || table == TABLE_GRANT)
		snprintf(out, size, "%s %" PRIu64 ".%" PRIu64, name, a, get_be(key.p + 4, 8));
	else if (table == TABLE_HOLD || table == TABLE_STAGE)
		snprintf(out, size, "%s %" PRIu64 " of %u.%u", name, a,
			(unsigned)get_be(key.p + 4, 4), (unsigned)get_be(key.p + 8, 4));
	else if (key.n == 10)
		snprintf(out, size, "%s %u.%u round %u", name, task_id_session(a), task_id_n(a),
			(unsigned)get_be(key.p + 8, 2));
	else if (key.n == 8 && table != TABLE_WORK && table != TABLE_THING)
		snprintf(out, size, "%s %u.%u", name, task_id_session(a), task_id_n(a));
	else
		snprintf(out, size, "%s %" PRIu64, name, a);
}

char *key_text(enum table table, struct slice key, char *out, size_t size)
{
	bool word = table == TABLE_META;

	ensure(size > 0);
	for (size_t i = 0; word && i < key.n; i++)
		word = key.p[i] > ' ' && key.p[i] < 0x7f;
	if (!key_fits(table, key) || (table == TABLE_META && !word))
		text_hex(out, size, table_name(table), key);
	else if (word)
		snprintf(out, size, "%s %" SLICE_FMT, table_name(table), SLICE_ARG(key));
	else
		text_ids(out, size, table, key);
	return out;
}

struct key key_of_slice(struct slice bytes)
{
	struct key key = {.n = (uint8_t)bytes.n};

	ensure(bytes.n <= KEY_MAX_BYTES);
	if (bytes.n > 0)
		memcpy(key.b, bytes.p, bytes.n);
	return key;
}

struct slice key_slice(const struct key *key)
{
	return slice_of(key->b, key->n);
}
