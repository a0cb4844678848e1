/*
 * Keys: each layout is read back, byte order is number order, and texts name what people know.
 */
#include "scratch.h"

#include <string.h>

#include "model/ids.h"

START_TEST(test_round_trip)
{
	uint64_t ids[] = {0, 1, 255, 256, 0x0102030405060708, UINT64_MAX};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct key task = key_task(ids[i], 0), lease = key_lease(ids[i], ~ids[i]);
		struct key reply = key_reply((uint32_t)ids[i], ids[i]);
		struct key hold = key_hold((uint32_t)~ids[i], ids[i]);
		struct key user = key_user((uint32_t)ids[i]);
		struct key again = key_task(ids[i], 0xfedc);
		uint64_t a, b;
		uint32_t n;
		uint16_t round;

		ck_assert(key_read_task(key_slice(&task), &a, &round));
		ck_assert(a == ids[i] && round == 0);
		ck_assert(key_read_task(key_slice(&again), &a, &round));
		ck_assert(a == ids[i] && round == 0xfedc);
		ck_assert(key_read_block(key_slice(&task), &a) && a == ids[i]);
		ck_assert(key_read_gone(key_slice(&task), &a) && a == ids[i]);
		ck_assert(key_read_work(key_slice(&task), &a) && a == ids[i]);
		ck_assert(key_read_lease(key_slice(&lease), &a, &b) && a == ids[i] && b == ~ids[i]);
		ck_assert(key_read_reply(key_slice(&reply), &n, &a));
		ck_assert(n == (uint32_t)ids[i] && a == ids[i]);
		ck_assert(key_read_hold(key_slice(&hold), &n, &a));
		ck_assert(n == (uint32_t)~ids[i] && a == ids[i]);
		ck_assert(key_read_user(key_slice(&user), &n) && n == (uint32_t)ids[i]);
		ck_assert(key_read_session(key_slice(&user), &n) && n == (uint32_t)ids[i]);
		ck_assert(key_read_worker(key_slice(&user), &n) && n == (uint32_t)ids[i]);
	}
}
END_TEST

START_TEST(test_order)
{
	struct key a = key_task(255, 0), b = key_task(256, 0), c = key_task(1ull << 32, 0);
	struct key d = key_lease(1, UINT64_MAX), e = key_lease(2, 0);
	struct key a1 = key_task(255, 1), a256 = key_task(255, 256);

	ck_assert_int_lt(slice_cmp(key_slice(&a), key_slice(&b)), 0);
	ck_assert_int_lt(slice_cmp(key_slice(&b), key_slice(&c)), 0);
	ck_assert_int_lt(slice_cmp(key_slice(&a), key_slice(&a1)), 0);
	ck_assert_int_lt(slice_cmp(key_slice(&a1), key_slice(&a256)), 0);
	ck_assert_int_lt(slice_cmp(key_slice(&a256), key_slice(&b)), 0);
	ck_assert_int_lt(slice_cmp(key_slice(&d), key_slice(&e)), 0);
	ck_assert_mem_eq(b.b, "\0\0\0\0\0\0\1\0", 8);
}
END_TEST

START_TEST(test_wrong_length)
{
	uint8_t bytes[KEY_MAX_BYTES + 1] = {0};

	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct slice key = slice_of(bytes, n);
		uint64_t a = 7, b;
		uint32_t m;
		uint16_t round;

		/* of ten bytes, the last two may not be zero: that round has none */
		ck_assert(key_read_task(key, &a, &round) == (n == 8));
		ck_assert(key_read_lease(key, &a, &b) == (n == 16));
		ck_assert(key_read_reply(key, &m, &a) == (n == 12));
		ck_assert(key_read_session(key, &m) == (n == 4));
		for (unsigned t = TABLE_META; t < TABLE_END; t++)
			ck_assert(!key_fits((enum table)t, key) || (n > 0 && n <= KEY_MAX_BYTES));
	}
}
END_TEST

static void check_text(enum table table, struct key key, const char *want)
{
	char text[KEY_TEXT_BYTES];

	ck_assert_str_eq(key_text(table, key_slice(&key), text, sizeof(text)), want);
}

START_TEST(test_text)
{
	struct key odd = key_of_slice(slice_str("xyz"));

	check_text(TABLE_TASK, key_task(task_id(3, 17), 0), "task 3.17");
	check_text(TABLE_TASK, key_task(task_id(3, 17), 2), "task 3.17 round 2");
	check_text(TABLE_LEASE, key_lease(1763832000, 5), "lease 1763832000.5");
	check_text(TABLE_HOLD, key_hold(4, task_id(3, 17)), "hold 4 of 3.17");
	check_text(TABLE_REPLY, key_reply(4, 9), "reply 4.9");
	check_text(TABLE_META, key_meta(META_COUNTERS), "meta counters");
	check_text(TABLE_USER, key_user(0), "user 0");
	check_text(TABLE_WORK, key_work(12), "work 12");
	check_text(TABLE_STAGE, key_stage(4, task_id(4, 9)), "stage 4 of 4.9");
	check_text(TABLE_TASK, odd, "task 0x78797a");
	check_text(TABLE_META, key_of_slice(slice_of("\0\1", 2)), "meta 0x0001");
}
END_TEST

START_TEST(test_tables)
{
	for (unsigned t = TABLE_META; t < TABLE_END; t++)
		ck_assert_int_eq(table_of_name(table_name((enum table)t)), t);
	ck_assert_int_eq(table_of_name("nothing"), 0);
	ck_assert_str_eq(table_name((enum table)0), "?");
	ck_assert_str_eq(table_name(TABLE_END), "?");
}
END_TEST

Suite *keys_suite(void)
{
	Suite *suite = suite_create("keys");
	TCase *tc = tcase_create("keys");

	tcase_add_test(tc, test_round_trip);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_wrong_length);
	tcase_add_test(tc, test_text);
	tcase_add_test(tc, test_tables);
	suite_add_tcase(suite, tc);
	return suite;
}
