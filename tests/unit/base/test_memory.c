/* Allocation and arenas. */
#include "check_base.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/rng.h"

#include <stdint.h>
#include <string.h>

START_TEST(copies_end_with_a_nul)
{
	char *a = xmemdup("a\0b", 3), *b = try_memdup(NULL, 0), *c = xasprintf("%d", 42);

	ck_assert_mem_eq(a, "a\0b\0", 4);
	ck_assert_str_eq(b, "");
	ck_assert_str_eq(c, "42");
	free(a);
	free(b);
	free(c);
}
END_TEST

/* Sanitizers stop the program where malloc would return NULL. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#ifndef SANITIZED
START_TEST(impossible_sizes_are_refused)
{
	volatile size_t huge = SIZE_MAX / 2;

	ck_assert_ptr_null(try_malloc(huge));
	ck_assert_ptr_null(try_calloc(huge, 4));
	ck_assert_ptr_null(try_realloc(NULL, huge));
}
END_TEST

START_TEST(the_aborting_family_aborts)
{
	volatile size_t huge = SIZE_MAX / 2;

	free(xmalloc(huge));
}
END_TEST
#endif

START_TEST(arena_objects_are_aligned_and_apart)
{
	struct arena a;
	struct rng r;
	uint8_t *seen[2000];
	size_t size[2000];

	arena_init(&a, 1024);
	rng_init(&r, 1);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2000; i++) {
			size[i] = rng_chance(&r, 1, 20) ? rng_below(&r, 5000) : rng_below(&r, 64);
			seen[i] = arena_alloc(&a, size[i]);
			ck_assert_ptr_nonnull(seen[i]);
			ck_assert_uint_eq((uintptr_t)seen[i] % 16, 0);
			memset(seen[i], i & 0xff, size[i]);
		}
		for (int i = 0; i < 2000; i++)
			for (size_t k = 0; k < size[i]; k++)
				ck_assert_uint_eq(seen[i][k], (uint8_t)i);
		arena_reset(&a);
		ck_assert_uint_le(a.total_bytes, 1024);
	}
	arena_release(&a);
	ck_assert_uint_eq(a.total_bytes, 0);
}
END_TEST

START_TEST(arena_copies)
{
	struct arena a;
	struct slice s;

	arena_init(&a, 0);
	s = arena_dup(&a, slice_str("hello"));
	ck_assert(slice_eq_str(s, "hello"));
	ck_assert_uint_eq(s.p[5], 0);
	ck_assert_ptr_nonnull(arena_dup(&a, slice_empty()).p);
	ck_assert_str_eq(arena_cstr(&a, slice_str("x")), "x");
	ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 3));
	ck_assert_ptr_null(arena_calloc(&a, SIZE_MAX / 2, 3));
	arena_release(&a);
}
END_TEST

TCase *tcase_memory(void)
{
	TCase *tc = tcase_create("memory");

	tcase_add_test(tc, copies_end_with_a_nul);
#ifndef SANITIZED
	tcase_add_test(tc, impossible_sizes_are_refused);
	tcase_add_test_raise_signal(tc, the_aborting_family_aborts, 6);
#endif
	tcase_add_test(tc, arena_objects_are_aligned_and_apart);
	tcase_add_test(tc, arena_copies);
	return tc;
}
