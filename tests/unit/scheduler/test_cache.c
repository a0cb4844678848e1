/* The cache of blocks. */
#include "check_scheduler.h"
#include "scheduler/blocks.h"

#include <stdio.h>

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

TCase *tcase_cache(void)
{
	TCase *t = tcase_create("cache");

	tcase_add_test(t, blocks_are_read_once);
	tcase_add_test(t, the_cache_is_bounded);
	return t;
}
