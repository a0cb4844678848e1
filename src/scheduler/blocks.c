/*
 * The block cache: records copied out of the store, with an index of their entries made on first
 * use.
 */
#include "scheduler/blocks.h"

#include "base/alloc.h"
#include "base/ensure.h"
#include "base/list.h"
#include "base/map64.h"

struct cached {
	uint64_t first;
	struct list in_lru;
	uint8_t *bytes;
	size_t nbytes, cost;
	struct block_record record;
	uint32_t *entry_at; /* offset of each entry in the body */
	uint32_t *input_at; /* of each element's input, and the end; NULL: none */
};

struct block_cache {
	size_t limit, used;
	block_read_fn *read;
	void *arg;
	struct map64 map;
	struct list lru; /* newest first */
};

struct block_cache *block_cache_new(size_t limit_bytes, block_read_fn *read, void *arg)
{
	struct block_cache *c = xcalloc(1, sizeof(*c));

	c->limit = limit_bytes;
	c->read = read;
	c->arg = arg;
	map64_init(&c->map);
	list_init(&c->lru);
	return c;
}

static void cached_free(struct block_cache *c, struct cached *k)
{
	map64_remove_ptr(&c->map, k->first);
	list_remove(&k->in_lru);
	c->used -= k->cost;
	free(k->bytes);
	free(k->entry_at);
	free(k->input_at);
	free(k);
}

void block_cache_free(struct block_cache **cache)
{
	struct block_cache *c = *cache;

	*cache = NULL;
	if (!c)
		return;
	while (!list_is_empty(&c->lru))
		cached_free(c, container_of(c->lru.next, struct cached, in_lru));
	map64_release(&c->map);
	free(c);
}

void block_cache_drop(struct block_cache *cache, uint64_t first)
{
	struct cached *k = map64_get_ptr(&cache->map, first);

	if (k)
		cached_free(cache, k);
}

static bool index_inputs(struct cached *k, struct block_reader *r)
{
	struct cursor inputs;
	uint64_t n = 0;

	if (!block_reader_inputs(r, &n, &inputs) || (n && n != k->record.count))
		return false;
	if (!n)
		return true;
	k->input_at = xcalloc(n + 1, sizeof(*k->input_at));
	k->cost += (n + 1) * sizeof(*k->input_at);
	for (uint64_t i = 0; i < n; i++) {
		k->input_at[i] = (uint32_t)(inputs.p - k->record.body.p);
		cursor_skip(&inputs);
	}
	k->input_at[n] = (uint32_t)(inputs.p - k->record.body.p);
	return cursor_ok(&inputs);
}

/* Where each entry begins. */
static bool index_entries(struct cached *k)
{
	uint32_t n = k->record.flags & BLOCK_ARRAY ? 1 : (uint32_t)k->record.count;
	struct block_reader r;
	struct block_entry e;

	k->entry_at = xcalloc(n, sizeof(*k->entry_at));
	k->cost += n * sizeof(*k->entry_at);
	block_reader_init(&r, k->record.body);
	for (uint32_t i = 0; i < n; i++) {
		k->entry_at[i] = (uint32_t)(r.c.p - k->record.body.p);
		if (!block_reader_next(&r, &e))
			return false;
	}
	return !(k->record.flags & BLOCK_ARRAY) || index_inputs(k, &r);
}

static struct cached *load(struct block_cache *c, uint64_t first)
{
	struct slice record;
	struct cached *k;
	const char *why;

	if (!c->read(c->arg, first, &record))
		return NULL;
	k = xcalloc(1, sizeof(*k));
	k->first = first;
	k->bytes = xmemdup(record.p, record.n);
	k->nbytes = record.n;
	k->cost = sizeof(*k) + record.n;
	list_push_front(&c->lru, &k->in_lru);
	ensure(map64_put_ptr(&c->map, first, k));
	if (!block_record_decode(slice_of(k->bytes, k->nbytes), &k->record, &why) ||
		!index_entries(k)) {
		c->used += k->cost;
		cached_free(c, k);
		return NULL;
	}
	c->used += k->cost;
	while (c->used > c->limit && c->lru.prev != &k->in_lru)
		cached_free(c, container_of(c->lru.prev, struct cached, in_lru));
	return k;
}

bool block_cache_get(struct block_cache *c, uint64_t first, uint64_t id, struct block_task *out)
{
	struct cached *k = map64_get_ptr(&c->map, first);
	struct block_reader r;
	struct block_entry e;
	uint32_t at;

	if (k) {
		list_remove(&k->in_lru);
		list_push_front(&c->lru, &k->in_lru);
	} else {
		k = load(c, first);
	}
	if (!k || id < first || id - first >= k->record.count)
		return false;
	at = (uint32_t)(id - first);
	block_reader_init(&r,
		slice_drop(k->record.body, k->entry_at[k->record.flags & BLOCK_ARRAY ? 0 : at]));
	if (!block_reader_next(&r, &e))
		return false;
	*out = (struct block_task){.key = e.key,
		.spec = e.spec,
		.ns = k->record.ns,
		.array = k->record.flags & BLOCK_ARRAY,
		.index = at + e.first_index,
		.submitted_us = k->record.submitted_us,
		.kind = e.kind};
	if (k->input_at)
		out->input = slice_of(
			k->record.body.p + k->input_at[at], k->input_at[at + 1] - k->input_at[at]);
	return true;
}
