/*
 * The cursor against msgpack-c's unpacker: random documents, each cut at every length, each with
 * bytes changed. The cursor must accept exactly what the library accepts, and never read past the
 * end (each input lies at the end of its own allocation, for the address sanitizer).
 */
#include "check_codec.h"

#include "base/rng.h"
#include "codec/cursor.h"
#include "codec/pack.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

/* The library asks for what a lying count says; sanitizers shall let it have no for an answer. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void random_value(struct buf *b, struct rng *r, int depth)
{
	static const char bytes[300];
	uint32_t n;

	switch (rng_below(r, depth > 4 ? 7 : 9)) {
	case 0:
		pack_nil(b);
		return;
	case 1:
		pack_bool(b, rng_chance(r, 1, 2));
		return;
	case 2:
		pack_u64(b, rng_u64(r) >> rng_below(r, 64));
		return;
	case 3:
		pack_i64(b, (int64_t)(0 - (rng_u64(r) >> rng_between(r, 1, 63))));
		return;
	case 4:
		pack_double(b, rng_double(r));
		return;
	case 5:
		pack_str(b, slice_of(bytes, rng_below(r, 60)));
		return;
	case 6:
		if (rng_chance(r, 1, 2))
			pack_bin(b, slice_of(bytes, rng_below(r, 300)));
		else
			pack_ext(b, 3, slice_of(bytes, rng_below(r, 20)));
		return;
	case 7:
		n = (uint32_t)rng_below(r, 20);
		pack_array(b, n);
		while (n-- > 0)
			random_value(b, r, depth + 1);
		return;
	default:
		n = (uint32_t)rng_below(r, 5);
		pack_map(b, n);
		for (n *= 2; n > 0; n--)
			random_value(b, r, depth + 1);
		return;
	}
}

/* What each says of the first value: its size, or 0 if it is bad or cut. */
static size_t by_library(struct slice in)
{
	msgpack_unpacked result;
	size_t at = 0;
	msgpack_unpack_return rc;

	msgpack_unpacked_init(&result);
	rc = msgpack_unpack_next(&result, (const char *)in.p, in.n, &at);
	msgpack_unpacked_destroy(&result);
	return rc == MSGPACK_UNPACK_SUCCESS || rc == MSGPACK_UNPACK_EXTRA_BYTES ? at : 0;
}

static size_t by_cursor(struct slice in)
{
	struct cursor c;

	cursor_init(&c, in);
	return cursor_raw(&c).n;
}

static void compare(const uint8_t *p, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	struct slice in = slice_of(exact, n);

	memcpy(exact, p, n);
	ck_assert_uint_eq(by_cursor(in), by_library(in));
	free(exact);
}

START_TEST(the_cursor_agrees_with_the_library)
{
	struct rng r;
	struct buf b;

	rng_init(&r, (uint64_t)_i);
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 300; i++) {
		buf_clear(&b);
		random_value(&b, &r, 0);
		ck_assert_uint_eq(by_cursor(buf_slice(&b)), b.n);
		for (size_t n = 0; n <= b.n && n < 400; n++)
			compare(b.p, n);
		for (int k = 0; k < 20; k++) {
			b.p[rng_below(&r, b.n)] = (uint8_t)rng_u64(&r);
			compare(b.p, b.n < 2000 ? b.n : 2000);
		}
	}
	buf_release(&b);
}
END_TEST

/* Every getter on every first byte with few bytes behind it: no read past the end, no success out
 * of nothing. */
START_TEST(every_getter_meets_every_byte)
{
	for (unsigned first = 0; first < 256; first++) {
		for (size_t n = 1; n < 12; n++) {
			uint8_t *p = calloc(1, n);

			p[0] = (uint8_t)first;
			for (int getter = 0; getter < 11; getter++) {
				struct cursor c;
				int8_t type;

				cursor_init(&c, slice_of(p, n));
				switch (getter) {
				case 0:
					cursor_u64(&c);
					break;
				case 1:
					cursor_i64(&c);
					break;
				case 2:
					cursor_double(&c);
					break;
				case 3:
					cursor_str(&c);
					break;
				case 4:
					cursor_bin(&c);
					break;
				case 5:
					ck_assert_uint_le(cursor_array(&c), n);
					break;
				case 6:
					ck_assert_uint_le(cursor_map(&c), n / 2);
					break;
				case 7:
					cursor_ext(&c, &type);
					break;
				case 8:
					cursor_nil(&c);
					break;
				case 9:
					cursor_bool(&c);
					break;
				default:
					cursor_skip(&c);
					break;
				}
				ck_assert(c.p <= c.end);
				ck_assert(cursor_ok(&c) || c.p == c.end);
			}
			free(p);
		}
	}
}
END_TEST

TCase *tcase_sweep(void)
{
	TCase *tc = tcase_create("sweep");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, the_cursor_agrees_with_the_library, 0, 4);
	tcase_add_test(tc, every_getter_meets_every_byte);
	return tc;
}
