/*
 * Looks things up in the fake store's records, by doc/disk-format.md and not by the core's code.
 */
#include "sim/sim.h"

#include "base/ensure.h"

bool lookup_row(struct sim *s, uint64_t id, struct task_row *row)
{
	struct key beyond = key_task(id + 1, 0);
	uint32_t i = fstore_seek(&s->store, TABLE_TASK, key_slice(&beyond));
	struct slice key, value;
	const char *why;
	uint64_t of = 0;
	uint16_t round;

	/* of its last round */
	if (i)
		fstore_at(&s->store, TABLE_TASK, i - 1, &key, &value);
	if (!i || !key_read_task(key, &of, &round) || of != id)
		return false;
	if (!task_row_decode(value, row, &why))
		return sim_fail(s, "the row of %llx: %s", (unsigned long long)id, why);
	return true;
}

bool lookup_round(struct sim *s, uint64_t id, uint16_t round, struct task_row *row)
{
	struct key key = key_task(id, round);
	struct slice value;
	const char *why;

	if (!fstore_get(&s->store, TABLE_TASK, key_slice(&key), &value))
		return false;
	if (!task_row_decode(value, row, &why))
		return sim_fail(s, "the row of %llx: %s", (unsigned long long)id, why);
	return true;
}

static bool is_gone(struct sim *s, uint64_t first, uint64_t id)
{
	uint64_t chunk = first + (id - first) / GONE_CHUNK * GONE_CHUNK, bit = id - chunk;
	struct key key = key_gone(chunk);
	struct gone_record r;
	struct slice value;
	const char *why;

	if (!fstore_get(&s->store, TABLE_GONE, key_slice(&key), &value))
		return false;
	if (!gone_record_decode(value, &r, &why)) {
		sim_fail(s, "the bitmap of %llx: %s", (unsigned long long)chunk, why);
		return false;
	}
	return r.gone[bit / 64] >> (bit % 64) & 1;
}

bool lookup_task(struct sim *s, uint64_t id, struct block_record *block)
{
	struct key want = key_block(id + 1);
	uint32_t i = fstore_seek(&s->store, TABLE_BLOCK, key_slice(&want));
	struct slice key, value;
	const char *why;

	if (i == 0)
		return false;
	fstore_at(&s->store, TABLE_BLOCK, i - 1, &key, &value);
	if (!block_record_decode(value, block, &why))
		return sim_fail(s, "a block: %s", why);
	return id < block->first + block->count && !is_gone(s, block->first, id);
}

bool lookup_lease(struct sim *s, uint64_t id, struct fence fence, uint32_t *worker)
{
	struct key want = key_lease(fence.epoch, fence.seq + 1);
	uint32_t i = fstore_seek(&s->store, TABLE_LEASE, key_slice(&want));
	struct slice key, value;
	struct lease_bundle b;
	struct lease_entry e;
	struct block_record block;
	struct task_row row;
	uint64_t epoch, seq;
	const char *why;

	if (i == 0)
		return false;
	fstore_at(&s->store, TABLE_LEASE, i - 1, &key, &value);
	if (!lease_bundle_decode(value, &b, &why) || !key_read_lease(key, &epoch, &seq))
		return sim_fail(s, "a bundle: %s", why);
	if (epoch != fence.epoch || fence.seq - seq >= b.count)
		return false;
	e = lease_bundle_entry(&b, (uint32_t)(fence.seq - seq));
	*worker = b.worker;
	if (e.id != id || e.flags & LEASE_REVOKED)
		return false;
	if (!lookup_task(s, id, &block))
		return false;
	return e.flags & LEASE_REMAKE || !lookup_row(s, id, &row) ||
	       (!task_state_is_final(row.state) && row.generation <= e.generation);
}
